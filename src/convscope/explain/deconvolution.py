"""Deconvnet: what in the image made one cell fire, by running the network backwards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convscope.explain.backward_runs import backward_runs
from convscope.explain.receptive import field_box
from convscope.explain.run import one_image
from convscope.explain.sanity import PixelView, check_sanity
from convscope.explain.shown import shown
from convscope.explain.target import Target, node_of
from convscope.network import Network

__all__ = ["Deconvnet", "deconvnet"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Deconvnet(PixelView):
    """The pattern in the image that a cell's activation is projected back to.

    Attributes
    ----------
    array : ndarray of shape (C, H, W)
        In the units of the input times weights, linear in the cell's value.
    at : str
        The cell.
    label : str
        The class's name; "" where the cell is no class score.
    value : float
        The cell's value, which the projection begins with.
    box : (int, int, int, int)
        Top, left, bottom, right of the cell's receptive field in input pixels, the last two beyond its
        last pixel; it may reach beyond the image.
    pixels, preparation
        The image as people see it, and what was done to it before the network saw it.
    """

    at: str
    label: str
    value: float
    box: tuple[int, int, int, int]


def deconvnet(
    net: Network, image: Any, at: int | str | None = None, *, algorithm: str = "direct"
) -> Deconvnet:
    """Project one cell's activation back to the pixels (Zeiler and Fergus 2013).

    All other cells of the layer are set to zero, and the activation goes back through the layers: max
    pooling puts each value where its maximum was (the switches), a rectifier lets through what is
    positive, and a convolution uses its own filters, transposed. Biases take no part.

    Parameters
    ----------
    net : Network
    image : path, PIL image or ndarray
        As `net.input` prepares it; a float (C, H, W) or (1, C, H, W) is used untouched.
    at : int, str, optional
        'conv2[3]' is channel 3's strongest cell at this image, 'conv2[3,5,7]' that cell; a class number or
        name is its score. Without it the class that the network answers.
    algorithm : {"direct", "auto", "winograd"}
        How convolutions are computed.

    Raises
    ------
    InvalidValue, UnknownName
        If there is no such cell, or the image is not one image.

    References
    ----------
    Zeiler and Fergus (2013), Visualizing and understanding convolutional networks, section 2.1.

    Examples
    --------
    >>> import convscope as cs
    >>> net, digit = cs.models.small_cnn(), cs.data.digits().x[0]
    >>> view = deconvnet(net, digit, "conv2[5]")
    >>> view.at, view.box, view.array.shape
    ('conv2[5,0,2]', (-4, 0, 6, 10), (1, 8, 8))
    """
    x, preparation = one_image(net, image, "deconvnet")
    found = projections(net, x, at, algorithm)
    cell, array = found.cells[0], found.arrays[0]

    def again(other: Network) -> Array:
        return np.asarray(projections(other, x, cell, algorithm).arrays[0])

    return Deconvnet(
        array=array,
        at=cell.address,
        label=cell.label,
        value=float(found.values[0]),
        box=field_box(net, cell.node, cell.place, x.shape[1:]),
        pixels=shown(net, x[0]),
        preparation=preparation,
        _check=partial(check_sanity, net, again, cell.node, original=array),
    )


class Projections(NamedTuple):
    """The arrays (N, C, H, W) of a batch, the cells they are of, and the cells' values (N,)."""

    arrays: Array
    cells: list[Target]
    values: Array


def projections(net: Network, x: Array, at: Any, algorithm: str = "direct") -> Projections:
    """Project a cell of each image of a batch back to the input, beginning with the cell's value.

    Parameters
    ----------
    net : Network
    x : ndarray of shape (N, C, H, W)
    at : int, str, None or Target, or one for each image
    algorithm : str
    """
    node = node_of(net, at, "deconvnet")
    with backward_runs(net, node, algorithm=algorithm, who="deconvnet") as runs:
        found = runs.arrays(x, at, "deconvnet", weighted=True)
    return Projections(found.grads, found.targets, found.values)
