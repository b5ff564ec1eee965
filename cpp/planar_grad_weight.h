// The weight gradient of first layers with few channels and few filters, vectors running along the output pixels.
//
// Both images lie as planes, rows of the one as long as rows of the other (conv_planar.h); what a row of the gradient
// lacks is zero. Then every weight is a dot product of two planes, one of them shifted:
//
//     dw[o][c][u][v] = sum over positions p of x_plane[c][p + u*row + v] * grad_plane[o][p]
//
// A tile is K filters by a few taps, whose sums are vectors. Images are cut into parts by their number alone; the sums of
// a part, and those of the lanes, are added in order at the end.
#pragma once
#include "conv_planar.h"

namespace convscope::CONVSCOPE_ISA {

constexpr int planar_taps = many_registers ? 5 : 2;
constexpr int most_planar_rows = 5;  // filters of a tile

// sums[k * stride + tap] += grad[k * plane ...] * x[offsets[tap] ...], over `count` positions.
template <class T, int K>
void planar_sums(const T* x, const Index* offsets, const T* grad, Index plane, Index count, Vector<T>* sums, Index stride) {
    constexpr int taps = planar_taps;
    Vector<T> sum[K][taps];
    unroll<K>([&](auto k) CONVSCOPE_LAMBDA { unroll<taps>([&](auto t) CONVSCOPE_LAMBDA { sum[k][t] = Vector<T>{}; }); });
    const T* in[taps];
    unroll<taps>([&](auto t) CONVSCOPE_LAMBDA { in[t] = x + offsets[t]; });
    for (Index p = 0; p < count; p += width<T>) {
        Vector<T> value[taps];
        unroll<taps>([&](auto t) CONVSCOPE_LAMBDA { value[t] = load(in[t] + p); });
        unroll<K>([&](auto k) CONVSCOPE_LAMBDA {
            const Vector<T> g = load(grad + k * plane + p);
            unroll<taps>([&](auto t) CONVSCOPE_LAMBDA { multiply_add<T>(sum[k][t], value[t], g); });
        });
    }
    unroll<K>([&](auto k) CONVSCOPE_LAMBDA { unroll<taps>([&](auto t) CONVSCOPE_LAMBDA { sums[k * stride + t] += sum[k][t]; }); });
}

template <class T> using PlanarSums = void (*)(const T*, const Index*, const T*, Index, Index, Vector<T>*, Index);

template <class T, int K = most_planar_rows> PlanarSums<T> find_planar_sums(Index filters) {
    if constexpr (K > 1)
        if (filters < K) return find_planar_sums<T, K - 1>(filters);
    return planar_sums<T, K>;
}

template <class T> class PlanarGradWeight {
public:
    PlanarGradWeight(const ConvShape& s, const T* x, const T* grad)
        : s_(s),
          x_(x),
          grad_(grad),
          row_(planar_row(s)),
          rows_(s.oh + (s.kernel_y - 1) * s.dilation_y),
          taps_(s.c * s.kernel_y * s.kernel_x),
          padded_taps_(ceil_div(taps_, planar_taps) * planar_taps),
          count_((s.oh - 1) * row_ + s.ow),
          plane_(s.oh * row_ + width<T>),
          offsets_(padded_taps_) {
        for (Index t = 0; t < padded_taps_; t++) offsets_[t] = 0;  // the sums of taps too many are thrown away
        planar_offsets(s, rows_ * row_, row_, offsets_.data());
    }

    // Says whether all is finite: else what is infinite may have met the zeros past a row's end, and made not-a-number.
    bool run(T* dw) {
        const Index parts = smaller<Index>(16, s_.n), all = s_.k * padded_taps_;
        const Index planes = s_.c * rows_ * row_ + planar_slack<T>, each = planes + s_.k * plane_;
        const int team = team_size(parts, double(s_.n) * plane_ * all / width<T>);
        Scratch<T> memory(team * each);
        Scratch<Vector<T>> sums(parts * all);
        for (Index i = 0; i < parts * all; i++) sums[i] = Vector<T>{};
        parallel(parts, team, [&](Index part, int worker) {
            T *x = &memory[worker * each], *grad = x + planes;
            for (Index n = s_.n * part / parts; n < s_.n * (part + 1) / parts; n++) {
                lay_out_planes(s_, x_, n, -s_.pad_y, rows_, row_, rows_ * row_, x);
                lay_out_grad(n, grad);
                add(x, grad, &sums[part * all]);
            }
        });
        T check = 0;
        for (Index k = 0; k < s_.k; k++)
            for (Index t = 0; t < taps_; t++) {
                Vector<T> total = sums[k * padded_taps_ + t];
                for (Index part = 1; part < parts; part++) total += sums[part * all + k * padded_taps_ + t];
                T sum = 0;
                for (int lane = 0; lane < width<T>; lane++) sum += total[lane];
                dw[k * taps_ + t] = sum, check += sum * T(0);
            }
        return check == 0;
    }

private:
    // to[k * plane + i * row + j], zero past the end of each row.
    void lay_out_grad(Index n, T* to) const {
        const T *image = grad_ + n * s_.oh * s_.ow * s_.k, *end = grad_ + s_.n * s_.oh * s_.ow * s_.k;
        for (Index i = 0; i < s_.oh; i++)
            for (Index j = 0; j < row_; j += width<T>) {
                Vector<T> columns[width<T>];
                const Index lanes = larger<Index>(0, smaller<Index>(width<T>, s_.ow - j));
                load_columns(image + (i * s_.ow + j) * s_.k, s_.k, lanes, s_.k, end, columns);
                for (Index k = 0; k < s_.k; k++) store(to + k * plane_ + i * row_ + j, columns[k]);
            }
        for (Index k = 0; k < s_.k; k++) store(to + k * plane_ + s_.oh * row_, Vector<T>{});
    }

    // Long sums are cut, which keeps the rounding error down.
    void add(const T* x, const T* grad, Vector<T>* sums) const {
        const Index block = 192 * width<T>, tiles = ceil_div(s_.k, most_planar_rows);
        for (Index begin = 0; begin < count_; begin += block)
            for (Index tile = 0; tile < tiles; tile++) {
                const Index k = s_.k * tile / tiles, filters = s_.k * (tile + 1) / tiles - k;
                for (Index t = 0; t < padded_taps_; t += planar_taps)
                    find_planar_sums<T>(filters)(x + begin, &offsets_[t], grad + k * plane_ + begin, plane_,
                                                 smaller(block, count_ - begin), sums + k * padded_taps_ + t, padded_taps_);
            }
    }

    const ConvShape& s_;
    const T *x_, *grad_;
    Index row_, rows_, taps_, padded_taps_, count_, plane_;  // count: positions that matter
    Scratch<Index> offsets_;
};

}  // namespace convscope::CONVSCOPE_ISA
