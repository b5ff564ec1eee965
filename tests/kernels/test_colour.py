"""Colour: direction, name, opponency, and the colour families."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.kernels import bank, generate, judge, verdict
from convscope.kernels.colour import colour_measures, name_colours, split

EDGE, BLOB = bank["sobel-x"].at(5), bank["gaussian"].at(5)


def _filter(colour: list[float], pattern: np.ndarray) -> np.ndarray:
    return np.multiply.outer(np.array(colour, float), pattern)


def test_a_grey_edge_is_luminance() -> None:
    found = verdict(_filter([1, 1, 1], EDGE), channels="RGB")
    assert found.family == "edge"
    assert found.colour.name == "luminance"
    assert found.colour.achromatic == pytest.approx(1)
    assert found.colour.opponency == "none"
    assert found.colour.separable == pytest.approx(1)
    assert abs((found.direction + 180) % 360 - 180) < 0.1


def test_opposed_colours_in_one_place_are_a_blob() -> None:
    found = verdict(_filter([1, -1, 0], BLOB), channels="RGB")
    assert found.family == "colour-blob"
    assert (found.colour.name, found.colour.opponency) == ("red-green", "single")
    assert found.dc_gain == pytest.approx(0, abs=1e-6)
    assert found.passband == "low-pass"


def test_opposed_colours_side_by_side_are_contrast() -> None:
    found = verdict(_filter([-1, -1, 2], EDGE), channels="RGB")
    assert found.family == "colour-contrast"
    assert (found.colour.name, found.colour.opponency) == ("blue-yellow", "double")
    assert found.orientation == pytest.approx(90, abs=0.1)


def test_without_channels_there_is_no_colour() -> None:
    found = verdict(_filter([1, -1, 0], BLOB))
    assert found.colour is None
    assert found.family == "smoothing"


def test_bgr_is_rgb_backwards() -> None:
    filters = _filter([1, 0.2, -0.5], EDGE)
    one, other = verdict(filters, channels="RGB"), verdict(filters[::-1], channels="BGR")
    assert one.colour == other.colour
    assert one.family == other.family


def test_two_blobs_of_two_colours_side_by_side() -> None:
    x = np.arange(5) - 2.0
    left, right = (np.exp(-((x[None] - s) ** 2 + x[:, None] ** 2) / 2) for s in (-1.0, 1.0))
    filters = _filter([1, -0.6, -0.3], left) + _filter([-0.9, 0.7, 0.4], right)
    assert verdict(filters, channels="RGB").family == "colour-contrast"


def test_two_patterns_over_the_channels_are_a_mixture() -> None:
    filters = _filter([1, 1, 1], EDGE / np.linalg.norm(EDGE))
    filters += _filter([1, 0, -1], EDGE.T / np.linalg.norm(EDGE))
    found = verdict(filters, channels="RGB")
    assert found.family == "mixture"
    assert len(found.channel_shares) == 3
    assert sum(found.channel_shares) == pytest.approx(1, abs=1e-5)


def test_split_is_a_singular_value_decomposition() -> None:
    random = np.random.default_rng(3)
    for channels, size in ((3, 25), (40, 9)):
        filters = random.normal(size=(4, channels, size))
        modes = split(filters)
        for i in range(4):
            _, values, right = np.linalg.svd(filters[i], full_matrices=False)
            assert np.allclose(modes.shares[i], values**2 / (values**2).sum(), atol=1e-5)
            assert abs(modes.patterns[i] @ right[0]) == pytest.approx(1, abs=1e-4)
            energy = (filters[i] * np.outer(modes.direction[i], modes.patterns[i])).sum()
            assert energy == pytest.approx(values[0], rel=1e-4)


def test_names_go_round_the_hues() -> None:
    names = name_colours(np.eye(3)).tolist()
    assert names == ["red", "green", "blue"]
    assert name_colours(np.array([[2.0, -1.0, -1.0]])).tolist() == ["red-cyan"]
    achromatic, opponency = colour_measures(np.array([[1.0, 1, 1], [1, -1, 0]]))
    assert achromatic.tolist() == pytest.approx([1, 0])
    assert opponency.tolist() == pytest.approx([0, 1])


def test_deep_filters_show_their_shared_pattern() -> None:
    random = np.random.default_rng(4)
    weight = np.multiply.outer(random.normal(size=(6, 64)), EDGE) + 0.05 * random.normal(size=(6, 64, 5, 5))
    table = judge(weight)
    assert table.family.tolist() == ["edge"] * 6
    assert table[0].channel_shares[0] > 0.9
    assert table[0].separability_p < 0.01


def test_a_colour_family_needs_three_channels() -> None:
    with pytest.raises(ValueError, match="needs channels=3"):
        generate("colour-blob", 5, 1)
