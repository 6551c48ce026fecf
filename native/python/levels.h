// Levels of forward mode and of vmap (tensor/dual.h) as Python sees them: what serves them is asked from here.
#pragma once

#include "tensor/tensor.h"

namespace rl {

/// Lets what serves the level run an operator on arguments of the level: a new reference, or null with an exception.
PyObject* run_dual(int level, PyObject* op, PyObject* const* args, Py_ssize_t n, PyObject* kwnames);

/// The highest level among the arguments, and those in sequences; -1: none. One look outside of levels. `batched`: of
/// levels of vmap.
int dual_level_of(PyObject* const* args, Py_ssize_t n, PyObject* kwnames, bool batched = false);
/// Asks what serves the level (rushlight.autograd._forward, or a level of vmap): what(level, a, b).
PyObject* run_forward(const char* what, int level, PyObject* a, PyObject* b);

/// For what reads elements: if `o` is batched, the level's handler raises (or nothing is done); then true.
bool refuse_batched(PyObject* o, const char* what);
/// If `o`, or the new value `a`, is batched, `answer` is what the level has for an attribute, or null with an
/// exception; then true.
bool batched_attribute(PyObject* o, const char* what, PyObject* a, PyObject*& answer);

void init_levels(PyObject* module);

}  // namespace rl
