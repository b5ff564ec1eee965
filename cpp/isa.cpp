// The kernels for one instruction set (CONVSCOPE_ISA, a namespace) and one element type (CONVSCOPE_ELEMENT).
// CMake compiles this file once for each pair.
#include "activation.h"
#include "conv.h"
#include "conv_grad_input.h"
#include "fingerprint.h"
#include "layout.h"
#include "linear.h"
#include "local_norm.h"
#include "norm.h"
#include "pooled_conv.h"
#include "update.h"
#include "winograd_grad_weight.h"

namespace convscope::CONVSCOPE_ISA {
namespace {

// Multiply-adds on a full register tile that never leaves the registers.
template <class T> double peak(Index rounds) {
    constexpr int P = tile_pixels<tile_vectors>, V = tile_vectors;
    T source[V + 1] = {T(0.25), T(0.5)};
    Vector<T> sums[P][V], w[V];
    unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
        unroll<V>([&](auto v) CONVSCOPE_LAMBDA { sums[p][v] = broadcast(T(p * V + v)); });
    });
    for (Index i = 0; i < rounds; i++) {
        asm volatile("" : : "r"(source) : "memory");  // as far as the compiler knows, the factors have changed
        const Vector<T> x = broadcast(source[V]);
        unroll<V>([&](auto v) CONVSCOPE_LAMBDA { w[v] = broadcast(source[v]); });
        unroll<P>([&](auto p)
                      CONVSCOPE_LAMBDA { unroll<V>([&](auto v) CONVSCOPE_LAMBDA { multiply_add<T>(sums[p][v], x, w[v]); }); });
    }
    Vector<T> total = {};
    unroll<P>([&](auto p) CONVSCOPE_LAMBDA { unroll<V>([&](auto v) CONVSCOPE_LAMBDA { total += sums[p][v]; }); });
    T lanes[width<T>];
    store(lanes, total);
    return double(rounds) * P * V * width<T> + 0 * double(lanes[0]);
}

}  // namespace

const Functions<CONVSCOPE_ELEMENT>& functions_of(CONVSCOPE_ELEMENT) {
    typedef CONVSCOPE_ELEMENT T;
    static const Functions<T> functions = {
        packed_size<T>,   pack_conv<T>,         conv<T>,
        conv_max_pool<T>, conv_grad_input<T>,   conv_grad_weight<T>,  conv_pooled_grad_weight<T>,
        max_pool<T>,      max_pool_grad<T>,     avg_pool<T>,
        avg_pool_grad<T>, channel_sums<T>,      spread<T>,
        batch_norm<T>,    moments<T>,           batch_norm_grad<T>,
        local_norm<T>,    local_norm_grad<T>,
        linear<T>,        linear_grad_input<T>, linear_grad_weight<T>,
        interleave<T>,    relu<T>,              relu_grad<T>,         add<T>,
        sgd<T>,           adam<T>,              cross_entropy<T>,
        fingerprint,      peak<T>,
    };
    return functions;
}

}  // namespace convscope::CONVSCOPE_ISA
