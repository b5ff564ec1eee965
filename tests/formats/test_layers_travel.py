"""Every layer goes to an ONNX file and comes back with equal outputs, and ONNX Runtime computes the same."""

from __future__ import annotations

import copy

import numpy as np
import onnx
import pytest

import convscope as cs
from convscope.network import Network, Node
from general_layer_cases import GENERAL_CASES, POSITIVE, STEPS
from layer_cases import MORE_CASES
from onnx_judge import all_values

# of one batch axis and at least one more
CASES = {
    name: (layer, shapes)
    for name, (layer, shapes, _, _) in {**MORE_CASES, **GENERAL_CASES}.items()
    if all(len(shape) > 1 and shape[0] == shapes[0][0] for shape in shapes)
}
# ONNX Runtime sums over an odd number of channels only, and resizes images only
NOT_IN_RUNTIME = ("local response norm, even", "resize sound", "resize, antialias")


def network(layer, shapes):
    names = [f"x{i}" for i in range(len(shapes))]
    more = dict(zip(names[1:], shapes[1:], strict=True))
    node = Node("layer", copy.deepcopy(layer), names)
    return Network([node], shapes[0][1:], input_name="x0", more_inputs=more, batch=shapes[0][0]).astype(
        np.float32
    )


@pytest.mark.parametrize("name", CASES)
def test_there_and_back(name, tmp_path):
    layer, shapes = CASES[name]
    net = network(layer, shapes)
    path = tmp_path / "layer.onnx"
    cs.save(net, path)
    again = cs.load(path)
    random = np.random.default_rng(3)
    inputs = [random.standard_normal(shape).astype(np.float32) for shape in shapes]
    if isinstance(layer, POSITIVE):
        inputs = [np.abs(x) + np.float32(0.5) for x in inputs]
    x = dict(zip([f"x{i}" for i in range(len(inputs))], inputs, strict=True))
    ours = net.run(x if len(x) > 1 else inputs[0]).output
    theirs = again.run(x if len(x) > 1 else inputs[0]).output
    np.testing.assert_allclose(theirs, ours, rtol=2e-6, atol=1e-6)
    if len(x) == 1 and name not in NOT_IN_RUNTIME and not isinstance(layer, STEPS):
        found = all_values(onnx.load(path), inputs[0])["layer"]
        # single operations: a few roundings of values below ten
        np.testing.assert_allclose(ours, found, rtol=2e-5, atol=2e-5)
