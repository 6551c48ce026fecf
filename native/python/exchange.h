// The exchange of operators and slots: while somebody watches (a profile, a mode, autocast, a level of forward mode or
// vmap), they are others, which ask who does; else nothing of it is on the path of an operator.
#pragma once

#include <utility>

#include "tensor/tensor.h"

namespace rl {

/// One more or one less for whom operators are exchanged.
void use_exchanged(bool on);

/// The arguments of a call as a tuple and a dict; `turned`: two of them, the second first.
std::pair<Object, Object> packed(PyObject* const* args, Py_ssize_t n, PyObject* kwnames, bool turned = false);
/// A function of a Python module, imported at the first call and kept.
PyObject* imported(PyObject*& kept, const char* module, const char* name);

void init_exchange(PyObject* module);

}  // namespace rl
