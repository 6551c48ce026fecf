// Sorting and selection along a dimension, scans of extremes, counting, and triangles of matrices.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "kernels/sorting.h"
#include "ops/binary.h"
#include "ops/matrix.h"
#include "ops/ops.h"
#include "ops/picked.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {

PyObject* give_named(Args& a, int out_slot, const char* name, const char* shown,
                     std::initializer_list<const char*> fields, std::initializer_list<Tensor> results, bool tracked,
                     OutRule rule) {
  if (!a.has(out_slot)) return pack_named(shown, fields, results);
  const std::vector<Tensor> out = a.tensors(out_slot);
  if (out.size() != results.size())
    fail_type(name, "(): argument 'out' must be a tuple of ", results.size(), " tensors, not ", out.size());
  const std::vector<Tensor> inputs = a.all_tensors(out_slot);
  give_all(out, {results.begin(), results.size()}, inputs, name, tracked, rule);
  if (out.size() == 2) return pack_named(shown, fields, {out[0], out[1]});
  return pack_named(shown, fields, {out[0], out[1], out[2]});
}
PyObject* give_pair(Args& a, int out_slot, const char* name, const char* shown, const Picked& p, bool tracked) {
  return give_named(a, out_slot, name, shown, {"values", "indices"}, {p.values, p.indices}, tracked);
}

namespace {

Source source(const Tensor& t) { return {t.data(), t.dtype(), t.sizes(), t.strides()}; }
Target target(const Tensor& t) { return {t.data(), t.dtype(), t.strides()}; }

/// What picks elements along a dimension: the gradient goes back to where each came from.
struct PickNode final : Node {
  SavedTensor index;
  DimList sizes;
  int dim = 0;
  bool dropped = false;  // the result lacks the dimension
  const char* title = "";
  const char* name() const override { return title; }
  void show(ValueVisitor& v) const override {
    const std::string_view t = title;
    v.number("dim", dim);
    if (t.starts_with("Cum")) return;
    if (!t.starts_with("Sort") && !t.starts_with("Topk")) v.flag("keepdim", !dropped);
    v.list("self_sym_sizes", sizes);
  }
  void apply(Tensor* in, Tensor* out) override {
    if (sizes.empty()) {
      out[0] = in[0];
      return;
    }
    Tensor g = in[0], at = index.unpack(this);
    if (dropped) {
      g = unsqueeze(g, dim);
      at = unsqueeze(at, dim);
    }
    out[0] = scatter_add(zeros(sizes, g.dtype()), dim, at, g);
  }
  void visit(SavedVisitor& v) override { v.tensor("indices", index); }
};

/// The median of all elements: those that equal it share the gradient.
struct MedianNode final : Node {
  SavedTensor x, y;
  bool ignore_nan = false;
  const char* name() const override { return ignore_nan ? "NanmedianBackward0" : "MedianBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor input = x.unpack(this), found = y.unpack(this);
    const Tensor nan = mul(predicate(Predicate::IsNan, input), predicate(Predicate::IsNan, found));
    const Tensor equal = to(compare(Compare::LogicalOr, compare(Compare::Eq, input, found), nan), in[0].dtype());
    out[0] = equal * (in[0] / sum(equal));
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", x);
    v.tensor("result", y);
  }
};

void record_pick(const Tensor& values, const Tensor& t, const Tensor& index, int dim, bool dropped, const char* title) {
  if (!recording(t) || !is_differentiable(values.dtype())) return;
  auto* n = record<PickNode>(values, t);
  n->index.save(index);
  n->sizes.assign(t.sizes());
  n->dim = dim;
  n->dropped = dropped;
  n->title = title;
}

void need_real(const Tensor& t, const char* kernel) {
  if (is_complex(t.dtype())) fail_unsupported(kernel, t.dtype());
}

// --- sort, topk
// ---------------------------------------------------------------------------------------------------------

Picked sorted(const Tensor& t, int dim, bool descending, const char* title = "SortBackward0") {
  if (is_complex(t.dtype())) fail_runtime("Sort currently does not support complex dtypes on CPU");
  Picked p{empty_like(t, t.dtype()), empty_like(t, DType::Int64)};
  if (t.ndim() == 0) {
    copy_into(p.values, t);
    fill(p.indices, 0);
  } else {
    GilRelease gil(t.numel() * 8, true);
    sort(source(t), dim, descending, target(p.values), target(p.indices));
  }
  record_pick(p.values, t, p.indices, dim, false, title);
  return p;
}
/// Overload 0: (input, stable, dim, descending, out); 1: (input, dim, descending, out). The sort is stable in any case.
PyObject* sort_op(const OpDef&, Args& a) {
  const int at = a.overload == 0 ? 2 : 1;
  const Tensor t = a.tensor(0);
  Picked p = sorted(t, wrap_dim(a.integer(at, -1), t.ndim()), a.boolean(at + 1),
                    a.overload == 0 ? "SortBackward1" : "SortBackward0");
  return give_pair(a, at + 2, "sort", "sort", p, tracked(t));
}
/// The same slots without `out`.
PyObject* argsort_op(const OpDef&, Args& a) {
  const int at = a.overload == 0 ? 2 : 1;
  const Tensor t = detach(a.tensor(0));
  return sorted(t, wrap_dim(a.integer(at, -1), t.ndim()), a.boolean(at + 1)).indices.release();
}
PyObject* msort_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  return give(a, 1, sorted(t, 0, false).values, def.name, tracked(t));
}

DimVec with_size(const Tensor& t, int dim, std::int64_t n) {
  DimVec sizes(t.sizes());
  if (t.ndim() > 0) sizes[std::size_t(dim)] = n;
  return sizes;
}

/// (input, k, dim, largest, sorted, out)
PyObject* topk_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  const int dim = wrap_dim(a.integer(2, -1), t.ndim());
  const std::int64_t k = a.integer(1), n = t.ndim() == 0 ? 1 : t.sizes()[dim];
  if (k < 0 || k > n) fail_runtime("selected index k out of range");
  if (t.dtype() == DType::Bool || is_complex(t.dtype())) {
    fail_runtime("topk does not support ", t.dtype() == DType::Bool ? "bool" : "complex", " dtypes on CPU");
  }
  const DimVec sizes = with_size(t, dim, k);
  Picked p{empty(sizes, t.dtype()), empty(sizes, DType::Int64)};
  if (t.ndim() == 0) {
    copy_into(p.values, t);
    fill(p.indices, 0);
  } else {
    GilRelease gil(t.numel(), true);
    topk(source(t), dim, k, a.boolean(3, true), target(p.values), target(p.indices));
  }
  record_pick(p.values, t, p.indices, dim, false, "TopkBackward0");
  return give_pair(a, 5, "topk", "topk", std::move(p), tracked(t));
}

// --- one element along a dimension
// -----------------------------------------------------------------------------------------

/// Results that lack the dimension, or have it with size 1.
Picked drop(Picked p, int dim, bool keepdim) {
  if (keepdim || p.values.ndim() == 0) return p;
  for (Tensor* t : {&p.values, &p.indices}) {
    DimVec sizes(t->sizes()), strides(t->strides());
    sizes.erase(std::size_t(dim));
    strides.erase(std::size_t(dim));
    set_geometry(t->get(), sizes, strides);
  }
  return p;
}

void need_dim(const Tensor& t, int dim, const char* name) {
  if (t.ndim() > 0 && t.sizes()[dim] == 0) {
    fail_index(name, "(): Expected reduction dim ", dim, " to have non-zero size.");
  }
}

template <class F>
Picked pick_one(const Tensor& t, int dim, bool keepdim, const char* title, F&& kernel) {
  const DimVec sizes = with_size(t, dim, 1);
  Picked p{empty(sizes, t.dtype()), empty(sizes, DType::Int64)};
  if (t.ndim() == 0) {
    copy_into(p.values, t);
    fill(p.indices, 0);
  } else {
    GilRelease gil(t.numel(), true);
    kernel(p);
  }
  p = drop(std::move(p), dim, keepdim);
  record_pick(p.values, t, p.indices, dim, !keepdim && t.ndim() > 0, title);
  return p;
}

/// (input, k, dim, keepdim, out)
PyObject* kthvalue_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  const int dim = wrap_dim(a.integer(2, -1), t.ndim());
  need_dim(t, dim, "kthvalue");
  if (t.ndim() > 0) need_real(t, "kthvalue_cpu");
  const std::int64_t k = a.integer(1), n = t.ndim() == 0 ? 1 : t.sizes()[dim];
  if (k < 1 || k > n) fail_runtime("kthvalue(): selected number k out of range for dimension ", dim);
  Picked p = pick_one(t, dim, a.boolean(3), "KthvalueBackward0",
                      [&](Picked& q) { select(source(t), dim, k - 1, target(q.values), target(q.indices)); });
  return give_pair(a, 4, "kthvalue", "kthvalue", std::move(p), tracked(t));
}

/// Overload 0: of all elements; 1: (input, dim, keepdim, out).
PyObject* median_op(const OpDef& def, Args& a) {
  const bool ignore_nan = def.name[0] == 'n';
  Tensor t = a.tensor(0);
  need_real(t, def.name);
  if (a.overload == 0) {
    if (t.numel() == 0) {
      if (is_floating(t.dtype())) return scalar_tensor(std::nan(""), t.dtype()).release();
      return scalar_tensor(std::numeric_limits<std::int64_t>::min(), t.dtype()).release();
    }
    Tensor out;
    {
      const GradMode off(false);
      const Tensor flat = reshape(t, {{-1}});
      out = pick_one(flat, 0, false, "", [&](Picked& q) {
              median(source(flat), 0, ignore_nan, target(q.values), target(q.indices));
            }).values;
    }
    if (recording(t)) {
      auto* n = record<MedianNode>(out, t);
      n->x.save(t);
      n->y.save_output(out);
      n->ignore_nan = ignore_nan;
    }
    return out.release();
  }
  const int dim = a.dim(1, t.ndim());
  need_dim(t, dim, def.name);
  Picked p = pick_one(t, dim, a.boolean(2), ignore_nan ? "NanmedianBackward1" : "MedianBackward1",
                      [&](Picked& q) { median(source(t), dim, ignore_nan, target(q.values), target(q.indices)); });
  return give_pair(a, 3, def.name, def.name, std::move(p), tracked(t));
}

/// The commonest value of a line, the smallest of equally common ones, with the index of its last occurrence.
PyObject* mode_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  const int dim = wrap_dim(a.integer(1, -1), t.ndim());
  need_dim(t, dim, def.name);
  if (t.ndim() > 0) need_real(t, "mode_cpu");
  const Tensor values = empty(t.sizes(), t.dtype()), places = empty(t.sizes(), DType::Int64);
  Picked p = pick_one(t, dim, a.boolean(2), "ModeBackward0", [&](Picked& q) {
    sort(source(t), dim, false, target(values), target(places));
    std::int64_t outer = 1, inner = 1;
    for (int i = 0; i < t.ndim(); ++i) (i < dim ? outer : inner) *= i == dim ? 1 : t.sizes()[i];
    const std::int64_t n = t.sizes()[dim];
    dispatch(t.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (!is_complex_v<T>) {
        const T* v = values.data_as<T>();
        const auto equal = [](T x, T y) {
          if constexpr (is_half_v<T>)
            return float(x) == float(y);
          else
            return x == y;
        };
        for (std::int64_t o = 0; o < outer; ++o) {
          for (std::int64_t k = 0; k < inner; ++k) {
            const std::int64_t start = o * n * inner + k;
            std::int64_t longest = 0, end = 0;
            for (std::int64_t i = 0, run = 0; i < n; ++i) {
              const bool same = i > 0 && equal(v[start + i * inner], v[start + (i - 1) * inner]);
              run = same ? run + 1 : 1;
              if (run > longest) {
                longest = run;
                end = i;
              }
            }
            q.values.data_as<T>()[o * inner + k] = v[start + end * inner];
            q.indices.data_as<std::int64_t>()[o * inner + k] = places.data_as<std::int64_t>()[start + end * inner];
          }
        }
      }
    });
  });
  return give_pair(a, 3, "mode", "mode", p, tracked(t));
}

// --- running extremes
// ----------------------------------------------------------------------------------------------------------

PyObject* cummax_op(const OpDef& def, Args& a) {
  const bool largest = def.name[4] == 'a';
  const Tensor t = a.tensor(0);
  const int dim = a.dim(1, t.ndim());
  if (t.ndim() > 0 && t.numel() > 0) need_real(t, largest ? "cummax_cpu" : "cummin_cpu");
  if (const std::vector<Tensor> out = a.tensors(2); !out.empty() && out[0].dtype() != t.dtype())
    fail_runtime("expected scalar_type ", scalar_type_name(t.dtype()), " but found ", scalar_type_name(out[0].dtype()));
  Picked p{empty(t.sizes(), t.dtype()), empty(t.sizes(), DType::Int64)};
  if (t.ndim() == 0) {
    copy_into(p.values, t);
    fill(p.indices, 0);
  } else {
    GilRelease gil(t.numel(), true);
    scan(largest ? Scan::Cummax : Scan::Cummin, source(t), dim, target(p.values), target(p.indices));
  }
  record_pick(p.values, t, p.indices, dim, false, largest ? "CummaxBackward0" : "CumminBackward0");
  return give_pair(a, 2, def.name, def.name, std::move(p), tracked(t));
}

// --- where a value belongs
// ---------------------------------------------------------------------------------------------------

bool wants_right(Args& a, int right, int side) {
  const bool flag = a.boolean(right);
  if (!a.has(side)) return flag;
  const std::string s = a.string(side);
  if (s != "left" && s != "right") {
    fail_runtime("torch.searchsorted(): side can only be 'left' or 'right' but got ", s);
  }
  if (flag && s == "left") {
    fail_runtime(
        "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True");
  }
  return s == "right";
}

void check_search_out(const Args& a, int out, bool narrow) {
  if (!a.has(out)) return;
  const DType d = a.tensor(out).dtype();
  if (d == (narrow ? DType::Int32 : DType::Int64)) return;
  fail_runtime(
      "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on "
      "whether out_int32 flag is True, but we got output tensor's dtype ",
      scalar_type_name(d), " and out_int32 flag is ", narrow ? "True" : "False");
}
Tensor search(const Tensor& sorted_, const Tensor& values, bool right, bool narrow, const Tensor& sorter) {
  if ((is_complex(sorted_.dtype()) || is_complex(values.dtype())) && values.numel() > 0) {
    fail_unsupported("searchsorted_out_cpu", is_complex(values.dtype()) ? values.dtype() : sorted_.dtype());
  }
  const bool shared = sorted_.ndim() == 1;
  if (sorted_.ndim() == 0) {
    fail_runtime(
        "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we "
        "got boundaries tensor dim(0) and input value's dim(",
        values.ndim(), ") numel(", values.numel(), ")");
  }
  if (!shared) {
    bool fits = sorted_.ndim() == values.ndim();
    for (int i = 0; fits && i + 1 < values.ndim(); ++i) fits = sorted_.sizes()[i] == values.sizes()[i];
    if (!fits) {
      fail_runtime(
          "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of "
          "boundaries tensor and input value tensor must match, but we got boundaries tensor ",
          str(sorted_.sizes()), " and input value tensor ", str(values.sizes()));
    }
  }
  if (sorter.defined()) {
    if (!same(sorter.sizes(), sorted_.sizes())) {
      fail_runtime("torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor ",
                   str(sorted_.sizes()), "and got sorter tensor ", str(sorter.sizes()));
    }
    if (sorter.dtype() != DType::Int64) {
      fail_runtime("torch.searchsorted(): sorter must be a tensor of long dtype but got dtype ",
                   scalar_type_name(sorter.dtype()));
    }
  }
  DType d = result_type(sorted_, values);
  if (d == DType::Half || d == DType::BFloat16) d = DType::Float;
  const Tensor s = contiguous_as(detach(sorted_), d), v = contiguous_as(detach(values), d);
  const Tensor order = sorter.defined() ? contiguous_as(sorter, DType::Int64) : Tensor();
  Tensor out = empty(values.sizes(), DType::Int64);
  const std::int64_t length = s.size(-1);
  const std::int64_t n = shared ? v.numel() : v.size(-1), rows = shared || n == 0 ? 1 : v.numel() / n;
  if (v.numel() > 0) {
    search_sorted(s.data(), length, v.data(), rows, n, shared, d, right,
                  order.defined() ? order.data_as<std::int64_t>() : nullptr, out.data_as<std::int64_t>());
  }
  return narrow ? to(out, DType::Int32) : out;
}

/// (sorted_sequence, input, out_int32, right, side, sorter, out)
PyObject* searchsorted_op(const OpDef& def, Args& a) {
  const Tensor s = a.tensor(0);
  check_search_out(a, 6, a.boolean(2));
  const bool number = !a.is_tensor(1);
  const Tensor v = number ? scalar_tensor(a.scalar(1), s.dtype()) : a.tensor(1);
  return give(a, 6, search(s, v, wants_right(a, 3, 4), a.boolean(2), a.tensor(5)), def.name, false);
}
/// (input, boundaries, out_int32, right, out)
PyObject* bucketize_op(const OpDef& def, Args& a) {
  const Tensor b = a.tensor(1);
  check_search_out(a, 4, a.boolean(2));
  if (b.ndim() != 1) fail_runtime("boundaries tensor must be 1 dimension, but got dim(", b.ndim(), ")");
  const Tensor v = a.is_tensor(0) ? a.tensor(0) : scalar_tensor(a.scalar(0), b.dtype());
  return give(a, 4, search(b, v, a.boolean(3), a.boolean(2), Tensor()), def.name, false);
}

// --- counting
// --------------------------------------------------------------------------------------------------------------------

/// (input, weights, minlength)
PyObject* bincount_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  const std::int64_t least = a.integer(2, 0);
  if (least < 0) fail_runtime("minlength should be >= 0");
  if (t.ndim() != 1 || !is_integral(t.dtype(), false)) {
    if (!is_integral(t.dtype(), false))
      fail(ErrorKind::NotImplemented, "\"bincount_cpu\" not implemented for '", scalar_type_name(t.dtype()), "'");
    fail_runtime("bincount only supports 1-d non-negative integral inputs.");
  }
  const Tensor w = a.tensor(1);
  if (w.defined() && (w.ndim() != 1 || w.numel() != t.numel())) {
    fail_runtime("weights should be 1-d and have the same length as input");
  }
  // Without elements PyTorch does not look at the weights.
  if (t.numel() == 0) return zeros({{least}}, DType::Int64).release();
  const Tensor v = contiguous_as(t, DType::Int64);
  std::int64_t n = least;
  const auto* p = v.data_as<std::int64_t>();
  for (std::int64_t i = 0; i < v.numel(); ++i) {
    if (p[i] < 0) fail_runtime("bincount only supports 1-d non-negative integral inputs.");
    if (p[i] == std::numeric_limits<std::int64_t>::max()) fail_runtime("bincount: ", p[i], " is too large a value");
    n = std::max(n, p[i] + 1);
  }
  if (!w.defined()) {
    Tensor out = zeros({{n}}, DType::Int64);
    bin_count(p, DType::Int64, v.numel(), nullptr, out.data_as<std::int64_t>(), nullptr);
    return out.release();
  }
  Tensor out = zeros({{n}}, DType::Double);
  const Tensor weights = contiguous_as(detach(w), DType::Double);
  bin_count(p, DType::Int64, v.numel(), weights.data_as<double>(), nullptr, out.data_as<double>());
  return (w.dtype() == DType::Float ? to(out, DType::Float) : out).release();
}

/// (input, bins, min, max, out)
PyObject* histc_op(const OpDef& def, Args& a) {
  const Tensor t = detach(a.tensor(0));
  const std::int64_t bins = a.integer(1, 100);
  if (a.has(4) && a.tensor(4).dtype() != t.dtype()) {
    fail_runtime("torch.histogram: input tensor and hist tensor should have the same dtype, but got input ",
                 scalar_type_name(t.dtype()), " and hist ", scalar_type_name(a.tensor(4).dtype()));
  }
  if (bins <= 0) fail_runtime("bins must be > 0");
  if (!is_floating(t.dtype())) fail_unsupported("histogram_cpu", t.dtype());
  double low = a.real(2, 0), high = a.real(3, 0);
  const DType d = compute_type(t.dtype());
  const Tensor v = contiguous_as(t, d);
  if (low == high && t.numel() > 0) {
    low = std::numeric_limits<double>::infinity();
    high = -low;
    const auto look = [&](auto* p) {
      for (std::int64_t i = 0; i < v.numel(); ++i) {
        const double x = double(p[i]);
        // nan stays, and is refused below.
        if (!(x >= low)) low = x;
        if (!(x <= high)) high = x;
      }
    };
    if (d == DType::Double)
      look(v.data_as<double>());
    else
      look(v.data_as<float>());
  }
  if (low == high) {
    low -= 1;
    high += 1;
  }
  if (!std::isfinite(low) || !std::isfinite(high)) fail_runtime("range of [", low, ", ", high, "] is not finite");
  if (low > high) fail_runtime("max must be larger than min");
  Tensor out = zeros({{bins}}, d);
  histogram(v.data(), d, v.numel(), low, high, bins, out.data());
  return give(a, 4, to(out, t.dtype()), def.name, tracked(a.tensor(0)));
}

// --- triangles
// -------------------------------------------------------------------------------------------------------------------

struct TriangleNode final : Node {
  std::int64_t diagonal = 0;
  bool upper = false;
  const char* name() const override { return upper ? "TriuBackward0" : "TrilBackward0"; }
  void show(ValueVisitor& v) const override { v.number("diagonal", diagonal); }
  void apply(Tensor* in, Tensor* out) override { out[0] = triangle(in[0], diagonal, upper); }
};

}  // namespace

Tensor triangle(const Tensor& t, std::int64_t diagonal, bool upper) {
  if (t.ndim() < 2) fail_runtime(upper ? "triu" : "tril", ": input tensor must have at least 2 dimensions");
  Tensor out = to_contiguous(t, t.dtype());
  const std::int64_t rows = t.size(-2), columns = t.size(-1), matrix = rows * columns;
  const std::size_t size = std::size_t(t.itemsize());
  diagonal = std::clamp(diagonal, -rows - 1, columns + 1);
  for (std::int64_t m = 0, count = matrix == 0 ? 0 : t.numel() / matrix; m < count; ++m) {
    for (std::int64_t i = 0; i < rows; ++i) {
      char* row = out.data() + (m * matrix + i * columns) * std::int64_t(size);
      const std::int64_t edge = std::clamp<std::int64_t>(i + diagonal + (upper ? 0 : 1), 0, columns);
      if (upper)
        std::fill_n(row, std::size_t(edge) * size, char(0));
      else
        std::fill_n(row + edge * std::int64_t(size), std::size_t(columns - edge) * size, char(0));
    }
  }
  if (recording(t)) {
    auto* n = record<TriangleNode>(out, t);
    n->diagonal = diagonal;
    n->upper = upper;
  }
  return out;
}

namespace {

/// (input, diagonal, out)
PyObject* triangle_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  return give(a, 2, triangle(t, a.integer(1, 0), def.name[3] == 'u'), def.name, tracked(t), OutRule::Same);
}

PyObject* triangle_op_(const OpDef& def, Args& a) {
  Tensor t = a.tensor(0);
  const bool upper = def.name[3] == 'u', record = recording(t);
  const std::int64_t diagonal = a.integer(1, 0);
  check_inplace(t, record);
  Tensor result;
  {
    const GradMode off(false);
    result = triangle(t, diagonal, upper);
  }
  check_no_overlap(t);
  NodeRef node;
  if (record && is_differentiable(t.dtype())) {
    auto* n = make_node<TriangleNode>(1);
    node = NodeRef::steal(n);
    connect(n, 0, t);
    n->diagonal = diagonal;
    n->upper = upper;
  }
  copy_into(t, result);
  finish_inplace(t, node.get());
  return t.release();
}

constexpr const char* kMedianSig = "(Tensor input)\n(Tensor input, int dim, bool keepdim=False, *, Tensors? out=None)";
constexpr const char* kCumSig = "(Tensor input, int dim, *, Tensors? out=None)";
constexpr const char* kTriangleSig = "(Tensor input, int diagonal=0, *, Tensor? out=None)";

const OpDef ops[] = {
    {"sort",
     "(Tensor input, *, bool? stable, int dim=-1, bool descending=False, Tensors? out=None)\n"
     "(Tensor input, int dim=-1, bool descending=False, *, Tensors? out=None)",
     sort_op, kBoth, Kind::Movement,
     "(values, indices) along a dimension in ascending order, or descending. Always stable; nan counts as the "
     "largest."},
    {"argsort",
     "(Tensor input, *, bool stable, int dim=-1, bool descending=False)\n"
     "(Tensor input, int dim=-1, bool descending=False)",
     argsort_op, kBoth, Kind::Comparison, "The indices that sort along a dimension."},
    {"msort", "(Tensor input, *, Tensor? out=None)", msort_op, kBoth, Kind::Movement,
     "The values sorted along the first dimension."},
    {"topk", "(Tensor input, int k, int dim=-1, bool largest=True, bool sorted=True, *, Tensors? out=None)", topk_op,
     kBoth, Kind::Movement, "(values, indices) of the k largest, or smallest, along a dimension, in order."},
    {"mode", "(Tensor input, int dim=-1, bool keepdim=False, *, Tensors? out=None)", mode_op, kBoth, Kind::Reduction,
     "(values, indices): the commonest value along a dimension, the smallest of equally common ones."},
    {"kthvalue", "(Tensor input, int k, int dim=-1, bool keepdim=False, *, Tensors? out=None)", kthvalue_op, kBoth,
     Kind::Reduction, "(values, indices) of the k-th smallest along a dimension, counted from 1."},
    {"median", kMedianSig, median_op, kBoth, Kind::Reduction,
     "The lower median of all elements, or (values, indices) along a dimension."},
    {"nanmedian", kMedianSig, median_op, kBoth, Kind::Reduction, "The lower median, nan left out."},
    {"cummax", kCumSig, cummax_op, kBoth, Kind::Scan, "(values, indices) of the largest so far along a dimension."},
    {"cummin", kCumSig, cummax_op, kBoth, Kind::Scan, "(values, indices) of the smallest so far along a dimension."},
    {"searchsorted",
     "(Tensor sorted_sequence, Operand input, *, bool out_int32=False, bool right=False, str? side=None, Tensor? "
     "sorter=None, Tensor? out=None)",
     searchsorted_op, kFunction, Kind::Comparison,
     "Where each value belongs in the sorted innermost dimension: sorted[i-1] < v <= sorted[i], or with right <= v <."},
    {"bucketize", "(Operand input, Tensor boundaries, *, bool out_int32=False, bool right=False, Tensor? out=None)",
     bucketize_op, kFunction, Kind::Comparison, "The bucket of each element among sorted boundaries."},
    {"bincount", "(Tensor input, Tensor? weights=None, int minlength=0)", bincount_op, kBoth, Kind::Comparison,
     "How often each non-negative integer occurs, or the sum of its weights."},
    {"histc", "(Tensor input, int bins=100, Number min=0, Number max=0, *, Tensor? out=None)", histc_op, kBoth,
     Kind::Comparison, "Counts in equal intervals of [min, max]; those of the data where both are equal."},
    {"tril", kTriangleSig, triangle_op, kBoth, Kind::Linear,
     "The lower triangle of matrices: elements above the diagonal become 0."},
    {"tril_", "(Tensor self, int diagonal=0)", triangle_op_, kMethod, Kind::Linear, "In-place tril."},
    {"triu_", "(Tensor self, int diagonal=0)", triangle_op_, kMethod, Kind::Linear, "In-place triu."},
    {"triu", kTriangleSig, triangle_op, kBoth, Kind::Linear,
     "The upper triangle of matrices: elements below the diagonal become 0."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
