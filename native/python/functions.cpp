// Functions of the module that are no operators: modes, backward, dtypes, information; and the module itself.
#include <array>
#include <cstring>
#include <unordered_set>

#include "autograd/engine.h"
#include "autograd/hooks.h"
#include "base/alloc.h"
#include "base/threads.h"
#include "ops/generator.h"
#include "python/bind.h"
#include "python/exchange.h"
#include "python/levels.h"
#include "python/module_type.h"
#include "python/node_object.h"
#include "python/profiler.h"
#include "python/tensor_type.h"
#include "tensor/dual.h"

namespace rl {
namespace {

// --- grad modes as context managers and decorators
// ------------------------------------------------------------------------

enum ModeKind : std::uint8_t { kNoGrad, kEnableGrad, kSetGrad, kInference_, kNoSubclass };

struct ModeObject {
  PyObject_HEAD ModeKind kind;
  bool target;
  bool old_grad, old_inference, old_function;
};

ModeObject* as_mode(PyObject* o) { return reinterpret_cast<ModeObject*>(o); }

void enter_mode(ModeObject* m) {
  m->old_grad = modes.grad;
  m->old_inference = modes.inference;
  m->old_function = modes.torch_function;
  switch (m->kind) {
    case kNoGrad: modes.grad = false; break;
    case kEnableGrad: modes.grad = true; break;
    case kSetGrad: modes.grad = m->target; break;
    case kInference_:
      modes.inference = m->target;
      if (m->target) modes.grad = false;
      break;
    case kNoSubclass: modes.torch_function = false; break;
  }
}
void leave_mode(ModeObject* m) {
  modes.grad = m->old_grad;
  modes.inference = m->old_inference;
  modes.torch_function = m->old_function;
}

PyObject* mode_enter(PyObject* o, PyObject*) {
  if (as_mode(o)->kind != kSetGrad) enter_mode(as_mode(o));
  Py_RETURN_NONE;
}
PyObject* mode_exit(PyObject* o, PyObject* const*, Py_ssize_t) {
  leave_mode(as_mode(o));
  Py_RETURN_NONE;
}
PyObject* mode_call(PyObject* o, PyObject* args, PyObject*) {
  PyObject* f;
  if (!PyArg_ParseTuple(args, "O", &f)) return nullptr;
  Object module = Object::steal(PyImport_ImportModule("rushlight._modes"));
  if (!module) return nullptr;
  if (as_mode(o)->kind == kSetGrad) leave_mode(as_mode(o));  // as a decorator it acts when the function runs
  return PyObject_CallMethod(module.get(), "decorate", "OO", o, f);
}
PyObject* mode_clone(PyObject* o, PyObject*) {
  PyObject* c = Py_TYPE(o)->tp_alloc(Py_TYPE(o), 0);
  if (c == nullptr) return nullptr;
  as_mode(c)->kind = as_mode(o)->kind;
  as_mode(c)->target = as_mode(o)->target;
  if (as_mode(o)->kind == kSetGrad) enter_mode(as_mode(c));
  return c;
}
PyObject* make_mode(PyTypeObject* type, ModeKind kind, bool target) {
  PyObject* o = type->tp_alloc(type, 0);
  if (o == nullptr) return nullptr;
  as_mode(o)->kind = kind;
  as_mode(o)->target = target;
  if (kind == kSetGrad) enter_mode(as_mode(o));
  return o;
}
/// no_grad() and its like also take the function to decorate: @torch.no_grad without parentheses.
PyObject* with_function(PyObject* mode, PyObject* args) {
  if (mode == nullptr || PyTuple_GET_SIZE(args) == 0) return mode;
  Object owned = Object::steal(mode);
  return mode_call(mode, args, nullptr);
}
PyObject* no_grad_new(PyTypeObject* t, PyObject* args, PyObject*) {
  return with_function(make_mode(t, kNoGrad, false), args);
}
PyObject* enable_grad_new(PyTypeObject* t, PyObject* args, PyObject*) {
  return with_function(make_mode(t, kEnableGrad, true), args);
}
PyObject* no_subclass_new(PyTypeObject* t, PyObject*, PyObject*) { return make_mode(t, kNoSubclass, false); }
PyObject* set_grad_new(PyTypeObject* t, PyObject* args, PyObject* kw) {
  static const char* names[] = {"mode", nullptr};
  PyObject* mode;
  if (!PyArg_ParseTupleAndKeywords(args, kw, "O", const_cast<char**>(names), &mode)) return nullptr;
  const int on = PyObject_IsTrue(mode);
  return on < 0 ? nullptr : make_mode(t, kSetGrad, on);
}
PyObject* inference_new(PyTypeObject* t, PyObject* args, PyObject* kw) {
  static const char* names[] = {"mode", nullptr};
  PyObject* mode = Py_True;
  if (!PyArg_ParseTupleAndKeywords(args, kw, "|O", const_cast<char**>(names), &mode)) return nullptr;
  if (PyCallable_Check(mode)) return with_function(make_mode(t, kInference_, true), args);
  const int on = PyObject_IsTrue(mode);
  return on < 0 ? nullptr : make_mode(t, kInference_, on);
}
void mode_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  type->tp_free(o);
  Py_DECREF(type);
}
PyMethodDef mode_methods[] = {
    {"__enter__", mode_enter, METH_NOARGS, nullptr},
    {"__exit__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(mode_exit)), METH_FASTCALL, nullptr},
    {"clone", mode_clone, METH_NOARGS, "clone($self, /)\n--\n\nAnother one like this, for the next use."},
    {}};

void add_mode(PyObject* module, const char* name, newfunc create, const char* doc) {
  PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(create)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(mode_dealloc)},
                         {Py_tp_call, reinterpret_cast<void*>(mode_call)},
                         {Py_tp_methods, mode_methods},
                         {Py_tp_doc, const_cast<char*>(doc)},
                         {}};
  const std::string full = cat("rushlight.", name);
  // The spec's name must outlive the type on old Pythons.
  static std::vector<std::unique_ptr<std::string>> kept;
  kept.push_back(std::make_unique<std::string>(full));
  PyType_Spec spec = {kept.back()->c_str(), sizeof(ModeObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  Object type = Object::check(PyType_FromSpec(&spec));
  if (PyModule_AddObjectRef(module, name, type.get()) < 0) throw PythonError();
}

// --- backward
// ------------------------------------------------------------------------------------------------------------------

std::vector<Tensor> tensor_list(PyObject* o, const char* what) {
  std::vector<Tensor> out;
  if (o == nullptr || o == Py_None) return out;
  if (is_tensor(o)) {
    out.push_back(Tensor::borrow(o));
    return out;
  }
  // A single graph.GradientEdge is a tuple, too.
  const bool edge = PyTuple_Check(o) && !PyTuple_CheckExact(o) && PyObject_HasAttrString(o, "ownership_token");
  Object seq = Object::check(edge ? PyTuple_Pack(1, o) : PySequence_Fast(o, what));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(seq.get()); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(seq.get(), i);
    if (item == Py_None) {
      out.emplace_back();
    } else if (!is_tensor(item) && PyObject_HasAttrString(item, "ownership_token")) {
      // A graph.GradientEdge: a tensor stands for it.
      const Object graph = Object::check(PyImport_ImportModule("rushlight.autograd.graph"));
      const Object stand_in = Object::check(PyObject_CallMethod(graph.get(), "_as_tensor", "(O)", item));
      out.push_back(Tensor::borrow(stand_in.get()));
    } else if (is_tensor(item)) {
      out.push_back(Tensor::borrow(item));
    } else if (std::strstr(what, "grad") != nullptr) {
      fail_type("gradients can be either Tensors or None, but got ", Py_TYPE(item)->tp_name);
    } else {
      fail_type(what, " must be tensors or None, but element ", i, " is ", Py_TYPE(item)->tp_name);
    }
  }
  return out;
}

/// What the program's source says of it; empty if nothing can be told.
std::string where_history_ended(const Tensor& t, std::size_t position) {
  const Object module = Object::steal(PyImport_ImportModule("rushlight.autograd._history"));
  const Object text = Object::steal(
      module ? PyObject_CallMethod(module.get(), "explain", "On", t.object(), Py_ssize_t(position)) : nullptr);
  const char* s = text && PyUnicode_Check(text.get()) ? PyUnicode_AsUTF8(text.get()) : nullptr;
  if (s == nullptr) PyErr_Clear();  // the explanation must not hide the error
  return s == nullptr ? "" : s;
}

/// Outputs and their gradients, checked; a missing gradient of a scalar is 1.
void set_roots(BackwardRequest& r, std::vector<Tensor> outputs, std::vector<Tensor> gradients) {
  if (gradients.empty()) gradients.resize(outputs.size());
  if (gradients.size() != outputs.size())
    fail_runtime("got ", outputs.size(), " tensors and ", gradients.size(), " gradients");
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& out = outputs[i];
    if (!out.defined()) fail_type("element ", i, " of tensors is None");
    Tensor& g = gradients[i];
    if (g.defined()) {
      if (!same(g.sizes(), out.sizes())) {
        fail_runtime("Mismatch in shape: grad_output[", i, "] has a shape of torch.Size(", str(g.sizes()),
                     ") and output[", i, "] has a shape of torch.Size(", str(out.sizes()), ").");
      }
      if (is_complex(out.dtype()) != is_complex(g.dtype())) {
        fail_runtime(
            "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
            "grad_output[",
            i, "] has a dtype of torch.", dtype_name(g.dtype()), " and output[", i, "] has a dtype of torch.",
            dtype_name(out.dtype()), ".");
      }
      if (g.dtype() != out.dtype()) g = to(g, out.dtype());
    } else if (tracked(out)) {
      g = implicit_gradient(out);
    }
    if (!tracked(out)) {
      fail_runtime("element ", i, " of tensors does not require grad and does not have a grad_fn",
                   where_history_ended(out, i));
    }
  }
  r.outputs = std::move(outputs);
  r.gradients = std::move(gradients);
}

PyObject* run_accumulating(std::vector<Tensor> outputs, std::vector<Tensor> gradients, Args& a, int retain, int create,
                           int inputs) {
  BackwardRequest r;
  r.create_graph = a.boolean(create);
  r.retain_graph = a.has(retain) ? a.boolean(retain) : r.create_graph;
  if (a.has(inputs)) {
    r.inputs = tensor_list(a.v[inputs], "inputs");
    if (r.inputs.empty()) fail_runtime("`inputs` argument to `backward()` cannot be empty.");
    for (const Tensor& t : r.inputs) {
      if (!t.defined() || !tracked(t)) fail_runtime("One of the differentiated Tensors does not require grad");
    }
  }
  set_roots(r, std::move(outputs), std::move(gradients));
  run_backward(std::move(r));
  Py_RETURN_NONE;
}

PyObject* tensor_backward(const OpDef&, Args& a) {
  return run_accumulating({a.tensor(0)}, tensor_list(a.v[1], "gradient"), a, 2, 3, 4);
}
PyObject* autograd_backward(const OpDef& def, Args& a) {
  if (dual_levels > 0) [[unlikely]] {
    int level = -1;
    for (int i : {0, 1, 4}) {
      if (a.has(i)) level = std::max(level, dual_level_of(&a.v[i], 1, nullptr, true));
    }
    if (level >= 0) {
      Object options = Object::check(PyTuple_New(5));
      for (int k = 0; k < 5; ++k)
        PyTuple_SET_ITEM(options.get(), k, Py_NewRef(a.v[k] != nullptr ? a.v[k] : k == 3 ? Py_False : Py_None));
      return run_forward("run_backward", level, op_object(def.name), options.get());
    }
  }
  return run_accumulating(tensor_list(a.v[0], "tensors"), tensor_list(a.v[1], "grad_tensors"), a, 2, 3, 4);
}
PyObject* autograd_grad(const OpDef& def, Args& a) {
  if (dual_levels > 0) [[unlikely]] {
    int level = -1;
    for (int i : {0, 1, 2}) {
      if (a.has(i)) level = std::max(level, dual_level_of(&a.v[i], 1, nullptr));
    }
    if (level >= 0) {
      Object options = Object::check(PyTuple_New(7));
      for (int k = 0; k < 7; ++k) {
        PyObject* given = a.v[k] != nullptr ? a.v[k] : k == 4 || k == 6 ? Py_False : Py_None;
        PyTuple_SET_ITEM(options.get(), k, Py_NewRef(given));
      }
      return run_forward("run_grad", level, op_object(def.name), options.get());
    }
  }
  BackwardRequest r;
  r.inputs = tensor_list(a.v[1], "inputs");
  r.create_graph = a.boolean(4);
  r.retain_graph = a.has(3) ? a.boolean(3) : r.create_graph;
  r.accumulate = false;
  const bool materialize = a.boolean(6);
  const bool allow_unused = a.has(5) ? a.boolean(5) : materialize;
  if (materialize && a.has(5) && !allow_unused) {
    fail_value(
        "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False.");
  }
  if (r.inputs.empty()) fail_value("grad requires non-empty inputs.");
  for (const Tensor& t : r.inputs) {
    if (!t.defined() || !tracked(t)) fail_runtime("One of the differentiated Tensors does not require grad");
  }
  const std::vector<Tensor> inputs = r.inputs;
  set_roots(r, tensor_list(a.v[0], "outputs"), tensor_list(a.v[2], "grad_outputs"));
  std::vector<Tensor> grads = run_backward(std::move(r));
  for (std::size_t i = 0; i < grads.size(); ++i) {
    if (grads[i].defined()) continue;
    if (!allow_unused) {
      fail_runtime(
          "The differentiated Tensor at index ", i,
          " appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior.");
    }
    if (materialize) grads[i] = zeros_like(inputs[i]);
  }
  return pack(std::move(grads));
}

/// _color_columns(starts, columns, count): a number for each of `count` columns of a sparse matrix in compressed rows,
/// so that columns of one number have no row in common. Greedy, in order: a band of width w takes w numbers.
PyObject* color_columns_op(const OpDef&, Args& a) {
  const Tensor starts = contiguous_as(a.tensor(0), DType::Int64), columns = contiguous_as(a.tensor(1), DType::Int64);
  const std::int64_t n = a.integer(2), rows = starts.numel() - 1, entries = columns.numel();
  const auto *start = starts.data_as<std::int64_t>(), *column = columns.data_as<std::int64_t>();
  if (rows < 0 || n < 0 || start[0] != 0 || start[rows] != entries) fail_value("not the places of a sparse matrix");
  std::vector<std::int64_t> first(std::size_t(n) + 1, 0), row_of(static_cast<std::size_t>(entries));
  for (std::int64_t e = 0; e < entries; ++e) {
    if (column[e] < 0 || column[e] >= n) fail_value("not the places of a sparse matrix");
    ++first[std::size_t(column[e]) + 1];
  }
  for (std::size_t j = 0; j < std::size_t(n); ++j) first[j + 1] += first[j];
  std::vector<std::int64_t> next(first.begin(), first.end() - 1);
  for (std::int64_t r = 0; r < rows; ++r) {
    if (start[r] > start[r + 1]) fail_value("not the places of a sparse matrix");
    for (std::int64_t e = start[r]; e < start[r + 1]; ++e) row_of[std::size_t(next[std::size_t(column[e])]++)] = r;
  }
  Tensor result = full(std::array{n}, Scalar(-1), DType::Int64);
  auto* color = result.data_as<std::int64_t>();
  std::vector<std::int64_t> taken_by;  // by which column a color was last seen taken
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t k = first[std::size_t(j)]; k < first[std::size_t(j) + 1]; ++k) {
      const std::int64_t r = row_of[std::size_t(k)];
      for (std::int64_t e = start[r]; e < start[r + 1]; ++e) {
        if (const std::int64_t c = color[column[e]]; c >= 0) taken_by[std::size_t(c)] = j;
      }
    }
    std::int64_t c = 0;
    while (c < std::int64_t(taken_by.size()) && taken_by[std::size_t(c)] == j) ++c;
    if (c == std::int64_t(taken_by.size())) taken_by.push_back(-1);
    color[j] = c;
  }
  return result.release();
}

/// _jacobian_rows(output, inputs, create_graph): for each input the gradients of every element of the output, stacked:
/// [output.numel(), *input.shape]; null where no element depends on it.
PyObject* jacobian_rows_op(const OpDef&, Args& a) {
  const Tensor output = a.tensor(0);
  const std::vector<Tensor> inputs = tensor_list(a.v[1], "inputs");
  const bool create = a.boolean(2);
  const std::int64_t n = output.numel();
  std::vector<std::vector<Tensor>> rows(inputs.size());
  std::vector<Tensor> result(inputs.size());
  for (std::int64_t i = 0; i < n; ++i) {
    BackwardRequest r;
    r.inputs = inputs;
    r.retain_graph = true;
    r.create_graph = create;
    r.accumulate = false;
    Tensor unit = zeros(output.sizes(), output.dtype());
    Scalar(1).store(unit.data() + i * unit.itemsize(), unit.dtype());
    r.outputs = {output};
    r.gradients = {std::move(unit)};
    std::vector<Tensor> grads = run_backward(std::move(r));
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      if (!grads[k].defined()) continue;
      if (create) {
        if (rows[k].empty()) rows[k].resize(std::size_t(n));
        rows[k][std::size_t(i)] = std::move(grads[k]);
        continue;
      }
      // Written into its place at once, so that no more than one row is held twice.
      if (!result[k].defined()) {
        DimVec sizes;
        sizes.push_back(n);
        for (auto s : inputs[k].sizes()) sizes.push_back(s);
        result[k] = zeros(sizes, inputs[k].dtype());
      }
      const Tensor& whole = result[k];
      copy_into(alias(whole, inputs[k].sizes(), {whole.strides().begin() + 1, inputs[k].ndim()},
                      whole->offset + i * whole.stride(0) * whole.itemsize()),
                grads[k]);
    }
  }
  for (std::size_t k = 0; create && k < inputs.size(); ++k) {
    if (rows[k].empty()) continue;
    for (Tensor& row : rows[k]) {
      if (!row.defined()) row = zeros(inputs[k].sizes(), inputs[k].dtype());
    }
    result[k] = stack(rows[k], 0);
  }
  Object tuple = Object::check(PyTuple_New(Py_ssize_t(result.size())));
  for (std::size_t k = 0; k < result.size(); ++k)
    PyTuple_SET_ITEM(tuple.get(), k, result[k].defined() ? result[k].release() : Py_NewRef(Py_None));
  return tuple.release();
}

/// _reaches_others(outputs, inputs): does the history of `outputs` lead to a leaf that is none of `inputs`?
PyObject* reaches_others_op(const OpDef&, Args& a) {
  std::unordered_set<const Node*> seen;
  std::vector<Node*> left;
  for (const Tensor& t : tensor_list(a.v[1], "inputs")) {
    if (Node* n = grad_fn(t)) seen.insert(n);
  }
  const auto look = [&](Node* n) {
    if (n != nullptr && seen.insert(n).second) left.push_back(n);
  };
  std::unordered_set<const TensorObject*> own;
  for (const Tensor& t : tensor_list(a.v[1], "inputs")) own.insert(t.get());
  for (const Tensor& t : tensor_list(a.v[0], "outputs")) {
    if (own.count(t.get()) != 0) continue;
    if (Node* n = grad_fn(t))
      look(n);
    else if (t.requires_grad())
      Py_RETURN_TRUE;
  }
  while (!left.empty()) {
    Node* n = left.back();
    left.pop_back();
    if (n->is_accumulator()) {
      if (own.count(static_cast<AccumulateGrad*>(n)->variable().get()) == 0) Py_RETURN_TRUE;
      continue;
    }
    for (std::uint32_t i = 0; i < n->edge_count(); ++i) look(n->edges()[i].fn);
  }
  Py_RETURN_FALSE;
}

// --- dtypes and defaults
// ------------------------------------------------------------------------------------------------------------

PyObject* promote_types_op(const OpDef&, Args& a) { return wrap_dtype(promote(*a.dtype(0), *a.dtype(1))); }
PyObject* can_cast_op(const OpDef&, Args& a) { return PyBool_FromLong(can_cast(*a.dtype(0), *a.dtype(1))); }
PyObject* result_type_op(const OpDef&, Args& a) {
  Promotion p;
  for (int i = 0; i < 2; ++i) {
    if (a.is_tensor(i))
      p.add(a.tensor(i));
    else
      p.add(a.scalar(i));
  }
  return wrap_dtype(p.result());
}
PyObject* set_default_dtype_op(const OpDef&, Args& a) {
  const DType d = *a.dtype(0);
  if (!is_floating(d)) fail_type("only floating-point types are supported as the default type");
  set_default_dtype(d);
  Py_RETURN_NONE;
}
PyObject* get_default_dtype_op(const OpDef&, Args&) { return wrap_dtype(default_dtype()); }
PyObject* is_grad_enabled_op(const OpDef&, Args&) { return PyBool_FromLong(modes.grad); }
PyObject* is_inference_op(const OpDef&, Args&) { return PyBool_FromLong(modes.inference); }
PyObject* function_enabled_op(const OpDef&, Args&) { return PyBool_FromLong(modes.torch_function); }
PyObject* set_num_threads_op(const OpDef&, Args& a) {
  const std::int64_t n = a.integer(0);
  if (n <= 0) fail_runtime("set_num_threads expects a positive integer");
  set_num_threads(int(n));
  Py_RETURN_NONE;
}
PyObject* get_num_threads_op(const OpDef&, Args&) { return PyLong_FromLong(num_threads()); }
PyObject* is_tensor_op(const OpDef&, Args& a) { return PyBool_FromLong(is_tensor(a.v[0])); }
PyObject* numel_op(const OpDef&, Args& a) { return PyLong_FromLongLong(a.tensor(0).numel()); }
PyObject* empty_cache_op(const OpDef&, Args&) {
  empty_cache();
  Py_RETURN_NONE;
}
/// (address, bytes) of the storage behind a tensor: two tensors share memory when it is the same.
PyObject* storage_span_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  return Py_BuildValue("KK", static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(t->storage->data())),
                       static_cast<unsigned long long>(t->storage->bytes()));
}
PyObject* info_op(const OpDef&, Args&) {
  // A tensor with the collector's header, and the nodes and storages as they are allocated.
  const std::size_t collector = 16;
  Tensor one = empty({}, DType::Float);
  Tensor leaf = empty({}, DType::Float);
  leaf->flags |= kRequiresGrad;
  Tensor other = alias(leaf);
  other->flags |= kRequiresGrad;
  std::size_t node = 0;
  {
    GradMode on(true);
    fill(leaf, 1);
    node = mul(leaf, other)->grad_fn->block_bytes();
  }
  return Py_BuildValue("{s:s,s:i,s:s,s:n,s:n,s:n,s:n,s:n}", "cpu_level", cpu_level(), "threads", num_threads(), "blas",
                       "own kernels", "tensor_bytes", Py_ssize_t(sizeof(TensorObject) + collector), "object_bytes",
                       Py_ssize_t(sizeof(TensorObject) + collector), "storage_bytes",
                       Py_ssize_t(Storage::block_bytes(4)), "node_bytes", Py_ssize_t(node), "cached_bytes",
                       Py_ssize_t(buffer_bytes_cached()));
}

const OpDef ops[] = {
    {"backward", "(Tensor self, any gradient=None, bool? retain_graph=None, bool create_graph=False, any inputs=None)",
     tensor_backward, kMethod, Kind::Query,
     "Computes the gradients of all leaves and adds them to their .grad. `gradient` is the cotangent of self, of its "
     "shape; it may be left out for a scalar."},
    {"_autograd_backward",
     "(any tensors, any grad_tensors=None, bool? retain_graph=None, bool create_graph=False, any inputs=None)",
     autograd_backward, kFunction, Kind::Query, "rushlight.autograd.backward"},
    {"_autograd_grad",
     "(any outputs, any inputs, any grad_outputs=None, bool? retain_graph=None, bool create_graph=False, bool? "
     "allow_unused=None, bool materialize_grads=False)",
     autograd_grad, kFunction, Kind::Query, "rushlight.autograd.grad"},
    {"_jacobian_rows", "(Tensor output, any inputs, bool create_graph=False)", jacobian_rows_op, kFunction, Kind::Query,
     "For each input the gradients of all elements of the output, stacked; None where there is none."},
    {"_color_columns", "(Tensor starts, Tensor columns, int count)", color_columns_op, kFunction, Kind::Query,
     "Numbers for the columns of a sparse matrix: those of one number have no row in common."},
    {"_reaches_others", "(any outputs, any inputs)", reaches_others_op, kFunction, Kind::Query,
     "Does the history of the outputs lead to a leaf that is none of the inputs?"},
    {"promote_types", "(dtype type1, dtype type2)", promote_types_op, kFunction, Kind::Query,
     "The smallest dtype that holds both."},
    {"can_cast", "(dtype from_, dtype to)", can_cast_op, kFunction, Kind::Query,
     "May a result of the one dtype be written to the other?"},
    {"result_type", "(Operand tensor1, Operand tensor2)", result_type_op, kFunction, Kind::Query,
     "The dtype of an arithmetic operation on the two."},
    {"set_default_dtype", "(dtype d)", set_default_dtype_op, kFunction, Kind::Query,
     "Sets the dtype of tensors made from Python floats."},
    {"get_default_dtype", "()", get_default_dtype_op, kFunction, Kind::Query,
     "The dtype of tensors made from Python floats."},
    {"is_grad_enabled", "()", is_grad_enabled_op, kFunction, Kind::Query, "Are operations recorded in this thread?"},
    {"is_inference_mode_enabled", "()", is_inference_op, kFunction, Kind::Query,
     "Is inference mode on in this thread?"},
    {"_is_torch_function_enabled", "()", function_enabled_op, kFunction, Kind::Query,
     "May subclasses take over calls?"},
    {"set_num_threads", "(int num)", set_num_threads_op, kFunction, Kind::Query,
     "Sets how many threads an operator may use."},
    {"get_num_threads", "()", get_num_threads_op, kFunction, Kind::Query, "How many threads an operator may use."},
    {"is_tensor", "(any obj)", is_tensor_op, kFunction, Kind::Query, "Is it a Tensor?"},
    {"numel", "(Tensor input)", numel_op, kFunction, Kind::Query, "The number of elements."},
    {"_empty_cache", "()", empty_cache_op, kFunction, Kind::Query,
     "Gives memory that is kept for reuse back to the system."},
    {"_storage_span", "(Tensor input)", storage_span_op, kFunction, Kind::Query,
     "The address and the bytes of the storage."},
    {"info", "()", info_op, kFunction, Kind::Query, "What the core is made of: CPU level, threads, sizes in bytes."},
};
const Register registered(ops);

PyModuleDef module_def = {PyModuleDef_HEAD_INIT,
                          "rushlight._core",
                          "The native core of rushlight.",
                          -1,
                          nullptr,
                          nullptr,
                          nullptr,
                          nullptr,
                          nullptr};

}  // namespace

void init_functions(PyObject* module) {
  add_mode(module, "no_grad", no_grad_new, "Operations inside are not recorded. A context manager and a decorator.");
  add_mode(module, "enable_grad", enable_grad_new,
           "Operations inside are recorded again. A context manager and a decorator.");
  add_mode(module, "set_grad_enabled", set_grad_new,
           "Recording on or off, at once or as a context manager or decorator.");
  add_mode(module, "inference_mode", inference_new, "Like no_grad; what is made inside can never be recorded.");
  add_mode(module, "DisableTorchFunctionSubclass", no_subclass_new, "Inside, subclasses do not take over calls.");
}

}  // namespace rl

PyMODINIT_FUNC PyInit__core() {
  return rl::guarded([]() -> PyObject* {
    using namespace rl;
    Object module = Object::check(PyModule_Create(&module_def));
    init_dtype_type(module.get());
    init_size_type(module.get());
    init_tensor_type(module.get());
    init_node_type(module.get());
    init_saved(module.get());
    init_profiler(module.get());
    init_exchange(module.get());
    init_levels(module.get());
    init_function_type(module.get());
    init_generator(module.get());
    add_module_type(module.get());
    init_functions(module.get());
    add_operators(module.get());
    return module.release();
  });
}
