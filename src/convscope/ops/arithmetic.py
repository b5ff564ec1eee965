"""Products, differences and quotients of arrays that stretch to each other's shape; and the squared error."""

from __future__ import annotations

from typing import cast

import numpy as np

from convscope.errors import InvalidValue
from convscope.ops.arguments import check_arrays, check_same_shape
from convscope.ops.chooser import get
from convscope.ops.memory import Array

__all__ = [
    "divide",
    "divide_grad",
    "mean_squared_error",
    "multiply",
    "multiply_grad",
    "subtract",
    "subtract_grad",
]


def multiply(a: Array, b: Array) -> Array:
    """Multiply value by value; axes of length 1, and axes that are missing in front, are stretched.

    Raises
    ------
    InvalidValue
        If the shapes do not stretch to each other.
    DtypeError
        If an array is not float32 or float64, or dtypes are mixed.

    Examples
    --------
    A gate for each channel, as in squeeze-and-excitation:

    >>> import numpy as np
    >>> multiply(np.ones((1, 2, 2, 2)), np.array([[[[0.0]], [[3.0]]]]))[0, :, 0]
    array([[0., 0.],
           [3., 3.]])
    """
    return _apply("multiply", a, b)


def multiply_grad(grad: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Give the gradients by `a` and `b`, summed over the axes along which each was stretched.

    Examples
    --------
    >>> import numpy as np
    >>> multiply_grad(np.ones(3), np.array([1.0, 2.0, 3.0]), np.array([10.0]))
    (array([10., 10., 10.]), array([6.]))
    """
    return _differentiate("multiply_grad", grad, a, b)


def subtract(a: Array, b: Array) -> Array:
    """a - b, stretched as in `multiply`.

    Examples
    --------
    >>> import numpy as np
    >>> subtract(np.array([1.0, 2.0]), np.array([3.0]))
    array([-2., -1.])
    """
    return _apply("subtract", a, b)


def subtract_grad(grad: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Give the gradients by `a` and `b`: grad and -grad, summed as in `multiply_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> subtract_grad(np.ones(2), np.array([1.0, 2.0]), np.array([3.0]))
    (array([1., 1.]), array([-2.]))
    """
    return _differentiate("subtract_grad", grad, a, b)


def divide(a: Array, b: Array) -> Array:
    """a/b, stretched as in `multiply`; division by 0 gives an infinity or NaN.

    Examples
    --------
    >>> import numpy as np
    >>> divide(np.array([1.0, 2.0]), np.array([4.0]))
    array([0.25, 0.5 ])
    """
    return _apply("divide", a, b)


def divide_grad(grad: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Give the gradients by `a` and `b`: grad/b and -grad*a/b**2, summed as in `multiply_grad`.

    Examples
    --------
    >>> import numpy as np
    >>> divide_grad(np.ones(2), np.array([1.0, 2.0]), np.array([4.0]))
    (array([0.25, 0.25]), array([-0.1875]))
    """
    return _differentiate("divide_grad", grad, a, b)


def mean_squared_error(y: Array, target: Array) -> tuple[float, Array]:
    """Give the mean over all values of (y - target)**2, and its gradient by `y`.

    Parameters
    ----------
    y, target : ndarrays of one shape, float32 or float64

    Raises
    ------
    InvalidValue
        If shapes differ, or there are no values.

    Examples
    --------
    >>> import numpy as np
    >>> mean_squared_error(np.array([1.0, 4.0]), np.array([1.0, 2.0]))
    (2.0, array([0., 2.]))
    """
    op = "mean_squared_error"
    check_arrays(op, y=y, target=target)
    check_same_shape(op, "target", target, y.shape, "y")
    if not y.size:
        raise InvalidValue(f"{op}: an empty batch has no mean error; got y.shape={y.shape}.")
    return cast(tuple[float, Array], get(op)(y, target))


def stretched(op: str, a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """Give the shape that `a` and `b` stretch to."""
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        raise InvalidValue(f"{op}: shapes must stretch to each other; got {a} and {b}.") from None


def _apply(op: str, a: Array, b: Array) -> Array:
    check_arrays(op, a=a, b=b)
    stretched(op, a.shape, b.shape)
    return cast(Array, get(op)(a, b))


def _differentiate(op: str, grad: Array, a: Array, b: Array) -> tuple[Array, Array]:
    check_arrays(op, grad=grad, a=a, b=b)
    check_same_shape(op, "grad", grad, stretched(op, a.shape, b.shape), "the result")
    return cast(tuple[Array, Array], get(op)(grad, a, b))
