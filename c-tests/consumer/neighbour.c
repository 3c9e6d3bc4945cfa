/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A program with two static libraries that are written in Rust. */
#include <mapioffline.h>

int neighbour(int number);

int main(void) {
    IMAPIOfflineMgr *object = NULL;
    ULONG state = 0;
    if (HrOpenOfflineObj(0, L"Neighbour", &GUID_GlobalState, NULL, &object) != S_OK) {
        return 1;
    }
    if (neighbour(1) != 2 || neighbour(3) != -1) {
        return 2;
    }
    if (IMAPIOfflineMgr_GetCurrentState(object, &state) != S_OK || state != MAPIOFFLINE_STATE_ONLINE) {
        return 3;
    }
    IMAPIOfflineMgr_Release(object);
    return 0;
}
