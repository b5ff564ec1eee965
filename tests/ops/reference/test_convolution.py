"""The one matrix product, against the sum written out as loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from convscope import ops
from convscope.ops.reference.convolution import conv2d, stretch, unstretch, windows
from draws import ConvCase, conv_cases, drawn
from tolerance import assert_within, sum_bound


def direct_sum(x, weight, bias, stride, padding, dilation, groups):
    """y[n, o, i, j] = bias[o] + sum over c, u, v, term by term, as the docstring of conv2d says it."""
    (n, _, h, w), (c_out, per_group, kh, kw) = x.shape, weight.shape
    (top, bottom), (left, right) = padding
    oh = (h + top + bottom - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    ow = (w + left + right - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    y = np.zeros((n, c_out, oh, ow)) + (0 if bias is None else bias[:, None, None])
    for o, c, u, v in np.ndindex(c_out, per_group, kh, kw):
        channel = o // (c_out // groups) * per_group + c
        for i, j in np.ndindex(oh, ow):
            row, column = i * stride[0] + u * dilation[0] - top, j * stride[1] + v * dilation[1] - left
            if 0 <= row < h and 0 <= column < w:
                y[:, o, i, j] += x[:, channel, row, column] * weight[o, c, u, v]
    return y


@drawn(60)
@given(conv_cases().filter(lambda case: not isinstance(case.padding, str)))
def test_one_product_is_the_direct_sum(case: ConvCase) -> None:
    x, weight, bias, _ = case.arrays()
    x, weight, bias = (None if a is None else a.astype(np.float64) for a in (x, weight, bias))
    expected = direct_sum(x, weight, bias, **case.settings)
    size = direct_sum(*(None if a is None else np.abs(a) for a in (x, weight, bias)), **case.settings)
    assert_within(
        conv2d(x, weight, bias, **case.settings), expected, sum_bound(weight[0].size + 1, size, float)
    )


@drawn(100)
@given(conv_cases().filter(lambda case: not isinstance(case.padding, str)))
def test_unstretch_is_the_adjoint_of_stretch(case: ConvCase) -> None:
    """<stretch(x), p> = <x, unstretch(p)> for all x and p: one is the gradient of the other."""
    x, _, _, rng = case.arrays()
    x = x.astype(np.float64)
    options = {k: v for k, v in case.settings.items() if k != "groups"}
    patches = stretch(x, case.kernel, **options)
    p = rng.normal(size=patches.shape)
    left, right = np.vdot(patches, p), np.vdot(x, unstretch(p, x.shape, case.kernel, **options))
    magnitude = np.vdot(np.abs(patches), np.abs(p))
    assert abs(left - right) <= sum_bound(patches.size + 1, magnitude, float)


def test_shapes_of_alexnets_first_layer() -> None:
    patches = stretch(np.zeros((1, 3, 227, 227), np.float32), (11, 11), stride=(4, 4))
    assert patches.shape == (363, 3025)
    assert 3 * 11 * 11 == 363  # F*F*C; the text's A*B*C holds only for a filter as large as the image
    whole = stretch(np.zeros((1, 3, 8, 8)), (8, 8))
    assert whole.shape == (3 * 8 * 8, 1)


def test_how_often_each_value_is_duplicated() -> None:
    """As often as there are windows that hold it: the product of both axes' counts."""
    from convscope.geometry import conv_geometry

    x = np.ones((1, 1, 9, 8))
    counts = unstretch(stretch(x, (3, 2), stride=(2, 1)), x.shape, (3, 2), stride=(2, 1))[0, 0]
    rows, columns = conv_geometry(9, 3, stride=2).reads(), conv_geometry(8, 2).reads()
    assert np.array_equal(counts, np.outer(rows, columns))


def test_windows_copy_nothing() -> None:
    x = np.arange(30.0).reshape(1, 1, 5, 6)
    seen = windows(x, (3, 3), dilation=(2, 1))
    assert np.shares_memory(seen, x)
    assert seen.shape == (1, 1, 1, 4, 3, 3)
    with pytest.raises(ValueError, match="read-only"):
        seen[...] = 0


def test_the_volume_of_the_text_cell_by_cell() -> None:
    """V[i, j] = sum(X[2i:2i+5, 2j:2j+5, :] * W0) + b0 for an 11x11x4 input, F = 5, S = 2."""
    rng = np.random.default_rng(0)
    volume, filters, biases = rng.normal(size=(11, 11, 4)), rng.normal(size=(2, 5, 5, 4)), rng.normal(size=2)
    y = ops.conv2d(volume.transpose(2, 0, 1)[None], filters.transpose(0, 3, 1, 2), biases, stride=2)
    for d, i, j in np.ndindex(2, 4, 4):
        terms = volume[2 * i : 2 * i + 5, 2 * j : 2 * j + 5, :] * filters[d]
        bound = sum_bound(101, np.abs(terms).sum() + abs(biases[d]), float)
        assert_within(y[0, d, i, j], terms.sum() + biases[d], bound)
