"""Gradients that are not longer than they should be."""

from __future__ import annotations

import math

import numpy as np

from convscope.training.optimizer import Arrays

__all__ = ["clip_gradients"]


def clip_gradients(gradients: Arrays, limit: float) -> float:
    """Shorten all gradients together, in place, to a length of at most `limit`; give their length before.

    The factor is that of `torch.nn.utils.clip_grad_norm_`: limit / (length + 1e-6), never above 1.

    References
    ----------
    Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks.

    Examples
    --------
    >>> gradients = {"a": np.array([3.0]), "b": np.array([4.0])}
    >>> clip_gradients(gradients, 1.0), gradients["b"].round(3)
    (5.0, array([0.8]))
    """
    length = math.sqrt(sum(float(np.sum(np.square(g, dtype=np.float64))) for g in gradients.values()))
    factor = limit / (length + 1e-6)
    if factor < 1:
        for gradient in gradients.values():
            gradient *= factor
    return length
