// SPDX-License-Identifier: MIT OR Apache-2.0
// The client image of `cargo xtask bench`: calls every subject through the C++ view, in the same loops, and prints each
// measurement as a line: row, subject, n, value. Times are nanoseconds an operation unless the row says otherwise.
//
// usage: client GROUP REPETITIONS SUBJECT=FILE[:SYMBOL]...
#include "subjects/subject.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#define NOINLINE __attribute__((noinline))

namespace {

using Count = unsigned long;

// The least duration of one measurement of a fast operation, in nanoseconds.
constexpr double least_time = 4e6;
constexpr Count million = 1000000;

double now() {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

[[noreturn]] void fail(const std::string &what) {
    std::fprintf(stderr, "client: %s\n", what.c_str());
    std::exit(1);
}

void check(HRESULT result, const char *what) {
    if (result != S_OK)
        fail(std::string(what) + ": " + std::to_string(result));
}

// A sink as clients write it, with an atomic reference count.
class Sink final : public IMAPIOfflineNotify {
  public:
    virtual ~Sink() = default;

    HRESULT STDMETHODCALLTYPE QueryInterface(REFIID iid, void **out) override {
        if (!is_same(iid, IID_IMAPIOfflineNotify) && !is_same(iid, IID_IUnknown)) {
            *out = nullptr;
            return E_NOINTERFACE;
        }
        AddRef();
        *out = static_cast<IMAPIOfflineNotify *>(this);
        return S_OK;
    }

    ULONG STDMETHODCALLTYPE AddRef() override { return references.fetch_add(1, std::memory_order_relaxed) + 1; }
    ULONG STDMETHODCALLTYPE Release() override { return references.fetch_sub(1, std::memory_order_release) - 1; }

    void STDMETHODCALLTYPE Notify(const MAPIOFFLINE_NOTIFY *notify) override { told += notify->ulClientToken; }

    volatile Count told = 0;

  private:
    std::atomic<ULONG> references{1};
};

Sink sink;

// A manager of one subject, with the operations that are measured.
class Manager {
  public:
    Manager() = default;
    explicit Manager(IMAPIOfflineMgr *object) : object(object) {}

    IMAPIOfflineMgr *get() const { return object; }

    ULONG advise(IMAPIOfflineNotify *callback = &sink) const {
        MAPIOFFLINE_ADVISEINFO info = {};
        info.ulSize = sizeof(info);
        info.ulClientToken = 1;
        info.CallbackType = MAPIOFFLINE_CALLBACK_TYPE_NOTIFY;
        info.pCallback = callback;
        info.ulAdviseTypes = MAPIOFFLINE_ADVISE_TYPE_STATECHANGE;
        info.ulStateMask = MAPIOFFLINE_STATE_ALL;
        ULONG token = 0;
        check(object->Advise(MAPIOFFLINE_ADVISE_DEFAULT, &info, &token), "Advise");
        return token;
    }

    void unadvise(ULONG token) const { object->Unadvise(MAPIOFFLINE_UNADVISE_DEFAULT, token); }

    // Changes to the other state and back, on this thread.
    void change_twice() const {
        for (ULONG state : {MAPIOFFLINE_STATE_OFFLINE, MAPIOFFLINE_STATE_ONLINE})
            check(object->SetCurrentState(MAPIOFFLINE_FLAG_BLOCK, MAPIOFFLINE_STATE_OFFLINE_MASK, state, nullptr),
                  "SetCurrentState");
    }

  private:
    IMAPIOfflineMgr *object = nullptr;
};

struct Subject {
    std::string name;
    void *file = nullptr;
    std::function<IMAPIOfflineMgr *(const std::wstring &)> open;

    bool is(const char *other) const { return name == other; }
    // windows-core copies its list with each change: a million would take hours.
    Count most() const { return is("windows-core") ? 10000 : million; }
};

template <class Function> Function symbol(void *file, const std::string &name) {
    return reinterpret_cast<Function>(dlsym(file, name.c_str()));
}

Subject load(const std::string &argument) {
    Subject subject;
    size_t equals = argument.find('=');
    size_t colon = argument.find(':', equals);
    if (equals == std::string::npos)
        fail("no file in " + argument);
    subject.name = argument.substr(0, equals);
    std::string path = argument.substr(equals + 1, colon == std::string::npos ? colon : colon - equals - 1);
    subject.file = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!subject.file)
        fail(dlerror());
    using Open = HRESULT (*)(ULONG, const wchar_t *, const GUID *, const GUID *, IMAPIOfflineMgr **);
    if (auto open = symbol<Open>(subject.file, "HrOpenOfflineObj")) {
        subject.open = [open](const std::wstring &profile) {
            IMAPIOfflineMgr *object = nullptr;
            check(open(0, profile.c_str(), &GUID_GlobalState, nullptr, &object), "HrOpenOfflineObj");
            return object;
        };
        return subject;
    }
    std::string name = colon == std::string::npos ? "open_subject" : argument.substr(colon + 1);
    auto open = symbol<subject_open>(subject.file, name);
    if (!open)
        fail("no " + name + " in " + path);
    subject.open = [open](const std::wstring &profile) {
        IMAPIOfflineMgr *object = nullptr;
        check(open(profile.c_str(), &object), "open");
        return object;
    };
    return subject;
}

std::vector<Subject> subjects;
int repetitions = 5;

void print(const char *row, const Subject &subject, Count n, double value) {
    std::printf("%s\t%s\t%lu\t%.3f\n", row, subject.name.c_str(), n, value);
    std::fflush(stdout);
}

// The loops. They are not inlined, and all subjects share them.

NOINLINE void get_state(IMAPIOfflineMgr *object, Count count) {
    ULONG state = 0;
    for (Count i = 0; i < count; i++)
        object->GetCurrentState(&state);
    if (state != MAPIOFFLINE_STATE_ONLINE)
        fail("the state is not what it was");
}

NOINLINE void get_capabilities(IMAPIOfflineMgr *object, Count count) {
    ULONG capabilities = 0;
    for (Count i = 0; i < count; i++)
        object->GetCapabilities(&capabilities);
    if (capabilities != 3)
        fail("the capabilities are not what they were");
}

NOINLINE void addref_release(IMAPIOfflineMgr *object, Count count) {
    for (Count i = 0; i < count; i++) {
        object->AddRef();
        object->Release();
    }
}

NOINLINE void query_release(IMAPIOfflineMgr *object, Count count) {
    for (Count i = 0; i < count; i++) {
        void *found = nullptr;
        object->QueryInterface(IID_IMAPIOfflineMgr, &found);
        static_cast<IUnknown *>(found)->Release();
    }
}

NOINLINE void query_miss(IMAPIOfflineMgr *object, Count count) {
    void *found = nullptr;
    for (Count i = 0; i < count; i++)
        object->QueryInterface(IID_IMAPIOfflineNotify, &found);
    if (found)
        fail("an interface was found that is not there");
}

NOINLINE void advise_unadvise(IMAPIOfflineMgr *object, Count count) {
    Manager manager(object);
    for (Count i = 0; i < count; i++)
        manager.unadvise(manager.advise());
}

NOINLINE void change(IMAPIOfflineMgr *object, Count count) {
    for (Count i = 0; i < count; i++)
        Manager(object).change_twice();
}

using Loop = void (*)(IMAPIOfflineMgr *, Count);

double timed(Loop loop, IMAPIOfflineMgr *object, Count count) {
    double start = now();
    loop(object, count);
    return (now() - start) / static_cast<double>(count);
}

// A count at which one measurement takes long enough. Also warms up.
Count enough(Loop loop, IMAPIOfflineMgr *object) {
    for (Count count = 1;; count *= 2) {
        double start = now();
        loop(object, count);
        if (now() - start > least_time)
            return count;
    }
}

// Measures one row. Alternates between the subjects, so that changes of the machine's load affect all of them.
void row(const char *name, Count n, const std::vector<Manager> &managers, Loop loop, double per = 1) {
    std::vector<Count> counts;
    for (size_t i = 0; i < subjects.size(); i++)
        counts.push_back(managers[i].get() ? enough(loop, managers[i].get()) : 0);
    for (int repetition = 0; repetition < repetitions; repetition++)
        for (size_t i = 0; i < subjects.size(); i++)
            if (counts[i])
                print(name, subjects[i], n, timed(loop, managers[i].get(), counts[i]) / per);
}

std::vector<Manager> open_all(const std::wstring &profile) {
    std::vector<Manager> managers;
    for (const Subject &subject : subjects)
        managers.emplace_back(subject.open(profile));
    return managers;
}

// One thread per object, all at once: the median of the threads' nanoseconds for a call.
double with_threads(Loop loop, const std::vector<IMAPIOfflineMgr *> &objects, Count count) {
    std::atomic<size_t> ready{0};
    std::vector<double> times(objects.size());
    std::vector<std::thread> threads;
    for (size_t i = 0; i < objects.size(); i++)
        threads.emplace_back([&, i] {
            for (ready++; ready < objects.size();) {
            }
            times[i] = timed(loop, objects[i], count);
        });
    for (std::thread &thread : threads)
        thread.join();
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

// What an atomic exchange costs that nobody else contends for.
NOINLINE double exchange(Count count) {
    static std::atomic<ULONG> word{0};
    double start = now();
    for (Count i = 0; i < count; i++)
        word.exchange(i, std::memory_order_seq_cst);
    return (now() - start) / static_cast<double>(count);
}

void calls() {
    for (int repetition = 0; repetition < repetitions; repetition++)
        for (const Subject &subject : subjects)
            if (subject.is("fixture"))
                print("exchange", subject, 1, exchange(million));
    auto managers = open_all(L"calls");
    row("get-state", 1, managers, get_state);
    row("get-capabilities", 1, managers, get_capabilities);
    row("addref-release", 1, managers, addref_release);
    row("query-hit-release", 1, managers, query_release);
    row("query-miss", 1, managers, query_miss);
    for (int repetition = 0; repetition < 2 * repetitions; repetition++)
        for (size_t i = 0; i < subjects.size(); i++) {
            IMAPIOfflineMgr *object = managers[i].get();
            Count count = enough(get_state, object);
            print("get-state-one-thread", subjects[i], 1, with_threads(get_state, {object}, count));
            print("get-state-two-threads", subjects[i], 1, with_threads(get_state, {object, object}, count));
        }
}

// Brings every manager to `n` registrations. Managers that cannot have that many are left out from here on.
void stand(std::vector<Manager> &managers, std::vector<std::vector<ULONG>> &tokens, Count n) {
    tokens.resize(managers.size());
    for (size_t i = 0; i < managers.size(); i++) {
        if (subjects[i].most() < n)
            managers[i] = Manager();
        while (managers[i].get() && tokens[i].size() < n)
            tokens[i].push_back(managers[i].advise());
    }
}

// Replaces the registration of a random token: Unadvise, then Advise. The tokens are shuffled before the measurement, so
// that it does not include random accesses to the client's own memory.
double random_token(const Manager &manager, std::vector<ULONG> &tokens, Count count) {
    static std::mt19937_64 random(1);
    std::shuffle(tokens.begin(), tokens.end(), random);
    double start = now();
    for (Count i = 0; i < count; i++) {
        manager.unadvise(tokens[i]);
        tokens[i] = manager.advise();
    }
    return (now() - start) / static_cast<double>(count);
}

void registrations(const std::vector<Count> &sizes) {
    auto managers = open_all(L"registrations");
    std::vector<std::vector<ULONG>> tokens;
    for (Count n : sizes) {
        stand(managers, tokens, n);
        row("advise-unadvise", n, managers, advise_unadvise);
        if (n < 100)
            continue;
        for (int repetition = 0; repetition < std::max(3, repetitions / 2); repetition++)
            for (size_t i = 0; i < subjects.size(); i++) {
                bool fast = subjects[i].is("mapioffline") || subjects[i].is("fixture");
                if (managers[i].get() && (fast || subjects[i].most() == million))
                    print("random-token", subjects[i], n,
                          random_token(managers[i], tokens[i], fast ? n : std::min(n, million / 20)));
            }
    }
}

// More than half a million callbacks: by then the library has chosen its barrier.
void choose_barrier() {
    auto managers = open_all(L"barrier");
    std::vector<std::vector<ULONG>> tokens;
    stand(managers, tokens, 100);
    for (const Manager &manager : managers)
        change(manager.get(), 2000);
}

void delivery(const std::vector<Count> &sizes) {
    choose_barrier();
    auto managers = open_all(L"delivery");
    std::vector<std::vector<ULONG>> tokens;
    for (Count n : sizes) {
        stand(managers, tokens, n);
        row("delivery", n, managers, change, 2 * static_cast<double>(n));
    }
}

double percentile(std::vector<double> &values, double part) {
    std::sort(values.begin(), values.end());
    return values[static_cast<size_t>(part * static_cast<double>(values.size() - 1))];
}

// The mean without the extremes, for times shorter than the resolution of the clock.
double mean(std::vector<double> &values) {
    std::sort(values.begin(), values.end());
    size_t cut = values.size() / 20;
    double sum = 0;
    for (size_t i = cut; i < values.size() - cut; i++)
        sum += values[i];
    return sum / static_cast<double>(values.size() - 2 * cut);
}

// Advise during a delivery to a million registrations, due every 20 microseconds whether the last call was slow or not. The
// median is of the calls alone. p99 and maximum count from the time when a call was due, so that they include the wait for a
// slow call before it.
// Registers a million. The longest Advise, in the best of three times: a pause of the scheduler hardly comes in each of them.
double grow(const Manager &manager, std::vector<ULONG> &tokens) {
    double best = 1e18;
    for (int time = 0; time < 3; time++) {
        for (ULONG token : tokens)
            manager.unadvise(token);
        tokens.clear();
        tokens.reserve(million);
        double longest = 0;
        while (tokens.size() < million) {
            double start = now();
            ULONG token = manager.advise();
            longest = std::max(longest, now() - start);
            tokens.push_back(token);
        }
        best = std::min(best, longest);
    }
    return best;
}

void contention() {
    constexpr double gap = 20000;
    struct Samples {
        std::vector<double> calls, waits;
    };
    auto managers = open_all(L"contention");
    for (size_t i = 0; i < subjects.size(); i++) {
        auto sample = [&](const std::function<bool()> &on) {
            Samples samples;
            for (double due = now(); on(); due += gap) {
                double start = now();
                while (start < due)
                    start = now();
                ULONG token = managers[i].advise();
                double end = now();
                samples.calls.push_back(end - start);
                samples.waits.push_back(end - due);
                managers[i].unadvise(token);
            }
            return samples;
        };
        std::vector<ULONG> tokens;
        print("advise-growing-max", subjects[i], million, grow(managers[i], tokens));
        for (int repetition = 0; repetition < repetitions; repetition++) {
            int left = 5000;
            Samples idle = sample([&] { return left-- > 0; });
            std::atomic<bool> over{false};
            std::thread teller([&] {
                change(managers[i].get(), 2);
                over = true;
            });
            Samples busy = sample([&] { return !over; });
            teller.join();
            print("advise-idle-p50", subjects[i], million, percentile(idle.calls, 0.5));
            print("advise-in-delivery-p50", subjects[i], million, percentile(busy.calls, 0.5));
            print("advise-in-delivery-p99", subjects[i], million, percentile(busy.waits, 0.99));
            print("advise-in-delivery-max", subjects[i], million, percentile(busy.waits, 1));
        }
        for (ULONG token : tokens)
            managers[i].unadvise(token);
    }
}

// A sink without a reference count: it outlives its registrations.
class Uncounted : public IMAPIOfflineNotify {
  public:
    virtual ~Uncounted() = default;

    HRESULT STDMETHODCALLTYPE QueryInterface(REFIID, void **out) override {
        *out = static_cast<IMAPIOfflineNotify *>(this);
        return S_OK;
    }
    ULONG STDMETHODCALLTYPE AddRef() override { return 1; }
    ULONG STDMETHODCALLTYPE Release() override { return 1; }
};

// Takes the time at START and sets `done` at DONE.
class Watch final : public Uncounted {
  public:
    void STDMETHODCALLTYPE Notify(const MAPIOFFLINE_NOTIFY *notify) override {
        if (notify->NotifyType == MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START)
            first = now();
        if (notify->NotifyType == MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE)
            done.store(true, std::memory_order_release);
    }

    double first = 0;
    std::atomic<bool> done{false};
};

// The time from the request to the first callback, with the notifier parked, and the time of the caller's own call.
// Alternates between the subjects in each round, as waking another processor may be fast or slow for seconds.
void wake() {
    auto managers = open_all(L"wake");
    std::vector<Watch> watches(subjects.size());
    for (size_t i = 0; i < subjects.size(); i++)
        managers[i].advise(&watches[i]);
    ULONG state = MAPIOFFLINE_STATE_ONLINE;
    for (int repetition = 0; repetition < repetitions; repetition++) {
        std::vector<std::vector<double>> latencies(subjects.size()), callers(subjects.size());
        for (int round = 0; round < 200; round++) {
            state = other_state(state);
            for (size_t i = 0; i < subjects.size(); i++) {
                watches[i].done = false;
                // Long enough for the notifier to park. Spins, as waking from a sleep would affect the measurement.
                for (double parked = now() + 200000; now() < parked;) {
                }
                double start = now();
                HRESULT result = managers[i].get()->SetCurrentState(MAPIOFFLINE_FLAG_DEFAULT,
                                                                    MAPIOFFLINE_STATE_OFFLINE_MASK, state, nullptr);
                double returned = now();
                check(result, "SetCurrentState");
                while (!watches[i].done.load(std::memory_order_acquire)) {
                }
                latencies[i].push_back(watches[i].first - start);
                callers[i].push_back(returned - start);
            }
        }
        for (size_t i = 0; i < subjects.size(); i++) {
            print("wake-latency-p50", subjects[i], 1, percentile(latencies[i], 0.5));
            print("wake-caller-p50", subjects[i], 1, percentile(callers[i], 0.5));
        }
    }
}

// Requests the old state again from Notify(DONE). The request is queued, and the same notifier runs it afterwards.
class PushBack final : public Uncounted {
  public:
    void STDMETHODCALLTYPE Notify(const MAPIOFFLINE_NOTIFY *notify) override {
        if (notify->NotifyType != MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE)
            return;
        if (times.size() == times.capacity()) {
            done.store(true, std::memory_order_release);
            return;
        }
        double start = now();
        HRESULT result = object->SetCurrentState(MAPIOFFLINE_FLAG_DEFAULT, MAPIOFFLINE_STATE_OFFLINE_MASK,
                                                 notify->Info.StateChange.ulStateOld, nullptr);
        double end = now();
        check(result, "SetCurrentState");
        // The same measurement of a channel, with equally cold caches.
        double start_send = now();
        if (send)
            send(notify->ulClientToken);
        double end_send = now();
        double looking = now() - end_send;
        times.push_back(end - start - looking);
        sends.push_back(end_send - start_send - looking);
    }

    void (*send)(unsigned) = nullptr;
    std::vector<double> sends;
    IMAPIOfflineMgr *object = nullptr;
    std::vector<double> times;
    std::atomic<bool> done{false};
};

// The cost of accepting a request during DONE, and of crossbeam's send at the same place.
void in_done() {
    const Subject &subject = subjects.front();
    auto drain = symbol<void (*)()>(subjects.back().file, "crossbeam_drain");
    PushBack push_back;
    push_back.send = symbol<void (*)(unsigned)>(subjects.back().file, "crossbeam_send");
    Manager manager(subject.open(L"done"));
    push_back.object = manager.get();
    ULONG token = manager.advise(&push_back);
    for (int repetition = 0; repetition < repetitions; repetition++) {
        ULONG state = 0;
        push_back.times.clear();
        push_back.times.reserve(10000);
        push_back.sends.clear();
        push_back.sends.reserve(10000);
        push_back.done = false;
        manager.get()->GetCurrentState(&state);
        check(manager.get()->SetCurrentState(MAPIOFFLINE_FLAG_DEFAULT, MAPIOFFLINE_STATE_OFFLINE_MASK,
                                             other_state(state), nullptr),
              "SetCurrentState");
        while (!push_back.done.load(std::memory_order_acquire))
            usleep(100);
        print("accept-in-done", subject, 1, mean(push_back.times));
        if (drain) {
            drain();
            std::printf("accept-in-done\tcrossbeam\t1\t%.3f\n", mean(push_back.sends));
        }
        usleep(1000); // the transition is over when the last callback has returned
    }
    manager.unadvise(token);
}

double resident() {
    malloc_trim(0);
    std::ifstream statm("/proc/self/statm");
    double size = 0, resident = 0;
    statm >> size >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double allocated() {
    struct mallinfo2 info = mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd);
}

Count threads() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.compare(0, 8, "Threads:") == 0)
            return std::stoul(line.substr(8));
    return 0;
}

// Needs a process of its own. Measures the bytes per registration with a million of them, the bytes that remain after
// Unadvise, and the allocations of an Advise once the table has grown (if `allocations` is preloaded).
void memory() {
    auto allocations = symbol<Count (*)()>(RTLD_DEFAULT, "allocations_so_far");
    for (const Subject &subject : subjects) {
        Manager manager(subject.open(L"memory"));
        std::vector<ULONG> tokens(subject.most());
        for (Count i = 0; i < 1000; i++)
            manager.unadvise(manager.advise());
        double before = resident(), allocated_before = allocated();
        for (ULONG &token : tokens)
            token = manager.advise();
        double n = static_cast<double>(tokens.size());
        double full = resident() - before;
        print("bytes-resident", subject, tokens.size(), full / n);
        print("bytes-allocated", subject, tokens.size(), (allocated() - allocated_before) / n);
        if (allocations) {
            for (Count i = 0; i < 1000; i++)
                manager.unadvise(manager.advise());
            Count count = allocations();
            for (Count i = 0; i < 10000; i++)
                manager.unadvise(manager.advise());
            print("allocations", subject, tokens.size(), static_cast<double>(allocations() - count) / 10000);
        }
        for (ULONG token : tokens)
            manager.unadvise(token);
        print("bytes-kept", subject, tokens.size(), (resident() - before) / n);
    }
}

std::vector<std::wstring> names(Count count) {
    std::vector<std::wstring> names;
    for (Count i = 0; i < count; i++)
        names.push_back(L"Profile " + std::to_wstring(i));
    return names;
}

// Opens existing profiles: a thousand random ones of `n`.
void profiles(const std::vector<Count> &sizes, const char *row = "open") {
    auto all = names(sizes.back());
    std::vector<Count> have(subjects.size(), 0);
    std::mt19937_64 random(2);
    for (Count n : sizes) {
        std::vector<const std::wstring *> some;
        for (Count i = 0; i < 1000; i++)
            some.push_back(&all[random() % n]);
        for (size_t i = 0; i < subjects.size(); i++)
            for (Count &at = have[i]; at < n; at++)
                subjects[i].open(all[at]);
        for (int repetition = 0; repetition < 2 * repetitions; repetition++)
            for (size_t i = 0; i < subjects.size(); i++) {
                std::vector<IMAPIOfflineMgr *> opened(20 * some.size());
                double start = now();
                for (size_t k = 0; k < opened.size(); k++)
                    opened[k] = subjects[i].open(*some[k % some.size()]);
                double time = now() - start;
                for (IMAPIOfflineMgr *object : opened)
                    object->Release();
                print(row, subjects[i], n, time / static_cast<double>(opened.size()));
            }
    }
}

// Needs a process of its own. Measures the memory and the threads of open profiles, and the memory of released ones.
void idle_profiles() {
    constexpr Count n = 100000;
    auto all = names(n);
    for (const Subject &subject : subjects) {
        subject.open(L"first");
        Count threads_before = threads();
        std::vector<IMAPIOfflineMgr *> opened;
        opened.reserve(n);
        double before = allocated();
        for (const std::wstring &name : all)
            opened.push_back(subject.open(name));
        print("profile-bytes-open", subject, n, (allocated() - before) / static_cast<double>(n));
        print("profile-threads", subject, n, static_cast<double>(threads() - threads_before));
        for (IMAPIOfflineMgr *object : opened)
            object->Release();
        print("profile-bytes-idle", subject, n, (allocated() - before) / static_cast<double>(n));
    }
}

// A tree of `n` objects below the global object, each with one registration: a chain (`deep`), or all of them siblings.
void tree(const char *row, const Subject &subject, Count n, bool deep) {
    using Create = HRESULT (*)(ULONG, MAPIOFFLINE_CREATEINFO *, IMAPIOfflineMgr **);
    auto create = symbol<Create>(subject.file, "HrCreateOfflineObj");
    std::wstring profile = (deep ? L"deep " : L"wide ") + std::to_wstring(n);
    std::vector<IMAPIOfflineMgr *> objects{subject.open(profile)};
    for (Count i = 0; i < n; i++) {
        MAPIOFFLINE_CREATEINFO info = {};
        info.ulSize = sizeof(info);
        info.pwszProfileName = profile.c_str();
        info.ulCapabilities = MAPIOFFLINE_CAPABILITY_OFFLINE | MAPIOFFLINE_CAPABILITY_ONLINE;
        info.pParent = deep ? objects.back() : objects.front();
        IMAPIOfflineMgr *child = nullptr;
        check(create(0, &info, &child), "HrCreateOfflineObj");
        objects.push_back(child);
        Manager(child).advise();
    }
    Count count = enough(change, objects.front());
    for (int repetition = 0; repetition < repetitions; repetition++)
        print(row, subject, n, timed(change, objects.front(), count) / (2 * static_cast<double>(n)));
    while (!objects.empty()) {
        objects.back()->Release();
        objects.pop_back();
    }
}

// How the costs grow with the size of a tree and with the number of threads.
void growth() {
    const Subject &subject = subjects.front();
    for (Count n : {1, 10, 100, 1000}) {
        tree("tree-depth", subject, n, true);
        tree("tree-width", subject, n, false);
    }
    auto one = subject.open(L"threads");
    for (Count n = 1; n <= 8; n++) {
        std::vector<IMAPIOfflineMgr *> same(n, one), own;
        for (Count i = 0; i < n; i++)
            own.push_back(subject.open(L"thread " + std::to_wstring(i)));
        struct {
            const char *row;
            Loop loop;
            const std::vector<IMAPIOfflineMgr *> &objects;
        } rows[] = {{"threads-get-state", get_state, same},
                    {"threads-addref-release", addref_release, same},
                    {"threads-advise-same", advise_unadvise, same},
                    {"threads-advise-own", advise_unadvise, own}};
        for (auto &row : rows) {
            Count count = enough(row.loop, one);
            for (int repetition = 0; repetition < repetitions; repetition++) {
                // Beyond two threads the time includes waiting for one of the machine's two processors.
                print(row.row, subject, n, with_threads(row.loop, row.objects, count));
            }
        }
    }
}

// The system calls that replace a file atomically under a lock, and nothing else: the limit of a change in the shared store.
class Replacement {
  public:
    explicit Replacement(const std::string &state) : folder(state + "/limit") {
        mkdir(folder.c_str(), 0700);
        mkdir((folder + "/pending").c_str(), 0700);
        std::ofstream(folder + "/record") << text;
        std::ofstream(folder + "/lock").flush();
    }

    void once() const {
        char read_text[sizeof(text)];
        int place = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int lock = openat(place, "lock", O_RDONLY | O_CLOEXEC);
        if (flock(lock, LOCK_EX) != 0)
            fail("no lock");
        int old_file = openat(place, "record", O_RDONLY | O_CLOEXEC);
        if (read(old_file, read_text, sizeof(read_text)) <= 0)
            fail("no record");
        close(old_file);
        int pending = openat(place, "pending", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int new_file = openat(pending, "new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (write(new_file, text, sizeof(text) - 1) <= 0)
            fail("nothing written");
        close(new_file);
        // Without the exchange ext4 writes the file to the disk.
        if (renameat2(pending, "new", place, "record", RENAME_EXCHANGE) == 0)
            unlinkat(pending, "new", 0);
        else if (renameat(pending, "new", place, "record") != 0)
            fail("not renamed");
        close(pending);
        close(lock);
        close(place);
    }

  private:
    // As long as a record is.
    static constexpr char text[] = "{\"format\":1,\"profile\":\"store\",\"state\":\"offline\",\"capabilities\":3,\"hosted\":false,"
                                   "\"revision\":1000,\"changed\":\"2026-01-01T00:00:00Z\",\"by\":\"client\"}";
    std::string folder;
};

// The operations on a profile, measured for each store in a process of its own.
void store() {
    auto managers = open_all(L"store");
    row("store-get-state", 1, managers, get_state);
    row("store-addref-release", 1, managers, addref_release);
    row("store-advise-unadvise", 1, managers, advise_unadvise);
    managers.front().advise();
    row("store-change", 1, managers, change, 2);
    if (const char *state = std::getenv("MAPIOFFLINE_STATE_DIR")) {
        Replacement replacement(state);
        for (int repetition = 0; repetition < repetitions; repetition++) {
            constexpr Count count = 200;
            double start = now();
            for (Count i = 0; i < count; i++)
                replacement.once();
            print("store-change", Subject{"fixture", nullptr, {}}, 1, (now() - start) / count);
        }
    }
    profiles({1}, "store-open");
}

// Runs one loop only, to count its instructions with valgrind --tool=callgrind.
void loop(const std::string &name, Count count) {
    auto managers = open_all(L"loop");
    const std::map<std::string, Loop> loops = {{"get-state", get_state},         {"addref-release", addref_release},
                                               {"query-hit-release", query_release}, {"query-miss", query_miss},
                                               {"advise-unadvise", advise_unadvise}, {"change", change}};
    auto found = loops.find(name);
    if (found == loops.end())
        fail("no loop " + name);
    for (Count i = 0; name == "change" && i < 100; i++)
        managers.front().advise();
    found->second(managers.front().get(), count);
}

} // namespace

int main(int argc, char **argv) {
    if (argc < 4)
        fail("usage: client GROUP REPETITIONS SUBJECT=FILE[:SYMBOL]...");
    // In a process with one thread, glibc leaves out atomic instructions.
    std::thread([] { pause(); }).detach();
    std::string group = argv[1];
    repetitions = std::atoi(argv[2]);
    for (int i = 3; i < argc; i++)
        subjects.push_back(load(argv[i]));
    const std::map<std::string, std::function<void()>> groups = {
        {"calls", calls},
        {"registrations", [] { registrations({1, 10000, million}); }},
        {"registrations-growth", [] { registrations({1, 10, 100, 1000, 10000, 100000, million}); }},
        {"delivery", [] { delivery({1, 2, 5, 10, 100, 10000, million}); }},
        {"delivery-growth", [] { delivery({1, 2, 5, 10, 100, 1000, 10000, 100000, million}); }},
        {"contention", contention},
        {"wake", wake},
        {"done", in_done},
        {"memory", memory},
        {"profiles", [] { profiles({1, 1000, 100000}); }},
        {"profiles-growth", [] { profiles({1, 10, 100, 1000, 10000, 100000}); }},
        {"idle-profiles", idle_profiles},
        {"growth", growth},
        {"store", store},
    };
    auto found = groups.find(group);
    if (found != groups.end())
        found->second();
    else
        loop(group, static_cast<Count>(repetitions));
    // Runs no destructors: detached threads still run, and the subjects are never unloaded.
    std::fflush(stdout);
    _exit(0);
}
