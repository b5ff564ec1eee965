// Sums down, and arithmetic along, the columns of x[pixels][channels], in whole vectors for any number of channels.
//
// `fold` pixels together are a whole number of vectors, so memory is read as rows of
// fold*channels elements. Values that belong to channels are repeated to that length.
//
//     channels = 6, vectors of 8, fold = 4:    |c0 c1 c2 c3 c4 c5 c0 c1|c2 c3 c4 c5 c0 c1 c2 c3|c4 c5 c0 c1 c2 c3 c4 c5|
//
// Expressions are written once for a vector and for a single element (the last few pixels): a
// lambda (at, e, c), where `at(p)` loads, `e` counts elements of x and `c` those of a row.
#pragma once
#include "parallel.h"

namespace convscope::CONVSCOPE_ISA {

struct LoadVector {
    template <class T> CONVSCOPE_INLINE Vector<T> operator()(const T* p) const { return load(p); }
};
struct LoadOne {
    template <class T> CONVSCOPE_INLINE T operator()(const T* p) const { return *p; }
};

template <class T> struct Columns {
    Index pixels, channels, fold, row, part;  // part: pixels of an item of work, a multiple of `fold` (by the shape alone)

    Columns(Index pixels, Index channels) : pixels(pixels), channels(channels) {
        Index a = channels, b = width<T>;
        while (b) {
            const Index rest = a % b;
            a = b, b = rest;
        }
        fold = width<T> / a, row = fold * channels;
        part = ceil_div(larger<Index>(1, 32768 / channels), fold) * fold;
    }
    Index parts() const { return ceil_div(pixels, part); }
    int team(Index items) const { return team_size(items, double(items) * part * channels / width<T>); }

    void repeat(const T* values, T* to) const {
        for (Index i = 0; i < fold; i++) memcpy(to + i * channels, values, channels * sizeof(T));
    }

    // sums[c] = sum over pixels [begin, end) of value; scratch has `row` elements. `begin` is a multiple of `fold`.
    template <class F> void sum(Index begin, Index end, const F& value, T* scratch, T* sums) const {
        const Index rows = (end - begin) / fold;
        constexpr Index together = 4 * width<T>;
        for (Index c = 0; c < row;) {
            if (c + together <= row) {
                Vector<T> total[4] = {};
                for (Index r = 0; r < rows; r++)
                    unroll<4>([&](auto v) CONVSCOPE_LAMBDA { total[v] += value(LoadVector{}, begin * channels + r * row + c + v * width<T>, c + v * width<T>); });
                unroll<4>([&](auto v) CONVSCOPE_LAMBDA { store(scratch + c + v * width<T>, total[v]); });
                c += together;
            } else {
                Vector<T> total = {};
                for (Index r = 0; r < rows; r++) total += value(LoadVector{}, begin * channels + r * row + c, c);
                store(scratch + c, total);
                c += width<T>;
            }
        }
        for (Index c = 0; c < channels; c++) {
            T total = 0;
            for (Index i = 0; i < fold; i++) total += scratch[i * channels + c];
            for (Index p = begin + rows * fold; p < end; p++) total += value(LoadOne{}, p * channels + c, c);
            sums[c] = total;
        }
    }

    // y[e] = value for all elements of pixels [begin, end).
    template <class F> void map(Index begin, Index end, const F& value, T* y) const {
        Index e = begin * channels;
        for (Index r = 0; r < (end - begin) / fold; r++)
            for (Index c = 0; c < row; c += width<T>, e += width<T>) store(y + e, value(LoadVector{}, e, c));
        for (Index c = 0; e < end * channels; e++, c++) y[e] = value(LoadOne{}, e, c);
    }

    // body(part, begin, end, worker) for all parts.
    template <class Body> void parallel_parts(const Body& body) const {
        parallel(parts(), team(parts()), [&](Index item, int worker) { body(item, item * part, smaller(pixels, (item + 1) * part), worker); });
    }
};

}  // namespace convscope::CONVSCOPE_ISA
