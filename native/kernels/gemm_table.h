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

/// `count` small products, their members' matrices `steps` (A, B, C) elements apart: nothing is packed. Only where
/// `fits_small`; alpha must be 1 and beta 0.
using GemmSmall = void (*)(const GemmArgs& args, const std::int64_t* steps, std::int64_t count);
/// Is a product one for GemmSmall? Both operands must stay in the caches next to the core.
inline bool fits_small(const GemmArgs& g) {
  return g.b.col == 1 && g.n >= 4 && g.n <= 128 && g.k >= 1 && g.k <= 128 && g.m <= 128 && g.alpha == cdouble(1) &&
         g.beta == cdouble(0);
}

/// A matrix of floats or doubles, and the vector that it multiplies. x is contiguous.
struct Gemv {
  const void* a;
  std::int64_t lda;  // distance of rows for GemvRows, of columns for GemvColumns
  const void* x;
};
/// sums[i - i0] = the product of row i and x in columns [p0, p1); rows are contiguous.
using GemvRows = void (*)(const Gemv& g, std::int64_t i0, std::int64_t i1, std::int64_t p0, std::int64_t p1,
                          double* sums);
/// y = A x in rows [i0, i1), for A of k contiguous columns; y is contiguous.
using GemvColumns = void (*)(const Gemv& g, std::int64_t i0, std::int64_t i1, std::int64_t k, void* y);

/// to[i * to_step + j] = from[j * from_step + i] for i < rows, j < columns; steps in elements.
using Transpose = void (*)(const void* from, std::int64_t from_step, void* to, std::int64_t to_step, std::int64_t rows,
                           std::int64_t columns);

struct GemmTable {
  Transpose transpose4, transpose8;  // elements of four and eight bytes
  GemmTile tile[kDTypes];
  GemmWhole tiny[kDTypes];   // plain loops, without a workspace
  GemmSmall small[kDTypes];  // this and what follows: Float and Double only, else null
  GemvRows gemv_rows[kDTypes];
  GemvColumns gemv_columns[kDTypes];
};

}  // namespace rl
