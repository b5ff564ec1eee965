"""Pooling over one or three spatial axes: sound and volumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convscope.layers.base import Array, Context, ParameterGradients, Shape, check_rule
from convscope.layers.spatial import Ends, Spatial
from convscope.ops import spatial

__all__ = ["AvgPoolNd", "LpPoolNd", "MaxPoolNd"]


class _PoolNd(Spatial):
    def __init__(
        self,
        kernel_size: Sequence[int],
        *,
        stride: Any = None,
        padding: Any = None,
        dilation: Any = None,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = tuple(int(n) for n in kernel_size)
        self._set(stride, padding, dilation, ceil_mode)

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C, size...) to (N, C, windows...)."""
        return (*shapes[0][:2], *self._place(shapes[0])[1])

    def settings(self) -> dict[str, Any]:
        """kernel_size, stride, padding, dilation, ceil_mode."""
        return {**super().settings(), "ceil_mode": self.ceil_mode}

    def _call(self, padding: Ends) -> dict[str, Any]:
        return {"stride": self.stride, "padding": padding, "dilation": self.dilation}


class MaxPoolNd(_PoolNd):
    """The largest value of each window.

    Examples
    --------
    >>> import numpy as np
    >>> MaxPoolNd((2,), stride=(2,)).forward(np.array([[[1.0, 5.0, 2.0, 3.0]]]))[0]
    array([[[5., 3.]]])
    """

    kind = "MaxPoolNd"

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the maxima; the cache is (which tap of the window, the input's shape)."""
        (x,) = inputs
        padding, output = self._place(x.shape)
        y, tap = spatial.max_pool(x, self.kernel_size, **self._call(padding), output=output)
        return y, (tap, x.shape)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Send each gradient to the place of its maximum."""
        check_rule(rule)
        tap, shape = cache
        call = self._call(self._place(shape)[0])
        return spatial.max_pool_grad(grad, tap, shape[2:], self.kernel_size, **call), {}


class AvgPoolNd(_PoolNd):
    """The mean of each window.

    Parameters
    ----------
    count_include_pad : bool
        Whether the zeros of the padding count.

    Examples
    --------
    >>> import numpy as np
    >>> AvgPoolNd((2,), stride=(2,)).forward(np.array([[[1.0, 5.0, 2.0, 3.0]]]))[0]
    array([[[3. , 2.5]]])
    """

    kind = "AvgPoolNd"

    def __init__(
        self, kernel_size: Sequence[int], *, count_include_pad: bool = True, **settings: Any
    ) -> None:
        super().__init__(kernel_size, **settings)
        self.count_include_pad = bool(count_include_pad)

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the means; the cache is the input's shape."""
        (x,) = inputs
        padding, output = self._place(x.shape)
        count = self.count_include_pad
        call = self._call(padding)
        return spatial.avg_pool(x, self.kernel_size, **call, output=output, count_include_pad=count), x.shape

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Share each gradient out over its window."""
        check_rule(rule)
        call = {**self._call(self._place(cache)[0]), "count_include_pad": self.count_include_pad}
        return spatial.avg_pool_grad(grad, cache[2:], self.kernel_size, **call), {}

    def settings(self) -> dict[str, Any]:
        """kernel_size, stride, padding, dilation, ceil_mode, count_include_pad."""
        return {**super().settings(), "count_include_pad": self.count_include_pad}


class LpPoolNd(_PoolNd):
    """The p-norm of each window.

    Examples
    --------
    >>> import numpy as np
    >>> LpPoolNd((2,), p=2).forward(np.array([[[3.0, -4.0]]]))[0]
    array([[[5.]]])
    """

    kind = "LpPoolNd"

    def __init__(self, kernel_size: Sequence[int], *, p: float = 2, **settings: Any) -> None:
        super().__init__(kernel_size, **settings)
        self.p = float(p)

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the norms; the cache is (input, output)."""
        (x,) = inputs
        padding, output = self._place(x.shape)
        y = spatial.lp_pool(x, self.kernel_size, self.p, **self._call(padding), output=output)
        return y, (x, y)

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Share each gradient out by sign(x) * (|x| / y) ** (p - 1)."""
        check_rule(rule)
        x, y = cache
        call = self._call(self._place(x.shape)[0])
        return spatial.lp_pool_grad(grad, x, y, self.kernel_size, self.p, **call), {}

    def settings(self) -> dict[str, Any]:
        """kernel_size, stride, padding, dilation, ceil_mode, p."""
        return {**super().settings(), "p": self.p}
