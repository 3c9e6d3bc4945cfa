/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A plug-in of a host. It links the static library, and exports only this function. */
#include <mapioffline.h>

#if defined(_WIN32)
#define VISIBLE __declspec(dllexport)
#elif defined(__GNUC__)
#define VISIBLE __attribute__((visibility("default")))
#else
#define VISIBLE
#endif

VISIBLE HRESULT plugin_open(LPCWSTR profile, const GUID *kind, IMAPIOfflineMgr *parent, IMAPIOfflineMgr **object);

/* Creates a child if `parent` is not null, and opens an object otherwise. */
HRESULT plugin_open(LPCWSTR profile, const GUID *kind, IMAPIOfflineMgr *parent, IMAPIOfflineMgr **object) {
    if (parent != NULL) {
        MAPIOFFLINE_CREATEINFO info = {sizeof(info), 0, NULL, 3, NULL, NULL, NULL, NULL, NULL, NULL};
        info.pwszProfileName = profile;
        info.pParent = parent;
        return HrCreateOfflineObj(0, &info, object);
    }
    return HrOpenOfflineObj(0, profile, kind, NULL, object);
}
