/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* For Wine 8, which lacks the DLL: the one function of it that Rust's standard library imports. */
#include <windows.h>

#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size);

BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) {
    return RtlGenRandom(data, (ULONG)size);
}
