/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A pack that somebody left open: must not compile. */
#pragma pack(1)
#include <mapioffline.h>
