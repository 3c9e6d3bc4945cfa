// SPDX-License-Identifier: MIT OR Apache-2.0
// Uses __uuidof without linking a library of identifiers.
#include <mapioffline.h>

#include <cstring>

static bool same(REFIID a, REFIID b) {
    return std::memcmp(&a, &b, sizeof(a)) == 0;
}

int main() {
    return same(__uuidof(IMAPIOffline), IID_IMAPIOffline) && same(__uuidof(IMAPIOfflineMgr), IID_IMAPIOfflineMgr) &&
                   same(__uuidof(IMAPIOfflineNotify), IID_IMAPIOfflineNotify) && same(__uuidof(IUnknown), IID_IUnknown)
               ? 0
               : 1;
}
