// First layers with few channels and few filters, vectors running along the output pixels.
//
// Filters would fill less than a vector (six of sixteen lanes in LeNet's first layer). So the
// channels of a band of rows are laid out as planes, padding included:
//
//     plane c:   0 0 0 0 0 0 0 0        row length = output width + (kernel_x - 1) * dilation_x
//                0 x x x x x x 0        a tap is an offset into the planes; output (i, j) is position
//                0 x x x x x x 0        i * row + j, and so is what it reads under tap 0
//                0 0 0 0 0 0 0 0
//
// Positions run through row ends without a break: what is computed there is thrown away. A tile
// is K filters by two vectors of positions; turned round in registers it is written channels last. Where max pooling follows,
// in windows of two by two, the two vectors are one above the other, and maxima alone are written.
#pragma once
#include "epilogue.h"
#include "parallel.h"
#include "transpose.h"

namespace convscope::CONVSCOPE_ISA {

constexpr int planar_vectors = 2;
// Else lanes of filters are full enough. With 16 registers six filters by two vectors are all there is room for.
template <class T> constexpr int most_planar_filters = many_registers ? 2 * width<T> / 3 : width<T> < 6 ? width<T> : 6;

template <class T> constexpr Index planar_slack = (planar_vectors + 1) * width<T>;  // elements behind the planes

inline Index planar_row(const ConvShape& s) { return s.ow + (s.kernel_x - 1) * s.dilation_x; }

template <class T> bool is_planar(const ConvShape& s) {
    return s.groups == 1 && s.stride_y == 1 && s.stride_x == 1 && s.c <= 4 && s.k <= most_planar_filters<T> &&
           s.kernel_y * s.kernel_x > 1;
}

// columns[v][position][filter] = bias[filter] + sum over taps of planes[offsets[tap] + v*width + position] * weights[tap][filter],
// activated unless there is a residual to add first
template <class T, int K>
void planar_tile(const T* planes, const Index* offsets, Index taps, const PackedWeights<T>& packed, const Epilogue<T>& epilogue,
                 T* columns) {
    const T *weights = packed.weights, *bias = packed.bias;
    constexpr int V = planar_vectors, W = width<T>;
    Vector<T> sums[K][V];
    unroll<K>([&](auto k)
                  CONVSCOPE_LAMBDA { unroll<V>([&](auto v) CONVSCOPE_LAMBDA { sums[k][v] = broadcast(bias ? bias[k] : T(0)); }); });
    for (Index t = 0; t < taps; t++, weights += K) {
        const T* from = planes + offsets[t];
        Vector<T> x[V];
        unroll<V>([&](auto v) CONVSCOPE_LAMBDA { x[v] = load(from + v * W); });
        unroll<K>([&](auto k) CONVSCOPE_LAMBDA {
            const Vector<T> w = broadcast(weights[k]);
            unroll<V>([&](auto v) CONVSCOPE_LAMBDA { multiply_add<T>(sums[k][v], x[v], w); });
        });
    }
    for (int v = 0; v < V; v++) {
        Vector<T> square[W] = {};
        unroll<K>([&](auto k)
                      CONVSCOPE_LAMBDA { square[k] = epilogue.residual ? sums[k][v] : activate(epilogue, sums[k][v]); });
        transpose<T>(square);
        unroll<W>([&](auto i) CONVSCOPE_LAMBDA { store(columns + (v * W + i) * W, square[i]); });
    }
}

// columns[position / 2][filter], the largest of two by two positions in rows that are `row` apart.
template <class T, int K>
void planar_pool_tile(const T* planes, const Index* offsets, Index taps, Index row, const PackedWeights<T>& packed,
                      const Epilogue<T>& epilogue, T* columns) {
    const T *weights = packed.weights, *bias = packed.bias;
    constexpr int W = width<T>;
    Vector<T> upper[K], lower[K];
    unroll<K>([&](auto k) CONVSCOPE_LAMBDA { upper[k] = lower[k] = broadcast(bias ? bias[k] : T(0)); });
    for (Index t = 0; t < taps; t++, weights += K) {
        const T* from = planes + offsets[t];
        const Vector<T> above = load(from), below = load(from + row);
        unroll<K>([&](auto k) CONVSCOPE_LAMBDA {
            const Vector<T> w = broadcast(weights[k]);
            multiply_add<T>(upper[k], above, w);
            multiply_add<T>(lower[k], below, w);
        });
    }
    Vector<T> square[W] = {};
    unroll<K>([&](auto k)
                  CONVSCOPE_LAMBDA { square[k] = larger_of(activate(epilogue, upper[k]), activate(epilogue, lower[k])); });
    transpose<T>(square);
    unroll<W / 2>([&](auto i) CONVSCOPE_LAMBDA { store(columns + i * W, larger_of(square[2 * i], square[2 * i + 1])); });
}

template <class T> struct PlanarTiles {
    void (*plain)(const T*, const Index*, Index, const PackedWeights<T>&, const Epilogue<T>&, T*);
    void (*pooled)(const T*, const Index*, Index, Index, const PackedWeights<T>&, const Epilogue<T>&, T*);
};

template <class T, int K = most_planar_filters<T>> PlanarTiles<T> find_planar_tiles(Index filters) {
    if constexpr (K > 1)
        if (filters < K) return find_planar_tiles<T, K - 1>(filters);
    return {planar_tile<T, K>, planar_pool_tile<T, K>};
}

// Rows [first, first + rows) of image n, of `row` pixels each, as planes of channels; what lies in the padding is zero, and so
// are some elements behind the last plane.
template <class T>
void lay_out_planes(const ConvShape& s, const T* x, Index n, Index first, Index rows, Index row, Index plane, T* planes) {
    const Index begin = smaller(s.pad_x, row), end = larger(begin, smaller(row, s.pad_x + s.w));
    for (Index r = 0; r < rows; r++) {
        const Index y = first + r;
        const bool inside = y >= 0 && y < s.h;
        const T* from = x + (n * s.h + (inside ? y : 0)) * s.w * s.c;
        for (Index c = 0; c < s.c; c++) {
            T* to = planes + c * plane + r * row;
            if (!inside) {
                memset(to, 0, row * sizeof(T));
                continue;
            }
            for (Index j = 0; j < begin; j++) to[j] = T(0);
            if (s.c == 1)
                memcpy(to + begin, from, (end - begin) * sizeof(T));
            else
                for (Index j = begin; j < end; j++) to[j] = from[(j - begin) * s.c + c];
            for (Index j = end; j < row; j++) to[j] = T(0);
        }
    }
    for (T* p = planes + s.c * plane; p < planes + s.c * plane + planar_slack<T>; p++) *p = T(0);
}

// Where each tap of each channel finds the first position.
inline void planar_offsets(const ConvShape& s, Index plane, Index row, Index* offsets) {
    for (Index c = 0; c < s.c; c++)
        for (Index u = 0; u < s.kernel_y; u++)
            for (Index v = 0; v < s.kernel_x; v++) *offsets++ = c * plane + u * s.dilation_y * row + v * s.dilation_x;
}

template <class T> class PlanarConv {
public:
    // `pooled`: y holds the largest of each two by two results.
    PlanarConv(const ConvShape& s, const T* x, const PackedWeights<T>& w, const Epilogue<T>& epilogue, T* y, bool pooled = false)
        : s_(s),
          x_(x),
          w_(w),
          epilogue_(epilogue),
          y_(y),
          taps_(s.c * s.kernel_y * s.kernel_x),
          row_(planar_row(s)),
          step_(pooled ? 2 : 1),
          tiles_(find_planar_tiles<T>(s.k)) {}

    void run() {
        const double work = double(s_.n) * s_.oh * row_ * taps_ * s_.k / width<T>;
        const Index h = s_.oh / step_;
        const int threads = team_size(s_.n * h, work);
        const Index bands = s_.n >= 4 * threads ? 1 : smaller<Index>(ceil_div(h, 4), threads);
        const Index band = ceil_div(h, bands), rows = band * step_ + (s_.kernel_y - 1) * s_.dilation_y;
        const Index plane = rows * row_;
        Scratch<Index> offsets(taps_);
        planar_offsets(s_, plane, row_, offsets.data());
        const Index each = s_.c * plane + planar_slack<T>, items = s_.n * bands;
        const int team = team_size(items, work);
        Scratch<T> planes(team * each);
        parallel(items, team, [&](Index item, int worker) {
            const Index n = item / bands, begin = item % bands * band, count = smaller(h, begin + band) - begin;
            T* memory = &planes[worker * each];
            if (count <= 0) return;
            lay_out_planes(s_, x_, n, begin * step_ - s_.pad_y, count * step_ + (s_.kernel_y - 1) * s_.dilation_y, row_, plane, memory);
            T* out = y_ + (n * h + begin) * (s_.ow / step_) * epilogue_.pixel;
            step_ == 2 ? compute_pooled(memory, offsets.data(), out, count) : compute(memory, offsets.data(), out, count);
        });
    }

private:
    void compute(const T* planes, const Index* offsets, T* out, Index rows) const {
        constexpr Index tile = planar_vectors * width<T>;
        T columns[tile * width<T>];
        const Index pixel = epilogue_.pixel, width_out = s_.ow;
        const T* end = out + rows * width_out * pixel;
        Index j = 0;  // in the row, of the position that comes next
        for (Index first = 0; out < end; first += tile) {
            tiles_.plain(planes + first, offsets, taps_, w_, epilogue_, columns);
            for (Index i = 0; i < tile && out < end;) {
                const Index count = smaller(tile - i, width_out - j);
                for (Index q = 0; q < count; q++, out += pixel) write(columns + (i + q) * width<T>, out, end);
                i += larger<Index>(0, count), j += larger<Index>(0, count);
                if (j < width_out) continue;
                const Index between = smaller(tile - i, row_ - j);  // to the next row
                i += between, j += between;
                if (j == row_) j = 0;
            }
        }
    }

    void compute_pooled(const T* planes, const Index* offsets, T* out, Index rows) const {
        constexpr Index W = width<T>;
        T columns[W / 2 * W];
        const Index pixel = epilogue_.pixel, across = s_.ow / 2;
        const T* end = out + rows * across * pixel;
        for (Index i = 0; i < rows; i++, planes += 2 * row_)
            for (Index j = 0; j < across; j += W / 2) {
                tiles_.pooled(planes + 2 * j, offsets, taps_, row_, w_, epilogue_, columns);
                for (Index q = 0; q < smaller(W / 2, across - j); q++, out += pixel) write(columns + q * W, out, end);
            }
    }

    // Whole vectors, or halves, where memory goes on: the next pixel writes over what is too much.
    CONVSCOPE_INLINE void write(const T* column, T* out, const T* end) const {
        if (epilogue_.residual) return store_first(out, finish(epilogue_, load(column), out, s_.k), s_.k);
        if (epilogue_.pixel != s_.k || out + width<T> > end) return store_first(out, load(column), s_.k);
        if (s_.k <= width<T> / 2)
            memcpy(out, column, width<T> / 2 * sizeof(T));
        else
            store(out, load(column));
    }

    const ConvShape& s_;
    const T* x_;
    const PackedWeights<T>& w_;
    const Epilogue<T>& epilogue_;
    T* y_;
    const Index taps_, row_, step_;  // of a pixel of y, in rows and columns of results
    const PlanarTiles<T> tiles_;
};

}  // namespace convscope::CONVSCOPE_ISA
