// Steps of optimisers, each in one pass over weights, gradients and what is remembered of them.
#pragma once
#include "activation.h"

namespace convscope::CONVSCOPE_ISA {

// g += decay * w;  v = momentum * v + g;  w -= rate * v, or with nesterov w -= rate * (g + momentum * v).
// v may be null: plain gradient descent.
template <class T> void sgd(Index size, const SgdStep<T>& s, T* w, const T* g, T* v) {
    parallel_flat<T>(size, [=](Index begin, Index end) {
        for (Index i = begin; i < end; i++) {
            const T gradient = g[i] + s.decay * w[i];
            T move = gradient;
            if (v) {
                move = v[i] = s.momentum * v[i] + gradient;
                if (s.nesterov) move = gradient + s.momentum * move;
            }
            w[i] -= s.rate * move;
        }
    });
}

// g += decay * w;  w *= 1 - shrink;  m = b1*m + (1-b1)*g;  s = b2*s + (1-b2)*g*g;  w -= rate * m / (sqrt(s)*scale + eps)
template <class T> void adam(Index size, const AdamStep<T>& a, T* w, const T* g, T* first, T* second) {
    parallel_flat<T>(size, [=](Index begin, Index end) {
        for (Index i = begin; i < end; i++) {
            const T gradient = g[i] + a.decay * w[i];
            first[i] = a.beta1 * first[i] + (1 - a.beta1) * gradient;
            second[i] = a.beta2 * second[i] + (1 - a.beta2) * gradient * gradient;
            w[i] = w[i] * (1 - a.shrink) - a.rate * first[i] / (square_root(second[i]) * a.scale + a.eps);
        }
    });
}

// loss[n] = log(sum over k of exp(x[n][k])) - x[n][label],   grad[n][k] = (softmax - one hot) / rows
template <class T> void cross_entropy(Index rows, Index classes, const T* x, const int64_t* labels, T* loss, T* grad) {
    parallel(rows, team_size(rows, double(rows) * classes * 4), [&](Index n, int) {
        const T *from = x + n * classes, share = T(1) / T(rows);
        T *to = grad + n * classes, top = from[0], sum = 0;
        for (Index k = 1; k < classes; k++) top = from[k] > top ? from[k] : top;
        for (Index k = 0; k < classes; k++) sum += to[k] = exponential(from[k] - top);
        for (Index k = 0; k < classes; k++) to[k] *= share / sum;
        to[labels[n]] -= share;
        loss[n] = logarithm(sum) + top - from[labels[n]];
    });
}

}  // namespace convscope::CONVSCOPE_ISA
