"""The workspace: the same memory every step, and the same numbers as without it."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest

from convscope.layers import Add, AvgPool2d, Concatenate, Dropout, Flatten, GlobalAvgPool2d, MaxPool2d, ReLU
from convscope.models import Builder, batch_norm, conv2d, lenet5, linear, resnet18
from convscope.network import Network, Workspace
from convscope.network.workspace import ARENA


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
@pytest.mark.usefixtures("native_core")
def test_after_the_first_step_nothing_large_is_allocated(make) -> None:
    net, workspace = make(), Workspace()
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


def test_a_workspace_lends_what_nobody_holds() -> None:
    workspace = Workspace()
    kind = np.dtype(np.float32)
    a = workspace.lend("a", "output", (2, 3, 4, 4), kind)
    assert a.transpose(0, 2, 3, 1).flags.c_contiguous
    assert workspace.lend("a", "weight", (2, 3, 4, 4), kind, channels_last=False).flags.c_contiguous
    assert not np.shares_memory(a, workspace.lend("b", "output", (2, 3, 4, 4), kind))
    assert not np.shares_memory(a, workspace.lend("a", "output", (2, 3, 4, 4), kind)), "somebody holds a"
    view, place = a[:, 1:, ::2], a.ctypes.data
    del a
    held = workspace.nbytes
    assert not np.shares_memory(view, workspace.lend("c", "output", (2, 3, 4, 4), kind)), "a view is enough"
    del view
    again = workspace.lend("new", "output", (2, 3, 4, 4), kind)
    assert again.ctypes.data == place
    assert workspace.nbytes == held  # nothing new was needed
    assert workspace.lend("a", "vector", (7,), kind).shape == (7,)


def test_blocks_are_shared_by_those_who_never_live_together() -> None:
    workspace = Workspace()
    x = workspace.lend("0", "output", (1000,), np.dtype("f4"))
    for name in "123456789":  # a chain: the input and the output of one node at a time
        y = workspace.lend(name, "output", (1000,), np.dtype("f4"))
        x = y
    assert workspace.nbytes == 2 * 4032  # in whole cache lines
    assert x is y


def test_neighbours_that_were_dropped_make_room_for_something_larger() -> None:
    workspace = Workspace()
    kind = np.dtype("f4")
    bottom = workspace.lend("bottom", "output", (1600,), kind)
    small = [workspace.lend(str(i), "output", (160,), kind) for i in range(10)]
    top = workspace.lend("top", "output", (16,), kind)
    held = workspace.nbytes
    kept = small[4]
    del small
    left = workspace.lend("left", "output", (640,), kind)  # four of them
    right = workspace.lend("right", "output", (800,), kind)  # and five
    assert workspace.nbytes == held
    arrays = sorted([bottom, left, kept, right, top], key=lambda array: array.ctypes.data)
    assert [array.size for array in arrays] == [1600, 640, 160, 800, 16]
    for before, after in itertools.pairwise(arrays):
        assert before.ctypes.data + before.nbytes <= after.ctypes.data


def test_what_is_larger_than_an_arena_gets_one_of_its_own() -> None:
    workspace = Workspace()
    small = workspace.lend("small", "output", (1000,), np.dtype("f4"))
    large = workspace.lend("large", "output", (2 * ARENA,), np.dtype("u1"))  # never written to
    other = workspace.lend("other", "output", (1000,), np.dtype("f4"))
    assert large.nbytes == 2 * ARENA
    assert other.ctypes.data - small.ctypes.data == 4032
    again = large.ctypes.data
    del large
    assert workspace.lend("next", "output", (2 * ARENA,), np.dtype("u1")).ctypes.data == again


def pooled() -> Network:
    """Max pooling behind every kind of ReLU that is joined: windows apart, and windows that overlap."""
    build = Builder((3, 24, 24), seed=0)
    x = build.add("relu0", ReLU(), build.add("conv0", conv2d(6, 3), "input"))
    x = build.add("pool0", MaxPool2d(2), x)
    x = build.add(
        "relu1", ReLU(), build.add("bn1", batch_norm(), build.add("conv1", conv2d(8, 3, padding=1), x))
    )
    branch = x = build.add("pool1", MaxPool2d(3, stride=1, padding=1), x)
    x = build.add("add2", Add(), build.add("bn2", batch_norm(), build.add("conv2", conv2d(8, 1), x)), branch)
    branch = x = build.add("pool2", MaxPool2d(3, stride=2, padding=1), build.add("relu2", ReLU(), x))
    x = build.add("relu3", ReLU(), build.add("add3", Add(), build.add("conv3", conv2d(8, 1), x), branch))
    x = build.add("pool4", MaxPool2d(2), build.add("pool3", MaxPool2d((2, 1)), x))
    build.add("fc", linear(5), build.add("flatten", Flatten(), x))
    return build.network()


@pytest.mark.parametrize(
    "make", [mixed, pooled, lambda: resnet18("cifar")], ids=["mixed", "pooled", "resnet18"]
)
def test_training_joined_gives_the_very_numbers(make) -> None:
    net = make()
    joined = net.joined("fc")
    assert len(joined.nodes) < len(net.nodes)
    workspace = Workspace()
    for seed in range(3):
        x = np.random.default_rng(seed).standard_normal((3, *net.input_shape)).astype(np.float32)
        wanted = net.run(x, training=True, rng=1)
        grad = np.random.default_rng(9).standard_normal(wanted["fc"].shape).astype(np.float32)
        expected = net.backward(wanted, {"fc": grad}, inputs=False)
        run = joined.run(x, training=True, rng=1, keep="gradients", workspace=workspace)
        np.testing.assert_array_equal(run.output, wanted["fc"])
        found = joined.backward(run, {"fc": grad}, inputs=False, consume=True)
        assert found.parameters.keys() == expected.parameters.keys()
        for name, array in found.parameters.items():
            # The bias of a first layer that is pooled is a sum of what is not zero, in another order.
            close = 1e-5 if name == "conv0.bias" else 0
            np.testing.assert_allclose(array, expected.parameters[name], rtol=close, atol=close, err_msg=name)
        assert run.statistics.keys() == wanted.statistics.keys()
        for name, array in run.statistics.items():
            np.testing.assert_array_equal(array, wanted.statistics[name], err_msg=name)
        assert not run.caches
        assert not found.nodes


def test_a_joined_network_shares_its_arrays() -> None:
    net = mixed()
    joined = net.joined("fc")
    assert {**joined.parameters} == {**net.parameters}
    net.parameters["conv.weight"] = net.parameters["conv.weight"] * 2
    assert joined.parameters["conv.weight"] is net.parameters["conv.weight"]


def test_training_holds_half_of_what_all_arrays_would_take() -> None:
    net = resnet18("cifar")
    x = np.random.default_rng(0).standard_normal((4, *net.input_shape)).astype(np.float32)
    everything = sum(array.nbytes for array in net.run(x, training=True).values())
    joined, workspace = net.joined("fc"), Workspace()
    gradient = np.ones((4, 10), np.float32)
    for _ in range(3):
        run = joined.run(x, training=True, keep="gradients", workspace=workspace)
        gradients = joined.backward(run, {"fc": gradient}, inputs=False, consume=True)
        held = workspace.nbytes
        weights = sum(array.nbytes for array in gradients.parameters.values())
        del run, gradients
    assert held - weights < 0.75 * everything  # forward arrays alone; gradients came on top of them
    assert workspace.nbytes == held


def test_arrays_without_a_workspace_are_never_reused() -> None:
    net = mixed()
    x = np.random.default_rng(0).standard_normal((2, 3, 24, 24)).astype(np.float32)
    runs = [step(net, x, None)[0] for _ in range(2)]
    for name in runs[0]:
        assert not np.shares_memory(runs[0][name], runs[1][name]), name
