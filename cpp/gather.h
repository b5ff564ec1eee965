// Few channels (first layers) would leave the inner loop of a tile nearly empty. But taps that are neighbours in memory, a row of
// the kernel, are one tap of many channels, a run:
//
//     pixel p:   [tap 0: c0 c1 c2][tap 1: c0 c1 c2][tap 2: c0 c1 c2]     run 0
//                [tap 3: c0 c1 c2][tap 4: c0 c1 c2][tap 5: c0 c1 c2]     run 1
//
// Short runs of a pixel that many filters read are copied side by side, and are a row of a product. Others would not pay for
// copies: tiles read them where they lie, but for those that reach into the padding.
#pragma once
#include "taps.h"

namespace convscope::CONVSCOPE_ISA {

constexpr Index few_channels = 16;

inline bool has_few_channels(const Grid& g) { return g.channels < few_channels && g.taps > 1; }

// The channels of a group under all taps, in runs of taps that are neighbours in memory.
template <class T> class Gather {
public:
    // `end` is one past the last element of x.
    Gather(const Grid& grid, const TapTable<T>& table, const T* x, const T* end)
        : g_(grid), table_(table), x_(x), end_(end), runs_(larger<Index>(1, grid.taps)) {
        const bool joined = g_.channels == g_.in_pixel;
        for (Index t = 0; t < g_.taps; t++) {
            const Tap tap = g_.tap[t];
            if (t > 0 && joined && tap.y == g_.tap[t - 1].y && tap.x == g_.tap[t - 1].x + 1)
                runs_[count_ - 1].length += g_.channels;
            else
                runs_[count_++] = {(tap.y * g_.in_w + tap.x) * g_.in_pixel, g_.channels};
        }
    }
    static Index slack() { return width<T>; }  // elements past the last row that may be written

    // Runs are alike: as many rows of the kernel, or as many single taps.
    Index runs() const { return count_; }
    Index length() const { return g_.taps * g_.channels / count_; }

    // Rows of taps*channels elements for `count` pixels.
    void rows(Walk& at, Index count, Index group, T* to) const {
        for (Index p = 0; p < count; p++, at.next()) to = row(at, group, to);
    }

    // in[r*count + p]: run r of pixel p, in the image or, at its edges, in rows that are copied to `copies`.
    void point(Walk& at, Index count, Index group, T* copies, const T** in) const {
        for (Index p = 0; p < count; p++, at.next()) {
            if (table_.inside(at)) {
                const T* from = x_ + at.in + group * g_.channels;
                for (Index r = 0; r < count_; r++) in[r * count + p] = from + runs_[r].offset;
            } else {
                for (Index r = 0; r < count_; r++) in[r * count + p] = copies + r * length();
                copies = row(at, group, copies);
            }
        }
    }

private:
    // Taps that are neighbours in memory.
    struct Run {
        Index offset, length;
    };

    T* row(const Walk& at, Index group, T* to) const {
        if (table_.inside(at)) {
            const T* from = x_ + at.in + group * g_.channels;
            for (Index r = 0; r < count_; r++) to = copy_run(from + runs_[r].offset, runs_[r].length, to);
        } else {
            for (Index t = 0; t < g_.taps; t++, to += g_.channels)
                copy_few(to, table_.address(at, t) + group * g_.channels, g_.channels);
        }
        return to;
    }

    CONVSCOPE_INLINE T* copy_run(const T* from, Index length, T* to) const {
        if (from + length + width<T> <= end_)  // whole vectors; what is too much is written over by the next run
            for (Index i = 0; i < length; i += width<T>) store(to + i, load(from + i));
        else
            copy_few(to, from, length);
        return to + length;
    }

    const Grid& g_;
    const TapTable<T>& table_;
    const T *x_, *end_;
    Scratch<Run> runs_;
    Index count_ = 0;
};

}  // namespace convscope::CONVSCOPE_ISA
