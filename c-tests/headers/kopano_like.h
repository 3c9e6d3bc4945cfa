/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A substitute for the headers of Kopano's mapi4linux: has the properties that affect another header, in our own code. */
#ifndef __M4L_MAPIDEFS_H_
#define __M4L_MAPIDEFS_H_

#include <cstring>

typedef unsigned int ULONG;
typedef int HRESULT;
typedef int BOOL;
typedef wchar_t WCHAR; /* four bytes */
typedef const WCHAR *LPCWSTR;

struct GUID { /* has no guard macro */
    unsigned int Data1;
    unsigned short Data2;
    unsigned short Data3;
    unsigned char Data4[8];
};
typedef struct GUID IID;
typedef const IID &REFIID;

inline bool operator==(REFIID a, REFIID b) {
    return std::memcmp(&a, &b, sizeof(GUID)) == 0;
}

extern "C" {
extern const IID IID_IUnknown;
}

/* Not COM's IUnknown: the destructor takes two slots, and the order of the slots differs. */
class IUnknown {
public:
    virtual ~IUnknown() {}
    virtual ULONG AddRef() = 0;
    virtual ULONG Release() = 0;
    virtual HRESULT QueryInterface(REFIID refiid, void **lpvoid) = 0;
};

#define S_OK 0
#define E_NOINTERFACE (static_cast<HRESULT>(0x80004002))
#define MAPI_E_NOT_FOUND (static_cast<HRESULT>(0x8004010F))

#endif
