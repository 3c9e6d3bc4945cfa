// SPDX-License-Identifier: MIT OR Apache-2.0
// What a developer of a MAPI client writes when the API is missing: one mutex, a std::map, and a copy of the list, with a
// reference to each sink, before the first callback.
#include "subject.h"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace {

class Manager final : public Counted {
  public:
    ~Manager() override {
        if (thread.joinable()) {
            {
                std::lock_guard<std::mutex> hold(queue_lock);
                quit = true;
            }
            wake.notify_one();
            thread.join();
        }
        for (auto &registration : registrations)
            registration.second.sink->Release();
    }

    HRESULT STDMETHODCALLTYPE GetCurrentState(ULONG *out) override {
        if (!out)
            return E_INVALIDARG;
        std::lock_guard<std::mutex> hold(lock);
        *out = state;
        return S_OK;
    }

    HRESULT STDMETHODCALLTYPE Advise(ULONG, MAPIOFFLINE_ADVISEINFO *info, ULONG *out) override {
        if (!info || !out || !info->pCallback)
            return E_INVALIDARG;
        IMAPIOfflineNotify *sink = sink_of(info);
        if (!sink)
            return E_NOINTERFACE;
        std::lock_guard<std::mutex> hold(lock);
        *out = ++last_token;
        registrations.emplace(*out, Registration{sink, info->ulClientToken});
        return S_OK;
    }

    HRESULT STDMETHODCALLTYPE Unadvise(ULONG, ULONG token) override {
        IMAPIOfflineNotify *sink = nullptr;
        {
            std::lock_guard<std::mutex> hold(lock);
            auto found = registrations.find(token);
            if (found != registrations.end()) {
                sink = found->second.sink;
                registrations.erase(found);
            }
        }
        if (sink)
            sink->Release();
        return S_OK;
    }

    HRESULT STDMETHODCALLTYPE SetCurrentState(ULONG flags, ULONG, ULONG to, void *) override {
        if (flags & MAPIOFFLINE_FLAG_BLOCK) {
            deliver(to);
            return S_OK;
        }
        {
            std::lock_guard<std::mutex> hold(queue_lock);
            if (!thread.joinable())
                thread = std::thread([this] { serve(); });
            queue.push_back(to);
        }
        wake.notify_one();
        return S_OK;
    }

  private:
    struct Registration {
        IMAPIOfflineNotify *sink;
        ULONG client_token;
    };

    void deliver(ULONG to) {
        std::vector<Registration> snapshot;
        {
            std::lock_guard<std::mutex> hold(lock);
            snapshot.reserve(registrations.size());
            for (auto &registration : registrations) {
                registration.second.sink->AddRef();
                snapshot.push_back(registration.second);
            }
        }
        tell(snapshot, notification(MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START, other_state(to), to));
        {
            std::lock_guard<std::mutex> hold(lock);
            state = to;
        }
        tell(snapshot, notification(MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE, other_state(to), to));
        tell(snapshot, notification(MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE, other_state(to), to));
        for (auto &registration : snapshot)
            registration.sink->Release();
    }

    static void tell(const std::vector<Registration> &snapshot, MAPIOFFLINE_NOTIFY notify) {
        for (auto &registration : snapshot) {
            notify.ulClientToken = registration.client_token;
            registration.sink->Notify(&notify);
        }
    }

    void serve() {
        std::unique_lock<std::mutex> hold(queue_lock);
        for (;;) {
            wake.wait(hold, [this] { return quit || !queue.empty(); });
            if (quit)
                return;
            ULONG to = queue.front();
            queue.pop_front();
            hold.unlock();
            deliver(to);
            hold.lock();
        }
    }

    std::mutex lock;
    ULONG state = MAPIOFFLINE_STATE_ONLINE;
    ULONG last_token = 0;
    std::map<ULONG, Registration> registrations;
    std::mutex queue_lock;
    std::condition_variable wake;
    std::deque<ULONG> queue;
    bool quit = false;
    std::thread thread;
};

} // namespace

SUBJECT_EXPORT HRESULT open_subject(const wchar_t *, IMAPIOfflineMgr **out) {
    *out = new Manager;
    return S_OK;
}
