// What operators that give (values, indices) share.
#pragma once

#include "ops/ops.h"
#include "python/bind.h"

namespace rl {

struct Picked {
  Tensor values, indices;
};

/// Both results as a named tuple; in out=(values, indices), which must have their dtypes, where given.
PyObject* give_pair(Args& a, int out_slot, const char* name, const char* shown, const Picked& p, bool tracked);

}  // namespace rl
