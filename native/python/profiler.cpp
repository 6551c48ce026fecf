#include "python/profiler.h"

#include <chrono>

#include "autograd/frame.h"
#include "python/bind.h"
#include "python/exchange.h"

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
PyObject* is_profiling(PyObject*, PyObject*) { return PyBool_FromLong(profiling); }

PyMethodDef functions[] = {{"_profile_start", start, METH_VARARGS, "_profile_start(record_shapes)"},
                           {"_profile_stop", stop, METH_NOARGS, "Ends the profile and gives its events."},
                           {"_profile_enter", enter, METH_O, "Begins an event of the user's."},
                           {"_profile_leave", leave, METH_O, "Ends it."},
                           {"_is_profiling", is_profiling, METH_NOARGS, "Does a profile run?"},
                           {}};

}  // namespace

void init_profiler(PyObject* module) {
  if (PyModule_AddFunctions(module, functions) < 0) throw PythonError();
}

}  // namespace rl
