"""Judged first layers of trained networks, each judged once."""

from __future__ import annotations

from functools import lru_cache

from convscope.claims.material import Material
from convscope.explain import kernel_table
from convscope.explain.kernel_tables import convolutions
from convscope.kernels import KernelTable

__all__ = ["first_layer"]


@lru_cache(maxsize=4)
def first_layer(material: Material, network: str) -> KernelTable:
    """Judge the first convolution of a network of the folder; the ImageNet ones read BGR."""
    net = material.network(network)
    node = next(iter(convolutions(net)))
    channels = "BGR" if net.input_shape[0] == 3 else None
    return kernel_table(net, node, channels=channels)
