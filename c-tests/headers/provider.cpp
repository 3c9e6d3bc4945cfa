// SPDX-License-Identifier: MIT OR Apache-2.0
// A provider's class that derives from our IMAPIOfflineMgr. With PARAMETER it declares slot 6 as Zarafa's class does. Then
// it must not compile, as it would leave the slot empty.
#include <mapioffline.h>

class provider : public IMAPIOfflineMgr {
public:
    virtual ~provider() {}

    HRESULT STDMETHODCALLTYPE QueryInterface(REFIID, void **ppv) {
        *ppv = this;
        return S_OK;
    }
    ULONG STDMETHODCALLTYPE AddRef() {
        return 1;
    }
    ULONG STDMETHODCALLTYPE Release() {
        return 1;
    }
    HRESULT STDMETHODCALLTYPE SetCurrentState(ULONG, ULONG, ULONG, void *) {
        return E_PENDING;
    }
    HRESULT STDMETHODCALLTYPE GetCapabilities(ULONG *pulCapabilities) {
        *pulCapabilities = MAPIOFFLINE_CAPABILITY_OFFLINE;
        return S_OK;
    }
    HRESULT STDMETHODCALLTYPE GetCurrentState(ULONG *pulState) {
        *pulState = MAPIOFFLINE_STATE_ONLINE;
        return S_OK;
    }
#ifdef PARAMETER
    HRESULT STDMETHODCALLTYPE Placeholder1(void *) {
#else
    HRESULT STDMETHODCALLTYPE Placeholder1() {
#endif
        return MAPI_E_NO_SUPPORT;
    }
    HRESULT STDMETHODCALLTYPE Advise(ULONG, MAPIOFFLINE_ADVISEINFO *, ULONG *) {
        return E_NOINTERFACE;
    }
    HRESULT STDMETHODCALLTYPE Unadvise(ULONG, ULONG) {
        return S_OK;
    }
    HRESULT STDMETHODCALLTYPE Placeholder2() {
        return MAPI_E_NO_SUPPORT;
    }
    HRESULT STDMETHODCALLTYPE Placeholder3() {
        return MAPI_E_NO_SUPPORT;
    }
    HRESULT STDMETHODCALLTYPE Placeholder4() {
        return MAPI_E_NO_SUPPORT;
    }
    HRESULT STDMETHODCALLTYPE Placeholder5() {
        return MAPI_E_NO_SUPPORT;
    }
    HRESULT STDMETHODCALLTYPE Placeholder6() {
        return MAPI_E_NO_SUPPORT;
    }
    HRESULT STDMETHODCALLTYPE Placeholder7() {
        return MAPI_E_NO_SUPPORT;
    }
    HRESULT STDMETHODCALLTYPE Placeholder8() {
        return MAPI_E_NO_SUPPORT;
    }
};

int main() {
    provider object;
    IMAPIOfflineMgr *manager = &object;
    ULONG state = 0;
    return manager->GetCurrentState(&state) == S_OK && state == MAPIOFFLINE_STATE_ONLINE &&
                   manager->Placeholder1() == MAPI_E_NO_SUPPORT
               ? 0
               : 1;
}
