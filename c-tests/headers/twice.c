/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Includes the header first, with nothing before it, and then again. */
#include <mapioffline.h>
#include <mapioffline.h>

#include <string.h>
#include <wchar.h>

#include <mapioffline.h>

int uses_it(IMAPIOfflineMgr **ppOffline);

int uses_it(IMAPIOfflineMgr **ppOffline) {
    return HrOpenOfflineObj(0, L"Outlook", &GUID_GlobalState, NULL, ppOffline) == S_OK;
}
