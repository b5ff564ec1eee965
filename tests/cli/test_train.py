"""`convscope train`: what it writes and says, and every input it refuses with one line and code 2."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.cli import main

QUICK = ("--epochs", "1", "--batch-size", "4")


def train(*words: object) -> int:
    return main(["train", *map(str, words)])


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *words: object) -> str:
    """Ask for a training that cannot be; give the one line, after a look that nothing was written."""
    before = sorted(folder.rglob("*")) if folder.exists() else None
    assert train(*words, "-o", folder) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("convscope: ")
    assert (sorted(folder.rglob("*")) if folder.exists() else None) == before
    return captured.err


def test_a_run_from_beginning_to_end(tmp_path, capsys):
    folder = tmp_path / "my run"
    assert train("lines", "--images", 200, "--epochs", 2, "--batch-size", 20, "-o", folder) == 0
    out = capsys.readouterr().out
    assert "180 images to learn from, 20 held out" in out
    assert "held-out accuracy" in out
    assert "Test: " in out
    command = next(line for line in out.splitlines() if line.startswith("To repeat it: "))
    words = shlex.split(command.removeprefix("To repeat it: "))
    assert words[:2] == ["convscope", "train"]
    assert main(words[1:]) == 0
    again = Path(f"{folder}-again")
    assert (again / "network.onnx").read_bytes() == (folder / "network.onnx").read_bytes()
    assert (again / "recipe.toml").read_bytes() == (folder / "recipe.toml").read_bytes()


def test_a_run_of_a_listed_network_can_be_repeated(tmp_path, capsys):
    (tmp_path / "net.toml").write_text('layers = ["flatten", { layer = "linear", features = "classes" }]')
    words = ("lines", "--net", tmp_path / "net.toml", "--images", 60, *QUICK, "--json")
    assert train(*words, "-o", tmp_path / "run") == 0
    told = json.loads(capsys.readouterr().out)
    (tmp_path / "net.toml").unlink()  # the recipe holds the layers
    assert main(shlex.split(told["command"])[1:]) == 0
    weights = [cs.load_run(tmp_path / name).network.parameters["fc1.weight"] for name in ("run", "run-again")]
    assert np.array_equal(*weights)


def test_the_summary_as_json(tmp_path, capsys):
    assert train("lines", "--images", 60, *QUICK, "-o", tmp_path, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["best_epoch"] == 1
    assert 0 <= told["test_accuracy"] <= 1
    assert len(told["history"]["epochs"]) == 1


def test_every_option_reaches_the_recipe(tmp_path, capsys):
    given = {
        "optimizer": "sgd",
        "learning_rate": 0.02,
        "momentum": 0.5,
        "weight_decay": 0.001,
        "seed": 4,
        "schedule": "step",
        "warmup": 0.5,
        "step_epochs": 3,
        "step_factor": 0.5,
        "label_smoothing": 0.1,
        "clip_norm": 2.0,
        "patience": 2,
        "validation": 0.2,
        "flip": "both",
        "shift": 1,
        "crop": 0.9,
        "cutout": 2,
        "images": 60,
        "epochs": 1,
        "batch_size": 12,
        "loss": "cross-entropy",
        "net": "small_cnn",
    }
    words = [word for name, value in given.items() for word in ("--" + name.replace("_", "-"), value)]
    assert train("lines", *words, "--nesterov", "--size", 12, "-o", tmp_path / "run", "--threads", 1) == 0
    recipe = cs.load_run(tmp_path / "run").recipe
    assert {name: getattr(recipe, name) for name in given} == given
    assert recipe.nesterov
    assert recipe.size == (12, 12)


def test_resume_needs_the_folder_only(tmp_path, capsys):
    assert train("lines", "--images", 60, *QUICK, "-o", tmp_path / "run") == 0
    before = (tmp_path / "run" / "state.safetensors").read_bytes()
    assert train("--resume", "-o", tmp_path / "run") == 0
    assert "come to its end already" in capsys.readouterr().out
    assert (tmp_path / "run" / "state.safetensors").read_bytes() == before


def test_a_run_is_never_overwritten(tmp_path, capsys):
    folder = tmp_path / "run"
    assert train("lines", "--images", 60, *QUICK, "-o", folder) == 0
    capsys.readouterr()
    kept = {path: path.read_bytes() for path in folder.rglob("*.*")}
    assert "--resume" in refused(capsys, folder, "lines", "--images", 60, *QUICK)
    assert "epochs is 1 there and 3 now" in refused(capsys, folder, "--resume", "--epochs", 3)
    assert "net is" in refused(capsys, folder, "--resume", "--net", "lenet5")
    assert "data is" in refused(capsys, folder, "edges", "--resume")
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == kept


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "say what to train on"),
        (("dgits",), "nearest: digits"),
        (("no/such/folder",), "no such file or folder"),
        (("digits", "--net", "lenet"), "nearest: lenet5"),
        (("digits", "--net", "lenet5"), "(1, 28, 28)"),
        (("digits", "--net", "none.toml"), "cannot read none.toml"),
        (("digits", "--optimizer", "adm"), "nearest: adam"),
        (("digits", "--schedule", "cosin"), "nearest: cosine"),
        (("digits", "--validation", "1.5"), "validation"),
        (("digits", "--batch-size", "5000"), "5000"),
        (("digits", "--learning-rate", "-1"), "learning_rate"),
        (("digits", "--learning-rate", "nan"), "learning_rate"),
        (("digits", "--patience", "3", "--validation", "0"), "patience"),
        (("digits", "--size", "9"), "does not take size"),
        (("lines", "--size", "9x12"), "square"),
        (("lines", "--size", "big"), "--size"),
        (("digits", "--shift", "99"), "shift"),
        (("digits", "--recipe", "none.toml"), "cannot read none.toml"),
    ],
)
def test_wrong_words(words, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, tmp_path / "run", *words)


def test_a_recipe_with_an_unknown_key(tmp_path, capsys):
    (tmp_path / "r.toml").write_text('data = "digits"\nlerning_rate = 0.1\n')
    line = refused(capsys, tmp_path / "run", "--recipe", tmp_path / "r.toml")
    assert "'lerning_rate'; nearest: learning_rate" in line


def picture(path: Path, size: tuple[int, int] = (8, 8), mode: str = "L") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size).save(path)


def good_folder(place: Path, count: int = 6) -> Path:
    for kind in ("cat", "dog"):
        for number in range(count):
            picture(place / kind / f"{number}.png")
    return place


def idx(path: Path, array: np.ndarray, claim: tuple[int, ...] | None = None) -> None:
    shape = array.shape if claim is None else claim
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *shape)
    path.write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes()))


def idx_files(place: Path, labels: np.ndarray | None = None, claim: tuple[int, ...] | None = None) -> Path:
    place.mkdir()
    y = np.arange(8) % 4 if labels is None else labels
    for part in ("train", "t10k"):
        idx(place / f"{part}-images-idx3-ubyte.gz", np.zeros((8, 8, 8)), claim)
        idx(place / f"{part}-labels-idx1-ubyte.gz", y)
    return place


def empty_class(place: Path) -> Path:
    good_folder(place)
    (place / "eel").mkdir()
    return place


def one_class(place: Path) -> Path:
    picture(place / "cat" / "1.png")
    return place


def mixed_sizes(place: Path) -> Path:
    picture(good_folder(place) / "cat" / "big.png", (9, 8))
    return place


def grey_among_colour(place: Path) -> Path:
    picture(good_folder(place) / "cat" / "colour.png", (8, 8), "RGB")
    return place


def unreadable(place: Path) -> Path:
    (good_folder(place) / "cat" / "bad.png").write_bytes(b"no picture")
    return place


def truncated(place: Path) -> Path:
    """A JPEG that is cut off: its header can be read, its last pixels cannot."""
    file = good_folder(place) / "cat" / "cut.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8), np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[:-30])
    return place


def huge(place: Path) -> Path:
    """A PNG of 10^10 pixels in 60 bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    (good_folder(place) / "cat" / "huge.png").write_bytes(content)
    return place


def truncated_idx(place: Path) -> Path:
    file = idx_files(place) / "train-images-idx3-ubyte.gz"
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes())[:-100]))
    return place


def lying_idx(place: Path) -> Path:
    return idx_files(place, claim=(2**31, 2**15, 2**15))


def npz(x: np.ndarray, y: np.ndarray) -> Callable[[Path], Path]:
    def write(place: Path) -> Path:
        np.savez(place.with_suffix(".npz"), x=x, y=y)
        return place.with_suffix(".npz")

    return write


X = np.zeros((8, 1, 8, 8), np.float32)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (truncated_idx, ["truncated"]),
        (lying_idx, ["train-images"]),
        (unreadable, ["bad.png"]),
        (truncated, ["cut.jpg", "truncated"]),
        (huge, ["huge.png", "pixels"]),
        (empty_class, ["eel", "empty"]),
        (one_class, ["two or more classes", "cat"]),
        (mixed_sizes, ["big.png", "9"]),
        (grey_among_colour, ["colour.png"]),
        (npz(np.where(np.arange(64).reshape(8, 8) == 9, np.nan, X), np.arange(8) % 2), ["nan", "row 1"]),
        (npz(X, np.arange(8) - 1), ["negative"]),
        (npz(X, np.arange(7) % 2), ["8 images, 7 labels"]),
        (npz(X, np.arange(8) / 2), ["whole numbers"]),
        (npz(X, np.zeros(8, int)), ["two or more classes", "'0'"]),
        (npz(X, np.r_[np.arange(7) % 3, 200]), ["count from 0", "4 different ones up to 200, at index 7"]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_bad_data(make, words, tmp_path, capsys):
    line = refused(capsys, tmp_path / "run", make(tmp_path / "data"), "--batch-size", 2)
    assert all(word in line for word in words), line


def test_images_of_all_kinds_train_where_it_is_said_how(tmp_path, capsys):
    folder = grey_among_colour(tmp_path / "data")
    picture(folder / "dog" / "big.png", (20, 10))
    (folder / "dog" / ".hidden.png").write_bytes(b"not looked at")
    words = (folder, "--size", "8x8", "--channels", "RGB", "--fit", "none", *QUICK)
    assert train(*words, "-o", tmp_path / "run") == 0
    net = cs.load_run(tmp_path / "run").network
    assert net.classes == ("cat", "dog")
    assert (net.input.size, net.input.channels, net.input.crop) == ((8, 8), "RGB", "none")


def test_labels_may_have_gaps(tmp_path):
    """As those of EMNIST's letters, which begin at 1."""
    x = np.random.default_rng(0).random((40, 1, 8, 8)).astype(np.float32)
    np.savez(tmp_path / "letters.npz", x=x, y=1 + np.arange(40) % 4)
    assert train(tmp_path / "letters.npz", *QUICK, "-o", tmp_path / "run") == 0
    assert cs.load_run(tmp_path / "run").network.classes == ("0", "1", "2", "3", "4")


def test_a_truncated_image_that_is_streamed_stops_the_run_which_goes_on_when_it_is_mended(tmp_path, capsys):
    folder = good_folder(tmp_path / "data", 30)
    (folder / "cat" / "10.png").unlink()
    file = folder / "cat" / "10.jpg"  # of a JPEG only the header is read before
    noise = np.random.default_rng(0).integers(0, 255, (8, 8), np.uint8)
    Image.fromarray(noise).save(file)
    whole = file.read_bytes()
    file.write_bytes(whole[:-30])
    words = (folder, *QUICK, "--memory", "0", "--flip", "both", "-o", tmp_path / "run", "--resume")
    assert train(*words) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "10.jpg" in line
    assert list(cs.load_run(tmp_path / "run").snapshots) == [0]  # it had begun
    file.write_bytes(whole)
    assert train(*words) == 0


def test_a_rate_far_too_high_is_one_line(tmp_path, capsys):
    words = ("lines", "--images", 60, *QUICK, "--learning-rate", "1e45", "-o", tmp_path / "run")
    assert train(*words) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "try a smaller rate" in line
    assert list(cs.load_run(tmp_path / "run").snapshots) == [0]


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_says_how_to_go_on(tmp_path):
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "convscope", "train", "lines", "-o", str(folder), "--epochs", "5000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (folder / "snapshots" / "epoch-0001.onnx").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in error
    assert "Traceback" not in error
    assert len(cs.load_run(folder).history.epochs) >= 1


def test_a_disk_that_is_full_is_one_line_and_the_run_goes_on(tmp_path, capsys):
    resource = pytest.importorskip("resource")
    words = ("lines", "--images", "100", *QUICK, "--optimizer", "adam", "-o", str(tmp_path / "run"))
    command = [sys.executable, "-m", "convscope", "train", *words]

    def small_files() -> None:  # the state is larger than this, the networks are smaller
        resource.setrlimit(resource.RLIMIT_FSIZE, (30 << 10, 30 << 10))

    found = subprocess.run(command, preexec_fn=small_files, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert found.stderr.count("\n") == 1
    assert "cannot write" in found.stderr
    assert not (tmp_path / "run" / "state.safetensors").exists()
    assert train(*words, "--resume") == 0
    assert train("lines", "--images", 100, *QUICK, "--optimizer", "adam", "-o", tmp_path / "alone") == 0
    networks = [(tmp_path / name / "network.onnx").read_bytes() for name in ("run", "alone")]
    assert networks[0] == networks[1]
