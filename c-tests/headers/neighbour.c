/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Another header that declares the identifiers and forward-declares the tags, before ours and (unless ONLY_BEFORE is
 * defined) after it. */
struct IMAPIOfflineMgr;
struct MAPIOFFLINE_CREATEINFO;

#ifdef __cplusplus
extern "C" {
#endif
struct _GUID;
extern const struct _GUID IID_IMAPIOffline;
extern const struct _GUID GUID_GlobalState;
#ifdef __cplusplus
}
#endif

#include <mapioffline.h>

#ifndef ONLY_BEFORE
#ifdef __cplusplus
extern "C" {
#endif
extern const GUID IID_IMAPIOfflineMgr;
extern const GUID IID_IUnknown;
#ifdef __cplusplus
}
#endif

struct IMAPIOfflineMgr;
struct MAPIOFFLINE_CREATEINFO;

/* DEFINE_GUID as it is without INITGUID. */
#ifdef DEFINE_GUID
/* The Windows headers define it. */
#elif defined(__cplusplus)
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8) extern "C" const GUID name
#else
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8) extern const GUID name
#endif
DEFINE_GUID(IID_IMAPIOfflineNotify, 0x0317BDE5, 0xFC29, 0x44CD, 0x8D, 0xCD, 0x36, 0x12, 0x5A, 0x3B, 0xE9, 0xEC);
#endif

const GUID *uses_them(void);

const GUID *uses_them(void) {
    return &IID_IMAPIOfflineNotify;
}
