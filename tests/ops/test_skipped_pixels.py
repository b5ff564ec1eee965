"""A stride beyond the kernel leaves pixels that no window sees: their gradient is 0, not leftovers."""

from __future__ import annotations

import numpy as np
import pytest

from convscope import ops


@pytest.mark.parametrize(("kernel", "stride"), [(1, 2), (1, 3), (2, 3)])
@pytest.mark.parametrize("filters", [8, 256, 257, 512])
def test_gradient_of_unseen_pixels_is_zero(core, kernel, stride, filters):
    random = np.random.default_rng(0)
    weight = random.normal(size=(filters, 32, kernel, kernel)).astype(np.float32)
    size = 7
    count = (size - kernel) // stride + 1
    grad = random.normal(size=(2, filters, count, count)).astype(np.float32)
    out = ops.empty_channels_last((2, 32, size, size), np.float32)
    out[...] = np.nan
    dx = ops.conv2d_grad_input(grad, weight, out.shape, stride=stride, out=out)
    seen = np.zeros((size, size), bool)
    for offset in range(kernel):
        rows = offset + stride * np.arange(count)
        for other in range(kernel):
            seen[np.ix_(rows, other + stride * np.arange(count))] = True
    assert np.all(dx[:, :, ~seen] == 0)
    assert np.all(dx[:, :, seen] != 0)
