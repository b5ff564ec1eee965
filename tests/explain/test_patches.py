"""The strongest patches: the same as looking at everything, whatever the batches and interruptions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.errors import ConvscopeError
from convscope.explain.strongest import Strongest
from convscope.network import ImageInput, Network
from view_networks import branched, image


def exhaustive(net: Network, x: np.ndarray, node: str, k: int, per_image: int) -> tuple[Any, Any]:
    """Sort every cell of every image, at most `per_image` of one."""
    maps = net.run(x, algorithm="direct")[node]
    maps = maps if maps.ndim == 4 else maps[:, :, None, None]
    values, cells = [], []
    for channel in range(maps.shape[1]):
        found = []
        for index, one in enumerate(maps[:, channel]):
            order = np.argsort(-one.ravel(), kind="stable")[:per_image]
            found += [(-one.ravel()[i], index, *np.unravel_index(i, one.shape)) for i in order]
        best = sorted(found)[:k]
        values.append([-b[0] for b in best])
        cells.append([tuple(int(i) for i in b[1:]) for b in best])
    return np.array(values), cells


@pytest.mark.parametrize("node", ["relu1", "both", "relu3", "relu4"])
@pytest.mark.parametrize("per_image", [1, 3])
@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_they_are_what_sorting_everything_gives(node: str, per_image: int, batch_size: int) -> None:
    net, x = branched(), image(count=30)
    found = cs.top_patches(net, x, node, 5, per_image=per_image, batch_size=batch_size)
    values, cells = exhaustive(net, x, node, 5, per_image)
    np.testing.assert_allclose(found.values, values, rtol=1e-12, atol=1e-12)
    for channel, expected in enumerate(cells):
        if values[channel].min() <= 0 or len(set(values[channel])) < 5:
            continue  # cells that a rectifier made 0 are equal, and any of them may stand there
        got = zip(found.image[channel], found.row[channel], found.column[channel], strict=True)
        assert [tuple(int(i) for i in one) for one in got] == expected


def test_a_patch_is_all_that_its_cell_depends_on() -> None:
    net, x = branched(), image(count=10)
    found = cs.top_patches(net, x, "three", 3)
    for channel in range(len(found)):
        top, left, bottom, right = found.boxes[channel, 0]
        one = x[found.image[channel, 0]].copy()
        outside = np.ones(one.shape[1:], bool)
        outside[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = False
        one[:, outside] = 99.0
        cell = (0, channel, found.row[channel, 0], found.column[channel, 0])
        assert net.run(one, algorithm="direct")["three"][cell] == pytest.approx(found.values[channel, 0])
        patch = found.patches(channel)[0]
        assert patch.shape == (3, bottom - top, right - left)


def test_beyond_the_image_a_patch_is_zero() -> None:
    net, x = branched(), image(count=40)
    found = cs.top_patches(net, x, "relu1", 9)
    borders = [(c, r) for c, r in np.argwhere(found.boxes[..., 0] < 0) if found.values[c, r] > 0]
    assert borders
    channel, rank = borders[0]
    assert (found.patches(channel)[rank][:, : -found.boxes[channel, rank, 0]] == 0).all()


def test_fewer_images_than_asked_for_leave_room() -> None:
    found = cs.top_patches(branched(), image(count=2), "relu3", 5)
    assert (found.image[:, 2:] == -1).all()
    assert np.isneginf(found.values[:, 2:]).all()
    assert all(len(found.patches(channel)) == 2 for channel in range(len(found)))


def test_nan_never_counts() -> None:
    maps = np.array([[[[np.nan, 1.0]]], [[[np.nan, np.nan]]], [[[0.5, 3.0]]]])
    found = Strongest(1, 3).joined(maps, 0)
    assert found.values.tolist() == [[3.0, 1.0, -np.inf]]
    assert found.image.tolist() == [[2, 0, -1]]


class Interrupted(Exception):
    """Stands for a key pressed at any batch."""


@pytest.mark.parametrize("stop", [1, 3, 6])
def test_an_interrupted_pass_goes_on(stop: int, tmp_path: Path) -> None:
    net, x, state = branched(), image(count=50), tmp_path / "state.npz"
    whole = cs.top_patches(net, x, k=4, batch_size=8)
    seen: list[int] = []

    def interrupt(done: int, total: int) -> None:
        seen.append(done)
        if len(seen) == stop:
            raise Interrupted

    with pytest.raises(Interrupted):
        cs.top_patches(net, x, k=4, batch_size=8, state=state, progress=interrupt)
    rest: list[int] = []
    again = cs.top_patches(
        net, x, k=4, batch_size=8, state=state, progress=lambda done, total: rest.append(done)
    )
    assert rest[0] > seen[-1]
    for node in whole:
        for part in ("values", "image", "row", "column", "boxes"):
            np.testing.assert_array_equal(getattr(again[node], part), getattr(whole[node], part))
    finished = cs.top_patches(net, x, k=4, state=state)  # nothing is left to do
    np.testing.assert_array_equal(finished["relu_three"].values, whole["relu_three"].values)


def test_a_state_of_something_else_is_refused(tmp_path: Path) -> None:
    net, x, state = branched(), image(count=5), tmp_path / "state.npz"
    cs.top_patches(net, x, "relu3", 4, state=state)
    for other, images, k in ((branched(seed=1), x, 4), (net, image(2, 5), 4), (net, x, 5)):
        with pytest.raises(ConvscopeError, match="state of another network"):
            cs.top_patches(other, images, "relu3", k, state=state)
    state.write_bytes(b"nothing")
    with pytest.raises(ConvscopeError, match="not a state of top_patches"):
        cs.top_patches(net, x, "relu3", 4, state=state)


def test_a_folder_of_pictures_is_read_file_by_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "inner").mkdir()
    for index in range(6):
        pixels = rng.integers(0, 256, (24, 24, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / ("inner" if index % 2 else "") / f"{index}.png")
    (tmp_path / "note.txt").write_text("no image")
    net = branched(np.float32)
    net.input = ImageInput(size=(24, 24), mean=128, scale=0.02)
    found = cs.top_patches(net, tmp_path, "relu3", 2)
    paths = sorted([*tmp_path.glob("*.png"), *tmp_path.glob("inner/*.png")])
    x = np.concatenate([net.input.prepare(path) for path in paths])
    np.testing.assert_allclose(found.values, cs.top_patches(net, x, "relu3", 2).values, rtol=1e-6)
    assert found.label(0, 0).endswith(".png")
    assert found.pictures(0)[0].dtype == np.uint8


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"node": "nowhere"}, "no node 'nowhere'"),
        ({"node": ["relu1", "relu1"]}, "named once"),
        ({"k": 0}, "k must be a whole number"),
        ({"per_image": 1.5}, "per_image must be a whole number"),
        ({"images": np.zeros((2, 1, 24, 24))}, "takes 3 channels"),
        ({"images": np.zeros((2, 3, 24, 24), np.float32)}, "must be float64"),
        ({"images": []}, "at least one image"),
        ({"images": 5}, "must be a data set, a folder"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(arguments: dict[str, Any], words: str) -> None:
    given = {"images": image(count=3), **arguments}
    with pytest.raises(ConvscopeError) as error:
        cs.top_patches(branched(), given.pop("images"), **given)
    assert words in str(error.value)


@pytest.mark.slow
def test_sixty_thousand_images_need_less_than_500_mb(shared_data: Path) -> None:
    """In a process of its own, whose largest resident size is read at the end."""
    code = (
        "import convscope as cs; from convscope.data import open_dataset;"
        f"train, _ = open_dataset({str(shared_data / 'fashion_mnist')!r});"
        "found = cs.top_patches(cs.models.lenet5(seed=0), train, 'relu1');"
        # not ru_maxrss: a process inherits it from the one that started it
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'));"
        "print(found.images, peak.split()[1])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    images, kilobytes = (int(n) for n in told.stdout.split())
    assert images == 60_000
    assert kilobytes < 500_000
