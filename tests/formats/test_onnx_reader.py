"""What becomes of an ONNX graph: names, sharing, outputs that nobody asks for, old meanings."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import convscope as cs
from convscope.errors import FileError

RANDOM = np.random.default_rng(0)


def draw(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def op(kind, inputs, outputs, name="", **attributes):
    return helper.make_node(kind, inputs.split(","), outputs.split(","), name, **attributes)


def loaded(folder, nodes, constants, shape=("N", 4, 6, 5), *, opset=17, outputs=("y",)):
    """Load a graph and compare its outputs with ONNX Runtime's; give the network."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    net = cs.load(path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    for count in (1, 3) if shape[0] == "N" else shape[:1]:
        x = draw(count, *shape[1:])
        record = net.run(x)
        for name, expected in zip(net.outputs, session.run(None, {"x": x}), strict=True):
            np.testing.assert_allclose(record[name], expected, rtol=2e-5, atol=2e-5)
        if len(net.outputs) == 1:
            np.testing.assert_allclose(net.predict(x), record.output, rtol=2e-5, atol=2e-5)
    return net


def test_an_identity_is_a_node_and_parts_its_readers(tmp_path):
    """A bias behind it must not become part of the product before it, which others read."""
    nodes = [
        op("Flatten", "x", "f", "flat"),
        op("MatMul", "f,w", "a", "product"),
        op("Identity", "a", "b", "same"),
        op("Add", "b,bias", "y", "shifted"),
        op("Relu", "a", "z", "relu"),
    ]
    net = loaded(tmp_path, nodes, {"w": draw(120, 3), "bias": draw(3)}, outputs=("y", "z"))
    assert list(net.nodes) == ["flat", "product", "same", "shifted", "relu"]


def test_constants_have_the_name_of_their_node(tmp_path):
    value = numpy_helper.from_array(draw(6, 5))
    nodes = [op("Constant", "", "v", "table", value=value), op("Mul", "x,v", "y", "scaled")]
    nodes[0].ClearField("input")
    net = loaded(tmp_path, nodes, {})
    assert list(net.nodes) == ["table", "scaled"]
    cs.save(net, tmp_path / "again.onnx")
    assert list(cs.load(tmp_path / "again.onnx").nodes) == ["table", "scaled"]


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize(("axis", "first"), [(0, 3), (1, "N"), (2, "N"), (3, "N")])
def test_softmax_over_all_that_follows(kind, axis, first, tmp_path):
    """So it was up to opset 12."""
    net = loaded(tmp_path, [op(kind, "x", "y", axis=axis)], {}, (first, 4, 6, 5), opset=11)
    assert "y" in net.nodes


UNASKED = {
    "the mask of a dropout": ([op("Dropout", "x", "y,mask")], {}, 10),
    "the places of maxima": ([op("MaxPool", "x", "y,places", kernel_shape=[2, 2])], {}, 17),
}


@pytest.mark.parametrize("name", UNASKED)
def test_further_outputs_may_be_there_if_nothing_reads_them(name, tmp_path):
    nodes, constants, opset = UNASKED[name]
    loaded(tmp_path, nodes, constants, opset=opset)


@pytest.mark.parametrize("kind", ["ReduceMean", "ReduceL1", "ReduceL2", "ReduceMax"])
def test_a_reduction_along_no_axis(kind, tmp_path):
    nodes = [op(kind, "x", "y", noop_with_empty_axes=1)]
    loaded(tmp_path, nodes, {}, opset=18)


def test_padding_of_a_constant_along_named_axes(tmp_path):
    nodes = [op("Pad", "k,pads,,axes", "p"), op("Mul", "x,p", "y")]
    constants = {"k": draw(4, 5, 5), "pads": np.array([1, 0]), "axes": np.array([-2])}
    loaded(tmp_path, nodes, constants, opset=18)


SHAPES = {
    "lengths through floats": (
        [
            op("Shape", "x", "s"),
            op("Slice", "s,two,four", "hw"),
            op("Cast", "hw", "f", to=1),
            op("Mul", "f,factor", "g"),
            op("Floor", "g", "h"),
            op("Cast", "h", "i", to=7),
            op("Slice", "s,zero,two", "nc"),
            op("Concat", "nc,i", "sizes", axis=0),
            op("Resize", "x,,,sizes", "y", mode="nearest", coordinate_transformation_mode="asymmetric"),
        ],
        {"two": [2], "four": [4], "zero": [0], "factor": np.float32([1.5, 2])},
    ),
    "a third of the channels": (
        [
            op("Shape", "x", "s"),
            op("Gather", "s,one", "c"),
            op("Div", "c,three", "h"),
            op("Unsqueeze", "h,zero", "i"),
            op("Concat", "first,i,minus", "t", axis=0),
            op("Reshape", "x,t", "y"),
        ],
        {"one": 1, "three": 3, "zero": [0], "first": [0], "minus": [-1]},
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_lengths_of_one_image_are_whole_numbers(name, tmp_path):
    """Also when they stood beside a free batch axis."""
    nodes, constants = SHAPES[name]
    arrays = {k: v if isinstance(v, np.ndarray) else np.asarray(v, np.int64) for k, v in constants.items()}
    loaded(tmp_path, nodes, arrays)


def test_the_batch_axis_may_go_and_come_back(tmp_path):
    nodes = [
        op("Transpose", "x", "t", perm=[1, 0, 2, 3]),
        op("Relu", "t", "r"),
        op("Gather", "r,two", "y", axis=0),
    ]
    loaded(tmp_path, nodes, {"two": np.array(2)})
    with pytest.raises(FileError, match=r"moves the batch axis.*must come back"):
        loaded(tmp_path, nodes[:2], {}, outputs=("r",))


def test_products_of_computed_matrices_keep_their_steps(tmp_path):
    """What a file says in one operator is, once written out, read as the same nodes."""
    nodes = [
        op("Flatten", "x", "f"),
        op("Relu", "f", "r"),
        op("Gemm", "f,r,c", "y", "product", transB=1, alpha=0.5, beta=0.25),
    ]
    net = loaded(tmp_path, nodes, {"c": draw(3, 3)}, (3, 4, 6, 5))
    cs.save(net, tmp_path / "again.onnx")
    again = cs.load(tmp_path / "again.onnx")
    assert list(again.nodes) == list(net.nodes)
    x = draw(3, 4, 6, 5)
    np.testing.assert_array_equal(again.run(x).output, net.run(x).output)
    onnx.checker.check_model(str(tmp_path / "again.onnx"), full_check=True)


WEIGHTS = {
    "normalised": (
        [op("ReduceL2", "v", "n", axes=[1, 2, 3]), op("Div", "v,n", "u"), op("Mul", "u,g", "w")],
        {"g": draw(3, 1, 1, 1)},
    ),
    "centred": ([op("ReduceMean", "v", "m", axes=[1, 2, 3]), op("Sub", "v,m", "w")], {}),
    "of logarithms": ([op("Exp", "v", "w")], {}),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_are_computed_from_constants(name, tmp_path):
    """They are a parameter of the layer, and the steps to them no nodes."""
    nodes, constants = WEIGHTS[name]
    weight = draw(3, 4, 3, 3)
    net = loaded(tmp_path, [*nodes, op("Conv", "x,w", "y", "conv")], {"v": weight, **constants}, opset=13)
    assert list(net.nodes) == ["conv"]
    assert net.parameters["conv.weight"].shape == weight.shape


def test_a_step_to_a_weight_that_somebody_asks_for_stays(tmp_path):
    nodes = [op("Exp", "v", "w", "exp"), op("Conv", "x,w", "y", "conv")]
    net = loaded(tmp_path, nodes, {"v": draw(3, 4, 3, 3)}, outputs=("y", "w"))
    assert list(net.nodes) == ["v", "exp", "conv"]


@pytest.mark.parametrize("kind", ["Greater", "Less", "GreaterOrEqual", "LessOrEqual"])
def test_comparisons(kind, tmp_path):
    nodes = [op("Relu", "x", "r"), op(kind, "r,limit", "t", "truth"), op("Where", "t,x,k", "y", "chosen")]
    net = loaded(tmp_path, nodes, {"limit": np.float32(0), "k": np.float32(7)})
    assert "truth" in net.nodes
    cs.save(net, tmp_path / "again.onnx")
    x = draw(2, 4, 6, 5)
    np.testing.assert_array_equal(cs.load(tmp_path / "again.onnx").predict(x), net.predict(x))


def test_truths_of_truths_and_signs(tmp_path):
    nodes = [
        op("Greater", "x,low", "a"),
        op("Less", "x,high", "b"),
        op("Not", "b", "c"),
        op("And", "a,b", "d"),
        op("Or", "d,c", "e"),
        op("Cast", "e", "f", to=1),
        op("Sign", "x", "s"),
        op("Mul", "f,s", "y"),
    ]
    loaded(tmp_path, nodes, {"low": np.float32(-0.5), "high": np.float32(0.5)})


BATCH = [op("Shape", "x", "s"), op("Slice", "s,zero,one", "n")]
STRETCHED = {
    "expanded": [*BATCH, op("Concat", "n,rest", "t", axis=0), op("Expand", "k,t", "e")],
    "repeated": [*BATCH, op("Concat", "n,ones", "t", axis=0), op("Tile", "k,t", "e")],
    "filled": [*BATCH, op("Concat", "n,rest", "t", axis=0), op("ConstantOfShape", "t", "e")],
}


@pytest.mark.parametrize("name", STRETCHED)
def test_constants_for_each_image_of_a_free_batch(name, tmp_path):
    """Coordinates that are concatenated, for instance."""
    constants = {
        "zero": np.array([0]),
        "one": np.array([1]),
        "ones": np.array([1, 1, 1]),
        "rest": np.array([2, 6, 5]),
        "k": draw(1, 2, 6, 5),
    }
    nodes = [*STRETCHED[name], op("Concat", "x,e", "y", "joined", axis=1)]
    net = loaded(tmp_path, nodes, constants)
    cs.save(net, tmp_path / "again.onnx")
    x = draw(3, 4, 6, 5)
    np.testing.assert_array_equal(cs.load(tmp_path / "again.onnx").predict(x), net.predict(x))
