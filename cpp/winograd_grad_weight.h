// The weight gradient of 3x3 convolutions of stride 1 by Winograd's algorithm, backwards: with the transforms of
// winograd_transform.h, dw = G'[sum over tiles of (B' x) * (A grad)].
//
//     x    ──► V[36][block][tile][channels of a block] ┐
//     grad ──► Z[36][panel][tile][lanes of a panel]    ┴──► U[panel][36][channel][lane] += V' Z ──► dw
//
// V and Z are written as the products read them: a panel of lanes and a block of channels fit into the first cache. A group of tiles is transformed, then multiplied, place by place; then comes the next. So no sum is shared by two workers, and
// the order of all sums depends on the shape alone.
#pragma once
#include "conv_grad_weight.h"
#include "planar_grad_weight.h"
#include "winograd.h"

namespace convscope::CONVSCOPE_ISA {

// As few as are whole tiles of `pixels` channels as well as whole vectors.
template <class T> constexpr Index channels_of_block(Index pixels) {
    Index channels = pixels;
    while (channels % width<T> != 0) channels += pixels;
    return channels;
}

template <class T, int M> class WinogradGradWeight {
public:
    WinogradGradWeight(const TileGrid& grid, const T* x, const T* grad)
        : g_(grid),
          x_(x),
          grad_(grad),
          shape_(winograd_shape<T>(M, grid.c, grid.k)),
          reader_(g_),
          groups_(larger<Index>(1, ceil_div(grid.count(), few_sums() ? most_tiles / 2 : most_tiles))),
          each_(ceil_div(grid.count(), groups_)),
          x_spacing_(each_ * block + 64 / Index(sizeof(T))),
          grad_spacing_(each_ * shape_.lanes_most + 64 / Index(sizeof(T))),
          x_plane_(ceil_div(grid.c, block) * x_spacing_ + 3 * width<T>),
          grad_plane_(shape_.count() * grad_spacing_ + width<T>),
          memory_(places * (x_plane_ + grad_plane_)),
          sums_(shape_.size()) {}

    void run(T* dw) {
        if (g_.count() == 0) memset(sums_.data(), 0, shape_.size() * sizeof(T));
        for (Index group = 0; group < groups_; group++) {
            const Index begin = g_.count() * group / groups_, end = g_.count() * (group + 1) / groups_;
            if (begin < end) {
                transform(begin, end);
                multiply(end - begin, group > 0);
            }
        }
        collect(dw);
    }

private:
    static constexpr int N = M + 2, places = N * N;
    static constexpr Index most_tiles = usual_block;
    // Sums so few that it pays to add to them oftener, and to have fewer tiles to read and write at a time.
    bool few_sums() const { return shape_.size() * Index(sizeof(T)) <= Index(4) << 20; }
    static constexpr Index block = channels_of_block<T>(tile_pixels<tile_vectors>);

    void transform(Index begin, Index end) {
        parallel(end - begin, team_size(end - begin, double(end - begin) * places * (g_.c + g_.k) / width<T>),
                 [&](Index i, int) {
                     reader_.input(x_, begin + i, &memory_[i * block], x_plane_,
                                   [&](Index c) CONVSCOPE_LAMBDA { return c / block * x_spacing_ + c % block; });
                     reader_.spread(grad_, begin + i, &memory_[places * x_plane_], grad_plane_,
                                    [&](Index k) CONVSCOPE_LAMBDA {
                                        const Index panel = k / shape_.lanes_most;
                                        return panel * grad_spacing_ + i * shape_.row(panel) + k % shape_.lanes_most;
                                    });
                 });
    }

    void multiply(Index tiles, bool add) {
        int order[most_tiles];
        for (Index i = 0; i < tiles; i++) order[i] = int(i);
        const double work = double(tiles) * shape_.size() / width<T>;
        const Index panels = shape_.count(),
                    splits = smaller<Index>(panels, ceil_div(team_size(places * panels, work), 4)),
                    items = places * splits;
        parallel(items, team_size(items, work), [&](Index item, int) {
            const Index place = item / splits, first = panels * (item % splits) / splits,
                        last = panels * (item % splits + 1) / splits;
            const T *x = &memory_[place * x_plane_], *grad = &memory_[places * x_plane_ + place * grad_plane_];
            for (Index c = 0; c < g_.c; c += block, x += x_spacing_) {
                const Tiles<T> columns(smaller(block, g_.c - c), shape_.pixels(), x, block, tiles);
                for (Index panel = first; panel < last; panel++)
                    columns.multiply(order, grad + panel * grad_spacing_, shape_.vectors(panel),
                                     &sums_[shape_.offset(panel) + (place * g_.c + c) * shape_.row(panel)], add);
            }
        });
    }

    // dw[k][channel][tap], a vector of k and a block of channels at a time.
    void collect(T* dw) const {
        constexpr Index some = 16;
        const Index vectors = shape_.padded_k() / width<T>, per_panel = shape_.lanes_most / width<T>,
                    blocks = ceil_div(g_.c, some), items = vectors * blocks;
        parallel(items, team_size(items, double(shape_.size()) / width<T>), [&](Index item, int) {
            const Index vector = item / blocks, first = item % blocks * some, count = smaller(some, g_.c - first);
            const Index panel = vector / per_panel, row = shape_.row(panel), k = vector * width<T>;
            const T* from = &sums_[shape_.offset(panel) + first * row + vector % per_panel * width<T>];
            Vector<T> taps[9 * some];
            for (Index c = 0; c < count; c++)
                both_axes<T, N, 3>(
                    Winograd<T, M>::collect,
                    [&](auto i, auto j) CONVSCOPE_LAMBDA { return load(from + ((i * N + j) * g_.c + c) * row); },
                    [&](auto i, auto j, Vector<T> v) CONVSCOPE_LAMBDA { taps[c * 9 + i * 3 + j] = v; });
            store_rows(dw + (k * g_.c + first) * 9, g_.c * 9, smaller<Index>(width<T>, g_.k - k), 0, count * 9,
                       [&](Index e) { return taps[e]; });
        });
    }

    const TileGrid g_;
    const T *x_, *grad_;
    const PanelShape<T> shape_;
    const TileReader<T, M> reader_;
    const Index groups_, each_, x_spacing_, grad_spacing_, x_plane_, grad_plane_;
    Scratch<T> memory_, sums_;
};

// With `pooled` in place of grad, see GradWeight.
template <class T>
void conv_grad_weight(const ConvShape& s, Algorithm algorithm, const T* x, const T* grad, T* dw,
                      const PooledLanes<T>* pooled) {
    if (algorithm == Algorithm::winograd2)
        return WinogradGradWeight<T, 2>(forward_tiles(s, algorithm), x, grad).run(dw);
    if (algorithm == Algorithm::winograd4)
        return WinogradGradWeight<T, 4>(forward_tiles(s, algorithm), x, grad).run(dw);
    if (is_depthwise(s)) return depthwise_grad_weight(s, x, grad, dw);
    if (is_planar<T>(s) && s.n > 0 && PlanarGradWeight<T>(s, x, grad).run(dw)) return;
    Scratch<Tap> taps(s.kernel_y * s.kernel_x);
    forward_taps(s, taps.data());
    GradWeight<T>(forward_grid(s, taps.data(), s.k), x, grad, pooled).run(dw);
}
template <class T> void conv_grad_weight(const ConvShape& s, Algorithm algorithm, const T* x, const T* grad, T* dw) {
    conv_grad_weight<T>(s, algorithm, x, grad, dw, nullptr);
}

template <class T>
void conv_pooled_grad_weight(const ConvShape& s, Algorithm algorithm, const PoolShape& p, const T* x,
                             const PooledGradient<T>& grad, T* dw) {
    const bool few = s.c < few_channels && s.kernel_y * s.kernel_x > 1 && s.groups == 1;
    if (algorithm == Algorithm::direct && few && !is_planar<T>(s)) {
        const PooledLanes<T> lanes{p, grad};
        return conv_grad_weight<T>(s, algorithm, x, nullptr, dw, &lanes);
    }
    Scratch<T> spread(s.n * s.oh * s.ow * s.k);
    max_pool_grad(p, grad, spread.data());
    conv_grad_weight<T>(s, algorithm, x, spread.data(), dw);
}

}  // namespace convscope::CONVSCOPE_ISA
