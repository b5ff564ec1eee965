"""What images showed, as parts of the page: answers, maps, numbers written out, mistakes."""

from __future__ import annotations

import numpy as np

from convscope.inspection import Answer, ImagesAccount, Inspection
from convscope.report.confusion import confusion_matrix, mistake_pictures
from convscope.report.inspection_views import evidence_section, familiarity_section, patches_section
from convscope.report.maps import feature_map_path
from convscope.report.page import escape, figure, section
from convscope.report.picture import photo_uri
from convscope.report.scale import number
from convscope.report.trace_html import trace_figure, window_in_image

__all__ = ["image_sections"]

_MOST_CLASSES = 20  # of a confusion matrix that fits a page


def image_sections(account: Inspection) -> list[str]:
    """Set the sections that need images, in a reader's order."""
    seen = account.images
    if seen is None:
        return []
    parts = [section("images", "What it takes images for", _intro(seen), _answers(seen))]
    if seen.maps:
        most = 64 if len(seen.maps) > 1 else 16
        parts.append(
            section("maps", "What it makes of an image", _MAPS, feature_map_path(seen.maps, most=most))
        )
    if account.channels:
        first = account.first
        bgr = first is not None and first.table.channels == "BGR"
        parts.append(patches_section(account.channels, bgr))
    if account.evidence:
        parts.append(evidence_section(account.evidence))
    if account.familiarity is not None:
        parts.append(familiarity_section(account.familiarity))
    if seen.traces:
        parts.append(section("cell", "One number, written out", _CELL, *_cells(seen)))
    if seen.evaluation is not None:
        parts.append(section("mistakes", "Where it errs", *_mistakes(seen)))
    return parts


_MAPS = (
    "<p>Every layer turns the maps it gets into maps of its own: a convolution says where its kernels found "
    "what they look for, a rectifier keeps what is above zero, pooling keeps the largest or the mean of each "
    "neighbourhood.</p>"
)
_CELL = (
    "<p>Nothing else happens in a convolution than this: the window times the kernel, added up. Here are its "
    "strongest cells at the first image, with the very numbers the network used.</p>"
)


def _intro(seen: ImagesAccount) -> str:
    some = f"{seen.count} of {seen.total:,}" if seen.total > seen.count else f"{seen.count}"
    many = "s" * (seen.count > 1)
    warned = (
        "<p><b>How pictures become its input had to be assumed</b>, since the file does not say it; if this "
        "is wrong, so is all that follows. Say it with --mean, --scale, --channels, or in a .toml file "
        "beside the model.</p>"
        if seen.assumed
        else ""
    )
    how = f"Pictures became its input so: {escape(seen.how)}."
    return f"<p>{some} image{many} went through the network. {how}</p>{warned}"


def _answers(seen: ImagesAccount) -> str:
    pictures = [photo_uri(pixels) for pixels in seen.pixels]
    if not seen.answers:
        shown = "".join(f'<li><img class="pixels" src="{uri}" alt="an image"></li>' for uri in pictures)
        return figure(f'<ul class="answers">{shown}</ul>', "The images as the network sees them.")
    items = "".join(_answer(uri, answer) for uri, answer in zip(pictures, seen.answers, strict=True))
    caption = "The images as the network sees them, each with the most probable classes (softmax)."
    return figure(f'<ul class="answers">{items}</ul>', caption)


def _answer(uri: str, answer: Answer) -> str:
    best = f"{answer.classes[0]}, {answer.probabilities[0]:.0%}"
    alt = escape(f"{answer.name}: the network answers {best}", quote=True)
    truth = "" if answer.truth is None else f"<br>truly <b>{escape(answer.truth)}</b>"
    rows = "".join(
        f'<div><i style="width:{100 * p:.1f}%"></i><span>{escape(name)}</span> <span>{p:.0%}</span></div>'
        for name, p in list(zip(answer.classes, answer.probabilities, strict=True))[:3]
    )
    return (
        f'<li><img class="pixels" src="{uri}" alt="{alt}">'
        f'<span class="note"><b>{escape(answer.name)}</b>{truth}</span><div class="guess">{rows}</div></li>'
    )


def _cells(seen: ImagesAccount) -> list[str]:
    parts = []
    for trace in seen.traces:
        source = seen.maps[0].nodes[0] if seen.maps else None
        before = ""
        if source is not None and trace.source == source.node and len(source.values) == 1:
            before = window_in_image(trace, source.values)
        value = number(float(trace.value), 4)
        heading = f"<h3><code>{escape(trace.address)}</code> = {value}</h3>"
        parts.append(f"{heading}\n{trace_figure(trace, before)}")
    return parts


def _mistakes(seen: ImagesAccount) -> list[str]:
    evaluation = seen.evaluation
    if evaluation is None:
        return []
    count, wrong = len(evaluation.labels), len(evaluation.mistakes)
    said = f"{count - wrong:,} are right and {wrong:,} wrong</b>: an accuracy of {evaluation.accuracy:.2%}"
    parts = [f"<p>Of {count:,} labelled images <b>{said}, cross entropy {evaluation.loss:.3f} nats.</p>"]
    if len(evaluation.classes) <= _MOST_CLASSES:
        parts.append(confusion_matrix(evaluation, evaluation.classes))
    if seen.mistakes:
        images, true, answers, confidence = (list(part) for part in zip(*seen.mistakes, strict=True))
        some = len(images) < wrong
        which = f"The {len(images)} mistakes it was surest of" if some else "All its mistakes"
        caption = f"{which}, the surest first; the per cent is the probability it gave its wrong answer."
        parts += [
            "<h3>The worst mistakes</h3>",
            mistake_pictures(np.stack(images), true, answers, confidence, caption=caption),
        ]
    return parts
