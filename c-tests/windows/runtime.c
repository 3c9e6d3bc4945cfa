/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A C runtime that an old plug-in brought is unloaded with it. It would call the exit handlers that were registered with it,
 * in a process that goes on. Argument 1: the runtime. */
#include "../counting_sink.h"

#include <stdio.h>

int main(int argc, char **argv) {
    HMODULE runtime = argc > 1 ? LoadLibraryA(argv[1]) : NULL;
    IMAPIOfflineMgr *object = NULL;
    ULONG token = 0;
    int stays;
    if (runtime == NULL) {
        printf("%s cannot be loaded: error %lu\n", argc > 1 ? argv[1] : "no runtime", GetLastError());
        return 1;
    }
    if (HrOpenOfflineObj(0, L"Runtime", &GUID_GlobalState, NULL, &object) != S_OK ||
        advise(object, &token) != S_OK) {
        return 1;
    }
    FreeLibrary(runtime);
    stays = GetModuleHandleA(argv[1]) != NULL;
    IMAPIOfflineMgr_SetCurrentState(object, MAPIOFFLINE_FLAG_BLOCK, 3, 1, NULL);
    if (!stays || heard != 3) {
        printf("the runtime is %s, %d notifications\n", stays ? "loaded" : "unloaded", heard);
        return 1;
    }
    return IMAPIOfflineMgr_Release(object) == 0 ? 0 : 1;
}
