"""Every operator that is read, with the settings ONNX allows, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import convscope as cs
from convscope.errors import FileError
from onnx_judge import all_values, assert_nodes_agree, assert_outputs_agree

RANDOM = np.random.default_rng(0)


def draw(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def model_of(nodes, weights, shape=("N", 4, 9, 8), *, opset=17, outputs=None):
    """A model of these nodes over one input `x`."""
    outputs = outputs or [nodes[-1].output[0]]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [onnx.helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def load(model, folder):
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return cs.load(path)


def check(model, folder, shape=(4, 9, 8)):
    """Load, compare every node with ONNX Runtime, write, load and compare again."""
    net = load(model, folder)
    values = all_values(model, draw(2, *shape))
    assert_nodes_agree(net, values)
    assert_outputs_agree(net, values)
    cs.save(net, folder / "again.onnx")
    onnx.checker.check_model(str(folder / "again.onnx"), full_check=True)
    again = cs.load(folder / "again.onnx")
    assert list(again.nodes) == list(net.nodes)
    x = draw(2, *shape)
    for name in net.outputs:
        np.testing.assert_array_equal(again.run(x)[name], net.run(x)[name])
    return net


CONVOLUTIONS = [
    {},
    {"strides": [2, 3]},
    {"pads": [1, 0, 2, 1]},
    {"pads": [0, 2, 1, 1], "strides": [2, 1], "dilations": [2, 1]},
    {"dilations": [1, 3]},
    {"auto_pad": "SAME_UPPER"},
    {"auto_pad": "SAME_LOWER"},
    {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    {"auto_pad": "SAME_LOWER", "strides": [3, 2]},
    {"auto_pad": "VALID", "strides": [2, 1]},
    {"auto_pad": "NOTSET", "pads": [1, 1, 1, 1], "kernel_shape": [3, 2]},
]


@pytest.mark.parametrize("group", [1, 2, 4])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("settings", CONVOLUTIONS, ids=str)
def test_conv(settings, bias, group, tmp_path):
    weights = {"w": draw(8, 4 // group, 3, 2)}
    if bias:
        weights["b"] = draw(8)
    node = helper.make_node("Conv", ["x", *weights], ["y"], "conv", group=group, **settings)
    check(model_of([node], weights), tmp_path)


POOLS = [
    {"kernel_shape": [3, 2]},
    {"kernel_shape": [2, 2], "strides": [2, 2]},
    {"kernel_shape": [2, 3], "strides": [2, 2], "ceil_mode": 1},
    {"kernel_shape": [3, 3], "strides": [2, 3], "pads": [1, 1, 1, 1]},
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 0, 0, 1], "ceil_mode": 1},
    {"kernel_shape": [3, 3], "strides": [5, 3], "pads": [1, 1, 1, 1], "ceil_mode": 1},
    {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
    {"kernel_shape": [2, 2], "strides": [1, 1], "auto_pad": "SAME_LOWER"},
    {"kernel_shape": [2, 2], "strides": [3, 3], "auto_pad": "VALID"},
]


@pytest.mark.parametrize("settings", [*POOLS, {"kernel_shape": [3, 2], "dilations": [2, 3]}], ids=str)
def test_max_pool(settings, tmp_path):
    check(model_of([helper.make_node("MaxPool", ["x"], ["y"], "pool", **settings)], {}), tmp_path)


@pytest.mark.parametrize("count_include_pad", [0, 1])
@pytest.mark.parametrize("settings", POOLS, ids=str)
def test_average_pool(settings, count_include_pad, tmp_path):
    node = helper.make_node(
        "AveragePool", ["x"], ["y"], "pool", count_include_pad=count_include_pad, **settings
    )
    check(model_of([node], {}), tmp_path)


@pytest.mark.parametrize("trans_b", [0, 1])
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (0.5, 2.0)])
@pytest.mark.parametrize("bias", [None, (), (1,), (5,), (1, 1), (1, 5)])
def test_gemm(trans_b, alpha, beta, bias, tmp_path):
    weights = {"w": draw(5, 288) if trans_b else draw(288, 5)}
    if bias is not None:
        weights["b"] = draw(*bias)
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"], "flat"),
        helper.make_node("Gemm", ["flat", *weights], ["y"], "fc", transB=trans_b, alpha=alpha, beta=beta),
    ]
    net = load(model_of(nodes, weights), tmp_path)
    # alpha and beta are in the weights here, one rounding more: two more for the bound's 289.
    assert_outputs_agree(net, all_values(model_of(nodes, weights), draw(2, 4, 9, 8)))


def test_matmul_and_add_become_one_dense_layer(tmp_path):
    weights = {"w": draw(288, 5), "b": draw(5)}
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"], "flat"),
        helper.make_node("MatMul", ["flat", "w"], ["product"], "product"),
        helper.make_node("Add", ["b", "product"], ["y"], "dense"),
    ]
    net = check(model_of(nodes, weights), tmp_path)
    assert {name: node.layer.kind for name, node in net.nodes.items()} == {
        "flat": "Flatten",
        "dense": "Linear",
    }


def test_matmul_whose_product_is_used_twice_stays_apart(tmp_path):
    weights = {"w": draw(288, 5), "b": draw(5)}
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"], "flat"),
        helper.make_node("MatMul", ["flat", "w"], ["product"], "product"),
        helper.make_node("Add", ["product", "b"], ["shifted"], "shifted"),
        helper.make_node("Sum", ["product", "shifted", "product"], ["y"], "sum"),
    ]
    net = check(model_of(nodes, weights), tmp_path)
    assert list(net.nodes) == ["flat", "product", "shifted", "sum"]


@pytest.mark.parametrize("constant", [(), (1,), (4, 1, 1), (1, 4, 1, 1)])
def test_products_and_sums_with_constants(constant, tmp_path):
    weights = {"a": draw(*constant), "b": draw(*constant)}
    nodes = [
        helper.make_node("Mul", ["a", "x"], ["scaled"], "scale"),
        helper.make_node("Tanh", ["scaled"], ["squashed"], "tanh"),
        helper.make_node("Mul", ["squashed", "b"], ["z"], "amplify"),
        helper.make_node("Add", ["z", "a"], ["y"], "shift"),
    ]
    net = check(model_of(nodes, weights), tmp_path)
    assert list(net.nodes) == ["scale", "tanh", "amplify", "shift"]


def test_batch_norm_keeps_epsilon_and_momentum(tmp_path):
    weights = {"w": draw(4), "b": draw(4), "m": draw(4), "v": np.abs(draw(4))}
    settings = {"epsilon": 0.003, "momentum": 0.75}
    node = helper.make_node("BatchNormalization", ["x", *weights], ["y"], "bn", **settings)
    layer = check(model_of([node], weights), tmp_path).nodes["bn"].layer
    assert layer.eps == pytest.approx(0.003)
    assert layer.momentum == pytest.approx(0.25)


FUNCTIONS = [
    ("Relu", {}),
    ("LeakyRelu", {"alpha": 0.3}),
    ("LeakyRelu", {}),
    ("Elu", {"alpha": 0.7}),
    ("Selu", {}),
    ("Celu", {"alpha": 0.5}),
    ("Sigmoid", {}),
    ("HardSigmoid", {}),
    ("HardSwish", {}),
    ("Softplus", {}),
    ("Softsign", {}),
    ("LogSoftmax", {"axis": 1}),
    ("GlobalMaxPool", {}),
    ("LRN", {"size": 3}),
    ("LRN", {"size": 5, "alpha": 0.1, "beta": 0.5, "bias": 2.0}),
]


@pytest.mark.parametrize(("kind", "attributes"), FUNCTIONS, ids=str)
def test_functions_of_each_value(kind, attributes, tmp_path):
    check(model_of([helper.make_node(kind, ["x"], ["y"], "function", **attributes)], {}), tmp_path)


@pytest.mark.parametrize("limits", [("low", "high"), ("", "high"), ("low", ""), ("low",), ()])
def test_clip(limits, tmp_path):
    weights = {
        name: np.array(value, np.float32) for name, value in (("low", -0.5), ("high", 1)) if name in limits
    }
    check(model_of([helper.make_node("Clip", ["x", *limits], ["y"], "clip")], weights), tmp_path)
    if not limits:
        node = helper.make_node("Clip", ["x"], ["y"], "clip", min=0.0, max=6.0)
        layer = check(model_of([node], {}, opset=10), tmp_path).nodes["clip"].layer
        assert (layer.low, layer.high) == (0, 6)


def test_branches_meet(tmp_path):
    weights = {"w": draw(4, 4, 1, 1)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "conv"),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("Identity", ["a"], ["c"], "same"),
        helper.make_node("Concat", ["b", "c", "x"], ["d"], "concat", axis=-3),
        helper.make_node("GlobalAveragePool", ["d"], ["e"], "mean"),
        helper.make_node("Softmax", ["e"], ["y"], "prob", axis=1),
        helper.make_node("Add", ["a", "x"], ["z"], "add"),
    ]
    net = check(model_of(nodes, weights, outputs=["y", "z"]), tmp_path)
    assert net.outputs == ("prob", "add")
    assert net.nodes["concat"].inputs == ("relu", "same", "x")


@pytest.mark.parametrize("opset", [7, 9, 11, 12, 13, 17, 20])
def test_flatten_dropout_and_softmax_through_the_versions(opset, tmp_path):
    weights = {"w": draw(288, 3), "b": draw(3), "ratio": np.array(0.25, np.float32)}
    ratio = {"ratio": 0.25} if opset < 12 else {}
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"], "flat"),
        helper.make_node("Dropout", ["f"] if opset < 12 else ["f", "ratio"], ["d"], "drop", **ratio),
        helper.make_node("Gemm", ["d", "w", "b"], ["g"], "fc"),
        helper.make_node("Softmax", ["g"], ["y"], "prob"),
    ]
    net = check(model_of(nodes, weights, opset=opset), tmp_path)
    assert net.nodes["drop"].layer.p == 0.25
    assert net.nodes["prob"].layer.axis == 1


@pytest.mark.parametrize("target", [[0, -1], [-1, 288], [0, 288]])
@pytest.mark.parametrize("as_node", [False, True])
def test_reshape_that_flattens(target, as_node, tmp_path):
    array = np.array(target, np.int64)
    constant = helper.make_node("Constant", [], ["s"], "shape", value=numpy_helper.from_array(array))
    reshape = helper.make_node("Reshape", ["x", "s"], ["y"], "flat")
    nodes, weights = ([constant, reshape], {}) if as_node else ([reshape], {"s": array})
    net = check(model_of(nodes, weights), tmp_path)
    assert net.nodes["flat"].layer.kind == "Flatten"


def test_reshape_to_a_fixed_batch(tmp_path):
    for target in ([1, -1], [1, 288]):
        node = helper.make_node("Reshape", ["x", "s"], ["y"], "flat")
        weights = {"s": np.array(target, np.int64)}
        assert load(model_of([node], weights, (1, 4, 9, 8)), tmp_path).nodes["flat"].layer.kind == "Flatten"
    with pytest.raises(FileError, match="as many values"):
        load(model_of([node], weights, (2, 4, 9, 8)), tmp_path)


def test_nodes_without_or_with_repeated_names_get_that_of_their_output(tmp_path):
    nodes = [
        helper.make_node("Relu", ["x"], ["first"]),
        helper.make_node("Relu", ["first"], ["second"], "same"),
        helper.make_node("Relu", ["second"], ["third"], "same"),
        helper.make_node("Relu", ["third"], ["fourth"], "x"),
    ]
    assert list(load(model_of(nodes, {}), tmp_path).nodes) == ["first", "same", "third", "fourth"]


def test_an_open_size_can_be_given(tmp_path):
    model = model_of([helper.make_node("Relu", ["x"], ["y"], "relu")], {}, ("N", 4, "H", "W"))
    with pytest.raises(FileError, match="input_shape"):
        load(model, tmp_path)
    assert cs.load(tmp_path / "model.onnx", input_shape=(4, 5, 6)).input_shape == (4, 5, 6)


def node(kind, inputs, outputs, name="n", **attributes):
    return helper.make_node(kind, inputs, outputs, name, **attributes)


def conv(*inputs, **attributes):
    return node("Conv", inputs, ["y"], **attributes)


def pool(*outputs, **attributes):
    return node("MaxPool", ["x"], outputs, kernel_shape=[2, 2], **attributes)


FLAT = helper.make_node("Flatten", ["x"], ["f"], "flat")
REFUSED = {
    "dynamic weight": ([conv("x", "x")], {}, "must be a constant"),
    "1-D convolution": ([conv("x", "w")], {"w": draw(4, 4, 3)}, "1 axes"),
    "kernel_shape": (
        [conv("x", "w", kernel_shape=[5, 5])],
        {"w": draw(4, 4, 3, 3)},
        "kernel_shape",
    ),
    "channels": ([conv("x", "w")], {"w": draw(4, 3, 3, 3)}, "in_channels"),
    "kernel too large": ([conv("x", "w")], {"w": draw(4, 4, 30, 3)}, "kernel"),
    "auto_pad": (
        [pool("y", auto_pad="MIDDLE")],
        {},
        "auto_pad",
    ),
    "pads": ([pool("y", pads=[1, 1])], {}, "pads"),
    "indices": ([pool("p", "i"), node("Add", ["p", "i"], ["y"])], {}, "first output"),
    "transA": ([FLAT, node("Gemm", ["f", "w"], ["y"], transA=1)], {"w": draw(2, 288)}, "Gemm"),
    "matmul of unlike lengths": ([node("MatMul", ["x", "w"], ["y"])], {"w": draw(7, 3)}, "MatMul"),
    "training": (
        [node("BatchNormalization", ["x", *"abcd"], ["y"], training_mode=1)],
        dict.fromkeys("abcd", draw(4)),
        "training_mode",
    ),
    "constant that does not stretch": ([node("Add", ["x", "a"], ["y"])], {"a": draw(5, 1)}, "stretch"),
    "flatten axis": ([node("Flatten", ["x"], ["y"], axis=2)], {}, "axis"),
    "softmax over the batch": ([node("Softmax", ["x"], ["y"], axis=0)], {}, "batch"),
    "softmax axis": ([node("Softmax", ["x"], ["y"], axis=7)], {}, "axis"),
    "reshape": (
        [node("Reshape", ["x", "s"], ["y"])],
        {"s": np.array([7, 2, -1], np.int64)},
        "as many values",
    ),
    "missing value": ([node("Relu", ["nowhere"], ["y"])], {}, "nothing before it"),
    "cycle": (
        [node("Add", ["x", "z"], ["y"]), node("Relu", ["y"], ["z"], "m")],
        {},
        "cycle",
    ),
    "different sizes": (
        [pool("p", name="first"), node("Add", ["x", "p"], ["y"])],
        {},
        "stretch to one shape",
    ),
    "integer weights": (
        [conv("x", "w")],
        {"w": np.ones((4, 4, 3, 3), np.int32)},
        "float32",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_expressed_is_refused_with_the_node(case, tmp_path):
    nodes, weights, message = REFUSED[case]
    with pytest.raises(FileError, match=message) as caught:
        load(model_of(nodes, weights), tmp_path)
    text = str(caught.value)
    assert "'n'" in text
    assert "model.onnx" in text
    assert "\n" not in text


def test_unknown_operators_are_counted(tmp_path):
    nodes = [
        helper.make_node("Det", ["x"], ["a"], "det1"),
        helper.make_node("Det", ["a"], ["b"], "det2"),
        helper.make_node("Hardmax", ["b"], ["c"]),
        helper.make_node("Blur", ["c"], ["y"], "blur", domain="com.example"),
    ]
    with pytest.raises(FileError) as caught:
        load(model_of(nodes, {}), tmp_path)
    text = str(caught.value)
    assert (
        "Det (2 nodes, first 'det1'); Hardmax (1 node, first 'c'); com.example.Blur (1 node, first 'blur')"
        in text
    )
