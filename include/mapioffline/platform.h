/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The types that the Windows SDK has and other platforms do not. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_PLATFORM_H
#define MAPIOFFLINE_PLATFORM_H

#if defined(_WIN32)

/* winegcc and wineg++ define Windows' macros for the compiler of this platform. */
#if (defined(__ELF__) || defined(__MACH__)) && !defined(MAPIOFFLINE_WINELIB)
#error "winegcc would call this platform's mapioffline with the Microsoft convention: build a Windows program with mingw-w64, or load mapioffline.dll with LoadLibrary and define MAPIOFFLINE_WINELIB"
#endif
#ifdef MAPIOFFLINE_FOREIGN_IUNKNOWN
#error "MAPIOFFLINE_FOREIGN_IUNKNOWN is for platforms whose system has no IUnknown; on Windows there is one"
#endif
#include <windows.h>
#include <unknwn.h>
#ifndef MAPIOFFLINE_WCHAR_BITS
#define MAPIOFFLINE_WCHAR_BITS 16
#endif

#else /* not Windows */

#if defined(_WINDEF_) || defined(__WINE_WINERROR_H)
#error "Wine's headers make STDMETHODCALLTYPE the Microsoft convention, and this platform's mapioffline would be called wrongly: build the client as a Windows program with mingw-w64, and use mapioffline.dll"
#endif

#include <stddef.h>

/* Kopano's types are used unchanged; its IUnknown is not COM's. Its include guards differ (8.7.85 and 10.0.4 changed them);
 * MAPIDEFS_H with GUID_EXT is in 8.0.0 and in all later versions. Microsoft's headers have only the first of the two. */
#if (defined(MAPIDEFS_H) && defined(GUID_EXT)) || defined(__M4L_MAPIDEFS_H_) || defined(__MAPI4LINUX_H)
#ifndef MAPIOFFLINE_NO_PLATFORM_TYPES
#define MAPIOFFLINE_NO_PLATFORM_TYPES
#endif
#ifndef MAPIOFFLINE_FOREIGN_IUNKNOWN
#define MAPIOFFLINE_FOREIGN_IUNKNOWN
#endif
#endif

#ifndef STDMETHODCALLTYPE
#define STDMETHODCALLTYPE
#endif
/* Fails to compile ("conflicting types") where another header defines STDMETHODCALLTYPE as a convention other than the
 * platform's C convention. */
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wredundant-decls"
#endif
#ifdef __cplusplus
extern "C" {
#endif
void mapioffline_stdmethodcalltype_is_not_the_c_convention(void);
void STDMETHODCALLTYPE mapioffline_stdmethodcalltype_is_not_the_c_convention(void);
#ifdef __cplusplus
}
#endif
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#ifndef MAPIOFFLINE_WCHAR_BITS
#if defined(__SIZEOF_WCHAR_T__) && __SIZEOF_WCHAR_T__ == 2
#define MAPIOFFLINE_WCHAR_BITS 16
#else
#define MAPIOFFLINE_WCHAR_BITS 32
#endif
#endif

#ifndef MAPIOFFLINE_NO_PLATFORM_TYPES

/* 32 bits on every platform, also where long has 64. */
typedef unsigned int ULONG;
typedef int HRESULT;
#ifndef BOOL /* a macro in gromox */
typedef int BOOL;
#endif
#if MAPIOFFLINE_WCHAR_BITS == 16 && (!defined(__SIZEOF_WCHAR_T__) || __SIZEOF_WCHAR_T__ != 2)
#if defined(__cplusplus) && __cplusplus >= 201103L
typedef char16_t WCHAR;
#else
typedef unsigned short WCHAR;
#endif
#else
typedef wchar_t WCHAR;
#endif
typedef const WCHAR *LPCWSTR;

#ifndef GUID_DEFINED
#define GUID_DEFINED
#define MAPIOFFLINE_DEFINES_GUID
typedef struct _GUID {
    unsigned int Data1;
    unsigned short Data2;
    unsigned short Data3;
    unsigned char Data4[8];
} GUID;
#endif

#ifndef __IID_DEFINED__
#define __IID_DEFINED__
typedef GUID IID;
#endif

#ifndef _REFIID_DEFINED
#define _REFIID_DEFINED
#ifdef __cplusplus
#define REFIID const IID &
#else
#define REFIID const IID *const
#endif
#endif

#ifndef MAPIOFFLINE_FOREIGN_IUNKNOWN
#ifndef __IUnknown_INTERFACE_DEFINED__
#define __IUnknown_INTERFACE_DEFINED__
#define MAPIOFFLINE_DEFINES_IUNKNOWN IUnknown
#define MAPIOFFLINE_DEFINES_IUNKNOWN_VTBL IUnknownVtbl
#endif
#endif

#endif /* MAPIOFFLINE_NO_PLATFORM_TYPES */

#ifdef MAPIOFFLINE_FOREIGN_IUNKNOWN
#define MAPIOFFLINE_DEFINES_IUNKNOWN MAPIOFFLINE_UNKNOWN
#define MAPIOFFLINE_DEFINES_IUNKNOWN_VTBL MAPIOFFLINE_UNKNOWNVtbl
#endif

#ifdef MAPIOFFLINE_DEFINES_IUNKNOWN
#if defined(__cplusplus) && !defined(CINTERFACE)
/* No virtual destructor: it would take a slot. */
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
#endif
struct MAPIOFFLINE_DEFINES_IUNKNOWN {
    virtual HRESULT STDMETHODCALLTYPE QueryInterface(REFIID riid, void **ppvObject) = 0;
    virtual ULONG STDMETHODCALLTYPE AddRef() = 0;
    virtual ULONG STDMETHODCALLTYPE Release() = 0;
};
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
#else
typedef struct MAPIOFFLINE_DEFINES_IUNKNOWN MAPIOFFLINE_DEFINES_IUNKNOWN;
typedef struct MAPIOFFLINE_DEFINES_IUNKNOWN_VTBL {
    HRESULT(STDMETHODCALLTYPE *QueryInterface)(MAPIOFFLINE_DEFINES_IUNKNOWN *This, REFIID riid, void **ppvObject);
    ULONG(STDMETHODCALLTYPE *AddRef)(MAPIOFFLINE_DEFINES_IUNKNOWN *This);
    ULONG(STDMETHODCALLTYPE *Release)(MAPIOFFLINE_DEFINES_IUNKNOWN *This);
} MAPIOFFLINE_DEFINES_IUNKNOWN_VTBL;
struct MAPIOFFLINE_DEFINES_IUNKNOWN {
    const MAPIOFFLINE_DEFINES_IUNKNOWN_VTBL *lpVtbl;
};
#endif
#endif /* MAPIOFFLINE_DEFINES_IUNKNOWN */

#ifndef SUCCEEDED
#define SUCCEEDED(hr) ((HRESULT)(hr) >= 0)
#endif
#ifndef FAILED
#define FAILED(hr) ((HRESULT)(hr) < 0)
#endif

#endif /* _WIN32 */

/* COM's IUnknown: the base of the interfaces, and the type of the callbacks that clients pass. */
#ifdef MAPIOFFLINE_FOREIGN_IUNKNOWN
#define MAPIOFFLINE_IUNKNOWN MAPIOFFLINE_UNKNOWN
#else
#define MAPIOFFLINE_IUNKNOWN IUnknown
#endif

/* A UTF-16 unit and a byte of UTF-8, in the types of the literals u"..." and "...". */
#if defined(__cplusplus) && (__cplusplus >= 201103L || (defined(_MSC_VER) && _MSC_VER >= 1900))
typedef char16_t MAPIOFFLINE_CHAR16;
#else
typedef unsigned short MAPIOFFLINE_CHAR16;
#endif
typedef char MAPIOFFLINE_CHAR8;

/* A truth value of the ABI: 32 bits, whatever another header says that BOOL is. */
typedef int MAPIOFFLINE_BOOL;

/* Fails to compile where another header's types are not what the ABI needs. */
typedef char mapioffline_ulong_has_32_bits[sizeof(ULONG) == 4 ? 1 : -1];
typedef char mapioffline_hresult_has_32_bits[sizeof(HRESULT) == 4 ? 1 : -1];
typedef char mapioffline_guid_has_128_bits[sizeof(GUID) == 16 ? 1 : -1];
typedef char mapioffline_wchar_bits_is_right[sizeof(WCHAR) * 8 == MAPIOFFLINE_WCHAR_BITS ? 1 : -1];

#endif /* MAPIOFFLINE_PLATFORM_H */
