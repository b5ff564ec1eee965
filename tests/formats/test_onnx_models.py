"""Whole networks, written and read: the checker, ONNX Runtime and the weights must agree."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import convscope as cs
from convscope.errors import DtypeError, FileError, InvalidValue
from convscope.layers import Dropout, Flatten, Layer, Linear, ReLU, Softmax
from convscope.network import ImageInput, Network, Node
from onnx_judge import all_values, assert_nodes_agree, assert_outputs_agree

BUILT = {
    "lenet5": lambda: cs.models.lenet5(seed=1),
    "lenet5-1998": lambda: cs.models.lenet5("1998", seed=2),
    "small_cnn": lambda: cs.models.small_cnn(seed=3),
    "resnet18-cifar": lambda: cs.models.resnet18("cifar", seed=4),
}


def images(net, count=3):
    return np.random.default_rng(0).normal(size=(count, *net.input_shape)).astype(np.float32)


@pytest.mark.parametrize("name", BUILT)
def test_a_built_network_goes_out_and_comes_back(name, tmp_path):
    net = BUILT[name]()
    net.classes = tuple(f"class {i}" for i in range(10))
    cs.save(net, tmp_path / "net.onnx")
    onnx.checker.check_model(str(tmp_path / "net.onnx"), full_check=True)
    again = cs.load(tmp_path / "net.onnx")
    assert {n: (node.layer.kind, node.inputs) for n, node in again.nodes.items()} == {
        n: (node.layer.kind, node.inputs) for n, node in net.nodes.items()
    }
    assert again.classes == net.classes
    assert again.name == net.name
    assert again.outputs == net.outputs
    for kind in ("parameters", "statistics"):
        ours, theirs = getattr(net, kind), getattr(again, kind)
        assert list(ours) == list(theirs)
        for key in ours:
            np.testing.assert_array_equal(ours[key], theirs[key], key)
    x = images(net)
    np.testing.assert_array_equal(again.run(x).output, net.run(x).output)


@pytest.mark.parametrize("name", BUILT)
def test_onnx_runtime_computes_the_same(name, tmp_path):
    net = BUILT[name]()
    cs.save(net, tmp_path / "net.onnx")
    values = all_values(onnx.load(tmp_path / "net.onnx"), images(net))
    assert_nodes_agree(net, values)
    if "resnet" not in name:  # in a deep network the worst case grows beyond use
        assert_outputs_agree(net, values)


@pytest.mark.parametrize("name", ["lenet_mnist_caffe", "squeezenet_v1.1", "bvlc_googlenet", "tiny_vgg"])
def test_foreign_networks_agree_with_onnx_runtime_at_every_node(name, shared_data):
    path = shared_data / "models" / f"{name}.onnx"
    net, model = cs.load(path), onnx.load(path)
    assert list(net.nodes) == [node.name for node in model.graph.node]
    assert_nodes_agree(net, all_values(model, images(net, 1)))


def test_lenet_from_caffe_reads_digits(shared_data):
    net = cs.load(shared_data / "models" / "lenet_mnist_caffe.onnx")
    _, test = cs.data.mnist(shared_data / "mnist")
    # Caffe scaled the pixels by 1/256. A thousand images suffice here.
    part = (test.x[:1000] * np.float32(255 / 256), test.y[:1000])
    assert cs.training.evaluate(net, part).accuracy > 0.98


@pytest.mark.slow
def test_lenet_from_caffe_reads_all_digits(shared_data):
    net = cs.load(shared_data / "models" / "lenet_mnist_caffe.onnx")
    _, test = cs.data.mnist(shared_data / "mnist")
    pixels = test.x * np.float32(255 / 256)
    assert cs.training.evaluate(net, (pixels, test.y)).accuracy == pytest.approx(0.9914, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "photo", "words", "expected"),
    [
        ("squeezenet_v1.1", "chelsea", "Egyptian cat", 0.405),
        ("bvlc_googlenet", "chelsea", "Egyptian cat", 0.485),
        ("bvlc_googlenet", "coffee", "espresso", 0.931),
    ],
)
def test_imagenet_networks_know_the_photos(name, photo, words, expected, shared_data):
    from PIL import Image

    net = cs.load(shared_data / "models" / f"{name}.onnx")
    picture = Image.open(shared_data / "photos" / f"{photo}.png").convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.crop((left, top, left + side, top + side)).resize(
        net.input_shape[1:], Image.Resampling.BILINEAR
    )
    bgr = np.asarray(square, np.float32)[:, :, ::-1] - np.array([104, 117, 123], np.float32)
    probabilities = net.predict(np.ascontiguousarray(bgr.transpose(2, 0, 1))[None]).ravel()
    names = (shared_data / "models" / "imagenet_synset_words.txt").read_text().splitlines()
    assert words in names[int(probabilities.argmax())]
    assert probabilities.max() == pytest.approx(expected, abs=0.02)  # resizing differs in the third decimal
    path = shared_data / "models" / f"{name}.onnx"
    values = all_values(onnx.load(path), np.ascontiguousarray(bgr.transpose(2, 0, 1))[None])
    judged = values[net.outputs[0]].ravel()
    np.testing.assert_array_equal(np.argsort(-probabilities)[:5], np.argsort(-judged)[:5])  # the top five


def test_a_trained_network_survives(tmp_path):
    train, test = cs.data.digits().split(0.5, seed=0)
    net = cs.models.small_cnn(seed=0)
    cs.fit(net, train, epochs=2)
    net.input = ImageInput(size=(8, 8), channels="L", scale=1 / 16)
    cs.save(net, tmp_path / "net.onnx")
    again = cs.load(tmp_path / "net.onnx")
    assert again.input == net.input
    assert again.classes == tuple("0123456789")
    np.testing.assert_array_equal(again.predict(test.x), net.predict(test.x))
    cs.fit(again, train, epochs=1)  # and can be trained further


def test_float64_and_names_with_slashes_survive(tmp_path):
    random = np.random.default_rng(0)
    nodes = [
        Node("a/flat.1", Flatten(), ("data",)),
        Node("a/fc.1", Linear(random.normal(size=(4, 12))), ("a/flat.1",)),
        Node("a/drop", Dropout(0.3), ("a/fc.1",)),
        Node("a/relu", ReLU(), ("a/drop",)),
        Node("prob", Softmax(), ("a/relu",)),
    ]
    net = Network(nodes, (3, 2, 2), input_name="data", outputs=("prob", "a/relu"), name="tiny")
    cs.save(net, tmp_path / "net.onnx")
    onnx.checker.check_model(str(tmp_path / "net.onnx"), full_check=True)
    again = cs.load(tmp_path / "net.onnx")
    assert list(again.nodes) == list(net.nodes)
    assert again.outputs == net.outputs
    assert again.input_name == "data"
    assert again.dtype == np.float64
    assert again.nodes["a/drop"].layer.p == pytest.approx(0.3)
    values = all_values(onnx.load(tmp_path / "net.onnx"), random.normal(size=(5, 3, 2, 2)))
    assert_outputs_agree(again, values)


def test_the_batch_axis_stays_free(tmp_path):
    net = cs.models.lenet5()
    cs.save(net, tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    for value in (*model.graph.input, *model.graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param == "N"
    assert [item.version for item in model.opset_import] == [17]
    for count in (1, 5):
        assert all_values(model, images(net, count))["fc3"].shape == (count, 10)


class Strange(Layer):
    kind = "Strange"


def test_a_layer_without_onnx_form_is_refused(tmp_path):
    net = Network([Node("odd", Strange(), ("input",))], (1, 2, 2))
    with pytest.raises(InvalidValue, match="Strange in 'odd'"):
        cs.save(net, tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_half_written(tmp_path, monkeypatch):
    path = tmp_path / "net.onnx"
    cs.save(cs.models.small_cnn(), path)
    before = path.read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full_disk)
    with pytest.raises(FileError, match="no space left"):
        cs.save(cs.models.lenet5(), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["net.onnx"]


def test_places_that_cannot_be_written_are_said(tmp_path):
    net = cs.models.small_cnn()
    with pytest.raises(FileError, match="no such file"):
        cs.save(net, tmp_path / "absent" / "net.onnx")
    with pytest.raises(FileError, match="folder"):
        cs.save(net, tmp_path)
    with pytest.raises(DtypeError, match="save: the network must be a convscope Network; got dict"):
        cs.save(dict(net.parameters), tmp_path / "net.onnx")
    for call in (lambda: cs.save(net, None), lambda: cs.load(3)):
        with pytest.raises(DtypeError, match="path must be a text or a path; got"):
            call()
