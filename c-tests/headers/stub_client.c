/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A unit like those of Microsoft's stub library: it forward-declares the tags, defines HROPENOFFLINEOBJ itself (with
 * STUB_FUNCTION as a function type, else as a pointer type), and calls the export through it. With STUB_LAST the header
 * comes before all that. */
#ifdef STUB_LAST
#include <mapioffline.h>
#endif

struct IMAPIOfflineMgr;
struct MAPIOFFLINE_CREATEINFO;

#include <stddef.h>

#ifndef STUB_LAST
#include <mapioffline.h>
#endif

#ifdef STUB_FUNCTION
typedef HRESULT(STDMETHODCALLTYPE HROPENOFFLINEOBJ)(ULONG ulReserved, LPCWSTR pwszProfileName, const GUID *pGUID,
                                                    const GUID *pInstance, struct IMAPIOfflineMgr **ppOffline);
static HROPENOFFLINEOBJ *find_open(void) {
    return HrOpenOfflineObj;
}
#else
typedef HRESULT(STDMETHODCALLTYPE *HROPENOFFLINEOBJ)(ULONG ulReserved, LPCWSTR pwszProfileName, const GUID *pGUID,
                                                     const GUID *pInstance, struct IMAPIOfflineMgr **ppOffline);
static HROPENOFFLINEOBJ find_open(void) {
    return HrOpenOfflineObj;
}
#endif
typedef HRESULT(STDMETHODCALLTYPE *create_function)(ULONG ulFlags, struct MAPIOFFLINE_CREATEINFO *pCreateInfo,
                                                    struct IMAPIOfflineMgr **ppOffline);

#include "neighbours.h"

int main(void) {
    struct IMAPIOfflineMgr *manager = NULL;
    create_function create = HrCreateOfflineObj;
    if (create(0, NULL, &manager) != E_INVALIDARG || find_open()(0, L"Stub", &GUID_GlobalState, NULL, &manager) != S_OK) {
        return 1;
    }
    return neighbour_hears_one_change(manager);
}
