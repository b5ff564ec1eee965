"""Judging one kernel (`verdict`) and a whole layer (`judge`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, overload

import numpy as np

from convscope.errors import DtypeError, InvalidValue
from convscope.kernels.duplicates import Duplicates, find_duplicates
from convscope.kernels.examine import Columns, examine
from convscope.kernels.families import FAMILIES
from convscope.kernels.fits import chunk_of, fitter_for
from convscope.kernels.grid import Array
from convscope.kernels.layer import Layer, describe
from convscope.kernels.nulls import null_for
from convscope.kernels.rows import verdict_of
from convscope.kernels.verdicts import Verdict
from convscope.kernels.workers import on_all_cores, workers
from convscope.result import Result, plain

__all__ = ["KernelTable", "judge", "verdict"]

LARGEST = 31
DEAD = 0.01


@dataclass(frozen=True)
class KernelTable(Result, Sequence[Verdict]):
    """Verdicts on all filters of a layer: a sequence of `Verdict`, and columns as arrays.

    Attributes
    ----------
    weight : ndarray of shape (K, C, kH, kW)
    channels : str or None
    stride : int
    columns : dict of ndarray
        One row per filter; `family`, `runner_up`, `passband` and `symmetry` hold
        positions in `FAMILIES`, `PASSBANDS` and `SYMMETRIES`. Missing numbers are NaN or -1.
    null_samples : int
    node : str
        Where the weight comes from, if it was said.
    """

    weight: Array = field(repr=False)
    channels: str | None
    stride: int
    columns: Columns = field(repr=False)
    null_samples: int
    node: str = ""

    def __len__(self) -> int:
        return len(self.weight)

    @overload
    def __getitem__(self, index: int) -> Verdict: ...
    @overload
    def __getitem__(self, index: slice) -> list[Verdict]: ...
    def __getitem__(self, index: int | slice) -> Verdict | list[Verdict]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} filters; got index {index}")
        return verdict_of(self, index % len(self))

    def __iter__(self) -> Iterator[Verdict]:
        return (self[i] for i in range(len(self)))

    @property
    def family(self) -> Array:
        """The family of each filter as text."""
        return np.array(FAMILIES)[self.columns["family"]]

    @property
    def counts(self) -> dict[str, int]:
        """How many filters each family has, most first."""
        return dict(Counter(self.family.tolist()).most_common())

    @property
    def layer(self) -> Layer:
        """The view of the whole layer: findings, coverage, CNN Filter DB measures."""
        return describe(self.weight, self.columns, self.stride)

    def to_dict(self) -> dict[str, Any]:
        """Give the layer view and every verdict as plain Python."""
        return {
            "node": self.node,
            "shape": list(self.weight.shape),
            "channels": self.channels,
            "stride": self.stride,
            "null_samples": self.null_samples,
            "counts": self.counts,
            "layer": plain(self.layer),
            "verdicts": [verdict.to_dict() for verdict in self],
        }


def verdict(a: Any, *, channels: str | None = None, stride: int = 1) -> Verdict:
    """Say what kind of filter a kernel is.

    Parameters
    ----------
    a : array_like of shape (kH, kW) or (C, kH, kW)
        One kernel, or one filter; sides 1 to 31. Whole numbers are converted to
        floating point.
    channels : "RGB", "BGR" or None
        What the three channels of a filter are, for the colour part.
    stride : int
        Stride of the layer, for `aliased`.

    Raises
    ------
    InvalidValue
        If the array is empty, has another number of dimensions or NaN or
        infinity in it, is larger than 31 x 31, or `channels` does not fit.
    DtypeError
        If it does not hold real numbers.

    Examples
    --------
    >>> v = verdict([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    >>> v.family, v.derivative_order, round(v.orientation), round(v.direction) % 360
    ('edge', 1, 90, 0)
    >>> v.classic.name, v.classic.angle
    ('Sobel x', 0.0)
    """
    array = _checked(a, "verdict")
    if array.ndim not in (2, 3):
        raise InvalidValue(
            f"verdict: a kernel is (kH, kW) and a filter (C, kH, kW); got shape {array.shape}."
        )
    weight = array.reshape(1, *((1,) if array.ndim == 2 else ()), *array.shape)
    return judge(weight, channels, stride)[0]


def judge(weight: Any, channels: str | None = None, stride: int = 1, *, node: str = "") -> KernelTable:
    """Judge all filters of a layer at once.

    Parameters
    ----------
    weight : array_like of shape (K, C, kH, kW)
    channels : "RGB", "BGR" or None
    stride : int
    node : str
        A name to keep with the table.

    Raises
    ------
    InvalidValue, DtypeError
        As `verdict`.

    Examples
    --------
    >>> from convscope.kernels import bank
    >>> table = judge(np.stack([bank["sobel-x"].array, bank["box"].array])[:, None])
    >>> table.family.tolist()
    ['edge', 'smoothing']
    """
    array = _checked(weight, node or "judge")
    if array.ndim != 4:
        raise InvalidValue(f"judge: weight must be (K, C, kH, kW); got shape {array.shape}.")
    _check_channels(array.shape[1], channels)
    if isinstance(stride, bool) or not isinstance(stride, int | np.integer) or stride < 1:
        raise InvalidValue(f"judge: stride must be a whole number of at least 1; got {stride!r}.")
    n, depth, height, width = array.shape
    largest = np.abs(array).reshape(n, -1).max(axis=1)
    alive = (largest > 0) & (largest >= DEAD * largest.max())
    # scaled by each filter's largest value, so that tiny or huge weights neither vanish nor overflow
    scaled = (array / np.where(largest > 0, largest, 1)[:, None, None, None]).astype(np.float32)
    columns, duplicates = _judge_alive(scaled, alive, channels, int(stride))
    columns = _spread(columns, alive)
    columns["family"][~alive] = FAMILIES.index("dead")
    with np.errstate(over="ignore"):  # the norm of values near the largest there are is infinite
        columns["norm"] = np.linalg.norm(scaled.reshape(n, -1).astype(float), axis=1) * largest
    _add_duplicates(columns, duplicates)
    samples = null_for(height, width, depth).samples if height * width > 1 and alive.any() else 0
    return KernelTable(array, channels, int(stride), columns, samples, node)


def _checked(a: Any, who: str) -> Array:
    array = np.asarray(a)
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"{who}: the kernel must hold real numbers; got dtype {array.dtype}.")
    if array.ndim == 0 or array.size == 0:
        raise InvalidValue(f"{who}: the kernel must not be empty; got shape {array.shape}.")
    array = array.astype(np.float64) if array.dtype.kind != "f" or array.dtype.itemsize < 4 else array
    bad = ~np.isfinite(array)
    if bad.any():
        where = [int(i) for i in np.argwhere(bad)[0]]
        raise InvalidValue(
            f"{who}: the kernel must be finite; {int(bad.sum())} values are not, first at {where}."
        )
    if array.ndim >= 2 and max(array.shape[-2:]) > LARGEST:
        height, width = array.shape[-2:]
        raise InvalidValue(f"{who}: sides of 1 to {LARGEST} can be judged; got {height} x {width}.")
    return array


def _check_channels(depth: int, channels: str | None) -> None:
    if channels is None:
        return
    if channels not in ("RGB", "BGR"):
        raise InvalidValue(f'judge: channels must be "RGB", "BGR" or None; got {channels!r}.')
    if depth != 3:
        raise InvalidValue(f"judge: channels={channels!r} needs filters of 3 channels; got {depth}.")


def _judge_alive(
    weight: Array, alive: Array, channels: str | None, stride: int
) -> tuple[Columns, Duplicates]:
    """Judge the filters that are alive, in batches on all cores, and find the duplicates among them."""
    depth, height, width = weight.shape[1:]
    filters = weight[alive].reshape(-1, depth, height * width)
    if len(filters) == 0:
        return {"family": np.zeros(0, int)}, find_duplicates(weight, alive)
    if height * width == 1:
        return _pointwise(filters), find_duplicates(weight, alive)
    # made once, before the threads ask for them
    null_for(height, width, depth)
    fitter_for(height, width)
    batch = min(chunk_of(height * width), max(64, -(-len(filters) // workers())))
    batches = [filters[i : i + batch] for i in range(0, len(filters), batch)]
    if len(batches) == 1:
        return examine(filters, height, width, channels, stride), find_duplicates(weight, alive)
    jobs: list[Callable[[], Any]] = [partial(find_duplicates, weight, alive)]
    jobs += [partial(examine, part, height, width, channels, stride) for part in batches]
    duplicates, *parts = on_all_cores(lambda job: job(), jobs)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, duplicates


_ONES = ("confidence", "explained", "even_share", "pattern_dc_gain", "p_value", "low", "anisotropy_p")
_ZEROS = ("margin", "peak_frequency", "centroid", "middle", "high", "aliased", "anisotropy")


def _pointwise(filters: Array) -> Columns:
    """Columns of 1 x 1 filters: there is nothing spatial to measure."""
    n = len(filters)
    gain = np.abs(filters.sum((1, 2))) / np.abs(filters).sum((1, 2))
    zero, one = np.zeros(n), np.ones(n)
    return {
        "family": np.full(n, FAMILIES.index("pointwise")),
        "runner_up": np.full(n, -1),
        "passband": np.zeros(n, int),
        "symmetry": np.zeros(n, int),
        "moment_order": np.zeros(n, int),
        "derivative_order": np.full(n, -1),
        "separable_rank": np.ones(n, int),
        "dc_gain": gain,
        "pattern": np.ones((n, 1), np.float32),
        "shares": np.ones((n, 1), np.float32),
        "direction_of_channels": filters[:, :, 0] / np.linalg.norm(filters[:, :, 0], axis=1)[:, None],
        **dict.fromkeys(_ONES, one),
        **dict.fromkeys(_ZEROS, zero),
    }


def _spread(columns: Columns, alive: Array) -> Columns:
    """Put the rows of the filters that are alive into their places."""
    if alive.all():
        return columns
    spread: Columns = {}
    for name, values in columns.items():
        missing = {"f": np.nan, "U": ""}.get(values.dtype.kind, -1)
        whole = np.full((len(alive), *values.shape[1:]), missing, dtype=values.dtype)
        whole[alive] = values
        spread[name] = whole
    return spread


def _add_duplicates(columns: Columns, found: Duplicates) -> None:
    columns["duplicate_of"] = found.of
    columns["duplicate_cosine"] = found.cosine
    columns["duplicate_shift"] = found.shift
