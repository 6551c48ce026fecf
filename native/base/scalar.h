// A Python number on its way into an operator.
#pragma once

#include "base/dtype.h"

namespace rl {

/// A bool, an integer, a real or a complex number, with the category that promotion needs.
struct Scalar {
  enum class Kind : std::uint8_t { Bool, Int, Float, Complex };
  Kind kind = Kind::Int;
  std::int64_t i = 0;
  double d = 0;  // the real part where kind is Float or Complex
  double im = 0;

  Scalar() = default;
  Scalar(bool v) : kind(Kind::Bool), i(v) {}                     // NOLINT
  Scalar(int v) : i(v) {}                                        // NOLINT
  Scalar(std::int64_t v) : i(v) {}                               // NOLINT
  Scalar(double v) : kind(Kind::Float), d(v) {}                  // NOLINT
  Scalar(cdouble v) : kind(Kind::Complex), d(v.re), im(v.im) {}  // NOLINT

  bool is_integral() const { return kind <= Kind::Int; }
  double real() const { return is_integral() ? double(i) : d; }
  std::int64_t integer() const { return is_integral() ? i : convert<std::int64_t>(d); }
  cdouble complex() const { return {real(), im}; }
  template <class T>
  T to() const {
    switch (kind) {
      case Kind::Bool:
      case Kind::Int: return convert<T>(i);
      case Kind::Float: return convert<T>(d);
      case Kind::Complex: break;
    }
    return convert<T>(complex());
  }
  /// Writes the number as one element of `dtype`.
  void store(void* p, DType dtype) const {
    dispatch(dtype, [&](auto t) {
      using T = typename decltype(t)::type;
      const T v = to<T>();
      std::memcpy(p, &v, sizeof v);
    });
  }
  static Scalar load(const void* p, DType dtype) {
    return dispatch(dtype, [&](auto t) -> Scalar {
      using T = typename decltype(t)::type;
      T v;
      std::memcpy(&v, p, sizeof v);
      if constexpr (is_complex_v<T>)
        return cdouble(v);
      else if constexpr (is_half_v<T>)
        return double(float(v));
      else if constexpr (std::is_floating_point_v<T>)
        return double(v);
      else if constexpr (std::is_same_v<T, bool>)
        return v;
      else
        return std::int64_t(v);
    });
  }
  bool equals(double v) const { return im == 0 && real() == v; }
};

}  // namespace rl
