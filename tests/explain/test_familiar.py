"""How far images are from what a network was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

import convscope as cs
from convscope.errors import DtypeError, InvalidValue, UnknownName
from convscope.explain import Familiarity, familiarity, feature_nodes, roc_curve
from convscope.explain.features import responses
from convscope.explain.labelled import as_images
from convscope.explain.neighbours import Space
from convscope.explain.telling import roc_area
from convscope.network import Network

SEED = 8
RANDOM = np.random.default_rng(SEED)


@pytest.fixture(scope="module")
def net() -> Network:
    learn, _ = cs.data.digits().split(1 / 3, seed=SEED)
    net = cs.models.small_cnn(seed=SEED)
    cs.fit(net, learn, epochs=5, batch_size=32, seed=SEED)
    return net


@pytest.fixture(scope="module")
def found(net: Network) -> Familiarity:
    learn, held = cs.data.digits().split(1 / 3, seed=SEED)
    strange = cs.data.Dataset(np.ascontiguousarray(1 - held.x), held.y, name="inverted")
    return familiarity(net, learn, strange, held=held, seed=SEED)


def test_inverted_digits_are_strange(found: Familiarity) -> None:
    assert found.counts == (1198, 599, 599)
    assert found.curve.area > 0.99
    assert found.curve.area == pytest.approx(
        roc_auc_score([0] * 599 + [1] * 599, np.r_[found.held, found.test])
    )
    assert 0.5 < found.baseline.area < 1
    assert found.reference_name == "digits"
    assert found.test_name == "inverted"
    assert not found.in_sample


def test_a_feature_s_numbers_are_those_of_its_responses(net: Network, found: Familiarity) -> None:
    learn, held = cs.data.digits().split(1 / 3, seed=SEED)
    for feature in (found.features[0], found.features[-1]):
        known, familiar, strange = (
            net.run(np.ascontiguousarray(x), algorithm="direct")[feature.node][:, feature.channel].max(
                axis=(1, 2)
            )
            for x in (learn.x, held.x, 1 - held.x)
        )
        level = np.quantile(known, 0.95)
        # which batch an image is in changes the order of no sum: the same numbers
        assert feature.strongest_reference == known.max()
        assert feature.strongest_test == strange.max()
        assert feature.level == pytest.approx(level)
        assert feature.reference_share == pytest.approx((known > feature.level).mean())
        assert feature.test_share == pytest.approx((strange > feature.level).mean())
        labels = [0] * len(familiar) + [1] * len(strange)
        assert feature.area == pytest.approx(roc_auc_score(labels, np.r_[familiar, strange]))
        top = found[feature.node]
        assert np.array_equal(top.reference_top[feature.channel], np.sort(known)[::-1][:9])
        assert np.array_equal(known[top.reference_image[feature.channel]], top.reference_top[feature.channel])
        assert np.array_equal(strange[top.test_image[feature.channel]], top.test_top[feature.channel])


def test_features_are_named_and_ordered_by_how_well_they_tell(found: Familiarity) -> None:
    areas = [abs(f.area - 0.5) for f in found.features]
    assert areas == sorted(areas, reverse=True)
    assert all(f.name for f in found.features[:12])
    assert found.features[0].mostly in cs.data.digits().classes
    assert found.features[0].mostly_share > 0
    assert all(f.test_share == 0 and f.reference_share > 0 for f in found.never)
    assert sum(f.weight for f in found.features) == pytest.approx(1)


def test_images_of_the_same_kind_cannot_be_told_apart(net: Network) -> None:
    _, held = cs.data.digits().split(1 / 3, seed=SEED)
    halves = np.random.default_rng(SEED).permutation(len(held))
    first, second = held.take(halves[:300]), held.take(halves[300:])
    found = familiarity(net, cs.data.digits(), second, held=first, names=0)
    # five standard errors of an area of one half
    assert abs(found.curve.area - 0.5) < 5 * found.curve.error
    assert 0.01 < found.curve.error < 0.04


def test_half_of_the_reference_is_held_out_by_seed(net: Network) -> None:
    digits = cs.data.digits().x[:400]
    one, same, other = (familiarity(net, digits, digits[:50], names=0, seed=s) for s in (1, 1, 2))
    assert one.in_sample
    assert one.counts == (200, 200, 50)
    assert np.array_equal(one.held, same.held)
    assert not np.array_equal(one.held, other.held)


def test_distances_are_those_of_scikit_learn() -> None:
    known = {"a": RANDOM.normal(size=(700, 5)), "b": 9 * RANDOM.normal(size=(700, 3))}
    rows = {"a": RANDOM.normal(size=(900, 5)), "b": RANDOM.normal(size=(900, 3))}
    distances, parts = Space(known, neighbours=4, most=1000, seed=0).distances(rows)

    def placed(one: dict[str, np.ndarray]) -> np.ndarray:
        return np.hstack([one[n] / known[n].std(axis=0) / np.sqrt(known[n].shape[1]) for n in known])

    judge = NearestNeighbors(n_neighbors=4, algorithm="brute").fit(placed(known))
    assert np.allclose(distances, judge.kneighbors(placed(rows))[0][:, 3], rtol=1e-9)
    assert parts.sum() == pytest.approx((distances**2).mean())


def test_a_feature_that_never_varied_is_measured_in_its_node_s_spread() -> None:
    known = {"a": np.stack([RANDOM.normal(size=50), np.zeros(50)], axis=1)}
    distances, parts = Space(known, 1, 100, 0).distances({"a": np.array([[0.0, 30.0]])})
    assert distances[0] == pytest.approx(30 / (known["a"][:, 0].std() * np.sqrt(2)), rel=0.01)
    assert parts[1] > 0.99 * parts.sum()
    silent = {"a": np.zeros((20, 2))}
    assert Space(silent, 1, 100, 0).distances(silent)[0].tolist() == [0.0] * 20


def test_curves_and_areas_are_those_of_scikit_learn() -> None:
    for digits in (0, 1, 6):  # rounding makes ties
        first, second = (np.round(RANDOM.normal(m, size=n), digits) for m, n in ((0, 70), (0.7, 50)))
        labels, values = np.r_[np.zeros(70), np.ones(50)], np.r_[first, second]
        curve = roc_curve("x", first, second)
        assert curve.area == pytest.approx(roc_auc_score(labels, values))
        assert np.trapezoid(curve.found, curve.false_alarms) == pytest.approx(curve.area)
        assert roc_area(first[:, None], second[:, None])[0] == pytest.approx(curve.area)
    same = roc_curve("x", np.zeros(3), np.zeros(4))
    assert same.area == 0.5
    assert same.found.tolist() == [0.0, 1.0]


def test_features_are_layers_after_their_activation() -> None:
    assert feature_nodes(cs.models.small_cnn()) == ("relu1", "relu2")
    squeezenet = feature_nodes(cs.models.squeezenet())
    assert len(squeezenet) == 25
    assert not any("conv10" in name for name in squeezenet)


def test_every_form_of_images_gives_the_same(net: Network) -> None:
    digits = cs.data.digits()
    net = net.copy()
    net.input = cs.network.ImageInput(size=(8, 8), channels="L", scale=1 / 255)
    whole = np.round(digits.x[:30] * 255).astype(np.uint8)
    floats = whole.astype(np.float32) * np.float32(1 / 255)
    source = cs.data.Dataset(floats, digits.y[:30])
    forms = [floats, (floats, digits.y[:30]), source, [image[0] for image in whole]]
    found = [responses(net, as_images(net, form, "test"), ("relu2",), batch_size=7) for form in forms]
    for one in found[1:]:
        assert np.array_equal(one["relu2"], found[0]["relu2"])
    part = np.array([3, 17, 4])
    chosen = responses(net, as_images(net, source, "test"), ("relu2",), part=part)
    assert np.array_equal(chosen["relu2"], found[0]["relu2"][part])


def test_bad_input(net: Network) -> None:
    x = cs.data.digits().x[:40]
    with pytest.raises(DtypeError, match="reference must be a data set"):
        familiarity(net, 3, x)
    with pytest.raises(DtypeError, match="must be float32"):
        familiarity(net, x, x.astype(float))
    with pytest.raises(InvalidValue, match="takes 1 channels"):
        familiarity(net, np.zeros((40, 3, 8, 8), np.float32), x)
    with pytest.raises(InvalidValue, match="finite"):
        familiarity(net, np.full_like(x, np.nan), x)
    with pytest.raises(InvalidValue, match=r"at least 10 reference images.*half"):
        familiarity(net, x[:12], x)
    with pytest.raises(UnknownName, match="nearest: relu"):
        familiarity(net, x, x, nodes="relu9")
    with pytest.raises(InvalidValue, match="quantile"):
        familiarity(net, x, x, quantile=1.0)
    with pytest.raises(InvalidValue, match="at least one image; got none"):
        familiarity(net, [], x)


def test_it_becomes_json(found: Familiarity, tmp_path: Path) -> None:
    found.save(tmp_path / "found.json")
    assert len(found.to_dict()["features"]) == 48


@pytest.mark.slow
def test_mnist_against_fashion_mnist(shared_data: Path) -> None:
    known, _ = cs.data.mnist(shared_data / "mnist")
    _, strange = cs.data.fashion_mnist(shared_data / "fashion_mnist")
    net = cs.load(shared_data / "models" / "lenet_mnist_caffe.onnx")
    scaled = known.x.dtype.type(255 / 256)  # this network takes pixel / 256
    x = np.ascontiguousarray(known.x[:4000] * scaled)
    odd = np.ascontiguousarray(strange.x[:2000] * scaled)
    found = familiarity(net, x, odd, names=4)
    assert found.curve.area > 0.97
    assert found.features[0].name
    assert found.never
