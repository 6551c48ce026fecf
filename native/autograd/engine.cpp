#include "autograd/engine.h"

#include <pthread.h>

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "autograd/frame.h"
#include "autograd/hooks.h"
#include "base/threads.h"
#include "ops/ops.h"

namespace rl {
namespace {

thread_local int depth = 0;
std::uint32_t next_run = 0;
// How many runs of all threads now use the nodes' own slots. There can be one: an inner or a concurrent run that
// meets the same nodes keeps its numbers in a table of its own.
bool slots_taken = false;
thread_local bool slots_mine = false;

// In the child of a fork the run of another thread never ends.
[[maybe_unused]] const int fork_handler = pthread_atfork(nullptr, nullptr, [] { slots_taken = slots_mine; });

/// What a run knows of a node.
struct NodeState {
  Node* node;
  TensorObject* grad;     // the sum so far of the cotangent of its first output; owned
  std::uint32_t waiting;  // edges into the node that have not delivered yet
  std::uint32_t others;   // where the cotangents of its other outputs begin in Workspace::grads
};

/// A ready node: the queue gives the highest sequence number first, as PyTorch does, so that sums have the same order.
struct Ready {
  std::uint64_t sequence;
  std::uint32_t number;
  bool operator<(const Ready& o) const { return sequence < o.sequence; }
};

/// The arrays of a run. A thread keeps one set for its next run, so that small graphs cost no allocation.
struct Workspace {
  std::vector<NodeState> states;
  std::vector<TensorObject*> grads;
  std::vector<Ready> ready;

  static constexpr std::size_t kKeep = 4096;
  void clear() {
    states.clear();
    grads.clear();
    ready.clear();
  }
  bool small() const { return states.capacity() <= kKeep && grads.capacity() <= kKeep && ready.capacity() <= kKeep; }
};
thread_local std::unique_ptr<Workspace> spare;

/// One backward pass. All its state lives here, in flat arrays by the node's number, so that passes can be nested,
/// can run in several threads, and leave nothing behind on the nodes.
class Run;
thread_local Run* running = nullptr;

class Run {
 public:
  explicit Run(BackwardRequest& r)
      : request_(r),
        space_(spare ? std::move(spare) : std::make_unique<Workspace>()),
        states_(space_->states),
        grads_(space_->grads),
        ready_(space_->ready) {
    ++depth;
    number_ = note_backward();
    outer_number_ = std::exchange(modes.run, number_);
    outer_ = std::exchange(running, this);
    if (!slots_taken) {
      slots_taken = slots_mine = own_slots_ = true;
      run_ = ++next_run;
      if (run_ == 0) run_ = ++next_run;
    }
  }
  ~Run() {
    if (!finished_) {
      for (const NodeState& s : states_) Py_XDECREF(reinterpret_cast<PyObject*>(s.grad));
    }
    for (TensorObject* g : grads_) Py_XDECREF(reinterpret_cast<PyObject*>(g));
    if (own_slots_) slots_taken = slots_mine = false;
    --depth;
    modes.run = outer_number_;
    running = outer_;
    if (space_->small()) {
      space_->clear();
      spare = std::move(space_);
    }
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  std::vector<Tensor> run() {
    const std::size_t n_roots = request_.outputs.size();
    roots_.reserve(n_roots);
    for (const Tensor& t : request_.outputs) roots_.push_back(gradient_edge(t));
    count();
    if (!request_.inputs.empty()) find_needed();
    for (std::size_t i = 0; i < n_roots; ++i) {
      if (roots_[i].fn) deliver(number_of(roots_[i].fn.get()), roots_[i].nr, Tensor(request_.gradients[i]));
    }
    for (const EdgeRef& r : roots_) {
      if (!r.fn) continue;
      const std::uint32_t i = number_of(r.fn.get());
      // Several roots may be one node, which is to run once.
      if (states_[i].waiting == 0) {
        states_[i].waiting = kNone;
        make_ready(i);
      }
    }
    GradMode mode(request_.create_graph);
    plain_ = request_.inputs.empty() && !modes.anomaly && !profiling;
    for (std::uint32_t i; (i = take_ready()) != kNone;) execute(i);
    finished_ = true;  // every node has run, and taken its cotangents
    for (std::size_t i = 0; i < callbacks_.size(); ++i) Object::check(PyObject_CallNoArgs(callbacks_[i].get()));
    return std::move(captured_);
  }

  std::uint32_t run_number() const { return number_; }
  bool will_execute(Node* n) const {
    const std::uint32_t i = lookup(n);
    return i != kNone && (needed_.empty() || needed_[i]);
  }
  bool has_inputs() const { return !request_.inputs.empty(); }
  void call_after(PyObject* callback) { callbacks_.push_back(Object::borrow(callback)); }

 private:
  // --- numbering ------------------------------------------------------------------------------------------------
  static constexpr std::uint32_t kNone = UINT32_MAX;

  std::uint32_t lookup(Node* n) const {
    if (own_slots_) [[likely]]
      return n->run == run_ ? n->number : kNone;
    return lookup_in_table(n);
  }
  [[gnu::noinline]] std::uint32_t lookup_in_table(Node* n) const {
    auto it = table_.find(n);
    return it == table_.end() ? kNone : it->second;
  }
  std::uint32_t number_of(Node* n) {
    if (own_slots_ && n->run == run_) return n->number;
    return number_new(n);
  }
  [[gnu::noinline]] std::uint32_t number_new(Node* n) {
    const auto i = std::uint32_t(states_.size());
    if (own_slots_) {
      n->run = run_;
      n->number = i;
    } else if (const auto [at, fresh] = table_.try_emplace(n, i); !fresh) {
      return at->second;
    }
    states_.push_back({n, nullptr, 0, std::uint32_t(grads_.size())});
    if (n->output_count() != 1) grads_.resize(grads_.size() + n->output_count() - 1, nullptr);
    return i;
  }

  /// Numbers all nodes that the roots reach and counts the edges into each. The array of states is the queue.
  void count() {
    for (const EdgeRef& r : roots_) {
      if (r.fn) number_of(r.fn.get());
    }
    for (std::size_t i = 0; i < states_.size(); ++i) {
      Node* n = states_[i].node;
      const Edge* edge = n->edges();
      for (const Edge* end = edge + n->edge_count(); edge != end; ++edge) {
        if (edge->fn != nullptr) ++states_[number_of(edge->fn)].waiting;
      }
    }
  }

  /// Marks the nodes from which an input can be reached; the others need not run.
  void find_needed() {
    captured_.resize(request_.inputs.size());
    needed_.assign(states_.size(), false);
    captures_.reserve(request_.inputs.size());
    for (std::size_t k = 0; k < request_.inputs.size(); ++k) {
      EdgeRef e = gradient_edge(request_.inputs[k]);
      const std::uint32_t i = e.fn ? lookup(e.fn.get()) : kNone;
      if (i == kNone) continue;
      captures_.push_back({i, e.nr, k});
      needed_[i] = true;
    }
    std::sort(captures_.begin(), captures_.end(), [](const Capture& a, const Capture& b) { return a.node < b.node; });
    // Against the edges: a list of predecessors by counting sort, then one sweep from the captured nodes.
    std::vector<std::uint32_t> start(states_.size() + 1, 0);
    for (const NodeState& s : states_) {
      for (std::uint32_t e = 0; e < s.node->edge_count(); ++e) {
        if (Node* to = s.node->edges()[e].fn) ++start[lookup(to) + 1];
      }
    }
    for (std::size_t i = 1; i < start.size(); ++i) start[i] += start[i - 1];
    std::vector<std::uint32_t> from(start.back()), at(start.begin(), start.end() - 1);
    for (std::size_t i = 0; i < states_.size(); ++i) {
      Node* n = states_[i].node;
      for (std::uint32_t e = 0; e < n->edge_count(); ++e) {
        if (Node* to = n->edges()[e].fn) from[at[lookup(to)]++] = std::uint32_t(i);
      }
    }
    std::vector<std::uint32_t> stack;
    for (const Capture& c : captures_) stack.push_back(c.node);
    while (!stack.empty()) {
      const std::uint32_t i = stack.back();
      stack.pop_back();
      for (std::uint32_t k = start[i]; k < start[i + 1]; ++k) {
        if (needed_[from[k]]) continue;
        needed_[from[k]] = true;
        stack.push_back(from[k]);
      }
    }
  }

  // --- the queue of ready nodes ----------------------------------------------------------------------------------
  // The node made ready last stands beside the heap: in a chain it is the next one.
  void make_ready(std::uint32_t i) {
    if (next_ == kNone) [[likely]]
      next_ = i;
    else
      push_ready(i);
  }
  [[gnu::noinline]] void push_ready(std::uint32_t i) {
    ready_.push_back({states_[i].node->sequence(), i});
    std::push_heap(ready_.begin(), ready_.end());
  }
  std::uint32_t take_ready() {
    if (next_ != kNone && (ready_.empty() || states_[next_].node->sequence() >= ready_.front().sequence)) [[likely]]
      return std::exchange(next_, kNone);
    return ready_.empty() ? kNone : pop_ready();
  }
  [[gnu::noinline]] std::uint32_t pop_ready() {
    std::pop_heap(ready_.begin(), ready_.end());
    const std::uint32_t i = ready_.back().number;
    ready_.pop_back();
    return i;
  }

  // --- cotangents ----------------------------------------------------------------------------------------------------
  TensorObject*& cotangent(std::uint32_t i, std::uint32_t nr) {
    NodeState& s = states_[i];
    return nr == 0 ? s.grad : grads_[s.others + nr - 1];
  }
  void deliver(std::uint32_t i, std::uint32_t nr, Tensor&& g) {
    TensorObject*& slot = cotangent(i, nr);
    if (slot == nullptr) {
      slot = reinterpret_cast<TensorObject*>(g.release());
      return;
    }
    // In place where nobody else can see the sum so far; another dtype or layout takes the general way.
    if (const Borrowed sum(reinterpret_cast<PyObject*>(slot)); !modes.grad && exclusive(sum)) {
      if (accumulate_small(sum, g)) return;
    }
    add_to(slot, g);
  }
  [[gnu::noinline]] void add_to(TensorObject*& slot, const Tensor& g) {
    Tensor sum = Tensor::steal(std::exchange(slot, nullptr));
    if (!modes.grad && exclusive(sum) && sum.is_contiguous() && g.dtype() == sum.dtype() &&
        same(sum.sizes(), g.sizes())) {
      accumulate(sum, g);
    } else {
      sum = add(sum, g);
    }
    slot = reinterpret_cast<TensorObject*>(sum.release());
  }

  void execute(std::uint32_t i) {
    if ((++executed_ & 255) == 0 && PyErr_CheckSignals() != 0) throw PythonError();
    Node* n = states_[i].node;
    if (plain_ && n->output_count() == 1 && n->edge_count() <= 2 && n->extra() == nullptr && !n->is_accumulator())
        [[likely]]
      execute_plain(i, n, n->edge_count());
    else
      execute_any(i, n);
  }

  [[gnu::noinline]] void execute_any(std::uint32_t i, Node* n) {
    const std::uint32_t n_in = n->output_count(), n_edges = n->edge_count();
    // Few cotangents live on the stack; a node with many (unbind) takes a vector.
    Tensor small_in[2], small_out[4];
    std::vector<Tensor> big_in, big_out;
    Tensor* in = small_in;
    Tensor* out = small_out;
    if (n_in > 2) in = (big_in.resize(n_in), big_in.data());
    if (n_edges > 4) out = (big_out.resize(n_edges), big_out.data());
    bool any = false;
    for (std::uint32_t k = 0; k < n_in; ++k) {
      in[k] = Tensor::steal(std::exchange(cotangent(i, k), nullptr));
      any |= in[k].defined();
    }
    const bool run_it = needed_.empty() || needed_[i];
    if (any && run_it) {
      NodeRef keep = NodeRef::borrow(n);  // hooks may drop the graph
      NodeExtra* extra = n->extra();
      if (extra != nullptr) run_tensor_hooks(n, in);
      if (n->is_accumulator()) run_leaf_hooks(static_cast<AccumulateGrad*>(n)->variable(), in[0]);
      if (extra != nullptr && extra->pre_hooks != nullptr) run_pre_hooks(n, in);
      if (extra != nullptr && !extra->retained.empty()) keep_retained(n, in);
      bool captured_here = false;
      for (auto c = std::lower_bound(captures_.begin(), captures_.end(), i,
                                     [](const Capture& a, std::uint32_t v) { return a.node < v; });
           c != captures_.end() && c->node == i; ++c) {
        captured_here = true;
        if (request_.accumulate) {
          if (in[c->nr].defined()) accumulate_grad(request_.inputs[c->input], in[c->nr]);
        } else {
          captured_[c->input] = in[c->nr];
        }
      }
      const bool leaf = n->is_accumulator();
      if (!leaf || request_.inputs.empty()) {
        if (!captured_here || has_needed_successor(n)) {
          if (modes.anomaly || profiling) [[unlikely]]
            apply_watched(n, in, out);
          else
            n->apply(in, out);
          if (n->extra() != nullptr) after_apply(n, in, out);
        }
      }
    }
    pass_on(n, n_edges, out);
    if (!request_.retain_graph && run_it && any) n->release_saved();
  }

  /// What most nodes of most graphs need: one cotangent, at most two edges, nobody to tell.
  void execute_plain(std::uint32_t i, Node* n, std::uint32_t n_edges) {
    Tensor in = Tensor::steal(std::exchange(states_[i].grad, nullptr));
    const bool any = in.defined();
    Tensor out[2];
    if (any) {
      n->apply(&in, out);
      if (n->extra() != nullptr) [[unlikely]]
        after_apply(n, &in, out);
    }
    pass_on(n, n_edges, out);
    if (any && !request_.retain_graph) n->release_saved();
  }

  void pass_on(Node* n, std::uint32_t n_edges, Tensor* out) {
    Edge* edges = n->edges();
    for (std::uint32_t e = 0; e < n_edges; ++e) {
      Node* to = edges[e].fn;
      if (to == nullptr) continue;
      const std::uint32_t j = lookup(to);
      if (out[e].defined()) {
        deliver(j, edges[e].nr, std::move(out[e]));
        out[e] = Tensor();
      }
      if (--states_[j].waiting == 0) make_ready(j);
    }
  }

  bool has_needed_successor(Node* n) const {
    if (needed_.empty()) return true;
    for (std::uint32_t e = 0; e < n->edge_count(); ++e) {
      Node* to = n->edges()[e].fn;
      if (to != nullptr && needed_[lookup(to)]) return true;
    }
    return false;
  }

  /// NOTE [Broadcast]: gradients come back in the output's shape and dtype; here they become the input's.
  void after_apply(Node* n, Tensor* in, Tensor* out) {
    NodeExtra* extra = n->extra();
    if (extra->inputs) {
      for (std::uint32_t e = 0; e < n->edge_count(); ++e) fit_to_input(extra->inputs[e], out[e]);
    }
    if (extra->post_hooks != nullptr) run_post_hooks(n, in, out);
  }

  struct Capture {
    std::uint32_t node, nr;
    std::size_t input;
  };

  BackwardRequest& request_;
  bool own_slots_ = false;
  bool finished_ = false;
  bool plain_ = false;          // nothing is captured: every node runs
  std::uint32_t run_ = 0;       // the mark on the nodes' slots
  std::uint32_t next_ = kNone;  // see make_ready
  std::uint32_t number_ = 0;    // of all passes: see note_backward
  std::uint32_t outer_number_ = 0;
  Run* outer_ = nullptr;
  std::vector<Object> callbacks_;
  std::uint64_t executed_ = 0;
  std::vector<EdgeRef> roots_;
  std::unique_ptr<Workspace> space_;
  std::vector<NodeState>& states_;
  std::vector<TensorObject*>& grads_;
  std::vector<Ready>& ready_;
  std::vector<bool> needed_;
  std::vector<Capture> captures_;
  std::vector<Tensor> captured_;
  std::unordered_map<Node*, std::uint32_t> table_;
};

}  // namespace

void fit_to_input(const InputMeta& meta, Tensor& g) {
  if (!g.defined()) return;
  if (!same(g.sizes(), meta.sizes)) g = sum_to(g, meta.sizes);
  if (g.dtype() != meta.dtype)
    g = is_complex(g.dtype()) && !is_complex(meta.dtype) ? to(real(g), meta.dtype) : to(g, meta.dtype);
}

namespace {

/// A leaf's first gradient: `g` itself if it may be taken over and is laid out as the leaf (or need not be), else a
/// copy that is.
Tensor with_layout_of(const Tensor& leaf, Tensor& g, bool ours) {
  const bool alike = leaf.is_contiguous() ? g.is_contiguous() : same(leaf.strides(), g.strides());
  if (alike || !is_dense(leaf.sizes(), leaf.strides())) return ours ? std::move(g) : clone(g);
  if (ours && !modes.grad_layout) return std::move(g);
  Tensor copy = empty_like(leaf, g.dtype());
  copy_into(copy, g);
  return copy;
}

}  // namespace

void accumulate_grad(const Tensor& leaf, Tensor& g) {
  // Another thread may put its own gradient there while an operator of this one lets go of the GIL.
  for (;;) {
    const Tensor old = leaf->grad == nullptr ? Tensor() : Tensor::borrow(leaf->grad);
    if (old.defined() && !modes.grad) {
      accumulate(old, g);
      old->bump_version();
      return;
    }
    // Taken over if nobody else holds it, else copied: `.grad` must not change with what it came from.
    const bool ours = !modes.grad && exclusive(g) && is_dense(g.sizes(), g.strides());
    Tensor next = old.defined() ? add(old, g) : !modes.grad ? with_layout_of(leaf, g, ours) : clone(g);
    if (leaf->grad != old.get()) continue;
    if (modes.grad) {
      // The gradient's own graph leads back to the leaf.
      collect(leaf.get());
      collect(next.get());
    }
    leaf->grad = reinterpret_cast<TensorObject*>(next.release());
    if (old.defined()) Py_DECREF(old.object());
    return;
  }
}

void AccumulateGrad::apply(Tensor* in, Tensor*) {
  accumulate_grad(leaf_, in[0]);
  if (leaf_->extra != nullptr && leaf_->extra->accumulate_hooks != nullptr) run_accumulate_hooks(leaf_);
}

int backward_depth() { return depth; }
std::uint32_t current_backward() { return running == nullptr ? 0 : running->run_number(); }
bool will_execute(Node* n) { return running != nullptr && running->will_execute(n); }
bool backward_has_inputs() { return running != nullptr && running->has_inputs(); }
bool call_after_backward(PyObject* callback) {
  if (running == nullptr) return false;
  running->call_after(callback);
  return true;
}

Tensor implicit_gradient(const Tensor& output) {
  if (output.numel() != 1) fail_runtime("grad can be implicitly created only for scalar outputs");
  if (is_complex(output.dtype())) {
    fail_runtime("grad can be implicitly created only for real scalar outputs but got torch.",
                 dtype_name(output.dtype()));
  }
  return full(output.sizes(), 1, output.dtype());
}

std::vector<Tensor> run_backward(BackwardRequest&& request) {
  Run run(request);
  return run.run();
}

}  // namespace rl
