// Views that share history with their base, and in-place changes.
#pragma once

#include "autograd/node.h"

namespace rl {

// NOTE [Views]: a view keeps its base (the root of the chain). When a view is changed in place, the base's history
// gets a CopySlices node (which routes the gradient of the changed part through the in-place operator's node), and
// every other view of that base remakes its own grad_fn from the base when next asked, which it notices by comparing
// `view_version` with the version counter.

/// A differentiable view: shares memory and version, remembers its base. `node` is made by the caller through
/// set_history if the input is tracked.
Tensor make_view(const Tensor& t, Dims sizes, Dims strides, std::int64_t byte_offset);
/// The same elements of a contiguous tensor in row-major order, in another shape.
Tensor make_view(const Tensor& t, Dims sizes);
/// One of several outputs of an operator (unbind, split, chunk): in-place changes are forbidden for tracked ones.
void mark_multi_view(const Tensor& view);

/// Call before changing `t` in place by an operator whose node will (or may) be recorded: raises what PyTorch
/// raises for leaves that require grad, views of those, views made under no_grad, overlapping memory …
/// `tracked_inputs`: does the operator itself record (some input or t requires grad, and grad mode is on)?
void check_inplace(const Tensor& t, bool tracked_inputs);
/// Call after the change: new version; if `node` is given the history of `t` (and of its base) is now `node`.
void finish_inplace(const Tensor& t, Node* node);
/// The second half of it: output `nr` of `node` is now the history of `t`, and of its base if it is a view.
void rebase_history(const Tensor& t, Node* node, std::uint32_t nr = 0);

}  // namespace rl
