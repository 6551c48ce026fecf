// The tensor's slots and attributes: what Python's syntax reaches without a lookup by name.
#include "python/tensor_type.h"

#include <cstring>

#include "autograd/hooks.h"
#include "autograd/release.h"
#include "ops/binary.h"
#include "ops/indexing.h"
#include "python/bind.h"
#include "python/levels.h"
#include "tensor/dual.h"
#include "tensor/iterator.h"

namespace rl {

void tensor_dealloc(PyObject* self);
void clear_references(TensorObject* t) noexcept;

namespace {

TensorObject* raw(PyObject* o) { return reinterpret_cast<TensorObject*>(o); }
Tensor handle(PyObject* o) { return Tensor::borrow(o); }

// --- arithmetic slots
// -------------------------------------------------------------------------------------------------------

/// The tensor is on the right: its class sees what Python would call, `Tensor.__rsub__(tensor, other)`; sums and
/// products just change sides.
std::optional<PyObject*> intercept_right(const BinaryRule& rule, const char* name, PyObject* l, PyObject* r) {
  PyObject* const args[2] = {r, l};
  if (&rule == &kAdd || &rule == &kMul) return intercept(op_object(name), args, 2, nullptr);
  static constexpr std::pair<const BinaryRule*, const char*> reflected[] = {{&kSub, "__rsub__"},
                                                                            {&kDiv, "__rtruediv__"},
                                                                            {&kFloorDivide, "__rfloordiv__"},
                                                                            {&kRemainder, "__rmod__"},
                                                                            {&kPow, "__rpow__"},
                                                                            {&kAnd, "__rand__"},
                                                                            {&kOr, "__ror__"},
                                                                            {&kXor, "__rxor__"},
                                                                            {&kLeftShift, "__rlshift__"},
                                                                            {&kRightShift, "__rrshift__"}};
  for (auto& [of, method] : reflected) {
    if (of == &rule) return intercept(PyDict_GetItemString(tensor_type->tp_dict, method), args, 2, nullptr);
  }
  return std::nullopt;
}

/// Subclasses, numbers of other types, numbers on the left; NotImplemented for what is no operand.
PyObject* slow_binary(const BinaryRule& rule, const char* name, PyObject* l, PyObject* r) {
  PyObject* const args[2] = {l, r};
  if (!is_exact_tensor(l) || !is_exact_tensor(r)) {
    // What no handler knows to do is left to the other operand.
    try {
      if (auto taken =
              is_tensor(l) ? intercept(op_object(name), args, 2, nullptr) : intercept_right(rule, name, l, r)) {
        if (*taken == nullptr && PyErr_ExceptionMatches(PyExc_TypeError)) {
          PyErr_Clear();
          Py_RETURN_NOTIMPLEMENTED;
        }
        return *taken;
      }
    } catch (const Error& e) {
      if (e.kind != ErrorKind::Type) throw;
      Py_RETURN_NOTIMPLEMENTED;
    } catch (const PythonError&) {
      if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw;
      PyErr_Clear();
      Py_RETURN_NOTIMPLEMENTED;
    }
  }
  if (is_tensor(l)) {
    if (is_tensor(r)) return binary(rule, handle(l), handle(r)).release();
    if (!is_number(r)) Py_RETURN_NOTIMPLEMENTED;
    if (&rule == &kPow) return pow(handle(l), to_scalar(r)).release();
    return binary(rule, handle(l), to_scalar(r)).release();
  }
  if (!is_number(l)) Py_RETURN_NOTIMPLEMENTED;
  const Scalar number = to_scalar(l);
  if (&rule == &kAdd || &rule == &kMul || &rule == &kAnd || &rule == &kOr || &rule == &kXor)
    return binary(rule, handle(r), number).release();
  if (&rule == &kDiv) return rdiv(handle(r), number).release();
  if (&rule == &kSub) return rsub(handle(r), number).release();
  return binary(rule, number, handle(r)).release();
}

template <const BinaryRule& rule, const char* name>
PyObject* binary_slot(PyObject* l, PyObject* r) {
  return guarded([&]() -> PyObject* {
    if (is_exact_tensor(l)) {
      if (is_exact_tensor(r)) return binary(rule, Borrowed(l), Borrowed(r)).release();
      if (&rule != &kPow) {
        if (PyFloat_CheckExact(r)) return binary(rule, Borrowed(l), Scalar(PyFloat_AS_DOUBLE(r))).release();
        if (PyLong_CheckExact(r)) return binary(rule, Borrowed(l), to_scalar(r)).release();
      }
    }
    return slow_binary(rule, name, l, r);
  });
}

template <const BinaryRule& rule, const char* name>
PyObject* inplace_slot(PyObject* l, PyObject* r) {
  return guarded([&]() -> PyObject* {
    if (!is_exact_tensor(l) || (!is_exact_tensor(r) && !PyFloat_CheckExact(r) && !PyLong_CheckExact(r))) {
      PyObject* const args[2] = {l, r};
      if (auto taken = intercept(op_object(name), args, 2, nullptr)) return *taken;
    }
    if (is_tensor(r))
      binary_inplace(rule, handle(l), handle(r));
    else if (is_number(r))
      binary_inplace(rule, handle(l), to_scalar(r));
    else
      Py_RETURN_NOTIMPLEMENTED;
    return Py_NewRef(l);
  });
}

constexpr char kNames[][24] = {"add",
                               "sub",
                               "mul",
                               "div",
                               "floor_divide",
                               "remainder",
                               "bitwise_and",
                               "bitwise_or",
                               "bitwise_xor",
                               "bitwise_left_shift",
                               "bitwise_right_shift",
                               "pow"};
constexpr char kNames_[][24] = {"add_",
                                "sub_",
                                "mul_",
                                "div_",
                                "floor_divide_",
                                "remainder_",
                                "bitwise_and_",
                                "bitwise_or_",
                                "bitwise_xor_",
                                "bitwise_left_shift_",
                                "bitwise_right_shift_",
                                "pow_"};

PyObject* power_slot(PyObject* l, PyObject* r, PyObject*) { return binary_slot<kPow, kNames[11]>(l, r); }
PyObject* inplace_power_slot(PyObject* l, PyObject* r, PyObject*) { return inplace_slot<kPow, kNames_[11]>(l, r); }

PyObject* matmul_slot(PyObject* l, PyObject* r) {
  return guarded([&]() -> PyObject* {
    if (is_exact_tensor(l) && is_exact_tensor(r)) return matmul(Borrowed(l), Borrowed(r)).release();
    PyObject* const args[2] = {l, r};
    if (auto taken = intercept(op_object("matmul"), args, 2, nullptr)) return *taken;
    if (!is_tensor(l) || !is_tensor(r)) Py_RETURN_NOTIMPLEMENTED;
    return matmul(handle(l), handle(r)).release();
  });
}

/// One operand: through the operator's object where a subclass asks for it.
template <class F>
PyObject* unary_call(PyObject* o, const char* name, F&& f) {
  return guarded([&]() -> PyObject* {
    if (!is_exact_tensor(o)) {
      if (auto taken = intercept(op_object(name), &o, 1, nullptr)) return *taken;
    }
    return f(handle(o));
  });
}
PyObject* negative_slot(PyObject* o) {
  return unary_call(o, "neg", [](const Tensor& t) { return neg(t).release(); });
}
PyObject* positive_slot(PyObject* o) {
  return unary_call(o, "positive", [](const Tensor& t) {
    if (t.dtype() == DType::Bool) fail_runtime("The `+` operator, on a bool tensor is not supported.");
    return Tensor(t).release();
  });
}
PyObject* absolute_slot(PyObject* o) {
  return unary_call(o, "abs", [](const Tensor& t) { return abs(t).release(); });
}
PyObject* invert_slot(PyObject* o) {
  return unary_call(o, "bitwise_not", [](const Tensor& t) {
    if (!is_integral(t.dtype(), true))
      fail_type("~ (operator.invert) is only implemented on integer and Boolean-type tensors");
    return unary(Unary::BitwiseNot, t).release();
  });
}

/// The one element for a Python number; what has more or fewer raises as PyTorch does.
Scalar only_element(PyObject* o, ErrorKind kind = ErrorKind::Runtime) {
  if (dual_levels > 0) [[unlikely]]
    refuse_batched(o, "item");
  const Tensor t = handle(o);
  if (t.numel() != 1) {
    if (kind == ErrorKind::Value) fail_value("only one element tensors can be converted to Python scalars");
    fail_runtime("a Tensor with ", t.numel(), " elements cannot be converted to Scalar");
  }
  return item(t);
}
int bool_slot(PyObject* o) {
  int result = -1;
  guarded([&]() -> PyObject* {
    if (!is_exact_tensor(o)) {
      bool taken;
      Object r = Object::steal(intercept_method("__bool__", o, &o, 1, taken));
      if (taken) {
        result = r ? PyObject_IsTrue(r.get()) : -1;
        return nullptr;
      }
    }
    if (dual_levels > 0) [[unlikely]]
      refuse_batched(o, "bool");
    const Tensor t = handle(o);
    if (t.numel() > 1) fail_runtime("Boolean value of Tensor with more than one value is ambiguous");
    if (t.numel() == 0) fail_runtime("Boolean value of Tensor with no values is ambiguous");
    const Scalar s = item(t);
    result = s.is_integral() ? s.i != 0 : s.d != 0 || s.im != 0;
    return nullptr;
  });
  return result;
}
PyObject* int_slot(PyObject* o) {
  return guarded([&]() -> PyObject* {
    if (!is_exact_tensor(o)) {
      bool taken;
      if (PyObject* r = intercept_method("__int__", o, &o, 1, taken); taken) return r;
    }
    const Scalar s = only_element(o, ErrorKind::Value);
    if (s.kind == Scalar::Kind::Complex) fail_runtime("value cannot be converted to type int64_t without overflow");
    return s.is_integral() ? PyLong_FromLongLong(s.i) : PyLong_FromDouble(s.d);
  });
}
PyObject* float_slot(PyObject* o) {
  return guarded([&]() -> PyObject* {
    if (!is_exact_tensor(o)) {
      bool taken;
      if (PyObject* r = intercept_method("__float__", o, &o, 1, taken); taken) return r;
    }
    const Scalar s = only_element(o, ErrorKind::Value);
    if (s.kind == Scalar::Kind::Complex && s.im != 0)
      fail_runtime("value cannot be converted to type double without overflow");
    return PyFloat_FromDouble(s.real());
  });
}
PyObject* index_slot(PyObject* o) {
  return guarded([&]() -> PyObject* {
    if (!is_exact_tensor(o)) {
      bool taken;
      if (PyObject* r = intercept_method("__index__", o, &o, 1, taken); taken) return r;
    }
    const Tensor t = handle(o);
    if (t.numel() != 1 || !is_integral(t.dtype(), true))
      fail_type("only integer tensors of a single element can be converted to an index");
    return PyLong_FromLongLong(item(t).integer());
  });
}

PyObject* compare_slot(PyObject* l, PyObject* r, int op) {
  static constexpr Compare table[] = {Compare::Lt, Compare::Le, Compare::Eq, Compare::Ne, Compare::Gt, Compare::Ge};
  static constexpr const char* names[] = {"__lt__", "__le__", "__eq__", "__ne__", "__gt__", "__ge__"};
  return guarded([&]() -> PyObject* {
    if (is_exact_tensor(l) && is_exact_tensor(r)) return compare(table[op], Borrowed(l), Borrowed(r)).release();
    PyObject* const args[2] = {l, r};
    if (!is_exact_tensor(l) || (!PyFloat_CheckExact(r) && !PyLong_CheckExact(r))) {
      PyObject* method = PyDict_GetItemString(tensor_type->tp_dict, names[op]);
      if (auto taken = intercept(method, args, 2, nullptr)) return *taken;
    }
    if (is_tensor(r)) return compare(table[op], handle(l), handle(r)).release();
    if (is_number(r)) return compare(table[op], handle(l), to_scalar(r)).release();
    Py_RETURN_NOTIMPLEMENTED;
  });
}

// --- container slots
// -----------------------------------------------------------------------------------------------------------

Py_ssize_t length_slot(PyObject* o) {
  if (!is_exact_tensor(o)) {
    Py_ssize_t result = -1;
    bool taken = false;
    guarded([&]() -> PyObject* {
      Object r = Object::steal(intercept_method("__len__", o, &o, 1, taken));
      if (taken && r) result = PyLong_AsSsize_t(r.get());
      return nullptr;
    });
    if (taken || PyErr_Occurred()) return result;
  }
  if (raw(o)->ndim == 0) {
    PyErr_SetString(PyExc_TypeError, "len() of a 0-d tensor");
    return -1;
  }
  return raw(o)->sizes()[0];
}
PyObject* subscript_slot(PyObject* o, PyObject* key) {
  return guarded([&]() -> PyObject* {
    if (!is_exact_tensor(o)) {
      PyObject* const args[2] = {o, key};
      if (auto taken = intercept(PyDict_GetItemString(tensor_type->tp_dict, "__getitem__"), args, 2, nullptr))
        return *taken;
    }
    return get_item(handle(o), key).release();
  });
}
int assign_slot(PyObject* o, PyObject* key, PyObject* value) {
  int result = -1;
  guarded([&]() -> PyObject* {
    if (value == nullptr) fail_type("Tensor does not support deleting items");
    if (!is_exact_tensor(o)) {
      PyObject* const args[3] = {o, key, value};
      if (auto taken = intercept(PyDict_GetItemString(tensor_type->tp_dict, "__setitem__"), args, 3, nullptr)) {
        Py_XDECREF(*taken);
        result = *taken == nullptr ? -1 : 0;
        return nullptr;
      }
    }
    set_item(handle(o), key, value);
    result = 0;
    return nullptr;
  });
  return result;
}
PyObject* iter_slot(PyObject* o) {
  return guarded([&]() -> PyObject* {
    const Tensor t = handle(o);
    if (t.ndim() == 0) fail_type("iteration over a 0-d tensor");
    if (!is_exact_tensor(o) || dual_levels > 0) {  // unbind asks the subclass
      Object parts = Object::check(PyObject_CallOneArg(op_object("unbind"), o));
      return PyObject_GetIter(parts.get());
    }
    Object parts = Object::check(pack(unbind(t, 0)));
    return PyObject_GetIter(parts.get());
  });
}
Py_hash_t hash_slot(PyObject* o) { return Py_hash_t(reinterpret_cast<std::uintptr_t>(o) >> 4); }

// --- the buffer protocol
// ------------------------------------------------------------------------------------------------------

const char* buffer_format(DType d) {
  static constexpr const char* formats[kDTypes] = {"?", "B", "b", "h", "i", "q", "e", nullptr, "f", "d", "Zf", "Zd"};
  return formats[int(d)];
}
int get_buffer(PyObject* o, Py_buffer* view, int flags) {
  TensorObject* t = raw(o);
  const char* format = buffer_format(t->dtype);
  view->obj = nullptr;
  if (dual_levels > 0) [[unlikely]] {
    if (guarded([&] {
          refuse_batched(o, "numpy");
          return Py_None;
        }) == nullptr)
      return -1;
  }
  if (format == nullptr) {
    PyErr_SetString(PyExc_TypeError, "Got unsupported ScalarType BFloat16");
    return -1;
  }
  if (t->has(kRequiresGrad)) {
    // NumPy then asks __array__, whose error says what to do.
    PyErr_SetString(PyExc_BufferError,
                    "Can't give the memory of a Tensor that requires grad. Use tensor.detach() instead.");
    return -1;
  }
  if ((flags & PyBUF_ND) != PyBUF_ND && !t->has(kContiguous)) {
    PyErr_SetString(PyExc_BufferError, "the tensor is not contiguous");
    return -1;
  }
  auto* dims = static_cast<Py_ssize_t*>(PyMem_Malloc(sizeof(Py_ssize_t) * 2 * std::size_t(t->ndim + 1)));
  if (dims == nullptr) {
    PyErr_NoMemory();
    return -1;
  }
  const int size = itemsize(t->dtype);
  for (int i = 0; i < t->ndim; ++i) {
    dims[i] = t->sizes()[i];
    dims[t->ndim + i] = t->strides()[i] * size;
  }
  view->obj = Py_NewRef(o);
  view->buf = t->data();
  view->len = t->numel * size;
  view->readonly = 0;
  view->itemsize = size;
  view->format = (flags & PyBUF_FORMAT) ? const_cast<char*>(format) : nullptr;
  view->ndim = t->ndim;
  view->shape = (flags & PyBUF_ND) ? dims : nullptr;
  view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? dims + t->ndim : nullptr;
  view->suboffsets = nullptr;
  view->internal = dims;
  return 0;
}
void release_buffer(PyObject*, Py_buffer* view) { PyMem_Free(view->internal); }

// --- construction and the collector
// ------------------------------------------------------------------------------------------------

/// Another object on the tensor's memory, of a given class.
PyObject* with_type(Tensor t, PyTypeObject* type) {
  PyObject* o = t.release();
  if (type != tensor_type) {
    if (type->tp_basicsize != tensor_type->tp_basicsize) {
      Py_DECREF(o);
      fail_type("a subclass of Tensor must not add __slots__ of its own: '", type->tp_name, "'");
    }
    Py_INCREF(type);
    Py_SET_TYPE(o, type);
    Py_DECREF(tensor_type);
    collect(raw(o));
  }
  return o;
}

PyObject* tensor_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    const Py_ssize_t n = PyTuple_GET_SIZE(args);
    if (n == 0) return with_type(empty({{0}}, default_dtype()), type);
    PyObject* first = PyTuple_GET_ITEM(args, 0);
    if (n == 1 && is_tensor(first)) return with_type(alias(handle(first)), type);
    if (n == 1 && (PyList_Check(first) ||
                   (PyTuple_Check(first) && !Py_IS_TYPE(first, Py_TYPE(Object::check(make_size({})).get()))))) {
      return with_type(tensor_from_data(first, default_dtype()), type);
    }
    if (n == 1 && !PyIndex_Check(first) && PyObject_CheckBuffer(first))
      return with_type(tensor_from_data(first, default_dtype()), type);
    DimVec sizes;
    if (n == 1 && PyTuple_Check(first)) {
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(first); ++i) sizes.push_back(to_index(PyTuple_GET_ITEM(first, i)));
    } else {
      for (Py_ssize_t i = 0; i < n; ++i) {
        PyObject* o = PyTuple_GET_ITEM(args, i);
        if (!PyIndex_Check(o)) fail_type("new(): data must be a sequence (got ", Py_TYPE(o)->tp_name, ")");
        sizes.push_back(to_index(o));
      }
    }
    return with_type(empty(sizes, default_dtype()), type);
  });
}

int tensor_traverse(PyObject* o, visitproc visit, void* arg) {
  TensorObject* t = raw(o);
  Py_VISIT(t->dict);
  if (int r = traverse_tensor(t, visit, arg)) return r;
  Py_VISIT(Py_TYPE(o));
  return 0;
}
int tensor_clear(PyObject* o) {
  clear_references(raw(o));
  if (TensorExtra* e = raw(o)->extra) {
    Py_CLEAR(e->hooks);
    Py_CLEAR(e->accumulate_hooks);
  }
  return 0;
}
/// The tensors in a value, and in containers in it, may lead back to where the value is kept.
void collect_within(PyObject* value, int depth) {
  if (is_tensor(value)) {
    collect(raw(value));
  } else if (depth > 0 && (PyList_Check(value) || PyTuple_Check(value))) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(value); ++i)
      collect_within(PySequence_Fast_GET_ITEM(value, i), depth - 1);
  } else if (depth > 0 && PyDict_Check(value)) {
    PyObject *key, *item;
    for (Py_ssize_t at = 0; PyDict_Next(value, &at, &key, &item);) collect_within(item, depth - 1);
  }
}
/// An attribute makes the tensor reachable from itself: from then on the collector looks at it, and at what it may be
/// reached through.
int tensor_setattro(PyObject* o, PyObject* name, PyObject* value) {
  const int r = PyObject_GenericSetAttr(o, name, value);
  if (r == 0 && raw(o)->dict != nullptr) {
    collect(raw(o));
    if (value != nullptr) collect_within(value, 3);
  }
  return r;
}

// --- attributes
// -----------------------------------------------------------------------------------------------------------------------

PyObject* get_shape(PyObject* o, void*) {
  return guarded([&] { return make_size({raw(o)->sizes(), raw(o)->ndim}); });
}
PyObject* get_dtype(PyObject* o, void*) { return wrap_dtype(raw(o)->dtype); }
PyObject* get_ndim(PyObject* o, void*) { return PyLong_FromLong(raw(o)->ndim); }
PyObject* get_itemsize(PyObject* o, void*) { return PyLong_FromLong(itemsize(raw(o)->dtype)); }
PyObject* get_nbytes(PyObject* o, void*) { return PyLong_FromLongLong(raw(o)->numel * itemsize(raw(o)->dtype)); }
PyObject* get_version(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    if (raw(o)->has(kInference)) fail_runtime("Inference tensors do not track version counter.");
    return PyLong_FromUnsignedLong(raw(o)->version());
  });
}
PyObject* get_output_nr(PyObject* o, void*) { return PyLong_FromUnsignedLong(raw(o)->output_nr); }
PyObject* get_base(PyObject* o, void*) {
  TensorObject* base = raw(o)->base;
  return Py_NewRef(base != nullptr ? reinterpret_cast<PyObject*>(base) : Py_None);
}
PyObject* get_requires_grad(PyObject* o, void*) {
  return guarded([&]() -> PyObject* { return PyBool_FromLong(tracked(handle(o))); });
}
PyObject* get_is_leaf(PyObject* o, void*) {
  return guarded([&]() -> PyObject* { return PyBool_FromLong(grad_fn(handle(o)) == nullptr); });
}
PyObject* get_grad_fn(PyObject* o, void*) {
  return guarded([&] {
    Node* n = grad_fn(handle(o));
    if (n != nullptr) collect(raw(o));  // Python may put into the node's metadata what leads back to the tensor
    return wrap_node(n);
  });
}
PyObject* get_retains_grad(PyObject* o, void*) { return PyBool_FromLong(raw(o)->has(kRetainsGrad)); }
PyObject* get_data(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    Tensor t = alias(handle(o));
    own_version(t);
    return t.release();  // of a subclass: its __torch_function__ gives it the class
  });
}
void require_grad(const Tensor& t, bool on) {
  if (on && !is_differentiable(t.dtype())) fail_runtime("only Tensors of floating point dtype can require gradients");
  if (grad_fn(t) != nullptr) {
    if (on) return;
    fail_runtime(
        "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a "
        "subgraph that doesn't require "
        "differentiation use var_no_grad = var.detach().");
  }
  if (on && t->has(kInference) && !modes.inference)
    fail_runtime("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
  t->flags = std::uint16_t(on ? t->flags | kRequiresGrad : t->flags & ~kRequiresGrad);
}
int set_requires_grad(PyObject* o, PyObject* value, void*) {
  return guarded([&]() -> PyObject* {
           if (value == nullptr || !PyBool_Check(value)) fail_runtime("requires_grad must be a bool");
           require_grad(handle(o), value == Py_True);
           return Py_None;
         }) == nullptr
             ? -1
             : 0;
}
PyObject* get_grad(PyObject* o, void*) {
  TensorObject* t = raw(o);
  if (t->grad != nullptr) return Py_NewRef(reinterpret_cast<PyObject*>(t->grad));
  if (t->has(kHasGradFn) && !t->has(kRetainsGrad)) {
    if (PyErr_WarnEx(PyExc_UserWarning,
                     "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute "
                     "won't be populated during "
                     "autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, "
                     "use .retain_grad() on the non-leaf Tensor. "
                     "If you access the non-leaf Tensor by mistake, make sure you access the leaf Tensor instead. See "
                     "github.com/pytorch/pytorch/pull/30531 for "
                     "more informations.",
                     1) < 0)
      return nullptr;
  }
  Py_RETURN_NONE;
}
int set_grad(PyObject* o, PyObject* value, void*) {
  return guarded([&]() -> PyObject* {
           TensorObject* t = raw(o);
           TensorObject* fresh = nullptr;
           if (value != nullptr && value != Py_None) {
             if (!is_tensor(value))
               fail_type("assigned grad expected to be a Tensor or None but got grad of type ",
                         Py_TYPE(value)->tp_name);
             if (value == o) fail_runtime("can't assign Variable as its own grad");
             fresh = raw(value);
             if (fresh->dtype != t->dtype) {
               std::string kind = scalar_type_name(fresh->dtype);  // as C++ names it: double
               kind[0] = char(std::tolower(kind[0]));
               fail_runtime("attempting to assign a gradient with dtype '", kind, "' to a tensor with grad_dtype '",
                            scalar_type_name(t->dtype), "'. The gradient must match the tensor's grad_dtype");
             }
             if (!same(Dims(fresh->sizes(), fresh->ndim), Dims(t->sizes(), t->ndim))) {
               fail_runtime("attempting to assign a gradient of size '", str(Dims(fresh->sizes(), fresh->ndim)),
                            "' to a tensor of size '", str(Dims(t->sizes(), t->ndim)),
                            "'. Please ensure that the gradient and the tensor are the same size");
             }
             Py_INCREF(value);
           }
           TensorObject* old = std::exchange(t->grad, fresh);
           Py_XDECREF(reinterpret_cast<PyObject*>(old));
           return Py_None;
         }) == nullptr
             ? -1
             : 0;
}
int set_data(PyObject* o, PyObject* value, void*) {
  return guarded([&]() -> PyObject* {
           if (value == nullptr || !is_tensor(value))
             fail_type("Variable data has to be a tensor, but got ", value ? Py_TYPE(value)->tp_name : "nothing");
           TensorObject *t = raw(o), *from = raw(value);
           from->storage->retain();
           std::exchange(t->storage, from->storage)->release();
           t->offset = from->offset;
           t->born = 0;
           t->dtype = from->dtype;
           set_geometry(t, {from->sizes(), from->ndim}, {from->strides(), from->ndim});
           return Py_None;
         }) == nullptr
             ? -1
             : 0;
}
/// An attribute that is a view: a view of the tangent, too, where forward mode looks.
template <class F>
PyObject* view_attribute(PyObject* o, const char* op, const char* name, F&& f) {
  if (dual_levels > 0) [[unlikely]] {
    bool known = true;
    PyObject* result = guarded([&]() -> PyObject* {
      const int level = dual_level(raw(o));
      known = level >= 0;
      if (!known) return nullptr;
      Object text = Object::check(PyUnicode_FromString(name));
      return run_forward("run_attribute", level, o, text.get());
    });
    if (known) return result;
  }
  return unary_call(o, op, f);
}
PyObject* get_t(PyObject* o, void*) {
  return view_attribute(o, "t", "T", [](const Tensor& t) {
    DimVec dims;
    for (int i = t.ndim(); i-- > 0;) dims.push_back(i);
    return permute(t, dims).release();
  });
}
PyObject* get_mt(PyObject* o, void*) {
  return view_attribute(o, "t", "mT", [](const Tensor& t) {
    if (t.ndim() == 0) return Tensor(t).release();
    if (t.ndim() < 2)
      fail_runtime("tensor.mT is only supported on matrices or batches of matrices. Got ", t.ndim(), "-D tensor.");
    return matrix_transpose(t).release();
  });
}
PyObject* get_h(PyObject* o, void*) {
  return view_attribute(o, "t", "H", [](const Tensor& t) {
    if (t.ndim() == 0) return conj(t).release();
    if (t.ndim() != 2)
      fail_runtime("tensor.H is only supported on matrices (2-D tensors). Got ", t.ndim(), "-D tensor.");
    return conj(matrix_transpose(t)).release();
  });
}
PyObject* get_mh(PyObject* o, void*) {
  return view_attribute(o, "t", "mH", [](const Tensor& t) {
    if (t.ndim() == 0) return conj(t).release();
    if (t.ndim() < 2)
      fail_runtime("tensor.mH is only supported on matrices or batches of matrices. Got ", t.ndim(), "-D tensor.");
    return conj(matrix_transpose(t)).release();
  });
}
PyObject* get_real(PyObject* o, void*) {
  return view_attribute(o, "real", "real", [](const Tensor& t) { return real(t).release(); });
}
PyObject* get_imag(PyObject* o, void*) {
  return view_attribute(o, "imag", "imag", [](const Tensor& t) { return imag(t).release(); });
}
int set_part(PyObject* o, PyObject* value, bool imaginary) {
  return guarded([&]() -> PyObject* {
           Tensor part = imaginary ? imag(handle(o)) : real(handle(o));
           copy_(part, is_tensor(value) ? handle(value) : scalar_tensor(to_scalar(value), part.dtype()));
           return Py_None;
         }) == nullptr
             ? -1
             : 0;
}
int set_real(PyObject* o, PyObject* value, void*) { return set_part(o, value, false); }
int set_imag(PyObject* o, PyObject* value, void*) { return set_part(o, value, true); }

PyObject* get_hooks(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    const Tensor t = Tensor::borrow(o);
    PyObject* hooks = nullptr;
    if (Node* fn = grad_fn(t); fn == nullptr)
      hooks = t->extra == nullptr ? nullptr : t->extra->hooks;
    else if (fn->extra() != nullptr)
      hooks = tensor_hook_slot(fn, t->output_nr);
    return Py_NewRef(hooks == nullptr ? Py_None : hooks);
  });
}
PyGetSetDef getset[] = {
    {"shape", get_shape, nullptr, "The sizes, as a Size.", nullptr},
    {"dtype", get_dtype, nullptr, "The element type.", nullptr},
    {"ndim", get_ndim, nullptr, "The number of dimensions.", nullptr},
    {"itemsize", get_itemsize, nullptr, "Bytes of an element.", nullptr},
    {"nbytes", get_nbytes, nullptr, "Bytes of all elements.", nullptr},
    {"data", get_data, set_data, "The same memory without history and with versions of its own.", nullptr},
    {"grad", get_grad, set_grad, "The accumulated gradient, or None.", nullptr},
    {"requires_grad", get_requires_grad, set_requires_grad, "Are operations on the tensor recorded?", nullptr},
    {"grad_fn", get_grad_fn, nullptr, "The node that made the tensor, or None.", nullptr},
    {"is_leaf", get_is_leaf, nullptr, "Was it made by the user rather than by recorded operations?", nullptr},
    {"retains_grad", get_retains_grad, nullptr, "Was retain_grad() called on this non-leaf?", nullptr},
    {"_backward_hooks", get_hooks, nullptr, "The dictionary of the tensor's hooks by their handles' ids, or None.",
     nullptr},
    {"_version", get_version, nullptr, "How often the memory was changed in place.", nullptr},
    {"_base", get_base, nullptr, "The tensor of which this is a view, or None.", nullptr},
    {"output_nr", get_output_nr, nullptr, "Which output of grad_fn this is.", nullptr},
    {"T", get_t, nullptr, "The dimensions reversed.", nullptr},
    {"mT", get_mt, nullptr, "The last two dimensions swapped.", nullptr},
    {"H", get_h, nullptr, "The conjugate transpose of a matrix.", nullptr},
    {"mH", get_mh, nullptr, "The conjugate transpose of the last two dimensions.", nullptr},
    {"real", get_real, set_real, "The real part, sharing memory.", nullptr},
    {"imag", get_imag, set_imag, "The imaginary part, sharing memory.", nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {}};
PyMemberDef members[] = {{"__weaklistoffset__", T_PYSSIZET, offsetof(TensorObject, weakrefs), READONLY, nullptr},
                         {"__dictoffset__", T_PYSSIZET, offsetof(TensorObject, dict), READONLY, nullptr},
                         {}};

// --- methods that are no operators
// -----------------------------------------------------------------------------------------------------

/// One dimension: no checks and no dispatch by element.
template <class T>
PyObject* list_of_row(const char* p, std::int64_t n, std::int64_t stride) {
  Object list = Object::check(PyList_New(n));
  PyObject** items = reinterpret_cast<PyListObject*>(list.get())->ob_item;
  for (PyObject** end = items + n; items != end; ++items, p += stride) {
    T v;
    std::memcpy(&v, p, sizeof v);
    PyObject* o;
    if constexpr (std::is_same_v<T, bool>)
      o = PyBool_FromLong(v);
    else if constexpr (std::is_floating_point_v<T>)
      o = PyFloat_FromDouble(double(v));
    else
      o = PyLong_FromLongLong(std::int64_t(v));
    if (o == nullptr) [[unlikely]]
      throw PythonError();
    *items = o;
  }
  return list.release();
}

PyObject* list_of(const char* p, const std::int64_t* sizes, const std::int64_t* strides, int ndim, DType d) {
  if (ndim == 0) return wrap_scalar(Scalar::load(p, d));
  if (ndim == 1) {
    switch (d) {
      case DType::Float: return list_of_row<float>(p, sizes[0], strides[0] * 4);
      case DType::Double: return list_of_row<double>(p, sizes[0], strides[0] * 8);
      case DType::Int64: return list_of_row<std::int64_t>(p, sizes[0], strides[0] * 8);
      case DType::Bool: return list_of_row<bool>(p, sizes[0], strides[0]);
      default: break;
    }
  }
  Object list = Object::check(PyList_New(sizes[0]));
  for (std::int64_t i = 0; i < sizes[0]; ++i) {
    PyList_SET_ITEM(
        list.get(), i,
        Object::check(list_of(p + i * strides[0] * itemsize(d), sizes + 1, strides + 1, ndim - 1, d)).release());
  }
  return list.release();
}
PyObject* tolist(PyObject* o, PyObject*) {
  return guarded([&] {
    if (dual_levels > 0) [[unlikely]]
      refuse_batched(o, "tolist");
    return list_of(raw(o)->data(), raw(o)->sizes(), raw(o)->strides(), raw(o)->ndim, raw(o)->dtype);
  });
}
PyObject* item_method(PyObject* o, PyObject*) {
  return guarded([&] {
    if (dual_levels > 0) [[unlikely]]
      refuse_batched(o, "item");
    return wrap_scalar(item(handle(o)));
  });
}
PyObject* numel_method(PyObject* o, PyObject*) { return PyLong_FromLongLong(raw(o)->numel); }
PyObject* dim_method(PyObject* o, PyObject*) { return PyLong_FromLong(raw(o)->ndim); }
PyObject* data_ptr(PyObject* o, PyObject*) {
  return guarded([&] {
    if (dual_levels > 0) [[unlikely]]
      refuse_batched(o, "data_ptr");
    return PyLong_FromVoidPtr(raw(o)->data());
  });
}
PyObject* storage_offset_method(PyObject* o, PyObject*) {
  return PyLong_FromLongLong(raw(o)->offset / itemsize(raw(o)->dtype));
}
PyObject* complex_method(PyObject* o, PyObject*) {
  return guarded([&]() -> PyObject* {
    const Scalar s = only_element(o, ErrorKind::Value);
    return PyComplex_FromDoubles(s.real(), s.im);
  });
}
PyObject* make_subclass(PyObject*, PyObject* args) {
  PyObject *cls, *data;
  int tracked_ = 0;
  if (!PyArg_ParseTuple(args, "OO|p", &cls, &data, &tracked_)) return nullptr;
  return guarded([&]() -> PyObject* {
    if (!PyType_Check(cls) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(cls), tensor_type))
      fail_type("cls must be a subclass of Tensor");
    if (!is_tensor(data))
      fail_type("_make_subclass(): argument 'data' (position 2) must be Tensor, not ", Py_TYPE(data)->tp_name);
    Tensor t = alias(handle(data));
    if (tracked_) require_grad(t, true);
    return with_type(std::move(t), reinterpret_cast<PyTypeObject*>(cls));
  });
}
PyObject* as_subclass(PyObject* o, PyObject* cls) {
  return guarded([&]() -> PyObject* {
    if (!PyType_Check(cls) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(cls), tensor_type))
      fail_type("cls must be a subclass of Tensor");
    return with_type(alias_view(handle(o)), reinterpret_cast<PyTypeObject*>(cls));
  });
}
PyObject* is_inference(PyObject* o, PyObject*) { return PyBool_FromLong(raw(o)->has(kInference)); }
PyObject* is_view(PyObject* o, PyObject*) { return PyBool_FromLong(raw(o)->has(kIsView)); }
PyObject* is_false(PyObject*, PyObject*) { Py_RETURN_FALSE; }

/// A method that a subclass with a `__torch_function__` of its own may take over.
template <PyCFunction method, const char* name>
PyObject* asked(PyObject* o, PyObject* nothing) {
  if (!is_exact_tensor(o)) {
    bool taken = false;
    PyObject* r = guarded([&] { return intercept_method(name, o, &o, 1, taken); });
    if (taken || PyErr_Occurred()) return r;
  }
  return method(o, nothing);
}
// The names of methods that ask a subclass first.
constexpr char k_tolist[] = "tolist";
constexpr char k_item[] = "item";
constexpr char k_numel[] = "numel";
constexpr char k_nelement[] = "nelement";
constexpr char k_dim[] = "dim";
constexpr char k_ndimension[] = "ndimension";
constexpr char k_data_ptr[] = "data_ptr";
constexpr char k_storage_offset[] = "storage_offset";
constexpr char k___complex__[] = "__complex__";
constexpr char k_is_inference[] = "is_inference";
constexpr char k__is_view[] = "_is_view";
constexpr char k_is_conj[] = "is_conj";
constexpr char k_is_neg[] = "is_neg";

PyMethodDef methods[] = {
    {"tolist", asked<tolist, k_tolist>, METH_NOARGS, "The elements as nested lists; a 0-dim tensor's as a number."},
    {"item", asked<item_method, k_item>, METH_NOARGS, "The only element as a Python number."},
    {"numel", asked<numel_method, k_numel>, METH_NOARGS, "The number of elements."},
    {"nelement", asked<numel_method, k_nelement>, METH_NOARGS, "The number of elements."},
    {"dim", asked<dim_method, k_dim>, METH_NOARGS, "The number of dimensions."},
    {"ndimension", asked<dim_method, k_ndimension>, METH_NOARGS, "The number of dimensions."},
    {"data_ptr", asked<data_ptr, k_data_ptr>, METH_NOARGS, "The address of the first element."},
    {"storage_offset", asked<storage_offset_method, k_storage_offset>, METH_NOARGS,
     "The first element's place in the storage, in elements."},
    {"__complex__", asked<complex_method, k___complex__>, METH_NOARGS, "The only element as a complex number."},
    {"_make_subclass", make_subclass, METH_VARARGS | METH_STATIC,
     "Tensor._make_subclass(cls, data, requires_grad=False): data's memory as a leaf of class cls."},
    {"as_subclass", as_subclass, METH_O, "The same tensor as an instance of a subclass."},
    {"is_inference", asked<is_inference, k_is_inference>, METH_NOARGS, "Was it made in inference mode?"},
    {"_is_view", asked<is_view, k__is_view>, METH_NOARGS, "Is it a view of `_base`?"},
    {"is_conj", asked<is_false, k_is_conj>, METH_NOARGS, "False: conjugates are never lazy here."},
    {"is_neg", asked<is_false, k_is_neg>, METH_NOARGS, "False: negatives are never lazy here."},
    {}};

#define RL_SLOT(slot, rule, at) {Py_nb_##slot, reinterpret_cast<void*>(binary_slot<rule, kNames[at]>)}
#define RL_SLOT_(slot, rule, at) {Py_nb_inplace_##slot, reinterpret_cast<void*>(inplace_slot<rule, kNames_[at]>)}
PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(tensor_new)},
                       {Py_tp_dealloc, reinterpret_cast<void*>(tensor_dealloc)},
                       {Py_tp_traverse, reinterpret_cast<void*>(tensor_traverse)},
                       {Py_tp_clear, reinterpret_cast<void*>(tensor_clear)},
                       {Py_tp_free, reinterpret_cast<void*>(PyObject_GC_Del)},
                       {Py_tp_setattro, reinterpret_cast<void*>(tensor_setattro)},
                       {Py_tp_hash, reinterpret_cast<void*>(hash_slot)},
                       {Py_tp_richcompare, reinterpret_cast<void*>(compare_slot)},
                       {Py_tp_iter, reinterpret_cast<void*>(iter_slot)},
                       {Py_tp_getset, getset},
                       {Py_tp_members, members},
                       {Py_tp_methods, methods},
                       RL_SLOT(add, kAdd, 0),
                       RL_SLOT(subtract, kSub, 1),
                       RL_SLOT(multiply, kMul, 2),
                       RL_SLOT(true_divide, kDiv, 3),
                       RL_SLOT(floor_divide, kFloorDivide, 4),
                       RL_SLOT(remainder, kRemainder, 5),
                       RL_SLOT(and, kAnd, 6),
                       RL_SLOT(or, kOr, 7),
                       RL_SLOT(xor, kXor, 8),
                       RL_SLOT(lshift, kLeftShift, 9),
                       RL_SLOT(rshift, kRightShift, 10),
                       RL_SLOT_(add, kAdd, 0),
                       RL_SLOT_(subtract, kSub, 1),
                       RL_SLOT_(multiply, kMul, 2),
                       RL_SLOT_(true_divide, kDiv, 3),
                       RL_SLOT_(floor_divide, kFloorDivide, 4),
                       RL_SLOT_(remainder, kRemainder, 5),
                       RL_SLOT_(and, kAnd, 6),
                       RL_SLOT_(or, kOr, 7),
                       RL_SLOT_(xor, kXor, 8),
                       RL_SLOT_(lshift, kLeftShift, 9),
                       RL_SLOT_(rshift, kRightShift, 10),
                       {Py_nb_power, reinterpret_cast<void*>(power_slot)},
                       {Py_nb_inplace_power, reinterpret_cast<void*>(inplace_power_slot)},
                       {Py_nb_matrix_multiply, reinterpret_cast<void*>(matmul_slot)},
                       {Py_nb_negative, reinterpret_cast<void*>(negative_slot)},
                       {Py_nb_positive, reinterpret_cast<void*>(positive_slot)},
                       {Py_nb_absolute, reinterpret_cast<void*>(absolute_slot)},
                       {Py_nb_invert, reinterpret_cast<void*>(invert_slot)},
                       {Py_nb_bool, reinterpret_cast<void*>(bool_slot)},
                       {Py_nb_int, reinterpret_cast<void*>(int_slot)},
                       {Py_nb_float, reinterpret_cast<void*>(float_slot)},
                       {Py_nb_index, reinterpret_cast<void*>(index_slot)},
                       {Py_mp_length, reinterpret_cast<void*>(length_slot)},
                       {Py_mp_subscript, reinterpret_cast<void*>(subscript_slot)},
                       {Py_mp_ass_subscript, reinterpret_cast<void*>(assign_slot)},
                       {Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)},
                       {Py_bf_releasebuffer, reinterpret_cast<void*>(release_buffer)},
                       {}};
PyType_Spec spec = {"rushlight.Tensor", sizeof(TensorObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};

// --- methods with arguments, bound like operators
// -----------------------------------------------------------------------------------------

PyObject* size_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  if (!a.has(1)) return make_size(t.sizes());
  if (t.ndim() == 0)
    wrap_dim(a.integer(1), 0), fail_index("Dimension specified as ", a.integer(1), " but tensor has no dimensions");
  return PyLong_FromLongLong(t.sizes()[a.dim(1, t.ndim())]);
}
PyObject* stride_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  if (a.has(1)) return PyLong_FromLongLong(t.strides()[a.dim(1, t.ndim())]);
  Object tuple = Object::check(PyTuple_New(t.ndim()));
  for (int i = 0; i < t.ndim(); ++i) PyTuple_SET_ITEM(tuple.get(), i, PyLong_FromLongLong(t.strides()[i]));
  return tuple.release();
}
PyObject* requires_grad_op(const OpDef&, Args& a) {
  Tensor t = a.tensor(0);
  require_grad(t, a.boolean(1, true));
  return t.release();
}
PyObject* register_hook_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  if (!tracked(t)) fail_runtime("cannot register a hook on a tensor that doesn't require gradient");
  collect(t.get());  // the hook may refer to the tensor
  if (Node* fn = grad_fn(t)) return add_hook(tensor_hook_slot(fn, t->output_nr), a.v[1]);
  return add_hook(make_extra(t.get()).hooks, a.v[1]);
}
PyObject* register_post_hook_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  if (!tracked(t)) fail_runtime("cannot register a hook on a tensor that doesn't require gradient");
  if (grad_fn(t) != nullptr) fail_runtime("post accumulate grad hooks cannot be registered on non-leaf tensors");
  collect(t.get());
  return add_hook(make_extra(t.get()).accumulate_hooks, a.v[1]);
}
PyObject* retain_grad_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  if (!tracked(t)) fail_runtime("can't retain_grad on Tensor that has requires_grad=False");
  retain_grad(t);
  Py_RETURN_NONE;
}
PyObject* resize_op(const OpDef&, Args& a) {
  Tensor t = a.tensor(0);
  if (tracked(t)) fail_runtime("cannot resize variables that require grad");
  const DimVec sizes = a.ints(1);
  for (auto s : sizes) {
    if (s < 0) fail_runtime("Trying to resize a tensor to a negative size: ", str(sizes));
  }
  resize(t, sizes);
  return t.release();
}
PyObject* get_item_op(const OpDef&, Args& a) { return get_item(a.tensor(0), a.v[1]).release(); }
PyObject* set_item_op(const OpDef&, Args& a) {
  set_item(a.tensor(0), a.v[1], a.v[2]);
  Py_RETURN_NONE;
}
PyObject* is_floating_op(const OpDef&, Args& a) { return PyBool_FromLong(is_floating(a.tensor(0).dtype())); }
PyObject* is_complex_op(const OpDef&, Args& a) { return PyBool_FromLong(is_complex(a.tensor(0).dtype())); }
PyObject* is_signed_op(const OpDef&, Args& a) {
  return PyBool_FromLong(a.tensor(0).dtype() != DType::Bool && a.tensor(0).dtype() != DType::UInt8);
}

const OpDef ops[] = {
    {"size", "(Tensor self, int? dim=None)", size_op, kMethod, Kind::Query, "The sizes, or one of them."},
    {"stride", "(Tensor self, int? dim=None)", stride_op, kMethod, Kind::Query,
     "The steps in memory, in elements; or one of them."},
    {"requires_grad_", "(Tensor self, bool requires_grad=True)", requires_grad_op, kMethod, Kind::Query,
     "Sets requires_grad and gives self."},
    {"register_hook", "(Tensor self, any hook)", register_hook_op, kMethod, Kind::Query,
     "Calls hook(grad) whenever the tensor's gradient is computed; what it returns replaces it. Gives a handle with "
     "remove()."},
    {"register_post_accumulate_grad_hook", "(Tensor self, any hook)", register_post_hook_op, kMethod, Kind::Query,
     "Calls hook(tensor) after its .grad has been accumulated."},
    {"retain_grad", "(Tensor self)", retain_grad_op, kMethod, Kind::Query,
     "Lets backward fill .grad of this non-leaf too."},
    {"resize_", "(Tensor self, size size, *, format? memory_format=None)", resize_op, kMethod, Kind::Other,
     "Sets the sizes, growing the storage where needed; new elements are undefined."},
    {"__getitem__", "(Tensor self, any key)", get_item_op, Where(0), Kind::Other, "self[key]"},
    {"__setitem__", "(Tensor self, any key, any value)", set_item_op, Where(0), Kind::Other, "self[key] = value"},
    {"is_floating_point", "(Tensor input)", is_floating_op, kBoth, Kind::Query, "Is the dtype a real floating one?"},
    {"is_complex", "(Tensor input)", is_complex_op, kBoth, Kind::Query, "Is the dtype complex?"},
    {"is_signed", "(Tensor input)", is_signed_op, kBoth, Kind::Query, "Does the dtype hold negative numbers?"},
};
const Register registered(ops);

}  // namespace

namespace {

/// An attribute behind the question whether a subclass takes it over.
struct Attribute {
  getter get;
  setter set;
  const char* name;
  bool of_all = false;            // vmap answers for all samples
  PyObject* bound_get = nullptr;  // Tensor.<name>.__get__ and __set__, made at the first question
  PyObject* bound_set = nullptr;
};

PyObject* bound_of(Attribute* a, PyObject*& slot, const char* method) {
  if (slot == nullptr)
    slot = Object::check(PyObject_GetAttrString(PyDict_GetItemString(tensor_type->tp_dict, a->name), method)).release();
  return slot;
}
PyObject* get_asked(PyObject* o, void* closure) {
  auto* a = static_cast<Attribute*>(closure);
  if (dual_levels > 0 && a->of_all) [[unlikely]] {
    PyObject* answer = nullptr;
    if (batched_attribute(o, a->name, nullptr, answer)) return answer;
  }
  if (is_exact_tensor(o) || !takes_over(o)) [[likely]]
    return a->get(o, nullptr);
  return guarded([&]() -> PyObject* {
    if (auto r = intercept(bound_of(a, a->bound_get, "__get__"), &o, 1, nullptr)) return *r;
    return a->get(o, nullptr);
  });
}
int set_asked(PyObject* o, PyObject* value, void* closure) {
  auto* a = static_cast<Attribute*>(closure);
  if (dual_levels > 0 && value != nullptr) [[unlikely]] {
    PyObject* answer = nullptr;
    if (batched_attribute(o, a->name, value, answer)) {
      Py_XDECREF(answer);
      return answer == nullptr ? -1 : 0;
    }
  }
  if (is_exact_tensor(o) || value == nullptr || !takes_over(o)) [[likely]]
    return a->set(o, value, nullptr);
  int result = -1;
  guarded([&]() -> PyObject* {
    PyObject* const args[2] = {o, value};
    if (auto r = intercept(bound_of(a, a->bound_set, "__set__"), args, 2, nullptr)) {
      result = *r == nullptr ? -1 : 0;
      Py_XDECREF(*r);
    } else {
      result = a->set(o, value, nullptr);
    }
    return nullptr;
  });
  return result;
}
/// What vmap answers for: a batched tensor's object knows the shape of a sample, and nothing of history.
bool of_all(const char* name) {
  static constexpr const char* names[] = {"data",    "grad",     "requires_grad", "grad_fn",
                                          "is_leaf", "_version", "retains_grad"};
  return std::any_of(std::begin(names), std::end(names), [&](const char* n) { return std::strcmp(n, name) == 0; });
}
/// Puts the question before all attributes of the table but __dict__.
void ask_subclasses() {
  static std::vector<Attribute> attributes;
  attributes.reserve(std::size(getset));  // the closures point into it
  for (PyGetSetDef& d : getset) {
    if (d.name == nullptr || std::strcmp(d.name, "__dict__") == 0) continue;
    attributes.push_back({d.get, d.set, d.name, of_all(d.name)});
    d.closure = &attributes.back();
    if (d.get != nullptr) d.get = get_asked;
    if (d.set != nullptr) d.set = set_asked;
  }
}

}  // namespace

void init_tensor_type(PyObject* module) {
  ask_subclasses();
  tensor_type = reinterpret_cast<PyTypeObject*>(Object::check(PyType_FromSpec(&spec)).release());
  // Messages of Python itself name the type by this: "'Tensor' object has no attribute …", as in PyTorch. __module__
  // and __qualname__ are kept apart from it.
  tensor_type->tp_name = "Tensor";
  if (PyModule_AddObjectRef(module, "Tensor", reinterpret_cast<PyObject*>(tensor_type)) < 0) throw PythonError();
}

}  // namespace rl
