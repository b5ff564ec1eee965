// ReLU, its gradient, and sums, over flat memory in any layout.
#pragma once
#include "columns.h"

namespace convscope::CONVSCOPE_ISA {

constexpr Index flat_block = 1 << 14;  // elements an item handles

// body(begin, end) over blocks of a flat array of `size` elements.
template <class T, class Body> void parallel_flat(Index size, const Body& body) {
    const Index blocks = ceil_div(size, flat_block);
    parallel(blocks, team_size(blocks, double(size) / width<T>),
             [&](Index block, int) { body(block * flat_block, smaller(size, (block + 1) * flat_block)); });
}

// y[i] = value(at, i), where `at(p)` loads a vector or, for the last few, one element. (Left to itself the
// compiler makes branches of comparisons.)
template <class T, class Value> void map_flat(Index size, T* y, const Value& value) {
    const bool past = is_streamed(y, size);
    parallel_flat<T>(size, [=](Index begin, Index end) {
        Index i = begin;
        if (past)
            for (; i + width<T> <= end; i += width<T>) put<true>(y + i, value(LoadVector{}, i));
        for (; i + width<T> <= end; i += width<T>) put<false>(y + i, value(LoadVector{}, i));
        for (; i < end; i++) y[i] = value(LoadOne{}, i);
    });
}

// Not x > 0 ? x : 0: that would make zero of not-a-number.
template <class V> CONVSCOPE_INLINE V positive_part(V x) { return x < 0 ? V{} : x; }

template <class T> void relu(Index size, const T* x, T* y) {
    map_flat(size, y, [=](auto at, Index i) CONVSCOPE_LAMBDA { return positive_part(at(x + i)); });
}

template <class V> CONVSCOPE_INLINE V where_positive(V y, V grad) { return y > 0 ? grad : V{}; }

template <class T> void relu_grad(Index size, const T* grad, const T* y, T* dx) {
    map_flat(size, dx, [=](auto at, Index i) CONVSCOPE_LAMBDA { return where_positive(at(y + i), at(grad + i)); });
}

// y = a + b, then its positive part if `rectify`
template <class T> void add(Index size, bool rectify, const T* a, const T* b, T* y) {
    if (rectify)
        map_flat(size, y, [=](auto at, Index i) CONVSCOPE_LAMBDA { return positive_part(at(a + i) + at(b + i)); });
    else
        map_flat(size, y, [=](auto at, Index i) CONVSCOPE_LAMBDA { return at(a + i) + at(b + i); });
}

}  // namespace convscope::CONVSCOPE_ISA
