// From Python's arguments to an operator's: signatures, overloads, checks, error messages, `__torch_function__`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ops/ops.h"
#include "tensor/tensor.h"

namespace rl {

/// What an operator is, mathematically: tangent and batching rules, sampling of tests and benchmarks follow from it.
enum class Kind : std::uint8_t {
  Other,        // rules of its own
  Pointwise,    // out[i] = f(in[i], …), with broadcasting
  Linear,       // linear in its first argument
  Reduction,    // along dimensions
  Scan,         // along one dimension, same shape
  View,         // shares memory
  Movement,     // copies elements to other places
  Contraction,  // products summed over dimensions
  Creation,     // makes a tensor from sizes and numbers
  Random,
  Comparison,  // no derivative
  Query,       // about a tensor; no tensor results
};
const char* kind_name(Kind k);

enum Where : std::uint8_t { kFunction = 1, kMethod = 2, kBoth = 3 };

class Args;
struct OpDef;
using Impl = PyObject* (*)(const OpDef& def, Args& args);

/// One operator as Python sees it: the record of which there is one per name.
///
/// `signatures`: one per line, e.g. "(Tensor input, ints? dim=None, bool keepdim=False, *, dtype? dtype=None)". Types:
///   Tensor        a tensor                          Tensors      a sequence of tensors
///   Number        a Python number or 0-dim tensor   Operand      a tensor or a number
///   int float bool str                              ints         an int or a sequence of ints
///   size          ints, or ints one by one          dtype device layout format generator
///   any           anything
/// `?` after a type: None is allowed. A default makes the argument optional (its slot is null when left out).
/// As a method the first argument is self.
struct OpDef {
  const char* name;
  const char* signatures;
  Impl impl;
  Where where = kBoth;
  Kind kind = Kind::Other;
  const char* doc = "";
  const void* data = nullptr;  // the family's own record
};

/// Every operator of the core; filled by static Register objects.
std::vector<const OpDef*>& all_ops();
struct Register {
  template <std::size_t N>
  explicit Register(const OpDef (&defs)[N]) {
    for (const OpDef& d : defs) all_ops().push_back(&d);
  }
};

/// The bound arguments of one call. Slots are in the order of the signature that matched; all references borrowed.
class Args {
 public:
  static constexpr int kMax = 16;

  int overload = 0;  // which signature (line) matched
  PyObject* v[kMax];

  bool has(int i) const { return v[i] != nullptr && v[i] != Py_None; }
  /// The slot's tensor as a new reference; undefined if absent.
  Tensor tensor(int i) const { return has(i) ? Tensor::borrow(v[i]) : Tensor(); }
  bool is_tensor(int i) const { return has(i) && rl::is_tensor(v[i]); }
  Scalar scalar(int i) const;
  Scalar scalar(int i, const Scalar& otherwise) const { return has(i) ? scalar(i) : otherwise; }
  std::int64_t integer(int i) const;
  std::int64_t integer(int i, std::int64_t otherwise) const { return has(i) ? integer(i) : otherwise; }
  double real(int i) const;
  double real(int i, double otherwise) const { return has(i) ? real(i) : otherwise; }
  bool boolean(int i, bool otherwise = false) const { return has(i) ? PyObject_IsTrue(v[i]) == 1 : otherwise; }
  std::string string(int i, const char* otherwise = "") const;
  DimVec ints(int i) const;  // of a `size` slot too
  std::vector<Tensor> tensors(int i) const;
  /// All tensors among the arguments, also those in sequences, but for one slot.
  std::vector<Tensor> all_tensors(int but) const;
  std::optional<DType> dtype(int i) const;
  /// A dimension in [0, ndim); the first where left out.
  int dim(int i, int ndim) const { return wrap_dim(integer(i, 0), ndim); }
  /// Raises unless the slot is absent or means the CPU.
  void check_device(int i) const;

 private:
  friend class Binder;
  PyObject* const* var_ = nullptr;  // a `size` given one by one
  Py_ssize_t n_var_ = 0;
  int var_slot_ = -1;
};

/// Calls `impl` and turns C++ exceptions into Python's.
template <class F>
PyObject* guarded(F&& f) noexcept;
/// Sets the Python exception for the C++ exception in flight.
void translate_exception() noexcept;

/// The exception that waits in modes.pending (see SavedTensor::pack), in the place of a result.
PyObject* raise_pending(PyObject* result) noexcept;

template <class F>
PyObject* guarded(F&& f) noexcept {
  try {
    PyObject* result = f();
    if (modes.pending != nullptr) [[unlikely]]
      return raise_pending(result);
    return result;
  } catch (...) {
    translate_exception();
    return nullptr;
  }
}

/// How the dtype of `out=` may differ from the result's.
enum class OutRule : std::uint8_t {
  ByKind,  // Cast for pointwise and linear operators and comparisons, else Same
  Cast,    // to what can_cast allows
  Same,    // not at all
  Found,   // not at all, in the words of pointwise operators that do not convert
  Any,     // as it likes
  Parts,   // complex for a complex result, a float for a real one
};
/// The result of an operator with `out=`: `result` itself if the slot is absent, else `out` with the result in it.
/// `tracked`: an input takes part in the graph, which `out=` does not allow.
PyObject* give(Args& a, int out_slot, Tensor result, const char* name, bool tracked, OutRule rule = OutRule::ByKind);
/// The same for an `out` tensor at hand.
Tensor give_into(Tensor out, const Tensor& result, const char* name, bool tracked, OutRule rule = OutRule::ByKind);
/// Writes all results or, where one of them must not be written, none. `inputs`: what the outs must not overlap.
void give_all(std::span<const Tensor> outs, std::span<const Tensor> results, std::span<const Tensor> inputs,
              const char* name, bool tracked, OutRule rule = OutRule::ByKind);
/// The dtype that an operator computes in where `dtype=` and `out=` both may say so (sum, cumsum, …).
std::optional<DType> dtype_or_out(const Args& a, int dtype_slot, int out_slot);
/// The dtype of a new tensor: `dtype=`, else that of `out=` (slot -1: there is none), else `otherwise`.
DType chosen_type(const Args& a, int dtype_slot, int out_slot, DType otherwise);
/// A tuple of tensors.
PyObject* pack(std::span<Tensor> tensors);
inline PyObject* pack(std::vector<Tensor> v) { return pack(std::span<Tensor>(v)); }
/// A named tuple `torch.return_types.<name>(fields…)`.
PyObject* pack_named(const char* name, std::initializer_list<const char*> fields,
                     std::initializer_list<Tensor> tensors);
/// The `memory_format=` of a slot.
Format memory_format(const Args& a, int slot);
PyObject* wrap_scalar(const Scalar& s);
/// A Python number (or 0-dim tensor, or NumPy scalar) as a Scalar; throws TypeError.
Scalar to_scalar(PyObject* o);
bool is_number(PyObject* o);
std::int64_t to_index(PyObject* o);
/// rushlight.Size
PyObject* make_size(Dims sizes);
PyObject* wrap_dtype(DType d);
bool is_dtype(PyObject* o);
DType unwrap_dtype(PyObject* o);
/// A Python sequence or scalar of numbers as a new tensor (torch.tensor).
Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype);
/// The callable of an operator, by name; null if there is none. Borrowed.
PyObject* op_object(const char* name);
/// Exchanges what calling an operator runs, for all of them but queries; null puts back what was there.
void watch_operators(vectorcallfunc call);
/// What calling this operator runs when nothing watches.
vectorcallfunc plain_call(PyObject* op);
const char* operator_label(PyObject* op);
/// Is it written in Python, out of other operators?
bool is_composed(PyObject* op);
bool is_random(PyObject* op);
/// out[i] = f(in[i], ...) with one result, which is new memory.
bool is_elementwise(PyObject* op);
bool is_query(PyObject* op);
/// If some argument overrides `__torch_function__`: its result (a new reference), or null with an exception; else
/// nullopt.
std::optional<PyObject*> intercept(PyObject* func, PyObject* const* args, Py_ssize_t n, PyObject* kwnames);
/// The same for a method or slot of Tensor by its name ("__len__", "tolist"), asked for a tensor of a subclass. `taken`
/// says whether somebody took the call.
PyObject* intercept_method(const char* name, PyObject* o, PyObject* const* args, Py_ssize_t n, bool& taken);
/// Does the object's class take calls over, now?
bool takes_over(PyObject* o);
void add_operators(PyObject* module);

}  // namespace rl
