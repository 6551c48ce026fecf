// The Python type of tensors.
#pragma once

#include "tensor/tensor.h"

namespace rl {

void init_tensor_type(PyObject* module);
void init_dtype_type(PyObject* module);
void init_size_type(PyObject* module);
/// Modes, backward, information: the functions of the module that are no operators.
void init_functions(PyObject* module);

}  // namespace rl
