// Fully connected layers: matrix products, on the machines of the convolution.
//
//     y[n][o] = bias[o] + sum over f of x[n][f] * w[o][f]       a 1x1 convolution: a row of N pixels, F channels
//     dx[n][f] = sum over o of grad[n][o] * w[o][f]             the same with the roles of o and f changed
//     dw[o][f] = sum over n of grad[n][o] * x[n][f]             its weight gradient
//
// One or two samples read each weight too seldom to pay for packing: then dot products.
#pragma once
#include "conv_grad_weight.h"

namespace convscope::CONVSCOPE_ISA {

constexpr Index few_rows = 4;

inline Grid product_grid(Index rows, Index channels, Index k, const Tap* tap) {
    Grid g = {};
    g.n = g.in_h = g.h = g.out_h = g.taps = g.groups = 1;
    g.stride_y = g.stride_x = g.out_step_y = g.out_step_x = 1;
    g.in_w = g.w = g.out_w = rows, g.in_pixel = g.channels = channels, g.out_pixel = g.k = k, g.tap = tap;
    return g;
}

template <class T> T dot(const T* a, const T* b, Index count) {
    constexpr int sums = 4, W = width<T>;
    Vector<T> total[sums] = {};
    Index i = 0;
    for (; i + sums * W <= count; i += sums * W)
        unroll<sums>([&](auto s) CONVSCOPE_LAMBDA { total[s] += load(a + i + s * W) * load(b + i + s * W); });
    for (; i + W <= count; i += W) total[0] += load(a + i) * load(b + i);
    if (i < count) total[1] += load_first(a + i, count - i) * load_first(b + i, count - i);
    total[0] += total[1], total[2] += total[3], total[0] += total[2];
    T sum = 0;
    for (int lane = 0; lane < W; lane++) sum += total[0][lane];
    return sum;
}

template <class T> void linear(Index rows, Index in, Index out, const T* x, const T* w, const T* bias, T* y) {
    const double work = double(rows) * in * out / width<T>;
    if (rows < few_rows) {
        const Index block = 16, blocks = ceil_div(out, block);
        parallel(blocks, team_size(blocks, work), [&](Index item, int) {
            for (Index o = item * block; o < smaller(out, (item + 1) * block); o++)
                for (Index n = 0; n < rows; n++)
                    y[n * out + o] = dot(x + n * in, w + o * in, in) + (bias ? bias[o] : T(0));
        });
        return;
    }
    const PanelShape<T> shape{in, out};
    Scratch<T> packed(shape.size() + shape.padded_k());
    pack<T>({w, out, in, 1, false, nullptr, 1}, packed.data());
    T* lanes = &packed[shape.size()];
    pad_bias(bias, 1, out, shape.padded_k(), lanes);
    const Tap tap{0, 0};
    const PackedWeights<T> weights{Algorithm::direct, false, packed.data(), bias ? lanes : nullptr};
    Product<T>(product_grid(rows, in, out, &tap), x, weights, {}, y).run();
}

template <class T> void linear_grad_input(Index rows, Index in, Index out, const T* grad, const T* w, T* dx) {
    const PanelShape<T> shape{out, in};
    Scratch<T> packed(shape.size());
    const Index only = 0;
    pack<T>({w, out, in, 1, true, &only, 1}, packed.data());
    const Tap tap{0, 0};
    Product<T>(product_grid(rows, out, in, &tap), grad, {Algorithm::direct, false, packed.data(), nullptr}, {}, dx)
        .run();
}

template <class T> void linear_grad_weight(Index rows, Index in, Index out, const T* x, const T* grad, T* dw) {
    const Tap tap{0, 0};
    GradWeight<T>(product_grid(rows, in, out, &tap), x, grad).run(dw);
}

}  // namespace convscope::CONVSCOPE_ISA
