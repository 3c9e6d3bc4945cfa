/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The C++ view: abstract structures whose order of methods is the ABI. By hand, as the interfaces never change; the tests
 * call an object whose every slot tells its number through both views. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_CPP_VIEW_H
#define MAPIOFFLINE_CPP_VIEW_H

#if defined(_MSC_VER)
#define MAPIOFFLINE_UUID(uuid) __declspec(uuid(uuid))
#else
#define MAPIOFFLINE_UUID(uuid)
#endif

/* Shows and sets the state of an offline object. */
struct MAPIOFFLINE_UUID("000672B5-0000-0000-C000-000000000046") IMAPIOffline : public IUnknown {
    virtual HRESULT STDMETHODCALLTYPE SetCurrentState(ULONG ulFlags, ULONG ulMask, ULONG ulState, void *pReserved) = 0;
    virtual HRESULT STDMETHODCALLTYPE GetCapabilities(ULONG *pulCapabilities) = 0;
    virtual HRESULT STDMETHODCALLTYPE GetCurrentState(ULONG *pulState) = 0;
    virtual HRESULT STDMETHODCALLTYPE Placeholder1() = 0;
};

/* Registers for notifications, and is an IMAPIOffline. */
struct MAPIOFFLINE_UUID("42175607-FF3E-4790-BC18-66C8643E6424") IMAPIOfflineMgr : public IMAPIOffline {
    virtual HRESULT STDMETHODCALLTYPE Advise(ULONG ulFlags, MAPIOFFLINE_ADVISEINFO *pAdviseInfo,
                                             ULONG *pulAdviseToken) = 0;
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
struct MAPIOFFLINE_UUID("0317BDE5-FC29-44CD-8DCD-36125A3BE9EC") IMAPIOfflineNotify : public IUnknown {
    virtual void STDMETHODCALLTYPE Notify(const MAPIOFFLINE_NOTIFY *pNotifyInfo) = 0;
};

#if defined(__CRT_UUID_DECL) && !defined(_MSC_VER)
__CRT_UUID_DECL(IMAPIOffline, 0x000672B5, 0x0000, 0x0000, 0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x46)
__CRT_UUID_DECL(IMAPIOfflineMgr, 0x42175607, 0xFF3E, 0x4790, 0xBC, 0x18, 0x66, 0xC8, 0x64, 0x3E, 0x64, 0x24)
__CRT_UUID_DECL(IMAPIOfflineNotify, 0x0317BDE5, 0xFC29, 0x44CD, 0x8D, 0xCD, 0x36, 0x12, 0x5A, 0x3B, 0xE9, 0xEC)
#endif

#endif /* MAPIOFFLINE_CPP_VIEW_H */
