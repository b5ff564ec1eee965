"""Which products make the gradient of one number of a layer's parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from convscope.explain.columns import written_by
from convscope.explain.couplings import group_of, normalised
from convscope.explain.rounding import Rounded, exactly
from convscope.explain.terms import Array, Place, Reading
from convscope.geometry import resolve_padding

__all__ = ["WeightTerms", "weight_terms"]


@dataclass(frozen=True, eq=False)
class WeightTerms:
    """The cells of a layer's output that a weight has a part in, and what it meets there.

    Attributes
    ----------
    places : ndarray of shape (n, axes)
        Cells of the output, whose gradients enter.
    inputs : ndarray of shape (n, axes)
        The cells of the input that they meet.
    factors : Rounded
        What each gradient is multiplied with.
    what : str
        What the factors are: "input", "normalised input" or "1".
    """

    places: Array
    inputs: Array
    factors: Rounded
    what: str


def weight_terms(reading: Reading, name: str, place: Place, output: Place) -> WeightTerms | None:
    """Lay out the gradient of one number of a parameter; None for a kind of layer nobody knows.

    Parameters
    ----------
    reading : Reading
        What entered the layer; its place is not used.
    name : str
        Of the parameter: "weight" or "bias".
    place : tuple of int
        Which of its numbers.
    output : tuple of int
        The shape of the output, without the batch.
    """
    if name == "bias":
        shape = reading.layer.parameters[name].shape
        places = _cells_of(place, shape, output, last=reading.layer.kind == "LayerNorm")
        ones = exactly(np.ones(len(places)), reading.dtype)
        return WeightTerms(places, np.zeros((len(places), 0), np.int64), ones, "1")
    way = _WAYS.get(reading.layer.kind)
    return None if way is None else way(reading, place, output)


def _cells_of(place: Place, shape: Place, output: Place, last: bool) -> Array:
    """List the output cells for one number of a vector by channel, or of an array that stretches."""
    if not last:
        shape, place = (*shape, *(1,) * (len(output) - 1)), (*place, *(0,) * (len(output) - 1))
    front = len(output) - len(shape)
    axes = [np.arange(n) for n in output[:front]]
    axes += [
        np.arange(n) if size == 1 else np.array([index])
        for n, size, index in zip(output[front:], shape, place, strict=True)
    ]
    return _grid(axes)


def _grid(axes: list[Array]) -> Array:
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)


def _met(reading: Reading, places: Array, inputs: Array) -> WeightTerms:
    values = exactly(reading.x[tuple(inputs.T)], reading.dtype)
    return WeightTerms(places, inputs, values, "input")


def _linear(reading: Reading, place: Place, output: Place) -> WeightTerms:
    return _met(reading, np.array([place[:1]]), np.array([place[1:]]))


def _kernel(reading: Reading, place: Place, output: Place) -> WeightTerms:
    """One weight meets, for each output cell of its filter, the input at its tap; padding gives nothing."""
    (filter_, channel, *taps), settings = place, reading.layer.settings()
    weight, x = reading.layer.parameters["weight"], reading.x
    connections = settings.get("connections")
    cut = connections is not None and not connections[filter_][channel]
    outputs, inputs = [np.array([filter_])], []
    depth = weight.shape[1]
    inputs.append(np.array([channel + filter_ // (weight.shape[0] * depth // x.shape[0]) * depth]))
    for axis, tap in enumerate(taps):
        cells = np.arange(0 if cut else output[1 + axis])
        kernel, stride, dilation = (settings[key][axis] for key in ("kernel_size", "stride", "dilation"))
        given = settings["padding"]
        padding = given if isinstance(given, str) else given[axis]
        before, _ = resolve_padding(padding, x.shape[1 + axis], kernel, stride, dilation)
        positions = cells * stride - before + tap * dilation
        inside = (positions >= 0) & (positions < x.shape[1 + axis])
        outputs.append(cells[inside])
        inputs.append(positions[inside])
    return _met(reading, _grid(outputs), _grid(inputs))


def _transposed_kernel(reading: Reading, place: Place, output: Place) -> WeightTerms:
    """One weight carries each cell of its input channel to one place; what is cut off gives nothing."""
    (channel, made, *taps), settings, x = place, reading.layer.settings(), reading.x
    weight = reading.layer.parameters["weight"]
    group = channel // (x.shape[0] // settings["groups"])
    outputs, inputs = [np.array([group * weight.shape[1] + made])], [np.array([channel])]
    for axis, tap in enumerate(taps):
        written = written_by(settings, axis, x.shape[1 + axis])[:, tap]
        inside = (written >= 0) & (written < output[1 + axis])
        outputs.append(written[inside])
        inputs.append(np.flatnonzero(inside))
    return _met(reading, _grid(outputs), _grid(inputs))


def _scale(reading: Reading, place: Place, output: Place) -> WeightTerms:
    places = _cells_of(place, reading.layer.parameters["weight"].shape, output, last=False)
    return _met(reading, places, places)


def _slope(reading: Reading, place: Place, output: Place) -> WeightTerms:
    """A slope meets what lies below 0; one slope for all channels meets all of that."""
    shape = reading.layer.parameters["weight"].shape
    places = _cells_of(place, shape, output, last=False)
    return _met(reading, *[places[~(reading.x[tuple(places.T)] > 0)]] * 2)


def _of_batch_norm(reading: Reading, place: Place, output: Place) -> WeightTerms:
    places = _cells_of(place, reading.layer.parameters["weight"].shape, output, last=False)
    dtype, statistics = reading.dtype, reading.layer.statistics
    mean, variance = (
        exactly(float(statistics[name][place]), dtype) for name in ("running_mean", "running_var")
    )
    deviation = (variance + exactly(reading.layer.settings()["eps"], dtype)).through(np.sqrt)
    factors = (exactly(reading.x[tuple(places.T)], dtype) - mean) / deviation
    return WeightTerms(places, places, factors, "normalised input")


def _of_image_norm(reading: Reading, place: Place, output: Place) -> WeightTerms:
    """The values of a scale's cells, each normalised with its own group."""
    last = reading.layer.kind == "LayerNorm"
    places = _cells_of(place, reading.layer.parameters["weight"].shape, output, last)
    value, error = np.zeros(len(places)), np.zeros(len(places))
    left = np.ones(len(places), np.bool_)
    while left.any():
        group = group_of(reading, tuple(places[np.flatnonzero(left)[0]]))
        normal, _ = normalised(reading, group)
        spread: dict[str, Any] = {}
        for name, values in (("value", normal.value), ("error", normal.error)):
            spread[name] = np.zeros(output)
            spread[name][tuple(group.T)] = values
        among = np.zeros(output, np.bool_)
        among[tuple(group.T)] = True
        mine = left & among[tuple(places.T)]
        at = tuple(places[mine].T)
        value[mine], error[mine] = spread["value"][at], spread["error"][at]
        left &= ~mine
    return WeightTerms(places, places, Rounded(value, error, reading.dtype), "normalised input")


_WAYS: dict[str, Callable[[Reading, Place, Place], WeightTerms]] = {
    **dict.fromkeys(("Conv2d", "ConvNd", "TableConv2d"), _kernel),
    **dict.fromkeys(("ConvTranspose2d", "ConvTransposeNd"), _transposed_kernel),
    **dict.fromkeys(("GroupNorm", "InstanceNorm", "LayerNorm"), _of_image_norm),
    "BatchNorm": _of_batch_norm,
    "ChannelScale": _scale,
    "Linear": _linear,
    "PReLU": _slope,
}
