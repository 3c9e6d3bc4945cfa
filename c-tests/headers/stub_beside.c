/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A program that links the substitute for MAPIStubLibrary and this library, in either order. With MAPIOFFLINE_OWN_NAMES the
 * source stays as it is; without it the name HrOpenOfflineObj means the stub library's, and ours is called by a name of its
 * own. */
#include <mapioffline.h>

#include "neighbours.h"
#include "stub_library.h"

int main(void) {
    IMAPIOfflineMgr *manager = NULL;
    NEIGHBOUR_REQUIRE(MAPIInitialize(NULL) == STUB_FAILED);
#ifdef MAPIOFFLINE_OWN_NAMES
    {
        static const WCHAR name[] = {'B', 'e', 's', 'i', 'd', 'e', 0};
        HRESULT(STDMETHODCALLTYPE * open)
        (ULONG, LPCWSTR, const GUID *, const GUID *, IMAPIOfflineMgr **) = HrOpenOfflineObj;
        NEIGHBOUR_REQUIRE(HrCreateOfflineObj(0, NULL, &manager) == E_INVALIDARG);
        NEIGHBOUR_REQUIRE(open(0, name, &GUID_GlobalState, NULL, &manager) == S_OK);
    }
#else
    NEIGHBOUR_REQUIRE(HrOpenOfflineObj(0, L"Beside", &GUID_GlobalState, NULL, &manager) == STUB_FAILED);
    NEIGHBOUR_REQUIRE(MapiOfflineOpenUtf8(0, "Beside", &GUID_GlobalState, NULL, &manager) == S_OK);
#endif
    return neighbour_hears_one_change(manager);
}
