// The family of pointwise operators on two operands.
#pragma once

#include "ops/ops.h"
#include "python/bind.h"

namespace rl {

/// An operator of the family: its kernel, its names and its derivative. One record each, in arithmetic.cpp.
struct BinaryRule {
  enum Result : std::uint8_t {
    Promote,  // the common type
    Float,    // the common type, integers become the default float
  };
  enum Save : std::uint8_t { Nothing = 0, A = 1, B = 2, Out = 4 };

  Binary op;
  const char* name;
  const char* node;
  const char* kernel;  // the name in "… not implemented for 'Long'"; null: complex numbers alone have no order
  Result result = Promote;
  std::uint8_t save_for_a = Nothing, save_for_b = Nothing;  // what the gradient of each operand needs
  /// Fills the gradients that are asked for (pointers not null). `a`, `b`, `out` are defined where saved.
  void (*vjp)(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor& out, Tensor* ga, Tensor* gb) = nullptr;
  /// The gradient of the tensor where the second operand is a number; null: `vjp` with the number as a 0-dim tensor.
  Tensor (*vjp_number)(const Tensor& g, const Tensor& a, const Scalar& b, const Tensor& out) = nullptr;
  /// The node's name where an operand is a number, if it has another one. Such a node has one edge; without names of
  /// their own PyTorch makes a tensor of the number, and the node has an edge that leads nowhere.
  const char* node_second_number = nullptr;
  const char* node_first_number = nullptr;
};

extern const BinaryRule kAdd, kSub, kRsub, kMul, kDiv, kFloorDivide, kDivFloor, kDivTrunc, kRemainder, kFmod, kPow,
    kAnd, kOr, kXor, kLeftShift, kRightShift;

Tensor binary(const BinaryRule& rule, const Tensor& a, const Tensor& b);
Tensor binary(const BinaryRule& rule, const Tensor& a, const Scalar& b);
/// The number comes first.
Tensor binary(const BinaryRule& rule, const Scalar& a, const Tensor& b);
/// g * b and g / b for derivative rules: where nobody sees `g` or records, in its memory.
Tensor scaled(const BinaryRule& rule, const Tensor& g, const Tensor& b);
void binary_inplace(const BinaryRule& rule, const Tensor& a, const Tensor& b);
void binary_inplace(const BinaryRule& rule, const Tensor& a, const Scalar& b);
/// a /= b, raw: no history, no versions; for results that nobody else has seen. `a` is of a dtype that kernels compute
/// in.
void divide(const Tensor& a, double b);

// --- in-place operators in general
// ----------------------------------------------------------------------------------------
/// Checks that `out`-typed results may be written to `self`, and that `shape` is self's.
void check_inplace_result(const Tensor& self, DType result, Dims shape);
/// finish_inplace() of an operator whose result does not depend on the content that it replaced.
void finish_constant(const Tensor& t, const char* node);
[[noreturn]] void fail_unsupported(const char* kernel, DType d);

}  // namespace rl
