/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A DLL that tidies up when its process ends, as many do: Windows has killed the other threads by then, some of them inside
 * the library. Each call must return, and give what is checked here. Events tell when that begins, and when it is over. */
#include "../counting_sink.h"

enum { THREADS = 6 };

__declspec(dllexport) int begin(HANDLE when_called, HANDLE when_tidied_up);

static IMAPIOfflineMgr *object;
static ULONG token;
static HANDLE called;
static HANDLE tidied_up;
static volatile LONG busy;

/* Is inside the library nearly all the time, until it is killed. */
static DWORD WINAPI use(LPVOID number) {
    ULONG state = (ULONG)(ULONG_PTR)number % 2 + 1;
    while (busy >= 0) {
        ULONG own = 0;
        IMAPIOfflineMgr *other = NULL;
        advise(object, &own);
        IMAPIOfflineMgr_SetCurrentState(object, 0, MAPIOFFLINE_STATE_OFFLINE_MASK, state, NULL);
        IMAPIOfflineMgr_Unadvise(object, 0, own);
        /* Another object: references of a killed thread stay. */
        if (HrOpenOfflineObj(0, L"Other", &GUID_GlobalState, NULL, &other) == S_OK) {
            IMAPIOfflineMgr_Release(other);
        }
        InterlockedIncrement(&busy);
    }
    return 0;
}

int begin(HANDLE when_called, HANDLE when_tidied_up) {
    int i;
    called = when_called;
    tidied_up = when_tidied_up;
    if (HrOpenOfflineObj(0, L"Dying", &GUID_GlobalState, NULL, &object) != S_OK || advise(object, &token) != S_OK) {
        return 0;
    }
    for (i = 0; i < THREADS; i++) {
        if (CreateThread(NULL, 0, use, (LPVOID)(ULONG_PTR)(unsigned)i, 0, NULL) == NULL) {
            return 0;
        }
    }
    while (busy < 100) {
        Sleep(1);
    }
    return 1;
}

static const char *tidy_up(void) {
    IMAPIOfflineMgr *other = object;
    ULONG state = 0;
    ULONG own = 7;
    SetEvent(called);
    if (IMAPIOfflineMgr_Unadvise(object, 0, token) != S_OK) {
        return "Unadvise\n";
    }
    if (IMAPIOfflineMgr_SetCurrentState(object, MAPIOFFLINE_FLAG_BLOCK, 3, 2, NULL) != E_FAIL) {
        return "SetCurrentState\n";
    }
    if (IMAPIOfflineMgr_GetCurrentState(object, &state) != S_OK || (state != 1 && state != 2)) {
        return "GetCurrentState\n";
    }
    if (advise(object, &own) != E_FAIL || own != 0) {
        return "Advise\n";
    }
    if (HrOpenOfflineObj(0, L"Dying", &GUID_GlobalState, NULL, &other) != E_FAIL || other != NULL) {
        return "HrOpenOfflineObj\n";
    }
    if (IMAPIOfflineMgr_Release(object) != 0) {
        return "Release\n";
    }
    SetEvent(tidied_up);
    return "";
}

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, LPVOID process_ends) {
    (void)module;
    if (reason == DLL_PROCESS_DETACH && process_ends != NULL) {
        const char *failed = tidy_up();
        DWORD written;
        WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), failed, (DWORD)strlen(failed), &written, NULL);
    }
    return TRUE;
}
