/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A client that breaks one rule of `mapioffline check`, which it is given, or none. */
#include <mapioffline.h>

#include "platform.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static IMAPIOfflineMgr *manager;
static const char *rule;
static int references = 1;

static int is(const char *asked) {
    return strcmp(rule, asked) == 0;
}

static HRESULT set_state(ULONG flags, ULONG state) {
    return IMAPIOfflineMgr_SetCurrentState(manager, flags, MAPIOFFLINE_STATE_OFFLINE_MASK, state, NULL);
}

/* ---- a sink that counts its references, or gives one away ----------------------------------------------------------- */

static HRESULT STDMETHODCALLTYPE Sink_QueryInterface(IMAPIOfflineNotify *This, REFIID riid, void **ppvObject) {
    int found = memcmp(riid, &IID_IMAPIOfflineNotify, sizeof(*riid)) == 0;
    *ppvObject = found ? This : NULL;
    /* A miscounted sink hands out a pointer, and counts no reference for it. */
    references += found && !is("sink-miscounted");
    return found ? S_OK : E_NOINTERFACE;
}

static ULONG STDMETHODCALLTYPE Sink_AddRef(IMAPIOfflineNotify *This) {
    (void)This;
    return (ULONG)++references;
}

static ULONG STDMETHODCALLTYPE Sink_Release(IMAPIOfflineNotify *This) {
    (void)This;
    return (ULONG)--references;
}

static void STDMETHODCALLTYPE Sink_Notify(IMAPIOfflineNotify *This, const MAPIOFFLINE_NOTIFY *pNotifyInfo) {
    (void)This;
    if (is("unknown-bits") && pNotifyInfo->Info.StateChange.ulMask == MAPIOFFLINE_STATE_OFFLINE_MASK) {
        ULONG state = 0;
        IMAPIOfflineMgr_GetCurrentState(manager, &state);
    }
    if (is("unknown-type") && pNotifyInfo->NotifyType > MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE) {
        IMAPIOfflineMgr_Unadvise(manager, 0, 0); /* as if each type behind STATECHANGE were DONE */
    }
    if (pNotifyInfo->NotifyType != MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START) {
        return;
    }
    if (is("block-in-notify")) {
        set_state(MAPIOFFLINE_FLAG_BLOCK, MAPIOFFLINE_STATE_ONLINE);
    } else if (is("pending-ignored")) {
        set_state(MAPIOFFLINE_FLAG_DEFAULT, MAPIOFFLINE_STATE_ONLINE);
    } else if (is("slow-notify")) {
        nap(120);
    }
}

static const struct IMAPIOfflineNotifyVtbl SinkVtbl = {Sink_QueryInterface, Sink_AddRef, Sink_Release, Sink_Notify};
static IMAPIOfflineNotify Sink = {&SinkVtbl};

static ULONG advise(void) {
    MAPIOFFLINE_ADVISEINFO info;
    ULONG token = 0;
    memset(&info, 0, sizeof(info));
    info.ulSize = sizeof(info);
    info.pCallback = (IUnknown *)(void *)&Sink;
    info.ulAdviseTypes = MAPIOFFLINE_ADVISE_TYPE_STATECHANGE;
    info.ulStateMask = MAPIOFFLINE_STATE_ALL;
    IMAPIOfflineMgr_Advise(manager, 0, &info, &token);
    return token;
}

int main(int argc, char **argv) {
    ULONG token;
    ULONG other;
    void *found = NULL;
    int change;
    rule = argc == 2 ? argv[1] : "";
    if (HrOpenOfflineObj(0, L"Misuse", &GUID_GlobalState, NULL, &manager) != S_OK) {
        return 1;
    }
    token = advise();
    other = advise();
    if (IMAPIOfflineMgr_QueryInterface(manager, &IID_IMAPIOffline, &found) != S_OK) {
        return 1;
    }
    if (!is("reference-leaked")) {
        IMAPIOffline_Release((IMAPIOffline *)found);
    }
    if (is("sink-miscounted")) {
        IMAPIOfflineMgr_Unadvise(manager, 0, other); /* the sink thinks that this was its last reference */
    }
    for (change = 0; change < 4; change++) {
        set_state(MAPIOFFLINE_FLAG_BLOCK, MAPIOFFLINE_STATE_ONLINE);
        set_state(MAPIOFFLINE_FLAG_BLOCK, MAPIOFFLINE_STATE_OFFLINE);
    }
    if (is("invalid-argument")) {
        IMAPIOfflineMgr_SetCurrentState(manager, 0, MAPIOFFLINE_STATE_ALL, MAPIOFFLINE_STATE_ONLINE, NULL);
    }
    if (!is("sink-miscounted")) {
        IMAPIOfflineMgr_Unadvise(manager, 0, other);
    }
    IMAPIOfflineMgr_Unadvise(manager, 0, is("wrong-token") ? other : 0);
    if (is("unadvise-missing")) {
        IMAPIOfflineMgr_AddRef(manager); /* or the last Release would end the registration */
        exit(0);
    }
    IMAPIOfflineMgr_Unadvise(manager, 0, token);
    IMAPIOfflineMgr_Release(manager);
    if (is("used-after-release")) {
        /* Each of these would be a use of freed memory in a client that is not checked. */
        ULONG state = 0;
        IMAPIOfflineMgr_GetCurrentState(manager, &state);
        set_state(MAPIOFFLINE_FLAG_DEFAULT, MAPIOFFLINE_STATE_ONLINE);
        IMAPIOfflineMgr_Release(manager);
    }
    return 0;
}
