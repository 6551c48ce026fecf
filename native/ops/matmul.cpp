// Matrix products.
#include <algorithm>

#include "kernels/gemm.h"
#include "ops/binary.h"
#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

struct MmNode final : Node {
  SavedTensor a, b;
  const char* title = "MmBackward0";
  const char* name() const override { return title; }
  void apply(Tensor* in, Tensor* out) override {
    const auto product = [&](const Tensor& x, const Tensor& y) { return x.ndim() == 3 ? bmm(x, y) : mm(x, y); };
    if (needs(0)) out[0] = product(in[0], conj(matrix_transpose(b.unpack(this))));
    if (needs(1)) out[1] = product(conj(matrix_transpose(a.unpack(this))), in[0]);
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", a);
    v.tensor("mat2", b);
  }
};
struct MvNode final : Node {
  SavedTensor a, v;
  const char* name() const override { return "MvBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    if (needs(0)) out[0] = unsqueeze(in[0], 1) * unsqueeze(conj(v.unpack(this)), 0);
    if (needs(1)) out[1] = mv(conj(matrix_transpose(a.unpack(this))), in[0]);
  }
  void visit(SavedVisitor& s) override {
    s.tensor("self", a);
    s.tensor("vec", v);
  }
};
struct DotNode final : Node {
  SavedTensor a, b;
  const char* name() const override { return "DotBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    if (needs(0)) out[0] = in[0] * conj(b.unpack(this));
    if (needs(1)) out[1] = in[0] * conj(a.unpack(this));
  }
  void visit(SavedVisitor& s) override {
    s.tensor("self", a);
    s.tensor("tensor", b);
  }
};

void check_types(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype()) {
    fail_runtime("expected m1 and m2 to have the same dtype, but got: ",
                 a.dtype() == DType::Double ? "double" : dtype_name(a.dtype()), " != ", dtype_name(b.dtype()));
  }
  if (a.dtype() == DType::Bool) fail_unsupported("addmm_impl_cpu_", a.dtype());
}

/// out = a b for matrices (or equally long batches of them) of any layout; raw.
Tensor product(const Tensor& a, const Tensor& b) {
  const bool batched = a.ndim() == 3;
  const int r = batched ? 1 : 0;
  const std::int64_t m = a.sizes()[r], k = a.sizes()[r + 1], n = b.sizes()[r + 1];
  Tensor out = batched ? empty({{a.sizes()[0], m, n}}, a.dtype()) : empty({{m, n}}, a.dtype());
  if (out.numel() == 0) return out;
  GemmArgs args{};
  args.m = m;
  args.n = n;
  args.k = k;
  args.a = {a.data(), a.strides()[r], a.strides()[r + 1]};
  args.b = {b.data(), b.strides()[r], b.strides()[r + 1]};
  args.c = out.data();
  args.ldc = n;
  args.alpha = cdouble(1);
  args.beta = cdouble(0);
  args.ialpha = 1;
  args.ibeta = 0;
  GemmBatch batch;
  if (batched) batch = {a.sizes()[0], a.strides()[0], b.strides()[0], m * n};
  GilRelease gil(m * n * k * (batched ? a.sizes()[0] : 1));
  gemm(a.dtype(), args, batch);
  return out;
}

}  // namespace

Tensor mm(const Tensor& a, const Tensor& b) {
  if (a.ndim() != 2) fail_runtime("self must be a matrix");
  if (b.ndim() != 2) fail_runtime("mat2 must be a matrix");
  if (a.sizes()[1] != b.sizes()[0]) {
    fail_runtime("mat1 and mat2 shapes cannot be multiplied (", a.sizes()[0], "x", a.sizes()[1], " and ", b.sizes()[0],
                 "x", b.sizes()[1], ")");
  }
  check_types(a, b);
  Tensor out = product(a, b);
  if (recording(a, b)) {
    auto* n = record<MmNode>(out, a, b);
    if (n->needs(1)) n->a.save(a);
    if (n->needs(0)) n->b.save(b);
  }
  return out;
}

Tensor bmm(const Tensor& a, const Tensor& b) {
  if (a.ndim() != 3) fail_runtime("batch1 must be a 3D tensor");
  if (b.ndim() != 3) fail_runtime("batch2 must be a 3D tensor");
  if (a.sizes()[0] != b.sizes()[0] || a.sizes()[2] != b.sizes()[1]) {
    fail_runtime("Expected size for first two dimensions of batch2 tensor to be: [", a.sizes()[0], ", ", a.sizes()[2],
                 "] but got: [", b.sizes()[0], ", ", b.sizes()[1], "].");
  }
  check_types(a, b);
  Tensor out = product(a, b);
  if (recording(a, b)) {
    auto* n = record<MmNode>(out, a, b);
    n->title = "BmmBackward0";
    if (n->needs(1)) n->a.save(a);
    if (n->needs(0)) n->b.save(b);
  }
  return out;
}

Tensor mv(const Tensor& a, const Tensor& v) {
  if (a.ndim() != 2 || v.ndim() != 1)
    fail_runtime("vector + matrix @ vector expected, got ", 1, ", ", a.ndim(), ", ", v.ndim());
  if (a.sizes()[1] != v.sizes()[0])
    fail_runtime("size mismatch, got input (", a.sizes()[0], "), mat (", a.sizes()[0], "x", a.sizes()[1], "), vec (",
                 v.sizes()[0], ")");
  check_types(a, v);
  const DimVec column{v.sizes()[0], 1}, steps{v.strides()[0], 1}, length{a.sizes()[0]};
  Tensor out = product(a, alias(v, column, steps, v->offset));
  set_geometry(out.get(), length, contiguous_strides(length));
  if (recording(a, v)) {
    auto* n = record<MvNode>(out, a, v);
    if (n->needs(1)) n->a.save(a);
    if (n->needs(0)) n->v.save(v);
  }
  return out;
}

Tensor dot(const Tensor& a, const Tensor& b) {
  if (a.ndim() != 1 || b.ndim() != 1)
    fail_runtime("1D tensors expected, but got ", a.ndim(), "D and ", b.ndim(), "D tensors");
  if (a.dtype() != b.dtype())
    fail_runtime("dot : expected both vectors to have same dtype, but found ", scalar_type_name(a.dtype()), " and ",
                 scalar_type_name(b.dtype()));
  if (a.numel() != b.numel()) {
    fail_runtime("inconsistent tensor size, expected tensor [", a.numel(), "] and src [", b.numel(),
                 "] to have the same number of elements, but got ", a.numel(), " and ", b.numel(),
                 " elements respectively");
  }
  if (a.dtype() == DType::Bool) fail_unsupported("dot", a.dtype());
  const DimVec row{1, a.numel()}, row_steps{1, a.strides()[0]}, column{b.numel(), 1}, column_steps{b.strides()[0], 1};
  Tensor out = product(alias(a, row, row_steps, a->offset), alias(b, column, column_steps, b->offset));
  set_geometry(out.get(), {}, {});
  if (recording(a, b)) {
    auto* n = record<DotNode>(out, a, b);
    if (n->needs(1)) n->a.save(a);
    if (n->needs(0)) n->b.save(b);
  }
  return out;
}

Tensor matmul(const Tensor& a, const Tensor& b) {
  const int na = a.ndim(), nb = b.ndim();
  if (na == 2 && nb == 2) return mm(a, b);
  if (na == 0 || nb == 0)
    fail_runtime("both arguments to matmul need to be at least 1D, but they are ", na, "D and ", nb, "D");
  if (na == 1 && nb == 1) return dot(a, b);
  if (na == 2 && nb == 1) return mv(a, b);
  if (na == 1 && nb == 2) return squeeze(mm(unsqueeze(a, 0), b), DimVec{0});
  if (na >= 3 && nb <= 2) {
    // The batch is just more rows.
    DimVec sizes(a.sizes());
    const std::int64_t k = sizes.back();
    sizes.pop_back();
    const Tensor rows = reshape(a, {{product(sizes), k}});
    if (nb == 1) return reshape(mv(rows, b), sizes);
    sizes.push_back(b.sizes()[1]);
    return reshape(mm(rows, b), sizes);
  }
  const Tensor left = na == 1 ? unsqueeze(a, 0) : a, right = nb == 1 ? unsqueeze(b, 1) : b;
  const Dims sa = left.sizes(), sb = right.sizes();
  const DimVec batch = broadcast_shapes(sa.first(sa.size() - 2), sb.first(sb.size() - 2));
  const std::int64_t m = left.size(-2), k = left.size(-1), n = right.size(-1);
  DimVec ea(batch), eb(batch);
  ea.push_back(m);
  ea.push_back(k);
  eb.push_back(right.size(-2));
  eb.push_back(n);
  const std::int64_t count = product(batch);
  Tensor out =
      bmm(reshape(expand(left, ea), {{count, m, k}}), reshape(expand(right, eb), {{count, right.size(-2), n}}));
  DimVec shape(batch);
  if (na > 1) shape.push_back(m);
  if (nb > 1) shape.push_back(n);
  return reshape(out, shape);
}

namespace {

template <Tensor (*f)(const Tensor&, const Tensor&)>
PyObject* product_op(const OpDef& def, Args& a) {
  const Tensor x = a.tensor(0), y = a.tensor(1);
  Tensor result = f(x, y);
  if (a.has(2) && a.tensor(2).dtype() != result.dtype()) {
    const DType out = a.tensor(2).dtype();
    // PyTorch's words for a product of two vectors, and of a matrix and a vector.
    if (x.ndim() == 1 && y.ndim() == 1 && result.ndim() == 0)
      fail_runtime("result dtype ", scalar_type_name(out), " does not match input dtype ",
                   scalar_type_name(result.dtype()));
    if (x.ndim() == 2 && y.ndim() == 1)
      fail_runtime("addmv input tensors must have the same dtype, but got ", scalar_type_name(out), ", ",
                   scalar_type_name(x.dtype()), ", and ", scalar_type_name(y.dtype()));
  }
  const OutRule rule = result.ndim() == 2 && x.ndim() == 1 ? OutRule::Cast : OutRule::Same;  // outer is pointwise
  return give(a, 2, std::move(result), def.name, tracked(x) || tracked(y), rule);
}
Tensor outer(const Tensor& a, const Tensor& b) {
  if (a.ndim() != 1 || b.ndim() != 1)
    fail_runtime("outer: Expected 1-D argument ", a.ndim() != 1 ? "self" : "vec2", ", but got ",
                 a.ndim() != 1 ? a.ndim() : b.ndim(), "-D");
  return unsqueeze(a, 1) * b;
}
/// beta * input + alpha * product
template <Tensor (*f)(const Tensor&, const Tensor&)>
PyObject* add_product_op(const OpDef& def, Args& a) {
  const Tensor input = a.tensor(0), x = a.tensor(1), y = a.tensor(2);
  const Scalar beta = a.scalar(3, 1), alpha = a.scalar(4, 1);
  Tensor p = f(x, y);
  if (!same(broadcast_shapes(input.sizes(), p.sizes()), p.sizes())) {
    fail_runtime("The expanded size of the tensor must match: input ", str(input.sizes()), " and product ",
                 str(p.sizes()));
  }
  if (input.dtype() != p.dtype())
    fail_runtime("self and mat2 must have the same dtype, but got ", scalar_type_name(input.dtype()), " and ",
                 scalar_type_name(p.dtype()));
  if (!alpha.equals(1)) p = p * alpha;
  // beta = 0 ignores the input, nan included.
  Tensor result = beta.equals(0) ? p : beta.equals(1) ? input + p : input * beta + p;
  return give(a, 5, result, def.name, tracked(input) || tracked(x) || tracked(y));
}

constexpr const char* kAddSig =
    "(Tensor input, Tensor mat1, Tensor mat2, *, Number beta=1, Number alpha=1, Tensor? out=None)";
const OpDef ops[] = {
    {"matmul", "(Tensor input, Tensor other, *, Tensor? out=None)", product_op<matmul>, kBoth, Kind::Contraction,
     "The product of matrices, vectors or batches of them, batch dimensions broadcast."},
    {"mm", "(Tensor input, Tensor mat2, *, Tensor? out=None)", product_op<mm>, kBoth, Kind::Contraction,
     "The product of two matrices, [n, m] by [m, p]."},
    {"bmm", "(Tensor input, Tensor mat2, *, Tensor? out=None)", product_op<bmm>, kBoth, Kind::Contraction,
     "Products of matrices, [b, n, m] by [b, m, p]."},
    {"mv", "(Tensor input, Tensor vec, *, Tensor? out=None)", product_op<mv>, kBoth, Kind::Contraction,
     "A matrix times a vector."},
    {"dot", "(Tensor input, Tensor tensor, *, Tensor? out=None)", product_op<dot>, kBoth, Kind::Contraction,
     "The sum of products of two vectors (without conjugation)."},
    {"inner", "(Tensor input, Tensor other, *, Tensor? out=None)",
     [](const OpDef& def, Args& a) -> PyObject* {
       const Tensor x = a.tensor(0), y = a.tensor(1);
       if (x.ndim() == 0 || y.ndim() == 0) return give(a, 2, x * y, "inner", tracked(x) || tracked(y));
       return give(a, 2, matmul(x, y.ndim() > 1 ? matrix_transpose(y) : y), "inner", tracked(x) || tracked(y));
     },
     kBoth, Kind::Contraction, "The sum of products over the last dimensions."},
    {"outer", "(Tensor input, Tensor vec2, *, Tensor? out=None)", product_op<outer>, kBoth, Kind::Contraction,
     "All products of the elements of two vectors."},
    {"ger", "(Tensor input, Tensor vec2, *, Tensor? out=None)", product_op<outer>, kBoth, Kind::Contraction,
     "Alias of outer."},
    {"addmm", kAddSig, add_product_op<mm>, kBoth, Kind::Contraction, "beta * input + alpha * (mat1 @ mat2)."},
    {"baddbmm", "(Tensor input, Tensor batch1, Tensor batch2, *, Number beta=1, Number alpha=1, Tensor? out=None)",
     add_product_op<bmm>, kBoth, Kind::Contraction, "beta * input + alpha * bmm(batch1, batch2)."},
    {"addmv", "(Tensor input, Tensor mat, Tensor vec, *, Number beta=1, Number alpha=1, Tensor? out=None)",
     add_product_op<mv>, kBoth, Kind::Contraction, "beta * input + alpha * (mat @ vec)."},
    {"addr", "(Tensor input, Tensor vec1, Tensor vec2, *, Number beta=1, Number alpha=1, Tensor? out=None)",
     add_product_op<outer>, kBoth, Kind::Contraction, "beta * input + alpha * outer(vec1, vec2)."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
