/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A substitute for the Windows SDK where the compiler's output is checked without it. Declares the types that the header
 * takes from the SDK, as the SDK does. */
#ifndef PROOFS_WINDOWS_H
#define PROOFS_WINDOWS_H

#include <stddef.h>

typedef unsigned long ULONG;
typedef long HRESULT;
typedef int BOOL;
typedef wchar_t WCHAR;
typedef const WCHAR *LPCWSTR;

#define TRUE 1
#define FALSE 0
#define STDMETHODCALLTYPE __stdcall

#define GUID_DEFINED
typedef struct _GUID {
    unsigned long Data1;
    unsigned short Data2;
    unsigned short Data3;
    unsigned char Data4[8];
} GUID;
#define __IID_DEFINED__
typedef GUID IID;
#define _REFIID_DEFINED
#ifdef __cplusplus
#define REFIID const IID &
#else
#define REFIID const IID *
#endif

#endif /* PROOFS_WINDOWS_H */
