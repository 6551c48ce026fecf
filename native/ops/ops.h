// The operators as C++ functions, for each other's derivatives. Every function here records history when it should.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "autograd/node.h"
#include "autograd/views.h"
#include "base/threads.h"
#include "kernels/table.h"
#include "tensor/tensor.h"

namespace rl {

// --- arithmetic (arithmetic.cpp) -----------------------------------------------------------------------------------
Tensor add(const Tensor& a, const Tensor& b);
Tensor add(const Tensor& a, const Scalar& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Scalar& b);
Tensor rsub(const Tensor& a, const Scalar& b);  // b - a
Tensor mul(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Scalar& b);
Tensor div(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Scalar& b);
Tensor rdiv(const Tensor& a, const Scalar& b);  // b / a
Tensor pow(const Tensor& a, const Tensor& b);
Tensor pow(const Tensor& a, const Scalar& b);
Tensor maximum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Tensor& b);
/// a += b, for gradients that nobody else holds: no history, no checks, same shape or b broadcast.
void accumulate(const Tensor& a, const Tensor& b);
/// The same if both are small and alike in every respect; else does nothing and says so.
bool accumulate_small(const Tensor& a, const Tensor& b);
Tensor& add_(Tensor& a, const Tensor& b);  // with history
Tensor& mul_(Tensor& a, const Tensor& b);

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator*(const Tensor& a, const Scalar& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Scalar& b) { return div(a, b); }
inline Tensor operator+(const Tensor& a, const Scalar& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Scalar& b) { return sub(a, b); }

/// The history of a result that PyTorch has no derivative of, under its operator's name there.
struct NotImplementedNode final : Node {
  const char* what;
  const char* name() const override { return "torch::autograd::NotImplemented"; }
  void apply(Tensor*, Tensor*) override { fail_runtime("derivative for aten::", what, " is not implemented"); }
};

// --- comparison; bool results, never tracked (arithmetic.cpp)
// ---------------------------------------------------------
Tensor compare(Compare op, const Tensor& a, const Tensor& b);
Tensor compare(Compare op, const Tensor& a, const Scalar& b);

// --- pointwise functions of one tensor (unary.cpp)
// -----------------------------------------------------------------------
Tensor unary(Unary op, const Tensor& t);
Tensor unary(UnaryParam op, const Tensor& t, std::initializer_list<double> params);
Tensor predicate(Predicate op, const Tensor& t);
inline Tensor neg(const Tensor& t) { return unary(Unary::Neg, t); }
inline Tensor exp(const Tensor& t) { return unary(Unary::Exp, t); }
inline Tensor log(const Tensor& t) { return unary(Unary::Log, t); }
inline Tensor sqrt(const Tensor& t) { return unary(Unary::Sqrt, t); }
inline Tensor abs(const Tensor& t) { return unary(Unary::Abs, t); }
inline Tensor sgn(const Tensor& t) { return unary(Unary::Sgn, t); }
inline Tensor sin(const Tensor& t) { return unary(Unary::Sin, t); }
inline Tensor cos(const Tensor& t) { return unary(Unary::Cos, t); }
inline Tensor tanh(const Tensor& t) { return unary(Unary::Tanh, t); }
inline Tensor sigmoid(const Tensor& t) { return unary(Unary::Sigmoid, t); }
inline Tensor reciprocal(const Tensor& t) { return unary(Unary::Reciprocal, t); }
inline Tensor square(const Tensor& t) { return unary(Unary::Square, t); }
/// The complex conjugate; `t` itself where it is real.
inline Tensor conj(const Tensor& t) { return is_complex(t.dtype()) ? unary(Unary::Conj, t) : t; }
Tensor real(const Tensor& t);
Tensor imag(const Tensor& t);
/// [...] complex as [..., 2] of its real numbers, and back: views.
Tensor view_as_real(const Tensor& t);
Tensor view_as_complex(const Tensor& t);
inline Tensor operator-(const Tensor& t) { return neg(t); }

// --- choosing (select.cpp)
// ---------------------------------------------------------------------------------------------------
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
/// Raises where a complex number is to be stored in a tensor that is not.
void check_convertible(const Scalar& value, DType d);
Tensor masked_fill(const Tensor& t, const Tensor& mask, const Scalar& value);
Tensor gather(const Tensor& t, int dim, const Tensor& index);
Tensor scatter_add(const Tensor& t, int dim, const Tensor& index, const Tensor& src);
Tensor index_select(const Tensor& t, int dim, const Tensor& index);
Tensor index_add(const Tensor& t, int dim, const Tensor& index, const Tensor& source, const Scalar& alpha = 1);

// --- making and converting (convert.cpp)
// -----------------------------------------------------------------------------------------
Tensor clone(const Tensor& t);
Tensor contiguous(const Tensor& t);
Tensor to(const Tensor& t, DType dtype);
Tensor detach(const Tensor& t);
/// dst.copy_(src), with history.
Tensor& copy_(Tensor& dst, const Tensor& src);
Tensor zeros(Dims sizes, DType dtype);
/// Raises PyTorch's error unless the number can be an element of `dtype`: no overflow, no imaginary part lost.
void check_fits(const Scalar& value, DType dtype);
enum class Format : std::uint8_t { None, Contiguous, Preserve, ChannelsLast, ChannelsLast3d };
/// Uninitialised, in a memory format; None and Preserve are row-major.
Tensor empty_as(Dims sizes, DType dtype, Format format);
/// The same with the sizes of `t`; None and Preserve keep its layout.
Tensor empty_like_as(const Tensor& t, DType dtype, Format format);
/// Is `t` laid out so?
bool has_format(const Tensor& t, Format format);
Tensor zeros_like(const Tensor& t);
Tensor ones_like(const Tensor& t);

// --- shape (views.cpp); differentiable views
// ------------------------------------------------------------------------------------------
Tensor view(const Tensor& t, Dims shape);
/// Another object for the same elements.
Tensor alias_view(const Tensor& t);
Tensor reshape(const Tensor& t, Dims shape);
Tensor expand(const Tensor& t, Dims sizes);
Tensor permute(const Tensor& t, Dims dims);
Tensor transpose(const Tensor& t, int a, int b);
/// The last two dimensions swapped.
Tensor matrix_transpose(const Tensor& t);
/// t(): of a matrix; a vector or number itself.
Tensor short_transpose(const Tensor& t);
/// What nobody else holds, in another shape: no view, so that it may be changed in place like any result.
Tensor unsafe_view(const Tensor& t, Dims shape);
/// The same without a dimension of size 1.
Tensor squeeze_result(const Tensor& t, int dim);
/// The sizes that expand(t, sizes) has; throws its errors.
DimVec expand_sizes(const Tensor& t, Dims sizes);
Tensor squeeze(const Tensor& t, Dims dims);
Tensor unsqueeze(const Tensor& t, int dim);
/// Elements start, start+step, … before end; 0 <= start <= end <= size, step > 0.
Tensor slice(const Tensor& t, int dim, std::int64_t start, std::int64_t end, std::int64_t step = 1);
Tensor select(const Tensor& t, int dim, std::int64_t index);
Tensor diagonal(const Tensor& t, std::int64_t offset, int dim1, int dim2);
Tensor as_strided(const Tensor& t, Dims sizes, Dims strides, std::int64_t storage_offset);
Tensor flatten(const Tensor& t, int start, int end);
std::vector<Tensor> unbind(const Tensor& t, int dim);
std::vector<Tensor> split(const Tensor& t, Dims lengths, int dim);

// --- joining (join.cpp)
// ----------------------------------------------------------------------------------------------------------------
Tensor concat(std::span<const Tensor> tensors, int dim);
Tensor stack(std::span<const Tensor> tensors, int dim);
Tensor flip(const Tensor& t, Dims dims);

// --- reductions (reduce.cpp)
// ---------------------------------------------------------------------------------------------------------------
/// `dims` empty: all of them.
Tensor sum(const Tensor& t, Dims dims = {}, bool keepdim = false, std::optional<DType> dtype = {});
Tensor mean(const Tensor& t, Dims dims = {}, bool keepdim = false, std::optional<DType> dtype = {});
Tensor cumsum(const Tensor& t, int dim);
Tensor log_softmax(const Tensor& t, int dim);
Tensor softmax(const Tensor& t, int dim);
/// Sums a gradient back to the shape that was broadcast: [2, 3] to [3] or [2, 1].
Tensor sum_to(const Tensor& t, Dims sizes);

// --- random numbers (random.cpp)
// --------------------------------------------------------------------------------------------------------------------
/// Fills with 1 with probability p, else with 0, in the order of the memory.
void fill_bernoulli(const Tensor& t, double p);

// --- dropout (dropout.cpp)
// --------------------------------------------------------------------------------------------------------------------
/// Zeroes elements with probability p and scales the rest by 1 / (1 - p).
Tensor dropout(const Tensor& t, double p);

// --- products (matmul.cpp)
// --------------------------------------------------------------------------------------------------------------------
Tensor matmul(const Tensor& a, const Tensor& b);
Tensor mm(const Tensor& a, const Tensor& b);
Tensor bmm(const Tensor& a, const Tensor& b);
Tensor mv(const Tensor& a, const Tensor& v);
Tensor dot(const Tensor& a, const Tensor& b);

}  // namespace rl
