// Nodes as Python sees them.
#pragma once

#include "autograd/node.h"

namespace rl {

struct NodeObject {
  PyObject_HEAD Node* node;
  PyObject* weakrefs;
};

/// rushlight.autograd.graph.Node
PyTypeObject* node_object_type();
/// autograd.Function's context.
void init_function_type(PyObject* module);

}  // namespace rl
