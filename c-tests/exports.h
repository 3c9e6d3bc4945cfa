/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every export: X(name, decorated name, result, (parameters)). Written by `cargo xtask generate` from src/api. */
#ifndef TEST_EXPORTS_H
#define TEST_EXPORTS_H

#define EACH_EXPORT(X) \
    X(HrOpenOfflineObj, "HrOpenOfflineObj@20", HRESULT, (ULONG ulReserved, LPCWSTR pwszProfileName, const GUID *pGUID, const GUID *pInstance, IMAPIOfflineMgr **ppOffline)) \
    X(HrCreateOfflineObj, "HrCreateOfflineObj@12", HRESULT, (ULONG ulFlags, MAPIOFFLINE_CREATEINFO *pCreateInfo, IMAPIOfflineMgr **ppOffline)) \
    X(HrGetGlobalOffline, "HrGetGlobalOffline@8", HRESULT, (LPCWSTR pwszProfileName, IMAPIOfflineMgr **ppOffline)) \
    X(MapiOfflineOpenUtf16, "MapiOfflineOpenUtf16@20", HRESULT, (ULONG ulReserved, const MAPIOFFLINE_CHAR16 *pszProfileName, const GUID *pGUID, const GUID *pInstance, IMAPIOfflineMgr **ppOffline)) \
    X(MapiOfflineOpenUtf8, "MapiOfflineOpenUtf8@20", HRESULT, (ULONG ulReserved, const MAPIOFFLINE_CHAR8 *pszProfileName, const GUID *pGUID, const GUID *pInstance, IMAPIOfflineMgr **ppOffline)) \
    X(MapiOfflineCreateUtf16, "MapiOfflineCreateUtf16@16", HRESULT, (ULONG ulFlags, MAPIOFFLINE_CREATEINFO *pCreateInfo, const MAPIOFFLINE_CHAR16 *pszProfileName, IMAPIOfflineMgr **ppOffline)) \
    X(MapiOfflineCreateUtf8, "MapiOfflineCreateUtf8@16", HRESULT, (ULONG ulFlags, MAPIOFFLINE_CREATEINFO *pCreateInfo, const MAPIOFFLINE_CHAR8 *pszProfileName, IMAPIOfflineMgr **ppOffline)) \
    X(MapiOfflineGetGlobalUtf16, "MapiOfflineGetGlobalUtf16@8", HRESULT, (const MAPIOFFLINE_CHAR16 *pszProfileName, IMAPIOfflineMgr **ppOffline)) \
    X(MapiOfflineGetGlobalUtf8, "MapiOfflineGetGlobalUtf8@8", HRESULT, (const MAPIOFFLINE_CHAR8 *pszProfileName, IMAPIOfflineMgr **ppOffline)) \
    X(MapiOfflineVersion, "MapiOfflineVersion@0", ULONG, (void)) \
    X(MapiOfflineVersionString, "MapiOfflineVersionString@0", const char *, (void)) \
    X(MapiOfflineSetStrictHosting, "MapiOfflineSetStrictHosting@4", void, (MAPIOFFLINE_BOOL fStrict)) \
    X(MapiOfflineLiveObjects, "MapiOfflineLiveObjects@0", ULONG, (void)) \
    X(MapiOfflineGetStoreStatus, "MapiOfflineGetStoreStatus@28", HRESULT, (ULONG *pulStore, ULONG *pulWatch, ULONG *pulBarrier, MAPIOFFLINE_CHAR8 *pszFolder, ULONG cbFolder, MAPIOFFLINE_CHAR8 *pszLastError, ULONG cbLastError)) \
    X(MapiOfflineWaitUtf8, "MapiOfflineWaitUtf8@12", HRESULT, (const MAPIOFFLINE_CHAR8 *pszProfileName, ULONG ulState, ULONG ulMilliseconds)) \
    X(MapiOfflineWaitUtf16, "MapiOfflineWaitUtf16@12", HRESULT, (const MAPIOFFLINE_CHAR16 *pszProfileName, ULONG ulState, ULONG ulMilliseconds)) \
    X(MapiOfflineSettleUtf8, "MapiOfflineSettleUtf8@12", HRESULT, (const MAPIOFFLINE_CHAR8 *pszProfileName, ULONG ulMilliseconds, ULONG *pulPrograms)) \
    X(MapiOfflineSettleUtf16, "MapiOfflineSettleUtf16@12", HRESULT, (const MAPIOFFLINE_CHAR16 *pszProfileName, ULONG ulMilliseconds, ULONG *pulPrograms)) \
    X(MapiOfflineSetDelivery, "MapiOfflineSetDelivery@4", HRESULT, (ULONG ulDelivery)) \
    X(MapiOfflineDispatch, "MapiOfflineDispatch@12", HRESULT, (ULONG ulMost, ULONG ulMilliseconds, ULONG *pulDispatched)) \
    X(MapiOfflineGetDispatchHandle, "MapiOfflineGetDispatchHandle@4", HRESULT, (ptrdiff_t *pHandle)) \
    X(MapiOfflineSetLogCallback, "MapiOfflineSetLogCallback@12", HRESULT, (ULONG ulLevel, MAPIOFFLINE_LOG_CALLBACK pfnCallback, void *pContext)) \
    X(MapiOfflineAddFault, "MapiOfflineAddFault@8", HRESULT, (const MAPIOFFLINE_CHAR8 *pszFault, ULONG *pulFault)) \
    X(MapiOfflineRemoveFault, "MapiOfflineRemoveFault@4", HRESULT, (ULONG ulFault)) \
    X(MapiOfflineGetFaultCounts, "MapiOfflineGetFaultCounts@12", HRESULT, (ULONG ulFault, ULONG *pulCalls, ULONG *pulTimes)) \
    X(MapiOfflineSetVirtualClock, "MapiOfflineSetVirtualClock@4", HRESULT, (MAPIOFFLINE_BOOL fVirtual)) \
    X(MapiOfflineAdvanceClock, "MapiOfflineAdvanceClock@4", HRESULT, (ULONG ulMilliseconds))

#endif /* TEST_EXPORTS_H */
