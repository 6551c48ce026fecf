// NOTE [Pool]: one job at a time, published by one 64-bit word. The calling thread writes the job, then opens the
// word; a worker enters by a compare-and-swap that counts it in; the caller closes the word when no range is left and
// waits only for the workers inside. So a worker that sleeps too long costs nothing: the caller does its share. Each
// participant owns a fixed part of the ranges (its cache may still hold that part from the operator before) and takes
// from the others' parts when its own is used up. Whoever finds the pool taken runs its ranges itself.
#include "base/threads.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/error.h"

namespace rl {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int kMaxThreads = 1024;
constexpr auto kHookPeriod = 50ms;
constexpr auto kSpin = 50us;           // how long an idle worker looks for the next operator before it sleeps
constexpr std::int64_t kMaxTake = 16;  // grains taken at once

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// ---- how many CPUs ----

/// The smallest CPU quota from the cgroup `path` up to the root of its hierarchy, in CPUs; 0 if there is none.
double cgroup_quota(const std::string& mount, std::string path, bool v2) {
  double least = 0;
  for (;;) {
    const std::string dir = mount + (path == "/" ? "" : path);
    double quota = -1, period = 0;
    if (v2) {
      std::ifstream file(dir + "/cpu.max");
      std::string text;
      if (file >> text >> period && text != "max") quota = std::strtod(text.c_str(), nullptr);
    } else {
      std::ifstream(dir + "/cpu.cfs_quota_us") >> quota;
      std::ifstream(dir + "/cpu.cfs_period_us") >> period;
    }
    if (quota > 0 && period > 0 && (least == 0 || quota / period < least)) least = quota / period;
    if (path.empty() || path == "/") return least;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

int usable_cpus() {
  int cpus = int(std::thread::hardware_concurrency());
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cpus = CPU_COUNT(&set);
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // number:controllers:path
    const auto a = line.find(':'), b = line.find(':', a + 1);
    if (a == std::string::npos || b == std::string::npos) continue;
    const std::string controllers = "," + line.substr(a + 1, b - a - 1) + ",", path = line.substr(b + 1);
    double quota = 0;
    if (controllers == ",,")
      quota = cgroup_quota("/sys/fs/cgroup", path, true);
    else if (controllers.find(",cpu,") != std::string::npos)
      quota = cgroup_quota("/sys/fs/cgroup/cpu", path, false);
    if (quota > 0) cpus = std::min(cpus, int(quota) + (quota > int(quota)));
  }
#endif
  return std::max(cpus, 1);
}

int default_threads() {
  for (const char* name : {"RUSHLIGHT_NUM_THREADS", "OMP_NUM_THREADS"}) {
    const char* text = std::getenv(name);
    const long n = text ? std::strtol(text, nullptr, 10) : 0;  // of a list "4,2" the first counts
    if (n > 0) return int(std::min<long>(n, kMaxThreads));
  }
  return std::min(usable_cpus(), kMaxThreads);
}

std::atomic<int> wanted{0};  // 0: not yet asked

thread_local bool inside = false;  // this thread runs ranges: calls from there stay in it
thread_local InterruptHook interrupt = nullptr;

/// Runs the hook when it is due, and says how many grains fit between two looks at the clock.
class HookTimer {
 public:
  void poll() {
    if (interrupt == nullptr) return;
    const auto now = Clock::now();
    take_ = now - last_ < kLook ? std::min(2 * take_, kMaxTake) : std::max<std::int64_t>(take_ / 2, 1);
    last_ = now;
    if (now < due_) return;
    due_ = now + kHookPeriod;
    interrupt();
  }
  std::int64_t take() const { return take_; }

 private:
  static constexpr auto kLook = 2ms;
  Clock::time_point last_ = interrupt ? Clock::now() : Clock::time_point{}, due_ = last_ + kHookPeriod;
  std::int64_t take_ = interrupt ? 1 : kMaxTake;
};

struct InsideScope {
  bool before = std::exchange(inside, true);
  ~InsideScope() { inside = before; }
};

// ---- the pool ----

/// The word of NOTE [Pool]: job number (32 bits), how many workers may enter (15), open (1), how many are in (16).
constexpr std::uint64_t kOpen = 1u << 16, kActive = 0xffff;
constexpr std::uint64_t job_number(std::uint64_t word) { return word >> 32; }
constexpr int entrants(std::uint64_t word) { return int(word >> 17 & 0x7fff); }

struct alignas(64) Part {
  std::atomic<std::int64_t> next{0};  // in grains
  std::int64_t end = 0;
};

struct alignas(64) Worker {
  std::mutex mutex;
  std::condition_variable wake;
  std::atomic<bool> asleep{false};
};

class Pool {
 public:
  bool take() { return !taken_.exchange(true, std::memory_order_acquire); }
  void give_back() { taken_.store(false, std::memory_order_release); }
  void run(std::int64_t n, std::int64_t grain, RangeFn fn, void* context, int threads);

 private:
  void grow(int workers);
  void work(int index);
  void wake_below(int node);
  void run_parts(int mine, HookTimer* timer);
  void stop() {
    for (int i = 0; i < parts_used_; ++i) parts_[i].next.store(parts_[i].end, std::memory_order_relaxed);
  }

  alignas(64) std::atomic<std::uint64_t> word_{0};
  alignas(64) std::atomic<bool> taken_{false};
  int workers_ = 0;  // started; this and what follows belongs to whoever has taken the pool
  bool spin_ = true;

  // The job; workers read it only after they have entered.
  std::int64_t n_ = 0, grain_ = 1;
  RangeFn fn_ = nullptr;
  void* context_ = nullptr;
  int parts_used_ = 0;
  unsigned light_jobs_ = 0;
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;  // written by whoever sets failed_

  std::mutex done_mutex_;
  std::condition_variable done_;
  std::atomic<bool> caller_asleep_{false};

  std::unique_ptr<Part[]> parts_{new Part[kMaxThreads]};
  std::unique_ptr<std::atomic<Worker*>[]> worker_{new std::atomic<Worker*>[kMaxThreads]()};
};

// The pool is never destroyed: its workers sleep in it when the process exits. In the child of a fork there are no
// workers, and locks may be held by threads that no longer are, so the child leaves that pool alone and makes another.
std::atomic<Pool*> pool{nullptr};
std::atomic<unsigned> forks{0};

[[maybe_unused]] const int fork_handler = pthread_atfork(nullptr, nullptr, [] {
  pool.store(nullptr, std::memory_order_relaxed);
  forks.fetch_add(1, std::memory_order_relaxed);
});

Pool& current_pool() {
  Pool* p = pool.load(std::memory_order_acquire);
  if (p != nullptr) return *p;
  auto fresh = std::make_unique<Pool>();
  if (pool.compare_exchange_strong(p, fresh.get(), std::memory_order_acq_rel)) return *fresh.release();
  return *p;
}

void Pool::grow(int workers) {
  if (workers <= workers_) return;
  // Signals are for the threads that Python knows.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    for (; workers_ < workers; ++workers_) {
      auto worker = std::make_unique<Worker>();
      std::thread([this, index = workers_] { work(index); }).detach();
      worker_[workers_].store(worker.release(), std::memory_order_release);
    }
  } catch (const std::exception&) {
    // The system grants no more threads: the work is done by fewer.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

/// Wakes the two sleepers below `node` of a binary tree whose root 0 is the caller and whose node i is worker i - 1,
/// so that starting many threads does not take one thread's time.
void Pool::wake_below(int node) {
  const int limit = entrants(word_.load(std::memory_order_relaxed));
  for (int w = 2 * node; w < std::min(limit, 2 * node + 2); ++w) {
    Worker& worker = *worker_[w].load(std::memory_order_acquire);
    // Either this load sees the flag, or the worker, which sets it before it looks at the word, sees the job.
    if (!worker.asleep.load(std::memory_order_seq_cst)) continue;
    std::lock_guard lock(worker.mutex);
    worker.wake.notify_one();
  }
}

void Pool::work(int index) {
  inside = true;
  Worker* self = nullptr;
  while ((self = worker_[index].load(std::memory_order_acquire)) == nullptr) std::this_thread::yield();
  std::uint64_t seen = 0;  // number of the last job entered
  const auto is_new = [&](std::uint64_t word) {
    return (word & kOpen) && job_number(word) != seen && index < entrants(word);
  };
  auto idle_since = Clock::now();
  for (;;) {
    std::uint64_t word = word_.load(std::memory_order_acquire);
    for (int i = 0; !is_new(word); word = word_.load(std::memory_order_acquire)) {
      pause();
      if (++i % 32 != 0) continue;
      sched_yield();  // the caller may be waiting for this very CPU
      if (Clock::now() - idle_since < kSpin) continue;
      std::unique_lock lock(self->mutex);
      self->asleep.store(true, std::memory_order_seq_cst);
      while (!is_new(word_.load(std::memory_order_seq_cst))) self->wake.wait(lock);
      self->asleep.store(false, std::memory_order_relaxed);
    }
    if (!word_.compare_exchange_strong(word, word + 1, std::memory_order_acq_rel)) continue;
    seen = job_number(word);
    wake_below(index + 1);
    run_parts(index + 1, nullptr);
    const auto left = word_.fetch_sub(1, std::memory_order_seq_cst) - 1;
    if ((left & kActive) == 0 && !(left & kOpen) && caller_asleep_.load(std::memory_order_seq_cst)) {
      std::lock_guard lock(done_mutex_);
      done_.notify_one();
    }
    idle_since = Clock::now();
  }
}

void Pool::run_parts(int mine, HookTimer* timer) {
  try {
    for (int k = 0; k < parts_used_; ++k) {
      Part& part = parts_[(mine + k) % parts_used_];
      for (;;) {
        const std::int64_t seen = part.next.load(std::memory_order_relaxed);
        if (seen >= part.end) break;
        // Shares shrink towards the end of a part, so that those who help finish together.
        const std::int64_t take = std::clamp<std::int64_t>((part.end - seen) / 4, 1, timer ? timer->take() : kMaxTake);
        const std::int64_t first = part.next.fetch_add(take, std::memory_order_relaxed);
        if (first >= part.end) break;
        const std::int64_t last = std::min(first + take, part.end);
        fn_(context_, first * grain_, last * grain_ > n_ ? n_ : last * grain_);
        if (timer) timer->poll();
      }
    }
  } catch (...) {
    if (!failed_.exchange(true, std::memory_order_relaxed)) error_ = std::current_exception();
    stop();
  }
}

void Pool::run(std::int64_t n, std::int64_t grain, RangeFn fn, void* context, int threads) {
  const unsigned fork_count = forks.load(std::memory_order_relaxed);
  const std::int64_t grains = (n - 1) / grain + 1;
  grow(int(std::min<std::int64_t>(threads, grains)) - 1);
  const int helpers = int(std::min<std::int64_t>({threads - 1, grains - 1, workers_}));
  n_ = n, grain_ = grain, fn_ = fn, context_ = context;
  parts_used_ = helpers + 1;
  failed_.store(false, std::memory_order_relaxed);
  error_ = nullptr;
  for (int i = 0; i < parts_used_; ++i) {
    const std::int64_t whole = grains / parts_used_, more = grains % parts_used_;
    parts_[i].next.store(i * whole + std::min<std::int64_t>(i, more), std::memory_order_relaxed);
    parts_[i].end = (i + 1) * whole + std::min<std::int64_t>(i + 1, more);
  }
  const std::uint64_t number = (job_number(word_.load(std::memory_order_relaxed)) + 1) & 0xffffffffu;
  word_.store(number << 32 | std::uint64_t(helpers) << 17 | kOpen, std::memory_order_seq_cst);
  // Waking a sleeper takes about as long as a few grains of simple work. Such jobs wake one only now and then: if they
  // keep coming, it will be awake for the next ones.
  const bool light = grain >= kGrain / 2 && grains <= 4;
  if (!light || ++light_jobs_ % 4 == 0) wake_below(0);

  HookTimer timer;
  run_parts(0, &timer);

  const auto busy = [&] { return (word_.load(std::memory_order_seq_cst) & kActive) != 0; };
  // The hook ran Python code that forked: in the child nobody will finish what the workers had taken.
  const auto forked = [&] { return forks.load(std::memory_order_relaxed) != fork_count; };
  word_.fetch_and(~kOpen, std::memory_order_seq_cst);
  const auto start = Clock::now();
  for (int i = 0; busy() && !forked();) {
    pause();
    if (++i % 32 != 0) continue;
    sched_yield();  // the last worker may be waiting for this very CPU
    if (Clock::now() - start < kSpin) continue;
    {
      std::unique_lock lock(done_mutex_);
      caller_asleep_.store(true, std::memory_order_seq_cst);
      done_.wait_for(lock, kHookPeriod, [&] { return !busy(); });
      caller_asleep_.store(false, std::memory_order_relaxed);
    }
    try {
      if (busy()) timer.poll();
    } catch (...) {
      if (!failed_.exchange(true, std::memory_order_relaxed)) error_ = std::current_exception();
      stop();
    }
  }
  if (forked()) fail_runtime("the process was forked while this thread was inside an operator");
  if (failed_.load(std::memory_order_relaxed)) std::rethrow_exception(std::exchange(error_, nullptr));
}

void run_here(std::int64_t n, std::int64_t grain, RangeFn fn, void* context) {
  InsideScope scope;
  if (interrupt == nullptr) return fn(context, 0, n);
  HookTimer timer;
  const std::int64_t grains = (n - 1) / grain + 1;
  for (std::int64_t first = 0, last; first < grains; first = last) {
    last = std::min(first + timer.take(), grains);
    fn(context, first * grain, last == grains ? n : last * grain);
    timer.poll();
  }
}

}  // namespace

int num_threads() {
  int n = wanted.load(std::memory_order_relaxed);
  if (n == 0) {
    int none = 0;
    n = default_threads();
    if (!wanted.compare_exchange_strong(none, n, std::memory_order_relaxed)) n = none;
  }
  return n;
}

void set_num_threads(int n) {
  if (n < 1) fail_runtime("set_num_threads expects a positive integer");
  wanted.store(std::min(n, kMaxThreads), std::memory_order_relaxed);
}

InterruptHook set_interrupt_hook(InterruptHook hook) { return std::exchange(interrupt, hook); }

void parallel_ranges(std::int64_t n, std::int64_t grain, RangeFn fn, void* context) {
  if (n <= 0) return;
  grain = std::max<std::int64_t>(grain, 1);
  const int threads = num_threads();
  if (threads == 1 || n <= grain || inside) return run_here(n, grain, fn, context);
  Pool& p = current_pool();
  if (!p.take()) return run_here(n, grain, fn, context);
  struct GiveBack {
    Pool& pool;
    ~GiveBack() { pool.give_back(); }
  } give_back{p};
  InsideScope scope;
  p.run(n, grain, fn, context, threads);
}

}  // namespace rl
