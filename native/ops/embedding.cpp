// Rows of a table by number, and the sums of gradients by row.
#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/indexed.h"
#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

using std::int64_t;

struct Table {
  int64_t rows = 0, padding = -1;  // the row `padding` gets no gradient
  bool by_frequency = false;       // a row's gradient is divided by how often it was asked for
};

Tensor embedding(const Tensor& weight, const Tensor& indices, const Table& t);
Tensor dense_gradient(const Tensor& g, const Tensor& indices, const Table& t);

struct EmbeddingNode final : Node {
  SavedTensor indices;
  Table table;
  const char* name() const override { return "EmbeddingBackward0"; }
  void apply(Tensor* in, Tensor* out) override { out[0] = dense_gradient(in[0], indices.unpack(this), table); }
  void visit(SavedVisitor& v) override { v.tensor("indices", indices); }
};
struct DenseGradientNode final : Node {
  SavedTensor indices;
  Table table;
  const char* name() const override { return "EmbeddingDenseBackwardBackward0"; }
  void apply(Tensor* in, Tensor* out) override;
  void visit(SavedVisitor& v) override { v.tensor("indices", indices); }
};

void check_indices(const Tensor& t, const char* name) {
  if (t.dtype() == DType::Int64 || t.dtype() == DType::Int32) return;
  fail_runtime(
      "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
      "torch.",
      t.dtype() == DType::UInt8  ? "Byte"
      : t.dtype() == DType::Int8 ? "Char"
                                 : scalar_type_name(t.dtype()),
      "Tensor instead (while checking arguments for ", name, ")");
}

Tensor embedding(const Tensor& weight, const Tensor& indices, const Table& t) {
  const Tensor index = contiguous_as(indices, DType::Int64);
  const int64_t n = index.numel(), width = weight.size(1);
  DimVec sizes(indices.sizes());
  sizes.push_back(width);
  Tensor out = empty(sizes, weight.dtype());
  const DimVec list{n, width}, table_strides{0, weight.stride(1)}, index_strides{1, 0}, list_strides{width, 1};
  const IndexedMove m{list,          weight.data(), table_strides, weight.stride(0), index.data_as<int64_t>(),
                      index_strides, out.data(),    list_strides};
  bool good = true;
  if (out.numel() > 0 && weight.size(0) > 0) {
    const GilRelease gil(out.numel());
    good = move_from_table(weight.itemsize(), m, weight.size(0));
  } else if (n > 0) {
    good = misfit(index.data_as<int64_t>(), n, 0, weight.size(0)) < 0;
  }
  if (!good) fail_index("index out of range in self");
  if (recording(weight)) {
    if (is_complex(weight.dtype()))
      fail_runtime("embedding does not support automatic differentiation for outputs with complex dtype.");
    auto* node = record<EmbeddingNode>(out, weight);
    node->indices.save(indices);
    node->table = t;
  }
  return out;
}

Tensor dense_gradient(const Tensor& g, const Tensor& indices, const Table& t) {
  const DType d = g.dtype(), wide = compute_type(d);
  const int64_t width = g.size(-1), rows = t.rows, item = itemsize(wide), line = width * item;
  const Tensor source = contiguous_as(g, wide), index = contiguous_as(indices, DType::Int64);
  const int64_t* at = index.data_as<int64_t>();
  const int64_t n = index.numel();
  Tensor out = empty({{rows, width}}, wide);
  const NormLoops& loops = wide == DType::Float ? kernels->norm.single : kernels->norm.twice;
  std::vector<int64_t> counts;
  if (t.by_frequency) {
    counts.resize(std::size_t(rows));
    for (int64_t i = 0; i < n; ++i) ++counts[std::size_t(at[i])];
  }
  {
    const GilRelease gil(out.numel() + source.numel());
    // Each range of rows looks through all numbers: a row's sum is in their order for any number of threads.
    const int64_t grain = std::max<int64_t>((rows + 7) / 8, kGrain / std::max<int64_t>(1, width));
    parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
      std::memset(out.data() + begin * line, 0, std::size_t((end - begin) * line));
      for (int64_t i = 0; i < n; ++i) {
        if (at[i] < begin || at[i] >= end || at[i] == t.padding) continue;
        loops.add(out.data() + at[i] * line, source.data() + i * line, width);
      }
      for (int64_t r = begin; t.by_frequency && r < end; ++r) {
        if (counts[std::size_t(r)] > 1) {
          char* row = out.data() + r * line;
          loops.affine(row, row, {width, 1, 0}, 1 / double(counts[std::size_t(r)]), 0);
        }
      }
    });
  }
  if (wide != d) out = to_contiguous(out, d);
  if (recording(g)) {
    auto* node = record<DenseGradientNode>(out, g);
    node->indices.save(indices);
    node->table = t;
  }
  return out;
}

/// As PyTorch's: the frequency is left out.
void DenseGradientNode::apply(Tensor* in, Tensor* out) {
  const Tensor i = indices.unpack(this);
  out[0] = embedding(in[0], i, table);
  if (table.padding >= 0)
    out[0] = masked_fill(out[0], unsqueeze(compare(Compare::Eq, i, Scalar(table.padding)), -1), 0);
}

/// (weight, indices, padding_idx, scale_grad_by_freq, sparse)
PyObject* embedding_op(const OpDef& def, Args& a) {
  const Tensor weight = a.tensor(0), indices = a.tensor(1);
  if (weight.ndim() == 0 && recording(weight)) fail_index("Dimension specified as 0 but tensor has no dimensions");
  if (weight.ndim() != 2) fail_runtime("'weight' must be 2-D");
  check_indices(indices, def.name);
  return embedding(weight, indices, {weight.size(0), a.integer(2, -1), a.boolean(3)}).release();
}

const OpDef ops[] = {
    {"embedding",
     "(Tensor weight, Tensor indices, int padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False)",
     embedding_op, kFunction, Kind::Other,
     "Rows of weight [V, D] by their numbers: [*, D]. The row padding_idx gets no gradient; scale_grad_by_freq divides "
     "a row's gradient by how often the row occurs. The gradient is dense, also where sparse is true."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
