// Activations that are no function of one number: glu, prelu and rrelu.
#include "kernels/random.h"
#include "ops/binary.h"
#include "ops/generator.h"
#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

// --- glu
// ---------------------------------------------------------------------------------------------------------------------

struct GluNode final : Node {
  SavedTensor x;
  int dim = 0;
  const char* name() const override { return "GluBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor t = x.unpack(this);
    const DType d = compute_type(t.dtype());
    const std::int64_t n = t.size(dim);
    const Tensor g = to(in[0], d), a = to(slice(t, dim, 0, n / 2), d), s = sigmoid(to(slice(t, dim, n / 2, n), d));
    const Tensor first = g * s;
    const Tensor parts[] = {first, first * a * rsub(s, 1)};
    out[0] = to(concat(parts, dim), t.dtype());
  }
  void visit(SavedVisitor& v) override { v.tensor("self", x); }
  void show(ValueVisitor& v) const override { v.number("dim", dim); }
};
/// (input, dim)
PyObject* glu_op(const OpDef&, Args& a) {
  const Tensor x = a.tensor(0);
  if (x.ndim() == 0) fail_runtime("glu does not support scalars because halving size must be even");
  const int dim = wrap_dim(a.integer(1, -1), x.ndim());
  const std::int64_t n = x.size(dim);
  if (n % 2 != 0) fail_runtime("Halving dimension must be even, but dimension ", dim, " is size ", n);
  if (!is_floating(x.dtype())) fail_unsupported("glu_cpu", x.dtype());
  Tensor out;
  {
    const GradMode off(false);
    const DType d = compute_type(x.dtype());
    out = to(to(slice(x, dim, 0, n / 2), d) * sigmoid(to(slice(x, dim, n / 2, n), d)), x.dtype());
  }
  if (recording(x)) {
    auto* node = record<GluNode>(out, x);
    node->x.save(x);
    node->dim = dim;
  }
  return out.release();
}

// --- prelu
// ---------------------------------------------------------------------------------------------------------------------

struct PreluNode final : Node {
  SavedTensor x, weight;
  const char* name() const override { return "PreluKernelBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor t = x.unpack(this), w = weight.unpack(this), g = in[0];
    const Tensor positive = compare(Compare::Gt, t, Scalar(0));
    if (needs(0)) out[0] = where(positive, g, g * w);
    if (needs(1)) out[1] = sum_to(masked_fill(g * t, positive, 0), w.sizes());
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", x);
    v.tensor("weight", weight);
  }
};
/// (input, weight)
PyObject* prelu_op(const OpDef&, Args& a) {
  const Tensor x = a.tensor(0);
  Tensor w = a.tensor(1);
  if (x.dtype() != w.dtype()) {
    fail_runtime("prelu: Type promoting not supported. Got ", scalar_type_name(x.dtype()), " and ",
                 scalar_type_name(w.dtype()));
  }
  if (w.numel() != 1) {
    if (x.ndim() == 0) fail_runtime("Not allow zero-dim input tensor.");
    const std::int64_t channels = x.ndim() > 1 ? x.size(1) : 1;
    if (channels != w.numel()) {
      fail_runtime("Mismatch of parameter numbers and input channel size. Found parameter numbers = ", w.numel(),
                   " and channel size = ", channels, ".");
    }
  }
  if (w.ndim() > 1) fail_runtime("prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = ", w.ndim());
  if (!is_floating(x.dtype())) fail_unsupported("prelu_cpu", x.dtype());
  if (w.ndim() != x.ndim()) {
    DimVec shape(std::size_t(x.ndim()), 1);
    if (x.ndim() > 1) shape[1] = w.numel();
    w = reshape(w, shape);
  }
  Tensor out;
  {
    const GradMode off(false);
    out = where(compare(Compare::Gt, x, Scalar(0)), x, x * w);
  }
  if (recording(x, w)) {
    auto* node = record<PreluNode>(out, x, w);
    node->x.save(x);
    node->weight.save(w);
  }
  return out.release();
}

// --- rrelu
// ---------------------------------------------------------------------------------------------------------------------

struct RreluNode final : Node {
  SavedTensor noise;
  double lower = 0, upper = 0;
  bool training = false;
  const char* name() const override { return "RreluWithNoiseBackward0"; }
  void apply(Tensor* in, Tensor* out) override { out[0] = in[0] * noise.unpack(this); }
  void visit(SavedVisitor& v) override { v.tensor("noise", noise); }
  void show(ValueVisitor& v) const override {
    v.number("lower", lower);
    v.number("upper", upper);
    v.flag("training", training);
  }
};
/// The slope at each element: 1 where it is positive, else a number drawn between the bounds, or their mean.
Tensor slopes(const Tensor& x, double lower, double upper, bool training, GeneratorState& generator) {
  const DType d = compute_type(x.dtype());
  const Tensor t = contiguous_as(x, d);
  Tensor out = empty(x.sizes(), d);
  dispatch(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const T* from = t.data_as<T>();
      T* to = out.data_as<T>();
      const std::int64_t n = t.numel();
      if (!training) {
        const T slope = T((lower + upper) / 2);
        for (std::int64_t i = 0; i < n; ++i) to[i] = from[i] > 0 ? T(1) : slope;
        return;
      }
      for (std::int64_t i = 0; i < n; ++i) {
        to[i] = T(1);
        if (!(from[i] <= 0)) continue;
        double r;
        fill_uniform(generator, &r, DType::Double, 1, lower, upper);
        to[i] = T(r);
      }
    }
  });
  return to(out, x.dtype());
}
/// (input, lower, upper, training, generator); rrelu_ in place.
PyObject* rrelu_op(const OpDef& def, Args& a) {
  Tensor x = a.tensor(0);
  const double lower = a.real(1, 1.0 / 8), upper = a.real(2, 1.0 / 3);
  const bool inplace = def.data != nullptr, record_it = recording(x), training = a.boolean(3);
  if (lower > upper) fail_runtime("Lower bound should be less than or equal to the upper bound");
  if (!is_floating(x.dtype())) fail_unsupported(training ? "rrelu_with_noise_out_cpu" : "leaky_relu_cpu", x.dtype());
  if (inplace) {
    check_inplace(x, record_it);
    check_no_overlap(x);
  }
  Tensor noise, out;
  {
    const GradMode off(false);
    noise = slopes(x, lower, upper, training, generator_state(a.v[4]));
    out = contiguous(x) * noise;
  }
  if (inplace) copy_into(x, out);
  if (record_it) {
    auto* n = make_node_on<RreluNode>(edge_of(x));
    const NodeRef node = NodeRef::steal(n);
    n->noise.save(noise);
    n->lower = lower, n->upper = upper, n->training = training;
    if (inplace)
      finish_inplace(x, n);
    else
      set_history(out, n);
  } else if (inplace) {
    finish_inplace(x, nullptr);
  }
  return (inplace ? x : out).release();
}

constexpr bool kInplace = true;
const OpDef ops[] = {
    {"glu", "(Tensor input, int dim=-1)", glu_op, kFunction, Kind::Other,
     "a sigmoid(b) for the two halves a, b of the input along a dimension."},
    {"prelu", "(Tensor input, Tensor weight)", prelu_op, kBoth, Kind::Other,
     "x where it is positive, else weight x; the weight is one number, or one for each channel (dimension 1)."},
    {"rrelu",
     "(Tensor input, Number lower=0.125, Number upper=0.3333333333333333, bool training=False, generator? "
     "generator=None)",
     rrelu_op, kFunction, Kind::Random,
     "x where it is positive, else x times a slope drawn uniformly from [lower, upper), or their mean if not "
     "training."},
    {"rrelu_",
     "(Tensor input, Number lower=0.125, Number upper=0.3333333333333333, bool training=False, generator? "
     "generator=None)",
     rrelu_op, kFunction, Kind::Random, "In-place rrelu.", &kInplace},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
