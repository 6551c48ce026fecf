#include "tensor/tensor.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "autograd/release.h"
#include "base/alloc.h"

namespace rl {

PyTypeObject* tensor_type = nullptr;
PyTypeObject* parameter_type = nullptr;

namespace {

/// Freed objects of the exact type, kept for reuse. All their fields are as new but for storage, offset, numel, dtype,
/// ndim, flags, output_nr, view_version and sizes.
template <int Capacity>
struct FreeObjects {
  int count = 0;
  TensorObject* objects[Capacity];

  bool put(TensorObject* t) {
    if (count == Capacity) return false;
    objects[count++] = t;
    return true;
  }
  /// A free object with its one reference, or null. It keeps its type and the reference to it.
  TensorObject* take() {
    if (count == 0) return nullptr;
    TensorObject* t = objects[--count];
#if defined(Py_REF_DEBUG) || defined(Py_TRACE_REFS)
    _Py_NewReference(reinterpret_cast<PyObject*>(t));
#else
    Py_SET_REFCNT(reinterpret_cast<PyObject*>(t), 1);
#endif
    return t;
  }
};
// Without a storage, and with one that has small or large room for data: together less than two megabytes.
FreeObjects<2048> free_bare;
FreeObjects<4096> free_small;
FreeObjects<1024> free_large;

DType default_float = DType::Float;

std::size_t heap_dims_bytes(int ndim) { return 2 * std::size_t(ndim) * sizeof(std::int64_t); }

void* dims_alloc(std::size_t bytes) { return bytes <= 512 ? small_alloc(bytes) : buffer_alloc(bytes); }
void dims_free(void* p, std::size_t bytes) { bytes <= 512 ? small_free(p, bytes) : buffer_free(p, bytes); }

void free_dims(TensorObject* t) {
  if (t->ndim > kInlineDims) dims_free(t->heap_dims, heap_dims_bytes(t->ndim));
  t->ndim = 0;
}

/// What a reused object still has of its former life, apart from storage, dtype and geometry.
void reset(TensorObject* t) {
  t->offset = 0;
  t->flags = modes_inference() ? kInference : 0;
  t->ndim = 0;
  t->output_nr = 0;
  t->view_version = 0;
  t->born = births;
}

/// An object whose storage, dtype and geometry are still to be set.
TensorObject* new_object() {
  TensorObject* t = free_bare.take();
  if (t == nullptr) [[unlikely]] {
    t = PyObject_GC_New(TensorObject, tensor_type);
    if (t == nullptr) throw PythonError();
    t->grad_fn = nullptr;
    t->grad = nullptr;
    t->base = nullptr;
    t->extra = nullptr;
    t->weakrefs = nullptr;
    t->dict = nullptr;
  }
  t->storage = nullptr;
  reset(t);
  return t;
}

/// a * b modulo 2^64: beside a size of 0 the others may be of any magnitude, and strides then have no meaning.
std::int64_t times(std::int64_t a, std::int64_t b) { return std::int64_t(std::uint64_t(a) * std::uint64_t(b)); }

/// Row-major sizes and strides; `n` elements.
void put_contiguous(TensorObject* t, Dims sizes, std::int64_t n) {
  const std::size_t nd = sizes.size();
  if (nd > std::size_t(kInlineDims)) t->heap_dims = static_cast<std::int64_t*>(dims_alloc(heap_dims_bytes(int(nd))));
  t->ndim = std::uint8_t(nd);
  std::int64_t* s = t->sizes();
  std::int64_t* st = t->strides();
  std::int64_t step = 1;
  for (std::size_t i = nd; i-- > 0;) {
    s[i] = sizes[i];
    st[i] = step;
    step = times(step, std::max<std::int64_t>(sizes[i], 1));
  }
  t->numel = n;
  t->flags |= kContiguous;
}

void put_dims(TensorObject* t, Dims sizes, Dims strides) {
  const std::size_t n = sizes.size();
  if (n > std::size_t(kInlineDims)) t->heap_dims = static_cast<std::int64_t*>(dims_alloc(heap_dims_bytes(int(n))));
  t->ndim = std::uint8_t(n);
  std::int64_t* s = t->sizes();
  std::int64_t* st = t->strides();
  std::int64_t numel = 1;
  for (std::size_t i = 0; i < n; ++i) {
    s[i] = sizes[i];
    st[i] = strides[i];
    numel = times(numel, sizes[i]);
  }
  t->numel = numel;
  t->flags = std::uint16_t((t->flags & ~kContiguous) | (is_contiguous(sizes, strides) ? kContiguous : 0));
}

}  // namespace

// --- life and death
// ---------------------------------------------------------------------------------------------------

std::uint32_t births = 0;
void (*forget_dual)(TensorObject*) noexcept = nullptr;

void free_extra(TensorExtra* e) noexcept {
  if (e->version != nullptr && --e->version->refs == 0) small_free(e->version, sizeof(VersionCounter));
  Py_XDECREF(e->hooks);
  Py_XDECREF(e->accumulate_hooks);
  small_free(e, sizeof(TensorExtra));
}

TensorExtra& make_extra(TensorObject* t) {
  if (t->extra == nullptr) t->extra = new (small_alloc(sizeof(TensorExtra))) TensorExtra();
  return *t->extra;
}

/// Drops what the tensor refers to in the graph and in Python; its memory stays. Used by dealloc and by the collector.
void clear_references(TensorObject* t) noexcept {
  Node* fn = t->has(kHasGradFn) ? t->grad_fn : nullptr;
  t->flags = std::uint16_t(t->flags & ~kHasGradFn);
  t->grad_fn = nullptr;
  TensorObject* grad = std::exchange(t->grad, nullptr);
  TensorObject* base = std::exchange(t->base, nullptr);
  if (fn != nullptr) release_node(fn);
  // A gradient may have a gradient, and so on: its own is taken out first, so that no chain of them recurses.
  while (grad != nullptr) {
    auto* object = reinterpret_cast<PyObject*>(grad);
    grad = Py_REFCNT(object) == 1 ? std::exchange(grad->grad, nullptr) : nullptr;
    Py_DECREF(object);
  }
  Py_XDECREF(reinterpret_cast<PyObject*>(base));
  Py_CLEAR(t->dict);
}

void tensor_dealloc(PyObject* self) {
  auto* t = reinterpret_cast<TensorObject*>(self);
  PyTypeObject* type = Py_TYPE(self);
  // Most have none of these; one look at all of them.
  const auto word = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p); };
  if ((word(t->weakrefs) | word(t->grad) | word(t->base) | word(t->dict) | word(t->extra)) != 0 || t->has(kCollected) ||
      type != tensor_type) {
    // Python tracks a subclass's instance again before it calls this.
    if (t->has(kCollected) || type != tensor_type) PyObject_GC_UnTrack(self);
    if (t->weakrefs != nullptr) PyObject_ClearWeakRefs(self);
    clear_references(t);
    if (t->has(kDual)) forget_dual(t);
    if (t->extra != nullptr) free_extra(std::exchange(t->extra, nullptr));
  } else if (t->has(kHasGradFn)) {
    t->flags = std::uint16_t(t->flags & ~kHasGradFn);
    release_node(std::exchange(t->grad_fn, nullptr));
  }
  t->grad_fn = nullptr;
  free_dims(t);
  if (type == tensor_type) {
    Storage* storage = t->storage;
    if (storage != nullptr) {
      if (storage->is_reusable() && (storage->has_large_room() ? free_large.put(t) : free_small.put(t))) return;
      t->storage = nullptr;
      storage->release();  // may run Python code
    }
    if (free_bare.put(t)) return;
  } else if (t->storage != nullptr) {
    std::exchange(t->storage, nullptr)->release();
  }
  type->tp_free(self);
  Py_DECREF(type);
}

void collect(TensorObject* t) {
  if (t->has(kCollected)) return;
  t->flags |= kCollected;
  PyObject_GC_Track(reinterpret_cast<PyObject*>(t));
}

// --- creation
// ---------------------------------------------------------------------------------------------------------

std::int64_t checked_numel(Dims sizes) {
  std::int64_t n = 1;
  bool zero = false, overflow = false;
  for (auto s : sizes) {
    if (s < 0) fail_runtime("Trying to create tensor with negative dimension ", s, ": ", str(sizes));
    zero |= s == 0;
    overflow |= __builtin_mul_overflow(n, s, &n);
  }
  if (zero) return 0;
  if (overflow) fail_runtime("Storage size calculation overflowed with sizes=", str(sizes));
  return n;
}

namespace {

std::size_t bytes_for(std::int64_t elements, DType dtype) {
  std::int64_t bytes;
  if (__builtin_mul_overflow(elements, std::int64_t(itemsize(dtype)), &bytes) || bytes >= (std::int64_t(1) << 55)) {
    fail_runtime("Storage size calculation overflowed with sizes of ", elements, " elements of ", dtype_name(dtype));
  }
  return std::size_t(bytes);
}

Tensor with_storage(Storage* owned, std::int64_t offset, Dims sizes, Dims strides, DType dtype) {
  struct Guard {
    Storage* s;
    ~Guard() {
      if (s != nullptr) s->release();
    }
  } guard{owned};
  TensorObject* t = new_object();
  t->storage = std::exchange(guard.s, nullptr);
  t->offset = offset;
  t->dtype = dtype;
  Tensor result = Tensor::steal(t);
  put_dims(t, sizes, strides);
  return result;
}

}  // namespace

namespace {

[[gnu::noinline]] Tensor blank_slow(std::int64_t n, DType dtype) {
  Storage* storage = Storage::create(bytes_for(n, dtype));
  TensorObject* t;
  try {
    t = new_object();
  } catch (...) {
    storage->release();
    throw;
  }
  t->storage = storage;
  t->dtype = dtype;
  return Tensor::steal(t);
}

/// A new object on fresh memory for `n` elements; its geometry is still to be set.
[[gnu::always_inline]] inline Tensor blank(std::int64_t n, DType dtype) {
  if (n > std::int64_t(Storage::kLargeRoom)) return blank_slow(n, dtype);
  const std::size_t bytes = std::size_t(n) * std::size_t(itemsize(dtype));
  TensorObject* t;
  if (bytes <= Storage::kSmallRoom) [[likely]]
    t = free_small.take();
  else if (bytes <= Storage::kLargeRoom)
    t = free_large.take();
  else
    return blank_slow(n, dtype);
  if (t == nullptr) [[unlikely]]
    return blank_slow(n, dtype);
  t->storage->reuse(bytes);
  t->dtype = dtype;
  reset(t);
  return Tensor::steal(t);
}

}  // namespace

Tensor empty(Dims sizes, DType dtype) {
  const std::int64_t n = checked_numel(sizes);
  Tensor t = blank(n, dtype);
  put_contiguous(t.get(), sizes, n);
  return t;
}

Tensor empty_same(const Tensor& like, DType dtype) {
  if (like.ndim() > kInlineDims) return empty(like.sizes(), dtype);
  Tensor t = blank(like.numel(), dtype);
  t->numel = like.numel();
  t->ndim = like->ndim;
  t->flags = std::uint16_t(t->flags | kContiguous);
  std::memcpy(t->inline_dims, like->inline_dims, sizeof t->inline_dims);
  return t;
}

Tensor empty_strided(Dims sizes, Dims strides, DType dtype) {
  std::int64_t reach = checked_numel(sizes) == 0 ? 0 : 1;
  for (std::size_t i = 0; i < sizes.size() && reach > 0; ++i) {
    std::int64_t step;
    if (__builtin_mul_overflow(sizes[i] - 1, strides[i], &step) || __builtin_add_overflow(reach, step, &reach)) {
      fail_runtime("Storage size calculation overflowed with sizes=", str(sizes), " and strides=", str(strides));
    }
  }
  return with_storage(Storage::create(bytes_for(reach, dtype)), 0, sizes, strides, dtype);
}

Tensor empty_like(const Tensor& t, DType dtype) {
  if (t.is_contiguous()) return empty_same(t, dtype);
  return empty_strided(t.sizes(), dense_strides_like(t.sizes(), t.strides()), dtype);
}

Tensor on_storage(Storage* storage, std::int64_t byte_offset, Dims sizes, Dims strides, DType dtype) {
  storage->retain();
  return with_storage(storage, byte_offset, sizes, strides, dtype);
}

namespace {

Tensor join_versions(const Tensor& t, Tensor r) {
  if (t->has(kOwnVersion)) {
    VersionCounter* v = t->extra->version;
    make_extra(r.get()).version = v;
    ++v->refs;
    r->flags |= kOwnVersion;
  }
  r->flags = std::uint16_t((r->flags & ~kInference) | (t->flags & kInference));
  r->born = 0;
  return r;
}

}  // namespace

Tensor alias(const Tensor& t, Dims sizes, Dims strides, std::int64_t byte_offset) {
  return join_versions(t, on_storage(t->storage, byte_offset, sizes, strides, t.dtype()));
}

Tensor alias(const Tensor& t, Dims sizes) {
  TensorObject* r = new_object();
  t->storage->retain();
  r->storage = t->storage;
  r->offset = t->offset;
  r->dtype = t.dtype();
  Tensor owned = Tensor::steal(r);
  put_contiguous(r, sizes, t.numel());
  return join_versions(t, std::move(owned));
}

Tensor alias(const Tensor& t) { return alias(t, t.sizes(), t.strides(), t->offset); }

void own_version(const Tensor& t) {
  TensorExtra& e = make_extra(t.get());
  if (t->has(kOwnVersion) && --e.version->refs == 0) small_free(e.version, sizeof(VersionCounter));
  e.version = new (small_alloc(sizeof(VersionCounter))) VersionCounter{1, 0};
  t->flags |= kOwnVersion;
}

Tensor scalar_tensor(const Scalar& value, DType dtype) {
  Tensor t = empty({}, dtype);
  value.store(t.data(), dtype);
  return t;
}

Tensor full(Dims sizes, const Scalar& value, DType dtype) {
  Tensor t = empty(sizes, dtype);
  fill(t, value);
  return t;
}

void set_geometry(TensorObject* t, Dims sizes, Dims strides) {
  const DimVec new_sizes(sizes), new_strides(strides);  // they may be the tensor's own
  free_dims(t);
  put_dims(t, new_sizes, new_strides);
}

void resize(const Tensor& t, Dims sizes) {
  const std::int64_t n = checked_numel(sizes);
  const std::size_t needed = std::size_t(t->offset) + bytes_for(n, t.dtype());
  if (needed > t->storage->bytes()) t->storage->resize(needed);
  set_geometry(t.get(), sizes, contiguous_strides(sizes));
}

DType default_dtype() { return default_float; }
void set_default_dtype(DType d) { default_float = d; }

// --- geometry
// ---------------------------------------------------------------------------------------------------------

bool is_contiguous(Dims sizes, Dims strides) {
  std::int64_t step = 1;
  for (std::size_t i = sizes.size(); i-- > 0;) {
    if (sizes[i] == 0) return true;
  }
  for (std::size_t i = sizes.size(); i-- > 0;) {
    if (sizes[i] == 1) continue;
    if (strides[i] != step) return false;
    step = times(step, sizes[i]);
  }
  return true;
}

namespace {

/// Dimensions ordered from the smallest stride to the largest.
DimVec by_stride(Dims sizes, Dims strides) {
  DimVec order;
  for (std::size_t i = sizes.size(); i-- > 0;) order.push_back(std::int64_t(i));
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return strides[a] < strides[b]; });
  return order;
}

}  // namespace

bool is_dense(Dims sizes, Dims strides) {
  if (is_contiguous(sizes, strides)) return true;
  std::int64_t step = 1;
  const DimVec order = by_stride(sizes, strides);
  for (auto i : order) {
    if (sizes[i] == 0) return true;
    if (sizes[i] == 1) continue;
    if (strides[i] != step) return false;
    step = times(step, sizes[i]);
  }
  return true;
}

bool has_overlap(Dims sizes, Dims strides) {
  // Sufficient for what views can make: each dimension must step over all smaller ones.
  std::int64_t reach = 0;
  const DimVec order = by_stride(sizes, strides);
  for (auto i : order) {
    if (sizes[i] == 0) return false;
  }
  for (auto i : order) {
    if (sizes[i] == 1) continue;
    if (strides[i] <= reach) return true;
    reach += strides[i] * (sizes[i] - 1);
  }
  return false;
}

int wrap_dim(std::int64_t dim, int ndim) {
  const int n = ndim == 0 ? 1 : ndim;
  if (dim < -n || dim >= n) {
    fail_index("Dimension out of range (expected to be in range of [", -n, ", ", n - 1, "], but got ", dim, ")");
  }
  return int(dim < 0 ? dim + n : dim);
}

DimVec broadcast_shapes(Dims a, Dims b) {
  const std::size_t n = std::max(a.size(), b.size());
  DimVec out;
  out.resize(n);
  for (std::size_t k = 0; k < n; ++k) {  // k counts from the last dimension
    const std::int64_t x = k < a.size() ? a[a.size() - 1 - k] : 1;
    const std::int64_t y = k < b.size() ? b[b.size() - 1 - k] : 1;
    if (x != y && x != 1 && y != 1) {
      fail_runtime("The size of tensor a (", x, ") must match the size of tensor b (", y,
                   ") at non-singleton dimension ", n - 1 - k);
    }
    out[n - 1 - k] = x == 1 ? y : x;
  }
  return out;
}

DimVec infer_shape(Dims shape, std::int64_t numel) {
  DimVec out(shape);
  std::int64_t known = 1;
  int unknown = -1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1) {
      if (unknown >= 0) fail_runtime("only one dimension can be inferred");
      unknown = int(i);
    } else if (shape[i] < 0) {
      fail_runtime("invalid shape dimension ", shape[i], " at index ", i, " of shape ", str(shape));
    } else if (__builtin_mul_overflow(known, shape[i], &known)) {
      known = -1;
      break;
    }
  }
  if (numel == known || (unknown >= 0 && known > 0 && numel % known == 0)) {
    if (unknown >= 0) {
      if (known == 0) {
        fail_runtime("cannot reshape tensor of 0 elements into shape ", str(shape),
                     " because the unspecified dimension size -1 can be any value and is ambiguous");
      }
      out[unknown] = numel / known;
    }
    return out;
  }
  fail_runtime("shape '", str(shape), "' is invalid for input of size ", numel);
}

bool view_strides(Dims sizes, Dims strides, Dims shape, DimVec& out) {
  out.resize(shape.size());
  if (product(sizes) == 0) {
    if (same(sizes, shape)) {
      out.assign(strides);
    } else {
      out = contiguous_strides(shape);
    }
    return true;
  }
  if (sizes.empty()) {
    for (auto& s : out) s = 1;
    return true;
  }
  // Runs of old dimensions that lie in memory as one are matched with runs of new ones, from the end.
  int v = int(shape.size()) - 1;
  std::int64_t base = strides.back(), run = 1, covered = 1;
  for (int d = int(sizes.size()) - 1; d >= 0; --d) {
    run *= sizes[d];
    if (d == 0 || (sizes[d - 1] != 1 && strides[d - 1] != run * base)) {
      while (v >= 0 && (covered < run || shape[v] == 1)) {
        out[v] = covered * base;
        covered *= shape[v];
        --v;
      }
      if (covered != run) return false;
      if (d > 0) {
        base = strides[d - 1];
        run = covered = 1;
      }
    }
  }
  return v == -1;
}

DimVec dense_strides_like(Dims sizes, Dims strides) {
  if (is_contiguous(sizes, strides)) return contiguous_strides(sizes);
  if (is_dense(sizes, strides)) return DimVec(strides);
  // Keep the order of the strides; broadcast dimensions (stride 0) keep their place between their neighbours.
  const int n = int(sizes.size());
  DimVec order;
  for (int i = n - 1; i >= 0; --i) order.push_back(i);
  const auto before = [&](std::int64_t a, std::int64_t b) {  // 1: a is outside of b, -1: inside, 0: no matter
    if (strides[a] == 0 || strides[b] == 0 || strides[a] == strides[b]) {
      return strides[a] != 0 && strides[a] == strides[b] && sizes[a] > sizes[b] ? 1 : 0;
    }
    return strides[a] < strides[b] ? -1 : 1;
  };
  for (int i = 1; i < n; ++i) {
    int at = i;
    for (int j = i - 1; j >= 0; --j) {
      const int c = before(order[j], order[at]);
      if (c > 0) {
        std::swap(order[j], order[at]);
        at = j;
      } else if (c < 0) {
        break;
      }
    }
  }
  DimVec out;
  out.resize(n);
  std::int64_t step = 1;
  for (auto d : order) {
    out[d] = step;
    step = times(step, std::max<std::int64_t>(sizes[d], 1));
  }
  return out;
}

// --- promotion
// --------------------------------------------------------------------------------------------------------

namespace {

int category(DType d) { return d == DType::Bool ? 0 : is_integral(d, false) ? 1 : is_floating(d) ? 2 : 3; }

}  // namespace

void Promotion::add(const Scalar& s) {
  DType d = DType::Bool;
  switch (s.kind) {
    case Scalar::Kind::Bool: break;
    case Scalar::Kind::Int: d = DType::Int64; break;
    case Scalar::Kind::Float: d = default_float; break;
    case Scalar::Kind::Complex: d = to_complex(default_float); break;
  }
  number_ = has_number_ ? promote(number_, d) : d;
  has_number_ = true;
}

DType Promotion::result() const {
  // A lower priority counts only where its category is higher (a float number and an integer tensor give a float).
  const auto combine = [](DType higher, bool has_higher, DType lower, bool has_lower) {
    if (!has_lower) return higher;
    if (!has_higher) return lower;
    if (category(lower) <= category(higher)) return higher;
    return is_complex(lower) && is_floating(higher) ? to_complex(higher) : lower;
  };
  const DType tensors = combine(dim_, has_dim_, zero_, has_zero_);
  const bool has_tensor = has_dim_ || has_zero_;
  return combine(tensors, has_tensor, number_, has_number_);
}

DType result_type(const Tensor& a, const Tensor& b) {
  if (a.dtype() == b.dtype()) return a.dtype();
  Promotion p;
  p.add(a);
  p.add(b);
  return p.result();
}

DType result_type(const Tensor& a, const Scalar& b) {
  Promotion p;
  p.add(a);
  p.add(b);
  return p.result();
}

bool can_cast(DType from, DType to) {
  if (is_complex(from) && !is_complex(to)) return false;
  if (is_floating(from) && is_integral(to, true)) return false;
  if (from != DType::Bool && to == DType::Bool) return false;
  return true;
}

}  // namespace rl
