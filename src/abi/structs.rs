//! The structures of the API, as the reference lays them out.

use super::*;

/// What a client registers for, passed to IMAPIOfflineMgr::Advise. It may be on the stack: the library keeps only the
/// sink's interface and the client token. (Reference: mapioffline_adviseinfo.)
#[repr(C)]
#[derive(Clone, Copy)]
pub struct MAPIOFFLINE_ADVISEINFO {
    /// sizeof(MAPIOFFLINE_ADVISEINFO). A larger value is accepted and the tail ignored.
    pub ulSize: ULONG,
    /// The client's own number; every notification carries it in MAPIOFFLINE_NOTIFY::ulClientToken.
    pub ulClientToken: ULONG,
    /// MAPIOFFLINE_CALLBACK_TYPE_NOTIFY
    pub CallbackType: MAPIOFFLINE_CALLBACK_TYPE,
    /// Queried once for IID_IMAPIOfflineNotify; neither AddRef nor Release is called on this pointer itself.
    pub pCallback: *mut IUnknown,
    /// MAPIOFFLINE_ADVISE_TYPE_STATECHANGE
    pub ulAdviseTypes: ULONG,
    /// Must have a bit of MAPIOFFLINE_STATE_OFFLINE_MASK; other bits are ignored (MAPIOFFLINE_STATE_ALL is usual).
    pub ulStateMask: ULONG,
}

/// The change of state in a notification: MAPIOFFLINE_NOTIFY::Info.StateChange.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct MAPIOFFLINE_STATECHANGE {
    /// MAPIOFFLINE_STATE_OFFLINE_MASK
    pub ulMask: ULONG,
    /// MAPIOFFLINE_STATE_ONLINE or MAPIOFFLINE_STATE_OFFLINE: the state that the object leaves.
    pub ulStateOld: ULONG,
    /// MAPIOFFLINE_STATE_ONLINE or MAPIOFFLINE_STATE_OFFLINE: the state that the object enters.
    pub ulStateNew: ULONG,
}

/// The content of a notification; NotifyType selects the member.
#[repr(C)]
#[derive(Clone, Copy)]
pub union MAPIOFFLINE_NOTIFY_INFO {
    /// For all three MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE types.
    pub StateChange: MAPIOFFLINE_STATECHANGE,
}

/// A notification. Valid until Notify returns. (Reference: mapioffline_notify.)
#[repr(C)]
#[derive(Clone, Copy)]
pub struct MAPIOFFLINE_NOTIFY {
    /// sizeof(MAPIOFFLINE_NOTIFY)
    pub ulSize: ULONG,
    /// The phase of the transition: START, STATECHANGE or DONE.
    pub NotifyType: MAPIOFFLINE_NOTIFY_TYPE,
    /// MAPIOFFLINE_ADVISEINFO::ulClientToken as registered.
    pub ulClientToken: ULONG,
    /// What changes.
    pub Info: MAPIOFFLINE_NOTIFY_INFO,
}

/// Makes the new object the inner object of an aggregate. (Reference: mapioffline_aggregateinfo.)
#[repr(C)]
#[derive(Clone, Copy)]
pub struct MAPIOFFLINE_AGGREGATEINFO {
    /// sizeof(MAPIOFFLINE_AGGREGATEINFO). A larger value is accepted and the tail ignored.
    pub ulSize: ULONG,
    /// The outer object, to which the delegating unknown forwards. The inner object holds no reference on it.
    pub pOuterObj: *mut IUnknown,
    /// Null.
    pub pRefTrackRoot: *mut IUnknown,
}

/// The object to create, passed to HrCreateOfflineObj. (Reference: mapioffline_createinfo.)
#[repr(C)]
#[derive(Clone, Copy)]
pub struct MAPIOFFLINE_CREATEINFO {
    /// sizeof(MAPIOFFLINE_CREATEINFO). A larger value is accepted and the tail ignored.
    pub ulSize: ULONG,
    /// MAPIOFFLINE_FLAG_DEFAULT
    pub ulCreateFlags: ULONG,
    /// The profile: 1 to 64 UTF-16 units after conversion.
    pub pwszProfileName: LPCWSTR,
    /// MAPIOFFLINE_CAPABILITY_OFFLINE, MAPIOFFLINE_CAPABILITY_ONLINE, both or neither: what the state can be changed to.
    pub ulCapabilities: ULONG,
    /// The type; null creates an anonymous object, which HrOpenOfflineObj never finds.
    pub pGUID: *const GUID,
    /// The instance of that type, or null.
    pub pInstance: *const GUID,
    /// The parent, whose changes the new object inherits, or null. The new object keeps it alive.
    pub pParent: *mut IMAPIOfflineMgr,
    /// Ignored, and not referenced.
    pub pMAPISupport: *mut IUnknown,
    /// Null, unless the new object is to be the inner object of an aggregate.
    pub pAggregateInfo: *mut MAPIOFFLINE_AGGREGATEINFO,
    /// Null.
    pub pConnectInfo: *mut MAPIOFFLINE_CONNECTINFO,
}
