// The generic part of the binding: one boxed call into libtorch's dispatcher, tensor handles, autograd and device queries.
#include "shim.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "guard.h"

namespace {

std::atomic<int64_t> live{0};

// c10::optional before libtorch 2.x, std::optional later.
using OptionalTensorList = decltype(std::declval<const c10::IValue&>().toOptionalTensorList());

c10::Device device_of(int64_t packed) {
  return c10::Device(static_cast<c10::DeviceType>(static_cast<int8_t>(packed & 0xff)), static_cast<c10::DeviceIndex>(packed >> 32));
}

// A schema names the element type of a list, which the tag alone does not (`Tensor?[]` against `Tensor[]`).
c10::IValue list_of_tensors(const cw_value& v, const c10::TypePtr& type) {
  auto handles = static_cast<void* const*>(v.p);
  auto inner = type->kind() == c10::TypeKind::OptionalType ? type->castRaw<c10::OptionalType>()->getElementType() : type;
  bool optional = inner->kind() == c10::TypeKind::ListType &&
                  inner->castRaw<c10::ListType>()->getElementType()->kind() == c10::TypeKind::OptionalType;
  if (optional) {
    OptionalTensorList list;
    for (int32_t i = 0; i < v.len; i++) list.push_back(handles[i] ? OptionalTensorList::value_type(cw::tensor(handles[i])) : OptionalTensorList::value_type());
    return list;
  }
  c10::List<at::Tensor> list;
  for (int32_t i = 0; i < v.len; i++) list.push_back(cw::tensor(handles[i]));
  return list;
}

c10::IValue to_ivalue(const cw_value& v, const c10::TypePtr& type) {
  switch (v.tag) {
    case CW_NONE: return {};
    case CW_TENSOR: return cw::tensor(v.p);
    case CW_INT: return v.i;
    case CW_DOUBLE: return v.d;
    case CW_BOOL: return v.i != 0;
    case CW_INT_LIST: return c10::IValue(c10::ArrayRef<int64_t>(static_cast<int64_t*>(v.p), v.len).vec());
    case CW_DOUBLE_LIST: return c10::IValue(c10::ArrayRef<double>(static_cast<double*>(v.p), v.len).vec());
    case CW_TENSOR_LIST: return list_of_tensors(v, type);
    case CW_STRING: return std::string(static_cast<char*>(v.p), v.len);
    case CW_DEVICE: return device_of(v.i);
    case CW_BOOL_LIST: {
      c10::List<bool> list;
      for (int32_t i = 0; i < v.len; i++) list.push_back(static_cast<uint8_t*>(v.p)[i] != 0);
      return list;
    }
    default: throw std::invalid_argument("unknown argument tag " + std::to_string(v.tag));
  }
}

cw_value from_ivalue(const c10::IValue& value) {
  cw_value out{CW_NONE, 0, {0}};
  if (value.isTensor()) {
    out.p = cw::adopt(value.toTensor());
    out.tag = out.p ? CW_TENSOR : CW_NONE;
  } else if (value.isInt()) {
    out.tag = CW_INT;
    out.i = value.toInt();
  } else if (value.isDouble()) {
    out.tag = CW_DOUBLE;
    out.d = value.toDouble();
  } else if (value.isBool()) {
    out.tag = CW_BOOL;
    out.i = value.toBool();
  } else if (value.isTensorList()) {
    auto list = value.toTensorVector();
    auto handles = static_cast<void**>(std::malloc(sizeof(void*) * (list.size() + 1)));
    for (size_t i = 0; i < list.size(); i++) handles[i] = cw::adopt(list[i]);
    out.tag = CW_TENSOR_LIST;
    out.len = static_cast<int32_t>(list.size());
    out.p = handles;
  } else if (!value.isNone()) {
    throw std::invalid_argument("a result of type " + value.tagKind() + " has no managed form");
  }
  return out;
}

}  // namespace

namespace cw {
void* adopt(at::Tensor value) {
  if (!value.defined()) return nullptr;
  auto handle = new at::Tensor(std::move(value));
  live.fetch_add(1, std::memory_order_relaxed);
  return handle;
}
}  // namespace cw

using cw::guarded;
using cw::tensor;

const char* cw_last_error() { return cw::last_error.c_str(); }

int32_t cw_op_find(const char* name, const char* overload, void** out) {
  return guarded([&] {
    auto found = c10::Dispatcher::singleton().findSchema({name, overload});
    if (!found) throw std::invalid_argument(std::string("libtorch has no operator ") + name + (*overload ? std::string(".") + overload : ""));
    *out = new c10::OperatorHandle(*found);
  });
}

int32_t cw_op_call(void* op, const cw_value* args, int32_t nargs, cw_value* results, int32_t capacity, int32_t* nresults) {
  return guarded([&] {
    auto& handle = *static_cast<c10::OperatorHandle*>(op);
    const auto& schema = handle.schema();
    const auto& formal = schema.arguments();
    if (nargs > static_cast<int32_t>(formal.size()))
      throw std::invalid_argument(schema.name() + " takes at most " + std::to_string(formal.size()) + " arguments, got " + std::to_string(nargs));
    torch::jit::Stack stack;
    stack.reserve(formal.size());
    for (int32_t i = 0; i < nargs; i++) stack.push_back(to_ivalue(args[i], formal[i].type()));
    for (size_t i = nargs; i < formal.size(); i++) {
      if (!formal[i].default_value()) throw std::invalid_argument(schema.name() + ": argument " + formal[i].name() + " is missing");
      stack.push_back(*formal[i].default_value());
    }
    handle.callBoxed(stack);
    if (static_cast<int32_t>(stack.size()) > capacity) throw std::invalid_argument(schema.name() + " returns more values than asked for");
    for (size_t i = 0; i < stack.size(); i++) results[i] = from_ivalue(stack[i]);
    *nresults = static_cast<int32_t>(stack.size());
  });
}

int32_t cw_tensor_free(void* handle) {
  return guarded([&] {
    if (!handle) return;
    delete static_cast<at::Tensor*>(handle);
    live.fetch_sub(1, std::memory_order_relaxed);
  });
}

int32_t cw_tensor_live(int64_t* out) {
  *out = live.load(std::memory_order_relaxed);
  return 0;
}

int32_t cw_tensor_from_data(const void* data, const int64_t* sizes, int32_t ndim, int32_t dtype, void** out) {
  return guarded([&] {
    auto t = at::empty(at::IntArrayRef(sizes, ndim), at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype)));
    if (t.nbytes() != 0) std::memcpy(t.data_ptr(), data, t.nbytes());
    *out = cw::adopt(std::move(t));
  });
}

int32_t cw_tensor_meta(void* handle, int64_t* sizes, int32_t capacity, int32_t* ndim, int32_t* dtype, int32_t* device_type, int32_t* device_index) {
  return guarded([&] {
    auto& t = tensor(handle);
    *ndim = static_cast<int32_t>(t.dim());
    for (int32_t i = 0; i < *ndim && i < capacity; i++) sizes[i] = t.size(i);
    *dtype = static_cast<int32_t>(t.scalar_type());
    *device_type = static_cast<int32_t>(t.device().type());
    *device_index = t.device().index();
  });
}

int32_t cw_tensor_data(void* handle, void** out) {
  return guarded([&] {
    auto& t = tensor(handle);
    if (!t.is_contiguous() || !t.device().is_cpu()) throw std::invalid_argument("the data of a tensor can be read only where it is contiguous and on the CPU");
    *out = t.data_ptr();
  });
}

int32_t cw_tensor_flags(void* handle, int32_t* requires_grad, int32_t* is_leaf, int32_t* contiguous) {
  return guarded([&] {
    auto& t = tensor(handle);
    *requires_grad = t.requires_grad();
    *is_leaf = t.is_leaf();
    *contiguous = t.is_contiguous();
  });
}

int32_t cw_list_free(void* list) {
  std::free(list);
  return 0;
}

int32_t cw_requires_grad(void* handle, int32_t value) {
  return guarded([&] { tensor(handle).requires_grad_(value != 0); });
}

int32_t cw_grad_get(void* handle, void** out) {
  return guarded([&] { *out = cw::adopt(tensor(handle).grad()); });
}

int32_t cw_grad_set(void* handle, void* grad) {
  return guarded([&] { tensor(handle).mutable_grad() = grad ? tensor(grad) : at::Tensor(); });
}

int32_t cw_backward(void* const* tensors, void* const* grads, int32_t count, int32_t retain_graph, int32_t create_graph) {
  return guarded([&] {
    torch::autograd::variable_list roots, seeds;
    for (int32_t i = 0; i < count; i++) {
      roots.push_back(tensor(tensors[i]));
      if (grads) seeds.push_back(grads[i] ? tensor(grads[i]) : at::Tensor());
    }
    torch::autograd::backward(roots, seeds, retain_graph != 0 || create_graph != 0, create_graph != 0);
  });
}

int32_t cw_grad_mode_get(int32_t* out) {
  *out = c10::GradMode::is_enabled();
  return 0;
}

int32_t cw_grad_mode_set(int32_t value) {
  return guarded([&] { c10::GradMode::set_enabled(value != 0); });
}

int32_t cw_manual_seed(int64_t seed) {
  return guarded([&] { at::manual_seed(static_cast<uint64_t>(seed)); });
}

int32_t cw_rng_get(void** out) {
  return guarded([&] {
    auto generator = at::detail::getDefaultCPUGenerator();
    std::lock_guard<std::mutex> lock(generator.mutex());
    *out = cw::adopt(generator.get_state());
  });
}

int32_t cw_rng_set(void* state) {
  return guarded([&] {
    auto generator = at::detail::getDefaultCPUGenerator();
    std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_state(tensor(state));
  });
}

int32_t cw_threads_get(int32_t* out) {
  return guarded([&] { *out = at::get_num_threads(); });
}

int32_t cw_threads_set(int32_t count) {
  return guarded([&] { at::set_num_threads(count); });
}

int32_t cw_keep_memory() {
#ifdef __GLIBC__
  // A step's big blocks would go back to the kernel and come again as pages to be cleared.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
  return 0;
}

int32_t cw_cuda_available(int32_t* out) {
  return guarded([&] { *out = at::hasCUDA() && at::getNumGPUs() > 0; });
}

int32_t cw_cuda_count(int32_t* out) {
  return guarded([&] { *out = at::hasCUDA() ? static_cast<int32_t>(at::getNumGPUs()) : 0; });
}
