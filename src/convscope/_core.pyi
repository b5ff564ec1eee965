"""The compiled core.

Arrays are float32 or float64 (all of one call alike), C-contiguous, and never converted: images
(N, H, W, C), weights (K, C / groups, kH, kW), one value a channel. Results are written into
the arrays given for them. Pairs are (rows, columns); pads ((top, bottom), (left, right)).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

_Array = npt.NDArray[np.floating]
_Pair = tuple[int, int]
_Pads = tuple[_Pair, _Pair]

def choose_isa(name: str | None) -> None:
    """Compute with this instruction set; None is the best. ValueError lists those this machine has."""

def isa() -> str: ...
def vector_bytes() -> int: ...
def empty(bytes: int) -> npt.NDArray[np.uint8]:
    """Lend memory of the core; it goes back when the last array that lies in it is gone."""

def set_threads(count: int) -> None: ...
def get_threads() -> int: ...
def peak(rounds: int) -> float:
    """Multiply and add in registers alone, on one thread; give the number of float32 multiply-adds."""

class Recorded:
    """The kernels that some calls make, with their arrays; called, it makes them again, in order.

    With `later` the kernels are only noted at first, and nothing is computed.
    """

    def __init__(self, calls: list[Callable[[], object]], later: bool) -> None: ...
    def __call__(self) -> None: ...
    @staticmethod
    def run_groups(
        calls: list[list[Callable[[], object]]],
        groups: int,
        inputs: list[tuple[_Array, list[_Array], int]],
        outputs: list[tuple[_Array, list[_Array]]],
    ) -> None:
        """Take groups of a batch through the calls of whichever worker is free, on its memory.

        Inputs: of the batch, of each worker, and the channels if they come first in the batch, else 1.
        """

class _PackedConv:
    """A convolution with packed weights.

    algorithm 0: direct, 2 or 4: Winograd with tiles of so many outputs each way.
    activation 0: none, 1: clip to [low, high], 2: leaky, slope low.
    """

    def __init__(
        self, weight: _Array, bias: _Array | None, stride: _Pair, padding: _Pads, dilation: _Pair,
        groups: int, algorithm: int, activation: int, low: float, high: float,
    ) -> None: ...  # fmt: skip
    def __call__(self, x: _Array, residual: _Array | None, y: _Array) -> None:
        """Compute; without a residual, `y` may be some channels of a wider image."""

    def pooled(
        self, x: _Array, size: _Pair, kernel: _Pair, stride: _Pair, padding: _Pads, dilation: _Pair,
        y: _Array, indices: npt.NDArray[np.int32] | None,
    ) -> None:  # fmt: skip
        """Compute a result of `size`, and store the largest of each window of it, and where that was."""

class PackedConvFloat(_PackedConv): ...
class PackedConvDouble(_PackedConv): ...

def conv2d_grad_input(
    grad: _Array, weight: _Array, dx: _Array, stride: _Pair, padding: _Pads, dilation: _Pair,
    groups: int, algorithm: int,
) -> None: ...  # fmt: skip
def conv2d_grad_weight(
    x: _Array, grad: _Array, dw: _Array, stride: _Pair, padding: _Pads, dilation: _Pair,
    groups: int, algorithm: int,
) -> None: ...  # fmt: skip
def conv2d_pooled_grad_weight(
    x: _Array, grad: _Array, y: _Array, indices: npt.NDArray[np.int32], dw: _Array, size: _Pair, pool: _Pair,
    stride: _Pair, padding: _Pads, dilation: _Pair, groups: int, algorithm: int,
) -> None: ...  # fmt: skip
def max_pool2d(
    x: _Array, y: _Array, indices: npt.NDArray[np.int32] | None,
    kernel: _Pair, stride: _Pair, padding: _Pads, dilation: _Pair,
) -> None: ...  # fmt: skip
def max_pool2d_grad(
    grad: _Array, y: _Array | None, indices: npt.NDArray[np.int32], dx: _Array,
    kernel: _Pair, stride: _Pair, padding: _Pads, dilation: _Pair,
) -> bool:  # fmt: skip
    """False if an index lies outside the image."""

def avg_pool2d(
    x: _Array, y: _Array, kernel: _Pair, stride: _Pair, padding: _Pads, count_padding: bool
) -> None: ...
def avg_pool2d_grad(
    grad: _Array, dx: _Array, kernel: _Pair, stride: _Pair, padding: _Pads, count_padding: bool
) -> None: ...
def channel_sums(x: _Array, sums: _Array, n: int, channels: int, divisor: float) -> None:
    """sums[n, c] = sum over pixels of x[n, pixel, c] / divisor."""

def spread(values: _Array, x: _Array, n: int, channels: int, divisor: float) -> None:
    """x[n, pixel, c] = values[n, c] / divisor."""

def batch_norm(
    x: _Array, weight: _Array, bias: _Array, mean: _Array, var: _Array, y: _Array, eps: float,
    residual: _Array | None, rectify: bool,
) -> None: ...  # fmt: skip
def moments(x: _Array, mean: _Array, var: _Array) -> None: ...
def batch_norm_grad(
    grad: _Array, x: _Array, y: _Array | None, weight: _Array, mean: _Array, var: _Array,
    dx: _Array, dweight: _Array, dbias: _Array, eps: float, training: bool,
) -> None: ...  # fmt: skip
def linear(x: _Array, weight: _Array, bias: _Array | None, y: _Array) -> None: ...
def linear_grad_input(grad: _Array, weight: _Array, dx: _Array) -> None: ...
def linear_grad_weight(x: _Array, grad: _Array, dw: _Array) -> None: ...
def local_norm(
    x: _Array, y: _Array, channels: int, size: int, alpha: float, beta: float, k: float
) -> None: ...  # fmt: skip
def local_norm_grad(
    grad: _Array, x: _Array, dx: _Array, channels: int, size: int, alpha: float, beta: float, k: float
) -> None: ...  # fmt: skip
def interleave(x: _Array, y: _Array) -> None:
    """Copy an image of shape (N, C, H, W) to one of shape (N, H, W, C)."""

def relu(x: _Array, y: _Array) -> None: ...
def relu_grad(grad: _Array, y: _Array, dx: _Array) -> None: ...
def add(a: _Array, b: _Array, y: _Array, rectify: bool) -> None: ...
def sgd(
    weight: _Array, gradient: _Array, velocity: _Array | None,
    rate: float, momentum: float, decay: float, nesterov: bool,
) -> None: ...  # fmt: skip
def adam(
    weight: _Array, gradient: _Array, first: _Array, second: _Array, rate: float,
    beta1: float, beta2: float, scale: float, eps: float, decay: float, shrink: float,
) -> None: ...  # fmt: skip
def cross_entropy(scores: _Array, labels: npt.NDArray[np.int64], loss: _Array, grad: _Array) -> None:
    """loss[n] of each sample; grad of the mean over all."""

def fingerprint(addresses: npt.NDArray[np.uint64], bytes: npt.NDArray[np.int64]) -> int:
    """Of pieces of memory, in this order."""
