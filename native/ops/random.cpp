// Random numbers: the Generator type and what is drawn from it.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <optional>

#include "ops/binary.h"
#include "ops/generator.h"
#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

struct GeneratorObject {
  PyObject_HEAD GeneratorState* state;
};
PyTypeObject* generator_type = nullptr;
PyObject* default_generator = nullptr;

GeneratorState& state_of(PyObject* o) { return *reinterpret_cast<GeneratorObject*>(o)->state; }

/// Raises unless the device is the CPU.
void check_cpu(PyObject* device) {
  if (device == nullptr || device == Py_None) return;
  Object types = Object::check(PyImport_ImportModule("rushlight._types"));
  Object::check(PyObject_CallMethod(types.get(), "require_cpu", "O", device));
}
PyObject* generator_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"device", nullptr};
    PyObject* device = nullptr;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Generator", const_cast<char**>(names), &device))
      throw PythonError();
    check_cpu(device);
    PyObject* o = type->tp_alloc(type, 0);
    if (o == nullptr) throw PythonError();
    reinterpret_cast<GeneratorObject*>(o)->state = std::make_unique<GeneratorState>().release();
    return o;
  });
}
void generator_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  std::unique_ptr<GeneratorState> owned(reinterpret_cast<GeneratorObject*>(o)->state);
  type->tp_free(o);
  Py_DECREF(type);
}
std::uint64_t seed_value(PyObject* o) {
  if (!PyLong_Check(o) || PyBool_Check(o)) fail_runtime("manual_seed expected a long, but got ", Py_TYPE(o)->tp_name);
  int overflow;
  const long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
  if (overflow == 0) return std::uint64_t(v);
  const unsigned long long u = PyLong_AsUnsignedLongLong(o);
  if (PyErr_Occurred()) {
    PyErr_Clear();
    fail_value("Overflow when unpacking long long");
  }
  return u;
}
PyObject* generator_manual_seed(PyObject* o, PyObject* seed) {
  return guarded([&] {
    state_of(o).manual_seed(seed_value(seed));
    return Py_NewRef(o);
  });
}
PyObject* generator_seed(PyObject* o, PyObject*) {
  return guarded([&] { return PyLong_FromUnsignedLongLong(state_of(o).seed()); });
}
PyObject* generator_initial_seed(PyObject* o, PyObject*) {
  return PyLong_FromUnsignedLongLong(state_of(o).initial_seed);
}
PyObject* generator_get_state(PyObject* o, PyObject*) {
  return guarded([&] {
    Tensor t = empty({{std::int64_t(kGeneratorStateBytes)}}, DType::UInt8);
    state_of(o).get_state(t.data());
    return t.release();
  });
}
PyObject* generator_set_state(PyObject* o, PyObject* state) {
  return guarded([&]() -> PyObject* {
    if (!is_tensor(state)) fail_type("expected a torch.ByteTensor, but got ", Py_TYPE(state)->tp_name);
    const Tensor t = Tensor::borrow(state);
    if (t.dtype() != DType::UInt8) fail_type("RNG state must be a torch.ByteTensor");
    const Tensor flat = contiguous_as(t, DType::UInt8);
    state_of(o).set_state(flat.data(), std::size_t(flat.numel()));
    return Py_NewRef(o);
  });
}
PyObject* generator_clone_state(PyObject* o, PyObject*) {
  return guarded([&] {
    Object copy = Object::check(PyObject_CallNoArgs(reinterpret_cast<PyObject*>(Py_TYPE(o))));
    state_of(copy.get()) = state_of(o);
    return copy.release();
  });
}
/// A pickle holds the state, as PyTorch's does.
PyObject* generator_reduce(PyObject* o, PyObject*) {
  return guarded([&]() -> PyObject* {
    Object types = Object::check(PyImport_ImportModule("rushlight._types"));
    Object remake = Object::check(PyObject_GetAttrString(types.get(), "_remake_generator"));
    Object state = Object::check(generator_get_state(o, nullptr));
    return Py_BuildValue("O(KO)", remake.get(), static_cast<unsigned long long>(state_of(o).initial_seed), state.get());
  });
}
PyObject* generator_device(PyObject*, void*) {
  return guarded([&]() -> PyObject* {
    Object types = Object::check(PyImport_ImportModule("rushlight._types"));
    return PyObject_CallMethod(types.get(), "device", "s", "cpu");
  });
}
PyObject* generator_offset(PyObject*, PyObject*) {
  PyErr_SetString(PyExc_RuntimeError, "CPU Generator does not use offset");
  return nullptr;
}
PyGetSetDef generator_getset[] = {{"device", generator_device, nullptr, "The CPU.", nullptr}, {}};
PyMethodDef generator_methods[] = {
    {"clone_state", generator_clone_state, METH_NOARGS, "Another generator in the same state."},
    {"get_offset", generator_offset, METH_NOARGS, "Always raises: the CPU's generator has no offset."},
    {"set_offset", generator_offset, METH_O, "Always raises: the CPU's generator has no offset."},
    {"__reduce__", generator_reduce, METH_NOARGS, nullptr},
    {"manual_seed", generator_manual_seed, METH_O, "Starts the stream of this seed; gives self."},
    {"seed", generator_seed, METH_NOARGS, "Seeds from the system's entropy; gives the seed."},
    {"initial_seed", generator_initial_seed, METH_NOARGS, "The seed of the stream."},
    {"get_state", generator_get_state, METH_NOARGS, "The state as a uint8 tensor, as PyTorch's."},
    {"set_state", generator_set_state, METH_O, "Takes a state of get_state()."},
    {}};
PyType_Slot generator_slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(generator_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(generator_dealloc)},
    {Py_tp_methods, generator_methods},
    {Py_tp_getset, generator_getset},
    {Py_tp_doc, const_cast<char*>("A source of random numbers: PyTorch's Mersenne Twister.")},
    {}};
PyType_Spec generator_spec = {"torch.Generator", sizeof(GeneratorObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                              generator_slots};

/// The dimensions from the largest stride of `t` to the smallest.
DimVec memory_order(const Tensor& t) {
  DimVec dims(std::size_t(t.ndim()), 0);
  for (int d = 0; d < t.ndim(); ++d) dims[std::size_t(d)] = d;
  std::stable_sort(dims.begin(), dims.end(), [&](auto a, auto b) { return t.stride(int(a)) > t.stride(int(b)); });
  return dims;
}

/// The largest finite number of a floating dtype.
double highest(DType d) {
  switch (d) {
    case DType::Half: return 65504;
    case DType::BFloat16: return 0x1.fep127;
    case DType::Float: return double(std::numeric_limits<float>::max());
    default: return std::numeric_limits<double>::max();
  }
}
int mantissa_digits(DType d) { return d == DType::Half ? 11 : d == DType::BFloat16 ? 8 : d == DType::Float ? 24 : 53; }
struct IntegerRange {
  std::int64_t low, high;
};
IntegerRange integer_range(DType d) {
  switch (d) {
    case DType::Bool: return {0, 1};
    case DType::UInt8: return {0, 255};
    case DType::Int8: return {INT8_MIN, INT8_MAX};
    case DType::Int16: return {INT16_MIN, INT16_MAX};
    case DType::Int32: return {INT32_MIN, INT32_MAX};
    default: return {INT64_MIN, INT64_MAX};
  }
}
/// Raises unless from and to - 1 are numbers of the dtype; warns where a float cannot tell them from their neighbours.
void check_random_bounds(DType d, std::int64_t from, std::int64_t to_inclusive) {
  if (is_complex(d)) fail_runtime("check_random_bounds handles only integral, floating-point and boolean types");
  const auto check = [&](std::int64_t v, const char* name) {
    if (is_floating(d)) {
      if (std::abs(double(v)) > highest(d)) fail_runtime(name, " is out of bounds for ", cpp_type_name(d));
      return;
    }
    const IntegerRange r = integer_range(d);
    if (v < r.low || v > r.high) fail_runtime(name, " is out of bounds for ", cpp_type_name(d));
  };
  check(from, "from");
  check(to_inclusive, "to - 1");
  if (!is_floating(d)) return;
  const int digits = mantissa_digits(d);
  const std::int64_t limit = std::int64_t(1) << digits;
  const auto warn = [&](std::int64_t v, const char* name) {
    if (v >= -limit && v <= limit) return;
    const std::string text = cat(
        name, " is out of bounds [-(2^", digits, "), 2^", digits, "]. Due to precision limitations ", cpp_type_name(d),
        " can support discrete uniform distribution only within this range. This warning will become an error in "
        "version 1.7 release, please fix the code in advance");
    if (PyErr_WarnEx(PyExc_UserWarning, text.c_str(), 1) < 0) throw PythonError();
  };
  warn(from, "from");
  warn(to_inclusive, "to - 1");
}
using Draw = std::function<void(GeneratorState& g, void* out, DType d, std::int64_t n)>;
/// Fills with integers in [from, to), with PyTorch's checks, or up to the dtype's largest where there is no `to`.
Draw ranged(DType d, std::int64_t from, std::optional<std::int64_t> to) {
  if (to) {
    if (from >= *to) fail_runtime("random_ expects 'from' to be less than 'to', but got from=", from, " >= to=", *to);
    std::int64_t low = from, high = *to;
    round_random_bounds(d, low, high);
    if (low >= high) {
      fail_runtime("random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from=", low,
                   " >= to=", high);
    }
    check_random_bounds(d, low, high - 1);
    return [low, high](GeneratorState& g, void* p, DType dt, std::int64_t n) {
      fill_random_range(g, p, dt, n, std::uint64_t(high) - std::uint64_t(low), low);
    };
  }
  if (from == INT64_MIN) {
    if (is_integral(d, false) && d != DType::Int64)
      fail_runtime("random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16");
    return [](GeneratorState& g, void* p, DType dt, std::int64_t n) { fill_random_full64(g, p, dt, n); };
  }
  if (is_complex(d)) fail_runtime("random_from_to_impl handles only integral, floating-point and boolean types");
  std::int64_t last = is_floating(d) ? std::int64_t(1) << mantissa_digits(d) : integer_range(d).high;
  if (is_floating(d)) {
    std::int64_t unused = last;
    if (std::abs(double(from)) <= highest(d)) round_random_bounds(d, from, unused);
    if (from >= last && std::abs(double(from)) <= highest(d)) {
      fail_runtime(
          "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, but got from=",
          from, " > to_inc=", last);
    }
  }
  check_random_bounds(d, from, last);
  return [from, last](GeneratorState& g, void* p, DType dt, std::int64_t n) {
    fill_random_range(g, p, dt, n, std::uint64_t(last) - std::uint64_t(from) + 1, from);
  };
}

Tensor finish_options(Args& a, int out_slot, Tensor t, int requires_slot, const char* name) {
  if (a.boolean(requires_slot)) {
    if (!is_differentiable(t.dtype()))
      fail_runtime("Only Tensors of floating point and complex dtype can require gradients");
    t->flags |= kRequiresGrad;
  }
  if (out_slot < 0) return t;
  return Tensor::steal(give(a, out_slot, std::move(t), name, false));
}

/// rand and randn: (size, *, generator, out, dtype, layout, device, pin_memory, requires_grad)
template <bool normal>
PyObject* draw_op(const OpDef& def, Args& a) {
  a.check_device(5);
  Tensor t = empty(a.ints(0), chosen_type(a, 3, 2, default_dtype()));
  GeneratorState& g = generator_state(a.v[1]);
  if (normal)
    fill_normal(g, t.data(), t.dtype(), t.numel(), 0, 1);
  else
    fill_uniform(g, t.data(), t.dtype(), t.numel(), 0, 1);
  return finish_options(a, 2, std::move(t), 7, def.name).release();
}
/// randint: ([low,] high, size, *, generator, out, dtype, layout, device, pin_memory, requires_grad)
PyObject* randint_op(const OpDef& def, Args& a) {
  const int shift = a.overload == 0 ? 0 : 1;
  const std::int64_t low = shift ? a.integer(0) : 0, high = a.integer(shift);
  a.check_device(shift + 6);
  const DType d = chosen_type(a, shift + 4, shift + 3, DType::Int64);
  const Draw draw = ranged(d, low, high);
  Tensor t = empty(a.ints(shift + 1), d);
  draw(generator_state(a.v[shift + 2]), t.data(), d, t.numel());
  return finish_options(a, shift + 3, std::move(t), shift + 8, def.name).release();
}
PyObject* randperm_op(const OpDef& def, Args& a) {
  const std::int64_t n = a.integer(0);
  a.check_device(5);
  if (n < 0) fail_runtime("Trying to create tensor with negative dimension ", n, ": [", n, "]");
  const DType d = chosen_type(a, 3, 2, DType::Int64);
  if (d == DType::Half && n > 2049) fail_runtime("n cannot be greater than 2049 for Half type.");
  if (d == DType::Float && n > (std::int64_t(1) << 24) + 1)
    fail_runtime("n cannot be greater than 2^24+1 for Float type.");
  if (d == DType::Double && n > (std::int64_t(1) << 53) + 1)
    fail_runtime("n cannot be greater than 2^53+1 for Double type.");
  check_fits(Scalar(n), d);
  Tensor t = empty({{n}}, d);
  fill_randperm(generator_state(a.v[1]), t.data(), t.dtype(), n);
  return finish_options(a, 2, std::move(t), 7, def.name).release();
}

/// The node of what is drawn in place or from a tracked tensor: the gradient is zero.
struct DrawnNode final : Node {
  const char* called = "";
  DimList sizes[2];
  DType dtypes[2] = {DType::Float, DType::Float};
  const char* name() const override { return called; }
  void apply(Tensor* in, Tensor* out) override {
    for (std::uint32_t i = 0; i < edge_count(); ++i) {
      if (needs(i)) out[i] = zeros(sizes[i], dtypes[i]);
    }
  }
};
NodeRef drawn_node(const char* name, std::initializer_list<Tensor> inputs) {
  auto* n = make_node<DrawnNode>(std::uint32_t(inputs.size()));
  NodeRef owned = NodeRef::steal(n);
  n->called = name;
  std::uint32_t i = 0;
  for (const Tensor& t : inputs) {
    connect(n, i, t);
    n->sizes[i].assign(t.sizes());
    n->dtypes[i++] = t.dtype();
  }
  return owned;
}

/// Fills `t` in the order of its memory, as PyTorch's iteration does: straight into contiguous memory, else by way of a
/// copy with the dimensions sorted by stride. `draw` is told whether the destination is contiguous.
template <class F>
void fill_tensor(const Tensor& t, F&& draw) {
  if (t.is_contiguous()) {
    draw(t.data(), t.dtype(), t.numel(), true);
    return;
  }
  GradMode off(false);
  const Tensor ordered = permute(alias(t), memory_order(t));
  const Tensor fresh = empty(ordered.sizes(), t.dtype());
  draw(fresh.data(), fresh.dtype(), fresh.numel(), false);
  copy_into(ordered, fresh);
}
template <class F>
PyObject* fill_inplace(Args& a, const char* node_name, F&& draw) {
  Tensor t = a.tensor(0);
  const bool record = recording(t);
  check_inplace(t, record);
  check_no_overlap(t);
  NodeRef node;
  if (record) node = drawn_node(node_name, {t});
  fill_tensor(t, draw);
  finish_inplace(t, node.get());
  return t.release();
}
/// A result like the first argument; `options` is the slot of its dtype, which layout, device, requires_grad and
/// memory_format follow.
template <class F>
PyObject* fill_like(Args& a, int options, F&& draw) {
  const Tensor like = a.tensor(0);
  a.check_device(options + 2);
  Tensor t = empty_like_as(like, a.dtype(options).value_or(like.dtype()), memory_format(a, options + 4));
  fill_tensor(t, draw);
  return finish_options(a, -1, std::move(t), options + 3, nullptr).release();
}

template <bool normal>
PyObject* draw_like_op(const OpDef&, Args& a) {
  GeneratorState& g = generator_state(nullptr);
  return fill_like(a, 1, [&](void* p, DType d, std::int64_t n, bool dense) {
    if (normal)
      fill_normal(g, p, d, n, 0, 1, dense);
    else
      fill_uniform(g, p, d, n, 0, 1);
  });
}
/// randint_like: (input, [low,] high, *, dtype, layout, device, requires_grad, memory_format)
PyObject* randint_like_op(const OpDef&, Args& a) {
  const int shift = a.overload == 0 ? 0 : 1;
  const std::int64_t low = shift ? a.integer(1) : 0, high = a.integer(1 + shift);
  const Draw draw = ranged(a.dtype(2 + shift).value_or(a.tensor(0).dtype()), low, high);
  GeneratorState& g = generator_state(nullptr);
  return fill_like(a, 2 + shift, [&](void* p, DType d, std::int64_t n, bool) { draw(g, p, d, n); });
}
void check_uniform_bounds(DType d, double lo, double hi) {
  if (!is_differentiable(d)) fail_unsupported("check_uniform_bounds", d);
  const DType real = to_real(d);
  const double limit = highest(real);
  const auto outside = [&](double v) { return !(v >= -limit && v <= limit); };
  if (outside(lo)) fail_runtime("from is out of bounds for ", cpp_type_name(real));
  if (outside(hi)) fail_runtime("to is out of bounds for ", cpp_type_name(real));
  if (!(lo <= hi)) fail_runtime("uniform_ expects to return a [from, to) range, but found from=", lo, " > to=", hi);
  if (!(hi - lo <= limit)) {
    fail_runtime("uniform_ expects to-from <= std::numeric_limits<", scalar_type_name(real),
                 ">::max(), but found to=", hi, " and from=", lo, " which result in to-from to exceed the limit");
  }
}
PyObject* uniform_op(const OpDef&, Args& a) {
  const double lo = a.real(1, 0), hi = a.real(2, 1);
  check_uniform_bounds(a.tensor(0).dtype(), lo, hi);
  GeneratorState& g = generator_state(a.v[3]);
  return fill_inplace(a, "UniformBackward0",
                      [&](void* p, DType d, std::int64_t n, bool) { fill_uniform(g, p, d, n, lo, hi); });
}
PyObject* normal_inplace_op(const OpDef&, Args& a) {
  const double mean = a.real(1, 0), std = a.real(2, 1);
  if (!(std >= 0)) fail_runtime("normal expects std >= 0.0, but found std ", std);
  GeneratorState& g = generator_state(a.v[3]);
  return fill_inplace(a, "NormalBackward0",
                      [&](void* p, DType d, std::int64_t n, bool dense) { fill_normal(g, p, d, n, mean, std, dense); });
}
PyObject* exponential_op(const OpDef&, Args& a) {
  const double lambda = a.real(1, 1);
  if (!(lambda > 0)) fail_runtime("exponential_ expects lambda > 0.0, but found lambda=", lambda);
  if (!is_floating(a.tensor(0).dtype())) {
    fail_runtime(
        "Exponential distribution is a continuous probability distribution. dtype must be a floating point but you "
        "specified ",
        scalar_type_name(a.tensor(0).dtype()));
  }
  GeneratorState& g = generator_state(a.v[2]);
  return fill_inplace(a, "ExponentialBackward0",
                      [&](void* p, DType d, std::int64_t n, bool) { fill_exponential(g, p, d, n, lambda); });
}
/// Probabilities for each element of `t`, in the order in which fill_tensor draws.
Tensor probabilities(const Tensor& t, const Tensor& p) {
  if (!is_floating(p.dtype())) fail_unsupported("bernoulli_tensor_cpu_p_", p.dtype());
  Tensor wide = alias(p);
  {
    GradMode off(false);
    wide = expand(wide, t.sizes());
    if (!t.is_contiguous()) wide = permute(wide, memory_order(t));
  }
  return contiguous_as(wide, p.dtype());
}
void check_probability(double p) {
  if (!(p >= 0 && p <= 1)) fail_runtime("bernoulli_ expects p to be in [0, 1], but got p=", p);
}
PyObject* bernoulli_inplace_op(const OpDef&, Args& a) {
  GeneratorState& g = generator_state(a.v[2]);
  if (a.is_tensor(1)) {
    const Tensor p = probabilities(a.tensor(0), a.tensor(1));
    // Into other memory first: where some p is no probability, the tensor stays as it was.
    const Tensor drawn = empty(p.sizes(), a.tensor(0).dtype());
    fill_bernoulli(g, drawn.data(), drawn.dtype(), drawn.numel(), p.data(), p.dtype());
    return fill_inplace(a, "BernoulliBackward1", [&](void* out, DType d, std::int64_t n, bool) {
      if (n > 0) std::memcpy(out, drawn.data(), std::size_t(n) * std::size_t(itemsize(d)));
    });
  }
  const double p = a.real(1, 0.5);
  check_probability(p);
  return fill_inplace(a, "BernoulliBackward2",
                      [&](void* out, DType d, std::int64_t n, bool) { fill_bernoulli(g, out, d, n, p); });
}
/// (input, *, generator, out) or (input, p, *, generator)
PyObject* bernoulli_op(const OpDef& def, Args& a) {
  const Tensor like = a.tensor(0);
  const Tensor t = empty(like.sizes(), like.dtype());
  if (a.overload == 0) {
    GeneratorState& g = generator_state(a.v[1]);
    const Tensor p = probabilities(t, like);
    fill_tensor(t,
                [&](void* out, DType d, std::int64_t n, bool) { fill_bernoulli(g, out, d, n, p.data(), p.dtype()); });
    if (!a.has(2) && recording(like)) set_history(t, drawn_node("BernoulliBackward0", {like}).get());
    return give(a, 2, t, def.name, false);
  }
  GeneratorState& g = generator_state(a.v[2]);
  const double p = a.real(1);
  check_probability(p);
  fill_tensor(t, [&](void* out, DType d, std::int64_t n, bool) { fill_bernoulli(g, out, d, n, p); });
  return Tensor(t).release();
}
PyObject* random_inplace_op(const OpDef&, Args& a) {
  const DType d = a.tensor(0).dtype();
  static constexpr const char* names[] = {"RandomBackward2", "RandomBackward1", "RandomBackward0"};
  GeneratorState& g = generator_state(a.v[1 + a.overload]);
  if (a.overload == 0)
    return fill_inplace(a, names[0], [&](void* p, DType dt, std::int64_t n, bool) { fill_random(g, p, dt, n); });
  const std::int64_t from = a.overload == 1 ? 0 : a.integer(1);
  std::optional<std::int64_t> to;
  if (a.has(a.overload)) to = a.integer(a.overload);
  const auto draw = ranged(d, from, to);
  return fill_inplace(a, names[a.overload], [&](void* p, DType dt, std::int64_t n, bool) { draw(g, p, dt, n); });
}
void check_floating(const char* what, DType d) {
  if (!is_floating(d)) {
    fail_runtime(
        what,
        " distribution is a continuous probability distribution. dtype must be a floating point but you specified ",
        cpp_type_name(d));
  }
}
PyObject* cauchy_op(const OpDef&, Args& a) {
  const double median = a.real(1, 0), sigma = a.real(2, 1);
  if (!(sigma > 0)) fail_runtime("cauchy_ expects sigma > 0.0, but found sigma=", sigma);
  check_floating("Cauchy", a.tensor(0).dtype());
  GeneratorState& g = generator_state(a.v[3]);
  return fill_inplace(a, "CauchyBackward0",
                      [&](void* p, DType d, std::int64_t n, bool) { fill_cauchy(g, p, d, n, median, sigma); });
}
PyObject* log_normal_op(const OpDef&, Args& a) {
  const double mean = a.real(1, 1), std = a.real(2, 2);
  if (!(std > 0)) fail_runtime("log_normal_ expects std > 0.0, but found std=", std);
  if (!is_floating(a.tensor(0).dtype())) fail_unsupported("log_normal_cpu", a.tensor(0).dtype());
  GeneratorState& g = generator_state(a.v[3]);
  return fill_inplace(a, "LogNormalBackward0",
                      [&](void* p, DType d, std::int64_t n, bool) { fill_log_normal(g, p, d, n, mean, std); });
}
PyObject* geometric_op(const OpDef&, Args& a) {
  const double p = a.real(1);
  if (!(p > 0 && p < 1)) fail_runtime("geometric_ expects p to be in (0, 1), but got p=", p);
  GeneratorState& g = generator_state(a.v[2]);
  return fill_inplace(a, "GeometricBackward0",
                      [&](void* out, DType d, std::int64_t n, bool) { fill_geometric(g, out, d, n, p); });
}
/// poisson(input, generator)
PyObject* poisson_op(const OpDef&, Args& a) {
  const Tensor rates = contiguous_as(a.tensor(0), a.tensor(0).dtype());
  if (!is_floating(rates.dtype())) fail_unsupported("poisson_cpu", rates.dtype());
  Tensor t = empty(rates.sizes(), rates.dtype());
  fill_poisson(generator_state(a.v[1]), t.data(), rates.data(), t.dtype(), t.numel());
  if (const Tensor input = a.tensor(0); recording(input)) {
    set_history(t, drawn_node("PoissonBackward0", {input}).get());
  }
  return t.release();
}
/// _standard_gamma(input, generator)
PyObject* gamma_op(const OpDef&, Args& a) {
  const Tensor alpha = contiguous_as(a.tensor(0), a.tensor(0).dtype());
  Tensor t = empty(alpha.sizes(), alpha.dtype());
  fill_gamma(generator_state(a.v[1]), t.data(), alpha.data(), t.dtype(), t.numel());
  return t.release();
}
/// normal(Tensor mean, Tensor std), (Tensor mean, float std), (float mean, Tensor std), (float mean, float std, size)
PyObject* normal_op(const OpDef& def, Args& a) {
  GeneratorState& g = generator_state(a.v[a.overload == 3 ? 3 : 2]);
  const auto check = [](double std) {
    if (!(std >= 0)) fail_runtime("normal expects std >= 0.0, but found std ", std);
  };
  if (a.overload == 3) {
    const double mean = a.real(0), std = a.real(1);
    check(std);
    a.check_device(7);
    Tensor t = empty(a.ints(2), chosen_type(a, 5, 4, default_dtype()));
    fill_normal(g, t.data(), t.dtype(), t.numel(), mean, std);
    return finish_options(a, 4, std::move(t), 9, def.name).release();
  }
  const Tensor mean = a.is_tensor(0) && a.overload != 2 ? a.tensor(0) : Tensor();
  const Tensor std = a.overload == 1 ? Tensor() : a.tensor(1);
  if (std.defined()) {
    if (is_complex(std.dtype())) fail_runtime("normal expects standard deviation to be non-complex");
    const Tensor flat = contiguous_as(std, DType::Double);
    for (std::int64_t i = 0; i < flat.numel(); ++i) {
      if (!(flat.data_as<double>()[i] >= 0)) fail_runtime("normal expects all elements of std >= 0.0");
    }
  } else {
    check(a.real(1, 1));
  }
  const Tensor& like = mean.defined() ? mean : std;
  const DimVec sizes =
      mean.defined() && std.defined() ? broadcast_shapes(mean.sizes(), std.sizes()) : DimVec(like.sizes());
  Tensor t = empty(sizes, like.dtype());
  fill_normal(g, t.data(), t.dtype(), t.numel(), 0, std.defined() ? 1 : a.real(1, 1));
  {
    GradMode off(false);
    if (std.defined()) t = to(mul(t, std), t.dtype());
    t = to(mean.defined() ? add(t, mean) : add(t, a.scalar(0)), t.dtype());
  }
  if (!a.has(3)) {
    if (mean.defined() && std.defined() && recording(mean, std))
      set_history(t, drawn_node("NormalBackward3", {mean, std}).get());
    else if (mean.defined() && !std.defined() && recording(mean))
      set_history(t, drawn_node("NormalBackward1", {mean}).get());
    else if (!mean.defined() && recording(std))
      set_history(t, drawn_node("NormalBackward2", {std}).get());
  }
  return give(a, 3, t, def.name, false);
}
/// binomial(count, prob, generator=None)
PyObject* binomial_op(const OpDef&, Args& a) {
  const Tensor count = a.tensor(0), prob = a.tensor(1);
  if (!is_floating(count.dtype()))
    fail_value("binomial only supports floating-point dtypes for count, got: ", scalar_type_name(count.dtype()));
  if (!is_floating(prob.dtype()))
    fail_value("binomial only supports floating-point dtypes for prob, got: ", scalar_type_name(prob.dtype()));
  if (count.dtype() != prob.dtype()) {
    fail_runtime("Found dtype ", scalar_type_name(prob.dtype()), " but expected ", scalar_type_name(count.dtype()));
  }
  const DimVec sizes = broadcast_shapes(count.sizes(), prob.sizes());
  const DType d = count.dtype();
  const auto laid = [&](const Tensor& t) {
    Tensor out = empty(sizes, d);
    copy_into(out, t);
    return out;
  };
  const Tensor n = laid(count), p = laid(prob);
  Tensor t = empty(sizes, d);
  fill_binomial(generator_state(a.v[2]), t.data(), n.data(), p.data(), d, t.numel());
  return t.release();
}
PyObject* multinomial_op(const OpDef& def, Args& a) {
  const Tensor p = a.tensor(0);
  const std::int64_t samples = a.integer(1);
  const bool replacement = a.boolean(2);
  if (p.ndim() < 1 || p.ndim() > 2) fail_runtime("prob_dist must be 1 or 2 dim");
  if (!is_floating(p.dtype()))
    fail_runtime("multinomial only supports floating-point dtypes for input, got: ", scalar_type_name(p.dtype()));
  if (samples <= 0) fail_runtime("cannot sample n_sample <= 0 samples");
  const std::int64_t categories = p.size(-1);
  if (!replacement && samples > categories)
    fail_runtime("cannot sample n_sample > prob_dist.size(-1) samples without replacement");
  if (categories > (1 << 24)) fail_runtime("number of categories cannot exceed 2^24");
  const Tensor weights = contiguous_as(p, p.dtype());
  const std::int64_t rows = p.ndim() == 2 ? p.size(0) : 1;
  Tensor t = p.ndim() == 2 ? empty({{rows, samples}}, DType::Int64) : empty({{samples}}, DType::Int64);
  // The exponentials are drawn in the order of the weights' memory.
  const bool by_column = rows > 1 && categories > 1 && dense_strides_like(p.sizes(), p.strides())[0] == 1;
  fill_multinomial(generator_state(a.v[3]), t.data_as<std::int64_t>(), weights.data(), p.dtype(), rows, categories,
                   samples, replacement, by_column);
  return give(a, 4, t, def.name, false);
}
PyObject* manual_seed_op(const OpDef&, Args& a) {
  Object number = PyLong_Check(a.v[0])
                      ? Object::borrow(a.v[0])
                      : Object::check(PyObject_CallOneArg(reinterpret_cast<PyObject*>(&PyLong_Type), a.v[0]));
  state_of(default_generator).manual_seed(seed_value(number.get()));
  return Py_NewRef(default_generator);
}
PyObject* seed_op(const OpDef&, Args&) { return PyLong_FromUnsignedLongLong(state_of(default_generator).seed()); }
PyObject* initial_seed_op(const OpDef&, Args&) {
  return PyLong_FromUnsignedLongLong(state_of(default_generator).initial_seed);
}
PyObject* get_rng_state_op(const OpDef&, Args&) { return generator_get_state(default_generator, nullptr); }
PyObject* set_rng_state_op(const OpDef&, Args& a) {
  Object done = Object::check(generator_set_state(default_generator, a.v[0]));
  Py_RETURN_NONE;
}

#define RL_OPTIONS                                                                                                \
  "*, generator? generator=None, Tensor? out=None, dtype? dtype=None, layout? layout=None, device? device=None, " \
  "bool? pin_memory=False, bool requires_grad=False"
#define RL_LIKE_OPTIONS                                                                                \
  "*, dtype? dtype=None, layout? layout=None, device? device=None, bool requires_grad=False, format? " \
  "memory_format=None)"
#define RL_LIKE "(Tensor input, " RL_LIKE_OPTIONS
const OpDef ops[] = {
    {"rand", "(size size, " RL_OPTIONS ")", draw_op<false>, kFunction, Kind::Random, "Uniform numbers in [0, 1)."},
    {"randn", "(size size, " RL_OPTIONS ")", draw_op<true>, kFunction, Kind::Random,
     "Normal numbers of mean 0 and variance 1."},
    {"rand_like", RL_LIKE, draw_like_op<false>, kFunction, Kind::Random, "rand of input's shape and dtype."},
    {"randn_like", RL_LIKE, draw_like_op<true>, kFunction, Kind::Random, "randn of input's shape and dtype."},
    {"randint_like", "(Tensor input, int high, " RL_LIKE_OPTIONS "\n(Tensor input, int low, int high, " RL_LIKE_OPTIONS,
     randint_like_op, kFunction, Kind::Random, "randint of input's shape and dtype."},
    {"cauchy_", "(Tensor self, float median=0.0, float sigma=1.0, *, generator? generator=None)", cauchy_op, kMethod,
     Kind::Random, "Fills self with numbers of the Cauchy distribution."},
    {"log_normal_", "(Tensor self, float mean=1.0, float std=2.0, *, generator? generator=None)", log_normal_op,
     kMethod, Kind::Random, "Fills self with exp(n), n normal with this mean and standard deviation."},
    {"geometric_", "(Tensor self, float p, *, generator? generator=None)", geometric_op, kMethod, Kind::Random,
     "Fills self with the number of trials up to the first success of probability p."},
    {"poisson", "(Tensor input, generator? generator=None)", poisson_op, kFunction, Kind::Random,
     "Poisson numbers of these rates."},
    {"_standard_gamma", "(Tensor input, generator? generator=None)", gamma_op, kFunction, Kind::Random,
     "Gamma numbers of these shapes and of rate 1."},
    {"randint", "(int high, ints size, " RL_OPTIONS ")\n(int low, int high, ints size, " RL_OPTIONS ")", randint_op,
     kFunction, Kind::Random, "Integers in [low, high)."},
    {"randperm", "(int n, " RL_OPTIONS ")", randperm_op, kFunction, Kind::Random, "A permutation of 0 … n-1."},
    {"normal",
     "(Tensor mean, Tensor std, *, generator? generator=None, Tensor? out=None)\n"
     "(Tensor mean, float std=1.0, *, generator? generator=None, Tensor? out=None)\n"
     "(float mean, Tensor std, *, generator? generator=None, Tensor? out=None)\n"
     "(float mean, float std, ints size, " RL_OPTIONS ")",
     normal_op, kFunction, Kind::Random, "Normal numbers of these means and standard deviations."},
    {"binomial", "(Tensor count, Tensor prob, generator? generator=None)", binomial_op, kFunction, Kind::Random,
     "Binomial numbers: successes in count trials of probability prob."},
    {"bernoulli",
     "(Tensor input, *, generator? generator=None, Tensor? out=None)\n(Tensor input, float p, *, generator? "
     "generator=None)",
     bernoulli_op, kBoth, Kind::Random, "1 with the probability that input says, else 0."},
    {"multinomial",
     "(Tensor input, int num_samples, bool replacement=False, *, generator? generator=None, Tensor? out=None)",
     multinomial_op, kBoth, Kind::Random, "Indices drawn with the weights of each row."},
    {"uniform_", "(Tensor self, float from=0.0, float to=1.0, *, generator? generator=None)", uniform_op, kMethod,
     Kind::Random, "Fills self with uniform numbers in [from, to)."},
    {"normal_", "(Tensor self, float mean=0.0, float std=1.0, *, generator? generator=None)", normal_inplace_op,
     kMethod, Kind::Random, "Fills self with normal numbers."},
    {"exponential_", "(Tensor self, float lambd=1.0, *, generator? generator=None)", exponential_op, kMethod,
     Kind::Random, "Fills self with exponentially distributed numbers of rate lambd."},
    {"bernoulli_", "(Tensor self, Operand p=0.5, *, generator? generator=None)", bernoulli_inplace_op, kMethod,
     Kind::Random, "Fills self with 1 with probability p, else 0."},
    {"random_",
     "(Tensor self, *, generator? generator=None)\n(Tensor self, int to, *, generator? generator=None)\n(Tensor self, "
     "int from, int? to, *, generator? generator=None)",
     random_inplace_op, kMethod, Kind::Random, "Fills self with integers in [from, to), or in the dtype's range."},
    {"manual_seed", "(any seed)", manual_seed_op, kFunction, Kind::Query, "Seeds the default generator and gives it."},
    {"seed", "()", seed_op, kFunction, Kind::Query,
     "Seeds the default generator from the system's entropy; gives the seed."},
    {"initial_seed", "()", initial_seed_op, kFunction, Kind::Query, "The default generator's seed."},
    {"get_rng_state", "()", get_rng_state_op, kFunction, Kind::Query, "The default generator's state."},
    {"set_rng_state", "(any new_state)", set_rng_state_op, kFunction, Kind::Query,
     "Sets the default generator's state."},
};
const Register registered(ops);

}  // namespace

void fill_bernoulli(const Tensor& t, double p) {
  GeneratorState& g = generator_state(nullptr);
  fill_tensor(t, [&](void* out, DType d, std::int64_t n, bool) { fill_bernoulli(g, out, d, n, p); });
}

GeneratorState& generator_state(PyObject* o) { return state_of(o == nullptr || o == Py_None ? default_generator : o); }

void init_generator(PyObject* module) {
  generator_type = reinterpret_cast<PyTypeObject*>(Object::check(PyType_FromSpec(&generator_spec)).release());
  default_generator = Object::check(PyObject_CallNoArgs(reinterpret_cast<PyObject*>(generator_type))).release();
  // The name in messages is PyTorch's; the module is where pickle finds the class.
  Object where = Object::check(PyUnicode_FromString("rushlight"));
  if (PyObject_SetAttrString(reinterpret_cast<PyObject*>(generator_type), "__module__", where.get()) < 0)
    throw PythonError();
  if (PyModule_AddObjectRef(module, "Generator", reinterpret_cast<PyObject*>(generator_type)) < 0) throw PythonError();
  if (PyModule_AddObjectRef(module, "default_generator", default_generator) < 0) throw PythonError();
}

}  // namespace rl
