#include "python/bind.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "autograd/frame.h"
#include "base/alloc.h"
#include "ops/binary.h"
#include "tensor/dual.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

enum class Type : std::uint8_t {
  Tensor,
  Tensors,
  Number,
  Operand,
  Int,
  Float,
  Bool,
  Str,
  Ints,
  Size,
  DType,
  Device,
  Layout,
  Format,
  Generator,
  Any,
};

struct TypeName {
  const char* spelled;
  Type type;
  const char* shown;  // in messages, PyTorch's words
};
constexpr TypeName kTypes[] = {
    {"Tensor", Type::Tensor, "Tensor"},
    {"Tensors", Type::Tensors, "tuple of Tensors"},
    {"Number", Type::Number, "Number"},
    {"Operand", Type::Operand, "Tensor"},
    {"int", Type::Int, "int"},
    {"float", Type::Float, "float"},
    {"bool", Type::Bool, "bool"},
    {"str", Type::Str, "str"},
    {"ints", Type::Ints, "tuple of ints"},
    {"size", Type::Size, "tuple of ints"},
    {"dtype", Type::DType, "torch.dtype"},
    {"device", Type::Device, "torch.device"},
    {"layout", Type::Layout, "torch.layout"},
    {"format", Type::Format, "torch.memory_format"},
    {"generator", Type::Generator, "torch.Generator"},
    {"any", Type::Any, "object"},
};

struct Param {
  PyObject* name;  // interned, kept for good
  const TypeName* type;
  bool nullable, required, keyword_only;
  std::string fallback;  // the default as it is shown
};

struct Signature {
  std::vector<Param> params;
  int positional = 0;  // how many may be given by position
  int required = 0;    // how many must be given, all of them before the optional ones; kMax + 1: it is not so simple
  Type types[Args::kMax];
};

std::vector<Signature> parse(const char* text) {
  std::vector<Signature> all;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto eol = rest.find('\n');
    std::string_view line = rest.substr(0, eol);
    rest = eol == std::string_view::npos ? std::string_view() : rest.substr(eol + 1);
    line = line.substr(1, line.rfind(')') - 1);
    Signature s;
    bool keyword_only = false;
    while (!line.empty()) {
      const auto comma = line.find(", ");
      std::string_view item = line.substr(0, comma);
      line = comma == std::string_view::npos ? std::string_view() : line.substr(comma + 2);
      if (item == "*") {
        keyword_only = true;
        continue;
      }
      Param p{};
      p.keyword_only = keyword_only;
      const auto space = item.find(' ');
      std::string_view type = item.substr(0, space), name = item.substr(space + 1);
      if (type.back() == '?') {
        p.nullable = true;
        type.remove_suffix(1);
      }
      const auto eq = name.find('=');
      p.required = eq == std::string_view::npos;
      if (!p.required) {
        p.fallback = std::string(name.substr(eq + 1));
        name = name.substr(0, eq);
      }
      for (const TypeName& t : kTypes) {
        if (type == t.spelled) p.type = &t;
      }
      if (p.type == nullptr) fail_runtime("signature ", text, ": unknown type ", std::string(type));
      p.name = PyUnicode_InternFromString(std::string(name).c_str());
      if (!keyword_only) ++s.positional;
      s.params.push_back(std::move(p));
    }
    if (s.params.size() > std::size_t(Args::kMax)) fail_runtime("too many parameters: ", text);
    for (std::size_t i = 0; i < s.params.size(); ++i) {
      s.types[i] = s.params[i].type->type;
      if (s.params[i].required) s.required = s.params[i].keyword_only ? Args::kMax + 1 : int(i) + 1;
    }
    all.push_back(std::move(s));
  }
  return all;
}

// --- the callable
// -----------------------------------------------------------------------------------------------------

struct OpObject {
  PyObject_HEAD vectorcallfunc call;
  const OpDef* def;
  std::vector<Signature>* signatures;  // parsed at the first call
  PyObject* python;                    // the function of an operator written in Python, else null
  bool takes_out;                      // it has `out=`, which is served here
  OutRule out_rule;
  PyObject* dict;
};

PyTypeObject* op_type = nullptr;
PyObject* torch_function_name = nullptr;
PyObject* disabled_torch_function = nullptr;

bool is_int(PyObject* o) { return PyLong_Check(o) && !PyBool_Check(o); }

/// An int, or something that acts as one (NumPy's integers, 0-dim integer tensors), but no bool and no float.
bool is_indexable(PyObject* o) {
  if (PyLong_CheckExact(o)) return true;
  if (PyBool_Check(o) || PyFloat_Check(o)) return false;
  if (is_tensor(o)) {
    const auto* t = reinterpret_cast<TensorObject*>(o);
    return t->ndim == 0 && is_integral(t->dtype, false) && !(t->flags & kRequiresGrad);
  }
  return PyIndex_Check(o);
}

bool is_sequence(PyObject* o) { return PyTuple_Check(o) || PyList_Check(o); }

/// What stands for a tensor: one, or an object that implements the protocol.
bool overrides_protocol(PyObject* o) {
  PyObject* attribute = _PyType_Lookup(Py_TYPE(o), torch_function_name);
  return attribute != nullptr && attribute != Py_None;
}
bool is_tensor_like(PyObject* o) { return is_tensor(o) || overrides_protocol(o); }

bool fits(const Param& p, PyObject* o) {
  if (o == Py_None)
    return p.nullable || p.type->type == Type::Any || p.type->type == Type::Device || p.type->type == Type::DType ||
           p.type->type == Type::Layout || p.type->type == Type::Format || p.type->type == Type::Generator;
  switch (p.type->type) {
    case Type::Tensor: return is_tensor_like(o);
    case Type::Tensors: {
      if (!is_sequence(o)) return false;
      for (Py_ssize_t i = 0, n = PySequence_Fast_GET_SIZE(o); i < n; ++i) {
        if (!is_tensor_like(PySequence_Fast_GET_ITEM(o, i))) return false;
      }
      return true;
    }
    case Type::Number: return is_number(o) || (is_tensor(o) && reinterpret_cast<TensorObject*>(o)->ndim == 0);
    case Type::Operand: return is_tensor_like(o) || is_number(o);
    case Type::Int: return is_indexable(o);
    case Type::Float:
      return (is_number(o) && !PyComplex_Check(o)) || (is_tensor(o) && reinterpret_cast<TensorObject*>(o)->ndim == 0);
    case Type::Bool: return PyBool_Check(o);
    case Type::Str: return PyUnicode_Check(o);
    case Type::Ints:
    case Type::Size: {
      if (is_indexable(o)) return true;
      if (!is_sequence(o)) return false;
      for (Py_ssize_t i = 0, n = PySequence_Fast_GET_SIZE(o); i < n; ++i) {
        if (!is_indexable(PySequence_Fast_GET_ITEM(o, i))) return false;
      }
      return true;
    }
    case Type::DType:
      return is_dtype(o) || o == reinterpret_cast<PyObject*>(&PyFloat_Type) ||
             o == reinterpret_cast<PyObject*>(&PyLong_Type) || o == reinterpret_cast<PyObject*>(&PyBool_Type) ||
             o == reinterpret_cast<PyObject*>(&PyComplex_Type);
    case Type::Device: return PyUnicode_Check(o) || is_int(o) || std::strcmp(Py_TYPE(o)->tp_name, "device") == 0;
    case Type::Layout: return std::strcmp(Py_TYPE(o)->tp_name, "layout") == 0;
    case Type::Format: return std::strcmp(Py_TYPE(o)->tp_name, "memory_format") == 0;
    case Type::Generator: return std::strstr(Py_TYPE(o)->tp_name, "Generator") != nullptr;
    case Type::Any: return true;
  }
  return false;
}

/// NumPy's names for the commonest parameters, which PyTorch takes as well.
const char* other_name(const char* name) {
  static constexpr const char* pairs[][2] = {{"axis", "dim"}, {"keepdims", "keepdim"}, {"x", "input"},
                                             {"a", "input"},  {"x1", "input"},         {"x2", "other"}};
  for (auto& p : pairs) {
    if (std::strcmp(p[0], name) == 0) return p[1];
  }
  return nullptr;
}

enum class Fault : std::uint8_t { None, TooMany, Missing, UnknownKeyword, Twice, WrongType };
struct Mismatch {
  Fault fault = Fault::None;
  int param = -1;
  PyObject* object = nullptr;  // the argument of the wrong type, or the keyword
};

}  // namespace

class Binder {
 public:
  /// The common calls: plain tensors and Python's own numbers where they belong. False: it takes the long way.
  static bool bind_plain(const Signature& s, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Args& out) {
    if (n > s.positional || n < s.required) return false;
    out.var_slot_ = -1;
    for (Py_ssize_t i = n; i < Args::kMax; ++i) out.v[i] = nullptr;
    for (Py_ssize_t i = 0; i < n; ++i) {
      out.v[i] = args[i];
      if (plain(s.types[i], args[i])) continue;
      if (s.types[i] != Type::Size || !PyLong_CheckExact(args[i])) return false;
      for (Py_ssize_t k = i + 1; k < n; ++k) {
        if (!PyLong_CheckExact(args[k])) return false;
        out.v[k] = nullptr;
      }
      if (n - i > 1) {
        out.var_ = args + i;
        out.n_var_ = n - i;
        out.var_slot_ = int(i);
      }
      break;
    }
    if (kwnames == nullptr) return true;
    for (Py_ssize_t k = 0, m = PyTuple_GET_SIZE(kwnames); k < m; ++k) {
      PyObject* name = PyTuple_GET_ITEM(kwnames, k);
      std::size_t at = 0;
      while (at < s.params.size() && s.params[at].name != name) ++at;
      if (at == s.params.size() || out.v[at] != nullptr || !plain(s.types[at], args[n + k])) return false;
      out.v[at] = args[n + k];
    }
    return true;
  }
  static bool plain(Type type, PyObject* o) {
    switch (type) {
      case Type::Operand:
        if (is_exact_tensor(o)) return true;
        [[fallthrough]];
      case Type::Number: return PyFloat_CheckExact(o) || PyLong_CheckExact(o);
      case Type::Tensor: return is_exact_tensor(o);
      case Type::Int:
      case Type::Ints: return PyLong_CheckExact(o);
      case Type::Float: return PyFloat_CheckExact(o);
      case Type::Bool: return o == Py_True || o == Py_False;
      default: return false;
    }
  }

  /// Tries one signature.
  static Mismatch bind(const Signature& s, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Args& out) {
    const int count = int(s.params.size());
    out.var_slot_ = -1;
    // All slots: operators of a family share code and may look at one that this signature lacks.
    for (PyObject*& slot : out.v) slot = nullptr;
    for (Py_ssize_t i = 0; i < n; ++i) {
      if (i >= s.positional) return {Fault::TooMany, -1, nullptr};
      const Param& p = s.params[i];
      if (p.type->type == Type::Size && is_indexable(args[i]) && (i + 1 < n || true)) {
        // Sizes one by one: x.view(2, -1). All that follows must be integers too.
        if (i + 1 < n) {
          for (Py_ssize_t k = i; k < n; ++k) {
            if (!is_indexable(args[k])) return {Fault::WrongType, int(i), args[k]};
          }
          out.var_ = args + i;
          out.n_var_ = n - i;
          out.var_slot_ = int(i);
          out.v[i] = args[i];
          break;
        }
      }
      if (!fits(p, args[i])) return {Fault::WrongType, int(i), args[i]};
      out.v[i] = args[i];
    }
    if (kwnames != nullptr) {
      for (Py_ssize_t k = 0, m = PyTuple_GET_SIZE(kwnames); k < m; ++k) {
        PyObject* name = PyTuple_GET_ITEM(kwnames, k);
        int at = find(s, name);
        if (at < 0) return {Fault::UnknownKeyword, -1, name};
        if (out.v[at] != nullptr) return {Fault::Twice, at, name};
        if (!fits(s.params[at], args[n + k])) return {Fault::WrongType, at, args[n + k]};
        out.v[at] = args[n + k];
      }
    }
    for (int i = 0; i < count; ++i) {
      if (out.v[i] != nullptr) continue;
      if (!s.params[i].required) continue;
      if (s.params[i].type->type == Type::Size && i == 0 && n == 0 && kwnames == nullptr && count > 0 &&
          s.params[i].nullable)
        continue;
      return {Fault::Missing, i, nullptr};
    }
    return {};
  }

  static int find(const Signature& s, PyObject* name) {
    for (std::size_t i = 0; i < s.params.size(); ++i) {
      if (s.params[i].name == name) return int(i);
    }
    for (std::size_t i = 0; i < s.params.size(); ++i) {
      if (PyUnicode_Compare(s.params[i].name, name) == 0) return int(i);
    }
    const char* text = PyUnicode_AsUTF8(name);
    const char* other = text ? other_name(text) : nullptr;
    if (other != nullptr) {
      for (std::size_t i = 0; i < s.params.size(); ++i) {
        if (PyUnicode_CompareWithASCIIString(s.params[i].name, other) == 0) return int(i);
      }
    }
    return -1;
  }
};

namespace {

// --- messages; built only on failure ---------------------------------------------------------------------------------

std::string show(const Signature& s, bool as_method) {
  std::string text = "(";
  bool star = false;
  for (std::size_t i = as_method ? 1 : 0; i < s.params.size(); ++i) {
    const Param& p = s.params[i];
    if (text.size() > 1) text += ", ";
    if (p.keyword_only && !star) {
      text += "*, ";
      star = true;
    }
    text += cat(p.type->shown, " ", PyUnicode_AsUTF8(p.name));
    if (!p.required) text += " = " + p.fallback;
  }
  return text + ")";
}

std::string show_types(PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Py_ssize_t skip) {
  std::string text = "(";
  const Py_ssize_t m = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  for (Py_ssize_t i = skip; i < n + m; ++i) {
    if (text.size() > 1) text += ", ";
    if (i >= n) text += cat(PyUnicode_AsUTF8(PyTuple_GET_ITEM(kwnames, i - n)), "=");
    PyObject* o = args[i];
    if (is_sequence(o)) {
      text += PyTuple_Check(o) ? "tuple of (" : "list of [";
      for (Py_ssize_t k = 0, c = PySequence_Fast_GET_SIZE(o); k < c && k < 8; ++k) {
        text += cat(k ? ", " : "", Py_TYPE(PySequence_Fast_GET_ITEM(o, k))->tp_name);
      }
      text += PyTuple_Check(o) ? ")" : "]";
    } else {
      text += Py_TYPE(o)->tp_name;
    }
  }
  return text + ")";
}

[[noreturn, gnu::cold, gnu::noinline]] void fail_binding(const OpObject* op, const std::vector<Signature>& all,
                                                         const std::vector<Mismatch>& why, PyObject* const* args,
                                                         Py_ssize_t n, PyObject* kwnames) {
  const char* name = op->def->name;
  // A call on a tensor whose first parameter is `input` reads as a method call where the operator is only that.
  const bool as_method = !(op->def->where & kFunction);
  const Py_ssize_t skip = as_method && n > 0 ? 1 : 0;
  if (all.size() == 1) {
    const Signature& s = all[0];
    const Mismatch& m = why[0];
    switch (m.fault) {
      case Fault::TooMany:
        fail_type(name, "() takes ", s.positional - skip, " positional argument", s.positional - skip == 1 ? "" : "s",
                  " but ", n - skip, n - skip == 1 ? " was given" : " were given");
      case Fault::Missing: {
        std::string missing;
        int count = 0;
        for (std::size_t i = 0; i < s.params.size(); ++i) {
          const bool given = int(i) < n;
          if (given || !s.params[i].required) continue;
          bool by_name = false;
          for (Py_ssize_t k = 0; kwnames && k < PyTuple_GET_SIZE(kwnames); ++k)
            by_name |= Binder::find(s, PyTuple_GET_ITEM(kwnames, k)) == int(i);
          if (by_name) continue;
          missing += cat(count++ ? ", " : "", "\"", PyUnicode_AsUTF8(s.params[i].name), "\"");
        }
        fail_type(name, "() missing ", count, " required positional argument", count == 1 ? "s" : "s", ": ", missing);
      }
      case Fault::UnknownKeyword:
        fail_type(name, "() got an unexpected keyword argument '", PyUnicode_AsUTF8(m.object), "'");
      case Fault::Twice:
        fail_type(name, "() got multiple values for argument '", PyUnicode_AsUTF8(s.params[m.param].name), "'");
      default: {
        const Param& p = s.params[m.param];
        const bool positional = m.param < n;
        std::string at = positional ? cat(" (position ", m.param + 1 - skip, ")") : "";
        if (p.type->type == Type::Tensors && is_sequence(m.object)) {
          for (Py_ssize_t i = 0, c = PySequence_Fast_GET_SIZE(m.object); i < c; ++i) {
            PyObject* o = PySequence_Fast_GET_ITEM(m.object, i);
            if (!is_tensor_like(o))
              fail_type("expected Tensor as element ", i, " in argument ", m.param, ", but got ", Py_TYPE(o)->tp_name);
          }
        }
        if ((p.type->type == Type::Ints || p.type->type == Type::Size) && is_sequence(m.object)) {
          for (Py_ssize_t i = 0, c = PySequence_Fast_GET_SIZE(m.object); i < c; ++i) {
            PyObject* o = PySequence_Fast_GET_ITEM(m.object, i);
            if (!is_indexable(o)) {
              fail_type(name, "(): argument '", PyUnicode_AsUTF8(p.name), "'", at,
                        " must be tuple of ints, but found element of type ", Py_TYPE(o)->tp_name, " at pos ", i);
            }
          }
        }
        fail_type(name, "(): argument '", PyUnicode_AsUTF8(p.name), "'", at, " must be ", p.type->shown, ", not ",
                  Py_TYPE(m.object)->tp_name);
      }
    }
  }
  std::string text = cat(name, "() received an invalid combination of arguments - got ",
                         show_types(args, n, kwnames, skip), ", but expected one of:\n");
  for (std::size_t i = 0; i < all.size(); ++i) {
    text += cat(" * ", show(all[i], skip > 0), "\n");
    if (why[i].fault == Fault::WrongType)
      text += cat("      didn't match because some of the arguments have invalid types: (!",
                  Py_TYPE(why[i].object)->tp_name, "!)\n");
  }
  fail_type(text);
}

// --- __torch_function__
// ------------------------------------------------------------------------------------------------

/// The handler of an object's class, if it takes calls over; Tensor's own counts where a subclass has it.
PyObject* override_of(PyObject* o) {
  if (is_exact_tensor(o) || PyFloat_CheckExact(o) || PyLong_CheckExact(o) || o == Py_None) return nullptr;
  PyObject* attribute = _PyType_Lookup(Py_TYPE(o), torch_function_name);
  if (attribute == nullptr || attribute == disabled_torch_function || attribute == Py_None) return nullptr;
  return attribute;
}
PyObject* default_torch_function() { return _PyType_Lookup(tensor_type, torch_function_name); }

struct Overloaded {
  std::vector<PyObject*> objects;  // one of each class; subclasses before their bases, else left to right; borrowed
  bool custom = false;             // some handler is not Tensor's own

  void look(PyObject* o) {
    PyObject* f = override_of(o);
    if (f == nullptr) return;
    for (PyObject* seen : objects) {
      if (Py_TYPE(seen) == Py_TYPE(o)) return;
    }
    custom |= f != default_torch_function();
    auto at = objects.end();
    for (auto it = objects.begin(); it != objects.end(); ++it) {
      if (PyType_IsSubtype(Py_TYPE(o), Py_TYPE(*it))) {
        at = it;
        break;
      }
    }
    objects.insert(at, o);
  }
  /// The class whose handler, being Tensor's own, takes the call: it must be a subclass of all others.
  PyTypeObject* taker() const {
    for (PyObject* o : objects) {
      bool all = true;
      for (PyObject* other : objects) all &= PyType_IsSubtype(Py_TYPE(o), Py_TYPE(other)) != 0;
      if (all) return Py_TYPE(o);
    }
    return nullptr;
  }
};

/// Could `o` matter to the protocol? One look that plain calls pass at once.
inline bool is_foreign(PyObject* o) {
  return !is_exact_tensor(o) && !PyFloat_CheckExact(o) && !PyLong_CheckExact(o) && o != Py_None && o != Py_True &&
         o != Py_False;
}

void look_into(Overloaded& found, PyObject* o) {
  if (is_sequence(o)) {
    for (Py_ssize_t i = 0, n = PySequence_Fast_GET_SIZE(o); i < n; ++i) {
      PyObject* item = PySequence_Fast_GET_ITEM(o, i);
      if (is_foreign(item)) found.look(item);
    }
  } else {
    found.look(o);
  }
}

[[noreturn, gnu::cold]] void fail_dispatch(const Overloaded& found, PyObject* func) {
  std::string text = "Multiple dispatch failed for '";
  Object resolved = Object::steal(PyObject_CallMethod(Object::check(PyImport_ImportModule("rushlight.overrides")).get(),
                                                      "resolve_name", "O", func));
  if (!resolved || resolved.get() == Py_None) {
    PyErr_Clear();
    resolved = Object::check(PyObject_Str(func));
  }
  text += cat(PyUnicode_AsUTF8(resolved.get()), "'; all __torch_function__ handlers returned NotImplemented:\n\n");
  for (PyObject* o : found.objects) {
    Object shown = Object::check(PyObject_Repr(reinterpret_cast<PyObject*>(Py_TYPE(o))));
    text += cat("  - tensor subclass ", PyUnicode_AsUTF8(shown.get()), "\n");
  }
  fail_type(text, "\nFor more information, try re-running with TORCH_LOGS=not_implemented");
}

PyObject* call_overrides(const Overloaded& found, PyObject* func, PyObject* const* args, Py_ssize_t n,
                         PyObject* kwnames) {
  Object types = Object::check(PyTuple_New(Py_ssize_t(found.objects.size())));
  for (std::size_t i = 0; i < found.objects.size(); ++i) {
    PyObject* type = reinterpret_cast<PyObject*>(Py_TYPE(found.objects[i]));
    PyTuple_SET_ITEM(types.get(), Py_ssize_t(i), Py_NewRef(type));
  }
  Object positional = Object::check(PyTuple_New(n));
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(positional.get(), i, Py_NewRef(args[i]));
  Object keywords;  // left out where there are none
  if (kwnames != nullptr && PyTuple_GET_SIZE(kwnames) > 0) keywords = Object::check(PyDict_New());
  for (Py_ssize_t i = 0; keywords && i < PyTuple_GET_SIZE(kwnames); ++i) {
    if (PyDict_SetItem(keywords.get(), PyTuple_GET_ITEM(kwnames, i), args[n + i]) < 0) throw PythonError();
  }
  for (PyObject* o : found.objects) {
    // Of the object, so that a handler may be an instance's method as well as a class's.
    Object handler = Object::check(PyObject_GetAttr(o, torch_function_name));
    Object result = Object::check(
        PyObject_CallFunctionObjArgs(handler.get(), func, types.get(), positional.get(), keywords.get(), nullptr));
    if (result.get() != Py_NotImplemented) return result.release();
  }
  fail_dispatch(found, func);
}

/// Operators whose results Tensor's own handler leaves as they are: the getters of `grad`, `_base` and `_grad`.
bool is_unwrapped(PyObject* func) {
  if (Py_IS_TYPE(func, op_type) || Py_TYPE(func)->tp_call == nullptr) return false;
  static PyObject* getters[2] = {};
  static constexpr const char* names[2] = {"grad", "_base"};
  for (int i = 0; i < 2; ++i) {
    if (getters[i] == nullptr)
      getters[i] = PyObject_GetAttrString(PyDict_GetItemString(tensor_type->tp_dict, names[i]), "__get__");
    if (getters[i] != nullptr && Py_IS_TYPE(func, Py_TYPE(getters[i])) &&
        PyObject_RichCompareBool(func, getters[i], Py_EQ) == 1)
      return true;
  }
  PyErr_Clear();
  return false;
}

/// A result as Tensor's own handler gives it: its tensors are instances of `type`. Takes over the reference.
///
/// A subclass adds no memory to the object, so the type of a tensor that nobody else has simply changes; another one
/// gets a second object on its memory.
PyObject* converted(PyObject* result, PyTypeObject* type) {
  Object owned = Object::check(result);
  if (type == tensor_type) return owned.release();
  if (is_tensor(result)) {
    if (PyType_IsSubtype(Py_TYPE(result), type)) return owned.release();
    if (type->tp_basicsize != tensor_type->tp_basicsize) return owned.release();
    Tensor t = Tensor::borrow(result);
    if (!Py_IS_TYPE(result, tensor_type) || Py_REFCNT(result) > 2) t = alias_view(t);
    owned = Object();
    PyObject* o = t.release();
    PyTypeObject* old = Py_TYPE(o);
    Py_INCREF(type);
    Py_SET_TYPE(o, type);
    Py_DECREF(old);
    collect(reinterpret_cast<TensorObject*>(o));
    return o;
  }
  if ((PyTuple_Check(result) || PyList_Check(result)) && Py_REFCNT(result) == 1) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(result); ++i) {
      PyObject*& slot = PySequence_Fast_ITEMS(result)[i];
      if (is_tensor(slot) || PyTuple_Check(slot) || PyList_Check(slot)) {
        PyObject* item = slot;
        slot = Py_NewRef(Py_None);
        PyObject* fresh = converted(item, type);
        Py_DECREF(Py_None);
        PySequence_Fast_ITEMS(result)[i] = fresh;
      }
    }
  }
  return owned.release();
}

struct HandlersOff {
  bool old = std::exchange(modes.torch_function, false);
  ~HandlersOff() { modes.torch_function = old; }
};

}  // namespace

std::optional<PyObject*> intercept(PyObject* func, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  if (!modes.torch_function) return std::nullopt;
  const Py_ssize_t total = n + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  Overloaded found;
  for (Py_ssize_t i = 0; i < total; ++i) {
    if (is_foreign(args[i])) look_into(found, args[i]);
  }
  if (found.objects.empty()) return std::nullopt;
  if (found.custom) return call_overrides(found, func, args, n, kwnames);
  PyTypeObject* type = found.taker();
  if (type == nullptr) fail_dispatch(found, func);
  PyObject* result;
  {
    HandlersOff off;
    result = PyObject_Vectorcall(func, args, std::size_t(n), kwnames);
  }
  return is_unwrapped(func) ? result : converted(result, type);
}

PyObject* intercept_method(const char* name, PyObject* o, PyObject* const* args, Py_ssize_t n, bool& taken) {
  taken = false;
  if (!modes.torch_function || override_of(o) == nullptr) return nullptr;
  PyObject* func = PyDict_GetItemString(tensor_type->tp_dict, name);
  if (func == nullptr) return nullptr;
  if (auto r = intercept(func, args, n, nullptr)) {
    taken = true;
    return *r;
  }
  return nullptr;
}

bool takes_over(PyObject* o) { return modes.torch_function && override_of(o) != nullptr; }

namespace {

PyObject* op_call(PyObject* self, PyObject* const* args, std::size_t nargsf, PyObject* kwnames) {
  return guarded([&]() -> PyObject* {
    auto* op = reinterpret_cast<OpObject*>(self);
    const Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    if (op->signatures == nullptr)
      op->signatures = std::make_unique<std::vector<Signature>>(parse(op->def->signatures)).release();
    Args bound;
    const auto& all = *op->signatures;
    if (Binder::bind_plain(all[0], args, n, kwnames, bound)) [[likely]]
      return op->def->impl(*op->def, bound);
    const Py_ssize_t total = n + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
    for (Py_ssize_t i = 0; i < total; ++i) {
      if (!is_foreign(args[i])) continue;
      if (is_sequence(args[i]) || is_tensor(args[i]) || overrides_protocol(args[i])) {
        if (auto r = intercept(self, args, n, kwnames)) return *r;
        break;
      }
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (Binder::bind(all[i], args, n, kwnames, bound).fault == Fault::None) {
        bound.overload = int(i);
        return op->def->impl(*op->def, bound);
      }
    }
    std::vector<Mismatch> why;
    for (const Signature& s : all) why.push_back(Binder::bind(s, args, n, kwnames, bound));
    fail_binding(op, all, why, args, n, kwnames);
  });
}

/// `result` of an operator written in Python, into what was given as out=: a tensor, or a sequence of them.
PyObject* give_python(const OpObject* op, PyObject* out, Object result, std::span<const Tensor> inputs, bool tracked_) {
  const char* name = op->def->name;
  std::vector<Tensor> outs, results;
  if (is_tensor(out)) {
    if (!is_tensor(result.get())) fail_type(name, "(): argument 'out' must be tuple of Tensors, not Tensor");
    outs.push_back(Tensor::borrow(out));
    results.push_back(Tensor::borrow(result.get()));
    give_all(outs, results, inputs, name, tracked_, op->out_rule);
    return Py_NewRef(out);
  }
  if (!is_sequence(out) || !PyTuple_Check(result.get())) {
    fail_type(name, "(): argument 'out' must be ", PyTuple_Check(result.get()) ? "tuple of Tensors" : "Tensor",
              ", not ", Py_TYPE(out)->tp_name);
  }
  if (PySequence_Fast_GET_SIZE(out) != PyTuple_GET_SIZE(result.get())) {
    fail_type(name, "(): argument 'out' must be a sequence of ", PyTuple_GET_SIZE(result.get()), " tensors, not ",
              PySequence_Fast_GET_SIZE(out));
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(result.get()); ++i) {
    PyObject* o = PySequence_Fast_GET_ITEM(out, i);
    if (!is_tensor(o)) fail_type("expected Tensor as element ", i, " in argument 'out', but got ", Py_TYPE(o)->tp_name);
    outs.push_back(Tensor::borrow(o));
    results.push_back(Tensor::borrow(PyTuple_GET_ITEM(result.get(), i)));
  }
  give_all(outs, results, inputs, name, tracked_, op->out_rule);
  // The named tuple of the result with the outs in it.
  Object tuple = Object::check(pack(std::span<Tensor>(outs)));
  if (PyTuple_CheckExact(result.get())) return tuple.release();
  return PyObject_CallOneArg(reinterpret_cast<PyObject*>(Py_TYPE(result.get())), tuple.get());
}

/// The signature of an operator written in Python, from its annotations; none where it takes what it likes.
const std::vector<Signature>& python_signature(OpObject* op) {
  if (op->signatures == nullptr) {
    Object module = Object::check(PyImport_ImportModule("rushlight._ops"));
    Object text = Object::check(PyObject_CallMethod(module.get(), "_signature", "O", op->python));
    const char* s = PyUnicode_AsUTF8(text.get());
    if (s == nullptr) throw PythonError();
    op->signatures = std::make_unique<std::vector<Signature>>(parse(s)).release();
  }
  return *op->signatures;
}

bool is_plain_int(PyObject* o) { return PyLong_CheckExact(o); }
/// What stands for an int or for ints as true ones, so that functions compute with numbers; null if it is that already.
PyObject* plain_ints(const Param& p, PyObject* o) {
  if (o == Py_None || (p.type->type != Type::Int && p.type->type != Type::Ints)) return nullptr;
  if (!is_sequence(o)) return is_plain_int(o) ? nullptr : PyLong_FromLongLong(to_index(o));
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  bool plain = true;
  for (Py_ssize_t i = 0; i < n; ++i) plain &= is_plain_int(PySequence_Fast_GET_ITEM(o, i));
  if (plain) return nullptr;
  Object tuple = Object::check(PyTuple_New(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyTuple_SET_ITEM(tuple.get(), i,
                     Object::check(PyLong_FromLongLong(to_index(PySequence_Fast_GET_ITEM(o, i)))).release());
  }
  return tuple.release();
}

/// Checks the arguments against the annotations, then calls the function.
PyObject* call_checked(OpObject* op, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  const std::vector<Signature>& all = python_signature(op);
  if (all.empty()) return PyObject_Vectorcall(op->python, args, std::size_t(n), kwnames);
  const Signature& s = all[0];
  Args bound;
  const Mismatch wrong = Binder::bind(s, args, n, kwnames, bound);
  if (wrong.fault != Fault::None) fail_binding(op, all, {wrong}, args, n, kwnames);
  const Py_ssize_t m = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  std::vector<Object> kept;      // what replaces arguments
  std::vector<PyObject*> fresh;  // the arguments, where one is replaced
  const auto replace = [&](Py_ssize_t i, PyObject* o) {
    kept.push_back(Object::steal(o));
    if (fresh.empty()) fresh.assign(args, args + n + m);
    fresh[std::size_t(i)] = o;
  };
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (PyObject* o = plain_ints(s.params[std::size_t(i)], args[i])) replace(i, o);
  }
  Object names = Object::borrow(kwnames);
  for (Py_ssize_t k = 0; k < m; ++k) {
    const Param& p = s.params[std::size_t(Binder::find(s, PyTuple_GET_ITEM(kwnames, k)))];
    if (PyObject* o = plain_ints(p, args[n + k])) replace(n + k, o);
    if (PyUnicode_Compare(p.name, PyTuple_GET_ITEM(names.get(), k)) == 0) continue;
    if (names.get() == kwnames) {
      names = Object::check(PyTuple_New(m));
      for (Py_ssize_t j = 0; j < m; ++j) PyTuple_SET_ITEM(names.get(), j, Py_NewRef(PyTuple_GET_ITEM(kwnames, j)));
    }
    PyObject* old = PyTuple_GET_ITEM(names.get(), k);
    PyTuple_SET_ITEM(names.get(), k, Py_NewRef(p.name));
    Py_DECREF(old);
  }
  return PyObject_Vectorcall(op->python, fresh.empty() ? args : fresh.data(), std::size_t(n), names.get());
}

/// What calls operators while a profile, a mode or a level is open; null outside. A family that is loaded then joins
/// in.
vectorcallfunc exchanged_call = nullptr;

/// All but queries, of which transforms see those that look at elements or make hooks.
bool is_watched(const OpDef& def) {
  static constexpr std::string_view seen[] = {"allclose",       "equal",       "nonzero",       "argwhere",
                                              "requires_grad_", "retain_grad", "register_hook", "backward"};
  return def.kind != Kind::Query || std::find(std::begin(seen), std::end(seen), def.name) != std::end(seen);
}

PyObject* python_call(PyObject* self, PyObject* const* args, std::size_t nargsf, PyObject* kwnames) {
  return guarded([&]() -> PyObject* {
    auto* op = reinterpret_cast<OpObject*>(self);
    const Py_ssize_t n = PyVectorcall_NARGS(nargsf), m = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
    bool tracked_ = false;
    for (Py_ssize_t i = 0; i < n + m; ++i) {
      if (is_foreign(args[i]) && (is_sequence(args[i]) || is_tensor(args[i]) || overrides_protocol(args[i]))) {
        if (auto r = intercept(self, args, n, kwnames)) return *r;
        break;
      }
    }
    Py_ssize_t at = -1;
    for (Py_ssize_t k = 0; op->takes_out && k < m; ++k) {
      if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, k), "out") == 0) at = k;
    }
    if (at < 0) return call_checked(op, args, n, kwnames);
    std::vector<PyObject*> rest;
    std::vector<Tensor> inputs;
    const auto input = [&](PyObject* o) {
      inputs.push_back(Tensor::borrow(o));
      tracked_ |= tracked(inputs.back());
    };
    Object names = Object::check(PyTuple_New(m - 1));
    for (Py_ssize_t i = 0, k = 0; i < n + m; ++i) {
      if (i == n + at) continue;
      rest.push_back(args[i]);
      if (is_tensor(args[i])) input(args[i]);
      for (Py_ssize_t k = 0; is_sequence(args[i]) && k < PySequence_Fast_GET_SIZE(args[i]); ++k) {
        if (is_tensor(PySequence_Fast_GET_ITEM(args[i], k))) input(PySequence_Fast_GET_ITEM(args[i], k));
      }
      if (i >= n) PyTuple_SET_ITEM(names.get(), k++, Py_NewRef(PyTuple_GET_ITEM(kwnames, i - n)));
    }
    Object result = Object::check(call_checked(op, rest.data(), n, m > 1 ? names.get() : nullptr));
    return args[n + at] == Py_None ? result.release()
                                   : give_python(op, args[n + at], std::move(result), inputs, tracked_);
  });
}

PyObject* op_get(PyObject* self, PyObject* object, PyObject*) {
  if (object == nullptr || object == Py_None) return Py_NewRef(self);
  return PyMethod_New(self, object);
}

PyObject* op_repr(PyObject* self) {
  return PyUnicode_FromFormat("<built-in function %s>", reinterpret_cast<OpObject*>(self)->def->name);
}
PyObject* op_name(PyObject* self, void*) { return PyUnicode_FromString(reinterpret_cast<OpObject*>(self)->def->name); }
PyObject* op_qualname(PyObject* self, void*) {
  const OpDef* d = reinterpret_cast<OpObject*>(self)->def;
  return PyUnicode_FromFormat(d->where & kFunction ? "%s" : "Tensor.%s", d->name);
}
PyObject* op_module(PyObject*, void*) { return PyUnicode_FromString("rushlight"); }
PyObject* op_doc(PyObject* self, void*) {
  const OpDef* d = reinterpret_cast<OpObject*>(self)->def;
  if (PyObject* f = reinterpret_cast<OpObject*>(self)->python) return PyObject_GetAttrString(f, "__doc__");
  return guarded([&]() -> PyObject* {
    std::string text;
    for (const Signature& s : parse(d->signatures)) text += cat(d->name, show(s, false), "\n");
    return PyUnicode_FromString(cat(text, "\n", d->doc).c_str());
  });
}
/// The function behind an operator written in Python, where inspect.signature looks for the parameters.
PyObject* op_wrapped(PyObject* self, void*) {
  if (PyObject* f = reinterpret_cast<OpObject*>(self)->python) return Py_NewRef(f);
  PyErr_SetString(PyExc_AttributeError, "__wrapped__");
  return nullptr;
}
PyObject* op_kind(PyObject* self, void*) {
  return PyUnicode_FromString(kind_name(reinterpret_cast<OpObject*>(self)->def->kind));
}
PyObject* op_reduce(PyObject* self, PyObject*) {
  const OpDef* d = reinterpret_cast<OpObject*>(self)->def;
  Object module = Object::steal(PyImport_ImportModule("rushlight._core"));
  if (!module) return nullptr;
  Object find = Object::steal(PyObject_GetAttrString(module.get(), "_operator"));
  if (!find) return nullptr;
  return Py_BuildValue("O(s)", find.get(), d->name);
}

PyGetSetDef op_getset[] = {{"__name__", op_name, nullptr, nullptr, nullptr},
                           {"__qualname__", op_qualname, nullptr, nullptr, nullptr},
                           {"__module__", op_module, nullptr, nullptr, nullptr},
                           {"__doc__", op_doc, nullptr, nullptr, nullptr},
                           {"__wrapped__", op_wrapped, nullptr, nullptr, nullptr},
                           {"kind", op_kind, nullptr, "What the operator is, e.g. 'Pointwise'.", nullptr},
                           {}};
PyMethodDef op_methods[] = {{"__reduce__", op_reduce, METH_NOARGS, nullptr}, {}};
PyMemberDef op_members[] = {{"__vectorcalloffset__", T_PYSSIZET, offsetof(OpObject, call), READONLY, nullptr}, {}};
PyType_Slot op_slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                          {Py_tp_descr_get, reinterpret_cast<void*>(op_get)},
                          {Py_tp_repr, reinterpret_cast<void*>(op_repr)},
                          {Py_tp_getset, op_getset},
                          {Py_tp_methods, op_methods},
                          {Py_tp_members, op_members},
                          {}};
PyType_Spec op_spec = {
    "rushlight._core.operator", sizeof(OpObject), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    op_slots};

PyObject* op_table = nullptr;  // dict name -> OpObject

PyObject* find_operator(PyObject*, PyObject* name) {
  PyObject* o = PyDict_GetItemWithError(op_table, name);
  if (o == nullptr) {
    if (!PyErr_Occurred()) PyErr_SetObject(PyExc_KeyError, name);
    return nullptr;
  }
  return Py_NewRef(o);
}
/// _python_operator(function, name, kind, where, out): an operator that is written in Python. `where`: 1 a function,
/// 2 a method of Tensor, 3 both. `out`: the OutRule of its out=, -1 if it has none.
PyObject* python_operator(PyObject*, PyObject* args) {
  PyObject *function, *name;
  const char* kind;
  int where, takes_out;
  if (!PyArg_ParseTuple(args, "OUsii", &function, &name, &kind, &where, &takes_out)) return nullptr;
  return guarded([&]() -> PyObject* {
    if (PyDict_GetItemWithError(op_table, name) != nullptr)
      fail_runtime("two operators are named ", PyUnicode_AsUTF8(name));
    auto* def = std::make_unique<OpDef>().release();  // operators live as long as the process
    // The name's text lives as long as the key of the table.
    def->name = PyUnicode_AsUTF8(name);
    def->where = Where(where);
    for (int k = 0; k <= int(Kind::Query); ++k) {
      if (std::strcmp(kind_name(Kind(k)), kind) == 0) def->kind = Kind(k);
    }
    auto* op = PyObject_New(OpObject, op_type);
    if (op == nullptr) throw PythonError();
    op->def = def;
    op->call = exchanged_call != nullptr && is_watched(*def) ? exchanged_call : python_call;
    op->signatures = nullptr;
    op->python = Py_NewRef(function);
    if (PyFunction_Check(function)) mark_internal(PyFunction_GET_CODE(function));
    op->takes_out = takes_out >= 0;
    op->out_rule = takes_out >= 0 ? OutRule(takes_out) : OutRule::ByKind;
    op->dict = nullptr;
    Object owned = Object::steal(reinterpret_cast<PyObject*>(op));
    if (PyDict_SetItem(op_table, name, owned.get()) < 0) throw PythonError();
    if ((where & kMethod) != 0) {
      if (PyDict_SetItem(tensor_type->tp_dict, name, owned.get()) < 0) throw PythonError();
      PyType_Modified(tensor_type);
    }
    return owned.release();
  });
}

/// _assign(self, result): what an in-place form written in Python ends with. Checks as every in-place operator does.
PyObject* assign_result(PyObject*, PyObject* args) {
  PyObject *self, *value;
  if (!PyArg_ParseTuple(args, "O!O!", tensor_type, &self, tensor_type, &value)) return nullptr;
  return guarded([&]() -> PyObject* {
    Tensor t = Tensor::borrow(self);
    const Tensor v = Tensor::borrow(value);
    check_inplace_result(t, v.dtype(), v.sizes());
    if (dual_levels > 0) [[unlikely]]
      return PyObject_CallFunctionObjArgs(op_object("copy_"), self, value, nullptr);
    return copy_(t, v).object() == self ? Py_NewRef(self) : nullptr;
  });
}

PyObject* list_operators(PyObject*, PyObject*) {
  PyObject* result = PyDict_New();
  for (const OpDef* d : all_ops()) {
    Object kind = Object::steal(PyUnicode_FromString(kind_name(d->kind)));
    if (PyDict_SetItemString(result, d->name, kind.get()) < 0) return nullptr;
  }
  return result;
}
PyObject* list_signatures(PyObject*, PyObject*) {
  PyObject* result = PyDict_New();
  for (const OpDef* d : all_ops()) {
    Object entry = Object::steal(Py_BuildValue("(sis)", d->signatures, int(d->where), d->doc));
    if (PyDict_SetItemString(result, d->name, entry.get()) < 0) return nullptr;
  }
  return result;
}
/// Tensor.__torch_function__: runs the function on the tensors as they are and gives the results the class's type.
PyObject* default_handler(PyObject* cls, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {"func", "types", "args", "kwargs", nullptr};
  PyObject *func, *types, *positional = nullptr, *keywords = nullptr;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|OO", const_cast<char**>(names), &func, &types, &positional,
                                   &keywords))
    return nullptr;
  return guarded([&]() -> PyObject* {
    Object none = Object::check(PyTuple_New(0));
    Object given = positional == nullptr ? none : Object::check(PySequence_Tuple(positional));
    if (keywords == Py_None) keywords = nullptr;
    Object all = Object::check(PySequence_Fast(types, "types must be a sequence"));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(all.get()); ++i) {
      const int below = PyObject_IsSubclass(cls, PySequence_Fast_GET_ITEM(all.get(), i));
      if (below < 0) throw PythonError();
      if (below == 0) Py_RETURN_NOTIMPLEMENTED;
    }
    PyObject* result;
    {
      HandlersOff off;
      result = PyObject_Call(func, given.get(), keywords);
    }
    if (result == nullptr) return nullptr;
    auto* type = reinterpret_cast<PyTypeObject*>(cls);
    return is_unwrapped(func) || !PyType_IsSubtype(type, tensor_type) ? result : converted(result, type);
  });
}
/// _overloaded(args): of the objects in a sequence, those whose classes take calls over, in the order in which they are
/// asked.
PyObject* overloaded(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    Overloaded found;
    Object all = Object::check(PySequence_Fast(args, "relevant_args must be a sequence"));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(all.get()); ++i) {
      PyObject* o = PySequence_Fast_GET_ITEM(all.get(), i);
      if (is_foreign(o)) found.look(o);
    }
    Object list = Object::check(PyList_New(0));
    for (PyObject* o : found.objects) {
      if (PyList_Append(list.get(), o) < 0) throw PythonError();
    }
    return list.release();
  });
}
PyMethodDef handler_def = {
    "__torch_function__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(default_handler)),
    METH_VARARGS | METH_KEYWORDS | METH_CLASS,
    "Runs an operator for a subclass: func(*args, **kwargs), with results of the subclass's type."};
/// For subclasses whose results are plain tensors (Parameter).
PyObject* disabled_handler(PyObject*, PyObject* args) {
  PyObject *func, *types, *positional = nullptr, *keywords = nullptr;
  if (!PyArg_ParseTuple(args, "OO|OO", &func, &types, &positional, &keywords)) return nullptr;
  struct Off {
    bool old = std::exchange(modes.torch_function, false);
    ~Off() { modes.torch_function = old; }
  } off;
  Object none = Object::steal(PyTuple_New(0));
  return PyObject_Call(func, positional ? positional : none.get(), keywords == Py_None ? nullptr : keywords);
}
PyObject* set_parameter_type(PyObject*, PyObject* cls) {
  return guarded([&]() -> PyObject* {
    if (!PyType_Check(cls) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(cls), tensor_type))
      fail_type("expected a subclass of Tensor");
    PyTypeObject* old = std::exchange(parameter_type, reinterpret_cast<PyTypeObject*>(Py_NewRef(cls)));
    Py_XDECREF(reinterpret_cast<PyObject*>(old));
    Py_RETURN_NONE;
  });
}
PyMethodDef core_functions[] = {
    {"_set_parameter_type", set_parameter_type, METH_O, "Names the subclass that operators treat as a plain tensor."},
    {"_operator", find_operator, METH_O, "The operator of this name."},
    {"_python_operator", python_operator, METH_VARARGS,
     "_python_operator(function, name, kind, where, out): an operator that is written in Python."},
    {"_assign", assign_result, METH_VARARGS,
     "_assign(self, result): the end of an in-place form that is written in Python."},
    {"operators", list_operators, METH_NOARGS, "A dict of all operators of the core: name -> kind."},
    {"_signatures", list_signatures, METH_NOARGS, "A dict name -> (signatures, where, doc), for the type stubs."},
    {"_overloaded", overloaded, METH_O, "_overloaded(args): those that take calls over, in the order of asking."},
    {"_disabled_torch_function_impl", disabled_handler, METH_VARARGS,
     "A __torch_function__ that leaves results plain tensors."},
    {}};

}  // namespace

std::vector<const OpDef*>& all_ops() {
  static std::vector<const OpDef*> ops;
  return ops;
}

const char* kind_name(Kind k) {
  static constexpr const char* names[] = {"Other",    "Pointwise",   "Linear",   "Reduction", "Scan",       "View",
                                          "Movement", "Contraction", "Creation", "Random",    "Comparison", "Query"};
  return names[int(k)];
}

vectorcallfunc plain_call(PyObject* op) {
  return reinterpret_cast<OpObject*>(op)->python != nullptr ? python_call : op_call;
}
bool is_random(PyObject* op) { return reinterpret_cast<OpObject*>(op)->def->kind == Kind::Random; }
bool is_elementwise(PyObject* op) {
  if (!Py_IS_TYPE(op, op_type)) return false;
  const OpDef* def = reinterpret_cast<OpObject*>(op)->def;
  const std::string_view name = def->name;
  if (name.ends_with('_')) return false;
  return def->kind == Kind::Pointwise ? name != "frexp" : name == "add" || name == "sub" || name == "neg";
}
bool is_query(PyObject* op) { return reinterpret_cast<OpObject*>(op)->def->kind == Kind::Query; }
bool is_composed(PyObject* op) { return reinterpret_cast<OpObject*>(op)->python != nullptr; }
const char* operator_label(PyObject* op) { return reinterpret_cast<OpObject*>(op)->def->name; }
void watch_operators(vectorcallfunc call) {
  exchanged_call = call;
  static std::vector<PyObject*> watched;  // operators live for ever
  static Py_ssize_t known = 0;
  if (known != PyDict_GET_SIZE(op_table)) {
    watched.clear();
    Py_ssize_t at = 0;
    PyObject *name, *o;
    while (PyDict_Next(op_table, &at, &name, &o)) {
      if (is_watched(*reinterpret_cast<OpObject*>(o)->def)) watched.push_back(o);
    }
    known = PyDict_GET_SIZE(op_table);
  }
  for (PyObject* o : watched) reinterpret_cast<OpObject*>(o)->call = call != nullptr ? call : plain_call(o);
}

PyObject* op_object(const char* name) { return PyDict_GetItemString(op_table, name); }

void add_operators(PyObject* module) {
  op_type = reinterpret_cast<PyTypeObject*>(Object::check(PyType_FromSpec(&op_spec)).release());
  op_table = Object::check(PyDict_New()).release();
  torch_function_name = PyUnicode_InternFromString("__torch_function__");
  if (PyModule_AddFunctions(module, core_functions) < 0) throw PythonError();
  disabled_torch_function = Object::check(PyObject_GetAttrString(module, "_disabled_torch_function_impl")).release();
  PyObject* type_dict = tensor_type->tp_dict;
  Object handler = Object::check(PyDescr_NewClassMethod(tensor_type, &handler_def));
  if (PyDict_SetItemString(type_dict, "__torch_function__", handler.get()) < 0) throw PythonError();
  for (const OpDef* d : all_ops()) {
    auto* op = PyObject_New(OpObject, op_type);
    if (op == nullptr) throw PythonError();
    op->call = op_call;
    op->def = d;
    op->signatures = nullptr;
    op->python = nullptr;
    op->takes_out = false;
    op->out_rule = OutRule::ByKind;
    op->dict = nullptr;
    Object owned = Object::steal(reinterpret_cast<PyObject*>(op));
    if (PyDict_GetItemString(op_table, d->name) != nullptr) fail_runtime("two operators are named ", d->name);
    if (PyDict_SetItemString(op_table, d->name, owned.get()) < 0) throw PythonError();
    if ((d->where & kFunction) && PyModule_AddObjectRef(module, d->name, owned.get()) < 0) throw PythonError();
    if ((d->where & kMethod) && PyDict_SetItemString(type_dict, d->name, owned.get()) < 0) throw PythonError();
  }
  PyType_Modified(tensor_type);
}

// --- accessors
// ----------------------------------------------------------------------------------------------------------

bool is_number(PyObject* o) {
  if (PyFloat_Check(o) || PyLong_Check(o) || PyComplex_Check(o)) return true;
  if (is_tensor(o) || PyUnicode_Check(o) || is_sequence(o)) return false;
  // NumPy's scalars, fractions and the like.
  const PyNumberMethods* nb = Py_TYPE(o)->tp_as_number;
  if (nb == nullptr || (nb->nb_index == nullptr && nb->nb_float == nullptr)) return false;
  return Py_TYPE(o)->tp_as_sequence == nullptr || Py_TYPE(o)->tp_as_sequence->sq_length == nullptr;
}

Scalar to_scalar(PyObject* o) {
  if (PyFloat_CheckExact(o)) return PyFloat_AS_DOUBLE(o);
  if (PyBool_Check(o)) return o == Py_True;
  if (PyLong_Check(o)) {
    int overflow;
    const long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow != 0) fail(ErrorKind::Overflow, "Overflow when unpacking long long");
    return std::int64_t(v);
  }
  if (PyFloat_Check(o)) return PyFloat_AS_DOUBLE(o);
  if (PyComplex_Check(o)) {
    const Py_complex c = PyComplex_AsCComplex(o);
    return cdouble(c.real, c.imag);
  }
  if (is_tensor(o)) return item(Tensor::borrow(o));
  const char* type = Py_TYPE(o)->tp_name;
  if (std::strcmp(type, "numpy.bool") == 0 || std::strcmp(type, "numpy.bool_") == 0) return PyObject_IsTrue(o) == 1;
  if (PyIndex_Check(o)) {
    Object index = Object::check(PyNumber_Index(o));
    return to_scalar(index.get());
  }
  if (std::strncmp(type, "numpy.complex", 13) == 0) {
    const Py_complex c = PyComplex_AsCComplex(o);
    if (PyErr_Occurred()) throw PythonError();
    return cdouble(c.real, c.imag);
  }
  const double d = PyFloat_AsDouble(o);
  if (d == -1.0 && PyErr_Occurred()) throw PythonError();
  return d;
}

std::int64_t to_index(PyObject* o) {
  if (is_tensor(o)) return item(Tensor::borrow(o)).integer();
  Object index = PyLong_CheckExact(o) ? Object::borrow(o) : Object::check(PyNumber_Index(o));
  int overflow;
  const long long v = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
  if (overflow != 0) fail(ErrorKind::Overflow, "Overflow when unpacking long long");
  return v;
}

Scalar Args::scalar(int i) const { return to_scalar(v[i]); }
std::int64_t Args::integer(int i) const { return to_index(v[i]); }
double Args::real(int i) const {
  if (PyFloat_CheckExact(v[i])) return PyFloat_AS_DOUBLE(v[i]);
  return to_scalar(v[i]).real();
}
std::string Args::string(int i, const char* otherwise) const {
  if (!has(i)) return otherwise;
  const char* s = PyUnicode_AsUTF8(v[i]);
  if (s == nullptr) throw PythonError();
  return s;
}

DimVec Args::ints(int i) const {
  DimVec out;
  if (i == var_slot_) {
    for (Py_ssize_t k = 0; k < n_var_; ++k) out.push_back(to_index(var_[k]));
    return out;
  }
  if (!has(i)) return out;
  if (is_sequence(v[i])) {
    for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(v[i]); ++k)
      out.push_back(to_index(PySequence_Fast_GET_ITEM(v[i], k)));
    return out;
  }
  out.push_back(to_index(v[i]));
  return out;
}

std::vector<Tensor> Args::tensors(int i) const {
  std::vector<Tensor> out;
  if (!has(i)) return out;
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(v[i]);
  out.reserve(std::size_t(n));
  for (Py_ssize_t k = 0; k < n; ++k) out.push_back(Tensor::borrow(PySequence_Fast_GET_ITEM(v[i], k)));
  return out;
}

std::vector<Tensor> Args::all_tensors(int but) const {
  std::vector<Tensor> out;
  for (int i = 0; i < kMax; ++i) {
    if (i == but || v[i] == nullptr) continue;
    if (rl::is_tensor(v[i])) {
      out.push_back(Tensor::borrow(v[i]));
    } else if (is_sequence(v[i])) {
      for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(v[i]); ++k) {
        PyObject* o = PySequence_Fast_GET_ITEM(v[i], k);
        if (rl::is_tensor(o)) out.push_back(Tensor::borrow(o));
      }
    }
  }
  return out;
}

std::optional<DType> Args::dtype(int i) const {
  if (!has(i)) return std::nullopt;
  if (is_dtype(v[i])) return unwrap_dtype(v[i]);
  if (v[i] == reinterpret_cast<PyObject*>(&PyFloat_Type)) return DType::Double;
  if (v[i] == reinterpret_cast<PyObject*>(&PyLong_Type)) return DType::Int64;
  if (v[i] == reinterpret_cast<PyObject*>(&PyBool_Type)) return DType::Bool;
  return DType::CDouble;
}

void Args::check_device(int i) const {
  if (!has(i)) return;
  std::string type;
  if (PyUnicode_Check(v[i])) {
    type = string(i);
    if (type == "cpu" || type == "cpu:0") return;
    // The Python class knows what is a device and says so if this is none.
    Object types = Object::check(PyImport_ImportModule("rushlight._types"));
    Object device = Object::check(PyObject_CallMethod(types.get(), "device", "O", v[i]));
    Object kind = Object::check(PyObject_GetAttrString(device.get(), "type"));
    type = PyUnicode_AsUTF8(kind.get());
  } else if (PyLong_Check(v[i])) {
    type = "cuda";
  } else {
    Object kind = Object::check(PyObject_GetAttrString(v[i], "type"));
    type = PyUnicode_AsUTF8(kind.get());
  }
  if (type == "cpu") return;
  if (type == "cuda") fail(ErrorKind::Assertion, "Torch not compiled with CUDA enabled");
  fail(ErrorKind::NotImplemented, "rushlight computes on the CPU only; device type '", type,
       "' was asked for. Use device='cpu' or leave it out.");
}

// --- results
// ------------------------------------------------------------------------------------------------------------

PyObject* give(Args& a, int out_slot, Tensor result, const char* name, bool tracked, OutRule rule) {
  if (!a.has(out_slot)) return result.release();
  Tensor out = a.tensor(out_slot);
  const std::vector<Tensor> inputs = a.all_tensors(out_slot);
  give_all({&out, 1}, {&result, 1}, inputs, name, tracked, rule);
  return out.release();
}

Tensor give_into(Tensor out, const Tensor& result, const char* name, bool tracked, OutRule rule) {
  give_all({&out, 1}, {&result, 1}, {}, name, tracked, rule);
  return out;
}

namespace {

void check_out_dtype(DType result, DType out, OutRule rule, std::string_view name) {
  switch (rule) {
    case OutRule::Any: return;
    case OutRule::Found:
      if (out != result)
        fail_runtime("Found dtype ", scalar_type_name(out), " but expected ", scalar_type_name(result));
      return;
    case OutRule::Same:
      if (out != result)
        fail_runtime("Expected out tensor to have dtype ", cpp_type_name(result), ", but got ", cpp_type_name(out),
                     " instead");
      return;
    case OutRule::Parts:
      if (is_complex(result) ? !is_complex(out) : !is_floating(out)) {
        if (name.starts_with("fft_")) name.remove_prefix(4);
        fail_runtime(name, " expects a ", is_complex(result) ? "complex" : "floating point", " output tensor, but got ",
                     scalar_type_name(out));
      }
      return;
    default:
      if (!can_cast(result, out)) {
        fail_runtime("result type ", scalar_type_name(result), " can't be cast to the desired output type ",
                     scalar_type_name(out));
      }
  }
}

}  // namespace

void give_all(std::span<const Tensor> outs, std::span<const Tensor> results, std::span<const Tensor> inputs,
              const char* name, bool tracked, OutRule rule) {
  PyObject* op = op_object(name);
  const Kind kind = op != nullptr ? reinterpret_cast<OpObject*>(op)->def->kind : Kind::Other;
  if (rule == OutRule::ByKind)
    rule = kind == Kind::Pointwise || kind == Kind::Linear || kind == Kind::Comparison ? OutRule::Cast : OutRule::Same;
  // Everything that can fail comes first: a failed operator leaves all as it was.
  for (std::size_t i = 0; i < outs.size(); ++i) {
    const Tensor &out = outs[i], &result = results[i];
    if (modes.grad && (tracked || out.requires_grad())) {
      fail_runtime(name,
                   "(): functions with out=... arguments don't support automatic differentiation, but one of the "
                   "arguments requires grad.");
    }
    if (out->has(kInference) && !modes.inference) check_inplace(out, false);
    check_out_dtype(result.dtype(), out.dtype(), rule, name);
    check_no_overlap(out);
    // Sums and products are computed aside, whatever the memory; elsewhere PyTorch refuses.
    if (kind != Kind::Reduction && kind != Kind::Contraction) {
      for (const Tensor& t : inputs) check_no_partial_overlap(out, t);
    }
  }
  for (std::size_t i = 0; i < outs.size(); ++i) {
    const Tensor &out = outs[i], &result = results[i];
    if (same(out.sizes(), result.sizes())) continue;
    const std::size_t needed = std::size_t(out->offset) + std::size_t(result.numel() * out.itemsize());
    if (needed > out->storage->bytes() && out->storage->is_foreign())
      fail_runtime("Trying to resize storage that is not resizable");
    if (out.numel() == 0) continue;
    const std::string text =
        cat("An output with one or more elements was resized since it had shape ", str(out.sizes()),
            ", which does not match the required output shape ", str(result.sizes()),
            ". This behavior is deprecated, and in a future PyTorch release outputs will not be resized unless they "
            "have zero elements. "
            "You can explicitly reuse an out tensor t by resizing it, inplace, to zero elements with t.resize_(0).");
    if (PyErr_WarnEx(PyExc_UserWarning, text.c_str(), 1) < 0) throw PythonError();
  }
  for (std::size_t i = 0; i < outs.size(); ++i) {
    const Tensor &out = outs[i], &result = results[i];
    if (!same(out.sizes(), result.sizes())) {
      resize(out, result.sizes());
      if (!result.is_contiguous() && is_dense(result.sizes(), result.strides()))
        set_geometry(out.get(), result.sizes(), result.strides());
    }
    copy_into(out, result);
    out->bump_version();
  }
}

std::optional<DType> dtype_or_out(const Args& a, int dtype_slot, int out_slot) {
  if (!a.has(out_slot)) return a.dtype(dtype_slot);
  const DType out = a.tensor(out_slot).dtype();
  if (a.has(dtype_slot) && *a.dtype(dtype_slot) != out) {
    fail_runtime("Expected out tensor to have dtype ", cpp_type_name(*a.dtype(dtype_slot)), ", but got ",
                 cpp_type_name(out), " instead");
  }
  return out;
}

DType chosen_type(const Args& a, int dtype_slot, int out_slot, DType otherwise) {
  if (auto d = a.dtype(dtype_slot)) {
    if (out_slot >= 0 && a.has(out_slot) && a.tensor(out_slot).dtype() != *d) {
      fail_runtime("dtype ", scalar_type_name(*d), " does not match dtype of out parameter (",
                   scalar_type_name(a.tensor(out_slot).dtype()), ")");
    }
    return *d;
  }
  return out_slot >= 0 && a.has(out_slot) ? a.tensor(out_slot).dtype() : otherwise;
}

PyObject* pack(std::span<Tensor> tensors) {
  PyObject* tuple = PyTuple_New(Py_ssize_t(tensors.size()));
  if (tuple == nullptr) throw PythonError();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    PyTuple_SET_ITEM(tuple, Py_ssize_t(i), tensors[i].defined() ? tensors[i].release() : Py_NewRef(Py_None));
  }
  return tuple;
}

PyObject* wrap_scalar(const Scalar& s) {
  switch (s.kind) {
    case Scalar::Kind::Bool: return PyBool_FromLong(s.i != 0);
    case Scalar::Kind::Int: return PyLong_FromLongLong(s.i);
    case Scalar::Kind::Float: return PyFloat_FromDouble(s.d);
    case Scalar::Kind::Complex: break;
  }
  return PyComplex_FromDoubles(s.d, s.im);
}

PyObject* pack_named(const char* name, std::initializer_list<const char*> fields,
                     std::initializer_list<Tensor> tensors) {
  // The classes are Python's (rushlight.return_types), made once each and kept here by name.
  static PyObject* classes = PyDict_New();
  PyObject* cls = PyDict_GetItemString(classes, name);
  if (cls == nullptr) {
    Object list = Object::check(PyTuple_New(Py_ssize_t(fields.size())));
    Py_ssize_t i = 0;
    for (const char* f : fields) PyTuple_SET_ITEM(list.get(), i++, PyUnicode_FromString(f));
    Object module = Object::check(PyImport_ImportModule("rushlight.return_types"));
    Object made = Object::check(PyObject_CallMethod(module.get(), "_make", "sO", name, list.get()));
    if (PyDict_SetItemString(classes, name, made.get()) < 0) throw PythonError();
    cls = made.get();
  }
  std::vector<Tensor> v(tensors);
  Object tuple = Object::check(pack(std::move(v)));
  return PyObject_CallOneArg(cls, tuple.get());
}

void translate_exception() noexcept {
  try {
    throw;
  } catch (const PythonError&) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "an error was raised without a message");
  } catch (const Error& e) {
    PyObject* type = PyExc_RuntimeError;
    switch (e.kind) {
      case ErrorKind::Runtime: break;
      case ErrorKind::Type: type = PyExc_TypeError; break;
      case ErrorKind::Value: type = PyExc_ValueError; break;
      case ErrorKind::Index: type = PyExc_IndexError; break;
      case ErrorKind::NotImplemented: type = PyExc_NotImplementedError; break;
      case ErrorKind::Overflow: type = PyExc_RuntimeError; break;
      case ErrorKind::Attribute: type = PyExc_AttributeError; break;
      case ErrorKind::Assertion: type = PyExc_AssertionError; break;
    }
    PyErr_SetString(type, e.message.c_str());
  } catch (const std::bad_alloc&) {
    PyErr_SetString(PyExc_RuntimeError, "not enough memory: no block for a small object could be allocated");
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  }
}

}  // namespace rl
