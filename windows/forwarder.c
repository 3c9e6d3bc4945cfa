/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* All that is in msmapi32.dll and olmapi32.dll besides their export table, which hands every call on. */
#include <windows.h>

BOOL WINAPI DllMainCRTStartup(HINSTANCE module, DWORD reason, LPVOID reserved);

BOOL WINAPI DllMainCRTStartup(HINSTANCE module, DWORD reason, LPVOID reserved) {
    (void)module;
    (void)reason;
    (void)reserved;
    return TRUE;
}
