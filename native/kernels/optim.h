// The elementwise steps of optimisers, on raw contiguous memory.
#pragma once

#include <cstdint>

namespace rl {

/// Which optimiser's step; the order of native/ops/optim.cpp's table and of `_KERNELS` in rushlight/optim/optimizer.py.
enum class Step : std::uint8_t { Sgd, Adam, RmsProp, Adagrad, Adadelta, Adamax, RAdam, NAdam };
inline constexpr int kSteps = 8;
inline constexpr int kStepStates = 3;     // tensors of a parameter's size at most
inline constexpr int kStepConstants = 8;  // numbers of a step at most

/// What an optimiser's options choose between; the others have no meaning for it.
enum StepFlag : unsigned {
  kMaximize = 1,  // the gradient's sign is changed
  kDecay = 2,     // weight decay is added to the gradient
  kMomentum = 4,  // SGD, RMSprop
  kNesterov = 8,  // SGD
  kExtra = 16,    // Adam: amsgrad; RMSprop: centered; RAdam: the rectified form
};

/// Changes n elements of `param` and `state` given the gradient; `c` are the step's numbers, all of the same dtype.
using StepLoop = void (*)(void* param, const void* grad, void* const* state, std::int64_t n, const double* c,
                          unsigned flags);

struct OptimTable {
  StepLoop single[kSteps];
  StepLoop twice[kSteps];
};

}  // namespace rl
