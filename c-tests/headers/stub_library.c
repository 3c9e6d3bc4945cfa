/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A substitute for Microsoft's MAPIStubLibrary as linkers see it: one object file with all exports of MAPI, those of the
 * Offline State API included. Without Outlook each fails. */
#include <mapioffline.h>

#include "stub_library.h"

HRESULT STDMETHODCALLTYPE MAPIInitialize(void *pMapiInit) {
    (void)pMapiInit;
    return STUB_FAILED;
}

HRESULT STDMETHODCALLTYPE HrOpenOfflineObj(ULONG ulReserved, LPCWSTR pwszProfileName, const GUID *pGUID,
                                           const GUID *pInstance, IMAPIOfflineMgr **ppOffline) {
    (void)ulReserved, (void)pwszProfileName, (void)pGUID, (void)pInstance, (void)ppOffline;
    return STUB_FAILED;
}

HRESULT STDMETHODCALLTYPE HrCreateOfflineObj(ULONG ulFlags, MAPIOFFLINE_CREATEINFO *pCreateInfo,
                                             IMAPIOfflineMgr **ppOffline) {
    (void)ulFlags, (void)pCreateInfo, (void)ppOffline;
    return STUB_FAILED;
}
