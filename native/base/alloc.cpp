#include "base/alloc.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"

namespace rl {

// ---- small blocks ----

namespace detail {

FreeBlock* small_lists[33];

void* small_refill(std::size_t size_class) {
  constexpr std::size_t slab_bytes = 64 * 1024;
  const std::size_t step = size_class * 16, count = slab_bytes / step;
  char* const slab = static_cast<char*>(::operator new(slab_bytes, std::align_val_t(64)));
  // Linked in address order: what is made together lies together.
  FreeBlock* next = small_lists[size_class];
  for (std::size_t i = count; --i > 0;) next = new (slab + i * step) FreeBlock{next};
  small_lists[size_class] = next;
  return slab;
}

}  // namespace detail

// ---- buffers ----

namespace {

constexpr std::size_t kSmallMost = 4096;  // up to here: slabs and plain lists; above: one system block each
constexpr std::size_t kMapLeast = std::size_t(1) << 20;
constexpr std::size_t kHugePage = std::size_t(2) << 20;
constexpr std::size_t kHugeLeast = std::size_t(4) << 20;

class SpinLock {
 public:
  void lock() {
    for (int spins = 0; held_.exchange(true, std::memory_order_acquire);) {
      while (held_.load(std::memory_order_relaxed)) {
        if (++spins % 64 == 0) sched_yield();
      }
    }
  }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> held_{false};
};

struct Held {
  SpinLock& lock;
  explicit Held(SpinLock& l) : lock(l) { lock.lock(); }
  ~Held() { lock.unlock(); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
};

// Size classes: eight steps between powers of two (an eighth at most is wasted), at least 64 bytes apart.
// Class c >= 8 holds (8 + c % 8) << (c / 8 + 5) bytes; classes 0 to 7 hold 64 (c + 1).
constexpr int class_of(std::size_t bytes) {
  if (bytes <= 512) return bytes == 0 ? 0 : int((bytes - 1) / 64);
  const int shift = std::bit_width(bytes - 1) - 4;  // (bytes - 1) >> shift is 8 to 15
  return (shift - 6) * 8 + int((bytes - 1) >> shift);
}
constexpr std::size_t class_bytes(int c) {
  return c < 8 ? std::size_t(c + 1) * 64 : std::size_t(8 + c % 8 + 1) << (c / 8 + 5);
}
static_assert(class_bytes(class_of(512)) == 512 && class_bytes(class_of(513)) == 576 &&
              class_bytes(class_of(1024)) == 1024 && class_bytes(class_of(1025)) == 1152 &&
              class_bytes(class_of(4096)) == 4096 && class_bytes(class_of(1000000)) == 1048576);
constexpr int kSmallClasses = class_of(kSmallMost) + 1;
constexpr int kClasses = class_of(std::size_t(1) << 47) + 1;

struct SmallBuffers {
  SpinLock lock;
  detail::FreeBlock* lists[kSmallClasses] = {};
  std::size_t used[kSmallClasses] = {}, made[kSmallClasses] = {};
} small_buffers;

/// Stands at the start of a cached large buffer, in two lists: its size class's and the one of all by age.
struct Cached {
  Cached *older, *newer;  // of all
  Cached *below, *above;  // of its class: below was put there earlier
  std::size_t bytes;
};

struct LargeBuffers {
  SpinLock lock;
  Cached* top[kClasses] = {};
  Cached *oldest = nullptr, *newest = nullptr;
  std::size_t in_use = 0, cached = 0;

  void put(Cached* c, std::size_t bytes) {
    Cached*& head = top[class_of(bytes)];
    *c = {newest, nullptr, head, nullptr, bytes};
    (newest ? newest->newer : oldest) = c;
    newest = c;
    if (head) head->above = c;
    head = c;
    cached += bytes;
  }
  void take(Cached* c) {
    (c->older ? c->older->newer : oldest) = c->newer;
    (c->newer ? c->newer->older : newest) = c->older;
    if (c->below) c->below->above = c->above;
    (c->above ? c->above->below : top[class_of(c->bytes)]) = c->below;
    cached -= c->bytes;
  }
} large_buffers;

// A fork while another thread holds a lock would leave it held in the child for good.
[[maybe_unused]] const int fork_handlers =
    pthread_atfork([] { small_buffers.lock.lock(), large_buffers.lock.lock(); },
                   [] { large_buffers.lock.unlock(), small_buffers.lock.unlock(); },
                   [] { large_buffers.lock.unlock(), small_buffers.lock.unlock(); });

std::size_t cache_bound() {
  static const std::size_t bound = [] {
    const char* text = std::getenv("RUSHLIGHT_CACHE_MB");
    char* end = nullptr;
    const unsigned long long mb = text ? std::strtoull(text, &end, 10) : 0;
    const bool valid = text != nullptr && end != text && *text != '-';
    return std::size_t(std::min<unsigned long long>(valid ? mb : 512, 1u << 30)) << 20;
  }();
  return bound;
}

/// More than this is refused at once: a system that overcommits would grant it, and kill the process when it is used.
std::size_t most_bytes() {
  static const std::size_t most = [] {
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    const std::size_t limit = std::size_t(1) << 47;
    return pages > 0 && page > 0 ? std::min(limit, 4 * std::size_t(pages) * std::size_t(page)) : limit;
  }();
  return most;
}

void* system_alloc(std::size_t bytes) {
  if (bytes < kMapLeast) return std::aligned_alloc(64, bytes);
  const std::size_t extra = bytes >= kHugeLeast ? kHugePage : 0;
  void* const map = mmap(nullptr, bytes + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return nullptr;
  if (extra == 0) return map;
  // Cut so that the buffer begins at a huge page: fresh memory then costs one fault for 2 MiB, not 512.
  char* const begin = static_cast<char*>(map);
  const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(begin) % kHugePage) % kHugePage;
  if (before > 0) munmap(begin, before);
  if (extra > before) munmap(begin + before + bytes, extra - before);
#if defined(MADV_HUGEPAGE)
  madvise(begin + before, bytes, MADV_HUGEPAGE);
#endif
  return begin + before;
}

void system_free(void* p, std::size_t bytes) noexcept {
  if (bytes < kMapLeast)
    std::free(p);
  else
    munmap(p, bytes);
}

/// Frees the oldest cached buffers until at most `bound` bytes are kept.
void trim(std::size_t bound) noexcept {
  Cached* doomed = nullptr;  // linked by `newer`; freed without the lock
  {
    Held held(large_buffers.lock);
    while (large_buffers.cached > bound) {
      Cached* const c = large_buffers.oldest;
      large_buffers.take(c);
      c->newer = doomed;
      doomed = c;
    }
  }
  while (doomed != nullptr) {
    Cached* const c = doomed;
    doomed = c->newer;
    system_free(c, c->bytes);
  }
}

[[noreturn, gnu::cold, gnu::noinline]] void fail_memory(std::size_t bytes) {
  fail_runtime("DefaultCPUAllocator: can't allocate memory: you tried to allocate ", bytes,
               " bytes. Error code 12 (Cannot allocate memory)");
}

/// Cuts a slab into blocks of class `c`.
[[gnu::noinline]] void refill(int c, std::size_t asked) {
  const std::size_t step = class_bytes(c), slab_bytes = std::max<std::size_t>(16384, step * 16),
                    count = slab_bytes / step;
  char* const slab = static_cast<char*>(std::aligned_alloc(64, slab_bytes));
  if (slab == nullptr) fail_memory(asked);
  detail::FreeBlock* list = nullptr;
  for (std::size_t i = count; i-- > 1;) list = new (slab + i * step) detail::FreeBlock{list};
  detail::FreeBlock* const first = new (slab) detail::FreeBlock{list};
  detail::FreeBlock* last = first;
  while (last->next != nullptr) last = last->next;
  Held held(small_buffers.lock);
  last->next = small_buffers.lists[c];
  small_buffers.lists[c] = first;
  small_buffers.made[c] += count;
}

void* large_alloc(std::size_t asked) {
  if (asked > most_bytes()) fail_memory(asked);
  const int c = class_of(asked);
  const std::size_t bytes = class_bytes(c);
  {
    Held held(large_buffers.lock);
    Cached* const cached = large_buffers.top[c];
    large_buffers.in_use += bytes;
    if (cached != nullptr) {
      large_buffers.take(cached);
      return cached;
    }
  }
  void* p = system_alloc(bytes);
  if (p == nullptr) {
    trim(0);
    p = system_alloc(bytes);
  }
  if (p == nullptr) {
    {
      Held held(large_buffers.lock);
      large_buffers.in_use -= bytes;
    }
    fail_memory(asked);
  }
  return p;
}

}  // namespace

void* buffer_alloc(std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  // No cache: the sanitizer shall see each buffer's life and its exact end.
  void* const raw = bytes > most_bytes() ? nullptr : std::aligned_alloc(64, (bytes + 63) / 64 * 64 + (bytes == 0) * 64);
  if (raw == nullptr) fail_memory(bytes);
  return raw;
#else
  if (bytes > kSmallMost) return large_alloc(bytes);
  const int c = class_of(bytes);
  for (;;) {
    {
      Held held(small_buffers.lock);
      detail::FreeBlock* const block = small_buffers.lists[c];
      if (block != nullptr) [[likely]] {
        small_buffers.lists[c] = block->next;
        ++small_buffers.used[c];
        return block;
      }
    }
    refill(c, bytes);
  }
#endif
}

void buffer_free(void* p, std::size_t bytes) noexcept {
  if (p == nullptr) return;
#if defined(__SANITIZE_ADDRESS__)
  std::free(p);
#else
  if (bytes <= kSmallMost) {
    const int c = class_of(bytes);
    Held held(small_buffers.lock);
    small_buffers.lists[c] = new (p) detail::FreeBlock{small_buffers.lists[c]};
    --small_buffers.used[c];
    return;
  }
  bytes = class_bytes(class_of(bytes));
  const std::size_t bound = cache_bound();
  bool over = false;
  {
    Held held(large_buffers.lock);
    large_buffers.in_use -= bytes;
    if (bytes <= bound) {
      large_buffers.put(new (p) Cached, bytes);
      over = large_buffers.cached > bound;
    }
  }
  if (bytes > bound)
    system_free(p, bytes);
  else if (over)
    trim(bound);
#endif
}

void empty_cache() { trim(0); }

std::size_t buffer_bytes_in_use() {
  std::size_t sum = 0;
  {
    Held held(small_buffers.lock);
    for (int c = 0; c < kSmallClasses; ++c) sum += small_buffers.used[c] * class_bytes(c);
  }
  Held held(large_buffers.lock);
  return sum + large_buffers.in_use;
}

std::size_t buffer_bytes_cached() {
  std::size_t sum = 0;
  {
    Held held(small_buffers.lock);
    for (int c = 0; c < kSmallClasses; ++c) sum += (small_buffers.made[c] - small_buffers.used[c]) * class_bytes(c);
  }
  Held held(large_buffers.lock);
  return sum + large_buffers.cached;
}

}  // namespace rl
