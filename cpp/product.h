// Products of rows with packed weights: 1x1 convolutions, dense layers, and each place of Winograd's tiles.
//
//            x                      panel                     y
//     row 0  x x x x x ...        ┌────┬────┐         row 0   ┌────┬────┐
//       step                   *  │ w0 │ w1 │  =        step  │    │    │
//     row 1  x x x x x ...        └────┴────┘         row 1   └────┴────┘
//      ...                        channels down        ...
//
// Rows lie at equal steps, so that one call goes over tile after tile and looks nothing up.
#pragma once
#include "panels.h"
#include "taps.h"

namespace convscope::CONVSCOPE_ISA {

constexpr Index tiles_in_group = 16;
constexpr Index panels_of_one = 4;  // that a single row is multiplied with at once

template <class T> struct RowsWork {
    const T* x;
    Index step, channels;
    const T* weights;
    T* y;
    Index y_step;
    PanelEnd<T> end;
    // Where rows and their channels do not lie at equal steps (strip_conv.h): where each of them is.
    const Index* place = nullptr;
    const Index* distance = nullptr;
};

// `tiles` tiles of P rows: row(r) of the work begins start(r) behind x, and its channel c lies at(c) behind that.
template <class T, int P, int V, class Start, class At>
CONVSCOPE_INLINE void row_tiles(const RowsWork<T>& work, Index tiles, const Start& start, const At& at) {
    constexpr int row = V * width<T>;
    const Index y_step = work.y_step, channels = work.channels;
    T* to = work.y;
    for (Index first = 0; first < tiles * P; first += P, to += P * y_step) {
        Vector<T> sums[P][V];
        unroll<P>([&](auto p)
                      CONVSCOPE_LAMBDA { unroll<V>([&](auto v) CONVSCOPE_LAMBDA { sums[p][v] = Vector<T>{}; }); });
        const T *in[P], *weights = work.weights;
        unroll<P>([&](auto p) CONVSCOPE_LAMBDA { in[p] = work.x + start(first + p); });
        const auto x = [&](auto p) CONVSCOPE_LAMBDA { return in[p]; };
        Index c = 0;
        for (; c + 4 <= channels; c += 4, weights += 4 * row)
            unroll<4>([&](auto i) CONVSCOPE_LAMBDA { multiply_row<T, P, V>(sums, x, at(c + i), weights + i * row); });
        for (; c < channels; c++, weights += row) multiply_row<T, P, V>(sums, x, at(c), weights);
        write_sums<T, P, V>(work.end, sums, [&](Index p) CONVSCOPE_LAMBDA { return to + p * y_step; });
    }
}

template <class T, int P, int V> struct RowTiles {
    static void run(const RowsWork<T>& work, Index tiles) {
        const Index step = work.step;
        row_tiles<T, P, V>(
            work, tiles, [&](Index r) CONVSCOPE_LAMBDA { return r * step; },
            [](Index c) CONVSCOPE_LAMBDA { return c; });
    }
};

// As few tiles as there can be, of P and P - 1 rows.
template <template <class, int, int> class Kernel, class T, int V> void multiply_rows(RowsWork<T> work, Index rows) {
    const auto& kernels = kernel_table<Kernel, T, V>.kernels;
    const Index tiles = ceil_div(rows, Index(tile_pixels<V>)), few = rows / tiles, more = rows % tiles;
    if (more > 0) kernels[few](work, more);
    if (work.place) work.place += more * (few + 1);
    work.x += more * (few + 1) * work.step, work.y += more * (few + 1) * work.y_step;
    kernels[few - 1](work, tiles - more);
}
template <template <class, int, int> class Kernel, class T>
void multiply_rows(const RowsWork<T>& work, Index rows, Index vectors) {
    if (vectors == 1) return multiply_rows<Kernel, T, 1>(work, rows);
    vectors == 2 ? multiply_rows<Kernel, T, 2>(work, rows) : multiply_rows<Kernel, T, tile_vectors>(work, rows);
}

// A single row by N whole panels, `panel` elements apart: those of one alone would wait for each other. The sums are those of a tile.
template <class T, int N> void multiply_one_row(RowsWork<T> work, Index panel) {
    constexpr int W = width<T>, V = tile_vectors;
    Vector<T> sums[N][1][V] = {};
    const T* weights = work.weights;
    for (Index c = 0; c < work.channels; c++, weights += V * W)
        unroll<N>([&](auto n) CONVSCOPE_LAMBDA {
            unroll<V>([&](auto v) CONVSCOPE_LAMBDA {
                multiply_add<T>(sums[n][0][v], broadcast(work.x[c]), load(weights + n * panel + v * W));
            });
        });
    unroll<N>([&](auto n) CONVSCOPE_LAMBDA {
        write_sums<T, 1, V>(work.end, sums[n], [&](Index) CONVSCOPE_LAMBDA { return work.y; });
        work.y += V * W;
        if (work.end.bias) work.end.bias += V * W;
    });
}

// How the pixels of a grid, its groups and their panels are shared out: an item is some tiles of pixels, a bundle, and of one group
// some panels. Weights are read once for each bundle: so few pixels are as few bundles as there are threads. Which of them go
// together changes no result.
template <class T> struct Shares {
    struct Share {
        Index group, begin, end, first_panel, end_panel;
    };
    Index pixels, panels, groups, bundles, pixels_most, splits, items;
    int team;  // workers

    Shares(const Grid& g, const PanelShape<T>& shape) : pixels(g.pixels()), panels(shape.count()), groups(g.groups) {
        const double work = double(pixels) * larger<Index>(1, shape.rows) * shape.padded_k() / width<T> * groups;
        const Index threads = team_size(pixels * panels, work), most = shape.pixels(),
                    wanted = threads == 1 ? 1 : 2 * threads;  // items: whoever is done first helps
        bundles = larger(ceil_div(pixels, most * tiles_in_group), smaller(threads, ceil_div(pixels, 2 * most)));
        if (bundles > threads) bundles = smaller(pixels, ceil_div(bundles, threads) * threads);  // as many for each
        pixels_most = ceil_div(pixels, bundles);
        splits = smaller(panels, ceil_div(wanted, bundles * groups));
        items = bundles * splits * groups;
        team = team_size(items, work);
    }
    Share share(Index item) const {
        const Index bundle = item / (splits * groups), split = item / groups % splits;
        return {item % groups, pixels * bundle / bundles, pixels * (bundle + 1) / bundles, panels * split / splits,
                panels * (split + 1) / splits};
    }
};

// A grid of one tap at (0, 0), whose outputs lie side by side.
template <class T> class Product {
public:
    static bool fits(const Grid& g) {
        const bool inside = (g.h - 1) * g.stride_y < g.in_h && (g.w - 1) * g.stride_x < g.in_w;
        return is_dense(g) && g.taps == 1 && g.tap[0].y == 0 && g.tap[0].x == 0 && inside;
    }
    // Weights and bias are packed for every group, one after the other.
    Product(const Grid& grid, const T* x, const PackedWeights<T>& w, const Epilogue<T>& epilogue, T* y)
        : g_(grid), shape_{grid.taps * grid.channels, grid.k}, x_(x), w_(w), epilogue_(epilogue), y_(y) {
        const bool apart = g_.h != g_.in_h || g_.w != g_.in_w;
        // Rows that lie a multiple of 1 KB apart fight over the same few sets of the first cache.
        copied_ = apart || (shape_.count() > 1 && g_.channels * sizeof(T) % 1024 == 0);
        finish_ = epilogue.residual || epilogue.activation != Activation::none;
    }

    void run() const {
        if (g_.pixels() == 0 || shape_.count() == 0) return;
        const Shares<T> shares(g_, shape_);
        const Index copies = copied_ ? shares.pixels_most * (smaller(shape_.rows, longest_sum) + width<T>) : 0;
        Scratch<T> memory(shares.team * copies);
        parallel(shares.items, shares.team, [&](Index item, int worker) {
            const auto share = shares.share(item);
            const Index begin = share.begin, count = share.end - begin, group = share.group;
            // Long rows are done piece by piece, which stay in the second cache for all panels.
            for_stretches(1, shape_.rows, [&](Index, Index, Index channel, Index channels, bool last) {
                Piece piece{x_ + begin * g_.in_pixel + group * g_.channels + channel,
                            g_.in_pixel,
                            begin,
                            count,
                            group,
                            channel,
                            channels,
                            last && finish_ ? &epilogue_ : nullptr};
                if (copied_) copy(piece, memory.data() + worker * copies);
                for (Index panel = share.first_panel, done; panel < share.end_panel; panel += done) {
                    const Index whole = smaller(share.end_panel, shape_.k / shape_.lanes_most) - panel;
                    done = count == 1 ? larger<Index>(1, smaller(whole, panels_of_one)) : 1;
                    multiply(piece, panel, done);
                }
            });
        });
    }

private:
    // Some channels of some rows.
    struct Piece {
        const T* from;
        Index step, begin, count, group, channel, channels;
        const Epilogue<T>* epilogue;  // of the last channels
    };

    void copy(Piece& piece, T* to) const {
        Walk at(g_, piece.begin, false);
        piece.from = to, piece.step = piece.channels + width<T>;
        const T* from = x_ + piece.group * g_.channels + piece.channel;
        for (Index p = 0; p < piece.count; p++, at.next())
            memcpy(to + p * piece.step, from + at.in, piece.channels * sizeof(T));
    }

    // Sums of a panel; or, of a single row, of `several` panels at once.
    void multiply(const Piece& s, Index panel, Index several) const {
        const T* weights = w_.weights + s.group * shape_.size() + shape_.offset(panel) + s.channel * shape_.row(panel);
        const T* bias =
            w_.bias && s.channel == 0 ? w_.bias + s.group * shape_.padded_k() + panel * shape_.lanes_most : nullptr;
        T* to = y_ + s.begin * g_.out_pixel + s.group * g_.k + panel * shape_.lanes_most;
        const RowsWork<T> work{s.from,
                               s.step,
                               s.channels,
                               weights,
                               to,
                               g_.out_pixel,
                               {shape_.lanes(panel), bias, s.channel > 0, s.epilogue}};
        const Index size = shape_.lanes_most * shape_.rows;
        if (several == 4) return multiply_one_row<T, 4>(work, size);
        if (several == 3) return multiply_one_row<T, 3>(work, size);
        if (several == 2) return multiply_one_row<T, 2>(work, size);
        multiply_rows<RowTiles, T>(work, s.count, shape_.vectors(panel));
    }

    const Grid g_;
    const PanelShape<T> shape_;
    const T* x_;
    const PackedWeights<T> w_;
    const Epilogue<T> epilogue_;
    T* y_;
    bool copied_, finish_;
};

}  // namespace convscope::CONVSCOPE_ISA
