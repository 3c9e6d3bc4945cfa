/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <mapioffline.h>

const GUID *from_c(void);
const GUID *from_cpp(void);
const GUID *from_initguid(void);

/* All units use the same constant. */
int main(void) {
    return from_c() == &IID_IMAPIOffline && from_cpp() == &IID_IMAPIOffline && from_initguid() == &IID_IMAPIOffline ? 0 : 1;
}
