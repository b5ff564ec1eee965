"""Files that are not what they should be: one clear line, whatever is in them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import convscope as cs
from convscope.errors import FileError


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("net") / "net.onnx"
    cs.save(cs.models.small_cnn(), path)
    return path.read_bytes()


def refused(path) -> str:
    with pytest.raises(FileError) as caught:
        cs.load(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def test_missing_and_folder(tmp_path):
    assert "no such file" in refused(tmp_path / "absent.onnx")
    assert "is a directory" in refused(tmp_path)


def opens_or_is_refused(path) -> None:
    try:
        cs.load(path)
    except FileError as error:
        message = str(error)
    else:
        return
    assert "\n" not in message


@pytest.mark.parametrize(
    "junk", [b"", b"\0", b"hello, world", b"\x89PNG\r\n\x1a\n" * 9, b"PK\x03\x04" * 50, bytes(range(256))]
)
def test_other_files(junk, tmp_path):
    path = tmp_path / "junk.onnx"
    path.write_bytes(junk)
    assert "ONNX" in refused(path)


def test_every_truncation_is_noticed(content, tmp_path):
    path = tmp_path / "cut.onnx"
    ends = {*range(0, 400, 7), *range(400, len(content), 997), len(content) - 1}
    for end in sorted(ends):
        path.write_bytes(content[:end])
        refused(path)


def test_damaged_bytes_never_crash(content, tmp_path):
    """A file with some bytes changed either opens or is refused; seed 0."""
    random = np.random.default_rng(0)
    path = tmp_path / "damaged.onnx"
    for _ in range(150):
        damaged = bytearray(content)
        # Most of the file is weights; the graph's structure is at its beginning and end.
        places = np.concatenate([random.integers(0, 1500, 3), random.integers(-400, 0, 2)])
        for place in places:
            damaged[place] = random.integers(256)
        path.write_bytes(bytes(damaged))
        opens_or_is_refused(path)


def write(path, *, nodes=None, inputs=None, outputs=None, weights=(), opset=17, metadata=None):
    nodes = [helper.make_node("Relu", ["x"], ["y"], "relu")] if nodes is None else nodes
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 4, 4])
    inputs = [image] if inputs is None else inputs
    outputs = ["y"] if outputs is None else outputs
    values = [helper.make_empty_tensor_value_info(name) for name in outputs]
    graph = helper.make_graph(nodes, "g", inputs, values, list(weights))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    if metadata:
        helper.set_model_props(model, metadata)
    path.write_bytes(model.SerializeToString())
    return path


def test_inputs_that_are_no_images(tmp_path):
    def value(kind, shape, name="x"):
        return helper.make_tensor_value_info(name, kind, shape)

    path = tmp_path / "m.onnx"
    assert "must have an input; got none" in refused(write(path, inputs=[]))
    two = [value(TensorProto.FLOAT, [1, 1, 4, 4]), value(TensorProto.FLOAT, [1], "z")]
    assert "'z' must be images" in refused(write(path, inputs=two))
    assert "images" in refused(write(path, inputs=[value(TensorProto.FLOAT, [4])]))
    assert "float32 or float64" in refused(write(path, inputs=[value(TensorProto.INT64, [1, 1, 4, 4])]))


def test_versions_outputs_and_metadata(tmp_path):
    path = tmp_path / "m.onnx"
    assert "opset" in refused(write(path, opset=5))
    assert "opset" in refused(write(path, opset=999))
    assert "no node gives the output 'q'" in refused(write(path, outputs=["q"]))
    assert "metadata" in refused(write(path, metadata={"convscope.classes": "{"}))
    twice = [helper.make_node("Relu", ["x"], ["y"], "a"), helper.make_node("Relu", ["x"], ["y"], "b")]
    assert "no output of its own" in refused(write(path, nodes=twice))


@pytest.mark.parametrize("key", ["input", "classes", "nodes"])
@pytest.mark.parametrize("value", ["7", '"text"', "[1, [2]]", '{"a": 1}', "null"])
def test_metadata_of_the_wrong_kind_is_refused_or_ignored(key, value, tmp_path):
    path = write(tmp_path / "m.onnx", metadata={f"convscope.{key}": value})
    opens_or_is_refused(path)


def test_external_data_outside_the_folder_is_refused(tmp_path):
    (tmp_path / "secret").write_bytes(np.ones(4, np.float32).tobytes())
    folder = tmp_path / "model"
    folder.mkdir()
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], "conv")]
    for place in ("../secret", str(tmp_path / "secret"), "absent"):
        weight = numpy_helper.from_array(np.ones((4, 1, 1, 1), np.float32), "w")
        onnx.external_data_helper.set_external_data(weight, location=place)
        weight.ClearField("raw_data")
        assert "external data" in refused(write(folder / "m.onnx", nodes=nodes, weights=[weight]))


def test_external_data_beside_the_file_is_read(tmp_path):
    weight = numpy_helper.from_array(np.full((4, 1, 1, 1), 3, np.float32), "w")
    (tmp_path / "weights.bin").write_bytes(weight.raw_data)
    onnx.external_data_helper.set_external_data(weight, location="weights.bin")
    weight.ClearField("raw_data")
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], "conv")]
    net = cs.load(write(tmp_path / "m.onnx", nodes=nodes, weights=[weight]))
    assert net.parameters["conv.weight"].ravel().tolist() == [3, 3, 3, 3]


def test_lying_tensors_are_refused(tmp_path):
    weight = numpy_helper.from_array(np.ones((4, 1, 1, 1), np.float32), "w")
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], "conv")]
    weight.dims[0] = 5
    assert "'w' is broken" in refused(write(tmp_path / "m.onnx", nodes=nodes, weights=[weight]))
    weight.dims[0] = -4
    refused(write(tmp_path / "m.onnx", nodes=nodes, weights=[weight]))
