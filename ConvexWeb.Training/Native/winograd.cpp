// 3 × 3 convolutions with stride 1 and padding 1 by Winograd's minimal filtering F(2×2, 3×3) (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016):
// 16 products for four pixels where the definition has 36, forward and for both gradients. Bias and activation in the same pass.
// The transforms only add and halve, so the rounding is that of an ordinary convolution. Pixels lie with their channels together in memory.
// Differentiable; the plain operators in Execution.cs are its reference.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "activation.h"
#include "blas.h"
#include "guard.h"
#include "shim.h"

namespace {

using namespace cw;
using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

constexpr int64_t kPlanes = 16;
// So many tiles at a time: what they become stays in the second-level cache between transform and product.
constexpr int64_t kTiles = 128;

// An image batch as tiles of 2 × 2 pixels, the last ones of a row or column perhaps cut.
struct Tiling {
  int64_t batch, height, width, rows, columns;

  explicit Tiling(const at::Tensor& x) : batch(x.size(0)), height(x.size(2)), width(x.size(3)), rows((height + 1) / 2), columns((width + 1) / 2) {}

  int64_t count() const { return batch * rows * columns; }
  int64_t chunks() const { return (count() + kTiles - 1) / kTiles; }

  // body(tile within the chunk, image, its first row, its first column)
  template <class Body>
  void for_chunk(int64_t chunk, Body&& body) const {
    const int64_t first = chunk * kTiles, end = std::min(count(), first + kTiles);
    for (int64_t t = first; t < end; t++) body(t - first, t / (rows * columns), t / columns % rows * 2, t % columns * 2);
  }

  int64_t size_of(int64_t chunk) const { return std::min(count(), (chunk + 1) * kTiles) - chunk * kTiles; }

  template <class T>
  T* pixel(T* image, int64_t n, int64_t y, int64_t x, int64_t channels, T* outside) const {
    return y < 0 || y >= height || x < 0 || x >= width ? outside : image + ((n * height + y) * width + x) * channels;
  }
};

// Bᵀ d B of the 4 × 4 pixels around a tile, for every channel; plane p of the result at out + p · stride.
template <class T>
CW_INLINE void input_of(const T* const (&d)[16], T* out, int64_t stride, int64_t channels) {
  for_lanes<T>(channels, [&](int64_t c, auto part) CW_INLINED {
    Lanes<T> t[16];
    for (int j = 0; j < 4; j++) {
      const Lanes<T> a = part.load(d[j] + c), b = part.load(d[4 + j] + c), e = part.load(d[8 + j] + c), f = part.load(d[12 + j] + c);
      t[j] = a - e;
      t[4 + j] = b + e;
      t[8 + j] = e - b;
      t[12 + j] = b - f;
    }
    for (int i = 0; i < 4; i++) {
      const Lanes<T>*r = t + 4 * i;
      T* o = out + 4 * i * stride + c;
      part.store(o, r[0] - r[2]);
      part.store(o + stride, r[1] + r[2]);
      part.store(o + 2 * stride, r[2] - r[1]);
      part.store(o + 3 * stride, r[1] - r[3]);
    }
  });
}

// Aᵀ m A, bias and activation: 16 planes become the tile's 2 × 2 pixels.
template <class T>
CW_INLINE void output_of(const T* m, int64_t stride, T* const (&y)[4], const T* bias, int64_t activation, int64_t channels) {
  for_lanes<T>(channels, [&](int64_t c, auto part) CW_INLINED {
    Lanes<T> s[8];
    for (int j = 0; j < 4; j++) {
      const Lanes<T> a = part.load(m + j * stride + c), b = part.load(m + (4 + j) * stride + c), e = part.load(m + (8 + j) * stride + c), f = part.load(m + (12 + j) * stride + c);
      s[j] = a + b + e;
      s[4 + j] = b - e - f;
    }
    const Lanes<T> start = part.load(bias + c);
    for (int i = 0; i < 2; i++) {
      const Lanes<T>*r = s + 4 * i;
      part.store(y[2 * i] + c, activate<T>(r[0] + r[1] + r[2] + start, activation));
      part.store(y[2 * i + 1] + c, activate<T>(r[1] - r[2] - r[3] + start, activation));
    }
  });
}

// A g Aᵀ: the gradient of a tile's 2 × 2 pixels as 16 planes.
template <class T>
CW_INLINE void gradient_of(const T* const (&g)[4], T* out, int64_t stride, int64_t channels) {
  for_lanes<T>(channels, [&](int64_t c, auto part) CW_INLINED {
    Lanes<T> t[8];
    for (int j = 0; j < 2; j++) {
      const Lanes<T> a = part.load(g[j] + c), b = part.load(g[2 + j] + c);
      t[j] = a;
      t[2 + j] = a + b;
      t[4 + j] = a - b;
      t[6 + j] = -b;
    }
    for (int i = 0; i < 4; i++) {
      const Lanes<T> a = t[2 * i], b = t[2 * i + 1];
      T* o = out + 4 * i * stride + c;
      part.store(o, a);
      part.store(o + stride, a + b);
      part.store(o + 2 * stride, a - b);
      part.store(o + 3 * stride, -b);
    }
  });
}

// G w Gᵀ, elementwise over n filters: 9 taps become 16 planes, each n apart.
template <class T>
CW_INLINE void filter_of(const T* w, T* out, int64_t n, int64_t from, int64_t to) {
  const T half = T(0.5);
  for_lanes<T>(to - from, [&](int64_t at, auto part) CW_INLINED {
    const int64_t c = from + at;
    Lanes<T> t[12];
    for (int j = 0; j < 3; j++) {
      const Lanes<T> a = part.load(w + j * n + c), b = part.load(w + (3 + j) * n + c), e = part.load(w + (6 + j) * n + c);
      t[j] = a;
      t[3 + j] = half * (a + b + e);
      t[6 + j] = half * (a - b + e);
      t[9 + j] = e;
    }
    for (int i = 0; i < 4; i++) {
      const Lanes<T>*r = t + 3 * i;
      T* o = out + 4 * i * n + c;
      part.store(o, r[0]);
      part.store(o + n, half * (r[0] + r[1] + r[2]));
      part.store(o + 2 * n, half * (r[0] - r[1] + r[2]));
      part.store(o + 3 * n, r[2]);
    }
  });
}

// Gᵀ u G, the way back: the sum of `threads` times 16 planes becomes 9 taps.
template <class T>
CW_INLINE void taps_of(const T* u, T* w, int64_t n, int64_t threads, int64_t from, int64_t to) {
  const T half = T(0.5);
  for_lanes<T>(to - from, [&](int64_t at, auto part) CW_INLINED {
    const int64_t c = from + at;
    const auto plane = [&](int p) CW_INLINED {
      Lanes<T> sum = part.load(u + p * n + c);
      for (int64_t k = 1; k < threads; k++) sum += part.load(u + (k * kPlanes + p) * n + c);
      return sum;
    };
    Lanes<T> t[12];
    for (int j = 0; j < 4; j++) {
      const Lanes<T> a = plane(j), b = plane(4 + j), e = plane(8 + j), f = plane(12 + j);
      t[j] = a + half * (b + e);
      t[4 + j] = half * (b - e);
      t[8 + j] = half * (b + e) + f;
    }
    for (int i = 0; i < 3; i++) {
      const Lanes<T>*r = t + 4 * i;
      T* o = w + 3 * i * n + c;
      part.store(o, r[0] + half * (r[1] + r[2]));
      part.store(o + n, half * (r[1] - r[2]));
      part.store(o + 2 * n, half * (r[1] + r[2]) + r[3]);
    }
  });
}

#define CW_KERNELS(T)                                                                                                                                    \
  CW_CLONES void run_input(const T* const (&d)[16], T* o, int64_t s, int64_t c) { input_of(d, o, s, c); }                                                \
  CW_CLONES void run_output(const T* m, int64_t s, T* const (&y)[4], const T* b, int64_t a, int64_t c) {                                                 \
    if (a == kRelu) output_of(m, s, y, b, kRelu, c);                                                                                                     \
    else if (a == kElu) output_of(m, s, y, b, kElu, c);                                                                                                  \
    else output_of(m, s, y, b, kIdentity, c);                                                                                                            \
  }                                                                                                                                                      \
  CW_CLONES void run_gradient(const T* const (&g)[4], T* o, int64_t s, int64_t c) { gradient_of(g, o, s, c); }                                           \
  CW_CLONES void run_filter(const T* w, T* o, int64_t n, int64_t f, int64_t t) { filter_of(w, o, n, f, t); }                                             \
  CW_CLONES void run_taps(const T* u, T* w, int64_t n, int64_t k, int64_t f, int64_t t) { taps_of(u, w, n, k, f, t); }
CW_KERNELS(float)
CW_KERNELS(double)

// The planes of one chunk, not cleared: all that is read of them was written before.
template <class T>
std::unique_ptr<T[]> scratch(int64_t channels) {
  return std::unique_ptr<T[]>(new T[kPlanes * kTiles * channels]);
}

template <class T>
void read_inputs(const Tiling& tiling, int64_t chunk, const T* x, const T* zeros, T* planes, int64_t channels) {
  tiling.for_chunk(chunk, [&](int64_t t, int64_t n, int64_t y, int64_t left) {
    const T* d[16];
    for (int i = 0; i < 16; i++) d[i] = tiling.pixel(x, n, y - 1 + i / 4, left - 1 + i % 4, channels, zeros);
    run_input(d, planes + t * channels, kTiles * channels, channels);
  });
}

// y = activation(x ∗ filter + bias); filter [3, 3, C, K].
template <class T>
void convolve(const at::Tensor& x, const at::Tensor& filter, const at::Tensor& bias, int64_t activation, at::Tensor& y) {
  const Tiling tiling(x);
  const int64_t from_channels = x.size(1), to_channels = y.size(1), size = from_channels * to_channels;
  auto planes = at::empty({kPlanes, size}, filter.options());
  const T *taps = filter.data_ptr<T>(), *in = x.data_ptr<T>(), *start = bias.data_ptr<T>();
  T *u = planes.data_ptr<T>(), *out = y.data_ptr<T>();
  at::parallel_for(0, size, 4096, [&](int64_t from, int64_t to) { run_filter(taps, u, size, from, to); });
  at::parallel_for(0, tiling.chunks(), 1, [&](int64_t from, int64_t to) {
    const std::vector<T> zeros(from_channels, T(0));
    std::vector<T> beyond(to_channels);
    const auto v = scratch<T>(from_channels), m = scratch<T>(to_channels);
    for (int64_t chunk = from; chunk < to; chunk++) {
      read_inputs(tiling, chunk, in, zeros.data(), v.get(), from_channels);
      for (int64_t p = 0; p < kPlanes; p++)
        gemm<T>(kAsIs, kAsIs, tiling.size_of(chunk), to_channels, from_channels, v.get() + p * kTiles * from_channels, u + p * size, 0, m.get() + p * kTiles * to_channels);
      tiling.for_chunk(chunk, [&](int64_t t, int64_t n, int64_t top, int64_t left) {
        T* places[4];
        for (int i = 0; i < 4; i++) places[i] = tiling.pixel(out, n, top + i / 2, left + i % 2, to_channels, beyond.data());
        run_output(m.get() + t * to_channels, kTiles * to_channels, places, start, activation, to_channels);
      });
    }
  });
}

// The filter's gradient, [3, 3, C, K]: each thread sums the planes of its own tiles.
template <class T>
void filter_gradient(const at::Tensor& x, const at::Tensor& g, at::Tensor& taps) {
  const Tiling tiling(x);
  const int64_t from_channels = x.size(1), to_channels = g.size(1), size = from_channels * to_channels, threads = std::max(1, at::get_num_threads());
  auto sums = at::zeros({threads, kPlanes, size}, x.options());
  const T *in = x.data_ptr<T>(), *gradient = g.data_ptr<T>();
  T *u = sums.data_ptr<T>(), *out = taps.data_ptr<T>();
  at::parallel_for(0, tiling.chunks(), 1, [&](int64_t from, int64_t to) {
    T* own = u + at::get_thread_num() * kPlanes * size;
    const std::vector<T> zeros(std::max(from_channels, to_channels), T(0));
    const auto v = scratch<T>(from_channels), m = scratch<T>(to_channels);
    for (int64_t chunk = from; chunk < to; chunk++) {
      read_inputs(tiling, chunk, in, zeros.data(), v.get(), from_channels);
      tiling.for_chunk(chunk, [&](int64_t t, int64_t n, int64_t top, int64_t left) {
        const T* places[4];
        for (int i = 0; i < 4; i++) places[i] = tiling.pixel(gradient, n, top + i / 2, left + i % 2, to_channels, zeros.data());
        run_gradient(places, m.get() + t * to_channels, kTiles * to_channels, to_channels);
      });
      for (int64_t p = 0; p < kPlanes; p++)
        gemm<T>(kTransposed, kAsIs, from_channels, to_channels, tiling.size_of(chunk), v.get() + p * kTiles * from_channels, m.get() + p * kTiles * to_channels, 1, own + p * size);
    }
  });
  at::parallel_for(0, size, 4096, [&](int64_t from, int64_t to) { run_taps(u, out, size, threads, from, to); });
}

at::Tensor pixels_of(const at::Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

at::Tensor convolution(const at::Tensor& x, const at::Tensor& filter, const at::Tensor& bias, int64_t activation) {
  auto y = at::empty({x.size(0), filter.size(3), x.size(2), x.size(3)}, x.options(), at::MemoryFormat::ChannelsLast);
  if (x.scalar_type() == at::kFloat) convolve<float>(x, filter, bias, activation, y);
  else convolve<double>(x, filter, bias, activation, y);
  return y;
}

struct Conv3x3 : torch::autograd::Function<Conv3x3> {
  static Variable forward(AutogradContext* ctx, Variable given, Variable weight, Variable bias, int64_t activation) {
    const auto x = pixels_of(given);
    const auto y = convolution(x, weight.permute({2, 3, 1, 0}).contiguous(), bias, activation);
    ctx->save_for_backward({x, weight, y});
    ctx->saved_data["activation"] = activation;
    ctx->saved_data["needs_x"] = given.requires_grad();
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &y = saved[2];
    auto [g, bias] = before_activation(pixels_of(grads[0]), y, ctx->saved_data["activation"].toInt());
    auto taps = at::empty({3, 3, x.size(1), g.size(1)}, x.options());
    if (x.scalar_type() == at::kFloat) filter_gradient<float>(x, g, taps);
    else filter_gradient<double>(x, g, taps);
    // The gradient of a convolution's input is the convolution of its output's with the filter turned round.
    Variable dx;
    if (ctx->saved_data["needs_x"].toBool()) dx = convolution(g, weight.permute({2, 3, 0, 1}).flip({0, 1}).contiguous(), at::zeros({x.size(1)}, x.options()), kIdentity);
    return {dx, taps.permute({3, 2, 0, 1}).contiguous(), bias, Variable()};
  }
};

}  // namespace

// y [B, K, H, W] = activation(x [B, C, H, W] ∗ weight [K, C, 3, 3] + bias [K]), stride 1, padding 1, channels last.
// A null result says that x lies otherwise or that there is no BLAS to call.
int32_t cw_conv3x3(void* x, void* weight, void* bias, int64_t activation, void** out) {
  return cw::guarded([&] {
    *out = nullptr;
    const auto &input = cw::tensor(x), &w = cw::tensor(weight), &b = cw::tensor(bias);
    cw::check_layer_input(input, "conv3x3");
    if (input.dim() != 4 || w.dim() != 4 || w.size(1) != input.size(1) || w.size(2) != 3 || w.size(3) != 3 || b.dim() != 1 || b.size(0) != w.size(0) ||
        w.scalar_type() != input.scalar_type() || b.scalar_type() != input.scalar_type())
      throw std::invalid_argument("conv3x3: shapes or types do not fit");
    if (!has_blas() || input.is_contiguous() || !input.is_contiguous(at::MemoryFormat::ChannelsLast)) return;
    *out = cw::adopt(Conv3x3::apply(input, w, b, activation));
  });
}
