// The profiler's events. Nothing of it is on the path of an operator while no profiler runs: operators and slots are
// exchanged for ones that note their time when a profile begins, and put back when it ends.
#pragma once

#include "autograd/node.h"

namespace rl {

/// One event: from here to the end of the block. Does nothing while no profile runs.
class ProfileSpan {
 public:
  /// `args`: what the shapes of inputs are taken from.
  explicit ProfileSpan(std::string name, PyObject* const* args = nullptr, Py_ssize_t n = 0, std::int64_t sequence = -1);
  ~ProfileSpan();
  ProfileSpan(const ProfileSpan&) = delete;
  ProfileSpan& operator=(const ProfileSpan&) = delete;

  /// Counts the memory that the result alone holds.
  void result(PyObject* o);
  void result(const Tensor& t);

 private:
  std::int64_t index_ = -1;
  std::int64_t outer_ = -1;
  std::uint32_t session_ = 0;
};

void init_profiler(PyObject* module);

}  // namespace rl
