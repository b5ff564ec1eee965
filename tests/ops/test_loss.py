"""Softmax cross entropy against PyTorch and finite differences, on both cores."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convscope import ops
from convscope.errors import DtypeError, InvalidValue
from differences import check_gradient
from draws import MEMORY, in_memory
from oracle import tensor
from tolerance import assert_within, gamma


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize(("n", "classes"), [(1, 1), (1, 10), (7, 3), (64, 10)])
def test_agrees_with_pytorch(core: str, n: int, classes: int, memory: str, dtype: str) -> None:
    rng = np.random.default_rng(n)
    logits = in_memory((3 * rng.normal(size=(n, classes))).astype(dtype), memory)
    labels = rng.integers(0, classes, size=n)
    loss, grad = ops.softmax_cross_entropy(logits, labels)
    leaf = tensor(logits, leaf=True)
    expected = torch.nn.functional.cross_entropy(leaf, torch.tensor(labels))
    expected.backward()
    # sums over classes and samples, and exponents whose rounding counts as often as they are large
    few = 2 * gamma(n + classes + 8 + 2 * int(np.abs(logits).max() + 1), dtype)
    assert isinstance(loss, float)
    size = np.abs(logits).max() * 2 + np.log(classes)
    assert abs(loss - expected.item()) <= few * size
    assert_within(grad, leaf.grad.numpy(), few / n * 2)


def test_gradient_is_that_of_finite_differences(core: str) -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(3, 4)), np.array([1, 0, 3])
    _, grad = ops.softmax_cross_entropy(logits, labels)
    check_gradient(
        lambda a: np.array([ops.softmax_cross_entropy(a, labels)[0]]), logits, np.ones(1), grad, terms=32
    )


def test_labels_of_any_whole_type_and_memory(core: str) -> None:
    logits = np.random.default_rng(0).normal(size=(4, 300)).astype(np.float32)
    labels = np.array([0, 255, 3, 7])
    expected = ops.softmax_cross_entropy(logits, labels)
    for other in (
        labels.astype(np.uint8),
        labels.astype(np.int32),
        labels.astype(np.uint64),
        np.repeat(labels, 2)[::2],
    ):
        loss, grad = ops.softmax_cross_entropy(logits, other)
        assert loss == expected[0]
        assert np.array_equal(grad, expected[1])


@pytest.mark.filterwarnings("error")
def test_large_logits_and_nan(core: str) -> None:
    loss, grad = ops.softmax_cross_entropy(np.array([[1e30, 0.0]]), np.array([1]))
    assert loss == 1e30
    assert np.array_equal(grad, [[1, -1]])
    loss, grad = ops.softmax_cross_entropy(np.array([[np.nan, 0.0]]), np.array([1]))
    assert np.isnan(loss)
    assert np.isnan(grad).all()


def test_wrong_labels_are_one_clear_error() -> None:
    logits = np.zeros((3, 4))
    with pytest.raises(InvalidValue, match="labels must be from 0 to 3; got 4 at sample 1"):
        ops.softmax_cross_entropy(logits, np.array([0, 4, 1]))
    with pytest.raises(InvalidValue, match="labels must be from 0 to 3; got -1 at sample 2"):
        ops.softmax_cross_entropy(logits, np.array([0, 1, -1]))
    with pytest.raises(DtypeError, match="labels must be an array of whole numbers; got float64"):
        ops.softmax_cross_entropy(logits, np.zeros(3))
    with pytest.raises(InvalidValue, match="labels must have one value for each sample, 3"):
        ops.softmax_cross_entropy(logits, np.zeros(2, int))
    with pytest.raises(InvalidValue, match="an empty batch has no mean loss"):
        ops.softmax_cross_entropy(logits[:0], np.zeros(0, int))
    with pytest.raises(InvalidValue, match=r"logits must have the axes \(N, classes\)"):
        ops.softmax_cross_entropy(logits[0], np.zeros(4, int))
