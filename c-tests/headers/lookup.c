/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A client that loads the library, which LIBRARY names, and looks the exports up by the names of the header. */
#define MAPIOFFLINE_HROPENOFFLINEOBJ_POINTER
#include <mapioffline.h>

#include "neighbours.h"

#ifdef _WIN32
static void *find(const char *export_name) {
    FARPROC function = GetProcAddress(LoadLibraryA(LIBRARY), export_name);
    void *found = NULL;
    memcpy(&found, &function, sizeof(found)); /* ISO C has no conversion to an object pointer */
    return found;
}
#else
#include <dlfcn.h>

static void *find(const char *export_name) {
    return dlsym(dlopen(LIBRARY, RTLD_NOW), export_name);
}
#endif

int main(void) {
    static const WCHAR profile[] = {'L', 'o', 'o', 'k', 'u', 'p', 0};
    IMAPIOfflineMgr *manager = NULL;
    IMAPIOfflineMgr *global = NULL;
    void *found = find(MAPIOFFLINE_OPEN_NAME);
    HROPENOFFLINEOBJ open;
    HRESULT(STDMETHODCALLTYPE * get_global)(LPCWSTR, IMAPIOfflineMgr **);
    NEIGHBOUR_REQUIRE(found != NULL);
    memcpy(&open, &found, sizeof(open));
    found = find(MAPIOFFLINE_GLOBAL_NAME);
    NEIGHBOUR_REQUIRE(found != NULL);
    memcpy(&get_global, &found, sizeof(get_global));
#ifdef MAPIOFFLINE_CREATE_NAME
    NEIGHBOUR_REQUIRE(find(MAPIOFFLINE_CREATE_NAME) != NULL);
#endif
    /* The decorated name, which clients look up, is there on Windows alone. */
#ifdef _WIN32
    NEIGHBOUR_REQUIRE(find("HrOpenOfflineObj@20") == find("HrOpenOfflineObj"));
#else
    NEIGHBOUR_REQUIRE(find("HrOpenOfflineObj@20") == NULL);
#endif
    NEIGHBOUR_REQUIRE(open(0, profile, &GUID_GlobalState, NULL, &manager) == S_OK);
    NEIGHBOUR_REQUIRE(get_global(profile, &global) == S_OK && global == manager);
    IMAPIOfflineMgr_Release(global);
    return neighbour_hears_one_change(manager);
}
