/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A unit that defines an identifier itself, with INITGUID and DEFINE_GUID. */
#define MAPIOFFLINE_NO_IIDS
#ifdef _WIN32
#define INITGUID
#endif
#include <mapioffline.h>

#ifndef _WIN32
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8)                                                   \
    const GUID name = {l, w1, w2, {b1, b2, b3, b4, b5, b6, b7, b8}}
#endif
DEFINE_GUID(IID_IMAPIOffline, 0x000672B5, 0x0000, 0x0000, 0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x46);

const GUID *from_initguid(void);

const GUID *from_initguid(void) {
    return &IID_IMAPIOffline;
}
