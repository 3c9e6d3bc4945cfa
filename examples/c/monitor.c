/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Watches a profile's state and sets it: commands on standard input, notifications on standard output. */
#include <mapioffline.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *name_of(ULONG ulState) {
    return ulState == MAPIOFFLINE_STATE_ONLINE ? "online" : ulState == MAPIOFFLINE_STATE_OFFLINE ? "offline" : "?";
}

/* ---- the sink: an IMAPIOfflineNotify of our own -------------------------------------------------------------------- */

/* Static and never freed, so it counts no references. */
static HRESULT STDMETHODCALLTYPE Sink_QueryInterface(IMAPIOfflineNotify *This, REFIID riid, void **ppvObject) {
    if (memcmp(riid, &IID_IMAPIOfflineNotify, sizeof(*riid)) == 0 || memcmp(riid, &IID_IUnknown, sizeof(*riid)) == 0) {
        *ppvObject = This;
        return S_OK;
    }
    *ppvObject = NULL;
    return E_NOINTERFACE;
}

static ULONG STDMETHODCALLTYPE Sink_AddRef(IMAPIOfflineNotify *This) {
    (void)This;
    return 2;
}

static ULONG STDMETHODCALLTYPE Sink_Release(IMAPIOfflineNotify *This) {
    (void)This;
    return 1;
}

/* Called on a thread of the library, or on the one that sets the state with MAPIOFFLINE_FLAG_BLOCK. */
static void STDMETHODCALLTYPE Sink_Notify(IMAPIOfflineNotify *This, const MAPIOFFLINE_NOTIFY *pNotifyInfo) {
    static const char *const phases[] = {"?", "START", "STATECHANGE", "DONE"};
    time_t now = time(NULL);
    char clock[16];
    (void)This;
    strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&now)); /* one registration: one thread at a time */
    /* ULONG is unsigned long on Windows and unsigned int elsewhere. */
    printf("%s  %-11s  %s -> %s  (client token %u)\n", clock, phases[(unsigned)pNotifyInfo->NotifyType & 3],
           name_of(pNotifyInfo->Info.StateChange.ulStateOld), name_of(pNotifyInfo->Info.StateChange.ulStateNew),
           (unsigned)pNotifyInfo->ulClientToken);
    fflush(stdout);
}

static const struct IMAPIOfflineNotifyVtbl SinkVtbl = {Sink_QueryInterface, Sink_AddRef, Sink_Release, Sink_Notify};
static IMAPIOfflineNotify Sink = {&SinkVtbl};

/* ---- the program --------------------------------------------------------------------------------------------------- */

static void show_status(IMAPIOfflineMgr *pMgr, const char *pszProfile) {
    static const char *const can[] = {"not be set", "be set offline", "be set online", "be set online and offline"};
    ULONG ulState = 0;
    ULONG ulCapabilities = 0;
    IMAPIOfflineMgr_GetCurrentState(pMgr, &ulState);
    IMAPIOfflineMgr_GetCapabilities(pMgr, &ulCapabilities);
    printf("profile %s is %s; it can %s\n", pszProfile, name_of(ulState), can[ulCapabilities & 3]);
    fflush(stdout);
}

static void set_state(IMAPIOfflineMgr *pMgr, ULONG ulState) {
    ULONG ulNow = 0;
    HRESULT hr;
    IMAPIOfflineMgr_GetCurrentState(pMgr, &ulNow);
    if (ulNow == ulState) {
        printf("already %s\n", name_of(ulState));
        fflush(stdout);
        return;
    }
    /* With BLOCK, every Notify has returned when this returns. */
    hr = IMAPIOfflineMgr_SetCurrentState(pMgr, MAPIOFFLINE_FLAG_BLOCK, MAPIOFFLINE_STATE_OFFLINE_MASK, ulState, NULL);
    if (FAILED(hr)) {
        fprintf(stderr, "cannot be set %s: %#x\n", name_of(ulState), (unsigned)hr);
    }
}

int main(int argc, char **argv) {
    const char *pszProfile = argc > 1 ? argv[1] : "Outlook";
    IMAPIOfflineMgr *pMgr = NULL;
    MAPIOFFLINE_ADVISEINFO info = {sizeof(info), 0, MAPIOFFLINE_CALLBACK_TYPE_NOTIFY, NULL, 0, 0};
    ULONG ulAdviseToken = 0;
    char line[256];
    HRESULT hr;

    /* A name in the source would be opened by HrOpenOfflineObj(0, L"Outlook", ...). */
    hr = MapiOfflineOpenUtf8(0, pszProfile, &GUID_GlobalState, NULL, &pMgr);
    if (FAILED(hr)) {
        fprintf(stderr, "cannot open profile \"%s\": %#x\n", pszProfile, (unsigned)hr);
        return 1;
    }

    info.ulClientToken = 1;
    info.pCallback = (IUnknown *)(void *)&Sink;
    info.ulAdviseTypes = MAPIOFFLINE_ADVISE_TYPE_STATECHANGE;
    info.ulStateMask = MAPIOFFLINE_STATE_ALL;
    hr = IMAPIOfflineMgr_Advise(pMgr, MAPIOFFLINE_ADVISE_DEFAULT, &info, &ulAdviseToken);
    if (FAILED(hr)) {
        fprintf(stderr, "cannot register: %#x\n", (unsigned)hr);
        IMAPIOfflineMgr_Release(pMgr);
        return 1;
    }

    show_status(pMgr, pszProfile);
    printf("commands: online, offline, status, quit\n");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        if (strcmp(line, "online") == 0) {
            set_state(pMgr, MAPIOFFLINE_STATE_ONLINE);
        } else if (strcmp(line, "offline") == 0) {
            set_state(pMgr, MAPIOFFLINE_STATE_OFFLINE);
        } else if (strcmp(line, "status") == 0) {
            show_status(pMgr, pszProfile);
        } else if (strcmp(line, "quit") == 0) {
            break;
        } else if (line[0] != '\0') {
            fprintf(stderr, "unknown command: %s (online, offline, status, quit)\n", line);
        }
    }

    IMAPIOfflineMgr_Unadvise(pMgr, MAPIOFFLINE_UNADVISE_DEFAULT, ulAdviseToken);
    IMAPIOfflineMgr_Release(pMgr);
    return 0;
}
