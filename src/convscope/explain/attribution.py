"""How each number of the input acts on a class score, a channel or a cell: arrays in, arrays out.

gradient           d s / d x
gradient-x-input   x * d s / d x
guided             d s / d x, where a rectifier passes only positive gradients of positive inputs
integrated         (x - b) * integral over t in [0, 1] of d s / d x at b + t*(x - b)
smooth             the mean of d s / d x at x + noise
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import InvalidValue
from convscope.explain.target import Target, find_targets, seed_of, values_of
from convscope.network import Activations, Network, Workspace

__all__ = ["METHODS", "Attribution", "Settings", "attribution", "attributions"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Settings:
    """What the methods that average over several inputs need; the others ignore it.

    Attributes
    ----------
    steps : int
        Points of the integral (Gauss-Legendre), for "integrated".
    baseline : float or ndarray of shape (C, H, W)
        Where the integral begins, in the units of the input: 0 is the mean image where a mean is
        subtracted, black where not.
    samples : int
        Noisy copies, for "smooth".
    noise : float
        Their standard deviation, as a share of the input's range (largest - smallest value).
    seed : int
        Of the noise.
    algorithm : str
        How convolutions are computed.
    """

    steps: int = 50
    baseline: float | Array = 0.0
    samples: int = 25
    noise: float = 0.15
    seed: int = 0
    algorithm: str = "direct"

    def __post_init__(self) -> None:
        for name in ("steps", "samples"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise InvalidValue(f"saliency: {name} must be a whole number of at least 1; got {value!r}.")
        if not (isinstance(self.noise, int | float) and 0 <= self.noise < float("inf")):
            raise InvalidValue(
                f"saliency: noise must be a share of the input's range, 0 or more; got {self.noise!r}."
            )


@dataclass(frozen=True, eq=False)
class Attribution:
    """What `attribution` gives for a batch.

    Attributes
    ----------
    arrays : ndarray of shape (N, C, H, W)
    targets : list of Target
    values : ndarray of shape (N,)
        The targets' values.
    """

    arrays: Array
    targets: list[Target]
    values: Array


def attributions(
    net: Network, images: Any, target: Any = None, method: str = "gradient", **settings: Any
) -> Array:
    """Give the attributions of many images at once, (N, C, H, W); see `saliency` for one with its picture.

    Parameters
    ----------
    net : Network
    images : ndarray of shape (N, C, H, W), or a list of images
    target : int, str, None, or one for each image
        See `saliency`.
    method : str
    **settings
        See `Settings`.

    Examples
    --------
    >>> import convscope as cs
    >>> net, data = cs.models.small_cnn(), cs.data.digits()
    >>> attributions(net, data.x[:4], data.y[:4]).shape
    (4, 1, 8, 8)
    """
    batch = images if isinstance(images, list) else np.asarray(images)
    return attribution(net, batch, target, method, Settings(**settings)).arrays


def attribution(net: Network, images: Any, target: Any, method: str, settings: Settings) -> Attribution:
    """Compute `attributions`, with the targets that were found and their values."""
    if method not in METHODS:
        raise InvalidValue(f"saliency: method must be one of {', '.join(METHODS)}; got {method!r}.")
    activations = net.run(images, algorithm=settings.algorithm)
    targets = find_targets(net, target, activations, "saliency")
    x = activations[net.input_name]
    if x.ndim != 4:
        raise InvalidValue(f"saliency: the network must take images (C, H, W); it takes {x.shape[1:]}.")
    arrays = METHODS[method](net, activations, targets, settings)
    return Attribution(arrays, targets, values_of(targets, activations))


def _back(net: Network, activations: Activations, targets: list[Target], rule: str = "gradient") -> Array:
    """Carry the gradient 1 from each target back to the input."""
    seeds = seed_of(targets, activations)
    found = net.backward(activations, seeds, rule, parameters=False, to=(net.input_name,))
    return found.inputs.get(net.input_name, np.zeros_like(activations[net.input_name]))


def _gradient(net: Network, activations: Activations, targets: list[Target], settings: Settings) -> Array:
    return _back(net, activations, targets)


def _times_input(net: Network, activations: Activations, targets: list[Target], settings: Settings) -> Array:
    return np.asarray(_back(net, activations, targets) * activations[net.input_name])


def _guided(net: Network, activations: Activations, targets: list[Target], settings: Settings) -> Array:
    return _back(net, activations, targets, "guided")


def _integrated(net: Network, activations: Activations, targets: list[Target], settings: Settings) -> Array:
    """Sundararajan, Taly and Yan (2017), equation 1, by the Gauss-Legendre rule on [0, 1]."""
    x = activations[net.input_name]
    places, weights = np.polynomial.legendre.leggauss(settings.steps)
    start = np.broadcast_to(np.asarray(settings.baseline, x.dtype), x.shape[1:])
    arrays = np.empty_like(x)
    for image, target in enumerate(targets):
        way = x[image] - start

        def point(step: int, way: Array = way) -> Array:
            return np.asarray(start + x.dtype.type((places[step] + 1) / 2) * way)

        arrays[image] = way * _mean_gradient(net, point, weights / 2, target, settings)
    return arrays


def _smooth(net: Network, activations: Activations, targets: list[Target], settings: Settings) -> Array:
    """Smilkov et al. (2017), SmoothGrad, the mean over noisy copies of the image."""
    x = activations[net.input_name]
    arrays = np.empty_like(x)
    for index, (image, target) in enumerate(zip(x, targets, strict=True)):
        deviation = settings.noise * float(image.max() - image.min())

        def noisy(step: int, index: int = index, image: Array = image, sigma: float = deviation) -> Array:
            rng = np.random.default_rng((settings.seed, index, step))
            return np.asarray(image + rng.normal(0, sigma, image.shape).astype(image.dtype))

        weights = np.full(settings.samples, 1 / settings.samples)
        arrays[index] = _mean_gradient(net, noisy, weights, target, settings)
    return arrays


def _mean_gradient(
    net: Network, point: Callable[[int], Array], weights: Array, target: Target, settings: Settings
) -> Array:
    """Add up weight * gradient over inputs made by `point`, a few at a time in the same memory."""
    total = np.zeros(point(0).shape, np.float64)
    workspace, size = Workspace(), chunk_size(net)
    for first in range(0, len(weights), size):
        steps = range(first, min(first + size, len(weights)))
        x = np.stack([point(step) for step in steps])
        activations = net.run(x, algorithm=settings.algorithm, workspace=workspace)
        grads = _back(net, activations, [target] * len(steps))
        total += np.tensordot(weights[steps.start : steps.stop], grads, 1)
    return total


def chunk_size(net: Network, memory: int = 1 << 26) -> int:
    """Give how many images' activations fit into `memory` bytes, at least one."""
    values = sum(int(np.prod(shape[1:])) for shape in net.shapes().values())
    return max(1, memory // max(values * net.dtype.itemsize, 1))


#: The methods of `saliency`.
METHODS: Mapping[str, Callable[[Network, Activations, list[Target], Settings], Array]] = {
    "gradient": _gradient,
    "gradient-x-input": _times_input,
    "guided": _guided,
    "integrated": _integrated,
    "smooth": _smooth,
}
