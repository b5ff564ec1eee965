// Turning a square of width x width elements in registers.
//
// Interleaving the first half of the rows with the second half, log2(width) times over, turns rows into columns:
//
//     a0 a1 a2 a3      a0 c0 a1 c1      a0 b0 c0 d0
//     b0 b1 b2 b3  ->  a2 c2 a3 c3  ->  a1 b1 c1 d1
//     c0 c1 c2 c3      b0 d0 b1 d1      a2 b2 c2 d2
//     d0 d1 d2 d3      b2 d2 b3 d3      a3 b3 c3 d3
#pragma once
#include "vector.h"

namespace convscope::CONVSCOPE_ISA {

template <int... I> struct Numbers {};
template <int N, int... I> struct CountTo : CountTo<N - 1, N - 1, I...> {};
template <int... I> struct CountTo<0, I...> {
    typedef Numbers<I...> Type;
};

template <class T, int... I> CONVSCOPE_INLINE Vector<T> interleave_low(Vector<T> a, Vector<T> b, Numbers<I...>) {
    return __builtin_shufflevector(a, b, (I / 2 + I % 2 * int(sizeof...(I)))...);
}
template <class T, int... I> CONVSCOPE_INLINE Vector<T> interleave_high(Vector<T> a, Vector<T> b, Numbers<I...>) {
    return __builtin_shufflevector(a, b, (int(sizeof...(I)) / 2 + I / 2 + I % 2 * int(sizeof...(I)))...);
}

template <class T, int steps = width<T>> CONVSCOPE_INLINE void transpose(Vector<T> (&rows)[width<T>]) {
    if constexpr (steps > 1) {
        constexpr int W = width<T>;
        typedef typename CountTo<W>::Type Lanes;
        Vector<T> next[W];
        unroll<W / 2>([&](auto i) CONVSCOPE_LAMBDA {
            next[2 * i] = interleave_low<T>(rows[i], rows[i + W / 2], Lanes{});
            next[2 * i + 1] = interleave_high<T>(rows[i], rows[i + W / 2], Lanes{});
        });
        unroll<W>([&](auto i) CONVSCOPE_LAMBDA { rows[i] = next[i]; });
        transpose<T, steps / 2>(rows);
    }
}

// columns[e][lane] = from[lane*stride + e] for lanes below `lanes` and elements below `count`; other lanes are zero, other columns of
// no meaning. Nothing at or past `end` is read.
template <class T>
CONVSCOPE_INLINE void load_columns(const T* from, Index stride, Index lanes, Index count, const T* end,
                                   Vector<T> (&columns)[width<T>]) {
    unroll<width<T>>([&](auto lane) CONVSCOPE_LAMBDA {
        const T* row = from + lane * stride;
        columns[lane] = lane >= lanes           ? Vector<T>{}
                        : row + width<T> <= end ? load(row)
                                                : load_first(row, smaller(count, Index(end - row)));
    });
    transpose<T>(columns);
}

// to[lane*stride + e] = get(e)[lane] for begin <= e < end and lanes below `lanes`.
template <class T, class Get>
CONVSCOPE_INLINE void store_rows(T* to, Index stride, Index lanes, Index begin, Index end, const Get& get) {
    for (Index e = begin; e < end; e += width<T>) {
        Vector<T> square[width<T>];
        for (Index i = 0; i < width<T>; i++) square[i] = get(smaller(e + i, end - 1));
        transpose<T>(square);
        for (Index lane = 0; lane < lanes; lane++) store_some(to + lane * stride + e, square[lane], end - e);
    }
}

}  // namespace convscope::CONVSCOPE_ISA
