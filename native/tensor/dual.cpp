#include "tensor/dual.h"

#include <unordered_map>
#include <vector>

namespace rl {

int dual_levels = 0;
thread_local int dual_limit = 1 << 20;

namespace {

using Tangents = std::unordered_map<TensorObject*, Tensor>;
struct Level {
  Tangents tangents;
  Object handler;
  unsigned long thread = 0;
  bool batch = false;
};
std::vector<Level>& levels() {
  static std::vector<Level> all;
  return all;
}

/// A tensor with the flag dies.
void forget(TensorObject* t) noexcept {
  for (std::size_t i = 0; i < levels().size(); ++i) {
    Tangents& of = levels()[i].tangents;
    const auto at = of.find(t);
    if (at == of.end()) continue;
    const Tensor last = std::move(at->second);  // may free other tensors: the entry goes first
    of.erase(at);
  }
}

int highest(TensorObject* t, bool batched) {
  const bool own = t->has(kDual), of_base = t->base != nullptr && t->base->has(kDual);
  if (!own && !of_base) return -1;
  for (int i = std::min(dual_limit, int(levels().size())) - 1; i >= 0; --i) {
    if (batched && !levels()[std::size_t(i)].handler) continue;
    const Tangents& level = levels()[std::size_t(i)].tangents;
    if (own) {
      if (const auto at = level.find(t); at != level.end()) {
        if (at->second.defined()) return i;
        continue;
      }
    }
    if (of_base) {
      if (const auto at = level.find(t->base); at != level.end() && at->second.defined()) return i;
    }
  }
  return -1;
}

}  // namespace

int dual_level(TensorObject* t) { return highest(t, false); }
int batch_level(TensorObject* t) { return highest(t, true); }

bool find_tangent(TensorObject* t, int level, Tensor& tangent) {
  if (level < 0 || level >= int(levels().size()) || !t->has(kDual)) return false;
  const Tangents& of = levels()[std::size_t(level)].tangents;
  const auto at = of.find(t);
  if (at == of.end()) return false;
  tangent = at->second;
  return true;
}

void set_tangent(const Tensor& t, int level, Tensor tangent) {
  if (level < 0 || level >= int(levels().size())) return;
  make_extra(t.get());  // the tensor is freed by the path that looks for the flag
  t->flags |= kDual;
  std::swap(levels()[std::size_t(level)].tangents[t.get()], tangent);
}

int open_dual_level(PyObject* handler, bool batch) {
  forget_dual = forget;
  levels().push_back({{}, Object::borrow(handler), PyThread_get_thread_ident(), batch});
  dual_levels = int(levels().size());
  return dual_levels - 1;
}

void close_dual_level() {
  const Level last = std::move(levels().back());
  levels().pop_back();
  dual_levels = int(levels().size());
}

bool is_batch_level(int level) { return levels()[std::size_t(level)].batch; }
PyObject* level_handler(int level) { return levels()[std::size_t(level)].handler.get(); }

int open_batch_level() {
  for (int i = std::min(dual_limit, int(levels().size())) - 1; i >= 0; --i) {
    const Level& level = levels()[std::size_t(i)];
    if (level.handler && level.thread == PyThread_get_thread_ident()) return i;
  }
  return -1;
}

}  // namespace rl
