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

// Goes over the grid pixels: image by image or, with `images_last`, position by position, so that the
// pixels of a tile have their taps in the padding in common.
struct Walk {
    const Grid& g;
    bool images_last;
    Index n, i, j;

    Walk(const Grid& grid, Index pixel, bool images_last) : g(grid), images_last(images_last) {
        if (images_last) {
            n = pixel % g.n, pixel /= g.n;
            j = pixel % g.w, i = pixel / g.w;
        } else {
            j = pixel % g.w, pixel /= g.w;
            i = pixel % g.h, n = pixel / g.h;
        }
    }
    void next() {
        if (images_last) {
            if (++n == g.n) n = 0, advance();
        } else if (advance())
            n++;
    }
    Index in_y() const { return i * g.stride_y; }
    Index in_x() const { return j * g.stride_x; }
    Index in_offset() const { return ((n * g.in_h + in_y()) * g.in_w + in_x()) * g.in_pixel; }  // of tap (0, 0)
    Index out_offset() const {
        return ((n * g.out_h + i * g.out_step_y + g.out_y) * g.out_w + j * g.out_step_x + g.out_x) * g.out_pixel;
    }

private:
    bool advance() {  // to the next position; says whether it began anew
        if (++j < g.w) return false;
        j = 0;
        if (++i < g.h) return false;
        i = 0;
        return true;
    }
};

// Makes tables for tiles of a grid.
template <class T> class TapTable {
public:
    TapTable(const Grid& grid, const T* x, const T* zeros) : g_(grid), x_(x), zeros_(zeros) {
        for (Index t = 0; t < g_.taps; t++) {
            const Tap tap = g_.tap[t];
            lowest_ = {smaller(lowest_.y, tap.y), smaller(lowest_.x, tap.x)};
            highest_ = {larger(highest_.y, tap.y), larger(highest_.x, tap.x)};
        }
    }

    // Whether all taps of a grid pixel lie inside the image.
    bool inside(const Walk& at) const {
        return at.in_y() + lowest_.y >= 0 && at.in_y() + highest_.y < g_.in_h && at.in_x() + lowest_.x >= 0 &&
               at.in_x() + highest_.x < g_.in_w;
    }
    const T* address(const Walk& at, Index t) const {
        const Index y = at.in_y() + g_.tap[t].y, x = at.in_x() + g_.tap[t].x;
        if (y < 0 || y >= g_.in_h || x < 0 || x >= g_.in_w) return zeros_;
        return x_ + ((at.n * g_.in_h + y) * g_.in_w + x) * g_.in_pixel;
    }

    // in[t*stride + p] for the `count` pixels from `at` on, which moves past them.
    void fill(Walk& at, Index count, Index stride, const T** in) const {
        while (count > 0) {
            Index offsets[64], n = 0;
            const Walk first = at;
            while (n < smaller<Index>(count, 64) && inside(at)) offsets[n++] = at.in_offset(), at.next();
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
    const T *x_, *zeros_;
    Tap lowest_{0, 0}, highest_{0, 0};
};

}  // namespace convscope::CONVSCOPE_ISA
