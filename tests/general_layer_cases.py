"""Layers for inputs other than images, for the tests that go through all layers; see `layer_cases`."""

from __future__ import annotations

import numpy as np

from convscope.layers import (
    Abs,
    ArgMax,
    Average,
    AvgPoolNd,
    BatchNorm,
    Cast,
    Ceil,
    ChannelScale,
    Constant,
    ConvNd,
    ConvTransposeNd,
    DepthToSpace,
    Equal,
    Erf,
    Exp,
    Expand,
    Floor,
    Gather,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    Log,
    LpPoolNd,
    MatMul,
    Maximum,
    MaxPoolNd,
    Minimum,
    Negate,
    PadAxes,
    Power,
    Reciprocal,
    Reduce,
    Reshape,
    ResizeAxes,
    Slice,
    Slope,
    SpaceToDepth,
    Sqrt,
    Squeeze,
    Tile,
    Transpose,
    Unsqueeze,
    Where,
)
from convscope.ops.interpolate import AxisRule

RNG = np.random.default_rng(22)
IMAGE = (2, 4, 6, 5)
SOUND = (2, 4, 9)
VOLUME = (2, 4, 4, 5, 3)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape)


# defined, or smooth, for positive inputs only
POSITIVE = (Log, Power, Reciprocal, Sqrt)
# whose value jumps, so that there is no derivative to compare with; and what has no input
STEPS = (ArgMax, Cast, Ceil, Constant, Equal, Floor)

GENERAL_CASES = {
    "conv of sound": (
        ConvNd(normal(6, 2, 3), normal(6), stride=(2,), padding=((1, 2),), dilation=(2,), groups=2),
        [SOUND],
        True,
        False,
    ),
    "conv of volumes": (
        ConvNd(normal(3, 4, 2, 3, 1), stride=(1, 2, 1), padding=((1, 0), (0, 2), (0, 0))),
        [VOLUME],
        True,
        False,
    ),
    "conv of sound, same": (ConvNd(normal(2, 4, 4), stride=(2,), padding="same"), [SOUND], True, False),
    "transposed conv of sound": (
        ConvTransposeNd(
            normal(4, 3, 3), normal(6), stride=(2,), padding=((1, 0),), output_padding=(1,), groups=2
        ),
        [SOUND],
        True,
        False,
    ),
    "transposed conv of volumes": (ConvTransposeNd(normal(4, 2, 2, 2, 3)), [VOLUME], True, False),
    "max pool of sound": (MaxPoolNd((3,), stride=(2,), padding=((1, 1),)), [SOUND], False, False),
    "max pool of volumes, ceil": (
        MaxPoolNd((2, 2, 2), stride=(2, 3, 2), dilation=(2, 1, 1), ceil_mode=True),
        [VOLUME],
        False,
        False,
    ),
    "avg pool of sound, ceil": (
        AvgPoolNd((3,), stride=(2,), padding=((1, 0),), ceil_mode=True),
        [SOUND],
        True,
        False,
    ),
    "avg pool of volumes": (
        AvgPoolNd((2, 2, 2), padding=((1, 1), (0, 0), (1, 0)), count_include_pad=False),
        [VOLUME],
        True,
        False,
    ),
    "lp pool of sound": (LpPoolNd((3,), p=3, stride=(2,), padding=((1, 1),)), [SOUND], False, False),
    "group norm": (GroupNorm(normal(4), normal(4), groups=2), [IMAGE], False, False),
    "instance norm": (InstanceNorm(normal(4), normal(4)), [SOUND], False, False),
    "layer norm": (LayerNorm(normal(6, 5), normal(6, 5), axis=2), [IMAGE], False, False),
    "layer norm without bias": (LayerNorm(normal(5)), [IMAGE], False, False),
    "batch norm of sound": (
        BatchNorm(normal(4), normal(4), normal(4), np.abs(normal(4)) + 0.5),
        [SOUND],
        False,
        True,
    ),
    "channel scale of volumes": (ChannelScale(normal(4), normal(4)), [VOLUME], True, False),
    "sqrt": (Sqrt(), [IMAGE], False, False),
    "reciprocal": (Reciprocal(), [IMAGE], False, False),
    "abs": (Abs(), [IMAGE], False, False),
    "exp": (Exp(), [IMAGE], False, False),
    "log": (Log(), [IMAGE], False, False),
    "negate": (Negate(), [IMAGE], True, False),
    "erf": (Erf(), [IMAGE], False, False),
    "power": (Power(), [IMAGE, (4, 1, 1)], False, False),
    "maximum": (Maximum(), [IMAGE, (2, 4, 1, 1), (5,)], False, False),
    "minimum": (Minimum(), [IMAGE, IMAGE], False, False),
    "average": (Average(), [IMAGE, (2, 4, 1, 1), (5,)], True, False),
    "slope": (Slope(), [IMAGE, (6, 1)], False, False),
    "where": (Where(), [IMAGE, (2, 4, 1, 1), (5,)], False, False),
    "mean": (Reduce("mean", (2, 3)), [IMAGE], True, False),
    "sum": (Reduce("sum", (-1, 1), keepdims=False), [IMAGE], True, False),
    "largest": (Reduce("max", (1,)), [IMAGE], False, False),
    "smallest of all": (Reduce("min"), [IMAGE], False, False),
    "length": (Reduce("norm", (1,)), [IMAGE], False, False),
    "3-norm": (Reduce("norm", (1,), p=3), [IMAGE], False, False),
    "matmul": (MatMul(), [(2, 3, 4), (4, 5)], False, False),
    "matmul of batches": (MatMul(), [(2, 1, 3, 4), (3, 4, 5)], False, False),
    "matmul of a vector": (MatMul(), [(4,), (2, 4, 5)], False, False),
    "reshape": (Reshape((0, -1, 5)), [IMAGE], True, False),
    "squeeze": (Squeeze((2, -1)), [(2, 4, 1, 1)], True, False),
    "unsqueeze": (Unsqueeze((1, -1)), [(2, 4)], True, False),
    "transpose": (Transpose((0, 3, 1, 2)), [IMAGE], True, False),
    "slice": (Slice({1: (0, 3, 2), 3: (None, None, -1)}), [IMAGE], True, False),
    "gather": (Gather([[0, 2], [2, 3]], axis=1), [IMAGE], True, False),
    "tile": (Tile((1, 2, 1, 3)), [IMAGE], True, False),
    "expand": (Expand((1, 4, 6, 5)), [(2, 4, 1, 1)], True, False),
    "depth to space": (DepthToSpace(2), [(2, 8, 3, 2)], True, False),
    "depth to space, CRD": (DepthToSpace(2, "CRD"), [(2, 8, 3, 2)], True, False),
    "space to depth": (SpaceToDepth(2), [(2, 3, 4, 6)], True, False),
    "pad and cut": (PadAxes(((0, 0), (1, 0), (-1, 2), (0, 1)), value=2.0), [IMAGE], True, False),
    "pad any axis, reflect": (
        PadAxes(((0, 0), (2, 1), (0, 0), (0, 3)), mode="reflect"),
        [IMAGE],
        True,
        False,
    ),
    "resize sound": (ResizeAxes([AxisRule(2, 13, 13 / 9, "linear")]), [SOUND], True, False),
    "resize, antialias": (
        ResizeAxes([AxisRule(2, 3, 0.5, "cubic", antialias=True), AxisRule(3, 7, 1.4, "nearest")]),
        [IMAGE],
        True,
        False,
    ),
}
