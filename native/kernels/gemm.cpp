#include "kernels/gemm.h"

#include <algorithm>
#include <atomic>
#include <optional>

#include "base/threads.h"
#include "kernels/table.h"

namespace rl {
namespace {

// A block of B of this many columns stays in the second-level cache while all rows of a tile pass by.
constexpr std::int64_t kGemmRows = 1536, kGemmColumns = 256;

constexpr double kTiny = 512;              // multiply-adds that plain loops do best
constexpr std::int64_t kGemvDepth = 8192;  // columns that a row of a matrix-vector product joins in lanes alone

std::int64_t count_of(std::int64_t n, std::int64_t step) { return (n + step - 1) / step; }
std::int64_t round_up(std::int64_t n, std::int64_t step) { return (n + step - 1) / step * step; }

/// Bytes that one tile needs: three slivers of A, a block of B and the sums, each as the level files lay it out.
std::int64_t workspace_bytes(DType dtype, std::int64_t rows, std::int64_t columns) {
  const std::int64_t size = dtype == DType::Double || dtype == DType::CDouble || dtype == DType::Int64 ? 8 : 4;
  const std::int64_t planes = is_complex(dtype) ? 2 : 1, depth = 384;
  return (3 * 16 * (depth + 16) + planes * round_up(columns, 32) * depth + planes * rows * columns) * size;
}

GemmArgs member(const GemmArgs& args, DType dtype, const GemmBatch& batch, std::int64_t i) {
  const std::int64_t size = itemsize(dtype);
  GemmArgs g = args;
  g.a.data = static_cast<const char*>(g.a.data) + i * batch.a_step * size;
  g.b.data = static_cast<const char*>(g.b.data) + i * batch.b_step * size;
  g.c = static_cast<char*>(g.c) + i * batch.c_step * size;
  return g;
}

/// y = alpha A x + beta y, y's elements `step` apart; false if A's layout has no kernel.
template <class T>
bool gemv(const GemmArgs& g, const Matrix& a, std::int64_t m, const T* x, std::int64_t x_step, std::int64_t step) {
  const DType dtype = dtype_of<T>();
  const std::int64_t k = g.k;
  if (a.col != 1 && a.row != 1 && k != 1) return false;
  const bool by_rows = a.col == 1 || k == 1;
  const bool plain = g.alpha == cdouble(1) && g.beta == cdouble(0);
  const std::int64_t blocks = count_of(k, kGemvDepth);
  // x, and the sums where they are not y's elements as they are.
  const std::int64_t x_bytes = x_step == 1 ? 0 : round_up(k * std::int64_t(sizeof(T)), 64);
  const std::int64_t sum_bytes = by_rows ? m * blocks * 8 : plain && step == 1 ? 0 : m * std::int64_t(sizeof(T));
  const std::int64_t bytes = x_bytes + sum_bytes;
  alignas(64) char local[1024];
  std::optional<Scratch> memory;
  if (bytes > std::int64_t(sizeof local)) memory.emplace(bytes);
  char* const start = memory ? memory->get() : local;
  if (x_step != 1) {
    T* const copy = reinterpret_cast<T*>(start);
    for (std::int64_t p = 0; p < k; ++p) copy[p] = x[p * x_step];
    x = copy;
  }
  T* const y = static_cast<T*>(g.c);
  const T alpha = T(g.alpha.re), beta = T(g.beta.re);
  const auto deliver = [&](std::int64_t i, double sum) {
    T& to = y[i * step];
    to = beta != T(0) ? T(alpha * T(sum) + beta * to) : T(alpha * T(sum));
  };
  if (by_rows) {
    const Gemv v{a.data, a.row, x};
    double* const sums = reinterpret_cast<double*>(start + x_bytes);
    const std::int64_t groups = count_of(m, 4);  // rows are computed by four
    const std::int64_t grain = std::max<std::int64_t>(1, 2 * kGrain / (4 * std::min(k, kGemvDepth)));
    parallel_for(groups * blocks, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = begin; t < end;) {
        const std::int64_t block = t / groups, first = t % groups, last = std::min(groups, first + (end - t));
        const std::int64_t p0 = block * kGemvDepth;
        kernels->gemm.gemv_rows[int(dtype)](v, first * 4, std::min(last * 4, m), p0, std::min(p0 + kGemvDepth, k),
                                            sums + block * m + first * 4);
        t += last - first;
      }
    });
    for (std::int64_t i = 0; i < m; ++i) {
      double sum = sums[i];
      for (std::int64_t b = 1; b < blocks; ++b) sum += sums[b * m + i];
      deliver(i, sum);
    }
    return true;
  }
  const Gemv v{a.data, a.col, x};
  T* const sums = sum_bytes ? reinterpret_cast<T*>(start + x_bytes) : y;
  const std::int64_t grain = std::max<std::int64_t>(64, round_up(2 * kGrain / k, 64));
  parallel_for(m, grain, [&](std::int64_t begin, std::int64_t end) {
    kernels->gemm.gemv_columns[int(dtype)](v, begin, end, k, sums);
  });
  if (sums != y)
    for (std::int64_t i = 0; i < m; ++i) deliver(i, double(sums[i]));
  return true;
}

template <class T>
bool gemv_either(const GemmArgs& g) {
  if (g.n == 1) return gemv<T>(g, g.a, g.m, static_cast<const T*>(g.b.data), g.b.row, g.ldc);
  const Matrix turned{g.b.data, g.b.col, g.b.row};
  return gemv<T>(g, turned, g.n, static_cast<const T*>(g.a.data), g.a.col, 1);
}

}  // namespace

void SerialGemm::operator()(const GemmArgs& g) {
  const GemmTable& table = kernels->gemm;
  const int d = int(dtype_);
  if (double(g.m) * double(g.n) * double(g.k) <= kTiny) return table.tiny[d](g);
  if (table.small[d] != nullptr && fits_small(g)) {
    constexpr std::int64_t steps[] = {0, 0, 0};
    return table.small[d](g, steps, 1);
  }
  for (std::int64_t j = 0; j < g.n; j += kGemmColumns) {
    const std::int64_t end = std::min(j + kGemmColumns, g.n);
    const std::int64_t bytes = workspace_bytes(dtype_, g.m, end - j);
    if (bytes > bytes_) workspace_.emplace(bytes_ = bytes);
    table.tile[d](g, 0, g.m, j, end, workspace_->get());
  }
}

void gemm(DType dtype, const GemmArgs& args, const GemmBatch& batch) {
  if (args.m <= 0 || args.n <= 0 || batch.count <= 0) return;
  GemmArgs g = args;
  if (is_integral(dtype, true) ? g.ialpha == 0 : g.alpha == cdouble(0)) g.k = 0;
  const double size = double(g.m) * double(g.n) * double(g.k);
  if (size <= kTiny) {
    const GemmWhole tiny = kernels->gemm.tiny[int(dtype)];
    if (batch.count == 1) return tiny(g);
    const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::int64_t(size + 8));
    parallel_for(batch.count, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) tiny(member(g, dtype, batch, i));
    });
    return;
  }
  if (kernels->gemm.small[int(dtype)] != nullptr && g.k > 0) {
    if (g.m == 1 || g.n == 1) {
      std::atomic<bool> done{true};
      const std::int64_t grain = std::max<std::int64_t>(1, std::int64_t(2 * kGrain / size));
      parallel_for(batch.count, grain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const GemmArgs one = member(g, dtype, batch, i);
          const bool fits = dtype == DType::Float ? gemv_either<float>(one) : gemv_either<double>(one);
          if (!fits) done.store(false, std::memory_order_relaxed);  // the same for all members
        }
      });
      if (done) return;
    } else if (fits_small(g)) {
      const std::int64_t grain = std::max<std::int64_t>(1, std::int64_t(5e5 / size));
      const std::int64_t steps[] = {batch.a_step, batch.b_step, batch.c_step};
      parallel_for(batch.count, grain, [&](std::int64_t begin, std::int64_t end) {
        kernels->gemm.small[int(dtype)](member(g, dtype, batch, begin), steps, end - begin);
      });
      return;
    }
  }
  // Tiles as large as possible, but enough of them for all threads; no bit depends on where they end (NOTE [Gemm]).
  const std::int64_t threads = num_threads();
  const std::int64_t enough = size * double(batch.count) < 1e5 ? 1 : 3 * threads;
  std::int64_t rows = kGemmRows, columns = kGemmColumns;
  const auto count = count_of;
  const auto even = [&](std::int64_t n, std::int64_t most, std::int64_t step) {
    return round_up(count(n, count(n, most)), step);
  };
  rows = even(g.m, rows, 12), columns = even(g.n, columns, 32);
  while (threads > 1 && batch.count * count(g.m, rows) * count(g.n, columns) < enough) {
    if (rows > 48 && (rows >= columns / 2 || columns <= 64))
      rows = round_up(rows / 2, 12);
    else if (columns > 64)
      columns = round_up(columns / 2, 32);
    else
      break;
  }
  const std::int64_t down = count(g.m, rows), across = count(g.n, columns);
  const GemmTile tile = kernels->gemm.tile[int(dtype)];
  const double work =
      double(std::min(rows, g.m)) * double(std::min(columns, g.n)) * double(std::max<std::int64_t>(g.k, 1));
  const std::int64_t grain = std::max<std::int64_t>(1, std::int64_t(5e5 / work));
  const std::int64_t bytes = workspace_bytes(dtype, std::min(rows, g.m), std::min(columns, g.n));
  parallel_for(batch.count * down * across, grain, [&](std::int64_t begin, std::int64_t end) {
    const Scratch workspace(bytes);
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t i = t % down * rows, j = t / down % across * columns;
      const GemmArgs one = member(g, dtype, batch, t / (down * across));
      tile(one, i, std::min(i + rows, g.m), j, std::min(j + columns, g.n), workspace.get());
    }
  });
}

}  // namespace rl
