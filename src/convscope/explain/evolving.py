"""How the kernels of a network came to be: each one over the epochs of its training."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.errors import DtypeError, InvalidValue, UnknownName, nearest_names
from convscope.explain.kernel_tables import LARGEST, convolutions, kernel_table
from convscope.explain.labelled import Progress
from convscope.explain.patches import TopPatches, top_patches
from convscope.explain.run import run_one
from convscope.explain.shown import shown
from convscope.kernels import KernelTable
from convscope.network import Network
from convscope.result import Result

__all__ = ["Evolution", "LayerEvolution", "evolution"]

Array = NDArray[Any]
_NOISE = ("noise", "dead")


@dataclass(frozen=True, eq=False)
class LayerEvolution:
    """One convolution over E epochs; it has K filters.

    Attributes
    ----------
    node : str
    depth : int
        How many convolutions lie before it.
    family : ndarray of shape (E, K), text
        The family that each filter's verdict gives at each epoch.
    confidence : ndarray of shape (E, K)
        The probability that the family is right.
    formed : ndarray of shape (K,), int64
        From which epoch on the filter is no longer noise; -1 if it still is at the end.
    likeness : ndarray of shape (E, K)
        The cosine between each filter's weights and those it ends with.
    patterns : ndarray of shape (E, K, kH, kW)
        Each filter's dominant pattern, in the unit of its weights; of a filter of one channel its weights.
    maps : ndarray of shape (E, K, H, W) or None
        What it made of the image.
    patch_values : ndarray of shape (E, K) or None
        Its strongest response to the images.
    patch_images : ndarray of shape (E, K), int64, or None
        To which of them.
    patches : tuple of tuple of ndarray
        By epoch and filter the patch of that image which the response saw, (h, w, 3), uint8; empty where
        no images were given.
    """

    node: str
    depth: int
    family: Array
    confidence: NDArray[np.float64]
    formed: NDArray[np.int64]
    likeness: NDArray[np.float64]
    patterns: Array = field(repr=False)
    maps: Array | None = field(repr=False)
    patch_values: Array | None = field(repr=False)
    patch_images: NDArray[np.int64] | None = field(repr=False)
    patches: tuple[tuple[NDArray[np.uint8], ...], ...] = field(repr=False)

    @property
    def formed_share(self) -> NDArray[np.float64]:
        """The share of the filters that are not noise at each epoch, (E,)."""
        return np.asarray((~np.isin(self.family, _NOISE)).mean(axis=1))


@dataclass(frozen=True, eq=False)
class Evolution(Result):
    """The convolutions of a network over the epochs of its training.

    Attributes
    ----------
    epochs : tuple of int
        Of the snapshots; 0 is before training.
    layers : tuple of LayerEvolution
        From the image upwards.
    left_out : dict of str to str
        Convolutions that are not shown, and why.
    image : ndarray of shape (H, W, 3), uint8, or None
        Whose feature maps are given.
    data : str
        What the images are called that the patches come from; "" without any.
    name : str
        What the run is called.
    """

    epochs: tuple[int, ...]
    layers: tuple[LayerEvolution, ...]
    left_out: dict[str, str]
    image: NDArray[np.uint8] | None = field(repr=False)
    data: str
    name: str

    def __getitem__(self, node: str) -> LayerEvolution:
        """Give one layer by its node's name."""
        for layer in self.layers:
            if layer.node == node:
                return layer
        known = [layer.node for layer in self.layers]
        raise UnknownName(f"evolution: there is no layer {node!r}; {nearest_names(node, known)}.")


def evolution(
    run: Any,
    node: str | Sequence[str] | None = None,
    image: Any = None,
    *,
    images: Any = None,
    progress: Progress | None = None,
) -> Evolution:
    """Follow the kernels of a network through its training.

    Of each kernel, at each snapshot: the verdict on what kind of filter it is, what it makes of an image, and
    the patch of real images it answers most strongly. Random kernels are noise to the verdict, so the epoch
    from which a kernel is something else, and stays so, is when it formed. A verdict may call a random kernel
    something else by chance, on small kernels more often: epoch 0 shows how often.

    Parameters
    ----------
    run : Run, or mapping of int to Network
        What `load_run` gives, or its snapshots, by epoch.
    node : str or sequence of str, optional
        Convolutions; all of them that have a pattern, larger than 1x1, when left out.
    image : path, PIL image or ndarray, optional
        Whose feature maps are given.
    images : ndarray, data set, folder or list of paths, optional
        In which the strongest patches are looked for.
    progress : callable, optional
        Told (snapshots done, snapshots).

    Raises
    ------
    UnknownName, InvalidValue, DtypeError
        If there is no such convolution, or fewer than two snapshots, or they are of different networks.

    Examples
    --------
    >>> import convscope as cs
    >>> before, after = (cs.models.small_cnn(seed=seed) for seed in (0, 1))
    >>> found = evolution({0: before, 5: after}, "conv1", cs.data.digits().x[0])
    >>> found.epochs, found["conv1"].family.shape, found["conv1"].maps.shape
    ((0, 5), (2, 16), (2, 16, 8, 8))
    """
    snapshots = getattr(run, "snapshots", run)
    if not isinstance(snapshots, Mapping):
        folder = isinstance(run, str | os.PathLike)
        raise DtypeError(
            "evolution: run must be a Run or a mapping of epoch to network; got "
            + (
                f"a path: give convscope.load_run({os.fspath(run)!r})."
                if folder
                else f"{type(run).__name__}."
            )
        )
    epochs = tuple(sorted(snapshots))
    if len(epochs) < 2:
        raise InvalidValue(f"evolution: there must be at least two snapshots; got {len(epochs)}.")
    last = snapshots[epochs[-1]]
    nodes, left_out = _chosen(last, node)
    found: list[_Moment] = []
    for done, epoch in enumerate(epochs):
        if progress is not None:
            progress(done, len(epochs))
        found.append(_moment(snapshots[epoch], nodes, image, images, epoch))
    if progress is not None:
        progress(len(epochs), len(epochs))
    order = list(convolutions(last))
    return Evolution(
        epochs=epochs,
        layers=tuple(_layer(name, order.index(name), epochs, found) for name in nodes),
        left_out=left_out,
        image=None if image is None else shown(last, run_one(last, image, "evolution")[last.input_name][0]),
        data=_called(found),
        name=str(getattr(getattr(run, "folder", None), "name", "")),
    )


@dataclass(frozen=True, eq=False)
class _Moment:
    """What one snapshot shows, by node."""

    tables: dict[str, KernelTable]
    maps: dict[str, Array]
    patches: dict[str, TopPatches]


def _chosen(net: Network, node: str | Sequence[str] | None) -> tuple[tuple[str, ...], dict[str, str]]:
    known = convolutions(net)
    left_out = {}
    for name, layer in known.items():
        sides = layer.parameters["weight"].shape[2:]
        if max(sides) == 1:
            left_out[name] = "its kernels are 1x1 and have no pattern"
        elif max(sides) > LARGEST:
            left_out[name] = f"its kernels are larger than {LARGEST}x{LARGEST}"
    if node is None:
        nodes = tuple(name for name in known if name not in left_out)
        if not nodes:
            raise InvalidValue("evolution: the network must have a convolution with kernels beyond 1x1.")
        return nodes, left_out
    nodes = (node,) if isinstance(node, str) else tuple(node)
    for name in nodes:
        if name not in known:
            raise UnknownName(f"evolution: there is no convolution {name!r}; {nearest_names(name, known)}.")
        if name in left_out:
            raise InvalidValue(f"evolution: {name!r} cannot be followed: {left_out[name]}.")
    return nodes, {}


def _moment(net: Network, nodes: Sequence[str], image: Any, images: Any, epoch: int) -> _Moment:
    known = convolutions(net)
    for name in nodes:
        if name not in known:
            raise InvalidValue(
                f"evolution: all snapshots must be of one network; epoch {epoch} has no {name!r}."
            )
    maps = {}
    if image is not None:
        activations = run_one(net, image, "evolution")
        maps = {name: activations[name][0].copy() for name in nodes}
    patches = {}
    if images is not None:
        tables = top_patches(net, images, list(nodes), 1)
        patches = {name: tables[name] for name in nodes} if not isinstance(tables, TopPatches) else {}
    return _Moment({name: kernel_table(net, name) for name in nodes}, maps, patches)


def _layer(node: str, depth: int, epochs: tuple[int, ...], found: Sequence[_Moment]) -> LayerEvolution:
    tables = [moment.tables[node] for moment in found]
    if len({table.weight.shape for table in tables}) > 1:
        raise InvalidValue(f"evolution: all snapshots must be of one network; {node!r} changes its shape.")
    family = np.stack([table.family for table in tables])
    patches = [moment.patches[node] for moment in found if node in moment.patches]
    weights = np.stack([table.weight.reshape(len(table), -1).astype(np.float64) for table in tables])
    lengths = np.linalg.norm(weights, axis=2)
    along = np.einsum("ekw,kw->ek", weights, weights[-1])
    return LayerEvolution(
        node=node,
        depth=depth,
        family=family,
        confidence=np.stack([[v.confidence for v in table] for table in tables]),
        formed=_formed(family, epochs),
        likeness=np.divide(
            along, lengths * lengths[-1], out=np.zeros_like(along), where=lengths * lengths[-1] > 0
        ),
        patterns=_patterns(tables),
        maps=np.stack([moment.maps[node] for moment in found]) if found[0].maps else None,
        patch_values=np.stack([one.values[:, 0] for one in patches]) if patches else None,
        patch_images=np.stack([one.image[:, 0] for one in patches]) if patches else None,
        patches=tuple(tuple(one.pictures(c)[0] for c in range(len(one))) for one in patches),
    )


def _formed(family: Array, epochs: tuple[int, ...]) -> NDArray[np.int64]:
    """Give for each filter the first epoch after which it is never noise again, -1 where there is none."""
    noise = np.isin(family, _NOISE)
    # how many epochs at the end are free of noise
    free = np.argmax(np.concatenate([noise[::-1], np.ones((1, noise.shape[1]), bool)]), axis=0)
    starts = len(epochs) - free
    return np.array([-1 if start == len(epochs) else epochs[start] for start in starts], np.int64)


def _patterns(tables: Sequence[KernelTable]) -> Array:
    """Give the dominant patterns in the unit of the weights, their signs as at the last epoch."""
    found = []
    for table in tables:
        # a pattern has norm 1, and the first of the shares is its part of the filter's energy
        strength = [v.norm * np.sqrt(v.channel_shares[0] if v.channel_shares else 1.0) for v in table]
        patterns = np.stack([np.asarray(v.pattern, np.float64) for v in table])
        found.append(patterns * np.array(strength)[:, None, None])
    stacked = np.stack(found)
    if tables[0].weight.shape[1] > 1:  # which of the two signs a mode of several channels gets is arbitrary
        along = np.einsum("ekij,kij->ek", stacked, stacked[-1])
        stacked *= np.where(along < 0, -1.0, 1.0)[:, :, None, None]
    return stacked


def _called(found: Sequence[_Moment]) -> str:
    return next((one.data for moment in found for one in moment.patches.values()), "")
