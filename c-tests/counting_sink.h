/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A sink that is never freed and counts its notifications, for programs without the harness. */
#ifndef COUNTING_SINK_H
#define COUNTING_SINK_H

#include <mapioffline.h>

#include <string.h>

static HRESULT STDMETHODCALLTYPE counting_query(IMAPIOfflineNotify *This, REFIID riid, void **out) {
    (void)riid;
    *out = This;
    return S_OK;
}
static ULONG STDMETHODCALLTYPE counting_reference(IMAPIOfflineNotify *This) {
    (void)This;
    return 1;
}
static int heard; /* on any thread: read it atomically */
static void STDMETHODCALLTYPE counting_notify(IMAPIOfflineNotify *This, const MAPIOFFLINE_NOTIFY *notification) {
    (void)This;
    (void)notification;
    __atomic_add_fetch(&heard, 1, __ATOMIC_SEQ_CST);
}
static const struct IMAPIOfflineNotifyVtbl counting_vtable = {counting_query, counting_reference, counting_reference,
                                                             counting_notify};
static IMAPIOfflineNotify counting_sink = {&counting_vtable};

static HRESULT advise(IMAPIOfflineMgr *object, ULONG *token) {
    MAPIOFFLINE_ADVISEINFO info;
    memset(&info, 0, sizeof(info));
    info.ulSize = sizeof(info);
    info.pCallback = (IUnknown *)(void *)&counting_sink;
    info.ulAdviseTypes = MAPIOFFLINE_ADVISE_TYPE_STATECHANGE;
    info.ulStateMask = MAPIOFFLINE_STATE_ALL;
    return IMAPIOfflineMgr_Advise(object, 0, &info, token);
}

#endif /* COUNTING_SINK_H */
