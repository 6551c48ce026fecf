// Recurrent layers over whole sequences, and single cells: what goes into the gates from the input is one product for
// all steps, and what a step adds to it is done in place.
//
// These are the raw passes, forward and backward, without history: rushlight/_ops/rnn.py joins them, and composes the
// same of other operators where a gradient is to be differentiated again.
#include <array>
#include <cstring>
#include <span>
#include <vector>

#include "kernels/gemm.h"
#include "kernels/scratch.h"
#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

using std::int64_t;

enum class Cell : std::uint8_t { Lstm, Gru, Tanh, Relu };

const RnnLoops& loops_of(DType d) { return d == DType::Float ? kernels->rnn.single : kernels->rnn.twice; }

/// One layer in one direction. A step has `active` members of the batch: all, or fewer of a packed sequence, whose
/// longest members come first.
struct Layer {
  Cell cell = Cell::Lstm;
  bool reverse = false;
  DType dtype = DType::Float;
  int64_t batch = 0, total = 0, inputs = 0, size = 0, outputs = 0;  // outputs: size, or that of the projection
  std::vector<int64_t> active, first;                               // by step
  Tensor w_ih, w_hh, w_hr;

  int64_t gates() const { return (cell == Cell::Lstm ? 4 : cell == Cell::Gru ? 3 : 1) * size; }
  std::size_t steps() const { return active.size(); }
  /// The n-th step that is run.
  std::size_t step(std::size_t n) const { return reverse ? steps() - 1 - n : n; }
  int64_t work() const { return total * gates() * (inputs + outputs); }
};

char* row(const Tensor& t, int64_t i) { return t.data() + i * t.size(-1) * t.itemsize(); }

/// c [m, n] = a [m, k] b [k, n] (+ c), of rows in memory; `turned`: b is given as [n, k], or a as [k, m].
void product(DType d, int64_t m, int64_t n, int64_t k, const void* a, bool a_turned, const void* b, bool b_turned,
             void* c, bool add) {
  GemmArgs g{};
  g.m = m, g.n = n, g.k = k;
  g.a = {a, a_turned ? 1 : k, a_turned ? m : 1};
  g.b = {b, b_turned ? 1 : n, b_turned ? k : 1};
  g.c = c, g.ldc = n;
  if (add) g.beta = cdouble(1), g.ibeta = 1;
  if (m > 0 && n > 0) gemm(d, g);
}

/// Rows of a bias, or of the sum of two; zeros without.
void fill_rows(const Tensor& out, const Tensor& a, const Tensor& b) {
  const int64_t rows = out.size(0), bytes = out.size(1) * out.itemsize();
  if (!a.defined() && !b.defined()) {
    std::memset(out.data(), 0, std::size_t(rows * bytes));
    return;
  }
  const Tensor line = a.defined() && b.defined() ? contiguous_as(a + b, out.dtype()) : a.defined() ? a : b;
  for (int64_t i = 0; i < rows; ++i) std::memcpy(out.data() + i * bytes, line.data(), std::size_t(bytes));
}

Layer layer_of(int64_t cell, bool reverse, const Tensor& x, const Tensor& w_ih, const Tensor& w_hh, const Tensor& w_hr,
               int64_t batch, const Tensor& sizes) {
  Layer l;
  if (cell < 0 || cell > 3) fail_value("no such cell: ", cell);
  l.cell = Cell(cell);
  l.reverse = reverse;
  l.dtype = x.dtype();
  if (l.dtype != DType::Float && l.dtype != DType::Double)
    fail_runtime("recurrent layers compute in float32 or float64");
  if (x.ndim() != 2 || w_ih.ndim() != 2 || w_hh.ndim() != 2 || (w_hr.defined() && w_hr.ndim() != 2))
    fail_runtime("a recurrent layer wants matrices");
  l.batch = batch;
  l.total = x.size(0);
  l.inputs = x.size(1);
  const int64_t parts = l.cell == Cell::Lstm ? 4 : l.cell == Cell::Gru ? 3 : 1;
  l.size = w_hh.size(0) / parts;
  l.outputs = w_hr.defined() ? w_hr.size(0) : l.size;
  if (w_hh.size(0) != parts * l.size || w_ih.size(0) != w_hh.size(0) || w_ih.size(1) != l.inputs ||
      w_hh.size(1) != l.outputs || (w_hr.defined() && w_hr.size(1) != l.size) || batch < 0)
    fail_runtime("the sizes of a recurrent layer's weights do not fit together");
  for (const Tensor* t : {&w_ih, &w_hh, &w_hr}) {
    if (t->defined() && t->dtype() != l.dtype) fail_runtime("a recurrent layer's weights must have its input's dtype");
  }
  l.w_ih = contiguous_as(w_ih, l.dtype);
  l.w_hh = contiguous_as(w_hh, l.dtype);
  if (w_hr.defined()) l.w_hr = contiguous_as(w_hr, l.dtype);
  int64_t at = 0;
  if (sizes.defined()) {
    const Tensor s = contiguous_as(sizes, DType::Int64);
    for (int64_t i = 0; i < s.numel(); ++i) {
      const int64_t n = s.data_as<int64_t>()[i];
      if (n < 0 || n > batch || at + n > l.total) fail_runtime("the batch sizes do not fit the sequences");
      l.active.push_back(n);
      l.first.push_back(at);
      at += n;
    }
    if (at != l.total) fail_runtime("the batch sizes do not fit the sequences");
  } else {
    for (; batch > 0 && at + batch <= l.total; at += batch) {
      l.active.push_back(batch);
      l.first.push_back(at);
    }
  }
  return l;
}

/// Inputs: the sequence, h, c, w_ih, w_hh, b_ih, b_hh, w_hr; undefined where there are none.
enum : std::size_t { X, H, C, Wih, Whh, Bih, Bhh, Whr, kInputs };
using Inputs = std::array<Tensor, kInputs>;
/// What the way back needs.
enum : std::size_t { OfX, OfH, HBefore, CBefore, Bent, Full, kBuffers };
using Buffers = std::array<Tensor, kBuffers>;

void need_state(const Tensor& t, int64_t rows, int64_t columns, DType d) {
  if (t.ndim() != 2 || t.size(0) != rows || t.size(1) != columns || t.dtype() != d)
    fail_runtime("a state of a recurrent layer has another size or dtype than the layer");
}

Layer layer_of(int64_t cell, bool reverse, const Inputs& in, const Tensor& sizes) {
  if (cell < 0 || cell > 3) fail_value("no such cell: ", cell);
  for (const std::size_t i : {X, H, Wih, Whh}) {
    if (!in[i].defined() || in[i].ndim() != 2) fail_runtime("a recurrent layer wants matrices");
  }
  return layer_of(cell, reverse, in[X], in[Wih], in[Whh], in[Whr], in[H].size(0), sizes);
}

/// `out`: the outputs, the last h and c.
void forward(const Layer& l, const Inputs& in, Tensor* out, Buffers& saved) {
  const DType d = l.dtype;
  const int64_t n = l.size, gates = l.gates();
  const bool gru = l.cell == Cell::Gru, lstm = l.cell == Cell::Lstm;
  need_state(in[H], l.batch, l.outputs, d);
  if (lstm != in[C].defined()) fail_runtime("an LSTM has two states, other cells one");
  if (lstm) need_state(in[C], l.batch, n, d);
  Tensor bias[2];
  for (const std::size_t i : {Bih, Bhh}) {
    if (!in[i].defined()) continue;
    if (in[i].numel() != gates || in[i].dtype() != d)
      fail_runtime("a bias of a recurrent layer has another size or dtype");
    bias[i - Bih] = contiguous_as(in[i], d);
  }
  const Tensor x = contiguous_as(in[X], d);
  // The states change in place from step to step.
  Tensor& h = out[1] = to_contiguous(in[H], d);
  Tensor& c = out[2] = lstm ? to_contiguous(in[C], d) : Tensor();
  Tensor& y = out[0] = empty({{l.total, l.outputs}}, d);
  Tensor& of_x = saved[OfX] = empty({{l.total, gates}}, d);
  Tensor& of_h = saved[OfH] = gru ? empty({{l.total, gates}}, d) : Tensor();
  Tensor& h_before = saved[HBefore] = empty({{l.total, l.outputs}}, d);
  Tensor& c_before = saved[CBefore] = lstm ? empty({{l.total, n}}, d) : Tensor();
  Tensor& bent = saved[Bent] = lstm ? empty({{l.total, n}}, d) : Tensor();
  Tensor& full = saved[Full] = l.w_hr.defined() ? empty({{l.total, n}}, d) : Tensor();
  fill_rows(of_x, bias[0], gru ? Tensor() : bias[1]);
  if (gru) fill_rows(of_h, bias[1], Tensor());
  const RnnLoops& loops = loops_of(d);
  // Turned once, the weights of the states need no packing at each step.
  const bool turned = l.steps() > 2;
  const int item = itemsize(d);
  const Scratch weights(turned ? l.outputs * gates * item : 0);
  const GilRelease gil(l.work());
  if (turned) {
    const Transpose turn = item == 4 ? kernels->gemm.transpose4 : kernels->gemm.transpose8;
    turn(l.w_hh.data(), l.outputs, weights.get(), gates, l.outputs, gates);
  }
  product(d, l.total, gates, l.inputs, x.data(), false, l.w_ih.data(), true, of_x.data(), true);
  for (std::size_t s = 0; s < l.steps(); ++s) {
    const std::size_t t = l.step(s);
    const int64_t rows = l.active[t], at = l.first[t];
    if (rows == 0) continue;
    const auto bytes = [&](int64_t columns) { return std::size_t(rows * columns * item); };
    char* into = row(gru ? of_h : of_x, at);
    if (turned)
      loops.product(h.data(), weights.get(), into, rows, gates, l.outputs);
    else
      product(d, rows, gates, l.outputs, h.data(), false, l.w_hh.data(), true, into, true);
    if (gru) {
      loops.gru(row(of_x, at), into, h.data(), row(h_before, at), rows, n);
      std::memcpy(row(y, at), h.data(), bytes(n));
      continue;
    }
    std::memcpy(row(h_before, at), h.data(), bytes(l.outputs));
    if (lstm) {
      char* to = row(full.defined() ? full : y, at);
      loops.lstm(into, c.data(), row(c_before, at), row(bent, at), to, rows, n);
      if (full.defined()) product(d, rows, l.outputs, n, to, false, l.w_hr.data(), true, row(y, at), false);
    } else {
      // The sums are not needed again, the results are.
      loops.plain(l.cell == Cell::Tanh, into, row(y, at), rows * n);
      std::memcpy(into, row(y, at), bytes(n));
    }
    std::memcpy(h.data(), row(y, at), bytes(l.outputs));
  }
}

/// The gradients of the wanted inputs (and of h and c) from those of the outputs, which are defined.
void backward(const Layer& l, const Inputs& in, const Buffers& saved, const Tensor* grads,
              const std::array<bool, kInputs>& wanted, Tensor* out) {
  const DType d = l.dtype;
  const int64_t n = l.size, gates = l.gates();
  const bool gru = l.cell == Cell::Gru, lstm = l.cell == Cell::Lstm, projected = l.w_hr.defined();
  const Tensor x = contiguous_as(in[X], d), dy = contiguous_as(grads[0], d);
  const auto& [of_x, of_h, h_before, c_before, bent, full] = saved;
  Tensor& dh = out[H] = to_contiguous(grads[1], d);
  Tensor& dc = out[C] = lstm ? to_contiguous(grads[2], d) : Tensor();
  const Tensor dx_gates = empty({{l.total, gates}}, d), dh_gates = gru ? empty({{l.total, gates}}, d) : dx_gates;
  if (wanted[X]) out[X] = empty(x.sizes(), d);
  if (wanted[Wih]) out[Wih] = empty(l.w_ih.sizes(), d);
  if (wanted[Whh]) out[Whh] = empty(l.w_hh.sizes(), d);
  const bool hr = wanted[Whr] && projected;
  if (hr) out[Whr] = empty(l.w_hr.sizes(), d);
  // The whole gradient of each output, for the projection's weights.
  const Tensor whole = projected ? empty({{l.total, l.outputs}}, d) : Tensor();
  const RnnLoops& loops = loops_of(d);
  const NormLoops& sums = d == DType::Float ? kernels->norm.single : kernels->norm.twice;
  const int item = itemsize(d);
  {
    const Scratch unprojected(projected ? l.batch * n * item : 0);
    const GilRelease gil(2 * l.work());
    for (std::size_t s = l.steps(); s-- > 0;) {
      const std::size_t t = l.step(s);
      const int64_t rows = l.active[t], at = l.first[t];
      if (rows == 0) continue;
      sums.add(dh.data(), row(dy, at), rows * l.outputs);
      if (gru) {
        loops.gru_backward(row(of_x, at), row(of_h, at), row(h_before, at), dh.data(), row(dx_gates, at),
                           row(dh_gates, at), rows, n);
      } else if (lstm) {
        const char* of_full = dh.data();
        if (projected) {
          std::memcpy(row(whole, at), dh.data(), std::size_t(rows * l.outputs * item));
          product(d, rows, n, l.outputs, dh.data(), false, l.w_hr.data(), false, unprojected.get(), false);
          of_full = unprojected.get();
        }
        loops.lstm_backward(row(of_x, at), row(c_before, at), row(bent, at), of_full, dc.data(), row(dx_gates, at),
                            rows, n);
      } else {
        loops.plain_backward(l.cell == Cell::Tanh, row(of_x, at), dh.data(), row(dx_gates, at), rows * n);
      }
      if (!gru) std::memset(dh.data(), 0, std::size_t(rows * l.outputs * item));
      loops.product(row(dh_gates, at), l.w_hh.data(), dh.data(), rows, l.outputs, gates);
    }
    if (wanted[X])
      product(d, l.total, l.inputs, gates, dx_gates.data(), false, l.w_ih.data(), false, out[X].data(), false);
    // Turned by itself first, which products with it are faster for than for turning it in passing.
    const Transpose turn = item == 4 ? kernels->gemm.transpose4 : kernels->gemm.transpose8;
    const Scratch turned(l.total * gates * item);
    if (wanted[Wih] || wanted[Whh]) turn(dx_gates.data(), gates, turned.get(), l.total, gates, l.total);
    if (wanted[Wih]) product(d, gates, l.inputs, l.total, turned.get(), false, x.data(), false, out[Wih].data(), false);
    if (wanted[Whh]) {
      if (gru) turn(dh_gates.data(), gates, turned.get(), l.total, gates, l.total);
      product(d, gates, l.outputs, l.total, turned.get(), false, h_before.data(), false, out[Whh].data(), false);
    }
    if (hr) product(d, l.outputs, n, l.total, whole.data(), true, full.data(), false, out[Whr].data(), false);
  }
  if (wanted[Bih]) out[Bih] = sum(dx_gates, {{0}});
  if (wanted[Bhh]) out[Bhh] = gru || !wanted[Bih] ? sum(dh_gates, {{0}}) : clone(out[Bih]);
}

struct RnnNode final : Node {
  SavedTensor inputs[kInputs], buffers[kBuffers], sizes;
  std::int64_t cell = 0, total = 0, outputs = 0;
  bool reverse = false;
  const char* name() const override { return "RecurrentBackward0"; }
  void apply(Tensor* in, Tensor* out) override;
  void derive(const Inputs& own, const Tensor* grads, Tensor* out);
  void visit(SavedVisitor& v) override {
    static constexpr const char* names[] = {"input", "h", "c", "w_ih", "w_hh", "b_ih", "b_hh", "w_hr"};
    static constexpr const char* between[] = {"of_x", "of_h", "h_before", "c_before", "bent", "full"};
    for (std::size_t i = 0; i < kInputs; ++i) v.tensor(names[i], inputs[i]);
    for (std::size_t i = 0; i < kBuffers; ++i) v.tensor(between[i], buffers[i]);
    v.tensor("batch_sizes", sizes);
  }
};

void RnnNode::apply(Tensor* in, Tensor* out) {
  Inputs own;
  Buffers saved;
  bool again = false;
  for (std::size_t i = 0; i < kInputs; ++i) {
    if (inputs[i].saved()) own[i] = inputs[i].unpack(this);
    again = again || tracked(own[i]);
  }
  for (std::size_t i = 0; i < kBuffers; ++i) {
    if (buffers[i].saved()) saved[i] = buffers[i].unpack(this);
  }
  const DType d = own[X].dtype();
  Tensor grads[3];
  for (std::size_t i = 0; i < (own[C].defined() ? 3 : 2); ++i) {
    again = again || tracked(in[i]);
    grads[i] = in[i].defined() ? in[i] : zeros(i == 0 ? Dims({{total, outputs}}) : own[i].sizes(), d);
  }
  if (modes.grad && again) return derive(own, grads, out);
  const Tensor active = sizes.saved() ? sizes.unpack(this) : Tensor();
  std::array<bool, kInputs> wanted;
  for (std::uint32_t i = 0; i < kInputs; ++i) wanted[i] = needs(i);
  Tensor found[kInputs];
  backward(layer_of(cell, reverse, own, active), own, saved, grads, wanted, found);
  for (std::uint32_t i = 0; i < kInputs; ++i) {
    if (needs(i)) out[i] = found[i];
  }
}

void RnnNode::derive(const Inputs& own, const Tensor* grads, Tensor* out) {
  const auto tuple = [](std::span<const Tensor> items) {
    Object t = Object::check(PyTuple_New(Py_ssize_t(items.size())));
    for (std::size_t i = 0; i < items.size(); ++i) {
      PyObject* item = items[i].defined() ? items[i].object() : Py_None;
      Py_INCREF(item);
      PyTuple_SET_ITEM(t.get(), Py_ssize_t(i), item);
    }
    return t;
  };
  Object wanted = Object::check(PyTuple_New(kInputs));
  for (std::uint32_t i = 0; i < kInputs; ++i)
    PyTuple_SET_ITEM(wanted.get(), Py_ssize_t(i), PyBool_FromLong(own[i].defined() && needs(i)));
  const Tensor active = sizes.saved() ? sizes.unpack(this) : Tensor();
  const Object module = Object::check(PyImport_ImportModule("rushlight._ops.rnn"));
  const Object given = tuple(own), results = tuple({grads, own[C].defined() ? 3u : 2u});
  const Object found = Object::check(PyObject_CallMethod(
      module.get(), "_derived", "LOOOOO", static_cast<long long>(cell), reverse ? Py_True : Py_False,
      active.defined() ? active.object() : Py_None, given.get(), results.get(), wanted.get()));
  for (std::uint32_t i = 0; i < kInputs; ++i) {
    PyObject* g = PyList_GetItem(found.get(), Py_ssize_t(i));
    if (g == nullptr) throw PythonError();
    if (g != Py_None) out[i] = Tensor::borrow(g);
  }
}

/// One layer in one direction; `out`: the outputs, the last h and c.
void run(int64_t cell, bool reverse, const Inputs& in, const Tensor& sizes, Tensor* out) {
  Buffers saved;
  const Layer l = layer_of(cell, reverse, in, sizes);
  forward(l, in, out, saved);
  const auto& [x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr] = in;
  if (!recording(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr)) return;
  const auto edge = [](const Tensor& t) { return t.defined() ? edge_of(t) : Edge{nullptr, 0}; };
  auto* n =
      make_node_on<RnnNode>(edge(x), edge(h), edge(c), edge(w_ih), edge(w_hh), edge(b_ih), edge(b_hh), edge(w_hr));
  n->set_output_count(c.defined() ? 3 : 2);
  for (std::uint32_t i = 0; i < n->output_count(); ++i) set_history(out[i], n, i);
  rl::release(n);
  for (std::size_t i = 0; i < kInputs; ++i) {
    if (in[i].defined()) n->inputs[i].save(in[i]);
  }
  for (std::size_t i = 0; i < kBuffers; ++i) {
    if (saved[i].defined()) n->buffers[i].save(saved[i]);
  }
  if (sizes.defined()) n->sizes.save(sizes);
  n->cell = cell;
  n->reverse = reverse;
  n->total = l.total;
  n->outputs = l.outputs;
}

/// (input, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, cell, reverse, batch_sizes)
PyObject* layer_op(const OpDef&, Args& a) {
  Inputs in;
  for (std::size_t i = 0; i < kInputs; ++i) in[i] = a.tensor(int(i));
  Tensor out[3];
  run(a.integer(8), a.boolean(9), in, a.tensor(10), out);
  return pack(std::span<Tensor>(out, out[2].defined() ? 3 : 2));
}

bool is_half(DType d) { return compute_type(d) != d; }

/// One step of a cell on [N, *]; `states`: h and, of an LSTM, c, which become the next ones.
void step(Cell cell, const Tensor& x, std::span<Tensor> states, const Args& a, int first) {
  Inputs in;
  in[X] = x;
  in[H] = states[0];
  if (states.size() > 1) in[C] = states[1];
  for (int i = 0; i < 4; ++i) in[Wih + std::size_t(i)] = a.tensor(first + i);
  for (const std::size_t i : {Wih, Whh}) {
    if (in[i].ndim() != 2) fail_runtime("a recurrent cell wants matrices as weights");
  }
  if (x.ndim() != 2) fail_runtime("a recurrent cell wants a matrix as input");
  if (x.size(1) != in[Wih].size(1))
    fail_runtime("input has inconsistent input_size: got ", x.size(1), " expected ", in[Wih].size(1));
  for (std::size_t i = 0; i < states.size(); ++i) {
    const Tensor& h = states[i];
    if (h.ndim() == 0 || x.size(0) != h.size(0)) {
      fail_runtime("Input batch size ", x.size(0), " doesn't match hidden", i, " batch size ",
                   h.ndim() ? h.size(0) : 0);
    }
    if (h.size(-1) != in[Whh].size(1)) {
      fail_runtime("hidden", i, " has inconsistent hidden_size: got ", h.size(-1), ", expected ", in[Whh].size(1));
    }
  }
  const DType d = x.dtype();
  if (is_half(d)) {
    for (Tensor& t : in) {
      if (t.defined()) t = to(t, DType::Float);
    }
  }
  Tensor out[3];
  run(int64_t(cell), false, in, Tensor(), out);
  for (std::size_t i = 0; i < states.size(); ++i) states[i] = is_half(d) ? to(out[i + 1], d) : out[i + 1];
}

PyObject* lstm_cell_op(const OpDef&, Args& a) {
  std::vector<Tensor> states = a.tensors(1);
  if (states.size() != 2) fail_runtime("lstm_cell expects two hidden states");
  step(Cell::Lstm, a.tensor(0), states, a, 2);
  return pack(std::span<Tensor>(states));
}
template <Cell cell>
PyObject* cell_op(const OpDef&, Args& a) {
  Tensor state = a.tensor(1);
  step(cell, a.tensor(0), {&state, 1}, a, 2);
  return state.release();
}

constexpr const char* kCellSig =
    "(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None)";
const OpDef ops[] = {
    {"_rnn_layer",
     "(Tensor input, Tensor h, Tensor? c, Tensor w_ih, Tensor w_hh, Tensor? b_ih, Tensor? b_hh, Tensor? w_hr, int "
     "cell, "
     "bool reverse, Tensor? batch_sizes)",
     layer_op, kFunction, Kind::Other, "A recurrent layer in one direction: the outputs and the last states."},
    {"lstm_cell", "(Tensor input, Tensors hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None)",
     lstm_cell_op, kFunction, Kind::Other, "One step of an LSTM on [N, *]: h and c."},
    {"gru_cell", kCellSig, cell_op<Cell::Gru>, kFunction, Kind::Other,
     "One step of a gated recurrent unit on [N, *]: h."},
    {"rnn_tanh_cell", kCellSig, cell_op<Cell::Tanh>, kFunction, Kind::Other,
     "tanh(W_ih x + b_ih + W_hh h + b_hh) on [N, *]."},
    {"rnn_relu_cell", kCellSig, cell_op<Cell::Relu>, kFunction, Kind::Other,
     "relu(W_ih x + b_ih + W_hh h + b_hh) on [N, *]."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
