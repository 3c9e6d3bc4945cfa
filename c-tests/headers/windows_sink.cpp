// SPDX-License-Identifier: MIT OR Apache-2.0
// A sink as clients write it on Windows, with <mapioffline/windows_compat.h> elsewhere: its macros, its types, no other
// change. With COMPAT_FIRST that header precedes ours.
#define INITGUID

#ifdef COMPAT_FIRST
#include <mapioffline/windows_compat.h>
#endif

#include <mapioffline.h>

#ifndef COMPAT_FIRST
#include <mapioffline/windows_compat.h>
#endif

#include <stdio.h>

// {7B3D6A52-2C10-4F0E-9C39-5A1E60B1D7F4}
DEFINE_GUID(CLSID_Monitor, 0x7B3D6A52, 0x2C10, 0x4F0E, 0x9C, 0x39, 0x5A, 0x1E, 0x60, 0xB1, 0xD7, 0xF4);
DEFINE_OLEGUID(IID_IStatusBar, 0x00067FFF, 0, 0);

// An interface of the client's own, declared with the SDK's macros.
#undef INTERFACE
#define INTERFACE IStatusBar
DECLARE_INTERFACE_(IStatusBar, IUnknown) {
    STDMETHOD(QueryInterface)(THIS_ REFIID riid, LPVOID FAR * ppvObj) PURE;
    STDMETHOD_(ULONG, AddRef)(THIS) PURE;
    STDMETHOD_(ULONG, Release)(THIS) PURE;
    STDMETHOD(Show)(THIS_ IN LPCWSTR pwszText, OUT DWORD * pdwShown) PURE;
};

static LONG g_lLiving;

class CStatusSink : public IMAPIOfflineNotify {
public:
    CStatusSink() : m_cRef(1), m_ulHeard(0) {
        InterlockedIncrement(&g_lLiving);
    }

    // IUnknown
    STDMETHODIMP QueryInterface(REFIID riid, LPVOID *ppvObj) {
        if (ppvObj == NULL) {
            return E_POINTER;
        }
        *ppvObj = NULL;
        if (riid == IID_IUnknown || IsEqualIID(riid, IID_IMAPIOfflineNotify)) {
            *ppvObj = static_cast<IMAPIOfflineNotify *>(this);
            AddRef();
            return S_OK;
        }
        return E_NOINTERFACE;
    }
    STDMETHODIMP_(ULONG) AddRef() {
        return static_cast<ULONG>(InterlockedIncrement(&m_cRef));
    }
    STDMETHODIMP_(ULONG) Release() {
        const LONG cRef = InterlockedDecrement(&m_cRef);
        if (cRef == 0) {
            delete this;
        }
        return static_cast<ULONG>(cRef);
    }

    // IMAPIOfflineNotify
    STDMETHODIMP_(VOID) Notify(const MAPIOFFLINE_NOTIFY *pNotifyInfo) {
        m_ulHeard = m_ulHeard * 10 + static_cast<ULONG>(pNotifyInfo->NotifyType);
    }

    ULONG Heard() const {
        return m_ulHeard;
    }

protected:
    // Behind the interface's methods, so that its slots stay where they are.
    virtual ~CStatusSink() {
        InterlockedDecrement(&g_lLiving);
    }

private:
    LONG m_cRef;
    ULONG m_ulHeard;
};

// A method that is defined outside its class.
class CStatusBar : public IStatusBar {
public:
    CStatusBar() {}
    virtual ~CStatusBar() {}
    STDMETHOD(QueryInterface)(THIS_ REFIID riid, LPVOID FAR *ppvObj);
    STDMETHOD_(ULONG, AddRef)(THIS) {
        return 1;
    }
    STDMETHOD_(ULONG, Release)(THIS) {
        return 1;
    }
    STDMETHOD(Show)(THIS_ IN LPCWSTR pwszText, OUT DWORD *pdwShown);
};

STDMETHODIMP CStatusBar::QueryInterface(REFIID riid, LPVOID FAR *ppvObj) {
    const BOOL fKnown = riid == IID_IStatusBar || riid == IID_IUnknown ? TRUE : FALSE;
    *ppvObj = fKnown ? static_cast<LPVOID>(this) : NULL;
    return fKnown ? S_OK : E_NOINTERFACE;
}

STDMETHODIMP CStatusBar::Show(LPCWSTR pwszText, DWORD *pdwShown) {
    if (pwszText == NULL || pdwShown == NULL) {
        return E_POINTER;
    }
    *pdwShown = 0;
    while (pwszText[*pdwShown] != 0) {
        ++*pdwShown;
    }
    return *pdwShown != 0 ? NOERROR : S_FALSE;
}

static LPCTSTR g_szStep = TEXT("open");

static int Failed(HRESULT hr) {
    printf("%s: 0x%08X\n", g_szStep, static_cast<UINT>(hr));
    return 1;
}

int main() {
    IMAPIOfflineMgr *pMgr = NULL;
    HRESULT hr = HrOpenOfflineObj(0, L"Windows sink", &GUID_GlobalState, NULL, &pMgr);
    if (FAILED(hr) || pMgr == NULL) {
        return Failed(hr);
    }

    IMAPIOffline *pOffline = NULL;
    g_szStep = TEXT("query");
    hr = pMgr->QueryInterface(IID_IMAPIOffline, reinterpret_cast<LPVOID *>(&pOffline));
    if (FAILED(hr)) {
        return Failed(hr);
    }

    CStatusSink *pSink = new CStatusSink();
    MAPIOFFLINE_ADVISEINFO AdviseInfo = {sizeof(MAPIOFFLINE_ADVISEINFO), 0, MAPIOFFLINE_CALLBACK_TYPE_NOTIFY, NULL, 0, 0};
    ULONG ulToken = 0;
    AdviseInfo.pCallback = pSink;
    AdviseInfo.ulAdviseTypes = MAPIOFFLINE_ADVISE_TYPE_STATECHANGE;
    AdviseInfo.ulStateMask = MAPIOFFLINE_STATE_ALL;
    g_szStep = TEXT("advise");
    hr = pMgr->Advise(MAPIOFFLINE_ADVISE_DEFAULT, &AdviseInfo, &ulToken);
    if (FAILED(hr)) {
        return Failed(hr);
    }

    g_szStep = TEXT("set");
    hr = pOffline->SetCurrentState(MAPIOFFLINE_FLAG_BLOCK, MAPIOFFLINE_STATE_OFFLINE_MASK, MAPIOFFLINE_STATE_OFFLINE, NULL);
    const ULONG ulHeard = pSink->Heard();
    if (FAILED(hr) || ulHeard != 123) {
        return Failed(hr);
    }

    // The library holds one reference until the registration ends; the sink's own end comes with the last.
    pSink->Release();
    g_szStep = TEXT("unadvise");
    if (g_lLiving != 1 || FAILED(pMgr->Unadvise(MAPIOFFLINE_UNADVISE_DEFAULT, ulToken)) || g_lLiving != 0) {
        return Failed(E_UNEXPECTED);
    }
    pOffline->Release();
    if (pMgr->Release() != 0) {
        return Failed(E_UNEXPECTED);
    }

    CStatusBar bar;
    LPVOID pvBar = NULL;
    DWORD dwShown = 0;
    g_szStep = TEXT("own interface");
    if (bar.QueryInterface(IID_IStatusBar, &pvBar) != S_OK || bar.QueryInterface(CLSID_Monitor, &pvBar) == S_OK ||
        bar.Show(L"offline", &dwShown) != S_OK || dwShown != 7 || IsEqualCLSID(CLSID_Monitor, IID_IStatusBar) ||
        CLSID_Monitor != CLSID_Monitor) {
        return Failed(E_UNEXPECTED);
    }
    return 0;
}
