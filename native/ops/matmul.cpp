// Matrix products.
#include <algorithm>

#include "kernels/gemm.h"
#include "ops/binary.h"
#include "ops/matrix.h"
#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

/// t * conj(factor).
Tensor times(const Tensor& t, const Scalar& factor) {
  if (factor.equals(1)) return t;
  return t * (factor.im == 0 ? factor : Scalar(cdouble(factor.d, -factor.im)));
}

/// Column by column in memory, as weight.t() is: then its gradient is made so, too, and the weight's is row-major.
bool by_columns(const Tensor& t) { return t.ndim() == 2 && t.strides()[0] == 1 && t.strides()[1] == t.sizes()[0]; }
/// The gradients of the factors of a matrix product.
Tensor left_gradient(const Tensor& g, const Tensor& right, bool columns) {
  return columns ? matrix_transpose(mm(conj(right), matrix_transpose(g))) : mm(g, adjoint(right));
}
Tensor right_gradient(const Tensor& g, const Tensor& left, bool columns) {
  return columns ? matrix_transpose(mm(matrix_transpose(g), conj(left))) : mm(adjoint(left), g);
}

struct MmNode final : Node {
  SavedTensor a, b;
  bool a_columns = false, b_columns = false;
  const char* name() const override { return "MmBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    if (needs(0)) out[0] = left_gradient(in[0], b.unpack(this), a_columns);
    if (needs(1)) out[1] = right_gradient(in[0], a.unpack(this), b_columns);
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", a);
    v.tensor("mat2", b);
  }
};
struct BmmNode final : Node {
  SavedTensor a, b;
  const char* name() const override { return "BmmBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    if (needs(0)) out[0] = bmm(in[0], adjoint(b.unpack(this)));
    if (needs(1)) out[1] = bmm(adjoint(a.unpack(this)), in[0]);
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
    if (needs(1)) out[1] = mv(adjoint(a.unpack(this)), in[0]);
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

/// beta * input + alpha * product(a, b): what the operators of this form differ in.
enum class AddProduct : std::uint8_t { Matrices, Batches, MatrixVector, SummedBatches, Outer };
struct AddProductRule {
  const char* node;
  const char* a;
  const char* b;
};
constexpr AddProductRule kRules[] = {{"AddmmBackward0", "mat1", "mat2"},
                                     {"BaddbmmBackward0", "batch1", "batch2"},
                                     {"AddmvBackward0", "mat", "vec"},
                                     {"AddbmmBackward0", "batch1", "batch2"},
                                     {"AddrBackward0", "vec1", "vec2"}};

struct AddProductNode final : Node {
  SavedTensor a, b;
  Scalar alpha, beta;
  DimList input_sizes;
  DType input_type = DType::Float, a_type = DType::Float, b_type = DType::Float;
  AddProduct kind = AddProduct::Matrices;
  bool a_columns = false, b_columns = false;
  const char* name() const override { return kRules[int(kind)].node; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor& g = in[0];
    if (needs(0)) out[0] = to(sum_to(times(g, beta), input_sizes), input_type);
    if (needs(1)) out[1] = to(times(for_a(g, b.unpack(this)), alpha), a_type);
    if (needs(2)) out[2] = to(times(for_b(g, a.unpack(this)), alpha), b_type);
  }
  void visit(SavedVisitor& v) override {
    v.tensor(kRules[int(kind)].a, a);
    v.tensor(kRules[int(kind)].b, b);
  }
  void show(ValueVisitor& v) const override {
    v.number("alpha", alpha);
    v.number("beta", beta);
  }

 private:
  Tensor for_a(const Tensor& g, const Tensor& y) const {
    switch (kind) {
      case AddProduct::Matrices: return left_gradient(g, y, a_columns);
      case AddProduct::Batches: return bmm(g, adjoint(y));
      case AddProduct::MatrixVector: return unsqueeze(g, 1) * unsqueeze(conj(y), 0);
      case AddProduct::SummedBatches: return bmm(spread(g, y), adjoint(y));
      case AddProduct::Outer: break;
    }
    return mv(g, conj(to(y, g.dtype())));
  }
  Tensor for_b(const Tensor& g, const Tensor& x) const {
    switch (kind) {
      case AddProduct::Matrices: return right_gradient(g, x, b_columns);
      case AddProduct::Batches: return bmm(adjoint(x), g);
      case AddProduct::MatrixVector: return mv(adjoint(x), g);
      case AddProduct::SummedBatches: return bmm(adjoint(x), spread(g, x));
      case AddProduct::Outer: break;
    }
    return mv(matrix_transpose(g), conj(to(x, g.dtype())));
  }
  static Tensor spread(const Tensor& g, const Tensor& batches) {
    return expand(unsqueeze(g, 0), {{batches.sizes()[0], g.sizes()[0], g.sizes()[1]}});
  }
};

void check_types(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype()) {
    fail_runtime("expected m1 and m2 to have the same dtype, but got: ", cpp_type_name(a.dtype()),
                 " != ", cpp_type_name(b.dtype()));
  }
}
/// There are no sums of products of bools; products without terms are no matter.
void check_kernel(const Tensor& a, std::int64_t results, std::int64_t terms, const char* kernel) {
  if (a.dtype() == DType::Bool && results > 0 && terms > 0) fail_unsupported(kernel, DType::Bool);
}

/// out = alpha a b + beta out for matrices (or equally long batches of them), raw; `out` has its columns one by one.
void multiply(const Tensor& out, const Tensor& a, const Tensor& b, const Scalar& alpha, const Scalar& beta,
              bool fresh) {
  if (out.numel() == 0) return;
  const bool batched = a.ndim() == 3;
  const int r = batched ? 1 : 0;
  const std::int64_t m = a.sizes()[r], k = a.sizes()[r + 1], n = b.sizes()[r + 1];
  if (out.dtype() == DType::Bool) {  // a product without terms, see check_kernel
    if (beta.equals(0)) fill(out, 0);
    return;
  }
  GemmArgs args{};
  args.m = m;
  args.n = n;
  args.k = k;
  args.a = {a.data(), a.strides()[r], a.strides()[r + 1]};
  args.b = {b.data(), b.strides()[r], b.strides()[r + 1]};
  args.c = out.data();
  args.ldc = out.ndim() > r ? out.strides()[r] : n;
  args.alpha = alpha.complex();
  args.beta = beta.complex();
  args.ialpha = alpha.integer();
  args.ibeta = beta.integer();
  GemmBatch batch;
  if (batched) batch = {a.sizes()[0], a.strides()[0], b.strides()[0], out.strides()[0]};
  GilRelease gil(m * n * std::max<std::int64_t>(k, 1) * (batched ? a.sizes()[0] : 1), fresh);
  gemm(out.dtype(), args, batch);
}

/// a b; raw.
Tensor product(const Tensor& a, const Tensor& b) {
  const bool batched = a.ndim() == 3;
  const int r = batched ? 1 : 0;
  const std::int64_t m = a.sizes()[r], n = b.sizes()[r + 1];
  Tensor out = batched ? empty({{a.sizes()[0], m, n}}, a.dtype()) : empty({{m, n}}, a.dtype());
  multiply(out, a, b, 1, 0, true);
  return out;
}

/// A vector as a matrix of one column; a raw alias.
Tensor column(const Tensor& v) {
  const DimVec sizes{v.numel(), 1}, steps{v.strides()[0], 1};
  return alias(v, sizes, steps, v->offset);
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
  check_kernel(a, a.sizes()[0] * b.sizes()[1], a.sizes()[1], "addmm_impl_cpu_");
  Tensor out = product(a, b);
  if (recording(a, b)) {
    auto* n = record<MmNode>(out, a, b);
    if (n->needs(1)) n->a.save(a);
    if (n->needs(0)) n->b.save(b);
    n->a_columns = by_columns(a);
    n->b_columns = by_columns(b);
  }
  return out;
}

namespace {
void check_batches(const Tensor& a, const Tensor& b) {
  if (a.ndim() != 3) fail_runtime("batch1 must be a 3D tensor");
  if (b.ndim() != 3) fail_runtime("batch2 must be a 3D tensor");
  if (a.sizes()[0] != b.sizes()[0] || a.sizes()[2] != b.sizes()[1]) {
    fail_runtime("Expected size for first two dimensions of batch2 tensor to be: [", a.sizes()[0], ", ", a.sizes()[2],
                 "] but got: [", b.sizes()[0], ", ", b.sizes()[1], "].");
  }
}
void check_batch_types(const Tensor& a, const Tensor& b, const char* kernel) {
  check_kernel(a, a.sizes()[0] * a.sizes()[1] * b.sizes()[2], a.sizes()[2], kernel);
  if (a.dtype() != b.dtype())
    fail_runtime("expected scalar type ", scalar_type_name(a.dtype()), " but found ", scalar_type_name(b.dtype()));
}
void check_vector_types(DType out, const Tensor& a, const Tensor& v) {
  if (out != a.dtype() || out != v.dtype())
    fail_runtime("addmv input tensors must have the same dtype, but got ", scalar_type_name(out), ", ",
                 scalar_type_name(a.dtype()), ", and ", scalar_type_name(v.dtype()));
  check_kernel(a, a.sizes()[0], a.sizes()[1], "addmv_impl_cpu");
}
[[noreturn]] void fail_no_dims() { fail_index("Dimension specified as 0 but tensor has no dimensions"); }
}  // namespace

Tensor bmm(const Tensor& a, const Tensor& b) {
  check_batches(a, b);
  check_batch_types(a, b, "bmm");
  Tensor out = product(a, b);
  if (recording(a, b)) {
    auto* n = record<BmmNode>(out, a, b);
    if (n->needs(1)) n->a.save(a);
    if (n->needs(0)) n->b.save(b);
  }
  return out;
}

Tensor mv(const Tensor& a, const Tensor& v) {
  if (a.ndim() == 0) fail_no_dims();
  if (a.ndim() != 2 || v.ndim() != 1)
    fail_runtime("vector + matrix @ vector expected, got ", 1, ", ", a.ndim(), ", ", v.ndim());
  if (a.sizes()[1] != v.sizes()[0])
    fail_runtime("size mismatch, got input (", a.sizes()[0], "), mat (", a.sizes()[0], "x", a.sizes()[1], "), vec (",
                 v.sizes()[0], ")");
  check_vector_types(v.dtype(), a, v);
  const DimVec length{a.sizes()[0]};
  Tensor out = product(a, column(v));
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
  const DimVec row{1, a.numel()}, row_steps{1, a.strides()[0]};
  Tensor out = product(alias(a, row, row_steps, a->offset), column(b));
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
  if (na == 1 && nb == 2) return squeeze_result(mm(unsqueeze(a, 0), b), 0);
  if (na >= 3 && nb <= 2) {
    // The batch is just more rows.
    DimVec sizes(a.sizes());
    const std::int64_t k = sizes.back();
    sizes.pop_back();
    const Tensor rows = reshape(a, {{product(sizes), k}});
    if (nb == 1) return unsafe_view(mv(rows, b), sizes);
    sizes.push_back(b.sizes()[1]);
    return unsafe_view(mm(rows, b), sizes);
  }
  if (na <= 2 && recording(a)) {
    // The same from the other side, so that the gradient of `a` is one product and not a sum over a batch.
    const Tensor other = matrix_transpose(b);
    DimVec sizes(other.sizes());
    const std::int64_t k = sizes.back();
    sizes.pop_back();
    const Tensor rows = reshape(other, {{product(sizes), k}});
    if (na == 1) return unsafe_view(mv(rows, a), sizes);
    sizes.push_back(a.sizes()[0]);
    return contiguous(matrix_transpose(unsafe_view(mm(rows, short_transpose(a)), sizes)));
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
  return unsafe_view(out, shape);
}

namespace {

/// What alpha and beta may be, the shape of the result, and whether the parts fit; throws PyTorch's errors.
DimVec checked_shape(AddProduct kind, const Tensor& input, const Tensor& a, const Tensor& b, const Scalar& beta) {
  switch (kind) {
    case AddProduct::Matrices: {
      if (a.ndim() != 2) fail_runtime("mat1 must be a matrix, got ", a.ndim(), "-D tensor");
      if (b.ndim() != 2) fail_runtime("mat2 must be a matrix, got ", b.ndim(), "-D tensor");
      if (a.sizes()[1] != b.sizes()[0])
        fail_runtime("mat1 and mat2 shapes cannot be multiplied (", a.sizes()[0], "x", a.sizes()[1], " and ",
                     b.sizes()[0], "x", b.sizes()[1], ")");
      if (input.dtype() != b.dtype() || a.dtype() != b.dtype())
        fail_runtime(input.dtype() != b.dtype() ? "self" : "mat1", " and mat2 must have the same dtype, but got ",
                     scalar_type_name(input.dtype() != b.dtype() ? input.dtype() : a.dtype()), " and ",
                     scalar_type_name(b.dtype()));
      const DimVec shape{a.sizes()[0], b.sizes()[1]};
      check_kernel(a, product(shape), a.sizes()[1], "addmm_impl_cpu_");
      if (a.dtype() == DType::Bool && product(shape) > 0 && !beta.equals(0))
        fail_runtime("result type Long can't be cast to the desired output type Bool");
      return shape;
    }
    case AddProduct::Batches: {
      if (a.ndim() != 3 && a.ndim() != 0) check_batches(a, b);
      for (const Tensor* t : {&a, &b}) {
        if (t->ndim() == 0) fail_no_dims();
        if (t->ndim() < 3) wrap_dim(2, t->ndim());
      }
      const DimVec shape{a.sizes()[0], a.sizes()[1], b.sizes()[2]};
      expand_sizes(input, shape);
      check_batches(a, b);
      if (input.dtype() != a.dtype())
        fail_runtime("Input dtypes must be the same, got: input ", cpp_type_name(input.dtype()),
                     ", batch1: ", cpp_type_name(a.dtype()), ", batch2: ", cpp_type_name(b.dtype()));
      check_batch_types(a, b, "baddbmm");
      if (a.dtype() == DType::Bool && product(shape) > 0 && !beta.equals(0))
        fail_runtime("result type Long can't be cast to the desired output type Bool");
      return shape;
    }
    case AddProduct::MatrixVector: {
      if (a.ndim() != 2 || b.ndim() != 1 || input.ndim() > 1)
        fail_runtime("vector + matrix @ vector expected, got ", input.ndim(), ", ", a.ndim(), ", ", b.ndim());
      if (a.sizes()[1] != b.sizes()[0] || (a.sizes()[0] != input.numel() && input.numel() != 1)) {
        if (input.ndim() == 0) fail_no_dims();
        fail_runtime("size mismatch, got input (", input.sizes()[0], "), mat (", a.sizes()[0], "x", a.sizes()[1],
                     "), vec (", b.sizes()[0], ")");
      }
      check_vector_types(input.dtype(), a, b);
      return {a.sizes()[0]};
    }
    case AddProduct::SummedBatches: {
      for (const Tensor* t : {&a, &b}) {
        if (t->ndim() == 0) fail_index("Dimension specified as ", t == &a ? 1 : 2, " but tensor has no dimensions");
        if (t->ndim() < 3 - int(t == &a)) wrap_dim(t == &a ? 1 : 2, t->ndim());
      }
      if (a.ndim() != 3) fail_runtime("batch1 must be a 3D tensor");
      if (b.ndim() != 3) fail_runtime("batch2 must be a 3D tensor");
      const DimVec shape{a.sizes()[1], b.sizes()[2]};
      expand_sizes(input, shape);
      if (a.sizes()[0] != b.sizes()[0])
        fail_runtime("batch1 and batch2 must have same number of batches, got ", a.sizes()[0], " and ", b.sizes()[0]);
      if (a.sizes()[2] != b.sizes()[1])
        fail_runtime("Incompatible matrix sizes for bmm (", a.sizes()[1], "x", a.sizes()[2], " and ", b.sizes()[1], "x",
                     b.sizes()[2], ")");
      if (a.dtype() != b.dtype() || input.dtype() != b.dtype())
        fail_runtime(a.dtype() != b.dtype() ? "mat1" : "self", " and mat2 must have the same dtype, but got ",
                     scalar_type_name(a.dtype() != b.dtype() ? a.dtype() : input.dtype()), " and ",
                     scalar_type_name(b.dtype()));
      check_kernel(a, product(shape) * a.sizes()[0], a.sizes()[2], "addmm_impl_cpu_");
      if (a.dtype() == DType::Bool && product(shape) > 0)
        fail_runtime("result type Long can't be cast to the desired output type Bool");
      return shape;
    }
    case AddProduct::Outer: break;
  }
  for (int i = 0; i < 2; ++i) {
    const Tensor& v = i == 0 ? a : b;
    if (v.ndim() != 1) fail_runtime("addr: Expected 1-D argument vec", i + 1, ", but got ", v.ndim(), "-D");
  }
  const DimVec shape{a.numel(), b.numel()};
  expand_sizes(input, shape);
  return shape;
}

/// The sum itself, in `out` (its columns one by one), whose content is `beta`'s factor unless beta is 0; raw.
void add_into(AddProduct kind, const Tensor& out, const Tensor& a, const Tensor& b, const Scalar& beta,
              const Scalar& alpha, bool fresh) {
  if (kind == AddProduct::MatrixVector) {
    const DimVec sizes{out.numel(), 1}, steps{1, 1};
    multiply(alias(out, sizes, steps, out->offset), a, column(b), alpha, beta, fresh);
    return;
  }
  if (kind != AddProduct::SummedBatches) return multiply(out, a, b, alpha, beta, fresh);
  Scalar factor = beta;
  for (std::int64_t i = 0; i < a.sizes()[0]; ++i) {
    multiply(out, select(a, 0, i), select(b, 0, i), alpha, factor, fresh);
    factor = 1;
  }
  if (a.sizes()[0] == 0)
    multiply(out, empty({{out.sizes()[0], 0}}, a.dtype()), empty({{0, out.sizes()[1]}}, a.dtype()), alpha, beta, fresh);
}

AddProductNode* add_product_node(AddProduct kind, const Tensor& input, const Tensor& a, const Tensor& b,
                                 const Scalar& beta, const Scalar& alpha) {
  auto* n = make_node<AddProductNode>(3);
  connect(n, 0, input);
  connect(n, 1, a);
  connect(n, 2, b);
  n->kind = kind;
  n->alpha = alpha;
  n->beta = beta;
  n->input_sizes.assign(input.sizes());
  n->input_type = input.dtype();
  n->a_type = a.dtype();
  n->b_type = b.dtype();
  if (n->needs(2)) n->a.save(a);
  if (n->needs(1)) n->b.save(b);
  if (kind == AddProduct::Matrices) {
    n->a_columns = by_columns(a);
    n->b_columns = by_columns(b);
  }
  return n;
}

/// addr multiplies, adds and promotes as the pointwise operators do.
Tensor add_outer(const Tensor& input, const Tensor& a, const Tensor& b, const Scalar& beta, const Scalar& alpha) {
  const GradMode off(false);
  Promotion p;
  for (const Tensor* t : {&input, &a, &b}) p.add(*t);
  const DType d = p.result();
  for (const Scalar* s : {&beta, &alpha}) {
    const char* which = s == &beta ? "beta" : "alpha";
    if (s->kind == Scalar::Kind::Bool && d != DType::Bool)
      fail_runtime("Boolean ", which, " only supported for Boolean results.");
    if (s->kind == Scalar::Kind::Float && is_integral(d, true))
      fail_runtime("For integral input tensors, argument ", which, " must not be a floating point number.");
    if (s->kind == Scalar::Kind::Complex && !is_complex(d))
      fail_runtime("For non-complex input tensors, argument ", which, " must not be a complex number.");
  }
  // The factors are rounded to the result's dtype first, and alpha is taken to the first vector.
  Tensor x = to(a, d);
  if (!alpha.equals(1)) x = x * scalar_tensor(alpha, d);
  const Tensor product = unsqueeze(x, 1) * unsqueeze(to(b, d), 0);
  if (beta.equals(0)) return product;
  Tensor i = to(input, d);
  if (!beta.equals(1)) i = i * scalar_tensor(beta, d);
  return i + product;
}

Tensor add_product(AddProduct kind, const Tensor& input, const Tensor& a, const Tensor& b, const Scalar& beta,
                   const Scalar& alpha) {
  const DimVec shape = checked_shape(kind, input, a, b, beta);
  Tensor out;
  if (kind == AddProduct::Outer) {
    out = add_outer(input, a, b, beta, alpha);
  } else {
    check_convertible(beta, input.dtype());
    check_convertible(alpha, input.dtype());
    if (!same(input.sizes(), shape)) expand_sizes(input, shape);
    out = empty(shape, input.dtype());
    if (!beta.equals(0)) copy_into(out, input);
    add_into(kind, out, a, b, beta, alpha, true);
  }
  if (recording(input, a, b)) {
    const NodeRef node = NodeRef::steal(add_product_node(kind, input, a, b, beta, alpha));
    set_history(out, node.get());
  }
  return out;
}

void add_product_inplace(AddProduct kind, const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& beta,
                         const Scalar& alpha) {
  const bool record = recording(self, a, b);
  check_inplace(self, record);
  const DimVec shape = checked_shape(kind, self, a, b, beta);
  if (!same(self.sizes(), shape))
    fail_runtime("Bad in-place call: input tensor size ", str(self.sizes()), " and output tensor size ", str(shape),
                 " should match");
  check_no_overlap(self);
  Tensor result;
  if (kind == AddProduct::Outer) {
    result = add_outer(self, a, b, beta, alpha);
    check_inplace_result(self, result.dtype(), result.sizes());
  } else {
    check_convertible(beta, self.dtype());
    check_convertible(alpha, self.dtype());
  }
  NodeRef node;
  if (record && is_differentiable(self.dtype())) node = NodeRef::steal(add_product_node(kind, self, a, b, beta, alpha));
  if (kind == AddProduct::Outer) {
    copy_into(self, result);
  } else if (self.is_contiguous()) {
    const GradMode off(false);
    add_into(kind, self, separate(a, self), separate(b, self), beta, alpha, false);
  } else {
    const GradMode off(false);
    result = to_contiguous(self, self.dtype());
    add_into(kind, result, a, b, beta, alpha, true);
    copy_into(self, result);
  }
  finish_inplace(self, node.get());
}

Tensor outer(const Tensor& a, const Tensor& b) {
  if (a.ndim() != 1 || b.ndim() != 1)
    fail_runtime("outer: Expected 1-D argument ", a.ndim() != 1 ? "self" : "vec2", ", but got ",
                 a.ndim() != 1 ? a.ndim() : b.ndim(), "-D");
  return unsqueeze(a, 1) * b;
}
template <AddProduct kind>
PyObject* add_product_op(const OpDef& def, Args& a) {
  const Tensor input = a.tensor(0), x = a.tensor(1), y = a.tensor(2);
  return give(a, 5, add_product(kind, input, x, y, a.scalar(3, 1), a.scalar(4, 1)), def.name,
              tracked(input) || tracked(x) || tracked(y), kind == AddProduct::Outer ? OutRule::Cast : OutRule::Same);
}
template <AddProduct kind>
PyObject* add_product_op_(const OpDef&, Args& a) {
  Tensor self = a.tensor(0);
  add_product_inplace(kind, self, a.tensor(1), a.tensor(2), a.scalar(3, 1), a.scalar(4, 1));
  return self.release();
}

/// input weight^T + bias: with a bias one fused node where the rows of `input` can be seen as a matrix.
Tensor linear(const Tensor& input, const Tensor& weight, const Tensor& bias) {
  if (input.ndim() == 0 || weight.ndim() == 0)
    fail_runtime("both arguments to linear need to be at least 1D, but they are ", input.ndim(), "D and ",
                 weight.ndim(), "D");
  const Tensor w = short_transpose(weight);
  if (!bias.defined()) return matmul(input, w);
  if (input.ndim() == 2) return add_product(AddProduct::Matrices, bias, input, w, 1, 1);
  if (input.ndim() == 1 || (input.is_contiguous() && bias.ndim() == 1)) {
    DimVec shape(input.sizes());
    const std::int64_t k = shape.back();
    shape.pop_back();
    const Tensor rows = view(input, {{product(shape), k}});
    const Tensor out = add_product(AddProduct::Matrices, bias, rows, w, 1, 1);
    shape.push_back(out.sizes()[1]);
    return view(out, shape);
  }
  Tensor out = matmul(input, w);
  return add_(out, bias);
}
PyObject* linear_op(const OpDef&, Args& a) { return linear(a.tensor(0), a.tensor(1), a.tensor(2)).release(); }

/// Sums of products over the last dimensions.
Tensor inner(const Tensor& a, const Tensor& b) {
  if (a.ndim() == 0 || b.ndim() == 0) return a * b;
  if (a.size(-1) != b.size(-1))
    fail_runtime("inner() the last dimension must match on both input tensors but got shapes ", str(a.sizes()), " and ",
                 str(b.sizes()));
  const std::int64_t k = a.size(-1);
  DimVec shape(a.sizes()), others(b.sizes());
  shape.pop_back();
  others.pop_back();
  const std::int64_t rows = rl::product(shape), columns = rl::product(others);
  for (auto n : others) shape.push_back(n);
  return view(mm(reshape(a, {{rows, k}}), matrix_transpose(reshape(b, {{columns, k}}))), shape);
}

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
  // outer, and inner of a number, are pointwise.
  const bool pointwise = f == outer || (f == inner && (x.ndim() == 0 || y.ndim() == 0));
  const OutRule rule = pointwise ? OutRule::Cast : OutRule::Same;
  return give(a, 2, std::move(result), def.name, tracked(x) || tracked(y), rule);
}
// --- cross products of vectors of three numbers
// ---------------------------------------------------------------------------------------------------------------------

Tensor cross(const Tensor& a, const Tensor& b, int dim);

struct CrossNode final : Node {
  SavedTensor a, b;
  int dim = 0;
  const char* name() const override { return "LinalgCrossBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor x = a.unpack(this), y = b.unpack(this);
    if (needs(0)) out[0] = to(sum_to(cross(conj(y), in[0], dim), x.sizes()), x.dtype());
    if (needs(1)) out[1] = to(sum_to(cross(in[0], conj(x), dim), y.sizes()), y.dtype());
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", a);
    v.tensor("other", b);
  }
};

/// Along dimension `dim` of the broadcast sizes, which counts from the end.
Tensor cross(const Tensor& a, const Tensor& b, int dim) {
  const DType result = result_type(a, b), d = compute_type(result);
  const DimVec sizes = broadcast_shapes(a.sizes(), b.sizes());
  const auto whole = [&](const Tensor& t) {
    if (same(t.sizes(), sizes)) return contiguous_as(t, d);
    const GradMode off(false);
    return contiguous_as(expand(t, sizes), d);
  };
  const Tensor x = whole(a), y = whole(b);
  Tensor out = empty(sizes, d);
  std::int64_t inner = 1;
  for (std::size_t i = sizes.size() + std::size_t(dim) + 1; i < sizes.size(); ++i) inner *= sizes[i];
  {
    const GilRelease gil(out.numel() * 2);
    dispatch(d, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (!is_half_v<T> && !std::is_same_v<T, bool>) {
        // Integers wrap.
        using U = typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>, Tag<T>>::type;
        const U *const p = x.data_as<U>(), *const q = y.data_as<U>();
        U* const r = out.data_as<U>();
        const std::int64_t step = std::max<std::int64_t>(1, 3 * inner);
        parallel_for(out.numel() / step, std::max<std::int64_t>(1, kGrain / step),
                     [&](std::int64_t begin, std::int64_t end) {
                       for (std::int64_t i = begin * step; i < end * step; i += step) {
                         for (std::int64_t k = 0; k < 3; ++k) {
                           const std::int64_t first = i + (k + 1) % 3 * inner, second = i + (k + 2) % 3 * inner,
                                              to = i + k * inner;
                           for (std::int64_t j = 0; j < inner; ++j) {
                             r[to + j] = U(p[first + j] * q[second + j] - p[second + j] * q[first + j]);
                           }
                         }
                       }
                     });
      }
    });
  }
  if (d != result) out = to_contiguous(out, result);
  if (recording(a, b)) {
    auto* n = record<CrossNode>(out, a, b);
    n->dim = dim;
    n->a.save(a), n->b.save(b);
  }
  return out;
}

/// (input, other, dim); the caller has looked at the sizes.
PyObject* cross_op(const OpDef&, Args& a) {
  const Tensor x = a.tensor(0), y = a.tensor(1);
  const int n = std::max(x.ndim(), y.ndim()), dim = wrap_dim(a.integer(2), n);
  const DimVec sizes = broadcast_shapes(x.sizes(), y.sizes());
  if (n == 0 || sizes[std::size_t(dim)] != 3) {
    fail_runtime("linalg.cross: inputs dimension ", a.integer(2), " must have length 3. Got ",
                 x.ndim() == n && n > 0 ? x.size(dim) : 0, " and ", y.ndim() == n && n > 0 ? y.size(dim) : 0);
  }
  return cross(x, y, dim - n).release();
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
    {"inner", "(Tensor input, Tensor other, *, Tensor? out=None)", product_op<inner>, kBoth, Kind::Contraction,
     "The sum of products over the last dimensions."},
    {"outer", "(Tensor input, Tensor vec2, *, Tensor? out=None)", product_op<outer>, kBoth, Kind::Contraction,
     "All products of the elements of two vectors."},
    {"ger", "(Tensor input, Tensor vec2, *, Tensor? out=None)", product_op<outer>, kBoth, Kind::Contraction,
     "Alias of outer."},
    {"addmm", kAddSig, add_product_op<AddProduct::Matrices>, kBoth, Kind::Contraction,
     "beta * input + alpha * (mat1 @ mat2)."},
    {"addmm_", "(Tensor self, Tensor mat1, Tensor mat2, *, Number beta=1, Number alpha=1)",
     add_product_op_<AddProduct::Matrices>, kMethod, Kind::Contraction, "In-place addmm."},
    {"baddbmm", "(Tensor input, Tensor batch1, Tensor batch2, *, Number beta=1, Number alpha=1, Tensor? out=None)",
     add_product_op<AddProduct::Batches>, kBoth, Kind::Contraction, "beta * input + alpha * bmm(batch1, batch2)."},
    {"baddbmm_", "(Tensor self, Tensor batch1, Tensor batch2, *, Number beta=1, Number alpha=1)",
     add_product_op_<AddProduct::Batches>, kMethod, Kind::Contraction, "In-place baddbmm."},
    {"addbmm", "(Tensor input, Tensor batch1, Tensor batch2, *, Number beta=1, Number alpha=1, Tensor? out=None)",
     add_product_op<AddProduct::SummedBatches>, kBoth, Kind::Contraction,
     "beta * input + alpha * bmm(batch1, batch2).sum(0)."},
    {"addbmm_", "(Tensor self, Tensor batch1, Tensor batch2, *, Number beta=1, Number alpha=1)",
     add_product_op_<AddProduct::SummedBatches>, kMethod, Kind::Contraction, "In-place addbmm."},
    {"addmv", "(Tensor input, Tensor mat, Tensor vec, *, Number beta=1, Number alpha=1, Tensor? out=None)",
     add_product_op<AddProduct::MatrixVector>, kBoth, Kind::Contraction, "beta * input + alpha * (mat @ vec)."},
    {"addmv_", "(Tensor self, Tensor mat, Tensor vec, *, Number beta=1, Number alpha=1)",
     add_product_op_<AddProduct::MatrixVector>, kMethod, Kind::Contraction, "In-place addmv."},
    {"addr", "(Tensor input, Tensor vec1, Tensor vec2, *, Number beta=1, Number alpha=1, Tensor? out=None)",
     add_product_op<AddProduct::Outer>, kBoth, Kind::Contraction, "beta * input + alpha * outer(vec1, vec2)."},
    {"addr_", "(Tensor self, Tensor vec1, Tensor vec2, *, Number beta=1, Number alpha=1)",
     add_product_op_<AddProduct::Outer>, kMethod, Kind::Contraction, "In-place addr."},
    {"_cross", "(Tensor input, Tensor other, int dim)", cross_op, kFunction, Kind::Contraction,
     "Cross products along a dimension of size 3, with broadcasting."},
    {"linear", "(Tensor input, Tensor weight, Tensor? bias=None)", linear_op, kFunction, Kind::Contraction,
     "input @ weight.T + bias; input [..., in], weight [out, in] or [in], bias [out]."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
