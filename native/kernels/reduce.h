// The kernels of reductions, scans and softmax: which there are, and the table of them. Callers use reductions.h.
#pragma once

#include "kernels/loop.h"

namespace rl {

/// AbsSum, SquareSum, PowerSum, AbsMax and AbsMin are the norms of order 1, 2, p, inf and -inf, root included.
#define RL_REDUCE(X) \
  X(Sum)             \
  X(NanSum)          \
  X(Prod)            \
  X(Amax)            \
  X(Amin) X(Any) X(All) X(AbsSum) X(SquareSum) X(PowerSum) X(AbsMax) X(AbsMin) X(LogSumExp) X(Var) X(Argmax) X(Argmin)
#define RL_SCAN(X) X(Cumsum) X(Cumprod) X(Cummax) X(Cummin) X(Logcumsumexp)

#define RL_ENUM(name) name,
enum class Reduce : int { RL_REDUCE(RL_ENUM) Count };
enum class Scan : int { RL_SCAN(RL_ENUM) Count };
#undef RL_ENUM

/// Reduces an n×k block into k accumulators, on top of what they hold: element (i, j) lies at in + i*n_stride +
/// j*k_stride (bytes) and belongs to accumulator j; `index` is the position of row 0 in the reduced space (Argmax,
/// Argmin), `p` the exponent of PowerSum. Which pieces of work a reduction is cut into decides how it rounds.
using Accumulate = void (*)(const char* in, std::int64_t n, std::int64_t n_stride, std::int64_t k,
                            std::int64_t k_stride, void* acc, std::int64_t index, double p);

/// One reduction for one type of input. Accumulators are opaque, `acc_size` bytes each, 16 at most 32.
struct ReduceKernel {
  void (*init)(void* acc, std::int64_t k);
  Accumulate rows;     // where a row's elements (along n) lie closest together
  Accumulate columns;  // where neighbouring accumulators' elements do
  void (*combine)(void* acc, const void* later, std::int64_t k);
  /// Writes k results of type `result`, and to `second` (unless null) what a reduction gives besides: the mean (Var)
  /// or the index as int64 (Argmax, Argmin). Strides in bytes; `out` may be null too. `p`: see Accumulate; the
  /// correction for Var.
  void (*finish)(const void* acc, std::int64_t k, char* out, std::int64_t out_stride, char* second,
                 std::int64_t second_stride, double p);
  std::int32_t acc_size;
  DType result;
};

/// Scans k independent lines of n elements: element i of line j lies at base + i*n_stride + j*k_stride (bytes).
/// `carry` is a line's state before its first element (k states, updated). `indices` (int64, contiguous
/// strides given likewise) only for Cummax and Cummin, else null; `first` is the index of element 0.
struct ScanBlock {
  const char* in;
  char* out;
  char* indices;
  std::int64_t n, k;
  std::int64_t in_n, in_k, out_n, out_k, index_n, index_k;
  std::int64_t first;
};
struct ScanKernel {
  void (*init)(void* carry, std::int64_t k);
  void (*scan)(const ScanBlock& block, void* carry);
  /// Brings the carry of one line past n elements without writing; null where that may change the result.
  void (*skip)(const char* in, std::int64_t n, std::int64_t stride, void* carry);
  std::int32_t carry_size;
};

/// Rows of n contiguous elements, one after another; Float and Double only. `log`: log_softmax.
using SoftmaxRows = void (*)(const void* in, void* out, std::int64_t rows, std::int64_t n, bool log);
using SoftmaxBackwardRows = void (*)(const void* grad, const void* out, void* grad_in, std::int64_t rows,
                                     std::int64_t n, bool log);
/// The second half of softmax where it needs two passes: out = exp(in - max) / sum (or in - max - log(sum)) for an n×k
/// block with contiguous columns and accumulators of LogSumExp; acc_step is 0 where all k share one accumulator.
using SoftmaxApply = void (*)(const void* in, void* out, std::int64_t n, std::int64_t stride, std::int64_t k,
                              const void* acc, std::int64_t acc_step, bool log);
/// dots[j] += Σᵢ grad·out (log: Σᵢ grad), and grad_in from the finished dots; an n×k block, contiguous columns.
using SoftmaxDots = void (*)(const void* grad, const void* out, std::int64_t n, std::int64_t stride, std::int64_t k,
                             double* dots, bool log);
using SoftmaxBackwardApply = void (*)(const void* grad, const void* out, void* grad_in, std::int64_t n,
                                      std::int64_t stride, std::int64_t k, const double* dots, std::int64_t dot_step,
                                      bool log);

struct ReduceTable {
  /// Null where a type has no kernel of its own: reductions.cpp converts by chunks (Half by way of Float, …).
  ReduceKernel reduce[int(Reduce::Count)][kDTypes];
  ScanKernel scan[int(Scan::Count)][kDTypes];
  // By compute type, [0] Float, [1] Double.
  SoftmaxRows softmax_rows[2];
  SoftmaxBackwardRows softmax_backward_rows[2];
  SoftmaxApply softmax_apply[2];
  SoftmaxDots softmax_dots[2];
  SoftmaxBackwardApply softmax_backward_apply[2];
};

}  // namespace rl
