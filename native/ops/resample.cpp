// Images in other sizes: interpolation along each axis (interpolate) and at given places (grid_sample).
//
// Interpolation is linear in the image and separable: along an axis each output place is a weighted sum of a few input
// places (`Axis`). Its derivative is the same with the sums turned around, and so is the derivative of that.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "kernels/scratch.h"
#include "kernels/table.h"
#include "ops/binary.h"
#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

constexpr double kPi = 3.14159265358979323846;

enum class Mode : std::uint8_t { Nearest, NearestExact, Linear, Cubic, Lanczos };
bool is_nearest(Mode m) { return m == Mode::Nearest || m == Mode::NearestExact; }

/// An image's sizes before and after; with fewer than three spatial dimensions the first ones are 1.
struct Scaling {
  Mode mode = Mode::Nearest;
  bool corners = false, antialias = false, transposed = false;
  std::int32_t dims = 2;
  std::int64_t batch = 0, channels = 0;
  std::array<std::int64_t, 3> in{1, 1, 1}, out{1, 1, 1};
  std::array<double, 3> factor{0, 0, 0};  // what the caller said; 0: as the sizes say

  DimVec image(bool result) const {
    DimVec s{batch, channels};
    for (int d = 3 - dims; d < 3; ++d) s.push_back((result ? out : in)[std::size_t(d)]);
    return s;
  }
  std::int64_t volume(bool result) const {
    const auto& s = result ? out : in;
    return s[0] * s[1] * s[2];
  }
};

// --- along one axis
// -------------------------------------------------------------------------------------------------------------------

/// Each of n places as a weighted sum of places of the other side; W is int32 for bytes.
template <class W>
struct Axis {
  std::int64_t n = 0;
  std::int32_t width = 0;  // terms of every place, if all have as many
  std::int32_t shift = 0;
  bool same = false;                       // place i is place i
  std::vector<std::int32_t> begin, index;  // n + 1 and a term each
  std::vector<W> weight;
  std::vector<std::int32_t> index_by_term;  // the same for Weighing: term by term, filled up with index -1
  std::vector<W> weight_by_term;
  bool filled = false;
  // Where few of the n places have terms: the sums that this one is turned from, and how many there are of those.
  std::vector<std::int32_t> target;
  std::int64_t sources = 0;

  Weighing weighing() const {
    if (!target.empty()) return {sources, 1, 0, nullptr, target.data(), weight_by_term.data()};
    if (width > 0) return {n, width, shift, nullptr, index_by_term.data(), weight_by_term.data()};
    return {n, 0, shift, begin.data(), index.data(), weight.data()};
  }
  void close() { begin.push_back(std::int32_t(index.size())); }
  void add(std::int64_t i, double w) {
    index.push_back(std::int32_t(i));
    weight.push_back(W(w));
  }
  /// Term by term, for loops over places: where all have the same number of terms, or nearly, of up to 4.
  void arrange_by_term() {
    if (width == 0) {
      std::int64_t most = 0;
      for (std::int64_t x = 0; x < n; ++x) most = std::max(most, terms(x));
      if (most == 0 || most > 4 || most * n > std::int64_t(index.size()) * 5 / 4 + 8) return;
      width = std::int32_t(most);
      filled = most * n != std::int64_t(index.size());
    }
    index_by_term.assign(std::size_t(width * n), -1);
    weight_by_term.assign(std::size_t(width * n), W(0));
    for (std::int64_t x = 0; x < n; ++x) {
      for (std::int64_t k = 0; k < terms(x); ++k) {
        index_by_term[std::size_t(k * n + x)] = index[std::size_t(begin[std::size_t(x)] + k)];
        weight_by_term[std::size_t(k * n + x)] = weight[std::size_t(begin[std::size_t(x)] + k)];
      }
    }
  }
  std::int64_t terms(std::int64_t x) const { return begin[std::size_t(x) + 1] - begin[std::size_t(x)]; }
};

template <class F>
F scale_of(const Scaling& s, std::size_t d) {
  if (s.corners && !is_nearest(s.mode)) {
    return s.out[d] > 1 ? F(s.in[d] - 1) / F(s.out[d] - 1) : F(0);
  }
  return s.factor[d] > 0 ? F(1.0 / s.factor[d]) : F(s.in[d]) / F(s.out[d]);
}

/// Keys' cubic convolution kernel.
template <class F>
F cubic(F x, F a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : F(0);
}
template <class F>
F sinc(F x) {
  return x == 0 ? F(1) : F(std::sin(kPi * x) / (kPi * x));
}
template <class F>
F filter(Mode mode, F x) {
  if (mode == Mode::Linear) return std::max(F(0), 1 - std::abs(x));
  if (mode == Mode::Cubic) return cubic(x, F(-0.5));
  return std::abs(x) < 3 ? sinc(x) * sinc(x / 3) : F(0);
}

/// The terms of every output place along dimension `d`, computed in F as PyTorch does.
template <class F>
Axis<F> forward_axis(const Scaling& s, std::size_t d) {
  Axis<F> axis;
  const std::int64_t in = s.in[d], out = s.out[d];
  axis.n = out;
  axis.begin.reserve(std::size_t(out) + 1);
  axis.begin.push_back(0);
  if (is_nearest(s.mode)) {
    // PyTorch's places are those of float for every dtype, and where the size stays or doubles those of the sizes.
    const bool exact = s.mode == Mode::NearestExact;
    const float scale = scale_of<float>(s, d), half = exact ? 0.5f : 0.0f;
    axis.width = 1;
    axis.same = true;
    axis.index.reserve(std::size_t(out));
    axis.weight.reserve(std::size_t(out));
    for (std::int64_t o = 0; o < out; ++o) {
      const std::int64_t i = !exact && in == out       ? o
                             : !exact && out == 2 * in ? o / 2
                                                       : std::int64_t(std::floor((float(o) + half) * scale));
      axis.add(std::min(i, in - 1), 1);
      axis.same &= axis.index.back() == o;
      axis.close();
    }
    axis.same &= in == out;
    return axis;
  }
  const F scale = scale_of<F>(s, d);
  if (s.antialias && in == out) {  // whatever the factor
    axis.width = 1;
    axis.same = true;
    for (std::int64_t o = 0; o < out; ++o) axis.add(o, 1), axis.close();
    return axis;
  }
  if (s.antialias) {
    const F radius = s.mode == Mode::Linear ? F(1) : s.mode == Mode::Cubic ? F(2) : F(3);
    const F support = scale >= 1 ? radius * scale : radius, inverse = scale >= 1 ? 1 / scale : F(1);
    const std::int64_t most = std::int64_t(std::ceil(support)) * 2 + 1;
    for (std::int64_t o = 0; o < out; ++o) {
      const F center = scale * (F(o) + F(0.5));
      const std::int64_t first = std::max(std::int64_t(center - support + F(0.5)), std::int64_t(0));
      const std::int64_t size =
          std::clamp(std::min(std::int64_t(center + support + F(0.5)), in) - first, std::int64_t(0), most);
      F total = 0;
      const std::size_t from = axis.weight.size();
      for (std::int64_t j = 0; j < size; ++j) {
        const F w = filter(s.mode, (F(j + first) - center + F(0.5)) * inverse);
        axis.add(first + j, w);
        total += w;
      }
      for (std::size_t i = from; total != 0 && i < axis.weight.size(); ++i) axis.weight[i] /= total;
      axis.close();
    }
    return axis;
  }
  const bool linear = s.mode == Mode::Linear;
  axis.width = linear ? 2 : 4;
  axis.index.reserve(std::size_t(out * axis.width));
  axis.weight.reserve(std::size_t(out * axis.width));
  for (std::int64_t o = 0; o < out; ++o) {
    F place = s.corners ? scale * F(o) : scale * (F(o) + F(0.5)) - F(0.5);
    if (linear && place < 0) place = 0;
    if (linear && in == out) place = F(o);
    const std::int64_t i = std::min(std::int64_t(std::floor(place)), in - 1);
    const F t = std::clamp(place - F(i), F(0), F(1));
    if (linear) {
      axis.add(i, 1 - t);
      axis.add(std::min(i + 1, in - 1), t);
    } else {
      constexpr F a = F(-0.75);
      const F weights[] = {cubic(t + 1, a), cubic(t, a), cubic(1 - t, a), cubic(2 - t, a)};
      for (std::int64_t k = 0; k < 4; ++k) axis.add(std::clamp(i + k - 1, std::int64_t(0), in - 1), weights[k]);
    }
    axis.close();
  }
  axis.same = linear && in == out;
  return axis;
}

/// The same sums seen from the input: each of its `n` places, and the outputs that it takes part in.
template <class W>
Axis<W> turned(const Axis<W>& axis, std::int64_t n) {
  Axis<W> t;
  t.n = n;
  t.same = axis.same;
  t.begin.assign(std::size_t(n) + 1, 0);
  t.index.resize(axis.index.size());
  t.weight.resize(axis.index.size());
  for (const std::int32_t i : axis.index) ++t.begin[std::size_t(i) + 1];
  for (std::size_t i = 0; i < std::size_t(n); ++i) t.begin[i + 1] += t.begin[i];
  std::vector<std::int32_t> next(t.begin.begin(), t.begin.end() - 1);
  for (std::int64_t o = 0; o < axis.n; ++o) {
    for (std::int32_t k = axis.begin[std::size_t(o)]; k < axis.begin[std::size_t(o) + 1]; ++k) {
      const auto at = std::size_t(next[std::size_t(axis.index[std::size_t(k)])]++);
      t.index[at] = std::int32_t(o);
      t.weight[at] = axis.weight[std::size_t(k)];
    }
  }
  return t;
}

/// Weights of bytes are integers of so many bits as the largest one leaves of 15; terms of one place are joined first.
Axis<std::int32_t> whole(const Axis<double>& axis) {
  Axis<std::int32_t> t;
  t.n = axis.n;
  t.same = axis.same;
  t.begin.push_back(0);
  std::vector<double> weights;
  double largest = 0;
  for (std::int64_t o = 0; o < axis.n; ++o) {
    for (std::int32_t k = axis.begin[std::size_t(o)]; k < axis.begin[std::size_t(o) + 1]; ++k) {
      const std::int32_t i = axis.index[std::size_t(k)];
      const double w = axis.weight[std::size_t(k)];
      if (std::int32_t(t.index.size()) > t.begin.back() && t.index.back() == i) {
        weights.back() += w;
      } else {
        t.index.push_back(i);
        weights.push_back(w);
      }
    }
    t.close();
  }
  for (const double w : weights) largest = std::max(largest, w);
  while (t.shift < 22 && std::int32_t(0.5 + largest * double(1 << (t.shift + 1))) < 1 << 15) ++t.shift;
  for (const double w : weights) {
    t.weight.push_back(std::int32_t(w * double(1 << t.shift) + (w < 0 ? -0.5 : 0.5)));
  }
  return t;
}

// --- the image
// --------------------------------------------------------------------------------------------------------------------

template <class T>
constexpr int kSlot = std::is_same_v<T, double> ? 1 : 0;
/// What is only moved has no weights.
template <class T>
using Weight = std::conditional_t<std::is_same_v<T, std::uint8_t>, std::int32_t, T>;

/// One line of an image along an axis, in elements of `inner` numbers that lie together.
template <class T>
void along(const Axis<Weight<T>>& axis, std::int64_t inner, const T* from, T* to) {
  if (axis.same) {
    std::copy_n(from, axis.n * inner, to);
  } else if (inner > 1) {
    std::vector<const void*> rows;
    for (std::int64_t x = 0; x < axis.n; ++x) {
      const std::int32_t b = axis.begin[std::size_t(x)], k = axis.begin[std::size_t(x) + 1] - b;
      rows.resize(std::size_t(k));
      for (std::int32_t i = 0; i < k; ++i) rows[std::size_t(i)] = from + axis.index[std::size_t(b + i)] * inner;
      const Weight<T>* const w = axis.weight.data() + b;
      if constexpr (std::is_same_v<T, std::uint8_t>) {
        kernels->resample.mix_bytes(reinterpret_cast<const T* const*>(rows.data()), w, k, inner, axis.shift,
                                    to + x * inner);
      } else {
        kernels->resample.mix[kSlot<T>](rows.data(), w, k, inner, to + x * inner);
      }
    }
  } else if constexpr (std::is_same_v<T, std::uint8_t>) {
    kernels->resample.weigh_bytes(axis.weighing(), from, to);
  } else if (!axis.target.empty()) {
    std::fill_n(to, axis.n, T(0));
    kernels->resample.spread[kSlot<T>](axis.weighing(), from, to);
  } else if (axis.filled || axis.width == 3) {
    kernels->resample.weigh_within[kSlot<T>](axis.weighing(), from, to);
  } else {
    kernels->resample.weigh[kSlot<T>](axis.weighing(), from, to);
  }
}

/// Rows [first, last) of one image. `lines_first`: lines are done before their sums are taken, else after.
template <class T>
void rows_of(const Axis<Weight<T>>& vertical, const Axis<Weight<T>>& horizontal, std::int64_t line_in,
             std::int64_t inner, bool lines_first, const T* from, std::int64_t first, std::int64_t last, T* to) {
  const std::int64_t line_out = horizontal.n * inner;
  std::int32_t most = 1;
  for (std::int64_t y = first; y < last; ++y) {
    most = std::max(most, vertical.begin[std::size_t(y) + 1] - vertical.begin[std::size_t(y)]);
  }
  // A line is kept until another one needs its place: those of one sum are neighbours and have places of their own.
  const bool before = lines_first && !horizontal.same && !vertical.same, after = !lines_first && !horizontal.same;
  const std::int64_t length = before ? line_out : line_in;
  const Scratch scratch(before  ? most * length * std::int64_t(sizeof(T))
                        : after ? length * std::int64_t(sizeof(T))
                                : 0);
  T* const kept = reinterpret_cast<T*>(scratch.get());
  std::vector<std::int32_t> holds(before ? std::size_t(most) : 0, -1);
  std::vector<const void*> rows(static_cast<std::size_t>(most));
  for (std::int64_t y = first; y < last; ++y) {
    T* const line = to + y * line_out;
    if (vertical.same) {
      along(horizontal, inner, from + y * line_in, line);
      continue;
    }
    const std::int32_t b = vertical.begin[std::size_t(y)], k = vertical.begin[std::size_t(y) + 1] - b;
    for (std::int32_t i = 0; i < k; ++i) {
      const std::int32_t r = vertical.index[std::size_t(b + i)];
      const T* source = from + r * line_in;
      if (before) {
        const auto place = std::size_t(r % most);
        T* const own = kept + std::int64_t(place) * length;
        if (holds[place] != r) along(horizontal, inner, source, own);
        holds[place] = r;
        source = own;
      }
      rows[std::size_t(i)] = source;
    }
    T* const sum = after ? kept : line;
    const std::int64_t n = after ? line_in : line_out;
    const Weight<T>* const w = vertical.weight.data() + b;
    if (after && k == 0) {
      std::fill_n(line, line_out, T(0));
      continue;
    }
    if (after && k == 1 && w[0] == 1) {
      along(horizontal, inner, static_cast<const T*>(rows[0]), line);
      continue;
    }
    if constexpr (std::is_same_v<T, std::uint8_t>) {
      kernels->resample.mix_bytes(reinterpret_cast<const T* const*>(rows.data()), w, k, n, vertical.shift, sum);
    } else {
      kernels->resample.mix[kSlot<T>](rows.data(), w, k, n, sum);
    }
    if (after) along(horizontal, inner, sum, line);
  }
}

/// All images of one stage.
template <class T>
void stage(const Axis<Weight<T>>& vertical, const Axis<Weight<T>>& horizontal, std::int64_t images,
           std::array<std::int64_t, 2> in, std::int64_t inner, bool lines_first, const T* from, T* to) {
  const std::int64_t rows = vertical.n, line = horizontal.n * inner, work = std::max(line, in[1] * inner) * 2;
  parallel_for(images * rows, std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, work)),
               [&](std::int64_t begin, std::int64_t end) {
                 while (begin < end) {
                   const std::int64_t i = begin / rows, first = begin % rows,
                                      last = std::min(rows, first + end - begin);
                   rows_of(vertical, horizontal, in[1] * inner, inner, lines_first, from + i * in[0] * in[1] * inner,
                           first, last, to + i * rows * line);
                   begin += last - first;
                 }
               });
}

/// `inner`: how many channels lie together.
template <class T>
void resample(const Scaling& s, std::int64_t inner, const T* from, T* to) {
  using F = std::conditional_t<std::is_same_v<T, std::uint8_t>, double, T>;
  const auto axis = [&](std::size_t d) {
    const Axis<F> a = forward_axis<F>(s, d);
    if constexpr (std::is_same_v<T, std::uint8_t>) {
      return whole(a);
    } else {
      return s.transposed ? turned(a, s.in[d]) : a;
    }
  };
  const auto &in = s.transposed ? s.out : s.in, &out = s.transposed ? s.in : s.out;
  auto vertical = axis(1), horizontal = axis(2);
  if constexpr (!std::is_same_v<T, std::uint8_t>) {
    if (inner == 1) {
      if (s.transposed && is_nearest(s.mode) && 2 * s.out[2] <= s.in[2]) {
        const Axis<T> forward = forward_axis<T>(s, 2);
        horizontal.target = forward.index;
        horizontal.weight_by_term = forward.weight;
        horizontal.sources = forward.n;
      } else {
        horizontal.arrange_by_term();
      }
    }
  }
  const std::int64_t images = s.batch * s.channels / inner;
  const bool lines_first = !s.transposed;
  if (in[0] == 1 && out[0] == 1) {
    return stage<T>(vertical, horizontal, images, {in[1], in[2]}, inner, lines_first, from, to);
  }
  // Slices along the depth are rows of whole planes.
  Axis<Weight<T>> none;
  none.same = true;
  const auto depth = axis(0);
  const std::int64_t plane_in = in[1] * in[2], plane_out = out[1] * out[2];
  if (s.transposed) {
    const Scratch middle(images * out[0] * plane_in * inner * std::int64_t(sizeof(T)));
    T* const half = reinterpret_cast<T*>(middle.get());
    none.n = plane_in;
    stage<T>(depth, none, images, {in[0], plane_in}, inner, lines_first, from, half);
    stage<T>(vertical, horizontal, images * out[0], {in[1], in[2]}, inner, lines_first, half, to);
  } else {
    const Scratch middle(images * in[0] * plane_out * inner * std::int64_t(sizeof(T)));
    T* const half = reinterpret_cast<T*>(middle.get());
    none.n = plane_out;
    stage<T>(vertical, horizontal, images * in[0], {in[1], in[2]}, inner, lines_first, from, half);
    stage<T>(depth, none, images, {in[0], plane_out}, inner, lines_first, half, to);
  }
}

/// Elements moved to where they are the nearest: `E` is any type of their size.
template <class E>
void move_nearest(const Scaling& s, std::int64_t inner, const E* from, E* to) {
  const Axis<float> d = forward_axis<float>(s, 0), v = forward_axis<float>(s, 1), h = forward_axis<float>(s, 2);
  const std::int64_t rows = s.out[0] * s.out[1], line = s.out[2] * inner, images = s.batch * s.channels / inner;
  const std::int64_t line_in = s.in[2] * inner;
  const std::int32_t* const index = h.index.data();
  parallel_for(images * rows, std::max<std::int64_t>(1, kGrain / line), [&](std::int64_t begin, std::int64_t end) {
    const E* last = nullptr;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t z = d.index[std::size_t(i % rows / s.out[1])], y = v.index[std::size_t(i % s.out[1])];
      const E* const source = from + ((i / rows * s.in[0] + z) * s.in[1] + y) * line_in;
      E* const target = to + i * line;
      if (source == last) {
        std::copy_n(target - line, line, target);
      } else if (h.same) {
        std::copy_n(source, line, target);
      } else if (inner == 1) {
        for (std::int64_t x = 0; x < line; ++x) target[x] = source[index[x]];
      } else {
        for (std::int64_t x = 0; x < s.out[2]; ++x) std::copy_n(source + index[x] * inner, inner, target + x * inner);
      }
      last = source;
    }
  });
}

Tensor scaled_image(const Scaling& s, const Tensor& t, bool derived);

struct UpsampleNode final : Node {
  Scaling s;
  bool derived = false;
  const char* name() const override {
    static constexpr const char* kNames[2][8][3] = {
        {{"UpsampleNearest1DBackward0", "UpsampleNearest2DBackward0", "UpsampleNearest3DBackward0"},
         {"UpsampleNearestExact1DBackward0", "UpsampleNearestExact2DBackward0", "UpsampleNearestExact3DBackward0"},
         {"UpsampleLinear1DBackward0", "UpsampleBilinear2DBackward0", "UpsampleTrilinear3DBackward0"},
         {"", "UpsampleBicubic2DBackward0", ""},
         {"", "", ""},
         {"", "UpsampleBilinear2DAaBackward0", ""},
         {"", "UpsampleBicubic2DAaBackward0", ""},
         {"", "UpsampleLanczos2DAaBackward0", ""}},
        {{"UpsampleNearest1DBackwardBackward0", "UpsampleNearest2DBackwardBackward0",
          "UpsampleNearest3DBackwardBackward0"},
         {"UpsampleNearestExact1DBackwardBackward0", "UpsampleNearestExact2DBackwardBackward0",
          "UpsampleNearestExact3DBackwardBackward0"},
         {"UpsampleLinear1DBackwardBackward0", "UpsampleBilinear2DBackwardBackward0",
          "UpsampleTrilinear3DBackwardBackward0"},
         {"", "UpsampleBicubic2DBackwardBackward0", ""},
         {"", "", ""},
         {"", "UpsampleBilinear2DAaBackwardBackward0", ""},
         {"", "UpsampleBicubic2DAaBackwardBackward0", ""},
         {"", "UpsampleLanczos2DAaBackwardBackward0", ""}}};
    return kNames[derived][int(s.mode) + (s.antialias ? 3 : 0)][s.dims - 1];
  }
  void apply(Tensor* in, Tensor* out) override {
    Scaling back = s;
    back.transposed = !s.transposed;
    out[0] = scaled_image(back, in[0], true);
  }
};

Tensor scaled_image(const Scaling& s, const Tensor& t, bool derived) {
  const DType result = t.dtype();
  const bool moves = is_nearest(s.mode) && !s.transposed;
  const DType d = moves ? result : compute_type(result);
  const DimVec sizes = s.image(!s.transposed);
  const Format format = s.dims == 3 ? Format::ChannelsLast3d : Format::ChannelsLast;
  const bool last = s.dims > 1 && !t.is_contiguous() && has_format(t, format);
  // Where few channels lie together, lines of one channel are faster.
  const bool together = last && s.channels >= 8 && d == result;
  const Tensor source = together ? t : contiguous_as(t, d);
  Tensor out = together ? empty_as(sizes, d, format) : empty(sizes, d);
  if (out.numel() > 0) {
    const std::int64_t inner = together ? s.channels : 1;
    const GilRelease gil(out.numel() + source.numel());
    if (moves) {
      switch (itemsize(d)) {
        case 1: move_nearest(s, inner, source.data_as<std::uint8_t>(), out.data_as<std::uint8_t>()); break;
        case 2: move_nearest(s, inner, source.data_as<std::uint16_t>(), out.data_as<std::uint16_t>()); break;
        case 4: move_nearest(s, inner, source.data_as<std::uint32_t>(), out.data_as<std::uint32_t>()); break;
        default: move_nearest(s, inner, source.data_as<std::uint64_t>(), out.data_as<std::uint64_t>()); break;
      }
    } else if (d == DType::UInt8) {
      resample(s, inner, source.data_as<std::uint8_t>(), out.data_as<std::uint8_t>());
    } else if (d == DType::Float) {
      resample(s, inner, source.data_as<float>(), out.data_as<float>());
    } else {
      resample(s, inner, source.data_as<double>(), out.data_as<double>());
    }
  }
  if (last && !together) {
    const Tensor laid = empty_as(sizes, result, format);
    copy_into(laid, out);
    out = laid;
  } else if (d != result) {
    out = to_contiguous(out, result);
  }
  if (recording(t)) {
    auto* n = record<UpsampleNode>(out, t);
    n->s = s;
    n->derived = derived;
  }
  return out;
}

// --- from PyTorch's arguments
// -----------------------------------------------------------------------------------------------------

std::string shown(PyObject* o) {
  const Object text = Object::check(PyObject_Repr(o));
  return PyUnicode_AsUTF8(text.get());
}
[[noreturn]] void fail_unimplemented(const std::string& text) { fail(ErrorKind::NotImplemented, text); }

bool is_list(PyObject* o) { return PyList_Check(o) || PyTuple_Check(o); }

void need_count(PyObject* list, const Tensor& t, const char* subject, const char* what, const char* name,
                const char* letter) {
  const int dims = t.ndim() - 2;
  if (PySequence_Fast_GET_SIZE(list) == dims) return;
  fail_value("Input and ", subject, " must have the same number of spatial dimensions, but got input with spatial ",
             "dimensions of ", str(dims > 0 ? t.sizes().subspan(2) : Dims{}), " and ", what, shown(list),
             ". Please provide input tensor in (N, C, d1, d2, ...,dK) format and ", name, " in (", letter, "1, ",
             letter, "2, ...,", letter, "K) format.");
}

/// Sizes that the caller asked for.
DimVec sizes_asked(PyObject* size, const Tensor& t) {
  const auto dims = std::size_t(std::max(0, t.ndim() - 2));
  if (!is_list(size)) return DimVec(dims, to_index(size));
  need_count(size, t, "output", "output size of ", "output size", "o");
  DimVec v;
  std::string types;
  bool good = true;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(size); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(size, i);
    good &= PyIndex_Check(item) != 0;
    types += (i > 0 ? ", " : "") + shown(reinterpret_cast<PyObject*>(Py_TYPE(item)));
  }
  if (!good) {
    fail_type(
        "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size with "
        "types [",
        types, "]");
  }
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(size); ++i) {
    v.push_back(to_index(PySequence_Fast_GET_ITEM(size, i)));
  }
  return v;
}

double factor_of(PyObject* o) {
  const double f = PyFloat_AsDouble(o);
  if (f == -1 && PyErr_Occurred()) {
    PyErr_Clear();
    fail_type("interpolate(): argument 'scale_factor' must be a number or a tuple of numbers, not ", shown(o));
  }
  return f;
}
std::vector<double> factors_asked(PyObject* factor, const Tensor& t) {
  if (!is_list(factor)) return std::vector<double>(std::size_t(std::max(0, t.ndim() - 2)), factor_of(factor));
  need_count(factor, t, "scale_factor", "scale_factor of shape ", "scale_factor", "s");
  std::vector<double> v;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(factor); ++i) {
    v.push_back(factor_of(PySequence_Fast_GET_ITEM(factor, i)));
  }
  return v;
}

const char* mode_names[] = {"nearest", "linear",  "bilinear", "trilinear",
                            "bicubic", "lanczos", "area",     "nearest-exact"};
enum Named { kNearest, kLinear, kBilinear, kTrilinear, kBicubic, kLanczos, kArea, kExact, kUnknown };

Named named(PyObject* mode) {
  if (mode == nullptr) return kNearest;
  if (!PyUnicode_Check(mode)) return kUnknown;
  for (int i = 0; i < int(kUnknown); ++i) {
    if (PyUnicode_CompareWithASCIIString(mode, mode_names[i]) == 0) return Named(i);
  }
  return kUnknown;
}

void check_sizes(const Scaling& s, const Tensor& t) {
  const auto in = [&](int d) { return s.in[std::size_t(d)]; };
  const auto out = [&](int d) { return s.out[std::size_t(d)]; };
  bool good = true;
  for (int d = 3 - s.dims; d < 3; ++d) good &= in(d) > 0 && out(d) > 0;
  if (!good) {
    const char* const start = "Input and output sizes should be greater than 0, but got input (";
    if (s.dims == 1) fail_runtime(start, "W: ", in(2), ") and output (W: ", out(2), ")");
    if (s.dims == 2) fail_runtime(start, "H: ", in(1), ", W: ", in(2), ") output (H: ", out(1), ", W: ", out(2), ")");
    fail_runtime(start, "D: ", in(0), ", H: ", in(1), ", W: ", in(2), ") output (D: ", out(0), ", H: ", out(1),
                 ", W: ", out(2), ")");
  }
  if (s.channels == 0) {
    fail_runtime("Non-empty ", s.dims + 2, "D data tensor expected but got a tensor with sizes ", str(t.sizes()));
  }
  for (const auto& sizes : {s.in, s.out}) {
    for (const std::int64_t size : sizes) {
      if (size > std::int64_t(1) << 28)
        fail_runtime("Storage size calculation overflowed with sizes=", str(s.image(true)));
    }
  }
}

void check_type(const Scaling& s, DType d) {
  if (is_floating(d) && !(s.antialias && itemsize(d) == 2)) return;
  const bool bytes = d == DType::UInt8 && (is_nearest(s.mode) || s.dims == 2);
  if (bytes) return;
  fail_unsupported(s.antialias             ? "compute_index_ranges_weights"
                   : is_nearest(s.mode)    ? "compute_indices_weights_nearest"
                   : s.mode == Mode::Cubic ? "compute_indices_weights_cubic"
                                           : "compute_indices_weights_linear",
                   d);
}

/// (input, size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)
PyObject* interpolate_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  const Named name = named(a.v[3]);
  const int dims = t.ndim() - 2;
  const bool places = name == kNearest || name == kArea || name == kExact;
  if (places && a.has(4)) {
    fail_value(
        "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear");
  }
  const bool corners = a.boolean(4), antialias = a.boolean(6);
  if (a.has(1) && a.has(2)) fail_value("only one of size or scale_factor should be defined");
  DimVec sizes;
  std::vector<double> factors;
  if (a.has(1)) {
    sizes = sizes_asked(a.v[1], t);
  } else if (a.has(2)) {
    factors = factors_asked(a.v[2], t);
  } else {
    fail_value("either size or scale_factor should be defined");
  }
  if (a.boolean(5) && a.has(1)) fail_value("recompute_scale_factor is not meaningful with an explicit size.");
  const bool recompute = a.boolean(5) || name == kArea;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const double size = double(t.size(int(i) + 2)) * factors[i];
    if (!(std::abs(size) < 9e18)) fail_runtime("interpolate(): the size ", size, " does not fit");
    sizes.push_back(std::int64_t(recompute ? std::floor(size) : size));
  }
  if (recompute) factors.clear();
  const bool filtered = name == kBilinear || name == kBicubic || name == kLanczos;
  if (antialias && !(filtered && t.ndim() == 4)) {
    fail_value(
        "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input");
  }
  const int wanted = name == kLinear ? 1 : name == kBilinear ? 2 : name == kTrilinear ? 3 : filtered ? 2 : dims;
  if (dims < 1 || dims > 3 || name == kUnknown || (wanted != dims && (name == kBicubic || name == kLanczos))) {
    const Object text = a.v[3] == nullptr ? Object() : Object::check(PyObject_Str(a.v[3]));
    fail_unimplemented(cat("Input Error: Only 3D, 4D and 5D input Tensors supported (got ", t.ndim(),
                           "D) for the modes: nearest | linear | bilinear | bicubic | trilinear | lanczos | area | "
                           "nearest-exact (got ",
                           text.get() == nullptr ? "nearest" : PyUnicode_AsUTF8(text.get()), ")"));
  }
  if (wanted != dims) {
    fail_unimplemented(cat("Got ", t.ndim(), "D input, but ", mode_names[name], " mode needs ", wanted + 2, "D input"));
  }
  if (name == kLanczos && !antialias) fail_value("Lanczos mode requires antialias=True");
  if (name == kLanczos && corners) fail_value("Lanczos mode does not support align_corners=True");
  if (name == kArea) {
    static constexpr const char* kPools[] = {"adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"};
    PyObject* const pool = op_object(kPools[dims - 1]);
    if (pool == nullptr) fail_unimplemented(cat("mode='area' needs ", kPools[dims - 1]));
    const Object size = Object::check(make_size(sizes));
    return PyObject_CallFunctionObjArgs(pool, t.object(), size.get(), nullptr);
  }
  Scaling s;
  s.mode = name == kNearest   ? Mode::Nearest
           : name == kExact   ? Mode::NearestExact
           : name == kBicubic ? Mode::Cubic
           : name == kLanczos ? Mode::Lanczos
                              : Mode::Linear;
  s.corners = corners;
  s.antialias = antialias;
  s.dims = dims;
  s.batch = t.size(0);
  s.channels = t.size(1);
  for (int i = 0; i < dims; ++i) {
    const auto at = std::size_t(3 - dims + i);
    s.in[at] = t.size(i + 2);
    s.out[at] = sizes[std::size_t(i)];
    if (!factors.empty()) s.factor[at] = factors[std::size_t(i)];
  }
  check_sizes(s, t);
  check_type(s, t.dtype());
  return scaled_image(s, t, false).release();
}

// --- at given places
// ---------------------------------------------------------------------------------------------------------------------

/// What grid_sample reads: images [batch, channels, *size] at `places` coordinates each.
struct Grid {
  std::int64_t batch = 0, channels = 0, places = 0, elements = 1;
  std::int32_t dims = 2;
  std::array<std::int64_t, 3> size{1, 1, 1};  // of dimension d of the grid's coordinates: width first
  Between between = Between::Linear;
  Beyond padding = Beyond::Zeros;
  bool corners = false;

  int terms() const {
    int n = 1;
    for (int d = 0; d < dims; ++d) n *= terms_of(between);
    return n;
  }
};

/// The elements around some places of a grid, with their weights and these weights' derivatives by the coordinates.
template <class T>
class Terms {
 public:
  static constexpr std::int64_t kMost = 128;  // places at once

  explicit Terms(const Grid& g, bool slopes, bool bends)
      : g_(g), each_(terms_of(g.between)), all_(g.terms()), slopes_(slopes), bends_(bends) {
    const auto lists = std::size_t(g.dims * each_) * kMost, products = std::size_t(all_) * kMost;
    at_.resize(lists), w_.resize(lists), dw_.resize(lists);
    if (bends) ddw_.resize(lists);
    index.resize(products), weight.resize(products);
    if (slopes) slope.resize(products * std::size_t(g.dims));
  }

  /// `n` places whose coordinates begin at `grid`.
  void find(const T* grid, std::int64_t n) {
    n_ = n;
    for (int d = 0; d < g_.dims; ++d) {
      const Sampling s{grid + d, g_.dims, n, g_.size[std::size_t(d)], g_.padding, g_.between, g_.corners};
      const std::int64_t at = d * each_ * kMost;
      kernels->resample.locate[kSlot<T>](s, at_.data() + at, w_.data() + at, dw_.data() + at,
                                         bends_ ? ddw_.data() + at : nullptr);
    }
    for (int k = 0; k < all_; ++k) {
      product(k, {0, 0, 0}, weight.data() + k * n, index.data() + k * n);
      for (int d = 0; slopes_ && d < g_.dims; ++d) {
        std::array<int, 3> order{0, 0, 0};
        order[std::size_t(d)] = 1;
        product(k, order, slope.data() + (d * all_ + k) * n);
      }
    }
  }
  /// Weights of term k at all places, differentiated so often by each coordinate, and its indices.
  void product(int k, std::array<int, 3> order, T* to, std::int32_t* indices = nullptr) const {
    const void* weights[3];
    const std::int32_t* places[3];
    const std::int64_t steps[] = {1, g_.size[0], g_.size[0] * g_.size[1]};
    for (int d = 0; d < g_.dims; ++d) {
      const std::vector<T>& list = order[std::size_t(d)] == 0 ? w_ : order[std::size_t(d)] == 1 ? dw_ : ddw_;
      const std::int64_t at = d * each_ * kMost + k % each_ * n_;
      weights[d] = list.data() + at;
      places[d] = at_.data() + at;
      k /= each_;
    }
    kernels->resample.cross[kSlot<T>](n_, g_.dims, places, steps, weights, indices, to);
  }
  Weighing weighing(const T* weights) const { return {n_, all_, 0, nullptr, index.data(), weights}; }
  const T* slope_of(int d) const { return slope.data() + d * all_ * n_; }
  int count() const { return all_; }

  std::vector<std::int32_t> index;
  std::vector<T> weight, slope;

 private:
  const Grid& g_;
  const int each_, all_;
  const bool slopes_, bends_;
  std::int64_t n_ = 0;
  std::vector<std::int32_t> at_;
  std::vector<T> w_, dw_, ddw_;
};

/// Calls f(member, first place, number of places) for all places in pieces; at once where there are several threads.
template <class T, class F>
void each_piece(const Grid& g, int work, F&& f) {
  const std::int64_t pieces = (g.places + Terms<T>::kMost - 1) / Terms<T>::kMost;
  const std::int64_t cost = std::min(g.places, Terms<T>::kMost) * (g.channels + 4) * g.terms() * work;
  parallel_for(g.batch * pieces, std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, cost)),
               [&](std::int64_t begin, std::int64_t end) {
                 f([&](auto&& body) {
                   for (std::int64_t i = begin; i < end; ++i) {
                     const std::int64_t first = i % pieces * Terms<T>::kMost;
                     body(i / pieces, first, std::min(Terms<T>::kMost, g.places - first));
                   }
                 });
               });
}

template <class T>
void read_grid(const Grid& g, const T* image, const T* grid, T* out) {
  each_piece<T>(g, 1, [&](auto&& pieces) {
    Terms<T> terms(g, false, false);
    pieces([&](std::int64_t b, std::int64_t first, std::int64_t n) {
      terms.find(grid + (b * g.places + first) * g.dims, n);
      const Weighing w = terms.weighing(terms.weight.data());
      for (std::int64_t c = b * g.channels; c < (b + 1) * g.channels; ++c) {
        kernels->resample.weigh_within[kSlot<T>](w, image + c * g.elements, out + c * g.places + first);
      }
    });
  });
}

/// image += what each place took, times `from`. `factors`: fills the weights of a piece, else the operator's own.
template <class T, class F>
void write_grid(const Grid& g, bool slopes, const T* grid, const T* from, T* image, F&& factors) {
  // A channel is one thread's, which adds to it in the order of the places.
  const std::int64_t cost = g.places * g.terms();
  parallel_for(g.batch * g.channels, std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, cost)),
               [&](std::int64_t begin, std::int64_t end) {
                 Terms<T> terms(g, slopes, false);
                 while (begin < end) {
                   const std::int64_t b = begin / g.channels, stop = std::min(end, (b + 1) * g.channels);
                   for (std::int64_t first = 0; first < g.places; first += Terms<T>::kMost) {
                     const std::int64_t n = std::min(Terms<T>::kMost, g.places - first);
                     terms.find(grid + (b * g.places + first) * g.dims, n);
                     const Weighing w = terms.weighing(factors(terms, b, first, n));
                     for (std::int64_t c = begin; c < stop; ++c) {
                       kernels->resample.spread[kSlot<T>](w, from + c * g.places + first, image + c * g.elements);
                     }
                   }
                   begin = stop;
                 }
               });
}
template <class T>
void write_grid(const Grid& g, const T* grid, const T* from, T* image) {
  write_grid<T>(g, false, grid, from, image,
                [](const Terms<T>& t, std::int64_t, std::int64_t, std::int64_t) { return t.weight.data(); });
}

/// The gradient of the grid: sums over channels of `from` times the image's slope.
template <class T>
void slopes_grid(const Grid& g, const T* image, const T* grid, const T* from, T* out) {
  if (g.between == Between::Nearest) {
    std::fill_n(out, g.batch * g.places * g.dims, T(0));
    return;
  }
  each_piece<T>(g, g.dims, [&](auto&& pieces) {
    Terms<T> terms(g, true, false);
    pieces([&](std::int64_t b, std::int64_t first, std::int64_t n) {
      terms.find(grid + (b * g.places + first) * g.dims, n);
      T* const to = out + (b * g.places + first) * g.dims;
      for (int d = 0; d < g.dims; ++d) {
        T sums[Terms<T>::kMost] = {};
        const Weighing w = terms.weighing(terms.slope_of(d));
        for (std::int64_t c = b * g.channels; c < (b + 1) * g.channels; ++c) {
          kernels->resample.weigh_onto[kSlot<T>](w, image + c * g.elements, from + c * g.places + first, sums);
        }
        for (std::int64_t i = 0; i < n; ++i) to[i * g.dims + d] = sums[i];
      }
    });
  });
}

/// An operator's operands in one type, contiguous.
struct Images {
  DType d;
  Tensor image, grid;

  Images(const Tensor& image_, const Tensor& grid_)
      : d(compute_type(image_.dtype())), image(contiguous_as(image_, d)), grid(contiguous_as(grid_, d)) {}
};

std::int64_t work_of(const Grid& g) { return g.batch * g.places * g.terms() * (g.channels + 4); }

template <class F>
void in_type(DType d, F&& f) {
  if (d == DType::Float)
    f(Tag<float>{});
  else
    f(Tag<double>{});
}

/// The derivative of the gradients of grid_sample, by what they were made of.
struct GridNode2 final : Node {
  SavedTensor grad, image, grid;
  Grid g;
  const char* name() const override {
    return g.dims == 2 ? "GridSampler2DBackwardBackward0" : "GridSampler3DBackwardBackward0";
  }
  void apply(Tensor* in, Tensor* out) override;
  void visit(SavedVisitor& v) override {
    v.tensor("grad_output", grad);
    v.tensor("input", image);
    v.tensor("grid", grid);
  }
};

/// Gradients of the image and of the grid, for the gradient `grad` of the result.
std::array<Tensor, 2> grid_gradients(const Grid& g, const Tensor& grad, const Tensor& image, const Tensor& grid,
                                     bool of_image, bool of_grid) {
  const Images m(image, grid);
  const Tensor from = contiguous_as(grad, m.d);
  std::array<Tensor, 2> out;
  if (of_image) out[0] = empty(image.sizes(), m.d);
  if (of_grid) out[1] = empty(grid.sizes(), m.d);
  {
    const GilRelease gil(work_of(g));
    in_type(m.d, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if (of_image) {
        std::fill_n(out[0].data_as<T>(), out[0].numel(), T(0));
        write_grid(g, m.grid.data_as<T>(), from.data_as<T>(), out[0].data_as<T>());
      }
      if (of_grid) {
        slopes_grid(g, m.image.data_as<T>(), m.grid.data_as<T>(), from.data_as<T>(), out[1].data_as<T>());
      }
    });
  }
  for (Tensor& t : out) {
    if (t.defined()) t = contiguous_as(t, image.dtype());
  }
  if (recording(grad, image, grid)) {
    auto* n = make_node_on<GridNode2>(edge_of(grad), edge_of(image), edge_of(grid));
    n->set_output_count(2);
    for (std::uint32_t i = 0; i < 2; ++i) {
      if (out[i].defined()) set_history(out[i], n, i);
    }
    release(n);
    n->g = g;
    n->grad.save(grad), n->image.save(image), n->grid.save(grid);
  }
  return out;
}

template <class T>
void second_gradients(const Grid& g, const T* grad, const T* image, const T* grid, const T* u, const T* v, T* of_grad,
                      T* of_image, T* of_grid) {
  constexpr std::int64_t kMost = Terms<T>::kMost;
  const std::int64_t terms_count = g.terms();
  // sum over d of v[d] times the slope by coordinate d
  const auto turned_slopes = [&](const Terms<T>& t, std::int64_t b, std::int64_t first, std::int64_t n, T* to) {
    const T* const by = v + (b * g.places + first) * g.dims;
    for (std::int64_t k = 0; k < terms_count; ++k) {
      for (std::int64_t i = 0; i < n; ++i) {
        T sum = 0;
        for (int d = 0; d < g.dims; ++d) sum += by[i * g.dims + d] * t.slope_of(d)[k * n + i];
        to[k * n + i] = sum;
      }
    }
  };
  each_piece<T>(g, 4, [&](auto&& pieces) {
    Terms<T> terms(g, true, true);
    std::vector<T> factors(std::size_t(terms_count * kMost)), bends(std::size_t(terms_count * kMost));
    T read[kMost];
    pieces([&](std::int64_t b, std::int64_t first, std::int64_t n) {
      terms.find(grid + (b * g.places + first) * g.dims, n);
      const std::int64_t from = b * g.channels, to = from + g.channels;
      const auto weigh = [&](const T* weights, const T* line) {
        kernels->resample.weigh_within[kSlot<T>](terms.weighing(weights), line, read);
      };
      if (of_grad != nullptr) {
        if (v != nullptr) turned_slopes(terms, b, first, n, factors.data());
        for (std::int64_t c = from; c < to; ++c) {
          T* const out = of_grad + c * g.places + first;
          std::fill_n(out, n, T(0));
          if (u != nullptr) {
            weigh(terms.weight.data(), u + c * g.elements);
            for (std::int64_t i = 0; i < n; ++i) out[i] += read[i];
          }
          if (v != nullptr) {
            weigh(factors.data(), image + c * g.elements);
            for (std::int64_t i = 0; i < n; ++i) out[i] += read[i];
          }
        }
      }
      if (of_grid == nullptr) return;
      T* const out = of_grid + (b * g.places + first) * g.dims;
      std::fill_n(out, n * g.dims, T(0));
      for (int e = 0; e < g.dims; ++e) {
        if (v != nullptr) {
          // sum over d of v[d] times the derivative by d and e
          std::fill(factors.begin(), factors.end(), T(0));
          const T* const by = v + (b * g.places + first) * g.dims;
          for (int d = 0; d < g.dims; ++d) {
            std::array<int, 3> order{0, 0, 0};
            ++order[std::size_t(d)], ++order[std::size_t(e)];
            for (std::int64_t k = 0; k < terms_count; ++k) {
              terms.product(int(k), order, bends.data());
              for (std::int64_t i = 0; i < n; ++i)
                factors[std::size_t(k * n + i)] += by[i * g.dims + d] * bends[std::size_t(i)];
            }
          }
        }
        for (std::int64_t c = from; c < to; ++c) {
          const T* const factor = grad + c * g.places + first;
          if (u != nullptr) {
            weigh(terms.slope_of(e), u + c * g.elements);
            for (std::int64_t i = 0; i < n; ++i) out[i * g.dims + e] += factor[i] * read[i];
          }
          if (v != nullptr) {
            weigh(factors.data(), image + c * g.elements);
            for (std::int64_t i = 0; i < n; ++i) out[i * g.dims + e] += factor[i] * read[i];
          }
        }
      }
    });
  });
  if (of_image == nullptr) return;
  std::fill_n(of_image, g.batch * g.channels * g.elements, T(0));
  if (v == nullptr) return;
  write_grid<T>(g, true, grid, grad, of_image, [&](Terms<T>& t, std::int64_t b, std::int64_t first, std::int64_t n) {
    turned_slopes(t, b, first, n, t.weight.data());
    return static_cast<const T*>(t.weight.data());
  });
}

void GridNode2::apply(Tensor* in, Tensor* out) {
  const Tensor first = grad.unpack(this), x = image.unpack(this), y = grid.unpack(this);
  if (modes.grad && (recording(in[0], in[1]) || recording(first, x, y))) {
    fail_runtime("derivative for aten::grid_sampler_", g.dims, "d_backward_backward is not implemented");
  }
  const Images m(x, y);
  const Tensor from = contiguous_as(first, m.d);
  Tensor u, v, results[3];
  if (in[0].defined()) u = contiguous_as(in[0], m.d);
  if (in[1].defined()) v = contiguous_as(in[1], m.d);
  const Tensor* const like[] = {&first, &x, &y};
  for (std::uint32_t i = 0; i < 3; ++i) {
    if (needs(i)) results[i] = empty(like[i]->sizes(), m.d);
  }
  {
    const GilRelease gil(work_of(g) * 4);
    in_type(m.d, [&](auto tag) {
      using T = typename decltype(tag)::type;
      const auto data = [](const Tensor& t) { return t.defined() ? t.data_as<T>() : nullptr; };
      second_gradients<T>(g, data(from), data(m.image), data(m.grid), data(u), data(v), data(results[0]),
                          data(results[1]), data(results[2]));
    });
  }
  for (std::uint32_t i = 0; i < 3; ++i) {
    if (needs(i)) out[i] = contiguous_as(results[i], like[i]->dtype());
  }
}

struct GridNode final : Node {
  SavedTensor image, grid;
  Grid g;
  const char* name() const override { return g.dims == 2 ? "GridSampler2DBackward0" : "GridSampler3DBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    std::array<Tensor, 2> made = grid_gradients(g, in[0], image.unpack(this), grid.unpack(this), needs(0), needs(1));
    for (std::uint32_t i = 0; i < 2; ++i) out[i] = std::move(made[i]);
  }
  void visit(SavedVisitor& v) override {
    v.tensor("input", image);
    v.tensor("grid", grid);
  }
};

Tensor sample_grid(const Grid& g, const Tensor& image, const Tensor& grid) {
  const Images m(image, grid);
  DimVec sizes{g.batch, g.channels};
  for (int d = 1; d <= g.dims; ++d) sizes.push_back(grid.size(d));
  Tensor out = empty(sizes, m.d);
  if (out.numel() > 0) {
    const GilRelease gil(work_of(g));
    in_type(m.d, [&](auto tag) {
      using T = typename decltype(tag)::type;
      read_grid(g, m.image.data_as<T>(), m.grid.data_as<T>(), out.data_as<T>());
    });
  }
  if (m.d != image.dtype()) out = to_contiguous(out, image.dtype());
  const Format format = g.dims == 3 ? Format::ChannelsLast3d : Format::ChannelsLast;
  if (g.dims == 2 && !image.is_contiguous() && has_format(image, format)) {
    const Tensor laid = empty_as(sizes, image.dtype(), format);
    copy_into(laid, out);
    out = laid;
  }
  if (recording(image, grid)) {
    auto* n = record<GridNode>(out, image, grid);
    n->g = g;
    n->image.save(image), n->grid.save(grid);
  }
  return out;
}

/// `dims`: what the operator's name says, or 0.
Tensor grid_sampler(const Tensor& image, const Tensor& grid, std::int64_t between, std::int64_t padding, bool corners,
                    int dims) {
  constexpr const char* name = "grid_sampler(): expected ";
  if (image.ndim() < 1 || grid.ndim() < 1) fail_index("Dimension specified as 0 but tensor has no dimensions");
  if (image.size(0) != grid.size(0)) {
    fail_runtime(name, "grid and input to have same batch size, but got input with sizes ", str(image.sizes()),
                 " and grid with sizes ", str(grid.sizes()));
  }
  if (grid.size(-1) != image.ndim() - 2) {
    fail_runtime(name, "grid to have size ", image.ndim() - 2, " in last dimension, but got grid with sizes ",
                 str(grid.sizes()));
  }
  for (int d = 2; d < image.ndim(); ++d) {
    if (image.size(d) > 0) continue;
    fail_runtime(name, "input to have non-empty spatial dimensions, but input has sizes ", str(image.sizes()),
                 " with dimension ", d, " being empty");
  }
  const int have = image.ndim() - 2;
  if ((have != 2 && have != 3) || (dims != 0 && dims != have) || grid.ndim() != image.ndim()) {
    fail_runtime(name,
                 dims == 0   ? "4D or 5D"
                 : dims == 2 ? "4D"
                             : "5D",
                 " input and grid with same number of dimensions, but got input with sizes ", str(image.sizes()),
                 " and grid with sizes ", str(grid.sizes()));
  }
  if (have == 3 && between == 2) fail_runtime("grid_sampler(): bicubic interpolation only supports 4D input");
  if (image.dtype() != grid.dtype()) {
    fail_runtime("expected scalar type ", scalar_type_name(image.dtype()), " but found ",
                 scalar_type_name(grid.dtype()));
  }
  if (!is_floating(image.dtype())) {
    fail_unsupported(have == 2 ? "grid_sampler_2d_cpu_kernel_impl" : "grid_sampler3d_cpu", image.dtype());
  }
  Grid g;
  g.dims = have;
  g.batch = image.size(0);
  g.channels = image.size(1);
  g.places = 1;
  for (int d = 1; d <= have; ++d) {
    g.places *= grid.size(d);
    g.size[std::size_t(d - 1)] = image.size(-d);
    g.elements *= image.size(-d);
  }
  if (g.elements > std::int64_t(1) << 31) fail_runtime("grid_sampler(): images of so many elements are not supported");
  g.between = between == 1 ? Between::Nearest : between == 2 ? Between::Cubic : Between::Linear;
  g.padding = padding == 1 ? Beyond::Border : padding == 2 ? Beyond::Reflection : Beyond::Zeros;
  g.corners = corners;
  return sample_grid(g, image, grid);
}

/// (input, grid, interpolation_mode, padding_mode, align_corners)
template <int dims>
PyObject* grid_sampler_op(const OpDef&, Args& a) {
  return grid_sampler(a.tensor(0), a.tensor(1), a.integer(2), a.integer(3), a.boolean(4), dims).release();
}

void warn_of_corners() {
  if (PyErr_WarnEx(
          PyExc_UserWarning,
          "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please "
          "specify align_corners=True if the old behavior is desired. See the documentation of grid_sample for "
          "details.",
          1) < 0) {
    throw PythonError();
  }
}

/// (input, grid, mode, padding_mode, align_corners)
PyObject* grid_sample_op(const OpDef&, Args& a) {
  const std::string mode = a.string(2, "bilinear"), padding = a.string(3, "zeros");
  const int between = mode == "bilinear" ? 0 : mode == "nearest" ? 1 : mode == "bicubic" ? 2 : -1;
  const int pads = padding == "zeros" ? 0 : padding == "border" ? 1 : padding == "reflection" ? 2 : -1;
  if (between < 0) {
    fail_value("nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '", mode,
               "'");
  }
  if (pads < 0) {
    fail_value(
        "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: '",
        padding, "'");
  }
  if (!a.has(4)) warn_of_corners();
  return grid_sampler(a.tensor(0), a.tensor(1), between, pads, a.boolean(4), 0).release();
}

constexpr const char* kGridSig =
    "(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners)";
constexpr const char* kGridDoc =
    "Reads images at the coordinates of a grid, as grid_sample does; modes are numbers: 0 bilinear, 1 nearest, 2 "
    "bicubic; "
    "0 zeros, 1 border, 2 reflection.";
const OpDef ops[] = {
    {"interpolate",
     "(Tensor input, any? size=None, any? scale_factor=None, any mode='nearest', bool? align_corners=None, bool? "
     "recompute_scale_factor=None, bool antialias=False)",
     interpolate_op, kFunction, Kind::Linear,
     "Images [N, C, ...] in another size, or in one that is scale_factor times theirs (then rounded down). mode: "
     "'nearest', 'nearest-exact' or 'area' (means) in 1 to 3 spatial dimensions, 'linear' in 1, 'bilinear', 'bicubic' "
     "and 'lanczos' in 2, 'trilinear' in 3. align_corners: the centres of the outer elements stay where they are, "
     "instead of their edges; antialias: where an image shrinks, all elements count that an output covers."},
    {"grid_sample",
     "(Tensor input, Tensor grid, str mode='bilinear', str padding_mode='zeros', bool? align_corners=None)",
     grid_sample_op, kFunction, Kind::Other,
     "Reads images [N, C, H, W] (or [N, C, D, H, W]) at the places of a grid [N, ..., 2] (or 3) of coordinates (x, y, "
     "z), "
     "where -1 and 1 are the image's ends: [N, C, ...]. mode: 'bilinear', 'nearest' or, in two dimensions, 'bicubic'; "
     "padding_mode: what lies outside is zero ('zeros'), the nearest element ('border'), or the image reflected "
     "('reflection'); align_corners: the ends are the centres of the outer elements instead of their edges."},
    {"grid_sampler", kGridSig, grid_sampler_op<0>, kFunction, Kind::Other, kGridDoc},
    {"grid_sampler_2d", kGridSig, grid_sampler_op<2>, kFunction, Kind::Other, kGridDoc},
    {"grid_sampler_3d", kGridSig, grid_sampler_op<3>, kFunction, Kind::Other, kGridDoc},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
