// What the engine calls besides the nodes themselves.
#pragma once

#include "autograd/node.h"

namespace rl {

/// Hooks of `register_hook` on the node's outputs; each may replace the gradient.
void run_tensor_hooks(Node* n, Tensor* grads);
/// Hooks of `register_hook` on a leaf.
void run_leaf_hooks(const Tensor& leaf, Tensor& grad);
void run_accumulate_hooks(const Tensor& leaf);
/// Hooks of the node itself.
void run_pre_hooks(Node* n, Tensor* grads);
void run_post_hooks(Node* n, Tensor* in, Tensor* out);
/// Stores the gradients of outputs on which `retain_grad` was called.
void keep_retained(Node* n, Tensor* grads);

/// A pair of graph.saved_tensors_hooks, and the pair that it hides.
struct SavedHooks {
  PyObject *pack, *unpack;
  SavedHooks* below;
};
/// In anomaly mode: the Python stack, as metadata of the node that is being made.
void remember_stack(Node* n);
/// A profile runs: nodes are events.
extern bool profiling;
/// In anomaly mode and in profiles: runs the node's backward, says where the node was made if it fails, and looks for
/// nan.
void apply_watched(Node* n, Tensor* in, Tensor* out);

/// leaf.grad += g, taking `g` over where possible.
void accumulate_grad(const Tensor& leaf, Tensor& g);
/// Sums and converts a gradient to an input's shape and dtype.
void fit_to_input(const InputMeta& meta, Tensor& g);

/// Adds a hook to a dict (made if null) and returns the handle (rushlight.utils.hooks.RemovableHandle).
PyObject* add_hook(PyObject*& dict, PyObject* hook);
/// The dict of tensor hooks of output `nr`, made if need be.
PyObject*& tensor_hook_slot(Node* n, std::uint32_t nr);
/// `retain_grad()` on a non-leaf.
void retain_grad(const Tensor& t);
/// `grad_fn` as Python sees it (a new reference); None for null.
PyObject* wrap_node(Node* n);
/// The node behind such an object, or null.
Node* unwrap_node(PyObject* o);
void init_node_type(PyObject* module);

/// For the collector: shows every Python object that one reference of the tensor `t` keeps alive, through its gradient,
/// base and history.
int traverse_tensor(TensorObject* t, int (*visit)(PyObject*, void*), void* arg);

}  // namespace rl
