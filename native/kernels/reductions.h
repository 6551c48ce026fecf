// Reductions, scans and softmax over raw strided memory: the drivers that cut work into pieces, convert types by chunks
// and use the threads. The shape alone fixes the pieces, so results don't depend on the number of threads.
#pragma once

#include "base/dims.h"
#include "base/dtype.h"
#include "kernels/reduce.h"

namespace rl {

/// Memory to read; strides in elements, any sign, 0 where expanded.
struct Source {
  const void* data;
  DType dtype;
  Dims sizes;
  Dims strides;
};
/// Memory to write: one stride (in elements) for each dimension of the *source*; those of reduced dimensions are not
/// looked at. Null data: not wanted.
struct Target {
  void* data = nullptr;
  DType dtype = DType::Float;
  Dims strides = {};
};

inline constexpr std::uint64_t kAllDims = ~std::uint64_t(0);

/// Reduces the dimensions whose bits are set in `dims`. The type of `out` says what is computed: Sum and Prod in that
/// type (integers in int64), NanSum, LogSumExp, norms and Var in it or, for complex input, its complex counterpart;
/// Any and All convert to bool first; Amax, Amin, Argmax and Argmin want the input's type.
/// `second`: the mean for Var (in the input's category), the index as Int64 for Argmax and Argmin: the first that holds
/// the extreme, nan counting as the most extreme; with several dimensions its row-major place among them.
/// `p`: the exponent for PowerSum, the correction for Var.
/// Without elements the results are the identities (0, 1, -inf, …; -1 as index): raising is the caller's part.
void reduce(Reduce op, const Source& in, std::uint64_t dims, const Target& out, const Target& second = {},
            double p = 0);

/// How many elements differ from 0 (nan does); also the norm of order 0, where `out` is a float.
void count_nonzero(const Source& in, std::uint64_t dims, const Target& out);

/// Scans along `dim`; `out` and `indices` have the source's shape. Cumsum and Cumprod compute in the type of `out`,
/// integers in int64. `indices` (Int64) for Cummax and Cummin. `out` may be the source itself.
void scan(Scan op, const Source& in, int dim, const Target& out, const Target& indices = {});

/// Softmax, or its logarithm, over the middle one of three contiguous dimensions; Half, BFloat16, Float or Double.
/// `out` may be `in`.
void softmax(bool log, const void* in, void* out, DType dtype, std::int64_t outer, std::int64_t n, std::int64_t inner);
/// Its derivative, from the result `out` and the gradient of it. `grad_in` may be either of them.
void softmax_backward(bool log, const void* grad, const void* out, void* grad_in, DType dtype, std::int64_t outer,
                      std::int64_t n, std::int64_t inner);

}  // namespace rl
