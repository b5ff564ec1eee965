// y[n][i][j][o] = bias[o] + sum over c, u, v of x[n][i*s + u*d - p][j*s + v*d - p][c] * w[o][c][u][v]
#pragma once
#include "conv_planar.h"
#include "depthwise.h"
#include "grid_conv.h"

namespace convscope::CONVSCOPE_ISA {

// One value a lane, zeros past the last output channel of each group.
template <class T> void pad_bias(const T* bias, Index groups, Index k, Index padded, T* to) {
    for (Index g = 0; g < groups; g++)
        for (Index i = 0; i < padded; i++) to[g * padded + i] = i < k ? bias[g * k + i] : T(0);
}

inline Grid forward_grid(const ConvShape& s, const Tap* taps) {
    return {s.n,
            s.h,
            s.w,
            s.c,
            s.c / s.groups,
            s.oh,
            s.ow,
            s.stride_y,
            s.stride_x,
            s.kernel_y * s.kernel_x,
            taps,
            s.oh,
            s.ow,
            s.k,
            1,
            1,
            0,
            0,
            s.k / s.groups,
            s.groups};
}

inline void forward_taps(const ConvShape& s, Tap* taps) {
    for (Index u = 0; u < s.kernel_y; u++)
        for (Index v = 0; v < s.kernel_x; v++) *taps++ = {u * s.dilation_y - s.pad_y, v * s.dilation_x - s.pad_x};
}

template <class T> void conv(const ConvShape& s, const T* x, const T* w, const T* bias, T* y) {
    if (is_depthwise(s)) return depthwise(s, x, w, bias, y);
    if (is_planar<T>(s)) return PlanarConv<T>(s, x, w, bias, y).run();
    const Index count = s.kernel_y * s.kernel_x, channels = s.c / s.groups, k = s.k / s.groups;
    Scratch<Tap> taps(count);
    forward_taps(s, taps.data());

    const PanelShape<T> shape{count * channels, k};
    Scratch<T> packed(s.groups * (shape.size() + shape.padded_k()));
    bool finite = true;
    for (Index g = 0; g < s.groups; g++)
        finite &= pack<T>({w + g * k * channels * count, k, channels, count, false, nullptr, count},
                          &packed[g * shape.size()]);
    T* lanes = &packed[s.groups * shape.size()];
    if (bias) pad_bias(bias, s.groups, k, shape.padded_k(), lanes);
    GridConv<T>(forward_grid(s, taps.data()), x, packed.data(), bias ? lanes : nullptr, finite, y).run();
}

}  // namespace convscope::CONVSCOPE_ISA
