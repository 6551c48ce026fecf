// The backward pass.
#pragma once

#include <vector>

#include "autograd/node.h"

namespace rl {

struct BackwardRequest {
  std::vector<Tensor> outputs;    // roots
  std::vector<Tensor> gradients;  // their cotangents (defined, checked by the engine)
  std::vector<Tensor> inputs;     // empty: accumulate into all leaves
  bool retain_graph = false;
  bool create_graph = false;
  bool accumulate = true;  // into `.grad`; false: return the gradients of `inputs`
  bool allow_unused = true;
};

/// Runs backward. Returns the gradients of `inputs` where `accumulate` is false (null: not reached).
std::vector<Tensor> run_backward(BackwardRequest&& request);
/// The cotangent to start from where the user gave none; throws if the output is no scalar.
Tensor implicit_gradient(const Tensor& output);
/// How many backward passes this thread is inside of.
int backward_depth();
/// The number of the backward pass that this thread is inside of; 0 if there is none.
std::uint32_t current_backward();
/// Will that pass run the node, or deliver what arrives there?
bool will_execute(Node* n);
/// Are there inputs that limit that pass?
bool backward_has_inputs();
/// Calls `callback()` when that pass has ended; false if there is none.
bool call_after_backward(PyObject* callback);

}  // namespace rl
