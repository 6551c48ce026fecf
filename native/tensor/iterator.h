// Pointwise loops over tensors of any layout: broadcasting, coalescing, conversion, threads.
#pragma once

#include "kernels/table.h"
#include "tensor/tensor.h"

namespace rl {

/// One operand of a pointwise loop: where its elements lie, and the dtype in which the loop wants them.
struct Operand {
  char* data;
  DType have, want;
  Dims sizes, strides;  // strides in elements; sizes are broadcast to the output's
  const TensorObject* tensor = nullptr;

  Operand(const Tensor& t, DType want_)
      : data(t.data()), have(t.dtype()), want(want_), sizes(t.sizes()), strides(t.strides()), tensor(t.get()) {}
  /// One element for all.
  Operand(const void* p, DType dtype)
      : data(const_cast<char*>(static_cast<const char*>(p))), have(dtype), want(dtype) {}
};

inline constexpr int kMaxOperands = 4;

/// Above this many elements an operator releases the GIL while it computes.
inline constexpr std::int64_t kReleaseGil = 1 << 16;

/// Runs `loop` over `out` (operand 0) and the inputs. Shapes must broadcast to out's (the caller has checked).
/// Operands that share memory with `out` must be the very same elements (in-place); see `overlap_safe`.
void run_loop(Loop loop, const void* params, const Operand& out, std::initializer_list<Operand> inputs);

/// An output for inputs of these layouts: sizes are the broadcast ones, strides follow the inputs as in PyTorch.
Tensor pointwise_output(std::initializer_list<const Tensor*> inputs, DType dtype);

/// `t` itself, or a copy if it overlaps the memory of `out` other than element by element.
Tensor overlap_safe(const Tensor& t, const Tensor& out);
/// `t` itself, or a copy if it overlaps the memory of `out` at all.
Tensor separate(const Tensor& t, const Tensor& out);
/// Throws if two elements of `t` share memory and it is to be written.
void check_no_overlap(const Tensor& t);
/// Throws if `input` shares some but not all of its elements with `out`, which is to be written. Only what the ends of
/// dense tensors show is noticed, as in PyTorch.
void check_no_partial_overlap(const Tensor& out, const Tensor& input);

/// Releases the GIL for the scope if `work` (in elements of simple work) is much, unless the thread asked not to
/// (gradient accumulation). Interruptible: Ctrl-C ends the work by PythonError, which leaves its results half done:
/// only where nobody else can see them. Inside of the scope no tensor is made, copied or dropped.
class GilRelease {
 public:
  explicit GilRelease(std::int64_t work, bool interruptible = true);
  ~GilRelease();
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

 private:
  PyThreadState *state_ = nullptr, *outer_ = nullptr;
  void (*outer_hook_)() = nullptr;
};

/// Can nobody but the caller see what is written to `t`?
inline bool is_fresh(const TensorObject* t) {
  return Py_REFCNT(const_cast<TensorObject*>(t)) == 1 && t->storage->refs() == 1 && !t->storage->is_foreign();
}

/// Keeps the GIL in this scope whatever the size: for read-modify-write that other Python threads must not see half
/// done.
class KeepGil {
 public:
  KeepGil();
  ~KeepGil();
  KeepGil(const KeepGil&) = delete;
  KeepGil& operator=(const KeepGil&) = delete;

 private:
  bool old_;
};

}  // namespace rl
