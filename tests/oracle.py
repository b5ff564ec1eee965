"""PyTorch as a judge: arrays to tensors."""

from __future__ import annotations

import numpy as np
import torch


def tensor(array: np.ndarray, leaf: bool = False) -> torch.Tensor:
    """Copy an array of any strides (PyTorch takes no negative ones); a `leaf` collects its gradient."""
    return torch.tensor(np.array(array, order="C", copy=True)).requires_grad_(leaf)
