#include "kernels/indexed.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <type_traits>

#include "base/threads.h"
#include "kernels/table.h"

namespace rl {
namespace {

/// An IndexedMove without dimensions of size 1, and with those joined that lie together in all three operands.
struct Nest {
  std::int64_t sizes[kMaxDims], table[kMaxDims], index[kMaxDims], list[kMaxDims];
  int n = 0;  // at least 1
  std::int64_t total = 1;

  explicit Nest(const IndexedMove& m) {
    for (std::size_t d = 0; d < m.sizes.size(); ++d) {
      const std::int64_t size = m.sizes[d];
      total *= size;
      if (size == 1) continue;
      const std::int64_t t = m.table_strides[d], i = m.index_strides[d], l = m.list_strides[d];
      if (n > 0 && table[n - 1] == t * size && index[n - 1] == i * size && list[n - 1] == l * size) {
        sizes[n - 1] *= size;
        table[n - 1] = t, index[n - 1] = i, list[n - 1] = l;
        continue;
      }
      sizes[n] = size, table[n] = t, index[n] = i, list[n] = l;
      ++n;
    }
    if (n == 0) sizes[0] = 1, table[0] = index[0] = list[0] = 0, n = 1;
  }
};

/// A run along the last dimension.
struct Run {
  char* table;
  const std::int64_t* index;
  char* list;
  std::int64_t n, table_stride, index_stride, list_stride, step;
};

/// All runs of the nest, where dimension `cut` is limited to [begin, end).
template <class F>
void each_run(const IndexedMove& m, Nest nest, int itemsize, int cut, std::int64_t begin, std::int64_t end, F&& run) {
  nest.sizes[cut] = end - begin;
  const int last = nest.n - 1;
  std::int64_t t = begin * nest.table[cut], i = begin * nest.index[cut], l = begin * nest.list[cut];
  std::int64_t at[kMaxDims] = {};
  for (;;) {
    run(Run{m.table + t * itemsize, m.index + i, m.list + l * itemsize, nest.sizes[last], nest.table[last],
            nest.index[last], nest.list[last], m.step});
    int d = last - 1;
    for (; d >= 0; --d) {
      t += nest.table[d], i += nest.index[d], l += nest.list[d];
      if (++at[d] < nest.sizes[d]) break;
      t -= nest.table[d] * nest.sizes[d], i -= nest.index[d] * nest.sizes[d], l -= nest.list[d] * nest.sizes[d];
      at[d] = 0;
    }
    if (d < 0) return;
  }
}

/// Calls `run` for all runs, on several threads. Where elements may `meet` in the table, another dimension than the
/// indexed one is cut, so that those that can meet stay in one thread and in order; without one the work is not split
/// (a thread that picked its part of the table out of all indices would lose more to mispredicted branches than it
/// gains).
template <class F>
void split(const IndexedMove& m, int itemsize, bool meet, F&& run) {
  const Nest nest(m);
  if (nest.total == 0) return;
  int cut = -1;
  for (int d = 0; d < nest.n; ++d) {
    if ((!meet || nest.table[d] != 0) && (cut < 0 || nest.sizes[d] > nest.sizes[cut])) cut = d;
  }
  const bool whole = cut < 0;
  if (whole) cut = 0;
  std::int64_t grain = std::max<std::int64_t>(1, kGrain / (nest.total / nest.sizes[cut]));
  // Ranges of whole cache lines where the last dimension is cut.
  if (cut == nest.n - 1) grain = (grain + 63) / 64 * 64;
  if (whole) grain = nest.sizes[cut];
  parallel_for(nest.sizes[cut], grain,
               [&](std::int64_t b, std::int64_t e) { each_run(m, nest, itemsize, cut, b, e, run); });
}

/// Calls `run` for all runs, checking indices as indexed.h says.
template <class F>
bool split_checked(const IndexedMove& m, int itemsize, bool meet, std::int64_t limit, F&& run) {
  if (limit == 0) {
    split(m, itemsize, meet, run);
    return true;
  }
  std::atomic<bool> good{true};
  split(m, itemsize, meet, [&](const Run& r) {
    constexpr std::int64_t stretch = 2048;  // within the L1 cache
    for (std::int64_t at = 0; at < r.n; at += stretch) {
      Run part = r;
      part.n = std::min(stretch, r.n - at);
      part.table += at * r.table_stride * itemsize;
      part.list += at * r.list_stride * itemsize;
      part.index += at * r.index_stride;
      bool fits = true;
      if (r.index_stride == 1)
        fits = misfit(part.index, part.n, 0, limit) < 0;
      else
        for (std::int64_t j = 0; j < (r.index_stride == 0 ? 1 : part.n); ++j)
          fits &= std::uint64_t(part.index[j * r.index_stride]) < std::uint64_t(limit);
      if (!fits) return good.store(false, std::memory_order_relaxed);
      run(part);
    }
  });
  return good.load(std::memory_order_relaxed);
}

struct Sixteen {
  std::uint64_t a, b;
};

/// Moves elements of one size; their type is of no matter.
template <class F>
bool by_size(int size, F&& f) {
  switch (size) {
    case 1: return f(std::uint8_t{});
    case 2: return f(std::uint16_t{});
    case 4: return f(std::uint32_t{});
    case 8: return f(std::uint64_t{});
    default: return f(Sixteen{});
  }
}

template <class E>
void copy_run(char* to, std::int64_t to_stride, const char* from, std::int64_t from_stride, std::int64_t n) {
  E* const a = reinterpret_cast<E*>(to);
  const E* const b = reinterpret_cast<const E*>(from);
  if (to_stride == 1 && from_stride == 1 && n >= 8) {
    std::memcpy(to, from, std::size_t(n) * sizeof(E));
    return;
  }
  for (std::int64_t j = 0; j < n; ++j) a[j * to_stride] = b[j * from_stride];
}

template <class E>
void sum(E& x, E v) {
  if constexpr (std::is_same_v<E, bool>)
    x = x || v;
  else if constexpr (is_half_v<E>)
    x = E(float(x) + float(v));
  else if constexpr (std::is_integral_v<E>)
    x = E(std::make_unsigned_t<E>(x) + std::make_unsigned_t<E>(v));
  else
    x = x + v;
}

struct Product {
  template <class E>
  void operator()(E& x, E v) const {
    if constexpr (std::is_same_v<E, bool>)
      x = x && v;
    else if constexpr (is_half_v<E>)
      x = E(float(x) * float(v));
    else if constexpr (std::is_integral_v<E>)
      x = E(std::uint64_t(x) * std::uint64_t(v));
    else
      x = x * v;
  }
};
/// nan wins. Complex numbers have no order; they do not come here.
template <bool larger>
struct Extreme {
  template <class E>
  void operator()(E& x, E v) const {
    if constexpr (is_half_v<E>) {
      if (wins(float(x), float(v))) x = v;
    } else if constexpr (!is_complex_v<E>) {
      if (wins(x, v)) x = v;
    }
  }

 private:
  template <class E>
  static bool wins(E x, E v) {
    return x == x && (v != v || (larger ? x < v : v < x));
  }
};

}  // namespace

bool move_from_table(int itemsize, const IndexedMove& m, std::int64_t limit) {
  return by_size(itemsize, [&](auto e) {
    using E = decltype(e);
    const auto run = [](const Run& r) {
      if (r.index_stride == 0) {
        copy_run<E>(r.list, r.list_stride, r.table + r.index[0] * r.step * std::int64_t(sizeof(E)), r.table_stride,
                    r.n);
        return;
      }
      const E* const table = reinterpret_cast<const E*>(r.table);
      E* const list = reinterpret_cast<E*>(r.list);
      if (r.table_stride == 0 && r.index_stride == 1 && r.list_stride == 1 && r.step == 1) {
        for (std::int64_t j = 0; j < r.n; ++j) list[j] = table[r.index[j]];
        return;
      }
      for (std::int64_t j = 0; j < r.n; ++j)
        list[j * r.list_stride] = table[j * r.table_stride + r.index[j * r.index_stride] * r.step];
    };
    return split_checked(m, itemsize, false, limit, run);
  });
}

bool move_to_table(int itemsize, const IndexedMove& m, std::int64_t limit) {
  return by_size(itemsize, [&](auto e) {
    using E = decltype(e);
    const auto run = [](const Run& r) {
      if (r.index_stride == 0 && r.table_stride != 0) {
        copy_run<E>(r.table + r.index[0] * r.step * std::int64_t(sizeof(E)), r.table_stride, r.list, r.list_stride,
                    r.n);
        return;
      }
      E* const table = reinterpret_cast<E*>(r.table);
      const E* const list = reinterpret_cast<const E*>(r.list);
      if (r.table_stride == 0 && r.index_stride == 1 && r.list_stride == 1 && r.step == 1) {
        for (std::int64_t j = 0; j < r.n; ++j) table[r.index[j]] = list[j];
        return;
      }
      for (std::int64_t j = 0; j < r.n; ++j)
        table[j * r.table_stride + r.index[j * r.index_stride] * r.step] = list[j * r.list_stride];
    };
    return split_checked(m, itemsize, true, limit, run);
  });
}

bool add_to_table(DType dtype, const IndexedMove& m, std::int64_t limit) {
  bool good = true;
  const Loop add = dtype == DType::Bool ? nullptr : kernels->pointwise.binary[int(Binary::Add)][int(dtype)];
  dispatch(dtype, [&](auto tag) {
    using E = typename decltype(tag)::type;
    const auto run = [add](const Run& r) {
      E* const table = reinterpret_cast<E*>(r.table);
      const E* const list = reinterpret_cast<const E*>(r.list);
      if (r.index_stride == 0 && r.table_stride == 1 && r.list_stride == 1 && r.n >= 16 && add != nullptr) {
        char* const row = r.table + r.index[0] * r.step * std::int64_t(sizeof(E));
        char* const data[3] = {row, row, r.list};
        const std::int64_t strides[3] = {sizeof(E), sizeof(E), sizeof(E)};
        add(data, strides, r.n, nullptr);
        return;
      }
      if (r.table_stride == 0 && r.index_stride == 1 && r.list_stride == 1 && r.step == 1) {
        for (std::int64_t j = 0; j < r.n; ++j) sum(table[r.index[j]], list[j]);
        return;
      }
      for (std::int64_t j = 0; j < r.n; ++j)
        sum(table[j * r.table_stride + r.index[j * r.index_stride] * r.step], list[j * r.list_stride]);
    };
    good = split_checked(m, int(sizeof(E)), true, limit, run);
  });
  return good;
}

void combine_in_table(DType dtype, Combine how, const IndexedMove& m) {
  dispatch(dtype, [&](auto tag) {
    using E = typename decltype(tag)::type;
    const auto all = [&](auto combine) {
      split(m, int(sizeof(E)), true, [&](const Run& r) {
        E* const table = reinterpret_cast<E*>(r.table);
        const E* const list = reinterpret_cast<const E*>(r.list);
        for (std::int64_t j = 0; j < r.n; ++j)
          combine(table[j * r.table_stride + r.index[j * r.index_stride] * r.step], list[j * r.list_stride]);
      });
    };
    if (how == Combine::Multiply)
      all(Product{});
    else if (how == Combine::Min)
      all(Extreme<false>{});
    else
      all(Extreme<true>{});
  });
}

std::int64_t misfit(const std::int64_t* index, std::int64_t n, std::int64_t low, std::int64_t size) {
  constexpr std::int64_t block = 1024;
  const auto at = [&](std::int64_t i) { return index[i] < low || index[i] >= size; };
  for (std::int64_t first = 0; first < n; first += block) {
    const std::int64_t end = std::min(n, first + block);
    const bool bad = kernels->pointwise.outside(index + first, end - first, low, size - low);
    if (!bad) continue;
    for (std::int64_t i = first; i < end; ++i)
      if (at(i)) return i;
  }
  return -1;
}

std::int64_t count_true(const bool* p, std::int64_t n) {
  std::int64_t count = 0, i = 0;
  for (; i + 8 <= n; i += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, p + i, 8);
    count += std::int64_t(eight * 0x0101010101010101u >> 56);
  }
  for (; i < n; ++i) count += p[i];
  return count;
}

std::int64_t* true_places(const bool* p, std::int64_t count, std::int64_t first, std::int64_t* out) {
  // No branch on an element; the count says when to stop, so nothing is written beyond it.
  std::int64_t* const end = out + count;
  for (std::int64_t i = 0; out != end; ++i) {
    *out = first + i;
    out += p[i];
  }
  return out;
}

}  // namespace rl
