// Elements to unsigned keys whose order is the order asked for, and back.
#include "kernels/sort.h"
#include "kernels/level.h"

namespace rl {
namespace {

using std::int64_t;

// For a 16-bit float the key is that of the float it converts to: it has only 16 significant bits, and the sort
// skips digits that all keys share.
template <class T>
struct Plain {
  using type = T;
};
template <>
struct Plain<half_t> {
  using type = float;
};
template <>
struct Plain<bfloat16_t> {
  using type = float;
};
template <>
struct Plain<bool> {
  using type = std::uint8_t;
};
template <class T>
using Key = std::conditional_t<(sizeof(T) > 4), std::uint64_t, std::uint32_t>;

template <class T>
inline Key<T> key_of(T v) {
  using K = Key<T>;
  constexpr K sign = K(1) << (sizeof(K) * 8 - 1);
  if constexpr (std::is_floating_point_v<T>) {
    const K bits = __builtin_bit_cast(K, T(v + T(0)));  // -0 + 0 is 0
    const K key = bits & sign ? ~bits : bits | sign;
    return v != v ? ~K(0) : key;
  } else if constexpr (std::is_signed_v<T>) {
    return K(std::make_signed_t<K>(v)) ^ sign;
  } else {
    return K(v);
  }
}

template <class T>
void encode(const char* in, int64_t stride, int64_t n, bool descending, void* keys) {
  using P = typename Plain<T>::type;
  using K = Key<P>;
  K* out = static_cast<K*>(keys);
  const K flip = descending ? ~K(0) : K(0);
  const auto one = [&](const T* p) { return K(key_of(P(*p)) ^ flip); };
  if (stride == int64_t(sizeof(T))) {
    const T* x = reinterpret_cast<const T*>(in);
    for (int64_t i = 0; i < n; ++i) out[i] = one(x + i);
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = one(reinterpret_cast<const T*>(in + i * stride));
  }
}

template <class T>
void decode(const void* keys, const std::uint32_t* order, int64_t n, bool descending, const char* in, int64_t in_stride,
            char* out, int64_t out_stride) {
  if constexpr (is_half_v<T> || std::is_same_v<T, bool>) {
    for (int64_t i = 0; i < n; ++i)
      __builtin_memcpy(out + i * out_stride, in + int64_t(order[i]) * in_stride, sizeof(T));
  } else {
    using K = Key<T>;
    constexpr K sign = K(1) << (sizeof(K) * 8 - 1);
    const K* k = static_cast<const K*>(keys);
    const K flip = descending ? ~K(0) : K(0);
    for (int64_t i = 0; i < n; ++i) {
      const K key = k[i] ^ flip;
      T v;
      if constexpr (std::is_floating_point_v<T>) {
        if (key == sign || key == ~K(0))
          __builtin_memcpy(&v, in + int64_t(order[i]) * in_stride, sizeof v);
        else
          v = __builtin_bit_cast(T, K(key & sign ? key ^ sign : ~key));
      } else if constexpr (std::is_signed_v<T>) {
        v = T(key ^ sign);
      } else {
        v = T(key);
      }
      __builtin_memcpy(out + i * out_stride, &v, sizeof v);
    }
  }
}

template <class T>
void fill(SortTable& t) {
  t.encode[int(dtype_of<T>())] = encode<T>;
  t.decode[int(dtype_of<T>())] = decode<T>;
}

}  // namespace

void fill_sort(SortTable& t) {
  fill<bool>(t);
  fill<std::uint8_t>(t);
  fill<std::int8_t>(t);
  fill<std::int16_t>(t);
  fill<std::int32_t>(t);
  fill<int64_t>(t);
  fill<half_t>(t);
  fill<bfloat16_t>(t);
  fill<float>(t);
  fill<double>(t);
}

}  // namespace rl
