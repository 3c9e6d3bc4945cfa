/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A small add-in in the manner of the reference's sample, in a program of its own: it watches its profile, and keeps it online.
 * It has three mistakes, which docs/testing-clients.md finds. MISTAKES=0 at compilation leaves them out. */
#include <mapioffline.h>

#include <stdio.h>
#include <string.h>

#ifndef MISTAKES
#define MISTAKES 1
#endif

static IMAPIOfflineMgr *manager;

static IMAPIOfflineMgr *open_profile(void) {
    IMAPIOfflineMgr *pMgr = NULL;
    HRESULT hr = HrOpenOfflineObj(0, L"Outlook", &GUID_GlobalState, NULL, &pMgr);
    return SUCCEEDED(hr) ? pMgr : NULL;
}

/* Called before each of the add-in's own connections. */
static int is_online(void) {
    ULONG ulState = 0;
    IMAPIOfflineMgr *pMgr = open_profile();
    if (pMgr == NULL) {
        return 0;
    }
    IMAPIOfflineMgr_GetCurrentState(pMgr, &ulState);
#if !MISTAKES
    IMAPIOfflineMgr_Release(pMgr); /* the first mistake: it is missing, and each question leaks a reference */
#endif
    return ulState == MAPIOFFLINE_STATE_ONLINE;
}

static void ask_for_online(ULONG ulFlags) {
    IMAPIOfflineMgr_SetCurrentState(manager, ulFlags, MAPIOFFLINE_STATE_OFFLINE_MASK, MAPIOFFLINE_STATE_ONLINE, NULL);
}

static void on_change(const MAPIOFFLINE_NOTIFY *pNotifyInfo) {
    const int goes_offline = pNotifyInfo->Info.StateChange.ulStateNew == MAPIOFFLINE_STATE_OFFLINE;
    if (pNotifyInfo->NotifyType == MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START && goes_offline) {
#if MISTAKES
        /* The second mistake: a request in START is refused by E_PENDING, and nothing asks again. */
        ask_for_online(MAPIOFFLINE_FLAG_DEFAULT);
#endif
    }
    if (pNotifyInfo->NotifyType == MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE && goes_offline) {
#if MISTAKES
        /* The third mistake: with BLOCK the request would have to wait for the Notify that makes it, and is refused. */
        ask_for_online(MAPIOFFLINE_FLAG_BLOCK);
#else
        ask_for_online(MAPIOFFLINE_FLAG_DEFAULT);
#endif
    }
}

/* ---- the sink: static and never freed, so it counts no references -------------------------------------------------- */

static HRESULT STDMETHODCALLTYPE Sink_QueryInterface(IMAPIOfflineNotify *This, REFIID riid, void **ppvObject) {
    int found = memcmp(riid, &IID_IMAPIOfflineNotify, sizeof(*riid)) == 0 || memcmp(riid, &IID_IUnknown, sizeof(*riid)) == 0;
    *ppvObject = found ? This : NULL;
    return found ? S_OK : E_NOINTERFACE;
}

static ULONG STDMETHODCALLTYPE Sink_AddRef(IMAPIOfflineNotify *This) {
    (void)This;
    return 2;
}

static ULONG STDMETHODCALLTYPE Sink_Release(IMAPIOfflineNotify *This) {
    (void)This;
    return 1;
}

static void STDMETHODCALLTYPE Sink_Notify(IMAPIOfflineNotify *This, const MAPIOFFLINE_NOTIFY *pNotifyInfo) {
    (void)This;
    on_change(pNotifyInfo);
}

static const struct IMAPIOfflineNotifyVtbl SinkVtbl = {Sink_QueryInterface, Sink_AddRef, Sink_Release, Sink_Notify};
static IMAPIOfflineNotify Sink = {&SinkVtbl};

/* ---- the program that stands for Outlook: a line of its input is a question --------------------------------------------- */

int main(void) {
    MAPIOFFLINE_ADVISEINFO info;
    ULONG ulToken = 0;
    char line[64];
    manager = open_profile();
    if (manager == NULL) {
        return 1;
    }
    memset(&info, 0, sizeof(info));
    info.ulSize = sizeof(info);
    info.CallbackType = MAPIOFFLINE_CALLBACK_TYPE_NOTIFY;
    info.pCallback = (IUnknown *)(void *)&Sink;
    info.ulAdviseTypes = MAPIOFFLINE_ADVISE_TYPE_STATECHANGE;
    info.ulStateMask = MAPIOFFLINE_STATE_ALL;
    if (FAILED(IMAPIOfflineMgr_Advise(manager, MAPIOFFLINE_ADVISE_DEFAULT, &info, &ulToken))) {
        return 1;
    }
    while (fgets(line, sizeof(line), stdin) != NULL) {
        printf("%s\n", is_online() ? "online" : "offline");
        fflush(stdout);
    }
    IMAPIOfflineMgr_Unadvise(manager, MAPIOFFLINE_UNADVISE_DEFAULT, ulToken);
    IMAPIOfflineMgr_Release(manager);
    return 0;
}
