// Arithmetic, comparison, bits and the activations that need no transcendental function.
#include "kernels/apply.h"
#include "kernels/level.h"

namespace rl {
namespace {

// Signed overflow wraps as in PyTorch; the sums are done unsigned, and no narrower than 32 bits, since
// C++ promotes narrower ones back to signed int.
template <class T>
using Wrap = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
template <class T>
inline constexpr bool is_int = std::is_integral_v<T> && !std::is_same_v<T, bool>;
template <class T>
inline constexpr bool is_bool = std::is_same_v<T, bool>;

template <class T>
RL_INLINE T add(T a, T b) {
  if constexpr (is_bool<T>)
    return a | b;
  else if constexpr (is_int<T>)
    return T(Wrap<T>(a) + Wrap<T>(b));
  else
    return a + b;
}
template <class T>
RL_INLINE T sub(T a, T b) {
  if constexpr (is_int<T>)
    return T(Wrap<T>(a) - Wrap<T>(b));
  else
    return a - b;
}
template <class T>
RL_INLINE T mul(T a, T b) {
  if constexpr (is_bool<T>)
    return a & b;
  else if constexpr (is_int<T>)
    return T(Wrap<T>(a) * Wrap<T>(b));
  else
    return a * b;
}
template <class T>
RL_INLINE T neg(T a) {
  if constexpr (is_int<T>)
    return T(Wrap<T>(0) - Wrap<T>(a));
  else
    return -a;
}
template <class T>
RL_INLINE T divide(T a, T b) {
  return a / b;
}
template <class T>
RL_INLINE bool nonzero(T a) {
  return convert<bool>(a);
}
template <class T>
RL_INLINE T magnitude(cplx<T> a) {
  return vm::hypot(a.re, a.im);
}
template <class T>
RL_INLINE T sgn(T a) {
  if constexpr (is_complex_v<T>) {
    const auto r = magnitude(a);
    return r == 0 ? T(0) : T(a.re / r, a.im / r);
  } else if constexpr (is_bool<T>) {
    return a;
  } else {
    return T(int(a > T(0)) - int(a < T(0)));  // NaN gives 0, as in PyTorch
  }
}
template <class T>
RL_INLINE T round_even(T a) {
  // Without SSE4.1 there is no rounding instruction; the sum rounds, and the sign keeps -0.
  constexpr T limit = T(1) / std::numeric_limits<T>::epsilon();
  const T m = vm::fabs(a), r = (m + limit) - limit;
  return m < limit ? vm::copysign(r, a) : a;
}

// ---- unary -----------------------------------------------------------------------------------------------------
RL_OP1(Neg, { return neg(a); })
RL_OP1(Abs, {
  if constexpr (is_complex_v<T>)
    return magnitude(a);
  else if constexpr (is_float<T>)
    return vm::fabs(a);
  else if constexpr (std::is_signed_v<T>)
    return a < 0 ? neg(a) : a;
  else
    return a;
})
RL_OP1(Sign, { return sgn(a); })
RL_OP1(Square, { return mul(a, a); })
RL_OP1(Relu, { return a < T(0) ? T(0) : a; })
RL_OP1(Relu6, {
  const T low = a < T(0) ? T(0) : a;
  return low > T(6) ? T(6) : low;
})
RL_OP1(Hardsigmoid, {
  const T y = vm::limit(a + T(3), T(0), T(6));
  return y / T(6);
})
RL_OP1(Hardswish, { return a * vm::limit(a + T(3), T(0), T(6)) / T(6); })
RL_OP1(Floor, {
  if constexpr (is_float<T>)
    return vm::floor(a);
  else
    return a;
})
RL_OP1(Ceil, {
  if constexpr (is_float<T>)
    return vm::ceil(a);
  else
    return a;
})
RL_OP1(Trunc, {
  if constexpr (is_float<T>)
    return vm::trunc(a);
  else
    return a;
})
RL_OP1(Round, {
  if constexpr (is_float<T>)
    return round_even(a);
  else
    return a;
})
RL_OP1(Frac, { return a - vm::trunc(a); })
RL_OP1(BitwiseNot, {
  if constexpr (is_bool<T>)
    return !a;
  else
    return T(~a);
})
RL_OP1(Conj, { return conj(a); })

// ---- unary with constants ---------------------------------------------------------------------------------------
RL_OP1C(LeakyRelu, 1, { return a > T(0) ? a : a * c[0]; })
RL_OP1C(Hardtanh, 2, {
  const T low = a < c[0] ? c[0] : a;
  return low > c[1] ? c[1] : low;
})
RL_OP1C(Hardshrink, 1, { return a >= -c[0] && a <= c[0] ? T(0) : a; })
RL_OP1C(Softshrink, 1, { return a > c[0] ? a - c[0] : a < -c[0] ? a + c[0] : a * T(0); })
RL_OP1C(Threshold, 2, { return a <= c[0] ? c[1] : a; })
template <class T>
RL_INLINE T nan_to_num(T a, T nan, T pos, T low) {
  a = a == vm::kInf<T> ? pos : a == -vm::kInf<T> ? low : a;
  return a != a ? nan : a;
}
RL_OP1C(NanToNum, 3, {
  using R = typename Consts<T>::R;
  const R nan = R(c.raw[0]), pos = R(c.raw[1]), low = R(c.raw[2]);
  if constexpr (is_complex_v<T>)
    return T(nan_to_num(a.re, nan, pos, low), nan_to_num(a.im, nan, pos, low));
  else
    return nan_to_num(a, nan, pos, low);
})
/// `params` holds the decimals; the power of ten is worked out once a call.
template <class T>
void round_decimals(char* const* d, const std::int64_t* s, std::int64_t n, const void* params);
struct RoundScaled {  // constants: 10^|decimals|, and whether they are negative
  static constexpr int kConsts = 2;
  template <class T>
  static RL_INLINE auto f(T a, const Consts<T>& c) {
    if constexpr (is_float<T>)
      return c[1] != 0 ? round_even(a / c[0]) * c[0] : round_even(a * c[0]) / c[0];
    else
      return a;
  }
};
template <class T>
void round_decimals(char* const* d, const std::int64_t* s, std::int64_t n, const void* params) {
  const double decimals = *static_cast<const double*>(params);
  const double scaled[2] = {double(__builtin_pow(10., vm::fabs(decimals))), double(decimals < 0)};
  loop1<RoundScaled, T>(d, s, n, scaled);
}

// ---- predicates ----------------------------------------------------------------------------------------------
template <class T>
RL_INLINE bool is_inf(T a) {
  if constexpr (is_complex_v<T>)
    return is_inf(a.re) || is_inf(a.im);
  else if constexpr (is_float<T>)
    return vm::fabs(a) == vm::kInf<T>;
  else
    return false;
}
RL_OP1(LogicalNot, { return !nonzero(a); })
RL_OP1(IsNan, { return is_nan(a); })
RL_OP1(IsInf, { return is_inf(a); })
RL_OP1(IsFinite, { return !is_nan(a) && !is_inf(a); })
RL_OP1(IsPosInf, {
  if constexpr (is_float<T>)
    return a == vm::kInf<T>;
  else
    return false;
})
RL_OP1(IsNegInf, {
  if constexpr (is_float<T>)
    return a == -vm::kInf<T>;
  else
    return false;
})
RL_OP1(SignBit, {
  if constexpr (is_float<T>)
    return (std::bit_cast<typename vm::FloatBits<T>::U>(a) >> (8 * sizeof(T) - 1)) != 0;
  else
    return a < T(0);
})

// ---- binary ----------------------------------------------------------------------------------------------------
RL_HOT2(Add, { return add(a, b); })
RL_HOT2(Sub, { return sub(a, b); })
RL_HOT2(Mul, { return mul(a, b); })
RL_HOT2(Div, { return divide(a, b); })

RL_INLINE void report_zero(const void* params) { *static_cast<bool*>(const_cast<void*>(params)) = true; }

/// Integer division that reports a zero divisor and wraps INT_MIN / -1.
template <class T>
RL_INLINE T quotient(T a, T b, const void* params) {
  if (b == 0) {
    report_zero(params);
    return 0;
  }
  if constexpr (std::is_signed_v<T>) {
    if (b == T(-1)) return neg(a);
  }
  return T(a / b);
}
template <class T>
RL_INLINE T rest(T a, T b, const void* params) {
  if (b == 0) {
    report_zero(params);
    return 0;
  }
  if constexpr (std::is_signed_v<T>) {
    if (b == T(-1)) return 0;
  }
  return T(a % b);
}
struct TruncDiv {
  static constexpr bool kParams = true;
  template <class T>
  static RL_INLINE T f(T a, T b, const void* params) {
    if constexpr (is_float<T>)
      return vm::trunc(a / b);
    else
      return quotient(a, b, params);
  }
};
struct FloorDiv {
  static constexpr bool kParams = true;
  template <class T>
  static RL_INLINE T f(T a, T b, const void* params) {
    if constexpr (is_float<T>) {
      if (b == 0) return a / b;
      const T mod = vm::fmod(a, b);
      T div = (a - mod) / b;
      if (mod != 0 && (b < 0) != (mod < 0)) div -= T(1);
      if (div == 0) return vm::copysign(T(0), a / b);
      const T down = vm::floor(div);
      return div - down > T(0.5) ? down + T(1) : down;
    } else {
      const T q = quotient(a, b, params);
      if constexpr (std::is_signed_v<T>) {
        if ((a < 0) != (b < 0) && b != 0 && mul(q, b) != a) return T(q - 1);
      }
      return q;
    }
  }
};
struct Remainder {
  static constexpr bool kParams = true;
  template <class T>
  static RL_INLINE T f(T a, T b, const void* params) {
    if constexpr (is_float<T>) {
      const T mod = vm::fmod(a, b);
      return mod != 0 && (b < 0) != (mod < 0) ? mod + b : mod;
    } else {
      const T mod = rest(a, b, params);
      return mod != 0 && (b < 0) != (mod < 0) ? T(mod + b) : mod;
    }
  }
};
struct Fmod {
  static constexpr bool kParams = true;
  template <class T>
  static RL_INLINE T f(T a, T b, const void* params) {
    if constexpr (is_float<T>)
      return vm::fmod(a, b);
    else
      return rest(a, b, params);
  }
};

RL_HOT2(Maximum, {
  const T m = a > b ? a : b;  // b where one is NaN
  return is_nan(a) ? a : m;
})
RL_HOT2(Minimum, {
  const T m = a < b ? a : b;
  return is_nan(a) ? a : m;
})
// Of equal numbers the first, which shows in the signs of zeros.
RL_OP2(Fmax, {
  const T m = b > a ? b : a;
  return is_nan(a) ? b : m;
})
RL_OP2(Fmin, {
  const T m = b < a ? b : a;
  return is_nan(a) ? b : m;
})
RL_OP2(BitwiseAnd, { return T(a & b); })
RL_OP2(BitwiseOr, { return T(a | b); })
RL_OP2(BitwiseXor, { return T(a ^ b); })
RL_OP2(LeftShift, {
  constexpr Wrap<T> width = 8 * sizeof(T);
  const Wrap<T> by = Wrap<T>(b);  // a negative shift is a huge one
  return by < width ? T(Wrap<T>(a) << (by & (width - 1))) : T(0);
})
RL_OP2(RightShift, {
  constexpr Wrap<T> width = 8 * sizeof(T);
  const Wrap<T> by = Wrap<T>(b);
  if constexpr (std::is_signed_v<T>)
    return T(a >> int(by < width ? by : width - 1));
  else
    return by < width ? T(a >> int(by & (width - 1))) : T(0);
})
RL_OP2(Copysign, { return vm::copysign(a, b); })
RL_OP2(Nextafter, { return vm::nextafter(a, b); })
RL_OP2(Heaviside, { return a == T(0) ? b : T(a > T(0)); })

template <class T>
RL_INLINE auto absolute(T a) {
  using U = std::make_unsigned_t<T>;
  return a < T(0) ? U(Wrap<T>(0) - Wrap<T>(a)) : U(a);
}
template <class T>
RL_INLINE auto gcd(T x, T y) {
  auto a = absolute(x);
  auto b = absolute(y);
  while (a != 0) {
    const auto r = decltype(a)(b % a);
    b = a;
    a = r;
  }
  return b;
}
RL_OP2(Gcd, { return T(gcd(a, b)); })
RL_OP2(Lcm, {
  const auto g = gcd(a, b);
  if (g == 0) return T(0);
  const T q = T(absolute(a) / g);
  const T r = mul(q, b);
  return T(absolute(r));
})

// ---- derivatives: gradient g = a first, then b -------------------------------------------------------------------
RL_HOT2(TanhBackward, { return a * conj(T(1) - b * b); })
RL_HOT2(SigmoidBackward, { return a * conj((T(1) - b) * b); })
RL_OP2(ReluBackward, { return b <= T(0) ? T(0) : a; })
RL_OP2(HardsigmoidBackward, { return b > T(-3) && b < T(3) ? a * T(1. / 6) : T(0); })
RL_OP2(HardswishBackward, { return b <= T(-3) ? T(0) : b < T(3) ? a * (b / T(3) + T(0.5)) : a; })
RL_OP2(SqrtBackward, { return divide(a, T(2) * conj(b)); })
RL_OP2(AbsBackward, { return a * sgn(b); })
RL_OP2C(LeakyReluBackward, 1, { return b > T(0) ? a : a * c[0]; })
RL_OP2C(HardtanhBackward, 2, { return b <= c[0] || b >= c[1] ? T(0) : a; })
RL_OP2C(ShrinkBackward, 1, { return b >= -c[0] && b <= c[0] ? T(0) : a; })
RL_OP2C(ThresholdBackward, 2, { return b <= c[0] ? T(0) : a; })
RL_OP2C(LogitBackward, 1, {
  const T lo = c[0] < T(0) ? T(0) : c[0], hi = T(1) - lo;
  return b < lo || b > hi ? (c[0] < T(0) ? vm::kNan<T> : T(0)) : a / (b * (T(1) - b));
})

struct AddScaled {
  static constexpr bool kHot = true;
  static constexpr int kConsts = 2;
  template <class T>
  static RL_INLINE T f(T a, T b, const Consts<T>& c) {
    return add(a, mul(c.whole(), b));
  }
};
/// start + w (end - start), from the nearer end, so that w = 1 gives `end` exactly.
template <class T>
RL_INLINE T lerp(T a, T b, T w) {
  bool low;
  if constexpr (is_complex_v<T>)
    low = w.re * w.re + w.im * w.im < typename T::value_type(0.25);
  else
    low = vm::fabs(w) < T(0.5);
  const T d = b - a;
  const T x = a + w * d, y = b - d * (T(1) - w);
  return low ? x : y;
}
struct LerpScalar {
  static constexpr int kConsts = 2;
  template <class T>
  static RL_INLINE T f(T a, T b, const Consts<T>& c) {
    return lerp(a, b, c.whole());
  }
};

// ---- comparison --------------------------------------------------------------------------------------------------
RL_HOT2(Eq, { return a == b; })
RL_HOT2(Ne, { return a != b; })
RL_HOT2(Lt, { return a < b; })
RL_HOT2(Le, { return a <= b; })
RL_HOT2(Gt, { return a > b; })
RL_HOT2(Ge, { return a >= b; })
RL_OP2(LogicalAnd, { return bool(nonzero(a) & nonzero(b)); })
RL_OP2(LogicalOr, { return bool(nonzero(a) | nonzero(b)); })
RL_OP2(LogicalXor, { return nonzero(a) != nonzero(b); })

// ---- ternary -------------------------------------------------------------------------------------------------------
struct Where {
  template <class T>
  static RL_INLINE T f(bool c, T a, T b) {
    if constexpr (is_complex_v<T>)
      return T(c ? a.re : b.re, c ? a.im : b.im);
    else if constexpr (is_bool<T>)
      return (c & a) | (!c & b);
    else {
      // By bits: GCC would make a branch of the choice, and conditions are hard to predict.
      using U = std::conditional_t<sizeof(T) == 8, std::uint64_t,
                                   std::conditional_t<sizeof(T) == 4, std::uint32_t,
                                                      std::conditional_t<sizeof(T) == 2, std::uint16_t, std::uint8_t>>>;
      const U mask = U(U(0) - U(c)), x = std::bit_cast<U>(a), y = std::bit_cast<U>(b);
      return std::bit_cast<T>(U((x & mask) | (y & U(~mask))));
    }
  }
};
struct Addcmul {
  static constexpr int kConsts = 2;
  template <class T>
  static RL_INLINE T f(T x, T a, T b, const Consts<T>& c) {
    return add(x, mul(mul(c.whole(), a), b));
  }
};
struct Addcdiv {
  static constexpr int kConsts = 2;
  template <class T>
  static RL_INLINE T f(T x, T a, T b, const Consts<T>& c) {
    return add(x, divide(mul(c.whole(), a), b));
  }
};
struct Clamp {
  template <class T>
  static RL_INLINE T f(T x, T lo, T hi) {
    // NaN of any operand shows; where lo > hi the answer is hi.
    T y = x < lo ? lo : x;
    y = y > hi ? hi : y;
    y = is_nan(hi) ? hi : y;
    y = is_nan(lo) ? lo : y;
    return is_nan(x) ? x : y;
  }
};
/// Bounds that are numbers, the usual case: two comparisons.
template <class T>
void clamp_loop(char* const* d, const std::int64_t* s, std::int64_t n, const void* params) {
  if (n > 0 && s[0] == sizeof(T) && s[1] == sizeof(T) && s[2] == 0 && s[3] == 0) {
    T low, high;
    std::memcpy(&low, d[2], sizeof(T));
    std::memcpy(&high, d[3], sizeof(T));
    if (!is_nan(low) && !is_nan(high)) {
      T* const o = reinterpret_cast<T*>(d[0]);
      const T* const a = reinterpret_cast<const T*>(d[1]);
#pragma GCC ivdep
      for (std::int64_t i = 0; i < n; ++i) {
        const T x = a[i] < low ? low : a[i];
        o[i] = x > high ? high : x;
      }
      return;
    }
  }
  loop3<Clamp, T>(d, s, n, params);
}
struct Lerp {
  template <class T>
  static RL_INLINE T f(T a, T b, T w) {
    return lerp(a, b, w);
  }
};

template <class... T>
void fill_clamp(Loop* row, Types<T...>) {
  ((row[int(dtype_of<T>())] = clamp_loop<T>), ...);
}
template <class... T>
void fill_where(Loop* row, Types<T...>) {
  ((row[int(dtype_of<T>())] = loop3<Where, T, bool>), ...);
}

}  // namespace

void fill_pointwise(PointwiseTable& t) {
#define RL_U(Name, ...) RL_FILL1(unary, Unary, Name, Name, __VA_ARGS__)
#define RL_P(Name, ...) RL_FILL1(predicate, Predicate, Name, Name, __VA_ARGS__)
#define RL_B(Name, ...) RL_FILL2(binary, Binary, Name, Name, __VA_ARGS__)
#define RL_C(Name, ...) RL_FILL2(compare, Compare, Name, Name, __VA_ARGS__)
  const Bools b;
  const Ints i;
  const Floats f;
  const Complexes z;

  RL_U(Neg, i, f, z);
  RL_U(Abs, i, f, z);
  RL_U(Sign, b, i, f);
  RL_FILL1(unary, Unary, Sgn, Sign, b, i, f, z);
  RL_U(Square, i, f, z);
  RL_U(Relu, i, f);
  RL_U(Relu6, i, f);
  RL_U(Hardsigmoid, f);
  RL_U(Hardswish, f);
  RL_U(Floor, i, f);
  RL_U(Ceil, i, f);
  RL_U(Round, i, f);
  RL_U(Trunc, i, f);
  RL_U(Frac, f);
  RL_U(BitwiseNot, b, i);
  RL_U(Conj, z);

  RL_FILL1(unary_param, UnaryParam, LeakyRelu, LeakyRelu, f);
  RL_FILL1(unary_param, UnaryParam, Hardtanh, Hardtanh, i, f);
  RL_FILL1(unary_param, UnaryParam, Hardshrink, Hardshrink, f);
  RL_FILL1(unary_param, UnaryParam, Softshrink, Softshrink, f);
  RL_FILL1(unary_param, UnaryParam, Threshold, Threshold, i, f);
  RL_FILL1(unary_param, UnaryParam, NanToNum, NanToNum, f, z);
  t.unary_param[int(UnaryParam::RoundDecimals)][int(DType::Float)] = round_decimals<float>;
  t.unary_param[int(UnaryParam::RoundDecimals)][int(DType::Double)] = round_decimals<double>;

  RL_P(LogicalNot, b, i, f, z);
  RL_P(IsNan, b, i, f, z);
  RL_P(IsInf, b, i, f, z);
  RL_P(IsFinite, b, i, f, z);
  RL_P(IsPosInf, b, i, f);
  RL_P(IsNegInf, b, i, f);
  RL_P(SignBit, b, i, f);

  RL_B(Add, b, i, f, z);
  RL_B(Sub, i, f, z);
  RL_B(Mul, b, i, f, z);
  RL_B(Div, f, z);
  RL_B(FloorDiv, i, f);
  RL_B(TruncDiv, i, f);
  RL_B(Remainder, i, f);
  RL_B(Fmod, i, f);
  RL_B(Maximum, b, i, f);
  RL_B(Minimum, b, i, f);
  RL_FILL2(binary, Binary, Fmax, Maximum, b, i);
  RL_FILL2(binary, Binary, Fmin, Minimum, b, i);
  RL_B(Fmax, f);
  RL_B(Fmin, f);
  RL_B(BitwiseAnd, b, i);
  RL_B(BitwiseOr, b, i);
  RL_B(BitwiseXor, b, i);
  RL_B(LeftShift, i);
  RL_B(RightShift, i);
  RL_B(Copysign, f);
  RL_B(Nextafter, f);
  RL_B(Heaviside, b, i, f);
  RL_B(Gcd, i);
  RL_B(Lcm, i);
  RL_B(TanhBackward, f, z);
  RL_B(SigmoidBackward, f, z);
  RL_B(ReluBackward, f);
  RL_B(HardsigmoidBackward, f);
  RL_B(HardswishBackward, f);
  RL_B(SqrtBackward, f, z);
  RL_B(AbsBackward, f, z);

  RL_FILL2(binary_param, BinaryParam, AddScaled, AddScaled, b, i, f, z);
  RL_FILL2(binary_param, BinaryParam, LeakyReluBackward, LeakyReluBackward, f);
  RL_FILL2(binary_param, BinaryParam, HardtanhBackward, HardtanhBackward, f);
  RL_FILL2(binary_param, BinaryParam, HardshrinkBackward, ShrinkBackward, f);
  RL_FILL2(binary_param, BinaryParam, SoftshrinkBackward, ShrinkBackward, f);
  RL_FILL2(binary_param, BinaryParam, ThresholdBackward, ThresholdBackward, i, f);
  RL_FILL2(binary_param, BinaryParam, LogitBackward, LogitBackward, f);
  RL_FILL2(binary_param, BinaryParam, LerpScalar, LerpScalar, f, z);

  RL_C(Eq, b, i, f, z);
  RL_C(Ne, b, i, f, z);
  RL_C(Lt, b, i, f);
  RL_C(Le, b, i, f);
  RL_C(Gt, b, i, f);
  RL_C(Ge, b, i, f);
  RL_C(LogicalAnd, b, i, f, z);
  RL_C(LogicalOr, b, i, f, z);
  RL_C(LogicalXor, b, i, f, z);

  fill([&](auto types) { fill_where(t.ternary[int(Ternary::Where)], types); }, b, i, f, z);
  fill([&](auto types) { fill3<Addcmul>(t.ternary[int(Ternary::Addcmul)], types); }, i, f, z);
  fill([&](auto types) { fill3<Addcdiv>(t.ternary[int(Ternary::Addcdiv)], types); }, f, z);
  fill([&](auto types) { fill_clamp(t.ternary[int(Ternary::Clamp)], types); }, i, f);
  fill([&](auto types) { fill3<Lerp>(t.ternary[int(Ternary::Lerp)], types); }, f, z);
}

}  // namespace rl
