/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A client as they were written against Outlook: legacy_client.c never includes mapioffline.h. */
#ifndef LEGACY_CLIENT_H
#define LEGACY_CLIENT_H

#include <wchar.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What it found by GetProcAddress or dlsym. */
struct legacy_exports {
    void *open;
};

/* The state as it compares it: 1 or 2; 0 when it could not be had. */
int legacy_query_state(const struct legacy_exports *exports, const wchar_t *profile);
/* Registers, sets offline, and gives the types of the notifications as decimal digits. */
int legacy_watch_one_change(const struct legacy_exports *exports, const wchar_t *profile);
/* The same with a Notify that is declared to return a value, as Delphi does; gives how often it was called. */
int legacy_notify_returns_hresult(const struct legacy_exports *exports, const wchar_t *profile);

#ifdef __cplusplus
}
#endif

#endif /* LEGACY_CLIENT_H */
