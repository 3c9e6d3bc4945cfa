// SPDX-License-Identifier: MIT OR Apache-2.0
// The lower limits: the least work of each operation, without the checks, the order and the guarantees of the contract.
#include "subject.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cwctype>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

// Tokens do not repeat within 2^32 registrations. A table of two levels maps them to entries with one load.
class Tokens {
  public:
    ULONG take() { return next.fetch_add(1, std::memory_order_relaxed); }

    ULONG &entry(ULONG token) {
        std::atomic<ULONG *> &page = pages[token >> page_bits];
        ULONG *entries = page.load(std::memory_order_acquire);
        return (entries ? entries : make(page))[token & (page_size - 1)];
    }

  private:
    static constexpr unsigned page_bits = 16;
    static constexpr ULONG page_size = 1 << page_bits;

    ULONG *make(std::atomic<ULONG *> &page) {
        std::unique_ptr<ULONG[]> made(new ULONG[page_size]());
        ULONG *entries = nullptr;
        if (page.compare_exchange_strong(entries, made.get()))
            entries = made.release();
        return entries;
    }

    std::atomic<ULONG> next{1};
    std::atomic<ULONG *> pages[1 << (32 - page_bits)] = {};
};

Tokens tokens;

struct Entry {
    IMAPIOfflineNotify *sink; // null: the entry is free
    ULONG token;              // of a free entry: the index of the next free one
    ULONG client_token;
};

void wait_on(std::atomic<int> &word, int seen) {
    syscall(SYS_futex, reinterpret_cast<int *>(&word), FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
}

void wake_one(std::atomic<int> &word) {
    syscall(SYS_futex, reinterpret_cast<int *>(&word), FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

template <bool handshake> class Fixture final : public Unsupported {
  public:
    ~Fixture() override {
        if (thread.joinable()) {
            request.store(quit);
            wake_one(request);
            thread.join();
        }
    }

    HRESULT STDMETHODCALLTYPE QueryInterface(REFIID iid, void **out) override {
        if (!is_manager(iid)) {
            *out = nullptr;
            return E_NOINTERFACE;
        }
        references.fetch_add(1, std::memory_order_relaxed);
        *out = static_cast<IMAPIOfflineMgr *>(this);
        return S_OK;
    }

    ULONG STDMETHODCALLTYPE AddRef() override { return references.fetch_add(1, std::memory_order_relaxed) + 1; }

    ULONG STDMETHODCALLTYPE Release() override {
        ULONG left = references.fetch_sub(1, std::memory_order_release) - 1;
        if (left == 0)
            delete this;
        return left;
    }

    HRESULT STDMETHODCALLTYPE GetCapabilities(ULONG *out) override {
        *out = capabilities.load(std::memory_order_relaxed);
        return S_OK;
    }

    HRESULT STDMETHODCALLTYPE GetCurrentState(ULONG *out) override {
        *out = state.load(std::memory_order_acquire);
        return S_OK;
    }

    HRESULT STDMETHODCALLTYPE Advise(ULONG, MAPIOFFLINE_ADVISEINFO *info, ULONG *out) override {
        IMAPIOfflineNotify *sink = sink_of(info);
        if (!sink)
            return E_NOINTERFACE;
        ULONG token = tokens.take();
        std::lock_guard<std::mutex> hold(lock);
        ULONG index = free_entry;
        if (index != none) {
            free_entry = entries[index].token;
            entries[index] = Entry{sink, token, info->ulClientToken};
        } else {
            index = static_cast<ULONG>(entries.size());
            entries.push_back(Entry{sink, token, info->ulClientToken});
        }
        tokens.entry(token) = index;
        *out = token;
        return S_OK;
    }

    HRESULT STDMETHODCALLTYPE Unadvise(ULONG, ULONG token) override {
        IMAPIOfflineNotify *sink = nullptr;
        {
            std::lock_guard<std::mutex> hold(lock);
            ULONG index = tokens.entry(token);
            if (index < entries.size() && entries[index].token == token)
                sink = entries[index].sink;
            if (sink) {
                entries[index] = Entry{nullptr, free_entry, 0};
                free_entry = index;
            }
        }
        if (sink)
            sink->Release();
        return S_OK;
    }

    HRESULT STDMETHODCALLTYPE SetCurrentState(ULONG flags, ULONG, ULONG to, void *) override {
        if (flags & MAPIOFFLINE_FLAG_BLOCK) {
            deliver(to);
            return S_OK;
        }
        if (!thread.joinable())
            thread = std::thread([this] { serve(); });
        request.store(static_cast<int>(to));
        wake_one(request);
        return S_OK;
    }

  private:
    static constexpr ULONG none = UINT_MAX;
    static constexpr int quit = -1;

    void deliver(ULONG to) {
        for (ULONG phase = MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START; phase <= MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE;
             phase++) {
            if (phase == MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE)
                state.store(to, std::memory_order_release);
            MAPIOFFLINE_NOTIFY notify = notification(phase, other_state(to), to);
            for (const Entry &entry : entries) {
                notify.ulClientToken = entry.client_token;
                // Publishes the token in flight for Unadvise, and only then checks that the registration still exists.
                if (handshake)
                    told.exchange(entry.token, std::memory_order_seq_cst);
                if (IMAPIOfflineNotify *sink = __atomic_load_n(&entry.sink, __ATOMIC_SEQ_CST))
                    sink->Notify(&notify);
            }
        }
        if (handshake)
            told.exchange(0, std::memory_order_seq_cst);
    }

    void serve() {
        for (;;) {
            int to = request.exchange(0);
            if (to == quit)
                return;
            if (to)
                deliver(static_cast<ULONG>(to));
            else
                wait_on(request, 0);
        }
    }

    std::atomic<ULONG> state{MAPIOFFLINE_STATE_ONLINE};
    std::atomic<ULONG> capabilities{MAPIOFFLINE_CAPABILITY_OFFLINE | MAPIOFFLINE_CAPABILITY_ONLINE};
    std::atomic<ULONG> references{1};
    std::mutex lock;
    std::vector<Entry> entries;
    ULONG free_entry = none;
    alignas(64) std::atomic<ULONG> told{0};
    alignas(64) std::atomic<int> request{0};
    std::thread thread;
};

std::unordered_map<std::wstring, IMAPIOfflineMgr *> profiles;

// Folds a name as the profile registry does.
std::wstring folded(const wchar_t *profile) {
    std::wstring name(profile);
    for (wchar_t &unit : name)
        unit = unit < 0x80 ? (unit >= L'a' && unit <= L'z' ? unit - 0x20 : unit) : std::towupper(unit);
    return name;
}

} // namespace

// Looks the folded name up in a hash table, and adds one reference.
SUBJECT_EXPORT HRESULT open_profile(const wchar_t *profile, IMAPIOfflineMgr **out) {
    auto found = profiles.find(folded(profile));
    if (found == profiles.end()) {
        IMAPIOfflineMgr *made = new Fixture<true>;
        found = profiles.emplace(folded(profile), made).first;
    }
    found->second->AddRef();
    *out = found->second;
    return S_OK;
}

SUBJECT_EXPORT HRESULT open_subject(const wchar_t *, IMAPIOfflineMgr **out) {
    *out = new Fixture<true>;
    return S_OK;
}

SUBJECT_EXPORT HRESULT open_bare(const wchar_t *, IMAPIOfflineMgr **out) {
    *out = new Fixture<false>;
    return S_OK;
}
