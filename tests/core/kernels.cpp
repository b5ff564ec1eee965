// The core without Python: every kernel on awkward shapes, in buffers of the exact size, with one thread and with four.
//
//     ./kernels [ISA]     exits with 0, or says what is wrong
//
// Convolutions and linear layers are compared with loops in double that follow the definition; every result, also those of
// the other kernels, must come out the same to the bit for any number of threads. `make sanitize` runs this under the
// sanitizers, `make aarch64` on an emulated processor.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "../../cpp/dispatch.h"
#include "../../cpp/threads.h"

using namespace convscope;
typedef std::vector<double> Doubles;

static int failures = 0;

static std::mt19937 generator(0);
template <class T> std::vector<T> random_values(Index count) {
    std::normal_distribution<double> normal;
    std::vector<T> values(count);
    for (T& v : values) v = T(normal(generator));
    return values;
}

// Rounding of a direct sum is far below this part of the largest value; Winograd's algorithm is promised to keep to it.
template <class T> double allowed() { return sizeof(T) == 4 ? 2e-5 : 1e-13; }

template <class T> void compare(const std::string& what, const std::vector<T>& found, const Doubles& exact) {
    double largest = 0, error = 0;
    for (size_t i = 0; i < found.size(); i++) {
        largest = std::max(largest, std::fabs(exact[i]));
        error = std::max(error, found[i] == found[i] ? std::fabs(found[i] - exact[i]) : INFINITY);
    }
    if (error <= allowed<T>() * largest) return;
    std::printf("%s: off by %g, largest %g\n", what.c_str(), error, largest);
    failures++;
}

// What `compute` writes to y, the same with one thread and with four.
template <class T>
std::vector<T> on_any_threads(const std::string& what, Index size, const std::function<void(T*)>& compute) {
    std::vector<T> alone(size, T(NAN)), together(size, T(NAN));
    set_threads(1);
    compute(alone.data());
    set_threads(4);
    compute(together.data());
    if (size && std::memcmp(alone.data(), together.data(), size * sizeof(T)) != 0) {
        std::printf("%s: four threads give other bits\n", what.c_str());
        failures++;
    }
    return alone;
}

// f(output, input, weight) for every product of a convolution, by their places in the arrays.
template <class F> void for_products(const ConvShape& s, const F& f) {
    const Index channels = s.c / s.groups, filters = s.k / s.groups;
    for (Index n = 0; n < s.n; n++)
        for (Index i = 0; i < s.oh; i++)
            for (Index j = 0; j < s.ow; j++)
                for (Index u = 0; u < s.kernel_y; u++)
                    for (Index v = 0; v < s.kernel_x; v++) {
                        const Index y = i * s.stride_y + u * s.dilation_y - s.pad_y,
                                    x = j * s.stride_x + v * s.dilation_x - s.pad_x;
                        if (y < 0 || y >= s.h || x < 0 || x >= s.w) continue;
                        for (Index k = 0; k < s.k; k++)
                            for (Index c = 0; c < channels; c++)
                                f(((n * s.oh + i) * s.ow + j) * s.k + k,
                                  ((n * s.h + y) * s.w + x) * s.c + k / filters * channels + c,
                                  ((k * channels + c) * s.kernel_y + u) * s.kernel_x + v);
                    }
}

// Pooled where it is computed, or afterwards, to the bit: the maxima and their places.
template <class T>
void compare_pooled(const std::string& name, const ConvShape& s, const PoolShape& p, const PackedWeights<T>& packed,
                    const std::vector<T>& x, const std::vector<T>& dense, T low, T high, std::vector<T>& expected,
                    std::vector<int32_t>& places) {
    const auto& kernels = active_isa().functions(T{});
    const Index outputs = p.n * p.oh * p.ow * p.c;
    expected.resize(outputs), places.resize(outputs);
    std::vector<int32_t> found(outputs);
    kernels.max_pool(p, dense.data(), expected.data(), places.data());
    const auto pooled = on_any_threads<T>(name + " pooled", outputs, [&](T* to) {
        kernels.conv_max_pool(s, p, packed, x.data(), {nullptr, Activation::clip, low, high}, to, found.data());
    });
    std::vector<T> alone(outputs);  // without places
    kernels.conv_max_pool(s, p, packed, x.data(), {nullptr, Activation::clip, low, high}, alone.data(), nullptr);
    if (pooled != expected || places != found || alone != expected) std::printf("%s pooled\n", name.c_str()), failures++;
}

// Windows that overlap; windows side by side, and the weight gradient of what they pool.
template <class T>
void test_pooled(const std::string& name, const ConvShape& s, const PackedWeights<T>& packed, const std::vector<T>& x,
                 const std::vector<T>& dense, T low, T high, Index across) {
    if (s.oh < 2 || s.ow < across) return;
    const auto& kernels = active_isa().functions(T{});
    std::vector<T> expected;
    std::vector<int32_t> places;
    const PoolShape over{s.n, s.oh, s.ow, s.k, (s.oh - 1) / 2 + 1, s.ow, 3, 3, 2, 1, 1, 1, 1, 1, 1, 1, false};
    compare_pooled(name + " overlapping", s, over, packed, x, dense, low, high, expected, places);
    const PoolShape p{s.n, s.oh, s.ow, s.k, s.oh / 2, s.ow / across, 2, across, 2, across, 0, 0, 1, 1, 0, 0, false};
    compare_pooled(name, s, p, packed, x, dense, low, high, expected, places);
    std::vector<T> spread(dense.size()), dw(s.k * s.c / s.groups * s.kernel_y * s.kernel_x), own(dw.size());
    const auto grad = random_values<T>(expected.size());
    const PooledGradient<T> from{grad.data(), expected.data(), places.data()};
    kernels.max_pool_grad(p, from, spread.data());
    kernels.conv_grad_weight(s, packed.algorithm, x.data(), spread.data(), dw.data());
    kernels.conv_pooled_grad_weight(s, packed.algorithm, p, x.data(), from, own.data());
    if (dw != own) std::printf("%s weight gradient of what is pooled\n", name.c_str()), failures++;
}

template <class T> void test_conv(const ConvShape& s, Algorithm algorithm) {
    const auto& kernels = active_isa().functions(T{});
    const std::string name = std::string(active_isa().name) + (sizeof(T) == 4 ? " float" : " double") + " c=" +
                             std::to_string(s.c) + " k=" + std::to_string(s.k) + " kernel=" + std::to_string(s.kernel_y) +
                             " algorithm=" + std::to_string(int(algorithm));
    const Index outputs = s.n * s.oh * s.ow * s.k;
    const auto x = random_values<T>(s.n * s.h * s.w * s.c), grad = random_values<T>(outputs),
               w = random_values<T>(s.k * s.c / s.groups * s.kernel_y * s.kernel_x), bias = random_values<T>(s.k),
               residual = random_values<T>(outputs);
    Doubles y(outputs), dx(x.size()), dw(w.size());
    for_products(s, [&](Index o, Index i, Index weight) {
        y[o] += double(x[i]) * w[weight];
        dx[i] += double(grad[o]) * w[weight];
        dw[weight] += double(grad[o]) * x[i];
    });
    const T typical = T(std::sqrt(double(s.c / s.groups * s.kernel_y * s.kernel_x))), low = -typical, high = 2 * typical;
    for (Index o = 0; o < outputs; o++) y[o] = std::min<double>(high, std::max<double>(low, y[o] + bias[o % s.k] + residual[o]));

    const Epilogue<T> epilogue{residual.data(), Activation::clip, low, high};
    compare<T>(name + " forward", on_any_threads<T>(name, outputs, [&](T* to) {
                   std::vector<T> memory(kernels.packed_size(s, algorithm));
                   const auto packed = kernels.pack(s, algorithm, w.data(), bias.data(), memory.data());
                   kernels.conv(s, packed, x.data(), epilogue, to);
               }), y);
    // The same without a residual, some channels of a wider image: what lies beside them stays.
    const Index pixel = s.k + 3, pixels = s.n * s.oh * s.ow;
    std::vector<T> memory(kernels.packed_size(s, algorithm)), dense(outputs), wide(pixels * pixel, T(7));
    const auto packed = kernels.pack(s, algorithm, w.data(), bias.data(), memory.data());
    kernels.conv(s, packed, x.data(), {nullptr, Activation::clip, low, high}, dense.data());
    kernels.conv(s, packed, x.data(), {nullptr, Activation::clip, low, high, pixel}, wide.data());
    for (Index p = 0; p < pixels; p++)
        for (Index k = 0; k < pixel; k++)
            if (wide[p * pixel + k] != (k < s.k ? dense[p * s.k + k] : T(7)))
                return std::printf("%s in a wider image\n", name.c_str()), void(failures++);
    // Images at the same time, each on one worker.
    ConvShape one = s;
    one.n = 1;
    std::vector<T> beside(outputs);
    parallel(s.n, int(std::min<Index>(4, s.n)), [&](Index n, int) {
        kernels.conv(one, packed, &x[n * s.h * s.w * s.c], {nullptr, Activation::clip, low, high}, &beside[n * outputs / s.n]);
    });
    if (beside != dense) std::printf("%s image beside image\n", name.c_str()), failures++;
    for (Index across : {2, 3}) test_pooled<T>(name, s, packed, x, dense, low, high, across);
    compare<T>(name + " input gradient", on_any_threads<T>(name, Index(dx.size()), [&](T* to) {
                   kernels.conv_grad_input(s, algorithm, grad.data(), w.data(), to);
               }), dx);
    compare<T>(name + " weight gradient", on_any_threads<T>(name, Index(dw.size()), [&](T* to) {
                   kernels.conv_grad_weight(s, algorithm, x.data(), grad.data(), to);
               }), dw);
}

template <class T> void test_linear(Index rows, Index in, Index out) {
    const auto& kernels = active_isa().functions(T{});
    const auto x = random_values<T>(rows * in), w = random_values<T>(out * in), bias = random_values<T>(out),
               grad = random_values<T>(rows * out);
    Doubles y(rows * out), dx(rows * in), dw(out * in);
    for (Index n = 0; n < rows; n++)
        for (Index o = 0; o < out; o++) {
            y[n * out + o] = bias[o];
            for (Index f = 0; f < in; f++) {
                y[n * out + o] += double(x[n * in + f]) * w[o * in + f];
                dx[n * in + f] += double(grad[n * out + o]) * w[o * in + f];
                dw[o * in + f] += double(grad[n * out + o]) * x[n * in + f];
            }
        }
    compare<T>("linear", on_any_threads<T>("linear", rows * out, [&](T* to) {
                   kernels.linear(rows, in, out, x.data(), w.data(), bias.data(), to);
               }), y);
    compare<T>("linear, input gradient", on_any_threads<T>("linear", rows * in, [&](T* to) {
                   kernels.linear_grad_input(rows, in, out, grad.data(), w.data(), to);
               }), dx);
    compare<T>("linear, weight gradient", on_any_threads<T>("linear", out * in, [&](T* to) {
                   kernels.linear_grad_weight(rows, in, out, x.data(), grad.data(), to);
               }), dw);
}

// Pooling and normalisation: that they stay inside their arrays and do not depend on threads.
template <class T> void test_others(Index n, Index h, Index w, Index c) {
    const auto& kernels = active_isa().functions(T{});
    PoolShape s = {};
    s.n = n, s.h = h, s.w = w, s.c = c, s.oh = (h - 1) / 2 + 1, s.ow = (w - 1) / 2 + 1, s.kernel_y = s.kernel_x = 3;
    s.stride_y = s.stride_x = 2, s.pad_y = s.pad_x = s.pad_bottom = s.pad_right = s.dilation_y = s.dilation_x = 1;
    const Index inputs = n * h * w * c, outputs = n * s.oh * s.ow * c;
    const auto x = random_values<T>(inputs), grad = random_values<T>(inputs), pooled = random_values<T>(outputs),
               scale = random_values<T>(c), mean = random_values<T>(c), var = std::vector<T>(c, T(0.5));
    std::vector<int32_t> indices(outputs);
    on_any_threads<T>("max_pool", outputs, [&](T* y) { kernels.max_pool(s, x.data(), y, indices.data()); });
    on_any_threads<T>("max_pool_grad", inputs, [&](T* dx) {
        if (!kernels.max_pool_grad(s, {pooled.data(), nullptr, indices.data()}, dx)) std::printf("max_pool_grad: index\n"), failures++;
    });
    PoolShape apart = s;
    apart.kernel_y = apart.kernel_x = 2;
    on_any_threads<T>("max_pool", outputs, [&](T* y) { kernels.max_pool(apart, x.data(), y, indices.data()); });
    on_any_threads<T>("max_pool_grad, windows apart", inputs, [&](T* dx) {
        kernels.max_pool_grad(apart, {pooled.data(), pooled.data(), indices.data()}, dx);
    });
    on_any_threads<T>("avg_pool", outputs, [&](T* y) { kernels.avg_pool(s, x.data(), y); });
    on_any_threads<T>("avg_pool_grad", inputs, [&](T* dx) { kernels.avg_pool_grad(s, pooled.data(), dx); });
    on_any_threads<T>("channel_sums", n * c, [&](T* to) { kernels.channel_sums(n, h * w, c, T(h * w), x.data(), to); });
    on_any_threads<T>("moments", 2 * c, [&](T* to) { kernels.moments(n * h * w, c, x.data(), to, to + c); });
    on_any_threads<T>("batch_norm", inputs, [&](T* y) {
        kernels.batch_norm(n * h * w, c, T(1e-5), x.data(), scale.data(), mean.data(), mean.data(), var.data(), grad.data(),
                           true, y);
    });
    on_any_threads<T>("batch_norm_grad", inputs + 2 * c, [&](T* to) {
        kernels.batch_norm_grad(n * h * w, c, T(1e-5), true, grad.data(), x.data(), nullptr, scale.data(), mean.data(),
                                var.data(), to, to + inputs, to + inputs + c);
    });
    on_any_threads<T>("relu", inputs, [&](T* y) { kernels.relu(inputs, x.data(), y); });
    on_any_threads<T>("relu_grad", inputs, [&](T* dx) { kernels.relu_grad(inputs, grad.data(), x.data(), dx); });
}

template <class T> void test_all() {
    const auto conv = [](Index n, Index size, Index c, Index k, Index kernel, Index stride, Index pad, Index dilation,
                         Index groups) {
        const Index out = (size + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1, w = size + 3,
                    across = (w + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
        return ConvShape{n,      size,   w,   c,   out,      across,   k,     kernel, kernel,
                         stride, stride, pad, pad, dilation, dilation, groups};
    };
    for (const ConvShape& s : {conv(2, 9, 17, 35, 3, 1, 1, 1, 1), conv(3, 7, 64, 32, 3, 1, 1, 1, 1),
                               conv(1, 6, 300, 9, 3, 1, 0, 1, 1), conv(1, 6, 20, 130, 3, 1, 1, 1, 1), conv(20, 5, 16, 48, 3, 1, 2, 1, 1)})
        for (Algorithm a : {Algorithm::direct, Algorithm::winograd2, Algorithm::winograd4}) test_conv<T>(s, a);
    for (const ConvShape& s :
         {conv(2, 12, 1, 6, 5, 1, 0, 1, 1), conv(1, 15, 3, 20, 7, 2, 3, 1, 1), conv(2, 9, 2, 3, 3, 1, 1, 2, 1),
          conv(2, 8, 32, 48, 3, 2, 1, 1, 1), conv(2, 7, 40, 20, 1, 1, 0, 1, 1), conv(1, 5, 1024, 33, 1, 2, 0, 1, 1),
          conv(2, 9, 35, 35, 3, 1, 1, 1, 35), conv(2, 11, 64, 64, 3, 2, 1, 1, 64), conv(2, 9, 5, 5, 3, 2, 1, 1, 5),
          conv(2, 9, 24, 36, 3, 1, 1, 1, 3), conv(40, 4, 19, 16, 3, 3, 1, 1, 1)})
        test_conv<T>(s, Algorithm::direct);
    for (Index rows : {1, 3, 37}) test_linear<T>(rows, 130, 70);
    for (Index channels : {1, 5, 16, 67}) test_others<T>(3, 9, 11, channels);
}

int main(int argc, char** argv) {
    prepare_threads();
    choose_isa(argc > 1 ? argv[1] : nullptr);
    test_all<float>();
    test_all<double>();
    std::printf("%s: %s\n", active_isa().name, failures ? "FAILED" : "every kernel is as it should be");
    return failures ? 1 : 0;
}
