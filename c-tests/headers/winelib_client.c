/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A Winelib program (winegcc, wineg++) that loads mapioffline.dll. With DIRECT_CALL it calls an export by its name, which
 * would reach the library of this platform. */
#include <windows.h>
#include <unknwn.h>

#include <mapioffline.h>
#include <mapioffline/windows_compat.h>

typedef HRESULT(STDMETHODCALLTYPE *open_function)(ULONG, LPCWSTR, const GUID *, const GUID *, IMAPIOfflineMgr **);

static const WCHAR name[] = {'W', 'i', 'n', 'e', 0};

int main(void) {
    IMAPIOfflineMgr *manager = NULL;
    const GUID *const all[] = {&IID_IUnknown, &IID_IMAPIOffline, &IID_IMAPIOfflineMgr, &IID_IMAPIOfflineNotify};
#ifdef DIRECT_CALL
    HRESULT hr = HrOpenOfflineObj(0, name, &GUID_GlobalState, NULL, &manager);
#else
    HMODULE library = LoadLibraryA("mapioffline.dll");
    open_function open = (open_function)(void *)GetProcAddress(library, MAPIOFFLINE_OPEN_NAME);
    HRESULT hr = open(0, name, &GUID_GlobalState, NULL, &manager);
#endif
    return FAILED(hr) || all[0]->Data1 != 0;
}
