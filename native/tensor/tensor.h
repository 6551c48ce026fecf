// The tensor: a Python object, and the handle by which C++ holds it.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <utility>

#include "base/dims.h"
#include "base/dtype.h"
#include "base/scalar.h"
#include "tensor/storage.h"

namespace rl {

class Node;

/// A version counter of its own, for what `.data` gives (it shares memory but not versions).
struct VersionCounter {
  std::uint32_t refs;
  std::uint32_t value;
};

/// What few tensors have; made on demand.
struct TensorExtra {
  VersionCounter* version = nullptr;
  PyObject* hooks = nullptr;             // dict id -> callable: tensor hooks of a leaf
  PyObject* accumulate_hooks = nullptr;  // dict id -> callable: register_post_accumulate_grad_hook
};

enum TensorFlag : std::uint16_t {
  kRequiresGrad = 1,  // tracked: a leaf that asked for it, or a result with history
  kHasGradFn = 2,     // `grad_fn` is owned; else it is a leaf's accumulator, held weakly
  kContiguous = 4,
  kIsView = 8,  // differentiable view of `base`
  kRetainsGrad = 16,
  kInference = 32,
  kOwnVersion = 64,  // the counter is in `extra`
  kCollected = 128,  // tracked by Python's collector: it has attributes, or refers to what has
  // How a view came to be; it decides which in-place changes are allowed. See NOTE [Views] in autograd/views.h.
  kViewNoGrad = 256,
  kViewMulti = 512,
  kViewInCustom = 1024,
  kDual = 2048,  // a level of forward mode knows it. See NOTE [Duals] in tensor/dual.h.
};

inline constexpr int kInlineDims = 4;

struct TensorObject {
  PyObject_HEAD Storage* storage;
  std::int64_t offset;  // bytes from the storage's start
  std::int64_t numel;
  DType dtype;
  std::uint8_t ndim;
  std::uint16_t flags;
  std::uint32_t output_nr;
  std::uint32_t view_version;  // the version at which a view's grad_fn was made
  std::uint32_t born;          // how many levels of vmap had been opened when it was made; 0 for what shares its memory
  union {
    std::int64_t inline_dims[2 * kInlineDims];  // sizes, then strides from kInlineDims on
    std::int64_t* heap_dims;                    // sizes, then strides
  };
  Node* grad_fn;
  TensorObject* grad;
  TensorObject* base;
  TensorExtra* extra;
  PyObject* weakrefs;
  PyObject* dict;

  std::int64_t* sizes() { return ndim <= kInlineDims ? inline_dims : heap_dims; }
  std::int64_t* strides() { return ndim <= kInlineDims ? inline_dims + kInlineDims : heap_dims + ndim; }
  char* data() const { return storage->data() + offset; }
  bool has(std::uint16_t f) const { return flags & f; }
  std::uint32_t version() const { return flags & kOwnVersion ? extra->version->value : storage->version; }
  void bump_version() { ++(flags & kOwnVersion ? extra->version->value : storage->version); }
};

extern PyTypeObject* tensor_type;
/// nn.Parameter once it exists: a subclass that takes no calls over, so that operators treat it as a plain tensor.
extern PyTypeObject* parameter_type;
/// Of a type that every operator takes as it is, without asking for `__torch_function__`.
inline bool is_exact_tensor(PyObject* o) { return Py_IS_TYPE(o, tensor_type) || Py_IS_TYPE(o, parameter_type); }
inline bool is_tensor(PyObject* o) { return is_exact_tensor(o) || PyType_IsSubtype(Py_TYPE(o), tensor_type); }

/// Owns one reference to a tensor, or nothing ("undefined"): the argument and result of every operator in C++.
class Tensor {
 public:
  Tensor() = default;
  Tensor(const Tensor& o) : p_(o.p_) { Py_XINCREF(object()); }
  Tensor(Tensor&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  Tensor& operator=(const Tensor& o) { return *this = Tensor(o); }
  Tensor& operator=(Tensor&& o) noexcept {
    TensorObject* old = std::exchange(p_, std::exchange(o.p_, nullptr));
    Py_XDECREF(reinterpret_cast<PyObject*>(old));
    return *this;
  }
  ~Tensor() { Py_XDECREF(object()); }

  /// Takes over a reference, or shares one.
  static Tensor steal(TensorObject* p) {
    Tensor t;
    t.p_ = p;
    return t;
  }
  static Tensor steal(PyObject* p) { return steal(reinterpret_cast<TensorObject*>(p)); }
  static Tensor borrow(TensorObject* p) {
    Py_XINCREF(reinterpret_cast<PyObject*>(p));
    return steal(p);
  }
  static Tensor borrow(PyObject* p) { return borrow(reinterpret_cast<TensorObject*>(p)); }
  /// Gives the reference away: what an operator returns to Python.
  PyObject* release() { return reinterpret_cast<PyObject*>(std::exchange(p_, nullptr)); }
  PyObject* object() const { return reinterpret_cast<PyObject*>(p_); }
  TensorObject* operator->() const { return p_; }
  TensorObject* get() const { return p_; }
  explicit operator bool() const { return p_ != nullptr; }
  bool defined() const { return p_ != nullptr; }
  bool is(const Tensor& o) const { return p_ == o.p_; }

  int ndim() const { return p_->ndim; }
  std::int64_t numel() const { return p_->numel; }
  DType dtype() const { return p_->dtype; }
  Dims sizes() const { return {p_->sizes(), p_->ndim}; }
  Dims strides() const { return {p_->strides(), p_->ndim}; }  // in elements
  /// Size of a dimension; negative ones count from the end. The caller has checked the range.
  std::int64_t size(int d) const { return p_->sizes()[d < 0 ? d + p_->ndim : d]; }
  std::int64_t stride(int d) const { return p_->strides()[d < 0 ? d + p_->ndim : d]; }
  bool is_contiguous() const { return p_->has(kContiguous); }
  bool requires_grad() const { return p_->has(kRequiresGrad); }
  bool is_leaf() const { return !p_->has(kHasGradFn); }
  char* data() const { return p_->data(); }
  template <class T>
  T* data_as() const {
    return reinterpret_cast<T*>(p_->data());
  }
  int itemsize() const { return rl::itemsize(p_->dtype); }
  std::int64_t storage_offset() const { return p_->offset / itemsize(); }  // in elements

 private:
  TensorObject* p_ = nullptr;
};

/// A reference that somebody else holds for long enough (Python holds a call's arguments), as a handle without
/// counting. Not for what looks at the number of references: see `exclusive`.
class Borrowed {
 public:
  explicit Borrowed(PyObject* o) : t_(Tensor::steal(o)) {}
  ~Borrowed() {}
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  operator const Tensor&() const { return t_; }  // NOLINT: it stands for one

 private:
  union {
    Tensor t_;
  };
};

/// A RAII reference to any other Python object.
class Object {
 public:
  Object() = default;
  Object(const Object& o) : p_(o.p_) { Py_XINCREF(p_); }
  Object(Object&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  Object& operator=(Object o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~Object() { Py_XDECREF(p_); }
  static Object steal(PyObject* p) {
    Object o;
    o.p_ = p;
    return o;
  }
  static Object borrow(PyObject* p) {
    Py_XINCREF(p);
    return steal(p);
  }
  /// A new reference that must not be null: throws PythonError.
  static Object check(PyObject* p) {
    if (!p) throw PythonError();
    return steal(p);
  }
  PyObject* get() const { return p_; }
  PyObject* release() { return std::exchange(p_, nullptr); }
  explicit operator bool() const { return p_ != nullptr; }

 private:
  PyObject* p_ = nullptr;
};

/// Nobody but the holder of `t` can see its memory, so that it may be written over.
inline bool exclusive(const Tensor& t) {
  return Py_REFCNT(t.object()) == 1 && t->storage->refs() == 1 && !t->storage->is_foreign() && t->base == nullptr &&
         t->weakrefs == nullptr;
}

// --- creation of the object; none of these record history -------------------------------------------------------

/// Uninitialised memory in row-major order. Throws for sizes that are negative or overflow.
Tensor empty(Dims sizes, DType dtype);
/// Uninitialised, with the sizes of `t`, which is contiguous.
Tensor empty_same(const Tensor& t, DType dtype);
/// Uninitialised, with these strides (non-negative, dense or not; the storage spans what they reach).
Tensor empty_strided(Dims sizes, Dims strides, DType dtype);
/// Like `t`: its sizes, and its strides if it is dense without overlap ("preserve format"); `dtype` may differ.
Tensor empty_like(const Tensor& t, DType dtype);
/// A tensor on existing storage, from the given byte offset. Shares the version counter of `like` where given.
Tensor on_storage(Storage* storage, std::int64_t byte_offset, Dims sizes, Dims strides, DType dtype);
/// Another tensor object on the memory of `t`, without history; sizes, strides and byte offset may be new. It
/// shares the version counter. It is no differentiable view: that is make_view of autograd/views.h.
Tensor alias(const Tensor& t);
/// The same, of a contiguous tensor and with other sizes for as many elements.
Tensor alias(const Tensor& t, Dims sizes);
Tensor alias(const Tensor& t, Dims sizes, Dims strides, std::int64_t byte_offset);
/// A 0-dim tensor of this value.
Tensor scalar_tensor(const Scalar& value, DType dtype);
Tensor full(Dims sizes, const Scalar& value, DType dtype);
/// New sizes and strides for an existing object (out=, resize_, in-place views); its storage must fit.
void set_geometry(TensorObject* t, Dims sizes, Dims strides);
/// Makes `t` of these sizes, row-major, growing its storage where needed.
void resize(const Tensor& t, Dims sizes);
/// From now on the collector looks at the tensor.
void collect(TensorObject* t);
/// How many levels of vmap have been opened so far, in all threads: what `born` of new tensors is.
extern std::uint32_t births;
/// What a dying tensor with the flag kDual is told to.
extern void (*forget_dual)(TensorObject*) noexcept;
/// The rare parts of `t`, made on demand.
TensorExtra& make_extra(TensorObject* t);
/// Gives `t` a version counter of its own.
void own_version(const Tensor& t);

/// The default floating dtype, and its complex counterpart.
DType default_dtype();
void set_default_dtype(DType d);

// --- geometry -----------------------------------------------------------------------------------------------------

/// Product of sizes; throws for negative sizes and for overflow, as PyTorch.
std::int64_t checked_numel(Dims sizes);
bool is_contiguous(Dims sizes, Dims strides);
/// Dense, without overlap: a permutation of a contiguous layout.
bool is_dense(Dims sizes, Dims strides);
/// Some two elements may share memory (expanded views).
bool has_overlap(Dims sizes, Dims strides);
/// `dim` in [0, ndim); negative ones wrap. IndexError with PyTorch's words. ndim 0 counts as 1.
int wrap_dim(std::int64_t dim, int ndim);
/// The shape that both broadcast to; PyTorch's error where there is none.
DimVec broadcast_shapes(Dims a, Dims b);
/// Infers one -1 in `shape` for `numel` elements.
DimVec infer_shape(Dims shape, std::int64_t numel);
/// Strides with which `sizes`/`strides` can be seen as `shape` without a copy; false if there are none.
bool view_strides(Dims sizes, Dims strides, Dims shape, DimVec& out);
/// Row-major strides in the order of `like`'s layout, for results that keep their input's layout.
DimVec dense_strides_like(Dims sizes, Dims strides);

// --- type promotion (`torch.result_type`) --------------------------------------------------------------------------

/// Collects operands by priority: tensors with dimensions, 0-dim tensors, numbers.
class Promotion {
 public:
  void add(const Tensor& t) {
    DType& slot = t.ndim() > 0 ? dim_ : zero_;
    bool& seen = t.ndim() > 0 ? has_dim_ : has_zero_;
    slot = seen ? promote(slot, t.dtype()) : t.dtype();
    seen = true;
  }
  void add(const Scalar& s);
  DType result() const;

 private:
  DType dim_ = DType::Bool, zero_ = DType::Bool, number_ = DType::Bool;
  bool has_dim_ = false, has_zero_ = false, has_number_ = false;
};
DType result_type(const Tensor& a, const Tensor& b);
DType result_type(const Tensor& a, const Scalar& b);
bool can_cast(DType from, DType to);

// --- reading and copying elements; no history
// -------------------------------------------------------------------------

/// The single element (`item()`); RuntimeError with PyTorch's words if there is not exactly one.
Scalar item(const Tensor& t);
/// dst <- src, broadcast and converted; raw: no versions, no history. Handles overlap of dst and src.
void copy_into(const Tensor& dst, const Tensor& src);
void fill(const Tensor& dst, const Scalar& value);
/// Contiguous copy with this dtype; raw.
Tensor to_contiguous(const Tensor& t, DType dtype);
/// `t` itself if it is contiguous and of this dtype, else a contiguous copy; raw.
Tensor contiguous_as(const Tensor& t, DType dtype);

}  // namespace rl
