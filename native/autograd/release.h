// The two things that the tensor object must know of the graph.
#pragma once

namespace rl {

class Node;

/// Drops a reference to a node, without recursion however long the chain behind it is.
void release_node(Node* n) noexcept;
/// Is inference mode on in this thread?
bool modes_inference();

}  // namespace rl
