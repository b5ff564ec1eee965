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

// What one call of a tile does: out[p][k] (+)= bias[k] + sum over taps t, channels c of in[t*P + p][c] * weights[t][c][k]
template <class T> struct TileWork {
    const T* const* in;  // in[t*P + p]; in[t*P] null: tap t lies in the padding for the whole tile
    Index taps;
    Index first_channel, channels;
    const T* weights;
    T* const* out;            // out[p]
    Index first_lane, lanes;  // the output channels written: out[p][first_lane ... first_lane + lanes)
    const T* bias;            // a value for every lane of the panel, or null
    bool add;                 // to what is there
    const Epilogue<T>* epilogue;  // or null: there are more sums to come, or nothing is left to do
};

// Whole panels: everything happens in registers, one thing for all sums after the other.
template <class T, int P, int V> CONVSCOPE_INLINE void write_registers(const TileWork<T>& work, Vector<T> (&sums)[P][V]) {
    auto each = [&](auto f) CONVSCOPE_LAMBDA {
        unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
            T* out = work.out[p] + work.first_lane;
            unroll<V>([&](auto v) CONVSCOPE_LAMBDA { f(sums[p][v], out + v * width<T>); });
        });
    };
    if (work.add) each([](Vector<T>& sum, const T* out) CONVSCOPE_LAMBDA { sum += load(out); });
    if (work.epilogue) finish_each(*work.epilogue, each);
    each([](Vector<T> sum, T* out) CONVSCOPE_LAMBDA { store(out, sum); });
}

// The last panel, some of whose lanes are padding: sums[p][lanes of the panel] in memory first.
template <class T> void write_lanes(const TileWork<T>& work, Index pixels, Index row, const T* sums) {
    for (Index p = 0; p < pixels; p++, sums += row) {
        T* out = work.out[p] + work.first_lane;
        for (Index k = 0; k < work.lanes; k += width<T>) {
            const Index count = smaller<Index>(width<T>, work.lanes - k);
            Vector<T> v = load(sums + k);
            if (work.add) v += load_some(out + k, count);
            if (work.epilogue) v = finish(*work.epilogue, v, out + k, count);
            store_some(out + k, v, count);
        }
    }
}

template <class T, int P, int V> CONVSCOPE_INLINE void write_sums(const TileWork<T>& work, Vector<T> (&sums)[P][V]) {
    constexpr int W = width<T>;
    if (work.bias)
        unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
            unroll<V>([&](auto v) CONVSCOPE_LAMBDA { sums[p][v] += load(work.bias + v * W); });
        });
    if (work.lanes == V * W) return write_registers<T, P, V>(work, sums);
    T spread[P * V * W];
    unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
        unroll<V>([&](auto v) CONVSCOPE_LAMBDA { store(spread + (p * V + v) * W, sums[p][v]); });
    });
    write_lanes(work, P, V * W, spread);
}

// A single pixel by N whole panels, `panel` elements apart: those of one alone would wait for each other. The sums are those of tile.
template <class T, int N> void tile_of_one(TileWork<T> work, Index panel) {
    constexpr int W = width<T>, V = tile_vectors;
    Vector<T> sums[N][1][V] = {};
    const T *x = work.in[0] + work.first_channel, *weights = work.weights;
    for (Index c = 0; c < work.channels; c++, weights += V * W)
        unroll<N>([&](auto n) CONVSCOPE_LAMBDA {
            unroll<V>([&](auto v) CONVSCOPE_LAMBDA {
                multiply_add<T>(sums[n][0][v], broadcast(x[c]), load(weights + n * panel + v * W));
            });
        });
    unroll<N>([&](auto n) CONVSCOPE_LAMBDA {
        write_sums<T, 1, V>(work, sums[n]);
        work.first_lane += V * W;
        if (work.bias) work.bias += V * W;
    });
}

template <class T, int P, int V> void tile(const TileWork<T>& work) {
    constexpr int W = width<T>;
    Vector<T> sums[P][V];
    unroll<P>([&](auto p) CONVSCOPE_LAMBDA { unroll<V>([&](auto v) CONVSCOPE_LAMBDA { sums[p][v] = Vector<T>{}; }); });

    const T* const* in = work.in;
    const T* weights = work.weights;
    const Index begin = work.first_channel, end = begin + work.channels;
    for (Index t = 0; t < work.taps; t++, in += P) {
        if (!in[0]) {
            weights += work.channels * V * W;
            continue;
        }
        auto step = [&](Index c, const T* row) CONVSCOPE_LAMBDA {
            Vector<T> w[V];
            unroll<V>([&](auto v) CONVSCOPE_LAMBDA { w[v] = load(row + v * W); });
            unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
                const Vector<T> x = broadcast(in[p][c]);
                unroll<V>([&](auto v) CONVSCOPE_LAMBDA { multiply_add<T>(sums[p][v], x, w[v]); });
            });
        };
        Index c = begin;
        for (; c + 4 <= end; c += 4, weights += 4 * V * W)
            unroll<4>([&](auto i) CONVSCOPE_LAMBDA { step(c + i, weights + i * V * W); });
        for (; c < end; c++, weights += V * W) step(c, weights);
    }

    write_sums<T, P, V>(work, sums);
}

template <class T> using Tile = void (*)(const TileWork<T>&);

// tiles[P - 1] is tile<T, P, V>.
template <class T, int V> struct TileTable {
    Tile<T> tiles[tile_pixels<V>];
    constexpr TileTable() : tiles() { fill<1>(); }
    template <int P> constexpr void fill() {
        tiles[P - 1] = tile<T, P, V>;
        if constexpr (P < tile_pixels<V>) fill<P + 1>();
    }
};
template <class T, int V> constexpr TileTable<T, V> tile_table{};

template <class T> Tile<T> find_tile(Index pixels, Index vectors) {
    if (vectors == 1) return tile_table<T, 1>.tiles[pixels - 1];
    if (vectors == 2) return tile_table<T, 2>.tiles[pixels - 1];
    return tile_table<T, tile_vectors>.tiles[pixels - 1];
}

}  // namespace convscope::CONVSCOPE_ISA
