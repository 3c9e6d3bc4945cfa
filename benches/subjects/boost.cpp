// SPDX-License-Identifier: MIT OR Apache-2.0
#include "signals.h"

#include <boost/signals2/signal.hpp>

namespace {

struct Boost {
    using Connection = boost::signals2::connection;

    Connection connect(Told told) { return signal.connect(told); }
    static void disconnect(const Connection &connection) { connection.disconnect(); }
    void tell(const MAPIOFFLINE_NOTIFY *notify) { signal(notify); }

    boost::signals2::signal<void(const MAPIOFFLINE_NOTIFY *)> signal;
};

} // namespace

SUBJECT_EXPORT HRESULT open_subject(const wchar_t *, IMAPIOfflineMgr **out) {
    *out = new Adapter<Boost>;
    return S_OK;
}
