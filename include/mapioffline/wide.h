/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Off Windows the exports that take LPCWSTR read 32-bit wchar_t. If WCHAR has 16 bits there (-fshort-wchar,
 * MAPIOFFLINE_WCHAR_BITS), this redirects their callers to the UTF-16 extensions. So it does on request
 * (MAPIOFFLINE_OWN_NAMES), for programs in which another library defines the same names. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_WIDE_H
#define MAPIOFFLINE_WIDE_H

#if defined(MAPIOFFLINE_OWN_NAMES) && MAPIOFFLINE_WCHAR_BITS != 16
#error "MAPIOFFLINE_OWN_NAMES is for a WCHAR of 16 bits: call MapiOfflineOpenUtf8 and its relatives"
#endif

#if MAPIOFFLINE_WCHAR_BITS == 16 && (!defined(_WIN32) || (defined(MAPIOFFLINE_OWN_NAMES) && defined(MAPIOFFLINE_COFF)))

static inline HRESULT STDMETHODCALLTYPE mapioffline_open_wide16(ULONG ulReserved, LPCWSTR pwszProfileName,
                                                                const GUID *pGUID, const GUID *pInstance,
                                                                IMAPIOfflineMgr **ppOffline) {
    return MapiOfflineOpenUtf16(ulReserved, (const MAPIOFFLINE_CHAR16 *)pwszProfileName, pGUID, pInstance, ppOffline);
}

static inline HRESULT STDMETHODCALLTYPE mapioffline_create_wide16(ULONG ulFlags, MAPIOFFLINE_CREATEINFO *pCreateInfo,
                                                                  IMAPIOfflineMgr **ppOffline) {
    const MAPIOFFLINE_CHAR16 *pszProfileName = NULL;
    if (pCreateInfo != NULL && pCreateInfo->ulSize >= sizeof(MAPIOFFLINE_CREATEINFO)) {
        pszProfileName = (const MAPIOFFLINE_CHAR16 *)pCreateInfo->pwszProfileName;
    }
    return MapiOfflineCreateUtf16(ulFlags, pCreateInfo, pszProfileName, ppOffline);
}

static inline HRESULT STDMETHODCALLTYPE mapioffline_global_wide16(LPCWSTR pwszProfileName,
                                                                  IMAPIOfflineMgr **ppOffline) {
    return MapiOfflineGetGlobalUtf16((const MAPIOFFLINE_CHAR16 *)pwszProfileName, ppOffline);
}

#define HrOpenOfflineObj mapioffline_open_wide16
#define HrCreateOfflineObj mapioffline_create_wide16
#define HrGetGlobalOffline mapioffline_global_wide16

#endif

#endif /* MAPIOFFLINE_WIDE_H */
