"""Gradients of whole networks against finite differences, and the rules by hand."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.errors import DtypeError, InvalidValue, UnknownName
from convscope.layers import (
    Add,
    AvgPool2d,
    Concatenate,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    ReLU,
    Softmax,
    Tanh,
)
from convscope.models import Builder, batch_norm, conv2d, lenet5, linear, sequential
from convscope.network import Network, Node


def plain() -> Network:
    layers = [
        conv2d(3, 3, padding=1),
        Tanh(),
        MaxPool2d(2),
        conv2d(4, 2),
        ReLU(),
        Flatten(),
        linear(3),
        Softmax(),
    ]
    return sequential(layers, (2, 6, 6), seed=1)


def branched() -> Network:
    """Branches of unlike kernels side by side, one array read four times, two outputs."""
    build = Builder((2, 6, 6), seed=2)
    stem = build.add("stem", Tanh(), build.add("conv", conv2d(3, 3, padding=1), "input"))
    one = build.add("one", conv2d(2, 1), stem)
    three = build.add("three", conv2d(2, 3, padding="same"), stem)
    pooled = build.add("pooled", AvgPool2d(3, stride=1, padding=1), stem)
    joined = build.add("joined", Concatenate(), one, three, pooled, stem)
    head = build.add("drop", Dropout(0.3), build.add("mean", GlobalAvgPool2d(), joined))
    build.add("fc", linear(3), build.add("flat", Flatten(), head))
    build.add("side", conv2d(1, 3, stride=2), joined)
    return build.network("branched")


def residual() -> Network:
    build = Builder((3, 6, 6), seed=3)
    x = build.add("bn0", batch_norm(), "input")
    for block in (1, 2):
        y = build.add(f"conv{block}", conv2d(3, 3, padding=1, bias=False), x)
        y = build.add(f"relu{block}", ReLU(), build.add(f"bn{block}", batch_norm(), y))
        x = build.add(f"add{block}", Add(), x, y, x)  # the shortcut twice
    build.add("fc", linear(2), build.add("flat", Flatten(), x))
    return build.network("residual")


def small_original() -> Network:
    """LeNet-5 of 1998 on a smaller image: the dense end sees 12x12 and not 32x32."""
    nodes = [
        node
        for node in lenet5("1998").nodes.values()
        if not node.name.startswith(("c5", "flat", "f6", "out"))
    ]
    head = np.random.default_rng(4).standard_normal((3, 16))
    nodes += [
        Node("flatten", Flatten(), "s4.squash"),
        Node("output", Linear(head.astype(np.float32)), "flatten"),
    ]
    return Network(nodes, (1, 16, 16))


def small_modern() -> Network:
    nodes = [node for node in lenet5().nodes.values() if not node.name.startswith(("fc", "relu3", "relu4"))]
    head = np.random.default_rng(4).standard_normal((3, 16))
    return Network([*nodes, Node("fc", Linear(head.astype(np.float32)), "flatten")], (1, 16, 16))


NETWORKS = {
    "plain": plain,
    "branched": branched,
    "residual": residual,
    "lenet5": small_modern,
    "lenet5-1998": small_original,
}


def interesting(net: Network, seed: int) -> Network:
    """In float64, with biases, scales and statistics that are not 0 or 1."""
    net, rng = net.astype(np.float64), np.random.default_rng(seed)
    for arrays in (net.parameters, net.statistics):
        for name, array in arrays.items():
            if array.ndim == 1:
                arrays[name] = rng.uniform(0.5, 1.5, array.shape)
    return net


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_of_whole_networks(name: str, training: bool) -> None:
    """Along drawn directions: d/dt of sum(output(p + t*d) * grad) at 0 is the sum of gradient * d.

    D(h) = (f(h) - f(-h)) / 2h is off by c*h**2 + O(h**4), so |D(2h) - D(h)| = 3*c*h**2 bounds it; the
    rounding of f, at most 1e-12 of its largest terms here, is divided by h.
    """
    net = interesting(NETWORKS[name](), seed=7)
    rng = np.random.default_rng(8)
    x = rng.standard_normal((3, *net.input_shape))
    activations = net.run(x, training=training, rng=1)
    seeds = {output: rng.standard_normal(activations[output].shape) for output in net.outputs}
    gradients = net.backward(activations, seeds)
    assert gradients.parameters.keys() == net.parameters.keys()

    def loss(image: np.ndarray) -> float:
        outputs = net.run(image, training=training, rng=1, keep="output").outputs
        return sum(float((outputs[key] * grad).sum()) for key, grad in seeds.items())

    def check(along, gradient: np.ndarray, direction: np.ndarray, what: str) -> None:
        h = 1e-5
        numeric, wider = ((along(s * direction) - along(-s * direction)) / (2 * s) for s in (h, 2 * h))
        scale = sum(float(np.abs(activations[key] * grad).sum()) for key, grad in seeds.items())
        bound = abs(wider - numeric) + 1e-12 * max(1.0, scale) / h
        found = float((gradient * direction).sum())
        assert abs(found - numeric) <= bound, f"{what}: {found}, differences {numeric}, allowed {bound}"

    for _ in range(3):
        check(lambda d: loss(x + d), gradients.input, rng.standard_normal(x.shape), "input")
    for key, value in [*net.parameters.items()]:

        def moved(d: np.ndarray, key: str = key, value: np.ndarray = value) -> float:
            net.parameters[key] = value + d
            try:
                return loss(x)
            finally:
                net.parameters[key] = value

        direction = rng.standard_normal(value.shape)
        layer = net.nodes[key.rpartition(".")[0]].layer
        if layer.kind == "TableConv2d" and value.ndim == 4:
            direction *= layer.connections[:, :, None, None]
        check(moved, gradients.parameters[key], direction, key)


def two_layers() -> tuple[Network, np.ndarray]:
    """relu2(W2 relu1(W1 x)) with 1x1 kernels, small enough to follow by hand.

    x = (1, 2);  W1 = [[1, -1], [1, 1]]: conv1 = (-1, 3), relu1 = (0, 3)
    W2 = [[2, 1], [1, -1]]:              conv2 = (3, -3), relu2 = (3, 0)
    """
    first = np.array([[1.0, -1.0], [1.0, 1.0]]).reshape(2, 2, 1, 1)
    second = np.array([[2.0, 1.0], [1.0, -1.0]]).reshape(2, 2, 1, 1)
    nodes = [
        Node("conv1", Conv2d(first), "input"),
        Node("relu1", ReLU(), "conv1"),
        Node("conv2", Conv2d(second), "relu1"),
        Node("relu2", ReLU(), "conv2"),
    ]
    return Network(nodes, (2, 1, 1)), np.array([1.0, 2.0]).reshape(2, 1, 1)


@pytest.mark.parametrize(
    ("rule", "seed", "conv2", "relu1", "conv1", "image"),
    [
        # relu2 passes where conv2 > 0: (1, 0). W2.T: (2, 1). relu1 passes where conv1 > 0: (0, 1).
        ("gradient", (1, 1), (1, 0), (2, 1), (0, 1), (1, 1)),
        # relu2 passes where the gradient > 0: (1, 1). W2.T: (3, 0). relu1 likewise: (3, 0). W1.T: (3, -3).
        ("deconvnet", (1, 1), (1, 1), (3, 0), (3, 0), (3, -3)),
        ("deconvnet", (1, -1), (1, 0), (2, 1), (2, 1), (3, -1)),
        # both gates: relu2 (1, 0), W2.T (2, 1), relu1 (0, 1), W1.T (1, 1).
        ("guided", (1, 1), (1, 0), (2, 1), (0, 1), (1, 1)),
        ("guided", (-1, 1), (0, 0), (0, 0), (0, 0), (0, 0)),
    ],
)
def test_the_rules_by_hand(rule: str, seed, conv2, relu1, conv1, image) -> None:
    net, x = two_layers()
    activations = net.run(x)
    assert activations["conv1"].ravel().tolist() == [-1, 3]
    assert activations["conv2"].ravel().tolist() == [3, -3]
    grad = np.array(seed, float).reshape(1, 2, 1, 1)
    gradients = net.backward(activations, {"relu2": grad}, rule)
    assert gradients.nodes["conv2"].ravel().tolist() == list(conv2)
    assert gradients.nodes["relu1"].ravel().tolist() == list(relu1)
    assert gradients.nodes["conv1"].ravel().tolist() == list(conv1)
    assert gradients.input.ravel().tolist() == list(image)
    assert bool(gradients.parameters) == (rule == "gradient")


def test_guided_differs_from_both_where_a_negative_gradient_meets_a_positive_input() -> None:
    weight = np.array([[1.0, -1.0]]).reshape(1, 2, 1, 1)
    nodes = [Node("relu", ReLU(), "input"), Node("conv", Conv2d(weight), "relu")]
    net, x = Network(nodes, (2, 1, 1)), np.array([-1.0, 2.0]).reshape(2, 1, 1)
    found = {
        rule: net.backward(net.run(x), {"conv": np.ones((1, 1, 1, 1))}, rule).input.ravel().tolist()
        for rule in ("gradient", "deconvnet", "guided")
    }
    assert found == {"gradient": [0, -1], "deconvnet": [1, 0], "guided": [0, 0]}


def test_one_relu_may_be_used_by_several_nodes() -> None:
    relu = ReLU()
    nodes = [
        Node("a", relu, "input"),
        Node("flip", Conv2d(np.full((1, 1, 1, 1), -1.0)), "input"),
        Node("b", relu, "flip"),
        Node("sum", Add(), ("a", "b")),
    ]
    net = Network(nodes, (1, 1, 2))
    activations = net.run(np.array([[[2.0, -3.0]]]))
    assert activations.output.ravel().tolist() == [2, 3]  # the absolute value
    grad = np.ones((1, 1, 1, 2))
    assert net.backward(activations, {"sum": grad}).input.ravel().tolist() == [1, -1]
    assert net.backward(activations, {"sum": grad}, "deconvnet").input.ravel().tolist() == [0, 0]


def test_a_pass_may_start_anywhere_and_at_several_nodes() -> None:
    net = branched().astype(np.float64)
    x = np.random.default_rng(0).standard_normal((1, 2, 6, 6))
    activations = net.run(x)
    stem, joined = np.ones_like(activations["stem"]), np.ones_like(activations["joined"])
    alone = net.backward(activations, {"stem": stem})
    assert set(alone.nodes) == {"stem", "conv"}
    assert set(alone.parameters) == {"conv.weight", "conv.bias"}
    other = net.backward(activations, {"joined": joined})
    both = net.backward(activations, {"stem": stem, "joined": joined})
    np.testing.assert_allclose(both.input, alone.input + other.input, rtol=1e-12, atol=1e-12)
    assert (stem == 1).all()  # what was given is never written to
    assert (joined == 1).all()


def test_what_is_not_asked_for() -> None:
    net = residual().astype(np.float64)
    activations = net.run(np.random.default_rng(0).standard_normal((2, 3, 6, 6)))
    seeds = {"fc": np.ones((2, 2))}
    full = net.backward(activations, seeds)
    no_input = net.backward(activations, seeds, inputs=False)
    assert no_input.inputs == {}
    for name, grad in full.parameters.items():
        np.testing.assert_array_equal(no_input.parameters[name], grad)
    no_parameters = net.backward(activations, seeds, parameters=False)
    assert no_parameters.parameters == {}
    np.testing.assert_array_equal(no_parameters.input, full.input)
    with pytest.raises(InvalidValue, match="did not reach the input"):
        no_input.input  # noqa: B018
    assert net.backward(activations, seeds, "guided", parameters=True).parameters


def test_wrong_gradients_are_refused() -> None:
    net = plain()
    activations = net.run(np.ones((2, 6, 6), np.float32))
    grad = np.ones((1, 3), np.float32)
    with pytest.raises(UnknownName, match="no node 'fc'; nearest: fc1"):
        net.backward(activations, {"fc": grad})
    with pytest.raises(InvalidValue, match=r"gradient of 'fc1' must have shape \(1, 3\); got \(3,\)"):
        net.backward(activations, {"fc1": grad[0]})
    with pytest.raises(DtypeError, match="gradient of 'fc1' must be float32 like its output; got float64"):
        net.backward(activations, {"fc1": grad.astype(float)})
    with pytest.raises(InvalidValue, match="rule must be one of gradient, deconvnet, guided; got 'lrp'"):
        net.backward(activations, {"fc1": grad}, "lrp")
