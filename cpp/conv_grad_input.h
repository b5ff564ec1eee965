// dx[n][y][x][c] = sum over o, u, v with i*s + u*d - p == y (and so for x) of grad[n][i][j][o] * w[o][c][u][v]
//
// Pixels whose row is equal modulo the stride use the same taps: each such phase is a dense
// convolution of `grad` with some of the taps, and its grid writes every stride-th pixel.
//
//     stride 2, kernel 3, padding 1:   even rows take tap u = 1 of grad row y/2,
//                                      odd rows taps u = 0 and 2 of grad rows (y+1)/2 and (y-1)/2
//
// With few input channels that would leave most lanes of a vector unused. Then one product
// gives every grad pixel its kernel_y * kernel_x * c contributions, which are added up.
#pragma once
#include "conv.h"

namespace convscope::CONVSCOPE_ISA {

constexpr Index few_pixels = 256;  // so few that packing the weights takes as long as using them

template <class T>
void grad_input_phase(const ConvShape& s, Index phase_y, Index phase_x, const T* grad, const T* w, T* dx) {
    const Index count = s.kernel_y * s.kernel_x, channels = s.c / s.groups, k = s.k / s.groups;
    Scratch<Tap> taps(count);
    Scratch<Index> wanted(count);
    const Grid grid = phase_grid(s, phase_y, phase_x, taps.data(), wanted.data());
    const PanelShape<T> shape{grid.taps * k, channels};
    auto weights = [&](Index g) {
        return WeightSource<T>{w + g * k * channels * count, k, channels, count, true, wanted.data(), grid.taps};
    };
    if (grid.pixels() <= few_pixels && grid.taps > 1) {
        // Each panel is used once: it is packed where its worker finds it in the second cache, not all of them in memory.
        const Index panels = shape.count(), items = s.groups * panels, size = shape.rows * shape.lanes_most;
        const int team = team_size(items, double(grid.pixels()) * s.groups * shape.size() / width<T>);
        Scratch<T> memory(team * size);
        parallel(items, team, [&](Index item, int worker) {
            const Index g = item / panels, panel = item % panels;
            T* packed = &memory[worker * size];
            const bool finite = pack_panel<T>(weights(g), panel, packed);
            Grid some = grid;
            some.k = shape.lanes(panel), some.groups = 1;
            T* to = dx + g * channels + panel * shape.lanes_most;
            GridConv<T>(some, grad + g * k, {Algorithm::direct, finite, packed, nullptr}, {}, to).run();
        });
        return;
    }
    Scratch<T> packed(s.groups * shape.size());
    bool finite = true;
    for (Index g = 0; g < s.groups; g++) finite &= pack<T>(weights(g), &packed[g * shape.size()]);
    convolve<T>(grid, grad, {Algorithm::direct, finite, packed.data(), nullptr}, {}, dx);
}

// Few input channels. Bands of dx rows are summed up one by one; a grad row that reaches into two bands is multiplied twice.
template <class T> class GradInputScatter {
public:
    GradInputScatter(const ConvShape& s, const T* grad, const T* w, T* dx)
        : s_(s),
          grad_(grad),
          dx_(dx),
          taps_(s.kernel_y * s.kernel_x),
          shape_{s.k, taps_ * s.c},
          packed_(shape_.size()) {
        // Weights of a product from o to (u, v, c); w has (o, c, u, v).
        Scratch<T> turned(s.k * taps_ * s.c);
        for (Index o = 0; o < s.k; o++)
            for (Index c = 0; c < s.c; c++)
                for (Index t = 0; t < taps_; t++) turned[(o * taps_ + t) * s.c + c] = w[(o * s.c + c) * taps_ + t];
        const Index only = 0;
        pack<T>({turned.data(), s.k, taps_ * s.c, 1, true, &only, 1}, packed_.data());
    }

    void run() {
        const Index rows = larger<Index>(16, 4 * s_.kernel_y), bands = ceil_div(s_.h, rows);
        const double work = double(s_.n) * s_.oh * s_.ow * shape_.rows * shape_.padded_k() / width<T>;
        const int team = team_size(s_.n * bands, work);
        const Index most = 4 * shape_.pixels(), row = s_.w * s_.c, column = shape_.padded_k(),
                    span = (s_.ow - 1) * s_.stride_x + (s_.kernel_x - 1) * s_.dilation_x + 1;
        padded_ = larger(span, s_.pad_x + s_.w);
        const Index sums = rows * padded_ * s_.c + width<T>, scratch = sums + most * column + width<T>;
        Scratch<T> memory(team * scratch);
        parallel(s_.n * bands, team, [&](Index item, int worker) {
            const Index n = item / bands, begin = item % bands * rows, end = smaller(s_.h, begin + rows);
            T *sum = &memory[worker * scratch], *products = sum + sums;
            memset(sum, 0, sums * sizeof(T));
            for (Index i = 0; i < s_.oh; i++) {
                const Index first = i * s_.stride_y - s_.pad_y;
                if (first >= end || first + (s_.kernel_y - 1) * s_.dilation_y < begin) continue;
                for (Index j = 0, count; j < s_.ow; j += count) {
                    count = smaller(most, s_.ow - j);
                    multiply(n, i, j, count, products);
                    for (Index p = 0; p < count; p++)
                        add_up(products + p * column, first, (j + p) * s_.stride_x, begin, end, sum);
                }
            }
            for (Index y = begin; y < end; y++)
                memcpy(dx_ + (n * s_.h + y) * row, sum + ((y - begin) * padded_ + s_.pad_x) * s_.c, row * sizeof(T));
        });
    }

private:
    void multiply(Index n, Index i, Index j, Index count, T* products) const {
        const T* from = grad_ + ((n * s_.oh + i) * s_.ow + j) * s_.k;
        for (Index panel = 0; panel < shape_.count(); panel++)
            for_stretches(1, s_.k, [&](Index, Index, Index channel, Index channels, bool) {
                const T* weights = packed_.data() + shape_.offset(panel) + channel * shape_.row(panel);
                multiply_rows<RowTiles, T>({from + channel,
                                            s_.k,
                                            channels,
                                            weights,
                                            products + panel * shape_.lanes_most,
                                            shape_.padded_k(),
                                            {shape_.row(panel), nullptr, channel > 0, nullptr}},
                                           count, shape_.vectors(panel));
            });
    }

    void add_up(const T* products, Index first, Index x, Index begin, Index end, T* sum) const {
        const bool joined = s_.dilation_x == 1;
        const Index length = joined ? s_.kernel_x * s_.c : s_.c, runs = joined ? 1 : s_.kernel_x;
        const Mask<T> rest = first_lanes<T>(length % width<T>);  // of the last vector; the others are not added to
        for (Index u = 0; u < s_.kernel_y; u++) {
            const Index y = first + u * s_.dilation_y;
            if (y < begin || y >= end) {
                products += s_.kernel_x * s_.c;
                continue;
            }
            for (Index v = 0; v < runs; v++, products += length) {
                T* to = sum + ((y - begin) * padded_ + x + v * s_.dilation_x) * s_.c;
                Index i = 0;
                for (; i + width<T> <= length; i += width<T>) store(to + i, load(to + i) + load(products + i));
                if (i < length) store(to + i, load(to + i) + (rest ? load(products + i) : Vector<T>{}));
            }
        }
    }

    const ConvShape& s_;
    const T* grad_;
    T* dx_;
    Index taps_, padded_ = 0;
    PanelShape<T> shape_;
    Scratch<T> packed_;
};

template <class T> void conv_grad_input(const ConvShape& s, Algorithm algorithm, const T* grad, const T* w, T* dx) {
    if (algorithm != Algorithm::direct) return winograd_grad_input(s, algorithm, grad, w, dx);
    if (is_depthwise(s)) return depthwise_grad_input(s, grad, w, dx);
    if (s.groups == 1 && s.c < few_channels && s.kernel_y * s.kernel_x > 1 && s.n > 0)
        return GradInputScatter<T>(s, grad, w, dx).run();
    for (Index y = 0; y < smaller(s.stride_y, s.h); y++)
        for (Index x = 0; x < smaller(s.stride_x, s.w); x++) grad_input_phase(s, y, x, grad, w, dx);
}

}  // namespace convscope::CONVSCOPE_ISA
