"""Kernels as pictures, one colour scale for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from convscope.report.colour import limit_of, paint
from convscope.report.page import escape, figure
from convscope.report.picture import data_uri
from convscope.report.scale import colour_bar, numbers

__all__ = ["kernel_grid", "kernel_names", "kernel_pairs", "kernel_picture"]

Array = NDArray[Any]


def kernel_names(node: str, shape: tuple[int, ...]) -> list[str]:
    """Name the kernels of a weight of this shape: by filter, and by input channel where there are several.

    Examples
    --------
    >>> kernel_names("conv1", (2, 1, 3, 3)), kernel_names("conv2", (1, 2, 3, 3))
    (['conv1[0]', 'conv1[1]'], ['conv2[0] from 0', 'conv2[0] from 1'])
    """
    filters, depth = shape[:2]
    return [
        f"{node}[{o}]" + (f" from {i}" if depth > 1 else "") for o in range(filters) for i in range(depth)
    ]


def kernel_picture(kernel: Array, limit: float, alt: str, note: str = "") -> str:
    """Draw one (kH, kW) kernel with its numbers as alternative text, and a note (HTML) below it."""
    label = escape(f"{alt}: {numbers(kernel)}", quote=True)
    below = f'<span class="note">{note}</span>' if note else ""
    return f'<div><img class="pixels" src="{data_uri(paint(kernel, limit))}" alt="{label}">{below}</div>'


def kernel_grid(weight: Array, node: str, *, notes: Sequence[str] = (), caption: str = "") -> str:
    """Show every kernel of a weight (C_out, C_in, kH, kW).

    Parameters
    ----------
    weight : ndarray
    node : str
        The layer's name, which names the kernels.
    notes : sequence of str
        HTML below each kernel, such as a verdict; in the order of `kernel_names`.
    caption : str
        HTML before the sentence that says how the colours were scaled.
    """
    limit = limit_of(weight)
    kernels = weight.reshape(-1, *weight.shape[2:])
    items = []
    for i, (name, kernel) in enumerate(zip(kernel_names(node, weight.shape), kernels, strict=True)):
        picture = kernel_picture(kernel, limit, f"kernel {name}", notes[i] if notes else "")
        items.append(f'<li><h3>{escape(name)}</h3><div class="one">{picture}</div></li>')
    body = colour_bar(limit, f"the kernels of {node}") + f'<ul class="kernels">{"".join(items)}</ul>'
    return figure(body, f"{caption} {_scaling(limit)}".strip())


def kernel_pairs(
    before: Array,
    after: Array,
    node: str,
    *,
    notes_before: Sequence[str] = (),
    notes_after: Sequence[str] = (),
    caption: str = "",
) -> str:
    """Show every kernel before and after training side by side, all on one scale.

    Parameters
    ----------
    before, after : ndarray of shape (C_out, C_in, kH, kW)
    node : str
        The layer's name, which names the kernels.
    notes_before, notes_after : sequence of str
        HTML below each picture, such as a verdict; in the order of `kernel_names`.
    caption : str
        HTML before the sentence that says how the colours were scaled.
    """
    limit = limit_of(before, after)
    flat = [weight.reshape(-1, *weight.shape[2:]) for weight in (before, after)]
    items = []
    for i, name in enumerate(kernel_names(node, after.shape)):
        pair = "".join(
            kernel_picture(kernels[i], limit, f"kernel {name} {when}", _note(when, notes, i))
            for kernels, when, notes in zip(
                flat, ("before", "after"), (notes_before, notes_after), strict=True
            )
        )
        items.append(f'<li><h3>{escape(name)}</h3><div class="pair">{pair}</div></li>')
    body = colour_bar(limit, f"the kernels of {node}") + f'<ul class="kernels">{"".join(items)}</ul>'
    return figure(body, f"{caption} {_scaling(limit)}".strip())


def _note(when: str, notes: Sequence[str], index: int) -> str:
    return f"<b>{when}</b>" + (f"<br>{notes[index]}" if notes else "")


def _scaling(limit: float) -> str:
    return (
        f"One colour scale for all kernels: white is zero, the darkest orange +{limit:.3g}, "
        f"the darkest blue −{limit:.3g}, the largest weight shown."
    )
