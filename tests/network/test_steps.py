"""Training steps that repeat what was recorded: the same bits as layer by layer, or no record."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convscope import ops
from convscope.layers import Dropout, Flatten, ReLU
from convscope.layers.base import Layer
from convscope.models import Builder, conv2d, lenet5, linear, resnet18, small_cnn
from convscope.network import Network, Steps

native_only = pytest.mark.skipif(ops.core().name != "native", reason="the reference core records nothing")


class Watched(Steps):
    """Notes of every step whether it was run layer by layer."""

    def __init__(self, net: Network, scores: str) -> None:
        super().__init__(net.joined(scores), scores)
        self.layer_by_layer: list[bool] = []
        run = self._plain.forward

        def forward(x: np.ndarray, random: Any) -> None:
            self.layer_by_layer[-1] = True
            run(x, random)

        self._plain.forward = forward  # type: ignore[method-assign]

    def forward(self, x: np.ndarray, random: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        self.layer_by_layer.append(False)
        return super().forward(x, random)


def draws(net: Network, step: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(step)
    x = rng.standard_normal((count, *net.input_shape)).astype(net.dtype)
    return x, rng.standard_normal((count, 10)).astype(net.dtype)


def one_by_one(net: Network, x: np.ndarray, gradient: np.ndarray) -> tuple[Any, ...]:
    """The scores, the statistics and the gradients, with memory of their own."""
    joined = net.joined(net.outputs[0])
    run = joined.run(x, training=True, keep="gradients")
    return (
        run.output,
        run.statistics,
        joined.backward(run, {net.outputs[0]: gradient}, inputs=False).parameters,
    )


def assert_steps_equal(net: Network, steps: Steps, counts: list[int]) -> None:
    """Run steps of so many images, and compare each with a run of its own; the weights change in between."""
    for step, count in enumerate(counts):
        x, gradient = draws(net, step, count)
        scores, statistics = steps.forward(x, None)
        found = steps.backward(gradient.reshape(scores.shape))
        expected = one_by_one(net, x, gradient.reshape(scores.shape))
        assert scores.tobytes() == expected[0].tobytes()
        for one, other in ((statistics, expected[1]), (found, expected[2])):
            assert one.keys() == other.keys()
            assert all(one[name].tobytes() == other[name].tobytes() for name in one)
        for name, gradients in found.items():
            net.parameters[name] -= 0.01 * gradients


@pytest.mark.parametrize("make", [lenet5, small_cnn, lambda: resnet18("cifar")])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gives_the_bits_of_single_runs(core: str, make: Any, dtype: type) -> None:
    net = make().astype(dtype)
    steps = Watched(net, net.outputs[0])
    counts = [3, 3, 3, 3, 2, 3, 1 if make is lenet5 else 2, 3]
    assert_steps_equal(net, steps, counts)
    if ops.core().name == "native" and make in (lenet5, small_cnn):
        assert steps.layer_by_layer == [True] * 3 + [False, True, False, True, False]


@native_only
def test_a_batch_in_another_order_of_memory() -> None:
    net = small_cnn()
    steps = Watched(net, net.outputs[0])
    assert_steps_equal(net, steps, [4, 4, 4, 4])
    x, gradient = draws(net, 9, 4)
    x = np.asfortranarray(x)
    scores, _ = steps.forward(x, None)
    assert not steps.layer_by_layer[-1]
    assert scores.tobytes() == one_by_one(net, x, gradient)[0].tobytes()


@native_only
def test_new_arrays_of_parameters_end_it() -> None:
    net = lenet5()
    steps = Watched(net, net.outputs[0])
    assert_steps_equal(net, steps, [2, 2, 2, 2])
    net.parameters["conv1.weight"] = net.parameters["conv1.weight"] * 2
    assert_steps_equal(net, steps, [2])
    assert steps.layer_by_layer == [True, True, True, False, True]


def network_with(layer: Layer) -> Network:
    build = Builder((1, 8, 8), seed=0)
    x = build.add("relu", ReLU(), build.add("conv", conv2d(3, 3), "input"))
    build.add("fc", linear(10), build.add("more", layer, build.add("flatten", Flatten(), x)))
    return build.network()


def test_what_draws_numbers_is_run_layer_by_layer() -> None:
    net = network_with(Dropout(0.5))
    steps = Watched(net, "fc")
    for step in range(5):
        x, gradient = draws(net, step, 4)
        random = ops.Randomness(0, step, np.arange(4))
        scores, _ = steps.forward(x, random)
        expected = net.joined("fc").run(x, training=True, rng=random).output
        assert scores.tobytes() == expected.tobytes()
        steps.backward(gradient)
    assert all(steps.layer_by_layer)


class HalfInNumPy(ReLU):
    """Says it is kernels alone, and is not."""

    def forward(self, *inputs: np.ndarray, context: Any = None) -> tuple[np.ndarray, Any]:
        y, cache = super().forward(*inputs, context=context)
        return y + np.float32(1), cache


@native_only
def test_a_record_that_is_not_all_of_a_step_is_found_out() -> None:
    net = network_with(HalfInNumPy())
    steps = Watched(net, "fc")
    assert_steps_equal(net, steps, [4, 4, 4, 4, 4])
    assert all(steps.layer_by_layer)


@native_only
def test_a_large_step_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convscope.network.steps.LARGEST", 1000)
    net = lenet5()
    steps = Watched(net, net.outputs[0])
    assert_steps_equal(net, steps, [2, 2, 2, 2])
    assert all(steps.layer_by_layer)
