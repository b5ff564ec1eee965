"""Drawn test cases: shapes by named axes, settings that differ by axis, and odd memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

MEMORY = ("C", "Fortran", "channels last", "slice", "negative", "transposed", "unaligned", "read-only")


def drawn(examples: int) -> settings:
    """Settings of a property-based test: as many examples, always the same ones."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def in_memory(array: np.ndarray, kind: str) -> np.ndarray:
    """Give an equal array whose memory is laid out as `kind` says."""
    shape, ndim = array.shape, array.ndim
    if kind == "C":
        return np.array(array, order="C")
    if kind == "Fortran":
        return np.array(array, order="F")
    if kind == "channels last":
        axes = (0, *range(2, ndim), 1) if ndim > 2 else tuple(range(ndim))
        result = np.empty([shape[a] for a in axes], array.dtype).transpose(np.argsort(axes))
    elif kind == "slice":
        between = np.nan if array.dtype.kind == "f" else 0  # nobody may read it
        result = np.full([2 * s + 1 for s in shape], between, array.dtype)[(slice(1, None, 2),) * ndim]
    elif kind == "negative":
        result = np.empty(shape, array.dtype)[(slice(None, None, -1),) * ndim]
    elif kind == "transposed":
        axes = (*range(2, ndim), 0, 1) if ndim > 2 else tuple(range(ndim))[::-1]
        result = np.empty([shape[a] for a in axes], array.dtype).transpose(np.argsort(axes))
    elif kind == "unaligned":  # one byte behind where such numbers belong
        memory = np.zeros(array.nbytes + 1, np.uint8)[1:]
        result = memory.view(array.dtype).reshape(shape)
    else:
        result = np.empty(shape, array.dtype)
    result[...] = array
    result.flags.writeable = kind != "read-only"
    return result


@dataclass(frozen=True)
class ConvCase:
    """A convolution: the axes by name, the settings, and how the arrays lie in memory."""

    n: int
    c_in: int
    c_out: int
    h: int
    w: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]] | str
    dilation: tuple[int, int]
    groups: int
    bias: bool
    dtype: str
    memory: tuple[str, str, str]
    seed: int

    @property
    def settings(self) -> dict[str, object]:
        """What the op is called with."""
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.random.Generator]:
        """Give x, weight and bias, and the generator for more."""
        rng = np.random.default_rng(self.seed)
        x = rng.normal(size=(self.n, self.c_in, self.h, self.w)).astype(self.dtype)
        weight = rng.normal(size=(self.c_out, self.c_in // self.groups, *self.kernel)).astype(self.dtype)
        bias = rng.normal(size=self.c_out).astype(self.dtype) if self.bias else None
        return in_memory(x, self.memory[0]), in_memory(weight, self.memory[1]), bias, rng


_pair = lambda low, high: st.tuples(st.integers(low, high), st.integers(low, high))  # noqa: E731
_dtypes = st.sampled_from(["float32", "float64"])
_memory = st.sampled_from(MEMORY)
_seeds = st.integers(0, 2**32 - 1)


@st.composite
def paddings(draw: st.DrawFn, most: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """None, symmetric or asymmetric padding."""
    kind = draw(st.sampled_from(["none", "symmetric", "asymmetric"]))
    if kind == "none":
        return (0, 0), (0, 0)
    if kind == "symmetric":
        rows, columns = draw(_pair(0, most))
        return (rows, rows), (columns, columns)
    return draw(_pair(0, most)), draw(_pair(0, most))


@st.composite
def sizes(draw: st.DrawFn, kernel, dilation, padding) -> tuple[int, int]:
    """Height and width, from one pixel on, that the kernel fits into with its padding."""
    least = [
        max(1, dilation[a] * (kernel[a] - 1) + 1 - (sum(padding[a]) if not isinstance(padding, str) else 0))
        for a in (0, 1)
    ]
    return draw(st.integers(least[0], least[0] + 7)), draw(st.integers(least[1], least[1] + 7))


@st.composite
def conv_cases(draw: st.DrawFn) -> ConvCase:
    """Draw a convolution of any kind."""
    kind = draw(st.sampled_from(["plain", "plain", "grouped", "depthwise"]))
    groups = 1 if kind == "plain" else draw(st.integers(1, 5))
    per_group = 1 if kind == "depthwise" else draw(st.integers(1, 5))
    kernel, dilation = draw(_pair(1, 4)), draw(st.one_of(st.just((1, 1)), _pair(1, 3)))
    padding = draw(st.one_of(paddings(3), paddings(3), st.sampled_from(["same", "valid"])))
    h, w = draw(sizes(kernel, dilation, padding))
    stride = (1, 1) if padding == "same" else draw(_pair(1, 4))
    return ConvCase(
        n=draw(st.integers(1, 3)),
        c_in=groups * per_group,
        c_out=groups * draw(st.integers(1, 5 if kind != "depthwise" else 2)),
        h=h,
        w=w,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
        dtype=draw(_dtypes),
        memory=draw(st.tuples(_memory, _memory, _memory)),
        seed=draw(_seeds),
    )


@dataclass(frozen=True)
class PoolCase:
    """A pooling: the axes by name, the settings, and how the arrays lie in memory."""

    n: int
    c: int
    h: int
    w: int
    kernel: tuple[int, int]
    stride: tuple[int, int] | None
    padding: tuple[tuple[int, int], tuple[int, int]]
    dilation: tuple[int, int]
    ceil_mode: bool
    count_include_pad: bool
    ties: bool
    dtype: str
    memory: tuple[str, str]
    seed: int

    @property
    def symmetric(self) -> bool:
        """Whether the padding is one that PyTorch's pooling takes itself."""
        return all(
            before == after and before <= self.kernel[a] // 2
            for a, (before, after) in enumerate(self.padding)
        )

    def array(self) -> tuple[np.ndarray, np.random.Generator]:
        """Give x, of whole numbers with many equal ones if `ties`, and the generator for more."""
        rng = np.random.default_rng(self.seed)
        shape = (self.n, self.c, self.h, self.w)
        x = rng.integers(-2, 3, size=shape) if self.ties else rng.normal(size=shape)
        return in_memory(x.astype(self.dtype), self.memory[0]), rng


@st.composite
def pool_cases(draw: st.DrawFn, dilated: bool) -> PoolCase:
    """Draw a pooling each of whose windows sees a pixel: no padding reaches the kernel size."""
    kernel = draw(_pair(1, 4))
    dilation = draw(st.one_of(st.just((1, 1)), _pair(1, 3))) if dilated else (1, 1)
    most = [k - 1 if d == 1 else 0 for k, d in zip(kernel, dilation, strict=True)]
    padding = tuple((draw(st.integers(0, m)), draw(st.integers(0, m))) for m in most)
    if draw(st.booleans()):
        padding = tuple((min(k // 2, b),) * 2 for k, (b, _) in zip(kernel, padding, strict=True))
    h, w = draw(sizes(kernel, dilation, padding))
    return PoolCase(
        n=draw(st.integers(1, 2)),
        c=draw(st.integers(1, 4)),
        h=h,
        w=w,
        kernel=kernel,
        stride=draw(st.one_of(st.none(), _pair(1, 4))),
        padding=padding,
        dilation=dilation,
        ceil_mode=draw(st.booleans()),
        count_include_pad=draw(st.booleans()),
        ties=draw(st.booleans()),
        dtype=draw(_dtypes),
        memory=draw(st.tuples(_memory, _memory)),
        seed=draw(_seeds),
    )


@dataclass(frozen=True)
class DenseCase:
    """A dense layer, or (with height and width) a batch normalisation."""

    n: int
    c: int
    out: int
    image: tuple[int, ...]
    bias: bool
    offset: float
    dtype: str
    memory: tuple[str, str, str]
    seed: int


@st.composite
def dense_cases(draw: st.DrawFn, images: bool = False) -> DenseCase:
    """Draw a matrix or, with `images`, also an image batch."""
    image = draw(st.one_of(st.just(()), _pair(1, 6))) if images else ()
    return DenseCase(
        n=draw(st.integers(2 if images else 1, 9)),
        c=draw(st.integers(1, 20)),
        out=draw(st.integers(1, 20)),
        image=image,
        bias=draw(st.booleans()),
        offset=draw(st.sampled_from([0.0, 1.0, -10.0])),
        dtype=draw(_dtypes),
        memory=draw(st.tuples(_memory, _memory, _memory)),
        seed=draw(_seeds),
    )


@st.composite
def large_conv_cases(draw: st.DrawFn) -> ConvCase:
    """Draw a convolution large enough to fill, and to overflow by a little, the tiles of a compiled core."""
    groups = draw(st.sampled_from([1, 1, 1, 2]))
    kernel = draw(st.sampled_from([(1, 1), (3, 3), (3, 3), (5, 3), (7, 7)]))
    rows, columns = draw(_pair(0, 3))
    return ConvCase(
        n=draw(st.integers(1, 3)),
        c_in=groups * draw(st.sampled_from([1, 3, 15, 16, 17, 33, 64])),
        c_out=groups * draw(st.sampled_from([1, 10, 16, 31, 32, 33, 65])),
        h=draw(st.integers(7, 30)),
        w=draw(st.integers(7, 30)),
        kernel=kernel,
        stride=draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (2, 1)])),
        padding=((rows, rows), (columns, columns)),
        dilation=(1, 1),
        groups=groups,
        bias=draw(st.booleans()),
        dtype=draw(_dtypes),
        memory=draw(st.tuples(_memory, _memory, _memory)),
        seed=draw(_seeds),
    )
