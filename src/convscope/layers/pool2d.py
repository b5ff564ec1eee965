"""What pooling over windows has in common."""

from __future__ import annotations

from typing import Any

from convscope.layers.arguments import need_4d, output_size, paddings, pair, windows
from convscope.layers.base import Layer, Shape, Window
from convscope.ops.settings import flag

__all__ = ["Pool2d"]


class Pool2d(Layer):
    """What pooling over windows has in common."""

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None,
        padding: Any,
        dilation: int | tuple[int, int],
        ceil_mode: bool,
    ) -> None:
        super().__init__()
        self.kernel_size = pair(self.kind, "kernel_size", kernel_size)
        self.stride = self.kernel_size if stride is None else pair(self.kind, "stride", stride)
        self.padding = paddings(self.kind, padding)
        self.dilation = pair(self.kind, "dilation", dilation)
        self.ceil_mode = flag(self.kind, "ceil_mode", ceil_mode)

    def output_shape(self, *shapes: Shape) -> Shape:
        """(N, C, H, W) to (N, C, rows of windows, columns of windows)."""
        n, channels, *size = need_4d(self.kind, shapes[0])
        rows, columns = (
            output_size(
                length,
                w.kernel,
                stride=w.stride,
                padding=w.padding,
                dilation=w.dilation,
                ceil_mode=w.ceil_mode,
            )
            for length, w in zip(size, self.window(), strict=True)
        )
        return n, channels, rows, columns

    def window(self) -> tuple[Window, Window]:
        """The pooling window."""
        return windows(self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)
