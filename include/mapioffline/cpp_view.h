/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The C++ view: abstract structures whose order of methods is the ABI. By hand, as the interfaces never change; the tests
 * call an object whose every slot tells its number through both views. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_CPP_VIEW_H
#define MAPIOFFLINE_CPP_VIEW_H

#if defined(_MSC_VER)
#define MAPIOFFLINE_UUID(text) __declspec(uuid(text))
#else
#define MAPIOFFLINE_UUID(text)
#endif

/* No virtual destructors: they would be slots. */
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
#endif

/* Shows and sets the state of an offline object. */
struct MAPIOFFLINE_UUID("000672B5-0000-0000-C000-000000000046") IMAPIOffline : public MAPIOFFLINE_IUNKNOWN {
    /* Asks for a state. ulFlags: MAPIOFFLINE_FLAG_DEFAULT (returns at once, another thread tells) or MAPIOFFLINE_FLAG_BLOCK
     * (tells on this thread and returns afterwards). ulMask: MAPIOFFLINE_STATE_OFFLINE_MASK. ulState: MAPIOFFLINE_STATE_ONLINE
     * or _OFFLINE. pReserved: null. Returns, in the order in which it asks: MAPI_E_UNKNOWN_FLAGS; E_INVALIDARG;
     * MAPI_E_NO_SUPPORT (the capability is lacking); E_PENDING (a transition of the tree is under way); S_OK (also when it is
     * in that state); E_OUTOFMEMORY; E_FAIL (no thread could be started; or, with BLOCK, this is a child that was forked from
     * a callback before the change); E_UNEXPECTED (the object is ending). Of a global object, with the shared store, also
     * MAPI_E_DISK_ERROR (the change could not be written) and MAPI_E_TIMEOUT (another process holds the state folder): nothing
     * is changed then. (Reference: imapioffline-setcurrentstate; docs/decisions.md, D 27.) */
    virtual HRESULT STDMETHODCALLTYPE SetCurrentState(ULONG ulFlags, ULONG ulMask, ULONG ulState, void *pReserved) = 0;
    /* Gives the states that the object can be changed to: MAPIOFFLINE_CAPABILITY_OFFLINE and _ONLINE, each or none. Returns S_OK;
     * E_INVALIDARG (null pointer). One atomic load. (Reference: imapioffline-getcapabilities.) */
    virtual HRESULT STDMETHODCALLTYPE GetCapabilities(ULONG *pulCapabilities) = 0;
    /* Gives MAPIOFFLINE_STATE_ONLINE or _OFFLINE. Returns S_OK; E_INVALIDARG (null pointer). One atomic load. (Reference:
     * imapioffline-getcurrentstate.) */
    virtual HRESULT STDMETHODCALLTYPE GetCurrentState(ULONG *pulState) = 0;
    /* Not supported: MAPI_E_NO_SUPPORT. */
    virtual HRESULT STDMETHODCALLTYPE Placeholder1() = 0;
};

/* Registers for notifications, and is an IMAPIOffline. */
struct MAPIOFFLINE_UUID("42175607-FF3E-4790-BC18-66C8643E6424") IMAPIOfflineMgr : public IMAPIOffline {
    /* Registers a sink. ulFlags: MAPIOFFLINE_ADVISE_DEFAULT. pulAdviseToken: receives the token, never 0; 0 after a failure. Returns
     * S_OK; E_INVALIDARG (flags, a null pointer, a structure that is not right); E_NOINTERFACE (pCallback does not give an
     * IMAPIOfflineNotify); E_OUTOFMEMORY (the sink was not asked, but for docs/decisions.md, D 30); E_UNEXPECTED (the object ended while
     * the sink was asked). (Reference: imapiofflinemgr-advise.) */
    virtual HRESULT STDMETHODCALLTYPE Advise(ULONG ulFlags, MAPIOFFLINE_ADVISEINFO *pAdviseInfo,
                                             ULONG *pulAdviseToken) = 0;
    /* Ends a registration; see "Registrations" in the manual. Returns S_OK, always. ulFlags is ignored. (Reference:
     * imapiofflinemgr-unadvise.) */
    virtual HRESULT STDMETHODCALLTYPE Unadvise(ULONG ulFlags, ULONG ulAdviseToken) = 0;
    virtual HRESULT STDMETHODCALLTYPE Placeholder2() = 0;
    virtual HRESULT STDMETHODCALLTYPE Placeholder3() = 0;
    virtual HRESULT STDMETHODCALLTYPE Placeholder4() = 0;
    virtual HRESULT STDMETHODCALLTYPE Placeholder5() = 0;
    virtual HRESULT STDMETHODCALLTYPE Placeholder6() = 0;
    virtual HRESULT STDMETHODCALLTYPE Placeholder7() = 0;
    virtual HRESULT STDMETHODCALLTYPE Placeholder8() = 0;
};

/* Implemented by the client: hears of changes. */
struct MAPIOFFLINE_UUID("0317BDE5-FC29-44CD-8DCD-36125A3BE9EC") IMAPIOfflineNotify : public MAPIOFFLINE_IUNKNOWN {
    /* Hears of one phase of a transition. Called with no lock of the library held; any method may be called from it, the last
     * Release included. No exception may leave it. (Reference: imapiofflinenotify-notify.) */
    virtual void STDMETHODCALLTYPE Notify(const MAPIOFFLINE_NOTIFY *pNotifyInfo) = 0;
};

#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#if defined(__CRT_UUID_DECL) && !defined(_MSC_VER)
__CRT_UUID_DECL(IMAPIOffline, 0x000672B5, 0x0000, 0x0000, 0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x46)
__CRT_UUID_DECL(IMAPIOfflineMgr, 0x42175607, 0xFF3E, 0x4790, 0xBC, 0x18, 0x66, 0xC8, 0x64, 0x3E, 0x64, 0x24)
__CRT_UUID_DECL(IMAPIOfflineNotify, 0x0317BDE5, 0xFC29, 0x44CD, 0x8D, 0xCD, 0x36, 0x12, 0x5A, 0x3B, 0xE9, 0xEC)
#endif

#endif /* MAPIOFFLINE_CPP_VIEW_H */
