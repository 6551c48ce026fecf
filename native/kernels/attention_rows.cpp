// Attention: from products to weights and back, row by row.
#include "kernels/attention_table.h"
#include "kernels/lanes.h"
#include "kernels/level.h"

namespace rl {
namespace {

template <class T>
inline T sum_lanes(Lanes<T> v) {
  return fold_lanes<T>(v, [](T a, T b) { return a + b; });
}

constexpr double kInfinity = __builtin_inf();

/// How many columns row r sees; the weights of the others are set to 0.
template <class T>
inline std::int64_t seen_by(const AttentionRows& a, std::int64_t r, T* line) {
  const std::int64_t seen = a.seen + r, n = seen < 0 ? 0 : seen < a.columns ? seen : a.columns;
  for (std::int64_t i = n; i < a.columns; ++i) line[i] = T(0);
  return n;
}
/// scale s + mask, for m columns from i on of a row.
template <class T, class M>
inline Lanes<T> exponent(const AttentionRows& a, const T* line, const T* mask, std::int64_t i, M m) {
  using V = Lanes<T>;
  const V x = load_lanes<V>(line + i, m, V{}) * T(a.scale);
  if (mask == nullptr) return x;
  return x + (a.mask_column == 0 ? V{} + mask[0] : load_lanes<V>(mask + i, m, V{}));
}

/// Begins a row of which all exponents so far are -inf, or nan.
template <class T>
T start_of(const T* line, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i)
    if (line[i] != line[i]) return line[i];
  return T(-kInfinity);
}

template <class T>
void weigh(const AttentionRows& a, void* max_, void* sum_, void* factor_) {
  using V = Lanes<T>;
  const V least = V{} - T(kInfinity);
  T *const max = static_cast<T*>(max_), *const sum = static_cast<T*>(sum_), *const factor = static_cast<T*>(factor_);
  for (std::int64_t r = 0; r < a.rows; ++r) {
    T* const line = static_cast<T*>(a.scores) + r * a.step;
    const T* const mask = a.mask == nullptr ? nullptr : static_cast<const T*>(a.mask) + r * a.mask_row;
    const std::int64_t n = seen_by(a, r, line);
    V top = least;
    by_lanes<T>(n, [&](std::int64_t i, auto m) {
      store_lanes(line + i, exponent(a, line, mask, i, m), m);
      top = lane_max<T>(load_lanes<V>(line + i, m, least), top);
    });
    const T before = max[r];
    T now = fold_lanes<T>(top, [](T p, T q) { return p > q ? p : q; });
    now = now > before ? now : before;
    if (now == T(-kInfinity)) now = start_of(line, n);
    if (now == T(-kInfinity)) {
      for (std::int64_t i = 0; i < n; ++i) line[i] = T(0);
      factor[r] = T(1);
      continue;
    }
    V total{};
    by_lanes<T>(n, [&](std::int64_t i, auto m) {
      const V p = exp_lanes<T>(V(load_lanes<V>(line + i, m, least) - now));
      store_lanes(line + i, p, m);
      total += p;  // lanes beyond the end are e^-inf
    });
    factor[r] = before == T(-kInfinity) ? T(0) : T(__builtin_exp(double(before - now)));
    sum[r] = sum[r] * factor[r] + sum_lanes<T>(total);
    max[r] = now;
  }
}

template <class T>
void join(void* total_, const void* add_, const void* factor_, std::int64_t rows, std::int64_t n) {
  using V = Lanes<T>;
  T* total = static_cast<T*>(total_);
  const T *add = static_cast<const T*>(add_), *factor = static_cast<const T*>(factor_);
  for (std::int64_t r = 0; r < rows; ++r, total += n, add += n) {
    by_lanes<T>(n, [&](std::int64_t i, auto m) {
      const V sum = load_lanes<V>(total + i, m, V{}) * factor[r] + load_lanes<V>(add + i, m, V{});
      store_lanes(total + i, sum, m);
    });
  }
}

template <class T>
void add(void* total_, const void* add_, std::int64_t n) {
  T* const total = static_cast<T*>(total_);
  const T* const more = static_cast<const T*>(add_);
  for (std::int64_t i = 0; i < n; ++i) total[i] += more[i];
}

template <class T>
void finish(const void* total_, const void* max_, const void* sum_, std::int64_t rows, std::int64_t n, void* out_,
            std::int64_t step, void* logsumexp_) {
  using V = Lanes<T>;
  const T *total = static_cast<const T*>(total_), *max = static_cast<const T*>(max_),
          *sum = static_cast<const T*>(sum_);
  T *out = static_cast<T*>(out_), *logsumexp = static_cast<T*>(logsumexp_);
  for (std::int64_t r = 0; r < rows; ++r, total += n, out += step) {
    const T scale = sum[r] == T(0) ? T(0) : T(1 / sum[r]);
    by_lanes<T>(n,
                [&](std::int64_t i, auto m) { store_lanes(out + i, V(load_lanes<V>(total + i, m, V{}) * scale), m); });
    logsumexp[r] = sum[r] == T(0) ? T(-kInfinity) : T(double(max[r]) + __builtin_log(double(sum[r])));
  }
}

template <class T>
void regain(const AttentionRows& a, void* grads_, const void* logsumexp_, const void* dots_) {
  using V = Lanes<T>;
  const T *logsumexp = static_cast<const T*>(logsumexp_), *dots = static_cast<const T*>(dots_);
  for (std::int64_t r = 0; r < a.rows; ++r) {
    T* const line = static_cast<T*>(a.scores) + r * a.step;
    T* const grads = static_cast<T*>(grads_) + r * a.step;
    const T* const mask = a.mask == nullptr ? nullptr : static_cast<const T*>(a.mask) + r * a.mask_row;
    std::int64_t n = seen_by(a, r, line);
    if (logsumexp[r] == T(-kInfinity)) {
      for (std::int64_t i = 0; i < n; ++i) line[i] = T(0);
      n = 0;
    }
    for (std::int64_t i = n; i < a.columns; ++i) grads[i] = T(0);
    by_lanes<T>(n, [&](std::int64_t i, auto m) {
      const V p = exp_lanes<T>(V(exponent(a, line, mask, i, m) - logsumexp[r]));
      store_lanes(line + i, p, m);
      store_lanes(grads + i, V((load_lanes<V>(grads + i, m, V{}) - dots[r]) * p * T(a.scale)), m);
    });
  }
}

template <class T>
void dots(const void* a_, std::int64_t a_step, const void* b_, std::int64_t b_step, std::int64_t rows, std::int64_t n,
          void* dots_) {
  using V = Lanes<T>;
  const T *a = static_cast<const T*>(a_), *b = static_cast<const T*>(b_);
  T* const to = static_cast<T*>(dots_);
  for (std::int64_t r = 0; r < rows; ++r, a += a_step, b += b_step) {
    V s{};
    by_lanes<T>(n, [&](std::int64_t i, auto m) { s += load_lanes<V>(a + i, m, V{}) * load_lanes<V>(b + i, m, V{}); });
    to[r] = sum_lanes<T>(s);
  }
}

template <class T>
void fill(AttentionTable& t, int row) {
  t.weigh[row] = weigh<T>;
  t.join[row] = join<T>;
  t.add[row] = add<T>;
  t.finish[row] = finish<T>;
  t.regain[row] = regain<T>;
  t.dots[row] = dots<T>;
}

}  // namespace

void fill_attention(AttentionTable& t) {
  fill<float>(t, 0);
  fill<double>(t, 1);
}

}  // namespace rl
