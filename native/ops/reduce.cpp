// Reductions and scans along dimensions, and softmax.
#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <string_view>

#include "kernels/reductions.h"
#include "ops/binary.h"
#include "ops/ops.h"
#include "ops/picked.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

struct Plan {
  std::uint64_t mask = 0;
  DimVec kept;  // the result's sizes, reduced dimensions as 1
  bool all = true;
};

Plan plan(const Tensor& t, Dims dims) {
  Plan p;
  const int n = t.ndim();
  p.all = dims.empty();
  if (dims.empty()) p.mask = kAllDims;
  for (auto d : dims) {
    const int k = wrap_dim(d, n);
    if (p.mask >> k & 1) fail_runtime("dim ", k, " appears multiple times in the list of dims");
    p.mask |= std::uint64_t(1) << k;
  }
  p.kept.assign(t.sizes());
  for (int i = 0; i < n; ++i) {
    if (p.mask >> i & 1) p.kept[i] = 1;
  }
  return p;
}

Source source(const Tensor& t) { return {t.data(), t.dtype(), t.sizes(), t.strides()}; }

Tensor drop_dims(const Tensor& t, const Plan& p, bool keepdim) {
  if (keepdim) return t;
  DimVec sizes, strides;
  for (int i = 0; i < t.ndim(); ++i) {
    if (p.mask >> i & 1) continue;
    sizes.push_back(t.sizes()[i]);
    strides.push_back(t.strides()[i]);
  }
  set_geometry(t.get(), sizes, strides);
  return t;
}

/// Runs a reduction; `second` receives what it gives besides (an index or a mean).
Tensor reduced(Reduce op, const Tensor& t, const Plan& p, bool keepdim, DType out_type, double param = 0,
               Tensor* second = nullptr, DType second_type = DType::Int64) {
  Tensor out = empty(p.kept, out_type);
  Target extra;
  if (second != nullptr) {
    *second = empty(p.kept, second_type);
    extra = {second->data(), second_type, second->strides()};
  }
  {
    GilRelease gil(t.numel());
    reduce(op, source(t), p.mask, {out.data(), out_type, out.strides()}, extra, param);
  }
  if (second != nullptr) drop_dims(*second, p, keepdim);
  return drop_dims(out, p, keepdim);
}

/// A gradient of the result's shape as one of the input's: reduced dimensions come back with size 1.
Tensor restore(Tensor g, Dims sizes, std::uint64_t mask, bool keepdim) {
  if (keepdim || sizes.empty()) return g;
  DimVec shape(sizes);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (mask >> i & 1) shape[i] = 1;
  }
  return reshape(g, shape);
}

DimVec masked_dims(std::uint64_t mask, std::size_t ndim) {
  DimVec dims;
  for (std::size_t i = 0; i < ndim; ++i) {
    if (mask >> i & 1) dims.push_back(std::int64_t(i));
  }
  return dims;
}

struct ReduceNode : Node {
  DimList sizes;
  std::uint64_t mask = 0;
  bool keepdim = false, all = true;
  DType dtype = DType::Float;
  Tensor spread(const Tensor& g) const {
    // A small one that nobody differentiates is written out: cheaper for what follows than a view with stride 0.
    constexpr std::int64_t kSmall = 256;
    if (!modes.grad && g.numel() == 1 && product(sizes) <= kSmall) {
      Tensor out = empty(sizes, g.dtype());
      char* const data[2] = {out.data(), g.data()};
      const std::int64_t strides[2] = {g.itemsize(), 0};
      if (out.numel() > 0) kernels->pointwise.cast[int(g.dtype())][int(g.dtype())](data, strides, out.numel(), nullptr);
      return out;
    }
    return expand(restore(g, sizes, mask, keepdim), sizes);
  }
  void show_sizes(ValueVisitor& v) const { v.list("self_sym_sizes", sizes); }
  void show_dims(ValueVisitor& v) const {
    if (all)
      v.nothing("dim");
    else
      v.list("dim", masked_dims(mask, sizes.size()));
    v.flag("keepdim", keepdim);
  }
};
struct SumNode final : ReduceNode {
  const char* name() const override { return all ? "SumBackward0" : "SumBackward1"; }
  void show(ValueVisitor& v) const override {
    if (!all) show_dims(v);
    show_sizes(v);
  }
  void apply(Tensor* in, Tensor* out) override { out[0] = to(spread(in[0]), dtype); }
};
struct NansumNode final : ReduceNode {
  SavedTensor x;
  const char* name() const override { return "NansumBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    out[0] = masked_fill(to(spread(in[0]), dtype), predicate(Predicate::IsNan, x.unpack(this)), 0);
  }
  void visit(SavedVisitor& v) override { v.tensor("self", x); }
  void show(ValueVisitor& v) const override { show_dims(v); }
};
struct MeanNode final : ReduceNode {
  double count = 1;
  void show(ValueVisitor& v) const override {
    if (!all) show_dims(v);
    v.number("self_sym_numel", product(sizes));
    show_sizes(v);
  }
  const char* name() const override { return all ? "MeanBackward0" : "MeanBackward1"; }
  void apply(Tensor* in, Tensor* out) override { out[0] = to(spread(in[0] / Scalar(count)), dtype); }
};
/// amax, amin and full max, min: the gradient is shared evenly among ties.
struct ExtremeNode final : ReduceNode {
  SavedTensor x, y;
  const char* title = "";
  const char* name() const override { return title; }
  void show(ValueVisitor& v) const override {
    if (std::string_view(title).starts_with("Am")) {  // not the full max and min
      v.list("dim", all ? DimVec() : masked_dims(mask, sizes.size()));
      v.flag("keepdim", keepdim);
    }
  }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor mask_ = to(compare(Compare::Eq, x.unpack(this), spread(y.unpack(this))), in[0].dtype());
    DimVec dims;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (mask >> i & 1) dims.push_back(std::int64_t(i));
    }
    out[0] = spread(in[0]) * mask_ / (sizes.empty() ? mask_ : sum(mask_, dims, true));
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", x);
    v.tensor("result", y);
  }
};
struct ProdNode final : ReduceNode {
  SavedTensor x, y;
  const char* name() const override { return all ? "ProdBackward0" : "ProdBackward1"; }
  void apply(Tensor* in, Tensor* out) override { out[0] = to(gradient(in[0]), dtype); }
  Tensor gradient(const Tensor& given);
  void show(ValueVisitor& v) const override {
    if (all) return;
    v.number("dim", mask == 0 ? 0 : std::countr_zero(mask));
    v.flag("keepdim", keepdim);
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", x);
    v.tensor("result", y);
  }
};
/// Variance or standard deviation; with a second output the mean as well.
struct VarNode final : ReduceNode {
  SavedTensor x, y;
  double degrees = 1, count = 1;
  bool root = false, with_mean = false;
  const char* name() const override {
    if (with_mean) return root ? "StdMeanBackward0" : "VarMeanBackward0";
    return root ? "StdBackward0" : "VarBackward0";
  }
  void apply(Tensor* in, Tensor* out) override {
    if (in[0].defined()) out[0] = deviation(in[0]);
    if (!with_mean || !in[1].defined()) return;
    const Tensor shared = to(spread(in[1] / Scalar(count)), dtype);
    out[0] = out[0].defined() ? out[0] + shared : shared;
  }
  Tensor deviation(Tensor g) {
    DimVec dims;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      if (mask >> i & 1) dims.push_back(std::int64_t(i));
    }
    if (root) {
      const Tensor s = y.unpack(this);
      const Tensor scaled = g / (s * Scalar(2));
      g = where(compare(Compare::Eq, s, Scalar(0.0)), zeros_like(scaled), scaled);
    }
    const Tensor saved = x.unpack(this);
    return spread(g) * Scalar(2 / degrees) * (saved - mean(saved, dims, !sizes.empty()));
  }
  void show(ValueVisitor& v) const override {
    v.number("correction", count - degrees);
    show_dims(v);
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", x);
    if (root) v.tensor("result", y);
  }
};
/// The gradient of a p-norm over the masked dimensions of `s`; the norm `n` and its gradient `g` are spread to its
/// sizes.
Tensor norm_gradient(const Tensor& s, const Tensor& n, const Tensor& g, double p, std::uint64_t mask) {
  if (p == 0) return zeros_like(s);
  if (p == 1) return g * sgn(s);
  if (p == INFINITY || p == -INFINITY) {
    const Tensor hit = to(compare(Compare::Eq, abs(s), n), g.dtype());
    return sgn(s) * (hit * g / (s.ndim() == 0 ? hit : sum(hit, masked_dims(mask, std::size_t(s.ndim())), true)));
  }
  const Tensor flat = compare(Compare::Eq, n, Scalar(0.0));
  // Not divided by zero, as zero times infinity would be the derivative of this derivative.
  const Tensor size = masked_fill(n, flat, 1);
  Tensor d;
  if (p == 2) {
    d = s * (g / size);
  } else {
    Tensor steep = pow(abs(s), Scalar(p - 1));
    if (p < 1) steep = masked_fill(steep, compare(Compare::Eq, s, Scalar(0.0)), 0);
    d = sgn(s) * steep * (g / pow(size, Scalar(p - 1)));
  }
  return where(flat, zeros_like(d), d);
}
struct NormNode final : ReduceNode {
  SavedTensor x, y;
  double p = 2;
  const char* name() const override { return "LinalgVectorNormBackward0"; }
  void show(ValueVisitor& v) const override {
    v.number("ord", p);
    show_dims(v);
  }
  void apply(Tensor* in, Tensor* out) override {
    out[0] = norm_gradient(x.unpack(this), spread(y.unpack(this)), spread(in[0]), p, mask);
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", x);
    v.tensor("result", y);
  }
};
/// The p-norm of a difference.
struct DistNode final : Node {
  SavedTensor x, other, y;
  double p = 2;
  const char* name() const override { return "DistBackward0"; }
  void show(ValueVisitor& v) const override { v.number("p", p); }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor a = x.unpack(this), b = other.unpack(this), d = a - b;
    const Tensor g = norm_gradient(d, expand(y.unpack(this), d.sizes()), expand(in[0], d.sizes()), p, kAllDims);
    if (needs(0)) out[0] = to(sum_to(g, a.sizes()), a.dtype());
    if (needs(1)) out[1] = to(sum_to(-g, b.sizes()), b.dtype());
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", x);
    v.tensor("other", other);
    v.tensor("result", y);
  }
};
/// Each of the two shared evenly among ties.
struct AminmaxNode final : ReduceNode {
  SavedTensor x, low, high;
  const char* name() const override { return "AminmaxBackward0"; }
  void show(ValueVisitor& v) const override {
    if (all)
      v.nothing("dim");
    else
      v.number("dim", mask == 0 ? 0 : std::countr_zero(mask));
    v.flag("keepdim", keepdim);
  }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor s = x.unpack(this);
    const auto part = [&](const Tensor& g, SavedTensor& extreme) {
      const Tensor hit = to(compare(Compare::Eq, s, spread(extreme.unpack(this))), g.dtype());
      return spread(g) * hit / (sizes.empty() ? hit : sum(hit, masked_dims(mask, sizes.size()), true));
    };
    if (in[0].defined()) out[0] = part(in[0], low);
    if (!in[1].defined()) return;
    const Tensor above = part(in[1], high);
    out[0] = out[0].defined() ? out[0] + above : above;
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", x);
    v.tensor("min", low);
    v.tensor("max", high);
  }
};
Tensor logcumsumexp_of(const Tensor& t, int dim);
/// Σ_{i>=j} g_i exp(x_j - y_i), by logarithms of the positive and the negative gradients.
struct LogcumsumexpNode final : Node {
  SavedTensor x, y;
  int dim = 0;
  const char* name() const override { return "LogcumsumexpBackward0"; }
  void show(ValueVisitor& v) const override { v.number("dim", dim); }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor g = in[0], s = x.unpack(this), r = y.unpack(this);
    const auto from_end = [&](const Tensor& t) {
      if (t.ndim() == 0) return t;
      const DimVec d{dim};
      return flip(logcumsumexp_of(flip(t, d), dim), d);
    };
    if (is_complex(g.dtype())) {
      out[0] = exp(from_end(log(g) - conj(r)) + conj(s));
      return;
    }
    const Tensor least = full({},
                              g.dtype() == DType::Double ? -1.7976931348623157e308
                              : g.dtype() == DType::Half ? -65504.0
                                                         : -3.3895313892515355e38,
                              g.dtype());
    const auto side = [&](const Tensor& h) {
      const Tensor above = compare(Compare::Gt, h, Scalar(0.0));
      const Tensor logarithm = where(above, log(where(above, h, ones_like(h))), least);
      return exp(from_end(logarithm - r) + s);
    };
    out[0] = side(g) - side(-g);
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", x);
    v.tensor("result", y);
  }
};
struct LogSumExpNode final : ReduceNode {
  SavedTensor x, y;
  void show(ValueVisitor& v) const override {
    v.list("dim", masked_dims(mask, sizes.size()));
    v.flag("keepdim", keepdim);
  }
  const char* name() const override { return "LogsumexpBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    out[0] = spread(in[0]) * conj(exp(x.unpack(this) - spread(y.unpack(this))));
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", x);
    v.tensor("result", y);
  }
};
/// max and min along a dimension: the gradient goes to the chosen element.
struct IndexedNode final : ReduceNode {
  SavedTensor index;
  int dim = 0;
  const char* title = "";
  const char* name() const override { return title; }
  void show(ValueVisitor& v) const override {
    v.number("dim", dim);
    v.flag("keepdim", keepdim);
    show_sizes(v);
  }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor i = index.unpack(this);
    if (sizes.empty()) {
      out[0] = in[0];
      return;
    }
    const Tensor g = keepdim ? in[0] : unsqueeze(in[0], dim), at = keepdim ? i : unsqueeze(i, dim);
    out[0] = scatter_add(zeros(sizes, g.dtype()), dim, at, g);
  }
  void visit(SavedVisitor& v) override { v.tensor("indices", index); }
};
struct CumsumNode final : Node {
  int dim = 0;
  DType dtype = DType::Float;
  const char* name() const override { return "CumsumBackward0"; }
  void show(ValueVisitor& v) const override { v.number("dim", dim); }
  void apply(Tensor* in, Tensor* out) override {
    const DimVec d{dim};
    out[0] = to(in[0].ndim() == 0 ? in[0] : flip(cumsum(flip(in[0], d), dim), d), dtype);
  }
};
struct SoftmaxNode final : Node {
  SavedTensor y;
  int dim = 0;
  bool log = false;
  DType dtype = DType::Float;
  const char* name() const override { return log ? "LogSoftmaxBackward0" : "SoftmaxBackward0"; }
  void show(ValueVisitor& v) const override { v.number("dim", dim); }
  void apply(Tensor* in, Tensor* out) override;
  void visit(SavedVisitor& v) override { v.tensor("result", y); }
};

template <class N>
N* describe(N* n, const Tensor& t, const Plan& p, bool keepdim) {
  n->sizes.assign(t.sizes());
  n->mask = p.mask;
  n->keepdim = keepdim;
  n->all = p.all;
  n->dtype = t.dtype();
  return n;
}

DType sum_type(const Tensor& t, std::optional<DType> dtype) {
  return dtype ? *dtype : is_integral(t.dtype(), true) ? DType::Int64 : t.dtype();
}

std::int64_t reduced_count(const Tensor& t, const Plan& p) {
  std::int64_t n = 1;
  for (int i = 0; i < t.ndim(); ++i) {
    if (p.mask >> i & 1) n *= t.sizes()[i];
  }
  return n;
}

}  // namespace

Tensor sum(const Tensor& t, Dims dims, bool keepdim, std::optional<DType> dtype) {
  const Plan p = plan(t, dims);
  Tensor out = reduced(Reduce::Sum, t, p, keepdim, sum_type(t, dtype));
  if (recording(t) && is_differentiable(out.dtype())) describe(record<SumNode>(out, t), t, p, keepdim);
  return out;
}

Tensor mean(const Tensor& t, Dims dims, bool keepdim, std::optional<DType> dtype) {
  const DType d = dtype.value_or(t.dtype());
  if (!is_differentiable(d)) {
    fail_runtime("mean(): could not infer output dtype. ", dtype ? "Optional dtype" : "Input dtype",
                 " must be either a floating point or complex dtype. Got: ", scalar_type_name(d));
  }
  const Plan p = plan(t, dims);
  const std::int64_t n = reduced_count(t, p);
  // 16-bit floats are divided before they are rounded.
  const DType wide = compute_type(d);
  Tensor out = reduced(Reduce::Sum, t, p, keepdim, wide);
  divide(out, double(n));
  if (wide != d) out = to_contiguous(out, d);
  if (recording(t)) describe(record<MeanNode>(out, t), t, p, keepdim)->count = double(n);
  return out;
}

namespace {
Tensor cumsum_as(const Tensor& t, int dim, DType d) {
  dim = wrap_dim(dim, t.ndim());
  Tensor out = empty(t.sizes(), d);
  if (t.ndim() == 0) {
    copy_into(out, t);
  } else {
    scan(Scan::Cumsum, source(t), dim, {out.data(), out.dtype(), out.strides()});
  }
  if (recording(t) && is_differentiable(d)) {
    auto* n = record<CumsumNode>(out, t);
    n->dim = dim;
    n->dtype = t.dtype();
  }
  return out;
}
}  // namespace

Tensor cumsum(const Tensor& t, int dim) { return cumsum_as(t, dim, sum_type(t, {})); }

Tensor sum_to(const Tensor& t, Dims sizes) {
  if (same(t.sizes(), sizes)) return t;
  const int lead = t.ndim() - int(sizes.size());
  DimVec dims;
  for (int i = 0; i < t.ndim(); ++i) {
    if (i < lead || (sizes[std::size_t(i - lead)] == 1 && t.sizes()[i] != 1)) dims.push_back(i);
  }
  Tensor s = dims.empty() ? t : sum(t, dims, true);
  return lead > 0 ? reshape(s, sizes) : s;
}

namespace {

bool has_zero(const Tensor& t) {
  GradMode off(false);
  return item(reduced(Reduce::All, t, plan(t, {}), false, DType::Bool)).i == 0;
}

/// d prod / dx_i is the product of all others: where nothing is zero, prod / x_i; else by products from both sides.
Tensor ProdNode::gradient(const Tensor& given) {
  const Tensor s = to(x.unpack(this), given.dtype()), r = spread(y.unpack(this)), g = spread(given);
  if (s.numel() == 0) return g * s;
  if (!has_zero(s)) return g * conj(r / s);
  // Element by element along the reduced dimension; differentiable, and right at zeros.
  int dim = -1;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (mask >> i & 1) dim = dim < 0 ? int(i) : -2;
  }
  const bool flat = all || dim < 0;
  const Tensor line = flat ? reshape(s, {{-1}}) : transpose(s, dim, -1);
  const std::int64_t n = line.size(-1);
  std::vector<Tensor> others;
  const int last = line.ndim() - 1;
  std::vector<Tensor> left, right(static_cast<std::size_t>(n));
  left.push_back(ones_like(select(line, last, 0)));
  for (std::int64_t i = 1; i < n; ++i) left.push_back(left.back() * select(line, last, i - 1));
  right[std::size_t(n - 1)] = ones_like(left[0]);
  for (std::int64_t i = n - 1; i-- > 0;) right[std::size_t(i)] = right[std::size_t(i + 1)] * select(line, last, i + 1);
  for (std::int64_t i = 0; i < n; ++i) others.push_back(left[std::size_t(i)] * right[std::size_t(i)]);
  Tensor d = stack(others, last);
  d = flat ? reshape(d, s.sizes()) : transpose(d, dim, -1);
  return g * conj(d);
}

void check_softmax_type(const Tensor& t, int dim, bool log) {
  if (is_floating(t.dtype()) || t.numel() == 0) return;
  const bool last = t.ndim() == 0 || wrap_dim(dim, t.ndim()) == t.ndim() - 1;
  fail_unsupported(log ? (last ? "log_softmax_lastdim_kernel_impl" : "log_softmax_kernel_impl")
                       : (last ? "softmax_lastdim_kernel_impl" : "softmax_kernel_impl"),
                   t.dtype());
}

Tensor softmax_of(const Tensor& t, int dim, bool log) {
  check_softmax_type(t, dim, log);
  dim = wrap_dim(dim, t.ndim());
  const Tensor x = contiguous_as(t, t.dtype());
  Tensor out = empty(t.sizes(), t.dtype());
  std::int64_t outer = 1, inner = 1;
  for (int i = 0; i < t.ndim(); ++i) (i < dim ? outer : inner) *= i == dim ? 1 : t.sizes()[i];
  const std::int64_t n = t.ndim() == 0 ? 1 : t.sizes()[dim];
  if (t.numel() > 0) {
    GilRelease gil(t.numel());
    softmax(log, x.data(), out.data(), t.dtype(), outer, n, inner);
  }
  if (recording(t)) {
    auto* node = record<SoftmaxNode>(out, t);
    node->y.save_output(out);
    node->dim = dim;
    node->log = log;
  }
  return out;
}

void SoftmaxNode::apply(Tensor* in, Tensor* out) {
  const Tensor r = y.unpack(this), g = in[0];
  if (modes.grad && (tracked(g) || tracked(r))) {
    const DimVec d{dim};
    const bool scalar = r.ndim() == 0;
    if (log)
      out[0] = g - exp(r) * (scalar ? g : sum(g, d, true));
    else
      out[0] = r * (g - (scalar ? g * r : sum(g * r, d, true)));
    return;
  }
  const Tensor gc = contiguous_as(g, g.dtype());
  Tensor result = empty(r.sizes(), r.dtype());
  std::int64_t outer = 1, inner = 1;
  for (int i = 0; i < r.ndim(); ++i) (i < dim ? outer : inner) *= i == dim ? 1 : r.sizes()[i];
  if (r.numel() > 0) {
    GilRelease gil(r.numel());
    softmax_backward(log, gc.data(), r.data(), result.data(), r.dtype(), outer, r.ndim() == 0 ? 1 : r.sizes()[dim],
                     inner);
  }
  out[0] = result;
}

}  // namespace

Tensor log_softmax(const Tensor& t, int dim) { return softmax_of(t, dim, true); }
Tensor softmax(const Tensor& t, int dim) { return softmax_of(t, dim, false); }

namespace {

// --- as Python calls them
// ---------------------------------------------------------------------------------------------------

/// The dtype in which a sum or product is computed: the one asked for, that of `out`, or the input's own.
DType accumulated_type(const Tensor& t, const Args& a, int dtype, int out) {
  return sum_type(t, dtype_or_out(a, dtype, out));
}

PyObject* sum_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  if (a.overload == 0) return sum(t, {}, false, a.dtype(1)).release();
  if (!a.has(4)) return sum(t, a.ints(1), a.boolean(2), a.dtype(3)).release();
  return give(a, 4, sum(t, a.ints(1), a.boolean(2), accumulated_type(t, a, 3, 4)), def.name, tracked(t));
}
PyObject* mean_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  if (a.overload == 0) return give(a, 2, mean(t, {}, false, dtype_or_out(a, 1, 2)), def.name, tracked(t));
  return give(a, 4, mean(t, a.ints(1), a.boolean(2), dtype_or_out(a, 3, 4)), def.name, tracked(t));
}
/// (input, dim, keepdim, dtype, out)
PyObject* nansum_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  if (is_complex(t.dtype())) fail_runtime("nansum on CPU does not support complex inputs");
  const DType d = accumulated_type(t, a, 3, 4);
  const bool floating = is_floating(t.dtype());
  if (floating && !is_floating(d)) fail_unsupported("nansum_cpu", d);
  const Plan p = plan(t, a.ints(1));
  const bool keep = a.boolean(2);
  Tensor out = reduced(floating ? Reduce::NanSum : Reduce::Sum, t, p, keep, d);
  if (recording(t)) describe(record<NansumNode>(out, t), t, p, keep)->x.save(t);
  return give(a, 4, out, def.name, tracked(t));
}
/// Overload 0: (input, dim); 1: (input, dim or None).
PyObject* count_nonzero_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  const Plan p = plan(t, a.ints(1));
  Tensor out = empty(p.kept, DType::Int64);
  {
    GilRelease gil(t.numel());
    count_nonzero(source(t), p.mask, {out.data(), out.dtype(), out.strides()});
  }
  return drop_dims(out, p, false).release();
}
PyObject* prod_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  const bool full = a.overload == 0;
  const DType d = full ? sum_type(t, a.dtype(1)) : accumulated_type(t, a, 3, 4);
  const Plan p = plan(t, full ? DimVec() : DimVec{a.integer(1)});
  const bool keep = !full && a.boolean(2);
  Tensor out = reduced(Reduce::Prod, t, p, keep, d);
  if (recording(t) && is_differentiable(d)) {
    auto* n = describe(record<ProdNode>(out, t), t, p, keep);
    n->x.save(t);
    n->y.save_output(out);
  }
  return full ? out.release() : give(a, 4, out, def.name, tracked(t));
}
void need_elements(const Tensor& t, const Plan& p, const char* name) {
  for (int i = 0; i < t.ndim(); ++i) {
    if (!(p.mask >> i & 1) || t.sizes()[i] != 0) continue;
    if (p.all)
      fail_runtime(name,
                   "(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
                   "the 'dim' argument.");
    fail_index(name, "(): Expected reduction dim ", i, " to have non-zero size.");
  }
}
Tensor extreme(const Tensor& t, Dims dims, bool keepdim, bool largest, const char* name, const char* title) {
  const Plan p = plan(t, dims);
  need_elements(t, p, name);
  if (is_complex(t.dtype())) {
    const bool whole = name[0] == 'm';
    fail_unsupported(largest ? (whole ? "max_all" : "max_values_cpu") : (whole ? "min_all" : "min_values_cpu"),
                     t.dtype());
  }
  Tensor out = reduced(largest ? Reduce::Amax : Reduce::Amin, t, p, keepdim, t.dtype());
  if (recording(t)) {
    auto* n = describe(record<ExtremeNode>(out, t), t, p, keepdim);
    n->x.save(t);
    n->y.save_output(out);
    n->title = title;
  }
  return out;
}
PyObject* amax_op(const OpDef& def, Args& a) {
  const bool largest = def.name[2] == 'a';
  const Tensor t = a.tensor(0);
  if (a.has(3) && a.tensor(3).dtype() != t.dtype()) {
    fail_runtime("Expected the dtype for input and out to match, but got ", scalar_type_name(t.dtype()),
                 " for input's dtype and ", scalar_type_name(a.tensor(3).dtype()), " for out's dtype.");
  }
  return give(a, 3, extreme(t, a.ints(1), a.boolean(2), largest, def.name, largest ? "AmaxBackward0" : "AminBackward0"),
              def.name, tracked(t));
}
/// max, min: of all, along a dimension (with indices), of two tensors.
PyObject* max_op(const OpDef& def, Args& a) {
  const bool largest = def.name[1] == 'a';
  const Tensor t = a.tensor(0);
  if (a.overload == 0) {
    return give(a, 1, extreme(t, {}, false, largest, def.name, largest ? "MaxBackward1" : "MinBackward1"), def.name,
                tracked(t), OutRule::Cast);
  }
  if (a.overload == 1)
    return give(a, 2, largest ? maximum(t, a.tensor(1)) : minimum(t, a.tensor(1)), def.name,
                tracked(t) || tracked(a.tensor(1)), OutRule::Cast);
  const int dim = a.dim(1, t.ndim());
  const bool keep = a.boolean(2);
  const Plan p = plan(t, DimVec{dim});
  need_elements(t, p, def.name);
  if (is_complex(t.dtype())) fail_runtime(def.name, "(): does not support complex input");
  Tensor index;
  Tensor out = reduced(largest ? Reduce::Argmax : Reduce::Argmin, t, p, keep, t.dtype(), 0, &index);
  if (recording(t)) {
    auto* n = describe(record<IndexedNode>(out, t), t, p, keep);
    n->index.save(index);
    n->dim = dim;
    n->title = largest ? "MaxBackward0" : "MinBackward0";
  }
  return give_pair(a, 3, def.name, def.name, {out, index}, tracked(t));
}
PyObject* argmax_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  if (t.dtype() == DType::Bool) fail_runtime(def.name, "(): does not support bool input");
  if (is_complex(t.dtype())) fail_runtime(def.name, "(): does not support complex input");
  if (!a.has(1) && t.numel() == 0) {
    fail_index(def.name, "(): Expected reduction dim to be specified for input.numel() == 0.");
  }
  const DimVec dims = a.has(1) ? DimVec{a.integer(1)} : DimVec();
  const Plan p = plan(t, dims);
  need_elements(t, p, def.name);
  Tensor index;
  reduced(def.name[4] == 'a' ? Reduce::Argmax : Reduce::Argmin, t, p, a.boolean(2), t.dtype(), 0, &index);
  return give(a, 3, index, def.name, false);
}
PyObject* any_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  const bool full = a.overload == 0;
  const int out_slot = full ? 1 : 3;
  DType d = t.dtype() == DType::UInt8 ? DType::UInt8 : DType::Bool;
  if (a.has(out_slot)) {
    d = a.tensor(out_slot).dtype();
    if (d != DType::Bool && d != DType::UInt8) {
      fail_runtime(def.name, " only supports bool tensor for result, got: ", scalar_type_name(d));
    }
  }
  const Plan p = plan(t, full ? DimVec() : a.ints(1));
  Tensor out = reduced(def.name[1] == 'n' ? Reduce::Any : Reduce::All, t, p, !full && a.boolean(2), DType::Bool);
  if (d != DType::Bool) out = to(out, d);
  return give(a, out_slot, out, def.name, false, OutRule::Any);
}
/// How the four operators on variances are called: (dim, *, correction, keepdim), (dim, unbiased, keepdim), (unbiased).
struct VarAsked {
  Plan plan;
  double correction = 1;
  bool keepdim = false;
};
VarAsked var_asked(const Tensor& t, Args& a) {
  VarAsked v;
  DimVec dims;
  if (a.overload == 2) {
    v.correction = a.boolean(1, true) ? 1 : 0;
  } else {
    dims = a.ints(1);
    v.correction = a.overload == 0 ? a.real(2, 1) : a.boolean(2, true) ? 1 : 0;
    v.keepdim = a.boolean(3);
  }
  v.plan = plan(t, dims);
  return v;
}
/// `mean` receives the mean where wanted.
Tensor var_of(const Tensor& t, const VarAsked& v, bool root, Tensor* mean) {
  const DType d = to_real(t.dtype());
  const std::int64_t count = reduced_count(t, v.plan);
  Tensor out = reduced(Reduce::Var, t, v.plan, v.keepdim, d, v.correction, mean, t.dtype());
  if (count == 0) fill(out, std::nan(""));
  if (root) {
    GradMode off(false);
    out = sqrt(out);
  }
  if (recording(t)) {
    auto* n = make_node<VarNode>(1);
    const NodeRef keep = NodeRef::steal(n);
    connect(n, 0, t);
    describe(n, t, v.plan, v.keepdim);
    n->root = root;
    n->with_mean = mean != nullptr;
    n->count = double(count);
    n->degrees = std::max(0.0, double(count) - v.correction);
    n->x.save(t);
    set_history(out, n, 0);
    if (mean != nullptr) {
      n->set_output_count(2);
      set_history(*mean, n, 1);
    }
    if (root) n->y.save_output(out);
  }
  return out;
}
PyObject* var_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  if (!is_differentiable(t.dtype())) fail_runtime("std and var only support floating point and complex dtypes");
  Tensor out = var_of(t, var_asked(t, a), def.name[0] == 's', nullptr);
  return a.overload == 2 ? out.release() : give(a, 4, out, def.name, tracked(t), OutRule::Cast);
}
PyObject* var_mean_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  if (!is_differentiable(t.dtype())) fail_runtime(def.name, " only support floating point and complex dtypes");
  Tensor mean;
  Tensor out = var_of(t, var_asked(t, a), def.name[0] == 's', &mean);
  return pack({std::move(out), std::move(mean)});
}
Tensor norm_of(const Tensor& t, const Plan& pl, bool keepdim, double p) {
  if (reduced_count(t, pl) == 0 && (p < 0 || p == INFINITY)) {
    if (pl.all) {
      fail_runtime("linalg.vector_norm cannot compute the ", p,
                   " norm on an empty tensor because the operation does not have an identity");
    }
    for (int i = 0; i < t.ndim(); ++i) {
      if (!(pl.mask >> i & 1) || t.sizes()[i] != 0) continue;
      fail_runtime("linalg.vector_norm cannot compute the ", p, " norm on the dimension ", i,
                   "because this dimension is empty and the operation does not have an identity");
    }
  }
  const DType d = to_real(t.dtype());
  if (p == 0) {
    Tensor out = empty(pl.kept, d);
    count_nonzero(source(t), pl.mask, {out.data(), d, out.strides()});
    return drop_dims(out, pl, keepdim);
  }
  const Reduce op = p == 1           ? Reduce::AbsSum
                    : p == 2         ? Reduce::SquareSum
                    : p == INFINITY  ? Reduce::AbsMax
                    : p == -INFINITY ? Reduce::AbsMin
                                     : Reduce::PowerSum;
  return reduced(op, t, pl, keepdim, d, p);
}
/// The sum of singular values, which linalg has.
PyObject* nuclear_norm(Tensor t, Args& a, std::optional<DType> asked, int out_slot) {
  if (asked) t = to(t, *asked);
  DimVec dims = a.ints(2);
  if (!a.has(2)) {
    for (int i = 0; i < t.ndim(); ++i) dims.push_back(i);
  }
  Object over = Object::check(PyTuple_New(Py_ssize_t(dims.size())));
  for (std::size_t i = 0; i < dims.size(); ++i)
    PyTuple_SET_ITEM(over.get(), Py_ssize_t(i), PyLong_FromLongLong(dims[i]));
  const Object module = Object::check(PyImport_ImportModule("rushlight.linalg"));
  const Object found = Object::check(PyObject_CallMethod(module.get(), "matrix_norm", "OsOO", t.get(), "nuc",
                                                         over.get(), a.boolean(3) ? Py_True : Py_False));
  return give(a, out_slot, Tensor::borrow(found.get()), "norm", tracked(t));
}
/// (input, p, dim, keepdim, out, dtype), or as a method (…, dtype).
PyObject* norm_op(const OpDef& def, Args& a) {
  const int dtype_slot = a.overload == 0 ? 5 : 4, out_slot = a.overload == 0 ? 4 : Args::kMax - 1;
  Tensor t = a.tensor(0);
  double p = 2;
  if (a.has(1)) {
    if (PyUnicode_Check(a.v[1])) {
      const std::string s = a.string(1);
      if (s == "nuc") return nuclear_norm(t, a, a.dtype(dtype_slot), out_slot);
      if (s != "fro") fail_runtime("linalg.matrix_norm: Order ", s, " not supported.");
    } else {
      p = a.real(1);
    }
  }
  if (!is_differentiable(t.dtype()))
    fail_runtime("linalg.vector_norm: Expected a floating point or complex tensor as input. Got ",
                 scalar_type_name(t.dtype()));
  if (const std::optional<DType> asked = a.dtype(dtype_slot)) {
    if (!is_differentiable(*asked)) {
      fail_runtime("linalg.vector_norm: dtype should be floating point or complex. Got ", scalar_type_name(*asked));
    }
    if (is_complex(*asked) != is_complex(t.dtype())) {
      fail_runtime("linalg.vector_norm: dtype should be ", is_complex(t.dtype()) ? "complex" : "real", " for ",
                   is_complex(t.dtype()) ? "complex" : "real", " inputs, but got ", scalar_type_name(*asked));
    }
    if (promote(t.dtype(), *asked) != *asked) {
      fail_runtime("linalg.vector_norm: the dtype of the input (", scalar_type_name(t.dtype()),
                   ") should be convertible without narrowing to the specified dtype (", scalar_type_name(*asked), ")");
    }
    t = to(t, *asked);
  }
  const Plan pl = plan(t, a.ints(2));
  const bool keep = a.boolean(3);
  Tensor out = norm_of(t, pl, keep, p);
  if (recording(t)) {
    auto* n = describe(record<NormNode>(out, t), t, pl, keep);
    n->x.save(t);
    n->y.save_output(out);
    n->p = p;
  }
  return give(a, out_slot, out, def.name, tracked(t));
}
/// log(Σ exp(t)) of complex numbers, shifted by the largest real part.
Tensor complex_logsumexp(const Tensor& t, const Plan& p, bool keepdim) {
  GradMode off(false);
  DimVec dims;
  for (int i = 0; i < t.ndim(); ++i) {
    if (p.mask >> i & 1) dims.push_back(i);
  }
  if (t.numel() == 0) return log(sum(exp(t), dims, keepdim));
  Tensor shift = reduced(Reduce::Amax, real(t), p, true, to_real(t.dtype()));
  shift = masked_fill(shift, predicate(Predicate::IsInf, shift), 0);
  Tensor out = log(sum(exp(t - shift), dims, true)) + shift;
  return drop_dims(out, p, keepdim);
}
PyObject* logsumexp_op(const OpDef& def, Args& a) {
  Tensor t = a.tensor(0);
  if (is_integral(t.dtype(), true)) t = to(t, default_dtype());
  const Plan p = plan(t, a.ints(1));
  const bool keep = a.boolean(2);
  if (a.has(3) && !is_differentiable(a.tensor(3).dtype())) {
    fail_runtime("logsumexp(): Expected floating point type for result tensor, but got: ",
                 scalar_type_name(a.tensor(3).dtype()));
  }
  Tensor out =
      is_complex(t.dtype()) ? complex_logsumexp(t, p, keep) : reduced(Reduce::LogSumExp, t, p, keep, t.dtype());
  if (recording(t)) {
    auto* n = describe(record<LogSumExpNode>(out, t), t, p, keep);
    n->x.save(t);
    n->y.save_output(out);
  }
  return give(a, 3, out, def.name, tracked(t), OutRule::Cast);
}
PyObject* cumsum_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  return give(a, 3, cumsum_as(t, a.dim(1, t.ndim()), accumulated_type(t, a, 2, 3)), def.name, tracked(t));
}
struct CumprodNode final : Node {
  SavedTensor x, y;
  int dim = 0;
  DType dtype = DType::Float;
  const char* name() const override { return "CumprodBackward0"; }
  void show(ValueVisitor& v) const override { v.number("dim", dim); }
  void apply(Tensor* in, Tensor* out) override { out[0] = to(gradient(in[0]), dtype); }
  Tensor gradient(const Tensor& given) {
    if (given.ndim() == 0) return given;
    const Tensor input = to(x.unpack(this), given.dtype());
    if (input.numel() == 0) return given * input;
    if (!has_zero(input)) {
      const DimVec d{dim};
      return flip(cumsum(flip(given * conj(y.unpack(this)), d), dim), d) / conj(input);
    }
    // Row by row: the product up to j without factor i. Quadratic, but right at zeros and differentiable.
    const Tensor s = transpose(input, dim, -1), g = transpose(given, dim, -1);
    const int last = s.ndim() - 1;
    const std::int64_t n = s.size(-1);
    std::vector<Tensor> parts;
    for (std::int64_t i = 0; i < n; ++i) {
      Tensor running = ones_like(select(s, last, 0));
      for (std::int64_t k = 0; k < i; ++k) running = running * select(s, last, k);
      Tensor d = select(g, last, i) * conj(running);
      for (std::int64_t j = i + 1; j < n; ++j) {
        running = running * select(s, last, j);
        d = d + select(g, last, j) * conj(running);
      }
      parts.push_back(d);
    }
    return transpose(stack(parts, last), dim, -1);
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", x);
    v.tensor("result", y);
  }
};
PyObject* cumprod_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  const DType d = accumulated_type(t, a, 2, 3);
  const int dim = a.dim(1, t.ndim());
  Tensor out = empty(t.sizes(), d);
  if (t.ndim() == 0) {
    copy_into(out, t);
  } else {
    GilRelease gil(t.numel());
    scan(Scan::Cumprod, source(t), dim, {out.data(), d, out.strides()});
  }
  if (recording(t) && is_differentiable(d)) {
    auto* n = record<CumprodNode>(out, t);
    n->x.save(t);
    n->y.save_output(out);
    n->dim = dim;
    n->dtype = t.dtype();
  }
  return give(a, 3, out, def.name, tracked(t));
}
/// The logarithms of the running sums of complex exponentials, term by term.
Tensor complex_logcumsumexp(const Tensor& t, int dim) {
  Tensor out = to_contiguous(t, DType::CDouble);
  std::int64_t outer = 1, inner = 1;
  for (int i = 0; i < t.ndim(); ++i) (i < dim ? outer : inner) *= i == dim ? 1 : t.sizes()[i];
  const std::int64_t n = t.sizes()[dim];
  cdouble* p = out.data_as<cdouble>();
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t k = 0; k < inner; ++k) {
      cdouble* line = p + o * n * inner + k;
      for (std::int64_t i = 1; i < n; ++i) {
        const std::complex<double> a(line[(i - 1) * inner].re, line[(i - 1) * inner].im);
        const std::complex<double> b(line[i * inner].re, line[i * inner].im);
        // Relative to the larger term, whose phase stays as it is.
        const bool first = a.real() >= b.real();
        const std::complex<double>&high = first ? a : b, &low = first ? b : a;
        std::complex<double> sum = high + std::log(1.0 + std::exp(low - high));
        if (std::isinf(high.real()))
          sum = high.real() > 0 || low.real() == high.real() ? std::log(std::exp(a) + std::exp(b)) : high;
        line[i * inner] = {sum.real(), sum.imag()};
      }
    }
  }
  return t.dtype() == DType::CDouble ? out : to_contiguous(out, t.dtype());
}
Tensor logcumsumexp_of(const Tensor& t, int dim) {
  Tensor out;
  if (is_complex(t.dtype()) && t.numel() > 0 && t.ndim() > 0) {
    out = complex_logcumsumexp(t, dim);
  } else {
    out = empty(t.sizes(), t.dtype());
    if (t.ndim() == 0) {
      copy_into(out, t);
    } else if (t.numel() > 0) {
      GilRelease gil(t.numel());
      scan(Scan::Logcumsumexp, source(t), dim, {out.data(), out.dtype(), out.strides()});
    }
  }
  if (recording(t)) {
    auto* n = record<LogcumsumexpNode>(out, t);
    n->x.save(t);
    n->y.save_output(out);
    n->dim = dim;
  }
  return out;
}
PyObject* logcumsumexp_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  const int dim = a.dim(1, t.ndim());
  if (!is_differentiable(t.dtype()) && t.numel() > 0) fail_unsupported("logcumsumexp_out_cpu", t.dtype());
  return give(a, 2, logcumsumexp_of(t, dim), def.name, tracked(t));
}
/// (input, other, p)
PyObject* dist_op(const OpDef& def, Args& a) {
  const Tensor x = a.tensor(0), y = a.tensor(1);
  const double p = a.real(2, 2);
  Tensor out;
  {
    GradMode off(false);
    const Tensor d = x - y;
    if (!is_differentiable(d.dtype())) {
      fail_runtime("linalg.vector_norm: Expected a floating point or complex tensor as input. Got ",
                   scalar_type_name(d.dtype()));
    }
    out = norm_of(d, plan(d, {}), false, p);
  }
  if (recording(x, y)) {
    auto* n = record<DistNode>(out, x, y);
    n->x.save(x);
    n->other.save(y);
    n->y.save_output(out);
    n->p = p;
  }
  return give(a, 3, out, def.name, tracked(x) || tracked(y));
}
/// (input, dim, keepdim, out)
PyObject* aminmax_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  const bool keep = a.boolean(2);
  if (!a.has(1) && t.numel() == 0) {
    fail_runtime("aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.");
  }
  const Plan p = plan(t, a.has(1) ? DimVec{a.integer(1)} : DimVec());
  if (t.ndim() > 0 && a.has(1) && t.sizes()[a.dim(1, t.ndim())] == 0) {
    fail_index("aminmax: Expected reduction dim ", a.dim(1, t.ndim()), " to have non-zero size.");
  }
  if (is_complex(t.dtype())) fail_unsupported(a.has(1) ? "aminmax_cpu" : "aminmax_all", t.dtype());
  const std::vector<Tensor> results{reduced(Reduce::Amin, t, p, keep, t.dtype()),
                                    reduced(Reduce::Amax, t, p, keep, t.dtype())};
  if (recording(t)) {
    auto* n = make_node<AminmaxNode>(1);
    const NodeRef held = NodeRef::steal(n);
    connect(n, 0, t);
    describe(n, t, p, keep);
    n->set_output_count(2);
    n->x.save(t);
    set_history(results[0], n, 0);
    set_history(results[1], n, 1);
    n->low.save_output(results[0]);
    n->high.save_output(results[1]);
  }
  if (!a.has(3)) return pack_named("aminmax", {"min", "max"}, {results[0], results[1]});
  const std::vector<Tensor> outs = a.tensors(3), inputs{t};
  if (outs.size() != 2) fail_type("aminmax(): argument 'out' must be tuple of 2 Tensors, not of ", outs.size());
  give_all(outs, results, inputs, def.name, tracked(t));
  return pack_named("aminmax", {"min", "max"}, {outs[0], outs[1]});
}
PyObject* softmax_op(const OpDef& def, Args& a) {
  Tensor t = a.tensor(0);
  if (a.has(2)) t = to(t, *a.dtype(2));
  const bool log = def.name[0] == 'l';
  return softmax_of(t, a.dim(1, t.ndim()), log).release();
}

constexpr const char* kSumSig =
    "(Tensor input, *, dtype? dtype=None)\n(Tensor input, ints? dim, bool keepdim=False, *, dtype? dtype=None, Tensor? "
    "out=None)";
constexpr const char* kMeanSig =
    "(Tensor input, *, dtype? dtype=None, Tensor? out=None)\n(Tensor input, ints? dim, bool keepdim=False, *, dtype? "
    "dtype=None, Tensor? out=None)";
constexpr const char* kProdSig =
    "(Tensor input, *, dtype? dtype=None)\n(Tensor input, int dim, bool keepdim=False, *, dtype? dtype=None, Tensor? "
    "out=None)";
constexpr const char* kMaxSig =
    "(Tensor input, *, Tensor? out=None)\n(Tensor input, Tensor other, *, Tensor? out=None)\n(Tensor input, int dim, "
    "bool keepdim=False, *, Tensors? out=None)";
constexpr const char* kAmaxSig = "(Tensor input, ints dim=(), bool keepdim=False, *, Tensor? out=None)";
constexpr const char* kArgmaxSig = "(Tensor input, int? dim=None, bool keepdim=False, *, Tensor? out=None)";
constexpr const char* kAnySig =
    "(Tensor input, *, Tensor? out=None)\n(Tensor input, ints? dim, bool keepdim=False, *, Tensor? out=None)";
constexpr const char* kVarSig =
    "(Tensor input, ints? dim=None, *, Number? correction=1, bool keepdim=False, Tensor? out=None)\n(Tensor input, "
    "ints? dim, bool unbiased=True, bool keepdim=False, *, Tensor? out=None)\n(Tensor input, bool unbiased)";
constexpr const char* kVarMeanSig =
    "(Tensor input, ints? dim=None, *, Number? correction=1, bool keepdim=False)\n(Tensor input, ints? dim, bool "
    "unbiased=True, bool keepdim=False)\n(Tensor input, bool unbiased)";
constexpr const char* kCumSig = "(Tensor input, int dim, *, dtype? dtype=None, Tensor? out=None)";
constexpr const char* kSoftmaxSig = "(Tensor input, int dim, dtype? dtype=None)";
const OpDef ops[] = {
    {"sum", kSumSig, sum_op, kBoth, Kind::Reduction,
     "The sum over all elements or over dimensions; integers sum in int64."},
    {"mean", kMeanSig, mean_op, kBoth, Kind::Reduction, "The mean over all elements or over dimensions."},
    {"prod", kProdSig, prod_op, kBoth, Kind::Reduction, "The product over all elements or over a dimension."},
    {"max", kMaxSig, max_op, kBoth, Kind::Reduction,
     "The largest element; along a dimension with its index; or of two tensors, elementwise."},
    {"min", kMaxSig, max_op, kBoth, Kind::Reduction,
     "The smallest element; along a dimension with its index; or of two tensors, elementwise."},
    {"amax", kAmaxSig, amax_op, kBoth, Kind::Reduction,
     "The largest element over dimensions; ties share the gradient."},
    {"amin", kAmaxSig, amax_op, kBoth, Kind::Reduction,
     "The smallest element over dimensions; ties share the gradient."},
    {"argmax", kArgmaxSig, argmax_op, kBoth, Kind::Reduction, "The index of the largest element."},
    {"argmin", kArgmaxSig, argmax_op, kBoth, Kind::Reduction, "The index of the smallest element."},
    {"all", kAnySig, any_op, kBoth, Kind::Reduction, "Are all elements nonzero?"},
    {"any", kAnySig, any_op, kBoth, Kind::Reduction, "Is some element nonzero?"},
    {"var", kVarSig, var_op, kBoth, Kind::Reduction, "The variance; the divisor is the count less `correction`."},
    {"std", kVarSig, var_op, kBoth, Kind::Reduction, "The standard deviation; see var."},
    {"var_mean", kVarMeanSig, var_mean_op, kFunction, Kind::Reduction, "(variance, mean); see var."},
    {"std_mean", kVarMeanSig, var_mean_op, kFunction, Kind::Reduction, "(standard deviation, mean); see var."},
    {"count_nonzero", "(Tensor input, ints dim)\n(Tensor input, int? dim=None)", count_nonzero_op, kBoth,
     Kind::Comparison, "How many elements differ from 0, over all or some dimensions."},
    {"nansum", "(Tensor input, ints? dim=None, bool keepdim=False, *, dtype? dtype=None, Tensor? out=None)", nansum_op,
     kBoth, Kind::Reduction, "The sum, nan counted as 0."},
    {"aminmax", "(Tensor input, *, int? dim=None, bool keepdim=False, Tensors? out=None)", aminmax_op, kBoth,
     Kind::Reduction, "(min, max) of all elements or along a dimension."},
    {"dist", "(Tensor input, Tensor other, Number p=2, *, Tensor? out=None)", dist_op, kBoth, Kind::Reduction,
     "The p-norm of input - other."},
    {"logcumsumexp", "(Tensor input, int dim, *, Tensor? out=None)", logcumsumexp_op, kBoth, Kind::Scan,
     "log(cumsum(exp(input))) along a dimension, without overflow."},
    {"norm",
     "(Tensor input, any p='fro', ints? dim=None, bool keepdim=False, Tensor? out=None, dtype? dtype=None)\n(Tensor "
     "input, any p='fro', ints? dim=None, bool keepdim=False, dtype? dtype=None)",
     norm_op, kBoth, Kind::Reduction, "The p-norm of the elements as one vector, or along dimensions."},
    {"logsumexp", "(Tensor input, ints dim, bool keepdim=False, *, Tensor? out=None)", logsumexp_op, kBoth,
     Kind::Reduction, "log(sum(exp(input))) over dimensions, stably."},
    {"cumsum", kCumSig, cumsum_op, kBoth, Kind::Scan, "The running sum along a dimension."},
    {"cumprod", kCumSig, cumprod_op, kBoth, Kind::Scan, "The running product along a dimension."},
    {"softmax", kSoftmaxSig, softmax_op, kBoth, Kind::Other, "exp(input) / sum(exp(input)) along a dimension."},
    {"log_softmax", kSoftmaxSig, softmax_op, kBoth, Kind::Other, "log(softmax(input)) along a dimension, stably."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
