/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The structures of the API.
 * Written by `cargo xtask generate` from src/abi/structs.rs: change that. Included by mapioffline.h. */
#ifndef MAPIOFFLINE_STRUCTS_H
#define MAPIOFFLINE_STRUCTS_H

/* What a client registers for, passed to IMAPIOfflineMgr::Advise. It may be on the stack: the library keeps only the
 * sink's interface and the client token. (Reference: mapioffline_adviseinfo.) */
struct MAPIOFFLINE_ADVISEINFO {
    /* sizeof(MAPIOFFLINE_ADVISEINFO). A larger value is accepted and the tail ignored. */
    ULONG ulSize;
    /* The client's own number; every notification carries it in MAPIOFFLINE_NOTIFY::ulClientToken. */
    ULONG ulClientToken;
    /* MAPIOFFLINE_CALLBACK_TYPE_NOTIFY */
    MAPIOFFLINE_CALLBACK_TYPE CallbackType;
    /* Queried once for IID_IMAPIOfflineNotify; neither AddRef nor Release is called on this pointer itself. */
    MAPIOFFLINE_IUNKNOWN *pCallback;
    /* MAPIOFFLINE_ADVISE_TYPE_STATECHANGE */
    ULONG ulAdviseTypes;
    /* Must have a bit of MAPIOFFLINE_STATE_OFFLINE_MASK; other bits are ignored (MAPIOFFLINE_STATE_ALL is usual). */
    ULONG ulStateMask;
};

/* The change of state in a notification: MAPIOFFLINE_NOTIFY::Info.StateChange. */
struct MAPIOFFLINE_STATECHANGE {
    /* MAPIOFFLINE_STATE_OFFLINE_MASK */
    ULONG ulMask;
    /* MAPIOFFLINE_STATE_ONLINE or MAPIOFFLINE_STATE_OFFLINE: the state that the object leaves. */
    ULONG ulStateOld;
    /* MAPIOFFLINE_STATE_ONLINE or MAPIOFFLINE_STATE_OFFLINE: the state that the object enters. */
    ULONG ulStateNew;
};

/* The content of a notification; NotifyType selects the member. */
union MAPIOFFLINE_NOTIFY_INFO {
    /* For all three MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE types. */
    struct MAPIOFFLINE_STATECHANGE StateChange;
};

/* A notification. Valid until Notify returns. (Reference: mapioffline_notify.) */
struct MAPIOFFLINE_NOTIFY {
    /* sizeof(MAPIOFFLINE_NOTIFY) */
    ULONG ulSize;
    /* The phase of the transition: START, STATECHANGE or DONE. */
    MAPIOFFLINE_NOTIFY_TYPE NotifyType;
    /* MAPIOFFLINE_ADVISEINFO::ulClientToken as registered. */
    ULONG ulClientToken;
    /* What changes. */
    union MAPIOFFLINE_NOTIFY_INFO Info;
};

/* Makes the new object the inner object of an aggregate. (Reference: mapioffline_aggregateinfo.) */
struct MAPIOFFLINE_AGGREGATEINFO {
    /* sizeof(MAPIOFFLINE_AGGREGATEINFO). A larger value is accepted and the tail ignored. */
    ULONG ulSize;
    /* The outer object, to which the delegating unknown forwards. The inner object holds no reference on it. */
    MAPIOFFLINE_IUNKNOWN *pOuterObj;
    /* Null. */
    MAPIOFFLINE_IUNKNOWN *pRefTrackRoot;
};

/* The object to create, passed to HrCreateOfflineObj. (Reference: mapioffline_createinfo.) */
struct MAPIOFFLINE_CREATEINFO {
    /* sizeof(MAPIOFFLINE_CREATEINFO). A larger value is accepted and the tail ignored. */
    ULONG ulSize;
    /* MAPIOFFLINE_FLAG_DEFAULT */
    ULONG ulCreateFlags;
    /* The profile: 1 to 64 UTF-16 units after conversion. */
    LPCWSTR pwszProfileName;
    /* MAPIOFFLINE_CAPABILITY_OFFLINE, MAPIOFFLINE_CAPABILITY_ONLINE, both or neither: what the state can be changed to. */
    ULONG ulCapabilities;
    /* The type; null creates an anonymous object, which HrOpenOfflineObj never finds. */
    const GUID *pGUID;
    /* The instance of that type, or null. */
    const GUID *pInstance;
    /* The parent, whose changes the new object inherits, or null. The new object keeps it alive. */
    IMAPIOfflineMgr *pParent;
    /* Ignored, and not referenced. */
    MAPIOFFLINE_IUNKNOWN *pMAPISupport;
    /* Null, unless the new object is to be the inner object of an aggregate. */
    struct MAPIOFFLINE_AGGREGATEINFO *pAggregateInfo;
    /* Null. */
    MAPIOFFLINE_CONNECTINFO *pConnectInfo;
};

#endif /* MAPIOFFLINE_STRUCTS_H */
