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
// Within a part, sums over about `usual_block` pixels at a time are added to memory, which also keeps
// the rounding error down. What they read is copied first, side by side: rows of images lie a round number of
// bytes apart and would fight over a few sets of the first cache.
//
//     lanes    [panel][pixel][V vectors]
//     tiles    [tile][pixel][P channels]      some channels at a time, for all panels; without the pixels whose tap lies in the padding
//     strips   (strips.h)                     in their place, where channels are few
#pragma once
#include "conv.h"
#include "pool.h"
#include "strips.h"

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

template <class T, int P, int V> struct WeightSums {
    static void run(const WeightSumWork<T>& work) {
        constexpr int W = width<T>;
        Vector<T> sums[P][V];
        unroll<P>([&](auto p)
                      CONVSCOPE_LAMBDA { unroll<V>([&](auto v) CONVSCOPE_LAMBDA { sums[p][v] = Vector<T>{}; }); });
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
        keep_sums<T, P, V>(sums, work.sums, work.add);
    }
};

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
    Tiles(Index channels, Index most, const T* rows, Index stride, Index pixels) : Tiles(channels, most, nullptr) {
        taken_ = rows, row_ = stride, pixels_ = pixels;
    }

    // sums[c][lane] (+)= sum over p of x[p][c] * lanes[pixel[p]][lane], for all channels c
    void multiply(const int* pixel, const T* lanes, Index vectors, T* sums, bool add) const {
        for_each([&](Index i, Index c, Index channels) {
            find_kernel<WeightSums, T>(channels, vectors)({taken_ ? taken_ + c : memory_ + i * spacing_, row_, pixel,
                                                           pixels_, lanes, sums + c * vectors * width<T>, add});
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

// The same, from a gradient that is known at the maxima of windows side by side only: zeros between them.
template <class T> struct PooledLanes {
    const PoolShape& s;
    const PooledGradient<T>& from;

    // Of `count` pixels from `begin` on.
    void spread(Index begin, Index count, const PanelShape<T>& shape, Index first, Index last, Index spacing,
                T* to) const {
        for (Index p = 0, end; p < count; p = end) {  // the pixels of a row
            const Index row = (begin + p) / s.w, j = (begin + p) % s.w, i = row % s.h, window = i / s.kernel_y;
            end = smaller(count, p + s.w - j);
            const Index cells = (row / s.h * s.oh + window) * s.ow, start = p - j;  // of column 0
            const Index columns = window < s.oh ? s.ow : 0, column = smaller(columns, j / s.kernel_x);
            for (Index panel = first; panel < last; panel++)
                for (Index l = 0; l < shape.lanes(panel); l += width<T>) {
                    const Index lanes = shape.lanes(panel) - l, step = shape.row(panel);
                    T* lane = to + (panel - first) * spacing + l;
                    Index q = p, e = (cells + column) * s.c + panel * shape.lanes_most + l;
                    for (Index next = start + (column + 1) * s.kernel_x;
                         q < end && next <= start + columns * s.kernel_x; next += s.kernel_x, e += s.c) {
                        const Vector<T> g = gradient(e, lanes);
                        const Mask<T> place = load_places<T>(from.indices + e, lanes, from.indices + e + lanes);
                        for (; q < smaller(end, next); q++)
                            store(lane + q * step, won<T>(place, i * s.w + q - start, g));
                    }
                    for (; q < end; q++) store(lane + q * step, Vector<T>{});
                }
        }
    }

private:
    CONVSCOPE_INLINE Vector<T> gradient(Index e, Index lanes) const {
        const Vector<T> g = load_some(from.grad + e, lanes);
        return from.y ? where_positive(load_some(from.y + e, lanes), g) : g;
    }
};

template <class T> class GradWeight {
public:
    // With `pooled` in place of grad, channels are few, and there is one group.
    GradWeight(const Grid& grid, const T* x, const T* grad, const PooledLanes<T>* pooled = nullptr)
        : g_(grid),
          x_(x),
          grad_(grad),
          pooled_(pooled),
          shape_{grid.taps * grid.channels, grid.k},
          zeros_(grid.in_pixel),
          table_(g_, x, zeros_.data()),
          x_end_(x + grid.n * grid.in_h * grid.in_w * grid.in_pixel),
          few_(has_few_channels(grid)),
          strips_(g_, pixel_block) {
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
        const Index listed = (few_ ? 1 : g_.taps) * pixel_block;
        const Index lanes = ceil_div(shape_.count(), splits_) * lanes_size,
                    copies = lanes + (few_ ? strips_.size() : Tiles<T>::size(g_.channels, shape_.pixels()));
        Scratch<const T*> tables(team * listed);
        Scratch<int> pixels(team * (listed + g_.taps));
        Scratch<Index> places(few_ ? team * pixel_block : 0);
        Scratch<T> memory(team * copies);
        parallel(items, team, [&](Index item, int worker) {
            const Index part = item / (g_.groups * splits_), split = item % splits_;
            Block b{};
            b.group = item / splits_ % g_.groups;
            b.first_panel = shape_.count() * split / splits_, b.end_panel = shape_.count() * (split + 1) / splits_;
            b.x = &tables[worker * listed];
            b.pixel = &pixels[worker * (listed + g_.taps)], b.listed = b.pixel + listed;
            b.place = &places[worker * pixel_block];
            b.lanes = &memory[worker * copies], b.copies = b.lanes + lanes;
            b.sums = &sums[part * all + b.group * shape_.size()];
            const Index first = g_.pixels() * part / parts_, count = g_.pixels() * (part + 1) / parts_ - first;
            const Index blocks = larger<Index>(smaller<Index>(count, 1), (count + usual_block / 2) / usual_block);
            for (Index i = 0; i < blocks; i++, b.add = true) {
                b.begin = first + count * i / blocks, b.count = first + count * (i + 1) / blocks - b.begin;
                pooled_ ? pooled_->spread(b.begin, b.count, shape_, b.first_panel, b.end_panel, lanes_size, b.lanes)
                        : copy_lanes(gradient(b), g_.out_pixel, b.count, shape_, b.first_panel, b.end_panel, lanes_size,
                                     b.lanes);
                few_ ? add_strips(b) : add_tiles(b);
            }
        });
        add_parts(sums.data(), dw);
    }

private:
    static constexpr Index lanes_size = pixel_block * PanelShape<T>::lanes_most + 64 / Index(sizeof(T));

    // A block of pixels, and the panels that are summed up over them.
    struct Block {
        Index group, first_panel, end_panel, begin, count;
        bool add;      // there are sums of earlier blocks
        const T** x;   // for each tap those pixels that it finds inside the image: x[tap * pixel_block + i]
        int* pixel;    // likewise
        int* listed;   // how many, for each tap
        Index* place;  // of a pixel in strips
        T *lanes, *copies, *sums;
    };

    void list(const Block& b) const {
        Walk at(g_, b.begin, false);
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

    const T* gradient(const Block& b) const { return grad_ + b.begin * g_.out_pixel + b.group * g_.k; }
    // f(panel, its vectors, its copied gradient, its sums)
    template <class F> void for_panels(const Block& b, const F& f) const {
        for (Index panel = b.first_panel; panel < b.end_panel; panel++)
            f(shape_.row(panel), shape_.vectors(panel), b.lanes + (panel - b.first_panel) * lanes_size,
              b.sums + shape_.offset(panel));
    }

    void add_strips(const Block& b) const {
        const T* seen = strips_.fill(x_, b.begin, b.count, b.group, b.copies, b.place);
        for_panels(b, [&](Index, Index vectors, const T* lanes, T* sums) {
            strips_.multiply(seen, b.place, b.count, lanes, vectors, sums, b.add);
        });
    }
    void add_tiles(const Block& b) const {
        list(b);
        const T* rows[pixel_block];
        for (Index t = 0; t < g_.taps; t++)
            for (Index c = 0, some; c < g_.channels; c += some) {
                some = smaller(g_.channels - c, Tiles<T>::channels_at_once);
                for (Index i = 0; i < b.listed[t]; i++) rows[i] = b.x[t * pixel_block + i] + c;
                Tiles<T> tiles(some, shape_.pixels(), b.copies);
                tiles.fill(rows, b.listed[t], x_end_);
                for_panels(b, [&](Index row, Index vectors, const T* lanes, T* sums) {
                    tiles.multiply(b.pixel + t * pixel_block, lanes, vectors, sums + (t * g_.channels + c) * row,
                                   b.add);
                });
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

    Grid g_;
    const T *x_, *grad_;
    const PooledLanes<T>* pooled_;
    PanelShape<T> shape_;
    Zeros<T> zeros_;
    TapTable<T> table_;
    const T* x_end_;
    const bool few_;
    const Strips<T> strips_;
    Index parts_, splits_;
};

}  // namespace convscope::CONVSCOPE_ISA
