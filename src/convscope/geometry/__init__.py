"""Sizes, padding and receptive fields: the one place for this arithmetic.

Everything here is whole numbers and text, for one axis at a time; height and
width are two calls. The vocabulary is PyTorch's: `stride` and `dilation` are
in pixels, `padding` is in pixels added before and after.

    output = (size + before + after - span) / stride + 1,    span = dilation*(kernel - 1) + 1

which is (W - F + 2P)/S + 1 for equal padding and no dilation.
"""

from convscope.geometry.axis import AxisGeometry, conv_geometry
from convscope.geometry.fits import Fit, nearest_fits
from convscope.geometry.padding import Padding, keeping_padding, resolve_padding, same_padding
from convscope.geometry.receptive import Reach, ReceptiveField, Window, receptive_field
from convscope.geometry.size import (
    conv_output_size,
    conv_transpose_output_size,
    kernel_span,
    pool_output_size,
)

__all__ = [
    "AxisGeometry",
    "Fit",
    "Padding",
    "Reach",
    "ReceptiveField",
    "Window",
    "conv_geometry",
    "conv_output_size",
    "conv_transpose_output_size",
    "keeping_padding",
    "kernel_span",
    "nearest_fits",
    "pool_output_size",
    "receptive_field",
    "resolve_padding",
    "same_padding",
]
