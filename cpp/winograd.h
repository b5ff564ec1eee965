// 3x3 convolutions of stride 1 by Winograd's algorithm (winograd_transform.h): transform tiles of the input, multiply,
// transform back.
//
//     x ──► V[36][tile][channel]          for each of the 36 places (16 for M = 2) a matrix product of its own:
//     w ──► U[panel][36][channel][lane]   P[place][tile][lane] = sum over channels of V[place][tile] * U[panel][place]
//     P ──► y, by way of the epilogue
//
// An item of work is a group of tiles, whose V stays in the second cache, and panel after panel of output channels. The
// planes of V and P lie a little more than a round number of bytes apart, so as not to fight over the sets of the caches.
//
// The input gradient is the same convolution, of grad by the weights turned round, with padding 2 - p.
#pragma once
#include "grid_conv.h"
#include "winograd_transform.h"

namespace convscope::CONVSCOPE_ISA {

constexpr Index few_tiles = 64;  // so few that transformed weights are used once

// Tiles of M x M outputs over the images; a padding below zero cuts.
struct TileGrid {
    Index n, h, w, c, oh, ow, k, pad_y, pad_x;
    Index m;

    Index down() const { return ceil_div(oh, m); }
    Index across() const { return ceil_div(ow, m); }
    Index count() const { return n * down() * across(); }
};

// Rows of channels in whole vectors, not a multiple of 1 KB apart.
template <class T> Index spaced_row(Index channels) {
    const Index row = ceil_div(channels, width<T>) * width<T>;
    return row * sizeof(T) % 1024 == 0 ? row + width<T> : row;
}

// Reads tiles of M + 2 pixels square, and of M, and transforms them.
template <class T, int M> struct TileReader {
    static constexpr int N = M + 2;
    const TileGrid& g;
    Zeros<T> zeros;

    explicit TileReader(const TileGrid& grid) : g(grid), zeros(larger(g.c, g.k)) {}

    // The size x size pixels of image n from (y, x) on, those outside as zeros.
    void look(const T* image, Index n, Index y, Index x, Index h, Index w, Index channels, int size,
              const T** in) const {
        for (Index i = y; i < y + size; i++)
            for (Index j = x; j < x + size; j++)
                *in++ = i >= 0 && i < h && j >= 0 && j < w ? image + ((n * h + i) * w + j) * channels : zeros.data();
    }
    // to[place * plane + at(channel)] for a tile of the input
    template <class At> CONVSCOPE_INLINE void input(const T* x, Index tile, T* to, Index plane, const At& at) const {
        const T* in[N * N];
        const Index i = tile / g.across() % g.down(), j = tile % g.across();
        look(x, tile / (g.across() * g.down()), i * M - g.pad_y, j * M - g.pad_x, g.h, g.w, g.c, N, in);
        for (Index c = 0; c < g.c; c += width<T>) {
            T* vector = to + at(c);
            both_axes<T, N, N>(
                Winograd<T, M>::input,
                [&](auto i, auto j) CONVSCOPE_LAMBDA { return load_some(in[i * N + j] + c, g.c - c); },
                [&](auto i, auto j, Vector<T> v) CONVSCOPE_LAMBDA { store(vector + (i * N + j) * plane, v); });
        }
    }
    // and for a tile of the output's gradient
    template <class At>
    CONVSCOPE_INLINE void spread(const T* grad, Index tile, T* to, Index plane, const At& at) const {
        const T* in[M * M];
        const Index i = tile / g.across() % g.down(), j = tile % g.across();
        look(grad, tile / (g.across() * g.down()), i * M, j * M, g.oh, g.ow, g.k, M, in);
        for (Index k = 0; k < g.k; k += width<T>) {
            T* vector = to + at(k);
            both_axes<T, M, N>(
                Winograd<T, M>::spread,
                [&](auto i, auto j) CONVSCOPE_LAMBDA { return load_some(in[i * M + j] + k, g.k - k); },
                [&](auto i, auto j, Vector<T> v) CONVSCOPE_LAMBDA { store(vector + (i * N + j) * plane, v); });
        }
    }
};

template <class T> PanelShape<T> winograd_shape(int m, Index c, Index k) { return {(m + 2) * (m + 2) * c, k}; }

// Transforms `count` rows of nine taps, `from_tap` elements apart; places come to lie `to_place` apart.
template <class T, int M>
void transform_rows(const T* from, Index from_tap, Index count, Index row, T* to, Index to_place) {
    for (Index e = 0; e < count * row; e += width<T>)
        both_axes<T, 3, M + 2>(
            Winograd<T, M>::filter,
            [&](auto i, auto j) CONVSCOPE_LAMBDA { return load(from + (i * 3 + j) * from_tap + e); },
            [&](auto i, auto j, Vector<T> v) CONVSCOPE_LAMBDA { store(to + (i * (M + 2) + j) * to_place + e, v); });
}

// U[panel][place][channel][lane] of weights as `source` gives them; says whether all were finite.
template <class T, int M> bool pack_winograd(const WeightSource<T>& source, T* to) {
    constexpr Index places = (M + 2) * (M + 2);
    const PanelShape<T> plain = source.shape();
    const Index channels = source.rows();
    const PanelShape<T> shape = winograd_shape<T>(M, channels, plain.k);
    Scratch<T> taps(plain.size());
    const bool finite = pack(source, taps.data());
    const Index block = 11, blocks = ceil_div(channels, block), items = shape.count() * blocks;
    parallel(items, team_size(items, double(shape.size()) / 4), [&](Index item, int) {
        // As in pack_rows: the places lie a round number of bytes apart in the end, and are put together first.
        const Index panel = item / blocks, first = item % blocks * block, row = shape.row(panel),
                    count = smaller(block, channels - first), length = count * row;
        Scratch<T> together(places * length);
        transform_rows<T, M>(&taps[plain.offset(panel) + first * row], channels * row, count, row, together.data(),
                             length);
        for (Index place = 0; place < places; place++)
            memcpy(to + shape.offset(panel) + (place * channels + first) * row, &together[place * length],
                   length * sizeof(T));
    });
    return finite;
}

template <class T, int M> class WinogradConv {
public:
    // Weights come packed, or `raw`: then they are transformed where they are used, for few tiles.
    WinogradConv(const TileGrid& grid, const T* x, const PackedWeights<T>& w, const WeightSource<T>* raw,
                 const Epilogue<T>& epilogue, T* y)
        : g_(grid),
          x_(x),
          w_(w),
          raw_(raw),
          epilogue_(epilogue),
          y_(y),
          shape_(winograd_shape<T>(M, grid.c, grid.k)),
          reader_(g_),
          row_(spaced_row<T>(g_.c)),
          pixel_(epilogue.pixel ? epilogue.pixel : g_.k) {}

    void run() {
        const Index tiles = g_.count(), panels = shape_.count();
        if (tiles == 0) return;
        const double work = double(tiles) * shape_.size() / width<T>;
        const Index threads = team_size(tiles, work);
        const Index fitting = group_bytes / Index(places * row_ * sizeof(T)), pixels = tile_pixels<tile_vectors>;
        // Weights that no cache holds are read once for each group: then more tiles, though theirs come from the third cache.
        const Index fewest = shape_.size() * Index(sizeof(T)) > cached_bytes ? 48 / pixels : 2;
        const Index most = larger<Index>(fewest * pixels, smaller<Index>(8 * pixels, fitting / pixels * pixels));
        Index groups = raw_ ? 1 : ceil_div(tiles, most);
        const Index splits = groups < threads ? smaller(panels, threads) : 1;
        if (splits == 1) groups = smaller(tiles, ceil_div(groups, threads) * threads);
        const Index items = groups * splits, each = ceil_div(tiles, groups);
        const int team = team_size(items, work);
        const Index inputs = each * row_ + 3 * width<T>, products = each * shape_.lanes_most + width<T>,
                    weights = raw_ ? (places + 9) * raw_rows * shape_.lanes_most : 0,
                    memory = places * (inputs + products) + weights;
        Scratch<T> scratch(team * memory);
        parallel(items, team, [&](Index item, int worker) {
            const Index group = item / splits, split = item % splits;
            Group b{tiles * group / groups,
                    tiles * (group + 1) / groups,
                    &scratch[worker * memory],
                    inputs,
                    nullptr,
                    products,
                    nullptr};
            b.product = b.input + places * inputs, b.weights = b.product + places * products;
            for (Index t = b.begin; t < b.end; t++)
                reader_.input(x_, t, b.input + (t - b.begin) * row_, inputs,
                              [](Index c) CONVSCOPE_LAMBDA { return c; });
            for (Index panel = panels * split / splits; panel < panels * (split + 1) / splits; panel++) {
                multiply(b, panel);
                for (Index t = b.begin; t < b.end; t++) write(b, t, panel);
            }
        });
    }

private:
    static constexpr int N = M + 2, places = N * N;
    static constexpr Index raw_rows =
        60;  // channels whose weights are transformed at once: a second cache full, places not 4 KB apart
    // What the second cache holds, more or less: 512 KB where vectors are short, 1 MB and more where they are long.
    static constexpr Index group_bytes = vector_bytes == 64 ? 3 << 19 : 1 << 19, cached_bytes = 16 << 20;

    struct Group {
        Index begin, end;  // tiles
        T* input;
        Index input_plane;  // elements
        T* product;
        Index product_plane;
        T* weights;  // of raw_rows channels, transformed
    };

    void multiply(const Group& b, Index panel) const {
        if (!raw_) return add_products(b, panel, 0, g_.c, w_.weights + shape_.offset(panel));
        const Index row = shape_.row(panel);
        T* taps = b.weights + places * raw_rows * row;
        for (Index first = 0; first < g_.c; first += raw_rows) {
            const Index count = smaller(raw_rows, g_.c - first);
            pack_some(*raw_, panel, first, first + count, taps);
            transform_rows<T, M>(taps, count * row, count, row, b.weights, count * row);
            add_products(b, panel, first, count, b.weights);
        }
    }

    // The products of some channels, whose weights lie side by side for each place, are added to those of the channels before.
    void add_products(const Group& b, Index panel, Index first, Index rows, const T* weights) const {
        const Index row = shape_.row(panel);
        for (Index place = 0; place < places; place++)
            for_stretches(1, rows, [&](Index, Index, Index channel, Index channels, bool) {
                multiply_rows<RowTiles, T>({b.input + place * b.input_plane + first + channel,
                                            row_,
                                            channels,
                                            weights + (place * rows + channel) * row,
                                            b.product + place * b.product_plane,
                                            shape_.lanes_most,
                                            {row, nullptr, first + channel > 0, nullptr}},
                                           b.end - b.begin, shape_.vectors(panel));
            });
    }

    void write(const Group& b, Index tile, Index panel) const {
        const Index n = tile / (g_.across() * g_.down()), i = tile / g_.across() % g_.down() * M,
                    j = tile % g_.across() * M;
        const Index rows = smaller<Index>(M, g_.oh - i), columns = smaller<Index>(M, g_.ow - j);
        const Index first = panel * shape_.lanes_most;
        const T* from = b.product + (tile - b.begin) * shape_.lanes_most;
        T* to = y_ + ((n * g_.oh + i) * g_.ow + j) * pixel_ + first;
        for (Index l = 0; l < shape_.lanes(panel); l += width<T>) {
            const Index count = shape_.lanes(panel) - l;
            const Vector<T> bias = w_.bias ? load(w_.bias + first + l) : Vector<T>{};
            Vector<T> sums[M][M];
            both_axes<T, N, M>(
                Winograd<T, M>::output,
                [&](auto i, auto j) CONVSCOPE_LAMBDA { return load(from + (i * N + j) * b.product_plane + l); },
                [&](auto i, auto j, Vector<T> v) CONVSCOPE_LAMBDA { sums[i][j] = v + bias; });
            const auto each = [&](auto f) CONVSCOPE_LAMBDA {
                unroll<M>([&](auto i) CONVSCOPE_LAMBDA {
                    unroll<M>([&](auto j) CONVSCOPE_LAMBDA { f(sums[i][j], to + (i * g_.ow + j) * pixel_ + l); });
                });
            };
            if (rows == M && columns == M && count >= width<T>) {
                finish_each(epilogue_, each);
                each([](Vector<T> v, T* out) CONVSCOPE_LAMBDA { store(out, v); });
                continue;
            }
            for (Index i = 0; i < rows; i++)
                for (Index j = 0; j < columns; j++) {
                    T* out = to + (i * g_.ow + j) * pixel_ + l;
                    store_some(out, finish(epilogue_, sums[i][j], out, count), count);
                }
        }
    }

    const TileGrid g_;
    const T* x_;
    const PackedWeights<T> w_;
    const WeightSource<T>* raw_;
    const Epilogue<T> epilogue_;
    T* y_;
    const PanelShape<T> shape_;
    const TileReader<T, M> reader_;
    const Index row_, pixel_;  // elements from one tile to the next; and from one pixel of y
};

inline TileGrid forward_tiles(const ConvShape& s, Algorithm algorithm) {
    return {s.n, s.h, s.w, s.c, s.oh, s.ow, s.k, s.pad_y, s.pad_x, Index(algorithm)};
}

template <class T>
void winograd(const TileGrid& g, const T* x, const PackedWeights<T>& w, const Epilogue<T>& epilogue, T* y,
              const WeightSource<T>* raw = nullptr) {
    g.m == 2 ? WinogradConv<T, 2>(g, x, w, raw, epilogue, y).run()
             : WinogradConv<T, 4>(g, x, w, raw, epilogue, y).run();
}
template <class T> bool pack_winograd(Algorithm algorithm, const WeightSource<T>& source, T* to) {
    return algorithm == Algorithm::winograd2 ? pack_winograd<T, 2>(source, to) : pack_winograd<T, 4>(source, to);
}

template <class T> void winograd_grad_input(const ConvShape& s, Algorithm algorithm, const T* grad, const T* w, T* dx) {
    const Index turned[9] = {8, 7, 6, 5, 4, 3, 2, 1, 0};
    const WeightSource<T> weights{w, s.k, s.c, 9, true, turned, 9};
    const TileGrid g{s.n, s.oh, s.ow, s.k, s.h, s.w, s.c, 2 - s.pad_y, 2 - s.pad_x, Index(algorithm)};
    if (g.count() <= few_tiles) return winograd<T>(g, grad, {algorithm, true, nullptr, nullptr}, {}, dx, &weights);
    Scratch<T> packed(winograd_shape<T>(int(algorithm), s.k, s.c).size());
    pack_winograd<T>(algorithm, weights, packed.data());
    winograd<T>(g, grad, {algorithm, true, packed.data(), nullptr}, {}, dx);
}

}  // namespace convscope::CONVSCOPE_ISA
