"""Layers with random parameters, before their input is known.

`conv2d(16, 5)` is a promise of a layer: `make(shape, name, seed)` gives the layer once the
shape of its input is known. Every parameter is drawn from a generator of its own, keyed by the
seed and the node's name: another layer more or less changes none of the others.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from convscope.errors import InvalidValue
from convscope.layers import BatchNorm, ChannelScale, Conv2d, Layer, Linear, TableConv2d
from convscope.layers.base import Array, Shape

__all__ = [
    "Draw",
    "Promise",
    "batch_norm",
    "channel_scale",
    "conv2d",
    "fan_in_uniform",
    "he_normal",
    "he_normal_fan_out",
    "linear",
    "normal",
    "table_conv2d",
]

# From here on values are drawn in float32, which takes half the time and memory: VGG's 138 million
_LARGE = 4_000_000

#: draw(rng, shape, fan_in, fan_out) gives the values of a weight
Draw = Callable[[np.random.Generator, Shape, int, int], Array]


@dataclass(frozen=True)
class Promise:
    """A layer to be made when the shape (N, ...) of its input, its name and the seed are known."""

    kind: str
    make: Callable[[Shape, str, int], Layer]


def he_normal(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Array:
    """Normal with variance 2 / fan_in, which keeps the size of values through ReLUs (He et al. 2015)."""
    return _normal(rng, shape, math.sqrt(2 / fan_in))


def he_normal_fan_out(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Array:
    """Normal with variance 2 / fan_out, which keeps the size of gradients; usual for residual networks."""
    return _normal(rng, shape, math.sqrt(2 / fan_out))


def normal(deviation: float) -> Draw:
    """Normal with a given standard deviation, for last layers that shall begin with small scores."""

    def draw(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Array:
        return _normal(rng, shape, deviation)

    return draw


def fan_in_uniform(rng: np.random.Generator, shape: Shape, fan_in: int, fan_out: int) -> Array:
    """Uniform between -2.4 / fan_in and 2.4 / fan_in (LeCun et al. 1998, appendix A)."""
    return rng.uniform(-2.4 / fan_in, 2.4 / fan_in, shape)


def conv2d(
    filters: int,
    kernel_size: int | tuple[int, int],
    *,
    bias: bool = True,
    draw: Draw = he_normal,
    groups: int = 1,
    **settings: Any,
) -> Promise:
    """Promise a `Conv2d` with drawn filters and a bias of 0.

    Parameters
    ----------
    filters : int
        Output channels.
    kernel_size : int or (height, width)
    bias : bool
    draw : callable
        `he_normal`, `he_normal_fan_out`, `fan_in_uniform` or your own.
    groups : int
    **settings
        stride, padding, dilation.

    Examples
    --------
    >>> conv2d(6, 5).make((1, 3, 32, 32), "conv1", seed=0).parameters["weight"].shape
    (6, 3, 5, 5)
    """
    kernel = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)

    def make(shape: Shape, name: str, seed: int) -> Layer:
        if min(filters, groups, *kernel) < 1:
            raise InvalidValue(
                f"node {name!r}: filters, groups and kernel_size must be at least 1; "
                f"got {filters}, {groups} and {kernel}."
            )
        if len(shape) != 4 or shape[1] % groups:
            raise InvalidValue(
                f"node {name!r}: Conv2d with groups={groups} needs an input (N, C, H, W) with C "
                f"divisible by it; got {shape}."
            )
        weight = _filters(filters, shape[1] // groups, kernel, draw, name, seed, groups)
        zeros = np.zeros(filters, np.float32) if bias else None
        return Conv2d(weight, zeros, groups=groups, **settings)

    return Promise("Conv2d", make)


def table_conv2d(
    connections: Array, kernel_size: tuple[int, int], *, draw: Draw = he_normal, **settings: Any
) -> Promise:
    """Promise a `TableConv2d`; each filter's fan-in is what it is connected to."""
    table = np.asarray(connections, dtype=bool)

    def make(shape: Shape, name: str, seed: int) -> Layer:
        height, width = kernel_size
        rows = [
            draw(_generator(seed, f"{name}.weight.{o}"), (table.shape[1], height, width), fan, fan)
            for o, fan in enumerate(table.sum(axis=1) * height * width)
        ]
        bias = np.zeros(len(table), np.float32)
        return TableConv2d(np.stack(rows).astype(np.float32), bias, connections=table, **settings)

    return Promise("TableConv2d", make)


def linear(features: int, *, bias: bool = True, draw: Draw = he_normal) -> Promise:
    """Promise a `Linear` with drawn weights and a bias of 0.

    Examples
    --------
    >>> linear(10).make((1, 84), "fc", seed=0).parameters["weight"].shape
    (10, 84)
    """

    def make(shape: Shape, name: str, seed: int) -> Layer:
        if len(shape) != 2:
            raise InvalidValue(
                f"node {name!r}: Linear needs an input (N, features); got {shape}: flatten it before."
            )
        size = (features, shape[1])
        weight = draw(_generator(seed, f"{name}.weight"), size, shape[1], features)
        return Linear(weight.astype(np.float32, copy=False), np.zeros(features, np.float32) if bias else None)

    return Promise("Linear", make)


def batch_norm(*, eps: float = 1e-5, momentum: float = 0.1) -> Promise:
    """Promise a `BatchNorm` that changes nothing yet: scale 1, shift 0, mean 0, variance 1."""

    def make(shape: Shape, name: str, seed: int) -> Layer:
        ones, zeros = np.ones(shape[1], np.float32), np.zeros(shape[1], np.float32)
        return BatchNorm(ones, zeros, zeros.copy(), ones.copy(), eps=eps, momentum=momentum)

    return Promise("BatchNorm", make)


def channel_scale(*, draw: Draw | None = None) -> Promise:
    """Promise a `ChannelScale`: coefficients drawn, or 1, and biases of 0."""

    def make(shape: Shape, name: str, seed: int) -> Layer:
        size = (shape[1],)
        weight = np.ones(size) if draw is None else draw(_generator(seed, f"{name}.weight"), size, 1, 1)
        return ChannelScale(weight.astype(np.float32), np.zeros(size, np.float32))

    return Promise("ChannelScale", make)


def _filters(
    filters: int, channels: int, kernel: tuple[int, ...], draw: Draw, name: str, seed: int, groups: int
) -> Array:
    shape = (filters, channels, *kernel)
    taps = math.prod(kernel)
    values = draw(_generator(seed, f"{name}.weight"), shape, channels * taps, filters // groups * taps)
    return values.astype(np.float32, copy=False)


def _normal(rng: np.random.Generator, shape: Shape, deviation: float) -> Array:
    values: Array = rng.standard_normal(shape, np.float32 if math.prod(shape) > _LARGE else np.float64)
    values *= deviation
    return values


def _generator(seed: int, key: str) -> np.random.Generator:
    """A generator that depends on the seed and the parameter's name only."""
    words = np.frombuffer(hashlib.sha256(key.encode()).digest(), np.uint32)
    return np.random.default_rng([int(seed), *words.tolist()])
