/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The C++ view: abstract structures whose order of methods is the ABI. Written by hand, as the interfaces never change; the
 * tests call, through both views, an object each slot of which returns its number. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_CPP_VIEW_H
#define MAPIOFFLINE_CPP_VIEW_H

#if defined(_MSC_VER)
#define MAPIOFFLINE_UUID(text) __declspec(uuid(text))
#else
#define MAPIOFFLINE_UUID(text)
#endif

/* No virtual destructors: they would take slots. */
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
#endif

/* Gets and sets the state of an offline object. */
struct MAPIOFFLINE_UUID("000672B5-0000-0000-C000-000000000046") IMAPIOffline : public MAPIOFFLINE_IUNKNOWN {
    /* Requests a state: starts or queues a transition if the object is in the other one.
     *
     * ulFlags: MAPIOFFLINE_FLAG_DEFAULT (returns at once; a thread of the library delivers the notifications) or
     * MAPIOFFLINE_FLAG_BLOCK (delivers them on this thread, then returns). ulMask: MAPIOFFLINE_STATE_OFFLINE_MASK.
     * ulState: MAPIOFFLINE_STATE_ONLINE or _OFFLINE. pReserved: null.
     *
     * Returns, in the order of the checks: MAPI_E_UNKNOWN_FLAGS (ulFlags); E_INVALIDARG (any other argument);
     * E_UNEXPECTED (the object has ended); MAPI_E_NO_SUPPORT (the object lacks the capability); E_PENDING (a transition
     * of the tree is under way); S_OK (the object is in that state); E_FAIL (no thread could be started);
     * E_OUTOFMEMORY; for a global object that programs share, MAPI_E_DISK_ERROR (the change could not be written) and
     * MAPI_E_TIMEOUT (another process holds the lock of the state folder). After each of these errors nothing has
     * changed. Then S_OK; or, with BLOCK, E_FAIL in a child process that a callback forked before the change.
     * (Reference: imapioffline-setcurrentstate; docs/decisions.md, D 27.) */
    virtual HRESULT STDMETHODCALLTYPE SetCurrentState(ULONG ulFlags, ULONG ulMask, ULONG ulState, void *pReserved) = 0;
    /* Gets the states that the object can be changed to: MAPIOFFLINE_CAPABILITY_OFFLINE, _ONLINE, both or neither.
     * Returns E_INVALIDARG (null pointer); S_OK. One atomic load. (Reference: imapioffline-getcapabilities.) */
    virtual HRESULT STDMETHODCALLTYPE GetCapabilities(ULONG *pulCapabilities) = 0;
    /* Gets the state: MAPIOFFLINE_STATE_ONLINE or _OFFLINE. Returns E_INVALIDARG (null pointer); S_OK. One atomic load.
     * (Reference: imapioffline-getcurrentstate.) */
    virtual HRESULT STDMETHODCALLTYPE GetCurrentState(ULONG *pulState) = 0;
    /* Not supported: returns MAPI_E_NO_SUPPORT, as do the other placeholders. */
    virtual HRESULT STDMETHODCALLTYPE Placeholder1() = 0;
};

/* An IMAPIOffline that also registers sinks for notifications. */
struct MAPIOFFLINE_UUID("42175607-FF3E-4790-BC18-66C8643E6424") IMAPIOfflineMgr : public IMAPIOffline {
    /* Registers a sink; see "Registrations" in the manual.
     *
     * ulFlags: MAPIOFFLINE_ADVISE_DEFAULT. pAdviseInfo: see there. pulAdviseToken: receives the token, which is never
     * 0; 0 after a failure.
     *
     * Returns, in the order of the checks: E_INVALIDARG (a null pointer, ulFlags, a member of the structure);
     * E_OUTOFMEMORY (checked before the sink is queried, except as in docs/decisions.md, D 30); E_NOINTERFACE
     * (pCallback does not give an IMAPIOfflineNotify); E_UNEXPECTED (the object ended while the sink was queried; its
     * interface is released); S_OK. (Reference: imapiofflinemgr-advise.) */
    virtual HRESULT STDMETHODCALLTYPE Advise(ULONG ulFlags, MAPIOFFLINE_ADVISEINFO *pAdviseInfo,
                                             ULONG *pulAdviseToken) = 0;
    /* Ends a registration; see "Registrations" in the manual. ulFlags is ignored. Always returns S_OK, also for a token
     * that is unknown, stale or another object's. (Reference: imapiofflinemgr-unadvise.) */
    virtual HRESULT STDMETHODCALLTYPE Unadvise(ULONG ulFlags, ULONG ulAdviseToken) = 0;
    virtual HRESULT STDMETHODCALLTYPE Placeholder2() = 0;
    virtual HRESULT STDMETHODCALLTYPE Placeholder3() = 0;
    virtual HRESULT STDMETHODCALLTYPE Placeholder4() = 0;
    virtual HRESULT STDMETHODCALLTYPE Placeholder5() = 0;
    virtual HRESULT STDMETHODCALLTYPE Placeholder6() = 0;
    virtual HRESULT STDMETHODCALLTYPE Placeholder7() = 0;
    virtual HRESULT STDMETHODCALLTYPE Placeholder8() = 0;
};

/* The sink, which the client implements: receives notifications of changes. */
struct MAPIOFFLINE_UUID("0317BDE5-FC29-44CD-8DCD-36125A3BE9EC") IMAPIOfflineNotify : public MAPIOFFLINE_IUNKNOWN {
    /* Receives the notification of one phase of a transition. Called with no lock of the library held, and for one
     * registration never on two threads at once. It may call any method, also the last Release. No exception may leave
     * it. (Reference: imapiofflinenotify-notify.) */
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
