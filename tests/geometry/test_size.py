"""Output sizes against counting windows one by one, and against PyTorch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convscope.errors import DtypeError, InvalidValue
from convscope.geometry import (
    conv_output_size,
    conv_transpose_output_size,
    keeping_padding,
    kernel_span,
    pool_output_size,
    resolve_padding,
    same_padding,
)
from draws import drawn

sizes, kernels, steps = st.integers(1, 40), st.integers(1, 7), st.integers(1, 5)
paddings = st.tuples(st.integers(0, 6), st.integers(0, 6))


def count_windows(size: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int) -> int:
    """Slide a kernel along a padded axis and count the places where all of it fits."""
    places, start = 0, -padding[0]
    while start + (kernel - 1) * dilation < size + padding[1]:
        places, start = places + 1, start + stride
    return places


@drawn(500)
@given(sizes, kernels, steps, paddings, steps)
def test_size_counts_the_windows(size, kernel, stride, padding, dilation) -> None:
    expected = count_windows(size, kernel, stride, padding, dilation)
    if expected == 0:
        with pytest.raises(InvalidValue, match="must not be larger than the padded input"):
            conv_output_size(size, kernel, stride=stride, padding=padding, dilation=dilation)
        return
    assert conv_output_size(size, kernel, stride=stride, padding=padding, dilation=dilation) == expected


@drawn(500)
@given(sizes, kernels, steps, st.integers(0, 3), st.integers(1, 3), st.booleans())
def test_pooling_sizes_are_those_of_pytorch(size, kernel, stride, padding, dilation, ceil_mode) -> None:
    padding = min(padding, kernel // 2)
    if size + 2 * padding < kernel_span(kernel, dilation):
        return
    x = torch.zeros(1, 1, size)
    expected = torch.nn.functional.max_pool1d(x, kernel, stride, padding, dilation, ceil_mode).shape[2]
    options = {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    assert pool_output_size(size, kernel, **options) == expected


@drawn(500)
@given(sizes, kernels, steps, st.integers(0, 6), st.integers(1, 3), st.integers(0, 4))
def test_transposed_sizes_are_those_of_pytorch(size, kernel, stride, padding, dilation, extra) -> None:
    options = {"stride": stride, "padding": padding, "output_padding": extra, "dilation": dilation}
    try:
        ours = conv_transpose_output_size(size, kernel, **options)
    except InvalidValue:
        with pytest.raises(RuntimeError):
            torch.nn.functional.conv_transpose1d(
                torch.zeros(1, 1, size), torch.zeros(1, 1, kernel), **options
            )
        return
    y = torch.nn.functional.conv_transpose1d(torch.zeros(1, 1, size), torch.zeros(1, 1, kernel), **options)
    assert ours == y.shape[2]


@drawn(300)
@given(sizes, kernels, steps, paddings, st.integers(1, 3))
def test_a_transposed_convolution_goes_back_to_the_size(size, kernel, stride, padding, dilation) -> None:
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    if count_windows(size, kernel, stride, padding, dilation) == 0:
        return
    outputs = conv_output_size(size, kernel, **options)
    dropped = (size + sum(padding) - kernel_span(kernel, dilation)) % stride
    back = conv_transpose_output_size(outputs, kernel, output_padding=dropped, **options)
    assert back == size


@drawn(300)
@given(sizes, kernels, steps, st.integers(1, 3))
def test_same_padding_gives_the_size_over_the_stride(size, kernel, stride, dilation) -> None:
    before, after = same_padding(size, kernel, stride, dilation)
    assert after - before in (0, 1)
    assert resolve_padding("same_lower", size, kernel, stride, dilation) == (after, before)
    for padding in ("same", "same_lower", (before, after)):
        options = {"stride": stride, "padding": padding, "dilation": dilation}
        assert conv_output_size(size, kernel, **options) == -(-size // stride)
    options = {"stride": stride, "dilation": dilation, "padding": "same"}
    if kernel_span(kernel, dilation) >= stride:
        assert conv_transpose_output_size(size, kernel, **options) == size * stride


@drawn(300)
@given(sizes, kernels, steps, st.integers(1, 3))
def test_keeping_padding_keeps_the_size_for_any_stride(size, kernel, stride, dilation) -> None:
    padding = keeping_padding(size, kernel, stride, dilation)
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    assert conv_output_size(size, kernel, exact=True, **options) == size
    assert padding[1] - padding[0] == sum(padding) % 2


def test_an_even_kernel_needs_one_side_more() -> None:
    assert [same_padding(10, f) for f in (1, 2, 3, 4, 5)] == [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2)]


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_the_texts_padding_keeps_size_over_stride(stride: int) -> None:
    """P = (F - S)/2 gives W/S, and W only for S = 1."""
    for kernel in range(stride, 9):
        if (kernel - stride) % 2 == 0:
            padding = (kernel - stride) // 2
            assert conv_output_size(32, kernel, stride=stride, padding=padding, exact=True) == 32 // stride


@pytest.mark.parametrize(("arguments", "options", "message"), [
    ((10, 3), {"stride": 2, "exact": True}, "4.5 is not whole; what fits: stride 1, stride 7, padding"),
    ((3, 7), {"padding": 1}, r"kernel 7 must not be larger .* 5 pixels .*; what fits: kernel 5, padding 2\."),
    ((3, 3), {"dilation": 3}, r"kernel 3 with dilation 3 spans 7 pixels .*: kernel 1, padding 2\."),
    ((0, 3), {}, "size must be at least 1; got size=0"),
    ((5, 0), {}, "kernel must be at least 1"),
    ((5, 3), {"stride": 0}, "stride must be at least 1"),
    ((5, 3), {"dilation": 0}, "dilation must be at least 1"),
    ((5, 3), {"padding": (1, -1)}, "padding must be at least 0; got padding=-1"),
    ((5, 3), {"padding": (1, 1, 1)}, r"padding must be one number or \(before, after\)"),
    ((5, 3), {"padding": "full"}, "got 'full'"),
])  # fmt: skip
def test_what_cannot_work_is_one_clear_error(arguments, options, message) -> None:
    with pytest.raises(InvalidValue, match=message) as caught:
        conv_output_size(*arguments, **options)
    assert "\n" not in str(caught.value)


def test_what_the_error_names_does_fit() -> None:
    assert conv_output_size(3, 5, padding=1) == 1
    assert conv_output_size(3, 7, padding=2) == 1
    assert conv_output_size(3, 1, dilation=3) == 3
    assert conv_output_size(3, 3, dilation=3, padding=2) == 1


def test_settings_are_whole_numbers() -> None:
    with pytest.raises(DtypeError, match=r"stride must be a whole number; got 1\.5"):
        conv_output_size(5, 3, stride=1.5)
    with pytest.raises(DtypeError, match="size must be a whole number; got True"):
        conv_output_size(True, 1)


@pytest.mark.parametrize(("options", "message"), [
    ({"output_padding": 2, "stride": 2}, "output_padding must be less than the stride or the dilation"),
    ({"padding": 4}, r"must leave at least one pixel of 6; got padding=\(4, 4\)"),
    ({"padding": "same", "stride": 5}, "spans the stride, 5; got kernel 3; output_padding=2"),
])  # fmt: skip
def test_what_a_transposed_convolution_refuses(options, message) -> None:
    with pytest.raises(InvalidValue, match=message):
        conv_transpose_output_size(4, 3, **options)


def test_the_output_padding_that_the_error_names_fits() -> None:
    assert conv_transpose_output_size(4, 3, padding="same", stride=5, output_padding=2) == 20
