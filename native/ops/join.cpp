// Operators that put tensors together or turn them round, in new memory.
#include <algorithm>
#include <string_view>

#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

struct CatNode final : Node {
  int dim = 0;
  std::unique_ptr<DimList[]> sizes;
  std::vector<DType> dtypes;
  const char* title = "CatBackward0";
  const char* name() const override { return title; }
  void show(ValueVisitor& v) const override {
    if (std::string_view(title).starts_with("Cat")) v.number("dim", dim);
  }
  void apply(Tensor* in, Tensor* out) override {
    std::int64_t at = 0;
    for (std::uint32_t i = 0; i < edge_count(); ++i) {
      if (sizes[i].size() == 1 && sizes[i][0] == 0) {  // the empty tensor that joins anything
        if (needs(i)) out[i] = zeros(sizes[i], dtypes[i]);
        continue;
      }
      const std::int64_t n = sizes[i][std::size_t(dim)];
      if (needs(i)) {
        Tensor g = slice(in[0], dim, at, at + n);
        if (g.dtype() != dtypes[i]) g = to(is_complex(g.dtype()) && !is_complex(dtypes[i]) ? real(g) : g, dtypes[i]);
        out[i] = g;
      }
      at += n;
    }
  }
};
struct StackNode final : Node {
  int dim = 0;
  std::vector<DType> dtypes;
  const char* name() const override { return "StackBackward0"; }
  void show(ValueVisitor& v) const override { v.number("dim", dim); }
  void apply(Tensor* in, Tensor* out) override {
    for (std::uint32_t i = 0; i < edge_count(); ++i) {
      if (!needs(i)) continue;
      Tensor g = select(in[0], dim, i);
      out[i] =
          g.dtype() == dtypes[i] ? g : to(is_complex(g.dtype()) && !is_complex(dtypes[i]) ? real(g) : g, dtypes[i]);
    }
  }
};
struct FlipNode final : Node {
  DimList dims;
  const char* name() const override { return "FlipBackward0"; }
  void show(ValueVisitor& v) const override { v.list("dims", dims); }
  void apply(Tensor* in, Tensor* out) override { out[0] = flip(in[0], dims); }
};
struct RepeatNode final : Node {
  DimList input_sizes, repeats;
  const char* name() const override { return "RepeatBackward0"; }
  void show(ValueVisitor& v) const override {
    v.list("repeats", repeats);
    v.list("self_sym_sizes", input_sizes);
  }
  void apply(Tensor* in, Tensor* out) override {
    // [r0 * n0, r1 * n1, …] seen as [r0, n0, r1, n1, …], summed over the r.
    DimVec shape, sum_dims;
    const std::size_t lead = repeats.size() - input_sizes.size();
    for (std::size_t i = 0; i < repeats.size(); ++i) {
      sum_dims.push_back(std::int64_t(shape.size()));
      shape.push_back(repeats[i]);
      if (i >= lead) shape.push_back(input_sizes[i - lead]);
    }
    if (product(repeats) == 0) {
      out[0] = zeros(input_sizes, in[0].dtype());
      return;
    }
    out[0] = repeats.empty() ? in[0] : sum(reshape(in[0], shape), sum_dims);
  }
};

struct RollNode final : Node {
  DimList shifts, dims;
  const char* name() const override { return "RollBackward0"; }
  void show(ValueVisitor& v) const override {
    v.list("shifts", shifts);
    v.list("dims", dims);
  }
  void apply(Tensor* in, Tensor* out) override;
};

/// Are the strides those of channels_last (four dimensions) or channels_last_3d (five)?
bool channels_last(const Tensor& t) {
  if (t.ndim() != 4 && t.ndim() != 5) return false;
  if (t.strides()[1] == 0) return false;
  std::int64_t least = 0;
  for (int i = 0; i < t.ndim(); ++i) {
    const int d = i == 0 ? 1 : i + 1 == t.ndim() ? 0 : t.ndim() - i;
    const std::int64_t n = t.sizes()[d], step = t.strides()[d];
    if (n == 0 || step < least || (d == 0 && least == t.strides()[1])) return false;
    least = n > 1 ? step * n : step;
  }
  return true;
}

template <class N>
N* record_all(const Tensor& out, std::span<const Tensor> inputs) {
  N* n = make_node<N>(std::uint32_t(inputs.size()));
  for (std::size_t i = 0; i < inputs.size(); ++i) connect(n, std::uint32_t(i), inputs[i]);
  set_history(out, n);
  release(n);
  return n;
}

bool any_recording(std::span<const Tensor> tensors) {
  return modes.grad && std::any_of(tensors.begin(), tensors.end(), [](const Tensor& t) { return tracked(t); });
}

}  // namespace

Tensor concat(std::span<const Tensor> tensors, int dim) {
  if (tensors.empty()) fail_value("torch.cat(): expected a non-empty list of Tensors");
  const auto joins_anything = [](const Tensor& t) { return t.ndim() == 1 && t.sizes()[0] == 0; };
  const Tensor* model = nullptr;
  Promotion promotion;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].ndim() == 0) fail_runtime("zero-dimensional tensor (at position ", i, ") cannot be concatenated");
    promotion.add(tensors[i]);
    if (model == nullptr && !joins_anything(tensors[i])) model = &tensors[i];
  }
  const DType d = promotion.result();
  if (model == nullptr) model = &tensors[0];
  dim = wrap_dim(dim, model->ndim());
  DimVec sizes(model->sizes());
  sizes[dim] = 0;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& t = tensors[i];
    if (joins_anything(t)) continue;
    if (t.ndim() != model->ndim()) {
      fail_runtime("Tensors must have same number of dimensions: got ", model->ndim(), " and ", t.ndim());
    }
    for (int k = 0; k < t.ndim(); ++k) {
      if (k != dim && t.sizes()[k] != sizes[k]) {
        fail_runtime("Sizes of tensors must match except in dimension ", dim, ". Expected size ", sizes[k],
                     " but got size ", t.sizes()[k], " for tensor number ", i, " in the list.");
      }
    }
    sizes[dim] += t.sizes()[dim];
  }
  // Channels stay last where they are in every tensor.
  const bool last = std::all_of(tensors.begin(), tensors.end(), channels_last);
  Tensor out;
  if (last) {
    DimVec strides(sizes.size(), 1);
    std::int64_t step = sizes[1];
    for (int k = int(sizes.size()) - 1; k >= 2; --k) {
      strides[std::size_t(k)] = step;
      step *= sizes[std::size_t(k)];
    }
    strides[0] = step;
    out = empty_strided(sizes, strides, d);
  } else {
    out = empty(sizes, d);
  }
  std::int64_t at = 0;
  for (const Tensor& t : tensors) {
    if (joins_anything(t)) continue;
    DimVec part(sizes);
    part[dim] = t.sizes()[dim];
    copy_into(alias(out, part, out.strides(), out->offset + at * out.strides()[dim] * out.itemsize()), t);
    at += t.sizes()[dim];
  }
  if (any_recording(tensors)) {
    auto* n = record_all<CatNode>(out, tensors);
    if (is_differentiable(d)) {
      n->dim = dim;
      n->sizes = std::make_unique<DimList[]>(tensors.size());
      for (std::size_t i = 0; i < tensors.size(); ++i) {
        n->sizes[i].assign(tensors[i].sizes());
        n->dtypes.push_back(tensors[i].dtype());
      }
    }
  }
  return out;
}

Tensor stack(std::span<const Tensor> tensors, int dim) {
  if (tensors.empty()) fail_runtime("stack expects a non-empty TensorList");
  const Tensor& first = tensors[0];
  dim = wrap_dim(dim, first.ndim() + 1);
  Promotion promotion;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!same(tensors[i].sizes(), first.sizes())) {
      fail_runtime("stack expects each tensor to be equal size, but got ", str(first.sizes()), " at entry 0 and ",
                   str(tensors[i].sizes()), " at entry ", i);
    }
    promotion.add(tensors[i]);
  }
  DimVec sizes(first.sizes());
  sizes.insert(dim, std::int64_t(tensors.size()));
  Tensor out = empty(sizes, promotion.result());
  DimVec part_strides(out.strides());
  const std::int64_t step = part_strides[dim] * out.itemsize();
  part_strides.erase(dim);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    copy_into(alias(out, first.sizes(), part_strides, out->offset + std::int64_t(i) * step), tensors[i]);
  }
  if (any_recording(tensors)) {
    auto* n = record_all<StackNode>(out, tensors);
    if (is_differentiable(out.dtype())) {
      n->dim = dim;
      for (const Tensor& t : tensors) n->dtypes.push_back(t.dtype());
    }
  }
  return out;
}

Tensor flip(const Tensor& t, Dims dims) {
  std::uint64_t mask = 0;
  for (auto d : dims) {
    const int k = wrap_dim(d, t.ndim());
    if (mask >> k & 1) fail_runtime("dim ", k, " appears multiple times in the list of dims");
    mask |= std::uint64_t(1) << k;
  }
  Tensor out = empty_like(t, t.dtype());
  // Written backwards: negative steps in the output, which only the copy loop sees.
  DimVec strides(out.strides());
  std::int64_t offset = 0;
  for (int k = 0; k < t.ndim(); ++k) {
    if (!(mask >> k & 1) || t.sizes()[k] == 0) continue;
    offset += (t.sizes()[k] - 1) * strides[k];
    strides[k] = -strides[k];
  }
  if (out.numel() > 0) {
    Operand to_out(out, out.dtype());
    to_out.data += offset * out.itemsize();
    to_out.strides = strides;
    run_loop(kernels->pointwise.cast[int(t.dtype())][int(t.dtype())], nullptr, to_out, {Operand(t, t.dtype())});
  }
  if (recording(t)) record<FlipNode>(out, t)->dims.assign(dims);
  return out;
}

namespace {

Tensor roll_raw(const Tensor& t, Dims shifts, Dims dims) {
  if (dims.empty()) {
    const std::int64_t n = t.numel();
    return reshape(roll_raw(reshape(t, {{n}}), shifts, DimVec{0}), t.sizes());
  }
  Tensor from = t;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const int d = int(dims[i]);
    const std::int64_t n = from.sizes()[d];
    if (n == 0) continue;
    const std::int64_t s = ((shifts[i] % n) + n) % n;
    if (s == 0) continue;
    const Tensor parts[2] = {slice(from, d, n - s, n), slice(from, d, 0, n - s)};
    from = concat(parts, d);
  }
  return from.is(t) || !from.is_contiguous() ? to_contiguous(from, t.dtype()) : from;
}

Tensor roll(const Tensor& t, Dims shifts, Dims dims) {
  if (shifts.empty()) fail_runtime("`shifts` required");
  if (dims.size() != shifts.size() && !(dims.empty() && shifts.size() == 1))
    fail_runtime("shifts and dimensions must align. shifts: ", shifts.size(), ", dims:", dims.size());
  DimVec wrapped;
  for (auto d : t.numel() == 0 && dims.size() == 1 ? Dims() : dims) {
    const int k = wrap_dim(d, t.ndim());
    if (t.ndim() == 0) fail_index("Dimension specified as ", d, " but tensor has no dimensions");
    wrapped.push_back(k);
  }
  Tensor out;
  {
    const GradMode off(false);
    out = t.numel() == 0 ? to_contiguous(t, t.dtype()) : roll_raw(t, shifts, wrapped);
    if (out->has(kIsView)) out = alias(out, out.sizes(), out.strides(), out->offset);
  }
  if (recording(t)) {
    auto* n = record<RollNode>(out, t);
    n->shifts.assign(shifts);
    n->dims.assign(dims);
  }
  return out;
}
void RollNode::apply(Tensor* in, Tensor* out) {
  DimVec back{Dims(shifts)};
  for (auto& s : back) s = -s;
  out[0] = roll(in[0], back, dims);
}

/// The joined tensors, or out= with them in it.
PyObject* give_joined(Args& a, int out_slot, Tensor result, bool tracked) {
  if (a.has(out_slot) && !can_cast(result.dtype(), a.tensor(out_slot).dtype())) {
    fail_type("torch.cat(): input types can't be cast to the desired output type ",
              scalar_type_name(a.tensor(out_slot).dtype()));
  }
  return give(a, out_slot, std::move(result), "cat", tracked, OutRule::Any);
}

PyObject* cat_op(const OpDef& def, Args& a) {
  const std::vector<Tensor> tensors = a.tensors(0);
  return give_joined(a, 2, concat(tensors, int(a.integer(1, 0))), any_recording(tensors));
}
PyObject* stack_op(const OpDef& def, Args& a) {
  const std::vector<Tensor> tensors = a.tensors(0);
  return give_joined(a, 2, stack(tensors, int(a.integer(1, 0))), any_recording(tensors));
}
/// hstack, vstack, dstack, column_stack: dimensions are added, then joined along one.
PyObject* xstack_op(const OpDef& def, Args& a) {
  std::vector<Tensor> tensors = a.tensors(0);
  const std::string_view name = def.name;
  const bool columns = name == "column_stack";
  const int want = name == "hstack" ? 1 : name == "vstack" || columns ? 2 : 3;
  if (tensors.empty()) fail_runtime(def.name, " expects a non-empty TensorList");
  for (Tensor& t : tensors) {
    if (columns) {
      if (t.ndim() <= 1) t = reshape(t, {{t.numel(), 1}});
      continue;
    }
    if (t.ndim() == 0) t = reshape(t, {{1}});
    if (want >= 2 && t.ndim() == 1) t = unsqueeze(t, 0);
    if (want == 3 && t.ndim() == 2) t = unsqueeze(t, 2);
  }
  const int dim = columns ? 1 : want == 1 ? (tensors[0].ndim() == 1 ? 0 : 1) : want == 2 ? 0 : 2;
  return give_joined(a, 1, concat(tensors, dim), any_recording(tensors));
}
PyObject* flip_op(const OpDef&, Args& a) { return flip(a.tensor(0), a.ints(1)).release(); }
PyObject* fliplr_op(const OpDef&, Args& a) {
  if (a.tensor(0).ndim() < 2) fail_runtime("Input must be >= 2-d.");
  return flip(a.tensor(0), DimVec{1}).release();
}
PyObject* flipud_op(const OpDef&, Args& a) {
  if (a.tensor(0).ndim() < 1) fail_runtime("Input must be >= 1-d.");
  return flip(a.tensor(0), DimVec{0}).release();
}
PyObject* roll_op(const OpDef&, Args& a) { return roll(a.tensor(0), a.ints(1), a.ints(2)).release(); }

Tensor repeat(const Tensor& t, Dims repeats) {
  if (repeats.size() < std::size_t(t.ndim())) {
    fail_runtime("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor");
  }
  const std::size_t lead = repeats.size() - std::size_t(t.ndim());
  DimVec sizes, view_sizes, view_strides;
  for (std::size_t i = 0; i < repeats.size(); ++i) {
    if (repeats[i] < 0)
      fail_runtime("Trying to create tensor with negative dimension ", repeats[i], ": ", str(repeats));
    const std::int64_t n = i < lead ? 1 : t.sizes()[i - lead];
    sizes.push_back(repeats[i] * n);
    view_sizes.push_back(repeats[i]);
    view_strides.push_back(0);
    view_sizes.push_back(n);
    view_strides.push_back(i < lead ? 0 : t.strides()[i - lead]);
  }
  Tensor out = empty(view_sizes, t.dtype());
  copy_into(out, alias(t, view_sizes, view_strides, t->offset));
  set_geometry(out.get(), sizes, contiguous_strides(sizes));
  if (recording(t)) {
    auto* n = record<RepeatNode>(out, t);
    n->input_sizes.assign(t.sizes());
    n->repeats.assign(repeats);
  }
  return out;
}
PyObject* repeat_op(const OpDef&, Args& a) { return repeat(a.tensor(0), a.ints(1)).release(); }
PyObject* tile_op(const OpDef&, Args& a) {
  const Tensor t = a.tensor(0);
  DimVec r = a.ints(1);
  while (r.size() < std::size_t(t.ndim())) r.insert(0, 1);
  return repeat(t, r).release();
}

const OpDef ops[] = {
    {"cat", "(Tensors tensors, int dim=0, *, Tensor? out=None)", cat_op, kFunction, Kind::Linear,
     "The tensors one after the other along a dimension."},
    {"concat", "(Tensors tensors, int dim=0, *, Tensor? out=None)", cat_op, kFunction, Kind::Linear, "Alias of cat."},
    {"concatenate", "(Tensors tensors, int dim=0, *, Tensor? out=None)", cat_op, kFunction, Kind::Linear,
     "Alias of cat."},
    {"stack", "(Tensors tensors, int dim=0, *, Tensor? out=None)", stack_op, kFunction, Kind::Linear,
     "The tensors along a new dimension."},
    {"column_stack", "(Tensors tensors, *, Tensor? out=None)", xstack_op, kFunction, Kind::Linear,
     "Joins along the second dimension, vectors as columns."},
    {"hstack", "(Tensors tensors, *, Tensor? out=None)", xstack_op, kFunction, Kind::Linear,
     "Joined along the second dimension (vectors along the first)."},
    {"vstack", "(Tensors tensors, *, Tensor? out=None)", xstack_op, kFunction, Kind::Linear,
     "Joined along the first dimension, vectors as rows."},
    {"dstack", "(Tensors tensors, *, Tensor? out=None)", xstack_op, kFunction, Kind::Linear,
     "Joined along the third dimension."},
    {"flip", "(Tensor input, size dims)", flip_op, kBoth, Kind::Linear,
     "The order of elements reversed along dimensions; a copy."},
    {"fliplr", "(Tensor input)", fliplr_op, kBoth, Kind::Linear, "flip along the second dimension."},
    {"flipud", "(Tensor input)", flipud_op, kBoth, Kind::Linear, "flip along the first dimension."},
    {"roll", "(Tensor input, ints shifts, ints? dims=None)", roll_op, kBoth, Kind::Linear,
     "Elements shifted round along dimensions."},
    {"repeat", "(Tensor self, size repeats)", repeat_op, kMethod, Kind::Linear,
     "The tensor so many times along each dimension, as a copy."},
    {"tile", "(Tensor input, size dims)", tile_op, kBoth, Kind::Linear,
     "repeat, with leading ones where dims are fewer."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
