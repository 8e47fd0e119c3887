// Turns whatever is thrown into a status and a message, so that nothing crosses the C boundary.
#pragma once

#include <ATen/ATen.h>

#include <exception>
#include <stdexcept>
#include <string>

namespace cw {

inline thread_local std::string last_error;

template <class Body>
int32_t guarded(Body&& body) noexcept {
  try {
    body();
    return 0;
  } catch (const c10::Error& e) {
    last_error = e.what_without_backtrace();
  } catch (const std::exception& e) {
    last_error = e.what();
  } catch (...) {
    last_error = "unknown native error";
  }
  return 1;
}

inline at::Tensor& tensor(void* handle) {
  if (handle == nullptr) throw std::invalid_argument("a disposed or null tensor was passed");
  return *static_cast<at::Tensor*>(handle);
}

// The native layers are written for these; whoever calls them leaves other tensors to plain operators.
inline void check_layer_input(const at::Tensor& x, const char* what) {
  if (!x.device().is_cpu() || (x.scalar_type() != at::kFloat && x.scalar_type() != at::kDouble))
    throw std::invalid_argument(std::string(what) + " takes float32 and float64 tensors on the CPU");
}

void* adopt(at::Tensor value);  // a new counted handle; null for an undefined tensor

}  // namespace cw
