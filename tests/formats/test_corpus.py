"""Files that a fuzzer (atheris) made a reader stumble over, and some that are mean by design."""

from __future__ import annotations

import random
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import convscope as cs
from convscope.errors import FileError
from convscope.formats import read_weights
from fuzz_mutators import MUTATORS
from fuzz_readers import READERS, SEEDS, kind_of, open_or_refuse

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_the_corpus_is_opened_or_refused_in_one_line(path, tmp_path):
    """In a folder of its own, since a .toml would be read as another's description."""
    suffix, _ = READERS[kind_of(path)]
    place = tmp_path / f"file{suffix}"
    shutil.copy(path, place)
    open_or_refuse(kind_of(path), place)


@pytest.mark.parametrize("kind", READERS)
def test_whole_files_of_each_kind_are_opened(kind, tmp_path):
    """What the fuzzer begins with gets through: it does not only try files that are refused at the door."""
    if kind == "onnx":
        return  # its seeds are the conformance suite, which is tested as that
    opened = []
    for number, content in enumerate(SEEDS[kind]()):
        path = tmp_path / f"{number}{READERS[kind][0]}"
        path.write_bytes(content)
        opened.append(open_or_refuse(kind, path))
    assert opened
    assert all(opened)


def test_the_mutators_change_a_file_and_keep_its_form():
    rng = random.Random(0)
    for kind, mutate in MUTATORS.items():
        content = next(iter(SEEDS[kind]()))
        assert len({mutate(content, rng) for _ in range(20)}) > 10


def test_a_message_is_one_line_whatever_a_file_says(tmp_path):
    node = helper.make_node("Conv\nTranspose\x1b[2J", ["x"], ["y"], "odd\r\nname")
    with pytest.raises(FileError) as caught:
        cs.load(written(tmp_path / "lines.onnx", [node]))
    assert str(caught.value).isprintable()


def written(path, nodes, weights=(), shape=("N", 1, 4, 4)):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in dict(weights).items()]
    output = helper.make_empty_tensor_value_info("y")
    graph = helper.make_graph(nodes, "g", [x], [output], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


HUGE = {
    "ConstantOfShape": ([helper.make_node("ConstantOfShape", ["n"], ["y"], "big")], {"n": [10**6, 10**6]}),
    "Range": (
        [helper.make_node("Range", ["a", "b", "c"], ["y"], "big")],
        {"a": np.int64(0), "b": np.int64(10**15), "c": np.int64(1)},
    ),
    "Tile of a constant": ([helper.make_node("Tile", ["k", "n"], ["y"], "big")], {"k": [1.0], "n": [10**12]}),
    "Expand of a constant": (
        [helper.make_node("Expand", ["k", "n"], ["y"], "big")],
        {"k": [1.0], "n": [10**6, 10**6]},
    ),
    "Tile": ([helper.make_node("Tile", ["x", "n"], ["y"], "big")], {"n": [1, 1, 10**6, 10**6]}),
    "Pad": ([helper.make_node("Pad", ["x", "n"], ["y"], "big")], {"n": [0, 0, 0, 0, 0, 0, 10**6, 10**6]}),
    "Resize": (
        [helper.make_node("Resize", ["x", "", "n"], ["y"], "big")],
        {"n": np.array([1, 1, 1e5, 1e5], np.float32)},
    ),
}


@pytest.mark.parametrize("name", HUGE)
def test_what_a_graph_makes_is_limited_and_the_node_named(name, tmp_path):
    nodes, weights = HUGE[name]
    with pytest.raises(FileError, match=r"'big': .*max_bytes"):
        cs.load(written(tmp_path / "huge.onnx", nodes, weights))


def test_the_limit_is_an_argument(tmp_path):
    node = helper.make_node("Relu", ["x"], ["y"], "relu")
    path = written(tmp_path / "n.onnx", [node], shape=(1, 1, 64, 64))
    cs.load(path, max_bytes=64 * 64 * 4)
    with pytest.raises(FileError, match=r"the input 'x' .*max_bytes, 16,000"):
        cs.load(path, max_bytes=16_000)


def test_unknown_operators_are_named_and_the_kernels_still_read(tmp_path):
    kernel = np.ones((2, 1, 3, 3), np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "conv"),
        helper.make_node("Loop", ["a"], ["b"], "strange"),
        helper.make_node("Loop", ["b"], ["y"], "stranger"),
    ]
    path = written(tmp_path / "odd.onnx", nodes, {"w": kernel})
    with pytest.raises(FileError, match=r"Loop \(2 nodes, first 'strange'\)"):
        cs.load(path)
    np.testing.assert_array_equal(read_weights(path)["w"], kernel)


def test_a_deep_network_needs_no_recursion(tmp_path):
    names = ["x", *(f"v{i}" for i in range(3000)), "y"]
    nodes = [helper.make_node("Relu", [a], [b]) for a, b in pairwise(names)]
    assert len(cs.load(written(tmp_path / "deep.onnx", nodes)).nodes) == 3001
