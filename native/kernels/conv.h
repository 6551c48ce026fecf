// What convolutions do besides matrix products, on raw memory: the elements under each tap of a kernel as columns, and
// convolutions of single channels, which are no products.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace rl {

/// Sizes of one channel's places: x is what convolution reads, y what it writes. Of fewer than three dimensions the
/// first ones are 1.
struct ConvShape {
  std::int64_t x[3], y[3], kernel[3], stride[3], dilation[3];
  std::int64_t pad[3];  // before the first place; what follows the last one is as long as y needs

  std::int64_t x_places() const { return x[0] * x[1] * x[2]; }
  std::int64_t y_places() const { return y[0] * y[1] * y[2]; }
  std::int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  /// The part of x, with its padding, that y reaches.
  std::int64_t reach(int d) const { return (y[d] - 1) * stride[d] + (kernel[d] - 1) * dilation[d] + 1; }
  std::int64_t padded_places() const { return reach(0) * reach(1) * reach(2); }
};

/// `places` [begin, end) of y, for `channels` channels that follow each other.
struct ConvTile {
  std::int64_t channels, begin, end;
};

struct ConvLoops {
  /// columns[(channel, tap)][place - begin] = what the tap meets at that place.
  void (*gather)(const ConvShape& s, const ConvTile& t, const void* x, void* columns);
  /// Its transpose: adds columns to the elements of x that they came from.
  void (*scatter)(const ConvShape& s, const ConvTile& t, const void* columns, void* x);
  /// The places of one channel of x that y reaches, zeros where it is padded; `padded` has room for one vector more.
  void (*padded)(const ConvShape& s, const void* x, void* padded);
  /// y += the convolution of one padded channel by one kernel.
  void (*single)(const ConvShape& s, const void* padded, const void* w, void* y);
  /// w += for each tap the sum of the products of y and what the tap meets.
  void (*single_weight)(const ConvShape& s, const void* padded, const void* y, void* w);
};

/// More bytes than a vector has.
inline constexpr std::int64_t kConvSlack = 64;

struct ConvTable {
  ConvLoops of[kDTypes];  // those that products are computed in
};

}  // namespace rl
