/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* MAPI_E_... as enumerators, as in OpenChange and gromox: before our header, or after it (CODES_LAST). */
#ifdef CODES_LAST
#include <mapioffline.h>
#endif

typedef enum {
    MAPI_E_SUCCESS = 0,
    MAPI_E_NO_SUPPORT = (int)0x80040102,
    MAPI_E_UNKNOWN_FLAGS = (int)0x80040106,
    MAPI_E_NOT_FOUND = (int)0x8004010F,
    MAPI_E_NOT_ENOUGH_MEMORY = (int)0x8007000E,
    MAPI_E_INVALID_PARAMETER = (int)0x80070057
} MAPISTATUS;

#ifndef CODES_LAST
#include <mapioffline.h>
#endif

#include "neighbours.h"

#ifdef MAPIOFFLINE_NO_MAPI_CODES
/* Their enumerators keep their values and their type. */
static MAPISTATUS theirs(int found) {
    return found ? MAPI_E_SUCCESS : MAPI_E_NOT_FOUND;
}
#else
static int theirs(int found) {
    return found ? MAPI_E_SUCCESS : MAPI_E_NOT_FOUND;
}
#endif

int main(void) {
    static const GUID unknown_kind = {0x12345678, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};
    IMAPIOfflineMgr *manager = NULL;
    NEIGHBOUR_REQUIRE(HrOpenOfflineObj(0, L"Codes", &unknown_kind, NULL, &manager) == theirs(0));
    NEIGHBOUR_REQUIRE(HrOpenOfflineObj(1, L"Codes", &GUID_GlobalState, NULL, &manager) == MAPI_E_UNKNOWN_FLAGS);
    NEIGHBOUR_REQUIRE(HrOpenOfflineObj(0, L"Codes", NULL, NULL, &manager) == MAPI_E_INVALID_PARAMETER);
    NEIGHBOUR_REQUIRE(HrOpenOfflineObj(0, L"Codes", &GUID_GlobalState, NULL, &manager) == theirs(1));
    return neighbour_hears_one_change(manager);
}
