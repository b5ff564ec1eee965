"""What wakes channels, and the evidence for classes, as parts of the page."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.explain import Familiarity
from convscope.inspection import ChannelView, Evidence
from convscope.report.colour import MISSING, limit_of, paint
from convscope.report.kernel_sheet import POWER_COLOURS
from convscope.report.page import details, escape, figure, section, table
from convscope.report.picture import photo_uri
from convscope.report.scale import number

__all__ = ["evidence_section", "familiarity_section", "patches_section"]

Array = NDArray[Any]


def patches_section(views: tuple[ChannelView, ...], bgr: bool) -> str:
    """Set, node by node, the patches that wake channels most, with deconvnet beside each."""
    nodes = list(dict.fromkeys(view.node for view in views))
    parts = [_PATCHES]
    for node in nodes:
        its = [view for view in views if view.node == node]
        items = "".join(_channel(view, bgr) for view in its)
        coloured = any(len(back) == 3 for view in its for back in view.projections)
        caption = _RULE + (_IN_COLOUR if coloured else _IN_ONE)
        parts.append(
            f"<h3><code>{escape(node)}</code></h3>\n" + figure(f'<ul class="wakes">{items}</ul>', caption)
        )
    return section("patches", "What wakes its channels", *parts)


_PATCHES = (
    "<p>For some channels the patches of the images at which they answer most, one from an image, and beside "
    "each the part that they answer to: the response projected back through the layers (deconvnet, Zeiler "
    "&amp; Fergus 2014).</p>"
)
_RULE = (
    "Above: the patch as the network sees it, grey beyond the image. Where a cell sees more than a quarter "
    "of the image, it is the square that holds all but 2 % at each edge of the projection's energy. Below: "
    "the projection, each scaled by the magnitude that 99.5 % of its values lie within, larger ones cut off: "
)
_IN_COLOUR = "grey is zero, red, green and blue the projection to these channels."
_IN_ONE = "white is zero, orange above, blue below."


def _channel(view: ChannelView, bgr: bool) -> str:
    pairs = []
    shown = zip(view.values, view.names, view.pictures, view.projections, strict=True)
    for value, name, patch, back in shown:
        alt = escape(f"patch of {name} where {view.node}[{view.channel}] is {number(value, 3)}", quote=True)
        pairs.append(
            f'<div><img class="pixels" src="{_small(patch)}" alt="{alt}">'
            f'<img class="pixels" src="{_small(_signed(back, bgr))}" alt="{_projected(back)}">'
            f'<span class="note">{number(value, 3)}</span></div>'
        )
    verdict = f" {escape(view.verdict)}" if view.verdict else ""
    return f'<li><p><b>[{view.channel}]</b>{verdict}</p><div class="trio">{"".join(pairs)}</div></li>'


def _small(pixels: NDArray[np.uint8]) -> str:
    """A page holds thousands of patches, each shown small."""
    return photo_uri(pixels, exact=32, most=96)


def _signed(array: Array, bgr: bool) -> NDArray[np.uint8]:
    """Show (C, h, w) about grey: three channels as colours, others by their sum on the blue-orange scale."""
    if len(array) != 3:
        total = array.sum(axis=0)
        return paint(total, _bulk(total))
    levels = 127.5 + 127.5 * (array[::-1] if bgr else array) / _bulk(array)
    shown = np.rint(levels).clip(0, 255).transpose(1, 2, 0)
    shown[~np.isfinite(shown).all(axis=2)] = MISSING
    return np.ascontiguousarray(shown, np.uint8)


def _bulk(array: Array) -> float:
    """Give what all but 1 in 200 magnitudes stay within; one strong pixel hides a deep projection."""
    finite = np.abs(array[np.isfinite(array)])
    bulk = float(np.percentile(finite, 99.5, method="higher")) if finite.size else 0.0
    return bulk or limit_of(array)


def _projected(back: Array) -> str:
    return f"its projection back to the pixels, largest magnitude {number(limit_of(back), 3)}"


def evidence_section(found: tuple[Evidence, ...]) -> str:
    """Set for each image where the evidence lies, by each method, with the check of the first."""
    return section("evidence", "Why it answers so", _WHY, *(_evidence(one) for one in found))


_WHY = (
    "<p>Where in the image does the answer come from? Each method asks another question: which pixels would "
    "change the score most if they changed a little (gradient), which places of the last maps speak for the "
    "class (Grad-CAM), and how the score falls when a grey square covers a place (occlusion). A picture that "
    "looks right proves nothing: the sanity check makes the layers random, from the output down, and asks "
    "whether the picture changes.</p>"
)


def _evidence(one: Evidence) -> str:
    first = one.saliencies[0]
    label = first.label or first.target
    pictures = [(photo_uri(first.pixels), "the image", "as the network sees it")]
    for view in one.saliencies:
        strength = np.abs(view.array).max(axis=0)
        largest = number(float(strength.max()), 3)
        pictures.append((photo_uri(_heat(strength)), view.method, f"largest {largest}"))
    if one.cam is not None:
        words = f"largest {number(float(one.cam.coarse.max()), 3)}"
        picture = photo_uri(_over(first.pixels, one.cam.map))
        pictures.append((picture, f"Grad-CAM at {one.cam.node}", words))
    if one.occlusion is not None:
        pictures.append(_occluded(one))
    items = "".join(
        f'<div><img class="pixels" src="{uri}" alt="{escape(f"{what}: {words}", quote=True)}">'
        f'<span class="note"><b>{escape(what)}</b><br>{escape(words)}</span></div>'
        for uri, what, words in pictures
    )
    caption = (
        "Gradient and its kin: white nothing, dark the largest magnitude over the channels. Grad-CAM and "
        "occlusion lie over the image, each on its own scale: orange speaks for the answer; blue, of "
        "occlusion, against it: covered, it raises the score."
    )
    heading = f"<h3>{escape(one.name)}: {escape(label)}, score {number(first.value, 4)}</h3>"
    return f"{heading}\n{figure(f'<div class=evidence>{items}</div>', caption)}{_sanity(one)}"


def _occluded(one: Evidence) -> tuple[str, str, str]:
    covered = one.occlusion
    assert covered is not None
    row, column = np.unravel_index(int(covered.score.argmin()), covered.score.shape)
    least, size = float(covered.score.min()), "×".join(map(str, covered.size))
    top, left = int(covered.corners[0][row]), int(covered.corners[1][column])
    words = (
        f"a square of {size} at row {top}, column {left} takes the score from {number(covered.value, 3)} to "
        f"{number(least, 3)}; the colour is the mean fall over the squares that cover a pixel, largest "
        f"{number(limit_of(covered.drop), 3)}"
    )
    return photo_uri(_over(covered.pixels, covered.drop)), "occlusion", words


def _heat(strength: Array) -> NDArray[np.uint8]:
    share, finite = _share(strength)
    colours = np.asarray(POWER_COLOURS[np.rint(share * (len(POWER_COLOURS) - 1)).astype(int)], np.uint8)
    colours[~finite] = MISSING
    return colours


def _share(strength: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Give each value's share of the largest magnitude, 0 where it is no number, and where it is one."""
    finite = np.isfinite(strength)
    return np.clip(np.where(finite, strength, 0.0) / limit_of(strength), -1, 1), finite


_ABOVE, _BELOW = np.array([224.0, 105.0, 10.0]), np.array([33.0, 102.0, 172.0])


def _over(pixels: NDArray[np.uint8], strength: Array) -> NDArray[np.uint8]:
    """Lay a map over the image in grey: orange above zero, blue below."""
    found, finite = _share(strength)
    share = 0.85 * np.abs(found)[..., None]
    grey = 0.55 * pixels.mean(axis=2, keepdims=True) + 100
    colour = np.where(found[..., None] > 0, _ABOVE, _BELOW)
    mixed = grey * (1 - share) + colour * share
    mixed[~finite] = MISSING
    return np.asarray(np.rint(mixed).clip(0, 255), np.uint8)


def _sanity(one: Evidence) -> str:
    if one.sanity is None:
        return ""
    rows = [
        [", ".join(stage.layers[:2]) + (" ..." if len(stage.layers) > 2 else ""),
         f"{stage.rank:.2f}", f"{stage.rank_absolute:.2f}", f"{stage.ssim:.2f}"]
        for stage in one.sanity.stages
    ]  # fmt: skip
    head = ["layers made random so far", "rank correlation", "of magnitudes", "structural similarity"]
    numbers = table(head, rows, caption="Adebayo et al. (2018): 1 is the same picture, 0 another one")
    said = f"<p><b>Sanity check of the gradient</b>: {escape(one.sanity.verdict)}</p>"
    return said + details("The numbers of the check", numbers)


def familiarity_section(found: Familiarity) -> str:
    """Say how far the images are from the reference, and which features tell."""
    known, held, test = found.counts
    area = f"<b>{found.curve.area:.3f} ± {found.curve.error:.3f}</b>"
    text = (
        f"<p>A picture's score is its distance from the {found.neighbours} nearest of {known} reference "
        f"images, in the responses of all features. It tells the {test} images from {held} familiar ones "
        f"with an area under the ROC curve of {area} (0.5: not at all, 1: always); the doubt of the classes "
        f"alone, one minus the largest probability, with {found.baseline.area:.3f}.</p>"
    )
    rows = [
        [
            f"{feature.node}[{feature.channel}]",
            feature.name or "-",
            f"{feature.reference_share:.0%}",
            f"{feature.test_share:.0%}",
            f"{feature.area:.2f}",
        ]
        for feature in found.features[:12]
    ]
    head = ["feature", "what it is", "fires on reference", "fires on these", "tells them apart"]
    caption = (
        "The features that tell best: on how many images they fire, and the probability that their response "
        "is larger on these than on reference images (Sun et al. 2022; the error: Hanley & McNeil 1982)"
    )
    return section(
        "familiarity",
        "How familiar the images are",
        text,
        table(head, rows, caption=caption, text_columns=(0, 1)),
    )
