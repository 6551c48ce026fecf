// DLPack, the exchange of memory with other array libraries: the layout that the protocol fixes, and both ways across
// it.
#include <bit>
#include <memory>

#include "python/bind.h"

namespace rl {
namespace {

// NOTE [DLPack layout]: these structs cross library boundaries; order and widths of their fields are the protocol's.
struct Device {
  std::int32_t type, id;
};
struct Element {
  std::uint8_t code, bits;
  std::uint16_t lanes;
};
struct Array {
  void* data;
  Device device;
  std::int32_t ndim;
  Element element;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; null means row-major
  std::uint64_t byte_offset;
};
struct Legacy {
  Array array;
  void* context;
  void (*deleter)(Legacy*);
};
struct Versioned {
  std::uint32_t major, minor;
  void* context;
  void (*deleter)(Versioned*);
  std::uint64_t flags;
  Array array;
};
constexpr std::uint64_t kReadOnly = 1, kCopied = 2;
constexpr std::int32_t kCpu = 1, kCudaHost = 3, kRocmHost = 11;  // pinned memory is the CPU's as well
enum Code : std::uint8_t { kInt = 0, kUInt = 1, kFloat = 2, kBfloat = 4, kComplex = 5, kBool = 6 };

/// The names of a capsule of each form: fresh, and after somebody has taken what is in it.
template <class Managed>
constexpr const char* kFresh = nullptr;
template <>
constexpr const char* kFresh<Legacy> = "dltensor";
template <>
constexpr const char* kFresh<Versioned> = "dltensor_versioned";
template <class Managed>
constexpr const char* kUsed = nullptr;
template <>
constexpr const char* kUsed<Legacy> = "used_dltensor";
template <>
constexpr const char* kUsed<Versioned> = "used_dltensor_versioned";

template <class... A>
[[noreturn, gnu::cold]] void fail_buffer(const A&... a) {
  PyErr_SetString(PyExc_BufferError, cat(a...).c_str());
  throw PythonError();
}

Element element_of(DType d) {
  const auto bits = std::uint8_t(8 * itemsize(d));
  if (d == DType::Bool) return {kBool, bits, 1};
  if (d == DType::UInt8) return {kUInt, bits, 1};
  if (d == DType::BFloat16) return {kBfloat, bits, 1};
  return {std::uint8_t(is_complex(d) ? kComplex : is_floating(d) ? kFloat : kInt), bits, 1};
}

DType dtype_of(Element e) {
  for (int i = 0; i < kDTypes; ++i) {
    const Element ours = element_of(DType(i));
    if (e.lanes == 1 && e.code == ours.code && e.bits == ours.bits) return DType(i);
  }
  fail_buffer("from_dlpack: no dtype stands for DLPack's type code ", int(e.code), " with ", int(e.bits), " bits and ",
              int(e.lanes), e.lanes == 1 ? " lane" : " lanes");
}

// --- out
// ----------------------------------------------------------------------------------------------------------------

/// What keeps an exported tensor's memory and geometry until the other side calls the deleter.
template <class Managed>
struct Export {
  Managed managed{};
  Storage* storage;
  DimVec sizes, strides;

  explicit Export(const Tensor& t) : storage(t->storage), sizes(t.sizes()), strides(t.strides()) {
    storage->retain();
    managed.array = {t.data(), {kCpu, 0}, t.ndim(), element_of(t.dtype()), sizes.data(), strides.data(), 0};
    managed.context = this;
    managed.deleter = [](Managed* m) {
      // The other side may be in any thread; storages are counted under the GIL. A process that is past its
      // interpreter's end keeps the memory: there is nobody left to give it back to.
      if (!Py_IsInitialized()) return;
      const PyGILState_STATE state = PyGILState_Ensure();
      {
        std::unique_ptr<Export> owned(static_cast<Export*>(m->context));
      }
      PyGILState_Release(state);
    };
  }
  ~Export() { storage->release(); }
  Export(const Export&) = delete;
  Export& operator=(const Export&) = delete;
};

/// A capsule that nobody has taken the tensor out of still owns it.
template <class Managed>
void destroy_capsule(PyObject* capsule) {
  if (!PyCapsule_IsValid(capsule, kFresh<Managed>)) return;
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(capsule, kFresh<Managed>));
  if (m->deleter != nullptr) m->deleter(m);
}

template <class Managed>
PyObject* export_as(std::unique_ptr<Export<Managed>> e) {
  PyObject* capsule = PyCapsule_New(&e->managed, kFresh<Managed>, destroy_capsule<Managed>);
  if (capsule == nullptr) throw PythonError();
  (void)e.release();  // the capsule's now
  return capsule;
}

PyObject* to_dlpack_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  if (!a.boolean(1)) return export_as(std::make_unique<Export<Legacy>>(t));
  auto e = std::make_unique<Export<Versioned>>(t);
  e->managed.major = 1;
  e->managed.minor = 0;
  e->managed.flags = a.boolean(2) ? kCopied : 0;
  return export_as(std::move(e));
}

// --- in
// -----------------------------------------------------------------------------------------------------------------

struct StorageRef {
  Storage* storage;
  ~StorageRef() { storage->release(); }
};

/// A tensor on the memory that the capsule holds. Until all is checked the capsule stays its owner.
template <class Managed>
Tensor import_from(PyObject* capsule, Managed* m) {
  const Array& array = m->array;
  if (array.device.type != kCpu && array.device.type != kCudaHost && array.device.type != kRocmHost) {
    fail_buffer("from_dlpack: the memory is on the DLPack device (", array.device.type, ", ", array.device.id,
                "), which is not the CPU's");
  }
  const DType d = dtype_of(array.element);
  if (array.ndim < 0 || array.ndim > kMaxDims)
    fail_buffer("from_dlpack: ", array.ndim, " dimensions; a tensor has 0 to ", kMaxDims);
  const DimVec sizes(Dims(array.shape, std::size_t(array.ndim)));
  const std::int64_t numel = checked_numel(sizes);
  const DimVec strides =
      array.strides ? DimVec(Dims(array.strides, std::size_t(array.ndim))) : contiguous_strides(sizes);
  std::int64_t reach = numel == 0 ? 0 : 1;
  for (std::size_t i = 0; i < sizes.size() && numel > 0; ++i) {
    if (sizes[i] == 1) continue;
    if (strides[i] < 0)
      fail_buffer("from_dlpack: strides ", str(strides), ": a tensor cannot have negative ones; copy the array first");
    std::int64_t span;
    if (__builtin_mul_overflow(sizes[i] - 1, strides[i], &span) || __builtin_add_overflow(reach, span, &reach)) {
      fail_buffer("from_dlpack: sizes ", str(sizes), " with strides ", str(strides), " exceed the address space");
    }
  }
  std::int64_t bytes;
  if (__builtin_mul_overflow(reach, std::int64_t(itemsize(d)), &bytes))
    fail_buffer("from_dlpack: sizes ", str(sizes), " exceed the address space");
  char* data = static_cast<char*>(array.data) + (array.data ? array.byte_offset : 0);
  const auto alignment = std::uintptr_t(is_complex(d) ? itemsize(d) / 2 : itemsize(d));
  if (numel > 0 && std::bit_cast<std::uintptr_t>(data) % alignment != 0)
    fail_buffer("from_dlpack: the memory is not aligned to its elements");
  const StorageRef owner{Storage::adopt(
      data, std::size_t(bytes),
      [](void* p) {
        auto* taken = static_cast<Managed*>(p);
        if (taken->deleter != nullptr) taken->deleter(taken);
      },
      m)};
  // From here on the storage owns it.
  PyCapsule_SetName(capsule, kUsed<Managed>);
  return on_storage(owner.storage, 0, sizes, strides, d);
}

/// (tensor, read only?)
PyObject* from_dlpack_op(const OpDef&, Args& a) {
  PyObject* capsule = a.v[0];
  Tensor t;
  bool read_only = false;
  if (PyCapsule_IsValid(capsule, kFresh<Versioned>)) {
    auto* m = static_cast<Versioned*>(PyCapsule_GetPointer(capsule, kFresh<Versioned>));
    // Another major version may have another layout behind its version and deleter.
    if (m->major != 1)
      fail_buffer("from_dlpack: the capsule is of DLPack ", m->major, ".", m->minor, "; 1.x and older are known here");
    read_only = m->flags & kReadOnly;
    t = import_from(capsule, m);
  } else if (PyCapsule_IsValid(capsule, kFresh<Legacy>)) {
    t = import_from(capsule, static_cast<Legacy*>(PyCapsule_GetPointer(capsule, kFresh<Legacy>)));
  } else {
    fail_runtime(
        "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so you might "
        "have already "
        "constructed a tensor from it once.");
  }
  Object tensor = Object::steal(t.release());
  return Py_BuildValue("(OO)", tensor.get(), read_only ? Py_True : Py_False);
}

const OpDef ops[] = {
    {"_to_dlpack", "(Tensor data, bool versioned=False, bool copied=False)", to_dlpack_op, kFunction, Kind::Query,
     "A DLPack capsule on the tensor's memory."},
    {"_from_dlpack", "(any capsule)", from_dlpack_op, kFunction, Kind::Query,
     "The tensor on the memory of a DLPack capsule, and whether that is read-only."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
