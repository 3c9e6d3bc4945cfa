/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Forward declarations of every tag of the API. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_FORWARD_H
#define MAPIOFFLINE_FORWARD_H

typedef struct MAPIOFFLINE_ADVISEINFO MAPIOFFLINE_ADVISEINFO;
typedef struct MAPIOFFLINE_STATECHANGE MAPIOFFLINE_STATECHANGE;
typedef union MAPIOFFLINE_NOTIFY_INFO MAPIOFFLINE_NOTIFY_INFO;
typedef struct MAPIOFFLINE_NOTIFY MAPIOFFLINE_NOTIFY;
typedef struct MAPIOFFLINE_AGGREGATEINFO MAPIOFFLINE_AGGREGATEINFO;
typedef struct MAPIOFFLINE_CREATEINFO MAPIOFFLINE_CREATEINFO;
/* Only ever a null pointer. */
typedef struct MAPIOFFLINE_CONNECTINFO MAPIOFFLINE_CONNECTINFO;
typedef struct IMAPIOffline IMAPIOffline;
typedef struct IMAPIOfflineMgr IMAPIOfflineMgr;
typedef struct IMAPIOfflineNotify IMAPIOfflineNotify;
typedef struct IMAPIOfflineVtbl IMAPIOfflineVtbl;
typedef struct IMAPIOfflineMgrVtbl IMAPIOfflineMgrVtbl;
typedef struct IMAPIOfflineNotifyVtbl IMAPIOfflineNotifyVtbl;
typedef IMAPIOffline *LPMAPIOFFLINE;
typedef IMAPIOfflineMgr *LPMAPIOFFLINEMGR;
typedef IMAPIOfflineNotify *LPMAPIOFFLINENOTIFY;

#endif /* MAPIOFFLINE_FORWARD_H */
