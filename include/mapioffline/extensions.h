/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What this library has beyond Outlook's exports.
 * Written by `cargo xtask header` from src/api/extensions.rs: change that. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_EXTENSIONS_H
#define MAPIOFFLINE_EXTENSIONS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Takes log lines of the library. Called with no lock of the library held, on whichever thread the line arises, by
 * several at once; what it calls in the library makes no lines of its own. pszMessage is UTF-8 and valid for the call. */
typedef void (STDMETHODCALLTYPE *MAPIOFFLINE_LOG_CALLBACK)(void *pContext, ULONG ulLevel, const MAPIOFFLINE_CHAR8 *pszMessage);

/* HrOpenOfflineObj with the name in UTF-16, whatever wchar_t is. */
HRESULT STDMETHODCALLTYPE MapiOfflineOpenUtf16(ULONG ulReserved,
                                               const MAPIOFFLINE_CHAR16 *pszProfileName,
                                               const GUID *pGUID,
                                               const GUID *pInstance,
                                               IMAPIOfflineMgr **ppOffline);

/* HrOpenOfflineObj with the name in UTF-8. */
HRESULT STDMETHODCALLTYPE MapiOfflineOpenUtf8(ULONG ulReserved,
                                              const MAPIOFFLINE_CHAR8 *pszProfileName,
                                              const GUID *pGUID,
                                              const GUID *pInstance,
                                              IMAPIOfflineMgr **ppOffline);

/* HrCreateOfflineObj with the name in UTF-16, whatever wchar_t is. pCreateInfo's own pwszProfileName is not read. */
HRESULT STDMETHODCALLTYPE MapiOfflineCreateUtf16(ULONG ulFlags,
                                                 MAPIOFFLINE_CREATEINFO *pCreateInfo,
                                                 const MAPIOFFLINE_CHAR16 *pszProfileName,
                                                 IMAPIOfflineMgr **ppOffline);

/* HrCreateOfflineObj with the name in UTF-8. pCreateInfo's own pwszProfileName is not read. */
HRESULT STDMETHODCALLTYPE MapiOfflineCreateUtf8(ULONG ulFlags,
                                                MAPIOFFLINE_CREATEINFO *pCreateInfo,
                                                const MAPIOFFLINE_CHAR8 *pszProfileName,
                                                IMAPIOfflineMgr **ppOffline);

/* HrGetGlobalOffline with the name in UTF-16, whatever wchar_t is. */
HRESULT STDMETHODCALLTYPE MapiOfflineGetGlobalUtf16(const MAPIOFFLINE_CHAR16 *pszProfileName, IMAPIOfflineMgr **ppOffline);

/* HrGetGlobalOffline with the name in UTF-8. */
HRESULT STDMETHODCALLTYPE MapiOfflineGetGlobalUtf8(const MAPIOFFLINE_CHAR8 *pszProfileName, IMAPIOfflineMgr **ppOffline);

/* The version of the library that runs, as MAPIOFFLINE_VERSION_NUMBER is that of the header: major << 24 | minor << 16
 * | patch. Never fails. Any thread. */
ULONG STDMETHODCALLTYPE MapiOfflineVersion(void);

/* The version of the library that runs, as "major.minor.patch": ASCII, never freed. Never fails. Any thread. */
const char *STDMETHODCALLTYPE MapiOfflineVersionString(void);

/* Turns strict hosting on or off for the whole process. While it is on, HrOpenOfflineObj finds a profile's global
 * object only after HrCreateOfflineObj or HrGetGlobalOffline made it; off, which is the default, every valid profile
 * name has one. Overrides MAPIOFFLINE_STRICT=1 in the environment. Any thread. */
void STDMETHODCALLTYPE MapiOfflineSetStrictHosting(BOOL fStrict);

/* How many objects of the library are in memory in this process, those that only a running transition still holds
 * included. For tests that look for leaks. Never fails. Any thread. */
ULONG STDMETHODCALLTYPE MapiOfflineLiveObjects(void);

/* Sends log lines to the host instead of to stderr, or, with a null callback, no longer. A call that is under way on
 * another thread may still come through after this returned.
 *
 * ulLevel: the most talkative level wanted: MAPIOFFLINE_LOG_ERROR to MAPIOFFLINE_LOG_TRACE (one line an entry).
 * pfnCallback: see there. pContext: passed on as it is.
 *
 * Returns S_OK; E_INVALIDARG (a callback with a level outside 1 to 5); E_FAIL (this is a Rust program with a logger of its
 * own, which gets the lines). Any thread. */
HRESULT STDMETHODCALLTYPE MapiOfflineSetLogCallback(ULONG ulLevel,
                                                    MAPIOFFLINE_LOG_CALLBACK pfnCallback,
                                                    void *pContext);

#ifdef __cplusplus
}
#endif

#endif /* MAPIOFFLINE_EXTENSIONS_H */
