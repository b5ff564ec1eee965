// From channels first to channels last, on the way into a network:
//
//     x[n][c][p]    r0 r1 r2 r3 ...  g0 g1 g2 g3 ...  b0 b1 b2 b3 ...
//     y[n][p][c]    r0 g0 b0 r1 g1 b1 r2 g2 b2 r3 g3 b3 ...
//
// Some pixels at a time, so that a block of y stays in the first cache while channel after channel is spread over it.
#pragma once
#include "parallel.h"

namespace convscope::CONVSCOPE_ISA {

template <class T> void interleave(Index n, Index channels, Index pixels, const T* x, T* y) {
    const Index some = larger<Index>(width<T>, 4096 / larger<Index>(1, channels)), blocks = ceil_div(pixels, some), items = n * blocks;
    parallel(items, team_size(items, double(n) * channels * pixels), [&](Index item, int) {
        const Index image = item / blocks * channels * pixels, begin = item % blocks * some;
        for (Index c = 0; c < channels; c++)
            for (Index p = begin; p < smaller(pixels, begin + some); p++)
                y[image + p * channels + c] = x[image + c * pixels + p];
    });
}

}  // namespace convscope::CONVSCOPE_ISA
