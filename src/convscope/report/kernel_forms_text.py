"""Local kernels, composite kernels and the forms of a convolution as text and pictures."""

from __future__ import annotations

import math
from typing import Any

from convscope.explain import CompositeKernel, ConvolutionForms, LocalKernel
from convscope.report.colour import colour_map, limit_of
from convscope.report.drawing import draws
from convscope.report.picture import figure_and_axes
from convscope.report.text_table import aligned
from convscope.report.trace_text import decimals
from convscope.result import renders

__all__ = ["composite_text", "forms_text", "local_kernel_text", "plot_local_kernel"]


@renders("LocalKernel", "text")
def local_kernel_text(kernel: LocalKernel) -> str:
    """Say what linear filter a cell is at the image, and how well it reproduces the value."""
    (top, bottom), (left, right) = kernel.rectangle
    rows = [
        ("kernel times pixels", kernel.products),
        ("+ constant", kernel.constant),
        ("= value", kernel.value),
        ("the engine's", kernel.engine),
    ]
    lines = [
        f"{kernel.address} at this image is one linear filter of the pixels plus a constant",
        "",
        f"pixels that enter: rows {top} to {bottom}, columns {left} to {right}"
        if bottom >= top
        else "no pixel enters: every way down is shut",
        "",
        *(f"{name:19}  {decimals(value):>14}" for name, value in rows),
        "",
        f"The difference is {kernel.error:.1e} of the sum of all absolute terms, {kernel.magnitude:.6g}.",
    ]
    if kernel.bent:
        lines.append(
            f"{', '.join(kernel.bent)} bend: there the tangent stands in, so the filter holds to first order."
        )
    if kernel.verdict is not None:
        lines.append(f"The filter: {kernel.verdict.sentence}")
    return "\n".join(lines)


@draws("LocalKernel")
@renders("LocalKernel", "plot")
def plot_local_kernel(kernel: LocalKernel, ax: Any = None, channel: int | None = None) -> Any:
    """Draw the kernel, summed over the channels or of one; white is 0."""
    ax = figure_and_axes(ax, (4.2, 4.2))
    values = kernel.kernel.sum(axis=0) if channel is None else kernel.kernel[channel]
    limit = limit_of(values)
    drawn = ax.imshow(values, cmap=colour_map(), vmin=-limit, vmax=limit, interpolation="nearest")
    ax.figure.colorbar(drawn, ax=ax, fraction=0.046, pad=0.03, label="weight of the pixel")
    which = ", channels added up" if channel is None else f", channel {channel}"
    which = which if len(kernel.kernel) > 1 else ""
    ax.set_title(f"{kernel.address}\none filter of the pixels{which}; white is 0", size=8, loc="left")
    ax.set_xlabel("column, pixels")
    ax.set_ylabel("row, pixels")
    return ax


@renders("CompositeKernel", "text")
def composite_text(kernel: CompositeKernel) -> str:
    """Say what the composed convolution is."""
    filters, depth, height, width = kernel.weight.shape
    return (
        f"{' + '.join(kernel.through)}, reading {kernel.source}, are one convolution: {filters} filters of "
        f"{depth}x{height}x{width}, stride {kernel.stride[0]}x{kernel.stride[1]}, "
        f"{kernel.padding[0]}x{kernel.padding[1]} padding before."
    )


@renders("ConvolutionForms", "text")
def forms_text(forms: ConvolutionForms) -> str:
    """Set the forms beside each other: what each costs, and that all give the same."""
    rows = [
        [
            form.name,
            f"{form.parameters:,}",
            f"{form.multiply_adds:,}",
            f"{form.bytes:,}",
            "too large" if math.isnan(form.difference) else f"{form.difference:.1e}",
        ]
        for form in forms.forms
    ]
    head = ["form", "parameters", "multiply-adds", "bytes", "difference"]
    cells, inputs = forms.dense_shape
    dense = (
        f"As a dense layer of {inputs:,} inputs and {cells:,} outputs it has {cells * inputs:,} connections"
    )
    cut = f"all but {forms.connections:,} are cut, and those share {forms.distinct:,} different weights."
    return "\n".join(
        [
            f"{forms.node}, one convolution in {len(rows)} forms",
            "",
            *aligned(head, rows),
            "",
            f"{dense};\n{cut}",
            f"Rounding in the engine may make a difference of {forms.bound:.1e}.",
        ]
    )
