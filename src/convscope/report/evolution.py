"""Kernels over the epochs: a strip of pictures, a chart of the layers, and an animation."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.explain import Evolution, LayerEvolution
from convscope.files import atomic_path
from convscope.report.colour import limit_of, paint
from convscope.report.drawing import draws
from convscope.report.picture import INK, figure_and_axes
from convscope.report.scale import number
from convscope.report.sheet import Sheet, Tile
from convscope.report.text_table import aligned
from convscope.result import renders

__all__ = ["evolution_frames", "evolution_sheet", "evolution_text"]

_CELL = 72  # pixels of a kernel, a patch or a map in a tile
_MOST = 16  # kernels of a layer in the strip
_MARKS = ("o", "s", "^", "D", "v", "P", "X")
_COLOURS = (INK["orange"], INK["blue"], "#4d4d4d", "#7fbc41", "#c51b7d")


@renders("Evolution", "text")
def evolution_text(found: Evolution) -> str:
    """Say layer by layer when its kernels stopped being noise, and list them."""
    lines = [f"{_title(found)}: epochs {', '.join(map(str, found.epochs))}", ""]
    rows = [
        [
            layer.node,
            *(f"{share:.0%}" for share in layer.formed_share),
            _half(layer, found.epochs),
        ]
        for layer in found.layers
    ]
    lines += ["Share of each layer's kernels that are not noise, by epoch; the lowest layer first:"]
    lines += aligned(["layer", *map(str, found.epochs), "half of them by epoch"], rows, words=[-1])
    for layer in found.layers:
        lines += ["", f"{layer.node}:", *_kernels(layer, found.epochs)]
    lines += [f"\n{node} is left out: {why}." for node, why in found.left_out.items()]
    return "\n".join(lines)


def _title(found: Evolution) -> str:
    return f"How the kernels of {found.name} came to be" if found.name else "How the kernels came to be"


def _half(layer: LayerEvolution, epochs: tuple[int, ...]) -> str:
    reached = np.flatnonzero(layer.formed_share >= 0.5)
    return str(epochs[reached[0]]) if len(reached) else "never"


def _kernels(layer: LayerEvolution, epochs: tuple[int, ...]) -> list[str]:
    rows = []
    for k, epoch in enumerate(layer.formed.tolist()):
        changes = [0, *(np.flatnonzero(layer.family[1:, k] != layer.family[:-1, k]) + 1)]
        path = ", ".join(f"{layer.family[e, k]} from {epochs[e]}" for e in changes)
        rows.append([f"{layer.node}[{k}]", "never" if epoch < 0 else str(epoch), path])
    kept = [row for row in rows if row[1] != "never" or "," in row[2]]
    lines = aligned(["kernel", "no longer noise from", "verdicts"], kept, words=[-1]) if kept else []
    if len(kept) < len(rows):
        lines.append(f"{len(rows) - len(kept)} kernels are noise at every epoch")
    return lines


@renders("Evolution", "gif")
@renders("Evolution", "apng")
def save_animation(found: Evolution, path: Path) -> None:
    """Write the animation, a frame for each epoch, the last one longest."""
    from PIL import Image

    pixels = evolution_frames(found)
    kind = path.suffix.lower().lstrip(".")
    frames = _with_palette(pixels) if kind == "gif" else [Image.fromarray(frame) for frame in pixels]
    durations = [900] * (len(frames) - 1) + [2700]
    with atomic_path(path) as temporary:
        frames[0].save(
            temporary, format="gif" if kind == "gif" else "png", save_all=True, append_images=frames[1:],
            duration=durations, loop=0,
        )  # fmt: skip


def _with_palette(frames: list[NDArray[np.uint8]]) -> list[Any]:
    """Give frames one palette, or colours would flicker: greys, the diverging scale, and others they have."""
    from PIL import Image

    greys = np.linspace(0, 255, 32).astype(np.uint8)[:, None].repeat(3, axis=1)
    scale = paint(np.linspace(-1, 1, 97), 1.0)
    others = Image.fromarray(frames[-1]).quantize(127, dither=Image.Dither.NONE).getpalette() or []
    palette = np.array([*greys.ravel(), *scale.ravel(), *others[: 3 * 127]], np.int64).reshape(-1, 3)
    found = []
    for frame in frames:
        packed = frame.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
        colours, where = np.unique(packed, return_inverse=True)
        parts = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1)
        nearest = np.array([np.argmin(((palette - part) ** 2).sum(axis=1)) for part in parts], np.uint8)
        image = Image.fromarray(nearest[where].reshape(packed.shape))
        image.putpalette(palette.astype(np.uint8).tobytes())
        found.append(image)
    return found


@renders("Evolution", "plot")
def plot_evolution(found: Evolution, ax: Any = None) -> Any:
    """Draw the share of each layer's kernels that are not noise, by epoch."""
    ax = figure_and_axes(ax, (5.2, 3.2))
    _shares(ax, found)
    return ax


@draws("Evolution", alt=lambda found: "kernels over the epochs")
def evolution_sheet(found: Evolution) -> Sheet:
    """Lay out the layers' chart, and a row of pictures for each kernel."""
    sheet = Sheet(max(7.0, 0.9 + len(found.epochs) * (1.3 if _parts(found) > 1 else 0.95)))
    sheet.heading(_title(found), 14)
    sheet.text(
        "Lower layers against upper ones: the share of each layer's kernels that are not noise, by epoch."
    )
    sheet.charts(2.4, [partial(_shares, found=found), partial(_likenesses, found=found)], above=0.3)
    sheet.text(_legend(found))
    if found.image is not None:
        sheet.grid([Tile(found.image, ("the image of the maps",))], size=0.9)
    for layer in found.layers:
        _layer_rows(sheet, found, layer)
    for node, why in found.left_out.items():
        sheet.text(f"{node} is left out: {why}.")
    return sheet


def evolution_frames(found: Evolution) -> list[NDArray[np.uint8]]:
    """Draw a picture for each epoch, (H, W, 3), all of one size."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    frames = []
    for number_of, epoch in enumerate(found.epochs):
        sheet = Sheet(8.0)
        sheet.heading(f"{_title(found)}: epoch {epoch}", 13)
        sheet.text(_legend(found), 7.5)
        for layer in found.layers:
            share = layer.formed_share[number_of]
            sheet.heading(f"{layer.node}: {share:.0%} are not noise", 9)
            sheet.bar(limit_of(layer.patterns), text=f"weights of {layer.node}")
            chosen = _shown(layer, 2 * _MOST)
            tiles = [
                _tile(
                    found, layer, number_of, k, (f"[{k}]", str(layer.family[number_of, k])),
                    0 <= layer.formed[k] <= epoch,
                )
                for k in chosen
            ]  # fmt: skip
            # two lines below each, whatever they say, so that all frames have one size
            parts = _parts(found)
            sheet.grid(tiles, size=(sheet.room + 0.08) / (8 if parts == 1 else 6) - 0.081, points=6)
        canvas: Any = FigureCanvasAgg(sheet.figure())
        canvas.draw()
        frames.append(np.array(canvas.buffer_rgba())[..., :3])
    return frames


def _legend(found: Evolution) -> str:
    what = ["the kernel's dominant pattern"]
    if found.layers[0].patches:
        what.append(f"the patch of {found.data or 'the images'} it answers most")
    if found.image is not None:
        what.append("what it makes of the image")
    order = ", ".join(what)
    tail = "; the maps of a layer have one scale too" if found.image is not None else ""
    left = "From left to right" if len(what) > 1 else "Each picture"
    return (
        f"{left}: {order}. The kernels of a layer have one colour scale over all epochs, white zero, orange "
        f"above, blue below{tail}. Below: the verdict. Framed: from here on not noise."
    )


def _parts(found: Evolution) -> int:
    return 1 + bool(found.layers[0].patches) + (found.image is not None)


def _shown(layer: LayerEvolution, most: int) -> list[int]:
    """Choose kernels: those that formed, the earliest first, then the others."""
    order = sorted(range(len(layer.formed)), key=lambda k: (layer.formed[k] < 0, layer.formed[k], k))
    return sorted(order[:most])


def _layer_rows(sheet: Sheet, found: Evolution, layer: LayerEvolution) -> None:
    count = len(layer.formed)
    chosen = _shown(layer, _MOST)
    some = f", {len(chosen)} shown" if len(chosen) < count else ""
    formed = int((layer.formed >= 0).sum())
    verb = "is" if formed == 1 else "are"
    sheet.heading(
        f"{layer.node}: {count} kernels{some}; {formed} {verb} not noise at the end",
        11,
    )
    limit = limit_of(layer.patterns)
    maps = "" if layer.maps is None else f"; the maps' scale ends at {number(limit_of(layer.maps), 3)}"
    sheet.bar(limit, text=f"weights of {layer.node}{maps}")
    columns = len(found.epochs)
    for k in chosen:
        epoch = int(layer.formed[k])
        when = "noise at the end" if epoch < 0 else f"not noise from epoch {epoch}"
        sheet.text(f"{layer.node}[{k}]: {when}", 8, "ink", weight="bold")
        tiles = [
            _tile(found, layer, i, k, (f"epoch {e}: {layer.family[i, k]}",), 0 <= epoch <= e)
            for i, e in enumerate(found.epochs)
        ]
        sheet.grid(tiles, size=(sheet.room + 0.08) / columns - 0.081, columns=columns)


def _tile(
    found: Evolution, layer: LayerEvolution, moment: int, k: int, lines: tuple[str, ...], framed: bool = False
) -> Tile:
    parts = [paint(layer.patterns[moment, k], limit_of(layer.patterns))]
    if layer.patches:
        parts.append(layer.patches[moment][k])
    if layer.maps is not None:
        parts.append(paint(layer.maps[moment, k], limit_of(layer.maps)))
    gap = np.full((_CELL, 4, 3), 255, np.uint8)
    joined = [piece for part in parts for piece in (_square(part), gap)][:-1]
    return Tile(np.concatenate(joined, axis=1), lines, INK["orange"] if framed else "")


def _square(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Enlarge or reduce to a square of `_CELL` pixels, cells sharp."""
    rows = np.arange(_CELL) * pixels.shape[0] // _CELL
    columns = np.arange(_CELL) * pixels.shape[1] // _CELL
    return np.asarray(pixels[rows][:, columns])


def _shares(ax: Any, found: Evolution) -> None:
    values = [100 * layer.formed_share for layer in found.layers]
    _lines(ax, found, values, "kernels that are not noise, %")
    ax.set_title("When kernels form", size=9, loc="left", color=INK["ink"])
    ax.legend(frameon=False, fontsize=7, labelcolor=INK["ink"], loc="center right")


def _likenesses(ax: Any, found: Evolution) -> None:
    values = [np.median(layer.likeness, axis=1) for layer in found.layers]
    _lines(ax, found, values, "cosine with the final weights")
    ax.set_title("When they stop changing (median kernel)", size=9, loc="left", color=INK["ink"])


def _lines(ax: Any, found: Evolution, values: list[NDArray[Any]], label: str) -> None:
    places = range(len(found.epochs))
    for i, (layer, line) in enumerate(zip(found.layers, values, strict=True)):
        look = {"color": _COLOURS[i % len(_COLOURS)], "marker": _MARKS[i % len(_MARKS)]}
        ax.plot(places, line, markersize=4, linewidth=1.5, label=layer.node, **look)
    ax.set_xticks(places, [str(epoch) for epoch in found.epochs], size=7)
    ax.set_xlabel("epoch (snapshots, not to scale)", size=8, color=INK["muted"])
    ax.set_ylabel(label, size=8, color=INK["muted"])
    ax.set_ylim(-0.05 * max(1.0, *(float(v.max()) for v in values)), None)
    ax.tick_params(colors=INK["muted"], length=2, labelsize=7)
    ax.grid(axis="y", color=INK["line"], linewidth=0.6)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(INK["line"])
