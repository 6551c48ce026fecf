#include "kernels/linalg.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "base/threads.h"
#include "kernels/scratch.h"

namespace rl {

Lapack lapack;

namespace {

using std::int32_t;
using std::int64_t;

template <class T>
struct RealOf {
  using type = T;
};
template <class T>
struct RealOf<cplx<T>> {
  using type = T;
};
template <class T>
using real_t = typename RealOf<T>::type;

template <class T>
T conjugate(T x) {
  if constexpr (is_complex_v<T>)
    return {x.re, -x.im};
  else
    return x;
}
template <class T>
real_t<T> real_part(T x) {
  if constexpr (is_complex_v<T>)
    return x.re;
  else
    return x;
}
/// LAPACK's measure when it looks for pivots.
template <class T>
real_t<T> size_of(T x) {
  if constexpr (is_complex_v<T>)
    return std::abs(x.re) + std::abs(x.im);
  else
    return std::abs(x);
}

template <class F>
void with_type(DType d, F&& f) {
  switch (d) {
    case DType::Float: return f(Tag<float>{});
    case DType::Double: return f(Tag<double>{});
    case DType::CFloat: return f(Tag<cfloat>{});
    default: return f(Tag<cdouble>{});
  }
}

/// Calls `f(i)` for the members of a batch; several threads share them where each is small, for LAPACK has its own.
template <class F>
void for_members(int64_t count, int64_t work, bool small, F&& f) {
  const int64_t grain = small ? std::max<int64_t>(1, 8 * kGrain / std::max<int64_t>(work, 1)) : count;
  parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

// --- LAPACK's routines
// -----------------------------------------------------------------------------------------------------

template <class T>
constexpr int type_index() {
  return std::is_same_v<T, float> ? 0 : std::is_same_v<T, double> ? 1 : std::is_same_v<T, cfloat> ? 2 : 3;
}
template <class T, class... A>
void call(Lapack::Name name, A... a) {
  reinterpret_cast<void (*)(A...)>(lapack.routines[name][type_index<T>()])(a...);
}
/// The size of a workspace as LAPACK answers a query for it.
template <class T>
int queried(T x) {
  return std::max(1, int(real_part(x)));
}
bool use_loops(int64_t order) { return order <= kSmallMatrix || !lapack.complete; }

/// Calls `f` with an order that the compiler knows where it is small, else with the number itself.
template <class F>
decltype(auto) with_order(int64_t n, F&& f) {
  switch (n) {
    case 2: return f(std::integral_constant<int64_t, 2>());
    case 3: return f(std::integral_constant<int64_t, 3>());
    case 4: return f(std::integral_constant<int64_t, 4>());
    case 5: return f(std::integral_constant<int64_t, 5>());
    case 6: return f(std::integral_constant<int64_t, 6>());
    case 8: return f(std::integral_constant<int64_t, 8>());
    default: return f(n);
  }
}

// --- LU
// --------------------------------------------------------------------------------------------------------------------

template <class T, class M, class N>
int32_t lu_loops(M m, N n, T* a, int32_t* pivots) {
  int32_t info = 0;
  const int64_t k = std::min<int64_t>(m, n);
  for (int64_t j = 0; j < k; ++j) {
    T* column = a + j * m;
    int64_t p = j;
    for (int64_t i = j + 1; i < m; ++i) {
      if (size_of(column[i]) > size_of(column[p])) p = i;
    }
    pivots[j] = int32_t(p + 1);
    if (column[p] == T(0)) {
      if (info == 0) info = int32_t(j + 1);
      continue;
    }
    if (p != j) {
      for (int64_t c = 0; c < n; ++c) std::swap(a[j + c * m], a[p + c * m]);
    }
    const T pivot = column[j];
    for (int64_t i = j + 1; i < m; ++i) column[i] = column[i] / pivot;
    for (int64_t c = j + 1; c < n; ++c) {
      T* to = a + c * m;
      const T f = to[j];
      for (int64_t i = j + 1; i < m; ++i) to[i] = to[i] - column[i] * f;
    }
  }
  return info;
}

/// Exchanges rows of b [n, k] as the pivots say, or back.
template <class T>
void exchange(int64_t n, int64_t k, const int32_t* pivots, T* b, bool back) {
  for (int64_t s = 0; s < n; ++s) {
    const int64_t i = back ? n - 1 - s : s, p = pivots[i] - 1;
    if (p == i) continue;
    for (int64_t c = 0; c < k; ++c) std::swap(b[i + c * n], b[p + c * n]);
  }
}

// --- triangular systems
// --------------------------------------------------------------------------------------------------------------

template <class T, class N>
void triangular_loops(bool upper, Form form, bool unit, N n, int64_t k, const T* a, int64_t lda, T* b) {
  for (int64_t c = 0; c < k; ++c, b += n) {
    if (form == Form::Plain) {
      for (int64_t s = 0; s < n; ++s) {
        const int64_t j = upper ? n - 1 - s : s;
        const T* column = a + j * lda;
        if (!unit) b[j] = b[j] / column[j];
        const T x = b[j];
        const int64_t begin = upper ? 0 : j + 1, end = upper ? j : n;
        for (int64_t i = begin; i < end; ++i) b[i] = b[i] - column[i] * x;
      }
      continue;
    }
    const bool conj = form == Form::Adjoint;
    for (int64_t s = 0; s < n; ++s) {
      const int64_t j = upper ? s : n - 1 - s;
      const T* column = a + j * lda;
      T x = b[j];
      const int64_t begin = upper ? 0 : j + 1, end = upper ? j : n;
      for (int64_t i = begin; i < end; ++i) x = x - (conj ? conjugate(column[i]) : column[i]) * b[i];
      b[j] = unit ? x : x / (conj ? conjugate(column[j]) : column[j]);
    }
  }
}

template <class T>
void triangular_one(bool upper, Form form, bool unit, int64_t n, int64_t k, const T* a, int64_t lda, T* b) {
  if (use_loops(n)) {
    return with_order(n, [&](auto order) { triangular_loops(upper, form, unit, order, k, a, lda, b); });
  }
  char side = 'L', uplo = upper ? 'U' : 'L', trans = char(form), diagonal = unit ? 'U' : 'N';
  int rows = int(n), columns = int(k), distance = int(lda);
  T one(1);
  call<T>(Lapack::Trsm, &side, &uplo, &trans, &diagonal, &rows, &columns, &one, const_cast<T*>(a), &distance, b, &rows);
}

template <class T>
void lu_solve_one(Form form, int64_t n, int64_t k, const T* lu, const int32_t* pivots, T* b) {
  if (!use_loops(n)) {
    char trans = char(form);
    int order = int(n), columns = int(k), info = 0;
    call<T>(Lapack::Getrs, &trans, &order, &columns, const_cast<T*>(lu), &order, const_cast<int32_t*>(pivots), b,
            &order, &info);
    return;
  }
  with_order(n, [&](auto order) {
    if (form == Form::Plain) {
      exchange(order, k, pivots, b, false);
      triangular_loops(false, Form::Plain, true, order, k, lu, order, b);
      triangular_loops(true, Form::Plain, false, order, k, lu, order, b);
    } else {
      triangular_loops(true, form, false, order, k, lu, order, b);
      triangular_loops(false, form, true, order, k, lu, order, b);
      exchange(order, k, pivots, b, true);
    }
  });
}

// --- Cholesky
// -------------------------------------------------------------------------------------------------------------------------

/// Column by column from those before it, so that nothing behind the first bad minor is touched.
template <class T, class N>
int32_t cholesky_loops(N n, T* a) {
  for (int64_t j = 0; j < n; ++j) {
    T* column = a + j * n;
    for (int64_t k = 0; k < j; ++k) {
      const T* done = a + k * n;
      const T f = conjugate(done[j]);
      for (int64_t i = j; i < n; ++i) column[i] = column[i] - done[i] * f;
    }
    const real_t<T> d = real_part(column[j]);
    if (!(d > 0)) return int32_t(j + 1);
    const real_t<T> root = std::sqrt(d);
    column[j] = T(root);
    for (int64_t i = j + 1; i < n; ++i) column[i] = column[i] / T(root);
  }
  return 0;
}

// --- QR
// -------------------------------------------------------------------------------------------------------------------------------

/// The norm of x [n], without overflow.
template <class T>
double norm_of(int64_t n, const T* x) {
  const auto sum = [&](double scale) {
    double s = 0;
    for (int64_t i = 0; i < n; ++i) {
      if constexpr (is_complex_v<T>) {
        const double re = double(x[i].re) * scale, im = double(x[i].im) * scale;
        s += re * re + im * im;
      } else {
        const double re = double(x[i]) * scale;
        s += re * re;
      }
    }
    return s;
  };
  const double s = sum(1);
  if constexpr (std::is_same_v<real_t<T>, double>) {
    if (!(s > 1e-280 && s < 1e280)) {
      double largest = 0;
      for (int64_t i = 0; i < n; ++i) largest = std::max(largest, double(size_of(x[i])));
      if (largest == 0 || !std::isfinite(largest)) return s;
      return std::sqrt(sum(1 / largest)) * largest;
    }
  }
  return std::sqrt(s);
}

/// a -= v (f v^H a) for the columns of a [m, n]; v[0] counts as 1.
template <class T>
void reflect(int64_t m, int64_t n, const T* v, T f, T* a, int64_t lda) {
  if (f == T(0)) return;
  for (int64_t c = 0; c < n; ++c, a += lda) {
    T s = a[0];
    for (int64_t i = 1; i < m; ++i) s = s + conjugate(v[i]) * a[i];
    s = s * f;
    a[0] = a[0] - s;
    for (int64_t i = 1; i < m; ++i) a[i] = a[i] - v[i] * s;
  }
}

template <class T>
void geqrf_loops(int64_t m, int64_t n, T* a, T* tau) {
  for (int64_t j = 0; j < std::min(m, n); ++j) {
    T* v = a + j + j * m;
    const double below = norm_of(m - j - 1, v + 1);
    T f(0);
    double re = double(real_part(v[0])), im = 0;
    if constexpr (is_complex_v<T>) im = double(v[0].im);
    if (below != 0 || im != 0) {
      const double beta = -std::copysign(std::hypot(std::hypot(re, im), below), re);
      if constexpr (is_complex_v<T>) {
        using R = real_t<T>;
        f = T(R((beta - re) / beta), R(-im / beta));
        const cdouble scale = cdouble(1) / cdouble(re - beta, im);
        for (int64_t i = 1; i < m - j; ++i) v[i] = T(cdouble(v[i]) * scale);
      } else {
        f = T((beta - re) / beta);
        for (int64_t i = 1; i < m - j; ++i) v[i] = T(double(v[i]) / (re - beta));
      }
      v[0] = T(real_t<T>(beta));
    }
    tau[j] = f;
    if (j + 1 < n) reflect(m - j, n - j - 1, v, conjugate(f), v + m, m);
  }
}

/// The first `columns` columns of the product of k reflections, whose vectors stand in a [m, …].
template <class T>
void orgqr_loops(int64_t m, int64_t columns, int64_t k, const T* a, const T* tau, T* q) {
  std::fill_n(q, m * columns, T(0));
  for (int64_t c = 0; c < columns; ++c) q[c + c * m] = T(1);
  for (int64_t j = k; j-- > 0;) reflect(m - j, columns - j, a + j + j * m, tau[j], q + j + j * m, m);
}

template <class T>
void geqrf_batch(int64_t m, int64_t n, int64_t count, T* a, T* tau) {
  const int64_t k = std::min(m, n);
  if (k == 0 || count == 0) return;
  const bool loops = use_loops(k);
  int rows = int(m), columns = int(n), size = -1, info = 0;
  T found(0);
  if (!loops) call<T>(Lapack::Geqrf, &rows, &columns, a, &rows, tau, &found, &size, &info);
  size = queried(found);
  const Scratch work(loops ? 0 : size * int64_t(sizeof(T)));
  for_members(count, 2 * m * n * k, loops, [&](int64_t i) {
    if (loops)
      geqrf_loops(m, n, a + i * m * n, tau + i * k);
    else
      call<T>(Lapack::Geqrf, &rows, &columns, a + i * m * n, &rows, tau + i * k, reinterpret_cast<T*>(work.get()),
              &size, &info);
  });
}

template <class T>
void orgqr_batch(int64_t m, int64_t columns, int64_t k, int64_t count, const T* a, int64_t a_columns, const T* tau,
                 T* q) {
  if (m == 0 || columns == 0 || count == 0) return;
  const bool loops = use_loops(k);
  int rows = int(m), wide = int(columns), reflections = int(k), size = -1, info = 0;
  T found(0);
  if (!loops) call<T>(Lapack::Orgqr, &rows, &wide, &reflections, q, &rows, const_cast<T*>(tau), &found, &size, &info);
  size = queried(found);
  const Scratch work(loops ? 0 : size * int64_t(sizeof(T)));
  for_members(count, 2 * m * columns * k, loops, [&](int64_t i) {
    const T* from = a + i * m * a_columns;
    T* to = q + i * m * columns;
    if (loops) {
      orgqr_loops(m, columns, k, from, tau + i * k, to);
      return;
    }
    const int64_t shared = std::min(columns, a_columns);
    std::copy_n(from, m * shared, to);
    std::fill_n(to + m * shared, m * (columns - shared), T(0));
    call<T>(Lapack::Orgqr, &rows, &wide, &reflections, to, &rows, const_cast<T*>(tau + i * k),
            reinterpret_cast<T*>(work.get()), &size, &info);
  });
}

// --- singular values and eigenvalues
// ------------------------------------------------------------------------------------------

template <class T>
int64_t svd_batch(char job, int64_t m, int64_t n, int64_t count, T* a, real_t<T>* s, T* u, T* vh) {
  using R = real_t<T>;
  const int64_t k = std::min(m, n), large = std::max(m, n);
  if (k == 0 || count == 0) return -1;
  const int64_t u_columns = job == 'A' ? m : k, v_rows = job == 'A' ? n : k;
  int rows = int(m), columns = int(n), ldv = int(v_rows), size = -1, info = 0;
  T found(0);
  R none(0);
  int nothing = 0;
  const auto run = [&](T* ai, R* si, T* ui, T* vi, T* work, R* real_work, int* integers) {
    if constexpr (is_complex_v<T>)
      call<T>(Lapack::Gesdd, &job, &rows, &columns, ai, &rows, si, ui, &rows, vi, &ldv, work, &size, real_work,
              integers, &info);
    else
      call<T>(Lapack::Gesdd, &job, &rows, &columns, ai, &rows, si, ui, &rows, vi, &ldv, work, &size, integers, &info);
  };
  run(a, s, u, vh, &found, &none, &nothing);
  size = queried(found);
  int64_t reals = 0;
  if constexpr (is_complex_v<T>)
    reals = job == 'N' ? 7 * k : std::max(5 * k * k + 7 * k, 2 * large * k + 2 * k * k + k);
  const Scratch work(size * int64_t(sizeof(T))), real_work(reals * int64_t(sizeof(R))),
      integers(8 * k * int64_t(sizeof(int)));
  for (int64_t i = 0; i < count; ++i) {
    run(a + i * m * n, s + i * k, job == 'N' ? u : u + i * m * u_columns, job == 'N' ? vh : vh + i * v_rows * n,
        reinterpret_cast<T*>(work.get()), reinterpret_cast<R*>(real_work.get()),
        reinterpret_cast<int*>(integers.get()));
    if (info != 0) return i;
  }
  return -1;
}

/// Turns columns j and j + 1 of z [n, …].
template <class R>
void turn(int64_t n, R c, R s, R* z, int64_t j) {
  R *x = z + j * n, *y = x + n;
  for (int64_t i = 0; i < n; ++i) {
    const R t = y[i];
    y[i] = c * t - s * x[i];
    x[i] = s * t + c * x[i];
  }
}

/// c, s, r with [c s; -s c] [f; g] = [r; 0].
template <class R>
void rotation(R f, R g, R& c, R& s, R& r) {
  if (g == 0) {
    c = 1;
    s = 0;
    r = f;
    return;
  }
  const R square = f * f + g * g;
  const bool safe = square > std::numeric_limits<R>::min() / std::numeric_limits<R>::epsilon() &&
                    square < std::numeric_limits<R>::max();
  r = std::copysign(safe ? std::sqrt(square) : std::hypot(f, g), f);
  c = f / r;
  s = g / r;
}

/// The eigenvalues of [a b; b c], that of larger size first, and its unit eigenvector (cs, sn).
template <class R>
void two_by_two(R a, R b, R c, R& first, R& second, R& cs, R& sn) {
  const R sum = a + c, difference = a - c, twice = b + b;
  const R root = std::hypot(difference, twice);
  const R larger = std::abs(a) > std::abs(c) ? a : c, smaller = std::abs(a) > std::abs(c) ? c : a;
  const bool negative = sum < 0;
  first = R(0.5) * (negative ? sum - root : sum + root);
  second = sum == 0 ? -first : (larger / first) * smaller - (b / first) * b;
  const bool down = difference < 0;
  const R v = down ? difference - root : difference + root;
  if (std::abs(v) > std::abs(twice)) {
    const R t = -twice / v;
    sn = 1 / std::sqrt(1 + t * t);
    cs = t * sn;
  } else if (twice == 0) {
    cs = 1;
    sn = 0;
  } else {
    const R t = -v / twice;
    cs = 1 / std::sqrt(1 + t * t);
    sn = t * cs;
  }
  if (negative == down) {
    const R t = cs;
    cs = -sn;
    sn = t;
  }
}

/// The eigenvalues d, ascending, of a symmetric matrix with the diagonals d [n] and e [n - 1], and its eigenvectors
/// times z [n, n], where there is one: implicit QL or QR steps from the end with the smaller entries, as LAPACK's
/// steqr. The sweep goes down where `step` is 1, up where it is -1.
template <class R>
bool tridiagonal_eigen(int64_t n, R* d, R* e, R* z) {
  constexpr R eps = std::numeric_limits<R>::epsilon() / 2, tiny = std::numeric_limits<R>::min();
  int64_t left = 30 * n;
  const auto negligible = [&](int64_t i) {
    return e[i] * e[i] <= (eps * eps * std::abs(d[i])) * std::abs(d[i + 1]) + tiny;
  };
  for (int64_t begin = 0; begin < n;) {
    int64_t end = begin;  // of an unreduced block
    while (end + 1 < n && !negligible(end)) ++end;
    if (end + 1 < n) e[end] = 0;
    const bool down = !(std::abs(d[end]) < std::abs(d[begin]));
    const int64_t step = down ? 1 : -1, last = down ? end : begin;
    int64_t l = down ? begin : end;
    begin = end + 1;
    // Entry i of e is between l and l + step.
    const auto between = [&](int64_t i) { return down ? i : i - 1; };
    while (down ? l <= last : l >= last) {
      int64_t m = l;
      while (m != last && !negligible(between(m))) m += step;
      if (m != last) e[between(m)] = 0;
      if (m == l) {
        l += step;
        continue;
      }
      if (m == l + step) {
        const int64_t low = std::min(l, m);
        R first, second, c, s;
        two_by_two(d[low], e[low], d[low + 1], first, second, c, s);
        if (z != nullptr) turn(n, c, s, z, low);
        d[low] = first;
        d[low + 1] = second;
        e[low] = 0;
        l += 2 * step;
        continue;
      }
      if (left-- == 0) return false;
      R p = d[l];
      R g = (d[l + step] - p) / (2 * e[between(l)]);
      R r = std::hypot(g, R(1));
      g = d[m] - p + e[between(l)] / (g + std::copysign(r, g));
      R c = 1, s = 1;
      p = 0;
      for (int64_t i = m - step;; i -= step) {
        const int64_t at = between(i);
        const R f = s * e[at], b = c * e[at];
        rotation(g, f, c, s, r);
        if (i != m - step) e[between(i + step)] = r;
        g = d[i + step] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + step] = g + p;
        g = c * r - b;
        if (z != nullptr) turn(n, c, down ? -s : s, z, at);
        if (i == l) break;
      }
      d[l] -= p;
      e[between(l)] = g;
    }
  }
  for (int64_t i = 0; i + 1 < n; ++i) {
    const int64_t k = std::min_element(d + i, d + n) - d;
    if (k == i) continue;
    std::swap(d[i], d[k]);
    if (z != nullptr) std::swap_ranges(z + i * n, z + (i + 1) * n, z + k * n);
  }
  return true;
}

/// Q^H A Q = T for the lower triangle of a Hermitian matrix: the diagonals of T, and the reflections of which Q is the
/// product below the first subdiagonal, with their factors tau [n - 1]. `w` [n] is for work.
template <class T>
void tridiagonalise(int64_t n, T* a, real_t<T>* d, real_t<T>* e, T* tau, T* w) {
  using R = real_t<T>;
  for (int64_t j = 0; j + 1 < n; ++j) {
    d[j] = real_part(a[j + j * n]);
    T* v = a + j + 1 + j * n;
    const int64_t m = n - j - 1;
    geqrf_loops(m, int64_t(1), v, tau + j);
    e[j] = real_part(v[0]);
    const T f = tau[j];
    if (f == T(0)) continue;
    v[0] = T(1);
    T* rest = a + (j + 1) * (n + 1);
    // w = f (A v - (f v^H A v / 2) v), then A -= v w^H + w v^H, all in the lower triangle.
    std::fill_n(w, m, T(0));
    for (int64_t c = 0; c < m; ++c) {
      const T* column = rest + c * n;
      T sum = T(real_part(column[c])) * v[c];
      for (int64_t i = c + 1; i < m; ++i) {
        w[i] = w[i] + column[i] * v[c];
        sum = sum + conjugate(column[i]) * v[i];
      }
      w[c] = w[c] + sum;
    }
    T product(0);
    for (int64_t i = 0; i < m; ++i) {
      w[i] = f * w[i];
      product = product + conjugate(w[i]) * v[i];
    }
    const T half = T(R(-0.5)) * f * product;
    for (int64_t i = 0; i < m; ++i) w[i] = w[i] + half * v[i];
    for (int64_t c = 0; c < m; ++c) {
      T* column = rest + c * n;
      const T x = conjugate(w[c]), y = conjugate(v[c]);
      for (int64_t i = c; i < m; ++i) column[i] = column[i] - v[i] * x - w[i] * y;
    }
  }
  d[n - 1] = real_part(a[(n - 1) * (n + 1)]);
}

template <class T>
bool eigh_loops(bool upper, bool vectors, int64_t n, T* a, real_t<T>* w) {
  using R = real_t<T>;
  T tau[kSmallMatrix], work[kSmallMatrix];
  R e[kSmallMatrix], z[kSmallMatrix * kSmallMatrix];
  R largest = 0;
  bool finite = true;
  for (int64_t c = 0; c < n; ++c) {
    for (int64_t i = c; i < n; ++i) {
      T& x = a[i + c * n];
      if (upper) x = conjugate(a[c + i * n]);
      finite = finite && std::isfinite(size_of(x));
      largest = std::max(largest, size_of(x));
    }
  }
  if (!finite) {
    const R nan = std::numeric_limits<R>::quiet_NaN();
    std::fill_n(w, n, nan);
    if (vectors) std::fill_n(a, n * n, T(nan));
    return true;
  }
  // The sizes whose squares and products are normal numbers.
  const R limit = std::sqrt(std::sqrt(std::numeric_limits<R>::max()));
  const bool scaled = largest != 0 && (largest > limit || largest < 1 / limit);
  if (scaled) {
    for (int64_t i = 0; i < n * n; ++i) a[i] = a[i] / T(largest);
  }
  tridiagonalise(n, a, w, e, tau, work);
  if (vectors) {
    std::fill_n(z, n * n, R(0));
    for (int64_t i = 0; i < n; ++i) z[i * (n + 1)] = 1;
  }
  if (!tridiagonal_eigen(n, w, e, vectors ? z : nullptr)) return false;
  if (scaled) {
    for (int64_t i = 0; i < n; ++i) w[i] *= largest;
  }
  if (!vectors) return true;
  T wide[kSmallMatrix * kSmallMatrix];
  for (int64_t i = 0; i < n * n; ++i) wide[i] = T(z[i]);
  for (int64_t j = n - 1; j-- > 0;) reflect(n - j - 1, n, a + j + 1 + j * n, tau[j], wide + j + 1, n);
  std::copy_n(wide, n * n, a);
  return true;
}

template <class T>
int64_t eigh_batch(bool upper, bool vectors, int64_t n, int64_t count, T* a, real_t<T>* w) {
  using R = real_t<T>;
  if (n == 0 || count == 0) return -1;
  if (n <= kSmallMatrix) {
    std::atomic<int64_t> failed = -1;
    for_members(count, 10 * n * n * n, true, [&](int64_t i) {
      if (!eigh_loops(upper, vectors, n, a + i * n * n, w + i * n)) failed = i;
    });
    return failed;
  }
  char job = vectors ? 'V' : 'N', uplo = upper ? 'U' : 'L';
  int order = int(n), info = 0;
  int sizes[3] = {-1, -1, -1};
  const auto run = [&](T* ai, R* wi, T* work, R* real_work, int* integers) {
    if constexpr (is_complex_v<T>)
      call<T>(Lapack::Syevd, &job, &uplo, &order, ai, &order, wi, work, &sizes[0], real_work, &sizes[1], integers,
              &sizes[2], &info);
    else
      call<T>(Lapack::Syevd, &job, &uplo, &order, ai, &order, wi, work, &sizes[0], integers, &sizes[2], &info);
  };
  T found(0);
  R real_found(0);
  int integer_found = 0;
  run(a, w, &found, &real_found, &integer_found);
  sizes[0] = queried(found);
  sizes[1] = queried(real_found);
  sizes[2] = std::max(1, integer_found);
  const Scratch work(sizes[0] * int64_t(sizeof(T))), real_work(sizes[1] * int64_t(sizeof(R))),
      integers(sizes[2] * int64_t(sizeof(int)));
  for (int64_t i = 0; i < count; ++i) {
    run(a + i * n * n, w + i * n, reinterpret_cast<T*>(work.get()), reinterpret_cast<R*>(real_work.get()),
        reinterpret_cast<int*>(integers.get()));
    if (info != 0) return i;
  }
  return -1;
}

template <class T>
int64_t eig_batch(int64_t n, int64_t count, T* a, cplx<real_t<T>>* w, cplx<real_t<T>>* v) {
  using R = real_t<T>;
  using C = cplx<R>;
  if (n == 0 || count == 0) return -1;
  char left = 'N', right = v != nullptr ? 'V' : 'N';
  int order = int(n), one = 1, size = -1, info = 0;
  // Real matrices: the parts of w, and v with a pair of conjugates as its real and imaginary part.
  constexpr bool kReal = !is_complex_v<T>;
  const Scratch parts(2 * n * int64_t(sizeof(R))), vectors(kReal && v != nullptr ? n * n * int64_t(sizeof(R)) : 0);
  R* re = reinterpret_cast<R*>(parts.get());
  R* im = re + n;
  T* packed = reinterpret_cast<T*>(vectors.get());
  T none(0), found(0);
  const auto run = [&](int64_t i, T* work) {
    if constexpr (kReal)
      call<T>(Lapack::Geev, &left, &right, &order, a + i * n * n, &order, re, im, &none, &one,
              packed != nullptr ? packed : &none, packed != nullptr ? &order : &one, work, &size, &info);
    else
      call<T>(Lapack::Geev, &left, &right, &order, a + i * n * n, &order, w + i * n, &none, &one,
              v != nullptr ? v + i * n * n : &none, v != nullptr ? &order : &one, work, &size, re, &info);
  };
  run(0, &found);
  size = queried(found);
  const Scratch work(size * int64_t(sizeof(T)));
  for (int64_t i = 0; i < count; ++i) {
    run(i, reinterpret_cast<T*>(work.get()));
    if (info != 0) return i;
    if constexpr (kReal) {
      for (int64_t j = 0; j < n; ++j) w[i * n + j] = C(re[j], im[j]);
      if (v == nullptr) continue;
      C* to = v + i * n * n;
      for (int64_t j = 0; j < n; ++j) {
        const R *x = packed + j * n, *y = x + n;
        if (im[j] == 0 || j + 1 == n) {
          for (int64_t r = 0; r < n; ++r) to[j * n + r] = C(x[r]);
          continue;
        }
        for (int64_t r = 0; r < n; ++r) {
          to[j * n + r] = C(x[r], y[r]);
          to[(j + 1) * n + r] = C(x[r], -y[r]);
        }
        ++j;
      }
    }
  }
  return -1;
}

template <class E, class M, class N>
void transpose(M m, N n, const E* from, E* to) {
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t i = 0; i < m; ++i) to[j * m + i] = from[i * n + j];
  }
}

}  // namespace

void rows_to_columns(int bytes, int64_t m, int64_t n, int64_t count, const void* from, void* to) {
  const auto all = [&](auto element) {
    using E = decltype(element);
    const E* x = static_cast<const E*>(from);
    E* y = static_cast<E*>(to);
    const auto run = [&](auto rows, auto columns) {
      for (int64_t i = 0; i < count; ++i) transpose(rows, columns, x + i * m * n, y + i * m * n);
    };
    if (m == n)
      with_order(n, [&](auto order) { run(order, order); });
    else
      run(m, n);
  };
  if (bytes == 4) return all(float());
  if (bytes == 8) return all(double());
  all(cdouble());
}

void lu_factor(DType d, int64_t m, int64_t n, int64_t count, void* a, int32_t* pivots, int32_t* info) {
  const int64_t k = std::min(m, n);
  const bool loops = use_loops(k);
  with_type(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for_members(count, m * n * k, loops, [&](int64_t i) {
      T* own = static_cast<T*>(a) + i * m * n;
      if (loops) {
        info[i] = m == n ? with_order(n, [&](auto order) { return lu_loops(order, order, own, pivots + i * k); })
                         : lu_loops(m, n, own, pivots + i * k);
      } else {
        int rows = int(m), columns = int(n), state = 0;
        call<T>(Lapack::Getrf, &rows, &columns, own, &rows, pivots + i * k, &state);
        info[i] = state;
      }
    });
  });
}

void lu_solve(DType d, Form form, int64_t n, int64_t k, int64_t count, const void* lu, int64_t lu_step,
              const int32_t* pivots, int64_t pivot_step, void* b) {
  with_type(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for_members(count, 2 * n * n * k, use_loops(n), [&](int64_t i) {
      lu_solve_one(form, n, k, static_cast<const T*>(lu) + i * lu_step, pivots + i * pivot_step,
                   static_cast<T*>(b) + i * n * k);
    });
  });
}

void cholesky(DType d, int64_t n, int64_t count, void* a, int32_t* info) {
  const bool loops = use_loops(n);
  with_type(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for_members(count, n * n * n, loops, [&](int64_t i) {
      T* own = static_cast<T*>(a) + i * n * n;
      if (loops) {
        info[i] = with_order(n, [&](auto order) { return cholesky_loops(order, own); });
      } else {
        char uplo = 'L';
        int order = int(n), state = 0;
        call<T>(Lapack::Potrf, &uplo, &order, own, &order, &state);
        info[i] = state;
      }
      for (int64_t c = 1; c < n; ++c) std::fill_n(own + c * n, c, T(0));
    });
  });
}

void triangular_solve(DType d, bool upper, Form form, bool unit, int64_t n, int64_t k, int64_t count, const void* a,
                      int64_t lda, int64_t a_step, void* b) {
  with_type(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for_members(count, n * n * k, use_loops(n), [&](int64_t i) {
      triangular_one(upper, form, unit, n, k, static_cast<const T*>(a) + i * a_step, lda,
                     static_cast<T*>(b) + i * n * k);
    });
  });
}

void geqrf(DType d, int64_t m, int64_t n, int64_t count, void* a, void* tau) {
  with_type(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    geqrf_batch(m, n, count, static_cast<T*>(a), static_cast<T*>(tau));
  });
}

void orgqr(DType d, int64_t m, int64_t columns, int64_t k, int64_t count, const void* a, int64_t a_columns,
           const void* tau, void* q) {
  with_type(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    orgqr_batch(m, columns, k, count, static_cast<const T*>(a), a_columns, static_cast<const T*>(tau),
                static_cast<T*>(q));
  });
}

void ormqr(DType d, bool adjoint, int64_t m, int64_t n, int64_t k, int64_t count, const void* a, int64_t a_columns,
           const void* tau, void* c) {
  with_type(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for_members(count, 4 * m * n * k, true, [&](int64_t i) {
      const T* from = static_cast<const T*>(a) + i * m * a_columns;
      const T* factors = static_cast<const T*>(tau) + i * k;
      T* to = static_cast<T*>(c) + i * m * n;
      for (int64_t s = 0; s < k; ++s) {
        const int64_t j = adjoint ? s : k - 1 - s;
        reflect(m - j, n, from + j + j * m, adjoint ? conjugate(factors[j]) : factors[j], to + j, m);
      }
    });
  });
}

void upper_part(DType d, int64_t m, int64_t n, int64_t rows, int64_t count, const void* a, void* r) {
  with_type(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < count * n; ++i) {
      const int64_t filled = std::min(i % n + 1, std::min(m, rows));
      T* to = static_cast<T*>(r) + i * rows;
      std::copy_n(static_cast<const T*>(a) + i * m, filled, to);
      std::fill_n(to + filled, rows - filled, T(0));
    }
  });
}

void ldl_factor(DType d, bool hermitian, int64_t n, int64_t count, void* a, int32_t* pivots, int32_t* info) {
  if (n == 0 || count == 0) return;
  with_type(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Lapack::Name routine = hermitian ? Lapack::Hetrf : Lapack::Sytrf;
    char uplo = 'L';
    int order = int(n), size = -1;
    T* own = static_cast<T*>(a);
    T found(0);
    call<T>(routine, &uplo, &order, own, &order, pivots, &found, &size, info);
    size = queried(found);
    const Scratch work(size * int64_t(sizeof(T)));
    for (int64_t i = 0; i < count; ++i, own += n * n) {
      call<T>(routine, &uplo, &order, own, &order, pivots + i * n, reinterpret_cast<T*>(work.get()), &size, info + i);
      for (int64_t c = 1; c < n; ++c) std::fill_n(own + c * n, c, T(0));
    }
  });
}

void ldl_solve(DType d, bool hermitian, int64_t n, int64_t k, int64_t count, const void* ld, int64_t ld_step,
               const int32_t* pivots, int64_t pivot_step, void* b) {
  with_type(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    char uplo = 'L';
    int order = int(n), columns = int(k), info = 0;
    for (int64_t i = 0; i < count; ++i)
      call<T>(hermitian ? Lapack::Hetrs : Lapack::Sytrs, &uplo, &order, &columns,
              const_cast<T*>(static_cast<const T*>(ld) + i * ld_step), &order,
              const_cast<int32_t*>(pivots + i * pivot_step), static_cast<T*>(b) + i * n * k, &order, &info);
  });
}

int64_t svd(DType d, char job, int64_t m, int64_t n, int64_t count, void* a, void* s, void* u, void* vh) {
  int64_t failed = -1;
  with_type(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    failed = svd_batch(job, m, n, count, static_cast<T*>(a), static_cast<real_t<T>*>(s), static_cast<T*>(u),
                       static_cast<T*>(vh));
  });
  return failed;
}

int64_t eigh(DType d, bool upper, bool vectors, int64_t n, int64_t count, void* a, void* w) {
  int64_t failed = -1;
  with_type(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    failed = eigh_batch(upper, vectors, n, count, static_cast<T*>(a), static_cast<real_t<T>*>(w));
  });
  return failed;
}

int64_t eig(DType d, int64_t n, int64_t count, void* a, void* w, void* v) {
  int64_t failed = -1;
  with_type(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = cplx<real_t<T>>;
    failed = eig_batch(n, count, static_cast<T*>(a), static_cast<C*>(w), static_cast<C*>(v));
  });
  return failed;
}

}  // namespace rl
