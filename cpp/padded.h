// Small images of few channels with zeros around them: no pixel then has taps outside, which would each be looked at.
//
//     0 0 0 0 0        rows and columns as the outputs need them: what no tap reaches is left out
//     0 x x x 0
//     0 x x x 0
//     0 0 0 0 0
#pragma once
#include "grid_conv.h"

namespace convscope::CONVSCOPE_ISA {

template <class T> struct Padded {
    ConvShape shape;
    Scratch<T> image;

    static bool pays(const ConvShape& s) {
        const bool outside = s.pad_y || s.pad_x || rows(s) > s.h || columns(s) > s.w;
        return outside && s.groups == 1 && s.c < few_channels && s.ow <= 64 && s.kernel_y * s.kernel_x > 1;
    }
    Padded(const ConvShape& s, const T* x) : shape(s), image(s.n * rows(s) * columns(s) * s.c) {
        shape.h = rows(s), shape.w = columns(s), shape.pad_y = shape.pad_x = 0;
        const Index row = shape.w * s.c, left = smaller(s.pad_x * s.c, row), length = smaller(s.w * s.c, row - left);
        parallel(s.n, team_size(s.n, double(s.n) * shape.h * row / width<T>), [&](Index n, int) {
            for (Index i = 0; i < shape.h; i++) {
                T* to = &image[(n * shape.h + i) * row];
                const Index y = i - s.pad_y;
                const bool inside = y >= 0 && y < s.h;
                memset(to, 0, (inside ? left : row) * sizeof(T));
                if (!inside) continue;
                memcpy(to + left, x + (n * s.h + y) * s.w * s.c, length * sizeof(T));
                memset(to + left + length, 0, (row - left - length) * sizeof(T));
            }
        });
    }

private:
    static Index rows(const ConvShape& s) { return (s.oh - 1) * s.stride_y + (s.kernel_y - 1) * s.dilation_y + 1; }
    static Index columns(const ConvShape& s) { return (s.ow - 1) * s.stride_x + (s.kernel_x - 1) * s.dilation_x + 1; }
};

}  // namespace convscope::CONVSCOPE_ISA
