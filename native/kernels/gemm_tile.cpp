// Matrix products: packing and the innermost kernel. NOTE [Gemm]: an element of C is one chain of multiply-adds over k
// from 0 in each block of kDepth, and the blocks are added in order; which tile, thread or kernel height computes
// it changes nothing, so results are the same bits however the work is split. All types go through four compute types:
// 16-bit floats are widened when packed and rounded once at the end, integers wrap as unsigned ones, complex
// numbers are packed as planes of real and imaginary parts.
#include <cstring>
#include <type_traits>
#include <utility>

#include "kernels/gemm_table.h"
#include "kernels/level.h"

namespace rl {
namespace {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64, kHeight = 12, kMiddle = 8, kLow = 4;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32, kHeight = 6, kMiddle = 4, kLow = 2;
#else
constexpr int kVectorBytes = 16, kHeight = 6, kMiddle = 4, kLow = 2;
#endif

template <class T>
struct Shape {
  typedef T Vec __attribute__((vector_size(kVectorBytes)));
  static constexpr int lanes = kVectorBytes / int(sizeof(T));
  static constexpr int width = 2 * lanes;                       // columns of the innermost kernel
  static constexpr int depth = 384;                             // kDepth of NOTE [Gemm]
  static constexpr int a_stride = depth + 64 / int(sizeof(T));  // rows of packed A apart: not a multiple of 4 KiB
};

template <class T>
using Vec = typename Shape<T>::Vec;

template <class T>
inline Vec<T> load(const T* p) {
  Vec<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
inline void store(T* p, Vec<T> v) {
  std::memcpy(p, &v, sizeof v);
}

template <class T>
struct Update {  // c = alpha * product + beta * c
  T alpha, beta;
  bool plain;  // alpha is 1
  bool read;   // beta is not 0
};

/// H rows by Shape::width columns of C. B's rows are `ldb` apart.
template <class T, int H>
void micro(const T* __restrict a, const T* __restrict b, std::int64_t ldb, std::int64_t k, T* __restrict c,
           std::int64_t ldc, const Update<T>& u, int rows, int columns) {
  constexpr int L = Shape<T>::lanes, S = Shape<T>::a_stride;
  Vec<T> acc[H][2] = {};
  // C is used last and may lie far away: the loop below is time enough to fetch it.
  for (int i = 0; i < H; ++i) {
    __builtin_prefetch(c + (i < rows ? i : 0) * ldc, 1);
    __builtin_prefetch(c + (i < rows ? i : 0) * ldc + (columns - 1), 1);
  }
#pragma GCC unroll 2
  for (std::int64_t p = 0; p < k; ++p) {
    const Vec<T> b0 = load(b), b1 = load(b + L);
    b += ldb;
#pragma GCC unroll 12
    for (int i = 0; i < H; ++i) {
      const Vec<T> x = a[i * S + p] - Vec<T>{};
      acc[i][0] += x * b0;
      acc[i][1] += x * b1;
    }
  }
  if (!u.plain) {
#pragma GCC unroll 12
    for (int i = 0; i < H; ++i) {
      acc[i][0] *= u.alpha;
      acc[i][1] *= u.alpha;
    }
  }
  if (rows == H && columns == 2 * L) {
#pragma GCC unroll 12
    for (int i = 0; i < H; ++i) {
      T* const ci = c + i * ldc;
      store<T>(ci, u.read ? load(ci) * u.beta + acc[i][0] : acc[i][0]);
      store<T>(ci + L, u.read ? load(ci + L) * u.beta + acc[i][1] : acc[i][1]);
    }
    return;
  }
  T edge[H][2 * L];
  std::memcpy(edge, acc, sizeof edge);
  for (int i = 0; i < rows; ++i) {
    if (u.read) {
      T old[2 * L] = {};
      std::memcpy(old, c + i * ldc, std::size_t(columns) * sizeof(T));
      store<T>(edge[i], load(old) * u.beta + load(edge[i]));
      store<T>(edge[i] + L, load(old + L) * u.beta + load(edge[i] + L));
    }
    std::memcpy(c + i * ldc, edge[i], std::size_t(columns) * sizeof(T));
  }
}

template <class T, int Half, std::size_t... I>
inline void exchange(Vec<T>& a, Vec<T>& b, std::index_sequence<I...>) {
  constexpr int L = Shape<T>::lanes;
  const Vec<T> low = __builtin_shufflevector(a, b, (int(I) & Half ? L + int(I) - Half : int(I))...);
  b = __builtin_shufflevector(a, b, (int(I) & Half ? L + int(I) : int(I) + Half)...);
  a = low;
}
template <class T, int Half>
inline void exchange_all(Vec<T>* v) {
  constexpr int L = Shape<T>::lanes;
  if constexpr (Half < L) {
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i)
      if ((i & Half) == 0) exchange<T, Half>(v[i], v[i + Half], std::make_index_sequence<std::size_t(L)>{});
    exchange_all<T, 2 * Half>(v);
  }
}
/// A square of lanes x lanes elements, transposed.
template <class T>
void transpose(const T* src, std::int64_t src_stride, T* dst, std::int64_t dst_stride) {
  constexpr int L = Shape<T>::lanes;
  Vec<T> v[L];
#pragma GCC unroll 16
  for (int i = 0; i < L; ++i) v[i] = load(src + i * src_stride);
  exchange_all<T, 1>(v);
#pragma GCC unroll 16
  for (int i = 0; i < L; ++i) store<T>(dst + i * dst_stride, v[i]);
}

template <class T>
void transpose_all(const void* from_, std::int64_t from_step, void* to_, std::int64_t to_step, std::int64_t rows,
                   std::int64_t columns) {
  constexpr int L = Shape<T>::lanes;
  const T* const from = static_cast<const T*>(from_);
  T* const to = static_cast<T*>(to_);
  std::int64_t i = 0;
  for (; i + L <= rows; i += L) {
    std::int64_t j = 0;
    for (; j + L <= columns; j += L) transpose<T>(from + j * from_step + i, from_step, to + i * to_step + j, to_step);
    for (; j < columns; ++j)
      for (int r = 0; r < L; ++r) to[(i + r) * to_step + j] = from[j * from_step + i + r];
  }
  for (; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j) to[i * to_step + j] = from[j * from_step + i];
}

enum Part { kReal, kImag, kNegImag };

template <class T, class S>
inline T element(S v, Part part, bool conj) {
  if constexpr (is_complex_v<S>)
    return part == kReal ? v.re : (part == kNegImag) != conj ? -v.im : v.im;
  else if constexpr (is_half_v<S>)
    return float(v);
  else
    return T(v);
}

/// dst[i * dst_stride + j] = src(i, j) for i < ni, j < nj; further columns up to `pad` become 0.
template <class T, class S>
void pack(T* dst, std::int64_t dst_stride, const Matrix& from, std::int64_t i0, std::int64_t j0, std::int64_t ni,
          std::int64_t nj, std::int64_t pad, Part part) {
  const S* src = static_cast<const S*>(from.data) + i0 * from.row + j0 * from.col;
  constexpr int L = Shape<T>::lanes;
  constexpr bool same = std::is_same_v<S, T> || (std::is_integral_v<S> && sizeof(S) == sizeof(T));
  std::int64_t done = 0;  // rows that are complete but for the padding
  if constexpr (same) {
    const T* const raw = reinterpret_cast<const T*>(src);  // signed and unsigned may alias
    if (from.col == 1) {
      if (nj == 2 * L) {
        for (; done < ni; ++done) {
          store<T>(dst + done * dst_stride, load(raw + done * from.row));
          store<T>(dst + done * dst_stride + L, load(raw + done * from.row + L));
        }
      }
      for (; done < ni; ++done)
        std::memcpy(dst + done * dst_stride, raw + done * from.row, std::size_t(nj) * sizeof(T));
    } else if (from.row == 1) {
      for (; done + L <= ni; done += L) {
        std::int64_t j = 0;
        for (; j + L <= nj; j += L)
          transpose<T>(raw + done + j * from.col, from.col, dst + done * dst_stride + j, dst_stride);
        for (; j < nj; ++j)
          for (int i = 0; i < L; ++i) dst[(done + i) * dst_stride + j] = raw[done + i + j * from.col];
      }
    }
  }
  for (; done < ni; ++done)
    for (std::int64_t j = 0; j < nj; ++j)
      dst[done * dst_stride + j] = element<T>(src[done * from.row + j * from.col], part, from.conj);
  if (nj < pad)
    for (std::int64_t i = 0; i < ni; ++i)
      for (std::int64_t j = nj; j < pad; ++j) dst[i * dst_stride + j] = T(0);
}

inline std::int64_t least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

/// A block of one plane of B, packed or in place, cut into slivers as wide as the innermost kernel.
template <class T>
struct PackedB {
  const T* data;
  std::int64_t sliver, ldb;  // distance of slivers, and of rows within one
  const T* last;             // the last sliver, if it is narrower than the kernel
};

/// At most kHeight packed rows of A times the block of B.
template <class T>
void rows_times(const T* a, const PackedB<T>& b, std::int64_t k, T* c, std::int64_t ldc, std::int64_t rows,
                std::int64_t columns, const Update<T>& u) {
  constexpr int W = Shape<T>::width;
  for (std::int64_t j = 0; j < columns; j += W) {
    const bool narrow = columns - j < W;
    const T* const bj = narrow && b.last ? b.last : b.data + j / W * b.sliver;
    const std::int64_t ldb = narrow && b.last ? W : b.ldb;
    const int cols = int(least(W, columns - j));
    std::int64_t i = 0;
    if (rows == kHeight) {
      micro<T, kHeight>(a, bj, ldb, k, c + j, ldc, u, kHeight, cols);
      continue;
    }
    if (rows >= kMiddle) micro<T, kMiddle>(a, bj, ldb, k, c + j, ldc, u, kMiddle, cols), i = kMiddle;
    for (; i < rows; i += kLow)
      micro<T, kLow>(a + i * Shape<T>::a_stride, bj, ldb, k, c + i * ldc + j, ldc, u, int(least(kLow, rows - i)), cols);
  }
}

template <class T, class S>
inline T scale(const GemmArgs& g, bool alpha) {
  if constexpr (std::is_integral_v<T>)
    return T(alpha ? g.ialpha : g.ibeta);
  else
    return T(alpha ? g.alpha.re : g.beta.re);
}

/// Rounds a finished tile of sums to the type of C.
template <class T, class S>
void finish(const GemmArgs& g, const T* re, const T* im, std::int64_t i0, std::int64_t i1, std::int64_t j0,
            std::int64_t j1) {
  const std::int64_t columns = j1 - j0;
  for (std::int64_t i = i0; i < i1; ++i) {
    S* const c = static_cast<S*>(g.c) + i * g.ldc + j0;
    const T* const r = re + (i - i0) * columns;
    if constexpr (is_complex_v<S>) {
      const T* const m = im + (i - i0) * columns;
      const S alpha(g.alpha), beta(g.beta);
      for (std::int64_t j = 0; j < columns; ++j) {
        const S product = alpha * S(r[j], m[j]);
        c[j] = beta == S(0) ? product : product + beta * c[j];
      }
    } else {
      const T alpha = scale<T, S>(g, true), beta = scale<T, S>(g, false);
      if (beta == T(0))
        for (std::int64_t j = 0; j < columns; ++j) c[j] = S(alpha * r[j]);
      else
        for (std::int64_t j = 0; j < columns; ++j) c[j] = S(alpha * r[j] + beta * element<T>(c[j], kReal, false));
    }
  }
}

template <class T, class S>
void tile(const GemmArgs& g, std::int64_t i0, std::int64_t i1, std::int64_t j0, std::int64_t j1, void* workspace) {
  constexpr int W = Shape<T>::width, D = Shape<T>::depth, stride = Shape<T>::a_stride;
  constexpr int planes = is_complex_v<S> ? 2 : 1;
  constexpr bool direct = std::is_same_v<S, T> || (std::is_integral_v<S> && sizeof(S) == sizeof(T));
  constexpr int packed_rows = (kHeight + Shape<T>::lanes - 1) / Shape<T>::lanes * Shape<T>::lanes;
  const std::int64_t columns = j1 - j0, slivers = (columns + W - 1) / W;
  T* const pa = static_cast<T*>(workspace);
  T* const pb = pa + 3 * packed_rows * stride;
  T* const sums = pb + planes * slivers * W * D;
  T* const sums_im = sums + (i1 - i0) * columns;
  // Rows of B in place are as good as packed ones when few rows of A use them.
  const bool in_place = direct && g.b.col == 1 && (i1 - i0 <= 4 * kHeight || (g.k <= 64 && g.n <= 64));
  for (std::int64_t p0 = 0; p0 < g.k; p0 += D) {
    const std::int64_t k = least(D, g.k - p0);
    PackedB<T> b[2];
    for (int plane = 0; plane < planes; ++plane) {
      T* const to = pb + plane * slivers * W * D;
      b[plane] = {to, std::int64_t(W) * k, W, nullptr};
      const std::int64_t whole = columns / W * W;
      if (in_place) {
        if constexpr (direct) {
          b[plane] = {reinterpret_cast<const T*>(g.b.data) + p0 * g.b.row + j0, W, g.b.row, nullptr};
        }
        if (whole < columns) {
          pack<T, S>(to, W, g.b, p0, j0 + whole, k, columns - whole, W, Part(plane));
          b[plane].last = to;
        }
        continue;
      }
      // Eight rows at a time: whole lines of a row-major B, few pages at once.
      const std::int64_t step = g.b.row == 1 && g.b.col != 1 ? k : 8;
      for (std::int64_t p = 0; p < k; p += step)
        for (std::int64_t j = 0; j < columns; j += W)
          pack<T, S>(to + j * k + p * W, W, g.b, p0 + p, j0 + j, least(step, k - p), least(W, columns - j), W,
                     Part(plane));
    }
    Update<T> u{T(1), T(1), true, p0 > 0};
    if constexpr (direct) {
      u.alpha = scale<T, S>(g, true);
      u.plain = u.alpha == T(1);
      if (p0 == 0) u.beta = scale<T, S>(g, false), u.read = u.beta != T(0);
    }
    for (std::int64_t i = i0; i < i1; i += kHeight) {
      const std::int64_t rows = least(kHeight, i1 - i);
      const auto take = [&](int where, Part part) {
        T* const to = pa + where * packed_rows * stride;
        pack<T, S>(to, stride, g.a, i, p0, rows, k, 0, part);
        if (rows % kLow != 0)
          std::memset(to + rows * stride, 0, std::size_t((kLow - rows % kLow) * stride) * sizeof(T));
        return to;
      };
      if constexpr (is_complex_v<S>) {
        T *const re = take(0, kReal), *const im = take(1, kImag), *const neg = take(2, kNegImag);
        T *const c_re = sums + (i - i0) * columns, *const c_im = sums_im + (i - i0) * columns;
        rows_times(re, b[0], k, c_re, columns, rows, columns, u);
        rows_times(re, b[1], k, c_im, columns, rows, columns, u);
        u.read = true;
        rows_times(neg, b[1], k, c_re, columns, rows, columns, u);
        rows_times(im, b[0], k, c_im, columns, rows, columns, u);
        u.read = p0 > 0;
      } else if constexpr (direct) {
        rows_times(take(0, kReal), b[0], k, reinterpret_cast<T*>(g.c) + i * g.ldc + j0, g.ldc, rows, columns, u);
      } else {
        rows_times(take(0, kReal), b[0], k, sums + (i - i0) * columns, columns, rows, columns, u);
      }
    }
  }
  if constexpr (!direct) finish<T, S>(g, sums, sums_im, i0, i1, j0, j1);
}

template <class T, class S>
void tiny(const GemmArgs& g) {
  using Sum = std::conditional_t<is_complex_v<S>, S, T>;
  const auto get = [](const Matrix& x, std::int64_t i, std::int64_t j) {
    const S v = static_cast<const S*>(x.data)[i * x.row + j * x.col];
    if constexpr (is_complex_v<S>)
      return x.conj ? S(v.re, -v.im) : v;
    else
      return element<T>(v, kReal, false);
  };
  Sum alpha, beta;
  if constexpr (is_complex_v<S>)
    alpha = S(g.alpha), beta = S(g.beta);
  else
    alpha = scale<T, S>(g, true), beta = scale<T, S>(g, false);
  for (std::int64_t i = 0; i < g.m; ++i) {
    S* const c = static_cast<S*>(g.c) + i * g.ldc;
    std::int64_t j = 0;
    if constexpr (std::is_same_v<T, S> && std::is_floating_point_v<S>) {
      // Four columns at once; each is the same chain of operations as below.
      const S* const a = static_cast<const S*>(g.a.data) + i * g.a.row;
      for (; g.b.col == 1 && j + 4 <= g.n; j += 4) {
        const S* const b = static_cast<const S*>(g.b.data) + j;
        S sum[4] = {};
        for (std::int64_t p = 0; p < g.k; ++p)
          for (int q = 0; q < 4; ++q) sum[q] += a[p * g.a.col] * b[p * g.b.row + q];
        for (int q = 0; q < 4; ++q) {
          sum[q] = alpha * sum[q];
          c[j + q] = beta != S(0) ? sum[q] + beta * c[j + q] : sum[q];
        }
      }
    }
    for (; j < g.n; ++j) {
      Sum sum(0);
      for (std::int64_t p = 0; p < g.k; ++p) sum += get(g.a, i, p) * get(g.b, p, j);
      sum = alpha * sum;
      if (beta != Sum(0)) {
        if constexpr (is_complex_v<S>)
          sum += beta * c[j];
        else
          sum += beta * element<T>(c[j], kReal, false);
      }
      c[j] = S(sum);
    }
  }
}

// ---- small products: nothing is packed; an element is the chain of NOTE [Gemm] in a single block ------------------

template <class T, int Bytes>
struct Lane {
  typedef T type __attribute__((vector_size(Bytes)));
};

/// H rows by N vectors of V of C. Strides of A are arbitrary, B's rows and C's contiguous.
template <class T, class V, int H, int N>
inline void small_block(const T* __restrict a, std::int64_t row, std::int64_t col, const T* __restrict b,
                        std::int64_t ldb, std::int64_t k, T* __restrict c, std::int64_t ldc) {
  constexpr int L = int(sizeof(V) / sizeof(T));
  V acc[H][N] = {};
  for (std::int64_t p = 0; p < k; ++p, b += ldb, a += col) {
    V v[N];
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) std::memcpy(&v[n], b + n * L, sizeof(V));
#pragma GCC unroll 12
    for (int i = 0; i < H; ++i) {
      const V x = a[i * row] - V{};
      for (int n = 0; n < N; ++n) acc[i][n] += x * v[n];
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < H; ++i) {
#pragma GCC unroll 2
    for (int n = 0; n < N; ++n) std::memcpy(c + i * ldc + n * L, &acc[i][n], sizeof(V));
  }
}
/// All rows of N vectors' columns. What is left over is computed with rows that are done already, once more: to the
/// same bits, and cheaper than a kernel for every height.
template <class T, class V, int N>
void small_columns(const GemmArgs& g, const T* a, const T* b, T* c) {
  const std::int64_t row = g.a.row, col = g.a.col, ldb = g.b.row, m = g.m, k = g.k;
  std::int64_t i = 0;
  for (; i + kHeight <= m; i += kHeight)
    small_block<T, V, kHeight, N>(a + i * row, row, col, b, ldb, k, c + i * g.ldc, g.ldc);
  if (i + kMiddle <= m) {
    small_block<T, V, kMiddle, N>(a + i * row, row, col, b, ldb, k, c + i * g.ldc, g.ldc);
    i += kMiddle;
  }
  for (; i < m; i += kLow) {
    if (m < kLow) {
      for (; i < m; ++i) small_block<T, V, 1, N>(a + i * row, row, col, b, ldb, k, c + i * g.ldc, g.ldc);
      break;
    }
    const std::int64_t at = least(i, m - kLow);
    small_block<T, V, kLow, N>(a + at * row, row, col, b, ldb, k, c + at * g.ldc, g.ldc);
  }
}
/// Columns from j on in vectors of V (columns done already once more, as above), if there are as many.
template <class T, class V>
bool small_rest(const GemmArgs& g, const T* a, const T* b, T* c, std::int64_t j) {
  constexpr int L = int(sizeof(V) / sizeof(T));
  if (g.n < L) return false;
  for (; j < g.n; j += L) {
    const std::int64_t at = least(j, g.n - L);
    small_columns<T, V, 1>(g, a, b + at, c + at);
  }
  return true;
}
template <class T>
void small(const GemmArgs& g, const std::int64_t* steps, std::int64_t count) {
  using Whole = typename Lane<T, kVectorBytes>::type;
  using Half = typename Lane<T, (kVectorBytes > 16 ? kVectorBytes / 2 : 16)>::type;
  using Quarter = typename Lane<T, 16>::type;
  const T* a = static_cast<const T*>(g.a.data);
  const T* b = static_cast<const T*>(g.b.data);
  T* c = static_cast<T*>(g.c);
  for (; count > 0; --count, a += steps[0], b += steps[1], c += steps[2]) {
    std::int64_t j = 0;
    for (; j + Shape<T>::width <= g.n; j += Shape<T>::width) small_columns<T, Whole, 2>(g, a, b + j, c + j);
    if (j == g.n || small_rest<T, Whole>(g, a, b, c, j) || small_rest<T, Half>(g, a, b, c, j)) continue;
    small_rest<T, Quarter>(g, a, b, c, j);
  }
}

// ---- matrix times vector: what limits it is memory -----------------------------------------------------------------

/// R rows times x; a row's sum is the same for every R.
template <class T, int R>
inline void dot_rows(const T* a, std::int64_t lda, const T* x, std::int64_t n, double* sums) {
  constexpr int L = Shape<T>::lanes;
  Vec<T> acc[R][2] = {};
  std::int64_t p = 0;
  for (; p + 2 * L <= n; p += 2 * L) {
    const Vec<T> x0 = load(x + p), x1 = load(x + p + L);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      acc[r][0] += load(a + r * lda + p) * x0;
      acc[r][1] += load(a + r * lda + p + L) * x1;
    }
  }
  for (int r = 0; r < R; ++r) {
    const T* const row = a + r * lda;
    std::int64_t q = p;
    if (q + L <= n) {
      acc[r][0] += load(row + q) * load(x + q);
      q += L;
    }
    T lanes[L];
    store<T>(lanes, acc[r][0] + acc[r][1]);
    for (int w = L / 2; w > 0; w /= 2)
      for (int i = 0; i < w; ++i) lanes[i] += lanes[i + w];
    T sum = lanes[0];
    for (; q < n; ++q) sum += row[q] * x[q];
    sums[r] = sum;
  }
}
template <class T>
void gemv_rows(const Gemv& g, std::int64_t i0, std::int64_t i1, std::int64_t p0, std::int64_t p1, double* sums) {
  const T* a = static_cast<const T*>(g.a) + i0 * g.lda + p0;
  const T* const x = static_cast<const T*>(g.x) + p0;
  std::int64_t i = i0;
  for (; i + 4 <= i1; i += 4, a += 4 * g.lda, sums += 4) dot_rows<T, 4>(a, g.lda, x, p1 - p0, sums);
  for (; i < i1; ++i, a += g.lda, ++sums) dot_rows<T, 1>(a, g.lda, x, p1 - p0, sums);
}

/// y += up to eight columns times their elements of x; the eight are added up first, which keeps sums accurate.
template <class T, class Columns>
inline void add_columns(const T* a, std::int64_t lda, const T* x, Columns columns, T* y, std::int64_t n) {
  constexpr int L = Shape<T>::lanes;
  std::int64_t i = 0;
  for (; i + L <= n; i += L) {
    Vec<T> sum = load(a + i) * x[0];
    for (int c = 1; c < int(columns); ++c) sum += load(a + c * lda + i) * x[c];
    store<T>(y + i, load(y + i) + sum);
  }
  for (; i < n; ++i) {
    T sum = a[i] * x[0];
    for (int c = 1; c < int(columns); ++c) sum += a[c * lda + i] * x[c];
    y[i] += sum;
  }
}
template <class T>
void gemv_columns(const Gemv& g, std::int64_t i0, std::int64_t i1, std::int64_t k, void* y_) {
  constexpr std::int64_t strip = 2048;
  const T* const x = static_cast<const T*>(g.x);
  T* const y = static_cast<T*>(y_);
  for (std::int64_t i = i0; i < i1; i += strip) {
    const std::int64_t n = least(strip, i1 - i);
    std::memset(y + i, 0, std::size_t(n) * sizeof(T));
    const T* a = static_cast<const T*>(g.a) + i;
    std::int64_t p = 0;
    for (; p + 8 <= k; p += 8, a += 8 * g.lda) add_columns(a, g.lda, x + p, std::integral_constant<int, 8>(), y + i, n);
    if (p < k) add_columns(a, g.lda, x + p, int(k - p), y + i, n);
  }
}

template <class T, class S>
void fill(GemmTable& t) {
  constexpr int d = int(dtype_of<S>());
  t.tile[d] = tile<T, S>;
  t.tiny[d] = tiny<T, S>;
  if constexpr (std::is_same_v<T, S> && std::is_floating_point_v<S>) {
    t.small[d] = small<T>;
    t.gemv_rows[d] = gemv_rows<T>;
    t.gemv_columns[d] = gemv_columns<T>;
  }
}

}  // namespace

void fill_gemm(GemmTable& t) {
  t.transpose4 = transpose_all<std::uint32_t>;
  t.transpose8 = transpose_all<std::uint64_t>;
  fill<float, float>(t);
  fill<double, double>(t);
  fill<float, half_t>(t);
  fill<float, bfloat16_t>(t);
  fill<float, cfloat>(t);
  fill<double, cdouble>(t);
  fill<std::uint32_t, std::uint8_t>(t);
  fill<std::uint32_t, std::int8_t>(t);
  fill<std::uint32_t, std::int16_t>(t);
  fill<std::uint32_t, std::int32_t>(t);
  fill<std::uint64_t, std::int64_t>(t);
}

}  // namespace rl
