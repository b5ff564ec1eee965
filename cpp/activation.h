// ReLU and its gradient, over flat memory in any layout.
#pragma once
#include "parallel.h"

namespace convscope::CONVSCOPE_ISA {

constexpr Index flat_block = 1 << 14;  // elements an item handles

// body(begin, end) over blocks of a flat array of `size` elements.
template <class T, class Body> void parallel_flat(Index size, const Body& body) {
    const Index blocks = ceil_div(size, flat_block);
    parallel(blocks, team_size(blocks, double(size) / width<T>),
             [&](Index block, int) { body(block * flat_block, smaller(size, (block + 1) * flat_block)); });
}

// Not x > 0 ? x : 0: that would make zero of not-a-number.
template <class T> void relu(Index size, const T* x, T* y) {
    parallel_flat<T>(size, [=](Index begin, Index end) {
        for (Index i = begin; i < end; i++) y[i] = x[i] < 0 ? T(0) : x[i];
    });
}

template <class T> void relu_grad(Index size, const T* grad, const T* y, T* dx) {
    parallel_flat<T>(size, [=](Index begin, Index end) {
        for (Index i = begin; i < end; i++) dx[i] = y[i] > 0 ? grad[i] : T(0);
    });
}

}  // namespace convscope::CONVSCOPE_ISA
