/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The common code of the programs with another header: their own sink receives one change. Included after both headers. */
#ifndef NEIGHBOURS_H
#define NEIGHBOURS_H

#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
#define NEIGHBOUR_REF(iid) iid
#else
#define NEIGHBOUR_REF(iid) &iid
#endif

static int neighbour_heard;

#if defined(__cplusplus) && !defined(CINTERFACE)
struct neighbour_sink : IMAPIOfflineNotify {
    HRESULT STDMETHODCALLTYPE QueryInterface(REFIID riid, void **ppv) {
        *ppv = memcmp(&riid, &IID_IMAPIOfflineNotify, sizeof(GUID)) == 0 ? this : NULL;
        return *ppv != NULL ? S_OK : E_NOINTERFACE;
    }
    ULONG STDMETHODCALLTYPE AddRef() {
        return 1;
    }
    ULONG STDMETHODCALLTYPE Release() {
        return 1;
    }
    void STDMETHODCALLTYPE Notify(const MAPIOFFLINE_NOTIFY *notification) {
        neighbour_heard = neighbour_heard * 10 + (int)notification->NotifyType;
    }
};
static neighbour_sink neighbour_instance;
#define NEIGHBOUR_CALLBACK (&neighbour_instance)
#else
static HRESULT STDMETHODCALLTYPE neighbour_query(IMAPIOfflineNotify *This, REFIID riid, void **ppv) {
    *ppv = memcmp(riid, &IID_IMAPIOfflineNotify, sizeof(GUID)) == 0 ? This : NULL;
    return *ppv != NULL ? S_OK : E_NOINTERFACE;
}
static ULONG STDMETHODCALLTYPE neighbour_count(IMAPIOfflineNotify *This) {
    (void)This;
    return 1;
}
static void STDMETHODCALLTYPE neighbour_notify(IMAPIOfflineNotify *This, const MAPIOFFLINE_NOTIFY *notification) {
    (void)This;
    neighbour_heard = neighbour_heard * 10 + (int)notification->NotifyType;
}
static const struct IMAPIOfflineNotifyVtbl neighbour_vtable = {neighbour_query, neighbour_count, neighbour_count,
                                                               neighbour_notify};
static IMAPIOfflineNotify neighbour_instance = {&neighbour_vtable};
#define NEIGHBOUR_CALLBACK ((MAPIOFFLINE_IUNKNOWN *)(void *)&neighbour_instance)
#endif

#define NEIGHBOUR_REQUIRE(condition)                                                                                   \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            printf("%s:%d: %s: does not hold\n", __FILE__, __LINE__, #condition);                                      \
            return 1;                                                                                                  \
        }                                                                                                              \
    } while (0)

/* Returns 0 if all checks passed, and releases `manager`. The caller opens it: each program finds the export differently. */
static int neighbour_hears_one_change(IMAPIOfflineMgr *manager) {
    MAPIOFFLINE_ADVISEINFO info;
    ULONG token = 0;
    ULONG state = 0;
    void *unknown = NULL;
    NEIGHBOUR_REQUIRE(manager != NULL);
    memset(&info, 0, sizeof(info));
    info.ulSize = sizeof(info);
    info.pCallback = NEIGHBOUR_CALLBACK;
    info.ulAdviseTypes = MAPIOFFLINE_ADVISE_TYPE_STATECHANGE;
    info.ulStateMask = MAPIOFFLINE_STATE_ALL;
    NEIGHBOUR_REQUIRE(IMAPIOfflineMgr_Advise(manager, MAPIOFFLINE_ADVISE_DEFAULT, &info, &token) == S_OK);
    NEIGHBOUR_REQUIRE(IMAPIOfflineMgr_SetCurrentState(manager, MAPIOFFLINE_FLAG_BLOCK, MAPIOFFLINE_STATE_OFFLINE_MASK,
                                                      MAPIOFFLINE_STATE_OFFLINE, NULL) == S_OK);
    NEIGHBOUR_REQUIRE(neighbour_heard == 123);
    NEIGHBOUR_REQUIRE(IMAPIOfflineMgr_Unadvise(manager, MAPIOFFLINE_UNADVISE_DEFAULT, token) == S_OK);
    NEIGHBOUR_REQUIRE(IMAPIOfflineMgr_GetCurrentState(manager, &state) == S_OK);
    NEIGHBOUR_REQUIRE(state == MAPIOFFLINE_STATE_OFFLINE);
    NEIGHBOUR_REQUIRE(IMAPIOfflineMgr_QueryInterface(manager, NEIGHBOUR_REF(IID_IUnknown), &unknown) == S_OK);
    NEIGHBOUR_REQUIRE(unknown == (void *)manager);
    NEIGHBOUR_REQUIRE(IMAPIOfflineMgr_Release(manager) == 1);
    NEIGHBOUR_REQUIRE(IMAPIOfflineMgr_Release(manager) == 0);
    return 0;
}

#endif /* NEIGHBOURS_H */
