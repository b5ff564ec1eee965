"""Run every case on arrays that lie against memory which must not be touched; run as a script.

python guarded.py ISA          exits with 0; reading or writing one element outside ends the process
"""

from __future__ import annotations

import ctypes
import mmap
import sys

import numpy as np

from convscope import _core
from convscope.ops import native
from core.cases import CASES

PAGE = mmap.PAGESIZE
NO_ACCESS = 0


class Guarded:
    """Memory between two pages without access; arrays end where it ends, or begin where it begins."""

    def __init__(self, size: int) -> None:
        self.pages = -(-size // PAGE)
        self.memory = mmap.mmap(-1, (self.pages + 2) * PAGE)
        self.start = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        for page in (0, self.pages + 1):
            assert protect(ctypes.c_void_p(self.start + page * PAGE), PAGE, NO_ACCESS) == 0

    def array(self, like: np.ndarray, at_end: bool) -> np.ndarray:
        """Copy an array against one of the two pages; its strides are those of `like`, which is dense."""
        offset = PAGE + (self.pages * PAGE - like.nbytes if at_end else 0)
        copy = np.ndarray(like.shape, like.dtype, self.memory, offset, like.strides)
        copy[...] = like
        return copy


def guard(at_end: bool, *arrays: np.ndarray | None) -> list[np.ndarray | None]:
    """Copy every array into guarded memory of its own."""
    return [None if a is None else Guarded(a.nbytes).array(a, at_end) for a in arrays]


def run(at_end: bool, dtype: str) -> None:
    """Compute everything once for every case."""
    for case in CASES:
        arrays = case.arrays(dtype)
        x, weight, bias, grad = guard(at_end, *arrays)
        y, dx, dw = guard(at_end, grad, x, weight)
        for algorithm in case.algorithms:
            settings = case.settings | {"algorithm": algorithm}
            native.conv2d(x, weight, bias, out=y, **settings)
            native.conv2d_grad_input(grad, weight, x.shape, out=dx, **settings)
            native.conv2d_grad_weight(x, grad, case.kernel, out=dw, **settings)
        native.conv2d_grad_bias(grad)
        native.relu(x, out=dx)
        window = {"stride": (1, 1), "padding": ((1, 1), (1, 1))}
        pooled, indices = guard(at_end, *native.max_pool2d(x, (2, 2), return_indices=True, **window))
        native.max_pool2d(x, (2, 2), out=pooled, **window)
        native.max_pool2d_grad(pooled, indices, x.shape, out=dx)
        apart = {"stride": (2, 2), "padding": ((1, 1), (1, 1))}
        winners, places = guard(at_end, *native.max_pool2d(x, (2, 2), return_indices=True, **apart))
        native.max_pool2d_grad(
            winners, places, x.shape, kernel_size=(2, 2), rectified=winners, out=dx, **apart
        )
        native.avg_pool2d(x, (2, 2), out=pooled, **window)
        native.avg_pool2d_grad(pooled, x.shape, (2, 2), out=dx, **window)
        native.global_avg_pool2d(x)
        values = guard(at_end, *(np.full(case.c, v, dtype) for v in (1, 0, 0.5, 2)))
        native.batch_norm(x, *values, eps=1e-5, out=dx)
        native.batch_norm_train(x, *values[:2], eps=1e-5, out=dx)
        native.batch_norm_grad(x, x, values[0], *values[2:], eps=1e-5, training=True)
        for n in (1, 5):
            flat, filters = guard(at_end, np.ones((n, weight[0].size), dtype), weight.reshape(case.k, -1))
            (product,) = guard(at_end, native.linear(flat, filters, bias))
            native.linear_grad_input(product, filters)
            native.linear_grad_weight(flat, product)


if __name__ == "__main__":
    _core.choose_isa(sys.argv[1])
    for end in (True, False):
        run(end, "float32")
        run(end, "float64")
    print("nothing outside was touched")
