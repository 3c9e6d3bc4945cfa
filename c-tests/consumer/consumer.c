/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Somebody's program in C, built against the installed package. */
#include <mapioffline.h>

#include <stdio.h>

int main(void) {
    IMAPIOfflineMgr *pMgr = NULL;
    ULONG ulState = 0;
    if (MapiOfflineVersion() != MAPIOFFLINE_VERSION_NUMBER ||
        HrOpenOfflineObj(0, L"Outlook", &GUID_GlobalState, NULL, &pMgr) != S_OK ||
        IMAPIOfflineMgr_GetCurrentState(pMgr, &ulState) != S_OK || ulState != MAPIOFFLINE_STATE_ONLINE) {
        return 1;
    }
    printf("C: mapioffline %s, online\n", MapiOfflineVersionString());
    return (int)IMAPIOfflineMgr_Release(pMgr);
}
