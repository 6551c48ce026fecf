// Memory: free lists for small blocks, a bounded cache for large ones.
#pragma once

#include <cstddef>

namespace rl {

/// A block of at least `bytes` bytes (1 to 512), 16-byte aligned, from a free list of its size class. The caller
/// holds the GIL; blocks are given back with the same size. Never null (throws std::bad_alloc).
void* small_alloc(std::size_t bytes);
void small_free(void* p, std::size_t bytes) noexcept;

/// A buffer for tensor data, 64-byte aligned, contents undefined. Freed ones are kept for reuse up to a bound
/// (RUSHLIGHT_CACHE_MB, default 512). Throws Error(Runtime) with PyTorch's words when there is not enough memory.
/// May be called from any thread.
void* buffer_alloc(std::size_t bytes);
void buffer_free(void* p, std::size_t bytes) noexcept;

/// Gives all cached buffers back to the system.
void empty_cache();
/// Bytes in buffers now in use, and bytes kept for reuse.
std::size_t buffer_bytes_in_use();
std::size_t buffer_bytes_cached();

}  // namespace rl
