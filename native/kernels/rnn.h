// The elementwise part of a step of recurrent cells, on contiguous rows of float or double.
#pragma once

#include <cstdint>

namespace rl {

struct RnnLoops {
  /// gates [rows, 4 size] (input, forget, new, output) become what the functions make of them; `before` keeps c, which
  /// becomes the next one, `bent` is tanh of it, h = output bent.
  void (*lstm)(void* gates, void* c, void* before, void* bent, void* h, std::int64_t rows, std::int64_t size);
  /// From dh and dc: dc of the step before, and the gradient of what went into the gates.
  void (*lstm_backward)(const void* gates, const void* before, const void* bent, const void* dh, void* dc, void* dgates,
                        std::int64_t rows, std::int64_t size);
  /// of_x and of_h [rows, 3 size] (reset, update, new); of_x becomes what the functions make of the sums, h the next
  /// one.
  void (*gru)(void* of_x, const void* of_h, void* h, void* before, std::int64_t rows, std::int64_t size);
  /// From dh, which becomes what goes around the gates: the gradients of of_x and of_h.
  void (*gru_backward)(const void* of_x, const void* of_h, const void* before, void* dh, void* dx, void* dh_gates,
                       std::int64_t rows, std::int64_t size);
  /// h = tanh(sum) or max(sum, 0); and its gradient, from h.
  void (*plain)(bool tanh, const void* sum, void* h, std::int64_t n);
  void (*plain_backward)(bool tanh, const void* h, const void* dh, void* dsum, std::int64_t n);
  /// c [m, n] += a [m, k] b [k, n], all row-major: for few rows and a b that stays in the caches, which is not packed.
  void (*product)(const void* a, const void* b, void* c, std::int64_t m, std::int64_t n, std::int64_t k);
};

struct RnnTable {
  RnnLoops single, twice;  // float, double
};

}  // namespace rl
