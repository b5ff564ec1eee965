"""The page of `convscope demo`: what a small network learned, in a reader's order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convscope.explain import FeatureMaps, Trace
from convscope.kernels import KernelTable
from convscope.network import Summary
from convscope.report.confusion import confusion_matrix, mistake_pictures
from convscope.report.curve import epoch_table, learning_curve
from convscope.report.grid import kernel_pairs
from convscope.report.kernel_html import verdict_note
from convscope.report.kernel_words import family_counts
from convscope.report.layers_table import layers_table
from convscope.report.maps import feature_map_path
from convscope.report.page import details, escape, page, section, tiles
from convscope.report.scale import short
from convscope.report.trace_html import trace_figure, window_in_image
from convscope.training import Evaluation, History

__all__ = ["DemoAccount", "demo_page"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class DemoAccount:
    """Everything the page shows; nothing on it is computed later.

    Attributes
    ----------
    history : History
    evaluation : Evaluation
        On the held-out images.
    images : ndarray of shape (N, C, H, W)
        The held-out images, in the order of the evaluation.
    trained_on : int
        How many images were trained on.
    summary : Summary
    first : str
        The name of the first convolution.
    before, after : KernelTable
        Its kernels before and after training, judged.
    maps : tuple of FeatureMaps
    traces : tuple of Trace
    facts : mapping of str to str
        For the footer: version, instruction set, seed, ...
    """

    history: History
    evaluation: Evaluation
    images: Array
    trained_on: int
    summary: Summary
    first: str
    before: KernelTable
    after: KernelTable
    maps: tuple[FeatureMaps, ...]
    traces: tuple[Trace, ...]
    facts: Mapping[str, str] = field(default_factory=dict)


def demo_page(account: DemoAccount) -> str:
    """Set the page; it needs nothing but itself."""
    sections = [
        _learning(account),
        _kernels(account),
        _maps(account),
        _cells(account),
        _layers(account),
        _errors(account),
        _further(),
    ]
    return page("What a small network learned: convscope demo", _header(account), sections, _footer(account))


def _header(account: DemoAccount) -> str:
    evaluation, count = account.evaluation, len(account.evaluation.labels)
    wrong = len(evaluation.mistakes)
    layers, epochs = len(account.summary.rows), len(account.history.epochs)
    lead = (
        f"A network of {layers} layers looked at {account.trained_on:,} scanned digits of 8 by 8 pixels, "
        f"{epochs} times each. Of {count:,} digits it had never seen it now reads "
        f"<b>{count - wrong:,} right and {wrong:,} wrong</b>. This page shows how it came to that: "
        "what it learned, what it makes of a digit, and one of its numbers down to the last product."
    )
    numbers = [
        (f"{evaluation.accuracy:.2%}", "of the held-out digits read right"),
        (f"{account.history.seconds:.1f} s", "of training"),
        (f"{account.summary.parameters:,}", "parameters learned"),
        (short(account.summary.multiply_adds), "multiply-adds for one digit"),
    ]
    return f'<h1>What a small network learned</h1>\n<p class="lead">{lead}</p>\n{tiles(numbers)}'


def _learning(account: DemoAccount) -> str:
    text = (
        "<p>After each pass over the training digits (an epoch) the network was tried on the held-out ones. "
        "Where both curves stay together, it learned what digits look like and not the digits by heart.</p>"
    )
    return section(
        "learning",
        "How it learned",
        text,
        learning_curve(account.history),
        details("The numbers of every epoch", epoch_table(account.history)),
    )


def _kernels(account: DemoAccount) -> str:
    filters, _, height, width = account.after.weight.shape
    text = (
        f"<p>The first layer, <code>{escape(account.first)}</code>, slides {filters} kernels of "
        f"{height}×{width} weights over the image. At each place it multiplies the weights with the pixels "
        "below them and adds up. A kernel therefore answers most where the image looks like the kernel: ink "
        "under orange, paper under blue. Training began with random weights.</p>"
        f"<p>What kind of filter is each, in the words of signal processing? Before training: "
        f"<b>{escape(family_counts(account.before.counts))}</b>. After it: "
        f"<b>{escape(family_counts(account.after.counts))}</b>. <i>Noise</i> means that the kernel cannot be "
        f"told from {account.after.null_samples:,} random kernels of its size; p is the share of those that "
        f"any named filter fits as well.{_still_random(account)}</p>"
    )
    caption = (
        "Each pair is one kernel, before training at the left and after it at the right. Below each stands "
        "its verdict with the probability that it is right; angles are counter-clockwise from the "
        "horizontal, c/px are cycles per pixel."
    )
    pairs = kernel_pairs(
        account.before.weight,
        account.after.weight,
        account.first,
        notes_before=[verdict_note(v) for v in account.before],
        notes_after=[verdict_note(v) for v in account.after],
        caption=caption,
    )
    return section("kernels", "What its first layer looks for", text, pairs)


def _still_random(account: DemoAccount) -> str:
    """Say so where training made few filters that have a name, with what it changed all the same."""
    after = account.after
    if after.counts.get("noise", 0) * 2 < len(after):
        return ""
    chance, frequency = (
        [float(reduce(t.columns[name])) for t in (account.before, after)]
        for name, reduce in (("p_value", np.nanmedian), ("centroid", np.nanmean))
    )
    return (
        " Most kernels have no name even after training, and the network reads digits all the same. What "
        f"training did to them together: the median p went from {chance[0]:.2f} to {chance[1]:.2f} (0.5 for "
        f"random kernels), the mean frequency of their power from {frequency[0]:.2f} to "
        f"{frequency[1]:.2f} cycles per pixel."
    )


def _maps(account: DemoAccount) -> str:
    text = (
        "<p>Every layer turns the maps it gets into maps of its own: a convolution says where its kernels "
        "found what they look for, ReLU keeps what is above zero, pooling keeps the largest of each "
        "neighbourhood, batch norm gives all maps one scale. Here are three held-out digits on their way "
        "through all layers.</p>"
    )
    return section("maps", "What it makes of a digit", text, feature_map_path(account.maps))


def _cells(account: DemoAccount) -> str:
    text = (
        "<p>Nothing else happens in a convolution than this. Here is one cell of a feature map of the first "
        "digit above, written out with the very numbers the network used; after it one cell of the next "
        "convolution, whose kernel has a part for every map of the layer before.</p>"
    )
    parts = []
    for trace in account.traces:
        channel, row, column = trace.address.rpartition("[")[2].rstrip("]").split(",")
        place = f"the cell of kernel {channel} at row {row}, column {column}"
        image = account.maps[0].nodes[0]
        before = window_in_image(trace, image.values) if trace.source == image.node else ""
        parts.append(f"<h3><code>{escape(trace.address)}</code>, {place}</h3>\n{trace_figure(trace, before)}")
    return section("cell", "One number, written out", text, *parts)


def _layers(account: DemoAccount) -> str:
    return section("layers", "The network, layer by layer", layers_table(account.summary))


def _errors(account: DemoAccount) -> str:
    evaluation, classes = account.evaluation, account.evaluation.classes
    parts = [confusion_matrix(evaluation, classes)]
    worst = evaluation.mistakes[:12]
    if len(worst):
        answers = evaluation.predictions[worst]
        some = len(worst) < len(evaluation.mistakes)
        which = f"The {len(worst)} mistakes it was surest of" if some else "All its mistakes"
        pictures = mistake_pictures(
            account.images[worst],
            [classes[i] for i in evaluation.labels[worst]],
            [classes[i] for i in answers],
            [float(evaluation.probabilities[i, a]) for i, a in zip(worst, answers, strict=True)],
            caption=f"{which}, the surest first; the percentage is the probability it gave its wrong answer.",
        )
        parts += ["<h3>The worst mistakes</h3>", pictures]
    else:
        parts.append("<p>It read every held-out digit right.</p>")
    return section("mistakes", "Where it errs", *parts)


def _further() -> str:
    code = (
        "import convscope as cs\n\n"
        'net = cs.load("network.onnx")\n'
        "digit = cs.data.digits().x[0]\n"
        'print(cs.trace(net, digit, "conv1[0,3,3]"))    # any cell, written out\n'
        'cs.feature_maps(net, digit).save("maps.png")   # every map of every layer\n'
        "print(net.summary())                           # what `convscope info network.onnx` shows"
    )
    text = (
        "<p>The trained network lies beside this page as <code>network.onnx</code>, which any ONNX tool "
        "opens. To look further into it:</p>"
    )
    return section("further", "Look further", text, f'<pre tabindex="0"><code>{escape(code)}</code></pre>')


def _footer(account: DemoAccount) -> str:
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in account.facts.items()
    )
    return f"<dl>{items}</dl>"
