"""From a network to a PyTorch module: each node becomes a submodule with the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope.errors import InvalidValue
from convscope.formats.torch_writers import WRITERS
from convscope.layers import Layer
from convscope.network import Network

__all__ = ["to_torch"]


def to_torch(net: Network) -> Any:
    """Turn a network into a PyTorch module of equal outputs, with copies of its weights.

    Each node is a submodule of its name; parameters and running statistics have the names they have in
    `net.parameters` and `net.statistics`. The module is in eval mode; in training mode batch norms
    and dropout do as PyTorch does.

    Parameters
    ----------
    net : Network

    Returns
    -------
    torch.nn.Module
        Its output is a tensor, or a tuple where the network has several outputs.

    Raises
    ------
    InvalidValue
        If a layer has no PyTorch form.

    Examples
    --------
    >>> import convscope as cs, torch
    >>> module = to_torch(cs.models.lenet5())
    >>> tuple(module(torch.zeros(2, 1, 28, 28)).shape)
    (2, 10)
    >>> sorted(module.state_dict())[:2]
    ['conv1.bias', 'conv1.weight']
    """
    net = net.parted()
    unknown = {node.layer.kind: node.name for node in net.nodes.values() if node.layer.kind not in WRITERS}
    if unknown:
        listed = ", ".join(f"{kind} in {name!r}" for kind, name in unknown.items())
        raise InvalidValue(f"to_torch: a layer must have a PyTorch form; got {listed}.")
    return _module_class()(net).eval()


def _module_class() -> Any:
    """Make the classes here, since torch is not imported before it is needed."""
    import torch

    class Step(torch.nn.Module):
        """One node."""

        def __init__(self, layer: Layer, shapes: list[tuple[int, ...]]) -> None:
            super().__init__()
            for name, array in layer.parameters.items():
                tensor = torch.from_numpy(np.array(array, order="C"))
                self.register_parameter(name, torch.nn.Parameter(tensor))
            for name, array in layer.statistics.items():
                self.register_buffer(name, torch.from_numpy(np.array(array, order="C")))
            self.call = WRITERS[layer.kind](layer, shapes)

        def forward(self, *inputs: Any) -> Any:
            return self.call(self, *inputs)

    class Module(torch.nn.Module):
        """All nodes, in order."""

        def __init__(self, net: Network) -> None:
            super().__init__()
            shapes = net.shapes()
            self.plan = [(node.name, node.inputs) for node in net.nodes.values()]
            self.input_names = (net.input_name, *net.more_inputs)
            self.output_names = net.outputs
            for node in net.nodes.values():
                _place(self, node.name, Step(node.layer, [shapes[name] for name in node.inputs]), torch)

        def forward(self, *inputs: Any) -> Any:
            values = dict(zip(self.input_names, inputs, strict=True))
            for name, sources in self.plan:
                values[name] = self.get_submodule(name)(*(values[source] for source in sources))
            outputs = tuple(values[name] for name in self.output_names)
            return outputs[0] if len(outputs) == 1 else outputs

    return Module


def _place(module: Any, name: str, step: Any, torch: Any) -> None:
    """Put a submodule where its dotted name says; one that is there already keeps its own submodules."""
    *path, last = name.split(".")
    for part in path:
        if part not in module._modules:
            module.add_module(part, torch.nn.Module())
        module = module._modules[part]
    if last in module._modules:
        for key, child in module._modules[last]._modules.items():
            step.add_module(key, child)
    module.add_module(last, step)
