"""Winograd's algorithm: as near to the direct one as promised, chosen by the rule, equal for any threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convscope import ops
from convscope.errors import InvalidValue
from convscope.ops.algorithms import choose, tile_size
from draws import drawn

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
PROMISED = {F32: 2e-5, F64: 2e-5 * 2.0**-29}  # of the largest value; doubles have 29 bits more


def directions(x, w, grad, padding, algorithm) -> list[np.ndarray]:
    """Forward, input gradient, weight gradient."""
    return [
        ops.conv2d(x, w, padding=padding, algorithm=algorithm),
        ops.conv2d_grad_input(grad, w, x.shape, padding=padding, algorithm=algorithm),
        ops.conv2d_grad_weight(x, grad, 3, padding=padding, algorithm=algorithm),
    ]


def arrays(n: int, c: int, h: int, w: int, k: int, padding, dtype=F32) -> tuple[np.ndarray, ...]:
    """x, weight and the output's gradient."""
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(n, c, h, w)).astype(dtype), rng.normal(size=(k, c, 3, 3)).astype(dtype)
    (top, bottom), (left, right) = padding
    return x, weight, rng.normal(size=(n, k, h + top + bottom - 2, w + left + right - 2)).astype(dtype)


def compare(n: int, c: int, h: int, w: int, k: int, padding, dtype=F32) -> None:
    x, weight, grad = arrays(n, c, h, w, k, padding, dtype)
    exact = directions(*(a.astype(np.float64) for a in (x, weight, grad)), padding, "direct")
    for found, expected in zip(directions(x, weight, grad, padding, "winograd"), exact, strict=True):
        assert found.dtype == dtype
        assert np.abs(found - expected).max() <= PROMISED[dtype] * np.abs(expected).max()


@st.composite
def cases(draw: st.DrawFn) -> tuple:
    """Sizes around those of tiles and vectors, any padding."""
    sides = st.tuples(st.integers(0, 3), st.integers(0, 3))
    padding = draw(sides), draw(sides)
    h, w = (draw(st.integers(max(1, 3 - sum(p)), 14)) for p in padding)
    channels = st.one_of(st.integers(1, 20), st.sampled_from([31, 32, 33, 64, 257]))
    return draw(st.integers(1, 3)), draw(channels), h, w, draw(channels), padding


def test_is_as_exact_as_promised_on_drawn_sizes(core: str) -> None:
    drawn(60)(given(cases(), st.sampled_from([F32, F64]))(lambda case, dtype: compare(*case, dtype=dtype)))()


@pytest.mark.parametrize("size", [2, 7, 14, 29])
@pytest.mark.parametrize("channels", [64, 512])
def test_is_as_exact_as_promised_on_layers_of_networks(size: int, channels: int) -> None:
    compare(2, channels, size, size, 48, ((1, 1), (1, 1)))


def test_an_empty_batch(core: str) -> None:
    y, dx, dw = directions(*arrays(0, 16, 8, 8, 16, ((1, 1), (1, 1))), 1, "winograd")
    assert y.shape == dx.shape == (0, 16, 8, 8)
    assert np.array_equal(dw, np.zeros((16, 16, 3, 3)))


@pytest.mark.parametrize("shape", [(1, 16, 30, 33, 48), (5, 40, 7, 7, 70), (64, 16, 4, 6, 16)])
def test_any_number_of_threads_gives_the_same_bits(shape: tuple, threads_restored: None) -> None:
    case = *arrays(*shape, ((1, 1), (1, 1))), 1, "winograd"
    packed = ops.PackedConv2d(case[1], padding=1, algorithm="winograd", activation="relu")
    ops.set_threads(1)
    alone = [*directions(*case), packed(case[0])]
    for threads in (2, 3, 8):
        ops.set_threads(threads)
        together = [*directions(*case), packed(case[0])]
        assert all(a.tobytes() == b.tobytes() for a, b in zip(alone, together, strict=True))


def test_packed_with_bias_addition_and_activation(core: str) -> None:
    rng = np.random.default_rng(0)
    x, weight, _ = arrays(3, 16, 13, 10, 40, ((1, 1), (1, 1)))
    bias, add = (rng.normal(size=s).astype(np.float32) for s in (40, (3, 40, 13, 10)))
    packed = ops.PackedConv2d(weight, bias, padding=1, activation=("clip", -2, 3), algorithm="winograd")
    exact = ops.conv2d(*(a.astype(float) for a in (x, weight, bias)), padding=1, algorithm="direct") + add
    error = np.abs(packed(x, add=add) - np.clip(exact, -2, 3)).max()
    assert error <= PROMISED[F32] * np.abs(exact).max()


@pytest.mark.parametrize(("settings", "why"), [
    ({"stride": 2}, "stride must be 1, not 2"),
    ({"stride": (1, 2)}, r"stride must be 1, not \(1, 2\)"),
    ({"dilation": 2}, "dilation must be 1, not 2"),
    ({"groups": 2}, "groups must be 1, not 2"),
    ({"kernel": 5}, "the kernel must be 3x3, not 5x5"),
])  # fmt: skip
def test_refuses_what_it_cannot_compute(core: str, settings: dict, why: str) -> None:
    settings = dict(settings)
    kernel = settings.pop("kernel", 3)
    x = np.zeros((1, 4, 12, 12), np.float32)
    w = np.zeros((4, 4 // settings.get("groups", 1), kernel, kernel), np.float32)
    grad = ops.conv2d(x, w, **settings)
    settings |= {"algorithm": "winograd"}
    for call in (
        lambda: ops.conv2d(x, w, **settings),
        lambda: ops.conv2d_grad_input(grad, w, x.shape, **settings),
        lambda: ops.conv2d_grad_weight(x, grad, kernel, **settings),
        lambda: ops.PackedConv2d(w, **settings),
    ):
        with pytest.raises(InvalidValue, match=f"algorithm='winograd' cannot compute this: {why}"):
            call()


def test_the_rule() -> None:
    plain = ((3, 3), (1, 1), (1, 1), 1)  # kernel, stride, dilation, groups
    assert choose("auto", 8, (14, 14), (64, 64), *plain, F32) == 4
    assert choose("auto", 8, (6, 6), (64, 64), *plain, F32) == 2
    assert choose("direct", 8, (14, 14), (64, 64), *plain, F32) == 0
    assert choose("auto", 8, (14, 14), (64, 64), *plain, F64) == 0
    assert choose("winograd", 1, (14, 14), (1, 1), *plain, F64) == 4
    assert choose("auto", 8, (14, 14), (15, 64), *plain, F32) == 0
    assert choose("auto", 8, (14, 14), (64, 15), *plain, F32) == 0
    assert choose("auto", 1, (7, 7), (64, 64), *plain, F32) == 4
    assert choose("auto", 1, (7, 7), (64, 64), *plain, F32, gradient=True) == 0  # 4 tiles
    assert choose("auto", 2, (7, 7), (64, 64), *plain, F32, gradient=True) == 4  # 8
    for other in (((3, 1), (1, 1), (1, 1), 1), ((3, 3), (2, 2), (1, 1), 1), ((3, 3), (1, 1), (2, 2), 1)):
        assert choose("auto", 8, (14, 14), (64, 64), *other, F32) == 0
    assert choose("auto", 8, (14, 14), (64, 64), (3, 3), (1, 1), (1, 1), 2, F32) == 0


def test_a_tile_takes_the_fewest_products() -> None:
    for size in range(1, 40):
        taken = {m: (-(-size // m) * (m + 2)) ** 2 for m in (2, 4)}
        assert taken[tile_size(size, size)] == min(taken.values())


def test_auto_is_what_the_rule_says() -> None:
    x, weight, grad = arrays(4, 16, 14, 14, 16, ((1, 1), (1, 1)))
    for a, b in zip(
        directions(x, weight, grad, 1, "auto"), directions(x, weight, grad, 1, "winograd"), strict=True
    ):
        assert np.array_equal(a, b)
    x, weight, grad = arrays(4, 15, 14, 14, 16, ((1, 1), (1, 1)))
    for a, b in zip(
        directions(x, weight, grad, 1, "auto"), directions(x, weight, grad, 1, "direct"), strict=True
    ):
        assert np.array_equal(a, b)
