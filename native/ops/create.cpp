// Tensors from sizes, numbers and Python data.
#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>
#include <type_traits>

#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

/// Sets requires_grad, writes into `out=`. The result's dtype is that of `out` where no dtype is given.
PyObject* finish(Args& a, int out_slot, int requires_slot, Tensor t, const char* name) {
  if (a.boolean(requires_slot)) {
    if (!is_differentiable(t.dtype()))
      fail_runtime("Only Tensors of floating point and complex dtype can require gradients");
    t->flags |= kRequiresGrad;
  }
  return out_slot < 0 ? t.release() : give(a, out_slot, std::move(t), name, false);
}
/// Raises unless the slot is absent or means dense memory.
void check_layout(const Args& a, int slot) {
  if (!a.has(slot)) return;
  Object text = Object::check(PyObject_Str(a.v[slot]));
  const char* name = PyUnicode_AsUTF8(text.get());
  if (std::string_view(name) != "torch.strided")
    fail(ErrorKind::NotImplemented, "rushlight has dense tensors only (layout=torch.strided); got layout=", name);
}

// (size, *, out, dtype, layout, device, pin_memory, requires_grad)
PyObject* filled_op(const OpDef& def, Args& a) {
  a.check_device(4);
  check_layout(a, 3);
  const DType d = chosen_type(a, 2, 1, default_dtype());
  const DimVec sizes = a.ints(0);
  if (def.name[0] == 'z' && std::any_of(sizes.begin(), sizes.end(), [](std::int64_t n) { return n < 0; }))
    fail_runtime("zeros: Dimension size must be non-negative.");
  if (def.name[0] == 'e') return finish(a, 1, 6, empty_as(sizes, d, memory_format(a, 7)), def.name);
  return finish(a, 1, 6, full(sizes, def.name[0] == 'o' ? 1 : 0, d), def.name);
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
  check_layout(a, 4);
  const Scalar v = a.scalar(1);
  const DType d = chosen_type(a, 3, 2, type_of(v));
  check_fits(v, d);
  return finish(a, 2, 7, full(a.ints(0), v, d), def.name);
}
// (input, *, dtype, layout, device, requires_grad, memory_format)
PyObject* like_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  const bool valued = std::string_view(def.name) == "full_like";
  const int at = valued ? 2 : 1;
  a.check_device(at + 2);
  check_layout(a, at + 1);
  const DType d = a.dtype(at).value_or(t.dtype());
  if (valued) check_fits(a.scalar(1), d);
  Tensor out = empty_like_as(t, d, memory_format(a, at + 4));
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
  check_layout(a, at + 1);
  const DType d = a.dtype(at).value_or(t.dtype());
  if (valued) check_fits(a.scalar(2), d);
  Tensor out = empty(a.ints(1), d);
  if (valued)
    fill(out, a.scalar(2));
  else if (def.name[4] != 'e')
    fill(out, def.name[4] == 'o' ? 1 : 0);
  return finish(a, -1, at + 4, out, def.name);
}
/// empty_strided, and with a tensor first, whose dtype is the default, new_empty_strided.
PyObject* empty_strided_op(const OpDef& def, Args& a) {
  const bool like = std::string_view(def.name).starts_with("new_");
  const int at = like ? 1 : 0;
  a.check_device(at + 4);
  check_layout(a, at + 3);
  const DimVec sizes = a.ints(at), strides = a.ints(at + 1);
  if (sizes.size() != strides.size()) {
    fail_runtime("dimensionality of sizes (", sizes.size(), ") must match dimensionality of strides (", strides.size(),
                 ")");
  }
  for (auto step : strides) {
    if (step < 0)
      fail_runtime("Storage size calculation overflowed with sizes=", str(sizes), " and strides=", str(strides));
  }
  const DType d = a.dtype(at + 2).value_or(like ? a.tensor(0).dtype() : default_dtype());
  return finish(a, -1, at + 6, empty_strided(sizes, strides, d), def.name);
}
/// empty_permuted(size, physical_layout, *, dtype, layout, device, pin_memory, requires_grad)
PyObject* empty_permuted_op(const OpDef& def, Args& a) {
  a.check_device(4);
  check_layout(a, 3);
  const DimVec sizes = a.ints(0), order = a.ints(1);
  if (sizes.size() != order.size()) {
    fail_runtime("Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = ",
                 sizes.size(), " is not equal to len(physical_layout) = ", order.size());
  }
  DimVec strides(sizes);
  std::vector<bool> seen(sizes.size());
  std::int64_t step = 1;
  for (std::size_t i = order.size(); i-- > 0;) {
    if (order[i] < 0 || order[i] >= std::int64_t(sizes.size())) {
      fail_runtime("Dimension out of range (expected to be between 0 and ", sizes.size() - 1, ", but got ", order[i],
                   " at index ", i, ").  NB: negative dims not currently supported; file an issue if you want it.");
    }
    if (seen[std::size_t(order[i])]) fail_runtime("Duplicate dim not allowed");
    seen[std::size_t(order[i])] = true;
    strides[std::size_t(order[i])] = step;
    step *= std::max<std::int64_t>(sizes[std::size_t(order[i])], 1);
  }
  checked_numel(sizes);
  return finish(a, -1, 6, empty_strided(sizes, strides, a.dtype(2).value_or(default_dtype())), def.name);
}

/// Writes f(i) as element i; the elements that f gives have the dtype's type already.
template <class T, class F>
void generate(const Tensor& t, F&& f) {
  T* p = t.data_as<T>();
  for (std::int64_t i = 0, n = t.numel(); i < n; ++i) p[i] = f(i);
}

/// How many elements arange has in type `A` (int64 for integers, else float or double): PyTorch's formula and checks.
template <class A>
std::int64_t range_length(const Scalar& start, const Scalar& end, const Scalar& step) {
  const A s = start.to<A>(), e = end.to<A>(), h = step.to<A>();
  if (!(h > 0 || h < 0)) fail_runtime("step must be nonzero");
  if (!std::isfinite(start.real()) || !std::isfinite(end.real()))
    fail_runtime("unsupported range: ", start.real(), " -> ", end.real());
  if (!((h > 0 && e >= s) || (h < 0 && e <= s)))
    fail_runtime("upper bound and lower bound inconsistent with step sign");
  double length;
  if constexpr (std::is_integral_v<A>) {
    __int128 span = __int128(e) - s, count = (span + h - (h > 0 ? 1 : -1)) / h;
    if (span != std::int64_t(span) || span + h != std::int64_t(span + h)) count = -1;  // as PyTorch's int64 overflows
    length = double(count);
  } else {
    length = std::ceil((end.real() - start.real()) / step.real());
  }
  if (!(length >= 0 && length < 0x1p63)) fail_runtime("invalid size, possible overflow?");
  return std::int64_t(length);
}

// arange: (end), (start, end), (start, end, step)
PyObject* arange_op(const OpDef& def, Args& a) {
  const int k = a.overload;
  const Scalar start = k == 0 ? Scalar(0) : a.scalar(0), end = a.scalar(k == 0 ? 0 : 1),
               step = k == 2 ? a.scalar(2, 1) : Scalar(1);
  const int at = k + 1;
  a.check_device(at + 3);
  check_layout(a, at + 2);
  const bool integral = start.is_integral() && end.is_integral() && step.is_integral();
  const DType d = chosen_type(a, at + 1, at, integral ? DType::Int64 : default_dtype());
  for (const Scalar& v : {start, end, step}) {
    if (v.kind == Scalar::Kind::Complex && v.im != 0)
      fail_runtime("value cannot be converted to type double without overflow");
  }
  if (d == DType::Bool || is_complex(d))
    fail(ErrorKind::NotImplemented, "\"arange_cpu\" not implemented for '", scalar_type_name(d), "'");
  Tensor t;
  if (is_integral(d, true)) {
    t = empty({{range_length<std::int64_t>(start, end, step)}}, d);
    const auto s = std::uint64_t(start.integer()), h = std::uint64_t(step.integer());
    dispatch(d, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
        generate<T>(t, [&](std::int64_t i) { return T(s + std::uint64_t(i) * h); });
    });
  } else if (d == DType::Float || d == DType::Double) {
    t = empty({{range_length<double>(start, end, step)}}, d);
    const double s = start.real(), h = step.real();
    if (d == DType::Double)
      generate<double>(t, [&](std::int64_t i) { return std::fma(h, double(i), s); });
    else
      generate<float>(t, [&](std::int64_t i) { return float(std::fma(h, double(i), s)); });
  } else {
    t = empty({{range_length<float>(start, end, step)}}, d);
    const float s = start.to<float>(), h = step.to<float>();
    if (d == DType::Half)
      generate<half_t>(t, [&](std::int64_t i) { return half_t(std::fma(h, float(i), s)); });
    else
      generate<bfloat16_t>(t, [&](std::int64_t i) { return bfloat16_t(std::fma(h, float(i), s)); });
  }
  return finish(a, at, at + 5, t, def.name);
}

/// start + step * i up to the middle, end - step * (steps-1-i) from there on, so that both ends are exact.
template <class T, class Step, class F>
void from_both_ends(const Tensor& t, T start, T end, F&& f) {
  const std::int64_t n = t.numel(), half = n / 2;
  Step step;
  if constexpr (is_half_v<T>)
    step = float(T((float(T(float(end) - float(start)))) / float(T(float(n - 1)))));
  else
    step = (Step(end) - Step(start)) / Step(double(n - 1));
  generate<T>(t, [&](std::int64_t i) -> T {
    const bool first = i < half;
    const std::int64_t k = first ? i : n - 1 - i;
    if constexpr (is_half_v<T>) {  // every operation of PyTorch's 16-bit types rounds
      const float way = float(T(step * float(T(float(k)))));
      return T(first ? float(start) + way : float(end) - way);
    } else if constexpr (is_complex_v<T>) {
      return f(first ? start + step * Step(double(k)) : end - step * Step(double(k)));
    } else {
      const Step x = first ? std::fma(step, Step(k), Step(start)) : std::fma(-step, Step(k), Step(end));
      return f(x);
    }
  });
}

/// The dtype of linspace and logspace, and their checks.
DType steps_type(const Args& a, int out, const Scalar& start, const Scalar& end, std::int64_t n) {
  if (n < 0) fail_runtime("number of steps must be non-negative");
  const bool complex = start.kind == Scalar::Kind::Complex || end.kind == Scalar::Kind::Complex;
  return chosen_type(a, out + 1, out, complex ? to_complex(default_dtype()) : default_dtype());
}
/// One value as `steps_type` has it: the real part alone would lose something.
void check_ends(const Scalar& start, const Scalar& end, DType d) {
  const bool complex = start.kind == Scalar::Kind::Complex || end.kind == Scalar::Kind::Complex;
  if (complex && !is_complex(d)) {
    fail_runtime("torch.linspace(): inferred dtype ", scalar_type_name(to_complex(default_dtype())),
                 " can't be safely cast to passed dtype ", scalar_type_name(d));
  }
}
// linspace(start, end, steps, *, out, dtype, layout, device, pin_memory, requires_grad)
PyObject* linspace_op(const OpDef& def, Args& a) {
  a.check_device(6);
  check_layout(a, 5);
  const Scalar start = a.scalar(0), end = a.scalar(1);
  const std::int64_t n = a.integer(2);
  const DType d = steps_type(a, 3, start, end, n);
  check_ends(start, end, d);
  if (d == DType::Bool && n > 1) fail(ErrorKind::NotImplemented, "\"linspace_cpu\" not implemented for 'Bool'");
  check_fits(start, d);
  if (n != 1) check_fits(end, d);
  Tensor t = empty({{n}}, d);
  if (n == 1) {
    fill(t, start);
  } else if (n > 1) {
    dispatch(d, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (!std::is_same_v<T, bool>) {
        using Step = std::conditional_t<is_half_v<T>, float, std::conditional_t<std::is_integral_v<T>, double, T>>;
        from_both_ends<T, Step>(t, start.to<T>(), end.to<T>(), [](Step x) { return convert<T>(x); });
      }
    });
  }
  return finish(a, 3, 8, t, def.name);
}
// logspace(start, end, steps, base=10, *, out, dtype, layout, device, pin_memory, requires_grad)
PyObject* logspace_op(const OpDef& def, Args& a) {
  a.check_device(7);
  check_layout(a, 6);
  const Scalar start = a.scalar(0), end = a.scalar(1);
  const std::int64_t n = a.integer(2);
  const double base = a.real(3, 10);
  const DType d = steps_type(a, 4, start, end, n);
  check_ends(start, end, d);
  Tensor t = empty({{n}}, d);
  if (n == 1 && !is_complex(d)) {
    fill(t, Scalar(std::pow(base, start.real())));
  } else if (is_complex(d) && n > 0) {
    dispatch(d, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (is_complex_v<T>) {
        using R = std::complex<typename T::value_type>;
        const auto raise = [&](T x) {
          const R r = std::pow(R(typename T::value_type(base)), R(x.re, x.im));
          return T(r.real(), r.imag());
        };
        if (n == 1)
          *t.data_as<T>() = raise(start.to<T>());
        else
          from_both_ends<T, T>(t, start.to<T>(), end.to<T>(), raise);
      }
    });
  } else if (n > 1) {
    if (d == DType::Bool || d == DType::Half)
      fail(ErrorKind::NotImplemented, "\"logspace_cpu\" not implemented for '", scalar_type_name(d), "'");
    dispatch(d, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (!is_complex_v<T>) {
        const double s = convert<double>(start.to<T>()), e = convert<double>(end.to<T>()),
                     step = convert<double>(convert<T>(e - s)) / double(n - 1);
        generate<T>(t, [&](std::int64_t i) {
          const bool first = i < n / 2;
          const double x = first ? std::fma(step, double(i), s) : std::fma(-step, double(n - 1 - i), e);
          return convert<T>(std::pow(base, x));
        });
      }
    });
  }
  return finish(a, 4, 9, t, def.name);
}
// eye(n, m, *, out, dtype, …)
PyObject* eye_op(const OpDef& def, Args& a) {
  a.check_device(5);
  check_layout(a, 4);
  const std::int64_t n = a.integer(0), m = a.integer(1, n);
  if (n < 0) fail_runtime("n must be greater or equal to 0, got ", n);
  if (m < 0) fail_runtime("m must be greater or equal to 0, got ", m);
  Tensor t = full({{n, m}}, 0, chosen_type(a, 3, 2, default_dtype()));
  const DimVec length{std::min(n, m)}, step{m + 1};
  fill(alias(t, length, step, 0), 1);
  return finish(a, 2, 7, t, def.name);
}
/// The elements of a row of tril_indices: [first, last).
struct RowSpan {
  std::int64_t first, last;
};
// tril_indices(row, col, offset=0, *, dtype, device, layout)
PyObject* triangle_op(const OpDef& def, Args& a) {
  const std::int64_t rows = a.integer(0), cols = a.integer(1), offset = a.integer(2, 0);
  a.check_device(4);
  if (a.has(5)) {
    Object text = Object::check(PyObject_Str(a.v[5]));
    if (std::string_view(PyUnicode_AsUTF8(text.get())) != "torch.strided")
      fail_runtime("only support layout=torch.strided, got ", PyUnicode_AsUTF8(text.get()));
  }
  if (rows < 0) fail_runtime("row must be non-negative, got", rows);
  if (cols < 0) fail_runtime("col must be non-negative, got", cols);
  const DType d = a.dtype(3).value_or(DType::Int64);
  const bool lower = def.name[3] == 'l';
  const auto span = [&](std::int64_t i) -> RowSpan {
    if (lower) return {0, std::int64_t(std::clamp<__int128>(__int128(i) + offset + 1, 0, cols))};
    return {std::int64_t(std::clamp<__int128>(__int128(i) + offset, 0, cols)), cols};
  };
  // The lengths of the rows are an arithmetic series that is cut off at 0 and at `cols`.
  __int128 n = 0;
  std::int64_t begin_row = 0, end_row = rows;  // of those that are not empty
  {
    const __int128 zero = 0, all = rows, shift = offset;
    if (lower) {
      const __int128 begin = std::clamp(-shift, zero, all), full = std::clamp(cols - shift, begin, all);
      begin_row = std::int64_t(begin);
      n = (full - begin) * (begin + full + 1 + 2 * shift) / 2 + (all - full) * cols;
    } else {
      const __int128 ramp = std::clamp(-shift, zero, all), end = std::clamp(cols - shift, ramp, all);
      end_row = std::int64_t(end);
      n = ramp * cols + (end - ramp) * (2 * (cols - shift) - ramp - end + 1) / 2;
    }
  }
  if (n > INT64_MAX / 2)
    fail_runtime("Storage size calculation overflowed with sizes=[2, ", std::int64_t(INT64_MAX), "]");
  if (d != DType::Int32 && d != DType::Int64)
    fail(ErrorKind::NotImplemented, "\"", def.name, "\" not implemented for '", scalar_type_name(d), "'");
  Tensor t = empty({{2, std::int64_t(n)}}, d);
  const auto write = [&](auto* r) {
    auto* c = r + std::int64_t(n);
    for (std::int64_t i = begin_row; i < end_row; ++i) {
      const RowSpan s = span(i);
      for (std::int64_t j = s.first; j < s.last; ++j, ++r, ++c) {
        *r = static_cast<std::remove_pointer_t<decltype(r)>>(i);
        *c = static_cast<std::remove_pointer_t<decltype(c)>>(j);
      }
    }
  };
  if (n > 0 && t.dtype() == DType::Int32)
    write(t.data_as<std::int32_t>());
  else if (n > 0)
    write(t.data_as<std::int64_t>());
  return t.release();
}

// --- Python data
// -------------------------------------------------------------------------------------------------------------------

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
  if (f.size() != 1) return std::nullopt;
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

/// Why an array cannot be a tensor, from its NumPy dtype.
[[noreturn]] void fail_array(PyObject* o) {
  PyErr_Clear();
  Object dtype = Object::check(PyObject_GetAttrString(o, "dtype"));
  Object native = Object::check(PyObject_GetAttrString(dtype.get(), "isnative"));
  Object type = Object::check(PyObject_GetAttrString(dtype.get(), "type"));
  Object fields = Object::check(PyObject_GetAttrString(dtype.get(), "fields"));
  if (PyObject_IsTrue(native.get()) == 0 && fields.get() == Py_None) {
    fail_value(
        "given numpy array has byte order different from the native byte order. Conversion between byte orders is "
        "currently not supported.");
  }
  Object name = Object::check(PyObject_GetAttrString(type.get(), "__name__"));
  fail_type("can't convert np.ndarray of type numpy.", PyUnicode_AsUTF8(name.get()),
            ". The only supported types are: float64, float32, float16, complex64, complex128, int64, int32, int16, "
            "int8, uint8, and bool.");
}

/// A tensor on the memory of a NumPy array (or scalar), which it keeps alive. `warn`: about memory that is read-only.
Tensor share_buffer(PyObject* o, bool warn = false) {
  auto b = std::make_unique<Buffer>();
  if (PyObject_GetBuffer(o, &b->view, PyBUF_RECORDS) == 0) {
    b->open = true;
  } else {
    PyErr_Clear();
    if (PyObject_GetBuffer(o, &b->view, PyBUF_RECORDS_RO) != 0) fail_array(o);
    b->open = true;
    if (warn && PyErr_WarnEx(
                    PyExc_UserWarning,
                    "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This "
                    "means writing to this tensor will result in undefined behavior. You may want to copy the array to "
                    "protect its data or make it writable before converting it to a tensor. This type of warning will "
                    "be suppressed for the rest of this program.",
                    1) < 0)
      throw PythonError();
  }
  const auto d = buffer_type(b->view);
  // NumPy's dates pass as bytes, without strides.
  if (!d || (b->view.ndim > 0 && b->view.strides == nullptr)) fail_array(o);
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
  for (PyTypeObject* type = Py_TYPE(o); type != nullptr; type = type->tp_base) {
    if (std::strcmp(type->tp_name, "numpy.ndarray") == 0) return true;
  }
  return false;
}
/// A NumPy number, which has a dtype of its own.
bool is_array_scalar(PyObject* o) {
  if (PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o)) return false;
  for (PyTypeObject* type = Py_TYPE(o); type != nullptr; type = type->tp_base) {
    if (std::strcmp(type->tp_name, "numpy.generic") == 0) return true;
  }
  return false;
}
bool is_text(PyObject* o) { return PyUnicode_Check(o) || PyBytes_Check(o); }
bool is_plain_number(PyObject* o) { return PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o); }
/// Whatever has a length and items, tensors excepted: inside of a list they count as numbers.
bool is_sequence(PyObject* o) {
  return PyList_Check(o) || PyTuple_Check(o) ||
         (!is_plain_number(o) && PySequence_Check(o) && !is_tensor(o) && !(is_array_scalar(o)));
}

/// The items of a sequence while Python code may run, which may change a list: each item is owned, each access checked.
class Items {
 public:
  explicit Items(PyObject* o) : o_(PyList_Check(o) || PyTuple_Check(o) ? Object::borrow(o) : by_length(o)) {}
  Py_ssize_t size() const { return PySequence_Fast_GET_SIZE(o_.get()); }
  Object operator[](Py_ssize_t i) const {
    if (i >= size()) fail_value("the sequence became shorter while it was read");
    return Object::borrow(PySequence_Fast_GET_ITEM(o_.get(), i));
  }

 private:
  /// As many items as its length says: what iterates without an end is still read in time.
  static Object by_length(PyObject* o) {
    const Py_ssize_t n = PySequence_Size(o);
    if (n < 0) throw PythonError();
    Object items = Object::check(PyTuple_New(n));
    for (Py_ssize_t i = 0; i < n; ++i)
      PyTuple_SET_ITEM(items.get(), i, Object::check(PySequence_GetItem(o, i)).release());
    return items;
  }

  Object o_;
};

/// Sizes of nested sequences, by their first elements.
DimVec find_sizes(PyObject* data) {
  DimVec sizes;
  Object o = Object::borrow(data);
  while (is_sequence(o.get())) {
    const Py_ssize_t n = PySequence_Size(o.get());
    if (n < 0) throw PythonError();
    if (sizes.size() == std::size_t(kMaxDims)) fail_value("too many dimensions '", Py_TYPE(o.get())->tp_name, "'");
    sizes.push_back(n);
    if (n == 0) break;
    PyObject* item = PySequence_GetItem(o.get(), 0);
    if (item == nullptr) {
      PyErr_Clear();
      fail_value("could not determine the shape of object type '", Py_TYPE(o.get())->tp_name, "'");
    }
    o = Object::steal(item);
  }
  return sizes;
}

/// The common dtype of the numbers in nested sequences.
DType infer(PyObject* o, int depth) {
  if (PyFloat_CheckExact(o)) return default_dtype();
  if (PyLong_CheckExact(o)) return DType::Int64;
  if (PyBool_Check(o)) return DType::Bool;
  if (is_tensor(o)) return Tensor::borrow(o).dtype();
  if (is_array(o) || is_array_scalar(o)) return share_buffer(o).dtype();
  if (PyFloat_Check(o)) return default_dtype();
  if (PyLong_Check(o)) return DType::Int64;
  if (PyComplex_Check(o)) return to_complex(default_dtype());
  if (is_text(o)) fail_type("new(): invalid data type '", Py_TYPE(o)->tp_name, "'");
  if (!is_sequence(o)) fail_runtime("Could not infer dtype of ", Py_TYPE(o)->tp_name);
  if (depth > kMaxDims) fail_value("too many dimensions '", Py_TYPE(o)->tp_name, "'");
  const Items items(o);
  if (items.size() == 0) return default_dtype();
  DType d = DType::Bool;
  for (Py_ssize_t i = 0; i < items.size(); ++i) {
    const Object item = items[i];
    if (item.get() == o) fail_type("new(): self-referential lists are incompatible");
    const DType one = infer(item.get(), depth + 1);
    d = i == 0 ? one : promote(d, one);
    if (d == DType::CDouble) break;
  }
  return d;
}

std::int64_t integer_of(PyObject* o) {
  Object index = PyLong_Check(o) ? Object::borrow(o) : Object::check(PyNumber_Index(o));
  int overflow;
  const long long v = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
  if (overflow != 0) fail_value("Overflow when unpacking long long");
  return v;
}

/// A Python number as an element of type T, with PyTorch's checks.
template <class T>
T element(PyObject* o, DType d) {
  if (is_tensor(o) && Tensor::borrow(o).numel() != 1)
    fail_value("only one element tensors can be converted to Python scalars");
  if constexpr (std::is_same_v<T, bool>) {
    if (PyBool_Check(o)) return o == Py_True;
    if (PyFloat_Check(o) || PyComplex_Check(o) || is_array_scalar(o) || is_tensor(o)) {
      const int truth = PyObject_IsTrue(o);
      if (truth < 0) throw PythonError();
      return truth != 0;
    }
    return integer_of(o) != 0;
  } else if constexpr (std::is_integral_v<T>) {
    const auto overflow = [&]() {
      fail_runtime("value cannot be converted to type ", dtype_name(d), " without overflow");
    };
    if (PyFloat_Check(o)) {
      const double v = PyFloat_AS_DOUBLE(o);
      // The largest int64 is no double; the next one is just too large.
      if (!(v >= double(std::numeric_limits<T>::min()) && v <= double(std::numeric_limits<T>::max()) && v < 0x1p63))
        overflow();
      return T(v);
    }
    const std::int64_t v = integer_of(o);
    // Negative numbers wrap where the type has no sign.
    const std::int64_t low = std::is_signed_v<T> ? std::int64_t(std::numeric_limits<T>::min())
                                                 : -std::int64_t(std::numeric_limits<T>::max());
    if (v < low || v > std::int64_t(std::numeric_limits<T>::max())) overflow();
    return T(v);
  } else if constexpr (is_complex_v<T>) {
    const Py_complex c = PyComplex_AsCComplex(o);
    if (c.real == -1.0 && PyErr_Occurred()) throw PythonError();
    return convert<T>(cdouble(c.real, c.imag));
  } else {
    const double v = PyFloat_CheckExact(o) ? PyFloat_AS_DOUBLE(o) : PyFloat_AsDouble(o);
    if (v == -1.0 && PyErr_Occurred()) throw PythonError();
    return convert<T>(v);
  }
}

template <class T>
void store(PyObject* o, Dims sizes, int dim, DType d, T*& at) {
  if (sizes.empty()) {
    *at++ = element<T>(o, d);
    return;
  }
  if (is_array(o)) {
    const Tensor part = share_buffer(o);
    if (same(part.sizes(), sizes)) {
      const Tensor dense = contiguous_as(part, d);
      std::memcpy(at, dense.data(), std::size_t(dense.numel()) * sizeof(T));
      at += dense.numel();
      return;
    }
  }
  if (!PySequence_Check(o) || is_tensor(o)) fail_type("not a sequence");
  const Items items(o);
  if (items.size() != sizes[0]) {
    fail_value("expected sequence of length ", sizes[0], " at dim ", dim, " (got ", items.size(), ")");
  }
  for (Py_ssize_t i = 0; i < sizes[0]; ++i) store<T>(items[i].get(), sizes.subspan(1), dim + 1, d, at);
}

}  // namespace

Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype) {
  if (is_tensor(data)) {
    const Tensor t = Tensor::borrow(data);
    Tensor copy = empty_like(t, dtype.value_or(t.dtype()));
    copy_into(copy, t);
    return copy;
  }
  if (is_text(data)) fail_type("new(): invalid data type '", Py_TYPE(data)->tp_name, "'");
  if (is_array(data) || (is_array_scalar(data) && !dtype)) {
    const Tensor shared = share_buffer(data);
    return to_contiguous(shared, dtype.value_or(shared.dtype()));
  }
  const DimVec sizes = find_sizes(data);
  const DType d = dtype ? *dtype : infer(data, 0);
  Tensor t = empty(sizes, d);
  if (t.numel() == 0) return t;
  dispatch(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* at = t.data_as<T>();
    store<T>(data, t.sizes(), 0, d, at);
  });
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
  a.check_device(3);
  return finish(a, -1, 4, tensor_from_data(a.v[1], a.dtype(2).value_or(a.tensor(0).dtype())), def.name);
}
// as_tensor(data, dtype, device)
PyObject* as_tensor_op(const OpDef&, Args& a) {
  a.check_device(2);
  if (is_tensor(a.v[0]))
    return to(Tensor::borrow(a.v[0]), a.dtype(1).value_or(reinterpret_cast<TensorObject*>(a.v[0])->dtype)).release();
  if (is_array(a.v[0])) {
    const Tensor t = share_buffer(a.v[0], true);
    return to(t, a.dtype(1).value_or(t.dtype())).release();
  }
  return tensor_from_data(a.v[0], a.dtype(1)).release();
}
PyObject* from_numpy_op(const OpDef&, Args& a) {
  if (!is_array(a.v[0])) fail_type("expected np.ndarray (got ", Py_TYPE(a.v[0])->tp_name, ")");
  return share_buffer(a.v[0], true).release();
}
// frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False)
PyObject* frombuffer_op(const OpDef& def, Args& a) {
  auto b = std::make_unique<Buffer>();
  if (!PyObject_CheckBuffer(a.v[0])) fail_value("object does not implement Python buffer protocol.");
  if (PyObject_GetBuffer(a.v[0], &b->view, PyBUF_WRITABLE) == 0) {
    b->open = true;
  } else {
    PyErr_Clear();
    if (PyObject_GetBuffer(a.v[0], &b->view, PyBUF_SIMPLE) != 0) throw PythonError();
    b->open = true;
    if (PyErr_WarnEx(PyExc_UserWarning,
                     "The given buffer is not writable, and PyTorch does not support non-writable tensors. This means "
                     "you can write to the underlying (supposedly non-writable) buffer using the tensor. You may want "
                     "to copy the buffer to protect its data or make it writable before converting it to a tensor. "
                     "This type of warning will be suppressed for the rest of this program.",
                     1) < 0)
      throw PythonError();
  }
  if (!a.has(1)) fail_type("frombuffer(): argument 'dtype' must be torch.dtype, not NoneType");
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
  if (count > (bytes - offset) / size) {
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
  a.check_device(3);
  check_layout(a, 2);
  check_fits(a.scalar(0), a.dtype(1).value_or(default_dtype()));
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
    {"new_empty_strided", "(Tensor self, ints size, ints stride, " RL_NEW ")", empty_strided_op, kMethod,
     Kind::Creation, "empty_strided of self's dtype."},
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
    {"logspace", "(Number start, Number end, int steps, float base=10.0, " RL_OPTIONS ")", logspace_op, kFunction,
     Kind::Creation, "base to the powers of linspace(start, end, steps)."},
    {"empty_permuted", "(ints size, ints physical_layout, " RL_NEW ")", empty_permuted_op, kFunction, Kind::Creation,
     "Undefined contents; the dimensions lie in memory in the order of physical_layout."},
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
