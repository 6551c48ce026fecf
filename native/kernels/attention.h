// Attention on raw memory: softmax(scale Q Kᵀ + mask) V, without ever holding all weights.
#pragma once

#include "base/dtype.h"
#include "kernels/attention_table.h"

namespace rl {

/// [batch, heads, rows, depth] with contiguous rows; steps in elements.
struct Heads {
  void* data = nullptr;
  std::int64_t batch = 0, head = 0, row = 0;
};

/// What both passes are given. Query head h reads key head h / (heads / key_heads). All but the mask are of one dtype,
/// Float or Double, as is the mask where there is one (null data: none), which is added to the scaled products and may
/// have steps of 0. A query that sees no key at all has a result of 0.
struct Attention {
  std::int64_t batch = 0, heads = 0, key_heads = 0, queries = 0, keys = 0, depth = 0;
  Heads q, k, v, out;
  Heads mask;
  std::int64_t mask_column = 0;
  double scale = 1;
  bool causal = false;        // query i sees keys 0 … i
  void* logsumexp = nullptr;  // [batch, heads, queries]: of each query's scaled and masked products
};
/// Writes `out` and `logsumexp`.
void attention(DType dtype, const Attention& a);
/// Writes the gradients of q, k and v, each contiguous, from the gradient of `out`.
void attention_backward(DType dtype, const Attention& a, const Heads& grad, void* grad_q, void* grad_k, void* grad_v);

}  // namespace rl
