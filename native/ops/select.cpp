// Choosing elements: by conditions, by indices, by keys.
#include <algorithm>

#include "base/threads.h"
#include "kernels/indexed.h"
#include "ops/binary.h"
#include "ops/indexing.h"
#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

struct WhereNode final : Node {
  SavedTensor condition;
  const char* name() const override { return "WhereBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor c = condition.unpack(this), zero = zeros_like(in[0]);
    if (needs(0)) out[0] = where(c, in[0], zero);
    if (needs(1)) out[1] = where(c, zero, in[0]);
  }
  void visit(SavedVisitor& v) override { v.tensor("condition", condition); }
};
/// The value is a number, or a 0-dim tensor with a gradient of its own; the engine sums that over the mask.
struct MaskedFillNode final : Node {
  SavedTensor mask;
  const char* title = "MaskedFillBackward0";
  const char* name() const override { return title; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor m = mask.unpack(this);
    if (needs(0)) out[0] = masked_fill(in[0], m, 0);
    if (edge_count() > 1 && needs(1)) out[1] = where(m, in[0], zeros_like(in[0]));
  }
  void visit(SavedVisitor& v) override { v.tensor("mask", mask); }
};
struct MaskedSelectNode final : Node {
  SavedTensor mask;
  DimList sizes, both;
  const char* name() const override { return "MaskedSelectBackward0"; }
  void apply(Tensor* in, Tensor* out) override;
  void visit(SavedVisitor& v) override { v.tensor("mask", mask); }
};
/// Calls `f(index, k)` for every element of `index` (k: its place in each operand, in elements, for up to three
/// layouts).
template <class F>
void each(Dims sizes, Dims s0, Dims s1, Dims s2, F&& f) {
  const std::int64_t total = product(sizes);
  DimVec at(sizes.size(), 0);
  std::int64_t a = 0, b = 0, c = 0;
  for (std::int64_t n = 0; n < total; ++n) {
    f(at, a, b, c);
    for (std::size_t d = sizes.size(); d-- > 0;) {
      a += s0[d];
      b += s1[d];
      c += s2[d];
      if (++at[d] < sizes[d]) break;
      a -= s0[d] * sizes[d];
      b -= s1[d] * sizes[d];
      c -= s2[d] * sizes[d];
      at[d] = 0;
    }
  }
}

void check_index_type(const Tensor& index, const char* name) {
  if (index.dtype() != DType::Int64 && index.dtype() != DType::Int32 && index.numel() > 0)
    fail_runtime(name, "(): Expected dtype int32/int64 for index");
}

[[noreturn]] void fail_index_at(std::int64_t i, std::int64_t size, int dim) {
  fail_runtime("index ", i, " is out of bounds for dimension ", dim, " with size ", size);
}

/// `index` as contiguous int64, each element in [low, size).
Tensor fitting(const Tensor& index, std::int64_t low, std::int64_t size, int dim) {
  Tensor i = contiguous_as(index, DType::Int64);
  const auto* p = i.data_as<std::int64_t>();
  const std::int64_t bad = misfit(p, i.numel(), low, size);
  if (bad >= 0) fail_index_at(p[bad], size, dim);
  return i;
}

enum class Collide : std::uint8_t { Set, Add, Multiply, Min, Max };

/// Strides of `t` as IndexedMove wants them: 0 along `dim`, as many as there are `sizes` (a 0-dim tensor counts as one
/// element).
DimVec without(const Tensor& t, int dim, std::size_t n) {
  if (t.ndim() == 0) return DimVec(n, 0);
  DimVec strides(t.strides());
  strides[std::size_t(dim)] = 0;
  return strides;
}

/// False where an index does not fit, see IndexedMove; only Set and Add check them.
bool move_to(const Tensor& dst, const IndexedMove& m, Collide how, std::int64_t limit = 0) {
  switch (how) {
    case Collide::Set: return move_to_table(dst.itemsize(), m, limit);
    case Collide::Add: return add_to_table(dst.dtype(), m, limit);
    case Collide::Multiply: combine_in_table(dst.dtype(), Combine::Multiply, m); break;
    case Collide::Min: combine_in_table(dst.dtype(), Combine::Min, m); break;
    case Collide::Max: combine_in_table(dst.dtype(), Combine::Max, m); break;
  }
  return true;
}

/// dst[…, index, …] = or += src, along `dim`; raw. The elements of `dst` must not overlap.
void scatter_raw(const Tensor& dst, int dim, const Tensor& index64, const Tensor& src, Collide how) {
  if (index64.numel() == 0) return;
  const bool scalar = dst.ndim() == 0;
  const std::int64_t size = scalar ? 1 : dst.sizes()[dim];
  // All indices are checked first, so that a wrong one leaves everything as it was, unless nobody sees `dst` then.
  const bool fresh = size > 0 && is_fresh(dst.get()) && how <= Collide::Add;  // a limit of 0 is none
  const Tensor index = fresh ? contiguous_as(index64, DType::Int64) : fitting(index64, 0, size, dim);
  const Tensor values = src.dtype() == dst.dtype() ? src : to_contiguous(src, dst.dtype());
  const DimVec one(index.sizes().size(), 0), table = without(dst, dim, index.sizes().size());
  const IndexedMove m{index.sizes(),
                      dst.data(),
                      table,
                      scalar ? 0 : dst.strides()[dim],
                      index.data_as<std::int64_t>(),
                      index.strides(),
                      values.data(),
                      values.ndim() == 0 ? Dims(one) : values.strides()};
  bool good;
  {
    GilRelease gil(index.numel(), fresh);
    good = move_to(dst, m, how, fresh ? size : 0);
  }
  if (!good) fitting(index, 0, size, dim);
}

Tensor gather_raw(const Tensor& t, int dim, const Tensor& index64) {
  Tensor out = empty(index64.sizes(), t.dtype());
  if (out.numel() == 0) return out;
  const bool scalar = t.ndim() == 0;
  const std::int64_t size = scalar ? 1 : t.sizes()[dim];
  const Tensor index = contiguous_as(index64, DType::Int64);
  DimVec table = without(t, dim, index.sizes().size());
  table.resize(index.sizes().size());
  const IndexedMove m{
      index.sizes(),   t.data(),   table,        scalar ? 0 : t.strides()[dim], index.data_as<std::int64_t>(),
      index.strides(), out.data(), out.strides()};
  bool good = size > 0;  // the kernel takes a size of 0 for "do not check"
  if (good) {
    GilRelease gil(out.numel());
    good = move_from_table(t.itemsize(), m, size);
  }
  if (!good) fitting(index, 0, size, dim);
  return out;
}

std::int64_t size_or_1(const Tensor& t, int d) {
  if (t.ndim() == 0) return 1;
  return t.sizes()[wrap_dim(d, t.ndim())];
}
void check_gather_shapes(const Tensor& t, int dim, const Tensor& index) {
  if (index.numel() == 0) return;
  if (std::max(t.ndim(), 1) != std::max(index.ndim(), 1))
    fail_runtime("Index tensor must have the same number of dimensions as input tensor");
  for (int i = 0; i < index.ndim(); ++i) {
    if (i != dim && index.sizes()[i] > size_or_1(t, i)) {
      fail_runtime("Size does not match at dimension ", i, " expected index ", str(index.sizes()),
                   " to be no larger than self ", str(t.sizes()), " apart from dimension ", dim);
    }
  }
}
void check_scatter_shapes(const Tensor& t, int dim, const Tensor& index, const Tensor* src) {
  if (index.numel() == 0) return;
  if (std::max(t.ndim(), 1) != std::max(index.ndim(), 1))
    fail_runtime("Index tensor must have the same number of dimensions as self tensor");
  bool wrong = false;
  for (int i = 0; i < index.ndim(); ++i) wrong |= i != dim && index.sizes()[i] > size_or_1(t, i);
  for (int i = 0; !wrong && src != nullptr && i < index.ndim(); ++i) wrong = index.sizes()[i] > size_or_1(*src, i);
  if (!wrong && src != nullptr && std::max(src->ndim(), 1) != std::max(index.ndim(), 1))
    fail_runtime("Index tensor must have the same number of dimensions as src tensor");
  if (!wrong) return;
  const std::string what = cat("Expected index ", str(index.sizes()), " to be no larger than self ", str(t.sizes()),
                               " apart from dimension ", dim);
  if (src == nullptr) fail_runtime(what);
  fail_runtime(what, " and to be no larger size than src ", str(src->sizes()));
}

struct GatherNode final : Node {
  SavedTensor index;
  DimList sizes;
  int dim = 0;
  const char* name() const override { return "GatherBackward0"; }
  void show(ValueVisitor& v) const override {
    v.number("dim", dim);
    v.flag("sparse_grad", false);
  }
  void apply(Tensor* in, Tensor* out) override {
    out[0] = scatter_add(zeros(sizes, in[0].dtype()), dim, index.unpack(this), in[0]);
  }
  void visit(SavedVisitor& v) override { v.tensor("index", index); }
};
struct ScatterNode final : Node {
  SavedTensor index;
  int dim = 0;
  bool add = false;
  void show(ValueVisitor& v) const override { v.number("dim", dim); }
  // One edge where a number is written, else another one for the source.
  const char* name() const override {
    return add ? "ScatterAddBackward0" : edge_count() > 1 ? "ScatterBackward0" : "ScatterBackward1";
  }
  void apply(Tensor* in, Tensor* out) override;
  void visit(SavedVisitor& v) override { v.tensor("index", index); }
};
struct IndexCopyNode final : Node {
  SavedTensor index;
  int dim = 0;
  DimList source_sizes;
  const char* name() const override { return "IndexCopyBackward0"; }
  void show(ValueVisitor& v) const override {
    v.number("dim", dim);
    v.number("source_dim", std::int64_t(source_sizes.size()));
  }
  void apply(Tensor* in, Tensor* out) override;
  void visit(SavedVisitor& v) override { v.tensor("index", index); }
};
struct IndexFillNode final : Node {
  SavedTensor index;
  int dim = 0;
  const char* name() const override { return edge_count() > 1 ? "IndexFillBackward1" : "IndexFillBackward0"; }
  void show(ValueVisitor& v) const override { v.number("dim", dim); }
  void apply(Tensor* in, Tensor* out) override;
  void visit(SavedVisitor& v) override { v.tensor("index", index); }
};
struct IndexAddNode final : Node {
  SavedTensor index;
  int dim = 0;
  Scalar alpha = 1;
  DimList source_sizes;
  const char* name() const override { return "IndexAddBackward0"; }
  void show(ValueVisitor& v) const override {
    v.number("alpha", alpha);
    v.number("dim", dim);
    v.number("source_dim", std::int64_t(source_sizes.size()));
  }
  void apply(Tensor* in, Tensor* out) override {
    if (needs(0)) out[0] = in[0];
    if (needs(1)) {
      out[1] = reshape(index_select(in[0], dim, index.unpack(this)), source_sizes);
      if (!alpha.equals(1)) out[1] = out[1] * alpha;
    }
  }
  void visit(SavedVisitor& v) override { v.tensor("index", index); }
};
struct IndexSelectNode final : Node {
  SavedTensor index;
  DimList sizes;
  int dim = 0;
  const char* name() const override { return "IndexSelectBackward0"; }
  void show(ValueVisitor& v) const override {
    v.number("dim", dim);
    v.list("self_sym_sizes", sizes);
  }
  void apply(Tensor* in, Tensor* out) override {
    out[0] = index_add(zeros(sizes, in[0].dtype()), dim, index.unpack(this), in[0]);
  }
  void visit(SavedVisitor& v) override { v.tensor("index", index); }
};

}  // namespace

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  const DType d = result_type(a, b), c = compute_type(d);
  if (condition.dtype() != DType::Bool && condition.dtype() != DType::UInt8) {
    fail_runtime("where expected condition to be a boolean tensor, but got a tensor with dtype ",
                 scalar_type_name(condition.dtype()));
  }
  Tensor out = pointwise_output({&condition, &a, &b}, d);
  run_loop(kernels->pointwise.ternary[int(Ternary::Where)][int(c)], nullptr, Operand(out, c),
           {Operand(condition, DType::Bool), Operand(a, c), Operand(b, c)});
  if (recording(a, b)) {
    auto* n = record<WhereNode>(out, a, b);
    n->condition.save(condition);
    note_inputs(n, out, {&a, &b});
  }
  return out;
}

void check_convertible(const Scalar& value, DType d) {
  if (value.im != 0 && !is_complex(d))
    fail_runtime("value cannot be converted to type ", d == DType::Int64 ? "int64_t" : cpp_type_name(d),
                 " without overflow");
}

namespace {

void check_mask(const Tensor& mask) {
  if (mask.dtype() != DType::Bool)
    fail_runtime("masked_fill_ only supports boolean masks, but got mask with dtype ", cpp_type_name(mask.dtype()));
}
void masked_fill_into(const Tensor& out, const Tensor& t, const Tensor& mask, const Scalar& value) {
  const DType c = compute_type(t.dtype());
  alignas(16) char number[16];
  value.store(number, c);
  run_loop(kernels->pointwise.ternary[int(Ternary::Where)][int(c)], nullptr, Operand(out, c),
           {Operand(mask, DType::Bool), Operand(number, c), Operand(t, c)});
}
/// `value_tensor` may be undefined.
Tensor masked_filled(const Tensor& t, const Tensor& mask, const Scalar& value, const Tensor& value_tensor) {
  check_mask(mask);
  const DimVec sizes = broadcast_shapes(mask.sizes(), t.sizes());
  check_convertible(value, t.dtype());
  Tensor out = empty(sizes, t.dtype());
  masked_fill_into(out, t, mask, value);
  if (value_tensor.defined() && recording(t, value_tensor)) {
    auto* n = record<MaskedFillNode>(out, t, value_tensor);
    n->mask.save(mask);
    n->title = "MaskedFillBackward1";
    note_inputs(n, out, {&t, &value_tensor});
  } else if (recording(t)) {
    auto* n = record<MaskedFillNode>(out, t);
    n->mask.save(mask);
    note_inputs(n, out, {&t});
  }
  return out;
}

}  // namespace

Tensor masked_fill(const Tensor& t, const Tensor& mask, const Scalar& value) {
  return masked_filled(t, mask, value, Tensor());
}

Tensor gather(const Tensor& t, int dim, const Tensor& index) {
  dim = wrap_dim(dim, t.ndim());
  check_index_type(index, "gather");
  check_gather_shapes(t, dim, index);
  Tensor out = gather_raw(t, dim, index);
  if (recording(t)) {
    auto* n = record<GatherNode>(out, t);
    n->index.save(index);
    n->sizes.assign(t.sizes());
    n->dim = dim;
  }
  return out;
}

namespace {

/// Checks what scatter and its like want of their arguments. `src`: null where a number is written.
void check_scatter(const Tensor& t, int dim, const Tensor& index, const Tensor* src) {
  check_index_type(index, "scatter");
  if (src != nullptr && t.dtype() != src->dtype())
    fail_runtime("scatter(): Expected self.dtype to be equal to src.dtype");
  check_scatter_shapes(t, dim, index, src);
}
Tensor scattered_raw(const Tensor& t, int dim, const Tensor& index, const Tensor& src, Collide how) {
  Tensor out = to_contiguous(t, t.dtype());
  scatter_raw(out, dim, index, src, how);
  return out;
}
/// The node of `t` with `src` (undefined: a number) written or added at `index`.
NodeRef scatter_node(const Tensor& t, int dim, const Tensor& index, const Tensor& src, bool add) {
  auto* n = make_node<ScatterNode>(src.defined() ? 2 : 1);
  connect(n, 0, t);
  if (src.defined()) connect(n, 1, src);
  n->index.save(index);
  n->dim = dim;
  n->add = add;
  return NodeRef::steal(n);
}
Tensor scattered(const Tensor& t, int dim, const Tensor& index, const Tensor& src, bool add) {
  dim = wrap_dim(dim, t.ndim());
  check_scatter(t, dim, index, &src);
  Tensor out = scattered_raw(t, dim, index, src, add ? Collide::Add : Collide::Set);
  if (recording(t, src)) set_history(out, scatter_node(t, dim, index, src, add).get());
  return out;
}
Tensor scattered(const Tensor& t, int dim, const Tensor& index, const Scalar& value) {
  dim = wrap_dim(dim, t.ndim());
  check_scatter(t, dim, index, nullptr);
  Tensor out = scattered_raw(t, dim, index, full(index.sizes(), value, t.dtype()), Collide::Set);
  if (recording(t)) set_history(out, scatter_node(t, dim, index, Tensor(), false).get());
  return out;
}
void ScatterNode::apply(Tensor* in, Tensor* out) {
  const Tensor i = index.unpack(this);
  if (needs(0)) out[0] = add ? in[0] : scattered(in[0], dim, i, Scalar(0));
  if (edge_count() > 1 && needs(1)) out[1] = gather(in[0], dim, i);
}

}  // namespace

Tensor scatter_add(const Tensor& t, int dim, const Tensor& index, const Tensor& src) {
  return scattered(t, dim, index, src, true);
}

Tensor index_select(const Tensor& t, int dim, const Tensor& index) {
  dim = wrap_dim(dim, t.ndim());
  if (index.ndim() > 1) fail_index("index_select(): Index is supposed to be a vector");
  if (t.ndim() == 0 && index.numel() != 1)
    fail_runtime("index_select(): Index to scalar can have only 1 value, got ", index.numel(), " value(s)");
  if (index.dtype() != DType::Int64 && index.dtype() != DType::Int32)
    fail_runtime("index_select(): Expected dtype int32 or int64 for index");
  const Tensor rows = contiguous_as(index, DType::Int64);
  const std::int64_t n = rows.numel(), size = t.ndim() == 0 ? 1 : t.sizes()[dim];
  if (misfit(rows.data_as<std::int64_t>(), n, 0, size) >= 0) fail_index("index out of range in self");
  DimVec sizes(t.sizes());
  if (t.ndim() > 0) sizes[dim] = n;
  Tensor out = empty(sizes, t.dtype());
  if (t.ndim() == 0) {
    copy_into(out, t);
  } else if (out.numel() > 0) {
    DimVec steps(sizes.size(), 0);
    steps[std::size_t(dim)] = 1;
    const DimVec table = without(t, dim, sizes.size());
    const IndexedMove m{sizes, t.data(),   table,        t.strides()[dim], rows.data_as<std::int64_t>(),
                        steps, out.data(), out.strides()};
    GilRelease gil(out.numel());
    move_from_table(t.itemsize(), m);
  }
  if (recording(t)) {
    auto* node = record<IndexSelectNode>(out, t);
    node->index.save(index);
    node->sizes.assign(t.sizes());
    node->dim = dim;
  }
  return out;
}

namespace {

/// What index_add and index_reduce (`name`: with the underscore) want of their arguments.
void check_index_add(const char* name, const Tensor& t, int dim, const Tensor& index, const Tensor& source) {
  if (index.ndim() > 1)
    fail_index(name, "(): Index is supposed to be a vector, but got dim: ", index.ndim(),
               " with type: ", scalar_type_name(index.dtype()), " and size: ", str(index.sizes()));
  if (index.dtype() != DType::Int64 && index.dtype() != DType::Int32)
    fail_runtime(name, "(): Expected dtype int32/int64 for index but got: ", scalar_type_name(index.dtype()));
  if (t.dtype() != source.dtype())
    fail_runtime(name, "(): self (", scalar_type_name(t.dtype()), ") and source (", scalar_type_name(source.dtype()),
                 ") must have the same scalar type");
  if (dim > 0 && dim >= source.ndim())
    fail_runtime(name, "(): Indexing dim ", dim, " is out of bounds of the source tensor with dim ", source.ndim());
  const std::int64_t n = source.ndim() == 0 ? 1 : source.sizes()[dim];
  if (index.numel() != n && source.ndim() == 0)
    fail_index("Dimension specified as ", dim, " but tensor has no dimensions");
  if (index.numel() != n)
    fail_runtime(name, "(): Number of indices (", index.numel(), ") should be equal to source.size(dim): (", n,
                 "), for dim: ", dim);
  DimVec a(t.sizes()), b(source.sizes());
  if (t.ndim() > 0 && source.ndim() > 0) {
    a.erase(std::size_t(dim));
    b.erase(std::size_t(dim));
  }
  if (!same(a, b))
    fail_runtime(
        "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = ",
        str(t.sizes()), " source.shape = ", str(source.sizes()));
}

/// Combines the slices of `dst` that `index` names with those of `values`; raw. The elements of `dst` do not overlap.
void index_combine_raw(const Tensor& dst, int dim, const Tensor& index, const Tensor& values, Collide how) {
  const std::int64_t size = dst.ndim() == 0 ? 1 : dst.sizes()[dim];
  const Tensor rows = contiguous_as(index, DType::Int64);
  if (dst.ndim() <= 1 && misfit(rows.data_as<std::int64_t>(), rows.numel(), 0, size) >= 0)
    fail_index("index out of range in self");
  if (dst.ndim() == 0) return scatter_raw(dst, 0, index, values, how);
  fitting(rows, 0, size, dim);
  if (values.numel() == 0) return;
  // The index, stretched over the other dimensions.
  DimVec steps(values.sizes().size(), 0);
  if (values.ndim() > 0) steps[std::size_t(dim)] = 1;
  const DimVec table = without(dst, dim, steps.size());
  const IndexedMove m{values.sizes(), dst.data(),    table,           dst.strides()[dim], rows.data_as<std::int64_t>(),
                      steps,          values.data(), values.strides()};
  GilRelease gil(values.numel(), is_fresh(dst.get()));
  move_to(dst, m, how);
}
void index_add_raw(const Tensor& dst, int dim, const Tensor& index, const Tensor& source, const Scalar& alpha) {
  if (alpha.equals(1)) return index_combine_raw(dst, dim, index, source, Collide::Add);
  const GradMode off(false);
  index_combine_raw(dst, dim, index, mul(source, scalar_tensor(alpha, source.dtype())), Collide::Add);
}

NodeRef index_add_node(const Tensor& t, int dim, const Tensor& index, const Tensor& source, const Scalar& alpha) {
  auto* n = make_node<IndexAddNode>(2);
  connect(n, 0, t);
  connect(n, 1, source);
  n->index.save(index);
  n->dim = dim;
  n->alpha = alpha;
  n->source_sizes.assign(source.sizes());
  return NodeRef::steal(n);
}

}  // namespace

Tensor index_add(const Tensor& t, int dim, const Tensor& index, const Tensor& source, const Scalar& alpha) {
  dim = wrap_dim(dim, t.ndim());
  check_index_add("index_add_", t, dim, index, source);
  check_convertible(alpha, t.dtype());
  Tensor out = to_contiguous(t, t.dtype());
  index_add_raw(out, dim, index, source, alpha);
  if (recording(t, source)) set_history(out, index_add_node(t, dim, index, source, alpha).get());
  return out;
}

namespace {

// --- index_copy and index_fill

std::vector<Tensor> places(const Tensor& mask);

void check_index_copy(const Tensor& t, int dim, const Tensor& index, const Tensor& source) {
  if (index.ndim() >= 2) fail_index("index_copy_(): Index should have dimension 1 or 0 (got ", index.ndim(), ")");
  const std::int64_t n = index.numel();
  if (source.ndim() == 0 && n != 1)
    fail_index("index_copy_(): When source is scalar, index should have one element (got ", n, ")");
  if (source.ndim() != t.ndim() && source.ndim() != 0 && t.ndim() != 0)
    fail_index(
        "index_copy_(): When source and destination are not scalars, their dimensionality must match. Source "
        "dimensionality (",
        source.ndim(), "), destination dimensionality (", t.ndim(), ")");
  if (index.dtype() != DType::Int64)
    fail_runtime("index_copy_(): Expected a long tensor for index, but got ", scalar_type_name(index.dtype()));
  if (t.dtype() != source.dtype())
    fail_runtime("index_copy_(): self and source expected to have the same dtype, but got (self) ",
                 scalar_type_name(t.dtype()), " and (source) ", scalar_type_name(source.dtype()));
  DimVec a(t.sizes()), b(source.sizes());
  if (!a.empty()) a.erase(std::size_t(dim));
  if (!b.empty()) b.erase(std::size_t(std::min(dim, source.ndim() - 1)));
  if (!same(a, b)) {
    const auto plain = [](const DimVec& v) {
      std::string text;
      for (std::size_t i = 0; i < v.size(); ++i) text += cat(i > 0 ? " " : "", v[i]);
      return text;
    };
    fail_runtime("index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: ",
                 plain(a), " at dimension ", dim, " and source slice shape: ", plain(b), " at dimension 0.");
  }
  if (source.ndim() != 0 && n != source.sizes()[dim])
    fail_index("index_copy_(): Number of indices (", n, ") should be equal to source.size(dim) (", source.sizes()[dim],
               ")");
}
void index_copy_raw(const Tensor& dst, int dim, const Tensor& index, const Tensor& source) {
  const std::int64_t size = dst.ndim() == 0 ? 1 : dst.sizes()[dim];
  const Tensor rows = contiguous_as(index, DType::Int64);
  const std::int64_t bad = misfit(rows.data_as<std::int64_t>(), rows.numel(), 0, size);
  if (bad >= 0)
    fail_index("index_copy_(): index ", rows.data_as<std::int64_t>()[bad], " is out of bounds for dimension ", dim,
               " with size ", size);
  if (source.numel() == 0) return;
  if (dst.ndim() == 0) return copy_into(dst, source.ndim() == 0 ? source : select(source, 0, source.numel() - 1));
  const Tensor from = separate(source, dst);
  DimVec sizes(dst.sizes()), steps(sizes.size(), 0), list(sizes.size(), 0);
  sizes[std::size_t(dim)] = rows.numel();
  steps[std::size_t(dim)] = 1;
  if (from.ndim() > 0) list = DimVec(from.strides());
  const DimVec table = without(dst, dim, steps.size());
  const IndexedMove m{sizes, dst.data(),  table, dst.strides()[dim], rows.data_as<std::int64_t>(),
                      steps, from.data(), list};
  GilRelease gil(from.numel(), is_fresh(dst.get()));
  move_to_table(dst.itemsize(), m);
}
NodeRef index_copy_node(const Tensor& t, int dim, const Tensor& index, const Tensor& source) {
  auto* n = make_node<IndexCopyNode>(2);
  connect(n, 0, t);
  connect(n, 1, source);
  n->index.save(index);
  n->dim = dim;
  n->source_sizes.assign(source.sizes());
  return NodeRef::steal(n);
}

/// The value may be a 0-dim tensor with a gradient; then `tensor` is it.
struct FillValue {
  Scalar number;
  Tensor tensor;
};
void check_index_fill(const Tensor& t, const Tensor& index, const FillValue& value) {
  if (value.tensor.defined() && value.tensor.ndim() != 0)
    fail_runtime("index_fill_ only supports a 0-dimensional value tensor, but got tensor with ", value.tensor.ndim(),
                 " dimension(s).");
  if (index.dtype() != DType::Int64) fail_index("index_fill_(): Expected dtype int64 for index.");
  if (index.ndim() > 1) fail_runtime("Index has to be a vector/scalar");
  const bool complex_value =
      value.tensor.defined() ? is_complex(value.tensor.dtype()) : value.number.kind == Scalar::Kind::Complex;
  if (complex_value && !is_complex(t.dtype()))
    fail_runtime("index_fill_(): Converting complex Scalar to non-complex type is not supported");
}
/// Expanded dimensions need one write only.
void index_fill_raw(const Tensor& dst, int dim, const Tensor& index, const Scalar& value) {
  const std::int64_t size = dst.ndim() == 0 ? 1 : dst.sizes()[dim], n = index.numel();
  const Tensor given = contiguous_as(index, DType::Int64);
  const auto* p = given.data_as<std::int64_t>();
  const std::int64_t bad = misfit(p, n, -size, size);
  if (bad >= 0) fail_index("index ", p[bad], " is out of bounds for dimension ", dim, " with size ", size);
  if (n == 0 || dst.numel() == 0) return;
  if (dst.ndim() == 0) return fill(dst, value);
  DimVec sizes(dst.sizes()), steps(sizes.size(), 0), none(sizes.size(), 0);
  const bool flat = dst.strides()[dim] == 0;
  sizes[std::size_t(dim)] = flat ? 1 : n;
  steps[std::size_t(dim)] = 1;
  for (int d = 0; d < dst.ndim(); ++d) {
    if (d != dim && dst.strides()[d] == 0) sizes[std::size_t(d)] = 1;
  }
  Tensor rows = empty({{n}}, DType::Int64);
  for (std::int64_t i = 0; i < n; ++i) rows.data_as<std::int64_t>()[i] = p[i] < 0 ? p[i] + size : p[i];
  const Tensor one = scalar_tensor(value, dst.dtype());
  const DimVec table = without(dst, dim, steps.size());
  const IndexedMove m{sizes, dst.data(), table, dst.strides()[dim], rows.data_as<std::int64_t>(),
                      steps, one.data(), none};
  GilRelease gil(product(sizes), is_fresh(dst.get()));
  move_to_table(dst.itemsize(), m);
}
NodeRef index_fill_node(const Tensor& t, int dim, const Tensor& index, const FillValue& value, const Tensor& out) {
  auto* n = make_node<IndexFillNode>(value.tensor.defined() ? 2 : 1);
  NodeRef ref = NodeRef::steal(n);
  connect(n, 0, t);
  if (value.tensor.defined()) connect(n, 1, value.tensor);
  n->index.save(index);
  n->dim = dim;
  if (value.tensor.defined()) note_inputs(n, out, {&t, &value.tensor});
  return ref;
}
bool recording_fill(const Tensor& t, const FillValue& value) {
  return value.tensor.defined() ? recording(t, value.tensor) : recording(t);
}
Tensor index_fill(const Tensor& t, int dim, const Tensor& index, const FillValue& value) {
  check_index_fill(t, index, value);
  Tensor out = empty_like(t, t.dtype());
  copy_into(out, t);
  index_fill_raw(out, dim, index, value.number);
  if (recording_fill(t, value)) set_history(out, index_fill_node(t, dim, index, value, out).get());
  return out;
}

void IndexCopyNode::apply(Tensor* in, Tensor* out) {
  const Tensor i = index.unpack(this);
  if (needs(0)) out[0] = index_fill(in[0], dim, i, {0, Tensor()});
  if (needs(1)) {
    const Tensor g = index_select(in[0], dim, i);
    out[1] = source_sizes.size() < std::size_t(g.ndim()) ? reshape(g, source_sizes) : expand(g, source_sizes);
  }
}
void IndexFillNode::apply(Tensor* in, Tensor* out) {
  const Tensor i = index.unpack(this);
  if (needs(0)) out[0] = index_fill(in[0], dim, i, {0, Tensor()});
  if (edge_count() > 1 && needs(1)) {
    // A slice counts once, however often the index names it.
    const std::int64_t size = in[0].ndim() == 0 ? 1 : in[0].sizes()[dim];
    const Tensor named = zeros({{size}}, DType::Bool);
    index_fill_raw(named, 0, i, true);
    out[1] = sum(index_select(in[0], dim, places(named)[0]));
  }
}

// --- scatter_reduce and index_reduce

enum class Reducing : std::uint8_t { Sum, Prod, Mean, Min, Max };

/// Where the elements of a source go: each has an index of its own, or (`slices`) each slice along `dim` has.
struct Target {
  Tensor index;
  int dim = 0;
  bool slices = false;

  Tensor picked(const Tensor& t) const { return slices ? index_select(t, dim, index) : gather(t, dim, index); }
  Tensor added(const Tensor& t, const Tensor& src) const {
    return slices ? index_add(t, dim, index, src) : scatter_add(t, dim, index, src);
  }
  Tensor cleared(const Tensor& t) const {
    return slices ? index_fill(t, dim, index, {0, Tensor()}) : scattered(t, dim, index, Scalar(0));
  }
  void combine_raw(const Tensor& dst, const Tensor& src, Collide how) const {
    if (slices)
      index_combine_raw(dst, dim, index, src, how);
    else
      scatter_raw(dst, dim, index, src, how);
  }
};

/// What a reduction starts with where the tensor's own elements do not count.
Scalar neutral(Reducing how, DType dtype) {
  if (how == Reducing::Prod) return 1;
  if (how == Reducing::Sum || how == Reducing::Mean) return 0;
  const bool least = how == Reducing::Max;
  if (is_differentiable(dtype)) return least ? -INFINITY : INFINITY;
  Scalar found = 0;
  dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T>)
      found = Scalar(std::int64_t(least ? std::numeric_limits<T>::lowest() : std::numeric_limits<T>::max()));
  });
  return found;
}

/// Raw; the elements of `dst` do not overlap.
void reduce_into(const Tensor& dst, const Target& at, const Tensor& src, Reducing how, bool include_self) {
  const DType d = dst.dtype();
  if (!include_self) at.combine_raw(dst, full(src.sizes(), neutral(how, d), d), Collide::Set);
  switch (how) {
    case Reducing::Sum: return at.combine_raw(dst, src, Collide::Add);
    case Reducing::Prod: return at.combine_raw(dst, src, Collide::Multiply);
    case Reducing::Min: return at.combine_raw(dst, src, Collide::Min);
    case Reducing::Max: return at.combine_raw(dst, src, Collide::Max);
    case Reducing::Mean: break;
  }
  const GradMode off(false);
  at.combine_raw(dst, src, Collide::Add);
  const Tensor count = full(dst.sizes(), include_self ? 1 : 0, d);
  at.combine_raw(count, full(src.sizes(), 1, d), Collide::Add);
  const Tensor divisor = masked_fill(count, compare(Compare::Eq, count, Scalar(0)), 1);
  copy_into(dst, binary(is_differentiable(d) ? kDiv : kFloorDivide, dst, divisor));
}

Tensor reduced(const Tensor& t, const Target& at, const Tensor& src, Reducing how, bool include_self);

struct ReduceNode final : Node {
  SavedTensor self, src, index, result;
  int dim = 0;
  bool slices = false, include_self = true;
  Reducing how = Reducing::Sum;
  const char* name() const override { return slices ? "IndexReduceBackward0" : "ScatterReduceBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor g = in[0];
    const DType d = g.dtype();
    const Target at{index.unpack(this), dim, slices};
    Tensor for_self, for_src;
    if (how == Reducing::Sum) {
      for_self = g;
      if (needs(1)) for_src = at.picked(g);
    } else if (how == Reducing::Mean) {
      const Tensor s = src.unpack(this), start = include_self ? ones_like(g) : zeros_like(g);
      Tensor n = at.added(start, ones_like(s));
      n = masked_fill(n, compare(Compare::Eq, n, Scalar(0)), 1);
      for_self = g / n;
      if (needs(1)) for_src = at.picked(g) / at.picked(n);
    } else if (how == Reducing::Prod) {
      const Tensor t = self.unpack(this), s = src.unpack(this), product = result.unpack(this);
      if (needs(0)) {
        const Tensor divisor = masked_fill(t, compare(Compare::Eq, t, Scalar(0)), 1);
        for_self = g * reduced(divisor, at, s, how, include_self) / divisor;
      }
      if (needs(1)) {
        // A zero that is alone at its place gets the product of the others.
        const Tensor zero = compare(Compare::Eq, s, Scalar(0));
        const Tensor zeros_there = at.picked(at.added(zeros_like(t), to(zero, t.dtype())));
        const Tensor alone = mul(zero, compare(Compare::Eq, zeros_there, Scalar(1)));
        const Tensor others = reduced(t, at, masked_fill(s, alone, 1), how, include_self);
        for_src = where(alone, at.picked(g * others), at.picked(g * product) / masked_fill(s, zero, 1));
      }
    } else {
      // Equal extremes share the gradient.
      const Tensor t = self.unpack(this), s = src.unpack(this), found = result.unpack(this);
      const Tensor own = to(compare(Compare::Eq, t, found), d);
      const Tensor given = to(compare(Compare::Eq, s, at.picked(found)), d);
      const Tensor share = g / at.added(own, given);
      for_self = own * share;
      if (needs(1)) for_src = given * at.picked(share);
    }
    if (needs(0)) out[0] = include_self ? for_self : at.cleared(for_self);
    if (needs(1)) out[1] = for_src;
  }
  void show(ValueVisitor& v) const override {
    constexpr const char* names[] = {"sum", "prod", "mean", "amin", "amax"};
    v.number("dim", dim);
    v.flag("include_self", include_self);
    v.word("reduce", names[int(how)]);
  }
  void visit(SavedVisitor& v) override {
    v.tensor("index", index);
    v.tensor("result", result);
    v.tensor("self", self);
    v.tensor(slices ? "source" : "src", src);
  }
};

/// `changes`: `t` will be changed in place.
NodeRef reduce_node(const Tensor& t, const Target& at, const Tensor& src, Reducing how, bool include_self,
                    bool changes = false) {
  auto* n = make_node<ReduceNode>(2);
  NodeRef ref = NodeRef::steal(n);
  connect(n, 0, t);
  connect(n, 1, src);
  n->index.save(at.index);
  if (how != Reducing::Sum) n->src.save(src);
  if (how != Reducing::Sum && how != Reducing::Mean) n->self.save(changes ? clone(t) : t);
  n->dim = at.dim;
  n->slices = at.slices;
  n->how = how;
  n->include_self = include_self;
  return ref;
}
void save_reduced(Node* n, const Tensor& out) {
  auto* node = static_cast<ReduceNode*>(n);
  if (node->how != Reducing::Sum && node->how != Reducing::Mean) node->result.save_output(out);
}

Tensor reduced(const Tensor& t, const Target& at, const Tensor& src, Reducing how, bool include_self) {
  Tensor out = to_contiguous(t, t.dtype());
  reduce_into(out, at, src, how, include_self);
  if (recording(t, src)) {
    const NodeRef node = reduce_node(t, at, src, how, include_self);
    set_history(out, node.get());
    save_reduced(node.get(), out);
  }
  return out;
}

}  // namespace

// --- advanced indexing
// --------------------------------------------------------------------------------------------------------

namespace {

/// A key taken apart: the view that its basic parts make, and index tensors for dimensions of that view (null: all).
struct Key {
  Tensor view;
  std::vector<Tensor> indices;
  bool advanced = false;
};

bool is_bool_tensor(PyObject* o) { return is_tensor(o) && reinterpret_cast<TensorObject*>(o)->dtype == DType::Bool; }

Tensor index_tensor(PyObject* o) {
  if (is_tensor(o)) return Tensor::borrow(o);
  if (PyList_Check(o) || PyTuple_Check(o)) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) {
      if (PyUnicode_Check(PySequence_Fast_GET_ITEM(o, i))) fail_type("new(): invalid data type 'str'");
    }
  }
  return tensor_from_data(o, {});
}

/// The places of true elements: one vector for each dimension of the mask.
std::vector<Tensor> places(const Tensor& mask) {
  const Tensor m = contiguous_as(mask, DType::Bool);
  const bool* p = m.data_as<bool>();
  const std::int64_t count = count_true(p, m.numel());
  std::vector<Tensor> out;
  for (int d = 0; d < m.ndim(); ++d) out.push_back(empty({{count}}, DType::Int64));
  if (count == 0 || m.ndim() == 0) return out;
  // Row by row: the last coordinate is found, the others are the row's own.
  const int last = m.ndim() - 1;
  const std::int64_t width = m.sizes()[last];
  DimVec at(std::size_t(last), 0);
  std::int64_t done = 0;
  for (std::int64_t row = 0; done < count; ++row) {
    const std::int64_t found = last == 0 ? count : count_true(p + row * width, width);
    true_places(p + row * width, found, 0, out[std::size_t(last)].data_as<std::int64_t>() + done);
    for (int d = 0; d < last; ++d)
      std::fill_n(out[std::size_t(d)].data_as<std::int64_t>() + done, found, at[std::size_t(d)]);
    done += found;
    for (int d = last; d-- > 0;) {
      if (++at[std::size_t(d)] < m.sizes()[d]) break;
      at[std::size_t(d)] = 0;
    }
  }
  return out;
}

std::int64_t consumed(PyObject* o) {
  if (o == Py_None || o == Py_Ellipsis || PyBool_Check(o)) return 0;
  if (is_bool_tensor(o)) return reinterpret_cast<TensorObject*>(o)->ndim;
  return 1;
}

/// An integer of a key; too large ones are ValueErrors.
std::int64_t key_integer(PyObject* o) {
  const Object number = Object::check(PyNumber_Index(o));
  int overflow = 0;
  const std::int64_t v = PyLong_AsLongLongAndOverflow(number.get(), &overflow);
  if (overflow != 0) fail_value("Overflow when unpacking long long");
  return v;
}

/// `place`: of the index in the key, which is what PyTorch's message counts.
Tensor select_at(const Tensor& t, int dim, std::int64_t at, std::int64_t place) {
  const std::int64_t size = t.sizes()[dim];
  if (at < -size || at >= size)
    fail_index("index ", at, " is out of bounds for dimension ", place, " with size ", size);
  return select(t, dim, at);
}

/// A list stands for a tuple where it holds more than numbers. (Old NumPy's rule, which PyTorch warns of and keeps.)
bool acts_as_tuple(PyObject* key) {
  if (!PyList_Check(key) || PyList_GET_SIZE(key) >= 32) return false;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(key); ++i) {
    PyObject* o = PyList_GET_ITEM(key, i);
    if (is_tensor(o) || PySlice_Check(o) || o == Py_Ellipsis || o == Py_None || PyList_Check(o) || PyTuple_Check(o))
      return true;
  }
  return false;
}

Key take_apart(const Tensor& t, PyObject* key) {
  Object made;
  if (acts_as_tuple(key)) {
    if (PyErr_WarnEx(PyExc_UserWarning,
                     "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in "
                     "pytorch 2.9; use x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will be interpreted as "
                     "tensor index, x[torch.tensor(seq)], which will result either in an error or a different result",
                     1) < 0)
      throw PythonError();
    made = Object::check(PyList_AsTuple(key));
    key = made.get();
  }
  PyObject* one[1] = {key};
  PyObject** items = one;
  Py_ssize_t n = 1;
  if (PyTuple_Check(key)) {
    n = PyTuple_GET_SIZE(key);
    items = &PyTuple_GET_ITEM(key, 0);
    if (n == 0) items = one;
  }
  std::int64_t used = 0;
  for (Py_ssize_t i = 0; i < n; ++i) used += consumed(items[i]);
  if (used > t.ndim()) fail_index("too many indices for tensor of dimension ", t.ndim());
  Key k{t, {}, false};
  int dim = 0;
  const auto put = [&](int at, Tensor index) {
    if (k.indices.size() <= std::size_t(at)) k.indices.resize(std::size_t(at) + 1);
    k.indices[std::size_t(at)] = std::move(index);
    k.advanced = true;
  };
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* o = items[i];
    if (PyLong_Check(o) && !PyBool_Check(o)) {
      k.view = select_at(k.view, dim, key_integer(o), i);
    } else if (PySlice_Check(o)) {
      Py_ssize_t start, stop, step;
      if (PySlice_Unpack(o, &start, &stop, &step) < 0) throw PythonError();
      if (step <= 0) fail_value("step must be greater than zero");
      const Py_ssize_t size = k.view.sizes()[dim];
      PySlice_AdjustIndices(size, &start, &stop, step);
      if (stop < start) stop = start;
      if (start != 0 || stop != size || step != 1) k.view = slice(k.view, dim, start, stop, step);
      ++dim;
    } else if (o == Py_Ellipsis) {
      dim += int(t.ndim() - used);
    } else if (o == Py_None) {
      k.view = unsqueeze(k.view, dim++);
    } else if (PyBool_Check(o)) {
      k.view = unsqueeze(k.view, dim);
      Tensor index = o == Py_True ? zeros({{1}}, DType::Int64) : empty({{0}}, DType::Int64);
      put(dim++, index);
    } else if (PyUnicode_Check(o)) {
      // To PyTorch a key that is text is a tuple of its letters.
      if (n == 1 && PyUnicode_GET_LENGTH(o) > t.ndim())
        fail_index("too many indices for tensor of dimension ", t.ndim());
      fail_type("new(): invalid data type 'str'");
    } else if (is_tensor(o) || PyList_Check(o) || PyTuple_Check(o) || PyObject_CheckBuffer(o)) {
      if (PyBytes_Check(o))
        fail_index(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got ",
            Py_TYPE(o)->tp_name, ")");
      Tensor index = index_tensor(o);
      if (index.numel() == 0 && !is_tensor(o)) index = to(index, DType::Int64);
      if (index.ndim() == 0 && is_integral(index.dtype(), false) && index.dtype() != DType::UInt8) {
        k.view = select_at(k.view, dim, item(index).integer(), i);
      } else if (index.dtype() == DType::Bool || index.dtype() == DType::UInt8) {
        if (index.ndim() == 0) {
          k.view = unsqueeze(k.view, dim);
          put(dim++, item(index).i != 0 ? zeros({{1}}, DType::Int64) : empty({{0}}, DType::Int64));
          continue;
        }
        for (int d = 0; d < index.ndim(); ++d) {
          if (dim + d >= k.view.ndim()) fail_index("too many indices for tensor of dimension ", t.ndim());
          if (index.sizes()[d] != k.view.sizes()[dim + d]) {
            fail_index("The shape of the mask ", str(index.sizes()), " at index ", d,
                       " does not match the shape of the indexed tensor ", str(k.view.sizes()), " at index ", dim + d);
          }
        }
        for (Tensor& p : places(index)) put(dim++, p);
      } else if (index.dtype() == DType::Int64 || index.dtype() == DType::Int32) {
        put(dim++, contiguous_as(index, DType::Int64));
      } else {
        fail_index("tensors used as indices must be long, int, byte or bool tensors");
      }
    } else if (PyIndex_Check(o)) {
      k.view = select_at(k.view, dim, key_integer(o), i);
    } else {
      fail_index(
          "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got ",
          Py_TYPE(o)->tp_name, ")");
    }
  }
  k.indices.resize(k.advanced ? std::size_t(k.view.ndim()) : 0);
  return k;
}

[[noreturn]] void fail_value_shape(const Tensor& value, Dims shape) {
  fail_runtime("shape mismatch: value tensor of shape ", str(value.sizes()),
               " cannot be broadcast to indexing result of shape ", str(shape));
}
void check_value_shape(const Tensor& value, Dims shape) {
  try {
    if (same(broadcast_shapes(value.sizes(), shape), shape)) return;
  } catch (const Error&) {
  }
  fail_value_shape(value, shape);
}

/// The elements that index tensors choose, as places: what get and put share. At least one index is defined.
struct Chosen {
  DimVec shape;  // of the result
  Tensor flat;   // Int64, of that shape: the sum of coordinates times `strides`
};
/// `value`: what is to be written there, whose shape is looked at before the indices are.
Chosen choose(const Tensor& view, const std::vector<Tensor>& indices, const DimVec& strides,
              const Tensor* value = nullptr) {
  DimVec common;
  bool first = true;
  int begin = -1, end = -1;
  bool adjacent = true;
  for (std::size_t d = 0; d < indices.size(); ++d) {
    if (!indices[d].defined()) continue;
    if (begin < 0)
      begin = int(d);
    else if (end != int(d))
      adjacent = false;
    end = int(d) + 1;
    if (first)
      common.assign(indices[d].sizes());
    else {
      try {
        common = broadcast_shapes(common, indices[d].sizes());
      } catch (const Error&) {
        std::string shapes;
        for (const Tensor& i : indices) {
          if (i.defined()) shapes += rl::cat(shapes.empty() ? "" : ", ", str(i.sizes()));
        }
        fail_index("shape mismatch: indexing tensors could not be broadcast together with shapes ", shapes);
      }
    }
    first = false;
  }
  const int at = adjacent ? begin : 0;
  Chosen c;
  // Result dimensions: those before `at`, the common ones, the rest; each knows its step in the flat view.
  DimVec own_steps;  // for dimensions that are not indexed, else 0
  int common_at = 0;
  for (int d = 0; d < view.ndim(); ++d) {
    if (d == at || (at == 0 && d == 0)) {
      if (common_at == 0 && c.shape.size() == std::size_t(own_steps.size())) {
        common_at = int(c.shape.size()) + 1;
        for (auto s : common) {
          c.shape.push_back(s);
          own_steps.push_back(0);
        }
      }
    }
    if (indices[std::size_t(d)].defined()) continue;
    c.shape.push_back(view.sizes()[d]);
    own_steps.push_back(strides[d]);
  }
  if (value != nullptr) check_value_shape(*value, c.shape);
  const int start = common_at - 1;
  c.flat = empty(c.shape, DType::Int64);
  std::int64_t* out = c.flat.data_as<std::int64_t>();
  const std::int64_t total = c.flat.numel();
  for (std::int64_t i = 0; i < total; ++i) out[i] = 0;
  // Each index tensor, stretched over the result, adds its part.
  const auto add_part = [&](Dims steps, const std::int64_t* values, std::int64_t size, std::int64_t stride, int d) {
    std::int64_t k = 0;
    const DimVec none(c.shape.size(), 0);
    each(c.shape, steps, none, none, [&](const DimVec&, std::int64_t a, std::int64_t, std::int64_t) {
      if (values == nullptr) {
        out[k++] += a;
        return;
      }
      std::int64_t v = values[a];
      if (v < -size || v >= size) fail_index("index ", v, " is out of bounds for dimension ", d, " with size ", size);
      out[k++] += (v < 0 ? v + size : v) * stride;
    });
  };
  add_part(own_steps, nullptr, 0, 0, 0);
  int number = 0;  // of the index tensor, which is what PyTorch's message counts
  for (std::size_t d = 0; d < indices.size(); ++d) {
    if (!indices[d].defined()) continue;
    const Tensor index = expand(indices[d], common);
    DimVec steps(c.shape.size(), 0);
    for (std::size_t i = 0; i < common.size(); ++i) steps[std::size_t(start) + i] = index.strides()[i];
    add_part(steps, index.data_as<std::int64_t>(), view.sizes()[int(d)], strides[d], number++);
  }
  return c;
}

struct IndexNode final : Node {
  SavedTensor flat;
  DimList sizes;
  int dim = -1;  // the one that a single index tensor chose along (then `flat` is that index); else -1
  const char* name() const override { return "IndexBackward0"; }
  void show(ValueVisitor& v) const override { v.list("self_sym_sizes", sizes); }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor at = reshape(flat.unpack(this), {{-1}});
    if (dim < 0) {
      out[0] = reshape(scatter_add(zeros({{rl::product(sizes)}}, in[0].dtype()), 0, at, reshape(in[0], {{-1}})), sizes);
      return;
    }
    DimVec shape{Dims(sizes)};
    shape[std::size_t(dim)] = at.numel();
    out[0] = index_add(zeros(sizes, in[0].dtype()), dim, at, reshape(in[0], shape));
  }
  void visit(SavedVisitor& v) override { v.tensor("indices", flat); }
};
struct IndexPutNode final : Node {
  SavedTensor flat;
  DimList value_sizes;
  DType value_type = DType::Float;
  bool accumulate = false;
  const char* name() const override { return "IndexPutBackward0"; }
  void show(ValueVisitor& v) const override { v.flag("accumulate", accumulate); }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor f = flat.unpack(this), at = reshape(f, {{-1}}), g = reshape(in[0], {{-1}});
    if (needs(0))
      out[0] = accumulate ? in[0] : reshape(scattered(g, 0, at, zeros(at.sizes(), g.dtype()), false), in[0].sizes());
    if (needs(1)) {
      Tensor v = sum_to(reshape(gather(g, 0, at), f.sizes()), value_sizes);
      out[1] = to(v, value_type);
    }
  }
  void visit(SavedVisitor& v) override { v.tensor("indices", flat); }
};

/// A key with one index tensor: needs no places of its own, the index itself will do.
struct Single {
  int dim;
  Tensor index;  // contiguous, not negative
  DimVec shape, table, steps;
};
/// False if there are several index tensors.
bool single(const Tensor& view, const std::vector<Tensor>& indices, Single& s, const Tensor* value = nullptr) {
  s.dim = -1;
  for (std::size_t d = 0; d < indices.size(); ++d) {
    if (!indices[d].defined()) continue;
    if (s.dim >= 0) return false;
    s.dim = int(d);
  }
  if (s.dim < 0) return false;  // none at all
  const std::int64_t size = view.sizes()[s.dim];
  s.index = contiguous_as(indices[std::size_t(s.dim)], DType::Int64);
  for (int d = 0; d < view.ndim(); ++d) {
    if (d != s.dim) {
      s.shape.push_back(view.sizes()[d]);
      s.table.push_back(view.strides()[d]);
      s.steps.push_back(0);
      continue;
    }
    for (int k = 0; k < s.index.ndim(); ++k) {
      s.shape.push_back(s.index.sizes()[k]);
      s.table.push_back(0);
      s.steps.push_back(s.index.strides()[k]);
    }
  }
  if (value != nullptr) check_value_shape(*value, s.shape);
  const std::int64_t n = s.index.numel();
  const auto* p = s.index.data_as<std::int64_t>();
  if (misfit(p, n, 0, size) >= 0) {
    const std::int64_t bad = misfit(p, n, -size, size);
    if (bad >= 0) fail_index("index ", p[bad], " is out of bounds for dimension 0 with size ", size);
    Tensor positive = empty(s.index.sizes(), DType::Int64);
    auto* q = positive.data_as<std::int64_t>();
    for (std::int64_t i = 0; i < n; ++i) q[i] = p[i] < 0 ? p[i] + size : p[i];
    s.index = positive;
  }
  return true;
}
IndexedMove move_of(const Single& s, const Tensor& view, const Tensor& list) {
  return {s.shape, view.data(), s.table,       view.strides()[s.dim], s.index.data_as<std::int64_t>(),
          s.steps, list.data(), list.strides()};
}

Tensor index_get(const Tensor& view, const std::vector<Tensor>& indices) {
  Single s;
  if (single(view, indices, s)) {
    Tensor out = empty(s.shape, view.dtype());
    if (out.numel() > 0) {
      GilRelease gil(out.numel());
      move_from_table(view.itemsize(), move_of(s, view, out));
    }
    if (recording(view)) {
      auto* n = record<IndexNode>(out, view);
      n->flat.save(s.index);
      n->sizes.assign(view.sizes());
      n->dim = s.dim;
    }
    return out;
  }
  const Chosen c = choose(view, indices, DimVec(view.strides()));
  Tensor out = empty(c.shape, view.dtype());
  if (out.numel() > 0) {
    const DimVec line{out.numel()}, step{1}, none{0};
    const IndexedMove m{line, view.data(), none, 1, c.flat.data_as<std::int64_t>(), step, out.data(), step};
    GilRelease gil(out.numel());
    move_from_table(view.itemsize(), m);
  }
  if (recording(view)) {
    auto* n = record<IndexNode>(out, view);
    n->flat.save(view.is_contiguous() ? c.flat : choose(view, indices, contiguous_strides(view.sizes())).flat);
    n->sizes.assign(view.sizes());
  }
  return out;
}

void index_put(const Tensor& view, const std::vector<Tensor>& indices, const Tensor& value, bool accumulate) {
  const bool record = recording(view, value) && is_differentiable(view.dtype());
  check_inplace(view, record);
  if (value.dtype() != view.dtype())
    fail_runtime("Index put requires the source and destination dtypes match, got ", scalar_type_name(view.dtype()),
                 " for the destination and ", scalar_type_name(value.dtype()), " for the source.");
  const Collide how = accumulate ? Collide::Add : Collide::Set;
  Single s;
  if (!record && !has_overlap(view.sizes(), view.strides()) && single(view, indices, s, &value)) {
    GradMode off(false);
    const Tensor v = expand(overlap_safe(value, view), s.shape);
    if (v.numel() > 0) {
      GilRelease gil(v.numel(), false);
      move_to(view, move_of(s, view, v), how);
    }
    finish_inplace(view, nullptr);
    return;
  }
  const Chosen c = choose(view, indices, DimVec(view.strides()), &value);
  NodeRef node;
  if (record) {
    auto* n = make_node<IndexPutNode>(2);
    node = NodeRef::steal(n);
    connect(n, 0, view);
    connect(n, 1, value);
    n->flat.save(view.is_contiguous() ? c.flat : choose(view, indices, contiguous_strides(view.sizes())).flat);
    n->value_sizes.assign(value.sizes());
    n->value_type = value.dtype();
    n->accumulate = accumulate;
  }
  if (c.flat.numel() > 0) {
    // Elements that share memory are here like an index that stands twice.
    const GradMode off(false);
    const Tensor values = contiguous_as(expand(overlap_safe(value, view), c.shape), view.dtype());
    const DimVec line{c.flat.numel()}, step{1}, none{0};
    const IndexedMove m{line, view.data(), none, 1, c.flat.data_as<std::int64_t>(), step, values.data(), step};
    GilRelease gil(values.numel(), false);
    move_to(view, m, how);
  }
  finish_inplace(view, node.get());
}

}  // namespace

Tensor get_item(const Tensor& t, PyObject* key) {
  if (PyLong_CheckExact(key) || PySlice_Check(key)) {
    if (t.ndim() == 0) {
      if (PySlice_Check(key)) fail_index("slice() cannot be applied to a 0-dim tensor.");
      fail_index(
          "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a "
          "0-dim tensor to a number");
    }
    if (PyLong_CheckExact(key)) return select_at(t, 0, key_integer(key), 0);
  }
  Key k = take_apart(t, key);
  if (k.advanced) return index_get(k.view, k.indices);
  return k.view.is(t) ? view(t, t.sizes()) : k.view;
}

void set_item(const Tensor& t, PyObject* key, PyObject* value) {
  const bool whole_mask = is_bool_tensor(key) && same(Tensor::borrow(key).sizes(), t.sizes());
  if (whole_mask && is_number(value) && !recording(t)) {
    check_inplace(t, false);
    check_no_overlap(t);
    const Tensor mask = overlap_safe(Tensor::borrow(key), t);
    alignas(16) char number[16];
    const DType c = compute_type(t.dtype());
    const Scalar given = to_scalar(value);
    check_convertible(given, t.dtype());
    item(scalar_tensor(given, t.dtype())).store(number, c);
    run_loop(kernels->pointwise.ternary[int(Ternary::Where)][int(c)], nullptr, Operand(t, c),
             {Operand(mask, DType::Bool), Operand(number, c), Operand(t, c)});
    finish_inplace(t, nullptr);
    return;
  }
  Key k = take_apart(t, key);
  Tensor v;
  if (is_tensor(value))
    v = Tensor::borrow(value);
  else if (is_number(value)) {
    const Scalar given = to_scalar(value);
    check_convertible(given, t.dtype());
    v = scalar_tensor(given, t.dtype());
  } else if (PyList_Check(value) || PyTuple_Check(value) || PyObject_CheckBuffer(value))
    v = tensor_from_data(value, t.dtype());
  else
    fail_type("can't assign a ", Py_TYPE(value)->tp_name, " to a torch.", scalar_type_name(t.dtype()), "Tensor");
  // Leading dimensions of size 1 are dropped.
  if (v.ndim() > 0 && (k.advanced || v.ndim() > k.view.ndim())) {
    int ones = 0;
    while (ones < v.ndim() && v.sizes()[ones] == 1) ++ones;
    if (ones > 0) v = view(v, v.sizes().subspan(std::size_t(ones)));
  }
  if (k.advanced) {
    index_put(k.view, k.indices, v, false);
    return;
  }
  expand_sizes(v, k.view.sizes());
  copy_(k.view, v);
}

// --- as Python calls them
// -------------------------------------------------------------------------------------------------------

namespace {

Tensor operand(Args& a, int i, DType like) { return a.is_tensor(i) ? a.tensor(i) : scalar_tensor(a.scalar(i), like); }

/// As `places`, a number as a vector of one.
std::vector<Tensor> nonzero_places(const Tensor& t) {
  return places(compare(Compare::Ne, t.ndim() == 0 ? reshape(detach(t), {{1}}) : t, Scalar(0)));
}
PyObject* where_op(const OpDef& def, Args& a) {
  const Tensor c = a.tensor(0);
  if (a.overload == 1) return pack(nonzero_places(c));
  Promotion p;
  for (int i : {1, 2}) {
    if (a.is_tensor(i))
      p.add(a.tensor(i));
    else
      p.add(a.scalar(i));
  }
  const DType d = p.result();
  if (a.has(3) && a.tensor(3).dtype() != d)
    fail_runtime("Expected out type to be ", scalar_type_name(d), " but got ", scalar_type_name(a.tensor(3).dtype()));
  const Tensor x = operand(a, 1, d), y = operand(a, 2, d);
  return give(a, 3, where(c, x, y), def.name, tracked(x) || tracked(y));
}

/// The value of masked_fill and index_fill: a number, or (in the first overload) a 0-dim tensor.
Scalar fill_number(Args& a, int i, const char* name) {
  if (a.overload == 0) {
    const Tensor v = a.tensor(i);
    if (v.ndim() != 0)
      fail_runtime(name, "_ only supports a 0-dimensional value tensor, but got tensor with ", v.ndim(),
                   " dimension(s).");
    return item(v);
  }
  return a.scalar(i);
}
Tensor fill_tensor(Args& a, int i) { return a.overload == 0 ? a.tensor(i) : Tensor(); }

PyObject* masked_fill_op(const OpDef&, Args& a) {
  const Scalar number = fill_number(a, 2, "masked_fill");
  return masked_filled(a.tensor(0), a.tensor(1), number, fill_tensor(a, 2)).release();
}
PyObject* masked_fill_op_(const OpDef&, Args& a) {
  Tensor t = a.tensor(0);
  const Tensor mask = a.tensor(1), value = fill_tensor(a, 2);
  const Scalar number = fill_number(a, 2, "masked_fill");
  const bool record = value.defined() ? recording(t, value) : recording(t);
  check_inplace(t, record);
  check_mask(mask);
  const DimVec both = broadcast_shapes(mask.sizes(), t.sizes());
  if (!same(both, t.sizes()))
    fail_runtime("output with shape ", str(t.sizes()), " doesn't match the broadcast shape ", str(both));
  check_convertible(number, t.dtype());
  NodeRef node;
  if (record && is_differentiable(t.dtype())) {
    auto* n = make_node<MaskedFillNode>(value.defined() ? 2 : 1);
    node = NodeRef::steal(n);
    connect(n, 0, t);
    n->mask.save(mask);
    if (value.defined()) {
      connect(n, 1, value);
      n->title = "MaskedFillBackward1";
      note_inputs(n, t, {&t, &value});
    }
  }
  {
    // Elements that share memory are filled where any of their masks holds.
    const GradMode off(false);
    Tensor m = expand(mask, t.sizes()), target = t;
    for (int d = 0; d < t.ndim(); ++d) {
      if (t.strides()[d] != 0 || t.sizes()[d] <= 1) continue;
      m = compare(Compare::Ne, sum(m, {{d}}, true), Scalar(0));
      target = slice(target, d, 0, 1);
    }
    check_no_overlap(target);
    masked_fill_into(target, target, overlap_safe(m, target), number);
  }
  finish_inplace(t, node.get());
  return t.release();
}
PyObject* gather_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  return give(a, 4, gather(t, a.dim(1, t.ndim()), a.tensor(2)), def.name, tracked(t));
}
bool in_place(const OpDef& def) { return std::string_view(def.name).back() == '_'; }

/// scatter and scatter_add with a tensor (overloads 0 and 2) or a number (1 and 3), which reduce= may combine.
PyObject* scatter_op(const OpDef& def, Args& a) {
  Tensor t = a.tensor(0);
  const Tensor index = a.tensor(2);
  const bool add = std::string_view(def.name).starts_with("scatter_add"), number = a.overload % 2 == 1;
  const int dim = a.dim(1, t.ndim()), out = a.overload >= 2 ? 5 : 4;
  Collide how = add ? Collide::Add : Collide::Set;
  if (a.overload >= 2) {
    const std::string reduce = a.string(4);
    if (reduce != "add" && reduce != "multiply") fail_runtime("reduce argument must be either add or multiply.");
    how = reduce == "add" ? Collide::Add : Collide::Multiply;
  }
  const Tensor given = number ? Tensor() : a.tensor(3);
  check_scatter(t, dim, index, number ? nullptr : &given);
  if (number) check_convertible(a.scalar(3), t.dtype());
  const Tensor src = number ? full(index.sizes(), a.scalar(3), t.dtype()) : given;
  const bool record = number ? recording(t) : recording(t, src);
  if (in_place(def)) {
    check_inplace(t, record);
    check_no_overlap(t);
  }
  NodeRef node;
  if (record && is_differentiable(t.dtype())) {
    if (a.overload < 2) {
      node = scatter_node(t, dim, index, given, add);
    } else {
      auto* none = make_node<NotImplementedNode>(2);
      none->what = "scatter";
      node = NodeRef::steal(none);
      connect(node.get(), 0, t);
      connect(node.get(), 1, src);
    }
  }
  if (in_place(def)) {
    scatter_raw(t, dim, separate(index, t), separate(src, t), how);
    finish_inplace(t, node.get());
    return t.release();
  }
  const Tensor result = scattered_raw(t, dim, index, src, how);
  if (node) set_history(result, node.get());
  return give(a, out, result, def.name, tracked(t) || tracked(src));
}
Reducing reducing(const char* name, const std::string& how, bool slices) {
  if (how == "sum" && !slices) return Reducing::Sum;
  if (how == "prod") return Reducing::Prod;
  if (how == "mean") return Reducing::Mean;
  if (how == "amax") return Reducing::Max;
  if (how == "amin") return Reducing::Min;
  if (slices) fail_runtime(name, "(): Expected reduce to be one of prod, mean, amax or amin but got ", how, ".");
  fail_runtime("reduce argument must be either sum, prod, mean, amax or amin, got ", how);
}
/// scatter_reduce and index_reduce.
PyObject* reduce_op(const OpDef& def, Args& a) {
  Tensor t = a.tensor(0);
  const Tensor index = a.tensor(2), src = a.tensor(3);
  const bool slices = std::string_view(def.name).starts_with("index"), include_self = a.boolean(5, true);
  const int dim = a.dim(1, t.ndim());
  const Reducing how = reducing(slices ? "index_reduce" : "scatter_reduce", a.string(4), slices);
  if (slices)
    check_index_add("index_reduce_", t, dim, index, src);
  else
    check_scatter(t, dim, index, &src);
  const DType d = t.dtype();
  const std::string kernel = "scatter_gather_tensor_cpu_reduce_" + a.string(4);
  const bool extreme = how == Reducing::Min || how == Reducing::Max;
  if (is_complex(d) && extreme)
    fail_unsupported(slices ? (how == Reducing::Max ? "maximum_cpu" : "minimum_cpu") : kernel.c_str(), d);
  if (d == DType::Bool && how == Reducing::Mean) fail_unsupported(slices ? "div_floor_cpu" : kernel.c_str(), d);
  const bool record = recording(t, src) && is_differentiable(d);
  if (!in_place(def)) {
    return give(a, 6, reduced(t, Target{index, dim, slices}, src, how, include_self), def.name,
                tracked(t) || tracked(src), OutRule::Same);
  }
  check_inplace(t, recording(t, src));
  check_no_overlap(t);
  const Target at{separate(index, t), dim, slices};
  NodeRef node;
  if (record) node = reduce_node(t, at, src, how, include_self, true);
  reduce_into(t, at, separate(src, t), how, include_self);
  finish_inplace(t, node.get());
  if (node) save_reduced(node.get(), t);
  return t.release();
}
PyObject* index_select_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  if (a.has(3) && a.tensor(3).dtype() != t.dtype())
    fail_runtime("index_select(): self and result must have the same scalar type");
  return give(a, 3, index_select(t, a.dim(1, t.ndim()), a.tensor(2)), def.name, tracked(t));
}
PyObject* index_add_op(const OpDef& def, Args& a) {
  Tensor t = a.tensor(0);
  const Tensor index = a.tensor(2), source = a.tensor(3);
  const Scalar alpha = a.scalar(4, 1);
  const int dim = a.dim(1, t.ndim());
  if (!in_place(def)) {
    return give(a, 5, index_add(t, dim, index, source, alpha), def.name, tracked(t) || tracked(source));
  }
  const bool record = recording(t, source);
  check_inplace(t, record);
  check_index_add("index_add_", t, dim, index, source);
  check_convertible(alpha, t.dtype());
  check_no_overlap(t);
  NodeRef node;
  if (record && is_differentiable(t.dtype())) node = index_add_node(t, dim, index, source, alpha);
  index_add_raw(t, dim, separate(index, t), separate(source, t), alpha);
  finish_inplace(t, node.get());
  return t.release();
}
PyObject* index_copy_op(const OpDef& def, Args& a) {
  Tensor t = a.tensor(0);
  const Tensor index = a.tensor(2), source = a.tensor(3);
  const int dim = a.dim(1, t.ndim());
  const bool record = recording(t, source);
  if (in_place(def)) check_inplace(t, record);
  check_index_copy(t, dim, index, source);
  if (in_place(def)) check_no_overlap(t);
  NodeRef node;
  if (record && is_differentiable(t.dtype())) node = index_copy_node(t, dim, index, source);
  if (in_place(def)) {
    index_copy_raw(t, dim, separate(index, t), source);
    finish_inplace(t, node.get());
    return t.release();
  }
  const Tensor result = to_contiguous(t, t.dtype());
  index_copy_raw(result, dim, index, source);
  if (node) set_history(result, node.get());
  return give(a, 4, result, def.name, tracked(t) || tracked(source));
}
PyObject* index_fill_op(const OpDef& def, Args& a) {
  Tensor t = a.tensor(0);
  const int dim = a.dim(1, t.ndim());
  const Tensor index = a.tensor(2);
  const FillValue value{fill_number(a, 3, "index_fill"), fill_tensor(a, 3)};
  if (!in_place(def)) return index_fill(t, dim, index, value).release();
  const bool record = recording_fill(t, value);
  check_inplace(t, record);
  check_index_fill(t, index, value);
  NodeRef node;
  if (record && is_differentiable(t.dtype())) node = index_fill_node(t, dim, index, value, t);
  index_fill_raw(t, dim, separate(index, t), value.number);
  finish_inplace(t, node.get());
  return t.release();
}
PyObject* index_put_op(const OpDef& def, Args& a) {
  Tensor t = in_place(def) ? a.tensor(0) : clone(a.tensor(0));
  const std::vector<Tensor> indices = a.tensors(1);
  if (indices.empty()) fail_runtime("index_put(): expected at least one index");
  std::vector<Tensor> spread;
  Tensor target = t;
  for (const Tensor& i : indices) {
    if (t.ndim() == 0) break;
    const int at = int(spread.size());
    if (i.dtype() == DType::Bool || i.dtype() == DType::UInt8) {
      if (i.ndim() == 0) {
        target = unsqueeze(target, at);
        spread.push_back(zeros({{item(i).i != 0 ? 1 : 0}}, DType::Int64));
        continue;
      }
      for (int d = 0; d < i.ndim(); ++d) {
        if (at + d >= target.ndim()) break;
        if (i.sizes()[d] != target.sizes()[at + d])
          fail_index("The shape of the mask ", str(i.sizes()), " at index ", d,
                     " does not match the shape of the indexed tensor ", str(target.sizes()), " at index ", at + d);
      }
      for (Tensor& p : places(i)) spread.push_back(std::move(p));
    } else if (i.dtype() == DType::Int64 || i.dtype() == DType::Int32) {
      spread.push_back(contiguous_as(i, DType::Int64));
    } else {
      fail_index("tensors used as indices must be long, int, byte or bool tensors");
    }
  }
  if (t.ndim() == 0 || spread.size() > std::size_t(target.ndim()))
    fail_index("too many indices for tensor of dimension ", t.ndim(), " (got ",
               t.ndim() == 0 ? indices.size() : spread.size(), ")");
  spread.resize(std::size_t(target.ndim()));
  index_put(target, spread, a.tensor(2), a.boolean(3));
  return t.release();
}
PyObject* take_along_op(const OpDef& def, Args& a) {
  Tensor t = a.tensor(0), index = a.tensor(1);
  int dim = 0;
  if (!a.has(2)) {
    t = reshape(t, {{-1}});
    index = reshape(index, {{-1}});
  } else {
    if (t.ndim() != index.ndim())
      fail_runtime("torch.take_along_dim(): input and indices should have the same number of dimensions, but got ",
                   t.ndim(), " dimensions for input, and ", index.ndim(), " dimensions for indices");
    if (index.dtype() != DType::Int64)
      fail_runtime("torch.take_along_dim(): dtype of indices should be Long but got ", scalar_type_name(index.dtype()));
    dim = a.dim(2, t.ndim());
    if (t.ndim() == 0) fail_index("Dimension specified as ", a.integer(2), " but tensor has no dimensions");
    DimVec ts(t.sizes()), is(index.sizes());
    ts[dim] = is[dim] = 1;
    const DimVec both = broadcast_shapes(ts, is);
    DimVec te(both), ie(both);
    te[dim] = t.sizes()[dim];
    ie[dim] = index.sizes()[dim];
    t = expand(t, te);
    index = expand(index, ie);
  }
  if (index.dtype() != DType::Int64)
    fail_runtime("torch.take_along_dim(): dtype of indices should be Long but got ", scalar_type_name(index.dtype()));
  // Along a dimension indices wrap round, as PyTorch's do.
  const std::int64_t size = t.sizes()[dim];
  if (a.has(2) && size > 0 && index.numel() > 0) {
    const Tensor given = contiguous_as(index, DType::Int64);
    const auto* p = given.data_as<std::int64_t>();
    if (misfit(p, given.numel(), 0, size) >= 0) {
      Tensor wrapped = empty(given.sizes(), DType::Int64);
      for (std::int64_t i = 0; i < given.numel(); ++i) wrapped.data_as<std::int64_t>()[i] = (p[i] % size + size) % size;
      index = wrapped;
    }
  }
  return give(a, 3, gather(t, dim, index), def.name, tracked(a.tensor(0)));
}
/// [n, ndim] in column-major order, as PyTorch lays it out.
Tensor nonzero(const Tensor& t) {
  if (t.ndim() == 0) return empty({{nonzero_places(t)[0].numel(), 0}}, DType::Int64);
  const GradMode off(false);
  return matrix_transpose(detach(stack(nonzero_places(t), 0)));
}
PyObject* nonzero_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  if (a.boolean(1)) return pack(nonzero_places(t));
  if (a.has(2) && a.tensor(2).dtype() != DType::Int64)
    fail_runtime("nonzero: Expected out tensor to have scalar type Long but got scalar type",
                 scalar_type_name(a.tensor(2).dtype()));
  const Tensor result = nonzero(t);
  return give(a, 2, alias(result, result.sizes(), result.strides(), result->offset), def.name, false);
}
PyObject* argwhere_op(const OpDef&, Args& a) {
  const Tensor result = nonzero(a.tensor(0));
  return alias(result, result.sizes(), result.strides(), result->offset).release();
}

Tensor masked_select(const Tensor& t, const Tensor& mask) {
  if (mask.dtype() != DType::Bool) fail_runtime("masked_select: expected BoolTensor for mask");
  DimVec both = broadcast_shapes(mask.sizes(), t.sizes());
  Tensor out;
  {
    const GradMode off(false);
    if (both.empty()) both.push_back(1);
    out = index_get(expand(t, both), places(expand(mask, both)));
  }
  if (recording(t)) {
    auto* n = record<MaskedSelectNode>(out, t);
    n->mask.save(mask);
    n->sizes.assign(t.sizes());
    n->both.assign(both);
  }
  return out;
}
void MaskedSelectNode::apply(Tensor* in, Tensor* out) {
  const Tensor m = contiguous_as(expand(mask.unpack(this), both), DType::Bool);
  const Tensor at = empty({{in[0].numel()}}, DType::Int64);
  true_places(m.data_as<bool>(), in[0].numel(), 0, at.data_as<std::int64_t>());
  const Tensor flat = scatter_add(zeros({{m.numel()}}, in[0].dtype()), 0, at, in[0]);
  out[0] = sum_to(reshape(flat, both), sizes);
}
PyObject* masked_select_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  if (a.has(2) && a.tensor(2).dtype() != t.dtype())
    fail_runtime("masked_select(): self and result must have the same scalar type");
  return give(a, 2, masked_select(t, a.tensor(1)), def.name, tracked(t));
}

PyObject* equal_op(const OpDef&, Args& a) {
  const Tensor x = a.tensor(0), y = a.tensor(1);
  if (!same(x.sizes(), y.sizes())) Py_RETURN_FALSE;
  const Tensor same_ = contiguous_as(compare(Compare::Eq, x, y), DType::Bool);
  const bool* p = same_.data_as<bool>();
  return PyBool_FromLong(std::all_of(p, p + same_.numel(), [](bool b) { return b; }));
}
const OpDef ops[] = {
    {"where", "(Tensor condition, Operand input, Operand other, *, Tensor? out=None)\n(Tensor condition)", where_op,
     kFunction, Kind::Pointwise,
     "input where the condition holds, else other; with one argument, the places where it holds."},
    {"masked_fill", "(Tensor input, Tensor mask, Tensor value)\n(Tensor input, Tensor mask, Number value)",
     masked_fill_op, kBoth, Kind::Pointwise, "value where the mask holds, else input."},
    {"masked_fill_", "(Tensor self, Tensor mask, Tensor value)\n(Tensor self, Tensor mask, Number value)",
     masked_fill_op_, kMethod, Kind::Pointwise, "In-place masked_fill."},
    {"gather", "(Tensor input, int dim, Tensor index, *, bool sparse_grad=False, Tensor? out=None)", gather_op, kBoth,
     Kind::Movement, "out[i][j] = input[index[i][j]][j] for dim 0."},
    {"scatter",
     "(Tensor input, int dim, Tensor index, Tensor src, *, Tensor? out=None)\n"
     "(Tensor input, int dim, Tensor index, Number value, *, Tensor? out=None)\n"
     "(Tensor input, int dim, Tensor index, Tensor src, *, str reduce, Tensor? out=None)\n"
     "(Tensor input, int dim, Tensor index, Number value, *, str reduce, Tensor? out=None)",
     scatter_op, kBoth, Kind::Movement,
     "A copy of input with src written to the places of index, or added to or multiplied with what is there."},
    {"scatter_",
     "(Tensor self, int dim, Tensor index, Tensor src)\n(Tensor self, int dim, Tensor index, Number value)\n"
     "(Tensor self, int dim, Tensor index, Tensor src, *, str reduce)\n"
     "(Tensor self, int dim, Tensor index, Number value, *, str reduce)",
     scatter_op, kMethod, Kind::Movement, "In-place scatter."},
    {"scatter_add", "(Tensor input, int dim, Tensor index, Tensor src, *, Tensor? out=None)", scatter_op, kBoth,
     Kind::Movement, "A copy of input with src added at the places of index."},
    {"scatter_add_", "(Tensor self, int dim, Tensor index, Tensor src)", scatter_op, kMethod, Kind::Movement,
     "In-place scatter_add."},
    {"scatter_reduce",
     "(Tensor input, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True, Tensor? out=None)",
     reduce_op, kBoth, Kind::Other,
     "A copy of input with the elements of src that go to one place of index reduced to one: their sum, prod, mean,\n"
     "amax or amin, together with what is there unless include_self is false."},
    {"scatter_reduce_", "(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True)",
     reduce_op, kMethod, Kind::Other, "In-place scatter_reduce."},
    {"index_reduce",
     "(Tensor input, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True, Tensor? out=None)",
     reduce_op, kBoth, Kind::Other,
     "A copy of input with the slices of source that go to one place along dim reduced to one: their prod, mean, amax\n"
     "or amin, together with what is there unless include_self is false."},
    {"index_reduce_", "(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True)",
     reduce_op, kMethod, Kind::Other, "In-place index_reduce."},
    {"index_select", "(Tensor input, int dim, Tensor index, *, Tensor? out=None)", index_select_op, kBoth,
     Kind::Movement, "The slices along dim that index names."},
    {"index_add", "(Tensor input, int dim, Tensor index, Tensor source, *, Number alpha=1, Tensor? out=None)",
     index_add_op, kBoth, Kind::Movement, "A copy of input with alpha * source added to the slices that index names."},
    {"index_add_", "(Tensor self, int dim, Tensor index, Tensor source, *, Number alpha=1)", index_add_op, kMethod,
     Kind::Movement, "In-place index_add."},
    {"index_copy", "(Tensor input, int dim, Tensor index, Tensor source, *, Tensor? out=None)", index_copy_op, kBoth,
     Kind::Movement, "A copy of input with slices of source written to the places that index names."},
    {"index_copy_", "(Tensor self, int dim, Tensor index, Tensor source)", index_copy_op, kMethod, Kind::Movement,
     "In-place index_copy."},
    {"index_fill",
     "(Tensor input, int dim, Tensor index, Tensor value)\n(Tensor input, int dim, Tensor index, Number value)",
     index_fill_op, kBoth, Kind::Movement, "A copy of input with a value written to the slices that index names."},
    {"index_fill_",
     "(Tensor self, int dim, Tensor index, Tensor value)\n(Tensor self, int dim, Tensor index, Number value)",
     index_fill_op, kMethod, Kind::Movement, "In-place index_fill."},
    {"index_put", "(Tensor input, Tensors indices, Tensor values, bool accumulate=False)", index_put_op, kBoth,
     Kind::Movement, "A copy of input with values at the indexed places."},
    {"index_put_", "(Tensor self, Tensors indices, Tensor values, bool accumulate=False)", index_put_op, kMethod,
     Kind::Movement, "In-place index_put."},
    {"take_along_dim", "(Tensor input, Tensor indices, int? dim=None, *, Tensor? out=None)", take_along_op, kBoth,
     Kind::Movement, "gather with broadcasting."},
    {"equal", "(Tensor input, Tensor other)", equal_op, kBoth, Kind::Query, "Same sizes and same elements?"},
    {"nonzero", "(Tensor input, *, bool as_tuple=False, Tensor? out=None)", nonzero_op, kBoth, Kind::Query,
     "The places of nonzero elements."},
    {"argwhere", "(Tensor input)", argwhere_op, kBoth, Kind::Query, "The places of nonzero elements, as rows."},
    {"masked_select", "(Tensor input, Tensor mask, *, Tensor? out=None)", masked_select_op, kBoth, Kind::Movement,
     "The elements where the mask holds, in one dimension."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
