/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <mapioffline.h>

extern "C" const GUID *from_cpp();

extern "C" const GUID *from_cpp() {
    return &IID_IMAPIOffline;
}
