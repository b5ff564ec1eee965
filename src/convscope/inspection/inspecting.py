"""`inspect`: everything that can be said of a network, gathered into one account."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

import numpy as np

from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.explain import Evolution, Familiarity, evolution, familiarity
from convscope.explain.kernel_tables import count_not_finite, kernel_table, reads_image
from convscope.inspection.account import Inspection, Missing
from convscope.inspection.baseline import Baseline, compare
from convscope.inspection.deeper import painted, seen
from convscope.inspection.evidence import ImagesAccount, look_at, silent_finding
from convscope.inspection.findings import CHECKS, NetworkFinding, by_importance, network_findings
from convscope.inspection.layer import SHOWN, LayerAccount
from convscope.inspection.pictures import Pictures, open_pictures
from convscope.inspection.subject import Subject, open_subject
from convscope.inspection.views import evidence, patches
from convscope.inspection.words import in_words
from convscope.kernels import KernelTable
from convscope.kernels.workers import on_all_cores
from convscope.layers.base import Array
from convscope.training import History, Run

__all__ = ["inspect"]

Step = Callable[[str, float], object]
BUDGETS = ("quick", "full")
_KERNELS = 0.3  # share of the work that judging the kernels is


def inspect(
    source: Any,
    images: Any = None,
    labels: Any = None,
    budget: str = "quick",
    *,
    node: str | None = None,
    target: int | str | None = None,
    baseline: Any = None,
    history: History | None = None,
    reference: Any = None,
    name: str | None = None,
    channels: str | None = None,
    seed: int = 0,
    on_step: Step | None = None,
) -> Inspection:
    """Give the whole account of a network: what it is, what its kernels are, what was found.

    Parameters
    ----------
    source : Network, Run, mapping of str to array, path, or Subject
        See `open_subject`.
    images : folder, files, float ndarray (N, C, H, W), (x, y) or data set, optional
        What the network shall look at; of many a few that are spread over all. A folder holds image files,
        or a folder of them for each class.
    labels : array_like of shape (N,) of int, optional
        The right classes of the images.
    budget : {"quick", "full"}
        Quick judges each filter by its dominant pattern; full adds what takes minutes.
    node : str, optional
        One convolution to look at; all of them when left out.
    target : int or str, optional
        The class (number or name) to explain; each image's own answer when left out.
    baseline : as `source`, optional
        Another network of the same architecture: what changed since. Of a training run its network before
        the first epoch, unless given.
    history : History, optional
        How the network was trained, where it is not a run.
    reference : as `images`, optional
        Images that are familiar to the network: how far `images` are from them.
    name : str, optional
        What the network is called in the report; else what its file calls it.
    channels : {"RGB", "BGR"}, optional
        What the channels of the image are, where the network does not say.
    seed : int
        Of what is drawn at random.
    on_step : callable, optional
        Called as `on_step(what, share)` before each step, `share` of all the work done so far.

    Raises
    ------
    FileError
        If a file cannot be read.
    UnknownName
        If there is no such node.
    InvalidValue, DtypeError
        If an argument is of the wrong kind.

    Examples
    --------
    >>> import convscope as cs
    >>> account = cs.inspect(cs.models.small_cnn(seed=0))
    >>> account.findings[0].name, [layer.node for layer in account.layers]
    ('like random initialisation', ['conv1', 'conv2'])
    """
    if budget not in BUDGETS:
        raise InvalidValue(f"inspect: budget must be one of {', '.join(BUDGETS)}; got {budget!r}.")
    _check_images(images, labels, target, reference)
    tell: Step = on_step or (lambda what, share: None)
    subject = source if isinstance(source, Subject) else open_subject(source)
    subject = subject if name is None else replace(subject, name=name)
    _check_node(subject, node)
    layers, left_out = _judged(subject, node, channels, tell)
    summary = None if subject.net is None else subject.net.summary()
    broken = {name: count_not_finite(weight) for name, weight in subject.kernels.items()}
    zero = [layer.node for layer in layers if not layer.table.weight.any()]
    views = {layer.node: layer.layer for layer in layers}
    findings = network_findings(views, {n: c for n, c in broken.items() if c}, zero, summary)
    pictures = _pictures(subject, images, labels, budget)
    showed = None if pictures is None else _looked_at(pictures, tell)
    if showed is not None:
        findings = by_importance((*findings, *silent_finding(showed)))
    deeper = subject.net if budget == "full" else None
    run = subject.run
    if baseline is None and run is not None and 0 in run.snapshots:
        baseline = replace(open_subject(run.snapshots[0]), name="the untrained network")
    return Inspection(
        name=subject.name,
        budget=budget,
        words=in_words(subject, summary, layers, findings, left_out, showed),
        findings=findings,
        passed=_passed(findings, layers),
        layers=layers,
        left_out=left_out,
        summary=summary,
        baseline=None
        if baseline is None
        else _compared(baseline, subject.name, layers, node, channels, tell),
        images=showed,
        channels=() if pictures is None else patches(pictures, layers, budget, tell),
        evidence=() if pictures is None else evidence(pictures, target, budget, tell),
        seen_from_image=() if deeper is None else seen(deeper, layers, channels, tell),
        painted=() if deeper is None else painted(deeper, layers, seed, tell),
        history=run.history if run is not None else history,
        evolution=_evolution(run, tell),
        familiarity=_familiarity(pictures, reference, seed, tell),
        missing=_missing(subject, layers, budget, showed, reference is not None, history is not None),
        facts=_facts(subject, seed),
    )


def _check_node(subject: Subject, node: str | None) -> None:
    if node is not None and node not in subject.kernels:
        raise UnknownName(
            f"inspect: there is no convolution {node!r}; {nearest_names(node, subject.kernels)}."
        )


def _judged(
    subject: Subject, node: str | None, channels: str | None, tell: Step
) -> tuple[tuple[LayerAccount, ...], dict[str, str]]:
    """Judge the convolutions; what cannot be judged is left out with the reason."""
    kernels = {n: w for n, w in subject.kernels.items() if node in (None, n)}
    work, lock, done = max(1, sum(w.size for w in kernels.values())), Lock(), 0

    def judged(name: str) -> LayerAccount | str:
        nonlocal done
        with lock:
            tell(f"judging the kernels of {name}", _KERNELS * done / work)
        found = _one(subject, name, kernels[name], channels)
        with lock:
            done += kernels[name].size
        return found

    found = dict(zip(kernels, on_all_cores(judged, kernels), strict=True))
    layers = [account for account in found.values() if isinstance(account, LayerAccount)]
    if subject.net is None and layers:  # a file of weights does not say what reads the image
        layers[0] = replace(layers[0], reads_image=True)
    return tuple(layers), {name: why for name, why in found.items() if isinstance(why, str)}


def _one(subject: Subject, name: str, weight: Array, channels: str | None) -> LayerAccount | str:
    """Judge one convolution, or say why it cannot be judged."""
    bad = count_not_finite(weight)
    if bad:
        return f"{bad:,} of its {weight.size:,} weights are NaN or infinite"
    try:
        return _account(subject, _table(subject, name, weight, channels))
    except InvalidValue as error:
        return str(error)


def _table(subject: Subject, name: str, weight: Array, channels: str | None) -> KernelTable:
    if subject.net is not None:
        return kernel_table(subject.net, name, channels=channels)
    return kernel_table(weight, name, channels=channels if weight.shape[1] == 3 else None)


def _account(subject: Subject, table: KernelTable) -> LayerAccount:
    sees = subject.net is not None and reads_image(subject.net, table.node)
    norm = table.columns["norm"]
    shown = np.sort(np.argsort(-norm, kind="stable")[:SHOWN])
    return LayerAccount(table.node, table, table.layer, sees, tuple(shown.tolist()))


def _compared(
    baseline: Any,
    name: str,
    layers: tuple[LayerAccount, ...],
    node: str | None,
    channels: str | None,
    tell: Step,
) -> Baseline:
    other = baseline if isinstance(baseline, Subject) else open_subject(baseline)
    before, left_out = _judged(other, node if node in other.kernels else None, channels, tell)
    one, two = ({layer.node: layer.table for layer in account} for account in (before, layers))
    found = compare(one, two, other.source if other.name == name else other.name)
    return replace(found, unlike={**found.unlike, **left_out})


def _passed(findings: Sequence[NetworkFinding], layers: tuple[LayerAccount, ...]) -> tuple[str, ...]:
    """Name what was found nowhere; a layer of zeros is one finding, though all its filters are dead too."""
    if not layers:
        return ()
    found = {finding.name for finding in findings}
    found |= {finding.name for layer in layers for finding in layer.layer.findings if finding.found}
    return tuple(check.finding for check in CHECKS if check.finding not in found)


def _check_images(images: Any, labels: Any, target: Any, reference: Any) -> None:
    """Refuse, before any work, what says something of images where there are none."""
    if images is not None:
        return
    given = {"labels": labels, "a class to explain": target, "a reference": reference}
    for what, value in given.items():
        if value is not None:
            raise InvalidValue(f"inspect: {what} must come with images; got none.")


def _pictures(subject: Subject, images: Any, labels: Any, budget: str) -> Pictures | None:
    if images is None:
        return None
    if subject.net is None:
        raise InvalidValue("inspect: images need a network; a file of weights cannot be run.")
    return open_pictures(subject.net, images, labels, budget)


def _looked_at(pictures: Pictures, tell: Step) -> ImagesAccount:
    tell(f"looking at {len(pictures)} images", 0.5)
    return look_at(pictures)


_ELSEWHERE = (
    ("Any one number of it, down to the last product.", "convscope trace MODEL IMAGE --at 'NODE[3,5,7]'"),
    ("Which channels made a value, each one's exact part.", "convscope ledger MODEL IMAGE --at 'NODE[3]'"),
    ("The whole network as a spreadsheet whose formulas live.", "convscope workbook MODEL IMAGE -o net.xlsx"),
)


def _evolution(run: Run | None, tell: Step) -> Evolution | None:
    if run is None or len(run.snapshots) < 2:
        return None
    tell("following the kernels through the training", 0.95)
    try:
        return evolution(run)
    except InvalidValue:  # no convolution has a shape
        return None


def _familiarity(pictures: Pictures | None, reference: Any, seed: int, tell: Step) -> Familiarity | None:
    if reference is None or pictures is None:
        return None
    tell("comparing the images with the reference", 0.98)
    known = open_pictures(pictures.net, reference, None, "full", most=_REFERENCE)
    return familiarity(pictures.net, known.x, pictures.x, seed=seed, neighbours=min(10, len(known) // 4))


_REFERENCE = 512  # images of a reference that are looked at


def _missing(
    subject: Subject,
    layers: tuple[LayerAccount, ...],
    budget: str,
    seen: ImagesAccount | None,
    compared: bool,
    learned: bool,
) -> tuple[Missing, ...]:
    first = next((layer for layer in layers if layer.reads_image), None)
    missing = []
    if first is not None and first.table.weight.shape[1] == 3 and first.table.channels is None:
        missing.append(
            Missing(
                "The colours its first layer looks for: the file does not say whether its three channels are "
                "red, green, blue or the reverse.",
                "--channels RGB (or BGR); or a .toml file beside the model, see the README.",
            )
        )
    if subject.net is not None and seen is None:
        missing.append(
            Missing(
                "What its channels answer to, the evidence for a class, what it mistakes for what.",
                "--images FOLDER, of image files or with a folder of them for each class.",
            )
        )
    if seen is not None and seen.evaluation is None:
        missing.append(
            Missing(
                "How often it is right, and its worst mistakes: the images have no labels.",
                "--images FOLDER with one folder for each class, named as the network's classes.",
            )
        )
    missing += [Missing(what, how) for what, how in _ELSEWHERE] if subject.net is not None else []
    if seen is not None and not compared:
        missing.append(
            Missing(
                "How familiar these images are to it, against images like those it learned from.",
                "--reference FOLDER of images that it knows.",
            )
        )
    if budget == "quick" and layers and subject.net is not None:
        missing.append(
            Missing(
                "Deeper kernels as seen from the image, what channels like best, more of all the rest.",
                "--full, which takes minutes.",
            )
        )
    if subject.run is None and subject.net is not None:
        what = "How its kernels came about" if learned else "How it learned, and how its kernels came about"
        how = "convscope train DATA -o RUN, then convscope inspect RUN."
        missing.append(Missing(f"{what}, epoch by epoch.", how))
    return tuple(missing)


def _facts(subject: Subject, seed: int) -> Mapping[str, str]:
    """Say what it takes to repeat this and to know the network again."""
    from convscope import __version__
    from convscope.ops import core

    engine = core()
    return {
        "Version": f"convscope {__version__}, NumPy {np.__version__}",
        "Engine": f"{engine.name} core, {engine.isa}, {engine.threads} threads",
        "Algorithm": "direct convolution",
        "Seed": str(seed),
        "Network": subject.source,
        "SHA-256": subject.digest,
        "Date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
