// Batch normalisation: y = (x - mean) / sqrt(var + eps) * weight + bias, channel by channel.
//
// Memory is what it costs, so x is fetched once for both moments: each part (columns.h) finds its own
// mean and the sum of squares about it while it is in the cache (with the correction for a mean that
// is off by rounding), and parts are merged in order: Chan, Golub & LeVeque (1983).
#pragma once
#include "activation.h"

namespace convscope::CONVSCOPE_ISA {

// y = (x - mean) * slope + bias (+ residual, unless null), then its positive part if `rectify`.
template <class T>
void batch_norm(Index pixels, Index channels, T eps, const T* x, const T* weight, const T* bias, const T* mean,
                const T* var, const T* residual, bool rectify, T* y) {
    const Columns<T> columns(pixels, channels);
    const Index row = columns.row;
    Scratch<T> memory(3 * row + channels);
    T *means = memory.data(), *slopes = means + row, *shifts = slopes + row, *slope = shifts + row;
    for (Index c = 0; c < channels; c++) slope[c] = weight[c] / square_root(var[c] + eps);
    columns.repeat(mean, means), columns.repeat(slope, slopes), columns.repeat(bias, shifts);
    columns.parallel_parts([&](Index, Index begin, Index end, int) {
        auto normal = [=](auto at, Index e, Index c)
            CONVSCOPE_LAMBDA { return (at(x + e) - at(means + c)) * at(slopes + c) + at(shifts + c); };
        auto added = [=](auto at, Index e, Index c) CONVSCOPE_LAMBDA { return normal(at, e, c) + at(residual + e); };
        auto map = [&](auto value) {
            if (rectify)
                columns.map(
                    begin, end,
                    [=](auto at, Index e, Index c) CONVSCOPE_LAMBDA { return positive_part(value(at, e, c)); }, y);
            else
                columns.map(begin, end, value, y);
        };
        residual ? map(added) : map(normal);
    });
}

template <class T> void moments(Index pixels, Index channels, const T* x, T* mean, T* var) {
    const Columns<T> columns(pixels, channels);
    const Index parts = columns.parts(), row = columns.row;
    Scratch<T> found(parts * 3 *
                     channels);  // of each part: its mean, nearly; sum of distances from that; sum of their squares
    Scratch<T> memory(columns.team(parts) * 2 * row);
    columns.parallel_parts([&](Index part, Index begin, Index end, int worker) {
        T *scratch = &memory[worker * 2 * row], *centers = scratch + row, *center = &found[part * 3 * channels];
        columns.sum(begin, end, [=](auto at, Index e, Index) CONVSCOPE_LAMBDA { return at(x + e); }, scratch, center);
        for (Index c = 0; c < channels; c++) center[c] /= T(end - begin);
        columns.repeat(center, centers);
        columns.sum(
            begin, end, [=](auto at, Index e, Index c) CONVSCOPE_LAMBDA { return at(x + e) - at(centers + c); },
            scratch, center + channels);
        columns.sum(
            begin, end,
            [=](auto at, Index e, Index c) CONVSCOPE_LAMBDA {
                const auto d = at(x + e) - at(centers + c);
                return d * d;
            },
            scratch, center + 2 * channels);
    });
    Scratch<double> merged(2 * channels);
    double *means = merged.data(), *squares = means + channels;
    for (Index c = 0; c < 2 * channels; c++) means[c] = 0;
    for (Index part = 0; part < parts; part++) {
        const T *center = &found[part * 3 * channels], *distances = center + channels,
                *distances_squared = distances + channels;
        const double count = double(part * columns.part),
                     more = double(smaller(pixels, (part + 1) * columns.part)) - count;
        const double share = more / (count + more);
        for (Index c = 0; c < channels; c++) {
            const double off = distances[c] / more, distance = center[c] + off - means[c];
            means[c] += distance * share;
            squares[c] += distances_squared[c] - off * off * more + distance * distance * count * share;
        }
    }
    for (Index c = 0; c < channels; c++) mean[c] = T(means[c]), var[c] = T(squares[c] / double(pixels));
}

// dbias = sum of grad, dweight = sum of grad * normalised, and
// dx = (grad - dbias/M - normalised * dweight/M) * weight / sqrt(var + eps), without the middle terms outside training.
// The gradient of the output is grad(at, e).
template <class Grad, class T>
void batch_norm_grad_of(const Grad& grad, Index pixels, Index channels, T eps, bool training, const T* x,
                        const T* weight, const T* mean, const T* var, T* dx, T* dweight, T* dbias) {
    const Columns<T> columns(pixels, channels);
    const Index parts = columns.parts(), row = columns.row;
    Scratch<T> found(parts * 2 * channels), values(3 * channels), rows(4 * row);
    Scratch<T> memory(columns.team(parts) * row);
    T *inverse = values.data(), *slope = inverse + channels, *share = slope + channels;
    T *means = rows.data(), *slopes = means + row, *shares = slopes + row, *biases = shares + row;
    for (Index c = 0; c < channels; c++)
        inverse[c] = T(1) / square_root(var[c] + eps), slope[c] = weight[c] * inverse[c];
    columns.repeat(mean, means), columns.repeat(slope, slopes);

    columns.parallel_parts([&](Index part, Index begin, Index end, int worker) {
        T *scratch = &memory[worker * row], *to = &found[part * 2 * channels];
        columns.sum(begin, end, [=](auto at, Index e, Index) CONVSCOPE_LAMBDA { return grad(at, e); }, scratch, to);
        columns.sum(
            begin, end,
            [=](auto at, Index e, Index c) CONVSCOPE_LAMBDA { return grad(at, e) * (at(x + e) - at(means + c)); },
            scratch, to + channels);
    });
    for (Index c = 0; c < channels; c++) {
        double sum = 0, product = 0;
        for (Index part = 0; part < parts; part++) {
            sum += found[part * 2 * channels + c];
            product += found[part * 2 * channels + channels + c];
        }
        dbias[c] = T(sum), dweight[c] = T(product * inverse[c]);
        share[c] = dweight[c] / T(pixels) * inverse[c];
    }
    columns.repeat(share, shares);
    for (Index i = 0; i < row; i++) biases[i] = dbias[i % channels] / T(pixels);
    columns.parallel_parts([&](Index, Index begin, Index end, int) {
        if (training)
            columns.map(
                begin, end,
                [=](auto at, Index e, Index c) CONVSCOPE_LAMBDA {
                    return (grad(at, e) - at(biases + c) - (at(x + e) - at(means + c)) * at(shares + c)) *
                           at(slopes + c);
                },
                dx);
        else
            columns.map(
                begin, end, [=](auto at, Index e, Index c) CONVSCOPE_LAMBDA { return grad(at, e) * at(slopes + c); },
                dx);
    });
}

// Where y is given, it is the positive part of what was normalised, and grad counts only where y > 0.
template <class T>
void batch_norm_grad(Index pixels, Index channels, T eps, bool training, const T* grad, const T* x, const T* y,
                     const T* weight, const T* mean, const T* var, T* dx, T* dweight, T* dbias) {
    auto all = [=](auto at, Index e) CONVSCOPE_LAMBDA { return at(grad + e); };
    auto positive = [=](auto at, Index e) CONVSCOPE_LAMBDA { return where_positive(at(y + e), at(grad + e)); };
    if (y)
        batch_norm_grad_of(positive, pixels, channels, eps, training, x, weight, mean, var, dx, dweight, dbias);
    else
        batch_norm_grad_of(all, pixels, channels, eps, training, x, weight, mean, var, dx, dweight, dbias);
}

// sums[n][c] = sum over p of x[n][p][c] / divisor: bias gradients and global average pooling.
template <class T> void channel_sums(Index n, Index pixels, Index channels, T divisor, const T* x, T* sums) {
    const Columns<T> columns(pixels, channels);
    const Index parts = columns.parts(), image = pixels * channels;
    const int team = columns.team(n * parts);
    Scratch<T> found(n * parts * channels), memory(team * columns.row);
    parallel(n * parts, team, [&](Index item, int worker) {
        const T* from = x + item / parts * image;
        const Index begin = item % parts * columns.part;
        columns.sum(
            begin, smaller(pixels, begin + columns.part),
            [=](auto at, Index e, Index) CONVSCOPE_LAMBDA { return at(from + e); }, &memory[worker * columns.row],
            &found[item * channels]);
    });
    for (Index i = 0; i < n; i++)
        for (Index c = 0; c < channels; c++) {
            double sum = 0;
            for (Index part = 0; part < parts; part++) sum += found[(i * parts + part) * channels + c];
            sums[i * channels + c] = T(sum / divisor);
        }
}

// x[n][p][c] = values[n][c] / divisor
template <class T> void spread(Index n, Index pixels, Index channels, T divisor, const T* values, T* x) {
    parallel(n, team_size(n, double(n) * pixels * channels / width<T>), [&](Index i, int) {
        T* to = x + i * pixels * channels;
        for (Index c = 0; c < channels; c++) to[c] = values[i * channels + c] / divisor;
        for (Index p = 1; p < pixels; p++) memcpy(to + p * channels, to, channels * sizeof(T));
    });
}

}  // namespace convscope::CONVSCOPE_ISA
