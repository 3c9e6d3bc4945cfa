/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One of several processes that set states, advise, and may be killed at any moment: `worker SEED PROFILE...`. `cargo xtask
 * test store` controls it by lines on standard input. It answers each of them with one line:
 *
 *   go      starts to set random states                         "going"
 *   hold    stops that                                          "held SETS"
 *   states  the current states of its profiles, and the number  "states 1 2 ... NOTIFICATIONS"
 *           of notifications since the last such line
 *
 * It ends at the end of standard input. At a violation of the contract it prints a line that begins with "broken", and ends.
 */
#include <mapioffline.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST 16

static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;

static void broken(const char *what, const char *profile, long detail) {
    pthread_mutex_lock(&output);
    printf("broken: %s: %s (%#lx)\n", profile, what, detail);
    fflush(stdout);
    _Exit(9);
}

/* ---- the registered sinks ------------------------------------------------------------------------------------------ */

struct listener {
    IMAPIOfflineNotify iface;
    const char *profile;
    int references;
    int inside;
    int last_phase; /* of the last notification; DONE before the first */
    ULONG state;    /* ulStateNew of the last notification; 0 before the first */
};

static unsigned long notifications;

static HRESULT STDMETHODCALLTYPE listener_QueryInterface(IMAPIOfflineNotify *This, REFIID riid, void **ppv) {
    if (memcmp(riid, &IID_IMAPIOfflineNotify, sizeof(*riid)) != 0) {
        *ppv = NULL;
        return E_NOINTERFACE;
    }
    *ppv = This;
    __atomic_add_fetch(&((struct listener *)This)->references, 1, __ATOMIC_SEQ_CST);
    return S_OK;
}

static ULONG STDMETHODCALLTYPE listener_AddRef(IMAPIOfflineNotify *This) {
    return (ULONG)__atomic_add_fetch(&((struct listener *)This)->references, 1, __ATOMIC_SEQ_CST);
}

static ULONG STDMETHODCALLTYPE listener_Release(IMAPIOfflineNotify *This) {
    return (ULONG)__atomic_sub_fetch(&((struct listener *)This)->references, 1, __ATOMIC_SEQ_CST);
}

static void STDMETHODCALLTYPE listener_Notify(IMAPIOfflineNotify *This, const MAPIOFFLINE_NOTIFY *notification) {
    struct listener *self = (struct listener *)This;
    ULONG old = notification->Info.StateChange.ulStateOld;
    ULONG new_state = notification->Info.StateChange.ulStateNew;
    if (__atomic_add_fetch(&self->inside, 1, __ATOMIC_SEQ_CST) != 1) {
        broken("notified twice at once", self->profile, 0);
    }
    if ((int)notification->NotifyType != self->last_phase % 3 + 1) {
        broken("a phase out of order", self->profile, (long)notification->NotifyType);
    }
    self->last_phase = (int)notification->NotifyType;
    if (old + new_state != 3 || old == new_state) {
        broken("no change", self->profile, (long)(old << 4 | new_state));
    }
    if (notification->NotifyType == MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START) {
        if (self->state != 0 && old != self->state) {
            broken("ulStateOld is not the last ulStateNew", self->profile, (long)old);
        }
        self->state = new_state;
    } else if (new_state != self->state) {
        broken("another state than at the start", self->profile, (long)new_state);
    }
    __atomic_add_fetch(&notifications, 1, __ATOMIC_SEQ_CST);
    __atomic_sub_fetch(&self->inside, 1, __ATOMIC_SEQ_CST);
}

static const struct IMAPIOfflineNotifyVtbl listener_vtbl = {listener_QueryInterface, listener_AddRef, listener_Release,
                                                            listener_Notify};

/* ---- profiles ------------------------------------------------------------------------------------------------------ */

struct profile {
    const char *name;
    IMAPIOfflineMgr *manager;
    struct listener *listener;
    ULONG token;
};

static struct profile profiles[MOST];
static int count;

static void listen_to(struct profile *profile) {
    MAPIOFFLINE_ADVISEINFO info = {sizeof(info), 0, MAPIOFFLINE_CALLBACK_TYPE_NOTIFY, NULL, 0, 0};
    HRESULT hr;
    /* A new sink each time, and never freed: the last one may still be in a Notify after its Unadvise. */
    profile->listener = (struct listener *)calloc(1, sizeof(struct listener));
    profile->listener->iface.lpVtbl = &listener_vtbl;
    profile->listener->profile = profile->name;
    profile->listener->last_phase = MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE;
    info.pCallback = (IUnknown *)(void *)&profile->listener->iface;
    info.ulAdviseTypes = MAPIOFFLINE_ADVISE_TYPE_STATECHANGE;
    info.ulStateMask = MAPIOFFLINE_STATE_ALL;
    hr = IMAPIOfflineMgr_Advise(profile->manager, MAPIOFFLINE_ADVISE_DEFAULT, &info, &profile->token);
    if (hr != S_OK) {
        broken("Advise", profile->name, hr);
    }
}

static void open_profile(struct profile *profile) {
    HRESULT hr = MapiOfflineOpenUtf8(0, profile->name, &GUID_GlobalState, NULL, &profile->manager);
    if (hr != S_OK) {
        broken("open", profile->name, hr);
    }
    listen_to(profile);
}

static unsigned long long seed;

static unsigned next_random(unsigned below) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed % below);
}

static void nap(unsigned microseconds) {
    struct timespec time;
    time.tv_sec = 0;
    time.tv_nsec = (long)microseconds * 1000;
    nanosleep(&time, NULL);
}

/* ---- the thread that sets states ----------------------------------------------------------------------------------- */

static pthread_mutex_t setting = PTHREAD_MUTEX_INITIALIZER; /* held while the thread sets a state */
static int going;
static unsigned long sets;

static void set_something(void) {
    struct profile *profile = &profiles[next_random((unsigned)count)];
    ULONG state = next_random(2) == 0 ? MAPIOFFLINE_STATE_ONLINE : MAPIOFFLINE_STATE_OFFLINE;
    ULONG flags = next_random(2) == 0 ? MAPIOFFLINE_FLAG_BLOCK : MAPIOFFLINE_FLAG_DEFAULT;
    HRESULT hr;
    switch (next_random(20)) {
    case 0: /* replaces the registration */
        IMAPIOfflineMgr_Unadvise(profile->manager, MAPIOFFLINE_UNADVISE_DEFAULT, profile->token);
        listen_to(profile);
        break;
    case 1: /* releases and opens the profile */
        IMAPIOfflineMgr_Release(profile->manager);
        open_profile(profile);
        break;
    default:
        hr = IMAPIOfflineMgr_SetCurrentState(profile->manager, flags, MAPIOFFLINE_STATE_OFFLINE_MASK, state, NULL);
        if (hr != S_OK && hr != E_PENDING && hr != MAPI_E_TIMEOUT) {
            broken("SetCurrentState", profile->name, hr);
        }
        sets += hr == S_OK;
    }
}

static void *set_for_ever(void *context) {
    (void)context;
    for (;;) {
        pthread_mutex_lock(&setting);
        if (going) {
            set_something();
        }
        pthread_mutex_unlock(&setting);
        nap(next_random(3000));
    }
    return NULL;
}

static void set_going(int on) {
    pthread_mutex_lock(&setting);
    going = on;
    pthread_mutex_unlock(&setting);
}

int main(int argc, char **argv) {
    pthread_t thread;
    char line[64];
    int index;
    seed = 0x9E3779B97F4A7C15ull ^ (argc > 1 ? strtoull(argv[1], NULL, 10) : 1);
    for (count = 0; count < argc - 2 && count < MOST; count++) {
        profiles[count].name = argv[count + 2];
        open_profile(&profiles[count]);
    }
    if (count == 0 || pthread_create(&thread, NULL, set_for_ever, NULL) != 0) {
        fprintf(stderr, "usage: worker SEED PROFILE...\n");
        return 2;
    }
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        if (strcmp(line, "hold") == 0) {
            set_going(0);
        } else if (strcmp(line, "go") == 0) {
            set_going(1);
        }
        pthread_mutex_lock(&output);
        if (strcmp(line, "hold") == 0) {
            printf("held %lu\n", sets);
        } else if (strcmp(line, "go") == 0) {
            printf("going\n");
        } else if (strcmp(line, "states") == 0) {
            printf("states");
            for (index = 0; index < count; index++) {
                ULONG state = 0;
                IMAPIOfflineMgr_GetCurrentState(profiles[index].manager, &state);
                printf(" %u", (unsigned)state);
            }
            printf(" %lu\n", __atomic_exchange_n(&notifications, 0, __ATOMIC_SEQ_CST));
        } else {
            printf("what?\n");
        }
        fflush(stdout);
        pthread_mutex_unlock(&output);
    }
    return 0;
}
