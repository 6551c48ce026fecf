// Histograms with chosen edges, of numbers and of points.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ops/binary.h"
#include "ops/ops.h"
#include "python/bind.h"

namespace rl {
namespace {

/// How a coordinate's bin is found: between edges, or where it lies on the way from the first edge to the last
/// (bins are of equal width), the latter perhaps corrected by the edges beside it, which rounding may have moved.
enum class Search : std::uint8_t { Edges, Linear, Corrected };

const char* short_name(DType d) {
  constexpr const char* kNames[] = {"bool",  "unsigned char", "signed char",         "short int",
                                    "int",   "long int",      "c10::Half",           "c10::BFloat16",
                                    "float", "double",        "c10::complex<float>", "c10::complex<double>"};
  return kNames[int(d)];
}

/// Calls f(Tag<T>) with the type of points.
template <class F>
void in_type(DType d, F&& f) {
  if (d == DType::Float)
    f(Tag<float>{});
  else
    f(Tag<double>{});
}

/// `count` equal bins from `low` to `high`: their edges, exact at both ends and symmetric in between.
Tensor equal_edges(double low, double high, std::int64_t count, DType d) {
  Tensor edges = empty({{count + 1}}, d);
  in_type(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* const e = edges.data_as<T>();
    const T step = (T(high) - T(low)) / T(count);
    for (std::int64_t i = 0; i <= count; ++i)
      e[i] = i < (count + 1) / 2 ? T(low) + step * T(i) : T(high) - step * T(count - i);
  });
  return edges;
}

template <class T>
void count_points(const T* points, std::int64_t n, const std::vector<Tensor>& edges, Search search, const T* weights,
                  T* hist) {
  const std::size_t dims = edges.size();
  for (std::int64_t i = 0; i < n; ++i) {
    std::int64_t at = 0;
    bool inside = true;
    for (std::size_t d = 0; inside && d < dims; ++d) {
      const T v = points[i * std::int64_t(dims) + std::int64_t(d)];
      const T* const e = edges[d].data_as<T>();
      const std::int64_t bins = edges[d].numel() - 1;
      if (!(v >= e[0] && v <= e[bins])) {
        inside = false;
        break;
      }
      std::int64_t bin;
      if (search == Search::Edges) {
        bin = std::upper_bound(e, e + bins + 1, v) - e - 1;
      } else {
        bin = std::int64_t((v - e[0]) * T(bins) / (e[bins] - e[0]));
        if (search == Search::Corrected) {
          const std::int64_t first = std::max<std::int64_t>(0, bin - 1), last = std::min(bin + 2, bins + 1);
          bin = std::upper_bound(e + first, e + last, v) - e - 1;
        }
      }
      at = at * bins + std::clamp<std::int64_t>(bin, 0, bins - 1);
    }
    if (inside) hist[at] += weights != nullptr ? weights[i] : T(1);
  }
}

void check_points(const Tensor& points, const Tensor& weight) {
  if (points.ndim() < 2) fail_runtime("torch.histogramdd: input tensor should have at least 2 dimensions");
  if (!weight.defined()) return;
  if (weight.dtype() != points.dtype()) {
    fail_runtime(
        "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same ",
        "dtype, but got input(", short_name(points.dtype()), "), and weight(", short_name(weight.dtype()), ")");
  }
  if (!same(weight.sizes(), points.sizes().first(std::size_t(points.ndim() - 1)))) {
    fail_runtime("torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor ",
                 "excluding its innermost dimension, but got input with shape ", str(points.sizes()),
                 " and weight with shape ", str(weight.sizes()));
  }
}
void check_type(const Tensor& points) {
  if (points.dtype() != DType::Float && points.dtype() != DType::Double)
    fail_unsupported("histogramdd", points.dtype());
}

/// Edges that a caller gave, checked.
std::vector<Tensor> given_edges(const Tensor& points, const std::vector<Tensor>& bins) {
  const std::int64_t dims = points.size(-1);
  if (std::int64_t(bins.size()) != dims) {
    fail_runtime("torch.histogramdd: expected ", dims, " sequences of bin edges for a ", dims,
                 "-dimensional histogram but got ", bins.size());
  }
  for (std::size_t d = 0; d < bins.size(); ++d) {
    const Tensor& b = bins[d];
    if (b.dtype() != points.dtype()) {
      fail_runtime("torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with ",
                   "dtype ", short_name(points.dtype()), " and bins for dimension ", d, " with dtype ",
                   short_name(b.dtype()));
    }
    if (b.ndim() != 1) {
      fail_runtime("torch.histogramdd: bins tensor should have one dimension, but got ", b.ndim(),
                   " dimensions in the bins tensor for dimension ", d);
    }
    if (b.numel() == 0) {
      fail_runtime("torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins ",
                   "tensor for dimension ", d);
    }
  }
  for (std::size_t d = 0; d < bins.size(); ++d) {
    if (bins[d].numel() < 2) fail_runtime("torch.histogram(): bins must be > 0, but got 0 for dimension ", d);
  }
  check_type(points);
  std::vector<Tensor> edges;
  for (const Tensor& b : bins) edges.push_back(to_contiguous(b, b.dtype()));
  return edges;
}

/// Edges of so many equal bins along each dimension, in `range` or where the points lie.
std::vector<Tensor> made_edges(const Tensor& points, const DimVec& counts, PyObject* range) {
  const std::int64_t dims = points.size(-1);
  for (std::size_t d = 0; d < counts.size(); ++d) {
    if (counts[d] <= 0) fail_runtime("torch.histogram(): bins must be > 0, but got ", counts[d], " for dimension ", d);
  }
  std::vector<double> ends;
  if (range != nullptr && range != Py_None) {
    const Object list = Object::steal(PySequence_Fast(range, ""));
    if (list.get() == nullptr) {
      PyErr_Clear();
      fail_type("histogram(): argument 'range' must be tuple of floats, not ", Py_TYPE(range)->tp_name);
    }
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list.get()); ++i) {
      const double v = PyFloat_AsDouble(PySequence_Fast_GET_ITEM(list.get(), i));
      if (v == -1 && PyErr_Occurred()) throw PythonError();
      ends.push_back(v);
    }
    if (std::int64_t(ends.size()) != 2 * dims) {
      fail_runtime("torch.histogramdd: for a ", dims, "-dimensional histogram range should have ", 2 * dims,
                   " elements, but got ", ends.size());
    }
  }
  check_type(points);
  const std::int64_t n = dims > 0 ? points.numel() / dims : 0;
  std::vector<Tensor> edges;
  for (std::int64_t d = 0; d < dims; ++d) {
    double low = 0, high = 1;
    if (!ends.empty()) {
      low = ends[std::size_t(2 * d)], high = ends[std::size_t(2 * d + 1)];
    } else if (n > 0) {
      in_type(points.dtype(), [&](auto tag) {
        using T = typename decltype(tag)::type;
        const T* const p = points.data_as<T>() + d;
        T least = p[0], most = p[0];
        for (std::int64_t i = 1; i < n; ++i) {
          const T v = p[i * dims];
          // nan stays, and is refused below.
          if (!(v >= least)) least = v;
          if (!(v <= most)) most = v;
        }
        low = double(least), high = double(most);
      });
    }
    if (!std::isfinite(low) || !std::isfinite(high)) {
      fail_runtime("torch.histogramdd: dimension ", d, "'s range [", low, ", ", high, "] is not finite");
    }
    if (low > high) {
      fail_runtime("torch.histogramdd: min should not exceed max, but got min ", low, " max ", high, " for dimension ",
                   d);
    }
    if (low == high) low -= 0.5, high += 0.5;
    edges.push_back(equal_edges(low, high, counts[std::size_t(d)], points.dtype()));
  }
  return edges;
}

Tensor histogram_of(const Tensor& points, const std::vector<Tensor>& edges, Search search, const Tensor& weight,
                    bool density) {
  check_type(points);
  DimVec sizes;
  for (const Tensor& e : edges) sizes.push_back(e.numel() - 1);
  Tensor hist = zeros(sizes, points.dtype());
  const std::int64_t n = edges.empty() ? 0 : points.numel() / std::int64_t(edges.size());
  const Tensor weights = weight.defined() ? contiguous_as(weight, points.dtype()) : Tensor();
  in_type(points.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* const h = hist.data_as<T>();
    count_points(points.data_as<T>(), n, edges, search, weights.defined() ? weights.data_as<T>() : nullptr, h);
    if (!density) return;
    T total = 0;
    for (std::int64_t i = 0; i < hist.numel(); ++i) total += h[i];
    for (std::int64_t i = 0; i < hist.numel(); ++i) {
      T volume = 1;
      for (std::int64_t rest = i, d = std::int64_t(edges.size()) - 1; d >= 0; --d) {
        const std::int64_t bins = edges[std::size_t(d)].numel() - 1, bin = rest % bins;
        const T* const e = edges[std::size_t(d)].data_as<T>();
        volume *= e[bin + 1] - e[bin];
        rest /= bins;
      }
      h[i] = h[i] / total / volume;
    }
  });
  return hist;
}

/// (input, bins, weight, density, out) or (input, bins, range, weight, density, out)
PyObject* histogram_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0), flat = contiguous_as(detach(t), t.dtype());
  const Tensor points = alias(flat, {{flat.numel(), 1}});
  const bool given = a.overload == 0;
  const int rest = given ? 2 : 3;
  Tensor weight = a.tensor(rest);
  if (weight.defined()) weight = alias(contiguous_as(detach(weight), weight.dtype()), {{weight.numel()}});
  const bool density = a.boolean(rest + 1);
  check_points(points, weight);
  const std::vector<Tensor> edges =
      given ? given_edges(points, {detach(a.tensor(1))}) : made_edges(points, DimVec{a.integer(1, 100)}, a.v[2]);
  const Tensor hist = histogram_of(points, edges, given ? Search::Edges : Search::Corrected, weight, density);
  if (!a.has(rest + 2)) return pack_named("histogram", {"hist", "bin_edges"}, {hist, edges[0]});
  const std::vector<Tensor> outs = a.tensors(rest + 2), results{hist, edges[0]}, inputs = a.all_tensors(rest + 2);
  if (outs.size() != 2) fail_type("histogram(): argument 'out' must be tuple of 2 Tensors, not of ", outs.size());
  give_all(outs, results, inputs, def.name, tracked(t));
  return pack_named("histogram", {"hist", "bin_edges"}, {outs[0], outs[1]});
}

/// (input, bins, range, weight, density), bins one of an int, ints and tensors
PyObject* histogramdd_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0), points = contiguous_as(detach(t), t.dtype());
  Tensor weight = a.tensor(3);
  if (weight.defined()) weight = contiguous_as(detach(weight), weight.dtype());
  const bool given = a.overload == 2;
  std::vector<Tensor> edges;
  if (given) {
    check_points(points, weight);
    edges = given_edges(points, a.tensors(1));
  } else {
    const std::int64_t dims = points.ndim() > 0 ? points.size(-1) : 0;
    const DimVec counts = a.overload == 0 ? DimVec(std::size_t(dims), a.integer(1)) : a.ints(1);
    check_points(points, weight);
    if (std::int64_t(counts.size()) != dims) {
      fail_runtime("histogramdd: The size of bins must be equal to the innermost dimension of the input.");
    }
    edges = made_edges(points, counts, a.v[2]);
  }
  const Tensor hist = histogram_of(points, edges, given ? Search::Edges : Search::Linear, weight, a.boolean(4));
  std::vector<Tensor> all{hist};
  all.insert(all.end(), edges.begin(), edges.end());
  return pack(std::move(all));
}

const OpDef ops[] = {
    {"histogram",
     "(Tensor input, Tensor bins, *, Tensor? weight=None, bool density=False, Tensors? out=None)\n"
     "(Tensor input, int bins=100, *, any? range=None, Tensor? weight=None, bool density=False, Tensors? out=None)",
     histogram_op, kBoth, Kind::Other,
     "How many elements, or how much weight, lie in each bin: (hist, bin_edges). bins: a tensor of growing edges, or "
     "how "
     "many bins of equal width there are in `range`, else between the least and the greatest element. A bin includes "
     "its "
     "lower edge, the last one both. density: divided by the total and the bin's width."},
    {"_histogramdd",
     "(Tensor input, int bins, any? range=None, Tensor? weight=None, bool density=False)\n"
     "(Tensor input, ints bins, any? range=None, Tensor? weight=None, bool density=False)\n"
     "(Tensor input, Tensors bins, any? range=None, Tensor? weight=None, bool density=False)",
     histogramdd_op, kFunction, Kind::Other, "What histogramdd does: the histogram, then the edges of each dimension."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
