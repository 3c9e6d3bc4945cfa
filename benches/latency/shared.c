/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The time from SetCurrentState in one process to the first Notify in another. `shared ROUNDS` prints nanoseconds, one round
 * a line. */
#include <mapioffline.h>

#include "pair.h"

#include <signal.h>

static const wchar_t profile[] = L"Latency";

static HRESULT STDMETHODCALLTYPE sink_QueryInterface(IMAPIOfflineNotify *This, REFIID riid, void **ppv) {
    (void)riid;
    *ppv = This;
    return S_OK;
}
static ULONG STDMETHODCALLTYPE sink_AddRef(IMAPIOfflineNotify *This) {
    (void)This;
    return 2;
}
static ULONG STDMETHODCALLTYPE sink_Release(IMAPIOfflineNotify *This) {
    (void)This;
    return 1;
}
static void STDMETHODCALLTYPE sink_Notify(IMAPIOfflineNotify *This, const MAPIOFFLINE_NOTIFY *notification) {
    (void)This;
    if (notification->NotifyType != MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE) {
        send_time(STDOUT_FILENO, now()); /* at START and at DONE */
    }
}

static const struct IMAPIOfflineNotifyVtbl vtbl = {sink_QueryInterface, sink_AddRef, sink_Release, sink_Notify};
static IMAPIOfflineNotify sink = {&vtbl};

static IMAPIOfflineMgr *open_profile(void) {
    IMAPIOfflineMgr *manager = NULL;
    HRESULT hr = HrOpenOfflineObj(0, profile, &GUID_GlobalState, NULL, &manager);
    if (FAILED(hr)) {
        fail("open", hr);
    }
    return manager;
}

static int listen_to(void) {
    MAPIOFFLINE_ADVISEINFO info = {sizeof(info), 0, MAPIOFFLINE_CALLBACK_TYPE_NOTIFY, NULL, 0, 0};
    ULONG token = 0;
    IMAPIOfflineMgr *manager = open_profile();
    info.pCallback = (IUnknown *)(void *)&sink;
    info.ulAdviseTypes = MAPIOFFLINE_ADVISE_TYPE_STATECHANGE;
    info.ulStateMask = MAPIOFFLINE_STATE_ALL;
    if (FAILED(IMAPIOfflineMgr_Advise(manager, 0, &info, &token))) {
        fail("advise", 0);
    }
    usleep(50000); /* until the library's watcher has started */
    send_time(STDOUT_FILENO, now());
    for (;;) {
        pause();
    }
    return 0;
}

int main(int argc, char **argv) {
    IMAPIOfflineMgr *manager;
    ULONG state = 0;
    pid_t child;
    int from;
    int round;
    if (argc == 2 && strcmp(argv[1], "listen") == 0) {
        return listen_to();
    }
    from = start(argv[0], "listen", &child);
    manager = open_profile();
    receive_time(from);
    IMAPIOfflineMgr_GetCurrentState(manager, &state);
    for (round = 0; round < (argc == 2 ? atoi(argv[1]) : 0); round++) {
        nanoseconds begin;
        HRESULT hr;
        rest(round);
        state ^= MAPIOFFLINE_STATE_OFFLINE_MASK;
        do {
            begin = now();
            hr = IMAPIOfflineMgr_SetCurrentState(manager, 0, MAPIOFFLINE_STATE_OFFLINE_MASK, state, NULL);
        } while (hr == E_PENDING); /* this process's own transition may end after the other's */
        if (hr != S_OK) {
            fail("SetCurrentState", hr);
        }
        printf("%lld\n", receive_time(from) - begin);
        receive_time(from);
    }
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    IMAPIOfflineMgr_Release(manager);
    return 0;
}
