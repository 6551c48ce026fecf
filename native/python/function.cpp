// autograd.Function: operators whose forward and backward are Python's.
//
// The object that Python calls `ctx` is the node as Python sees it: `y.grad_fn is ctx`. The node owns it; it knows the
// node only while that lives. Saved tensors belong to the node, so that they are checked and freed like all others.
#include <cstddef>

#include "autograd/hooks.h"
#include "python/bind.h"
#include "python/levels.h"
#include "python/node_object.h"
#include "tensor/dual.h"

namespace rl {
namespace {

struct FunctionObject {
  NodeObject base;  // `node` is borrowed, null before the forward has ended and after the node has gone
  PyObject* needs_input_grad;
  PyObject* to_save;
  PyObject* dirty;
  PyObject* non_differentiable;
  char materialize_grads;
};
PyTypeObject* function_type = nullptr;
PyObject *forward_name, *backward_name, *boxed_name, *clear_name, *setup_name, *cls_name, *backward_cls_name,
    *own_setup_name, *node_name_name;

FunctionObject* ctx_of(PyObject* o) { return reinterpret_cast<FunctionObject*>(o); }

/// Sizes and dtype of an output, for the zeros that stand for a gradient that did not come.
struct OutputMeta {
  DimList sizes;
  DType dtype = DType::Float;
  bool is_tensor = false;
};

class FunctionNode final : public Node {
 public:
  FunctionNode(PyObject* ctx, Py_ssize_t args, std::size_t outputs)
      : ctx_(Object::borrow(ctx)), outputs_(std::make_unique<OutputMeta[]>(outputs)), arg_of_edge_(), n_args(args) {
    set_output_count(std::uint32_t(outputs));
  }
  ~FunctionNode() override { ctx_of(ctx_.get())->base.node = nullptr; }

  const char* name() const override {
    const char* full = Py_TYPE(ctx_.get())->tp_name;
    const char* dot = std::strrchr(full, '.');
    return dot != nullptr ? dot + 1 : full;
  }
  void apply(Tensor* in, Tensor* out) override;
  void visit(SavedVisitor& v) override {
    for (std::size_t i = 0; i < n_saved; ++i) v.tensor("tensors", saved[i]);
  }
  PyObject* python_object() const override { return ctx_.get(); }
  OutputMeta& output(std::size_t i) { return outputs_[i]; }

 private:
  Object ctx_;
  std::unique_ptr<OutputMeta[]> outputs_;

 public:
  std::vector<std::int32_t> arg_of_edge_;  // which argument of the forward each edge belongs to
  Py_ssize_t n_args;
  std::unique_ptr<SavedTensor[]> saved;
  std::size_t n_saved = 0;
  bool given_away = false;  // the saved tensors were handed out and dropped: see clear_saved_tensors_on_access

  void drop_saved() {
    for (std::size_t i = 0; i < n_saved; ++i) saved[i].clear();
    given_away = true;
  }
};

Object class_of(PyObject* ctx) {
  return Object::check(PyObject_GetAttr(reinterpret_cast<PyObject*>(Py_TYPE(ctx)), cls_name));
}

/// The lines that an error about what a backward returned should name.
std::string whose_backward(const Object& cls, Node* node) {
  std::string text =
      cat("\n", operator_name(node), " was called at ", describe_line(node->code(), node->instruction()));
  const Object rule = Object::steal(PyObject_GetAttr(cls.get(), backward_name));
  const Object code = Object::steal(rule ? PyObject_GetAttrString(rule.get(), "__code__") : nullptr);
  if (code && PyCode_Check(code.get())) {
    const Object file = Object::check(PyObject_GetAttrString(code.get(), "co_filename"));
    const char* name = PyUnicode_AsUTF8(file.get());
    if (name != nullptr)
      text +=
          cat("; its backward is defined at ", name, ":", reinterpret_cast<PyCodeObject*>(code.get())->co_firstlineno);
  }
  PyErr_Clear();
  return text + ". It must return one gradient, of the input's shape, or None for each argument of forward.";
}

/// Is this flag of a Function's class set?
bool is_set(PyObject* cls, PyObject* flag) {
  const Object value = Object::check(PyObject_GetAttr(cls, flag));
  return value.get() != Py_False && PyObject_IsTrue(value.get()) == 1;
}

void FunctionNode::apply(Tensor* in, Tensor* out) {
  PyObject* ctx = ctx_.get();
  NodeRef keep = NodeRef::borrow(this);  // the backward may drop the graph
  const bool materialize = ctx_of(ctx)->materialize_grads != 0;
  std::vector<Object> args(output_count() + 1);
  std::vector<PyObject*> plain(output_count() + 1);
  args[0] = Object::borrow(ctx);
  for (std::uint32_t i = 0; i < output_count(); ++i) {
    if (in[i].defined())
      args[i + 1] = Object::borrow(in[i].object());
    else if (materialize && outputs_[i].is_tensor)
      args[i + 1] = Object::steal(zeros(outputs_[i].sizes, outputs_[i].dtype).release());
    else
      args[i + 1] = Object::borrow(Py_None);
  }
  const Object cls = class_of(ctx);
  const Object backward = Object::check(PyObject_GetAttr(cls.get(), backward_name));
  if (is_set(cls.get(), boxed_name)) {
    // All in one list, which alone holds them: backward frees a gradient by taking it out.
    Object box = Object::check(PyList_New(Py_ssize_t(output_count())));
    for (std::uint32_t i = 0; i < output_count(); ++i) {
      in[i] = Tensor();
      PyList_SET_ITEM(box.get(), Py_ssize_t(i), args[i + 1].release());
    }
    args.resize(1);
    plain.resize(2);
    plain[1] = box.release();
    args.push_back(Object::steal(plain[1]));
  } else {
    for (std::size_t i = 1; i < args.size(); ++i) plain[i] = args[i].get();
  }
  plain[0] = ctx;
  Object result = Object::check(PyObject_Vectorcall(backward.get(), plain.data(), plain.size(), nullptr));
  if (!PyTuple_Check(result.get())) {
    if (PyList_Check(result.get()))
      result = Object::check(PyList_AsTuple(result.get()));
    else
      result = Object::check(PyTuple_Pack(1, result.get()));
  }
  Py_ssize_t n = PyTuple_GET_SIZE(result.get());
  while (n > n_args && PyTuple_GET_ITEM(result.get(), n - 1) == Py_None) --n;
  if (n != n_args) {
    fail_runtime("function ", name(), " returned an incorrect number of gradients (expected ", n_args, ", got ", n, ")",
                 whose_backward(class_of(ctx), this));
  }
  std::size_t e = 0;
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* g = PyTuple_GET_ITEM(result.get(), i);
    const bool was_tensor = e < arg_of_edge_.size() && arg_of_edge_[e] == i;
    if (!was_tensor) {
      if (g != Py_None) {
        fail_runtime("function ", name(), " returned a gradient different than None at position ", i + 1,
                     ", but the corresponding forward input was not a Variable", whose_backward(cls, this));
      }
      continue;
    }
    const std::size_t edge = e++;
    if (!needs(std::uint32_t(edge)) || g == Py_None) continue;
    if (!is_tensor(g))
      fail_runtime("expected Variable or None (got ", Py_TYPE(g)->tp_name, ")", whose_backward(cls, this));
    const InputMeta& meta = extra()->inputs[edge];
    Tensor t = Tensor::borrow(g);
    const int lead = t.ndim() - int(meta.sizes.size());
    bool fits = lead >= 0;
    for (std::size_t k = 0; fits && k < meta.sizes.size(); ++k) {
      fits = meta.sizes[k] == t.sizes()[k + std::size_t(lead)] || meta.sizes[k] == 1;
    }
    if (!fits) {
      fail_runtime("Function ", name(), " returned an invalid gradient at index ", edge, " - got ", str(t.sizes()),
                   " but expected shape compatible with ", str(meta.sizes), whose_backward(cls, this));
    }
    out[edge] = std::move(t);
  }
}

bool is_in(PyObject* tuple, PyObject* o) {
  if (tuple == nullptr || !PyTuple_Check(tuple)) return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); ++i) {
    if (PyTuple_GET_ITEM(tuple, i) == o) return true;
  }
  return false;
}

/// One tensor that the forward gave, as an output of `node` (null: nothing is recorded).
Object finish_output(FunctionObject* ctx, FunctionNode* node, std::uint32_t nr, PyObject* o, bool is_input) {
  Tensor t = Tensor::borrow(o);
  const bool dirty = is_in(ctx->dirty, o);
  const bool wanted = !is_in(ctx->non_differentiable, o) && is_differentiable(t.dtype());
  if (dirty) t->bump_version();
  if (node != nullptr) {
    OutputMeta& meta = node->output(nr);
    meta.sizes.assign(t.sizes());
    meta.dtype = t.dtype();
    meta.is_tensor = true;
  }
  if (node == nullptr || !wanted) {
    if (is_input && !dirty) return Object::steal(alias(t).release());
    if (!wanted && t.requires_grad() && !is_input) return Object::steal(detach(t).release());
    return Object::borrow(o);
  }
  if (dirty) {
    if (t.requires_grad() && t.is_leaf() && !t->has(kIsView)) {
      fail_runtime("a leaf Variable that requires grad has been used in an in-place operation.");
    }
    rebase_history(t, node, nr);
    return Object::borrow(o);
  }
  // An input given back becomes another tensor, else its own history would change.
  if (is_input) t = make_view(t, t.sizes(), t.strides(), t->offset);
  if (t->has(kIsView)) {
    // What a Function of the library cut out of memory of its own is a result like any other.
    if (!is_input && PyObject_HasAttr(class_of(reinterpret_cast<PyObject*>(ctx)).get(), node_name_name))
      t = alias(t);
    else
      t->flags = std::uint16_t((t->flags & ~kViewNoGrad) | (node->output_count() > 1 ? kViewMulti : kViewInCustom));
  }
  set_history(t, node, nr);
  // From here Python can reach its own objects through the graph.
  collect(t.get());
  return Object::steal(t.release());
}

/// `context`: where the context goes, for who wants it after the forward; may be null.
PyObject* function_apply(PyObject* cls, PyObject* const* args, Py_ssize_t n, Object* context = nullptr) {
  return guarded([&]() -> PyObject* {
    if (const int level = dual_level_of(args, n, nullptr); level >= 0) [[unlikely]] {
      Object all = Object::check(PyTuple_New(n));
      for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(all.get(), i, Py_NewRef(args[i]));
      return run_forward("run_function", level, cls, all.get());
    }
    const Object ctx_class = Object::check(PyObject_GetAttr(cls, backward_cls_name));
    const Object owner = Object::check(PyObject_CallNoArgs(ctx_class.get()));
    FunctionObject* ctx = ctx_of(owner.get());
    if (context != nullptr) *context = owner;
    Object needs = Object::check(PyTuple_New(n));
    bool any = false;
    for (Py_ssize_t i = 0; i < n; ++i) {
      const bool need = is_tensor(args[i]) && tracked(Tensor::borrow(args[i]));
      any |= need;
      PyTuple_SET_ITEM(needs.get(), i, PyBool_FromLong(need));
    }
    Py_XSETREF(ctx->needs_input_grad, needs.release());

    Object result;
    {
      GradMode off(false);
      const Object separate = Object::check(PyObject_GetAttr(cls, own_setup_name));
      const Object forward = Object::check(PyObject_GetAttr(cls, forward_name));
      if (separate.get() == Py_True) {
        result = Object::check(PyObject_Vectorcall(forward.get(), args, std::size_t(n), nullptr));
        Object inputs = Object::check(PyTuple_New(n));
        for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(inputs.get(), i, Py_NewRef(args[i]));
        const Object setup = Object::check(PyObject_GetAttr(cls, setup_name));
        Object::check(PyObject_CallFunctionObjArgs(setup.get(), owner.get(), inputs.get(), result.get(), nullptr));
      } else {
        std::vector<PyObject*> all{owner.get()};
        all.insert(all.end(), args, args + n);
        result = Object::check(PyObject_Vectorcall(forward.get(), all.data(), all.size(), nullptr));
      }
    }
    for (PyObject* given : {ctx->dirty, ctx->non_differentiable, ctx->to_save}) {
      if (given != nullptr && given != Py_None && !PyTuple_Check(given))
        fail_type("expected a tuple of tensors in the context");
    }

    const bool single = !PyTuple_Check(result.get());
    const Py_ssize_t n_out = single ? 1 : PyTuple_GET_SIZE(result.get());
    const auto output = [&](Py_ssize_t i) { return single ? result.get() : PyTuple_GET_ITEM(result.get(), i); };
    const auto is_input = [&](PyObject* o) {
      for (Py_ssize_t i = 0; i < n; ++i) {
        if (args[i] == o) return true;
      }
      return false;
    };

    NodeRef node;
    FunctionNode* fn = nullptr;
    if (modes.grad && any) {
      std::vector<Tensor> inputs;
      std::vector<std::int32_t> places;
      for (Py_ssize_t i = 0; i < n; ++i) {
        if (!is_tensor(args[i])) continue;
        inputs.push_back(Tensor::borrow(args[i]));
        places.push_back(std::int32_t(i));
      }
      fn = make_node<FunctionNode>(std::uint32_t(inputs.size()), owner.get(), n, std::size_t(n_out));
      node = NodeRef::steal(fn);
      ctx->base.node = fn;
      fn->arg_of_edge_ = std::move(places);
      NodeExtra& extra = fn->make_extra();
      extra.inputs = std::make_unique<InputMeta[]>(inputs.size());
      for (std::size_t i = 0; i < inputs.size(); ++i) {
        connect(fn, std::uint32_t(i), inputs[i]);
        extra.inputs[i].sizes.assign(inputs[i].sizes());
        extra.inputs[i].dtype = inputs[i].dtype();
      }
    }
    if (ctx->dirty != nullptr && ctx->dirty != Py_None) {
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(ctx->dirty); ++i) {
        PyObject* o = PyTuple_GET_ITEM(ctx->dirty, i);
        bool returned = false;
        for (Py_ssize_t k = 0; k < n_out; ++k) returned |= output(k) == o;
        if (fn != nullptr && is_tensor(o) && !returned) {
          fail_runtime(
              "Some elements marked as dirty during the forward method were not returned as output. The inputs that "
              "are modified inplace must all be outputs of the Function.");
        }
      }
    }
    // Outputs that the backward wants: by place, since finishing may put another object there.
    std::vector<Object> finished;
    for (Py_ssize_t i = 0; i < n_out; ++i) {
      PyObject* o = output(i);
      finished.push_back(is_tensor(o) ? finish_output(ctx, fn, std::uint32_t(i), o, is_input(o)) : Object::borrow(o));
    }
    if (fn != nullptr && ctx->to_save != nullptr && ctx->to_save != Py_None) {
      const Py_ssize_t count = PyTuple_GET_SIZE(ctx->to_save);
      fn->saved = std::make_unique<SavedTensor[]>(std::size_t(count));
      fn->n_saved = std::size_t(count);
      for (Py_ssize_t i = 0; i < count; ++i) {
        PyObject* o = PyTuple_GET_ITEM(ctx->to_save, i);
        if (o == Py_None) continue;
        if (!is_tensor(o)) {
          fail_type("save_for_backward can only save variables, but argument ", i, " is of type ", Py_TYPE(o)->tp_name);
        }
        Tensor t = Tensor::borrow(o);
        for (Py_ssize_t k = 0; k < n_out; ++k) {
          if (output(k) == o && !is_input(o)) t = Tensor::borrow(finished[std::size_t(k)].get());
        }
        if (!t.is_leaf() && t->grad_fn == fn)
          fn->saved[std::size_t(i)].save_output(t);
        else
          fn->saved[std::size_t(i)].save(t);
      }
    }
    Py_CLEAR(ctx->to_save);
    Py_CLEAR(ctx->dirty);
    Py_CLEAR(ctx->non_differentiable);
    if (single) return finished[0].release();
    Object tuple = Object::check(PyTuple_New(n_out));
    for (Py_ssize_t i = 0; i < n_out; ++i) PyTuple_SET_ITEM(tuple.get(), i, finished[std::size_t(i)].release());
    return tuple.release();
  });
}

// --- the type of ctx
// --------------------------------------------------------------------------------------------------------

PyObject* function_new(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* o = type->tp_alloc(type, 0);
  if (o != nullptr) ctx_of(o)->materialize_grads = 1;
  return o;
}
int function_traverse(PyObject* o, visitproc visit, void* arg) {
  FunctionObject* f = ctx_of(o);
  Py_VISIT(f->needs_input_grad);
  Py_VISIT(f->to_save);
  Py_VISIT(f->dirty);
  Py_VISIT(f->non_differentiable);
  Py_VISIT(Py_TYPE(o));
  return 0;
}
int function_clear(PyObject* o) {
  FunctionObject* f = ctx_of(o);
  Py_CLEAR(f->needs_input_grad);
  Py_CLEAR(f->to_save);
  Py_CLEAR(f->dirty);
  Py_CLEAR(f->non_differentiable);
  return 0;
}
void function_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  if (ctx_of(o)->base.weakrefs != nullptr) PyObject_ClearWeakRefs(o);
  function_clear(o);
  type->tp_free(o);
  Py_DECREF(type);
}
PyObject* function_repr(PyObject* o) {
  const char* full = Py_TYPE(o)->tp_name;
  const char* dot = std::strrchr(full, '.');
  return PyUnicode_FromFormat("<torch.autograd.function.%s object at %p>", dot != nullptr ? dot + 1 : full, o);
}
FunctionNode* node_of(PyObject* o, const char* what) {
  if (ctx_of(o)->base.node == nullptr) {
    fail_runtime(
        "Attribute '", what,
        "' is invalid for this instance of _C._FunctionBase. Accessing this attribute directly on an "
        "instance of autograd.Function is a legacy access pattern that is no longer supported. For examples on how to "
        "use "
        "new-style autograd functions, see https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function ");
  }
  return static_cast<FunctionNode*>(ctx_of(o)->base.node);
}
PyObject* get_saved(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    // Inside of jvp it is what was given to save_for_forward.
    if (dual_levels > 0) [[unlikely]] {
      Object given = Object::steal(PyObject_GetAttrString(o, "saved_for_forward"));
      if (given && PyTuple_Check(given.get())) return given.release();
      PyErr_Clear();
    }
    // Before the forward has ended nothing is saved; what was given is what there is.
    if (ctx_of(o)->base.node == nullptr) {
      PyObject* given = ctx_of(o)->to_save;
      return given != nullptr && given != Py_None ? Py_NewRef(given) : PyTuple_New(0);
    }
    FunctionNode* n = node_of(o, "saved_tensors");
    if (n->given_away) {
      fail_runtime(
          "saved_tensors can only be accessed once when clear_saved_tensors_on_access=True is set on the "
          "autograd.Function. Either access saved_tensors only once, or set clear_saved_tensors_on_access=False.");
    }
    Object tuple = Object::check(PyTuple_New(Py_ssize_t(n->n_saved)));
    for (std::size_t i = 0; i < n->n_saved; ++i) {
      Tensor t = n->saved[i].unpack(n, true);
      PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), t.defined() ? t.release() : Py_NewRef(Py_None));
    }
    // What was None stays None; what was freed is told from it by the node itself.
    if (is_set(class_of(o).get(), clear_name)) n->drop_saved();
    return tuple.release();
  });
}
PyObject* get_saved_by_old_name(PyObject* o, void*) {
  if (PyErr_WarnEx(PyExc_DeprecationWarning, "'saved_variables' is deprecated; use 'saved_tensors'", 1) < 0)
    return nullptr;
  return get_saved(o, nullptr);
}
PyObject* clear_saved(PyObject* o, PyObject*) {
  return guarded([&]() -> PyObject* {
    if (is_set(class_of(o).get(), clear_name)) node_of(o, "maybe_clear_saved_tensors")->drop_saved();
    Py_RETURN_NONE;
  });
}
PyMethodDef function_methods[] = {{"maybe_clear_saved_tensors", clear_saved, METH_NOARGS,
                                   "Drops what is saved if the class has clear_saved_tensors_on_access."},
                                  {}};
PyGetSetDef function_getset[] = {
    {"saved_tensors", get_saved, nullptr, "The tensors given to save_for_backward(), checked for changes in place.",
     nullptr},
    {"saved_variables", get_saved_by_old_name, nullptr, "The old name of saved_tensors.", nullptr},
    {}};
PyMemberDef function_members[] = {
    {"needs_input_grad", T_OBJECT, offsetof(FunctionObject, needs_input_grad), 0,
     "For each argument of forward: will its gradient be used?"},
    {"to_save", T_OBJECT, offsetof(FunctionObject, to_save), 0, nullptr},
    {"dirty_tensors", T_OBJECT, offsetof(FunctionObject, dirty), 0, nullptr},
    {"non_differentiable", T_OBJECT, offsetof(FunctionObject, non_differentiable), 0, nullptr},
    {"materialize_grads", T_BOOL, offsetof(FunctionObject, materialize_grads), 0, nullptr},
    {}};
/// What the context refers to may refer back to it through the graph: the collector must see both.
int function_setattro(PyObject* o, PyObject* name, PyObject* value) {
  const int r = PyObject_GenericSetAttr(o, name, value);
  if (r == 0 && value != nullptr && is_tensor(value)) collect(reinterpret_cast<TensorObject*>(value));
  return r;
}
PyType_Slot function_slots[] = {{Py_tp_setattro, reinterpret_cast<void*>(function_setattro)},
                                {Py_tp_new, reinterpret_cast<void*>(function_new)},
                                {Py_tp_traverse, reinterpret_cast<void*>(function_traverse)},
                                {Py_tp_clear, reinterpret_cast<void*>(function_clear)},
                                {Py_tp_dealloc, reinterpret_cast<void*>(function_dealloc)},
                                {Py_tp_free, reinterpret_cast<void*>(PyObject_GC_Del)},
                                {Py_tp_repr, reinterpret_cast<void*>(function_repr)},
                                {Py_tp_methods, function_methods},
                                {Py_tp_getset, function_getset},
                                {Py_tp_members, function_members},
                                {}};
PyType_Spec function_spec = {"rushlight._core._FunctionBase", sizeof(FunctionObject), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, function_slots};

/// `apply`, a class method of the Python class Function.
PyObject* apply(PyObject* cls, PyObject* const* args, Py_ssize_t n, PyObject* names) {
  if (names == nullptr || PyTuple_GET_SIZE(names) == 0) [[likely]]
    return function_apply(cls, args, n);
  // Keywords take the places that they have in forward.
  return guarded([&]() -> PyObject* {
    Object given = Object::check(PyTuple_New(n)), named = Object::check(PyDict_New());
    for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(given.get(), i, Py_NewRef(args[i]));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); ++i) {
      if (PyDict_SetItem(named.get(), PyTuple_GET_ITEM(names, i), args[n + i]) < 0) throw PythonError();
    }
    Object module = Object::check(PyImport_ImportModule("rushlight.autograd.function"));
    Object all = Object::check(PyObject_CallMethod(module.get(), "_by_position", "OOO", cls, given.get(), named.get()));
    return function_apply(cls, PySequence_Fast_ITEMS(all.get()), PyTuple_GET_SIZE(all.get()));
  });
}
PyMethodDef apply_def = {"apply", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(apply)),
                         METH_FASTCALL | METH_KEYWORDS | METH_CLASS,
                         "Runs forward and records the node whose backward this class defines."};
PyObject* attach_apply(PyObject*, PyObject* cls) {
  Object method = Object::steal(PyDescr_NewClassMethod(reinterpret_cast<PyTypeObject*>(cls), &apply_def));
  if (!method || PyObject_SetAttrString(cls, "apply", method.get()) < 0) return nullptr;
  Py_RETURN_NONE;
}
/// _apply_with_context(cls, args): the result of cls.apply(*args), and the context.
PyObject* apply_with_context(PyObject*, PyObject* args) {
  PyObject *cls, *all;
  if (!PyArg_ParseTuple(args, "OO!", &cls, &PyTuple_Type, &all)) return nullptr;
  Object context;
  Object result = Object::steal(function_apply(cls, PySequence_Fast_ITEMS(all), PyTuple_GET_SIZE(all), &context));
  if (!result) return nullptr;
  return PyTuple_Pack(2, result.get(), context.get());
}
PyMethodDef function_functions[] = {
    {"_apply_with_context", apply_with_context, METH_VARARGS, "_apply_with_context(cls, args): (result, context)"},
    {"_attach_apply", attach_apply, METH_O, "Gives a class the class method `apply`."},
    {}};

}  // namespace

void init_function_type(PyObject* module) {
  forward_name = PyUnicode_InternFromString("forward");
  backward_name = PyUnicode_InternFromString("_backward");
  boxed_name = PyUnicode_InternFromString("boxed_grads_call");
  clear_name = PyUnicode_InternFromString("clear_saved_tensors_on_access");
  setup_name = PyUnicode_InternFromString("setup_context");
  own_setup_name = PyUnicode_InternFromString("_has_setup");
  node_name_name = PyUnicode_InternFromString("_node_name");
  cls_name = PyUnicode_InternFromString("_forward_cls");
  backward_cls_name = PyUnicode_InternFromString("_backward_cls");
  Object bases = Object::check(PyTuple_Pack(1, reinterpret_cast<PyObject*>(node_object_type())));
  function_type =
      reinterpret_cast<PyTypeObject*>(Object::check(PyType_FromSpecWithBases(&function_spec, bases.get())).release());
  if (PyModule_AddObjectRef(module, "_FunctionBase", reinterpret_cast<PyObject*>(function_type)) < 0)
    throw PythonError();
  if (PyModule_AddFunctions(module, function_functions) < 0) throw PythonError();
}

}  // namespace rl
