"""Feature maps are the engine's arrays, all of them, in order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import convscope as cs
from convscope.errors import InvalidValue, UnknownName
from convscope.explain import FeatureMaps, feature_maps


@pytest.fixture(scope="module")
def maps() -> FeatureMaps:
    return feature_maps(cs.models.small_cnn(), cs.data.digits().x[0], title="a zero")


def test_every_node_is_there_with_the_engine_s_values(maps: FeatureMaps) -> None:
    net = cs.models.small_cnn()
    activations = net.run(cs.data.digits().x[0], algorithm="direct")
    assert [node.node for node in maps.nodes] == [net.input_name, *net.nodes]
    for node in maps.nodes:
        assert np.array_equal(node.values, activations[node.node][0])
        assert node.limit == np.abs(node.values).max()
        assert node.signed == (node.values < 0).any()


def test_chosen_nodes_in_the_order_asked_for() -> None:
    found = feature_maps(cs.models.small_cnn(), cs.data.digits().x[0], ["relu2", "conv1"])
    assert [node.node for node in found.nodes] == ["relu2", "conv1"]
    assert found["conv1"].values.ndim == 3


def test_all_zero_maps_have_a_scale() -> None:
    found = feature_maps(cs.models.small_cnn(), np.zeros((1, 8, 8), np.float32))
    assert found["input"].limit == 1.0


def test_unknown_names_and_batches_are_refused(maps: FeatureMaps) -> None:
    net, images = cs.models.small_cnn(), cs.data.digits().x
    with pytest.raises(UnknownName, match="nearest: conv1"):
        feature_maps(net, images[0], ["conv_1"])
    with pytest.raises(UnknownName, match="nearest: conv1"):
        maps["conv_1"]
    with pytest.raises(InvalidValue, match="one image"):
        feature_maps(net, images[:3])


@pytest.mark.parametrize("suffix", ["png", "svg", "json"])
def test_they_are_saved_as_pictures_and_data(maps: FeatureMaps, tmp_path: Path, suffix: str) -> None:
    maps.save(tmp_path / f"maps.{suffix}")
    assert (tmp_path / f"maps.{suffix}").stat().st_size > 1000


def test_as_text_and_in_a_notebook(maps: FeatureMaps) -> None:
    lines = str(maps).splitlines()
    assert len(lines) == len(maps.nodes) + 1
    assert lines[2].split()[:3] == ["conv1", "Conv2d", "16x8x8"]
    assert '<img alt="feature maps' in maps._repr_html_()


def test_each_map_has_a_scale_of_its_own(maps: FeatureMaps) -> None:
    node = maps["conv1"]
    assert np.array_equal(node.limits, np.abs(node.values).max(axis=(1, 2)))
    assert node.limits.max() == node.limit
    assert node.limits[node.strongest[0]] == node.limit
    assert np.all(np.diff(node.limits[node.strongest]) <= 0)


def test_one_node_by_its_name_with_the_strongest_named() -> None:
    found = feature_maps(cs.models.small_cnn(), cs.data.digits().x[0], "conv1", scale="map", names=3)
    assert [node.node for node in found.nodes] == ["conv1"]
    assert found.scale == "map"
    assert list(found["conv1"].names) == found["conv1"].strongest[:3].tolist()
    with pytest.raises(InvalidValue, match="scale must be one of layer, map; got 'image'"):
        feature_maps(cs.models.small_cnn(), cs.data.digits().x[0], scale="image")


def test_the_image_is_kept_as_people_see_it() -> None:
    net = cs.models.small_cnn()
    stretched = feature_maps(net, cs.data.digits().x[0]).picture
    assert stretched is not None
    assert (stretched.min(), stretched.max()) == (0, 255)
    net.input = cs.network.ImageInput(size=(8, 8), channels="L", mean=20, scale=0.5)
    image = np.arange(64, dtype=np.uint8).reshape(8, 8)
    picture = feature_maps(net, image).picture
    assert picture is not None
    assert np.array_equal(picture, np.repeat(image[..., None], 3, axis=2))
