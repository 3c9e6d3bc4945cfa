/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Codes and flags in MAPI's spelling. Included by mapioffline.h. Keep in sync with src/abi/mod.rs; c-tests/suite/abi.c
 * checks each value. (Reference: mapi-constants.) */
#ifndef MAPIOFFLINE_CODES_H
#define MAPIOFFLINE_CODES_H

#ifndef S_OK
#define S_OK ((HRESULT)0)
#endif
#ifndef E_NOINTERFACE
#define E_NOINTERFACE ((HRESULT)0x80004002)
#endif
#ifndef E_PENDING
#define E_PENDING ((HRESULT)0x8000000A)
#endif
#ifndef E_FAIL
#define E_FAIL ((HRESULT)0x80004005)
#endif
#ifndef E_UNEXPECTED
#define E_UNEXPECTED ((HRESULT)0x8000FFFF)
#endif
#ifndef E_INVALIDARG
#define E_INVALIDARG ((HRESULT)0x80070057)
#endif
#ifndef E_OUTOFMEMORY
#define E_OUTOFMEMORY ((HRESULT)0x8007000E)
#endif

#ifndef MAPIOFFLINE_NO_MAPI_CODES
#ifndef MAPI_E_NOT_FOUND
#define MAPI_E_NOT_FOUND ((HRESULT)0x8004010F)
#endif
#ifndef MAPI_E_UNKNOWN_FLAGS
#define MAPI_E_UNKNOWN_FLAGS ((HRESULT)0x80040106)
#endif
#ifndef MAPI_E_NO_SUPPORT
#define MAPI_E_NO_SUPPORT ((HRESULT)0x80040102)
#endif
#ifndef MAPI_E_DISK_ERROR
#define MAPI_E_DISK_ERROR ((HRESULT)0x80040116)
#endif
#ifndef MAPI_E_TIMEOUT
#define MAPI_E_TIMEOUT ((HRESULT)0x80040401)
#endif
#ifndef MAPI_E_INVALID_PARAMETER
#define MAPI_E_INVALID_PARAMETER E_INVALIDARG
#endif
#ifndef MAPI_E_NOT_ENOUGH_MEMORY
#define MAPI_E_NOT_ENOUGH_MEMORY E_OUTOFMEMORY
#endif
#endif /* MAPIOFFLINE_NO_MAPI_CODES */

/* The longest profile name, in UTF-16 units, without the terminator. */
#ifndef cchProfileNameMax
#define cchProfileNameMax 64
#endif

/* IMAPIOfflineMgr::Advise and ::Unadvise */
#define MAPIOFFLINE_ADVISE_DEFAULT ((ULONG)0)
#define MAPIOFFLINE_UNADVISE_DEFAULT ((ULONG)0)
#define MAPIOFFLINE_ADVISE_TYPE_STATECHANGE ((ULONG)1)

/* IMAPIOffline::GetCapabilities, MAPIOFFLINE_CREATEINFO::ulCapabilities: what the state can be changed to */
#define MAPIOFFLINE_CAPABILITY_OFFLINE ((ULONG)0x1)
#define MAPIOFFLINE_CAPABILITY_ONLINE ((ULONG)0x2)

/* IMAPIOffline::SetCurrentState: DEFAULT returns at once, BLOCK when the last STATECHANGE_DONE has returned */
#define MAPIOFFLINE_FLAG_DEFAULT ((ULONG)0x00000000)
#define MAPIOFFLINE_FLAG_BLOCK ((ULONG)0x00002000)

/* The state, and its mask */
#define MAPIOFFLINE_STATE_ALL ((ULONG)0x003F037F)
#define MAPIOFFLINE_STATE_OFFLINE_MASK ((ULONG)0x00000003)
#define MAPIOFFLINE_STATE_OFFLINE ((ULONG)0x00000001)
#define MAPIOFFLINE_STATE_ONLINE ((ULONG)0x00000002)

typedef enum {
    MAPIOFFLINE_CALLBACK_TYPE_NOTIFY = 0
} MAPIOFFLINE_CALLBACK_TYPE;

typedef enum {
    MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START = 1,
    MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE = 2,
    MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE = 3
} MAPIOFFLINE_NOTIFY_TYPE;

/* MapiOfflineSetLogCallback and MAPIOFFLINE_LOG_CALLBACK: the level of a line */
#define MAPIOFFLINE_LOG_ERROR ((ULONG)1)
#define MAPIOFFLINE_LOG_WARN ((ULONG)2)
#define MAPIOFFLINE_LOG_INFO ((ULONG)3)
#define MAPIOFFLINE_LOG_DEBUG ((ULONG)4)
#define MAPIOFFLINE_LOG_TRACE ((ULONG)5)

#endif /* MAPIOFFLINE_CODES_H */
