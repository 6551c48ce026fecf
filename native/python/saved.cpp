// Saved tensors as Python sees them, the hooks that pack and unpack them, and what watches a node in anomaly mode.
#include "autograd/engine.h"
#include "autograd/frame.h"
#include "autograd/hooks.h"
#include "python/bind.h"
#include "python/node_object.h"
#include "python/profiler.h"

namespace rl {
namespace {

// --- what hooks have made of a saved tensor -------------------------------------------------------------------------

/// Stands in SavedTensor in the place of the tensor.
struct PackedObject {
  PyObject_HEAD PyObject* data;  // what the pack hook gave
  PyObject* unpack;
  Node* fn;  // owned: where the gradient of an input goes; an output's node is the owner
  std::uint32_t nr;
  bool tracked;
};
PyTypeObject* packed_type = nullptr;
PackedObject* as_packed(TensorObject* t) { return reinterpret_cast<PackedObject*>(t); }

int packed_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(reinterpret_cast<PackedObject*>(o)->data);
  Py_VISIT(reinterpret_cast<PackedObject*>(o)->unpack);
  Py_VISIT(Py_TYPE(o));
  return 0;
}
int packed_clear(PyObject* o) {
  Py_CLEAR(reinterpret_cast<PackedObject*>(o)->data);
  return 0;
}
void packed_dealloc(PyObject* o) {
  auto* p = reinterpret_cast<PackedObject*>(o);
  PyObject_GC_UnTrack(o);
  Py_CLEAR(p->data);
  Py_CLEAR(p->unpack);
  if (Node* fn = std::exchange(p->fn, nullptr)) release(fn);
  PyTypeObject* type = Py_TYPE(o);
  type->tp_free(o);
  Py_DECREF(type);
}
PyType_Slot packed_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(packed_traverse)},
                              {Py_tp_clear, reinterpret_cast<void*>(packed_clear)},
                              {Py_tp_dealloc, reinterpret_cast<void*>(packed_dealloc)},
                              {}};
PyType_Spec packed_spec = {"rushlight._core._Packed", sizeof(PackedObject), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, packed_slots};

/// The exception in flight, to be raised when the operator has ended.
void keep_pending() {
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  if (trace != nullptr) PyException_SetTraceback(value, trace);
  Py_XDECREF(type);
  Py_XDECREF(trace);
  Py_XSETREF(modes.pending, value);
}

}  // namespace

PyObject* raise_pending(PyObject* result) noexcept {
  PyObject* error = std::exchange(modes.pending, nullptr);
  if (result != nullptr) {
    Py_DECREF(result);
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error)), error);
  }
  Py_DECREF(error);
  return nullptr;
}

void SavedTensor::pack(PyObject* pack, PyObject* unpack, const Tensor& shown) {
  if (modes.pending != nullptr) return;
  const Tensor kept = tensor_;
  const std::uint32_t version = shown->version();
  const Object hook = Object::borrow(pack), back = Object::borrow(unpack);  // the hook may leave its context
  collect(shown.get());                                                     // what the hook gives may refer to it
  PyObject* data;
  {
    GradMode off(false);
    data = PyObject_CallOneArg(hook.get(), shown.object());
  }
  if (data == nullptr) return keep_pending();
  // An output that its own node kept would keep that node.
  if (data == shown.object() && output_ != 0) Py_SETREF(data, Py_NewRef(kept.object()));
  Object owned = Object::steal(data);
  if (shown->version() != version) {
    PyErr_SetString(PyExc_RuntimeError,
                    "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook "
                    "cannot be modified by in-place operations as this can lead to unexpected side-effects. Please "
                    "open an issue if you need to perform in-place operations on the input to a pack hook.");
    return keep_pending();
  }
  auto* p = PyObject_GC_New(PackedObject, packed_type);
  if (p == nullptr) return keep_pending();
  p->data = owned.release();
  p->unpack = Py_NewRef(back.get());
  p->tracked = tracked(shown);
  EdgeRef edge = output_ == 0 ? gradient_edge(shown) : EdgeRef{};
  p->fn = edge.fn.release();
  p->nr = edge.nr;
  PyObject_GC_Track(reinterpret_cast<PyObject*>(p));
  tensor_ = Tensor::steal(reinterpret_cast<PyObject*>(p));
  output_ |= kPacked;
}

Tensor SavedTensor::unpack_by_hook(Node* owner, bool with_history) {
  const Tensor keep = tensor_;  // the hook may free the node
  const PackedObject* p = as_packed(tensor_.get());
  const Object result = Object::check(PyObject_CallOneArg(p->unpack, p->data));
  if (!is_tensor(result.get())) {
    fail_type("Output of saved tensor unpack_hook expected to be a Tensor but got result of type ",
              Py_TYPE(result.get())->tp_name);
  }
  Tensor value = Tensor::borrow(result.get());
  if (!p->tracked || !with_history) return value;
  if (p->fn != nullptr && p->fn->is_accumulator() && static_cast<AccumulateGrad*>(p->fn)->variable().is(value))
    return value;
  Tensor joined = alias(value);
  if (output() != 0)
    set_history(joined, owner, output() - 1);
  else
    set_history(joined, p->fn, p->nr);
  return joined;
}

namespace {

// --- `_raw_saved_…`
// ---------------------------------------------------------------------------------------------------

/// A saved tensor of a node, found again by its place whenever it is asked for.
struct RawObject {
  PyObject_HEAD Node* node;
  int place;
};
PyTypeObject* raw_type = nullptr;

SavedTensor* find_saved(Node* node, int place) {
  struct Find : SavedVisitor {
    int left;
    SavedTensor* found = nullptr;
    void tensor(const char*, SavedTensor& t) override {
      if (left-- == 0) found = &t;
    }
  } find;
  find.left = place;
  node->visit(find);
  return find.found;
}
SavedTensor& saved_of(PyObject* o) {
  auto* r = reinterpret_cast<RawObject*>(o);
  SavedTensor* s = find_saved(r->node, r->place);
  if (s == nullptr) fail_runtime("the node does not hold this saved tensor any more");
  return *s;
}
PyObject* raw_register(PyObject* o, PyObject* args) {
  PyObject *pack, *unpack;
  if (!PyArg_ParseTuple(args, "OO", &pack, &unpack)) return nullptr;
  return guarded([&]() -> PyObject* {
    if (!PyCallable_Check(pack) || !PyCallable_Check(unpack))
      fail_type("register_hooks(): incompatible function arguments. Expected two callables (pack_hook, unpack_hook)");
    SavedTensor& s = saved_of(o);
    Node* node = reinterpret_cast<RawObject*>(o)->node;
    if (!s.saved()) {
      if (!node->is_released()) fail_runtime("Calling register_hooks on a saved tensor with value None is forbidden");
      fail_runtime(
          "Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values of the graph "
          "are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward "
          "through the graph a second time or if you need to access saved variables after calling backward.");
    }
    if (s.packed()) {
      fail_runtime(
          "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair of hooks is "
          "allowed at a time.");
    }
    s.pack(pack, unpack, s.unpack(node, false));
    Py_RETURN_NONE;
  });
}
PyObject* raw_unpack(PyObject* o, PyObject*) {
  return guarded([&]() -> PyObject* {
    const Tensor t = saved_of(o).unpack(reinterpret_cast<RawObject*>(o)->node, true);
    return t.defined() ? Py_NewRef(t.object()) : Py_NewRef(Py_None);
  });
}
PyObject* raw_data(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    SavedTensor& s = saved_of(o);
    if (s.packed()) return Py_NewRef(as_packed(s.peek())->data);
    return s.saved() ? Py_NewRef(reinterpret_cast<PyObject*>(s.peek())) : Py_NewRef(Py_None);
  });
}
PyObject* raw_hook(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    SavedTensor& s = saved_of(o);
    return Py_NewRef(s.packed() ? as_packed(s.peek())->unpack : Py_None);
  });
}
void raw_dealloc(PyObject* o) {
  release(reinterpret_cast<RawObject*>(o)->node);
  PyTypeObject* type = Py_TYPE(o);
  type->tp_free(o);
  Py_DECREF(type);
}
PyMethodDef raw_methods[] = {
    {"register_hooks", raw_register, METH_VARARGS,
     "register_hooks(pack_hook, unpack_hook): keeps what pack_hook(tensor) gives in the place of the tensor."},
    {"unpack", raw_unpack, METH_NOARGS, "The tensor."},
    {}};
PyGetSetDef raw_getset[] = {
    {"data", raw_data, nullptr, "What is kept: the tensor, or what a pack hook made of it.", nullptr},
    {"unpack_hook", raw_hook, nullptr, "The hook that makes the tensor of it, or None.", nullptr},
    {}};
PyType_Slot raw_slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(raw_dealloc)},
                           {Py_tp_methods, raw_methods},
                           {Py_tp_getset, raw_getset},
                           {}};
PyType_Spec raw_spec = {"rushlight._core.SavedTensor", sizeof(RawObject), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, raw_slots};

PyObject* make_raw(Node* node, int place) {
  auto* r = PyObject_New(RawObject, raw_type);
  if (r == nullptr) throw PythonError();
  node->retain();
  r->node = node;
  r->place = place;
  return reinterpret_cast<PyObject*>(r);
}

/// The node behind an argument, which must be one.
Node* node_argument(PyObject* o) {
  Node* n = unwrap_node(o);
  if (n == nullptr) fail_type("expected a node of the graph, not ", Py_TYPE(o)->tp_name);
  return n;
}

/// _saved(node): what it has saved: a tuple of (name, SavedTensor, bytes that it keeps, address of that memory).
PyObject* list_saved(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    struct List : SavedVisitor {
      Node* node;
      Object list = Object::check(PyList_New(0));
      int place = 0;
      void tensor(const char* name, SavedTensor& t) override {
        const int at = place++;
        if (!t.saved()) return;
        unsigned long long bytes = 0, address = 0;
        if (!t.packed()) {
          bytes = t.peek()->storage->bytes();
          address = reinterpret_cast<std::uintptr_t>(t.peek()->storage);
        }
        Object raw = Object::check(make_raw(node, at));
        Object entry = Object::check(Py_BuildValue("(sOKK)", name, raw.get(), bytes, address));
        if (PyList_Append(list.get(), entry.get()) < 0) throw PythonError();
      }
    } list;
    list.node = node_argument(o);
    list.node->visit(list);
    return list.list.release();
  });
}

// --- modes
// --------------------------------------------------------------------------------------------------------------

thread_local PyObject* hooks_disabled = nullptr;  // the message, while saved tensor hooks are refused

PyObject* push_hooks(PyObject*, PyObject* args) {
  PyObject *pack, *unpack;
  if (!PyArg_ParseTuple(args, "OO", &pack, &unpack)) return nullptr;
  if (hooks_disabled != nullptr) {
    PyErr_SetObject(PyExc_RuntimeError, hooks_disabled);
    return nullptr;
  }
  return guarded([&]() -> PyObject* {
    auto hooks = std::make_unique<SavedHooks>();
    *hooks = {Py_NewRef(pack), Py_NewRef(unpack), modes.saved_hooks};
    modes.saved_hooks = hooks.release();
    Py_RETURN_NONE;
  });
}
PyObject* pop_hooks(PyObject*, PyObject*) {
  const std::unique_ptr<SavedHooks> top(modes.saved_hooks);
  if (!top) {
    PyErr_SetString(PyExc_RuntimeError, "there are no saved tensor hooks to take away");
    return nullptr;
  }
  modes.saved_hooks = top->below;
  Py_DECREF(top->pack);
  Py_DECREF(top->unpack);
  Py_RETURN_NONE;
}
PyObject* top_hooks(PyObject*, PyObject*) {
  if (modes.saved_hooks == nullptr) Py_RETURN_NONE;
  return PyTuple_Pack(2, modes.saved_hooks->pack, modes.saved_hooks->unpack);
}
/// _disable_saved_hooks(message): gives the message that held before, or None. None enables them.
PyObject* disable_hooks(PyObject*, PyObject* message) {
  if (message != Py_None && modes.saved_hooks != nullptr) {
    PyErr_SetObject(PyExc_RuntimeError, message);
    return nullptr;
  }
  PyObject* old = std::exchange(hooks_disabled, message == Py_None ? nullptr : Py_NewRef(message));
  return old != nullptr ? old : Py_NewRef(Py_None);
}
PyObject* set_before_inplace(PyObject*, PyObject* callback) {
  PyObject* old = std::exchange(modes.before_inplace, callback == Py_None ? nullptr : Py_NewRef(callback));
  return old != nullptr ? old : Py_NewRef(Py_None);
}
PyObject* set_anomaly(PyObject*, PyObject* args) {
  int on, check;
  if (!PyArg_ParseTuple(args, "pp", &on, &check)) return nullptr;
  modes.anomaly = on != 0;
  modes.check_nan = check != 0;
  Py_RETURN_NONE;
}
/// _set_grad_layout(on): do gradients of leaves get the leaf's layout? Gives what held before.
PyObject* set_grad_layout(PyObject*, PyObject* on) {
  const int value = PyObject_IsTrue(on);
  return value < 0 ? nullptr : PyBool_FromLong(std::exchange(modes.grad_layout, value != 0));
}
PyObject* get_anomaly(PyObject*, PyObject*) { return Py_BuildValue("(ii)", int(modes.anomaly), int(modes.check_nan)); }

// --- the running pass, edges, versions
// -----------------------------------------------------------------------------------

PyObject* current_backward_op(PyObject*, PyObject*) { return PyLong_FromUnsignedLong(current_backward()); }
PyObject* will_execute_op(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    if (current_backward() == 0)
      fail_runtime("_will_engine_execute_node: Expected to be called inside a backward pass");
    return PyBool_FromLong(will_execute(node_argument(o)));
  });
}
PyObject* has_inputs_op(PyObject*, PyObject*) { return PyBool_FromLong(backward_has_inputs()); }
PyObject* call_after_op(PyObject*, PyObject* callback) {
  return guarded([&]() -> PyObject* {
    if (!call_after_backward(callback)) fail_runtime("Final callbacks can only be installed during backward pass.");
    Py_RETURN_NONE;
  });
}
/// _edge_tensor(node, nr, like): a tensor of the shape and dtype of `like` whose gradient goes to input `nr` of the
/// node.
PyObject* edge_tensor(PyObject*, PyObject* args) {
  PyObject *o, *like;
  unsigned nr;
  if (!PyArg_ParseTuple(args, "OIO!", &o, &nr, tensor_type, &like)) return nullptr;
  return guarded([&]() -> PyObject* {
    Node* n = node_argument(o);
    if (!n->has_output(nr)) fail_index("output ", nr, " of a node with ", n->output_count(), " outputs");
    if (n->is_accumulator()) return Py_NewRef(static_cast<AccumulateGrad*>(n)->variable().object());
    Tensor t = alias(Tensor::borrow(like));
    set_history(t, n, nr);
    return t.release();
  });
}
/// _gradient_edge(tensor): (node, nr), the leaf's accumulator where it is a leaf; None if nothing is recorded.
PyObject* gradient_edge_op(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    if (!is_tensor(o)) fail_type("expected a tensor, not ", Py_TYPE(o)->tp_name);
    const EdgeRef e = gradient_edge(Tensor::borrow(o));
    if (!e.fn) Py_RETURN_NONE;
    Object node = Object::check(wrap_node(e.fn.get()));
    return Py_BuildValue("(OI)", node.get(), unsigned(e.nr));
  });
}
PyObject* bump_version_op(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    if (!is_tensor(o)) fail_runtime("increment_version expect each element of the iterable to be a tensor");
    const Tensor t = Tensor::borrow(o);
    if (t->has(kInference))
      fail_runtime(
          "Inplace update to inference tensor outside InferenceMode is not allowed. increment_version(tensor)");
    t->bump_version();
    note_change(t);
    Py_RETURN_NONE;
  });
}
/// _internal(namespace): lines of these functions are the package's own, and not what messages name.
PyObject* internal_op(PyObject*, PyObject* names) {
  if (!PyDict_Check(names)) Py_RETURN_NONE;
  std::vector<PyObject*> stack{names};
  PyObject* module = PyDict_GetItemString(names, "__name__");
  while (!stack.empty()) {
    PyObject* dict = stack.back();
    stack.pop_back();
    Py_ssize_t at = 0;
    PyObject *key, *value;
    while (PyDict_Next(dict, &at, &key, &value)) {
      if (PyObject_TypeCheck(value, &PyStaticMethod_Type) || PyObject_TypeCheck(value, &PyClassMethod_Type)) {
        value = PyObject_GetAttrString(value, "__func__");
        Py_XDECREF(value);  // the method holds it
        if (value == nullptr) {
          PyErr_Clear();
          continue;
        }
      }
      if (PyFunction_Check(value)) {
        mark_internal(PyFunction_GET_CODE(value));
      } else if (PyType_Check(value) && module != nullptr) {
        PyObject* own = reinterpret_cast<PyTypeObject*>(value)->tp_dict;
        PyObject* place = own != nullptr ? PyDict_GetItemString(own, "__module__") : nullptr;
        if (place != nullptr && PyUnicode_Check(place) && PyUnicode_Compare(place, module) == 0) stack.push_back(own);
      }
    }
  }
  Py_RETURN_NONE;
}

PyMethodDef functions[] = {
    {"_saved", list_saved, METH_O, "_saved(node): (name, SavedTensor, bytes, address) of all that it has saved."},
    {"_push_saved_hooks", push_hooks, METH_VARARGS, "_push_saved_hooks(pack, unpack)"},
    {"_pop_saved_hooks", pop_hooks, METH_NOARGS, nullptr},
    {"_top_saved_hooks", top_hooks, METH_NOARGS, "The innermost pair of saved tensor hooks, or None."},
    {"_disable_saved_hooks", disable_hooks, METH_O, "Refuses saved tensor hooks with this message; gives the old one."},
    {"_set_before_inplace", set_before_inplace, METH_O, "Calls callback(tensor) before a change in place."},
    {"_set_anomaly", set_anomaly, METH_VARARGS, "_set_anomaly(on, check_nan)"},
    {"_get_anomaly", get_anomaly, METH_NOARGS, "(on, check_nan)"},
    {"_set_grad_layout", set_grad_layout, METH_O,
     "Do gradients of leaves get the leaf's layout? Gives what held before."},
    {"_current_backward", current_backward_op, METH_NOARGS, "The number of the backward pass that runs; 0 if none."},
    {"_will_execute", will_execute_op, METH_O, "Will the backward pass that runs come to this node?"},
    {"_backward_has_inputs", has_inputs_op, METH_NOARGS, "Do inputs limit the backward pass that runs?"},
    {"_call_after_backward", call_after_op, METH_O, "Calls callback() when the backward pass that runs has ended."},
    {"_edge_tensor", edge_tensor, METH_VARARGS, "_edge_tensor(node, nr, like): a tensor that stands for an edge."},
    {"_gradient_edge", gradient_edge_op, METH_O, "(node, nr) to which a tensor's gradient goes."},
    {"_bump_version", bump_version_op, METH_O, "Counts a change in place."},
    {"_internal", internal_op, METH_O, "_internal(globals()): messages do not name lines of these functions."},
    {}};

}  // namespace

// --- attributes of nodes
// ------------------------------------------------------------------------------------------------

namespace {

/// Looks for the value of one name, as a Python object.
struct FindValue final : ValueVisitor {
  const char* wanted;
  Object found;

  explicit FindValue(const char* name) : wanted(name) {}
  bool is_wanted(const char* name) const { return !found && std::strcmp(name, wanted) == 0; }
  void flag(const char* name, bool v) override {
    if (is_wanted(name)) found = Object::check(PyBool_FromLong(v));
  }
  void number(const char* name, const Scalar& v) override {
    if (is_wanted(name)) found = Object::check(wrap_scalar(v));
  }
  void list(const char* name, Dims v) override {
    if (!is_wanted(name)) return;
    found = Object::check(PyTuple_New(Py_ssize_t(v.size())));
    for (std::size_t i = 0; i < v.size(); ++i)
      PyTuple_SET_ITEM(found.get(), Py_ssize_t(i), Object::check(PyLong_FromLongLong(v[i])).release());
  }
  void word(const char* name, const char* v) override {
    if (is_wanted(name)) found = Object::check(PyUnicode_FromString(v));
  }
  void nothing(const char* name) override {
    if (is_wanted(name)) found = Object::borrow(Py_None);
  }
};

/// The value of that name which is no tensor; null (without an error) where there is none.
PyObject* saved_value(const Node* node, const char* name) {
  FindValue find(name);
  node->show(find);
  return find.found.release();
}

}  // namespace

PyObject* saved_attribute(Node* node, const char* name) {
  const bool raw = std::strncmp(name, "_raw_saved_", 11) == 0;
  struct Find : SavedVisitor {
    const char* wanted;
    std::vector<std::pair<int, SavedTensor*>> found;
    int place = 0;
    void tensor(const char* n, SavedTensor& t) override {
      if (std::strcmp(n, wanted) == 0) found.emplace_back(place, &t);
      ++place;
    }
  } find;
  find.wanted = name + (raw ? 11 : 7);
  node->visit(find);
  if (find.found.empty()) return raw ? nullptr : saved_value(node, find.wanted);
  const auto value = [&](std::pair<int, SavedTensor*> at) {
    if (raw) return make_raw(node, at.first);
    const Tensor t = at.second->unpack(node, true);
    return t.defined() ? Py_NewRef(t.object()) : Py_NewRef(Py_None);
  };
  // A list of tensors is saved under the name "tensors".
  if (std::strcmp(find.wanted, "tensors") != 0) return value(find.found[0]);
  Object tuple = Object::check(PyTuple_New(Py_ssize_t(find.found.size())));
  for (std::size_t i = 0; i < find.found.size(); ++i)
    PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), value(find.found[i]));
  return tuple.release();
}
PyObject* saved_names(Node* node) {
  struct List final : SavedVisitor, ValueVisitor {
    Object names = Object::check(PyList_New(0));
    void add(const char* prefix, const char* n) {
      Object name = Object::check(PyUnicode_FromFormat("%s%s", prefix, n));
      if (PyList_Append(names.get(), name.get()) < 0) throw PythonError();
    }
    void tensor(const char* n, SavedTensor&) override {
      add("_saved_", n);
      add("_raw_saved_", n);
    }
    void flag(const char* n, bool) override { add("_saved_", n); }
    void number(const char* n, const Scalar&) override { add("_saved_", n); }
    void list(const char* n, Dims) override { add("_saved_", n); }
    void word(const char* n, const char*) override { add("_saved_", n); }
    void nothing(const char* n) override { add("_saved_", n); }
  } list;
  node->visit(list);
  node->show(list);
  return list.names.release();
}

// --- anomaly mode
// -------------------------------------------------------------------------------------------------------

namespace {

Object anomaly_function(const char* name) {
  Object module = Object::check(PyImport_ImportModule("rushlight.autograd.anomaly_mode"));
  return Object::check(PyObject_GetAttrString(module.get(), name));
}
Object tensors(Tensor* t, std::uint32_t n) {
  Object tuple = Object::check(PyTuple_New(n));
  for (std::uint32_t i = 0; i < n; ++i)
    PyTuple_SET_ITEM(tuple.get(), i, Py_NewRef(t[i].defined() ? t[i].object() : Py_None));
  return tuple;
}
struct AnomalyOff {
  bool old = std::exchange(modes.anomaly, false);
  ~AnomalyOff() { modes.anomaly = old; }
};

}  // namespace

void remember_stack(Node* n) {
  AnomalyOff off;
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  try {
    Object stack = Object::check(PyObject_CallNoArgs(anomaly_function("_stack").get()));
    NodeExtra& e = n->make_extra();
    if (e.metadata == nullptr) e.metadata = Object::check(PyDict_New()).release();
    if (PyDict_SetItemString(e.metadata, "traceback_", stack.get()) < 0) throw PythonError();
    if (modes.evaluating != nullptr) {
      Object parent = Object::check(wrap_node(modes.evaluating));
      if (PyDict_SetItemString(e.metadata, "parent_", parent.get()) < 0) throw PythonError();
    }
  } catch (const PythonError&) {
    PyErr_Clear();  // what cannot be remembered must not stop the operator
  }
  PyErr_Restore(type, value, trace);
}

void apply_watched(Node* n, Tensor* in, Tensor* out) {
  const std::string name = n->is_accumulator() ? cat("torch::autograd::", n->name()) : n->name();
  const auto number = n->is_accumulator() ? -1 : std::int64_t(n->sequence());
  ProfileSpan outer(profiling ? "autograd::engine::evaluate_function: " + name : "", nullptr, 0, number);
  ProfileSpan inner(name, nullptr, 0, number);
  const auto count_results = [&] {
    for (std::uint32_t i = 0; profiling && i < n->edge_count(); ++i) inner.result(out[i]);
  };
  if (!modes.anomaly) {
    n->apply(in, out);
    count_results();
    return;
  }
  // Held here, what comes in is not written over.
  Object given = tensors(in, n->output_count());
  struct Evaluating {
    Node* old;
    explicit Evaluating(Node* n) : old(std::exchange(modes.evaluating, n)) {}
    ~Evaluating() { modes.evaluating = old; }
  } evaluating(n);
  Object node = Object::check(wrap_node(n));
  try {
    n->apply(in, out);
  } catch (...) {
    translate_exception();
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    {
      AnomalyOff off;
      if (PyObject* r = PyObject_CallOneArg(anomaly_function("_failed").get(), node.get()))
        Py_DECREF(r);
      else
        PyErr_WriteUnraisable(node.get());
    }
    PyErr_Restore(type, value, trace);
    throw PythonError();
  }
  if (!modes.check_nan || n->is_accumulator()) return;
  AnomalyOff off;
  GradMode no_grad(false);
  Object made = tensors(out, n->edge_count());
  Object::check(
      PyObject_CallFunctionObjArgs(anomaly_function("_check").get(), node.get(), given.get(), made.get(), nullptr));
}

void init_saved(PyObject* module) {
  packed_type = reinterpret_cast<PyTypeObject*>(Object::check(PyType_FromSpec(&packed_spec)).release());
  raw_type = reinterpret_cast<PyTypeObject*>(Object::check(PyType_FromSpec(&raw_spec)).release());
  if (PyModule_AddObjectRef(module, "SavedTensor", reinterpret_cast<PyObject*>(raw_type)) < 0) throw PythonError();
  if (PyModule_AddFunctions(module, functions) < 0) throw PythonError();
}

}  // namespace rl
