// A convolution of which max pooling alone sees the result: band after band, each pooled while it is still in the cache.
//
//     x ──► some rows of the convolution, in memory of the worker ──► their pooled rows
//
// A band is as many whole images, or else rows of one, as half a second cache holds. A worker goes down an image, or a part of it,
// and rows that the windows of the next band see too are moved there:
//
//     rows of the convolution   0 1 2 3 4 5 6 7 8          windows of 3 at steps of 2, two rows of them in a band
//                               └───┘
//                                   └───┘ kept: 4
//                                       └───┘
//                                           └───┘
//
// Where weights are so large that reading them once for each band would take longer, or there are too few bands for all threads, it
// is one after the other; and so where windows overlap and Winograd's tiles would begin elsewhere in each band.
#pragma once
#include "conv.h"
#include "pool.h"

namespace convscope::CONVSCOPE_ISA {

template <class T> class PooledConv {
public:
    // p pools the n images of s; indices may be null.
    PooledConv(const ConvShape& s, const PoolShape& p, const PackedWeights<T>& w, const T* x,
               const Epilogue<T>& epilogue, T* y, int32_t* indices)
        : s_(s), p_(p), w_(w), x_(x), epilogue_(epilogue), y_(y), indices_(indices), row_(s.ow * s.k) {
        constexpr Index whole = 4;  // rows of windows: then Winograd's tiles stay the same
        const Index fitting = band_bytes / Index(sizeof(T)) / larger<Index>(1, row_ * p.stride_y);
        rows_ = fitting >= p.oh ? p.oh : larger<Index>(whole, fitting / whole * whole);
        bands_ = ceil_div(p.oh, rows_);
        images_ = bands_ == 1 ? larger<Index>(1, smaller(fitting / larger<Index>(1, p.oh), s.n / get_threads())) : 1;
    }

    void run() const {
        const bool apart = p_.stride_y >= (p_.kernel_y - 1) * p_.dilation_y + 1 && !p_.pad_y;
        if (is_planar<T>(s_) && w_.algorithm == Algorithm::direct && is_two_by_two() && !indices_) return run_planar();
        const Index threads = get_threads(), groups = ceil_div(s_.n, images_);
        const Index parts = threads == 1 ? 1 : smaller(bands_, ceil_div(2 * threads, larger<Index>(1, groups))),
                    items = groups * parts;
        const bool large = weight_size<T>(s_, w_.algorithm) * Index(sizeof(T)) > most_weights;
        const bool blind = (s_.oh - 1) * s_.stride_y - s_.pad_y >= s_.h;  // a row sees padding alone
        if (items < threads || large || blind || !(apart || bands_ == 1 || w_.algorithm == Algorithm::direct))
            return run_apart();
        const Index size = images_ * rows_most() * row_;
        const double work =
            double(s_.n) * s_.oh * s_.ow * s_.kernel_y * s_.kernel_x * (s_.c / s_.groups) * s_.k / width<T>;
        const int team = team_size(items, work);
        Scratch<T> memory(team * size);
        parallel(items, team, [&](Index item, int worker) {
            const Index first = item / parts * images_, part = item % parts;
            go_down(first, smaller(images_, s_.n - first), bands_ * part / parts, bands_ * (part + 1) / parts,
                    &memory[worker * size]);
        });
    }

private:
    static constexpr Index band_bytes = 1 << 18, most_weights = 4 << 20;

    bool is_two_by_two() const {
        return p_.kernel_y == 2 && p_.kernel_x == 2 && p_.stride_y == 2 && p_.stride_x == 2 && !p_.pad_y && !p_.pad_x &&
               p_.dilation_y == 1 && p_.dilation_x == 1 && p_.oh == s_.oh / 2 && p_.ow == s_.ow / 2;
    }
    // (Of zeros that differ in their sign another one may be taken.)
    void run_planar() const {
        Epilogue<T> epilogue = epilogue_;
        epilogue.pixel = s_.k;
        PlanarConv<T>(s_, x_, w_, epilogue, y_, true).run();
    }
    void run_apart() const {
        Scratch<T> whole(s_.n * s_.oh * row_);
        conv<T>(s_, w_, x_, epilogue_, whole.data());
        max_pool(p_, whole.data(), y_, indices_);
    }

    // Rows of the convolution that the windows of rows [begin, end) see, or all where the images are one band.
    Index top(Index begin) const { return bands_ == 1 ? 0 : inside(begin * p_.stride_y - p_.pad_y); }
    Index bottom(Index end) const {
        return bands_ == 1 ? s_.oh : inside((end - 1) * p_.stride_y - p_.pad_y + (p_.kernel_y - 1) * p_.dilation_y + 1);
    }
    Index inside(Index row) const { return larger<Index>(0, smaller(s_.oh, row)); }
    Index rows_most() const {
        return bands_ == 1 ? s_.oh : smaller(s_.oh, (rows_ - 1) * p_.stride_y + (p_.kernel_y - 1) * p_.dilation_y + 1);
    }

    // Bands [begin, end) of some images.
    void go_down(Index first, Index images, Index begin, Index end, T* memory) const {
        Index from = 0, done = 0;  // rows of the convolution that are there
        for (Index band = begin; band < end; band++) {
            const Index windows = band * rows_, last = smaller(p_.oh, windows + rows_), seen = top(windows);
            if (seen < done) memmove(memory, memory + (seen - from) * row_, (done - seen) * row_ * sizeof(T));
            from = seen, done = larger(done, seen);
            const Index rows = larger(done, bottom(last)) - from;
            compute(first, images, done, from + rows, memory + (done - from) * row_);
            done = from + rows;
            for (Index n = 0; n < images; n++)
                for (Index i = windows; i < last; i++) {
                    // As if the whole image lay there: so rows and places need not be told from those of a band.
                    const T* image = memory + (n * rows - from) * row_;
                    const Index out = ((first + n) * p_.oh + i) * p_.ow * p_.c;
                    max_pool_row(p_, image, memory + images * rows * row_, i, y_ + out,
                                 indices_ ? indices_ + out : nullptr);
                }
        }
    }

    // Rows [begin, end) of the convolution of some images.
    void compute(Index first, Index images, Index begin, Index end, T* memory) const {
        if (begin == end) return;
        ConvShape s = s_;
        const Index above = begin * s.stride_y - s.pad_y, skipped = larger<Index>(0, above);
        s.n = images, s.h -= skipped, s.pad_y = skipped - above, s.oh = end - begin;
        conv<T>(s, w_, x_ + (first * s_.h + skipped) * s_.w * s_.c, epilogue_, memory);
    }

    const ConvShape& s_;
    const PoolShape& p_;
    const PackedWeights<T>& w_;
    const T* x_;
    const Epilogue<T>& epilogue_;
    T* y_;
    int32_t* indices_;
    Index row_;                    // elements of a row of the convolution
    Index rows_, bands_, images_;  // rows of windows in a band, bands of an image, or images in a band
};

template <class T>
void conv_max_pool(const ConvShape& s, const PoolShape& p, const PackedWeights<T>& w, const T* x,
                   const Epilogue<T>& epilogue, T* y, int32_t* indices) {
    PooledConv<T>(s, p, w, x, epilogue, y, indices).run();
}

}  // namespace convscope::CONVSCOPE_ISA
