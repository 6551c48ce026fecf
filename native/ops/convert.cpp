// Copies, conversions, history cut off.
#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

struct CloneNode final : Node {
  const char* name() const override { return "CloneBackward0"; }
  void apply(Tensor* in, Tensor* out) override { out[0] = in[0]; }
};
struct ToNode final : Node {
  DType dtype = DType::Float;
  const char* name() const override { return "ToCopyBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor& g = in[0];
    out[0] = to(is_complex(g.dtype()) && !is_complex(dtype) ? real(g) : g, dtype);
  }
};
struct CopyNode final : Node {
  DimList sizes;
  DType dtype = DType::Float;
  const char* name() const override { return "CopyBackwards"; }
  void apply(Tensor* in, Tensor* out) override {
    if (needs(0)) out[0] = zeros_like(in[0]);
    if (needs(1)) {
      Tensor g = in[0];
      fit(g);
      out[1] = g;
    }
  }
  void fit(Tensor& g) const {
    if (!same(g.sizes(), sizes)) g = sum_to(g, sizes);
    if (g.dtype() != dtype) g = to(is_complex(g.dtype()) && !is_complex(dtype) ? real(g) : g, dtype);
  }
};
struct FillNode final : Node {
  const char* name() const override { return "FillBackward0"; }
  void apply(Tensor* in, Tensor* out) override { out[0] = zeros_like(in[0]); }
};

Tensor raw_clone(const Tensor& t) {
  Tensor out = empty_like(t, t.dtype());
  copy_into(out, t);
  return out;
}

}  // namespace

Tensor clone(const Tensor& t) {
  Tensor out = raw_clone(t);
  if (recording(t)) record<CloneNode>(out, t);
  return out;
}

Tensor contiguous(const Tensor& t) {
  if (t.is_contiguous()) return t;
  Tensor out = to_contiguous(t, t.dtype());
  if (recording(t)) record<CloneNode>(out, t);
  return out;
}

Tensor to(const Tensor& t, DType dtype) {
  if (t.dtype() == dtype) return t;
  Tensor out = empty_like(t, dtype);
  copy_into(out, t);
  if (recording(t) && is_differentiable(dtype)) record<ToNode>(out, t)->dtype = t.dtype();
  return out;
}

Tensor detach(const Tensor& t) {
  Tensor out = alias(t);
  return out;
}

Tensor& copy_(Tensor& dst, const Tensor& src) {
  const bool record = recording(dst, src) && is_differentiable(dst.dtype());
  check_inplace(dst, record);
  if (!same(broadcast_shapes(dst.sizes(), src.sizes()), dst.sizes())) {
    fail_runtime("output with shape ", str(dst.sizes()), " doesn't match the broadcast shape ",
                 str(broadcast_shapes(dst.sizes(), src.sizes())));
  }
  check_no_overlap(dst);
  NodeRef node;
  if (record) {
    auto* n = make_node<CopyNode>(2);
    node = NodeRef::steal(n);
    connect(n, 0, dst);
    connect(n, 1, src);
    n->sizes.assign(src.sizes());
    n->dtype = src.dtype();
  }
  copy_into(dst, src);
  finish_inplace(dst, node.get());
  return dst;
}

Tensor zeros(Dims sizes, DType dtype) { return full(sizes, 0, dtype); }
Tensor zeros_like(const Tensor& t) {
  Tensor out = empty_like(t, t.dtype());
  fill(out, 0);
  return out;
}
Tensor ones_like(const Tensor& t) {
  Tensor out = empty_like(t, t.dtype());
  fill(out, 1);
  return out;
}

namespace {

PyObject* clone_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  if (a.has(1)) {
    Object text = Object::check(PyObject_Str(a.v[1]));
    if (std::string_view(PyUnicode_AsUTF8(text.get())) == "torch.contiguous_format" && !t.is_contiguous())
      return contiguous(t).release();
  }
  return clone(t).release();
}
PyObject* contiguous_op(const OpDef&, Args& a) { return contiguous(a.tensor(0)).release(); }
PyObject* detach_op(const OpDef&, Args& a) { return detach(a.tensor(0)).release(); }
PyObject* detach_op_(const OpDef&, Args& a) {
  Tensor t = a.tensor(0);
  if (t->has(kIsView) && tracked(t)) {
    fail_runtime(
        "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for "
        "training, and gradient_as_bucket_view is set "
        "as True, gradients are views of DDP buckets, and hence detach_() cannot be called on these gradients. To fix "
        "this error, please refer to the "
        "Optimizer.zero_grad() function in torch/optim/optimizer.py as a solution.");
  }
  if (t->has(kHasGradFn)) {
    Node* fn = std::exchange(t->grad_fn, nullptr);
    t->flags = std::uint16_t(t->flags & ~(kHasGradFn | kRequiresGrad));
    t->output_nr = 0;
    release(fn);
  }
  t->flags = std::uint16_t(t->flags & ~kRequiresGrad);
  return t.release();
}
PyObject* copy_op_(const OpDef&, Args& a) {
  Tensor dst = a.tensor(0);
  copy_(dst, a.is_tensor(1) ? a.tensor(1) : scalar_tensor(a.scalar(1), dst.dtype()));
  return dst.release();
}
PyObject* fill_op_(const OpDef& def, Args& a) {
  Tensor t = a.tensor(0);
  if (a.is_tensor(1)) {
    const Tensor value = a.tensor(1);
    if (value.ndim() > 0)
      fail_runtime("fill_ only supports 0-dimension value tensor but got tensor with ", value.ndim(), " dimensions.");
    copy_(t, value);
    return t.release();
  }
  const bool record = recording(t);
  check_inplace(t, record);
  NodeRef node;
  if (record) {
    auto* n = make_node<FillNode>(1);
    node = NodeRef::steal(n);
    connect(n, 0, t);
  }
  const Scalar value = a.has(1) ? a.scalar(1) : Scalar(0);
  if (value.kind == Scalar::Kind::Complex && !is_complex(t.dtype()) && value.im != 0) {
    fail_runtime("value cannot be converted to type ", dtype_name(t.dtype()), " without overflow");
  }
  fill(t, value);
  finish_inplace(t, node.get());
  return t.release();
}

Tensor converted(const Tensor& t, DType d, bool copy) {
  if (d == t.dtype()) return copy ? clone(t) : t;
  return to(t, d);
}

/// to(dtype), to(device), to(device, dtype), to(other); on the CPU only the dtype matters.
PyObject* to_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  DType d = t.dtype();
  bool copy = false;
  switch (a.overload) {
    case 0:
      d = a.dtype(1).value_or(d);
      copy = a.boolean(3);
      break;
    case 1:
      a.check_device(1);
      d = a.dtype(2).value_or(d);
      copy = a.boolean(4);
      break;
    default: d = a.tensor(1).dtype(); copy = a.boolean(3);
  }
  return converted(t, d, copy).release();
}
PyObject* type_op(const OpDef& def, Args& a) {
  return converted(a.tensor(0), DType(int(reinterpret_cast<std::intptr_t>(def.data))), false).release();
}
const void* as_data(DType d) { return reinterpret_cast<const void*>(std::intptr_t(d)); }

#define RL_TO(name, type)                       \
  {name,                                        \
   "(Tensor self, format? memory_format=None)", \
   type_op,                                     \
   kMethod,                                     \
   Kind::Linear,                                \
   "self in this dtype.",                       \
   as_data(DType::type)}

const OpDef ops[] = {
    {"clone", "(Tensor input, *, format? memory_format=None)", clone_op, kBoth, Kind::Linear,
     "A copy in new memory; the gradient goes through."},
    {"contiguous", "(Tensor self, format? memory_format=None)", contiguous_op, kMethod, Kind::Linear,
     "self if its elements lie in row-major order, else such a copy."},
    {"detach", "(Tensor input)", detach_op, kBoth, Kind::View, "The same memory without history."},
    {"detach_", "(Tensor self)", detach_op_, kBoth, Kind::View, "Cuts self off from its history."},
    {"copy_", "(Tensor self, Operand src, bool non_blocking=False)", copy_op_, kMethod, Kind::Linear,
     "Writes src, broadcast and converted, into self."},
    {"fill_", "(Tensor self, Operand value)", fill_op_, kMethod, Kind::Other, "Sets all elements."},
    {"zero_", "(Tensor self)", fill_op_, kMethod, Kind::Other, "Sets all elements to 0."},
    {"to",
     "(Tensor self, dtype dtype, bool non_blocking=False, bool copy=False, *, format? memory_format=None)\n"
     "(Tensor self, device? device=None, dtype? dtype=None, bool non_blocking=False, bool copy=False, *, format? "
     "memory_format=None)\n"
     "(Tensor self, Tensor other, bool non_blocking=False, bool copy=False, *, format? memory_format=None)",
     to_op, kMethod, Kind::Linear, "self in another dtype (the device is the CPU)."},
    RL_TO("float", Float),
    RL_TO("double", Double),
    RL_TO("half", Half),
    RL_TO("bfloat16", BFloat16),
    RL_TO("int", Int32),
    RL_TO("long", Int64),
    RL_TO("short", Int16),
    RL_TO("char", Int8),
    RL_TO("byte", UInt8),
    RL_TO("bool", Bool),
    RL_TO("cfloat", CFloat),
    RL_TO("cdouble", CDouble),
};
const Register registered(ops);

}  // namespace
}  // namespace rl
