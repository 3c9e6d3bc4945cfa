/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A client with a 16-bit WCHAR on a system other than Windows. It uses the same source and the same names. */
#include <mapioffline.h>

#include <string.h>

static const WCHAR name[] = {'W', 'i', 'd', 'e', 0};
static const MAPIOFFLINE_CHAR16 same_name[] = {'w', 'I', 'D', 'E', 0};

int main(void) {
    IMAPIOfflineMgr *wide = NULL;
    IMAPIOfflineMgr *same = NULL;
    IMAPIOfflineMgr *made = NULL;
    IMAPIOfflineMgr *global = NULL;
    MAPIOFFLINE_CREATEINFO info;
    memset(&info, 0, sizeof(info));
    info.ulSize = sizeof(info);
    info.pwszProfileName = name;
    info.pGUID = &GUID_GlobalState;
    info.ulCapabilities = MAPIOFFLINE_CAPABILITY_OFFLINE;
    if (HrCreateOfflineObj(0, NULL, &made) != E_INVALIDARG || HrCreateOfflineObj(0, &info, &made) != S_OK ||
        HrOpenOfflineObj(0, name, &GUID_GlobalState, NULL, &wide) != S_OK || HrGetGlobalOffline(name, &global) != S_OK ||
        MapiOfflineOpenUtf16(0, same_name, &GUID_GlobalState, NULL, &same) != S_OK) {
        return 1;
    }
    if (wide != same || wide != made || wide != global) {
        return 2;
    }
    IMAPIOfflineMgr_Release(made);
    IMAPIOfflineMgr_Release(global);
    IMAPIOfflineMgr_Release(same);
    return IMAPIOfflineMgr_Release(wide) == 0 ? 0 : 3;
}
