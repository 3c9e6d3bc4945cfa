/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A library that has Outlook's names and does the wrong thing, which WRONG names: what mapioffline-conformance must report. */
#include <mapioffline.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((visibility("default"))) HRESULT STDMETHODCALLTYPE HrOpenOfflineObj(ULONG ulReserved, LPCWSTR pwszProfileName,
                                                                                  const GUID *pGUID, const GUID *pInstance,
                                                                                  IMAPIOfflineMgr **ppOffline) {
    const char *wrong = getenv("WRONG");
    (void)ulReserved;
    (void)pwszProfileName;
    (void)pGUID;
    (void)pInstance;
    if (wrong != NULL && strcmp(wrong, "hang") == 0) {
        pause();
    }
    if (wrong != NULL && strcmp(wrong, "crash") == 0) {
        abort();
    }
    *ppOffline = NULL;
    return E_FAIL;
}

__attribute__((visibility("default"))) HRESULT STDMETHODCALLTYPE HrCreateOfflineObj(ULONG ulFlags,
                                                                                    MAPIOFFLINE_CREATEINFO *pCreateInfo,
                                                                                    IMAPIOfflineMgr **ppOffline) {
    (void)ulFlags;
    (void)pCreateInfo;
    *ppOffline = NULL;
    return E_FAIL;
}
