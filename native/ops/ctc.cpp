// Connectionist temporal classification (Graves et al., 2006): the likelihood of a sequence of labels, summed over all
// its alignments with a longer sequence of class probabilities.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ops/binary.h"
#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

using Lengths = std::vector<std::int64_t>;

/// log(e^a + e^b + …) without overflow.
template <class T, class... More>
T log_sum(T a, More... more) {
  T most = a;
  ((most = more > most ? more : most), ...);
  if (most == -std::numeric_limits<T>::infinity()) return most;
  return std::log((std::exp(a - most) + ... + std::exp(more - most))) + most;
}

/// The items of a batch: log-probabilities [T, N, C], labels one after another, lengths of both.
struct Ctc {
  std::int64_t steps = 0, batch = 0, classes = 0, blank = 0;
  Lengths input, target, start;  // `start`: where an item's labels begin
  std::int64_t states = 1;       // of the longest item: 2 labels + 1

  /// State s of an item is a blank for even s, else a label; paths go from one to itself or the next, and from label to
  /// label unless these are equal.
  struct States {
    const std::int64_t* labels;
    std::int64_t blank;
    std::int64_t at(std::int64_t s) const { return s % 2 == 0 ? blank : labels[s / 2]; }
    bool skips(std::int64_t s) const { return s % 2 == 1 && s >= 2 && at(s) != at(s - 2); }
  };
  States item(const std::int64_t* labels, std::int64_t b) const { return {labels + start[std::size_t(b)], blank}; }

  /// alpha[b][t][s] = log of the probability of all paths that are in state s at time t.
  template <class T>
  void forward(const T* p, const std::int64_t* labels, T* alpha, T* loss) const {
    constexpr T none = -std::numeric_limits<T>::infinity();
    parallel_for(batch, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        const States states_of = item(labels, b);
        const std::int64_t length = input[std::size_t(b)], last = 2 * target[std::size_t(b)];
        T* row = alpha + b * steps * states;
        std::fill_n(row, steps * states, none);
        if (length == 0) {
          loss[b] = last == 0 ? T(0) : -none;
          continue;
        }
        row[0] = p[b * classes + blank];
        if (last > 0) row[1] = p[b * classes + states_of.at(1)];
        for (std::int64_t t = 1; t < length; ++t) {
          const T* const before = row;
          row += states;
          const T* const now = p + (t * batch + b) * classes;
          for (std::int64_t s = 0; s <= last; ++s) {
            row[s] = now[states_of.at(s)] +
                     log_sum(before[s], s > 0 ? before[s - 1] : none, states_of.skips(s) ? before[s - 2] : none);
          }
        }
        loss[b] = -(last == 0 ? row[0] : log_sum(row[last], row[last - 1]));
      }
    });
  }

  /// The gradient of log-probabilities that are normalised: the class probabilities less those that the labels imply.
  template <class T>
  void backward(const T* p, const std::int64_t* labels, const T* alpha, const T* loss, const T* cotangent, bool finite,
                T* grad) const {
    constexpr T none = -std::numeric_limits<T>::infinity();
    parallel_for(batch, 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<T> beta(std::size_t(states), none), later(std::size_t(states), none);
      for (std::int64_t b = begin; b < end; ++b) {
        const States states_of = item(labels, b);
        const std::int64_t length = input[std::size_t(b)], last = 2 * target[std::size_t(b)];
        for (std::int64_t t = length; t < steps; ++t) std::fill_n(grad + (t * batch + b) * classes, classes, T(0));
        const bool zero = finite && loss[b] == -none;
        for (std::int64_t t = length - 1; t >= 0; --t) {
          T* const to = grad + (t * batch + b) * classes;
          if (zero) {
            std::fill_n(to, classes, T(0));
            continue;
          }
          const T* const now = p + (t * batch + b) * classes;
          const T* const a = alpha + (b * steps + t) * states;
          std::fill_n(to, classes, none);
          for (std::int64_t s = last; s >= 0; --s) {  // in PyTorch's order: a unit in the last place of the sums counts
            T sum;
            if (t == length - 1)
              sum = s >= last - 1 ? T(0) : none;
            else
              sum = log_sum(later[std::size_t(s)], s < last ? later[std::size_t(s + 1)] : none,
                            s + 2 <= last && states_of.skips(s + 2) ? later[std::size_t(s + 2)] : none);
            const std::int64_t c = states_of.at(s);
            beta[std::size_t(s)] = sum + now[c];
            to[c] = log_sum(to[c], a[s] + beta[std::size_t(s)]);
          }
          std::swap(beta, later);
          for (std::int64_t c = 0; c < classes; ++c)
            to[c] = (std::exp(now[c]) - std::exp(to[c] + loss[b] - now[c])) * cotangent[b];
        }
      }
    });
  }
  double work() const { return double(batch) * double(steps) * double(states + classes); }
};

template <class F>
void with_float(DType d, F&& f) {
  dispatch(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) f(T(0));
  });
}

struct CtcNode final : Node {
  SavedTensor log_probs, targets, loss, alpha;
  Ctc ctc;
  bool finite = false;
  const char* name() const override { return "CtcLossBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor x = log_probs.unpack(this), g = contiguous_as(in[0], x.dtype());
    const Tensor p = contiguous_as(x, x.dtype()), t = contiguous_as(targets.unpack(this), DType::Int64);
    const Tensor l = loss.unpack(this, false), a = alpha.unpack(this, false);
    const Tensor grad = empty(x.sizes(), x.dtype());
    {
      const GilRelease gil(std::int64_t(ctc.work()));
      with_float(x.dtype(), [&](auto zero) {
        using T = decltype(zero);
        ctc.backward(p.data_as<T>(), t.data_as<std::int64_t>(), a.data_as<T>(), l.data_as<T>(), g.data_as<T>(), finite,
                     grad.data_as<T>());
      });
    }
    if (modes.grad && (tracked(x) || tracked(in[0]))) {
      auto* n = record<NotImplementedNode>(grad, in[0], x);
      n->what = "_ctc_loss_backward";
    }
    out[0] = grad;
  }
  void visit(SavedVisitor& v) override {
    v.tensor("log_probs", log_probs);
    v.tensor("targets", targets);
    v.tensor("result0", loss);
    v.tensor("result1", alpha);
  }
  void show(ValueVisitor& v) const override {
    v.number("blank", ctc.blank);
    v.list("input_lengths", {ctc.input.data(), ctc.input.size()});
    v.list("target_lengths", {ctc.target.data(), ctc.target.size()});
    v.flag("zero_infinity", finite);
  }
};

/// A tensor of integers or a sequence of them.
Lengths lengths_of(PyObject* o, std::int64_t batch, const char* name) {
  Lengths found;
  if (is_tensor(o)) {
    const Tensor t = Tensor::borrow(o);
    if (!is_integral(t.dtype(), false)) fail_runtime(name, " must be integral");
    const Tensor flat = contiguous_as(t, DType::Int64);
    found.assign(flat.data_as<std::int64_t>(), flat.data_as<std::int64_t>() + flat.numel());
  } else {
    const Object items = Object::check(PySequence_Fast(o, "lengths must be a tensor or a sequence of integers"));
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.get()); ++i)
      found.push_back(to_index(PySequence_Fast_GET_ITEM(items.get(), i)));
  }
  if (std::int64_t(found.size()) != batch) fail_runtime(name, " must be of size batch_size");
  return found;
}

constexpr const char* kWhere = " (while checking arguments for ctc_loss_allocate_outputs)";

void check_lengths(const Lengths& lengths, std::int64_t most, const char* name) {
  for (const std::int64_t n : lengths) {
    if (n < 0) fail_runtime("Expected ", name, " to have value at least 0, but got value ", n, kWhere);
    if (most >= 0 && n > most)
      fail_runtime("Expected ", name, " to have value at most ", most, ", but got value ", n, kWhere);
  }
}

/// (log_probs, targets, input_lengths, target_lengths, blank, zero_infinity)
PyObject* ctc_op(const OpDef&, Args& a) {
  const Tensor given = a.tensor(0), targets = a.tensor(1);
  const DType d = given.dtype();
  if (!is_integral(targets.dtype(), false)) fail_runtime("targets must be integral");
  if (given.numel() == 0) fail_runtime("log_probs tensor must not be empty");
  if (d != DType::Float && d != DType::Double) fail_unsupported("ctc_loss_cpu", d);
  if (given.ndim() != 3) {
    fail_runtime("Expected 3-dimensional tensor, but got ", given.ndim(),
                 "-dimensional tensor for argument #1 'log_probs'", kWhere);
  }
  Ctc c;
  c.steps = given.size(0), c.batch = given.size(1), c.classes = given.size(2);
  c.blank = a.integer(4, 0);
  c.input = lengths_of(a.v[2], c.batch, "input_lengths");
  c.target = lengths_of(a.v[3], c.batch, "target_lengths");
  if (c.blank < 0 || c.blank >= c.classes) fail_runtime("blank must be in label range");
  check_lengths(c.target, -1, "target_lengths");
  std::int64_t longest = 0, all = 0;
  for (const std::int64_t n : c.target) longest = std::max(longest, n), all += n;
  c.states = 2 * longest + 1;
  c.start.assign(std::size_t(c.batch), 0);
  if (targets.ndim() == 1) {
    if (targets.numel() != all) {
      fail_runtime("Expected tensor to have size ", all, " at dimension 0, but got size ", targets.numel(),
                   " for argument #2 'targets'", kWhere);
    }
    for (std::size_t b = 1; b < c.start.size(); ++b) c.start[b] = c.start[b - 1] + c.target[b - 1];
  } else {
    if (targets.ndim() != 2) {
      fail_runtime("Expected 1 to 2 dimensions, but got ", targets.ndim(),
                   "-dimensional tensor for argument #2 'targets'", kWhere);
    }
    if (targets.size(0) != c.batch) {
      fail_runtime("Expected tensor to have size ", c.batch, " at dimension 0, but got size ", targets.size(0),
                   " for argument #2 'targets'", kWhere);
    }
    if (targets.size(1) < longest) {
      fail_runtime("Expected tensor to have size at least ", longest, " at dimension 1, but got size ", targets.size(1),
                   " for argument #2 'targets'", kWhere);
    }
    for (std::size_t b = 0; b < c.start.size(); ++b) c.start[b] = std::int64_t(b) * targets.size(1);
  }
  check_lengths(c.input, c.steps, "input_lengths");
  const Tensor p = contiguous_as(given, d), labels = contiguous_as(targets, DType::Int64);
  for (std::int64_t b = 0; b < c.batch; ++b) {
    const Ctc::States s = c.item(labels.data_as<std::int64_t>(), b);
    for (std::int64_t i = 0; i < c.target[std::size_t(b)]; ++i) {
      const std::int64_t label = s.at(2 * i + 1);
      if (label < 0 || label >= c.classes) fail_index("Target ", label, " is out of bounds.");
    }
  }
  Tensor loss = empty({{c.batch}}, d);
  const Tensor alpha = empty({{c.batch, c.steps, c.states}}, d);
  {
    const GilRelease gil(std::int64_t(c.work()));
    with_float(d, [&](auto zero) {
      using T = decltype(zero);
      c.forward(p.data_as<T>(), labels.data_as<std::int64_t>(), alpha.data_as<T>(), loss.data_as<T>());
    });
  }
  if (recording(given)) {
    auto* n = record<CtcNode>(loss, given);
    n->log_probs.save(given);
    n->targets.save(targets);
    n->loss.save_output(loss);
    n->alpha.save(alpha);
    n->ctc = std::move(c);
    n->finite = a.boolean(5);
  }
  Tensor both[] = {loss, alpha};
  return pack(both);
}

const OpDef ops[] = {
    {"_ctc_loss",
     "(Tensor log_probs, Tensor targets, any input_lengths, any target_lengths, int blank=0, bool zero_infinity=False)",
     ctc_op, kFunction, Kind::Other,
     "The negative log-likelihood [N] of labels under log-probabilities [T, N, C], and the logarithms of the forward "
     "probabilities [N, T, 2 S + 1]. zero_infinity: where the loss is inf its gradient is 0."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
