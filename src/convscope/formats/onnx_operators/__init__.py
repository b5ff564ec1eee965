"""How each ONNX operator becomes a layer, and each layer operators.

One module a family; in it, the reader of an operator stands beside the writer of
its layer, each a small function under a decorator:

    @reads("Conv")           operator name  -> function(operator, graph)
    @writes("Conv2d")        layer kind     -> function(node, layer, graph)

Adding an operator is adding such a function; nothing else has to change.
"""

from __future__ import annotations

from convscope.formats.onnx_operators import (
    activation,
    arithmetic,
    convolution,
    dense,
    elementwise,
    logic,
    normalisation,
    pooling,
    reductions,
    resizing,
    shaping,
)
from convscope.formats.onnx_operators.registry import READERS, WRITERS

__all__ = [
    "READERS",
    "WRITERS",
    "activation",
    "arithmetic",
    "convolution",
    "dense",
    "elementwise",
    "logic",
    "normalisation",
    "pooling",
    "reductions",
    "resizing",
    "shaping",
]
