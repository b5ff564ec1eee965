"""Where windows lie, what they leave out, and how that is said."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convscope.errors import InvalidValue
from convscope.geometry import conv_geometry, conv_output_size, conv_transpose_output_size, kernel_span
from draws import drawn

LEFT_OUT = (
    "Leaving out a window behind the image drops 7 positions at the end: "
    "pixels 0 to 5 of the image and 1 of the padding."
)

sizes, kernels, steps = st.integers(1, 30), st.integers(1, 6), st.integers(1, 5)
paddings = st.tuples(st.integers(0, 5), st.integers(0, 5))


@drawn(400)
@given(sizes, kernels, steps, paddings, st.integers(1, 3), st.booleans())
def test_windows_cover_the_axis_but_for_what_is_dropped(
    size, kernel, stride, padding, dilation, ceil
) -> None:
    if size + sum(padding) < kernel_span(kernel, dilation):
        return
    options = {"stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil}
    g = conv_geometry(size, kernel, **options)
    assert g.output == len(g.starts) == conv_output_size(size, kernel, **options)
    end = g.starts[-1] + g.span  # one behind the last tap
    assert end + g.dropped - g.overhang == size + padding[1]
    assert g.dropped == 0 or g.overhang == 0
    assert g.exact == (not g.fits)
    if g.exact:
        assert g.overhang == 0
        assert g.dropped == 0 or (ceil and g.starts[-1] + stride >= size)
    assert all(pixel >= end for pixel in g.dropped_pixels)
    assert set(g.dropped_pixels) == set(range(max(0, end), size))
    assert set(g.dropped_pixels) <= set(g.unread())


@drawn(200)
@given(sizes, kernels, steps, paddings, st.integers(1, 3))
def test_reads_are_the_gradient_of_a_sum_under_ones(size, kernel, stride, padding, dilation) -> None:
    """A kernel of ones: the derivative of the summed output by a pixel is how often it is read."""
    if size + sum(padding) < kernel_span(kernel, dilation):
        return
    x = torch.zeros(1, 1, size, requires_grad=True)
    padded = torch.nn.functional.pad(x, padding)
    torch.nn.functional.conv1d(
        padded, torch.ones(1, 1, kernel), stride=stride, dilation=dilation
    ).sum().backward()
    g = conv_geometry(size, kernel, stride=stride, padding=padding, dilation=dilation)
    assert g.reads() == tuple(x.grad[0, 0].int().tolist())


@drawn(200)
@given(sizes, kernels, steps, st.integers(0, 3), st.integers(1, 3))
def test_transposed_windows_are_where_pytorch_writes(size, kernel, stride, padding, dilation) -> None:
    if (size - 1) * stride + kernel_span(kernel, dilation) - 2 * padding < 1:
        return
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    g = conv_geometry(size, kernel, transposed=True, **options)
    y = torch.nn.functional.conv_transpose1d(torch.ones(1, 1, size), torch.ones(1, 1, kernel), **options)
    assert g.output == conv_transpose_output_size(size, kernel, **options)
    assert g.reads() == tuple(y[0, 0].int().tolist())
    assert (g.exact, g.dropped, g.fits) == (True, 0, ())


@pytest.mark.parametrize(("arguments", "options", "formula"), [
    ((227, 11), {"stride": 4}, "(227 - 11 + 2*0)/4 + 1 = 55"),
    ((224, 7), {"stride": 2, "padding": 3}, "(224 - 7 + 2*3)/2 + 1 = 112.5, floored to 112"),
    ((5, 2), {"stride": 2, "ceil_mode": True}, "(5 - 2 + 2*0)/2 + 1 = 2.5, ceiled to 3"),
    ((8, 4), {"padding": "same"}, "(8 - 4 + 1 + 2)/1 + 1 = 8"),
    ((9, 3), {"dilation": 2}, "(9 - (2*(3 - 1) + 1) + 2*0)/1 + 1 = 5"),
    ((4, 3), {"stride": 2, "padding": 1, "transposed": True}, "(4 - 1)*2 - 2*1 + 3 = 7"),
    ((4, 3), {"stride": 2, "padding": (0, 1), "transposed": True, "output_padding": 1},
     "(4 - 1)*2 - 0 - 1 + 3 + 1 = 9"),
    ((4, 1), {"padding": 1, "ceil_mode": True},
     "(4 - 1 + 2*1)/1 + 1 = 6, less a last window that would start behind the image: 5"),
    ((4, 3), {"dilation": 2, "transposed": True}, "(4 - 1)*1 - 2*0 + (2*(3 - 1) + 1) = 8"),
])  # fmt: skip
def test_the_formula_has_the_numbers(arguments, options, formula) -> None:
    g = conv_geometry(*arguments, **options)
    assert g.formula == formula
    text, _, rest = g.formula.partition(" = ")
    assert eval(text) == float(rest.partition(",")[0])


@pytest.mark.parametrize(("arguments", "options", "sentence"), [
    ((227, 11), {"stride": 4}, "The last window ends with the padded input; nothing is dropped."),
    ((224, 7), {"stride": 2, "padding": 3},
     "The floor drops 1 position at the end: padding only, no pixel of the image."),
    ((12, 3), {"stride": 5}, "The floor drops 4 positions at the end: pixels 8 to 11 of the image."),
    ((10, 3), {"stride": 2}, "The floor drops 1 position at the end: pixel 9 of the image."),
    ((11, 3), {"stride": 5, "padding": (0, 1)},
     "The floor drops 4 positions at the end: pixels 8 to 10 of the image and 1 of the padding."),
    ((5, 2), {"stride": 2, "ceil_mode": True},
     "The ceiling adds a window that reaches 1 position beyond the padded input."),
    ((6, 1), {"stride": 7, "padding": 1, "ceil_mode": True},
     LEFT_OUT),
    ((4, 3), {"stride": 2, "padding": 1, "transposed": True},
     "Each input pixel is written to 3 positions; 2 positions at the ends are cut away."),
])  # fmt: skip
def test_what_is_left_out_is_said(arguments, options, sentence) -> None:
    assert conv_geometry(*arguments, **options).explanation() == sentence


def test_the_slices_of_the_volume_of_the_text() -> None:
    """V[0] reads X[:5], V[1] X[2:7], V[2] X[4:9], V[3] X[6:11]."""
    g = conv_geometry(11, 5, stride=2, exact=True)
    pixels = np.arange(11)
    for index, part in enumerate((slice(5), slice(2, 7), slice(4, 9), slice(6, 11))):
        assert list(g.taps(index)) == pixels[part].tolist()
    assert g.output == 4


def test_it_is_frozen_and_plain() -> None:
    g = conv_geometry(10, 3, stride=2, padding=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        g.size = 3  # type: ignore[misc]
    assert dataclasses.asdict(g)["padding"] == (1, 1)


def test_settings_of_the_other_kind_are_refused() -> None:
    with pytest.raises(
        InvalidValue, match=r"output_padding must be 0 unless .* transposed; got output_padding=1"
    ):
        conv_geometry(10, 3, stride=2, output_padding=1)
    with pytest.raises(InvalidValue, match="ceil_mode must be off for a transposed convolution"):
        conv_geometry(10, 3, stride=2, transposed=True, ceil_mode=True)
