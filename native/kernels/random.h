// PyTorch's CPU generator and the distributions drawn from it, on raw contiguous memory.
//
// NOTE [Random streams] Every fill consumes the generator's 32-bit words in the order and number in which PyTorch 2.13
// does, so that a seed gives PyTorch's numbers and leaves PyTorch's state behind. A "single" is one word, a "pair" two
// words, the first one the upper half. U<float> is a uniform number in [0, 1), the low 24 bits of a single times 2^-24;
// U<double> the low 53 bits of a pair times 2^-53. The 16-bit floats are made from floats and rounded.
// N is a normal number: sqrt(-2 log1p(-u2)) cos(2 pi u1) of two U<double>, whose sine twin is kept in the generator for
// the next N. Elements of a tensor are filled in the order of their addresses,
// not of their indices. Callers hold a lock: one generator is drawn from by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"

namespace rl {

inline constexpr int kGeneratorWords = 624;
/// Length of get_state(), torch.get_rng_state()'s.
inline constexpr std::size_t kGeneratorStateBytes = 5056;
/// What a generator is seeded with when nobody seeds it.
inline constexpr std::uint64_t kDefaultSeed = 67280421310721;

struct GeneratorState {
  std::uint64_t initial_seed;
  std::uint32_t left;  // words left before the next twist, plus one
  std::uint32_t next;  // index of the next word
  std::uint32_t words[kGeneratorWords];
  double next_normal;       // the twin of the last N
  float next_float_normal;  // only carried: PyTorch's CPU distributions no longer draw it, but its states have a place
                            // for it
  bool has_next_normal;
  bool has_next_float_normal;

  explicit GeneratorState(std::uint64_t seed = kDefaultSeed) { manual_seed(seed); }

  /// The twister takes the low 32 bits; `initial_seed` keeps all.
  void manual_seed(std::uint64_t seed);
  /// Seeds from the system's entropy and returns the seed.
  std::uint64_t seed();
  /// Writes kGeneratorStateBytes bytes.
  void get_state(void* out) const;
  /// Takes bytes of get_state() or of torch.get_rng_state(). Throws Error(Runtime) on a wrong length or content and
  /// is then unchanged.
  void set_state(const void* bytes, std::size_t length);

  std::uint32_t random();
  std::uint64_t random64();
};

// Fills: `out` holds `n` elements of `dtype`. What arguments and dtypes are allowed is for the caller to check; where
// PyTorch has no kernel for a dtype, the fill throws Error(NotImplemented) with PyTorch's words.

/// lo + U<T> (hi - lo) with one rounding; floats and complex (both parts). What rounds to hi becomes lo. Bounds are
/// rounded to the type of U first.
void fill_uniform(GeneratorState& g, void* out, DType dtype, std::int64_t n, double lo, double hi);

/// mean + std N; floats and complex (real and imaginary part get std/sqrt 2 and the same mean).
/// NOTE [Two normal streams] Below 16 elements, or where the destination is not contiguous, each element is the next N.
/// From 16 on all elements are first U<T>, then each 16 of them are turned into radius(1-a[i]) * (cos, sin)(2 pi
/// a[i+8]); when n % 16 != 0, the last 16 are drawn and turned once more (the 16-bit floats skip drawing the incomplete
/// block before that). `contiguous` tells whether the final destination is (complex counts its parts).
void fill_normal(GeneratorState& g, void* out, DType dtype, std::int64_t n, double mean, double std,
                 bool contiguous = true);

/// Tensor.random_(): single % (max+1) for integers, % (2^digits + 1) for floats, pairs for Int64 and Double, a bit for
/// Bool.
void fill_random(GeneratorState& g, void* out, DType dtype, std::int64_t n);
/// Moves bounds that a floating `dtype` cannot represent to neighbours inside, as Tensor.random_(from, to) does after
/// its checks: `from` up, `to` down. Other types are left alone.
void round_random_bounds(DType dtype, std::int64_t& from, std::int64_t& to);
/// from + x % range with x a single where range < 2^28, else a pair; range = to - from as an unsigned number.
void fill_random_range(GeneratorState& g, void* out, DType dtype, std::int64_t n, std::uint64_t range,
                       std::int64_t from);
/// Tensor.random_(-2^63, None): a pair as an int64; Int64, Double, Float, BFloat16.
void fill_random_full64(GeneratorState& g, void* out, DType dtype, std::int64_t n);

/// A permutation of 0 … n-1 in any real dtype; PyTorch's two algorithms part at n = (2^32 - 1) / 20.
void fill_randperm(GeneratorState& g, void* out, DType dtype, std::int64_t n);

/// U<double> < p, as 0 or 1; any real dtype.
void fill_bernoulli(GeneratorState& g, void* out, DType dtype, std::int64_t n, double p);
/// The same with one probability for each element, `p` of floating `p_dtype`: U<double> for Double, else U<float>.
/// Throws Error(Runtime) at the first p outside [0, 1].
void fill_bernoulli(GeneratorState& g, void* out, DType dtype, std::int64_t n, const void* p, DType p_dtype);

/// -log1p(-U<double>) / lambda
void fill_exponential(GeneratorState& g, void* out, DType dtype, std::int64_t n, double lambda);
/// ceil(log(U<double>) / log(1 - p)); any real dtype but Bool
void fill_geometric(GeneratorState& g, void* out, DType dtype, std::int64_t n, double p);
/// median + sigma tan(pi (U<double> - 1/2))
void fill_cauchy(GeneratorState& g, void* out, DType dtype, std::int64_t n, double median, double sigma);
/// exp(mean + std N)
void fill_log_normal(GeneratorState& g, void* out, DType dtype, std::int64_t n, double mean, double std);
/// Poisson numbers of `rates` (n elements of `dtype`). Throws Error(Runtime) at a negative rate.
void fill_poisson(GeneratorState& g, void* out, const void* rates, DType dtype, std::int64_t n);
/// Binomial numbers of `counts` trials of probability `probs` (n elements of `dtype`, Float or Double).
void fill_binomial(GeneratorState& g, void* out, const void* counts, const void* probs, DType dtype, std::int64_t n);
/// Standard gamma numbers of shapes `alpha` (n elements of `dtype`), at least the smallest normal number of `dtype`.
void fill_gamma(GeneratorState& g, void* out, const void* alpha, DType dtype, std::int64_t n);

/// `samples` indices for each of `rows` rows of `categories` weights of floating `dtype`; out is [rows, samples].
/// One sample, or sampling without replacement, takes the largest weight/exponential; sampling with replacement looks
/// U<double> up in the cumulated weights. Checks the weights (Error(Runtime), PyTorch's words), not the shapes.
/// `by_column`: the exponentials are drawn column by column.
void fill_multinomial(GeneratorState& g, std::int64_t* out, const void* weights, DType dtype, std::int64_t rows,
                      std::int64_t categories, std::int64_t samples, bool replacement, bool by_column = false);

/// The part that is compiled per CPU level.
struct RandomTable {
  /// Makes the next 624 words of the twister.
  void (*twist)(std::uint32_t* words);
  /// Tempers n words.
  void (*temper)(const std::uint32_t* words, std::uint32_t* out, std::int64_t n);
  /// fill_uniform of n singles (pairs).
  void (*uniform_float)(const std::uint32_t* words, float* out, std::int64_t n, float lo, float hi);
  void (*uniform_double)(const std::uint32_t* words, double* out, std::int64_t n, double lo, double hi);
  /// Turns n/16 blocks of uniform numbers into normal ones, see NOTE [Two normal streams].
  void (*box_muller)(float* data, std::int64_t n, float mean, float std);
};

}  // namespace rl
