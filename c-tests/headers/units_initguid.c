/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A unit that defines the identifiers itself, as INITGUID and DEFINE_GUID do. */
#define MAPIOFFLINE_NO_IIDS
#include <mapioffline.h>

const GUID IID_IMAPIOffline = {0x000672B5, 0x0000, 0x0000, {0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x46}};

const GUID *from_initguid(void);

const GUID *from_initguid(void) {
    return &IID_IMAPIOffline;
}
