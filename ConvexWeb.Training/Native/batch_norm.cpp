// Batch normalisation with its activation in one pass, which costs PyTorch several over memory. Differentiable; the plain operators in Execution.cs are the reference.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "activation.h"
#include "guard.h"
#include "shim.h"

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;
using namespace cw;

// [N, C, S] seen as N·C rows of S places; a matrix [N, C] has S = 1.
struct Layout {
  int64_t batch, channels, places;
};

Layout layout_of(const at::Tensor& x) {
  const int64_t channels = x.size(1);
  return {x.size(0), channels, x.numel() / std::max<int64_t>(1, x.size(0) * channels)};
}

// Channels are worked on in groups: one at a time where its places lie together, a cache line's worth where it is a column.
int64_t group_of(const Layout& l) { return l.places > 1 ? 1 : 32; }

template <class Body>
void for_groups(const Layout& l, Body&& body) {
  const int64_t group = group_of(l), groups = (l.channels + group - 1) / group;
  at::parallel_for(0, groups, 1, [&](int64_t from, int64_t to) {
    for (int64_t g = from; g < to; g++) body(g * group, std::min(l.channels, (g + 1) * group));
  });
}

// Of one row of a channel: Σ x, and Σ (x − m)² about its own mean m. The second look finds the row in the cache.
template <class T>
CW_INLINE void moments(const T* x, int64_t n, double& sum, double& squares) {
  Lanes<T> s{}, t{};
  int64_t i = 0;
  for (; i + 2 * kLanes<T> <= n; i += 2 * kLanes<T>) {
    s += load(x + i);
    t += load(x + i + kLanes<T>);
  }
  sum = total(s + t);
  for (int64_t j = i; j < n; j++) sum += x[j];
  const T middle = static_cast<T>(sum / n);
  const Lanes<T> m = splat(middle);
  Lanes<T> q{}, r{};
  for (i = 0; i + 2 * kLanes<T> <= n; i += 2 * kLanes<T>) {
    const Lanes<T> d = load(x + i) - m, e = load(x + i + kLanes<T>) - m;
    q += d * d;
    r += e * e;
  }
  squares = total(q + r);
  for (; i < n; i++) squares += static_cast<double>(x[i] - middle) * (x[i] - middle);
  // The rounding of the mean is taken out again.
  const double rounding = sum / n - middle;
  squares = std::max(0.0, squares - n * rounding * rounding);
}

template <class T>
CW_INLINE void apply(const T* x, T* y, int64_t n, T a, T b, int64_t activation) {
  const Lanes<T> va = splat(a), vb = splat(b);
  for_lanes<T>(n, [&](int64_t i, auto part) CW_INLINED { part.store(y + i, activate<T>(va * part.load(x + i) + vb, activation)); });
}

template <class T>
CW_INLINE void gradient_sums(const T* g, const T* x, const T* y, int64_t n, T mean, int64_t activation, double& sum, double& product) {
  Lanes<T> s{}, p{};
  const Lanes<T> m = splat(mean);
  // Zeros stand beyond the end, in the gradient too: they add nothing.
  for_lanes<T>(n, [&](int64_t i, auto part) CW_INLINED {
    const Lanes<T> d = part.load(g + i) * slope<T>(part.load(y + i), activation);
    s += d;
    p += d * (part.load(x + i) - m);
  });
  sum += total(s);
  product += total(p);
}

template <class T>
CW_INLINE void gradient(const T* g, const T* x, const T* y, T* out, int64_t n, T a, T mean, T level, T tilt, int64_t activation) {
  for_lanes<T>(n, [&](int64_t i, auto part) CW_INLINED {
    const Lanes<T> d = part.load(g + i) * slope<T>(part.load(y + i), activation);
    part.store(out + i, a * (d - level - (part.load(x + i) - mean) * tilt));
  });
}

#define CW_KERNELS(T)                                                                                                                                     \
  CW_CLONES void run_moments(const T* x, int64_t n, double& s, double& q) { moments(x, n, s, q); }                                                        \
  CW_CLONES void run_apply(const T* x, T* y, int64_t n, T a, T b, int64_t k) { apply(x, y, n, a, b, k); }                                                 \
  CW_CLONES void run_sums(const T* g, const T* x, const T* y, int64_t n, T m, int64_t k, double& s, double& p) { gradient_sums(g, x, y, n, m, k, s, p); } \
  CW_CLONES void run_gradient(const T* g, const T* x, const T* y, T* o, int64_t n, T a, T m, T l, T t, int64_t k) {                                       \
    gradient(g, x, y, o, n, a, m, l, t, k);                                                                                                               \
  }
CW_KERNELS(float)
CW_KERNELS(double)

template <class T>
CW_INLINE T slope_of(T y, int64_t activation) {
  if (activation == kRelu) return y <= T(0) ? T(0) : T(1);
  if (activation == kElu) return y > T(0) ? T(1) : y + T(1);
  return T(1);
}

// Columns of a matrix: the same arithmetic, 32 neighbours at a time down the rows.
constexpr int64_t kColumns = 32;

template <class T>
CW_INLINE void columns_forward(const T* x, T* y, int64_t rows, int64_t stride, int64_t n, const T* gamma, const T* beta, double eps, double* mean, double* inverse, int64_t activation) {
  double sum[kColumns] = {}, squares[kColumns] = {};
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < n; c++) sum[c] += x[r * stride + c];
  for (int64_t c = 0; c < n; c++) mean[c] = sum[c] / rows;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < n; c++) {
      const double d = x[r * stride + c] - mean[c];
      squares[c] += d * d;
    }
  T a[kColumns], b[kColumns];
  for (int64_t c = 0; c < n; c++) {
    inverse[c] = 1 / std::sqrt(squares[c] / rows + eps);
    a[c] = static_cast<T>(gamma[c] * inverse[c]);
    b[c] = static_cast<T>(beta[c] - mean[c] * gamma[c] * inverse[c]);
  }
  for (int64_t r = 0; r < rows; r++)
    for_lanes<T>(n, [&](int64_t i, auto part) CW_INLINED { part.store(y + r * stride + i, activate<T>(part.load(a + i) * part.load(x + r * stride + i) + part.load(b + i), activation)); });
}

template <class T>
CW_INLINE void columns_backward(const T* g, const T* x, const T* y, T* out, int64_t rows, int64_t stride, int64_t n, const T* gamma, const double* mean, const double* inverse, T* dgamma,
                                T* dbeta, int64_t activation) {
  double sum[kColumns] = {}, product[kColumns] = {};
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < n; c++) {
      const T d = g[r * stride + c] * slope_of(y[r * stride + c], activation);
      sum[c] += d;
      product[c] += d * (x[r * stride + c] - mean[c]);
    }
  T a[kColumns], level[kColumns], tilt[kColumns], middle[kColumns];
  for (int64_t c = 0; c < n; c++) {
    dbeta[c] = static_cast<T>(sum[c]);
    dgamma[c] = static_cast<T>(product[c] * inverse[c]);
    a[c] = static_cast<T>(gamma[c] * inverse[c]);
    level[c] = static_cast<T>(sum[c] / rows);
    tilt[c] = static_cast<T>(product[c] * inverse[c] * inverse[c] / rows);
    middle[c] = static_cast<T>(mean[c]);
  }
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < n; c++) {
      const int64_t i = r * stride + c;
      out[i] = a[c] * (g[i] * slope_of(y[i], activation) - level[c] - (x[i] - middle[c]) * tilt[c]);
    }
}

#define CW_COLUMN_KERNELS(T)                                                                                                                             \
  CW_CLONES void run_columns(const T* x, T* y, int64_t r, int64_t s, int64_t n, const T* ga, const T* be, double e, double* m, double* v, int64_t k) {   \
    columns_forward(x, y, r, s, n, ga, be, e, m, v, k);                                                                                                  \
  }                                                                                                                                                      \
  CW_CLONES void run_columns_back(const T* g, const T* x, const T* y, T* o, int64_t r, int64_t s, int64_t n, const T* ga, const double* m, const double* v, T* dg, T* db, int64_t k) { \
    columns_backward(g, x, y, o, r, s, n, ga, m, v, dg, db, k);                                                                                          \
  }
CW_COLUMN_KERNELS(float)
CW_COLUMN_KERNELS(double)

template <class T>
void forward_of(const at::Tensor& x, at::Tensor& y, const at::Tensor& gamma, const at::Tensor& beta, double eps, int64_t activation, double* mean, double* inverse) {
  const auto l = layout_of(x);
  const T *in = x.data_ptr<T>(), *ga = gamma.data_ptr<T>(), *be = beta.data_ptr<T>();
  T* out = y.data_ptr<T>();
  const double count = static_cast<double>(l.batch) * l.places;
  for_groups(l, [&](int64_t from, int64_t to) {
    if (l.places == 1) {
      run_columns(in + from, out + from, l.batch, l.channels, to - from, ga + from, be + from, eps, mean + from, inverse + from, activation);
      return;
    }
    // Rows join as in Chan, Golub and LeVeque: the spread of each, and the spread of their means.
    double sum = 0, squares = 0;
    for (int64_t n = 0; n < l.batch; n++) {
      double s, q;
      run_moments(in + (n * l.channels + from) * l.places, l.places, s, q);
      const double before = static_cast<double>(n) * l.places, apart = n == 0 ? 0 : s / l.places - sum / before;
      squares += q + apart * apart * before * l.places / (before + l.places);
      sum += s;
    }
    const double m = sum / count, variance = squares / count;
    mean[from] = m;
    inverse[from] = 1 / std::sqrt(variance + eps);
    const double a = ga[from] * inverse[from];
    for (int64_t n = 0; n < l.batch; n++) {
      const int64_t at = (n * l.channels + from) * l.places;
      run_apply(in + at, out + at, l.places, static_cast<T>(a), static_cast<T>(be[from] - m * a), activation);
    }
  });
}

template <class T>
void backward_of(const at::Tensor& g, const at::Tensor& x, const at::Tensor& y, const at::Tensor& gamma, const double* mean, const double* inverse, at::Tensor& dx, at::Tensor& dgamma,
                 at::Tensor& dbeta, int64_t activation) {
  const auto l = layout_of(x);
  const T *gr = g.data_ptr<T>(), *in = x.data_ptr<T>(), *res = y.data_ptr<T>(), *ga = gamma.data_ptr<T>();
  T *out = dx.data_ptr<T>(), *dg = dgamma.data_ptr<T>(), *db = dbeta.data_ptr<T>();
  const double count = static_cast<double>(l.batch) * l.places;
  for_groups(l, [&](int64_t from, int64_t to) {
    if (l.places == 1) {
      run_columns_back(gr + from, in + from, res + from, out + from, l.batch, l.channels, to - from, ga + from, mean + from, inverse + from, dg + from, db + from, activation);
      return;
    }
    const T middle = static_cast<T>(mean[from]);
    double sum = 0, product = 0;
    for (int64_t n = 0; n < l.batch; n++) {
      const int64_t at = (n * l.channels + from) * l.places;
      run_sums(gr + at, in + at, res + at, l.places, middle, activation, sum, product);
    }
    db[from] = static_cast<T>(sum);
    dg[from] = static_cast<T>(product * inverse[from]);
    for (int64_t n = 0; n < l.batch; n++) {
      const int64_t at = (n * l.channels + from) * l.places;
      run_gradient(gr + at, in + at, res + at, out + at, l.places, static_cast<T>(ga[from] * inverse[from]), middle, static_cast<T>(sum / count),
                   static_cast<T>(product * inverse[from] * inverse[from] / count), activation);
    }
  });
}

struct BatchNormAct : torch::autograd::Function<BatchNormAct> {
  static Variable forward(AutogradContext* ctx, Variable x, Variable gamma, Variable beta, at::Tensor running_mean, at::Tensor running_var, double momentum, double eps, int64_t activation) {
    const auto l = layout_of(x);
    auto y = at::empty_like(x);
    // [2, C]: mean and 1/deviation of the batch.
    auto statistics = at::empty({2, l.channels}, x.options().dtype(at::kDouble));
    double *mean = statistics.data_ptr<double>(), *inverse = mean + l.channels;
    if (x.scalar_type() == at::kFloat) forward_of<float>(x, y, gamma, beta, eps, activation, mean, inverse);
    else forward_of<double>(x, y, gamma, beta, eps, activation, mean, inverse);
    const double count = static_cast<double>(l.batch) * l.places, unbiased = count / std::max(1.0, count - 1);
    auto batch_mean = statistics.select(0, 0).to(running_mean.scalar_type());
    auto batch_var = statistics.select(0, 1).pow(-2).sub(eps).clamp_min(0).mul(unbiased).to(running_var.scalar_type());
    running_mean.mul_(1 - momentum).add_(batch_mean, momentum);
    running_var.mul_(1 - momentum).add_(batch_var, momentum);
    ctx->save_for_backward({x, y, gamma, statistics});
    ctx->saved_data["activation"] = activation;
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &y = saved[1], &gamma = saved[2], &statistics = saved[3];
    const auto g = grads[0].contiguous();
    auto dx = at::empty_like(x), dgamma = at::empty_like(gamma), dbeta = at::empty_like(gamma);
    const double *mean = statistics.data_ptr<double>(), *inverse = mean + x.size(1);
    const auto activation = ctx->saved_data["activation"].toInt();
    if (x.scalar_type() == at::kFloat) backward_of<float>(g, x, y, gamma, mean, inverse, dx, dgamma, dbeta, activation);
    else backward_of<double>(g, x, y, gamma, mean, inverse, dx, dgamma, dbeta, activation);
    return {dx, dgamma, dbeta, Variable(), Variable(), Variable(), Variable(), Variable()};
  }
};

}  // namespace

// y = activation(batch_norm(x)) with the batch's statistics, and the running ones moved. x [N, C] or [N, C, …], contiguous; activation 0 none, 1 ReLU, 2 ELU.
int32_t cw_batch_norm_act(void* x, void* gamma, void* beta, void* running_mean, void* running_var, double momentum, double eps, int64_t activation, void** out) {
  return cw::guarded([&] {
    const auto& input = cw::tensor(x);
    cw::check_layer_input(input, "batch_norm_act");
    const auto &scale = cw::tensor(gamma), &shift = cw::tensor(beta);
    if (input.dim() < 2 || !input.is_contiguous() || scale.numel() != input.size(1) || shift.numel() != input.size(1) || scale.scalar_type() != input.scalar_type() ||
        input.numel() / input.size(1) < 2)
      throw std::invalid_argument("batch_norm_act: shapes, types or layout do not fit");
    *out = cw::adopt(BatchNormAct::apply(input, scale, shift, cw::tensor(running_mean), cw::tensor(running_var), momentum, eps, activation));
  });
}
