"""What views refuse, in one line that says what must hold and what was got; and what they can still do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convscope as cs
from convscope.errors import ConvscopeError
from convscope.layers import Conv2d, Flatten, Linear, ReLU
from convscope.network import Network, Node
from view_networks import branched, image

NET = branched()
SPOILED = image()
SPOILED[1, 5, 7] = np.nan

BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "not a number": (lambda: cs.saliency(NET, SPOILED, 1), "finite; got nan in channel 1, row 5, column 7"),
    "deconvnet of that": (lambda: cs.deconvnet(NET, SPOILED, 1), "finite; got nan"),
    "grad-cam of that": (lambda: cs.grad_cam(NET, SPOILED, 1), "finite; got nan"),
    "occlusion of that": (lambda: cs.occlusion(NET, SPOILED, 1), "finite; got nan"),
    "a batch": (lambda: cs.saliency(NET, image(count=2), 1), "one image; got a batch of 2"),
    "another shape": (lambda: cs.saliency(NET, image()[:2], 1), "3 channels"),
    "another dtype": (lambda: cs.saliency(NET, image(dtype=np.float32), 1), "float64 like the parameters"),
    "no channel": (lambda: cs.saliency(NET, image(), "conv1[99]"), "from 0 to 7; got 99"),
    "no node": (lambda: cs.deconvnet(NET, image(), "conv9[1]"), "there is no node 'conv9'"),
    "no class": (lambda: cs.grad_cam(NET, image(), 99), "from 0 to 4; got 99"),
    "no target": (lambda: cs.saliency(NET, image(), 1.5), "target must be a class"),
    "the input": (lambda: cs.saliency(NET, image(), "image[0]"), "there is no node 'image'"),
    "no method": (lambda: cs.saliency(NET, image(), 1, "magic"), "must be one of gradient"),
    "no steps": (lambda: cs.saliency(NET, image(), 1, "integrated", steps=0), "at least 1; got 0"),
    "no baseline": (
        lambda: cs.saliency(NET, image(), 1, "integrated", baseline=np.zeros((3, 3))),
        "that fits the image (3, 24, 24); got an array of shape (3, 3)",
    ),
    "baseline in words": (
        lambda: cs.saliency(NET, image(), 1, "integrated", baseline="black"),  # type: ignore[arg-type]
        "finite number or an array",
    ),
    "baseline not a number": (
        lambda: cs.saliency(NET, image(), 1, "integrated", baseline=float("nan")),
        "finite number or an array",
    ),
    "noise": (lambda: cs.saliency(NET, image(), 1, "smooth", noise=-1), "0 or more; got -1"),
    "algorithm": (lambda: cs.saliency(NET, image(), 1, algorithm="fast"), "auto, direct, winograd"),
    "fill": (lambda: cs.occlusion(NET, image(), 1, fill=float("nan")), "fill must be a finite number"),
    "fill in words": (lambda: cs.occlusion(NET, image(), 1, fill="grey"), "fill must be a finite number"),  # type: ignore[arg-type]
    "a number for a node": (
        lambda: cs.top_patches(NET, image(count=2), 3),  # type: ignore[call-overload]
        "by its name, several as a list of names; got 3",
    ),
    "numbers for nodes": (
        lambda: cs.feature_maps(NET, image(), [3]),  # type: ignore[list-item]
        "by its name, several as a list of names; got [3]",
    ),
    "a folder for a run": (lambda: cs.evolution("runs/first"), "give convscope.load_run('runs/first')"),
    "half a pixel": (lambda: cs.occlusion(NET, image(), 1, size=2.5), "whole number of pixels"),  # type: ignore[arg-type]
    "too few targets": (
        lambda: cs.explain.attributions(NET, image(count=3), [1, 2]),
        "one for each of 3 images; got 2",
    ),
    "targets in two nodes": (
        lambda: cs.explain.attributions(NET, image(count=2), [1, "conv1[1]"]),
        "must lie in one node; got fc2 and conv1",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_refused_in_one_line(name: str) -> None:
    call, said = BAD[name]
    with pytest.raises(ConvscopeError) as error:
        call()
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("method", ["gradient", "gradient-x-input", "guided", "integrated", "smooth"])
def test_an_image_of_one_pixel(method: str, tmp_path: Path) -> None:
    conv = Conv2d(np.array([3.0, -2.0]).reshape(2, 1, 1, 1))
    net = Network([Node("conv", conv, "input"), Node("relu", ReLU(), "conv")], (1, 1, 1), input_name="input")
    view = cs.saliency(net, np.ones((1, 1, 1)), "relu[0]", method)
    assert view.array.ravel() == pytest.approx([3.0])
    assert view.sanity.maps.shape[1:] == (1, 1)
    view.save(tmp_path / "one.png")


def test_a_network_without_convolutions() -> None:
    layers = [Node("flat", Flatten(), "input"), Node("fc", Linear(np.arange(8.0).reshape(2, 4)), "flat")]
    net, x = Network(layers, (1, 2, 2), input_name="input"), np.ones((1, 2, 2))
    assert cs.saliency(net, x, 1).array.ravel().tolist() == [4, 5, 6, 7]
    assert cs.deconvnet(net, x, 1).array.ravel().tolist() == [88, 110, 132, 154]  # 22 times that
    assert cs.occlusion(net, x, 1, size=1, stride=1).drop.ravel().tolist() == [4, 5, 6, 7]
    with pytest.raises(ConvscopeError, match="more than one cell"):
        cs.grad_cam(net, x, 1)


def test_maps_of_what_is_not_a_number_can_be_looked_at(tmp_path: Path) -> None:
    maps = cs.feature_maps(NET, SPOILED)
    assert maps.picture is not None
    assert maps.picture[5, 7].tolist()[1] == 0  # what has no value is black
    maps.save(tmp_path / "maps.png")


def test_one_image_may_stand_for_several() -> None:
    one = cs.top_patches(NET, image(), "relu3", k=1)
    several = cs.top_patches(NET, image()[None], "relu3", k=1)
    assert one.images == 1
    np.testing.assert_array_equal(one.values, several.values)
