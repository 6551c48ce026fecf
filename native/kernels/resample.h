// Kernels of what reads images between their places (interpolation, grid_sample) and of distances between rows.
#pragma once

#include <cstdint>

#include "kernels/loop.h"

namespace rl {

/// How each of `n` numbers is a weighted sum of others in a line: `width` terms each, term k of number x being
/// weight[k * n + x] * line[index[k * n + x]]; with width 0 the terms begin[x] .. begin[x + 1] of both lists.
/// An index below 0 stands for no element, where the kernel says so. Weights are of the line's type; for bytes they are
/// int32, numbers of 2^-shift.
struct Weighing {
  std::int64_t n;
  std::int32_t width;
  std::int32_t shift;
  const std::int32_t* begin;
  const std::int32_t* index;
  const void* weight;
};

enum class Beyond : std::int32_t { Zeros, Border, Reflection };
enum class Between : std::int32_t { Linear, Nearest, Cubic };

/// One axis of an image that is read at the coordinates `at[i * stride]`, -1 and 1 being its ends (its outer elements'
/// centres with `corners`, else their edges).
struct Sampling {
  const void* at;
  std::int64_t stride, n, size;
  Beyond padding;
  Between between;
  bool corners;
};
/// The number of elements along one axis that a place is between.
inline int terms_of(Between b) { return b == Between::Linear ? 2 : b == Between::Nearest ? 1 : 4; }

/// Sums of |a - b|^p: which of them have loops of their own.
enum class Metric : int { Count, One, Two, Max, Power };

/// By type: [0] Float, [1] Double.
struct ResampleTable {
  /// out[x] = the sum of x's terms.
  void (*weigh[2])(const Weighing& w, const void* line, void* out);
  void (*weigh_bytes)(const Weighing& w, const std::uint8_t* line, std::uint8_t* out);
  /// out[i] = the sum over k of weight[k] * rows[k][i]
  void (*mix[2])(const void* const* rows, const void* weight, std::int64_t k, std::int64_t n, void* out);
  void (*mix_bytes)(const std::uint8_t* const* rows, const std::int32_t* weight, std::int64_t k, std::int64_t n,
                    std::int32_t shift, std::uint8_t* out);
  /// The same as `weigh` where indices may be below 0; `width` is one of 1 to 4, 8 and 16.
  void (*weigh_within[2])(const Weighing& w, const void* line, void* out);
  /// The same, multiplied by factor[x] and added to out[x].
  void (*weigh_onto[2])(const Weighing& w, const void* line, const void* factor, void* out);
  /// line[index] += weight * from[x] for every term.
  void (*spread[2])(const Weighing& w, const void* from, void* line);
  /// Terms of each coordinate, lists of `n`: indices, weights, their derivative by the coordinate and, unless null,
  /// its derivative. 2, 1 or 4 lists by `between`.
  void (*locate[2])(const Sampling& s, std::int32_t* index, void* weight, void* slope, void* bend);
  /// A term's index and weight in several dimensions from those along each: products of n weights and, unless null,
  /// sums of n indices times `step`, below 0 where one of them is.
  void (*cross[2])(std::int64_t n, int dims, const std::int32_t* const* index, const std::int64_t* step,
                   const void* const* weight, std::int32_t* out_index, void* out_weight);
  /// A row's distances to `count` points: out[j] is the root of the sum over k of |a[k] - b(k, j)|^p, or their maximum,
  /// or how many differ. b(k, j) is b[k * stride + j], or with a stride of 0 b[j * dims + k].
  void (*distances[2])(const void* a, const void* b, std::int64_t stride, std::int64_t count, std::int64_t dims,
                       Metric metric, double p, void* out);
  /// What the derivative of the sum of |difference|^p / p is multiplied by: out = grad * distance^(1 - p), 0 between
  /// equal points; for One and Max the gradient itself.
  void (*factors[2])(const void* grad, const void* distance, std::int64_t n, Metric metric, double p, void* out);
  /// out[k] = sum over j of factor[j] * (the derivative by a[k] of |a[k] - b[k * columns + j]|^p / p), or for Max sign
  /// where the difference is distance[j].
  void (*pulls[2])(const void* a, const void* b, std::int64_t columns, std::int64_t dims, Metric metric, double p,
                   const void* factor, const void* distance, void* out);
};

}  // namespace rl
