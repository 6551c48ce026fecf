// Pooling, its inverse, and padding, in one to three dimensions.
//
// Averages are linear: their derivative is the transposed sum over the same windows, and that one's the average again.
// A maximum is known by the place of its element: its derivative adds the gradients there, and that one's takes them
// from there. In one dimension all are those of two dimensions with a height of 1, as PyTorch's graph shows them.
#include <algorithm>
#include <limits>

#include "kernels/indexed.h"
#include "kernels/pooling.h"
#include "ops/binary.h"
#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

/// The windows of a call along depth, height and width; the first is a single element where there are two dimensions.
struct Grid {
  Windows w[3];
  int dims = 2;

  Windows& at(int d) { return w[3 - dims + d]; }
  const Windows& at(int d) const { return w[3 - dims + d]; }
  /// The sizes of what stands over planes like those of `t`: results, or (`of_image`) the image.
  DimVec sizes(const Tensor& t, bool of_image) const {
    DimVec s(t.sizes());
    for (int d = 0; d < dims; ++d) s[s.size() - std::size_t(dims - d)] = of_image ? at(d).in : at(d).out;
    return s;
  }
  std::int64_t places() const { return w[0].in * w[1].in * w[2].in; }
};

std::int64_t planes_of(Dims sizes, int dims) { return product(sizes.first(sizes.size() - std::size_t(dims))); }

/// The sizes of results, with PyTorch's words for those that no tensor can have.
const DimVec& checked(const DimVec& sizes) {
  for (const std::int64_t s : Dims(sizes)) {
    if (s < 0) fail_runtime("Trying to create tensor with negative dimension ", s, ": ", str(sizes));
  }
  checked_numel(sizes);
  return sizes;
}

/// The layout that PyTorch gives the results of images laid out as `t`. The strides of dimensions of size 1 count: they
/// tell channels last from an image of one column.
Format layout_of(const Tensor& t) {
  const int n = t.ndim();
  if (t.is_contiguous() || (n != 4 && n != 5)) return Format::Contiguous;
  std::int64_t least = 0;
  for (int i = 0; i < n; ++i) {
    const int d = i == 0 ? 1 : i == n - 1 ? 0 : n - i;  // channels, the places from the last on, the batch
    if (t.size(d) == 0 || t.stride(d) < least || (i == 0 && t.stride(d) == 0)) return Format::Contiguous;
    if (d == 0 && least == t.stride(1)) return Format::Contiguous;
    least = t.stride(d) * std::max<std::int64_t>(1, t.size(d));
  }
  return n == 4 ? Format::ChannelsLast : Format::ChannelsLast3d;
}
/// `t` in the layout that results of `like` have.
Tensor laid_out(const Tensor& t, const Tensor& like) {
  const Format f = layout_of(like);
  if (f == Format::Contiguous) return t;
  Tensor out = empty_as(t.sizes(), t.dtype(), f);
  copy_into(out, t);
  return out;
}

// --- elements by their places in planes
// ------------------------------------------------------------------------------------------------------

/// How an operator of places and its derivatives are named.
struct PlaceNames {
  const char *node, *backward;
};

enum class Move : std::uint8_t { Take, Put, Add };

/// Take: out[i] = t[where[i]]; Put and Add: out[where[i]] = or += t[i], zero elsewhere. `sizes`: those of the result.
Tensor by_place(Move move, const Tensor& t, const Tensor& where, Dims sizes, int dims, const char* title);

struct PlaceNode final : Node {
  SavedTensor where;
  DimList sizes;
  const char* title = "";
  const char* field = "indices";
  int dims = 2;
  Move move = Move::Take;
  const char* name() const override { return title; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor w = where.unpack(this);
    out[0] = by_place(move == Move::Take ? Move::Add : Move::Take, in[0], w, sizes, dims,
                      move == Move::Take ? "ScatterAddBackward0" : "GatherBackward0");
  }
  void visit(SavedVisitor& v) override { v.tensor(field, where); }
};

void record_places(Move move, const Tensor& out, const Tensor& t, const Tensor& where, int dims, const char* title) {
  if (!recording(t)) return;
  auto* n = record<PlaceNode>(out, t);
  n->where.save(where);
  n->sizes.assign(t.sizes());
  n->title = title;
  n->dims = dims;
  n->move = move;
}

Tensor by_place(Move move, const Tensor& t, const Tensor& where, Dims sizes, int dims, const char* title) {
  const DType d = move == Move::Add ? compute_type(t.dtype()) : t.dtype();
  const bool take = move == Move::Take;
  const Tensor source = contiguous_as(t, d), index = contiguous_as(where, DType::Int64);
  Tensor out = take ? empty(sizes, d) : zeros(sizes, d);
  const Dims image = take ? t.sizes() : sizes;
  const std::int64_t planes = planes_of(index.sizes(), dims);
  const std::int64_t places = product(image.last(std::size_t(dims)));
  if (index.numel() > 0) {
    const std::int64_t each = index.numel() / planes;
    const DimVec both{planes, each}, table{places, 0}, list{each, 1};
    const IndexedMove m{both, (take ? source : out).data(), table, 1, index.data_as<std::int64_t>(),
                        list, (take ? out : source).data(), list};
    bool good = true;
    {
      const GilRelease gil(index.numel());
      if (move == Move::Take) good = move_from_table(out.itemsize(), m, places);
      if (move == Move::Put) good = move_to_table(out.itemsize(), m, places);
      if (move == Move::Add) good = add_to_table(d, m, places);
    }
    if (!good) {
      const auto* p = index.data_as<std::int64_t>();
      std::string volume;
      for (const std::int64_t s : image.last(std::size_t(dims))) volume += cat(volume.empty() ? "" : "x", s);
      fail_runtime("Found an invalid max index: ", p[misfit(p, index.numel(), 0, places)],
                   " (output volumes are of size ", volume, ")");
    }
  }
  if (d != t.dtype()) out = to_contiguous(out, t.dtype());
  if (move == Move::Put) out = laid_out(out, t);
  record_places(move, out, t, where, dims, title);
  return out;
}

// --- maxima
// ----------------------------------------------------------------------------------------------------------------------

struct MaxNode final : Node {
  SavedTensor where;
  DimList sizes;
  PlaceNames names{};
  int dims = 2;
  const char* name() const override { return names.node; }
  void apply(Tensor* in, Tensor* out) override {
    out[0] = by_place(Move::Add, in[0], where.unpack(this), sizes, dims, names.backward);
  }
  void visit(SavedVisitor& v) override { v.tensor("result1", where); }
};

struct Maxima {
  Tensor values, places;
};

/// The places are found only where they are asked for or a derivative will want them.
Maxima maxima(const Tensor& t, const Grid& grid, bool with_places, PlaceNames names) {
  const DimVec sizes = grid.sizes(t, false);
  checked(sizes);
  const bool record_it = recording(t);
  with_places |= record_it;
  // Places of 32 bits go with elements of 32 bits.
  const bool large =
      grid.places() > std::numeric_limits<std::int32_t>::max() && compute_type(t.dtype()) == DType::Float;
  const DType d = large ? DType::Double : t.dtype();
  const Tensor source = contiguous_as(t, d);
  Maxima m{empty(sizes, d), with_places ? empty(sizes, DType::Int64) : Tensor()};
  if (m.values.numel() > 0) {
    PoolJob job;
    std::copy_n(grid.w, 3, job.w);
    job.planes = planes_of(sizes, grid.dims);
    job.in = source.data();
    job.out = m.values.data();
    job.where = with_places ? m.places.data_as<std::int64_t>() : nullptr;
    const GilRelease gil(source.numel() + m.values.numel());
    pool_max(d, job);
  }
  if (large) m.values = to_contiguous(m.values, t.dtype());
  m.values = laid_out(m.values, t);
  if (with_places) m.places = laid_out(m.places, t);
  if (record_it) {
    auto* n = record<MaxNode>(m.values, t);
    n->where.save(m.places);
    n->sizes.assign(t.sizes());
    n->names = names;
    n->dims = grid.dims;
  }
  return m;
}

PyObject* give_maxima(Maxima m, bool with_places) {
  if (!with_places) return m.values.release();
  return pack({{std::move(m.values), std::move(m.places)}});
}

// --- averages
// --------------------------------------------------------------------------------------------------------------------

struct AverageRule {
  const char *node, *backward;
};

struct Average {
  Grid grid;
  bool padded = true;
  std::int64_t divisor = 0;
  AverageRule names{};
};

/// The average over windows or, if `spread`, its transpose: from gradients of results to those of the image.
Tensor average(const Average& a, bool spread, const Tensor& t);

struct AverageNode final : Node {
  Average a;
  bool spread = false;
  const char* name() const override { return spread ? a.names.backward : a.names.node; }
  void apply(Tensor* in, Tensor* out) override { out[0] = average(a, !spread, in[0]); }
};

Windows transposed(const Windows& w) {
  Windows t = w;
  std::swap(t.in, t.out);
  if (w.kind == Windows::Even) t.kind = Windows::Covering;
  return t;
}

Tensor average(const Average& a, bool spread, const Tensor& t) {
  const DimVec sizes = a.grid.sizes(t, spread);
  checked(sizes);
  const Tensor source = contiguous_as(t, t.dtype());
  Tensor out = empty(sizes, t.dtype());
  if (out.numel() > 0) {
    PoolJob job;
    for (std::size_t i = 0; i < 3; ++i) {
      job.share[i] = a.grid.w[i];
      job.w[i] = spread ? transposed(a.grid.w[i]) : a.grid.w[i];
    }
    job.planes = planes_of(sizes, a.grid.dims);
    job.in = source.data();
    job.out = out.data();
    job.padded = a.padded;
    job.spread = spread;
    job.divisor = a.divisor;
    const GilRelease gil(source.numel() + out.numel());
    pool_average(t.dtype(), job);
  }
  out = laid_out(out, t);
  if (recording(t)) {
    auto* n = record<AverageNode>(out, t);
    n->a = a;
    n->spread = spread;
  }
  return out;
}

// --- even windows: arguments and their checks
// ----------------------------------------------------------------------------------------------------------

/// Lists of as many numbers as there are dimensions.
struct Call {
  int dims = 2;
  DimVec kernel, stride, padding, dilation;
  bool ceil = false;
};

constexpr const char* kNumber[] = {"one int", "one int", "two ints", "three ints"};

/// The list of a slot; one number stands for all. `phrase`: PyTorch's words, which differ between operators.
DimVec list_of(const Args& a, int slot, int dims, const char* function, const char* name, const char* phrase) {
  const DimVec v = a.ints(slot);
  if (v.size() == std::size_t(dims)) return v;
  if (v.size() == 1) return DimVec(std::size_t(dims), v[0]);
  fail_runtime(function, ": ", name, " must ", phrase, " a single int, or a tuple of ", kNumber[dims]);
}
/// The only number of a list, in the words of PyTorch's one-dimensional operators.
std::int64_t only(const DimVec& v, const char* function, const char* name) {
  if (v.size() != 1) fail_runtime(function, "() argument '", name, "' should contain one int (got ", v.size(), ")");
  return v[0];
}
void check_ints(const Call& c) {
  for (const DimVec* list : {&c.kernel, &c.stride, &c.padding, &c.dilation}) {
    for (const std::int64_t i : Dims(*list)) {
      if (i != std::int32_t(i)) fail_runtime("value cannot be converted to type int without overflow");
    }
  }
}

/// How many windows there are.
std::int64_t window_count(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                          std::int64_t dilation, bool ceil) {
  const std::int64_t room = size + 2 * pad - dilation * (kernel - 1) - 1 + (ceil ? stride - 1 : 0);
  const std::int64_t n = (room >= 0 ? room / stride : -((-room + stride - 1) / stride)) + 1;
  // The last window must begin inside of the image or before it.
  return ceil && (n - 1) * stride >= size + pad ? n - 1 : n;
}

/// "kT: 1 kH: 2 kW: 3"
std::string labelled(const char* label, const DimVec& v) {
  static constexpr const char* kAxes[] = {"T", "H", "W"};
  std::string s;
  const std::size_t n = v.size();
  for (std::size_t i = 0; i < n; ++i) s += cat(i ? " " : "", label, kAxes[3 - n + i], ": ", v[i]);
  return s;
}
std::string by(Dims v) {
  std::string s;
  for (const std::int64_t i : v) s += cat(s.empty() ? "" : "x", i);
  return s;
}
void check_positive(const DimVec& v, const char* what, const char* label) {
  if (std::all_of(v.begin(), v.end(), [](std::int64_t i) { return i > 0; })) return;
  fail_runtime(what, " should be greater than zero, but got ", labelled(label, v));
}

/// Raises PyTorch's errors; `c` has full lists. `volume`: the name that it gives the check of three dimensions.
Grid grid_of(const Call& c, const Tensor& t, const char* volume, bool fits) {
  Grid g;
  g.dims = c.dims;
  const auto size = [&](int d) { return t.size(d - c.dims); };
  for (int d = 0; d < c.dims; ++d) {
    const auto i = std::size_t(d);
    if (c.stride[i] == 0) fail_runtime("stride should not be zero");
    if (c.padding[i] < 0) fail_runtime("pad must be non-negative, but got pad: ", c.padding[i]);
    if (c.padding[i] > ((c.kernel[i] - 1) * c.dilation[i] + 1) / 2 && c.kernel[i] > 0) {
      fail_runtime("pad should be at most half of effective kernel size, but got pad=", c.padding[i],
                   ", kernel_size=", c.kernel[i], " and dilation=", c.dilation[i]);
    }
  }
  check_positive(c.kernel, "kernel size", "k");
  check_positive(c.stride, "stride", "d");
  check_positive(c.dilation, "dilation", "dilation");
  if (c.dims == 2) {
    bool valid = t.ndim() == 3 || t.ndim() == 4;
    for (int d = t.ndim() - 3; valid && d < t.ndim(); ++d) valid = t.size(d) != 0;
    if (!valid) {
      fail_runtime("Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:",
                   str(t.sizes()));
    }
  } else {
    for (int d = t.ndim() - 4; d < t.ndim(); ++d) {
      if (t.size(d) != 0) continue;
      fail_runtime(volume,
                   "(): Expected input's non-batch dimensions to have positive length, but input has a shape of ",
                   str(t.sizes()), " and non-batch dimension ", t.size(d), " has length zero!");
    }
    if (fits && (size(0) < c.kernel[0] || size(1) < c.kernel[1] || size(2) < c.kernel[2])) {
      fail_runtime("input image (", labelled("", DimVec{size(0), size(1), size(2)}), ") smaller than kernel size (",
                   labelled("k", c.kernel), ")");
    }
  }
  const DimVec &k = c.kernel, &p = c.padding;
  for (std::size_t i = 0; i < k.size(); ++i) {
    if (p[i] <= k[i] / 2) continue;
    if (c.dims == 3) {
      fail_runtime("pad should be smaller than or equal to half of kernel size, but got kT: ", k[0], " kW: ", k[2],
                   " kH: ", k[1], " padT: ", p[0], " padW: ", p[2], " padH: ", p[1]);
    }
    fail_runtime("pad should be smaller than or equal to half of kernel size, but got padW = ", p[1], ", padH = ", p[0],
                 ", kW = ", k[1], ", kH = ", k[0]);
  }
  DimVec in{t.size(-c.dims - 1)}, out{t.size(-c.dims - 1)};
  bool small = false;
  for (int d = 0; d < c.dims; ++d) {
    const auto i = std::size_t(d);
    Windows& w = g.at(d);
    w.in = size(d);
    w.out = window_count(w.in, k[i], c.stride[i], p[i], c.dilation[i], c.ceil);
    w.kernel = k[i];
    w.stride = c.stride[i];
    w.pad = p[i];
    w.step = c.dilation[i];
    small |= w.out < 1;
    in.push_back(w.in);
    out.push_back(w.out);
  }
  if (small) {
    fail_runtime("Given input size: (", by(in), "). Calculated output size: (", by(out), "). Output size is too small");
  }
  return g;
}

/// Slots `kernel`, stride and padding after it, and for a maximum dilation.
Call lists(const Args& a, int dims, const char* function, bool dilated) {
  const bool volume = dims == 3 && !dilated;  // an average of three dimensions has words of its own
  const char *either = volume ? "be" : "either be", *omitted = volume ? "be omitted," : "either be omitted,";
  Call c;
  c.dims = dims;
  c.kernel = list_of(a, 1, dims, function, "kernel_size", either);
  const DimVec stride = a.ints(2);
  c.stride = stride.empty() ? c.kernel : list_of(a, 2, dims, function, "stride", omitted);
  c.padding = a.has(3) ? list_of(a, 3, dims, function, "padding", either) : DimVec(std::size_t(dims), 0);
  c.dilation =
      dilated && a.has(4) ? list_of(a, 4, dims, function, "dilation", "be either") : DimVec(std::size_t(dims), 1);
  return c;
}

void check_rank(const Tensor& t, int dims) {
  if (t.ndim() == dims + 1 || t.ndim() == dims + 2) return;
  fail_runtime("non-empty ", dims + 1, "D or ", dims + 2, "D (batch mode) tensor expected for input");
}
void check_line(const Tensor& t, const char* function) {
  if (t.ndim() == 2 || t.ndim() == 3) return;
  fail_runtime("Expected 2 to 3 dimensions, but got ", t.ndim(),
               "-dimensional tensor for argument #1 'self' (while checking arguments for ", function, ")");
}
/// A height of 1 and the width's number.
DimVec flat(std::int64_t height, std::int64_t width) { return {height, width}; }

constexpr PlaceNames kMax2{"MaxPool2DWithIndicesBackward0", "MaxPool2DWithIndicesBackwardBackward0"};
constexpr PlaceNames kMax3{"MaxPool3DWithIndicesBackward0", "MaxPool3DWithIndicesBackwardBackward0"};

Maxima max_pool(const Call& c, const Tensor& t, bool with_places) {
  check_ints(c);
  const Grid g = grid_of(c, t, "max_pool3d_with_indices_out_cpu_template", false);
  if (t.dtype() == DType::Bool || is_complex(t.dtype())) {
    fail_unsupported(c.dims == 2 ? "max_pool2d" : "max_pool3d", t.dtype());
  }
  return maxima(t, g, with_places, c.dims == 2 ? kMax2 : kMax3);
}

/// Both of these are asked for with the last slot, or by the name.
bool wants_places(const OpDef& def, const Args& a) { return def.data != nullptr || a.boolean(6); }

/// (input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
template <int dims>
PyObject* max_pool_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  Call c = lists(a, dims, dims == 2 ? "max_pool2d" : "max_pool3d", true);
  c.ceil = a.boolean(5);
  check_rank(t, dims);
  const bool places = wants_places(def, a);
  return give_maxima(max_pool(c, t, places), places);
}

/// What PyTorch checks where nobody asks for indices.
void check_max_pool1d(const Tensor& t, const DimVec (&v)[4], bool ceil) {
  const auto expected = [&](bool good) {
    if (good) return;
    fail_runtime("max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:",
                 str(t.sizes()));
  };
  expected((t.ndim() == 2 && t.size(0) != 0 && t.size(1) != 0) || (t.ndim() == 3 && t.size(1) != 0 && t.size(2) != 0));
  static constexpr const char* kWords[] = {"kernel_size must be an int, list of ints or tuple of ints of size 1",
                                           "stride must be None, an int, list of ints, or tuple of ints of size 1",
                                           "padding must be an int, list of ints, or tuple of ints of size 1",
                                           "dilation must be an int, list of ints or tuple of ints of size 1"};
  for (int i = 0; i < 4; ++i) {
    if (v[i].size() != 1) fail_runtime("max_pool1d() ", kWords[i], " but got size ", v[i].size());
  }
  const std::int64_t k = v[0][0], s = v[1][0], p = v[2][0], d = v[3][0];
  if (k <= 0) fail_runtime("max_pool1d() kernel_size must be greater than zero, but got ", k);
  if (s <= 0) fail_runtime("max_pool1d() stride must be greater than zero, but got ", s);
  if (p < 0) fail_runtime("max_pool1d() padding must be non-negative, but got ", p);
  if (p > k / 2) {
    fail_runtime("max_pool1d() padding should be at most half of kernel size, but got padding=", p,
                 " and kernel_size=", k);
  }
  if (d <= 0) fail_runtime("max_pool1d() dilation must be greater than zero, but got ", d);
  for (const std::int64_t i : {k, s, d}) {
    if (i != std::int32_t(i)) fail_runtime("value cannot be converted to type int without overflow");
  }
  const std::int64_t n = window_count(t.size(-1), k, s, p, d, ceil);
  if (n <= 0) fail_runtime("max_pool1d() Invalid computed output size: ", n);
}

PyObject* max_pool1d_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  const bool places = wants_places(def, a);
  DimVec v[4] = {a.ints(1), a.ints(2), a.has(3) ? a.ints(3) : DimVec{0}, a.has(4) ? a.ints(4) : DimVec{1}};
  if (v[1].empty()) v[1] = v[0];
  if (!places) check_max_pool1d(t, v, a.boolean(5));
  check_line(t, "max_pool1d");
  Call c;
  c.kernel = flat(1, only(v[0], "max_pool1d", "kernel_size"));
  c.stride = flat(1, only(v[1], "max_pool1d", "stride"));
  c.padding = flat(0, only(v[2], "max_pool1d", "padding"));
  c.dilation = flat(1, only(v[3], "max_pool1d", "dilation"));
  c.ceil = a.boolean(5);
  Maxima m = max_pool(c, unsqueeze(t, -2), places);
  m.values = squeeze(m.values, {{-2}});
  if (places) m.places = squeeze(m.places, {{-2}});
  return give_maxima(std::move(m), places);
}

constexpr AverageRule kAverage2{"AvgPool2DBackward0", "AvgPool2DBackwardBackward0"};
constexpr AverageRule kAverage3{"AvgPool3DBackward0", "AvgPool3DBackwardBackward0"};

Tensor avg_pool(const Call& c, const Tensor& t, bool padded, std::int64_t divisor) {
  check_ints(c);
  Average a;
  a.grid = grid_of(c, t, "avg_pool3d", true);
  a.padded = padded;
  a.divisor = divisor;
  a.names = c.dims == 2 ? kAverage2 : kAverage3;
  const DType d = t.dtype();
  if (!is_floating(d) && d != DType::Int64) fail_unsupported(c.dims == 2 ? "avg_pool2d" : "avg_pool3d_out_frame", d);
  return average(a, false, t);
}

/// (input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
template <int dims>
PyObject* avg_pool_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  Call c = lists(a, dims, def.name, false);
  c.ceil = a.boolean(4);
  const std::int64_t divisor = a.integer(6, 0);
  if (a.has(6) && divisor == 0) fail_runtime("divisor must be not zero");
  if (dims == 3) check_rank(t, dims);
  if (t.ndim() < 3) {
    fail_index("Dimension out of range (expected to be in range of [", -std::max(1, t.ndim()), ", ",
               std::max(1, t.ndim()) - 1, "], but got -3)");
  }
  return avg_pool(c, t, a.boolean(5, true), divisor).release();
}

PyObject* avg_pool1d_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  const DimVec kernel = a.ints(1), stride = a.ints(2);
  check_line(t, def.name);
  Call c;
  c.kernel = flat(1, only(kernel, def.name, "kernel_size"));
  c.stride = flat(1, only(stride.empty() ? kernel : stride, def.name, "stride"));
  c.padding = flat(0, a.has(3) ? only(a.ints(3), def.name, "padding") : 0);
  c.dilation = flat(1, 1);
  c.ceil = a.boolean(4);
  return squeeze(avg_pool(c, unsqueeze(t, -2), a.boolean(5, true), 0), {{-2}}).release();
}

// --- adaptive windows
// --------------------------------------------------------------------------------------------------------------------

/// The `output_size` of PyTorch's functions: a number, or numbers and None, which stands for the input's own size.
DimVec output_size(const OpDef& def, const Args& a, int dims) {
  PyObject* o = a.v[1];
  const Tensor t = a.tensor(0);
  if (PyIndex_Check(o)) return DimVec(std::size_t(dims), to_index(o));
  const Py_ssize_t n = PyObject_Length(o);
  if (n < 0) throw PythonError();
  if (t.ndim() <= n) fail_value("Input dimension should be at least ", n + 1);
  DimVec v;
  for (Py_ssize_t i = 0; i < n; ++i) {
    const Object item = Object::check(PySequence_GetItem(o, i));
    if (item.get() == Py_None) {
      v.push_back(t.size(int(i - n)));
    } else if (PyIndex_Check(item.get())) {
      v.push_back(to_index(item.get()));
    } else {
      fail_type(def.name, "(): argument 'output_size' (position 2) must be tuple of ints, but found element of type ",
                Py_TYPE(item.get())->tp_name, " at pos ", i);
    }
  }
  return v;
}

void check_planes(const Tensor& t, int dims, const char* function, bool channels, const char* but) {
  if (t.ndim() != dims + 1 && t.ndim() != dims + 2) {
    fail_runtime(function, "(): Expected ", dims + 1, "D or ", dims + 2, "D tensor, but got", but, " ", str(t.sizes()));
  }
  for (int d = channels ? 1 : t.ndim() - dims; d < t.ndim(); ++d) {
    if (t.size(d) > 0) continue;
    fail_runtime(function, "(): Expected input to have non-zero size for non-batch dimensions, but input has sizes ",
                 str(t.sizes()), " with dimension ", d, " being empty");
  }
}

Grid adaptive(const Tensor& t, const DimVec& size) {
  Grid g;
  g.dims = int(size.size());
  for (int d = 0; d < g.dims; ++d) {
    Windows& w = g.at(d);
    w.kind = Windows::Adaptive;
    w.in = t.size(d - g.dims);
    w.out = size[std::size_t(d)];
  }
  return g;
}

constexpr AverageRule kAdaptive2{"AdaptiveAvgPool2DBackward0", "AdaptiveAvgPool2DBackwardBackward0"};
constexpr AverageRule kAdaptive3{"AdaptiveAvgPool3DBackward0", "AdaptiveAvgPool3DBackwardBackward0"};
constexpr PlaceNames kAdaptiveMax2{"AdaptiveMaxPool2DBackward0", "AdaptiveMaxPool2DBackwardBackward0"};
constexpr PlaceNames kAdaptiveMax3{"AdaptiveMaxPool3DBackward0", "AdaptiveMaxPool3DBackwardBackward0"};

Tensor adaptive_average(const Tensor& t, const DimVec& size, int dims) {
  const char* function = dims == 2 ? "adaptive_avg_pool2d" : "adaptive_avg_pool3d";
  if (size.size() != std::size_t(dims)) fail_runtime(function, ": output_size must be ", dims);
  if (std::any_of(size.begin(), size.end(), [](std::int64_t i) { return i < 0; })) {
    fail_runtime(function, ": elements of output_size must be greater than or equal to 0 but received {", size[0], ", ",
                 size[1], dims == 3 ? cat(",", size[2]) : std::string(), "}");
  }
  if (std::all_of(size.begin(), size.end(), [](std::int64_t i) { return i == 1; }) && t.ndim() >= dims) {
    DimVec last;
    for (int d = t.ndim() - dims; d < t.ndim(); ++d) last.push_back(d);
    return mean(t, last, true);
  }
  check_planes(t, dims, function, dims == 3, "");
  Average a;
  a.grid = adaptive(t, size);
  if (!is_floating(t.dtype()) && product(a.grid.sizes(t, false)) > 0) {
    fail_unsupported(dims == 2 ? function : "adaptive_avg_pool3d_cpu", t.dtype());
  }
  a.names = dims == 2 ? kAdaptive2 : kAdaptive3;
  return average(a, false, t);
}

template <int dims>
PyObject* adaptive_avg_pool_op(const OpDef& def, Args& a) {
  return adaptive_average(a.tensor(0), output_size(def, a, dims), dims).release();
}
PyObject* adaptive_avg_pool1d_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  check_line(t, def.name);
  const std::int64_t size = only(a.ints(1), def.name, "output_size");
  return squeeze(adaptive_average(unsqueeze(t, -2), flat(1, size), 2), {{-2}}).release();
}

Maxima adaptive_maxima(const Tensor& t, const DimVec& size, int dims, bool with_places) {
  const char* function = dims == 2 ? "adaptive_max_pool2d" : "adaptive_max_pool3d";
  if (t.ndim() != dims + 1 && t.ndim() != dims + 2) check_planes(t, dims, function, true, ":");
  if (size.size() != std::size_t(dims)) {
    fail_runtime(function, "(): internal error: output_size.size() must be ", dims);
  }
  check_planes(t, dims, function, true, ":");
  const Grid g = adaptive(t, size);
  checked(g.sizes(t, false));
  if (!is_floating(t.dtype())) fail_unsupported(dims == 2 ? function : "adaptive_max_pool3d_cpu", t.dtype());
  return maxima(t, g, with_places, dims == 2 ? kAdaptiveMax2 : kAdaptiveMax3);
}

template <int dims>
PyObject* adaptive_max_pool_op(const OpDef& def, Args& a) {
  const bool places = a.boolean(2);
  return give_maxima(adaptive_maxima(a.tensor(0), output_size(def, a, dims), dims, places), places);
}
PyObject* adaptive_max_pool1d_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  check_line(t, def.name);
  const std::int64_t size = only(a.ints(1), def.name, "output_size");
  check_planes(t, 1, def.name, true, "");
  Maxima m = adaptive_maxima(unsqueeze(t, -2), flat(1, size), 2, true);
  m.values = squeeze(m.values, {{-2}});
  m.places = squeeze(m.places, {{-2}});
  return give_maxima(std::move(m), true);
}

// --- windows at random places: B. Graham, Fractional max-pooling, arXiv:1412.6071
// ----------------------------------------------------------------------------------------------------------

/// Where the windows of one dimension begin, drawn with the number `u`: steps of two lengths, in arithmetic of type T.
template <class T>
void draw_windows(const Windows& w, T u, std::int64_t* starts) {
  using C = std::conditional_t<std::is_same_v<T, double>, double, float>;
  const auto rounded = [](C v) {
    if constexpr (is_half_v<T>)
      return C(T(v));
    else
      return v;
  };
  const C sample = C(u);
  if (w.out > 1) {
    const C alpha = rounded(rounded(C(w.in - w.kernel)) / rounded(C(w.out - 1)));
    const std::int64_t first = std::int64_t(rounded(sample * alpha));
    for (std::int64_t i = 0; i + 1 < w.out; ++i) {
      starts[i] = std::int64_t(rounded(rounded(rounded(C(i)) + sample) * alpha)) - first;
    }
  }
  if (w.out > 0) starts[w.out - 1] = w.in - w.kernel;
  // The samples are the caller's: windows stay inside whatever they are.
  for (std::int64_t i = 0; i < w.out; ++i) {
    starts[i] = std::clamp<std::int64_t>(starts[i], 0, std::max<std::int64_t>(0, w.in - w.kernel));
  }
}

constexpr PlaceNames kFractional2{"FractionalMaxPool2DBackward0", "FractionalMaxPool2DBackwardBackward0"};
constexpr PlaceNames kFractional3{"FractionalMaxPool3DBackward0", "FractionalMaxPool3DBackwardBackward0"};

/// (input, kernel_size, output_size, random_samples)
template <int dims>
PyObject* fractional_max_pool_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0), samples = a.tensor(3);
  DimVec v[2] = {a.ints(1), a.ints(2)};
  for (int i = 0; i < 2; ++i) {
    if (v[i].size() == 1) v[i] = DimVec(std::size_t(dims), v[i][0]);
    if (v[i].size() == std::size_t(dims)) continue;
    fail_runtime(def.name, ": ", i == 0 ? "kernel_size" : "output_size", " must either be a single Int or tuple of ",
                 dims == 3 ? "three " : "", "Ints");
  }
  const std::string function = cat(def.name, dims == 3 ? "_out" : "");
  if (t.ndim() != dims + 1 && t.ndim() != dims + 2) {
    fail_runtime(function, "(): Expected ", dims + 1, "D or ", dims + 2, "D tensor, but got: ", str(t.sizes()));
  }
  for (int d = t.ndim() - dims - 1; d < t.ndim(); ++d) {
    if (t.size(d) != 0) continue;
    fail_runtime(function, "(): Expected input to have non-zero size for non-batch dimensions, but got", str(t.sizes()),
                 " with dimension ", d, " being empty.");
  }
  static constexpr const char* kAxes[] = {"time", "height", "width"};
  Grid g;
  g.dims = dims;
  for (int d = 0; d < dims; ++d) {
    Windows& w = g.at(d);
    w.kind = Windows::Listed;
    w.in = t.size(d - dims);
    w.out = v[1][std::size_t(d)];
    w.kernel = v[0][std::size_t(d)];
    // In three dimensions PyTorch wants one element more.
    if (w.out > w.in || w.kernel > w.in || w.out + w.kernel - 1 > w.in - (dims == 3)) {
      fail_runtime(function, "(): pool ", kAxes[3 - dims + d], " ", w.kernel, " too large relative to input ",
                   kAxes[3 - dims + d], " ", w.in);
    }
    w.kernel = std::max<std::int64_t>(w.kernel, 0);
  }
  checked(g.sizes(t, false));
  const std::int64_t batch = t.ndim() == dims + 2 ? t.size(0) : 1, channels = t.size(-dims - 1);
  if (samples.dtype() != t.dtype()) fail_runtime("Expect _random_samples to have the same dtype as input");
  if (samples.ndim() != 3) fail_runtime("Expect _random_samples to have 3 dimensions, got ", samples.ndim());
  if (samples.size(0) < batch) fail_runtime("Expect _random_samples.size(0) no less then input batch size.");
  if (samples.size(1) != channels) fail_runtime("Expect _random_samples.size(1) equals to input channel size.");
  if (samples.size(2) != dims)
    fail_runtime("Expect _random_samples.size(2) equals to ", dims, "; got ", samples.size(2), ".");
  if (!is_floating(t.dtype())) fail_unsupported("fractional_max_pool2d", t.dtype());
  const Tensor drawn = contiguous_as(samples, t.dtype());
  Tensor starts[dims];
  for (int d = 0; d < dims; ++d) {
    Windows& w = g.at(d);
    starts[d] = empty({{batch * channels * w.out}}, DType::Int64);
    auto* p = starts[d].template data_as<std::int64_t>();
    w.starts = p;
    dispatch(t.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (is_half_v<T> || std::is_floating_point_v<T>) {
        // The samples of a plane stand in the order time, height, width, but in two dimensions the width comes first.
        const T* u = drawn.template data_as<T>() + (dims == 2 ? 1 - d : d);
        for (std::int64_t plane = 0; plane < batch * channels; ++plane)
          draw_windows(w, u[plane * dims], p + plane * w.out);
      }
    });
  }
  return give_maxima(maxima(t, g, true, dims == 2 ? kFractional2 : kFractional3), true);
}

// --- the inverse of a maximum
// ----------------------------------------------------------------------------------------------------------------

/// (input, indices, output_size, stride)
template <int dims>
PyObject* max_unpool_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0), where = a.tensor(1);
  const DimVec size = a.ints(2), stride = a.ints(3);
  if (where.dtype() != DType::Int64) {
    fail_runtime("elements in indices should be type int64",
                 dims == 2 ? cat(" but got: ", scalar_type_name(where.dtype())) : std::string());
  }
  if (size.size() != std::size_t(dims)) {
    fail_runtime("There should be exactly ",
                 dims == 2 ? "two elements (height, width)" : "three elements (depth, height, width)",
                 " in output_size, but got ", size.size(), " elements.");
  }
  if (t.ndim() != dims + 1 && t.ndim() != dims + 2) {
    fail_runtime("Input to max_unpooling", dims, "d should be a ", dims + 1, "d or ", dims + 2,
                 "d Tensor, but got a tensor with ", t.ndim(), " dimensions.");
  }
  if (!same(t.sizes(), where.sizes())) {
    fail_runtime("Expected shape of indices to be same as that of the input tensor (", str(t.sizes()),
                 ") but got indices tensor with shape: ", str(where.sizes()));
  }
  for (int d = t.ndim() - dims - 1; d < t.ndim(); ++d) {
    if (t.size(d) > 0) continue;
    fail_runtime("max_unpooling", dims,
                 "d_forward_out_cpu(): Expected input to have non-zero size for non-batch dimensions, but got ",
                 str(t.sizes()), " with dimension ", d, " being empty.");
  }
  if (std::any_of(stride.begin(), stride.end(), [](std::int64_t s) { return s <= 0; })) {
    fail_runtime("strides should be greater than zero, but got stride: ", str(stride));
  }
  DimVec sizes(t.sizes());
  for (int d = 0; d < dims; ++d) sizes[sizes.size() - std::size_t(dims - d)] = size[std::size_t(d)];
  checked(sizes);
  if (!is_floating(t.dtype())) fail_unsupported(dims == 2 ? "max_unpool2d" : "max_unpool3d", t.dtype());
  return by_place(Move::Put, t, where, sizes, dims, dims == 2 ? "MaxUnpool2DBackward0" : "MaxUnpool3DBackward0")
      .release();
}

// --- padding
// ---------------------------------------------------------------------------------------------------------------------

/// `pad` has two numbers for each of the last dimensions, the very last first; below 0 they cut elements off.
Tensor pad_constant(const Tensor& t, const DimVec& pad, const Scalar& value);

struct ConstantPadNode final : Node {
  DimList pad;
  const char* name() const override { return "ConstantPadNdBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    DimVec back;
    for (const std::int64_t p : pad) back.push_back(-p);
    out[0] = pad_constant(in[0], back, 0);
  }
};

void check_pairs(const Tensor& t, const DimVec& pad) {
  if (pad.size() % 2 != 0) fail_runtime("Padding length must be divisible by 2");
  if (pad.size() > 2 * std::size_t(t.ndim())) {
    fail_runtime("Padding length should be less than or equal to two times the input dimension but got padding length ",
                 pad.size(), " and input of dimension ", t.ndim());
  }
}

Tensor pad_constant(const Tensor& t, const DimVec& pad, const Scalar& value) {
  check_pairs(t, pad);
  const int n = t.ndim();
  DimVec sizes(t.sizes()), body(t.sizes());
  std::int64_t from = 0;
  bool grows = false;
  for (std::size_t i = 0; i < pad.size(); i += 2) {
    const std::size_t d = std::size_t(n) - 1 - i / 2;
    const std::int64_t before = pad[i], after = pad[i + 1];
    body[d] += std::min<std::int64_t>(before, 0) + std::min<std::int64_t>(after, 0);
    if (body[d] < 0) fail_runtime("narrow(): length must be non-negative.");
    sizes[d] = body[d] + std::max<std::int64_t>(before, 0) + std::max<std::int64_t>(after, 0);
    from -= std::min<std::int64_t>(before, 0) * t.stride(int(d));
    grows |= before > 0 || after > 0;
  }
  checked_numel(sizes);
  const Tensor out = empty_as(sizes, t.dtype(), layout_of(t));
  std::int64_t to = 0;
  for (std::size_t i = 0; i < pad.size(); i += 2) {
    to += std::max<std::int64_t>(pad[i], 0) * out.stride(n - 1 - int(i / 2));
  }
  check_fits(value, t.dtype());
  const bool any = product(body) > 0, by_rows = any && !pad.empty() && pad.size() <= 6 && t.is_contiguous();
  if (by_rows) {
    Padding p;
    p.mode = Padding::Constant;
    p.planes = planes_of(sizes, int(pad.size() / 2));
    for (std::size_t i = 0; i < pad.size(); i += 2) {
      const std::size_t at = 2 - i / 2, d = std::size_t(n) - 1 - i / 2;
      p.in[at] = t.size(int(d));
      p.out[at] = sizes[d];
      p.before[at] = pad[i];
    }
    alignas(16) char element[16];
    value.store(element, t.dtype());
    const GilRelease gil(out.numel());
    pad_planes(out.itemsize(), p, t.data(), out.data(), element);
  } else if (grows) {
    fill(out, value);
  }
  if (any && !by_rows) {
    copy_into(alias(out, body, out.strides(), out->offset + to * out.itemsize()),
              alias(t, body, t.strides(), t->offset + from * t.itemsize()));
  }
  if (recording(t)) {
    auto* node = record<ConstantPadNode>(out, t);
    node->pad.assign(pad);
  }
  return out;
}

struct PaddingCall {
  Padding p;
  int dims = 1;
};

/// The padded image or, if `back`, its transpose.
Tensor pad_borders(const PaddingCall& c, bool back, const Tensor& t);

struct PaddingNode final : Node {
  PaddingCall c;
  bool back = false;
  const char* name() const override {
    static constexpr const char* kNames[2][2][3] = {
        {{"ReflectionPad1DBackward0", "ReflectionPad2DBackward0", "ReflectionPad3DBackward0"},
         {"ReflectionPad1DBackwardBackward0", "ReflectionPad2DBackwardBackward0", "ReflectionPad3DBackwardBackward0"}},
        {{"ReplicationPad1DBackward0", "ReplicationPad2DBackward0", "ReplicationPad3DBackward0"},
         {"ReplicationPad1DBackwardBackward0", "ReplicationPad2DBackwardBackward0",
          "ReplicationPad3DBackwardBackward0"}}};
    if (c.p.mode == Padding::Circular) return "torch::autograd::CopySlices";
    return kNames[c.p.mode == Padding::Replicate][back][c.dims - 1];
  }
  void apply(Tensor* in, Tensor* out) override { out[0] = pad_borders(c, !back, in[0]); }
};

Tensor pad_borders(const PaddingCall& c, bool back, const Tensor& t) {
  DimVec sizes(t.sizes());
  for (int d = 0; d < c.dims; ++d) {
    const int at = 3 - c.dims + d;
    sizes[sizes.size() - std::size_t(c.dims - d)] = back ? c.p.in[at] : c.p.out[at];
  }
  checked(sizes);
  // What is only moved is moved as it is; sums of 16-bit floats are kept in float.
  const DType d = back ? compute_type(t.dtype()) : t.dtype();
  const Tensor source = contiguous_as(t, d);
  Tensor out = empty(sizes, d);
  Padding p = c.p;
  p.planes = planes_of(sizes, c.dims);
  {
    const GilRelease gil(source.numel() + out.numel());
    if (back)
      unpad_planes(d, p, source.data(), out.data());
    else
      pad_planes(out.itemsize(), p, source.data(), out.data());
  }
  if (d != t.dtype()) out = to_contiguous(out, t.dtype());
  out = laid_out(out, t);
  if (recording(t)) {
    auto* n = record<PaddingNode>(out, t);
    n->c = c;
    n->back = back;
  }
  return out;
}

Tensor pad_image(Padding::Mode mode, const Tensor& t, const DimVec& pad) {
  PaddingCall c;
  c.p.mode = mode;
  c.dims = int(pad.size() / 2);
  const int n = t.ndim();
  if (c.dims < 1 || c.dims > 3 || (n != c.dims + 1 && n != c.dims + 2)) {
    fail(ErrorKind::NotImplemented, "Padding size ", pad.size(), " is not supported for ", n, "D input tensor.");
  }
  if (mode != Padding::Circular) {
    for (int d = n == c.dims + 2 ? 1 : 0; d < n; ++d) {
      if (t.size(d) > 0) continue;
      fail_runtime(
          "Expected ", c.dims + 1, "D or ", c.dims + 2,
          "D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: ",
          str(t.sizes()));
    }
  }
  bool any = false;
  for (int i = 0; i < c.dims; ++i) {
    const int d = n - 1 - i, at = 2 - i;
    const std::int64_t size = t.size(d), before = pad[std::size_t(2 * i)], after = pad[std::size_t(2 * i + 1)];
    if (mode == Padding::Reflect && (before >= size || after >= size)) {
      fail_runtime("Argument #", 4 + 2 * i,
                   ": Padding size should be less than the corresponding input dimension, but got: padding (", before,
                   ", ", after, ") at dimension ", d, " of input ", str(t.sizes()));
    }
    c.p.in[at] = size;
    c.p.before[at] = before;
    c.p.out[at] = size + before + after;
    any |= c.p.out[at] >= 1;
    if (mode == Padding::Circular) {
      if (before > size || after > size) fail_runtime("Padding value causes wrapping around more than once.");
      if (c.p.out[at] < 0) fail_runtime("Negative padding value is resulting in an empty dimension");
      const std::int64_t left = size + std::min<std::int64_t>(before, 0) + std::min<std::int64_t>(after, 0);
      if (left < std::max(before, after) || left < 0) {
        fail_runtime("The size of tensor a (", std::max(before, after), ") must match the size of tensor b (",
                     std::max<std::int64_t>(left, 0), ") at non-singleton dimension ", d);
      }
    }
  }
  if (mode != Padding::Circular) {
    if (!any) {
      static constexpr const char* kAxes[] = {"D", "H", "W"};
      std::string in, out;
      for (int at = 3 - c.dims; at < 3; ++at) {
        in += cat(in.empty() ? "" : ", ", kAxes[at], ": ", c.p.in[at]);
        out += cat(out.empty() ? "" : " ", kAxes[at], ": ", c.p.out[at]);
      }
      fail_runtime("input (", in, ") is too small. Calculated output ", out);
    }
    if (t.dtype() == DType::Bool) {
      fail_unsupported(cat(mode == Padding::Reflect ? "reflection_pad" : "replication_pad", c.dims, "d").c_str(),
                       t.dtype());
    }
  }
  return pad_borders(c, false, t);
}

DimVec pad_list(const OpDef& def, const Args& a) {
  if (PyIndex_Check(a.v[1])) {
    fail_type(def.name, "(): argument 'pad' (position 2) must be tuple of ints, not ", Py_TYPE(a.v[1])->tp_name);
  }
  return a.ints(1);
}

/// (input, pad, mode, value)
PyObject* pad_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  const DimVec pad = pad_list(def, a);
  const std::string mode = a.string(2, "constant");
  static constexpr const char* kModes[] = {"reflect", "replicate", "circular"};
  const auto* found = std::find(std::begin(kModes), std::end(kModes), mode);
  if (found == std::end(kModes) && mode != "constant") {
    fail(ErrorKind::NotImplemented, "Unrecognised padding mode ", mode);
  }
  check_pairs(t, pad);
  const double value = a.real(3, 0);
  if (mode == "constant") return pad_constant(t, pad, value).release();
  if (value != 0) fail_runtime("Padding mode \"", mode, "\" doesn't take in value argument");
  return pad_image(Padding::Mode(found - std::begin(kModes)), t, pad).release();
}
PyObject* constant_pad_nd_op(const OpDef& def, Args& a) {
  return pad_constant(a.tensor(0), pad_list(def, a), a.scalar(2, 0)).release();
}

#define RL_MAX_SIG                                                                                              \
  "(Tensor input, ints kernel_size, ints? stride=None, ints padding=0, ints dilation=1, bool ceil_mode=False, " \
  "any return_indices=False)"
#define RL_AVG_SIG                                                                                 \
  "Tensor input, ints kernel_size, ints? stride=None, ints padding=0, bool ceil_mode=False, bool " \
  "count_include_pad=True"
constexpr const char* kMaxDoc =
    "The largest element under each place of a sliding window, of images [N, C, ...] or [C, ...]. `stride` is the "
    "window's "
    "size where left out; padding counts as -inf; nan is larger than all numbers. With `return_indices` also the place "
    "of "
    "that element in its plane.";
constexpr const char* kAvgDoc =
    "The average under each place of a sliding window, of images [N, C, ...] or [C, ...]. `stride` is the window's "
    "size "
    "where left out; places of the padding count as zeros, or not at all.";
constexpr const char* kAdaptiveDoc =
    "Images [N, C, ...] or [C, ...] to a given size: result i is made of the elements from floor(i n / size) on to "
    "ceil((i + 1) n / size), of n.";
constexpr const char* kFractionalDoc =
    "The largest element of windows at places that `random_samples` [N, C, dimensions], numbers in [0, 1), determine, "
    "after B. Graham, Fractional max-pooling, arXiv:1412.6071; and its place in its plane.";
constexpr const char* kUnpoolDoc =
    "Zeros, and the elements of the input at their places `indices` in planes of `output_size`.";
constexpr bool kPlaces = true;

const OpDef ops[] = {
    {"max_pool1d", RL_MAX_SIG, max_pool1d_op, kFunction, Kind::Other, kMaxDoc},
    {"max_pool2d", RL_MAX_SIG, max_pool_op<2>, kFunction, Kind::Other, kMaxDoc},
    {"max_pool3d", RL_MAX_SIG, max_pool_op<3>, kFunction, Kind::Other, kMaxDoc},
    {"max_pool1d_with_indices", RL_MAX_SIG, max_pool1d_op, kFunction, Kind::Other, kMaxDoc, &kPlaces},
    {"max_pool2d_with_indices", RL_MAX_SIG, max_pool_op<2>, kFunction, Kind::Other, kMaxDoc, &kPlaces},
    {"max_pool3d_with_indices", RL_MAX_SIG, max_pool_op<3>, kFunction, Kind::Other, kMaxDoc, &kPlaces},
    {"avg_pool1d", "(" RL_AVG_SIG ")", avg_pool1d_op, kFunction, Kind::Linear, kAvgDoc},
    {"avg_pool2d", "(" RL_AVG_SIG ", int? divisor_override=None)", avg_pool_op<2>, kFunction, Kind::Linear, kAvgDoc},
    {"avg_pool3d", "(" RL_AVG_SIG ", int? divisor_override=None)", avg_pool_op<3>, kFunction, Kind::Linear, kAvgDoc},
    {"adaptive_avg_pool1d", "(Tensor input, ints output_size)", adaptive_avg_pool1d_op, kFunction, Kind::Linear,
     kAdaptiveDoc},
    {"adaptive_avg_pool2d", "(Tensor input, any output_size)", adaptive_avg_pool_op<2>, kFunction, Kind::Linear,
     kAdaptiveDoc},
    {"adaptive_avg_pool3d", "(Tensor input, any output_size)", adaptive_avg_pool_op<3>, kFunction, Kind::Linear,
     kAdaptiveDoc},
    {"adaptive_max_pool1d", "(Tensor input, ints output_size)", adaptive_max_pool1d_op, kFunction, Kind::Other,
     kAdaptiveDoc},
    {"adaptive_max_pool2d", "(Tensor input, any output_size, any return_indices=False)", adaptive_max_pool_op<2>,
     kFunction, Kind::Other, kAdaptiveDoc},
    {"adaptive_max_pool3d", "(Tensor input, any output_size, any return_indices=False)", adaptive_max_pool_op<3>,
     kFunction, Kind::Other, kAdaptiveDoc},
    {"fractional_max_pool2d", "(Tensor input, ints kernel_size, ints output_size, Tensor random_samples)",
     fractional_max_pool_op<2>, kFunction, Kind::Other, kFractionalDoc},
    {"fractional_max_pool3d", "(Tensor input, ints kernel_size, ints output_size, Tensor random_samples)",
     fractional_max_pool_op<3>, kFunction, Kind::Other, kFractionalDoc},
    {"max_unpool2d", "(Tensor input, Tensor indices, ints output_size, ints stride=1)", max_unpool_op<2>, kFunction,
     Kind::Linear, kUnpoolDoc},
    {"max_unpool3d", "(Tensor input, Tensor indices, ints output_size, ints stride=1)", max_unpool_op<3>, kFunction,
     Kind::Linear, kUnpoolDoc},
    {"pad", "(Tensor input, ints pad, str mode='constant', float? value=None)", pad_op, kFunction, Kind::Other,
     "Two numbers of places for each of the last dimensions, the very last first: how many are added in front and "
     "behind, "
     "or cut off where negative. They hold `value` ('constant'), the elements mirrored at the border ('reflect'), the "
     "border's own ('replicate') or those of the other end ('circular'); all but the first of images [N, C, ...] or "
     "[C, "
     "...]."},
    {"constant_pad_nd", "(Tensor input, ints pad, Number value=0)", constant_pad_nd_op, kFunction, Kind::Other,
     "With places of a constant value around: see nn.functional.pad."},
};
#undef RL_MAX_SIG
#undef RL_AVG_SIG
const Register registered(ops);

}  // namespace
}  // namespace rl
