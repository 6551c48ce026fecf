// Memory: free lists for small blocks, a bounded cache for large ones.
#pragma once

#include <cstddef>
#include <new>

namespace rl {

namespace detail {
struct FreeBlock {
  FreeBlock* next;
};
/// Free blocks of 16 * i bytes.
extern FreeBlock* small_lists[33];
void* small_refill(std::size_t size_class);
}  // namespace detail

/// A block of at least `bytes` bytes (1 to 512), 16-byte aligned, from a free list of its size class. The caller
/// holds the GIL; blocks are given back with the same size. Never null (throws std::bad_alloc).
inline void* small_alloc(std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  return ::operator new(bytes);  // so that the sanitizer sees each block's life
#else
  const std::size_t size_class = (bytes + 15) / 16;
  detail::FreeBlock* const block = detail::small_lists[size_class];
  if (block == nullptr) [[unlikely]]
    return detail::small_refill(size_class);
  detail::small_lists[size_class] = block->next;
  return block;
#endif
}
inline void small_free(void* p, std::size_t bytes) noexcept {
#if defined(__SANITIZE_ADDRESS__)
  ::operator delete(p);
#else
  detail::FreeBlock*& head = detail::small_lists[(bytes + 15) / 16];
  head = new (p) detail::FreeBlock{head};
#endif
}

/// A buffer for tensor data, 64-byte aligned, contents undefined. Freed ones are kept for reuse up to a bound
/// (RUSHLIGHT_CACHE_MB, default 512). Throws Error(Runtime) with PyTorch's words when there is not enough memory.
/// May be called from any thread; a buffer is given back with the size that was asked for.
void* buffer_alloc(std::size_t bytes);
void buffer_free(void* p, std::size_t bytes) noexcept;

/// Gives all cached buffers back to the system (but for those of at most 4 KiB, which live in slabs).
void empty_cache();
/// Bytes in buffers now in use, and bytes kept for reuse.
std::size_t buffer_bytes_in_use();
std::size_t buffer_bytes_cached();

}  // namespace rl
