/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* STDMETHODCALLTYPE as in Wine's headers, but not from them: must not compile. */
#ifdef __i386__
#define STDMETHODCALLTYPE __attribute__((stdcall))
#elif defined(__x86_64__)
#define STDMETHODCALLTYPE __attribute__((ms_abi))
#else
#error "there is no other convention here"
#endif
#include <mapioffline.h>
