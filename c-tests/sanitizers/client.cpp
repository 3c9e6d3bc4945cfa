// SPDX-License-Identifier: MIT OR Apache-2.0
// A client to be compiled with a sanitizer. What it writes before SetCurrentState, its sink reads in Notify on a thread of
// the library, without a lock of its own.
#include <mapioffline.h>

#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <thread>

namespace {

class sink : public IMAPIOfflineNotify {
public:
    virtual ~sink() {}

    HRESULT STDMETHODCALLTYPE QueryInterface(REFIID riid, void **ppv) {
        *ppv = std::memcmp(&riid, &IID_IMAPIOfflineNotify, sizeof(GUID)) == 0 ? this : nullptr;
        return *ppv != nullptr ? S_OK : E_NOINTERFACE;
    }
    ULONG STDMETHODCALLTYPE AddRef() {
        return 1;
    }
    ULONG STDMETHODCALLTYPE Release() {
        return 1;
    }
    void STDMETHODCALLTYPE Notify(const MAPIOFFLINE_NOTIFY *notification) {
        sum += handed_over;
        if (notification->NotifyType == MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE) {
            const std::lock_guard<std::mutex> guard(lock);
            ++done;
            changed.notify_all();
        }
    }
    void wait_for(int number) {
        std::unique_lock<std::mutex> guard(lock);
        changed.wait(guard, [this, number] { return done >= number; });
    }

    int handed_over = 0;
    int sum = 0;

private:
    std::mutex lock;
    std::condition_variable changed;
    int done = 0;
};

} // namespace

int main() {
    static sink listener;
    IMAPIOfflineMgr *manager = nullptr;
    IMAPIOffline *offline = nullptr;
    if (FAILED(HrOpenOfflineObj(0, L"Sanitizers", &GUID_GlobalState, nullptr, &manager)) ||
        FAILED(manager->QueryInterface(IID_IMAPIOffline, reinterpret_cast<void **>(&offline)))) {
        return 1;
    }
    MAPIOFFLINE_ADVISEINFO info = {};
    info.ulSize = sizeof(info);
    info.pCallback = &listener;
    info.ulAdviseTypes = MAPIOFFLINE_ADVISE_TYPE_STATECHANGE;
    info.ulStateMask = MAPIOFFLINE_STATE_ALL;
    ULONG token = 0;
    manager->Advise(MAPIOFFLINE_ADVISE_DEFAULT, &info, &token);
    const int changes = 6;
    for (int i = 1; i <= changes; ++i) {
        listener.handed_over = i;
        // DONE has been delivered, but may not have returned.
        while (offline->SetCurrentState(MAPIOFFLINE_FLAG_DEFAULT, MAPIOFFLINE_STATE_OFFLINE_MASK,
                                        i % 2 != 0 ? MAPIOFFLINE_STATE_OFFLINE : MAPIOFFLINE_STATE_ONLINE,
                                        nullptr) == E_PENDING) {
            std::this_thread::yield();
        }
        listener.wait_for(i);
    }
    manager->Unadvise(MAPIOFFLINE_UNADVISE_DEFAULT, token);
    offline->Release();
    std::printf("%d\n", listener.sum);
    return manager->Release() == 0 && listener.sum == 3 * changes * (changes + 1) / 2 ? 0 : 1;
}
