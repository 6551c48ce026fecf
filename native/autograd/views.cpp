#include "autograd/views.h"

#include "autograd/frame.h"
#include "ops/ops.h"

namespace rl {
namespace {

/// The elements that a view has of a tensor with its base's layout. `offset` counts bytes from the base's start. The
/// view of a complex base may be of its real numbers, and that of a real one of its pairs.
Tensor part_of(const Tensor& whole, DType dtype, Dims sizes, Dims strides, std::int64_t offset) {
  const std::int64_t at = offset / itemsize(to_real(dtype));
  if (is_complex(dtype) == is_complex(whole.dtype()))
    return as_strided(whole, sizes, strides, offset / itemsize(dtype));
  if (is_complex(whole.dtype())) return as_strided(view_as_real(whole), sizes, strides, at);
  DimVec pair_sizes, pair_strides;
  for (const std::int64_t n : sizes) pair_sizes.push_back(n);
  for (const std::int64_t n : strides) pair_strides.push_back(2 * n);
  pair_sizes.push_back(2);
  pair_strides.push_back(1);
  return view_as_complex(as_strided(whole, pair_sizes, pair_strides, at));
}

/// The gradient of a strided view, as part of its base's: also what a view's own history becomes after its base
/// was changed through another view.
struct AsStridedBackward final : Node {
  DimList base_sizes, base_strides, sizes, strides;
  std::int64_t offset;  // in bytes, from the base's start
  DType base_dtype, dtype;

  const char* name() const override { return "AsStridedBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    if (!needs(0)) return;
    const Tensor whole = empty_strided(base_sizes, base_strides, base_dtype);
    fill(whole, 0);
    Tensor part = part_of(whole, dtype, sizes, strides, offset);
    copy_(part, in[0]);
    out[0] = whole;
  }
};

/// The history of a base after one of its views was changed in place.
///
/// The gradient of the base loses the changed part to the in-place operator's node `fn`, whose first input is the
/// old content of that part; its other inputs are this node's other edges.
class CopySlices final : public Node {
 public:
  CopySlices(const Tensor& base, const Tensor& view, Node* fn)
      : offset_(view->offset - base->offset), dtype_(view.dtype()), fn_(NodeRef::borrow(fn)) {
    base_sizes_.assign(base.sizes());
    base_strides_.assign(base.strides());
    sizes_.assign(view.sizes());
    strides_.assign(view.strides());
  }

  const char* name() const override { return "CopySlices"; }
  Node* inner() const override { return fn_.get(); }
  void apply(Tensor* in, Tensor* out) override {
    Tensor result = empty_strided(base_sizes_, base_strides_, in[0].dtype());
    fill(result, 0);
    copy_(result, in[0]);
    Tensor part = part_of(result, dtype_, sizes_, strides_, offset_);
    Tensor part_grad = clone(part);
    std::vector<Tensor> grads(fn_->edge_count());
    fn_->apply(&part_grad, grads.data());
    if (const NodeExtra* e = fn_->extra(); e != nullptr && e->inputs) {
      for (std::uint32_t i = 0; i < fn_->edge_count(); ++i) {
        if (!grads[i].defined()) continue;
        if (grads[i].dtype() != e->inputs[i].dtype) grads[i] = to(grads[i], e->inputs[i].dtype);
        if (!same(grads[i].sizes(), e->inputs[i].sizes)) grads[i] = sum_to(grads[i], e->inputs[i].sizes);
      }
    }
    for (std::uint32_t i = 0; i < edge_count(); ++i) {
      if (i > 0) {
        if (needs(i)) out[i] = grads[i];
        continue;
      }
      if (!needs(0)) continue;
      if (grads[0].defined()) {
        copy_(part, grads[0]);
      } else {
        Tensor nothing = zeros(sizes_, part.dtype());
        copy_(part, nothing);
      }
      out[0] = result;
    }
  }
  void visit(SavedVisitor& v) override { fn_->visit(v); }
  void show(ValueVisitor& v) const override { fn_->show(v); }
  void release_saved() override {
    // A result that it saved may have put the operator into the graph of a second derivative as a node of its own,
    // which runs after this one and lets go by itself.
    if (fn_->refs() == 1) fn_->release_saved();
  }

 private:
  DimList base_sizes_, sizes_, strides_, base_strides_;
  std::int64_t offset_;  // in bytes, from the base's start
  DType dtype_;
  NodeRef fn_;
};

bool is_view(const Tensor& t) { return t->has(kIsView); }

/// What makes the alias `v` of `t` a differentiable view.
Tensor joined_view(const Tensor& t, Tensor v) {
  TensorObject* base = t->base != nullptr ? t->base : t.get();
  Py_INCREF(reinterpret_cast<PyObject*>(base));
  v->base = base;
  v->flags |= kIsView;
  v->view_version = v->version();
  if (!modes.grad) v->flags |= kViewNoGrad;
  // A view of a restricted view is restricted in the same way.
  v->flags = std::uint16_t(v->flags | (t->flags & (kViewNoGrad | kViewMulti | kViewInCustom)));
  return v;
}

}  // namespace

Tensor make_view(const Tensor& t, Dims sizes, Dims strides, std::int64_t byte_offset) {
  return joined_view(t, alias(t, sizes, strides, byte_offset));
}

Tensor make_view(const Tensor& t, Dims sizes) { return joined_view(t, alias(t, sizes)); }

void mark_multi_view(const Tensor& view) { view->flags |= kViewMulti; }

namespace {

/// Refuses a view whose history would be wrong once its elements were changed in place: by itself, or (`indirect`)
/// through its base or another view of that.
void refuse_restricted(const Tensor& t, bool indirect) {
  if (!t->has(kViewMulti) && !t->has(kViewInCustom) && !t->has(kViewNoGrad)) return;
  const char* how =
      indirect ? "its base or another view of its base has been modified inplace" : "is being modified inplace";
  std::string start = cat("A view was created in no_grad mode and ", how, " with grad mode enabled. ");
  if (t->has(kViewMulti) || t->has(kViewInCustom)) {
    const Node* fn = !indirect ? grad_fn(t) : t->has(kHasGradFn) ? t->grad_fn : nullptr;
    if (fn != nullptr) start = cat("Output ", t->output_nr, " of ", operator_name(fn), " is a view and ", how, ". ");
  } else if (t->has(kHasGradFn)) {
    start = cat("Output ", t->output_nr, " of ", operator_name(t->grad_fn),
                " is a view of a view which was created in no_grad mode and ", how, " with grad mode enabled. ");
  }
  if (t->has(kViewMulti)) {
    fail_runtime(
        start,
        "This view is the output of a function that returns multiple views. Such functions do not allow the "
        "output views to be modified inplace. You should replace the inplace operation by an out-of-place one.");
  }
  if (t->has(kViewInCustom)) {
    fail_runtime(
        start,
        "This view was created inside a custom Function (or because an input was returned as-is) and the "
        "autograd logic to handle view+inplace would override the custom backward associated with the custom "
        "Function, leading to incorrect gradients. This behavior is forbidden. You can fix this by cloning the "
        "output of the custom Function.");
  }
  fail_runtime(start,
               "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by "
               "moving both the view and the inplace either both inside the no_grad block (if you don't want the "
               "inplace to be tracked) or both outside (if you want the inplace to be tracked).");
}

}  // namespace

Node* grad_fn(const Tensor& t) {
  if (is_view(t) && t->view_version != t->version()) {
    const Tensor base = Tensor::borrow(t->base);
    if (base.requires_grad() || t->has(kHasGradFn)) refuse_restricted(t, true);
    if (base.requires_grad() && !base->has(kInference)) {
      auto* n = make_node<AsStridedBackward>(1);
      n->base_sizes.assign(base.sizes());
      n->base_strides.assign(base.strides());
      n->sizes.assign(t.sizes());
      n->strides.assign(t.strides());
      n->offset = t->offset - base->offset;
      n->base_dtype = base.dtype();
      n->dtype = t.dtype();
      connect(n, 0, base);
      set_history(t, n);
      release(n);
      t->view_version = t->version();
    }
  }
  return t->has(kHasGradFn) ? t->grad_fn : nullptr;
}

void check_inplace(const Tensor& t, bool tracked_inputs) {
  if (modes.before_inplace != nullptr) [[unlikely]]
    Object::check(PyObject_CallOneArg(modes.before_inplace, t.object()));
  if (t->has(kInference) && !modes.inference) {
    fail_runtime(
        "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal "
        "tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details.");
  }
  if (!modes.grad) return;
  if (t.requires_grad() && t.is_leaf()) {
    fail_runtime(is_view(t) ? "a view of a leaf Variable that requires grad is being used in an in-place operation."
                            : "a leaf Variable that requires grad is being used in an in-place operation.");
  }
  if (!is_view(t)) return;
  const Tensor base = Tensor::borrow(t->base);
  if (base.requires_grad() && base.is_leaf()) {
    fail_runtime("a view of a leaf Variable that requires grad is being used in an in-place operation.");
  }
  // The base got its history after the view was made: PyTorch takes the view for a leaf until its grad_fn is asked for.
  if (base.requires_grad() && !t->has(kViewNoGrad) && !t->has(kHasGradFn | kRequiresGrad))
    fail_runtime("a leaf Variable that requires grad is being used in an in-place operation.");
  if (!tracked_inputs && !(t->has(kViewNoGrad) && base.requires_grad())) return;
  refuse_restricted(t, false);
}

void finish_inplace(const Tensor& t, Node* node) {
  t->bump_version();
  if (t->storage->was_saved()) note_change(t);
  if (node != nullptr) rebase_history(t, node);
}

void rebase_history(const Tensor& t, Node* node, std::uint32_t nr) {
  if (!is_view(t)) {
    set_history(t, node, nr);
    return;
  }
  const Tensor base = Tensor::borrow(t->base);
  auto* slices = make_node<CopySlices>(node->edge_count(), base, t, node);
  connect(slices, 0, base);
  for (std::uint32_t i = 1; i < node->edge_count(); ++i) {
    Edge& e = node->edges()[i];
    if (e.fn == nullptr) continue;
    e.fn->retain();
    slices->edges()[i] = e;
  }
  set_history(base, slices);
  release(slices);
  // This view's own grad_fn is remade from the base when asked for.
  t->flags |= kRequiresGrad;
}

}  // namespace rl
