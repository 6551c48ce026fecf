#include "tensor/dual.h"

#include <unordered_map>
#include <vector>

namespace rl {

int dual_levels = 0;
thread_local int dual_limit = 1 << 20;

namespace {

using Tangents = std::unordered_map<TensorObject*, Tensor>;
std::vector<Tangents>& levels() {
  static std::vector<Tangents> all;
  return all;
}

/// A tensor with the flag dies.
void forget(TensorObject* t) noexcept {
  for (std::size_t i = 0; i < levels().size(); ++i) {
    const auto at = levels()[i].find(t);
    if (at == levels()[i].end()) continue;
    const Tensor last = std::move(at->second);  // may free other tensors: the entry goes first
    levels()[i].erase(at);
  }
}

}  // namespace

int dual_level(TensorObject* t) {
  const bool own = t->has(kDual), of_base = t->base != nullptr && t->base->has(kDual);
  if (!own && !of_base) return -1;
  for (int i = std::min(dual_limit, int(levels().size())) - 1; i >= 0; --i) {
    const Tangents& level = levels()[std::size_t(i)];
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

bool find_tangent(TensorObject* t, int level, Tensor& tangent) {
  if (level < 0 || level >= int(levels().size()) || !t->has(kDual)) return false;
  const auto at = levels()[std::size_t(level)].find(t);
  if (at == levels()[std::size_t(level)].end()) return false;
  tangent = at->second;
  return true;
}

void set_tangent(const Tensor& t, int level, Tensor tangent) {
  if (level < 0 || level >= int(levels().size())) return;
  make_extra(t.get());  // the tensor is freed by the path that looks for the flag
  t->flags |= kDual;
  std::swap(levels()[std::size_t(level)][t.get()], tangent);
}

int open_dual_level() {
  forget_dual = forget;
  levels().emplace_back();
  dual_levels = int(levels().size());
  return dual_levels - 1;
}

void close_dual_level() {
  const Tangents last = std::move(levels().back());
  levels().pop_back();
  dual_levels = int(levels().size());
}

}  // namespace rl
