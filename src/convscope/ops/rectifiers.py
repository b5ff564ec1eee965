"""Rectifiers beside the plain one: functions with a bend at 0, and clipping."""

from __future__ import annotations

from typing import cast

from convscope.errors import InvalidValue
from convscope.ops.arguments import check_arrays, check_out, check_same_shape
from convscope.ops.chooser import get
from convscope.ops.memory import Array
from convscope.ops.settings import number

__all__ = [
    "celu",
    "celu_grad",
    "clip",
    "clip_grad",
    "elu",
    "elu_grad",
    "leaky_relu",
    "leaky_relu_grad",
    "prelu",
    "prelu_grad",
    "relu6",
    "relu6_grad",
    "selu",
    "selu_grad",
]

# Klambauer et al. (2017), Self-normalizing neural networks, equation 14
SELU_ALPHA = 1.6732632423543772
SELU_GAMMA = 1.0507009873554805


def leaky_relu(x: Array, slope: float = 0.01) -> Array:
    """Keep what is positive; multiply the rest by `slope`.

    Parameters
    ----------
    x : ndarray of any shape, float32 or float64
    slope : float

    Examples
    --------
    >>> import numpy as np
    >>> leaky_relu(np.array([-2.0, 3.0]), 0.1)
    array([-0.2,  3. ])
    """
    check_arrays("leaky_relu", x=x)
    return cast(Array, get("leaky_relu")(x, slope=number("leaky_relu", "slope", slope)))


def leaky_relu_grad(grad: Array, x: Array, slope: float = 0.01) -> Array:
    """Give the gradient by the input `x` of `leaky_relu`; at 0 the slope is `slope`.

    Examples
    --------
    >>> import numpy as np
    >>> leaky_relu_grad(np.array([5.0, 7.0]), np.array([-2.0, 3.0]), 0.1)
    array([0.5, 7. ])
    """
    op = "leaky_relu_grad"
    check_pair(op, grad, x)
    return cast(Array, get(op)(grad, x, slope=number(op, "slope", slope)))


def prelu(x: Array, weight: Array) -> Array:
    """Leaky ReLU whose slopes are learned.

    Parameters
    ----------
    x : ndarray of shape (N, C, ...), float32 or float64
    weight : ndarray of shape (C,) or (1,)
        A slope for each channel, or one for all.

    Examples
    --------
    >>> import numpy as np
    >>> prelu(np.array([[-2.0, -2.0]]), np.array([0.5, 0.25]))
    array([[-1. , -0.5]])
    """
    check_arrays("prelu", x=x, weight=weight)
    _check_slopes("prelu", x, weight)
    return cast(Array, get("prelu")(x, weight))


def prelu_grad(grad: Array, x: Array, weight: Array) -> tuple[Array, Array]:
    """Give the gradients by the input and the slopes of `prelu`.

    Examples
    --------
    >>> import numpy as np
    >>> prelu_grad(np.array([[1.0, 10.0]]), np.array([[-2.0, 3.0]]), np.array([0.5, 0.25]))
    (array([[ 0.5, 10. ]]), array([-2.,  0.]))
    """
    check_pair("prelu_grad", grad, x)
    check_arrays("prelu_grad", x=x, weight=weight)
    _check_slopes("prelu_grad", x, weight)
    return cast(tuple[Array, Array], get("prelu_grad")(grad, x, weight))


def elu(x: Array, alpha: float = 1.0) -> Array:
    """Keep what is positive; the rest is alpha*(exp(x) - 1), which ends at -alpha.

    References
    ----------
    Clevert, Unterthiner and Hochreiter (2015), Fast and accurate deep network learning by ELUs.

    Examples
    --------
    >>> import numpy as np
    >>> elu(np.array([-100.0, 3.0]), 2.0)
    array([-2.,  3.])
    """
    check_arrays("elu", x=x)
    return cast(Array, get("elu")(x, alpha=number("elu", "alpha", alpha)))


def elu_grad(grad: Array, x: Array, alpha: float = 1.0) -> Array:
    """Give the gradient by the input `x` of `elu`: grad, times alpha*exp(x) up to 0.

    Examples
    --------
    >>> import numpy as np
    >>> elu_grad(np.array([5.0, 7.0]), np.array([-np.inf, 3.0]))
    array([0., 7.])
    """
    check_pair("elu_grad", grad, x)
    return cast(Array, get("elu_grad")(grad, x, alpha=number("elu_grad", "alpha", alpha)))


def selu(x: Array, alpha: float = SELU_ALPHA, gamma: float = SELU_GAMMA) -> Array:
    """Give gamma * elu(x, alpha), whose constants keep mean 0 and variance 1 from layer to layer.

    References
    ----------
    Klambauer, Unterthiner, Mayr and Hochreiter (2017), Self-normalizing neural networks.

    Examples
    --------
    >>> import numpy as np
    >>> selu(np.array([-100.0, 1.0])).round(4)
    array([-1.7581,  1.0507])
    """
    check_arrays("selu", x=x)
    settings = {"alpha": number("selu", "alpha", alpha), "gamma": number("selu", "gamma", gamma)}
    return cast(Array, get("selu")(x, **settings))


def selu_grad(grad: Array, x: Array, alpha: float = SELU_ALPHA, gamma: float = SELU_GAMMA) -> Array:
    """Give the gradient by the input `x` of `selu`.

    Examples
    --------
    >>> import numpy as np
    >>> selu_grad(np.array([1.0]), np.array([3.0])).round(4)
    array([1.0507])
    """
    op = "selu_grad"
    check_pair(op, grad, x)
    settings = {"alpha": number(op, "alpha", alpha), "gamma": number(op, "gamma", gamma)}
    return cast(Array, get(op)(grad, x, **settings))


def celu(x: Array, alpha: float = 1.0) -> Array:
    """Keep what is positive; the rest is alpha*(exp(x/alpha) - 1), which joins without a bend.

    References
    ----------
    Barron (2017), Continuously differentiable exponential linear units.

    Examples
    --------
    >>> import numpy as np
    >>> celu(np.array([-100.0, 3.0]), 2.0)
    array([-2.,  3.])
    """
    check_arrays("celu", x=x)
    return cast(Array, get("celu")(x, alpha=number("celu", "alpha", alpha, above=0)))


def celu_grad(grad: Array, x: Array, alpha: float = 1.0) -> Array:
    """Give the gradient by the input `x` of `celu`: grad, times exp(x/alpha) up to 0.

    Examples
    --------
    >>> import numpy as np
    >>> celu_grad(np.array([5.0, 7.0]), np.array([0.0, 3.0]))
    array([5., 7.])
    """
    check_pair("celu_grad", grad, x)
    return cast(Array, get("celu_grad")(grad, x, alpha=number("celu_grad", "alpha", alpha, above=0)))


def clip(
    x: Array, low: float = float("-inf"), high: float = float("inf"), *, out: Array | None = None
) -> Array:
    """Keep values to [low, high]. NaN stays NaN. `out`, where to write, may be `x` itself.

    Raises
    ------
    InvalidValue
        If `low` is larger than `high`, or one of them is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> clip(np.array([-2.0, 3.0, 9.0]), 0, 6)
    array([0., 3., 6.])
    """
    return _clip("clip", x, low, high, out)


def clip_grad(
    grad: Array,
    x: Array,
    low: float = float("-inf"),
    high: float = float("inf"),
    *,
    out: Array | None = None,
) -> Array:
    """Give the gradient by the input `x` of `clip`: nothing passes at the limits and beyond.

    `out`, where to write, may be `grad` itself.

    Examples
    --------
    >>> import numpy as np
    >>> clip_grad(np.array([5.0, 5.0, 5.0]), np.array([0.0, 3.0, 9.0]), 0, 6)
    array([0., 5., 0.])
    """
    return _clip_grad("clip_grad", grad, x, low, high, out)


def relu6(x: Array) -> Array:
    """Keep values to [0, 6].

    References
    ----------
    Krizhevsky (2010), Convolutional deep belief networks on CIFAR-10.

    Examples
    --------
    >>> import numpy as np
    >>> relu6(np.array([-2.0, 3.0, 9.0]))
    array([0., 3., 6.])
    """
    return _clip("relu6", x, 0.0, 6.0, None)


def relu6_grad(grad: Array, x: Array) -> Array:
    """Give the gradient by the input `x` of `relu6`.

    Examples
    --------
    >>> import numpy as np
    >>> relu6_grad(np.array([5.0, 5.0]), np.array([3.0, 9.0]))
    array([5., 0.])
    """
    return _clip_grad("relu6_grad", grad, x, 0.0, 6.0, None)


def check_pair(op: str, grad: Array, x: Array) -> None:
    """Refuse a gradient and a value that do not go together."""
    check_arrays(op, grad=grad, x=x)
    check_same_shape(op, "grad", grad, x.shape, "x")


def _clip(op: str, x: Array, low: float, high: float, out: Array | None) -> Array:
    check_arrays(op, x=x)
    check_out(op, out, x.shape, x.dtype, x, in_place=True)
    low, high = _limits(op, low, high)
    return cast(Array, get("clip")(x, low=low, high=high, out=out))


def _clip_grad(op: str, grad: Array, x: Array, low: float, high: float, out: Array | None) -> Array:
    check_pair(op, grad, x)
    check_out(op, out, x.shape, x.dtype, grad, x, in_place=True)
    low, high = _limits(op, low, high)
    return cast(Array, get("clip_grad")(grad, x, low=low, high=high, out=out))


def _check_slopes(op: str, x: Array, weight: Array) -> None:
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.shape not in ((1,), (channels,)):
        raise InvalidValue(
            f"{op}: weight must have one slope, or one for each of {channels} channels; "
            f"got weight.shape={weight.shape}, x.shape={x.shape}."
        )


def _limits(op: str, low: float, high: float) -> tuple[float, float]:
    low, high = number(op, "low", low, infinite=True), number(op, "high", high, infinite=True)
    if low > high:
        raise InvalidValue(f"{op}: low must not be larger than high; got low={low:g}, high={high:g}.")
    return low, high
