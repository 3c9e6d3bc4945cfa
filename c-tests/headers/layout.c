/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Prints the content of abi/layout-*.txt: sizes, offsets, and the slot that each method of an interface calls. */
#include <mapioffline.h>

#include "../echo.h"

#include <stddef.h>
#include <stdio.h>

#define SIZE(type) printf("%s size %u\n", #type, (unsigned)sizeof(type))
#define MEMBER(type, member) printf("%s.%s %u\n", #type, #member, (unsigned)offsetof(type, member))

#ifdef __cplusplus
#define REF(iid) iid
#define CALL(method) (echo->method())
#else
#define REF(iid) &iid
#define CALL(method) (echo->lpVtbl->method(echo))
#endif
#define SLOT(interface, method, call) printf("%s %2u %s\n", #interface, (unsigned)(call), #method)

#define UNKNOWN(interface)                                                                                             \
    SLOT(interface, QueryInterface, IMAPIOffline_QueryInterface(echo, REF(IID_IUnknown), NULL));                       \
    SLOT(interface, AddRef, IMAPIOffline_AddRef(echo));                                                                \
    SLOT(interface, Release, IMAPIOffline_Release(echo))
#define OFFLINE_METHODS(interface)                                                                                     \
    SLOT(interface, SetCurrentState, IMAPIOffline_SetCurrentState(echo, 0, 0, 0, NULL));                               \
    SLOT(interface, GetCapabilities, IMAPIOffline_GetCapabilities(echo, NULL));                                        \
    SLOT(interface, GetCurrentState, IMAPIOffline_GetCurrentState(echo, NULL));                                        \
    SLOT(interface, Placeholder1, CALL(Placeholder1))

static void offline_slots(IMAPIOffline *echo) {
    UNKNOWN(IMAPIOffline);
    OFFLINE_METHODS(IMAPIOffline);
}

static void manager_slots(IMAPIOfflineMgr *echo) {
    UNKNOWN(IMAPIOfflineMgr);
    OFFLINE_METHODS(IMAPIOfflineMgr);
    SLOT(IMAPIOfflineMgr, Advise, IMAPIOfflineMgr_Advise(echo, 0, NULL, NULL));
    SLOT(IMAPIOfflineMgr, Unadvise, IMAPIOfflineMgr_Unadvise(echo, 0, 0));
    SLOT(IMAPIOfflineMgr, Placeholder2, CALL(Placeholder2));
    SLOT(IMAPIOfflineMgr, Placeholder3, CALL(Placeholder3));
    SLOT(IMAPIOfflineMgr, Placeholder4, CALL(Placeholder4));
    SLOT(IMAPIOfflineMgr, Placeholder5, CALL(Placeholder5));
    SLOT(IMAPIOfflineMgr, Placeholder6, CALL(Placeholder6));
    SLOT(IMAPIOfflineMgr, Placeholder7, CALL(Placeholder7));
    SLOT(IMAPIOfflineMgr, Placeholder8, CALL(Placeholder8));
}

static void notify_slots(IMAPIOfflineNotify *echo) {
    UNKNOWN(IMAPIOfflineNotify);
    IMAPIOfflineNotify_Notify(echo, NULL);
    SLOT(IMAPIOfflineNotify, Notify, echo_last);
}

int main(void) {
    void *echo = (void *)&echo_manager;
    SIZE(MAPIOFFLINE_ADVISEINFO);
    MEMBER(MAPIOFFLINE_ADVISEINFO, ulSize);
    MEMBER(MAPIOFFLINE_ADVISEINFO, ulClientToken);
    MEMBER(MAPIOFFLINE_ADVISEINFO, CallbackType);
    MEMBER(MAPIOFFLINE_ADVISEINFO, pCallback);
    MEMBER(MAPIOFFLINE_ADVISEINFO, ulAdviseTypes);
    MEMBER(MAPIOFFLINE_ADVISEINFO, ulStateMask);
    SIZE(MAPIOFFLINE_NOTIFY);
    MEMBER(MAPIOFFLINE_NOTIFY, ulSize);
    MEMBER(MAPIOFFLINE_NOTIFY, NotifyType);
    MEMBER(MAPIOFFLINE_NOTIFY, ulClientToken);
    MEMBER(MAPIOFFLINE_NOTIFY, Info.StateChange.ulMask);
    MEMBER(MAPIOFFLINE_NOTIFY, Info.StateChange.ulStateOld);
    MEMBER(MAPIOFFLINE_NOTIFY, Info.StateChange.ulStateNew);
    SIZE(MAPIOFFLINE_CREATEINFO);
    MEMBER(MAPIOFFLINE_CREATEINFO, ulSize);
    MEMBER(MAPIOFFLINE_CREATEINFO, ulCreateFlags);
    MEMBER(MAPIOFFLINE_CREATEINFO, pwszProfileName);
    MEMBER(MAPIOFFLINE_CREATEINFO, ulCapabilities);
    MEMBER(MAPIOFFLINE_CREATEINFO, pGUID);
    MEMBER(MAPIOFFLINE_CREATEINFO, pInstance);
    MEMBER(MAPIOFFLINE_CREATEINFO, pParent);
    MEMBER(MAPIOFFLINE_CREATEINFO, pMAPISupport);
    MEMBER(MAPIOFFLINE_CREATEINFO, pAggregateInfo);
    MEMBER(MAPIOFFLINE_CREATEINFO, pConnectInfo);
    SIZE(MAPIOFFLINE_AGGREGATEINFO);
    MEMBER(MAPIOFFLINE_AGGREGATEINFO, ulSize);
    MEMBER(MAPIOFFLINE_AGGREGATEINFO, pOuterObj);
    MEMBER(MAPIOFFLINE_AGGREGATEINFO, pRefTrackRoot);
    offline_slots((IMAPIOffline *)echo);
    manager_slots((IMAPIOfflineMgr *)echo);
    notify_slots((IMAPIOfflineNotify *)(void *)&echo_sink);
    return 0;
}
