// Weights packed for the microkernel.
//
// Output channels are cut into panels of up to tile_vectors vectors. Within a panel, one row of
// lanes for each input channel under each tap; lanes past the last output channel are zero.
//
//     panel 0                          panel 1 (the last one: perhaps fewer vectors)
//     ┌ tap 0 ─ channel 0: k0 .. k31 ┐ ┌ k32 .. k39 0 .. 0 ┐
//     │         channel 1: k0 .. k31 │ │                   │
//     │         ...                  │ │                   │
//     │ tap 1 ─ channel 0: k0 .. k31 │ │                   │
//     └         ...                  ┘ └                   ┘
#pragma once
#include "microkernel.h"
#include "parallel.h"
#include "transpose.h"

namespace convscope::CONVSCOPE_ISA {

// How `k` output channels are cut into panels over `rows` rows (taps * channels).
template <class T> struct PanelShape {
    static constexpr Index lanes_most = Index(tile_vectors) * width<T>;
    Index rows, k;

    Index count() const { return ceil_div(k, lanes_most); }
    Index lanes(Index panel) const { return smaller(lanes_most, k - panel * lanes_most); }  // that are real
    Index vectors(Index panel) const { return ceil_div(lanes(panel), width<T>); }
    Index row(Index panel) const { return vectors(panel) * width<T>; }     // elements
    Index offset(Index panel) const { return panel * lanes_most * rows; }  // of its first row
    Index padded_k() const { return ceil_div(k, width<T>) * width<T>; }
    Index size() const { return rows * padded_k(); }
    // As wide a tile as the widest panel leaves registers for.
    Index pixels() const {
        const Index v = vectors(0);
        return v == 1 ? tile_pixels<1> : v == 2 ? tile_pixels<2> : tile_pixels<tile_vectors>;
    }
};

// The weights w[k][channel][tap] of a group. Packed as they are, lanes are output channels and there is a row for each channel
// under each tap. Packed `turned`, for the input gradient, channels and k change places. `tap` lists the taps that are
// wanted; `as they are` that is all of them, in order.
template <class T> struct WeightSource {
    const T* w;
    Index k, channels, taps;
    bool turned;
    const Index* tap;
    Index wanted;

    const T* end() const { return w + k * channels * taps; }
    Index rows() const { return turned ? k : channels; }  // under each tap
    PanelShape<T> shape() const {
        return turned ? PanelShape<T>{wanted * k, channels} : PanelShape<T>{taps * channels, k};
    }
};

// Puts packed rows [begin ...) under each tap in their places and notes whether all that went by was finite.
template <class T> struct PanelWriter {
    T* to;
    Index row, spacing, begin;  // elements of a packed row, and from one tap to the next
    Vector<T> check = {};

    CONVSCOPE_INLINE void put(Index tap, Index channel, Index vector, Vector<T> value) {
        store(to + tap * spacing + (channel - begin) * row + vector * width<T>, value);
        check += value * broadcast(T(0));
    }
    bool finite() const {
        T sum = 0;
        for (int lane = 0; lane < width<T>; lane++) sum += check[lane];
        return sum == 0;
    }
};

// A row of w is contiguous over (channel, tap): squares of it are turned, a lane for each k. (Writers come and go by value, so
// that they stay in registers.)
template <class T>
PanelWriter<T> pack_straight(const WeightSource<T>& s, Index first, Index lanes, Index vector, Index begin, Index end,
                             PanelWriter<T> writer) {
    Index channel = begin, tap = 0;
    const Index stride = s.channels * s.taps;
    for (Index e = begin * s.taps; e < end * s.taps; e += width<T>) {
        Vector<T> columns[width<T>];
        const Index count = smaller<Index>(width<T>, end * s.taps - e);
        load_columns(s.w + first * stride + e, stride, lanes, count, s.end(), columns);
        unroll<width<T>>([&](auto i) CONVSCOPE_LAMBDA {
            if (i >= count) return;
            writer.put(tap, channel, vector, columns[i]);
            if (++tap == s.taps) tap = 0, channel++;
        });
    }
    return writer;
}

// For one k, w is contiguous over (channel, tap): squares are turned, a lane for each channel.
template <class T>
PanelWriter<T> pack_turned(const WeightSource<T>& s, Index first, Index lanes, Index vector, Index begin, Index end,
                           PanelWriter<T> writer) {
    Scratch<Index> place(s.taps);  // of each tap among those wanted, or -1
    for (Index t = 0; t < s.taps; t++) place[t] = -1;
    for (Index i = 0; i < s.wanted; i++) place[s.tap[i]] = i;
    const Index row = s.channels * s.taps, ahead = smaller<Index>(8, s.k - begin) - 1;
    for (Index k = begin; k < end; k++) {
        const T* from = s.w + k * row + first * s.taps;
        if (k + ahead < s.k)  // rows lie pages apart, where no processor looks ahead by itself
            for (Index i = 0; i < lanes * s.taps; i += 64 / sizeof(T)) __builtin_prefetch(from + ahead * row + i);
        if (s.taps == 1) {
            if (s.wanted) writer.put(0, k, vector, lanes == width<T> ? load(from) : load_first(from, lanes));
            continue;
        }
        for (Index t = 0; t < s.taps; t += width<T>) {
            Vector<T> columns[width<T>] = {};
            if (s.taps - t == 1 && lanes == width<T>)  // the ninth tap
                unroll<width<T>>([&](auto lane) CONVSCOPE_LAMBDA { columns[0][int(lane)] = from[lane * s.taps + t]; });
            else
                load_columns(from + t, s.taps, lanes, smaller<Index>(width<T>, s.taps - t), s.end(), columns);
            unroll<width<T>>([&](auto i) CONVSCOPE_LAMBDA {
                if (t + i < s.taps && place[t + i] >= 0) writer.put(place[t + i], k, vector, columns[i]);
            });
        }
    }
    return writer;
}

// Packs rows [begin, end) of one panel, those of a tap side by side, tap after tap; says whether no weight was infinite or not a
// number.
template <class T> bool pack_some(const WeightSource<T>& source, Index panel, Index begin, Index end, T* to) {
    const PanelShape<T> shape = source.shape();
    PanelWriter<T> writer{to, shape.row(panel), (end - begin) * shape.row(panel), begin};
    for (Index vector = 0; vector < shape.vectors(panel); vector++) {
        const Index first = panel * shape.lanes_most + vector * width<T>, lanes = smaller<Index>(width<T>, shape.k - first);
        writer = source.turned ? pack_turned(source, first, lanes, vector, begin, end, writer)
                               : pack_straight(source, first, lanes, vector, begin, end, writer);
    }
    return writer.finite();
}

// The same, into their places in a panel whose first row is at `to`. These lie a round number of bytes apart for different taps,
// which would push each other out of the first cache: so they are put together first, and each tap's copied in one go.
template <class T> bool pack_rows(const WeightSource<T>& source, Index panel, Index begin, Index end, T* to) {
    const Index row = source.shape().row(panel), length = (end - begin) * row, taps = source.turned ? source.wanted : source.taps;
    Scratch<T> together(taps * length);
    const bool finite = pack_some(source, panel, begin, end, together.data());
    for (Index t = 0; t < taps; t++) memcpy(to + (t * source.rows() + begin) * row, &together[t * length], length * sizeof(T));
    return finite;
}

template <class T> Index rows_packed_at_once(const WeightSource<T>& source) {
    return larger<Index>(width<T>, 256 / larger<Index>(1, source.taps));
}

// Packs the weights of a group; says whether none is infinite or not a number. Then what lies under padding adds nothing and may
// be skipped.
template <class T> bool pack(const WeightSource<T>& source, T* to) {
    const PanelShape<T> shape = source.shape();
    const Index block = rows_packed_at_once(source), blocks = ceil_div(source.rows(), block), items = shape.count() * blocks;
    int infinite = 0;
    parallel(items, team_size(items, double(shape.size()) / 4), [&](Index item, int) {
        const Index panel = item / blocks, begin = item % blocks * block, end = smaller(source.rows(), begin + block);
        if (!pack_rows(source, panel, begin, end, to + shape.offset(panel))) __atomic_store_n(&infinite, 1, __ATOMIC_RELAXED);
    });
    return !infinite;
}

// One panel, by its caller alone.
template <class T> bool pack_panel(const WeightSource<T>& source, Index panel, T* to) {
    const Index block = rows_packed_at_once(source);
    bool finite = true;
    for (Index begin = 0; begin < source.rows(); begin += block)
        finite &= pack_rows(source, panel, begin, smaller(source.rows(), begin + block), to);
    return finite;
}

}  // namespace convscope::CONVSCOPE_ISA
