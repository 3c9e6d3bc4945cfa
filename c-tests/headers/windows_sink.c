/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A sink as clients write it in C on Windows, with <mapioffline/windows_compat.h> elsewhere. With COMPAT_FIRST that header
 * precedes ours. */
#define INITGUID

#ifdef COMPAT_FIRST
#include <mapioffline/windows_compat.h>
#endif

#include <mapioffline.h>

#ifndef COMPAT_FIRST
#include <mapioffline/windows_compat.h>
#endif

#include <stdio.h>

DEFINE_OLEGUID(IID_IStatusBar, 0x00067FFF, 0, 0);

/* An interface of the client's own, declared with the SDK's macros. */
#undef INTERFACE
#define INTERFACE IStatusBar
DECLARE_INTERFACE(IStatusBar) {
    STDMETHOD(QueryInterface)(THIS_ REFIID riid, LPVOID FAR * ppvObj) PURE;
    STDMETHOD_(ULONG, AddRef)(THIS) PURE;
    STDMETHOD_(ULONG, Release)(THIS) PURE;
    STDMETHOD(Show)(THIS_ IN LPCWSTR pwszText, OUT DWORD * pdwShown) PURE;
};

typedef struct CStatusSink {
    IMAPIOfflineNotify notify; /* first: a pointer to it is one to the sink */
    LONG cRef;
    ULONG ulHeard;
} CStatusSink;

static STDMETHODIMP Sink_QueryInterface(IMAPIOfflineNotify *This, REFIID riid, LPVOID *ppvObj) {
    if (ppvObj == NULL) {
        return E_POINTER;
    }
    if (!IsEqualIID(riid, &IID_IUnknown) && !IsEqualGUID(riid, &IID_IMAPIOfflineNotify)) {
        *ppvObj = NULL;
        return E_NOINTERFACE;
    }
    *ppvObj = This;
    This->lpVtbl->AddRef(This);
    return S_OK;
}

static STDMETHODIMP_(ULONG) Sink_AddRef(IMAPIOfflineNotify *This) {
    return (ULONG)InterlockedIncrement(&((CStatusSink *)This)->cRef);
}

static STDMETHODIMP_(ULONG) Sink_Release(IMAPIOfflineNotify *This) {
    return (ULONG)InterlockedDecrement(&((CStatusSink *)This)->cRef);
}

static STDMETHODIMP_(VOID) Sink_Notify(IMAPIOfflineNotify *This, const MAPIOFFLINE_NOTIFY *pNotifyInfo) {
    CStatusSink *pSink = (CStatusSink *)This;
    pSink->ulHeard = pSink->ulHeard * 10 + (ULONG)pNotifyInfo->NotifyType;
}

static CONST struct IMAPIOfflineNotifyVtbl g_SinkVtbl = {Sink_QueryInterface, Sink_AddRef, Sink_Release, Sink_Notify};

static STDMETHODIMP Bar_QueryInterface(IStatusBar *This, REFIID riid, LPVOID *ppvObj) {
    *ppvObj = IsEqualIID(riid, &IID_IStatusBar) ? This : NULL;
    return *ppvObj != NULL ? S_OK : E_NOINTERFACE;
}

static STDMETHODIMP_(ULONG) Bar_Count(IStatusBar *This) {
    UNREFERENCED_PARAMETER(This);
    return 1;
}

static STDMETHODIMP Bar_Show(IStatusBar *This, LPCWSTR pwszText, DWORD *pdwShown) {
    UNREFERENCED_PARAMETER(This);
    *pdwShown = 0;
    while (pwszText[*pdwShown] != 0) {
        ++*pdwShown;
    }
    return NOERROR;
}

int main(void) {
    static CONST struct IStatusBarVtbl BarVtbl = {Bar_QueryInterface, Bar_Count, Bar_Count, Bar_Show};
    IStatusBar bar;
    CStatusSink sink = {{&g_SinkVtbl}, 1, 0};
    MAPIOFFLINE_ADVISEINFO AdviseInfo = {sizeof(MAPIOFFLINE_ADVISEINFO), 0, MAPIOFFLINE_CALLBACK_TYPE_NOTIFY, NULL, 0, 0};
    IMAPIOfflineMgr *pMgr = NULL;
    ULONG ulToken = 0;
    LPVOID pvBar = NULL;
    DWORD dwShown = 0;
    HRESULT hr = HrOpenOfflineObj(0, L"Windows sink in C", &GUID_GlobalState, NULL, &pMgr);
    if (FAILED(hr)) {
        printf("open: 0x%08X\n", (UINT)hr);
        return 1;
    }
    AdviseInfo.pCallback = (LPUNKNOWN)(LPVOID)&sink;
    AdviseInfo.ulAdviseTypes = MAPIOFFLINE_ADVISE_TYPE_STATECHANGE;
    AdviseInfo.ulStateMask = MAPIOFFLINE_STATE_ALL;
    if (FAILED(IMAPIOfflineMgr_Advise(pMgr, MAPIOFFLINE_ADVISE_DEFAULT, &AdviseInfo, &ulToken)) || sink.cRef != 2) {
        return 2;
    }
    hr = IMAPIOfflineMgr_SetCurrentState(pMgr, MAPIOFFLINE_FLAG_BLOCK, MAPIOFFLINE_STATE_OFFLINE_MASK,
                                         MAPIOFFLINE_STATE_OFFLINE, NULL);
    if (FAILED(hr) || sink.ulHeard != 123) {
        printf("set: 0x%08X, %u\n", (UINT)hr, (UINT)sink.ulHeard);
        return 3;
    }
    IMAPIOfflineMgr_Unadvise(pMgr, MAPIOFFLINE_UNADVISE_DEFAULT, ulToken);
    if (sink.cRef != 1 || IMAPIOfflineMgr_Release(pMgr) != 0) {
        return 4;
    }
    bar.lpVtbl = (LPVOID)&BarVtbl;
    if (bar.lpVtbl->QueryInterface(&bar, &IID_IStatusBar, &pvBar) != S_OK ||
        bar.lpVtbl->Show(&bar, L"offline", &dwShown) != S_OK || dwShown != 7) {
        return 5;
    }
    return 0;
}
