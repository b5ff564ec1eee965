// The one contract between the bindings and the kernels: plain structs, raw pointers, and a table of functions
// for each instruction set and element type.
//
// Arrays are dense and channels-last:
//
//     image x[n][h][w][c]       weights w[k][c / groups][r][s] (as PyTorch has them)       c varies fastest in images
//
// Sizes are in elements, never bytes. Nothing here checks: the bindings have.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace convscope {

typedef ptrdiff_t Index;

// y[n][i][j][o] = bias[o] + sum over c, u, v of x[n][i*stride_y + u*dilation_y - pad_y][j*stride_x + ...][c] * w[o][c][u][v]
struct ConvShape {
    Index n, h, w, c;               // input
    Index oh, ow, k;                // output
    Index kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x, groups;
};

// A pooling window; `ceil` windows may reach past the padding, which `bottom` and `right` (the padding there) tell.
struct PoolShape {
    Index n, h, w, c;
    Index oh, ow;
    Index kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x;
    Index pad_bottom, pad_right;
    bool count_padding;  // average pooling: padding counts as pixels
};

template <class T> struct Functions {
    void (*relu)(Index size, const T* x, T* y);
    void (*relu_grad)(Index size, const T* grad, const T* y, T* dx);
};

// What one build of isa.cpp (an instruction set) offers for both element types.
struct Isa {
    const char* name;
    int vector_bytes;
    const Functions<float>* f32;
    const Functions<double>* f64;

    const Functions<float>& functions(float) const { return *f32; }
    const Functions<double>& functions(double) const { return *f64; }
};

}  // namespace convscope
