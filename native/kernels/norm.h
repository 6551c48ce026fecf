// Normalisation on raw memory of float or double: sums over runs of elements, over rows and over columns, and what is
// done with them. Sums are kept in double between blocks whose order the shape alone fixes.
#pragma once

#include <cstdint>

namespace rl {

/// `count` runs of `n` elements, the first ones `step` elements apart.
struct Runs {
  std::int64_t n, count, step;
};

/// Rows [rows, n] that are normalised one by one.
struct NormRows {
  std::int64_t rows, n;
  bool centered;       // about the mean (layer norm), or about 0 (RMS norm)
  const void* weight;  // [n] or null
  const void* bias;    // [n] or null
};

struct NormLoops {
  /// The mean and the sum of squared differences from it.
  void (*moments)(const void* x, const Runs& r, double* mean, double* squares);
  /// The sums of g and of g (x - mean).
  void (*dots)(const void* g, const void* x, const Runs& r, double mean, double* sum, double* dot);
  /// y = a x + b; y may be x
  void (*affine)(const void* x, void* y, const Runs& r, double a, double b);
  /// y = a g + b x + c; y may be g
  void (*combine)(const void* g, const void* x, void* y, const Runs& r, double a, double b, double c);
  /// y = (x - mean) rstd weight + bias for each row; mean (null unless centered) and rstd are written.
  void (*rows)(const NormRows& r, const void* x, void* y, double eps, void* mean, void* rstd);
  /// The gradient of `rows`: dx (or null), and what the rows add to dw and db (or null).
  void (*rows_backward)(const NormRows& r, const void* g, const void* x, const void* mean, const void* rstd, void* dx,
                        void* dw, void* db);
  /// Adds to the sums of the columns of x [rows, n]: of x (g and mean null), of (x - mean)^2 (g null) to `sum`; with g,
  /// of g to `sum` and of g (x - mean) to `dot`.
  void (*column_sums)(const void* g, const void* x, std::int64_t rows, std::int64_t n, const double* mean, double* sum,
                      double* dot);
  /// y = a x + b and y = a g + b x + c with numbers for each column.
  void (*column_affine)(const void* x, void* y, std::int64_t rows, std::int64_t n, const void* a, const void* b);
  void (*column_combine)(const void* g, const void* x, void* y, std::int64_t rows, std::int64_t n, const void* a,
                         const void* b, const void* c);
  /// y += x
  void (*add)(void* y, const void* x, std::int64_t n);
};

struct NormTable {
  NormLoops single, twice;  // float, double
};

}  // namespace rl
