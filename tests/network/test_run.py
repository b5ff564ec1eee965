"""Running: what is kept, what is owned, what is refused; threads; fused networks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from convscope.errors import DtypeError, InvalidValue, UnknownName
from convscope.layers import Add, Dropout, Flatten, ReLU
from convscope.models import Builder, batch_norm, conv2d, linear, resnet18, sequential
from convscope.network import Network, Node
from convscope.ops import Randomness


def small(seed: int = 0) -> Network:
    """conv, norm, ReLU, dropout, dense: everything that behaves differently in training."""
    layers = [conv2d(4, 3, padding=1), batch_norm(), ReLU(), ("drop", Dropout(0.5)), Flatten(), linear(3)]
    return sequential(layers, (2, 5, 5), seed=seed)


def images(count: int = 4, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 2, 5, 5)).astype(np.float32)


def test_everything_is_kept_by_name() -> None:
    net, x = small(), images()
    activations = net.run(x)
    assert list(activations) == ["input", *net.nodes]
    assert activations.shapes["conv1"] == (4, 4, 5, 5)
    np.testing.assert_array_equal(activations["input"], x)
    np.testing.assert_array_equal(activations["relu1"], np.maximum(activations["bn1"], 0))
    assert activations.output is activations["fc1"]
    assert activations.caches.keys() == net.nodes.keys()
    assert activations.preparation == ()


def test_one_image_is_a_batch_of_one() -> None:
    x = images()
    np.testing.assert_array_equal(small().run(x[0]).output, small().run(x[:1]).output)


def test_the_record_owns_its_arrays() -> None:
    x = images()
    activations = small().run(x)
    before = {name: array.copy() for name, array in activations.items()}
    x[:] = np.nan
    small().run(images(seed=2))
    for name, array in activations.items():
        np.testing.assert_array_equal(array, before[name])


def test_an_output_is_never_the_callers_memory() -> None:
    net = Network([Node("drop", Dropout(0.5), "input"), Node("again", Dropout(0.5), "drop")], (2, 5, 5))
    x = images()
    for keep in ("all", "output", ["drop"]):
        activations = net.run(x, keep=keep)
        assert not any(np.shares_memory(x, array) for array in activations.values())


def test_keeping_less() -> None:
    net, x = small(), images()
    everything = net.run(x)
    output = net.run(x, keep="output")
    assert list(output) == ["fc1"]
    some = net.run(x, keep=["conv1", "input"])
    assert set(some) == {"conv1", "input", "fc1"}
    for name, array in [*output.items(), *some.items()]:
        np.testing.assert_array_equal(array, everything[name])
    assert set(net.run(x, keep="bn1")) == {"bn1", "fc1"}
    with pytest.raises(UnknownName, match=r"'relu1' was not kept; run with keep='all' or keep=\['relu1'\]"):
        output["relu1"]
    with pytest.raises(UnknownName, match="no node 'relu_1'; nearest: relu1"):
        everything["relu_1"]
    with pytest.raises(UnknownName, match="keep names no node 'conv'; nearest: conv1"):
        net.run(x, keep=["conv"])
    with pytest.raises(InvalidValue, match="run with keep='all'"):
        net.backward(output, {"fc1": output.output})


def test_training_writes_nothing_to_the_network() -> None:
    net, x = small(), images()
    before = {name: array.copy() for name, array in net.statistics.items()}
    activations = net.run(x, training=True, rng=3)
    assert activations.statistics.keys() == before.keys()
    for name, array in net.statistics.items():
        np.testing.assert_array_equal(array, before[name])
        assert not np.array_equal(activations.statistics[name], before[name])
    net.statistics.update(activations.statistics)
    assert not np.array_equal(net.run(x).output, small().run(x).output)
    assert net.run(x).statistics == {}


def test_randomness_is_an_argument() -> None:
    net, x = small(), images()
    first = net.run(x, training=True, rng=3)
    np.testing.assert_array_equal(first.output, net.run(x, training=True, rng=3).output)
    same = net.run(x, training=True, rng=Randomness(3, 0, np.arange(4)))
    np.testing.assert_array_equal(first.output, same.output)
    assert not np.array_equal(first.output, net.run(x, training=True, rng=4).output)
    with pytest.raises(InvalidValue, match="node 'drop': Dropout: training needs a source of randomness"):
        net.run(x, training=True)
    with pytest.raises(DtypeError, match="rng must be an int seed or a Randomness; got Generator"):
        net.run(x, rng=np.random.default_rng())


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (
            images().astype(np.float64),
            DtypeError,
            "must be float32 like the parameters; got float64: use x.ast",
        ),
        (images().astype(np.int64), DtypeError, "must be float32 like the parameters; got int64"),
        (np.ones((5, 5), np.float32), InvalidValue, "must have shape (2, 5, 5) or (N, 2, 5, 5); got (5, 5)"),
        (np.ones((0, 2, 5, 5), np.float32), InvalidValue, "at least one value; got shape (0, 2, 5, 5)"),
        (
            np.ones((1, 3, 5, 5), np.float32),
            InvalidValue,
            "must have 2 channels, shape (N, 2, 5, 5); got (1, 3, 5, 5)",
        ),
        (
            np.ones((2, 6, 5), np.float32),
            InvalidValue,
            "must be 5x5 pixels or another size that fits; got 6x5: node",
        ),
        (np.ones((5, 5), np.uint8), InvalidValue, "does not say how images are prepared"),
        ("photo.png", InvalidValue, "does not say how images are prepared (net.input is None)"),
        (None, InvalidValue, "got NoneType"),
    ],
)
def test_wrong_input_is_refused(x, error, message: str) -> None:
    with pytest.raises(error) as refusal:
        small().run(x)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_another_size_runs_where_every_layer_takes_it() -> None:
    net = sequential([conv2d(3, 3), ReLU()], (1, 8, 8))
    assert net.run(np.ones((2, 1, 5, 9), np.float32)).output.shape == (2, 3, 3, 7)
    with pytest.raises(InvalidValue, match="got 2x9: node 'conv1'"):
        net.run(np.ones((2, 1, 2, 9), np.float32))


def test_nan_passes_through() -> None:
    x = images()
    x[0, 0, 2, 2] = np.nan
    output = small().run(x).output
    assert np.isnan(output[0]).any()
    assert np.isfinite(output[1:]).all()


def test_predict_in_batches() -> None:
    net, x = small(), images(7)
    together = net.run(x).output
    for size in (1, 3, 7, 64):
        np.testing.assert_allclose(net.predict(x, batch_size=size), together, rtol=1e-5, atol=1e-6)
    with pytest.raises(InvalidValue, match="batch_size must be a whole number of at least 1; got 0"):
        net.predict(x, batch_size=0)


def test_several_threads_may_run_one_network() -> None:
    net = small()
    batches = [images(3, seed) for seed in range(24)]

    def step(x: np.ndarray) -> list[np.ndarray]:
        activations = net.run(x, training=True, rng=1)
        gradients = net.backward(activations, {"fc1": np.ones_like(activations.output)})
        return [activations.output, gradients.input, *gradients.parameters.values()]

    expected = [step(x) for x in batches]
    with ThreadPoolExecutor(4) as pool:
        for found, wanted in zip(pool.map(step, batches), expected, strict=True):
            for a, b in zip(found, wanted, strict=True):
                np.testing.assert_array_equal(a, b)


def trained_norms(net: Network, seed: int = 5) -> Network:
    """Give every batch norm parameters and statistics that do something."""
    rng = np.random.default_rng(seed)
    for arrays in (net.parameters, net.statistics):
        for name, array in arrays.items():
            if "bn" in name or "downsample.1" in name:
                arrays[name] = rng.uniform(0.5, 1.5, array.shape).astype(array.dtype)
    return net


@pytest.mark.parametrize("make", [small, lambda: resnet18("cifar")])
def test_a_fused_network_is_equal_and_keeps_the_meaning_of_names(make) -> None:
    net = trained_norms(make()).astype(np.float64)
    x = np.random.default_rng(0).standard_normal((2, *net.input_shape))
    if len(net.nodes) > 20:
        x = x[:1, :, :16, :16]
    fused = net.fused()
    kinds = [node.layer.kind for node in net.nodes.values()]
    assert "BatchNorm" in kinds
    left = [node.layer.kind for node in fused.nodes.values()]
    assert not {"BatchNorm", "Conv2d", "Linear", "Dropout", "ReLU", "Add"}.intersection(left)
    assert left.count("FusedConv2d") == kinds.count("Conv2d")
    assert fused.outputs == net.outputs
    before, after = net.run(x), fused.run(x)
    for name, array in after.items():
        np.testing.assert_allclose(array, before[name], rtol=1e-10, atol=1e-10 * np.abs(before[name]).max())
    assert len(net.statistics) > 0  # the network itself is unchanged


def test_nothing_is_fused_where_it_would_change_a_value() -> None:
    build = Builder((2, 4, 4))
    read_twice = build.add("twice", conv2d(2, 1), "input")
    output = build.add("output", conv2d(2, 1), "input")
    first = build.add("bn1", batch_norm(), read_twice)
    build.add("bn2", batch_norm(), output)
    build.add("bn3", batch_norm(), "input")
    build.add("sum", Add(), first, read_twice)
    net = build.network(outputs=("sum", "output", "bn2", "bn3"))
    assert list(net.fused().nodes) == list(net.nodes)


def test_a_norm_that_is_the_output_keeps_its_name() -> None:
    net = trained_norms(sequential([conv2d(3, 3, bias=False), batch_norm()], (2, 5, 5)))
    fused = net.fused()
    assert list(fused.nodes) == ["bn1"]
    assert fused.outputs == ("bn1",)
    np.testing.assert_allclose(fused.predict(images()), net.predict(images()), rtol=1e-5, atol=1e-5)
