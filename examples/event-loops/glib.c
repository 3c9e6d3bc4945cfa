/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Notify on the thread of a GLib main loop, as GTK programs have. */
#include "watch.h"

#include <glib-unix.h>

static gboolean on_ready(gint handle, GIOCondition condition, gpointer loop) {
    (void)handle;
    (void)condition;
    watch_dispatch();
    if (watch_finished) {
        g_main_loop_quit((GMainLoop *)loop);
    }
    return G_SOURCE_CONTINUE;
}

int main(void) {
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    ptrdiff_t handle = watch_begin(L"Outlook");
    if (handle == -1) {
        return 1;
    }
    g_unix_fd_add((gint)handle, G_IO_IN, on_ready, loop);
    g_main_loop_run(loop);
    g_main_loop_unref(loop);
    return watch_end();
}
