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
    Index n, h, w, c;  // input
    Index oh, ow, k;   // output
    Index kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x, groups;
};

// Pooling. In ceil mode the last windows may reach past the padding, whose extent below and right is therefore given too.
struct PoolShape {
    Index n, h, w, c;
    Index oh, ow;
    Index kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x;
    Index pad_bottom, pad_right;
    bool count_padding;  // average pooling: padding counts as pixels
};

enum class Algorithm : int { direct = 0, winograd2 = 2, winograd4 = 4 };  // Winograd: the outputs of a tile, each way
enum class Activation : int { none, clip, leaky };

// Weights and bias in the order in which a convolution reads them (conv.h): packed once, used often.
template <class T> struct PackedWeights {
    Algorithm algorithm;
    bool finite;  // no weight is infinite or not a number
    const T* weights;
    const T* bias;  // or null
};

// y = activation(sum + bias + residual)
template <class T> struct Epilogue {
    const T* residual;  // laid out as y is, or null
    Activation activation;
    T low, high;           // clip: to [low, high]; leaky: what is below zero times low
    Index pixel = 0;       // elements from one pixel of y to the next, if y is some channels of a wider image; else 0
    const T* y = nullptr;  // set by the convolution
};

// The gradient at max pooling's output, and where in its input each value was; with the pooled values y, a gradient counts only
// where they are above zero.
template <class T> struct PooledGradient {
    const T *grad, *y;  // y may be null
    const int32_t* indices;
};

// What an optimiser does to every weight (update.h).
template <class T> struct SgdStep {
    T rate, momentum, decay;
    bool nesterov;
};
template <class T> struct AdamStep {
    T rate, beta1, beta2, scale, eps, decay, shrink;
};

template <class T> struct Functions {
    Index (*packed_size)(const ConvShape&, Algorithm);  // elements
    PackedWeights<T> (*pack)(const ConvShape&, Algorithm, const T* w, const T* bias, T* to);  // bias may be null
    void (*conv)(const ConvShape&, const PackedWeights<T>&, const T* x, Epilogue<T>, T* y);
    // The largest of each window of a convolution's result, and where in that it was, if indices are not null.
    void (*conv_max_pool)(const ConvShape&, const PoolShape&, const PackedWeights<T>&, const T* x, const Epilogue<T>&, T* y,
                          int32_t* indices);
    void (*conv_grad_input)(const ConvShape&, Algorithm, const T* grad, const T* w, T* dx);
    void (*conv_grad_weight)(const ConvShape&, Algorithm, const T* x, const T* grad, T* dw);
    // The same of a convolution that is pooled, in windows that lie apart.
    void (*conv_pooled_grad_weight)(const ConvShape&, Algorithm, const PoolShape&, const T* x, const PooledGradient<T>&, T* dw);

    void (*max_pool)(const PoolShape&, const T* x, T* y, int32_t* indices);  // indices may be null
    bool (*max_pool_grad)(const PoolShape&, const PooledGradient<T>&, T* dx);  // false: an index lies outside
    void (*avg_pool)(const PoolShape&, const T* x, T* y);
    void (*avg_pool_grad)(const PoolShape&, const T* grad, T* dx);
    void (*channel_sums)(Index n, Index pixels, Index channels, T divisor, const T* x,
                         T* sums);  // sums[n][c] = sum over p of x[n][p][c] / divisor
    void (*spread)(Index n, Index pixels, Index channels, T divisor, const T* values,
                   T* x);  // x[n][p][c] = values[n][c] / divisor

    // Batch normalisation of x[pixels][channels]; every other array has one value a channel.
    void (*batch_norm)(Index pixels, Index channels, T eps, const T* x, const T* weight, const T* bias, const T* mean,
                       const T* var, const T* residual, bool rectify, T* y);  // residual may be null
    void (*moments)(Index pixels, Index channels, const T* x, T* mean, T* var);
    void (*batch_norm_grad)(Index pixels, Index channels, T eps, bool training, const T* grad, const T* x,
                            const T* y, const T* weight, const T* mean, const T* var, T* dx, T* dweight,
                            T* dbias);  // y, the rectified output, may be null

    // Normalisation of x[pixels][channels] by neighbouring channels; alpha is divided by size already.
    void (*local_norm)(Index pixels, Index channels, Index size, T alpha, T beta, T k, const T* x, T* y);
    void (*local_norm_grad)(Index pixels, Index channels, Index size, T alpha, T beta, T k, const T* grad, const T* x,
                            T* dx);

    void (*linear)(Index rows, Index in, Index out, const T* x, const T* w, const T* bias,
                   T* y);  // x[rows][in] w[out][in] y[rows][out]
    void (*linear_grad_input)(Index rows, Index in, Index out, const T* grad, const T* w, T* dx);
    void (*linear_grad_weight)(Index rows, Index in, Index out, const T* x, const T* grad, T* dw);

    void (*interleave)(Index n, Index channels, Index pixels, const T* x, T* y);  // y[n][p][c] = x[n][c][p]

    void (*relu)(Index size, const T* x, T* y);
    void (*relu_grad)(Index size, const T* grad, const T* y, T* dx);
    void (*add)(Index size, bool rectify, const T* a, const T* b, T* y);

    void (*sgd)(Index size, const SgdStep<T>&, T* w, const T* g, T* v);
    void (*adam)(Index size, const AdamStep<T>&, T* w, const T* g, T* first, T* second);
    void (*cross_entropy)(Index rows, Index classes, const T* x, const int64_t* labels, T* loss, T* grad);
    uint64_t (*fingerprint)(Index count, const uint64_t* addresses, const int64_t* bytes);

    double (*peak)(Index rounds);  // the multiply-adds that so many rounds in registers alone are, once done
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
