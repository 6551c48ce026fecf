#pragma once

#include "tensor/tensor.h"

namespace rl {
/// Puts the functions that nn.Module is built with into the core's module.
void add_module_type(PyObject* module);
}  // namespace rl
