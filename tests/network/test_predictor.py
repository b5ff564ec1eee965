"""Prediction: as `run`, never out of date, safe from several threads and processes, in memory used again."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convscope as cs
from convscope.errors import InvalidValue
from convscope.layers import (
    Add,
    ChannelScale,
    Clip,
    Concatenate,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    LeakyReLU,
    Linear,
    MaxPool2d,
    ReLU,
    Softmax,
)
from convscope.models import Builder, batch_norm, conv2d, linear
from convscope.network import Network, Node
from convscope.network.plan import Plan
from single_layers import CASES


def everything(dtype: str = "float64") -> Network:
    """A network with every pattern that is joined, and some that must not be."""
    rng = np.random.default_rng(3)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape)

    build = Builder((3, 12, 10), seed=1)
    x = build.add("conv1", conv2d(8, 3, padding=1), "input")
    x = build.add("relu1", ReLU(), build.add("bn1", batch_norm(), x))
    y = build.add("conv2", conv2d(8, 3, padding=1), build.add("drop", Dropout(0.3), x))
    y = build.add("relu2", ReLU(), build.add("sum", Add(), build.add("bn2", batch_norm(), y), x))
    y = build.add("depth", Conv2d(normal(8, 1, 3, 3).astype("f4"), groups=8, padding="same"), y)
    y = build.add("clip", Clip(0, 6), build.add("bn3", batch_norm(), y))
    y = build.add("up", ConvTranspose2d(normal(8, 3, 2, 2).astype("f4"), stride=2, groups=2), y)
    y = build.add("scale", ChannelScale(normal(6).astype("f4"), normal(6).astype("f4")), y)
    both = build.add("conv3", conv2d(4, 1), y)  # read twice: stays as it is
    z = build.add("leaky", LeakyReLU(0.2), both)
    y = build.add("pool", MaxPool2d(2), build.add("cat", Concatenate(), z, both))
    y = build.add("relu3", ReLU(), build.add("conv4", conv2d(5, 3), y))
    means = build.add("flat", Flatten(), build.add("mean", GlobalAvgPool2d(), y))
    y = build.add("relu4", ReLU(), build.add("fc1", linear(7), means))
    build.add("probabilities", Softmax(), build.add("fc2", linear(5), y))
    net = build.network(classes=list("abcde"))
    for arrays in (net.parameters, net.statistics):
        for name, array in arrays.items():
            if name.startswith("bn"):
                arrays[name] = rng.uniform(0.5, 1.5, array.shape).astype(array.dtype)
    return net.astype(dtype)


def images(net: Network, count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, *net.input_shape)).astype(net.dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fused_and_predict_equal_run(dtype: str) -> None:
    net = everything(dtype)
    fused = net.fused()
    # Folding rounds each weight once more, and a sum of 72 products: of the largest value of a node.
    bound = 100 * np.finfo(dtype).eps
    for count in (1, 5):
        x = images(net, count)
        wanted, found = net.run(x), fused.run(x)
        assert found.outputs.keys() == wanted.outputs.keys()
        for name, array in found.items():
            largest = np.abs(wanted[name]).max()
            np.testing.assert_allclose(array, wanted[name], rtol=0, atol=bound * largest, err_msg=name)
        for prediction in (net.predict(x), fused.predict(x), pickle.loads(pickle.dumps(fused)).predict(x)):
            np.testing.assert_allclose(prediction, wanted.output, rtol=0, atol=bound)


def test_what_is_joined_and_what_is_not() -> None:
    fused = everything().fused()
    kinds = {name: node.layer.kind for name, node in fused.nodes.items()}
    assert kinds == {
        "relu1": "FusedConv2d",
        "relu2": "FusedConv2d",
        "clip": "FusedConv2d",
        "scale": "ConvTranspose2d",
        "conv3": "FusedConv2d",
        "leaky": "LeakyReLU",
        "cat": "Concatenate",
        "pool": "MaxPool2d",
        "relu3": "FusedConv2d",
        "mean": "GlobalAvgPool2d",
        "flat": "Flatten",
        "relu4": "FusedLinear",
        "fc2": "FusedLinear",
        "probabilities": "Softmax",
    }
    assert fused.nodes["relu2"].inputs == ("relu1", "relu1")
    assert fused.classes == tuple("abcde")
    assert fused.outputs == ("probabilities",)
    assert fused.fused().nodes.keys() == fused.nodes.keys()


def pooling() -> Network:
    """Max pooling behind convolutions: what can be joined, and what cannot."""
    build = Builder((2, 86, 80), seed=4)
    x = build.add("relu1", ReLU(), build.add("c1", conv2d(6, 3), "input"))
    x = build.add("one", MaxPool2d((2, 3)), x)
    x = build.add("two", MaxPool2d(2), build.add("c2", conv2d(20, 3, padding=1), x))
    x = build.add("padded", MaxPool2d(2, padding=1), build.add("c3", conv2d(20, 3, padding=1), x))
    x = build.add("overlapping", MaxPool2d(2, stride=1), build.add("c4", conv2d(20, 3, padding=1), x))
    x = build.add(
        "same", MaxPool2d(3, stride=1, padding=1), build.add("c8", conv2d(20, 3, padding="same"), x)
    )
    twice = build.add("c5", conv2d(20, 1), x)
    x = build.add("three", MaxPool2d(2), twice)
    again = build.add("c6", conv2d(20, 1, stride=2), twice)
    x = build.add("sum", Add(), build.add("c7", conv2d(20, 1), x), again)
    x = build.add("four", MaxPool2d((1, 2)), x)
    build.add("fc", linear(3), build.add("flat", Flatten(), x))
    return build.network()


def test_pooling_is_joined_with_the_convolution_before_it(tmp_path: Path) -> None:
    net = pooling()
    fused = net.fused()
    joined = ["one", "two", "padded", "overlapping"]
    alone = ["c8", "same", "c5", "three", "c6", "sum", "four", "flat", "fc"]
    assert [*fused.nodes] == [*joined, *alone]
    x = images(net, 3)
    wanted = net.run(x)
    for name, array in fused.run(x).items():
        np.testing.assert_allclose(array, wanted[name], rtol=0, atol=2e-5 * np.abs(wanted[name]).max())
    np.testing.assert_allclose(net.predict(x), wanted.output, rtol=1e-4, atol=1e-5)
    fields = {row.name: row.receptive_field for row in net.summary().rows}
    assert all(row.receptive_field == fields[row.name] for row in fused.summary().rows)
    cs.save(fused, tmp_path / "fused.onnx")
    again = cs.load(tmp_path / "fused.onnx")
    np.testing.assert_allclose(again.predict(x), wanted.output, rtol=1e-4, atol=1e-5)


def test_a_sum_that_stretches_is_not_joined() -> None:
    build = Builder((3, 6, 6))
    maps = build.add("conv", conv2d(4, 1), "input")
    gate = build.add("gate", conv2d(4, 1), build.add("mean", GlobalAvgPool2d(), "input"))
    build.add("sum", Add(), maps, gate)
    net = build.network()
    assert net.fused().nodes["sum"].layer.kind == "Add"
    x = images(net, 2)
    np.testing.assert_allclose(net.predict(x), net.run(x).output, rtol=1e-5, atol=1e-5)


def test_a_fused_network_is_read_only_and_for_inference() -> None:
    net = everything()
    fused = net.fused()
    assert all(not array.flags.writeable for array in fused.parameters.values())
    x = images(net, 1)
    before = fused.predict(x)
    for array in net.parameters.values():
        array *= 2  # the fused network has arrays of its own
    np.testing.assert_array_equal(fused.predict(x), before)
    with pytest.raises(InvalidValue, match="a fused network has no backward pass"):
        fused.backward(fused.run(x), {"probabilities": np.ones((1, 5))})
    weight = fused.parameters["fc2.weight"]
    fused.parameters["fc2.weight"] = weight * 2  # assigning is seen: it is another array
    assert np.abs(fused.predict(x) - before).max() > 1e-6


def test_a_fused_network_can_be_taken_apart_and_saved(tmp_path) -> None:
    net = everything("float32")
    fused, x = net.fused(), images(net, 2)
    parted = fused.parted()
    assert parted.nodes["relu2"].inputs == ("relu2/sum",)
    assert {"Conv2d", "Add", "ReLU", "Linear"} <= {node.layer.kind for node in parted.nodes.values()}
    found = parted.run(x)
    for name, array in fused.run(x).items():
        np.testing.assert_allclose(array, found[name], rtol=1e-4, atol=1e-5, err_msg=name)
    parted.backward(found, {"probabilities": np.ones_like(found.output)})
    assert net.parted() is net
    cs.save(fused, tmp_path / "fused.onnx")
    again = cs.load(tmp_path / "fused.onnx")
    np.testing.assert_allclose(again.predict(x), net.predict(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [*everything().parameters, *everything().statistics])
def test_a_change_of_one_value_in_place_is_seen(name: str) -> None:
    net = everything()
    x = images(net, 3)
    net.predict(x)
    array = net.statistics[name] if name in net.statistics else net.parameters[name]
    array.reshape(-1)[-1] += 0.5
    np.testing.assert_allclose(net.predict(x), net.run(x).output, rtol=0, atol=1e-12)


def test_other_ways_to_change_a_parameter_are_seen() -> None:
    net = cs.models.lenet5()
    x = images(net, 2)
    weight = net.parameters["conv2.weight"]

    def check() -> None:
        np.testing.assert_allclose(net.predict(x), net.run(x).output, rtol=1e-5, atol=1e-5)

    check()
    first, second = weight[0].copy(), weight[1].copy()
    weight[0], weight[1] = second, first  # the sum of all bits is as before
    check()
    net.parameters["conv2.weight"] = np.asfortranarray(weight * 3)  # another order in memory
    check()
    net.parameters["conv2.weight"][1, 2, 3, 1] -= 1
    check()
    wide = np.zeros((weight.shape[0], weight.shape[1], 5, 10), np.float32)
    net.parameters["conv2.weight"] = wide[..., ::2]  # with gaps
    check()
    wide[0, 0, 0, 0] = 5
    check()
    fixed = wide[..., ::2].copy()
    view = fixed[:]
    view.flags.writeable = False  # read-only, but its owner is not
    net.parameters["conv2.weight"] = view
    check()
    fixed += 1
    check()


def test_training_between_predictions_is_seen() -> None:
    net = cs.models.small_cnn()
    data = cs.data.digits()
    before = net.predict(data.x[:9])
    cs.fit(net, data, epochs=1)
    after = net.predict(data.x[:9])
    assert np.abs(after - before).max() > 0.1
    np.testing.assert_allclose(after, net.run(data.x[:9]).output, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_every_layer_predicts_what_it_runs(name: str) -> None:
    layer, shapes = CASES[name]
    sources = [f"x{i}" for i in range(len(shapes))]
    nodes: list[Node] = []
    for i, shape in enumerate(shapes):  # a scale, so that every input is a value of the network's own
        ones = np.full(shape[0], i + 1.0)
        nodes.append(Node(sources[i], ChannelScale(ones, ones), "input"))
    try:
        net = Network([*nodes, Node("layer", layer, sources)], shapes[0])
    except InvalidValue:
        pytest.skip("the inputs differ in shape")
    x = np.random.default_rng(1).standard_normal((3, *shapes[0])).astype(net.dtype)
    for batch in (x, x[:1], x):
        wanted = net.run(batch).output
        bound = 1e3 * np.finfo(net.dtype).eps * max(1.0, float(np.abs(wanted).max()))
        np.testing.assert_allclose(net.predict(batch), wanted, rtol=0, atol=bound)


def test_predictions_belong_to_the_caller() -> None:
    net = everything("float32")
    kept = [net.predict(images(net, 2, seed)) for seed in range(4)]
    for seed, array in enumerate(kept):
        np.testing.assert_array_equal(array, net.predict(images(net, 2, seed)))
    assert not any(np.shares_memory(kept[0], other) for other in kept[1:])


def test_a_network_that_gives_its_input_gives_a_copy() -> None:
    net = Network([Node("drop", Dropout(0.5), "input")], (4,))
    x = images(net, 2)
    y = net.predict(x)
    np.testing.assert_array_equal(y, x)
    assert not np.shares_memory(x, y)


@pytest.mark.usefixtures("native_core")
def test_the_second_prediction_allocates_nothing_large() -> None:
    net = cs.models.resnet18("cifar").fused()
    x = images(net, 4)
    net.predict(x)
    tracemalloc.start()
    try:
        net.predict(x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50_000, f"{peak:,} bytes"  # one map has 4*64*32*32*4, a million


def test_memory_is_used_again_within_a_run() -> None:
    net = cs.models.resnet18("cifar")
    predictor = net.predictor()
    x = images(net, 2)
    predictor({net.input_name: x})
    (worker,) = predictor._state.idle
    largest = 2 * 64 * 32 * 32 * 4
    # A block needs its input, the sum so far, and what is computed: three of the largest maps.
    assert worker._memory.block.size <= 3 * largest + x.nbytes


def test_several_threads_predict_with_one_network() -> None:
    net = everything("float32")
    batches = [images(net, 1 + seed % 3, seed) for seed in range(40)]
    expected = [net.predict(x) for x in batches]
    for shared in (net, net.fused()):
        with ThreadPoolExecutor(6) as pool:
            for found, wanted in zip(pool.map(shared.predict, batches), expected, strict=True):
                np.testing.assert_array_equal(found, wanted)


def _in_child(net: Network, x: np.ndarray, sender) -> None:
    sender.send(net.predict(x))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_predicts() -> None:
    net = everything("float32")
    x = images(net, 3)
    wanted = net.predict(x)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_in_child, args=(net, x, sender))
    child.start()
    assert receiver.poll(30)
    np.testing.assert_array_equal(receiver.recv(), wanted)
    child.join(30)
    assert child.exitcode == 0


def test_any_number_of_threads_gives_the_same_bits() -> None:
    net = cs.models.resnet18("cifar").fused()
    x = images(net, 4)
    before = cs.get_threads()
    try:
        found = []
        for count in (1, 2, 3, 7, 64):
            cs.set_threads(count)
            found.append(net.predict(x))
    finally:
        cs.set_threads(before)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def branches() -> Network:
    """Concatenations whose branches are computed in place, and some whose branches must not be."""
    build = Builder((3, 10, 9))

    def conv(name: str, source: str, filters: int, kernel: int) -> str:
        return build.add(name, conv2d(filters, kernel, padding=kernel // 2), source)

    a = build.add("a", ReLU(), conv("before a", "input", 16, 3))
    in_place = build.add("in place", Concatenate(), a, conv("b", "input", 5, 1))
    pooled = build.add("pooled", MaxPool2d(3, stride=1, padding=1), in_place)
    mixed = build.add("mixed", Concatenate(), conv("c", in_place, 4, 3), pooled)
    d = conv("d", mixed, 6, 3)
    twice = build.add("twice", Concatenate(), d, d)
    e = conv("e", twice, 4, 1)
    also = build.add("read by others", Concatenate(), e, conv("f", twice, 4, 1))
    build.add("end", Concatenate(), also, e)
    return build.network()


def test_branches_are_computed_in_what_they_are_concatenated_to() -> None:
    fused = branches().fused()
    for count in (1, 3):
        x = images(fused, count)
        np.testing.assert_allclose(fused.predict(x), fused.run(x).output, rtol=1e-4, atol=1e-4)
    shapes = fused.shapes()
    plan = Plan([*fused.nodes.values()], fused.outputs, shapes, ("input",), fused.dtype)
    plan.bind(np.empty(plan.size, np.uint8))
    arrays = plan.arrays
    assert arrays["a"].ctypes.data == arrays["in place"].ctypes.data
    assert arrays["b"].ctypes.data == arrays["in place"].ctypes.data + 16 * fused.dtype.itemsize
    for whole, *parts in (("mixed", "c"), ("twice", "d"), ("read by others", "e", "f"), ("end", "e")):
        assert not any(np.shares_memory(arrays[whole], arrays[part]) for part in parts)


def test_images_computed_apart_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    for net in (everything("float32"), branches(), cs.models.lenet5()):
        x = images(net, 7)
        wanted = net.predict(x)
        for cache in (1, 1 << 16, 1 << 30):
            monkeypatch.setattr("convscope.network.predictor.CACHE", cache)
            found = net.fused().predict(x)
            np.testing.assert_array_equal(found, wanted)
            assert found.strides == wanted.strides
        np.testing.assert_array_equal(np.concatenate([net.predict(image[None]) for image in x]), wanted)


def test_images_on_several_threads_give_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, set_threads: Callable[[int], None]
) -> None:
    for net in (everything("float32"), branches(), cs.models.lenet5()):
        set_threads(1)
        x = images(net, 11)
        wanted = net.predict(x)
        monkeypatch.setattr("convscope.network.predictor.WORTH_A_THREAD", 1)
        for cache, threads in ((1, 2), (1 << 30, 2), (1 << 16, 3), (1 << 30, 16)):
            monkeypatch.setattr("convscope.network.predictor.CACHE", cache)
            set_threads(threads)
            np.testing.assert_array_equal(net.fused().predict(x), wanted)
            for count in (1, 2, 3, 8):
                np.testing.assert_array_equal(net.predict(x[:count]), wanted[:count])


def test_many_sizes_one_after_the_other() -> None:
    net = everything("float32")
    for count in (1, 3, 2, 9, 4, 5, 6, 7, 8, 10, 1, 3):
        np.testing.assert_allclose(
            net.predict(images(net, count)), net.run(images(net, count)).output, rtol=1e-4, atol=1e-5
        )
    tall = np.zeros((1, 3, 16, 14), np.float32)
    np.testing.assert_allclose(net.predict(tall), net.run(tall).output, rtol=1e-4, atol=1e-5)


def test_several_outputs_are_refused_by_predict_and_given_by_a_predictor() -> None:
    net = everything("float32")
    x = images(net, 2)
    found = net.predictor(("fc2", "conv3"))({"input": x})
    run = net.run(x)
    for name in ("fc2", "conv3"):
        np.testing.assert_allclose(found[name], run[name], rtol=1e-4, atol=1e-5)
    several = Network(
        [Node("a", ReLU(), "input"), Node("b", Linear(np.ones((2, 4), np.float32)), "input")], (4,)
    )
    with pytest.raises(InvalidValue, match="must have one output; got a, b"):
        several.predict(np.ones((1, 4), np.float32))


def test_a_layer_without_prepare_of_its_own_may_be_prepared() -> None:
    class Twice(Layer):
        kind = "Twice"

        def forward(self, *inputs, context=None):
            return inputs[0] * 2, None

    net = Network([Node("twice", Twice(), "input"), Node("again", Twice(), "twice")], (4,))
    np.testing.assert_array_equal(net.predict(np.ones((2, 4), np.float32)), np.full((2, 4), 4))


@pytest.mark.skipif(cs.core().name != "native", reason="the reference has one thread")
def test_groups_at_the_same_time_take_no_more_memory_than_allowed(
    monkeypatch: pytest.MonkeyPatch, set_threads: Callable[[int], None]
) -> None:
    net = cs.models.lenet5()
    x = images(net, 64)
    taken: list[tuple[int, int]] = []
    run_groups = Plan.run_groups

    def counted(plans: list[Plan], inputs: Any, results: Any, groups: int) -> bool:
        taken.append((len(plans), groups))
        return run_groups(plans, inputs, results, groups)

    monkeypatch.setattr(Plan, "run_groups", staticmethod(counted))
    set_threads(2)
    monkeypatch.setattr("convscope.network.predictor.WORTH_A_THREAD", 1)
    wanted = net.predict(x)
    assert taken == [(2, 2)]  # 32 images on each
    monkeypatch.setattr("convscope.network.predictor.MOST_BESIDE", 1 << 18)
    np.testing.assert_array_equal(net.fused().predict(x), wanted)
    assert taken == [(2, 2)]  # all images at once, layer by layer


@pytest.mark.skipif(cs.core().name != "native", reason="the reference has one thread")
def test_groups_go_through_layers_in_python_too(
    monkeypatch: pytest.MonkeyPatch, set_threads: Callable[[int], None]
) -> None:
    build = Builder((3, 9, 9))
    maps = build.add("softmax", Softmax(), build.add("conv", conv2d(4, 3, padding=1), "input"))
    build.add("pool", MaxPool2d(3, stride=2, ceil_mode=True), maps)
    net = build.network()
    x = images(net, 7)
    set_threads(1)
    wanted = net.predict(x)
    monkeypatch.setattr("convscope.network.predictor.WORTH_A_THREAD", 1)
    monkeypatch.setattr("convscope.network.predictor.CACHE", 1)
    set_threads(3)
    np.testing.assert_array_equal(net.fused().predict(x), wanted)
