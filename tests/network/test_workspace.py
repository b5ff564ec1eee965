"""The workspace: the same memory every step, and the same numbers as without it."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from convscope.layers import Add, AvgPool2d, Concatenate, Dropout, Flatten, GlobalAvgPool2d, MaxPool2d, ReLU
from convscope.models import Builder, batch_norm, conv2d, lenet5, linear, resnet18
from convscope.network import Network, Workspace


def mixed() -> Network:
    """Every layer that training a usual network needs, with branches."""
    build = Builder((3, 24, 24), seed=1)
    x = build.add(
        "relu", ReLU(), build.add("bn", batch_norm(), build.add("conv", conv2d(8, 3, padding=1), "input"))
    )
    x = build.add("pool", MaxPool2d(2), x)
    left = build.add("left", conv2d(8, 3, padding=1), x)
    right = build.add("right", AvgPool2d(3, stride=1, padding=1), x)
    x = build.add("sum", Add(), left, right, x)
    x = build.add("both", Concatenate(), x, left)
    means = build.add("flat1", Flatten(), build.add("mean", GlobalAvgPool2d(), x))
    cells = build.add("flat2", Flatten(), x)
    features = build.add("features", Concatenate(), means, cells)
    build.add("fc", linear(5), build.add("drop", Dropout(0.2), features))
    return build.network()


def step(net: Network, x: np.ndarray, workspace: Workspace | None):
    run = net.run(x, training=True, rng=1, workspace=workspace)
    gradients = net.backward(run, {net.outputs[0]: np.ones_like(run.output)})
    return run, gradients


@pytest.mark.parametrize("make", [mixed, lenet5])
def test_the_numbers_are_those_without_a_workspace(make) -> None:
    net, workspace = make(), Workspace()
    rng = np.random.default_rng(0)
    for count in (6, 6, 2, 6):  # a smaller batch in between, as at the end of an epoch
        x = rng.standard_normal((count, *net.input_shape)).astype(np.float32)
        (run, grads), (wanted, expected) = step(net, x, workspace), step(net, x, None)
        for found, right in [
            (run, wanted),
            (run.statistics, wanted.statistics),
            (grads.nodes, expected.nodes),
            (grads.parameters, expected.parameters),
            (grads.inputs, expected.inputs),
        ]:
            assert found.keys() == right.keys()
            for name, array in found.items():
                np.testing.assert_array_equal(array, right[name], err_msg=name)


def addresses(arrays) -> dict[str, int]:
    """Where everything of more than 16 KiB lies."""
    return {name: array.ctypes.data for name, array in arrays.items() if array.nbytes > 16_384}


@pytest.mark.parametrize(
    "make", [mixed, lambda: resnet18("cifar"), lenet5], ids=["mixed", "resnet18", "lenet5"]
)
def test_after_the_first_step_nothing_large_is_allocated(make, core: str) -> None:
    net, workspace = make(), Workspace()
    if core == "reference":
        pytest.skip("NumPy makes arrays in between")
    count = 2 if len(net.nodes) > 20 else 8
    x = np.random.default_rng(0).standard_normal((count, *net.input_shape)).astype(np.float32)
    first, first_grads = step(net, x, workspace)
    places = addresses(first)
    grad_places = addresses(first_grads.parameters)
    held = workspace.nbytes
    largest = max(array.nbytes for array in first.values())
    del first, first_grads
    tracemalloc.start()
    try:
        second, second_grads = step(net, x, workspace)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert addresses(second) == places
    assert addresses(second_grads.parameters) == grad_places
    assert workspace.nbytes == held
    allowed = 3 * 9 * second["drop"].size if "drop" in second else 0  # dropout draws a 64-bit word a value
    assert peak < largest / 2 + allowed + 200_000, f"{peak:,} bytes, the largest array has {largest:,}"


def test_a_workspace_lends_by_node_and_role() -> None:
    workspace = Workspace()
    kind = np.dtype(np.float32)
    a = workspace.lend("a", "output", (2, 3, 4, 4), kind)
    assert a.transpose(0, 2, 3, 1).flags.c_contiguous
    assert workspace.lend("a", "weight", (2, 3, 4, 4), kind, channels_last=False).flags.c_contiguous
    assert not np.shares_memory(a, workspace.lend("b", "output", (2, 3, 4, 4), kind))
    larger = workspace.lend("a", "output", (3, 3, 4, 4), kind)
    assert not np.shares_memory(a, larger)
    assert np.shares_memory(larger, workspace.lend("a", "output", (1, 3), np.dtype(np.float64)))
    assert workspace.lend("a", "vector", (7,), kind).shape == (7,)


def test_arrays_without_a_workspace_are_never_reused() -> None:
    net = mixed()
    x = np.random.default_rng(0).standard_normal((2, 3, 24, 24)).astype(np.float32)
    runs = [step(net, x, None)[0] for _ in range(2)]
    for name in runs[0]:
        assert not np.shares_memory(runs[0][name], runs[1][name]), name
