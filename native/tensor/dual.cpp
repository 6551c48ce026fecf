#include "tensor/dual.h"

#include <memory>
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
  std::uint32_t birth = 0;
  bool batch = false;
};
using Levels = std::vector<Level>;

// The levels of each thread that has any, under the GIL. One that ends with levels open leaves them here, for a thread
// cannot free tensors when it ends.
std::vector<std::unique_ptr<Levels>>& threads() {
  static std::vector<std::unique_ptr<Levels>> all;
  return all;
}
thread_local Levels* own_levels = nullptr;
Levels& levels() {
  static Levels none;
  return own_levels != nullptr ? *own_levels : none;
}

/// A tensor with the flag dies, in whatever thread.
void forget(TensorObject* t) noexcept {
  std::vector<Tensor> last;  // freed in the end: that may free other tensors and run code that opens and closes levels
  for (const auto& each : threads()) {
    for (Level& level : *each) {
      if (const auto at = level.tangents.find(t); at != level.tangents.end()) {
        last.push_back(std::move(at->second));
        level.tangents.erase(at);
      }
    }
  }
}

/// The levels of other threads are not this thread's; to compute with their tensors would lose samples or tangents.
void check_no_other(TensorObject* t, bool batched) {
  for (const auto& theirs : threads()) {
    if (theirs.get() == own_levels) continue;
    for (const Level& level : *theirs) {
      if (batched && !level.handler) continue;
      for (TensorObject* o : {t, t->base}) {
        if (o == nullptr) continue;
        if (const auto at = level.tangents.find(o); at != level.tangents.end() && at->second.defined()) {
          fail_runtime("a tensor that another thread's ", level.batch ? "vmap" : "forward mode",
                       " made: it has a meaning in that thread only");
        }
      }
    }
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
  if (threads().size() > (own_levels != nullptr ? 1 : 0)) [[unlikely]]
    check_no_other(t, batched);
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
  if (own_levels == nullptr) own_levels = threads().emplace_back(std::make_unique<Levels>()).get();
  own_levels->push_back({{}, Object::borrow(handler), batch ? ++births : births, batch});
  ++dual_levels;
  return int(own_levels->size()) - 1;
}

void close_dual_level() {
  const Level last = std::move(levels().back());
  own_levels->pop_back();
  --dual_levels;
  if (!own_levels->empty()) return;
  std::erase_if(threads(), [](const auto& each) { return each.get() == own_levels; });
  own_levels = nullptr;
}

int own_dual_levels() { return int(levels().size()); }
bool born_within(TensorObject* t, int level) {
  return level >= 0 && level < own_dual_levels() && std::int32_t(t->born - levels()[std::size_t(level)].birth) >= 0;
}
bool is_batch_level(int level) { return levels()[std::size_t(level)].batch; }
PyObject* level_handler(int level) { return levels()[std::size_t(level)].handler.get(); }

int open_batch_level() {
  for (int i = std::min(dual_limit, int(levels().size())) - 1; i >= 0; --i) {
    if (levels()[std::size_t(i)].handler) return i;
  }
  return -1;
}

}  // namespace rl
