/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Another header left a packing in effect: must not compile. */
#pragma pack(1)
#include <mapioffline.h>
