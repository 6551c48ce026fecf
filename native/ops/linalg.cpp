// Linear algebra: factorisations and what is solved with them. The loops and calls of LAPACK are in kernels/linalg.cpp.
//
// The derivatives are those of M. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
// differentiation" (2008), extended to complex matrices in the convention that the gradient of a real loss L by z is
// dL/dRe(z) + i dL/dIm(z); exceptions say their source.
#include "kernels/linalg.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "ops/binary.h"
#include "ops/matrix.h"
#include "ops/ops.h"
#include "ops/picked.h"
#include "python/bind.h"
#include "tensor/iterator.h"

namespace rl {
namespace {

using std::int32_t;
using std::int64_t;

// --- LAPACK
// ---------------------------------------------------------------------------------------------------------------------

/// Takes the addresses of LAPACK's routines from SciPy's public table of them; false where there is no SciPy, or one
/// whose integers are not of 32 bits. Loaded when it is first needed.
bool load_lapack() {
  static bool asked = false;
  if (asked) return lapack.complete;
  asked = true;
  // The second name is that for complex matrices.
  static constexpr const char* kNames[Lapack::kNames][2] = {
      {"getrf", "getrf"}, {"getrs", "getrs"}, {"potrf", "potrf"}, {"geqrf", "geqrf"}, {"orgqr", "ungqr"},
      {"gesdd", "gesdd"}, {"syevd", "heevd"}, {"geev", "geev"},   {"sytrf", "sytrf"}, {"sytrf", "hetrf"},
      {"sytrs", "sytrs"}, {"sytrs", "hetrs"}, {"trsm", "trsm"}};
  const auto table = [](const char* module) {
    const Object m = Object::steal(PyImport_ImportModule(module));
    return m ? Object::steal(PyObject_GetAttrString(m.get(), "__pyx_capi__")) : Object();
  };
  const Object routines = table("scipy.linalg.cython_lapack");
  const Object products = routines ? table("scipy.linalg.cython_blas") : Object();
  bool good = products && PyDict_Check(routines.get()) && PyDict_Check(products.get());
  for (int i = 0; good && i < Lapack::kNames; ++i) {
    for (int t = 0; good && t < Lapack::kTypes; ++t) {
      const std::string name = std::string(1, "sdcz"[t]) + kNames[i][t / 2];
      PyObject* dict = i == Lapack::Trsm ? products.get() : routines.get();
      PyObject* capsule = PyDict_GetItemString(dict, name.c_str());
      const char* signature = capsule != nullptr ? PyCapsule_GetName(capsule) : nullptr;
      good = signature != nullptr && std::strstr(signature, "int *") != nullptr &&
             std::strstr(signature, "int64") == nullptr && std::strstr(signature, "long") == nullptr;
      if (!good) break;
      void* address = PyCapsule_GetPointer(capsule, signature);
      good = address != nullptr;
      lapack.routines[i][t] = reinterpret_cast<Lapack::Routine>(address);
    }
  }
  if (PyErr_Occurred()) {
    if (!PyErr_ExceptionMatches(PyExc_Exception)) {  // Ctrl-C is no answer
      asked = false;
      throw PythonError();
    }
    PyErr_Clear();
  }
  lapack.complete = good;
  return good;
}
/// Before a factorisation of which there are loops, too.
void prepare(int64_t order) {
  if (order > kSmallMatrix) load_lapack();
}

/// What NumPy computes where SciPy is not there; nothing where the algorithm did not converge.
std::vector<Tensor> by_numpy(const char* function, const Tensor& a, bool flag) {
  const Object module = Object::check(PyImport_ImportModule("rushlight._ops.linalg"));
  const Object found = Object::check(
      PyObject_CallMethod(module.get(), "_by_numpy", "sOO", function, detach(a).object(), flag ? Py_True : Py_False));
  std::vector<Tensor> results;
  if (PyTuple_Check(found.get())) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(found.get()); ++i)
      results.push_back(Tensor::borrow(PyTuple_GET_ITEM(found.get(), i)));
  }
  return results;
}

// --- checks
// ----------------------------------------------------------------------------------------------------------------

template <class... A>
[[noreturn, gnu::cold, gnu::noinline]] void fail_linalg(const A&... a) {
  const Object module = Object::check(PyImport_ImportModule("rushlight._errors"));
  const Object type = Object::check(PyObject_GetAttrString(module.get(), "LinAlgError"));
  PyErr_SetString(type.get(), cat(a...).c_str());
  throw PythonError();
}
std::string which(int64_t i, const Tensor& a) { return a.ndim() > 2 ? cat("(Batch element ", i, "): ") : ""; }

/// The first member of a batch about which LAPACK has something to say, or -1.
int64_t first_bad(const Tensor& info) {
  const int32_t* p = info.data_as<int32_t>();
  for (int64_t i = 0; i < info.numel(); ++i) {
    if (p[i] != 0) return i;
  }
  return -1;
}

void need_matrix(const Tensor& t, const char* name, const char* what = "A") {
  if (t.ndim() < 2) fail_runtime(name, ": The input tensor ", what, " must have at least 2 dimensions.");
}
void need_square(const Tensor& t, const char* name, const char* what = "A") {
  need_matrix(t, name, what);
  if (t.size(-1) != t.size(-2))
    fail_runtime(name, ": ", what, " must be batches of square matrices, but they are ", t.size(-2), " by ", t.size(-1),
                 " matrices");
}
/// `kernel`: what PyTorch's messages name for 16-bit floats, and where `integers` for these, too.
void need_float(const Tensor& t, const char* name, const char* kernel = nullptr, bool integers = false) {
  const DType d = t.dtype();
  if (d >= DType::Float) return;
  if (kernel != nullptr && (integers || is_floating(d))) fail_unsupported(kernel, d);
  if (!is_floating(d))
    fail_runtime(name, ": Expected a floating point or complex tensor as input. Got ", scalar_type_name(d));
  fail_runtime(name, ": Low precision dtypes not supported. Got ", scalar_type_name(d));
}
void need_same(const Tensor& a, const Tensor& b, const char* name) {
  if (a.dtype() != b.dtype())
    fail_runtime(name, ": Expected A and B to have the same dtype, but found A of type ", scalar_type_name(a.dtype()),
                 " and B of type ", scalar_type_name(b.dtype()), " instead");
}
void check_system(const Tensor& a, const Tensor& b, const char* name, bool left = true) {
  need_square(a, name);
  if (a.size(-2) != b.size(left ? -2 : -1))
    fail_runtime(name, ": Incompatible shapes of A and B for the equation ", left ? "AX = B" : "XA = B", " (",
                 a.size(-2), "x", a.size(-1), " and ", b.size(-2), "x", b.size(-1), ")");
}

// --- batches of matrices in memory
// ------------------------------------------------------------------------------------------------

Dims lead_of(const Tensor& t) { return t.sizes().first(std::size_t(t.ndim() - 2)); }
DimVec joined(Dims lead, std::initializer_list<int64_t> rest) {
  DimVec sizes(lead);
  for (auto n : rest) sizes.push_back(n);
  return sizes;
}
/// The strides of matrices that are stored column by column.
DimVec column_strides(Dims lead, int64_t m, int64_t n) {
  DimVec strides = contiguous_strides(joined(lead, {n, m}));
  std::swap(strides[strides.size() - 1], strides[strides.size() - 2]);
  return strides;
}
Tensor empty_columns(Dims lead, int64_t m, int64_t n, DType d) {
  return empty_strided(joined(lead, {m, n}), column_strides(lead, m, n), d);
}
/// A copy of matrices, broadcast to `lead`, for LAPACK to work in; raw.
Tensor column_copy(const Tensor& t, Dims lead) {
  const int64_t m = t.size(-2), n = t.size(-1);
  Tensor out = empty_columns(lead, m, n, t.dtype());
  if (m * n <= 256 && t.is_contiguous() && same(lead_of(t), lead))
    rows_to_columns(t.itemsize(), m, n, product(lead), t.data(), out.data());
  else
    copy_into(out, t);
  return out;
}
Tensor column_copy(const Tensor& t) { return column_copy(t, lead_of(t)); }

/// Are all numbers finite, in a tensor whose elements fill its memory?
bool all_finite(const Tensor& dense) {
  const auto check = [&](const auto* p) {
    const int64_t n = dense.numel() * (is_complex(dense.dtype()) ? 2 : 1);
    return std::all_of(p, p + n, [](auto x) { return std::isfinite(x); });
  };
  return to_real(dense.dtype()) == DType::Float ? check(dense.data_as<float>()) : check(dense.data_as<double>());
}

Tensor identity(int64_t m, int64_t n, DType d) {
  const GradMode off(false);
  Tensor t = zeros({{m, n}}, d);
  fill(diagonal(t, 0, 0, 1), 1);
  return t;
}
Tensor identity(int64_t n, DType d) { return identity(n, n, d); }
Tensor diagonal_of(const Tensor& t) { return diagonal(t, 0, -2, -1); }
/// [..., n] as the diagonals of matrices, zeros elsewhere.
Tensor embed(const Tensor& t) {
  const int64_t n = t.size(-1);
  const Tensor off = compare(Compare::Eq, identity(n, DType::Bool), 0);
  return masked_fill(expand(unsqueeze(t, -1), joined(t.sizes(), {n})), off, 0);
}
/// Zeros off the diagonal of matrices as `value` on it.
Tensor with_diagonal(const Tensor& t, const Scalar& value) {
  return masked_fill(t, identity(t.size(-1), DType::Bool), value);
}
Tensor skew(const Tensor& t) { return t - adjoint(t); }
Tensor rows_scaled(const Tensor& t, const Tensor& by) { return t * unsqueeze(by, -1); }
Tensor columns_scaled(const Tensor& t, const Tensor& by) { return t * unsqueeze(by, -2); }

// --- triangular systems
// --------------------------------------------------------------------------------------------------------

Tensor solve_triangular(const Tensor& a, const Tensor& b, bool upper, bool adjoint_of, bool unit);

/// op(A) X = B, A triangular.
struct SolveTriangularNode final : Node {
  SavedTensor a, x;
  DimList b_sizes;
  bool upper = false, adjoint_of = false, unit = false;
  const char* name() const override { return "LinalgSolveTriangularBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor A = a.unpack(this);
    const Tensor gB = solve_triangular(A, in[0], upper, !adjoint_of, unit);
    if (needs(0)) {
      const Tensor X = x.unpack(this);
      const Tensor g = neg(adjoint_of ? matmul(X, adjoint(gB)) : matmul(gB, adjoint(X)));
      out[0] = sum_to(triangle(g, unit ? (upper ? 1 : -1) : 0, upper), A.sizes());
    }
    if (needs(1)) out[1] = sum_to(gB, b_sizes);
  }
  void show(ValueVisitor& v) const override {
    v.flag("upper", upper);
    v.flag("left", true);
    v.flag("unitriangular", unit);
  }
  void visit(SavedVisitor& v) override {
    v.tensor("self", a);
    v.tensor("result", x);
  }
};

/// A triangular matrix where it is, if LAPACK can read it so, else a copy.
struct Triangular {
  Tensor memory;
  int64_t ld = 1, step = 0;
  bool flipped = false;  // the memory holds the transpose
};
Triangular readable(const Tensor& a, Dims lead, bool conjugated) {
  Triangular t;
  const int64_t n = a.size(-1);
  const bool alone = product(lead_of(a)) == 1;
  if (alone || same(lead_of(a), lead)) {
    const auto laid = [&](int row, int column) {
      if (a.stride(row) != 1 || a.stride(column) < std::max<int64_t>(n, 1)) return false;
      if (alone) return true;
      const DimVec wanted = column_strides(lead, n, n);
      if (a.stride(column) != n) return false;
      for (int i = 0; i + 2 < a.ndim(); ++i) {
        if (a.sizes()[i] != 1 && a.strides()[i] != wanted[std::size_t(i)]) return false;
      }
      return true;
    };
    const bool columns = laid(-2, -1);
    if (columns || (!conjugated && laid(-1, -2))) {
      t.memory = a;
      t.flipped = !columns;
      t.ld = a.stride(columns ? -1 : -2);
      t.step = alone ? 0 : n * n;
      return t;
    }
  }
  t.memory = column_copy(a, lead);
  t.ld = std::max<int64_t>(n, 1);
  t.step = n * n;
  return t;
}

Tensor solve_triangular(const Tensor& a, const Tensor& b, bool upper, bool adjoint_of, bool unit) {
  const DimVec lead = broadcast_shapes(lead_of(a), lead_of(b));
  const int64_t n = a.size(-1), k = b.size(-1), count = product(lead);
  const Tensor x = column_copy(b, lead);
  if (x.numel() > 0) {
    prepare(n);
    const Triangular t = readable(a, lead, adjoint_of && is_complex(a.dtype()));
    Form form = adjoint_of ? Form::Adjoint : Form::Plain;
    if (t.flipped) form = adjoint_of ? Form::Plain : Form::Transposed;
    GilRelease gil(count * n * n * k);
    triangular_solve(a.dtype(), upper != t.flipped, form, unit, n, k, count, t.memory.data(), t.ld, t.step, x.data());
  }
  if (recording(a, b)) {
    auto* node = record<SolveTriangularNode>(x, a, b);
    node->a.save(a);
    if (node->needs(0)) node->x.save_output(x);
    node->b_sizes.assign(b.sizes());
    node->upper = upper;
    node->adjoint_of = adjoint_of;
    node->unit = unit;
  }
  return x;
}

/// (A, B, upper, left, unitriangular, out)
PyObject* solve_triangular_op(const OpDef& def, Args& a) {
  constexpr const char* name = "linalg.solve_triangular";
  const Tensor A = a.tensor(0), B = a.tensor(1);
  const bool upper = a.boolean(2), left = a.boolean(3, true), unit = a.boolean(4);
  need_square(A, name);
  need_matrix(B, name, "B");
  need_same(A, B, name);
  need_float(A, name, "triangular_solve_cpu", true);
  check_system(A, B, name, left);
  const Tensor x =
      left ? solve_triangular(A, B, upper, false, unit)
           : matrix_transpose(solve_triangular(matrix_transpose(A), matrix_transpose(B), !upper, false, unit));
  return give(a, 5, x, def.name, tracked(A) || tracked(B), OutRule::Same);
}

/// (b, A, upper, transpose, unitriangular, out)
PyObject* old_triangular_solve_op(const OpDef& def, Args& a) {
  const Tensor b = a.tensor(0), A = a.tensor(1);
  const bool upper = a.boolean(2, true), flip = a.boolean(3), unit = a.boolean(4);
  for (const Tensor* t : {&b, &A}) {
    if (t->ndim() < 2)
      fail_runtime("torch.triangular_solve: Expected ", t == &b ? "b" : "A",
                   " to have at least 2 dimensions, but it has ", t->ndim(), " dimensions instead");
  }
  check_system(A, b, "triangular_solve");
  need_float(A, "triangular_solve", "triangular_solve_cpu", true);
  const Tensor x = solve_triangular(flip ? matrix_transpose(A) : A, b, upper != flip, false, unit);
  return give_named(a, 5, def.name, "triangular_solve", {"solution", "cloned_coefficient"}, {x, clone(A)},
                    tracked(A) || tracked(b));
}

// --- Cholesky
// ------------------------------------------------------------------------------------------------------------------

struct CholeskyNode final : Node {
  SavedTensor factor;
  bool upper = false;
  const char* name() const override { return "LinalgCholeskyExBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    Tensor L = factor.unpack(this), g = in[0];
    if (upper) {
      L = adjoint(L);
      g = adjoint(g);
    }
    Tensor phi = tril(matmul(adjoint(L), g));
    phi = phi + adjoint(tril(phi, -1));
    // L^-H phi L^-1 / 2 is Hermitian, as A is.
    const Tensor left = solve_triangular(L, phi, false, true, false);
    out[0] = adjoint(solve_triangular(L, adjoint(left), false, true, false)) * Scalar(0.5);
  }
  void show(ValueVisitor& v) const override { v.flag("upper", upper); }
  void visit(SavedVisitor& v) override { v.tensor("L", factor); }
};

struct Factored {
  Tensor factor, info;
};
Factored cholesky_of(const Tensor& a, bool upper) {
  const int64_t n = a.size(-1), count = product(lead_of(a));
  prepare(n);
  Factored f;
  f.info = empty(lead_of(a), DType::Int32);
  {
    const GradMode off(false);
    f.factor = column_copy(upper ? adjoint(a) : a);
    {
      GilRelease gil(count * n * n * n);
      cholesky(a.dtype(), n, count, f.factor.data(), f.info.data_as<int32_t>());
    }
    if (upper) f.factor = column_copy(adjoint(f.factor));
  }
  if (recording(a)) {
    auto* node = record<CholeskyNode>(f.factor, a);
    node->factor.save_output(f.factor);
    node->upper = upper;
  }
  return f;
}
void check_minors(const Factored& f, const Tensor& a, const char* name) {
  const int64_t i = first_bad(f.info);
  if (i < 0) return;
  fail_linalg(name, ": ", which(i, a),
              "The factorization could not be completed because the input is not positive-definite (the leading minor "
              "of order ",
              f.info.data_as<int32_t>()[i], " is not positive-definite).");
}
/// (A, upper, check_errors, out)
PyObject* cholesky_ex_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  need_square(A, "linalg.cholesky");
  need_float(A, "linalg.cholesky", "cholesky_cpu");
  const Factored f = cholesky_of(A, a.boolean(1));
  if (a.boolean(2)) check_minors(f, A, "torch.linalg.cholesky_ex");
  return give_named(a, 3, def.name, "linalg_cholesky_ex", {"L", "info"}, {f.factor, f.info}, tracked(A));
}
/// (A, upper, out)
PyObject* cholesky_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  const bool old = def.name[0] == 'c';
  const char* name = old ? "cholesky" : "linalg.cholesky";
  need_square(A, name);
  need_float(A, name, "cholesky_cpu", old);
  const Factored f = cholesky_of(A, a.boolean(1));
  check_minors(f, A, name);
  return give(a, 2, f.factor, def.name, tracked(A), old ? OutRule::Cast : OutRule::Same);
}

/// L L^H X = B, or U^H U X = B.
Tensor cholesky_solve(const Tensor& b, const Tensor& factor, bool upper) {
  return solve_triangular(factor, solve_triangular(factor, b, upper, upper, false), upper, !upper, false);
}
/// (B, L, upper, out)
PyObject* cholesky_solve_op(const OpDef& def, Args& a) {
  const Tensor B = a.tensor(0), L = a.tensor(1);
  if (B.ndim() < 2) fail_runtime("b should have at least 2 dimensions, but has ", B.ndim(), " dimensions instead");
  if (L.ndim() < 2) fail_runtime("u should have at least 2 dimensions, but has ", L.ndim(), " dimensions instead");
  check_system(L, B, "cholesky_solve");
  need_same(L, B, "cholesky_solve");
  need_float(L, "cholesky_solve", "cholesky_solve_cpu", true);
  return give(a, 3, cholesky_solve(B, L, a.boolean(2)), def.name, tracked(B) || tracked(L), OutRule::Cast);
}
/// (L, upper, out)
PyObject* cholesky_inverse_op(const OpDef& def, Args& a) {
  const Tensor L = a.tensor(0);
  need_square(L, "cholesky_inverse");
  need_float(L, "cholesky_inverse");
  const int64_t n = L.size(-1);
  {
    const GradMode off(false);
    const Tensor zero = contiguous(compare(Compare::Eq, diagonal_of(detach(L)), 0));
    const auto* p = zero.data_as<bool>();
    for (int64_t i = 0; i < zero.numel(); ++i) {
      if (p[i])
        fail_linalg("cholesky_inverse: ", which(i / n, L), "The diagonal element ", i % n + 1,
                    " is zero, the inversion could not be completed because the input matrix is singular.");
    }
  }
  return give(a, 2, cholesky_solve(identity(n, L.dtype()), L, a.boolean(1)), def.name, tracked(L), OutRule::Cast);
}

// --- LU and systems of equations
// -------------------------------------------------------------------------------------------------

struct Factors {
  Tensor lu, pivots, info;
};
/// Raw.
Factors factorise(const Tensor& a) {
  const int64_t m = a.size(-2), n = a.size(-1), k = std::min(m, n), count = product(lead_of(a));
  prepare(k);
  Factors f{column_copy(a), empty(joined(lead_of(a), {k}), DType::Int32), empty(lead_of(a), DType::Int32)};
  GilRelease gil(count * m * n * k);
  lu_factor(a.dtype(), m, n, count, f.lu.data(), f.pivots.data_as<int32_t>(), f.info.data_as<int32_t>());
  return f;
}

/// op(A) X = B by the factors of A. `vector`: B and X hold one vector for each matrix.
Tensor solve_factored(const Tensor& a, const Tensor& lu, const Tensor& pivots, const Tensor& b, bool adjoint_of,
                      bool vector);

struct SolveNode final : Node {
  SavedTensor a, lu, pivots, x;
  DimList b_sizes;
  bool adjoint_of = false, vector = false;
  const char* name() const override { return "LinalgSolveExBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor A = a.unpack(this);
    const Tensor gB = solve_factored(A, lu.unpack(this), pivots.unpack(this), in[0], !adjoint_of, vector);
    if (needs(0)) {
      const Tensor X = x.unpack(this);
      const Tensor &left = adjoint_of ? X : gB, &right = adjoint_of ? gB : X;
      const Tensor g = vector ? unsqueeze(left, -1) * conj(unsqueeze(right, -2)) : matmul(left, adjoint(right));
      out[0] = neg(sum_to(g, A.sizes()));
    }
    if (needs(1)) out[1] = sum_to(gB, b_sizes);
  }
  void show(ValueVisitor& v) const override { v.flag("left", true); }
  void visit(SavedVisitor& v) override {
    v.tensor("A", a);
    v.tensor("LU", lu);
    v.tensor("pivots", pivots);
    v.tensor("result", x);
  }
};

Tensor solve_factored(const Tensor& a, const Tensor& lu, const Tensor& pivots, const Tensor& b, bool adjoint_of,
                      bool vector) {
  const int64_t n = a.size(-1), k = vector ? 1 : b.size(-1);
  const Dims b_lead = b.sizes().first(std::size_t(b.ndim() - (vector ? 1 : 2)));
  const DimVec lead = broadcast_shapes(lead_of(a), b_lead);
  const int64_t count = product(lead);
  Tensor x;
  if (vector) {
    x = empty(joined(lead, {n}), b.dtype());
    copy_into(x, b);
  } else {
    x = column_copy(b, lead);
  }
  if (x.numel() > 0) {
    prepare(n);
    const bool alone = product(lead_of(a)) == 1, fits = alone || same(lead_of(a), lead);
    Tensor own = lu, exchanges = pivots;
    if (!fits) {
      const GradMode off(false);
      own = column_copy(lu, lead);
      exchanges = empty(joined(lead, {n}), DType::Int32);
      copy_into(exchanges, pivots);
    }
    GilRelease gil(count * n * n * k);
    lu_solve(a.dtype(), adjoint_of ? Form::Adjoint : Form::Plain, n, k, count, own.data(), alone ? 0 : n * n,
             exchanges.data_as<int32_t>(), alone ? 0 : n, x.data());
  }
  if (recording(a, b)) {
    auto* node = record<SolveNode>(x, a, b);
    node->a.save(a);
    node->lu.save(lu);
    node->pivots.save(pivots);
    if (node->needs(0)) node->x.save_output(x);
    node->b_sizes.assign(b.sizes());
    node->adjoint_of = adjoint_of;
    node->vector = vector;
  }
  return x;
}

/// One vector for each matrix of A, rather than matrices.
bool is_vector(const Tensor& a, const Tensor& b) {
  return b.ndim() == 1 || (a.ndim() - 1 == b.ndim() && same(a.sizes().first(std::size_t(a.ndim() - 1)), b.sizes()));
}
Factored solve(const Tensor& a, const Tensor& b, bool left) {
  constexpr const char* name = "linalg.solve";
  need_square(a, name);
  need_float(a, name, "lu_cpu");
  need_same(a, b, name);
  const bool vector = is_vector(a, b);
  if (vector && !left)
    fail_runtime(
        "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case "
        "linalg.solve is equivalent to B / A.squeeze(-1)");
  if (vector) {
    if (b.size(-1) != a.size(-1)) check_system(a, unsqueeze(b, -1), name);
  } else {
    if (b.ndim() < 2) fail_runtime(name, ": The input tensor B must have at least 2 dimensions.");
    check_system(a, b, name, left);
  }
  if (left) {
    const Factors f = factorise(a);
    return {solve_factored(a, f.lu, f.pivots, b, false, vector), f.info};
  }
  const Tensor flipped = matrix_transpose(a);
  const Factors f = factorise(flipped);
  return {matrix_transpose(solve_factored(flipped, f.lu, f.pivots, matrix_transpose(b), false, false)), f.info};
}
void check_pivots(const Factored& f, const Tensor& a, const char* name) {
  const int64_t i = first_bad(f.info);
  if (i >= 0) fail_linalg(name, ": ", which(i, a), "The solver failed because the input matrix is singular.");
}
/// (A, B, left, check_errors, out)
PyObject* solve_ex_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0), B = a.tensor(1);
  const Factored f = solve(A, B, a.boolean(2, true));
  if (a.boolean(3)) check_pivots(f, A, "torch.linalg.solve_ex");
  return give_named(a, 4, def.name, "linalg_solve_ex", {"result", "info"}, {f.factor, f.info},
                    tracked(A) || tracked(B));
}
/// (A, B, left, out)
PyObject* solve_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0), B = a.tensor(1);
  const Factored f = solve(A, B, a.boolean(2, true));
  check_pivots(f, A, "torch.linalg.solve");
  return give(a, 3, f.factor, def.name, tracked(A) || tracked(B), OutRule::Same);
}

struct InverseNode final : Node {
  SavedTensor inverse;
  const char* name() const override { return "LinalgInvExBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor h = adjoint(inverse.unpack(this));
    out[0] = neg(matmul(h, matmul(in[0], h)));
  }
  void visit(SavedVisitor& v) override { v.tensor("inverse", inverse); }
};
Factored inverse(const Tensor& a) {
  const Factors f = factorise(a);
  const int64_t n = a.size(-1);
  Tensor x;
  {
    const GradMode off(false);
    x = solve_factored(a, f.lu, f.pivots, identity(n, a.dtype()), false, false);
  }
  if (recording(a)) record<InverseNode>(x, a)->inverse.save_output(x);
  return {x, f.info};
}
void check_inverse(const Factored& f, const Tensor& a, const char* name) {
  const int64_t i = first_bad(f.info);
  if (i < 0) return;
  fail_linalg(name, ": ", which(i, a), "The diagonal element ", f.info.data_as<int32_t>()[i],
              " is zero, the inversion could not be completed because the input matrix is singular.");
}
/// (A, check_errors, out)
PyObject* inv_ex_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  need_square(A, "linalg.inv");
  need_float(A, "linalg.inv");
  const Factored f = inverse(A);
  if (a.boolean(1)) check_inverse(f, A, "torch.linalg.inv_ex");
  return give_named(a, 2, def.name, "linalg_inv_ex", {"inverse", "info"}, {f.factor, f.info}, tracked(A));
}
/// (A, out)
PyObject* inv_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  need_square(A, "linalg.inv");
  need_float(A, "linalg.inv");
  const Factored f = inverse(A);
  check_inverse(f, A, "linalg.inv");
  return give(a, 1, f.factor, def.name, tracked(A), OutRule::Same);
}

// --- LU itself
// ---------------------------------------------------------------------------------------------------------------------

/// LAPACK's exchanges of rows as permutations p [..., m]: row i of P^T A is row p[i] of A. `back`: the inverse ones.
Tensor permutation(const Tensor& pivots, int64_t m, bool back) {
  const Dims lead = pivots.sizes().first(std::size_t(pivots.ndim() - 1));
  Tensor out = empty(joined(lead, {m}), DType::Int64);
  const Tensor own = contiguous_as(pivots, DType::Int32);
  const int64_t k = pivots.size(-1), count = product(lead);
  std::vector<int64_t> order(static_cast<std::size_t>(m));
  for (int64_t b = 0; b < count; ++b) {
    const int32_t* exchanges = own.data_as<int32_t>() + b * k;
    int64_t* p = out.data_as<int64_t>() + b * m;
    for (int64_t i = 0; i < m; ++i) order[std::size_t(i)] = i;
    for (int64_t i = 0; i < k; ++i) {
      const int64_t j = exchanges[i] - 1;
      if (j < 0 || j >= m || i >= m) fail_runtime("pivots must be between 1 and ", m, ", but one is ", j + 1);
      std::swap(order[std::size_t(i)], order[std::size_t(j)]);
    }
    for (int64_t i = 0; i < m; ++i) {
      if (back)
        p[order[std::size_t(i)]] = i;
      else
        p[i] = order[std::size_t(i)];
    }
  }
  return out;
}
/// P X, or P^T X.
Tensor exchanged(const Tensor& x, const Tensor& pivots, bool transposed) {
  const DimVec lead = broadcast_shapes(lead_of(x), pivots.sizes().first(std::size_t(pivots.ndim() - 1)));
  const DimVec sizes = joined(lead, {x.size(-2), x.size(-1)});
  const Tensor p = permutation(pivots, x.size(-2), !transposed);
  return gather(expand(x, sizes), x.ndim() > 0 ? int(sizes.size()) - 2 : 0, expand(unsqueeze(p, -1), sizes));
}
Tensor permutation_matrix(const Tensor& pivots, int64_t m, DType d) {
  const Tensor p = permutation(pivots, m, false);
  Tensor out = zeros(joined(p.sizes(), {m}), d);
  const int64_t count = m > 0 ? p.numel() / m : 0;
  dispatch(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* to = out.data_as<T>();
    const int64_t* from = p.data_as<int64_t>();
    for (int64_t b = 0; b < count; ++b) {
      for (int64_t i = 0; i < m; ++i) to[b * m * m + from[b * m + i] * m + i] = convert<T>(1.0F);
    }
  });
  return out;
}

Tensor first_columns(const Tensor& t, int64_t k) { return slice(t, t.ndim() - 1, 0, k); }
Tensor last_columns(const Tensor& t, int64_t k) { return slice(t, t.ndim() - 1, k, t.size(-1)); }
Tensor first_rows(const Tensor& t, int64_t k) { return slice(t, t.ndim() - 2, 0, k); }
Tensor last_rows(const Tensor& t, int64_t k) { return slice(t, t.ndim() - 2, k, t.size(-2)); }

/// The gradient of P^T A by those of L and U, which are packed in `lu`.
Tensor lu_gradient(const Tensor& lu, const Tensor& gL, const Tensor& gU) {
  const int64_t m = lu.size(-2), n = lu.size(-1), k = std::min(m, n);
  const Tensor core = first_columns(first_rows(lu, k), k);  // L1 below, U1 on and above the diagonal
  const Tensor L1 = tril(core, -1) + identity(k, lu.dtype()), U1 = triu(core);
  Tensor inner_L = matmul(adjoint(L1), first_rows(gL, k)), inner_U = matmul(first_columns(gU, k), adjoint(U1));
  Tensor below, above;
  if (m > k) {  // A = [A1; A2], L2 = A2 U1^-1
    const Tensor gL2 = last_rows(gL, k), L2 = last_rows(lu, k);
    below = adjoint(solve_triangular(core, adjoint(gL2), true, false, false));
    inner_U = inner_U - matmul(adjoint(L2), gL2);
  }
  if (n > k) {  // A = [A1 A2], U2 = L1^-1 A2
    const Tensor gU2 = last_columns(gU, k), U2 = last_columns(lu, k);
    above = solve_triangular(core, gU2, false, true, true);
    inner_L = inner_L - matmul(gU2, adjoint(U2));
  }
  const Tensor left = solve_triangular(core, tril(inner_L, -1) + triu(inner_U), false, true, true);
  Tensor top = adjoint(solve_triangular(core, adjoint(left), true, false, false));
  const int at = top.ndim();
  if (above.defined()) {
    const Tensor parts[] = {top, above};
    top = concat(parts, at - 1);
  }
  if (!below.defined()) return top;
  const Tensor parts[] = {top, below};
  return concat(parts, at - 2);
}

struct LuNode final : Node {
  SavedTensor lu, pivots;
  const char* name() const override { return "LinalgLuFactorExBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor LU = lu.unpack(this);
    const int64_t k = std::min(LU.size(-2), LU.size(-1));
    const Tensor g = lu_gradient(LU, tril(first_columns(in[0], k), -1), triu(first_rows(in[0], k)));
    out[0] = exchanged(g, pivots.unpack(this), false);
  }
  void show(ValueVisitor& v) const override { v.flag("pivot", true); }
  void visit(SavedVisitor& v) override {
    v.tensor("LU", lu);
    v.tensor("pivots", pivots);
  }
};
Factors lu_of(const Tensor& a, bool pivot, const char* name) {
  need_matrix(a, name);
  need_float(a, name, "lu_cpu", true);
  if (!pivot) fail_runtime(name, ": LU without pivoting is not implemented on the CPU");
  const Factors f = factorise(a);
  if (recording(a)) {
    auto* node = record<LuNode>(f.lu, a);
    node->lu.save_output(f.lu);
    node->pivots.save(f.pivots);
  }
  return f;
}
void check_lu(const Factors& f, const Tensor& a, const char* name) {
  const int64_t i = first_bad(f.info);
  if (i < 0) return;
  const int32_t at = f.info.data_as<int32_t>()[i];
  fail_runtime(name, ": ", which(i, a), "U[", at, ",", at,
               "] is zero and using it on lu_solve would result in a division by zero. If you still want to perform "
               "the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)");
}
/// (A, pivot, check_errors, out)
PyObject* lu_factor_ex_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  const Factors f = lu_of(A, a.boolean(1, true), "torch.linalg.lu_factor_ex");
  if (a.boolean(2)) check_lu(f, A, "torch.linalg.lu_factor_ex");
  return give_named(a, 3, def.name, "linalg_lu_factor_ex", {"LU", "pivots", "info"}, {f.lu, f.pivots, f.info},
                    tracked(A));
}
/// (A, pivot, out)
PyObject* lu_factor_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  const Factors f = lu_of(A, a.boolean(1, true), "torch.linalg.lu_factor");
  check_lu(f, A, "torch.linalg.lu_factor");
  return give_named(a, 2, def.name, "linalg_lu_factor", {"LU", "pivots"}, {f.lu, f.pivots}, tracked(A));
}
struct Unpacked {
  Tensor P, L, U;
};
Unpacked unpack(const Tensor& lu, const Tensor& pivots, bool data = true, bool exchanges = true) {
  const int64_t m = lu.size(-2), n = lu.size(-1), k = std::min(m, n);
  Unpacked u;
  u.P = exchanges ? permutation_matrix(pivots, m, lu.dtype()) : empty({{0}}, lu.dtype());
  u.L = data ? tril(first_columns(lu, k), -1) + identity(m, k, lu.dtype()) : empty({{0}}, lu.dtype());
  u.U = data ? triu(first_rows(lu, k)) : empty({{0}}, lu.dtype());
  return u;
}
/// (A, pivot, out)
PyObject* lu_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  const Factors f = lu_of(A, a.boolean(1, true), "torch.linalg.lu");
  const Unpacked u = unpack(f.lu, f.pivots);
  return give_named(a, 2, def.name, "linalg_lu", {"P", "L", "U"}, {u.P, u.L, u.U}, tracked(A));
}
/// (LU_data, LU_pivots, unpack_data, unpack_pivots, out)
PyObject* lu_unpack_op(const OpDef& def, Args& a) {
  const Tensor lu = a.tensor(0), pivots = a.tensor(1);
  if (pivots.dtype() != DType::Int32)
    fail_runtime(
        "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype. "
        "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor");
  if (lu.ndim() < 2) fail_runtime("torch.lu_unpack: LU_data must have at least 2 dimensions");
  const Unpacked u = unpack(lu, pivots, a.boolean(2, true), a.boolean(3, true));
  return give_named(a, 4, def.name, "lu_unpack", {"P", "L", "U"}, {u.P, u.L, u.U}, tracked(lu));
}

Tensor solve_packed(const Tensor& lu, const Tensor& pivots, const Tensor& b, bool adjoint_of) {
  if (!recording(lu, b)) {
    const bool ready = same(lu.strides(), column_strides(lead_of(lu), lu.size(-2), lu.size(-1)));
    const Tensor own = ready ? lu : column_copy(lu), exchanges = contiguous_as(pivots, DType::Int32);
    permutation(exchanges, lu.size(-1), false);  // refuses what leads out of the matrix
    return solve_factored(own, own, exchanges, b, adjoint_of, false);
  }
  if (adjoint_of)  // U^H L^H P^T X = B
    return exchanged(solve_triangular(lu, solve_triangular(lu, b, true, true, false), false, true, true), pivots,
                     false);
  return solve_triangular(lu, solve_triangular(lu, exchanged(b, pivots, true), false, false, true), true, false, false);
}
PyObject* solve_packed_op(const OpDef& def, Args& a, const Tensor& lu, const Tensor& pivots, const Tensor& b, bool left,
                          bool adjoint_of, int out) {
  need_square(lu, "torch.linalg.lu_solve", "LU");
  if (pivots.dtype() != DType::Int32)
    fail_runtime("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32");
  if (pivots.ndim() == 0 || lu.size(-1) != pivots.size(-1))
    fail_runtime("linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix");
  if (!same(lead_of(lu), pivots.sizes().first(std::size_t(pivots.ndim() - 1))))
    fail_runtime("linalg.lu_solve: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape ",
                 str(pivots.sizes()), " instead");
  if (b.ndim() < 2) fail_runtime("torch.linalg.lu_solve: The input tensor B must have at least 2 dimensions.");
  need_same(lu, b, "linalg.lu_solve");
  need_float(lu, "linalg.lu_solve", "lu_solve_cpu", true);
  check_system(lu, b, "linalg.lu_solve", left);
  // X A = B is A^H X^H = B^H.
  const Tensor x =
      left ? solve_packed(lu, pivots, b, adjoint_of) : adjoint(solve_packed(lu, pivots, adjoint(b), !adjoint_of));
  return give(a, out, x, def.name, tracked(lu) || tracked(b), OutRule::Same);
}
/// (LU, pivots, B, left, adjoint, out)
PyObject* lu_solve_op(const OpDef& def, Args& a) {
  return solve_packed_op(def, a, a.tensor(0), a.tensor(1), a.tensor(2), a.boolean(3, true), a.boolean(4), 5);
}
/// (b, LU_data, LU_pivots, out)
PyObject* old_lu_solve_op(const OpDef& def, Args& a) {
  return solve_packed_op(def, a, a.tensor(1), a.tensor(2), a.tensor(0), true, false, 3);
}

// --- determinants
// --------------------------------------------------------------------------------------------------------------------

Tensor svd_values_and_vectors(const Tensor& a, Tensor& U, Tensor& Vh);

/// The determinant from the factors; raw. With `log`: its sign or phase, and the logarithm of its absolute value.
Tensor determinant(const Factors& f, Tensor* log) {
  const DType d = f.lu.dtype();
  const int64_t n = f.lu.size(-1), count = product(lead_of(f.lu));
  Tensor out = empty(lead_of(f.lu), d);
  if (log != nullptr) *log = empty(lead_of(f.lu), to_real(d));
  dispatch(d, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T> || is_complex_v<T>) {
      for (int64_t b = 0; b < count; ++b) {
        const T* m = f.lu.data_as<T>() + b * n * n;
        const int32_t* p = f.pivots.data_as<int32_t>() + b * n;
        T value(1);
        double sum = 0;
        for (int64_t i = 0; i < n; ++i) {
          if (p[i] != int32_t(i + 1)) value = -value;
          const T x = m[i * (n + 1)];
          if (log == nullptr) {
            value = value * x;
            continue;
          }
          double size;
          if constexpr (is_complex_v<T>)
            size = std::hypot(double(x.re), double(x.im));
          else
            size = std::abs(double(x));
          sum += std::log(size);
          if constexpr (is_complex_v<T>)
            value = size == 0 ? T(0) : value * T(cdouble(x) / cdouble(size));
          else
            value = x == 0 ? T(0) : x < 0 ? -value : std::isnan(x) ? x : value;
        }
        out.data_as<T>()[b] = value;
        if (log != nullptr) {
          if (to_real(d) == DType::Double)
            log->data_as<double>()[b] = sum;
          else
            log->data_as<float>()[b] = float(sum);
        }
      }
    }
  });
  return out;
}
/// k A^-H for numbers k [...], from A's factors; with history.
Tensor scaled_inverse(const Tensor& a, const Tensor& lu, const Tensor& pivots, const Tensor& k) {
  const Tensor rhs = unsqueeze(unsqueeze(k, -1), -1) * identity(a.size(-1), a.dtype());
  return solve_factored(a, lu, pivots, rhs, true, false);
}

struct DetNode final : Node {
  SavedTensor a, lu, pivots, result;
  const char* name() const override { return "LinalgDetBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor A = a.unpack(this), LU = lu.unpack(this), P = pivots.unpack(this);
    if (A.numel() == 0) {
      out[0] = zeros_like(A);
      return;
    }
    const Tensor value = result.unpack(this), k = in[0] * conj(value);
    if (!singular(LU)) {
      const Tensor usual = scaled_inverse(A, LU, P, k);
      // A determinant that overflows leaves nothing better.
      if (all_finite(usual) || !all_finite(value)) {
        out[0] = usual;
        return;
      }
    }
    // The cofactors through A = U S V^H; where S_i = 0 the products of the others remain.
    Tensor U, Vh;
    const Tensor S = svd_values_and_vectors(A, U, Vh);
    const int64_t n = S.size(-1);
    const Tensor others = with_diagonal(expand(unsqueeze(S, -2), joined(S.sizes(), {n})), 1);
    Tensor rest;
    for (int64_t i = 0; i < n; ++i) {
      const Tensor factor = select(others, others.ndim() - 1, i);
      rest = rest.defined() ? rest * factor : factor;
    }
    const Tensor phase = conj(determinant(factorise(detach(U)), nullptr) * determinant(factorise(detach(Vh)), nullptr));
    out[0] = unsqueeze(unsqueeze(in[0] * phase, -1), -1) * matmul(columns_scaled(U, to(rest, U.dtype())), Vh);
  }
  void visit(SavedVisitor& v) override {
    v.tensor("A", a);
    v.tensor("LU", lu);
    v.tensor("pivots", pivots);
    v.tensor("result", result);
  }

 private:
  static bool singular(const Tensor& LU) {
    const GradMode off(false);
    const Tensor zero = contiguous(compare(Compare::Eq, diagonal_of(detach(LU)), 0));
    const auto* p = zero.data_as<bool>();
    return std::any_of(p, p + zero.numel(), [](bool b) { return b; });
  }
};
Tensor det(const Tensor& a) {
  need_square(a, "linalg.det");
  need_float(a, "linalg.det");
  const Factors f = factorise(a);
  const Tensor out = determinant(f, nullptr);
  if (recording(a)) {
    auto* node = record<DetNode>(out, a);
    node->a.save(a);
    node->lu.save(f.lu);
    node->pivots.save(f.pivots);
    node->result.save_output(out);
  }
  return out;
}
/// (A, out)
PyObject* det_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  if (def.name[0] == 'd') return det(A).release();
  return give(a, 1, det(A), def.name, tracked(A), OutRule::Same);
}

struct SlogdetNode final : Node {
  SavedTensor a, lu, pivots, sign;
  const char* name() const override { return "LinalgSlogdetBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor A = a.unpack(this);
    if (A.numel() == 0) {
      out[0] = zeros_like(A);
      return;
    }
    Tensor k;
    if (in[1].defined()) k = to(in[1], A.dtype());
    if (in[0].defined() && is_complex(A.dtype())) {
      // d sign = i Im(tr(A^-1 dA)) sign
      const Tensor turn = to(imag(conj(in[0]) * sign.unpack(this)), A.dtype()) * Scalar(cdouble(0, -1));
      k = k.defined() ? k + turn : turn;
    }
    out[0] = k.defined() ? scaled_inverse(A, lu.unpack(this), pivots.unpack(this), k) : zeros_like(A);
  }
  void visit(SavedVisitor& v) override {
    v.tensor("A", a);
    v.tensor("LU", lu);
    v.tensor("pivots", pivots);
    v.tensor("sign", sign);
  }
};
struct SignLog {
  Tensor sign, log;
};
SignLog slogdet(const Tensor& a) {
  need_square(a, "linalg.slogdet");
  need_float(a, "linalg.slogdet");
  const Factors f = factorise(a);
  SignLog r;
  r.sign = determinant(f, &r.log);
  if (recording(a)) {
    auto* node = make_node_on<SlogdetNode>(edge_of(a));
    const NodeRef own = NodeRef::steal(node);
    node->set_output_count(2);
    set_history(r.sign, node, 0);
    set_history(r.log, node, 1);
    node->a.save(a);
    node->lu.save(f.lu);
    node->pivots.save(f.pivots);
    node->sign.save_output(r.sign);
  }
  return r;
}
/// (A, out)
PyObject* slogdet_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  const SignLog r = slogdet(A);
  const char* shown = def.name[0] == 's' ? "slogdet" : "linalg_slogdet";
  return give_named(a, 1, def.name, shown, {"sign", "logabsdet"}, {r.sign, r.log}, tracked(A));
}
PyObject* logdet_op(const OpDef&, Args& a) {
  const Tensor A = a.tensor(0);
  const SignLog r = slogdet(A);
  if (is_complex(A.dtype())) return (r.log + log(r.sign)).release();
  const Tensor negative = compare(Compare::Eq, r.sign, -1);
  return where(negative, scalar_tensor(std::nan(""), r.log.dtype()), r.log).release();
}

// --- QR
// --------------------------------------------------------------------------------------------------------------------------------

/// For m >= n: S. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions" (2018). An undefined
/// gradient is 0.
Tensor qr_gradient(const Tensor& Q, const Tensor& R, const Tensor& gQ, const Tensor& gR) {
  Tensor M;
  if (gR.defined()) M = matmul(R, adjoint(gR));
  if (gQ.defined()) {
    const Tensor part = matmul(adjoint(gQ), Q);
    M = M.defined() ? M - part : neg(part);
  }
  const Tensor lower = tril(M, -1);
  const Tensor middle = diagonal_of(M);
  const Tensor mirrored = lower + adjoint(lower) + embed(is_complex(M.dtype()) ? to(real(middle), M.dtype()) : middle);
  Tensor rhs = matmul(Q, mirrored);
  if (gQ.defined()) rhs = gQ + rhs;
  // rhs R^-H
  return adjoint(solve_triangular(R, adjoint(rhs), true, false, false));
}

struct QrNode final : Node {
  SavedTensor q, r;
  char mode = 'r';
  const char* name() const override { return "LinalgQrBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    if (mode == 'n')
      fail_runtime(
          "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
          "linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr.");
    const Tensor Q = q.unpack(this), R = r.unpack(this);
    const int64_t m = Q.size(-2), n = R.size(-1);
    if (mode == 'c' && m > n)
      fail_runtime("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.");
    if (m >= n) {
      out[0] = qr_gradient(Q, R, in[0], in[1]);
      return;
    }
    // A = [X Y], R = [U V] with X = Q U, Y = Q V.
    Tensor gQ = in[0], gU, gY;
    if (in[1].defined()) {
      gU = first_columns(in[1], m);
      const Tensor gV = last_columns(in[1], m);
      const Tensor through = matmul(matmul(Q, last_columns(R, m)), adjoint(gV));
      gQ = gQ.defined() ? gQ + through : through;
      gY = matmul(Q, gV);
    } else {
      DimVec sizes(R.sizes());
      sizes.back() = n - m;
      gY = zeros(sizes, R.dtype());
    }
    const Tensor parts[] = {qr_gradient(Q, first_columns(R, m), gQ, gU), gY};
    out[0] = concat(parts, R.ndim() - 1);
  }
  void show(ValueVisitor& v) const override {
    v.word("mode", mode == 'n' ? "r" : mode == 'c' ? "complete" : "reduced");
  }
  void visit(SavedVisitor& v) override {
    v.tensor("Q", q);
    v.tensor("R", r);
  }
};
/// mode: 'r'educed, 'c'omplete, or 'n'o Q.
Factored qr_of(const Tensor& a, char mode) {
  const int64_t m = a.size(-2), n = a.size(-1), k = std::min(m, n), count = product(lead_of(a));
  const int64_t columns = mode == 'n' ? 0 : mode == 'c' ? m : k, rows = mode == 'c' ? m : k;
  prepare(k);
  const Tensor work = column_copy(a), tau = empty(joined(lead_of(a), {k}), a.dtype());
  Factored f{mode == 'n' ? empty({{0}}, a.dtype()) : empty_columns(lead_of(a), m, columns, a.dtype()),
             empty_columns(lead_of(a), rows, n, a.dtype())};
  {
    GilRelease gil(2 * count * m * n * k);
    geqrf(a.dtype(), m, n, count, work.data(), tau.data());
    if (mode != 'n') orgqr(a.dtype(), m, columns, k, count, work.data(), n, tau.data(), f.factor.data());
    upper_part(a.dtype(), m, n, rows, count, work.data(), f.info.data());
  }
  if (recording(a)) {
    auto* node = make_node_on<QrNode>(edge_of(a));
    const NodeRef own = NodeRef::steal(node);
    node->set_output_count(2);
    set_history(f.factor, node, 0);
    set_history(f.info, node, 1);
    node->q.save_output(f.factor);
    node->r.save_output(f.info);
    node->mode = mode;
  }
  return f;
}
/// (A, mode, out)
PyObject* qr_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  need_matrix(A, "linalg.qr");
  need_float(A, "linalg.qr", "geqrf_cpu");
  const std::string mode = a.string(1, "reduced");
  if (mode != "reduced" && mode != "complete" && mode != "r")
    fail_runtime("qr received unrecognized mode '", mode,
                 "' but expected one of 'reduced' (default), 'r', or 'complete'");
  const Factored f = qr_of(A, mode == "r" ? 'n' : mode[0]);
  return give_named(a, 2, def.name, "linalg_qr", {"Q", "R"}, {f.factor, f.info}, tracked(A));
}
/// (input, some, out)
PyObject* old_qr_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  need_matrix(A, "linalg.qr");
  need_float(A, "linalg.qr", "geqrf_cpu");
  const Factored f = qr_of(A, a.boolean(1, true) ? 'r' : 'c');
  return give_named(a, 2, def.name, "qr", {"Q", "R"}, {f.factor, f.info}, tracked(A));
}

// --- Householder reflections
// --------------------------------------------------------------------------------------------------------------------------

/// Of what has no derivative, here or in PyTorch.
struct RefusingNode final : Node {
  const char* title = "";
  const char* message = "";
  ErrorKind kind = ErrorKind::Runtime;
  const char* name() const override { return title; }
  void apply(Tensor*, Tensor*) override { fail(kind, message); }
};
RefusingNode* record_refusing(const Tensor& out, const Tensor& input, const char* title, const char* message) {
  auto* node = record<RefusingNode>(out, input);
  node->title = title;
  node->message = message;
  return node;
}

/// (input, out)
PyObject* geqrf_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  need_matrix(A, "torch.geqrf", "input");
  need_float(A, "geqrf", "geqrf_cpu");
  const bool record = recording(A);
  if (is_complex(A.dtype()) && record)
    fail_runtime("geqrf does not support automatic differentiation for outputs with complex dtype.");
  const int64_t m = A.size(-2), n = A.size(-1), k = std::min(m, n), count = product(lead_of(A));
  prepare(k);
  const Tensor packed = column_copy(A), tau = empty(joined(lead_of(A), {k}), A.dtype());
  {
    GilRelease gil(2 * count * m * n * k);
    geqrf(A.dtype(), m, n, count, packed.data(), tau.data());
  }
  if (record) {
    RefusingNode* node = record_refusing(packed, A, "GeqrfBackward0", "the derivative for 'geqrf' is not implemented.");
    node->kind = ErrorKind::NotImplemented;
    node->set_output_count(2);
    set_history(tau, node, 1);
  }
  return give_named(a, 1, def.name, "geqrf", {"a", "tau"}, {packed, tau}, tracked(A), OutRule::Cast);
}

/// (A, tau), of which no derivative is wanted: the checks are those of _ops/linalg.py.
PyObject* raw_orgqr_op(const OpDef&, Args& a) {
  const Tensor A = a.tensor(0), tau = a.tensor(1);
  const int64_t m = A.size(-2), n = A.size(-1), k = tau.size(-1), count = product(lead_of(A));
  prepare(k);
  const Tensor work = column_copy(A), factors = contiguous_as(tau, A.dtype());
  const Tensor q = empty_columns(lead_of(A), m, n, A.dtype());
  GilRelease gil(2 * count * m * n * k);
  orgqr(A.dtype(), m, n, k, count, work.data(), n, factors.data(), q.data());
  return Tensor(q).release();
}
/// (A, tau, C, left, transpose), the same.
PyObject* raw_ormqr_op(const OpDef&, Args& a) {
  const GradMode off(false);
  const Tensor A = a.tensor(0), tau = a.tensor(1), C = a.tensor(2);
  const bool left = a.boolean(3), flip = a.boolean(4);
  // C Q = (Q^H C^H)^H
  const Tensor work = column_copy(A), factors = contiguous_as(tau, A.dtype()), c = column_copy(left ? C : adjoint(C));
  const int64_t m = c.size(-2), n = c.size(-1), k = tau.size(-1), count = product(lead_of(c));
  {
    GilRelease gil(4 * count * m * n * k);
    ormqr(A.dtype(), flip == left, m, n, k, count, work.data(), A.size(-1), factors.data(), c.data());
  }
  return Tensor(left ? c : adjoint(c)).release();
}

// --- L D L^H
// --------------------------------------------------------------------------------------------------------------------------------

void need_lapack() {
  if (!load_lapack())
    fail_runtime("this function needs LAPACK routines that NumPy does not offer: install SciPy (pip install scipy)");
}
PyObject* ldl_factor_op(const OpDef& def, Args& a) {
  const bool ex =
      def.name[std::strlen(def.name) - 1] == 'x';  // (A, hermitian, check_errors, out), else (A, hermitian, out)
  constexpr const char* name = "torch.linalg.ldl_factor_ex";
  const Tensor A = a.tensor(0);
  need_square(A, name);
  need_float(A, name, "ldl_factor_kernel_cpu");
  const int64_t n = A.size(-1), count = product(lead_of(A));
  const Tensor LD = column_copy(A), pivots = zeros(joined(lead_of(A), {n}), DType::Int32),
               info = zeros(lead_of(A), DType::Int32);
  if (A.numel() > 0) {
    need_lapack();
    GilRelease gil(count * n * n * n);
    ldl_factor(A.dtype(), a.boolean(1) && is_complex(A.dtype()), n, count, LD.data(), pivots.data_as<int32_t>(),
               info.data_as<int32_t>());
  }
  if (recording(A))
    record_refusing(LD, A, "NotImplemented", "derivative for aten::linalg_ldl_factor_ex is not implemented");
  if (!ex || a.boolean(2)) {
    const int64_t i = first_bad(info);
    if (i >= 0) fail_linalg("torch.linalg.ldl_factor_ex: ", which(i, A), "The factorization could not be completed.");
  }
  if (ex)
    return give_named(a, 3, def.name, "linalg_ldl_factor_ex", {"LD", "pivots", "info"}, {LD, pivots, info}, tracked(A));
  return give_named(a, 2, def.name, "linalg_ldl_factor", {"LD", "pivots"}, {LD, pivots}, tracked(A));
}
/// (LD, pivots, B, hermitian, out)
PyObject* ldl_solve_op(const OpDef& def, Args& a) {
  constexpr const char* name = "torch.linalg.ldl_solve";
  const Tensor LD = a.tensor(0), pivots = a.tensor(1), B = a.tensor(2);
  need_square(LD, name, "LD");
  if (B.ndim() < 2)
    fail_runtime(name, ": Expected B to have at least 2 dimensions, but it has ", B.ndim(), " dimensions instead");
  const int64_t n = LD.size(-1), k = B.size(-1);
  if (B.size(-2) != n)
    fail_runtime("Incompatible matrix sizes for ", name, ": each A matrix is ", n, " by ", n, " but each b matrix is ",
                 B.size(-2), " by ", B.size(-1));
  if (pivots.dtype() != DType::Int32 && pivots.dtype() != DType::Int64)
    fail_runtime(name, ": Expected pivots to be integers. Got ", scalar_type_name(pivots.dtype()));
  if (!same(pivots.sizes(), LD.sizes().first(std::size_t(LD.ndim() - 1))))
    fail_runtime(name, ": Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape ",
                 str(pivots.sizes()), " instead");
  need_same(LD, B, name);
  need_float(LD, name);
  Tensor exchanges = contiguous_as(pivots, DType::Int32);
  const int32_t* p = exchanges.data_as<int32_t>();
  for (int64_t i = 0; i < exchanges.numel(); ++i) {
    // LAPACK would follow them out of the matrix.
    if (p[i] == 0 || p[i] > n || p[i] < -n)
      fail_runtime(name, ": Expected pivots between 1 and ", n, " in absolute value");
  }
  const DimVec lead = broadcast_shapes(lead_of(LD), lead_of(B));
  const Tensor x = column_copy(B, lead);
  if (x.numel() > 0) {
    need_lapack();
    const bool alone = product(lead_of(LD)) == 1;
    const Tensor own = alone ? column_copy(LD) : column_copy(LD, lead);
    if (!alone && !same(lead_of(LD), lead)) {
      const Tensor wide = empty(joined(lead, {n}), DType::Int32);
      copy_into(wide, exchanges);
      exchanges = wide;
    }
    const int64_t count = product(lead);
    GilRelease gil(count * n * n * k);
    ldl_solve(LD.dtype(), a.boolean(3) && is_complex(LD.dtype()), n, k, count, own.data(), alone ? 0 : n * n,
              exchanges.data_as<int32_t>(), alone ? 0 : n, x.data());
  }
  if (recording(LD, B)) {
    auto* node = record<RefusingNode>(x, LD, B);
    node->title = "NotImplemented";
    node->message = "derivative for aten::linalg_ldl_solve is not implemented";
  }
  return give(a, 4, x, def.name, tracked(LD) || tracked(B), OutRule::Same);
}

// --- singular values
// ---------------------------------------------------------------------------------------------------------------------

struct SvdNode final : Node {
  SavedTensor u, s, vh;
  bool full = false;
  const char* name() const override { return "LinalgSvdBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    Tensor U = u.unpack(this), S = s.unpack(this), Vh = vh.unpack(this);
    Tensor gU = in[0], gVh = in[2];
    const Tensor& gS = in[1];
    const int64_t k = S.size(-1), m = U.size(-2), n = Vh.size(-1);
    if (U.size(-1) > k) {
      U = first_columns(U, k);
      if (gU.defined()) gU = first_columns(gU, k);
    }
    if (Vh.size(-2) > k) {
      Vh = first_rows(Vh, k);
      if (gVh.defined()) gVh = first_rows(gVh, k);
    }
    const DType d = U.dtype();
    if (!gU.defined() && !gVh.defined()) {
      out[0] = m >= n ? matmul(U, rows_scaled(Vh, to(gS, d))) : matmul(columns_scaled(U, to(gS, d)), Vh);
      return;
    }
    const Tensor Sd = to(S, d), squares = S * S;
    const Tensor E = with_diagonal(unsqueeze(squares, -2) - unsqueeze(squares, -1), 1);
    Tensor UgU, VgV, inner;
    if (gU.defined()) {
      UgU = matmul(adjoint(U), gU);
      inner = columns_scaled(skew(UgU) / E, Sd);
    }
    if (gVh.defined()) {
      VgV = matmul(Vh, adjoint(gVh));
      const Tensor part = rows_scaled(skew(VgV) / E, Sd);
      inner = inner.defined() ? inner + part : part;
    }
    if (gS.defined()) inner = inner + embed(to(gS, d));
    // The phase of a pair of singular vectors is free; the loss must not depend on it.
    if (is_complex(d) && gU.defined()) inner = inner + embed(diagonal_of(skew(UgU)) / (Sd * 2));
    Tensor left = matmul(U, inner);
    if (m > k && gU.defined()) left = left + (gU - matmul(U, UgU)) / unsqueeze(Sd, -2);
    Tensor result = matmul(left, Vh);
    if (n > k && gVh.defined()) result = result + matmul(U / unsqueeze(Sd, -2), gVh - matmul(adjoint(VgV), Vh));
    out[0] = result;
  }
  void show(ValueVisitor& v) const override { v.flag("full_matrices", full); }
  void visit(SavedVisitor& v) override {
    v.tensor("U", u);
    v.tensor("S", s);
    v.tensor("Vh", vh);
  }
};

[[noreturn]] void fail_svd(const Tensor& a, int64_t i) {
  if (!all_finite(column_copy(detach(a))))
    fail_linalg("linalg.svd: ", which(i, a),
                "The algorithm failed to converge because the input matrix contained non-finite values.");
  fail_linalg("linalg.svd: ", which(i, a),
              "The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated "
              "singular values (error code: ",
              std::min(a.size(-2), a.size(-1)) - 1, ").");
}
struct Svd {
  Tensor U, S, Vh;
};
Svd svd_of(const Tensor& a, bool full) {
  const int64_t m = a.size(-2), n = a.size(-1), k = std::min(m, n), count = product(lead_of(a));
  Svd r;
  if (load_lapack() || a.numel() == 0) {
    const int64_t wide = full ? m : k, high = full ? n : k;
    r.U = empty_columns(lead_of(a), m, wide, a.dtype());
    r.S = empty(joined(lead_of(a), {k}), to_real(a.dtype()));
    r.Vh = empty_columns(lead_of(a), high, n, a.dtype());
    if (k == 0) {  // any orthonormal vectors will do
      copy_into(r.U, identity(m, wide, a.dtype()));
      copy_into(r.Vh, identity(high, n, a.dtype()));
    } else if (count > 0) {
      const Tensor work = column_copy(a);
      int64_t failed;
      {
        GilRelease gil(10 * count * m * n * k);
        failed = svd(a.dtype(), full ? 'A' : 'S', m, n, count, work.data(), r.S.data(), r.U.data(), r.Vh.data());
      }
      if (failed >= 0) fail_svd(a, failed);
    }
  } else {
    std::vector<Tensor> found = by_numpy("svd", a, full);
    if (found.size() != 3) fail_svd(a, 0);
    r = {std::move(found[0]), std::move(found[1]), std::move(found[2])};
  }
  if (recording(a)) {
    auto* node = make_node_on<SvdNode>(edge_of(a));
    const NodeRef own = NodeRef::steal(node);
    node->set_output_count(3);
    set_history(r.U, node, 0);
    set_history(r.S, node, 1);
    set_history(r.Vh, node, 2);
    node->full = full;
    node->u.save_output(r.U);
    node->s.save_output(r.S);
    node->vh.save_output(r.Vh);
  }
  return r;
}
Tensor svd_values_and_vectors(const Tensor& a, Tensor& U, Tensor& Vh) {
  Svd r = svd_of(a, false);
  U = std::move(r.U);
  Vh = std::move(r.Vh);
  return std::move(r.S);
}
Tensor svdvals(const Tensor& a) {
  if (recording(a)) return svd_of(a, false).S;
  const int64_t m = a.size(-2), n = a.size(-1), k = std::min(m, n), count = product(lead_of(a));
  Tensor S = empty(joined(lead_of(a), {k}), to_real(a.dtype()));
  if (S.numel() == 0) return S;
  if (!load_lapack()) {
    std::vector<Tensor> found = by_numpy("svdvals", a, false);
    if (found.size() != 1) fail_svd(a, 0);
    return found[0];
  }
  const Tensor work = column_copy(a);
  int64_t failed;
  {
    GilRelease gil(4 * count * m * n * k);
    failed = svd(a.dtype(), 'N', m, n, count, work.data(), S.data(), nullptr, nullptr);
  }
  if (failed >= 0) fail_svd(a, failed);
  return S;
}
void check_svd(const Tensor& a) {
  need_matrix(a, "linalg.svd");
  need_float(a, "linalg.svd", "linalg_svd_cpu");
}
/// (A, full_matrices, driver, out)
PyObject* svd_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  check_svd(A);
  const Svd r = svd_of(A, a.boolean(1, true));
  return give_named(a, 3, def.name, "linalg_svd", {"U", "S", "Vh"}, {r.U, r.S, r.Vh}, tracked(A));
}
/// (A, driver, out)
PyObject* svdvals_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  check_svd(A);
  return give(a, 2, svdvals(A), def.name, tracked(A), OutRule::Same);
}
/// (input, some, compute_uv, out)
PyObject* old_svd_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  check_svd(A);
  if (!a.boolean(2, true)) {
    const Tensor U = zeros(joined(lead_of(A), {A.size(-2), A.size(-2)}), A.dtype());
    const Tensor V = zeros(joined(lead_of(A), {A.size(-1), A.size(-1)}), A.dtype());
    return give_named(a, 3, def.name, "svd", {"U", "S", "V"}, {U, svdvals(A), V}, tracked(A));
  }
  const Svd r = svd_of(A, !a.boolean(1, true));
  return give_named(a, 3, def.name, "svd", {"U", "S", "V"}, {r.U, r.S, adjoint(r.Vh)}, tracked(A));
}

// --- eigenvalues
// -----------------------------------------------------------------------------------------------------------------------

struct EighNode final : Node {
  SavedTensor values, vectors;
  const char* name() const override { return "LinalgEighBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor L = values.unpack(this), V = vectors.unpack(this);
    if (!in[1].defined()) {
      out[0] = matmul(columns_scaled(V, to(in[0], V.dtype())), adjoint(V));
      return;
    }
    // Hermitian changes of A turn V by a unitary matrix: only the skew part of V^H gV counts.
    const Tensor VgV = skew(matmul(adjoint(V), in[1])) * Scalar(0.5);
    const Tensor E = with_diagonal(unsqueeze(L, -2) - unsqueeze(L, -1), 1);
    Tensor inner = with_diagonal(VgV / E, 0);
    if (in[0].defined()) inner = inner + embed(to(in[0], V.dtype()));
    out[0] = matmul(matmul(V, inner), adjoint(V));
  }
  void visit(SavedVisitor& v) override {
    v.tensor("eigenvalues", values);
    v.tensor("eigenvectors", vectors);
  }
};
struct Eigh {
  Tensor values, vectors;
};
[[noreturn]] void fail_eigh(const Tensor& a, int64_t i) {
  fail_linalg("linalg.eigh: ", which(i, a),
              "The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated "
              "eigenvalues (error code: ",
              a.size(-1) - 1, ").");
}
/// Raw.
Eigh eigh_of(const Tensor& a, bool upper, bool vectors) {
  const int64_t n = a.size(-1), count = product(lead_of(a));
  if (n > kSmallMatrix && a.numel() > 0 && !load_lapack()) {
    std::vector<Tensor> found = by_numpy(vectors ? "eigh" : "eigvalsh", a, upper);
    if (found.empty()) fail_eigh(a, 0);
    return {found[0], vectors ? found[1] : Tensor()};
  }
  Eigh r{empty(joined(lead_of(a), {n}), to_real(a.dtype())), column_copy(a)};
  if (a.numel() == 0) return r;
  int64_t failed;
  {
    GilRelease gil(4 * count * n * n * n);
    failed = eigh(a.dtype(), upper, vectors, n, count, r.vectors.data(), r.values.data());
  }
  if (failed >= 0) fail_eigh(a, failed);
  return r;
}
Eigh eigh_recorded(const Tensor& a, bool upper, bool vectors) {
  const bool record = recording(a);
  const Eigh r = eigh_of(a, upper, vectors || record);
  if (record) {
    auto* node = make_node_on<EighNode>(edge_of(a));
    const NodeRef own = NodeRef::steal(node);
    node->set_output_count(2);
    set_history(r.values, node, 0);
    set_history(r.vectors, node, 1);
    node->values.save_output(r.values);
    node->vectors.save_output(r.vectors);
  }
  return r;
}
bool reads_upper(const Args& a, int slot) {
  const std::string uplo = a.string(slot, "L");
  if (uplo != "L" && uplo != "U" && uplo != "l" && uplo != "u")
    fail_runtime("Expected UPLO argument to be 'L' or 'U', but got ", uplo);
  return uplo == "U" || uplo == "u";
}
/// (A, UPLO, out)
PyObject* eigh_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  need_square(A, "linalg.eigh");
  need_float(A, "linalg.eigh", "linalg_eigh_cpu", true);
  const Eigh r = eigh_recorded(A, reads_upper(a, 1), true);
  return give_named(a, 2, def.name, "linalg_eigh", {"eigenvalues", "eigenvectors"}, {r.values, r.vectors}, tracked(A));
}
/// (A, UPLO, out)
PyObject* eigvalsh_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  need_square(A, "linalg.eigh");
  need_float(A, "linalg.eigh", "linalg_eigh_cpu", true);
  return give(a, 2, eigh_recorded(A, reads_upper(a, 1), false).values, def.name, tracked(A), OutRule::Same);
}
struct EigNode final : Node {
  SavedTensor values, vectors;
  bool real_input = false;
  const char* name() const override { return "LinalgEigBackward0"; }
  void apply(Tensor* in, Tensor* out) override {
    const Tensor L = values.unpack(this), V = vectors.unpack(this), Vh = adjoint(V);
    Tensor right;
    if (in[1].defined()) {
      const Tensor VgV = matmul(Vh, in[1]), lengths = diagonal_of(VgV);
      check_phase(detach(lengths));
      // The eigenvectors have norm 1: what changes only their length does not count.
      const Tensor rest = VgV - columns_scaled(matmul(Vh, V), to(real(lengths), V.dtype()));
      const Tensor E = with_diagonal(conj(unsqueeze(L, -2) - unsqueeze(L, -1)), 1);
      Tensor inner = with_diagonal(rest / E, 0);
      if (in[0].defined()) inner = inner + embed(in[0]);
      right = matmul(inner, Vh);
    } else {
      right = rows_scaled(Vh, in[0]);
    }
    const Factors f = factorise(Vh);
    const Tensor g = solve_factored(Vh, f.lu, f.pivots, right, false, false);
    out[0] = real_input ? real(g) : g;
  }
  void visit(SavedVisitor& v) override {
    v.tensor("eigenvalues", values);
    v.tensor("eigenvectors", vectors);
  }

 private:
  static void check_phase(const Tensor& lengths) {
    const GradMode off(false);
    const Tensor turns = contiguous_as(lengths, DType::CDouble);
    const auto* p = turns.data_as<cdouble>();
    if (std::any_of(p, p + turns.numel(), [](cdouble x) { return std::abs(x.im) > 1e-2; }))
      fail_runtime(
          "linalg_eig_backward: The eigenvectors in the complex case are specified up to multiplication by e^{i phi}. "
          "The specified loss function depends on this quantity, so it is ill-defined.");
  }
};
[[noreturn]] void fail_eig(const Tensor& a, int64_t i) {
  fail_linalg("linalg.eig: ", which(i, a),
              "The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated "
              "eigenvalues (error code: ",
              a.size(-1) - 1, ").");
}
Eigh eig_of(const Tensor& a, bool vectors) {
  const int64_t n = a.size(-1), count = product(lead_of(a));
  const Tensor work = column_copy(a);
  if (!all_finite(work)) fail_runtime("torch.linalg.eig: input tensor should not contain infs or NaNs.");
  const bool record = recording(a);
  vectors = vectors || record;
  Eigh r;
  if (a.numel() > 0 && !load_lapack()) {
    std::vector<Tensor> found = by_numpy("eig", a, true);
    if (found.size() != 2) fail_eig(a, 0);
    r = {found[0], found[1]};
  } else {
    const DType d = to_complex(a.dtype());
    r.values = empty(joined(lead_of(a), {n}), d);
    if (vectors) r.vectors = empty_columns(lead_of(a), n, n, d);
    if (a.numel() > 0) {
      int64_t failed;
      {
        GilRelease gil(10 * count * n * n * n);
        failed = eig(a.dtype(), n, count, work.data(), r.values.data(), vectors ? r.vectors.data() : nullptr);
      }
      if (failed >= 0) fail_eig(a, failed);
    }
  }
  if (record) {
    auto* node = make_node_on<EigNode>(edge_of(a));
    const NodeRef own = NodeRef::steal(node);
    node->set_output_count(2);
    set_history(r.values, node, 0);
    set_history(r.vectors, node, 1);
    node->values.save_output(r.values);
    node->vectors.save_output(r.vectors);
    node->real_input = !is_complex(a.dtype());
  }
  return r;
}
void check_eig(const Tensor& a, const char* name) {
  need_square(a, name);
  if (is_integral(a.dtype(), true)) fail_runtime("Unknown Complex ScalarType for ", scalar_type_name(a.dtype()));
  need_float(a, name, "linalg_eig_out_cpu");
}
/// (A, out)
PyObject* eig_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  check_eig(A, "linalg.eig");
  const Eigh r = eig_of(A, true);
  return give_named(a, 1, def.name, "linalg_eig", {"eigenvalues", "eigenvectors"}, {r.values, r.vectors}, tracked(A));
}
/// (A, out)
PyObject* eigvals_op(const OpDef& def, Args& a) {
  const Tensor A = a.tensor(0);
  check_eig(A, "linalg.eigvals");
  return give(a, 1, eig_of(A, false).values, def.name, tracked(A), OutRule::Cast);
}

// --- chains of products
// ------------------------------------------------------------------------------------------------------------------------

/// The product of matrices in the order of least work: the classic dynamic programme over the places to split.
Tensor chain(const std::vector<Tensor>& given) {
  const std::size_t n = given.size();
  if (n == 2) return mm(given[0], given[1]);
  std::vector<double> sizes{double(given[0].size(0))};
  for (const Tensor& t : given) sizes.push_back(double(t.size(1)));
  std::vector<double> cost(n * n, 0);
  std::vector<std::size_t> cut(n * n, 0);
  for (std::size_t length = 1; length < n; ++length) {
    for (std::size_t i = 0; i + length < n; ++i) {
      const std::size_t j = i + length;
      double& best = cost[i * n + j] = std::numeric_limits<double>::infinity();
      for (std::size_t k = i; k < j; ++k) {
        const double c = cost[i * n + k] + cost[(k + 1) * n + j] + sizes[i] * sizes[k + 1] * sizes[j + 1];
        if (c < best) {
          best = c;
          cut[i * n + j] = k;
        }
      }
    }
  }
  std::vector<Tensor> done(n * n);
  for (std::size_t i = 0; i < n; ++i) done[i * n + i] = given[i];
  std::vector<std::pair<std::size_t, std::size_t>> stack{{0, n - 1}};
  while (!stack.empty()) {
    const auto [i, j] = stack.back();
    const std::size_t k = cut[i * n + j];
    const Tensor &left = done[i * n + k], &right = done[(k + 1) * n + j];
    if (done[i * n + j].defined()) {
      stack.pop_back();
    } else if (left.defined() && right.defined()) {
      done[i * n + j] = mm(left, right);
      stack.pop_back();
    } else {
      if (!left.defined()) stack.emplace_back(i, k);
      if (!right.defined()) stack.emplace_back(k + 1, j);
    }
  }
  return done[n - 1];
}
/// (tensors, out)
PyObject* multi_dot_op(const OpDef& def, Args& a) {
  std::vector<Tensor> given = a.tensors(0);
  const std::size_t n = given.size();
  if (n < 2) fail_runtime("multi_dot(): expected at least 2 tensors but got ", n);
  bool any_tracked = false;
  for (std::size_t i = 0; i < n; ++i) {
    const Tensor& t = given[i];
    const bool end = i == 0 || i + 1 == n;
    if (t.ndim() != 2 && !(end && t.ndim() == 1)) {
      if (end)
        fail_runtime("multi_dot(): the ", i == 0 ? "first" : "last", " tensor must be 1D or 2D but got ", t.ndim(),
                     "D");
      fail_runtime("multi_dot(): tensor ", i, " must be 2D but got ", t.ndim(), "D");
    }
    if (t.dtype() != given[0].dtype())
      fail_runtime("multi_dot(): all tensors must have be the same dtype but tensor 0 is ",
                   scalar_type_name(given[0].dtype()), " and tensor ", i, " ", scalar_type_name(t.dtype()));
    any_tracked = any_tracked || tracked(t);
  }
  const bool first = given[0].ndim() == 1, last = given[n - 1].ndim() == 1;
  if (first) given[0] = unsqueeze(given[0], 0);
  if (last) given[n - 1] = unsqueeze(given[n - 1], 1);
  for (std::size_t i = 0; i + 1 < n; ++i) {
    if (given[i].size(1) != given[i + 1].size(0))
      fail_runtime("multi_dot(): tensors ", i, " and ", i + 1, " with shapes ", str(given[i].sizes()), " and ",
                   str(given[i + 1].sizes()), " cannot be multiplied");
  }
  Tensor result = chain(given);
  if (first && last)
    result = reshape(result, Dims());
  else if (first || last)
    result = squeeze(result, {{first ? 0 : 1}});
  return give(a, 1, std::move(result), def.name, any_tracked, OutRule::Same);
}

#define RL_OUT ", *, Tensor? out=None)"
#define RL_OUTS ", *, Tensors? out=None)"
const OpDef ops[] = {
    {"linalg_cholesky_ex", "(Tensor A, *, bool upper=False, bool check_errors=False, Tensors? out=None)",
     cholesky_ex_op, kFunction, Kind::Other,
     "The Cholesky factor of Hermitian positive-definite matrices [..., n, n], and for each matrix 0 or the order of "
     "its "
     "first leading minor that is not positive. -> (L, info)"},
    {"linalg_cholesky", "(Tensor A, *, bool upper=False, Tensor? out=None)", cholesky_op, kFunction, Kind::Other,
     "The lower triangular L with A = L L^H (or the upper U with A = U^H U), [..., n, n]."},
    {"cholesky", "(Tensor input, bool upper=False" RL_OUT, cholesky_op, kBoth, Kind::Other,
     "The Cholesky factor; torch.linalg.cholesky is its successor."},
    {"cholesky_solve", "(Tensor B, Tensor L, bool upper=False" RL_OUT, cholesky_solve_op, kBoth, Kind::Other,
     "X with L L^H X = B (or U^H U X = B)."},
    {"cholesky_inverse", "(Tensor L, bool upper=False" RL_OUT, cholesky_inverse_op, kBoth, Kind::Other,
     "The inverse of L L^H (or U^H U)."},
    {"linalg_solve_triangular",
     "(Tensor A, Tensor B, *, bool upper, bool left=True, bool unitriangular=False, Tensor? out=None)",
     solve_triangular_op, kFunction, Kind::Other,
     "X with A X = B (X A = B where not `left`) for triangular A; the other triangle is not looked at."},
    {"triangular_solve", "(Tensor b, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False" RL_OUTS,
     old_triangular_solve_op, kBoth, Kind::Other,
     "X with A X = b (or A^T X = b) for triangular A, and a copy of A; torch.linalg.solve_triangular is its "
     "successor."},
    {"linalg_solve_ex", "(Tensor A, Tensor B, *, bool left=True, bool check_errors=False, Tensors? out=None)",
     solve_ex_op, kFunction, Kind::Other,
     "X with A X = B (X A = B where not `left`), and for each matrix 0 or the place of a zero pivot. -> (result, "
     "info)"},
    {"linalg_solve", "(Tensor A, Tensor B, *, bool left=True, Tensor? out=None)", solve_op, kFunction, Kind::Other,
     "The X with A X = B (X A = B where not `left`), A [..., n, n] invertible, B [..., n, k] or [..., n]."},
    {"linalg_inv_ex", "(Tensor A, *, bool check_errors=False, Tensors? out=None)", inv_ex_op, kFunction, Kind::Other,
     "The inverse of matrices [..., n, n], and for each of them 0 or the place of a zero pivot. -> (inverse, info)"},
    {"linalg_inv", "(Tensor A" RL_OUT, inv_op, kFunction, Kind::Other, "The inverse of matrices [..., n, n]."},
    {"inverse", "(Tensor input" RL_OUT, inv_op, kBoth, Kind::Other, "The inverse of matrices [..., n, n]."},
    {"linalg_lu_factor_ex", "(Tensor A, *, bool pivot=True, bool check_errors=False, Tensors? out=None)",
     lu_factor_ex_op, kFunction, Kind::Other,
     "The LU decomposition of matrices [..., m, n] packed in one, pivots, and 0 or the place of a zero pivot."},
    {"linalg_lu_factor", "(Tensor A, *, bool pivot=True, Tensors? out=None)", lu_factor_op, kFunction, Kind::Other,
     "The LU decomposition of matrices [..., m, n], packed in one, and the pivots, for lu_solve and lu_unpack."},
    {"linalg_lu", "(Tensor A, *, bool pivot=True, Tensors? out=None)", lu_op, kFunction, Kind::Other,
     "A = P L U for matrices [..., m, n]. -> (P, L, U)"},
    {"lu_unpack", "(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True" RL_OUTS,
     lu_unpack_op, kFunction, Kind::Other, "P, L and U of a packed LU decomposition."},
    {"linalg_lu_solve", "(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False, Tensor? out=None)",
     lu_solve_op, kFunction, Kind::Other,
     "X with A X = B (X A = B where not `left`, A^H where `adjoint`) from A's packed LU decomposition."},
    {"lu_solve", "(Tensor b, Tensor LU_data, Tensor LU_pivots" RL_OUT, old_lu_solve_op, kBoth, Kind::Other,
     "X with A X = b from A's packed LU decomposition; torch.linalg.lu_solve is its successor."},
    {"linalg_det", "(Tensor A" RL_OUT, det_op, kFunction, Kind::Other,
     "The determinant of matrices [..., n, n] -> [...]."},
    {"det", "(Tensor input)", det_op, kBoth, Kind::Other, "The determinant of matrices [..., n, n] -> [...]."},
    {"linalg_slogdet", "(Tensor A" RL_OUTS, slogdet_op, kFunction, Kind::Other,
     "Sign (or phase) and logarithm of the absolute value of the determinant of matrices [..., n, n]. -> (sign, "
     "logabsdet)"},
    {"slogdet", "(Tensor input" RL_OUTS, slogdet_op, kBoth, Kind::Other,
     "Sign and logarithm of the absolute value of the determinant; torch.linalg.slogdet's other name."},
    {"logdet", "(Tensor input)", logdet_op, kBoth, Kind::Other,
     "The logarithm of the determinant of matrices [..., n, n]: nan where it is negative, -inf where it is 0."},
    {"linalg_qr", "(Tensor A, str mode='reduced'" RL_OUTS, qr_op, kFunction, Kind::Other,
     "A = Q R for matrices [..., m, n]: Q with orthonormal columns, R upper triangular. `mode`: 'reduced', 'complete', "
     "or 'r' for R alone."},
    {"qr", "(Tensor input, bool some=True" RL_OUTS, old_qr_op, kBoth, Kind::Other,
     "The QR decomposition; torch.linalg.qr is its successor."},
    {"geqrf", "(Tensor input" RL_OUTS, geqrf_op, kBoth, Kind::Other,
     "The QR decomposition as LAPACK leaves it: R above, the reflectors below the diagonal, and their factors."},
    {"_linalg_orgqr", "(Tensor A, Tensor tau)", raw_orgqr_op, kFunction, Kind::Other,
     "The first columns of a product of reflections, without a derivative."},
    {"_linalg_ormqr", "(Tensor A, Tensor tau, Tensor C, bool left, bool transpose)", raw_ormqr_op, kFunction,
     Kind::Other, "A product of reflections times a matrix, without a derivative."},
    {"linalg_ldl_factor_ex", "(Tensor A, *, bool hermitian=False, bool check_errors=False, Tensors? out=None)",
     ldl_factor_op, kFunction, Kind::Other,
     "The LDL decomposition of symmetric (or Hermitian) matrices [..., n, n]. -> (LD, pivots, info)"},
    {"linalg_ldl_factor", "(Tensor A, *, bool hermitian=False, Tensors? out=None)", ldl_factor_op, kFunction,
     Kind::Other,
     "The LDL decomposition of symmetric (or Hermitian) matrices [..., n, n], for ldl_solve. -> (LD, pivots)"},
    {"linalg_ldl_solve", "(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False, Tensor? out=None)",
     ldl_solve_op, kFunction, Kind::Other, "X with A X = B from A's LDL decomposition."},
    {"linalg_svd", "(Tensor A, bool full_matrices=True, *, str? driver=None, Tensors? out=None)", svd_op, kFunction,
     Kind::Other,
     "The singular value decomposition A = U diag(S) Vh of matrices [..., m, n], S descending. -> (U, S, Vh)"},
    {"svd", "(Tensor input, bool some=True, bool compute_uv=True" RL_OUTS, old_svd_op, kBoth, Kind::Other,
     "The singular value decomposition input = U diag(S) V^H; torch.linalg.svd is its successor. -> (U, S, V)"},
    {"linalg_svdvals", "(Tensor A, *, str? driver=None, Tensor? out=None)", svdvals_op, kFunction, Kind::Other,
     "The singular values of matrices [..., m, n], descending: [..., min(m, n)]."},
    {"linalg_eigh", "(Tensor A, str UPLO='L'" RL_OUTS, eigh_op, kFunction, Kind::Other,
     "Eigenvalues, ascending, and eigenvectors of Hermitian matrices [..., n, n], of which one triangle is read."},
    {"linalg_eigvalsh", "(Tensor A, str UPLO='L'" RL_OUT, eigvalsh_op, kFunction, Kind::Other,
     "The eigenvalues, ascending, of Hermitian matrices [..., n, n] -> [..., n]."},
    {"linalg_multi_dot", "(Tensors tensors" RL_OUT, multi_dot_op, kFunction, Kind::Contraction,
     "The product of matrices in the order of least work; the first and the last may be vectors."},
    {"linalg_eig", "(Tensor A" RL_OUTS, eig_op, kFunction, Kind::Other,
     "Eigenvalues and eigenvectors (columns of norm 1), complex, of matrices [..., n, n]."},
    {"linalg_eigvals", "(Tensor A" RL_OUT, eigvals_op, kFunction, Kind::Other,
     "The eigenvalues, complex, of matrices [..., n, n] -> [..., n]."},
};
#undef RL_OUT
#undef RL_OUTS
const Register registered(ops);

}  // namespace
}  // namespace rl
