// The thread pool: kernels split their work here, and only here.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace rl {

/// How many threads may work on one operator, the calling one included. At first the CPUs that this process may use
/// (affinity, cgroup quota), or what RUSHLIGHT_NUM_THREADS or OMP_NUM_THREADS says.
int num_threads();
/// Sets it; throws Error(Runtime) below 1. Takes effect with the next operator.
void set_num_threads(int n);

/// Below this many elements of simple work splitting costs more than it gains.
inline constexpr std::int64_t kGrain = 32768;

using RangeFn = void (*)(void* context, std::int64_t begin, std::int64_t end);
/// See parallel_for.
void parallel_ranges(std::int64_t n, std::int64_t grain, RangeFn fn, void* context);

/// Calls `fn(begin, end)` on consecutive ranges that cover [0, n), each a multiple of `grain` long but the last.
/// Ranges may run at once and in any order, so what `fn` computes for an index must not depend on where a range
/// begins: that keeps results the same for any number of threads. Returns when all are done; an exception of `fn` is
/// rethrown here. Runs in the calling thread when called from inside `fn`, with one thread, or when n <= grain.
/// It neither takes nor needs the GIL; callers release it around long work.
template <class F>
void parallel_for(std::int64_t n, std::int64_t grain, F&& fn) {
  if (n <= grain) {
    if (n > 0) fn(std::int64_t(0), n);
    return;
  }
  using Fn = std::remove_reference_t<F>;
  parallel_ranges(
      n, grain, [](void* c, std::int64_t b, std::int64_t e) { (*static_cast<Fn*>(c))(b, e); },
      const_cast<void*>(static_cast<const void*>(std::addressof(fn))));
}

/// A hook that the calling thread runs about every 50 ms while it works or waits in parallel_ranges, and that may
/// throw to stop the operator (Python's signal check). Null for none. Per thread. Gives the one set before.
using InterruptHook = void (*)();
InterruptHook set_interrupt_hook(InterruptHook hook);

}  // namespace rl
