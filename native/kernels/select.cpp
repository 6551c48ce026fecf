// Chooses a CPU level's kernels once, on load.
#include <cstdlib>
#include <cstring>

#include "kernels/table.h"

extern "C" {
const void* rl_kernels_v1();
#if defined(RL_HAVE_V3)
const void* rl_kernels_v3();
#endif
#if defined(RL_HAVE_V4)
const void* rl_kernels_v4();
#endif
}

namespace rl {
namespace {

struct Choice {
  const char* name;
  const void* table;
};

Choice choose() {
  // A level may be asked for by name, for tests and for finding faults; one that the CPU lacks is not taken.
  const char* wish = std::getenv("RUSHLIGHT_CPU_LEVEL");
  const auto may = [&](const char* level) { return wish == nullptr || std::strcmp(wish, level) == 0; };
#if defined(__x86_64__)
  __builtin_cpu_init();
#if defined(RL_HAVE_V4)
  if (may("avx512") && __builtin_cpu_supports("x86-64-v4")) return {"avx512", rl_kernels_v4()};
#endif
#if defined(RL_HAVE_V3)
  if ((may("avx2") || may("avx512")) && __builtin_cpu_supports("x86-64-v3")) return {"avx2", rl_kernels_v3()};
#endif
#endif
  (void)may;
  return {"baseline", rl_kernels_v1()};
}

const Choice choice = choose();

}  // namespace

const KernelTable* const kernels = static_cast<const KernelTable*>(choice.table);
const char* cpu_level() { return choice.name; }

}  // namespace rl
