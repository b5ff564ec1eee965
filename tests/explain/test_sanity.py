"""The sanity check: similarities against other implementations, and which views pass it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity as judge

import convscope as cs
from convscope.explain.sanity import check_sanity
from convscope.explain.similarity import rank_correlation, structural_similarity
from convscope.network import ImageInput, Network
from view_networks import branched, image


@pytest.mark.parametrize("seed", range(4))
def test_similarities_are_scipys_and_scikit_images(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(21, 17)).round(1)  # with ties
    b = a + rng.normal(size=a.shape) * seed
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a.ravel(), b.ravel()).statistic, abs=1e-12)
    x, y = ((v - v.min()) / (v.max() - v.min()) for v in (a, b))
    assert structural_similarity(a, b) == pytest.approx(judge(x, y, data_range=1.0), abs=1e-9)


def test_the_network_is_not_changed_and_all_layers_are_made_random() -> None:
    net, x = branched(), image()
    before = {name: array.copy() for name, array in net.parameters.items()}
    sanity = cs.saliency(net, x, 1).sanity
    for name, array in net.parameters.items():
        np.testing.assert_array_equal(array, before[name])
    layers = [name for stage in sanity.stages for name in stage.layers]
    assert layers == ["fc2", "fc1", "conv3", "three", "one", "conv1"]
    assert sanity.maps.shape == (7, 24, 24)
    np.testing.assert_allclose(sanity.maps[0], cs.saliency(net, x, 1).map)


def test_only_layers_before_the_target_are_made_random() -> None:
    sanity = cs.deconvnet(branched(), image(), "relu_one[2]").sanity
    assert [name for stage in sanity.stages for name in stage.layers] == ["one", "conv1"]


def test_a_view_that_shows_the_image_does_not_depend_on_what_was_learned() -> None:
    net, x = branched(), image()
    sanity = check_sanity(net, lambda other: x, "fc2")
    assert not sanity.depends
    assert "does not depend" in sanity.verdict
    assert all(stage.rank == pytest.approx(1) and stage.ssim == pytest.approx(1) for stage in sanity.stages)


def test_random_networks_in_which_the_target_is_shut_are_drawn_again() -> None:
    """Half of all draws shut a rectified target: its view is zero, as unlike as can be, and says nothing."""
    net, x = branched(), image()
    for channel in (1, 2, 3, 4):
        view = cs.saliency(net, x, f"relu3[{channel}]", method="guided")
        assert view.value > 0
        sanity = view.check_sanity(seed=3)
        assert all(values.any() for values in sanity.maps)
        assert "left out" not in sanity.verdict


def test_steps_that_stay_zero_are_left_out() -> None:
    net, x = branched(), image()
    learned = net.parameters["fc1.weight"].copy()

    def view(other: Network) -> np.ndarray:
        return x if np.array_equal(other.parameters["fc1.weight"], learned) else 0 * x

    sanity = check_sanity(net, view, "fc2")
    assert [stage.rank for stage in sanity.stages] == pytest.approx([1, 0, 0, 0, 0, 0])
    assert not sanity.depends
    assert "5 of 6 steps, which are zero everywhere, are left out" in sanity.verdict


def test_a_view_of_zeros_is_not_said_to_depend_on_anything() -> None:
    net, x = branched(), image()
    of_nothing = check_sanity(net, lambda other: 0 * x, "fc2")
    assert not of_nothing.depends
    assert "zero everywhere" in of_nothing.verdict
    always_shut = check_sanity(net, lambda other: 0 * x, "fc2", original=x)
    assert not always_shut.depends
    assert "cannot be told" in always_shut.verdict


@pytest.mark.slow
def test_guided_backpropagation_does_not_pass_by_random_targets_that_are_shut(shared_data: Path) -> None:
    net = cs.load(shared_data / "models" / "squeezenet_v1.1.onnx")
    net.input = ImageInput(size=(227, 227), channels="BGR", mean=(104, 117, 123), scale=1.0)
    assert not cs.saliency(net, shared_data / "photos" / "rocket.jpg", method="guided").sanity.depends


@pytest.mark.slow
def test_gradient_and_grad_cam_pass_and_guided_backpropagation_does_not(shared_data: Path) -> None:
    net = cs.load(shared_data / "models" / "squeezenet_v1.1.onnx")
    net.input = ImageInput(size=(227, 227), channels="BGR", mean=(104, 117, 123), scale=1.0)
    photo = shared_data / "photos" / "astronaut.png"
    assert cs.saliency(net, photo).sanity.depends
    assert cs.grad_cam(net, photo).sanity.depends
    assert not cs.saliency(net, photo, method="guided").sanity.depends
