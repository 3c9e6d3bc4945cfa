/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Notify on the thread of a loop around poll(2). */
#include "watch.h"

#include <poll.h>

int main(void) {
    struct pollfd ready;
    ready.fd = (int)watch_begin(L"Outlook");
    ready.events = POLLIN;
    while (ready.fd != -1 && !watch_finished) {
        /* Beside what else the program waits for. */
        if (poll(&ready, 1, -1) == 1) {
            watch_dispatch();
        }
    }
    return ready.fd == -1 ? 1 : watch_end();
}
