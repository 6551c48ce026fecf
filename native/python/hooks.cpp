// Hooks, retained gradients, and nodes as Python sees them.
#include "autograd/hooks.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "python/bind.h"
#include "python/node_object.h"

namespace rl {
namespace {

PyTypeObject* node_type = nullptr;
void node_dealloc(PyObject* o);

/// Calls each hook of a dict (its values, in order of insertion) with `args`; `result` sees what is not None.
template <class F>
void call_hooks(PyObject* dict, Object (*make_args)(void*), void* context, F&& result) {
  Object values = Object::check(PyDict_Values(dict));  // hooks may remove themselves
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values.get()); ++i) {
    Object args = make_args(context);
    Object r = Object::check(PyObject_CallObject(PyList_GET_ITEM(values.get(), i), args.get()));
    if (r.get() != Py_None) result(r.get());
  }
}

Object none_or(const Tensor& t) { return t.defined() ? Object::borrow(t.object()) : Object::borrow(Py_None); }
Object one_tuple(const Tensor& t) {
  Object v = none_or(t);
  return Object::check(PyTuple_Pack(1, v.get()));
}
Object tensor_tuple(const Tensor* t, std::size_t n) {
  Object tuple = Object::check(PyTuple_New(Py_ssize_t(n)));
  for (std::size_t i = 0; i < n; ++i) PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), none_or(t[i]).release());
  return tuple;
}

void run_gradient_hooks(PyObject* dict, Tensor& g) {
  call_hooks(
      dict, [](void* c) { return one_tuple(*static_cast<Tensor*>(c)); }, &g,
      [&](PyObject* r) {
        if (!is_tensor(r)) fail_type("hook should return a Tensor or None, not ", Py_TYPE(r)->tp_name);
        Tensor fresh = Tensor::borrow(r);
        if (g.defined() && !same(fresh.sizes(), g.sizes())) fail_runtime("hook has changed the size of value");
        if (g.defined() && fresh.dtype() != g.dtype())
          fail_runtime("hook has changed the type of value (was ", dtype_name(g.dtype()), ", is ",
                       dtype_name(fresh.dtype()), ")");
        g = fresh;
      });
}

void take_tensors(PyObject* r, Tensor* into, std::size_t n) {
  Object seq = PyTuple_Check(r) || PyList_Check(r) ? Object::borrow(r) : Object::check(PyTuple_Pack(1, r));
  if (std::size_t(PySequence_Fast_GET_SIZE(seq.get())) != n)
    fail_runtime("hook has returned an incorrect number of values (got ", PySequence_Fast_GET_SIZE(seq.get()),
                 ", but expected ", n, ")");
  for (std::size_t i = 0; i < n; ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(seq.get(), Py_ssize_t(i));
    into[i] = is_tensor(item) ? Tensor::borrow(item) : Tensor();
  }
}

}  // namespace

void run_tensor_hooks(Node* n, Tensor* grads) {
  for (std::size_t i = 0; i < n->extra()->tensor_hooks.size(); ++i) {
    auto [nr, dict] = n->extra()->tensor_hooks[i];
    if (dict != nullptr && grads[nr].defined()) run_gradient_hooks(dict, grads[nr]);
  }
}
void run_leaf_hooks(const Tensor& leaf, Tensor& grad) {
  if (leaf->extra == nullptr || leaf->extra->hooks == nullptr) return;
  run_gradient_hooks(leaf->extra->hooks, grad);
}
void run_accumulate_hooks(const Tensor& leaf) {
  Tensor t = leaf;
  call_hooks(
      leaf->extra->accumulate_hooks, [](void* c) { return one_tuple(*static_cast<Tensor*>(c)); }, &t,
      [](PyObject*) { fail_runtime("Tensor post accumulate grad hooks should return None."); });
}
void run_pre_hooks(Node* n, Tensor* grads) {
  struct Context {
    Tensor* grads;
    std::size_t n;
  } c{grads, n->output_count()};
  call_hooks(
      n->extra()->pre_hooks,
      [](void* p) {
        auto* x = static_cast<Context*>(p);
        return Object::check(PyTuple_Pack(1, tensor_tuple(x->grads, x->n).get()));
      },
      &c, [&](PyObject* r) { take_tensors(r, grads, c.n); });
}
void run_post_hooks(Node* n, Tensor* in, Tensor* out) {
  struct Context {
    Tensor *in, *out;
    std::size_t n_in, n_out;
  } c{in, out, n->output_count(), n->edge_count()};
  call_hooks(
      n->extra()->post_hooks,
      [](void* p) {
        auto* x = static_cast<Context*>(p);
        return Object::check(PyTuple_Pack(2, tensor_tuple(x->out, x->n_out).get(), tensor_tuple(x->in, x->n_in).get()));
      },
      &c, [&](PyObject* r) { take_tensors(r, out, c.n_out); });
}
void keep_retained(Node* n, Tensor* grads) {
  for (auto& [nr, weak] : n->extra()->retained) {
#if PY_VERSION_HEX >= 0x030D0000
    PyObject* o = nullptr;
    if (PyWeakref_GetRef(weak, &o) <= 0) continue;
    Object alive = Object::steal(o);
#else
    Object alive = Object::borrow(PyWeakref_GetObject(weak));
    if (alive.get() == Py_None) continue;
#endif
    if (!grads[nr].defined()) continue;
    auto* t = reinterpret_cast<TensorObject*>(alive.get());
    Tensor g = grads[nr];
    if (t->grad == nullptr) {
      Tensor kept = g;
      t->grad = reinterpret_cast<TensorObject*>(kept.release());
    } else {
      Tensor sum = add(Tensor::borrow(t->grad), g);
      TensorObject* old = std::exchange(t->grad, reinterpret_cast<TensorObject*>(sum.release()));
      Py_DECREF(reinterpret_cast<PyObject*>(old));
    }
  }
}

namespace {

/// Shows the collector what a tensor keeps alive. Nodes and tensors that the collector does not track are seen through
/// where all references to them come from what was walked already; what somebody else holds as well is left out, with
/// all that lies behind it: it must not be counted as if this tensor alone kept it.
struct Walk final : SavedVisitor {
  int (*visit)(PyObject*, void*);
  void* arg;
  int result = 0;
  std::vector<Node*> nodes;
  std::vector<TensorObject*> tensors;
  std::unordered_map<const void*, Py_ssize_t> seen;  // references found so far, where there is more than one

  void show(PyObject* o) {
    if (o != nullptr && result == 0) result = visit(o, arg);
  }
  void reach(Node* n) {
    if (n == nullptr) return;
    if (n->refs() == 1 || ++seen[n] == Py_ssize_t(n->refs())) nodes.push_back(n);
  }
  void reach(TensorObject* t) {
    if (t == nullptr) return;
    auto* o = reinterpret_cast<PyObject*>(t);
    if (!is_tensor(o) || t->has(kCollected))
      show(o);
    else if (Py_REFCNT(o) == 1 || ++seen[t] == Py_REFCNT(o))
      tensors.push_back(t);
  }
  void tensor(const char*, SavedTensor& t) override { reach(t.peek()); }

  void contents(TensorObject* t) {
    reach(t->grad);
    reach(t->base);
    if (t->has(kHasGradFn)) reach(t->grad_fn);  // a leaf does not own its accumulator
    if (t->extra != nullptr) {
      show(t->extra->hooks);
      show(t->extra->accumulate_hooks);
    }
  }
  void contents(Node* n) {
    show(n->python_object());
    if (n->is_accumulator()) reach(static_cast<AccumulateGrad*>(n)->variable().get());
    if (Node* inner = n->inner())
      reach(inner);
    else
      n->visit(*this);
    if (const NodeExtra* e = n->extra()) {
      show(e->metadata);
      show(e->pre_hooks);
      show(e->post_hooks);
      for (auto& [nr, hooks] : e->tensor_hooks) show(hooks);
    }
    for (std::uint32_t i = 0; i < n->edge_count(); ++i) reach(n->edges()[i].fn);
  }
  void run() {
    while (result == 0) {
      if (!nodes.empty()) {
        Node* n = nodes.back();
        nodes.pop_back();
        contents(n);
      } else if (!tensors.empty()) {
        TensorObject* t = tensors.back();
        tensors.pop_back();
        contents(t);
      } else {
        return;
      }
    }
  }
};

}  // namespace

int traverse_tensor(TensorObject* t, int (*visit)(PyObject*, void*), void* arg) {
  Walk walk;
  walk.visit = visit;
  walk.arg = arg;
  walk.contents(t);
  walk.run();
  return walk.result;
}

namespace {
std::int64_t next_hook_id = 0;
}

PyObject* add_hook(PyObject*& dict, PyObject* hook) {
  // Both classes are Python's, found at the first hook and kept; the handle is made without its __init__.
  static PyObject *dict_type = nullptr, *handle_type = nullptr, *dict_name, *extra_name, *id_name;
  if (handle_type == nullptr) {
    Object module = Object::check(PyImport_ImportModule("rushlight.utils.hooks"));
    dict_name = PyUnicode_InternFromString("hooks_dict_ref");
    extra_name = PyUnicode_InternFromString("extra_dict_ref");
    id_name = PyUnicode_InternFromString("id");
    dict_type = Object::check(PyObject_GetAttrString(module.get(), "_HookDict")).release();
    handle_type = Object::check(PyObject_GetAttrString(module.get(), "RemovableHandle")).release();
  }
  if (dict == nullptr) dict = Object::check(PyObject_CallNoArgs(dict_type)).release();
  auto* type = reinterpret_cast<PyTypeObject*>(handle_type);
  Object handle = Object::check(type->tp_alloc(type, 0));
  const Object id = Object::check(PyLong_FromLongLong(next_hook_id++));
  const Object weak = Object::check(PyWeakref_NewRef(dict, nullptr)), none = Object::check(PyTuple_New(0));
  for (auto [name, value] : {std::pair(dict_name, weak.get()), {extra_name, none.get()}, {id_name, id.get()}}) {
    if (PyObject_GenericSetAttr(handle.get(), name, value) < 0) throw PythonError();
  }
  if (PyDict_SetItem(dict, id.get(), hook) < 0) throw PythonError();
  return handle.release();
}
namespace {
PyObject* hook_id_op(PyObject*, PyObject* take) {
  const int step = PyObject_IsTrue(take);
  if (step < 0) return nullptr;
  const std::int64_t id = next_hook_id;
  next_hook_id += step;
  return PyLong_FromLongLong(id);
}
}  // namespace
PyObject*& tensor_hook_slot(Node* n, std::uint32_t nr) {
  auto& all = n->make_extra().tensor_hooks;
  for (auto& [at, dict] : all) {
    if (at == nr) return dict;
  }
  all.emplace_back(nr, nullptr);
  return all.back().second;
}
void retain_grad(const Tensor& t) {
  Node* fn = grad_fn(t);
  if (fn == nullptr || t->has(kRetainsGrad)) return;
  fn->make_extra().retained.emplace_back(t->output_nr, Object::check(PyWeakref_NewRef(t.object(), nullptr)).release());
  t->flags |= kRetainsGrad;
}

namespace {

/// A class of its own for each name of a node, so that type(t.grad_fn).__name__ says what it is.
PyTypeObject* type_named(const char* name) {
  static PyObject* types = PyDict_New();
  if (PyObject* known = PyDict_GetItemString(types, name)) return reinterpret_cast<PyTypeObject*>(known);
  // From a spec rather than by type(): that would make it a class for the collector, which nodes are not.
  static std::vector<std::unique_ptr<std::string>> names;  // the specs' names must stay
  const std::string_view full = name;                      // "torch::autograd::NotImplemented"
  const std::size_t colon = full.rfind(':');
  const std::string_view last = colon == full.npos ? full : full.substr(colon + 1);
  names.push_back(std::make_unique<std::string>(cat("rushlight.", std::string(last))));
  PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(node_dealloc)}, {}};
  PyType_Spec spec = {names.back()->c_str(), sizeof(NodeObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  Object bases = Object::check(PyTuple_Pack(1, node_type));
  Object made = Object::check(PyType_FromSpecWithBases(&spec, bases.get()));
  if (PyDict_SetItemString(types, name, made.get()) < 0) throw PythonError();
  return reinterpret_cast<PyTypeObject*>(PyDict_GetItemString(types, name));
}

}  // namespace

PyObject* wrap_node(Node* n) {
  if (n == nullptr) return Py_NewRef(Py_None);
  if (PyObject* own = n->python_object()) return Py_NewRef(own);
  NodeExtra& e = n->make_extra();
  if (e.wrapper != nullptr) return Py_NewRef(e.wrapper);
  auto* o = PyObject_New(NodeObject, type_named(n->name()));
  if (o == nullptr) throw PythonError();
  n->retain();
  o->node = n;
  o->weakrefs = nullptr;
  e.wrapper = reinterpret_cast<PyObject*>(o);
  return e.wrapper;
}
Node* unwrap_node(PyObject* o) {
  return PyObject_TypeCheck(o, node_type) ? reinterpret_cast<NodeObject*>(o)->node : nullptr;
}

namespace {

Node* node_of(PyObject* o) {
  Node* n = reinterpret_cast<NodeObject*>(o)->node;
  // Only the context of an autograd.Function can be without: before its forward has ended, and after its node has gone.
  if (n == nullptr)
    fail_runtime("this is the context of an autograd.Function whose node does not exist (yet, or any more)");
  return n;
}
void node_dealloc(PyObject* o) {
  auto* self = reinterpret_cast<NodeObject*>(o);
  if (self->weakrefs != nullptr) PyObject_ClearWeakRefs(o);
  PyTypeObject* type = Py_TYPE(o);
  self->node->extra()->wrapper = nullptr;
  release(self->node);
  type->tp_free(o);
  Py_DECREF(type);
}
PyObject* node_repr(PyObject* o) {
  return guarded([&] { return PyUnicode_FromFormat("<%s object at %p>", node_of(o)->name(), o); });
}
PyObject* node_name(PyObject* o, PyObject*) {
  return guarded([&] {
    Node* n = node_of(o);
    // PyTorch's names of classes that are not generated from its table of derivatives.
    const bool inner = n->is_accumulator() || std::strcmp(n->name(), "CopySlices") == 0;
    return PyUnicode_FromFormat(inner ? "torch::autograd::%s" : "%s", n->name());
  });
}
PyObject* node_next(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    Node* n = node_of(o);
    // Edges that carry nothing show as (None, 0), as in PyTorch.
    const std::uint32_t shown = std::max(n->edge_count(), n->input_count());
    Object tuple = Object::check(PyTuple_New(Py_ssize_t(shown)));
    for (std::uint32_t i = n->edge_count(); i < shown; ++i)
      PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), Object::check(Py_BuildValue("(OI)", Py_None, 0u)).release());
    for (std::uint32_t i = 0; i < n->edge_count(); ++i) {
      const Edge& e = n->edges()[i];
      Object fn = Object::check(wrap_node(e.fn));
      PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i),
                       Object::check(Py_BuildValue("(OI)", fn.get(), unsigned(e.nr))).release());
    }
    return tuple.release();
  });
}
PyObject* node_variable(PyObject* o, void*) {
  if (Node* n = reinterpret_cast<NodeObject*>(o)->node; n == nullptr || !n->is_accumulator()) {
    PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute 'variable'", Py_TYPE(o)->tp_name);
    return nullptr;
  }
  return Py_NewRef(static_cast<AccumulateGrad*>(node_of(o))->variable().object());
}
PyObject* node_metadata(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    NodeExtra& e = node_of(o)->make_extra();
    if (e.metadata == nullptr) e.metadata = PyDict_New();
    return Py_XNewRef(e.metadata);
  });
}
PyObject* node_sequence(PyObject* o, PyObject*) {
  return guarded([&] { return PyLong_FromUnsignedLongLong(node_of(o)->sequence()); });
}
PyObject* node_line(PyObject* o, void*) {
  return guarded(
      [&] { return PyUnicode_FromString(describe_line(node_of(o)->code(), node_of(o)->instruction()).c_str()); });
}
PyObject* node_hook(PyObject* o, PyObject* hook) {
  return guarded([&] { return add_hook(node_of(o)->make_extra().post_hooks, hook); });
}
PyObject* node_prehook(PyObject* o, PyObject* hook) {
  return guarded([&] { return add_hook(node_of(o)->make_extra().pre_hooks, hook); });
}
PyObject* node_getattro(PyObject* o, PyObject* name) {
  const char* text = PyUnicode_AsUTF8(name);
  Node* node = reinterpret_cast<NodeObject*>(o)->node;
  if (text != nullptr && node != nullptr &&
      (std::strncmp(text, "_saved_", 7) == 0 || std::strncmp(text, "_raw_saved_", 11) == 0)) {
    return guarded([&]() -> PyObject* {
      if (PyObject* value = saved_attribute(node, text)) return value;
      return PyObject_GenericGetAttr(o, name);
    });
  }
  return PyObject_GenericGetAttr(o, name);
}
PyObject* node_dir(PyObject* o, PyObject*) {
  return guarded([&]() -> PyObject* {
    Object names =
        Object::check(PyObject_CallMethod(reinterpret_cast<PyObject*>(&PyBaseObject_Type), "__dir__", "O", o));
    Object all = Object::check(PySequence_List(names.get()));
    Object saved = Object::check(saved_names(node_of(o)));
    if (PyList_SetSlice(all.get(), PyList_GET_SIZE(all.get()), PyList_GET_SIZE(all.get()), saved.get()) < 0)
      throw PythonError();
    return all.release();
  });
}
PyObject* node_requires_grad(PyObject*, void*) { Py_RETURN_TRUE; }
PyGetSetDef node_getset[] = {
    {"next_functions", node_next, nullptr, "The nodes that come next: a tuple of (node, input number).", nullptr},
    {"variable", node_variable, nullptr, "The leaf of an AccumulateGrad node.", nullptr},
    {"requires_grad", node_requires_grad, nullptr, "True: only what needs a gradient has a node.", nullptr},
    {"metadata", node_metadata, nullptr, "A dict of your own.", nullptr},
    {"line", node_line, nullptr, "The line that made the node: 'file.py:12'.", nullptr},
    {}};
PyMethodDef node_methods[] = {
    {"name", node_name, METH_NOARGS, "The node's name, e.g. 'MulBackward0'."},
    {"_sequence_nr", node_sequence, METH_NOARGS, "The number that orders nodes by the time they were made."},
    {"__dir__", node_dir, METH_NOARGS, nullptr},
    {"register_hook", node_hook, METH_O, "Calls hook(grad_inputs, grad_outputs) after the node has run."},
    {"register_prehook", node_prehook, METH_O, "Calls hook(grad_outputs) before the node runs."},
    {}};
PyMemberDef node_members[] = {{"__weaklistoffset__", T_PYSSIZET, offsetof(NodeObject, weakrefs), READONLY, nullptr},
                              {}};
PyType_Slot node_slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(node_dealloc)},
                            {Py_tp_repr, reinterpret_cast<void*>(node_repr)},
                            {Py_tp_getattro, reinterpret_cast<void*>(node_getattro)},
                            {Py_tp_getset, node_getset},
                            {Py_tp_methods, node_methods},
                            {Py_tp_members, node_members},
                            {}};
PyType_Spec node_spec = {"rushlight.autograd.graph.Node", sizeof(NodeObject), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, node_slots};

}  // namespace

PyTypeObject* node_object_type() { return node_type; }

void init_node_type(PyObject* module) {
  static PyMethodDef functions[] = {
      {"_hook_id", hook_id_op, METH_O, "_hook_id(take): the number of the next handle; with `take` it is used up."},
      {}};
  if (PyModule_AddFunctions(module, functions) < 0) throw PythonError();
  node_type = reinterpret_cast<PyTypeObject*>(Object::check(PyType_FromSpec(&node_spec)).release());
  if (PyModule_AddObjectRef(module, "Node", reinterpret_cast<PyObject*>(node_type)) < 0) throw PythonError();
}

}  // namespace rl
