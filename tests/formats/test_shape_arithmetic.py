"""What exporters make of `x.view(x.size(0), -1)`: arithmetic on shapes, for any number of images."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import convscope as cs
from convscope.errors import FileError
from onnx_judge import all_values

X = np.random.default_rng(2).standard_normal((5, 4, 6, 6)).astype(np.float32)


def node(kind, inputs, outputs, **attributes):
    return helper.make_node(kind, inputs.split(","), outputs.split(","), **attributes)


def saved(path, nodes, constants, shape=("N", 4, 6, 6), opset=17, kind=TensorProto.FLOAT):
    x = helper.make_tensor_value_info("x", kind, shape)
    y = helper.make_empty_tensor_value_info("y")
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "g", [x], [y], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path)
    return path


SHAPE = [node("Shape", "x", "s"), node("Gather", "s,zero", "n"), node("Unsqueeze", "n,z", "batch")]
NUMBERS = {"zero": np.array(0), "z": np.array([0]), "minus": np.array([-1]), "two": np.array([2])}
GRAPHS = {
    "view(n, -1)": ([*SHAPE, node("Concat", "batch,minus", "t", axis=0), node("Reshape", "x,t", "y")], {}),
    "view(n, groups, c / groups, h, w)": (
        [
            *SHAPE,
            node("Slice", "s,one,four", "rest"),
            node("Slice", "rest,one,three", "hw"),
            node("Concat", "batch,two,two,hw", "t", axis=0),
            node("Reshape", "x,t", "g"),
            node("Transpose", "g", "m", perm=[0, 2, 1, 3, 4]),
            node("Reshape", "m,s", "y"),
        ],
        {"one": [1], "three": [3], "four": [4]},
    ),
    "images times channels as a batch": (
        [
            *SHAPE,
            node("Mul", "batch,channels", "many"),
            node("Concat", "many,ones,hw", "t", axis=0),
            node("Reshape", "x,t", "y"),
        ],
        {"channels": [4], "ones": [1], "hw": [6, 6]},
    ),
    "interpolate to twice the size": (
        [
            node("Shape", "x", "s"),
            node("Slice", "s,two,four", "hw"),
            node("Mul", "hw,two", "twice"),
            node("Slice", "s,z,two", "nc"),
            node("Concat", "nc,twice", "sizes", axis=0),
            node("Resize", "x,,,sizes", "y", mode="nearest"),
        ],
        {"four": [4]},
    ),
    "a constant that stretches over the batch": (
        [
            *SHAPE,
            node("Concat", "batch,rest", "t", axis=0),
            node("ConstantOfShape", "t", "k", value=numpy_helper.from_array(np.array([3], np.float32))),
            node("Add", "x,k", "y"),
        ],
        {"rest": [4, 6, 6]},
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_any_number_of_images(name, tmp_path):
    nodes, constants = GRAPHS[name]
    constants = {key: np.asarray(value, np.int64) for key, value in {**NUMBERS, **constants}.items()}
    path = saved(tmp_path / "m.onnx", nodes, constants)
    net = cs.load(path)
    for count in (1, 2, 5):
        record = net.run(X[:count])
        np.testing.assert_array_equal(record.output, all_values(onnx.load(path), X[:count])["y"])
        grad = net.backward(record, {net.outputs[0]: np.ones_like(record.output)}).input
        assert grad.shape == X[:count].shape
        np.testing.assert_array_equal(net.predict(X[:count]), record.output)
    cs.save(net, tmp_path / "again.onnx")
    np.testing.assert_array_equal(cs.load(tmp_path / "again.onnx").predict(X), net.predict(X))


def test_what_would_mix_the_images_is_refused(tmp_path):
    for wrong in (
        [node("Transpose", "x", "y", perm=[1, 0, 2, 3])],
        [node("Size", "x", "n"), node("Concat", "n,minus", "t", axis=0), node("Reshape", "x,t", "y")],
        [*SHAPE, node("Add", "batch,two", "more"), node("Reshape", "x,more", "y")],
    ):
        path = saved(tmp_path / "m.onnx", wrong, {k: np.asarray(v, np.int64) for k, v in NUMBERS.items()})
        with pytest.raises(FileError, match=r"open|images"):
            cs.load(path)


def test_split_gives_a_node_for_each_part(tmp_path):
    nodes = [
        helper.make_node("Split", ["x", "l"], ["a", "b"], "split", axis=1),
        node("Concat", "b,a", "y", axis=1),
    ]
    net = cs.load(saved(tmp_path / "m.onnx", nodes, {"l": np.array([1, 3])}))
    record = net.run(X)
    np.testing.assert_array_equal(record["split:0"], X[:, :1])
    np.testing.assert_array_equal(record["split:1"], X[:, 1:])
    np.testing.assert_array_equal(record.output, np.concatenate([X[:, 1:], X[:, :1]], 1))


def test_half_precision_is_computed_in_float32(tmp_path):
    weight = np.random.default_rng(0).standard_normal((3, 4, 3, 3)).astype(np.float16)
    nodes = [node("Conv", "x,w", "y")]
    net = cs.load(saved(tmp_path / "m.onnx", nodes, {"w": weight}, kind=TensorProto.FLOAT16))
    assert net.dtype == np.float32
    np.testing.assert_array_equal(net.parameters["y.weight"], weight.astype(np.float32))


def test_several_inputs_are_a_mapping(tmp_path):
    a, b = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2, 4, 4]) for name in "ab")
    y = helper.make_empty_tensor_value_info("y")
    graph = helper.make_graph([node("Mul", "a,b", "y")], "g", [a, b], [y])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        tmp_path / "m.onnx",
    )
    net = cs.load(tmp_path / "m.onnx")
    left, right = X[:, :2, :4, :4], X[:, 2:, :4, :4]
    record = net.run({"a": left, "b": right})
    np.testing.assert_array_equal(record.output, left * right)
    grads = net.backward(record, {"y": np.ones_like(left)}).inputs
    np.testing.assert_array_equal(grads["a"], right)
    np.testing.assert_array_equal(grads["b"], left)
    with pytest.raises(cs.errors.InvalidValue, match="a mapping with a, b"):
        net.run(left)
    cs.save(net, tmp_path / "again.onnx")
    np.testing.assert_array_equal(
        cs.load(tmp_path / "again.onnx").run({"a": left, "b": right}).output, left * right
    )
