// The transforms of Winograd's algorithm F(M x M, 3 x 3), along one axis and along two.
//
// M outputs of a filter g of 3 taps over M + 2 inputs d are y = A'[(G g) * (B' d)]: M + 2 products instead of 3M. Both
// axes alike, a tile of M x M outputs takes (M+2)^2 products instead of 9 M^2: 36 instead of 144 for M = 4.
//
//     B'  input      M+2 -> M+2          A'  output    M+2 -> M            G   filter    3 -> M+2
//     A   spread       M -> M+2 and G'  collect   M+2 -> 3: the transposes, of which the weight gradient is made
//
// They follow from polynomials through the points 0, p, -p, ... and infinity. For M = 4 the points +-3/4 and +-3/2 err
// three times less than the usual +-1 and +-2 (measured; their squares and products are exact), and cost as much.
//
//     Lavin and Gray (2016), Fast algorithms for convolutional neural networks; Barabasz et al. (2020), Error analysis
//     and improving the accuracy of Winograd convolution for deep neural networks.
#pragma once
#include "vector.h"

namespace convscope::CONVSCOPE_ISA {

template <class T, int M> struct Winograd;

template <class T> struct Winograd<T, 2> {
    typedef Vector<T> V;
    CONVSCOPE_INLINE static void input(const V* d, V* o) {
        o[0] = d[0] - d[2], o[1] = d[2] + d[1], o[2] = d[2] - d[1], o[3] = d[3] - d[1];
    }
    CONVSCOPE_INLINE static void output(const V* m, V* y) { y[0] = m[0] + m[1] + m[2], y[1] = m[1] - m[2] + m[3]; }
    CONVSCOPE_INLINE static void filter(const V* g, V* u) {
        const V even = T(0.5) * (g[0] + g[2]), odd = T(0.5) * g[1];
        u[0] = g[0], u[1] = even + odd, u[2] = even - odd, u[3] = g[2];
    }
    CONVSCOPE_INLINE static void spread(const V* y, V* z) { z[0] = y[0], z[1] = y[0] + y[1], z[2] = y[0] - y[1], z[3] = y[1]; }
    CONVSCOPE_INLINE static void collect(const V* u, V* g) {
        const V even = T(0.5) * (u[1] + u[2]);
        g[0] = u[0] + even, g[1] = T(0.5) * (u[1] - u[2]), g[2] = even + u[3];
    }
};

template <class T> struct Winograd<T, 4> {
    typedef Vector<T> V;
    static constexpr T a = T(0.75), b = T(1.5), aa = a * a, bb = b * b, product = aa * bb, sum = aa + bb;
    static constexpr T over_a = 1 / (2 * aa * (aa - bb)), over_b = 1 / (2 * bb * (bb - aa));

    CONVSCOPE_INLINE static void input(const V* d, V* o) {
        const V even_a = d[4] - bb * d[2], odd_a = a * (d[3] - bb * d[1]);
        const V even_b = d[4] - aa * d[2], odd_b = b * (d[3] - aa * d[1]);
        o[0] = product * d[0] - sum * d[2] + d[4];
        o[1] = even_a + odd_a, o[2] = even_a - odd_a, o[3] = even_b + odd_b, o[4] = even_b - odd_b;
        o[5] = product * d[1] - sum * d[3] + d[5];
    }
    CONVSCOPE_INLINE static void output(const V* m, V* y) {
        const V even_a = m[1] + m[2], odd_a = m[1] - m[2], even_b = m[3] + m[4], odd_b = m[3] - m[4];
        y[0] = m[0] + even_a + even_b, y[1] = a * odd_a + b * odd_b;
        y[2] = aa * even_a + bb * even_b, y[3] = a * aa * odd_a + b * bb * odd_b + m[5];
    }
    CONVSCOPE_INLINE static void filter(const V* g, V* u) {
        const V even_a = over_a * (g[0] + aa * g[2]), odd_a = (over_a * a) * g[1];
        const V even_b = over_b * (g[0] + bb * g[2]), odd_b = (over_b * b) * g[1];
        u[0] = (1 / product) * g[0];
        u[1] = even_a + odd_a, u[2] = even_a - odd_a, u[3] = even_b + odd_b, u[4] = even_b - odd_b, u[5] = g[2];
    }
    CONVSCOPE_INLINE static void spread(const V* y, V* z) {
        const V even_a = y[0] + aa * y[2], odd_a = a * y[1] + (a * aa) * y[3];
        const V even_b = y[0] + bb * y[2], odd_b = b * y[1] + (b * bb) * y[3];
        z[0] = y[0], z[1] = even_a + odd_a, z[2] = even_a - odd_a, z[3] = even_b + odd_b, z[4] = even_b - odd_b, z[5] = y[3];
    }
    CONVSCOPE_INLINE static void collect(const V* u, V* g) {
        const V even_a = over_a * (u[1] + u[2]), odd_a = over_a * (u[1] - u[2]);
        const V even_b = over_b * (u[3] + u[4]), odd_b = over_b * (u[3] - u[4]);
        g[0] = (1 / product) * u[0] + even_a + even_b, g[1] = a * odd_a + b * odd_b, g[2] = aa * even_a + bb * even_b + u[5];
    }
};

// `transform`, from I values to O, along both axes: put(i, j, vector) for O x O, from get(i, j) for I x I.
template <class T, int I, int O, class Get, class Put>
CONVSCOPE_INLINE void both_axes(void (*transform)(const Vector<T>*, Vector<T>*), const Get& get, const Put& put) {
    Vector<T> half[O][I];
    unroll<I>([&](auto j) CONVSCOPE_LAMBDA {
        Vector<T> column[I], some[O];
        unroll<I>([&](auto i) CONVSCOPE_LAMBDA { column[i] = get(i, j); });
        transform(column, some);
        unroll<O>([&](auto i) CONVSCOPE_LAMBDA { half[i][j] = some[i]; });
    });
    unroll<O>([&](auto i) CONVSCOPE_LAMBDA {
        Vector<T> row[O];
        transform(half[i], row);
        unroll<O>([&](auto j) CONVSCOPE_LAMBDA { put(i, j, row[j]); });
    });
}

}  // namespace convscope::CONVSCOPE_ISA
