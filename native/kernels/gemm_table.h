// The loops of matrix products that are compiled per CPU level.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace rl {

/// One operand: element (i, j) stands at data[i * row + j * col], strides in elements, any sign, 0 too.
struct Matrix {
  const void* data;
  std::int64_t row, col;
  bool conj = false;
};

/// C = alpha A B + beta C, for one matrix; C's columns are contiguous. Where beta is 0, C is not read.
struct GemmArgs {
  std::int64_t m, n, k;
  Matrix a, b;
  void* c;
  std::int64_t ldc;
  cdouble alpha{1}, beta{0};
  std::int64_t ialpha = 1, ibeta = 0;  // the same for integral types
};

/// The part of C in rows [i0, i1) and columns [j0, j1). The driver gives the workspace (see workspace_bytes in
/// gemm.cpp).
using GemmTile = void (*)(const GemmArgs& args, std::int64_t i0, std::int64_t i1, std::int64_t j0, std::int64_t j1,
                          void* workspace);
using GemmWhole = void (*)(const GemmArgs& args);

struct GemmTable {
  GemmTile tile[kDTypes];
  GemmWhole tiny[kDTypes];  // plain loops, without a workspace
};

}  // namespace rl
