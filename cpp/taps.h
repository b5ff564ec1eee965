// The table of pointers that lets one microkernel serve every geometry.
//
// A grid is a set of output pixels of one dense convolution. Grid pixel (n, i, j) under tap t
// reads input pixel (n, i*stride_y + tap[t].y, j*stride_x + tap[t].x), and writes output pixel
// (n, i*out_step_y + out_y, j*out_step_x + out_x). In the forward direction the grid is the
// output; in the input gradient there is a grid for each phase of the stride.
//
//     in[t*P + p]     the input channels of pixel p of a tile under tap t; a row of zeros in the padding
#pragma once
#include "parallel.h"

namespace convscope::CONVSCOPE_ISA {

struct Tap {
    Index y, x;
};

struct Grid {
    Index n, in_h, in_w, in_pixel;  // images, and elements from one pixel to the next (channels of all groups)
    Index channels;                 // of a group
    Index h, w, stride_y, stride_x;
    Index taps;
    const Tap* tap;
    Index out_h, out_w, out_pixel, out_step_y, out_step_x, out_y, out_x;
    Index k, groups;  // output channels of a group

    Index pixels() const { return n * h * w; }
};

constexpr Index few_channels = 16;

// Whether the outputs lie side by side.
inline bool is_dense(const Grid& g) {
    return g.out_step_y == 1 && g.out_step_x == 1 && g.out_h == g.h && g.out_w == g.w;
}

inline bool has_few_channels(const Grid& g) { return g.channels < few_channels && g.taps > 1; }

// The forward pass: the grid is the output.
inline Grid forward_grid(const ConvShape& s, const Tap* taps, Index out_pixel) {
    Grid g = {};
    g.n = s.n, g.in_h = s.h, g.in_w = s.w, g.in_pixel = s.c, g.channels = s.c / s.groups;
    g.h = g.out_h = s.oh, g.w = g.out_w = s.ow, g.out_pixel = out_pixel, g.out_step_y = g.out_step_x = 1;
    g.stride_y = s.stride_y, g.stride_x = s.stride_x, g.taps = s.kernel_y * s.kernel_x, g.tap = taps;
    g.k = s.k / s.groups, g.groups = s.groups;
    return g;
}

inline void forward_taps(const ConvShape& s, Tap* taps) {
    for (Index u = 0; u < s.kernel_y; u++)
        for (Index v = 0; v < s.kernel_x; v++) *taps++ = {u * s.dilation_y - s.pad_y, v * s.dilation_x - s.pad_x};
}

// The input gradient: the pixels of dx whose row is phase_y modulo the stride, and whose column is phase_x, are a grid over
// the output's gradient that meets some of the taps only: `wanted` says which, `taps` where each of them reads.
inline Grid phase_grid(const ConvShape& s, Index phase_y, Index phase_x, Tap* taps, Index* wanted) {
    Grid g = {};
    for (Index u = s.kernel_y; u-- > 0;)
        for (Index v = s.kernel_x; v-- > 0;) {
            const Index down = phase_y + s.pad_y - u * s.dilation_y, across = phase_x + s.pad_x - v * s.dilation_x;
            if (down % s.stride_y != 0 || across % s.stride_x != 0) continue;
            taps[g.taps] = {down / s.stride_y, across / s.stride_x};
            wanted[g.taps++] = u * s.kernel_x + v;
        }
    g.n = s.n, g.in_h = s.oh, g.in_w = s.ow, g.in_pixel = s.k, g.channels = s.k / s.groups;
    g.h = ceil_div(s.h - phase_y, s.stride_y), g.w = ceil_div(s.w - phase_x, s.stride_x);
    g.stride_y = g.stride_x = 1, g.tap = taps;
    g.out_h = s.h, g.out_w = s.w, g.out_pixel = s.c, g.out_step_y = s.stride_y, g.out_step_x = s.stride_x;
    g.out_y = phase_y, g.out_x = phase_x, g.k = s.c / s.groups, g.groups = s.groups;
    return g;
}

// Goes over the grid pixels: image by image or, with `images_last`, position by position, so that the
// pixels of a tile have their taps in the padding in common.
struct Walk {
    const Grid& g;
    bool images_last;
    Index n, i, j;
    Index in, out;  // element offsets of what the pixel reads under tap (0, 0), and of what it writes

    Walk(const Grid& grid, Index pixel, bool images_last) : g(grid), images_last(images_last) {
        if (images_last) {
            n = pixel % g.n, pixel /= g.n;
            j = pixel % g.w, i = pixel / g.w;
        } else {
            j = pixel % g.w, pixel /= g.w;
            i = pixel % g.h, n = pixel / g.h;
        }
        locate();
    }
    CONVSCOPE_INLINE void next() {
        if (!images_last && ++j < g.w) {  // nearly always
            in += g.stride_x * g.in_pixel, out += g.out_step_x * g.out_pixel;
            return;
        }
        if (!images_last) {
            j = 0;
            if (++i == g.h) i = 0, n++;
        } else if (++n == g.n) {
            n = 0;
            if (++j == g.w) j = 0, i++;
        }
        locate();
    }

private:
    void locate() {
        in = ((n * g.in_h + i * g.stride_y) * g.in_w + j * g.stride_x) * g.in_pixel;
        out = ((n * g.out_h + i * g.out_step_y + g.out_y) * g.out_w + j * g.out_step_x + g.out_x) * g.out_pixel;
    }
};

// The grid pixels whose taps all lie inside the image: from `first` on, before `end`.
struct Inside {
    Tap first, end;

    explicit Inside(const Grid& g) {
        Tap lowest{0, 0}, highest{0, 0};
        for (Index t = 0; t < g.taps; t++) {
            const Tap tap = g.tap[t];
            lowest = {smaller(lowest.y, tap.y), smaller(lowest.x, tap.x)};
            highest = {larger(highest.y, tap.y), larger(highest.x, tap.x)};
        }
        first = {ceil_div(-lowest.y, g.stride_y), ceil_div(-lowest.x, g.stride_x)};
        end = {ceil_div(larger<Index>(0, g.in_h - highest.y), g.stride_y),
               ceil_div(larger<Index>(0, g.in_w - highest.x), g.stride_x)};
    }
    CONVSCOPE_INLINE bool row(Index i) const { return i >= first.y && i < end.y; }
    CONVSCOPE_INLINE bool column(Index j) const { return j >= first.x && j < end.x; }
};

// Makes tables for tiles of a grid.
template <class T> class TapTable {
public:
    TapTable(const Grid& grid, const T* x, const T* zeros) : g_(grid), inside_(grid), x_(x), zeros_(zeros) {}

    const T* zeros() const { return zeros_; }

    // Whether all taps of a grid pixel lie inside the image.
    CONVSCOPE_INLINE bool inside(const Walk& at) const { return inside_.row(at.i) && inside_.column(at.j); }
    const T* address(const Walk& at, Index t) const {
        const Index y = at.i * g_.stride_y + g_.tap[t].y, x = at.j * g_.stride_x + g_.tap[t].x;
        if (y < 0 || y >= g_.in_h || x < 0 || x >= g_.in_w) return zeros_;
        return x_ + ((at.n * g_.in_h + y) * g_.in_w + x) * g_.in_pixel;
    }

    // in[t*stride + p] for the `count` pixels from `at` on, which moves past them.
    void fill(Walk& at, Index count, Index stride, const T** in) const {
        while (count > 0) {
            Index offsets[64], n = 0;
            const Walk first = at;
            while (n < smaller<Index>(count, 64) && inside(at)) offsets[n++] = at.in, at.next();
            for (Index t = 0; t < g_.taps; t++) {
                const T* shifted = x_ + (g_.tap[t].y * g_.in_w + g_.tap[t].x) * g_.in_pixel;
                for (Index p = 0; p < n; p++) in[t * stride + p] = shifted + offsets[p];
            }
            in += n, count -= n;
            if (n > 0 || count == 0) continue;
            for (Index t = 0; t < g_.taps; t++) in[t * stride] = address(first, t);
            in++, count--, at.next();
        }
    }

private:
    const Grid& g_;
    const Inside inside_;
    const T *x_, *zeros_;
};

}  // namespace convscope::CONVSCOPE_ISA
