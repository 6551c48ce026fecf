#include "kernels/resample.h"

#include <cmath>

#include "kernels/level.h"

namespace rl {
namespace {

// --- weighted sums of a line's elements
// -------------------------------------------------------------------------------

template <class T, int K>
void weigh_fixed(const Weighing& w, const T* __restrict line, T* __restrict out) {
  const std::int64_t n = w.n;
  const std::int32_t* __restrict index = w.index;
  const T* __restrict weight = static_cast<const T*>(w.weight);
  for (std::int64_t x = 0; x < n; ++x) {
    T sum = weight[x] * line[index[x]];
    for (int k = 1; k < K; ++k) sum += weight[k * n + x] * line[index[k * n + x]];
    out[x] = sum;
  }
}
template <class T>
void weigh(const Weighing& w, const void* from, void* to) {
  const T* line = static_cast<const T*>(from);
  T* out = static_cast<T*>(to);
  if (w.width == 2) return weigh_fixed<T, 2>(w, line, out);
  if (w.width == 4) return weigh_fixed<T, 4>(w, line, out);
  if (w.width == 1) return weigh_fixed<T, 1>(w, line, out);
  const T* weight = static_cast<const T*>(w.weight);
  for (std::int64_t x = 0; x < w.n; ++x) {
    T sum = 0;
    for (std::int32_t i = w.begin[x]; i < w.begin[x + 1]; ++i) sum += weight[i] * line[w.index[i]];
    out[x] = sum;
  }
}

/// Terms below index 0 add nothing, whatever is in the line. Unless `factor` is null, what comes out is multiplied by
/// it and added.
template <class T, int K, bool Onto>
void weigh_within_fixed(const Weighing& w, const T* __restrict line, const T* __restrict factor, T* __restrict out) {
  const std::int64_t n = w.n;
  const std::int32_t* __restrict index = w.index;
  const T* __restrict weight = static_cast<const T*>(w.weight);
  for (std::int64_t x = 0; x < n; ++x) {
    T sum = 0;
    for (int k = 0; k < K; ++k) {
      // Read in any case, so that there is no branch.
      const std::int32_t i = index[k * n + x];
      const T v = line[i > 0 ? i : 0];
      sum += weight[k * n + x] * (i >= 0 ? v : T(0));
    }
    if constexpr (Onto) {
      out[x] += factor[x] * sum;
    } else {
      out[x] = sum;
    }
  }
}
template <class T, bool Onto>
void weigh_within(const Weighing& w, const T* line, const T* factor, T* out) {
  if (w.width == 2) return weigh_within_fixed<T, 2, Onto>(w, line, factor, out);
  if (w.width == 3) return weigh_within_fixed<T, 3, Onto>(w, line, factor, out);
  if (w.width == 4) return weigh_within_fixed<T, 4, Onto>(w, line, factor, out);
  if (w.width == 8) return weigh_within_fixed<T, 8, Onto>(w, line, factor, out);
  if (w.width == 16) return weigh_within_fixed<T, 16, Onto>(w, line, factor, out);
  weigh_within_fixed<T, 1, Onto>(w, line, factor, out);
}
template <class T>
void weigh_within(const Weighing& w, const void* line, void* out) {
  weigh_within<T, false>(w, static_cast<const T*>(line), nullptr, static_cast<T*>(out));
}
template <class T>
void weigh_onto(const Weighing& w, const void* line, const void* factor, void* out) {
  weigh_within<T, true>(w, static_cast<const T*>(line), static_cast<const T*>(factor), static_cast<T*>(out));
}

template <class T>
void spread(const Weighing& w, const void* from, void* to) {
  const T* in = static_cast<const T*>(from);
  T* line = static_cast<T*>(to);
  const T* weight = static_cast<const T*>(w.weight);
  for (std::int64_t x = 0; x < w.n; ++x) {
    for (int k = 0; k < w.width; ++k) {
      const std::int32_t i = w.index[k * w.n + x];
      if (i >= 0) line[i] += weight[k * w.n + x] * in[x];
    }
  }
}

std::uint8_t to_byte(std::int32_t sum, std::int32_t shift) {
  const std::int32_t v = sum >> shift;
  return std::uint8_t(v < 0 ? 0 : v > 255 ? 255 : v);
}
void weigh_bytes(const Weighing& w, const std::uint8_t* line, std::uint8_t* out) {
  const std::int32_t* weight = static_cast<const std::int32_t*>(w.weight);
  const std::int32_t half = w.shift > 0 ? 1 << (w.shift - 1) : 0;
  for (std::int64_t x = 0; x < w.n; ++x) {
    std::int32_t sum = half;
    for (std::int32_t i = w.begin[x]; i < w.begin[x + 1]; ++i) sum += weight[i] * line[w.index[i]];
    out[x] = to_byte(sum, w.shift);
  }
}

// --- weighted sums of rows
// --------------------------------------------------------------------------------------------

/// K rows' sum, on top of what is there unless they are the first.
template <class T, int K>
void mix_fixed(const void* const* rows, const T* weight, std::int64_t n, bool first, T* __restrict out) {
  const T* __restrict row[K];
  T w[K];
  for (int k = 0; k < K; ++k) row[k] = static_cast<const T*>(rows[k]), w[k] = weight[k];
  if (first) {
    for (std::int64_t i = 0; i < n; ++i) {
      T sum = w[0] * row[0][i];
      for (int k = 1; k < K; ++k) sum += w[k] * row[k][i];
      out[i] = sum;
    }
  } else {
    for (std::int64_t i = 0; i < n; ++i) {
      T sum = out[i];
      for (int k = 0; k < K; ++k) sum += w[k] * row[k][i];
      out[i] = sum;
    }
  }
}
template <class T>
void mix(const void* const* rows, const void* weights, std::int64_t k, std::int64_t n, void* to) {
  const T* weight = static_cast<const T*>(weights);
  T* out = static_cast<T*>(to);
  if (k == 0) {
    for (std::int64_t i = 0; i < n; ++i) out[i] = 0;
  }
  bool first = true;
  for (; k > 0; first = false) {
    const std::int64_t some = k < 4 ? k : 4;
    if (some == 4) mix_fixed<T, 4>(rows, weight, n, first, out);
    if (some == 3) mix_fixed<T, 3>(rows, weight, n, first, out);
    if (some == 2) mix_fixed<T, 2>(rows, weight, n, first, out);
    if (some == 1) mix_fixed<T, 1>(rows, weight, n, first, out);
    rows += some, weight += some, k -= some;
  }
}
void mix_bytes(const std::uint8_t* const* rows, const std::int32_t* weight, std::int64_t k, std::int64_t n,
               std::int32_t shift, std::uint8_t* __restrict out) {
  constexpr std::int64_t kBlock = 256;
  std::int32_t sums[kBlock];
  const std::int32_t half = shift > 0 ? 1 << (shift - 1) : 0;
  for (std::int64_t at = 0; at < n; at += kBlock) {
    const std::int64_t m = n - at < kBlock ? n - at : kBlock;
    for (std::int64_t i = 0; i < m; ++i) sums[i] = half;
    for (std::int64_t j = 0; j < k; ++j) {
      const std::uint8_t* __restrict a = rows[j] + at;
      const std::int32_t u = weight[j];
      for (std::int64_t i = 0; i < m; ++i) sums[i] += u * a[i];
    }
    for (std::int64_t i = 0; i < m; ++i) out[at + i] = to_byte(sums[i], shift);
  }
}

// --- coordinates
// ------------------------------------------------------------------------------------------------------

/// A number within [0, size - 1], and the derivative of that.
template <class T>
struct Within {
  T at, slope;
};
template <class T>
Within<T> clipped(T x, T last) {
  if (!(x > T(0))) return {T(0), T(0)};
  if (x >= last) return {last, T(0)};
  return {x, T(1)};
}
/// Reflected at `low` and `low + span` until it lies between them.
template <class T>
Within<T> reflected(T x, T low, T span) {
  if (span <= T(0)) return {T(0), T(0)};
  const T from = x - low, far = from < 0 ? -from : from;
  const T flips = std::floor(far / span), rest = far - flips * span;
  const bool odd = flips - T(2) * std::floor(flips * T(0.5)) != T(0);
  T slope = from < 0 ? T(-1) : T(1);
  if (odd) slope = -slope;
  return {odd ? span - rest + low : rest + low, slope};
}
/// What a place beyond an axis's ends stands for: constants of the axis.
template <class T, Beyond P>
struct Border {
  T size, last, low, span;

  explicit Border(const Sampling& s)
      : size(T(s.size)),
        last(T(s.size - 1)),
        low(s.corners ? T(0) : T(-0.5)),
        span(s.corners ? T(s.size - 1) : T(s.size)) {}
  Within<T> operator()(T x) const {
    if constexpr (P == Beyond::Border) return clipped(x, last);
    if constexpr (P == Beyond::Reflection) {
      const Within<T> r = reflected(x, low, span), c = clipped(r.at, last);
      return {c.at, r.slope * c.slope};
    }
    // Beyond these all elements near it lie outside of the image.
    const T least = T(-4), most = size + T(3), cut = x < least ? least : x;
    return {cut > most ? most : cut, T(1)};
  }
};

template <class T, Between B, Beyond P>
void locate_as(const Sampling& s, std::int32_t* __restrict index, T* __restrict weight, T* __restrict slope,
               T* __restrict bend) {
  const T* __restrict at = static_cast<const T*>(s.at);
  const std::int64_t n = s.n, stride = s.stride;
  const Border<T, P> border(s);
  const T reach = s.corners ? border.last : border.size, offset = s.corners ? T(0) : T(1), scale = reach / 2;
  const std::int32_t count = std::int32_t(s.size);
  const auto within = [count](std::int32_t i) { return i >= 0 && i < count ? i : -1; };
  for (std::int64_t i = 0; i < n; ++i) {
    const T given = at[i * stride], g = given == given ? given : T(-1);
    const T x = ((g + 1) * reach - offset) / 2;
    if constexpr (B == Between::Cubic) {
      // The place stays where it is; each of the four elements is brought in.
      const T limit = T(1 << 24), above = x < -limit ? -limit : x, cut = above > limit ? limit : above;
      const T floor = std::floor(cut), t = cut - floor;
      constexpr T a = T(-0.75);
      const T r = 1 - t, t1 = t + 1, r1 = r + 1;
      weight[i] = ((a * t1 - 5 * a) * t1 + 8 * a) * t1 - 4 * a;
      weight[n + i] = ((a + 2) * t - (a + 3)) * t * t + 1;
      weight[2 * n + i] = ((a + 2) * r - (a + 3)) * r * r + 1;
      weight[3 * n + i] = ((a * r1 - 5 * a) * r1 + 8 * a) * r1 - 4 * a;
      slope[i] = ((3 * a * t1 - 10 * a) * t1 + 8 * a) * scale;
      slope[n + i] = (3 * (a + 2) * t - 2 * (a + 3)) * t * scale;
      slope[2 * n + i] = -(3 * (a + 2) * r - 2 * (a + 3)) * r * scale;
      slope[3 * n + i] = -((3 * a * r1 - 10 * a) * r1 + 8 * a) * scale;
      for (int k = 0; k < 4; ++k) index[k * n + i] = within(std::int32_t(border(floor + T(k - 1)).at));
    } else if constexpr (B == Between::Nearest) {
      index[i] = within(std::int32_t(std::nearbyint(border(x).at)));
      weight[i] = 1, slope[i] = 0;
    } else {
      const Within<T> p = border(x);
      const T floor = std::floor(p.at), t = p.at - floor, steep = p.slope * scale;
      const std::int32_t first = std::int32_t(floor);
      index[i] = within(first), index[n + i] = within(first + 1);
      weight[i] = 1 - t, weight[n + i] = t;
      slope[i] = -steep, slope[n + i] = steep;
    }
  }
  if (bend == nullptr) return;
  for (std::int64_t i = 0; i < terms_of(B) * n; ++i) bend[i] = 0;
  if constexpr (B == Between::Cubic) {
    for (std::int64_t i = 0; i < n; ++i) {
      constexpr T a = T(-0.75);
      const T given = at[i * stride], x = (((given == given ? given : T(-1)) + 1) * reach - offset) / 2;
      const T t = x - std::floor(x), r = 1 - t, square = scale * scale;
      bend[i] = (6 * a * (t + 1) - 10 * a) * square;
      bend[n + i] = (6 * (a + 2) * t - 2 * (a + 3)) * square;
      bend[2 * n + i] = (6 * (a + 2) * r - 2 * (a + 3)) * square;
      bend[3 * n + i] = (6 * a * (r + 1) - 10 * a) * square;
    }
  }
}
template <class T, Between B>
void locate_with(const Sampling& s, std::int32_t* index, T* weight, T* slope, T* bend) {
  if (s.padding == Beyond::Zeros) return locate_as<T, B, Beyond::Zeros>(s, index, weight, slope, bend);
  if (s.padding == Beyond::Border) return locate_as<T, B, Beyond::Border>(s, index, weight, slope, bend);
  locate_as<T, B, Beyond::Reflection>(s, index, weight, slope, bend);
}
template <class T>
void locate(const Sampling& s, std::int32_t* index, void* weights, void* slopes, void* bends) {
  T *weight = static_cast<T*>(weights), *slope = static_cast<T*>(slopes), *bend = static_cast<T*>(bends);
  if (s.between == Between::Linear) return locate_with<T, Between::Linear>(s, index, weight, slope, bend);
  if (s.between == Between::Nearest) return locate_with<T, Between::Nearest>(s, index, weight, slope, bend);
  locate_with<T, Between::Cubic>(s, index, weight, slope, bend);
}

template <class T>
void cross(std::int64_t n, int dims, const std::int32_t* const* index, const std::int64_t* step,
           const void* const* weights, std::int32_t* __restrict out_index, void* to) {
  T* __restrict out = static_cast<T*>(to);
  const auto weight = [&](int d) { return static_cast<const T*>(weights[d]); };
  const T* __restrict u = weight(0), * __restrict v = weight(1);
  for (std::int64_t i = 0; i < n; ++i) out[i] = u[i] * v[i];
  if (dims == 3) {
    const T* __restrict w = weight(2);
    for (std::int64_t i = 0; i < n; ++i) out[i] *= w[i];
  }
  if (out_index == nullptr) return;
  const std::int32_t* __restrict a = index[0], * __restrict b = index[1];
  const std::int32_t b_step = std::int32_t(step[1]);
  for (std::int64_t i = 0; i < n; ++i) out_index[i] = a[i] < 0 || b[i] < 0 ? -1 : a[i] + b[i] * b_step;
  if (dims == 3) {
    const std::int32_t* __restrict c = index[2];
    const std::int32_t c_step = std::int32_t(step[2]);
    for (std::int64_t i = 0; i < n; ++i)
      out_index[i] = out_index[i] < 0 || c[i] < 0 ? -1 : out_index[i] + c[i] * c_step;
  }
}

// --- distances
// --------------------------------------------------------------------------------------------------------

template <class T>
T magnitude(T x) {
  return x < 0 ? -x : x;
}

/// The sums of a row's distances to points as columns.
template <class T>
void sums_by_column(const T* a, const T* b, std::int64_t stride, std::int64_t columns, std::int64_t dims, Metric metric,
                    T power, T* __restrict out) {
  for (std::int64_t j = 0; j < columns; ++j) out[j] = 0;
  for (std::int64_t k = 0; k < dims; ++k) {
    const T x = a[k];
    const T* __restrict line = b + k * stride;
    switch (metric) {
      case Metric::Count:
        for (std::int64_t j = 0; j < columns; ++j) out[j] += x != line[j] ? T(1) : T(0);
        break;
      case Metric::One:
        for (std::int64_t j = 0; j < columns; ++j) out[j] += magnitude(x - line[j]);
        break;
      case Metric::Two:
        for (std::int64_t j = 0; j < columns; ++j) out[j] += (x - line[j]) * (x - line[j]);
        break;
      case Metric::Max:
        for (std::int64_t j = 0; j < columns; ++j) {
          const T d = magnitude(x - line[j]);
          out[j] = d > out[j] ? d : out[j];
        }
        break;
      case Metric::Power:
        for (std::int64_t j = 0; j < columns; ++j) out[j] += std::pow(magnitude(x - line[j]), power);
        break;
    }
  }
}

/// Joins f(j) for all j in lanes, so that the order is the same for every vector length.
template <class T, class F, class G>
T joined(std::int64_t n, F&& f, G&& join) {
  constexpr std::int64_t kLanes = 16;
  T lanes[kLanes] = {};
  std::int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    for (std::int64_t l = 0; l < kLanes; ++l) lanes[l] = join(lanes[l], f(j + l));
  }
  for (std::int64_t l = 0; j < n; ++j, ++l) lanes[l] = join(lanes[l], f(j));
  for (std::int64_t width = kLanes / 2; width > 0; width /= 2) {
    for (std::int64_t l = 0; l < width; ++l) lanes[l] = join(lanes[l], lanes[l + width]);
  }
  return lanes[0];
}
template <class T, class F>
T summed(std::int64_t n, F&& f) {
  return joined<T>(n, f, [](T a, T b) { return a + b; });
}

/// The same sums for points as rows.
template <class T>
void sums_by_row(const T* a, const T* b, std::int64_t rows, std::int64_t dims, Metric metric, T power, T* out) {
  for (std::int64_t j = 0; j < rows; ++j) {
    const T* y = b + j * dims;
    const auto far = [=](std::int64_t k) { return magnitude(a[k] - y[k]); };
    switch (metric) {
      case Metric::Count: out[j] = summed<T>(dims, [=](std::int64_t k) { return a[k] != y[k] ? T(1) : T(0); }); break;
      case Metric::One: out[j] = summed<T>(dims, far); break;
      case Metric::Two: out[j] = summed<T>(dims, [=](std::int64_t k) { return (a[k] - y[k]) * (a[k] - y[k]); }); break;
      case Metric::Max: out[j] = joined<T>(dims, far, [](T u, T v) { return v > u ? v : u; }); break;
      case Metric::Power: out[j] = summed<T>(dims, [=](std::int64_t k) { return std::pow(far(k), power); }); break;
    }
  }
}

template <class T>
void distances(const void* from, const void* points, std::int64_t stride, std::int64_t count, std::int64_t dims,
               Metric metric, double p, void* to) {
  const T *a = static_cast<const T*>(from), *b = static_cast<const T*>(points);
  T* __restrict out = static_cast<T*>(to);
  if (stride != 0) {
    sums_by_column(a, b, stride, count, dims, metric, T(p), out);
  } else {
    sums_by_row(a, b, count, dims, metric, T(p), out);
  }
  if (metric == Metric::Two) {
    for (std::int64_t j = 0; j < count; ++j) out[j] = std::sqrt(out[j]);
  } else if (metric == Metric::Power) {
    const T root = T(1 / p);
    for (std::int64_t j = 0; j < count; ++j) out[j] = std::pow(out[j], root);
  }
}

template <class T>
void factors(const void* grad, const void* distance, std::int64_t n, Metric metric, double p, void* to) {
  const T *g = static_cast<const T*>(grad), *d = static_cast<const T*>(distance);
  T* __restrict out = static_cast<T*>(to);
  const T power = T(p - 1);
  if (metric == Metric::Two) {
    for (std::int64_t j = 0; j < n; ++j) out[j] = d[j] == 0 ? T(0) : g[j] / d[j];
  } else if (metric == Metric::Power) {
    for (std::int64_t j = 0; j < n; ++j) out[j] = d[j] == 0 ? T(0) : g[j] / std::pow(d[j], power);
  } else {
    for (std::int64_t j = 0; j < n; ++j) out[j] = g[j];
  }
}
template <class T>
T sign(T x) {
  return T((x > 0) - (x < 0));
}

template <class T>
void pulls(const void* from, const void* points, std::int64_t columns, std::int64_t dims, Metric metric, double p,
           const void* factors, const void* lengths, void* to) {
  const T *a = static_cast<const T*>(from), *b = static_cast<const T*>(points), *f = static_cast<const T*>(factors),
          *d = static_cast<const T*>(lengths);
  T* out = static_cast<T*>(to);
  const T power = T(p - 1);
  for (std::int64_t k = 0; k < dims; ++k) {
    const T x = a[k];
    const T* line = b + k * columns;
    switch (metric) {
      case Metric::Count: out[k] = 0; break;
      case Metric::One: out[k] = summed<T>(columns, [=](std::int64_t j) { return f[j] * sign(x - line[j]); }); break;
      case Metric::Two: out[k] = summed<T>(columns, [=](std::int64_t j) { return f[j] * (x - line[j]); }); break;
      case Metric::Max:
        out[k] = summed<T>(
            columns, [=](std::int64_t j) { return magnitude(x - line[j]) == d[j] ? f[j] * sign(x - line[j]) : T(0); });
        break;
      case Metric::Power:
        out[k] = summed<T>(columns, [=](std::int64_t j) {
          const T z = x - line[j];
          return z == 0 ? T(0) : f[j] * sign(z) * std::pow(magnitude(z), power);
        });
        break;
    }
  }
}

}  // namespace

void fill_resample(ResampleTable& t) {
  t.weigh[0] = weigh<float>, t.weigh[1] = weigh<double>;
  t.weigh_bytes = weigh_bytes;
  t.mix[0] = mix<float>, t.mix[1] = mix<double>;
  t.mix_bytes = mix_bytes;
  t.weigh_within[0] = weigh_within<float>, t.weigh_within[1] = weigh_within<double>;
  t.weigh_onto[0] = weigh_onto<float>, t.weigh_onto[1] = weigh_onto<double>;
  t.cross[0] = cross<float>, t.cross[1] = cross<double>;
  t.spread[0] = spread<float>, t.spread[1] = spread<double>;
  t.locate[0] = locate<float>, t.locate[1] = locate<double>;
  t.distances[0] = distances<float>, t.distances[1] = distances<double>;
  t.factors[0] = factors<float>, t.factors[1] = factors<double>;
  t.pulls[0] = pulls<float>, t.pulls[1] = pulls<double>;
}

}  // namespace rl
