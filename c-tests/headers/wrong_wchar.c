/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A 16-bit WCHAR from another header, without MAPIOFFLINE_WCHAR_BITS: must not compile. */
#define MAPIOFFLINE_NO_PLATFORM_TYPES
typedef unsigned int ULONG;
typedef int HRESULT;
typedef int BOOL;
typedef unsigned short WCHAR;
typedef const WCHAR *LPCWSTR;
typedef struct {
    unsigned int Data1;
    unsigned short Data2, Data3;
    unsigned char Data4[8];
} GUID;
typedef GUID IID;
#define REFIID const IID *const
typedef struct IUnknown IUnknown;
#include <mapioffline.h>
