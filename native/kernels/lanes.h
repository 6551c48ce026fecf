// Vectors of the width that a CPU level has, for loops whose order the compiler may not change by itself
// (sums). Included only by files that are compiled per level.
#pragma once

#include <limits>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "kernels/loop.h"

namespace rl {

#if defined(__AVX512F__)
inline constexpr int kLaneBytes = 64;
#elif defined(__AVX__)
inline constexpr int kLaneBytes = 32;
#else
inline constexpr int kLaneBytes = 16;
#endif

template <class T, int N>
struct LanesOf {
  typedef T type __attribute__((vector_size(sizeof(T) * N)));
};
template <class T, int N = kLaneBytes / int(sizeof(T))>
using Lanes = typename LanesOf<T, N>::type;
template <class T>
inline constexpr int kLanes = kLaneBytes / int(sizeof(T));

template <class V, class T>
inline V load_lanes(const T* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
/// The first `m` lanes from memory, the others from `fill`.
template <class V, class T>
inline V load_lanes(const T* p, std::int64_t m, V fill) {
  __builtin_memcpy(&fill, p, std::size_t(m) * sizeof(T));
  return fill;
}
template <class V, class T>
inline void store_lanes(T* p, V v) {
  __builtin_memcpy(p, &v, sizeof v);
}
template <class V, class T>
inline void store_lanes(T* p, V v, std::int64_t m) {
  __builtin_memcpy(p, &v, std::size_t(m) * sizeof(T));
}

/// f(offset, m) for whole vectors and the rest, m lanes of which count.
template <class T, class F>
inline void by_lanes(std::int64_t n, F f) {
  constexpr std::int64_t w = kLanes<T>;
  std::int64_t i = 0;
  for (; i + w <= n; i += w) f(i, std::integral_constant<std::int64_t, w>());
  if (i < n) f(i, n - i);
}

/// Joins the lanes of a vector as a tree.
template <class T, class V, class F>
inline T fold_lanes(V v, F join) {
  constexpr int n = int(sizeof(V) / sizeof(T));
  T a[n];
  __builtin_memcpy(a, &v, sizeof v);
  for (int w = n / 2; w > 0; w /= 2)
    for (int i = 0; i < w; ++i) a[i] = join(a[i], a[i + w]);
  return a[0];
}

/// a > b ? a : b, and so b where one of them is nan: one instruction, which GCC does not find by itself.
/// (All lanes by a mask: GCC 12 warns of its own header's plain form.)
template <class T, class V>
inline V lane_max(V a, V b) {
  constexpr bool single = sizeof(T) == 4;
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64 && single) return V(_mm512_maskz_max_ps(__mmask16(-1), __m512(a), __m512(b)));
  if constexpr (sizeof(V) == 64 && !single) return V(_mm512_maskz_max_pd(__mmask8(-1), __m512d(a), __m512d(b)));
#endif
#if defined(__AVX__)
  if constexpr (sizeof(V) == 32 && single) return V(_mm256_max_ps(__m256(a), __m256(b)));
  if constexpr (sizeof(V) == 32 && !single) return V(_mm256_max_pd(__m256d(a), __m256d(b)));
#endif
#if defined(__SSE2__)
  if constexpr (sizeof(V) == 16 && single) return V(_mm_max_ps(__m128(a), __m128(b)));
  if constexpr (sizeof(V) == 16 && !single) return V(_mm_max_pd(__m128d(a), __m128d(b)));
#endif
  return a > b ? a : b;
}
/// Likewise a < b ? a : b.
template <class T, class V>
inline V lane_min(V a, V b) {
  constexpr bool single = sizeof(T) == 4;
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64 && single) return V(_mm512_maskz_min_ps(__mmask16(-1), __m512(a), __m512(b)));
  if constexpr (sizeof(V) == 64 && !single) return V(_mm512_maskz_min_pd(__mmask8(-1), __m512d(a), __m512d(b)));
#endif
#if defined(__AVX__)
  if constexpr (sizeof(V) == 32 && single) return V(_mm256_min_ps(__m256(a), __m256(b)));
  if constexpr (sizeof(V) == 32 && !single) return V(_mm256_min_pd(__m256d(a), __m256d(b)));
#endif
#if defined(__SSE2__)
  if constexpr (sizeof(V) == 16 && single) return V(_mm_min_ps(__m128(a), __m128(b)));
  if constexpr (sizeof(V) == 16 && !single) return V(_mm_min_pd(__m128d(a), __m128d(b)));
#endif
  return a < b ? a : b;
}

/// e^x for a vector, within one unit in the last place; nan stays nan, results below the normal range are subnormal.
template <class T, class V>
inline V exp_lanes(V x) {
  using I = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  using VI = Lanes<I, int(sizeof(V) / sizeof(T))>;
  constexpr bool single = sizeof(T) == 4;
  constexpr T low = single ? T(-104) : T(-746), high = single ? T(89) : T(710);
  // Adding 1.5·2^(mantissa bits) rounds to the nearest integer and leaves it in the low bits.
  constexpr T magic = single ? T(0x1.8p23) : T(0x1.8p52);
  constexpr T ln2_high = single ? T(0x1.63p-1) : T(0x1.62e42feep-1);
  constexpr T ln2_low = single ? T(-2.12194440054690583e-4) : T(1.90821492927058770002e-10);
  constexpr int mantissa = single ? 23 : 52, bias = single ? 127 : 1023;
  x = x < low ? V{} + low : x;
  x = x > high ? V{} + high : x;
  const V shifted = x * T(1.44269504088896340736) + magic;
  const V n = shifted - magic;
  V r = x - n * ln2_high;
  r = r - n * ln2_low;
  constexpr double inverse_factorial[] = {
      1.0,        1.0,         1.0 / 2,      1.0 / 6,       1.0 / 24,       1.0 / 120,       1.0 / 720,
      1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0};
  constexpr int degree = single ? 7 : 13;
  V y = V{} + T(inverse_factorial[degree]);
  for (int k = degree - 1; k >= 0; --k) y = y * r + T(inverse_factorial[k]);
  VI bits, base;
  const V magic_lanes = V{} + magic;
  __builtin_memcpy(&bits, &shifted, sizeof bits);
  __builtin_memcpy(&base, &magic_lanes, sizeof base);
  bits -= base;
  // Two factors, since 2^n alone is not representable at both ends of the range.
  using VU = Lanes<std::make_unsigned_t<I>, int(sizeof(V) / sizeof(T))>;
  const VI half = bits / 2;
  const VU first = VU(half + bias) << mantissa, second = VU(bits - half + bias) << mantissa;
  V f, s;
  __builtin_memcpy(&f, &first, sizeof f);
  __builtin_memcpy(&s, &second, sizeof s);
  return y * f * s;
}

}  // namespace rl
