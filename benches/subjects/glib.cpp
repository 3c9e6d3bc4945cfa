// SPDX-License-Identifier: MIT OR Apache-2.0
// The API on top of a GObject with a property and a signal.
#include "signals.h"

#include <glib-object.h>

namespace {

struct State {
    GObject parent;
    gint state;
};

struct StateClass {
    GObjectClass parent;
};

enum { PROPERTY_STATE = 1 };
guint changed_signal;

void get_property(GObject *object, guint, GValue *value, GParamSpec *) {
    g_value_set_uint(value, static_cast<guint>(g_atomic_int_get(&reinterpret_cast<State *>(object)->state)));
}

void class_init(gpointer type_class, gpointer) {
    auto *object_class = static_cast<GObjectClass *>(type_class);
    object_class->get_property = get_property;
    auto flags = static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
    g_object_class_install_property(object_class, PROPERTY_STATE,
                                    g_param_spec_uint("state", "state", "state", 0, G_MAXUINT, 0, flags));
    changed_signal = g_signal_new("changed", G_TYPE_FROM_CLASS(type_class), G_SIGNAL_RUN_LAST, 0, nullptr, nullptr,
                                  g_cclosure_marshal_VOID__POINTER, G_TYPE_NONE, 1, G_TYPE_POINTER);
}

GType state_type() {
    static const GType type = g_type_register_static_simple(G_TYPE_OBJECT, "BenchmarkState", sizeof(StateClass),
                                                            class_init, sizeof(State), nullptr, GTypeFlags(0));
    return type;
}

void changed(gpointer, gpointer notify, gpointer data) {
    (*static_cast<Told *>(data))(static_cast<const MAPIOFFLINE_NOTIFY *>(notify));
}

// Releases the sink when its handler is disconnected.
void forget(gpointer data, GClosure *) {
    auto *told = static_cast<Told *>(data);
    told->sink->Release();
    delete told;
}

class Glib final : public Unsupported {
  public:
    Glib() : object(static_cast<State *>(g_object_new(state_type(), nullptr))) {
        g_atomic_int_set(&object->state, MAPIOFFLINE_STATE_ONLINE);
    }

    HRESULT STDMETHODCALLTYPE QueryInterface(REFIID iid, void **out) override {
        if (!is_manager(iid)) {
            *out = nullptr;
            return E_NOINTERFACE;
        }
        *out = static_cast<IMAPIOfflineMgr *>(this);
        g_object_ref(object);
        return S_OK;
    }

    ULONG STDMETHODCALLTYPE AddRef() override {
        g_object_ref(object);
        return 1;
    }

    // Never destroys this object, as the process ends soon.
    ULONG STDMETHODCALLTYPE Release() override {
        g_object_unref(object);
        return 1;
    }

    HRESULT STDMETHODCALLTYPE GetCapabilities(ULONG *out) override {
        *out = MAPIOFFLINE_CAPABILITY_OFFLINE | MAPIOFFLINE_CAPABILITY_ONLINE;
        return S_OK;
    }

    HRESULT STDMETHODCALLTYPE GetCurrentState(ULONG *out) override {
        guint state = 0;
        g_object_get(object, "state", &state, nullptr);
        *out = state;
        return S_OK;
    }

    HRESULT STDMETHODCALLTYPE Advise(ULONG, MAPIOFFLINE_ADVISEINFO *info, ULONG *out) override {
        IMAPIOfflineNotify *sink = sink_of(info);
        if (!sink)
            return E_NOINTERFACE;
        gulong handler = g_signal_connect_data(object, "changed", G_CALLBACK(changed),
                                               new Told{sink, info->ulClientToken}, forget, GConnectFlags(0));
        *out = static_cast<ULONG>(handler);
        return S_OK;
    }

    HRESULT STDMETHODCALLTYPE Unadvise(ULONG, ULONG token) override {
        g_signal_handler_disconnect(object, token);
        return S_OK;
    }

    HRESULT STDMETHODCALLTYPE SetCurrentState(ULONG, ULONG, ULONG to, void *) override {
        tell(notification(MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START, other_state(to), to));
        g_atomic_int_set(&object->state, static_cast<gint>(to));
        tell(notification(MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE, other_state(to), to));
        tell(notification(MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE, other_state(to), to));
        return S_OK;
    }

  private:
    void tell(MAPIOFFLINE_NOTIFY notify) { g_signal_emit(object, changed_signal, 0, &notify); }

    State *object;
};

} // namespace

SUBJECT_EXPORT HRESULT open_subject(const wchar_t *, IMAPIOfflineMgr **out) {
    *out = new Glib;
    return S_OK;
}
