"""What every layer is: parameters, an explicit forward and an explicit backward."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from convscope import ops
from convscope.errors import InvalidValue
from convscope.geometry import Reach
from convscope.ops import Randomness

__all__ = ["RULES", "Array", "Context", "Layer", "ParameterGradients", "Shape", "Window"]

Array = npt.NDArray[Any]
Shape = tuple[int, ...]
ParameterGradients = dict[str, Array]
# lend(role, shape, dtype, channels_last) -> an array to write into
Lend = Callable[[str, Shape, np.dtype[Any], bool], Array]

#: The rules a backward pass may follow; they differ only in how a ReLU passes a gradient on.
RULES = ("gradient", "deconvnet", "guided")


class Context(NamedTuple):
    """Everything besides its inputs that a layer's forward or backward may depend on.

    Attributes
    ----------
    training : bool
        Batch norm uses the batch's own statistics and dropout drops.
    random : Randomness, optional
        The source of dropout's masks; required where something is dropped.
    algorithm : str
        Handed to the convolutions: "auto", "direct" or "winograd".
    lend : callable, optional
        `lend(role, shape, dtype, channels_last)` gives an array to write into; without it a
        layer allocates.
    name : str
        The node's name, the key of its randomness.
    wants_parameters, wants_input : bool
        What a backward pass is asked for; what is not wanted is not computed.
    """

    training: bool = False
    random: Randomness | None = None
    algorithm: str = "auto"
    lend: Lend | None = None
    name: str = ""
    wants_parameters: bool = True
    wants_input: bool = True

    def array(
        self, role: str, shape: Shape, dtype: npt.DTypeLike, channels_last: bool = True
    ) -> Array | None:
        """Borrow an array for `role`, or None: then the op allocates its own."""
        if self.lend is None:
            return None
        return self.lend(role, tuple(shape), np.dtype(dtype), channels_last)


class Window(NamedTuple):
    """Which inputs one output of a layer sees, along one axis (lengths in input cells)."""

    kernel: int = 1
    stride: int = 1
    padding: int | tuple[int, int] | str = 0
    dilation: int = 1
    ceil_mode: bool = False


class Layer:
    """One operation with its parameters.

    `forward(*inputs)` gives the output and a cache; `backward(grad, cache)` takes that
    cache back. A layer never remembers a call, so several threads may share it, a view can
    show the cache, and another backward rule is an argument.

    Attributes
    ----------
    kind : str
        The layer's name in words of ONNX and PyTorch, such as "Conv2d".
    parameters : dict of str to ndarray
        What training changes.
    statistics : dict of str to ndarray
        What a forward pass in training measures (running mean and variance).
    """

    kind: ClassVar[str] = "Layer"
    inputs: ClassVar[int | None] = 1  # how many; None: two or more
    repeatable: ClassVar[bool] = False  # in training: kernels of the core do all it does, whatever the values

    def __init__(self) -> None:
        self.parameters: dict[str, Array] = {}
        self.statistics: dict[str, Array] = {}

    def forward(self, *inputs: Array, context: Context = Context()) -> tuple[Array, Any]:
        """Compute the output and what `backward` will need."""
        raise NotImplementedError

    def backward(
        self, grad: Array, cache: Any, rule: str = "gradient", context: Context = Context()
    ) -> tuple[Array | tuple[Array, ...] | None, ParameterGradients]:
        """Carry the gradient of the output back to the inputs and the parameters."""
        raise NotImplementedError

    def prepare(self, inputs: tuple[Array, ...], out: Array) -> Callable[[], object]:
        """Give a call that computes the output into `out`, again and again, whatever `inputs` hold then.

        For inference: nothing is kept for a backward pass. `out` has the output's shape; it shares
        memory with no input.
        """
        context = Context(lend=partial(_lend_output, out))

        def call() -> None:
            y, _ = self.forward(*inputs, context=context)
            if y is not out:
                np.copyto(out, y)

        return call

    def borrow_output(self, context: Context, *inputs: Array) -> Array | None:
        """Borrow the array to write the output into, or None."""
        if context.lend is None:
            return None
        return context.array("output", self.output_shape(*(x.shape for x in inputs)), inputs[0].dtype)

    def output_shape(self, *shapes: Shape) -> Shape:
        """Give the output's shape, batch axis included; by default the input's."""
        return shapes[0]

    def multiply_adds(self, *shapes: Shape) -> int:
        """Count weight-times-input products (taps on padding included); by default none."""
        return 0

    def window(self) -> tuple[Window, Window] | None:
        """Say which inputs one output sees, by axis; None: every input of the map, or see `reach`."""
        return Window(), Window()

    def reach(self, shape: Shape) -> tuple[Reach, Reach] | None:
        """Say the same of a layer that makes maps larger, for an input of `shape` (N, C, H, W)."""
        return None

    def settings(self) -> dict[str, Any]:
        """Give the settings by their ONNX and PyTorch names, as plain Python."""
        return {}

    def new_statistics(self, cache: Any) -> dict[str, Array]:
        """Give the running statistics after a forward pass in training; by default none."""
        return {}

    def parameter_count(self) -> int:
        """Count the values that training may change."""
        return sum(array.size for array in self.parameters.values())

    def __repr__(self) -> str:
        shapes = {name: tuple(array.shape) for name, array in self.parameters.items()}
        parts = [f"{name}={value!r}" for name, value in {**shapes, **self.settings()}.items()]
        return f"{self.kind}({', '.join(parts)})"


def _lend_output(out: Array, role: str, shape: Shape, dtype: np.dtype[Any], channels_last: bool) -> Array:
    """Lend `out` for the output; for anything else memory of its own."""
    if role == "output" and shape == out.shape and dtype == out.dtype:
        return out
    if len(shape) == 4 and channels_last:
        return ops.empty_channels_last(shape, dtype)
    return np.empty(shape, dtype)


def check_rule(rule: str) -> None:
    """Refuse an unknown backward rule."""
    if rule not in RULES:
        raise InvalidValue(f"backward: rule must be one of {', '.join(RULES)}; got {rule!r}.")
