/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Notify on the thread of a Win32 message loop, as the windows of an add-in need it. */
#include <windows.h>

#include "watch.h"

int main(void) {
    HANDLE ready;
    MSG message;
    ptrdiff_t handle = watch_begin(L"Outlook");
    if (handle == -1) {
        return 1;
    }
    ready = (HANDLE)handle;
    while (!watch_finished) {
        switch (MsgWaitForMultipleObjects(1, &ready, FALSE, INFINITE, QS_ALLINPUT)) {
        case WAIT_OBJECT_0:
            watch_dispatch();
            break;
        case WAIT_OBJECT_0 + 1:
            while (PeekMessage(&message, NULL, 0, 0, PM_REMOVE)) {
                TranslateMessage(&message);
                DispatchMessage(&message);
            }
            break;
        default:
            return 1;
        }
    }
    return watch_end();
}
