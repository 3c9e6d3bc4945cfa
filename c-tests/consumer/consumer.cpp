// SPDX-License-Identifier: MIT OR Apache-2.0
// Somebody's program in C++, built against the installed package.
#include <mapioffline.h>

#include <iostream>
#include <string>

int main() {
    const std::wstring profile = L"Outlook";
    IMAPIOfflineMgr *manager = nullptr;
    ULONG state = 0;
    if (FAILED(HrOpenOfflineObj(0, profile.c_str(), &GUID_GlobalState, nullptr, &manager)) ||
        manager->SetCurrentState(MAPIOFFLINE_FLAG_BLOCK, MAPIOFFLINE_STATE_OFFLINE_MASK, MAPIOFFLINE_STATE_OFFLINE,
                                 nullptr) != S_OK ||
        FAILED(manager->GetCurrentState(&state)) || state != MAPIOFFLINE_STATE_OFFLINE) {
        return 1;
    }
    std::cout << "C++: mapioffline " << MapiOfflineVersionString() << ", offline" << std::endl;
    return static_cast<int>(manager->Release());
}
