/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef STUB_LIBRARY_H
#define STUB_LIBRARY_H

/* MAPI_E_CALL_FAILED */
#define STUB_FAILED ((HRESULT)0x80004005)

#ifdef __cplusplus
extern "C" {
#endif
HRESULT STDMETHODCALLTYPE MAPIInitialize(void *pMapiInit);
#ifdef __cplusplus
}
#endif

#endif /* STUB_LIBRARY_H */
