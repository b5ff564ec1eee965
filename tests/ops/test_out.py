"""Every op that can write into a given array does so, whatever its memory, and refuses a wrong one."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from convscope import ops
from convscope.errors import ConvscopeError, InvalidValue
from draws import in_memory

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(2, 3, 5, 6)), rng.normal(size=(2, 3, 5, 6))
W, D = rng.normal(size=(4, 3, 3, 3)), rng.normal(size=(4, 90))
G = rng.normal(size=(2, 4, 3, 4))
FLAT, SCORES = rng.normal(size=(2, 90)), rng.normal(size=(2, 4))
ONE = np.ones(3)
MASK = rng.random(X.shape) > 0.5
POOLED, INDICES = ops.max_pool2d(X, 2, return_indices=True)

CALLS = {
    "add": (X, Y, X),
    "avg_pool2d": (X, 2),
    "avg_pool2d_grad": (POOLED, X.shape, 2),
    "batch_norm": (X, ONE, ONE, ONE, ONE),
    "batch_norm_grad": (Y, X, ONE, ONE, ONE),
    "batch_norm_train": (X, ONE, ONE),
    "clip": (X, -1.0, 1.0),
    "clip_grad": (Y, X, -1.0, 1.0),
    "concatenate": ((X, Y),),
    "conv2d": (X, W),
    "conv2d_grad_input": (G, W, X.shape),
    "conv2d_grad_weight": (X, G, 3),
    "dropout": (X, 0.5, MASK),
    "dropout_grad": (X, 0.5, MASK),
    "flatten": (X,),
    "flatten_grad": (FLAT, X.shape),
    "global_avg_pool2d": (X,),
    "global_avg_pool2d_grad": (rng.normal(size=(2, 3, 1, 1)), X.shape),
    "linear": (FLAT, D),
    "linear_grad_input": (SCORES, D),
    "linear_grad_weight": (FLAT, SCORES),
    "max_pool2d": (X, 2),
    "max_pool2d_grad": (POOLED, INDICES, X.shape),
    "relu": (X,),
    "relu_grad": (X, Y),
}


def first(result):
    return result[0] if isinstance(result, tuple) else result


@pytest.mark.parametrize("memory", ["C", "channels last", "slice", "negative", "unaligned"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CALLS)
def test_out_is_written_and_returned(core: str, name: str, dtype: str, memory: str) -> None:
    op = getattr(ops, name)
    arguments = [
        a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype == np.float64 else a for a in CALLS[name]
    ]
    if name == "concatenate":
        arguments = [tuple(x.astype(dtype) for x in arguments[0])]
    expected = op(*arguments)
    out = in_memory(np.full(first(expected).shape, np.nan, dtype), memory)
    result = op(*arguments, out=out)
    assert first(result) is out
    assert np.array_equal(out, first(expected))
    if isinstance(expected, tuple):
        for a, b in zip(result[1:], expected[1:], strict=True):
            assert np.array_equal(a, b)


@pytest.mark.parametrize("memory", ["C", "channels last", "slice"])
def test_max_pool_writes_its_indices_too(core: str, memory: str) -> None:
    out = in_memory(np.zeros(POOLED.shape), memory)
    places = in_memory(np.full(POOLED.shape, -1, np.int32), memory)
    result = ops.max_pool2d(X, 2, return_indices=True, out=out, out_indices=places)
    assert result[0] is out
    assert result[1] is places
    assert np.array_equal(out, POOLED)
    assert np.array_equal(places, INDICES)


@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_out_is_one_clear_error(name: str) -> None:
    op, arguments = getattr(ops, name), CALLS[name]
    good = first(op(*arguments))
    for wrong in (good[1:], good.astype(np.float32), good.tolist()):
        with pytest.raises(ConvscopeError, match=f"^{name}: out must "):
            op(*arguments, out=wrong)
    frozen = good.copy()
    frozen.flags.writeable = False
    with pytest.raises(InvalidValue, match=f"^{name}: out must be writable"):
        op(*arguments, out=frozen)


def test_no_op_with_out_was_forgotten() -> None:
    with_out = {
        name
        for name in ops.__all__
        if inspect.isfunction(getattr(ops, name))
        and "out" in inspect.signature(getattr(ops, name)).parameters
    }
    apart = {"conv_transpose2d", "conv_transpose2d_grad_input", "conv_transpose2d_grad_weight"}
    apart.add("conv2d_pooled_grad_weight")  # tests/ops/test_packed.py
    assert with_out - apart == set(CALLS)
