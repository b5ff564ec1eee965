"""The strongest responses of every channel over any number of images, and the patches that caused them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.explain.features import checked_nodes
from convscope.explain.labelled import Images, Progress, as_images
from convscope.explain.part import up_to
from convscope.explain.patch_state import PatchState
from convscope.explain.receptive import cell_spans
from convscope.explain.shown import shown
from convscope.explain.strongest import Strongest
from convscope.network import Network
from convscope.result import Result

__all__ = ["PatchTables", "TopPatches", "top_patches"]

Array = NDArray[Any]
Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class TopPatches(Result):
    """Where each channel of a node responds most strongly.

    The k responses of a channel stand in descending order. Fewer than k, where there are fewer images,
    leave `image` at -1 and `values` at minus infinity.

    Attributes
    ----------
    node : str
    values : ndarray of shape (C, k)
    image : ndarray of shape (C, k), int64
        Which image of the data.
    row, column : ndarrays of shape (C, k), int64
        The cell of the node.
    boxes : ndarray of shape (C, k, 4), int64
        The cell's receptive field: top, left, bottom, right in input pixels, the last two exclusive. It
        may reach beyond the image, into the padding.
    size : (int, int)
        The largest receptive field of the node's cells, padding included.
    images : int
        How many images were seen.
    per_image : int
        At most so many responses of a channel come from one image.
    data : str
        What the images are called.
    """

    node: str
    values: Array
    image: Array
    row: Array
    column: Array
    boxes: Array
    size: tuple[int, int]
    images: int
    per_image: int
    data: str
    _images: Images = field(repr=False)
    _net: Network = field(repr=False)

    def __len__(self) -> int:
        return len(self.values)

    def patches(self, channel: int) -> list[Array]:
        """Give the image patches (C, h, w) of a channel, the strongest first, in the units of the input.

        They are read again from the images. What lies beyond the image is 0.
        """
        found = self.image[channel][self.image[channel] >= 0]
        if not len(found):
            return []
        x = self._images.several(found)
        return [_cut(image, box, 0.0) for image, box in zip(x, self.boxes[channel].tolist(), strict=False)]

    def pictures(self, channel: int) -> list[NDArray[np.uint8]]:
        """Give the same patches as pixels (h, w, 3); what lies beyond the image is grey."""
        found = self.image[channel][self.image[channel] >= 0]
        if not len(found):
            return []
        x = self._images.several(found)
        return [
            _cut(shown(self._net, image).transpose(2, 0, 1), box, 128).transpose(1, 2, 0)
            for image, box in zip(x, self.boxes[channel].tolist(), strict=False)
        ]

    def label(self, channel: int, rank: int) -> str:
        """Name the image of a response: its file, else its number."""
        return self._images.label(int(self.image[channel, rank]))


@dataclass(frozen=True, eq=False)
class PatchTables(Result, Mapping[str, TopPatches]):
    """The strongest responses of several nodes, by node.

    Attributes
    ----------
    nodes : tuple of TopPatches
        In the order of computation.
    """

    nodes: tuple[TopPatches, ...]

    def __getitem__(self, node: str) -> TopPatches:
        for one in self.nodes:
            if one.node == node:
                return one
        names = [one.node for one in self.nodes]
        raise UnknownName(f"top_patches: there is no node {node!r}; {nearest_names(node, names)}.")

    def __iter__(self) -> Iterator[str]:
        return iter(one.node for one in self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)


def top_patches(
    net: Network,
    images: Any,
    node: str | Sequence[str] | None = None,
    k: int = 9,
    *,
    per_image: int = 1,
    batch_size: int | None = None,
    state: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> TopPatches | PatchTables:
    """Find the k strongest responses of every channel in one pass over any number of images.

    Only the responses are held, never the images: memory does not grow with their number.

    Parameters
    ----------
    net : Network
    images : ndarray of shape (N, C, H, W), data set, folder or list of images
        A folder gives every image in it and in the folders within; it may be larger than memory. Files are
        prepared by `net.input`, arrays and data sets used untouched.
    node : str or sequence of str, optional
        A node gives `TopPatches`; several, or None for every hidden layer (after its norm and activation),
        `PatchTables`.
    k : int
        Responses of each channel.
    per_image : int
        How many of them may come from one image.
    batch_size : int, optional
        It changes time and memory, not the result. Without it as many as need 8 MB, about what caches
        hold, and at most 512.
    state : path, optional
        Where to keep what was found so far: about every ten seconds and at an interruption it is written,
        and a call with the same network, nodes and images goes on from there.
    progress : callable, optional
        `progress(done, total)` is called after each batch.

    Raises
    ------
    InvalidValue, UnknownName, DtypeError, FileError
        If a node does not exist or has no channels, the images are not fit for the network, or `state` is
        of another call.

    References
    ----------
    Zeiler and Fergus (2013), Visualizing and understanding convolutional networks, figure 2.

    Examples
    --------
    >>> import convscope as cs
    >>> found = top_patches(cs.models.small_cnn(), cs.data.digits().x[:200], "conv2", k=4)
    >>> found.values.shape, found.boxes.shape, found.patches(0)[0].shape
    ((32, 4), (32, 4, 4), (1, 10, 10))
    """
    source = as_images(net, images, "top_patches")
    names = _nodes(net, node)
    k, per_image = _count("k", k), _count("per_image", per_image)
    cut = up_to(net, names)
    compute = cut.predictor(names)
    shape = source.one(0).shape
    channels = {name: size[1] for name, size in cut.shapes(shape).items() if name in names}
    size = _batch_size(cut, names) if batch_size is None else _count("batch_size", batch_size)
    kept = PatchState(state, net, names, k, per_image, source)
    # one tuple, replaced as a whole: an interruption never sees half a batch
    done = kept.restore({name: Strongest(channels[name], k, per_image) for name in names})
    try:
        rest = np.arange(done[1], len(source)) if done[1] else None
        for x in source.batches(size, rest) if done[1] < len(source) else ():
            run = compute({net.input_name: x}, copy=False)
            seen = done[1] + len(x)
            done = {name: one.joined(run[name], done[1]) for name, one in done[0].items()}, seen
            kept.save_sometimes(*done)
            if progress is not None:
                progress(seen, len(source))
    finally:
        kept.save(*done)
    tables = tuple(_table(net, name, done[0][name], source, shape) for name in names)
    return tables[0] if isinstance(node, str) else PatchTables(tables)


def _table(net: Network, name: str, found: Strongest, source: Images, shape: tuple[int, ...]) -> TopPatches:
    shapes = {key: value[1:] for key, value in net.shapes(shape).items()}
    boxes = np.zeros((*found.image.shape, 4), np.int64)
    size = []
    for axis, cells in ((0, found.row), (1, found.column)):
        first, last = cell_spans(net, shapes, name, axis)
        none = first > last  # a hole that a transposed convolution leaves
        low, high = np.where(none, 0, first), np.where(none, -1, last)
        boxes[..., axis], boxes[..., axis + 2] = low[cells], high[cells] + 1
        size.append(int((high - low + 1).max()))
    return TopPatches(
        node=name,
        values=found.values,
        image=found.image,
        row=found.row,
        column=found.column,
        boxes=boxes,
        size=(size[0], size[1]),
        images=len(source),
        per_image=found.per_image,
        data=source.name,
        _images=source,
        _net=net,
    )


def _nodes(net: Network, node: str | Sequence[str] | None) -> tuple[str, ...]:
    names = checked_nodes(net, node, "top_patches")
    shapes = net.shapes()
    for name in names:
        if len(shapes[name]) not in (2, 4) or name not in net.nodes:
            raise InvalidValue(
                f"top_patches: a node must give maps (C, H, W) or a vector; {name!r} gives "
                f"{shapes[name][1:]}."
            )
    if len(set(names)) != len(names):
        raise InvalidValue(f"top_patches: each node must be named once; got {', '.join(names)}.")
    return names


def _cut(image: Array, box: Sequence[int], beyond: float) -> Array:
    """Cut a box out of an image (C, H, W), with a constant beyond it."""
    top, left, bottom, right = box
    patch = np.full((len(image), bottom - top, right - left), beyond, image.dtype)
    rows = slice(max(top, 0), min(bottom, image.shape[1]))
    columns = slice(max(left, 0), min(right, image.shape[2]))
    patch[:, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = image[
        :, rows, columns
    ]
    return patch


def _batch_size(cut: Network, names: tuple[str, ...], memory: int = 1 << 23) -> int:
    shapes = cut.shapes()
    each = sum(int(np.prod(shapes[name][1:])) for name in names) * cut.dtype.itemsize
    return max(1, min(512, memory // each))


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InvalidValue(f"top_patches: {name} must be a whole number of at least 1; got {value!r}.")
    return int(value)
