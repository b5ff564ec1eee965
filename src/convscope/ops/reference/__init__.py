"""Every op in plain NumPy: what convscope computes, to be read.

Begin with `convolution`: it is one matrix product.

The functions here get arguments that `convscope.ops` has checked and spelled out:
`stride` and `dilation` as (rows, columns), `padding` as ((top, bottom), (left, right)).
The C++ core has the same functions and must give the same numbers, up to rounding.
Not-a-number and infinity pass through without a warning.
"""

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
from convscope.ops.reference.joining import add, concatenate, concatenate_grad, flatten, flatten_grad
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

__all__ = [
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
    "dropout",
    "dropout_grad",
    "flatten",
    "flatten_grad",
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
    "softmax",
    "softmax_cross_entropy",
    "softmax_grad",
    "tanh",
    "tanh_grad",
]
