// Pointwise operators on two operands: arithmetic, comparison, logic and bits.
#include <algorithm>
#include <numbers>

#include "ops/binary.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

[[noreturn, gnu::cold, gnu::noinline]] void fail_no_loop(const BinaryRule& rule, DType d) {
  if (rule.kernel == nullptr) fail_runtime(rule.name, " not implemented for complex tensors.");
  fail_unsupported(rule.kernel, d);
}

[[gnu::always_inline]] inline Loop loop_of(const BinaryRule& rule, DType d) {
  const Loop loop = kernels->pointwise.binary[int(rule.op)][int(compute_type(d))];
  if (loop == nullptr) [[unlikely]]
    fail_no_loop(rule, d);
  return loop;
}

/// Small, and alike in every respect: neither broadcasting nor conversion nor threads.
[[gnu::always_inline]] inline bool alike(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || (a->flags & b->flags & kContiguous) == 0 || a.numel() >= kGrain ||
      a.ndim() != b.ndim() || compute_type(a.dtype()) != a.dtype())
    return false;
  const std::int64_t *x = a->sizes(), *y = b->sizes();
  for (int i = 0, n = a.ndim(); i < n; ++i) {
    if (x[i] != y[i]) return false;
  }
  return true;
}
[[gnu::always_inline]] inline void run_alike(Loop loop, const Tensor& out, const Tensor& a, const Tensor& b,
                                             bool* zero_division = nullptr) {
  char* const data[3] = {out.data(), a.data(), b.data()};
  const std::int64_t size = out.itemsize(), strides[3] = {size, size, size};
  if (out.numel() > 0) [[likely]]
    loop(data, strides, out.numel(), zero_division);
}
/// out = a * b of one float, the commonest tiny tensor: the loop's call costs more than the product.
[[gnu::always_inline]] inline bool multiply_one(const Tensor& out, const Tensor& a, const Tensor& b) {
  if (out.numel() != 1 || out.dtype() != DType::Float) return false;
  *out.data_as<float>() = *a.data_as<float>() * *b.data_as<float>();
  return true;
}

// --- derivative rules; they ignore broadcasting (NOTE [Broadcast] in autograd/node.h)
// -----------------------------------

void add_vjp(const Tensor& g, const Tensor&, const Tensor&, const Tensor&, Tensor* ga, Tensor* gb) {
  if (ga) *ga = g;
  if (gb) *gb = g;
}
void sub_vjp(const Tensor& g, const Tensor&, const Tensor&, const Tensor&, Tensor* ga, Tensor* gb) {
  if (ga) *ga = g;
  if (gb) *gb = neg(g);
}
void mul_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&, Tensor* ga, Tensor* gb) {
  if (is_complex(g.dtype())) {
    if (ga) *ga = g * conj(b);
    if (gb) *gb = g * conj(a);
    return;
  }
  if (!modes.grad && ga && gb && alike(g, a) && alike(g, b)) [[likely]] {
    const Loop loop = loop_of(kMul, g.dtype());
    *gb = empty_same(g, g.dtype());
    if (!multiply_one(*gb, g, a)) run_alike(loop, *gb, g, a);
    *ga = exclusive(g) ? g : empty_same(g, g.dtype());
    if (!multiply_one(*ga, g, b)) run_alike(loop, *ga, g, b);
    return;
  }
  if (gb) *gb = ga ? g * a : scaled(kMul, g, a);
  if (ga) *ga = scaled(kMul, g, b);
}
void div_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&, Tensor* ga, Tensor* gb) {
  if (gb) *gb = scaled(kMul, neg(g), conj((a / b) / b));
  if (ga) *ga = scaled(kDiv, g, conj(b));
}
void zero_vjp(const Tensor& g, const Tensor&, const Tensor&, const Tensor&, Tensor* ga, Tensor* gb) {
  if (ga) *ga = zeros_like(g);
  if (gb) *gb = zeros_like(g);
}
void remainder_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&, Tensor* ga, Tensor* gb) {
  if (ga) *ga = g;
  if (gb) *gb = neg(g) * binary(kDivFloor, a, b);
}
void fmod_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&, Tensor* ga, Tensor* gb) {
  if (ga) *ga = g;
  if (gb) *gb = neg(g) * binary(kDivTrunc, a, b);
}
/// d(a^b) = b a^(b-1) da + a^b log(a) db, with 0 where b = 0 and where a = 0 (and b >= 0).
void pow_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor& out, Tensor* ga, Tensor* gb) {
  if (ga) {
    Tensor d = g * conj(b * pow(a, b - Scalar(1)));
    *ga = where(compare(Compare::Eq, b, Scalar(0.0)), zeros_like(d), d);
  }
  if (gb) {
    Tensor flat = compare(Compare::Eq, a, Scalar(0.0));
    if (!is_complex(b.dtype())) {
      Tensor grows = compare(Compare::Ge, b, Scalar(0.0));
      flat = compare(Compare::LogicalAnd, flat, grows);
    }
    Tensor d = g * conj(out * log(a));
    *gb = where(flat, zeros_like(d), d);
  }
}
Tensor pow_number_vjp(const Tensor& g, const Tensor& a, const Scalar& b, const Tensor&) {
  if (b.equals(0)) return zeros_like(g);
  if (b.equals(1)) return g;
  if (b.equals(2)) return g * conj(a * Scalar(2));
  const Scalar less = b.kind == Scalar::Kind::Complex ? Scalar(cdouble(b.d - 1, b.im))
                      : b.is_integral()               ? Scalar(b.i - 1)
                                                      : Scalar(b.d - 1);
  return g * conj(pow(a, less) * b);
}
void atan2_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&, Tensor* ga, Tensor* gb) {
  // Of the origin, and of what is so near that the squares are 0, the derivative is 0.
  const Tensor length = a * a + b * b, none = compare(Compare::Eq, length, Scalar(0));
  const Tensor scaled = masked_fill(g / masked_fill(length, none, 1), none, 0);
  if (ga) *ga = scaled * b;
  if (gb) *gb = neg(scaled) * a;
}
void hypot_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor& out, Tensor* ga, Tensor* gb) {
  if (ga) *ga = g * (a / out);
  if (gb) *gb = g * (b / out);
}
/// Ties share the gradient evenly, as in PyTorch.
void extremum_vjp(const Tensor& g, const Tensor& a, const Tensor& b, bool largest, Tensor* ga, Tensor* gb) {
  const Tensor half = where(compare(Compare::Eq, a, b), g / Scalar(2.0), g), zero = zeros_like(g);
  if (ga) *ga = where(compare(largest ? Compare::Lt : Compare::Gt, a, b), zero, half);
  if (gb) *gb = where(compare(largest ? Compare::Gt : Compare::Lt, a, b), zero, half);
}
void maximum_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&, Tensor* ga, Tensor* gb) {
  extremum_vjp(g, a, b, true, ga, gb);
}
void minimum_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&, Tensor* ga, Tensor* gb) {
  extremum_vjp(g, a, b, false, ga, gb);
}
/// fmax, fmin: all to one operand; to `a` where equal or where `b` is nan.
void pick_vjp(const Tensor& g, const Tensor& a, const Tensor& b, bool largest, Tensor* ga, Tensor* gb) {
  const Tensor takes_a =
      compare(Compare::LogicalOr, compare(largest ? Compare::Ge : Compare::Le, a, b), predicate(Predicate::IsNan, b));
  const Tensor zero = zeros_like(g);
  if (ga) *ga = where(takes_a, g, zero);
  if (gb) *gb = where(takes_a, zero, g);
}
void fmax_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&, Tensor* ga, Tensor* gb) {
  pick_vjp(g, a, b, true, ga, gb);
}
void fmin_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&, Tensor* ga, Tensor* gb) {
  pick_vjp(g, a, b, false, ga, gb);
}
/// clamp_min, clamp_max: at the bound all to the tensor.
void clamp_min_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&, Tensor* ga, Tensor* gb) {
  if (ga) *ga = where(compare(Compare::Ge, a, b), g, zeros_like(g));
  if (gb) *gb = where(compare(Compare::Lt, a, b), g, zeros_like(g));
}
void clamp_max_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&, Tensor* ga, Tensor* gb) {
  if (ga) *ga = where(compare(Compare::Le, a, b), g, zeros_like(g));
  if (gb) *gb = where(compare(Compare::Gt, a, b), g, zeros_like(g));
}
void copysign_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor& out, Tensor* ga, Tensor* gb) {
  if (ga) {
    const Tensor ratio = out / a;
    *ga = where(compare(Compare::Eq, a, Scalar(0.0)), zeros_like(g), g * ratio);
  }
  if (gb) *gb = zeros_like(g);
}
void logaddexp_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&, Tensor* ga, Tensor* gb) {
  if (ga) *ga = g * conj(sigmoid(a - b));
  if (gb) *gb = g * conj(sigmoid(b - a));
}
void logaddexp2_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&, Tensor* ga, Tensor* gb) {
  const Scalar ln2(std::numbers::ln2);
  if (ga) *ga = g * sigmoid((a - b) * ln2);
  if (gb) *gb = g * sigmoid((b - a) * ln2);
}
void nextafter_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&, Tensor* ga, Tensor* gb) {
  if (ga) *ga = where(compare(Compare::Eq, a, b), zeros_like(g), g);
  if (gb) *gb = zeros_like(g);
}
void xlog1py_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&, Tensor* ga, Tensor* gb) {
  if (ga) {
    const Tensor none =
        compare(Compare::LogicalAnd, compare(Compare::Eq, a, Scalar(0.0)), compare(Compare::Le, b, Scalar(-1.0)));
    const Tensor d = g * unary(Unary::Log1p, b);
    *ga = where(none, zeros_like(d), d);
  }
  if (gb) *gb = g * a / (b + Scalar(1));
}
extern const BinaryRule kZeta;
void zeta_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&, Tensor* ga, Tensor* gb) {
  if (ga) fail(ErrorKind::NotImplemented, "the derivative for 'zeta' is not implemented.");
  if (gb) *gb = g * neg(a) * binary(kZeta, a + Scalar(1), b);
}
void xlogy_vjp(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&, Tensor* ga, Tensor* gb) {
  if (ga) {
    const Tensor none =
        compare(Compare::LogicalAnd, compare(Compare::Eq, a, Scalar(0.0)), compare(Compare::Le, b, Scalar(0.0)));
    const Tensor d = g * log(b);
    *ga = where(none, zeros_like(d), d);
  }
  if (gb) *gb = g * a / b;
}

Tensor add_number_vjp(const Tensor& g, const Tensor&, const Scalar&, const Tensor&) { return g; }
Tensor mul_number_vjp(const Tensor& g, const Tensor&, const Scalar& b, const Tensor&) {
  return mul(g, b.kind == Scalar::Kind::Complex ? Scalar(cdouble(b.d, -b.im)) : b);
}
Tensor div_number_vjp(const Tensor& g, const Tensor&, const Scalar& b, const Tensor&) {
  return div(g, b.kind == Scalar::Kind::Complex ? Scalar(cdouble(b.d, -b.im)) : b);
}

Tensor zero_number_vjp(const Tensor& g, const Tensor&, const Scalar&, const Tensor&) { return zeros_like(g); }

using R = BinaryRule;
/// The node of an operator that PyTorch refuses to differentiate; it does so in the backward pass.
constexpr const char* kNoDerivative = "torch::autograd::NotImplemented";

}  // namespace

const BinaryRule kAdd{Binary::Add, "add", "AddBackward0", "add_stub", R::Promote, 0, 0, add_vjp, add_number_vjp};
const BinaryRule kSub{Binary::Sub, "sub", "SubBackward0", "sub_stub", R::Promote, 0, 0, sub_vjp, add_number_vjp};
/// What `-` and rsub() make: kSub under other names.
const BinaryRule kRsub{Binary::Sub, "rsub",  "RsubBackward0", "sub_stub", R::Promote,     0,
                       0,           sub_vjp, nullptr,         nullptr,    "RsubBackward1"};
const BinaryRule kMul{Binary::Mul, "mul", "MulBackward0", "mul_cpu", R::Promote, R::B, R::A, mul_vjp, mul_number_vjp};
const BinaryRule kDiv{Binary::Div, "div",       "DivBackward0", "div_cpu",     R::Float,
                      R::B,        R::A | R::B, div_vjp,        div_number_vjp};
const BinaryRule kFloorDivide{Binary::FloorDiv, "floor_divide", kNoDerivative, "div_floor_cpu"};
// div() with rounding_mode=
const BinaryRule kDivMode{Binary::Div, "div",       "DivBackward2", "div_cpu",     R::Float,
                          R::B,        R::A | R::B, div_vjp,        div_number_vjp};
const BinaryRule kDivFloor{Binary::FloorDiv, "div",          "DivBackward2", "div_floor_cpu", R::Promote, 0, 0,
                           zero_vjp,         zero_number_vjp};
const BinaryRule kDivTrunc{Binary::TruncDiv, "div",          "DivBackward2", "div_trunc_cpu", R::Promote, 0, 0,
                           zero_vjp,         zero_number_vjp};
const BinaryRule kRemainder{
    Binary::Remainder, "remainder",   "RemainderBackward1", "remainder_cpu",      R::Promote,          0,
    R::A | R::B,       remainder_vjp, add_number_vjp,       "RemainderBackward0", "RemainderBackward1"};
const BinaryRule kFmod{Binary::Fmod, "fmod",   "FmodBackward1", "fmod_cpu",     R::Promote, 0,
                       R::A | R::B,  fmod_vjp, add_number_vjp,  "FmodBackward0"};
const BinaryRule kPow{Binary::Pow,          "pow",   "PowBackward1", "pow",          R::Promote,    R::A | R::B,
                      R::A | R::B | R::Out, pow_vjp, pow_number_vjp, "PowBackward0", "PowBackward2"};
const BinaryRule kAnd{Binary::BitwiseAnd, "bitwise_and", "", "bitwise_and_cpu"};
const BinaryRule kOr{Binary::BitwiseOr, "bitwise_or", "", "bitwise_or_cpu"};
const BinaryRule kXor{Binary::BitwiseXor, "bitwise_xor", "", "bitwise_xor_cpu"};
const BinaryRule kLeftShift{Binary::LeftShift, "bitwise_left_shift", "", "lshift_cpu"};
const BinaryRule kRightShift{Binary::RightShift, "bitwise_right_shift", "", "rshift_cpu"};

namespace {

Tensor pow_of_two(const Tensor& t) { return binary(kPow, Scalar(2.0), t); }

const BinaryRule kAtan2{Binary::Atan2, "atan2",     "Atan2Backward0", "atan2_cpu",
                        R::Float,      R::A | R::B, R::A | R::B,      atan2_vjp};
const BinaryRule kHypot{Binary::Hypot, "hypot",       "HypotBackward0", "hypot_cpu",
                        R::Promote,    R::A | R::Out, R::B | R::Out,    hypot_vjp};
const BinaryRule kMaximum{Binary::Maximum, "maximum",   "MaximumBackward0", nullptr,
                          R::Promote,      R::A | R::B, R::A | R::B,        maximum_vjp};
const BinaryRule kMinimum{Binary::Minimum, "minimum",   "MinimumBackward0", nullptr,
                          R::Promote,      R::A | R::B, R::A | R::B,        minimum_vjp};
const BinaryRule kClampMin{Binary::Maximum, "clamp_min", "ClampMinBackward1", "maximum_cpu", R::Promote,
                           R::A | R::B,     R::A | R::B, clamp_min_vjp,       nullptr,       "ClampMinBackward0"};
const BinaryRule kClampMax{Binary::Minimum, "clamp_max", "ClampMaxBackward1", "minimum_cpu", R::Promote,
                           R::A | R::B,     R::A | R::B, clamp_max_vjp,       nullptr,       "ClampMaxBackward0"};
const BinaryRule kFmax{Binary::Fmax, "fmax", "FmaxBackward0", nullptr, R::Promote, R::A | R::B, R::A | R::B, fmax_vjp};
const BinaryRule kFmin{Binary::Fmin, "fmin", "FminBackward0", nullptr, R::Promote, R::A | R::B, R::A | R::B, fmin_vjp};
const BinaryRule kCopysign{Binary::Copysign, "copysign", "CopysignBackward0", "copysign_cpu", R::Float,
                           R::A | R::Out,    0,          copysign_vjp,        nullptr,        "CopysignBackward1"};
const BinaryRule kNextafter{Binary::Nextafter, "nextafter", "NextafterBackward0", "nextafter_cpu", R::Promote,
                            R::A | R::B,       0,           nextafter_vjp};
const BinaryRule kLogaddexp{Binary::LogAddExp, "logaddexp", "LogaddexpBackward0", "logaddexp_cpu",
                            R::Float,          R::A | R::B, R::A | R::B,          logaddexp_vjp};
const BinaryRule kLogaddexp2{Binary::LogAddExp2, "logaddexp2", "Logaddexp2Backward0", "logaddexp2_cpu",
                             R::Float,           R::A | R::B,  R::A | R::B,           logaddexp2_vjp};
const BinaryRule kXlogy{Binary::Xlogy, "xlogy",   "XlogyBackward0", "xlogy_cpu",      R::Float,        R::A | R::B,
                        R::A | R::B,   xlogy_vjp, nullptr,          "XlogyBackward2", "XlogyBackward1"};
const BinaryRule kXlog1py{Binary::Xlog1py,
                          "xlog1py",
                          "SpecialXlog1PyBackward0",
                          "xlog1py_cpu",
                          R::Float,
                          R::A | R::B,
                          R::A | R::B,
                          xlog1py_vjp,
                          nullptr,
                          "SpecialXlog1PyBackward2",
                          "SpecialXlog1PyBackward1"};
const BinaryRule kZeta{Binary::Zeta,
                       "zeta",
                       "SpecialZetaBackward0",
                       "zeta_cpu",
                       R::Float,
                       0,
                       R::A | R::B,
                       zeta_vjp,
                       nullptr,
                       "SpecialZetaBackward2",
                       "SpecialZetaBackward1"};
const BinaryRule kHeaviside{Binary::Heaviside, "heaviside", kNoDerivative, "heaviside_cpu"};
/// input * 2^other; the names and the derivative, as it is computed by a product.
void ldexp_vjp(const Tensor& g, const Tensor&, const Tensor& b, const Tensor& out, Tensor* ga, Tensor* gb) {
  if (ga) *ga = g * conj(pow_of_two(b));
  if (gb) *gb = g * conj(out) * Scalar(std::numbers::ln2);
}
const BinaryRule kLdexp{Binary::Mul, "ldexp", "LdexpBackward0", "mul_cpu", R::Float, R::B, R::Out, ldexp_vjp};
const BinaryRule kGcd{Binary::Gcd, "gcd", "", "gcd_cpu"};
const BinaryRule kLcm{Binary::Lcm, "lcm", "", "lcm_cpu"};

// --- nodes
// ----------------------------------------------------------------------------------------------------------------

/// What nodes of these operators show besides tensors: the factor of sums, how quotients are rounded.
void show_rule(const BinaryRule* rule, ValueVisitor& v) {
  if (rule == &kAdd || rule == &kSub || rule == &kRsub) v.number("alpha", 1);
  if (rule == &kDivMode) v.nothing("rounding_mode");
  if (rule == &kDivFloor || rule == &kDivTrunc) v.word("rounding_mode", rule == &kDivFloor ? "floor" : "trunc");
}

struct BinaryNode final : Node {
  const BinaryRule* rule;
  SavedTensor a, b;
  SavedTensor out;

  const char* name() const override { return rule->node; }
  void apply(Tensor* in, Tensor* grads) override {
    const Edge* to = edges();
    const bool for_a = to[0].fn != nullptr, for_b = to[1].fn != nullptr;
    const std::uint8_t want = std::uint8_t((for_a ? rule->save_for_a : 0) | (for_b ? rule->save_for_b : 0));
    const Tensor sa = want & BinaryRule::A ? a.unpack(this) : Tensor();
    const Tensor sb = want & BinaryRule::B ? b.unpack(this) : Tensor();
    const Tensor so = want & BinaryRule::Out ? out.unpack(this) : Tensor();
    rule->vjp(in[0], sa, sb, so, for_a ? &grads[0] : nullptr, for_b ? &grads[1] : nullptr);
  }
  void visit(SavedVisitor& v) override {
    const std::uint8_t kept = rule->save_for_a | rule->save_for_b;
    if (kept & BinaryRule::A) v.tensor("self", a);
    if (kept & BinaryRule::B) v.tensor(rule == &kPow ? "exponent" : "other", b);
    if (kept & BinaryRule::Out) v.tensor("result", out);
  }
  void show(ValueVisitor& v) const override { show_rule(rule, v); }
  void release_saved() override { free_saved(a, b, out); }
};

/// mul and its like, whose output is not needed: smaller by a saved tensor.
struct SmallBinaryNode final : Node {
  const BinaryRule* rule;
  SavedTensor a, b;

  const char* name() const override { return rule->node; }
  void apply(Tensor* in, Tensor* grads) override {
    const Edge* to = edges();
    const bool for_a = to[0].fn != nullptr, for_b = to[1].fn != nullptr;
    const std::uint8_t want = std::uint8_t((for_a ? rule->save_for_a : 0) | (for_b ? rule->save_for_b : 0));
    const Tensor sa = want & BinaryRule::A ? a.unpack(this) : Tensor();
    const Tensor sb = want & BinaryRule::B ? b.unpack(this) : Tensor();
    rule->vjp(in[0], sa, sb, Tensor(), for_a ? &grads[0] : nullptr, for_b ? &grads[1] : nullptr);
  }
  void visit(SavedVisitor& v) override {
    const std::uint8_t kept = rule->save_for_a | rule->save_for_b;
    if (kept & BinaryRule::A) v.tensor("self", a);
    if (kept & BinaryRule::B) v.tensor("other", b);
  }
  void show(ValueVisitor& v) const override { show_rule(rule, v); }
  void release_saved() override { free_saved(a, b); }
};

/// One operand is a number. Small: `x + 1` makes one. What else it knows is in the upper bits of Node's flags.
struct NumberNode : Node {
  const BinaryRule* rule;
  SavedTensor tensor;
  Scalar number;

  /// `result`: the dtype in which the number becomes a tensor.
  void describe(DType result, bool number_first) {
    flags_ = std::uint16_t(flags_ | (number_first ? kNumberFirst : 0) | std::uint16_t(result) << kDTypeShift);
  }
  bool number_first() const { return flags_ & kNumberFirst; }
  const char* own_name() const { return number_first() ? rule->node_first_number : rule->node_second_number; }
  const char* name() const override { return own_name() != nullptr ? own_name() : rule->node; }
  std::uint32_t input_count() const override { return own_name() != nullptr ? 1 : 2; }
  void apply(Tensor* in, Tensor* grads) override {
    const bool first = number_first();
    const std::uint32_t at = first && edge_count() > 1 ? 1 : 0;
    if (!needs(at)) return;
    const Tensor t = saves_tensor() ? tensor.unpack(this) : Tensor();
    if (!first && rule->vjp_number != nullptr) {
      grads[at] = rule->vjp_number(in[0], t, number, Tensor());
      return;
    }
    const std::uint8_t want = first ? rule->save_for_b : rule->save_for_a;
    const auto dtype = DType(flags_ >> kDTypeShift & 15);
    const Tensor n = want & (first ? BinaryRule::A : BinaryRule::B) ? scalar_tensor(number, dtype) : Tensor();
    SavedTensor* out = saved_out();
    const Tensor o = out ? out->unpack(this) : Tensor();
    if (first)
      rule->vjp(in[0], n, t, o, nullptr, &grads[at]);
    else
      rule->vjp(in[0], t, n, o, &grads[at], nullptr);
  }
  bool saves_tensor() const {
    if (number_first()) return rule->save_for_b & BinaryRule::B;
    // Of the derivatives with respect to a tensor beside a number only that of a power needs the tensor.
    if (rule->vjp_number != nullptr) return rule == &kPow && !number.equals(0) && !number.equals(1);
    return rule->save_for_a & BinaryRule::A;
  }
  virtual SavedTensor* saved_out() { return nullptr; }
  void visit(SavedVisitor& v) override {
    if (saves_tensor()) v.tensor(number_first() ? "other" : "self", tensor);
  }
  void show(ValueVisitor& v) const override {
    show_rule(rule, v);
    // Where there is no operator with a number in PyTorch, it saves a tensor. Sums do not ask for it.
    if (own_name() == nullptr || rule == &kAdd || rule == &kSub || rule == &kRsub) return;
    v.number(rule == &kPow && !number_first() ? "exponent"
             : rule == &kClampMin             ? "min"
             : rule == &kClampMax             ? "max"
             : number_first()                 ? "self"
                                              : "other",
             number);
  }
  void release_saved() override { free_saved(tensor); }

 private:
  enum : std::uint16_t { kDTypeShift = 8, kNumberFirst = 0x8000 };
};

struct NumberOutNode final : NumberNode {
  SavedTensor out;
  SavedTensor* saved_out() override { return &out; }
  void visit(SavedVisitor& v) override {
    NumberNode::visit(v);
    v.tensor("result", out);
  }
  void release_saved() override { free_saved(tensor, out); }
};

/// Comparisons in place: what they overwrite has no influence any more.
struct ConstantNode final : Node {
  const char* node;
  const char* name() const override { return node; }
  void apply(Tensor*, Tensor*) override {}
};

static_assert(sizeof(SmallBinaryNode) + 2 * sizeof(Edge) <= 160, "the design's bound on a node");

Scalar negated(const Scalar& s) {
  if (s.kind == Scalar::Kind::Complex) return Scalar(cdouble(-s.d, -s.im));
  return s.is_integral() ? Scalar(-s.i) : Scalar(-s.d);
}

struct AddScaledBackward final : Node {
  Scalar alpha;
  const BinaryRule* rule = nullptr;
  const char* name() const override { return rule->node; }
  void show(ValueVisitor& v) const override { v.number("alpha", rule->op == Binary::Sub ? negated(alpha) : alpha); }
  void apply(Tensor* in, Tensor* grads) override {
    if (needs(0)) grads[0] = in[0];
    if (needs(1)) grads[1] = mul_number_vjp(in[0], Tensor(), alpha, Tensor());
  }
};

/// The operators without a derivative: bits (integers never ask for one), and those whose backward raises.
bool record_no_derivative(const BinaryRule& rule, const Tensor& out, const Tensor& a, const Tensor& b) {
  if (rule.vjp != nullptr) return false;
  if (rule.node != kNoDerivative) return true;
  auto* n = make_node<NotImplementedNode>(b.defined() ? 2 : 1);
  n->what = rule.name;
  connect(n, 0, a);
  if (b.defined()) connect(n, 1, b);
  give_history(out, n);
  return true;
}

/// `alike`: operands and output are known to have the same sizes and dtype.
[[gnu::noinline]] void record_binary(const BinaryRule& rule, const Tensor& out, const Tensor& a, const Tensor& b,
                                     bool alike) {
  if (rule.vjp == nullptr) [[unlikely]] {
    if (recording(a, b)) record_no_derivative(rule, out, a, b);
    return;
  }
  const Edge ea = edge_of(a), eb = edge_of(b);
  if (ea.fn == nullptr && eb.fn == nullptr) return;
  const std::uint8_t want = std::uint8_t((ea.fn ? rule.save_for_a : 0) | (eb.fn ? rule.save_for_b : 0));
  const auto attach = [&](auto* n) {
    n->rule = &rule;
    if (want & BinaryRule::A) n->a.save(a);
    if (want & BinaryRule::B) n->b.save(b);
    if (!alike && (!same(a.sizes(), out.sizes()) || !same(b.sizes(), out.sizes()) || a.dtype() != out.dtype() ||
                   b.dtype() != out.dtype())) {
      note_inputs(n, out, {&a, &b});
    }
    give_history(out, n);
    if constexpr (requires { n->out; }) {
      if ((want & BinaryRule::Out) && !out.is_leaf()) n->out.save_output(out);
    }
  };
  if ((rule.save_for_a | rule.save_for_b) & BinaryRule::Out)
    attach(make_node_on<BinaryNode>(ea, eb));
  else
    attach(make_node_on<SmallBinaryNode>(ea, eb));
}

/// The node of an operator on a tensor and a number; it has saved the tensor (`content`: the same, or a copy of what
/// is about to be changed in place).
NumberNode* number_node(const BinaryRule& rule, const Tensor& t, const Tensor& content, const Scalar& number,
                        DType result, bool number_first) {
  const bool own_name = (number_first ? rule.node_first_number : rule.node_second_number) != nullptr;
  const bool saves_out = number_first ? rule.save_for_b & BinaryRule::Out
                                      : rule.vjp_number == nullptr && (rule.save_for_a & BinaryRule::Out);
  const Edge none{nullptr, 0}, edge = edge_of(t);
  // The second of two edges that lead nowhere is left out: input_count() tells of it.
  const bool after_number = number_first && !own_name;
  NumberNode* n = saves_out      ? make_node_on<NumberOutNode>(edge)
                  : after_number ? make_node_on<NumberNode>(none, edge)
                                 : make_node_on<NumberNode>(edge);
  n->rule = &rule;
  n->number = number;
  n->describe(result, number_first);
  if (n->saves_tensor()) n->tensor.save(content);
  return n;
}

void record_number(const BinaryRule& rule, const Tensor& out, const Tensor& t, const Scalar& number,
                   bool number_first) {
  if (record_no_derivative(rule, out, t, Tensor())) return;
  NumberNode* n = number_node(rule, t, t, number, out.dtype(), number_first);
  if (t.dtype() != out.dtype()) {
    if (n->edge_count() == 1)
      note_inputs(n, out, {&t});
    else
      note_inputs(n, out, {&t, &t});
  }
  SavedTensor* saved = n->saved_out();
  give_history(out, n);
  if (saved != nullptr && !out.is_leaf()) saved->save_output(out);
}

// --- forward
// --------------------------------------------------------------------------------------------------------------------

DType finish_type(const BinaryRule& rule, DType common) {
  return rule.result == BinaryRule::Float && is_integral(common, true) ? default_dtype() : common;
}

/// Runs the kernel; integer division tells of a zero divisor through its parameter.
void run_binary(Loop loop, const Operand& out, const Operand& a, const Operand& b) {
  bool zero_division = false;
  run_loop(loop, &zero_division, out, {a, b});
  if (zero_division) fail_runtime("ZeroDivisionError");
}

/// Runs the kernel on `a` itself. An integer division, which may fail, works on a copy: after an error `a` is as it
/// was.
void run_inplace(const BinaryRule& rule, Loop loop, const Tensor& a, DType compute, const Operand& b) {
  const bool divides = rule.op == Binary::FloorDiv || rule.op == Binary::TruncDiv || rule.op == Binary::Remainder ||
                       rule.op == Binary::Fmod;
  if (!divides || !is_integral(compute, true)) return run_binary(loop, Operand(a, compute), Operand(a, compute), b);
  const Tensor out = empty_like(a, a.dtype());
  run_binary(loop, Operand(out, compute), Operand(a, compute), b);
  copy_into(a, out);
}

void check_bool_sub(const BinaryRule& rule, DType a, bool b_is_bool) {
  if (rule.op != Binary::Sub || (a != DType::Bool && !b_is_bool)) return;
  if (a == DType::Bool && b_is_bool) {
    fail_runtime(
        "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
        "operator instead.");
  }
  fail_runtime(
      "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the "
      "`~` or "
      "`logical_not()` operator instead.");
}

[[gnu::noinline]] Tensor forward(const BinaryRule& rule, const Tensor& a, const Tensor& b) {
  const DType common = a.dtype() == b.dtype() ? a.dtype() : result_type(a, b);
  if (common == DType::Bool || a.dtype() == DType::Bool || b.dtype() == DType::Bool)
    check_bool_sub(rule, a.dtype(), b.dtype() == DType::Bool);
  const DType d = finish_type(rule, common);
  const DType c = compute_type(d);
  const Loop loop = loop_of(rule, d);
  if (d == common && alike(a, b)) {
    Tensor out = empty_same(a, d);
    bool zero_division = false;
    run_alike(loop, out, a, b, &zero_division);
    if (zero_division) fail_runtime("ZeroDivisionError");
    return out;
  }
  Tensor out = pointwise_output({&a, &b}, d);
  run_binary(loop, Operand(out, c), Operand(a, c), Operand(b, c));
  return out;
}

DType number_type(const BinaryRule& rule, const Tensor& a, const Scalar& b) {
  const DType common = is_floating(a.dtype()) && b.kind != Scalar::Kind::Complex ? a.dtype() : result_type(a, b);
  return finish_type(rule, common);
}

/// A power of bools exists where it is a copy or all ones: no kernel computes it.
Tensor bool_power(const Tensor& a, const Scalar& b, bool number_first) {
  if (number_first) fail_unsupported("pow", DType::Bool);
  if (b.i != 0) return to_contiguous(a, DType::Bool);
  Tensor out = pointwise_output({&a}, DType::Bool);
  fill(out, true);
  return out;
}

Tensor forward(const BinaryRule& rule, const Tensor& a, const Scalar& b, bool number_first) {
  if (a.dtype() == DType::Bool || b.kind == Scalar::Kind::Bool)
    check_bool_sub(rule, a.dtype(), b.kind == Scalar::Kind::Bool);
  const DType d = number_type(rule, a, b);
  if (d == DType::Bool && rule.op == Binary::Pow) return bool_power(a, b, number_first);
  const DType c = compute_type(d);
  const Loop loop = loop_of(rule, d);
  alignas(16) char number[16];
  b.store(number, c);
  if (a.dtype() == c && a.is_contiguous() && a.numel() < kGrain) {
    Tensor out = empty_same(a, d);
    const std::int64_t size = out.itemsize();
    char* const data[3] = {out.data(), number_first ? number : a.data(), number_first ? a.data() : number};
    const std::int64_t strides[3] = {size, number_first ? 0 : size, number_first ? size : 0};
    bool zero_division = false;
    if (out.numel() > 0) loop(data, strides, out.numel(), &zero_division);
    if (zero_division) fail_runtime("ZeroDivisionError");
    return out;
  }
  // The power of a number is contiguous, in PyTorch.
  Tensor out = number_first && rule.op == Binary::Pow ? empty(a.sizes(), d) : pointwise_output({&a}, d);
  const Operand tensor(a, c), constant(number, c);
  run_binary(loop, Operand(out, c), number_first ? constant : tensor, number_first ? tensor : constant);
  return out;
}

}  // namespace

void fail_unsupported(const char* kernel, DType d) {
  fail(ErrorKind::NotImplemented, "\"", kernel, "\" not implemented for '", scalar_type_name(d), "'");
}

Tensor binary(const BinaryRule& rule, const Tensor& a, const Tensor& b) {
  if (is_differentiable(a.dtype()) && alike(a, b)) [[likely]] {
    const Loop loop = loop_of(rule, a.dtype());
    Tensor out = empty_same(a, a.dtype());
    run_alike(loop, out, a, b);
    if (may_record(a, b)) record_binary(rule, out, a, b, true);
    return out;
  }
  Tensor out = forward(rule, a, b);
  if (may_record(a, b)) record_binary(rule, out, a, b, false);
  return out;
}

Tensor scaled(const BinaryRule& rule, const Tensor& g, const Tensor& b) {
  if (modes.grad || !exclusive(g)) return binary(rule, g, b);
  if (alike(g, b)) [[likely]] {
    run_alike(loop_of(rule, g.dtype()), g, g, b);
    return g;
  }
  if (g.dtype() != b.dtype() || !g.is_contiguous() || !b.is_contiguous() || !same(g.sizes(), b.sizes()))
    return binary(rule, g, b);
  const DType c = compute_type(g.dtype());
  run_loop(loop_of(rule, g.dtype()), nullptr, Operand(g, c), {Operand(g, c), Operand(b, c)});
  return g;
}

Tensor binary(const BinaryRule& rule, const Tensor& a, const Scalar& b) {
  Tensor out = forward(rule, a, b, false);
  if (recording(a)) record_number(rule, out, a, b, false);
  return out;
}

Tensor binary(const BinaryRule& rule, const Scalar& a, const Tensor& b) {
  Tensor out = forward(rule, b, a, true);
  if (recording(b)) record_number(rule, out, b, a, true);
  return out;
}

void check_inplace_result(const Tensor& self, DType result, Dims shape) {
  if (!can_cast(result, self.dtype())) {
    fail_runtime("result type ", scalar_type_name(result), " can't be cast to the desired output type ",
                 scalar_type_name(self.dtype()));
  }
  if (!same(shape, self.sizes())) {
    fail_runtime("output with shape ", str(self.sizes()), " doesn't match the broadcast shape ", str(shape));
  }
  check_no_overlap(self);
}

void binary_inplace(const BinaryRule& rule, const Tensor& a, const Tensor& b) {
  const bool record = recording(a, b);
  check_inplace(a, record);
  if (!record && is_differentiable(a.dtype()) && alike(a, b) && (a->storage != b->storage || a.is(b))) [[likely]] {
    run_alike(loop_of(rule, a.dtype()), a, a, b);
    finish_inplace(a, nullptr);
    return;
  }
  check_no_partial_overlap(a, b);
  const DType common = result_type(a, b);
  check_bool_sub(rule, a.dtype(), b.dtype() == DType::Bool);
  const DType d = finish_type(rule, common);
  check_inplace_result(a, d, same(a.sizes(), b.sizes()) ? DimVec(a.sizes()) : broadcast_shapes(a.sizes(), b.sizes()));
  const Loop loop = loop_of(rule, d);
  const DType c = compute_type(d);
  const Tensor other = overlap_safe(b, a);
  if (record && is_differentiable(a.dtype())) {
    // The rule may need the old content, which is about to go: it saves a copy.
    const std::uint8_t want = std::uint8_t((tracked(a) ? rule.save_for_a : 0) | (tracked(b) ? rule.save_for_b : 0));
    if (rule.vjp == nullptr) {
      auto* n = make_node<NotImplementedNode>(2);
      NodeRef keep = NodeRef::steal(n);
      n->what = rule.name;
      connect(n, 0, a);
      connect(n, 1, b);
      run_inplace(rule, loop, a, c, Operand(other, c));
      finish_inplace(a, n);
      return;
    }
    const Tensor old = want & BinaryRule::A ? clone(a) : a;
    auto* n = make_node<BinaryNode>(2);
    NodeRef keep = NodeRef::steal(n);
    n->rule = &rule;
    connect(n, 0, a);
    connect(n, 1, b);
    if (want & BinaryRule::A) {
      n->a.save(old);
    }
    if (want & BinaryRule::B) n->b.save(b);
    note_inputs(n, a, {&a, &b});
    run_binary(loop, Operand(a, c), Operand(a, c), Operand(other, c));
    finish_inplace(a, n);
    if (want & BinaryRule::Out) n->out.save_output(a);
    return;
  }
  run_inplace(rule, loop, a, c, Operand(other, c));
  finish_inplace(a, nullptr);
}

void binary_inplace(const BinaryRule& rule, const Tensor& a, const Scalar& b) {
  const bool record = recording(a);
  check_inplace(a, record);
  check_bool_sub(rule, a.dtype(), b.kind == Scalar::Kind::Bool);
  const DType d = number_type(rule, a, b);
  check_inplace_result(a, d, a.sizes());
  if (d == DType::Bool && rule.op == Binary::Pow) {
    copy_into(a, bool_power(a, b, false));
    finish_inplace(a, nullptr);
    return;
  }
  const Loop loop = loop_of(rule, d);
  const DType c = compute_type(d);
  alignas(16) char number[16];
  b.store(number, c);
  NodeRef node;
  NumberNode* n = nullptr;
  if (record && rule.vjp == nullptr) {
    auto* none = make_node<NotImplementedNode>(1);
    node = NodeRef::steal(none);
    none->what = rule.name;
    connect(none, 0, a);
  } else if (record) {
    n = number_node(rule, a, a, b, d, false);
    node = NodeRef::steal(n);
    if (n->saves_tensor()) n->tensor.save(clone(a));
  }
  run_inplace(rule, loop, a, c, Operand(number, c));
  finish_inplace(a, node.get());
  if (n != nullptr && n->saved_out() != nullptr) n->saved_out()->save_output(a);
}

void finish_constant(const Tensor& t, const char* node) {
  NodeRef keep;
  if (recording(t)) {
    auto* n = make_node<ConstantNode>(1);
    keep = NodeRef::steal(n);
    n->node = node;
    connect(n, 0, t);
  }
  finish_inplace(t, keep.get());
}

bool accumulate_small(const Tensor& a, const Tensor& b) {
  if (!alike(a, b)) [[unlikely]]
    return false;
  run_alike(loop_of(kAdd, a.dtype()), a, a, b);
  return true;
}

void accumulate(const Tensor& a, const Tensor& b) {
  if (accumulate_small(a, b)) return;
  const DType c = compute_type(a.dtype());
  const Loop loop = loop_of(kAdd, a.dtype());
  KeepGil keep;
  run_loop(loop, nullptr, Operand(a, c), {Operand(a, c), Operand(overlap_safe(b, a), c)});
}

void divide(const Tensor& a, double b) {
  const Loop loop = loop_of(kDiv, a.dtype());
  alignas(16) char number[16];
  Scalar(b).store(number, a.dtype());
  if (a.is_contiguous() && a.numel() < kGrain) {
    char* const data[3] = {a.data(), a.data(), number};
    const std::int64_t size = a.itemsize(), strides[3] = {size, size, 0};
    if (a.numel() > 0) loop(data, strides, a.numel(), nullptr);
    return;
  }
  run_loop(loop, nullptr, Operand(a, a.dtype()), {Operand(a, a.dtype()), Operand(number, a.dtype())});
}

Tensor add(const Tensor& a, const Tensor& b) { return binary(kAdd, a, b); }
Tensor add(const Tensor& a, const Scalar& b) { return binary(kAdd, a, b); }
Tensor sub(const Tensor& a, const Tensor& b) { return binary(kSub, a, b); }
Tensor sub(const Tensor& a, const Scalar& b) { return binary(kSub, a, b); }
Tensor rsub(const Tensor& a, const Scalar& b) { return binary(kRsub, b, a); }
Tensor mul(const Tensor& a, const Tensor& b) { return binary(kMul, a, b); }
Tensor mul(const Tensor& a, const Scalar& b) { return binary(kMul, a, b); }
Tensor div(const Tensor& a, const Tensor& b) { return binary(kDiv, a, b); }
Tensor div(const Tensor& a, const Scalar& b) { return binary(kDiv, a, b); }
Tensor rdiv(const Tensor& a, const Scalar& b) { return mul(reciprocal(a), b); }
Tensor pow(const Tensor& a, const Tensor& b) { return binary(kPow, a, b); }
Tensor pow(const Tensor& a, const Scalar& b) {
  if (is_integral(a.dtype(), true) && b.kind <= Scalar::Kind::Int && b.i < 0)
    fail_runtime("Integers to negative integer powers are not allowed.");
  return binary(kPow, a, b);
}
Tensor maximum(const Tensor& a, const Tensor& b) { return binary(kMaximum, a, b); }
Tensor minimum(const Tensor& a, const Tensor& b) { return binary(kMinimum, a, b); }
Tensor& add_(Tensor& a, const Tensor& b) {
  binary_inplace(kAdd, a, b);
  return a;
}
Tensor& mul_(Tensor& a, const Tensor& b) {
  binary_inplace(kMul, a, b);
  return a;
}

// --- comparison
// --------------------------------------------------------------------------------------------------------------------

namespace {

constexpr const char* kCompareNames[] = {"eq", "ne",          "lt",         "le",         "gt",
                                         "ge", "logical_and", "logical_or", "logical_xor"};

Loop compare_loop(Compare op, DType d) {
  const Loop loop = kernels->pointwise.compare[int(op)][int(compute_type(d))];
  if (loop == nullptr) fail_unsupported(rl::cat("compare_", kCompareNames[int(op)]).c_str(), d);
  return loop;
}

}  // namespace

Tensor compare(Compare op, const Tensor& a, const Tensor& b) {
  const DType d = result_type(a, b);
  const DType c = compute_type(d);
  const Loop loop = compare_loop(op, d);
  Tensor out = pointwise_output({&a, &b}, DType::Bool);
  run_loop(loop, nullptr, Operand(out, DType::Bool), {Operand(a, c), Operand(b, c)});
  return out;
}

Tensor compare(Compare op, const Tensor& a, const Scalar& b) {
  const DType d = result_type(a, b);
  const DType c = compute_type(d);
  const Loop loop = compare_loop(op, d);
  alignas(16) char number[16];
  b.store(number, c);
  Tensor out = pointwise_output({&a}, DType::Bool);
  run_loop(loop, nullptr, Operand(out, DType::Bool), {Operand(a, c), Operand(number, c)});
  return out;
}

// --- as Python calls them
// -------------------------------------------------------------------------------------------------------------

namespace {

const BinaryRule& rule_of(const OpDef& def) { return *static_cast<const BinaryRule*>(def.data); }

/// (input, other, *, out): either may be a number, but not both.
PyObject* binary_op(const OpDef& def, Args& a) {
  const BinaryRule& rule = rule_of(def);
  const bool ta = a.is_tensor(0), tb = a.is_tensor(1);
  if (!ta && !tb)
    fail_type(def.name, "(): argument 'input' (position 1) must be Tensor, not ", Py_TYPE(a.v[0])->tp_name);
  if (!ta) {
    const Tensor b = a.tensor(1);
    return give(a, 2, binary(rule, a.scalar(0), b), def.name, tracked(b));
  }
  const Tensor self = a.tensor(0);
  if (tb) {
    const Tensor other = a.tensor(1);
    return give(a, 2, binary(rule, self, other), def.name, tracked(self) || tracked(other));
  }
  if (&rule == &kPow) return give(a, 2, pow(self, a.scalar(1)), def.name, tracked(self));
  return give(a, 2, binary(rule, self, a.scalar(1)), def.name, tracked(self));
}

PyObject* binary_op_(const OpDef& def, Args& a) {
  const BinaryRule& rule = rule_of(def);
  Tensor self = a.tensor(0);
  if (a.is_tensor(1))
    binary_inplace(rule, self, a.tensor(1));
  else
    binary_inplace(rule, self, a.scalar(1));
  return self.release();
}

/// input + alpha * other
Tensor add_scaled(const BinaryRule& rule, const Tensor& a, const Tensor& b, Scalar alpha) {
  if (alpha.kind != Scalar::Kind::Bool && alpha.equals(1)) return binary(rule, a, b);
  const DType d = result_type(a, b);
  if (alpha.kind == Scalar::Kind::Bool && d != DType::Bool)
    fail_runtime("Boolean alpha only supported for Boolean results.");
  if (is_integral(d, true) && !alpha.is_integral())
    fail_runtime("For integral input tensors, argument alpha must not be a floating point number.");
  if (!is_complex(d) && alpha.kind == Scalar::Kind::Complex)
    fail_runtime("For non-complex input tensors, argument alpha must not be a complex number.");
  if (rule.op == Binary::Sub) {
    check_bool_sub(rule, a.dtype(), b.dtype() == DType::Bool);
    alpha = negated(alpha);
  }
  const DType c = compute_type(d);
  const Loop loop = kernels->pointwise.binary_param[int(BinaryParam::AddScaled)][int(c)];
  if (loop == nullptr) fail_unsupported("add_stub", d);
  Tensor out = pointwise_output({&a, &b}, d);
  const double params[2] = {alpha.real(), alpha.im};
  run_loop(loop, params, Operand(out, c), {Operand(a, c), Operand(b, c)});
  if (recording(a, b)) {
    auto* n = record<AddScaledBackward>(out, a, b);
    n->alpha = alpha;
    n->rule = &rule;
    note_inputs(n, out, {&a, &b});
  }
  return out;
}

/// add and sub: (input, other, *, alpha, out)
PyObject* add_op(const OpDef& def, Args& a) {
  const BinaryRule& rule = rule_of(def);
  if (!a.has(2) || a.scalar(2).equals(1)) {
    a.v[2] = a.v[3];
    return binary_op(def, a);
  }
  const Scalar alpha = a.scalar(2);
  if (!a.is_tensor(0) && !a.is_tensor(1))
    fail_type(def.name, "(): argument 'input' (position 1) must be Tensor, not ", Py_TYPE(a.v[0])->tp_name);
  Tensor self = a.is_tensor(0) ? a.tensor(0) : Tensor(), other = a.is_tensor(1) ? a.tensor(1) : Tensor();
  if (!other.defined()) other = scalar_tensor(a.scalar(1), number_type(rule, self, a.scalar(1)));
  if (!self.defined()) self = scalar_tensor(a.scalar(0), number_type(rule, other, a.scalar(0)));
  return give(a, 3, add_scaled(rule, self, other, alpha), def.name, tracked(self) || tracked(other));
}

PyObject* add_op_(const OpDef& def, Args& a) {
  const BinaryRule& rule = rule_of(def);
  if (!a.has(2) || a.scalar(2).equals(1)) return binary_op_(def, a);
  Tensor self = a.tensor(0);
  const Scalar alpha = a.scalar(2);
  if (a.is_tensor(1)) {
    const Tensor other = a.tensor(1);
    if (is_integral(self.dtype(), true) && !alpha.is_integral())
      fail_runtime("For integral input tensors, argument alpha must not be a floating point number.");
    binary_inplace(rule, self, mul(other, alpha));
  } else {
    binary_inplace(rule, self, mul(scalar_tensor(a.scalar(1), number_type(rule, self, a.scalar(1))), alpha));
  }
  return self.release();
}

/// (input, other, *, out)
PyObject* ldexp_op(const OpDef& def, Args& a) {
  const Tensor x = a.tensor(0), y = a.tensor(1);
  const auto compute = [&] {
    GradMode off(false);
    const Tensor factor = pow_of_two(y);
    const DType d = result_type(x, factor), c = compute_type(d);
    Tensor out = pointwise_output({&x, &factor}, d);
    run_binary(loop_of(kLdexp, d), Operand(out, c), Operand(x, c), Operand(factor, c));
    return out;
  };
  if (def.name[5] == '_') {
    binary_inplace(kMul, x, pow_of_two(y));
    return Tensor(x).release();
  }
  Tensor out = compute();
  if (recording(x, y)) record_binary(kLdexp, out, x, y, false);
  return give(a, 2, std::move(out), def.name, tracked(x) || tracked(y));
}

/// The power in double precision: (input, exponent, *, out), either may be a number
PyObject* float_power_op(const OpDef& def, Args& a) {
  bool complex = false;
  for (int i = 0; i < 2; ++i)
    complex |= a.is_tensor(i) ? is_complex(a.tensor(i).dtype()) : a.scalar(i).kind == Scalar::Kind::Complex;
  const DType d = complex ? DType::CDouble : DType::Double;
  const bool in_place = std::string_view(def.name).back() == '_';
  const Tensor into = in_place ? a.tensor(0) : a.tensor(2);
  if (into.defined() && into.dtype() != d) {
    fail_runtime("the ", in_place ? "base" : "output", " given to ", def.name, " has dtype ",
                 scalar_type_name(into.dtype()), " but the operation's result requires dtype ", scalar_type_name(d));
  }
  if (in_place) {
    if (a.is_tensor(1))
      binary_inplace(kPow, into, to(a.tensor(1), d));
    else
      binary_inplace(kPow, into, a.scalar(1));
    return Tensor(into).release();
  }
  const Tensor x = a.is_tensor(0) ? to(a.tensor(0), d) : Tensor(), y = a.is_tensor(1) ? to(a.tensor(1), d) : Tensor();
  Tensor out = !x.defined()  ? binary(kPow, a.scalar(0), y)
               : y.defined() ? binary(kPow, x, y)
                             : binary(kPow, x, a.scalar(1));
  return give(a, 2, std::move(out), def.name, tracked(x) || tracked(y));
}

/// (input, values, *, out): all of one dtype
PyObject* heaviside_op(const OpDef& def, Args& a) {
  const Tensor x = a.tensor(0), values = a.tensor(1), out = a.tensor(2);
  if (is_complex(x.dtype()) || is_complex(values.dtype()) || (out.defined() && is_complex(out.dtype())))
    fail_runtime("heaviside is not yet implemented for complex tensors.");
  if (x.dtype() != values.dtype() || (out.defined() && out.dtype() != x.dtype()))
    fail_runtime("heaviside is not yet implemented for tensors with different dtypes.");
  return def.name[9] == '_' ? binary_op_(def, a) : binary_op(def, a);
}

const BinaryRule& rounding(Args& a, int slot) {
  if (a.v[slot] == nullptr) return kDiv;
  if (!a.has(slot)) return kDivMode;
  const std::string mode = a.string(slot);
  if (mode == "floor") return kDivFloor;
  if (mode == "trunc") return kDivTrunc;
  fail_runtime("div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '", mode, "'");
}

/// div: (input, other, *, rounding_mode, out)
PyObject* div_op(const OpDef& def, Args& a) {
  OpDef with = def;
  with.data = &rounding(a, 2);
  a.v[2] = a.v[3];
  return binary_op(with, a);
}
PyObject* div_op_(const OpDef& def, Args& a) {
  OpDef with = def;
  with.data = &rounding(a, 2);
  return binary_op_(with, a);
}

/// rsub: other - alpha * input
PyObject* rsub_op(const OpDef&, Args& a) {
  const Tensor self = a.tensor(0);
  const Scalar alpha = a.scalar(2, 1);
  if (alpha.kind != Scalar::Kind::Bool && alpha.equals(1))
    return (a.is_tensor(1) ? binary(kRsub, a.tensor(1), self) : rsub(self, a.scalar(1))).release();
  const Tensor other = a.is_tensor(1) ? a.tensor(1) : scalar_tensor(a.scalar(1), number_type(kRsub, self, a.scalar(1)));
  return add_scaled(kRsub, other, self, alpha).release();
}

/// |a - b| <= atol + rtol * |b|, or equal: (input, other, rtol, atol, equal_nan)
Tensor is_close(Args& a) {
  Tensor x = a.tensor(0), y = a.tensor(1);
  const double rtol = a.real(2, 1e-5), atol = a.real(3, 1e-8);
  if (x.dtype() != y.dtype()) fail_runtime(scalar_type_name(x.dtype()), " did not match ", scalar_type_name(y.dtype()));
  if (!(rtol >= 0)) fail_runtime("rtol must be greater than or equal to zero, but got ", rtol);
  if (!(atol >= 0)) fail_runtime("atol must be greater than or equal to zero, but got ", atol);
  GradMode off(false);
  Tensor close = compare(Compare::Eq, x, y);
  if (is_differentiable(x.dtype())) {
    if (a.boolean(4)) {
      close = compare(Compare::LogicalOr, close,
                      compare(Compare::LogicalAnd, predicate(Predicate::IsNan, x), predicate(Predicate::IsNan, y)));
    }
  } else if (rtol == 0 && atol == 0) {
    return close;
  } else {
    x = to(x, default_dtype()), y = to(y, default_dtype());
  }
  const Tensor allowed = add(abs(y * Scalar(rtol)), Scalar(atol)), error = abs(x - y);
  const Tensor near =
      compare(Compare::LogicalAnd, predicate(Predicate::IsFinite, error), compare(Compare::Le, error, allowed));
  return compare(Compare::LogicalOr, close, near);
}
PyObject* isclose_op(const OpDef&, Args& a) { return is_close(a).release(); }
PyObject* allclose_op(const OpDef&, Args& a) {
  const Tensor close = contiguous_as(is_close(a), DType::Bool);
  const auto* flags = reinterpret_cast<const bool*>(close.data());
  return PyBool_FromLong(std::all_of(flags, flags + close.numel(), [](bool b) { return b; }));
}

Compare compare_of(const OpDef& def) { return Compare(int(reinterpret_cast<std::intptr_t>(def.data))); }
Tensor compared(const OpDef& def, Args& a) {
  const Compare op = compare_of(def);
  if (a.is_tensor(1)) return compare(op, a.tensor(0), a.tensor(1));
  return compare(op, a.tensor(0), a.scalar(1));
}
PyObject* compare_op(const OpDef& def, Args& a) {
  if (!a.has(2)) return compared(def, a).release();
  Tensor result = compared(def, a);
  return give(a, 2, a.tensor(2).dtype() == DType::Bool ? result : to_contiguous(result, a.tensor(2).dtype()), def.name,
              false);
}
constexpr const char* kCompareNodes[] = {"EqBackward0",         "NeBackward0",        "LtBackward0",
                                         "LeBackward0",         "GtBackward0",        "GeBackward0",
                                         "LogicalAndBackward0", "LogicalOrBackward0", "LogicalXorBackward0"};
PyObject* compare_op_(const OpDef& def, Args& a) {
  Tensor self = a.tensor(0);
  check_inplace(self, recording(self));
  const Tensor result = compared(def, a);
  check_inplace_result(self, DType::Bool, result.sizes());
  copy_into(self, result);
  finish_constant(self, kCompareNodes[int(compare_of(def))]);
  return self.release();
}

// Which operands may be numbers. Overloads rather than one `Operand` where PyTorch's message lists overloads.
constexpr const char* kTensorsSig = "(Tensor input, Tensor other, *, Tensor? out=None)";
constexpr const char* kTensorsSig_ = "(Tensor self, Tensor other)";
constexpr const char* kSecondSig =
    "(Tensor input, Tensor other, *, Tensor? out=None)\n"
    "(Tensor input, Number other, *, Tensor? out=None)";
constexpr const char* kSecondSig_ = "(Tensor self, Tensor other)\n(Tensor self, Number other)";
constexpr const char* kEitherSig =
    "(Tensor input, Tensor other, *, Tensor? out=None)\n"
    "(Tensor input, Number other, *, Tensor? out=None)\n"
    "(Number self, Tensor other, *, Tensor? out=None)";
constexpr const char* kPowSig =
    "(Tensor input, Tensor exponent, *, Tensor? out=None)\n"
    "(Tensor input, Number exponent, *, Tensor? out=None)\n"
    "(Number self, Tensor exponent, *, Tensor? out=None)";
constexpr const char* kEitherSig_ = kSecondSig_;
constexpr const char* kPowSig_ = "(Tensor self, Tensor exponent)\n(Tensor self, Number exponent)";
constexpr const char* kOperandsSig = "(Operand input, Operand other, *, Tensor? out=None)";
constexpr const char* kOperandsSig_ = "(Tensor self, Operand other)";
constexpr const char* kAddSig = "(Operand input, Operand other, *, Number alpha=1, Tensor? out=None)";
constexpr const char* kAddSig_ = "(Tensor self, Operand other, *, Number alpha=1)";
constexpr const char* kDivSig = "(Operand input, Operand other, *, str? rounding_mode=None, Tensor? out=None)";
constexpr const char* kDivSig_ = "(Tensor self, Operand other, *, str? rounding_mode=None)";

constexpr const char* kCloseSig =
    "(Tensor input, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False)";

#define RL_BINARY_OP(name, signature, rule, doc)                                          \
  {name, signature, binary_op, kBoth, Kind::Pointwise, doc, &rule}, {                     \
    name "_", signature##_, binary_op_, kMethod, Kind::Pointwise, doc " In place.", &rule \
  }
#define RL_COMPARE_OP(name, signature, op, doc)                                       \
  {name,                                                                              \
   signature,                                                                         \
   compare_op,                                                                        \
   kBoth,                                                                             \
   Kind::Comparison,                                                                  \
   doc,                                                                               \
   reinterpret_cast<const void*>(std::intptr_t(Compare::op))},                        \
  {                                                                                   \
    name "_", signature##_, compare_op_, kMethod, Kind::Comparison, doc " In place.", \
        reinterpret_cast<const void*>(std::intptr_t(Compare::op))                     \
  }

const OpDef ops[] = {
    {"add", kAddSig, add_op, kBoth, Kind::Linear,
     "input + alpha * other, elementwise with broadcasting; the common dtype.", &kAdd},
    {"add_", kAddSig_, add_op_, kMethod, Kind::Linear, "In-place add.", &kAdd},
    {"sub", kAddSig, add_op, kBoth, Kind::Linear,
     "input - alpha * other, elementwise with broadcasting; the common dtype.", &kSub},
    {"sub_", kAddSig_, add_op_, kMethod, Kind::Linear, "In-place sub.", &kSub},
    {"subtract", kAddSig, add_op, kBoth, Kind::Linear, "Alias of sub.", &kSub},
    {"subtract_", kAddSig_, add_op_, kMethod, Kind::Linear, "In-place sub.", &kSub},
    {"rsub",
     "(Tensor input, Tensor other, *, Number alpha=1)\n"
     "(Tensor input, Number other, *, Number alpha=1)",
     rsub_op, kBoth, Kind::Linear, "other - alpha * input."},
    RL_BINARY_OP("mul", kOperandsSig, kMul, "input * other, elementwise with broadcasting."),
    RL_BINARY_OP("multiply", kOperandsSig, kMul, "Alias of mul."),
    {"div", kDivSig, div_op, kBoth, Kind::Pointwise,
     "input / other; rounding_mode None (true division), 'trunc' or 'floor'."},
    {"div_", kDivSig_, div_op_, kMethod, Kind::Pointwise, "In-place div."},
    {"divide", kDivSig, div_op, kBoth, Kind::Pointwise, "Alias of div."},
    {"divide_", kDivSig_, div_op_, kMethod, Kind::Pointwise, "In-place div."},
    RL_BINARY_OP("true_divide", kOperandsSig, kDiv, "input / other; integers give the default float dtype."),
    RL_BINARY_OP("floor_divide", kOperandsSig, kFloorDivide, "floor(input / other)."),
    RL_BINARY_OP("remainder", kEitherSig, kRemainder,
                 "input - other * floor(input / other): the sign of the divisor, as Python's %."),
    RL_BINARY_OP("fmod", kSecondSig, kFmod,
                 "input - other * trunc(input / other): the sign of the dividend, as C's fmod."),
    RL_BINARY_OP("pow", kPowSig, kPow, "input to the power of other."),
    RL_BINARY_OP("atan2", kTensorsSig, kAtan2, "The angle of the point (other, input) in radians, in (-pi, pi]."),
    RL_BINARY_OP("arctan2", kTensorsSig, kAtan2, "Alias of atan2."),
    RL_BINARY_OP("hypot", kTensorsSig, kHypot, "sqrt(input^2 + other^2) without overflow."),
    RL_BINARY_OP("copysign", kSecondSig, kCopysign, "The magnitude of input with the sign of other."),
    RL_BINARY_OP("nextafter", kTensorsSig, kNextafter, "The next floating-point number after input towards other."),
    RL_BINARY_OP("xlogy", kEitherSig, kXlogy, "input * log(other), 0 where input is 0 (nan where other is)."),
    {"special_xlog1py", kEitherSig, binary_op, kFunction, Kind::Pointwise,
     "input * log(1 + other), 0 where input is 0 (nan where other is).", &kXlog1py},
    {"special_zeta", kEitherSig, binary_op, kFunction, Kind::Pointwise,
     "Hurwitz' zeta function: the sum of (k + other)^-input over k = 0, 1, ...", &kZeta},
    {"heaviside", "(Tensor input, Tensor values, *, Tensor? out=None)", heaviside_op, kBoth, Kind::Pointwise,
     "0 below zero, 1 above, `values` at zero.", &kHeaviside},
    {"heaviside_", "(Tensor self, Tensor values)", heaviside_op, kMethod, Kind::Pointwise, "In-place heaviside.",
     &kHeaviside},
    {"ldexp", kTensorsSig, ldexp_op, kBoth, Kind::Pointwise, "input * 2^other."},
    {"ldexp_", kTensorsSig_, ldexp_op, kBoth, Kind::Pointwise, "In-place ldexp."},
    {"float_power", kPowSig, float_power_op, kBoth, Kind::Pointwise,
     "The power in double precision, complex if an operand is."},
    {"float_power_", kPowSig_, float_power_op, kMethod, Kind::Pointwise, "In-place float_power."},
    RL_BINARY_OP("gcd", kTensorsSig, kGcd, "The greatest common divisor of integers."),
    RL_BINARY_OP("lcm", kTensorsSig, kLcm, "The least common multiple of integers."),
    RL_BINARY_OP("bitwise_and", kEitherSig, kAnd, "input & other, on integers and bools."),
    RL_BINARY_OP("bitwise_or", kEitherSig, kOr, "input | other, on integers and bools."),
    RL_BINARY_OP("bitwise_xor", kEitherSig, kXor, "input ^ other, on integers and bools."),
    RL_BINARY_OP("bitwise_left_shift", kEitherSig, kLeftShift, "input << other."),
    RL_BINARY_OP("bitwise_right_shift", kEitherSig, kRightShift, "input >> other, arithmetic."),
    {"maximum", kTensorsSig, binary_op, kBoth, Kind::Pointwise, "The larger element; nan if either is.", &kMaximum},
    {"minimum", kTensorsSig, binary_op, kBoth, Kind::Pointwise, "The smaller element; nan if either is.", &kMinimum},
    {"clamp_min",
     "(Tensor input, Tensor min, *, Tensor? out=None)\n"
     "(Tensor input, Number min, *, Tensor? out=None)",
     binary_op, kBoth, Kind::Pointwise, "The elements, or `min` where they are smaller.", &kClampMin},
    {"clamp_min_", "(Tensor self, Tensor min)\n(Tensor self, Number min)", binary_op_, kBoth, Kind::Pointwise,
     "In-place clamp_min.", &kClampMin},
    {"clamp_max",
     "(Tensor input, Tensor max, *, Tensor? out=None)\n"
     "(Tensor input, Number max, *, Tensor? out=None)",
     binary_op, kBoth, Kind::Pointwise, "The elements, or `max` where they are larger.", &kClampMax},
    {"clamp_max_", "(Tensor self, Tensor max)\n(Tensor self, Number max)", binary_op_, kBoth, Kind::Pointwise,
     "In-place clamp_max.", &kClampMax},
    {"fmax", kTensorsSig, binary_op, kBoth, Kind::Pointwise, "The larger element; the other one where one is nan.",
     &kFmax},
    {"fmin", kTensorsSig, binary_op, kBoth, Kind::Pointwise, "The smaller element; the other one where one is nan.",
     &kFmin},
    {"logaddexp", kTensorsSig, binary_op, kBoth, Kind::Pointwise, "log(exp(input) + exp(other)), stably.", &kLogaddexp},
    {"logaddexp2", kTensorsSig, binary_op, kBoth, Kind::Pointwise, "log2(2^input + 2^other), stably.", &kLogaddexp2},
    {"isclose", kCloseSig, isclose_op, kBoth, Kind::Comparison,
     "|input - other| <= atol + rtol * |other|, elementwise; equal infinities are close."},
    {"allclose", kCloseSig, allclose_op, kBoth, Kind::Query, "Whether all elements are close, as isclose says."},
    RL_COMPARE_OP("eq", kSecondSig, Eq, "input == other, elementwise."),
    RL_COMPARE_OP("ne", kSecondSig, Ne, "input != other, elementwise."),
    RL_COMPARE_OP("lt", kSecondSig, Lt, "input < other, elementwise."),
    RL_COMPARE_OP("le", kSecondSig, Le, "input <= other, elementwise."),
    RL_COMPARE_OP("gt", kSecondSig, Gt, "input > other, elementwise."),
    RL_COMPARE_OP("ge", kSecondSig, Ge, "input >= other, elementwise."),
    RL_COMPARE_OP("not_equal", kSecondSig, Ne, "Alias of ne."),
    RL_COMPARE_OP("less", kSecondSig, Lt, "Alias of lt."),
    RL_COMPARE_OP("less_equal", kSecondSig, Le, "Alias of le."),
    RL_COMPARE_OP("greater", kSecondSig, Gt, "Alias of gt."),
    RL_COMPARE_OP("greater_equal", kSecondSig, Ge, "Alias of ge."),
    RL_COMPARE_OP("logical_and", kTensorsSig, LogicalAnd, "Both elements are nonzero."),
    RL_COMPARE_OP("logical_or", kTensorsSig, LogicalOr, "Some element is nonzero."),
    RL_COMPARE_OP("logical_xor", kTensorsSig, LogicalXor, "Just one element is nonzero."),
};
const Register registered(ops);

}  // namespace
}  // namespace rl
