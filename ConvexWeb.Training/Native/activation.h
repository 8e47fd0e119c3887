// The activations that native layers take into their own pass.
#pragma once

#include <ATen/ATen.h>

#include <utility>

#include "simd.h"

namespace cw {

enum Activation : int64_t { kIdentity = 0, kRelu = 1, kElu = 2 };

// Comparisons stand so that NaN goes through: a network that diverged must not look as if it had not.
template <class T>
CW_INLINE Lanes<T> activate(Lanes<T> z, int64_t activation) {
  if (activation == kRelu) return z < T(0) ? Lanes<T>{} : z;
  if (activation == kElu) return elu<T>(z);
  return z;
}

// The derivative from the result: ELU's is y + 1 below 0.
template <class T>
CW_INLINE Lanes<T> slope(Lanes<T> y, int64_t activation) {
  const Lanes<T> one = splat(T(1));
  if (activation == kRelu) return y <= T(0) ? Lanes<T>{} : one;
  if (activation == kElu) return y > T(0) ? one : y + one;
  return one;
}

// From the gradient behind activation(z + bias) to those of z and of the bias [C]; g and y are [B, C, H, W] with the channels last.
std::pair<at::Tensor, at::Tensor> before_activation(const at::Tensor& g, const at::Tensor& y, int64_t activation);

}  // namespace cw
