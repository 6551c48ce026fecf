// Pooling and padding of planes: the drivers that split the work over threads.
#pragma once

#include "kernels/pool.h"

namespace rl {

void pool_max(DType d, const PoolJob& job);
void pool_average(DType d, const PoolJob& job);

/// Planes whose borders repeat what is inside.
struct Padding {
  enum Mode : std::uint8_t { Reflect, Replicate, Circular, Constant };
  Mode mode = Reflect;
  std::int64_t planes = 0;
  std::int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1};
  std::int64_t before[3] = {0, 0, 0};  // places in front; below 0: elements cut off. `out` says what there is behind

  /// The element that stands at place o of dimension d; below 0 if it is none (Constant).
  std::int64_t source(int d, std::int64_t o) const {
    const std::int64_t n = in[d], x = o - before[d];
    switch (mode) {
      case Reflect: return x < 0 ? -x : x < n ? x : 2 * (n - 1) - x;
      case Replicate: return x < 0 ? 0 : x < n ? x : n - 1;
      case Constant: return x < n ? x : -1;
      case Circular: {
        // What negative padding cuts off is not repeated either.
        const std::int64_t after = out[d] - n - before[d];
        const std::int64_t low = before[d] < 0 ? -before[d] : 0, m = n - low - (after < 0 ? -after : 0);
        return ((x - low) % m + m) % m + low;
      }
    }
    return 0;
  }
};

/// out = the padded planes of `in`. `value`: the element that Constant writes.
void pad_planes(int itemsize, const Padding& p, const void* in, void* out, const void* value = nullptr);
/// The transpose: adds each place of `padded` to the element that stood there. Float, Double or complex.
void unpad_planes(DType d, const Padding& p, const void* padded, void* to);

}  // namespace rl
