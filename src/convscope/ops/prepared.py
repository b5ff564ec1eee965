"""Ops bound to their arrays: checked once, called often.

Each gives a call without arguments that computes from what the inputs hold then. A small network is
through in some ten microseconds; checking the same arrays each time would take longer.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from convscope.ops.arguments import Pads, Size, check_arrays, check_ndim, check_out, place_kernel
from convscope.ops.chooser import bind, get, joined, recorded, run_groups
from convscope.ops.memory import Array

__all__ = [
    "copy_input",
    "joined",
    "prepared_flatten",
    "prepared_global_avg_pool2d",
    "prepared_max_pool2d",
    "prepared_relu",
    "recorded",
    "room",
    "run_groups",
]


def copy_input(x: Array, out: Array) -> None:
    """Copy an array of the same shape; quick where channels first become channels last.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.empty((1, 1, 3, 2)).transpose(0, 3, 1, 2)
    >>> copy_input(np.arange(6.0).reshape(1, 2, 1, 3), y)
    >>> y[0, :, 0].tolist()
    [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    """
    get("copy_input")(x, out)


def room(size: int) -> Array:
    """Make room for `size` bytes of arrays that are kept for long.

    Examples
    --------
    >>> room(100).nbytes
    100
    """
    found: Array = get("room")(size)
    return found


def prepared_flatten(x: Array, out: Array) -> Callable[[], object]:
    """Bind `flatten` of maps.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.arange(4.0).reshape(1, 1, 2, 2), np.empty((1, 4))
    >>> _ = prepared_flatten(x, y)()
    >>> y.tolist()
    [[0.0, 1.0, 2.0, 3.0]]
    """
    check_arrays("flatten", x=x)
    check_out("flatten", out, (len(x), math.prod(x.shape[1:])), x.dtype, x)
    return bind(get("flatten"), x, out=out)


def prepared_relu(x: Array, out: Array) -> Callable[[], object]:
    """Bind `relu`; `out` may be `x`.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.array([-1.0, 2.0]), np.empty(2)
    >>> call = prepared_relu(x, y)
    >>> x *= -3
    >>> _ = call()
    >>> y.tolist()
    [3.0, 0.0]
    """
    check_arrays("relu", x=x)
    check_out("relu", out, x.shape, x.dtype, x, in_place=True)
    return bind(get("relu"), x, out=out)


def prepared_global_avg_pool2d(x: Array, out: Array) -> Callable[[], object]:
    """Bind `global_avg_pool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.arange(4.0).reshape(1, 1, 2, 2), np.empty((1, 1, 1, 1))
    >>> call = prepared_global_avg_pool2d(x, y)
    >>> _ = call()
    >>> y.item()
    1.5
    """
    check_arrays("global_avg_pool2d", x=x)
    check_ndim("global_avg_pool2d", "x", x, "N, C, H, W")
    check_out("global_avg_pool2d", out, (*x.shape[:2], 1, 1), x.dtype, x)
    return bind(get("global_avg_pool2d"), x, out=out)


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
    >>> _ = prepared_max_pool2d(x, 2, stride=2, padding=0, dilation=1, ceil_mode=False, out=y)()
    >>> y.item()
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
    return bind(
        get("max_pool2d"),
        x,
        places.kernel,
        stride=places.stride,
        padding=places.padding,
        dilation=places.dilation,
        ceil_mode=ceil_mode,
        out=out,
    )
