"""From file to file, and what a TOML file beside a network says."""

from __future__ import annotations

import json

import numpy as np
import pytest

import convscope as cs
from convscope.errors import FileError, InvalidValue
from convscope.formats import convert, read_weights, save_weights
from convscope.network import ImageInput


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "net.onnx"
    cs.save(cs.models.small_cnn(seed=3), path)
    return path


def test_weights_travel_through_every_kind(model, tmp_path):
    convert(model, tmp_path / "a.safetensors")
    convert(tmp_path / "a.safetensors", tmp_path / "b.npz")
    first, last = read_weights(model), read_weights(tmp_path / "b.npz")
    assert first.keys() == last.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, last[name])


def test_a_network_takes_its_description_along(model, tmp_path):
    lines = ["[input]", "size = [8, 8]", 'channels = "L"', "mean = 3", "scale = 0.5"]
    model.with_suffix(".toml").write_text("\n".join(['classes = "names.json"', *lines]))
    (tmp_path / "names.json").write_text(json.dumps([f"digit {i}" for i in range(10)]))
    convert(model, tmp_path / "b.onnx")
    net = cs.load(tmp_path / "b.onnx")
    assert net.input == ImageInput(size=(8, 8), channels="L", mean=3.0, scale=0.5)
    assert net.classes[3] == "digit 3"
    x = np.random.default_rng(0).random((2, *net.input_shape)).astype(np.float32)
    np.testing.assert_array_equal(net.predict(x), cs.load(model).predict(x))


def test_toml_overrides_single_settings(model, tmp_path):
    net = cs.load(model)
    net.input = ImageInput(size=(8, 8), channels="L", scale=1 / 16)
    cs.save(net, model)
    model.with_suffix(".toml").write_text(f"classes = {list('abcdefghij')}\n[input]\nmean = 7\n")
    net = cs.load(model)
    assert (net.input.mean, net.input.scale) == (7, 1 / 16)
    assert net.classes == tuple("abcdefghij")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[input", "not a TOML file"),
        ("colour = 1", "there is no key 'colour'"),
        ("[input]\nmeans = 1", "there is no setting 'means'"),
        ('[input]\nchannels = "RGB"', "gives 3"),
        ("input = 3", "net.toml"),
        ("classes = 3", "list of names"),
        ('classes = ["a", "b"]', r"net\.toml: classes: there must be 10 names, one for each score; got 2"),
        ('classes = "../secret.txt"', "same folder"),
        ('classes = "absent.txt"', "no such file"),
        ('classes = "broken.json"', "not a list of names"),
        ('classes = "object.json"', "must hold a list"),
    ],
)
def test_a_wrong_description_is_said(text, words, model, tmp_path):
    model.with_suffix(".toml").write_text(text)
    (tmp_path / "broken.json").write_text("[")
    (tmp_path / "object.json").write_text("{}")
    with pytest.raises(FileError, match=words):
        cs.load(model)


def test_what_cannot_be_converted(model, tmp_path):
    save_weights({"w": np.ones(3)}, tmp_path / "w.npz")
    with pytest.raises(InvalidValue, match="no graph"):
        convert(tmp_path / "w.npz", tmp_path / "w.onnx")
    with pytest.raises(InvalidValue, match="the target must be"):
        convert(model, tmp_path / "w.xyz")
    with pytest.raises(FileError, match=r"\.safetensors or \.npz"):
        save_weights({}, tmp_path / "w.h5")
    with pytest.raises(FileError, match="no such file"):
        convert(tmp_path / "absent.onnx", tmp_path / "w.npz")
    with pytest.raises(FileError, match="complex128"):
        save_weights({"w": np.ones(3, complex)}, tmp_path / "complex.safetensors")
    assert not (tmp_path / "complex.safetensors").exists()
