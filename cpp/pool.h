// Pooling: each output pixel looks at a window of input pixels, vectors run along the channels.
//
//     x: [n][h][w][c]      window rows [top, bottom), columns [left, right), clipped to the image
//
// With fewer channels than a vector has lanes, whole vectors are loaded and stored all the same where
// memory goes on: the lanes too many belong to the next pixel, which is written later.
#pragma once
#include "activation.h"

namespace convscope::CONVSCOPE_ISA {

// The taps of one axis that fall inside the image: begin, begin + 1, ... end - 1 at position start + tap * dilation.
struct Reach {
    Index start, begin, end;

    Reach(Index output, Index stride, Index pad, Index kernel, Index dilation, Index size)
        : start(output * stride - pad) {
        begin = start < 0 ? smaller(kernel, ceil_div(-start, dilation)) : 0;
        end = start >= size                            ? begin
              : start + kernel * dilation <= size      ? kernel  // nearly always: no division
                                                       : smaller(kernel, ceil_div(size - start, dilation));
        end = larger(begin, end);
    }
};

inline Reach rows_of(const PoolShape& s, Index i) { return {i, s.stride_y, s.pad_y, s.kernel_y, s.dilation_y, s.h}; }
inline Reach columns_of(const PoolShape& s, Index j) { return {j, s.stride_x, s.pad_x, s.kernel_x, s.dilation_x, s.w}; }

template <class T> CONVSCOPE_INLINE Vector<T> load_lanes(const T* p, Index count, const T* end) {
    return p + width<T> <= end ? load(p) : load_first(p, count);
}
template <class T> CONVSCOPE_INLINE void store_lanes(T* p, Vector<T> v, Index count, const T* end) {
    if (p + width<T> <= end)
        store(p, v);
    else
        store_first(p, v, count);
}

// f(n, i) for each row of output pixels.
template <class T, class F> void parallel_output_rows(const PoolShape& s, const F& f) {
    const Index rows = s.n * s.oh;
    parallel(rows, team_size(rows, double(rows) * s.ow * s.kernel_y * s.kernel_x * ceil_div(s.c, width<T>)),
             [&](Index item, int) { f(item / s.oh, item % s.oh); });
}

// Places of pixels, 32 bits each in memory, in lanes as wide as those of T; as load_lanes, all of them where memory goes on.
template <class T> CONVSCOPE_INLINE Mask<T> load_places(const int32_t* p, Index count, const int32_t* end) {
    if (p + width<T> <= end) {
        if constexpr (sizeof(T) == sizeof(int32_t)) return load(p);
        count = width<T>;
    }
    typename SameSizeInteger<T>::Type lanes[width<T>] = {};
    for (Index l = 0; l < count; l++) lanes[l] = p[l];
    return load(lanes);
}
template <class T> CONVSCOPE_INLINE void store_places(int32_t* p, Mask<T> places, Index count, const int32_t* end) {
    if constexpr (sizeof(T) == sizeof(int32_t))
        if (p + width<T> <= end) return store(p, places);
    typename SameSizeInteger<T>::Type lanes[width<T>];
    store(lanes, places);
    for (Index l = 0; l < count; l++) p[l] = int32_t(lanes[l]);
}

// What max pooling knows of a channel vector of a window: the largest value so far, and the pixel where it was.
template <class T, bool with_indices> struct Largest {
    typedef typename SameSizeInteger<T>::Type Integer;
    Vector<T> best;
    Mask<T> where;

    CONVSCOPE_INLINE void begin(Vector<T> value, Index pixel) {
        best = value;
        if constexpr (with_indices) where = broadcast(Integer(pixel));
    }
    CONVSCOPE_INLINE void see(Vector<T> value, Index pixel) {
        const Mask<T> better = is_better(value, best);
        if constexpr (with_indices) where = better ? broadcast(Integer(pixel)) : where;
        best = better ? value : best;
    }
};

// V vectors of channels of one output pixel; `lanes` of the last one are real. A window of which nothing lies in the image
// has the place -1.
template <class T, bool with_indices, int V>
CONVSCOPE_INLINE void max_pool_vectors(const PoolShape& s, const T* image, const T* x_end, const Reach& rows, const Reach& columns,
                                       Index lanes, T* out, const T* out_end, int32_t* place, const int32_t* place_end) {
    constexpr int W = width<T>;
    Largest<T, with_indices> largest[V];
    unroll<V>([&](auto i) CONVSCOPE_LAMBDA { largest[i].begin(broadcast(T(-__builtin_inff())), -1); });
    bool first = true;
    for (Index u = rows.begin; u < rows.end; u++)
        for (Index v = columns.begin; v < columns.end; v++, first = false) {
            const Index pixel = (rows.start + u * s.dilation_y) * s.w + columns.start + v * s.dilation_x;
            unroll<V>([&](auto i) CONVSCOPE_LAMBDA {
                const T* from = image + pixel * s.c + i * W;
                const Vector<T> value = i + 1 < V ? load(from) : load_lanes(from, lanes, x_end);
                first ? largest[i].begin(value, pixel) : largest[i].see(value, pixel);
            });
        }
    unroll<V>([&](auto i) CONVSCOPE_LAMBDA {
        const Index count = i + 1 < V ? W : lanes;
        store_lanes(out + i * W, largest[i].best, count, out_end);
        if constexpr (with_indices) store_places<T>(place + i * W, largest[i].where, count, place_end);
    });
}

// The usual window, two by two pixels that all lie in the image: whole vectors, which may reach into what comes behind.
template <class T, bool with_indices>
CONVSCOPE_INLINE void max_pool_two(const PoolShape& s, const T* image, Index corner, T* out, int32_t* place) {
    const Index pixels[4] = {corner, corner + 1, corner + s.w, corner + s.w + 1};
    for (Index c = 0; c < s.c; c += width<T>) {
        Largest<T, with_indices> largest;
        largest.begin(load(image + pixels[0] * s.c + c), pixels[0]);
        unroll<3>([&](auto i) CONVSCOPE_LAMBDA { largest.see(load(image + pixels[i + 1] * s.c + c), pixels[i + 1]); });
        store(out + c, largest.best);
        if constexpr (with_indices) store_places<T>(place + c, largest.where, width<T>, place + c + width<T>);
    }
}

// Row i of the windows of an image; nothing at or past x_end is read. Places may be null.
template <class T, bool with_indices>
void max_pool_row(const PoolShape s, const T* image, const T* x_end, Index i, T* out, int32_t* place) {
    constexpr int V = 4, W = width<T>;  // vectors at once: enough for one comparison not to wait for the other
    const T* out_end = out + s.ow * s.c;
    const int32_t* place_end = place + s.ow * s.c;
    const Reach rows = rows_of(s, i);
    const bool two = s.kernel_y == 2 && s.kernel_x == 2 && s.dilation_y == 1 && s.dilation_x == 1 && rows.begin == 0 && rows.end == 2;
    const Index whole = ceil_div(s.c, W) * W;
    for (Index j = 0; j < s.ow; j++, out += s.c, place += s.c) {
        const Reach columns = columns_of(s, j);
        const Index corner = rows.start * s.w + columns.start;
        if (two && columns.begin == 0 && columns.end == 2 && out + whole <= out_end &&
            image + (corner + s.w + 1) * s.c + whole <= x_end) {
            max_pool_two<T, with_indices>(s, image, corner, out, place);
            continue;
        }
        Index c = 0;
        for (; c + V * W <= s.c; c += V * W)
            max_pool_vectors<T, with_indices, V>(s, image + c, x_end, rows, columns, W, out + c, out_end, place + c, place_end);
        for (; c < s.c; c += W)
            max_pool_vectors<T, with_indices, 1>(s, image + c, x_end, rows, columns, smaller<Index>(W, s.c - c), out + c, out_end,
                                                 place + c, place_end);
    }
}

template <class T> void max_pool_row(const PoolShape& s, const T* image, const T* x_end, Index i, T* out, int32_t* place) {
    place ? max_pool_row<T, true>(s, image, x_end, i, out, place) : max_pool_row<T, false>(s, image, x_end, i, out, place);
}

template <class T> void max_pool(const PoolShape& s, const T* x, T* y, int32_t* indices) {
    const Index row = s.ow * s.c;
    parallel_output_rows<T>(s, [&](Index n, Index i) {
        const Index out = (n * s.oh + i) * row;
        max_pool_row(s, x + n * s.h * s.w * s.c, x + s.n * s.h * s.w * s.c, i, y + out, indices ? indices + out : nullptr);
    });
}

// Windows that may overlap: dx[n][indices[n][p][c]][c] += grad[n][p][c], one by one.
template <class T>
bool scatter_to_windows(const PoolShape& s, const PooledGradient<T>& grad, T* dx) {
    const Index image = s.h * s.w, cells = s.oh * s.ow, strip = smaller<Index>(s.c, 64), strips = ceil_div(s.c, strip);
    int outside = 0;
    parallel(s.n * strips, team_size(s.n * strips, double(s.n) * cells * s.c / 2), [&](Index item, int) {
        const Index n = item / strips, begin = item % strips * strip, end = smaller(s.c, begin + strip);
        T* to = dx + n * image * s.c;
        for (Index p = 0; p < image; p++) memset(to + p * s.c + begin, 0, (end - begin) * sizeof(T));
        bool bad = false;
        for (Index p = n * cells; p < (n + 1) * cells; p++)
            for (Index c = begin; c < end; c++) {
                const Index pixel = grad.indices[p * s.c + c];
                if (pixel >= 0 && pixel < image)
                    to[pixel * s.c + c] += grad.y && !(grad.y[p * s.c + c] > 0) ? T(0) : grad.grad[p * s.c + c];
                else
                    bad = true;
            }
        if (bad) __atomic_store_n(&outside, 1, __ATOMIC_RELAXED);
    });
    return !outside;
}

// The gradient of a window at one of its pixels: where that has won.
template <class T> CONVSCOPE_INLINE Vector<T> won(Mask<T> place, Index pixel, Vector<T> g) {
    return place == int(pixel) ? g : Vector<T>{};
}

// Windows apart from each other: every pixel of a window takes the gradient where it won, and zero elsewhere. What a vector
// wider than all channels writes too much is zero too, and the pixel it belongs to comes later; no vector goes past its row.
//
//     window 0 | window 1 | ...      a row of windows, with the rows of dx down to the next one
//
// Says whether all places are in the image. (What comes by value stays in registers.)
template <class T>
bool spread_over_row(const PoolShape s, const PooledGradient<T> grad, Index n, Index i, T* dx) {
    constexpr int W = width<T>;
    const Index row = s.w * s.c, cells = s.ow * s.c, size = (n + 1) * s.oh * cells;  // no vector looks into the next image
    const Reach rows = rows_of(s, i);
    const Index first = i == 0 ? 0 : smaller(s.h, rows.start), last = i + 1 == s.oh ? s.h : smaller(s.h, rows.start + s.stride_y);
    T* const to = dx + n * s.h * row;
    const bool two = s.kernel_y == 2 && s.kernel_x == 2 && rows.begin == 0 && rows.end == 2 && (s.c < W || s.c % W == 0);
    const bool covered = two && s.stride_x == 2 && s.pad_x == 0 && s.w == 2 * s.ow && rows.start == first;  // the first two rows, by windows
    const Index blank = covered ? first + 2 : first;
    memset(to + blank * row, 0, (last - blank) * row * sizeof(T));
    Mask<T> bad = {};
    for (Index j = 0; j < s.ow; j++) {
        const Reach columns = columns_of(s, j);
        const Index corner = rows.start * s.w + columns.start;
        const bool inside = two && columns.begin == 0 && columns.end == 2 && (columns.start + 1) * s.c + larger<Index>(s.c, W) <= row;
        for (Index c = 0; c < s.c; c += W) {
            const Index e = (n * s.oh + i) * cells + j * s.c + c, lanes = smaller<Index>(W, s.c - c);
            const Mask<T> place = load_places<T>(grad.indices + e, lanes, grad.indices + size);
            Vector<T> g = load_lanes(grad.grad + e, lanes, grad.grad + size);
            if (grad.y) g = where_positive(load_lanes(grad.y + e, lanes, grad.y + size), g);
            bad |= (place < 0) | (place >= int(s.h * s.w));
            if (inside) {
                T* pixel = to + corner * s.c + c;
                store(pixel, won<T>(place, corner, g));
                store(pixel + s.c, won<T>(place, corner + 1, g));
                store(pixel + row, won<T>(place, corner + s.w, g));
                store(pixel + row + s.c, won<T>(place, corner + s.w + 1, g));
                continue;
            }
            for (Index y = rows.start + rows.begin; y < rows.start + rows.end; y++)
                for (Index x = columns.start + columns.begin; x < columns.start + columns.end; x++) {
                    T* pixel = to + y * row + x * s.c;
                    store_lanes(pixel + c, won<T>(place, y * s.w + x, g), lanes, s.c < W ? to + (y + 1) * row : pixel + s.c);
                }
        }
    }
    for (int l = 0; l < W; l++)
        if (bad[l]) return false;
    return true;
}

template <class T> bool max_pool_grad(const PoolShape& s, const PooledGradient<T>& grad, T* dx) {
    const bool apart = s.kernel_y <= s.stride_y && s.kernel_x <= s.stride_x && s.dilation_y == 1 && s.dilation_x == 1;
    if (!apart) return scatter_to_windows(s, grad, dx);
    int outside = 0;
    parallel_output_rows<T>(s, [&](Index n, Index i) {
        if (!spread_over_row(s, grad, n, i, dx)) __atomic_store_n(&outside, 1, __ATOMIC_RELAXED);
    });
    return !outside;
}

// What a window's sum is divided by: its pixels or, with `count_padding`, also the padding (but nothing past it, which a last window of ceil_mode reaches).
inline Index window_count(const PoolShape& s, Index i, Index j, const Reach& rows, const Reach& columns) {
    if (!s.count_padding) return (rows.end - rows.begin) * (columns.end - columns.begin);
    const Index top = i * s.stride_y - s.pad_y, left = j * s.stride_x - s.pad_x;
    return (smaller(top + s.kernel_y, s.h + s.pad_bottom) - top) *
           (smaller(left + s.kernel_x, s.w + s.pad_right) - left);
}

template <class T> void avg_pool(const PoolShape& s, const T* x, T* y) {
    const T* x_end = x + s.n * s.h * s.w * s.c;
    parallel_output_rows<T>(s, [&](Index n, Index i) {
        const T* image = x + n * s.h * s.w * s.c;
        T *out = y + (n * s.oh + i) * s.ow * s.c, *out_end = out + s.ow * s.c;
        const Reach rows = rows_of(s, i);
        for (Index j = 0; j < s.ow; j++, out += s.c) {
            const Reach columns = columns_of(s, j);
            const Vector<T> count = broadcast(T(window_count(s, i, j, rows, columns)));
            for (Index c = 0; c < s.c; c += width<T>) {
                const Index lanes = smaller<Index>(width<T>, s.c - c);
                Vector<T> sum = {};
                for (Index u = rows.begin; u < rows.end; u++)
                    for (Index v = columns.begin; v < columns.end; v++)
                        sum += load_lanes(image + ((rows.start + u) * s.w + columns.start + v) * s.c + c, lanes, x_end);
                store_lanes(out + c, sum / count, lanes, out_end);
            }
        }
    });
}

template <class T> void avg_pool_grad(const PoolShape& s, const T* grad, T* dx) {
    const Index strip = smaller<Index>(s.c, 64), strips = ceil_div(s.c, strip);
    const double work = double(s.n) * s.oh * s.ow * s.kernel_y * s.kernel_x * ceil_div(s.c, width<T>);
    parallel(s.n * strips, team_size(s.n * strips, work), [&](Index item, int) {
        const Index n = item / strips, begin = item % strips * strip, end = smaller(s.c, begin + strip);
        T* image = dx + n * s.h * s.w * s.c;
        for (Index p = 0; p < s.h * s.w; p++) memset(image + p * s.c + begin, 0, (end - begin) * sizeof(T));
        for (Index i = 0; i < s.oh; i++) {
            const Reach rows = rows_of(s, i);
            for (Index j = 0; j < s.ow; j++) {
                const Reach columns = columns_of(s, j);
                const T count = T(window_count(s, i, j, rows, columns));
                const T* from = grad + ((n * s.oh + i) * s.ow + j) * s.c;
                for (Index u = rows.begin; u < rows.end; u++)
                    for (Index v = columns.begin; v < columns.end; v++) {
                        T* to = image + ((rows.start + u) * s.w + columns.start + v) * s.c;
                        for (Index c = begin; c < end; c++) to[c] += from[c] / count;
                    }
            }
        }
    });
}

}  // namespace convscope::CONVSCOPE_ISA
