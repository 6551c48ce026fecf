// Transcendental functions, the activations built on them, and powers.
#include "kernels/apply.h"
#include "kernels/level.h"

namespace rl {
namespace {

// ---- complex functions: libm's, for their care with overflow and branch cuts --------------------------------------
// C's complex functions rather than std::complex, whose templates the linker could merge across levels.
#define RL_TO_C(T)                       \
  RL_INLINE _Complex T to_c(cplx<T> z) { \
    _Complex T c;                        \
    __real__ c = z.re;                   \
    __imag__ c = z.im;                   \
    return c;                            \
  }
RL_TO_C(float) RL_TO_C(double) RL_INLINE cfloat from_c(_Complex float c) { return {__real__ c, __imag__ c}; }
RL_INLINE cdouble from_c(_Complex double c) { return {__real__ c, __imag__ c}; }
#define RL_COMPLEX(name)                                                           \
  RL_INLINE cfloat name(cfloat z) { return from_c(__builtin_##name##f(to_c(z))); } \
  RL_INLINE cdouble name(cdouble z) { return from_c(__builtin_##name(to_c(z))); }
// clang-format off
RL_COMPLEX(csqrt) RL_COMPLEX(cexp) RL_COMPLEX(clog) RL_COMPLEX(csin) RL_COMPLEX(ccos) RL_COMPLEX(ctan)
RL_COMPLEX(csinh) RL_COMPLEX(ccosh) RL_COMPLEX(ctanh) RL_COMPLEX(casin) RL_COMPLEX(cacos) RL_COMPLEX(catan)
RL_COMPLEX(casinh) RL_COMPLEX(cacosh) RL_COMPLEX(catanh)
    // clang-format on
    RL_INLINE cfloat cpow(cfloat x, cfloat y) {
  return from_c(__builtin_cpowf(to_c(x), to_c(y)));
}
RL_INLINE cdouble cpow(cdouble x, cdouble y) { return from_c(__builtin_cpow(to_c(x), to_c(y))); }

#define RL_LIBM_SCALAR(name)                                              \
  RL_INLINE float libm_##name(float x) { return __builtin_##name##f(x); } \
  RL_INLINE double libm_##name(double x) { return __builtin_##name(x); }
// clang-format off
RL_LIBM_SCALAR(sin) RL_LIBM_SCALAR(cos) RL_LIBM_SCALAR(tan) RL_LIBM_SCALAR(asin) RL_LIBM_SCALAR(acos)
RL_LIBM_SCALAR(atan) RL_LIBM_SCALAR(sinh) RL_LIBM_SCALAR(cosh) RL_LIBM_SCALAR(asinh) RL_LIBM_SCALAR(acosh)
RL_LIBM_SCALAR(atanh) RL_LIBM_SCALAR(log1p) RL_LIBM_SCALAR(expm1)
    // clang-format on

    // ---- roots, exponentials, logarithms
    // --------------------------------------------------------------------------------
    RL_OP1(Sqrt,
           {
             if constexpr (is_complex_v<T>)
               return csqrt(a);
             else
               return vm::sqrt(a);
           }) RL_OP1(Rsqrt,
                     {
                       if constexpr (is_complex_v<T>)
                         return T(1) / csqrt(a);
                       else
                         return T(1) / vm::sqrt(a);
                     }) RL_OP1(Reciprocal, { return T(1) / a; }) RL_OP1(Exp,
                                                                        {
                                                                          if constexpr (is_complex_v<T>)
                                                                            return cexp(a);
                                                                          else
                                                                            return vm::exp(a);
                                                                        })
        RL_OP1(Exp2,
               {
                 if constexpr (is_complex_v<T>)
                   return cexp(a * T(0x1.62e42fefa39efp-1));
                 else
                   return vm::exp2(a);
               }) RL_OP1(Expm1,
                         {
                           if constexpr (is_complex_v<T>) {
                             const auto m = libm_expm1(a.re), h = libm_sin(a.im / 2);
                             return T(m * libm_cos(a.im) - 2 * h * h, (m + 1) * libm_sin(a.im));
                           } else {
                             return vm::expm1(a);
                           }
                         }) RL_OP1(Log,
                                   {
                                     if constexpr (is_complex_v<T>)
                                       return clog(a);
                                     else
                                       return vm::log(a);
                                   }) template <class T>
        RL_INLINE cplx<T> scaled(cplx<T> z, T s) {
  return {z.re * s, z.im * s};
}
RL_OP1(Log2, {
  if constexpr (is_complex_v<T>)
    return scaled(clog(a), typename T::value_type(0x1.71547652b82fep0));
  else
    return vm::log2(a);
})
RL_OP1(Log10, {
  if constexpr (is_complex_v<T>)
    return scaled(clog(a), typename T::value_type(0x1.bcb7b1526e50ep-2));
  else
    return vm::log10(a);
})
template <class T>
RL_INLINE cplx<T> clog1p(cplx<T> a) {
  if (!(vm::hypot(a.re, a.im) < 0.5)) return clog(cplx<T>(1) + a);
  return {libm_log1p(a.re * (2 + a.re) + a.im * a.im) / 2, vm::atan2(a.im, 1 + a.re)};
}
RL_OP1(Log1p, {
  if constexpr (is_complex_v<T>)
    return clog1p(a);
  else
    return vm::log1p(a);
})

// ---- circular ------------------------------------------------------------------------------------------------------
/// A whole block by vectors if no element is too large for the fast reduction, else element by element; either
/// way an element's result depends on that element alone.
#define RL_TRIG(Name, fast, slow, complex)                                                                          \
  struct Name {                                                                                                     \
    template <class T>                                                                                              \
    static RL_INLINE T f(T a) {                                                                                     \
      if constexpr (is_complex_v<T>)                                                                                \
        return complex(a);                                                                                          \
      else                                                                                                          \
        return vm::fast(a);                                                                                         \
    }                                                                                                               \
    template <class T>                                                                                              \
      requires is_float<T>                                                                                          \
    static void inner(T* o, const T* a, std::int64_t n) {                                                           \
      constexpr std::int64_t block = 512;                                                                           \
      for (; n > 0; n -= block, o += block, a += block) {                                                           \
        const std::int64_t m = n < block ? n : block;                                                               \
        int large = 0;                                                                                              \
        for (std::int64_t i = 0; i < m; ++i) large |= vm::fabs(a[i]) > T(vm::kTrigMax);                             \
        _Pragma("GCC ivdep") for (std::int64_t i = 0; large == 0 && i < m; ++i) o[i] = f(a[i]);                     \
        if (large == 0) continue;                                                                                   \
        for (std::int64_t i = 0; i < m; ++i) o[i] = vm::fabs(a[i]) > T(vm::kTrigMax) ? libm_##slow(a[i]) : f(a[i]); \
      }                                                                                                             \
    }                                                                                                               \
  };
RL_TRIG(Sin, sin, sin, csin)
RL_TRIG(Cos, cos, cos, ccos)
RL_TRIG(Tan, tan, tan, ctan)
#define RL_LIBM_OP(Name, real, complex) \
  RL_OP1(Name, {                        \
    if constexpr (is_complex_v<T>)      \
      return complex(a);                \
    else                                \
      return libm_##real(a);            \
  })
RL_LIBM_OP(Asin, asin, casin)
RL_LIBM_OP(Acos, acos, cacos)
RL_LIBM_OP(Atan, atan, catan)

// ---- hyperbolic: floats by way of double and its short logarithm
// -----------------------------------------------------
RL_OP1(Sinh, {
  if constexpr (is_complex_v<T>) {
    return csinh(a);
  } else if constexpr (std::is_same_v<T, float>) {
    const double m = vm::expm1(vm::fabs(double(a)));
    // m is at most e^710 here: m / (m + 1) would be NaN for infinity
    return vm::copysign(float(m > 1e100 ? m : 0.5 * (m + m / (m + 1))), a);
  } else {
    return libm_sinh(a);
  }
})
RL_OP1(Cosh, {
  if constexpr (is_complex_v<T>) {
    return ccosh(a);
  } else if constexpr (std::is_same_v<T, float>) {
    const double e = vm::exp_short(vm::fabs(double(a)));
    return float(0.5 * (e + 1 / e));
  } else {
    return libm_cosh(a);
  }
})
RL_OP1(Tanh, {
  if constexpr (is_complex_v<T>)
    return ctanh(a);
  else
    return vm::tanh(a);
})
RL_INLINE double log1p_checked(double u) { return vm::log_edges(1 + u, vm::log1p_short(u)); }
RL_OP1(Asinh, {
  if constexpr (is_complex_v<T>) {
    return casinh(a);
  } else if constexpr (std::is_same_v<T, float>) {
    const double x = vm::fabs(double(a));
    const double rest = x * (x / (1 + vm::sqrt(1 + x * x)));
    return vm::copysign(float(log1p_checked(x + (x > 0x1p60 ? x : rest))), a);
  } else {
    return libm_asinh(a);
  }
})
RL_OP1(Acosh, {
  if constexpr (is_complex_v<T>) {
    return cacosh(a);
  } else if constexpr (std::is_same_v<T, float>) {
    const double x = double(a) - 1;
    return float(x < 0 ? vm::kNan<double> : log1p_checked(x + vm::sqrt(x * (x + 2))));
  } else {
    return libm_acosh(a);
  }
})
RL_OP1(Atanh, {
  if constexpr (is_complex_v<T>) {
    return catanh(a);
  } else if constexpr (std::is_same_v<T, float>) {
    const double x = vm::fabs(double(a));
    return vm::copysign(float(0.5 * log1p_checked(2 * x / (1 - x))), a);
  } else {
    return libm_atanh(a);
  }
})

// ---- special
// ---------------------------------------------------------------------------------------------------------
RL_OP1(Erf, { return vm::erf(a); })
RL_OP1(Erfc, { return vm::erfc(a); })
/// By two of Halley's steps, which are cubic, from a start that is right to some thousandths: near 0 of the series,
/// else of the rational approximation 26.2.22 of Abramowitz and Stegun. What is left of the target is taken from erf
/// below 1/2 and from erfc above, where each keeps its relative precision.
RL_INLINE double erfinv(double x) {
  const double size = vm::fabs(x), rest = 1 - size;
  const bool low = size < 0.5;
  const double t = vm::sqrt(-2 * vm::log(rest * 0.5));
  const double tail = 0.70711 * (t - (2.30753 + t * 0.27061) / (1 + t * (0.99229 + t * 0.04481)));
  double y = low ? size * (0x1.c5bf891b4ef6bp-1 + size * size * 0.23201366653465449) : tail;
  for (int step = 0; step < 2; ++step) {
    const double miss = low ? vm::erf(y) - size : rest - vm::erfc(y);
    y -= miss / (0x1.20dd750429b6dp+0 * vm::exp(-y * y) + y * miss);
  }
  y = rest > 0 ? y : rest == 0 ? vm::kInf<double> : vm::kNan<double>;
  return x == 0 || x != x ? x : vm::copysign(y, x);
}
RL_OP1(Erfinv, { return T(erfinv(double(a))); })
RL_OP1(Angle, {
  if constexpr (is_complex_v<T>)
    return vm::atan2(a.im, a.re);
  else
    return a != a ? a : a < 0 ? T(0x1.921fb54442d18p1) : T(0);
})

// ---- activations
// -------------------------------------------------------------------------------------------------------
RL_OP1(Sigmoid, {
  if constexpr (is_complex_v<T>)
    return T(1) / (T(1) + cexp(-a));
  else
    return vm::sigmoid(a);
})
/// log(1 + e^x) for x <= 0
template <class T>
RL_INLINE double softplus_tail(T x) {
  if constexpr (std::is_same_v<T, float>)
    return vm::log1p_short(vm::exp_short(double(x)));
  else
    return vm::log1p(vm::exp(x));
}
RL_OP1(LogSigmoid, {
  const T tail = T((a < 0 ? double(a) : 0.) - softplus_tail(-vm::fabs(a)));
  return a != a ? a : tail;
})
RL_OP1(Silu, {
  if constexpr (is_complex_v<T>)
    return a / (T(1) + cexp(-a));
  else
    return a * vm::sigmoid(a);
})
/// tanh(softplus(x)) = n / (n + 2) with n = e^x (e^x + 2)
template <class T>
RL_INLINE T mish_n(T x) {
  const T e = vm::exp(x > T(20) ? T(20) : x);
  return e * (e + T(2));
}
RL_OP1(Mish, {
  const T n = mish_n(a);
  return a * (n / (n + T(2)));
})
template <class T>
RL_INLINE double normal_cdf(double x) {
  const double t = vm::erfc_as<T>(x * -0x1.6a09e667f3bcdp-1);
  return 0.5 * t;
}
RL_OP1(Gelu, {
  if constexpr (std::is_same_v<T, float>)
    return a * vm::normal_parts(a).cdf;
  else
    return T(a * normal_cdf<T>(a));
})
template <class T>
RL_INLINE T gelu_tanh_arg(T x) {  // twice tanh's argument, for 1 + tanh u = 2 sigmoid 2u
  return T(0x1.9884533d43651p0) * (x + T(0.044715) * x * x * x);
}
RL_OP1(GeluTanh, { return a * vm::sigmoid(gelu_tanh_arg(a)); })
template <class T>
inline constexpr T kSeluScale = T(1.0507009873554804934193349852946);
template <class T>
inline constexpr T kSeluNegative = T(1.0507009873554804934193349852946 * 1.6732632423543772848170429916717);
RL_OP1(Selu, { return a <= T(0) ? kSeluNegative<T> * vm::expm1(a) : kSeluScale<T> * a; })

RL_OP1C(Softplus, 2, {
  const T x = a * c[0];
  const T y = T(((x > T(0) ? double(x) : 0.) + softplus_tail(-vm::fabs(x))) / double(c[0]));
  return x > c[1] || x != x ? a : y;
})
RL_OP1C(Elu, 3, { return a <= T(0) ? vm::expm1(a * c[2]) * (c[0] * c[1]) : a * c[1]; })
RL_OP1C(Logit, 1, {
  const T hi = T(1) - c[0];
  const T low = a < c[0] ? c[0] : a;
  const double x = c[0] < T(0) ? a : low > hi ? hi : low;
  const double q = x / (1 - x);
  if constexpr (std::is_same_v<T, float>)
    return T(vm::log_edges(q, vm::log_short(q)));
  else
    return vm::log(q);
})

// ---- their derivatives
// ---------------------------------------------------------------------------------------------------
RL_OP2(LogSigmoidBackward, { return a * vm::sigmoid(-b); })
RL_OP2(SiluBackward, {
  const T s = vm::sigmoid(b);
  return a * (s * (T(1) + b * (T(1) - s)));
})
RL_OP2(MishBackward, {
  const T n = mish_n(b), m = n + T(2), t = n / m;
  const T slope = a * (t + b * vm::sigmoid(b) * (T(4) * (n + T(1)) / m / m));
  return b > T(20) ? a : slope;  // mish_n stops there
})
RL_OP2(GeluBackward, {
  if constexpr (std::is_same_v<T, float>) {
    const vm::NormalParts n = vm::normal_parts(b);
    return a * (n.cdf + b * (n.density * 0x1.9884533d43651p-2f));
  }
  const double x = b, density = 0x1.9884533d43651p-2 * vm::exp_core(-0.5 * x * x, vm::ExpConst<double>::q);
  return T(a * (normal_cdf<T>(x) + x * density));
})
RL_OP2(GeluTanhBackward, {
  const T s = vm::sigmoid(gelu_tanh_arg(b));
  const T slope = T(0x1.9884533d43651p0) * (T(1) + T(3 * 0.044715) * b * b);
  return a * (s + b * s * (T(1) - s) * slope);
})
RL_OP2(SeluBackward, { return b <= T(0) ? a * kSeluNegative<T> * vm::exp(b) : a * kSeluScale<T>; })
RL_OP2C(SoftplusBackward, 2, { return b * c[0] > c[1] ? a : a * vm::sigmoid(b * c[0]); })
RL_OP2C(EluBackward, 3, { return b <= T(0) ? a * c[2] * (c[0] * c[1]) * vm::exp(b * c[2]) : a * c[1]; })

// ---- binary
// ----------------------------------------------------------------------------------------------------------------
RL_OP2(Atan2, { return vm::atan2(a, b); })
RL_OP2(Hypot, { return vm::hypot(a, b); })
/// The operand with the larger real part is taken out.
template <class T>
RL_INLINE cplx<T> log_add_exp(cplx<T> a, cplx<T> b) {
  if (is_nan(a) || is_nan(b)) return {vm::kNan<T>, vm::kNan<T>};
  const bool ordered = a.re < b.re;
  const cplx<T> low = ordered ? a : b, high = ordered ? b : a;
  if (low.re == high.re && vm::fabs(low.re) == vm::kInf<T>) return low.re < 0 ? low : clog(cexp(low) + cexp(high));
  return clog1p(cexp(low - high)) + high;
}
template <class T>
RL_INLINE T log_add_exp(T a, T b) {
  const T m = a > b ? a : b, d = vm::fabs(a - b);
  const T y = T(double(m) + softplus_tail(-d));
  return a == b && vm::fabs(a) == vm::kInf<T> ? a : a != a || b != b ? vm::kNan<T> : y;
}
RL_OP2(LogAddExp, { return log_add_exp(a, b); })
RL_OP2(LogAddExp2, {
  const T m = a > b ? a : b, d = vm::fabs(a - b);
  const double tail = vm::log1p(double(vm::exp2(-d))) * 0x1.71547652b82fep0;
  const T y = T(double(m) + tail);
  return a == b && vm::fabs(a) == vm::kInf<T> ? a : a != a || b != b ? vm::kNan<T> : y;
})
RL_OP2(Xlogy, {
  const T y = a * vm::log(b);
  return b != b ? b : a == T(0) ? T(0) : y;
})

RL_OP2(Pow, {
  if constexpr (is_complex_v<T>) {
    return cpow(a, b);
  } else if constexpr (is_float<T>) {
    return vm::pow(a, b);
  } else {
    // Wraps around; a negative exponent leaves only what has an integral reciprocal.
    if (b < T(0)) return T(a == T(1) ? 1 : a == T(-1) ? (b & 1 ? -1 : 1) : 0);
    std::uint64_t x = std::uint64_t(a), y = std::uint64_t(b), r = 1;
    for (; y != 0; y >>= 1, x *= x)
      if (y & 1) r *= x;
    return T(r);
  }
})
template <class T>
RL_INLINE T times(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return T(std::uint64_t(a) * std::uint64_t(b));
  else
    return a * b;
}
RL_OP1(Power1, { return a; })
RL_OP1(Power2, { return times(a, a); })
RL_OP1(Power3, { return times(times(a, a), a); })
RL_OP1(PowerMinus2, { return T(1) / (a * a); })
/// One exponent for all, as in x**2: the usual ones need no power function.
template <class T>
void pow_loop(char* const* d, const std::int64_t* s, std::int64_t n, const void* params) {
  if constexpr (!is_complex_v<T>) {
    if (s[2] == 0 && n > 0) {
      T y;
      std::memcpy(&y, d[2], sizeof(T));
      if (y == T(1)) return loop1<Power1, T>(d, s, n, params);
      if (y == T(2)) return loop1<Power2, T>(d, s, n, params);
      if (y == T(3)) return loop1<Power3, T>(d, s, n, params);
      if constexpr (is_float<T>) {
        if (y == T(0.5)) return loop1<Sqrt, T>(d, s, n, params);
        if (y == T(-0.5)) return loop1<Rsqrt, T>(d, s, n, params);
        if (y == T(-1)) return loop1<Reciprocal, T>(d, s, n, params);
        if (y == T(-2)) return loop1<PowerMinus2, T>(d, s, n, params);
        const char* in[] = {d[1], d[2]};
        if (s[0] == sizeof(T) && s[1] == sizeof(T)) return inner2<Pow, T, false, true>(d[0], in, n, params);
      }
    }
  }
  loop2<Pow, T>(d, s, n, params);
}
template <class... T>
void fill_pow(Loop* row, Types<T...>) {
  ((row[int(dtype_of<T>())] = pow_loop<T>), ...);
}

}  // namespace

// clang-format off
void fill_math(PointwiseTable& t) {
  const Ints i;
  const Floats f;
  const Complexes z;
#define RL_U(Name, ...) RL_FILL1(unary, Unary, Name, Name, __VA_ARGS__);
#define RL_UF(Name) RL_U(Name, f)
#define RL_UZ(Name) RL_U(Name, f, z)
  RL_UZ(Sqrt) RL_UZ(Rsqrt) RL_UZ(Reciprocal) RL_UZ(Exp) RL_UZ(Exp2) RL_UZ(Expm1) RL_UZ(Log) RL_UZ(Log2) RL_UZ(Log10)
  RL_UZ(Log1p) RL_UZ(Sin) RL_UZ(Cos) RL_UZ(Tan) RL_UZ(Asin) RL_UZ(Acos) RL_UZ(Atan) RL_UZ(Sinh) RL_UZ(Cosh)
  RL_UZ(Tanh) RL_UZ(Asinh) RL_UZ(Acosh) RL_UZ(Atanh) RL_UF(Erf) RL_UF(Erfc) RL_UF(Erfinv) RL_UZ(Sigmoid)
  RL_UF(LogSigmoid) RL_UZ(Silu) RL_UF(Mish) RL_UF(Gelu) RL_UF(GeluTanh) RL_UF(Selu) RL_UZ(Angle)

  RL_FILL1(unary_param, UnaryParam, Softplus, Softplus, f);
  RL_FILL1(unary_param, UnaryParam, Elu, Elu, f);
  RL_FILL1(unary_param, UnaryParam, Logit, Logit, f);

#define RL_BF(Name) RL_FILL2(binary, Binary, Name, Name, f);
  RL_BF(Atan2) RL_BF(Hypot) RL_BF(LogAddExp2) RL_BF(Xlogy)
  RL_BF(LogSigmoidBackward) RL_BF(SiluBackward) RL_BF(MishBackward) RL_BF(GeluBackward) RL_BF(GeluTanhBackward)
  RL_BF(SeluBackward)
  RL_FILL2(binary, Binary, LogAddExp, LogAddExp, f, z);
  fill([&](auto types) { fill_pow(t.binary[int(Binary::Pow)], types); }, i, f, z);
  RL_FILL2(binary_param, BinaryParam, SoftplusBackward, SoftplusBackward, f);
  RL_FILL2(binary_param, BinaryParam, EluBackward, EluBackward, f);
}
// clang-format on

}  // namespace rl
