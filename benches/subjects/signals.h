// SPDX-License-Identifier: MIT OR Apache-2.0
// The common part of the adapters to signal libraries. `Signals` connects, disconnects and notifies sinks.
#ifndef SIGNALS_H
#define SIGNALS_H

#include "subject.h"

#include <atomic>
#include <mutex>
#include <vector>

// A registration: the slot that a signal library keeps and calls.
struct Told {
    IMAPIOfflineNotify *sink;
    ULONG client_token;

    void operator()(const MAPIOFFLINE_NOTIFY *notify) const {
        MAPIOFFLINE_NOTIFY own = *notify;
        own.ulClientToken = client_token;
        sink->Notify(&own);
    }
};

// A token is an index into a list of the signal library's connections: the cheapest way to find a connection.
template <class Signals> class Adapter final : public Counted {
  public:
    HRESULT STDMETHODCALLTYPE GetCurrentState(ULONG *out) override {
        *out = state.load();
        return S_OK;
    }

    HRESULT STDMETHODCALLTYPE Advise(ULONG, MAPIOFFLINE_ADVISEINFO *info, ULONG *out) override {
        IMAPIOfflineNotify *sink = sink_of(info);
        if (!sink)
            return E_NOINTERFACE;
        auto connection = signals.connect(Told{sink, info->ulClientToken});
        std::lock_guard<std::mutex> hold(lock);
        if (free.empty()) {
            connections.push_back({connection, sink});
            *out = static_cast<ULONG>(connections.size());
        } else {
            *out = free.back() + 1;
            free.pop_back();
            connections[*out - 1] = {connection, sink};
        }
        return S_OK;
    }

    HRESULT STDMETHODCALLTYPE Unadvise(ULONG, ULONG token) override {
        Connected connected;
        {
            std::lock_guard<std::mutex> hold(lock);
            connected = connections[token - 1];
            free.push_back(token - 1);
        }
        signals.disconnect(connected.connection);
        connected.sink->Release();
        return S_OK;
    }

    HRESULT STDMETHODCALLTYPE SetCurrentState(ULONG, ULONG, ULONG to, void *) override {
        tell(notification(MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START, other_state(to), to));
        state.store(to);
        tell(notification(MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE, other_state(to), to));
        tell(notification(MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE, other_state(to), to));
        return S_OK;
    }

  private:
    void tell(const MAPIOFFLINE_NOTIFY &notify) { signals.tell(&notify); }

    struct Connected {
        typename Signals::Connection connection{};
        IMAPIOfflineNotify *sink = nullptr;
    };

    std::atomic<ULONG> state{MAPIOFFLINE_STATE_ONLINE};
    Signals signals;
    std::mutex lock;
    std::vector<Connected> connections;
    std::vector<ULONG> free;
};

#endif
