"""Views, maps and summaries on Axes: what is drawn are the numbers of the result, and it says its scale."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.text import Text

import convscope as cs
from convscope.errors import ConvscopeError
from convscope.network import Network, Node
from convscope.result import Result
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


def test_the_patches_of_one_channel() -> None:
    digits = cs.data.digits().x[:30]
    found = cs.top_patches(cs.models.small_cnn(seed=0), digits, "relu2", k=4)
    best = int(found.values[:, 0].argmax())
    ax = found.plot()
    assert ax.get_title(loc="left").startswith(f"relu2[{best}]: its 4 strongest patches, from")
    drawn = np.asarray(found.plot(channel=3).images[0].get_array())
    np.testing.assert_array_equal(drawn[:10, :10], found.pictures(3)[0])
    with pytest.raises(ConvscopeError, match="from 0 to 31; got 32"):
        found.plot(channel=32)


def test_ablation_of_one_group_and_of_many() -> None:
    net, digits = cs.models.small_cnn(seed=0), cs.data.digits()
    one = cs.ablate(net, digits, "relu2", [3, 5], controls=2)
    widths = [bar.get_width() for bar in one.plot().patches]
    assert widths == sorted(100 * one.drop[0], reverse=True)
    many = cs.ablate(net, digits, "relu1")
    ax = many.plot()
    assert ax.images[0].get_array().shape[:2] == (10, 16)
    assert "blue: it gains" in ax.get_title(loc="left")


def long_names() -> Network:
    """`branched` with names as long as those of large networks."""
    names = {name: f"inception_block_4a/{name}" for name in branched().nodes}
    nodes = [
        Node(names[name], node.layer, [names.get(source, source) for source in node.inputs])
        for name, node in branched().nodes.items()
    ]
    return Network(nodes, (3, 24, 24), input_name="image")


def test_no_text_is_clipped() -> None:
    net, x = long_names(), image()
    at = "inception_block_4a/conv3[11,5,5]"
    shown: list[Result] = [
        cs.ledger(net, x, at),
        cs.ledger(net, x, "inception_block_4a/fc1[3]"),
        cs.local_kernel(net, x, at, judged=False),
        cs.receptive_field(net, at),
        cs.receptive_field(net, at, x),
    ]
    for result in shown:
        ax = result.plot()
        figure = ax.figure
        figure.canvas.draw()
        numbers = ax.get_xticklabels()  # also of ticks beyond the axis, which are not drawn
        for text in figure.findobj(Text):
            if text.get_text() and text not in numbers:
                box = text.get_window_extent()
                assert figure.bbox.x0 <= box.x0, text
                assert box.x1 <= figure.bbox.x1, text


def test_the_rectangle_of_a_field_is_seen_whole() -> None:
    field = cs.receptive_field(branched(), "conv1[0,0,0]")
    assert field.start == (-1, -1)
    ax = field.plot()
    assert ax.get_xlim()[0] < -1.5
    assert ax.get_ylim()[1] < -1.5
