// Normalisations: layers, groups, batches, instances, and by the root mean square.
//
// One formula: y = (x - mean) rstd weight + bias with statistics over some dimensions of x, seen in another shape. The
// gradient from saved statistics is a loop of its own; where it is to be differentiated again, it is computed by
// operators from x (NormNode::composed), of any order.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/scratch.h"
#include "ops/binary.h"
#include "ops/ops.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

using std::int64_t;

enum class Norm : std::uint8_t { Layer, Rms, Batch, Group };

const NormLoops& loops_of(DType d) { return d == DType::Float ? kernels->norm.single : kernels->norm.twice; }
template <class F>
void with_float(DType d, F&& f) {
  if (d == DType::Float)
    f(Tag<float>{});
  else
    f(Tag<double>{});
}
int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// `t` itself if it is of this dtype and laid out so, else a copy; raw.
Tensor laid_out(const Tensor& t, DType d, Format f) {
  if (f == Format::Contiguous) return contiguous_as(t, d);
  if (t.dtype() == d && has_format(t, f)) return t;
  Tensor out = empty_as(t.sizes(), d, f);
  copy_into(out, t);
  return out;
}
Tensor wide_or_none(const Tensor& t, DType d) { return t.defined() ? contiguous_as(t, d) : Tensor(); }
const void* data_or_null(const Tensor& t) { return t.defined() ? t.data() : nullptr; }
Tensor converted(const Tensor& t, DType d, Format f = Format::Contiguous) {
  return !t.defined() || t.dtype() == d ? t : laid_out(t, d, f);
}

/// The layout that results have: that of the input where it is an image's with channels last.
Format format_of(const Tensor& t) {
  if (t.is_contiguous()) return Format::Contiguous;
  for (const Format f : {Format::ChannelsLast, Format::ChannelsLast3d}) {
    if (has_format(t, f)) return f;
  }
  return Format::Contiguous;
}

/// x seen as [outer, channels, inner, places]: layers and root mean squares normalise rows [outer, places]; batches
/// channels of [outer, channels, 1, places]; groups the last two of [outer, groups, channels of a group, places].
struct View {
  int64_t outer = 1, channels = 1, inner = 1, places = 1;
  int64_t count() const { return outer * channels * inner * places; }
};

struct NormNode final : Node {
  SavedTensor x, weight, mean, rstd;  // statistics in the dtype that is computed in
  View view;
  DimList weight_sizes, bias_sizes;
  double eps = 0;
  DType bias_type = DType::Float;
  Norm kind = Norm::Layer;
  bool constant = false;  // the statistics do not depend on x
  Format format = Format::Contiguous;
  const char* label = nullptr;
  const char* name() const override { return label; }
  void apply(Tensor* in, Tensor* out) override;
  void composed(const Tensor* in, const Tensor& a, const Tensor& w, Tensor* out);
  void rows(const Tensor& g, const Tensor& a, const Tensor& w, Tensor* out);
  void batch(const Tensor& g, const Tensor& a, const Tensor& w, Tensor* out);
  void groups(const Tensor& g, const Tensor& a, const Tensor& w, Tensor* out);
  void visit(SavedVisitor& v) override {
    v.tensor("input", x);
    v.tensor("weight", weight);
    v.tensor("result1", mean);
    v.tensor("result2", rstd);
  }
};

Edge edge_or_none(const Tensor& t) { return t.defined() ? edge_of(t) : Edge{nullptr, 0}; }

/// Remembers a normalisation of x on its result, if it is to be recorded; null if not.
NormNode* remember(const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor& bias, Norm kind,
                   const char* label) {
  if (!recording(x, weight, bias)) return nullptr;
  auto* n = make_node_on<NormNode>(edge_of(x), edge_or_none(weight), edge_or_none(bias));
  set_history(out, n);
  rl::release(n);
  n->x.save(x);
  if (weight.defined()) n->weight.save(weight), n->weight_sizes.assign(weight.sizes());
  if (bias.defined()) n->bias_sizes.assign(bias.sizes()), n->bias_type = bias.dtype();
  n->kind = kind;
  n->label = label;
  return n;
}

void NormNode::apply(Tensor* in, Tensor* out) {
  if (!in[0].defined()) return;  // the statistics' gradients alone do not count, as PyTorch's
  const Tensor a = x.unpack(this), w = weight.saved() ? weight.unpack(this) : Tensor();
  const bool more = output_count() > 1 && (in[1].defined() || in[2].defined());
  if (more || (modes.grad && (tracked(in[0]) || tracked(a) || tracked(w)))) return composed(in, a, w, out);
  switch (kind) {
    case Norm::Layer:
    case Norm::Rms: rows(in[0], a, w, out); break;
    case Norm::Batch: batch(in[0], a, w, out); break;
    case Norm::Group: groups(in[0], a, w, out); break;
  }
  if (needs(0)) out[0] = converted(out[0], a.dtype(), format);
  if (needs(1) && w.defined()) out[1] = converted(out[1], w.dtype());
  if (needs(2)) out[2] = converted(out[2], bias_type);
}

void NormNode::composed(const Tensor* in, const Tensor& a, const Tensor& w, Tensor* out) {
  DType wide = compute_type(a.dtype());
  if (kind == Norm::Rms && w.defined()) wide = promote(wide, compute_type(w.dtype()));
  const DimVec shape{view.outer, view.channels, view.inner, view.places};
  DimVec over, broadcast, others;
  switch (kind) {
    case Norm::Layer:
    case Norm::Rms: over = {3}, broadcast = {1, 1, 1, view.places}, others = {0}; break;
    case Norm::Batch: over = {0, 2, 3}, broadcast = {1, view.channels, 1, 1}, others = {0, 2, 3}; break;
    case Norm::Group: over = {2, 3}, broadcast = {1, view.channels, view.inner, 1}, others = {0, 3}; break;
  }
  const Tensor g = reshape(to(in[0], wide), shape), v = reshape(to(a, wide), shape);
  Tensor unit, scale;  // x^, and rstd
  if (constant) {
    scale = reshape(rstd.unpack(this), broadcast);
    unit = (v - reshape(mean.unpack(this), broadcast)) * scale;
  } else {
    const Tensor d = kind == Norm::Rms ? v : v - rl::mean(v, over, true);
    scale = unary(Unary::Rsqrt, rl::mean(d * d, over, true) + Scalar(eps));
    unit = d * scale;
  }
  if (needs(0)) {
    Tensor r = w.defined() ? g * reshape(to(w, wide), broadcast) : g;
    if (!constant) {
      const Tensor along = unit * rl::mean(r * unit, over, true);
      r = kind == Norm::Rms ? r - along : r - rl::mean(r, over, true) - along;
    }
    r = r * scale;
    if (output_count() > 1) {  // the statistics' own gradients: 1 / n, and -rstd^3 (x - mean) / n
      const DimVec each{view.outer, view.channels, 1, 1};
      const Scalar n(1 / double(view.inner * view.places));
      if (in[1].defined()) r = r + reshape(to(in[1], wide), each) * n;
      if (in[2].defined()) r = r - unit * scale * scale * reshape(to(in[2], wide), each) * n;
    }
    out[0] = to(reshape(r, a.sizes()), a.dtype());
  }
  if (needs(1)) out[1] = to(reshape(sum(g * unit, others), weight_sizes), w.dtype());
  if (needs(2)) out[2] = to(reshape(sum(g, others), bias_sizes), bias_type);
}

// --- rows
// ---------------------------------------------------------------------------------------------------------------------

/// (x - mean) rstd weight + bias of rows in `wide`; mean (null for Rms) and rstd are written.
Tensor rows_forward(const Tensor& x, const View& v, const Tensor& weight, const Tensor& bias, double eps, DType wide,
                    Tensor* mean, Tensor* rstd, Dims statistics) {
  const Tensor source = contiguous_as(x, wide), w = wide_or_none(weight, wide), b = wide_or_none(bias, wide);
  Tensor out = empty(x.sizes(), wide);
  *rstd = empty(statistics, wide);
  if (mean) *mean = empty(statistics, wide);
  const NormRows r{v.outer, v.places, mean != nullptr, data_or_null(w), data_or_null(b)};
  const int64_t line = v.places * itemsize(wide), item = itemsize(wide);
  const NormLoops& loops = loops_of(wide);
  const auto work = [&](int64_t begin, int64_t end) {
    NormRows part = r;
    part.rows = end - begin;
    loops.rows(part, source.data() + begin * line, out.data() + begin * line, eps,
               mean ? (*mean).data() + begin * item : nullptr, (*rstd).data() + begin * item);
  };
  const GilRelease gil(v.count());
  parallel_for(v.outer, std::max<int64_t>(1, kGrain / 4 / std::max<int64_t>(1, v.places)), work);
  return out;
}

void NormNode::rows(const Tensor& g_, const Tensor& a, const Tensor& w_, Tensor* out) {
  const Tensor scale = rstd.unpack(this), center = kind == Norm::Layer ? mean.unpack(this) : Tensor();
  const DType wide = scale.dtype();
  const Tensor g = contiguous_as(g_, wide), source = contiguous_as(a, wide), w = wide_or_none(w_, wide);
  const bool params = needs(1) || needs(2);
  if (needs(0)) out[0] = empty(a.sizes(), wide);
  const int64_t n = view.places, item = itemsize(wide), line = n * item;
  Tensor dw, db;
  if (params) {
    dw = zeros(weight_sizes.empty() ? Dims(bias_sizes) : Dims(weight_sizes), wide);
    db = zeros(dw.sizes(), wide);
  }
  const NormLoops& loops = loops_of(wide);
  // Blocks of rows that the shape fixes; each adds up its own part of what all rows share.
  const int64_t blocks = params ? std::clamp<int64_t>(view.count() / kGrain, 1, 16) : 1;
  const int64_t each = params ? std::max<int64_t>(1, ceil_div(view.outer, blocks)) : 1;
  const auto part = [&](int64_t begin, int64_t end, char* to_w, char* to_b) {
    const NormRows r{end - begin, n, kind == Norm::Layer, data_or_null(w), nullptr};
    loops.rows_backward(r, g.data() + begin * line, source.data() + begin * line,
                        center.defined() ? center.data() + begin * item : nullptr, scale.data() + begin * item,
                        needs(0) ? out[0].data() + begin * line : nullptr, to_w, to_b);
  };
  {
    const Scratch partial(blocks > 1 ? blocks * 2 * line : 0);
    const GilRelease gil(view.count());
    if (!params) {
      parallel_for(view.outer, std::max<int64_t>(1, kGrain / 4 / std::max<int64_t>(1, n)),
                   [&](int64_t begin, int64_t end) { part(begin, end, nullptr, nullptr); });
    } else if (blocks == 1) {
      part(0, view.outer, dw.data(), db.data());
    } else {
      parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          char* mine = partial.get() + i * 2 * line;
          std::memset(mine, 0, std::size_t(2 * line));
          const int64_t first = std::min(i * each, view.outer), last = std::min(first + each, view.outer);
          part(first, last, mine, mine + line);
        }
      });
      for (int64_t i = 0; i < blocks; ++i) {
        loops.add(dw.data(), partial.get() + i * 2 * line, n);
        loops.add(db.data(), partial.get() + i * 2 * line + line, n);
      }
    }
  }
  if (needs(1)) out[1] = dw;
  if (needs(2)) out[2] = db;
}

// --- channels
// -----------------------------------------------------------------------------------------------------------------

/// Sums of columns of [rows, n] (see NormLoops::column_sums) in pieces of rows that the shape fixes.
void column_sums(const NormLoops& loops, const char* g, const char* x, int64_t rows, int64_t n, int64_t item,
                 const double* mean, double* sum, double* dot) {
  const int64_t pieces = std::clamp<int64_t>(rows * n / kGrain, 1, 16), each = ceil_div(rows, pieces);
  std::fill_n(sum, n, 0.0);
  if (dot) std::fill_n(dot, n, 0.0);
  if (pieces == 1) return loops.column_sums(g, x, rows, n, mean, sum, dot);
  const Scratch partial(pieces * 2 * n * int64_t(sizeof(double)));
  double* all = reinterpret_cast<double*>(partial.get());
  std::fill_n(all, pieces * 2 * n, 0.0);
  parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = std::min(i * each, rows), count = std::min(each, rows - first), skip = first * n * item;
      double* mine = all + i * 2 * n;
      loops.column_sums(g ? g + skip : nullptr, x + skip, count, n, mean, mine, mine + n);
    }
  });
  for (int64_t i = 0; i < pieces; ++i) {
    for (int64_t c = 0; c < n; ++c) {
      sum[c] += all[i * 2 * n + c];
      if (dot) dot[c] += all[i * 2 * n + n + c];
    }
  }
}

/// Channels as columns of [rows, channels], where they are next to each other in memory.
bool as_columns(const View& v, Format f) { return v.places == 1 || f != Format::Contiguous; }
int64_t channel_grain(const View& v) {
  return std::max<int64_t>(1, kGrain / 4 / std::max<int64_t>(1, v.outer * v.places));
}
int64_t row_grain(const View& v) { return std::max<int64_t>(1, kGrain / 4 / std::max<int64_t>(1, v.channels)); }

/// Means and sums of squared differences of channels.
void channel_moments(const Tensor& x, const View& v, Format f, double* mean, double* squares) {
  const NormLoops& loops = loops_of(x.dtype());
  const int64_t item = x.itemsize(), rows = v.outer * v.places;
  if (as_columns(v, f)) {
    column_sums(loops, nullptr, x.data(), rows, v.channels, item, nullptr, mean, nullptr);
    for (int64_t c = 0; c < v.channels; ++c) mean[c] /= double(rows);
    return column_sums(loops, nullptr, x.data(), rows, v.channels, item, mean, squares, nullptr);
  }
  const Runs r{v.places, v.outer, v.channels * v.places};
  parallel_for(v.channels, channel_grain(v), [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) loops.moments(x.data() + c * v.places * item, r, mean + c, squares + c);
  });
}

double number(const Tensor& t, int64_t i) {
  return dispatch(t.dtype(), [&](auto tag) -> double {
    using T = typename decltype(tag)::type;
    return convert<double>(t.data_as<T>()[i]);
  });
}
void set_number(const Tensor& t, int64_t i, double value) {
  dispatch(t.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    t.data_as<T>()[i] = convert<T>(value);
  });
}

struct BatchCall {
  Tensor x, weight, bias, running_mean, running_var;
  bool training = false;
  double momentum = 0, eps = 0;
};

/// PyTorch's rule for 16-bit inputs with float32 parameters; else all are of one dtype.
void check_types(const Tensor& x, std::initializer_list<const Tensor*> parameters) {
  const Tensor* first = nullptr;
  for (const Tensor* p : parameters) {
    if (p->defined() && first == nullptr) first = p;
  }
  if (first == nullptr) return;
  const bool mixed = first->dtype() != x.dtype();
  for (const Tensor* p : parameters) {
    if (!p->defined()) continue;
    if (mixed && p->dtype() != DType::Float)
      fail_runtime("mixed dtype (CPU): expect parameter to have scalar type of Float");
    if (!mixed && p->dtype() != x.dtype()) {
      fail_runtime("expected scalar type ", scalar_type_name(x.dtype()), " but found ", scalar_type_name(p->dtype()));
    }
  }
  if (mixed && compute_type(x.dtype()) == x.dtype())
    fail_runtime("mixed dtype (CPU): all inputs must share same datatype.");
}
/// The dtype of statistics: that of the parameters where there are any.
DType statistics_type(const Tensor& x, std::initializer_list<const Tensor*> parameters) {
  for (const Tensor* p : parameters) {
    if (p->defined()) return p->dtype();
  }
  return x.dtype();
}

void refuse_running(const Tensor& t, const char* argument) {
  if (!modes.grad || !tracked(t)) return;
  fail_runtime("The function 'native_batch_norm' is not differentiable with respect to argument '", argument,
               "'. This input cannot have requires_grad True.");
}

/// The batch's statistics, [channels] in the dtype that is computed in, are given where wanted.
Tensor native_batch(const BatchCall& c, Tensor* save_mean = nullptr, Tensor* save_rstd = nullptr) {
  const Tensor& x = c.x;
  refuse_running(c.running_mean, "running_mean");
  refuse_running(c.running_var, "running_var");
  if (!is_floating(x.dtype())) fail_unsupported("batch_norm", x.dtype());
  check_types(x, {&c.weight, &c.bias, &c.running_mean, &c.running_var});
  for (const Tensor* t : {&c.running_mean, &c.running_var}) {
    if (t->defined() && t->ndim() != 1) fail_runtime("TensorAccessor expected 1 dims but tensor has ", t->ndim());
  }
  const View v{x.size(0), x.size(1), 1, x.numel() / std::max<int64_t>(1, x.size(0) * x.size(1))};
  const Format format = format_of(x);
  const DType wide = compute_type(x.dtype());
  const Tensor source = laid_out(x, wide, format), w = wide_or_none(c.weight, wide), b = wide_or_none(c.bias, wide);
  Tensor mean = empty({{v.channels}}, wide), rstd = empty({{v.channels}}, wide);
  const Tensor a = empty({{v.channels}}, wide), shift = empty({{v.channels}}, wide);
  Tensor out = empty_as(x.sizes(), wide, format);
  const Scratch scratch(2 * v.channels * int64_t(sizeof(double)));
  double *center = reinterpret_cast<double*>(scratch.get()), *spread = center + v.channels;
  const int64_t count = v.outer * v.places;
  {
    const GilRelease gil(v.count());
    if (c.training) channel_moments(source, v, format, center, spread);
  }
  for (int64_t i = 0; i < v.channels; ++i) {
    if (!c.training) {
      center[i] = number(c.running_mean, i * c.running_mean.stride(0));
      spread[i] = number(c.running_var, i * c.running_var.stride(0));
      continue;
    }
    // The running statistics change without a new version, as PyTorch's; an expanded one is written again and again.
    if (c.running_mean.defined()) {
      const int64_t at = i * c.running_mean.stride(0);
      set_number(c.running_mean, at, c.momentum * center[i] + (1 - c.momentum) * number(c.running_mean, at));
    }
    if (c.running_var.defined()) {
      const int64_t at = i * c.running_var.stride(0);
      const double unbiased = spread[i] / double(count - 1);
      set_number(c.running_var, at, c.momentum * unbiased + (1 - c.momentum) * number(c.running_var, at));
    }
    spread[i] /= double(count);
  }
  with_float(wide, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < v.channels; ++i) {
      const double scale = 1 / std::sqrt(spread[i] + c.eps),
                   factor = w.defined() ? scale * double(w.data_as<T>()[i]) : scale;
      mean.data_as<T>()[i] = T(center[i]);
      rstd.data_as<T>()[i] = T(scale);
      a.data_as<T>()[i] = T(factor);
      shift.data_as<T>()[i] = T((b.defined() ? double(b.data_as<T>()[i]) : 0) - center[i] * factor);
    }
    const NormLoops& loops = loops_of(wide);
    const int64_t item = sizeof(T);
    const GilRelease gil(v.count());
    if (as_columns(v, format)) {
      parallel_for(count, row_grain(v), [&](int64_t begin, int64_t end) {
        const int64_t skip = begin * v.channels * item;
        loops.column_affine(source.data() + skip, out.data() + skip, end - begin, v.channels, a.data(), shift.data());
      });
    } else {
      const Runs r{v.places, v.outer, v.channels * v.places};
      parallel_for(v.channels, channel_grain(v), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t skip = i * v.places * item;
          loops.affine(source.data() + skip, out.data() + skip, r, double(a.data_as<T>()[i]),
                       double(shift.data_as<T>()[i]));
        }
      });
    }
  });
  out = converted(out, x.dtype(), format);
  if (NormNode* n = remember(out, x, c.weight, c.bias, Norm::Batch, "NativeBatchNormBackward0")) {
    n->mean.save(mean);
    n->rstd.save(rstd);
    n->view = v;
    n->eps = c.eps;
    n->constant = !c.training;
    n->format = format;
  }
  if (save_mean) *save_mean = mean;
  if (save_rstd) *save_rstd = rstd;
  return out;
}

void NormNode::batch(const Tensor& g_, const Tensor& a_, const Tensor& w_, Tensor* out) {
  const Tensor scale = rstd.unpack(this), center = mean.unpack(this);
  const DType wide = scale.dtype();
  const Tensor g = laid_out(g_, wide, format), source = laid_out(a_, wide, format), w = wide_or_none(w_, wide);
  const int64_t channels = view.channels, count = view.outer * view.places, item = itemsize(wide);
  const bool columns = as_columns(view, format), sums = !constant || needs(1) || needs(2);
  if (needs(0)) out[0] = empty_as(a_.sizes(), wide, format);
  Tensor dw = needs(1) ? empty(weight_sizes, wide) : Tensor(), db = needs(2) ? empty(bias_sizes, wide) : Tensor();
  with_float(wide, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const NormLoops& loops = loops_of(wide);
    const Scratch memory(channels * (3 * int64_t(sizeof(double)) + 3 * int64_t(sizeof(T))));
    double *sum = reinterpret_cast<double*>(memory.get()), *dot = sum + channels, *means = dot + channels;
    T *fa = reinterpret_cast<T*>(means + channels), *fb = fa + channels, *fc = fb + channels;
    for (int64_t i = 0; i < channels; ++i) means[i] = double(center.data_as<T>()[i]);
    // The factors of dx = a g + b x + c, once the sums of a channel are known.
    const auto factors = [&](int64_t i) {
      const double s = double(scale.data_as<T>()[i]), f = w.defined() ? s * double(w.data_as<T>()[i]) : s;
      const double slope = constant ? 0 : -f * dot[i] * s * s / double(count);
      fa[i] = T(f);
      fb[i] = T(slope);
      fc[i] = constant ? T(0) : T(-f * sum[i] / double(count) - slope * means[i]);
    };
    const GilRelease gil(view.count());
    if (columns) {
      if (sums) column_sums(loops, g.data(), source.data(), count, channels, item, means, sum, dot);
      for (int64_t i = 0; i < channels; ++i) factors(i);
      if (needs(0)) {
        parallel_for(count, row_grain(view), [&](int64_t begin, int64_t end) {
          const int64_t skip = begin * channels * item;
          loops.column_combine(g.data() + skip, source.data() + skip, out[0].data() + skip, end - begin, channels, fa,
                               fb, fc);
        });
      }
    } else {
      const Runs r{view.places, view.outer, channels * view.places};
      parallel_for(channels, channel_grain(view), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t skip = i * view.places * item;
          if (sums) loops.dots(g.data() + skip, source.data() + skip, r, means[i], sum + i, dot + i);
          factors(i);
          if (!needs(0)) continue;
          if (constant)
            loops.affine(g.data() + skip, out[0].data() + skip, r, double(fa[i]), 0);
          else
            loops.combine(g.data() + skip, source.data() + skip, out[0].data() + skip, r, double(fa[i]), double(fb[i]),
                          double(fc[i]));
        }
      });
    }
    for (int64_t i = 0; i < channels; ++i) {
      if (dw.defined()) dw.data_as<T>()[i] = T(dot[i] * double(scale.data_as<T>()[i]));
      if (db.defined()) db.data_as<T>()[i] = T(sum[i]);
    }
  });
  if (needs(1)) out[1] = dw;
  if (needs(2)) out[2] = db;
}

void check_channels(const Tensor& t, int64_t channels, const char* name) {
  if (t.defined() && t.numel() != channels)
    fail_runtime(name, " should contain ", channels, " elements not ", t.numel());
}
int64_t channels_of(const Tensor& x) {
  if (x.ndim() == 0) fail_runtime("batch_norm(): the input has no dimension of channels");
  return x.size(wrap_dim(1, x.ndim()));
}
void check_pair(const BatchCall& c) {
  if (c.running_mean.defined() != c.running_var.defined())
    fail_value("running_mean and running_var must either both be None or neither be None");
}
/// The first of [n] parameters, for what has no elements.
Tensor first_of(const Tensor& t) {
  if (t.ndim() == 0) fail_index("select() cannot be applied to a 0-dim tensor.");
  if (t.size(0) == 0)
    fail_index("select(): index 0 out of range for tensor of size ", str(t.sizes()), " at dimension 0");
  return select(t, 0, 0);
}

void check_batch(const BatchCall& c, int64_t channels) {
  for (const auto& [t, name] :
       {std::pair<const Tensor*, const char*>{&c.running_mean, "running_mean"}, {&c.running_var, "running_var"}}) {
    if (!t->defined() && !c.training) fail_runtime(name, " must be defined in evaluation mode");
    check_channels(*t, channels, name);
  }
  check_channels(c.weight, channels, "weight");
  check_channels(c.bias, channels, "bias");
}

Tensor batch_norm(const BatchCall& c) {
  if (c.x.numel() == 0) {
    Tensor out = clone(c.x);
    if (c.weight.defined()) out = out * first_of(c.weight);
    if (c.bias.defined()) out = out + first_of(c.bias);
    return out;
  }
  check_batch(c, channels_of(c.x));
  check_pair(c);
  return native_batch(c);
}

/// (input, weight, bias, running_mean, running_var, training, momentum, eps)
BatchCall batch_call(const Args& a) {
  return {a.tensor(0), a.tensor(1), a.tensor(2), a.tensor(3), a.tensor(4), a.boolean(5), a.real(6), a.real(7)};
}
PyObject* batch_norm_op(const OpDef&, Args& a) { return batch_norm(batch_call(a)).release(); }

PyObject* native_batch_norm_op(const OpDef&, Args& a) {
  const BatchCall c = batch_call(a);
  const int64_t channels = channels_of(c.x);
  if (c.x.numel() == 0 && c.training)
    fail_runtime("input tensor must have at least one element, but got input_sizes = ", str(c.x.sizes()));
  check_batch(c, channels);
  check_pair(c);
  const DType d = statistics_type(c.x, {&c.weight, &c.bias, &c.running_mean, &c.running_var});
  Tensor results[3];
  results[0] = native_batch(c, &results[1], &results[2]);
  for (int i = 1; i < 3; ++i) results[i] = c.training ? converted(results[i], d) : empty({{0}}, d);
  return pack(results);
}

/// `t` n times over, one after another; undefined stays so.
Tensor repeated(const Tensor& t, int64_t n) {
  return t.defined() ? reshape(expand(unsqueeze(t, 0), {{n, t.numel()}}), {{n * t.numel()}}) : t;
}

PyObject* instance_norm_op(const OpDef&, Args& a) {
  BatchCall c = batch_call(a);
  if (!c.training && !(c.running_mean.defined() && c.running_var.defined()))
    fail_runtime("Expected running_mean and running_var to be defined when use_input_stats is false");
  const Tensor x = c.x;
  if (x.ndim() == 0) fail_index("Dimension specified as 0 but tensor has no dimensions");
  const int64_t batch = x.size(0), channels = x.size(wrap_dim(1, x.ndim()));
  for (const Tensor* t : {&c.weight, &c.bias, &c.running_mean, &c.running_var}) {
    if (t->defined() && t->ndim() != 1)
      fail_runtime("instance_norm(): parameters must have one dimension, not ", t->ndim());
  }
  DimVec shape(x.sizes());
  shape[0] = 1;
  shape[1] = batch * channels;
  const Tensor means = c.running_mean, variances = c.running_var;
  c.weight = repeated(c.weight, batch);
  c.bias = repeated(c.bias, batch);
  c.running_mean = means.defined() ? clone(repeated(means, batch)) : means;
  c.running_var = variances.defined() ? clone(repeated(variances, batch)) : variances;
  c.x = view(contiguous(x), shape);
  const Tensor out = batch_norm(c);
  for (const auto& [to, from] :
       {std::pair<const Tensor&, const Tensor&>{means, c.running_mean}, {variances, c.running_var}}) {
    if (!to.defined() || !c.training) continue;
    check_no_overlap(to);
    copy_into(to, mean(detach(view(from, {{batch, channels}})), {{0}}));
  }
  return view(out, x.sizes()).release();
}

// --- groups
// -------------------------------------------------------------------------------------------------------------------

struct GroupCall {
  Tensor x, weight, bias;
  View v;
  double eps;
};

Tensor native_group(const GroupCall& c, Tensor* save_mean = nullptr, Tensor* save_rstd = nullptr) {
  const Tensor& x = c.x;
  const View& v = c.v;
  check_types(x, {&c.weight, &c.bias});
  if (!is_floating(x.dtype())) fail_unsupported("GroupNormKernelImpl", x.dtype());
  const Format format = format_of(x);
  const DType wide = compute_type(x.dtype());
  const Tensor source = contiguous_as(x, wide), w = wide_or_none(c.weight, wide), b = wide_or_none(c.bias, wide);
  Tensor mean = empty({{v.outer, v.channels}}, wide), rstd = empty({{v.outer, v.channels}}, wide);
  Tensor out = empty(x.sizes(), wide);
  const int64_t n = v.inner * v.places, item = itemsize(wide);
  with_float(wide, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const NormLoops& loops = loops_of(wide);
    const GilRelease gil(v.count());
    parallel_for(v.outer * v.channels, std::max<int64_t>(1, kGrain / 4 / std::max<int64_t>(1, n)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i) {
                     const char* from = source.data() + i * n * item;
                     char* into = out.data() + i * n * item;
                     const int64_t first = i % v.channels * v.inner;
                     if (v.places == 1 || n == 0) {  // the channels of a group are a row
                       const NormRows r{1, n, true, w.defined() ? w.data() + first * item : nullptr,
                                        b.defined() ? b.data() + first * item : nullptr};
                       loops.rows(r, from, into, c.eps, mean.data() + i * item, rstd.data() + i * item);
                       continue;
                     }
                     double center, squares;
                     loops.moments(from, {n, 1, 0}, &center, &squares);
                     const double scale = 1 / std::sqrt(squares / double(n) + c.eps);
                     mean.data_as<T>()[i] = T(center);
                     rstd.data_as<T>()[i] = T(scale);
                     for (int64_t d = 0; d < v.inner; ++d) {
                       const double factor = w.defined() ? scale * double(w.data_as<T>()[first + d]) : scale;
                       const double shift = (b.defined() ? double(b.data_as<T>()[first + d]) : 0) - center * factor;
                       loops.affine(from + d * v.places * item, into + d * v.places * item, {v.places, 1, 0}, factor,
                                    shift);
                     }
                   }
                 });
  });
  out = format == Format::Contiguous ? converted(out, x.dtype()) : laid_out(out, x.dtype(), format);
  if (NormNode* node = remember(out, x, c.weight, c.bias, Norm::Group, "NativeGroupNormBackward0")) {
    node->mean.save(mean);
    node->rstd.save(rstd);
    node->view = v;
    node->eps = c.eps;
    node->format = format;
    if (save_mean) node->set_output_count(3);
  }
  if (save_mean) *save_mean = mean;
  if (save_rstd) *save_rstd = rstd;
  return out;
}

void NormNode::groups(const Tensor& g_, const Tensor& a, const Tensor& w_, Tensor* out) {
  const Tensor scale = rstd.unpack(this), center = mean.unpack(this);
  const DType wide = scale.dtype();
  const Tensor g = contiguous_as(g_, wide), source = contiguous_as(a, wide), w = wide_or_none(w_, wide);
  const int64_t n = view.inner * view.places, item = itemsize(wide), channels = view.channels * view.inner;
  if (needs(0)) out[0] = empty(a.sizes(), wide);
  Tensor dw = needs(1) ? empty(weight_sizes, wide) : Tensor(), db = needs(2) ? empty(bias_sizes, wide) : Tensor();
  with_float(wide, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const NormLoops& loops = loops_of(wide);
    const Scratch memory(2 * view.outer * channels * int64_t(sizeof(double)));
    double *sums = reinterpret_cast<double*>(memory.get()), *dots = sums + view.outer * channels;
    const GilRelease gil(view.count());
    parallel_for(view.outer * view.channels, std::max<int64_t>(1, kGrain / 4 / std::max<int64_t>(1, n)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i) {
                     const int64_t first = i % view.channels * view.inner, skip = i * n * item;
                     const double m = double(center.data_as<T>()[i]), s = double(scale.data_as<T>()[i]);
                     double sum = 0, dot = 0;
                     for (int64_t d = 0; d < view.inner; ++d) {
                       const int64_t at = i * view.inner + d, from = skip + d * view.places * item;
                       loops.dots(g.data() + from, source.data() + from, {view.places, 1, 0}, m, sums + at, dots + at);
                       const double f = w.defined() ? double(w.data_as<T>()[first + d]) : 1;
                       sum += f * sums[at];
                       dot += f * dots[at];
                     }
                     if (!out[0].defined()) continue;
                     const double slope = -s * s * s * dot / double(n), shift = -s * sum / double(n) - slope * m;
                     for (int64_t d = 0; d < view.inner; ++d) {
                       const int64_t from = skip + d * view.places * item;
                       const double f = w.defined() ? s * double(w.data_as<T>()[first + d]) : s;
                       loops.combine(g.data() + from, source.data() + from, out[0].data() + from, {view.places, 1, 0},
                                     f, slope, shift);
                     }
                   }
                 });
    for (int64_t c = 0; c < channels; ++c) {
      double sum = 0, dot = 0;
      for (int64_t k = 0; k < view.outer; ++k) {
        sum += sums[k * channels + c];
        dot += dots[k * channels + c] * double(scale.data_as<T>()[k * view.channels + c / view.inner]);
      }
      if (dw.defined()) dw.data_as<T>()[c] = T(dot);
      if (db.defined()) db.data_as<T>()[c] = T(sum);
    }
  });
  if (needs(1)) out[1] = dw;
  if (needs(2)) out[2] = db;
}

void check_groups(const Tensor& x, const Tensor& weight, const Tensor& bias, int64_t channels, int64_t groups) {
  if (groups <= 0) fail_runtime("Expected num groups to be greater than 0, got ", groups);
  if (channels % groups != 0) {
    fail_runtime("Expected number of channels in input to be divisible by num_groups, but got input of shape ",
                 str(x.sizes()), " and num_groups=", groups);
  }
  const std::string shape = weight.defined() ? str(weight.sizes()) : "[0]";
  for (const auto& [t, name] : {std::pair<const Tensor&, const char*>{weight, "weight"}, {bias, "bias"}}) {
    if (!t.defined() || (t.ndim() == 1 && t.numel() == channels)) continue;
    // PyTorch names the shape of the weight in both messages.
    fail_runtime("Expected ", name, " to be a vector of size equal to the number of channels in input, but got ", name,
                 " of shape ", shape, " and input of shape ", str(x.sizes()));
  }
}

/// (input, num_groups, weight, bias, eps)
PyObject* group_norm_op(const OpDef&, Args& a) {
  GroupCall c{a.tensor(0), a.tensor(2), a.tensor(3), {}, a.real(4, 1e-5)};
  const int64_t groups = a.integer(1);
  if (c.x.ndim() == 0) fail_index("Dimension specified as 0 but tensor has no dimensions");
  const int64_t n = c.x.size(0), channels = c.x.size(wrap_dim(1, c.x.ndim()));
  check_groups(c.x, c.weight, c.bias, channels, groups);
  c.v = {n, groups, channels / groups, product(c.x.sizes().subspan(2))};
  return native_group(c).release();
}

/// (input, weight, bias, N, C, HxW, group, eps)
PyObject* native_group_norm_op(const OpDef&, Args& a) {
  GroupCall c{a.tensor(0), a.tensor(1), a.tensor(2), {}, a.real(7)};
  const int64_t n = a.integer(3), channels = a.integer(4), places = a.integer(5), groups = a.integer(6);
  check_groups(c.x, c.weight, c.bias, channels, groups);
  constexpr const char* again =
      " to be true, but got false.  (Could this error message be improved?  If so, please report an enhancement "
      "request "
      "to PyTorch.)";
  check_types(c.x, {&c.weight, &c.bias});
  if (!is_floating(c.x.dtype())) fail_unsupported("GroupNormKernelImpl", c.x.dtype());
  std::int64_t all = 0;
  if (n < 0 || channels < 0 || places < 0 || __builtin_mul_overflow(n, channels, &all) ||
      __builtin_mul_overflow(all, places, &all) || all != c.x.numel())
    fail_runtime("Expected X.numel() == N * C * HxW", again);
  if (!c.x.is_contiguous() && format_of(c.x) == Format::Contiguous)
    fail_runtime("Expected X.is_contiguous(memory_format)", again);
  c.v = {n, groups, channels / groups, places};
  Tensor results[3];
  results[0] = native_group(c, &results[1], &results[2]);
  const DType d = statistics_type(c.x, {&c.weight, &c.bias});
  for (int i = 1; i < 3; ++i) {
    results[i] = d == results[i].dtype() ? alias(results[i]) : to_contiguous(results[i], d);
    if (results[0]->has(kHasGradFn)) set_history(results[i], results[0]->grad_fn, std::uint32_t(i));
  }
  return pack(results);
}

// --- layers
// -------------------------------------------------------------------------------------------------------------------

/// `normalized_shape`, checked against what it is about. `mark`: what stands before the sizes in the message.
DimVec normalized(const Args& a, const char* name, const Tensor& x, const Tensor& weight, const Tensor& bias,
                  const char* mark) {
  if (PyLong_Check(a.v[1]))
    fail_type(name, "(): argument 'normalized_shape' (position 2) must be tuple of ints, not int");
  const DimVec shape = a.ints(1);
  if (shape.empty()) {
    fail_runtime(
        "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
        "normalized_shape = []");
  }
  for (const auto& [t, what] : {std::pair<const Tensor&, const char*>{weight, "weight"}, {bias, "bias"}}) {
    if (!t.defined() || same(t.sizes(), shape)) continue;
    fail_runtime("Expected ", what, " to be of same shape as normalized_shape, but got ", what, " of shape ",
                 str(t.sizes()), " and normalized_shape = ", str(shape));
  }
  const int n = int(shape.size());
  if (*mark == '\0' && x.ndim() < n)
    fail_value("Input tensor must have at least ", n, " dimensions, but got ", x.ndim());
  if (x.ndim() < n || !same(x.sizes().subspan(std::size_t(x.ndim() - n)), shape)) {
    fail_runtime("Given normalized_shape=", str(shape), ", expected input with shape [*", mark, str(shape).substr(1),
                 ", but got input of size", str(x.sizes()));
  }
  return shape;
}
View row_view(const Tensor& x, Dims shape) {
  View v;
  v.places = product(shape);
  v.outer = product(x.sizes().first(x.sizes().size() - shape.size()));
  return v;
}

struct LayerCall {
  Tensor out, mean, rstd;
};
LayerCall layer_norm(const Args& a, const char* name, const Tensor& x, const Tensor& weight, const Tensor& bias,
                     double eps) {
  const DimVec shape = normalized(a, name, x, weight, bias, ", ");
  check_types(x, {&weight, &bias});
  if (!is_floating(x.dtype())) fail_unsupported("LayerNormKernelImpl", x.dtype());
  const View v = row_view(x, shape);
  DimVec statistics(x.sizes());
  for (std::size_t i = x.sizes().size() - shape.size(); i < statistics.size(); ++i) statistics[i] = 1;
  LayerCall c;
  c.out = rows_forward(x, v, weight, bias, eps, compute_type(x.dtype()), &c.mean, &c.rstd, statistics);
  c.out = converted(c.out, x.dtype());
  if (NormNode* n = remember(c.out, x, weight, bias, Norm::Layer, "NativeLayerNormBackward0")) {
    n->mean.save(c.mean);
    n->rstd.save(c.rstd);
    n->view = v;
    n->eps = eps;
  }
  return c;
}
PyObject* layer_norm_op(const OpDef& def, Args& a) {
  return layer_norm(a, def.name, a.tensor(0), a.tensor(2), a.tensor(3), a.real(4, 1e-5)).out.release();
}
PyObject* native_layer_norm_op(const OpDef& def, Args& a) {
  const Tensor x = a.tensor(0), weight = a.tensor(2), bias = a.tensor(3);
  const LayerCall c = layer_norm(a, def.name, x, weight, bias, a.real(4));
  const DType d = statistics_type(x, {&weight, &bias});
  Tensor results[] = {c.out, converted(c.mean, d), converted(c.rstd, d)};
  return pack(results);
}

double epsilon_of(DType d) {
  switch (d) {
    case DType::Half: return 0x1p-10;
    case DType::BFloat16: return 0x1p-7;
    case DType::Double:
    case DType::CDouble: return std::numeric_limits<double>::epsilon();
    default: return std::numeric_limits<float>::epsilon();
  }
}

/// (input, normalized_shape, weight, eps)
PyObject* rms_norm_op(const OpDef& def, Args& a) {
  const Tensor x = a.tensor(0), weight = a.tensor(2);
  const DimVec shape = normalized(a, def.name, x, weight, Tensor(), "");
  const DType d = x.dtype();
  if (!is_differentiable(d)) fail_unsupported("rms_norm", d);
  const double eps = a.has(3) ? a.real(3) : epsilon_of(d);
  if (is_complex(d) || (weight.defined() && is_complex(weight.dtype()))) {
    DimVec over;
    for (int i = x.ndim() - int(shape.size()); i < x.ndim(); ++i) over.push_back(i);
    Tensor out = x * unary(Unary::Rsqrt, mean(x * x, over, true) + Scalar(eps));
    if (weight.defined()) out = out * weight;
    return contiguous(to(out, d)).release();
  }
  DType wide = compute_type(d);
  if (weight.defined()) wide = promote(wide, compute_type(weight.dtype()));
  const View v = row_view(x, shape);
  Tensor rstd;
  Tensor out = converted(rows_forward(x, v, weight, Tensor(), eps, wide, nullptr, &rstd, {{v.outer}}), d);
  // PyTorch composes it, and its last operator names the node.
  const char* label = wide != d                                                ? "ToCopyBackward0"
                      : x.is_contiguous() || !is_dense(x.sizes(), x.strides()) ? "MulBackward0"
                                                                               : "CloneBackward0";
  if (NormNode* n = remember(out, x, weight, Tensor(), Norm::Rms, label)) {
    n->rstd.save(rstd);
    n->view = v;
    n->eps = eps;
  }
  return out.release();
}

constexpr const char* kBatchSig =
    "(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float "
    "momentum, float eps, bool cudnn_enabled)";
const OpDef ops[] = {
    {"layer_norm",
     "(Tensor input, ints normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool "
     "cudnn_enable=True)",
     layer_norm_op, kFunction, Kind::Other,
     "(input - mean) / sqrt(var + eps) * weight + bias with the mean and the biased variance over the last dimensions, "
     "whose sizes are normalized_shape; weight and bias are of these sizes (Ba et al. 2016)."},
    {"native_layer_norm", "(Tensor input, ints normalized_shape, Tensor? weight, Tensor? bias, float eps)",
     native_layer_norm_op, kFunction, Kind::Other, "layer_norm, with the mean and 1 / sqrt(var + eps) of each row."},
    {"rms_norm", "(Tensor input, ints normalized_shape, Tensor? weight=None, float? eps=None)", rms_norm_op, kFunction,
     Kind::Other,
     "input / sqrt(mean(input^2) + eps) * weight over the last dimensions, whose sizes are normalized_shape; eps is "
     "the "
     "dtype's own where left out (Zhang and Sennrich 2019)."},
    {"batch_norm", kBatchSig, batch_norm_op, kFunction, Kind::Other,
     "(input - mean) / sqrt(var + eps) * weight + bias for each channel of [N, C, ...] (Ioffe and Szegedy 2015). In "
     "training the statistics are the batch's, and running_mean and running_var (which is unbiased) move towards them "
     "by momentum; else they are the running ones."},
    {"native_batch_norm",
     "(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float "
     "momentum, float eps)",
     native_batch_norm_op, kFunction, Kind::Other,
     "batch_norm, with the batch's mean and 1 / sqrt(var + eps) of each channel (empty where not in training)."},
    {"instance_norm",
     "(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool use_input_stats, "
     "float momentum, float eps, bool cudnn_enabled)",
     instance_norm_op, kFunction, Kind::Other,
     "batch_norm of each member of the batch by itself; the running statistics move towards the mean of theirs."},
    {"group_norm",
     "(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enabled=True)",
     group_norm_op, kFunction, Kind::Other,
     "[N, C, ...]: (input - mean) / sqrt(var + eps) over groups of C / num_groups channels, then weight [C] and bias "
     "[C] (Wu and He 2018)."},
    {"native_group_norm", "(Tensor input, Tensor? weight, Tensor? bias, int N, int C, int HxW, int group, float eps)",
     native_group_norm_op, kFunction, Kind::Other,
     "group_norm, with the mean and 1 / sqrt(var + eps) of each group [N, group]."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
