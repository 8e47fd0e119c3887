// Dropout on all threads. libtorch draws its random numbers one after the other; here the default generator gives one key for a call, and an element is kept or not
// by a hash of the key and its place. A seed gives the same masks again, and so does a generator's state from a checkpoint. Differentiable.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <mutex>

#include "guard.h"
#include "shim.h"
#include "simd.h"

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr int64_t kBlock = 1 << 14;

// An integer hash that changes every bit of its result with probability near one half when one bit of its argument changes (constants: C. Wellons, hash-prospector).
CW_INLINE uint32_t mixed(uint32_t h) {
  h ^= h >> 16;
  h *= 0x21f0aaadu;
  h ^= h >> 15;
  h *= 0x735a2d97u;
  return h ^ (h >> 15);
}

// y = x · scale where the hash is at least `dropped`, else 0.
template <class T>
CW_INLINE void mask(const T* x, T* y, int64_t n, uint32_t first, uint32_t low, uint32_t high, uint32_t dropped, T scale) {
  for (int64_t i = 0; i < n; i++) {
    const uint32_t h = mixed(mixed(first + static_cast<uint32_t>(i) + low) ^ high);
    y[i] = h >= dropped ? x[i] * scale : T(0);
  }
}

CW_CLONES void run_mask(const float* x, float* y, int64_t n, uint32_t f, uint32_t l, uint32_t h, uint32_t d, float s) { mask(x, y, n, f, l, h, d, s); }
CW_CLONES void run_mask(const double* x, double* y, int64_t n, uint32_t f, uint32_t l, uint32_t h, uint32_t d, double s) { mask(x, y, n, f, l, h, d, s); }

template <class T>
void mask_all(const at::Tensor& x, at::Tensor& y, double p, uint64_t key) {
  const T* in = x.data_ptr<T>();
  T* out = y.data_ptr<T>();
  const int64_t n = x.numel(), blocks = (n + kBlock - 1) / kBlock;
  const auto dropped = static_cast<uint32_t>(std::min(p * 4294967296.0, 4294967295.0));
  at::parallel_for(0, blocks, 4, [&](int64_t from, int64_t to) {
    for (int64_t b = from; b < to; b++) {
      const int64_t first = b * kBlock;
      // Beyond 2³² elements the block's number changes the key, not the place.
      const uint64_t k = key + (static_cast<uint64_t>(first) >> 32) * 0x9e3779b97f4a7c15ull;
      run_mask(in + first, out + first, std::min(kBlock, n - first), static_cast<uint32_t>(first), static_cast<uint32_t>(k), static_cast<uint32_t>(k >> 32), dropped,
               static_cast<T>(1 / (1 - p)));
    }
  });
}

at::Tensor masked(const at::Tensor& x, double p, uint64_t key) {
  auto y = at::empty_like(x);
  if (x.scalar_type() == at::kFloat) mask_all<float>(x, y, p, key);
  else mask_all<double>(x, y, p, key);
  return y;
}

struct Dropout : torch::autograd::Function<Dropout> {
  static Variable forward(AutogradContext* ctx, Variable given, double p) {
    const auto x = given.is_non_overlapping_and_dense() ? given : given.contiguous();
    uint64_t key;
    {
      auto generator = at::detail::getDefaultCPUGenerator();
      std::lock_guard<std::mutex> lock(generator.mutex());
      key = at::check_generator<at::CPUGeneratorImpl>(generator)->random64();
    }
    ctx->saved_data["p"] = p;
    ctx->saved_data["key"] = static_cast<int64_t>(key);
    ctx->saved_data["strides"] = x.strides().vec();
    return masked(x, p, key);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    auto g = grads[0];
    // Places are counted in memory: the gradient must lie as the value did.
    const auto strides = ctx->saved_data["strides"].toIntVector();
    if (g.strides() != at::IntArrayRef(strides)) g = at::empty_strided(g.sizes(), strides, g.options()).copy_(g);
    return {masked(g, ctx->saved_data["p"].toDouble(), static_cast<uint64_t>(ctx->saved_data["key"].toInt())), Variable()};
  }
};

}  // namespace

// Each element 0 with probability p, else x / (1 − p); 0 ≤ p < 1.
int32_t cw_dropout(void* x, double p, void** out) {
  return cw::guarded([&] {
    const auto& input = cw::tensor(x);
    cw::check_layer_input(input, "dropout");
    if (!(p >= 0 && p < 1)) throw std::invalid_argument("dropout takes a share from 0 to below 1");
    *out = cw::adopt(Dropout::apply(input, p));
  });
}
