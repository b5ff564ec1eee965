"""Steps of optimisers: weights, gradients and what is remembered of them, each fetched once."""

from __future__ import annotations

from convscope.errors import InvalidValue
from convscope.ops.arguments import check_arrays, check_same_shape, given, whole
from convscope.ops.chooser import get
from convscope.ops.memory import Array
from convscope.ops.settings import flag, number

__all__ = ["adam_step", "sgd_step"]


def sgd_step(
    weight: Array,
    grad: Array,
    velocity: Array | None = None,
    *,
    rate: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    decay: float = 0.0,
) -> None:
    """Take a step of gradient descent in place; the gradient is used up.

    ::

        g = grad + decay * weight
        velocity = momentum * velocity + g
        weight = weight - rate * velocity        (nesterov: rate * (g + momentum * velocity))

    Parameters
    ----------
    weight, grad : ndarrays of one shape, float32 or float64
    velocity : ndarray of the same shape, optional
        Without it there is no momentum.
    rate, momentum, decay : float
    nesterov : bool

    Examples
    --------
    >>> import numpy as np
    >>> w, v = np.array([1.0]), np.array([0.5])
    >>> sgd_step(w, np.array([2.0]), v, rate=0.1, momentum=0.5)
    >>> w, v
    (array([0.775]), array([2.25]))
    """
    _check("sgd_step", weight, grad=grad, velocity=velocity)
    settings = _numbers("sgd_step", rate=rate, momentum=momentum, decay=decay)
    get("sgd_step")(weight, grad, velocity, nesterov=flag("sgd_step", "nesterov", nesterov), **settings)


def adam_step(
    weight: Array,
    grad: Array,
    first: Array,
    second: Array,
    *,
    rate: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    step: int = 1,
    decay: float = 0.0,
    shrink: float = 0.0,
) -> None:
    """Take a step of Adam in place; the gradient is used up.

    ::

        g = grad + decay * weight
        first = beta1 * first + (1 - beta1) * g
        second = beta2 * second + (1 - beta2) * g**2
        weight = (1 - shrink) * weight
                 - rate / (1 - beta1**step) * first / (sqrt(second / (1 - beta2**step)) + eps)

    Parameters
    ----------
    weight, grad, first, second : ndarrays of one shape, float32 or float64
    rate, beta1, beta2, eps : float
    step : int
        The number of this step, from 1.
    decay, shrink : float
        Weight decay as part of the gradient (Adam), or apart from it (AdamW).

    Examples
    --------
    >>> import numpy as np
    >>> w = np.array([1.0, 1.0])
    >>> adam_step(w, np.array([5.0, -0.01]), np.zeros(2), np.zeros(2), rate=0.1)
    >>> w.round(4)
    array([0.9, 1.1])
    """
    _check("adam_step", weight, grad=grad, first=first, second=second)
    step = whole("adam_step", "step", step, 1)
    settings = _numbers("adam_step", rate=rate, beta1=beta1, beta2=beta2, eps=eps, decay=decay, shrink=shrink)
    get("adam_step")(weight, grad, first, second, step=step, **settings)


def _check(op: str, weight: Array, **others: Array | None) -> None:
    check_arrays(op, weight=weight, **given(**others))
    for name, array in others.items():
        if array is not None:
            check_same_shape(op, name, array, weight.shape, "weight")
            _check_writable(op, name, array)
    _check_writable(op, "weight", weight)


def _check_writable(op: str, name: str, array: Array) -> None:
    if not array.flags.writeable:
        raise InvalidValue(f"{op}: {name} must be writable; got a read-only array.")


def _numbers(op: str, **settings: float) -> dict[str, float]:
    return {name: number(op, name, value) for name, value in settings.items()}
