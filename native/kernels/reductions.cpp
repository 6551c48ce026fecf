#include "kernels/reductions.h"

#include <algorithm>
#include <cstdlib>

#include "base/threads.h"
#include "kernels/scratch.h"
#include "kernels/table.h"

namespace rl {
namespace {

using std::int64_t;

constexpr int64_t kAccBytes = 32768;     // accumulators of one piece of work, on the stack
constexpr int64_t kBufferBytes = 16384;  // converted elements
constexpr int64_t kPiece = 65536;        // elements that make a piece of work worth a thread
constexpr int64_t kMaxPieces = 64;       // partial results of one accumulator
constexpr int64_t kLongest = 1 << 26;    // elements of one piece at most: between pieces Ctrl-C comes through
constexpr int64_t kEnough = 32;          // independent results of this number need no partial ones

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

void cast(DType to, DType from, char* out, int64_t out_stride, const char* in, int64_t in_stride, int64_t n) {
  char* const data[] = {out, const_cast<char*>(in)};
  const int64_t strides[] = {out_stride, in_stride};
  kernels->pointwise.cast[int(to)][int(from)](data, strides, n, nullptr);
}

/// Dimensions with byte strides of up to three operands, outermost first.
struct Space {
  int n = 0;
  struct Dim {
    int64_t size, stride[3];
  } dims[kMaxDims];

  void add(int64_t size, int64_t a, int64_t b, int64_t c) { dims[n++] = {size, {a, b, c}}; }
  int64_t count() const {
    int64_t c = 1;
    for (int i = 0; i < n; ++i) c *= dims[i].size;
    return c;
  }
  /// Largest stride of the first operand first; equal ones keep their order.
  void sort() {
    for (int i = 1; i < n; ++i)
      for (int j = i; j > 0 && std::abs(dims[j - 1].stride[0]) < std::abs(dims[j].stride[0]); --j)
        std::swap(dims[j - 1], dims[j]);
  }
  void merge() {
    int last = 0;
    for (int i = 1; i < n; ++i) {
      Dim &a = dims[last], &b = dims[i];
      bool joins = true;
      for (int o = 0; o < 3; ++o) joins &= a.stride[o] == b.stride[o] * b.size;
      if (joins)
        a = {a.size * b.size, {b.stride[0], b.stride[1], b.stride[2]}};
      else
        dims[++last] = b;
    }
    if (n) n = last + 1;
  }
  Dim pop() { return n ? dims[--n] : Dim{1, {0, 0, 0}}; }
  /// Where the i-th place (row-major) lies in each operand.
  void locate(int64_t i, int64_t* offsets) const {
    offsets[0] = offsets[1] = offsets[2] = 0;
    for (int d = n; d-- > 0;) {
      const int64_t at = i % dims[d].size;
      i /= dims[d].size;
      for (int o = 0; o < 3; ++o) offsets[o] += at * dims[d].stride[o];
    }
  }
};

struct Reducer {
  const ReduceKernel& kernel;
  DType type;  // what the kernel reads
  const Source& in;
  const Target &out, &second;
  double p;
  bool convert;

  Reducer(const ReduceKernel& k, DType t, const Source& i, const Target& o, const Target& s, double exponent)
      : kernel(k), type(t), in(i), out(o), second(s), p(exponent), convert(t != i.dtype) {}

  /// kernel.rows or .columns on a block of the input, converted by chunks where need be.
  void accumulate(bool by_rows, const char* from, int64_t n, int64_t n_stride, int64_t k, int64_t k_stride, char* acc,
                  int64_t index) const {
    if (!convert) return (by_rows ? kernel.rows : kernel.columns)(from, n, n_stride, k, k_stride, acc, index, p);
    alignas(64) char buffer[kBufferBytes];
    const int64_t size = itemsize(type), room = kBufferBytes / size;
    if (by_rows) {
      const int64_t length = std::min(n, room),
                    lines = n <= room ? std::max<int64_t>(1, room / std::max<int64_t>(n, 1)) : 1;
      for (int64_t j = 0; j < k; j += lines) {
        const int64_t rows = std::min(lines, k - j);
        for (int64_t i = 0; i < n; i += length) {
          const int64_t m = std::min(length, n - i);
          const char* start = from + j * k_stride + i * n_stride;
          if (m == n && k_stride == n * n_stride)
            cast(type, in.dtype, buffer, size, start, n_stride, rows * m);
          else
            for (int64_t r = 0; r < rows; ++r)
              cast(type, in.dtype, buffer + r * m * size, size, start + r * k_stride, n_stride, m);
          kernel.rows(buffer, m, size, rows, m * size, acc + j * kernel.acc_size, index + i, p);
        }
      }
      return;
    }
    const int64_t rows = std::min<int64_t>(n, 8), width = std::min(k, room / 8);
    for (int64_t i = 0; i < n; i += rows)
      for (int64_t j = 0; j < k; j += width) {
        const int64_t m = std::min(rows, n - i), c = std::min(width, k - j);
        for (int64_t r = 0; r < m; ++r)
          cast(type, in.dtype, buffer + r * c * size, size, from + (i + r) * n_stride + j * k_stride, k_stride, c);
        kernel.columns(buffer, m, c * size, c, size, acc + j * kernel.acc_size, index + i, p);
      }
  }

  void finish(const char* acc, int64_t k, char* to, int64_t to_stride, char* to2, int64_t to2_stride) const {
    const bool indexed = second.dtype == DType::Int64;
    const DType second_type = indexed ? DType::Int64 : type;
    if ((!to || kernel.result == out.dtype) && (!to2 || second_type == second.dtype))
      return kernel.finish(acc, k, to, to_stride, to2, to2_stride, p);
    constexpr int64_t chunk = 64;
    alignas(16) char a[chunk * 16], b[chunk * 16];
    const int64_t size = itemsize(kernel.result), size2 = itemsize(second_type);
    for (int64_t j = 0; j < k; j += chunk) {
      const int64_t m = std::min(chunk, k - j);
      kernel.finish(acc + j * kernel.acc_size, m, a, size, to2 ? b : nullptr, size2, p);
      if (to) cast(out.dtype, kernel.result, to + j * to_stride, to_stride, a, size, m);
      if (to2) cast(second.dtype, second_type, to2 + j * to2_stride, to2_stride, b, size2, m);
    }
  }

  /// `keep`: where the accumulators go in place of results, in row-major order of the kept dimensions.
  void run(std::uint64_t mask, bool ordered, char* keep) const {
    const int64_t size = itemsize(in.dtype), out_size = itemsize(out.dtype), second_size = itemsize(second.dtype);
    Space kept, reduced;
    bool empty = false;
    for (std::size_t d = 0; d < in.sizes.size(); ++d) {
      const int64_t n = in.sizes[d];
      const bool reduces = mask >> d & 1;
      if (n == 0 && !reduces) return;
      empty |= n == 0;
      if (n == 1) continue;
      if (reduces)
        reduced.add(n, in.strides[d] * size, 0, 0);
      else
        kept.add(n, in.strides[d] * size, out.data ? out.strides[d] * out_size : 0,
                 second.data ? second.strides[d] * second_size : 0);
    }
    if (empty) reduced.n = 0;
    if (!ordered) reduced.sort();
    if (!keep) kept.sort();
    reduced.merge();
    kept.merge();
    auto inner = reduced.pop();
    const auto across = kept.pop();
    const bool by_rows =
        across.size == 1 || (inner.size > 1 && std::abs(inner.stride[0]) <= std::abs(across.stride[0]));
    if (empty) inner = {0, {0, 0, 0}};
    const int64_t outer = kept.count(), runs = reduced.count();

    // Cut: tiles of results, and for few results also pieces of what they are made of.
    const int64_t total = std::max<int64_t>(inner.size * runs, 1),
                  widest = kAccBytes / (2 * std::max<int64_t>(kernel.acc_size, 8));
    const int64_t tile = std::min(across.size, by_rows ? std::clamp<int64_t>(kPiece / total, 1, widest) : widest);
    const int64_t tiles = ceil_div(across.size, tile);
    int64_t blocks = 1, length = std::max<int64_t>(inner.size, 1), group = runs;
    if (outer * tiles < kEnough && total * tile >= 2 * kPiece) {
      const int64_t pieces =
          std::max(std::min(total * tile / kPiece, kMaxPieces), std::min<int64_t>(total / kLongest * tile, 4096));
      if (runs >= pieces)
        group = ceil_div(runs, pieces);
      else {
        const int64_t unit = by_rows ? 2048 : 8;  // whole blocks of the kernels
        length = ceil_div(ceil_div(inner.size, ceil_div(pieces, runs)), unit) * unit;
        blocks = ceil_div(inner.size, length);
        group = 1;
      }
    }
    const int64_t pieces = ceil_div(runs * blocks, group);
    const Scratch partial(pieces > 1 ? outer * tiles * pieces * tile * kernel.acc_size : 0);

    const auto deliver = [&](int64_t job, const char* acc) {
      const int64_t o = job / tiles, first = job % tiles * tile, k = std::min(tile, across.size - first);
      if (keep) {
        std::memcpy(keep + (o * across.size + first) * kernel.acc_size, acc, std::size_t(k * kernel.acc_size));
        return;
      }
      int64_t at[3];
      kept.locate(o, at);
      finish(acc, k, out.data ? static_cast<char*>(out.data) + at[1] + first * across.stride[1] : nullptr,
             across.stride[1],
             second.data ? static_cast<char*>(second.data) + at[2] + first * across.stride[2] : nullptr,
             across.stride[2]);
    };
    const auto work = [&](int64_t begin, int64_t end) {
      alignas(64) char local[kAccBytes / 2 + 64];
      for (int64_t t = begin; t < end; ++t) {
        const int64_t job = t / pieces, piece = t % pieces, first = job % tiles * tile,
                      k = std::min(tile, across.size - first);
        char* acc = pieces > 1 ? partial.get() + t * tile * kernel.acc_size : local;
        int64_t at[3];
        kept.locate(job / tiles, at);
        const char* from = static_cast<const char*>(in.data) + at[0] + first * across.stride[0];
        kernel.init(acc, k);
        for (int64_t r = piece * group; r < std::min((piece + 1) * group, runs * blocks); ++r) {
          const int64_t run = r / blocks, start = r % blocks * length, n = std::min(length, inner.size - start);
          int64_t where[3];
          reduced.locate(run, where);
          if (n > 0)
            accumulate(by_rows, from + where[0] + start * inner.stride[0], n, inner.stride[0], k, across.stride[0], acc,
                       run * inner.size + start);
        }
        if (pieces == 1) deliver(job, acc);
      }
    };
    const int64_t cost = std::max<int64_t>(1, tile * total / pieces);
    parallel_for(outer * tiles * pieces, std::max<int64_t>(1, kGrain / cost), work);
    if (pieces == 1) return;
    for (int64_t job = 0; job < outer * tiles; ++job) {
      char* acc = partial.get() + job * pieces * tile * kernel.acc_size;
      const int64_t k = std::min(tile, across.size - job % tiles * tile);
      for (int64_t step = 1; step < pieces; step *= 2)
        for (int64_t i = 0; i + step < pieces; i += 2 * step)
          kernel.combine(acc + i * tile * kernel.acc_size, acc + (i + step) * tile * kernel.acc_size, k);
      deliver(job, acc);
    }
  }
};

/// The type in which `op` reads its input.
DType read_type(Reduce op, DType in, DType out) {
  switch (op) {
    case Reduce::Any:
    case Reduce::All: return DType::Bool;
    case Reduce::Amax:
    case Reduce::Amin:
    case Reduce::Argmax:
    case Reduce::Argmin: return compute_type(in);
    case Reduce::Sum:
    case Reduce::Prod:
      if (is_differentiable(out)) return compute_type(out);
      return op == Reduce::Sum && !is_differentiable(in) ? in : DType::Int64;
    default: return is_complex(in) ? to_complex(out) : compute_type(out);
  }
}

/// A short contiguous run to one number needs none of the above.
bool reduce_small(const ReduceKernel& kernel, DType type, const Source& in, std::uint64_t mask, const Target& out,
                  const Target& second, double p) {
  if (type != in.dtype || kernel.result != out.dtype || second.data || !out.data) return false;
  int64_t n = 1;
  for (std::size_t d = in.sizes.size(); d-- > 0;) {
    const int64_t s = in.sizes[d];
    if (s == 1) continue;
    if (in.strides[d] != n || !(mask >> d & 1)) return false;
    n *= s;
  }
  if (n > 2048) return false;
  alignas(16) char acc[32];
  kernel.init(acc, 1);
  kernel.rows(static_cast<const char*>(in.data), n, itemsize(type), 1, 0, acc, 0, p);
  kernel.finish(acc, 1, static_cast<char*>(out.data), 0, nullptr, 0, p);
  return true;
}

}  // namespace

void reduce(Reduce op, const Source& in, std::uint64_t dims, const Target& out, const Target& second, double p) {
  DType type = read_type(op, in.dtype, out.data ? out.dtype : in.dtype);
  // 16-bit floats that a kernel reads as they are.
  if (type == DType::Float && compute_type(in.dtype) == type && kernels->reduce.reduce[int(op)][int(in.dtype)].rows)
    type = in.dtype;
  const ReduceKernel& kernel = kernels->reduce.reduce[int(op)][int(type)];
  if (!kernel.rows) fail_runtime("this reduction is not defined for ", scalar_type_name(in.dtype));
  if (reduce_small(kernel, type, in, dims, out, second, p)) return;
  Reducer(kernel, type, in, out, second, p).run(dims, op == Reduce::Argmax || op == Reduce::Argmin, nullptr);
}

void count_nonzero(const Source& in, std::uint64_t dims, const Target& out) {
  const ReduceKernel& kernel = kernels->reduce.reduce[int(Reduce::Sum)][int(DType::Bool)];
  const Target none;
  if (reduce_small(kernel, DType::Bool, in, dims, out, none, 0)) return;
  Reducer(kernel, DType::Bool, in, out, none, 0).run(dims, false, nullptr);
}

// --- scans -------------------------------------------------------------------------------------------------------

namespace {

struct Scanner {
  const ScanKernel& kernel;
  DType type, result;  // what the kernel reads and writes
  const Source& in;
  const Target &out, &indices;

  /// One block, converted on the way in and out where need be.
  void block(const ScanBlock& b, char* carry) const {
    if (type == in.dtype && result == out.dtype) return kernel.scan(b, carry);
    alignas(64) char from[kBufferBytes], to[kBufferBytes];
    const int64_t size = itemsize(type), size2 = itemsize(result), room = kBufferBytes / std::max(size, size2);
    const int64_t width = std::min(b.k, room), rows = std::max<int64_t>(1, room / width);
    for (int64_t j = 0; j < b.k; j += width)
      for (int64_t i = 0; i < b.n; i += rows) {
        const int64_t m = std::min(rows, b.n - i), c = std::min(width, b.k - j);
        const char* start = b.in + i * b.in_n + j * b.in_k;
        char* end = b.out + i * b.out_n + j * b.out_k;
        if (c == 1)
          cast(type, in.dtype, from, size, start, b.in_n, m);
        else
          for (int64_t r = 0; r < m; ++r)
            cast(type, in.dtype, from + r * c * size, size, start + r * b.in_n, b.in_k, c);
        ScanBlock piece{from,      to,        b.indices ? b.indices + i * b.index_n + j * b.index_k : nullptr,
                        m,         c,         c * size,
                        size,      c * size2, size2,
                        b.index_n, b.index_k, b.first + i};
        kernel.scan(piece, carry + j * kernel.carry_size);
        if (c == 1)
          cast(out.dtype, result, end, b.out_n, to, size2, m);
        else
          for (int64_t r = 0; r < m; ++r)
            cast(out.dtype, result, end + r * b.out_n, b.out_k, to + r * c * size2, size2, c);
      }
  }

  void run(int dim) const {
    const int64_t size = itemsize(in.dtype), out_size = itemsize(out.dtype);
    Space others;
    Space::Dim line{1, {size, out_size, 8}};
    for (int d = 0; d < int(in.sizes.size()); ++d) {
      if (in.sizes[d] == 0) return;
      const int64_t a = in.strides[d] * size, b = out.strides[d] * out_size,
                    c = indices.data ? indices.strides[d] * 8 : 0;
      if (d == dim)
        line = {in.sizes[d], {a, b, c}};
      else if (in.sizes[d] > 1)
        others.add(in.sizes[d], a, b, c);
    }
    others.sort();
    others.merge();
    const char* from = static_cast<const char*>(in.data);
    char* to = static_cast<char*>(out.data);
    char* places = static_cast<char*>(indices.data);

    // Few long lines: carries of all blocks first, then the blocks at once.
    constexpr int64_t length = 16384;
    const int64_t lines = others.count();
    if (kernel.skip && type == in.dtype && result == out.dtype && lines < kEnough && line.size >= 4 * length) {
      const int64_t blocks = ceil_div(line.size, length);
      const Scratch carries(lines * blocks * kernel.carry_size);
      char* c = carries.get();
      parallel_for(lines * blocks, 2, [&](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; ++t) {
          int64_t at[3];
          others.locate(t / blocks, at);
          const int64_t start = t % blocks * length;
          kernel.init(c + t * kernel.carry_size, 1);
          kernel.skip(from + at[0] + start * line.stride[0], std::min(length, line.size - start), line.stride[0],
                      c + t * kernel.carry_size);
        }
      });
      prefix(c, lines, blocks);
      parallel_for(lines * blocks, 2, [&](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; ++t) {
          int64_t at[3];
          others.locate(t / blocks, at);
          const int64_t start = t % blocks * length;
          kernel.scan({from + at[0] + start * line.stride[0], to + at[1] + start * line.stride[1], nullptr,
                       std::min(length, line.size - start), 1, line.stride[0], 0, line.stride[1], 0, 0, 0, start},
                      c + t * kernel.carry_size);
        }
      });
      return;
    }
    const Space::Dim across = others.n && std::abs(others.dims[others.n - 1].stride[0]) < std::abs(line.stride[0])
                                  ? others.pop()
                                  : Space::Dim{1, {0, 0, 0}};
    const int64_t tile = std::min<int64_t>(across.size, 512), tiles = ceil_div(across.size, tile),
                  outer = others.count();
    parallel_for(outer * tiles, std::max<int64_t>(1, kGrain / (tile * line.size)), [&](int64_t begin, int64_t end) {
      alignas(64) char state[512 * 16];
      for (int64_t t = begin; t < end; ++t) {
        int64_t at[3];
        others.locate(t / tiles, at);
        const int64_t first = t % tiles * tile, k = std::min(tile, across.size - first);
        kernel.init(state, k);
        block({from + at[0] + first * across.stride[0], to + at[1] + first * across.stride[1],
               places ? places + at[2] + first * across.stride[2] : nullptr, line.size, k, line.stride[0],
               across.stride[0], line.stride[1], across.stride[1], line.stride[2], across.stride[2], 0},
              state);
      }
    });
  }

  /// Turns each block's own sum into the sum of those before it; carries are doubles or unsigned integers.
  void prefix(char* carries, int64_t lines, int64_t blocks) const {
    const auto go = [&](auto* c) {
      for (int64_t l = 0; l < lines; ++l) {
        auto sum = c[0] - c[0];
        sum = 0;
        for (int64_t b = 0; b < blocks; ++b, ++c) {
          const auto own = *c;
          *c = sum;
          sum += own;
        }
      }
    };
    if (is_floating(type))
      go(reinterpret_cast<double*>(carries));
    else
      go(reinterpret_cast<std::uint64_t*>(carries));
  }
};

}  // namespace

void scan(Scan op, const Source& in, int dim, const Target& out, const Target& indices) {
  const bool extreme = op == Scan::Cummax || op == Scan::Cummin;
  const DType type = extreme                        ? compute_type(in.dtype)
                     : is_differentiable(out.dtype) ? compute_type(out.dtype)
                                                    : DType::Int64;
  const ScanKernel& kernel = kernels->reduce.scan[int(op)][int(type)];
  if (!kernel.scan) fail_runtime("this scan is not defined for ", scalar_type_name(in.dtype));
  Scanner{kernel, type, type, in, out, indices}.run(dim);
}

// --- softmax -------------------------------------------------------------------------------------------------------

namespace {

constexpr int64_t kLongRow = 65536;  // longer rows leave the cache between passes, and one row must feed all threads

/// f(offset, rows, columns, first column, index of the outer place) over an outer×n×inner box by pieces that fit the
/// cache.
template <class F>
void by_pieces(int64_t outer, int64_t n, int64_t inner, F f) {
  const int64_t width = std::min<int64_t>(inner, 4096), rows = std::max<int64_t>(1, std::min(n, kPiece / width));
  const int64_t tiles = ceil_div(inner, width), blocks = ceil_div(n, rows);
  parallel_for(outer * blocks * tiles, std::max<int64_t>(1, kGrain / (rows * width)), [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t o = t / (blocks * tiles), i = t / tiles % blocks * rows, j = t % tiles * width;
      f((o * n + i) * inner + j, std::min(rows, n - i), std::min(width, inner - j), j, o);
    }
  });
}

void softmax_wide(bool log, const char* in, char* out, DType dtype, int64_t outer, int64_t n, int64_t inner) {
  const int row = dtype == DType::Double;
  const int64_t size = itemsize(dtype), rows_grain = std::max<int64_t>(1, kGrain / 4 / n);
  if (inner == 1 && n <= kLongRow) {
    parallel_for(outer, rows_grain, [&](int64_t begin, int64_t end) {
      kernels->reduce.softmax_rows[row](in + begin * n * size, out + begin * n * size, end - begin, n, log);
    });
    return;
  }
  const ReduceKernel& kernel = kernels->reduce.reduce[int(Reduce::LogSumExp)][int(dtype)];
  const Scratch states(outer * inner * kernel.acc_size);
  const int64_t sizes[] = {outer, n, inner}, strides[] = {n * inner, inner, 1};
  const Source source{in, dtype, sizes, strides};
  const Target none;
  Reducer(kernel, dtype, source, none, none, 0).run(2, false, states.get());
  const auto apply = kernels->reduce.softmax_apply[row];
  if (inner == 1) {
    by_pieces(outer, 1, n, [&](int64_t at, int64_t, int64_t k, int64_t, int64_t o) {
      apply(in + at * size, out + at * size, 1, 0, k, states.get() + o * kernel.acc_size, 0, log);
    });
    return;
  }
  by_pieces(outer, n, inner, [&](int64_t at, int64_t rows, int64_t k, int64_t first, int64_t o) {
    apply(in + at * size, out + at * size, rows, inner, k, states.get() + (o * inner + first) * kernel.acc_size, 1,
          log);
  });
}

void softmax_backward_wide(bool log, const char* grad, const char* out, char* grad_in, DType dtype, int64_t outer,
                           int64_t n, int64_t inner) {
  const int row = dtype == DType::Double;
  const int64_t size = itemsize(dtype);
  if (inner == 1 && n <= kLongRow) {
    parallel_for(outer, std::max<int64_t>(1, kGrain / 4 / n), [&](int64_t begin, int64_t end) {
      const int64_t at = begin * n * size;
      kernels->reduce.softmax_backward_rows[row](grad + at, out + at, grad_in + at, end - begin, n, log);
    });
    return;
  }
  const auto dots = kernels->reduce.softmax_dots[row];
  const auto apply = kernels->reduce.softmax_backward_apply[row];
  if (inner == 1) {
    // A long row is summed as blocks of 64 rows of 1024 columns.
    constexpr int64_t width = 1024, length = 64 * width;
    const int64_t blocks = ceil_div(n, length);
    const Scratch memory((outer * blocks + outer) * 8);
    double* partial = reinterpret_cast<double*>(memory.get());
    double* sums = partial + outer * blocks;
    parallel_for(outer * blocks, 1, [&](int64_t begin, int64_t end) {
      double s[width];
      for (int64_t t = begin; t < end; ++t) {
        const int64_t start = t % blocks * length, m = std::min(length, n - start),
                      at = (t / blocks * n + start) * size, whole = m / width;
        std::fill_n(s, width, 0.0);
        dots(grad + at, out + at, whole, width, width, s, log);
        dots(grad + at + whole * width * size, out + at + whole * width * size, 1, 0, m - whole * width, s, log);
        for (int64_t w = width / 2; w > 0; w /= 2)
          for (int64_t j = 0; j < w; ++j) s[j] += s[j + w];
        partial[t] = s[0];
      }
    });
    for (int64_t o = 0; o < outer; ++o) {
      sums[o] = 0;
      for (int64_t b = 0; b < blocks; ++b) sums[o] += partial[o * blocks + b];
    }
    by_pieces(outer, 1, n, [&](int64_t at, int64_t, int64_t k, int64_t, int64_t o) {
      apply(grad + at * size, out + at * size, grad_in + at * size, 1, 0, k, sums + o, 0, log);
    });
    return;
  }
  const int64_t width = std::min<int64_t>(inner, 2048), tiles = ceil_div(inner, width);
  int64_t pieces = 1;
  if (outer * tiles < kEnough) pieces = std::clamp<int64_t>(n * width / kPiece, 1, 16);
  const int64_t length = ceil_div(ceil_div(n, pieces), 8) * 8;
  pieces = ceil_div(n, length);
  const int64_t columns = outer * inner;
  const Scratch memory(pieces * columns * 8);
  double* sums = reinterpret_cast<double*>(memory.get());
  parallel_for(pieces * outer * tiles, std::max<int64_t>(1, kGrain / (length * width)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t t = begin; t < end; ++t) {
                   const int64_t piece = t / (outer * tiles), o = t / tiles % outer, j = t % tiles * width,
                                 k = std::min(width, inner - j);
                   double* s = sums + piece * columns + o * inner + j;
                   std::fill_n(s, k, 0.0);
                   const int64_t at = ((o * n + piece * length) * inner + j) * size;
                   dots(grad + at, out + at, std::min(length, n - piece * length), inner, k, s, log);
                 }
               });
  for (int64_t piece = 1; piece < pieces; ++piece)
    for (int64_t j = 0; j < columns; ++j) sums[j] += sums[piece * columns + j];
  by_pieces(outer, n, inner, [&](int64_t at, int64_t rows, int64_t k, int64_t first, int64_t o) {
    apply(grad + at * size, out + at * size, grad_in + at * size, rows, inner, k, sums + o * inner + first, 1, log);
  });
}

void cast_all(DType to, DType from, char* out, const void* in, int64_t n) {
  parallel_for(n, kGrain, [&](int64_t begin, int64_t end) {
    cast(to, from, out + begin * itemsize(to), itemsize(to), static_cast<const char*>(in) + begin * itemsize(from),
         itemsize(from), end - begin);
  });
}

}  // namespace

void softmax(bool log, const void* in, void* out, DType dtype, int64_t outer, int64_t n, int64_t inner) {
  const int64_t total = outer * n * inner;
  if (total == 0) return;
  const DType type = compute_type(dtype);
  if (type == dtype)
    return softmax_wide(log, static_cast<const char*>(in), static_cast<char*>(out), dtype, outer, n, inner);
  const Scratch wide(total * itemsize(type));
  cast_all(type, dtype, wide.get(), in, total);
  softmax_wide(log, wide.get(), wide.get(), type, outer, n, inner);
  cast_all(dtype, type, static_cast<char*>(out), wide.get(), total);
}

void softmax_backward(bool log, const void* grad, const void* out, void* grad_in, DType dtype, int64_t outer, int64_t n,
                      int64_t inner) {
  const int64_t total = outer * n * inner;
  if (total == 0) return;
  const DType type = compute_type(dtype);
  if (type == dtype)
    return softmax_backward_wide(log, static_cast<const char*>(grad), static_cast<const char*>(out),
                                 static_cast<char*>(grad_in), dtype, outer, n, inner);
  const Scratch wide(2 * total * itemsize(type));
  char* second = wide.get() + total * itemsize(type);
  cast_all(type, dtype, wide.get(), grad, total);
  cast_all(type, dtype, second, out, total);
  softmax_backward_wide(log, wide.get(), second, wide.get(), type, outer, n, inner);
  cast_all(dtype, type, static_cast<char*>(grad_in), wide.get(), total);
}

}  // namespace rl
