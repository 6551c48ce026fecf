// Element types, their C++ representations and PyTorch's promotion lattice.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace rl {

enum class DType : std::uint8_t {
  Bool,
  UInt8,
  Int8,
  Int16,
  Int32,
  Int64,
  Half,
  BFloat16,
  Float,
  Double,
  CFloat,
  CDouble,
};
inline constexpr int kDTypes = 12;

/// IEEE binary16, storage only: arithmetic happens in float.
struct half_t {
  std::uint16_t bits;

  half_t() = default;
  explicit half_t(float f) : bits(from_float(f)) {}
  explicit operator float() const { return to_float(bits); }

  static float to_float(std::uint16_t h) {
#if defined(__F16C__)
    return _cvtsh_ss(h);
#else
    const std::uint32_t sign = std::uint32_t(h & 0x8000u) << 16;
    const std::uint32_t exponent = (h >> 10) & 0x1fu;
    const std::uint32_t mantissa = h & 0x3ffu;
    if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
    if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
    const float subnormal = float(mantissa) * 0x1p-24f;
    return sign ? -subnormal : subnormal;
#endif
  }
  static std::uint16_t from_float(float f) {
#if defined(__F16C__)
    return _cvtss_sh(f, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    const std::uint32_t x = std::bit_cast<std::uint32_t>(f);
    const std::uint32_t sign = (x >> 16) & 0x8000u;
    const std::uint32_t magnitude = x & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return std::uint16_t(sign | 0x7e00u);
    if (magnitude >= 0x47800000u) return std::uint16_t(sign | 0x7c00u);
    if (magnitude < 0x38800000u) {  // subnormal: let the float adder round
      const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
      return std::uint16_t(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
    }
    const std::uint32_t odd = (magnitude >> 13) & 1u;
    return std::uint16_t(sign | ((magnitude + 0xc8000fffu + odd) >> 13));
#endif
  }
};

/// bfloat16: the upper half of a float, storage only.
struct bfloat16_t {
  std::uint16_t bits;

  bfloat16_t() = default;
  explicit bfloat16_t(float f) : bits(from_float(f)) {}
  explicit operator float() const { return std::bit_cast<float>(std::uint32_t(bits) << 16); }

  static std::uint16_t from_float(float f) {
    const std::uint32_t x = std::bit_cast<std::uint32_t>(f);
    const std::uint32_t rounded = (x + 0x7fffu + ((x >> 16) & 1u)) >> 16;
    return std::uint16_t(f != f ? 0x7fc0u : rounded);
  }
};

/// A complex number with the plain multiplication that PyTorch uses (std::complex's checks for
/// infinities prevent vectorisation).
template <class T>
struct cplx {
  using value_type = T;
  T re, im;

  cplx() = default;
  constexpr cplx(T r, T i = T(0)) : re(r), im(i) {}  // NOLINT: a real number is a complex one
  template <class U>
  explicit constexpr cplx(cplx<U> o) : re(T(o.re)), im(T(o.im)) {}

  friend constexpr cplx operator+(cplx a, cplx b) { return {a.re + b.re, a.im + b.im}; }
  friend constexpr cplx operator-(cplx a, cplx b) { return {a.re - b.re, a.im - b.im}; }
  friend constexpr cplx operator-(cplx a) { return {-a.re, -a.im}; }
  friend constexpr cplx operator*(cplx a, cplx b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
  friend cplx operator/(cplx a, cplx b) {  // scaled, after R. L. Smith, CACM 5 (1962) 435
    if (std::abs(b.re) >= std::abs(b.im)) {
      if (b.re == T(0) && b.im == T(0)) return {a.re / std::abs(b.re), a.im / std::abs(b.im)};
      const T ratio = b.im / b.re, scale = T(1) / (b.re + b.im * ratio);
      return {(a.re + a.im * ratio) * scale, (a.im - a.re * ratio) * scale};
    }
    const T ratio = b.re / b.im, scale = T(1) / (b.re * ratio + b.im);
    return {(a.re * ratio + a.im) * scale, (a.im * ratio - a.re) * scale};
  }
  cplx& operator+=(cplx b) { return *this = *this + b; }
  cplx& operator*=(cplx b) { return *this = *this * b; }
  friend constexpr bool operator==(cplx a, cplx b) { return a.re == b.re && a.im == b.im; }
  friend constexpr bool operator!=(cplx a, cplx b) { return !(a == b); }
};
using cfloat = cplx<float>;
using cdouble = cplx<double>;

template <class T>
inline constexpr bool is_complex_v = false;
template <class T>
inline constexpr bool is_complex_v<cplx<T>> = true;
template <class T>
inline constexpr bool is_half_v = std::is_same_v<T, half_t> || std::is_same_v<T, bfloat16_t>;

/// A type carried as a value, for `dispatch`.
template <class T>
struct Tag {
  using type = T;
};

/// Calls `f(Tag<T>{})` with the C++ type of `dtype`.
template <class F>
decltype(auto) dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::Bool: return f(Tag<bool>{});
    case DType::UInt8: return f(Tag<std::uint8_t>{});
    case DType::Int8: return f(Tag<std::int8_t>{});
    case DType::Int16: return f(Tag<std::int16_t>{});
    case DType::Int32: return f(Tag<std::int32_t>{});
    case DType::Int64: return f(Tag<std::int64_t>{});
    case DType::Half: return f(Tag<half_t>{});
    case DType::BFloat16: return f(Tag<bfloat16_t>{});
    case DType::Float: return f(Tag<float>{});
    case DType::Double: return f(Tag<double>{});
    case DType::CFloat: return f(Tag<cfloat>{});
    case DType::CDouble: break;
  }
  return f(Tag<cdouble>{});
}

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, bool>)
    return DType::Bool;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return DType::UInt8;
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return DType::Int8;
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return DType::Int16;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return DType::Int32;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return DType::Int64;
  else if constexpr (std::is_same_v<T, half_t>)
    return DType::Half;
  else if constexpr (std::is_same_v<T, bfloat16_t>)
    return DType::BFloat16;
  else if constexpr (std::is_same_v<T, float>)
    return DType::Float;
  else if constexpr (std::is_same_v<T, double>)
    return DType::Double;
  else if constexpr (std::is_same_v<T, cfloat>)
    return DType::CFloat;
  else
    return DType::CDouble;
}

/// Converts an element as PyTorch does: to bool by `!= 0`, float to integer by way of int64, complex to
/// real by dropping the imaginary part.
template <class To, class From>
inline To convert(From v) {
  if constexpr (std::is_same_v<To, From>)
    return v;
  else if constexpr (is_half_v<From>)
    return convert<To>(float(v));
  else if constexpr (is_half_v<To>)
    return To(convert<float>(v));
  else if constexpr (is_complex_v<From> && is_complex_v<To>)
    return To(v);
  else if constexpr (is_complex_v<From> && std::is_same_v<To, bool>)
    return v.re != 0 || v.im != 0;
  else if constexpr (is_complex_v<From>)
    return convert<To>(v.re);
  else if constexpr (is_complex_v<To>)
    return To(convert<typename To::value_type>(v));
  else if constexpr (std::is_same_v<To, bool>)
    return v != From(0);
  else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // Out of range is undefined in C++; the x86 instruction gives INT64_MIN, and so do we.
    const bool fits = v >= From(-0x1p63) && v < From(0x1p63);
    return To(fits ? std::int64_t(v) : INT64_MIN);
  } else
    return To(v);
}

inline constexpr std::uint8_t kItemSize[kDTypes] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16};
constexpr int itemsize(DType d) { return kItemSize[int(d)]; }
constexpr bool is_complex(DType d) { return d >= DType::CFloat; }
constexpr bool is_floating(DType d) { return d >= DType::Half && d <= DType::Double; }
constexpr bool is_differentiable(DType d) { return d >= DType::Half; }
constexpr bool is_integral(DType d, bool with_bool) { return d <= DType::Int64 && (with_bool || d != DType::Bool); }
constexpr DType to_real(DType d) { return d == DType::CFloat ? DType::Float : d == DType::CDouble ? DType::Double : d; }
constexpr DType to_complex(DType d) {
  return d == DType::Double || d == DType::CDouble ? DType::CDouble : DType::CFloat;
}
/// The type in which elements of `d` are computed: float for the 16-bit floats, else `d` itself.
constexpr DType compute_type(DType d) { return d == DType::Half || d == DType::BFloat16 ? DType::Float : d; }
/// "float32", "complex128", …
const char* dtype_name(DType d);
/// PyTorch's scalar type name, as its messages spell it: "Float", "ComplexDouble", "Long", …
const char* scalar_type_name(DType d);
/// The C++ type's name, as yet other messages spell it: "float", "c10::Half", "long int", …
const char* cpp_type_name(DType d);
/// The common type of two tensors of equal category (`torch.promote_types`).
DType promote(DType a, DType b);

}  // namespace rl
