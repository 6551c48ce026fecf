// Shapes and strides: short runs of int64 without a heap.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "base/alloc.h"
#include "base/error.h"

namespace rl {

using Dims = std::span<const std::int64_t>;

/// The most dimensions a tensor can have (PyTorch's own iterators stop at the same number).
inline constexpr int kMaxDims = 64;

/// A run of at most kMaxDims integers on the stack; only `size()` of them are initialised.
class DimVec {
 public:
  DimVec() = default;
  explicit DimVec(std::size_t n, std::int64_t value) { resize(n, value); }
  DimVec(std::initializer_list<std::int64_t> v) : DimVec(Dims(v.begin(), v.size())) {}
  DimVec(Dims v) { assign(v); }  // NOLINT: a copy of a view
  DimVec(const DimVec& o) { assign(o); }
  DimVec& operator=(const DimVec& o) {
    if (this != &o) assign(o);
    return *this;
  }

  void assign(Dims v) {
    check(v.size());
    n_ = v.size();
    std::copy(v.begin(), v.end(), v_);
  }
  void resize(std::size_t n, std::int64_t value = 0) {
    check(n);
    for (std::size_t i = n_; i < n; ++i) v_[i] = value;
    n_ = n;
  }
  void push_back(std::int64_t v) {
    check(n_ + 1);
    v_[n_++] = v;
  }
  void pop_back() { --n_; }
  void insert(std::size_t at, std::int64_t v) {
    check(n_ + 1);
    std::copy_backward(v_ + at, v_ + n_, v_ + n_ + 1);
    v_[at] = v;
    ++n_;
  }
  void erase(std::size_t at) {
    std::copy(v_ + at + 1, v_ + n_, v_ + at);
    --n_;
  }
  std::size_t size() const { return n_; }
  bool empty() const { return n_ == 0; }
  std::int64_t* data() { return v_; }
  const std::int64_t* data() const { return v_; }
  std::int64_t& operator[](std::size_t i) { return v_[i]; }
  std::int64_t operator[](std::size_t i) const { return v_[i]; }
  std::int64_t* begin() { return v_; }
  std::int64_t* end() { return v_ + n_; }
  const std::int64_t* begin() const { return v_; }
  const std::int64_t* end() const { return v_ + n_; }
  std::int64_t& back() { return v_[n_ - 1]; }
  operator Dims() const { return {v_, n_}; }  // NOLINT: a view of itself

 private:
  static void check(std::size_t n) {
    if (n > std::size_t(kMaxDims))
      fail_runtime("a tensor has at most ", kMaxDims, " dimensions, but ", n, " were asked for");
  }
  std::size_t n_ = 0;
  std::int64_t v_[kMaxDims];
};

/// Sizes or strides to be kept: up to four inside the object, more in a block of their own. Set once by `assign`.
class DimList {
 public:
  DimList() = default;
  DimList(const DimList&) = delete;
  DimList& operator=(const DimList&) = delete;
  DimList& operator=(const DimVec& v) {
    assign(v);
    return *this;
  }
  ~DimList() { clear(); }

  void assign(Dims v) {
    clear();
    if (v.size() > kInside) heap_ = static_cast<std::int64_t*>(small_alloc(v.size() * sizeof(std::int64_t)));
    n_ = std::uint32_t(v.size());
    std::copy(v.begin(), v.end(), const_cast<std::int64_t*>(data()));
  }
  std::size_t size() const { return n_; }
  bool empty() const { return n_ == 0; }
  const std::int64_t* data() const { return n_ > kInside ? heap_ : inside_; }
  const std::int64_t* begin() const { return data(); }
  const std::int64_t* end() const { return data() + n_; }
  std::int64_t operator[](std::size_t i) const { return data()[i]; }
  operator Dims() const { return {data(), n_}; }  // NOLINT: a view of itself

 private:
  static constexpr std::uint32_t kInside = 4;
  static_assert(kMaxDims * sizeof(std::int64_t) <= 512, "a block of small_alloc");
  void clear() noexcept {
    if (n_ > kInside) small_free(heap_, n_ * sizeof(std::int64_t));
    n_ = 0;
  }
  std::uint32_t n_ = 0;
  union {
    std::int64_t inside_[kInside];
    std::int64_t* heap_;
  };
};

inline bool same(Dims a, Dims b) {
  // A loop: the library's comparison is a function call, which costs more than a few words.
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

/// The product of sizes, for sizes known to fit.
inline std::int64_t product(Dims sizes) {
  std::int64_t n = 1;
  for (auto s : sizes) n *= s;
  return n;
}

/// Row-major strides in elements; a dimension of size 0 counts as 1, as in PyTorch.
inline DimVec contiguous_strides(Dims sizes) {
  DimVec strides;
  strides.resize(sizes.size());
  std::int64_t step = 1;
  for (std::size_t i = sizes.size(); i-- > 0;) {
    strides[i] = step;
    step *= std::max<std::int64_t>(sizes[i], 1);
  }
  return strides;
}

/// "[2, 3]"
inline std::string str(Dims v) {
  std::string s = "[";
  for (std::size_t i = 0; i < v.size(); ++i) s += (i ? ", " : "") + std::to_string(v[i]);
  return s + "]";
}

}  // namespace rl
