// Memory for the length of a call, used by drivers.
#pragma once

#include <cstdint>

#include "base/alloc.h"

namespace rl {

class Scratch {
 public:
  explicit Scratch(std::int64_t bytes) : bytes_(std::size_t(bytes)), p_(bytes ? buffer_alloc(bytes_) : nullptr) {}
  ~Scratch() {
    if (p_) buffer_free(p_, bytes_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  char* get() const { return static_cast<char*>(p_); }

 private:
  std::size_t bytes_;
  void* p_;
};

}  // namespace rl
