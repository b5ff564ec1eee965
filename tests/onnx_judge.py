"""ONNX Runtime as the judge of networks: every node's value, and how far it may be off."""

from __future__ import annotations

import copy

import numpy as np

from convscope.layers import Context
from tolerance import assert_within, gamma

DIRECT = Context(algorithm="direct")
SMOOTH = {  # bounds of the slope, and of the sum of the magnitudes met on the way, for an input x
    "ELU": (1, 2), "SELU": (1.76, 4), "CELU": (1, 2), "LeakyReLU": (1, 1),
    "Sigmoid": (0.25, 4), "Softplus": (1, 4), "Softsign": (1, 4),
    "Hardsigmoid": (1, 4), "Hardswish": (1.5, 4),
    "LogSoftmax": (2, 8), "LocalResponseNorm": (1, 4),
}  # fmt: skip
EXACT = ("Clip", "GlobalMaxPool2d", "ReLU", "MaxPool2d", "Flatten", "Concatenate", "Dropout")
# Libraries approximate exp and tanh by polynomials, to a few units in the last place; 8 is generous.
FUNCTION = 8


def all_values(model, x: np.ndarray) -> dict[str, np.ndarray]:
    """Run a ModelProto without optimisation; give every node's first output under the node's name."""
    import onnx
    import onnxruntime

    model = onnx.ModelProto.FromString(model.SerializeToString())
    known = {output.name for output in model.graph.output}
    names = {node.name or node.output[0]: node.output[0] for node in model.graph.node}
    for value in names.values():
        if value not in known:
            model.graph.output.append(onnx.helper.make_empty_tensor_value_info(value))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found = session.run(list(names.values()), {session.get_inputs()[0].name: x})
    return {session.get_inputs()[0].name: x, **dict(zip(names, found, strict=True))}


def error_bound(layer, inputs, errors, dtype):
    """Bound the difference of two float computations of a layer whose inputs differ by at most `errors`.

    The inputs' errors pass through the layer with absolute weights; its own rounding is at most
    gamma(roundings) times the layer with absolute weights and inputs, on each of the two sides.
    """
    absolute = copy.deepcopy(layer)
    for arrays in (absolute.parameters, absolute.statistics):
        arrays.update({name: np.abs(array.astype(np.float64)) for name, array in arrays.items()})
    inputs = [np.abs(x.astype(np.float64)) for x in inputs]
    without_bias = copy.deepcopy(absolute)
    for name in ("bias", "running_mean"):
        for arrays in (without_bias.parameters, without_bias.statistics):
            if name in arrays:
                arrays[name] = np.zeros_like(arrays[name])
    kind = layer.kind
    if kind == "Softmax":
        return _softmax_bound(layer, inputs, errors, dtype)
    if kind in SMOOTH:
        return _smooth_bound(kind, inputs[0], errors[0], dtype)
    if kind == "Tanh":
        slope = abs(layer.amplitude * layer.slope)
        few = gamma(FUNCTION + 4, dtype)
        own = abs(layer.amplitude) * np.tanh(abs(layer.slope) * inputs[0]) + slope * inputs[0]
        return slope * errors[0] + 2 * few * own
    if kind == "BatchNorm":  # its running mean is subtracted: |x - mean| <= |x| + |mean|
        absolute.statistics["running_mean"] = -absolute.statistics["running_mean"]
    passed = without_bias.forward(*errors, context=DIRECT)[0]
    if kind in EXACT:
        return passed
    return passed + 2 * gamma(_roundings(layer, inputs), dtype) * absolute.forward(*inputs, context=DIRECT)[0]


def _smooth_bound(kind, x, error, dtype):
    """Each function here meets no number above size * (1 + |x|), and not above its row's neighbours' sum."""
    slope, size = SMOOTH[kind]
    met = size * (1 + (x.max(axis=1, keepdims=True) + x if kind == "LogSoftmax" else x))
    return slope * error + 2 * gamma(FUNCTION + 16, dtype) * met


def _roundings(layer, inputs) -> int:
    if "weight" in layer.parameters and layer.parameters["weight"].ndim > 1:
        return int(np.prod(layer.parameters["weight"].shape[1:])) + 1
    if layer.kind == "GlobalAvgPool2d":
        return int(np.prod(inputs[0].shape[2:])) + 2
    if layer.kind == "AvgPool2d":
        return int(np.prod(layer.kernel_size)) + 2
    return len(inputs) + 12  # sums; root, quotient, products and sums of batch norm


def _softmax_bound(layer, inputs, errors, dtype):
    """A score off by e changes a probability by a factor within exp(2 e)."""
    x, axis = inputs[0], layer.axis
    spread = 2 * x.max(axis=axis, keepdims=True)  # |x - max| <= 2 max |x|
    factor = 2 * errors[0].max(axis=axis, keepdims=True) + 2 * gamma(x.shape[axis] + 2 * FUNCTION, dtype)
    factor = factor + 2 * gamma(1, dtype) * spread
    return np.expm1(factor) * np.ones_like(x) + float(np.finfo(dtype).tiny)


def assert_nodes_agree(net, values) -> None:
    """Compute every node from the judge's own inputs and compare: errors do not pile up."""
    for node in net.nodes.values():
        inputs = [values[name] for name in node.inputs]
        expected = values[node.name]
        actual = node.layer.forward(*inputs, context=DIRECT)[0]
        zeros = [np.zeros_like(x, dtype=np.float64) for x in inputs]
        assert_within(actual, expected, error_bound(node.layer, inputs, zeros, expected.dtype), node.name)


def assert_outputs_agree(net, values) -> None:
    """Run the whole network and compare its outputs, within the errors carried from node to node."""
    record = net.run(values[net.input_name], algorithm="direct")
    errors = {net.input_name: np.zeros(values[net.input_name].shape)}
    for node in net.nodes.values():
        inputs = [record[name] for name in node.inputs]
        before = [errors[name] for name in node.inputs]
        errors[node.name] = error_bound(node.layer, inputs, before, record[node.name].dtype)
    for name in net.outputs:
        assert_within(record[name], values[name], errors[name], name)
