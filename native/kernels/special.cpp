// Special functions of one or two numbers. They are computed in double precision for floats as well: right to the last
// place there, and to some units of it in double. Series, recurrences and reflections: nothing here vectorises, so the
// bodies are plain functions that all loops of a level share.
#include "kernels/apply.h"
#include "kernels/level.h"

namespace rl {
namespace {

constexpr double kPi = 0x1.921fb54442d18p1, kLargest = 0x1.fffffffffffffp1023;

/// B_2k / (2k)! for k = 1, 2, …
inline constexpr double kBernoulli[] = {0x1.5555555555555p-4,   -0x1.6c16c16c16c17p-10, 0x1.1566abc011567p-15,
                                        -0x1.bbd779334ef0bp-21, 0x1.66a8f2bf70ebep-26,  -0x1.22805d644267fp-31,
                                        0x1.d6db2c4e09162p-37,  -0x1.7da4e1f79955cp-42, 0x1.355871d652e9ep-47,
                                        -0x1.f57d968caacf1p-53, 0x1.967e1f09c376fp-58,  -0x1.497d9033a2b5cp-63};

RL_INLINE double log_of(double x) { return __builtin_log(x); }
RL_INLINE double round_even(double x) { return __builtin_rint(x); }
RL_INLINE bool integral(double x) { return x == vm::floor(x); }

// ---- gamma and its logarithm's derivatives -------------------------------------------------------------------------

/// Taylor's coefficients of the digamma function around its positive root, from the linear one on.
inline constexpr double kPsiNearRoot[] = {
    0x1.ef72bc8ee38acp-1,  -0x1.c563b54aa1a35p-2,  0x1.08b4294d50381p-2,  -0x1.4fc1317257da8p-3,
    0x1.b9a5b6370f3abp-4,  -0x1.27baba261cc2cp-4,  0x1.8fce02b239ca7p-5,  -0x1.0fa7ec36a7d8fp-5,
    0x1.723d6807edcc0p-6,  -0x1.f970508e1b6a2p-7,  0x1.5955caaa962f3p-7,  -0x1.d828079282eb8p-8,
    0x1.42e1acf81d8dcp-8,  -0x1.b9afc7cee8a14p-9,  0x1.2e23345f79aafp-9,  -0x1.9d626f71d1f7ap-10,
    0x1.1acebbd761089p-10, -0x1.82f6345c65b35p-11, 0x1.08bdae1a261d4p-11, -0x1.6a3fddea11304p-12,
    0x1.efacab6fb8985p-13, -0x1.531f5dc5eb563p-13};
constexpr double kPsiRoot = 0x1.762d86356be3fp+0, kPsiRootRest = 0x1.b86a722197829p-54;

double digamma(double x) {
  if (x == 0) return vm::copysign(vm::kInf<double>, -x);
  double result = 0;
  if (x < 0) {
    if (integral(x)) return vm::kNan<double>;  // -inf as well
    // psi(x) = psi(1 - x) - pi / tan(pi x), the tangent of what is left when whole turns are taken away
    result = -kPi / __builtin_tan(kPi * (x - round_even(x)));
    x = 1 - x;
  }
  const double d = (x - kPsiRoot) - kPsiRootRest;
  if (vm::fabs(d) < 0.25) return result + d * vm::poly(d, kPsiNearRoot);
  // psi(x) = psi(x + 1) - 1 / x
  for (; x < 10; ++x) result -= 1 / x;
  // B_2k / 2k
  static constexpr double tail[] = {0x1.5555555555555p-4,  -0x1.1111111111111p-7, 0x1.0410410410410p-8,
                                    -0x1.1111111111111p-8, 0x1.f07c1f07c1f08p-8,  -0x1.5995995995996p-6,
                                    0x1.5555555555555p-4};
  const double y = 1 / (x * x);
  return result + (log_of(x) - 0.5 / x - y * vm::poly(y, tail));
}

double trigamma(double x) {
  double result = 0, sign = 1;
  if (x < 0.5) {
    if (integral(x)) return x < -kLargest ? vm::kNan<double> : vm::kInf<double>;
    const double s = __builtin_sin(kPi * (x - round_even(x)));
    result = kPi * kPi / (s * s), sign = -1;
    x = 1 - x;
  }
  double sum = 0;
  for (; x < 15; ++x) sum += 1 / (x * x);
  // B_2k
  static constexpr double tail[] = {0x1.5555555555555p-3,  -0x1.1111111111111p-5, 0x1.8618618618618p-6,
                                    -0x1.1111111111111p-5, 0x1.364d9364d9365p-4,  -0x1.0330330330330p-2,
                                    0x1.2aaaaaaaaaaabp+0};
  const double y = 1 / (x * x);
  return result + sign * (sum + (1 / x + 0.5 * y + y / x * vm::poly(y, tail)));
}

/// The sum of (q + k)^-s over k = 0, 1, … for s > 1, q > 0 by Euler and Maclaurin's formula.
double zeta_positive(double s, double q) {
  double sum = 0;
  for (int k = 0; k < 10 || q < 10; ++k, ++q) {
    const double term = __builtin_pow(q, -s);
    sum += term;
    if (!(term > 0x1p-54 * sum)) return sum;  // infinite and nan, too
  }
  const double edge = __builtin_pow(q, -s);
  sum += edge * q / (s - 1) + 0.5 * edge;
  double factor = edge / q * s;  // s (s + 1) … (s + 2k - 2) q^(-s - 2k + 1)
  double at = s + 1;
  for (const double b : kBernoulli) {
    const double term = b * factor;
    sum += term;
    if (!(vm::fabs(term) > 0x1p-54 * sum)) break;
    factor *= at * (at + 1) / (q * q);
    at += 2;
  }
  return sum;
}

double zeta(double s, double q) {
  if (s != s || q != q) return vm::kNan<double>;
  if (s == 1) return vm::kInf<double>;
  if (s < 1) return vm::kNan<double>;
  if (q > 0) return zeta_positive(s, q);
  if (integral(q)) return q < -kLargest ? vm::kNan<double> : vm::kInf<double>;
  if (!integral(s)) return vm::kNan<double>;
  // The terms below zero are those of two sums from positive places on, but for their sign.
  const double up = q - vm::floor(q);
  const double below = zeta_positive(s, 1 - up) - zeta_positive(s, 1 - q);
  return zeta_positive(s, up) + (vm::fmod(s, 2.0) != 0 ? -below : below);
}

/// The n-th derivative of the digamma function.
double polygamma(double n, double x) {
  if (n == 0) return digamma(x);
  if (n == 1) return trigamma(x);
  double factorial = vm::fmod(n, 2.0) != 0 ? 1 : -1;
  for (double k = 2; k <= n && k < 172; ++k) factorial *= k;  // infinite from 171! on
  return factorial * zeta(n + 1, x);
}

// ---- modified Bessel functions -------------------------------------------------------------------------------------

/// I_0 in powers of (x / 2)^2.
inline constexpr double kI0Series[] = {
    0x1.0000000000000p+0,   0x1.0000000000000p+0,   0x1.0000000000000p-2,   0x1.c71c71c71c71cp-6,
    0x1.c71c71c71c71cp-10,  0x1.23456789abcdfp-14,  0x1.02e85c0898b71p-19,  0x1.522a43f65486ap-25,
    0x1.522a43f65486ap-31,  0x1.0b313289be0b9p-37,  0x1.5601885e63e5dp-44,  0x1.69ca9cf3b7f54p-51,
    0x1.4197a7f5154bcp-58,  0x1.e725594ee52e9p-66,  0x1.3e22d70ef3b5fp-73,  0x1.69f7da8510bcdp-81,
    0x1.69f7da8510bcdp-89,  0x1.40a2dc2460523p-97,  0x1.faaf2fa1c79e5p-106, 0x1.674f8e46c208cp-114,
    0x1.cbeaf38dc529fp-123, 0x1.0afb53e9cec0bp-131, 0x1.1a6d4e307528fp-140, 0x1.1159d2b18fe1fp-149,
    0x1.e5f504c9e358cp-159, 0x1.8e189760fbc74p-168};
/// I_1 / x in powers of (x / 2)^2.
inline constexpr double kI1Series[] = {
    0x1.0000000000000p-1,   0x1.0000000000000p-2,   0x1.5555555555555p-5,   0x1.c71c71c71c71cp-9,
    0x1.6c16c16c16c17p-13,  0x1.845c8a0ce5129p-18,  0x1.27e4fb7789f5cp-23,  0x1.522a43f65486ap-29,
    0x1.2c9758daf5cd0p-35,  0x1.ab81ea75fcdf4p-42,  0x1.f17697cf1cf13p-49,  0x1.e2637bef9ff1ap-56,
    0x1.8bce58901a35ep-63,  0x1.165e7c2d153f3p-70,  0x1.53585cdcbfb10p-78,  0x1.69f7da8510bcdp-86,
    0x1.54ad09e6a6575p-94,  0x1.1d028acb00491p-102, 0x1.aaae78f4066a6p-111, 0x1.1f72d8389b3a3p-119,
    0x1.5e69de22df5cep-128, 0x1.84564b82a1184p-137, 0x1.88f11edf3ed4cp-146, 0x1.6c77c3976a829p-155,
    0x1.37033643c4b3bp-164, 0x1.e9f6e1b270f54p-174};
/// sqrt(x) e^-x I_0(x) for x >= 8 in powers of 16 / x - 1; a fit with an error of 2e-17.
inline constexpr double kI0Far[] = {
    0x1.9bd428ad249a5p-2,   0x1.b87969bb93a48p-9,  0x1.1daa72b5e2366p-13,  0x1.75e5ee7822f78p-17,
    0x1.8e513accc76a3p-20,  0x1.3f49933733f90p-22, 0x1.7d0e5f25bc841p-24,  0x1.51d5f84cd03f6p-25,
    0x1.7257db9ed6674p-26,  0x1.02cf9254e7670p-27, -0x1.d3b411548af05p-28, -0x1.c9aa2ffce2ca1p-27,
    -0x1.62c3f99ada19fp-28, 0x1.f7410b7f70fd0p-28, 0x1.d29741886cb2dp-28,  -0x1.ac9afa081a33ep-29,
    -0x1.4d2b550bd6e76p-28, 0x1.2c4a86bc0bfefp-30, 0x1.499ae7b4d59c2p-29,  -0x1.2e287745e1a2ep-32,
    -0x1.9ae1031554e04p-31, 0x1.36172c123f453p-35, 0x1.de985e80c26e1p-34};
/// The same of I_1.
inline constexpr double kI1Far[] = {
    0x1.8ebe783a84030p-2,   -0x1.3f796198ee5e3p-7,  -0x1.cbc54df1e8a30p-13, -0x1.f89c230c1c6c7p-17,
    -0x1.ec8e10cda9622p-20, -0x1.76136c8d9dbb3p-22, -0x1.ad8c9576be72ap-24, -0x1.7280f7124367dp-25,
    -0x1.91b62a0449ae7p-26, -0x1.20dfa102cdc55p-27, 0x1.d2f43270388f8p-28,  0x1.df68969b0012bp-27,
    0x1.89426861550d7p-28,  -0x1.fec28b5e30e16p-28, -0x1.f053fd33757dcp-28, 0x1.a62d3a5241febp-29,
    0x1.5e0ee1eae723fp-28,  -0x1.1ff732137576bp-30, -0x1.5873a50ddf275p-29, 0x1.1be99bbf474cep-32,
    0x1.ac4bf6a87bc29p-31,  -0x1.1f6f8a3689d3bp-35, -0x1.f23ff1f27dca9p-34};

/// I_order(x), times e^-|x| where it is to be scaled.
double bessel_i(int order, double x, bool scaled) {
  const double size = vm::fabs(x);
  double y;
  if (size <= 8) {
    const double square = 0.25 * x * x;
    y = order == 0 ? vm::poly(square, kI0Series) : x * vm::poly(square, kI1Series);
    return scaled ? y * __builtin_exp(-size) : y;
  }
  if (size > kLargest) return scaled ? vm::copysign(0.0, order == 1 ? x : 1.0) : order == 1 ? x : size;
  const double u = 16 / size - 1;
  y = (order == 0 ? vm::poly(u, kI0Far) : vm::poly(u, kI1Far)) / vm::sqrt(size);
  if (order == 1) y = vm::copysign(y, x);
  if (scaled) return y;
  const double half = __builtin_exp(0.5 * size);  // the whole may overflow before the result does
  return y * half * half;
}

// ---- operators -----------------------------------------------------------------------------------------------------

RL_OP1(Lgamma, {
  int sign;  // the plain lgamma writes a global
  if constexpr (std::is_same_v<T, float>)
    return __builtin_lgammaf_r(a, &sign);
  else
    return __builtin_lgamma_r(a, &sign);
})
RL_OP1(Digamma, { return T(digamma(a)); })
RL_OP1(I0, { return T(bessel_i(0, a, false)); })
RL_OP1(I0e, { return T(bessel_i(0, a, true)); })
RL_OP1(I1, { return T(bessel_i(1, a, false)); })
RL_OP1(I1e, { return T(bessel_i(1, a, true)); })
RL_OP1C(Polygamma, 1, { return T(polygamma(c.raw[0], a)); })
RL_OP2(Zeta, { return T(zeta(a, b)); })
RL_OP2(Xlog1py, {
  const T y = a * vm::log1p(b);
  return b != b ? b : a == T(0) ? T(0) : y;
})

}  // namespace

void fill_special(PointwiseTable& t) {
  const Floats f;
  RL_FILL1(unary, Unary, Lgamma, Lgamma, f);
  RL_FILL1(unary, Unary, Digamma, Digamma, f);
  RL_FILL1(unary, Unary, I0, I0, f);
  RL_FILL1(unary, Unary, I0e, I0e, f);
  RL_FILL1(unary, Unary, I1, I1, f);
  RL_FILL1(unary, Unary, I1e, I1e, f);
  RL_FILL1(unary_param, UnaryParam, Polygamma, Polygamma, f);
  RL_FILL2(binary, Binary, Zeta, Zeta, f);
  RL_FILL2(binary, Binary, Xlog1py, Xlog1py, f);
}

}  // namespace rl
