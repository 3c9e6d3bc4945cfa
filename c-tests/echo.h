/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An object whose every slot gives its number: called through a language's view, it shows which slot a method is. The
 * slots have the arguments of the real ones, as on 32-bit Windows the callee takes them off the stack. */
#ifndef ECHO_H
#define ECHO_H

#include <mapioffline.h>

typedef void (*echo_slot)(void);

/* What was called last: Notify gives nothing. */
static HRESULT echo_last;

static HRESULT STDMETHODCALLTYPE echo_0(void *This, REFIID riid, void **ppv) {
    (void)This;
    (void)riid;
    (void)ppv;
    return echo_last = 0;
}
static HRESULT STDMETHODCALLTYPE echo_3(void *This, ULONG a, ULONG b, ULONG c, void *d) {
    (void)This;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return echo_last = 3;
}
static void STDMETHODCALLTYPE echo_notify(void *This, const MAPIOFFLINE_NOTIFY *notification) {
    (void)This;
    (void)notification;
    echo_last = 3;
}
static HRESULT STDMETHODCALLTYPE echo_7(void *This, ULONG a, MAPIOFFLINE_ADVISEINFO *b, ULONG *c) {
    (void)This;
    (void)a;
    (void)b;
    (void)c;
    return echo_last = 7;
}
static HRESULT STDMETHODCALLTYPE echo_8(void *This, ULONG a, ULONG b) {
    (void)This;
    (void)a;
    (void)b;
    return echo_last = 8;
}
#define ECHO_NUMBER(number)                                                                                            \
    static HRESULT STDMETHODCALLTYPE echo_##number(void *This, ULONG *out) {                                           \
        (void)This;                                                                                                    \
        (void)out;                                                                                                     \
        return echo_last = number;                                                                                     \
    }
ECHO_NUMBER(4)
ECHO_NUMBER(5)
#define ECHO_NOTHING(number)                                                                                           \
    static HRESULT STDMETHODCALLTYPE echo_##number(void *This) {                                                       \
        (void)This;                                                                                                    \
        return echo_last = number;                                                                                     \
    }
ECHO_NOTHING(1)
ECHO_NOTHING(2)
ECHO_NOTHING(6)
ECHO_NOTHING(9)
ECHO_NOTHING(10)
ECHO_NOTHING(11)
ECHO_NOTHING(12)
ECHO_NOTHING(13)
ECHO_NOTHING(14)
ECHO_NOTHING(15)

static const echo_slot echo_manager_slots[16] = {
    (echo_slot)echo_0,  (echo_slot)echo_1,  (echo_slot)echo_2,  (echo_slot)echo_3,
    (echo_slot)echo_4,  (echo_slot)echo_5,  (echo_slot)echo_6,  (echo_slot)echo_7,
    (echo_slot)echo_8,  (echo_slot)echo_9,  (echo_slot)echo_10, (echo_slot)echo_11,
    (echo_slot)echo_12, (echo_slot)echo_13, (echo_slot)echo_14, (echo_slot)echo_15};
static const echo_slot echo_notify_slots[4] = {(echo_slot)echo_0, (echo_slot)echo_1, (echo_slot)echo_2,
                                               (echo_slot)echo_notify};

/* The objects. Static: in memory before anybody reads them through another type. */
static const echo_slot *echo_manager = echo_manager_slots;
static const echo_slot *echo_sink = echo_notify_slots;

#endif /* ECHO_H */
