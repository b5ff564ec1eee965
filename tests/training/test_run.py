"""A run in its folder: what it holds, that it goes on to the same bits, and that none is lost."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import convscope as cs
from convscope.errors import DivergedError, FileError, InvalidValue, UnknownName
from convscope.training import Recipe, train

NET = {
    "layers": [
        {"layer": "conv2d", "filters": 4, "kernel_size": 3, "padding": 1},
        "batch_norm",
        "relu",
        {"layer": "max_pool2d", "kernel_size": 4},
        "flatten",
        {"layer": "dropout", "p": 0.2},
        {"layer": "linear", "features": "classes"},
    ]
}
# 90 images, 5 steps an epoch, the last one smaller
RECIPE = Recipe(
    "lines",
    net="small",
    network=NET,
    images=100,
    epochs=3,
    batch_size=20,
    optimizer="adam",
    shift=1,
    clip_norm=1.0,
)


class Stop(Exception):
    """Stands for whatever ends a process."""


def content(folder: Path) -> dict[str, bytes]:
    """Every network file, and every array of the state, as bytes."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.onnx")}
    arrays = load_file(folder / "state.safetensors")
    return {**found, **{name: array.tobytes() for name, array in arrays.items()}}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    train(RECIPE, folder)
    return folder


def stopping_after(steps: int):
    count = 0

    def watch(record: object) -> None:
        nonlocal count
        count += 1
        if count == steps:
            raise Stop

    return watch


def test_a_run_holds_what_it_should(whole):
    run = cs.load_run(whole)
    assert {path.name for path in whole.iterdir()} == {
        *("network.onnx", "last.onnx", "history.json", "recipe.toml", "state.safetensors", "snapshots")
    }
    assert list(run.snapshots) == [0, 1, 2]
    assert len(run.history.epochs) == 3
    assert run.network.classes == ("horizontal", "vertical")
    assert run.recipe == RECIPE.with_place()
    assert run.network.input.channels == "L"
    for name, array in run.last.parameters.items():
        assert np.array_equal(array, load_file(whole / "state.safetensors")[f"parameters/{name}"])
    untrained = RECIPE.build(RECIPE.open_data()[0])
    assert np.array_equal(run.snapshots[0].parameters["conv1.weight"], untrained.parameters["conv1.weight"])


def test_the_best_network_is_kept(tmp_path):
    """After the first epoch the rate is far too high, so that the first stays the best."""
    recipe = Recipe("lines", images=100, epochs=2, batch_size=20, learning_rate=0.02, schedule="step")
    run = train(replace(recipe, step_epochs=1, step_factor=500.0), tmp_path / "run")
    assert run.history.best_epoch == 1
    best, first, last = (net.parameters["fc.weight"] for net in (run.network, run.snapshots[1], run.last))
    assert np.array_equal(best, first)
    assert not np.array_equal(best, last)


def test_a_run_is_what_fit_does(tmp_path):
    recipe = replace(RECIPE, validation=0.0)
    run = train(recipe, tmp_path / "run")
    data, _ = recipe.open_data()
    net, settings = recipe.build(data), recipe.settings()
    cs.fit(
        net,
        data,
        epochs=3,
        batch_size=20,
        **{
            name: getattr(settings, name)
            for name in ("optimizer", "schedule", "loss", "augment", "clip_norm", "seed")
        },
    )
    for name, array in net.parameters.items():
        assert np.array_equal(run.network.parameters[name], array), name


@pytest.mark.parametrize("batches", [1, 3])
@pytest.mark.parametrize("steps", [1, 4, 5, 6, 14])
def test_an_end_after_any_step_changes_nothing(whole, tmp_path, steps, batches):
    with pytest.raises(Stop):
        train(RECIPE, tmp_path, checkpoint_batches=batches, on_batch=stopping_after(steps))
    train(RECIPE, tmp_path, resume=True)
    assert content(tmp_path) == content(whole)


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_an_end_after_any_epoch_changes_nothing(whole, tmp_path, epochs):
    with pytest.raises(Stop):
        train(RECIPE, tmp_path, on_epoch=stopping_after(epochs))
    train(RECIPE, tmp_path, resume=True)
    assert content(tmp_path) == content(whole)


def test_ctrl_c_writes_the_state_of_that_very_step(whole, tmp_path):
    def interrupt(record):
        if (record.epoch, record.batch) == (2, 3):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(RECIPE, tmp_path, on_batch=interrupt)
    steps = []
    train(RECIPE, tmp_path, resume=True, on_batch=lambda at: steps.append((at.epoch, at.batch)))
    assert steps[0] == (2, 4)
    assert content(tmp_path) == content(whole)


@pytest.mark.parametrize(
    "missing", [["state.safetensors"], ["state.safetensors", "network.onnx", "history.json"]]
)
def test_a_run_killed_before_its_first_state_begins_anew(whole, tmp_path, missing):
    with pytest.raises(Stop):
        train(RECIPE, tmp_path, on_batch=stopping_after(1))
    for name in missing:
        (tmp_path / name).unlink()
    (tmp_path / ".state.safetensors.abc.safetensors").write_bytes(b"half")
    (tmp_path / "snapshots" / ".epoch-0000.onnx.abc.onnx").write_bytes(b"half")
    train(RECIPE, tmp_path, resume=True)
    assert content(tmp_path) == content(whole)
    assert not list(tmp_path.rglob(".*"))


def test_a_run_that_has_lost_its_state_is_not_begun_anew(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "run")
    (tmp_path / "run" / "state.safetensors").unlink()
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*.*")}
    with pytest.raises(FileError, match=r"cannot go on without its state\.safetensors"):
        train(RECIPE, tmp_path / "run", resume=True)
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*.*")} == before


def test_resuming_a_finished_run_changes_nothing(whole):
    before = content(whole)
    train(RECIPE, whole, resume=True, on_batch=stopping_after(1))
    assert content(whole) == before


def test_resume_without_a_run_starts_one(whole, tmp_path):
    train(RECIPE, tmp_path / "new" / "run", resume=True)
    assert content(tmp_path / "new" / "run") == content(whole)


def test_another_number_of_threads_goes_on_to_the_same_bits(whole, tmp_path):
    before = cs.get_threads()
    try:
        cs.set_threads(1)
        with pytest.raises(Stop):
            train(RECIPE, tmp_path, checkpoint_batches=1, on_batch=stopping_after(7))
        cs.set_threads(3)
        train(RECIPE, tmp_path, resume=True)
    finally:
        cs.set_threads(before)
    assert content(tmp_path) == content(whole)


def test_early_stopping_is_remembered(tmp_path):
    # a rate of almost nothing: the validation loss hardly moves, then the rate grows without bounds
    recipe = Recipe("lines", images=100, epochs=20, batch_size=20, learning_rate=0.02, schedule="step")
    recipe = replace(recipe, step_epochs=1, step_factor=8.0, patience=2)
    run = train(recipe, tmp_path / "run")
    stopped = len(run.history.epochs)
    assert stopped == run.history.best_epoch + 2 < 20
    assert len(train(recipe, tmp_path / "run", resume=True).history.epochs) == stopped


def test_a_folder_that_is_not_empty_is_refused(whole, tmp_path):
    before = content(whole)
    with pytest.raises(InvalidValue, match=r"new or empty.*--resume"):
        train(RECIPE, whole)
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(InvalidValue, match=r"letter\.txt"):
        train(RECIPE, tmp_path)
    with pytest.raises(FileError, match="not the folder of a run"):
        train(RECIPE, tmp_path, resume=True)
    assert content(whole) == before
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 4}, "epochs is 3 there and 4 now"),
        ({"data": "edges"}, "data is 'lines' there and 'edges' now"),
        ({"net": "small_cnn", "network": {}}, "net is"),
        ({"network": {"layers": ["flatten", {"layer": "linear", "features": 2}]}}, "network is"),
        ({"patience": 3}, "patience is not set there and 3 now"),
        ({"images": 104}, "images"),
    ],
)
def test_the_folder_of_another_recipe_is_refused(whole, change, message):
    before = content(whole)
    with pytest.raises(InvalidValue, match=message):
        train(replace(RECIPE, **change), whole, resume=True)
    assert content(whole) == before


def stopped_run(folder: Path) -> Path:
    with pytest.raises(Stop):
        train(RECIPE, folder, on_batch=stopping_after(8))
    return folder / "state.safetensors"


def test_the_state_of_another_network_is_refused(tmp_path):
    state = stopped_run(tmp_path)
    arrays = load_file(state)
    with safe_open(state, framework="numpy") as file:
        story = file.metadata()
    arrays["parameters/conv1.weight"] = np.zeros((5, 1, 3, 3), np.float32)
    save_file(arrays, state, story)
    with pytest.raises(InvalidValue, match=r"same network.*conv1\.weight"):
        train(RECIPE, tmp_path, resume=True)
    del arrays["parameters/conv1.weight"]
    save_file(arrays, state, story)
    with pytest.raises(InvalidValue, match=r"conv1\.weight"):
        train(RECIPE, tmp_path, resume=True)


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"\x10\0\0\0\0\0\0\0{}"])
def test_a_broken_state_is_refused(tmp_path, damage):
    stopped_run(tmp_path).write_bytes(damage)
    with pytest.raises(FileError, match="not the state of a run"):
        train(RECIPE, tmp_path, resume=True)


def test_data_that_has_changed_is_refused(tmp_path):
    random = np.random.default_rng(0)
    x, y = random.random((40, 1, 8, 8), np.float32), np.arange(40) % 2
    np.savez(tmp_path / "data.npz", x=x, y=y)
    recipe = Recipe(str(tmp_path / "data.npz"), epochs=2, batch_size=10)
    with pytest.raises(Stop):
        train(recipe, tmp_path / "run", on_epoch=stopping_after(1))
    np.savez(tmp_path / "data.npz", x=x[::-1], y=y)
    with pytest.raises(InvalidValue, match="the data"):
        train(recipe, tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"data": "dgits", "network": {}}, UnknownName, "digits"),
        ({"batch_size": 91}, InvalidValue, "90 images"),
        ({"batch_size": 0}, InvalidValue, "batch_size"),
        ({"epochs": 0}, InvalidValue, "epochs"),
        ({"patience": 2, "validation": 0.0}, InvalidValue, "patience"),
        ({"shift": 99}, InvalidValue, "shift"),
        ({"network": {"layers": ["rleu"]}}, UnknownName, "relu"),
        ({"network": {}, "net": "lenet5"}, InvalidValue, r"\(1, 28, 28\)"),
        ({"network": {"layers": ["flatten", {"layer": "linear", "features": 1}]}}, InvalidValue, "labels"),
    ],
)
def test_nothing_is_written_where_the_recipe_cannot_work(tmp_path, change, error, message):
    with pytest.raises(error, match=message):
        train(replace(RECIPE, **change), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_place_that_cannot_be_written_is_said_before_the_data_is_read(tmp_path):
    nowhere = replace(RECIPE, data="no such data")
    with pytest.raises(FileError, match="cannot write /proc/deep: no such file"):
        train(nowhere, "/proc/deep/run")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="file/run: not a directory"):
        train(nowhere, tmp_path / "file" / "run")
    for seconds in (-1, float("nan")):
        with pytest.raises(InvalidValue, match="checkpoint_seconds must be at least 0"):
            train(RECIPE, tmp_path / "run", checkpoint_seconds=seconds)
    assert not (tmp_path / "run").exists()


def test_divergence_leaves_the_run_as_it_was(tmp_path):
    recipe = replace(
        RECIPE, optimizer="sgd", learning_rate=0.01, schedule="step", step_epochs=2, step_factor=1e45
    )
    with pytest.raises(DivergedError, match="epoch 3"):
        train(replace(recipe, clip_norm=None), tmp_path)
    assert len(cs.load_run(tmp_path).history.epochs) == 2
    with pytest.raises(DivergedError, match="epoch 3"):
        train(replace(recipe, clip_norm=None), tmp_path, resume=True)


def test_two_processes_do_not_share_a_folder(tmp_path):
    pytest.importorskip("fcntl")
    seen = []

    def second(record):
        if not seen:
            with pytest.raises(FileError, match="another process"):
                train(RECIPE, tmp_path, resume=True)
            seen.append(record)

    train(RECIPE, tmp_path, on_epoch=second)
    assert seen


def test_a_full_disk_stops_with_one_line_and_the_run_goes_on_later(whole, tmp_path, monkeypatch):
    import convscope.training.run as module

    def full(*_):
        raise FileError("cannot write state: no space left on device.")

    with monkeypatch.context() as patch:
        patch.setattr(module, "save", full)
        with pytest.raises(FileError, match="no space"):
            train(RECIPE, tmp_path)
    train(RECIPE, tmp_path, resume=True)
    assert content(tmp_path) == content(whole)


def test_what_is_no_run_is_not_opened(whole, tmp_path):
    with pytest.raises(FileError, match="no such folder"):
        cs.load_run(tmp_path / "nowhere")
    with pytest.raises(FileError, match="not the folder of a run"):
        cs.load_run(tmp_path)
    run = cs.load_run(whole)
    with pytest.raises(UnknownName, match="epoch 3"):
        run.snapshots[3]
    for name, text in (("history.json", "[]"), ("recipe.toml", "data ="), ("network.onnx", "x")):
        broken = tmp_path / name
        broken.mkdir()
        for path in whole.glob("*.*"):
            (broken / path.name).write_bytes(path.read_bytes())
        (broken / name).write_text(text)
        with pytest.raises(FileError, match=name):
            cs.load_run(broken)


@pytest.mark.slow
def test_kill_at_random_moments(tmp_path):
    """A few of the kills that benchmarks/kill_runs.py makes by the dozen."""
    script = Path(__file__).parents[2] / "benchmarks" / "kill_runs.py"
    found = subprocess.run(
        [sys.executable, script, "--kills", "4", "--seed", "3"], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
