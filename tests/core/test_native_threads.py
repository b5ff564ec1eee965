"""Threads: equal bits for any number of them, several Python threads at once, and after fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import numpy as np
import pytest

from convscope.ops.memory import empty_channels_last
from core.cases import Case

PAD = ((1, 1), (1, 1))
SHARED_OUT = [  # large enough to be shared out
    Case("3x3", 3, 32, 48, (19, 17), (3, 3), padding=PAD),
    Case("first layer", 9, 1, 6, (28, 28), (5, 5)),
    Case("colour", 2, 3, 24, (33, 31), (5, 5), stride=(2, 2)),
    Case("stride 2", 2, 40, 33, (21, 20), (3, 3), stride=(2, 2), padding=PAD),
    Case("many small images", 40, 32, 32, (4, 4), (3, 3), padding=PAD),
    Case("1x1", 2, 512, 65, (9, 9), (1, 1)),
    Case("groups", 2, 48, 96, (14, 13), (3, 3), padding=PAD, groups=3),
    Case("depthwise", 3, 70, 70, (30, 29), (3, 3), padding=PAD, groups=70),
]


def everything(native, case: Case, dtype: str = "float32") -> list[np.ndarray]:
    """All that the core computes for a case."""
    x, weight, bias, grad = case.arrays(dtype)
    y, indices = native.max_pool2d(x, (2, 2), stride=(2, 2), return_indices=True)
    channel = [np.random.default_rng(i).uniform(0.5, 1, case.c).astype(dtype) for i in range(4)]
    rows, filters = x.reshape(case.n, -1), weight.reshape(case.k, -1)
    flat = np.resize(rows, (64, filters.shape[1]))
    product = native.linear(flat, filters, bias)
    return [
        *(native.conv2d(x, weight, bias, **case.settings | {"algorithm": a}) for a in case.algorithms),
        *(
            native.conv2d_grad_input(grad, weight, x.shape, **case.settings | {"algorithm": a})
            for a in case.algorithms
        ),
        *(
            native.conv2d_grad_weight(x, grad, case.kernel, **case.settings | {"algorithm": a})
            for a in case.algorithms
        ),
        native.conv2d_grad_bias(grad),
        y,
        indices,
        native.max_pool2d_grad(y, indices, x.shape),
        native.avg_pool2d(x, (3, 3), stride=(2, 2), padding=PAD),
        native.avg_pool2d_grad(y, x.shape, (2, 2), stride=(2, 2)),
        native.global_avg_pool2d(x),
        *native.batch_norm_train(x, channel[0], channel[1], eps=1e-5),
        *native.batch_norm_grad(x, x, *channel[:3], eps=1e-5, training=True),
        product,
        native.linear_grad_input(product, filters),
        native.linear_grad_weight(flat, product),
        native.relu(x),
    ]


def assert_identical(some: list[np.ndarray], others: list[np.ndarray]) -> None:
    """Equal to the bit."""
    for i, (one, other) in enumerate(zip(some, others, strict=True)):
        np.testing.assert_array_equal(one, other, err_msg=f"result {i}")


@pytest.mark.parametrize("case", SHARED_OUT, ids=lambda case: case.name)
def test_bits_do_not_depend_on_threads(native, isa, threads: Callable[[int], None], case: Case) -> None:
    threads(1)
    serial = everything(native, case)
    for count in (2, 4, 7):
        threads(count)
        assert_identical(everything(native, case), serial)


def test_float64_bits_do_not_depend_on_threads(native, threads: Callable[[int], None]) -> None:
    threads(1)
    serial = everything(native, SHARED_OUT[0], "float64")
    threads(4)
    assert_identical(everything(native, SHARED_OUT[0], "float64"), serial)


def test_images_do_not_depend_on_the_batch_they_come_in(native, isa) -> None:
    x, weight, bias, _ = SHARED_OUT[0].arrays("float32")
    whole = native.conv2d(x, weight, bias, padding=PAD)
    single = [native.conv2d(x[i : i + 1], weight, bias, padding=PAD) for i in range(len(x))]
    np.testing.assert_array_equal(np.concatenate(single), whole)


def test_several_python_threads_at_once(native, threads: Callable[[int], None]) -> None:
    threads(2)
    expected = [everything(native, case) for case in SHARED_OUT]
    failures: list[BaseException] = []

    def work(first: int) -> None:
        try:
            for i in range(2 * len(SHARED_OUT)):
                which = (first + i) % len(SHARED_OUT)
                assert_identical(everything(native, SHARED_OUT[which]), expected[which])
        except BaseException as failure:
            failures.append(failure)

    workers = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failures, failures[0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_after_fork(native, threads: Callable[[int], None]) -> None:
    """The workers do not live on in a child; it starts its own."""
    threads(2)
    expected = everything(native, SHARED_OUT[0])  # the parent's workers run
    for _ in range(3):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                assert_identical(everything(native, SHARED_OUT[0]), expected)
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert_identical(everything(native, SHARED_OUT[0]), expected)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 3, 1), (3, 2, 1, 0)])
def test_groups_of_a_batch(
    native, threads: Callable[[int], None], order: tuple[int, ...], dtype: str
) -> None:
    """Each on one thread, in memory of its own; the batch may lie in any order."""
    threads(3)
    x = np.random.default_rng(0).standard_normal((14, 3, 5, 4)).astype(dtype).transpose(order).copy()
    x = x.transpose(np.argsort(order))
    own = [[empty_channels_last((2, 3, 5, 4), dtype) for _ in range(3)] for _ in "xy"]
    calls = [native.joined([native.bind(native.relu, a, out=y)]) for a, y in zip(*own, strict=True)]
    result = empty_channels_last(x.shape, dtype)
    result[:] = 7
    assert native.run_groups(calls, 6, [(x, own[0])], [(result, own[1])])
    np.testing.assert_array_equal(result[:12], np.maximum(x[:12], 0))
    assert np.all(result[12:] == 7)  # six groups of two, and no more
    vectors, out = np.arange(-6.0, 6.0, dtype=dtype).reshape(6, 2), np.zeros((6, 2), dtype)
    flat = [[np.zeros((3, 2), dtype) for _ in range(2)] for _ in "xy"]
    calls = [native.joined([native.bind(native.relu, a, out=y)]) for a, y in zip(*flat, strict=True)]
    assert native.run_groups(calls, 2, [(vectors, flat[0])], [(out, flat[1])])
    np.testing.assert_array_equal(out, np.maximum(vectors, 0))
    assert not native.run_groups(calls, 3, [(vectors, flat[0])], [(out, flat[1])])  # there are two

    def fails() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        native.run_groups([[*run, fails] for run in calls], 2, [(vectors, flat[0])], [(out, flat[1])])


def test_more_threads_than_work(native, threads: Callable[[int], None]) -> None:
    threads(64)
    x, weight, bias, _ = SHARED_OUT[4].arrays("float32")
    many = native.conv2d(x, weight, bias, padding=PAD)
    threads(1)
    np.testing.assert_array_equal(many, native.conv2d(x, weight, bias, padding=PAD))
