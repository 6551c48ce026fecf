// Copies, conversions, history cut off.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

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

namespace {

/// PyTorch's names of the C++ types, which its messages have.
const char* c_name(DType d) {
  static constexpr const char* names[] = {"bool",
                                          "uint8_t",
                                          "int8_t",
                                          "int16_t",
                                          "int",
                                          "int64_t",
                                          "c10::Half",
                                          "c10::BFloat16",
                                          "float",
                                          "double",
                                          "c10::complex<float>",
                                          "c10::complex<double>"};
  return names[int(d)];
}

template <class T>
bool fits_in(const Scalar& v) {
  if constexpr (std::is_same_v<T, bool>) {
    return true;
  } else if constexpr (is_complex_v<T>) {
    using R = typename T::value_type;
    return fits_in<R>(Scalar(v.real())) && fits_in<R>(Scalar(v.im));
  } else if constexpr (is_half_v<T>) {
    const double largest = std::is_same_v<T, half_t> ? 65504.0 : 0x1.fep127;
    return v.kind == Scalar::Kind::Bool || std::isinf(v.real()) || !(std::abs(v.real()) > largest);
  } else if constexpr (std::is_floating_point_v<T>) {
    return v.is_integral() || std::isinf(v.d) || !(std::abs(v.d) > double(std::numeric_limits<T>::max()));
  } else {
    using L = std::numeric_limits<T>;
    if (v.kind == Scalar::Kind::Bool) return true;
    if (v.is_integral()) {
      // Negative numbers wrap where the type has no sign.
      const std::int64_t low = std::is_signed_v<T> ? std::int64_t(L::min()) : -std::int64_t(L::max());
      return v.i >= low && v.i <= std::int64_t(L::max());
    }
    return v.d >= double(L::min()) && v.d <= double(L::max()) && v.d < 0x1p63;
  }
}

}  // namespace

void check_fits(const Scalar& v, DType dtype) {
  bool fits = is_complex(dtype) || v.kind != Scalar::Kind::Complex || v.im == 0 || dtype == DType::Bool;
  if (fits) {
    fits = dispatch(dtype, [&](auto tag) { return fits_in<typename decltype(tag)::type>(v); });
  }
  if (!fits) fail_runtime("value cannot be converted to type ", c_name(dtype), " without overflow");
}

namespace {

DimVec channels_last_strides(Dims sizes, Format f) {
  const std::size_t n = f == Format::ChannelsLast ? 4 : 5;
  if (sizes.size() != n) {
    fail_runtime("required rank ", n, " tensor to use ", n == 4 ? "channels_last" : "channels_last_3d", " format");
  }
  DimVec strides(sizes);
  std::int64_t step = 1;
  for (std::size_t k = 0; k < n; ++k) {  // channels, then the other dimensions from the last to the first
    const std::size_t d = k == 0 ? 1 : k == n - 1 ? 0 : n - k;
    strides[d] = step;
    step *= std::max<std::int64_t>(sizes[d], 1);
  }
  return strides;
}

}  // namespace

Tensor empty_as(Dims sizes, DType dtype, Format f) {
  if (f == Format::Preserve) {
    fail_runtime(
        "unsupported memory format option Preserve; torch.preserve_format keeps the layout of a tensor, and here there "
        "is none");
  }
  if (f == Format::None || f == Format::Contiguous) return empty(sizes, dtype);
  checked_numel(sizes);
  return empty_strided(sizes, channels_last_strides(sizes, f), dtype);
}
Tensor empty_like_as(const Tensor& t, DType dtype, Format f) {
  if (f == Format::None || f == Format::Preserve) return empty_like(t, dtype);
  return empty_as(t.sizes(), dtype, f);
}
bool has_format(const Tensor& t, Format f) {
  if (f == Format::None || f == Format::Contiguous) return t.is_contiguous();
  if (f == Format::Preserve) return true;
  if (t.ndim() != (f == Format::ChannelsLast ? 4 : 5)) return false;
  const DimVec wanted = channels_last_strides(t.sizes(), f);
  for (int i = 0; i < t.ndim(); ++i) {
    if (t.sizes()[i] != 1 && t.strides()[i] != wanted[std::size_t(i)]) return false;
  }
  return true;
}

Format memory_format(const Args& a, int slot) {
  if (!a.has(slot)) return Format::None;
  Object text = Object::check(PyObject_Str(a.v[slot]));
  const std::string_view name = PyUnicode_AsUTF8(text.get());
  if (name == "torch.contiguous_format") return Format::Contiguous;
  if (name == "torch.preserve_format") return Format::Preserve;
  return name == "torch.channels_last" ? Format::ChannelsLast : Format::ChannelsLast3d;
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

/// A copy in a memory format, in another dtype or in the same one, with history.
Tensor copied(const Tensor& t, DType d, Format f) {
  Tensor out = empty_like_as(t, d, f);
  copy_into(out, t);
  if (!recording(t) || !is_differentiable(d)) return out;
  if (d == t.dtype())
    record<CloneNode>(out, t);
  else
    record<ToNode>(out, t)->dtype = t.dtype();
  return out;
}
PyObject* clone_op(const OpDef&, Args& a) {
  return copied(a.tensor(0), a.tensor(0).dtype(), memory_format(a, 1)).release();
}
PyObject* is_contiguous_op(const OpDef&, Args& a) {
  const Format f = memory_format(a, 1);
  if (f == Format::Preserve) fail_runtime("preserve memory format is unsupported by the contiguous operator");
  return PyBool_FromLong(has_format(a.tensor(0), f));
}
PyObject* contiguous_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  const Format f = memory_format(a, 1);
  if (f == Format::Preserve) fail_runtime("preserve memory format is unsupported by the contiguous operator");
  if (f == Format::None || f == Format::Contiguous) return contiguous(t).release();
  return has_format(t, f) ? Tensor(t).release() : copied(t, t.dtype(), f).release();
}
PyObject* detach_op(const OpDef&, Args& a) { return detach(a.tensor(0)).release(); }
PyObject* detach_op_(const OpDef&, Args& a) {
  Tensor t = a.tensor(0);
  if (t->has(kIsView)) {
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
  const Scalar value = a.has(1) ? a.scalar(1) : Scalar(0);
  check_fits(value, t.dtype());
  const bool record = recording(t);
  check_inplace(t, record);
  NodeRef node;
  if (record) {
    auto* n = make_node<FillNode>(1);
    node = NodeRef::steal(n);
    connect(n, 0, t);
  }
  fill(t, value);
  finish_inplace(t, node.get());
  return t.release();
}

Tensor converted(const Tensor& t, DType d, bool copy, Format f) {
  // To PyTorch whatever is not channels last is in the contiguous format here.
  const bool laid_out = f == Format::None || f == Format::Preserve || has_format(t, f) ||
                        (f == Format::Contiguous && !(t.ndim() == 4 && has_format(t, Format::ChannelsLast)) &&
                         !(t.ndim() == 5 && has_format(t, Format::ChannelsLast3d)));
  if (d == t.dtype() && !copy && laid_out) return t;
  if (d == t.dtype() && recording(t)) {
    // to() names its node by what it is, also where only the memory changes.
    Tensor out = empty_like_as(t, d, f);
    copy_into(out, t);
    record<ToNode>(out, t)->dtype = d;
    return out;
  }
  return copied(t, d, f);
}

/// to(dtype), to(device), to(device, dtype), to(other); on the CPU only the dtype and the memory format matter.
PyObject* to_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  DType d = t.dtype();
  int at = 3;
  switch (a.overload) {
    case 0: d = a.dtype(1).value_or(d); break;
    case 1:
      a.check_device(1);
      d = a.dtype(2).value_or(d);
      at = 4;
      break;
    default: d = a.tensor(1).dtype();
  }
  return converted(t, d, a.boolean(at), memory_format(a, at + 1)).release();
}
PyObject* type_op(const OpDef& def, Args& a) {
  return converted(a.tensor(0), DType(int(reinterpret_cast<std::intptr_t>(def.data))), false, memory_format(a, 1))
      .release();
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
    {"is_contiguous", "(Tensor self, format? memory_format=None)", is_contiguous_op, kMethod, Kind::Query,
     "Do the elements lie in row-major order, or in that of the memory format?"},
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
