"""How functions of several numbers change with one of them: softmax, norms, p-norms, powers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from convscope.explain.rounding import Rounded, exactly
from convscope.explain.sums import own_window
from convscope.explain.terms import Array, Place, Reading

__all__ = [
    "COUPLINGS",
    "Column",
    "broadcast_places",
    "group_of",
    "listed",
    "normalised",
    "of_norm",
    "of_norms",
    "powers_of",
]


@dataclass(frozen=True, eq=False)
class Column:
    """How the cells of a layer's output change with one number: a column of its Jacobian.

    Attributes
    ----------
    places : ndarray of shape (n, axes)
        The output's cells that the number enters, without the batch.
    values : ndarray of shape (n,)
        How much each changes, in float64.
    error : ndarray of shape (n,)
        How far the engine's derivatives may be from them.
    magnitude : ndarray of shape (n,)
        The absolute summands that make each; larger than the value where they cancel.
    words : str
        How the derivative is computed; "" where it is a weight.
    """

    places: Array
    values: Array
    error: Array
    magnitude: Array
    words: str = ""


#: Of what entered a layer (its `place` is not used), which input, and which cell of it.
Coupling = Callable[[Reading, int, Place], Column]


def listed(places: Any, values: Rounded | Array, words: str = "", magnitude: Array | None = None) -> Column:
    """Make a column; exact values have no error, and no larger magnitude than their own."""
    if not isinstance(values, Rounded):
        values = Rounded(np.asarray(values, np.float64), np.zeros(np.shape(values)), np.dtype(np.float64))
    value, error = np.atleast_1d(values.value), np.atleast_1d(values.error)
    at = np.asarray(places, np.int64)
    at = at[:, None] if at.ndim == 1 else at
    return Column(at, value, error, np.abs(value) if magnitude is None else np.atleast_1d(magnitude), words)


def broadcast_places(shape: Place, output: Place, place: Place) -> Array:
    """List the cells of an output that a cell of an input stretches to."""
    place, shape = place[max(len(place) - len(output), 0) :], shape[max(len(shape) - len(output), 0) :]
    front = len(output) - len(shape)
    axes = [np.arange(n) for n in output[:front]]
    axes += [
        np.arange(n) if size == 1 else np.array([index])
        for n, size, index in zip(output[front:], shape, place, strict=True)
    ]
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)


def _own_place(places: Array, place: Place) -> Array:
    """Say which of the places is the one."""
    return np.asarray((places == np.array(place)).all(axis=1))


def _along(shape: Place, place: Place, axis: int, first: int = 0, last: int | None = None) -> Array:
    """List the cells along one axis through a place."""
    count = np.arange(first, shape[axis] if last is None else last)
    places = np.repeat(np.array([place]), len(count), axis=0)
    places[:, axis] = count
    return places


def _at(x: Array, places: Array) -> Array:
    return np.asarray(x[tuple(places.T)])


def _softmax(reading: Reading, source: int, place: Place) -> Column:
    """dy_o / dx_c = y_c - y_c**2 at c itself, else -y_o * y_c."""
    places, own, share, _ = _shares(reading, place)
    cross = share * share[own]
    one = Rounded(np.where(own, share.value, 0.0), np.where(own, share.error, 0.0), share.dtype)
    values = one - cross
    words = "y - y * y at its own place, elsewhere -y * y of that place"
    return listed(places, values, words, one.value + cross.value)


def _log_softmax(reading: Reading, source: int, place: Place) -> Column:
    """dy_o / dx_c = 1 - softmax_c at c itself, else -softmax_c."""
    places, own, _, logarithms = _shares(reading, place)
    share = logarithms[own].through(np.exp)
    one = exactly(own.astype(np.float64), reading.dtype)
    values = one - share
    return listed(places, values, "1 - softmax at its own place, elsewhere -softmax", one.value + share.value)


def _shares(reading: Reading, place: Place) -> tuple[Array, Array, Rounded, Rounded]:
    """Give the places along the axis, which is the own one, their softmax and its logarithm."""
    x = reading.x
    places = _along(x.shape, place, reading.layer.settings()["axis"] % (x.ndim + 1) - 1)
    line = exactly(_at(x, places), reading.dtype)
    shifted = line - exactly(float(line.value.max()), reading.dtype)
    powers = shifted.through(np.exp)
    total = powers.sum()
    return places, _own_place(places, place), powers / total, shifted - total.through(np.log)


def _local_response_norm(reading: Reading, source: int, place: Place) -> Column:
    """With D the scale: D_c**-beta at c itself, less 2*alpha*beta/size * x_c * x_o * D_o**(-beta - 1)."""
    settings, x, dtype = reading.layer.settings(), reading.x, reading.dtype
    size, alpha, beta, k = (settings[name] for name in ("size", "alpha", "beta", "k"))
    before, after = (size - 1) // 2, size // 2
    channels, channel = x.shape[0], place[0]
    places = _along(x.shape, place, 0, max(0, channel - after), min(channels, channel + before + 1))
    values, errors, magnitudes = [], [], []
    for other in places[:, 0]:
        near = _along(x.shape, place, 0, max(0, other - before), min(channels, other + after + 1))
        squares = exactly(_at(x, near), dtype)
        scale = exactly(k, dtype) + exactly(alpha / size, dtype) * (squares * squares).sum()
        direct = exactly(1.0, dtype) / scale.through(lambda v: v**beta)
        its, own = (exactly(x[(int(c), *place[1:])], dtype) for c in (other, channel))
        through = direct * its / scale * own * exactly(2 * alpha * beta / size, dtype)
        value = direct - through if other == channel else -through
        values.append(float(value.value))
        errors.append(float(value.error))
        magnitudes.append(float(abs(through).value) + float(direct.value) * (other == channel))
    words = (
        f"scale ** -{beta:g} at its own place, and everywhere "
        f"-{2 * alpha * beta / size:.6g} * x * x of that place * scale ** -{beta + 1:g}"
    )
    return Column(places, np.array(values), np.array(errors), np.array(magnitudes), words)


def group_of(reading: Reading, place: Place) -> Array:
    """List the cells that are normalised together with one."""
    layer: Any = reading.layer
    shape = reading.x.shape
    if layer.kind == "LayerNorm":
        first = layer.axis % (len(shape) + 1) - 1
        inner = np.argwhere(np.ones(shape[first:], np.bool_))
        return np.concatenate([np.tile(place[:first], (len(inner), 1)).astype(np.int64), inner], axis=1)
    each = shape[0] // layer.groups
    start = place[0] // each * each
    inner = np.argwhere(np.ones((each, *shape[1:]), np.bool_))
    inner[:, 0] += start
    return inner


def normalised(reading: Reading, places: Array) -> tuple[Rounded, Rounded]:
    """Give the group's values without mean and spread, and one over the spread."""
    dtype = reading.dtype
    layer: Any = reading.layer
    values = exactly(_at(reading.x, places), dtype)
    number = exactly(float(len(places)), dtype)
    spread = values - values.sum() / number
    variance = (spread * spread).sum() / number
    factor = exactly(1.0, dtype) / (variance + exactly(layer.eps, dtype)).through(np.sqrt)
    return spread * factor, factor


def _norm_by_image(reading: Reading, source: int, place: Place) -> Column:
    """Mean and spread depend on the input too: w_o / spread * ((o is c) - 1/n - z_c * z_o / n)."""
    places = group_of(reading, place)
    normal, factor = normalised(reading, places)
    dtype, own = reading.dtype, _own_place(places, place)
    scale = reading.layer.parameters["weight"]
    by = places[:, :1] if reading.layer.kind != "LayerNorm" else places[:, places.shape[1] - scale.ndim :]
    index = tuple(np.where(np.array(scale.shape) == 1, 0, by).T)
    weighted = factor * exactly(scale[index], dtype)
    number = exactly(float(len(places)), dtype)
    direct = Rounded(np.where(own, weighted.value, 0.0), np.where(own, weighted.error, 0.0), dtype)
    mean, along = weighted / number, weighted * normal / number * normal[own]
    values = direct - mean - along
    magnitude = sum(np.abs(part.value) for part in (direct, mean, along))
    words = (
        "weight / spread * ((1 at its own place, else 0) - 1/n - z * z of that place / n), n values "
        "normalised to z together"
    )
    return listed(places, values, words, np.asarray(magnitude))


def of_norm(x: float, powers: Rounded, p: float, dtype: np.dtype[Any]) -> Rounded:
    """sign(x) * |x|**(p-1) / y**(p-1) of y = (sum of powers)**(1/p); a norm of 0 gives 0."""
    y = powers.sum().through(lambda v: np.maximum(v, 0) ** (1 / p))
    if not y.value > 0:
        return exactly(0.0, dtype)
    top = exactly(abs(x), dtype).through(lambda v: v ** (p - 1)) * exactly(np.sign(x), dtype)
    return top / y.through(lambda v: np.maximum(v, 0) ** (p - 1))


def _lp_pool(reading: Reading, source: int, place: Place) -> Column:
    from convscope.explain.links import links_of

    x, p = reading.x, reading.layer.settings()["p"]
    output = reading.layer.output_shape((1, *x.shape))[1:]
    rows, columns = links_of(reading.layer, (x.shape,), 0, output)
    places = [
        (place[0], int(row), int(column))
        for row in np.flatnonzero(rows[:, place[1]])
        for column in np.flatnonzero(columns[:, place[2]])
    ]
    found = []
    for at in places:
        terms = own_window(Reading(reading.layer, reading.inputs, at, reading.origins))
        found.append(of_norm(float(x[place]), powers_of(terms["input"], p, reading.dtype), p, reading.dtype))
    return of_norms(np.array(places, np.int64).reshape(len(places), 3), found, p)


def powers_of(values: Array, p: float, dtype: np.dtype[Any]) -> Rounded:
    """Give |values|**p."""
    return exactly(np.abs(values), dtype).through(lambda v: np.abs(v) ** p)


def of_norms(places: Array, found: list[Rounded], p: float) -> Column:
    """Make a column of the derivatives of p-norms."""
    values, errors = (np.array([float(getattr(f, name)) for f in found]) for name in ("value", "error"))
    words = f"sign(x) * (|x| / y) ** {p - 1:g}"
    return Column(places, values, errors, np.abs(values), words)


def _power(reading: Reading, source: int, place: Place) -> Column:
    a, b = (np.asarray(x, np.float64) for x in reading.inputs)
    output = np.broadcast_shapes(a.shape, b.shape)
    places = broadcast_places((a, b)[source].shape, output, place)
    base, exponent = (_at(np.broadcast_to(v, output), places) for v in (a, b))
    dtype = reading.dtype
    with np.errstate(all="ignore"):
        if source == 0:
            power = exactly(base, dtype).through(lambda v: np.float_power(v, exponent - 1))
            values = exactly(np.where(exponent == 0, 0.0, exponent), dtype) * power
            return listed(places, values, "b * a ** (b - 1)")
        safe = np.where(base > 0, base, 1.0)
        y = exactly(safe, dtype).through(lambda v: np.float_power(v, exponent))
        values = exactly((base > 0).astype(np.float64), dtype) * y * exactly(safe, dtype).through(np.log)
        return listed(places, values, "a ** b * log(a), or 0 where a is not above 0")


#: The layers whose cells are functions of several numbers.
COUPLINGS: dict[str, Coupling] = {
    **dict.fromkeys(("GroupNorm", "InstanceNorm", "LayerNorm"), _norm_by_image),
    "LocalResponseNorm": _local_response_norm,
    "LogSoftmax": _log_softmax,
    "LpPool2d": _lp_pool,
    "Power": _power,
    "Softmax": _softmax,
}
