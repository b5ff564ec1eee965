"""The sheet of a layer's kernels: each kernel, its frequency response, its verdict."""

from __future__ import annotations

import textwrap
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.files import atomic_path
from convscope.kernels import KernelTable, Verdict, power_spectrum
from convscope.report.kernel_words import family_counts, kernel_pixels, pixel_rule, short_facts, title
from convscope.result import renders

__all__ = ["PER_PAGE", "POWER_COLOURS", "power_levels", "power_pixels", "sheet_pages"]

Array = NDArray[Any]

PER_PAGE = 96
_COLUMNS = 6
_PICTURE = 100  # pixels of each of the two pictures
_CELL = (240, 212)
_MARGIN, _TOP, _LINE = 24, 136, 17
_INK, _MUTED, _RULE = (29, 31, 36), (90, 97, 109), (217, 215, 209)
# one hue from white to nearly black: power has no sign
_POWER = np.array([(255, 255, 255), (189, 215, 231), (66, 146, 198), (8, 69, 148), (3, 19, 43)], float)
# 32 steps of it: finer ones cannot be told apart and make files larger
POWER_COLOURS = np.stack(
    [np.interp(np.linspace(0, 4, 32), np.arange(5), _POWER[:, c]).round().astype(np.uint8) for c in range(3)],
    axis=1,
)


@renders("KernelTable", "png")
def save_sheet(table: KernelTable, path: Path) -> None:
    """Write the sheet as PNG: the first page, which says how many filters there are."""
    with atomic_path(path) as temporary:
        sheet_page(table, 0).save(temporary, format="png", optimize=True)


@renders("KernelTable", "pdf")
def save_sheets(table: KernelTable, path: Path) -> None:
    """Write all pages of the sheet as PDF."""
    first, *others = sheet_pages(table)
    with atomic_path(path) as temporary:
        first.save(temporary, format="pdf", save_all=True, append_images=others, resolution=120)


def sheet_pages(table: KernelTable) -> list[Any]:
    """Draw every page, as PIL images."""
    return [sheet_page(table, page) for page in range(max(1, -(-len(table) // PER_PAGE)))]


def sheet_page(table: KernelTable, page: int) -> Any:
    """Draw one page as a PIL image; its size is bounded, whatever the number of filters."""
    from PIL import Image, ImageDraw

    first = page * PER_PAGE
    indices = range(first, min(first + PER_PAGE, len(table)))
    rows = max(1, -(-len(indices) // _COLUMNS))
    size = (2 * _MARGIN + _COLUMNS * _CELL[0], _TOP + rows * _CELL[1] + _MARGIN)
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    _heading(draw, table, indices)
    for place, index in enumerate(indices):
        row, column = divmod(place, _COLUMNS)
        corner = (_MARGIN + column * _CELL[0], _TOP + row * _CELL[1])
        _cell(image, draw, table, index, table[index], corner)
    return image


def _heading(draw: Any, table: KernelTable, indices: range) -> None:
    filters, depth, height, width = table.weight.shape
    some = "" if len(indices) == filters else f", filters {indices.start} to {indices.stop - 1} on this page"
    name = table.node or "kernels"
    draw.text((_MARGIN, 18), name, font=_font(22, bold=True), fill=_INK)
    order = f" ({table.channels})" if table.channels else ""
    facts = (
        f"{filters} filters of {height} x {width} over {depth} channel{'s' * (depth > 1)}{order}, "
        f"stride {table.stride}{some}: {family_counts(table.counts)}"
    )
    rule = (
        f"Left: {pixel_rule(table)}. Right: power of the judged pattern at each frequency, zero in the "
        "middle, 0.5 cycles per pixel at the edges, white none, dark the kernel's largest. Angles: direction "
        "of the stripes, 0° horizontal, counter-clockwise. Per cents: how likely the family is right."
    )
    y = 50
    for text, ink in ((facts, _INK), (rule, _MUTED)):
        for line in textwrap.wrap(text, 185)[:3]:
            draw.text((_MARGIN, y), line, font=_font(13), fill=ink)
            y += _LINE


def _cell(image: Any, draw: Any, table: KernelTable, index: int, v: Verdict, corner: tuple[int, int]) -> None:
    x, y = corner
    for offset, pixels in ((0, kernel_pixels(table, index, v.pattern)), (_PICTURE + 10, power_pixels(v))):
        image.paste(_enlarged(pixels), (x + offset, y))
        draw.rectangle((x + offset - 1, y - 1, x + offset + _PICTURE, y + _PICTURE), outline=_RULE)
    y += _PICTURE + 5
    draw.text((x, y), _fit(draw, f"[{index}] {title(v)}", 14, True), font=_font(14, bold=True), fill=_INK)
    for i, line in enumerate(short_facts(v)[:4]):
        draw.text((x, y + 19 + 17 * i), _fit(draw, line, 13, False), font=_font(13), fill=_MUTED)


def power_pixels(v: Verdict) -> NDArray[np.uint8]:
    """Paint the power spectrum of the judged pattern, (32, 32, 3)."""
    return POWER_COLOURS[power_levels(v)]


def power_levels(v: Verdict) -> NDArray[np.uint8]:
    """Give the power spectrum of the judged pattern as positions in `POWER_COLOURS`, (32, 32)."""
    if not v.pattern.any():
        return np.zeros((32, 32), np.uint8)
    power = power_spectrum(v.pattern)
    levels: NDArray[np.uint8] = np.rint(power / power.max() * (len(POWER_COLOURS) - 1)).astype(np.uint8)
    return levels


def _enlarged(pixels: NDArray[np.uint8]) -> Any:
    """Enlarge to the size of a picture, cells square, without smoothing."""
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = _PICTURE / max(height, width)
    small = Image.fromarray(pixels).resize(
        (max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.NEAREST
    )
    framed = Image.new("RGB", (_PICTURE, _PICTURE), "white")
    framed.paste(small, ((_PICTURE - small.width) // 2, (_PICTURE - small.height) // 2))
    return framed


def _fit(draw: Any, text: str, size: int, bold: bool) -> str:
    """Shorten a line that would run into the next cell."""
    font, room = _font(size, bold=bold), _CELL[0] - 12
    while draw.textlength(text, font=font) > room:
        text = text[:-2].rstrip() + "…"
    return text


@lru_cache(maxsize=8)
def _font(size: int, *, bold: bool = False) -> Any:
    """Give DejaVu Sans, which matplotlib brings along."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / name), size)
