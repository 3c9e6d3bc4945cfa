/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The MAPI headers of mingw-w64 before our header, or after it (MAPI_LAST). */
#ifdef MAPI_LAST
#include <mapioffline.h>
#endif

#include <windows.h>

#include <mapidefs.h>
#include <mapispi.h>
#include <mapix.h>

#ifndef MAPI_LAST
#include <mapioffline.h>
#endif

#include "neighbours.h"

/* Both headers use the same IUnknown. */
#if defined(__cplusplus) && !defined(CINTERFACE)
static LPUNKNOWN as_theirs(IMAPIOfflineMgr *manager) {
    return manager;
}
#else
static LPUNKNOWN as_theirs(IMAPIOfflineMgr *manager) {
    return (IUnknown *)manager;
}
#endif

int main(void) {
    IMAPIOfflineMgr *manager = NULL;
    MAPIOFFLINE_CREATEINFO create;
    LPMAPISUP support = NULL;
    memset(&create, 0, sizeof(create));
    create.pMAPISupport = (IUnknown *)support;
    NEIGHBOUR_REQUIRE(MAPI_E_NOT_FOUND == (HRESULT)0x8004010F);
    NEIGHBOUR_REQUIRE(FAILED(HrOpenOfflineObj(0, L"", &GUID_GlobalState, NULL, &manager)));
    NEIGHBOUR_REQUIRE(SUCCEEDED(HrOpenOfflineObj(0, L"MAPI", &GUID_GlobalState, NULL, &manager)));
    NEIGHBOUR_REQUIRE(as_theirs(manager) != NULL);
    return neighbour_hears_one_change(manager);
}
