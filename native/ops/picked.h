// What operators with several results share.
#pragma once

#include "ops/ops.h"
#include "python/bind.h"

namespace rl {

struct Picked {
  Tensor values, indices;
};

/// Two or three results as a named tuple; in out=(…), which must have their dtypes, where given.
PyObject* give_named(Args& a, int out_slot, const char* name, const char* shown,
                     std::initializer_list<const char*> fields, std::initializer_list<Tensor> results, bool tracked,
                     OutRule rule = OutRule::ByKind);
/// Both results as a named tuple; in out=(values, indices), which must have their dtypes, where given.
PyObject* give_pair(Args& a, int out_slot, const char* name, const char* shown, const Picked& p, bool tracked);

}  // namespace rl
