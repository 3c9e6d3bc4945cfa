/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A C runtime that an old plug-in brought is unloaded with it. It would call the exit handlers that were registered with it,
 * in a process that goes on. Argument 1: the runtime. */
#include <mapioffline.h>

#include <stdio.h>
#include <string.h>

static int heard;
static HRESULT STDMETHODCALLTYPE query(IMAPIOfflineNotify *This, REFIID riid, void **out) {
    (void)riid;
    *out = This;
    return S_OK;
}
static ULONG STDMETHODCALLTYPE count(IMAPIOfflineNotify *This) {
    (void)This;
    return 1;
}
static void STDMETHODCALLTYPE notify(IMAPIOfflineNotify *This, const MAPIOFFLINE_NOTIFY *notification) {
    (void)This;
    (void)notification;
    heard++;
}
static const struct IMAPIOfflineNotifyVtbl vtable = {query, count, count, notify};
static IMAPIOfflineNotify sink = {&vtable};

int main(int argc, char **argv) {
    HMODULE runtime = argc > 1 ? LoadLibraryA(argv[1]) : NULL;
    IMAPIOfflineMgr *object = NULL;
    MAPIOFFLINE_ADVISEINFO info;
    ULONG token = 0;
    int stays;
    memset(&info, 0, sizeof(info));
    info.ulSize = sizeof(info);
    info.pCallback = (IUnknown *)(void *)&sink;
    info.ulAdviseTypes = MAPIOFFLINE_ADVISE_TYPE_STATECHANGE;
    info.ulStateMask = MAPIOFFLINE_STATE_ALL;
    if (runtime == NULL) {
        printf("%s cannot be loaded: error %lu\n", argc > 1 ? argv[1] : "no runtime", GetLastError());
        return 1;
    }
    if (HrOpenOfflineObj(0, L"Runtime", &GUID_GlobalState, NULL, &object) != S_OK ||
        IMAPIOfflineMgr_Advise(object, 0, &info, &token) != S_OK) {
        return 1;
    }
    FreeLibrary(runtime);
    stays = GetModuleHandleA(argv[1]) != NULL;
    IMAPIOfflineMgr_SetCurrentState(object, MAPIOFFLINE_FLAG_BLOCK, 3, 1, NULL);
    if (!stays || heard != 3) {
        printf("the runtime is %s, %d notifications\n", stays ? "loaded" : "unloaded", heard);
        return 1;
    }
    return IMAPIOfflineMgr_Release(object) == 0 ? 0 : 1;
}
