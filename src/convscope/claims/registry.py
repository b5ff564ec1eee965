"""The list of claims, and running them."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable, Iterable, Iterator

from convscope.claims.claim import UNTESTED, Claim, Experiment
from convscope.claims.material import Material, NeedsFile
from convscope.errors import UnknownName, nearest_names
from convscope.result import plain

__all__ = ["CLAIMS", "experiment", "run_claim", "run_claims"]

#: every claim, in the order in which they are told; the experiment of "slide-2x2" is in slide_2x2.py
CLAIMS = (
    "dot", "slide-2x2", "slide-3x3", "correlation", "matched-filter", "linear-combination", "hand-crafted",
    "blur", "learns-classics", "lines", "common-terms", "gabor", "not-always-gabor", "filter-an-image",
    "evolution", "familiar", "second-layer", "edges-to-objects", "field-of-view", "non-linearity",
    "max-pooling", "summary-statistic", "architecture", "output-size", "same-padding", "receptive-volume",
    "depth", "sharing", "one-product", "practise", "spatial", "arrangement", "depends-on-data",
    "noise-and-scale", "structure", "graded", "different-things", "distant", "near-domain",
)  # fmt: skip


def experiment(name: str) -> Experiment:
    """Give the experiment of a claim.

    Raises
    ------
    UnknownName
        If there is no such claim; the message offers the nearest ones.

    Examples
    --------
    >>> experiment("dot").statement
    'multiply matching positions and add: 1*0 + 25*4 + 3*2 + 7*70'
    """
    if name not in CLAIMS:
        raise UnknownName(f"claims: there is no claim {name!r}; {nearest_names(name, CLAIMS)}.")
    module = importlib.import_module(f"convscope.claims.{name.replace('-', '_')}")
    found: Experiment = module.EXPERIMENT
    return found


def run_claim(name: str, data: str | os.PathLike[str] | None = None) -> Claim:
    """Run the experiment of one claim.

    Parameters
    ----------
    name : str
        One of `CLAIMS`.
    data : path, optional
        A folder with more data; see `Material`.

    Raises
    ------
    UnknownName, FileError
        If there is no such claim or no such folder.

    Examples
    --------
    >>> claim = run_claim("dot")
    >>> claim.numbers["sum"], claim.verdict
    (596.0, 'holds')
    """
    return _run(experiment(name), Material.of(data))


def run_claims(
    names: Iterable[str] | None = None,
    data: str | os.PathLike[str] | None = None,
    *,
    on_start: Callable[[str], object] | None = None,
) -> Iterator[Claim]:
    """Run several claims, all by default, one after the other; `on_start` gets the id of each before it runs.

    Raises
    ------
    UnknownName, FileError
        Before anything is run.
    """
    material = Material.of(data)
    chosen = [experiment(name) for name in (CLAIMS if names is None else names)]

    def each() -> Iterator[Claim]:
        for one in chosen:
            if on_start is not None:
                on_start(one.id)
            yield _run(one, material)

    return each()


def _run(one: Experiment, material: Material) -> Claim:
    started = time.perf_counter()
    try:
        found = one.measure(material)
    except NeedsFile as missing:
        text = f"{missing}; give its folder with --data."
        return Claim(one.id, one.statement, str(missing), {}, UNTESTED, text, 0.0)
    numbers = plain(found.numbers)
    judgement = one.judge(numbers)
    return Claim(
        one.id,
        one.statement,
        found.data,
        numbers,
        judgement.verdict,
        judgement.text,
        time.perf_counter() - started,
        found.picture,
    )
