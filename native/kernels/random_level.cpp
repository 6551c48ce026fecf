// What of the random fills is worth vectorising: the twister itself, uniform numbers and the float Box-Muller
// transform.
#include <bit>

#include "kernels/level.h"

namespace rl {
namespace {

using std::int64_t;
using std::uint32_t;
using std::uint64_t;

inline uint32_t twisted(uint32_t upper, uint32_t lower, uint32_t far) {
  const uint32_t y = (upper & 0x80000000u) | (lower & 0x7fffffffu);
  return far ^ (y >> 1) ^ (0x9908b0dfu & (0u - (lower & 1u)));
}

// Each word needs its neighbour's old value and the one 397 further (mod 624), which is new from word 227 on: far
// enough back for any vector width.
void twist(uint32_t* w) {
  constexpr int kWords = 624, kFar = 397;
  for (int i = 0; i < kWords - kFar; ++i) w[i] = twisted(w[i], w[i + 1], w[i + kFar]);
  for (int i = kWords - kFar; i < kWords - 1; ++i) w[i] = twisted(w[i], w[i + 1], w[i + kFar - kWords]);
  w[kWords - 1] = twisted(w[kWords - 1], w[0], w[kFar - 1]);
}

void temper(const uint32_t* __restrict words, uint32_t* __restrict out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    uint32_t y = words[i];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    out[i] = y ^ (y >> 18);
  }
}

void uniform_float(const uint32_t* __restrict words, float* __restrict out, int64_t n, float lo, float hi) {
  constexpr float kUnit = 0x1p-24;
  if (lo == 0 && hi == 1) {
    for (int64_t i = 0; i < n; ++i) out[i] = float(std::int32_t(words[i] & 0xffffffu)) * kUnit;
  } else {
    const float range = hi - lo;
    for (int64_t i = 0; i < n; ++i) {
      const float v = __builtin_fmaf(float(std::int32_t(words[i] & 0xffffffu)) * kUnit, range, lo);
      out[i] = v == hi ? lo : v;
    }
  }
}

void uniform_double(const uint32_t* __restrict words, double* __restrict out, int64_t n, double lo, double hi) {
  constexpr double kUnit = 0x1p-53;
  if (lo == 0 && hi == 1) {
    for (int64_t i = 0; i < n; ++i) {
      // Both parts are exact, and so is their sum.
      const double upper = double(std::int32_t(words[2 * i] & 0x1fffffu)) * 0x1p32, lower = double(words[2 * i + 1]);
      out[i] = (upper + lower) * kUnit;
    }
  } else {
    const double range = hi - lo;
    for (int64_t i = 0; i < n; ++i) {
      const double upper = double(std::int32_t(words[2 * i] & 0x1fffffu)) * 0x1p32, lower = double(words[2 * i + 1]);
      const double v = __builtin_fma((upper + lower) * kUnit, range, lo);
      out[i] = v == hi ? lo : v;
    }
  }
}

// The logarithm, sine and cosine of S. L. Moshier's Cephes library in single precision, which is what the reference
// stream is made with: a better one would differ from it in the last bits.
inline float log_unit(float x) {  // x in [2^-24, 1]
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  float e = float(std::int32_t(bits >> 23) - 126);
  float m = std::bit_cast<float>((bits & 0x007fffffu) | 0x3f000000u);  // [0.5, 1)
  const bool small = m < 0.707106781186547524f;
  e -= small ? 1.0f : 0.0f;
  m = (m - 1.0f) + (small ? m : 0.0f);
  const float z = m * m;
  float y = 7.0376836292e-2f;
  y = y * m - 1.1514610310e-1f;
  y = y * m + 1.1676998740e-1f;
  y = y * m - 1.2420140846e-1f;
  y = y * m + 1.4249322787e-1f;
  y = y * m - 1.6668057665e-1f;
  y = y * m + 2.0000714765e-1f;
  y = y * m - 2.4999993993e-1f;
  y = y * m + 3.3333331174e-1f;
  y = y * m;
  y = y * z + e * -2.12194440e-4f;
  y = y - z * 0.5f;
  return (m + y) + e * 0.693359375f;
}

struct SinCos {
  float sin, cos;
};
inline SinCos sincos_turn(float x) {  // x in [0, 2 pi]
  const std::int32_t octant = (std::int32_t(x * 1.27323954473516f) + 1) & ~1;
  const float y = float(octant);
  x = x - y * 0.78515625f;
  x = x - y * 2.4187564849853515625e-4f;
  x = x - y * 3.77489497744594108e-8f;
  const float z = x * x;
  float c = 2.443315711809948e-5f;
  c = c * z - 1.388731625493765e-3f;
  c = c * z + 4.166664568298827e-2f;
  c = c * z * z - z * 0.5f + 1.0f;
  float s = -1.9515295891e-4f;
  s = s * z + 8.3321608736e-3f;
  s = s * z - 1.6666654611e-1f;
  s = s * z * x + x;
  const bool swap = (octant & 2) != 0;
  const float sine = swap ? c : s, cosine = swap ? s : c;
  const uint32_t flip_sin = uint32_t(octant & 4) << 29, flip_cos = uint32_t((octant + 2) & 4) << 29;
  return {std::bit_cast<float>(std::bit_cast<uint32_t>(sine) ^ flip_sin),
          std::bit_cast<float>(std::bit_cast<uint32_t>(cosine) ^ flip_cos)};
}

// Eight blocks at a time, gathered, so that the loop over the mathematics is long and contiguous.
void box_muller(float* data, int64_t n, float mean, float std) {
  constexpr int kBlocks = 8, kHalf = 8;
  float u1[kBlocks * kHalf], u2[kBlocks * kHalf];
  const int64_t blocks = n / 16;
  for (int64_t b = 0; b < blocks; b += kBlocks) {
    const int count = int(blocks - b < kBlocks ? blocks - b : kBlocks);
    float* const block = data + b * 16;
    for (int k = 0; k < count; ++k) {
      __builtin_memcpy(u1 + k * kHalf, block + k * 16, sizeof(float) * kHalf);
      __builtin_memcpy(u2 + k * kHalf, block + k * 16 + kHalf, sizeof(float) * kHalf);
    }
    const int used = count * kHalf;
    for (int i = 0; i < used; ++i) {
      const float radius = __builtin_sqrtf(-2.0f * log_unit(1.0f - u1[i]));
      const SinCos sc = sincos_turn(6.283185307179586476925f * u2[i]);
      const float n1 = radius * sc.cos, n2 = radius * sc.sin;
      u1[i] = n1 * std + mean;
      u2[i] = n2 * std + mean;
    }
    for (int k = 0; k < count; ++k) {
      __builtin_memcpy(block + k * 16, u1 + k * kHalf, sizeof(float) * kHalf);
      __builtin_memcpy(block + k * 16 + kHalf, u2 + k * kHalf, sizeof(float) * kHalf);
    }
  }
}

}  // namespace

void fill_random(RandomTable& t) { t = {twist, temper, uniform_float, uniform_double, box_muller}; }

}  // namespace rl
