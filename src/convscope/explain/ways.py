"""One convolution written in four ways, each equal to what the engine computes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.explain.rounding import sum_bound
from convscope.explain.run import run_one
from convscope.geometry import resolve_padding
from convscope.layers import Layer
from convscope.network import Activations, Network
from convscope.result import Result

__all__ = ["ConvolutionForms", "Form", "convolution_forms"]

Array = NDArray[Any]
_MOST_DENSE = 25_000_000


@dataclass(frozen=True)
class Form:
    """One way to compute the layer, and what it costs for one image.

    Attributes
    ----------
    name : str
        "matrix product", "dense layer", "shifted images" or "frequency plane".
    parameters : int
        Numbers that it holds as weights.
    multiply_adds : int
        Products that it forms; a complex one counts four, and a transform of n numbers takes
        n/2 * log2(n) complex ones. The filters' spectra are taken to be ready.
    bytes : int
        What it holds at once of weights, inputs and intermediate arrays, in the engine's precision.
    difference : float
        The largest difference to the engine's output; NaN where it was too large to be computed.
    """

    name: str
    parameters: int
    multiply_adds: int
    bytes: int
    difference: float


@dataclass(frozen=True, eq=False)
class ConvolutionForms(Result):
    """The forms of one convolution at one image.

    Attributes
    ----------
    node : str
    forms : tuple of Form
    bound : float
        How far rounding can take the engine's output from the exact one, the largest over the cells.
    patches : ndarray of shape (groups, places, C_in/groups * kH * kW)
        Each row the window of one output place, stretched; padding is 0.
    filters : ndarray of shape (groups, C_in/groups * kH * kW, C_out/groups)
        Each column one filter, stretched: patches @ filters + bias is the output.
    dense_shape : (int, int)
        Output cells and input cells: the size of the matrix of the same layer as a perceptron.
    connections : int
        Entries of that matrix that join an output cell to an input cell it sees; all others are cut.
    distinct : int
        Different weights among them; every other is one of these again: shared.
    dense : ndarray of shape `dense_shape`, or None
        The matrix itself; None if it would have more than 25 million entries.
    """

    node: str
    forms: tuple[Form, ...]
    bound: float
    patches: Array = field(repr=False)
    filters: Array = field(repr=False)
    dense_shape: tuple[int, int]
    connections: int
    distinct: int
    dense: Array | None = field(repr=False)


def convolution_forms(
    net: Network, image: Any, node: str, *, activations: Activations | None = None
) -> ConvolutionForms:
    """Write one convolution of a network as four computations that give the same.

    The one matrix product of stretched patches and stretched filters; the dense layer with
    most connections cut and the rest sharing weights; the sum of shifted images, each times
    one weight; and the product in the frequency plane.

    Parameters
    ----------
    net : Network
    image : path, PIL image or ndarray
    node : str
        A convolution.
    activations : Activations, optional
        Those of this very image.

    Raises
    ------
    UnknownName, InvalidValue
        If there is no such node, or it is no convolution.

    Examples
    --------
    >>> import convscope as cs
    >>> found = convolution_forms(cs.models.lenet5(), np.zeros((1, 28, 28), np.float32), "conv1")
    >>> found.patches.shape, found.filters.shape
    ((1, 576, 25), (1, 25, 6))
    >>> found.dense_shape, found.connections, found.distinct
    ((3456, 784), 86400, 150)
    """
    if node not in net.nodes:
        raise UnknownName(f"convolution_forms: there is no node {node!r}; {nearest_names(node, net.nodes)}.")
    layer = net.nodes[node].layer
    if layer.kind not in ("Conv2d", "TableConv2d"):
        raise InvalidValue(f"convolution_forms: the node must be a Conv2d; {node} is a {layer.kind}.")
    if activations is None:
        activations = run_one(net, image, "convolution_forms")
    x = activations[net.nodes[node].inputs[0]][0]
    y = activations[node][0]
    return _Forms(node, layer, x, y).result()


class _Forms:
    """The forms of one layer at one image."""

    def __init__(self, node: str, layer: Layer, x: Array, y: Array) -> None:
        self.node, self.engine, self.item = node, y.astype(np.float64), y.dtype.itemsize
        self.dtype = y.dtype
        self.x, self.weight = x.astype(np.float64), layer.parameters["weight"].astype(np.float64)
        bias = layer.parameters.get("bias")
        self.bias = np.zeros(len(self.weight)) if bias is None else bias.astype(np.float64)
        self.biases = 0 if bias is None else bias.size
        self.parameters = layer.parameter_count()
        windows = layer.window()
        assert windows is not None
        self.stride = windows[0].stride, windows[1].stride
        self.dilation = windows[0].dilation, windows[1].dilation
        pads = [
            resolve_padding(w.padding, n, w.kernel, w.stride, w.dilation)
            for w, n in zip(windows, x.shape[1:], strict=True)
        ]
        self.before = pads[0][0], pads[1][0]
        self.padded = np.pad(self.x, ((0, 0), *pads))
        self.groups = x.shape[0] // self.weight.shape[1]
        self.size = self.engine.shape[1:]

    def result(self) -> ConvolutionForms:
        with np.errstate(invalid="ignore"):  # 0 times infinity
            return self._compared()

    def _compared(self) -> ConvolutionForms:
        patches, filters = self._matrices()
        product = np.matmul(patches, filters).transpose(0, 2, 1).reshape(self.engine.shape)
        places = self._input_places()
        inputs, cells = self.x.size, self.engine.size
        dense = self._dense(places) if inputs * cells <= _MOST_DENSE else None
        magnitude = np.matmul(np.abs(patches), np.abs(filters)).max() + np.abs(self.bias).max()
        taps = self.weight[0].size
        connections = int((places >= 0).sum()) * (len(self.weight) // self.groups)
        distinct = len(np.unique(self.weight))
        frequency, frequency_products, frequency_numbers = self._frequency()
        forms = (
            self._form("matrix product", self.parameters, self.engine.size * taps, product,
                       patches.size + filters.size + cells),
            self._form("dense layer", cells * inputs + self.biases, cells * inputs,
                       None if dense is None else (dense @ self.x.ravel()).reshape(self.engine.shape),
                       cells * inputs + inputs + cells),
            self._form("shifted images", self.parameters, self.engine.size * taps, self._shifted(),
                       inputs + self.weight.size + 2 * cells),
            self._form("frequency plane", frequency_numbers + self.biases, frequency_products, frequency,
                       frequency_numbers + cells),
        )  # fmt: skip
        return ConvolutionForms(
            node=self.node,
            forms=forms,
            bound=sum_bound(taps, float(magnitude), self.dtype),
            patches=patches,
            filters=filters,
            dense_shape=(cells, inputs),
            connections=connections,
            distinct=distinct,
            dense=dense,
        )

    def _form(self, name: str, parameters: int, products: int, y: Array | None, numbers: int) -> Form:
        difference = float("nan")
        if y is not None:
            difference = float(np.abs(y + self.bias[:, None, None] - self.engine).max())
        return Form(name, parameters, products, numbers * self.item, difference)

    def _shift(self, u: int, v: int) -> Array:
        """Give the padded image, shifted by one tap and taken at the stride."""
        rows = u * self.dilation[0] + np.arange(self.size[0]) * self.stride[0]
        columns = v * self.dilation[1] + np.arange(self.size[1]) * self.stride[1]
        return self.padded[:, rows[:, None], columns]

    def _matrices(self) -> tuple[Array, Array]:
        height, width = self.weight.shape[2:]
        shifts = np.stack([self._shift(u, v) for u in range(height) for v in range(width)], axis=1)
        stretched = shifts.reshape(self.groups, -1, self.size[0] * self.size[1]).transpose(0, 2, 1)
        filters = self.weight.reshape(self.groups, len(self.weight) // self.groups, -1).transpose(0, 2, 1)
        return np.ascontiguousarray(stretched), np.ascontiguousarray(filters)

    def _input_places(self) -> Array:
        """Give for each (group channel, place, tap) the flat input cell, or -1 in the padding."""
        height, width = self.weight.shape[2:]
        rows = np.arange(self.size[0])[:, None] * self.stride[0] - self.before[0]
        rows = rows + np.arange(height) * self.dilation[0]
        columns = np.arange(self.size[1])[:, None] * self.stride[1] - self.before[1]
        columns = columns + np.arange(width) * self.dilation[1]
        inside_rows = (rows >= 0) & (rows < self.x.shape[1])
        inside_columns = (columns >= 0) & (columns < self.x.shape[2])
        flat = rows[:, None, :, None] * self.x.shape[2] + columns[None, :, None, :]
        flat = np.where(inside_rows[:, None, :, None] & inside_columns[None, :, None, :], flat, -1)
        flat = flat.reshape(1, self.size[0] * self.size[1], height * width)
        offsets = np.arange(self.x.shape[0])[:, None, None] * self.x[0].size
        return np.where(flat >= 0, flat + offsets, -1)

    def _dense(self, places: Array) -> Array:
        filters, depth = self.weight.shape[:2]
        area = self.size[0] * self.size[1]
        matrix = np.zeros((filters, area, self.x.size))
        per_group = filters // self.groups
        row = np.arange(area)[:, None]
        for filter_ in range(filters):
            for channel in range(depth):
                read = places[filter_ // per_group * depth + channel]
                weights = np.broadcast_to(self.weight[filter_, channel].ravel(), read.shape)
                seen = read >= 0
                np.add.at(
                    matrix[filter_], (np.broadcast_to(row, read.shape)[seen], read[seen]), weights[seen]
                )
        return matrix.reshape(filters * area, -1)

    def _shifted(self) -> Array:
        depth = self.weight.shape[1]
        total = np.zeros(self.engine.shape)
        for u in range(self.weight.shape[2]):
            for v in range(self.weight.shape[3]):
                images = self._shift(u, v).reshape(self.groups, depth, *self.size)
                taps = self.weight[:, :, u, v].reshape(self.groups, -1, depth)
                total += np.einsum("gfc,gchw->gfhw", taps, images).reshape(self.engine.shape)
        return total

    def _frequency(self) -> tuple[Array, int, int]:
        """Multiply the spectra: correlation with a kernel is a product with its conjugate."""
        depth, (height, width) = self.weight.shape[1], self.padded.shape[1:]
        spread = np.zeros((*self.weight.shape[:2], height, width))
        rows, columns = (np.arange(self.weight.shape[2 + a]) * self.dilation[a] for a in (0, 1))
        spread[:, :, rows[:, None], columns] = self.weight
        kernels = np.conj(np.fft.rfft2(spread)).reshape(self.groups, -1, depth, height, width // 2 + 1)
        images = np.fft.rfft2(self.padded).reshape(self.groups, 1, depth, height, width // 2 + 1)
        product = (kernels * images).sum(axis=2).reshape(len(self.weight), height, width // 2 + 1)
        whole = np.fft.irfft2(product, (height, width))
        rows = np.arange(self.size[0]) * self.stride[0]
        columns = np.arange(self.size[1]) * self.stride[1]
        transforms = (len(images.reshape(-1, height, width // 2 + 1)) + len(product)) * height * width / 2
        products = 4 * (kernels.size + int(transforms * np.log2(max(height * width, 2))))
        return whole[:, rows[:, None], columns], products, 2 * kernels.size
