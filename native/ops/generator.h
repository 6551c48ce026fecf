// The source of random numbers as Python sees it.
#pragma once

#include "kernels/random.h"
#include "tensor/tensor.h"

namespace rl {

void init_generator(PyObject* module);
/// The state behind a Generator object, or behind the default one for null and None.
GeneratorState& generator_state(PyObject* o);

}  // namespace rl
