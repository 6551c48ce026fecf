#include "kernels/norm.h"

#include "kernels/lanes.h"
#include "kernels/level.h"

namespace rl {
namespace {

using std::int64_t;

constexpr int64_t kBlock = 2048;  // elements that are summed in their own type

/// Sums of f(i, mask) over [0, n) in blocks: `f(vectors, start)` gives the terms of one vector of lanes, `tail(i)` of
/// one element. Two sums at once.
template <class T, class F, class G>
inline void sum_blocks(int64_t n, double* s0, double* s1, F&& lanes, G&& tail) {
  using V = Lanes<T>;
  constexpr int64_t w = kLanes<T>;
  const auto plus = [](T a, T b) { return a + b; };
  for (int64_t start = 0; start < n; start += kBlock) {
    const int64_t end = start + kBlock < n ? start + kBlock : n;
    V a0{}, a1{}, b0{}, b1{};
    int64_t i = start;
    for (; i + 2 * w <= end; i += 2 * w) {
      lanes(i, a0, b0);
      lanes(i + w, a1, b1);
    }
    if (i + w <= end) {
      lanes(i, a0, b0);
      i += w;
    }
    T x = fold_lanes<T>(V(a0 + a1), plus), y = fold_lanes<T>(V(b0 + b1), plus);
    for (; i < end; ++i) tail(i, x, y);
    *s0 += double(x);
    *s1 += double(y);
  }
}

template <class T>
double sum_run(const T* x, int64_t n) {
  using V = Lanes<T>;
  double s = 0, unused = 0;
  sum_blocks<T>(
      n, &s, &unused, [&](int64_t i, V& a, V&) { a += load_lanes<V>(x + i); }, [&](int64_t i, T& a, T&) { a += x[i]; });
  return s;
}
template <class T>
double squares_run(const T* x, int64_t n, T mean) {
  using V = Lanes<T>;
  double s = 0, unused = 0;
  sum_blocks<T>(
      n, &s, &unused,
      [&](int64_t i, V& a, V&) {
        const V d = load_lanes<V>(x + i) - mean;
        a += d * d;
      },
      [&](int64_t i, T& a, T&) { a += (x[i] - mean) * (x[i] - mean); });
  return s;
}

template <class T>
void moments(const void* data, const Runs& r, double* mean, double* squares) {
  const T* x = static_cast<const T*>(data);
  double s = 0, q = 0;
  for (int64_t k = 0; k < r.count; ++k) s += sum_run(x + k * r.step, r.n);
  *mean = s / double(r.n * r.count);
  for (int64_t k = 0; k < r.count; ++k) q += squares_run(x + k * r.step, r.n, T(*mean));
  *squares = q;
}

template <class T>
void dots(const void* grad, const void* data, const Runs& r, double center, double* sum, double* dot) {
  using V = Lanes<T>;
  const T mean = T(center);
  *sum = *dot = 0;
  for (int64_t k = 0; k < r.count; ++k) {
    const T *g = static_cast<const T*>(grad) + k * r.step, *x = static_cast<const T*>(data) + k * r.step;
    sum_blocks<T>(
        r.n, sum, dot,
        [&](int64_t i, V& a, V& b) {
          const V v = load_lanes<V>(g + i);
          a += v;
          b += v * (load_lanes<V>(x + i) - mean);
        },
        [&](int64_t i, T& a, T& b) {
          a += g[i];
          b += g[i] * (x[i] - mean);
        });
  }
}

template <class T>
void affine(const void* data, void* out, const Runs& r, double a_, double b_) {
  const T a = T(a_), b = T(b_);
  for (int64_t k = 0; k < r.count; ++k) {
    const T* x = static_cast<const T*>(data) + k * r.step;
    T* y = static_cast<T*>(out) + k * r.step;
#pragma GCC ivdep
    for (int64_t i = 0; i < r.n; ++i) y[i] = a * x[i] + b;
  }
}
template <class T>
void combine(const void* grad, const void* data, void* out, const Runs& r, double a_, double b_, double c_) {
  const T a = T(a_), b = T(b_), c = T(c_);
  for (int64_t k = 0; k < r.count; ++k) {
    const T *g = static_cast<const T*>(grad) + k * r.step, *x = static_cast<const T*>(data) + k * r.step;
    T* y = static_cast<T*>(out) + k * r.step;
#pragma GCC ivdep
    for (int64_t i = 0; i < r.n; ++i) y[i] = a * g[i] + b * x[i] + c;
  }
}

template <class T>
void rows(const NormRows& r, const void* data, void* out, double eps, void* means, void* rstds) {
  const T *weight = static_cast<const T*>(r.weight), *bias = static_cast<const T*>(r.bias);
  const int64_t n = r.n;
  for (int64_t k = 0; k < r.rows; ++k) {
    const T* __restrict x = static_cast<const T*>(data) + k * n;
    T* __restrict y = static_cast<T*>(out) + k * n;
    const T mean = r.centered && n > 0 ? T(sum_run(x, n) / double(n)) : T(0);
    const T rstd = T(1 / __builtin_sqrt(squares_run(x, n, mean) / double(n) + eps));
    if (r.centered) static_cast<T*>(means)[k] = mean;
    static_cast<T*>(rstds)[k] = rstd;
    if (weight && bias) {
      for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * rstd * weight[i] + bias[i];
    } else if (weight) {
      for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * rstd * weight[i];
    } else if (bias) {
      for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * rstd + bias[i];
    } else {
      for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * rstd;
    }
  }
}

/// The sums of g weight and g weight (x - mean) of one row; and its part of dw and db where `Params` says so.
template <class T, bool Weight, bool Params>
void row_sums(const T* g, const T* x, const T* weight, T mean, T rstd, T* dw, T* db, int64_t n, double* sum,
              double* dot) {
  using V = Lanes<T>;
  sum_blocks<T>(
      n, sum, dot,
      [&](int64_t i, V& a, V& b) {
        V v = load_lanes<V>(g + i);
        const V d = load_lanes<V>(x + i) - mean;
        if constexpr (Params) {
          store_lanes(dw + i, V(load_lanes<V>(dw + i) + v * (d * rstd)));
          store_lanes(db + i, V(load_lanes<V>(db + i) + v));
        }
        if constexpr (Weight) v = v * load_lanes<V>(weight + i);
        a += v;
        b += v * d;
      },
      [&](int64_t i, T& a, T& b) {
        T v = g[i];
        const T d = x[i] - mean;
        if constexpr (Params) {
          dw[i] += v * (d * rstd);
          db[i] += v;
        }
        if constexpr (Weight) v = v * weight[i];
        a += v;
        b += v * d;
      });
}

template <class T>
void rows_backward(const NormRows& r, const void* grad, const void* data, const void* means, const void* rstds,
                   void* out, void* dw_, void* db_) {
  const T* weight = static_cast<const T*>(r.weight);
  T *dw = static_cast<T*>(dw_), *db = static_cast<T*>(db_);
  const int64_t n = r.n;
  for (int64_t k = 0; k < r.rows; ++k) {
    const T *g = static_cast<const T*>(grad) + k * n, *x = static_cast<const T*>(data) + k * n;
    const T mean = r.centered ? static_cast<const T*>(means)[k] : T(0), rstd = static_cast<const T*>(rstds)[k];
    double sum = 0, dot = 0;
    if (weight && dw) {
      row_sums<T, true, true>(g, x, weight, mean, rstd, dw, db, n, &sum, &dot);
    } else if (weight) {
      row_sums<T, true, false>(g, x, weight, mean, rstd, dw, db, n, &sum, &dot);
    } else if (dw) {
      row_sums<T, false, true>(g, x, weight, mean, rstd, dw, db, n, &sum, &dot);
    } else {
      row_sums<T, false, false>(g, x, weight, mean, rstd, dw, db, n, &sum, &dot);
    }
    if (!out) continue;
    // rstd (g w - its mean - x^ (the mean of g w x^)), as a g w + b x + c
    const T b = T(-dot / double(n) * double(rstd) * double(rstd) * double(rstd));
    const T c = T((r.centered ? -sum / double(n) * double(rstd) : 0) - double(b) * double(mean));
    T* __restrict y = static_cast<T*>(out) + k * n;
    if (weight) {
      for (int64_t i = 0; i < n; ++i) y[i] = rstd * (g[i] * weight[i]) + (b * x[i] + c);
    } else {
      for (int64_t i = 0; i < n; ++i) y[i] = rstd * g[i] + (b * x[i] + c);
    }
  }
}

template <class T>
void column_sums(const void* grad, const void* data, int64_t rows, int64_t n, const double* mean, double* sum,
                 double* dot) {
  constexpr int64_t width = 4 * kLanes<T>;
  const T *g = static_cast<const T*>(grad), *x = static_cast<const T*>(data);
  for (int64_t c = 0; c < n; c += width) {
    const int64_t m = n - c < width ? n - c : width;
    T center[width] = {};
    if (mean)
      for (int64_t j = 0; j < m; ++j) center[j] = T(mean[c + j]);
    for (int64_t start = 0; start < rows; start += 256) {
      const int64_t end = start + 256 < rows ? start + 256 : rows;
      T s[width] = {}, d[width] = {};
      const auto each = [&](int64_t count) {
        for (int64_t k = start; k < end; ++k) {
          const T *xs = x + k * n + c, *gs = g ? g + k * n + c : nullptr;
          if (g) {
            for (int64_t j = 0; j < count; ++j) {
              s[j] += gs[j];
              d[j] += gs[j] * (xs[j] - center[j]);
            }
          } else if (mean) {
            for (int64_t j = 0; j < count; ++j) s[j] += (xs[j] - center[j]) * (xs[j] - center[j]);
          } else {
            for (int64_t j = 0; j < count; ++j) s[j] += xs[j];
          }
        }
      };
      if (m == width)
        each(width);
      else
        each(m);
      for (int64_t j = 0; j < m; ++j) {
        sum[c + j] += double(s[j]);
        if (g) dot[c + j] += double(d[j]);
      }
    }
  }
}

template <class T>
void column_affine(const void* data, void* out, int64_t rows, int64_t n, const void* a_, const void* b_) {
  const T* __restrict a = static_cast<const T*>(a_);
  const T* __restrict b = static_cast<const T*>(b_);
  for (int64_t k = 0; k < rows; ++k) {
    const T* __restrict x = static_cast<const T*>(data) + k * n;
    T* __restrict y = static_cast<T*>(out) + k * n;
    for (int64_t i = 0; i < n; ++i) y[i] = a[i] * x[i] + b[i];
  }
}
template <class T>
void column_combine(const void* grad, const void* data, void* out, int64_t rows, int64_t n, const void* a_,
                    const void* b_, const void* c_) {
  const T *a = static_cast<const T*>(a_), *b = static_cast<const T*>(b_), *c = static_cast<const T*>(c_);
  for (int64_t k = 0; k < rows; ++k) {
    const T *g = static_cast<const T*>(grad) + k * n, *x = static_cast<const T*>(data) + k * n;
    T* y = static_cast<T*>(out) + k * n;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) y[i] = a[i] * g[i] + b[i] * x[i] + c[i];
  }
}

template <class T>
void add(void* y_, const void* x_, int64_t n) {
  T* __restrict y = static_cast<T*>(y_);
  const T* __restrict x = static_cast<const T*>(x_);
  for (int64_t i = 0; i < n; ++i) y[i] += x[i];
}

template <class T>
NormLoops loops() {
  return {moments<T>,       dots<T>,        affine<T>,        combine<T>,        rows<T>,
          rows_backward<T>, column_sums<T>, column_affine<T>, column_combine<T>, add<T>};
}

}  // namespace

void fill_norm(NormTable& t) {
  t.single = loops<float>();
  t.twice = loops<double>();
}

}  // namespace rl
