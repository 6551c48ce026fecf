// The graph: nodes, edges, saved tensors.
#pragma once

#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

#include "base/alloc.h"
#include "tensor/tensor.h"

namespace rl {

class Node;

/// Where a gradient goes next: input `nr` of `fn`. Null: the input needs no gradient.
struct Edge {
  Node* fn;
  std::uint32_t nr;
};

/// The sizes and dtype of an input, where they differ from the output's. See NOTE [Broadcast].
struct InputMeta {
  DimList sizes;
  DType dtype;
};

/// What few nodes have; made on demand.
struct NodeExtra {
  PyObject* wrapper = nullptr;     // the Python object that stands for the node, borrowed
  PyObject* metadata = nullptr;    // dict
  PyObject* pre_hooks = nullptr;   // dict id -> callable(grad_outputs)
  PyObject* post_hooks = nullptr;  // dict id -> callable(grad_inputs, grad_outputs)
  // Hooks on one of the node's outputs, by output: dict id -> callable(grad).
  std::vector<std::pair<std::uint32_t, PyObject*>> tensor_hooks;
  // Outputs whose `.grad` is kept: weak references to the tensors.
  std::vector<std::pair<std::uint32_t, PyObject*>> retained;
  std::unique_ptr<InputMeta[]> inputs;  // one per edge
};

/// Visits what a node has saved, for `_saved_…` attributes, the garbage collector and memory reports.
class SavedTensor;
struct SavedVisitor {
  virtual ~SavedVisitor() = default;
  virtual void tensor(const char* name, SavedTensor& t) = 0;
};

/// Visits what a node keeps that is no tensor, under the names that `_saved_…` attributes have in PyTorch. Dimensions
/// and places are counted from the first.
struct ValueVisitor {
  virtual ~ValueVisitor() = default;
  virtual void flag(const char* name, bool v) = 0;
  virtual void number(const char* name, const Scalar& v) = 0;
  virtual void list(const char* name, Dims v) = 0;
  virtual void word(const char* name, const char* v) = 0;
  virtual void nothing(const char* name) = 0;
};

/// An operator's entry in the graph, made by its forward. Reference-counted by hand under the GIL; its edges follow
/// it in the same block.
class Node {
 public:
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// "MulBackward0"
  virtual const char* name() const = 0;
  /// The vector-Jacobian product. `in`: one cotangent per output of the forward (undefined ones are null, but not
  /// all); `out`: one per edge, to be filled where `needs(i)`; null stands for zero. A cotangent that is
  /// exclusive() may be written over.
  virtual void apply(Tensor* in, Tensor* out) = 0;
  /// Shows the saved tensors.
  virtual void visit(SavedVisitor&) {}
  /// Shows the numbers, flags and sizes beside them.
  virtual void show(ValueVisitor&) const {}

  /// How many inputs PyTorch's node has, where ours keeps no edges for those that are numbers.
  virtual std::uint32_t input_count() const { return n_edges_; }

  /// The node that does this one's work and holds what it has saved; null where it does it itself.
  virtual Node* inner() const { return nullptr; }

  /// What stands for the node in Python where the node itself owns it (autograd.Function's context); else null.
  virtual PyObject* python_object() const { return nullptr; }

  Edge* edges() { return reinterpret_cast<Edge*>(reinterpret_cast<char*>(this) + bytes_); }
  std::uint32_t edge_count() const { return n_edges_; }
  std::uint32_t output_count() const { return n_outputs_; }
  void set_output_count(std::uint32_t n) { n_outputs_ = n; }
  /// The forward had an output of this number.
  bool has_output(std::uint32_t nr) const { return nr < n_outputs_; }
  bool needs(std::uint32_t i) { return edges()[i].fn != nullptr; }
  std::uint64_t sequence() const { return sequence_; }
  void set_sequence(std::uint64_t s) { sequence_ = s; }

  void retain() { ++refs_; }
  std::uint32_t refs() const { return refs_; }
  NodeExtra* extra() const { return extra_; }
  NodeExtra& make_extra();
  bool is_accumulator() const { return flags_ & kAccumulator; }
  bool is_released() const { return flags_ & kReleased; }
  bool keeps_nothing() const { return flags_ & kKeepsNothing; }
  /// Frees the saved tensors; another apply() that wants them raises.
  virtual void release_saved();
  /// What an override of release_saved() does, without a visitor.
  template <class... S>
  void free_saved(S&... saved) {
    if ((saved.saved() || ...)) flags_ |= kReleased;
    (saved.clear(), ...);
  }
  /// The code object and instruction of the Python line that made the node; null if unknown.
  PyObject* code() const { return code_; }
  int instruction() const { return instruction_; }
  std::size_t block_bytes() const { return bytes_ + n_edges_ * sizeof(Edge); }

  /// A slot for the run that is numbering nodes: which run, and the node's number in it.
  std::uint32_t run = 0;
  std::uint32_t number = 0;

 protected:
  enum : std::uint16_t { kAccumulator = 1, kReleased = 2, kKeepsNothing = 4 };
  Node();
  virtual ~Node();

 private:
  template <class N, class... A>
  friend N* make_bare_node(std::uint32_t, A&&...);
  friend void release(Node*) noexcept;
  friend void release_last(Node*) noexcept;
  friend void destroy_node(Node*) noexcept;

  std::uint32_t refs_ = 1;
  std::uint32_t n_edges_ = 0;
  union {
    std::uint64_t sequence_;
    Node* next_doomed_;  // once the last reference is gone
  };
  PyObject* code_ = nullptr;
  std::int32_t instruction_ = 0;
  std::uint16_t bytes_ = 0;

 protected:
  std::uint16_t flags_ = 0;

 private:
  std::uint32_t n_outputs_ = 1;
  NodeExtra* extra_ = nullptr;
};

void release_last(Node* n) noexcept;
/// Drops a reference. Freeing is iterative: chains of any length are freed without recursion.
inline void release(Node* n) noexcept {
  if (--n->refs_ == 0) release_last(n);
}

/// A node with room for `n_edges` edges, which are still to be set, holding the line that is running now. One
/// reference.
template <class N, class... A>
N* make_bare_node(std::uint32_t n_edges, A&&... a) {
  static_assert(alignof(N) <= 16 && sizeof(N) < 65536);
  constexpr std::size_t bytes = (sizeof(N) + alignof(Edge) - 1) / alignof(Edge) * alignof(Edge);
  const std::size_t block = bytes + n_edges * sizeof(Edge);
  void* p = block <= 512 ? small_alloc(block) : buffer_alloc(block);
  N* n;
  // No parentheses where there are no arguments: they would first fill the whole node with zeros.
  if constexpr (sizeof...(A) == 0)
    n = new (p) N;
  else
    n = new (p) N(std::forward<A>(a)...);
  n->bytes_ = std::uint16_t(bytes);
  n->n_edges_ = n_edges;
  return n;
}
/// The same with all edges null.
template <class N, class... A>
N* make_node(std::uint32_t n_edges, A&&... a) {
  N* n = make_bare_node<N>(n_edges, std::forward<A>(a)...);
  for (std::uint32_t i = 0; i < n_edges; ++i) n->edges()[i] = {nullptr, 0};
  return n;
}
/// The same with these edges, whose references it takes over.
template <class N, class... E>
N* make_node_on(E... edge) {
  N* n = make_bare_node<N>(sizeof...(E));
  Edge* to = n->edges();
  ((*to++ = edge), ...);
  return n;
}

/// Owns a reference to a node.
class NodeRef {
 public:
  NodeRef() = default;
  NodeRef(const NodeRef& o) : p_(o.p_) {
    if (p_) p_->retain();
  }
  NodeRef(NodeRef&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  NodeRef& operator=(NodeRef o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~NodeRef() {
    if (p_) rl::release(p_);
  }
  static NodeRef steal(Node* p) {
    NodeRef r;
    r.p_ = p;
    return r;
  }
  static NodeRef borrow(Node* p) {
    if (p) p->retain();
    return steal(p);
  }
  Node* get() const { return p_; }
  Node* operator->() const { return p_; }
  Node* release() { return std::exchange(p_, nullptr); }
  explicit operator bool() const { return p_ != nullptr; }

 private:
  Node* p_ = nullptr;
};

// --- modes, per thread ----------------------------------------------------------------------------------------------
struct SavedHooks;
struct Modes {
  bool grad = true;
  bool inference = false;
  bool torch_function = true;  // off inside a subclass's own handling
  bool anomaly = false;        // nodes remember the whole stack, and backward watches each of them
  bool check_nan = false;
  bool grad_layout = true;             // gradients of leaves get the leaf's layout
  std::uint32_t run = 0;               // the backward pass that is freeing saved tensors: see note_backward
  SavedHooks* saved_hooks = nullptr;   // graph.saved_tensors_hooks, the innermost first
  PyObject* before_inplace = nullptr;  // called with a tensor that is about to change: None but inside
                                       // graph.allow_mutation_on_saved_tensors
  PyObject* pending = nullptr;         // see SavedTensor::pack
  Node* evaluating = nullptr;          // whose backward runs, in anomaly mode
};
#if defined(__GNUC__) && !defined(__APPLE__)
extern constinit thread_local Modes modes __attribute__((tls_model("initial-exec")));
#else
extern constinit thread_local Modes modes;
#endif

/// A tensor kept for the backward pass, with the version it had.
///
/// An input is kept as it is. An output is kept as an alias without history, since output -> node -> output would
/// be a cycle; `unpack` joins it to the node again.
class SavedTensor {
 public:
  SavedTensor() = default;
  SavedTensor(const SavedTensor&) = delete;
  SavedTensor& operator=(const SavedTensor&) = delete;

  [[gnu::always_inline]] void save(const Tensor& input) {
    if (input->has(kInference)) [[unlikely]]
      fail_inference();
    tensor_ = input;
    version_ = input->version();
    input->storage->mark_saved();
    if (modes.saved_hooks != nullptr) [[unlikely]]
      pack_by_mode(input);
  }
  [[noreturn]] static void fail_inference();
  void save_output(const Tensor& output);
  /// Replaces the tensor by what `pack` makes of it; `unpack` gives it back. A node is half made when its tensors are
  /// saved, so an exception waits in modes.pending until the operator has ended.
  void pack(PyObject* pack, PyObject* unpack, const Tensor& shown);
  bool packed() const { return output_ & kPacked; }
  /// The tensor; throws PyTorch's errors when it was freed or changed in place since.
  /// A saved output gets its history back only where it can matter: while recording, or when Python is to see it.
  Tensor unpack(Node* owner, bool with_history = modes.grad) {
    if (tensor_.defined() && (output_ == 0 || (!with_history && !packed())) && tensor_->version() == version_)
        [[likely]]
      return tensor_;
    return unpack_slow(owner, with_history);
  }
  bool saved() const { return tensor_.defined(); }
  void clear() {
    tensor_ = Tensor();
    version_ = modes.run;
  }
  /// What is kept, for the collector: a tensor, or the object that hooks made of it.
  TensorObject* peek() const { return tensor_.get(); }
  std::uint32_t output() const { return output_ & ~kPacked; }

 private:
  static constexpr std::uint32_t kPacked = 1u << 31;
  Tensor unpack_slow(Node* owner, bool with_history);
  Tensor unpack_by_hook(Node* owner, bool with_history);
  void pack_by_mode(const Tensor& shown);

  Tensor tensor_;
  std::uint32_t version_ = 0;  // once freed: the backward pass that did it
  std::uint32_t output_ = 0;   // 1 + output number, where an output was saved; kPacked: hooks hold it
  friend class Node;
};

/// A leaf's end of the graph: adds what arrives to `.grad`.
class AccumulateGrad final : public Node {
 public:
  explicit AccumulateGrad(const Tensor& leaf);
  ~AccumulateGrad() override;
  const char* name() const override { return "AccumulateGrad"; }
  void apply(Tensor* in, Tensor* out) override;
  const Tensor& variable() const { return leaf_; }

 private:
  Tensor leaf_;
};

/// The edge to which a gradient of `t` goes: its grad_fn, or its accumulator (made if need be), or null.
/// The returned node is borrowed from the tensor for a non-leaf; `gradient_edge` gives a reference of its own.
struct EdgeRef {
  NodeRef fn;
  std::uint32_t nr = 0;
};
EdgeRef gradient_edge(const Tensor& t);
Edge edge_slow(const Tensor& t);
/// The gradient edge of `t`, with a reference to its node; null if `t` is not tracked.
[[gnu::always_inline]] inline Edge edge_of(const Tensor& t) {
  const std::uint16_t flags = t->flags & (kRequiresGrad | kHasGradFn | kIsView);
  if (flags == 0) return {nullptr, 0};
  Node* fn = t->grad_fn;  // of a leaf: its accumulator
  if (!(flags & kRequiresGrad) || fn == nullptr || ((flags & kIsView) && t->view_version != t->version())) [[unlikely]]
    return edge_slow(t);
  fn->retain();
  return {fn, flags & kHasGradFn ? t->output_nr : 0};
}
/// Puts the gradient edge of `t` into `node`'s edge `i`, if `t` is tracked.
inline void connect(Node* node, std::uint32_t i, const Tensor& t) { node->edges()[i] = edge_of(t); }
/// Makes `out` a result of `node`, output `nr`. Takes no reference of the caller's.
void set_history(const Tensor& out, Node* node, std::uint32_t nr = 0);
/// The same for a new tensor, which takes the caller's reference over.
inline void give_history(const Tensor& fresh, Node* node) {
  if (!is_differentiable(fresh.dtype())) return release(node);
  fresh->grad_fn = node;
  fresh->flags |= kHasGradFn | kRequiresGrad;
}

/// The up-to-date grad_fn of a tensor (a view's is remade after in-place changes of its base); null for a leaf.
Node* grad_fn(const Tensor& t);

class GradMode {
 public:
  explicit GradMode(bool on) : old_(std::exchange(modes.grad, on)) {}
  ~GradMode() { modes.grad = old_; }
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;

 private:
  bool old_;
};

/// A view that is no result of recorded operators, but its base is or requires a gradient: the view was made while
/// recording was off, or the base has got history through another view since.
inline bool view_of_tracked(const Tensor& t) { return t->has(kIsView) && (t->base->flags & kRequiresGrad); }
/// Does `t` take part in the graph? Null does not.
inline bool tracked(const Tensor& t) { return t.get() != nullptr && (t.requires_grad() || view_of_tracked(t)); }
/// One look that settles it for most: false if no operator on these is to be recorded, true if perhaps.
template <class... T>
bool may_record(const T&... t) {
  const auto flags = [](const Tensor& u) { return u.defined() ? unsigned(u->flags) : 0u; };
  return modes.grad && ((flags(t) | ...) & (kRequiresGrad | kIsView)) != 0;
}
/// Is history to be recorded for an operator on these?
template <class... T>
bool recording(const T&... t) {
  return may_record(t...) && (tracked(t) || ...);
}

// --- recording
// ---------------------------------------------------------------------------------------------------------

/// Does what an operator on tensors may do when its inputs are tracked: makes the node, connects its edges, gives
/// `out` its history.
template <class N, class... T>
N* record(const Tensor& out, const T&... inputs) {
  N* n = make_node_on<N>(edge_of(inputs)...);
  set_history(out, n);
  rl::release(n);  // `out` holds it now
  return n;
}

/// NOTE [Broadcast]: a pointwise rule computes gradients of the output's shape and dtype. Where an input was
/// broadcast or converted, its own sizes and dtype are noted here, and the engine sums and converts once.
void note_inputs(Node* n, const Tensor& out, std::initializer_list<const Tensor*> inputs);

/// The operator's name as PyTorch's messages spell it: "Exp" of "ExpBackward0".
std::string operator_name(const Node* n);
/// "file.py:12"
std::string describe_line(PyObject* code, int instruction);

}  // namespace rl
