// tensor[key] and tensor[key] = value.
#pragma once

#include "tensor/tensor.h"

namespace rl {

Tensor get_item(const Tensor& t, PyObject* key);
void set_item(const Tensor& t, PyObject* key, PyObject* value);

}  // namespace rl
