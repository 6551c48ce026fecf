#include "kernels/pooling.h"

#include <algorithm>
#include <limits>

#include "base/threads.h"
#include "kernels/scratch.h"
#include "kernels/table.h"

namespace rl {
namespace {

/// A window's elements and those of all windows, where they are so few that preparing rows would cost more than they
/// do.
constexpr std::int64_t kFewElements = 256;
bool is_few(const PoolJob& job) {
  std::int64_t n = job.planes;
  for (const Windows& w : job.w) {
    n *= w.out * w.reach();
    if (n > kFewElements) return false;
  }
  return true;
}

/// Calls row(from, low, high) for the part of each row of the image that belongs to result (o0, o1, o2) of a plane;
/// `from` is the row's number in the plane.
template <class F>
void each_row(const PoolJob& job, std::int64_t plane, std::int64_t o0, std::int64_t o1, std::int64_t o2, F&& row) {
  const Windows &w0 = job.w[0], &w1 = job.w[1], &w2 = job.w[2];
  const std::int64_t high0 = w0.high(o0, plane), high1 = w1.high(o1, plane), high2 = w2.high(o2, plane);
  const std::int64_t low1 = w1.low(o1, plane), low2 = w2.low(o2, plane);
  for (std::int64_t i0 = w0.low(o0, plane); i0 < high0; i0 += w0.step) {
    for (std::int64_t i1 = low1; i1 < high1; i1 += w1.step) row(i0 * w1.in + i1, low2, high2);
  }
}
/// Calls result(plane, o0, o1, o2) for all results in order.
template <class F>
void each_result(const PoolJob& job, F&& result) {
  for (std::int64_t plane = 0; plane < job.planes; ++plane) {
    for (std::int64_t o0 = 0; o0 < job.w[0].out; ++o0) {
      for (std::int64_t o1 = 0; o1 < job.w[1].out; ++o1) {
        for (std::int64_t o2 = 0; o2 < job.w[2].out; ++o2) result(plane, o0, o1, o2);
      }
    }
  }
}

template <class T>
void few_maxima(const PoolJob& job) {
  const std::int64_t columns = job.w[2].in, image = job.w[0].in * job.w[1].in * columns, step = job.w[2].step;
  T* out = static_cast<T*>(job.out);
  std::int64_t* where = job.where;
  each_result(job, [&](std::int64_t plane, std::int64_t o0, std::int64_t o1, std::int64_t o2) {
    const T* const in = static_cast<const T*>(job.in) + plane * image;
    T best = -std::numeric_limits<T>::infinity();
    std::int64_t at = -1;
    each_row(job, plane, o0, o1, o2, [&](std::int64_t row, std::int64_t low, std::int64_t high) {
      for (std::int64_t i = low; i < high; i += step) {
        const T v = in[row * columns + i];
        const bool take = (v > best) | (v != v) | (at < 0);
        best = take ? v : best;
        at = take ? row * columns + i : at;
      }
    });
    *out++ = best;
    if (where != nullptr) *where++ = std::max<std::int64_t>(at, 0);
  });
}

template <class T>
void few_averages(const PoolJob& job) {
  const std::int64_t columns = job.w[2].in, image = job.w[0].in * job.w[1].in * columns;
  T* out = static_cast<T*>(job.out);
  each_result(job, [&](std::int64_t plane, std::int64_t o0, std::int64_t o1, std::int64_t o2) {
    const T* const in = static_cast<const T*>(job.in) + plane * image;
    T sum = 0;
    each_row(job, plane, o0, o1, o2, [&](std::int64_t row, std::int64_t low, std::int64_t high) {
      T part = 0;
      for (std::int64_t i = low; i < high; ++i) part += in[row * columns + i];
      sum += part;
    });
    const Windows* const s = job.share;
    const std::int64_t n = job.divisor != 0
                               ? job.divisor
                               : s[0].count(o0, job.padded) * s[1].count(o1, job.padded) * s[2].count(o2, job.padded);
    *out++ = sum / T(n);
  });
}

void pool(PoolRows rows, const PoolJob& job) {
  const Windows* const w = job.w;
  const std::int64_t n = job.planes * w[0].out * w[1].out;
  if (n == 0 || w[2].out == 0) return;
  const std::int64_t bytes = rows(job, 0, 0, nullptr);
  constexpr std::int64_t kFew = 8192;
  if (bytes <= kFew && n <= 16) {  // no block of memory for so little
    alignas(64) char here[kFew];
    rows(job, 0, n, here);
    return;
  }
  const std::int64_t each = w[2].out * (1 + w[2].kernel) + w[0].reach() * w[1].reach() * w[2].out;
  parallel_for(n, std::max<std::int64_t>(1, kGrain / each), [&](std::int64_t begin, std::int64_t end) {
    const Scratch scratch(bytes);
    rows(job, begin, end, scratch.get());
  });
}

/// Where the rows of a padded plane and their columns come from: places [begin, end) of a row are one piece of its
/// source, the others are listed.
struct Sources {
  explicit Sources(const Padding& p) : scratch((p.out[2] + p.out[0] * p.out[1]) * std::int64_t(sizeof(std::int64_t))) {
    column = reinterpret_cast<std::int64_t*>(scratch.get());
    row = column + p.out[2];
    begin = std::clamp<std::int64_t>(p.before[2], 0, p.out[2]);
    end = std::clamp<std::int64_t>(p.before[2] + p.in[2], begin, p.out[2]);
    for (std::int64_t o = 0; o < p.out[2]; ++o) column[o] = p.source(2, o);
    for (std::int64_t o0 = 0; o0 < p.out[0]; ++o0) {
      const std::int64_t i0 = p.source(0, o0);
      for (std::int64_t o1 = 0; o1 < p.out[1]; ++o1) {
        const std::int64_t i1 = p.source(1, o1);
        row[o0 * p.out[1] + o1] = i0 < 0 || i1 < 0 ? -1 : i0 * p.in[1] + i1;
      }
    }
  }
  /// Calls edge(place) for each listed one.
  template <class F>
  void edges(const Padding& p, F&& edge) const {
    for (std::int64_t o = 0; o < begin; ++o) edge(o);
    for (std::int64_t o = end; o < p.out[2]; ++o) edge(o);
  }
  Scratch scratch;
  std::int64_t *column, *row;
  std::int64_t begin, end;
};

struct Sixteen {
  std::uint64_t a, b;
};

template <class E>
void pad_rows(const Padding& p, const Sources& from, const E* in, E* out, const E* value, std::int64_t begin,
              std::int64_t end) {
  const std::int64_t body = from.end - from.begin, rows = p.out[0] * p.out[1], image = p.in[0] * p.in[1] * p.in[2];
  std::int64_t plane = begin / rows, row = begin % rows;
  E* to = out + begin * p.out[2];
  for (std::int64_t i = begin; i < end; ++i, to += p.out[2]) {
    const E* const line = in + plane * image + from.row[row] * p.in[2];
    if (p.mode == Padding::Constant) {
      const bool inside = from.row[row] >= 0;
      const std::int64_t a = inside ? from.begin : p.out[2];
      std::fill_n(to, a, *value);
      if (inside) {
        if (body > 0) std::copy_n(line + from.column[from.begin], body, to + from.begin);
        std::fill_n(to + from.end, p.out[2] - from.end, *value);
      }
    } else {
      if (body > 0) std::copy_n(line + from.column[from.begin], body, to + from.begin);
      from.edges(p, [&](std::int64_t o) { to[o] = line[from.column[o]]; });
    }
    if (++row == rows) row = 0, ++plane;
  }
}

}  // namespace

void pool_max(DType d, const PoolJob& job) {
  if (d == DType::Float && is_few(job)) return few_maxima<float>(job);
  if (d == DType::Double && is_few(job)) return few_maxima<double>(job);
  pool(kernels->pool.max[int(d)], job);
}
void pool_average(DType d, const PoolJob& job) {
  if (d == DType::Float && !job.spread && is_few(job)) return few_averages<float>(job);
  if (d == DType::Double && !job.spread && is_few(job)) return few_averages<double>(job);
  pool(kernels->pool.average[int(d)], job);
}

void pad_planes(int itemsize, const Padding& p, const void* in, void* out, const void* value) {
  const std::int64_t rows = p.planes * p.out[0] * p.out[1];
  if (rows == 0 || p.out[2] == 0) return;
  const Sources from(p);
  const auto move = [&](auto e) {
    using E = decltype(e);
    parallel_for(rows, std::max<std::int64_t>(1, kGrain / p.out[2]), [&](std::int64_t begin, std::int64_t end) {
      pad_rows(p, from, static_cast<const E*>(in), static_cast<E*>(out), static_cast<const E*>(value), begin, end);
    });
  };
  switch (itemsize) {
    case 1: return move(std::uint8_t{});
    case 2: return move(std::uint16_t{});
    case 4: return move(std::uint32_t{});
    case 8: return move(std::uint64_t{});
    default: return move(Sixteen{});
  }
}

void unpad_planes(DType d, const Padding& p, const void* padded, void* to) {
  const std::int64_t rows = p.out[0] * p.out[1], image = p.in[0] * p.in[1] * p.in[2];
  const Sources from(p);
  const std::int64_t body = from.end - from.begin;
  const Loop add = kernels->pointwise.binary[int(Binary::Add)][int(d)];
  dispatch(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T> || is_complex_v<T>) {
      const auto planes = [&](std::int64_t begin, std::int64_t end) {
        std::fill_n(static_cast<T*>(to) + begin * image, (end - begin) * image, T(0));
        const T* line = static_cast<const T*>(padded) + begin * rows * p.out[2];
        for (std::int64_t plane = begin; plane < end; ++plane) {
          for (std::int64_t row = 0; row < rows; ++row, line += p.out[2]) {
            T* const sums = static_cast<T*>(to) + plane * image + from.row[row] * p.in[2];
            if (body > 0) {
              T* const first = sums + from.column[from.begin];
              char* const data[3] = {reinterpret_cast<char*>(first), reinterpret_cast<char*>(first),
                                     const_cast<char*>(reinterpret_cast<const char*>(line + from.begin))};
              const std::int64_t strides[3] = {sizeof(T), sizeof(T), sizeof(T)};
              add(data, strides, body, nullptr);
            }
            from.edges(p, [&](std::int64_t o) { sums[from.column[o]] = sums[from.column[o]] + line[o]; });
          }
        }
      };
      parallel_for(p.planes, std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, rows * p.out[2])), planes);
    }
  });
}

}  // namespace rl
