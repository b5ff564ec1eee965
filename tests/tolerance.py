"""How far two correct computations of the same numbers may lie apart.

Every bound is derived and none is tuned. With u half the spacing of floats at 1
(2**-24 for float32, 2**-53 for float64), a sum of n products computed in any order, with
or without fused multiply-adds, is off by at most

    gamma(n) * sum of |products|,    gamma(n) = n*u / (1 - n*u)

(Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1), so that two
of them differ by at most twice that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def gamma(terms: int, dtype) -> float:
    """The relative error of `terms` roundings one after the other."""
    nu = terms * float(np.finfo(dtype).eps) / 2
    assert nu < 0.5, "too many terms for a bound"
    return nu / (1 - nu)


def sum_bound(terms: int, magnitude, dtype):
    """How far two sums of `terms` products may differ, `magnitude` being the sum of |products|."""
    # what is below the smallest normal number is rounded absolutely, not relatively
    return 2 * gamma(terms, dtype) * magnitude + 2 * terms * float(np.finfo(dtype).tiny)


def assert_within(actual, expected, bound, what: str = "") -> None:
    """Fail if shape or dtype differ, or a value is further off than `bound` allows."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, expected {expected.shape}"
    assert actual.dtype == expected.dtype, f"{what}: dtype {actual.dtype}, expected {expected.dtype}"
    bound = np.broadcast_to(bound, actual.shape)
    error = np.abs(actual.astype(np.float64) - expected)
    if not (error <= bound).all():  # also when NaN
        worst = np.unravel_index(np.argmax(np.nan_to_num(error - bound, nan=np.inf)), error.shape)
        raise AssertionError(
            f"{what}: at {tuple(map(int, worst))} got {actual[worst]!r}, expected {expected[worst]!r}: "
            f"off by {error[worst]:.3g}, allowed {bound[worst]:.3g}"
        )


@dataclass
class BatchNormBounds:
    """How far two batch normalisations may differ: forward, and the three gradients.

    Both sides may compute the variance as the mean of squares less the square of the mean,
    and the result as x*a + b with a = weight/sqrt(var + eps), so that magnitudes
    are those of x**2 and of |x*a| + |mean*a|, not those of the differences.
    """

    y: np.ndarray
    mean: np.ndarray
    var: np.ndarray
    dx: np.ndarray
    dweight: np.ndarray
    dbias: np.ndarray


def batch_norm_bounds(x, weight, bias, grad, mean, var, eps: float, training: bool) -> BatchNormBounds:
    """Propagate rounding errors through batch normalisation, first order, in float64."""
    dtype = x.dtype
    x, weight, bias, grad, mean, var = (a.astype(np.float64) for a in (x, weight, bias, grad, mean, var))
    axes = (0, *range(2, x.ndim))
    n = x.size // x.shape[1]

    def spread(values):
        return values.reshape(1, -1, *(1,) * (x.ndim - 2))

    few = gamma(12, dtype)  # the roundings of one value: root, quotient, products, sums
    # absolute errors of the statistics (none if they are given)
    d_mean = gamma(n + 2, dtype) * np.abs(x).mean(axis=axes) * training
    d_var = (
        gamma(n + 4, dtype) * (x * x).mean(axis=axes) + 2 * d_mean * np.abs(x).mean(axis=axes)
    ) * training
    inverse = 1 / np.sqrt(var + eps)
    r_inverse = 0.5 * d_var / np.maximum(var + eps - d_var, (var + eps) / 2) + few  # relative
    size = np.abs(x) + spread(np.abs(mean))  # of x - mean
    normal = size * spread(inverse)
    d_normal = normal * spread(r_inverse + few) + spread(d_mean * inverse)
    y = np.abs(spread(weight)) * d_normal + few * (np.abs(spread(weight)) * normal + np.abs(spread(bias)))
    sum_g, sum_gn = np.abs(grad).sum(axis=axes), (np.abs(grad) * normal).sum(axis=axes)
    d_dbias = gamma(n, dtype) * sum_g
    d_dweight = gamma(n + 4, dtype) * sum_gn + (np.abs(grad) * d_normal).sum(axis=axes)
    inner = np.abs(grad) + training * (spread(sum_g) / n + normal * spread(sum_gn) / n)
    d_inner = few * inner + training * (
        spread(d_dbias) / n + d_normal * spread(sum_gn) / n + normal * spread(d_dweight) / n
    )
    dx = np.abs(spread(weight * inverse)) * (d_inner + spread(r_inverse + few) * inner)
    bounds = (y, d_mean + few * np.abs(mean), d_var + few * var, dx, d_dweight, d_dbias)
    return BatchNormBounds(*(2 * b + float(np.finfo(dtype).tiny) for b in bounds))
