// A convolution of which max pooling alone sees the result: band after band, each pooled while it is still in the cache.
//
//     x ──► some rows of the convolution, in memory of the worker ──► their pooled rows
//
// A band is as many whole images, or else rows of one, as half a second cache holds. Windows do not overlap. Where weights are
// so large that reading them once for each band would take longer, or bands too few for all threads, it is one after the other.
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
        images_ = bands_ == 1 ? larger<Index>(1, fitting / larger<Index>(1, p.oh)) : 1;
    }

    void run() const {
        const Index threads = get_threads();
        const Index images = larger<Index>(1, smaller(images_, s_.n / threads)),
                    items = ceil_div(s_.n, images) * bands_;
        if (is_planar<T>(s_) && w_.algorithm == Algorithm::direct && p_.kernel_y == 2 && p_.kernel_x == 2 && !indices_)
            return run_planar();
        const bool large = weight_size<T>(s_, w_.algorithm) * Index(sizeof(T)) > most_weights;
        const bool blind =
            (bands_ - 1) * rows_ * p_.stride_y * s_.stride_y >= s_.h + s_.pad_y;  // a band that sees padding alone
        if (items < threads || large || blind) return run_apart();
        const Index size = images * (bands_ == 1 ? s_.oh : rows_ * p_.stride_y) * row_;
        const double work =
            double(s_.n) * s_.oh * s_.ow * s_.kernel_y * s_.kernel_x * (s_.c / s_.groups) * s_.k / width<T>;
        const int team = team_size(items, work);
        Scratch<T> memory(team * size);
        parallel(items, team, [&](Index item, int worker) {
            const Index first = item / bands_ * images, band = item % bands_;
            compute(first, smaller(images, s_.n - first), band * rows_, smaller(p_.oh, (band + 1) * rows_),
                    &memory[worker * size]);
        });
    }

private:
    static constexpr Index band_bytes = 1 << 18, most_weights = 4 << 20;

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

    // Rows [begin, end) of windows of some images.
    void compute(Index first, Index images, Index begin, Index end, T* memory) const {
        ConvShape s = s_;
        const Index top = begin * p_.stride_y * s.stride_y - s.pad_y, skipped = larger<Index>(0, top);
        s.n = images, s.h -= skipped, s.pad_y = skipped - top;
        if (bands_ > 1) s.oh = (end - begin) * p_.stride_y;
        conv<T>(s, w_, x_ + (first * s_.h + skipped) * s_.w * s_.c, epilogue_, memory);
        for (Index n = 0; n < images; n++)
            for (Index i = begin; i < end; i++) {
                // As if the whole image lay there: so rows and places need not be told from those of a band.
                const T* image = memory + (n * s.oh - begin * p_.stride_y) * row_;
                const Index out = ((first + n) * p_.oh + i) * p_.ow * p_.c;
                max_pool_row(p_, image, memory + images * s.oh * row_, i, y_ + out,
                             indices_ ? indices_ + out : nullptr);
            }
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
