"""Layers: parameters, an explicit forward and an explicit backward.

A layer keeps nothing of a call: `forward` gives the output and a cache, `backward` takes the
cache. What else a call may depend on (training, randomness, borrowed arrays) is a `Context`,
and how a ReLU passes a gradient back is the argument `rule`.
"""

from convscope.layers.add import Add
from convscope.layers.arithmetic import Divide, Multiply, Subtract
from convscope.layers.avg_pool2d import AvgPool2d
from convscope.layers.base import RULES, Context, Layer, Window
from convscope.layers.batch_norm import BatchNorm
from convscope.layers.celu import CELU
from convscope.layers.channel_scale import ChannelScale
from convscope.layers.clip import Clip
from convscope.layers.concatenate import Concatenate
from convscope.layers.constant import Cast, Constant
from convscope.layers.conv2d import Conv2d
from convscope.layers.conv_transpose2d import ConvTranspose2d
from convscope.layers.dropout import Dropout
from convscope.layers.elu import ELU
from convscope.layers.flatten import Flatten
from convscope.layers.gelu import GELU
from convscope.layers.global_avg_pool2d import GlobalAvgPool2d
from convscope.layers.global_max_pool2d import GlobalMaxPool2d
from convscope.layers.group_norm import GroupNorm, InstanceNorm, LayerNorm
from convscope.layers.hardsigmoid import Hardsigmoid
from convscope.layers.hardswish import Hardswish
from convscope.layers.leaky_relu import LeakyReLU
from convscope.layers.linear import Linear
from convscope.layers.local_response_norm import LocalResponseNorm
from convscope.layers.log_softmax import LogSoftmax
from convscope.layers.lp_pool2d import LpPool2d
from convscope.layers.matmul import MatMul
from convscope.layers.max_pool2d import MaxPool2d
from convscope.layers.mish import Mish
from convscope.layers.pad2d import Pad2d
from convscope.layers.pointwise import Abs, Ceil, Erf, Exp, Floor, Log, Negate, Reciprocal, Sqrt
from convscope.layers.prelu import PReLU
from convscope.layers.rearrange import (
    DepthToSpace,
    Expand,
    Gather,
    PadAxes,
    Slice,
    SpaceToDepth,
    Tile,
    Transpose,
)
from convscope.layers.reduce import ArgMax, Reduce
from convscope.layers.relu import ReLU
from convscope.layers.reshape import Reshape, Squeeze, Unsqueeze
from convscope.layers.resize2d import Resize2d
from convscope.layers.resize_axes import ResizeAxes
from convscope.layers.selu import SELU
from convscope.layers.several import Average, Equal, Maximum, Minimum, Power, Slope, Where
from convscope.layers.sigmoid import Sigmoid
from convscope.layers.silu import SiLU
from convscope.layers.softmax import Softmax
from convscope.layers.softplus import Softplus
from convscope.layers.softsign import Softsign
from convscope.layers.spatial import ConvNd, ConvTransposeNd
from convscope.layers.spatial_pool import AvgPoolNd, LpPoolNd, MaxPoolNd
from convscope.layers.table_conv2d import TableConv2d
from convscope.layers.tanh import Tanh

__all__ = [
    "Abs",
    "Add",
    "ArgMax",
    "Average",
    "AvgPool2d",
    "AvgPoolNd",
    "BatchNorm",
    "CELU",
    "Cast",
    "Ceil",
    "ChannelScale",
    "Clip",
    "Concatenate",
    "Constant",
    "Context",
    "Conv2d",
    "ConvNd",
    "ConvTranspose2d",
    "ConvTransposeNd",
    "DepthToSpace",
    "Divide",
    "Dropout",
    "ELU",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "Flatten",
    "Floor",
    "GELU",
    "Gather",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "GroupNorm",
    "Hardsigmoid",
    "Hardswish",
    "InstanceNorm",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "Log",
    "LogSoftmax",
    "LpPool2d",
    "LpPoolNd",
    "MatMul",
    "MaxPool2d",
    "MaxPoolNd",
    "Maximum",
    "Minimum",
    "Mish",
    "Multiply",
    "Negate",
    "PReLU",
    "Pad2d",
    "PadAxes",
    "Power",
    "RULES",
    "ReLU",
    "Reciprocal",
    "Reduce",
    "Reshape",
    "Resize2d",
    "ResizeAxes",
    "SELU",
    "SiLU",
    "Sigmoid",
    "Slice",
    "Slope",
    "Softmax",
    "Softplus",
    "Softsign",
    "SpaceToDepth",
    "Sqrt",
    "Squeeze",
    "Subtract",
    "TableConv2d",
    "Tanh",
    "Tile",
    "Transpose",
    "Unsqueeze",
    "Where",
    "Window",
]
