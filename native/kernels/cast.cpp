// Conversions between all element types, and plain copies.
#include "kernels/apply.h"
#include "kernels/level.h"

namespace rl {
namespace {

template <class To, class From>
void convert_inner(char* out, const char* const* in, std::int64_t n, const void*) {
  To* o = reinterpret_cast<To*>(out);
  const From* a = reinterpret_cast<const From*>(in[0]);
#if defined(__F16C__)
  // GCC vectorises no conversion of binary16 by itself.
  if constexpr (std::is_same_v<To, half_t> && std::is_same_v<From, float>) {
    std::int64_t i = 0;
    for (; i + 8 <= n; i += 8)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(o + i),
                       _mm256_cvtps_ph(_mm256_loadu_ps(a + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    for (; i < n; ++i) o[i] = half_t(a[i]);
    return;
  } else if constexpr (std::is_same_v<To, float> && std::is_same_v<From, half_t>) {
    std::int64_t i = 0;
    for (; i + 8 <= n; i += 8)
      _mm256_storeu_ps(o + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a + i))));
    for (; i < n; ++i) o[i] = float(a[i]);
    return;
  }
#endif
#if defined(__AVX512F__)
  // A plain widening of 16 bits, which GCC does by permutations of two registers.
  if constexpr (std::is_same_v<To, float> && std::is_same_v<From, bfloat16_t>) {
    std::int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
      const __m512i wide =
          _mm512_maskz_cvtepu16_epi32(__mmask16(-1), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a + i)));
      _mm512_storeu_si512(o + i, _mm512_maskz_slli_epi32(__mmask16(-1), wide, 16));
    }
    for (; i < n; ++i) o[i] = float(a[i]);
    return;
  }
#elif defined(__AVX2__)
  if constexpr (std::is_same_v<To, float> && std::is_same_v<From, bfloat16_t>) {
    std::int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
      const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a + i)));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(o + i), _mm256_slli_epi32(wide, 16));
    }
    for (; i < n; ++i) o[i] = float(a[i]);
    return;
  }
#endif
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) o[i] = convert<To>(a[i]);
}

template <class To, class From>
void cast_loop(char* const* d, const std::int64_t* s, std::int64_t n, const void* params) {
  if (s[0] == sizeof(To) && s[1] == sizeof(From)) {
    const char* in[] = {d[1]};
    return convert_inner<To, From>(d[0], in, n, params);
  }
  if (s[1] == 0 && n > 1) {  // one conversion, then a fill
    alignas(16) char value[sizeof(To)];
    const char* in[] = {d[1]};
    convert_inner<To, From>(value, in, 1, params);
    return strided::copy_bytes(d[0], s[0], value, 0, n, sizeof(To));
  }
  strided::run(convert_inner<To, From>, {1, sizeof(To), {sizeof(From)}}, d, s, n, params);
}

template <class T>
void fill_contiguous(char* to, const char* from, std::int64_t n) {
  T v;
  std::memcpy(&v, from, sizeof(T));
  T* o = reinterpret_cast<T*>(to);
  for (std::int64_t i = 0; i < n; ++i) o[i] = v;
}

template <int Size>
void copy_loop(char* const* d, const std::int64_t* s, std::int64_t n, const void*) {
  if (s[0] == Size && s[1] == Size) {
    if (n > 0 && d[0] != d[1]) std::memmove(d[0], d[1], std::size_t(n) * Size);
    return;
  }
  if (s[0] == Size && s[1] == 0 && n > 0) {
    if constexpr (Size == 1) return void(std::memset(d[0], static_cast<unsigned char>(*d[1]), std::size_t(n)));
    if constexpr (Size == 2) return fill_contiguous<std::uint16_t>(d[0], d[1], n);
    if constexpr (Size == 4) return fill_contiguous<std::uint32_t>(d[0], d[1], n);
    if constexpr (Size == 8) return fill_contiguous<std::uint64_t>(d[0], d[1], n);
    if constexpr (Size == 16) return fill_contiguous<strided::Pair>(d[0], d[1], n);
  }
  strided::copy_bytes(d[0], s[0], d[1], s[1], n, Size);
}

template <class To, class From>
constexpr Loop cast_for() {
  if constexpr (std::is_same_v<To, From>)
    return copy_loop<sizeof(To)>;
  else
    return cast_loop<To, From>;
}
template <class To, class... From>
void fill_row(Loop* row, Types<From...>) {
  ((row[int(dtype_of<From>())] = cast_for<To, From>()), ...);
}
using All = Types<bool, std::uint8_t, std::int8_t, std::int16_t, std::int32_t, std::int64_t, half_t, bfloat16_t, float,
                  double, cfloat, cdouble>;
template <class... To>
void fill_rows(PointwiseTable& t, Types<To...>) {
  (fill_row<To>(t.cast[int(dtype_of<To>())], All{}), ...);
}

bool outside(const std::int64_t* p, std::int64_t n, std::int64_t low, std::int64_t size) {
  // An integer below `low` or too large sets the highest bit of one of two differences.
  std::uint64_t found = 0;
  const std::uint64_t first = std::uint64_t(low), last = std::uint64_t(low + size - 1);
  for (std::int64_t i = 0; i < n; ++i) found |= (std::uint64_t(p[i]) - first) | (last - std::uint64_t(p[i]));
  return std::int64_t(found) < 0;
}

}  // namespace

void fill_cast(PointwiseTable& t) {
  fill_rows(t, All{});
  t.outside = outside;
}

}  // namespace rl
