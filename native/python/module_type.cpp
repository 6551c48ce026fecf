// nn.Module's two hot slots: calling a module, and reading the parameters, buffers and submodules that it keeps in
// dicts. Everything else of the class is Python (src/rushlight/nn/modules/module.py).
#include "python/module_type.h"

#include "python/bind.h"

namespace rl {
namespace {

PyObject* intern(const char* text) { return PyUnicode_InternFromString(text); }

struct Names {
  PyObject* kept[3] = {intern("_parameters"), intern("_buffers"), intern("_modules")};
  PyObject* hooks[4] = {intern("_forward_hooks"), intern("_forward_pre_hooks"), intern("_backward_hooks"),
                        intern("_backward_pre_hooks")};
  PyObject* forward = intern("forward");
  PyObject* slow_call = intern("_call_impl");
  PyObject* getattr = intern("__getattr__");
  PyObject* getattribute = intern("__getattribute__");
  PyObject* call = intern("__call__");
};
const Names& names() {
  static const Names n;
  return n;
}

PyObject* global_hooks = nullptr;  // a list of the dicts of hooks that apply to every module
PyObject* own_getattr = nullptr;   // the descriptors that `slots` has put on Module
PyObject* own_call = nullptr;

/// The value of a key that is there, as a new reference; an absent one is no error.
Object look(PyObject* dict, PyObject* key) {
  PyObject* found = PyDict_GetItemWithError(dict, key);
  if (found == nullptr && PyErr_Occurred()) throw PythonError();
  return Object::borrow(found);
}

/// What the module keeps under this name; null where there is nothing.
Object kept(PyObject* dict, PyObject* name) {
  for (PyObject* which : names().kept) {
    PyObject* of = PyDict_GetItemWithError(dict, which);
    if (of == nullptr || !PyDict_Check(of)) continue;
    if (Object found = look(of, name)) return found;
  }
  return {};
}

PyObject* no_attribute(PyObject* self, PyObject* name) {
  PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute '%U'", Py_TYPE(self)->tp_name, name);
  return nullptr;
}

/// Module.__getattr__, which Python asks for what neither the instance nor its class has.
PyObject* get_kept(PyObject* self, PyObject* name) {
  return guarded([&]() -> PyObject* {
    const Object dict = Object::check(PyObject_GenericGetDict(self, nullptr));
    if (Object found = kept(dict.get(), name)) return found.release();
    return no_attribute(self, name);
  });
}

/// Reading an attribute of a class that has Module's __getattr__ and object's __getattribute__, without an
/// AttributeError in between for each parameter.
PyObject* get_attribute(PyObject* self, PyObject* name) {
  if (_PyType_Lookup(Py_TYPE(self), name) != nullptr) {
    PyObject* found = PyObject_GenericGetAttr(self, name);
    if (found != nullptr || !PyErr_ExceptionMatches(PyExc_AttributeError)) return found;
    PyErr_Clear();
    return get_kept(self, name);
  }
  return guarded([&]() -> PyObject* {
    const Object dict = Object::check(PyObject_GenericGetDict(self, nullptr));
    if (Object found = look(dict.get(), name)) return found.release();
    if (Object found = kept(dict.get(), name)) return found.release();
    return no_attribute(self, name);
  });
}

/// Nobody asks to be told of this call.
bool unhooked(PyObject* dict) {
  for (PyObject* which : names().hooks) {
    PyObject* hooks = PyDict_GetItemWithError(dict, which);
    if (hooks == nullptr || !PyDict_Check(hooks) || PyDict_GET_SIZE(hooks) != 0) return false;
  }
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(global_hooks); ++i) {
    if (PyDict_GET_SIZE(PyList_GET_ITEM(global_hooks, i)) != 0) return false;
  }
  return true;
}

/// module(*args, **kwargs): forward, with hooks where there are any.
PyObject* call(PyObject* self, PyObject* args, PyObject* kwargs) {
  Object method;
  PyObject* done = guarded([&]() -> PyObject* {
    const Object dict = Object::check(PyObject_GenericGetDict(self, nullptr));
    const bool plain = unhooked(dict.get());
    if (!plain && PyErr_Occurred()) throw PythonError();
    PyObject* name = plain ? names().forward : names().slow_call;
    // The class's own function is called with self in front, without a bound method in between.
    PyObject* function = _PyType_Lookup(Py_TYPE(self), name);
    if (function != nullptr && PyFunction_Check(function) && PyDict_GetItemWithError(dict.get(), name) == nullptr &&
        kwargs == nullptr && PyTuple_GET_SIZE(args) <= 6) {
      const Object held = Object::borrow(function);
      PyObject* all[7] = {self};
      const Py_ssize_t n = PyTuple_GET_SIZE(args);
      for (Py_ssize_t i = 0; i < n; ++i) all[i + 1] = PyTuple_GET_ITEM(args, i);
      return PyObject_Vectorcall(function, all, std::size_t(n + 1), nullptr);
    }
    if (PyErr_Occurred()) throw PythonError();
    method = Object::check(PyObject_GetAttr(self, name));
    return PyObject_Call(method.get(), args, kwargs);
  });
  return done;
}
PyObject* call_method(PyObject* self, PyObject* args, PyObject* kwargs) { return call(self, args, kwargs); }

PyMethodDef getattr_def = {"__getattr__", get_kept, METH_O, "The parameter, buffer or submodule of this name."};
PyMethodDef call_def = {"__call__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call_method)),
                        METH_VARARGS | METH_KEYWORDS, "Runs forward, and the hooks around it."};

/// Gives a class the slots themselves where it has not replaced the methods that Python would otherwise look up for
/// them.
void quicken(PyTypeObject* type) {
  PyObject* base = _PyType_Lookup(&PyBaseObject_Type, names().getattribute);
  if (_PyType_Lookup(type, names().getattr) == own_getattr && _PyType_Lookup(type, names().getattribute) == base)
    type->tp_getattro = get_attribute;
  if (_PyType_Lookup(type, names().call) == own_call) type->tp_call = call;
}

PyObject* module_slots(PyObject*, PyObject* args) {
  PyObject *type, *hooks;
  if (!PyArg_ParseTuple(args, "O!O!", &PyType_Type, &type, &PyList_Type, &hooks)) return nullptr;
  return guarded([&]() -> PyObject* {
    auto* t = reinterpret_cast<PyTypeObject*>(type);
    Object get = Object::check(PyDescr_NewMethod(t, &getattr_def));
    Object calls = Object::check(PyDescr_NewMethod(t, &call_def));
    if (PyObject_SetAttr(type, names().getattr, get.get()) < 0 || PyObject_SetAttr(type, names().call, calls.get()) < 0)
      throw PythonError();
    own_getattr = get.release();
    own_call = calls.release();
    global_hooks = Py_NewRef(hooks);
    quicken(t);
    Py_RETURN_NONE;
  });
}
PyObject* module_subclass(PyObject*, PyObject* type) {
  if (PyType_Check(type)) quicken(reinterpret_cast<PyTypeObject*>(type));
  Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"_module_slots", module_slots, METH_VARARGS,
     "_module_slots(Module, hooks): puts __call__ and __getattr__ on the class; hooks: the dicts of global hooks."},
    {"_module_subclass", module_subclass, METH_O, "_module_subclass(cls): the same speed for a subclass of Module."},
    {}};

}  // namespace

void add_module_type(PyObject* module) {
  if (PyModule_AddFunctions(module, functions) < 0) throw PythonError();
}

}  // namespace rl
