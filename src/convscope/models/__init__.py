"""Builders of networks with drawn weights, one family a file."""

from convscope.models.builder import Builder
from convscope.models.initialise import Promise, batch_norm, channel_scale, conv2d, linear, table_conv2d
from convscope.models.lenet import connection_table, lenet5
from convscope.models.resnet import resnet18
from convscope.models.sequence import sequential
from convscope.models.small import small_cnn

__all__ = [
    "Builder",
    "Promise",
    "batch_norm",
    "channel_scale",
    "connection_table",
    "conv2d",
    "lenet5",
    "linear",
    "resnet18",
    "sequential",
    "small_cnn",
    "table_conv2d",
]
