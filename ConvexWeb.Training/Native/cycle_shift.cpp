// The channel shifts of CycleMLP as one copy. Differentiable; the plain operators in Execution.cs are the reference.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <vector>

#include "guard.h"
#include "shim.h"

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// out[n, c, y, x] = in[n, c, y, x + direction · offset(c)] along a row (or a column), offset(c) = ((c + 1) mod 3) − 1, zero outside.
template <class T>
void shift_planes(const T* in, T* out, int64_t batch, int64_t channels, int64_t height, int64_t width, bool along_row, int64_t direction) {
  at::parallel_for(0, batch * channels, 8, [&](int64_t from, int64_t to) {
    for (int64_t p = from; p < to; p++) {
      const int64_t offset = direction * ((p % channels + 1) % 3 - 1);
      const T* a = in + p * height * width;
      T* b = out + p * height * width;
      for (int64_t y = 0; y < height; y++) {
        const int64_t row = along_row ? y : y + offset;
        if (row < 0 || row >= height) {
          std::fill(b + y * width, b + (y + 1) * width, T(0));
          continue;
        }
        for (int64_t x = 0; x < width; x++) {
          const int64_t column = along_row ? x + offset : x;
          b[y * width + x] = column < 0 || column >= width ? T(0) : a[row * width + column];
        }
      }
    }
  });
}

template <class T>
void shift_pixels(const T* in, T* out, int64_t batch, int64_t channels, int64_t height, int64_t width, bool along_row, int64_t direction) {
  const std::vector<T> nothing(channels, T(0));
  const int64_t length = along_row ? width : height, step = (along_row ? 1 : width) * channels;
  at::parallel_for(0, batch * height, 4, [&](int64_t from, int64_t to) {
    for (int64_t r = from; r < to; r++)
      for (int64_t x = 0; x < width; x++) {
        const int64_t at = (r * width + x) * channels, place = along_row ? x : r % height;
        const auto neighbour = [&](int64_t offset) { return place + offset < 0 || place + offset >= length ? nothing.data() : in + at + offset * step; };
        const T *own = in + at, *next = neighbour(direction), *before = neighbour(-direction);
        T* b = out + at;
        int64_t c = 0;
        for (; c + 3 <= channels; c += 3) {
          b[c] = own[c];
          b[c + 1] = next[c + 1];
          b[c + 2] = before[c + 2];
        }
        if (c < channels) b[c] = own[c];
        if (c + 1 < channels) b[c + 1] = next[c + 1];
      }
  });
}

at::Tensor shifted(const at::Tensor& given, bool along_row, int64_t direction) {
  const bool pixels = given.is_contiguous(at::MemoryFormat::ChannelsLast) && !given.is_contiguous();
  const auto x = pixels ? given : given.contiguous();
  auto out = at::empty_like(x);
  const auto run = [&](auto zero) {
    using T = decltype(zero);
    (pixels ? shift_pixels<T> : shift_planes<T>)(x.data_ptr<T>(), out.data_ptr<T>(), x.size(0), x.size(1), x.size(2), x.size(3), along_row, direction);
  };
  if (x.scalar_type() == at::kFloat) run(float());
  else run(double());
  return out;
}

struct CycleShift : torch::autograd::Function<CycleShift> {
  static Variable forward(AutogradContext* ctx, Variable x, bool along_row) {
    ctx->saved_data["along_row"] = along_row;
    return shifted(x, along_row, 1);
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) { return {shifted(grads[0], ctx->saved_data["along_row"].toBool(), -1), Variable()}; }
};

}  // namespace

int32_t cw_cycle_shift(void* x, int32_t along_row, void** out) {
  return cw::guarded([&] {
    const auto& input = cw::tensor(x);
    cw::check_layer_input(input, "cycle_shift");
    if (input.dim() != 4) throw std::invalid_argument("cycle_shift takes [B, C, H, W]");
    *out = cw::adopt(CycleShift::apply(input, along_row != 0));
  });
}
