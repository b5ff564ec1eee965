// Vectors of the widest registers there are, written with compiler vector extensions.
//
//     Vector<T>   width<T> elements of T in one register
//
// No standard library templates here or in any file that isa.cpp includes: the linker keeps one
// copy of such a function for the whole program, and it might be the one that needs AVX-512.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "contract.h"

#define CONVSCOPE_INLINE __attribute__((always_inline)) inline
#define CONVSCOPE_LAMBDA __attribute__((always_inline))

namespace convscope::CONVSCOPE_ISA {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
constexpr bool many_registers = true;  // 32 vector registers
#elif defined(__AVX__)
constexpr int vector_bytes = 32;
constexpr bool many_registers = false;  // 16
#elif defined(__aarch64__)
constexpr int vector_bytes = 16;
constexpr bool many_registers = true;
#else
constexpr int vector_bytes = 16;
constexpr bool many_registers = false;
#endif

template <class T> struct VectorOf {
    typedef T Type __attribute__((vector_size(vector_bytes)));
    typedef T Unaligned __attribute__((vector_size(vector_bytes), aligned(sizeof(T)), may_alias));
};
template <class T> using Vector = typename VectorOf<T>::Type;
template <class T> constexpr int width = vector_bytes / int(sizeof(T));

template <class T> CONVSCOPE_INLINE Vector<T> load(const T* p) {
    return *reinterpret_cast<const typename VectorOf<T>::Unaligned*>(p);
}
template <class T> CONVSCOPE_INLINE void store(T* p, Vector<T> v) {
    *reinterpret_cast<typename VectorOf<T>::Unaligned*>(p) = v;
}

// A result larger than a processor's share of the third cache is not there any more when it is read: it is written past the
// caches, which spares fetching what was there before. (Others see such stores after the next locked instruction, and every
// item of a parallel loop is taken by one.)
constexpr Index streamed_bytes = Index(4) << 20;

#if defined(__x86_64__)
constexpr bool can_stream = true;
#else
constexpr bool can_stream = false;
#endif

template <class T> bool is_streamed(const T* y, Index size) {
    const bool large = size * Index(sizeof(T)) >= streamed_bytes;
    return can_stream && large && reinterpret_cast<uintptr_t>(y) % vector_bytes == 0;
}

// Stores at a multiple of vector_bytes, `past` the caches or not.
template <bool past, class T> CONVSCOPE_INLINE void put(T* p, Vector<T> v) {
#if defined(__x86_64__)
    typedef float Floats __attribute__((vector_size(vector_bytes)));
    if constexpr (past) {
        float* to = reinterpret_cast<float*>(p);
#if defined(__AVX512F__)
        return __builtin_ia32_movntps512(to, Floats(v));
#elif defined(__AVX__)
        return __builtin_ia32_movntps256(to, Floats(v));
#else
        return __builtin_ia32_movntps(to, Floats(v));
#endif
    }
#endif
    store(p, v);
}

// x in every lane. Subtracting zero changes no number and vanishes; adding zero would not (-0 + 0 is 0).
template <class T> CONVSCOPE_INLINE Vector<T> broadcast(T x) { return x - Vector<T>{}; }

// sum += a * b, rounded once. With 16 registers a tile leaves the compiler none to spare: GCC, free to choose which operand the
// result replaces, moves the sums about and spills some (a third of the time of a convolution). So there it is told.
template <class T> CONVSCOPE_INLINE void multiply_add(Vector<T>& sum, Vector<T> a, Vector<T> b) {
#if defined(__FMA__) && !defined(__AVX512F__)
    Vector<T> in_register = sum;  // the element of an array itself would be written to memory each time
    if constexpr (sizeof(T) == 4)
        asm("vfmadd231ps %2, %1, %0" : "+x"(in_register) : "x"(a), "x"(b));
    else
        asm("vfmadd231pd %2, %1, %0" : "+x"(in_register) : "x"(a), "x"(b));
    sum = in_register;
#else
    sum += a * b;
#endif
}

// How max pooling compares: not-a-number wins, the last one, as in PyTorch; else the first of equals.
template <class V> CONVSCOPE_INLINE auto is_better(V value, V best) { return (value > best) | (value != value); }
template <class V> CONVSCOPE_INLINE V larger_of(V best, V value) { return is_better(value, best) ? value : best; }

// For the odd few: a call of memcpy would take longer.
template <class T> CONVSCOPE_INLINE void copy_few(T* to, const T* from, Index count) {
    Index i = 0;
    for (; i + 4 <= count; i += 4) memcpy(to + i, from + i, 4 * sizeof(T));
    for (; i < count; i++) to[i] = from[i];
}

// The first n < width elements; zeros in the other lanes.
template <class T> CONVSCOPE_INLINE Vector<T> load_first(const T* p, Index n) {
    T lanes[width<T>] = {};
    for (Index i = 0; i < n; i++) lanes[i] = p[i];
    return load(lanes);
}
template <class T> CONVSCOPE_INLINE void store_first(T* p, Vector<T> v, Index n) {
    T lanes[width<T>];
    store(lanes, v);
    copy_few(p, lanes, n);
}

template <class T> CONVSCOPE_INLINE Vector<T> load_some(const T* p, Index n) {
    return n >= width<T> ? load(p) : load_first(p, n);
}
template <class T> CONVSCOPE_INLINE void store_some(T* p, Vector<T> v, Index n) {
    n >= width<T> ? store(p, v) : store_first(p, v, n);
}

template <class T> struct SameSizeInteger {
    typedef int32_t Type;
};
template <> struct SameSizeInteger<double> {
    typedef int64_t Type;
};
template <class T> using Mask = Vector<typename SameSizeInteger<T>::Type>;

// True in the first n lanes.
template <class T> CONVSCOPE_INLINE Mask<T> first_lanes(Index n) {
    Mask<T> lane = {};
    for (int i = 0; i < width<T>; i++) lane[i] = i;
    return lane < broadcast(typename SameSizeInteger<T>::Type(n));
}

// f(Constant<0>), f(Constant<1>), ... written out N times, so that arrays indexed by the constant stay in registers.
// (#pragma unroll comes too late for that: the accumulators end up in memory.)
template <int I> struct Constant {
    constexpr operator int() const { return I; }
};
template <int N, int I = 0, class F> CONVSCOPE_INLINE void unroll(F&& f) {
    if constexpr (I < N) {
        f(Constant<I>{});
        unroll<N, I + 1>(f);
    }
}

CONVSCOPE_INLINE float square_root(float x) { return __builtin_sqrtf(x); }
CONVSCOPE_INLINE double square_root(double x) { return __builtin_sqrt(x); }
CONVSCOPE_INLINE float raised(float x, float power) { return __builtin_powf(x, power); }
CONVSCOPE_INLINE double raised(double x, double power) { return __builtin_pow(x, power); }
CONVSCOPE_INLINE float exponential(float x) { return __builtin_expf(x); }
CONVSCOPE_INLINE double exponential(double x) { return __builtin_exp(x); }
CONVSCOPE_INLINE float logarithm(float x) { return __builtin_logf(x); }
CONVSCOPE_INLINE double logarithm(double x) { return __builtin_log(x); }

template <class A> CONVSCOPE_INLINE A smaller(A a, A b) { return a < b ? a : b; }
template <class A> CONVSCOPE_INLINE A larger(A a, A b) { return a > b ? a : b; }
CONVSCOPE_INLINE Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

}  // namespace convscope::CONVSCOPE_ISA
