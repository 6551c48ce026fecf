// Tangents of forward mode.
#pragma once

#include "tensor/tensor.h"

namespace rl {

// NOTE [Duals]: a dual tensor is a tensor with the flag kDual; its tangents are kept by the levels that gave them, in
// maps from the tensor. So a tensor's object does not grow, closing a level drops all its tangents at once (and with
// them whatever cycles there are through them), and outside of levels nothing looks at any of this. While a level is
// open operators and slots are exchanged (see python/exchange.cpp) for ones that look for the flag among their
// arguments. What they find is served in Python (rushlight/autograd/_forward.py) by a rule for the highest level among
// the arguments; while it runs this thread sees only the levels below, so that rules are written with operators on the
// very same tensors and levels nest.
//
// NOTE [Batched]: vmap uses the same levels. A batched tensor is a plain tensor with the shape of one sample (a second
// object on the memory of the first one); what its level keeps for it is the tensor of all samples, whose dimension 0
// is the batch. Such a level has a handler, an object in rushlight.func, that is asked instead of _forward; it also
// sees random operators without batched arguments, and whatever would read elements.

// Levels belong to the thread that opened them: its own are numbered from 0, and it sees no others. A tensor of another
// thread's level, that an operator meets, is an error.

/// How many levels are open, in all threads: where it is 0 nobody has to look.
extern int dual_levels;
/// How many this thread has.
int own_dual_levels();
/// This thread sees levels below this number.
extern thread_local int dual_limit;

/// The highest level that this thread sees in which `t`, or the tensor of which it is a view, has a tangent; -1: none.
int dual_level(TensorObject* t);
/// The tangent of `t` itself, if the level knows the tensor: defined or not. False: it does not.
bool find_tangent(TensorObject* t, int level, Tensor& tangent);
/// An undefined tangent says that there is none, though the base may have one.
void set_tangent(const Tensor& t, int level, Tensor tangent);
/// The new level's number. `handler`: what serves it; none for forward mode.
int open_dual_level(PyObject* handler, bool batch);
/// Was `t`, with memory of its own, made since the level was opened? (It may be a base. Of its aliases nobody knows.)
bool born_within(TensorObject* t, int level);
/// Is it a level of vmap, whose tensors are those of all samples?
bool is_batch_level(int level);
/// What serves a level, null for forward mode. Borrowed.
PyObject* level_handler(int level);
/// The highest level of vmap that this thread sees in which `t`, or its base, is batched; -1: none.
int batch_level(TensorObject* t);
/// The highest level of vmap that this thread sees, -1: none.
int open_batch_level();
/// Closes the innermost level.
void close_dual_level();

}  // namespace rl
