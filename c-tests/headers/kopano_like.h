/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A substitute for the headers of Kopano's mapi4linux: has the properties that affect another header, in our own code.
 *
 * KOPANO_LIKE says which: 8 for 8.0.0 to 8.7.84 (a class, the guard __M4L_MAPIDEFS_H_), 9 for 8.7.85 to 10.0.3 (another
 * guard, a structure), 10 for 10.0.4 and later (#pragma once). All of these define MAPIDEFS_H and GUID_EXT. 0 is a header
 * of the same kind that defines neither. */
#ifndef KOPANO_LIKE
#define KOPANO_LIKE 10
#endif

#if KOPANO_LIKE == 8
#define __M4L_MAPIDEFS_H_
#elif KOPANO_LIKE == 9
#define M4L_MAPIDEFS_H
#endif

#include <cstring>

typedef void VOID;
typedef unsigned char BYTE;
typedef unsigned short WORD;
typedef unsigned int DWORD;
typedef unsigned int ULONG;
typedef signed char CHAR;
typedef int LONG;
typedef int BOOL;
typedef int HRESULT;
typedef void *LPVOID;
typedef wchar_t WCHAR; /* four bytes */
typedef const WCHAR *LPCWSTR;

struct GUID { /* has no guard macro, and another tag than the SDK's */
    DWORD Data1;
    WORD Data2;
    WORD Data3;
    BYTE Data4[8];
};
typedef GUID IID;
typedef GUID CLSID;
#define REFIID const IID &
#define REFCLSID const CLSID &

inline bool operator==(const GUID &a, const GUID &b) noexcept {
    return std::memcmp(&a, &b, sizeof(GUID)) == 0;
}
inline bool operator!=(const GUID &a, const GUID &b) noexcept {
    return std::memcmp(&a, &b, sizeof(GUID)) != 0;
}

#if KOPANO_LIKE != 0
#define MAPIDEFS_H
#define GUID_EXT extern "C"
#endif
#define DEFINE_GUID(n, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8)                                                      \
    extern "C" __attribute__((visibility("default"))) const GUID n
#define DEFINE_OLEGUID(n, l, w1, w2) DEFINE_GUID(n, l, w1, w2, 0xC0, 0, 0, 0, 0, 0, 0, 0x46)
DEFINE_OLEGUID(IID_IUnknown, 0, 0, 0);

/* Not COM's IUnknown: the destructor takes two slots, and the order of the slots differs. */
#if KOPANO_LIKE == 8
class IUnknown {
#else
struct IUnknown {
#endif
public:
    virtual ~IUnknown() {}
    virtual ULONG AddRef() = 0;
    virtual ULONG Release() = 0;
    virtual HRESULT QueryInterface(REFIID refiid, void **lpvoid) = 0;
};
typedef IUnknown *LPUNKNOWN;

#if KOPANO_LIKE == 8
#define __stdcall /* gone in later versions */
#endif
#define FAILED(scode) ((unsigned int)(scode) >> 31)
#define SUCCEEDED(scode) (!FAILED(scode))
#define S_OK 0
#define S_FALSE 1
#define E_NOINTERFACE ((HRESULT)0x80004002)
#define E_INVALIDARG ((HRESULT)0x80070057)
#define MAPI_E_NOT_FOUND (static_cast<HRESULT>(0x8004010F))
