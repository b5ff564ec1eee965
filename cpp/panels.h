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
#include "parallel.h"
#include "microkernel.h"

namespace convscope::CONVSCOPE_ISA {

// How `k` output channels are cut into panels over `rows` rows (taps * channels).
template <class T> struct PanelShape {
    static constexpr Index lanes_most = Index(tile_vectors) * width<T>;
    Index rows, k;

    Index count() const { return ceil_div(k, lanes_most); }
    Index lanes(Index panel) const { return smaller(lanes_most, k - panel * lanes_most); }             // that are real
    Index vectors(Index panel) const { return ceil_div(lanes(panel), width<T>); }
    Index row(Index panel) const { return vectors(panel) * width<T>; }                                 // elements
    Index offset(Index panel) const { return panel * lanes_most * rows; }                              // of its first row
    Index padded_k() const { return ceil_div(k, width<T>) * width<T>; }
    Index size() const { return rows * padded_k(); }
    // As wide a tile as the widest panel leaves registers for.
    Index pixels() const {
        const Index v = vectors(0);
        return v == 1 ? tile_pixels<1> : v == 2 ? tile_pixels<2> : tile_pixels<tile_vectors>;
    }
};

// Where packing finds weight (tap, channel, k): from[tap_offset[tap] + channel * channel_stride + k * k_stride].
template <class T> struct WeightSource {
    const T* from;
    const Index* tap_offset;
    Index taps, channels, channel_stride, k_stride;
};

// Rows of channels [begin, end) under all taps, of one panel.
template <class T> void pack_rows(const WeightSource<T>& s, const PanelShape<T>& shape, Index panel, Index begin, Index end, T* to) {
    const Index lanes = shape.lanes(panel), row = shape.row(panel);
    const T* from = s.from + panel * shape.lanes_most * s.k_stride;
    to += shape.offset(panel);
    if (lanes < row)
        for (Index t = 0; t < s.taps; t++)
            for (Index c = begin; c < end; c++)
                for (Index k = lanes; k < row; k++) to[(t * s.channels + c) * row + k] = T(0);
    if (s.k_stride > s.channel_stride) {  // read in the order of memory, whichever that is
        for (Index k = 0; k < lanes; k++)
            for (Index c = begin; c < end; c++)
                for (Index t = 0; t < s.taps; t++)
                    to[(t * s.channels + c) * row + k] = from[s.tap_offset[t] + c * s.channel_stride + k * s.k_stride];
    } else {
        for (Index c = begin; c < end; c++)
            for (Index t = 0; t < s.taps; t++)
                for (Index k = 0; k < lanes; k++)
                    to[(t * s.channels + c) * row + k] = from[s.tap_offset[t] + c * s.channel_stride + k * s.k_stride];
    }
}

template <class T> void pack(const WeightSource<T>& source, const PanelShape<T>& shape, T* to) {
    const Index block = larger<Index>(1, 128 / larger<Index>(1, source.taps));  // channels: their rows fit the first cache
    const Index blocks = ceil_div(source.channels, block), items = shape.count() * blocks;
    parallel(items, team_size(items, double(shape.size()) / 4), [&](Index item, int) {
        const Index begin = item % blocks * block;
        pack_rows(source, shape, item / blocks, begin, smaller(source.channels, begin + block), to);
    });
}

// Whether no element is infinite or not a number: then what lies under padding adds nothing and may be skipped.
template <class T> bool all_finite(const T* x, Index count) {
    Vector<T> sum = {};
    Index i = 0;
    for (; i + width<T> <= count; i += width<T>) sum += load(x + i) * broadcast(T(0));
    T rest = 0;
    for (; i < count; i++) rest += x[i] * T(0);
    for (int lane = 0; lane < width<T>; lane++) rest += sum[lane];
    return rest == 0;
}

}  // namespace convscope::CONVSCOPE_ISA
