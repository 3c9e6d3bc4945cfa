/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* This program does not link the library. */
#include <mapioffline.h>

int main(void) {
    return GUID_GlobalState.Data1 == 0xFBEFFD93 && IID_IMAPIOffline.Data1 == 0x000672B5 &&
                   IID_IMAPIOfflineMgr.Data1 == 0x42175607 && IID_IMAPIOfflineNotify.Data1 == 0x0317BDE5 &&
                   IID_IUnknown.Data4[7] == 0x46
               ? 0
               : 1;
}
