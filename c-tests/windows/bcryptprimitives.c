/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For Wine 8, which lacks this DLL. Has the one function that Rust's standard library imports from it. */
#include <windows.h>

#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size);

BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) {
    return RtlGenRandom(data, (ULONG)size);
}
