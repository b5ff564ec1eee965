"""Results that no cache holds."""

from __future__ import annotations

import numpy as np
import pytest

from convscope import ops


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_results_written_past_the_caches_are_the_same(dtype: type, threads_restored: None) -> None:
    """Two images of 3 MB together, and each alone, where nothing is written past the caches."""
    rng = np.random.default_rng(0)
    size = 88 if dtype == np.float32 else 64
    x, other, grad = (
        rng.standard_normal((2, size, size, 96)).astype(dtype).transpose(0, 3, 1, 2) for _ in "xyz"
    )
    weight = rng.standard_normal((96, 1, 3, 3)).astype(dtype)
    mean, var = rng.standard_normal(96).astype(dtype), rng.random(96).astype(dtype) + 1
    depthwise = {"padding": 1, "groups": 96}
    half = np.ascontiguousarray(grad[:, :, ::2, ::2].transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)

    def shape(image: np.ndarray) -> tuple[int, ...]:
        return len(image), 96, size, size

    results = {
        "relu": lambda i: ops.relu(x[i]),
        "relu_grad": lambda i: ops.relu_grad(grad[i], x[i]),
        "add": lambda i: ops.add(x[i], other[i]),
        "batch_norm": lambda i: ops.batch_norm(x[i], mean, var, mean, var),
        "depthwise": lambda i: ops.conv2d(x[i], weight, **depthwise),
        "its gradient": lambda i: ops.conv2d_grad_input(grad[i], weight, shape(x[i]), **depthwise),
        "with a stride": lambda i: ops.conv2d_grad_input(half[i], weight, shape(x[i]), stride=2, **depthwise),
    }
    for threads in (1, 2):
        ops.set_threads(threads)
        for name, compute in results.items():
            apart = np.concatenate([compute(slice(0, 1)), compute(slice(1, 2))])
            assert apart.nbytes >= 4 << 20 > apart.nbytes / 2
            assert np.array_equal(compute(slice(0, 2)), apart), name
