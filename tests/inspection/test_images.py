"""What images show: they may come as folders, arrays or data sets, and the numbers are the network's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import convscope as cs
from convscope.errors import DtypeError, FileError, InvalidValue
from convscope.inspection import Inspection
from convscope.layers import Conv2d, ReLU
from convscope.network import ImageInput, Node


@pytest.fixture(scope="module")
def net() -> cs.Network:
    net = cs.models.small_cnn(seed=0)
    learn, _ = cs.data.digits().split(1 / 3, seed=0)
    cs.fit(net, learn, epochs=2, seed=0)
    return net


@pytest.fixture(scope="module")
def account(net: cs.Network) -> Inspection:
    _, test = cs.data.digits().split(1 / 3, seed=0)
    return cs.inspect(net, test)


def test_the_evaluation_is_over_all_images_and_the_rest_over_some(
    account: Inspection, net: cs.Network
) -> None:
    _, test = cs.data.digits().split(1 / 3, seed=0)
    right = (net.predict(test.x).argmax(axis=1) == test.y).mean()
    assert account.images.evaluation.accuracy == pytest.approx(right, abs=1e-12)
    assert (account.images.count, account.images.total) == (16, 599)
    assert f"{round(right * 599):,} right" in " ".join(account.words)


def test_answers_are_the_network_s(account: Inspection, net: cs.Network) -> None:
    _, test = cs.data.digits().split(1 / 3, seed=0)
    for answer in account.images.answers:
        index = int(answer.name.split()[1])
        assert answer.classes[0] == str(net.predict(test.x[index : index + 1]).argmax())
        assert answer.truth == str(test.y[index])


def test_patches_are_where_the_channel_answers_most(account: Inspection, net: cs.Network) -> None:
    _, test = cs.data.digits().split(1 / 3, seed=0)
    looked = np.array([int(answer.name.split()[1]) for answer in account.images.answers])
    values = net.run(test.x[looked], algorithm="direct")
    for view in account.channels:
        strongest = np.sort(values[view.node][:, view.channel].max(axis=(1, 2)))[::-1]
        assert view.values == pytest.approx(strongest[: len(view.values)], rel=1e-5)
        for picture, projection in zip(view.pictures, view.projections, strict=True):
            assert picture.shape[:2] == projection.shape[1:]


def test_evidence_is_for_the_answer_or_for_the_class_asked_for(net: cs.Network) -> None:
    digits = cs.data.digits().x[:3]
    own = cs.inspect(net, digits).evidence
    assert [one.saliencies[0].label for one in own] == [str(net.predict(digits)[i].argmax()) for i in (0, 1)]
    assert own[0].sanity is not None
    asked = cs.inspect(net, digits, target=7).evidence
    assert {one.saliencies[0].label for one in asked} == {"7"}
    with pytest.raises(InvalidValue):
        cs.inspect(net, digits, target=10)


def test_all_files_hold_what_was_seen(account: Inspection, tmp_path: Path) -> None:
    account.save(tmp_path / "r.json")
    told = json.loads((tmp_path / "r.json").read_text())
    assert told["images"]["evaluation"]["accuracy"] == account.images.evaluation.accuracy
    assert len(told["channels"]) == len(account.channels)
    account.save(tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    for name in ("images", "maps", "patches", "evidence", "cell", "mistakes"):
        assert f'id="{name}"' in page


def photo(path: Path, seed: int) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def test_a_folder_of_files(net: cs.Network, tmp_path: Path) -> None:
    for i in range(3):
        photo(tmp_path / f"{i}.png", i)
    (tmp_path / "notes.txt").write_text("no image")
    seen = cs.inspect(net, tmp_path).images
    assert [answer.name for answer in seen.answers] == ["0.png", "1.png", "2.png"]
    assert seen.evaluation is None


def test_a_folder_of_class_folders(net: cs.Network, tmp_path: Path) -> None:
    photo(tmp_path / "3" / "a.png", 0)
    photo(tmp_path / "7" / "b.png", 1)
    seen = cs.inspect(net, tmp_path).images
    assert seen.evaluation.labels.tolist() == [3, 7]
    assert [answer.truth for answer in seen.answers] == ["3", "7"]


def test_how_pictures_are_prepared_is_said_where_it_was_assumed(tmp_path: Path) -> None:
    net = cs.models.small_cnn(seed=0)
    net.input = None
    photo(tmp_path / "a.png", 0)
    account = cs.inspect(net, tmp_path)
    assert account.images.assumed
    assert net.input is None  # nothing is changed behind the user's back
    account.save(tmp_path / "r.html")
    assert "had to be assumed" in (tmp_path / "r.html").read_text()
    net.input = ImageInput(channels="L", size=(8, 8))
    assert not cs.inspect(net, tmp_path).images.assumed


def test_silent_channels_are_found() -> None:
    weight = np.ones((4, 1, 3, 3), np.float32)
    nodes = [
        Node("conv", Conv2d(weight, np.array([0, -99, -99, 1], np.float32)), "input"),
        Node("relu", ReLU(), "conv"),
    ]
    account = cs.inspect(cs.Network(nodes, (1, 8, 8)), cs.data.digits().x[:8])
    found = {finding.key: finding for finding in account.findings}["silent"]
    assert found.value == 0.5
    assert "2 of 4" in found.text
    assert account.evidence == ()  # the output is no class


def test_a_network_of_other_channels_takes_arrays_only(tmp_path: Path) -> None:
    net = cs.Network([Node("conv", Conv2d(np.ones((2, 5, 3, 3), np.float32)), "input")], (5, 8, 8))
    assert cs.inspect(net, np.ones((2, 5, 8, 8), np.float32)).images.count == 2
    photo(tmp_path / "a.png", 0)
    with pytest.raises(InvalidValue, match="1 or 3 channels"):
        cs.inspect(net, tmp_path)


def test_what_cannot_be_looked_at(net: cs.Network, tmp_path: Path) -> None:
    digits = cs.data.digits().x[:4]
    with pytest.raises(FileError, match="no such folder"):
        cs.inspect(net, tmp_path / "nowhere")
    with pytest.raises(FileError, match="no image in it"):
        cs.inspect(net, tmp_path)
    with pytest.raises(InvalidValue, match="at least one"):
        cs.inspect(net, [])
    with pytest.raises(DtypeError, match="must be a folder"):
        cs.inspect(net, 3)
    with pytest.raises(InvalidValue, match="labels must be 4 whole numbers"):
        cs.inspect(net, digits, [1, 2])
    for given in ({"labels": [1, 2]}, {"target": 3}, {"reference": digits}):
        with pytest.raises(InvalidValue, match="must come with images; got none"):
            cs.inspect(net, **given)
    with pytest.raises(InvalidValue, match="images must be"):
        cs.inspect(net, np.ones((2, 3, 8, 8), np.float32))
    with pytest.raises(InvalidValue, match="need a network"):
        cs.inspect({"w": np.ones((2, 1, 3, 3))}, digits)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    with pytest.raises(FileError, match=r"broken\.png"):
        cs.inspect(net, tmp_path)
