"""Saliency, deconvnet, Grad-CAM and occlusion by hand, by finite differences, and where others go wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import convscope as cs
from convscope.errors import ConvscopeError, InvalidValue
from convscope.explain import attributions, class_maps
from convscope.explain.class_maps import last_map
from convscope.explain.covering import CoveredRuns
from convscope.explain.part import up_to
from convscope.layers import Conv2d, Flatten, GlobalAvgPool2d, Linear, MaxPool2d, ReLU, Softmax
from convscope.network import Network, Node
from view_networks import branched, image


def two_layers() -> Network:
    """Two 1x1 convolutions with rectifiers: y = relu(2 h1 - 3 h2 - 0.5), h1 = relu(x), h2 = relu(-x)."""
    first = Conv2d(np.array([1.0, -1.0]).reshape(2, 1, 1, 1))
    second = Conv2d(np.array([2.0, -3.0]).reshape(1, 2, 1, 1), np.array([-0.5]))
    nodes = [
        Node("conv1", first, "x"),
        Node("relu1", ReLU(), "conv1"),
        Node("conv2", second, "relu1"),
        Node("relu2", ReLU(), "conv2"),
    ]
    return Network(nodes, (1, 1, 3), input_name="x")


def test_two_layers_by_hand() -> None:
    # x = 4: h = (4, 0), conv2 = 7.5.   x = -1: h = (0, 1), conv2 = -3.5.
    net, x = two_layers(), np.array([[[4.0, -1.0, 0.25]]])
    assert cs.saliency(net, x, "relu2[0,0,0]").array.ravel().tolist() == [2, 0, 0]
    assert cs.saliency(net, x, "conv2[0,0,1]").array.ravel().tolist() == [0, 3, 0]  # -3 * -1
    # guided: -3 at h2 is not positive, so nothing comes back
    assert cs.saliency(net, x, "conv2[0,0,1]", "guided").array.ravel().tolist() == [0, 0, 0]
    # deconvnet begins with 7.5: relu lets 7.5 through, 2*7.5 = 15 at h1, -22.5 at h2 is cut off
    view = cs.deconvnet(net, x, "relu2[0]")
    assert (view.at, view.value, view.box) == ("relu2[0,0,0]", 7.5, (0, 0, 1, 1))
    assert view.array.ravel().tolist() == [15, 0, 0]
    # of conv2[0,0,1] = -3.5: at h1 -7 is cut off, at h2 10.5 passes although h2 = 1 > 0 or not; times -1
    assert cs.deconvnet(net, x, "conv2[0,0,1]").array.ravel().tolist() == [0, -10.5, 0]
    # gradient times input of the cell at 4: 2 * 4; the bias of -0.5 is what is missing to 7.5
    assert cs.saliency(net, x, "relu2[0,0,0]", "gradient-x-input").array.ravel().tolist() == [8, 0, 0]
    # integrated: relu2 opens at x = 0.25, then rises by 2: 7.5 in all, but for the rule's few points
    view = cs.saliency(net, x, "relu2[0,0,0]", "integrated", steps=100)
    assert abs(view.array.sum() - 7.5) < 0.1
    assert view.gap == pytest.approx(view.array.sum() - 7.5, abs=1e-12)


def test_deconvnet_puts_values_where_the_maxima_were() -> None:
    net = Network([Node("pool", MaxPool2d(2), "x"), Node("relu", ReLU(), "pool")], (1, 2, 4), input_name="x")
    x = np.array([[[1.0, 5.0, 0.0, 2.0], [3.0, 2.0, 7.0, 1.0]]], np.float32)
    assert cs.deconvnet(net, x, "relu[0,0,0]").array[0].tolist() == [[0, 5, 0, 0], [0, 0, 0, 0]]
    view = cs.deconvnet(net, x, "relu[0]")
    assert (view.at, view.box) == ("relu[0,0,1]", (0, 2, 2, 4))
    assert view.array[0].tolist() == [[0, 0, 0, 0], [0, 0, 7, 0]]


def reused() -> Network:
    """One rectifier, one object, in three places: where hooks on a module remember only the last call."""
    rng = np.random.default_rng(5)
    relu = ReLU()
    nodes = []
    source = "x"
    for index, depth in enumerate((2, 4, 4)):
        weight = rng.normal(0, 0.5, (4, depth, 3, 3))
        nodes += [Node(f"conv{index}", Conv2d(weight, rng.normal(size=4), padding=1), source)]
        nodes += [Node(f"relu{index}", relu, f"conv{index}")]
        source = f"relu{index}"
    nodes += [Node("flat", Flatten(), source), Node("fc", Linear(rng.normal(size=(3, 4 * 25))), "flat")]
    return Network(nodes, (2, 5, 5), input_name="x")


def test_a_reused_rectifier_has_the_gradient_of_finite_differences() -> None:
    net, x = reused(), np.random.default_rng(6).normal(size=(2, 5, 5))
    found = cs.saliency(net, x, 1).array
    step = 1e-6
    for place in np.ndindex(x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        up, down = (net.run(one).output[0, 1] for one in moved)
        # central differences of a piecewise linear function: rounding of about 1e-16 * |y| / step
        assert found[place] == pytest.approx((up - down) / (2 * step), abs=1e-7)


def test_guided_at_a_reused_rectifier_uses_each_places_own_gate() -> None:
    net, x = reused(), np.random.default_rng(6).normal(size=(2, 5, 5))
    run = net.run(x)
    grad = net.nodes["fc"].layer.parameters["weight"][[1]].reshape(1, 4, 5, 5)
    for index in (2, 1, 0):
        grad = np.where((grad > 0) & (run[f"conv{index}"] > 0), grad, 0)
        weight = net.nodes[f"conv{index}"].layer.parameters["weight"]
        grad = cs.ops.conv2d_grad_input(grad, weight, (1, weight.shape[1], 5, 5), padding=1)
    np.testing.assert_allclose(cs.saliency(net, x, 1, "guided").array, grad[0], rtol=1e-12, atol=1e-14)


def test_grad_cam_of_a_linear_head_is_the_class_activation_map() -> None:
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(3, 4))
    nodes = [
        Node("conv", Conv2d(rng.normal(size=(4, 1, 3, 3)), padding=1), "x"),
        Node("relu", ReLU(), "conv"),
        Node("pool", GlobalAvgPool2d(), "relu"),
        Node("flat", Flatten(), "pool"),
        Node("fc", Linear(weight), "flat"),
        Node("prob", Softmax(), "fc"),
    ]
    net, x = Network(nodes, (1, 6, 5), input_name="x"), rng.normal(size=(1, 6, 5))
    view = cs.grad_cam(net, x, 2)
    maps = net.run(x)["relu"][0]
    assert (view.node, view.target) == ("relu", "fc[2]")  # the score before the softmax
    np.testing.assert_allclose(view.weights, weight[2] / 30, rtol=1e-12)
    np.testing.assert_allclose(view.coarse, np.maximum((weight[2, :, None, None] * maps).sum(0), 0) / 30)


def test_grad_cam_plus_plus_by_its_equation() -> None:
    net, x = branched(), image()
    run = net.run(x)
    seed = np.zeros((1, 5))
    seed[0, 1] = 1
    grad = net.backward(run, {"fc2": seed}).nodes["relu3"][0]
    maps = run["relu3"][0]
    expected = np.zeros(maps.shape[1:])
    for g, a in zip(grad, maps, strict=True):
        below = 2 * g**2 + a.sum() * g**3
        alpha = np.where(below != 0, g**2 / np.where(below == 0, 1, below), 0)
        expected += (alpha * np.maximum(g, 0)).sum() * a
    view = cs.grad_cam(net, x, 1, "relu3", plus_plus=True)
    np.testing.assert_allclose(view.coarse, np.maximum(expected, 0), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("build", [cs.models.small_cnn, cs.models.small_resnet, cs.models.lenet5])
def test_covered_runs_are_whole_runs_to_the_bit(build: Any) -> None:
    net = build(seed=3)
    x = np.random.default_rng(4).normal(size=(1, *net.input_shape)).astype(np.float32)
    _same_as_whole_runs(net, x, list(net.nodes))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_covered_runs_of_branches_are_whole_runs_to_the_bit(dtype: Any) -> None:
    _same_as_whole_runs(
        branched(dtype), image(count=1, dtype=dtype), ["both", "sum", "pool3", "fc2", "relu1"]
    )


def _same_as_whole_runs(net: Network, x: np.ndarray, names: list[str]) -> None:
    height, width = x.shape[2:]
    boxes = [(0, 0, 2, 3), (1, 2, 4, 4), (height - 2, width - 3, height, width), (3, 0, 4, width)]
    found = CoveredRuns(net, net.run(x, algorithm="direct"), names, "direct")(boxes, 0.7)
    covered = np.repeat(x, len(boxes), axis=0)
    for one, (top, left, bottom, right) in zip(covered, boxes, strict=True):
        one[:, top:bottom, left:right] = 0.7
    whole = up_to(net, tuple(names)).run(covered, algorithm="direct")
    for name in names:
        np.testing.assert_array_equal(found[name], whole[name], err_msg=name)


def test_occlusion_reads_score_map_and_answer() -> None:
    net, x = branched(), image()
    view = cs.occlusion(net, x, "dog", size=8, stride=4, node="relu3")
    assert view.score.shape == view.likely.shape == (5, 5)
    covered = x[None].copy()
    covered[:, :, 8:16, 4:12] = 0
    run = net.run(covered, algorithm="direct")
    channel = int(view.map.partition("[")[2].rstrip("]"))
    # sums of a dense layer are in another order for another number of images
    assert view.score[2, 1] == pytest.approx(run["fc2"][0, 3], rel=1e-13)
    assert view.strongest[2, 1] == run["relu3"][0, channel].sum()
    assert view.likely[2, 1] == run["fc2"][0].argmax()
    assert set(view.classes) == set(view.likely.ravel())
    assert view.label == "dog"


def test_targets_by_number_name_part_and_address() -> None:
    net, x = branched(), image()
    by_number = cs.saliency(net, x, 3)
    for target in ("dog", "DOG", "do", "3", np.int64(3), "fc2[3]"):
        np.testing.assert_array_equal(cs.saliency(net, x, target).array, by_number.array)
    answered = cs.saliency(net, x)
    assert answered.target == f"fc2[{net.run(x).output.argmax()}]"
    strongest = cs.saliency(net, x, "relu1[2]")
    place = np.unravel_index(net.run(x)["relu1"][0, 2].argmax(), (12, 12))
    assert strongest.target == f"relu1[2,{place[0]},{place[1]}]"


def test_batches_are_their_images() -> None:
    net, x = branched(), image(count=3)
    for method in ("gradient", "guided", "integrated"):
        found = attributions(net, x, [0, 4, 2], method)
        for index, target in enumerate((0, 4, 2)):
            alone = cs.saliency(net, x[index], target, method).array
            np.testing.assert_allclose(found[index], alone, rtol=1e-9, atol=1e-12)
    assert class_maps(net, list(x), None).shape == (3, 6, 6)


def test_a_class_has_each_of_the_names_that_its_name_holds() -> None:
    names = ("n03297495 espresso maker", "n07920052 espresso", "n02123045 tabby, tabby cat", "crane", "Crane")
    net = branched()
    named = Network(net.nodes.values(), net.input_shape, input_name="image", classes=names)
    for text, index in (("espresso", 1), ("maker", 0), ("Tabby", 2), ("tabby cat", 2), ("Crane", 4)):
        assert cs.saliency(named, image(), text).target == f"fc2[{index}]"
    with pytest.raises(InvalidValue, match="part of 2 classes' names: 'crane', 'Crane'"):
        cs.saliency(named, image(), "CRANE")


def test_integrated_parts_add_up() -> None:
    net, x = branched(), image()
    few, many = (abs(cs.saliency(net, x, 2, "integrated", steps=n).gap) for n in (4, 400))
    assert many < 1e-3 < few


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda n, x: cs.saliency(n, x, 7), "from 0 to 4; got 7"),
        (lambda n, x: cs.saliency(n, x, "cow"), "no class and no node 'cow'"),
        (lambda n, x: cs.saliency(n, x, "e"), "part of 2 classes' names"),
        (lambda n, x: cs.saliency(n, x, "relu3"), "must name a channel or a cell"),
        (lambda n, x: cs.saliency(n, x, "relu3[99]"), "channel must be from 0 to 11"),
        (lambda n, x: cs.saliency(n, x, 1.5), "got float"),
        (lambda n, x: cs.saliency(n, x, True), "got True"),
        (lambda n, x: cs.saliency(n, x, 1, "magic"), "method must be one of gradient"),
        (lambda n, x: cs.saliency(n, x, 1, "integrated", steps=0), "steps must be a whole number"),
        (lambda n, x: cs.saliency(n, x, 1, "smooth", noise=-1), "noise must be"),
        (lambda n, x: cs.saliency(n, np.stack([x, x])), "must be one image"),
        (lambda n, x: attributions(n, np.stack([x, x]), [1]), "one for each of 2 images"),
        (lambda n, x: cs.grad_cam(n, x, 1, "fc1"), "must have maps"),
        (lambda n, x: cs.grad_cam(n, x, 1, "nowhere"), "no node 'nowhere'"),
        (lambda n, x: cs.grad_cam(n, x, "one[0,0,0]", "relu3"), "does not depend on 'relu3'"),
        (lambda n, x: cs.occlusion(n, x, 1, 25), "at most the image's 24x24"),
        (lambda n, x: cs.occlusion(n, x, 1, 4, 5), "stride must be at most the size"),
        (lambda n, x: cs.occlusion(n, x, 1, 0), "size must be a whole number of pixels"),
        (lambda n, x: cs.occlusion(n, x, 1, 4, node="fc1"), "a node with maps"),
        (lambda n, x: cs.occlusion(n, x, 1, 4, node="rellu3"), "no node 'rellu3'; nearest: relu3"),
        (lambda n, x: cs.deconvnet(n, x.astype(np.float32)), "must be float64"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(call: Any, words: str) -> None:
    with pytest.raises(ConvscopeError) as error:
        call(branched(), image())
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_one_pixel() -> None:
    net = Network([Node("conv", Conv2d(np.ones((2, 1, 1, 1))), "x")], (1, 1, 1), input_name="x")
    x = np.ones((1, 1, 1))
    assert cs.saliency(net, x, "conv[1]").array.item() == 1
    assert cs.occlusion(net, x, "conv[1]", 1).score.item() == 0
    assert last_map(net, "conv") is None


def test_results_are_written_and_read(tmp_path: Path) -> None:
    net, x = branched(np.float32), image(dtype=np.float32)
    views = (
        cs.saliency(net, x, 1),
        cs.deconvnet(net, x, "relu3[1]"),
        cs.grad_cam(net, x, 1),
        cs.occlusion(net, x, 1, 8),
    )
    for index, (view, picture) in enumerate(zip(views, ("png", "svg", "html", "png"), strict=True)):
        for suffix in ("json", "txt", picture):
            view.save(tmp_path / f"{index}.{suffix}")
            assert (tmp_path / f"{index}.{suffix}").stat().st_size > 300
        told = json.loads((tmp_path / f"{index}.json").read_text())
        assert not any(name.startswith("_") for name in told)
        assert "How far to trust it" in str(view)
