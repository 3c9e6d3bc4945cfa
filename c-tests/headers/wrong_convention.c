/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* STDMETHODCALLTYPE as Wine's headers have it on x86-64: must not compile. */
#define STDMETHODCALLTYPE __attribute__((ms_abi))
#include <mapioffline.h>
