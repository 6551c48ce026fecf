#include "python/exchange.h"

#include <algorithm>
#include <string>
#include <vector>

#include "autograd/frame.h"
#include "python/bind.h"
#include "python/levels.h"
#include "python/profiler.h"
#include "tensor/dual.h"

namespace rl {

std::pair<Object, Object> packed(PyObject* const* args, Py_ssize_t n, PyObject* kwnames, bool turned) {
  Object positional = Object::check(PyTuple_New(n));
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(positional.get(), i, Py_NewRef(args[turned ? n - 1 - i : i]));
  Object keywords = Object::check(PyDict_New());
  for (Py_ssize_t i = 0; kwnames != nullptr && i < PyTuple_GET_SIZE(kwnames); ++i) {
    if (PyDict_SetItem(keywords.get(), PyTuple_GET_ITEM(kwnames, i), args[n + i]) < 0) throw PythonError();
  }
  return {std::move(positional), std::move(keywords)};
}

PyObject* imported(PyObject*& kept, const char* module, const char* name) {
  if (kept == nullptr)
    kept = Object::check(PyObject_GetAttrString(Object::check(PyImport_ImportModule(module)).get(), name)).release();
  return kept;
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

// --- from Python
// --------------------------------------------------------------------------------------------------------

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

PyMethodDef functions[] = {{"_watch", watch, METH_O, "_watch(callable): callable(op, args, kwargs) runs operators."},
                           {"_autocast", autocast, METH_O, "_autocast(rules): operators convert their arguments."},
                           {"_autocasting", autocasting, METH_NOARGS, "Do this thread's operators convert?"},
                           {"_rewatch", rewatch, METH_O, "_rewatch(on): are the watcher's own operators watched?"},
                           {}};

}  // namespace

void use_exchanged(bool on) {
  if (on ? users++ == 0 : --users == 0) {
    watch_operators(on ? timed_call : nullptr);
    exchange_slots(on);
  }
}

void init_exchange(PyObject* module) {
  if (PyModule_AddFunctions(module, functions) < 0) throw PythonError();
}

}  // namespace rl
