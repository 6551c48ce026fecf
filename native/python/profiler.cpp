#include "python/profiler.h"

#include <algorithm>
#include <chrono>

#include "autograd/frame.h"
#include "autograd/hooks.h"
#include "python/bind.h"
#include "python/node_object.h"
#include "tensor/dual.h"

namespace rl {

bool profiling = false;

namespace {

struct Event {
  std::string name;
  std::int64_t start = 0, end = 0;
  std::int64_t parent = -1, sequence = -1, bytes = 0;
  unsigned long thread = 0;
  bool user = false;
  Object shapes, code;
  int instruction = 0;
};

// All under the GIL. A thread's place in the events is valid for the session in which it was noted.
std::vector<Event> events;
std::uint32_t session = 0;
bool with_shapes = false;
thread_local std::int64_t current = -1;
thread_local std::uint32_t current_session = 0;

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::int64_t begin(std::string name, std::int64_t& outer) {
  if (current_session != session) {
    current = -1;
    current_session = session;
  }
  outer = current;
  const auto index = std::int64_t(events.size());
  Event& e = events.emplace_back();
  e.name = std::move(name);
  e.parent = outer;
  e.thread = PyThread_get_thread_ident();
  PyObject* code;
  current_line(code, e.instruction);
  e.code = Object::steal(code);
  current = index;
  e.start = now();
  return index;
}
void end(std::int64_t index, std::int64_t outer, std::uint32_t of_session) {
  if (index < 0 || of_session != session || index >= std::int64_t(events.size())) return;
  events[std::size_t(index)].end = now();
  if (current_session == session) current = outer;
}

/// [[2, 3], []]: the sizes of tensors, empty for what is none.
Object shapes_of(PyObject* const* args, Py_ssize_t n) {
  Object list = Object::check(PyList_New(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    Object sizes = Object::check(PyList_New(0));
    if (is_tensor(args[i])) {
      for (auto s : Tensor::borrow(args[i]).sizes()) {
        Object size = Object::check(PyLong_FromLongLong(s));
        if (PyList_Append(sizes.get(), size.get()) < 0) throw PythonError();
      }
    }
    PyList_SET_ITEM(list.get(), i, sizes.release());
  }
  return list;
}

}  // namespace

ProfileSpan::ProfileSpan(std::string name, PyObject* const* args, Py_ssize_t n, std::int64_t sequence) {
  if (!profiling) return;
  session_ = session;
  index_ = begin(std::move(name), outer_);
  Event& e = events[std::size_t(index_)];
  e.sequence = sequence;
  if (with_shapes && args != nullptr) {
    Object shapes = shapes_of(args, n);
    events[std::size_t(index_)].shapes = std::move(shapes);
    events[std::size_t(index_)].start = now();
  }
}
ProfileSpan::~ProfileSpan() { end(index_, outer_, session_); }
void ProfileSpan::result(const Tensor& t) {
  if (index_ < 0 || session_ != session || !t.defined()) return;
  if (t->storage->refs() == 1 && !t->storage->is_foreign())
    events[std::size_t(index_)].bytes += std::int64_t(t->storage->bytes());
}
void ProfileSpan::result(PyObject* o) {
  if (o == nullptr || index_ < 0) return;
  if (is_tensor(o)) return result(Tensor::borrow(o));
  if (!PyTuple_Check(o)) return;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); ++i) {
    if (is_tensor(PyTuple_GET_ITEM(o, i))) result(Tensor::borrow(PyTuple_GET_ITEM(o, i)));
  }
}

namespace {

// --- operators
// ----------------------------------------------------------------------------------------------------------

// What Python code of this thread watches its operators: a callable (op, args, kwargs) that runs them. Off while it
// runs.
thread_local PyObject* watcher = nullptr;
thread_local bool watching = false;

/// Sets a flag to the end of the block.
class Inside {
 public:
  explicit Inside(bool& flag) : flag_(flag), old_(std::exchange(flag, true)) {}
  ~Inside() { flag_ = old_; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  bool& flag_;
  bool old_;
};

/// The arguments of a call as a tuple and a dict; `turned`: two of them, the second first.
std::pair<Object, Object> packed(PyObject* const* args, Py_ssize_t n, PyObject* kwnames, bool turned = false) {
  Object positional = Object::check(PyTuple_New(n));
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(positional.get(), i, Py_NewRef(args[turned ? n - 1 - i : i]));
  Object keywords = Object::check(PyDict_New());
  for (Py_ssize_t i = 0; kwnames != nullptr && i < PyTuple_GET_SIZE(kwnames); ++i) {
    if (PyDict_SetItem(keywords.get(), PyTuple_GET_ITEM(kwnames, i), args[n + i]) < 0) throw PythonError();
  }
  return {std::move(positional), std::move(keywords)};
}

/// A function of a Python module, imported at the first call and kept.
PyObject* imported(PyObject*& kept, const char* module, const char* name) {
  if (kept == nullptr)
    kept = Object::check(PyObject_GetAttrString(Object::check(PyImport_ImportModule(module)).get(), name)).release();
  return kept;
}

/// Lets the watcher run the operator: a new reference, or null with an exception.
PyObject* run_watched(PyObject* op, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  const auto [positional, keywords] = packed(args, n, kwnames);
  const Object keep = Object::borrow(watcher);
  const Inside inside(watching);
  return PyObject_CallFunctionObjArgs(keep.get(), op, positional.get(), keywords.get(), nullptr);
}
bool watched() { return watcher != nullptr && !watching; }

// Autocast of this thread: which operators convert their arguments, and how (name: rule); off while one of them runs.
thread_local PyObject* casts = nullptr;
thread_local bool casting = false;

/// The rule of the operator with this name, borrowed; null where arguments stay as they are.
PyObject* cast_rule(const char* name) {
  return casts == nullptr || casting ? nullptr : PyDict_GetItemString(casts, name);
}
/// Lets autocast run the operator on converted arguments.
PyObject* run_cast(PyObject* rule, PyObject* op, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  static PyObject* run = nullptr;
  const auto [positional, keywords] = packed(args, n, kwnames);
  const Inside inside(casting);
  return PyObject_CallFunctionObjArgs(imported(run, "rushlight.amp.autocast_mode", "run"), rule, op, positional.get(),
                                      keywords.get(), nullptr);
}

/// Lets the rule of forward mode run the operator.
PyObject* run_elementwise(int level, PyObject* op, PyObject* const* args, Py_ssize_t n);

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

/// The batched tensor of the samples all[0], all[1], ... See NOTE [Batched].
Tensor batched(const Tensor& all, int level) {
  const Dims sizes(all.sizes().begin() + 1, all.ndim() - 1), strides(all.strides().begin() + 1, all.ndim() - 1);
  // Without samples there is no memory for one to lie in.
  Tensor one = all.size(0) == 0 ? full(sizes, Scalar(0), all.dtype()) : alias(all, sizes, strides, all->offset);
  set_tangent(one, level, all);
  return one;
}

/// The rule of rushlight.func._batch for pointwise operators, where ranks and dtypes need no care: null if they do.
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

bool given_out(PyObject* kwnames) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(kwnames); ++i) {
    if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, i), "out") == 0) return true;
  }
  return false;
}

PyObject* timed_call(PyObject* self, PyObject* const* args, std::size_t nargsf, PyObject* kwnames) {
  const vectorcallfunc plain = plain_call(self);
  try {
    if (watched()) return run_watched(self, args, PyVectorcall_NARGS(nargsf), kwnames);
    if (PyObject* rule = cast_rule(operator_label(self)))
      return run_cast(rule, self, args, PyVectorcall_NARGS(nargsf), kwnames);
    // What is composed of others leaves it to them, but for the out= that it is not to write to.
    int level = is_composed(self) && (kwnames == nullptr || !given_out(kwnames))
                    ? -1
                    : dual_level_of(args, PyVectorcall_NARGS(nargsf), kwnames, is_query(self));
    if (dual_levels > 0 && is_random(self)) level = std::max(level, open_batch_level());
    if (level >= 0) [[unlikely]]
      return run_dual(level, self, args, PyVectorcall_NARGS(nargsf), kwnames);
    ProfileSpan span(cat("aten::", operator_label(self)), args, PyVectorcall_NARGS(nargsf));
    PyObject* result = plain(self, args, nargsf, kwnames);
    span.result(result);
    return result;
  } catch (...) {
    translate_exception();
    return nullptr;
  }
}

// --- slots
// --------------------------------------------------------------------------------------------------------------

constexpr int kCompare = 21, kGetItem = 22, kSetItem = 23;

template <class F>
struct Exchanged;
/// The slot `place` of the tensor's type, timed under the name `name`.
template <class R, class... A>
struct Exchanged<R (*)(A...)> {
  using Function = R (*)(A...);
  template <int place>
  struct At {
    static inline Function original = nullptr;
    static inline const char* name = nullptr;
    static inline const std::vector<PyWrapperDescrObject*>* methods = nullptr;
    /// What a rule of forward mode is asked for: the operator, or with a number on the left the reflected method.
    static PyObject* operation(PyObject* const* all, A... a) {
      if constexpr (place == kCompare) {
        static constexpr const char* comparisons[] = {"lt", "le", "eq", "ne", "gt", "ge"};
        return op_object(comparisons[std::get<2>(std::make_tuple(a...))]);
      }
      if (place == kGetItem) return op_object("__getitem__");
      if (place == kSetItem) return op_object("__setitem__");
      if (is_tensor(all[0])) return op_object(name);
      static constexpr const char* reflected[] = {"__radd__",      "__rsub__", "__rmul__", "__rtruediv__",
                                                  "__rfloordiv__", "__rmod__", "__rpow__"};
      if constexpr (place >= 0 && place < 7) return PyDict_GetItemString(tensor_type->tp_dict, reflected[place]);
      return op_object(name);
    }
    static R timed(A... a) {
      try {
        PyObject* const all[] = {object_of(a)...};
        if constexpr (std::is_same_v<R, PyObject*> && place != kCompare) {
          if (watched() && is_tensor(all[0])) {
            if (PyObject* op = op_object(place == kGetItem ? "__getitem__" : name))
              return run_watched(op, all, std::min<Py_ssize_t>(2, Py_ssize_t(sizeof...(A))), nullptr);
          }
          if (PyObject* rule = cast_rule(name))
            return run_cast(rule, op_object(name), all, std::min<Py_ssize_t>(2, Py_ssize_t(sizeof...(A))), nullptr);
        }
        {
          if (const int level = dual_level_of(all, std::min<Py_ssize_t>(3, Py_ssize_t(sizeof...(A))), nullptr);
              level >= 0) [[unlikely]] {
            constexpr int count = place == kSetItem ? 3 : std::min(2, int(sizeof...(A)));
            PyObject* result = run_dual(level, operation(all, a...), all, count, nullptr);
            if constexpr (std::is_same_v<R, PyObject*>) {
              return result;
            } else {
              Py_XDECREF(result);
              return result != nullptr ? 0 : -1;
            }
          }
        }
        ProfileSpan span(cat("aten::", name), all, std::min<Py_ssize_t>(2, Py_ssize_t(sizeof...(A))));
        if constexpr (std::is_same_v<R, PyObject*>) {
          PyObject* result = original(a...);
          span.result(result);
          return result;
        } else {
          return original(a...);
        }
      } catch (...) {
        translate_exception();
        if constexpr (std::is_same_v<R, PyObject*>)
          return nullptr;
        else
          return -1;
      }
    }
  };
  static PyObject* object_of(PyObject* o) { return o; }
  static PyObject* object_of(int) { return Py_None; }
};

/// The methods in the type's dict through which Python reaches a slot by name (`Tensor.__add__`, `Tensor.__radd__`).
std::vector<PyWrapperDescrObject*> methods_of(void* slot) {
  std::vector<PyWrapperDescrObject*> found;
  PyObject *key, *value;
  for (Py_ssize_t at = 0; PyDict_Next(tensor_type->tp_dict, &at, &key, &value);) {
    if (!Py_IS_TYPE(value, &PyWrapperDescr_Type)) continue;
    auto* method = reinterpret_cast<PyWrapperDescrObject*>(value);
    if (method->d_wrapped == slot) found.push_back(method);
  }
  return found;
}

/// All subclasses of Tensor. Each has its own copy of the slots that it inherits.
std::vector<PyTypeObject*> subclasses() {
  std::vector<PyTypeObject*> found;
  std::vector<PyTypeObject*> left{tensor_type};
  while (!left.empty()) {
    PyTypeObject* type = left.back();
    left.pop_back();
    if (type->tp_subclasses == nullptr) continue;
    Object below = Object::check(PyObject_CallMethod(reinterpret_cast<PyObject*>(type), "__subclasses__", nullptr));
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(below.get()); ++i) {
      auto* one = reinterpret_cast<PyTypeObject*>(PyList_GET_ITEM(below.get(), i));
      if (std::find(found.begin(), found.end(), one) != found.end()) continue;
      found.push_back(one);
      left.push_back(one);
    }
  }
  return found;
}
std::vector<PyTypeObject*> classes;  // while slots are exchanged: what `subclasses` gave

/// Where a type has what `tensor_type` has at `slot`: the tables of a class that Python made have one layout.
template <class F>
F* same_slot(PyTypeObject* type, F& slot) {
  const auto within = [&](auto* table, auto* of) -> F* {
    if (table == nullptr || of == nullptr) return nullptr;
    const auto at = std::intptr_t(&slot) - std::intptr_t(table);
    if (at < 0 || at >= std::intptr_t(sizeof *table)) return nullptr;
    return reinterpret_cast<F*>(reinterpret_cast<char*>(of) + at);
  };
  if (F* f = within(tensor_type->tp_as_number, type->tp_as_number)) return f;
  if (F* f = within(tensor_type->tp_as_mapping, type->tp_as_mapping)) return f;
  return within(tensor_type, type);
}

template <int place, class F>
void exchange(F& slot, const char* name, bool on) {
  using Slot = typename Exchanged<F>::template At<place>;
  const F from = on ? slot : F(Slot::timed), to = on ? F(Slot::timed) : Slot::original;
  if (from != nullptr && to != nullptr) {
    for (PyTypeObject* type : classes) {
      F* theirs = same_slot(type, slot);
      if (theirs != nullptr && *theirs == from) *theirs = to;
    }
  }
  if (on) {
    if (slot == nullptr) return;
    Slot::original = slot;
    Slot::name = name;
    slot = Slot::timed;
    static const std::vector<PyWrapperDescrObject*> methods = methods_of(reinterpret_cast<void*>(Slot::original));
    Slot::methods = &methods;
    for (PyWrapperDescrObject* m : methods) m->d_wrapped = reinterpret_cast<void*>(slot);
  } else if (Slot::original != nullptr) {
    slot = std::exchange(Slot::original, nullptr);
    for (PyWrapperDescrObject* m : *Slot::methods) m->d_wrapped = reinterpret_cast<void*>(slot);
  }
}

void exchange_slots(bool on) {
  classes = subclasses();
  PyNumberMethods& n = *tensor_type->tp_as_number;
  exchange<0>(n.nb_add, "add", on);
  exchange<1>(n.nb_subtract, "sub", on);
  exchange<2>(n.nb_multiply, "mul", on);
  exchange<3>(n.nb_true_divide, "div", on);
  exchange<4>(n.nb_floor_divide, "floor_divide", on);
  exchange<5>(n.nb_remainder, "remainder", on);
  exchange<6>(n.nb_power, "pow", on);
  exchange<7>(n.nb_negative, "neg", on);
  exchange<8>(n.nb_absolute, "abs", on);
  exchange<9>(n.nb_invert, "bitwise_not", on);
  exchange<10>(n.nb_and, "bitwise_and", on);
  exchange<11>(n.nb_or, "bitwise_or", on);
  exchange<12>(n.nb_xor, "bitwise_xor", on);
  exchange<13>(n.nb_lshift, "bitwise_left_shift", on);
  exchange<14>(n.nb_rshift, "bitwise_right_shift", on);
  exchange<15>(n.nb_matrix_multiply, "matmul", on);
  exchange<16>(n.nb_inplace_add, "add_", on);
  exchange<17>(n.nb_inplace_subtract, "sub_", on);
  exchange<18>(n.nb_inplace_multiply, "mul_", on);
  exchange<19>(n.nb_inplace_true_divide, "div_", on);
  exchange<20>(n.nb_inplace_power, "pow_", on);
  exchange<24>(n.nb_inplace_remainder, "remainder_", on);
  exchange<25>(n.nb_inplace_floor_divide, "floor_divide_", on);
  exchange<26>(n.nb_inplace_and, "bitwise_and_", on);
  exchange<27>(n.nb_inplace_or, "bitwise_or_", on);
  exchange<28>(n.nb_inplace_xor, "bitwise_xor_", on);
  exchange<29>(n.nb_inplace_lshift, "bitwise_left_shift_", on);
  exchange<30>(n.nb_inplace_rshift, "bitwise_right_shift_", on);
  exchange<kCompare>(tensor_type->tp_richcompare, "compare", on);
  exchange<kGetItem>(tensor_type->tp_as_mapping->mp_subscript, "index", on);
  exchange<kSetItem>(tensor_type->tp_as_mapping->mp_ass_subscript, "index_put_", on);
  PyType_Modified(tensor_type);
  classes.clear();
}

int users = 0;  // profiles and watchers for which operators are exchanged

void use_exchanged(bool on) {
  if (on ? users++ == 0 : --users == 0) {
    watch_operators(on ? timed_call : nullptr);
    exchange_slots(on);
  }
}

// --- from Python
// --------------------------------------------------------------------------------------------------------

/// _profile_start(record_shapes)
PyObject* start(PyObject*, PyObject* args) {
  int shapes;
  if (!PyArg_ParseTuple(args, "p", &shapes)) return nullptr;
  if (profiling) {
    PyErr_SetString(PyExc_RuntimeError, "Profiler is already enabled on this thread");
    return nullptr;
  }
  events.clear();
  ++session;
  with_shapes = shapes != 0;
  profiling = true;
  use_exchanged(true);
  Py_RETURN_NONE;
}
/// _profile_stop(): the events as tuples (name, start, end, thread, parent, bytes, sequence, shapes, line, user); times
/// in nanoseconds.
PyObject* stop(PyObject*, PyObject*) {
  if (!profiling) {
    PyErr_SetString(PyExc_RuntimeError, "Can't disable profiler when it's not running");
    return nullptr;
  }
  profiling = false;
  use_exchanged(false);
  std::vector<Event> taken = std::move(events);
  events.clear();
  ++session;
  const std::int64_t last = now();
  return guarded([&]() -> PyObject* {
    Object list = Object::check(PyList_New(0));
    for (const Event& e : taken) {
      const std::string line = e.code ? describe_line(e.code.get(), e.instruction) : "";
      Object shapes = e.shapes ? e.shapes : Object::check(PyList_New(0));
      Object entry = Object::check(Py_BuildValue(
          "(sLLkLLLOsi)", e.name.c_str(), static_cast<long long>(e.start), static_cast<long long>(e.end ? e.end : last),
          e.thread, static_cast<long long>(e.parent), static_cast<long long>(e.bytes),
          static_cast<long long>(e.sequence), shapes.get(), line.c_str(), int(e.user)));
      if (PyList_Append(list.get(), entry.get()) < 0) throw PythonError();
    }
    return list.release();
  });
}
/// _profile_enter(name): begins an event of the user's; gives what _profile_leave takes.
PyObject* enter(PyObject*, PyObject* name) {
  const char* text = PyUnicode_AsUTF8(name);
  if (text == nullptr) return nullptr;
  if (!profiling) Py_RETURN_NONE;
  return guarded([&]() -> PyObject* {
    std::int64_t outer;
    const std::int64_t index = begin(text, outer);
    events[std::size_t(index)].user = true;
    return Py_BuildValue("(LLI)", static_cast<long long>(index), static_cast<long long>(outer), unsigned(session));
  });
}
PyObject* leave(PyObject*, PyObject* handle) {
  if (handle == Py_None) Py_RETURN_NONE;
  long long index, outer;
  unsigned of_session;
  if (!PyArg_ParseTuple(handle, "LLI", &index, &outer, &of_session)) return nullptr;
  end(index, outer, of_session);
  Py_RETURN_NONE;
}
/// _watch(callable): from now on callable(op, args, kwargs) runs this thread's operators; None ends it. Gives the old
/// one.
PyObject* watch(PyObject*, PyObject* callable) {
  PyObject* old = std::exchange(watcher, callable == Py_None ? nullptr : Py_NewRef(callable));
  if (watcher != nullptr && old == nullptr) use_exchanged(true);
  if (watcher == nullptr && old != nullptr) use_exchanged(false);
  return old != nullptr ? old : Py_NewRef(Py_None);
}
/// _rewatch(on): whether operators that the watcher itself calls are watched; gives what it was.
PyObject* rewatch(PyObject*, PyObject* on) {
  const int value = PyObject_IsTrue(on);
  if (value < 0) return nullptr;
  return PyBool_FromLong(!std::exchange(watching, value == 0));
}
/// _autocast(rules): from now on this thread's operators convert their arguments by the rules; None ends it.
PyObject* autocast(PyObject*, PyObject* rules) {
  if (rules != Py_None && !PyDict_Check(rules)) {
    PyErr_SetString(PyExc_TypeError, "_autocast(): expected a dict of rules or None");
    return nullptr;
  }
  PyObject* old = std::exchange(casts, rules == Py_None ? nullptr : Py_NewRef(rules));
  if ((casts != nullptr) != (old != nullptr)) use_exchanged(casts != nullptr);
  Py_XDECREF(old);
  Py_RETURN_NONE;
}
PyObject* autocasting(PyObject*, PyObject*) { return PyBool_FromLong(casts != nullptr && !casting); }
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
  if (dual_levels > 0) {
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
  return PyLong_FromLong(is_tensor(o) ? dual_level(reinterpret_cast<TensorObject*>(o)) : -1);
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
PyObject* dual_count(PyObject*, PyObject*) { return PyLong_FromLong(std::max(0, std::min(dual_limit, dual_levels))); }
PyObject* level_handler_py(PyObject*, PyObject* o) {
  const long n = PyLong_AsLong(o);
  if (n == -1 && PyErr_Occurred()) return nullptr;
  PyObject* handler = n >= 0 && n < dual_levels ? level_handler(int(n)) : nullptr;
  return Py_NewRef(handler != nullptr ? handler : Py_None);
}
/// _batch_level(tensor): the highest level of vmap in which it is batched, or -1.
PyObject* batch_level_py(PyObject*, PyObject* o) {
  return PyLong_FromLong(is_tensor(o) ? batch_level(reinterpret_cast<TensorObject*>(o)) : -1);
}
/// _batch_wrap(all, level): the batched tensor of the samples all[0], all[1], ... See NOTE [Batched].
PyObject* batch_wrap(PyObject*, PyObject* args) {
  PyObject* o;
  int level;
  if (!PyArg_ParseTuple(args, "O!i", tensor_type, &o, &level)) return nullptr;
  return guarded([&]() -> PyObject* { return batched(Tensor::borrow(o), level).release(); });
}
PyObject* is_profiling(PyObject*, PyObject*) { return PyBool_FromLong(profiling); }

PyMethodDef functions[] = {
    {"_profile_start", start, METH_VARARGS, "_profile_start(record_shapes)"},
    {"_profile_stop", stop, METH_NOARGS, "Ends the profile and gives its events."},
    {"_profile_enter", enter, METH_O, "Begins an event of the user's."},
    {"_profile_leave", leave, METH_O, "Ends it."},
    {"_is_profiling", is_profiling, METH_NOARGS, "Does a profile run?"},
    {"_watch", watch, METH_O, "_watch(callable): callable(op, args, kwargs) runs operators."},
    {"_autocast", autocast, METH_O, "_autocast(rules): operators convert their arguments."},
    {"_autocasting", autocasting, METH_NOARGS, "Do this thread's operators convert?"},
    {"_dual_open", dual_open, METH_VARARGS, "_dual_open(handler=None, batch=False): opens a level."},
    {"_dual_count", dual_count, METH_NOARGS, "How many levels this thread sees."},
    {"_level_handler", level_handler_py, METH_O, "What serves a level; None: forward mode."},
    {"_batch_level", batch_level_py, METH_O, "The highest level of vmap of a tensor; -1."},
    {"_batch_wrap", batch_wrap, METH_VARARGS, "_batch_wrap(all, level): the batched tensor."},
    {"_dual_close", dual_close, METH_NOARGS, "Closes the innermost level of forward mode."},
    {"_dual_limit", dual_limited, METH_O, "_dual_limit(n): this thread sees levels below n."},
    {"_dual_level", dual_level_py, METH_O, "The highest level with a tangent of a tensor; -1."},
    {"_dual_get", dual_get, METH_VARARGS, "_dual_get(tensor, level): tangent, None or False."},
    {"_dual_set", dual_set, METH_VARARGS, "_dual_set(tensor, level, tangent or None)"},
    {"_rewatch", rewatch, METH_O, "_rewatch(on): are the watcher's own operators watched?"},
    {}};

}  // namespace

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
  const int level = batch_level(reinterpret_cast<TensorObject*>(o));
  if (level < 0) return false;
  Object name = Object::steal(PyUnicode_FromString(what));
  Object both = a == nullptr ? name : Object::steal(PyTuple_Pack(2, name.get(), a));
  answer = name && both ? run_forward(a == nullptr ? "run_attribute" : "set_attribute", level, o, both.get()) : nullptr;
  return true;
}

bool refuse_batched(PyObject* o, const char* what) {
  const int level = batch_level(reinterpret_cast<TensorObject*>(o));
  if (level < 0) return false;
  Object name = Object::check(PyUnicode_FromString(what));
  Object::check(run_forward("refuse", level, o, name.get()));
  return true;
}

void init_profiler(PyObject* module) {
  if (PyModule_AddFunctions(module, functions) < 0) throw PythonError();
}

}  // namespace rl
