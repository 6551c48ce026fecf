// One pass over a parameter, its gradient and its state. Each line of arithmetic is in the order of PyTorch's operators
// one after another, so that trajectories stay together.
#include "kernels/level.h"

namespace rl {
namespace {

using std::int64_t;

inline float root(float x) { return __builtin_sqrtf(x); }
inline double root(double x) { return __builtin_sqrt(x); }
template <class T>
inline T magnitude(T x) {
  return x < 0 ? -x : x + T(0);
}
/// a + w (b - a), from the nearer end.
template <class T>
inline T lerp(T a, T b, T w) {
  return w < T(0.5) ? a + w * (b - a) : b - (b - a) * (T(1) - w);
}

template <class T>
struct Numbers {
  T c[kStepConstants];
  T sign;
  Numbers(const double* from, unsigned flags) : sign(flags & kMaximize ? T(-1) : T(1)) {
    for (int i = 0; i < kStepConstants; ++i) c[i] = T(from[i]);
  }
  T operator[](int i) const { return c[i]; }
};

/// Runs `body.template operator()<the flags that it looks at>()` for those that are set.
template <unsigned Wanted, unsigned Done, class F>
inline void choose(unsigned flags, F&& body) {
  if constexpr (Wanted == 0) {
    body.template operator()<Done>();
  } else {
    constexpr unsigned bit = Wanted & (0u - Wanted);
    if (flags & bit)
      choose<Wanted & ~bit, Done | bit>(flags, body);
    else
      choose<Wanted & ~bit, Done>(flags, body);
  }
}

// Each: the flags it looks at, and the change of one element. `s` are its states' elements, written back afterwards.

/// c: weight decay, momentum, 1 - dampening, -lr. State: the momentum.
struct SgdStep {
  static constexpr unsigned kLooksAt = kDecay | kMomentum | kNesterov;
  template <class T>
  static constexpr int states(unsigned flags) {
    return flags & kMomentum ? 1 : 0;
  }
  template <unsigned F, class T>
  static void f(T& p, T g, T* s, const Numbers<T>& c) {
    if constexpr ((F & kDecay) != 0) g = g + c[0] * p;
    if constexpr ((F & kMomentum) != 0) {
      s[0] = s[0] * c[1] + c[2] * g;
      if constexpr ((F & kNesterov) != 0)
        g = g + c[1] * s[0];
      else
        g = s[0];
    }
    p = p + c[3] * g;
  }
};

/// c: weight decay, 1 - beta1, beta2, 1 - beta2, sqrt of the second correction, eps, -step size, factor of decoupled
/// decay. State: both moments, and the greatest second one.
struct AdamStep {
  static constexpr unsigned kLooksAt = kDecay | kExtra;
  template <class T>
  static constexpr int states(unsigned flags) {
    return flags & kExtra ? 3 : 2;
  }
  template <unsigned F, class T>
  static void f(T& p, T g, T* s, const Numbers<T>& c) {
    p = p * c[7];
    if constexpr ((F & kDecay) != 0) g = g + c[0] * p;
    s[0] = lerp(s[0], g, c[1]);
    s[1] = s[1] * c[2] + c[3] * g * g;
    T v = s[1];
    if constexpr ((F & kExtra) != 0) v = s[2] = s[1] > s[2] || s[1] != s[1] ? s[1] : s[2];
    const T denominator = root(v) / c[4] + c[5];
    p = p + c[6] * s[0] / denominator;
  }
};

/// c: weight decay, alpha, 1 - alpha, eps, -lr, momentum. State: mean square, mean (centered), momentum.
struct RmsPropStep {
  static constexpr unsigned kLooksAt = kDecay | kMomentum | kExtra;
  template <class T>
  static constexpr int states(unsigned flags) {
    return 1 + (flags & kExtra ? 1 : 0) + (flags & kMomentum ? 1 : 0);
  }
  template <unsigned F, class T>
  static void f(T& p, T g, T* s, const Numbers<T>& c) {
    if constexpr ((F & kDecay) != 0) g = g + c[0] * p;
    s[0] = s[0] * c[1] + c[2] * g * g;
    T mean;
    if constexpr ((F & kExtra) != 0) {
      s[1] = lerp(s[1], g, c[2]);
      mean = root(s[0] - s[1] * s[1]) + c[3];
    } else {
      mean = root(s[0]) + c[3];
    }
    if constexpr ((F & kMomentum) != 0) {
      T& buffer = s[(F & kExtra) != 0 ? 2 : 1];
      buffer = buffer * c[5] + g / mean;
      p = p + c[4] * buffer;
    } else {
      p = p + c[4] * g / mean;
    }
  }
};

/// c: weight decay, eps, -lr of this step. State: the sum of squares.
struct AdagradStep {
  static constexpr unsigned kLooksAt = kDecay;
  template <class T>
  static constexpr int states(unsigned) {
    return 1;
  }
  template <unsigned F, class T>
  static void f(T& p, T g, T* s, const Numbers<T>& c) {
    if constexpr ((F & kDecay) != 0) g = g + c[0] * p;
    s[0] = s[0] + g * g;
    p = p + c[2] * g / (root(s[0]) + c[1]);
  }
};

/// c: weight decay, rho, 1 - rho, eps, -lr. State: mean square of gradients, of changes.
struct AdadeltaStep {
  static constexpr unsigned kLooksAt = kDecay;
  template <class T>
  static constexpr int states(unsigned) {
    return 2;
  }
  template <unsigned F, class T>
  static void f(T& p, T g, T* s, const Numbers<T>& c) {
    if constexpr ((F & kDecay) != 0) g = g + c[0] * p;
    s[0] = s[0] * c[1] + c[2] * g * g;
    const T change = root(s[1] + c[3]) / root(s[0] + c[3]) * g;
    s[1] = s[1] * c[1] + c[2] * change * change;
    p = p + c[4] * change;
  }
};

/// c: weight decay, 1 - beta1, beta2, eps, -lr of this step. State: mean, greatest magnitude.
struct AdamaxStep {
  static constexpr unsigned kLooksAt = kDecay;
  template <class T>
  static constexpr int states(unsigned) {
    return 2;
  }
  template <unsigned F, class T>
  static void f(T& p, T g, T* s, const Numbers<T>& c) {
    if constexpr ((F & kDecay) != 0) g = g + c[0] * p;
    s[0] = lerp(s[0], g, c[1]);
    const T old = s[1] * c[2], now = magnitude(g) + c[3];
    s[1] = now > old || now != now ? now : old;
    p = p + c[4] * s[0] / s[1];
  }
};

/// c: weight decay, 1 - beta1, beta2, 1 - beta2, eps, -lr over the first correction, rectification times the root of
/// the second correction, factor of decoupled decay. State: both moments.
struct RAdamStep {
  static constexpr unsigned kLooksAt = kDecay | kExtra;
  template <class T>
  static constexpr int states(unsigned) {
    return 2;
  }
  template <unsigned F, class T>
  static void f(T& p, T g, T* s, const Numbers<T>& c) {
    p = p * c[7];
    if constexpr ((F & kDecay) != 0) g = g + c[0] * p;
    s[0] = lerp(s[0], g, c[1]);
    s[1] = s[1] * c[2] + c[3] * g * g;
    T change = s[0] * c[5];
    if constexpr ((F & kExtra) != 0) change = change * (c[6] / (root(s[1]) + c[4]));
    p = p + change;
  }
};

/// c: weight decay or, decoupled, the factor of the parameter; 1 - beta1, beta2, 1 - beta2, second correction, eps,
/// factors of gradient and mean. State: both moments.
struct NAdamStep {
  static constexpr unsigned kLooksAt = kDecay;
  template <class T>
  static constexpr int states(unsigned) {
    return 2;
  }
  template <unsigned F, class T>
  static void f(T& p, T g, T* s, const Numbers<T>& c) {
    if constexpr ((F & kDecay) != 0)
      g = g + c[0] * p;
    else
      p = p * c[0];
    s[0] = lerp(s[0], g, c[1]);
    s[1] = s[1] * c[2] + c[3] * g * g;
    const T denominator = root(s[1] / c[4]) + c[5];
    p = p + c[6] * g / denominator;
    p = p + c[7] * s[0] / denominator;
  }
};

template <class Op, class T>
void loop(void* param, const void* grad, void* const* state, int64_t n, const double* numbers, unsigned flags) {
  const Numbers<T> c(numbers, flags);
  T* const p = static_cast<T*>(param);
  const T* const g = static_cast<const T*>(grad);
  choose<Op::kLooksAt, 0>(flags, [&]<unsigned F>() {
    constexpr int k = Op::template states<T>(F);
    T* const s0 = k > 0 ? static_cast<T*>(state[0]) : nullptr;
    T* const s1 = k > 1 ? static_cast<T*>(state[1]) : nullptr;
    T* const s2 = k > 2 ? static_cast<T*>(state[2]) : nullptr;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) {
      T s[kStepStates] = {};
      if constexpr (k > 0) s[0] = s0[i];
      if constexpr (k > 1) s[1] = s1[i];
      if constexpr (k > 2) s[2] = s2[i];
      T x = p[i];
      Op::template f<F, T>(x, c.sign * g[i], s, c);
      if constexpr (k > 0) s0[i] = s[0];
      if constexpr (k > 1) s1[i] = s[1];
      if constexpr (k > 2) s2[i] = s[2];
      p[i] = x;
    }
  });
}

template <class Op>
void add(OptimTable& t, Step step) {
  t.single[int(step)] = loop<Op, float>;
  t.twice[int(step)] = loop<Op, double>;
}

}  // namespace

void fill_optim(OptimTable& t) {
  add<SgdStep>(t, Step::Sgd);
  add<AdamStep>(t, Step::Adam);
  add<RmsPropStep>(t, Step::RmsProp);
  add<AdagradStep>(t, Step::Adagrad);
  add<AdadeltaStep>(t, Step::Adadelta);
  add<AdamaxStep>(t, Step::Adamax);
  add<RAdamStep>(t, Step::RAdam);
  add<NAdamStep>(t, Step::NAdam);
}

}  // namespace rl
