// What operators on matrices share.
#pragma once

#include "ops/ops.h"

namespace rl {

/// The lower or upper triangle of matrices, from a diagonal on; with history (sort.cpp).
Tensor triangle(const Tensor& t, std::int64_t diagonal, bool upper);
inline Tensor tril(const Tensor& t, std::int64_t diagonal = 0) { return triangle(t, diagonal, false); }
inline Tensor triu(const Tensor& t, std::int64_t diagonal = 0) { return triangle(t, diagonal, true); }

/// The conjugate transpose of matrices.
inline Tensor adjoint(const Tensor& t) { return conj(matrix_transpose(t)); }

}  // namespace rl
