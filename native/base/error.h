// Errors as C++ exceptions that carry the Python type they become.
#pragma once

#include <cstdint>
#include <exception>
#include <sstream>
#include <string>
#include <utility>

namespace rl {

enum class ErrorKind { Runtime, Type, Value, Index, NotImplemented, Overflow, Attribute, Assertion };

struct Error : std::exception {
  ErrorKind kind;
  std::string message;
  Error(ErrorKind k, std::string m) : kind(k), message(std::move(m)) {}
  const char* what() const noexcept override { return message.c_str(); }
};

/// Thrown where a Python exception is already set: the boundary just returns it.
struct PythonError : std::exception {
  const char* what() const noexcept override { return "a Python exception is set"; }
};

/// Joins its arguments into one string.
template <class... A>
std::string cat(const A&... a) {
  std::ostringstream s;
  (s << ... << a);
  return std::move(s).str();
}

template <class... A>
[[noreturn, gnu::cold, gnu::noinline]] void fail(ErrorKind kind, const A&... a) {
  throw Error(kind, cat(a...));
}
template <class... A>
[[noreturn, gnu::cold, gnu::noinline]] void fail_runtime(const A&... a) {
  throw Error(ErrorKind::Runtime, cat(a...));
}
template <class... A>
[[noreturn, gnu::cold, gnu::noinline]] void fail_type(const A&... a) {
  throw Error(ErrorKind::Type, cat(a...));
}
template <class... A>
[[noreturn, gnu::cold, gnu::noinline]] void fail_value(const A&... a) {
  throw Error(ErrorKind::Value, cat(a...));
}
template <class... A>
[[noreturn, gnu::cold, gnu::noinline]] void fail_index(const A&... a) {
  throw Error(ErrorKind::Index, cat(a...));
}

}  // namespace rl
