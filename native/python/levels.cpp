#include "python/levels.h"

#include <algorithm>

#include "python/bind.h"
#include "python/exchange.h"
#include "tensor/dual.h"

namespace rl {

namespace {

/// The batched tensor of the samples all[0], all[1], ... See NOTE [Batched].
Tensor batched(const Tensor& all, int level) {
  const Dims sizes(all.sizes().begin() + 1, all.ndim() - 1), strides(all.strides().begin() + 1, all.ndim() - 1);
  // Without samples there is no memory for one to lie in.
  Tensor one = all.size(0) == 0 ? full(sizes, Scalar(0), all.dtype()) : alias(all, sizes, strides, all->offset);
  set_tangent(one, level, all);
  return one;
}

/// The rule of rushlight.func._rules.pointwise for pointwise operators, where ranks and dtypes need no care: null if
/// they do.
PyObject* run_elementwise(int level, PyObject* op, PyObject* const* args, Py_ssize_t n) {
  if (n > 3 || op == nullptr || level_handler(level) == nullptr || !is_batch_level(level) || !is_elementwise(op))
    return nullptr;
  int rank = 0, dtype = -1;
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (!is_tensor(args[i])) continue;
    if (!is_exact_tensor(args[i])) return nullptr;
    auto* t = reinterpret_cast<TensorObject*>(args[i]);
    if (dtype >= 0 && dtype != int(t->dtype)) return nullptr;
    dtype = int(t->dtype);
    rank = std::max(rank, int(t->ndim));
  }
  Tensor fulls[3];
  PyObject* given[4] = {};
  for (Py_ssize_t i = 0; i < n; ++i) {
    given[i + 1] = args[i];
    if (!is_tensor(args[i])) continue;
    auto* t = reinterpret_cast<TensorObject*>(args[i]);
    if (!find_tangent(t, level, fulls[i])) {
      if (t->base != nullptr && t->base->has(kDual)) return nullptr;
      continue;
    }
    if (!fulls[i].defined()) continue;
    if (t->ndim != rank) return nullptr;
    given[i + 1] = fulls[i].object();
  }
  struct Below {
    int old;
    explicit Below(int level) : old(std::exchange(dual_limit, level)) {}
    ~Below() { dual_limit = old; }
  } below(level);
  Object out =
      Object::check(PyObject_Vectorcall(op, given + 1, std::size_t(n) | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
  if (!is_tensor(out.get())) fail_runtime("a pointwise operator gave no tensor");
  return batched(Tensor::borrow(out.get()), level).release();
}

// --- from Python
// --------------------------------------------------------------------------------------------------------

/// _dual_open(handler=None, batch=False): opens a level of forward mode, or one that `handler` serves (batch: a level
/// of vmap), and gives its number.
PyObject* dual_open(PyObject*, PyObject* args) {
  PyObject* handler = nullptr;
  int batch = 0;
  if (!PyArg_ParseTuple(args, "|Op", &handler, &batch)) return nullptr;
  use_exchanged(true);
  return PyLong_FromLong(open_dual_level(handler == Py_None ? nullptr : handler, batch != 0));
}
PyObject* dual_close(PyObject*, PyObject*) {
  if (own_dual_levels() > 0) {
    close_dual_level();
    use_exchanged(false);
  }
  Py_RETURN_NONE;
}
/// _dual_limit(n): from now on this thread sees levels below n; gives what it was.
PyObject* dual_limited(PyObject*, PyObject* o) {
  const long n = PyLong_AsLong(o);
  if (n == -1 && PyErr_Occurred()) return nullptr;
  return PyLong_FromLong(std::exchange(dual_limit, int(n)));
}
/// _dual_level(tensor): the highest level in which it has a tangent, or -1.
PyObject* dual_level_py(PyObject*, PyObject* o) {
  return guarded([&] { return PyLong_FromLong(is_tensor(o) ? dual_level(reinterpret_cast<TensorObject*>(o)) : -1); });
}
/// _dual_get(tensor, level): its own tangent; None where there is none, False where the level does not know it.
PyObject* dual_get(PyObject*, PyObject* args) {
  PyObject* o;
  int level;
  if (!PyArg_ParseTuple(args, "Oi", &o, &level)) return nullptr;
  Tensor tangent;
  if (!is_tensor(o) || !find_tangent(reinterpret_cast<TensorObject*>(o), level, tangent)) Py_RETURN_FALSE;
  return tangent.defined() ? tangent.release() : Py_NewRef(Py_None);
}
PyObject* dual_set(PyObject*, PyObject* args) {
  PyObject *o, *tangent;
  int level;
  if (!PyArg_ParseTuple(args, "O!iO", tensor_type, &o, &level, &tangent)) return nullptr;
  return guarded([&]() -> PyObject* {
    set_tangent(Tensor::borrow(o), level, is_tensor(tangent) ? Tensor::borrow(tangent) : Tensor());
    Py_RETURN_NONE;
  });
}
/// _dual_count(): the number of levels that this thread sees.
PyObject* dual_count(PyObject*, PyObject*) {
  return PyLong_FromLong(std::max(0, std::min(dual_limit, own_dual_levels())));
}
PyObject* level_handler_py(PyObject*, PyObject* o) {
  const long n = PyLong_AsLong(o);
  if (n == -1 && PyErr_Occurred()) return nullptr;
  PyObject* handler = n >= 0 && n < own_dual_levels() ? level_handler(int(n)) : nullptr;
  return Py_NewRef(handler != nullptr ? handler : Py_None);
}
/// _batch_level(tensor): the highest level of vmap in which it is batched, or -1.
PyObject* batch_level_py(PyObject*, PyObject* o) {
  return guarded([&] { return PyLong_FromLong(is_tensor(o) ? batch_level(reinterpret_cast<TensorObject*>(o)) : -1); });
}
/// _born_within(tensor, level): was it, with memory of its own, made since the level was opened?
PyObject* born_within_py(PyObject*, PyObject* args) {
  PyObject* o;
  int level;
  if (!PyArg_ParseTuple(args, "O!i", tensor_type, &o, &level)) return nullptr;
  return PyBool_FromLong(born_within(reinterpret_cast<TensorObject*>(o), level));
}
/// _batch_wrap(all, level): the batched tensor of the samples all[0], all[1], ... See NOTE [Batched].
PyObject* batch_wrap(PyObject*, PyObject* args) {
  PyObject* o;
  int level;
  if (!PyArg_ParseTuple(args, "O!i", tensor_type, &o, &level)) return nullptr;
  return guarded([&]() -> PyObject* { return batched(Tensor::borrow(o), level).release(); });
}

PyMethodDef functions[] = {
    {"_dual_open", dual_open, METH_VARARGS, "_dual_open(handler=None, batch=False): opens a level."},
    {"_dual_count", dual_count, METH_NOARGS, "How many levels this thread sees."},
    {"_level_handler", level_handler_py, METH_O, "What serves a level; None: forward mode."},
    {"_batch_level", batch_level_py, METH_O, "The highest level of vmap of a tensor; -1."},
    {"_born_within", born_within_py, METH_VARARGS, "_born_within(tensor, level): made since then?"},
    {"_batch_wrap", batch_wrap, METH_VARARGS, "_batch_wrap(all, level): the batched tensor."},
    {"_dual_close", dual_close, METH_NOARGS, "Closes the innermost level of forward mode."},
    {"_dual_limit", dual_limited, METH_O, "_dual_limit(n): this thread sees levels below n."},
    {"_dual_level", dual_level_py, METH_O, "The highest level with a tangent of a tensor; -1."},
    {"_dual_get", dual_get, METH_VARARGS, "_dual_get(tensor, level): tangent, None or False."},
    {"_dual_set", dual_set, METH_VARARGS, "_dual_set(tensor, level, tangent or None)"},
    {}};

}  // namespace

PyObject* run_dual(int level, PyObject* op, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  if (kwnames == nullptr) {
    if (PyObject* result = run_elementwise(level, op, args, n)) return result;
  }
  static PyObject* forward = nullptr;
  static PyObject* const run_name = PyUnicode_InternFromString("run");
  const Object handler = Object::borrow(level_handler(level));
  const Object run = handler ? Object::check(PyObject_GetAttr(handler.get(), run_name))
                             : Object::borrow(imported(forward, "rushlight.autograd._forward", "run"));
  // With a number on the left the method is the tensor's.
  const bool turned =
      n == 2 && op != nullptr && !is_tensor(args[0]) && is_tensor(args[1]) && Py_TYPE(op)->tp_name[0] == 'w';
  const auto [positional, keywords] = packed(args, n, kwnames, turned);
  Object number = Object::check(PyLong_FromLong(level));
  PyObject* const all[] = {nullptr, number.get(), op, positional.get(), keywords.get()};
  return PyObject_Vectorcall(run.get(), all + 1, 4 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
}

int dual_level_of(PyObject* const* args, Py_ssize_t n, PyObject* kwnames, bool batched) {
  int found = -1;
  if (dual_levels == 0 || dual_limit <= 0) return found;
  const Py_ssize_t total = n + (kwnames != nullptr ? PyTuple_GET_SIZE(kwnames) : 0);
  const auto look = [&](PyObject* o) {
    if (o == nullptr || !is_tensor(o)) return;
    auto* t = reinterpret_cast<TensorObject*>(o);
    found = std::max(found, batched ? batch_level(t) : dual_level(t));
  };
  for (Py_ssize_t i = 0; i < total; ++i) {
    look(args[i]);
    if (args[i] == nullptr || !(PyTuple_Check(args[i]) || PyList_Check(args[i]))) continue;
    for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(args[i]); ++k) look(PySequence_Fast_GET_ITEM(args[i], k));
  }
  return found;
}

PyObject* run_forward(const char* what, int level, PyObject* a, PyObject* b) {
  if (const Object handler = Object::borrow(level_handler(level)))
    return PyObject_CallMethod(handler.get(), what, "iOO", level, a, b);
  Object module = Object::check(PyImport_ImportModule("rushlight.autograd._forward"));
  return PyObject_CallMethod(module.get(), what, "iOO", level, a, b);
}

bool batched_attribute(PyObject* o, const char* what, PyObject* a, PyObject*& answer) {
  bool known = true;
  answer = guarded([&]() -> PyObject* {
    int level = batch_level(reinterpret_cast<TensorObject*>(o));
    if (a != nullptr && is_tensor(a)) level = std::max(level, batch_level(reinterpret_cast<TensorObject*>(a)));
    known = level >= 0;
    if (!known) return nullptr;
    Object name = Object::check(PyUnicode_FromString(what));
    Object both = a == nullptr ? name : Object::check(PyTuple_Pack(2, name.get(), a));
    return run_forward(a == nullptr ? "run_attribute" : "set_attribute", level, o, both.get());
  });
  return known;
}

bool refuse_batched(PyObject* o, const char* what) {
  const int level = batch_level(reinterpret_cast<TensorObject*>(o));
  if (level < 0) return false;
  Object name = Object::check(PyUnicode_FromString(what));
  Object::check(run_forward("refuse", level, o, name.get()));
  return true;
}

void init_levels(PyObject* module) {
  if (PyModule_AddFunctions(module, functions) < 0) throw PythonError();
}

}  // namespace rl
