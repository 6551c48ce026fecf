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
/// The value of `_saved_<name>` or `_raw_saved_<name>`; null (without an error) if the node saves nothing of the name.
PyObject* saved_attribute(Node* node, const char* name);
/// The list of those names.
PyObject* saved_names(Node* node);
void init_saved(PyObject* module);
/// autograd.Function's context.
void init_function_type(PyObject* module);

}  // namespace rl
