// The loops of attention over rows of weights, compiled per CPU level.
#pragma once

#include <cstdint>

namespace rl {

/// Rows of products of queries and keys, `step` elements apart, each of `columns` keys.
struct AttentionRows {
  void* scores;
  std::int64_t step, rows, columns;
  const void* mask;  // null: none; steps in elements
  std::int64_t mask_row, mask_column;
  double scale;
  std::int64_t seen;  // row r sees the first seen + r columns; the others' weights are 0
};

/// By compute type, [0] Float, [1] Double.
struct AttentionTable {
  /// A product s becomes exp(scale s + mask - max) with each row's largest exponent so far: `max` and `sum` of a row
  /// are brought up to date, and `factor` is what the row's earlier results are to be multiplied with.
  void (*weigh[2])(const AttentionRows& rows, void* max, void* sum, void* factor);
  /// total[r] = factor[r] total[r] + add[r], rows of n contiguous elements without a gap.
  void (*join[2])(void* total, const void* add, const void* factor, std::int64_t rows, std::int64_t n);
  /// total[i] += add[i]
  void (*add[2])(void* total, const void* add, std::int64_t n);
  /// out[r] = total[r] / sum[r], rows of `out` `step` apart; logsumexp[r] = max[r] + log(sum[r]).
  void (*finish[2])(const void* total, const void* max, const void* sum, std::int64_t rows, std::int64_t n, void* out,
                    std::int64_t step, void* logsumexp);
  /// A product s becomes its weight p = exp(scale s + mask - logsumexp), and the weight's gradient d, at the same place
  /// of `grads`, the product's: p (d - dot) scale.
  void (*regain[2])(const AttentionRows& rows, void* grads, const void* logsumexp, const void* dots);
  /// dots[r] = the product of the rows r of a and b.
  void (*dots[2])(const void* a, std::int64_t a_step, const void* b, std::int64_t b_step, std::int64_t rows,
                  std::int64_t n, void* dots);
};

}  // namespace rl
