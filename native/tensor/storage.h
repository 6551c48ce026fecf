// The memory behind tensors, shared by views and counted by hand (under the GIL).
#pragma once

#include <cstddef>
#include <cstdint>

namespace rl {

/// A block of bytes with its count of references and of in-place changes. Up to 64 bytes of data lie inside the
/// block itself; larger data in a buffer of the allocator; foreign memory (NumPy, DLPack) with what frees it.
class Storage {
 public:
  using Deleter = void (*)(void* context);

  /// `bytes` of uninitialised memory.
  static Storage* create(std::size_t bytes);
  /// Memory owned by somebody else; `deleter(context)` runs with the last reference, with the GIL held.
  static Storage* adopt(void* data, std::size_t bytes, Deleter deleter, void* context);

  char* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }
  std::uint32_t refs() const { return refs_; }
  bool is_foreign() const { return kind_ & kForeign; }
  /// Some node has kept a tensor of this storage: changes in place are worth noting (NOTE [Lines of changes]).
  void mark_saved() { kind_ |= kSaved; }
  bool was_saved() const { return kind_ & kSaved; }
  void retain() { ++refs_; }
  void release() {
    if (--refs_ == 0) destroy();
  }
  /// Grows or shrinks, keeping what fits. Throws for foreign memory that would have to grow.
  void resize(std::size_t bytes);

  /// The version counter that tensors of this storage share (but for those made by `.data`).
  std::uint32_t version;

  /// Nobody else refers to it and its data lie inside of the block: a tensor that dies may keep it for the next one.
  bool is_reusable() const { return refs_ == 1 && (kind_ & (kBuffer | kForeign)) == 0; }
  bool has_large_room() const { return kind_ & kLarge; }
  /// Makes a reusable one as good as new. `bytes` must fit into its room.
  void reuse(std::size_t bytes) {
    version = 0;
    bytes_ = bytes;
  }
  static constexpr std::size_t kSmallRoom = 16;
  static constexpr std::size_t kLargeRoom = 64;

  /// What a storage of `bytes` takes besides a buffer of its own.
  static std::size_t block_bytes(std::size_t bytes);

 private:
  enum : std::uint8_t { kLarge = 1, kBuffer = 2, kForeign = 4, kSaved = 8 };
  struct Foreign {
    Deleter deleter;
    void* context;
  };
  void destroy() noexcept;
  void free_data() noexcept;
  char* inline_data() { return reinterpret_cast<char*>(this + 1); }

  std::uint32_t refs_;
  char* data_;
  std::size_t bytes_ : 56;
  std::size_t kind_ : 8;
};

}  // namespace rl
