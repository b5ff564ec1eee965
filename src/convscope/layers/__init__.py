"""Layers: parameters, an explicit forward and an explicit backward.

A layer keeps nothing of a call: `forward` gives the output and a cache, `backward` takes the
cache. What else a call may depend on (training, randomness, borrowed arrays) is a `Context`,
and how a ReLU passes a gradient back is the argument `rule`.
"""

from convscope.layers.add import Add
from convscope.layers.avg_pool2d import AvgPool2d
from convscope.layers.base import RULES, Context, Layer, Window
from convscope.layers.batch_norm import BatchNorm
from convscope.layers.channel_scale import ChannelScale
from convscope.layers.concatenate import Concatenate
from convscope.layers.conv2d import Conv2d
from convscope.layers.dropout import Dropout
from convscope.layers.flatten import Flatten
from convscope.layers.global_avg_pool2d import GlobalAvgPool2d
from convscope.layers.linear import Linear
from convscope.layers.max_pool2d import MaxPool2d
from convscope.layers.relu import ReLU
from convscope.layers.softmax import Softmax
from convscope.layers.table_conv2d import TableConv2d
from convscope.layers.tanh import Tanh

__all__ = [
    "RULES",
    "Add",
    "AvgPool2d",
    "BatchNorm",
    "ChannelScale",
    "Concatenate",
    "Context",
    "Conv2d",
    "Dropout",
    "Flatten",
    "GlobalAvgPool2d",
    "Layer",
    "Linear",
    "MaxPool2d",
    "ReLU",
    "Softmax",
    "TableConv2d",
    "Tanh",
    "Window",
]
