// The register tile on which every convolution and matrix product rests.
//
// P pixels by V vectors of output channels are kept in registers while the taps go by. For each
// tap a table says where each pixel finds its input channels (taps.h), so that kernel size,
// stride, padding and dilation need no code of their own here.
//
//                          weights of a panel: [tap][channel][V vectors]
//                             ┌────┬────┐
//                             │ w0 │ w1 │  one row: one channel under one tap
//                             └────┴────┘
//     in[tap][0] ─► x x x ..  ┌────┬────┐
//     in[tap][1] ─► x x x ..  │acc │acc │  sums[p] += broadcast(in[tap][p][channel]) * row
//        ...                  │    │    │
//     in[tap][P-1] ─► x x ..  └────┴────┘  ─► out[p][0 .. lanes)
#pragma once
#include "epilogue.h"

namespace convscope::CONVSCOPE_ISA {

// The largest tile: its sums, one row of weights and one broadcast value fill the registers (32: 14 x 2 or 8 x 3; 16: 6 x 2).
// A single vector needs no more sums than keep the multiply-add units busy.
constexpr int tile_vectors = many_registers && vector_bytes == 16 ? 3 : 2;
template <int V> constexpr int tile_pixels = !many_registers ? 12 / V : tile_vectors == 2 ? 14 : V == 3 ? 8 : 12;
constexpr int most_tile_pixels = tile_pixels<1>;

// What becomes of the sums of a panel.
template <class T> struct PanelEnd {
    Index lanes;                  // output channels that are written
    const T* bias;                // a value for every lane of the panel, or null
    bool add;                     // to what is there
    const Epilogue<T>* epilogue;  // or null: there are more sums to come, or nothing is left to do
};

// What one call of a tile does: out[p][k] (+)= bias[k] + sum over taps t, channels c of in[t*P + p][c] * weights[t][c][k]
template <class T> struct TileWork {
    const T* const* in;  // in[t*P + p]; in[t*P] null: tap t lies in the padding for the whole tile
    Index taps;
    Index first_channel, channels;
    const T* weights;
    T* const* out;     // out[p]
    Index first_lane;  // written: out[p][first_lane ... first_lane + lanes)
    PanelEnd<T> end;
};

// Whole panels: everything happens in registers, one thing for all sums after the other. out(p): where those of pixel p go.
template <class T, int P, int V, class Out>
CONVSCOPE_INLINE void write_registers(const PanelEnd<T>& end, Vector<T> (&sums)[P][V], const Out& out) {
    const auto each = [&](auto f) CONVSCOPE_LAMBDA {
        unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
            T* to = out(p);
            unroll<V>([&](auto v) CONVSCOPE_LAMBDA { f(sums[p][v], to + v * width<T>); });
        });
    };
    if (end.add) each([](Vector<T>& sum, const T* to) CONVSCOPE_LAMBDA { sum += load(to); });
    if (end.epilogue) finish_each(*end.epilogue, each);
    each([](Vector<T> sum, T* to) CONVSCOPE_LAMBDA { store(to, sum); });
}

// The last panel, some of whose lanes are padding: sums[lanes of the panel] of a pixel, in memory first.
template <class T> void write_lanes(const PanelEnd<T>& end, const T* sums, T* out) {
    for (Index k = 0; k < end.lanes; k += width<T>) {
        const Index count = smaller<Index>(width<T>, end.lanes - k);
        Vector<T> v = load(sums + k);
        if (end.add) v += load_some(out + k, count);
        if (end.epilogue) v = finish(*end.epilogue, v, out + k, count);
        store_some(out + k, v, count);
    }
}

template <class T, int P, int V, class Out>
CONVSCOPE_INLINE void write_sums(const PanelEnd<T>& end, Vector<T> (&sums)[P][V], const Out& out) {
    constexpr int W = width<T>;
    if (end.bias)
        unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
            unroll<V>([&](auto v) CONVSCOPE_LAMBDA { sums[p][v] += load(end.bias + v * W); });
        });
    if (end.lanes == V * W) return write_registers<T, P, V>(end, sums, out);
    T spread[P * V * W];
    unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
        unroll<V>([&](auto v) CONVSCOPE_LAMBDA { store(spread + (p * V + v) * W, sums[p][v]); });
    });
    for (Index p = 0; p < P; p++) write_lanes(end, spread + p * V * W, out(p));
}

// sums[p] += x(p)[c] * row, for one channel c under one tap
template <class T, int P, int V, class X>
CONVSCOPE_INLINE void multiply_row(Vector<T> (&sums)[P][V], const X& x, Index c, const T* row) {
    Vector<T> w[V];
    unroll<V>([&](auto v) CONVSCOPE_LAMBDA { w[v] = load(row + v * width<T>); });
    unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
        const Vector<T> value = broadcast(x(p)[c]);
        unroll<V>([&](auto v) CONVSCOPE_LAMBDA { multiply_add<T>(sums[p][v], value, w[v]); });
    });
}

template <class T, int P, int V> struct Tile {
    static void run(const TileWork<T>& work) {
        constexpr int row = V * width<T>;
        Vector<T> sums[P][V];
        unroll<P>([&](auto p)
                      CONVSCOPE_LAMBDA { unroll<V>([&](auto v) CONVSCOPE_LAMBDA { sums[p][v] = Vector<T>{}; }); });

        const T* const* in = work.in;
        const T* weights = work.weights;
        const Index begin = work.first_channel, end = begin + work.channels;
        for (Index t = 0; t < work.taps; t++, in += P) {
            if (!in[0]) {
                weights += work.channels * row;
                continue;
            }
            const auto x = [&](auto p) CONVSCOPE_LAMBDA { return in[p]; };
            Index c = begin;
            for (; c + 4 <= end; c += 4, weights += 4 * row)
                unroll<4>([&](auto i) CONVSCOPE_LAMBDA { multiply_row<T, P, V>(sums, x, c + i, weights + i * row); });
            for (; c < end; c++, weights += row) multiply_row<T, P, V>(sums, x, c, weights);
        }
        write_sums<T, P, V>(work.end, sums, [&](Index p) CONVSCOPE_LAMBDA { return work.out[p] + work.first_lane; });
    }
};

// Kernels for every size of tile: kernels[P - 1] is that of P by V vectors.
template <template <class, int, int> class Kernel, class T, int V> struct KernelTable {
    decltype(&Kernel<T, 1, V>::run) kernels[tile_pixels<V>];
    constexpr KernelTable() : kernels() { fill<1>(); }
    template <int P> constexpr void fill() {
        kernels[P - 1] = Kernel<T, P, V>::run;
        if constexpr (P < tile_pixels<V>) fill<P + 1>();
    }
};
template <template <class, int, int> class Kernel, class T, int V> constexpr KernelTable<Kernel, T, V> kernel_table{};

template <template <class, int, int> class Kernel, class T> auto find_kernel(Index pixels, Index vectors) {
    if (vectors == 1) return kernel_table<Kernel, T, 1>.kernels[pixels - 1];
    if (vectors == 2) return kernel_table<Kernel, T, 2>.kernels[pixels - 1];
    return kernel_table<Kernel, T, tile_vectors>.kernels[pixels - 1];
}

constexpr Index longest_sum = 256;

// f(first tap, taps, first channel, channels, whether it is the last) for each stretch of a sum.
template <class F> CONVSCOPE_INLINE void for_stretches(Index taps, Index channels, F&& f) {
    if (channels <= longest_sum || taps == 0) {  // no taps: once, with nothing to add, so that every output is written
        const Index parts = larger<Index>(1, smaller(taps, ceil_div(taps * channels, longest_sum)));
        for (Index i = 0; i < parts; i++)
            f(taps * i / parts, taps * (i + 1) / parts - taps * i / parts, Index(0), channels, i + 1 == parts);
        return;
    }
    const Index parts = ceil_div(channels, longest_sum);
    for (Index t = 0; t < taps; t++)
        for (Index i = 0; i < parts; i++)
            f(t, Index(1), channels * i / parts, channels * (i + 1) / parts - channels * i / parts,
              t + 1 == taps && i + 1 == parts);
}

}  // namespace convscope::CONVSCOPE_ISA
