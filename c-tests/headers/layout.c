/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Prints what abi/layout-*.txt holds: sizes and offsets, and each interface's slots as its own view calls them. */
#include <mapioffline.h>

#include <stddef.h>
#include <stdio.h>

#define SIZE(type) printf("%s size %u\n", #type, (unsigned)sizeof(type))
#define MEMBER(type, member) printf("%s.%s %u\n", #type, #member, (unsigned)offsetof(type, member))

/* Every slot gives and notes its number; what it is called with is nothing to it. */
static HRESULT last;
#define ECHO(number)                                                                                                   \
    static HRESULT STDMETHODCALLTYPE echo_##number(void) {                                                             \
        return last = number;                                                                                          \
    }
ECHO(0) ECHO(1) ECHO(2) ECHO(3) ECHO(4) ECHO(5) ECHO(6) ECHO(7)
ECHO(8) ECHO(9) ECHO(10) ECHO(11) ECHO(12) ECHO(13) ECHO(14) ECHO(15)

typedef HRESULT(STDMETHODCALLTYPE *slot)(void);
static const slot slots[16] = {echo_0, echo_1, echo_2,  echo_3,  echo_4,  echo_5,  echo_6,  echo_7,
                               echo_8, echo_9, echo_10, echo_11, echo_12, echo_13, echo_14, echo_15};
static const slot *object = slots;

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
    SLOT(IMAPIOfflineNotify, Notify, last);
}

int main(void) {
    void *echo = (void *)&object;
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
    notify_slots((IMAPIOfflineNotify *)echo);
    return 0;
}
