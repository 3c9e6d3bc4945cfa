// SPDX-License-Identifier: MIT OR Apache-2.0
// A subject of the benchmark: a shared object that implements IMAPIOfflineMgr with one technique. The client image calls all
// subjects through the C++ view in the same loops.
#ifndef SUBJECT_H
#define SUBJECT_H

#include <mapioffline.h>

#include <atomic>
#include <cstring>

// Every subject exports a function of this type. The new object has one reference, which the caller owns.
typedef HRESULT (*subject_open)(const wchar_t *profile, IMAPIOfflineMgr **out);
#define SUBJECT_EXPORT extern "C" __attribute__((visibility("default")))

inline bool is_same(const GUID &left, const GUID &right) {
    return std::memcmp(&left, &right, sizeof(GUID)) == 0;
}

inline bool is_manager(const GUID &iid) {
    return is_same(iid, IID_IMAPIOfflineMgr) || is_same(iid, IID_IMAPIOffline) || is_same(iid, IID_IUnknown);
}

inline MAPIOFFLINE_NOTIFY notification(ULONG phase, ULONG old_state, ULONG new_state) {
    MAPIOFFLINE_NOTIFY notify = {};
    notify.ulSize = sizeof(notify);
    notify.NotifyType = static_cast<MAPIOFFLINE_NOTIFY_TYPE>(phase);
    notify.Info.StateChange.ulMask = MAPIOFFLINE_STATE_OFFLINE_MASK;
    notify.Info.StateChange.ulStateOld = old_state;
    notify.Info.StateChange.ulStateNew = new_state;
    return notify;
}

inline ULONG other_state(ULONG state) {
    return state ^ MAPIOFFLINE_STATE_OFFLINE_MASK;
}

// The methods that the benchmark does not measure.
struct Unsupported : IMAPIOfflineMgr {
    virtual ~Unsupported() = default;

    HRESULT STDMETHODCALLTYPE Placeholder1() override { return MAPI_E_NO_SUPPORT; }
    HRESULT STDMETHODCALLTYPE Placeholder2() override { return MAPI_E_NO_SUPPORT; }
    HRESULT STDMETHODCALLTYPE Placeholder3() override { return MAPI_E_NO_SUPPORT; }
    HRESULT STDMETHODCALLTYPE Placeholder4() override { return MAPI_E_NO_SUPPORT; }
    HRESULT STDMETHODCALLTYPE Placeholder5() override { return MAPI_E_NO_SUPPORT; }
    HRESULT STDMETHODCALLTYPE Placeholder6() override { return MAPI_E_NO_SUPPORT; }
    HRESULT STDMETHODCALLTYPE Placeholder7() override { return MAPI_E_NO_SUPPORT; }
    HRESULT STDMETHODCALLTYPE Placeholder8() override { return MAPI_E_NO_SUPPORT; }
};

// What a developer writes for every object: reference counting and QueryInterface.
class Counted : public Unsupported {
  public:
    HRESULT STDMETHODCALLTYPE QueryInterface(REFIID iid, void **out) override {
        if (!out)
            return E_INVALIDARG;
        if (!is_manager(iid)) {
            *out = nullptr;
            return E_NOINTERFACE;
        }
        *out = static_cast<IMAPIOfflineMgr *>(this);
        ++references;
        return S_OK;
    }

    ULONG STDMETHODCALLTYPE AddRef() override { return ++references; }

    ULONG STDMETHODCALLTYPE Release() override {
        ULONG left = --references;
        if (left == 0)
            delete this;
        return left;
    }

    HRESULT STDMETHODCALLTYPE GetCapabilities(ULONG *out) override {
        if (!out)
            return E_INVALIDARG;
        *out = MAPIOFFLINE_CAPABILITY_OFFLINE | MAPIOFFLINE_CAPABILITY_ONLINE;
        return S_OK;
    }

  private:
    std::atomic<ULONG> references{1};
};

// The notify interface of the sink, with a reference that the caller owns. Null if the sink does not have it.
inline IMAPIOfflineNotify *sink_of(const MAPIOFFLINE_ADVISEINFO *info) {
    void *sink = nullptr;
    if (FAILED(info->pCallback->QueryInterface(IID_IMAPIOfflineNotify, &sink)))
        return nullptr;
    return static_cast<IMAPIOfflineNotify *>(sink);
}

#endif
