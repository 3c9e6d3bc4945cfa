/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A module that has the static library inside and exports Outlook's names only (plain.map). */
#include <mapioffline.h>

HRESULT plain_keeps_a_reference(IMAPIOfflineMgr **ppOffline);

HRESULT plain_keeps_a_reference(IMAPIOfflineMgr **ppOffline) {
    return HrOpenOfflineObj(0, L"plain", &GUID_GlobalState, NULL, ppOffline);
}
