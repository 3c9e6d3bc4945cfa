/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef PROOFS_UNKNWN_H
#define PROOFS_UNKNWN_H

#include <windows.h>

#define __IUnknown_INTERFACE_DEFINED__
#if defined(__cplusplus) && !defined(CINTERFACE)
extern "C" const IID IID_IUnknown;
struct __declspec(uuid("00000000-0000-0000-C000-000000000046")) __declspec(novtable) IUnknown {
    virtual HRESULT STDMETHODCALLTYPE QueryInterface(REFIID riid, void **ppvObject) = 0;
    virtual ULONG STDMETHODCALLTYPE AddRef() = 0;
    virtual ULONG STDMETHODCALLTYPE Release() = 0;
};
#else
extern const IID IID_IUnknown;
typedef struct IUnknown IUnknown;
typedef struct IUnknownVtbl {
    HRESULT(STDMETHODCALLTYPE *QueryInterface)(IUnknown *This, REFIID riid, void **ppvObject);
    ULONG(STDMETHODCALLTYPE *AddRef)(IUnknown *This);
    ULONG(STDMETHODCALLTYPE *Release)(IUnknown *This);
} IUnknownVtbl;
struct IUnknown {
    const struct IUnknownVtbl *lpVtbl;
};
#endif

#endif /* PROOFS_UNKNWN_H */
