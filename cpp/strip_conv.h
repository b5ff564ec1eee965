// A convolution of few channels over a grid (taps.h), as a product (product.h) of strips of the input (strips.h) with the
// panels: some pixels at a time, one after the other in memory.
#pragma once
#include "product.h"
#include "strips.h"

namespace convscope::CONVSCOPE_ISA {

template <class T, int P, int V> struct StripTiles {
    static void run(const RowsWork<T>& work, Index tiles) {
        const Index *place = work.place, *distance = work.distance;
        row_tiles<T, P, V>(
            work, tiles, [&](Index r) CONVSCOPE_LAMBDA { return place[r]; },
            [&](Index e) CONVSCOPE_LAMBDA { return distance[e]; });
    }
};

template <class T> class StripConv {
public:
    // Weights and bias are packed for every group, one after the other.
    StripConv(const Grid& grid, const T* x, const PackedWeights<T>& w, const Epilogue<T>& epilogue, T* y)
        : g_(grid),
          shape_{grid.taps * grid.channels, grid.k},
          x_(x),
          w_(w),
          epilogue_(epilogue),
          finish_(epilogue.residual || epilogue.activation != Activation::none),
          y_(y),
          dense_(is_dense(grid)),
          line_(dense_ ? g_.pixels() : g_.w),
          pieces_(ceil_div(line_, 16 * shape_.pixels())),
          most_(ceil_div(line_, larger<Index>(1, pieces_))),
          strips_(g_, most_) {}

    void run() const {
        const Index panels = shape_.count();
        if (g_.pixels() == 0 || panels == 0) return;
        const Index blocks = g_.pixels() / line_ * pieces_;
        const double work = double(g_.pixels()) * shape_.size() / width<T> * g_.groups;
        const Index threads = team_size(blocks * panels, work), bundles = smaller(blocks, 8 * threads);
        const Index splits = bundles * g_.groups < 2 * threads ? smaller(panels, threads) : 1;
        const Index items = bundles * splits * g_.groups;
        const int team = team_size(items, work);
        Scratch<T> memory(team * strips_.size());
        Scratch<Index> places(team * most_);
        parallel(items, team, [&](Index item, int worker) {
            const Index bundle = item / (splits * g_.groups), split = item / g_.groups % splits,
                        group = item % g_.groups;
            Block b{group, panels * split / splits, panels * (split + 1) / splits,
                    memory.data() + worker * strips_.size(), places.data() + worker * most_};
            for (Index i = blocks * bundle / bundles; i < blocks * (bundle + 1) / bundles; i++) {
                const Index first = i / pieces_ * line_, piece = i % pieces_, begin = line_ * piece / pieces_;
                compute(b, first + begin, line_ * (piece + 1) / pieces_ - begin);
            }
        });
    }

private:
    struct Block {
        Index group, first_panel, end_panel;
        T* strips;
        Index* places;
    };

    void compute(const Block& b, Index begin, Index count) const {
        const T* seen = strips_.fill(x_, begin, count, b.group, b.strips, b.places);
        T* const y = y_ + Walk(g_, begin, false).out + b.group * g_.k;
        for (Index panel = b.first_panel; panel < b.end_panel; panel++) {
            const T* weights = w_.weights + b.group * shape_.size() + shape_.offset(panel);
            const T* bias = w_.bias ? w_.bias + b.group * shape_.padded_k() + panel * shape_.lanes_most : nullptr;
            for_stretches(1, shape_.rows, [&](Index, Index, Index first, Index values, bool last) {
                const PanelEnd<T> end{shape_.lanes(panel), first ? nullptr : bias, first > 0,
                                      last && finish_ ? &epilogue_ : nullptr};
                multiply_rows<StripTiles, T>(
                    {seen, 0, values, weights + first * shape_.row(panel), y + panel * shape_.lanes_most,
                     g_.out_step_x * g_.out_pixel, end, b.places, strips_.distances() + first},
                    count, shape_.vectors(panel));
            });
        }
    }

    const Grid g_;
    const PanelShape<T> shape_;
    const T* x_;
    const PackedWeights<T> w_;
    const Epilogue<T> epilogue_;
    const bool finish_;
    T* y_;
    const bool dense_;
    const Index line_, pieces_, most_;  // pixels at equal steps in y; pieces of such a line; pixels of a piece
    const Strips<T> strips_;
};

}  // namespace convscope::CONVSCOPE_ISA
