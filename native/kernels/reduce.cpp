// Reductions: each is a small record of what lanes, accumulators and results are; two loops (rows, columns) serve all.
// Elements are joined in lanes within blocks of fixed length, blocks in accumulators (double for float sums), so that
// the error grows with the number of blocks and not of elements, and depends on nothing but the shape.
#include <utility>

#include "kernels/lanes.h"
#include "kernels/level.h"

namespace rl {
namespace {

using std::int64_t;

inline constexpr int64_t kBlock = 2048;   // elements joined in lanes alone
inline constexpr int64_t kRowBlock = 8;   // rows that a column loop joins in lanes
inline constexpr int64_t kNarrow = 1024;  // columns at most of rows that are joined one after another
inline constexpr int64_t kTile = 64;      // columns that a strided block is gathered by

template <class T>
struct RealOf {
  using type = T;
};
template <class T>
struct RealOf<cplx<T>> {
  using type = T;
};
template <class T>
using Real = typename RealOf<T>::type;
template <class T>
struct Wide {
  using type = T;
};
template <>
struct Wide<float> {
  using type = double;
};
template <>
struct Wide<cfloat> {
  using type = cdouble;
};

template <class T>
inline constexpr T kLowest =
    std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
template <class T>
inline constexpr T kHighest =
    std::is_floating_point_v<T> ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();

inline float power(float x, double p) { return __builtin_powf(x, float(p)); }
inline double power(double x, double p) { return __builtin_pow(x, p); }
inline float root(float x) { return __builtin_sqrtf(x); }
inline double root(double x) { return __builtin_sqrt(x); }
inline float magnitude(cfloat z) { return __builtin_hypotf(z.re, z.im); }
inline double magnitude(cdouble z) { return __builtin_hypot(z.re, z.im); }
template <class V>
inline V magnitude(V x) {
  return x <= 0 ? 0 - x : x;
}  // <=: -0 too

// What the records share; each gives identity(), map(), join(), and overrides what differs. map and join serve
// lanes and single elements alike.
template <class T, class L, class A = L, class R = A>
struct Base {
  using In = T;
  using Lane = L;
  using Acc = A;
  using Out = R;
  static constexpr bool vector = !is_complex_v<T>;
  template <class V>
  static V map(V x, double) {
    return x;
  }
  static Acc lift(Lane v) { return Acc(v); }
  static Out finish(Acc a, double) { return Out(a); }
};
template <class T, class L, class A = L, class R = A>
struct Additive : Base<T, L, A, R> {
  static L identity() { return L(0); }
  template <class V>
  static V join(V a, V b) {
    return a + b;
  }
  static A merge(A a, A b) { return a + b; }
};

// Integers are summed and multiplied unsigned: overflow wraps.
template <class T>
using SumLane = std::conditional_t<std::is_integral_v<T>, std::uint64_t, T>;
template <class T>
using SumOut = std::conditional_t<std::is_integral_v<T>, int64_t, T>;

template <class T>
struct SumOp : Additive<T, SumLane<T>, typename Wide<SumLane<T>>::type, SumOut<T>> {};
/// 16-bit floats, widened on the way; the result is a float.
template <class T>
struct HalfSumOp : Additive<T, float, double, float> {};
template <class T>
struct NanSumOp : Additive<T, T, typename Wide<T>::type, T> {
  template <class V>
  static V map(V x, double) {
    return x == x ? x : V{};
  }
};
template <class T>
struct ProdOp : Base<T, SumLane<T>, SumLane<T>, SumOut<T>> {
  using L = SumLane<T>;
  static L identity() { return L(1); }
  template <class V>
  static V join(V a, V b) {
    return a * b;
  }
  static L merge(L a, L b) { return a * b; }
};
template <class T>
struct MaxOp : Base<T, T> {
  static constexpr bool quick = std::is_floating_point_v<T>;  // see Quick
  template <class V>
  static V pick(V a, V b) {  // b where one is nan
    return lane_max<T>(a, b);
  }
  static T identity() { return kLowest<T>; }
  template <class V>
  static V join(V a, V b) {
    if constexpr (std::is_floating_point_v<T>)
      return (b > a) | (b != b) ? b : a;
    else
      return b > a ? b : a;
  }
  static T merge(T a, T b) { return join(a, b); }
};
template <class T>
struct MinOp : Base<T, T> {
  static constexpr bool quick = std::is_floating_point_v<T>;  // see Quick
  template <class V>
  static V pick(V a, V b) {  // b where one is nan
    return lane_min<T>(a, b);
  }
  static T identity() { return kHighest<T>; }
  template <class V>
  static V join(V a, V b) {
    if constexpr (std::is_floating_point_v<T>)
      return (b < a) | (b != b) ? b : a;
    else
      return b < a ? b : a;
  }
  static T merge(T a, T b) { return join(a, b); }
};
struct AllOp : MinOp<std::uint8_t> {
  static std::uint8_t identity() { return 1; }
};
template <class T>
struct AbsSumOp : Additive<T, Real<T>, typename Wide<Real<T>>::type, Real<T>> {
  template <class V>
  static auto map(V x, double) {
    return magnitude(x);
  }
};
template <class T>
struct SquareSumOp : Additive<T, Real<T>, typename Wide<Real<T>>::type, Real<T>> {
  template <class V>
  static auto map(V x, double) {
    if constexpr (is_complex_v<T>)
      return x.re * x.re + x.im * x.im;
    else
      return V(x * x);
  }
  static Real<T> finish(typename Wide<Real<T>>::type a, double) { return Real<T>(root(a)); }
};
template <class T>
struct PowerSumOp : Additive<T, Real<T>, typename Wide<Real<T>>::type, Real<T>> {
  static constexpr bool vector = false;
  static Real<T> map(T x, double p) { return power(magnitude(x), p); }
  static Real<T> finish(typename Wide<Real<T>>::type a, double p) { return Real<T>(power(a, 1 / p)); }
};
template <class T>
struct AbsMaxOp : MaxOp<Real<T>> {
  using In = T;
  static constexpr bool vector = !is_complex_v<T>;
  static Real<T> identity() { return 0; }
  template <class V>
  static auto map(V x, double) {
    return magnitude(x);
  }
};
template <class T>
struct AbsMinOp : MinOp<Real<T>> {
  using In = T;
  static constexpr bool vector = !is_complex_v<T>;
  template <class V>
  static auto map(V x, double) {
    return magnitude(x);
  }
};

template <class Op>
typename Op::Lane map_one(typename Op::In x, double p) {
  if constexpr (std::is_same_v<typename Op::In, typename Op::Lane> || is_complex_v<typename Op::In>)
    return Op::map(x, p);
  else
    return Op::map(typename Op::Lane(x), p);
}
template <int N>
inline Lanes<float, N> widen(const bfloat16_t* p) {
#if defined(__AVX512F__)
  if constexpr (N == 16) {
    const __m512i wide = _mm512_maskz_cvtepu16_epi32(__mmask16(-1), load_lanes<__m256i>(p));
    return Lanes<float, N>(_mm512_maskz_slli_epi32(__mmask16(-1), wide, 16));
  }
#endif
  const auto bits = __builtin_convertvector(load_lanes<Lanes<std::uint16_t, N>>(p), Lanes<std::uint32_t, N>) << 16;
  Lanes<float, N> v;
  __builtin_memcpy(&v, &bits, sizeof v);
  return v;
}
template <int N>
inline Lanes<float, N> widen(const half_t* p) {
#if defined(__AVX512F__)
  if constexpr (N == 16) return Lanes<float, N>(_mm512_maskz_cvtph_ps(__mmask16(-1), load_lanes<__m256i>(p)));
#endif
#if defined(__F16C__)
  if constexpr (N == 8) return Lanes<float, N>(_mm256_cvtph_ps(load_lanes<__m128i>(p)));
#endif
  Lanes<float, N> v;
  for (int i = 0; i < N; ++i) v[i] = float(p[i]);
  return v;
}

template <class Op, int N = kLanes<typename Op::Lane>>
inline Lanes<typename Op::Lane, N> map_lanes(const typename Op::In* in, double p) {
  if constexpr (is_half_v<typename Op::In>)
    return Op::map(widen<N>(in), p);
  else {
    const auto v = load_lanes<Lanes<typename Op::In, N>>(in);
    if constexpr (std::is_same_v<typename Op::In, typename Op::Lane>)
      return Op::map(v, p);
    else
      return Op::map(__builtin_convertvector(v, Lanes<typename Op::Lane, N>), p);
  }
}

/// The extremes of floats: a single instruction picks the larger, and a sum of zeros, nan where an element was nan or
/// infinite, says whether to look again with more care.
template <class Op>
concept Quick = Op::vector && requires { requires Op::quick; };
template <class Op>
inline bool all_zero(Lanes<typename Op::Lane> v) {
  using L = typename Op::Lane;
  return fold_lanes<L>(v, [](L x, L y) { return x + y; }) == L(0);
}
template <class Op>
inline bool join_quickly(const typename Op::In* in, int64_t n, double p, typename Op::Lane& result) {
  using L = typename Op::Lane;
  constexpr int64_t w = kLanes<L>;
  using V = Lanes<L>;
  V best[4], zero[4];
  for (int j = 0; j < 4; ++j) best[j] = map_lanes<Op>(in + j * w, p), zero[j] = best[j] * L(0);
  int64_t i = 4 * w;
  for (; i + 4 * w <= n; i += 4 * w)
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const V x = map_lanes<Op>(in + i + j * w, p);
      best[j] = Op::pick(best[j], x);
      zero[j] += x * L(0);
    }
  for (; i + w <= n; i += w) {
    const V x = map_lanes<Op>(in + i, p);
    best[0] = Op::pick(best[0], x);
    zero[0] += x * L(0);
  }
  if (!all_zero<Op>((zero[0] + zero[1]) + (zero[2] + zero[3]))) return false;
  const V all = Op::pick(Op::pick(best[0], best[1]), Op::pick(best[2], best[3]));
  result = fold_lanes<L>(all, [](L x, L y) { return Op::join(x, y); });
  for (; i < n; ++i) result = Op::join(result, map_one<Op>(in[i], p));
  return true;
}

/// Joins n contiguous elements, at most kBlock.
template <class Op>
inline typename Op::Lane join_block(const typename Op::In* in, int64_t n, double p) {
  using L = typename Op::Lane;
  if constexpr (Quick<Op>) {
    L result;
    if (n >= 4 * kLanes<L> && join_quickly<Op>(in, n, p, result)) return result;
  }
  int64_t i = 0;
  L result = Op::identity();
  if constexpr (Op::vector) {
    constexpr int64_t w = kLanes<L>;
    using V = Lanes<L>;
    if (n >= w) {
      V a = map_lanes<Op>(in, p);
      i = w;
      if (n >= 4 * w) {
        V b = map_lanes<Op>(in + w, p), c = map_lanes<Op>(in + 2 * w, p), d = map_lanes<Op>(in + 3 * w, p);
        for (i = 4 * w; i + 4 * w <= n; i += 4 * w) {
          a = Op::join(a, map_lanes<Op>(in + i, p));
          b = Op::join(b, map_lanes<Op>(in + i + w, p));
          c = Op::join(c, map_lanes<Op>(in + i + 2 * w, p));
          d = Op::join(d, map_lanes<Op>(in + i + 3 * w, p));
        }
        a = Op::join(Op::join(a, b), Op::join(c, d));
      }
      for (; i + w <= n; i += w) a = Op::join(a, map_lanes<Op>(in + i, p));
      result = fold_lanes<L>(a, [](L x, L y) { return Op::join(x, y); });
    }
  } else if (n >= 8) {
    L a[4];
    for (int j = 0; j < 4; ++j) a[j] = map_one<Op>(in[j], p);
    for (i = 4; i + 4 <= n; i += 4)
      for (int j = 0; j < 4; ++j) a[j] = Op::join(a[j], map_one<Op>(in[i + j], p));
    result = Op::join(Op::join(a[0], a[1]), Op::join(a[2], a[3]));
  }
  for (; i < n; ++i) result = Op::join(result, map_one<Op>(in[i], p));
  return result;
}

template <class T>
inline void gather(const char* in, int64_t stride, int64_t n, T* out) {
  for (int64_t i = 0; i < n; ++i) __builtin_memcpy(out + i, in + i * stride, sizeof(T));
}

/// The two loops for every reduction that joins elements.
template <class Op>
struct Joined {
  using In = typename Op::In;
  using Lane = typename Op::Lane;
  using Acc = typename Op::Acc;
  using Out = typename Op::Out;
  static constexpr int64_t acc_size = sizeof(Acc);

  static void init(void* acc, int64_t k) {
    Acc* a = static_cast<Acc*>(acc);
    for (int64_t j = 0; j < k; ++j) a[j] = Op::lift(Op::identity());
  }
  static void rows(const char* in, int64_t n, int64_t n_stride, int64_t k, int64_t k_stride, void* acc, int64_t,
                   double p) {
    Acc* a = static_cast<Acc*>(acc);
    for (int64_t j = 0; j < k; ++j, in += k_stride) {
      if (n_stride == int64_t(sizeof(In))) {
        const In* row = reinterpret_cast<const In*>(in);
        // Where accumulators are wider than lanes, short blocks make the sum more accurate at no price.
        constexpr int64_t block = sizeof(Acc) > sizeof(Lane) ? 512 : kBlock;
        for (int64_t i = 0; i < n; i += block)
          a[j] = Op::merge(a[j], Op::lift(join_block<Op>(row + i, n - i < block ? n - i : block, p)));
      } else {
        In buffer[256];
        for (int64_t i = 0; i < n; i += 256) {
          const int64_t m = n - i < 256 ? n - i : 256;
          gather(in + i * n_stride, n_stride, m, buffer);
          a[j] = Op::merge(a[j], Op::lift(join_block<Op>(buffer, m, p)));
        }
      }
    }
  }
  /// Joins a vector of lanes to as many accumulators.
  template <bool kQuick, class V>
  static void merge_lanes(Acc* a, V s) {
    if constexpr (std::is_same_v<Acc, Lane>) {
      const V old = load_lanes<V>(a);
      if constexpr (kQuick)
        store_lanes(a, Op::pick(s, old));
      else
        store_lanes(a, Op::join(old, s));
    } else {  // sums
      static_assert(sizeof(Acc) == 2 * sizeof(Lane));
      add_half<0>(a, s, std::make_index_sequence<kLanes<Acc>>{});
      add_half<kLanes<Acc>>(a, s, std::make_index_sequence<kLanes<Acc>>{});
    }
  }
  template <int kFirst, class V, std::size_t... I>
  static void add_half(Acc* a, V s, std::index_sequence<I...>) {
    using Wider = Lanes<Acc>;
    const auto half = __builtin_shufflevector(s, s, (kFirst + int(I))...);
    store_lanes(a + kFirst, load_lanes<Wider>(a + kFirst) + __builtin_convertvector(half, Wider));
  }
  /// Whole vectors of columns; false if Quick must look again: joining an extreme once more does no harm.
  template <bool kQuick, class Rows>
  static bool join_columns(const In* in, Rows n, int64_t step, int64_t k, Acc* a, double p) {
    using V = Lanes<Lane>;
    constexpr int64_t w = kLanes<Lane>;
    V zero{};
    const auto join = [&](V s, V x) {
      if constexpr (kQuick) {
        zero += x * Lane(0);
        return Op::pick(s, x);
      } else {
        return Op::join(s, x);
      }
    };
    const auto first = [&](V x) {
      if constexpr (kQuick) zero += x * Lane(0);
      return x;
    };
    if (step == k && k <= kNarrow) {
      // Short rows one after another: in the order of memory, which the hardware foresees.
      Lane sums[kNarrow];
      for (int64_t j = 0; j + w <= k; j += w) store_lanes(sums + j, first(map_lanes<Op>(in + j, p)));
      for (int64_t i = 1; i < n; ++i) {
        asm volatile("" ::: "memory");  // or GCC would take several rows at once again
        for (int64_t j = 0; j + w <= k; j += w)
          store_lanes(sums + j, join(load_lanes<V>(sums + j), map_lanes<Op>(in + i * step + j, p)));
      }
      for (int64_t j = 0; j + w <= k; j += w) merge_lanes<kQuick>(a + j, load_lanes<V>(sums + j));
    } else {
      for (int64_t j = 0; j + w <= k; j += w) {
        // Rows that share a page look like no stream to the hardware.
        if constexpr (!std::is_same_v<Rows, int64_t>)
          for (int64_t i = 0; i < n; ++i) __builtin_prefetch(in + (n + i) * step + j);
        V s = first(map_lanes<Op>(in + j, p));
        for (int64_t i = 1; i < n; ++i) s = join(s, map_lanes<Op>(in + i * step + j, p));
        merge_lanes<kQuick>(a + j, s);
      }
    }
    if constexpr (kQuick) return all_zero<Op>(zero);
    return true;
  }
  /// At most kRowBlock rows of k contiguous columns.
  template <class Rows>
  static void join_rows(const In* in, Rows n, int64_t step, int64_t k, Acc* a, double p) {
    int64_t j = 0;
    if constexpr (Op::vector && !is_complex_v<Acc>) {
      if constexpr (Quick<Op>) {
        if (!join_columns<true>(in, n, step, k, a, p)) join_columns<false>(in, n, step, k, a, p);
      } else {
        join_columns<false>(in, n, step, k, a, p);
      }
      j = k / kLanes<Lane> * kLanes<Lane>;
    }
    for (; j < k; ++j) {
      Lane s = map_one<Op>(in[j], p);
      for (int64_t i = 1; i < n; ++i) s = Op::join(s, map_one<Op>(in[i * step + j], p));
      a[j] = Op::merge(a[j], Op::lift(s));
    }
  }
  static void columns(const char* in, int64_t n, int64_t n_stride, int64_t k, int64_t k_stride, void* acc, int64_t,
                      double p) {
    Acc* a = static_cast<Acc*>(acc);
    const bool direct = k_stride == int64_t(sizeof(In)) && n_stride % int64_t(sizeof(In)) == 0;
    for (int64_t i = 0; i < n; i += kRowBlock, in += kRowBlock * n_stride) {
      const int64_t m = n - i < kRowBlock ? n - i : kRowBlock;
      if (direct) {
        const In* block = reinterpret_cast<const In*>(in);
        if (m == kRowBlock)
          join_rows(block, std::integral_constant<int64_t, kRowBlock>(), n_stride / int64_t(sizeof(In)), k, a, p);
        else
          join_rows(block, m, n_stride / int64_t(sizeof(In)), k, a, p);
      } else {
        In buffer[kRowBlock * kTile];
        for (int64_t j = 0; j < k; j += kTile) {
          const int64_t c = k - j < kTile ? k - j : kTile;
          for (int64_t r = 0; r < m; ++r) gather(in + r * n_stride + j * k_stride, k_stride, c, buffer + r * kTile);
          join_rows(buffer, m, kTile, c, a + j, p);
        }
      }
    }
  }
  static void combine(void* acc, const void* later, int64_t k) {
    Acc* a = static_cast<Acc*>(acc);
    const Acc* b = static_cast<const Acc*>(later);
    for (int64_t j = 0; j < k; ++j) a[j] = Op::merge(a[j], b[j]);
  }
  static void finish(const void* acc, int64_t k, char* out, int64_t out_stride, char*, int64_t, double p) {
    const Acc* a = static_cast<const Acc*>(acc);
    for (int64_t j = 0; j < k; ++j) {
      const Out r = Op::finish(a[j], p);
      __builtin_memcpy(out + j * out_stride, &r, sizeof r);
    }
  }
};

/// What the reductions that see whole blocks share: their records give State, start(), row(state, contiguous
/// elements, n ≤ kBlock, index), and optionally columns of their own.
template <class Op>
struct Blockwise {
  using In = typename Op::In;
  using State = typename Op::State;
  static constexpr int64_t acc_size = sizeof(State);

  static void init(void* acc, int64_t k) {
    for (int64_t j = 0; j < k; ++j) static_cast<State*>(acc)[j] = Op::start();
  }
  static void rows(const char* in, int64_t n, int64_t n_stride, int64_t k, int64_t k_stride, void* acc, int64_t index,
                   double) {
    State* a = static_cast<State*>(acc);
    In buffer[256];
    for (int64_t j = 0; j < k; ++j, in += k_stride) {
      const bool direct = n_stride == int64_t(sizeof(In));
      const int64_t step = direct ? kBlock : 256;
      for (int64_t i = 0; i < n; i += step) {
        const int64_t m = n - i < step ? n - i : step;
        if (!direct) gather(in + i * n_stride, n_stride, m, buffer);
        Op::merge(a[j], Op::row(direct ? reinterpret_cast<const In*>(in) + i : buffer, m, index + i));
      }
    }
  }
  static void columns(const char* in, int64_t n, int64_t n_stride, int64_t k, int64_t k_stride, void* acc,
                      int64_t index, double) {
    State* a = static_cast<State*>(acc);
    const bool direct = k_stride == int64_t(sizeof(In)) && n_stride % int64_t(sizeof(In)) == 0;
    In buffer[kRowBlock * kTile];
    for (int64_t i = 0; i < n; i += kRowBlock, in += kRowBlock * n_stride) {
      const int64_t m = n - i < kRowBlock ? n - i : kRowBlock;
      const int64_t tile = direct ? k : kTile;
      for (int64_t j = 0; j < k; j += tile) {
        const int64_t c = k - j < tile ? k - j : tile;
        const In* block = direct ? reinterpret_cast<const In*>(in) : buffer;
        const int64_t step = direct ? n_stride / int64_t(sizeof(In)) : kTile;
        if (!direct)
          for (int64_t r = 0; r < m; ++r) gather(in + r * n_stride + j * k_stride, k_stride, c, buffer + r * kTile);
        int64_t done = 0;
        if constexpr (!is_complex_v<In>)
          for (constexpr int64_t w = kLanes<In>; done + w <= c; done += w) {
            for (int64_t r = 0; r < m; ++r) __builtin_prefetch(block + (m + r) * step + done);
            Op::lanes(a + j + done, block + done, m, step, index + i);
          }
        for (; done < c; ++done) {
          In column[kRowBlock] = {};
          for (int64_t r = 0; r < m; ++r) column[r] = block[r * step + done];
          Op::merge(a[j + done], Op::row(column, m, index + i));
        }
      }
    }
  }
  static void combine(void* acc, const void* later, int64_t k) {
    for (int64_t j = 0; j < k; ++j) Op::merge(static_cast<State*>(acc)[j], static_cast<const State*>(later)[j]);
  }
  static void finish(const void* acc, int64_t k, char* out, int64_t out_stride, char* second, int64_t second_stride,
                     double p) {
    const State* a = static_cast<const State*>(acc);
    for (int64_t j = 0; j < k; ++j) {
      const auto r = Op::finish(a[j], p);
      if (out) __builtin_memcpy(out + j * out_stride, &r, sizeof r);
      if constexpr (requires { Op::second(a[j]); }) {
        const auto s = Op::second(a[j]);
        if (second) __builtin_memcpy(second + j * second_stride, &s, sizeof s);
      }
    }
  }
};

// --- the largest and the smallest, with their place -----------------------------------------------------------

template <class T, bool kMax>
struct IndexOp {
  using In = T;
  using Out = T;
  struct State {
    T value;
    int64_t index;
  };
  using Value = std::conditional_t<kMax, MaxOp<T>, MinOp<T>>;

  static State start() { return {Value::identity(), -1}; }
  static bool better(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
      if (a != a) return b == b;
    return kMax ? a > b : a < b;
  }
  static void merge(State& a, const State& b) {
    if (b.index >= 0 && (a.index < 0 || better(b.value, a.value))) a = b;
  }
  static State row(const T* x, int64_t n, int64_t index) {
    const T best = join_block<Value>(x, n, 0);
    int64_t i = 0;
    if constexpr (std::is_floating_point_v<T>)
      if (best != best) {
        while (x[i] == x[i]) ++i;
        return {best, index + i};
      }
    // Coarse first: whole vectors without the value are passed over quickly.
    constexpr int64_t w = 32;
    for (bool found = false; i + w <= n; i += w) {
      for (int64_t j = 0; j < w; ++j) found |= x[i + j] == best;
      if (found) break;
    }
    while (x[i] != best) ++i;
    return {x[i], index + i};
  }
  static void lanes(State* a, const T* x, int64_t n, int64_t step, int64_t index) {
    using V = Lanes<T>;
    constexpr int w = kLanes<T>;
    V best = load_lanes<V>(x);
    auto place = best != best;
    place = place ^ place;
    for (int64_t i = 1; i < n; ++i) {
      const V v = load_lanes<V>(x + i * step);
      auto wins = kMax ? v > best : v < best;
      if constexpr (std::is_floating_point_v<T>) wins = wins | ((v != v) & (best == best));
      best = wins ? v : best;
      place = wins ? place * 0 + typename Element<decltype(place)>::type(i) : place;
    }
    for (int l = 0; l < w; ++l)
      if (a[l].index < 0 || better(best[l], a[l].value)) a[l] = {best[l], index + int64_t(place[l])};
  }
  template <class V>
  struct Element {
    using type = std::remove_reference_t<decltype(std::declval<V&>()[0])>;
  };
  static T finish(const State& a, double) { return a.value; }
  static int64_t second(const State& a) { return a.index; }
};

// --- variance: mean and squared deviations of a block in two passes, blocks merged exactly (Chan, Golub, LeVeque)
// ------

template <class T>
struct VarOp {
  using In = T;
  using Out = T;
  struct State {
    double n, mean, squares, sum;
  };  // the sum as well: an infinity makes nan of a merged mean

  static State start() { return {0, 0, 0, 0}; }
  static void merge(State& a, const State& b) {
    if (b.n == 0) return;
    const double n = a.n + b.n, delta = b.mean - a.mean;
    if (a.n == 0) {
      a = b;
      return;
    }
    a.mean += delta * (b.n / n);
    a.squares += b.squares + delta * delta * (a.n * b.n / n);
    a.sum += b.sum;
    a.n = n;
  }
  // Deviations are taken from the rounded mean; their own sum corrects for that.
  static State state(double n, T center, double deviations, double squares, double sum) {
    return {n, center + deviations / n, squares - deviations * deviations / n, sum};
  }
  static State row(const T* x, int64_t n, int64_t) {
    const double sum = join_block<SumOp<T>>(x, n, 0);
    const T center = T(sum / double(n));
    using V = Lanes<T>;
    constexpr int64_t w = kLanes<T>;
    V d0{}, d1{}, s0{}, s1{};
    int64_t i = 0;
    for (; i + 2 * w <= n; i += 2 * w) {
      const V a = load_lanes<V>(x + i) - center, b = load_lanes<V>(x + i + w) - center;
      d0 += a;
      d1 += b;
      s0 += a * a;
      s1 += b * b;
    }
    const auto add = [](T a, T b) { return a + b; };
    double deviations = fold_lanes<T>(d0 + d1, add), squares = fold_lanes<T>(s0 + s1, add);
    for (; i < n; ++i) {
      const T d = x[i] - center;
      deviations += d;
      squares += double(d) * d;
    }
    return state(double(n), center, deviations, squares, sum);
  }
  static void lanes(State* a, const T* x, int64_t n, int64_t step, int64_t) {
    using V = Lanes<T>;
    V sum = load_lanes<V>(x);
    for (int64_t i = 1; i < n; ++i) sum += load_lanes<V>(x + i * step);
    const V center = sum * T(1.0 / double(n));
    V deviations{}, squares{};
    for (int64_t i = 0; i < n; ++i) {
      const V d = load_lanes<V>(x + i * step) - center;
      deviations += d;
      squares += d * d;
    }
    for (int l = 0; l < kLanes<T>; ++l) merge(a[l], state(double(n), center[l], deviations[l], squares[l], sum[l]));
  }
  static T finish(const State& a, double correction) {
    const double n = a.n - correction;
    return T(a.squares / (n > 0 ? n : 0));
  }
  static T second(const State& a) { return a.n == 0 ? std::numeric_limits<T>::quiet_NaN() : T(a.sum / a.n); }
};

/// The variance of complex numbers: the sum of those of their parts.
template <class T>
struct VarOp<cplx<T>> {
  using In = cplx<T>;
  using Out = T;
  struct State {
    double n, re, im, squares;
  };

  static State start() { return {0, 0, 0, 0}; }
  static void merge(State& a, const State& b) {
    if (b.n == 0) return;
    const double n = a.n + b.n, re = b.re - a.re, im = b.im - a.im;
    if (a.n == 0) {
      a = b;
      return;
    }
    a.re += re * (b.n / n);
    a.im += im * (b.n / n);
    a.squares += b.squares + (re * re + im * im) * (a.n * b.n / n);
    a.n = n;
  }
  static State row(const In* x, int64_t n, int64_t) {
    State a{double(n), 0, 0, 0};
    for (int64_t i = 0; i < n; ++i) a.re += x[i].re, a.im += x[i].im;
    a.re /= a.n;
    a.im /= a.n;
    for (int64_t i = 0; i < n; ++i) {
      const double re = x[i].re - a.re, im = x[i].im - a.im;
      a.squares += re * re + im * im;
    }
    return a;
  }
  static T finish(const State& a, double correction) {
    const double n = a.n - correction;
    return T(a.squares / (n > 0 ? n : 0));
  }
  static In second(const State& a) {
    const T nan = std::numeric_limits<T>::quiet_NaN();
    return a.n == 0 ? In(nan, nan) : In(T(a.re), T(a.im));
  }
};

// --- log Σ exp, kept as the largest so far and the sum relative to it ------------------------------------------

inline float natural_log(float x) { return __builtin_logf(x); }
inline double natural_log(double x) { return __builtin_log(x); }

template <class T>
struct LseState {
  T max;
  double sum;
};

/// What to subtract: -inf would turn -inf - -inf into nan while nothing else has been seen.
template <class T, class V>
inline V finite_base(V max) {
  return max == kLowest<T> ? V{} : max;
}
template <class T>
inline double exp_one(T x) {
  return double(exp_lanes<T>(Lanes<T>{} + x)[0]);
}

/// Σ exp(x - base), and the terms to `out` unless null.
template <class T>
inline double sum_exp(const T* x, int64_t n, T base, T* out) {
  using V = Lanes<T>;
  constexpr int64_t w = kLanes<T>;
  double total = 0;
  const auto add = [](T a, T b) { return a + b; };
  for (int64_t b = 0; b < n; b += kBlock) {
    const int64_t end = n - b < kBlock ? n : b + kBlock;
    V s0{}, s1{};
    int64_t i = b;
    for (; i + 2 * w <= end; i += 2 * w) {
      const V e0 = exp_lanes<T>(load_lanes<V>(x + i) - base), e1 = exp_lanes<T>(load_lanes<V>(x + i + w) - base);
      s0 += e0;
      s1 += e1;
      if (out) store_lanes(out + i, e0), store_lanes(out + i + w, e1);
    }
    for (; i < end; i += w) {
      const int64_t m = end - i < w ? end - i : w;
      const V e = exp_lanes<T>(load_lanes<V>(x + i, m, V{} + kLowest<T>) - base);
      // Lanes without an element hold exp(-inf) = 0, or nan where the base is infinite or nan: then all are.
      s0 += e;
      if (out) store_lanes(out + i, e, m);
    }
    total += double(fold_lanes<T>(s0 + s1, add));
  }
  return total;
}

template <class T>
struct LseOp {
  using In = T;
  using Out = T;
  using State = LseState<T>;
  static State start() { return {kLowest<T>, 0}; }
  static void merge(State& a, const State& b) {
    if (a.max == kLowest<T>) {
      a = b;
      return;
    }
    const T max = MaxOp<T>::join(a.max, b.max), base = finite_base<T>(max);
    const double sum = a.sum * exp_one(T(a.max - base)) + b.sum * exp_one(T(b.max - base));
    a = {max, sum};
  }
  static State row(const T* x, int64_t n, int64_t) {
    const T max = join_block<MaxOp<T>>(x, n, 0);
    return {max, sum_exp<T>(x, n, finite_base<T>(max), nullptr)};
  }
  static void lanes(State* a, const T* x, int64_t n, int64_t step, int64_t) {
    using V = Lanes<T>;
    constexpr int w = kLanes<T>;
    T before[w];
    for (int l = 0; l < w; ++l) before[l] = a[l].max;
    const V old = load_lanes<V>(before);
    V max = old;
    for (int64_t i = 0; i < n; ++i) max = MaxOp<T>::join(max, load_lanes<V>(x + i * step));
    const V base = finite_base<T>(max);
    V sum = exp_lanes<T>(load_lanes<V>(x) - base);
    for (int64_t i = 1; i < n; ++i) sum += exp_lanes<T>(load_lanes<V>(x + i * step) - base);
    const V scale = exp_lanes<T>(old - base);
    T m[w], s[w], f[w];
    store_lanes(m, max);
    store_lanes(s, sum);
    store_lanes(f, scale);
    for (int l = 0; l < w; ++l) a[l] = {m[l], a[l].sum * double(f[l]) + double(s[l])};
  }
  static T finish(const State& a, double) {
    if (a.max == kLowest<T> || a.max == kHighest<T>) return a.max;
    return T(double(a.max) + __builtin_log(a.sum));
  }
};

// --- softmax -------------------------------------------------------------------------------------------------

template <class T>
void softmax_rows(const void* in, void* out, int64_t rows, int64_t n, bool log) {
  using V = Lanes<T>;
  const T* x = static_cast<const T*>(in);
  T* y = static_cast<T*>(out);
  for (int64_t r = 0; r < rows; ++r, x += n, y += n) {
    T max = kLowest<T>;
    for (int64_t i = 0; i < n; i += kBlock)
      max = MaxOp<T>::join(max, join_block<MaxOp<T>>(x + i, n - i < kBlock ? n - i : kBlock, 0));
    if (log) {
      const T shift = T(__builtin_log(sum_exp<T>(x, n, max, nullptr)));
      by_lanes<T>(n, [&](int64_t i, auto m) { store_lanes(y + i, V(load_lanes<V>(x + i, m, V{}) - max - shift), m); });
    } else {
      const T scale = T(1 / sum_exp<T>(x, n, max, y));
      by_lanes<T>(n, [&](int64_t i, auto m) { store_lanes(y + i, V(load_lanes<V>(y + i, m, V{}) * scale), m); });
    }
  }
}

template <class T>
inline double dot(const T* a, const T* b, int64_t n, bool log) {
  using V = Lanes<T>;
  const auto add = [](T p, T q) { return p + q; };
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    V s{};
    by_lanes<T>(n - begin < kBlock ? n - begin : kBlock, [&](int64_t i, auto m) {
      const V g = load_lanes<V>(a + begin + i, m, V{});
      s += log ? g : g * load_lanes<V>(b + begin + i, m, V{});
    });
    total += double(fold_lanes<T>(s, add));
  }
  return total;
}

template <class T>
void softmax_backward_rows(const void* grad, const void* out, void* grad_in, int64_t rows, int64_t n, bool log) {
  using V = Lanes<T>;
  const T *g = static_cast<const T*>(grad), *y = static_cast<const T*>(out);
  T* d = static_cast<T*>(grad_in);
  for (int64_t r = 0; r < rows; ++r, g += n, y += n, d += n) {
    const T total = T(dot(g, y, n, log));
    by_lanes<T>(n, [&](int64_t i, auto m) {
      const V a = load_lanes<V>(g + i, m, V{}), b = load_lanes<V>(y + i, m, V{});
      store_lanes(d + i, log ? V(a - exp_lanes<T>(b) * total) : V((a - total) * b), m);
    });
  }
}

template <class T>
void softmax_apply(const void* in, void* out, int64_t n, int64_t stride, int64_t k, const void* acc, int64_t acc_step,
                   bool log) {
  using V = Lanes<T>;
  constexpr int w = kLanes<T>;
  const auto* a = static_cast<const LseState<T>*>(acc);
  const T* x = static_cast<const T*>(in);
  T* y = static_cast<T*>(out);
  constexpr int64_t tile = 1024;
  T maxes[tile + w], seconds[tile + w];
  const auto second = [&](const LseState<T>& s) { return T(log ? __builtin_log(s.sum) : 1 / s.sum); };
  if (acc_step == 0) {
    const T max = a->max, s = second(*a);
    for (int64_t i = 0; i < n; ++i)
      by_lanes<T>(k, [&](int64_t j, auto m) {
        const V v = load_lanes<V>(x + i * stride + j, m, V{}) - max;
        store_lanes(y + i * stride + j, log ? V(v - s) : V(exp_lanes<T>(v) * s), m);
      });
    return;
  }
  for (int64_t begin = 0; begin < k; begin += tile) {
    const int64_t columns = k - begin < tile ? k - begin : tile;
    for (int64_t j = 0; j < columns; ++j) maxes[j] = a[begin + j].max, seconds[j] = second(a[begin + j]);
    for (int64_t j = columns; j < columns + w; ++j) maxes[j] = seconds[j] = 0;
    for (int64_t i = 0; i < n; ++i) {
      const T* from = x + i * stride + begin;
      T* to = y + i * stride + begin;
      by_lanes<T>(columns, [&](int64_t j, auto m) {
        const V v = load_lanes<V>(from + j, m, V{}) - load_lanes<V>(maxes + j), s = load_lanes<V>(seconds + j);
        store_lanes(to + j, log ? V(v - s) : V(exp_lanes<T>(v) * s), m);
      });
    }
  }
}

template <class T>
void softmax_dots(const void* grad, const void* out, int64_t n, int64_t stride, int64_t k, double* dots, bool log) {
  using V = Lanes<T>;
  constexpr int w = kLanes<T>;
  const T *g = static_cast<const T*>(grad), *y = static_cast<const T*>(out);
  for (int64_t i = 0; i < n; i += kRowBlock, g += kRowBlock * stride, y += kRowBlock * stride) {
    const int64_t rows = n - i < kRowBlock ? n - i : kRowBlock;
    by_lanes<T>(k, [&](int64_t j, auto m) {
      V s{};
      for (int64_t r = 0; r < rows; ++r) {
        const V a = load_lanes<V>(g + r * stride + j, m, V{});
        s += log ? a : a * load_lanes<V>(y + r * stride + j, m, V{});
      }
      T lanes[w];
      store_lanes(lanes, s);
      for (int64_t l = 0; l < m; ++l) dots[j + l] += double(lanes[l]);
    });
  }
}

template <class T>
void softmax_backward_apply(const void* grad, const void* out, void* grad_in, int64_t n, int64_t stride, int64_t k,
                            const double* dots, int64_t dot_step, bool log) {
  using V = Lanes<T>;
  constexpr int w = kLanes<T>;
  const T *g = static_cast<const T*>(grad), *y = static_cast<const T*>(out);
  T* d = static_cast<T*>(grad_in);
  constexpr int64_t tile = 1024;
  T totals[tile + w];
  for (int64_t begin = 0; begin < k; begin += tile) {
    const int64_t columns = k - begin < tile ? k - begin : tile;
    for (int64_t j = 0; j < columns; ++j) totals[j] = T(dots[(begin + j) * dot_step]);
    for (int64_t j = columns; j < columns + w; ++j) totals[j] = 0;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t at = i * stride + begin;
      by_lanes<T>(columns, [&](int64_t j, auto m) {
        const V a = load_lanes<V>(g + at + j, m, V{}), b = load_lanes<V>(y + at + j, m, V{}),
                t = load_lanes<V>(totals + j);
        store_lanes(d + at + j, log ? V(a - exp_lanes<T>(b) * t) : V((a - t) * b), m);
      });
    }
  }
}

// --- scans: one line at a time where it is contiguous, else all columns of a row together ----------------------

/// Sums in the width of the scan's own state: else a block's sum and the last of its partial sums would differ.
template <class T>
struct WideSumOp : Additive<T, typename Wide<SumLane<T>>::type> {};

template <class T>
struct CumsumOp {
  // Double sums stay in sequence: cut in blocks, those of positive numbers might not be monotone.
  static constexpr bool blocks = std::is_same_v<T, float> || std::is_integral_v<T>;
  using In = T;
  using State = typename Wide<SumLane<T>>::type;
  using Out = SumOut<T>;
  static State start() { return State(0); }
  static void step(State& s, T x, int64_t) { s = s + State(x); }
  static Out value(const State& s) { return Out(s); }
};
template <class T>
struct CumprodOp : CumsumOp<T> {
  static constexpr bool blocks = false;
  using State = typename CumsumOp<T>::State;
  static State start() { return State(1); }
  static void step(State& s, T x, int64_t) { s = s * State(x); }
};
template <class T, bool kMax>
struct CumIndexOp {
  using In = T;
  using Out = T;
  struct State {
    T best;
    int64_t index;
  };
  static State start() { return {T(0), -1}; }
  // Ties take the later place, as PyTorch's do; nan wins and then only another nan does.
  static void step(State& s, T x, int64_t i) {
    const bool wins = x != x || (s.best == s.best && (kMax ? x >= s.best : x <= s.best));
    if (s.index < 0 || wins) s = {x, i};
  }
  static T value(const State& s) { return s.best; }
  static int64_t index(const State& s) { return s.index; }
};
template <class T>
struct CumLseOp {
  using In = T;
  using Out = T;
  using State = double;
  static State start() { return -std::numeric_limits<double>::infinity(); }
  static void step(State& s, T x, int64_t) {
    const double y = double(x), low = s < y ? s : y, high = s < y ? y : s;
    if (s != s || y != y)
      s = s + y;
    else if (low != high || high - high == 0)
      s = high + __builtin_log1p(__builtin_exp(low - high));
    else
      s = high;
  }
  static T value(State s) { return T(s); }
};

template <class Op>
struct Scanned {
  using In = typename Op::In;
  using State = typename Op::State;
  static constexpr int64_t carry_size = sizeof(State);
  static void init(void* carry, int64_t k) {
    for (int64_t j = 0; j < k; ++j) static_cast<State*>(carry)[j] = Op::start();
  }
  static void put(const ScanBlock& b, int64_t i, int64_t j, const State& s) {
    const auto v = Op::value(s);
    __builtin_memcpy(b.out + i * b.out_n + j * b.out_k, &v, sizeof v);
    if constexpr (requires { Op::index(s); }) {
      const int64_t at = Op::index(s);
      if (b.indices) __builtin_memcpy(b.indices + i * b.index_n + j * b.index_k, &at, sizeof at);
    }
  }
  static void step(const ScanBlock& b, int64_t i, int64_t j, State& s) {
    In x;
    __builtin_memcpy(&x, b.in + i * b.in_n + j * b.in_k, sizeof x);
    Op::step(s, x, b.first + i);
    put(b, i, j, s);
  }
  static constexpr bool blocks() {
    if constexpr (requires { Op::blocks; })
      return Op::blocks;
    else
      return false;
  }
  static void skip(const char* in, int64_t n, int64_t stride, void* carry) {
    if constexpr (blocks()) {
      State* s = static_cast<State*>(carry);
      In buffer[256];
      for (int64_t i = 0; i < n; i += 256) {
        const int64_t m = n - i < 256 ? n - i : 256;
        const bool direct = stride == int64_t(sizeof(In));
        if (!direct) gather(in + i * stride, stride, m, buffer);
        *s += join_block<WideSumOp<In>>(direct ? reinterpret_cast<const In*>(in) + i : buffer, m, 0);
      }
    }
  }
  /// A contiguous line by vectors: partial sums within each, then the carry on top.
  static int64_t scan_lanes(const In* x, typename Op::Out* y, int64_t n, State& carry) {
    int64_t i = 0;
    if constexpr (blocks()) {
      using Word = std::conditional_t<std::is_integral_v<State>, State, std::uint64_t>;
      constexpr int w = kLanes<State>;
      using V = Lanes<State>;
      using Order = Lanes<Word>;
      V before = V{} + carry;
      for (; i + w <= n; i += w) {
        V v = __builtin_convertvector(load_lanes<Lanes<In, w>>(x + i), V);
        for (int step = 1; step < w; step *= 2) {
          Order from{};
          for (int l = 0; l < w; ++l) from[l] = Word(l < step ? w + l : l - step);  // lane w and above are zeros
          v += __builtin_shuffle(v, V{}, from);
        }
        store_lanes(y + i, __builtin_convertvector(v + before, Lanes<typename Op::Out, w>));
        before += __builtin_shuffle(v, Order{} + Word(w - 1));
      }
      carry = before[0];
    }
    return i;
  }
  static void scan(const ScanBlock& b, void* carry) {
    State* s = static_cast<State*>(carry);
    if (b.k == 1 && blocks() && b.in_n == int64_t(sizeof(In)) && b.out_n == int64_t(sizeof(typename Op::Out))) {
      State line = *s;
      const In* x = reinterpret_cast<const In*>(b.in);
      auto* y = reinterpret_cast<typename Op::Out*>(b.out);
      for (int64_t i = scan_lanes(x, y, b.n, line); i < b.n; ++i) {
        Op::step(line, x[i], 0);
        y[i] = Op::value(line);
      }
      *s = line;
      return;
    }
    if (b.k == 1) {
      State line = *s;
      for (int64_t i = 0; i < b.n; ++i) step(b, i, 0, line);
      *s = line;
      return;
    }
    using Out = typename Op::Out;
    constexpr bool plain = !requires { Op::index(*s); };
    if (plain && b.in_k == int64_t(sizeof(In)) && b.out_k == int64_t(sizeof(Out))) {
      for (int64_t i = 0; i < b.n; ++i) {
        const In* x = reinterpret_cast<const In*>(b.in + i * b.in_n);
        Out* y = reinterpret_cast<Out*>(b.out + i * b.out_n);
        for (int64_t j = 0; j < b.k; ++j) {
          Op::step(s[j], x[j], b.first + i);
          y[j] = Op::value(s[j]);
        }
      }
      return;
    }
    for (int64_t i = 0; i < b.n; ++i)
      for (int64_t j = 0; j < b.k; ++j) step(b, i, j, s[j]);
  }
};

// --- the table -------------------------------------------------------------------------------------------------

template <class K, class Out>
constexpr ReduceKernel kernel(DType result = dtype_of<Out>()) {
  return {K::init, K::rows, K::columns, K::combine, K::finish, std::int32_t(K::acc_size), result};
}
template <class Op>
constexpr ReduceKernel joined() {
  return kernel<Joined<Op>, typename Op::Out>();
}
template <class Op>
constexpr ReduceKernel blockwise() {
  return kernel<Blockwise<Op>, typename Op::Out>();
}
template <class Op>
constexpr ScanKernel scanned() {
  return {Scanned<Op>::init, Scanned<Op>::scan, Scanned<Op>::blocks() ? Scanned<Op>::skip : nullptr,
          std::int32_t(Scanned<Op>::carry_size)};
}

struct Filler {
  ReduceTable& t;
  ReduceKernel& at(Reduce r, DType d) { return t.reduce[int(r)][int(d)]; }
  ScanKernel& at(Scan s, DType d) { return t.scan[int(s)][int(d)]; }

  template <class T>
  void ordered(DType d) {
    at(Reduce::Amax, d) = kernel<Joined<MaxOp<T>>, T>(d);
    at(Reduce::Amin, d) = kernel<Joined<MinOp<T>>, T>(d);
    at(Reduce::Argmax, d) = kernel<Blockwise<IndexOp<T, true>>, T>(d);
    at(Reduce::Argmin, d) = kernel<Blockwise<IndexOp<T, false>>, T>(d);
    at(Scan::Cummax, d) = scanned<CumIndexOp<T, true>>();
    at(Scan::Cummin, d) = scanned<CumIndexOp<T, false>>();
  }
  template <class T>
  void numbers(DType d) {  // float, double and complex
    at(Reduce::Sum, d) = joined<SumOp<T>>();
    at(Reduce::Prod, d) = joined<ProdOp<T>>();
    at(Reduce::AbsSum, d) = joined<AbsSumOp<T>>();
    at(Reduce::SquareSum, d) = joined<SquareSumOp<T>>();
    at(Reduce::PowerSum, d) = joined<PowerSumOp<T>>();
    at(Reduce::AbsMax, d) = joined<AbsMaxOp<T>>();
    at(Reduce::AbsMin, d) = joined<AbsMinOp<T>>();
    at(Reduce::Var, d) = blockwise<VarOp<T>>();
    at(Scan::Cumsum, d) = scanned<CumsumOp<T>>();
    at(Scan::Cumprod, d) = scanned<CumprodOp<T>>();
  }
  template <class T>
  void reals(DType d, int row) {
    ordered<T>(d);
    numbers<T>(d);
    at(Reduce::NanSum, d) = joined<NanSumOp<T>>();
    at(Reduce::LogSumExp, d) = blockwise<LseOp<T>>();
    at(Scan::Logcumsumexp, d) = scanned<CumLseOp<T>>();
    t.softmax_rows[row] = softmax_rows<T>;
    t.softmax_backward_rows[row] = softmax_backward_rows<T>;
    t.softmax_apply[row] = softmax_apply<T>;
    t.softmax_dots[row] = softmax_dots<T>;
    t.softmax_backward_apply[row] = softmax_backward_apply<T>;
  }
  template <class T>
  void integers(DType d) {
    ordered<T>(d);
    at(Reduce::Sum, d) = joined<SumOp<T>>();
  }
};

}  // namespace

void fill_reduce(ReduceTable& t) {
  Filler f{t};
  f.integers<std::uint8_t>(DType::Bool);
  f.integers<std::uint8_t>(DType::UInt8);
  f.integers<std::int8_t>(DType::Int8);
  f.integers<std::int16_t>(DType::Int16);
  f.integers<std::int32_t>(DType::Int32);
  f.integers<int64_t>(DType::Int64);
  f.reals<float>(DType::Float, 0);
  f.reals<double>(DType::Double, 1);
  f.numbers<cfloat>(DType::CFloat);
  f.numbers<cdouble>(DType::CDouble);
#if defined(__F16C__)
  t.reduce[int(Reduce::Sum)][int(DType::Half)] = joined<HalfSumOp<half_t>>();
#endif
  t.reduce[int(Reduce::Sum)][int(DType::BFloat16)] = joined<HalfSumOp<bfloat16_t>>();
  t.reduce[int(Reduce::Prod)][int(DType::Int64)] = joined<ProdOp<int64_t>>();
  t.scan[int(Scan::Cumsum)][int(DType::Int64)] = scanned<CumsumOp<int64_t>>();
  t.scan[int(Scan::Cumprod)][int(DType::Int64)] = scanned<CumprodOp<int64_t>>();
  // On bools the largest is "any".
  t.reduce[int(Reduce::Any)][int(DType::Bool)] = t.reduce[int(Reduce::Amax)][int(DType::Bool)];
  t.reduce[int(Reduce::All)][int(DType::Bool)] = kernel<Joined<AllOp>, std::uint8_t>(DType::Bool);
}

}  // namespace rl
