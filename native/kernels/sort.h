// Sorting and selection: the kernels of one CPU level. Callers use sorting.h.
#pragma once

#include "kernels/loop.h"

namespace rl {

/// Maps n elements (stride in bytes) to unsigned keys whose order is the order asked for, nan last when ascending and
/// first when descending, -0 equal to 0. Keys are 32 bits wide for elements of up to four bytes, else 64.
using EncodeKeys = void (*)(const char* in, std::int64_t stride, std::int64_t n, bool descending, void* keys);
/// Writes the elements back in the order of their keys and indices. Zeros and nans are fetched from `in`, since their
/// keys don't tell them apart.
using DecodeKeys = void (*)(const void* keys, const std::uint32_t* order, std::int64_t n, bool descending,
                            const char* in, std::int64_t in_stride, char* out, std::int64_t out_stride);

struct SortTable {
  EncodeKeys encode[kDTypes];  // null for complex types
  DecodeKeys decode[kDTypes];
};

}  // namespace rl
