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
    Index pixels, channels, fold, row,
        part;  // part: pixels of an item of work, a multiple of `fold` (by the shape alone)

    Columns(Index pixels, Index channels) : pixels(pixels), channels(channels) {
        Index a = channels, b = width<T>;
        while (b) {
            const Index rest = a % b;
            a = b, b = rest;
        }
        fold = width<T> / a, row = fold * channels;
        part = ceil_div(larger<Index>(1, 16384 / channels), fold) * fold;
    }
    Index parts() const { return ceil_div(pixels, part); }
    int team(Index items) const { return team_size(items, double(items) * part * channels / width<T>); }

    void repeat(const T* values, T* to) const {
        for (Index i = 0; i < fold; i++) memcpy(to + i * channels, values, channels * sizeof(T));
    }

    // sums[c] = sum over pixels [begin, end) of value; scratch has `row` elements. `begin` is a multiple of `fold`.
    // Sums over `rows_at_once` rows are added to sums of such sums, which keeps the rounding error down.
    template <class F> void sum(Index begin, Index end, const F& value, T* scratch, T* sums) const {
        const Index rows = (end - begin) / fold;
        Index c = 0;
        for (; c + 4 * width<T> <= row; c += 4 * width<T>)
            sum_columns<4>(begin * channels + c, rows, c, value, scratch);
        for (; c < row; c += width<T>) sum_columns<1>(begin * channels + c, rows, c, value, scratch);
        for (c = 0; c < channels; c++) {
            T total = 0;
            for (Index i = 0; i < fold; i++) total += scratch[i * channels + c];
            for (Index p = begin + rows * fold; p < end; p++) total += value(LoadOne{}, p * channels + c, c);
            sums[c] = total;
        }
    }

    // y[e] = value for all elements of pixels [begin, end).
    template <class F> void map(Index begin, Index end, const F& value, T* y) const {
        is_streamed(y, pixels * channels) ? map_rows<true>(begin, end, value, y) : map_rows<false>(begin, end, value, y);
        Index e = (begin + (end - begin) / fold * fold) * channels;
        for (Index c = 0; e < end * channels; e++, c++) y[e] = value(LoadOne{}, e, c);
    }

    // body(part, begin, end, worker) for all parts.
    template <class Body> void parallel_parts(const Body& body) const {
        parallel(parts(), team(parts()),
                 [&](Index item, int worker) { body(item, item * part, smaller(pixels, (item + 1) * part), worker); });
    }

private:
    static constexpr Index rows_at_once = 64;

    template <bool past, class F> void map_rows(Index begin, Index end, const F& value, T* y) const {
        Index e = begin * channels;
        for (Index r = 0; r < (end - begin) / fold; r++)
            for (Index c = 0; c < row; c += width<T>, e += width<T>) put<past>(y + e, value(LoadVector{}, e, c));
    }

    // V vectors of columns, from column c and element e on.
    template <int V, class F>
    CONVSCOPE_INLINE void sum_columns(Index e, Index rows, Index c, const F& value, T* scratch) const {
        Vector<T> total[V] = {};
        for (Index first = 0; first < rows; first += rows_at_once) {
            Vector<T> some[V] = {};
            for (Index r = first; r < smaller(rows, first + rows_at_once); r++)
                unroll<V>([&](auto v) CONVSCOPE_LAMBDA {
                    some[v] += value(LoadVector{}, e + r * row + v * width<T>, c + v * width<T>);
                });
            unroll<V>([&](auto v) CONVSCOPE_LAMBDA { total[v] += some[v]; });
        }
        unroll<V>([&](auto v) CONVSCOPE_LAMBDA { store(scratch + c + v * width<T>, total[v]); });
    }
};

}  // namespace convscope::CONVSCOPE_ISA
