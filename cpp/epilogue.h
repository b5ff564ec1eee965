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

}  // namespace convscope::CONVSCOPE_ISA
