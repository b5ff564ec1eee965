// Normalisation by neighbouring channels:
//
//     scale[c] = k + alpha * (x[c - before]^2 + ... + x[c + after]^2)
//     y[c]     = x[c] / scale[c]^beta
//     dx[c]    = grad[c] / scale[c]^beta - 2*alpha*beta * x[c] * (t[c - after] + ... + t[c + before]),
//     t[j]     = grad[j] * x[j] / scale[j]^(beta + 1)
//
// The channels of a pixel lie side by side, so a pixel's rows stay in the nearest cache. Rows have
// zeros at both ends, where there are no neighbours:
//
//     | before | channels | after, and what the last vector reads beyond |
#pragma once
#include "activation.h"

namespace convscope::CONVSCOPE_ISA {

template <class T> class LocalNorm {
public:
    // `alpha` is divided by `size` already.
    LocalNorm(Index pixels, Index channels, Index size, T alpha, T beta, T k)
        : pixels_(pixels), channels_(channels), before_((size - 1) / 2), after_(size / 2), alpha_(alpha), beta_(beta), k_(k) {}

    void forward(const T* x, T* y) const {
        each_pixel(1, [=, this](Index start, T* squares) {
            write(squares + before_, [=](auto at, Index c) CONVSCOPE_LAMBDA { return at(x + start + c) * at(x + start + c); });
            write(y + start, [=, this](auto at, Index c) CONVSCOPE_LAMBDA {
                return at(x + start + c) / power(scale(at, squares, c));
            });
        });
    }

    void backward(const T* grad, const T* x, T* dx) const {
        each_pixel(2, [=, this](Index start, T* squares) {
            T *shares = squares + row(), *direct = dx + start;
            const T* own = x + start;
            write(squares + before_, [=](auto at, Index c) CONVSCOPE_LAMBDA { return at(own + c) * at(own + c); });
            write(direct, [=, this](auto at, Index c) CONVSCOPE_LAMBDA {
                return at(grad + start + c) / power(scale(at, squares, c));
            });
            write(shares + after_, [=, this](auto at, Index c) CONVSCOPE_LAMBDA {
                return at(direct + c) * at(own + c) / scale(at, squares, c);
            });
            const T factor = 2 * alpha_ * beta_;
            write(direct, [=, this](auto at, Index c) CONVSCOPE_LAMBDA {
                return at(direct + c) - factor * at(own + c) * neighbours(at, shares, c);
            });
        });
    }

private:
    Index row() const { return before_ + channels_ + after_ + width<T>; }

    // body(index of a pixel's first channel, rows of zeros), pixel by pixel
    template <class Body> void each_pixel(Index rows, const Body& body) const {
        const Index block = larger<Index>(1, flat_block / channels_), blocks = ceil_div(pixels_, block);
        const int team = team_size(blocks, 8 * double(pixels_) * channels_ / width<T>);
        Scratch<T> memory(team * rows * row());
        memset(memory.data(), 0, team * rows * row() * sizeof(T));
        parallel(blocks, team, [&](Index item, int worker) {
            for (Index p = item * block; p < smaller(pixels_, (item + 1) * block); p++)
                body(p * channels_, &memory[worker * rows * row()]);
        });
    }

    template <class Value> CONVSCOPE_INLINE void write(T* y, const Value& value) const {
        Index c = 0;
        for (; c + width<T> <= channels_; c += width<T>) store(y + c, value(LoadVector{}, c));
        for (; c < channels_; c++) y[c] = value(LoadOne{}, c);
    }

    template <class At> CONVSCOPE_INLINE auto neighbours(At at, const T* padded, Index c) const {
        auto sum = at(padded + c);
        for (Index i = 1; i <= before_ + after_; i++) sum += at(padded + c + i);
        return sum;
    }
    template <class At> CONVSCOPE_INLINE auto scale(At at, const T* squares, Index c) const {
        return k_ + alpha_ * neighbours(at, squares, c);
    }

    CONVSCOPE_INLINE T power(T scale) const {
        if (beta_ != T(0.75)) return raised(scale, beta_);
        const T root = square_root(scale);
        return root * square_root(root);
    }
    CONVSCOPE_INLINE Vector<T> power(Vector<T> scale) const {
        T lanes[width<T>];
        store(lanes, scale);
        for (int i = 0; i < width<T>; i++) lanes[i] = power(lanes[i]);
        return load(lanes);
    }

    Index pixels_, channels_, before_, after_;
    T alpha_, beta_, k_;
};

template <class T>
void local_norm(Index pixels, Index channels, Index size, T alpha, T beta, T k, const T* x, T* y) {
    LocalNorm<T>(pixels, channels, size, alpha, beta, k).forward(x, y);
}

template <class T>
void local_norm_grad(Index pixels, Index channels, Index size, T alpha, T beta, T k, const T* grad, const T* x, T* dx) {
    LocalNorm<T>(pixels, channels, size, alpha, beta, k).backward(grad, x, dx);
}

}  // namespace convscope::CONVSCOPE_ISA
