// The last thing that happens to a sum, on its way from registers to memory:
//
//     y = activation(sum + bias + residual)
//
// so that neither a bias, nor an addition, nor a ReLU needs a pass over memory of its own.
#pragma once
#include "vector.h"

namespace convscope::CONVSCOPE_ISA {

// Not-a-number stays what it is: comparisons with it are false.
template <class T> CONVSCOPE_INLINE Vector<T> clip(const Epilogue<T>& e, Vector<T> v) {
    const Vector<T> low = broadcast(e.low), high = broadcast(e.high);
    v = v < low ? low : v;
    return v > high ? high : v;
}
template <class T> CONVSCOPE_INLINE Vector<T> leak(const Epilogue<T>& e, Vector<T> v) {
    return v < Vector<T>{} ? v * broadcast(e.low) : v;
}

template <class T> CONVSCOPE_INLINE Vector<T> activate(const Epilogue<T>& e, Vector<T> v) {
    if (e.activation == Activation::none) return v;
    return e.activation == Activation::clip ? clip(e, v) : leak(e, v);
}

// `y` is where the vector will be stored; `count` of its lanes are real.
template <class T> CONVSCOPE_INLINE Vector<T> finish(const Epilogue<T>& e, Vector<T> v, const T* y, Index count) {
    if (e.residual) v += load_some(e.residual + (y - e.y), count);
    return activate(e, v);
}

// The same for all sums of a tile, one thing after the other; each(f) calls f(sum, where it will be stored) for every whole vector.
template <class T, class Each> CONVSCOPE_INLINE void finish_each(const Epilogue<T>& e, const Each& each) {
    if (e.residual) each([&](Vector<T>& sum, const T* y) CONVSCOPE_LAMBDA { sum += load(e.residual + (y - e.y)); });
    if (e.activation == Activation::clip) each([&](Vector<T>& sum, const T*) CONVSCOPE_LAMBDA { sum = clip(e, sum); });
    if (e.activation == Activation::leaky) each([&](Vector<T>& sum, const T*) CONVSCOPE_LAMBDA { sum = leak(e, sum); });
}

}  // namespace convscope::CONVSCOPE_ISA
