"""`convscope kernels` and `convscope filter`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.cli import main


@pytest.fixture(scope="module", autouse=True)
def small_nulls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVSCOPE_CACHE", str(tmp_path_factory.mktemp("nulls")))
        patch.setenv("CONVSCOPE_NULL_SAMPLES", "100")
        yield


@pytest.fixture(scope="module")
def lenet(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("models") / "lenet.onnx"
    cs.save(cs.models.lenet5(), path)
    return str(path)


@pytest.fixture
def photo(tmp_path: Path) -> str:
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, 15:] = (200, 100, 50)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


def test_all_layers_in_short_and_the_first_in_full(lenet: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kernels", lenet]) == 0
    text = capsys.readouterr().out
    assert "conv1: 6 filters of 5x5 over 1 channel" in text
    assert "conv2" in text
    assert "[5] " in text
    assert "\x1b" not in text


def test_one_layer_as_json_sheet_and_table(
    lenet: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kernels", lenet, "--node", "conv2", "--json", "-o", str(tmp_path / "sheet.png")]) == 0
    data = json.loads(capsys.readouterr().out)
    assert len(data["verdicts"]) == 16
    assert data["node"] == "conv2"
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 1000
    assert main(["kernels", lenet, "-o", str(tmp_path / "all.csv")]) == 0
    assert (tmp_path / "all.csv").read_text().count("\n") == 1 + 6 + 16


def test_as_seen_from_the_image(lenet: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kernels", lenet, "--node", "conv2", "--from-image"]) == 0
    text = capsys.readouterr().out
    assert "relu1: ReLU as identity" in text
    assert "16 filters of 14x14" in text


@pytest.mark.parametrize("kind", ["npz", "npy", "safetensors"])
def test_bare_weights(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from safetensors.numpy import save_file

    weight = np.stack([cs.bank["sobel-x"].array, cs.bank["box"].array])[:, None].astype(np.float32)
    path = tmp_path / f"w.{kind}"
    if kind == "npz":
        np.savez(path, w=weight, bias=np.zeros(2))
    elif kind == "npy":
        np.save(path, weight)
    else:
        save_file({"w": weight}, path)
    assert main(["kernels", str(path), "--stride", "2"]) == 0
    text = capsys.readouterr().out
    assert "w: 2 filters of 3x3 over 1 channel, stride 2" in text
    assert "1 edge, 1 smoothing" in text


def test_onnx_with_unknown_operators_is_read_for_its_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(cs.bank["sobel-x"].array[None, None].astype(np.float32), "w")
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], "edges"), helper.make_node("Odd", ["y"], ["z"])]
    nodes[1].domain = "somewhere"
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 1, 8, 8]) for n in "xz"]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("somewhere", 1)]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [weight])
    (tmp_path / "odd.onnx").write_bytes(helper.make_model(graph, opset_imports=opsets).SerializeToString())
    assert main(["kernels", str(tmp_path / "odd.onnx")]) == 0
    captured = capsys.readouterr()
    assert "w: 1 filter of 3x3" in captured.out
    assert "read without the graph" in captured.err


def test_a_pickle_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "w.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert main(["kernels", str(tmp_path / "w.npy")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--node", "relu1"], "must be a convolution"),
        (["--node", "conv9"], "nearest: conv"),
        (["--from-image"], "--node"),
        (["-o", "sheet.docx"], "suffix"),
    ],
)
def test_wrong_use_is_one_line(
    lenet: str, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kernels", lenet, *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error


# ---- filter -------------------------------------------------------------------------------------


def test_a_classic_kernel_on_a_colour_photo(
    photo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "out.png"
    assert main(["filter", photo, "--kernel", "sobel-x", "-o", str(made)]) == 0
    text = capsys.readouterr().out
    assert "grey = 127.5 + value * 127.5 / 800: 0 is middle grey" in text
    with Image.open(made) as picture:
        shown = np.asarray(picture)
    assert shown.shape == (20, 30, 3)
    assert shown[5, 15].tolist() == [255, 191, 159]  # 4 * (200, 100, 50), a scale for all three
    assert shown[5, 3].tolist() == [128, 128, 128]


def test_a_learned_kernel_on_a_grey_photo(
    lenet: str, photo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "out.png"
    assert main(["filter", photo, "--model", lenet, "--at", "conv1[3]", "--grey", "-o", str(made)]) == 0
    assert "conv1[3]" in capsys.readouterr().out
    with Image.open(made) as picture:
        assert np.asarray(picture).shape == (20, 30)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--kernel, or --model with --at"),
        (["--kernel", "sobl"], "nearest: sobel"),
        (["--model", "NET", "--at", "conv1"], "node[filter]"),
        (["--model", "NET", "--at", "conv1[6]"], "from 0 to 5"),
        (["--model", "NET", "--at", "conv2[0]"], "has 6"),
    ],
)
def test_wrong_use_of_filter(
    lenet: str, photo: str, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["filter", photo, *(lenet if a == "NET" else a for a in arguments)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error
