// Losses: element by element, and of class scores.
#include <cmath>
#include <limits>
#include <vector>

#include "ops/binary.h"
#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

enum class Reduction : std::uint8_t { None, Mean, Sum };

void warn(const std::string& text) {
  if (PyErr_WarnEx(PyExc_UserWarning, text.c_str(), 1) < 0) throw PythonError();
}

/// From `reduction`, or from `size_average` and `reduce` that came before it. `weighted`: the words of a loss with
/// weights.
Reduction reduction_of(const Args& a, int reduction, int size_average, int reduce, bool weighted = false) {
  if ((size_average >= 0 && a.has(size_average)) || (reduce >= 0 && a.has(reduce))) {
    const bool whole = a.boolean(reduce, true), average = a.boolean(size_average, true);
    const char* name = !whole ? "none" : average ? "mean" : "sum";
    warn(cat("size_average and reduce args will be deprecated, please use reduction='", name, "' instead."));
    return !whole ? Reduction::None : average ? Reduction::Mean : Reduction::Sum;
  }
  if (!a.has(reduction)) return Reduction::Mean;
  PyObject* text = a.v[reduction];
  if (PyUnicode_CompareWithASCIIString(text, "mean") == 0) return Reduction::Mean;
  if (PyUnicode_CompareWithASCIIString(text, "none") == 0) return Reduction::None;
  if (PyUnicode_CompareWithASCIIString(text, "sum") == 0) return Reduction::Sum;
  if (weighted) {
    fail_value("Invalid reduction mode: ", a.string(reduction), ". Expected one of 'none', 'mean', 'sum'.");
  }
  fail_value(a.string(reduction), " is not a valid value for reduction");
}

Tensor reduce_loss(const Tensor& losses, Reduction r) {
  return r == Reduction::None ? losses : r == Reduction::Mean ? mean(losses) : sum(losses);
}

std::string size_text(const Tensor& t) { return cat("torch.Size(", str(t.sizes()), ")"); }

void warn_of_sizes(const Tensor& x, const Tensor& y) {
  if (same(x.sizes(), y.sizes())) return;
  warn(
      cat("Using a target size (", size_text(y), ") that is different to the input size (", size_text(x),
          "). This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size."));
}

void refuse_gradient(const Tensor& t, const char* name, const char* argument) {
  if (!modes.grad || !tracked(t)) return;
  fail_runtime("The function '", name, "' is not differentiable with respect to argument '", argument,
               "'. This input cannot have requires_grad True.");
}

// --- element by element
// -------------------------------------------------------------------------------------------------------

enum class Loss : std::uint8_t { Mse, SmoothL1, Huber, Bce, BceLogits };

Tensor log_sigmoid(const Tensor& t) { return unary(Unary::LogSigmoid, t); }
/// max(t, floor)
Tensor at_least(const Tensor& t, double floor) { return maximum(t, scalar_tensor(floor, t.dtype())); }
/// One less the factor of log(sigmoid(x)): (pos_weight - 1) * y.
Tensor extra_weight(const Tensor& y, const Tensor& pos_weight) { return (pos_weight + Scalar(-1)) * y; }

/// The losses one by one, of tensors that broadcast. `p`: beta or delta.
Tensor losses_of(Loss kind, const Tensor& x, const Tensor& y, const Tensor& pos_weight, double p) {
  switch (kind) {
    case Loss::Mse: {
      const Tensor d = x - y;
      return d * d;
    }
    case Loss::SmoothL1: {
      const Tensor z = abs(x - y);
      return where(compare(Compare::Lt, z, Scalar(p)), z * Scalar(0.5) * z / Scalar(p), z + Scalar(-0.5 * p));
    }
    case Loss::Huber: {
      // 16-bit numbers are widened, as PyTorch does in this loss.
      const DType wide = compute_type(x.dtype());
      const Tensor z = abs(to(x, wide) - to(y, wide));
      return where(compare(Compare::Le, z, Scalar(p)), z * Scalar(0.5) * z, (z + Scalar(-0.5 * p)) * Scalar(p));
    }
    case Loss::Bce: return (y + Scalar(-1)) * at_least(unary(Unary::Log1p, -x), -100) - y * at_least(log(x), -100);
    case Loss::BceLogits: {
      const Tensor l = log_sigmoid(x);
      return rsub(y, 1) * x - (pos_weight.defined() ? (extra_weight(y, pos_weight) + Scalar(1)) * l : l);
    }
  }
  return {};
}

template <class T>
T loss_of(Loss kind, T x, T y, T p) {
  const T d = x - y, z = std::abs(d);
  switch (kind) {
    case Loss::Mse: return d * d;
    case Loss::SmoothL1: return z < p ? T(0.5) * z * z / p : z - T(0.5) * p;
    case Loss::Huber: return z <= p ? T(0.5) * z * z : p * (z - T(0.5) * p);
    default: return T(0);
  }
}
template <class T>
T slope_of(Loss kind, T x, T y, T p) {
  const T d = x - y, z = std::abs(d), sign = d > 0 ? T(1) : d < 0 ? T(-1) : d;
  switch (kind) {
    case Loss::Mse: return T(2) * d;
    case Loss::SmoothL1: return z < p ? d / p : sign;
    case Loss::Huber: return z <= p ? d : p * sign;
    default: return T(0);
  }
}

/// Few elements, side by side: one loop of our own costs less than the operators' five.
constexpr std::int64_t kFew = 4096;
bool is_plain(Loss kind, const Tensor& x, const Tensor& y) {
  return kind <= Loss::Huber && x.numel() <= kFew && x.dtype() == y.dtype() &&
         (x.dtype() == DType::Float || x.dtype() == DType::Double) && x.is_contiguous() && y.is_contiguous() &&
         same(x.sizes(), y.sizes());
}
template <class F>
void with_float(DType d, F&& f) {
  if (d == DType::Float)
    f(Tag<float>{});
  else
    f(Tag<double>{});
}

struct LossNode final : Node {
  SavedTensor x, y, weight, pos_weight;
  double p = 0, count = 1;
  Loss kind = Loss::Mse;
  Reduction reduction = Reduction::Mean;
  const char* name() const override {
    constexpr const char* names[] = {"MseLossBackward0", "SmoothL1LossBackward0", "HuberLossBackward0",
                                     "BinaryCrossEntropyBackward0", "BinaryCrossEntropyWithLogitsBackward0"};
    return names[int(kind)];
  }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor a = x.unpack(this), b = y.unpack(this);
    Tensor g = in[0];
    if (!modes.grad && is_plain(kind, a, b) && g.dtype() == a.dtype() && g.is_contiguous()) {
      for (std::uint32_t i = 0; i < 2; ++i) {
        if (needs(i)) out[i] = plain_gradient(a, b, g, i == 0 ? 1 : -1);
      }
      return;
    }
    if (reduction == Reduction::Mean) g = g / Scalar(count);
    if (weight.saved()) g = g * weight.unpack(this);
    const Tensor pw = pos_weight.saved() ? pos_weight.unpack(this) : Tensor();
    Tensor ga, gb;
    switch (kind) {
      case Loss::Mse: ga = (a - b) * Scalar(2) * g; break;
      case Loss::SmoothL1: {
        const Tensor d = a - b;
        ga = where(compare(Compare::Lt, abs(d), Scalar(p)), d / Scalar(p), sgn(d)) * g;
        break;
      }
      case Loss::Huber: {
        const Tensor d = a - b;
        ga = where(compare(Compare::Le, abs(d), Scalar(p)), d, sgn(d) * Scalar(p)) * g;
        break;
      }
      case Loss::Bce:
        if (needs(0)) ga = (a - b) / at_least(rsub(a, 1) * a, 1e-12) * g;
        if (needs(1)) gb = (log(rsub(a, 1)) - log(a)) * g;
        break;
      case Loss::BceLogits:
        if (needs(0)) {
          ga = sigmoid(a) - b;
          if (pw.defined()) ga = ga - extra_weight(b, pw) * sigmoid(-a);
          ga = ga * g;
        }
        if (needs(1)) {
          gb = -a;
          if (pw.defined()) gb = gb - (pw + Scalar(-1)) * log_sigmoid(a);
          gb = gb * g;
        }
        break;
    }
    if (kind <= Loss::Huber && needs(1)) gb = -ga;
    if (needs(0)) out[0] = to(sum_to(ga, a.sizes()), a.dtype());
    if (needs(1)) out[1] = to(sum_to(gb, b.sizes()), b.dtype());
  }
  Tensor plain_gradient(const Tensor& a, const Tensor& b, const Tensor& g, int sign) const {
    Tensor out = empty_same(a, a.dtype());
    with_float(a.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T *u = a.data_as<T>(), *v = b.data_as<T>(), *w = g.data_as<T>();
      T* r = out.data_as<T>();
      const std::int64_t n = a.numel(), step = reduction == Reduction::None ? 1 : 0;
      const T factor = reduction == Reduction::Mean ? T(sign / count) : T(sign), q = T(p);
      for (std::int64_t i = 0; i < n; ++i) r[i] = slope_of<T>(kind, u[i], v[i], q) * (w[i * step] * factor);
    });
    return out;
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", x);
    v.tensor("target", y);
    if (kind >= Loss::Bce) v.tensor("weight", weight);
    if (kind == Loss::BceLogits) v.tensor("pos_weight", pos_weight);
  }
  void show(ValueVisitor& v) const override {
    v.number("reduction", int(reduction));
    if (kind == Loss::SmoothL1 || kind == Loss::Huber) v.number(kind == Loss::Huber ? "delta" : "beta", p);
  }
};

Tensor loss(Loss kind, const Tensor& x, const Tensor& y, Reduction r, double p, DType d, const Tensor& weight = {},
            const Tensor& pos_weight = {}) {
  Tensor out;
  double count = double(x.numel());
  {
    GradMode off(false);
    Tensor l;
    if (is_plain(kind, x, y)) {
      l = empty_same(x, x.dtype());
      with_float(x.dtype(), [&](auto tag) {
        using T = typename decltype(tag)::type;
        const T *u = x.data_as<T>(), *v = y.data_as<T>();
        T* to = l.data_as<T>();
        for (std::int64_t i = 0, n = x.numel(); i < n; ++i) to[i] = loss_of<T>(kind, u[i], v[i], T(p));
      });
    } else {
      l = losses_of(kind, x, y, pos_weight, p);
      if (weight.defined()) l = l * weight;
      l = to(l, d);
      count = double(l.numel());
    }
    out = reduce_loss(l, r);
  }
  if (recording(x, y)) {
    auto* n = record<LossNode>(out, x, y);
    n->kind = kind;
    n->reduction = r;
    n->p = p;
    n->count = count;
    n->x.save(x);
    n->y.save(y);
    if (weight.defined()) n->weight.save(weight);
    if (pos_weight.defined()) n->pos_weight.save(pos_weight);
  }
  return out;
}

/// The dtype of a loss of two tensors, which must be a floating one.
DType loss_type(const Tensor& x, const Tensor& y, const char* kernel) {
  const DType d = result_type(x, y);
  if (!is_floating(d)) fail_unsupported(kernel, d);
  return d;
}

/// The reduction of weighted losses: by the sum of the weights where the mean is asked for.
Tensor reduce_weighted(const Tensor& losses, const Tensor& weight, Reduction r) {
  if (r == Reduction::Mean) return sum(losses) / sum(weight);
  return reduce_loss(losses, r);
}
void need_weight_like(const Tensor& weight, const Tensor& x) {
  if (!same(weight.sizes(), x.sizes())) fail_value("Weights and input must have the same size.");
}

/// (input, target, size_average, reduce, reduction, weight)
PyObject* mse_op(const OpDef&, Args& a) {
  const Tensor x = a.tensor(0), y = a.tensor(1), weight = a.tensor(5);
  warn_of_sizes(x, y);
  const Reduction r = reduction_of(a, 4, 2, 3, weight.defined());
  if (weight.defined()) {
    need_weight_like(weight, x);
    return reduce_weighted(pow(x - y, Scalar(2)) * weight, weight, r).release();
  }
  return loss(Loss::Mse, x, y, r, 0, loss_type(x, y, "mse_cpu")).release();
}
PyObject* l1_op(const OpDef&, Args& a) {
  const Tensor x = a.tensor(0), y = a.tensor(1), weight = a.tensor(5);
  warn_of_sizes(x, y);
  const Reduction r = reduction_of(a, 4, 2, 3, weight.defined());
  const Tensor z = abs(x - y);
  if (!weight.defined()) return reduce_loss(z, r).release();
  need_weight_like(weight, x);
  return reduce_weighted(z * weight, weight, r).release();
}
/// (input, target, size_average, reduce, reduction, beta)
PyObject* smooth_l1_op(const OpDef&, Args& a) {
  const Tensor x = a.tensor(0), y = a.tensor(1);
  warn_of_sizes(x, y);
  const Reduction r = reduction_of(a, 4, 2, 3);
  const double beta = a.real(5, 1);
  if (beta == 0) return reduce_loss(abs(x - y), r).release();
  if (beta < 0) fail_runtime("smooth_l1_loss does not support negative values for beta.");
  return loss(Loss::SmoothL1, x, y, r, beta, loss_type(x, y, "smooth_l1_cpu")).release();
}
/// (input, target, reduction, delta, weight)
PyObject* huber_op(const OpDef&, Args& a) {
  const Tensor x = a.tensor(0), y = a.tensor(1), weight = a.tensor(4);
  warn_of_sizes(x, y);
  if (weight.defined()) need_weight_like(weight, x);
  const Reduction r = reduction_of(a, 2, -1, -1, weight.defined());
  const double delta = a.real(3, 1);
  if (delta <= 0) fail_runtime("huber_loss does not support non-positive values for delta.");
  loss_type(x, y, "huber_cpu");
  if (!weight.defined()) return loss(Loss::Huber, x, y, r, delta, x.dtype()).release();
  return reduce_loss(loss(Loss::Huber, x, y, Reduction::None, delta, x.dtype()) * weight, r).release();
}

bool within_0_and_1(const Tensor& t) {
  if (t.numel() == 0) return true;
  bool ok = true;
  const Tensor wide = contiguous_as(t, compute_type(t.dtype()));
  with_float(wide.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* v = wide.data_as<T>();
    for (std::int64_t i = 0, n = wide.numel(); i < n; ++i) ok &= v[i] >= 0 && v[i] <= 1;
  });
  return ok;
}

/// What weighs losses of these sizes: it must broadcast to them.
void need_weight_within(const Tensor& weight, const Tensor& x) {
  const DimVec shape = broadcast_shapes(x.sizes(), weight.sizes());
  if (!same(shape, x.sizes())) {
    fail_runtime("output with shape ", str(x.sizes()), " doesn't match the broadcast shape ", str(shape));
  }
}

/// (input, target, weight, size_average, reduce, reduction)
PyObject* bce_op(const OpDef& def, Args& a) {
  const Tensor x = a.tensor(0), y = a.tensor(1), weight = a.tensor(2);
  const Reduction r = reduction_of(a, 5, 3, 4);
  if (!same(x.sizes(), y.sizes())) {
    fail_value("Using a target size (", size_text(y), ") that is different to the input size (", size_text(x),
               ") is deprecated. Please ensure they have the same size.");
  }
  if (weight.defined()) {
    need_weight_within(weight, x);
    refuse_gradient(weight, def.name, "weight");
  }
  if (y.dtype() != x.dtype()) {
    fail_runtime("Found dtype ", scalar_type_name(y.dtype()), " but expected ", scalar_type_name(x.dtype()));
  }
  if (!is_floating(x.dtype())) fail_unsupported("binary_cross_entropy", x.dtype());
  if (!within_0_and_1(x)) fail_runtime("all elements of input should be between 0 and 1");
  if (!within_0_and_1(y)) fail_runtime("all elements of target should be between 0 and 1");
  return loss(Loss::Bce, x, y, r, 0, x.dtype(), weight).release();
}
/// (input, target, weight, size_average, reduce, reduction, pos_weight)
PyObject* bce_logits_op(const OpDef& def, Args& a) {
  const Tensor x = a.tensor(0), y = a.tensor(1), weight = a.tensor(2), pos_weight = a.tensor(6);
  const Reduction r = reduction_of(a, 5, 3, 4);
  if (!same(x.sizes(), y.sizes())) {
    fail_value("Target size (", size_text(y), ") must be the same as input size (", size_text(x), ")");
  }
  if (!is_floating(x.dtype())) fail_unsupported("log_sigmoid_cpu", x.dtype());
  const DType d = result_type(x, y);
  if (!can_cast(d, y.dtype())) {
    fail_runtime("result type ", scalar_type_name(d), " can't be cast to the desired output type ",
                 scalar_type_name(y.dtype()));
  }
  if (weight.defined()) {
    need_weight_within(weight, x);
    refuse_gradient(weight, def.name, "weight");
  }
  if (pos_weight.defined()) {
    need_weight_within(pos_weight, x);
    refuse_gradient(pos_weight, def.name, "pos_weight");
  }
  return loss(Loss::BceLogits, x, y, r, 0, y.dtype(), weight, pos_weight).release();
}

// --- of class scores
// ----------------------------------------------------------------------------------------------------------

/// Where the scores of N items (in S places each) for C classes lie, in row-major memory.
struct Scores {
  std::int64_t n = 1, classes = 1, places = 1;
};

struct NllNode final : Node {
  SavedTensor target, weight;
  DimList sizes;
  Scores scores;
  std::int64_t ignored = -100;
  double total = 1;
  DType dtype = DType::Float;
  Reduction reduction = Reduction::Mean;
  const char* name() const override { return sizes.size() <= 2 ? "NllLossBackward0" : "NllLoss2DBackward0"; }

  /// Calls f(item's place in the gradient of the losses, in the scores, class) where a class counts.
  template <class F>
  void each(const std::int64_t* t, F&& f) const {
    for (std::int64_t i = 0, at = 0; i < scores.n; ++i) {
      for (std::int64_t s = 0; s < scores.places; ++s, ++at) {
        if (t[at] != ignored) f(at, (i * scores.classes + t[at]) * scores.places + s, t[at]);
      }
    }
  }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor chosen = contiguous_as(target.unpack(this), DType::Int64);
    const DType wide = compute_type(dtype);
    const Tensor w = weight.saved() ? contiguous_as(weight.unpack(this), wide) : Tensor();
    const std::int64_t* t = chosen.data_as<std::int64_t>();
    const double scale = reduction == Reduction::Mean ? -1 / total : -1;
    if (modes.grad && tracked(in[0])) {
      // The same by operators: factors of the losses' gradients, put where the classes are.
      Tensor factors = zeros({{scores.n, 1, scores.places}}, wide);
      Tensor index = zeros({{scores.n, 1, scores.places}}, DType::Int64);
      Tensor left_out = full({{scores.n, 1, scores.places}}, true, DType::Bool);
      with_float(wide, [&](auto tag) {
        using T = typename decltype(tag)::type;
        each(t, [&](std::int64_t at, std::int64_t, std::int64_t c) {
          factors.data_as<T>()[at] = T(scale) * (w.defined() ? w.data_as<T>()[c] : T(1));
          index.data_as<std::int64_t>()[at] = c;
          left_out.data_as<bool>()[at] = false;
        });
      });
      Tensor g = in[0];
      if (reduction == Reduction::None) g = reshape(g, {{scores.n, 1, scores.places}});
      const Tensor base = zeros({{scores.n, scores.classes, scores.places}}, dtype);
      // Zeros even where the gradient is nan: the mean of nothing.
      const Tensor parts = masked_fill(g * to(factors, dtype), left_out, 0);
      out[0] = reshape(scatter_add(base, 1, index, parts), sizes);
      return;
    }
    const Tensor g = contiguous_as(in[0], wide);
    Tensor result = zeros(sizes, wide);
    with_float(wide, [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T *from = g.data_as<T>(), *factor = w.defined() ? w.data_as<T>() : nullptr;
      T* r = result.data_as<T>();
      const std::int64_t step = reduction == Reduction::None ? 1 : 0;
      each(t, [&](std::int64_t at, std::int64_t place, std::int64_t c) {
        r[place] = from[at * step] * T(scale) * (factor ? factor[c] : T(1));
      });
    });
    out[0] = wide == dtype ? result : to(result, dtype);
  }
  void visit(SavedVisitor& v) override {
    v.tensor("target", target);
    v.tensor("weight", weight);
  }
  void show(ValueVisitor& v) const override {
    v.number("ignore_index", ignored);
    v.number("reduction", int(reduction));
  }
};

void need_classes(const Tensor& weight, std::int64_t classes, bool spatial) {
  if (!weight.defined() || (weight.ndim() == 1 && weight.numel() == classes)) return;
  if (spatial) fail_runtime("weight tensor should be defined either for all or no classes");
  fail_runtime("weight tensor should be defined either for all ", classes,
               " classes or no classes but got weight tensor of shape: ", str(weight.sizes()));
}

/// The negative log-likelihood of scores [C], [N, C] or [N, C, places…] and targets that lack the classes.
Tensor nll(const Tensor& x, const Tensor& target, const Tensor& weight, Reduction r, std::int64_t ignored) {
  const int n_dims = x.ndim();
  if (n_dims < 1) fail_value("Expected 1 or more dimensions (got 0)");
  if (n_dims != 1) {
    const std::int64_t items = target.ndim() == 0 ? 0 : target.size(0);
    if (x.size(0) != items) {
      fail_value("Expected input batch_size (", x.size(0), ") to match target batch_size (", items, ").");
    }
  }
  const bool spatial = n_dims > 2;
  Scores s;
  if (!spatial) {
    if (target.ndim() > 1) fail_runtime("0D or 1D target tensor expected, multi-target not supported");
    if (n_dims == 1 && target.ndim() == 1 && target.numel() != 1) {
      fail_value("For 1D input, 1D target must have size 1, but got target size: ", target.numel());
    }
    s.n = n_dims == 1 ? 1 : x.size(0);
    s.classes = x.size(-1);
  } else {
    DimVec wanted(x.sizes());
    wanted.erase(1);
    if (n_dims == 4) {
      if (target.ndim() != 3) {
        fail_runtime("only batches of spatial targets supported (3D tensors) but got targets of dimension: ",
                     target.ndim());
      }
      if (!same(target.sizes(), wanted)) {
        fail_runtime("size mismatch (got input: ", str(x.sizes()), " , target: ", str(target.sizes()));
      }
    } else if (!same(target.sizes(), wanted)) {
      fail_runtime("Expected target size ", str(wanted), ", got ", str(target.sizes()));
    }
    s.n = x.size(0);
    s.classes = x.size(1);
    s.places = product(Dims(wanted).subspan(1));
  }
  need_classes(weight, s.classes, spatial);
  if (target.dtype() != DType::Int64 && target.dtype() != DType::UInt8) {
    fail_runtime("expected target dtype to be Long or Byte, but got ", scalar_type_name(target.dtype()));
  }
  if (!is_floating(x.dtype())) {
    fail_unsupported(spatial ? "nll_loss2d_forward_out_frame" : "nll_loss_out_frame", x.dtype());
  }
  if (weight.defined()) {
    if (weight.dtype() != x.dtype()) {
      fail_runtime("expected scalar type ", scalar_type_name(x.dtype()), " but found ",
                   scalar_type_name(weight.dtype()));
    }
    refuse_gradient(weight, spatial ? "nll_loss2d_forward" : "nll_loss_forward", "weight");
  }
  const DType d = x.dtype(), wide = compute_type(d);
  const Tensor values = contiguous_as(x, wide), classes = contiguous_as(target, DType::Int64);
  const Tensor w = weight.defined() ? contiguous_as(weight, wide) : Tensor();
  const bool each = r == Reduction::None;
  Tensor out = each && n_dims > 1 ? empty(target.sizes(), wide) : empty({}, wide);
  double total = 0;
  with_float(wide, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *v = values.data_as<T>(), *factor = w.defined() ? w.data_as<T>() : nullptr;
    const std::int64_t* t = classes.data_as<std::int64_t>();
    T* result = out.data_as<T>();
    double all = 0;
    for (std::int64_t i = 0, at = 0; i < s.n; ++i) {
      // Blocks keep the error of long sums small.
      double block = 0;
      for (std::int64_t k = 0; k < s.places; ++k, ++at) {
        const std::int64_t c = t[at];
        T l = 0;
        if (c != ignored) {
          if (c < 0 || c >= s.classes) fail_index("Target ", c, " is out of bounds.");
          const T f = factor ? factor[c] : T(1);
          l = -v[(i * s.classes + c) * s.places + k] * f;
          total += double(f);
          block += double(l);
        }
        if (each) result[at] = l;
      }
      all += block;
    }
    if (!each) result[0] = T(r == Reduction::Mean ? all / total : all);
  });
  if (wide != d) out = to_contiguous(out, d);
  if (recording(x)) {
    auto* n = record<NllNode>(out, x);
    n->target.save(target);
    if (weight.defined()) n->weight.save(weight);
    n->sizes.assign(x.sizes());
    n->scores = s;
    n->ignored = ignored;
    n->total = total;
    n->dtype = d;
    n->reduction = r;
  }
  // PyTorch sees places in any number as rows and columns, and the result through a view.
  return each && spatial && n_dims != 4 ? view(out, target.sizes()) : out;
}

/// (input, target, weight, size_average, ignore_index, reduce, reduction)
PyObject* nll_op(const OpDef&, Args& a) {
  return nll(a.tensor(0), a.tensor(1), a.tensor(2), reduction_of(a, 6, 3, 5), a.integer(4, -100)).release();
}

/// A division whose node has the name of one by a number that is no tensor.
const BinaryRule& divide_by_count() {
  static const BinaryRule rule = [] {
    BinaryRule r = kDiv;
    r.node = "DivBackward1";
    return r;
  }();
  return rule;
}

/// A factor for each class, as it broadcasts to scores of `ndim` dimensions.
Tensor per_class(const Tensor& weight, int ndim, int class_dim) {
  DimVec shape(std::size_t(ndim), 1);
  shape[std::size_t(class_dim)] = weight.numel();
  return reshape(weight, shape);
}

Tensor cross_entropy_of_probabilities(const Tensor& x, Tensor target, const Tensor& weight, Reduction r, int class_dim,
                                      double smoothing) {
  const std::int64_t classes = x.size(class_dim);
  if (weight.defined() && !(weight.ndim() == 1 && weight.numel() == classes)) {
    fail_runtime("cross_entropy: weight tensor should be defined either for all ", classes,
                 " classes or no classes but got weight tensor of shape: ", str(weight.sizes()));
  }
  const Tensor scores = log_softmax(x, class_dim);
  if (smoothing > 0) target = target * Scalar(1 - smoothing) + Scalar(smoothing / double(classes));
  Tensor product = scores * target;
  if (weight.defined()) product = product * per_class(weight, x.ndim(), class_dim);
  if (r == Reduction::None) return -sum(product, {{class_dim}});
  const Tensor all = -sum(product);
  if (r == Reduction::Sum) return all;
  if (scores.numel() == 0) return all * Scalar(std::numeric_limits<double>::quiet_NaN());
  return binary(divide_by_count(), all, Scalar(scores.numel() / classes));
}

Tensor cross_entropy_smoothed(const Tensor& x, const Tensor& target, const Tensor& weight, Reduction r,
                              std::int64_t ignored, int class_dim, double smoothing) {
  const Tensor scores = log_softmax(x, class_dim);
  const Tensor hard = nll(scores, target, weight, r, ignored);
  Tensor smooth = -sum(weight.defined() ? scores * per_class(weight, x.ndim(), class_dim) : scores, {{class_dim}});
  const Tensor skipped = compare(Compare::Eq, target, Scalar(ignored));
  smooth = masked_fill(smooth, skipped, 0);
  if (r != Reduction::None) smooth = sum(smooth);
  if (r == Reduction::Mean) {
    const Tensor counted = predicate(Predicate::LogicalNot, skipped);
    if (weight.defined()) {
      const Tensor flat = reshape(masked_fill(target, skipped, 0), {{-1}});
      smooth = smooth / sum(index_select(weight, 0, flat) * to(reshape(counted, {{-1}}), weight.dtype()));
    } else {
      smooth = smooth / sum(counted);
    }
  }
  return hard * Scalar(1 - smoothing) + smooth * Scalar(smoothing / double(x.size(class_dim)));
}

/// (input, target, weight, size_average, ignore_index, reduce, reduction, label_smoothing)
PyObject* cross_entropy_op(const OpDef&, Args& a) {
  const Tensor x = a.tensor(0), target = a.tensor(1), weight = a.tensor(2);
  const Reduction r = reduction_of(a, 6, 3, 5);
  const std::int64_t ignored = a.integer(4, -100);
  const double smoothing = a.real(7, 0);
  const int class_dim = x.ndim() == 1 ? 0 : 1;
  const auto check_smoothing = [&] {
    if (smoothing > 1) fail_runtime("label_smoothing must be between 0.0 and 1.0. Got: ", smoothing);
  };
  if (same(x.sizes(), target.sizes())) {
    if (!is_floating(target.dtype())) {
      fail_runtime("Expected floating point type for target with class probabilities, got ",
                   scalar_type_name(target.dtype()));
    }
    if (ignored >= 0) fail_runtime("ignore_index is not supported for floating point target");
    if (x.ndim() == 0) fail_index("Dimension specified as 1 but tensor has no dimensions");
    check_smoothing();
    return cross_entropy_of_probabilities(x, target, weight, r, class_dim, smoothing).release();
  }
  check_smoothing();
  if (smoothing > 0) return cross_entropy_smoothed(x, target, weight, r, ignored, class_dim, smoothing).release();
  return nll(log_softmax(x, wrap_dim(class_dim, x.ndim())), target, weight, r, ignored).release();
}

// --- of margins between scores
// ----------------------------------------------------------------------------------------------------------

/// N items' scores [N, C] against a class each (`several` false), or against the classes listed before the first -1.
/// Every class c that is none of an item's own loses max(0, margin - x[own] + x[c])^p / C for each of these.
struct Margins {
  std::int64_t n = 1, classes = 1;
  double margin = 1;
  int p = 1;
  bool several = false;

  /// f(item, own class, other class, hinge) where the hinge is above 0.
  template <class T, class F>
  void each(const T* x, const std::int64_t* target, F&& f) const {
    std::vector<char> own(std::size_t(classes), 0);
    for (std::int64_t i = 0; i < n; ++i, x += classes, target += several ? classes : 1) {
      std::int64_t count = several ? 0 : 1;
      while (several && count < classes && target[count] >= 0) ++count;
      for (std::int64_t k = 0; k < count; ++k) own[std::size_t(target[k])] = 1;
      for (std::int64_t k = 0; k < count; ++k) {
        const T edge = T(margin) - x[target[k]];
        for (std::int64_t c = 0; c < classes; ++c) {
          const T hinge = edge + x[c];
          if (hinge > 0 && !own[std::size_t(c)]) f(i, target[k], c, hinge);
        }
      }
      for (std::int64_t k = 0; k < count; ++k) own[std::size_t(target[k])] = 0;
    }
  }
};

struct MarginNode final : Node {
  SavedTensor x, target, weight;
  Margins m;
  Reduction reduction = Reduction::Mean;
  const char* name() const override { return m.several ? "MultilabelMarginLossBackward0" : "MultiMarginLossBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor t = x.unpack(this);
    const Tensor classes = contiguous_as(target.unpack(this), DType::Int64);
    Tensor g = reduction == Reduction::None ? reshape(in[0], {{m.n, 1}}) : in[0];
    if (reduction == Reduction::Mean) g = g / Scalar(double(m.n));
    out[0] = reshape(slope(reshape(t, {{m.n, m.classes}}), classes) * g, t.sizes());
  }
  /// The derivative of each item's loss with respect to its scores; with a history where it is not constant.
  Tensor slope(const Tensor& t, const Tensor& classes) {
    const bool squared = m.p == 2, by_operators = squared && modes.grad;
    const Tensor values = contiguous_as(t, t.dtype());
    const Tensor w = weight.saved() ? contiguous_as(weight.unpack(this), t.dtype()) : Tensor();
    const Tensor factors = zeros({{m.n, m.classes}}, t.dtype());
    with_float(t.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      T* const f = factors.data_as<T>();
      m.each(values.data_as<T>(), classes.data_as<std::int64_t>(),
             [&](std::int64_t i, std::int64_t own, std::int64_t c, T hinge) {
               T d = (w.defined() ? w.data_as<T>()[own] : T(1)) / T(m.classes);
               if (squared) d *= 2;
               if (squared && !by_operators) d *= hinge;
               f[i * m.classes + c] += d;
               if (!by_operators) f[i * m.classes + own] -= d;
             });
    });
    if (!by_operators) return factors;
    const Tensor own = reshape(classes, {{m.n, 1}});
    const Tensor others = (t - gather(t, 1, own) + Scalar(m.margin)) * factors;
    return scatter_add(others, 1, own, -sum(others, {{1}}, true));
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", x);
    v.tensor("target", target);
    if (!m.several) v.tensor("weight", weight);
  }
  void show(ValueVisitor& v) const override {
    v.number("reduction", int(reduction));
    if (m.several) return;
    v.number("p", m.p);
    v.number("margin", m.margin);
  }
};

Tensor margin_loss(const Tensor& x, const Tensor& target, const Tensor& weight, Margins m, Reduction r) {
  const Tensor values = contiguous_as(x, x.dtype());
  const Tensor w = weight.defined() ? contiguous_as(weight, x.dtype()) : Tensor();
  const bool each = r == Reduction::None;
  // Each item's loss has the shape of its class.
  const DimVec sizes = !each ? DimVec{} : !m.several ? DimVec(target.sizes()) : x.ndim() == 2 ? DimVec{m.n} : DimVec{};
  Tensor out = empty(sizes, x.dtype());
  with_float(x.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    std::vector<double> losses(std::size_t(m.n), 0);
    m.each(values.data_as<T>(), contiguous_as(target, DType::Int64).template data_as<std::int64_t>(),
           [&](std::int64_t i, std::int64_t own, std::int64_t, T hinge) {
             const T h = m.p == 2 ? hinge * hinge : hinge;
             losses[std::size_t(i)] += double(w.defined() ? h * w.data_as<T>()[own] : h);
           });
    double total = 0;
    for (std::int64_t i = 0; i < m.n; ++i) {
      const double l = losses[std::size_t(i)] / double(m.classes);
      if (each) out.data_as<T>()[i] = T(l);
      total += l;
    }
    if (!each) out.data_as<T>()[0] = T(r == Reduction::Mean && m.n > 0 ? total / double(m.n) : total);
  });
  if (recording(x)) {
    auto* n = record<MarginNode>(out, x);
    n->x.save(x);
    n->target.save(target);
    if (weight.defined()) n->weight.save(weight);
    n->m = m;
    n->reduction = r;
  }
  return out;
}

/// The sizes of what a margin loss is of.
Margins margins_of(const Tensor& x, bool several) {
  const bool ok = x.ndim() == 0 || (x.ndim() <= 2 && x.size(-1) != 0);
  if (!ok) {
    fail_runtime("Expected non-empty vector or matrix with optional 0-dim batch size, but got: ", str(x.sizes()));
  }
  Margins m;
  m.several = several;
  m.n = x.ndim() == 2 ? x.size(0) : 1;
  m.classes = x.ndim() == 0 ? 1 : x.size(-1);
  return m;
}
void check_margin_types(const Tensor& x, const Tensor& target, const char* kernel) {
  if (x.dtype() != DType::Float && x.dtype() != DType::Double) fail_unsupported(kernel, x.dtype());
  if (target.dtype() != DType::Int64)
    fail_runtime("expected scalar type Long but found ", scalar_type_name(target.dtype()));
}
/// Raises unless all are class numbers, or -1 where that ends a list.
void check_classes(const Tensor& target, const Margins& m) {
  const Tensor t = contiguous_as(target, DType::Int64);
  for (std::int64_t i = 0; i < t.numel(); ++i) {
    const std::int64_t c = t.data_as<std::int64_t>()[i];
    if (c >= (m.several ? -1 : 0) && c < m.classes) continue;
    fail_runtime(m.several ? "argument #2 'target' is out of range" : "target out of range");
  }
}

/// (input, target, p, margin, weight, size_average, reduce, reduction)
PyObject* multi_margin_op(const OpDef& def, Args& a) {
  const Tensor x = a.tensor(0), target = a.tensor(1), weight = a.tensor(4);
  const Reduction r = reduction_of(a, 7, 5, 6);
  const Scalar p = !a.has(2) ? Scalar(1) : is_number(a.v[2]) ? a.scalar(2) : Scalar(0);
  if (!p.equals(1) && !p.equals(2)) fail_value("only p == 1 and p == 2 supported");
  if (weight.defined() && weight.ndim() != 1) fail_value("weight must be one-dimensional");
  Margins m = margins_of(x, false);
  m.p = p.equals(2) ? 2 : 1;
  m.margin = a.real(3, 1);
  if (target.ndim() > 1 || target.numel() != m.n) {
    fail_runtime(
        "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). "
        "Expected target size [",
        m.n, "], but got ", str(target.sizes()), ". Input has shape ", str(x.sizes()), ".");
  }
  if (weight.defined()) {
    if (weight.numel() != m.classes)
      fail_runtime("inconsistent weight size, expected ", m.classes, " but got ", str(weight.sizes()));
    refuse_gradient(weight, def.name, "weight");
  }
  check_margin_types(x, target, "multi_margin_loss_cpu_kernel");
  if (weight.defined() && weight.dtype() != x.dtype()) {
    fail_runtime("expected scalar type ", scalar_type_name(x.dtype()), " but found ", scalar_type_name(weight.dtype()));
  }
  check_classes(target, m);
  return margin_loss(x, target, weight, m, r).release();
}
/// (input, target, size_average, reduce, reduction)
PyObject* multilabel_margin_op(const OpDef&, Args& a) {
  const Tensor x = a.tensor(0), target = a.tensor(1);
  const Reduction r = reduction_of(a, 4, 2, 3);
  const Margins m = margins_of(x, true);
  const bool fits = x.ndim() == 2 ? same(x.sizes(), target.sizes()) : target.ndim() <= 1 && target.numel() == m.classes;
  if (!fits) fail_runtime("inconsistent target size: ", str(target.sizes()), " for input of size: ", str(x.sizes()));
  check_margin_types(x, target, "multilabel_margin_loss_forward_out_frame");
  check_classes(target, m);
  return margin_loss(x, target, {}, m, r).release();
}

constexpr const char* kElementSig =
    "(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean', Tensor? "
    "weight=None)";
const OpDef ops[] = {
    {"mse_loss", kElementSig, mse_op, kFunction, Kind::Other,
     "The squared differences (input - target)^2, reduced by 'mean', 'sum' or 'none'."},
    {"l1_loss", kElementSig, l1_op, kFunction, Kind::Other,
     "The differences |input - target|, reduced by 'mean', 'sum' or 'none'."},
    {"smooth_l1_loss",
     "(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean', float beta=1.0)",
     smooth_l1_op, kFunction, Kind::Other,
     "With d = |input - target|: d^2 / (2 beta) below beta, d - beta / 2 above; reduced."},
    {"huber_loss", "(Tensor input, Tensor target, str reduction='mean', float delta=1.0, Tensor? weight=None)",
     huber_op, kFunction, Kind::Other,
     "With d = |input - target|: d^2 / 2 up to delta, delta (d - delta / 2) above; reduced."},
    {"binary_cross_entropy",
     "(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, bool? reduce=None, str "
     "reduction='mean')",
     bce_op, kFunction, Kind::Other,
     "-(target log(input) + (1 - target) log(1 - input)) of probabilities, the logarithms not below -100; reduced."},
    {"binary_cross_entropy_with_logits",
     "(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, bool? reduce=None, str "
     "reduction='mean', Tensor? pos_weight=None)",
     bce_logits_op, kFunction, Kind::Other, "binary_cross_entropy of sigmoid(input), without overflow."},
    {"nll_loss",
     "(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, int ignore_index=-100, bool? "
     "reduce=None, str reduction='mean')",
     nll_op, kFunction, Kind::Other,
     "-weight[target[n]] input[n, target[n]] for log-probabilities [N, C, ...] (or [C]); targets equal to ignore_index "
     "do not count. The mean is by the sum of the weights."},
    {"cross_entropy",
     "(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, int ignore_index=-100, bool? "
     "reduce=None, str reduction='mean', float label_smoothing=0.0)",
     cross_entropy_op, kFunction, Kind::Other,
     "nll_loss of log_softmax(input): scores [N, C, ...] (or [C]) against class numbers, or against probabilities of "
     "the scores' shape."},
    {"multi_margin_loss",
     "(Tensor input, Tensor target, any p=1, Number margin=1.0, Tensor? weight=None, bool? size_average=None, bool? "
     "reduce=None, str reduction='mean')",
     multi_margin_op, kFunction, Kind::Other,
     "For scores [N, C] (or [C]) and classes y: the mean over all C classes c of weight[y] max(0, margin - input[y] + "
     "input[c])^p, c not y; p is 1 or 2; reduced."},
    {"multilabel_margin_loss",
     "(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str reduction='mean')",
     multilabel_margin_op, kFunction, Kind::Other,
     "For scores [N, C] (or [C]) and lists of classes in the same shape, each ended by -1: the sum over listed classes "
     "y "
     "and others c of max(0, 1 - input[y] + input[c]), divided by C; reduced."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
