// A step of an optimiser over a whole group of parameters in one call.
#include <cmath>

#include "ops/ops.h"
#include "python/bind.h"

namespace rl {
namespace {

/// What one parameter's step works on. Nothing is owned: the group's list and the optimiser's state hold it.
struct Job {
  TensorObject *param, *grad;
  TensorObject* state[kStepStates];
  TensorObject *step, *product;
};

/// Its elements can be taken in the order of memory, and changing them means nothing to any history but its own.
bool is_plain(const TensorObject* t, DType d) { return t->dtype == d && t->base == nullptr && !t->has(kInference); }

bool same_layout(TensorObject* a, TensorObject* b) {
  if (a->ndim != b->ndim || a->numel != b->numel) return false;
  if (!same(Dims(a->sizes(), a->ndim), Dims(b->sizes(), b->ndim))) return false;
  if (a->has(kContiguous) && b->has(kContiguous)) return true;
  return same(Dims(a->strides(), a->ndim), Dims(b->strides(), b->ndim)) &&
         is_dense(Dims(a->sizes(), a->ndim), Dims(a->strides(), a->ndim));
}

/// A number that counts steps: a 0-dim tensor of a floating dtype of its own.
bool is_counter(const TensorObject* t) {
  return t->ndim == 0 && (t->dtype == DType::Float || t->dtype == DType::Double) && t->base == nullptr &&
         !t->has(kInference) && !t->has(kRequiresGrad);
}
double counter(const TensorObject* t) {
  return t->dtype == DType::Float ? double(*reinterpret_cast<float*>(t->data()))
                                  : *reinterpret_cast<double*>(t->data());
}
void set_counter(TensorObject* t, double value) {
  if (t->dtype == DType::Float)
    *reinterpret_cast<float*>(t->data()) = float(value);
  else
    *reinterpret_cast<double*>(t->data()) = value;
  t->bump_version();
}

/// The tensor of this name in a parameter's state; null if there is none.
TensorObject* entry(PyObject* state, PyObject* name) {
  PyObject* found = PyDict_GetItemWithError(state, name);
  if (found == nullptr && PyErr_Occurred()) throw PythonError();
  return found != nullptr && is_tensor(found) ? reinterpret_cast<TensorObject*>(found) : nullptr;
}

/// The numbers of a step that depend on how many there were, from the options `o` (see _KERNELS in Python).
void constants(Step kind, const double* o, double step, TensorObject* product, double* c, unsigned& flags) {
  switch (kind) {
    case Step::Sgd:  // weight decay, momentum, dampening, lr
      c[0] = o[0], c[1] = o[1], c[2] = 1 - o[2], c[3] = -o[3];
      break;
    case Step::Adam: {  // weight decay, beta1, beta2, eps, lr, decoupled decay
      c[0] = o[0], c[1] = 1 - o[1], c[2] = o[2], c[3] = 1 - o[2], c[5] = o[3];
      c[4] = std::sqrt(1 - std::pow(o[2], step));
      c[6] = -(o[4] / (1 - std::pow(o[1], step)));
      c[7] = 1 - o[4] * o[5];
      break;
    }
    case Step::RmsProp:  // weight decay, alpha, eps, lr, momentum
      c[0] = o[0], c[1] = o[1], c[2] = 1 - o[1], c[3] = o[2], c[4] = -o[3], c[5] = o[4];
      break;
    case Step::Adagrad:  // weight decay, eps, lr, decay of lr
      c[0] = o[0], c[1] = o[1], c[2] = -(o[2] / (1 + (step - 1) * o[3]));
      break;
    case Step::Adadelta:  // weight decay, rho, eps, lr
      c[0] = o[0], c[1] = o[1], c[2] = 1 - o[1], c[3] = o[2], c[4] = -o[3];
      break;
    case Step::Adamax:  // weight decay, beta1, beta2, eps, lr
      c[0] = o[0], c[1] = 1 - o[1], c[2] = o[2], c[3] = o[3], c[4] = -(o[4] / (1 - std::pow(o[1], step)));
      break;
    case Step::RAdam: {  // weight decay, beta1, beta2, eps, lr, decoupled decay
      const double power = std::pow(o[2], step), second = 1 - power;
      const double limit = 2 / (1 - o[2]) - 1, length = limit - 2 * step * power / second;
      c[0] = o[0], c[1] = 1 - o[1], c[2] = o[2], c[3] = 1 - o[2], c[4] = o[3];
      c[5] = -(o[4] / (1 - std::pow(o[1], step)));
      c[7] = 1 - o[4] * o[5];
      if (length > 5) {
        flags |= kExtra;
        c[6] =
            std::sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)) * std::sqrt(second);
      }
      break;
    }
    case Step::NAdam: {  // weight decay, beta1, beta2, eps, lr, decoupled decay, decay of the momentum
      const double mu = o[1] * (1. - 0.5 * std::pow(0.96, step * o[6]));
      const double next = o[1] * (1. - 0.5 * std::pow(0.96, (step + 1) * o[6]));
      // The product is rounded to its dtype, as the tensor is that holds it.
      set_counter(product,
                  product->dtype == DType::Float ? double(float(counter(product)) * float(mu)) : counter(product) * mu);
      const double all = counter(product);
      c[0] = flags & kDecay ? o[0] : 1 - o[4] * o[5];
      c[1] = 1 - o[1], c[2] = o[2], c[3] = 1 - o[2], c[4] = 1 - std::pow(o[2], step), c[5] = o[3];
      c[6] = -o[4] * (1. - mu) / (1. - all);
      c[7] = -o[4] * next / (1. - all * next);
      break;
    }
  }
}

/// (kind, params, state, names, options, flags) -> done. `names`: of the counter ("" if there is none), of the product
/// of momenta ("" likewise), then of the states. False, with nothing changed, where some parameter is no plain one or
/// lacks its state.
PyObject* step_op(const OpDef&, Args& a) {
  const auto kind = Step(a.integer(0));
  PyObject *params = a.v[1], *states = a.v[2], *names = a.v[3], *options = a.v[4];
  const auto flags = unsigned(a.integer(5));
  if (!PyList_CheckExact(params) || !PyDict_Check(states) || !PyTuple_Check(names) || !PyTuple_Check(options) ||
      int(kind) >= kSteps || PyTuple_GET_SIZE(names) < 2 || PyTuple_GET_SIZE(names) > 2 + kStepStates ||
      PyTuple_GET_SIZE(options) > kStepConstants)
    Py_RETURN_FALSE;
  double o[kStepConstants] = {};
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(options); ++i) {
    o[i] = PyFloat_AsDouble(PyTuple_GET_ITEM(options, i));
    if (o[i] == -1 && PyErr_Occurred()) throw PythonError();
  }
  PyObject* const counter_name = PyTuple_GET_ITEM(names, 0);
  PyObject* const product_name = PyTuple_GET_ITEM(names, 1);
  const bool counted = PyUnicode_GetLength(counter_name) > 0, with_product = PyUnicode_GetLength(product_name) > 0;
  const int n_states = int(PyTuple_GET_SIZE(names)) - 2;

  const Py_ssize_t n = PyList_GET_SIZE(params);
  std::vector<Job> jobs;
  jobs.reserve(std::size_t(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* object = PyList_GET_ITEM(params, i);
    if (!is_tensor(object) || takes_over(object)) Py_RETURN_FALSE;
    Job job{reinterpret_cast<TensorObject*>(object), nullptr, {}, nullptr, nullptr};
    job.grad = job.param->grad;
    if (job.grad == nullptr) continue;
    const DType d = job.param->dtype;
    if ((d != DType::Float && d != DType::Double) || !is_plain(job.param, d) || job.param->has(kHasGradFn))
      Py_RETURN_FALSE;
    if (job.grad->dtype != d || !same_layout(job.param, job.grad)) Py_RETURN_FALSE;
    if (n_states > 0 || counted) {
      PyObject* own = PyDict_GetItemWithError(states, object);
      if (own == nullptr && PyErr_Occurred()) throw PythonError();
      if (own == nullptr || !PyDict_Check(own)) Py_RETURN_FALSE;
      for (int k = 0; k < n_states; ++k) {
        TensorObject* t = job.state[k] = entry(own, PyTuple_GET_ITEM(names, 2 + k));
        if (t == nullptr || !is_plain(t, d) || t->has(kRequiresGrad) || !same_layout(job.param, t)) Py_RETURN_FALSE;
      }
      if (counted && ((job.step = entry(own, counter_name)) == nullptr || !is_counter(job.step))) Py_RETURN_FALSE;
      if (with_product && ((job.product = entry(own, product_name)) == nullptr || !is_counter(job.product)))
        Py_RETURN_FALSE;
    }
    jobs.push_back(job);
  }

  double c[kStepConstants] = {}, last = -1;
  unsigned chosen = flags;
  for (const Job& job : jobs) {
    double step = 0;
    if (counted) {
      set_counter(job.step, counter(job.step) + 1);
      step = counter(job.step);
    }
    // Mostly all have made the same number of steps.
    if (step != last || with_product) {
      chosen = flags;
      constants(kind, o, step, job.product, c, chosen);
      last = step;
    }
    const OptimTable& table = kernels->optim;
    const StepLoop run = (job.param->dtype == DType::Float ? table.single : table.twice)[int(kind)];
    const std::int64_t size = job.param->numel;
    char* const base[] = {job.param->data(), job.grad->data()};
    const int item = itemsize(job.param->dtype);
    parallel_for(size, kGrain, [&](std::int64_t begin, std::int64_t end) {
      void* part[kStepStates] = {};
      for (int k = 0; k < n_states; ++k) part[k] = job.state[k]->data() + begin * item;
      run(base[0] + begin * item, base[1] + begin * item, part, end - begin, c, chosen);
    });
    const Borrowed changed(reinterpret_cast<PyObject*>(job.param));
    finish_inplace(changed, nullptr);
    for (int k = 0; k < n_states; ++k) job.state[k]->bump_version();
  }
  Py_RETURN_TRUE;
}

/// Takes the gradients of a list of tensors away.
PyObject* clear_op(const OpDef&, Args& a) {
  PyObject* params = a.v[0];
  if (!PyList_CheckExact(params)) fail_type("expected a list of tensors");
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(params); ++i) {
    PyObject* object = PyList_GET_ITEM(params, i);
    if (!is_tensor(object)) fail_type("expected a list of tensors");
    if (takes_over(object)) {
      if (PyObject_SetAttrString(object, "grad", Py_None) < 0) throw PythonError();
      continue;
    }
    auto* t = reinterpret_cast<TensorObject*>(object);
    Py_XDECREF(reinterpret_cast<PyObject*>(std::exchange(t->grad, nullptr)));
  }
  Py_RETURN_NONE;
}

const OpDef ops[] = {
    {"_optim_step", "(int kind, any params, any state, any names, any options, int flags)", step_op, kFunction,
     Kind::Query, "A step of an optimiser over a group; False, with nothing changed, where it takes operators."},
    {"_clear_grads", "(any params)", clear_op, kFunction, Kind::Query, "Sets .grad of all tensors of a list to None."},
};
const Register registered(ops);

}  // namespace
}  // namespace rl
