// Elementary functions as branch-free arithmetic, so that loops over them vectorise at every CPU level.
// NOTE [Vector math]: a float function is computed in float where speed matters most (exp, tanh, sigmoid, expm1),
// else in double with a polynomial just long enough: right to the last place, nothing to prove about
// cancellation, and still vectorised. Polynomials are near-minimax fits (Chebyshev, 60 digits). Nothing here
// needs a fused multiply-add to be accurate: constants are split so that the critical products are exact.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#define RL_INLINE inline __attribute__((always_inline))

namespace rl::vm {

template <class T>
inline constexpr T kInf = std::numeric_limits<T>::infinity();
template <class T>
inline constexpr T kNan = std::numeric_limits<T>::quiet_NaN();

// libm by way of builtins: the inline overloads of <cmath> could be merged by the linker with another level's.
#define RL_LIBM1(name)                                             \
  RL_INLINE float name(float x) { return __builtin_##name##f(x); } \
  RL_INLINE double name(double x) { return __builtin_##name(x); }
#define RL_LIBM2(name)                                                         \
  RL_INLINE float name(float x, float y) { return __builtin_##name##f(x, y); } \
  RL_INLINE double name(double x, double y) { return __builtin_##name(x, y); }
// clang-format off
RL_LIBM1(sqrt) RL_LIBM1(fabs) RL_LIBM1(floor) RL_LIBM1(ceil) RL_LIBM1(trunc)
RL_LIBM2(copysign) RL_LIBM2(fmod) RL_LIBM2(atan2) RL_LIBM2(hypot) RL_LIBM2(nextafter)
    // clang-format on

    template <class T>
    struct FloatBits;
template <>
struct FloatBits<float> {
  using U = std::uint32_t;
  static constexpr int mantissa = 23, bias = 127;
  static constexpr float magic = 0x1.8p23f;  // adding it rounds to an integer, kept in the low bits of the sum
};
template <>
struct FloatBits<double> {
  using U = std::uint64_t;
  static constexpr int mantissa = 52, bias = 1023;
  static constexpr double magic = 0x1.8p52;
};

template <class T, std::size_t N, std::size_t... I>
RL_INLINE T poly(T x, const T (&c)[N], std::index_sequence<I...>) {
  T y = c[N - 1];
  ((y = y * x + c[N - 2 - I]), ...);
  return y;
}
/// Written without a loop: one that GCC does not unroll in time keeps the loop around it from being vectorised.
template <class T, std::size_t N>
RL_INLINE T poly(T x, const T (&c)[N]) {
  return poly(x, c, std::make_index_sequence<N - 1>{});
}

/// The nearest integer (ties to even) for |x| < 2^22 or 2^51.
template <class T>
RL_INLINE T round_small(T x) {
  return (x + FloatBits<T>::magic) - FloatBits<T>::magic;
}

/// 2^k for an integral k within the normal exponents. (64-bit lanes have no arithmetic shift or conversion
/// below AVX-512, hence the low bits of a sum.)
template <class T>
RL_INLINE T pow2(T k) {
  using B = FloatBits<T>;
  using U = typename B::U;
  return std::bit_cast<T>((std::bit_cast<U>(k + B::magic) << B::mantissa) + (U(B::bias) << B::mantissa));
}

/// x limited to [lo, hi]; NaN stays.
template <class T>
RL_INLINE T limit(T x, T lo, T hi) {
  x = x < lo ? lo : x;
  return x > hi ? hi : x;
}

template <class T>
struct ExpConst;
template <>
struct ExpConst<float> {
  static constexpr float log2e = 0x1.715476p0f, ln2_hi = 0x1.62e4p-1f, ln2_lo = 0x1.7f7d1cp-20f, ln2 = 0x1.62e43p-1f;
  static constexpr float lo = -104.f, hi = 89.f, lo2 = -151.f, hi2 = 129.f, lo_m1 = -20.f;
  // (e^r - 1 - r) / r^2 for |r| <= ln2 / 2
  static constexpr float q[] = {0x1p-1f,        0x1.555556p-3f,  0x1.5554e8p-5f,
                                0x1.1110e0p-7f, 0x1.6d43b0p-10f, 0x1.a1256cp-13f};
};
template <>
struct ExpConst<double> {
  static constexpr double log2e = 0x1.71547652b82fep0, ln2_hi = 0x1.62e42fefap-1, ln2_lo = 0x1.cf79abc9e3b3ap-40,
                          ln2 = 0x1.62e42fefa39efp-1;
  static constexpr double lo = -746., hi = 710., lo2 = -1077., hi2 = 1025., lo_m1 = -40.;
  static constexpr double q[] = {0x1p-1,
                                 0x1.5555555555557p-3,
                                 0x1.5555555555556p-5,
                                 0x1.11111111100bep-7,
                                 0x1.6c16c16c162c3p-10,
                                 0x1.a01a01abf85abp-13,
                                 0x1.a01a01a6e1e2ap-16,
                                 0x1.71de01fdbf9cap-19,
                                 0x1.27e4db46cddd1p-22,
                                 0x1.af4e554377204p-26,
                                 0x1.1f7340dbc337ep-29};
};
// For results that are rounded to float: 1e-9.
inline constexpr double kExpShort[] = {0x1.0000000ba132cp-1, 0x1.5555555a800cdp-3,  0x1.5554e8a22b84cp-5,
                                       0x1.1110e0c5c7f50p-7, 0x1.6d43af18200d3p-10, 0x1.a1256cd2f13c2p-13};

/// e^r * 2^k, where the scale may leave the normal range at either end: two factors, one rounding.
template <class T>
RL_INLINE T scale(T y, T k) {
  const T half = round_small(k * T(0.5));
  return y * pow2(half) * pow2(k - half);
}

template <class T, std::size_t N>
RL_INLINE T exp_core(T x, const T (&q)[N]) {
  using C = ExpConst<T>;
  x = limit(x, C::lo, C::hi);
  const T k = round_small(x * C::log2e);
  const T r = (x - k * C::ln2_hi) - k * C::ln2_lo;
  return scale(T(1) + (r + r * r * poly(r, q)), k);
}
template <class T>
RL_INLINE T exp(T x) {
  return exp_core(x, ExpConst<T>::q);
}
/// e^x in double, good to 1e-9.
RL_INLINE double exp_short(double x) { return exp_core(x, kExpShort); }

template <class T, std::size_t N>
RL_INLINE T exp2_core(T x, const T (&q)[N]) {
  using C = ExpConst<T>;
  x = limit(x, C::lo2, C::hi2);
  const T k = round_small(x);
  const T r = (x - k) * C::ln2;
  return scale(T(1) + (r + r * r * poly(r, q)), k);
}
template <class T>
RL_INLINE T exp2(T x) {
  return exp2_core(x, ExpConst<T>::q);
}

template <class T>
RL_INLINE T expm1(T x) {
  using C = ExpConst<T>;
  const T y = limit(x, C::lo_m1, C::hi);
  const T k = round_small(y * C::log2e);
  const T r = (y - k * C::ln2_hi) - k * C::ln2_lo;
  const T p = r + r * r * poly(r, C::q);
  const T half = round_small(k * T(0.5)), rest = k - half;
  const T s = pow2(half);
  const T e = (p * s + (s - pow2(-rest))) * pow2(rest);
  return x == T(0) ? x : e;  // the sign of zero
}

/// tanh |x| = m / (m + 2) with m = e^(2|x|) - 1, which is accurate near 0 too.
template <class T>
RL_INLINE T tanh(T x) {
  using C = ExpConst<T>;
  T y = fabs(x) * T(2);
  y = y > T(44) ? T(44) : y;
  const T k = round_small(y * C::log2e);
  const T r = (y - k * C::ln2_hi) - k * C::ln2_lo;
  const T p = r + r * r * poly(r, C::q);
  const T s = pow2(k);
  const T m = p * s + (s - T(1));
  return copysign(m / (m + T(2)), x);
}

/// 1 / (1 + e^-x). Twice half the power reaches infinity without a second factor: the result is 0 there, as in PyTorch.
template <class T>
RL_INLINE T sigmoid(T x) {
  using C = ExpConst<T>;
  using B = FloatBits<T>;
  using U = typename B::U;
  constexpr T lowest = T(2 - B::bias) / T(C::log2e);  // e^lowest adds nothing to 1
  const T y = limit(-x, lowest, C::hi);
  const T shifted = y * C::log2e + B::magic, k = shifted - B::magic;
  const T r = (y - k * C::ln2_hi) - k * C::ln2_lo;
  const T p = T(1) + (r + r * r * poly(r, C::q));
  const T half = std::bit_cast<T>((std::bit_cast<U>(shifted) << B::mantissa) + (U(B::bias - 1) << B::mantissa));
  return T(1) / (T(1) + (p * half) * T(2));
}

struct Split {
  double k, m;  // x = 2^k m, sqrt(1/2) <= m < sqrt(2)
};
RL_INLINE Split split(double x) {  // of a positive normal x
  constexpr std::uint64_t base = 0x3fe6a09e667f3bcd, offset = std::uint64_t(1024) << 52;
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  const std::uint64_t k = (bits - base + offset) >> 52;
  return {std::bit_cast<double>(k | 0x4330000000000000) - (0x1p52 + 1024),
          std::bit_cast<double>(bits - (k << 52) + offset)};
}
/// What a logarithm does outside the positive finite numbers.
RL_INLINE double log_edges(double x, double y) {
  y = x > std::numeric_limits<double>::max() ? x : y;
  y = x == 0 ? -kInf<double> : y;
  return x < 0 ? kNan<double> : x != x ? x : y;
}

// 2 atanh(s)/s = 2 + z R(z), z = s^2
inline constexpr double kLog[] = {0x1.5555555555555p-1, 0x1.9999999999a38p-2, 0x1.2492492476ba1p-2,
                                  0x1.c71c72017a15cp-3, 0x1.745cf8f6c9119p-3, 0x1.3b1c38474d3eep-3,
                                  0x1.0fbe478772696p-3, 0x1.0c06cf14c641bp-3};
/// log(2^k (1 + f)) + c for a small c, as high and low part: high is exact enough to be scaled to other bases.
RL_INLINE double log_sum(double k, double f, double c) {
  using C = ExpConst<double>;
  const double s = f / (2 + f), z = s * s, half = 0.5 * f * f;
  const double r = z * poly(z, kLog);
  return k * C::ln2_hi - ((half - (s * (half + r) + (k * C::ln2_lo + c))) - f);
}
struct Normal {
  double x, k;
};
RL_INLINE Normal normal(double x) {
  const bool tiny = x < 0x1p-1022;
  return {tiny ? x * 0x1p54 : x, tiny ? -54. : 0.};
}
RL_INLINE double log(double x) {
  const Normal n = normal(x);
  const Split p = split(n.x);
  return log_edges(x, log_sum(p.k + n.k, p.m - 1, 0));
}
/// log of another base: the mantissa's logarithm in two pieces times the constant in two pieces, then k.
template <int Base>
RL_INLINE double log_base(double x) {
  static_assert(Base == 2 || Base == 10);
  constexpr double hi = Base == 2 ? 0x1.71547652p0 : 0x1.bcb7b152p-2;
  constexpr double lo = Base == 2 ? 0x1.705fc2eefa2p-33 : 0x1.b9438ca9aadd5p-36;
  constexpr double two_hi = Base == 2 ? 1 : 0x1.34413509f6p-2;
  constexpr double two_lo = Base == 2 ? 0 : 0x1.9fef311f12b36p-42;
  const Normal n = normal(x);
  const Split p = split(n.x);
  const double k = p.k + n.k, f = p.m - 1, s = f / (2 + f), z = s * s, half = 0.5 * f * f;
  const double rest = s * (half + z * poly(z, kLog));
  // f - half + rest, its upper half cut so that the product with `hi` is exact
  const double top = std::bit_cast<double>(std::bit_cast<std::uint64_t>(f - half) & 0xffffffff00000000);
  const double low = (f - top) - half + rest;
  const double big = top * hi, whole = k * two_hi;
  const double sum = whole + big;  // |whole| > |big| or whole == 0
  return log_edges(x, sum + ((whole - sum) + big + (low * (lo + hi) + top * lo + k * two_lo)));
}
RL_INLINE double log2(double x) { return log_base<2>(x); }
RL_INLINE double log10(double x) { return log_base<10>(x); }
RL_INLINE double log1p(double x) {
  const double u = 1 + x;
  const double lost = u > 2 ? 1 - (u - x) : x - (u - 1);
  const Split p = split(u < 0x1p-1022 ? 1 : u);
  const double y = log_sum(p.k, p.m - 1, lost / u);
  return x == 0 ? x : log_edges(u, y);
}

// Logarithm for float results: (log(1+f) - f) / f^2
inline constexpr double kLogShort[] = {
    -0x1.ffffffffcc90fp-2, 0x1.5555555b184ecp-2,  -0x1.00000092d2b44p-2, 0x1.9999907fdc231p-3,  -0x1.5554c939e6e03p-3,
    0x1.249408b273046p-3,  -0x1.0018f07ce1289p-3, 0x1.c6f00215b91d9p-4,  -0x1.9595ac5990e11p-4, 0x1.72486dd2aa993p-4,
    -0x1.79dadfb6e7fc9p-4, 0x1.736ddf636ad9bp-4,  -0x1.8e19896e9415fp-5};
/// log x for a positive normal x, good to 1e-11.
RL_INLINE double log_short(double x) {
  const Split p = split(x);
  const double f = p.m - 1;
  return p.k * ExpConst<double>::ln2 + (f + f * f * poly(f, kLogShort));
}
RL_INLINE double log1p_short(double x) {  // x > -1; inf stays inf by the caller
  const double u = 1 + x;
  return log_short(u) + (x < 1 ? x - (u - 1) : 0);
}
RL_INLINE float log(float x) { return float(log_edges(x, log_short(x))); }
RL_INLINE float log2(float x) { return float(log_edges(x, log_short(x) * 0x1.71547652b82fep0)); }
RL_INLINE float log10(float x) { return float(log_edges(x, log_short(x) * 0x1.bcb7b1526e50ep-2)); }
RL_INLINE float log1p(float x) { return x == 0 ? x : float(log_edges(1 + double(x), log1p_short(x))); }

// (sin(r)/r - 1)/z and (cos(r) - 1 + z/2)/z^2, z = r^2, |r| <= pi/4
template <class T>
struct TrigConst;
template <>
struct TrigConst<double> {
  static constexpr double sin[] = {-0x1.5555555555555p-3, 0x1.1111111111110p-7,   -0x1.a01a01a01992fp-13,
                                   0x1.71de3a545f835p-19, -0x1.ae645410e9193p-26, 0x1.61217d923a998p-33,
                                   -0x1.ab16f5bc68a29p-41};
  static constexpr double cos[] = {0x1.5555555555555p-5,   -0x1.6c16c16c16c16p-10, 0x1.a01a01a019d06p-16,
                                   -0x1.27e4fb77125c5p-22, 0x1.1eed8deac3d25p-29,  -0x1.9394b8bd3b322p-37,
                                   0x1.ab77954421f46p-45};
};
template <>
struct TrigConst<float> {
  static constexpr double sin[] = {-0x1.555555545d0d9p-3, 0x1.11110decc7187p-7, -0x1.a013a45587fc0p-13,
                                   0x1.6dbcfb3cb85c8p-19};
  static constexpr double cos[] = {0x1.55555555027acp-5, -0x1.6c16bf534c846p-10, 0x1.a015c25343172p-16,
                                   -0x1.25239a89d2d5fp-22};
};
/// Beyond this the three pieces of pi/2 do not suffice; the caller asks libm then.
inline constexpr double kTrigMax = 0x1p20;
struct SinCos {
  double sin, cos;
};
/// sin and cos of x + quarter turns; T is the type that the result is rounded to.
template <class T>
RL_INLINE SinCos sincos(double x) {
  using C = TrigConst<T>;
  const double sum = x * 0x1.45f306dc9c883p-1 + FloatBits<double>::magic;
  const double k = sum - FloatBits<double>::magic;
  const std::uint64_t quadrant = std::bit_cast<std::uint64_t>(sum);
  double r = (x - k * 0x1.921fb544p0) - k * 0x1.0b4611a6p-34;
  r = r - k * 0x1.3198a2e037073p-69;
  const double z = r * r;
  const double s = r + r * z * poly(z, C::sin);
  const double c = 1 - (0.5 * z - z * z * poly(z, C::cos));
  // Odd quadrants swap; bit 1 of the quadrant (and of the next one) is the sign.
  const bool swap = (quadrant & 1) != 0;
  const std::uint64_t sin_sign = (quadrant & 2) << 62, cos_sign = ((quadrant + 1) & 2) << 62;
  return {std::bit_cast<double>(std::bit_cast<std::uint64_t>(swap ? c : s) ^ sin_sign),
          std::bit_cast<double>(std::bit_cast<std::uint64_t>(swap ? s : c) ^ cos_sign)};
}
template <class T>
RL_INLINE T sin(T x) {
  return x == 0 ? x : T(sincos<T>(x).sin);
}
template <class T>
RL_INLINE T cos(T x) {
  return T(sincos<T>(x).cos);
}
template <class T>
RL_INLINE T tan(T x) {
  const SinCos p = sincos<T>(x);
  return x == 0 ? x : T(p.sin / p.cos);
}

// erf(x)/x in x^2 for |x| < 1; erfc(x) e^(x^2) (1 + 2x) in (x - a)/(x + a) for x >= 0.
template <class T>
struct ErfConst;
template <>
struct ErfConst<double> {
  static constexpr double a = 4, max = 27.5;
  static constexpr double erf[] = {0x1.20dd750429b6dp+0,   -0x1.812746b0379e6p-2,  0x1.ce2f21a042b30p-4,
                                   -0x1.b82ce31284e00p-6,  0x1.565bcd0dbaa38p-8,   -0x1.c02db3dac435fp-11,
                                   0x1.f9a321d5b8e1ep-14,  -0x1.f4d1e3183f7aep-17, 0x1.b9df224ca4b97p-20,
                                   -0x1.5f1ecb6f0764cp-23, 0x1.f7b4bf3b13964p-27,  -0x1.389d4f2641625p-30,
                                   0x1.05ffd737fb32ep-34};
  static constexpr double erfc[] = {
      0x1.3ba5916e9fd7fp+0,   -0x1.1df1ad154a29cp-3,  0x1.f7f5df66fd951p-7,   0x1.16ecefcfa6077p-4,
      -0x1.9ddb23c3e98a6p-4,  0x1.7fee004df6263p-4,   -0x1.0fb06dfe46987p-4,  0x1.3079edfa1033fp-5,
      -0x1.0962388367b2fp-6,  0x1.49c671893963fp-8,   -0x1.8d4a9dc0d22f3p-11, -0x1.a1de7c6e9ac9cp-13,
      0x1.3be0b393ee921p-13,  -0x1.996ad056e530bp-16, -0x1.78a43458cca4bp-17, 0x1.7fb88e391a9fep-18,
      0x1.4392983419eddp-22,  -0x1.c05fc977974eap-21, 0x1.0d535fce28f99p-24,  0x1.ef6c0c38d1a2bp-24,
      -0x1.09198a32cd9a9p-27, -0x1.d5bb4c6d5b92dp-27, -0x1.f47207b168acdp-30};
};
template <>
struct ErfConst<float> {
  static constexpr double a = 3, max = 10.5;
  static constexpr double erf[] = {0x1.20dd750428cb9p+0,  -0x1.812746ade3c08p-2,  0x1.ce2f20a7415c6p-4,
                                   -0x1.b82cbae7577a7p-6, 0x1.56588b32275a7p-8,   -0x1.bfe158a7be278p-11,
                                   0x1.f57e9cee106c1p-14, -0x1.d2b8522d6f7cbp-17, 0x1.1c41ab6eec487p-20};
  static constexpr double erfc[] = {0x1.40c522d7c29f2p+0,   -0x1.15c084d636d5dp-3,  -0x1.85a15a41773cbp-5,
                                    0x1.09836c7f2e79fp-3,   -0x1.e88b8fede6ebfp-4,  0x1.17c96a56b4544p-4,
                                    -0x1.857506058dc72p-6,  0x1.4c2467ab44692p-9,   0x1.f03d47eda5f04p-10,
                                    -0x1.9f2c1fa952ef0p-11, -0x1.081bb155001b8p-13, 0x1.0e812060be929p-13,
                                    0x1.1d7819d15fbeep-15};
};
/// e^(-x^2): the square's rounding error matters, so x is cut where its square is exact.
template <class T>
RL_INLINE double exp_minus_square(double x) {
  if constexpr (std::is_same_v<T, float>) return exp_short(-(x * x));
  const double top = std::bit_cast<double>(std::bit_cast<std::uint64_t>(x) & 0xfffffffff8000000);
  const double low = (x - top) * (x + top);
  const double e = exp(-(top * top));
  return e - e * low * (1 - low * (0.5 - low * (1. / 6)));
}
/// erfc for x >= 0.
template <class T>
RL_INLINE double erfc_positive(double x) {
  using C = ErfConst<T>;
  x = x > C::max ? C::max : x;
  const double one = 1 + 2 * x, inverse = 1 / ((x + C::a) * one);
  const double t = (x - C::a) * one * inverse;
  return exp_minus_square<T>(x) * (poly(t, C::erfc) * ((x + C::a) * inverse));
}
template <class T>
RL_INLINE double erf_as(double x) {
  const double a = fabs(x), z = a * a;
  const double small = x * poly(z, ErfConst<T>::erf);
  return a < 1 ? small : copysign(1 - erfc_positive<T>(a), x);
}
template <class T>
RL_INLINE double erfc_as(double x) {
  const double a = fabs(x), tail = erfc_positive<T>(a);
  const double z = x * x, small = 1 - x * poly(z, ErfConst<T>::erf);
  return a < 0.5 ? small : x < 0 ? 2 - tail : tail;
}
template <class T>
RL_INLINE T erf(T x) {
  return T(erf_as<T>(x));
}
template <class T>
RL_INLINE T erfc(T x) {
  return T(erfc_as<T>(x));
}

// erfc(x) e^(x^2) / (2 t) in t = 1 / (1 + 0.3 x), for floats; 2e-8.
inline constexpr float kTail[] = {0x1.5a7f4a0p-4f, 0x1.5d9f4a0p-4f,  0x1.2fd0860p-4f, 0x1.b81d200p-4f, -0x1.8375aa0p-5f,
                                  0x1.18651e0p-2f, -0x1.0641900p-2f, 0x1.f1307c0p-3f, -0x1.0940960p-4f};
struct NormalParts {
  float cdf, density;  // the density times sqrt(2 pi)
};
/// Of the standard normal distribution; the relative error grows with x^2 in the lower tail alone.
RL_INLINE NormalParts normal_parts(float x) {
  using C = ExpConst<float>;
  using B = FloatBits<float>;
  const float a = fabs(x), t = 1 / (1 + a * float(0.3 * 0x1.6a09e667f3bcdp-1));
  float y = a * a * -0.5f;
  y = y < -87.f ? -87.f : y;
  const float shifted = y * C::log2e + B::magic, k = shifted - B::magic;
  const float r = (y - k * C::ln2_hi) - k * C::ln2_lo;
  const float p = 1 + (r + r * r * poly(r, C::q));
  const float e = p * std::bit_cast<float>((std::bit_cast<std::uint32_t>(shifted) << B::mantissa) +
                                           (std::uint32_t(B::bias) << B::mantissa));
  const float tail = e * (t * poly(t, kTail)), upper = 1 - tail;
  return {x < 0 ? tail : upper, e};
}

/// x^y for floats, by way of double; doubles ask libm.
RL_INLINE double pow(double x, double y) { return __builtin_pow(x, y); }
RL_INLINE float pow(float base, float exponent) {
  const double x = base, y = exponent, a = fabs(x), ay = fabs(y);
  double l = log_short(a) * 0x1.71547652b82fep0;
  l = a <= std::numeric_limits<double>::max() ? l : a;
  l = a == 0 ? -kInf<double> : l;
  // Far beyond what a float holds, and still within the normal doubles: the conversion rounds at either end.
  const double z = limit(y * l, -300., 300.), k = round_small(z), f = (z - k) * ExpConst<double>::ln2;
  double r = (1 + (f + f * f * poly(f, kExpShort))) * pow2(k);
  // 2^24 and more are even; below, the parity shows in the fraction of y / 2.
  const double half = (ay < 0x1p24 ? ay : 0.) * 0.5;
  const double whole = round_small(half - 0.25);  // floor(half) wherever half is a multiple of 1/2
  // All in double, and without a branch, or the loop would not be vectorised.
  const double fraction = ay < 0x1p24 ? fabs(round_small(ay) - ay) : 0.;  // 0: y is an integer
  const double odd = fraction == 0 ? half - whole : 0.;                   // 1/2: it is odd
  r = odd == 0.5 ? copysign(r, x) : r;                                    // r >= 0 or NaN
  const double invalid = x < 0 ? fraction : 0.;
  r = (invalid > 0) & (a != kInf<double>) ? kNan<double> : r;
  r = (ay == kInf<double>)&(a == 1) ? 1. : r;
  r = (x == 1) | (y == 0) ? 1. : r;
  return float(r);
}

}  // namespace rl::vm
