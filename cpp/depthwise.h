// Depthwise convolution: every channel has a kernel of its own, so vectors run along the channels.
//
//     weights turned to [tap][channel]       w:  c0 c1 c2 ...  under tap 0
//                                                c0 c1 c2 ...  under tap 1
//     a tile: P neighbouring pixels, V vectors of channels at a time (a pointer is read once for all V)
//
// The table of pointers is that of taps.h. The last vectors begin at channels - V * width and so
// do some channels a second time, to the same result.
#pragma once
#include "epilogue.h"
#include "taps.h"

namespace convscope::CONVSCOPE_ISA {

constexpr int depthwise_vectors = 3, depthwise_pixels = many_registers ? 8 : 4;

inline bool is_depthwise(const ConvShape& s) { return s.groups == s.c && s.k == s.c && s.c > 1; }

// A row of packed weights is at least a vector long.
template <class T> Index depthwise_row(Index channels) { return larger<Index>(channels, width<T>); }

// out[p][c] = bias[c] + sum over t of in[t*P + p][c] * weights[t][c], for V vectors of channels or, of a single one, the first `count`.
template <class T, int P, int V, bool past>
CONVSCOPE_INLINE void depthwise_vectors_of(const T* const* in, Index taps, const PackedWeights<T>& packed, Index row,
                                           const Epilogue<T>& epilogue, Index c, T* const* out, Index count) {
    constexpr int W = width<T>;
    Vector<T> sums[P][V];
    unroll<V>([&](auto v) CONVSCOPE_LAMBDA {
        const Vector<T> bias = packed.bias ? load(packed.bias + c + v * W) : Vector<T>{};
        unroll<P>([&](auto p) CONVSCOPE_LAMBDA { sums[p][v] = bias; });
    });
    const T* weights = packed.weights + c;
    for (Index t = 0; t < taps; t++, in += P, weights += row) {
        Vector<T> w[V];
        unroll<V>([&](auto v) CONVSCOPE_LAMBDA { w[v] = load(weights + v * W); });
        unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
            const T* x = in[p] + c;
            unroll<V>([&](auto v) CONVSCOPE_LAMBDA { sums[p][v] += (V > 1 ? load(x + v * W) : load_some(x, count)) * w[v]; });
        });
    }
    unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
        unroll<V>([&](auto v) CONVSCOPE_LAMBDA {
            T* y = out[p] + c + v * W;
            const Vector<T> value = finish(epilogue, sums[p][v], y, V > 1 ? W : count);
            if constexpr (V > 1)
                put<past>(y, value);
            else
                store_some(y, value, count);
        });
    });
}

// A tile's channels [begin, end).
template <class T, int P, int V, bool past = false>
void depthwise_tile(const T* const* in, Index taps, const PackedWeights<T>& packed, const Epilogue<T>& epilogue, Index channels,
                    Index begin, Index end, T* const* out) {
    constexpr int W = width<T>;
    const Index row = depthwise_row<T>(channels), last = larger<Index>(0, channels - V * W);
    for (Index c = begin; c < end; c += V * W)
        depthwise_vectors_of<T, P, V, past>(in, taps, packed, row, epilogue, smaller(c, last), out, smaller<Index>(channels, W));
}

// Output pixels of a grid whose channels are kernels of their own.
template <class T> class Depthwise {
public:
    static constexpr Index block = 64;  // pixels whose pointers are written down together

    // `images`: of how many the grid's are a part; `zeros`: as many as there are channels
    Depthwise(const Grid& grid, Index images, const T* x, const PackedWeights<T>& w, const Epilogue<T>& epilogue, const T* zeros, T* y)
        : g_(grid), w_(w), epilogue_(epilogue), table_(g_, x, zeros), y_(y) {
        const Index bytes = g_.in_pixel * Index(sizeof(T));
        past_ = g_.out_pixel % width<T> == 0 && is_streamed(y, images * g_.out_h * g_.out_w * g_.out_pixel);
        ahead_ = images * g_.in_h * g_.in_w * bytes > 1 << 20;  // more than the second cache holds
        // Channels are done strip by strip while the rows that the taps share stay in the first cache; but what comes from
        // memory comes fastest in order.
        strip_ = ahead_ ? g_.in_pixel : 2 * depthwise_vectors * width<T>;
    }
    static Index table_size(Index taps) { return larger<Index>(1, taps) * block; }

    // Computes the pixels [begin, end), at most `block`, with room for their pointers in `in`.
    void pixels(Index begin, Index end, const T** in) const {
        constexpr Index P = depthwise_pixels;
        T* out[block];
        const Index length = end - begin, whole = length / P * P;
        Walk at(g_, begin, false), out_at(g_, begin, false);
        for (Index p = 0; p < length; p++, out_at.next()) out[p] = y_ + out_at.out;
        for (Index p = 0; p < length; p += p < whole ? P : 1) {
            const Index some = p < whole ? P : 1;
            table_.fill(at, some, some, in + p * g_.taps);
            if (ahead_ && g_.taps > 0) fetch_rows_below(in + p * g_.taps + (g_.taps - 1) * some, some);
        }
        for (Index c = 0; c < g_.in_pixel; c += strip_) {
            const Index last = smaller(g_.in_pixel, c + strip_);
            for (Index p = 0; p < whole; p += P) tile<P>(in + p * g_.taps, c, last, out + p);
            for (Index p = whole; p < length; p++) tile<1>(in + p * g_.taps, c, last, out + p);
        }
    }

private:
    // Asks for what the next row of output pixels will be the first to read; `last` is what some pixels read under the last tap.
    void fetch_rows_below(const T* const* last, Index count) const {
        for (Index p = 0; p < count; p++)
            for (Index r = 1; last[p] != table_.zeros() && r <= g_.stride_y; r++) {
                const char* from = reinterpret_cast<const char*>(last[p] + r * g_.in_w * g_.in_pixel);
                for (Index b = 0; b < g_.stride_x * g_.in_pixel * Index(sizeof(T)); b += 64) __builtin_prefetch(from + b, 0, 3);
            }
    }

    template <int P> void tile(const T* const* in, Index begin, Index end, T* const* out) const {
        const Index vectors = g_.in_pixel / width<T>;
        const auto f = vectors >= 3 ? past_ ? depthwise_tile<T, P, 3, true> : depthwise_tile<T, P, 3> : vectors == 2 ? depthwise_tile<T, P, 2> : depthwise_tile<T, P, 1>;
        f(in, g_.taps, w_, epilogue_, g_.in_pixel, begin, end, out);
    }

    const Grid g_;
    const PackedWeights<T> w_;
    const Epilogue<T>& epilogue_;
    TapTable<T> table_;
    T* y_;
    bool ahead_, past_;
    Index strip_;
};

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
    const Index count = s.kernel_y * s.kernel_x, block = Depthwise<T>::block, table = Depthwise<T>::table_size(count);
    Scratch<Tap> taps(count);
    forward_taps(s, taps.data());
    const Zeros<T> zeros(s.c);
    const Depthwise<T> work(depthwise_grid(s, taps.data(), epilogue.pixel), s.n, x, packed, epilogue, zeros.data(), y);
    const Index pixels = s.n * s.oh * s.ow, blocks = ceil_div(pixels, block);
    const int team = team_size(blocks, double(pixels) * count * depthwise_row<T>(s.c) / width<T>);
    Scratch<const T*> tables(team * table);
    parallel(blocks, team, [&](Index item, int worker) {
        work.pixels(pixels * item / blocks, pixels * (item + 1) / blocks, &tables[worker * table]);
    });
}

// Phase by phase of the stride, as in conv_grad_input.h; some rows of dx at a time, since every phase reads all of the gradient.
template <class T> void depthwise_grad_input(const ConvShape& s, const T* grad, const T* w, T* dx) {
    const Index count = s.kernel_y * s.kernel_x, table = Depthwise<T>::table_size(count), row = depthwise_row<T>(s.c);
    const Index rows = larger<Index>(1, (1 << 17) / larger<Index>(1, s.ow * s.c * Index(sizeof(T)))),  // of a phase
                bands = ceil_div(ceil_div(s.h, s.stride_y), rows), items = s.n * bands;
    const int team = team_size(items, double(s.n) * s.h * s.w * count / (s.stride_y * s.stride_x) * row / width<T>);
    const Zeros<T> zeros(s.c);
    const Epilogue<T> nothing{};
    Scratch<Tap> taps(count);
    Scratch<Index> wanted(count);
    Scratch<T> turned(count * row);  // each tap belongs to one phase
    Scratch<const T*> tables(team * table);
    Index done = 0;
    for (Index y = 0; y < smaller(s.stride_y, s.h); y++)
        for (Index x = 0; x < smaller(s.stride_x, s.w); x++) {
            const Grid phase = phase_grid(s, y, x, taps.data() + done, wanted.data());
            turn_depthwise(s, wanted.data(), phase.taps, w, turned.data() + done * row);
            done += phase.taps;
        }
    parallel(items, team, [&](Index item, int worker) {
        const Index n = item / bands, band = item % bands * rows;
        const T* weights = turned.data();
        Scratch<Tap> band_taps(count);
        Scratch<Index> unused(count);
        for (Index y = 0; y < smaller(s.stride_y, s.h); y++)
            for (Index x = 0; x < smaller(s.stride_x, s.w); x++) {
                Grid grid = phase_grid(s, y, x, band_taps.data(), unused.data());
                const PackedWeights<T> packed{Algorithm::direct, true, weights, nullptr};
                weights += grid.taps * row;
                if (band >= grid.h) continue;
                grid.channels = grid.k = s.c, grid.groups = 1, grid.n = 1;
                grid.h = smaller(rows, grid.h - band), grid.out_y += band * s.stride_y;
                for (Index t = 0; t < grid.taps; t++) band_taps[t].y += band;
                const Depthwise<T> work(grid, s.n, grad + n * s.oh * s.ow * s.c, packed, nothing, zeros.data(),
                                        dx + n * s.h * s.w * s.c);
                for (Index p = 0; p < grid.pixels(); p += Depthwise<T>::block)
                    work.pixels(p, smaller(grid.pixels(), p + Depthwise<T>::block), &tables[worker * table]);
            }
    });
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
    const Zeros<T> zeros(s.c);
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
