"""Saliency: how each pixel of an image acts on a class score, a channel or a cell."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.explain.attribution import Settings, attribution, baseline_of
from convscope.explain.labelled import Progress
from convscope.explain.run import one_image
from convscope.explain.sanity import PixelView, check_sanity
from convscope.explain.shown import shown
from convscope.explain.target import Target
from convscope.network import Network

__all__ = ["Saliency", "saliency"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Saliency(PixelView):
    """How each number of the input acts on a target; `str` and pictures say how far it can be trusted.

    Attributes
    ----------
    array : ndarray of shape (C, H, W)
        Signed.
    method : str
    target : str
        The address of the cell that is explained.
    label : str
        The class's name; "" where the target is no class.
    value : float
        The target's value.
    gap : float or None
        Of "integrated": the sum of the array less the rise of the value from the baseline to the image,
        which is 0 for the exact integral.
    pixels, preparation
        The image as people see it, and what was done to it before the network saw it.
    """

    method: str
    target: str
    label: str
    value: float
    gap: float | None


def saliency(
    net: Network,
    image: Any,
    target: int | str | None = None,
    method: str = "gradient",
    *,
    steps: int = 50,
    baseline: float | Array = 0.0,
    samples: int = 25,
    noise: float = 0.15,
    seed: int = 0,
    algorithm: str | None = None,
    progress: Progress | None = None,
) -> Saliency:
    """Say how each pixel acts on a class score, a channel's strongest cell or a cell.

    Parameters
    ----------
    net : Network
    image : path, PIL image or ndarray
        As `net.input` prepares it; a float (C, H, W) or (1, C, H, W) is used untouched.
    target : int, str, optional
        A class by its number or name (its score before the last softmax), or an address:
        'conv2[3,5,7]' is a cell, 'conv2[3]' a channel's strongest cell. Without it the class that the
        network answers.
    method : {"gradient", "gradient-x-input", "guided", "integrated", "smooth"}
        See the references; docs/views.md has the equations and how far each can be trusted.
    steps, baseline, samples, noise, seed, algorithm
        See `convscope.explain.Settings`.
    progress : callable, optional
        Told (inputs done, inputs) by "integrated" and "smooth".

    Raises
    ------
    InvalidValue, UnknownName
        If the target, the method or a setting does not exist, or the image is not one image.

    References
    ----------
    Simonyan, Vedaldi and Zisserman (2013), Deep inside convolutional networks (gradient).
    Springenberg, Dosovitskiy, Brox and Riedmiller (2014), Striving for simplicity (guided).
    Sundararajan, Taly and Yan (2017), Axiomatic attribution for deep networks (integrated).
    Smilkov, Thorat, Kim, Viegas and Wattenberg (2017), SmoothGrad (smooth).

    Examples
    --------
    >>> import convscope as cs
    >>> net, digit = cs.models.small_cnn(), cs.data.digits().x[0]
    >>> view = saliency(net, digit, 3, "integrated")
    >>> view.array.shape, view.target
    ((1, 8, 8), 'fc[3]')
    >>> abs(view.gap) < 0.01
    True
    """
    settings = Settings(steps, baseline, samples, noise, seed, algorithm)
    x, preparation = one_image(net, image, "saliency")
    found = attribution(net, x, target, method, settings, progress)
    cell = found.targets[0]

    def again(other: Network) -> Array:
        return np.asarray(attribution(other, x, cell, method, settings).arrays[0])

    return Saliency(
        array=found.arrays[0],
        method=method,
        target=cell.address,
        label=cell.label,
        value=float(found.values[0]),
        gap=_gap(net, x, found.arrays[0], cell, settings) if method == "integrated" else None,
        pixels=shown(net, x[0]),
        preparation=preparation,
        _check=partial(check_sanity, net, again, cell.node, original=found.arrays[0]),
    )


def _gap(net: Network, x: Array, array: Array, cell: Target, settings: Settings) -> float:
    both = net.run(
        np.concatenate([x, baseline_of(settings, x)[None]]), keep=(cell.node,), algorithm="direct"
    )[cell.node]
    rise = float(both[(0, *cell.place)]) - float(both[(1, *cell.place)])
    return float(array.sum(dtype=np.float64)) - rise
