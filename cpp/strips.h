// How convolutions of few channels (first layers) read their input, forward and for the weight gradient.
//
// Neighbouring pixels share most of what they see. So the rows under the kernel are copied once for a stretch of a row of
// pixels, zeros where they lie in the padding; then a value under a tap is as far from its pixel for one pixel as for all:
//
//     strip:   row 0 of the kernel    0 x x x x x x x      pixel j looks from j * stride * channels on,
//              row 1                  0 x x x x x x x      for channel c under tap (u, v) at
//              row 2                  0 x x x x x x x      u rows + v * dilation * channels + c behind that
//
// Where there is no padding all that is so in the image itself, and nothing is copied.
//
// The register tile of the weight gradient is that of conv_grad_weight.h, but for those distances, one for each of its P values.
#pragma once
#include "panels.h"
#include "taps.h"

namespace convscope::CONVSCOPE_ISA {

// Adds the sums of a tile to those in memory, or puts them there.
template <class T, int P, int V> CONVSCOPE_INLINE void keep_sums(const Vector<T> (&sums)[P][V], T* to, bool add) {
    unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
        unroll<V>([&](auto v) CONVSCOPE_LAMBDA {
            T* place = to + (p * V + v) * width<T>;
            store(place, add ? load(place) + sums[p][v] : sums[p][v]);
        });
    });
}

template <class T> struct StripWork {
    const T* x;
    const Index* place;  // of each pixel in x
    Index pixels;
    const Index* distance;  // of each value from the place of a pixel
    const T* lanes;         // [pixel][V vectors]
    T* sums;                // [value][V vectors]
    bool add;               // to what is there
};

template <class T, int P, int V> struct StripSums {
    static void run(const StripWork<T>& work) {
        Vector<T> sums[P][V];
        unroll<P>([&](auto p)
                      CONVSCOPE_LAMBDA { unroll<V>([&](auto v) CONVSCOPE_LAMBDA { sums[p][v] = Vector<T>{}; }); });
        Index distance[P];
        unroll<P>([&](auto p) CONVSCOPE_LAMBDA { distance[p] = work.distance[p]; });
        const T *x = work.x, *lanes = work.lanes;
        const Index *place = work.place, *end = place + work.pixels;
        for (; place < end; place++, lanes += V * width<T>) {
            const T* from = x + *place;
            Vector<T> g[V];
            unroll<V>([&](auto v) CONVSCOPE_LAMBDA { g[v] = load(lanes + v * width<T>); });
            unroll<P>([&](auto p) CONVSCOPE_LAMBDA {
                const Vector<T> value = broadcast(from[distance[p]]);
                unroll<V>([&](auto v) CONVSCOPE_LAMBDA { multiply_add<T>(sums[p][v], value, g[v]); });
            });
        }
        keep_sums<T, P, V>(sums, work.sums, work.add);
    }
};

template <class T> class Strips {
public:
    // Of up to `most` pixels at a time.
    Strips(const Grid& grid, Index most)
        : g_(grid),
          in_place_(is_inside(grid)),
          columns_(1),
          distances_(has_few_channels(grid) ? grid.taps * grid.channels : 0) {
        if (!has_few_channels(grid)) return;
        while (columns_ < g_.taps && g_.tap[columns_].y == g_.tap[0].y) columns_++;
        rows_ = g_.taps / columns_;
        wide_ = g_.tap[columns_ - 1].x - g_.tap[0].x + 1;
        length_ = ((smaller(most, larger<Index>(1, g_.w)) - 1) * g_.stride_x + wide_) * g_.channels;
        strips_ = smaller(most / larger<Index>(1, g_.w) + 2, g_.n * g_.h);
        for (Index t = 0; t < g_.taps; t++)
            for (Index c = 0; c < g_.channels; c++) {
                const Tap at{g_.tap[t].y - g_.tap[0].y, g_.tap[t].x - g_.tap[0].x};
                distances_[t * g_.channels + c] = c + (in_place_ ? (at.y * g_.in_w + at.x) * g_.in_pixel
                                                                 : t / columns_ * length_ + at.x * g_.channels);
            }
    }
    Index size() const { return in_place_ ? 0 : strips_ * rows_ * length_; }  // elements of memory

    const Index* distances() const { return distances_.data(); }

    // Copies what `count` pixels of the grid see, and says where each of them finds it behind what is given back.
    const T* fill(const T* x, Index begin, Index count, Index group, T* to, Index* place) const {
        const Walk first(g_, begin, false);
        const T* base = x + first.in + (g_.tap[0].y * g_.in_w + g_.tap[0].x) * g_.in_pixel + group * g_.channels;
        Index start = 0;
        for (Index p = 0, some; p < count; p += some, start += rows_ * length_) {
            const Walk at(g_, begin + p, false);
            some = smaller(count - p, g_.w - at.j);
            const Index step = g_.stride_x * (in_place_ ? g_.in_pixel : g_.channels),
                        from = in_place_ ? at.in - first.in : start;
            if (!in_place_) copy(x, at, some, group, to + start);
            for (Index q = 0; q < some; q++) place[p + q] = from + q * step;
        }
        return in_place_ ? base : to;
    }

    // sums[tap][channel][lane] (+)= sum over pixels of what they see * lanes[pixel][lane]
    void multiply(const T* strips, const Index* place, Index pixels, const T* lanes, Index vectors, T* sums,
                  bool add) const {
        const Index values = g_.taps * g_.channels, tiles = ceil_div(values, strip_values(vectors));
        for (Index i = 0; i < tiles; i++) {
            const Index first = values * i / tiles, count = values * (i + 1) / tiles - first;
            find_kernel<StripSums, T>(count, vectors)(
                {strips, place, pixels, &distances_[first], lanes, sums + first * vectors * width<T>, add});
        }
    }

private:
    // More distances than these would not stay in registers.
    static Index strip_values(Index vectors) {
        return smaller<Index>(8, vectors == 1   ? tile_pixels<1>
                                 : vectors == 2 ? tile_pixels<2>
                                                : tile_pixels<tile_vectors>);
    }

    // Whether no tap of any pixel lies in the padding.
    static bool is_inside(const Grid& g) {
        const Inside inside(g);
        return inside.first.y <= 0 && inside.first.x <= 0 && inside.end.y >= g.h && inside.end.x >= g.w;
    }

    // What `count` pixels of a row of the grid see.
    void copy(const T* x, const Walk& at, Index count, Index group, T* to) const {
        for (Index u = 0; u < rows_; u++) {
            const Tap first = g_.tap[u * columns_];
            copy_row(x, at.n, at.i * g_.stride_y + first.y, at.j * g_.stride_x + first.x,
                     (count - 1) * g_.stride_x + wide_, group, to + u * length_);
        }
    }

    // `count` pixels of row y of image n, from column `first` on, either of which may lie in the padding.
    void copy_row(const T* x, Index n, Index y, Index first, Index count, Index group, T* to) const {
        const Index channels = g_.channels;
        const bool inside = y >= 0 && y < g_.in_h;
        const Index begin = inside ? smaller(count, larger<Index>(0, -first)) : count,
                    end = larger(begin, smaller(count, g_.in_w - first));
        memset(to, 0, begin * channels * sizeof(T));
        const T* from = x + ((n * g_.in_h + y) * g_.in_w + first) * g_.in_pixel + group * channels;
        if (channels == g_.in_pixel)
            memcpy(to + begin * channels, from + begin * channels, (end - begin) * channels * sizeof(T));
        else
            for (Index q = begin; q < end; q++) copy_few(to + q * channels, from + q * g_.in_pixel, channels);
        memset(to + end * channels, 0, (count - end) * channels * sizeof(T));
    }

    const Grid& g_;
    const bool in_place_;
    Index columns_, rows_ = 0, wide_ = 0;  // of the kernel: taps of a row, rows, and input columns under it
    Index length_ = 0, strips_ = 0;        // elements of a row of a strip, and strips at the most
    Scratch<Index> distances_;
};

}  // namespace convscope::CONVSCOPE_ISA
