// What Python sees: pointers and sizes are taken out of arrays, the lock is given up, a kernel is called.
// Nothing is computed here, and nothing converted: an array of another type or order is an error.
//
// Images come as (N, H, W, C), weights as (K, C / groups, kH, kW), all C-contiguous.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>

#include <array>
#include <memory>
#include <utility>

#include "dispatch.h"
#include "groups.h"
#include "memory.h"

namespace nb = nanobind;
using namespace nb::literals;
using convscope::ConvShape;
using convscope::Index;
using convscope::PoolShape;
using convscope::perform;
using convscope::Recorded;

namespace {

template <class T, class... More> using In = nb::ndarray<const T, nb::c_contig, nb::device::cpu, More...>;
template <class T, class... More> using Out = nb::ndarray<T, nb::c_contig, nb::device::cpu, More...>;
using Image = nb::ndim<4>;
using Matrix = nb::ndim<2>;
using Pair = std::pair<Index, Index>;
using Pads = std::pair<Pair, Pair>;

template <class T> const convscope::Functions<T>& kernels() { return convscope::active_isa().functions(T{}); }

template <class Array> auto data_of(const std::optional<Array>& array) { return array ? array->data() : nullptr; }

// The sizes of a convolution, from the arrays that stand for its input, weight and output.
template <class X, class W, class Y>
ConvShape conv_shape(const X& x, const W& w, const Y& y, Pair stride, const Pads& pads, Pair dilation, Index groups) {
    auto size = [](const auto& array, int axis) { return Index(array.shape(axis)); };
    const ConvShape shape{size(x, 0),        size(x, 1),     size(x, 2),      size(x, 3),
                          size(y, 1),        size(y, 2),     size(y, 3),      size(w, 2),
                          size(w, 3),        stride.first,   stride.second,   pads.first.first,
                          pads.second.first, dilation.first, dilation.second, groups};
    if (size(y, 0) != shape.n || size(w, 0) != shape.k || size(w, 1) * groups != shape.c)
        throw nb::value_error("shapes do not belong together");
    return shape;
}

typedef std::array<Index, 4> Sizes;  // of an image: n, h, w, c
template <class Array> Sizes shape_of(const Array& a) {
    return {Index(a.shape(0)), Index(a.shape(1)), Index(a.shape(2)), Index(a.shape(3))};
}

PoolShape pool_shape(const Sizes& x, const Sizes& y, Pair kernel, Pair stride, const Pads& pads, Pair dilation,
                     bool count_padding) {
    if (y[0] != x[0] || y[3] != x[3]) throw nb::value_error("shapes do not belong together");
    return {x[0],           x[1],            x[2],              x[3],               y[1],             y[2],
            kernel.first,   kernel.second,   stride.first,      stride.second,      pads.first.first, pads.second.first,
            dilation.first, dilation.second, pads.first.second, pads.second.second, count_padding};
}

// Windows side by side over what a convolution gives.
PoolShape side_by_side(const ConvShape& s, Pair pool) {
    return {s.n,        s.oh,        s.ow,       s.k,         s.oh / pool.first, s.ow / pool.second,
            pool.first, pool.second, pool.first, pool.second, 0,                 0,
            1,          1,           0,          0,           false};
}

// A convolution whose weights are packed, with all its settings: what is left to say is x.
template <class T> class PackedConv {
public:
    PackedConv(In<T, Image> w, std::optional<In<T>> bias, Pair stride, Pads pads, Pair dilation, Index groups,
               int algorithm, int activation, T low, T high)
        : shape_{},
          epilogue_{nullptr, convscope::Activation(activation), low, high},
          packed_(std::make_shared<Packed>()) {
        shape_.c = Index(w.shape(1)) * groups, shape_.k = Index(w.shape(0)), shape_.groups = groups;
        shape_.kernel_y = Index(w.shape(2)), shape_.kernel_x = Index(w.shape(3));
        shape_.stride_y = stride.first, shape_.stride_x = stride.second;
        shape_.pad_y = pads.first.first, shape_.pad_x = pads.second.first;
        shape_.dilation_y = dilation.first, shape_.dilation_x = dilation.second;
        const auto method = convscope::Algorithm(algorithm);
        packed_->memory = convscope::take_scratch(size_t(kernels<T>().packed_size(shape_, method)) * sizeof(T));
        perform([packed = packed_, shape = shape_, method, w, bias] {
            packed->weights =
                kernels<T>().pack(shape, method, w.data(), data_of(bias), static_cast<T*>(packed->memory));
        });
    }

    // y may be some channels of a wider image.
    void run(In<T, Image> x, std::optional<In<T, Image>> residual, nb::ndarray<T, nb::device::cpu, Image> y) const {
        ConvShape s = shape_;
        s.n = Index(x.shape(0)), s.h = Index(x.shape(1)), s.w = Index(x.shape(2));
        s.oh = Index(y.shape(1)), s.ow = Index(y.shape(2));
        const Index pixel = pixel_of(y);
        if (pixel < s.k) throw nb::type_error("y must hold its channels side by side, pixels at equal distances");
        if (Index(x.shape(3)) != s.c || y.shape(0) != x.shape(0) || Index(y.shape(3)) != s.k ||
            (residual && (residual->size() != y.size() || pixel != s.k)))
            throw nb::value_error("shapes do not belong together");
        perform([=, packed = packed_, settings = epilogue_] {
            convscope::Epilogue<T> epilogue = settings;
            epilogue.pixel = pixel, epilogue.residual = data_of(residual);
            kernels<T>().conv(s, packed->weights, x.data(), epilogue, y.data());
        });
    }

    // The largest of each window of a result of `size`.
    void run_pooled(In<T, Image> x, Pair size, Pair kernel, Pair stride, Pads pads, Pair dilation, Out<T, Image> y,
                    std::optional<Out<int32_t, Image>> indices) const {
        ConvShape s = shape_;
        s.n = Index(x.shape(0)), s.h = Index(x.shape(1)), s.w = Index(x.shape(2)), s.oh = size.first, s.ow = size.second;
        const PoolShape p = pool_shape({s.n, s.oh, s.ow, s.k}, shape_of(y), kernel, stride, pads, dilation, false);
        if (Index(x.shape(3)) != s.c || (indices && indices->size() != y.size()))
            throw nb::value_error("shapes do not belong together");
        perform([=, packed = packed_, settings = epilogue_] {
            kernels<T>().conv_max_pool(s, p, packed->weights, x.data(), settings, y.data(), data_of(indices));
        });
    }

private:
    // Elements from one pixel to the next; -1 if that is not the same everywhere or the channels do not lie side by side.
    static Index pixel_of(const nb::ndarray<T, nb::device::cpu, Image>& y) {
        if (y.size() == 0) return Index(y.shape(3));
        Index pixel = 0, pixels = 1;
        for (int axis = 2; axis >= 0; axis--) {
            const Index length = Index(y.shape(axis)), stride = Index(y.stride(axis));
            if (length > 1 && pixel == 0) pixel = stride / pixels;
            if (length > 1 && stride != pixel * pixels) return -1;
            pixels *= length;
        }
        if (y.shape(3) > 1 && y.stride(3) != 1) return -1;
        return pixel ? pixel : Index(y.shape(3));
    }

    struct Packed {
        convscope::PackedWeights<T> weights;
        void* memory = nullptr;
        ~Packed() {
            if (memory) convscope::give_back_scratch(memory);
        }
    };

    ConvShape shape_;
    convscope::Epilogue<T> epilogue_;
    std::shared_ptr<Packed> packed_;  // shared with what was recorded
};

template <class T> void register_conv(nb::module_& m, const char* packed_name) {
    nb::class_<PackedConv<T>>(m, packed_name)
        .def(nb::init<In<T, Image>, std::optional<In<T>>, Pair, Pads, Pair, Index, int, int, T, T>(),
             "weight"_a.noconvert(), "bias"_a.noconvert().none(), "stride"_a, "padding"_a, "dilation"_a, "groups"_a,
             "algorithm"_a, "activation"_a, "low"_a, "high"_a)
        .def("__call__", &PackedConv<T>::run, "x"_a.noconvert(), "residual"_a.noconvert().none(), "y"_a.noconvert())
        .def("pooled", &PackedConv<T>::run_pooled, "x"_a.noconvert(), "size"_a, "kernel"_a, "stride"_a, "padding"_a,
             "dilation"_a, "y"_a.noconvert(), "indices"_a.noconvert().none());
    m.def(
        "conv2d_grad_input",
        [](In<T, Image> grad, In<T, Image> w, Out<T, Image> dx, Pair stride, Pads pads, Pair dilation, Index groups,
           int algorithm) {
            const ConvShape shape = conv_shape(dx, w, grad, stride, pads, dilation, groups);
            perform([=] {
                kernels<T>().conv_grad_input(shape, convscope::Algorithm(algorithm), grad.data(), w.data(), dx.data());
            });
        },
        "grad"_a.noconvert(), "weight"_a.noconvert(), "dx"_a.noconvert(), "stride"_a, "padding"_a, "dilation"_a,
        "groups"_a, "algorithm"_a);
    m.def(
        "conv2d_grad_weight",
        [](In<T, Image> x, In<T, Image> grad, Out<T, Image> dw, Pair stride, Pads pads, Pair dilation, Index groups,
           int algorithm) {
            const ConvShape shape = conv_shape(x, dw, grad, stride, pads, dilation, groups);
            perform([=] {
                kernels<T>().conv_grad_weight(shape, convscope::Algorithm(algorithm), x.data(), grad.data(), dw.data());
            });
        },
        "x"_a.noconvert(), "grad"_a.noconvert(), "dw"_a.noconvert(), "stride"_a, "padding"_a, "dilation"_a, "groups"_a,
        "algorithm"_a);
}

template <class T> void register_pooled_grad(nb::module_& m) {
    m.def(
        "conv2d_pooled_grad_weight",
        [](In<T, Image> x, In<T, Image> grad, In<T, Image> y, In<int32_t, Image> indices, Out<T, Image> dw, Pair size, Pair pool,
           Pair stride, Pads pads, Pair dilation, Index groups, int algorithm) {
            ConvShape shape = conv_shape(x, dw, grad, stride, pads, dilation, groups);
            shape.oh = size.first, shape.ow = size.second;
            const PoolShape windows = side_by_side(shape, pool);
            if (windows.oh != Index(grad.shape(1)) || windows.ow != Index(grad.shape(2)) || y.size() != grad.size() ||
                indices.size() != grad.size())
                throw nb::value_error("shapes do not belong together");
            perform([=] {
                kernels<T>().conv_pooled_grad_weight(shape, convscope::Algorithm(algorithm), windows, x.data(),
                                                     {grad.data(), y.data(), indices.data()}, dw.data());
            });
        },
        "x"_a.noconvert(), "grad"_a.noconvert(), "y"_a.noconvert(), "indices"_a.noconvert(), "dw"_a.noconvert(), "size"_a, "pool"_a,
        "stride"_a, "padding"_a, "dilation"_a, "groups"_a, "algorithm"_a);
}

template <class T> void register_pool(nb::module_& m) {
    m.def(
        "max_pool2d",
        [](In<T, Image> x, Out<T, Image> y, std::optional<Out<int32_t, Image>> indices, Pair kernel, Pair stride,
           Pads pads, Pair dilation) {
            const PoolShape shape = pool_shape(shape_of(x), shape_of(y), kernel, stride, pads, dilation, false);
            perform([=] { kernels<T>().max_pool(shape, x.data(), y.data(), data_of(indices)); });
        },
        "x"_a.noconvert(), "y"_a.noconvert(), "indices"_a.noconvert().none(), "kernel"_a, "stride"_a, "padding"_a,
        "dilation"_a);
    m.def(
        "max_pool2d_grad",
        [](In<T, Image> grad, std::optional<In<T, Image>> y, In<int32_t, Image> indices, Out<T, Image> dx, Pair kernel,
           Pair stride, Pads pads, Pair dilation) {
            const PoolShape shape = pool_shape(shape_of(dx), shape_of(grad), kernel, stride, pads, dilation, false);
            return perform(
                [=] { return kernels<T>().max_pool_grad(shape, {grad.data(), data_of(y), indices.data()}, dx.data()); });
        },
        "grad"_a.noconvert(), "y"_a.noconvert().none(), "indices"_a.noconvert(), "dx"_a.noconvert(), "kernel"_a,
        "stride"_a, "padding"_a, "dilation"_a);
    m.def(
        "avg_pool2d",
        [](In<T, Image> x, Out<T, Image> y, Pair kernel, Pair stride, Pads pads, bool count_padding) {
            const PoolShape shape = pool_shape(shape_of(x), shape_of(y), kernel, stride, pads, {1, 1}, count_padding);
            perform([=] { kernels<T>().avg_pool(shape, x.data(), y.data()); });
        },
        "x"_a.noconvert(), "y"_a.noconvert(), "kernel"_a, "stride"_a, "padding"_a, "count_padding"_a);
    m.def(
        "avg_pool2d_grad",
        [](In<T, Image> grad, Out<T, Image> dx, Pair kernel, Pair stride, Pads pads, bool count_padding) {
            const PoolShape shape = pool_shape(shape_of(dx), shape_of(grad), kernel, stride, pads, {1, 1}, count_padding);
            perform([=] { kernels<T>().avg_pool_grad(shape, grad.data(), dx.data()); });
        },
        "grad"_a.noconvert(), "dx"_a.noconvert(), "kernel"_a, "stride"_a, "padding"_a, "count_padding"_a);
    m.def(
        "channel_sums",
        [](In<T> x, Out<T> sums, Index n, Index channels, T divisor) {
            const Index pixels = x.size() ? Index(x.size()) / (n * channels) : 0;
            perform([=] { kernels<T>().channel_sums(n, pixels, channels, divisor, x.data(), sums.data()); });
        },
        "x"_a.noconvert(), "sums"_a.noconvert(), "n"_a, "channels"_a, "divisor"_a);
    m.def(
        "spread",
        [](In<T> values, Out<T> x, Index n, Index channels, T divisor) {
            const Index pixels = x.size() ? Index(x.size()) / (n * channels) : 0;
            perform([=] { kernels<T>().spread(n, pixels, channels, divisor, values.data(), x.data()); });
        },
        "values"_a.noconvert(), "x"_a.noconvert(), "n"_a, "channels"_a, "divisor"_a);
}

// Batch normalisation takes arrays of any rank whose last axis is the channel.
template <class T> void register_norm(nb::module_& m) {
    m.def(
        "batch_norm",
        [](In<T> x, In<T> weight, In<T> bias, In<T> mean, In<T> var, Out<T> y, T eps, std::optional<In<T>> residual,
           bool rectify) {
            const Index channels = Index(mean.size()), pixels = Index(x.size()) / channels;
            perform([=] {
                kernels<T>().batch_norm(pixels, channels, eps, x.data(), weight.data(), bias.data(), mean.data(),
                                        var.data(), data_of(residual), rectify, y.data());
            });
        },
        "x"_a.noconvert(), "weight"_a.noconvert(), "bias"_a.noconvert(), "mean"_a.noconvert(), "var"_a.noconvert(),
        "y"_a.noconvert(), "eps"_a, "residual"_a.noconvert().none(), "rectify"_a);
    m.def(
        "moments",
        [](In<T> x, Out<T> mean, Out<T> var) {
            const Index channels = Index(mean.size()), pixels = Index(x.size()) / channels;
            perform([=] { kernels<T>().moments(pixels, channels, x.data(), mean.data(), var.data()); });
        },
        "x"_a.noconvert(), "mean"_a.noconvert(), "var"_a.noconvert());
    m.def(
        "batch_norm_grad",
        [](In<T> grad, In<T> x, std::optional<In<T>> y, In<T> weight, In<T> mean, In<T> var, Out<T> dx, Out<T> dweight,
           Out<T> dbias, T eps, bool training) {
            const Index channels = Index(mean.size()), pixels = Index(x.size()) / channels;
            perform([=] {
                kernels<T>().batch_norm_grad(pixels, channels, eps, training, grad.data(), x.data(), data_of(y),
                                             weight.data(), mean.data(), var.data(), dx.data(), dweight.data(),
                                             dbias.data());
            });
        },
        "grad"_a.noconvert(), "x"_a.noconvert(), "y"_a.noconvert().none(), "weight"_a.noconvert(), "mean"_a.noconvert(),
        "var"_a.noconvert(), "dx"_a.noconvert(), "dweight"_a.noconvert(), "dbias"_a.noconvert(), "eps"_a, "training"_a);
}

// x has the channels last, in any number of pixels.
template <class T> void register_local_norm(nb::module_& m) {
    m.def(
        "local_norm",
        [](In<T> x, Out<T> y, Index channels, Index size, T alpha, T beta, T k) {
            const Index pixels = Index(x.size()) / channels;
            perform([=] { kernels<T>().local_norm(pixels, channels, size, alpha, beta, k, x.data(), y.data()); });
        },
        "x"_a.noconvert(), "y"_a.noconvert(), "channels"_a, "size"_a, "alpha"_a, "beta"_a, "k"_a);
    m.def(
        "local_norm_grad",
        [](In<T> grad, In<T> x, Out<T> dx, Index channels, Index size, T alpha, T beta, T k) {
            const Index pixels = Index(x.size()) / channels;
            perform([=] {
                kernels<T>().local_norm_grad(pixels, channels, size, alpha, beta, k, grad.data(), x.data(), dx.data());
            });
        },
        "grad"_a.noconvert(), "x"_a.noconvert(), "dx"_a.noconvert(), "channels"_a, "size"_a, "alpha"_a, "beta"_a,
        "k"_a);
}

template <class T> void register_linear(nb::module_& m) {
    m.def(
        "linear",
        [](In<T, Matrix> x, In<T, Matrix> w, std::optional<In<T>> bias, Out<T, Matrix> y) {
            const Index rows = Index(x.shape(0)), in = Index(w.shape(1)), out = Index(w.shape(0));
            perform([=] { kernels<T>().linear(rows, in, out, x.data(), w.data(), data_of(bias), y.data()); });
        },
        "x"_a.noconvert(), "weight"_a.noconvert(), "bias"_a.noconvert().none(), "y"_a.noconvert());
    m.def(
        "linear_grad_input",
        [](In<T, Matrix> grad, In<T, Matrix> w, Out<T, Matrix> dx) {
            const Index rows = Index(grad.shape(0)), in = Index(w.shape(1)), out = Index(w.shape(0));
            perform([=] { kernels<T>().linear_grad_input(rows, in, out, grad.data(), w.data(), dx.data()); });
        },
        "grad"_a.noconvert(), "weight"_a.noconvert(), "dx"_a.noconvert());
    m.def(
        "linear_grad_weight",
        [](In<T, Matrix> x, In<T, Matrix> grad, Out<T, Matrix> dw) {
            const Index rows = Index(x.shape(0)), in = Index(dw.shape(1)), out = Index(dw.shape(0));
            perform([=] { kernels<T>().linear_grad_weight(rows, in, out, x.data(), grad.data(), dw.data()); });
        },
        "x"_a.noconvert(), "grad"_a.noconvert(), "dw"_a.noconvert());
}

// Element by element: any rank, and any order that all the arrays share.
template <class T> void register_activation(nb::module_& m) {
    m.def(
        "interleave",
        [](In<T, Image> x, Out<T, Image> y) {  // x comes as (N, C, H, W)
            const Index n = Index(x.shape(0)), channels = Index(x.shape(1)), pixels = Index(x.shape(2) * x.shape(3));
            if (y.size() != x.size()) throw nb::value_error("shapes do not belong together");
            perform([=] { kernels<T>().interleave(n, channels, pixels, x.data(), y.data()); });
        },
        "x"_a.noconvert(), "y"_a.noconvert());
    m.def(
        "relu", [](In<T> x, Out<T> y) { perform([=] { kernels<T>().relu(Index(x.size()), x.data(), y.data()); }); },
        "x"_a.noconvert(), "y"_a.noconvert());
    m.def(
        "relu_grad",
        [](In<T> grad, In<T> y, Out<T> dx) {
            perform([=] { kernels<T>().relu_grad(Index(grad.size()), grad.data(), y.data(), dx.data()); });
        },
        "grad"_a.noconvert(), "y"_a.noconvert(), "dx"_a.noconvert());
}

// Steps of training. All arrays of a step have one size, and one order in memory.
template <class T> void register_update(nb::module_& m) {
    m.def(
        "add",
        [](In<T> a, In<T> b, Out<T> y, bool rectify) {
            perform([=] { kernels<T>().add(Index(y.size()), rectify, a.data(), b.data(), y.data()); });
        },
        "a"_a.noconvert(), "b"_a.noconvert(), "y"_a.noconvert(), "rectify"_a);
    m.def(
        "sgd",
        [](Out<T> w, In<T> g, std::optional<Out<T>> v, T rate, T momentum, T decay, bool nesterov) {
            perform([=] {
                kernels<T>().sgd(Index(w.size()), {rate, momentum, decay, nesterov}, w.data(), g.data(), data_of(v));
            });
        },
        "weight"_a.noconvert(), "gradient"_a.noconvert(), "velocity"_a.noconvert().none(), "rate"_a, "momentum"_a,
        "decay"_a, "nesterov"_a);
    m.def(
        "adam",
        [](Out<T> w, In<T> g, Out<T> first, Out<T> second, T rate, T beta1, T beta2, T scale, T eps, T decay,
           T shrink) {
            perform([=] {
                kernels<T>().adam(Index(w.size()), {rate, beta1, beta2, scale, eps, decay, shrink}, w.data(), g.data(),
                                  first.data(), second.data());
            });
        },
        "weight"_a.noconvert(), "gradient"_a.noconvert(), "first"_a.noconvert(), "second"_a.noconvert(), "rate"_a,
        "beta1"_a, "beta2"_a, "scale"_a, "eps"_a, "decay"_a, "shrink"_a);
    m.def(
        "cross_entropy",
        [](In<T, Matrix> scores, In<int64_t> labels, Out<T> loss, Out<T, Matrix> grad) {
            perform([=] {
                kernels<T>().cross_entropy(Index(scores.shape(0)), Index(scores.shape(1)), scores.data(), labels.data(),
                                           loss.data(), grad.data());
            });
        },
        "scores"_a.noconvert(), "labels"_a.noconvert(), "loss"_a.noconvert(), "grad"_a.noconvert());
}

template <class T> void register_all(nb::module_& m, const char* packed_name) {
    register_conv<T>(m, packed_name);
    register_pooled_grad<T>(m);
    register_pool<T>(m);
    register_local_norm<T>(m);
    register_norm<T>(m);
    register_linear<T>(m);
    register_activation<T>(m);
    register_update<T>(m);
}

}  // namespace

NB_MODULE(_core, m) {
    nb::set_leak_warnings(false);
    convscope::prepare_threads();
    convscope::choose_isa(nullptr);

    m.def("choose_isa", [](const char* name) { convscope::choose_isa(name); }, "name"_a.none());
    m.def("isa", [] { return convscope::active_isa().name; });
    m.def("vector_bytes", [] { return convscope::active_isa().vector_bytes; });
    m.def("set_threads", &convscope::set_threads);
    m.def("get_threads", &convscope::get_threads);
    m.def(
        "empty",
        [](size_t bytes) {
            void* memory = convscope::take_scratch(bytes);
            nb::capsule owner(memory, [](void* p) noexcept { convscope::give_back_scratch(p); });
            return nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>>(memory, {bytes}, owner);
        },
        "bytes"_a);
    m.def(
        "fingerprint",
        [](In<uint64_t> addresses, In<int64_t> bytes) {
            nb::gil_scoped_release free;
            return kernels<float>().fingerprint(Index(addresses.size()), addresses.data(), bytes.data());
        },
        "addresses"_a.noconvert(), "bytes"_a.noconvert());
    m.def(
        "peak",
        [](Index rounds) {
            nb::gil_scoped_release free;
            return kernels<float>().peak(rounds);
        },
        "rounds"_a);
    nb::class_<Recorded>(m, "Recorded")
        .def(nb::init<nb::list, bool>(), "calls"_a, "later"_a)
        .def("__call__", &Recorded::run)
        .def_static("run_groups", &convscope::run_groups, "calls"_a, "groups"_a, "inputs"_a, "outputs"_a);
    register_all<float>(m, "PackedConvFloat");
    register_all<double>(m, "PackedConvDouble");
}
