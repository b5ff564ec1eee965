"""The view of a layer as a picture: which frequencies and which orientations its filters cover."""

from __future__ import annotations

from typing import Any

import numpy as np

from convscope.kernels import KernelTable, Layer
from convscope.report.drawing import draws
from convscope.report.kernel_words import family_counts
from convscope.report.picture import INK, figure_and_axes
from convscope.result import renders

__all__ = ["draw_coverage", "draw_orientations", "layer_figure"]

_BANDS = (0, 1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2)


@renders("Layer", "plot")
def plot_layer(layer: Layer, ax: Any = None) -> Any:
    """Draw how many filters have which orientation."""
    ax = figure_and_axes(ax, (4.6, 3.0))
    draw_orientations(layer, ax)
    return ax


@renders("KernelTable", "plot")
def plot_table(table: KernelTable, ax: Any = None) -> Any:
    """Draw how many filters have which orientation."""
    return plot_layer(table.layer, ax)


@draws("Layer")
def layer_figure(layer: Layer, name: str = "") -> Any:
    """Draw the frequency plane at the left and the orientations at the right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
    draw_coverage(layer, left)
    draw_orientations(layer, right)
    figure.suptitle((f"{name}: " if name else "") + family_counts(layer.counts), fontsize=10)
    return figure


def draw_coverage(layer: Layer, ax: Any) -> None:
    """Draw the frequency plane: each patch as dark as there are filters with that peak and orientation."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Wedge

    patches, values = [], []
    for band, row in enumerate(layer.coverage):
        for step, count in enumerate(row):
            # stripes along an angle have their frequency across it
            middle = 15 * step + 90
            for turned in (middle, middle + 180):
                patches.append(
                    Wedge(
                        (0, 0),
                        _BANDS[band + 1],
                        turned - 7.5,
                        turned + 7.5,
                        width=_BANDS[band + 1] - _BANDS[band],
                    )
                )
                values.append(count)
    drawn = PatchCollection(patches, cmap="Blues", edgecolor=INK["line"], linewidth=0.4)
    drawn.set_array(np.array(values))
    drawn.set_clim(0, max(1.0, float(layer.coverage.max())))
    ax.add_collection(drawn)
    ax.set(xlim=(-0.52, 0.52), ylim=(-0.52, 0.52), aspect="equal")
    ax.set(xlabel="horizontal, cycles per pixel", ylabel="vertical, cycles per pixel")
    ax.set_title(
        "Peak frequencies (outermost: all above 3/8;\nwithout orientation: spread over the ring)", fontsize=9
    )
    ax.figure.colorbar(drawn, ax=ax, label="filters", shrink=0.8)


def draw_orientations(layer: Layer, ax: Any) -> None:
    """Draw how many filters have stripes in each 15 degrees."""
    ax.bar(np.arange(12) * 15, layer.orientations, width=13, color=INK["blue"])
    ax.set_xticks(np.arange(0, 180, 30), [f"{angle}°" for angle in range(0, 180, 30)])
    ax.set(xlabel="direction of the stripes", ylabel="filters")
    ax.yaxis.get_major_locator().set_params(integer=True)
    oriented, all_filters = int(layer.orientations.sum()), sum(layer.counts.values())
    ax.set_title(f"Orientations: {oriented} of {all_filters} filters have one", fontsize=9)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
