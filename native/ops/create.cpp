// Tensors from sizes, numbers and Python data.
#include <cmath>
#include <cstring>

#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

PyObject* finish(Args& a, int out_slot, int requires_slot, Tensor t, const char* name) {
  if (a.boolean(requires_slot)) {
    if (!is_differentiable(t.dtype()))
      fail_runtime("Only Tensors of floating point and complex dtype can require gradients");
    t->flags |= kRequiresGrad;
  }
  return out_slot < 0 ? t.release() : give(a, out_slot, std::move(t), name, false);
}

// (size, *, out, dtype, layout, device, pin_memory, requires_grad)
PyObject* filled_op(const OpDef& def, Args& a) {
  a.check_device(4);
  const DType d = a.dtype(2).value_or(default_dtype());
  const DimVec sizes = a.ints(0);
  Tensor t = def.name[0] == 'e' ? empty(sizes, d) : full(sizes, def.name[0] == 'o' ? 1 : 0, d);
  return finish(a, 1, 6, std::move(t), def.name);
}
DType type_of(const Scalar& s) {
  switch (s.kind) {
    case Scalar::Kind::Bool: return DType::Bool;
    case Scalar::Kind::Int: return DType::Int64;
    case Scalar::Kind::Float: return default_dtype();
    case Scalar::Kind::Complex: break;
  }
  return to_complex(default_dtype());
}
PyObject* full_op(const OpDef& def, Args& a) {
  a.check_device(5);
  const Scalar v = a.scalar(1);
  return finish(a, 2, 7, full(a.ints(0), v, a.dtype(3).value_or(type_of(v))), def.name);
}
// (input, *, dtype, layout, device, requires_grad, memory_format)
PyObject* like_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  const bool valued = std::string_view(def.name) == "full_like";
  const int at = valued ? 2 : 1;
  a.check_device(at + 2);
  Tensor out = empty_like(t, a.dtype(at).value_or(t.dtype()));
  if (valued)
    fill(out, a.scalar(1));
  else if (def.name[0] != 'e')
    fill(out, def.name[0] == 'o' ? 1 : 0);
  return finish(a, -1, at + 3, out, def.name);
}
// new_zeros(size, *, dtype, layout, device, pin_memory, requires_grad), new_full(size, fill_value, …)
PyObject* new_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  const bool valued = std::string_view(def.name) == "new_full";
  const int at = valued ? 3 : 2;
  a.check_device(at + 2);
  Tensor out = empty(a.ints(1), a.dtype(at).value_or(t.dtype()));
  if (valued)
    fill(out, a.scalar(2));
  else if (def.name[4] != 'e')
    fill(out, def.name[4] == 'o' ? 1 : 0);
  return finish(a, -1, at + 4, out, def.name);
}
PyObject* empty_strided_op(const OpDef& def, Args& a) {
  return finish(a, -1, 6, empty_strided(a.ints(0), a.ints(1), a.dtype(2).value_or(default_dtype())), def.name);
}

/// Writes f(i) as element i; doubles for floats, int64 for integers.
template <class F>
Tensor generated(std::int64_t n, DType d, F&& f) {
  Tensor t = empty({{n}}, d);
  dispatch(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (std::int64_t i = 0; i < n; ++i) t.data_as<T>()[i] = convert<T>(f(i));
  });
  return t;
}
// arange: (end), (start, end), (start, end, step)
PyObject* arange_op(const OpDef& def, Args& a) {
  const int k = a.overload;
  const Scalar start = k == 0 ? Scalar(0) : a.scalar(0), end = a.scalar(k == 0 ? 0 : 1),
               step = k == 2 ? a.scalar(2, 1) : Scalar(1);
  const int at = k + 1;
  a.check_device(at + 3);
  DType d;
  if (auto given = a.dtype(at + 1))
    d = *given;
  else
    d = start.is_integral() && end.is_integral() && step.is_integral() ? DType::Int64 : default_dtype();
  const double s = start.real(), e = end.real(), h = step.real();
  if (h == 0) fail_runtime("step must be nonzero");
  if (!std::isfinite(s) || !std::isfinite(e)) fail_runtime("unsupported range: ", s, " -> ", e);
  if ((h > 0 && e < s) || (h < 0 && e > s)) fail_runtime("upper bound and lower bound inconsistent with step sign");
  std::int64_t n;
  if (is_integral(d, true) && start.is_integral() && end.is_integral() && step.is_integral()) {
    n = std::int64_t(std::ceil((double(end.i) - double(start.i)) / double(step.i)));
    return finish(a, at, at + 5, generated(n, d, [&](std::int64_t i) { return start.i + i * step.i; }), def.name);
  }
  n = std::int64_t(std::ceil((e - s) / h));
  if (is_integral(d, true))
    return finish(a, at, at + 5, generated(n, d, [&](std::int64_t i) { return start.integer() + i * step.integer(); }),
                  def.name);
  return finish(a, at, at + 5, generated(n, d, [&](std::int64_t i) { return s + double(i) * h; }), def.name);
}
// linspace(start, end, steps, *, out, dtype, layout, device, pin_memory, requires_grad)
PyObject* linspace_op(const OpDef& def, Args& a) {
  const double s = a.real(0), e = a.real(1);
  const std::int64_t n = a.integer(2);
  if (n < 0) fail_runtime("number of steps must be non-negative");
  const DType d = a.dtype(4).value_or(default_dtype());
  const double h = n > 1 ? (e - s) / double(n - 1) : 0;
  // From both ends towards the middle, so that both are exact.
  Tensor t;
  if (d == DType::Float) {
    const float fs = float(s), fe = float(e), fh = n > 1 ? (fe - fs) / float(n - 1) : 0;
    t = generated(n, d, [&](std::int64_t i) {
      return i < n / 2 ? std::fma(fh, float(i), fs) : std::fma(-fh, float(n - 1 - i), fe);
    });
  } else {
    t = generated(n, d,
                  [&](std::int64_t i) { return i < n / 2 || n == 1 ? s + h * double(i) : e - h * double(n - 1 - i); });
  }
  if (n == 1) fill(t, Scalar(s));
  return finish(a, 3, 8, t, def.name);
}
// eye(n, m, *, out, dtype, …)
PyObject* eye_op(const OpDef& def, Args& a) {
  const std::int64_t n = a.integer(0), m = a.integer(1, n);
  if (n < 0) fail_runtime("n must be greater or equal to 0, got ", n);
  if (m < 0) fail_runtime("m must be greater or equal to 0, got ", m);
  Tensor t = full({{n, m}}, 0, a.dtype(3).value_or(default_dtype()));
  const DimVec length{std::min(n, m)}, step{m + 1};
  fill(alias(t, length, step, 0), 1);
  return finish(a, 2, 7, t, def.name);
}
// tril_indices(row, col, offset=0, *, dtype, device, layout)
PyObject* triangle_op(const OpDef& def, Args& a) {
  const std::int64_t rows = a.integer(0), cols = a.integer(1), offset = a.integer(2, 0);
  const bool lower = def.name[3] == 'l';
  if (rows < 0) fail_runtime("row must be non-negative, got", rows);
  if (cols < 0) fail_runtime("col must be non-negative, got", cols);
  // Row i holds columns [0, i + offset] of the lower triangle, [i + offset, cols) of the upper. Rows are empty, then
  // each is longer by one, then they are whole; in the upper triangle the other way round.
  using Wide = __int128;
  const auto within = [](Wide v, Wide low, Wide high) { return v < low ? low : v > high ? high : v; };
  const Wide edge = lower ? -Wide(offset) : Wide(cols) - offset;          // the first row that is not empty; or that is
  const Wide turn = lower ? Wide(cols) - 1 - offset : -Wide(offset) + 1;  // the first row that is whole; or that is not
  const Wide first = lower ? within(edge, 0, rows) : 0, last = lower ? rows : within(edge, 0, rows);
  const auto length = [&](Wide i) {
    return lower ? within(i + offset + 1, 0, cols) : cols - within(i + offset, 0, cols);
  };
  Wide count = 0;
  if (lower) {
    const Wide whole = within(turn, first, last);
    count = (whole - first) * (length(first) + length(whole - 1)) / 2 + (last - whole) * cols;
    if (whole == first) count = (last - whole) * cols;
  } else {
    const Wide sloped = within(turn, first, last);
    count = (sloped - first) * cols;
    if (last > sloped) count += (last - sloped) * (length(sloped) + length(last - 1)) / 2;
  }
  if (count > Wide(INT64_MAX) / 32) {
    fail_runtime("Storage size calculation overflowed with sizes=[2, ",
                 count > Wide(INT64_MAX) ? std::string("more than 2**63") : std::to_string(std::int64_t(count)), "]");
  }
  Tensor t = empty({{2, std::int64_t(count)}}, DType::Int64);
  auto *r = t.data_as<std::int64_t>(), *c = r + std::int64_t(count);
  for (std::int64_t i = std::int64_t(first); count > 0 && i < std::int64_t(last); ++i) {
    const auto n = std::int64_t(length(i)), start = lower ? 0 : cols - n;
    for (std::int64_t j = start; j < start + n; ++j) {
      *r++ = i;
      *c++ = j;
    }
  }
  return to(t, a.dtype(3).value_or(DType::Int64)).release();
}

// --- Python data
// -------------------------------------------------------------------------------------------------------------------

bool is_list(PyObject* o) { return PyList_Check(o) || PyTuple_Check(o); }

std::optional<DType> buffer_type(const Py_buffer& b) {
  std::string_view f = b.format == nullptr ? "B" : b.format;
  if (!f.empty() && (f[0] == '@' || f[0] == '=' || f[0] == '<')) f.remove_prefix(1);
  if (f == "?") return DType::Bool;
  if (f == "e") return DType::Half;
  if (f == "f") return DType::Float;
  if (f == "d") return DType::Double;
  if (f == "Zf") return DType::CFloat;
  if (f == "Zd") return DType::CDouble;
  if (f == "B") return DType::UInt8;
  if (f == "b" || f == "h" || f == "i" || f == "l" || f == "q") {
    switch (b.itemsize) {
      case 1: return DType::Int8;
      case 2: return DType::Int16;
      case 4: return DType::Int32;
      default: return DType::Int64;
    }
  }
  return std::nullopt;
}

struct Buffer {
  Py_buffer view{};
  bool open = false;
  ~Buffer() {
    if (open) PyBuffer_Release(&view);
  }
};

/// A tensor on the memory of a buffer, which it keeps open.
Tensor share_buffer(PyObject* o) {
  auto b = std::make_unique<Buffer>();
  if (PyObject_GetBuffer(o, &b->view, PyBUF_RECORDS) != 0) {
    PyErr_Clear();
    if (PyObject_GetBuffer(o, &b->view, PyBUF_RECORDS_RO) != 0) throw PythonError();
  }
  b->open = true;
  const auto d = buffer_type(b->view);
  if (!d) {
    fail_type("can't convert np.ndarray of type ", b->view.format ? b->view.format : "?",
              ". The only supported types are: float64, float32, float16, complex64, complex128, int64, int32, int16, "
              "int8, uint8, and bool.");
  }
  DimVec sizes, strides;
  for (int i = 0; i < b->view.ndim; ++i) {
    sizes.push_back(b->view.shape[i]);
    const Py_ssize_t step = b->view.strides[i];
    if (step < 0) {
      fail_value(
          "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
          "currently supported. (You can probably work around this "
          "by making a copy of your array  with array.copy().) ");
    }
    if (step % b->view.itemsize != 0)
      fail_value(
          "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the "
          "memory.");
    strides.push_back(step / b->view.itemsize);
  }
  std::int64_t reach = product(sizes) == 0 ? 0 : 1;
  for (std::size_t i = 0; i < sizes.size() && reach > 0; ++i) reach += (sizes[i] - 1) * strides[i];
  Storage* s = Storage::adopt(
      b->view.buf, std::size_t(reach) * itemsize(*d),
      [](void* c) { std::unique_ptr<Buffer> owned(static_cast<Buffer*>(c)); }, b.get());
  b.release();
  Tensor t = on_storage(s, 0, sizes, strides, *d);
  s->release();
  return t;
}

bool is_array(PyObject* o) {
  return !is_tensor(o) && PyObject_CheckBuffer(o) && !PyBytes_Check(o) && !PyByteArray_Check(o) && !is_number(o);
}

/// Sizes of nested sequences, by their first elements.
void find_sizes(PyObject* o, DimVec& sizes) {
  while (is_list(o)) {
    const Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    if (sizes.size() >= std::size_t(kMaxDims)) fail_value("too many dimensions '", Py_TYPE(o)->tp_name, "'");
    sizes.push_back(n);
    if (n == 0) return;
    o = PySequence_Fast_GET_ITEM(o, 0);
  }
  if (is_tensor(o)) {
    for (auto s : Tensor::borrow(o).sizes()) sizes.push_back(s);
  } else if (is_array(o)) {
    for (auto s : share_buffer(o).sizes()) sizes.push_back(s);
  }
}

struct Inferred {
  bool any = false, boolean = false, integer = false, real = false, complex = false;
  Promotion tensors;
  bool has_tensor = false;
};

void infer(PyObject* o, Inferred& k, int depth) {
  if (is_list(o)) {
    if (depth > kMaxDims) fail_value("too many dimensions '", Py_TYPE(o)->tp_name, "'");
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) infer(PySequence_Fast_GET_ITEM(o, i), k, depth + 1);
    return;
  }
  if (PyUnicode_Check(o)) fail_value("too many dimensions 'str'");
  if (is_tensor(o) || is_array(o)) {
    k.has_tensor = true;
    k.tensors.add(is_tensor(o) ? Tensor::borrow(o) : share_buffer(o));
    return;
  }
  if (!is_number(o)) fail_runtime("Could not infer dtype of ", Py_TYPE(o)->tp_name);
  k.any = true;
  if (std::strncmp(Py_TYPE(o)->tp_name, "numpy.", 6) == 0 && PyObject_CheckBuffer(o)) {
    k.has_tensor = true;
    k.tensors.add(share_buffer(o));
    return;
  }
  switch (to_scalar(o).kind) {
    case Scalar::Kind::Bool: k.boolean = true; break;
    case Scalar::Kind::Int: k.integer = true; break;
    case Scalar::Kind::Float: k.real = true; break;
    case Scalar::Kind::Complex: k.complex = true; break;
  }
}

void store(PyObject* o, const Tensor& t, std::size_t depth, char*& at) {
  if (depth < std::size_t(t.ndim()) && is_list(o)) {
    const Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    if (n != t.sizes()[depth])
      fail_value("expected sequence of length ", t.sizes()[depth], " at dim ", depth, " (got ", n, ")");
    for (Py_ssize_t i = 0; i < n; ++i) store(PySequence_Fast_GET_ITEM(o, i), t, depth + 1, at);
    return;
  }
  if (is_tensor(o) || is_array(o)) {
    const Tensor part = is_tensor(o) ? Tensor::borrow(o) : share_buffer(o);
    if (!same(part.sizes(), t.sizes().subspan(depth))) {
      if (part.ndim() == 0 && part.numel() == 1 && depth == std::size_t(t.ndim())) {
      } else {
        fail_value("expected a tensor of size ", str(t.sizes().subspan(depth)), " at dim ", depth, " (got ",
                   str(part.sizes()), ")");
      }
    }
    const Tensor dense = contiguous_as(part, t.dtype());
    std::memcpy(at, dense.data(), std::size_t(dense.numel()) * dense.itemsize());
    at += dense.numel() * dense.itemsize();
    return;
  }
  if (is_list(o)) fail_type("expected a number at dim ", depth, ", got a ", Py_TYPE(o)->tp_name);
  if (depth < std::size_t(t.ndim()))
    fail_type("len() of unsized object: expected a sequence at dim ", depth, ", got ", Py_TYPE(o)->tp_name);
  if (!is_number(o)) fail_type("must be real number, not ", Py_TYPE(o)->tp_name);
  const Scalar s = to_scalar(o);
  if (s.kind == Scalar::Kind::Complex && !is_complex(t.dtype())) fail_type("must be real number, not complex");
  if (is_integral(t.dtype(), false) && s.kind == Scalar::Kind::Int) {
    const int bits = 8 * t.itemsize();
    const bool is_unsigned = t.dtype() == DType::UInt8;
    const std::int64_t low = bits == 64 ? INT64_MIN : is_unsigned ? -255 : -(std::int64_t(1) << (bits - 1));
    const std::int64_t high = bits == 64 ? INT64_MAX : (std::int64_t(1) << (is_unsigned ? bits : bits - 1)) - 1;
    if (s.i < low || s.i > high)
      fail_runtime("value cannot be converted to type ", dtype_name(t.dtype()), " without overflow");
  }
  s.store(at, t.dtype());
  at += t.itemsize();
}

}  // namespace

Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype) {
  if (is_tensor(data)) {
    const Tensor t = Tensor::borrow(data);
    Tensor copy = empty_like(t, dtype.value_or(t.dtype()));
    copy_into(copy, t);
    return copy;
  }
  if (is_array(data)) {
    const Tensor shared = share_buffer(data);
    return to_contiguous(shared, dtype.value_or(shared.dtype()));
  }
  Inferred k;
  infer(data, k, 0);
  DType d;
  if (dtype)
    d = *dtype;
  else if (k.has_tensor) {
    if (k.integer) k.tensors.add(Scalar(std::int64_t(0)));
    if (k.real) k.tensors.add(Scalar(0.0));
    if (k.complex) k.tensors.add(Scalar(cdouble(0, 0)));
    d = k.tensors.result();
  } else if (k.complex)
    d = to_complex(default_dtype());
  else if (k.real || !k.any)
    d = default_dtype();
  else
    d = k.integer ? DType::Int64 : DType::Bool;
  DimVec sizes;
  find_sizes(data, sizes);
  Tensor t = empty(sizes, d);
  char* at = t.data();
  if (t.numel() > 0 || sizes.size() > 1) store(data, t, 0, at);
  return t;
}

namespace {

// tensor(data, *, dtype, device, requires_grad, pin_memory)
PyObject* tensor_op(const OpDef& def, Args& a) {
  a.check_device(2);
  if (is_tensor(a.v[0])) {
    if (PyErr_WarnEx(PyExc_UserWarning,
                     "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
                     "sourceTensor.detach().clone().requires_grad_(True), rather than "
                     "torch.tensor(sourceTensor).",
                     1) < 0)
      throw PythonError();
  }
  return finish(a, -1, 3, tensor_from_data(a.v[0], a.dtype(1)), def.name);
}
PyObject* new_tensor_op(const OpDef& def, Args& a) {
  return finish(a, -1, 4, tensor_from_data(a.v[1], a.dtype(2).value_or(a.tensor(0).dtype())), def.name);
}
// as_tensor(data, dtype, device)
PyObject* as_tensor_op(const OpDef&, Args& a) {
  a.check_device(2);
  if (is_tensor(a.v[0]))
    return to(Tensor::borrow(a.v[0]), a.dtype(1).value_or(reinterpret_cast<TensorObject*>(a.v[0])->dtype)).release();
  if (is_array(a.v[0])) {
    const Tensor t = share_buffer(a.v[0]);
    return to(t, a.dtype(1).value_or(t.dtype())).release();
  }
  return tensor_from_data(a.v[0], a.dtype(1)).release();
}
PyObject* from_numpy_op(const OpDef&, Args& a) {
  if (std::strcmp(Py_TYPE(a.v[0])->tp_name, "numpy.ndarray") != 0)
    fail_type("expected np.ndarray (got ", Py_TYPE(a.v[0])->tp_name, ")");
  return share_buffer(a.v[0]).release();
}
// frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False)
PyObject* frombuffer_op(const OpDef& def, Args& a) {
  auto b = std::make_unique<Buffer>();
  if (PyObject_GetBuffer(a.v[0], &b->view, PyBUF_SIMPLE) != 0) throw PythonError();
  b->open = true;
  const DType d = *a.dtype(1);
  const std::int64_t size = itemsize(d), offset = a.integer(3, 0), bytes = b->view.len;
  std::int64_t count = a.integer(2, -1);
  if (bytes == 0 || count == 0) fail_value("both buffer length (", bytes, ") and count (", count, ") must not be 0");
  if (offset < 0 || offset >= bytes)
    fail_value("offset (", offset, " bytes) must be non-negative and no greater than buffer length (", bytes,
               " bytes) minus 1");
  if (count < 0) {
    if ((bytes - offset) % size != 0)
      fail_value("buffer length (", bytes - offset, " bytes) after offset (", offset,
                 " bytes) must be a multiple of element size (", size, ")");
    count = (bytes - offset) / size;
  }
  if (offset + count * size > bytes) {
    fail_value("requested buffer length (", count, " * ", size, " bytes) after offset (", offset,
               " bytes) must not be greater than actual buffer length (", bytes, " bytes)");
  }
  char* p = static_cast<char*>(b->view.buf) + offset;
  Storage* s = Storage::adopt(
      p, std::size_t(count * size), [](void* c) { std::unique_ptr<Buffer> owned(static_cast<Buffer*>(c)); }, b.get());
  b.release();
  const DimVec sizes{count}, strides{1};
  Tensor t = on_storage(s, 0, sizes, strides, d);
  s->release();
  return finish(a, -1, 4, t, def.name);
}
PyObject* scalar_tensor_op(const OpDef& def, Args& a) {
  return finish(a, -1, 5, scalar_tensor(a.scalar(0), a.dtype(1).value_or(default_dtype())), def.name);
}

#define RL_OPTIONS                                                                                                  \
  "*, Tensor? out=None, dtype? dtype=None, layout? layout=None, device? device=None, bool? pin_memory=False, bool " \
  "requires_grad=False"
#define RL_LIKE                                                                                        \
  "*, dtype? dtype=None, layout? layout=None, device? device=None, bool requires_grad=False, format? " \
  "memory_format=None"
#define RL_NEW \
  "*, dtype? dtype=None, layout? layout=None, device? device=None, bool? pin_memory=False, bool requires_grad=False"
const OpDef ops[] = {
    {"empty", "(size size, " RL_OPTIONS ", format? memory_format=None)", filled_op, kFunction, Kind::Creation,
     "A tensor of undefined contents."},
    {"zeros", "(size size, " RL_OPTIONS ")", filled_op, kFunction, Kind::Creation, "A tensor of zeros."},
    {"ones", "(size size, " RL_OPTIONS ")", filled_op, kFunction, Kind::Creation, "A tensor of ones."},
    {"full", "(ints size, Number fill_value, " RL_OPTIONS ")", full_op, kFunction, Kind::Creation,
     "A tensor of one value; its dtype follows from the value."},
    {"empty_strided", "(ints size, ints stride, " RL_NEW ")", empty_strided_op, kFunction, Kind::Creation,
     "Undefined contents with these strides."},
    {"empty_like", "(Tensor input, " RL_LIKE ")", like_op, kFunction, Kind::Creation,
     "empty of input's sizes and dtype."},
    {"zeros_like", "(Tensor input, " RL_LIKE ")", like_op, kFunction, Kind::Creation,
     "zeros of input's sizes and dtype."},
    {"ones_like", "(Tensor input, " RL_LIKE ")", like_op, kFunction, Kind::Creation,
     "ones of input's sizes and dtype."},
    {"full_like", "(Tensor input, Number fill_value, " RL_LIKE ")", like_op, kFunction, Kind::Creation,
     "full of input's sizes and dtype."},
    {"new_empty", "(Tensor self, size size, " RL_NEW ")", new_op, kMethod, Kind::Creation, "empty of self's dtype."},
    {"new_zeros", "(Tensor self, size size, " RL_NEW ")", new_op, kMethod, Kind::Creation, "zeros of self's dtype."},
    {"new_ones", "(Tensor self, size size, " RL_NEW ")", new_op, kMethod, Kind::Creation, "ones of self's dtype."},
    {"new_full", "(Tensor self, ints size, Number fill_value, " RL_NEW ")", new_op, kMethod, Kind::Creation,
     "full of self's dtype."},
    {"new_tensor", "(Tensor self, any data, *, dtype? dtype=None, device? device=None, bool requires_grad=False)",
     new_tensor_op, kMethod, Kind::Creation, "tensor of self's dtype."},
    {"arange",
     "(Number end, " RL_OPTIONS ")\n(Number start, Number end, " RL_OPTIONS
     ")\n(Number start, Number end, Number step, " RL_OPTIONS ")",
     arange_op, kFunction, Kind::Creation, "start, start + step, … before end."},
    {"linspace", "(Number start, Number end, int steps, " RL_OPTIONS ")", linspace_op, kFunction, Kind::Creation,
     "`steps` numbers from start to end, both included."},
    {"eye", "(int n, int? m=None, " RL_OPTIONS ")", eye_op, kFunction, Kind::Creation,
     "Ones on the diagonal, zeros elsewhere."},
    {"tril_indices", "(int row, int col, int offset=0, *, dtype? dtype=None, device? device=None, layout? layout=None)",
     triangle_op, kFunction, Kind::Creation, "The indices of the lower triangle."},
    {"triu_indices", "(int row, int col, int offset=0, *, dtype? dtype=None, device? device=None, layout? layout=None)",
     triangle_op, kFunction, Kind::Creation, "The indices of the upper triangle."},
    {"tensor",
     "(any data, *, dtype? dtype=None, device? device=None, bool requires_grad=False, bool? pin_memory=False)",
     tensor_op, kFunction, Kind::Creation, "A tensor of Python or array data, copied."},
    {"as_tensor", "(any data, dtype? dtype=None, device? device=None)", as_tensor_op, kFunction, Kind::Creation,
     "data itself or its memory where possible, else a copy."},
    {"from_numpy", "(any ndarray)", from_numpy_op, kFunction, Kind::Creation,
     "A tensor on the memory of a NumPy array."},
    {"frombuffer", "(any buffer, *, dtype dtype, int count=-1, int offset=0, bool requires_grad=False)", frombuffer_op,
     kFunction, Kind::Creation, "A tensor on the memory of a buffer."},
    {"scalar_tensor", "(Number s, " RL_NEW ")", scalar_tensor_op, kFunction, Kind::Creation, "A 0-dim tensor."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
