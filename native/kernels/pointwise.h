// The pointwise kernels: which operators there are, and the table of their loops.
#pragma once

#include "kernels/loop.h"

namespace rl {

// Each list is X(name); a table's row has one loop per *compute* type (compute_type() of dtype.h: rows of
// Half and BFloat16 stay null, the iterator converts those by cache-sized chunks), null where PyTorch has none.

/// Output type equals input type; where the input is integral and the result is not, the caller converts first.
/// Abs, Angle: a complex input gives its real type.
// clang-format off
#define RL_UNARY(X)                                                                                            \
  X(Neg) X(Abs) X(Sign) X(Sgn) X(Square) X(Sqrt) X(Rsqrt) X(Reciprocal) X(Exp) X(Exp2) X(Expm1) X(Log) X(Log2) \
  X(Log10) X(Log1p) X(Sin) X(Cos) X(Tan) X(Asin) X(Acos) X(Atan) X(Sinh) X(Cosh) X(Tanh) X(Asinh) X(Acosh)     \
  X(Atanh) X(Erf) X(Erfc) X(Erfinv) X(Lgamma) X(Digamma) X(I0) X(I0e) X(I1) X(I1e) X(Sigmoid) X(LogSigmoid) X(Relu) X(Relu6) X(Silu) X(Mish) X(Gelu) X(GeluTanh)    \
  X(Selu) X(Hardsigmoid) X(Hardswish) X(Floor) X(Ceil) X(Round) X(Trunc) X(Frac) X(BitwiseNot) X(Conj) X(Angle)

/// Unary with constants, doubles in `params` in this order: Softplus(beta, threshold), LeakyRelu(slope),
/// Elu(alpha, scale, input_scale), Hardtanh(min, max), Hardshrink(lambda), Softshrink(lambda),
/// Threshold(threshold, value), NanToNum(nan, posinf, neginf), RoundDecimals(decimals), Logit(eps, <0: none),
/// Polygamma(order).
#define RL_UNARY_PARAM(X)                                                                              \
  X(Softplus) X(LeakyRelu) X(Elu) X(Hardtanh) X(Hardshrink) X(Softshrink) X(Threshold) X(NanToNum) \
  X(RoundDecimals) X(Logit) X(Polygamma)

/// Unary with a bool result.
#define RL_PREDICATE(X) X(LogicalNot) X(IsNan) X(IsInf) X(IsFinite) X(IsPosInf) X(IsNegInf) X(SignBit)

/// Both inputs and the output have one type. Div is true division (floats and complex only), FloorDiv rounds down,
/// TruncDiv to zero. Integer FloorDiv/TruncDiv/Remainder/Fmod by zero: the loop sets *(bool*)params and goes on.
#define RL_BINARY(X)                                                                                          \
  X(Add) X(Sub) X(Mul) X(Div) X(FloorDiv) X(TruncDiv) X(Remainder) X(Fmod) X(Pow) X(Atan2) X(Hypot) X(Maximum) \
  X(Minimum) X(Fmax) X(Fmin) X(BitwiseAnd) X(BitwiseOr) X(BitwiseXor) X(LeftShift) X(RightShift) X(Copysign)  \
  X(Nextafter) X(LogAddExp) X(LogAddExp2) X(Xlogy) X(Xlog1py) X(Zeta) X(Heaviside) X(Gcd) X(Lcm)                                   \
  /* fused derivatives (gradient first, then what the name says: out or x) */                                \
  X(TanhBackward) X(SigmoidBackward) X(ReluBackward) X(SiluBackward) X(MishBackward) X(GeluBackward)           \
  X(GeluTanhBackward) X(SeluBackward) X(HardsigmoidBackward) X(HardswishBackward) X(LogSigmoidBackward) X(SqrtBackward) \
  X(AbsBackward)

/// Binary with constants, doubles in `params`: AddScaled: a + alpha*b (alpha re, im); the backwards of the unary ones
/// with constants: gradient, x, then the same constants.
#define RL_BINARY_PARAM(X)                                                                                     \
  X(AddScaled) X(SoftplusBackward) X(LeakyReluBackward) X(EluBackward) X(HardtanhBackward) X(HardshrinkBackward) \
  X(SoftshrinkBackward) X(ThresholdBackward) X(LogitBackward) X(LerpScalar)

/// Binary with a bool result.
#define RL_COMPARE(X) X(Eq) X(Ne) X(Lt) X(Le) X(Gt) X(Ge) X(LogicalAnd) X(LogicalOr) X(LogicalXor)

/// Three inputs: Where has a bool first input; Addcmul, Addcdiv take `value` (re, im doubles) in params;
/// Clamp(x, min, max); Lerp(start, end, weight).
#define RL_TERNARY(X) X(Where) X(Addcmul) X(Addcdiv) X(Clamp) X(Lerp)
// clang-format on

#define RL_ENUM(name) name,
enum class Unary : int { RL_UNARY(RL_ENUM) Count };
enum class UnaryParam : int { RL_UNARY_PARAM(RL_ENUM) Count };
enum class Predicate : int { RL_PREDICATE(RL_ENUM) Count };
enum class Binary : int { RL_BINARY(RL_ENUM) Count };
enum class BinaryParam : int { RL_BINARY_PARAM(RL_ENUM) Count };
enum class Compare : int { RL_COMPARE(RL_ENUM) Count };
enum class Ternary : int { RL_TERNARY(RL_ENUM) Count };
#undef RL_ENUM

struct PointwiseTable {
  Loop unary[int(Unary::Count)][kDTypes];
  Loop unary_param[int(UnaryParam::Count)][kDTypes];
  Loop predicate[int(Predicate::Count)][kDTypes];
  Loop binary[int(Binary::Count)][kDTypes];
  Loop binary_param[int(BinaryParam::Count)][kDTypes];
  Loop compare[int(Compare::Count)][kDTypes];
  Loop ternary[int(Ternary::Count)][kDTypes];
  /// cast[to][from], all twelve types; also the plain strided copy where both are equal. A scalar source (stride 0)
  /// fills.
  Loop cast[kDTypes][kDTypes];
  /// Does one of n integers not lie in [low, low + size)?
  bool (*outside)(const std::int64_t* p, std::int64_t n, std::int64_t low, std::int64_t size);
};

}  // namespace rl
