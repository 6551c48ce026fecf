#include "kernels/pooling.h"

#include <algorithm>
#include <cstring>

#include "base/threads.h"
#include "kernels/scratch.h"
#include "kernels/table.h"

namespace rl {
namespace {

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

/// Where the columns of a padded row come from: places [begin, end) are one piece of the row, the others are listed.
struct Columns {
  explicit Columns(const Padding& p) : scratch(p.out[2] * std::int64_t(sizeof(std::int64_t))) {
    source = reinterpret_cast<std::int64_t*>(scratch.get());
    begin = std::clamp<std::int64_t>(p.before[2], 0, p.out[2]);
    end = std::clamp<std::int64_t>(p.before[2] + p.in[2], begin, p.out[2]);
    for (std::int64_t o = 0; o < p.out[2]; ++o) source[o] = p.source(2, o);
  }
  /// Calls edge(place) for each listed one.
  template <class F>
  void edges(const Padding& p, F&& edge) const {
    for (std::int64_t o = 0; o < begin; ++o) edge(o);
    for (std::int64_t o = end; o < p.out[2]; ++o) edge(o);
  }
  Scratch scratch;
  std::int64_t* source;
  std::int64_t begin, end;
};

struct Sixteen {
  std::uint64_t a, b;
};

template <class E>
void pad_rows(const Padding& p, const Columns& columns, const E* in, E* out, std::int64_t begin, std::int64_t end) {
  const std::int64_t body = columns.end - columns.begin;
  for (std::int64_t row = begin; row < end; ++row) {
    const std::int64_t o1 = row % p.out[1], o0 = row / p.out[1] % p.out[0], plane = row / (p.out[1] * p.out[0]);
    const E* const from = in + ((plane * p.in[0] + p.source(0, o0)) * p.in[1] + p.source(1, o1)) * p.in[2];
    E* const to = out + row * p.out[2];
    if (body > 0) std::copy_n(from + columns.source[columns.begin], body, to + columns.begin);
    columns.edges(p, [&](std::int64_t o) { to[o] = from[columns.source[o]]; });
  }
}

}  // namespace

void pool_max(DType d, const PoolJob& job) { pool(kernels->pool.max[int(d)], job); }
void pool_average(DType d, const PoolJob& job) { pool(kernels->pool.average[int(d)], job); }

void pad_planes(int itemsize, const Padding& p, const void* in, void* out) {
  const std::int64_t rows = p.planes * p.out[0] * p.out[1];
  if (rows == 0 || p.out[2] == 0) return;
  const Columns columns(p);
  const auto move = [&](auto e) {
    using E = decltype(e);
    parallel_for(rows, std::max<std::int64_t>(1, kGrain / p.out[2]), [&](std::int64_t begin, std::int64_t end) {
      pad_rows(p, columns, static_cast<const E*>(in), static_cast<E*>(out), begin, end);
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
  const std::int64_t each = p.out[0] * p.out[1] * p.out[2], image = p.in[0] * p.in[1] * p.in[2];
  const Columns columns(p);
  const std::int64_t body = columns.end - columns.begin;
  const Loop add = kernels->pointwise.binary[int(Binary::Add)][int(d)];
  dispatch(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T> || is_complex_v<T>) {
      const auto planes = [&](std::int64_t begin, std::int64_t end) {
        std::fill_n(static_cast<T*>(to) + begin * image, (end - begin) * image, T(0));
        for (std::int64_t row = begin * p.out[0] * p.out[1]; row < end * p.out[0] * p.out[1]; ++row) {
          const std::int64_t o1 = row % p.out[1], o0 = row / p.out[1] % p.out[0], plane = row / (p.out[1] * p.out[0]);
          const T* const from = static_cast<const T*>(padded) + row * p.out[2];
          T* const sums =
              static_cast<T*>(to) + ((plane * p.in[0] + p.source(0, o0)) * p.in[1] + p.source(1, o1)) * p.in[2];
          if (body > 0) {
            T* const first = sums + columns.source[columns.begin];
            char* const data[3] = {reinterpret_cast<char*>(first), reinterpret_cast<char*>(first),
                                   const_cast<char*>(reinterpret_cast<const char*>(from + columns.begin))};
            const std::int64_t strides[3] = {sizeof(T), sizeof(T), sizeof(T)};
            add(data, strides, body, nullptr);
          }
          columns.edges(p, [&](std::int64_t o) { sums[columns.source[o]] = sums[columns.source[o]] + from[o]; });
        }
      };
      parallel_for(p.planes, std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, each)), planes);
    }
  });
}

}  // namespace rl
