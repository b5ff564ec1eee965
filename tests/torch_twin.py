"""A network's twin in PyTorch: the same graph by its own functions, so that autograd can judge."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from convscope.geometry import resolve_padding
from convscope.layers import Layer
from convscope.network import Network


def run(net: Network, x: np.ndarray) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Give the input, which collects its gradient, and every node's output."""
    torch.set_num_threads(1)
    leaf = torch.tensor(np.ascontiguousarray(x[None] if x.ndim == 3 else x), requires_grad=True)
    made = {net.input_name: leaf}
    for name, node in net.nodes.items():
        made[name] = _RUN[node.layer.kind](node.layer, *(made[source] for source in node.inputs))
    return leaf, made


def _padded(layer: Layer, x: torch.Tensor, fill: float) -> torch.Tensor:
    windows = layer.window()
    assert windows is not None
    pads = [
        resolve_padding(w.padding, n, w.kernel, w.stride, w.dilation)
        for w, n in zip(windows, x.shape[2:], strict=True)
    ]
    return F.pad(x, (*pads[1], *pads[0]), value=fill)


def _parameters(layer: Layer, *names: str) -> list[Any]:
    values = {**layer.parameters, **layer.statistics}
    return [None if values.get(n) is None else torch.tensor(np.ascontiguousarray(values[n])) for n in names]


def _conv(layer: Layer, x: torch.Tensor) -> torch.Tensor:
    s = layer.settings()
    weight, bias = _parameters(layer, "weight", "bias")
    return F.conv2d(_padded(layer, x, 0.0), weight, bias, s["stride"], 0, s["dilation"], s["groups"])


def _max(layer: Layer, x: torch.Tensor) -> torch.Tensor:
    s = layer.settings()
    x = _padded(layer, x, -torch.inf)
    return F.max_pool2d(x, s["kernel_size"], s["stride"], 0, s["dilation"], ceil_mode=s["ceil_mode"])


def _avg(layer: Layer, x: torch.Tensor) -> torch.Tensor:
    s = layer.settings()
    assert s["padding"] == ((0, 0), (0, 0))
    return F.avg_pool2d(x, s["kernel_size"], s["stride"], ceil_mode=s["ceil_mode"])


def _lrn(layer: Layer, x: torch.Tensor) -> torch.Tensor:
    s = layer.settings()
    return F.local_response_norm(x, s["size"], s["alpha"], s["beta"], s["k"])


def _norm(layer: Layer, x: torch.Tensor) -> torch.Tensor:
    weight, bias, mean, var = _parameters(layer, "weight", "bias", "running_mean", "running_var")
    return F.batch_norm(x, mean, var, weight, bias, eps=layer.settings()["eps"])


_RUN: dict[str, Any] = {
    "Add": lambda layer, *xs: sum(xs[1:], xs[0]),
    "AvgPool2d": _avg,
    "BatchNorm": _norm,
    "Concatenate": lambda layer, *xs: torch.cat(xs, layer.settings()["axis"]),
    "Conv2d": _conv,
    "Dropout": lambda layer, x: x,
    "Flatten": lambda layer, x: x.flatten(1),
    "GlobalAvgPool2d": lambda layer, x: x.mean((2, 3), keepdim=True),
    "Linear": lambda layer, x: F.linear(x, *_parameters(layer, "weight", "bias")),
    "LocalResponseNorm": _lrn,
    "MaxPool2d": _max,
    "ReLU": lambda layer, x: F.relu(x),
    "Softmax": lambda layer, x: F.softmax(x, layer.settings()["axis"]),
}
