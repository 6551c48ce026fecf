// Rows of maxima and averages over sliding windows.
//
// Both are taken along the last dimension first, once for each row of the image, and then across the rows that a window
// spans: 3 + 3 steps for a window of 3 by 3 instead of 9. The reduced rows that may be needed again are kept in slots.
// A row of the image is first copied into lines with room for the padding, one line for each remainder of the column by
// the stride; so every step reads vectors from consecutive memory, whatever the stride.
//
// A maximum is the first of the largest elements, or the last nan. Both rules may be applied to rows first: the rows of
// a window come in the order of its elements.
#include <limits>

#include "kernels/lanes.h"
#include "kernels/level.h"

namespace rl {
namespace {

template <class T>
struct Computed {
  using type = T;
};
template <>
struct Computed<half_t> {
  using type = float;
};
template <>
struct Computed<bfloat16_t> {
  using type = float;
};
template <class T>
  requires std::is_integral_v<T>
struct Computed<T> {
  using type = std::int64_t;
};
template <class C>
using Place = std::conditional_t<sizeof(C) == 4, std::int32_t, std::int64_t>;

/// Takes arrays from a block of memory; without one it only counts.
struct Carver {
  char* base;
  std::int64_t used = 0;
  template <class T>
  T* take(std::int64_t n) {
    T* const p = base == nullptr ? nullptr : reinterpret_cast<T*>(base + used);
    used += (n * std::int64_t(sizeof(T)) + 63) / 64 * 64;
    return p;
  }
};

template <class C>
constexpr C lowest() {
  if constexpr (std::is_floating_point_v<C>)
    return -std::numeric_limits<C>::infinity();
  else
    return std::numeric_limits<C>::min();
}

/// What maxima and averages share: T in memory, C in registers.
template <class T, class C, bool Places>
struct Rows {
  static constexpr int N = kLanes<C>;
  using V = Lanes<C>;
  using P = Place<C>;
  using VP = Lanes<P, N>;

  const PoolJob& job;
  Carver memory;
  const Windows &w0, &w1, &w2;
  bool lines = false;               // the fast way along the last dimension
  std::int64_t width;               // results of a row, rounded up to whole vectors
  std::int64_t phases = 1, line_n;  // how many lines there are, and their length
  std::int64_t lead = 0;            // elements of a line before the row's first
  std::int64_t ring0, ring1, slot_n, slot_lead = 0;
  C* line;
  std::int64_t* tag;  // which row a slot holds
  C* slots;
  P* slot_places;
  std::int64_t* taps;    // Even: where a line is read for each element of a window
  P* first;              // of each result: its window's first column
  std::int64_t* bounds;  // not `lines`: where each window begins and ends; null where planes differ
  std::int64_t* spans;   // of each line: the first and last but one of its elements that hold the row
  const C** rows;        // the reduced rows of one result row
  const P** row_places;  // and their places
  C* share;              // of each column: what it is divided by, without the other dimensions' part

  static std::int64_t whole(std::int64_t n) { return (n + N - 1) / N * N; }

  Rows(const PoolJob& j, char* scratch, C filler, bool averages)
      : job(j), memory{scratch}, w0(j.w[0]), w1(j.w[1]), w2(j.w[2]) {
    width = whole(w2.out);
    slot_n = width;
    line_n = whole(w2.in);
    if (w2.kind == Windows::Even) {
      lines = true;
      phases = w2.stride;
      lead = w2.pad;
      line_n = whole(width + (w2.kernel - 1) * w2.step / phases + 1);
    } else if (w2.kind == Windows::Covering) {
      lines = true;
      lead = (w2.kernel - 1) / w2.stride;
      slot_lead = w2.pad;
      const std::int64_t each = whole((w2.out + w2.pad) / w2.stride + 1);
      line_n = each + lead + N;
      if (line_n < whole(w2.in + lead)) line_n = whole(w2.in + lead);
      slot_n = each * w2.stride + N;
    }
    // Windows or strides much longer than rows would make long lines of which little is used.
    if (w2.kernel > 256 || phases * line_n > 4 * (w2.in + 4 * N) + 2048) lines = false;
    if (!lines) phases = 1, lead = 0, slot_lead = 0, slot_n = width, line_n = whole(w2.in);
    ring1 = w1.reach();
    ring0 = w0.reach();
    if (ring0 > 1) ring1 = w1.in;
    line = memory.take<C>(phases * line_n + N);
    tag = memory.take<std::int64_t>(ring0 * ring1);
    slots = memory.take<C>(ring0 * ring1 * slot_n + N);
    slot_places = memory.take<P>(Places ? ring0 * ring1 * slot_n : 0);
    taps = memory.take<std::int64_t>(lines && w2.kind == Windows::Even ? w2.kernel : 0);
    first = memory.take<P>(Places ? width : 0);
    const bool listed = w2.kind == Windows::Listed;
    bounds = memory.take<std::int64_t>(lines || listed ? 0 : 2 * w2.out);
    spans = memory.take<std::int64_t>(2 * phases);
    rows = memory.take<const C*>(ring0 * ring1);
    row_places = memory.take<const P*>(Places ? ring0 * ring1 : 0);
    share = memory.take<C>(averages ? (job.spread ? whole(w2.in) : width) : 0);
    if (scratch == nullptr) return;
    for (std::int64_t i = 0; i < ring0 * ring1; ++i) tag[i] = -1;
    for (std::int64_t i = 0; i < phases * line_n; ++i) line[i] = filler;
    if (lines && w2.kind == Windows::Even) {
      std::int64_t phase = 0, column = 0;
      const std::int64_t across = w2.step % phases, along = w2.step / phases;
      for (std::int64_t k = 0; k < w2.kernel; ++k) {
        taps[k] = phase * line_n + column;
        phase += across, column += along;
        if (phase >= phases) phase -= phases, ++column;
      }
    }
    if (lines || listed) bounds = nullptr;
    for (std::int64_t o = 0; bounds != nullptr && o < w2.out; ++o) {
      bounds[2 * o] = w2.low(o);
      bounds[2 * o + 1] = w2.high(o);
    }
    for (std::int64_t phase = 0; phase < phases; ++phase) {
      // Column i stands at i + lead = j * phases + phase. What lies behind the last window's reach is not needed, and
      // there may be no room for it.
      const std::int64_t room = w2.in + lead - phase, j1 = room <= 0 ? 0 : (room + phases - 1) / phases;
      spans[2 * phase] = phase >= lead ? 0 : (lead - phase + phases - 1) / phases;
      spans[2 * phase + 1] = j1 < line_n ? j1 : line_n;
    }
  }
  std::int64_t low(std::int64_t o, std::int64_t plane) const {
    return bounds != nullptr ? bounds[2 * o] : w2.low(o, plane);
  }
  std::int64_t high(std::int64_t o, std::int64_t plane) const {
    return bounds != nullptr ? bounds[2 * o + 1] : w2.high(o, plane);
  }

  /// A row of the image into the lines; element i is given by at(i).
  template <class F>
  void load(F&& at) {
    for (std::int64_t phase = 0; phase < phases; ++phase) {
      const std::int64_t j0 = spans[2 * phase], j1 = spans[2 * phase + 1], from = phase - lead;
      C* const to = line + phase * line_n;
      if (phases == 1) {
        for (std::int64_t j = j0; j < j1; ++j) to[j] = at(j + from);
      } else if (phases == 2) {
        for (std::int64_t j = j0; j < j1; ++j) to[j] = at(2 * j + from);
      } else {
        for (std::int64_t j = j0; j < j1; ++j) to[j] = at(phases * j + from);
      }
    }
  }

  /// Lists the reduced rows that result row (o0, o1) of a plane is made of, and gives their number. Calls make(slot,
  /// row, plane) for those whose slot holds another one; `row` is the row's number in the plane.
  template <class M>
  std::int64_t gather(std::int64_t plane, std::int64_t o0, std::int64_t o1, M&& make) {
    const std::int64_t low0 = w0.low(o0, plane), high0 = w0.high(o0, plane);
    const std::int64_t low1 = w1.low(o1, plane), high1 = w1.high(o1, plane);
    std::int64_t n = 0;
    const std::int64_t turn = ring1 == w1.in || low1 >= high1 ? low1 : low1 % ring1;  // a slow instruction
    for (std::int64_t i0 = low0; i0 < high0; i0 += w0.step) {
      const std::int64_t first_slot = (ring0 == w0.in ? i0 : i0 % ring0) * ring1;
      std::int64_t place = turn;
      for (std::int64_t i1 = low1; i1 < high1; i1 += w1.step, place += w1.step) {
        if (place >= ring1) place -= ring1;
        const std::int64_t row = i0 * w1.in + i1, id = plane * w0.in * w1.in + row;
        const std::int64_t slot = first_slot + place;
        if (tag[slot] != id) {
          make(slot, row, plane);
          tag[slot] = id;
        }
        rows[n] = slots + slot * slot_n + slot_lead;
        if constexpr (Places) row_places[n] = slot_places + slot * slot_n;
        ++n;
      }
    }
    return n;
  }

  static C as_computed(T v) {
    if constexpr (is_half_v<T>)
      return float(v);
    else
      return C(v);
  }
  const T* row_of_image(std::int64_t plane, std::int64_t row) const {
    return static_cast<const T*>(job.in) + (plane * w0.in * w1.in + row) * w2.in;
  }

  /// The first m elements of a vector to memory.
  static void store(T* to, V v, std::int64_t m) {
    if constexpr (std::is_same_v<T, C>) {
      if (m == N)
        store_lanes(to, v);
      else
        store_lanes(to, v, m);
    } else {
      for (std::int64_t i = 0; i < m; ++i) to[i] = T(v[i]);
    }
  }
};

template <class V>
inline auto beats(V v, V best) {
  return (v > best) | (v != v);
}

template <class T, bool Places>
std::int64_t max_rows_of(const PoolJob& job, std::int64_t begin, std::int64_t end, char* scratch) {
  using C = typename Computed<T>::type;
  using R = Rows<T, C, Places>;
  using V = typename R::V;
  using VP = typename R::VP;
  using P = typename R::P;
  constexpr int N = R::N;
  R r(job, scratch, lowest<C>(), false);
  if (scratch == nullptr) return r.memory.used;
  const Windows &w0 = r.w0, &w1 = r.w1, &w2 = r.w2;
  const std::int64_t per_plane = w0.out * w1.out;
  if constexpr (Places) {
    for (std::int64_t o = 0; o < r.width; ++o) {
      // A window without an element still needs a place inside the image.
      const std::int64_t at = w2.kind == Windows::Even ? w2.low(o < w2.out ? o : 0) : 0;
      r.first[o] = P(at < w2.in ? at : w2.in - 1);
    }
  }
  VP steps{};
  for (int i = 0; i < N; ++i) steps[i] = P(i * w2.stride);
  const V none = V{} + lowest<C>();

  const auto reduce = [&](std::int64_t slot, std::int64_t row, std::int64_t plane) {
    const T* const image = r.row_of_image(plane, row);
    C* const best_row = r.slots + slot * r.slot_n;
    P* const place_row = Places ? r.slot_places + slot * r.slot_n : nullptr;
    const P base = P(row * w2.in);
    if (r.lines) {
      r.load([&](std::int64_t i) { return R::as_computed(image[i]); });
      for (std::int64_t j = 0; j < r.width; j += N) {
        V best = none;
        VP at{};
        if constexpr (Places) at = load_lanes<VP>(r.first + j);
        VP column = steps + P(j * w2.stride - w2.pad);
        for (std::int64_t k = 0; k < w2.kernel; ++k) {
          const V v = load_lanes<V>(r.line + r.taps[k] + j);
          const auto take = beats(v, best);
          best = take ? v : best;
          if constexpr (Places) {
            at = take ? column : at;
            column += P(w2.step);
          }
        }
        store_lanes(best_row + j, best);
        if constexpr (Places) store_lanes(place_row + j, at + base);
      }
      return;
    }
    for (std::int64_t o = 0; o < w2.out; ++o) {
      C best = lowest<C>();
      const std::int64_t low = r.low(o, plane), high = r.high(o, plane);
      P at = P(low < w2.in ? low : w2.in - 1);
      for (std::int64_t i = low; i < high; i += w2.step) {
        const C v = R::as_computed(image[i]);
        const bool take = (v > best) | (v != v);  // no branch: nobody can foretell it
        best = take ? v : best;
        at = take ? P(i) : at;
      }
      best_row[o] = best;
      if constexpr (Places) place_row[o] = at + base;
    }
  };

  std::int64_t plane = begin / per_plane, o0 = begin % per_plane / w1.out, o1 = begin % w1.out;
  const auto next = [&] {
    if (++o1 < w1.out) return;
    o1 = 0;
    if (++o0 < w0.out) return;
    o0 = 0;
    ++plane;
  };
  for (std::int64_t row = begin; row < end; ++row, next()) {
    const std::int64_t n = r.gather(plane, o0, o1, reduce);
    T* const to = static_cast<T*>(job.out) + row * w2.out;
    std::int64_t* const where = Places ? job.where + row * w2.out : nullptr;
    for (std::int64_t j = 0; j < w2.out; j += N) {
      const std::int64_t m = w2.out - j < N ? w2.out - j : N;
      V best = n > 0 ? load_lanes<V>(r.rows[0] + j) : none;
      VP at{};
      if constexpr (Places) {
        if (n > 0) at = load_lanes<VP>(r.row_places[0] + j);
      }
      for (std::int64_t k = 1; k < n; ++k) {
        const V v = load_lanes<V>(r.rows[k] + j);
        const auto take = beats(v, best);
        best = take ? v : best;
        if constexpr (Places) at = take ? load_lanes<VP>(r.row_places[k] + j) : at;
      }
      R::store(to + j, best, m);
      if constexpr (Places) {
        P places[N];
        store_lanes(places, at);
        if (m == N) {
          for (int i = 0; i < N; ++i) where[j + i] = places[i];
        } else {
          for (std::int64_t i = 0; i < m; ++i) where[j + i] = places[i];
        }
      }
    }
  }
  return 0;
}

template <class T>
std::int64_t max_rows(const PoolJob& job, std::int64_t begin, std::int64_t end, char* scratch) {
  return job.where != nullptr ? max_rows_of<T, true>(job, begin, end, scratch)
                              : max_rows_of<T, false>(job, begin, end, scratch);
}

template <class T>
std::int64_t average_rows(const PoolJob& job, std::int64_t begin, std::int64_t end, char* scratch) {
  using C = typename Computed<T>::type;
  using R = Rows<T, C, false>;
  using V = typename R::V;
  constexpr int N = R::N;
  R r(job, scratch, C(0), true);
  if (scratch == nullptr) return r.memory.used;
  const Windows &w0 = r.w0, &w1 = r.w1, &w2 = r.w2;
  const std::int64_t per_plane = w0.out * w1.out;
  const auto divisor = [&](int d, std::int64_t o) {
    return job.divisor != 0 ? std::int64_t(1) : job.share[d].count(o, job.padded);
  };
  const C whole = job.divisor != 0 ? C(job.divisor) : C(1);
  const std::int64_t shares = job.spread ? w2.in : w2.out;
  for (std::int64_t o = 0; o < R::whole(shares); ++o) r.share[o] = o < shares ? C(divisor(2, o)) * whole : C(1);

  const auto reduce = [&](std::int64_t slot, std::int64_t row, std::int64_t plane) {
    const T* const image = r.row_of_image(plane, row);
    C* const sums = r.slots + slot * r.slot_n;
    const C part = job.spread ? C(divisor(0, row / w1.in) * divisor(1, row % w1.in)) : C(1);
    const auto element = [&](std::int64_t i) {
      const C v = R::as_computed(image[i]);
      return job.spread ? C(v / (r.share[i] * part)) : v;
    };
    if (!r.lines) {
      // The quotients are made once, the windows may share them.
      r.load(element);
      for (std::int64_t o = 0; o < w2.out; ++o) {
        C sum = 0;
        const std::int64_t high = r.high(o, plane);
        for (std::int64_t i = r.low(o, plane); i < high; i += w2.step) sum += r.line[i];
        sums[o] = sum;
      }
      return;
    }
    if (job.spread)
      r.load([&](std::int64_t i) { return C(R::as_computed(image[i]) / (r.share[i] * part)); });
    else
      r.load([&](std::int64_t i) { return R::as_computed(image[i]); });
    if (w2.kind == Windows::Even) {
      for (std::int64_t j = 0; j < r.width; j += N) {
        V sum = load_lanes<V>(r.line + r.taps[0] + j);
        for (std::int64_t k = 1; k < w2.kernel; ++k) sum += load_lanes<V>(r.line + r.taps[k] + j);
        store_lanes(sums + j, sum);
      }
      return;
    }
    // Element i of the image stands at i + pad = j * stride + phase, and is held by the results j, j - 1, …
    const std::int64_t stride = w2.stride, last = (w2.out + w2.pad - 1) / stride + 1;
    for (std::int64_t j = 0; j < last; j += N) {
      V even{};
      for (std::int64_t phase = 0; phase < stride; ++phase) {
        V sum{};
        for (std::int64_t k = (w2.kernel - 1 - phase) / stride; k >= 0 && phase + k * stride < w2.kernel; --k) {
          sum += load_lanes<V>(r.line + r.lead + j - k);
        }
        if (stride == 1) {
          store_lanes(sums + j, sum);
        } else if (stride == 2) {
          if (phase == 0) {
            even = sum;
          } else {
            C a[N], b[N];
            store_lanes(a, even);
            store_lanes(b, sum);
            C* const to = sums + 2 * j;
            for (int i = 0; i < N; ++i) to[2 * i] = a[i], to[2 * i + 1] = b[i];
          }
        } else {
          for (int i = 0; i < N; ++i) sums[(j + i) * stride + phase] = sum[i];
        }
      }
    }
  };

  std::int64_t plane = begin / per_plane, o0 = begin % per_plane / w1.out, o1 = begin % w1.out;
  const auto next = [&] {
    if (++o1 < w1.out) return;
    o1 = 0;
    if (++o0 < w0.out) return;
    o0 = 0;
    ++plane;
  };
  for (std::int64_t row = begin; row < end; ++row, next()) {
    const std::int64_t n = r.gather(plane, o0, o1, reduce);
    T* const to = static_cast<T*>(job.out) + row * w2.out;
    const C part = job.spread ? C(1) : C(divisor(0, o0) * divisor(1, o1));
    for (std::int64_t j = 0; j < w2.out; j += N) {
      const std::int64_t m = w2.out - j < N ? w2.out - j : N;
      V sum{};
      for (std::int64_t k = 0; k < n; ++k) sum += load_lanes<V>(r.rows[k] + j);
      if constexpr (std::is_integral_v<C>) {
        // One by one: what stands beyond the row must not be divided, and the least number has no opposite.
        for (std::int64_t i = 0; i < m; ++i) {
          const C d = r.share[j + i] * part;
          to[j + i] = T(d == -1 ? C(0 - std::uint64_t(sum[i])) : sum[i] / d);
        }
      } else {
        if (!job.spread) sum = sum / (load_lanes<V>(r.share + j) * part);
        R::store(to + j, sum, m);
      }
    }
  }
  return 0;
}

template <class... T>
void fill_max(PoolTable& t) {
  ((t.max[int(dtype_of<T>())] = max_rows<T>), ...);
}
template <class... T>
void fill_average(PoolTable& t) {
  ((t.average[int(dtype_of<T>())] = average_rows<T>), ...);
}

}  // namespace

void fill_pool(PoolTable& t) {
  fill_max<std::uint8_t, std::int8_t, std::int16_t, std::int32_t, std::int64_t, half_t, bfloat16_t, float, double>(t);
  fill_average<std::int64_t, half_t, bfloat16_t, float, double>(t);
}

}  // namespace rl
