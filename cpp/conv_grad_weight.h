// dw[o][c][u][v] = sum over n, i, j of x[n][i*s + u*d - p][j*s + v*d - p][c] * grad[n][i][j][o]
//
// The register tile of microkernel.h turned round: P input channels by V vectors of output
// channels are summed over a list of pixels.
//
//                        grad[pixel][o ...]
//                         ┌────┬────┐
//     x[pixel] ─► c0 ..   │sum │sum │    sums[c] += broadcast(x[pixel][c]) * grad[pixel]
//                 c13     └────┴────┘
//
// Pixels are cut into parts by the shape alone, never by the number of threads; each part has
// sums of its own, in the panels of panels.h, and the parts are added in order at the end.
// With few filters most lanes would be empty; where channels are gathered anyway (grid_conv.h), input and
// gradient then change places: lanes are (tap, channel), and the filters are broadcast.
//
// Within a part, sums over `pixel_block` pixels at a time are added to memory, which also keeps
// the rounding error down.
#pragma once
#include "conv.h"

namespace convscope::CONVSCOPE_ISA {

constexpr Index pixel_block = 192;

template <class T> struct WeightSumWork {
    const T* const* x;  // x[i]: input channels of the i-th pixel in the list
    const int* pixel;   // and which row of grad it goes with
    Index pixels, first_channel;
    const T* grad;
    Index grad_row;
    T* sums;   // row c of the tile at sums + c * V vectors
    bool add;  // to what is there
};

template <class T, int P, int V> void weight_sums(const WeightSumWork<T>& work) {
    constexpr int W = width<T>;
    Vector<T> sums[P][V];
    unroll<P>([&](auto p) CONVSCOPE_LAMBDA { unroll<V>([&](auto v) CONVSCOPE_LAMBDA { sums[p][v] = Vector<T>{}; }); });
    for (Index i = 0; i < work.pixels; i++) {
        const T *x = work.x[i] + work.first_channel, *grad = work.grad + work.pixel[i] * work.grad_row;
        Vector<T> g[V];
        unroll<V>([&](auto v) CONVSCOPE_LAMBDA { g[v] = load(grad + v * W); });
        unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
            const Vector<T> b = broadcast(x[p]);
            unroll<V>([&](auto v) CONVSCOPE_LAMBDA { sums[p][v] += b * g[v]; });
        });
    }
    unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
        unroll<V>([&](auto v) CONVSCOPE_LAMBDA {
            T* to = work.sums + (p * V + v) * W;
            store(to, work.add ? load(to) + sums[p][v] : sums[p][v]);
        });
    });
}

template <class T> using WeightSums = void (*)(const WeightSumWork<T>&);

template <class T, int V> struct WeightSumTable {
    WeightSums<T> kernels[tile_pixels<V>];
    constexpr WeightSumTable() : kernels() { fill<1>(); }
    template <int P> constexpr void fill() {
        kernels[P - 1] = weight_sums<T, P, V>;
        if constexpr (P < tile_pixels<V>) fill<P + 1>();
    }
};
template <class T, int V> constexpr WeightSumTable<T, V> weight_sum_table{};

template <class T> WeightSums<T> find_weight_sums(Index channels, Index vectors) {
    if (vectors == 1) return weight_sum_table<T, 1>.kernels[channels - 1];
    if (vectors == 2) return weight_sum_table<T, 2>.kernels[channels - 1];
    return weight_sum_table<T, tile_vectors>.kernels[channels - 1];
}

// f(first channel, channels) for tiles of broadcast channels, about equally large.
template <class T, class F> void for_channel_tiles(Index channels, Index vectors, const F& f) {
    const Index most = vectors == 1 ? tile_pixels<1> : vectors == 2 ? tile_pixels<2> : tile_pixels<tile_vectors>;
    const Index tiles = ceil_div(channels, most);
    for (Index i = 0; i < tiles; i++) {
        const Index c = channels * i / tiles;
        f(c, channels * (i + 1) / tiles - c);
    }
}

template <class T> class GradWeight {
public:
    GradWeight(const Grid& grid, const T* x, const T* grad)
        : g_(grid),
          x_(x),
          grad_(grad),
          shape_{grid.taps * grid.channels, grid.k},
          zeros_(grid.in_pixel),
          table_(g_, x, zeros_.data()),
          gather_(g_, table_, x, x + grid.n * grid.in_h * grid.in_w * grid.in_pixel) {
        for (Index i = 0; i < g_.in_pixel; i++) zeros_[i] = T(0);
        gathered_ = g_.channels < few_channels && g_.taps > 1;
        turned_ = gathered_ && 2 * g_.k <= width<T>;
        if (turned_) shape_ = {g_.k, g_.taps * g_.channels};
        const Index blocks = ceil_div(g_.pixels(), pixel_block), most_elements = Index(1) << 22;
        parts_ = larger<Index>(1, smaller(smaller<Index>(16, blocks), most_elements / (shape_.size() * g_.groups)));
        splits_ = smaller(shape_.count(), ceil_div(16, parts_ * g_.groups));
    }

    // dw[group][k][channel][tap]
    void run(T* dw) {
        const double work = double(g_.pixels()) * shape_.size() / width<T> * g_.groups;
        const Index all = g_.groups * shape_.size(), items = parts_ * g_.groups * splits_;
        const int team = team_size(items, work);
        Scratch<T> sums(parts_ * all);
        if (g_.pixels() == 0) memset(sums.data(), 0, parts_ * all * sizeof(T));
        const Index listed = (gathered_ ? 1 : g_.taps) * pixel_block;
        const Index copies = pixel_block * (shape_.lanes_most + (gathered_ ? gathered_row() : 0)) + shape_.lanes_most;
        Scratch<const T*> tables(team * listed);
        Scratch<int> pixels(team * (listed + g_.taps));
        Scratch<T> rows(team * copies);
        parallel(items, team, [&](Index item, int worker) {
            const Index part = item / (g_.groups * splits_), group = item / splits_ % g_.groups, split = item % splits_;
            Block b{group,
                    0,
                    0,
                    false,
                    &tables[worker * listed],
                    &pixels[worker * (listed + g_.taps)],
                    nullptr,
                    &rows[worker * copies],
                    nullptr};
            b.listed = b.pixel + listed;
            b.gathered = b.grad + pixel_block * shape_.lanes_most;
            const Index end = g_.pixels() * (part + 1) / parts_;
            for (b.begin = g_.pixels() * part / parts_; b.begin < end; b.begin += b.count, b.add = true) {
                b.count = smaller(pixel_block, end - b.begin);
                list(b);
                for (Index panel = shape_.count() * split / splits_; panel < shape_.count() * (split + 1) / splits_;
                     panel++)
                    add_block(b, panel, &sums[part * all + group * shape_.size() + shape_.offset(panel)]);
            }
        });
        if (turned_)
            add_parts_turned(sums.data(), dw);
        else
            add_parts(sums.data(), dw);
    }

private:
    // A block of pixels: for each tap those that it finds inside the image.
    struct Block {
        Index group, begin, count;
        bool add;     // there are sums of earlier blocks
        const T** x;  // x[tap * pixel_block + i]
        int* pixel;   // likewise
        int* listed;  // how many, for each tap
        T *grad, *gathered;
    };

    void list(Block& b) const {
        Walk at(g_, b.begin, false);
        if (gathered_) {
            gather_.rows(at, b.count, b.group, b.gathered);
            for (Index i = 0; i < b.count; i++) {
                b.x[i] =
                    turned_ ? grad_ + (b.begin + i) * g_.out_pixel + b.group * g_.k : b.gathered + i * gathered_row();
                b.pixel[i] = int(i);
            }
            b.listed[0] = int(b.count);
            return;
        }
        table_.fill(at, b.count, pixel_block, b.x);
        for (Index t = 0; t < g_.taps; t++) {
            const T** x = b.x + t * pixel_block;
            int *pixel = b.pixel + t * pixel_block, n = 0;
            for (Index i = 0; i < b.count; i++) {
                x[n] = x[i], pixel[n] = int(i);
                n += x[i] != zeros_.data();
            }
            b.listed[t] = n;
        }
    }

    Index gathered_row() const { return g_.taps * g_.channels; }

    void add_block(const Block& b, Index panel, T* sums) const {
        if (turned_)
            return add_tiles(b, 0, g_.k, 0, panel, b.gathered + panel * shape_.lanes_most, gathered_row(), sums);
        const Index row = shape_.row(panel), lanes = shape_.lanes(panel), k = g_.out_pixel;
        const T* grad = grad_ + b.begin * k + b.group * g_.k + panel * shape_.lanes_most;
        Index grad_row = k;
        // Rows far apart are copied together. So are narrow ones, whose vectors would read past the end of the array.
        if (k * sizeof(T) > 512 || lanes < row) {
            for (Index i = 0; i < b.count; i++) {
                T* to = b.grad + i * row;
                for (Index l = 0; l < lanes; l++) to[l] = grad[i * k + l];
                for (Index l = lanes; l < row; l++) to[l] = T(0);
            }
            grad = b.grad, grad_row = row;
        }
        if (gathered_) return add_tiles(b, 0, gathered_row(), 0, panel, grad, grad_row, sums);
        for (Index t = 0; t < g_.taps; t++)
            add_tiles(b, t, g_.channels, b.group * g_.channels, panel, grad, grad_row, sums + t * g_.channels * row);
    }

    // All tiles of `channels` broadcast channels under a tap, for one panel of lanes.
    void add_tiles(const Block& b, Index tap, Index channels, Index first, Index panel, const T* lanes, Index lanes_row,
                   T* sums) const {
        const Index row = shape_.row(panel), vectors = shape_.vectors(panel);
        for_channel_tiles<T>(channels, vectors, [&](Index c, Index count) {
            find_weight_sums<T>(count, vectors)({b.x + tap * pixel_block, b.pixel + tap * pixel_block, b.listed[tap],
                                                 first + c, lanes, lanes_row, sums + c * row, b.add});
        });
    }

    // dw[group][k][channel][tap] from sums[part][group][panel][tap][channel][lane].
    void add_parts(const T* sums, T* dw) const {
        const Index vectors = shape_.padded_k() / width<T>, per_panel = shape_.lanes_most / width<T>,
                    length = g_.channels * g_.taps, all = g_.groups * shape_.size();
        const Index block = 4 * width<T>, blocks = ceil_div(length, block), items = g_.groups * vectors * blocks;
        parallel(items, team_size(items, double(all) * parts_ / width<T>), [&](Index item, int) {
            const Index group = item / (vectors * blocks), vector = item / blocks % vectors, begin = item % blocks * block;
            const Index panel = vector / per_panel, first = vector * width<T>, row = shape_.row(panel);
            const T* from = sums + group * shape_.size() + shape_.offset(panel) + vector % per_panel * width<T>;
            store_rows(dw + (group * g_.k + first) * length, length, smaller<Index>(width<T>, g_.k - first), begin,
                       smaller(length, begin + block), [&](Index e) {
                           const T* sum = from + (e % g_.taps * g_.channels + e / g_.taps) * row;
                           Vector<T> total = load(sum);
                           for (Index part = 1; part < parts_; part++) total += load(sum + part * all);
                           return total;
                       });
        });
    }

    // dw from sums[part][group][panel][k][lane], where lanes are (tap, channel).
    void add_parts_turned(T* sums, T* dw) const {
        const Index all = g_.groups * shape_.size();
        for (Index part = 1; part < parts_; part++)
            for (Index i = 0; i < all; i++) sums[i] += sums[part * all + i];
        for (Index group = 0; group < g_.groups; group++)
            for (Index e = 0; e < gathered_row(); e++) {
                const Index panel = e / shape_.lanes_most, tap = e / g_.channels, channel = e % g_.channels;
                const T* from = sums + group * shape_.size() + shape_.offset(panel) + e % shape_.lanes_most;
                for (Index k = 0; k < g_.k; k++)
                    dw[((group * g_.k + k) * g_.channels + channel) * g_.taps + tap] = from[k * shape_.row(panel)];
            }
    }

    Grid g_;
    const T *x_, *grad_;
    PanelShape<T> shape_;
    Scratch<T> zeros_;
    TapTable<T> table_;
    Gather<T> gather_;
    Index parts_, splits_;
    bool gathered_, turned_;
};

}  // namespace convscope::CONVSCOPE_ISA
