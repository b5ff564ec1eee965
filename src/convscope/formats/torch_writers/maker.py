"""What turns a layer into a function of PyTorch tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Call", "Maker", "functional", "of_input"]

Call = Callable[..., Any]
"""A function of the submodule, which has the parameters, and the inputs."""

Maker = Callable[[Any, list[tuple[int, ...]]], Call]
"""A function of the layer and its inputs' shapes, which gives a `Call`."""


def functional() -> Any:
    """Give torch.nn.functional; torch is not imported before it is needed."""
    import torch.nn.functional

    return torch.nn.functional


def of_input(function: Callable[[Any, Any, Any], Any]) -> Maker:
    """Make the maker of a function of torch.nn.functional, the layer and its one input."""

    def make(layer: Any, shapes: list[tuple[int, ...]]) -> Call:
        f = functional()
        return lambda m, x: function(f, layer, x)

    return make
