/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* HROPENOFFLINEOBJ as a function type and as a pointer type: defined by the header on request, or by the client itself. */
#include <mapioffline.h>

#ifdef OWN_TYPE
typedef HRESULT(STDMETHODCALLTYPE HROPENOFFLINEOBJ)(ULONG, LPCWSTR, const GUID *, const GUID *, IMAPIOfflineMgr **);
#define POINTER HROPENOFFLINEOBJ *
#elif defined(MAPIOFFLINE_HROPENOFFLINEOBJ_FUNCTION)
#define POINTER HROPENOFFLINEOBJ *
#else
#define POINTER HROPENOFFLINEOBJ
#endif

HRESULT opens(IMAPIOfflineMgr **ppOffline);

HRESULT opens(IMAPIOfflineMgr **ppOffline) {
    POINTER open = HrOpenOfflineObj;
    return open(0, L"Outlook", &GUID_GlobalState, NULL, ppOffline);
}
