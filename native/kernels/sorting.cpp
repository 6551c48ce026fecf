// Sorting by unsigned keys with the index below: every item is unique, so any sort is a stable one. Long lines are
// sorted digit by digit from the lowest, short ones by comparison.
#include "kernels/sorting.h"

#include <algorithm>

#include "base/threads.h"
#include "kernels/scratch.h"
#include "kernels/table.h"

namespace rl {
namespace {

using std::int64_t;
using std::uint32_t;
using std::uint64_t;

template <class K>
struct Item;
template <>
struct Item<uint32_t> {
  uint64_t both;
  Item() = default;
  Item(uint32_t key, uint32_t index) : both(uint64_t(key) << 32 | index) {}
  uint32_t key() const { return uint32_t(both >> 32); }
  uint32_t index() const { return uint32_t(both); }
  bool operator<(Item o) const { return both < o.both; }
};
template <>
struct Item<uint64_t> {
  uint64_t key_;
  uint32_t index_;
  Item() = default;
  Item(uint64_t key, uint32_t index) : key_(key), index_(index) {}
  uint64_t key() const { return key_; }
  uint32_t index() const { return index_; }
  bool operator<(const Item& o) const { return key_ != o.key_ ? key_ < o.key_ : index_ < o.index_; }
};

bool wide_keys(DType d) { return itemsize(d) == 8; }

/// One line's worth of work space.
constexpr int64_t kOnStack = 512;
constexpr int64_t kChunk = 1024;
constexpr int64_t kTopChunk = 128;

template <int kBits, class K>
Item<K>* radix_sort(Item<K>* a, Item<K>* b, int64_t n) {
  constexpr int passes = (int(sizeof(K)) * 8 + kBits - 1) / kBits, size = 1 << kBits;
  uint32_t counts[passes][size];
  std::fill_n(&counts[0][0], passes * size, 0u);
  for (int64_t i = 0; i < n; ++i) {
    const K key = a[i].key();
    for (int p = 0; p < passes; ++p) ++counts[p][key >> (p * kBits) & (size - 1)];
  }
  for (int p = 0; p < passes; ++p) {
    uint32_t* count = counts[p];
    if (count[a[0].key() >> (p * kBits) & (size - 1)] == n) continue;  // all share this digit
    uint32_t start = 0;
    for (int d = 0; d < size; ++d) start += std::exchange(count[d], start);
    for (int64_t i = 0; i < n; ++i) b[count[a[i].key() >> (p * kBits) & (size - 1)]++] = a[i];
    std::swap(a, b);
  }
  return a;
}

/// Sorts n items; the result is in `a` or in `b`.
template <class K>
Item<K>* sort_items(Item<K>* a, Item<K>* b, int64_t n) {
  if (n < 32) {
    for (int64_t i = 1; i < n; ++i) {
      const Item<K> v = a[i];
      int64_t j = i;
      for (; j > 0 && v < a[j - 1]; --j) a[j] = a[j - 1];
      a[j] = v;
    }
    return a;
  }
  if (n < 256) {
    std::sort(a, a + n);
    return a;
  }
  return n < 8192 ? radix_sort<8>(a, b, n) : radix_sort<11>(a, b, n);
}

/// A line of the source and where its results go; strides in bytes.
struct Line {
  const char* in;
  int64_t n, stride;
  DType dtype;
  char* values;
  int64_t value_stride;
  char* indices;
  int64_t index_stride;

  template <class K>
  void items(bool descending, Item<K>* out) const {
    K keys[kChunk];
    for (int64_t i = 0; i < n; i += kChunk) {
      const int64_t m = std::min(kChunk, n - i);
      kernels->sort.encode[int(dtype)](in + i * stride, stride, m, descending, keys);
      for (int64_t j = 0; j < m; ++j) out[i + j] = {keys[j], uint32_t(i + j)};
    }
  }
  template <class K>
  void write(const Item<K>* sorted, int64_t count, bool descending) const {
    K keys[256];
    uint32_t order[256];
    for (int64_t i = 0; i < count; i += 256) {
      const int64_t m = std::min<int64_t>(256, count - i);
      for (int64_t j = 0; j < m; ++j) {
        keys[j] = sorted[i + j].key();
        order[j] = sorted[i + j].index();
      }
      if (values)
        kernels->sort.decode[int(dtype)](keys, order, m, descending, in, stride, values + i * value_stride,
                                         value_stride);
      if (indices)
        for (int64_t j = 0; j < m; ++j) {
          const int64_t at = order[j];
          std::memcpy(indices + (i + j) * index_stride, &at, sizeof at);
        }
    }
  }
  void write_one(int64_t at) const {
    if (values) std::memcpy(values, in + at * stride, std::size_t(itemsize(dtype)));
    if (indices) std::memcpy(indices, &at, sizeof at);
  }
};

/// Calls work(line, memory) for each line along `dim`; memory holds `bytes` bytes.
template <class F>
void by_lines(const Source& in, int dim, const Target& values, const Target& indices, int64_t bytes, F work) {
  if (!kernels->sort.encode[int(in.dtype)]) fail_runtime("sorting is not defined for ", scalar_type_name(in.dtype));
  const int64_t size = itemsize(in.dtype);
  int64_t lines = 1;
  Line line{static_cast<const char*>(in.data), 1, size, in.dtype, static_cast<char*>(values.data), size,
            static_cast<char*>(indices.data),  8};
  for (int d = 0; d < int(in.sizes.size()); ++d) {
    if (d != dim) {
      lines *= in.sizes[d];
      continue;
    }
    line.n = in.sizes[d];
    line.stride = in.strides[d] * size;
    if (values.data) line.value_stride = values.strides[d] * size;
    if (indices.data) line.index_stride = indices.strides[d] * 8;
  }
  if (lines == 0 || line.n == 0) return;
  if (line.n >= INT64_C(1) << 32)
    fail_runtime("sorting more than 2^32 - 1 elements along one dimension is not supported");
  // Finding the keys of an element costs about as much as sixteen additions.
  parallel_for(lines, std::max<int64_t>(1, kGrain / 16 / line.n), [&](int64_t begin, int64_t end) {
    alignas(64) char local[kOnStack * 32];
    const Scratch heap(bytes > int64_t(sizeof local) ? bytes : 0);
    char* memory = heap.get() ? heap.get() : local;
    for (int64_t l = begin; l < end; ++l) {
      Line one = line;
      int64_t rest = l;
      for (int d = int(in.sizes.size()); d-- > 0;) {
        if (d == dim) continue;
        const int64_t at = rest % in.sizes[d];
        rest /= in.sizes[d];
        one.in += at * in.strides[d] * size;
        if (one.values) one.values += at * values.strides[d] * size;
        if (one.indices) one.indices += at * indices.strides[d] * 8;
      }
      work(one, memory);
    }
  });
}

int64_t line_size(const Source& in, int dim) { return in.sizes.empty() ? 1 : in.sizes[dim]; }
int64_t item_bytes(DType d) { return wide_keys(d) ? sizeof(Item<uint64_t>) : sizeof(Item<uint32_t>); }

/// f(Tag<key type>)
template <class F>
void with_key(DType d, F f) {
  if (wide_keys(d))
    f(Tag<uint64_t>{});
  else
    f(Tag<uint32_t>{});
}

template <class K>
void sort_line(const Line& line, char* memory, int64_t count, bool descending) {
  auto* a = reinterpret_cast<Item<K>*>(memory);
  line.items(descending, a);
  line.write(sort_items(a, a + line.n, line.n), count, descending);
}

/// Keeps a list of candidates that is cut back to the best k whenever it is full; the k-th of them is a bar that few
/// later elements pass.
template <class K>
void top_of_line(const Line& line, char* memory, int64_t k, bool largest) {
  auto* best = reinterpret_cast<Item<K>*>(memory);
  const int64_t room = 2 * k + kTopChunk;
  int64_t count = 0;
  bool barred = false;
  K bar = ~K(0), keys[kTopChunk];
  for (int64_t i = 0; i < line.n; i += kTopChunk) {
    const int64_t m = std::min(kTopChunk, line.n - i);
    kernels->sort.encode[int(line.dtype)](line.in + i * line.stride, line.stride, m, largest, keys);
    if (count + m > room) {
      std::nth_element(best, best + k - 1, best + count);
      count = k;
      bar = best[k - 1].key();
      barred = true;
    }
    for (int64_t j = 0; j < m; ++j)
      if (!barred || keys[j] < bar) best[count++] = {keys[j], uint32_t(i + j)};
  }
  if (count > k) std::nth_element(best, best + k - 1, best + count);
  std::sort(best, best + k);  // not by digits: selection has lost the order of indices that they rely on
  line.write(best, k, largest);
}

/// The index of the k-th smallest.
template <class K>
int64_t find_kth(const Line& line, char* memory, int64_t k) {
  constexpr int bits = 11, shift = int(sizeof(K)) * 8 - bits;
  auto* a = reinterpret_cast<Item<K>*>(memory);
  line.items(false, a);
  int64_t n = line.n;
  if (n > 8192) {  // narrow down to the elements that share the leading digit of the one sought
    int64_t counts[1 << bits] = {};
    for (int64_t i = 0; i < n; ++i) ++counts[a[i].key() >> shift];
    K digit = 0;
    while (k >= counts[digit]) k -= counts[digit++];
    int64_t kept = 0;
    for (int64_t i = 0; i < n; ++i)
      if (a[i].key() >> shift == digit) a[kept++] = a[i];
    n = kept;
  }
  std::nth_element(a, a + k, a + n);
  return a[k].index();
}

}  // namespace

void sort(const Source& in, int dim, bool descending, const Target& values, const Target& indices) {
  by_lines(
      in, dim, values, indices, 2 * line_size(in, dim) * item_bytes(in.dtype), [&](const Line& line, char* memory) {
        with_key(in.dtype, [&](auto t) { sort_line<typename decltype(t)::type>(line, memory, line.n, descending); });
      });
}

void topk(const Source& in, int dim, int64_t k, bool largest, const Target& values, const Target& indices) {
  if (k == 0) return;
  const int64_t n = line_size(in, dim);
  const bool all = k >= n / 8;
  by_lines(in, dim, values, indices, (all ? 2 * n : 2 * k + kTopChunk) * item_bytes(in.dtype),
           [&](const Line& line, char* memory) {
             with_key(in.dtype, [&](auto t) {
               using K = typename decltype(t)::type;
               if (all)
                 sort_line<K>(line, memory, k, largest);
               else
                 top_of_line<K>(line, memory, k, largest);
             });
           });
}

void select(const Source& in, int dim, int64_t k, const Target& values, const Target& indices) {
  by_lines(in, dim, values, indices, line_size(in, dim) * item_bytes(in.dtype), [&](const Line& line, char* memory) {
    with_key(in.dtype, [&](auto t) { line.write_one(find_kth<typename decltype(t)::type>(line, memory, k)); });
  });
}

void median(const Source& in, int dim, bool ignore_nan, const Target& values, const Target& indices) {
  by_lines(in, dim, values, indices, line_size(in, dim) * item_bytes(in.dtype), [&](const Line& line, char* memory) {
    with_key(in.dtype, [&](auto t) {
      using K = typename decltype(t)::type;
      int64_t nans = 0, first = -1;
      if (is_floating(in.dtype)) {
        K keys[kChunk];
        for (int64_t i = 0; i < line.n; i += kChunk) {
          const int64_t m = std::min(kChunk, line.n - i);
          kernels->sort.encode[int(line.dtype)](line.in + i * line.stride, line.stride, m, false, keys);
          int64_t found = 0;
          for (int64_t j = 0; j < m; ++j) found += keys[j] == ~K(0);
          if (found && first < 0) first = i + (std::find(keys, keys + m, ~K(0)) - keys);
          nans += found;
        }
      }
      if (nans == line.n || (nans && !ignore_nan))
        line.write_one(first);
      else
        line.write_one(find_kth<K>(line, memory, (line.n - nans - 1) / 2));
    });
  });
}

void search_sorted(const void* sorted, int64_t length, const void* values, int64_t rows, int64_t n, bool shared,
                   DType dtype, bool right, const int64_t* sorter, int64_t* out) {
  dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (!is_complex_v<T>) {
      using C = std::conditional_t<is_half_v<T>, float, T>;
      parallel_for(rows * n, kGrain / 32, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t row = shared ? 0 : i / n * length;
          const T* a = static_cast<const T*>(sorted) + row;
          const C v = C(static_cast<const T*>(values)[i]);
          int64_t low = 0, count = length;
          while (count > 0) {
            const int64_t half = count / 2, at = low + half;
            const C x = C(a[sorter ? sorter[row + at] : at]);
            const bool before = right ? !(x > v) : !(x >= v);  // nan comes after everything
            low = before ? at + 1 : low;
            count = before ? count - half - 1 : half;
          }
          out[i] = low;
        }
      });
    }
  });
}

void bin_count(const void* values, DType dtype, int64_t n, const double* weights, int64_t* counts, double* sums) {
  dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T>) {
      const T* v = static_cast<const T*>(values);
      for (int64_t i = 0; i < n; ++i) {
        if (weights)
          sums[v[i]] += weights[i];
        else
          ++counts[v[i]];
      }
    }
  });
}

void histogram(const void* values, DType dtype, int64_t n, double low, double high, int64_t bins, void* out) {
  dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const T *v = static_cast<const T*>(values), first = T(low), last = T(high);
      const Scratch memory(bins * 8);
      auto* counts = reinterpret_cast<int64_t*>(memory.get());
      std::fill_n(counts, bins, int64_t(0));
      for (int64_t i = 0; i < n; ++i) {
        if (!(v[i] >= first && v[i] <= last)) continue;
        const auto at = int64_t((v[i] - first) * T(bins) / (last - first));
        ++counts[std::min(at, bins - 1)];
      }
      for (int64_t b = 0; b < bins; ++b) static_cast<T*>(out)[b] = T(counts[b]);
    }
  });
}

}  // namespace rl
