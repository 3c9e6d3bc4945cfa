/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the Windows SDK gives to a client that writes a sink, for the other platforms. mapioffline.h does not include it:
 * include it before or after that header. It defines nothing on Windows, and elsewhere only what is not defined yet: each
 * name has its own #ifndef. docs/porting.md goes through a Windows client line by line.
 *
 * If another header declares the types (MAPIOFFLINE_NO_PLATFORM_TYPES), this one declares none. INITGUID before it makes
 * DEFINE_GUID define. A client with comparisons of GUID of its own defines _SYS_GUID_OPERATOR_EQ_ first, as on Windows. */
#ifndef MAPIOFFLINE_WINDOWS_COMPAT_H
#define MAPIOFFLINE_WINDOWS_COMPAT_H

#ifndef _WIN32

#include <string.h>

#include "platform.h"

/* Types. A name that is a macro already is left alone too. LONG and DWORD have 32 bits, also where long has 64. */
#ifndef MAPIOFFLINE_NO_PLATFORM_TYPES
#ifndef BYTE
typedef unsigned char BYTE;
#endif
#ifndef WORD
typedef unsigned short WORD;
#endif
#ifndef DWORD
typedef unsigned int DWORD;
#endif
#ifndef LPDWORD
typedef DWORD *LPDWORD;
#endif
#ifndef UINT
typedef unsigned int UINT;
#endif
#ifndef INT
typedef int INT;
#endif
#ifndef LONG
typedef int LONG;
#endif
#ifndef LPLONG
typedef LONG *LPLONG;
#endif
#ifndef LPULONG
typedef ULONG *LPULONG;
#endif
#ifndef SCODE
typedef LONG SCODE;
#endif
#ifndef LPVOID
typedef void *LPVOID;
#endif
#ifndef LPCVOID
typedef const void *LPCVOID;
#endif
#ifndef CHAR
typedef char CHAR;
#endif
#ifndef LPSTR
typedef char *LPSTR;
#endif
#ifndef LPCSTR
typedef const char *LPCSTR;
#endif
#ifndef LPWSTR
typedef WCHAR *LPWSTR;
#endif
#ifndef CLSID
typedef GUID CLSID;
#endif
#ifndef LPGUID
typedef GUID *LPGUID;
#endif
#ifndef LPCIID
typedef const IID *LPCIID;
#endif
#if !defined(MAPIOFFLINE_FOREIGN_IUNKNOWN) && !defined(LPUNKNOWN)
typedef struct IUnknown *LPUNKNOWN;
#endif

/* The characters of tchar.h, of which _T and TEXT write literals. */
#ifndef TCHAR
#ifdef UNICODE
typedef WCHAR TCHAR;
#else
typedef char TCHAR;
#endif
#endif
#ifndef LPTSTR
typedef TCHAR *LPTSTR;
#endif
#ifndef LPCTSTR
typedef const TCHAR *LPCTSTR;
#endif
#endif /* MAPIOFFLINE_NO_PLATFORM_TYPES */

#ifndef TEXT
#ifdef UNICODE
#define TEXT(text) MAPIOFFLINE_WIDE(text)
/* A level more, so that a macro as argument is expanded first. */
#define MAPIOFFLINE_WIDE(text) L##text
#else
#define TEXT(text) text
#endif
#endif
#ifndef _T
#define _T(text) TEXT(text)
#endif

#ifndef VOID
#define VOID void
#endif
#ifndef CONST
#define CONST const
#endif
#ifndef FAR
#define FAR
#endif
#ifndef IN
#define IN
#endif
#ifndef OUT
#define OUT
#endif
#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif
#ifndef UNREFERENCED_PARAMETER
#define UNREFERENCED_PARAMETER(parameter) ((void)(parameter))
#endif

/* Calling conventions: there is one. */
#ifndef STDAPICALLTYPE
#define STDAPICALLTYPE STDMETHODCALLTYPE
#endif
#ifndef WINAPI
#define WINAPI STDMETHODCALLTYPE
#endif
#ifndef CALLBACK
#define CALLBACK STDMETHODCALLTYPE
#endif

#ifndef EXTERN_C
#ifdef __cplusplus
#define EXTERN_C extern "C"
#else
#define EXTERN_C extern
#endif
#endif
#ifndef STDAPI
#define STDAPI EXTERN_C HRESULT STDAPICALLTYPE
#endif
#ifndef STDAPI_
#define STDAPI_(type) EXTERN_C type STDAPICALLTYPE
#endif

/* Methods and interfaces, as basetyps.h writes them. */
#ifndef STDMETHODIMP
#define STDMETHODIMP HRESULT STDMETHODCALLTYPE
#endif
#ifndef STDMETHODIMP_
#define STDMETHODIMP_(type) type STDMETHODCALLTYPE
#endif
#if defined(__cplusplus) && !defined(CINTERFACE)
#ifndef STDMETHOD
#define STDMETHOD(method) virtual HRESULT STDMETHODCALLTYPE method
#endif
#ifndef STDMETHOD_
#define STDMETHOD_(type, method) virtual type STDMETHODCALLTYPE method
#endif
#ifndef PURE
#define PURE = 0
#endif
#ifndef THIS
#define THIS void
#endif
#ifndef THIS_
#define THIS_
#endif
#ifndef DECLARE_INTERFACE
#define DECLARE_INTERFACE(name) struct name
#endif
#ifndef DECLARE_INTERFACE_
#define DECLARE_INTERFACE_(name, base) struct name : public base
#endif
#else
#ifndef STDMETHOD
#define STDMETHOD(method) HRESULT(STDMETHODCALLTYPE *method)
#endif
#ifndef STDMETHOD_
#define STDMETHOD_(type, method) type(STDMETHODCALLTYPE *method)
#endif
#ifndef PURE
#define PURE
#endif
/* The client defines INTERFACE as the interface that it declares. */
#ifndef THIS
#define THIS INTERFACE *This
#endif
#ifndef THIS_
#define THIS_ INTERFACE *This,
#endif
#ifndef DECLARE_INTERFACE
#define DECLARE_INTERFACE(name)                                                                                        \
    typedef struct name {                                                                                              \
        const struct name##Vtbl *lpVtbl;                                                                               \
    } name;                                                                                                            \
    struct name##Vtbl
#endif
#ifndef DECLARE_INTERFACE_
#define DECLARE_INTERFACE_(name, base) DECLARE_INTERFACE(name)
#endif
#endif

/* Identifiers. */
#ifndef REFGUID
#define REFGUID REFIID
#endif
#ifndef REFCLSID
#define REFCLSID REFIID
#endif

#ifdef __cplusplus
static inline bool mapioffline_guids_are_equal(const GUID &left, const GUID &right) {
    return memcmp(&left, &right, sizeof(GUID)) == 0;
}

/* Only for this library's GUID: another header's may have comparisons. */
#if defined(MAPIOFFLINE_DEFINES_GUID) && !defined(_SYS_GUID_OPERATOR_EQ_)
#define _SYS_GUID_OPERATOR_EQ_
inline bool operator==(const GUID &left, const GUID &right) {
    return mapioffline_guids_are_equal(left, right);
}
inline bool operator!=(const GUID &left, const GUID &right) {
    return !mapioffline_guids_are_equal(left, right);
}
#endif
#else
static inline int mapioffline_guids_are_equal(const GUID *left, const GUID *right) {
    return memcmp(left, right, sizeof(GUID)) == 0;
}
#endif

#ifndef IsEqualGUID
#define IsEqualGUID(left, right) mapioffline_guids_are_equal(left, right)
#endif
#ifndef IsEqualIID
#define IsEqualIID(left, right) IsEqualGUID(left, right)
#endif
#ifndef IsEqualCLSID
#define IsEqualCLSID(left, right) IsEqualGUID(left, right)
#endif

#ifndef DEFINE_GUID
#ifdef INITGUID
/* Weak, so that several units may define one identifier; declared so first, as g++ refuses that on the definition. */
#ifdef __cplusplus
#define MAPIOFFLINE_DECLARE_GUID(name)                                                                                 \
    extern "C" {                                                                                                       \
    extern const GUID name __attribute__((weak));                                                                      \
    }
#else
#define MAPIOFFLINE_DECLARE_GUID(name) extern const GUID name __attribute__((weak));
#endif
#ifdef MAPIOFFLINE_DEFINES_GUID
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8)                                                   \
    MAPIOFFLINE_DECLARE_GUID(name) const GUID name = {l, w1, w2, {b1, b2, b3, b4, b5, b6, b7, b8}}
#else
/* Without inner braces this fits every layout. */
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8)                                                   \
    MAPIOFFLINE_DECLARE_GUID(name) const GUID name = {l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8}
#endif
#else
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8) EXTERN_C const GUID name
#endif
#endif
#ifndef DEFINE_OLEGUID
#define DEFINE_OLEGUID(name, l, w1, w2) DEFINE_GUID(name, l, w1, w2, 0xC0, 0, 0, 0, 0, 0, 0, 0x46)
#endif

/* Reference counts. They return the new value, for a counter of any integer type: clients use LONG, ULONG and long. */
#ifndef InterlockedIncrement
#define InterlockedIncrement(counter) __sync_add_and_fetch((counter), 1)
#endif
#ifndef InterlockedDecrement
#define InterlockedDecrement(counter) __sync_sub_and_fetch((counter), 1)
#endif

/* Results beyond those of mapioffline.h. */
#ifndef S_FALSE
#define S_FALSE ((HRESULT)1)
#endif
#ifndef NOERROR
#define NOERROR 0
#endif
#ifndef E_NOTIMPL
#define E_NOTIMPL ((HRESULT)0x80004001)
#endif
#ifndef E_POINTER
#define E_POINTER ((HRESULT)0x80004003)
#endif
#ifndef E_ABORT
#define E_ABORT ((HRESULT)0x80004004)
#endif
#ifndef E_ACCESSDENIED
#define E_ACCESSDENIED ((HRESULT)0x80070005)
#endif
#ifndef MAPIOFFLINE_NO_MAPI_CODES
#ifndef MAPI_E_CALL_FAILED
#define MAPI_E_CALL_FAILED ((HRESULT)0x80004005)
#endif
#ifndef MAPI_E_INTERFACE_NOT_SUPPORTED
#define MAPI_E_INTERFACE_NOT_SUPPORTED ((HRESULT)0x80004002)
#endif
#ifndef MAPI_E_NO_ACCESS
#define MAPI_E_NO_ACCESS ((HRESULT)0x80070005)
#endif
#endif

#endif /* _WIN32 */

#endif /* MAPIOFFLINE_WINDOWS_COMPAT_H */
