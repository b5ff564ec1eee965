"""The ops over the compiled core, with the names and arguments of `convscope.ops.reference`.

The compiled core wants channels-last images (N, H, W, C) and C-contiguous weights; arrays
of other strides are copied once. Results have NCHW shapes over channels-last memory.
"""

from __future__ import annotations

import os

from convscope import _core
from convscope.errors import InvalidValue
from convscope.ops.native.arrays import copy_input, flatten, flatten_grad, room
from convscope.ops.native.bound import bind, joined, recorded, run_groups
from convscope.ops.native.convolution import (
    conv2d,
    conv2d_grad_bias,
    conv2d_grad_input,
    conv2d_grad_weight,
    conv2d_pooled_grad_weight,
    packed_conv2d,
)
from convscope.ops.native.dense import (
    batch_norm,
    batch_norm_grad,
    batch_norm_train,
    linear,
    linear_grad_bias,
    linear_grad_input,
    linear_grad_weight,
    local_response_norm,
    local_response_norm_grad,
)
from convscope.ops.native.pointwise import add, relu, relu_grad
from convscope.ops.native.pooling import (
    avg_pool2d,
    avg_pool2d_grad,
    global_avg_pool2d,
    global_avg_pool2d_grad,
    max_pool2d,
    max_pool2d_grad,
)
from convscope.ops.native.update import adam_step, fingerprint, sgd_step, softmax_cross_entropy

__all__ = [
    "adam_step",
    "add",
    "avg_pool2d",
    "avg_pool2d_grad",
    "batch_norm",
    "batch_norm_grad",
    "batch_norm_train",
    "bind",
    "conv2d",
    "conv2d_grad_bias",
    "conv2d_grad_input",
    "conv2d_grad_weight",
    "conv2d_pooled_grad_weight",
    "copy_input",
    "fingerprint",
    "flatten",
    "flatten_grad",
    "get_threads",
    "global_avg_pool2d",
    "global_avg_pool2d_grad",
    "isa",
    "joined",
    "linear",
    "linear_grad_bias",
    "linear_grad_input",
    "linear_grad_weight",
    "local_response_norm",
    "local_response_norm_grad",
    "max_pool2d",
    "max_pool2d_grad",
    "packed_conv2d",
    "recorded",
    "relu",
    "relu_grad",
    "room",
    "run_groups",
    "set_threads",
    "sgd_step",
    "softmax_cross_entropy",
]

get_threads = _core.get_threads
isa = _core.isa
set_threads = _core.set_threads


def _choose_instruction_set() -> None:
    wish = os.environ.get("CONVSCOPE_ISA", "").strip()
    if not wish:
        return
    try:
        _core.choose_isa(wish)
    except ValueError as error:
        raise InvalidValue(f"CONVSCOPE_ISA: this machine has {error}; got {wish!r}.") from None


_choose_instruction_set()
