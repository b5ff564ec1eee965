"""The same numbers to the bit, for any number of threads and any call."""

from __future__ import annotations

import numpy as np
import pytest

from convscope import ops

SHAPES = [
    # x, weight, settings
    ((1, 3, 40, 36), (16, 3, 5, 5), {"stride": 2, "padding": 2}),
    ((5, 16, 17, 19), (33, 16, 3, 3), {"padding": 1}),
    ((3, 24, 14, 14), (24, 1, 3, 3), {"groups": 24, "padding": 1}),
    ((2, 32, 9, 9), (32, 16, 1, 1), {"groups": 2}),
    ((64, 1, 8, 8), (8, 1, 3, 3), {}),
]


def everything(x_shape, w_shape, settings, dtype) -> list[np.ndarray]:
    """Compute every op whose sums could be cut differently by threads."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=x_shape).astype(dtype), rng.normal(size=w_shape).astype(dtype)
    y = ops.conv2d(x, w, w[:, 0, 0, 0].copy(), **settings)
    grad = rng.normal(size=y.shape).astype(dtype)
    channels = [rng.uniform(0.5, 1, size=x.shape[1]).astype(dtype) for _ in range(2)]
    normal, mean, var = ops.batch_norm_train(x, *channels)
    pooled, indices = ops.max_pool2d(x, 3, stride=2, padding=1, return_indices=True)
    flat = ops.flatten(x)
    dense = rng.normal(size=(10, flat.shape[1])).astype(dtype)
    scores = ops.linear(flat, dense)
    return [
        y,
        ops.conv2d_grad_input(grad, w, x.shape, **settings),
        ops.conv2d_grad_weight(x, grad, w.shape[2:], **settings),
        ops.conv2d_grad_bias(grad),
        normal,
        mean,
        var,
        *ops.batch_norm_grad(x, x, channels[0], mean, var),
        pooled,
        ops.max_pool2d_grad(pooled, indices, x.shape),
        ops.avg_pool2d_grad(ops.avg_pool2d(x, 3, stride=2), x.shape, 3, stride=2),
        ops.global_avg_pool2d(x),
        scores,
        ops.linear_grad_input(scores, dense),
        ops.linear_grad_weight(flat, scores),
        ops.linear_grad_bias(scores),
        ops.relu(x),
        ops.softmax_cross_entropy(scores, np.arange(len(x)) % 10)[1],
    ]


@pytest.mark.usefixtures("threads_restored")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("x_shape", "w_shape", "settings"), SHAPES)
def test_threads_change_no_bit(core: str, x_shape, w_shape, settings, dtype) -> None:
    results = []
    for count in (1, 2, 4, 7, 2):
        ops.set_threads(count)
        results.append(everything(x_shape, w_shape, settings, dtype))
    for other in results[1:]:
        for index, (a, b) in enumerate(zip(results[0], other, strict=True)):
            assert np.array_equal(a, b), f"result {index}"
