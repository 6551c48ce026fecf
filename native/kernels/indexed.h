// Elements moved by index: gather, scatter, and whatever is one of them in another shape. What limits these loops is
// memory, not arithmetic, so they are compiled once.
#pragma once

#include <cstdint>

#include "base/dims.h"
#include "base/dtype.h"

namespace rl {

/// For every position x of `sizes`: element `list[x]` belongs to element `table[x, with index[x] in the place of the
/// indexed coordinate]`. Strides are in elements; those of the table are 0 where the index decides, those of the index
/// 0 where it is stretched. Indices must fit (see `misfit`).
struct IndexedMove {
  Dims sizes;
  char* table;
  Dims table_strides;
  std::int64_t step;  // of the table's indexed dimension
  const std::int64_t* index;
  Dims index_strides;
  char* list;
  Dims list_strides;
};

/// list = table. The list's elements must not overlap. `limit`: unless 0, the indices have not been checked yet; each
/// stretch of them is, just before it is used, and if one does not lie in [0, limit) the result is false and the move
/// half done. That is for results that nobody sees then; it saves a pass over the indices.
bool move_from_table(int itemsize, const IndexedMove& move, std::int64_t limit = 0);
/// table = list, the last of several winning; += list, in the order of positions. The table's elements must not
/// overlap.
bool move_to_table(int itemsize, const IndexedMove& move, std::int64_t limit = 0);
bool add_to_table(DType dtype, const IndexedMove& move, std::int64_t limit = 0);
/// The same with the product, the smaller or the larger of the two (nan wins) for the sum; the indices must fit.
enum class Combine : std::uint8_t { Multiply, Min, Max };
void combine_in_table(DType dtype, Combine how, const IndexedMove& move);

/// The first of n indices that does not lie in [low, size), or -1.
std::int64_t misfit(const std::int64_t* index, std::int64_t n, std::int64_t low, std::int64_t size);

/// How many of n bytes, each 0 or 1, are 1.
std::int64_t count_true(const bool* p, std::int64_t n);
/// Writes the places of the `count` true ones among them, counted from `first`; returns the end of what it wrote.
std::int64_t* true_places(const bool* p, std::int64_t count, std::int64_t first, std::int64_t* out);

}  // namespace rl
