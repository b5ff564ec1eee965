"""Layers: parameters, an explicit forward and an explicit backward.

A layer keeps nothing of a call: `forward` gives the output and a cache, `backward` takes the
cache. What else a call may depend on (training, randomness, borrowed arrays) is a `Context`,
and how a ReLU passes a gradient back is the argument `rule`.
"""

from convscope.layers.activation import ReLU, Softmax, Tanh
from convscope.layers.base import RULES, Context, Layer, Window
from convscope.layers.convolution import Conv2d, TableConv2d
from convscope.layers.dropout import Dropout
from convscope.layers.linear import Flatten, Linear
from convscope.layers.merging import Add, Concatenate
from convscope.layers.normalisation import BatchNorm, ChannelScale
from convscope.layers.pooling import AvgPool2d, GlobalAvgPool2d, MaxPool2d

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
