// Convolutions in one to three dimensions and their transposes.
//
// One sum in three letters: with a wide image x (what convolution reads), weights w and a narrow image y (what it
// writes), T(x, w, y) = sum over all places of x w y is linear in each. Given two of them, an operator computes the
// factor of the third: convolution (x, w -> y), transposed convolution (w, y -> x) and the gradient of the weights
// (x, y -> w). Each one's derivatives are the other two, so derivatives of any order come out of this file.
#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/gemm.h"
#include "kernels/scratch.h"
#include "kernels/table.h"
#include "ops/binary.h"
#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

using Three = std::array<std::int64_t, 3>;

/// Sizes of all that takes part; with fewer than three spatial dimensions the first ones are 1. Images are
/// [batch, channels, *places], weights [narrow channels, wide channels / groups, *kernel].
struct Geometry {
  std::int64_t batch = 0, groups = 1, wide = 0, narrow = 0;
  Three x{1, 1, 1}, y{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1};
  Three pad{0, 0, 0};  // before the first place; what follows the last one is as long as y needs
  int dims = 2;

  std::int64_t wide_each() const { return wide / groups; }
  std::int64_t narrow_each() const { return narrow / groups; }
  std::int64_t x_places() const { return x[0] * x[1] * x[2]; }
  std::int64_t y_places() const { return y[0] * y[1] * y[2]; }
  std::int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
  /// Is a column of y's places a column of x's?
  bool is_pointwise() const {
    constexpr Three ones{1, 1, 1}, none{0, 0, 0};
    return kernel == ones && stride == ones && pad == none && x == y;
  }
  ConvShape shape() const {
    ConvShape s{};
    std::copy_n(x.begin(), 3, s.x), std::copy_n(y.begin(), 3, s.y), std::copy_n(kernel.begin(), 3, s.kernel);
    std::copy_n(stride.begin(), 3, s.stride), std::copy_n(dilation.begin(), 3, s.dilation);
    std::copy_n(pad.begin(), 3, s.pad);
    return s;
  }
  DimVec image(bool of_x) const {
    DimVec s{batch, of_x ? wide : narrow};
    for (int d = 3 - dims; d < 3; ++d) s.push_back(of_x ? x[std::size_t(d)] : y[std::size_t(d)]);
    return s;
  }
  /// What belongs to the dimensions that there are.
  Dims own(const Three& v) const { return {v.data() + (3 - dims), std::size_t(dims)}; }
  DimVec weight() const {
    DimVec s{narrow, wide_each()};
    for (int d = 3 - dims; d < 3; ++d) s.push_back(kernel[std::size_t(d)]);
    return s;
  }
};

/// gather or scatter (`loop`) of a tile of y's places for the channels of one group, split over the threads.
template <class F>
void by_channels(const Geometry& g, std::int64_t begin, std::int64_t end, F&& loop) {
  const std::int64_t taps = g.taps(), n = end - begin;
  parallel_for(
      g.wide_each(), std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, n * taps)),
      [&](std::int64_t c0, std::int64_t c1) { loop(ConvTile{c1 - c0, begin, end}, c0 * g.x_places(), c0 * taps * n); });
}
/// columns[(channel, tap)][place - begin] = what the tap meets at that place.
template <class T>
void gather(DType d, const Geometry& g, const T* x, std::int64_t begin, std::int64_t end, T* columns) {
  by_channels(g, begin, end, [&](const ConvTile& t, std::int64_t in_x, std::int64_t in_columns) {
    kernels->conv.of[int(d)].gather(g.shape(), t, x + in_x, columns + in_columns);
  });
}
/// The transpose of `gather`: adds columns to the elements of x that they came from.
template <class T>
void scatter(DType d, const Geometry& g, const T* columns, std::int64_t begin, std::int64_t end, T* x) {
  by_channels(g, begin, end, [&](const ConvTile& t, std::int64_t in_x, std::int64_t in_columns) {
    kernels->conv.of[int(d)].scatter(g.shape(), t, columns + in_columns, x + in_x);
  });
}

/// How many places of y are done at once: their columns stay in the cache next to the core.
std::int64_t tile_of(const Geometry& g, int item) {
  constexpr std::int64_t kBytes = 1 << 19;
  const std::int64_t line = std::max<std::int64_t>(1, g.wide_each() * g.taps() * item);
  return std::clamp<std::int64_t>(kBytes / line / 64 * 64, 64, std::max<std::int64_t>(64, g.y_places()));
}

/// Calls f(member, group) for all of both; at once where there are several threads.
template <class F>
void for_images(const Geometry& g, F&& f) {
  const std::int64_t work = std::max<std::int64_t>(1, g.narrow_each() * g.wide_each() * g.taps() * g.y_places());
  parallel_for(g.batch * g.groups, std::max<std::int64_t>(1, kGrain / work), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) f(i / g.groups, i % g.groups);
  });
}

// --- single channels: groups whose kernels see one channel, where a matrix product would be a sum of a few numbers
// -----------------------------------------------------------------------------------------------------------------

bool is_single(const Geometry& g) { return g.wide_each() == 1 && !g.is_pointwise(); }

/// Scratch for one channel with its padding, one for each range of channels; f(channel of x, its padded places).
template <class T, class F>
void for_padded(DType d, const Geometry& g, const T* x, std::int64_t outer, std::int64_t inner, F&& f) {
  const ConvShape s = g.shape();
  const std::int64_t work = std::max<std::int64_t>(1, g.narrow_each() * g.taps() * g.y_places() * inner);
  parallel_for(outer, std::max<std::int64_t>(1, kGrain / work), [&](std::int64_t begin, std::int64_t end) {
    const Scratch scratch(s.padded_places() * std::int64_t(sizeof(T)) + kConvSlack);
    for (std::int64_t i = begin * inner; i < end * inner; ++i) {
      const std::int64_t channel = inner == 1 ? i : i % inner * outer + i / inner;
      kernels->conv.of[int(d)].padded(s, x + channel * g.x_places(), scratch.get());
      f(s, channel, scratch.get());
    }
  });
}
/// y += x * w
template <class T>
void single_to_narrow(DType d, const Geometry& g, const T* x, const T* w, T* y) {
  const std::int64_t each = g.narrow_each();
  for_padded(d, g, x, g.batch * g.wide, 1, [&](const ConvShape& s, std::int64_t channel, const void* padded) {
    for (std::int64_t k = 0; k < each; ++k)
      kernels->conv.of[int(d)].single(s, padded, w + (channel % g.wide * each + k) * g.taps(),
                                      y + (channel * each + k) * g.y_places());
  });
}
/// w += the products of x and y, a channel's over the batch in this order for any number of threads.
template <class T>
void single_to_weight(DType d, const Geometry& g, const T* x, const T* y, T* w) {
  const std::int64_t each = g.narrow_each();
  for_padded(d, g, x, g.wide, g.batch, [&](const ConvShape& s, std::int64_t channel, const void* padded) {
    for (std::int64_t k = 0; k < each; ++k)
      kernels->conv.of[int(d)].single_weight(s, padded, y + (channel * each + k) * g.y_places(),
                                             w + (channel % g.wide * each + k) * g.taps());
  });
}

// --- groups of channels: matrix products
// -----------------------------------------------------------------------------------------------------------------

/// y += x * w
template <class T>
void to_narrow(DType d, const Geometry& g, const T* x, const T* w, T* y) {
  if (is_single(g)) return single_to_narrow(d, g, x, w, y);
  const std::int64_t places = g.y_places(), terms = g.wide_each() * g.taps(), rows = g.narrow_each();
  const bool direct = g.is_pointwise();
  const std::int64_t tile = direct ? places : tile_of(g, itemsize(d));
  for_images(g, [&](std::int64_t member, std::int64_t group) {
    const T* image = x + (member * g.wide + group * g.wide_each()) * g.x_places();
    const Scratch scratch(direct ? 0 : terms * std::min(tile, places) * std::int64_t(sizeof(T)));
    T* columns = reinterpret_cast<T*>(scratch.get());
    for (std::int64_t at = 0; at < places; at += tile) {
      const std::int64_t n = std::min(tile, places - at);
      if (!direct) gather(d, g, image, at, at + n, columns);
      GemmArgs a{};
      a.m = rows, a.n = n, a.k = terms;
      a.a = {w + group * rows * terms, terms, 1};
      a.b = {direct ? image : columns, direct ? places : n, 1};
      a.c = y + (member * g.narrow + group * rows) * places + at;
      a.ldc = places;
      a.beta = cdouble(1), a.ibeta = 1;
      gemm(d, a);
    }
  });
}

/// x += the transpose of w * y
template <class T>
void to_wide(DType d, const Geometry& g, const T* y, const T* w, T* x) {
  const std::int64_t places = g.y_places(), terms = g.wide_each() * g.taps(), rows = g.narrow_each();
  const bool direct = g.is_pointwise();
  const std::int64_t tile = direct ? places : tile_of(g, itemsize(d));
  for_images(g, [&](std::int64_t member, std::int64_t group) {
    T* image = x + (member * g.wide + group * g.wide_each()) * g.x_places();
    const Scratch scratch(direct ? 0 : terms * std::min(tile, places) * std::int64_t(sizeof(T)));
    T* columns = reinterpret_cast<T*>(scratch.get());
    for (std::int64_t at = 0; at < places; at += tile) {
      const std::int64_t n = std::min(tile, places - at);
      GemmArgs a{};
      a.m = terms, a.n = n, a.k = rows;
      a.a = {w + group * rows * terms, 1, terms};
      a.b = {y + (member * g.narrow + group * rows) * places + at, places, 1};
      a.c = direct ? image : columns;
      a.ldc = direct ? places : n;
      if (direct) a.beta = cdouble(1), a.ibeta = 1;
      gemm(d, a);
      if (!direct) scatter(d, g, columns, at, at + n, image);
    }
  });
}

/// Can to_wide be to_narrow in disguise, and is that faster? Every element of x is then written once, but a column of y
/// is as long as y has channels.
bool turns(const Geometry& g) {
  constexpr Three ones{1, 1, 1};
  return g.stride == ones && !g.is_pointwise() && g.narrow_each() <= 2 * g.wide_each();
}
/// The convolution of y whose result is x: strides are 1, taps are met in the opposite order.
Geometry turned(const Geometry& g) {
  Geometry t = g;
  std::swap(t.wide, t.narrow);
  std::swap(t.x, t.y);
  for (std::size_t d = 0; d < 3; ++d) t.pad[d] = g.dilation[d] * (g.kernel[d] - 1) - g.pad[d];
  return t;
}
/// [narrow, wide / groups, taps] to [wide, narrow / groups, taps backwards].
template <class T>
void turn_weights(const Geometry& g, const T* w, T* out) {
  const std::int64_t taps = g.taps(), rows = g.narrow_each(), columns = g.wide_each();
  for (std::int64_t group = 0; group < g.groups; ++group) {
    for (std::int64_t c = 0; c < columns; ++c) {
      for (std::int64_t r = 0; r < rows; ++r, out += taps) {
        const T* from = w + ((group * rows + r) * columns + c) * taps;
        std::reverse_copy(from, from + taps, out);
      }
    }
  }
}

/// w += the products of x and y, summed over the batch and y's places in this order for any number of threads.
template <class T>
void to_weight(DType d, const Geometry& g, const T* x, const T* y, T* w) {
  if (is_single(g)) return single_to_weight(d, g, x, y, w);
  const std::int64_t places = g.y_places(), terms = g.wide_each() * g.taps(), rows = g.narrow_each();
  const bool direct = g.is_pointwise();
  const std::int64_t tile = direct ? places : tile_of(g, itemsize(d));
  parallel_for(g.groups, 1, [&](std::int64_t first, std::int64_t last) {
    const Scratch scratch(direct ? 0 : terms * std::min(tile, places) * std::int64_t(sizeof(T)));
    T* columns = reinterpret_cast<T*>(scratch.get());
    for (std::int64_t group = first; group < last; ++group) {
      for (std::int64_t member = 0; member < g.batch; ++member) {
        const T* image = x + (member * g.wide + group * g.wide_each()) * g.x_places();
        for (std::int64_t at = 0; at < places; at += tile) {
          const std::int64_t n = std::min(tile, places - at);
          if (!direct) gather(d, g, image, at, at + n, columns);
          GemmArgs a{};
          a.m = rows, a.n = terms, a.k = n;
          a.a = {y + (member * g.narrow + group * rows) * places + at, places, 1};
          a.b = {direct ? image : columns, 1, direct ? places : n};
          a.c = w + group * rows * terms;
          a.ldc = terms;
          a.beta = cdouble(1), a.ibeta = 1;
          gemm(d, a);
        }
      }
    }
  });
}

// --- the three operators
// -----------------------------------------------------------------------------------------------------------------

enum class Part : std::uint8_t { Narrow, Wide, Weight };  // what is computed

/// The factor of `part`. (a, b) are (x, w), (y, w) or (x, y). `bias`: undefined, or a number for each channel.
Tensor compute(Part part, const Geometry& g, const Tensor& a, const Tensor& b, const Tensor& bias) {
  const DType result = a.dtype(), d = compute_type(result);
  const Tensor u = contiguous_as(a, d), v = contiguous_as(b, d);
  const Tensor shift = bias.defined() ? contiguous_as(bias, d) : Tensor();
  const DimVec sizes = part == Part::Weight ? g.weight() : g.image(part == Part::Wide);
  Tensor out = empty(sizes, d);
  const std::int64_t work = g.batch * g.narrow * g.wide_each() * g.taps() * g.y_places();
  {
    const GilRelease gil(std::max(work, out.numel()));
    dispatch(d, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (!is_half_v<T> && !std::is_same_v<T, bool>) {
        const T *p = u.data_as<T>(), *q = v.data_as<T>();
        T* r = out.data_as<T>();
        if (shift.defined() && out.numel() > 0) {
          const std::int64_t channels = sizes[1], each = out.numel() / (sizes[0] * channels);
          const T* s = shift.data_as<T>();
          for (std::int64_t i = 0; i < sizes[0] * channels; ++i) std::fill_n(r + i * each, each, s[i % channels]);
        } else {
          std::fill_n(r, out.numel(), T(0));
        }
        if (work == 0) return;
        if (part == Part::Narrow) to_narrow(d, g, p, q, r);
        if (part == Part::Wide && turns(g)) {
          const Scratch turned_weights(v.numel() * std::int64_t(sizeof(T)));
          T* const weights = reinterpret_cast<T*>(turned_weights.get());
          turn_weights(g, q, weights);
          to_narrow(d, turned(g), p, weights, r);
        } else if (part == Part::Wide) {
          to_wide(d, g, p, q, r);
        }
        if (part == Part::Weight) to_weight(d, g, p, q, r);
      }
    });
  }
  const Format format = g.dims == 3 ? Format::ChannelsLast3d : Format::ChannelsLast;
  const auto channels_last = [&](const Tensor& t) { return !t.is_contiguous() && has_format(t, format); };
  if (g.dims > 1 && (channels_last(a) || channels_last(b))) {
    const Tensor laid = empty_as(sizes, result, format);
    copy_into(laid, out);
    return laid;
  }
  return d == result ? out : to_contiguous(out, result);
}

Tensor convolve(Part part, const Geometry& g, const Tensor& a, const Tensor& b, const Tensor& bias, bool derived);

struct ConvolutionNode final : Node {
  SavedTensor a, b;
  Geometry g;
  Part part = Part::Narrow;
  bool derived = false;
  DType bias_type = DType::Float;
  const char* name() const override { return derived ? "ConvolutionBackwardBackward0" : "ConvolutionBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor& grad = in[0];
    const Tensor none;
    if (needs(0)) {
      const Tensor other = conj(b.unpack(this));
      if (part == Part::Narrow) out[0] = convolve(Part::Wide, g, grad, other, none, true);
      if (part == Part::Wide) out[0] = convolve(Part::Narrow, g, grad, other, none, true);
      if (part == Part::Weight) out[0] = convolve(Part::Wide, g, other, grad, none, true);
    }
    if (needs(1)) {
      const Tensor other = conj(a.unpack(this));
      if (part == Part::Narrow) out[1] = convolve(Part::Weight, g, other, grad, none, true);
      if (part == Part::Wide) out[1] = convolve(Part::Weight, g, grad, other, none, true);
      if (part == Part::Weight) out[1] = convolve(Part::Narrow, g, other, grad, none, true);
    }
    if (needs(2)) {
      DimVec dims{0};
      for (int d = 2; d < grad.ndim(); ++d) dims.push_back(d);
      out[2] = to(sum(grad, dims), bias_type);
    }
  }
  void visit(SavedVisitor& v) override {
    v.tensor(part == Part::Weight || part == Part::Narrow ? "input" : derived ? "grad_output" : "input", a);
    v.tensor(part == Part::Weight ? "grad_output" : "weight", b);
  }
  void show(ValueVisitor& v) const override {
    v.list("stride", g.own(g.stride));
    v.list("padding", g.own(g.pad));
    v.list("dilation", g.own(g.dilation));
    v.number("groups", g.groups);
    if (derived) return;
    // What a transposed one has beyond the places that its kernel reaches.
    Three beyond{0, 0, 0};
    for (std::size_t d = 0; part == Part::Wide && d < 3; ++d)
      beyond[d] = g.x[d] - ((g.y[d] - 1) * g.stride[d] - 2 * g.pad[d] + g.dilation[d] * (g.kernel[d] - 1) + 1);
    v.list("output_padding", g.own(beyond));
    v.flag("transposed", part == Part::Wide);
  }
};

Tensor convolve(Part part, const Geometry& g, const Tensor& a, const Tensor& b, const Tensor& bias, bool derived) {
  Tensor out = compute(part, g, a, b, bias);
  if (recording(a, b, bias)) {
    // Three edges in any case, as PyTorch shows them; there may be no tensor for the last.
    auto* n = make_node_on<ConvolutionNode>(edge_of(a), edge_of(b), bias.defined() ? edge_of(bias) : Edge{nullptr, 0});
    set_history(out, n);
    release(n);
    n->g = g;
    n->part = part;
    n->derived = derived;
    // What a derivative does not ask for is not kept.
    if (bias.defined()) n->bias_type = bias.dtype();
    if (tracked(b)) n->a.save(a);
    if (tracked(a)) n->b.save(b);
  }
  return out;
}

// --- from PyTorch's arguments
// -----------------------------------------------------------------------------------------------------------------

struct Call {
  Tensor input, weight, bias;
  DimVec stride, padding, output_padding, dilation;
  std::int64_t groups = 1;
  enum { Numbers, Same } pads = Numbers;
  int dims = 2;
  bool transposed = false;
  bool batched = false;  // an input without batch is an error
};

void check_list(const DimVec& v, int dims, const char* name) {
  // No image is so large; beyond it the arithmetic of sizes would overflow.
  for (const std::int64_t i : Dims(v)) {
    if (i > std::int64_t(1) << 31) fail_runtime(name, " is too large: ", i);
  }
  if (v.size() != std::size_t(dims)) {
    fail_runtime("expected ", name, " to be a single integer value or a list of ", dims,
                 " values to match the convolution dimensions, but got ", name, "=", str(v));
  }
}
bool any_below(const DimVec& v, std::int64_t least) {
  return std::any_of(v.begin(), v.end(), [&](std::int64_t i) { return i < least; });
}
std::string by(Dims v) {
  std::string s;
  for (std::size_t i = 0; i < v.size(); ++i) s += cat(i ? " x " : "", v[i]);
  return s;
}
std::string tensor_class(const Tensor& t) {
  return cat(is_complex(t.dtype()) ? "CPU" : "torch.", scalar_type_name(t.dtype()),
             is_complex(t.dtype()) ? "Type" : "Tensor");
}

void check_types(const Call& c) {
  const Tensor &x = c.input, &w = c.weight;
  if (x.dtype() != w.dtype()) {
    fail_runtime("Input type (", tensor_class(x), ") and weight type (", tensor_class(w),
                 ") should be the same or input should be a MKLDNN tensor and weight is a dense tensor");
  }
  if (c.bias.defined() && c.bias.dtype() != x.dtype()) {
    if (c.transposed) {
      fail_runtime("Input type (", tensor_class(x), ") and bias type (", tensor_class(c.bias),
                   ") should be the same or input should be a MKLDNN tensor and bias is a dense tensor");
    }
    fail_runtime("Input type (", cpp_type_name(x.dtype()), ") and bias type (", cpp_type_name(c.bias.dtype()),
                 ") should be the same");
  }
  if (x.dtype() == DType::Bool) {
    fail_unsupported(c.transposed ? "slow_conv_transpose2d_out_cpu" : "slow_conv2d_cpu", x.dtype());
  }
}

/// Raises PyTorch's errors for shapes that do not go together; `c` has batches and full lists by now.
void check_shapes(const Call& c) {
  const Tensor &x = c.input, &w = c.weight;
  if (x.ndim() != w.ndim()) {
    fail_runtime("Expected ", w.ndim(), "-dimensional input for ", w.ndim(), "-dimensional weight ", str(w.sizes()),
                 ", but got ", x.ndim(), "-dimensional input of size ", str(x.sizes()), " instead");
  }
  if (w.size(0) < c.groups) {
    fail_runtime("Given groups=", c.groups, ", expected weight to be at least ", c.groups,
                 " at dimension 0, but got weight of size ", str(w.sizes()), " instead");
  }
  if (w.size(0) % c.groups != 0) {
    fail_runtime("Given groups=", c.groups, ", expected weight to be divisible by ", c.groups,
                 " at dimension 0, but got weight of size [", str(w.sizes()), "] instead");
  }
  const std::int64_t in = c.transposed ? w.size(0) : w.size(1) * c.groups;
  const std::int64_t out = c.transposed ? w.size(1) * c.groups : w.size(0);
  if (x.size(1) != in) {
    fail_runtime(c.transposed ? "Given transposed=" : "Given groups=", c.transposed ? 1 : c.groups, ", weight of size ",
                 str(w.sizes()), ", expected input", str(x.sizes()), " to have ", in, " channels, but got ", x.size(1),
                 " channels instead");
  }
  if (c.bias.defined() && !(c.bias.ndim() == 1 && c.bias.numel() == out)) {
    fail_runtime(c.transposed ? "Given transposed=1, weight of size " : "Given weight of size ", str(w.sizes()),
                 ", expected bias to be 1-dimensional with ", out, " elements, but got bias of size ",
                 str(c.bias.sizes()), " instead");
  }
}

/// The sizes of everything; `c` is checked.
Geometry geometry(const Call& c) {
  const Tensor &x = c.input, &w = c.weight;
  Geometry g;
  g.dims = c.dims;
  g.batch = x.size(0);
  g.groups = c.groups;
  g.narrow = w.size(0);
  g.wide = w.size(1) * c.groups;
  DimVec padded, kernel;
  for (int i = 0; i < c.dims; ++i) {
    const auto k = std::size_t(i), at = std::size_t(3 - c.dims + i);
    const std::int64_t size = x.size(i + 2), reach = c.dilation[k] * (w.size(i + 2) - 1);
    g.kernel[at] = w.size(i + 2);
    g.stride[at] = c.stride[k];
    g.dilation[at] = c.dilation[k];
    if (c.transposed) {
      g.pad[at] = c.padding[k];
      g.y[at] = size;
      g.x[at] = (size - 1) * c.stride[k] - 2 * c.padding[k] + reach + c.output_padding[k] + 1;
      continue;
    }
    // An odd rest of 'same' goes behind.
    const std::int64_t both = c.pads == Call::Same ? reach : 2 * c.padding[k];
    g.pad[at] = both / 2;
    g.x[at] = size;
    g.y[at] = (size + both - reach - 1) / c.stride[k] + 1;
    padded.push_back(size + both);
    kernel.push_back(reach + 1);
  }
  for (std::size_t i = 0; i < padded.size(); ++i) {
    if (padded[i] < kernel[i]) {
      fail_runtime("Calculated padded input size per channel: (", by(padded), "). Kernel size: (", by(kernel),
                   "). Kernel size can't be greater than actual input size");
    }
  }
  return g;
}

/// PyTorch takes images without places for no batches or no channels only.
void check_places(const Call& c) {
  if (c.input.numel() > 0 || c.input.size(0) == 0 || c.input.size(1) == 0) return;
  DimVec sizes(c.input.sizes());
  if (c.dims == 1) sizes.insert(2, 1);
  fail_runtime("Only zero batch or zero channel inputs are supported, but got input shape: ", str(sizes));
}

void check_transposed(const Call& c, const Geometry& g) {
  static constexpr const char* kAxes[3][3] = {{"width"}, {"height", "width"}, {"depth", "height", "width"}};
  for (int i = 0; i < c.dims; ++i) {
    const auto k = std::size_t(i);
    if (c.output_padding[k] < c.stride[k] || c.output_padding[k] < c.dilation[k]) continue;
    std::string text;
    const std::pair<const char*, const DimVec*> lists[] = {
        {"output_padding_", &c.output_padding}, {"stride_", &c.stride}, {"dilation_", &c.dilation}};
    for (const auto& [name, list] : lists) {
      for (int j = 0; j < c.dims; ++j) text += cat(" ", name, kAxes[c.dims - 1][j], ": ", (*list)[std::size_t(j)]);
    }
    fail_runtime("output padding must be smaller than either stride or dilation, but got", text);
  }
  for (int i = 0; i < c.dims; ++i) {
    if (g.x[std::size_t(3 - c.dims + i)] < 0) {
      DimVec in, out;
      for (int j = 0; j < c.dims; ++j) {
        in.push_back(c.input.size(j + 2));
        out.push_back(g.x[std::size_t(3 - c.dims + j)]);
      }
      fail_runtime("Given input size per channel: (", by(in), "). Calculated output size per channel: (", by(out),
                   "). Output size is too small");
    }
  }
}

Tensor convolution(Call c, const char* name) {
  if (c.weight.ndim() < 3) fail_runtime("weight should have at least three dimensions");
  const int wanted = c.dims + 2;
  const bool batched = c.batched || c.input.ndim() == wanted;
  if (!batched && c.input.ndim() != wanted - 1) {
    fail_runtime("Expected ", wanted - 1, "D (unbatched) or ", wanted, "D (batched) input to ", name,
                 ", but got input of size: ", str(c.input.sizes()));
  }
  if (c.pads == Call::Same && std::any_of(c.stride.begin(), c.stride.end(), [](std::int64_t s) { return s != 1; }))
    fail_runtime("padding='same' is not supported for strided convolutions");
  if (!batched) c.input = unsqueeze(c.input, 0);
  check_types(c);
  if (c.pads == Call::Same && c.input.ndim() != c.weight.ndim()) {
    const int n = c.weight.ndim();
    fail_runtime("Expected ", n, "-dimensional input for ", n, "-dimensional weight", str(c.weight.sizes()),
                 ", but got ", c.input.ndim(), "-dimensional input of size ", str(c.input.sizes()), " instead");
  }
  const int dims = c.weight.ndim() - 2;
  check_list(c.stride, dims, "stride");
  check_list(c.padding, dims, "padding");
  check_list(c.dilation, dims, "dilation");
  check_list(c.output_padding, dims, "output_padding");
  if (any_below(c.padding, 0)) fail_runtime("negative padding is not supported");
  if (any_below(c.output_padding, 0)) fail_runtime("negative output_padding is not supported");
  if (any_below(c.stride, 1)) fail_runtime("non-positive stride is not supported");
  if (any_below(c.dilation, 0)) fail_runtime("dilation should be greater than zero");
  if (any_below(c.dilation, 1)) fail_runtime("dilation should be greater than zero, but got ", str(c.dilation));
  if (c.groups <= 0) fail_runtime("non-positive groups is not supported");
  check_shapes(c);
  const Geometry g = geometry(c);
  check_places(c);
  if (c.transposed) check_transposed(c, g);
  const Tensor out = convolve(c.transposed ? Part::Wide : Part::Narrow, g, c.input, c.weight, c.bias, false);
  return batched ? out : squeeze(out, {{0}});
}

/// A list of `dims` numbers, or one number for all of them.
DimVec list_of(const Args& a, int slot, int dims, std::int64_t otherwise) {
  DimVec v = a.has(slot) ? a.ints(slot) : DimVec{otherwise};
  return v.size() == 1 ? DimVec(std::size_t(dims), v[0]) : v;
}

/// (input, weight, bias, stride, padding, dilation, groups)
template <int dims>
PyObject* conv_op(const OpDef& def, Args& a) {
  Call c;
  c.dims = dims;
  c.padding = c.output_padding = DimVec(std::size_t(dims), 0);
  c.input = a.tensor(0), c.weight = a.tensor(1), c.bias = a.tensor(2);
  c.stride = list_of(a, 3, dims, 1);
  if (a.overload == 1) {
    const std::string text = a.string(4, "valid");
    if (text != "valid" && text != "same") fail_runtime("Invalid padding string: '", text, "'");
    if (text == "same") c.pads = Call::Same;
  } else {
    c.padding = list_of(a, 4, dims, 0);
  }
  c.dilation = list_of(a, 5, dims, 1);
  c.groups = a.integer(6, 1);
  return convolution(std::move(c), def.name).release();
}

/// (input, weight, bias, stride, padding, output_padding, groups, dilation)
template <int dims>
PyObject* conv_transpose_op(const OpDef& def, Args& a) {
  Call c;
  c.dims = dims;
  c.transposed = true;
  c.input = a.tensor(0), c.weight = a.tensor(1), c.bias = a.tensor(2);
  c.stride = list_of(a, 3, dims, 1);
  c.padding = list_of(a, 4, dims, 0);
  c.output_padding = list_of(a, 5, dims, 0);
  c.groups = a.integer(6, 1);
  c.dilation = list_of(a, 7, dims, 1);
  return convolution(std::move(c), def.name).release();
}

// --- columns of sliding blocks
// -----------------------------------------------------------------------------------------------------------------

/// im2col ([N, C, *x] to [N, C * taps, places of y]) or its transpose col2im; without N if `batched` says so.
Tensor slide(bool to_columns, const Geometry& g, bool batched, const Tensor& t);

struct SlideNode final : Node {
  Geometry g;
  bool to_columns = true, batched = true;
  const char* name() const override { return to_columns ? "Im2ColBackward0" : "Col2ImBackward0"; }
  void show(ValueVisitor& v) const override {
    v.list("kernel_size", g.own(g.kernel));
    v.list("dilation", g.own(g.dilation));
    v.list("padding", g.own(g.pad));
    v.list("stride", g.own(g.stride));
  }
  void apply(Tensor* in, Tensor* out) override { out[0] = slide(!to_columns, g, batched, in[0]); }
};

Tensor slide(bool to_columns, const Geometry& g, bool batched, const Tensor& t) {
  // Sums of 16-bit floats are kept in float; what is only moved is moved as it is.
  const DType result = t.dtype(), d = to_columns ? result : compute_type(result);
  const Tensor source = contiguous_as(t, d);
  DimVec sizes{g.batch, g.wide * g.taps(), g.y_places()};
  if (!to_columns) sizes = g.image(true);
  if (!batched) sizes.erase(0);
  Tensor out = empty(sizes, d);
  const std::int64_t image = g.wide * g.x_places(), columns = g.wide * g.taps() * g.y_places();
  {
    const GilRelease gil(g.batch * std::max(image, columns));
    dispatch(d, [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T* const from = source.data_as<T>();
      T* const to = out.data_as<T>();
      for (std::int64_t i = 0; i < g.batch; ++i) {
        if (to_columns) {
          gather(d, g, from + i * image, 0, g.y_places(), to + i * columns);
        } else if constexpr (!is_half_v<T>) {
          std::fill_n(to + i * image, image, T(0));
          scatter(d, g, from + i * columns, 0, g.y_places(), to + i * image);
        }
      }
    });
  }
  if (d != result) out = to_contiguous(out, result);
  if (recording(t)) {
    auto* n = record<SlideNode>(out, t);
    n->g = g;
    n->to_columns = to_columns;
    n->batched = batched;
  }
  return out;
}

/// A pair of numbers for height and width; one number stands for both.
DimVec pair_of(const Args& a, int slot, const char* name) {
  const DimVec v = a.ints(slot);
  if (v.size() == 1 && PyLong_Check(a.v[slot])) return {v[0], v[0]};
  if (v.size() != 2) fail_runtime("It is expected ", name, " equals to 2, but got size ", v.size());
  return v;
}
std::string pair_text(const DimVec& v) { return cat("(", v[0], ", ", v[1], ")"); }

/// Fills kernel, dilation, padding and stride from slots `first` on, and checks them.
Geometry blocks(const Args& a, int first) {
  static constexpr const char* kNames[] = {"kernel_size", "dilation", "padding", "stride"};
  DimVec v[4];
  for (int i = 0; i < 4; ++i) v[i] = pair_of(a, first + i, kNames[i]);
  const auto positive = [&](int i, const char* what, const char* label, std::int64_t least) {
    if (v[i][0] >= least && v[i][1] >= least) return;
    fail_runtime(what, least ? " should be greater than zero" : " should be non-negative", ", but got ", label,
                 "_height: ", v[i][0], " ", label, "_width: ", v[i][1]);
  };
  positive(0, "kernel size", "kernel", 1);
  positive(1, "dilation", "dilation", 1);
  positive(2, "padding", "pad", 0);
  positive(3, "stride", "stride", 1);
  // A stride that is longer than any image is as good as a shorter one.
  for (std::int64_t& i : v[3]) i = std::min(i, std::int64_t(1) << 40);
  for (int list = 0; list < 3; ++list) {
    for (const std::int64_t i : Dims(v[list])) {
      if (i > std::int64_t(1) << 31) fail_runtime("a size of sliding blocks is too large: ", i);
    }
  }
  Geometry g;
  for (std::size_t i = 0; i < 2; ++i) {
    g.kernel[i + 1] = v[0][i];
    g.dilation[i + 1] = v[1][i];
    g.pad[i + 1] = v[2][i];
    g.stride[i + 1] = v[3][i];
  }
  return g;
}
/// How many blocks fit along each dimension of x; rounds down, below zero too.
void count_blocks(Geometry& g) {
  for (std::size_t i = 1; i < 3; ++i) {
    const std::int64_t room = g.x[i] + 2 * g.pad[i] - g.dilation[i] * (g.kernel[i] - 1) - 1;
    g.y[i] = (room >= 0 ? room / g.stride[i] : -((-room + g.stride[i] - 1) / g.stride[i])) + 1;
  }
}
std::string two(const Three& v) { return cat("(", v[1], ", ", v[2], ")"); }

/// (input, kernel_size, dilation, padding, stride)
PyObject* im2col_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  Geometry g = blocks(a, 1);
  const int n = t.ndim();
  if (n < 3) {
    fail_index("Dimension out of range (expected to be in range of [", -std::max(1, n), ", ", std::max(1, n) - 1,
               "], but got ", std::max(1, n), ")");
  }
  bool good = n == 3 || n == 4;
  for (int d = n == 4 ? 1 : 0; good && d < n; ++d) good = t.size(d) > 0;
  if (!good) {
    fail_runtime(
        "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for "
        "input, but got: ",
        str(t.sizes()));
  }
  g.batch = n == 4 ? t.size(0) : 1;
  g.wide = g.narrow = t.size(-3);
  g.x = {1, t.size(-2), t.size(-1)};
  count_blocks(g);
  if (g.y[1] < 1 || g.y[2] < 1) {
    fail_runtime("Given input with spatial size ", two(g.x), ", kernel_size=", two(g.kernel),
                 ", dilation=", two(g.dilation), ", padding=", two(g.pad),
                 ", calculated shape of the array of sliding blocks as ", two(g.y),
                 ", but its components must be at least one.");
  }
  return slide(true, g, n == 4, t).release();
}

/// (input, output_size, kernel_size, dilation, padding, stride)
PyObject* col2im_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  const DimVec size = pair_of(a, 1, "output_size");
  Geometry g = blocks(a, 2);
  const int n = t.ndim();
  const bool good = (n == 2 && t.size(0) > 0 && t.size(1) > 0) || (n == 3 && t.size(1) > 0 && t.size(2) > 0);
  if (!good) {
    fail_runtime(
        "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions "
        "for input, but got: ",
        str(t.sizes()));
  }
  const std::int64_t lines = t.size(-2), places = t.size(-1);
  if (lines % g.taps() != 0) {
    fail_runtime(
        "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
        "input.size(1)=",
        lines, " and kernel_size=", two(g.kernel), ".");
  }
  for (const std::int64_t i : Dims(size)) {
    if (i > std::int64_t(1) << 31) fail_runtime("output_size is too large: ", i);
  }
  g.batch = n == 3 ? t.size(0) : 1;
  g.wide = g.narrow = lines / g.taps();
  g.x = {1, size[0], size[1]};
  count_blocks(g);
  if (g.y[1] < 1 || g.y[2] < 1 || g.y_places() != places) {
    fail_runtime("Given output_size=", two(g.x), ", kernel_size=", two(g.kernel), ", dilation=", two(g.dilation),
                 ", padding=", two(g.pad), ", stride=", two(g.stride),
                 ", expected size of input's dimension 2 to match "
                 "the calculated number of sliding blocks ",
                 g.y[1], " * ", g.y[2], " = ", g.y[1] * g.y[2], ", but got input.size(2)=", places, ".");
  }
  if (size[0] < 1 || size[1] < 1) fail_runtime("output_size should be greater than zero, but got ", pair_text(size));
  return slide(false, g, n == 3, t).release();
}

/// (input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)
PyObject* convolution_op(const OpDef& def, Args& a) {
  Call c;
  c.input = a.tensor(0), c.weight = a.tensor(1), c.bias = a.tensor(2);
  c.dims = std::max(1, c.weight.ndim() - 2);
  c.batched = true;
  c.stride = list_of(a, 3, c.dims, 1);
  c.padding = list_of(a, 4, c.dims, 0);
  c.dilation = list_of(a, 5, c.dims, 1);
  c.transposed = a.boolean(6);
  c.output_padding = list_of(a, 7, c.dims, 0);
  c.groups = a.integer(8);
  return convolution(std::move(c), def.name).release();
}

constexpr const char* kConvSig =
    "(Tensor input, Tensor weight, Tensor? bias=None, ints stride=1, ints padding=0, ints dilation=1, int groups=1)\n"
    "(Tensor input, Tensor weight, Tensor? bias=None, ints stride=1, str padding='valid', ints dilation=1, int "
    "groups=1)";
constexpr const char* kTransposeSig =
    "(Tensor input, Tensor weight, Tensor? bias=None, ints stride=1, ints padding=0, ints output_padding=0, int "
    "groups=1, ints dilation=1)";
constexpr const char* kConvDoc =
    "Images [N, C, ...] (or [C, ...]) with weights [O, C / groups, ...]: out[n, o] = bias[o] + the sum over c and k of "
    "weight[o, c, k] input[n, c, stride place + dilation k - padding]; padding may be 'same' or 'valid'.";
constexpr const char* kTransposeDoc =
    "Images [N, C, ...] (or [C, ...]) with weights [C, O / groups, ...]: the gradient of a convolution with respect to "
    "its input, as an operator. The result has (size - 1) stride - 2 padding + dilation (kernel - 1) + output_padding "
    "+ 1 places.";
const OpDef ops[] = {
    {"conv1d", kConvSig, conv_op<1>, kFunction, Kind::Contraction, kConvDoc},
    {"conv2d", kConvSig, conv_op<2>, kFunction, Kind::Contraction, kConvDoc},
    {"conv3d", kConvSig, conv_op<3>, kFunction, Kind::Contraction, kConvDoc},
    {"convolution",
     "(Tensor input, Tensor weight, Tensor? bias, ints stride, ints padding, ints dilation, bool transposed, ints "
     "output_padding, int groups)",
     convolution_op, kFunction, Kind::Contraction,
     "A convolution or, where `transposed` says so, a transposed one, in as many dimensions as the weights have."},
    {"im2col", "(Tensor input, ints kernel_size, ints dilation, ints padding, ints stride)", im2col_op, kFunction,
     Kind::Linear, "The blocks of an image [N, C, H, W] under a sliding kernel, as columns [N, C * taps, blocks]."},
    {"col2im", "(Tensor input, ints output_size, ints kernel_size, ints dilation, ints padding, ints stride)",
     col2im_op, kFunction, Kind::Linear, "The transpose of im2col: sums blocks into an image [N, C, *output_size]."},
    {"conv_transpose1d", kTransposeSig, conv_transpose_op<1>, kFunction, Kind::Contraction, kTransposeDoc},
    {"conv_transpose2d", kTransposeSig, conv_transpose_op<2>, kFunction, Kind::Contraction, kTransposeDoc},
    {"conv_transpose3d", kTransposeSig, conv_transpose_op<3>, kFunction, Kind::Contraction, kTransposeDoc},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
