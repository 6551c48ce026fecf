// dtype objects and Size.

#include "python/bind.h"
#include "python/tensor_type.h"

namespace rl {
namespace {

struct DTypeObject {
  PyObject_HEAD DType value;
};
PyTypeObject* dtype_type = nullptr;
PyObject* dtypes[kDTypes];
PyTypeObject* size_type = nullptr;

DType value_of(PyObject* o) { return reinterpret_cast<DTypeObject*>(o)->value; }

PyObject* dtype_repr(PyObject* o) { return PyUnicode_FromFormat("torch.%s", dtype_name(value_of(o))); }
PyObject* get_floating(PyObject* o, void*) { return PyBool_FromLong(is_floating(value_of(o))); }
PyObject* get_complex(PyObject* o, void*) { return PyBool_FromLong(is_complex(value_of(o))); }
PyObject* get_signed(PyObject* o, void*) {
  return PyBool_FromLong(value_of(o) != DType::Bool && value_of(o) != DType::UInt8);
}
PyObject* get_itemsize(PyObject* o, void*) { return PyLong_FromLong(itemsize(value_of(o))); }
PyObject* to_real_method(PyObject* o, PyObject*) { return wrap_dtype(to_real(value_of(o))); }
PyObject* to_complex_method(PyObject* o, PyObject*) {
  return guarded([&] {
    if (!is_differentiable(value_of(o))) fail_runtime("Unknown Complex ScalarType for ", scalar_type_name(value_of(o)));
    return wrap_dtype(to_complex(value_of(o)));
  });
}
PyObject* dtype_reduce(PyObject* o, PyObject*) { return PyUnicode_FromString(dtype_name(value_of(o))); }
PyObject* dtype_module(PyObject*, void*) { return PyUnicode_FromString("rushlight"); }

PyGetSetDef dtype_getset[] = {
    {"is_floating_point", get_floating, nullptr, "Is it float16, bfloat16, float32 or float64?", nullptr},
    {"is_complex", get_complex, nullptr, "Is it complex64 or complex128?", nullptr},
    {"is_signed", get_signed, nullptr, "Does it hold negative numbers?", nullptr},
    {"itemsize", get_itemsize, nullptr, "Bytes of an element.", nullptr},
    {"__module__", dtype_module, nullptr, nullptr, nullptr},
    {}};
PyMethodDef dtype_methods[] = {
    {"to_real", to_real_method, METH_NOARGS, "The dtype of the real part."},
    {"to_complex", to_complex_method, METH_NOARGS, "The complex dtype of the same precision."},
    {"__reduce__", dtype_reduce, METH_NOARGS, nullptr},
    {}};
PyType_Slot dtype_slots[] = {{Py_tp_repr, reinterpret_cast<void*>(dtype_repr)},
                             {Py_tp_getset, dtype_getset},
                             {Py_tp_methods, dtype_methods},
                             {}};
PyType_Spec dtype_spec = {"torch.dtype", sizeof(DTypeObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                          dtype_slots};

// --- Size
// -----------------------------------------------------------------------------------------------------------------

PyObject* size_repr(PyObject* o) {
  Object list = Object::steal(PySequence_List(o));
  if (!list) return nullptr;
  return PyUnicode_FromFormat("torch.Size(%R)", list.get());
}
PyObject* size_numel(PyObject* o, PyObject*) {
  long long n = 1;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); ++i) n *= PyLong_AsLongLong(PyTuple_GET_ITEM(o, i));
  return PyErr_Occurred() ? nullptr : PyLong_FromLongLong(n);
}
PyObject* size_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  Object self = Object::steal(PyTuple_Type.tp_new(type, args, kwargs));
  if (!self) return nullptr;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self.get()); ++i) {
    PyObject* item = PyTuple_GET_ITEM(self.get(), i);
    if (PyLong_Check(item)) continue;
    if (PyIndex_Check(item)) {
      PyObject* number = PyNumber_Index(item);
      if (number == nullptr) return nullptr;
      PyTuple_SET_ITEM(self.get(), i, number);
      Py_DECREF(item);
      continue;
    }
    return PyErr_Format(PyExc_TypeError, "torch.Size() takes an iterable of 'int' (item %zd is '%s')", i,
                        Py_TYPE(item)->tp_name);
  }
  return self.release();
}
/// A tuple operation whose result is a Size again.
PyObject* as_size(PyObject* result) {
  Object owned = Object::steal(result);
  if (!owned || !PyTuple_CheckExact(owned.get())) return owned.release();
  return PyObject_CallOneArg(reinterpret_cast<PyObject*>(size_type), owned.get());
}
PyObject* size_concat(PyObject* a, PyObject* b) {
  for (PyObject* o : {a, b}) {
    if (!PyTuple_Check(o))
      return PyErr_Format(PyExc_TypeError, "can only concatenate tuple (not %s) to torch.Size", Py_TYPE(o)->tp_name);
  }
  return as_size(PyTuple_Type.tp_as_sequence->sq_concat(a, b));
}
PyObject* size_repeat(PyObject* a, Py_ssize_t n) { return as_size(PyTuple_Type.tp_as_sequence->sq_repeat(a, n)); }
PyObject* size_subscript(PyObject* a, PyObject* key) {
  PyObject* item = PyTuple_Type.tp_as_mapping->mp_subscript(a, key);
  return item != nullptr && PySlice_Check(key) ? as_size(item) : item;
}
PyObject* size_reduce(PyObject* o, PyObject*) {
  // By a function of ours: the name torch.Size may be another library's.
  Object list = Object::steal(PySequence_List(o));
  Object module = Object::steal(PyImport_ImportModule("rushlight._types"));
  if (!list || !module) return nullptr;
  Object rebuild = Object::steal(PyObject_GetAttrString(module.get(), "_rebuild_size"));
  if (!rebuild) return nullptr;
  return Py_BuildValue("O(O)", rebuild.get(), list.get());
}
PyMethodDef size_methods[] = {{"numel", size_numel, METH_NOARGS, "The product of the sizes."},
                              {"__reduce__", size_reduce, METH_NOARGS, nullptr},
                              {}};
PyType_Slot size_slots[] = {{Py_tp_repr, reinterpret_cast<void*>(size_repr)},
                            {Py_tp_new, reinterpret_cast<void*>(size_new)},
                            {Py_tp_methods, size_methods},
                            {Py_nb_add, reinterpret_cast<void*>(size_concat)},
                            {Py_sq_concat, reinterpret_cast<void*>(size_concat)},
                            {Py_sq_repeat, reinterpret_cast<void*>(size_repeat)},
                            {Py_mp_subscript, reinterpret_cast<void*>(size_subscript)},
                            {}};
PyType_Spec size_spec = {"torch.Size", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, size_slots};

}  // namespace

void init_dtype_type(PyObject* module) {
  dtype_type = reinterpret_cast<PyTypeObject*>(Object::check(PyType_FromSpec(&dtype_spec)).release());
  struct Alias {
    const char* name;
    DType d;
  };
  for (int i = 0; i < kDTypes; ++i) {
    auto* o = PyObject_New(DTypeObject, dtype_type);
    if (o == nullptr) throw PythonError();
    o->value = DType(i);
    dtypes[i] = reinterpret_cast<PyObject*>(o);
    if (PyModule_AddObjectRef(module, dtype_name(DType(i)), dtypes[i]) < 0) throw PythonError();
  }
  if (PyModule_AddObjectRef(module, "dtype", reinterpret_cast<PyObject*>(dtype_type)) < 0) throw PythonError();
}

void init_size_type(PyObject* module) {
  Object bases = Object::check(PyTuple_Pack(1, &PyTuple_Type));
  size_type =
      reinterpret_cast<PyTypeObject*>(Object::check(PyType_FromSpecWithBases(&size_spec, bases.get())).release());
  if (PyModule_AddObjectRef(module, "Size", reinterpret_cast<PyObject*>(size_type)) < 0) throw PythonError();
}

bool is_dtype(PyObject* o) { return Py_IS_TYPE(o, dtype_type); }
DType unwrap_dtype(PyObject* o) { return value_of(o); }
PyObject* wrap_dtype(DType d) { return Py_NewRef(dtypes[int(d)]); }

PyObject* make_size(Dims sizes) {
  PyObject* o = size_type->tp_alloc(size_type, Py_ssize_t(sizes.size()));
  if (o == nullptr) throw PythonError();
  for (std::size_t i = 0; i < sizes.size(); ++i) PyTuple_SET_ITEM(o, Py_ssize_t(i), PyLong_FromLongLong(sizes[i]));
  return o;
}

}  // namespace rl
