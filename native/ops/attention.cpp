// Scaled dot-product attention: one fused operator where that can be, else out of others.
#include <cmath>
#include <limits>
#include <utility>

#include "kernels/attention.h"
#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Call {
  Tensor query, key, value, mask;  // the mask is undefined where there is none
  double dropout = 0, scale = 1;
  bool causal = false, given_scale = false;
};

/// [queries, keys]: where query i must not see key j, j > i.
Tensor later_keys(std::int64_t queries, std::int64_t keys) {
  Tensor t = empty({{queries, keys}}, DType::Bool);
  bool* p = t.data_as<bool>();
  for (std::int64_t i = 0; i < queries; ++i)
    for (std::int64_t j = 0; j < keys; ++j) *p++ = j > i;
  return t;
}

/// A mask as numbers to add: -inf where one of truth values is false.
Tensor additive(const Tensor& mask, DType d) {
  if (mask.dtype() != DType::Bool) return to(mask, d);
  return masked_fill(full(mask.sizes(), -kInfinity, d), mask, 0);
}

/// The weights of products of queries and keys. A query that a mask hides everything from has none.
Tensor weights_of(Tensor products, const Tensor& mask, bool causal) {
  if (causal) products = masked_fill(products, later_keys(products.size(-2), products.size(-1)), -kInfinity);
  if (!mask.defined()) return softmax(products, -1);
  const Tensor masked = products + additive(mask, products.dtype());
  Tensor hidden;
  {
    const GradMode off(false);
    const Tensor seen = sum(compare(Compare::Ne, masked, Scalar(-kInfinity)), {{-1}}, true);
    hidden = compare(Compare::Eq, seen, Scalar(0));
  }
  return masked_fill(softmax(masked_fill(masked, hidden, 0), -1), hidden, 0);
}

/// [batch, heads, rows, depth], with each head as often as there are query heads for it.
Tensor repeat_heads(const Tensor& t, std::int64_t times) {
  if (times == 1) return t;
  DimVec wide(t.sizes()), flat(t.sizes());
  const std::size_t at = wide.size() - 3;
  flat[at] *= times;
  wide.insert(at + 1, times);
  return reshape(expand(unsqueeze(t, int(at) + 1), wide), flat);
}
std::int64_t heads_each(const Tensor& query, const Tensor& key) { return query.size(-3) / key.size(-3); }

Tensor composed(const Call& c) {
  const double root = std::sqrt(std::abs(c.scale));
  const Tensor q = c.query * Scalar(c.scale < 0 ? -root : root), k = c.key * Scalar(root);
  Tensor weights = weights_of(matmul(q, matrix_transpose(k)), c.mask, c.causal);
  if (c.dropout > 0) weights = dropout(weights, c.dropout);
  return matmul(weights, c.value);
}

Heads heads_of(const Tensor& t) { return {t.data(), t.stride(0), t.stride(1), t.stride(2)}; }

/// What a kernel reads of `t`: itself where its rows are contiguous.
Tensor readable(const Tensor& t, DType d) { return t.dtype() == d && t.stride(-1) == 1 ? t : contiguous_as(t, d); }

/// The arguments of the kernels, and what holds their memory.
struct Fused {
  Tensor q, k, v, mask;
  Attention a;

  Fused(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& mask_, double scale, bool causal) {
    const DType d = compute_type(query.dtype());
    q = readable(query, d), k = readable(key, d), v = readable(value, d);
    a.batch = q.size(0), a.heads = q.size(1), a.key_heads = k.size(1);
    a.queries = q.size(2), a.keys = k.size(2), a.depth = q.size(3);
    a.q = heads_of(q), a.k = heads_of(k), a.v = heads_of(v);
    a.scale = scale, a.causal = causal;
    if (mask_.defined()) {
      const GradMode off(false);
      mask = additive(mask_, d);
      if (mask.size(-1) != 1 && mask.stride(-1) > 1) mask = contiguous(mask);
      mask = expand(mask, {{a.batch, a.heads, a.queries, a.keys}});
      a.mask = heads_of(mask);
      a.mask_column = a.keys == 1 ? 0 : mask.stride(3);
    }
  }
  double work() const {
    return double(a.batch) * double(a.heads) * double(a.queries) * double(a.keys) * double(a.depth);
  }
};
std::int64_t clamped(double work) { return std::int64_t(std::min(work, 1e15)); }

struct AttentionNode final : Node {
  SavedTensor query, key, value, mask, out, logsumexp;
  double scale = 1;
  bool causal = false, given_scale = false;
  const char* name() const override { return "ScaledDotProductFlashAttentionForCpuBackward0"; }
  void apply(Tensor* in, Tensor* grads) override {
    const Tensor q = query.unpack(this), k = key.unpack(this), v = value.unpack(this);
    const Tensor m = mask.saved() ? mask.unpack(this) : Tensor();
    if (modes.grad) return by_operators(in[0], q, k, v, m, grads);
    Fused f(q, k, v, m, scale, causal);
    const DType d = f.q.dtype();
    const Tensor o = readable(out.unpack(this), d), g = readable(in[0], d), l = logsumexp.unpack(this);
    f.a.out = heads_of(o);
    f.a.logsumexp = l.data();
    const Tensor gq = empty(q.sizes(), d), gk = empty(k.sizes(), d), gv = empty(v.sizes(), d);
    {
      const GilRelease gil(clamped(f.work()));
      attention_backward(d, f.a, heads_of(g), gq.data(), gk.data(), gv.data());
    }
    if (needs(0)) grads[0] = to(gq, q.dtype());
    if (needs(1)) grads[1] = to(gk, k.dtype());
    if (needs(2)) grads[2] = to(gv, v.dtype());
  }
  /// The same with a history of its own.
  void by_operators(const Tensor& g, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& m,
                    Tensor* grads) const {
    const std::int64_t each = heads_each(q, k);
    const Tensor keys = repeat_heads(k, each), values = repeat_heads(v, each);
    const Tensor weights = weights_of(matmul(q, matrix_transpose(keys)) * Scalar(scale), m, causal);
    const Tensor gw = matmul(g, matrix_transpose(values));
    const Tensor gp = weights * (gw - sum(gw * weights, {{-1}}, true)) * Scalar(scale);
    grads[0] = matmul(gp, keys);
    grads[1] = join_heads(matmul(matrix_transpose(gp), q), each);
    grads[2] = join_heads(matmul(matrix_transpose(weights), g), each);
  }
  /// The transpose of repeat_heads.
  static Tensor join_heads(const Tensor& t, std::int64_t times) {
    if (times == 1) return t;
    return sum(reshape(t, {{t.size(0), t.size(1) / times, times, t.size(2), t.size(3)}}), {{2}});
  }
  void visit(SavedVisitor& v) override {
    v.tensor("query", query);
    v.tensor("key", key);
    v.tensor("value", value);
    v.tensor("attn_mask", mask);
    v.tensor("output", out);
    v.tensor("logsumexp", logsumexp);
  }
  void show(ValueVisitor& v) const override {
    v.number("dropout_p", 0.0);
    v.flag("is_causal", causal);
    if (given_scale)
      v.number("scale", scale);
    else
      v.nothing("scale");
  }
};

Tensor fused(const Call& c) {
  Fused f(c.query, c.key, c.value, c.mask, c.scale, c.causal);
  const DType d = f.q.dtype();
  Tensor out = d == c.query.dtype() ? empty_like(c.query, d) : empty(c.query.sizes(), d);
  const Tensor logsumexp = empty({{f.a.batch, f.a.heads, f.a.queries}}, d);
  f.a.out = heads_of(out);
  f.a.logsumexp = logsumexp.data();
  {
    const GilRelease gil(clamped(f.work()));
    attention(d, f.a);
  }
  if (d != c.query.dtype()) {
    const Tensor wide = std::exchange(out, empty_like(c.query, c.query.dtype()));
    copy_into(out, wide);
  }
  if (recording(c.query, c.key, c.value)) {
    auto* n = record<AttentionNode>(out, c.query, c.key, c.value);
    n->query.save(c.query);
    n->key.save(c.key);
    n->value.save(c.value);
    if (c.mask.defined()) n->mask.save(c.mask);
    n->out.save_output(out);
    n->logsumexp.save(logsumexp);
    n->scale = c.scale;
    n->causal = c.causal;
    n->given_scale = c.given_scale;
  }
  return out;
}

/// Does the mask broadcast to [batch, heads, queries, keys] in one of the two ranks that PyTorch fuses?
bool fits(const Tensor& mask, const Tensor& q, std::int64_t keys) {
  const auto one_of = [](std::int64_t n, std::int64_t whole) { return n == 1 || n == whole; };
  if (mask.ndim() != 2 && mask.ndim() != 4) return false;
  if (!one_of(mask.size(-1), keys) || !one_of(mask.size(-2), q.size(2))) return false;
  return mask.ndim() == 2 || (one_of(mask.size(0), q.size(0)) && one_of(mask.size(1), q.size(1)));
}

/// The cases in which PyTorch has a node of its own.
bool can_fuse(const Call& c, bool grouped) {
  const Tensor &q = c.query, &k = c.key, &v = c.value;
  if (q.ndim() != 4 || k.ndim() != 4 || v.ndim() != 4 || !is_floating(q.dtype()) || c.dropout > 0) return false;
  if (q.numel() == 0 || k.numel() == 0 || !same(k.sizes(), v.sizes()) || q.size(0) != k.size(0)) return false;
  if (q.size(3) != k.size(3) || (grouped ? q.size(1) % k.size(1) != 0 : q.size(1) != k.size(1))) return false;
  if (q.stride(3) != 1 || k.stride(3) != 1 || v.stride(3) != 1) return false;
  return !c.mask.defined() || (fits(c.mask, q, k.size(2)) && !(modes.grad && tracked(c.mask)));
}

/// (query, key, value, attn_mask, dropout_p, is_causal, *, scale, enable_gqa)
PyObject* attention_op(const OpDef&, Args& a) {
  Call c;
  c.query = a.tensor(0), c.key = a.tensor(1), c.value = a.tensor(2), c.mask = a.tensor(3);
  c.dropout = a.real(4, 0);
  c.causal = a.boolean(5);
  const bool grouped = a.boolean(7);
  const Tensor &q = c.query, &k = c.key, &v = c.value;
  if (q.dtype() != k.dtype() || q.dtype() != v.dtype()) {
    fail_runtime(
        "Expected query, key, and value to have the same dtype, but got query.dtype: ", cpp_type_name(q.dtype()),
        " key.dtype: ", cpp_type_name(k.dtype()), " and value.dtype: ", cpp_type_name(v.dtype()), " instead.");
  }
  if (q.ndim() < 2 || k.ndim() < 2 || v.ndim() < 2) {
    fail_runtime("Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: ", q.ndim(),
                 " key.dim: ", k.ndim(), " and value.dim: ", v.ndim(), " instead.");
  }
  if (c.mask.defined()) {
    const DType m = c.mask.dtype();
    if (m != DType::Bool && m != DType::Float && m != q.dtype()) {
      fail_runtime("Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: ",
                   cpp_type_name(m), " and  query.dtype: ", cpp_type_name(q.dtype()), " instead.");
    }
  }
  if (!(c.dropout >= 0 && c.dropout <= 1))
    fail_runtime("dropout probability has to be between 0 and 1, but got ", c.dropout);
  c.given_scale = a.has(6);
  c.scale = c.given_scale ? a.real(6) : 1 / std::sqrt(double(q.size(-1)));
  if (can_fuse(c, grouped)) return fused(c).release();
  if (c.causal && c.mask.defined())
    fail_runtime("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True");
  if (grouped && q.ndim() > 2 && k.ndim() > 2 && v.ndim() > 2 && q.size(-3) > 0) {
    if (k.size(-3) == 0 || v.size(-3) == 0 || q.size(-3) % k.size(-3) != 0 || q.size(-3) % v.size(-3) != 0)
      fail_runtime("Number of heads in key and value must divide the number of heads in query");
    c.value = repeat_heads(v, heads_each(q, v));
    c.key = repeat_heads(k, heads_each(q, k));
  }
  if (q.numel() == 0 || k.numel() == 0 || v.numel() == 0) c.mask = Tensor();  // there is nothing to hide
  return composed(c).release();
}

const OpDef ops[] = {
    {"scaled_dot_product_attention",
     "(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False, *, "
     "float? scale=None, bool enable_gqa=False)",
     attention_op, kFunction, Kind::Other,
     "softmax(scale query keyᵀ + attn_mask) value for query [*, heads, queries, depth], key and value [*, heads, keys, "
     "depth]; the scale is 1/sqrt(depth) if not given. A mask of truth values hides keys where it is false, is_causal "
     "those after the query's own place, and dropout_p leaves weights out. enable_gqa: heads of queries share heads of "
     "keys and values, as many each. A query from which everything is hidden has a result of 0."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
