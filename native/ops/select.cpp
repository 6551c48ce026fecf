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
struct MaskedFillNode final : Node {
  SavedTensor mask;
  const char* name() const override { return "MaskedFillBackward0"; }
  void apply(Tensor* in, Tensor* out) override { out[0] = masked_fill(in[0], mask.unpack(this), 0); }
  void visit(SavedVisitor& v) override { v.tensor("mask", mask); }
};
struct ClampNode final : Node {
  SavedTensor x;
  bool has_low = false, has_high = false;
  Scalar low, high;
  const char* name() const override { return "ClampBackward1"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor s = x.unpack(this);
    Tensor g = in[0];
    if (has_low) g = where(compare(Compare::Ge, s, low), g, zeros_like(g));
    if (has_high) g = where(compare(Compare::Le, s, high), g, zeros_like(g));
    out[0] = g;
  }
  void visit(SavedVisitor& v) override { v.tensor("self", x); }
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
  if (index.dtype() != DType::Int64 && index.dtype() != DType::Int32)
    fail_runtime(name, "(): Expected dtype int64 for index");
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

enum class Collide { Set, Add };

/// Strides of `t` as IndexedMove wants them: 0 along `dim`, as many as there are `sizes` (a 0-dim tensor counts as one
/// element).
DimVec without(const Tensor& t, int dim, std::size_t n) {
  if (t.ndim() == 0) return DimVec(n, 0);
  DimVec strides(t.strides());
  strides[std::size_t(dim)] = 0;
  return strides;
}

bool move_to(const Tensor& dst, const IndexedMove& m, Collide how, std::int64_t limit = 0) {
  return how == Collide::Set ? move_to_table(dst.itemsize(), m, limit) : add_to_table(dst.dtype(), m, limit);
}

/// dst[…, index, …] = or += src, along `dim`; raw. The elements of `dst` must not overlap.
void scatter_raw(const Tensor& dst, int dim, const Tensor& index64, const Tensor& src, Collide how) {
  if (index64.numel() == 0) return;
  const bool scalar = dst.ndim() == 0;
  const std::int64_t size = scalar ? 1 : dst.sizes()[dim];
  // All indices are checked first, so that a wrong one leaves everything as it was, unless nobody sees `dst` then.
  const bool fresh = is_fresh(dst.get());
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
  bool good;
  {
    GilRelease gil(out.numel());
    good = move_from_table(t.itemsize(), m, size);
  }
  if (!good) fitting(index, 0, size, dim);
  return out;
}

void check_gather_shapes(const Tensor& t, int dim, const Tensor& index, const char* name) {
  const int nt = std::max(t.ndim(), 1), ni = std::max(index.ndim(), 1);
  if (index.numel() == 0) return;
  if (nt != ni) fail_runtime("Index tensor must have the same number of dimensions as ", name, " tensor");
  for (int i = 0; i < index.ndim() && t.ndim() > 0; ++i) {
    if (i != dim && index.sizes()[i] > t.sizes()[i]) {
      fail_runtime("Size does not match at dimension ", i, " expected index ", str(index.sizes()),
                   " to be no larger than ", name, " ", str(t.sizes()), " apart from dimension ", dim);
    }
  }
}

struct GatherNode final : Node {
  SavedTensor index;
  DimList sizes;
  int dim = 0;
  const char* name() const override { return "GatherBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    out[0] = scatter_add(zeros(sizes, in[0].dtype()), dim, index.unpack(this), in[0]);
  }
  void visit(SavedVisitor& v) override { v.tensor("index", index); }
};
struct ScatterNode final : Node {
  SavedTensor index;
  int dim = 0;
  bool add = false;
  const char* name() const override { return add ? "ScatterAddBackward0" : "ScatterBackward0"; }
  void apply(Tensor* in, Tensor* out) override;
  void visit(SavedVisitor& v) override { v.tensor("index", index); }
};
struct IndexAddNode final : Node {
  SavedTensor index;
  int dim = 0;
  Scalar alpha = 1;
  const char* name() const override { return "IndexAddBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    if (needs(0)) out[0] = in[0];
    if (needs(1)) {
      out[1] = index_select(in[0], dim, index.unpack(this));
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

Tensor masked_fill(const Tensor& t, const Tensor& mask, const Scalar& value) {
  if (mask.dtype() != DType::Bool)
    fail_runtime("masked_fill_ only supports boolean masks, but got mask with dtype ", dtype_name(mask.dtype()));
  const DType c = compute_type(t.dtype());
  alignas(16) char number[16];
  value.store(number, c);
  Tensor out = pointwise_output({&t, &mask}, t.dtype());
  run_loop(kernels->pointwise.ternary[int(Ternary::Where)][int(c)], nullptr, Operand(out, c),
           {Operand(mask, DType::Bool), Operand(number, c), Operand(t, c)});
  if (recording(t)) {
    auto* n = record<MaskedFillNode>(out, t);
    n->mask.save(mask);
    note_inputs(n, out, {&t});
  }
  return out;
}

Tensor gather(const Tensor& t, int dim, const Tensor& index) {
  dim = wrap_dim(dim, t.ndim());
  check_index_type(index, "gather");
  check_gather_shapes(t, dim, index, "input");
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

Tensor scattered(const Tensor& t, int dim, const Tensor& index, const Tensor& src, bool add) {
  dim = wrap_dim(dim, t.ndim());
  check_index_type(index, add ? "scatter_add" : "scatter");
  check_gather_shapes(t, dim, index, "self");
  check_gather_shapes(src, -1, index, "src");
  if (t.dtype() != src.dtype()) fail_runtime("scatter(): Expected self.dtype to be equal to src.dtype");
  Tensor out = to_contiguous(t, t.dtype());
  scatter_raw(out, dim, index, src, add ? Collide::Add : Collide::Set);
  if (recording(t, src)) {
    auto* n = record<ScatterNode>(out, t, src);
    n->index.save(index);
    n->dim = dim;
    n->add = add;
  }
  return out;
}
void ScatterNode::apply(Tensor* in, Tensor* out) {
  const Tensor i = index.unpack(this);
  if (needs(0)) out[0] = add ? in[0] : scattered(in[0], dim, i, zeros(i.sizes(), in[0].dtype()), false);
  if (needs(1)) out[1] = gather(in[0], dim, i);
}

}  // namespace

Tensor scatter_add(const Tensor& t, int dim, const Tensor& index, const Tensor& src) {
  return scattered(t, dim, index, src, true);
}

Tensor index_select(const Tensor& t, int dim, const Tensor& index) {
  dim = wrap_dim(dim, t.ndim());
  if (index.ndim() > 1) fail_index("index_select(): Index is supposed to be a vector");
  check_index_type(index, "index_select");
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

Tensor index_add(const Tensor& t, int dim, const Tensor& index, const Tensor& source, const Scalar& alpha) {
  dim = wrap_dim(dim, t.ndim());
  if (index.ndim() > 1) fail_index("index_add_(): Index is supposed to be a vector");
  check_index_type(index, "index_add");
  if (t.dtype() != source.dtype())
    fail_runtime("index_add_(): self (", scalar_type_name(t.dtype()), ") and source (",
                 scalar_type_name(source.dtype()), ") must have the same scalar type");
  if (index.numel() != (source.ndim() == 0 ? 1 : source.sizes()[dim])) {
    fail_runtime("index_add_(): Number of indices (", index.numel(), ") should be equal to source.size(dim): (",
                 source.ndim() == 0 ? 1 : source.sizes()[dim], "), for dim: ", dim);
  }
  Tensor out = to_contiguous(t, t.dtype());
  Tensor values = source;
  {
    GradMode off(false);
    if (!alpha.equals(1)) values = source * alpha;
  }
  if (t.ndim() == 0) {
    scatter_raw(out, 0, index, values, Collide::Add);
  } else if (values.numel() > 0) {
    // The index, stretched over the other dimensions.
    const Tensor rows = fitting(index, 0, t.sizes()[dim], dim);
    DimVec steps(source.sizes().size(), 0);
    steps[std::size_t(dim)] = 1;
    const DimVec table = without(out, dim, steps.size());
    const IndexedMove m{source.sizes(), out.data(),      table, out.strides()[dim], rows.data_as<std::int64_t>(), steps,
                        values.data(),  values.strides()};
    GilRelease gil(values.numel());
    add_to_table(out.dtype(), m);
  }
  if (recording(t, source)) {
    auto* n = record<IndexAddNode>(out, t, source);
    n->index.save(index);
    n->dim = dim;
    n->alpha = alpha;
  }
  return out;
}

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

Key take_apart(const Tensor& t, PyObject* key) {
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
      const std::int64_t at = to_index(o), size = k.view.sizes()[dim];
      if (at < -size || at >= size)
        fail_index("index ", at, " is out of bounds for dimension ", dim, " with size ", size);
      k.view = select(k.view, dim, at);
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
    } else if (is_tensor(o) || PyList_Check(o) || PyTuple_Check(o) || PyObject_CheckBuffer(o)) {
      if (PyUnicode_Check(o) || PyBytes_Check(o))
        fail_index(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got ",
            Py_TYPE(o)->tp_name, ")");
      Tensor index = index_tensor(o);
      if (index.numel() == 0 && !is_tensor(o)) index = to(index, DType::Int64);
      if (index.ndim() == 0 && is_integral(index.dtype(), false)) {
        const std::int64_t at = item(index).integer(), size = k.view.sizes()[dim];
        if (at < -size || at >= size)
          fail_index("index ", at, " is out of bounds for dimension ", dim, " with size ", size);
        k.view = select(k.view, dim, at);
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
      } else if (is_integral(index.dtype(), false)) {
        put(dim++, contiguous_as(index, DType::Int64));
      } else {
        fail_index("tensors used as indices must be long, int, byte or bool tensors");
      }
    } else if (PyIndex_Check(o)) {
      const std::int64_t at = to_index(o), size = k.view.sizes()[dim];
      if (at < -size || at >= size)
        fail_index("index ", at, " is out of bounds for dimension ", dim, " with size ", size);
      k.view = select(k.view, dim, at);
    } else {
      fail_index(
          "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got ",
          Py_TYPE(o)->tp_name, ")");
    }
  }
  k.indices.resize(k.advanced ? std::size_t(k.view.ndim()) : 0);
  return k;
}

/// The elements that index tensors choose, as places in the flattened view: what get and put share.
struct Chosen {
  DimVec shape;  // of the result
  Tensor flat;   // Int64, of that shape: row-major places in the view
};
Chosen choose(const Tensor& view, const std::vector<Tensor>& indices) {
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
  DimVec strides = contiguous_strides(view.sizes());
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
  for (std::size_t d = 0; d < indices.size(); ++d) {
    if (!indices[d].defined()) continue;
    const Tensor index = expand(indices[d], common);
    DimVec steps(c.shape.size(), 0);
    for (std::size_t i = 0; i < common.size(); ++i) steps[std::size_t(start) + i] = index.strides()[i];
    add_part(steps, index.data_as<std::int64_t>(), view.sizes()[int(d)], strides[d], int(d));
  }
  return c;
}

struct IndexNode final : Node {
  SavedTensor flat;
  DimList sizes;
  int dim = -1;  // the one that a single index tensor chose along (then `flat` is that index); else -1
  const char* name() const override { return "IndexBackward0"; }
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
bool single(const Tensor& view, const std::vector<Tensor>& indices, Single& s) {
  s.dim = -1;
  for (std::size_t d = 0; d < indices.size(); ++d) {
    if (!indices[d].defined()) continue;
    if (s.dim >= 0) return false;
    s.dim = int(d);
  }
  if (s.dim < 0) return false;  // none at all
  const std::int64_t size = view.sizes()[s.dim];
  s.index = contiguous_as(indices[std::size_t(s.dim)], DType::Int64);
  const std::int64_t n = s.index.numel();
  const auto* p = s.index.data_as<std::int64_t>();
  if (misfit(p, n, 0, size) >= 0) {
    const std::int64_t bad = misfit(p, n, -size, size);
    if (bad >= 0) fail_index("index ", p[bad], " is out of bounds for dimension ", s.dim, " with size ", size);
    Tensor positive = empty(s.index.sizes(), DType::Int64);
    auto* q = positive.data_as<std::int64_t>();
    for (std::int64_t i = 0; i < n; ++i) q[i] = p[i] < 0 ? p[i] + size : p[i];
    s.index = positive;
  }
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
  const Chosen c = choose(view, indices);
  const Tensor flat_view = contiguous_as(view, view.dtype());
  Tensor out = empty(c.shape, view.dtype());
  if (out.numel() > 0) {
    const DimVec line{out.numel()}, step{1}, none{0};
    const IndexedMove m{line, flat_view.data(), none, 1, c.flat.data_as<std::int64_t>(), step, out.data(), step};
    GilRelease gil(out.numel());
    move_from_table(view.itemsize(), m);
  }
  if (recording(view)) {
    auto* n = record<IndexNode>(out, view);
    n->flat.save(c.flat);
    n->sizes.assign(view.sizes());
  }
  return out;
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

void index_put(const Tensor& view, const std::vector<Tensor>& indices, const Tensor& value, bool accumulate) {
  const bool record = recording(view, value) && is_differentiable(view.dtype());
  check_inplace(view, record);
  Single s;
  if (!record && !has_overlap(view.sizes(), view.strides()) && single(view, indices, s)) {
    check_value_shape(value, s.shape);
    Tensor v = overlap_safe(value, view);
    if (v.dtype() != view.dtype()) v = to_contiguous(v, view.dtype());
    GradMode off(false);
    v = expand(v, s.shape);
    if (v.numel() > 0) {
      GilRelease gil(v.numel(), false);
      move_to(view, move_of(s, view, v), accumulate ? Collide::Add : Collide::Set);
    }
    finish_inplace(view, nullptr);
    return;
  }
  const Chosen c = choose(view, indices);
  check_value_shape(value, c.shape);
  NodeRef node;
  if (record) {
    auto* n = make_node<IndexPutNode>(2);
    node = NodeRef::steal(n);
    connect(n, 0, view);
    connect(n, 1, value);
    n->flat.save(c.flat);
    n->value_sizes.assign(value.sizes());
    n->value_type = value.dtype();
    n->accumulate = accumulate;
  }
  Tensor whole = contiguous_as(view, view.dtype());
  {
    GradMode off(false);
    const Tensor values = contiguous_as(expand(value, c.shape), view.dtype());
    const DimVec line{c.flat.numel()}, step{1}, all{whole.numel()};
    scatter_raw(alias(whole, all, step, whole->offset), 0, alias(c.flat, line, step, c.flat->offset),
                alias(values, line, step, values->offset), accumulate ? Collide::Add : Collide::Set);
  }
  if (!whole.is(view)) copy_into(view, whole);
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
    if (PyLong_CheckExact(key)) {
      const std::int64_t at = to_index(key), size = t.sizes()[0];
      if (at < -size || at >= size) fail_index("index ", at, " is out of bounds for dimension 0 with size ", size);
      return select(t, 0, at);
    }
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
    item(scalar_tensor(to_scalar(value), t.dtype())).store(number, c);
    run_loop(kernels->pointwise.ternary[int(Ternary::Where)][int(c)], nullptr, Operand(t, c),
             {Operand(mask, DType::Bool), Operand(number, c), Operand(t, c)});
    finish_inplace(t, nullptr);
    return;
  }
  Key k = take_apart(t, key);
  Tensor v;
  if (is_tensor(value))
    v = Tensor::borrow(value);
  else if (is_number(value))
    v = scalar_tensor(to_scalar(value), t.dtype());
  else if (PyList_Check(value) || PyTuple_Check(value) || PyObject_CheckBuffer(value))
    v = tensor_from_data(value, {});
  else
    fail_type("can't assign a ", Py_TYPE(value)->tp_name, " to a torch.", scalar_type_name(t.dtype()), "Tensor");
  if (k.advanced) {
    index_put(k.view, k.indices, v, false);
    return;
  }
  // Leading dimensions of size 1 that the target lacks are dropped.
  while (v.ndim() > k.view.ndim() && v.sizes()[0] == 1) v = select(v, 0, 0);
  if (v.ndim() > k.view.ndim() || !same(broadcast_shapes(k.view.sizes(), v.sizes()), k.view.sizes()))
    expand(v, k.view.sizes());
  copy_(k.view, v);
}

// --- as Python calls them
// -------------------------------------------------------------------------------------------------------

namespace {

Tensor operand(Args& a, int i, DType like) { return a.is_tensor(i) ? a.tensor(i) : scalar_tensor(a.scalar(i), like); }

PyObject* where_op(const OpDef& def, Args& a) {
  const Tensor c = a.tensor(0);
  if (a.overload == 1) return pack(places(compare(Compare::Ne, c, Scalar(0))));
  Promotion p;
  for (int i = 1; i < 3; ++i) {
    if (a.is_tensor(i))
      p.add(a.tensor(i));
    else
      p.add(a.scalar(i));
  }
  const DType d = p.result();
  const Tensor x = operand(a, 1, d), y = operand(a, 2, d);
  return give(a, 3, where(c, x, y), def.name, tracked(x) || tracked(y));
}
PyObject* masked_fill_op(const OpDef&, Args& a) {
  const Scalar v = a.scalar(2);
  return masked_fill(a.tensor(0), a.tensor(1), v).release();
}
PyObject* masked_fill_op_(const OpDef&, Args& a) {
  Tensor t = a.tensor(0);
  const Tensor mask = a.tensor(1);
  const bool record = recording(t);
  check_inplace(t, record);
  check_inplace_result(t, t.dtype(), broadcast_shapes(t.sizes(), mask.sizes()));
  NodeRef node;
  if (record) {
    auto* n = make_node<MaskedFillNode>(1);
    node = NodeRef::steal(n);
    connect(n, 0, t);
    n->mask.save(mask);
  }
  {
    GradMode off(false);
    copy_into(t, masked_fill(t, mask, a.scalar(2)));
  }
  finish_inplace(t, node.get());
  return t.release();
}
Tensor clamped(const Tensor& t, Args& a, int low, int high) {
  if (!a.has(low) && !a.has(high)) fail_runtime("torch.clamp: At least one of 'min' or 'max' must not be None");
  if ((a.has(low) && a.is_tensor(low)) || (a.has(high) && a.is_tensor(high))) {
    Tensor r = t;
    if (a.has(low)) r = maximum(r, operand(a, low, t.dtype()));
    if (a.has(high)) r = minimum(r, operand(a, high, t.dtype()));
    return r;
  }
  Promotion p;
  p.add(t);
  if (a.has(low)) p.add(a.scalar(low));
  if (a.has(high)) p.add(a.scalar(high));
  const DType d = p.result();
  GradMode off(false);
  Tensor r = to(t, d);
  const Loop loop = kernels->pointwise.ternary[int(Ternary::Clamp)][int(compute_type(d))];
  if (a.has(low) && a.has(high) && loop != nullptr) {  // both at once
    alignas(16) char bounds[2][16];
    a.scalar(low).store(bounds[0], d);
    a.scalar(high).store(bounds[1], d);
    Operand least(bounds[0], d), most(bounds[1], d);
    least.want = most.want = compute_type(d);
    const Tensor out = pointwise_output({&r}, d);
    run_loop(loop, nullptr, Operand(out, compute_type(d)), {Operand(r, compute_type(d)), least, most});
    return out;
  }
  if (a.has(low)) r = maximum(r, scalar_tensor(a.scalar(low), d));
  if (a.has(high)) r = minimum(r, scalar_tensor(a.scalar(high), d));
  return r.is(t) ? clone(t) : r;
}
PyObject* clamp_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  Tensor out = clamped(t, a, 1, 2);
  const bool numbers = !(a.has(1) && a.is_tensor(1)) && !(a.has(2) && a.is_tensor(2));
  if (numbers && recording(t)) {
    auto* n = record<ClampNode>(out, t);
    n->x.save(t);
    n->has_low = a.has(1);
    n->has_high = a.has(2);
    n->low = a.scalar(1, 0);
    n->high = a.scalar(2, 0);
  }
  return give(a, 3, out, def.name, tracked(t));
}
PyObject* clamp_op_(const OpDef&, Args& a) {
  Tensor t = a.tensor(0);
  const bool record = recording(t);
  check_inplace(t, record);
  NodeRef node;
  if (record) {
    auto* n = make_node<ClampNode>(1);
    node = NodeRef::steal(n);
    connect(n, 0, t);
    n->x.save(clone(t));
    n->has_low = a.has(1);
    n->has_high = a.has(2);
    n->low = a.scalar(1, 0);
    n->high = a.scalar(2, 0);
  }
  Tensor r;
  {
    GradMode off(false);
    r = clamped(t, a, 1, 2);
  }
  check_inplace_result(t, r.dtype(), r.sizes());
  copy_into(t, r);
  finish_inplace(t, node.get());
  return t.release();
}
PyObject* gather_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  return give(a, 4, gather(t, a.dim(1, t.ndim()), a.tensor(2)), def.name, tracked(t));
}
Tensor scatter_source(Args& a, const Tensor& t, int i) {
  if (a.is_tensor(i)) return a.tensor(i);
  return full(a.tensor(2).sizes(), a.scalar(i), t.dtype());
}
PyObject* scatter_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  const bool add = std::string_view(def.name).starts_with("scatter_add");
  const int dim = a.dim(1, t.ndim());
  const Tensor src = scatter_source(a, t, 3);
  if (std::string_view(def.name).back() != '_')
    return give(a, 4, scattered(t, dim, a.tensor(2), src, add), def.name, tracked(t) || tracked(src));
  Tensor self = t;
  const bool record = recording(t, src);
  check_inplace(t, record);
  NodeRef node;
  if (record) {
    auto* n = make_node<ScatterNode>(2);
    node = NodeRef::steal(n);
    connect(n, 0, t);
    connect(n, 1, src);
    n->index.save(a.tensor(2));
    n->dim = dim;
    n->add = add;
  }
  Tensor r;
  {
    GradMode off(false);
    r = scattered(t, dim, a.tensor(2), src, add);
  }
  copy_into(self, r);
  finish_inplace(self, node.get());
  return self.release();
}
PyObject* index_select_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  if (a.has(3) && a.tensor(3).dtype() != t.dtype())
    fail_runtime("index_select(): self and result must have the same scalar type");
  return give(a, 3, index_select(t, a.dim(1, t.ndim()), a.tensor(2)), def.name, tracked(t));
}
PyObject* index_add_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0);
  const Scalar alpha = a.scalar(4, 1);
  const int dim = a.dim(1, t.ndim());
  if (std::string_view(def.name).back() != '_')
    return give(a, 5, index_add(t, dim, a.tensor(2), a.tensor(3), alpha), def.name, tracked(t) || tracked(a.tensor(3)));
  Tensor self = t;
  const Tensor src = a.tensor(3);
  const bool record = recording(t, src);
  check_inplace(t, record);
  NodeRef node;
  if (record) {
    auto* n = make_node<IndexAddNode>(2);
    node = NodeRef::steal(n);
    connect(n, 0, t);
    connect(n, 1, src);
    n->index.save(a.tensor(2));
    n->dim = dim;
    n->alpha = alpha;
  }
  Tensor r;
  {
    GradMode off(false);
    r = index_add(t, dim, a.tensor(2), src, alpha);
  }
  copy_into(self, r);
  finish_inplace(self, node.get());
  return self.release();
}
PyObject* index_put_op(const OpDef& def, Args& a) {
  Tensor t = std::string_view(def.name).back() == '_' ? a.tensor(0) : clone(a.tensor(0));
  std::vector<Tensor> indices = a.tensors(1), spread;
  for (Tensor& i : indices) {
    if (i.dtype() == DType::Bool) {
      for (Tensor& p : places(i)) spread.push_back(p);
    } else {
      spread.push_back(contiguous_as(i, DType::Int64));
    }
  }
  if (spread.size() > std::size_t(t.ndim()))
    fail_index("too many indices for tensor of dimension ", t.ndim(), " (got ", spread.size(), ")");
  spread.resize(std::size_t(t.ndim()));
  index_put(t, spread, a.tensor(2), a.boolean(3));
  return t.release();
}
PyObject* take_along_op(const OpDef& def, Args& a) {
  const Tensor t = a.tensor(0), index = a.tensor(1);
  if (!a.has(2)) return give(a, 3, gather(reshape(t, {{-1}}), 0, reshape(index, {{-1}})), def.name, tracked(t));
  const int dim = a.dim(2, t.ndim());
  if (t.ndim() != index.ndim())
    fail_runtime("torch.take_along_dim(): input and indices should have the same number of dimensions, but got ",
                 t.ndim(), " dimensions for input, and ", index.ndim(), " dimensions for indices");
  DimVec ts(t.sizes()), is(index.sizes());
  ts[dim] = is[dim] = 1;
  const DimVec both = broadcast_shapes(ts, is);
  DimVec te(both), ie(both);
  te[dim] = t.sizes()[dim];
  ie[dim] = index.sizes()[dim];
  return give(a, 3, gather(expand(t, te), dim, expand(index, ie)), def.name, tracked(t));
}
PyObject* nonzero_op(const OpDef&, Args& a) {
  std::vector<Tensor> p = places(compare(Compare::Ne, a.tensor(0), Scalar(0)));
  if (a.boolean(1)) return pack(p);
  if (p.empty()) {
    const bool set = item(compare(Compare::Ne, a.tensor(0), Scalar(0))).i != 0;
    return empty({{set ? 1 : 0, 0}}, DType::Int64).release();
  }
  return stack(p, 1).release();
}
PyObject* masked_select_op(const OpDef& def, Args& a) {
  if (a.has(2) && a.tensor(2).dtype() != a.tensor(0).dtype())
    fail_runtime("masked_select(): self and result must have the same scalar type");
  const DimVec both = broadcast_shapes(a.tensor(0).sizes(), a.tensor(1).sizes());
  const Tensor t = expand(a.tensor(0), both);
  return give(a, 2,
              index_get(t.ndim() == 0 ? reshape(t, {{1}}) : t,
                        places(t.ndim() == 0 ? reshape(a.tensor(1), {{1}}) : expand(a.tensor(1), both))),
              def.name, tracked(t));
}

PyObject* equal_op(const OpDef&, Args& a) {
  const Tensor x = a.tensor(0), y = a.tensor(1);
  if (!same(x.sizes(), y.sizes())) Py_RETURN_FALSE;
  const Tensor same_ = contiguous_as(compare(Compare::Eq, x, y), DType::Bool);
  const bool* p = same_.data_as<bool>();
  return PyBool_FromLong(std::all_of(p, p + same_.numel(), [](bool b) { return b; }));
}
constexpr const char* kClampSig = "(Tensor input, Operand? min=None, Operand? max=None, *, Tensor? out=None)";
const OpDef ops[] = {
    {"where", "(Tensor condition, Operand input, Operand other, *, Tensor? out=None)\n(Tensor condition)", where_op,
     kFunction, Kind::Pointwise,
     "input where the condition holds, else other; with one argument, the places where it holds."},
    {"masked_fill", "(Tensor input, Tensor mask, Number value)", masked_fill_op, kBoth, Kind::Pointwise,
     "value where the mask holds, else input."},
    {"masked_fill_", "(Tensor self, Tensor mask, Number value)", masked_fill_op_, kMethod, Kind::Pointwise,
     "In-place masked_fill."},
    {"clamp", kClampSig, clamp_op, kBoth, Kind::Pointwise, "input, cut to [min, max]."},
    {"clamp_", "(Tensor self, Operand? min=None, Operand? max=None)", clamp_op_, kMethod, Kind::Pointwise,
     "In-place clamp."},
    {"clip", kClampSig, clamp_op, kBoth, Kind::Pointwise, "Alias of clamp."},
    {"gather", "(Tensor input, int dim, Tensor index, *, bool sparse_grad=False, Tensor? out=None)", gather_op, kBoth,
     Kind::Movement, "out[i][j] = input[index[i][j]][j] for dim 0."},
    {"scatter",
     "(Tensor input, int dim, Tensor index, Operand src, *, Tensor? out=None)\n(Tensor input, int dim, Tensor index, "
     "Number value, *, Tensor? out=None)",
     scatter_op, kBoth, Kind::Movement, "A copy of input with src written to the places of index."},
    {"scatter_",
     "(Tensor self, int dim, Tensor index, Operand src)\n(Tensor self, int dim, Tensor index, Number value)",
     scatter_op, kMethod, Kind::Movement, "In-place scatter."},
    {"scatter_add", "(Tensor input, int dim, Tensor index, Tensor src, *, Tensor? out=None)", scatter_op, kBoth,
     Kind::Movement, "A copy of input with src added at the places of index."},
    {"scatter_add_", "(Tensor self, int dim, Tensor index, Tensor src)", scatter_op, kMethod, Kind::Movement,
     "In-place scatter_add."},
    {"index_select", "(Tensor input, int dim, Tensor index, *, Tensor? out=None)", index_select_op, kBoth,
     Kind::Movement, "The slices along dim that index names."},
    {"index_add", "(Tensor input, int dim, Tensor index, Tensor source, *, Number alpha=1, Tensor? out=None)",
     index_add_op, kBoth, Kind::Movement, "A copy of input with alpha * source added to the slices that index names."},
    {"index_add_", "(Tensor self, int dim, Tensor index, Tensor source, *, Number alpha=1)", index_add_op, kMethod,
     Kind::Movement, "In-place index_add."},
    {"index_put", "(Tensor input, Tensors indices, Tensor values, bool accumulate=False)", index_put_op, kBoth,
     Kind::Movement, "A copy of input with values at the indexed places."},
    {"index_put_", "(Tensor self, Tensors indices, Tensor values, bool accumulate=False)", index_put_op, kMethod,
     Kind::Movement, "In-place index_put."},
    {"take_along_dim", "(Tensor input, Tensor indices, int? dim=None, *, Tensor? out=None)", take_along_op, kBoth,
     Kind::Movement, "gather with broadcasting."},
    {"equal", "(Tensor input, Tensor other)", equal_op, kBoth, Kind::Query, "Same sizes and same elements?"},
    {"nonzero", "(Tensor input, *, bool as_tuple=False)", nonzero_op, kBoth, Kind::Query,
     "The places of nonzero elements."},
    {"masked_select", "(Tensor input, Tensor mask, *, Tensor? out=None)", masked_select_op, kBoth, Kind::Movement,
     "The elements where the mask holds, in one dimension."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
