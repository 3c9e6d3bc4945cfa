//! The contract's layouts, asserted when the library is compiled. c-tests/suite/abi.c asserts them for the header.

use std::mem::{offset_of, size_of};

use super::*;

/// The value for 64-bit or for 32-bit pointers.
const fn by_pointer(wide: usize, narrow: usize) -> usize {
    if size_of::<*const u8>() == 8 { wide } else { narrow }
}

const fn slot(index: usize) -> usize {
    index * size_of::<*const u8>()
}

const _: () = {
    assert!(size_of::<GUID>() == 16);

    assert!(size_of::<MAPIOFFLINE_ADVISEINFO>() == by_pointer(32, 24));
    assert!(offset_of!(MAPIOFFLINE_ADVISEINFO, ulSize) == 0);
    assert!(offset_of!(MAPIOFFLINE_ADVISEINFO, ulClientToken) == 4);
    assert!(offset_of!(MAPIOFFLINE_ADVISEINFO, CallbackType) == 8);
    assert!(offset_of!(MAPIOFFLINE_ADVISEINFO, pCallback) == by_pointer(16, 12));
    assert!(offset_of!(MAPIOFFLINE_ADVISEINFO, ulAdviseTypes) == by_pointer(24, 16));
    assert!(offset_of!(MAPIOFFLINE_ADVISEINFO, ulStateMask) == by_pointer(28, 20));

    assert!(size_of::<MAPIOFFLINE_NOTIFY>() == 24);
    assert!(offset_of!(MAPIOFFLINE_NOTIFY, ulSize) == 0);
    assert!(offset_of!(MAPIOFFLINE_NOTIFY, NotifyType) == 4);
    assert!(offset_of!(MAPIOFFLINE_NOTIFY, ulClientToken) == 8);
    assert!(offset_of!(MAPIOFFLINE_NOTIFY, Info) == 12);
    assert!(offset_of!(MAPIOFFLINE_STATECHANGE, ulMask) == 0);
    assert!(offset_of!(MAPIOFFLINE_STATECHANGE, ulStateOld) == 4);
    assert!(offset_of!(MAPIOFFLINE_STATECHANGE, ulStateNew) == 8);

    assert!(size_of::<MAPIOFFLINE_CREATEINFO>() == by_pointer(72, 40));
    assert!(offset_of!(MAPIOFFLINE_CREATEINFO, ulSize) == 0);
    assert!(offset_of!(MAPIOFFLINE_CREATEINFO, ulCreateFlags) == 4);
    assert!(offset_of!(MAPIOFFLINE_CREATEINFO, pwszProfileName) == 8);
    assert!(offset_of!(MAPIOFFLINE_CREATEINFO, ulCapabilities) == by_pointer(16, 12));
    assert!(offset_of!(MAPIOFFLINE_CREATEINFO, pGUID) == by_pointer(24, 16));
    assert!(offset_of!(MAPIOFFLINE_CREATEINFO, pInstance) == by_pointer(32, 20));
    assert!(offset_of!(MAPIOFFLINE_CREATEINFO, pParent) == by_pointer(40, 24));
    assert!(offset_of!(MAPIOFFLINE_CREATEINFO, pMAPISupport) == by_pointer(48, 28));
    assert!(offset_of!(MAPIOFFLINE_CREATEINFO, pAggregateInfo) == by_pointer(56, 32));
    assert!(offset_of!(MAPIOFFLINE_CREATEINFO, pConnectInfo) == by_pointer(64, 36));

    assert!(size_of::<MAPIOFFLINE_AGGREGATEINFO>() == by_pointer(24, 12));
    assert!(offset_of!(MAPIOFFLINE_AGGREGATEINFO, ulSize) == 0);
    assert!(offset_of!(MAPIOFFLINE_AGGREGATEINFO, pOuterObj) == by_pointer(8, 4));
    assert!(offset_of!(MAPIOFFLINE_AGGREGATEINFO, pRefTrackRoot) == by_pointer(16, 8));

    assert!(size_of::<IUnknownVtbl>() == slot(3));
    assert!(size_of::<IMAPIOfflineVtbl>() == slot(7));
    assert!(size_of::<IMAPIOfflineMgrVtbl>() == slot(16));
    assert!(size_of::<IMAPIOfflineNotifyVtbl>() == slot(4));
    assert!(offset_of!(IMAPIOfflineMgrVtbl, Release) == slot(2));
    assert!(offset_of!(IMAPIOfflineMgrVtbl, SetCurrentState) == slot(3));
    assert!(offset_of!(IMAPIOfflineMgrVtbl, GetCapabilities) == slot(4));
    assert!(offset_of!(IMAPIOfflineMgrVtbl, GetCurrentState) == slot(5));
    assert!(offset_of!(IMAPIOfflineMgrVtbl, Placeholder1) == slot(6));
    assert!(offset_of!(IMAPIOfflineMgrVtbl, Advise) == slot(7));
    assert!(offset_of!(IMAPIOfflineMgrVtbl, Unadvise) == slot(8));
    assert!(offset_of!(IMAPIOfflineMgrVtbl, Placeholder2) == slot(9));
    assert!(offset_of!(IMAPIOfflineMgrVtbl, Placeholder8) == slot(15));
    assert!(offset_of!(IMAPIOfflineNotifyVtbl, Notify) == slot(3));
};
