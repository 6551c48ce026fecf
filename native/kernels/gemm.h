// Matrix products on raw memory, split over the thread pool.
#pragma once

#include <optional>

#include "kernels/gemm_table.h"
#include "kernels/scratch.h"

namespace rl {

/// C = alpha A B + beta C, for one matrix or a batch of them whose members stand `step` elements apart (0: shared; C's
/// must not overlap). A and B may be strided at will; alpha, beta are read as integers (ialpha, ibeta) for integral
/// types. Where beta is 0, C is not read; where alpha or k is 0, A and B are not. Every type but Bool. The result has
/// the same bits for any number of threads. Sums of 16-bit floats are kept in float and rounded once.
struct GemmBatch {
  std::int64_t count = 1, a_step = 0, b_step = 0, c_step = 0;
};
void gemm(DType dtype, const GemmArgs& args, const GemmBatch& batch = {});

/// The same for one matrix after another in the calling thread, for kernels that split their work themselves.
class SerialGemm {
 public:
  explicit SerialGemm(DType dtype) : dtype_(dtype) {}
  void operator()(const GemmArgs& args);

 private:
  DType dtype_;
  std::int64_t bytes_ = 0;
  std::optional<Scratch> workspace_;
};

}  // namespace rl
