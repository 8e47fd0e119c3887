// One pass over the parameters per optimizer step, convexity constraint included, and the batch gather.
// The arithmetic and its order are those of PyTorch's single-tensor optimizers, so that the plain-operator path gives the same numbers to rounding.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <atomic>
#include <cmath>
#include <vector>

#include "guard.h"
#include "shim.h"
#include "simd.h"

namespace {

// 8K elements of five float streams are 160 KB: they stay in L2 between the update and the constraint.
constexpr int64_t kChunk = 8192;

struct Chunk {
  int32_t item;
  int64_t begin, end;
};

// Parameter, gradient and state must run through memory in the same order; a gradient in another layout is copied into the parameter's.
at::Tensor aligned_grad(const at::Tensor& param, const at::Tensor& grad) {
  if (grad.sizes() != param.sizes()) throw std::invalid_argument("a gradient's shape is not its parameter's");
  if (grad.scalar_type() != param.scalar_type()) throw std::invalid_argument("a gradient's type is not its parameter's");
  if (!param.is_non_overlapping_and_dense()) throw std::invalid_argument("a fused step needs dense parameters");
  if (grad.strides() == param.strides()) return grad;
  return at::empty_like(param).copy_(grad);
}

// Returns how many weights were negative. CW_SHIFT needs a whole tensor's minimum, so it is only counted here and done afterwards.
template <class T>
int64_t constrain(T* w, int64_t n, int32_t constraint, T eps) {
  if (constraint == CW_FREE) return 0;
  int64_t all = 0;
  for (int64_t i = 0; i < n; i += 64) {
    const int64_t end = i + 64 < n ? i + 64 : n;
    int32_t negative = 0;
    for (int64_t j = i; j < end; j++) negative += w[j] < T(0);
    // Few weights are negative in any one step: most blocks are done here.
    if (!negative) continue;
    all += negative;
    if (constraint == CW_CLIP) {
      for (int64_t j = i; j < end; j++) w[j] = w[j] < T(0) ? T(0) : w[j];
    } else if (constraint == CW_ABS) {
      for (int64_t j = i; j < end; j++) w[j] = std::abs(w[j]);
    } else if (constraint == CW_EXP_EPS) {
      for (int64_t j = i; j < end; j++)
        if (w[j] < T(0)) w[j] = std::exp(w[j] - eps);
    }
  }
  return all;
}

// w − min(0, min w).
template <class T>
void shift(const at::Tensor& param) {
  T* w = static_cast<T*>(param.data_ptr());
  const int64_t n = param.numel();
  T least = 0;
  for (int64_t i = 0; i < n; i++) least = w[i] < least ? w[i] : least;
  if (least < T(0))
    for (int64_t i = 0; i < n; i++) w[i] -= least;
}

template <class T>
struct Sgd {
  T lr, momentum, weight_decay, eps;
  bool nesterov;

  inline __attribute__((always_inline)) void run(T* __restrict p, const T* __restrict g, T* __restrict buf, T*, int64_t n, bool started) const {
    if (momentum == T(0)) {
      for (int64_t i = 0; i < n; i++) p[i] -= lr * (g[i] + weight_decay * p[i]);
      return;
    }
    for (int64_t i = 0; i < n; i++) {
      const T d = g[i] + weight_decay * p[i];
      const T b = started ? momentum * buf[i] + d : d;
      buf[i] = b;
      p[i] -= lr * (nesterov ? d + momentum * b : b);
    }
  }
};

template <class T>
struct Adam {
  T beta1, beta2, one_minus_beta1, one_minus_beta2, step_size, inv_sqrt_correction, adam_eps, l2, shrink, eps;

  inline __attribute__((always_inline)) void run(T* __restrict p, const T* __restrict g, T* __restrict m, T* __restrict v, int64_t n, bool) const {
    for (int64_t i = 0; i < n; i++) {
      const T w = p[i] * shrink;
      const T d = g[i] + l2 * w;
      const T mi = beta1 * m[i] + one_minus_beta1 * d;
      const T vi = beta2 * v[i] + one_minus_beta2 * d * d;
      m[i] = mi;
      v[i] = vi;
      p[i] = w - step_size * mi / (std::sqrt(vi) * inv_sqrt_correction + adam_eps);
    }
  }
};

CW_CLONES void sgd_float(const Sgd<float>& r, float* p, const float* g, float* a, float* b, int64_t n, bool s) { r.run(p, g, a, b, n, s); }
CW_CLONES void sgd_double(const Sgd<double>& r, double* p, const double* g, double* a, double* b, int64_t n, bool s) { r.run(p, g, a, b, n, s); }
CW_CLONES void adam_float(const Adam<float>& r, float* p, const float* g, float* a, float* b, int64_t n, bool s) { r.run(p, g, a, b, n, s); }
CW_CLONES void adam_double(const Adam<double>& r, double* p, const double* g, double* a, double* b, int64_t n, bool s) { r.run(p, g, a, b, n, s); }

void update(const Sgd<float>& r, float* p, const float* g, float* a, float* b, int64_t n, bool s) { sgd_float(r, p, g, a, b, n, s); }
void update(const Sgd<double>& r, double* p, const double* g, double* a, double* b, int64_t n, bool s) { sgd_double(r, p, g, a, b, n, s); }
void update(const Adam<float>& r, float* p, const float* g, float* a, float* b, int64_t n, bool s) { adam_float(r, p, g, a, b, n, s); }
void update(const Adam<double>& r, double* p, const double* g, double* a, double* b, int64_t n, bool s) { adam_double(r, p, g, a, b, n, s); }

template <class T>
T* data(void* handle) {
  return handle ? static_cast<T*>(cw::tensor(handle).data_ptr()) : nullptr;
}

template <class T, class Rule>
int64_t step(const cw_step_item* items, int32_t count, const Rule& rule) {
  std::vector<at::Tensor> grads(count);
  std::vector<Chunk> chunks;
  for (int32_t i = 0; i < count; i++) {
    const auto& param = cw::tensor(items[i].param);
    grads[i] = aligned_grad(param, cw::tensor(items[i].grad));
    for (void* state : {items[i].first, items[i].second})
      if (state && cw::tensor(state).strides() != param.strides()) throw std::invalid_argument("optimizer state does not match its parameter");
    for (int64_t begin = 0, n = param.numel(); begin < n; begin += kChunk) chunks.push_back({i, begin, std::min(begin + kChunk, n)});
  }
  std::atomic<int64_t> negatives{0};
  at::parallel_for(0, static_cast<int64_t>(chunks.size()), 1, [&](int64_t from, int64_t to) {
    int64_t found = 0;
    for (int64_t c = from; c < to; c++) {
      const auto& chunk = chunks[c];
      const auto& item = items[chunk.item];
      const int64_t n = chunk.end - chunk.begin;
      T* p = data<T>(item.param) + chunk.begin;
      T* first = item.first ? data<T>(item.first) + chunk.begin : nullptr;
      T* second = item.second ? data<T>(item.second) + chunk.begin : nullptr;
      update(rule, p, static_cast<const T*>(grads[chunk.item].data_ptr()) + chunk.begin, first, second, n, item.started != 0);
      found += constrain(p, n, item.constraint, rule.eps);
    }
    negatives += found;
  });
  at::parallel_for(0, count, 1, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++)
      if (items[i].constraint == CW_SHIFT) shift<T>(cw::tensor(items[i].param));
  });
  return negatives;
}

// Steps are split by type: a network may hold tensors of both.
template <template <class> class Rule, class Make>
void step_by_type(const cw_step_item* items, int32_t count, int64_t* negatives, Make&& make) {
  std::vector<cw_step_item> floats, doubles;
  for (int32_t i = 0; i < count; i++) {
    const auto& param = cw::tensor(items[i].param);
    if (!param.device().is_cpu()) throw std::invalid_argument("the fused step runs on CPU tensors");
    if (param.scalar_type() == at::kFloat) floats.push_back(items[i]);
    else if (param.scalar_type() == at::kDouble) doubles.push_back(items[i]);
    else throw std::invalid_argument("the fused step takes float32 and float64 parameters");
  }
  *negatives = 0;
  if (!floats.empty()) *negatives += step<float>(floats.data(), static_cast<int32_t>(floats.size()), make(float()));
  if (!doubles.empty()) *negatives += step<double>(doubles.data(), static_cast<int32_t>(doubles.size()), make(double()));
}

CW_CLONES void normalize_row(const uint8_t* in, float* out, const float* scale, const float* shift, int64_t channels, int64_t plane) {
  for (int64_t c = 0; c < channels; c++) {
    const float a = scale[c], b = shift[c];
    for (int64_t i = 0; i < plane; i++) out[c * plane + i] = a * static_cast<float>(in[c * plane + i]) + b;
  }
}

}  // namespace

int32_t cw_fused_sgd(const cw_step_item* items, int32_t count, double lr, double momentum, double weight_decay, int32_t nesterov, double eps,
                     int64_t* negatives) {
  return cw::guarded([&] {
    step_by_type<Sgd>(items, count, negatives, [&](auto zero) {
      using T = decltype(zero);
      return Sgd<T>{T(lr), T(momentum), T(weight_decay), T(eps), nesterov != 0};
    });
  });
}

int32_t cw_fused_adam(const cw_step_item* items, int32_t count, int64_t step, double lr, double beta1, double beta2, double adam_eps, double weight_decay,
                      int32_t decoupled, double eps, int64_t* negatives) {
  return cw::guarded([&] {
    const double correction1 = 1 - std::pow(beta1, static_cast<double>(step));
    const double correction2 = 1 - std::pow(beta2, static_cast<double>(step));
    step_by_type<Adam>(items, count, negatives, [&](auto zero) {
      using T = decltype(zero);
      return Adam<T>{T(beta1), T(beta2), T(1 - beta1), T(1 - beta2), T(lr / correction1), T(1 / std::sqrt(correction2)), T(adam_eps),
                     T(decoupled ? 0 : weight_decay), T(decoupled ? 1 - lr * weight_decay : 1), T(eps)};
    });
  });
}

// out[b, c, …] = images[index[b], c, …] · scale[c] + shift[c]; images uint8 [N, C, H, W], out float32 [B, C, H, W].
int32_t cw_gather_normalize(void* images, void* index, void* scale, void* shift, void* out) {
  return cw::guarded([&] {
    const auto &x = cw::tensor(images), &idx = cw::tensor(index), &a = cw::tensor(scale), &b = cw::tensor(shift);
    auto& y = cw::tensor(out);
    const bool fits = x.scalar_type() == at::kByte && idx.scalar_type() == at::kLong && a.scalar_type() == at::kFloat && b.scalar_type() == at::kFloat &&
                      y.scalar_type() == at::kFloat && x.is_contiguous() && idx.is_contiguous() && y.is_contiguous() && x.dim() >= 2 && y.dim() == x.dim() &&
                      y.size(0) == idx.numel() && y.numel() * x.size(0) == x.numel() * y.size(0) && a.numel() == x.size(1) && b.numel() == x.size(1) &&
                      x.device().is_cpu() && y.device().is_cpu();
    if (!fits) throw std::invalid_argument("gather_normalize: shapes, types or devices do not fit");
    const int64_t rows = x.size(0), channels = x.size(1), row = x.numel() / std::max<int64_t>(rows, 1), plane = row / channels;
    const auto in = x.data_ptr<uint8_t>();
    const auto at_index = idx.data_ptr<int64_t>();
    const auto scales = a.data_ptr<float>();
    const auto shifts = b.data_ptr<float>();
    auto to = y.data_ptr<float>();
    for (int64_t i = 0; i < idx.numel(); i++)
      if (at_index[i] < 0 || at_index[i] >= rows) throw std::out_of_range("gather_normalize: index out of range");
    at::parallel_for(0, idx.numel(), 8, [&](int64_t from, int64_t until) {
      for (int64_t i = from; i < until; i++) normalize_row(in + at_index[i] * row, to + i * row, scales, shifts, channels, plane);
    });
  });
}
