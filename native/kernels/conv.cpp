#include "kernels/conv.h"

#include "kernels/lanes.h"
#include "kernels/level.h"

namespace rl {
namespace {

using std::int64_t;

inline int64_t within(int64_t v, int64_t low, int64_t high) { return v < low ? low : v > high ? high : v; }

/// Visits the places [begin, end) of y for one tap in runs of one row of y. `inside(to, from, n)`: `n` places from
/// column `to` on meet elements of x from `from` on, a stride apart; `outside(to, n)`: they meet padding.
template <class Inside, class Outside>
inline void walk(const ConvShape& s, int64_t tap, int64_t begin, int64_t end, Inside&& inside, Outside&& outside) {
  const int64_t k2 = tap % s.kernel[2], k1 = tap / s.kernel[2] % s.kernel[1], k0 = tap / (s.kernel[2] * s.kernel[1]);
  const int64_t step = s.stride[2], first = k2 * s.dilation[2] - s.pad[2];  // the column of x for column 0 of y
  // Columns [low, high) of y meet x.
  const int64_t low = within(first >= 0 ? 0 : (-first + step - 1) / step, 0, s.y[2]);
  const int64_t high = within(s.x[2] - first <= 0 ? 0 : (s.x[2] - first + step - 1) / step, low, s.y[2]);
  int64_t column = begin % s.y[2], row = begin / s.y[2] % s.y[1], slice = begin / (s.y[2] * s.y[1]);
  for (int64_t at = begin; at < end;) {
    const int64_t n = s.y[2] - column < end - at ? s.y[2] - column : end - at, to = at - begin;
    const int64_t x0 = slice * s.stride[0] + k0 * s.dilation[0] - s.pad[0];
    const int64_t x1 = row * s.stride[1] + k1 * s.dilation[1] - s.pad[1];
    if (x0 < 0 || x0 >= s.x[0] || x1 < 0 || x1 >= s.x[1]) {
      outside(to, n);
    } else {
      const int64_t a = within(low, column, column + n), b = within(high, a, column + n);
      if (a > column) outside(to, a - column);
      if (b > a) inside(to + a - column, (x0 * s.x[1] + x1) * s.x[2] + first + a * step, b - a);
      if (column + n > b) outside(to + b - column, column + n - b);
    }
    at += n;
    column = 0;
    if (++row == s.y[1]) row = 0, ++slice;
  }
}

/// a + b c; integers wrap.
template <class T>
inline T plus_product(T a, T b, T c) {
  if constexpr (std::is_integral_v<T>)
    return T(std::uint64_t(a) + std::uint64_t(b) * std::uint64_t(c));
  else
    return T(a + b * c);
}
template <class T>
inline T plus(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return T(std::uint64_t(a) + std::uint64_t(b));
  else
    return T(a + b);
}

/// Copies a short run without a call: whole vectors, then halves of them.
inline void copy_run(char* to, const char* from, int64_t bytes) {
  for (; bytes >= kLaneBytes; bytes -= kLaneBytes, to += kLaneBytes, from += kLaneBytes)
    __builtin_memcpy(to, from, kLaneBytes);
  const auto part = [&](auto size) {
    if (kLaneBytes > size.value && (bytes & size.value) != 0) {
      __builtin_memcpy(to, from, size.value);
      to += size.value, from += size.value;
    }
  };
  part(std::integral_constant<int, 32>());
  part(std::integral_constant<int, 16>());
  part(std::integral_constant<int, 8>());
  part(std::integral_constant<int, 4>());
  part(std::integral_constant<int, 2>());
  part(std::integral_constant<int, 1>());
}

template <class T>
inline void copy_run(T* to, const T* from, int64_t n) {
  copy_run(reinterpret_cast<char*>(to), reinterpret_cast<const char*>(from), n * int64_t(sizeof(T)));
}

template <class T>
void gather(const ConvShape& s, const ConvTile& t, const void* x, void* columns) {
  const int64_t n = t.end - t.begin, taps = s.taps(), step = s.stride[2];
  for (int64_t c = 0; c < t.channels; ++c) {
    const T* image = static_cast<const T*>(x) + c * s.x_places();
    for (int64_t tap = 0; tap < taps; ++tap) {
      T* line = static_cast<T*>(columns) + (c * taps + tap) * n;
      walk(
          s, tap, t.begin, t.end,
          [&](int64_t to, int64_t from, int64_t length) {
            if (step == 1) {
              copy_run(line + to, image + from, length);
            } else {
              for (int64_t i = 0; i < length; ++i) line[to + i] = image[from + i * step];
            }
          },
          [&](int64_t to, int64_t length) {
            for (int64_t i = 0; i < length; ++i) line[to + i] = T{};
          });
    }
  }
}

template <class T>
void scatter(const ConvShape& s, const ConvTile& t, const void* columns, void* x) {
  const int64_t n = t.end - t.begin, taps = s.taps(), step = s.stride[2];
  for (int64_t c = 0; c < t.channels; ++c) {
    T* image = static_cast<T*>(x) + c * s.x_places();
    for (int64_t tap = 0; tap < taps; ++tap) {
      const T* line = static_cast<const T*>(columns) + (c * taps + tap) * n;
      walk(
          s, tap, t.begin, t.end,
          [&](int64_t to, int64_t from, int64_t length) {
            const T* __restrict terms = line + to;
            T* __restrict sums = image + from;
            if (step == 1) {
              for (int64_t i = 0; i < length; ++i) sums[i] = plus(sums[i], terms[i]);
            } else {
              for (int64_t i = 0; i < length; ++i) sums[i * step] = plus(sums[i * step], terms[i]);
            }
          },
          [](int64_t, int64_t) {});
    }
  }
}

template <class T>
void padded(const ConvShape& s, const void* x, void* padded) {
  const int64_t r0 = s.reach(0), r1 = s.reach(1), r2 = s.reach(2);
  T* to = static_cast<T*>(padded);
  // What of a row is there; a negative padding cuts.
  const int64_t low = within(s.pad[2], 0, r2), high = within(s.pad[2] + s.x[2], low, r2);
  for (int64_t i = 0; i < r0; ++i) {
    for (int64_t j = 0; j < r1; ++j, to += r2) {
      const int64_t x0 = i - s.pad[0], x1 = j - s.pad[1];
      const bool there = x0 >= 0 && x0 < s.x[0] && x1 >= 0 && x1 < s.x[1];
      const int64_t a = there ? low : r2, b = there ? high : r2;
      for (int64_t k = 0; k < a; ++k) to[k] = T(0);
      if (b > a) copy_run(to + a, static_cast<const T*>(x) + (x0 * s.x[1] + x1) * s.x[2] + (a - s.pad[2]), b - a);
      for (int64_t k = b; k < r2; ++k) to[k] = T(0);
    }
  }
  for (int64_t k = 0; k < kConvSlack / int64_t(sizeof(T)); ++k) to[k] = T(0);
}

/// f(row of y, its first element in the padded x) for all rows.
template <class F>
inline void each_row(const ConvShape& s, F&& f) {
  int64_t row = 0;
  for (int64_t i = 0; i < s.y[0]; ++i) {
    for (int64_t j = 0; j < s.y[1]; ++j, ++row) f(row, (i * s.stride[0] * s.reach(1) + j * s.stride[1]) * s.reach(2));
  }
}
/// f(tap, how far it lies from the first one in the padded x) for all taps.
template <class F>
inline void each_tap(const ConvShape& s, F&& f) {
  int64_t tap = 0;
  for (int64_t i = 0; i < s.kernel[0]; ++i) {
    for (int64_t j = 0; j < s.kernel[1]; ++j) {
      const int64_t at = (i * s.dilation[0] * s.reach(1) + j * s.dilation[1]) * s.reach(2);
      for (int64_t k = 0; k < s.kernel[2]; ++k, ++tap) f(tap, at + k * s.dilation[2]);
    }
  }
}

template <class T>
inline constexpr bool kVector = std::is_same_v<T, float> || std::is_same_v<T, double>;

template <class T>
void single(const ConvShape& s, const void* padded, const void* w_, void* y_) {
  const T* const w = static_cast<const T*>(w_);
  const int64_t n = s.y[2], step = s.stride[2];
  each_row(s, [&](int64_t row, int64_t at) {
    const T* const from = static_cast<const T*>(padded) + at;
    T* const y = static_cast<T*>(y_) + row * n;
    if constexpr (kVector<T>) {
      if (step == 1) {
        using V = Lanes<T>;
        by_lanes<T>(n, [&](int64_t j, auto m) {
          V sum = load_lanes<V>(y + j, m, V{});
          each_tap(s, [&](int64_t tap, int64_t far) { sum += w[tap] * load_lanes<V>(from + far + j); });
          store_lanes(y + j, sum, m);
        });
        return;
      }
    }
    each_tap(s, [&](int64_t tap, int64_t far) {
      for (int64_t j = 0; j < n; ++j) y[j] = plus_product(y[j], w[tap], from[far + j * step]);
    });
  });
}

template <class T>
void single_weight(const ConvShape& s, const void* padded, const void* y_, void* w_) {
  T* const w = static_cast<T*>(w_);
  const int64_t n = s.y[2], step = s.stride[2];
  each_tap(s, [&](int64_t tap, int64_t far) {
    if constexpr (kVector<T>) {
      if (step == 1) {
        using V = Lanes<T>;
        V sum{};
        each_row(s, [&](int64_t row, int64_t at) {
          const T* const from = static_cast<const T*>(padded) + at + far;
          const T* const y = static_cast<const T*>(y_) + row * n;
          by_lanes<T>(
              n, [&](int64_t j, auto m) { sum += load_lanes<V>(y + j, m, V{}) * load_lanes<V>(from + j, m, V{}); });
        });
        w[tap] += fold_lanes<T>(sum, [](T a, T b) { return a + b; });
        return;
      }
    }
    T sum(0);
    each_row(s, [&](int64_t row, int64_t at) {
      const T* const from = static_cast<const T*>(padded) + at + far;
      const T* const y = static_cast<const T*>(y_) + row * n;
      for (int64_t j = 0; j < n; ++j) sum = plus_product(sum, y[j], from[j * step]);
    });
    w[tap] = plus(w[tap], sum);
  });
}

template <class... T>
void fill(ConvTable& t) {
  ((t.of[int(dtype_of<T>())] = {gather<T>, scatter<T>, padded<T>, single<T>, single_weight<T>}), ...);
}

}  // namespace

void fill_conv(ConvTable& t) {
  // Columns of what is not computed in, too.
  t.of[int(DType::Bool)].gather = gather<bool>, t.of[int(DType::Bool)].scatter = scatter<bool>;
  t.of[int(dtype_of<half_t>())].gather = gather<half_t>;
  t.of[int(dtype_of<bfloat16_t>())].gather = gather<bfloat16_t>;
  fill<std::uint8_t, std::int8_t, std::int16_t, std::int32_t, std::int64_t, float, double, cfloat, cdouble>(t);
}

}  // namespace rl
