#include "tensor/iterator.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#if defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

#include "base/threads.h"

namespace rl {
namespace {

thread_local bool keep_gil = false;

constexpr std::int64_t kChunk = 512;  // elements converted at a time: 8 KiB of complex doubles, within the L1 cache

/// Runs a one-dimensional piece, converting operands by chunks where their dtype is not the loop's.
struct Piece {
  Loop loop;
  const void* params;
  int n_ops;
  std::array<Loop, kMaxOperands> convert_in;  // null: as it is
  Loop convert_out;
  std::array<int, kMaxOperands> want_size;

  void run(char* const* data, const std::int64_t* strides, std::int64_t n) const {
    bool any = convert_out != nullptr;
    for (int k = 1; k < n_ops; ++k) any |= convert_in[k] != nullptr;
    if (!any) {
      loop(data, strides, n, params);
      return;
    }
    alignas(64) char scratch[kMaxOperands][kChunk * 16 + 320];  // apart by no multiple of 4 KiB
    char* at[kMaxOperands];
    for (int k = 0; k < n_ops; ++k) at[k] = data[k];
    for (std::int64_t done = 0; done < n; done += kChunk) {
      const std::int64_t m = std::min(kChunk, n - done);
      char* ptr[kMaxOperands];
      std::int64_t step[kMaxOperands];
      for (int k = 0; k < n_ops; ++k) {
        ptr[k] = at[k];
        step[k] = strides[k];
        const bool converted = k == 0 ? convert_out != nullptr : convert_in[k] != nullptr;
        if (converted) {
          const bool one = k > 0 && strides[k] == 0;
          if (k > 0) {
            char* const io[2] = {scratch[k], at[k]};
            const std::int64_t io_strides[2] = {want_size[k], strides[k]};
            convert_in[k](io, io_strides, one ? 1 : m, nullptr);
          }
          ptr[k] = scratch[k];
          step[k] = one ? 0 : want_size[k];
        }
      }
      loop(ptr, step, m, params);
      if (convert_out != nullptr) {
        char* const io[2] = {at[0], scratch[0]};
        const std::int64_t io_strides[2] = {strides[0], want_size[0]};
        convert_out(io, io_strides, m, nullptr);
      }
      for (int k = 0; k < n_ops; ++k) at[k] += strides[k] * m;
    }
  }
};

/// NOTE [Tiles]: an operand that is contiguous along the second dimension of the loop, as one of a transposed matrix
/// is, would be read a cache line for each element. Such operands are transposed by tiles into L1 first, or, where all
/// that is wanted is the copy, straight into the output.
constexpr std::int64_t kTileRows = 16, kTileBytes = 1024;  // a tile: 16 rows of 1 KiB

struct Turned {
  bool any = false, copy = false;
  bool operand[kMaxOperands] = {};

  Turned(const Piece& piece, const Operand* const* ops, int n_dims, const std::int64_t* shape,
         const std::int64_t (*strides)[kMaxOperands]) {
    if (n_dims < 2 || shape[0] < kTileRows || shape[1] < kTileRows || strides[0][0] != itemsize(ops[0]->have)) return;
    for (int k = 1; k < piece.n_ops; ++k) {
      const std::int64_t size = itemsize(ops[k]->have), step = strides[0][k];
      operand[k] = (size == 4 || size == 8) && strides[1][k] == size && step != size && step != 0 && step % size == 0;
      any |= operand[k];
    }
    const int type = int(ops[0]->have);
    copy = any && piece.n_ops == 2 && ops[1]->have == ops[0]->have && piece.loop == kernels->pointwise.cast[type][type];
  }
};

void run_tiles(const Piece& piece, const Turned& turned, const Operand* const* ops, int n_dims,
               const std::int64_t* shape, const std::int64_t (*strides)[kMaxOperands]) {
  std::int64_t sizes[kMaxOperands], width = kTileBytes / 4, outer = 1;
  for (int k = 0; k < piece.n_ops; ++k) {
    sizes[k] = itemsize(ops[k]->have);
    if (turned.operand[k]) width = std::min(width, kTileBytes / sizes[k]);
  }
  for (int d = 2; d < n_dims; ++d) outer *= shape[d];
  const std::int64_t down = (shape[1] + kTileRows - 1) / kTileRows, across = (shape[0] + width - 1) / width;
  parallel_for(outer * down * across, kGrain / (kTileRows * width), [&](std::int64_t begin, std::int64_t end) {
    alignas(64) char tile[kMaxOperands][kTileRows * kTileBytes];
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t i = t % down * kTileRows, j = t / down % across * width;
      const std::int64_t rows = std::min(kTileRows, shape[1] - i), columns = std::min(width, shape[0] - j);
      char* ptr[kMaxOperands];
      std::int64_t step[kMaxOperands], down_step[kMaxOperands];
      for (int k = 0; k < piece.n_ops; ++k) {
        ptr[k] = ops[k]->data + i * strides[1][k] + j * strides[0][k];
        step[k] = strides[0][k], down_step[k] = strides[1][k];
      }
      std::int64_t rest = t / (down * across);
      for (int d = 2; d < n_dims; ++d) {
        for (int k = 0; k < piece.n_ops; ++k) ptr[k] += rest % shape[d] * strides[d][k];
        rest /= shape[d];
      }
      for (int k = 1; k < piece.n_ops; ++k) {
        if (!turned.operand[k]) continue;
        const auto transpose = sizes[k] == 4 ? kernels->gemm.transpose4 : kernels->gemm.transpose8;
        char* const to = turned.copy ? ptr[0] : tile[k];
        const std::int64_t to_step = turned.copy ? down_step[0] / sizes[k] : width;
        transpose(ptr[k], step[k] / sizes[k], to, to_step, rows, columns);
        ptr[k] = tile[k], step[k] = sizes[k], down_step[k] = width * sizes[k];
      }
      if (turned.copy) continue;
      for (std::int64_t r = 0; r < rows; ++r) {
        piece.run(ptr, step, columns);
        for (int k = 0; k < piece.n_ops; ++k) ptr[k] += down_step[k];
      }
    }
  });
}

}  // namespace

void run_loop(Loop loop, const void* params, const Operand& out, std::initializer_list<Operand> inputs) {
  const int n_ops = int(inputs.size()) + 1;
  const Operand* ops[kMaxOperands] = {&out};
  for (int k = 1; k < n_ops; ++k) ops[k] = inputs.begin() + (k - 1);

  Piece piece{loop, params, n_ops, {}, nullptr, {}};
  const auto& cast = kernels->pointwise.cast;
  for (int k = 0; k < n_ops; ++k) {
    const Operand& o = *ops[k];
    piece.want_size[k] = itemsize(o.want);
    if (o.have == o.want) continue;
    if (k == 0)
      piece.convert_out = cast[int(o.have)][int(o.want)];
    else
      piece.convert_in[k] = cast[int(o.want)][int(o.have)];
  }

  // Broadcast strides in bytes, dimensions reversed (innermost first), then ordered by the output's strides and merged.
  const int nd = int(out.sizes.size());
  std::int64_t shape[kMaxDims];
  std::int64_t strides[kMaxDims][kMaxOperands];
  int n_dims = 0;
  std::int64_t total = 1;
  for (int d = nd - 1; d >= 0; --d) {
    const std::int64_t size = out.sizes[d];
    total *= size;
    if (size == 1) continue;
    shape[n_dims] = size;
    for (int k = 0; k < n_ops; ++k) {
      const Operand& o = *ops[k];
      const int back = nd - 1 - d, own = int(o.sizes.size());
      const bool has = back < own && o.sizes[own - 1 - back] != 1;
      strides[n_dims][k] = has ? o.strides[own - 1 - back] * itemsize(o.have) : 0;
    }
    ++n_dims;
  }
  if (total == 0) return;
  for (int i = 1; i < n_dims; ++i) {
    for (int j = i; j > 0; --j) {
      bool swap = false;
      for (int k = 0; k < n_ops; ++k) {
        const std::int64_t inner = strides[j - 1][k], outer = strides[j][k];
        if (inner == 0 || outer == 0 || inner == outer) continue;
        swap = outer < inner;
        break;
      }
      if (!swap) break;
      std::swap(shape[j], shape[j - 1]);
      std::swap(strides[j], strides[j - 1]);
    }
  }
  int merged = 0;
  for (int d = 1; d < n_dims; ++d) {
    bool joins = true;
    for (int k = 0; k < n_ops; ++k) joins &= strides[d][k] == strides[merged][k] * shape[merged];
    if (joins) {
      shape[merged] *= shape[d];
    } else {
      ++merged;
      shape[merged] = shape[d];
      std::copy(strides[d], strides[d] + n_ops, strides[merged]);
    }
  }
  n_dims = n_dims == 0 ? 0 : merged + 1;

  char* base[kMaxOperands];
  for (int k = 0; k < n_ops; ++k) base[k] = ops[k]->data;
  if (n_dims == 0) {
    std::int64_t zero[kMaxOperands] = {};
    for (int k = 0; k < n_ops; ++k) zero[k] = itemsize(ops[k]->have);
    piece.run(base, zero, 1);
    return;
  }

  const auto range = [&](std::int64_t begin, std::int64_t end) {
    // The index of `begin`, then runs along the innermost dimension.
    std::int64_t index[kMaxDims];
    char* ptr[kMaxOperands];
    for (int k = 0; k < n_ops; ++k) ptr[k] = base[k];
    std::int64_t rest = begin;
    for (int d = 0; d < n_dims; ++d) {
      index[d] = rest % shape[d];
      rest /= shape[d];
      for (int k = 0; k < n_ops; ++k) ptr[k] += index[d] * strides[d][k];
    }
    std::int64_t left = end - begin;
    while (left > 0) {
      const std::int64_t n = std::min(left, shape[0] - index[0]);
      piece.run(ptr, strides[0], n);
      left -= n;
      if (left == 0) break;
      for (int k = 0; k < n_ops; ++k) ptr[k] += n * strides[0][k];
      index[0] += n;
      for (int d = 0; index[d] == shape[d]; ++d) {
        for (int k = 0; k < n_ops; ++k) ptr[k] += strides[d + 1][k] - shape[d] * strides[d][k];
        index[d] = 0;
        ++index[d + 1];
      }
    }
  };
  GilRelease gil(total, out.tensor != nullptr && is_fresh(out.tensor));
  const Turned turned(piece, ops, n_dims, shape, strides);
  if (turned.any) return run_tiles(piece, turned, ops, n_dims, shape, strides);
  parallel_for(total, kGrain, range);
}

Tensor pointwise_output(std::initializer_list<const Tensor*> inputs, DType dtype) {
  const Tensor& first = **inputs.begin();
  bool all_contiguous = true, same_shape = true;
  for (const Tensor* t : inputs) {
    all_contiguous &= t->is_contiguous();
    same_shape &= same(t->sizes(), first.sizes());
  }
  if (all_contiguous && same_shape) return empty(first.sizes(), dtype);
  DimVec sizes(first.sizes());
  for (const Tensor* t : inputs) sizes = broadcast_shapes(sizes, t->sizes());
  if (all_contiguous) return empty(sizes, dtype);
  bool same_layout = same_shape;
  for (const Tensor* t : inputs) same_layout &= same(t->strides(), first.strides());
  if (same_layout && is_dense(first.sizes(), first.strides())) return empty_strided(sizes, first.strides(), dtype);

  // Order dimensions by the first operand that tells them apart, from the innermost, as PyTorch's iterator does.
  const int n = int(sizes.size());
  DimVec order;
  for (int i = n - 1; i >= 0; --i) order.push_back(i);
  const auto stride_of = [&](const Tensor& t, std::int64_t d) -> std::int64_t {
    const int own = t.ndim(), at = int(d) - (n - own);
    return at < 0 || t.sizes()[at] == 1 ? 0 : t.strides()[at];
  };
  const auto before = [&](std::int64_t a, std::int64_t b) {
    for (const Tensor* t : inputs) {
      const std::int64_t x = stride_of(*t, a), y = stride_of(*t, b);
      if (x == 0 || y == 0) continue;
      if (x != y) return x < y ? -1 : 1;
      if (sizes[a] > sizes[b]) return 1;
    }
    return 0;
  };
  for (int i = 1; i < n; ++i) {
    int at = i;
    for (int j = i - 1; j >= 0; --j) {
      const int c = before(order[j], order[at]);
      if (c > 0) {
        std::swap(order[j], order[at]);
        at = j;
      } else if (c < 0) {
        break;
      }
    }
  }
  DimVec strides;
  strides.resize(n);
  std::int64_t step = 1;
  for (auto d : order) {
    strides[d] = step;
    step *= std::max<std::int64_t>(sizes[d], 1);
  }
  return empty_strided(sizes, strides, dtype);
}

namespace {

/// The addresses [first, last) that a tensor's elements span.
std::pair<const char*, const char*> span_of(const Tensor& t) {
  const char* first = t.data();
  if (t.numel() == 0) return {first, first};
  const char* last = first;
  for (int d = 0; d < t.ndim(); ++d) last += (t.sizes()[d] - 1) * t.strides()[d] * t.itemsize();
  return {first, last + t.itemsize()};
}

}  // namespace

Tensor overlap_safe(const Tensor& t, const Tensor& out) {
  if (t.data() == out.data() && t.dtype() == out.dtype() && same(t.sizes(), out.sizes()) &&
      same(t.strides(), out.strides()))
    return t;
  return separate(t, out);
}

Tensor separate(const Tensor& t, const Tensor& out) {
  const auto [a0, a1] = span_of(t);
  const auto [b0, b1] = span_of(out);
  if (a1 <= b0 || b1 <= a0) return t;
  return to_contiguous(t, t.dtype());
}

void check_no_overlap(const Tensor& t) {
  if (t.is_contiguous() || !has_overlap(t.sizes(), t.strides())) return;
  fail_runtime(
      "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
      "Please "
      "clone() the tensor before performing the operation.");
}

void check_no_partial_overlap(const Tensor& out, const Tensor& input) {
  if (out->storage != input->storage || out.is(input) || out.numel() == 0 || input.numel() == 0) return;
  if (!is_dense(out.sizes(), out.strides()) || !is_dense(input.sizes(), input.strides())) return;
  const auto [a0, a1] = span_of(out);
  const auto [b0, b1] = span_of(input);
  if (a1 <= b0 || b1 <= a0) return;
  if (a0 == b0 && a1 == b1 && same(out.strides(), input.strides())) return;
  fail_runtime(
      "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
      "location. Please clone() the tensor before performing the operation.");
}

namespace {

// The saved thread state while an interruptible operator of this thread works without the GIL.
thread_local PyThreadState* released = nullptr;

/// Takes the GIL again. While the interpreter shuts down, Pythons before 3.14 end a daemon thread here by unwinding its
/// stack, which would run our destructors without the GIL, or end in std::terminate: such a thread sleeps for the rest
/// of the process's life instead.
void take_gil(PyThreadState* state) noexcept {
#if PY_VERSION_HEX < 0x030E0000 && defined(__GLIBCXX__)
  try {
    PyEval_RestoreThread(state);
  } catch (const abi::__forced_unwind&) {
    for (;;) pause();
  }
#else
  PyEval_RestoreThread(state);
#endif
}

/// Called from time to time inside parallel_for: lets Ctrl-C through. A signal's handler may run operators itself.
void check_signals() {
  if (released == nullptr) return;
  PyThreadState* const state = std::exchange(released, nullptr);
  take_gil(state);
  const bool raised = PyErr_CheckSignals() != 0;
  PyEval_SaveThread();
  released = state;
  if (raised) throw PythonError();
}

}  // namespace

GilRelease::GilRelease(std::int64_t work, bool interruptible) {
  if (work < kReleaseGil || keep_gil) return;
  state_ = PyEval_SaveThread();
  outer_ = std::exchange(released, interruptible ? state_ : nullptr);
  outer_hook_ = set_interrupt_hook(interruptible ? check_signals : nullptr);
}
GilRelease::~GilRelease() {
  if (state_ == nullptr) return;
  released = outer_;
  set_interrupt_hook(outer_hook_);
  take_gil(state_);
}
KeepGil::KeepGil() : old_(std::exchange(keep_gil, true)) {}
KeepGil::~KeepGil() { keep_gil = old_; }

// --- elements of tensor.h
// ------------------------------------------------------------------------------------------------

void copy_into(const Tensor& dst, const Tensor& src) {
  const Tensor from = overlap_safe(src, dst);
  const Loop copy = kernels->pointwise.cast[int(dst.dtype())][int(src.dtype())];
  if (dst.is_contiguous() && from.is_contiguous() && dst.numel() == from.numel() && dst.numel() < kGrain) {
    char* const data[2] = {dst.data(), from.data()};
    const std::int64_t strides[2] = {dst.itemsize(), from.itemsize()};
    if (dst.numel() > 0) copy(data, strides, dst.numel(), nullptr);
    return;
  }
  // The loop is itself the conversion, so both operands are taken as they are.
  run_loop(copy, nullptr, Operand(dst, dst.dtype()), {Operand(from, from.dtype())});
}

void fill(const Tensor& dst, const Scalar& value) {
  alignas(16) char element[16];
  value.store(element, dst.dtype());
  const Loop copy = kernels->pointwise.cast[int(dst.dtype())][int(dst.dtype())];
  if (dst.is_contiguous() && dst.numel() < kGrain) {
    char* const data[2] = {dst.data(), element};
    const std::int64_t strides[2] = {dst.itemsize(), 0};
    if (dst.numel() > 0) copy(data, strides, dst.numel(), nullptr);
    return;
  }
  run_loop(copy, nullptr, Operand(dst, dst.dtype()), {Operand(element, dst.dtype())});
}

Scalar item(const Tensor& t) {
  if (t.numel() != 1) fail_runtime("a Tensor with ", t.numel(), " elements cannot be converted to Scalar");
  return Scalar::load(t.data(), t.dtype());
}

Tensor to_contiguous(const Tensor& t, DType dtype) {
  Tensor out = empty(t.sizes(), dtype);
  copy_into(out, t);
  return out;
}

Tensor contiguous_as(const Tensor& t, DType dtype) {
  return t.is_contiguous() && t.dtype() == dtype ? t : to_contiguous(t, dtype);
}

}  // namespace rl
