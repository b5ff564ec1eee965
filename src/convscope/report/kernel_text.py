"""Kernel tables as text, each filter with a small picture made of blocks."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.explain import KernelTables, SeenFromImage
from convscope.kernels import KernelTable, Layer
from convscope.report.kernel_words import family_counts, kernel_pixels, title
from convscope.report.text_table import aligned
from convscope.result import renders

__all__ = ["block_picture", "kernel_lines", "layer_lines", "tables_text"]

_LARGEST = 14  # cells of a picture along one side; larger kernels are sampled
_SHADES = " ░▒▓█"
_BELOW = " .-+#"


@renders("KernelTable", "text")
def table_text(table: KernelTable) -> str:
    """Show the layer, then the first filters, without colours."""
    return "\n".join(kernel_lines(table))


@renders("KernelTables", "text")
def tables_text(tables: KernelTables) -> str:
    """Show one line for each layer."""
    rows = []
    for name, table in tables.items():
        found = ", ".join(f.name for f in table.layer.findings if f.found)
        shape = "x".join(str(n) for n in table.weight.shape)
        rows.append((name, shape, found or "-", family_counts(table.counts)))
    lines = aligned(("layer", "filters", "findings", "families"), rows, words=range(4))
    lines += [f"{name}: left out, {why}" for name, why in tables.left_out.items()]
    return "\n".join(lines)


@renders("SeenFromImage", "text")
def seen_text(seen: SeenFromImage) -> str:
    """Say what was assumed, then show the table."""
    assumed = "; ".join(seen.assumptions) or "nothing: the layers up to it are linear"
    return f"Assumed: {assumed}.\n{table_text(seen.table)}"


@renders("Layer", "text")
def layer_text(layer: Layer) -> str:
    """Show the measures and findings of a layer."""
    return "\n".join(layer_lines(layer))


def kernel_lines(
    table: KernelTable, *, most: int = 64, columns: int = 100, colour: bool = False
) -> list[str]:
    """Give the lines of a layer's table.

    Parameters
    ----------
    table : KernelTable
    most : int
        Filters shown; the rest are counted.
    columns : int
        Width of a line.
    colour : bool
        Colours as escape sequences of a terminal; else pictures in shades: blocks above zero,
        signs below.
    """
    filters, depth, height, width = table.weight.shape
    order = f" ({table.channels})" if table.channels else ""
    name = f"{table.node}: " if table.node else ""
    many = "s" * (filters > 1)
    size = f"{filters} filter{many} of {height}x{width} over {depth} channel{'s' * (depth > 1)}{order}"
    lines = [f"{name}{size}, stride {table.stride}"]
    lines += [*textwrap.wrap(family_counts(table.counts), columns), ""]
    for index, v in enumerate(table[:most]):
        pixels = kernel_pixels(table, index, v.pattern) if colour else None
        picture, wide = block_picture(v.pattern, pixels)
        sentence = v.sentence.replace(" %", "\u00a0%")  # a number stays with its sign
        wrapped = textwrap.wrap(sentence, max(30, columns - wide - 2))
        words = [f"[{index}] {title(v)}", *(line.replace("\u00a0", " ") for line in wrapped)]
        rows = max(len(picture), len(words))
        picture += [" " * wide] * (rows - len(picture))
        words += [""] * (rows - len(words))
        lines += [f"{left}  {right}".rstrip() for left, right in zip(picture, words, strict=True)]
        lines.append("")
    if filters > most:
        lines += [
            f"and {filters - most} more: save them as .csv or .json, or look at a sheet (.png, .pdf)",
            "",
        ]
    if not colour and filters:
        lines += ["Pictures: ░▒▓█ above zero, .-+# below, each by its own largest weight.", ""]
    return lines + layer_lines(table.layer)


def layer_lines(layer: Layer) -> list[str]:
    """Give the findings of a layer, those on the wrong side of their threshold first."""
    lines = []
    for finding in sorted(layer.findings, key=lambda f: not f.found):
        mark = "!" if finding.found else " "
        lines.append(f"{mark} {finding.name}: {finding.text} (threshold {finding.threshold:.3g})")
        if finding.found:
            lines += [f"    {finding.advice}", f"    {finding.source}"]
    if layer.orthogonality is not None:
        lines.append(f"  orthogonality {layer.orthogonality:.3f} (1: all filters at right angles)")
    return lines


def block_picture(pattern: NDArray[Any], pixels: NDArray[np.uint8] | None = None) -> tuple[list[str], int]:
    """Draw a kernel with block characters; give its lines and their width.

    Parameters
    ----------
    pattern : ndarray of shape (kH, kW)
    pixels : ndarray of shape (kH, kW, 3), uint8, optional
        Its colours: then two rows share a line of half blocks with escape sequences.

    Examples
    --------
    >>> block_picture(np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]))[0]
    ['--  ▒▒', '##  ██', '--  ▒▒']
    """
    if pixels is None:
        sampled = _sampled(pattern)
        limit = float(np.abs(sampled).max()) or 1.0
        steps = np.rint(np.abs(sampled) / limit * 4).astype(int)
        lines = [
            "".join(
                (_SHADES if value >= 0 else _BELOW)[step] * 2 for value, step in zip(row, levels, strict=True)
            )
            for row, levels in zip(sampled, steps, strict=True)
        ]
        return lines, 2 * sampled.shape[1]
    painted = _sampled(pixels)
    lines = []
    for top in range(0, len(painted), 2):
        below = painted[top + 1] if top + 1 < len(painted) else None
        cells = [
            _half(above, None if below is None else below[i]) for i, above in enumerate(painted[top].tolist())
        ]
        lines.append("".join(cells) + "\x1b[0m")
    return lines, painted.shape[1]


def _half(above: list[int], below: NDArray[np.uint8] | None) -> str:
    upper = f"\x1b[38;2;{above[0]};{above[1]};{above[2]}m"
    if below is None:
        return f"{upper}\x1b[49m▀"
    red, green, blue = below.tolist()
    return f"{upper}\x1b[48;2;{red};{green};{blue}m▀"


def _sampled(cells: NDArray[Any]) -> NDArray[Any]:
    """Take every so many cells of what is too large for a line of text."""
    step = -(-max(cells.shape[:2]) // _LARGEST)
    return cells[step // 2 :: step, step // 2 :: step]
