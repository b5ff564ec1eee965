"""Every op in plain NumPy: what convscope computes, to be read.

Begin with `convolution`: it is one matrix product.

The functions here get arguments that `convscope.ops` has checked and spelled out:
`stride` and `dilation` as (rows, columns), `padding` as ((top, bottom), (left, right)).
The C++ core has the same functions and must give the same numbers, up to rounding.
Not-a-number and infinity pass through without a warning.
"""

from convscope.ops.reference.arithmetic import (
    divide,
    divide_grad,
    mean_squared_error,
    multiply,
    multiply_grad,
    subtract,
    subtract_grad,
)
from convscope.ops.reference.convolution import (
    conv2d,
    conv2d_grad_bias,
    conv2d_grad_input,
    conv2d_grad_weight,
)
from convscope.ops.reference.dense import (
    batch_norm,
    batch_norm_grad,
    batch_norm_train,
    linear,
    linear_grad_bias,
    linear_grad_input,
    linear_grad_weight,
)
from convscope.ops.reference.fingerprinting import fingerprint as fingerprint
from convscope.ops.reference.joining import add, concatenate, concatenate_grad, flatten, flatten_grad
from convscope.ops.reference.joining import copy_input as copy_input
from convscope.ops.reference.joining import room as room
from convscope.ops.reference.neighbourhood import (
    global_max_pool2d,
    global_max_pool2d_grad,
    local_response_norm,
    local_response_norm_grad,
    lp_pool2d,
    lp_pool2d_grad,
)
from convscope.ops.reference.packed import conv2d_pooled_grad_weight
from convscope.ops.reference.packed import packed_conv2d as packed_conv2d
from convscope.ops.reference.pointwise import (
    dropout,
    dropout_grad,
    relu,
    relu_grad,
    softmax,
    softmax_cross_entropy,
    softmax_grad,
    tanh,
    tanh_grad,
)
from convscope.ops.reference.pooling import (
    avg_pool2d,
    avg_pool2d_grad,
    global_avg_pool2d,
    global_avg_pool2d_grad,
    max_pool2d,
    max_pool2d_grad,
)
from convscope.ops.reference.rectifiers import (
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
    selu,
    selu_grad,
)
from convscope.ops.reference.resizing import pad2d, pad2d_grad, resize2d, resize2d_grad
from convscope.ops.reference.smooth import (
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
from convscope.ops.reference.update import adam_step, sgd_step

__all__ = [
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
    "divide",
    "divide_grad",
    "dropout",
    "dropout_grad",
    "elu",
    "elu_grad",
    "flatten",
    "flatten_grad",
    "gelu",
    "gelu_grad",
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
    "relu_grad",
    "resize2d",
    "resize2d_grad",
    "selu",
    "selu_grad",
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
