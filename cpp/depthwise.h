// Depthwise convolution: every channel has a kernel of its own, so vectors run along the channels.
//
//     weights turned to [tap][channel]       w:  c0 c1 c2 ...  under tap 0
//                                                c0 c1 c2 ...  under tap 1
//
// Pixels side by side, or one below the other, that have the same taps inside the image are a stretch: where its first pixel
// finds each tap is written down once, the others follow at equal steps.
//
//     a b b b b b c
//     d e e e e e f       3 x 3 taps, a padding of 1: rows whose pixels lack no tap, and along the edges
//     d g g g g g f       rows and columns whose pixels lack the same ones
//     h i i i i i j
//
// A tile is P pixels of a stretch, V vectors of channels. The last ones begin early enough to be whole, and so do some pixels and
// channels a second time, to the same result.
#pragma once
#include "epilogue.h"
#include "taps.h"

namespace convscope::CONVSCOPE_ISA {

constexpr int depthwise_vectors = 3;
template <int V> constexpr int depthwise_pixels = (many_registers ? 24 : 12) / V;  // their sums fill the registers

inline bool is_depthwise(const ConvShape& s) { return s.groups == s.c && s.k == s.c && s.c > 1; }

// A row of packed weights is at least a vector long.
template <class T> Index depthwise_row(Index channels) { return larger<Index>(channels, width<T>); }

template <class T> struct Stretch {
    Index taps, pixels, step, out_step;  // elements from one pixel to the next
    const T **in, **weights;             // of each tap, for the first pixel
    T* out;
    Index ahead;  // rows of the image below that are asked for early
};

// out[p][c] = bias[c] + sum over t of in[t][p][c] * weights[t][c]
template <class T> class DepthwiseTiles {
public:
    DepthwiseTiles(const Grid& g, const T* bias, const Epilogue<T>& epilogue)
        : channels_(g.in_pixel), row_(g.in_w * g.in_pixel), bias_(bias), epilogue_(epilogue) {}

    // A stretch's channels [begin, end).
    template <int V, bool past> void run(const Stretch<T>& s, Index begin, Index end) const {
        constexpr int P = depthwise_pixels<V>;
        for (Index p = 0; p < s.pixels;) {
            const bool single = s.pixels < P || s.pixels - p == 1;
            const Index first = single ? p : smaller(p, s.pixels - P), count = single ? 1 : P;
            if (s.ahead && s.taps > 0) fetch_rows_below(s.in[s.taps - 1] + first * s.step, count * s.step, s.ahead);
            for (Index c = begin; c < end; c += V * width<T>) {
                const Index from = smaller(c, larger<Index>(0, channels_ - V * width<T>));
                single ? tile<1, V, past>(s, first, from) : tile<P, V, past>(s, first, from);
            }
            p = first + count;
        }
    }

private:
    template <int P, int V, bool past> CONVSCOPE_INLINE void tile(const Stretch<T>& s, Index first, Index c) const {
        constexpr int W = width<T>;
        const Index count = smaller<Index>(channels_, W);  // of a single vector
        Vector<T> sums[P][V];
        unroll<V>([&](auto v) CONVSCOPE_LAMBDA {
            const Vector<T> bias = bias_ ? load(bias_ + c + v * W) : Vector<T>{};
            unroll<P>([&](auto p) CONVSCOPE_LAMBDA { sums[p][v] = bias; });
        });
        const Index step = s.step, out_step = s.out_step;
        for (Index t = 0; t < s.taps; t++) {
            const T *x = s.in[t] + first * step + c, *weights = s.weights[t] + c;
            Vector<T> w[V];
            unroll<V>([&](auto v) CONVSCOPE_LAMBDA { w[v] = load(weights + v * W); });
            unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
                unroll<V>([&](auto v) CONVSCOPE_LAMBDA {
                    const T* at = x + p * step + v * W;
                    sums[p][v] += (V > 1 ? load(at) : load_some(at, count)) * w[v];
                });
            });
        }
        T* out = s.out + first * out_step + c;
        const auto each = [&](auto f) CONVSCOPE_LAMBDA {
            unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
                unroll<V>([&](auto v) CONVSCOPE_LAMBDA { f(sums[p][v], out + p * out_step + v * W); });
            });
        };
        if constexpr (V > 1) {
            finish_each(epilogue_, each);
            each([](Vector<T> sum, T* y) CONVSCOPE_LAMBDA { put<past>(y, sum); });
        } else {
            each([&](Vector<T> sum, T* y) CONVSCOPE_LAMBDA { store_some(y, finish(epilogue_, sum, y, count), count); });
        }
    }

    // Asks for what the next row of output pixels will be the first to read.
    void fetch_rows_below(const T* from, Index count, Index rows) const {
        for (Index r = 1; r <= rows; r++)
            for (Index i = 0; i < count; i += 64 / Index(sizeof(T))) __builtin_prefetch(from + r * row_ + i, 0, 3);
    }

    const Index channels_, row_;
    const T* bias_;
    const Epilogue<T>& epilogue_;
};

// Output pixels of a grid whose channels are kernels of their own.
template <class T> class Depthwise {
public:
    // `zeros`: as many as there are channels
    Depthwise(const Grid& grid, const T* x, const PackedWeights<T>& w, const Epilogue<T>& epilogue, const T* zeros,
              T* y)
        : g_(grid),
          inside_(grid),
          w_(w),
          x_(x),
          zeros_(zeros),
          y_(y),
          large_(g_.n * g_.in_h * g_.in_w * g_.in_pixel * Index(sizeof(T)) > 1 << 20),
          tiles_(g_, w.bias, epilogue) {
        const bool past = g_.out_pixel % width<T> == 0 && is_streamed(y, g_.n * g_.out_h * g_.out_w * g_.out_pixel);
        const Index vectors = g_.in_pixel / width<T>;
        run_ = vectors < 2                    ? &Tiles::template run<1, false>
               : vectors == 2 || vectors == 4 ? past ? &Tiles::template run<2, true> : &Tiles::template run<2, false>
               : past                         ? &Tiles::template run<3, true>
                                              : &Tiles::template run<3, false>;
        // Channels are done strip by strip while the rows that the taps share stay in the first cache; but what comes from
        // memory comes fastest in order.
        strip_ = large_ ? g_.in_pixel : 4 * depthwise_vectors * width<T>;
        stretches_ = w.finite
                         ? smaller(g_.w, larger<Index>(0, inside_.first.x) + larger<Index>(0, g_.w - inside_.end.x) + 1)
                         : g_.w;
        pointers_ = 2 * larger<Index>(1, g_.taps);
    }

    // Scratch memory for the stretches of `rows` rows.
    Index room(Index rows) const {
        return rows * stretches_ * (pointers_ * Index(sizeof(void*)) + Index(sizeof(Stretch<T>)));
    }
    // As many rows as are worth doing together.
    Index rows_at_once() const { return larger<Index>(1, smaller<Index>(16, (1 << 16) / larger<Index>(1, room(1)))); }

    // Computes the rows [begin, end) of image n.
    void rows(Index n, Index begin, Index end, char* memory) const {
        Stretch<T>* stretches = reinterpret_cast<Stretch<T>*>(memory);
        const T** pointers = reinterpret_cast<const T**>(stretches + (end - begin) * stretches_);
        Index count = 0, height, width;
        for (Index i = begin; i < end; i += height) {
            height = inside_.row(i) && w_.finite ? smaller(end, inside_.end.y) - i : 1;
            for (Index j = 0; j < g_.w; j += width) {
                width = inside_.column(j) && (inside_.row(i) || w_.finite) ? smaller(g_.w, inside_.end.x) - j : 1;
                const bool across = width > 1;
                for (Index r = 0; r < (across ? height : 1); r++, pointers += pointers_)
                    stretches[count++] = stretch(n, i + r, j, across, across ? width : height, pointers);
            }
        }
        for (Index c = 0; c < g_.in_pixel; c += strip_)
            for (Index s = 0; s < count; s++) (tiles_.*run_)(stretches[s], c, smaller(g_.in_pixel, c + strip_));
    }

private:
    using Tiles = DepthwiseTiles<T>;

    // Pixels from (i, j) on, side by side or one below the other. Taps in the padding are dropped if that is right: zero times
    // infinity is not a number.
    Stretch<T> stretch(Index n, Index i, Index j, bool across, Index pixels, const T** pointers) const {
        const Index out =
            ((n * g_.out_h + i * g_.out_step_y + g_.out_y) * g_.out_w + j * g_.out_step_x + g_.out_x) * g_.out_pixel;
        Stretch<T> s{0,
                     pixels,
                     (across ? g_.stride_x : g_.stride_y * g_.in_w) * g_.in_pixel,
                     (across ? g_.out_step_x : g_.out_step_y * g_.out_w) * g_.out_pixel,
                     pointers,
                     pointers + pointers_ / 2,
                     y_ + out,
                     large_ && across ? g_.stride_y : 0};
        for (Index t = 0; t < g_.taps; t++) {
            const Index y = i * g_.stride_y + g_.tap[t].y, x = j * g_.stride_x + g_.tap[t].x;
            const bool found = y >= 0 && y < g_.in_h && x >= 0 && x < g_.in_w;
            if (!found && w_.finite) continue;
            s.in[s.taps] = found ? x_ + ((n * g_.in_h + y) * g_.in_w + x) * g_.in_pixel : zeros_;
            s.weights[s.taps++] = w_.weights + t * depthwise_row<T>(g_.in_pixel);
        }
        return s;
    }

    const Grid g_;
    const Inside inside_;
    const PackedWeights<T> w_;
    const T *x_, *zeros_;
    T* y_;
    const bool large_;  // more than the second cache holds
    const Tiles tiles_;
    void (Tiles::*run_)(const Stretch<T>&, Index, Index) const;
    Index strip_, stretches_, pointers_;  // stretches of a row at most, pointers of a stretch
};

// turned[i][c] = w[c][wanted[i]], `wanted` null: all taps; whether all are finite.
template <class T> bool turn_depthwise(const ConvShape& s, const Index* wanted, Index taps, const T* w, T* turned) {
    const Index count = s.kernel_y * s.kernel_x, row = depthwise_row<T>(s.c);
    bool finite = true;
    for (Index i = 0; i < taps; i++) {
        for (Index c = 0; c < s.c; c++) {
            const T value = turned[i * row + c] = w[c * count + (wanted ? wanted[i] : i)];
            finite &= value - value == 0;
        }
        for (Index c = s.c; c < row; c++) turned[i * row + c] = T(0);
    }
    return finite;
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
    const Zeros<T> zeros(s.c);
    const Depthwise<T> work(depthwise_grid(s, taps.data(), epilogue.pixel), x, packed, epilogue, zeros.data(), y);
    const Index most = get_threads() == 1 ? s.oh : larger<Index>(1, ceil_div(s.n * s.oh, 2 * get_threads())),
                rows = smaller(work.rows_at_once(), most), bands = ceil_div(s.oh, rows);
    const int team =
        team_size(s.n * bands, double(s.n) * s.oh * s.ow * s.kernel_y * s.kernel_x * depthwise_row<T>(s.c) / width<T>);
    Scratch<char> memory(team * work.room(rows));
    parallel(s.n * bands, team, [&](Index item, int worker) {
        const Index begin = item % bands * rows;
        work.rows(item / bands, begin, smaller(s.oh, begin + rows), &memory[worker * work.room(rows)]);
    });
}

// Phase by phase of the stride, as in conv_grad_input.h; some rows of dx at a time, since every phase reads all of the gradient.
template <class T> void depthwise_grad_input(const ConvShape& s, const T* grad, const T* w, T* dx) {
    const Index count = s.kernel_y * s.kernel_x, row = depthwise_row<T>(s.c), phases = s.stride_y * s.stride_x;
    const Zeros<T> zeros(s.c);
    const Epilogue<T> nothing{};
    Scratch<Tap> taps(count);
    Scratch<Index> wanted(count);
    Scratch<T> turned(count * row);  // each tap belongs to one phase
    Scratch<Grid> grids(phases);
    Scratch<PackedWeights<T>> weights(phases);
    Index done = 0, room = 0, rows = larger<Index>(1, (1 << 17) / larger<Index>(1, s.ow * s.c * Index(sizeof(T))));
    const auto phase = [&](Index i) { return Depthwise<T>(grids[i], grad, weights[i], nothing, zeros.data(), dx); };
    for (Index i = 0; i < phases; i++) {
        Grid& g = grids[i] = phase_grid(s, i / s.stride_x, i % s.stride_x, taps.data() + done, wanted.data());
        g.channels = g.k = s.c, g.groups = 1;
        T* to = turned.data() + done * row;
        weights[i] = {Algorithm::direct, turn_depthwise(s, wanted.data(), g.taps, w, to), to, nullptr};
        done += g.taps;
        rows = smaller(rows, phase(i).rows_at_once());
    }
    for (Index i = 0; i < phases; i++) room = larger(room, phase(i).room(rows));
    const Index bands = ceil_div(ceil_div(s.h, s.stride_y), rows), items = s.n * bands;
    const int team = team_size(items, double(s.n) * s.h * s.w * count / phases * row / width<T>);
    Scratch<char> memory(team * room);
    parallel(items, team, [&](Index item, int worker) {
        const Index begin = item % bands * rows;
        for (Index i = 0; i < phases; i++)
            if (begin < grids[i].h)
                phase(i).rows(item / bands, begin, smaller(grids[i].h, begin + rows), &memory[worker * room]);
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
