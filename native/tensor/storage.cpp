#include "tensor/storage.h"

#include <cstring>

#include "base/alloc.h"
#include "base/error.h"

namespace rl {
std::size_t Storage::block_bytes(std::size_t bytes) {
  return sizeof(Storage) + (bytes > kSmallRoom && bytes <= kLargeRoom ? kLargeRoom : kSmallRoom);
}

Storage* Storage::create(std::size_t bytes) {
  const std::size_t block = block_bytes(bytes);
  // The buffer first: if there is none, nothing is left behind.
  char* buffer = bytes > kLargeRoom ? static_cast<char*>(buffer_alloc(bytes)) : nullptr;
  auto* s = static_cast<Storage*>(small_alloc(block));
  s->version = 0;
  s->refs_ = 1;
  s->bytes_ = bytes;
  s->kind_ = (block > sizeof(Storage) + kSmallRoom ? kLarge : 0) | (buffer ? kBuffer : 0);
  s->data_ = buffer ? buffer : s->inline_data();
  return s;
}

Storage* Storage::adopt(void* data, std::size_t bytes, Deleter deleter, void* context) {
  auto* s = static_cast<Storage*>(small_alloc(sizeof(Storage) + kSmallRoom));
  s->version = 0;
  s->refs_ = 1;
  s->bytes_ = bytes;
  s->kind_ = kForeign;
  s->data_ = static_cast<char*>(data);
  const Foreign foreign{deleter, context};
  std::memcpy(s->inline_data(), &foreign, sizeof foreign);
  return s;
}

void Storage::free_data() noexcept {
  if (kind_ & kBuffer) buffer_free(data_, bytes_);
  if (kind_ & kForeign) {
    Foreign foreign;
    std::memcpy(&foreign, inline_data(), sizeof foreign);
    if (foreign.deleter) foreign.deleter(foreign.context);
  }
}

void Storage::destroy() noexcept {
  const std::size_t block = sizeof(Storage) + (kind_ & kLarge ? kLargeRoom : kSmallRoom);
  free_data();
  small_free(this, block);
}

void Storage::resize(std::size_t bytes) {
  if (bytes == bytes_) return;
  if (kind_ & kForeign) {
    if (bytes > bytes_) fail_runtime("Trying to resize storage that is not resizable");
    return;
  }
  const std::size_t inline_room = kind_ & kLarge ? kLargeRoom : kSmallRoom;
  char* fresh = bytes <= inline_room ? inline_data() : static_cast<char*>(buffer_alloc(bytes));
  if (fresh != data_) {
    std::memcpy(fresh, data_, bytes < bytes_ ? bytes : std::size_t(bytes_));
    free_data();
  }
  kind_ = (kind_ & (kLarge | kSaved)) | (fresh == inline_data() ? 0 : kBuffer);
  data_ = fresh;
  bytes_ = bytes;
}

}  // namespace rl
