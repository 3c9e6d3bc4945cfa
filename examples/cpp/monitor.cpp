// SPDX-License-Identifier: MIT OR Apache-2.0
// Watches a profile's state and sets it: commands on standard input, notifications on standard output.
#include <mapioffline.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <iostream>
#include <string>

namespace {

const char *name_of(ULONG state) {
    return state == MAPIOFFLINE_STATE_ONLINE ? "online" : state == MAPIOFFLINE_STATE_OFFLINE ? "offline" : "?";
}

std::string hex(HRESULT hr) {
    char text[16];
    std::snprintf(text, sizeof(text), "%#x", static_cast<unsigned>(hr));
    return text;
}

// Not an operator==, which would clash with that of the Windows headers.
bool is(REFIID a, REFIID b) {
    return std::memcmp(&a, &b, sizeof(a)) == 0;
}

// The sink, reference-counted as COM objects are. The library keeps one reference from Advise to Unadvise.
class Sink final : public IMAPIOfflineNotify {
public:
    HRESULT STDMETHODCALLTYPE QueryInterface(REFIID riid, void **object) override {
        if (is(riid, IID_IMAPIOfflineNotify) || is(riid, IID_IUnknown)) {
            AddRef();
            *object = static_cast<IMAPIOfflineNotify *>(this);
            return S_OK;
        }
        *object = nullptr;
        return E_NOINTERFACE;
    }

    ULONG STDMETHODCALLTYPE AddRef() override {
        return ++references_;
    }

    ULONG STDMETHODCALLTYPE Release() override {
        const ULONG left = --references_;
        if (left == 0) {
            delete this;
        }
        return left;
    }

    // Called on a thread of the library, or on the one that sets the state with MAPIOFFLINE_FLAG_BLOCK. No exception may
    // leave it.
    void STDMETHODCALLTYPE Notify(const MAPIOFFLINE_NOTIFY *notification) override {
        static const char *const phases[] = {"?", "START", "STATECHANGE", "DONE"};
        const auto now = std::chrono::system_clock::now();
        const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
        const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
        char clock[16];
        std::strftime(clock, sizeof(clock), "%H:%M:%S", std::localtime(&seconds));
        const auto &change = notification->Info.StateChange;
        std::printf("%s.%03d  %-11s  %s -> %s  (client token %u)\n", clock, static_cast<int>(whole % 1000),
                    phases[static_cast<unsigned>(notification->NotifyType) & 3], name_of(change.ulStateOld),
                    name_of(change.ulStateNew), static_cast<unsigned>(notification->ulClientToken));
        std::fflush(stdout);
    }

private:
    ~Sink() = default;

    std::atomic<ULONG> references_{1};
};

void show_status(IMAPIOfflineMgr &manager, const std::string &profile) {
    static const char *const can[] = {"not be set", "be set offline", "be set online", "be set online and offline"};
    ULONG state = 0;
    ULONG capabilities = 0;
    manager.GetCurrentState(&state);
    manager.GetCapabilities(&capabilities);
    std::cout << "profile " << profile << " is " << name_of(state) << "; it can " << can[capabilities & 3] << std::endl;
}

void set_state(IMAPIOfflineMgr &manager, ULONG state) {
    ULONG now = 0;
    manager.GetCurrentState(&now);
    if (now == state) {
        std::cout << "already " << name_of(state) << std::endl;
        return;
    }
    // With BLOCK, every Notify has returned when this returns.
    const HRESULT hr =
        manager.SetCurrentState(MAPIOFFLINE_FLAG_BLOCK, MAPIOFFLINE_STATE_OFFLINE_MASK, state, nullptr);
    if (FAILED(hr)) {
        std::cerr << "cannot be set " << name_of(state) << ": " << hex(hr) << std::endl;
    }
}

} // namespace

int main(int argc, char **argv) {
    const std::string profile = argc > 1 ? argv[1] : "Outlook";

    // A name in the source would be opened by HrOpenOfflineObj(0, L"Outlook", ...).
    IMAPIOfflineMgr *manager = nullptr;
    HRESULT hr = MapiOfflineOpenUtf8(0, profile.c_str(), &GUID_GlobalState, nullptr, &manager);
    if (FAILED(hr)) {
        std::cerr << "cannot open profile \"" << profile << "\": " << hex(hr) << std::endl;
        return 1;
    }

    Sink *sink = new Sink;
    MAPIOFFLINE_ADVISEINFO info = {};
    info.ulSize = sizeof(info);
    info.ulClientToken = 1;
    info.CallbackType = MAPIOFFLINE_CALLBACK_TYPE_NOTIFY;
    info.pCallback = sink;
    info.ulAdviseTypes = MAPIOFFLINE_ADVISE_TYPE_STATECHANGE;
    info.ulStateMask = MAPIOFFLINE_STATE_ALL;
    ULONG token = 0;
    hr = manager->Advise(MAPIOFFLINE_ADVISE_DEFAULT, &info, &token);
    sink->Release(); // if it registered the sink, the library has its own reference now
    if (FAILED(hr)) {
        std::cerr << "cannot register: " << hex(hr) << std::endl;
        manager->Release();
        return 1;
    }

    show_status(*manager, profile);
    std::cout << "commands: online, offline, status, quit" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
        if (!line.empty() && line.back() == '\r') {
            line.pop_back();
        }
        if (line == "online") {
            set_state(*manager, MAPIOFFLINE_STATE_ONLINE);
        } else if (line == "offline") {
            set_state(*manager, MAPIOFFLINE_STATE_OFFLINE);
        } else if (line == "status") {
            show_status(*manager, profile);
        } else if (line == "quit") {
            break;
        } else if (!line.empty()) {
            std::cerr << "unknown command: " << line << " (online, offline, status, quit)" << std::endl;
        }
    }

    manager->Unadvise(MAPIOFFLINE_UNADVISE_DEFAULT, token);
    manager->Release();
    return 0;
}
