// Dropout: of elements or whole features, by zeros or so that mean and variance stay (alpha).
#include <cmath>

#include "ops/binary.h"
#include "ops/ops.h"
#include "python/bind.h"

namespace rl {
namespace {

struct Way {
  bool feature, alpha, inplace;
};

/// 1 for what is kept, else 0: for each element, or for each feature of [N, C, *].
Tensor draw(const Tensor& x, double p, bool feature) {
  Tensor kept;
  if (feature) {
    if (x.ndim() < 2) fail_runtime("Feature dropout requires at least 2 dimensions in the input");
    DimVec sizes(std::size_t(x.ndim()), 1);
    sizes[0] = x.size(0), sizes[1] = x.size(1);
    kept = empty(sizes, x.dtype());
  } else {
    kept = empty_like(x, x.dtype());
  }
  fill_bernoulli(kept, 1 - p);
  return kept;
}

Tensor dropped(const Tensor& x, double p, const Way& way) {
  const auto finish = [&](const Tensor& factor, const Tensor& shift) {
    if (!way.inplace) return shift.defined() ? x * factor + shift : x * factor;
    Tensor self = x;
    mul_(self, factor);
    if (shift.defined()) add_(self, shift);
    return self;
  };
  if (p == 1) return finish(zeros({}, x.dtype()), {});
  Tensor factor = draw(x, p, way.feature), shift;
  if (is_integral(x.dtype(), true)) {
    fail_runtime("result type Float can't be cast to the desired output type ", scalar_type_name(x.dtype()));
  }
  {
    const GradMode off(false);
    if (way.alpha) {
      // What is dropped becomes -alpha', the limit of selu; then all is brought back to mean 0 and variance 1.
      constexpr double alpha = 1.7580993408473766;
      const double a = 1 / std::sqrt((alpha * alpha * p + 1) * (1 - p));
      shift = (factor + Scalar(-1)) * Scalar(alpha * a) + Scalar(alpha * a * p);
      factor = factor * Scalar(a);
    } else {
      factor = factor / Scalar(1 - p);
    }
  }
  return finish(factor, shift);
}

/// (input, p, train)
PyObject* dropout_op(const OpDef& def, Args& a) {
  const Tensor x = a.tensor(0);
  const double p = a.real(1);
  if (!(p >= 0 && p <= 1)) fail_runtime("dropout probability has to be between 0 and 1, but got ", p);
  if (!a.boolean(2) || p == 0 || x.numel() == 0) return Tensor(x).release();
  return dropped(x, p, *static_cast<const Way*>(def.data)).release();
}

struct NativeDropoutNode final : Node {
  SavedTensor mask;
  double p = 0, scale = 1;
  const char* name() const override { return "NativeDropoutBackward0"; }
  void apply(Tensor* in, Tensor* out) override { out[0] = in[0] * mask.unpack(this) * Scalar(scale); }
  void visit(SavedVisitor& v) override { v.tensor("result1", mask); }
  void show(ValueVisitor& v) const override { v.number("p", p); }
};
/// (input, p, train)
PyObject* native_dropout_op(const OpDef&, Args& a) {
  const Tensor x = a.tensor(0);
  const double p = a.real(1);
  const bool train = a.boolean(2, true);
  if (x.numel() == 0 && !recording(x)) {
    Tensor same[] = {x, empty_like(x, x.dtype())};
    return pack(same);
  }
  Tensor out, mask = empty_like(x, x.numel() == 0 ? x.dtype() : DType::Bool);
  double scale = 1;
  if (x.numel() > 0 && train) {
    if (!(p >= 0 && p <= 1)) fail_runtime("bernoulli_ expects p to be in [0, 1], but got p=", 1 - p);
    if (is_integral(x.dtype(), true)) {
      fail_runtime("result type Float can't be cast to the desired output type ", scalar_type_name(x.dtype()));
    }
    fill_bernoulli(mask, 1 - p);
    scale = p == 1 ? 0 : 1 / (1 - p);
    const GradMode off(false);
    out = x * mask * Scalar(scale);
  } else {
    fill(mask, true);
    const GradMode off(false);
    out = clone(x);
  }
  if (recording(x)) {
    auto* n = record<NativeDropoutNode>(out, x);
    n->mask.save(mask);
    n->p = p, n->scale = a.has(2) ? scale : 1;  // as PyTorch has it where nobody says whether to train
  }
  Tensor both[] = {out, mask};
  return pack(both);
}

constexpr const char* kSig = "(Tensor input, float p, bool train)";
constexpr Way kPlain{false, false, false}, kPlain_{false, false, true}, kFeature{true, false, false},
    kFeature_{true, false, true}, kAlpha{false, true, false}, kAlpha_{false, true, true},
    kFeatureAlpha{true, true, false}, kFeatureAlpha_{true, true, true};
const OpDef ops[] = {
    {"dropout", kSig, dropout_op, kFunction, Kind::Random,
     "Zeroes elements with probability p and scales the rest by 1 / (1 - p).", &kPlain},
    {"dropout_", kSig, dropout_op, kFunction, Kind::Random, "In-place dropout.", &kPlain_},
    {"feature_dropout", kSig, dropout_op, kFunction, Kind::Random,
     "Dropout of whole features of [N, C, *]: all of [n, c] are kept or all are zeroed.", &kFeature},
    {"feature_dropout_", kSig, dropout_op, kFunction, Kind::Random, "In-place feature_dropout.", &kFeature_},
    {"alpha_dropout", kSig, dropout_op, kFunction, Kind::Random,
     "Dropout that keeps mean 0 and variance 1: what is dropped gets the value that selu tends to.", &kAlpha},
    {"alpha_dropout_", kSig, dropout_op, kFunction, Kind::Random, "In-place alpha_dropout.", &kAlpha_},
    {"feature_alpha_dropout", kSig, dropout_op, kFunction, Kind::Random,
     "alpha_dropout of whole features of [N, C, *].", &kFeatureAlpha},
    {"feature_alpha_dropout_", kSig, dropout_op, kFunction, Kind::Random, "In-place feature_alpha_dropout.",
     &kFeatureAlpha_},
    {"native_dropout", "(Tensor input, float p, bool? train)", native_dropout_op, kFunction, Kind::Random,
     "Dropout, and the bool tensor of what was kept."},
};
const Register registered(ops);

}  // namespace

Tensor dropout(const Tensor& t, double p) { return dropped(t, p, kPlain); }

}  // namespace rl
