// Compiled once per CPU level (see NOTE [Levels] in loop.h): puts that level's table together.
#include "kernels/level.h"

namespace rl {

const KernelTable& level_table() {
  static const KernelTable table = [] {
    KernelTable t{};
    fill_pointwise(t.pointwise);
    fill_math(t.pointwise);
    fill_special(t.pointwise);
    fill_cast(t.pointwise);
    fill_reduce(t.reduce);
    fill_norm(t.norm);
    fill_rnn(t.rnn);
    fill_random(t.random);
    fill_sort(t.sort);
    fill_gemm(t.gemm);
    fill_optim(t.optim);
    fill_conv(t.conv);
    fill_pool(t.pool);
    fill_resample(t.resample);
    fill_attention(t.attention);
    return t;
  }();
  return table;
}

}  // namespace rl

#define RL_EXPORT_(level) rl_kernels_##level
#define RL_EXPORT(level) RL_EXPORT_(level)
extern "C" const void* RL_EXPORT(RL_LEVEL)() { return &rl::level_table(); }
