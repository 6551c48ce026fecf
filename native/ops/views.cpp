// Operators that share memory with their input.
#include <algorithm>
#include <string_view>

#include "ops/ops.h"
#include "python/bind.h"

namespace rl {
namespace {

struct ReshapeNode final : Node {
  DimList sizes;
  int dim = -1;  // of squeeze along one dimension
  const char* title;
  void show(ValueVisitor& v) const override {
    v.list("self_sym_sizes", sizes);
    if (dim >= 0) v.number("dim", dim);
  }
  const char* name() const override { return title; }
  void apply(Tensor* in, Tensor* out) override { out[0] = reshape(in[0], sizes); }
};
struct ExpandNode final : Node {
  DimList sizes;
  void show(ValueVisitor& v) const override { v.list("self_sym_sizes", sizes); }
  const char* name() const override { return "ExpandBackward0"; }
  void apply(Tensor* in, Tensor* out) override { out[0] = sum_to(in[0], sizes); }
};
struct PermuteNode final : Node {
  DimList dims;
  void show(ValueVisitor& v) const override { v.list("dims", dims); }
  const char* name() const override { return "PermuteBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    DimVec inverse;
    inverse.resize(dims.size());
    for (std::size_t i = 0; i < dims.size(); ++i) inverse[std::size_t(dims[i])] = std::int64_t(i);
    out[0] = permute(in[0], inverse);
  }
};
struct TransposeNode final : Node {
  int a = 0, b = 0;
  const char* title = "TransposeBackward0";
  const char* name() const override { return title; }
  void show(ValueVisitor& v) const override {
    if (!std::string_view(title).starts_with("Transpose")) return;
    v.number("dim0", a);
    v.number("dim1", b);
  }
  void apply(Tensor* in, Tensor* out) override { out[0] = transpose(in[0], a, b); }
};
struct UnsqueezeNode final : Node {
  int dim = 0;
  const char* name() const override { return "UnsqueezeBackward0"; }
  void show(ValueVisitor& v) const override { v.number("dim", dim); }
  void apply(Tensor* in, Tensor* out) override { out[0] = squeeze(in[0], {{dim}}); }
};
/// select, slice, diagonal, as_strided: the gradient is written into zeros of the input's shape at the same place.
struct PartNode final : Node {
  enum Type : std::uint8_t { Select, Slice, Diagonal } type = Select;
  DimList input_sizes;
  std::int64_t a = 0, b = 0, c = 0;
  int dim = 0, dim2 = 0;
  const char* name() const override {
    return type == Select ? "SelectBackward0" : type == Slice ? "SliceBackward0" : "DiagonalBackward0";
  }
  void show(ValueVisitor& v) const override {
    v.list("self_sym_sizes", input_sizes);
    if (type == Diagonal) {
      v.number("offset", a);
      v.number("dim1", dim);
      v.number("dim2", dim2);
      return;
    }
    v.number("dim", dim);
    v.number(type == Select ? "index" : "start", a);
    if (type == Select) return;
    v.number("end", b);
    v.number("step", c);
  }
  void apply(Tensor* in, Tensor* out) override {
    Tensor whole = zeros(input_sizes, in[0].dtype());
    Tensor part = type == Select  ? select(whole, dim, a)
                  : type == Slice ? slice(whole, dim, a, b, c)
                                  : diagonal(whole, a, dim, dim2);
    copy_(part, in[0]);
    out[0] = std::move(whole);
  }
};
struct AsStridedNode final : Node {
  DimList input_sizes, input_strides, sizes, strides;
  std::int64_t offset = 0, input_offset = 0;
  const char* name() const override { return "AsStridedBackward0"; }
  void show(ValueVisitor& v) const override {
    v.list("size", sizes);
    v.list("stride", strides);
    v.number("storage_offset", offset);
  }
  void apply(Tensor* in, Tensor* out) override {
    // Over the memory that the input and the view span: what several elements of the view share, adds up there.
    std::int64_t low = std::min(offset, input_offset), high = low;
    const auto reach = [&](Dims n, Dims st, std::int64_t at) {
      for (std::size_t i = 0; i < n.size(); ++i) at += std::max<std::int64_t>(n[i] - 1, 0) * st[i];
      high = std::max(high, at);
    };
    reach(sizes, strides, offset);
    reach(input_sizes, input_strides, input_offset);
    const std::int64_t length = high - low + 1;
    Tensor places = empty({{length}}, DType::Int64);
    for (std::int64_t i = 0; i < length; ++i) places.data_as<std::int64_t>()[i] = i;
    const Tensor index = reshape(as_strided(places, sizes, strides, offset - low), {{-1}});
    const Tensor flat = index_add(zeros({{length}}, in[0].dtype()), 0, index, reshape(in[0], {{-1}}));
    Tensor back = as_strided(flat, input_sizes, input_strides, input_offset - low);
    if (has_overlap(input_sizes, input_strides)) {
      const Tensor back_index = reshape(as_strided(places, input_sizes, input_strides, input_offset - low), {{-1}});
      const Tensor count = index_add(zeros({{length}}, in[0].dtype()), 0, back_index, ones_like(reshape(back, {{-1}})));
      back = back / as_strided(count, input_sizes, input_strides, input_offset - low);
    }
    out[0] = back;
  }
};
struct UnfoldNode final : Node {
  DimList input_sizes;
  int dim = 0;
  std::int64_t size = 0, step = 1;
  const char* name() const override { return "UnfoldBackward0"; }
  void show(ValueVisitor& v) const override {
    v.number("dimension", dim);
    v.list("self_sym_sizes", input_sizes);
    v.number("size", size);
    v.number("step", step);
  }
  void apply(Tensor* in, Tensor* out) override {
    if (input_sizes.empty()) {
      out[0] = reshape(sum(in[0]), {});
      return;
    }
    // The windows one after the other along their dimension, each element added to where it was read.
    const std::int64_t windows = in[0].sizes()[dim];
    DimVec order, sizes{Dims(input_sizes)};
    for (int d = 0; d + 1 < in[0].ndim(); ++d) {
      order.push_back(d);
      if (d == dim) order.push_back(in[0].ndim() - 1);
    }
    sizes[std::size_t(dim)] = windows * size;
    Tensor index = empty({{windows * size}}, DType::Int64);
    auto* p = index.data_as<std::int64_t>();
    for (std::int64_t w = 0; w < windows; ++w) {
      for (std::int64_t k = 0; k < size; ++k) *p++ = w * step + k;
    }
    out[0] = index_add(zeros(input_sizes, in[0].dtype()), dim, index, reshape(permute(in[0], order), sizes));
  }
};
struct UnbindNode final : Node {
  int dim = 0;
  DimList part;
  DType dtype = DType::Float;
  const char* name() const override { return "UnbindBackward0"; }
  void show(ValueVisitor& v) const override { v.number("dim", dim); }
  void apply(Tensor* in, Tensor* out) override {
    std::vector<Tensor> parts(in, in + output_count());
    for (Tensor& p : parts) {
      if (!p.defined()) p = zeros(part, dtype);
    }
    out[0] = stack(parts, dim);
  }
};
struct SplitNode final : Node {
  int dim = 0;
  DimList input_sizes;
  std::vector<std::int64_t> lengths;
  DType dtype = DType::Float;
  const char* title = "SplitBackward0";
  const char* name() const override { return title; }
  void show(ValueVisitor& v) const override {
    v.number("dim", dim);
    v.list("self_sym_sizes", input_sizes);
    if (std::string_view(title).starts_with("SplitWith"))
      v.list("split_sizes", lengths);
    else if (!lengths.empty())
      v.number("split_size", lengths[0]);
  }
  void apply(Tensor* in, Tensor* out) override {
    std::vector<Tensor> parts(in, in + output_count());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (parts[i].defined()) continue;
      DimVec sizes{Dims(input_sizes)};
      sizes[std::size_t(dim)] = lengths[i];
      parts[i] = zeros(sizes, dtype);
    }
    out[0] = concat(parts, dim);
  }
};
struct RealNode final : Node {
  bool imaginary = false;
  const char* name() const override { return "SelectBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor g = to(in[0], to_complex(in[0].dtype()));
    out[0] = imaginary ? mul(g, Scalar(cdouble(0, 1))) : g;
  }
};

struct ViewAsRealNode final : Node {
  const char* name() const override { return "ViewAsRealBackward0"; }
  void apply(Tensor* in, Tensor* out) override { out[0] = view_as_complex(contiguous(in[0])); }
};
struct ViewAsComplexNode final : Node {
  const char* name() const override { return "ViewAsComplexBackward0"; }
  void apply(Tensor* in, Tensor* out) override { out[0] = view_as_real(in[0]); }
};

/// Finishes a view of one input: history where it is tracked.
template <class N, class F>
Tensor finish(const Tensor& t, Tensor v, F&& fill) {
  if (recording(t)) fill(record<N>(v, t));
  return v;
}

Tensor reshaped(const Tensor& t, Dims shape, Dims strides, const char* title, int dim = -1) {
  return finish<ReshapeNode>(t, make_view(t, shape, strides, t->offset), [&](ReshapeNode* n) {
    n->sizes.assign(t.sizes());
    n->dim = dim;
    n->title = title;
  });
}

Tensor view_as(const Tensor& t, Dims shape, const char* title) {
  if (t.is_contiguous()) {
    return finish<ReshapeNode>(t, make_view(t, shape), [&](ReshapeNode* n) {
      n->sizes.assign(t.sizes());
      n->title = title;
    });
  }
  DimVec strides;
  if (!view_strides(t.sizes(), t.strides(), shape, strides)) {
    fail_runtime(
        "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
        "contiguous "
        "subspaces). Use .reshape(...) instead.");
  }
  return reshaped(t, shape, strides, title);
}

}  // namespace

Tensor view(const Tensor& t, Dims shape) { return view_as(t, infer_shape(shape, t.numel()), "ViewBackward0"); }

Tensor alias_view(const Tensor& t) { return reshaped(t, t.sizes(), t.strides(), "AliasBackward0"); }

Tensor reshape(const Tensor& t, Dims shape) {
  const DimVec full = infer_shape(shape, t.numel());
  DimVec strides;
  if (t.is_contiguous() || view_strides(t.sizes(), t.strides(), full, strides))
    return view_as(t, full, "ViewBackward0");
  // A copy that nobody else has: the result is no view of it.
  const Tensor copy = contiguous(t);
  return finish<ReshapeNode>(copy, alias(copy, full), [&](ReshapeNode* n) {
    n->sizes.assign(copy.sizes());
    n->title = "UnsafeViewBackward0";
  });
}

Tensor unsafe_view(const Tensor& t, Dims shape) {
  const DimVec full = infer_shape(shape, t.numel());
  return finish<ReshapeNode>(t, alias(t, full, contiguous_strides(full), t->offset), [&](ReshapeNode* n) {
    n->sizes.assign(t.sizes());
    n->title = "UnsafeViewBackward0";
  });
}
Tensor squeeze_result(const Tensor& t, int dim) {
  DimVec sizes(t.sizes()), strides(t.strides());
  sizes.erase(std::size_t(dim));
  strides.erase(std::size_t(dim));
  return finish<ReshapeNode>(t, alias(t, sizes, strides, t->offset), [&](ReshapeNode* n) {
    n->sizes.assign(t.sizes());
    n->title = "SqueezeBackward4";
  });
}

namespace {
/// Sizes and strides of `t` expanded to `sizes`.
void expand_geometry(const Tensor& t, Dims sizes, DimVec& shape, DimVec& strides) {
  const int n = int(sizes.size()), own = t.ndim();
  if (n < own) {
    fail_runtime("expand(torch.", scalar_type_name(t.dtype()), "Tensor{", str(t.sizes()), "}, size=", str(sizes),
                 "): the number of sizes provided (", n,
                 ") must be greater or equal to the number of dimensions in the tensor (", own, ")");
  }
  shape.assign(sizes);
  strides.resize(std::size_t(n));
  for (int i = n - 1; i >= 0; --i) {
    const int k = i - (n - own);
    const std::int64_t have = k >= 0 ? t.sizes()[k] : 1, step = k >= 0 ? t.strides()[k] : 0;
    if (shape[i] == -1) {
      if (k < 0)
        fail_runtime("The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension ", i);
      shape[i] = have;
    }
    if (shape[i] == have) {
      strides[i] = step;
    } else if (have == 1 && shape[i] >= 0) {
      strides[i] = 0;
    } else {
      fail_runtime("The expanded size of the tensor (", shape[i], ") must match the existing size (", have,
                   ") at non-singleton dimension ", i, ".  Target sizes: ", str(sizes),
                   ".  Tensor sizes: ", str(t.sizes()));
    }
  }
}
}  // namespace

DimVec expand_sizes(const Tensor& t, Dims sizes) {
  DimVec shape, strides;
  expand_geometry(t, sizes, shape, strides);
  return shape;
}

Tensor expand(const Tensor& t, Dims sizes) {
  DimVec shape, strides;
  expand_geometry(t, sizes, shape, strides);
  checked_numel(shape);
  return finish<ExpandNode>(t, make_view(t, shape, strides, t->offset),
                            [&](ExpandNode* n) { n->sizes.assign(t.sizes()); });
}

Tensor permute(const Tensor& t, Dims dims) {
  const int n = t.ndim();
  if (int(dims.size()) != n) {
    fail_runtime(
        "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
        "ordering of dimensions i.e. "
        "input.dim() = ",
        n, " is not equal to len(dims) = ", dims.size());
  }
  DimVec sizes, strides, order;
  std::uint64_t seen = 0;
  for (auto d : dims) {
    const int k = wrap_dim(d, n);
    if (seen >> k & 1) fail_runtime("permute(): duplicate dims are not allowed.");
    seen |= std::uint64_t(1) << k;
    order.push_back(k);
    sizes.push_back(t.sizes()[k]);
    strides.push_back(t.strides()[k]);
  }
  return finish<PermuteNode>(t, make_view(t, sizes, strides, t->offset),
                             [&](PermuteNode* node) { node->dims = order; });
}

namespace {

Tensor swapped(const Tensor& t, int a, int b, const char* title) {
  DimVec sizes(t.sizes()), strides(t.strides());
  if (t.ndim() > 0) {
    std::swap(sizes[a], sizes[b]);
    std::swap(strides[a], strides[b]);
  }
  return finish<TransposeNode>(t, make_view(t, sizes, strides, t->offset), [&](TransposeNode* n) {
    n->a = a;
    n->b = b;
    n->title = title;
  });
}

}  // namespace

Tensor transpose(const Tensor& t, int a, int b) {
  a = wrap_dim(a, t.ndim());
  b = wrap_dim(b, t.ndim());
  return swapped(t, a, b, "TransposeBackward0");
}
Tensor matrix_transpose(const Tensor& t) { return transpose(t, -2, -1); }

Tensor short_transpose(const Tensor& t) {
  if (t.ndim() > 2) fail_runtime("t() expects a tensor with <= 2 dimensions, but self is ", t.ndim(), "D");
  return swapped(t, 0, t.ndim() == 2 ? 1 : 0, "TBackward0");
}

namespace {
Tensor squeeze_as(const Tensor& t, Dims dims, const char* title) {
  const int n = t.ndim();
  std::uint64_t mask = dims.data() == nullptr ? ~std::uint64_t(0) : 0;
  for (auto d : dims) mask |= std::uint64_t(1) << wrap_dim(d, n);
  DimVec sizes, strides;
  for (int i = 0; i < n; ++i) {
    if (t.sizes()[i] == 1 && (mask >> i & 1)) continue;
    sizes.push_back(t.sizes()[i]);
    strides.push_back(t.strides()[i]);
  }
  const bool one = std::string_view(title) == "SqueezeBackward1" && dims.size() == 1;
  return reshaped(t, sizes, strides, title, one ? int(dims[0] < 0 ? dims[0] + t.ndim() : dims[0]) : -1);
}
}  // namespace

Tensor squeeze(const Tensor& t, Dims dims) {
  return squeeze_as(t, dims, dims.data() == nullptr ? "SqueezeBackward0" : "SqueezeBackward1");
}

Tensor unsqueeze(const Tensor& t, int dim) {
  dim = wrap_dim(dim, t.ndim() + 1);
  DimVec sizes(t.sizes()), strides(t.strides());
  const std::int64_t step = dim < t.ndim() ? sizes[dim] * strides[dim] : 1;
  sizes.insert(dim, 1);
  strides.insert(dim, step);
  return finish<UnsqueezeNode>(t, make_view(t, sizes, strides, t->offset), [&](UnsqueezeNode* n) { n->dim = dim; });
}

Tensor slice(const Tensor& t, int dim, std::int64_t start, std::int64_t end, std::int64_t step) {
  DimVec sizes(t.sizes()), strides(t.strides());
  const std::int64_t first = strides[dim] * start;
  sizes[dim] = end > start ? (end - start + step - 1) / step : 0;
  strides[dim] *= step;
  return finish<PartNode>(t, make_view(t, sizes, strides, t->offset + first * t.itemsize()), [&](PartNode* n) {
    n->type = PartNode::Slice;
    n->input_sizes.assign(t.sizes());
    n->dim = dim;
    n->a = start;
    n->b = end;
    n->c = step;
  });
}

Tensor select(const Tensor& t, int dim, std::int64_t index) {
  if (t.ndim() == 0) fail_index("select() cannot be applied to a 0-dim tensor.");
  dim = wrap_dim(dim, t.ndim());
  const std::int64_t size = t.sizes()[dim];
  if (index < -size || index >= size) {
    fail_index("select(): index ", index, " out of range for tensor of size ", str(t.sizes()), " at dimension ", dim);
  }
  if (index < 0) index += size;
  DimVec sizes(t.sizes()), strides(t.strides());
  const std::int64_t first = strides[dim] * index;
  sizes.erase(dim);
  strides.erase(dim);
  return finish<PartNode>(t, make_view(t, sizes, strides, t->offset + first * t.itemsize()), [&](PartNode* n) {
    n->input_sizes.assign(t.sizes());
    n->dim = dim;
    n->a = index;
  });
}

Tensor diagonal(const Tensor& t, std::int64_t offset, int dim1, int dim2) {
  const int d1 = wrap_dim(dim1, t.ndim()), d2 = wrap_dim(dim2, t.ndim());
  if (d1 == d2) fail_runtime("diagonal dimensions cannot be identical ", dim1, ", ", dim2);
  const std::int64_t n1 = t.sizes()[d1], n2 = t.sizes()[d2];
  const std::int64_t length =
      std::max<std::int64_t>(0, offset >= 0 ? std::min(n1, n2 - offset) : std::min(n1 + offset, n2));
  std::int64_t first = 0;
  if (length > 0) first = offset >= 0 ? offset * t.strides()[d2] : -offset * t.strides()[d1];
  DimVec sizes, strides;
  for (int i = 0; i < t.ndim(); ++i) {
    if (i == d1 || i == d2) continue;
    sizes.push_back(t.sizes()[i]);
    strides.push_back(t.strides()[i]);
  }
  sizes.push_back(length);
  strides.push_back(t.strides()[d1] + t.strides()[d2]);
  return finish<PartNode>(t, make_view(t, sizes, strides, t->offset + first * t.itemsize()), [&](PartNode* n) {
    n->type = PartNode::Diagonal;
    n->input_sizes.assign(t.sizes());
    n->a = offset;
    n->dim = d1;
    n->dim2 = d2;
  });
}

Tensor as_strided(const Tensor& t, Dims sizes, Dims strides, std::int64_t storage_offset) {
  if (sizes.size() != strides.size()) {
    fail_runtime("mismatch in length of strides and shape");
  }
  std::int64_t last = storage_offset;
  const std::int64_t n = checked_numel(sizes);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (strides[i] < 0)
      fail_runtime("as_strided: Negative strides are not supported at the moment, got strides: ", str(strides));
    std::int64_t step;
    if (__builtin_mul_overflow(std::max<std::int64_t>(sizes[i] - 1, 0), strides[i], &step) ||
        __builtin_add_overflow(last, step, &last)) {
      fail_runtime("Storage size calculation overflowed with sizes=", str(sizes), " and strides=", str(strides));
    }
  }
  if (storage_offset < 0) fail_runtime("Tensor: invalid storage offset ", storage_offset);
  if (n > 0 && std::size_t(last + 1) * std::size_t(t.itemsize()) > t->storage->bytes()) {
    fail_runtime("setStorage: sizes ", str(sizes), ", strides ", str(strides), ", storage offset ", storage_offset,
                 ", and itemsize ", t.itemsize(), " requiring a storage size of ", (last + 1) * t.itemsize(),
                 " are out of bounds for storage of size ", t->storage->bytes());
  }
  return finish<AsStridedNode>(t, make_view(t, sizes, strides, storage_offset * t.itemsize()),
                               [&](AsStridedNode* node) {
                                 node->input_sizes.assign(t.sizes());
                                 node->input_strides.assign(t.strides());
                                 node->input_offset = t.storage_offset();
                                 node->sizes.assign(sizes);
                                 node->strides.assign(strides);
                                 node->offset = storage_offset;
                               });
}

Tensor flatten(const Tensor& t, int start, int end) {
  start = wrap_dim(start, t.ndim());
  end = wrap_dim(end, t.ndim());
  if (t.ndim() == 0) return reshape(t, {{1}});
  if (start > end) fail_runtime("flatten() has invalid args: start_dim cannot come after end_dim");
  if (start == end) return t;
  DimVec shape;
  std::int64_t run = 1;
  for (int i = 0; i < t.ndim(); ++i) {
    if (i < start || i > end) {
      shape.push_back(t.sizes()[i]);
      continue;
    }
    run *= t.sizes()[i];
    if (i == end) shape.push_back(run);
  }
  return reshape(t, shape);
}

std::vector<Tensor> unbind(const Tensor& t, int dim) {
  if (t.ndim() == 0) fail_index("Dimension specified as ", dim, " but tensor has no dimensions");
  dim = wrap_dim(dim, t.ndim());
  DimVec sizes(t.sizes()), strides(t.strides());
  const std::int64_t count = sizes[dim], step = strides[dim] * t.itemsize();
  sizes.erase(dim);
  strides.erase(dim);
  std::vector<Tensor> parts;
  parts.reserve(std::size_t(count));
  UnbindNode* n = nullptr;
  if (recording(t) && count > 0) {
    n = make_node<UnbindNode>(1);
    connect(n, 0, t);
    n->dim = dim;
    n->part = sizes;
    n->dtype = t.dtype();
    n->set_output_count(std::uint32_t(count));
  }
  const NodeRef keep = NodeRef::steal(n);
  for (std::int64_t i = 0; i < count; ++i) {
    parts.push_back(make_view(t, sizes, strides, t->offset + i * step));
    mark_multi_view(parts.back());
    if (n != nullptr) set_history(parts.back(), n, std::uint32_t(i));
  }
  return parts;
}

namespace {

std::vector<Tensor> split_at(const Tensor& t, std::span<const std::int64_t> lengths, int dim, const char* title) {
  std::vector<Tensor> parts;
  SplitNode* n = nullptr;
  if (recording(t)) {
    n = make_node<SplitNode>(1);
    connect(n, 0, t);
    n->dim = dim;
    n->input_sizes.assign(t.sizes());
    n->lengths.assign(lengths.begin(), lengths.end());
    n->dtype = t.dtype();
    n->title = title;
    n->set_output_count(std::uint32_t(lengths.size()));
  }
  const NodeRef keep = NodeRef::steal(n);
  std::int64_t at = 0;
  DimVec sizes(t.sizes());
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    sizes[dim] = lengths[i];
    parts.push_back(make_view(t, sizes, t.strides(), t->offset + at * t.strides()[dim] * t.itemsize()));
    mark_multi_view(parts.back());
    if (n != nullptr) set_history(parts.back(), n, std::uint32_t(i));
    at += lengths[i];
  }
  return parts;
}

std::vector<Tensor> split_every(const Tensor& t, std::int64_t length, int dim, const char* title) {
  if (t.ndim() == 0) fail_runtime("split expects at least a 1-dimensional tensor");
  if (length < 0) fail_runtime("split expects split_size be non-negative, but got split_size=", length);
  const std::int64_t size = t.sizes()[dim];
  if (length == 0 && size != 0) {
    fail_runtime("split_size can only be 0 if dimension size is 0, but got dimension size of ", size);
  }
  std::vector<std::int64_t> lengths;
  for (std::int64_t at = 0; at < size; at += length) lengths.push_back(std::min(length, size - at));
  if (lengths.empty()) lengths.push_back(0);
  return split_at(t, lengths, dim, title);
}

std::vector<Tensor> split_sizes(const Tensor& t, std::span<const std::int64_t> lengths, int dim) {
  if (t.ndim() == 0) fail_runtime("split expects at least a 1-dimensional tensor");
  std::int64_t sum = 0;
  for (auto n : lengths) {
    if (n < 0)
      fail_runtime("split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=",
                   str(Dims(lengths)));
    sum += n;
  }
  if (sum != t.sizes()[dim]) {
    fail_runtime("split_with_sizes expects split_sizes to sum exactly to ", t.sizes()[dim],
                 " (input tensor's size at dimension ", dim, "), but got split_sizes=", str(Dims(lengths)));
  }
  return split_at(t, lengths, dim, "SplitWithSizesBackward0");
}

}  // namespace

std::vector<Tensor> split(const Tensor& t, Dims lengths, int dim) {
  return split_sizes(t, lengths, wrap_dim(dim, t.ndim()));
}

Tensor real(const Tensor& t) {
  if (!is_complex(t.dtype())) return t;
  DimVec strides(t.strides());
  for (auto& s : strides) s *= 2;
  Tensor v = make_view(t, t.sizes(), strides, t->offset);
  v->dtype = to_real(t.dtype());
  set_geometry(v.get(), t.sizes(), strides);
  return finish<RealNode>(t, v, [](RealNode*) {});
}
Tensor imag(const Tensor& t) {
  if (!is_complex(t.dtype())) fail_runtime("imag is not implemented for tensors with non-complex dtypes.");
  DimVec strides(t.strides());
  for (auto& s : strides) s *= 2;
  Tensor v = make_view(t, t.sizes(), strides, t->offset + t.itemsize() / 2);
  v->dtype = to_real(t.dtype());
  set_geometry(v.get(), t.sizes(), strides);
  return finish<RealNode>(t, v, [](RealNode* n) { n->imaginary = true; });
}

Tensor view_as_real(const Tensor& t) {
  if (!is_complex(t.dtype())) fail_runtime("view_as_real is only supported for complex tensors");
  DimVec sizes(t.sizes()), strides(t.strides());
  for (auto& s : strides) s *= 2;
  sizes.push_back(2);
  strides.push_back(1);
  Tensor v = make_view(t, sizes, strides, t->offset);
  v->dtype = to_real(t.dtype());
  set_geometry(v.get(), sizes, strides);
  return finish<ViewAsRealNode>(t, v, [](ViewAsRealNode*) {});
}
Tensor view_as_complex(const Tensor& t) {
  if (t.dtype() != DType::Float && t.dtype() != DType::Double)
    fail_runtime(
        "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: ",
        scalar_type_name(t.dtype()));
  if (t.ndim() == 0) fail_runtime("Input tensor must have one or more dimensions");
  if (t.size(-1) != 2) fail_runtime("Tensor must have a last dimension of size 2");
  if (t.stride(-1) != 1) fail_runtime("Tensor must have a last dimension with stride 1");
  DimVec sizes(t.sizes()), strides(t.strides());
  sizes.pop_back();
  strides.pop_back();
  for (auto& s : strides) {
    if (s % 2 != 0) fail_runtime("Tensor must have a stride divisible by 2 for all but last dimension");
    s /= 2;
  }
  if (t.storage_offset() % 2 != 0) fail_runtime("Tensor must have a storage_offset divisible by 2");
  Tensor v = make_view(t, sizes, strides, t->offset);
  v->dtype = to_complex(t.dtype());
  set_geometry(v.get(), sizes, strides);
  return finish<ViewAsComplexNode>(t, v, [](ViewAsComplexNode*) {});
}

// --- as Python calls them
// -------------------------------------------------------------------------------------------------

namespace {

PyObject* view_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  if (a.overload == 0) return view(t, a.ints(1)).release();
  const DType d = *a.dtype(1);
  if (d == t.dtype()) return view(t, t.sizes()).release();
  if (itemsize(d) != t.itemsize()) {
    DimVec sizes(t.sizes()), strides(t.strides());
    if (t.ndim() == 0)
      fail_runtime("self.dim() cannot be 0 to view ", dtype_name(t.dtype()), " as ", dtype_name(d),
                   " (different element sizes)");
    if (strides.back() != 1)
      fail_runtime("self.stride(-1) must be 1 to view ", dtype_name(t.dtype()), " as ", dtype_name(d),
                   " (different element sizes), but got ", strides.back());
    const int from = t.itemsize(), into = itemsize(d);
    if (into > from) {
      const int k = into / from;
      if (sizes.back() % k != 0 || t.storage_offset() % k != 0) {
        fail_runtime("self.size(-1) must be divisible by ", k, " to view ", dtype_name(t.dtype()), " as ",
                     dtype_name(d), " (different element sizes), but got ", sizes.back());
      }
      sizes.back() /= k;
      for (int i = 0; i + 1 < t.ndim(); ++i) {
        if (strides[i] % k != 0)
          fail_runtime("self.stride(", i, ") must be divisible by ", k, " to view ", dtype_name(t.dtype()), " as ",
                       dtype_name(d));
        strides[i] /= k;
      }
    } else {
      const int k = from / into;
      sizes.back() *= k;
      for (int i = 0; i + 1 < t.ndim(); ++i) strides[i] *= k;
    }
    Tensor v = alias(t);
    v->dtype = d;
    set_geometry(v.get(), sizes, strides);
    return v.release();
  }
  // The bytes of a number have no derivative: a view to the storage, but none to the tape, as in PyTorch.
  Tensor v = alias(t);
  v->dtype = d;
  return v.release();
}
PyObject* reshape_op(const OpDef&, Args& a) { return reshape(a.tensor(0), a.ints(1)).release(); }
PyObject* view_as_op(const OpDef&, Args& a) { return view(a.tensor(0), a.tensor(1).sizes()).release(); }
PyObject* reshape_as_op(const OpDef&, Args& a) { return reshape(a.tensor(0), a.tensor(1).sizes()).release(); }
PyObject* expand_op(const OpDef&, Args& a) { return expand(a.tensor(0), a.ints(1)).release(); }
PyObject* expand_as_op(const OpDef&, Args& a) { return expand(a.tensor(0), a.tensor(1).sizes()).release(); }
PyObject* broadcast_to_op(const OpDef&, Args& a) { return expand(a.tensor(0), a.ints(1)).release(); }
PyObject* permute_op(const OpDef&, Args& a) { return permute(a.tensor(0), a.ints(1)).release(); }
PyObject* transpose_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  return swapped(t, a.dim(1, t.ndim()), a.dim(2, t.ndim()), "TransposeBackward0").release();
}
PyObject* t_op(const OpDef&, Args& a) { return short_transpose(a.tensor(0)).release(); }
PyObject* squeeze_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  if (a.overload == 0) return squeeze_as(t, Dims(), "SqueezeBackward0").release();
  const DimVec dims = a.ints(1);
  const bool one = !PyTuple_Check(a.v[1]) && !PyList_Check(a.v[1]);
  return squeeze_as(t, Dims(dims.data(), dims.size()), one ? "SqueezeBackward1" : "SqueezeBackward2").release();
}
PyObject* unsqueeze_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  return unsqueeze(t, wrap_dim(a.integer(1), t.ndim() + 1)).release();
}
PyObject* narrow_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  if (t.ndim() == 0) fail_runtime("narrow() cannot be applied to a 0-dim tensor.");
  const int dim = a.dim(1, t.ndim());
  if (a.overload == 1) fail_runtime("start must be an 0-dim integral Tensor.");
  std::int64_t start = a.integer(2), length = a.integer(3);
  const std::int64_t size = t.sizes()[dim];
  if (length < 0) fail_runtime("narrow(): length must be non-negative.");
  if (start < -size || start > size)
    fail_index("start out of range (expected to be in range of [", -size, ", ", size, "], but got ", start, ")");
  if (start < 0) start += size;
  if (start > size - length)
    fail_runtime("start (", start, ") + length (", length, ") exceeds dimension size (", size, ").");
  return slice(t, dim, start, start + length).release();
}
PyObject* select_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  if (t.ndim() == 0) fail_index("select() cannot be applied to a 0-dim tensor.");
  return select(t, a.dim(1, t.ndim()), a.integer(2)).release();
}
PyObject* diagonal_op(const OpDef&, Args& a) {
  return diagonal(a.tensor(0), a.integer(1, 0), int(a.integer(2, 0)), int(a.integer(3, 1))).release();
}
PyObject* as_strided_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  return as_strided(t, a.ints(1), a.ints(2), a.has(3) ? a.integer(3) : t.storage_offset()).release();
}
PyObject* flatten_op(const OpDef&, Args& a) {
  return flatten(a.tensor(0), int(a.integer(1, 0)), int(a.integer(2, -1))).release();
}
PyObject* unflatten_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  const int dim = a.dim(1, t.ndim());
  const DimVec part = infer_shape(a.ints(2), t.sizes()[dim]);
  DimVec shape(t.sizes());
  shape.erase(dim);
  for (std::size_t i = 0; i < part.size(); ++i) shape.insert(dim + i, part[i]);
  return view(t, shape).release();
}
PyObject* unbind_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  if (t.ndim() == 0) fail_index("Dimension specified as ", a.integer(1, 0), " but tensor has no dimensions");
  return pack(unbind(t, wrap_dim(a.integer(1, 0), t.ndim())));
}
std::vector<std::int64_t> numbers(const DimVec& v) { return {v.begin(), v.end()}; }
PyObject* split_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  if (t.ndim() == 0) fail_runtime("split expects at least a 1-dimensional tensor");
  const int dim = wrap_dim(a.integer(2, 0), t.ndim());
  if (a.overload == 0) return pack(split_every(t, a.integer(1), dim, "SplitBackward0"));
  return pack(split_sizes(t, numbers(a.ints(1)), dim));
}
PyObject* chunk_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  if (t.ndim() == 0) fail_runtime("chunk expects at least a 1-dimensional tensor");
  const std::int64_t chunks = a.integer(1);
  if (chunks <= 0) fail_runtime("chunk expects `chunks` to be greater than 0, got: ", chunks);
  const int dim = a.dim(2, t.ndim());
  const std::int64_t size = t.sizes()[dim];
  if (size == 0) return pack(split_sizes(t, std::vector<std::int64_t>(std::size_t(chunks), 0), dim));
  return pack(split_every(t, (size + chunks - 1) / chunks, dim, "SplitBackward0"));
}
PyObject* unfold_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  const int dim = wrap_dim(a.integer(1), t.ndim());
  const std::int64_t size = a.integer(2), step = a.integer(3);
  const std::int64_t length = t.ndim() == 0 ? 1 : t.sizes()[dim];
  if (size > length) fail_runtime("maximum size for tensor at dimension ", dim, " is ", length, " but size is ", size);
  if (size < 0) fail_runtime("size is ", size, " but must be >= 0");
  if (step <= 0) fail_runtime("step is ", step, " but must be > 0");
  DimVec sizes(t.sizes()), strides(t.strides());
  const std::int64_t stride = t.ndim() == 0 ? 1 : strides[dim];
  if (t.ndim() > 0) {
    sizes[dim] = (length - size) / step + 1;
    strides[dim] *= step;
  }
  sizes.push_back(size);
  strides.push_back(stride);
  return finish<UnfoldNode>(t, make_view(t, sizes, strides, t->offset),
                            [&](UnfoldNode* n) {
                              n->input_sizes.assign(t.sizes());
                              n->dim = dim;
                              n->size = size;
                              n->step = step;
                            })
      .release();
}
PyObject* movedim_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  const int n = t.ndim();
  const DimVec from = a.ints(1), into = a.ints(2);
  if (from.size() != into.size()) {
    fail_runtime("movedim: Invalid source or destination dims: source (", str(from),
                 " dims) should contain the same number of dims as destination (", str(into), " dims)");
  }
  DimVec order;
  order.resize(n, -1);
  std::uint64_t used = 0;
  bool twice = false;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const int s = wrap_dim(from[i], n), d = wrap_dim(into[i], n);
    if (used >> s & 1) fail_runtime("movedim: repeated dim in `source` (", str(from), ")");
    if (order[d] >= 0) twice = true;
    order[d] = s;
    used |= std::uint64_t(1) << s;
  }
  if (twice) fail_runtime("movedim: repeated dim in `destination` (", str(into), ")");
  int next = 0;
  for (auto& d : order) {
    if (d >= 0) continue;
    while (used >> next & 1) ++next;
    d = next++;
  }
  return permute(t, order).release();
}
PyObject* real_op(const OpDef&, Args& a) { return real(a.tensor(0)).release(); }
PyObject* imag_op(const OpDef&, Args& a) { return imag(a.tensor(0)).release(); }

const OpDef ops[] = {
    {"view", "(Tensor self, size size)\n(Tensor self, dtype dtype)", view_op, kMethod, Kind::View,
     "The same elements in another shape (one size may be -1), sharing memory; or their bytes as another dtype."},
    {"reshape", "(Tensor input, size shape)", reshape_op, kBoth, Kind::View,
     "The same elements in another shape; a view where that is possible, else a copy."},
    {"view_as", "(Tensor self, Tensor other)", view_as_op, kMethod, Kind::View, "self.view(other.size())."},
    {"reshape_as", "(Tensor self, Tensor other)", reshape_as_op, kMethod, Kind::View, "self.reshape(other.size())."},
    {"expand", "(Tensor self, size size, *, bool implicit=False)", expand_op, kMethod, Kind::View,
     "Dimensions of size 1 seen as larger, without a copy; -1 keeps a size."},
    {"expand_as", "(Tensor self, Tensor other)", expand_as_op, kMethod, Kind::View, "self.expand(other.size())."},
    {"broadcast_to", "(Tensor input, size size)", broadcast_to_op, kBoth, Kind::View, "input.expand(size)."},
    {"permute", "(Tensor input, size dims)", permute_op, kBoth, Kind::View, "The dimensions in another order."},
    {"transpose", "(Tensor input, int dim0, int dim1)", transpose_op, kBoth, Kind::View, "Two dimensions swapped."},
    {"swapaxes", "(Tensor input, int axis0, int axis1)", transpose_op, kBoth, Kind::View, "Alias of transpose."},
    {"swapdims", "(Tensor input, int dim0, int dim1)", transpose_op, kBoth, Kind::View, "Alias of transpose."},
    {"t", "(Tensor input)", t_op, kBoth, Kind::View, "The transpose of a matrix; a vector itself."},
    {"squeeze", "(Tensor input)\n(Tensor input, ints dim)", squeeze_op, kBoth, Kind::View,
     "Without dimensions of size 1: all of them, or the given ones."},
    {"unsqueeze", "(Tensor input, int dim)", unsqueeze_op, kBoth, Kind::View, "With a new dimension of size 1."},
    {"narrow", "(Tensor input, int dim, int start, int length)\n(Tensor input, int dim, Tensor start, int length)",
     narrow_op, kBoth, Kind::View, "`length` elements from `start` on along a dimension."},
    {"select", "(Tensor input, int dim, int index)", select_op, kBoth, Kind::View,
     "One slice along a dimension, which goes."},
    {"diagonal", "(Tensor input, int offset=0, int dim1=0, int dim2=1)", diagonal_op, kBoth, Kind::View,
     "The diagonal of two dimensions, as the last one."},
    {"as_strided", "(Tensor input, ints size, ints stride, int? storage_offset=None)", as_strided_op, kBoth, Kind::View,
     "The storage seen with these sizes and strides (in elements)."},
    {"flatten", "(Tensor input, int start_dim=0, int end_dim=-1)", flatten_op, kBoth, Kind::View,
     "A run of dimensions as one."},
    {"ravel", "(Tensor input)",
     [](const OpDef&, Args& a) { return reshape(contiguous(a.tensor(0)), {{-1}}).release(); }, kBoth, Kind::View,
     "All elements in one dimension."},
    {"unflatten", "(Tensor input, int dim, ints sizes)", unflatten_op, kBoth, Kind::View, "One dimension as several."},
    {"unbind", "(Tensor input, int dim=0)", unbind_op, kBoth, Kind::View,
     "All slices along a dimension, as a tuple of views."},
    {"split",
     "(Tensor tensor, int split_size_or_sections, int dim=0)\n(Tensor tensor, ints split_size_or_sections, int dim=0)",
     split_op, kFunction, Kind::View, "Pieces of a length, or of several lengths, along a dimension."},
    {"split_with_sizes", "(Tensor input, ints split_sizes, int dim=0)",
     [](const OpDef&, Args& a) {
       const Tensor t = a.tensor(0);
       return pack(split_sizes(t, numbers(a.ints(1)), wrap_dim(a.integer(2, 0), t.ndim())));
     },
     kBoth, Kind::View, "Pieces of these lengths along a dimension."},
    {"chunk", "(Tensor input, int chunks, int dim=0)", chunk_op, kBoth, Kind::View,
     "At most so many equal pieces along a dimension (the last may be shorter)."},
    {"unfold", "(Tensor self, int dimension, int size, int step)", unfold_op, kMethod, Kind::View,
     "All windows of a size along a dimension; the window is the new last dimension."},
    {"movedim", "(Tensor input, ints source, ints destination)", movedim_op, kBoth, Kind::View,
     "Dimensions moved to other places."},
    {"moveaxis", "(Tensor input, ints source, ints destination)", movedim_op, kBoth, Kind::View, "Alias of movedim."},
    {"view_as_real", "(Tensor input)", [](const OpDef&, Args& a) { return view_as_real(a.tensor(0)).release(); },
     kFunction, Kind::View,
     "A complex tensor as pairs of real and imaginary part: one more dimension, of size 2. Shares memory."},
    {"view_as_complex", "(Tensor input)", [](const OpDef&, Args& a) { return view_as_complex(a.tensor(0)).release(); },
     kFunction, Kind::View,
     "Pairs of real and imaginary part, along the last dimension, as a complex tensor. Shares memory."},
    {"real", "(Tensor input)", real_op, kFunction, Kind::View, "The real part, sharing memory."},
    {"imag", "(Tensor input)", imag_op, kFunction, Kind::View, "The imaginary part, sharing memory."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
