"""Channels switched off: the same as a network in which they never were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import convscope as cs
from convscope.errors import DtypeError, InvalidValue, UnknownName
from convscope.explain import Ablation, ablate, carriers
from convscope.explain.partial import Tail
from convscope.network import Network

SEED = 8


@pytest.fixture(scope="module")
def trained() -> tuple[Network, cs.data.Dataset]:
    """A small network that reads digits, and digits it has not seen."""
    learn, test = cs.data.digits().split(1 / 3, seed=SEED)
    net = cs.models.small_cnn(seed=SEED)
    cs.fit(net, learn, epochs=6, batch_size=32, seed=SEED)
    return net, test


def without(net: Network, node: str, channels: list[int]) -> Network:
    """Give a copy whose convolution makes nothing but zeros in some channels."""
    other = net.copy()
    for name, parameter in other.nodes[node].layer.parameters.items():
        parameter = parameter.copy()
        parameter[channels] = 0
        other.parameters[f"{node}.{name}"] = parameter
    return other


def test_it_is_the_network_without_the_channels(trained: tuple[Network, cs.data.Dataset]) -> None:
    net, test = trained
    found = ablate(net, test, "conv2", [[1, 7], [3]])
    for group, measured in zip(found.groups, found.without, strict=True):
        scores = without(net, "conv2", list(group)).predict(test.x)
        right = scores.argmax(axis=1) == test.y
        assert measured.accuracy == pytest.approx(right.mean())
        assert np.allclose(measured.by_class, [right[test.y == c].mean() for c in range(10)])
        own = [scores[test.y == c, c].mean() for c in range(10)]
        # 16 * 9 + 32 products in float32, and a mean over sixty images
        assert np.allclose(measured.scores, own, atol=200 * np.finfo(np.float32).eps * np.abs(scores).max())
    assert found.whole.accuracy == pytest.approx((net.predict(test.x).argmax(axis=1) == test.y).mean())
    assert found.counts.tolist() == np.bincount(test.y).tolist()


def test_the_mean_instead_of_zero(trained: tuple[Network, cs.data.Dataset]) -> None:
    net, test = trained
    maps = net.run(test.x)["relu1"]
    found = ablate(net, test, "relu1", 5, instead="mean")
    changed = maps.copy()
    changed[:, 5] = maps[:, 5].mean(dtype=np.float64)
    scores = Tail(net, "relu1", "test").run({"relu1": changed}, "fc")
    assert found.without[0].accuracy == pytest.approx((scores.argmax(axis=1) == test.y).mean(), abs=2e-3)
    constant = ablate(net, test, "relu1", 5).without[0]
    assert not np.array_equal(constant.scores, found.without[0].scores)


def test_what_the_ledger_says_carries_a_class_hurts_it_more_than_chance(
    trained: tuple[Network, cs.data.Dataset],
) -> None:
    net, test = trained
    for label in (0, 4, 6):
        carrying = carriers(net, test, label, images=20, names=0)
        top = carrying.channels(6)
        found = ablate(net, test, carrying.node, top, controls=20, seed=SEED)
        others = np.delete(found.drop[0], label)
        assert found.drop[0, label] > found.control_drop[:, label].max()
        assert found.drop[0, label] > others.mean()
        assert all(not set(draw) & set(top) and len(draw) == len(top) for draw in found.drawn)


def test_the_parts_of_the_carriers_are_those_of_the_ledger(trained: tuple[Network, cs.data.Dataset]) -> None:
    net, test = trained
    found = carriers(net, test, 2, images=3, names=1)
    images = test.x[test.y == 2][:3]
    ledgers = [cs.ledger(net, image, "fc[2]", names=0) for image in images]
    for entry in found.entries[:4]:
        parts = [e.part for one in ledgers for e in one.entries if e.channel == entry.channel]
        assert entry.part == pytest.approx(sum(parts) / 3)
    assert [e.part for e in found.entries] == sorted((e.part for e in found.entries), reverse=True)
    assert found.entries[0].maker.startswith("conv2[")
    assert found.images == 3


def test_carriers_of_a_class_are_ranked_by_what_they_cost(trained: tuple[Network, cs.data.Dataset]) -> None:
    net, test = trained
    found = ablate(net, test, "relu2")
    assert len(found.groups) == 32
    first = found.carriers("6", k=1)[0]
    assert np.nanmax(found.drop[:, 6]) == found.drop[found.groups.index(first), 6]
    with pytest.raises(UnknownName, match="no class 'six'"):
        found.carriers("six")


def test_branches_beside_the_node_are_kept() -> None:
    net = cs.models.small_resnet(width=4, input_shape=(1, 8, 8), seed=1)
    digits = cs.data.digits()
    x = digits.x[:6]
    everything = net.run(x)
    for node in net.nodes:
        tail = Tail(net, node, "test")
        arrays = {name: everything[name] for name in tail.sources}
        again = tail.run(arrays, net.outputs[0], algorithm="auto")
        assert np.array_equal(again, everything.output), node


def test_bad_input(trained: tuple[Network, cs.data.Dataset]) -> None:
    net, test = trained
    with pytest.raises(UnknownName, match="nearest: relu2"):
        ablate(net, test, "relu_2")
    with pytest.raises(InvalidValue, match="channel must be from 0 to 31; got 32"):
        ablate(net, test, "relu2", 32)
    with pytest.raises(DtypeError, match="whole number"):
        ablate(net, test, "relu2", [1.5])  # type: ignore[list-item]
    with pytest.raises(InvalidValue, match="at least one channel"):
        ablate(net, test, "relu2", [])
    with pytest.raises(InvalidValue, match="do not on 'fc'"):
        ablate(net, test, "fc", 1)
    with pytest.raises(InvalidValue, match="must have labels"):
        ablate(net, test.x, "relu2", 1)
    with pytest.raises(InvalidValue, match="20 other channels to draw from; got 12"):
        ablate(net, test, "relu2", range(20), controls=3)
    with pytest.raises(InvalidValue, match="zero, mean; got 'noise'"):
        ablate(net, test, "relu2", 1, instead="noise")
    with pytest.raises(InvalidValue, match="images of class '3'"):
        carriers(net, test.take(test.y != 3), 3)


def test_progress_counts_the_images(trained: tuple[Network, cs.data.Dataset]) -> None:
    net, test = trained
    told: list[tuple[int, int]] = []
    ablate(net, test, "relu2", 1, batch_size=100, progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (len(test), len(test))
    assert len(told) == 6


def test_it_becomes_json(trained: tuple[Network, cs.data.Dataset], tmp_path: Path) -> None:
    net, test = trained
    found: Ablation = ablate(net, test, "relu2", [1, 2], controls=2)
    found.save(tmp_path / "ablation.json")
    assert set(found.to_dict()) >= {"node", "groups", "whole", "without", "controls", "classes"}
