// Distances between rows: cdist of two sets of points, pdist within one.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/scratch.h"
#include "kernels/table.h"
#include "ops/binary.h"
#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

Metric metric_of(double p) {
  return p == 0          ? Metric::Count
         : p == 1        ? Metric::One
         : p == 2        ? Metric::Two
         : std::isinf(p) ? Metric::Max
                         : Metric::Power;
}
template <class F>
void in_type(DType d, F&& f) {
  if (d == DType::Float)
    f(Tag<float>{}, 0);
  else
    f(Tag<double>{}, 1);
}

/// Points as columns: [..., n, dims] to [..., dims, n], in memory of their own.
Tensor columns_of(const Tensor& points) {
  const GradMode off(false);
  return contiguous_as(matrix_transpose(points), points.dtype());
}
std::int64_t grain_of(std::int64_t row_work) {
  return std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, row_work));
}

/// The slope of the distances by their differences [..., dims], written with operators; `d` [...] are the distances and
/// `grad` what is to be multiplied in.
Tensor slopes(double p, const Tensor& difference, const Tensor& d, const Tensor& grad) {
  const Tensor far = unsqueeze(d, -1), g = unsqueeze(grad, -1);
  const Metric metric = metric_of(p);
  if (metric == Metric::Count) return zeros_like(difference) * g;
  if (metric == Metric::One) return sgn(difference) * g;
  if (metric == Metric::Max) {
    const Tensor largest = compare(Compare::Eq, abs(difference), far);
    return masked_fill(sgn(difference) * g, compare(Compare::Eq, largest, Scalar(false)), 0);
  }
  // Between equal points the slope is 0, and so are its derivatives.
  const Tensor none = compare(Compare::Eq, far, Scalar(0));
  const Tensor some = masked_fill(far, none, 1);
  if (metric == Metric::Two) return difference * masked_fill(g / some, none, 0);
  const Tensor zero = compare(Compare::Eq, difference, Scalar(0));
  const Tensor steep =
      masked_fill(sgn(difference) * pow(abs(masked_fill(difference, zero, 1)), Scalar(p - 1)), zero, 0);
  return steep * masked_fill(g / pow(some, Scalar(p - 1)), none, 0);
}

// --- two sets
// -----------------------------------------------------------------------------------------------------------------------

/// Gradients of the rows of `a`, from the distances [B, P, R] to the columns of `b`.
Tensor pull(double p, const Tensor& a, const Tensor& b, const Tensor& distance, const Tensor& grad) {
  const std::int64_t rows = a.size(-2), dims = a.size(-1), columns = b.size(-2);
  const Tensor x = contiguous_as(a, a.dtype()), y = columns_of(b);
  const Tensor d = contiguous_as(distance, a.dtype()), g = contiguous_as(grad, a.dtype());
  Tensor out = empty(a.sizes(), a.dtype());
  const std::int64_t all = rows * dims == 0 ? 0 : out.numel() / dims;
  const Metric metric = metric_of(p);
  const GilRelease gil(all * columns * dims);
  in_type(a.dtype(), [&](auto tag, int slot) {
    using T = typename decltype(tag)::type;
    parallel_for(all, grain_of(columns * dims), [&](std::int64_t begin, std::int64_t end) {
      const Scratch scratch(columns * std::int64_t(sizeof(T)));
      T* const factors = reinterpret_cast<T*>(scratch.get());
      for (std::int64_t i = begin; i < end; ++i) {
        const T *gi = g.data_as<T>() + i * columns, *di = d.data_as<T>() + i * columns;
        kernels->resample.factors[slot](gi, di, columns, metric, p, factors);
        kernels->resample.pulls[slot](x.data_as<T>() + i * dims, y.data_as<T>() + i / rows * dims * columns, columns,
                                      dims, metric, p, factors, di, out.data_as<T>() + i * dims);
      }
    });
  });
  return out;
}

struct CdistNode final : Node {
  SavedTensor a, b, distance;
  double p = 2;
  const char* name() const override { return "CdistBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor d = distance.unpack(this), x1 = a.unpack(this), x2 = b.unpack(this), &g = in[0];
    const Dims batch = d.sizes().first(std::size_t(d.ndim() - 2));
    const auto whole = [&](const Tensor& t) {
      DimVec sizes(batch);
      sizes.push_back(t.size(-2));
      sizes.push_back(t.size(-1));
      return expand(t, sizes);
    };
    if (modes.grad) {
      const Tensor each = slopes(p, unsqueeze(x1, -2) - unsqueeze(x2, -3), d, g);
      if (needs(0)) out[0] = sum_to(sum(each, {{-2}}), x1.sizes());
      if (needs(1)) out[1] = sum_to(-sum(each, {{-3}}), x2.sizes());
      return;
    }
    if (needs(0)) out[0] = sum_to(pull(p, whole(x1), whole(x2), d, g), x1.sizes());
    if (needs(1)) {
      out[1] = sum_to(pull(p, whole(x2), whole(x1), matrix_transpose(d), matrix_transpose(g)), x2.sizes());
    }
  }
  void visit(SavedVisitor& v) override {
    v.tensor("x1", a);
    v.tensor("x2", b);
    v.tensor("result", distance);
  }
};

/// By way of a product of matrices: |a - b|^2 = |a|^2 - 2 a b + |b|^2.
struct EuclideanNode final : Node {
  SavedTensor a, b, distance;
  const char* name() const override { return "EuclideanDistBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor d = distance.unpack(this), x1 = a.unpack(this), x2 = b.unpack(this);
    const Tensor none = compare(Compare::Eq, d, Scalar(0));
    const Tensor ratio = masked_fill(in[0] / masked_fill(d, none, 1), none, 0);
    if (needs(0)) out[0] = x1 * sum(ratio, {{-1}}, true) - matmul(ratio, x2);
    if (needs(1)) out[1] = x2 * unsqueeze(sum(ratio, {{-2}}), -1) - matmul(matrix_transpose(ratio), x1);
  }
  void visit(SavedVisitor& v) override {
    v.tensor("x1", a);
    v.tensor("x2", b);
    v.tensor("result", distance);
  }
};

Tensor euclidean(const Tensor& x1, const Tensor& x2) {
  Tensor out;
  {
    const GradMode off(false);
    const auto squares = [](const Tensor& t) { return sum(t * t, {{-1}}, true); };
    const auto ones = [](const Tensor& t) {
      DimVec sizes(t.sizes());
      sizes[sizes.size() - 1] = 1;
      return full(sizes, 1, t.dtype());
    };
    const Tensor left[] = {x1 * Scalar(-2), squares(x1), ones(x1)}, right[] = {x2, ones(x2), squares(x2)};
    const Tensor product = matmul(concat(left, x1.ndim() - 1), matrix_transpose(concat(right, x2.ndim() - 1)));
    out = sqrt(maximum(product, scalar_tensor(0, product.dtype())));
  }
  if (recording(x1, x2)) {
    auto* n = record<EuclideanNode>(out, x1, x2);
    n->a.save(x1), n->b.save(x2);
    n->distance.save_output(out);
  }
  return out;
}

/// (x1, x2, p, compute_mode)
PyObject* cdist_op(const OpDef&, Args& a) {
  const Tensor x1 = a.tensor(0), x2 = a.tensor(1);
  const double p = a.real(2, 2);
  const std::string mode = a.string(3, "use_mm_for_euclid_dist_if_necessary");
  const bool always = mode == "use_mm_for_euclid_dist", perhaps = mode == "use_mm_for_euclid_dist_if_necessary";
  if (!always && !perhaps && mode != "donot_use_mm_for_euclid_dist") {
    fail_value(mode, " is not a valid value for compute_mode");
  }
  const std::pair<const char*, const Tensor*> both[] = {{"X1", &x1}, {"X2", &x2}};
  for (const auto& [name, t] : both) {
    if (t->ndim() < 2) fail_runtime("cdist only supports at least 2D tensors, ", name, " got: ", t->ndim(), "D");
  }
  if (x1.size(-1) != x2.size(-1)) {
    fail_runtime("X1 and X2 must have the same number of columns. X1: ", x1.size(-1), " X2: ", x2.size(-1));
  }
  for (const auto& [name, t] : both) {
    if (is_floating(t->dtype())) continue;
    fail_runtime("cdist only supports floating-point dtypes, ", name, " got: ", scalar_type_name(t->dtype()));
  }
  if (!(p >= 0)) fail_runtime("cdist only supports non-negative p values");
  if (x1.dtype() != x2.dtype()) {
    fail_runtime("expected scalar type ", scalar_type_name(x1.dtype()), " but found ", scalar_type_name(x2.dtype()));
  }
  const std::int64_t rows = x1.size(-2), columns = x2.size(-2), dims = x1.size(-1);
  DimVec sizes =
      broadcast_shapes(x1.sizes().first(std::size_t(x1.ndim() - 2)), x2.sizes().first(std::size_t(x2.ndim() - 2)));
  const auto whole = [batch = DimVec(sizes)](const Tensor& t) {
    DimVec full_sizes(batch);
    full_sizes.push_back(t.size(-2));
    full_sizes.push_back(t.size(-1));
    return same(full_sizes, t.sizes()) ? t : expand(t, full_sizes);
  };
  sizes.push_back(rows);
  sizes.push_back(columns);
  const DType d = x1.dtype();
  const std::int64_t count = checked_numel(sizes);
  const bool product = p == 2 && (always || (perhaps && (rows > 25 || columns > 25))) && count > 0 && dims > 0;
  if (itemsize(d) == 2) fail_unsupported("cdist", d);
  if (product) return view(euclidean(whole(x1), whole(x2)), sizes).release();
  Tensor out = empty(sizes, d);
  {
    const GradMode off(false);
    const bool by_row = dims >= 32 && columns < 64;
    const Tensor x = contiguous_as(whole(x1), d), y = by_row ? contiguous_as(whole(x2), d) : columns_of(whole(x2));
    const Metric metric = metric_of(p);
    const GilRelease gil(count * (dims + 1));
    in_type(d, [&](auto tag, int slot) {
      using T = typename decltype(tag)::type;
      const std::int64_t all = columns == 0 ? 0 : count / columns;
      parallel_for(all, grain_of(columns * (dims + 1)), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          T* const line = out.data_as<T>() + i * columns;
          kernels->resample.distances[slot](x.data_as<T>() + i * dims, y.data_as<T>() + i / rows * dims * columns,
                                            by_row ? 0 : columns, columns, dims, metric, p, line);
        }
      });
    });
  }
  if (recording(x1, x2)) {
    auto* n = record<CdistNode>(out, x1, x2);
    n->p = p;
    n->a.save(x1), n->b.save(x2);
    n->distance.save_output(out);
  }
  return out.release();
}

// --- one set
// ------------------------------------------------------------------------------------------------------------------------

struct PdistNode final : Node {
  SavedTensor points, distance;
  double p = 2;
  const char* name() const override { return "PdistBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor x = points.unpack(this), d = distance.unpack(this), &g = in[0];
    const std::int64_t n = x.size(0);
    if (modes.grad) {
      Tensor first = empty({{d.numel()}}, DType::Int64), second = empty({{d.numel()}}, DType::Int64);
      for (std::int64_t i = 0, at = 0; i < n; ++i) {
        for (std::int64_t j = i + 1; j < n; ++j, ++at) {
          first.data_as<std::int64_t>()[at] = i, second.data_as<std::int64_t>()[at] = j;
        }
      }
      const Tensor each = slopes(p, index_select(x, 0, first) - index_select(x, 0, second), d, g);
      out[0] = index_add(index_add(zeros_like(x), 0, first, each), 0, second, each, -1);
      return;
    }
    // Both triangles of the matrix of distances, then as between two sets.
    Tensor far = zeros({{n, n}}, x.dtype()), grad = zeros({{n, n}}, x.dtype());
    const Tensor given = contiguous_as(g, x.dtype()), lengths = contiguous_as(d, x.dtype());
    in_type(x.dtype(), [&](auto tag, int) {
      using T = typename decltype(tag)::type;
      T *const to = far.data_as<T>(), *const pulls = grad.data_as<T>();
      for (std::int64_t i = 0, at = 0; i < n; ++i) {
        for (std::int64_t j = i + 1; j < n; ++j, ++at) {
          to[i * n + j] = to[j * n + i] = lengths.data_as<T>()[at];
          pulls[i * n + j] = pulls[j * n + i] = given.data_as<T>()[at];
        }
      }
    });
    out[0] = pull(p, x, x, far, grad);
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", points);
    v.tensor("pdist", distance);
  }
};

/// (input, p)
PyObject* pdist_op(const OpDef&, Args& a) {
  const Tensor x = a.tensor(0);
  const double p = a.real(1, 2);
  if (x.ndim() != 2) fail_runtime("pdist only supports 2D tensors, got: ", x.ndim(), "D");
  if (!is_floating(x.dtype())) fail_runtime("pdist only supports floating-point dtypes");
  if (!(p >= 0)) fail_runtime("pdist only supports non-negative p values");
  const DType d = x.dtype();
  if (itemsize(d) == 2) fail_unsupported("pdist", d);
  const std::int64_t n = x.size(0), dims = x.size(1);
  Tensor out = empty({{n * (n - 1) / 2}}, d);
  if (out.numel() > 0) {
    // Long rows are summed along themselves.
    const bool by_row = dims >= 32;
    const Tensor rows = contiguous_as(x, d), columns = by_row ? rows : columns_of(x);
    const Metric metric = metric_of(p);
    const GilRelease gil(out.numel() * (dims + 1));
    in_type(d, [&](auto tag, int slot) {
      using T = typename decltype(tag)::type;
      parallel_for(n - 1, grain_of(n * (dims + 1)), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const std::int64_t count = n - 1 - i;
          T* const line = out.data_as<T>() + i * (2 * n - i - 1) / 2;
          kernels->resample.distances[slot](rows.data_as<T>() + i * dims,
                                            columns.data_as<T>() + (i + 1) * (by_row ? dims : 1), by_row ? 0 : n, count,
                                            dims, metric, p, line);
        }
      });
    });
  }
  if (recording(x)) {
    auto* node = record<PdistNode>(out, x);
    node->p = p;
    node->points.save(x);
    node->distance.save_output(out);
  }
  return out.release();
}

const OpDef ops[] = {
    {"cdist", "(Tensor x1, Tensor x2, float p=2.0, str compute_mode='use_mm_for_euclid_dist_if_necessary')", cdist_op,
     kFunction, Kind::Other,
     "The p-norms of the differences between all rows of x1 [..., P, M] and of x2 [..., R, M]: [..., P, R]. For p = 2 "
     "and "
     "more than 25 rows they come from a product of matrices, unless compute_mode is 'donot_use_mm_for_euclid_dist'; "
     "'use_mm_for_euclid_dist' always takes the product, which is faster and less accurate between near points."},
    {"pdist", "(Tensor input, float p=2.0)", pdist_op, kFunction, Kind::Other,
     "The p-norms of the differences between every two rows of an [N, M] matrix, N (N - 1) / 2 of them: those of row 0 "
     "with the later ones first."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
