// Sorting and selection along one dimension of strided memory, and counting. Real types only; nan counts as the
// largest value everywhere, ties keep their order (the lower index comes first).
#pragma once

#include "kernels/reductions.h"

namespace rl {

/// Sorts along `dim`, stably. `values` (the source's type and shape; may be null, must not be the source) and
/// `indices` (Int64; may be null) get the result.
void sort(const Source& in, int dim, bool descending, const Target& values, const Target& indices);

/// The k largest (or smallest) along `dim`, 0 <= k <= size: sorted, and among equals those of lowest index. The
/// targets' dimension `dim` has size k.
void topk(const Source& in, int dim, std::int64_t k, bool largest, const Target& values, const Target& indices);

/// The k-th smallest along `dim`, counted from 0, with its index (that of the first among equals, as a stable sort
/// gives them). The stride of the targets along `dim` is not looked at.
void select(const Source& in, int dim, std::int64_t k, const Target& values, const Target& indices);
/// The lower median along `dim`. A nan anywhere is the median, with the index of the first; or, with `ignore_nan`, nan
/// only if there is nothing else.
void median(const Source& in, int dim, bool ignore_nan, const Target& values, const Target& indices);

/// For each of `values` (n contiguous ones in each of `rows` rows) the first place in its row of `sorted` (length
/// contiguous elements; one row for all where `shared`) whose element is not less (right: greater) than it. Both
/// of type `dtype`; `sorter` (Int64, may be null) has the layout of `sorted` and says in which order that is sorted.
void search_sorted(const void* sorted, std::int64_t length, const void* values, std::int64_t rows, std::int64_t n,
                   bool shared, DType dtype, bool right, const std::int64_t* sorter, std::int64_t* out);

/// out[v] += 1 (or weights[i]) for each of n contiguous non-negative values v; the caller has sized and zeroed `out`.
void bin_count(const void* values, DType dtype, std::int64_t n, const double* weights, std::int64_t* counts,
               double* sums);
/// Counts n contiguous elements (Float or Double) into `bins` equal intervals of [low, high]; what lies outside and nan
/// is left out, `high` itself belongs to the last. `out` has the elements' type.
void histogram(const void* values, DType dtype, std::int64_t n, double low, double high, std::int64_t bins, void* out);

}  // namespace rl
