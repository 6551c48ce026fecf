// Pointwise functions of one tensor: mathematics, rounding, activations without and with constants, predicates.
#include <array>
#include <cmath>
#include <numbers>

#include "ops/binary.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

enum Save : std::uint8_t { Nothing = 0, Input = 1, Result = 2 };
enum Types : std::uint8_t {
  Same,     // integers stay integers
  ToFloat,  // integers become the default float
  IntSelf,  // the identity on integers (floor, round)
  ToReal,   // complex becomes real (abs)
  Power,    // bools become integers
};

/// One function: kernel, names, derivative. `x` is the input, `y` the result; each is defined where saved.
struct UnaryRule {
  Unary op;
  const char* name;
  const char* node;  // "" where there is no derivative
  Types types;
  std::uint8_t save;
  Tensor (*vjp)(const Tensor& g, const Tensor& x, const Tensor& y);
  const char* doc;
};

using V = const Tensor&;

/// A derivative that has a kernel of its own: fused while no second derivative is asked for, else by `formula`.
Tensor fused(Binary op, V g, V saved, Tensor (*formula)(V g, V saved)) {
  if (modes.grad && (tracked(g) || tracked(saved))) return formula(g, saved);
  const DType d = g.dtype();
  const Loop loop = kernels->pointwise.binary[int(op)][int(compute_type(d))];
  if (loop == nullptr || saved.dtype() != d) return formula(g, saved);
  Tensor out = pointwise_output({&g, &saved}, d);
  const DType c = compute_type(d);
  run_loop(loop, nullptr, Operand(out, c), {Operand(g, c), Operand(saved, c)});
  return out;
}

Tensor sech2(V g, V y) { return g * conj(rsub(y * y, 1)); }
Tensor sigmoid_formula(V g, V y) { return g * conj(y * rsub(y, 1)); }
Tensor relu_formula(V g, V y) { return where(compare(Compare::Gt, y, Scalar(0)), g, zeros_like(g)); }
Tensor silu_formula(V g, V x) {
  const Tensor s = sigmoid(x);
  return g * conj(s * add(x * rsub(s, 1), Scalar(1)));
}
Tensor mish_formula(V g, V x) {
  const Tensor t = tanh(unary(UnaryParam::Softplus, x, {1.0, 20.0}));
  return g * (t + x * sigmoid(x) * rsub(t * t, 1));
}
Tensor gelu_formula(V g, V x) {
  const Tensor cdf = add(unary(Unary::Erf, x * Scalar(std::numbers::sqrt2 / 2)), Scalar(1)) * Scalar(0.5);
  const Tensor pdf = exp(square(x) * Scalar(-0.5)) * Scalar(std::numbers::inv_sqrtpi / std::numbers::sqrt2);
  return g * (cdf + x * pdf);
}
Tensor gelu_tanh_formula(V g, V x) {
  const double k = std::numbers::sqrt2 * std::numbers::inv_sqrtpi, c = 0.044715;
  const Tensor t = tanh((x + x * x * x * Scalar(c)) * Scalar(k));
  const Tensor inner = add(x * x * Scalar(3 * c), Scalar(1)) * Scalar(k);
  return g * (add(t, Scalar(1)) * Scalar(0.5) + x * rsub(t * t, 1) * inner * Scalar(0.5));
}
constexpr double kSeluScale = 1.0507009873554804934193349852946, kSeluAlpha = 1.6732632423543772848170429916717;
Tensor selu_formula(V g, V x) {
  return where(compare(Compare::Gt, x, Scalar(0)), g * Scalar(kSeluScale),
               g * exp(x) * Scalar(kSeluScale * kSeluAlpha));
}
Tensor hardsigmoid_formula(V g, V x) {
  const Tensor inside =
      compare(Compare::LogicalAnd, compare(Compare::Gt, x, Scalar(-3.0)), compare(Compare::Lt, x, Scalar(3.0)));
  return where(inside, g / Scalar(6.0), zeros_like(g));
}
Tensor hardswish_formula(V g, V x) {
  const Tensor slope = where(compare(Compare::Le, x, Scalar(3.0)), g * (x / Scalar(3.0) + Scalar(0.5)), g);
  return where(compare(Compare::Lt, x, Scalar(-3.0)), zeros_like(g), slope);
}
Tensor log_sigmoid_formula(V g, V x) { return g * rsub(sigmoid(x), 1); }
Tensor sqrt_formula(V g, V y) { return g / conj(y * Scalar(2)); }
Tensor abs_formula(V g, V x) { return g * sgn(x); }
Tensor real_if(V g, V like) { return is_complex(g.dtype()) && !is_complex(like.dtype()) ? real(g) : g; }

/// Where x is so small that (I_1(x) / x)' loses itself in rounding.
Tensor near_zero(V x) {
  const double epsilon = x.dtype() == DType::Double ? 0x1p-52 : 0x1p-23;
  return compare(Compare::Le, unary(Unary::Abs, x), Scalar(epsilon));
}
/// x, but 1 near 0: for quotients that slope_at_0 replaces there.
Tensor not_zero(V x) { return where(near_zero(x), ones_like(x), x); }
/// The derivative of I_1, which is 1/2 at 0.
Tensor slope_at_0(V x, V elsewhere) { return where(near_zero(x), ones_like(x) * Scalar(0.5), elsewhere); }
Tensor zero_grad(V g, V, V) { return zeros_like(g); }

constexpr double kLn2 = std::numbers::ln2, kLn10 = std::numbers::ln10;

constexpr UnaryRule kRules[] = {
    {Unary::Neg, "neg", "NegBackward0", Same, Nothing, [](V g, V, V) { return neg(g); }, "-input."},
    {Unary::Abs, "abs", "AbsBackward0", ToReal, Input,
     [](V g, V x, V) { return fused(Binary::AbsBackward, g, x, abs_formula); },
     "|input|; the modulus of complex numbers. The gradient at 0 is 0."},
    {Unary::Sign, "sign", "SignBackward0", Same, Nothing, zero_grad, "-1, 0 or 1 by the sign of input."},
    {Unary::Sgn, "sgn", "SgnBackward0", Same, Input | Result,
     [](V g, V x, V y) {
       if (!is_complex(x.dtype())) return zeros_like(g);
       const Tensor size = abs(x);
       const Tensor d = (g - y * (real(g * conj(y)))) / size;
       return where(compare(Compare::Eq, size, Scalar(0.0)), zeros_like(d), d);
     },
     "input / |input|, 0 at 0; the sign of real numbers."},
    {Unary::Square, "square", "PowBackward0", Power, Input, [](V g, V x, V) { return g * conj(x * Scalar(2)); },
     "input^2."},
    {Unary::Sqrt, "sqrt", "SqrtBackward0", ToFloat, Result,
     [](V g, V, V y) { return fused(Binary::SqrtBackward, g, y, sqrt_formula); }, "The square root."},
    {Unary::Rsqrt, "rsqrt", "RsqrtBackward0", ToFloat, Result,
     [](V g, V, V y) { return g * conj(pow(y, Scalar(3)) * Scalar(-0.5)); }, "1 / sqrt(input)."},
    {Unary::Reciprocal, "reciprocal", "ReciprocalBackward0", ToFloat, Result,
     [](V g, V, V y) { return neg(g) * conj(y * y); }, "1 / input."},
    {Unary::Exp, "exp", "ExpBackward0", ToFloat, Result, [](V g, V, V y) { return g * conj(y); }, "e^input."},
    {Unary::Exp2, "exp2", "Exp2Backward0", ToFloat, Result, [](V g, V, V y) { return g * conj(y) * Scalar(kLn2); },
     "2^input."},
    {Unary::Expm1, "expm1", "Expm1Backward0", ToFloat, Result, [](V g, V, V y) { return g * conj(y + Scalar(1)); },
     "e^input - 1, accurate near 0."},
    {Unary::Log, "log", "LogBackward0", ToFloat, Input, [](V g, V x, V) { return g / conj(x); },
     "The natural logarithm."},
    {Unary::Log2, "log2", "Log2Backward0", ToFloat, Input, [](V g, V x, V) { return g / conj(x * Scalar(kLn2)); },
     "The logarithm to base 2."},
    {Unary::Log10, "log10", "Log10Backward0", ToFloat, Input, [](V g, V x, V) { return g / conj(x * Scalar(kLn10)); },
     "The logarithm to base 10."},
    {Unary::Log1p, "log1p", "Log1PBackward0", ToFloat, Input, [](V g, V x, V) { return g / conj(x + Scalar(1)); },
     "log(1 + input), accurate near 0."},
    {Unary::Sin, "sin", "SinBackward0", ToFloat, Input, [](V g, V x, V) { return g * conj(cos(x)); },
     "The sine; radians."},
    {Unary::Cos, "cos", "CosBackward0", ToFloat, Input, [](V g, V x, V) { return neg(g) * conj(sin(x)); },
     "The cosine; radians."},
    {Unary::Tan, "tan", "TanBackward0", ToFloat, Result, [](V g, V, V y) { return g * conj(y * y + Scalar(1)); },
     "The tangent; radians."},
    {Unary::Asin, "asin", "AsinBackward0", ToFloat, Input,
     [](V g, V x, V) { return g * conj(unary(Unary::Rsqrt, rsub(x * x, 1))); }, "The arc sine, in [-pi/2, pi/2]."},
    {Unary::Acos, "acos", "AcosBackward0", ToFloat, Input,
     [](V g, V x, V) { return neg(g) * conj(unary(Unary::Rsqrt, rsub(x * x, 1))); }, "The arc cosine, in [0, pi]."},
    {Unary::Atan, "atan", "AtanBackward0", ToFloat, Input, [](V g, V x, V) { return g / conj(x * x + Scalar(1)); },
     "The arc tangent, in [-pi/2, pi/2]."},
    {Unary::Sinh, "sinh", "SinhBackward0", ToFloat, Input, [](V g, V x, V) { return g * conj(unary(Unary::Cosh, x)); },
     "The hyperbolic sine."},
    {Unary::Cosh, "cosh", "CoshBackward0", ToFloat, Input, [](V g, V x, V) { return g * conj(unary(Unary::Sinh, x)); },
     "The hyperbolic cosine."},
    {Unary::Tanh, "tanh", "TanhBackward0", ToFloat, Result,
     [](V g, V, V y) { return fused(Binary::TanhBackward, g, y, sech2); }, "The hyperbolic tangent."},
    {Unary::Asinh, "asinh", "AsinhBackward0", ToFloat, Input,
     [](V g, V x, V) { return g * conj(unary(Unary::Rsqrt, x * x + Scalar(1))); }, "The inverse hyperbolic sine."},
    {Unary::Acosh, "acosh", "AcoshBackward0", ToFloat, Input,
     [](V g, V x, V) {
       if (!is_complex(x.dtype())) return g * unary(Unary::Rsqrt, x * x - Scalar(1));
       return g * conj(unary(Unary::Rsqrt, x - Scalar(1)) * unary(Unary::Rsqrt, x + Scalar(1)));
     },
     "The inverse hyperbolic cosine."},
    {Unary::Atanh, "atanh", "AtanhBackward0", ToFloat, Input, [](V g, V x, V) { return g / conj(rsub(x * x, 1)); },
     "The inverse hyperbolic tangent."},
    {Unary::Erf, "erf", "ErfBackward0", ToFloat, Input,
     [](V g, V x, V) { return g * exp(neg(square(x))) * Scalar(2 * std::numbers::inv_sqrtpi); }, "The error function."},
    {Unary::Erfc, "erfc", "ErfcBackward0", ToFloat, Input,
     [](V g, V x, V) { return g * exp(neg(square(x))) * Scalar(-2 * std::numbers::inv_sqrtpi); },
     "1 - erf(input), accurate for large input."},
    {Unary::Erfinv, "erfinv", "ErfinvBackward0", ToFloat, Result,
     [](V g, V, V y) { return g * exp(square(y)) * Scalar(0.5 / std::numbers::inv_sqrtpi); },
     "The y for which erf(y) is input."},
    {Unary::Lgamma, "lgamma", "LgammaBackward0", ToFloat, Input,
     [](V g, V x, V) { return g * unary(Unary::Digamma, x); }, "log |gamma(input)|."},
    {Unary::Digamma, "digamma", "DigammaBackward0", ToFloat, Input,
     [](V g, V x, V) { return g * unary(UnaryParam::Polygamma, x, {1.0}); }, "The derivative of lgamma."},
    {Unary::I0, "i0", "I0Backward0", ToFloat, Input, [](V g, V x, V) { return g * unary(Unary::I1, x); },
     "The modified Bessel function of the first kind, of order 0."},
    {Unary::I0e, "special_i0e", "SpecialI0EBackward0", ToFloat, Input | Result,
     [](V g, V x, V y) { return g * (unary(Unary::I1e, x) - sgn(x) * y); }, "exp(-|input|) i0(input)."},
    {Unary::I1, "special_i1", "SpecialI1Backward0", ToFloat, Input | Result,
     [](V g, V x, V y) { return g * slope_at_0(x, unary(Unary::I0, x) - y / not_zero(x)); },
     "The modified Bessel function of the first kind, of order 1."},
    {Unary::I1e, "special_i1e", "SpecialI1EBackward0", ToFloat, Input | Result,
     [](V g, V x, V y) {
       return g * slope_at_0(x, unary(Unary::I0e, x) - y * (sgn(x) + unary(Unary::Reciprocal, not_zero(x))));
     },
     "exp(-|input|) i1(input)."},
    {Unary::Sigmoid, "sigmoid", "SigmoidBackward0", ToFloat, Result,
     [](V g, V, V y) { return fused(Binary::SigmoidBackward, g, y, sigmoid_formula); }, "1 / (1 + exp(-input))."},
    {Unary::LogSigmoid, "log_sigmoid", "LogSigmoidBackward0", ToFloat, Input,
     [](V g, V x, V) { return fused(Binary::LogSigmoidBackward, g, x, log_sigmoid_formula); },
     "log(sigmoid(input)), stably."},
    {Unary::Relu, "relu", "ReluBackward0", Same, Result,
     [](V g, V, V y) { return fused(Binary::ReluBackward, g, y, relu_formula); }, "max(input, 0)."},
    {Unary::Silu, "silu", "SiluBackward0", ToFloat, Input,
     [](V g, V x, V) { return fused(Binary::SiluBackward, g, x, silu_formula); }, "input * sigmoid(input)."},
    {Unary::Mish, "mish", "MishBackward0", ToFloat, Input,
     [](V g, V x, V) { return fused(Binary::MishBackward, g, x, mish_formula); }, "input * tanh(softplus(input))."},
    {Unary::Gelu, "_gelu_erf", "GeluBackward0", ToFloat, Input,
     [](V g, V x, V) { return fused(Binary::GeluBackward, g, x, gelu_formula); },
     "input * Phi(input), Phi the normal distribution function."},
    {Unary::GeluTanh, "_gelu_tanh", "GeluBackward0", ToFloat, Input,
     [](V g, V x, V) { return fused(Binary::GeluTanhBackward, g, x, gelu_tanh_formula); },
     "gelu with the tanh approximation."},
    {Unary::Selu, "selu", "EluBackward0", ToFloat, Input,
     [](V g, V x, V) { return fused(Binary::SeluBackward, g, x, selu_formula); },
     "scale * (max(0, x) + min(0, alpha * (exp(x) - 1))) with the constants of Klambauer et al. (2017)."},
    {Unary::Hardsigmoid, "hardsigmoid", "HardsigmoidBackward0", ToFloat, Input,
     [](V g, V x, V) { return fused(Binary::HardsigmoidBackward, g, x, hardsigmoid_formula); },
     "clamp(input / 6 + 1/2, 0, 1)."},
    {Unary::Hardswish, "hardswish", "HardswishBackward0", ToFloat, Input,
     [](V g, V x, V) { return fused(Binary::HardswishBackward, g, x, hardswish_formula); },
     "input * hardsigmoid(input)."},
    {Unary::Floor, "floor", "FloorBackward0", IntSelf, Nothing, zero_grad, "The largest integer not above input."},
    {Unary::Ceil, "ceil", "CeilBackward0", IntSelf, Nothing, zero_grad, "The smallest integer not below input."},
    {Unary::Round, "_round", "RoundBackward0", IntSelf, Nothing, zero_grad, "The nearest integer, halves to even."},
    {Unary::Trunc, "trunc", "TruncBackward0", IntSelf, Nothing, zero_grad, "Input without its fraction."},
    {Unary::Frac, "frac", "FracBackward0", Same, Nothing, [](V g, V, V) { return Tensor(g); },
     "Input minus trunc(input)."},
    {Unary::BitwiseNot, "bitwise_not", "", Same, Nothing, nullptr, "~input, on integers and bools."},
    {Unary::Conj, "conj_physical", "ConjPhysicalBackward0", Same, Nothing, [](V g, V, V) { return conj(g); },
     "The complex conjugate, as new memory."},
    {Unary::Angle, "angle", "AngleBackward0", ToReal, Input,
     [](V g, V x, V) {
       if (!is_complex(x.dtype())) return zeros_like(g);
       // d arg(z) = Im(conj(z) dz) / |z|^2
       const Tensor size2 = square(abs(x));
       const Tensor d = (x * Scalar(cdouble(0, 1))) * (g / size2);
       return where(compare(Compare::Eq, size2, Scalar(0.0)), zeros_like(d), d);
     },
     "The argument in radians; of real numbers 0 or pi."},
};

const UnaryRule& rule_of(Unary op) {
  static const auto by_op = [] {
    std::array<const UnaryRule*, std::size_t(Unary::Count)> a{};
    for (const UnaryRule& r : kRules) a[std::size_t(r.op)] = &r;
    return a;
  }();
  const UnaryRule* r = by_op[std::size_t(op)];
  if (r == nullptr) fail_runtime("no rule for this pointwise function");
  return *r;
}

struct UnaryNode final : Node {
  const UnaryRule* rule;
  SavedTensor saved_x, saved_y;

  const char* name() const override { return rule->node; }
  void apply(Tensor* in, Tensor* out) override {
    if (!needs(0)) return;
    const Tensor x = rule->save & Input ? saved_x.unpack(this) : Tensor();
    const Tensor y = rule->save & Result ? saved_y.unpack(this) : Tensor();
    out[0] = rule->vjp(in[0], x, y);
    if (x.defined()) out[0] = real_if(out[0], x);
  }
  void visit(SavedVisitor& v) override {
    if (rule->save & Input) v.tensor("self", saved_x);
    if (rule->save & Result) v.tensor("result", saved_y);
  }
  void show(ValueVisitor& v) const override {
    if (rule->op == Unary::Gelu || rule->op == Unary::GeluTanh)
      v.word("approximate", rule->op == Unary::Gelu ? "none" : "tanh");
  }
};

DType result_dtype(Types types, DType d) {
  if (types == ToFloat && is_integral(d, true)) return default_dtype();
  if (types == Power && d == DType::Bool) return DType::Int64;
  return d;
}

/// The forward into `out` (fresh or the input itself).
void run_unary(Loop loop, const void* params, const Tensor& out, DType out_compute, const Tensor& x, DType in_compute) {
  if (x.dtype() == in_compute && out.dtype() == out_compute && x.is_contiguous() && out.is_contiguous() &&
      x.numel() < kGrain) {
    char* const data[2] = {out.data(), x.data()};
    const std::int64_t strides[2] = {out.itemsize(), x.itemsize()};
    if (x.numel() > 0) loop(data, strides, x.numel(), params);
    return;
  }
  run_loop(loop, params, Operand(out, out_compute), {Operand(x, in_compute)});
}

Loop loop_of(const UnaryRule& rule, DType d) {
  const Loop loop = kernels->pointwise.unary[int(rule.op)][int(compute_type(d))];
  if (loop == nullptr && rule.op == Unary::Neg) {
    fail_runtime(
        "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the "
        "`~` or `logical_not()` operator instead.");
  }
  if (loop == nullptr) fail_unsupported(rl::cat(rule.name, "_cpu").c_str(), d);
  return loop;
}

bool is_identity(const UnaryRule& rule, DType d) { return rule.types == IntSelf && is_integral(d, false); }

Tensor forward(const UnaryRule& rule, const Tensor& x) {
  if (is_identity(rule, x.dtype())) return to_contiguous(x, x.dtype());
  const DType d = result_dtype(rule.types, x.dtype());
  const bool to_real_type = rule.types == ToReal && is_complex(d);
  // The angle of an integer is a float.
  const DType in = rule.op == Unary::Angle && is_integral(d, true) ? default_dtype() : d;
  const DType out_type = to_real_type ? to_real(d) : in;
  const Loop loop = loop_of(rule, in);
  // PyTorch's log_sigmoid is always contiguous.
  Tensor out = rule.op == Unary::LogSigmoid ? empty(x.sizes(), out_type) : pointwise_output({&x}, out_type);
  run_unary(loop, nullptr, out, compute_type(out_type), x, compute_type(in));
  return out;
}

void record_unary(const UnaryRule& rule, const Tensor& out, const Tensor& x, Tensor saved_input = Tensor()) {
  auto* n = make_node<UnaryNode>(1);
  n->rule = &rule;
  connect(n, 0, x);
  if (rule.save & Input) n->saved_x.save(saved_input.defined() ? saved_input : x);
  set_history(out, n);
  if (rule.save & Result) n->saved_y.save_output(out);
  release(n);
}

}  // namespace

Tensor unary(Unary op, const Tensor& t) {
  if (op == Unary::Conj && !is_complex(t.dtype())) return t;  // as PyTorch: no copy of what is its own conjugate
  const UnaryRule& rule = rule_of(op);
  Tensor out = forward(rule, t);
  if (recording(t) && rule.vjp != nullptr) record_unary(rule, out, t);
  return out;
}

namespace {

/// In place: the node saves the old content where it needs the input.
void unary_inplace(const UnaryRule& rule, const Tensor& x) {
  const bool record = recording(x) && rule.vjp != nullptr;
  check_inplace(x, recording(x));
  if (rule.types == ToReal && is_complex(x.dtype()))
    fail_runtime("In-place ", rule.name, " is not supported for complex tensors.");
  if (is_identity(rule, x.dtype())) return finish_inplace(x, nullptr);
  const DType d = result_dtype(rule.types, x.dtype());
  check_inplace_result(x, d, x.sizes());
  const Loop loop = loop_of(rule, d);
  NodeRef node;
  UnaryNode* n = nullptr;
  if (record) {
    n = make_node<UnaryNode>(1);
    node = NodeRef::steal(n);
    n->rule = &rule;
    connect(n, 0, x);
    if (rule.save & Input) n->saved_x.save(clone(x));
  }
  run_unary(loop, nullptr, x, compute_type(d), x, compute_type(d));
  finish_inplace(x, n);
  if (n != nullptr && (rule.save & Result)) n->saved_y.save_output(x);
}

const UnaryRule& rule_of(const OpDef& def) { return *static_cast<const UnaryRule*>(def.data); }

PyObject* unary_op(const OpDef& def, Args& a) {
  const Tensor x = a.tensor(0);
  // What is a power in PyTorch converts; the others of its kind want the result's own dtype.
  const UnaryRule& rule = rule_of(def);
  const bool converts = rule.types == ToFloat || rule.op == Unary::Square || rule.op == Unary::Angle;
  return give(a, 1, unary(rule.op, x), def.name, tracked(x), converts ? OutRule::Cast : OutRule::Found);
}
PyObject* unary_op_(const OpDef& def, Args& a) {
  Tensor x = a.tensor(0);
  const UnaryRule& rule = rule_of(def);
  if (rule.op == Unary::Conj && !is_complex(x.dtype())) {
    check_inplace(x, recording(x));
    x->bump_version();
  } else {
    unary_inplace(rule, x);
  }
  return x.release();
}

// --- functions with constants
// ---------------------------------------------------------------------------------------------------

/// One function with constants. The kernel takes them as doubles; so does the fused backward, where there is one.
struct ParamRule {
  UnaryParam op;
  BinaryParam backward;  // Count: none, `formula` alone
  const char* name;
  const char* node;
  int n_params;
  bool to_float;
  Tensor (*formula)(const Tensor& g, const Tensor& x, const double* p);
  std::array<const char*, 3> fields{};  // how a node calls its parameters; null: it does not show them
};

Tensor softplus_vjp(V g, V x, const double* p) {
  return where(compare(Compare::Gt, x * Scalar(p[0]), Scalar(p[1])), g, g * sigmoid(x * Scalar(p[0])));
}
Tensor leaky_vjp(V g, V x, const double* p) { return where(compare(Compare::Gt, x, Scalar(0)), g, g * Scalar(p[0])); }
Tensor elu_vjp(V g, V x, const double* p) {
  return where(compare(Compare::Gt, x, Scalar(0)), g * Scalar(p[1]),
               g * exp(x * Scalar(p[2])) * Scalar(p[0] * p[1] * p[2]));
}
Tensor inside_vjp(V g, V x, double low, double high) {
  const Tensor inside =
      compare(Compare::LogicalAnd, compare(Compare::Gt, x, Scalar(low)), compare(Compare::Lt, x, Scalar(high)));
  return where(inside, g, zeros_like(g));
}
Tensor hardtanh_vjp(V g, V x, const double* p) { return inside_vjp(g, x, p[0], p[1]); }
Tensor shrink_vjp(V g, V x, const double* p) {
  const Tensor inside =
      compare(Compare::LogicalAnd, compare(Compare::Ge, x, Scalar(-p[0])), compare(Compare::Le, x, Scalar(p[0])));
  return where(inside, zeros_like(g), g);
}
Tensor threshold_vjp(V g, V x, const double* p) {
  return where(compare(Compare::Gt, x, Scalar(p[0])), g, zeros_like(g));
}
Tensor nan_to_num_vjp(V g, V x, const double*) { return where(predicate(Predicate::IsFinite, x), g, zeros_like(g)); }
Tensor polygamma_vjp(V g, V x, const double* p) { return g * unary(UnaryParam::Polygamma, x, {p[0] + 1}); }
Tensor round_vjp(V g, V, const double*) { return zeros_like(g); }
Tensor logit_vjp(V g, V x, const double* p) {
  const Tensor d = g / (x * rsub(x, 1));
  if (p[0] < 0) return d;
  const Tensor inside =
      compare(Compare::LogicalAnd, compare(Compare::Ge, x, Scalar(p[0])), compare(Compare::Le, x, Scalar(1 - p[0])));
  return where(inside, d, zeros_like(d));
}

/// Elu under its other name.
constexpr ParamRule kCelu{UnaryParam::Elu, BinaryParam::EluBackward, "celu", "CeluBackward0", 3, true, elu_vjp,
                          {"alpha"}};
constexpr ParamRule kParamRules[] = {
    {UnaryParam::Softplus,
     BinaryParam::SoftplusBackward,
     "softplus",
     "SoftplusBackward0",
     2,
     true,
     softplus_vjp,
     {"beta", "threshold"}},
    {UnaryParam::LeakyRelu,
     BinaryParam::LeakyReluBackward,
     "leaky_relu",
     "LeakyReluBackward0",
     1,
     true,
     leaky_vjp,
     {"negative_slope"}},
    {UnaryParam::Elu,
     BinaryParam::EluBackward,
     "elu",
     "EluBackward0",
     3,
     true,
     elu_vjp,
     {"alpha", "scale", "input_scale"}},
    {UnaryParam::Hardtanh,
     BinaryParam::HardtanhBackward,
     "hardtanh",
     "HardtanhBackward0",
     2,
     false,
     hardtanh_vjp,
     {"min_val", "max_val"}},
    {UnaryParam::Hardshrink,
     BinaryParam::HardshrinkBackward,
     "hardshrink",
     "HardshrinkBackward0",
     1,
     true,
     shrink_vjp,
     {"lambd"}},
    {UnaryParam::Softshrink,
     BinaryParam::SoftshrinkBackward,
     "softshrink",
     "SoftshrinkBackward0",
     1,
     true,
     shrink_vjp,
     {"lambd"}},
    {UnaryParam::Threshold,
     BinaryParam::ThresholdBackward,
     "threshold",
     "ThresholdBackward0",
     2,
     false,
     threshold_vjp,
     {"threshold"}},
    {UnaryParam::NanToNum, BinaryParam::Count, "nan_to_num", "NanToNumBackward0", 3, false, nan_to_num_vjp},
    {UnaryParam::RoundDecimals, BinaryParam::Count, "round", "RoundBackward1", 1, false, round_vjp},
    {UnaryParam::Logit, BinaryParam::LogitBackward, "logit", "LogitBackward0", 1, true, logit_vjp, {"eps"}},
    {UnaryParam::Polygamma, BinaryParam::Count, "polygamma", "PolygammaBackward0", 1, true, polygamma_vjp, {"n"}},
};

const ParamRule& rule_of(UnaryParam op) {
  for (const ParamRule& r : kParamRules) {
    if (r.op == op) return r;
  }
  fail_runtime("no rule for this pointwise function");
}

struct ParamNode final : Node {
  const ParamRule* rule;
  SavedTensor x;
  double params[3];

  const char* name() const override { return rule->node; }
  void apply(Tensor* in, Tensor* out) override {
    if (!needs(0)) return;
    const Tensor& g = in[0];
    const Tensor saved = x.unpack(this);
    if (rule->backward != BinaryParam::Count && !(modes.grad && (tracked(g) || tracked(saved)))) {
      const DType c = compute_type(g.dtype());
      if (const Loop loop = kernels->pointwise.binary_param[int(rule->backward)][int(c)]) {
        out[0] = pointwise_output({&g, &saved}, g.dtype());
        run_loop(loop, params, Operand(out[0], c), {Operand(g, c), Operand(saved, c)});
        return;
      }
    }
    out[0] = rule->formula(g, saved, params);
  }
  void visit(SavedVisitor& v) override { v.tensor("self", x); }
  void show(ValueVisitor& v) const override {
    for (std::size_t i = 0; i < 3; ++i) {
      if (rule->fields[i] == nullptr) continue;
      if (rule->op == UnaryParam::Logit && params[i] < 0)
        v.nothing(rule->fields[i]);
      else
        v.number(rule->fields[i], params[i]);
    }
  }
};

ParamNode* param_node(const ParamRule& rule, const Tensor& x, const double* params, const Tensor& saved) {
  auto* n = make_node<ParamNode>(1);
  n->rule = &rule;
  std::copy(params, params + 3, n->params);
  connect(n, 0, x);
  n->x.save(saved);
  return n;
}

Loop param_loop(const ParamRule& rule, DType d) {
  const Loop loop = kernels->pointwise.unary_param[int(rule.op)][int(compute_type(d))];
  if (loop == nullptr) fail_unsupported(rl::cat(rule.name, "_cpu").c_str(), d);
  return loop;
}

Tensor apply_param(const ParamRule& rule, const Tensor& x, const double* params) {
  const DType d = is_integral(x.dtype(), true) && (rule.op == UnaryParam::Logit || rule.op == UnaryParam::Polygamma)
                      ? default_dtype()
                      : x.dtype();
  const Loop loop = param_loop(rule, d);
  Tensor out = pointwise_output({&x}, d);
  run_unary(loop, params, out, compute_type(d), x, compute_type(d));
  if (recording(x)) {
    ParamNode* n = param_node(rule, x, params, x);
    set_history(out, n);
    release(n);
  }
  return out;
}

void param_inplace(const ParamRule& rule, const Tensor& x, const double* params) {
  const bool record = recording(x);
  check_inplace(x, record);
  check_inplace_result(x, x.dtype(), x.sizes());
  const Loop loop = param_loop(rule, x.dtype());
  NodeRef node = record ? NodeRef::steal(param_node(rule, x, params, clone(x))) : NodeRef();
  run_unary(loop, params, x, compute_type(x.dtype()), x, compute_type(x.dtype()));
  finish_inplace(x, node.get());
}

const ParamRule& param_rule(const OpDef& def) { return *static_cast<const ParamRule*>(def.data); }

/// Writes the result where it belongs: a new tensor, in place, or `inplace=True` of torch.nn.functional.
PyObject* finish_param(const ParamRule& rule, const Tensor& x, const double* params, bool inplace) {
  if (!inplace) return apply_param(rule, x, params).release();
  Tensor self = x;
  param_inplace(rule, self, params);
  return self.release();
}

bool ends_in_underscore(const OpDef& def) { return std::string_view(def.name).back() == '_'; }

PyObject* leaky_relu_op(const OpDef& def, Args& a) {
  const double p[3] = {a.real(1, 0.01), 0, 0};
  return finish_param(param_rule(def), a.tensor(0), p, ends_in_underscore(def) || a.boolean(2));
}
PyObject* elu_op(const OpDef& def, Args& a) {
  const double p[3] = {a.real(1, 1.0), 1, 1};
  return finish_param(param_rule(def), a.tensor(0), p, ends_in_underscore(def) || a.boolean(2));
}
PyObject* celu_op(const OpDef& def, Args& a) {
  const double alpha = a.real(1, 1.0);
  if (alpha == 0) fail_runtime("ZeroDivisionError: alpha cannot be 0 for CELU");
  const double p[3] = {alpha, 1, 1 / alpha};
  return finish_param(param_rule(def), a.tensor(0), p, ends_in_underscore(def) || a.boolean(2));
}
PyObject* hardtanh_op(const OpDef& def, Args& a) {
  double p[3] = {a.real(1, -1.0), a.real(2, 1.0), 0};
  const DType d = a.tensor(0).dtype();
  if (is_integral(d, true)) p[0] = std::trunc(p[0]), p[1] = std::trunc(p[1]);
  if (p[0] > p[1]) fail(ErrorKind::Value, "min_val cannot be greater than max_val");
  if (d == DType::Bool) fail_runtime("Bool inputs not supported for hardtanh");
  if (d == DType::UInt8 && (p[0] < 0 || p[1] < 0))
    fail_runtime("cannot do hardtanh on an unsigned type with negative limits");
  return finish_param(param_rule(def), a.tensor(0), p, ends_in_underscore(def) || a.boolean(3));
}
PyObject* relu6_op(const OpDef& def, Args& a) {
  const double p[3] = {0, 6, 0};
  return finish_param(param_rule(def), a.tensor(0), p, ends_in_underscore(def) || a.boolean(1));
}
PyObject* softplus_op(const OpDef& def, Args& a) {
  const double p[3] = {a.real(1, 1.0), a.real(2, 20.0), 0};
  return finish_param(param_rule(def), a.tensor(0), p, false);
}
PyObject* shrink_op(const OpDef& def, Args& a) {
  const double p[3] = {a.real(1, 0.5), 0, 0};
  if (&param_rule(def) == &rule_of(UnaryParam::Softshrink) && p[0] < 0) {
    fail_runtime("lambda must be greater or equal to 0, but found to be ", p[0], ".");
  }
  return finish_param(param_rule(def), a.tensor(0), p, false);
}
PyObject* threshold_op(const OpDef& def, Args& a) {
  const double p[3] = {a.real(1), a.real(2), 0};
  return finish_param(param_rule(def), a.tensor(0), p, ends_in_underscore(def) || a.boolean(3));
}
PyObject* polygamma_op(const OpDef& def, Args& a) {
  const bool tensor_first = a.is_tensor(0);
  const double p[3] = {double(a.integer(tensor_first ? 1 : 0)), 0, 0};
  const Tensor x = a.tensor(tensor_first ? 0 : 1);
  if (p[0] < 0) fail_runtime("polygamma(n, x) does not support negative n.");
  if (ends_in_underscore(def)) {
    check_inplace(x, recording(x));
    if (is_integral(x.dtype(), true)) check_inplace_result(x, default_dtype(), x.sizes());
    return finish_param(param_rule(def), x, p, true);
  }
  return give(a, 2, apply_param(param_rule(def), x, p), def.name, tracked(x));
}
PyObject* logit_op(const OpDef& def, Args& a) {
  const double p[3] = {a.real(1, -1.0), 0, 0};
  const Tensor x = a.tensor(0);
  if (ends_in_underscore(def)) return finish_param(param_rule(def), x, p, true);
  return give(a, 2, apply_param(param_rule(def), x, p), def.name, tracked(x));
}
PyObject* nan_to_num_op(const OpDef& def, Args& a) {
  const Tensor x = a.tensor(0);
  const DType d = x.dtype();
  // Left out: the largest numbers of the dtype.
  const double largest = d == DType::Half              ? 65504.0
                         : d == DType::BFloat16        ? 0x1.FEp127
                         : to_real(d) == DType::Double ? 0x1.fffffffffffffp1023
                                                       : 0x1.fffffep127;
  const double p[3] = {a.real(1, 0.0), a.real(2, largest), a.real(3, -largest)};
  if (is_integral(d, true)) {  // no element is nan or infinite
    if (!ends_in_underscore(def)) return give(a, 4, to_contiguous(x, d), def.name, false);
    check_inplace(x, false);
    finish_inplace(x, nullptr);
    return Tensor(x).release();
  }
  if (ends_in_underscore(def)) return finish_param(param_rule(def), x, p, true);
  if (a.has(4) && a.tensor(4).dtype() != d) {
    fail_runtime("nan_to_num: dtype of out: ", scalar_type_name(a.tensor(4).dtype()),
                 " should be same as input: ", scalar_type_name(d));
  }
  return give(a, 4, apply_param(param_rule(def), x, p), def.name, tracked(x));
}
/// round(input, *, decimals, out)
PyObject* round_op(const OpDef& def, Args& a) {
  const Tensor x = a.tensor(0);
  const std::int64_t decimals = a.integer(1, 0);
  const bool plain = !a.has(1) || (decimals == 0 && is_integral(x.dtype(), false));
  if (ends_in_underscore(def)) {
    if (!plain) {
      const double p[3] = {double(decimals), 0, 0};
      return finish_param(param_rule(def), x, p, true);
    }
    Tensor self = x;
    unary_inplace(rule_of(Unary::Round), self);
    return self.release();
  }
  if (plain) return give(a, 2, unary(Unary::Round, x), def.name, tracked(x), OutRule::Found);
  const double p[3] = {double(decimals), 0, 0};
  return give(a, 2, apply_param(param_rule(def), x, p), def.name, tracked(x), OutRule::Found);
}
/// gelu(input, *, approximate)
PyObject* gelu_op(const OpDef&, Args& a) {
  const std::string mode = a.string(1, "none");
  if (mode != "none" && mode != "tanh") fail_runtime("approximate argument must be either none or tanh.");
  return unary(mode == "tanh" ? Unary::GeluTanh : Unary::Gelu, a.tensor(0)).release();
}
/// relu and its like with `inplace=` of torch.nn.functional are Python's; conj of a real tensor is the tensor itself.
PyObject* conj_op(const OpDef&, Args& a) { return conj(a.tensor(0)).release(); }
PyObject* itself_op(const OpDef&, Args& a) { return a.tensor(0).release(); }
PyObject* positive_op(const OpDef& def, Args& a) {
  if (a.tensor(0).dtype() == DType::Bool) fail_runtime("The `+` operator, on a bool tensor is not supported.");
  return a.tensor(0).release();
}

// --- composed of others, with a derivative of their own
// -------------------------------------------------------------------------------------------------------------

struct ComposedRule {
  const char* node;
  bool takes_complex;
  Tensor (*forward)(const Tensor& x);
  Tensor (*vjp)(const Tensor& g, const Tensor& x);  // `x` is defined where saved
  bool saves;
};

constexpr double kDegree = std::numbers::pi / 180;
/// sin(pi x) / (pi x) without its gap at 0.
Tensor sinc(V x) {
  const Tensor hole = compare(Compare::Eq, x, Scalar(0.0)), t = masked_fill(x, hole, 1) * Scalar(std::numbers::pi);
  return where(hole, ones_like(t), sin(t) / t);
}
/// (cos(pi x) - sinc(x)) / x; near 0 it is -pi^2 x / 3, which at 0 leaves the second derivative right.
Tensor sinc_vjp(V g, V x) {
  const Tensor hole = compare(Compare::Eq, x, Scalar(0.0)), t = masked_fill(x, hole, 1);
  const Tensor slope = (cos(t * Scalar(std::numbers::pi)) - sinc(t)) / t;
  return g * conj(where(hole, x * Scalar(-std::numbers::pi * std::numbers::pi / 3), slope));
}
constexpr ComposedRule kDeg2rad{"Deg2RadBackward0", false, [](V x) { return x * Scalar(kDegree); },
                                [](V g, V) { return g * Scalar(kDegree); }, false};
constexpr ComposedRule kRad2deg{"Rad2DegBackward0", false, [](V x) { return x * Scalar(1 / kDegree); },
                                [](V g, V) { return g * Scalar(1 / kDegree); }, false};
constexpr ComposedRule kSinc{"SincBackward0", true, sinc, sinc_vjp, true};

struct ComposedNode final : Node {
  const ComposedRule* rule;
  SavedTensor x;
  const char* name() const override { return rule->node; }
  void apply(Tensor* in, Tensor* out) override { out[0] = rule->vjp(in[0], rule->saves ? x.unpack(this) : Tensor()); }
  void visit(SavedVisitor& v) override {
    if (rule->saves) v.tensor("self", x);
  }
};

PyObject* composed_op(const OpDef& def, Args& a) {
  const auto& rule = *static_cast<const ComposedRule*>(def.data);
  const Tensor x = a.tensor(0);
  if (!rule.takes_complex && is_complex(x.dtype())) fail_runtime(def.name, " is not supported for complex tensors.");
  const bool record = recording(x), in_place = ends_in_underscore(def);
  if (in_place) check_inplace(x, record);
  NodeRef node;
  if (record) {
    auto* n = make_node<ComposedNode>(1);
    node = NodeRef::steal(n);
    n->rule = &rule;
    connect(n, 0, x);
    if (rule.saves) n->x.save(in_place ? clone(x) : x);
  }
  Tensor out;
  {
    GradMode off(false);
    out = rule.forward(is_integral(x.dtype(), true) ? to(x, default_dtype()) : x);
  }
  if (in_place) {
    check_inplace_result(x, out.dtype(), x.sizes());
    copy_into(x, out);
    finish_inplace(x, node.get());
    return Tensor(x).release();
  }
  if (record) set_history(out, node.get());
  return give(a, 1, std::move(out), def.name, tracked(x));
}

struct FrexpNode final : Node {
  SavedTensor exponent;
  const char* name() const override { return "FrexpBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    // In double precision: the power alone may be too large for 16 bits.
    const Tensor scale = pow(scalar_tensor(Scalar(2.0), DType::Double), to(exponent.unpack(this), DType::Double));
    out[0] = to(in[0] / scale, in[0].dtype());
  }
  void visit(SavedVisitor& v) override { v.tensor("exponent", exponent); }
};

template <class T>
void split(const Tensor& x, const Tensor& mantissa, const Tensor& exponent) {
  const auto* in = reinterpret_cast<const T*>(x.data());
  auto* m = reinterpret_cast<T*>(mantissa.data());
  auto* e = reinterpret_cast<std::int32_t*>(exponent.data());
  for (std::int64_t i = 0, n = x.numel(); i < n; ++i) {
    int power = 0;
    m[i] = convert<T>(std::frexp(convert<double>(in[i]), &power));
    e[i] = std::isfinite(convert<double>(in[i])) ? power : 0;
  }
}

/// input = mantissa * 2^exponent, 1/2 <= |mantissa| < 1
PyObject* frexp_op(const OpDef&, Args& a) {
  const Tensor x = a.tensor(0);
  if (!is_floating(x.dtype())) fail_runtime("torch.frexp() only supports floating-point dtypes");
  const Tensor in = contiguous_as(x, x.dtype());
  Tensor mantissa = empty_same(in, x.dtype()), exponent = empty_same(in, DType::Int32);
  dispatch(x.dtype(), [&](auto t) { split<typename decltype(t)::type>(in, mantissa, exponent); });
  if (!x.is_contiguous()) {  // the layout of a pointwise result
    Tensor m = pointwise_output({&x}, x.dtype()), e = pointwise_output({&x}, DType::Int32);
    copy_into(m, mantissa);
    copy_into(e, exponent);
    mantissa = m, exponent = e;
  }
  if (recording(x)) {
    auto* n = record<FrexpNode>(mantissa, x);
    n->exponent.save(exponent);
  }
  return pack_named("frexp", {"mantissa", "exponent"}, {mantissa, exponent});
}

// --- predicates
// --------------------------------------------------------------------------------------------------------------------

PyObject* predicate_op(const OpDef& def, Args& a) {
  const auto op = Predicate(int(reinterpret_cast<std::intptr_t>(def.data)));
  if (op != Predicate::LogicalNot && a.has(1) && a.tensor(1).dtype() != DType::Bool)
    fail_runtime(def.name, " does not support non-boolean outputs.");
  Tensor result = predicate(op, a.tensor(0));
  return give(a, 1, std::move(result), def.name, false);
}
PyObject* logical_not_(const OpDef&, Args& a) {
  Tensor x = a.tensor(0);
  check_inplace(x, recording(x));
  check_no_overlap(x);
  copy_into(x, predicate(Predicate::LogicalNot, x));
  finish_constant(x, "LogicalNotBackward0");
  return x.release();
}

}  // namespace

Tensor unary(UnaryParam op, const Tensor& t, std::initializer_list<double> params) {
  double p[3] = {};
  std::copy(params.begin(), params.end(), p);
  return apply_param(rule_of(op), t, p);
}

Tensor predicate(Predicate op, const Tensor& t) {
  const DType c = compute_type(t.dtype());
  const Loop loop = kernels->pointwise.predicate[int(op)][int(c)];
  if (loop == nullptr) fail_unsupported("predicate", t.dtype());
  Tensor out = pointwise_output({&t}, DType::Bool);
  run_loop(loop, nullptr, Operand(out, DType::Bool), {Operand(t, c)});
  return out;
}

namespace {

constexpr const char* kSig = "(Tensor input, *, Tensor? out=None)";
constexpr const char* kSig_ = "(Tensor self)";

/// The definitions of the functions without constants follow from their rules: `name` and `name_`.
struct FromRules {
  std::vector<OpDef> defs;
  std::vector<std::string> names;

  FromRules() {
    struct Alias {
      const char *name, *of;
    };
    static constexpr Alias aliases[] = {{"absolute", "abs"},  {"negative", "neg"},  {"arcsin", "asin"},
                                        {"arccos", "acos"},   {"arctan", "atan"},   {"arcsinh", "asinh"},
                                        {"arccosh", "acosh"}, {"arctanh", "atanh"}, {"fix", "trunc"}};
    const std::size_t most = 2 * (std::size(kRules) + std::size(aliases));
    defs.reserve(most);
    names.reserve(most);
    for (const UnaryRule& r : kRules) add(r, r.name);
    for (const Alias& alias : aliases) {
      for (const UnaryRule& r : kRules) {
        if (std::string_view(r.name) == alias.of) add(r, alias.name);
      }
    }
    for (const OpDef& d : defs) all_ops().push_back(&d);
  }
  void add(const UnaryRule& r, const char* name) {
    if (name[0] == '_') return;  // reached through gelu, round
    const bool linear = r.op == Unary::Neg || r.op == Unary::Conj;
    const Kind kind = linear ? Kind::Linear : Kind::Pointwise;
    const bool special = std::string_view(name).starts_with("special_");  // a function of torch.special alone
    defs.push_back({name, kSig, unary_op, special ? kFunction : kBoth, kind, r.doc, &r});
    if (special) return;
    names.push_back(std::string(name) + "_");
    defs.push_back({names.back().c_str(), kSig_, unary_op_, kBoth, kind, r.doc, &r});
  }
};
const FromRules from_rules;

constexpr const void* data(UnaryParam op) {
  for (const ParamRule& r : kParamRules) {
    if (r.op == op) return &r;
  }
  return nullptr;
}
const void* data(Predicate op) { return reinterpret_cast<const void*>(std::intptr_t(op)); }

const OpDef ops[] = {
    {"leaky_relu", "(Tensor input, Number negative_slope=0.01, bool inplace=False)", leaky_relu_op, kFunction,
     Kind::Pointwise, "input where positive, else negative_slope * input.", data(UnaryParam::LeakyRelu)},
    {"leaky_relu_", "(Tensor input, Number negative_slope=0.01)", leaky_relu_op, kFunction, Kind::Pointwise,
     "In-place leaky_relu.", data(UnaryParam::LeakyRelu)},
    {"elu", "(Tensor input, Number alpha=1.0, bool inplace=False)", elu_op, kFunction, Kind::Pointwise,
     "input where positive, else alpha * (exp(input) - 1).", data(UnaryParam::Elu)},
    {"elu_", "(Tensor input, Number alpha=1.0)", elu_op, kFunction, Kind::Pointwise, "In-place elu.",
     data(UnaryParam::Elu)},
    {"celu", "(Tensor input, Number alpha=1.0, bool inplace=False)", celu_op, kFunction, Kind::Pointwise,
     "max(0, x) + min(0, alpha * (exp(x / alpha) - 1)).", &kCelu},
    {"celu_", "(Tensor input, Number alpha=1.0)", celu_op, kFunction, Kind::Pointwise, "In-place celu.", &kCelu},
    {"hardtanh", "(Tensor input, Number min_val=-1.0, Number max_val=1.0, bool inplace=False)", hardtanh_op, kFunction,
     Kind::Pointwise, "input, cut to [min_val, max_val].", data(UnaryParam::Hardtanh)},
    {"hardtanh_", "(Tensor input, Number min_val=-1.0, Number max_val=1.0)", hardtanh_op, kFunction, Kind::Pointwise,
     "In-place hardtanh.", data(UnaryParam::Hardtanh)},
    {"relu6", "(Tensor input, bool inplace=False)", relu6_op, kFunction, Kind::Pointwise, "min(max(input, 0), 6).",
     data(UnaryParam::Hardtanh)},
    {"softplus", "(Tensor input, Number beta=1.0, Number threshold=20.0)", softplus_op, kFunction, Kind::Pointwise,
     "log(1 + exp(beta * input)) / beta; input itself where beta * input > threshold.", data(UnaryParam::Softplus)},
    {"hardshrink", "(Tensor input, Number lambd=0.5)", shrink_op, kBoth, Kind::Pointwise,
     "input where |input| > lambd, else 0.", data(UnaryParam::Hardshrink)},
    {"softshrink", "(Tensor input, Number lambd=0.5)", shrink_op, kFunction, Kind::Pointwise,
     "input moved towards 0 by lambd, 0 within.", data(UnaryParam::Softshrink)},
    {"threshold", "(Tensor input, Number threshold, Number value, bool inplace=False)", threshold_op, kFunction,
     Kind::Pointwise, "input where above threshold, else value.", data(UnaryParam::Threshold)},
    {"threshold_", "(Tensor input, Number threshold, Number value)", threshold_op, kFunction, Kind::Pointwise,
     "In-place threshold.", data(UnaryParam::Threshold)},
    {"logit", "(Tensor input, float? eps=None, *, Tensor? out=None)", logit_op, kBoth, Kind::Pointwise,
     "log(input / (1 - input)), with input first cut to [eps, 1 - eps].", data(UnaryParam::Logit)},
    {"logit_", "(Tensor self, float? eps=None)", logit_op, kMethod, Kind::Pointwise, "In-place logit.",
     data(UnaryParam::Logit)},
    {"polygamma", "(int n, Tensor input, *, Tensor? out=None)\n(Tensor self, int n)", polygamma_op, kBoth,
     Kind::Pointwise, "The n-th derivative of digamma.", data(UnaryParam::Polygamma)},
    {"polygamma_", "(Tensor self, int n)", polygamma_op, kMethod, Kind::Pointwise, "In-place polygamma.",
     data(UnaryParam::Polygamma)},
    {"nan_to_num", "(Tensor input, float? nan=None, float? posinf=None, float? neginf=None, *, Tensor? out=None)",
     nan_to_num_op, kBoth, Kind::Pointwise,
     "nan, inf and -inf replaced; by 0 and the dtype's largest numbers where left out.", data(UnaryParam::NanToNum)},
    {"nan_to_num_", "(Tensor self, float? nan=None, float? posinf=None, float? neginf=None)", nan_to_num_op, kMethod,
     Kind::Pointwise, "In-place nan_to_num.", data(UnaryParam::NanToNum)},
    {"round", "(Tensor input, *, int decimals=0, Tensor? out=None)", round_op, kBoth, Kind::Pointwise,
     "The nearest number with so many decimals; halves to even.", data(UnaryParam::RoundDecimals)},
    {"round_", "(Tensor self, *, int decimals=0)", round_op, kMethod, Kind::Pointwise, "In-place round.",
     data(UnaryParam::RoundDecimals)},
    {"gelu", "(Tensor input, *, str approximate='none')", gelu_op, kFunction, Kind::Pointwise,
     "input * Phi(input), Phi the normal distribution function; approximate='tanh' for the cheaper form."},
    {"conj", "(Tensor input)", conj_op, kBoth, Kind::Linear, "The complex conjugate; a real tensor itself."},
    {"resolve_conj", "(Tensor input)", itself_op, kBoth, Kind::Linear, "input: conjugates are never lazy here."},
    {"resolve_neg", "(Tensor input)", itself_op, kBoth, Kind::Linear, "input: negatives are never lazy here."},
    {"positive", "(Tensor input)", positive_op, kBoth, Kind::Linear, "input."},
    {"deg2rad", kSig, composed_op, kBoth, Kind::Pointwise, "Degrees as radians.", &kDeg2rad},
    {"deg2rad_", kSig_, composed_op, kBoth, Kind::Pointwise, "In-place deg2rad.", &kDeg2rad},
    {"rad2deg", kSig, composed_op, kBoth, Kind::Pointwise, "Radians as degrees.", &kRad2deg},
    {"rad2deg_", kSig_, composed_op, kBoth, Kind::Pointwise, "In-place rad2deg.", &kRad2deg},
    {"sinc", kSig, composed_op, kBoth, Kind::Pointwise, "sin(pi x) / (pi x), 1 at 0.", &kSinc},
    {"sinc_", kSig_, composed_op, kBoth, Kind::Pointwise, "In-place sinc.", &kSinc},
    {"frexp", "(Tensor input)", frexp_op, kBoth, Kind::Pointwise,
     "(mantissa, exponent) with input = mantissa * 2^exponent and 1/2 <= |mantissa| < 1."},
    {"logical_not", kSig, predicate_op, kBoth, Kind::Comparison, "The element is zero.", data(Predicate::LogicalNot)},
    {"logical_not_", kSig_, logical_not_, kMethod, Kind::Comparison, "In-place logical_not."},
    {"isnan", "(Tensor input)", predicate_op, kBoth, Kind::Comparison, "The element is nan.", data(Predicate::IsNan)},
    {"isinf", "(Tensor input)", predicate_op, kBoth, Kind::Comparison, "The element is inf or -inf.",
     data(Predicate::IsInf)},
    {"isfinite", "(Tensor input)", predicate_op, kBoth, Kind::Comparison, "The element is neither infinite nor nan.",
     data(Predicate::IsFinite)},
    {"isposinf", kSig, predicate_op, kBoth, Kind::Comparison, "The element is inf.", data(Predicate::IsPosInf)},
    {"isneginf", kSig, predicate_op, kBoth, Kind::Comparison, "The element is -inf.", data(Predicate::IsNegInf)},
    {"signbit", kSig, predicate_op, kBoth, Kind::Comparison, "The sign bit is set: also of -0.0.",
     data(Predicate::SignBit)},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
