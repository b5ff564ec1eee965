"""Ops bound to their arrays: checked once, called often.

Each gives a call without arguments that computes from what the inputs hold then. A small network is
through in some ten microseconds; checking the same arrays each time would take longer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from convscope.ops.arguments import Pads, Size, check_arrays, check_out, place_kernel
from convscope.ops.chooser import get
from convscope.ops.memory import Array

__all__ = ["prepared_linear", "prepared_max_pool2d", "prepared_relu"]


def prepared_relu(x: Array, out: Array) -> Callable[[], object]:
    """Bind `relu`; `out` may be `x`.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.array([-1.0, 2.0]), np.empty(2)
    >>> call = prepared_relu(x, y)
    >>> x *= -3
    >>> call().tolist()
    [3.0, 0.0]
    """
    check_arrays("relu", x=x)
    check_out("relu", out, x.shape, x.dtype, x, in_place=True)
    return partial(get("relu"), x, out=out)


def prepared_linear(x: Array, weight: Array, bias: Array | None, out: Array) -> Callable[[], object]:
    """Bind `linear`.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.array([[1.0, 2.0]]), np.empty((1, 1))
    >>> prepared_linear(x, np.array([[3.0, 4.0]]), None, y)().item()
    11.0
    """
    check_arrays("linear", x=x, weight=weight, bias=bias)
    check_out("linear", out, (len(x), len(weight)), x.dtype, x, weight)
    return partial(get("linear"), x, weight, bias, out=out)


def prepared_max_pool2d(
    x: Array,
    kernel_size: Size,
    *,
    stride: Size,
    padding: Pads,
    dilation: Size,
    ceil_mode: bool,
    out: Array,
) -> Callable[[], object]:
    """Bind `max_pool2d` without indices.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.arange(4.0).reshape(1, 1, 2, 2), np.empty((1, 1, 1, 1))
    >>> prepared_max_pool2d(x, 2, stride=2, padding=0, dilation=1, ceil_mode=False, out=y)().item()
    3.0
    """
    check_arrays("max_pool2d", x=x)
    places = place_kernel(
        "max_pool2d",
        x.shape[2:],
        kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
    )
    check_out("max_pool2d", out, (*x.shape[:2], *places.output), x.dtype, x)
    return partial(
        get("max_pool2d"),
        x,
        places.kernel,
        stride=places.stride,
        padding=places.padding,
        dilation=places.dilation,
        ceil_mode=ceil_mode,
        out=out,
    )
