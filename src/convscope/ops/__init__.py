"""Operations: arrays in, arrays out, each beside its gradients.

Arguments are checked here, once; then the active core computes: the compiled one, or
`convscope.ops.reference`, which is plain NumPy and is meant to be read.

Images are (N, C, H, W), filters (C_out, C_in/groups, kH, kW), float32 or float64, with any
strides of memory. Four-dimensional results have NCHW shapes over NHWC memory.
"""

from convscope.ops.activation import relu, relu_grad, softmax, softmax_grad, tanh, tanh_grad
from convscope.ops.arithmetic import (
    divide,
    divide_grad,
    mean_squared_error,
    multiply,
    multiply_grad,
    subtract,
    subtract_grad,
)
from convscope.ops.chooser import Core, core, get_threads, set_threads
from convscope.ops.conv import conv2d, conv2d_grad_bias, conv2d_grad_input, conv2d_grad_weight
from convscope.ops.dense import linear, linear_grad_bias, linear_grad_input, linear_grad_weight
from convscope.ops.fingerprint import Fingerprint
from convscope.ops.local_norm import local_response_norm, local_response_norm_grad
from convscope.ops.loss import softmax_cross_entropy
from convscope.ops.lp_pool import global_max_pool2d, global_max_pool2d_grad, lp_pool2d, lp_pool2d_grad
from convscope.ops.memory import empty_channels_last
from convscope.ops.norm import batch_norm, batch_norm_grad, batch_norm_train
from convscope.ops.packed import PackedConv2d, conv2d_pooled_grad_weight
from convscope.ops.pad import pad2d, pad2d_grad
from convscope.ops.pool import (
    avg_pool2d,
    avg_pool2d_grad,
    global_avg_pool2d,
    global_avg_pool2d_grad,
    max_pool2d,
    max_pool2d_grad,
)
from convscope.ops.rectifiers import (
    celu,
    celu_grad,
    clip,
    clip_grad,
    elu,
    elu_grad,
    leaky_relu,
    leaky_relu_grad,
    prelu,
    prelu_grad,
    relu6,
    relu6_grad,
    selu,
    selu_grad,
)
from convscope.ops.regularise import dropout, dropout_grad, dropout_mask
from convscope.ops.resize import resize2d, resize2d_grad
from convscope.ops.shape import add, concatenate, concatenate_grad, flatten, flatten_grad
from convscope.ops.smooth import (
    gelu,
    gelu_grad,
    hardsigmoid,
    hardsigmoid_grad,
    hardswish,
    hardswish_grad,
    log_softmax,
    log_softmax_grad,
    mish,
    mish_grad,
    sigmoid,
    sigmoid_grad,
    silu,
    silu_grad,
    softplus,
    softplus_grad,
    softsign,
    softsign_grad,
)
from convscope.ops.transpose import (
    conv_transpose2d,
    conv_transpose2d_grad_input,
    conv_transpose2d_grad_weight,
)
from convscope.ops.update import adam_step, sgd_step
from convscope.randomness import Randomness

__all__ = [
    "Core",
    "Fingerprint",
    "PackedConv2d",
    "Randomness",
    "adam_step",
    "add",
    "avg_pool2d",
    "avg_pool2d_grad",
    "batch_norm",
    "batch_norm_grad",
    "batch_norm_train",
    "celu",
    "celu_grad",
    "clip",
    "clip_grad",
    "concatenate",
    "concatenate_grad",
    "conv2d",
    "conv2d_grad_bias",
    "conv2d_grad_input",
    "conv2d_grad_weight",
    "conv2d_pooled_grad_weight",
    "conv_transpose2d",
    "conv_transpose2d_grad_input",
    "conv_transpose2d_grad_weight",
    "core",
    "divide",
    "divide_grad",
    "dropout",
    "dropout_grad",
    "dropout_mask",
    "elu",
    "elu_grad",
    "empty_channels_last",
    "flatten",
    "flatten_grad",
    "gelu",
    "gelu_grad",
    "get_threads",
    "global_avg_pool2d",
    "global_avg_pool2d_grad",
    "global_max_pool2d",
    "global_max_pool2d_grad",
    "hardsigmoid",
    "hardsigmoid_grad",
    "hardswish",
    "hardswish_grad",
    "leaky_relu",
    "leaky_relu_grad",
    "linear",
    "linear_grad_bias",
    "linear_grad_input",
    "linear_grad_weight",
    "local_response_norm",
    "local_response_norm_grad",
    "log_softmax",
    "log_softmax_grad",
    "lp_pool2d",
    "lp_pool2d_grad",
    "max_pool2d",
    "max_pool2d_grad",
    "mean_squared_error",
    "mish",
    "mish_grad",
    "multiply",
    "multiply_grad",
    "pad2d",
    "pad2d_grad",
    "prelu",
    "prelu_grad",
    "relu",
    "relu6",
    "relu6_grad",
    "relu_grad",
    "resize2d",
    "resize2d_grad",
    "selu",
    "selu_grad",
    "set_threads",
    "sgd_step",
    "sigmoid",
    "sigmoid_grad",
    "silu",
    "silu_grad",
    "softmax",
    "softmax_cross_entropy",
    "softmax_grad",
    "softplus",
    "softplus_grad",
    "softsign",
    "softsign_grad",
    "subtract",
    "subtract_grad",
    "tanh",
    "tanh_grad",
]
