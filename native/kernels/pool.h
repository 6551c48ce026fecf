// Sliding windows over images: what pooling asks of one CPU level.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace rl {

/// The elements of one dimension that each result is made of: from low(o) on, `step` apart, before high(o).
struct Windows {
  enum Kind : std::uint8_t {
    Even,      // kernel elements from o * stride - pad on
    Covering,  // of an Even one with step 1: the results whose windows hold element o; `in` counts these results
    Adaptive,  // [floor(o in / out), ceil((o + 1) in / out))
    Listed,    // kernel elements from starts[o] on; a list for each plane
  };
  Kind kind = Even;
  std::int64_t in = 1, out = 1;
  std::int64_t kernel = 1, stride = 1, pad = 0, step = 1;
  const std::int64_t* starts = nullptr;

  std::int64_t low(std::int64_t o, std::int64_t plane = 0) const {
    switch (kind) {
      case Even: {
        const std::int64_t first = o * stride - pad;
        return first >= 0 ? first : first + (-first + step - 1) / step * step;
      }
      case Covering: {
        const std::int64_t above = o + pad - kernel + 1;  // results from above / stride on
        return above <= 0 ? 0 : (above + stride - 1) / stride;
      }
      case Adaptive: return o * in / out;
      case Listed: return starts[plane * out + o];
    }
    return 0;
  }
  std::int64_t high(std::int64_t o, std::int64_t plane = 0) const {
    std::int64_t end = 0;
    switch (kind) {
      case Even: end = o * stride - pad + (kernel - 1) * step + 1; break;
      case Covering: end = (o + pad) / stride + 1; break;
      case Adaptive: end = ((o + 1) * in + out - 1) / out; break;
      case Listed: end = starts[plane * out + o] + kernel; break;
    }
    return end < in ? end : in;
  }
  /// No window is longer than this, from its first element to its last.
  std::int64_t reach() const {
    std::int64_t n = in;
    switch (kind) {
      case Even: n = (kernel - 1) * step + 1; break;
      case Covering: n = (kernel - 1) / stride + 1; break;
      case Adaptive: n = out == 0 ? in : in / out + 2; break;
      case Listed: n = kernel; break;
    }
    return n < in ? n : in;
  }
  /// How many elements an average of window o counts; `padded`: those of the padding, too.
  std::int64_t count(std::int64_t o, bool padded) const {
    if (kind != Even || !padded) return high(o) - low(o);
    const std::int64_t first = o * stride - pad, end = first + kernel;
    return (end < in + pad ? end : in + pad) - first;
  }
};

/// Planes of [in0, in1, in2] elements become planes of [out0, out1, out2] results.
struct PoolJob {
  Windows w[3];
  std::int64_t planes = 0;
  const void* in = nullptr;
  void* out = nullptr;
  std::int64_t* where = nullptr;  // of a maximum: its place in its plane; null if nobody asks
  // Of an average: what its sum is divided by. `spread`: the elements of `in` are divided, as gradients are, by the
  // counts of the windows `share`; else the sums.
  Windows share[3];
  bool padded = true, spread = false;
  std::int64_t divisor = 0;  // in the place of the counts, unless 0
};

/// Computes rows [begin, end) of all planes' results, numbered [plane, out0, out1]. Without scratch memory it only says
/// how many bytes of it it needs.
using PoolRows = std::int64_t (*)(const PoolJob& job, std::int64_t begin, std::int64_t end, char* scratch);

struct PoolTable {
  PoolRows max[kDTypes];
  PoolRows average[kDTypes];
};

}  // namespace rl
