// The generator and the streams of random.h. Transcendental functions are the C library's, element by element, as in
// the reference: only so are the bits the same.
#include "kernels/random.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numbers>
#include <random>
#include <utility>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/table.h"

namespace rl {
namespace {

using std::int64_t;
using std::size_t;
using std::uint32_t;
using std::uint64_t;

constexpr double kTwoPi = 2 * std::numbers::pi;
constexpr int64_t kChunk = 512;  // words drawn at once
constexpr int64_t kShort = 16;   // up to here a plain loop beats calls into the level's table

inline uint32_t tempered(uint32_t y) {
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

/// Words that can be read before the next twist; twists when there are none. A state from outside may be at odds with
/// itself in `left` and `next`, both bounds are kept.
inline uint32_t ready(GeneratorState& g) {
  uint32_t n = std::min(g.left - 1, uint32_t(kGeneratorWords) - g.next);
  if (n == 0) [[unlikely]] {
    kernels->random.twist(g.words);
    g.left = kGeneratorWords + 1;
    g.next = 0;
    n = kGeneratorWords;
  }
  return n;
}

inline uint32_t single(GeneratorState& g) {
  ready(g);
  --g.left;
  return tempered(g.words[g.next++]);
}

inline uint64_t pair(GeneratorState& g) {
  const uint64_t upper = single(g);
  return upper << 32 | single(g);
}

/// The next n words.
void draw(GeneratorState& g, uint32_t* out, int64_t n) {
  while (n > 0) {
    const uint32_t k = uint32_t(std::min<int64_t>(n, ready(g)));
    kernels->random.temper(g.words + g.next, out, k);
    g.next += k;
    g.left -= k;
    out += k;
    n -= k;
  }
}

/// Calls f(i, single) for i in [0, n), in order.
template <class F>
void each_single(GeneratorState& g, int64_t n, F&& f) {
  if (n <= kShort) {
    for (int64_t i = 0; i < n; ++i) f(i, single(g));
    return;
  }
  uint32_t words[kChunk];
  for (int64_t start = 0; start < n; start += kChunk) {
    const int64_t count = std::min(kChunk, n - start);
    draw(g, words, count);
    for (int64_t i = 0; i < count; ++i) f(start + i, words[i]);
  }
}

/// Calls f(i, pair) for i in [0, n), in order.
template <class F>
void each_pair(GeneratorState& g, int64_t n, F&& f) {
  if (n <= kShort) {
    for (int64_t i = 0; i < n; ++i) f(i, pair(g));
    return;
  }
  uint32_t words[kChunk];
  for (int64_t start = 0; start < n; start += kChunk / 2) {
    const int64_t count = std::min(kChunk / 2, n - start);
    draw(g, words, 2 * count);
    for (int64_t i = 0; i < count; ++i) f(start + i, uint64_t(words[2 * i]) << 32 | words[2 * i + 1]);
  }
}

/// U<float> of a single.
inline float unit(uint32_t word) { return float(std::int32_t(word & 0xffffffu)) * 0x1p-24f; }
/// U<double> of a pair.
inline double unit(uint64_t word) { return double(int64_t(word & ((uint64_t(1) << 53) - 1))) * 0x1p-53; }
inline double unit(GeneratorState& g) { return unit(pair(g)); }

/// U<double> < p is a comparison of integers: x * 2^-53 < p exactly when x < ceil(p * 2^53).
inline uint64_t threshold(double p) { return uint64_t(std::ceil(p * 0x1p53)); }

/// N
inline double normal(GeneratorState& g) {
  if (g.has_next_normal) {
    g.has_next_normal = false;
    return g.next_normal;
  }
  const double u1 = unit(g), u2 = unit(g);
  const double radius = std::sqrt(-2.0 * std::log1p(-u2)), theta = kTwoPi * u1;
  g.next_normal = radius * std::sin(theta);
  g.has_next_normal = true;
  return radius * std::cos(theta);
}

/// value * scale + shift with one rounding, as the reference's builds for current CPUs have it.
inline double affine(double value, double scale, double shift) {
  return scale == 1 && shift == 0 ? value : std::fma(value, scale, shift);
}

[[noreturn]] void not_implemented(const char* kernel, DType dtype) {
  fail(ErrorKind::NotImplemented, '"', kernel, "\" not implemented for '", scalar_type_name(dtype), "'");
}

/// Calls f(Tag<T>) for the four floating types.
template <class F>
void dispatch_floating(DType dtype, const char* kernel, F&& f) {
  switch (dtype) {
    case DType::Half: return f(Tag<half_t>{});
    case DType::BFloat16: return f(Tag<bfloat16_t>{});
    case DType::Float: return f(Tag<float>{});
    case DType::Double: return f(Tag<double>{});
    default: not_implemented(kernel, dtype);
  }
}

/// The same for all types that are not complex.
template <class F>
void dispatch_real(DType dtype, const char* kernel, F&& f) {
  if (is_complex(dtype)) not_implemented(kernel, dtype);
  dispatch(dtype, [&](auto t) {
    if constexpr (!is_complex_v<typename decltype(t)::type>) f(t);
  });
}

// The layout of torch.get_rng_state(). What is written as zero is not looked at when read.
struct StateBytes {
  uint64_t seed;
  std::int32_t left;
  std::int32_t seeded;
  uint64_t next;
  uint64_t words[kGeneratorWords];  // 32 bits each
  double zero_x;
  double next_normal;
  double zero_rho;
  std::int32_t has_next_normal;
  std::int32_t zero_pad;
  float next_float_normal;
  std::uint8_t has_next_float_normal;
  std::uint8_t zero_end[3];
};
static_assert(sizeof(StateBytes) == kGeneratorStateBytes);

}  // namespace

void GeneratorState::manual_seed(uint64_t value) {
  initial_seed = value;
  words[0] = uint32_t(value);
  for (uint32_t i = 1; i < kGeneratorWords; ++i) words[i] = 1812433253u * (words[i - 1] ^ (words[i - 1] >> 30)) + i;
  left = 1;
  next = 0;
  next_normal = 0;
  next_float_normal = 0;
  has_next_normal = has_next_float_normal = false;
}

uint64_t GeneratorState::seed() {
  std::random_device entropy;
  const uint64_t upper = entropy();
  manual_seed(upper << 32 | entropy());
  return initial_seed;
}

void GeneratorState::get_state(void* out) const {
  StateBytes s{};
  s.seed = initial_seed;
  s.left = std::int32_t(left);
  s.seeded = 1;
  s.next = next;
  std::copy(std::begin(words), std::end(words), s.words);
  if (has_next_normal) s.next_normal = next_normal;
  s.has_next_normal = has_next_normal;
  if (has_next_float_normal) s.next_float_normal = next_float_normal;
  s.has_next_float_normal = has_next_float_normal;
  std::memcpy(out, &s, sizeof s);
}

void GeneratorState::set_state(const void* bytes, size_t length) {
  if (length != sizeof(StateBytes))
    fail_runtime("Expected a CPUGeneratorImplState of size ", sizeof(StateBytes),
                 " but found the input RNG state size to be ", length);
  StateBytes s;
  std::memcpy(&s, bytes, sizeof s);
  if (s.seeded == 0 || s.left < 1 || s.left > kGeneratorWords || s.next > uint64_t(kGeneratorWords))
    fail_runtime("Invalid mt19937 state");
  initial_seed = s.seed;
  left = uint32_t(s.left);
  next = uint32_t(s.next);
  std::copy(std::begin(s.words), std::end(s.words), words);
  has_next_normal = s.has_next_normal != 0;
  next_normal = has_next_normal ? s.next_normal : 0;
  has_next_float_normal = s.has_next_float_normal != 0;
  next_float_normal = has_next_float_normal ? s.next_float_normal : 0;
}

uint32_t GeneratorState::random() { return single(*this); }
uint64_t GeneratorState::random64() { return pair(*this); }

void fill_uniform(GeneratorState& g, void* out, DType dtype, int64_t n, double lo, double hi) {
  if (is_complex(dtype)) return fill_uniform(g, out, to_real(dtype), 2 * n, lo, hi);
  dispatch_floating(dtype, "check_uniform_bounds", [&](auto t) {
    using T = typename decltype(t)::type;
    T* const data = static_cast<T*>(out);
    if constexpr (is_half_v<T>) {
      const T from = T(float(lo)), end = T(float(hi));
      float drawn[kChunk];
      for (int64_t start = 0; start < n; start += kChunk) {
        const int64_t count = std::min(kChunk, n - start);
        fill_uniform(g, drawn, DType::Float, count, lo, hi);
        for (int64_t i = 0; i < count; ++i) {
          const T v = T(drawn[i]);
          data[start + i] = float(v) == float(end) ? from : v;
        }
      }
    } else {
      constexpr int64_t per = sizeof(T) / 4;  // words for each number
      const T from = T(lo), end = T(hi);
      uint32_t words[kChunk];
      if (n <= kShort && from == 0 && end == 1) {
        for (int64_t i = 0; i < n; ++i) {
          if constexpr (per == 1)
            data[i] = unit(single(g));
          else
            data[i] = unit(g);
        }
        return;
      }
      for (int64_t start = 0; start < n; start += kChunk / per) {
        const int64_t count = std::min(kChunk / per, n - start);
        draw(g, words, count * per);
        if constexpr (per == 1)
          kernels->random.uniform_float(words, data + start, count, from, end);
        else
          kernels->random.uniform_double(words, data + start, count, from, end);
      }
    }
  });
}

namespace {

void box_muller(float* data, int64_t n, float mean, float std) { kernels->random.box_muller(data, n, mean, std); }

void box_muller(double* data, int64_t n, double mean, double std) {
  for (int64_t b = 0; b + 16 <= n; b += 16) {
    for (int64_t i = b; i < b + 8; ++i) {
      const double radius = std::sqrt(-2 * std::log(1 - data[i])), theta = kTwoPi * data[i + 8];
      data[i] = affine(radius * std::cos(theta), std, mean);
      data[i + 8] = affine(radius * std::sin(theta), std, mean);
    }
  }
}

/// NOTE [Two normal streams], from 16 elements on.
template <class T>
void normal_blocks(GeneratorState& g, T* data, int64_t n, T mean, T std) {
  fill_uniform(g, data, dtype_of<T>(), n, 0, 1);
  // The grain is a multiple of 16, so that a block is always whole.
  parallel_for(n / 16 * 16, std::is_same_v<T, float> ? kGrain : kGrain / 8,
               [&](int64_t begin, int64_t end) { box_muller(data + begin, end - begin, mean, std); });
  if (n % 16 != 0) {
    fill_uniform(g, data + n - 16, dtype_of<T>(), 16, 0, 1);
    box_muller(data + n - 16, 16, mean, std);
  }
}

template <class T>
void normal_blocks_half(GeneratorState& g, T* data, int64_t n, float mean, float std) {
  float drawn[kChunk];
  const auto blocks = [&](T* to, int64_t count) {
    fill_uniform(g, drawn, DType::Float, count, 0, 1);
    box_muller(drawn, count, mean, std);
    for (int64_t i = 0; i < count; ++i) to[i] = T(drawn[i]);
  };
  const int64_t whole = n / 16 * 16;
  for (int64_t start = 0; start < whole; start += kChunk) blocks(data + start, std::min(kChunk, whole - start));
  if (n != whole) blocks(data + n - 16, 16);
}

}  // namespace

void fill_normal(GeneratorState& g, void* out, DType dtype, int64_t n, double mean, double std, bool contiguous) {
  if (is_complex(dtype)) return fill_normal(g, out, to_real(dtype), 2 * n, mean, std / std::numbers::sqrt2, contiguous);
  dispatch_floating(dtype, "normal_kernel_cpu", [&](auto t) {
    using T = typename decltype(t)::type;
    T* const data = static_cast<T*>(out);
    if (n >= 16 && contiguous) {
      if constexpr (is_half_v<T>)
        normal_blocks_half(g, data, n, float(mean), float(std));
      else
        normal_blocks(g, data, n, T(mean), T(std));
    } else {
      for (int64_t i = 0; i < n; ++i) data[i] = convert<T>(affine(normal(g), std, mean));
    }
  });
}

void fill_random(GeneratorState& g, void* out, DType dtype, int64_t n) {
  dispatch_real(dtype, "random_kernel_cpu", [&](auto t) {
    using T = typename decltype(t)::type;
    T* const data = static_cast<T*>(out);
    if constexpr (std::is_same_v<T, bool>) {
      each_single(g, n, [&](int64_t i, uint32_t w) { data[i] = (w & 1) != 0; });
    } else if constexpr (std::is_same_v<T, int64_t>) {
      each_pair(g, n, [&](int64_t i, uint64_t w) { data[i] = int64_t(w & INT64_MAX); });
    } else if constexpr (std::is_integral_v<T>) {
      each_single(g, n, [&](int64_t i, uint32_t w) { data[i] = T(w & uint32_t(std::numeric_limits<T>::max())); });
    } else if constexpr (std::is_same_v<T, double>) {
      each_pair(g, n, [&](int64_t i, uint64_t w) { data[i] = double(w % ((uint64_t(1) << 53) + 1)); });
    } else {
      constexpr uint32_t kIntegers = std::is_same_v<T, half_t>       ? 1u << 11
                                     : std::is_same_v<T, bfloat16_t> ? 1u << 8
                                                                     : 1u << 24;
      each_single(g, n, [&](int64_t i, uint32_t w) { data[i] = T(float(w % (kIntegers + 1))); });
    }
  });
}

void round_random_bounds(DType dtype, int64_t& from, int64_t& to) {
  if (!is_floating(dtype)) return;
  dispatch_floating(dtype, "random_update_from_to", [&](auto t) {
    using T = typename decltype(t)::type;
    constexpr int kDigits = std::is_same_v<T, half_t>       ? 11
                            : std::is_same_v<T, bfloat16_t> ? 8
                                                            : std::numeric_limits<T>::digits;
    const auto rounded = [](int64_t v) { return convert<int64_t>(convert<T>(v)); };
    // The distance of representable numbers around v, where v is beyond 2^digits.
    const auto spacing = [](int64_t v) {
      const uint64_t magnitude = v < 0 ? 0 - uint64_t(v) : uint64_t(v);
      return uint64_t(1) << std::max(0, int(std::bit_width(magnitude)) - kDigits);
    };
    if (from < INT64_MAX && rounded(from + 1) < from) from = int64_t(uint64_t(rounded(from + 1)) + spacing(from + 1));
    if (to > INT64_MIN && rounded(to - 1) >= to) to = int64_t(uint64_t(rounded(to - 1)) - spacing(to - 1));
  });
}

void fill_random_range(GeneratorState& g, void* out, DType dtype, int64_t n, uint64_t range, int64_t from) {
  dispatch_real(dtype, "random_from_to_kernel_cpu", [&](auto t) {
    using T = typename decltype(t)::type;
    T* const data = static_cast<T*>(out);
    const auto put = [&](int64_t i, uint64_t x) { data[i] = convert<T>(int64_t(x + uint64_t(from))); };
    if (range < uint64_t(1) << 28) {
      // The remainder by two multiplications (D. Lemire, O. Kaser, N. Kurz, 2019), exact for 32-bit words.
      const uint64_t inverse = range > 1 ? UINT64_MAX / range + 1 : 0;
      __extension__ using Wide = unsigned __int128;
      each_single(g, n, [&](int64_t i, uint32_t w) { put(i, uint64_t(Wide(inverse * w) * range >> 64)); });
    } else {
      each_pair(g, n, [&](int64_t i, uint64_t w) { put(i, w % range); });
    }
  });
}

void fill_random_full64(GeneratorState& g, void* out, DType dtype, int64_t n) {
  const auto fill = [&](auto t) {
    using T = typename decltype(t)::type;
    T* const data = static_cast<T*>(out);
    each_pair(g, n, [&](int64_t i, uint64_t w) { data[i] = convert<T>(int64_t(w)); });
  };
  switch (dtype) {
    case DType::Int64: return fill(Tag<int64_t>{});
    case DType::Double: return fill(Tag<double>{});
    case DType::Float: return fill(Tag<float>{});
    case DType::BFloat16: return fill(Tag<bfloat16_t>{});
    case DType::Bool:
    case DType::Half:
    case DType::CFloat:
    case DType::CDouble: not_implemented("random_full_64_bits_range_kernel_cpu", dtype);
    default: fail_runtime("random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16");
  }
}

void fill_randperm(GeneratorState& g, void* out, DType dtype, int64_t n) {
  if (dtype == DType::Bool) not_implemented("randperm", dtype);
  dispatch_real(dtype, "randperm", [&](auto t) {
    using T = typename decltype(t)::type;
    T* const data = static_cast<T*>(out);
    if (n < int64_t(UINT32_MAX / 20)) {
      for (int64_t i = 0; i < n; ++i) data[i] = convert<T>(i);
      each_single(g, n - 1, [&](int64_t i, uint32_t w) { std::swap(data[i], data[i + w % uint32_t(n - i)]); });
    } else {  // a 32-bit word would be visibly uneven: Fisher and Yates inside out
      each_pair(g, n, [&](int64_t i, uint64_t w) {
        const uint64_t z = w % uint64_t(i + 1);
        data[i] = convert<T>(i);
        data[i] = data[z];
        data[z] = convert<T>(i);
      });
    }
  });
}

void fill_bernoulli(GeneratorState& g, void* out, DType dtype, int64_t n, double p) {
  const uint64_t limit = threshold(p);
  dispatch_real(dtype, "bernoulli_scalar_cpu_", [&](auto t) {
    using T = typename decltype(t)::type;
    T* const data = static_cast<T*>(out);
    const T values[2] = {convert<T>(0), convert<T>(1)};
    each_pair(g, n, [&](int64_t i, uint64_t w) { data[i] = values[(w & ((uint64_t(1) << 53) - 1)) < limit]; });
  });
}

void fill_bernoulli(GeneratorState& g, void* out, DType dtype, int64_t n, const void* p, DType p_dtype) {
  dispatch_real(dtype, "bernoulli_tensor_cpu_self_", [&](auto t) {
    using T = typename decltype(t)::type;
    T* const data = static_cast<T*>(out);
    const T values[2] = {convert<T>(0), convert<T>(1)};
    dispatch_floating(p_dtype, "bernoulli_tensor_cpu_p_", [&](auto pt) {
      using P = typename decltype(pt)::type;
      const P* const probability = static_cast<const P*>(p);
      // All are looked at before the first is drawn: a failed call changes nothing.
      for (int64_t i = 0; i < n; ++i) {
        const auto v = convert<double>(probability[i]);
        if (!(v >= 0 && v <= 1))
          fail_runtime(
              "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  If "
              "so, please report an enhancement request to PyTorch.)");
      }
      for (int64_t i = 0; i < n; ++i) {
        if constexpr (std::is_same_v<P, double>) {
          const double v = probability[i];
          data[i] = values[unit(g) < v];
        } else {
          const float v = float(probability[i]);
          data[i] = values[unit(single(g)) < v];
        }
      }
    });
  });
}

void fill_exponential(GeneratorState& g, void* out, DType dtype, int64_t n, double lambda) {
  const double scale = -1.0 / lambda;
  dispatch_floating(dtype, "exponential_cpu", [&](auto t) {
    using T = typename decltype(t)::type;
    T* const data = static_cast<T*>(out);
    each_pair(g, n, [&](int64_t i, uint64_t w) { data[i] = convert<T>(scale * std::log1p(-unit(w))); });
  });
}

void fill_geometric(GeneratorState& g, void* out, DType dtype, int64_t n, double p) {
  const double scale = std::log(1.0 - p);
  if (dtype == DType::Bool) not_implemented("geometric_cpu", dtype);
  dispatch_real(dtype, "geometric_cpu", [&](auto t) {
    using T = typename decltype(t)::type;
    T* const data = static_cast<T*>(out);
    each_pair(g, n, [&](int64_t i, uint64_t w) { data[i] = convert<T>(std::ceil(std::log(unit(w)) / scale)); });
  });
}

void fill_cauchy(GeneratorState& g, void* out, DType dtype, int64_t n, double median, double sigma) {
  dispatch_floating(dtype, "cauchy_cpu", [&](auto t) {
    using T = typename decltype(t)::type;
    T* const data = static_cast<T*>(out);
    each_pair(g, n, [&](int64_t i, uint64_t w) {
      data[i] = convert<T>(affine(std::tan(std::numbers::pi * (unit(w) - 0.5)), sigma, median));
    });
  });
}

void fill_log_normal(GeneratorState& g, void* out, DType dtype, int64_t n, double mean, double std) {
  dispatch_floating(dtype, "log_normal_cpu", [&](auto t) {
    using T = typename decltype(t)::type;
    T* const data = static_cast<T*>(out);
    for (int64_t i = 0; i < n; ++i) data[i] = convert<T>(std::exp(affine(normal(g), std, mean)));
  });
}

namespace {

/// lgamma without the C library's global sign, which other threads would race on.
double log_gamma(double x) {
  int sign;
  return ::lgamma_r(x, &sign);
}

int64_t poisson(GeneratorState& g, double rate) {
  if (!(rate >= 0)) fail_runtime("invalid Poisson rate, expected rate to be non-negative");
  if (rate == 0) return 0;
  if (rate < 10) {  // as many uniform factors as it takes to fall below exp(-rate)
    const double end = std::exp(-rate);
    int64_t count = 0;
    for (double product = unit(g); product > end; product *= unit(g)) ++count;
    return count;
  }
  // Transformed rejection with squeeze (PTRS; W. Hoermann, Insurance: Mathematics and Economics 12 (1993) 39).
  const double log_rate = std::log(rate), b = 0.931 + 2.53 * std::sqrt(rate), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = unit(g) - 0.5, v = unit(g), us = 0.5 - std::fabs(u);
    const int64_t k = convert<int64_t>(std::floor((2 * a / us + b) * u + rate + 0.43));
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b) <=
        -rate + double(k) * log_rate - log_gamma(double(k) + 1))
      return k;
  }
}

/// G. Marsaglia, W. W. Tsang, ACM TOMS 26 (2000) 363; a shape below 1 by way of shape + 1. The constants are floats,
/// and the shape keeps its type, because the reference has it so.
template <class T>
T gamma(GeneratorState& g, T alpha) {
  double scale = 1;
  if (std::isnan(alpha)) return alpha;  // would never be accepted
  if (alpha < 1) {
    if (alpha == 0) return 0;
    scale = std::pow(1 - unit(g), double(1 / alpha));
    alpha += 1;
  }
  const double d = alpha - 1.0f / 3.0f, c = 1 / std::sqrt(9 * d);
  for (;;) {
    double x, y;
    do {
      x = normal(g);
      y = 1 + c * x;
    } while (y <= 0);
    const double v = y * y * y, u = 1 - unit(g), xx = x * x;
    if (u < 1 - 0.0331f * xx * xx) return T(scale * d * v);
    if (std::log(u) < 0.5 * xx + d * (1 - v + std::log(v))) return T(scale * d * v);
  }
}

/// Stirling's series for log(k!) without its leading terms.
double stirling_tail(double k) {
  static constexpr double table[] = {0.0810614667953272,  0.0413406959554092, 0.0276779256849983, 0.02079067210376509,
                                     0.0166446911898211,  0.0138761288230707, 0.0118967099458917, 0.0104112652619720,
                                     0.00925546218271273, 0.00833056343336287};
  if (k <= 9) return table[int(k)];
  const double square = (k + 1) * (k + 1);
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

/// Transformed rejection (BTRS; W. Hoermann, J. Stat. Comput. Simul. 46 (1993) 101), for n p >= 10 and p <= 1/2.
double binomial_rejection(GeneratorState& g, double n, double p) {
  const double deviation = std::sqrt(n * p * (1 - p)), b = 1.15 + 2.53 * deviation;
  const double a = -0.0873 + 0.0248 * b + 0.01 * p, c = n * p + 0.5, v_r = 0.92 - 4.2 / b, r = p / (1 - p);
  const double alpha = (2.83 + 5.1 / b) * deviation, m = std::floor((n + 1) * p);
  for (;;) {
    const double u = unit(g) - 0.5;
    double v = unit(g);
    const double us = 0.5 - std::fabs(u), k = std::floor((2 * a / us + b) * u + c);
    if (k < 0 || k > n) continue;
    if (us >= 0.07 && v <= v_r) return k;
    v = std::log(v * alpha / (a / (us * us) + b));
    const double bound = (m + 0.5) * std::log((m + 1) / (r * (n - m + 1))) +
                         (n + 1) * std::log((n - m + 1) / (n - k + 1)) +
                         (k + 0.5) * std::log(r * (n - k + 1) / (k + 1)) + stirling_tail(m) + stirling_tail(n - m) -
                         stirling_tail(k) - stirling_tail(n - k);
    if (v <= bound) return k;
  }
}

/// Sums geometric numbers until they exceed n.
double binomial_inversion(GeneratorState& g, double n, double p) {
  const double log_failure = std::log1p(-p);
  double sum = 0, count = 0;
  for (;;) {
    sum += std::ceil(std::log(unit(g)) / log_failure);
    if (!(sum <= n)) return count;
    ++count;
  }
}

double binomial(GeneratorState& g, double n, double p) {
  if (n <= 0 || p <= 0) return 0;
  if (p >= 1) return n;
  if (std::isnan(p) || std::isnan(n)) return std::numeric_limits<double>::quiet_NaN();
  // Infinitely many trials would never end.
  if (std::isinf(n)) return n;
  const double q = p <= 0.5 ? p : 1.0 - p;
  const double k = n * q >= 10 ? binomial_rejection(g, n, q) : binomial_inversion(g, n, q);
  return p <= 0.5 ? k : n - k;
}

}  // namespace

void fill_binomial(GeneratorState& g, void* out, const void* counts, const void* probs, DType dtype, int64_t n) {
  const auto fill = [&](auto t) {
    using T = typename decltype(t)::type;
    for (int64_t i = 0; i < n; ++i)
      static_cast<T*>(out)[i] = T(binomial(g, static_cast<const T*>(counts)[i], static_cast<const T*>(probs)[i]));
  };
  if (dtype == DType::Float)
    fill(Tag<float>{});
  else if (dtype == DType::Double)
    fill(Tag<double>{});
  else
    not_implemented("binomial_cpu", dtype);
}

void fill_poisson(GeneratorState& g, void* out, const void* rates, DType dtype, int64_t n) {
  dispatch_floating(dtype, "poisson_cpu", [&](auto t) {
    using T = typename decltype(t)::type;
    for (int64_t i = 0; i < n; ++i)
      static_cast<T*>(out)[i] = convert<T>(poisson(g, convert<double>(static_cast<const T*>(rates)[i])));
  });
}

void fill_gamma(GeneratorState& g, void* out, const void* alpha, DType dtype, int64_t n) {
  const auto fill = [&](auto t) {
    using T = typename decltype(t)::type;
    for (int64_t i = 0; i < n; ++i)
      static_cast<T*>(out)[i] = std::max(std::numeric_limits<T>::min(), gamma(g, static_cast<const T*>(alpha)[i]));
  };
  if (dtype == DType::Float)
    fill(Tag<float>{});
  else if (dtype == DType::Double)
    fill(Tag<double>{});
  else
    not_implemented("gamma_cpu", dtype);
}

namespace {

[[noreturn]] void bad_weights(const char* what) { fail_runtime("invalid multinomial distribution (", what, ")"); }

template <class T>
void multinomial_lookup(GeneratorState& g, int64_t* out, const T* weights, int64_t rows, int64_t categories,
                        int64_t samples) {
  using C = std::conditional_t<is_half_v<T>, float, T>;
  const auto cumulated = std::make_unique_for_overwrite<C[]>(size_t(categories));
  const C* const first = cumulated.get();
  for (int64_t row = 0; row < rows; ++row, weights += categories, out += samples) {
    C sum = 0;
    for (int64_t i = 0; i < categories; ++i) {
      const C w = C(weights[i]);
      if (!(w >= 0)) bad_weights("encountering probability entry < 0");
      if (!std::isfinite(w)) bad_weights("encountering probability entry = infinity or NaN");
      cumulated[i] = sum += w;
    }
    if (!(sum > 0)) bad_weights("sum of probabilities <= 0");
    for (int64_t i = 0; i < categories; ++i) cumulated[i] /= sum;
    cumulated[categories - 1] = 1;  // whatever rounding says, so that every number is found
    for (int64_t k = 0; k < samples; ++k) {
      const double u = unit(g);
      out[k] = std::lower_bound(first, first + categories, u, [](C c, double v) { return double(c) < v; }) - first;
    }
  }
}

/// The k largest of weight/exponential are a weighted sample without replacement (the exponential races).
template <class T>
void multinomial_race(GeneratorState& g, int64_t* out, const T* weights, int64_t rows, int64_t categories,
                      int64_t samples, bool by_column) {
  using C = std::conditional_t<is_half_v<T>, float, T>;
  for (int64_t i = 0; i < rows * categories; ++i)
    if (const C w = C(weights[i]); !(w >= 0) || std::isinf(w))
      fail_runtime("probability tensor contains either `inf`, `nan` or element < 0");
  for (int64_t row = 0; row < rows; ++row) {
    const T* const w = weights + row * categories;
    if (std::all_of(w, w + categories, [](T v) { return C(v) == 0; })) bad_weights("sum of probabilities <= 0");
  }

  struct Entry {
    C value;
    int64_t index;
  };
  const auto greater = [](const Entry& a, const Entry& b) {
    return (std::isnan(a.value) && !std::isnan(b.value)) || a.value > b.value;
  };
  const auto times = std::make_unique_for_overwrite<T[]>(size_t(by_column ? rows * categories : categories));
  if (by_column) fill_exponential(g, times.get(), dtype_of<T>(), rows * categories, 1);
  const auto entries = std::make_unique_for_overwrite<Entry[]>(size_t(categories));
  Entry* const first = entries.get();
  for (int64_t row = 0; row < rows; ++row, weights += categories, out += samples) {
    if (!by_column) fill_exponential(g, times.get(), dtype_of<T>(), categories, 1);
    const T* const time = by_column ? times.get() + row : times.get();
    const int64_t step = by_column ? rows : 1;
    for (int64_t i = 0; i < categories; ++i) first[i] = {C(T(C(weights[i]) / C(time[i * step]))), i};
    // Which of equal values comes first is up to the algorithm: the reference's top-k chooses between these two so.
    if (samples == 1) {
      out[0] = std::min_element(first, first + categories, greater)->index;
    } else if (samples * 64 <= categories) {
      std::partial_sort(first, first + samples, first + categories, greater);
    } else {
      std::nth_element(first, first + samples - 1, first + categories, greater);
      std::sort(first, first + samples - 1, greater);
    }
    if (samples > 1)
      for (int64_t k = 0; k < samples; ++k) out[k] = first[k].index;
  }
}

}  // namespace

void fill_multinomial(GeneratorState& g, int64_t* out, const void* weights, DType dtype, int64_t rows,
                      int64_t categories, int64_t samples, bool replacement, bool by_column) {
  if (rows == 0 || samples == 0) return;
  dispatch_floating(dtype, "multinomial", [&](auto t) {
    using T = typename decltype(t)::type;
    const T* const w = static_cast<const T*>(weights);
    if (replacement && samples > 1)
      multinomial_lookup(g, out, w, rows, categories, samples);
    else
      multinomial_race(g, out, w, rows, categories, samples, by_column);
  });
}

}  // namespace rl
