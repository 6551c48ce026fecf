#include "autograd/node.h"

#include <cstring>

#include "autograd/frame.h"
#include "autograd/hooks.h"
#include "autograd/release.h"
#include "autograd/views.h"
#include "ops/ops.h"

namespace rl {

constinit thread_local Modes modes;

bool modes_inference() { return modes.inference; }

namespace {

std::uint64_t next_sequence = 0;

#if defined(__GNUC__) && !defined(__APPLE__)
#define RL_HOT_TLS __attribute__((tls_model("initial-exec")))
#else
#define RL_HOT_TLS
#endif

// Nodes whose last reference is gone and that wait for the one loop that frees them, linked through themselves: freeing
// must not need memory. Per thread: what a finalizer does may let another thread run, and a fork takes only one along.
thread_local Node* doomed RL_HOT_TLS = nullptr;
thread_local bool freeing RL_HOT_TLS = false;

}  // namespace

std::uint64_t upcoming_sequence() { return next_sequence; }

std::string operator_name(const Node* n) {
  std::string s = n->name();
  const auto at = s.rfind("Backward");
  return at == std::string::npos ? s : s.substr(0, at);
}

Node::Node() : sequence_(next_sequence++) {
#if !defined(RL_NO_LINES)
  current_line(code_, instruction_);
#endif
  if (modes.anomaly) [[unlikely]]
    remember_stack(this);
}

Node::~Node() {
  if (extra_ != nullptr) {
    Py_XDECREF(extra_->metadata);
    Py_XDECREF(extra_->pre_hooks);
    Py_XDECREF(extra_->post_hooks);
    for (auto& [nr, hooks] : extra_->tensor_hooks) Py_XDECREF(hooks);
    for (auto& [nr, weak] : extra_->retained) Py_XDECREF(weak);
    delete extra_;
  }
  Py_XDECREF(code_);
}

NodeExtra& Node::make_extra() {
  if (extra_ == nullptr) extra_ = std::make_unique<NodeExtra>().release();
  return *extra_;
}

void destroy_node(Node* n) noexcept {
  const std::uint32_t count = n->n_edges_;
  Edge* edges = n->edges();
  for (std::uint32_t i = 0; i < count; ++i) {
    if (edges[i].fn != nullptr) release(edges[i].fn);
  }
  const std::size_t block = n->block_bytes();
  n->~Node();
  if (block <= 512) {
    small_free(n, block);
  } else {
    buffer_free(n, block);
  }
}

void release_last(Node* n) noexcept {
  // Freeing a node frees tensors and other nodes, which end up here again: those only queue, so the stack stays flat.
  if (freeing) {
    n->next_doomed_ = doomed;
    doomed = n;
    return;
  }
  freeing = true;
  destroy_node(n);
  while (doomed != nullptr) {
    Node* next = doomed;
    doomed = next->next_doomed_;
    destroy_node(next);
  }
  freeing = false;
}

void release_node(Node* n) noexcept { release(n); }

void Node::release_saved() {
  struct Clear : SavedVisitor {
    bool any = false;
    void tensor(const char*, SavedTensor& t) override {
      any |= t.saved();
      t.clear();
    }
  } clear;
  visit(clear);
  if (clear.any) flags_ |= kReleased;
}

// --- saved tensors --------------------------------------------------------------------------------------------------

void SavedTensor::pack_by_mode(const Tensor& shown) { pack(modes.saved_hooks->pack, modes.saved_hooks->unpack, shown); }

void SavedTensor::fail_inference() {
  fail_runtime(
      "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
      "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in "
      "autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`.");
}

void SavedTensor::save_output(const Tensor& output) {
  tensor_ = alias(output);
  version_ = output->version();
  output->storage->mark_saved();
  output_ = output->output_nr + 1;
  if (modes.saved_hooks != nullptr) [[unlikely]]
    pack_by_mode(output);
}

namespace {

/// "torch.FloatTensor", as PyTorch's messages name a type.
std::string type_string(DType d) { return cat("torch.", scalar_type_name(d), "Tensor"); }

/// A node as PyTorch's message about changes in place spells it.
std::string maker_name(const Node* n) {
  const std::string s = n->name();
  if (s == "CopySlices" || s == "CopyBackwards") return "torch::autograd::" + s;
  const auto at = s.rfind("Backward");
  if (at == std::string::npos || at + 9 != s.size()) return s;
  return s.back() == '0' ? s.substr(0, at) : s.substr(0, at) + s.back();
}

[[noreturn, gnu::cold]] void fail_modified(Node* owner, const Tensor& t, std::uint32_t expected, std::uint32_t output) {
  std::string made, where = "later";
  if (const std::string line = change_line(t, expected, owner->sequence()); !line.empty()) where = cat("at ", line);
  if (output != 0) {
    made = cat(", which is output ", output - 1, " of ", maker_name(owner), ",");
  } else if (Node* fn = t.is_leaf() ? nullptr : t->grad_fn) {
    made = cat(", which is output ", t->output_nr, " of ", maker_name(fn), ",");
  }
  fail_runtime(
      "one of the variables needed for gradient computation has been modified by an inplace operation: [",
      type_string(t.dtype()), " ", str(t.sizes()), "]", made, " is at version ", t->version(), "; expected version ",
      expected,
      " instead. Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
      "torch.autograd.set_detect_anomaly(True, check_nan=False).\n",
      owner->name(), ", made at ", describe_line(owner->code(), owner->instruction()),
      ", needs the value that the tensor had there; it was changed in place ", where,
      ". Change a copy (clone()), or use the "
      "operator that returns a new tensor.");
}

[[noreturn, gnu::cold]] void fail_freed(Node* owner, std::uint32_t run) {
  const std::string line = backward_line(run);
  fail_runtime(
      "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
      "been "
      "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
      "retain_graph=True if you need to backward through the graph a second time or if you need to access saved "
      "tensors "
      "after calling backward.",
      "\n", owner->name(), ", made at ", describe_line(owner->code(), owner->instruction()),
      line.empty() ? "" : ", was freed by the backward pass at ", line, ".");
}

}  // namespace

Tensor SavedTensor::unpack_slow(Node* owner, bool with_history) {
  if (!tensor_.defined()) {
    if (owner->is_released()) fail_freed(owner, version_);
    return Tensor();
  }
  if (packed()) [[unlikely]]
    return unpack_by_hook(owner, with_history);
  if (tensor_->version() != version_) fail_modified(owner, tensor_, version_, output_);
  Tensor out = alias(tensor_);
  set_history(out, owner, output_ - 1);
  return out;
}

// --- leaves and edges -----------------------------------------------------------------------------------------------

AccumulateGrad::AccumulateGrad(const Tensor& leaf) : leaf_(leaf) {
  flags_ |= kAccumulator | kKeepsNothing;
  set_sequence(UINT64_MAX);
}

AccumulateGrad::~AccumulateGrad() {
  if (leaf_.defined() && leaf_.is_leaf() && leaf_->grad_fn == this) leaf_->grad_fn = nullptr;
}

EdgeRef gradient_edge(const Tensor& t) {
  if (!tracked(t)) return {};
  if (Node* fn = grad_fn(t)) return {NodeRef::borrow(fn), t->output_nr};
  if (t->grad_fn != nullptr) return {NodeRef::borrow(t->grad_fn), 0};
  auto* n = make_node<AccumulateGrad>(0, t);
  t->grad_fn = n;
  return {NodeRef::steal(n), 0};
}

Edge edge_slow(const Tensor& t) {
  EdgeRef e = gradient_edge(t);
  return {e.fn.release(), e.nr};
}

void set_history(const Tensor& out, Node* node, std::uint32_t nr) {
  if (!is_differentiable(out.dtype())) return;
  node->retain();
  Node* old = out->has(kHasGradFn) ? out->grad_fn : nullptr;
  out->grad_fn = node;
  out->output_nr = nr;
  out->flags |= kHasGradFn | kRequiresGrad;
  if (old != nullptr) release(old);
}

void note_inputs(Node* n, const Tensor& out, std::initializer_list<const Tensor*> inputs) {
  std::uint32_t i = 0;
  for (const Tensor* t : inputs) {
    if (n->needs(i) && (t->dtype() != out.dtype() || !same(t->sizes(), out.sizes()))) {
      NodeExtra& e = n->make_extra();
      if (!e.inputs) {
        e.inputs = std::make_unique<InputMeta[]>(inputs.size());
        std::uint32_t k = 0;
        for (const Tensor* u : inputs) {
          e.inputs[k].sizes.assign(u->sizes());
          e.inputs[k++].dtype = u->dtype();
        }
      }
    }
    ++i;
  }
}

}  // namespace rl
