// Pointwise operators on three operands: lerp, addcmul, addcdiv, clamp.
#include "ops/binary.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

/// An operator of the family: its names and its derivative.
struct TernaryRule {
  Ternary op;
  const char* node;
  const char* kernel;     // the name in "… not implemented for 'Long'"
  const char* fields[3];  // the operands' names
  int edges;              // operands that are tensors
  std::uint8_t saves[3];  // which operands the gradient of each needs: bit k is operand k
  /// Fills the gradients that are asked for (pointers not null); operands are defined where saved.
  void (*vjp)(const Tensor& g, const Tensor* x, const Scalar& value, Tensor* const* grads);
};

Scalar conj(const Scalar& s) { return s.kind == Scalar::Kind::Complex ? Scalar(cdouble(s.d, -s.im)) : s; }
Tensor kept(const Tensor& mask, const Tensor& g) { return where(mask, g, zeros_like(g)); }
Tensor both(const Tensor& a, const Tensor& b) { return compare(Compare::LogicalAnd, a, b); }

/// value * a * b
void addcmul_vjp(const Tensor& g, const Tensor* x, const Scalar& value, Tensor* const* grads) {
  if (grads[0]) *grads[0] = g;
  if (grads[1]) *grads[1] = g * rl::conj(mul(x[2], value));
  if (grads[2]) *grads[2] = g * rl::conj(mul(x[1], value));
}
/// value * a / b
void addcdiv_vjp(const Tensor& g, const Tensor* x, const Scalar& value, Tensor* const* grads) {
  if (grads[0]) *grads[0] = g;
  if (grads[1]) *grads[1] = g * rl::conj(rdiv(x[2], value));
  if (grads[2]) *grads[2] = neg(g) * rl::conj(mul(x[1], value) / (x[2] * x[2]));
}
void lerp_vjp(const Tensor& g, const Tensor* x, const Scalar&, Tensor* const* grads) {
  if (grads[0]) *grads[0] = g * rl::conj(rsub(x[2], 1));
  if (grads[1]) *grads[1] = g * rl::conj(x[2]);
  if (grads[2]) *grads[2] = g * rl::conj(x[1] - x[0]);
}
/// By a number: 1 - weight, weight.
void lerp_number_vjp(const Tensor& g, const Tensor*, const Scalar& weight, Tensor* const* grads) {
  const Scalar w = conj(weight);
  const Scalar rest = w.kind == Scalar::Kind::Complex ? Scalar(cdouble(1 - w.d, -w.im)) : Scalar(1 - w.real());
  if (grads[0]) *grads[0] = mul(g, rest);
  if (grads[1]) *grads[1] = mul(g, w);
}
/// Where a bound holds, the gradient is the bound's; where the bounds contradict each other, the upper one's.
void clamp_vjp(const Tensor& g, const Tensor* x, const Scalar&, Tensor* const* grads) {
  const Tensor &t = x[0], &low = x[1], &high = x[2];
  if (grads[0]) {
    Tensor mask = low.defined() ? compare(Compare::Ge, t, low) : compare(Compare::Le, t, high);
    if (low.defined() && high.defined()) mask = both(mask, compare(Compare::Le, t, high));
    *grads[0] = kept(mask, g);
  }
  if (grads[1]) {
    Tensor mask = compare(Compare::Lt, t, low);
    if (high.defined()) mask = both(mask, compare(Compare::Lt, low, high));
    *grads[1] = kept(mask, g);
  }
  if (grads[2]) {
    Tensor mask = compare(Compare::Gt, t, high);
    if (low.defined()) mask = compare(Compare::LogicalOr, mask, compare(Compare::Lt, high, low));
    *grads[2] = kept(mask, g);
  }
}

constexpr TernaryRule kAddcmul{
    Ternary::Addcmul, "AddcmulBackward0", "addcmul_cpu_out", {"self", "tensor1", "tensor2"}, 3, {0, 4, 2}, addcmul_vjp};
constexpr TernaryRule kAddcdiv{
    Ternary::Addcdiv, "AddcdivBackward0", "addcdiv_cpu_out", {"self", "tensor1", "tensor2"}, 3, {0, 4, 6}, addcdiv_vjp};
constexpr TernaryRule kLerp{Ternary::Lerp, "LerpBackward1", "lerp_kernel_tensor", {"self", "end", "weight"}, 3,
                            {4, 4, 3},     lerp_vjp};
constexpr TernaryRule kLerpNumber{Ternary::Lerp, "LerpBackward0", "lerp_kernel_scalar", {"self", "end", "weight"}, 2,
                                  {0, 0, 0},     lerp_number_vjp};
constexpr TernaryRule kClamp{Ternary::Clamp, "ClampBackward0", "clamp_cpu", {"self", "min", "max"}, 3,
                             {7, 7, 7},      clamp_vjp};

struct TernaryNode final : Node {
  const TernaryRule* rule;
  SavedTensor x[3];
  Scalar value;

  const char* name() const override { return rule->node; }
  void apply(Tensor* in, Tensor* out) override {
    std::uint8_t want = 0;
    Tensor* grads[3] = {};
    for (std::uint32_t i = 0; i < edge_count(); ++i) {
      if (!needs(i)) continue;
      want |= rule->saves[i];
      grads[i] = &out[i];
    }
    Tensor saved[3];
    for (int i = 0; i < 3; ++i) {
      // A bound that clamp() was not given was not saved.
      if ((want >> i & 1) && (rule != &kClamp || x[i].saved() || is_released())) saved[i] = x[i].unpack(this);
    }
    rule->vjp(in[0], saved, value, grads);
  }
  void visit(SavedVisitor& v) override {
    for (int i = 0; i < 3; ++i) {
      if ((rule->saves[0] | rule->saves[1] | rule->saves[2]) >> i & 1) v.tensor(rule->fields[i], x[i]);
    }
  }
  void show(ValueVisitor& v) const override {
    if (rule == &kAddcmul || rule == &kAddcdiv) v.number("value", value);
    if (rule == &kLerpNumber) v.number("weight", value);
  }
  void release_saved() override { free_saved(x[0], x[1], x[2]); }
};

/// clamp() by numbers.
struct ClampNode final : Node {
  SavedTensor x;
  bool has_low, has_high;
  Scalar low, high;

  const char* name() const override { return "ClampBackward1"; }
  void show(ValueVisitor& v) const override {
    const auto bound = [&](const char* field, bool given, const Scalar& value) {
      if (given)
        v.number(field, value);
      else
        v.nothing(field);
    };
    bound("min", has_low, low);
    bound("max", has_high, high);
  }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor t = x.unpack(this);
    Tensor mask = has_low ? compare(Compare::Ge, t, low) : compare(Compare::Le, t, high);
    if (has_low && has_high) mask = both(mask, compare(Compare::Le, t, high));
    out[0] = kept(mask, in[0]);
  }
  void visit(SavedVisitor& v) override { v.tensor("self", x); }
};

/// A number that a kernel of this dtype computes with must be one of its numbers.
void check_value(const Scalar& s, DType d) {
  const char* name = nullptr;
  double low = 0, high = 0;
  switch (d) {
    case DType::UInt8: name = "uint8_t", low = -255, high = 255; break;
    case DType::Int8: name = "int8_t", low = -128, high = 127; break;
    case DType::Int16: name = "int16_t", low = -32768, high = 32767; break;
    case DType::Int32: name = "int", low = -0x1p31, high = 0x1p31 - 1; break;
    case DType::Int64: name = "int64_t", low = -0x1p63, high = 0x1p63; break;
    case DType::Half: name = "c10::Half", low = -65504, high = 65504; break;
    case DType::BFloat16: name = "c10::BFloat16", low = -0x1.FEp127, high = 0x1.FEp127; break;
    case DType::Float: name = "float", low = -0x1.fffffep127, high = 0x1.fffffep127; break;
    case DType::Double: name = "double", low = -0x1.fffffffffffffp1023, high = 0x1.fffffffffffffp1023; break;
    default: return;
  }
  const double v = s.real();
  const bool special = is_floating(d) && (v != v || v - v != 0);  // nan and inf are numbers of a float
  if (s.im != 0 || (!special && !(v >= low && v <= high)))
    fail_runtime("value cannot be converted to type ", name, " without overflow");
}

/// What an operator of the family computes: the loop and its operands, all of dtype `d`.
struct Call {
  Loop loop;
  const void* params;
  DType d;
  const Tensor* x[3];  // x[0] is what in-place forms change; null where the operand is a number
  const void* numbers[3] = {};
  int n = 3;  // operands of the loop

  Operand operand(int i, DType c) const { return x[i] ? Operand(*x[i], c) : Operand(numbers[i], c); }
  void run(const Tensor& out) const {
    const DType c = compute_type(d);
    if (n == 2)
      run_loop(loop, params, Operand(out, c), {operand(0, c), operand(1, c)});
    else
      run_loop(loop, params, Operand(out, c), {operand(0, c), operand(1, c), operand(2, c)});
  }
  Tensor make() const {
    const Tensor& first = *x[0];
    const Tensor &second = n > 1 && x[1] ? *x[1] : first, &third = n > 2 && x[2] ? *x[2] : first;
    Tensor out = pointwise_output({&first, &second, &third}, d);
    run(out);
    return out;
  }
  /// The result in x[0]; `node` is what recorded it, or null.
  void make_in_place(Node* node) {
    const Tensor& self = *x[0];
    Tensor safe[3];
    for (int i = 1; i < n; ++i) {
      if (x[i] == nullptr) continue;
      safe[i] = overlap_safe(*x[i], self);
      x[i] = &safe[i];
    }
    run(self);
    finish_inplace(self, node);
  }
  void check_in_place() const {
    DimVec shape = x[0]->sizes();
    for (int i = 1; i < n; ++i) {
      if (x[i] && !same(x[i]->sizes(), shape)) shape = broadcast_shapes(shape, x[i]->sizes());
    }
    check_inplace_result(*x[0], d, shape);
  }
};

Loop loop_of(const TernaryRule& rule, DType d) {
  const Loop loop = kernels->pointwise.ternary[int(rule.op)][int(compute_type(d))];
  if (loop == nullptr) fail_unsupported(rule.kernel, d);
  return loop;
}

/// Runs `call` into a new tensor, `out=` or x[0] itself, and records it. `x`: the operands as the node saves them.
PyObject* finish(const OpDef& def, Args& a, int out_slot, const TernaryRule& rule, Call& call, const Tensor (&x)[3],
                 const Scalar& value, bool in_place) {
  const bool record = recording(x[0], x[1], x[2]);
  NodeRef node;
  TernaryNode* n = nullptr;
  if (in_place) {
    check_inplace(x[0], record);
    call.check_in_place();
  }
  if (record && is_differentiable(call.d)) {
    n = make_node<TernaryNode>(std::uint32_t(rule.edges));
    node = NodeRef::steal(n);
    n->rule = &rule;
    n->value = value;
    std::uint8_t want = 0;
    for (std::uint32_t i = 0; i < n->edge_count(); ++i) {
      if (x[i].defined()) connect(n, i, x[i]);
      if (n->needs(i)) want |= rule.saves[i];
    }
    const Tensor old = in_place && (want & 1) ? clone(x[0]) : x[0];
    for (int i = 0; i < 3; ++i) {
      if ((want >> i & 1) && x[i].defined()) n->x[i].save(x[i].is(x[0]) ? old : x[i]);
    }
  }
  const auto note = [&](const Tensor& out) {
    const Tensor &second = x[1].defined() ? x[1] : x[0], &third = x[2].defined() ? x[2] : x[0];
    if (n->edge_count() == 3)
      note_inputs(n, out, {&x[0], &second, &third});
    else
      note_inputs(n, out, {&x[0], &second});
  };
  if (in_place) {
    if (n != nullptr) note(x[0]);
    call.make_in_place(n);
    return Tensor(x[0]).release();
  }
  Tensor out = call.make();
  if (n != nullptr) {
    note(out);
    set_history(out, n);
  }
  return give(a, out_slot, std::move(out), def.name, tracked(x[0]) || tracked(x[1]) || tracked(x[2]));
}

bool is_inplace_form(const OpDef& def) { return std::string_view(def.name).back() == '_'; }

// --- as Python calls them
// -------------------------------------------------------------------------------------------------------------

/// (input, tensor1, tensor2, *, value, out)
PyObject* addc_op(const OpDef& def, Args& a) {
  const auto& rule = *static_cast<const TernaryRule*>(def.data);
  const Tensor x[3] = {a.tensor(0), a.tensor(1), a.tensor(2)};
  if (&rule == &kAddcdiv && is_integral(x[1].dtype(), true) && is_integral(x[2].dtype(), true)) {
    fail_runtime(
        "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true "
        "division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * "
        "torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) "
        "for float inputs. The future addcdiv behavior is just the latter implementation: (input + value * tensor1 / "
        "tensor2), for all dtypes.");
  }
  const Scalar value = a.scalar(3, 1);
  Promotion p;
  for (const Tensor& t : x) p.add(t);
  const DType d = p.result();
  Call call{loop_of(rule, d), nullptr, d, {&x[0], &x[1], &x[2]}};
  check_value(value, d);
  const double params[2] = {value.real(), value.im};
  call.params = params;
  return finish(def, a, 4, rule, call, x, value, is_inplace_form(def));
}

const char* cpp_name(DType d) {
  static constexpr const char* names[kDTypes] = {
      "bool",  "unsigned char", "signed char",         "short",
      "int",   "long int",      "c10::Half",           "c10::BFloat16",
      "float", "double",        "c10::complex<float>", "c10::complex<double>"};
  return names[int(d)];
}

/// (input, end, weight, *, out)
PyObject* lerp_op(const OpDef& def, Args& a) {
  const bool by_tensor = a.is_tensor(2);
  const TernaryRule& rule = by_tensor ? kLerp : kLerpNumber;
  const Tensor x[3] = {a.tensor(0), a.tensor(1), by_tensor ? a.tensor(2) : Tensor()};
  const DType d = x[0].dtype();
  if (x[1].dtype() != d)
    fail_runtime("expected dtype ", cpp_name(d), " for `end` but got dtype ", cpp_name(x[1].dtype()));
  if (by_tensor && x[2].dtype() != d && x[2].ndim() > 0)
    fail_runtime("expected dtype ", cpp_name(d), " for `weight` but got dtype ", cpp_name(x[2].dtype()));
  const Loop loop = loop_of(rule, d);
  Call call{loop, nullptr, d, {&x[0], &x[1], &x[2]}};
  const Scalar weight = by_tensor ? Scalar(0) : a.scalar(2);
  check_value(weight, d);
  const double params[2] = {weight.real(), weight.im};
  if (!by_tensor) {
    call.loop = kernels->pointwise.binary_param[int(BinaryParam::LerpScalar)][int(compute_type(d))];
    call.params = params;
    call.n = 2;
  }
  return finish(def, a, 3, rule, call, x, weight, is_inplace_form(def));
}

/// (input, min, max, *, out), both tensors
PyObject* clamp_by_tensors(const OpDef& def, Args& a) {
  const Tensor x[3] = {a.tensor(0), a.tensor(1), a.tensor(2)};
  Promotion p;
  for (const Tensor& t : x) {
    if (t.defined()) p.add(t);
  }
  const DType d = p.result();
  if (is_complex(d)) fail(ErrorKind::NotImplemented, "clamp is not supported for complex types");
  Call call{nullptr, nullptr, d, {&x[0], &x[1], &x[2]}};
  if (x[1].defined() && x[2].defined()) {
    call.loop = loop_of(kClamp, d);
  } else {
    const Binary op = x[1].defined() ? Binary::Maximum : Binary::Minimum;
    call.loop = kernels->pointwise.binary[int(op)][int(compute_type(d))];
    call.n = 2;
    if (!x[1].defined()) call.x[1] = &x[2];
  }
  return finish(def, a, 3, kClamp, call, x, 0, is_inplace_form(def));
}

/// (input, min, max, *, out)
PyObject* clamp_op(const OpDef& def, Args& a) {
  const bool has_low = a.has(1), has_high = a.has(2);
  if (!has_low && !has_high) fail_runtime("torch.clamp: At least one of 'min' or 'max' must not be None");
  if (a.is_tensor(1) || a.is_tensor(2)) return clamp_by_tensors(def, a);
  const Tensor x = a.tensor(0);
  const Scalar low = a.scalar(1, 0), high = a.scalar(2, 0);
  Promotion p;
  p.add(x);
  if (has_low) p.add(low);
  if (has_high) p.add(high);
  if (is_complex(x.dtype())) fail(ErrorKind::NotImplemented, "clamp is not supported for complex types");
  if (low.kind == Scalar::Kind::Complex || high.kind == Scalar::Kind::Complex)
    fail_runtime("value cannot be converted to type double without overflow");
  const DType d = p.result(), c = compute_type(d);
  if (d == DType::Bool) fail_unsupported("clamp_scalar_cpu", d);
  check_value(low, d);
  check_value(high, d);
  alignas(16) char numbers[2][16];
  low.store(numbers[0], c);
  high.store(numbers[1], c);
  Call call{nullptr, nullptr, d, {&x, nullptr, nullptr}, {nullptr, numbers[0], numbers[1]}};
  if (has_low && has_high) {
    call.loop = loop_of(kClamp, d);
  } else {
    call.loop = kernels->pointwise.binary[int(has_low ? Binary::Maximum : Binary::Minimum)][int(c)];
    call.n = 2;
    if (!has_low) call.numbers[1] = numbers[1];
  }
  const bool record = recording(x), in_place = is_inplace_form(def);
  if (in_place) {
    check_inplace(x, record);
    call.check_in_place();
  }
  NodeRef node;
  if (record) {
    auto* n = make_node<ClampNode>(1);
    node = NodeRef::steal(n);
    connect(n, 0, x);
    n->x.save(in_place ? clone(x) : x);
    n->has_low = has_low;
    n->has_high = has_high;
    n->low = low;
    n->high = high;
  }
  if (in_place) {
    call.make_in_place(node.get());
    return Tensor(x).release();
  }
  Tensor out = call.make();
  if (record) {
    note_inputs(node.get(), out, {&x});
    set_history(out, node.get());
  }
  return give(a, 3, std::move(out), def.name, tracked(x));
}

constexpr const char* kAddcSig = "(Tensor input, Tensor tensor1, Tensor tensor2, *, Number value=1, Tensor? out=None)";
constexpr const char* kAddcSig_ = "(Tensor self, Tensor tensor1, Tensor tensor2, *, Number value=1)";
constexpr const char* kClampSig =
    "(Tensor input, Tensor? min=None, Tensor? max=None, *, Tensor? out=None)\n"
    "(Tensor input, Number? min=None, Number? max=None, *, Tensor? out=None)";
constexpr const char* kClampSig_ =
    "(Tensor self, Tensor? min=None, Tensor? max=None)\n"
    "(Tensor self, Number? min=None, Number? max=None)";

const OpDef ops[] = {
    {"addcmul", kAddcSig, addc_op, kBoth, Kind::Pointwise,
     "input + value * tensor1 * tensor2, elementwise with broadcasting.", &kAddcmul},
    {"addcmul_", kAddcSig_, addc_op, kMethod, Kind::Pointwise, "In-place addcmul.", &kAddcmul},
    {"addcdiv", kAddcSig, addc_op, kBoth, Kind::Pointwise,
     "input + value * tensor1 / tensor2, elementwise with broadcasting.", &kAddcdiv},
    {"addcdiv_", kAddcSig_, addc_op, kMethod, Kind::Pointwise, "In-place addcdiv.", &kAddcdiv},
    {"lerp",
     "(Tensor input, Tensor end, Tensor weight, *, Tensor? out=None)\n"
     "(Tensor input, Tensor end, Number weight, *, Tensor? out=None)",
     lerp_op, kBoth, Kind::Pointwise,
     "input + weight * (end - input); computed from the nearer end, so that weight 1 gives `end` exactly."},
    {"lerp_", "(Tensor self, Tensor end, Tensor weight)\n(Tensor self, Tensor end, Number weight)", lerp_op, kMethod,
     Kind::Pointwise, "In-place lerp."},
    {"clamp", kClampSig, clamp_op, kBoth, Kind::Pointwise, "input, cut to [min, max]; max where min > max."},
    {"clamp_", kClampSig_, clamp_op, kBoth, Kind::Pointwise, "In-place clamp."},
    {"clip", kClampSig, clamp_op, kBoth, Kind::Pointwise, "Alias of clamp."},
    {"clip_", kClampSig_, clamp_op, kBoth, Kind::Pointwise, "In-place clamp."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
