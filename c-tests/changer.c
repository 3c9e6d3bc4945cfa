/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Changes the state of a profile (argument 1) over and over, until the working folder has a file "stop", and prints how many
 * changes it made. Two of them, on two systems, share a state folder: see xtask/src/platforms/beside.rs. */
#include <mapioffline.h>

#include "platform.h"

#include <stdio.h>
#include <stdlib.h>

static int is_to_stop(void) {
    FILE *stop = fopen("stop", "r");
    return stop != NULL && fclose(stop) == 0;
}

int main(int argc, char **argv) {
    IMAPIOfflineMgr *object = NULL;
    wchar_t name[64];
    ULONG state = MAPIOFFLINE_STATE_ONLINE;
    HRESULT hr;
    int changes;
    if (argc != 2 || mbstowcs(name, argv[1], 64) >= 64) {
        return 2;
    }
    hr = HrOpenOfflineObj(0, name, &GUID_GlobalState, NULL, &object);
    for (changes = 0; hr == S_OK && !is_to_stop(); changes++) {
        state ^= MAPIOFFLINE_STATE_OFFLINE_MASK;
        hr = IMAPIOfflineMgr_SetCurrentState(object, MAPIOFFLINE_FLAG_BLOCK, MAPIOFFLINE_STATE_OFFLINE_MASK, state, NULL);
        nap(1);
    }
    if (hr != S_OK) {
        printf("after %d changes: %#lx\n", changes, (unsigned long)(ULONG)hr);
        return 1;
    }
    IMAPIOfflineMgr_Release(object);
    printf("%d\n", changes);
    return 0;
}
