"""How each number of the input acts on a class score, a channel or a cell: arrays in, arrays out.

gradient           d s / d x
gradient-x-input   x * d s / d x
guided             d s / d x, where a rectifier passes only positive gradients of positive inputs
integrated         (x - b) * integral over t in [0, 1] of d s / d x at b + t*(x - b)
smooth             the mean of d s / d x at x + noise
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import InvalidValue
from convscope.explain.backward_runs import BackwardRuns, backward_runs
from convscope.explain.labelled import Progress
from convscope.explain.part import up_to
from convscope.explain.target import Target, find_targets, node_of, values_of
from convscope.layers import Context, Conv2d
from convscope.network import Network
from convscope.network.input import as_batch
from convscope.ops.memory import empty_channels_last

__all__ = ["METHODS", "Attribution", "Settings", "attribution", "attributions", "baseline_of"]

Array = NDArray[Any]

#: The methods of `saliency`.
METHODS = ("gradient", "gradient-x-input", "guided", "integrated", "smooth")


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
    algorithm : {"direct", "auto", "winograd"}, optional
        How convolutions are computed. Without it directly, the most exact; for "integrated" and "smooth",
        which are means over many points, "auto": what Winograd's algorithm loses is far below what the
        means themselves are off by, and takes two thirds of the time. Only float32 knows a difference.
    """

    steps: int = 50
    baseline: float | Array = 0.0
    samples: int = 25
    noise: float = 0.15
    seed: int = 0
    algorithm: str | None = None

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


def attribution(
    net: Network,
    images: Any,
    target: Any,
    method: str,
    settings: Settings,
    progress: Progress | None = None,
) -> Attribution:
    """Compute `attributions`, with the targets that were found and their values."""
    if method not in METHODS:
        raise InvalidValue(f"saliency: method must be one of {', '.join(METHODS)}; got {method!r}.")
    if len(net.input_shape) != 3:
        raise InvalidValue(f"saliency: the network must take images (C, H, W); it takes {net.input_shape}.")
    x = as_batch(images, net.input, net.input_shape, net.dtype)[0]
    node = node_of(net, target, "saliency")
    averages = method in ("integrated", "smooth")
    algorithm = settings.algorithm or ("auto" if averages else "direct")
    if averages:
        run = up_to(net, (node,)).run(x, keep="output", algorithm="direct")
        targets = find_targets(net, target, run, "saliency")
        count = settings.steps if method == "integrated" else settings.samples
        mean = _integrated if method == "integrated" else _smooth
        with net.borrowed(("means", node, algorithm), lambda: Means(net, node, algorithm)) as means:
            arrays = mean(means, x, targets, settings, _counter(progress, count * len(x)))
        return Attribution(arrays, targets, values_of(targets, run))
    with backward_runs(net, node, algorithm=algorithm, who="saliency") as runs:
        found = runs.arrays(x, target, "guided" if method == "guided" else "gradient")
    if method == "gradient-x-input":
        found.grads[...] *= x
    return Attribution(found.grads, found.targets, found.values)


def _counter(progress: Progress | None, total: int) -> Callable[[int], None]:
    """Give what adds up how much was done, and tells `progress`."""
    so_far = 0

    def done(more: int) -> None:
        nonlocal so_far
        so_far += more
        if progress is not None:
            progress(so_far, total)

    return done


def _integrated(
    means: Means, x: Array, targets: list[Target], settings: Settings, done: Callable[[int], None]
) -> Array:
    """Sundararajan, Taly and Yan (2017), equation 1, by the Gauss-Legendre rule on [0, 1]."""
    from scipy.special import roots_legendre  # of thousands of steps in a second; NumPy's takes minutes

    places, weights = roots_legendre(settings.steps)
    places, weights = (places + 1) / 2, weights / 2
    start = baseline_of(settings, x)
    arrays = np.empty_like(x)
    for image, target in enumerate(targets):
        # the first convolution of a point on the way is a point on the way between the convolutions
        begin, end = means.front(np.stack([start, x[image]]))
        points = _points(begin, end - begin, places)
        arrays[image] = (x[image] - start) * means(points, weights, target, x.shape[1:], done)
    return arrays


def baseline_of(settings: Settings, x: Array) -> Array:
    """Give the baseline as one image, of the shape and dtype of a batch (N, C, H, W)."""
    try:
        start = np.broadcast_to(np.asarray(settings.baseline, x.dtype), x.shape[1:])
    except (TypeError, ValueError):
        start = np.full(x.shape[1:], np.nan)
    if not np.isfinite(start).all():
        got = settings.baseline
        raise InvalidValue(
            f"saliency: baseline must be a finite number or an array that fits the image {x.shape[1:]}; got "
            f"{f'an array of shape {got.shape}' if isinstance(got, np.ndarray) else repr(got)}."
        )
    return start


def _points(begin: Array, way: Array, places: Array) -> Callable[[range], Array]:
    """Give points on the straight line from `begin`, at the shares `places` of the way."""

    def points(steps: range) -> Array:
        batch = empty_channels_last((len(steps), *way.shape), way.dtype)
        for row, step in zip(batch, steps, strict=True):
            np.multiply(way, way.dtype.type(places[step]), out=row)
            row += begin
        return batch

    return points


def _smooth(
    means: Means, x: Array, targets: list[Target], settings: Settings, done: Callable[[int], None]
) -> Array:
    """Smilkov et al. (2017), SmoothGrad, the mean over noisy copies of the image."""
    weights = np.full(settings.samples, 1 / settings.samples)
    arrays = np.empty_like(x)
    for index, (image, target) in enumerate(zip(x, targets, strict=True)):
        sigma = settings.noise * float(image.max() - image.min())

        def noisy(steps: range, index: int = index, image: Array = image, sigma: float = sigma) -> Array:
            draws = [np.random.default_rng((settings.seed, index, step)) for step in steps]
            noise = np.stack([rng.normal(0, sigma, image.shape).astype(image.dtype) for rng in draws])
            return means.front(image + noise)

        arrays[index] = means(noisy, weights, target, image.shape, done)
    return arrays


class Means:
    """Weighted means of the gradient over many inputs.

    Attributes
    ----------
    front : Front
        What the inputs have gone through when they are given.
    """

    def __init__(self, net: Network, node: str, algorithm: str) -> None:
        self.front = Front(up_to(net, (node,)), node, algorithm)
        self._runs = BackwardRuns(self.front.rest, node, algorithm=algorithm, who="saliency")

    def __call__(
        self,
        inputs: Callable[[range], Array],
        weights: Array,
        target: Target,
        shape: tuple[int, ...],
        done: Callable[[int], None],
    ) -> Array:
        """Give the sum of weight * gradient by an image of `shape` (C, H, W); `done` counts the inputs."""
        total = None
        for first in range(0, len(weights), self._runs.chunk):
            steps = range(first, min(first + self._runs.chunk, len(weights)))
            grads = self._runs(inputs(steps), target).grads
            # one image at a time, in the gradients' own order of memory and dtype: as fast as memory allows
            total = np.zeros_like(grads[0]) if total is None else total
            for step, grad in zip(steps, grads, strict=True):
                total += np.multiply(grad, grad.dtype.type(weights[step]))
            done(len(steps))
        return self.front.back(np.asarray(total), shape)


class Front:
    """The convolution that alone reads the image, and the rest of the network.

    It is linear, so that a mean of gradients goes back through it once, not once for each input. Where
    there is no such convolution the rest is the whole network.

    Attributes
    ----------
    rest : Network
        Its input is the convolution's output.
    """

    def __init__(self, net: Network, target: str, algorithm: str) -> None:
        readers = [node for node in net.nodes.values() if net.input_name in node.inputs]
        alone = len(readers) == 1 and type(readers[0].layer) is Conv2d and readers[0].name != target
        self._first = readers[0] if alone and not net.more_inputs else None
        self._context = Context(algorithm=algorithm, wants_parameters=False)
        self.rest = net
        if self._first is not None:
            self.rest = Network(
                (node for node in net.nodes.values() if node is not self._first),
                net.shapes()[self._first.name][1:],
                input_name=self._first.name,
                outputs=net.outputs,
                dtype=net.dtype,
            )

    def __call__(self, x: Array) -> Array:
        """Give what the rest takes, (N, ...)."""
        if self._first is None:
            return x
        return np.asarray(self._first.layer.forward(x, context=self._context)[0])

    def back(self, grad: Array, shape: tuple[int, ...]) -> Array:
        """Carry a gradient at the rest's input back to the image, of `shape` (C, H, W)."""
        if self._first is None:
            return grad
        cache = np.broadcast_to(grad.dtype.type(0), (1, *shape))  # only its shape is read
        found = self._first.layer.backward(grad[None], cache, context=self._context)[0]
        return np.asarray(np.asarray(found)[0])
