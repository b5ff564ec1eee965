// Workers wait for a job by spinning for a moment (layers follow each other closely), then sleep.
//
// A job is never waited for by name: the caller opens it, works through the items itself and
// closes it. A worker that wakes late finds it closed and goes back to sleep, so a loop costs
// no more than its caller alone would need.
//
//     caller   publish job, open = true, generation++     ...items...     open = false, wait until active == 0
//     worker   sees generation change -> active++ -> open?  ...items...    active--
//
// Both sides write their flag before they read the other's (sequentially consistent), so
// either the worker sees the job closed or the caller sees the worker.
//
// Items are handed out share by share: every worker has the same part of the items in each loop, and helps others when it
// is done. Loops over the same pixels so find in a core's own cache what the loop before left there.
//
//     items    0 1 2 3 4 5 6 7 │ 8 9 ...          worker 0 ──► 0 1 2 ...  then, if any are left, those of worker 1
//              of worker 0     │ of worker 1      worker 1 ──► 8 9 ...    then those of worker 0
//
// Linux likes to wake a thread on the processor of the one that wakes it, although another is idle: then caller and worker
// take turns on one processor. So a worker notes where it runs, and a caller that finds a worker on its own processor
// forbids it that one, from the next job on (measured: SqueezeNet with two threads on two processors took as long as with one).
#include "threads.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "memory.h"
#if !defined(_WIN32)
#include <pthread.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

namespace convscope {
namespace {

constexpr auto spin_time = std::chrono::microseconds(60);
constexpr int most_threads = 256;
constexpr double smallest_shared_work = 20000;  // vector operations; less takes no longer than waking a worker

inline void pause() {
#if defined(__x86_64__) || defined(_M_X64)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Spins until done() or until the time is up; says whether it was done.
template <class Done> bool spin_until(Done done) {
    const auto end = std::chrono::steady_clock::now() + spin_time;
    do {
        for (int i = 0; i < 32; i++) {
            if (done()) return true;
            pause();
        }
    } while (std::chrono::steady_clock::now() < end);
    return false;
}

#if defined(__linux__)
int processor() { return sched_getcpu(); }

// Leaves the thread all processors that the caller may use but the one on which the caller runs.
void send_away(std::thread::native_handle_type thread, int here) {
    cpu_set_t allowed;
    if (here >= CPU_SETSIZE || pthread_getaffinity_np(pthread_self(), sizeof allowed, &allowed)) return;
    CPU_CLR(here, &allowed);
    if (CPU_COUNT(&allowed) > 0) pthread_setaffinity_np(thread, sizeof allowed, &allowed);
}
#else
int processor() { return -1; }
void send_away(std::thread::native_handle_type, int) {}
#endif

thread_local bool inside = false;  // of an item: a loop in it has no other workers

struct Worker {
    std::atomic<int> processor{-1};  // on which it was when last called
    std::thread::native_handle_type thread;
};

// Of the items, what a worker begins with; each counts in a cache line of its own.
struct alignas(64) Share {
    std::atomic<Index> next{0};
    Index end = 0;
};

struct Pool {
    std::mutex owner;  // held by the thread whose job is running
    std::mutex sleep;
    std::condition_variable work_comes, worker_leaves;
    std::atomic<unsigned> generation{0};
    std::atomic<int> sleepers{0}, active{0};
    std::atomic<bool> open{false};
    int workers = 0;  // started so far
    Worker worker_at[most_threads];

    // the job
    void (*body)(void*, Index, int) = nullptr;
    void* context = nullptr;
    int team = 1;
    Share shares[most_threads];

    void take_items(int worker) {
        inside = true;
        for (int i = 0; i < team; i++) {
            Share& share = shares[(worker + i) % team];
            for (Index item; (item = share.next.fetch_add(1)) < share.end;) body(context, item, worker);
        }
        inside = false;
    }

    void live(int worker, unsigned seen) {
        for (;;) {
            auto called = [&] { return generation.load() != seen; };
            if (!spin_until(called)) {
                std::unique_lock<std::mutex> lock(sleep);
                sleepers++;
                work_comes.wait(lock, called);
                sleepers--;
            }
            seen = generation.load();
            active++;
            worker_at[worker].processor.store(processor(), std::memory_order_relaxed);
            if (open.load() && worker < team) take_items(worker);
            if (--active == 0) {
                std::lock_guard<std::mutex> lock(sleep);
                worker_leaves.notify_one();
            }
        }
    }

    // Starts workers up to `count`; fewer if the system refuses.
    void grow(int count) {
        while (workers < count && workers + 1 < most_threads) {
            const int worker = workers + 1;
            const unsigned seen = generation.load();
            try {
                std::thread thread([this, worker, seen] { live(worker, seen); });
                worker_at[worker].thread = thread.native_handle();
                thread.detach();
            } catch (const std::system_error&) {
                return;
            }
            workers++;
        }
    }

    // Workers that ran where the caller runs now are sent elsewhere.
    void make_room(int wanted) {
        const int here = processor();
        for (int worker = 1; here >= 0 && worker < wanted && worker <= workers; worker++)
            if (worker_at[worker].processor.exchange(-1, std::memory_order_relaxed) == here)
                send_away(worker_at[worker].thread, here);
    }

    void run(Index count, int wanted, void (*function)(void*, Index, int), void* argument) {
        grow(wanted - 1);
        make_room(wanted);
        body = function, context = argument, team = wanted;
        for (int worker = 0; worker < team; worker++) {
            shares[worker].next = count * worker / team;
            shares[worker].end = count * (worker + 1) / team;
        }
        open = true;
        generation++;
        if (sleepers.load() > 0) {
            std::lock_guard<std::mutex> lock(sleep);
            work_comes.notify_all();
        }
        take_items(0);
        open = false;
        auto left = [&] { return active.load() == 0; };
        if (!spin_until(left)) {
            std::unique_lock<std::mutex> lock(sleep);
            worker_leaves.wait(lock, left);
        }
    }
};

// The pool is never destroyed: its detached workers may outlive every destructor.
alignas(Pool) unsigned char pool_memory[sizeof(Pool)];
std::atomic<int> threads{1};

Pool& pool() { return *std::launder(reinterpret_cast<Pool*>(pool_memory)); }

}  // namespace

void prepare_threads() {
    new (pool_memory) Pool;
#if !defined(_WIN32)
    // A forked child has none of the workers and perhaps a lock held by one of them: begin anew, in the same place.
    pthread_atfork(nullptr, nullptr, [] {
        new (pool_memory) Pool;
        forget_scratch();
    });
#endif
}

void set_threads(int count) { threads = count; }
int get_threads() { return threads; }

int team_size(Index items, double work) {
    const Index most = threads.load();
    if (most == 1 || inside || items < 2 || work < smallest_shared_work) return 1;
    return static_cast<int>(items < most ? items : most);
}

void run_items(Index items, int team, void (*body)(void*, Index, int), void* context) {
    if (team > 1) {
        std::unique_lock<std::mutex> mine(pool().owner, std::try_to_lock);
        if (mine.owns_lock()) return pool().run(items, team, body, context);
    }
    for (Index item = 0; item < items; item++) body(context, item, 0);
}

}  // namespace convscope
