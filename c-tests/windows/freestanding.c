/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A client as MSVC compiles it, without MSVC's libraries: it links mapioffline.lib alone. It starts at its entry point, and
 * its exit status is the result of that. */
#include <mapioffline.h>

#ifdef __cplusplus
#define REF(iid) iid
extern "C"
#else
#define REF(iid) &iid
#endif
int start(void);

#define REQUIRE(number, condition)                                                                                     \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            return number;                                                                                             \
        }                                                                                                              \
    } while (0)

int start(void) {
    IMAPIOfflineMgr *manager = 0;
    void *offline = 0;
    ULONG state = 0;
    REQUIRE(1, HrOpenOfflineObj(0, L"Freestanding", &GUID_GlobalState, 0, &manager) == S_OK);
    REQUIRE(2, IMAPIOfflineMgr_SetCurrentState(manager, MAPIOFFLINE_FLAG_BLOCK, MAPIOFFLINE_STATE_OFFLINE_MASK,
                                               MAPIOFFLINE_STATE_OFFLINE, 0) == S_OK);
    REQUIRE(3, IMAPIOfflineMgr_QueryInterface(manager, REF(IID_IMAPIOffline), &offline) == S_OK);
    REQUIRE(4, IMAPIOfflineMgr_Release(manager) == 1);
    REQUIRE(5, IMAPIOffline_GetCurrentState((IMAPIOffline *)offline, &state) == S_OK);
    REQUIRE(6, state == MAPIOFFLINE_STATE_OFFLINE);
    REQUIRE(7, IMAPIOffline_Release((IMAPIOffline *)offline) == 0);
    REQUIRE(8, MapiOfflineVersion() == MAPIOFFLINE_VERSION_NUMBER);
    return 0;
}
