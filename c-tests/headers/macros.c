/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Every call macro expands to code that compiles. The header comes last. */
#include <stddef.h>
#include <stdlib.h>

#include <mapioffline.h>

#ifdef __cplusplus
#define REF(iid) iid
#else
#define REF(iid) &iid
#endif

int calls_all(IMAPIOffline *offline, IMAPIOfflineMgr *manager, IMAPIOfflineNotify *notify);

int calls_all(IMAPIOffline *offline, IMAPIOfflineMgr *manager, IMAPIOfflineNotify *notify) {
    void *found = NULL;
    ULONG number = 0;
    MAPIOFFLINE_ADVISEINFO advise = {sizeof(advise), 0, MAPIOFFLINE_CALLBACK_TYPE_NOTIFY, NULL, 0, 0};
    MAPIOFFLINE_NOTIFY notification = {sizeof(notification), MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE, 0, {{3, 1, 2}}};
    IMAPIOffline_QueryInterface(offline, REF(IID_IMAPIOfflineMgr), &found);
    IMAPIOffline_AddRef(offline);
    IMAPIOffline_Release(offline);
    IMAPIOffline_SetCurrentState(offline, 0, 3, 1, NULL);
    IMAPIOffline_GetCapabilities(offline, &number);
    IMAPIOffline_GetCurrentState(offline, &number);
    IMAPIOfflineMgr_QueryInterface(manager, REF(IID_IMAPIOffline), &found);
    IMAPIOfflineMgr_AddRef(manager);
    IMAPIOfflineMgr_Release(manager);
    IMAPIOfflineMgr_SetCurrentState(manager, 0, 3, 1, NULL);
    IMAPIOfflineMgr_GetCapabilities(manager, &number);
    IMAPIOfflineMgr_GetCurrentState(manager, &number);
    IMAPIOfflineMgr_Advise(manager, 0, &advise, &number);
    IMAPIOfflineMgr_Unadvise(manager, 0, number);
    IMAPIOfflineNotify_QueryInterface(notify, REF(IID_IMAPIOfflineNotify), &found);
    IMAPIOfflineNotify_AddRef(notify);
    IMAPIOfflineNotify_Release(notify);
    IMAPIOfflineNotify_Notify(notify, &notification);
    return 0;
}
