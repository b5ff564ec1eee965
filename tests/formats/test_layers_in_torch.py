"""Every layer becomes a PyTorch module with equal outputs and gradients, in both precisions."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from convscope import layers  # noqa: E402
from convscope.formats import to_torch  # noqa: E402
from convscope.formats.torch_writers import WRITERS  # noqa: E402
from convscope.layers import Layer  # noqa: E402
from convscope.network import Network, Node  # noqa: E402
from general_layer_cases import GENERAL_CASES, POSITIVE  # noqa: E402
from layer_cases import MORE_CASES  # noqa: E402

torch.set_num_threads(1)
CASES = {
    name: (layer, shapes)
    for name, (layer, shapes, *_) in {**MORE_CASES, **GENERAL_CASES}.items()
    if all(len(shape) > 1 and shape[0] == shapes[0][0] for shape in shapes)
}


def pair(name, dtype):
    """A network of one layer, its twin, and inputs."""
    layer, shapes = CASES[name]
    names = [f"x{i}" for i in range(len(shapes))]
    more = dict(zip(names[1:], shapes[1:], strict=True))
    node = Node("layer", layer, names)
    net = Network([node], shapes[0][1:], input_name="x0", more_inputs=more, batch=shapes[0][0]).astype(dtype)
    random = np.random.default_rng(5)
    arrays = {
        name: random.standard_normal(shape).astype(dtype) for name, shape in zip(names, shapes, strict=True)
    }
    if isinstance(layer, POSITIVE):
        arrays = {name: np.abs(x) + dtype(0.5) for name, x in arrays.items()}
    return net, to_torch(net), arrays


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_equal(name, dtype):
    """One operation of at most some hundred terms below a hundred: a thousand roundings and no more."""
    net, module, arrays = pair(name, dtype)
    tensors = {name: torch.from_numpy(x).requires_grad_() for name, x in arrays.items()}
    theirs = module(*tensors.values())
    record = net.run(arrays if len(arrays) > 1 else next(iter(arrays.values())))
    bound = 1000 * np.finfo(dtype).eps
    close(record.output, theirs.detach().numpy(), bound)
    if not theirs.requires_grad:
        return  # a number of places, which has no gradient
    seed = np.random.default_rng(6).standard_normal(record.output.shape).astype(dtype)
    theirs.backward(torch.from_numpy(seed))
    grads = net.backward(record, {"layer": seed})
    for key, tensor in tensors.items():
        if tensor.grad is not None and key in grads.inputs:
            close(grads.inputs[key], tensor.grad.numpy(), bound)
        else:
            assert not np.any(grads.inputs.get(key, 0))
    for key, parameter in module.named_parameters():
        close(grads.parameters[key], parameter.grad.numpy(), bound)


def test_every_layer_has_a_twin():
    classes = (getattr(layers, name) for name in layers.__all__)
    kinds = {item.kind for item in classes if isinstance(item, type) and issubclass(item, Layer)} - {
        Layer.kind
    }
    assert kinds == set(WRITERS)


def close(actual, expected, bound):
    assert actual.shape == expected.shape
    np.testing.assert_allclose(
        actual, expected, rtol=bound, atol=bound * max(1, np.abs(expected).max(initial=0))
    )
