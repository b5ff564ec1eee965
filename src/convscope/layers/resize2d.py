"""Making maps larger and smaller."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from convscope import ops
from convscope.geometry import Reach
from convscope.layers.arguments import need_4d
from convscope.layers.base import Array, Context, Layer, ParameterGradients, Shape, check_rule
from convscope.ops.resize import check_words, resized_size
from convscope.ops.taps import resize_taps

__all__ = ["Resize2d"]


class Resize2d(Layer):
    """Interpolation to another size; see `convscope.ops.resize2d`.

    Parameters
    ----------
    size : int or (rows, columns), optional
    scale : float or (rows, columns), optional
        Either of the two.
    mode : "nearest", "bilinear" or "cubic"
    coordinates, rounding
        ONNX's coordinate_transformation_mode and nearest_mode.

    Examples
    --------
    >>> import numpy as np
    >>> Resize2d(scale=(1, 2), mode="nearest").forward(np.array([[[[1.0, 2.0]]]]))[0]
    array([[[[1., 1., 2., 2.]]]])
    """

    kind = "Resize2d"

    def __init__(
        self,
        size: int | tuple[int, int] | None = None,
        *,
        scale: float | tuple[float, float] | None = None,
        mode: str = "bilinear",
        coordinates: str = "half_pixel",
        rounding: str = "round_prefer_floor",
    ) -> None:
        super().__init__()
        check_words(self.kind, mode, coordinates, rounding)
        resized_size(self.kind, (2**20, 2**20), size, scale)  # any image that is large enough
        self.size = (size, size) if isinstance(size, int) else size
        self.scale = (scale, scale) if isinstance(scale, int | float) else scale
        self.mode, self.coordinates, self.rounding = mode, coordinates, rounding

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Give the resized map; the cache is the input's shape."""
        (x,) = inputs
        return ops.resize2d(x, self.size, scale=self.scale, **self._words()), x.shape

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Give each pixel what was taken from it."""
        check_rule(rule)
        return ops.resize2d_grad(grad, cache, scale=self.scale, **self._words()), {}

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C, H, W) to (N, C, new rows, new columns)."""
        n, channels, rows, columns = need_4d(self.kind, shapes[0])
        return n, channels, *resized_size(self.kind, (rows, columns), self.size, self.scale)

    def window(self) -> None:
        """No window slides: which inputs an output sees depends on its place. See `reach`."""
        return

    def reach(self, shape: Shape) -> tuple[Reach, Reach]:
        """A straight line below and one above all cells that are read."""
        sizes = (shape[2], shape[3])
        outputs = resized_size(self.kind, sizes, self.size, self.scale)
        rows, columns = (self._reach(a, sizes[a], outputs[a]) for a in (0, 1))
        return rows, columns

    def settings(self) -> dict[str, Any]:
        """size or scale, mode, coordinates, and for "nearest" rounding."""
        given = {"size": self.size} if self.scale is None else {"scale": self.scale}
        words = self._words()
        if self.mode != "nearest":
            del words["rounding"]
        return {**given, **words}

    def _words(self) -> dict[str, Any]:
        return {"mode": self.mode, "coordinates": self.coordinates, "rounding": self.rounding}

    def _reach(self, axis: int, size: int, output: int) -> Reach:
        scale = None if self.scale is None else float(self.scale[axis])
        cells, weights = resize_taps(size, output, scale=scale, **self._words())
        step = Fraction(size, output) if scale is None else 1 / Fraction(scale).limit_denominator(4096)
        if self.coordinates == "align_corners" and output > 1:
            step = Fraction(size - 1, output - 1)
        read = [
            (min(row), max(row)) for row in (c[w != 0].tolist() for c, w in zip(cells, weights, strict=True))
        ]
        first = min(low - index * step for index, (low, _) in enumerate(read))
        last = max(high - index * step for index, (_, high) in enumerate(read))
        return Reach(step, first, last - first)
