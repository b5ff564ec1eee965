"""Builders of networks with drawn weights, one family a file."""

from convscope.models.alexnet import alexnet, zfnet
from convscope.models.builder import Builder
from convscope.models.described import LAYERS, NETWORKS, build, from_description, read_description
from convscope.models.initialise import Promise, batch_norm, channel_scale, conv2d, linear, table_conv2d
from convscope.models.lenet import connection_table, lenet5
from convscope.models.mobilenet import mobilenet_v2
from convscope.models.resnet import resnet18, small_resnet
from convscope.models.sequence import sequential
from convscope.models.small import small_cnn
from convscope.models.squeezenet import squeezenet
from convscope.models.vgg import tiny_vgg, vgg16

__all__ = [
    "Builder",
    "LAYERS",
    "NETWORKS",
    "Promise",
    "alexnet",
    "batch_norm",
    "build",
    "channel_scale",
    "connection_table",
    "conv2d",
    "from_description",
    "lenet5",
    "linear",
    "mobilenet_v2",
    "read_description",
    "resnet18",
    "sequential",
    "small_cnn",
    "small_resnet",
    "squeezenet",
    "table_conv2d",
    "tiny_vgg",
    "vgg16",
    "zfnet",
]
