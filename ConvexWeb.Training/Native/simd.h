// Vectors of 64 bytes that GCC maps to what the processor has, and the few functions that the native layers need on them.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

// A function marked so is compiled three times; the loader takes what the processor can run.
#define CW_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define CW_INLINE inline __attribute__((always_inline))
// For a lambda: left to itself it would be compiled once, for the oldest processor.
#define CW_INLINED __attribute__((always_inline))

namespace cw {

template <class T>
struct LanesOf {
  typedef T type __attribute__((vector_size(64)));
};
template <class T>
using Lanes = typename LanesOf<T>::type;
template <class T>
constexpr int64_t kLanes = 64 / sizeof(T);

template <class T>
CW_INLINE Lanes<T> load(const T* p) {
  Lanes<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <class T>
CW_INLINE void store(T* p, Lanes<T> v) {
  __builtin_memcpy(p, &v, sizeof v);
}

template <class T>
CW_INLINE Lanes<T> splat(T value) {
  return value - Lanes<T>{};
}

template <class T>
CW_INLINE double total(const T& v) {
  double sum = 0;
  for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) sum += v[i];
  return sum;
}

template <class T>
struct Whole {
  CW_INLINE Lanes<T> load(const T* p) const { return cw::load(p); }
  CW_INLINE void store(T* p, Lanes<T> v) const { cw::store(p, v); }
};

// The last, shorter vector: zeros are read beyond its end.
template <class T>
struct Part {
  int64_t count;
  CW_INLINE Lanes<T> load(const T* p) const {
    Lanes<T> v{};
    for (int64_t i = 0; i < count; i++) v[i] = p[i];
    return v;
  }
  CW_INLINE void store(T* p, Lanes<T> v) const {
    for (int64_t i = 0; i < count; i++) p[i] = v[i];
  }
};

// body(i, part) for every vector of n elements; part loads and stores at i.
template <class T, class Body>
CW_INLINE void for_lanes(int64_t n, Body&& body) {
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) body(i, Whole<T>{});
  if (i < n) body(i, Part<T>{n - i});
}

// eˣ − 1 for x ≤ 0, to about one unit in the last place: x = n·ln 2 + r, |r| ≤ ln 2 / 2; eʳ − 1 by its series; eˣ − 1 = 2ⁿ(eʳ − 1) + (2ⁿ − 1).
CW_INLINE Lanes<float> expm1_below_zero(Lanes<float> x) {
  typedef int32_t Bits __attribute__((vector_size(64)));
  // Below −88 the result is −1 to the last bit, and 2ⁿ would leave the range.
  x = x < -87.0f ? -87.0f - Lanes<float>{} : x;
  constexpr float kRound = 12582912.0f;  // 1.5 · 2²³: added, it leaves the nearest integer in the low bits
  const Lanes<float> shifted = x * 1.44269504f + kRound;
  const Lanes<float> n = shifted - kRound;
  const Lanes<float> r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  Lanes<float> p = splat(1.0f / 5040);
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r * r + r;
  const Bits exponent = ((Bits)shifted - (Bits)splat(kRound) + 127) << 23;
  const Lanes<float> scale = (Lanes<float>)exponent;
  return scale * p + (scale - 1.0f);
}

CW_INLINE Lanes<double> expm1_below_zero(Lanes<double> x) {
  for (int64_t i = 0; i < kLanes<double>; i++) x[i] = x[i] < 0 ? std::expm1(x[i]) : x[i];
  return x;
}

template <class T>
CW_INLINE Lanes<T> elu(Lanes<T> x) {
  return x < T(0) ? expm1_below_zero(x) : x;
}

}  // namespace cw
