// The backward of an activation and of the bias before it, in one pass over pixels.
#include "activation.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

namespace {

using namespace cw;

// So many pixels are summed in the tensor's own type before the sum goes into double precision.
constexpr int64_t kPixels = 64;

template <class T>
CW_INLINE void pass(const T* g, const T* y, T* z, int64_t pixels, int64_t channels, int64_t activation, T* sums) {
  for (int64_t p = 0; p < pixels; p++) {
    const int64_t at = p * channels;
    for_lanes<T>(channels, [&](int64_t c, auto part) CW_INLINED {
      const Lanes<T> d = part.load(g + at + c) * slope<T>(part.load(y + at + c), activation);
      part.store(z + at + c, d);
      part.store(sums + c, part.load(sums + c) + d);
    });
  }
}

#define CW_KERNELS(T)                                                                                                      \
  CW_CLONES void run_pass(const T* g, const T* y, T* z, int64_t n, int64_t c, int64_t a, T* s) {                           \
    if (a == kRelu) pass(g, y, z, n, c, kRelu, s);                                                                         \
    else if (a == kElu) pass(g, y, z, n, c, kElu, s);                                                                      \
    else pass(g, y, z, n, c, kIdentity, s);                                                                                \
  }
CW_KERNELS(float)
CW_KERNELS(double)

template <class T>
void run(const at::Tensor& g, const at::Tensor& y, int64_t activation, at::Tensor& z, double* totals) {
  const int64_t channels = g.size(1), pixels = g.numel() / channels, blocks = (pixels + kPixels - 1) / kPixels;
  const T *gradient = g.data_ptr<T>(), *result = y.data_ptr<T>();
  T* out = z.data_ptr<T>();
  at::parallel_for(0, blocks, 8, [&](int64_t from, int64_t to) {
    double* own = totals + at::get_thread_num() * channels;
    std::vector<T> sums(channels);
    for (int64_t b = from; b < to; b++) {
      const int64_t first = b * kPixels;
      std::fill(sums.begin(), sums.end(), T(0));
      run_pass(gradient + first * channels, result + first * channels, out + first * channels, std::min(kPixels, pixels - first), channels, activation, sums.data());
      for (int64_t c = 0; c < channels; c++) own[c] += sums[c];
    }
  });
}

}  // namespace

std::pair<at::Tensor, at::Tensor> cw::before_activation(const at::Tensor& g, const at::Tensor& y, int64_t activation) {
  auto z = at::empty_like(g);
  auto totals = at::zeros({std::max(1, at::get_num_threads()), g.size(1)}, g.options().dtype(at::kDouble));
  if (g.scalar_type() == at::kFloat) run<float>(g, y, activation, z, totals.data_ptr<double>());
  else run<double>(g, y, activation, z, totals.data_ptr<double>());
  return {z, totals.sum(0).to(g.scalar_type())};
}
