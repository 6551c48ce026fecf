// What every kernel file shares. NOTE [Levels]: the .cpp files of this folder that include "kernels/level.h"
// are compiled once per CPU level with the namespace name itself replaced (-Drl=rl_v3 …), so no inline
// function of one level can be merged with another level's by the linker. For the same reason such a file
// instantiates templates of the standard library only with types of its own (a lambda as comparator).
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace rl {

/// One dimension of a pointwise loop: `data[0]` is the output, the rest are inputs, strides are in bytes
/// (0 for a broadcast operand), `params` are an operator's constants in its compute type.
using Loop = void (*)(char* const* data, const std::int64_t* strides, std::int64_t n, const void* params);

}  // namespace rl
