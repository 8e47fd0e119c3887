// C ABI between the managed tensor API and libtorch. Every function returns 0, or 1 with the reason in cw_last_error(); none lets an exception out.
#pragma once

#include <cstdint>

extern "C" {

enum cw_tag : int32_t {
  CW_NONE = 0,
  CW_TENSOR = 1,       // at::Tensor*
  CW_INT = 2,
  CW_DOUBLE = 3,
  CW_BOOL = 4,
  CW_INT_LIST = 5,     // int64_t[len]
  CW_DOUBLE_LIST = 6,  // double[len]
  CW_TENSOR_LIST = 7,  // at::Tensor*[len]
  CW_STRING = 8,       // UTF-8, len bytes
  CW_DEVICE = 9,       // type in the low 32 bits, index in the high ones
  CW_BOOL_LIST = 10,   // uint8_t[len]
};

// One argument or result of a boxed call: 16 bytes.
struct cw_value {
  int32_t tag;
  int32_t len;
  union {
    int64_t i;
    double d;
    void* p;
  };
};

enum cw_constraint : int32_t { CW_FREE = 0, CW_EXP_EPS = 1, CW_CLIP = 2, CW_ABS = 3, CW_SHIFT = 4 };

// One parameter of a fused step; tensors are at::Tensor*. `first` and `second` are the optimizer's state (null where the rule has none).
struct cw_step_item {
  void* param;
  void* grad;
  void* first;
  void* second;
  int32_t constraint;
  int32_t started;  // 0: the momentum buffer is still to be set to the gradient
};

const char* cw_last_error();

int32_t cw_op_find(const char* name, const char* overload, void** out);
int32_t cw_op_call(void* op, const cw_value* args, int32_t nargs, cw_value* results, int32_t capacity, int32_t* nresults);

int32_t cw_tensor_free(void* tensor);
int32_t cw_tensor_live(int64_t* out);
int32_t cw_tensor_from_data(const void* data, const int64_t* sizes, int32_t ndim, int32_t dtype, void** out);
int32_t cw_tensor_meta(void* tensor, int64_t* sizes, int32_t capacity, int32_t* ndim, int32_t* dtype, int32_t* device_type, int32_t* device_index);
int32_t cw_tensor_data(void* tensor, void** out);
int32_t cw_tensor_flags(void* tensor, int32_t* requires_grad, int32_t* is_leaf, int32_t* contiguous);
int32_t cw_list_free(void* list);

int32_t cw_requires_grad(void* tensor, int32_t value);
int32_t cw_grad_get(void* tensor, void** out);
int32_t cw_grad_set(void* tensor, void* grad);
int32_t cw_backward(void* const* tensors, void* const* grads, int32_t count, int32_t retain_graph, int32_t create_graph);
int32_t cw_grad_mode_get(int32_t* out);
int32_t cw_grad_mode_set(int32_t value);

int32_t cw_manual_seed(int64_t seed);
int32_t cw_rng_get(void** out);
int32_t cw_rng_set(void* state);
int32_t cw_threads_get(int32_t* out);
int32_t cw_threads_set(int32_t count);
int32_t cw_keep_memory();  // this process keeps what it frees, for the next step asks for the same again

int32_t cw_cuda_available(int32_t* out);
int32_t cw_cuda_count(int32_t* out);

// `negatives` gets how many constrained weights the optimizer had left below zero, before the constraint.
int32_t cw_fused_sgd(const cw_step_item* items, int32_t count, double lr, double momentum, double weight_decay, int32_t nesterov, double eps, int64_t* negatives);
int32_t cw_fused_adam(const cw_step_item* items, int32_t count, int64_t step, double lr, double beta1, double beta2, double adam_eps, double weight_decay,
                      int32_t decoupled, double eps, int64_t* negatives);
// Differentiable layers.
int32_t cw_batch_norm_act(void* x, void* gamma, void* beta, void* running_mean, void* running_var, double momentum, double eps, int64_t activation, void** out);
int32_t cw_cycle_shift(void* x, int32_t along_row, void** out);
int32_t cw_dropout(void* x, double p, void** out);
int32_t cw_token_linear(void* x, void* weight, void* bias, void** out);
int32_t cw_conv3x3(void* x, void* weight, void* bias, int64_t activation, void** out);
int32_t cw_gather_normalize(void* images, void* index, void* scale, void* shift, void* out);
}
