/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the examples of this folder have in common: a profile, a sink that prints what it is notified of, and pumped delivery.
 * Each example shows the loop alone. */
#ifndef WATCH_H
#define WATCH_H

#include <mapioffline.h>

#include <stdio.h>
#include <string.h>

#ifdef __cplusplus
#define WATCH_IS(riid, iid) (memcmp(&(riid), &(iid), sizeof(iid)) == 0)
#else
#define WATCH_IS(riid, iid) (memcmp(riid, &(iid), sizeof(iid)) == 0)
#endif

static IMAPIOfflineMgr *watched;
static ULONG watch_token;
static int watch_dispatching;
static int watch_finished;

static const char *watch_word(ULONG ulState) {
    return ulState == MAPIOFFLINE_STATE_ONLINE ? "online" : "offline";
}

static void watch_ask_for(ULONG ulState) {
    HRESULT hr = IMAPIOfflineMgr_SetCurrentState(watched, MAPIOFFLINE_FLAG_DEFAULT, MAPIOFFLINE_STATE_OFFLINE_MASK, ulState, NULL);
    if (FAILED(hr)) {
        fprintf(stderr, "cannot be set %s: %#x\n", watch_word(ulState), (unsigned)hr);
    }
}

/* Where a program with a window would change what the window shows: this is the loop's own thread. */
static void watch_notified(const MAPIOFFLINE_NOTIFY *pNotifyInfo) {
    static const char *const phases[] = {"?", "START", "STATECHANGE", "DONE"};
    printf("%s: %s -> %s%s\n", phases[(unsigned)pNotifyInfo->NotifyType & 3],
           watch_word(pNotifyInfo->Info.StateChange.ulStateOld), watch_word(pNotifyInfo->Info.StateChange.ulStateNew),
           watch_dispatching ? "" : ", which nothing dispatched");
    if (pNotifyInfo->NotifyType == MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE) {
        if (pNotifyInfo->Info.StateChange.ulStateNew == MAPIOFFLINE_STATE_OFFLINE) {
            watch_ask_for(MAPIOFFLINE_STATE_ONLINE); /* waits for the next dispatch */
        } else {
            watch_finished = 1;
        }
    }
}

/* Runs what waits. Called by the loop when the handle is ready. */
static void watch_dispatch(void) {
    watch_dispatching = 1;
    MapiOfflineDispatch(0xFFFFFFFF, 0, NULL);
    watch_dispatching = 0;
}

/* The sink. Static and never freed, so it counts no references. */
#ifdef __cplusplus
struct WatchSink : IMAPIOfflineNotify {
    HRESULT STDMETHODCALLTYPE QueryInterface(REFIID riid, void **ppvObject) {
        bool found = WATCH_IS(riid, IID_IMAPIOfflineNotify) || WATCH_IS(riid, IID_IUnknown);
        *ppvObject = found ? this : NULL;
        return found ? S_OK : E_NOINTERFACE;
    }
    ULONG STDMETHODCALLTYPE AddRef() { return 2; }
    ULONG STDMETHODCALLTYPE Release() { return 1; }
    void STDMETHODCALLTYPE Notify(const MAPIOFFLINE_NOTIFY *pNotifyInfo) { watch_notified(pNotifyInfo); }
};
static WatchSink watch_sink;
#else
static HRESULT STDMETHODCALLTYPE WatchSink_QueryInterface(IMAPIOfflineNotify *This, REFIID riid, void **ppvObject) {
    int found = WATCH_IS(riid, IID_IMAPIOfflineNotify) || WATCH_IS(riid, IID_IUnknown);
    *ppvObject = found ? This : NULL;
    return found ? S_OK : E_NOINTERFACE;
}
static ULONG STDMETHODCALLTYPE WatchSink_AddRef(IMAPIOfflineNotify *This) {
    (void)This;
    return 2;
}
static ULONG STDMETHODCALLTYPE WatchSink_Release(IMAPIOfflineNotify *This) {
    (void)This;
    return 1;
}
static void STDMETHODCALLTYPE WatchSink_Notify(IMAPIOfflineNotify *This, const MAPIOFFLINE_NOTIFY *pNotifyInfo) {
    (void)This;
    watch_notified(pNotifyInfo);
}
static const struct IMAPIOfflineNotifyVtbl WatchSinkVtbl = {WatchSink_QueryInterface, WatchSink_AddRef, WatchSink_Release,
                                                            WatchSink_Notify};
static IMAPIOfflineNotify watch_sink = {&WatchSinkVtbl};
#endif

/* Opens the profile, and asks for the state offline. Returns the handle that the loop waits for, or -1. */
static ptrdiff_t watch_begin(const WCHAR *pwszProfile) {
    MAPIOFFLINE_ADVISEINFO info;
    ptrdiff_t handle = -1;
    if (MapiOfflineSetDelivery(MAPIOFFLINE_DELIVERY_PUMPED) != S_OK || MapiOfflineGetDispatchHandle(&handle) != S_OK ||
        FAILED(HrOpenOfflineObj(0, pwszProfile, &GUID_GlobalState, NULL, &watched))) {
        fprintf(stderr, "the profile cannot be opened\n");
        return -1;
    }
    memset(&info, 0, sizeof(info));
    info.ulSize = sizeof(info);
    info.CallbackType = MAPIOFFLINE_CALLBACK_TYPE_NOTIFY;
    info.pCallback = (IUnknown *)(void *)&watch_sink;
    info.ulAdviseTypes = MAPIOFFLINE_ADVISE_TYPE_STATECHANGE;
    info.ulStateMask = MAPIOFFLINE_STATE_ALL;
    if (FAILED(IMAPIOfflineMgr_Advise(watched, MAPIOFFLINE_ADVISE_DEFAULT, &info, &watch_token))) {
        fprintf(stderr, "Advise failed\n");
        return -1;
    }
    watch_ask_for(MAPIOFFLINE_STATE_OFFLINE);
    printf("asked\n");
    return handle;
}

/* Ends the program's part. Returns its exit code. */
static int watch_end(void) {
    IMAPIOfflineMgr_Unadvise(watched, MAPIOFFLINE_UNADVISE_DEFAULT, watch_token);
    IMAPIOfflineMgr_Release(watched);
    return watch_finished ? 0 : 1;
}

#endif
