// y[n][i][j][o] = bias[o] + sum over c, u, v of x[n][i*s + u*d - p][j*s + v*d - p][c] * w[o][c][u][v]
//
// Weights are packed first, for the way in which the convolution will be computed; packed weights serve any
// number of calls, and images of any size.
//
//     winograd     [winograd.h]     3x3, if asked for
//     depthwise    [depthwise.h]    [tap][channel]
//     planar       [conv_planar.h]  [tap][filter]     few channels and few filters
//     dense        [grid_conv.h]    [group][panel][tap][channel][lane]
#pragma once
#include "conv_planar.h"
#include "depthwise.h"
#include "grid_conv.h"
#include "winograd.h"

namespace convscope::CONVSCOPE_ISA {

template <class T> PanelShape<T> panel_shape(const ConvShape& s) {
    return {s.kernel_y * s.kernel_x * (s.c / s.groups), s.k / s.groups};
}

// Elements of the packed weights, and of the bias behind them.
template <class T> Index weight_size(const ConvShape& s, Algorithm algorithm) {
    if (algorithm != Algorithm::direct) return winograd_shape<T>(int(algorithm), s.c, s.k).size();
    const Index taps = s.kernel_y * s.kernel_x;
    if (is_depthwise(s)) return taps * depthwise_row<T>(s.c);
    if (is_planar<T>(s)) return taps * s.c * s.k;
    return s.groups * panel_shape<T>(s).size();
}
template <class T> Index bias_size(const ConvShape& s) {
    if (is_depthwise(s)) return depthwise_row<T>(s.c);
    return is_planar<T>(s) ? s.k : s.groups * panel_shape<T>(s).padded_k();
}
template <class T> Index packed_size(const ConvShape& s, Algorithm algorithm) {
    return weight_size<T>(s, algorithm) + bias_size<T>(s);
}

// One value a lane, zeros past the last output channel of each group.
template <class T> void pad_bias(const T* bias, Index groups, Index k, Index padded, T* to) {
    for (Index g = 0; g < groups; g++)
        for (Index i = 0; i < padded; i++) to[g * padded + i] = bias && i < k ? bias[g * k + i] : T(0);
}

template <class T>
PackedWeights<T> pack_conv(const ConvShape& s, Algorithm algorithm, const T* w, const T* bias, T* to) {
    const Index taps = s.kernel_y * s.kernel_x, channels = s.c / s.groups, k = s.k / s.groups;
    T* lanes = to + weight_size<T>(s, algorithm);
    const Index parts = is_depthwise(s) ? 1 : s.groups;
    pad_bias(bias, parts, s.k / parts, bias_size<T>(s) / parts, lanes);
    bool finite = true;
    if (algorithm != Algorithm::direct) {
        const Index all[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
        pack_winograd<T>(algorithm, {w, s.k, s.c, 9, false, all, 9}, to);
    } else if (is_depthwise(s)) {
        finite = turn_depthwise(s, nullptr, taps, w, to);
    } else if (is_planar<T>(s)) {
        for (Index t = 0; t < taps * channels; t++)
            for (Index i = 0; i < k; i++) to[t * k + i] = w[i * taps * channels + t];
    } else {
        for (Index g = 0; g < s.groups; g++)
            finite &= pack<T>({w + g * k * channels * taps, k, channels, taps, false, nullptr, taps},
                              to + g * panel_shape<T>(s).size());
    }
    return {algorithm, finite, to, bias ? lanes : nullptr};
}

template <class T> void conv(const ConvShape& s, const PackedWeights<T>& w, const T* x, Epilogue<T> epilogue, T* y) {
    epilogue.y = y;
    if (!epilogue.pixel) epilogue.pixel = s.k;
    if (w.algorithm != Algorithm::direct) return winograd(forward_tiles(s, w.algorithm), x, w, epilogue, y);
    if (is_depthwise(s)) return depthwise(s, x, w, epilogue, y);
    if (is_planar<T>(s)) return PlanarConv<T>(s, x, w, epilogue, y).run();
    Scratch<Tap> taps(s.kernel_y * s.kernel_x);
    forward_taps(s, taps.data());
    convolve<T>(forward_grid(s, taps.data(), epilogue.pixel), x, w, epilogue, y);
}

}  // namespace convscope::CONVSCOPE_ISA
