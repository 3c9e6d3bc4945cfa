/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The header first, twice, with nothing before it. */
#include <mapioffline.h>
#include <mapioffline.h>

#include <string.h>
#include <wchar.h>

#include <mapioffline.h>

int uses_it(IMAPIOfflineMgr **ppOffline);

int uses_it(IMAPIOfflineMgr **ppOffline) {
    return HrOpenOfflineObj(0, L"Outlook", &GUID_GlobalState, NULL, ppOffline) == S_OK;
}
