// A dense convolution over a grid (taps.h): the machine under the forward pass and the input gradient.
//
//     grid pixels ──► groups of up to 16 tiles ──► tiles of P pixels
//     k ────────────► panels (panels.h)
//
// An item of work is a group of tiles; its tables are made once and serve every panel. The sum of
// an output is cut into stretches of about `longest_sum` products, each summed in registers and
// then added to memory: that keeps the rounding error down and the weights of a stretch in the
// first cache while all tiles of the group use them. Where it is cut depends on the shape alone.
#pragma once
#include "strip_conv.h"

namespace convscope::CONVSCOPE_ISA {

template <class T> class GridConv {
public:
    // Weights and bias are packed for every group, one after the other.
    GridConv(const Grid& grid, const T* x, const PackedWeights<T>& w, const Epilogue<T>& epilogue, T* y)
        : g_(grid),
          shape_{grid.taps * grid.channels, grid.k},
          x_(x),
          w_(w),
          epilogue_(epilogue),
          finish_(epilogue.residual || epilogue.activation != Activation::none),
          y_(y),
          zeros_(grid.in_pixel),
          table_(g_, x, zeros_.data()),
          most_(shape_.pixels()),
          images_last_(g_.n >= most_ && g_.h * g_.w <= 150 && g_.taps > 1) {}

    void run() {
        if (g_.pixels() == 0 || shape_.count() == 0) return;
        const Shares<T> shares(g_, shape_);
        const Index pointers = shares.pixels_most * g_.taps;
        Scratch<const T*> tables(shares.team * pointers);
        Scratch<T*> outs(shares.team * shares.pixels_most);
        parallel(shares.items, shares.team, [&](Index item, int worker) {
            const auto share = shares.share(item);
            Bundle b;
            b.group = share.group;
            b.in = &tables[worker * pointers];
            b.out = &outs[worker * shares.pixels_most];
            prepare(b, share.begin, share.end);
            for (Index panel = share.first_panel; panel < share.end_panel; panel++) compute(b, panel);
        });
    }

private:
    // A group of tiles with its tables: tile i has count[i] pixels, whose pointers begin at in[start[i]*taps] and out[start[i]].
    struct Bundle {
        Index group, tiles, start[tiles_in_group + 1];
        const T** in;
        T** out;
    };

    void prepare(Bundle& b, Index begin, Index end) const {
        b.tiles = ceil_div(end - begin, most_);
        Walk out(g_, begin, images_last_), in(g_, begin, images_last_);
        for (Index p = 0; p < end - begin; p++, out.next()) b.out[p] = y_ + out.out + b.group * g_.k;
        for (Index i = 0; i <= b.tiles; i++) b.start[i] = (end - begin) * i / b.tiles;
        for (Index i = 0; i < b.tiles; i++) {
            const Index count = b.start[i + 1] - b.start[i];
            const T** table = b.in + b.start[i] * g_.taps;
            table_.fill(in, count, count, table);
            if (w_.finite && g_.taps > 1) drop_padding(table, count);
        }
    }

    // Taps that lie in the padding for all pixels of a tile are marked by a null.
    void drop_padding(const T** table, Index count) const {
        for (Index t = 0; t < g_.taps; t++, table += count) {
            Index p = 0;
            while (p < count && table[p] == zeros_.data()) p++;
            if (p == count) table[0] = nullptr;
        }
    }

    void compute(const Bundle& b, Index panel) const {
        const Index row = shape_.row(panel), vectors = shape_.vectors(panel);
        const T* weights = w_.weights + b.group * shape_.size() + shape_.offset(panel);
        const T* bias = w_.bias ? w_.bias + b.group * shape_.padded_k() + panel * shape_.lanes_most : nullptr;
        const Index base = b.group * g_.channels;
        bool add = false;
        for_stretches(
            g_.taps, g_.channels, [&](Index tap, Index tap_count, Index channel, Index channel_count, bool last) {
                for (Index i = 0; i < b.tiles; i++) {
                    const Index count = b.start[i + 1] - b.start[i];
                    const T* const* in = b.in + b.start[i] * g_.taps + tap * count;
                    const TileWork<T> work{
                        in,
                        tap_count,
                        base + channel,
                        channel_count,
                        weights + (tap * g_.channels + channel) * row,
                        b.out + b.start[i],
                        panel * shape_.lanes_most,
                        {shape_.lanes(panel), add ? nullptr : bias, add, last && finish_ ? &epilogue_ : nullptr}};
                    find_kernel<Tile, T>(count, vectors)(work);
                }
                add = true;
            });
    }

    Grid g_;
    PanelShape<T> shape_;
    const T* x_;
    const PackedWeights<T> w_;
    const Epilogue<T> epilogue_;
    bool finish_;
    T* y_;
    Zeros<T> zeros_;
    TapTable<T> table_;
    const Index most_;  // pixels of a tile
    const bool images_last_;
};

// A convolution over a grid, in the way that suits it.
template <class T>
void convolve(const Grid& grid, const T* x, const PackedWeights<T>& w, const Epilogue<T>& epilogue, T* y) {
    if (Product<T>::fits(grid)) return Product<T>(grid, x, w, epilogue, y).run();
    has_few_channels(grid) ? StripConv<T>(grid, x, w, epilogue, y).run() : GridConv<T>(grid, x, w, epilogue, y).run();
}

}  // namespace convscope::CONVSCOPE_ISA
