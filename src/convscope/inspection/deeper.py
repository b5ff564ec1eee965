"""What a full inspection adds: deeper kernels as seen from the image, and inputs painted for channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from convscope.errors import ConvscopeError
from convscope.explain import Maximum, maximize
from convscope.explain.from_image import SeenFromImage, seen_from_image
from convscope.inspection.layer import LayerAccount
from convscope.network import Network

__all__ = ["painted", "seen"]

Step = Callable[[str, float], object]
_SEEN = 3  # layers whose kernels are composed with those before them
_TRIED = 12  # layers that are tried: each sees more of the image than the one before
_NODES = 2  # layers for whose channels inputs are painted
_EACH = 3  # channels of each
_STEPS = 48


def seen(
    net: Network, layers: Sequence[LayerAccount], channels: str | None, tell: Step
) -> tuple[SeenFromImage, ...]:
    """Compose the first deeper layers with all before them; those that have no linear form are passed over.

    Parameters
    ----------
    net : Network
    layers : sequence of LayerAccount
    channels : {"RGB", "BGR"}, optional
    tell : callable
        Told what is done and the share of all work that is done.
    """
    found: list[SeenFromImage] = []
    for layer in [layer for layer in layers if not layer.reads_image][:_TRIED]:
        if len(found) == _SEEN:
            break
        tell(f"composing {layer.node} with the layers before it", 0.3 + 0.05 * len(found) / _SEEN)
        try:
            found.append(seen_from_image(net, layer.node, channels=channels))
        except ConvscopeError:  # it sees too much of the image, or something before it cannot be linear
            continue
    return tuple(found)


def painted(net: Network, layers: Sequence[LayerAccount], seed: int, tell: Step) -> tuple[Maximum, ...]:
    """Paint inputs for the living channels of largest norm of a middle and the last shaped convolution."""
    names = [layer for layer in layers if not layer.pointwise] or list(layers)
    if not names:
        return ()
    chosen = [names[i] for i in sorted({round(s) for s in np.linspace(0, len(names) - 1, _NODES + 1)[1:]})]
    found: list[Maximum] = []
    for step, layer in enumerate(chosen):
        norm = layer.table.columns["norm"]
        alive = [c for c in np.argsort(-norm, kind="stable").tolist() if layer.table.family[c] != "dead"]
        for rank, channel in enumerate(sorted(alive[:_EACH])):
            at = f"{layer.node}[{channel}]"
            share = (step + rank / _EACH) / len(chosen)
            tell(f"painting what {at} likes best", 0.35 + 0.05 * share)
            try:
                best = maximize(net, at, steps=_STEPS, seed=seed)
            except ConvscopeError:  # an input that is no image, weights without a gradient
                return tuple(found)
            if np.isfinite(best.value):  # broken weights before it make a picture of nothing
                found.append(best)
    return tuple(found)
