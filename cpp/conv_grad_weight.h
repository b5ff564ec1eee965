// dw[o][c][u][v] = sum over n, i, j of x[n][i*s + u*d - p][j*s + v*d - p][c] * grad[n][i][j][o]
//
// The register tile of microkernel.h turned round: P input channels by V vectors of output
// channels are summed over a list of pixels.
//
//                        lanes[pixel][o ...]
//                         ┌────┬────┐
//     tile[pixel] ─► c0 ..│sum │sum │    sums[c] += broadcast(tile[pixel][c]) * lanes[pixel]
//                    c13  └────┴────┘
//
// Pixels are cut into parts by the shape alone, never by the number of threads; each part has
// sums of its own, in the panels of panels.h, and the parts are added in order at the end.
// With few filters most lanes would be empty; where channels are gathered anyway (gather.h), input and
// gradient then change places: lanes are (tap, channel), and the filters are broadcast.
//
// Within a part, sums over about `usual_block` pixels at a time are added to memory, which also keeps
// the rounding error down. What they read is copied first, side by side: rows of images lie a round number of
// bytes apart and would fight over a few sets of the first cache.
//
//     lanes    [panel][pixel][V vectors]
//     tiles    [tile][pixel][P channels]      some channels at a time, for all panels; without the pixels whose tap lies in the padding
#pragma once
#include "conv.h"

namespace convscope::CONVSCOPE_ISA {

constexpr Index usual_block = 192, pixel_block = 3 * usual_block / 2;  // pixels: usually, and at the most
constexpr Index copied_together = 8;                                   // of one tile, before the next

template <class T> struct WeightSumWork {
    const T* x;  // the i-th pixel in the list at x + i * row
    Index row;
    const int* pixel;  // and which row of lanes it goes with
    Index pixels;
    const T* lanes;
    T* sums;   // row c of the tile at sums + c * V vectors
    bool add;  // to what is there
};

template <class T, int P, int V> void weight_sums(const WeightSumWork<T>& work) {
    constexpr int W = width<T>;
    Vector<T> sums[P][V];
    unroll<P>([&](auto p) CONVSCOPE_LAMBDA { unroll<V>([&](auto v) CONVSCOPE_LAMBDA { sums[p][v] = Vector<T>{}; }); });
    const T* x = work.x;
    for (Index i = 0; i < work.pixels; i++, x += work.row) {
        const T* lanes = work.lanes + work.pixel[i] * (V * W);
        Vector<T> g[V];
        unroll<V>([&](auto v) CONVSCOPE_LAMBDA { g[v] = load(lanes + v * W); });
        unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
            const Vector<T> b = broadcast(x[p]);
            unroll<V>([&](auto v) CONVSCOPE_LAMBDA { multiply_add<T>(sums[p][v], b, g[v]); });
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

// Broadcast values of up to `pixel_block` pixels, in tiles of at most `most` channels, about equally large.
//
//     tile 0:  [pixel 0: c0 .. c5 . .][pixel 1: c0 .. c5 . .] ...      rows are whole vectors; tiles lie an odd number of
//     tile 1:  [pixel 0: c6 .. c11 . .] ...                            cache lines apart, not to fight over a few sets
template <class T> class Tiles {
public:
    static constexpr Index channels_at_once = 168;  // with their pixels a good part of the second cache
    static constexpr Index row(Index most) { return ceil_div(most, width<T>) * width<T>; }
    static constexpr Index spacing(Index most) { return pixel_block * row(most) + 64 / sizeof(T); }
    static Index size(Index channels, Index most) {  // elements
        return ceil_div(smaller(channels, channels_at_once), most) * spacing(most);
    }

    Tiles(Index channels, Index most, T* memory)
        : channels_(channels),
          count_(ceil_div(channels, most)),
          row_(row(most)),
          spacing_(spacing(most)),
          memory_(memory) {}

    // Copies the channels of `pixels` rows; nothing at or past `end` is read.
    void fill(const T* const* rows, Index pixels, const T* end) {
        pixels_ = pixels;
        for (Index first = 0; first < pixels; first += copied_together)
            for_each([&](Index i, Index c, Index channels) CONVSCOPE_LAMBDA {
                for (Index p = first; p < smaller(pixels, first + copied_together); p++) {
                    T* to = memory_ + i * spacing_ + p * row_;
                    if (rows[p] + c + row_ > end)
                        copy_few(to, rows[p] + c, channels);
                    else  // what is too much is no matter
                        for (Index l = 0; l < row_; l += width<T>) store(to + l, load(rows[p] + c + l));
                }
            });
    }

    // Takes rows that lie side by side as they are.
    void take(const T* rows, Index stride, Index pixels) { taken_ = rows, row_ = stride, pixels_ = pixels; }
    Tiles(Index channels, Index most, const T* rows, Index stride, Index pixels) : Tiles(channels, most, nullptr) {
        take(rows, stride, pixels);
    }

    // sums[c][lane] (+)= sum over p of x[p][c] * lanes[pixel[p]][lane], for all channels c
    void multiply(const int* pixel, const T* lanes, Index vectors, T* sums, bool add) const {
        for_each([&](Index i, Index c, Index channels) {
            find_weight_sums<T>(channels, vectors)({taken_ ? taken_ + c : memory_ + i * spacing_, row_, pixel, pixels_,
                                                    lanes, sums + c * vectors * width<T>, add});
        });
    }

private:
    // f(tile, first channel, channels)
    template <class F> CONVSCOPE_INLINE void for_each(const F& f) const {
        const Index each = channels_ / count_, larger_ones = channels_ % count_;
        for (Index i = 0, c = 0; i < count_; i++) {
            const Index channels = each + (i < larger_ones);
            f(i, c, channels);
            c += channels;
        }
    }

    Index channels_, count_, row_, spacing_, pixels_ = 0;
    T* memory_;
    const T* taken_ = nullptr;
};

// Panels of `lanes` elements each, from rows `stride` apart: panel after panel, `spacing` apart, rows side by side in whole vectors.
template <class T>
void copy_lanes(const T* from, Index stride, Index rows, const PanelShape<T>& shape, Index first, Index last,
                Index spacing, T* to) {
    for (Index i = 0; i < rows; i++, from += stride)
        for (Index panel = first; panel < last; panel++) {
            const Index row = shape.row(panel), lanes = shape.lanes(panel), begin = panel * shape.lanes_most;
            T* panel_to = to + (panel - first) * spacing + i * row;
            for (Index l = 0; l < lanes; l += width<T>) store(panel_to + l, load_some(from + begin + l, lanes - l));
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
          x_end_(x + grid.n * grid.in_h * grid.in_w * grid.in_pixel),
          gather_(g_, table_, x, x_end_) {
        gathered_ = has_few_channels(g_);
        turned_ = gathered_ && 2 * g_.k <= width<T>;
        if (turned_) shape_ = {g_.k, g_.taps * g_.channels};
        // About sixteen items: parts of the pixels that pay for sums of their own, then some panels each (tiles are made for every item, so a
        // single worker does all panels at once).
        const Index items = 16, most_elements = Index(1) << 22;
        parts_ = smaller(smaller(items, g_.pixels() / (2 * usual_block)), most_elements / (shape_.size() * g_.groups));
        parts_ = larger<Index>(1, parts_);
        const Index wanted = get_threads() == 1 ? 1 : ceil_div(items, parts_ * g_.groups);
        splits_ = larger<Index>(1, smaller(wanted, shape_.count() / 6));
    }

    // dw[group][k][channel][tap]
    void run(T* dw) {
        const double work = double(g_.pixels()) * shape_.size() / width<T> * g_.groups;
        const Index all = g_.groups * shape_.size(), items = parts_ * g_.groups * splits_;
        const int team = team_size(items, work);
        Scratch<T> sums(parts_ * all);
        if (g_.pixels() == 0) memset(sums.data(), 0, parts_ * all * sizeof(T));
        const Index listed = (gathered_ ? 1 : g_.taps) * pixel_block;
        const Index lanes = ceil_div(shape_.count(), splits_) * lanes_size,
                    rows = gathered_ ? (pixel_block * gathered_row() / width<T> + 2) * width<T> : 0,
                    copies = lanes + rows + Tiles<T>::size(rows_wide(), shape_.pixels());
        Scratch<const T*> tables(team * listed);
        Scratch<int> pixels(team * (listed + g_.taps));
        Scratch<T> memory(team * copies);
        parallel(items, team, [&](Index item, int worker) {
            const Index part = item / (g_.groups * splits_), split = item % splits_;
            Block b{};
            b.group = item / splits_ % g_.groups;
            b.first_panel = shape_.count() * split / splits_, b.end_panel = shape_.count() * (split + 1) / splits_;
            b.x = &tables[worker * listed];
            b.pixel = &pixels[worker * (listed + g_.taps)], b.listed = b.pixel + listed;
            b.lanes = &memory[worker * copies], b.gathered = b.lanes + lanes, b.tiles = b.gathered + rows;
            b.sums = &sums[part * all + b.group * shape_.size()];
            const Index first = g_.pixels() * part / parts_, count = g_.pixels() * (part + 1) / parts_ - first;
            const Index blocks = larger<Index>(smaller<Index>(count, 1), (count + usual_block / 2) / usual_block);
            for (Index i = 0; i < blocks; i++, b.add = true) {
                b.begin = first + count * i / blocks, b.count = first + count * (i + 1) / blocks - b.begin;
                list(b);
                add_block(b);
            }
        });
        if (turned_)
            add_parts_turned(sums.data(), dw);
        else
            add_parts(sums.data(), dw);
    }

private:
    static constexpr Index lanes_size = pixel_block * PanelShape<T>::lanes_most + 64 / Index(sizeof(T));

    // A block of pixels, and the panels that are summed up over them.
    struct Block {
        Index group, first_panel, end_panel, begin, count;
        bool add;     // there are sums of earlier blocks
        const T** x;  // for each tap those pixels that it finds inside the image: x[tap * pixel_block + i]
        int* pixel;   // likewise
        int* listed;  // how many, for each tap
        T *lanes, *gathered, *tiles, *sums;
    };

    void list(Block& b) const {
        Walk at(g_, b.begin, false);
        if (gathered_) {
            gather_.rows(at, b.count, b.group, b.gathered);
            for (Index i = 0; i < b.count; i++) {
                b.x[i] = turned_ ? gradient(b) + i * g_.out_pixel : b.gathered + i * gathered_row();
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
                x[n] = x[i] + b.group * g_.channels, pixel[n] = int(i);
                n += x[i] != zeros_.data();
            }
            b.listed[t] = n;
        }
    }

    Index gathered_row() const { return g_.taps * g_.channels; }
    const T* gradient(const Block& b) const { return grad_ + b.begin * g_.out_pixel + b.group * g_.k; }
    // Broadcast channels under a tap.
    Index rows_wide() const { return turned_ ? g_.k : gathered_ ? gathered_row() : g_.channels; }

    void add_block(const Block& b) const {
        copy_lanes(turned_ ? b.gathered : gradient(b), turned_ ? gathered_row() : g_.out_pixel, b.count, shape_,
                   b.first_panel, b.end_panel, lanes_size, b.lanes);
        const T* end = turned_ ? grad_ + g_.pixels() * g_.out_pixel : gathered_ ? b.tiles : x_end_;
        const Index taps = gathered_ ? 1 : g_.taps, channels = rows_wide();
        const T* rows[pixel_block];
        for (Index t = 0; t < taps; t++)
            for (Index c = 0, some; c < channels; c += some) {
                some = smaller(channels - c, Tiles<T>::channels_at_once);
                for (Index i = 0; i < b.listed[t]; i++) rows[i] = b.x[t * pixel_block + i] + c;
                Tiles<T> tiles(some, shape_.pixels(), b.tiles);
                if (gathered_)
                    tiles.take(rows[0], turned_ ? g_.out_pixel : gathered_row(), b.count);
                else
                    tiles.fill(rows, b.listed[t], end);
                for (Index panel = b.first_panel; panel < b.end_panel; panel++)
                    tiles.multiply(b.pixel + t * pixel_block, b.lanes + (panel - b.first_panel) * lanes_size,
                                   shape_.vectors(panel),
                                   b.sums + shape_.offset(panel) + (t * channels + c) * shape_.row(panel), b.add);
            }
    }
    // dw[group][k][channel][tap] from sums[part][group][panel][tap][channel][lane].
    void add_parts(const T* sums, T* dw) const {
        const Index vectors = shape_.padded_k() / width<T>, per_panel = shape_.lanes_most / width<T>,
                    length = g_.channels * g_.taps, all = g_.groups * shape_.size();
        const Index block = 4 * width<T>, blocks = ceil_div(length, block), items = g_.groups * vectors * blocks;
        parallel(items, team_size(items, double(all) * parts_ / width<T>), [&](Index item, int) {
            const Index group = item / (vectors * blocks), vector = item / blocks % vectors,
                        begin = item % blocks * block;
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
    Zeros<T> zeros_;
    TapTable<T> table_;
    const T* x_end_;
    Gather<T> gather_;
    Index parts_, splits_;
    bool gathered_, turned_;
};

}  // namespace convscope::CONVSCOPE_ISA
