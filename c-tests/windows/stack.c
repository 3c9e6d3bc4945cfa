/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls every method and export once through the header (as C and as C++), and runs the client with its own declarations.
 * Then calls an object with the wrong calling convention, which the check must detect. */
#include "stack.h"

#include "../echo.h"
#include "../headers/neighbours.h"
#include "../legacy_client.h"

#include <mapioffline/testing.h>

#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif
int stack_calls;
int stack_faults;
#ifdef __cplusplus
}
#define CALL(object, method) (object)->method()
#else
#define CALL(object, method) (object)->lpVtbl->method(object)
#endif

/* The number of checked calls below. Shows that none of them is left out. */
enum { OF_HEADER = 55, OF_OTHERS = 20 };

static int lines_heard;

static void STDMETHODCALLTYPE hear_a_line(void *context, ULONG level, const MAPIOFFLINE_CHAR8 *message) {
    (void)context;
    (void)level;
    lines_heard += message[0] != 0;
}

static void through_the_header(void) {
    static const MAPIOFFLINE_CHAR16 utf16[] = {'S', 't', 'a', 'c', 'k', 0};
    IMAPIOfflineMgr *manager = NULL;
    IMAPIOfflineMgr *other = NULL;
    MAPIOFFLINE_CREATEINFO create;
    MAPIOFFLINE_ADVISEINFO info;
    void *offline = NULL;
    ULONG number = 0;
    ptrdiff_t handle = 0;
    memset(&create, 0, sizeof(create));
    memset(&info, 0, sizeof(info));
    create.ulSize = sizeof(create);
    create.pwszProfileName = L"Stack";
    info.ulSize = sizeof(info);
    info.pCallback = NEIGHBOUR_CALLBACK;
    info.ulAdviseTypes = MAPIOFFLINE_ADVISE_TYPE_STATECHANGE;
    info.ulStateMask = MAPIOFFLINE_STATE_ALL;
    (void)BALANCED(HrOpenOfflineObj(0, L"Stack", &GUID_GlobalState, NULL, &manager));
    (void)BALANCED(HrCreateOfflineObj(0, &create, &other));
    (void)BALANCED(IMAPIOfflineMgr_Release(other));
    (void)BALANCED(HrGetGlobalOffline(L"Stack", &other));
    (void)BALANCED(IMAPIOfflineMgr_Release(other));
    (void)BALANCED(MapiOfflineOpenUtf8(0, "Stack", &GUID_GlobalState, NULL, &other));
    (void)BALANCED(IMAPIOfflineMgr_Release(other));
    (void)BALANCED(MapiOfflineOpenUtf16(0, utf16, &GUID_GlobalState, NULL, &other));
    (void)BALANCED(IMAPIOfflineMgr_Release(other));
    (void)BALANCED(MapiOfflineCreateUtf16(0, &create, utf16, &other));
    (void)BALANCED(IMAPIOfflineMgr_Release(other));
    (void)BALANCED(MapiOfflineCreateUtf8(0, &create, "Stack", &other));
    (void)BALANCED(IMAPIOfflineMgr_Release(other));
    (void)BALANCED(MapiOfflineGetGlobalUtf16(utf16, &other));
    (void)BALANCED(IMAPIOfflineMgr_Release(other));
    (void)BALANCED(MapiOfflineGetGlobalUtf8("Stack", &other));
    (void)BALANCED(IMAPIOfflineMgr_Release(other));
    (void)BALANCED(MapiOfflineSetLogCallback(MAPIOFFLINE_LOG_TRACE, hear_a_line, NULL));
    (void)BALANCED((MapiOfflineSetStrictHosting(FALSE), 0));
    (void)BALANCED(MapiOfflineSetLogCallback(0, NULL, NULL));
    (void)BALANCED(MapiOfflineVersion());
    (void)BALANCED(MapiOfflineVersionString());
    (void)BALANCED(MapiOfflineLiveObjects());
    (void)BALANCED(MapiOfflineGetStoreStatus(&number, &number, &number, NULL, 0, NULL, 0));
    (void)BALANCED(MapiOfflineWaitUtf16(utf16, MAPIOFFLINE_STATE_ONLINE, 0));
    (void)BALANCED(MapiOfflineWaitUtf8("Stack", MAPIOFFLINE_STATE_ONLINE, 0));
    (void)BALANCED(MapiOfflineSettleUtf16(utf16, 10000, &number));
    (void)BALANCED(MapiOfflineSettleUtf8("Stack", 10000, &number));
    (void)BALANCED(MapiOfflineSetDelivery(MAPIOFFLINE_DELIVERY_NOTIFIERS));
    (void)BALANCED(MapiOfflineDispatch(0, 0, &number));
    (void)BALANCED(MapiOfflineGetDispatchHandle(&handle));
    (void)BALANCED(MapiOfflineAddFault("advise delayed 0ms", &number));
    (void)BALANCED(MapiOfflineGetFaultCounts(number, &number, NULL));
    (void)BALANCED(MapiOfflineSetVirtualClock(TRUE));
    (void)BALANCED(MapiOfflineAdvanceClock(1));
    (void)BALANCED(MapiOfflineSetVirtualClock(FALSE));
    (void)BALANCED(MapiOfflineRemoveFault(0));
    (void)BALANCED(IMAPIOfflineMgr_QueryInterface(manager, NEIGHBOUR_REF(IID_IMAPIOffline), &offline));
    (void)BALANCED(IMAPIOffline_AddRef((IMAPIOffline *)offline));
    (void)BALANCED(IMAPIOffline_Release((IMAPIOffline *)offline));
    (void)BALANCED(IMAPIOffline_Release((IMAPIOffline *)offline));
    (void)BALANCED(IMAPIOfflineMgr_GetCapabilities(manager, &number));
    (void)BALANCED(IMAPIOfflineMgr_GetCurrentState(manager, &number));
    (void)BALANCED(CALL(manager, Placeholder1));
    (void)BALANCED(IMAPIOfflineMgr_Advise(manager, 0, &info, &number));
    (void)BALANCED(IMAPIOfflineMgr_SetCurrentState(manager, MAPIOFFLINE_FLAG_BLOCK, 3, MAPIOFFLINE_STATE_OFFLINE, NULL));
    (void)BALANCED(IMAPIOfflineMgr_Unadvise(manager, 0, number));
    (void)BALANCED(CALL(manager, Placeholder2));
    (void)BALANCED(CALL(manager, Placeholder3));
    (void)BALANCED(CALL(manager, Placeholder4));
    (void)BALANCED(CALL(manager, Placeholder5));
    (void)BALANCED(CALL(manager, Placeholder6));
    (void)BALANCED(CALL(manager, Placeholder7));
    (void)BALANCED(CALL(manager, Placeholder8));
    (void)BALANCED(IMAPIOfflineMgr_Release(manager));
}

/* Leaves its arguments on the stack, unlike a stdcall function. */
static HRESULT __cdecl wrong_get_state(void *This, ULONG *state) {
    (void)This;
    *state = 1;
    return S_OK;
}

/* The same object with the right convention. The check must not report it. */
static void with_the_right_convention(void) {
    ULONG state = 0;
    (void)BALANCED(IMAPIOfflineMgr_GetCurrentState((IMAPIOfflineMgr *)(void *)&echo_manager, &state));
    (void)BALANCED(IMAPIOfflineNotify_AddRef((IMAPIOfflineNotify *)(void *)&echo_sink));
}

static void with_the_wrong_convention(void) {
    static echo_slot slots[16];
    static const echo_slot *object = slots;
    ULONG state = 0;
    memcpy(slots, echo_manager_slots, sizeof(slots));
    slots[5] = (echo_slot)wrong_get_state;
    (void)BALANCED(IMAPIOfflineMgr_GetCurrentState((IMAPIOfflineMgr *)(void *)&object, &state));
}

int main(void) {
    struct legacy_exports exports;
    HRESULT(STDMETHODCALLTYPE * open)(ULONG, LPCWSTR, const GUID *, const GUID *, IMAPIOfflineMgr **) = HrOpenOfflineObj;
    IMAPIOfflineMgr *manager = NULL;
    int of_header;
    memcpy(&exports.open, &open, sizeof(exports.open));
    through_the_header();
    of_header = stack_calls;
    neighbour_heard = 0;
    if (HrOpenOfflineObj(0, L"Neighbour", &GUID_GlobalState, NULL, &manager) != S_OK ||
        neighbour_hears_one_change(manager) != 0) {
        return 1;
    }
    with_the_right_convention();
    if (neighbour_heard != 123 || legacy_query_state(&exports, L"Legacy") != 2 ||
        legacy_watch_one_change(&exports, L"Legacy") != 123 || legacy_notify_returns_hresult(&exports, L"Returns") != 3) {
        printf("a client did not get what it should\n");
        return 1;
    }
    printf("%d calls through the header, %d with other declarations, %d left the stack pointer elsewhere\n", of_header,
           stack_calls - of_header, stack_faults);
    if (of_header != OF_HEADER || stack_calls - of_header != OF_OTHERS || lines_heard == 0 || stack_faults != 0) {
        return 1;
    }
    with_the_wrong_convention();
    if (stack_faults != 1) {
        printf("the wrong convention goes unnoticed\n");
        return 1;
    }
    return 0;
}
