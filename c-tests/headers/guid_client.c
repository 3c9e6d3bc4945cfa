/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A GUID with other members than the SDK's, before our header: of the kind of Samba and OpenChange (GUID_LIKE 1: the
 * structure alone, for C and C++), or of gromox (GUID_LIKE 2: methods, BOOL as a macro, another TRUE; C++ only). With
 * BOOL_LAST the last two come behind our header. */
#include <stdint.h>
#include <string.h>

#if GUID_LIKE == 2 && __cplusplus >= 202002L
#include <compare>
#endif

struct GUID {
#if GUID_LIKE == 2
    bool is_null() const {
        static const GUID null = {};
        return *this == null;
    }
#endif
    uint32_t time_low;
    uint16_t time_mid;
    uint16_t time_hi_and_version;
    uint8_t clock_seq[2];
    uint8_t node[6];
#if GUID_LIKE == 2
    bool operator==(const GUID &other) const {
        return memcmp(this, &other, sizeof(*this)) == 0;
    }
#if __cplusplus >= 202002L
    auto operator<=>(const GUID &) const = default;
#endif
#endif
};

#ifdef __cplusplus
#define GUID_DEFINED
#endif

#ifdef BOOL_LAST
#include <mapioffline.h>
#endif

#if GUID_LIKE == 2
#define BOOL long
#define TRUE (-1)
#define FALSE 0
#endif

#ifndef BOOL_LAST
#include <mapioffline.h>
#endif

#include <mapioffline/windows_compat.h>

#include "neighbours.h"

#ifdef __cplusplus
static uint32_t first_of(const GUID &guid) {
    return guid.time_low;
}
#else
static uint32_t first_of(GUID guid) { /* ours: in C theirs is `struct GUID` */
    return guid.Data1;
}
#endif

int main(void) {
    const unsigned char last[8] = {0x84, 0x2B, 0x96, 0xDC, 0xD3, 0x1E, 0x63, 0xD1};
    IMAPIOfflineMgr *manager = NULL;
    NEIGHBOUR_REQUIRE(first_of(GUID_GlobalState) == 0xFBEFFD93);
    NEIGHBOUR_REQUIRE(memcmp((const unsigned char *)&GUID_GlobalState + 8, last, sizeof(last)) == 0);
    NEIGHBOUR_REQUIRE(IsEqualGUID(NEIGHBOUR_REF(GUID_GlobalState), NEIGHBOUR_REF(GUID_GlobalState)));
#if GUID_LIKE == 2
    NEIGHBOUR_REQUIRE(!GUID_GlobalState.is_null() && sizeof(BOOL) == sizeof(long) && TRUE == -1);
#endif
    /* Strict hosting: their TRUE, of their type, is true. */
    MapiOfflineSetStrictHosting(TRUE);
    NEIGHBOUR_REQUIRE(HrOpenOfflineObj(0, L"Layouts", &GUID_GlobalState, NULL, &manager) == MAPI_E_NOT_FOUND);
    MapiOfflineSetStrictHosting(FALSE);
    NEIGHBOUR_REQUIRE(HrOpenOfflineObj(0, L"Layouts", &GUID_GlobalState, NULL, &manager) == S_OK);
    return neighbour_hears_one_change(manager);
}
