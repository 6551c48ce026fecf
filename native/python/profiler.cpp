#include "python/profiler.h"

#include <algorithm>
#include <chrono>

#include "autograd/frame.h"
#include "autograd/hooks.h"
#include "python/bind.h"
#include "python/node_object.h"

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

/// Lets the watcher run the operator: a new reference, or null with an exception.
PyObject* run_watched(PyObject* op, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  Object positional = Object::check(PyTuple_New(n));
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(positional.get(), i, Py_NewRef(args[i]));
  Object keywords = Object::check(PyDict_New());
  for (Py_ssize_t i = 0; kwnames != nullptr && i < PyTuple_GET_SIZE(kwnames); ++i) {
    if (PyDict_SetItem(keywords.get(), PyTuple_GET_ITEM(kwnames, i), args[n + i]) < 0) throw PythonError();
  }
  const Object keep = Object::borrow(watcher);
  struct Inside {
    bool old = std::exchange(watching, true);
    ~Inside() { watching = old; }
  } inside;
  return PyObject_CallFunctionObjArgs(keep.get(), op, positional.get(), keywords.get(), nullptr);
}
bool watched() { return watcher != nullptr && !watching; }

PyObject* timed_call(PyObject* self, PyObject* const* args, std::size_t nargsf, PyObject* kwnames) {
  const vectorcallfunc plain = plain_call(self);
  try {
    if (watched()) return run_watched(self, args, PyVectorcall_NARGS(nargsf), kwnames);
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

constexpr int kCompare = 21, kGetItem = 22;

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
    static R timed(A... a) {
      try {
        PyObject* const all[] = {object_of(a)...};
        if constexpr (std::is_same_v<R, PyObject*> && place != kCompare) {
          if (watched() && is_tensor(all[0])) {
            if (PyObject* op = op_object(place == kGetItem ? "__getitem__" : name))
              return run_watched(op, all, std::min<Py_ssize_t>(2, Py_ssize_t(sizeof...(A))), nullptr);
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

template <int place, class F>
void exchange(F& slot, const char* name, bool on) {
  using Slot = typename Exchanged<F>::template At<place>;
  if (on) {
    if (slot == nullptr) return;
    Slot::original = slot;
    Slot::name = name;
    slot = Slot::timed;
  } else if (Slot::original != nullptr) {
    slot = std::exchange(Slot::original, nullptr);
  }
}

void exchange_slots(bool on) {
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
  exchange<kCompare>(tensor_type->tp_richcompare, "compare", on);
  exchange<kGetItem>(tensor_type->tp_as_mapping->mp_subscript, "index", on);
  exchange<23>(tensor_type->tp_as_mapping->mp_ass_subscript, "index_put_", on);
  PyType_Modified(tensor_type);
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
PyObject* is_profiling(PyObject*, PyObject*) { return PyBool_FromLong(profiling); }

PyMethodDef functions[] = {{"_profile_start", start, METH_VARARGS, "_profile_start(record_shapes)"},
                           {"_profile_stop", stop, METH_NOARGS, "Ends the profile and gives its events."},
                           {"_profile_enter", enter, METH_O, "Begins an event of the user's."},
                           {"_profile_leave", leave, METH_O, "Ends it."},
                           {"_is_profiling", is_profiling, METH_NOARGS, "Does a profile run?"},
                           {"_watch", watch, METH_O, "_watch(callable): callable(op, args, kwargs) runs operators."},
                           {"_rewatch", rewatch, METH_O, "_rewatch(on): are the watcher's own operators watched?"},
                           {}};

}  // namespace

void init_profiler(PyObject* module) {
  if (PyModule_AddFunctions(module, functions) < 0) throw PythonError();
}

}  // namespace rl
