// The BLAS that libtorch came with, for products too small to be worth a call through its dispatcher. A libtorch that hides its own leaves these null.
#pragma once

extern "C" {
__attribute__((weak)) void sgemm_(const char*, const char*, const int*, const int*, const int*, const float*, const float*, const int*, const float*, const int*, const float*, float*, const int*);
__attribute__((weak)) void dgemm_(const char*, const char*, const int*, const int*, const int*, const double*, const double*, const int*, const double*, const int*, const double*, double*,
                                  const int*);
}

namespace cw {

inline bool has_blas() { return sgemm_ != nullptr && dgemm_ != nullptr; }

inline void gemm_call(char ta, char tb, int m, int n, int k, const float* a, int lda, const float* b, int ldb, float beta, float* c, int ldc) {
  const float one = 1;
  sgemm_(&ta, &tb, &m, &n, &k, &one, a, &lda, b, &ldb, &beta, c, &ldc);
}

inline void gemm_call(char ta, char tb, int m, int n, int k, const double* a, int lda, const double* b, int ldb, double beta, double* c, int ldc) {
  const double one = 1;
  dgemm_(&ta, &tb, &m, &n, &k, &one, a, &lda, b, &ldb, &beta, c, &ldc);
}

enum Read { kAsIs, kTransposed };

// C [m, n] = A [m, k] · B [k, n] + beta · C, row by row in memory and dense; a transposed one lies as [k, m] or [n, k]. BLAS counts columns: it is given Cᵀ = Bᵀ·Aᵀ.
template <class T>
void gemm(Read read_a, Read read_b, int m, int n, int k, const T* a, const T* b, T beta, T* c) {
  gemm_call(read_b == kAsIs ? 'N' : 'T', read_a == kAsIs ? 'N' : 'T', n, m, k, b, read_b == kAsIs ? n : k, a, read_a == kAsIs ? k : m, beta, c, n);
}

}  // namespace cw
