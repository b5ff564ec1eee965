"""Views, maps and summaries on Axes: what is drawn are the numbers of the result, and it says its scale."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from matplotlib import pyplot

import convscope as cs
from convscope.errors import ConvscopeError
from view_networks import branched, image


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    pyplot.close("all")


def test_signed_views_are_drawn_about_zero() -> None:
    for view in (cs.saliency(branched(), image(), 1), cs.deconvnet(branched(), image(), "relu3[2]")):
        ax = view.plot()
        drawn = ax.images[0]
        np.testing.assert_array_equal(drawn.get_array(), view.map)
        assert drawn.norm.vmin == -drawn.norm.vmax
        assert "of" in ax.get_title(loc="left")


def test_class_maps_and_occlusion() -> None:
    ax = cs.grad_cam(branched(), image(), 1).plot()
    assert ax.images[0].get_array().shape == (24, 24, 3)
    view = cs.occlusion(branched(), image(), 1)
    np.testing.assert_array_equal(view.plot().images[0].get_array(), view.drop)


@pytest.mark.parametrize("scale", ["layer", "map"])
def test_maps_are_laid_side_by_side(scale: str) -> None:
    maps = cs.feature_maps(branched(), image(), scale=scale)
    _, given = pyplot.subplots()
    ax = maps.plot(given, node="relu1")
    assert ax is given
    mosaic = np.asarray(ax.images[0].get_array())
    node = maps["relu1"]
    shares = node.values / (node.limit if scale == "layer" else node.limits[:, None, None])
    high, wide = node.values.shape[1:]
    np.testing.assert_allclose(mosaic[:high, :wide], shares[0])
    np.testing.assert_allclose(mosaic[:high, wide + 1 : 2 * wide + 1], shares[1])
    assert "8 maps of 12x12" in ax.get_title(loc="left")
    assert "pool3" in maps.plot().get_title(loc="left")  # the last one with maps
    with pytest.raises(ConvscopeError, match="must have maps"):
        maps.plot(node="fc1")


def test_a_summary_is_a_bar_for_each_node_that_multiplies() -> None:
    summary = branched().summary()
    ax = summary.plot()
    rows = [row for row in summary.rows if row.multiply_adds or row.parameters]
    assert [bar.get_width() for bar in ax.patches] == [row.multiply_adds for row in rows]
    assert [label.get_text() for label in ax.get_yticklabels()] == [row.name for row in rows]
    assert f"{summary.parameters:,}" in ax.get_title(loc="left")
