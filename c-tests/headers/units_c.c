/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <mapioffline.h>

const GUID *from_c(void);

const GUID *from_c(void) {
    return &IID_IMAPIOffline;
}
