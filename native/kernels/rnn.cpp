#include "kernels/rnn.h"

#include "kernels/lanes.h"
#include "kernels/level.h"
#include "kernels/loop.h"
#include "kernels/vmath.h"

namespace rl {
namespace {

using std::int64_t;

template <class T>
void lstm(void* gates, void* c_, void* before_, void* bent_, void* h_, int64_t rows, int64_t size) {
  for (int64_t r = 0; r < rows; ++r) {
    T* __restrict i = static_cast<T*>(gates) + r * 4 * size;
    T* __restrict f = i + size;
    T* __restrict g = f + size;
    T* __restrict o = g + size;
    T* __restrict c = static_cast<T*>(c_) + r * size;
    T* __restrict before = static_cast<T*>(before_) + r * size;
    T* __restrict bent = static_cast<T*>(bent_) + r * size;
    T* __restrict h = static_cast<T*>(h_) + r * size;
#pragma GCC ivdep
    for (int64_t k = 0; k < size; ++k) {
      const T a = vm::sigmoid(i[k]), b = vm::sigmoid(f[k]), n = vm::tanh(g[k]), e = vm::sigmoid(o[k]);
      i[k] = a;
      f[k] = b;
      g[k] = n;
      o[k] = e;
      before[k] = c[k];
      const T next = b * c[k] + a * n;
      c[k] = next;
      const T t = vm::tanh(next);
      bent[k] = t;
      h[k] = e * t;
    }
  }
}

template <class T>
void lstm_backward(const void* gates, const void* before_, const void* bent_, const void* dh_, void* dc_, void* dgates,
                   int64_t rows, int64_t size) {
  for (int64_t r = 0; r < rows; ++r) {
    const T *i = static_cast<const T*>(gates) + r * 4 * size, *f = i + size, *g = f + size, *o = g + size;
    const T* before = static_cast<const T*>(before_) + r * size;
    const T* bent = static_cast<const T*>(bent_) + r * size;
    const T* dh = static_cast<const T*>(dh_) + r * size;
    T* __restrict dc = static_cast<T*>(dc_) + r * size;
    T* __restrict di = static_cast<T*>(dgates) + r * 4 * size;
    T* __restrict df = di + size;
    T* __restrict dg = df + size;
    T* __restrict out = dg + size;
#pragma GCC ivdep
    for (int64_t k = 0; k < size; ++k) {
      const T d = dc[k] + dh[k] * o[k] * (T(1) - bent[k] * bent[k]);
      out[k] = dh[k] * bent[k] * o[k] * (T(1) - o[k]);
      di[k] = d * g[k] * i[k] * (T(1) - i[k]);
      df[k] = d * before[k] * f[k] * (T(1) - f[k]);
      dg[k] = d * i[k] * (T(1) - g[k] * g[k]);
      dc[k] = d * f[k];
    }
  }
}

template <class T>
void gru(void* of_x, const void* of_h, void* h_, void* before_, int64_t rows, int64_t size) {
  for (int64_t row = 0; row < rows; ++row) {
    T* __restrict r = static_cast<T*>(of_x) + row * 3 * size;
    T* __restrict z = r + size;
    T* __restrict n = z + size;
    const T* __restrict hr = static_cast<const T*>(of_h) + row * 3 * size;
    const T* __restrict hz = hr + size;
    const T* __restrict hn = hz + size;
    T* __restrict h = static_cast<T*>(h_) + row * size;
    T* __restrict before = static_cast<T*>(before_) + row * size;
#pragma GCC ivdep
    for (int64_t k = 0; k < size; ++k) {
      const T a = vm::sigmoid(r[k] + hr[k]), b = vm::sigmoid(z[k] + hz[k]), m = vm::tanh(n[k] + a * hn[k]);
      r[k] = a;
      z[k] = b;
      n[k] = m;
      before[k] = h[k];
      h[k] = (h[k] - m) * b + m;
    }
  }
}

template <class T>
void gru_backward(const void* of_x, const void* of_h, const void* before_, void* dh_, void* dx_, void* dg_,
                  int64_t rows, int64_t size) {
  for (int64_t row = 0; row < rows; ++row) {
    const T *r = static_cast<const T*>(of_x) + row * 3 * size, *z = r + size, *n = z + size;
    const T* hn = static_cast<const T*>(of_h) + row * 3 * size + 2 * size;
    const T* before = static_cast<const T*>(before_) + row * size;
    T* __restrict dh = static_cast<T*>(dh_) + row * size;
    T* __restrict xr = static_cast<T*>(dx_) + row * 3 * size;
    T* __restrict xz = xr + size;
    T* __restrict xn = xz + size;
    T* __restrict gr = static_cast<T*>(dg_) + row * 3 * size;
    T* __restrict gz = gr + size;
    T* __restrict gn = gz + size;
#pragma GCC ivdep
    for (int64_t k = 0; k < size; ++k) {
      const T d = dh[k], m = d * (T(1) - z[k]) * (T(1) - n[k] * n[k]);
      const T update = d * (before[k] - n[k]) * z[k] * (T(1) - z[k]), reset = m * hn[k] * r[k] * (T(1) - r[k]);
      xr[k] = reset;
      xz[k] = update;
      xn[k] = m;
      gr[k] = reset;
      gz[k] = update;
      gn[k] = m * r[k];
      dh[k] = d * z[k];
    }
  }
}

template <class T>
void plain(bool tanh, const void* sum, void* h_, int64_t n) {
  const T* __restrict x = static_cast<const T*>(sum);
  T* __restrict h = static_cast<T*>(h_);
  if (tanh) {
    for (int64_t i = 0; i < n; ++i) h[i] = vm::tanh(x[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) h[i] = x[i] < T(0) ? T(0) : x[i];
  }
}
template <class T>
void plain_backward(bool tanh, const void* h_, const void* dh_, void* out, int64_t n) {
  const T* __restrict h = static_cast<const T*>(h_);
  const T* __restrict dh = static_cast<const T*>(dh_);
  T* __restrict d = static_cast<T*>(out);
  if (tanh) {
    for (int64_t i = 0; i < n; ++i) d[i] = dh[i] * (T(1) - h[i] * h[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) d[i] = h[i] > T(0) ? dh[i] : T(0);
  }
}

/// Rows R, vectors W of the product; `b` and `c` have n columns, `a` has k.
template <class T, int R, int W>
inline void block(const T* a, const T* b, T* c, int64_t n, int64_t k) {
  using V = Lanes<T>;
  constexpr int64_t w = kLanes<T>;
  V sum[R][W];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < W; ++v) sum[r][v] = load_lanes<V>(c + r * n + v * w);
  for (int64_t p = 0; p < k; ++p) {
    V line[W];
    for (int v = 0; v < W; ++v) line[v] = load_lanes<V>(b + p * n + v * w);
    for (int r = 0; r < R; ++r) {
      const T factor = a[r * k + p];
      for (int v = 0; v < W; ++v) sum[r][v] += line[v] * factor;
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < W; ++v) store_lanes(c + r * n + v * w, sum[r][v]);
}
template <class T>
void product(const void* a_, const void* b_, void* c_, int64_t m, int64_t n, int64_t k) {
  constexpr int rows = kLaneBytes == 64 ? 8 : 4;
  constexpr int64_t w = kLanes<T>;
  const T *a = static_cast<const T*>(a_), *b = static_cast<const T*>(b_);
  T* c = static_cast<T*>(c_);
  int64_t j = 0;
  for (; j + 2 * w <= n; j += 2 * w) {
    int64_t i = 0;
    for (; i + rows <= m; i += rows) block<T, rows, 2>(a + i * k, b + j, c + i * n + j, n, k);
    for (; i + 2 <= m; i += 2) block<T, 2, 2>(a + i * k, b + j, c + i * n + j, n, k);
    if (i < m) block<T, 1, 2>(a + i * k, b + j, c + i * n + j, n, k);
  }
  for (; j < n; ++j) {
    for (int64_t i = 0; i < m; ++i) {
      T sum = c[i * n + j];
      for (int64_t p = 0; p < k; ++p) sum += a[i * k + p] * b[p * n + j];
      c[i * n + j] = sum;
    }
  }
}

template <class T>
RnnLoops loops() {
  return {lstm<T>, lstm_backward<T>, gru<T>, gru_backward<T>, plain<T>, plain_backward<T>, product<T>};
}

}  // namespace

void fill_rnn(RnnTable& t) {
  t.single = loops<float>();
  t.twice = loops<double>();
}

}  // namespace rl
