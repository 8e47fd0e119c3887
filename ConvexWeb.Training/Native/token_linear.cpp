// A Linear layer over the tokens of [B, S, C], the mixer's, without the two transposed copies that PyTorch makes of every batch: a small product for each sample.
// Differentiable; the plain operators in Execution.cs are its reference.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "blas.h"
#include "guard.h"
#include "shim.h"

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// out[b] [T, C] = w [T, S] · x[b] [S, C] + bias [T].
template <class T>
void forward_of(const at::Tensor& x, const at::Tensor& w, const at::Tensor& bias, at::Tensor& out) {
  const int64_t tokens = x.size(1), channels = x.size(2), outputs = w.size(0);
  const T *in = x.data_ptr<T>(), *weight = w.data_ptr<T>(), *start = bias.data_ptr<T>();
  T* result = out.data_ptr<T>();
  at::parallel_for(0, x.size(0), 1, [&](int64_t from, int64_t to) {
    for (int64_t b = from; b < to; b++) {
      T* c = result + b * outputs * channels;
      for (int64_t t = 0; t < outputs; t++) std::fill_n(c + t * channels, channels, start[t]);
      cw::gemm<T>(cw::kAsIs, cw::kAsIs, outputs, channels, tokens, weight, in + b * tokens * channels, 1, c);
    }
  });
}

// Each thread sums the weight's gradient of its own samples: `parts` is [threads, T, S] and `rows` [threads, T], zero to begin with.
template <class T>
void backward_of(const at::Tensor& g, const at::Tensor& x, const at::Tensor& w, at::Tensor& dx, at::Tensor& parts, at::Tensor& rows) {
  const int64_t tokens = x.size(1), channels = x.size(2), outputs = w.size(0);
  const T *gradient = g.data_ptr<T>(), *in = x.data_ptr<T>(), *weight = w.data_ptr<T>();
  T *to_x = dx.data_ptr<T>(), *to_w = parts.data_ptr<T>(), *to_b = rows.data_ptr<T>();
  at::parallel_for(0, x.size(0), 1, [&](int64_t from, int64_t to) {
    T *dw = to_w + at::get_thread_num() * outputs * tokens, *db = to_b + at::get_thread_num() * outputs;
    for (int64_t b = from; b < to; b++) {
      const T *out = gradient + b * outputs * channels, *sample = in + b * tokens * channels;
      cw::gemm<T>(cw::kTransposed, cw::kAsIs, tokens, channels, outputs, weight, out, 0, to_x + b * tokens * channels);
      cw::gemm<T>(cw::kAsIs, cw::kTransposed, outputs, tokens, channels, out, sample, 1, dw);
      for (int64_t t = 0; t < outputs; t++) {
        T sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t c = 0; c < channels; c++) sum += out[t * channels + c];
        db[t] += sum;
      }
    }
  });
}

struct TokenLinear : torch::autograd::Function<TokenLinear> {
  static Variable forward(AutogradContext* ctx, Variable given, Variable weight, Variable bias) {
    const auto x = given.contiguous(), w = weight.contiguous();
    auto out = at::empty({x.size(0), w.size(0), x.size(2)}, x.options());
    if (x.scalar_type() == at::kFloat) forward_of<float>(x, w, bias, out);
    else forward_of<double>(x, w, bias, out);
    ctx->save_for_backward({x, w});
    return out;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &w = saved[1];
    const auto g = grads[0].contiguous();
    const int64_t threads = std::max(1, at::get_num_threads());
    auto dx = at::empty_like(x), parts = at::zeros({threads, w.size(0), w.size(1)}, w.options()), rows = at::zeros({threads, w.size(0)}, w.options());
    if (x.scalar_type() == at::kFloat) backward_of<float>(g, x, w, dx, parts, rows);
    else backward_of<double>(g, x, w, dx, parts, rows);
    return {dx, parts.sum(0), rows.sum(0)};
  }
};

}  // namespace

// out [B, T, C] = weight [T, S] · x [B, S, C] + bias [T]. A null result says that there is no BLAS to call.
int32_t cw_token_linear(void* x, void* weight, void* bias, void** out) {
  return cw::guarded([&] {
    *out = nullptr;
    if (!cw::has_blas()) return;
    const auto &input = cw::tensor(x), &w = cw::tensor(weight), &b = cw::tensor(bias);
    cw::check_layer_input(input, "token_linear");
    if (input.dim() != 3 || w.dim() != 2 || w.size(1) != input.size(1) || b.dim() != 1 || b.size(0) != w.size(0) || w.scalar_type() != input.scalar_type() ||
        b.scalar_type() != input.scalar_type())
      throw std::invalid_argument("token_linear: shapes or types do not fit");
    *out = cw::adopt(TokenLinear::apply(input, w, b));
  });
}
