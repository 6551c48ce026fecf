// From an operator on elements to a Loop. Only level files include this.
// An operator is a struct with a static `f(inputs…)`, or `f(inputs…, const Consts<T>&)` and `kConsts`, the number of
// constants in `params`. Its arithmetic is compiled for contiguous operands alone (and, where `kHot`, for one
// broadcast scalar); strided operands pass through small buffers in L1, which costs little and keeps the binary small.
#pragma once

#include <cstring>
#include <type_traits>
#include <utility>

#include "base/dtype.h"
#include "kernels/level.h"
#include "kernels/vmath.h"

namespace rl {

template <class T>
struct Consts {
  using R = typename std::conditional_t<is_complex_v<T>, T, cplx<T>>::value_type;
  T c[3];
  double raw[3];

  Consts(const void* params, int n) {
    for (int i = 0; i < 3; ++i) {
      raw[i] = i < n ? static_cast<const double*>(params)[i] : 0.;
      c[i] = convert<T>(raw[i]);
    }
  }
  T operator[](int i) const { return c[i]; }
  /// The constant that takes two doubles, real and imaginary part.
  T whole() const {
    if constexpr (is_complex_v<T>)
      return T(R(raw[0]), R(raw[1]));
    else
      return c[0];
  }
};

template <class Op>
concept HasConsts = requires { Op::kConsts; };
template <class Op>
concept IsHot = requires { Op::kHot; };
template <class Op>
concept NeedsParams = requires { Op::kParams; };
template <class Op, class T>
concept HasInner = requires(T* p) { Op::inner(p, p, std::int64_t{}); };

template <class Op, class T, class... A>
RL_INLINE auto call(const Consts<T>& c, const void* params, A... a) {
  if constexpr (HasConsts<Op>)
    return Op::f(a..., c);
  else if constexpr (NeedsParams<Op>)
    return Op::f(a..., params);
  else
    return Op::f(a...);
}
template <class Op>
consteval int const_count() {
  if constexpr (HasConsts<Op>)
    return Op::kConsts;
  else
    return 0;
}
template <class Op, class T, class... A>
using Result = decltype(call<Op, T>(std::declval<const Consts<T>&>(), nullptr, std::declval<A>()...));

/// The arithmetic: contiguous operands.
using Inner = void (*)(char* out, const char* const* in, std::int64_t n, const void* params);

// The output may be the very memory of an input (in place), never shifted against it: hence ivdep.
template <class Op, class T, class A>
void inner1(char* out, const char* const* in, std::int64_t n, const void* params) {
  using R = Result<Op, T, A>;
  const Consts<T> c(params, const_count<Op>());
  R* o = reinterpret_cast<R*>(out);
  const A* a = reinterpret_cast<const A*>(in[0]);
  if constexpr (HasInner<Op, T>) return Op::inner(o, a, n);
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) o[i] = call<Op, T>(c, params, a[i]);
}
template <class Op, class T, bool ScalarA, bool ScalarB>
void inner2(char* out, const char* const* in, std::int64_t n, const void* params) {
  using R = Result<Op, T, T, T>;
  const Consts<T> c(params, const_count<Op>());
  R* o = reinterpret_cast<R*>(out);
  const T* a = reinterpret_cast<const T*>(in[0]);
  const T* b = reinterpret_cast<const T*>(in[1]);
  if constexpr (ScalarA) {
    const T s = *a;
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) o[i] = call<Op, T>(c, params, s, b[i]);
  } else if constexpr (ScalarB) {
    const T s = *b;
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) o[i] = call<Op, T>(c, params, a[i], s);
  } else {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) o[i] = call<Op, T>(c, params, a[i], b[i]);
  }
}
template <class Op, class T, class A>
void inner3(char* out, const char* const* in, std::int64_t n, const void* params) {
  const Consts<T> k(params, const_count<Op>());
  T* o = reinterpret_cast<T*>(out);
  const A* a = reinterpret_cast<const A*>(in[0]);
  const T* b = reinterpret_cast<const T*>(in[1]);
  const T* c = reinterpret_cast<const T*>(in[2]);
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) o[i] = call<Op, T>(k, params, a[i], b[i], c[i]);
}

namespace strided {

struct Pair {
  std::uint64_t lo, hi;
};
template <class T>
inline void copy(char* to, std::int64_t to_step, const char* from, std::int64_t from_step, std::int64_t n) {
  constexpr std::int64_t size = sizeof(T);
  if (to_step == -size && from_step == size && n > 0) {  // the same from the other end
    to += (n - 1) * to_step, from += (n - 1) * from_step;
    to_step = size, from_step = -size;
  }
  if (to_step == size && from_step == -size) {  // vectorised, unlike the loop below
    for (std::int64_t i = 0; i < n; ++i) {
      T v;
      std::memcpy(&v, from - i * size, sizeof(T));
      std::memcpy(to + i * size, &v, sizeof(T));
    }
    return;
  }
  for (std::int64_t i = 0; i < n; ++i) {
    T v;
    std::memcpy(&v, from + i * from_step, sizeof(T));
    std::memcpy(to + i * to_step, &v, sizeof(T));
  }
}
/// Copies elements of `size` bytes between strides in bytes.
[[maybe_unused]] static void copy_bytes(char* to, std::int64_t to_step, const char* from, std::int64_t from_step,
                                        std::int64_t n, int size) {
  switch (size) {
    case 1: return copy<std::uint8_t>(to, to_step, from, from_step, n);
    case 2: return copy<std::uint16_t>(to, to_step, from, from_step, n);
    case 4: return copy<std::uint32_t>(to, to_step, from, from_step, n);
    case 8: return copy<std::uint64_t>(to, to_step, from, from_step, n);
    default: return copy<Pair>(to, to_step, from, from_step, n);
  }
}

struct Sizes {
  int inputs, out, in[3];
};
[[maybe_unused]] static void run(Inner inner, const Sizes& sizes, char* const* data, const std::int64_t* strides,
                                 std::int64_t n, const void* params) {
  constexpr std::int64_t block = 256;
  alignas(64) char buffer[4][block * 16];
  const bool direct_out = strides[0] == sizes.out || n <= 1;
  for (std::int64_t at = 0; at < n; at += block) {
    const std::int64_t m = n - at < block ? n - at : block;
    const char* in[3] = {};
    for (int k = 0; k < sizes.inputs; ++k) {
      const std::int64_t step = strides[k + 1];
      if (step == sizes.in[k] || n <= 1) {
        in[k] = data[k + 1] + at * step;
        continue;
      }
      if (step != 0 || at == 0) copy_bytes(buffer[k], sizes.in[k], data[k + 1] + at * step, step, m, sizes.in[k]);
      in[k] = buffer[k];
    }
    char* out = direct_out ? data[0] + at * strides[0] : buffer[3];
    inner(out, in, m, params);
    if (!direct_out) copy_bytes(data[0] + at * strides[0], strides[0], out, sizes.out, m, sizes.out);
  }
}

}  // namespace strided

template <class Op, class T, class A = T>
void loop1(char* const* d, const std::int64_t* s, std::int64_t n, const void* params) {
  using R = Result<Op, T, A>;
  if (s[0] == sizeof(R) && s[1] == sizeof(A)) {
    const char* in[] = {d[1]};
    return inner1<Op, T, A>(d[0], in, n, params);
  }
  strided::run(inner1<Op, T, A>, {1, sizeof(R), {sizeof(A)}}, d, s, n, params);
}
template <class Op, class T>
void loop2(char* const* d, const std::int64_t* s, std::int64_t n, const void* params) {
  using R = Result<Op, T, T, T>;
  constexpr std::int64_t size = sizeof(T);
  if (s[0] == sizeof(R)) {
    const char* in[] = {d[1], d[2]};
    if (s[1] == size && s[2] == size) return inner2<Op, T, false, false>(d[0], in, n, params);
    if constexpr (IsHot<Op>) {
      if (n == 0) return;
      if (s[1] == size && s[2] == 0) return inner2<Op, T, false, true>(d[0], in, n, params);
      if (s[1] == 0 && s[2] == size) return inner2<Op, T, true, false>(d[0], in, n, params);
    }
  }
  strided::run(inner2<Op, T, false, false>, {2, sizeof(R), {sizeof(T), sizeof(T)}}, d, s, n, params);
}
template <class Op, class T, class A = T>
void loop3(char* const* d, const std::int64_t* s, std::int64_t n, const void* params) {
  if (s[0] == sizeof(T) && s[1] == sizeof(A) && s[2] == sizeof(T) && s[3] == sizeof(T)) {
    const char* in[] = {d[1], d[2], d[3]};
    return inner3<Op, T, A>(d[0], in, n, params);
  }
  strided::run(inner3<Op, T, A>, {3, sizeof(T), {sizeof(A), sizeof(T), sizeof(T)}}, d, s, n, params);
}

template <class... T>
struct Types {};
using Bools = Types<bool>;
using Ints = Types<std::uint8_t, std::int8_t, std::int16_t, std::int32_t, std::int64_t>;
using Floats = Types<float, double>;
using Complexes = Types<cfloat, cdouble>;

template <class Op, class... T>
void fill1(Loop* row, Types<T...>) {
  ((row[int(dtype_of<T>())] = loop1<Op, T>), ...);
}
template <class Op, class... T>
void fill2(Loop* row, Types<T...>) {
  ((row[int(dtype_of<T>())] = loop2<Op, T>), ...);
}
template <class Op, class... T>
void fill3(Loop* row, Types<T...>) {
  ((row[int(dtype_of<T>())] = loop3<Op, T>), ...);
}

// One line for an operator: its body sees a, b (and c, the constants).
#define RL_OP1(Name, ...)                    \
  struct Name {                              \
    template <class T>                       \
    static RL_INLINE auto f(T a) __VA_ARGS__ \
  };
#define RL_OP2(Name, ...)                         \
  struct Name {                                   \
    template <class T>                            \
    static RL_INLINE auto f(T a, T b) __VA_ARGS__ \
  };
#define RL_HOT2(Name, ...)                        \
  struct Name {                                   \
    static constexpr bool kHot = true;            \
    template <class T>                            \
    static RL_INLINE auto f(T a, T b) __VA_ARGS__ \
  };
#define RL_OP1C(Name, count, ...)                                \
  struct Name {                                                  \
    static constexpr int kConsts = count;                        \
    template <class T>                                           \
    static RL_INLINE auto f(T a, const Consts<T>& c) __VA_ARGS__ \
  };
#define RL_OP2C(Name, count, ...)                                     \
  struct Name {                                                       \
    static constexpr int kConsts = count;                             \
    template <class T>                                                \
    static RL_INLINE auto f(T a, T b, const Consts<T>& c) __VA_ARGS__ \
  };

/// fill(filler, types…): calls the filler with each list of types.
template <class F, class... L>
void fill(F filler, L... types) {
  (filler(types), ...);
}
#define RL_FILL1(table, Enum, Name, Op, ...) \
  fill([&](auto types) { fill1<Op>(t.table[int(Enum::Name)], types); }, __VA_ARGS__)
#define RL_FILL2(table, Enum, Name, Op, ...) \
  fill([&](auto types) { fill2<Op>(t.table[int(Enum::Name)], types); }, __VA_ARGS__)

template <class T>
inline constexpr bool is_float = std::is_floating_point_v<T>;
template <class T>
RL_INLINE T conj(T a) {
  if constexpr (is_complex_v<T>)
    return {a.re, -a.im};
  else
    return a;
}
template <class T>
RL_INLINE bool is_nan(T a) {
  if constexpr (is_float<T>)
    return a != a;
  else if constexpr (is_complex_v<T>)
    return a.re != a.re || a.im != a.im;
  else
    return false;
}

}  // namespace rl
