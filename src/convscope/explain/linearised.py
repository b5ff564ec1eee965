"""The one linear filter that a cell is at an image, and the one that several layers are together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.explain.cells import run_to_cell
from convscope.explain.functions import FUNCTIONS
from convscope.explain.general import BENT
from convscope.kernels import Verdict, verdict
from convscope.layers import Layer
from convscope.network import Activations, Network
from convscope.result import Result

__all__ = ["LocalKernel", "local_kernel"]

Array = NDArray[Any]
_LARGEST = 31  # the largest kernel that there is a verdict on
_PRODUCTS = ("Divide", "MatMul", "Multiply", "Slope")  # linear in each input, and not in all together


@dataclass(frozen=True, eq=False)
class LocalKernel(Result):
    """What a cell computes at this image: kernel * pixels + constant.

    Attributes
    ----------
    address : str
    kernel : ndarray of shape (C, H, W)
        One weight for each pixel; it is the gradient of the cell by the image.
    constant : float
        What remains at this image: biases, followed through the layers after them.
    products : float
        The sum of kernel times image, in float64.
    value : float
        products + constant.
    engine : float
        What the engine computed.
    magnitude : float
        The sum of all absolute products and of the absolute constants that were added.
    bent : tuple of str
        Nodes that are not piecewise linear (a sigmoid, a norm by neighbours): for them the tangent at
        this image stands in, and the filter is a first-order one.
    rectangle : ((int, int), (int, int))
        First and last row, first and last column with a weight other than 0; (0, -1) if there is none.
    verdict : Verdict or None
        On the kernel cut to the rectangle; None where it is empty or larger than 31x31.
    """

    address: str
    kernel: Array = field(repr=False)
    constant: float
    products: float
    value: float
    engine: float
    magnitude: float
    bent: tuple[str, ...]
    rectangle: tuple[tuple[int, int], tuple[int, int]]
    verdict: Verdict | None = field(repr=False)

    @property
    def error(self) -> float:
        """How far the reproduced value is from the engine's, as a share of `magnitude`."""
        return abs(self.value - self.engine) / self.magnitude if self.magnitude else 0.0

    @property
    def cut(self) -> Array:
        """The kernel within the rectangle."""
        (top, bottom), (left, right) = self.rectangle
        return self.kernel[:, top : bottom + 1, left : right + 1]


def local_kernel(
    net: Network, image: Any, at: str, *, judged: bool = True, activations: Activations | None = None
) -> LocalKernel:
    """Give the linear filter of the pixels that a cell is at this image.

    A network of convolutions, rectifiers and pooling is piecewise linear: as long as no rectifier
    changes its side and no maximum its place, each cell is one weighted sum of the pixels plus a
    constant. The weights are the gradient; the constant is computed by itself, from the biases.

    Parameters
    ----------
    net : Network
    image : path, PIL image or ndarray
    at : str
        A cell, or a class score such as ``fc[3]``.
    judged : bool
        Whether the filter is judged.
    activations : Activations, optional
        Those of this very image.

    Raises
    ------
    UnknownName, InvalidValue
        If there is no such cell.

    Examples
    --------
    >>> import convscope as cs
    >>> net = cs.models.small_cnn()
    >>> found = local_kernel(net, cs.data.digits().x[0], "conv2[3,1,1]", judged=False)
    >>> found.kernel.shape, found.error < 1e-6, found.bent
    ((1, 8, 8), True, ())
    """
    activations, address = run_to_cell("local_kernel", net, image, at, activations)
    seed = np.zeros_like(activations[address.node])
    seed[(0, *address.place)] = 1
    gradients = net.backward(activations, {address.node: seed}, parameters=False)
    pixels = activations[net.input_name][0].astype(np.float64)
    kernel = gradients.inputs[net.input_name][0].astype(np.float64)
    parts, bent = _constants(net, activations, gradients.nodes)
    with np.errstate(invalid="ignore"):  # 0 times infinity
        products = kernel * pixels
        total = float(products.sum())
    rectangle = _rectangle(kernel)
    return LocalKernel(
        address=str(address),
        kernel=kernel,
        constant=float(sum(parts)),
        products=total,
        value=total + float(sum(parts)),
        engine=float(activations[address.node][(0, *address.place)]),
        magnitude=float(np.abs(products).sum() + sum(map(abs, parts))),
        bent=tuple(bent),
        rectangle=rectangle,
        verdict=_verdict(net, kernel, rectangle) if judged else None,
    )


def _constants(
    net: Network, activations: Activations, gradients: dict[str, Array]
) -> tuple[list[float], list[str]]:
    """Give what each node adds that no pixel enters into, times what became of it; and the bent nodes."""
    parts, bent = [], []
    for name, grad in gradients.items():
        node = net.nodes.get(name)
        if node is None:
            continue
        inputs = tuple(activations[source][0] for source in node.inputs)
        weights = grad[0].astype(np.float64)
        if _bends(node.layer):
            bent.append(name)
            parts.append(_tangent(net, activations, name, grad))
        elif node.layer.kind in _OFFSETS:
            parts.append(float((weights * _OFFSETS[node.layer.kind](node.layer, inputs)).sum()))
    return parts, bent


def _bends(layer: Layer) -> bool:
    """Whether a layer is not linear, not even on each side of its bends."""
    if layer.kind == "Reduce":
        return bool(layer.settings()["how"] == "norm")
    return layer.kind in FUNCTIONS or layer.kind in BENT or layer.kind in _PRODUCTS


def _tangent(net: Network, activations: Activations, name: str, grad: Array) -> float:
    """Give grad * (y - J x) of a node that is no weighted sum."""
    layer = net.nodes[name].layer
    back, _ = layer.backward(grad, activations.caches[name])
    parts = back if isinstance(back, tuple) else (back,)
    value = float((grad.astype(np.float64) * activations[name]).sum())
    for source, part in zip(net.nodes[name].inputs, parts, strict=True):
        value -= float((np.asarray(part, np.float64) * activations[source]).sum())
    return value


def _bias(layer: Layer, inputs: tuple[Array, ...]) -> Array:
    bias = layer.parameters.get("bias")
    if bias is None:
        return np.zeros(())
    axes = 0 if layer.kind == "Linear" else inputs[0].ndim - 1
    return np.asarray(bias.astype(np.float64).reshape(-1, *(1,) * axes))


def _shift(layer: Layer, inputs: tuple[Array, ...]) -> Array:
    values = {**layer.parameters, **layer.statistics}
    weight, bias, mean, var = (
        values[name].astype(np.float64) for name in ("weight", "bias", "running_mean", "running_var")
    )
    shift = bias - mean * weight / np.sqrt(var + layer.settings()["eps"])
    return np.asarray(shift if inputs[0].ndim == 1 else shift[:, None, None])


def _scale_bias(layer: Layer, inputs: tuple[Array, ...]) -> Array:
    bias = layer.parameters["bias"].astype(np.float64)
    return bias if inputs[0].ndim == 1 else bias[:, None, None]


def _limits(layer: Layer, inputs: tuple[Array, ...]) -> Array:
    (x,), (low, high) = inputs, layer.settings().values()
    return np.asarray(np.where(x <= low, low, np.where(x >= high, high, 0.0)))


def _frame(layer: Layer, inputs: tuple[Array, ...]) -> Array:
    settings = layer.settings()
    if settings["mode"] != "constant" or not settings["value"]:
        return np.zeros(())
    inner = np.zeros(inputs[0].shape)
    return np.pad(inner, ((0, 0), *settings["padding"]), constant_values=settings["value"])


def _frame_of_axes(layer: Layer, inputs: tuple[Array, ...]) -> Array:
    moved: Any = layer
    places = moved.move_places(np.arange(inputs[0].size).reshape(1, *inputs[0].shape))[0]
    return np.where(places < 0, layer.settings()["value"], 0.0)


def _value(layer: Layer, inputs: tuple[Array, ...]) -> Array:
    value = layer.statistics["value"].astype(np.float64)
    return np.asarray(value[0] if value.ndim else value)


# what a layer adds that is no multiple of its input; layers that are missing here add nothing
_OFFSETS: dict[str, Callable[[Layer, tuple[Array, ...]], Array]] = {
    "BatchNorm": _shift,
    "ChannelScale": _scale_bias,
    "Clip": _limits,
    "Constant": _value,
    "Conv2d": _bias,
    "ConvNd": _bias,
    "ConvTranspose2d": _bias,
    "ConvTransposeNd": _bias,
    "Linear": _bias,
    "Pad2d": _frame,
    "PadAxes": _frame_of_axes,
    "TableConv2d": _bias,
}


def _rectangle(kernel: Array) -> tuple[tuple[int, int], tuple[int, int]]:
    touched = (kernel != 0).any(axis=0)
    if not touched.any():
        return (0, -1), (0, -1)
    rows, columns = np.flatnonzero(touched.any(axis=1)), np.flatnonzero(touched.any(axis=0))
    return (int(rows[0]), int(rows[-1])), (int(columns[0]), int(columns[-1]))


def _verdict(
    net: Network, kernel: Array, rectangle: tuple[tuple[int, int], tuple[int, int]]
) -> Verdict | None:
    (top, bottom), (left, right) = rectangle
    if not 0 <= max(bottom - top, right - left) < _LARGEST or not np.isfinite(kernel).all():
        return None
    colours = None if net.input is None or len(kernel) != 3 else net.input.channels
    return verdict(
        kernel[:, top : bottom + 1, left : right + 1], channels=colours if colours != "L" else None
    )
