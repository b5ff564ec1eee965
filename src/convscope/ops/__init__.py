"""Operations: arrays in, arrays out, each beside its gradients.

Arguments are checked here, once; then the active core computes: the compiled one, or
`convscope.ops.reference`, which is plain NumPy and is meant to be read.

Images are (N, C, H, W), filters (C_out, C_in/groups, kH, kW), float32 or float64, with any
strides of memory. Four-dimensional results have NCHW shapes over NHWC memory.
"""

from convscope.ops.activation import relu, relu_grad, softmax, softmax_grad, tanh, tanh_grad
from convscope.ops.chooser import Core, core, get_threads, set_threads
from convscope.ops.conv import conv2d, conv2d_grad_bias, conv2d_grad_input, conv2d_grad_weight
from convscope.ops.dense import linear, linear_grad_bias, linear_grad_input, linear_grad_weight
from convscope.ops.loss import softmax_cross_entropy
from convscope.ops.memory import empty_channels_last
from convscope.ops.norm import batch_norm, batch_norm_grad, batch_norm_train
from convscope.ops.pool import (
    avg_pool2d,
    avg_pool2d_grad,
    global_avg_pool2d,
    global_avg_pool2d_grad,
    max_pool2d,
    max_pool2d_grad,
)
from convscope.ops.random import Randomness
from convscope.ops.regularise import dropout, dropout_grad, dropout_mask
from convscope.ops.shape import add, concatenate, concatenate_grad, flatten, flatten_grad

__all__ = [
    "Core",
    "Randomness",
    "add",
    "avg_pool2d",
    "avg_pool2d_grad",
    "batch_norm",
    "batch_norm_grad",
    "batch_norm_train",
    "concatenate",
    "concatenate_grad",
    "conv2d",
    "conv2d_grad_bias",
    "conv2d_grad_input",
    "conv2d_grad_weight",
    "core",
    "dropout",
    "dropout_grad",
    "dropout_mask",
    "empty_channels_last",
    "flatten",
    "flatten_grad",
    "get_threads",
    "global_avg_pool2d",
    "global_avg_pool2d_grad",
    "linear",
    "linear_grad_bias",
    "linear_grad_input",
    "linear_grad_weight",
    "max_pool2d",
    "max_pool2d_grad",
    "relu",
    "relu_grad",
    "set_threads",
    "softmax",
    "softmax_cross_entropy",
    "softmax_grad",
    "tanh",
    "tanh_grad",
]
