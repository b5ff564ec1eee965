// Depthwise convolution: every channel has a kernel of its own, so vectors run along the channels.
//
//     weights turned to [tap][channel]       w:  c0 c1 c2 ...  under tap 0
//                                                c0 c1 c2 ...  under tap 1
//     a tile: P neighbouring pixels, one vector of channels at a time
//
// The table of pointers is that of taps.h. The last vector begins at channels - width and so
// does some channels a second time, to the same result.
#pragma once
#include "epilogue.h"
#include "taps.h"

namespace convscope::CONVSCOPE_ISA {

constexpr int depthwise_pixels = 8;

inline bool is_depthwise(const ConvShape& s) { return s.groups == s.c && s.k == s.c && s.c > 1; }

// A row of packed weights is at least a vector long.
template <class T> Index depthwise_row(Index channels) { return larger<Index>(channels, width<T>); }

// out[p][c] = bias[c] + sum over t of in[t*P + p][c] * weights[t][c], for one vector of channels or its first `count`.
template <class T, int P>
CONVSCOPE_INLINE void depthwise_vector(const T* const* in, Index taps, const PackedWeights<T>& packed, Index row,
                                       const Epilogue<T>& epilogue, Index c, T* const* out, Index count) {
    const Vector<T> bias = packed.bias ? load(packed.bias + c) : Vector<T>{};
    Vector<T> sums[P];
    unroll<P>([&](auto p) CONVSCOPE_LAMBDA { sums[p] = bias; });
    for (Index t = 0; t < taps; t++, in += P) {
        const Vector<T> w = load(packed.weights + t * row + c);
        unroll<P>([&](auto p) CONVSCOPE_LAMBDA { sums[p] += load_some(in[p] + c, count) * w; });
    }
    unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
        store_some(out[p] + c, finish(epilogue, sums[p], out[p] + c, count), count);
    });
}

// A tile's channels [begin, end).
template <class T, int P>
void depthwise_tile(const T* const* in, Index taps, const PackedWeights<T>& packed, const Epilogue<T>& epilogue,
                    Index channels, Index begin, Index end, T* const* out) {
    const Index row = depthwise_row<T>(channels);
    if (channels < width<T>)
        return depthwise_vector<T, P>(in, taps, packed, row, epilogue, 0, out, channels);
    for (Index c = begin; c < end; c += width<T>)
        depthwise_vector<T, P>(in, taps, packed, row, epilogue, smaller<Index>(c, channels - width<T>), out, width<T>);
}

// An item of work is a block of pixels; strip after strip of its channels, so that the rows of a strip stay in the first cache
// while tap after tap, and tile after tile, reads them.
template <class T>
void run_depthwise(const Grid& g, const T* x, const PackedWeights<T>& packed, const Epilogue<T>& epilogue, T* y) {
    const Index pixels = g.pixels(), channels = g.in_pixel, count = larger<Index>(1, g.taps);
    const double work = double(pixels) * count * depthwise_row<T>(channels) / width<T>;
    const Index block = 64, blocks = ceil_div(pixels, block), strip = 4 * width<T>;
    const int team = team_size(blocks, work);
    Scratch<const T*> tables(team * count * block);
    Scratch<T> zeros(channels);
    for (Index c = 0; c < channels; c++) zeros[c] = T(0);
    const TapTable<T> taps(g, x, zeros.data());
    const bool ahead = g.n * g.in_h * g.in_w * channels * Index(sizeof(T)) > 1 << 20;  // more than the second cache holds
    parallel(blocks, team, [&](Index item, int worker) {
        constexpr Index P = depthwise_pixels;
        const T** in = &tables[worker * count * block];
        T* out[block];
        const Index begin = pixels * item / blocks, length = pixels * (item + 1) / blocks - begin, whole = length / P * P;
        Walk at(g, begin, false), out_at(g, begin, false);
        for (Index p = 0; p < length; p++, out_at.next()) out[p] = y + out_at.out;
        for (Index p = 0; p < length; p += p < whole ? P : 1) {
            const Index some = p < whole ? P : 1;
            taps.fill(at, some, some, in + p * count);
            if (ahead && p + some < length) taps.fetch(in + p * count, some);
        }
        for (Index c = 0; c < channels; c += strip) {
            const Index end = smaller(channels, c + strip);
            for (Index p = 0; p < whole; p += P)
                depthwise_tile<T, P>(in + p * count, g.taps, packed, epilogue, channels, c, end, out + p);
            for (Index p = whole; p < length; p++)
                depthwise_tile<T, 1>(in + p * count, g.taps, packed, epilogue, channels, c, end, out + p);
        }
    });
}

// turned[i][c] = w[c][wanted[i]]; `wanted` null: all taps
template <class T> void turn_depthwise(const ConvShape& s, const Index* wanted, Index taps, const T* w, T* turned) {
    const Index count = s.kernel_y * s.kernel_x, row = depthwise_row<T>(s.c);
    for (Index i = 0; i < taps; i++) {
        for (Index c = 0; c < s.c; c++) turned[i * row + c] = w[c * count + (wanted ? wanted[i] : i)];
        for (Index c = s.c; c < row; c++) turned[i * row + c] = T(0);
    }
}

// The grid of a depthwise convolution: one group as far as the tables go.
inline Grid depthwise_grid(const ConvShape& s, const Tap* taps, Index out_pixel) {
    Grid g = forward_grid(s, taps, out_pixel);
    g.channels = g.k = s.c, g.groups = 1;
    return g;
}

template <class T>
void depthwise(const ConvShape& s, const T* x, const PackedWeights<T>& packed, const Epilogue<T>& epilogue, T* y) {
    Scratch<Tap> taps(s.kernel_y * s.kernel_x);
    forward_taps(s, taps.data());
    run_depthwise(depthwise_grid(s, taps.data(), epilogue.pixel), x, packed, epilogue, y);
}

// Phase by phase of the stride, as in conv_grad_input.h.
template <class T> void depthwise_grad_input(const ConvShape& s, const T* grad, const T* w, T* dx) {
    const Index count = s.kernel_y * s.kernel_x;
    Scratch<Tap> taps(count);
    Scratch<Index> wanted(count);
    Scratch<T> turned(count * depthwise_row<T>(s.c));
    // Every phase reads all of the gradient: some images at a time, which stay in the second cache.
    const Index image = s.oh * s.ow * s.c, some = larger<Index>(1, (1 << 19) / (image * Index(sizeof(T))));
    for (Index n = 0; n < s.n; n += some)
        for (Index y = 0; y < smaller(s.stride_y, s.h); y++)
            for (Index x = 0; x < smaller(s.stride_x, s.w); x++) {
                Grid grid = phase_grid(s, y, x, taps.data(), wanted.data());
                grid.channels = grid.k = s.c, grid.groups = 1, grid.n = smaller(some, s.n - n);
                turn_depthwise(s, wanted.data(), grid.taps, w, turned.data());
                run_depthwise<T>(grid, grad + n * image, {Algorithm::direct, true, turned.data(), nullptr}, {},
                                 dx + n * s.h * s.w * s.c);
            }
}

constexpr int depthwise_taps = 9;  // summed in registers together

// sums[t][c] += sum over p of in[t*stride + p][c] * grad[p][c], for G taps and one vector of channels or its first `count`.
template <class T, int G>
void depthwise_sums(const T* const* in, Index stride, Index pixels, Index c, const T* grad, Index row, T* sums,
                    Index count) {
    Vector<T> total[G];
    unroll<G>([&](auto t) CONVSCOPE_LAMBDA { total[t] = Vector<T>{}; });
    if (count == width<T>) {
        for (Index p = 0; p < pixels; p++) {
            const Vector<T> g = load(grad + p * row + c);
            unroll<G>([&](auto t) CONVSCOPE_LAMBDA { total[t] += load(in[t * stride + p] + c) * g; });
        }
        unroll<G>([&](auto t) CONVSCOPE_LAMBDA { store(sums + t * row + c, load(sums + t * row + c) + total[t]); });
    } else {
        for (Index p = 0; p < pixels; p++) {
            const Vector<T> g = load_first(grad + p * row + c, count);
            unroll<G>([&](auto t) CONVSCOPE_LAMBDA { total[t] += load_first(in[t * stride + p] + c, count) * g; });
        }
        unroll<G>([&](auto t) CONVSCOPE_LAMBDA {
            store_first(sums + t * row + c, load_first(sums + t * row + c, count) + total[t], count);
        });
    }
}

template <class T> using DepthwiseSums = void (*)(const T* const*, Index, Index, Index, const T*, Index, T*, Index);

template <class T, int G = depthwise_taps> DepthwiseSums<T> find_depthwise_sums(Index taps) {
    if constexpr (G > 1)
        if (taps < G) return find_depthwise_sums<T, G - 1>(taps);
    return depthwise_sums<T, G>;
}

// dw[c][u][v] = sum over n, i, j of x[n][i*s + u*d - p][j*s + v*d - p][c] * grad[n][i][j][c]
//
// Pixels are cut into parts, channels into strips, by the shape alone; the sums of the parts are added in order.
template <class T> void depthwise_grad_weight(const ConvShape& s, const T* x, const T* grad, T* dw) {
    const Index count = s.kernel_y * s.kernel_x, pixels = s.n * s.oh * s.ow, block = 128;
    Scratch<Tap> taps(count);
    forward_taps(s, taps.data());
    const Grid grid = depthwise_grid(s, taps.data(), s.k);
    Scratch<T> zeros(s.c);
    for (Index c = 0; c < s.c; c++) zeros[c] = T(0);
    const TapTable<T> addresses(grid, x, zeros.data());

    const Index strip = smaller<Index>(s.c, 8 * width<T>), strips = ceil_div(s.c, strip);
    const Index parts = larger<Index>(1, smaller<Index>(16, pixels / (4 * block)));
    const Index items = parts * strips, table = count * block;
    const int team = team_size(items, double(pixels) * count * s.c / width<T>);
    Scratch<const T*> tables(team * table);
    Scratch<T> sums(parts * count * s.c);
    memset(sums.data(), 0, parts * count * s.c * sizeof(T));
    parallel(items, team, [&](Index item, int worker) {
        const Index part = item / strips, first = item % strips * strip, last = smaller(s.c, first + strip);
        const T** in = &tables[worker * table];
        T* to = &sums[part * count * s.c];
        const Index end = pixels * (part + 1) / parts;
        for (Index begin = pixels * part / parts, n; begin < end; begin += n) {
            n = smaller(block, end - begin);
            Walk at(grid, begin, false);
            addresses.fill(at, n, block, in);
            for (Index c = first; c < last; c += width<T>) {
                const Index lanes = smaller<Index>(width<T>, last - c);
                for (Index t = 0, more; t < count; t += more) {
                    more = smaller<Index>(depthwise_taps, count - t);
                    find_depthwise_sums<T>(more)(in + t * block, block, n, c, grad + begin * s.c, s.c, to + t * s.c,
                                                 lanes);
                }
            }
        }
    });
    for (Index c = 0; c < s.c; c++)
        for (Index t = 0; t < count; t++) {
            T sum = 0;
            for (Index part = 0; part < parts; part++) sum += sums[(part * count + t) * s.c + c];
            dw[c * count + t] = sum;
        }
}

}  // namespace convscope::CONVSCOPE_ISA
