// SPDX-License-Identifier: MIT OR Apache-2.0
#include "signals.h"

#include <sigc++/sigc++.h>

namespace {

struct Sigc {
    using Connection = sigc::connection;

    // libsigc++ leaves locking to its user.
    Connection connect(Told told) {
        std::lock_guard<std::mutex> hold(lock);
        return signal.connect(told);
    }

    void disconnect(Connection &connection) {
        std::lock_guard<std::mutex> hold(lock);
        connection.disconnect();
    }

    void tell(const MAPIOFFLINE_NOTIFY *notify) { signal.emit(notify); }

    std::mutex lock;
    sigc::signal<void(const MAPIOFFLINE_NOTIFY *)> signal;
};

} // namespace

SUBJECT_EXPORT HRESULT open_subject(const wchar_t *, IMAPIOfflineMgr **out) {
    *out = new Adapter<Sigc>;
    return S_OK;
}
