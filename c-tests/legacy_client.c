/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Complete declarations of its own, from the prose of the reference, as every published client has them. */
#include "legacy_client.h"

#include <string.h>

#ifdef LEGACY_CHECKS_STACK
#include "windows/stack.h"
#else
#define BALANCED(call) (call)
#endif

#if defined(_WIN32) && !defined(_WIN64)
#define METHOD __stdcall
#else
#define METHOD
#endif

typedef unsigned int ulong32;
typedef int result;
typedef struct {
    unsigned int a;
    unsigned short b, c;
    unsigned char d[8];
} guid;

struct notify_info {
    ulong32 ulSize;
    int NotifyType;
    ulong32 ulClientToken;
    ulong32 ulMask, ulStateOld, ulStateNew;
};

struct notify_sink;
struct notify_vtable {
    result(METHOD *query)(struct notify_sink *, const guid *, void **);
    ulong32(METHOD *add_ref)(struct notify_sink *);
    ulong32(METHOD *release)(struct notify_sink *);
    void *notify;
};
struct notify_sink {
    const struct notify_vtable *vtable;
    int count;
    int types;
    int refs;
};

struct advise_info {
    ulong32 ulSize;
    ulong32 ulClientToken;
    int CallbackType;
    struct notify_sink *pCallback;
    ulong32 ulAdviseTypes;
    ulong32 ulStateMask;
};

struct manager;
struct manager_vtable {
    result(METHOD *query)(struct manager *, const guid *, void **);
    ulong32(METHOD *add_ref)(struct manager *);
    ulong32(METHOD *release)(struct manager *);
    result(METHOD *set_state)(struct manager *, ulong32, ulong32, ulong32, void *);
    result(METHOD *get_capabilities)(struct manager *, ulong32 *);
    result(METHOD *get_state)(struct manager *, ulong32 *);
    result(METHOD *placeholder)(struct manager *);
    result(METHOD *advise)(struct manager *, ulong32, struct advise_info *, ulong32 *);
    result(METHOD *unadvise)(struct manager *, ulong32, ulong32);
};
struct manager {
    const struct manager_vtable *vtable;
};

typedef result(METHOD *open_function)(ulong32, const wchar_t *, const guid *, const guid *, struct manager **);

static const guid global_state = {0xFBEFFD93, 0xB11F, 0x4094, {0x84, 0x2B, 0x96, 0xDC, 0xD3, 0x1E, 0x63, 0xD1}};
static const guid iid_notify = {0x0317BDE5, 0xFC29, 0x44CD, {0x8D, 0xCD, 0x36, 0x12, 0x5A, 0x3B, 0xE9, 0xEC}};
static const guid iid_offline = {0x000672B5, 0x0000, 0x0000, {0xC0, 0, 0, 0, 0, 0, 0, 0x46}};

static struct manager *open_manager(const struct legacy_exports *exports, const wchar_t *profile) {
    struct manager *manager = NULL;
    open_function open;
    memcpy(&open, &exports->open, sizeof(open));
    (void)BALANCED(open(0, profile, &global_state, NULL, &manager));
    return manager;
}

int legacy_query_state(const struct legacy_exports *exports, const wchar_t *profile) {
    struct manager *manager = open_manager(exports, profile);
    struct manager *offline = NULL;
    ulong32 state = 0;
    void *found = NULL;
    if (manager == NULL) {
        return 0;
    }
    /* Straight on the manager, with no QueryInterface... */
    (void)BALANCED(manager->vtable->get_state(manager, &state));
    /* ...and the proper way. */
    if (BALANCED(manager->vtable->query(manager, &iid_offline, &found)) == 0) {
        ulong32 again = 0;
        offline = (struct manager *)found;
        (void)BALANCED(manager->vtable->release(manager));
        (void)BALANCED(offline->vtable->get_state(offline, &again));
        (void)BALANCED(offline->vtable->release(offline));
        if (again != state) {
            return 0;
        }
    }
    return state == 1 || (state & 3) == 2 ? (int)state : 0;
}

static result METHOD sink_query(struct notify_sink *self, const guid *iid, void **out) {
    if (memcmp(iid, &iid_notify, sizeof(guid)) != 0) {
        *out = NULL;
        return (result)0x80004002u;
    }
    self->refs++;
    *out = self;
    return 0;
}
static ulong32 METHOD sink_add_ref(struct notify_sink *self) {
    return (ulong32)++self->refs;
}
static ulong32 METHOD sink_release(struct notify_sink *self) {
    return (ulong32)--self->refs;
}
static void METHOD sink_notify(struct notify_sink *self, const struct notify_info *info) {
    self->count++;
    self->types = self->types * 10 + info->NotifyType;
}
static result METHOD sink_notify_returning(struct notify_sink *self, const struct notify_info *info) {
    (void)info;
    self->count++;
    return (result)0x80004005u;
}

static int watch(const struct legacy_exports *exports, const wchar_t *profile, struct notify_sink *sink, ulong32 state) {
    struct manager *manager = open_manager(exports, profile);
    struct advise_info info;
    ulong32 token = 0;
    if (manager == NULL) {
        return -1;
    }
    memset(&info, 0, sizeof(info));
    info.ulSize = sizeof(info);
    info.ulClientToken = 5;
    info.pCallback = sink;
    info.ulAdviseTypes = 1;
    info.ulStateMask = 0x003F037F;
    if (BALANCED(manager->vtable->advise(manager, 0, &info, &token)) != 0 || token == 0) {
        return -2;
    }
    if (BALANCED(manager->vtable->set_state(manager, 0x2000, 3, state, NULL)) != 0) {
        return -3;
    }
    (void)BALANCED(manager->vtable->unadvise(manager, 0, token));
    (void)BALANCED(manager->vtable->unadvise(manager, 0, token));
    (void)BALANCED(manager->vtable->release(manager));
    return sink->refs == 0 ? 0 : -4;
}

/* `notify` as bits, since clients declare it differently. */
static int watch_with(const struct legacy_exports *exports, const wchar_t *profile, const void *notify, size_t size,
                      struct notify_sink *sink) {
    struct notify_vtable vtable;
    vtable.query = sink_query;
    vtable.add_ref = sink_add_ref;
    vtable.release = sink_release;
    memcpy(&vtable.notify, notify, size);
    memset(sink, 0, sizeof(*sink));
    sink->vtable = &vtable;
    return watch(exports, profile, sink, 1);
}

int legacy_watch_one_change(const struct legacy_exports *exports, const wchar_t *profile) {
    struct notify_sink sink;
    void(METHOD *notify)(struct notify_sink *, const struct notify_info *) = sink_notify;
    int failed = watch_with(exports, profile, &notify, sizeof(notify), &sink);
    return failed != 0 ? failed : sink.types;
}

int legacy_notify_returns_hresult(const struct legacy_exports *exports, const wchar_t *profile) {
    struct notify_sink sink;
    result(METHOD *notify)(struct notify_sink *, const struct notify_info *) = sink_notify_returning;
    int failed = watch_with(exports, profile, &notify, sizeof(notify), &sink);
    return failed != 0 ? failed : sink.count;
}
