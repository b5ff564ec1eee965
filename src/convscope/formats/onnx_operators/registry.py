"""The table of readers and writers, and what they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from convscope.errors import ConvscopeError

if TYPE_CHECKING:
    from convscope.formats.onnx_reader import GraphReader
    from convscope.formats.onnx_writer import GraphWriter
    from convscope.network import Node

__all__ = ["NEEDS_OPSET", "READERS", "WRITERS", "CannotRead", "Operator", "reads", "writes"]


class CannotRead(ConvscopeError):
    """A setting of an operator that convscope cannot express; the reader adds file and node."""


@dataclass(frozen=True)
class Operator:
    """One ONNX node: `name` is unique, an absent optional input is ""."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    opset: int

    def has_input(self, index: int) -> bool:
        """Say whether the optional input is given."""
        return len(self.inputs) > index and self.inputs[index] != ""

    def get(self, attribute: str, default: Any = None) -> Any:
        """Give an attribute, or what the standard says where it is absent."""
        return self.attributes.get(attribute, default)

    def only_first_output(self, uses: Mapping[str, int]) -> None:
        """Refuse the operator if anything uses its further outputs."""
        used = [value for value in self.outputs[1:] if value and uses.get(value)]
        if used:
            raise CannotRead(f"only its first output is known, but {', '.join(used)} is used")


Reader = Callable[[Operator, "GraphReader"], None]
Writer = Callable[["Node", Any, "GraphWriter"], None]
_R = TypeVar("_R", bound=Reader)
_W = TypeVar("_W", bound=Writer)

READERS: dict[str, Reader] = {}
WRITERS: dict[str, Writer] = {}
NEEDS_OPSET: dict[str, int] = {}  # kinds of layers whose operators are younger than the usual opset


def reads(kind: str) -> Callable[[_R], _R]:
    """Register the reader of an ONNX operator."""

    def register(function: _R) -> _R:
        READERS[kind] = function
        return function

    return register


def writes(kind: str, opset: int | None = None) -> Callable[[_W], _W]:
    """Register the writer of a kind of layer, and the opset it needs."""

    def register(function: _W) -> _W:
        WRITERS[kind] = function
        if opset is not None:
            NEEDS_OPSET[kind] = opset
        return function

    return register
