"""What a full inspection adds, as parts of the page: kernels seen from the image, painted inputs."""

from __future__ import annotations

from collections.abc import Sequence

from convscope.explain import Maximum
from convscope.explain.from_image import SeenFromImage
from convscope.report.kernel_html import kernel_list
from convscope.report.kernel_words import family_counts, pixel_rule
from convscope.report.maximum import maximum_text
from convscope.report.page import details, escape, figure, section
from convscope.report.picture import photo_uri
from convscope.report.scale import number

__all__ = ["deeper_sections"]

_MOST = 32  # filters of a layer that are drawn


def deeper_sections(seen: Sequence[SeenFromImage], painted: Sequence[Maximum]) -> list[str]:
    """Set the sections that a full inspection has beyond a quick one."""
    parts = []
    if seen:
        parts.append(section("seen", "Deeper kernels as seen from the image", _SEEN, *map(_seen, seen)))
    if painted:
        items = "".join(_painted(found) for found in painted)
        ways = escape(maximum_text(painted[0]).splitlines()[-1].strip())
        caption = f"Each painted by climbing the gradient, {ways}. In its own colours."
        body = figure(f'<div class="evidence">{items}</div>', caption)
        parts.append(section("painted", "What some channels like best", _PAINTED, body))
    return parts


_SEEN = (
    "<p>What a layer's filters would be if the network up to them were linear: activations count as "
    "identity, max pooling as the mean of its window. This is exact where there are none of these and a "
    "rough guide elsewhere, for a network with rectifiers is another filter at every image. Composed "
    "kernels are smooth by construction, so their family says less than that of a first layer.</p>"
)
_PAINTED = (
    "<p>Inputs painted from nothing so that a channel answers most (Olah, Mordvintsev &amp; Schubert 2017). "
    "They show what a channel likes, not what it needs.</p>"
)


def _seen(found: SeenFromImage) -> str:
    kernels = found.table
    strongest = sorted(range(len(kernels)), key=lambda i: -float(kernels.columns["norm"][i]))[:_MOST]
    some = f" Shown are the {_MOST} of largest norm of {len(kernels)}." if len(kernels) > _MOST else ""
    height, width = kernels.weight.shape[2:]
    head = f"<h3><code>{escape(found.node)}</code>: {height}×{width} pixels of the image</h3>"
    said = f"<p>{escape(family_counts(kernels.counts))}.</p>"
    caption = f"Left of each: {pixel_rule(kernels)}. Right: its power at each frequency.{some}"
    assumed = "<p>" + "; ".join(escape(text) for text in found.assumptions) + ".</p>"
    drawn = figure(kernel_list(kernels, sorted(strongest)), caption)
    return head + said + drawn + details("What was replaced to make it linear", assumed)


def _painted(found: Maximum) -> str:
    words = f"value {number(found.value, 3)}, at the start {number(found.start, 3)}"
    alt = escape(f"an input painted for {found.at}: {words}", quote=True)
    return (
        f'<div><img class="pixels" src="{photo_uri(found.picture)}" alt="{alt}">'
        f'<span class="note"><b>{escape(found.at)}</b><br>{escape(words)}</span></div>'
    )
