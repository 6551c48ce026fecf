#include "kernels/gemm.h"

#include <algorithm>

#include "base/alloc.h"
#include "base/threads.h"
#include "kernels/table.h"

namespace rl {
namespace {

// A block of B of this many columns stays in the second-level cache while all rows of a tile pass by.
constexpr std::int64_t kGemmRows = 1536, kGemmColumns = 256;

class Workspace {
 public:
  explicit Workspace(std::size_t bytes) : bytes_(bytes), data_(buffer_alloc(bytes)) {}
  ~Workspace() { buffer_free(data_, bytes_); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  void* data() const { return data_; }

 private:
  std::size_t bytes_;
  void* data_;
};

std::int64_t round_up(std::int64_t n, std::int64_t step) { return (n + step - 1) / step * step; }

/// Bytes that one tile needs: three slivers of A, a block of B and the sums, each as the level files lay it out.
std::size_t workspace_bytes(DType dtype, std::int64_t rows, std::int64_t columns) {
  const std::int64_t size = dtype == DType::Double || dtype == DType::CDouble || dtype == DType::Int64 ? 8 : 4;
  const std::int64_t planes = is_complex(dtype) ? 2 : 1, depth = 384;
  return std::size_t(3 * 16 * (depth + 16) + planes * round_up(columns, 32) * depth + planes * rows * columns) *
         std::size_t(size);
}

GemmArgs member(const GemmArgs& args, DType dtype, const GemmBatch& batch, std::int64_t i) {
  const std::int64_t size = itemsize(dtype);
  GemmArgs g = args;
  g.a.data = static_cast<const char*>(g.a.data) + i * batch.a_step * size;
  g.b.data = static_cast<const char*>(g.b.data) + i * batch.b_step * size;
  g.c = static_cast<char*>(g.c) + i * batch.c_step * size;
  return g;
}

}  // namespace

void gemm(DType dtype, const GemmArgs& args, const GemmBatch& batch) {
  if (args.m <= 0 || args.n <= 0 || batch.count <= 0) return;
  GemmArgs g = args;
  if (is_integral(dtype, true) ? g.ialpha == 0 : g.alpha == cdouble(0)) g.k = 0;
  const double size = double(g.m) * double(g.n) * double(g.k);
  if (size <= 512) {
    const GemmWhole tiny = kernels->gemm.tiny[int(dtype)];
    if (batch.count == 1) return tiny(g);
    const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::int64_t(size + 8));
    parallel_for(batch.count, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) tiny(member(g, dtype, batch, i));
    });
    return;
  }
  // Tiles as large as possible, but enough of them for all threads; no bit depends on where they end (NOTE [Gemm]).
  const std::int64_t threads = num_threads();
  const std::int64_t enough = size * double(batch.count) < 1e5 ? 1 : 3 * threads;
  std::int64_t rows = kGemmRows, columns = kGemmColumns;
  const auto count = [&](std::int64_t n, std::int64_t step) { return (n + step - 1) / step; };
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
  const std::size_t bytes = workspace_bytes(dtype, std::min(rows, g.m), std::min(columns, g.n));
  parallel_for(batch.count * down * across, grain, [&](std::int64_t begin, std::int64_t end) {
    Workspace workspace(bytes);
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t i = t % down * rows, j = t / down % across * columns;
      const GemmArgs one = member(g, dtype, batch, t / (down * across));
      tile(one, i, std::min(i + rows, g.m), j, std::min(j + columns, g.n), workspace.data());
    }
  });
}

}  // namespace rl
