// Attention: blocks of queries against blocks of keys. NOTE [Attention]: a block's products are in the nearest cache
// when they become weights, and the weights when they meet the values. What was summed before is scaled down when a
// larger exponent turns up. Keys and values stand in memory by rows; the products want them by columns, so each head's
// are transposed once. Which rows a block holds changes no bit of a result, and neither do threads, which get whole
// heads.
#include "kernels/attention.h"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/threads.h"
#include "kernels/gemm.h"
#include "kernels/table.h"

namespace rl {
namespace {

constexpr std::int64_t kQueries = 64, kKeys = 128;  // of a block
constexpr std::int64_t kPad = 16;                   // elements that keep rows from falling on the same lines of a cache

std::int64_t padded(std::int64_t n) { return (n + kPad - 1) / kPad * kPad; }

/// Rows of `depth` elements.
template <class T>
struct Rows {
  const T* data;
  std::int64_t step;
  const T* at(std::int64_t i) const { return data + i * step; }
};

template <class T>
Rows<T> head_of(const Heads& h, std::int64_t batch, std::int64_t head) {
  return {static_cast<const T*>(h.data) + batch * h.batch + head * h.head, h.row};
}

/// Hands out pieces of one block of memory, aligned to cache lines.
template <class T>
class Pieces {
 public:
  explicit Pieces(std::int64_t elements) : memory_(padded(elements) * std::int64_t(sizeof(T))) {
    next_ = reinterpret_cast<T*>(memory_.get());
  }
  T* take(std::int64_t n) { return std::exchange(next_, next_ + padded(n)); }

 private:
  Scratch memory_;
  T* next_;
};

/// Rows without gaps, so that blocks of them stay in the cache.
template <class T>
Rows<T> dense(Rows<T> rows, std::int64_t n, std::int64_t depth, T* to) {
  if (rows.step == depth) return rows;
  for (std::int64_t i = 0; i < n; ++i) std::copy_n(rows.at(i), depth, to + i * depth);
  return {to, depth};
}

template <class T>
void transpose(Rows<T> rows, std::int64_t n, std::int64_t depth, T* to, std::int64_t to_step) {
  const GemmTable& t = kernels->gemm;
  (sizeof(T) == 4 ? t.transpose4 : t.transpose8)(rows.data, rows.step, to, to_step, depth, n);
}

template <class T>
class Pass {
 public:
  explicit Pass(const Attention& a)
      : a_(a),
        depth_(a.depth),
        queries_(std::min(kQueries, a.queries)),
        keys_(std::min(kKeys, a.keys)),
        line_(padded(keys_) + (keys_ > kPad ? kPad : 0)),
        column_(padded(a.keys) + (a.keys > kPad ? kPad : 0)) {}

  /// The results of queries [begin, end) of a head.
  void forward(std::int64_t batch, std::int64_t head, std::int64_t begin, std::int64_t end) {
    if (begin >= end) return;
    const std::int64_t d = depth_, key_head = head / (a_.heads / a_.key_heads);
    const Rows<T> q = head_of<T>(a_.q, batch, head), k = head_of<T>(a_.k, batch, key_head);
    Rows<T> v = head_of<T>(a_.v, batch, key_head);
    Pieces<T> memory(d * column_ + queries_ * line_ + 2 * padded(queries_ * d) + 3 * padded(queries_) +
                     (v.step == d ? 0 : padded(a_.keys * d)));
    T *const columns = memory.take(d * column_), *const scores = memory.take(queries_ * line_),
             *const total = memory.take(queries_ * d), *const add = memory.take(queries_ * d),
             *const max = memory.take(queries_), *const sum = memory.take(queries_),
             *const factor = memory.take(queries_);
    if (v.step != d) v = dense(v, a_.keys, d, memory.take(a_.keys * d));
    transpose(k, a_.keys, d, columns, column_);
    T* const out = static_cast<T*>(a_.out.data) + batch * a_.out.batch + head * a_.out.head;
    T* const logsumexp = static_cast<T*>(a_.logsumexp) + (batch * a_.heads + head) * a_.queries;
    for (std::int64_t i = begin; i < end; i += queries_) {
      const std::int64_t m = std::min(queries_, end - i), seen = a_.causal ? std::min(i + m, a_.keys) : a_.keys;
      std::fill_n(max, m, -std::numeric_limits<T>::infinity());
      std::fill_n(sum, m, T(0));
      for (std::int64_t j = 0; j < seen; j += keys_) {
        const std::int64_t n = std::min(keys_, seen - j);
        multiply(m, n, d, {q.at(i), q.step, 1}, {columns + j, column_, 1}, scores, line_);
        kernels->attention.weigh[kRow](rows_of(scores, batch, head, i, m, j, n), max, sum, factor);
        multiply(m, d, n, {scores, line_, 1}, {v.at(j), d, 1}, j == 0 ? total : add, d);
        if (j > 0) kernels->attention.join[kRow](total, add, factor, m, d);
      }
      kernels->attention.finish[kRow](total, max, sum, m, d, out + i * a_.out.row, a_.out.row, logsumexp + i);
    }
  }

  /// The gradients of one head of keys and of the queries that read it.
  void backward(std::int64_t batch, std::int64_t key_head, const Heads& grad, T* grad_q, T* grad_k, T* grad_v) {
    const std::int64_t d = depth_, group = a_.heads / a_.key_heads, nq = a_.queries, nk = a_.keys;
    Pieces<T> memory(2 * d * column_ + 2 * queries_ * line_ + padded(std::max(queries_, keys_) * d) +
                     group * padded(nq) + padded(nk * d) + 2 * group * padded(nq * d));
    T *const key_columns = memory.take(d * column_), *const value_columns = memory.take(d * column_),
             *const weights = memory.take(queries_ * line_), *const grads = memory.take(queries_ * line_),
             *const add = memory.take(std::max(queries_, keys_) * d);
    const Rows<T> v = head_of<T>(a_.v, batch, key_head);
    const Rows<T> k = dense(head_of<T>(a_.k, batch, key_head), nk, d, memory.take(nk * d));
    transpose(k, nk, d, key_columns, column_);
    transpose(v, nk, d, value_columns, column_);
    const std::int64_t stride = padded(nq * d);
    T *const dots = memory.take(group * padded(nq)), *const queries = memory.take(group * stride),
             *const cotangents = memory.take(group * stride);
    const auto query_of = [&](std::int64_t g) {
      return dense_or(head_of<T>(a_.q, batch, key_head * group + g), queries + g * stride);
    };
    const auto cotangent_of = [&](std::int64_t g) {
      return dense_or(head_of<T>(grad, batch, key_head * group + g), cotangents + g * stride);
    };
    for (std::int64_t g = 0; g < group; ++g) {
      const Rows<T> c = head_of<T>(grad, batch, key_head * group + g);
      const Rows<T> out = head_of<T>(a_.out, batch, key_head * group + g);
      dense(head_of<T>(a_.q, batch, key_head * group + g), nq, d, queries + g * stride);
      dense(c, nq, d, cotangents + g * stride);
      kernels->attention.dots[kRow](c.data, c.step, out.data, out.step, nq, d, dots + g * padded(nq));
    }
    T* const dk = grad_k + (batch * a_.key_heads + key_head) * nk * d;
    T* const dv = grad_v + (batch * a_.key_heads + key_head) * nk * d;
    for (std::int64_t j = 0; j < nk; j += keys_) {
      const std::int64_t n = std::min(keys_, nk - j);
      bool first = true;  // nothing has been added to these keys' gradients yet
      for (std::int64_t g = 0; g < group; ++g) {
        const std::int64_t head = key_head * group + g, place = batch * a_.heads + head;
        const Rows<T> q = query_of(g), c = cotangent_of(g);
        T* const dq = grad_q + place * nq * d;
        const T* const logsumexp = static_cast<const T*>(a_.logsumexp) + place * nq;
        // A causal query i sees key j from i = j on; the blocks before that one have no part in it.
        for (std::int64_t i = a_.causal ? j / queries_ * queries_ : 0; i < nq; i += queries_) {
          const std::int64_t m = std::min(queries_, nq - i);
          multiply(m, n, d, {q.at(i), d, 1}, {key_columns + j, column_, 1}, weights, line_);
          multiply(m, n, d, {c.at(i), d, 1}, {value_columns + j, column_, 1}, grads, line_);
          kernels->attention.regain[kRow](rows_of(weights, batch, head, i, m, j, n), grads, logsumexp + i,
                                          dots + g * padded(nq) + i);
          accumulate(n, d, m, {weights, 1, line_}, {c.at(i), d, 1}, dv + j * d, add, first);
          accumulate(n, d, m, {grads, 1, line_}, {q.at(i), d, 1}, dk + j * d, add, first);
          accumulate(m, d, n, {grads, line_, 1}, {k.at(j), d, 1}, dq + i * d, add, j == 0);
          first = false;
        }
      }
      if (first) {
        std::fill_n(dk + j * d, n * d, T(0));
        std::fill_n(dv + j * d, n * d, T(0));
      }
    }
  }

 private:
  static constexpr int kRow = std::is_same_v<T, double> ? 1 : 0;

  Rows<T> dense_or(Rows<T> rows, const T* copy) const { return rows.step == depth_ ? rows : Rows<T>{copy, depth_}; }
  void multiply(std::int64_t m, std::int64_t n, std::int64_t k, const Matrix& a, const Matrix& b, T* c,
                std::int64_t ldc) {
    GemmArgs g{};
    g.m = m, g.n = n, g.k = k;
    g.a = a, g.b = b;
    g.c = c, g.ldc = ldc;
    gemm_(g);
  }
  /// The product itself (`first`), or added to what is there by way of `add`.
  void accumulate(std::int64_t m, std::int64_t n, std::int64_t k, const Matrix& a, const Matrix& b, T* to, T* add,
                  bool first) {
    multiply(m, n, k, a, b, first ? to : add, n);
    if (!first) kernels->attention.add[kRow](to, add, m * n);
  }
  AttentionRows rows_of(T* scores, std::int64_t batch, std::int64_t head, std::int64_t i, std::int64_t m,
                        std::int64_t j, std::int64_t n) const {
    AttentionRows r{scores, line_, m, n, nullptr, a_.mask.row, a_.mask_column, a_.scale, n};
    if (a_.mask.data != nullptr) r.mask = head_of<T>(a_.mask, batch, head).at(i) + j * a_.mask_column;
    if (a_.causal) r.seen = i - j + 1;
    return r;
  }

  const Attention& a_;
  std::int64_t depth_, queries_, keys_;
  std::int64_t line_, column_;  // steps of rows of scores, and of the transposed keys
  SerialGemm gemm_{dtype_of<T>()};
};

template <class T>
void forward(const Attention& a) {
  // Few heads are cut into parts, at the cost of transposing the keys for each.
  const std::int64_t heads = a.batch * a.heads, blocks = (a.queries + kQueries - 1) / kQueries;
  const std::int64_t parts = std::clamp<std::int64_t>(16 / std::max<std::int64_t>(1, heads), 1, blocks);
  const std::int64_t each = (blocks + parts - 1) / parts * kQueries;
  const std::int64_t work = std::max<std::int64_t>(1, std::min(each, a.queries) * a.keys * a.depth);
  parallel_for(heads * parts, std::max<std::int64_t>(1, 4 * kGrain / work), [&](std::int64_t begin, std::int64_t end) {
    Pass<T> pass(a);
    for (std::int64_t t = begin; t < end; ++t) {
      const std::int64_t h = t / parts, from = t % parts * each;
      pass.forward(h / a.heads, h % a.heads, from, std::min(from + each, a.queries));
    }
  });
}

template <class T>
void backward(const Attention& a, const Heads& grad, T* grad_q, T* grad_k, T* grad_v) {
  const std::int64_t work = std::max<std::int64_t>(1, a.queries * a.keys * a.depth * (a.heads / a.key_heads));
  parallel_for(a.batch * a.key_heads, std::max<std::int64_t>(1, 2 * kGrain / work),
               [&](std::int64_t begin, std::int64_t end) {
                 Pass<T> pass(a);
                 for (std::int64_t h = begin; h < end; ++h)
                   pass.backward(h / a.key_heads, h % a.key_heads, grad, grad_q, grad_k, grad_v);
               });
}

}  // namespace

void attention(DType dtype, const Attention& a) { dtype == DType::Float ? forward<float>(a) : forward<double>(a); }

void attention_backward(DType dtype, const Attention& a, const Heads& grad, void* grad_q, void* grad_k, void* grad_v) {
  if (dtype == DType::Float)
    backward<float>(a, grad, static_cast<float*>(grad_q), static_cast<float*>(grad_k), static_cast<float*>(grad_v));
  else
    backward<double>(a, grad, static_cast<double*>(grad_q), static_cast<double*>(grad_k), static_cast<double*>(grad_v));
}

}  // namespace rl
