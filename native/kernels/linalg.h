// Factorisations of batches of matrices: plain loops for small ones, LAPACK for the others.
//
// All matrices are stored column by column without gaps, the members of a batch one after the other. Steps are in
// elements; a step of 0 uses one member for all.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace rl {

/// A factor as it stands in an equation.
enum class Form : char { Plain = 'N', Transposed = 'T', Adjoint = 'C' };

/// Routines of LAPACK and BLAS, for each of the four types, that whoever has them puts here. 32-bit integers, no
/// lengths of strings.
struct Lapack {
  using Routine = void (*)();
  /// Float, Double, CFloat, CDouble; by the letters that stand first in the names: s, d, c, z.
  static constexpr int kTypes = 4;
  enum Name : std::uint8_t {
    Getrf,
    Getrs,
    Potrf,
    Geqrf,
    Orgqr,
    Gesdd,
    Syevd,
    Geev,
    Sytrf,
    Hetrf,
    Sytrs,
    Hetrs,
    Trsm,
    kNames
  };
  Routine routines[kNames][kTypes] = {};
  bool complete = false;
};
extern Lapack lapack;

/// Up to this order the loops here are faster than LAPACK's blocks.
inline constexpr std::int64_t kSmallMatrix = 24;

/// Small matrices that are stored row by row, column by column. `bytes`: the size of an element, 4, 8 or 16.
void rows_to_columns(int bytes, std::int64_t m, std::int64_t n, std::int64_t count, const void* from, void* to);

/// a = P L U in place, [m, n]; pivots count from 1, min(m, n) for each member; info: 0, or the place of the first zero
/// on U's diagonal.
void lu_factor(DType d, std::int64_t m, std::int64_t n, std::int64_t count, void* a, std::int32_t* pivots,
               std::int32_t* info);
/// op(A) X = B in place of B [n, k] from A's factors.
void lu_solve(DType d, Form form, std::int64_t n, std::int64_t k, std::int64_t count, const void* lu,
              std::int64_t lu_step, const std::int32_t* pivots, std::int64_t pivot_step, void* b);
/// The lower factor in place, zeros above it; info: 0, or the order of the first leading minor that is not positive.
void cholesky(DType d, std::int64_t n, std::int64_t count, void* a, std::int32_t* info);
/// op(A) X = B in place of B [n, k], for a triangular A whose columns are `lda` apart.
void triangular_solve(DType d, bool upper, Form form, bool unit, std::int64_t n, std::int64_t k, std::int64_t count,
                      const void* a, std::int64_t lda, std::int64_t a_step, void* b);
/// R above, reflectors below the diagonal of a [m, n], and their factors tau [min(m, n)].
void geqrf(DType d, std::int64_t m, std::int64_t n, std::int64_t count, void* a, void* tau);
/// The first `columns` columns of H_1 … H_k, for the reflectors in a [m, a_columns] and tau [k].
void orgqr(DType d, std::int64_t m, std::int64_t columns, std::int64_t k, std::int64_t count, const void* a,
           std::int64_t a_columns, const void* tau, void* q);
/// H_1 … H_k c, or of its adjoint, in place of c [m, n].
void ormqr(DType d, bool adjoint, std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t count, const void* a,
           std::int64_t a_columns, const void* tau, void* c);
/// The upper triangle of a [m, n], zeros below it, as r [rows, n].
void upper_part(DType d, std::int64_t m, std::int64_t n, std::int64_t rows, std::int64_t count, const void* a, void* r);

// What follows needs LAPACK, but for eigh of small matrices. The results say which member did not converge, or -1. a is
// lost.

/// a = U diag(s) V^H. job 'N': s alone; 'S': [m, k] and [k, n] with k = min(m, n); 'A': square ones.
std::int64_t svd(DType d, char job, std::int64_t m, std::int64_t n, std::int64_t count, void* a, void* s, void* u,
                 void* vh);
/// The eigenvalues w, ascending, and the eigenvectors in place of a, of Hermitian matrices.
std::int64_t eigh(DType d, bool upper, bool vectors, std::int64_t n, std::int64_t count, void* a, void* w);
/// Eigenvalues w [n] and eigenvectors v [n, n], both complex; v may be null.
std::int64_t eig(DType d, std::int64_t n, std::int64_t count, void* a, void* w, void* v);
/// a = L D L^T (or L D L^H) in place, of symmetric (Hermitian) matrices, zeros above; info: 0, or a zero of D.
void ldl_factor(DType d, bool hermitian, std::int64_t n, std::int64_t count, void* a, std::int32_t* pivots,
                std::int32_t* info);
/// A X = B in place of B [n, k].
void ldl_solve(DType d, bool hermitian, std::int64_t n, std::int64_t k, std::int64_t count, const void* ld,
               std::int64_t ld_step, const std::int32_t* pivots, std::int64_t pivot_step, void* b);

}  // namespace rl
