"""Windows that slide: convolution and pooling.

PyTorch pads both sides alike and has rules of its own for a last window that is cut off. So inputs are
padded first, to exactly what the windows read, and what PyTorch is asked for is the plain operation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from convscope.formats.torch_writers.maker import Call, Maker, functional
from convscope.geometry import kernel_span, resolve_padding

__all__ = ["WINDOWS"]

Ends = list[tuple[int, int]]


def _ends(layer: Any, shape: tuple[int, ...]) -> Ends:
    rank = len(layer.kernel_size)
    padding = (layer.padding,) * rank if isinstance(layer.padding, str) else layer.padding
    sizes = zip(padding, shape[2:], layer.kernel_size, layer.stride, layer.dilation, strict=True)
    return [resolve_padding(p, *rest) for p, *rest in sizes]


def _reach(layer: Any, shape: tuple[int, ...]) -> Ends:
    """Give the padding with which the last window, which `ceil_mode` may add, is whole."""
    output = layer.output_shape(shape)[2:]
    found = []
    for axis, (before, after) in enumerate(_ends(layer, shape)):
        read = (output[axis] - 1) * layer.stride[axis] + kernel_span(
            layer.kernel_size[axis], layer.dilation[axis]
        )
        found.append((before, max(after, read - shape[2 + axis] - before)))
    return found


def _padded(f: Any, x: Any, ends: Any, value: float = 0.0) -> Any:
    """PyTorch wants the last axis first."""
    flat = [n for pair in reversed(list(ends)) for n in pair]
    return f.pad(x, flat, value=value) if any(flat) else x


def _conv(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    f, ends, rank = functional(), _ends(layer, shapes[0]), len(layer.kernel_size)
    function = getattr(f, f"conv{rank}d")
    settings = {"stride": layer.stride, "dilation": layer.dilation, "groups": getattr(layer, "groups", 1)}
    return lambda m, x: function(_padded(f, x, ends), m.weight, getattr(m, "bias", None), **settings)


def _conv_transpose(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    """Without padding, and then cut: PyTorch knows no padding of unlike sides."""
    f, rank = functional(), len(layer.kernel_size)
    function = getattr(f, f"conv_transpose{rank}d")
    output = layer.output_shape(shapes[0])[2:]
    settings = {"stride": layer.stride, "dilation": layer.dilation, "groups": layer.groups}
    full = [
        (n - 1) * s + (k - 1) * d + 1
        for n, s, k, d in zip(shapes[0][2:], layer.stride, layer.kernel_size, layer.dilation, strict=True)
    ]
    if isinstance(layer.padding, str):
        total = [max(0, a - b) for a, b in zip(full, output, strict=True)]
        first = [t // 2 if layer.padding == "same" else t - t // 2 for t in total]
    else:
        first = [before for before, _ in layer.padding]
    cuts = [(-b, b + o - a) for b, o, a in zip(first, output, full, strict=True)]

    def call(m: Any, x: Any) -> Any:
        y = _padded(f, function(x, m.weight, None, **settings), cuts)
        return y if getattr(m, "bias", None) is None else y + m.bias.reshape(-1, *(1,) * rank)

    return call


def _max_pool(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    f, ends, rank = functional(), _reach(layer, shapes[0]), len(layer.kernel_size)
    function = getattr(f, f"max_pool{rank}d")
    settings = {"stride": layer.stride, "dilation": layer.dilation}
    return lambda m, x: function(_padded(f, x, ends, -math.inf), layer.kernel_size, **settings)


def _sums(layer: Any, shape: tuple[int, ...]) -> Any:
    """Give the function that sums each window: a convolution of each channel with ones."""
    import torch

    f, ends, rank = functional(), _reach(layer, shape), len(layer.kernel_size)
    function = getattr(f, f"conv{rank}d")

    def call(x: Any) -> Any:
        ones = torch.ones((x.shape[1], 1, *layer.kernel_size), dtype=x.dtype, device=x.device)
        settings = {"stride": layer.stride, "dilation": layer.dilation, "groups": x.shape[1]}
        return function(_padded(f, x, ends), ones, **settings)

    return call


def _avg_pool(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    """Divided by how many cells a window sees; with `count_include_pad` the padding counts as seen."""
    import torch

    f, sums, ends = functional(), _sums(layer, shapes[0]), _ends(layer, shapes[0])
    seen = torch.ones((1, 1, *shapes[0][2:]), dtype=torch.float64)
    if layer.count_include_pad:
        # what ceil_mode puts in beyond the padding is not counted
        wide = _padded(f, seen, ends, 1.0)
        beyond = [
            (0, last - after) for (_, last), (_, after) in zip(_reach(layer, shapes[0]), ends, strict=True)
        ]
        function = getattr(f, f"conv{len(ends)}d")
        ones = torch.ones((1, 1, *layer.kernel_size), dtype=torch.float64)
        counts = function(_padded(f, wide, beyond), ones, stride=layer.stride, dilation=layer.dilation)
    else:
        counts = sums(seen)
    return lambda m, x: sums(x) / counts.to(x)


def _lp_pool(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
    """(sum of |x|**p)**(1/p); the root has no gradient at 0, where ours is 0."""
    import torch

    sums = _sums(layer, shapes[0])

    def call(m: Any, x: Any) -> Any:
        total = sums(x.abs() ** layer.p)
        positive = total > 0
        return torch.where(positive, torch.where(positive, total, 1) ** (1 / layer.p), 0)

    return call


WINDOWS: Mapping[str, Maker] = {
    **dict.fromkeys(("Conv2d", "TableConv2d", "ConvNd"), _conv),
    **dict.fromkeys(("ConvTranspose2d", "ConvTransposeNd"), _conv_transpose),
    **dict.fromkeys(("MaxPool2d", "MaxPoolNd"), _max_pool),
    **dict.fromkeys(("AvgPool2d", "AvgPoolNd"), _avg_pool),
    **dict.fromkeys(("LpPool2d", "LpPoolNd"), _lp_pool),
}
