"""The table of a network: counts, receptive fields through branches, what a floor drops."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.layers import Add, AvgPool2d, Concatenate, Flatten, GlobalAvgPool2d, MaxPool2d, ReLU
from convscope.layers.spatial import ConvNd
from convscope.models import Builder, batch_norm, conv2d, lenet5, linear, sequential
from convscope.network import Network, Node


def forked() -> Network:
    """Branches of unlike reach: 1x1 beside 5x5 beside two 3x3, and a shortcut of another stride."""
    build = Builder((2, 21, 17), seed=0)
    stem = build.add("stem", conv2d(2, 3, stride=2, padding=1), "input")
    one = build.add("one", conv2d(2, 1), stem)
    five = build.add("five", conv2d(2, 5, padding=2), stem)
    dilated = build.add("dilated", conv2d(2, 3, padding=2, dilation=2), build.add("relu", ReLU(), one))
    joined = build.add("joined", Concatenate(), one, five, dilated)
    pooled = build.add("pooled", MaxPool2d(3, stride=2, padding=1), joined)
    shortcut = build.add("shortcut", conv2d(6, 1, stride=2), joined)
    build.add("sum", Add(), pooled, shortcut)
    build.add("same", conv2d(2, 4, stride=2, padding="same"), "sum")
    return build.network()


def touched(net: Network, name: str, cell: tuple[int, int]) -> tuple[range, range]:
    """The rows and columns of the input that a cell depends on, by the support of a gradient.

    All weights are 1 and all inputs positive, so that no gradient cancels; max pooling
    passes to one cell only, so it is exchanged for a mean.
    """
    nodes = []
    for node in net.nodes.values():
        layer = node.layer
        if isinstance(layer, MaxPool2d):
            layer = AvgPool2d(layer.kernel_size, stride=layer.stride, padding=layer.padding)
        nodes.append(type(node)(node.name, layer, node.inputs))
    plain = Network(nodes, net.input_shape).astype(np.float64)
    for key, value in plain.parameters.items():
        plain.parameters[key] = np.ones_like(value)
    activations = plain.run(np.ones((1, *net.input_shape)))
    grad = np.zeros_like(activations[name])
    grad[(0, slice(None), *cell)] = 1
    support = plain.backward(activations, {name: grad}, parameters=False).input[0].sum(axis=0) != 0
    rows, columns = np.flatnonzero(support.any(axis=1)), np.flatnonzero(support.any(axis=0))
    return range(rows[0], rows[-1] + 1), range(columns[0], columns[-1] + 1)


@pytest.mark.parametrize("make", [forked, lenet5])
def test_receptive_fields_are_the_support_of_the_gradient(make) -> None:
    net = make()
    height, width = net.input_shape[1:]
    for row in net.summary().rows:
        field = row.receptive_field
        if len(row.output_shape) == 1:
            continue
        last = (row.output_shape[1] - 1, row.output_shape[2] - 1)
        for cell in {(0, 0), (last[0] // 2, last[1] // 2), last}:
            for axis, (found, size) in enumerate(
                zip(touched(net, row.name, cell), (height, width), strict=True)
            ):
                first = cell[axis] * field.stride[axis] - field.padding[axis]
                expected = range(max(0, first), min(size, first + field.size[axis]))
                assert found == expected, (row.name, cell, axis)


def test_a_dense_layer_sees_everything_before_it() -> None:
    summary = lenet5().summary()
    for name in ("flatten", "fc1", "fc3"):
        assert summary[name].receptive_field.size == (28, 28)
    net = sequential([conv2d(2, 3, stride=2), GlobalAvgPool2d(), conv2d(3, 1), Flatten()], (1, 8, 11))
    for name in ("pool1", "conv2", "flatten1"):
        assert net.summary()[name].receptive_field.size == (7, 11)


def test_branches_of_unlike_stride_have_no_common_field() -> None:
    build = Builder((1, 8, 8))
    left = build.add("left", MaxPool2d(2), "input")
    right = build.add("right", conv2d(1, 5), "input")
    build.add("sum", Add(), left, right)
    build.add("after", conv2d(1, 3), "sum")
    summary = build.network().summary()
    assert summary["sum"].receptive_field is summary["after"].receptive_field is None
    assert "Add" in str(summary)


def test_what_a_floor_drops() -> None:
    net = sequential(
        [conv2d(1, 3, stride=2), MaxPool2d(2), conv2d(1, 2, padding=1), AvgPool2d(2, ceil_mode=True)],
        (1, 10, 11),
    )
    rows = net.summary().rows
    assert rows[0].dropped == "Rows: The floor drops 1 position at the end: pixel 9 of the image."
    assert rows[1].dropped == "Columns: The floor drops 1 position at the end: pixel 4 of the image."
    assert "ceiling adds a window" in rows[3].dropped
    assert net.summary((1, 11, 11)).rows[0].dropped == ""


def test_totals_and_bytes() -> None:
    net = sequential([conv2d(4, 3), batch_norm(), ReLU(), Flatten(), linear(2)], (1, 6, 6), name="tiny")
    summary = net.summary()
    assert summary["conv1"].bytes == 4 * 16 * 4
    assert net.astype(np.float64).summary()["conv1"].bytes == 4 * 16 * 8
    assert summary.parameters == 40 + 8 + 130
    assert summary.multiply_adds == 16 * 36 + 128
    assert summary.bytes == sum(row.bytes for row in summary.rows)
    assert summary.to_dict()["rows"][0]["output_shape"] == [4, 4, 4]
    assert (summary.name, summary.input_shape, summary.dtype) == ("tiny", (1, 6, 6), "float32")
    wider = sequential([conv2d(4, 3)], (1, 6, 6)).summary((1, 8, 8))
    assert wider.input_shape == (1, 8, 8)
    assert wider.rows[0].output_shape == (4, 6, 6)


def test_the_text_is_a_table() -> None:
    text = str(forked().summary())
    lines = text.splitlines()
    assert lines[0] == "network, input 2x21x17, float32"
    assert [word for word in lines[1].split() if word != "every"][:4] == [
        "node",
        "kind",
        "settings",
        "output",
    ]
    assert "3x3, stride 2, padding 1" in text
    assert "padding same" in text
    columns = {line.index("Conv2d") for line in lines if "Conv2d" in line}
    assert len(columns) == 1
    assert all(len(line) < 130 for line in lines)
    assert "1,814,073,344" not in text


def test_vectors_have_no_receptive_field() -> None:
    net = sequential([linear(4), ReLU(), linear(2)], (7,))
    assert all(row.receptive_field is None for row in net.summary().rows)
    assert net.run(np.zeros((3, 7), np.float32)).output.shape == (3, 2)
    assert net.run(np.zeros(7, np.float32)).output.shape == (1, 2)


@pytest.mark.parametrize(("axes", "kernel", "words"), [(1, (3,), "3"), (3, (3, 2, 4), "3x2x4")])
def test_kernels_of_one_and_three_axes(axes: int, kernel: tuple[int, ...], words: str) -> None:
    weight = np.ones((2, 1, *kernel), np.float32)
    net = Network([Node("c", ConvNd(weight), "input")], (1, *([8] * axes)))
    said = net.summary()["c"].settings
    assert words in said.split(", ")
    assert "stride" not in said  # all as usual
    assert "padding" not in said
