"""A claim: a statement, the experiment that tests it, and the finding that follows from its numbers.

An experiment has two parts. `measure` does the work and gives numbers by name; `judge` is a pure
function of these numbers alone. So whoever doubts a finding sees all that it rests on, and other
numbers make another finding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from convscope.claims.material import Material
from convscope.claims.pictures import Panel
from convscope.result import Result

__all__ = [
    "FAILS",
    "HOLDS",
    "LIMITED",
    "UNTESTED",
    "Claim",
    "Claims",
    "Experiment",
    "Judgement",
    "Measured",
    "Numbers",
    "judged",
]

HOLDS = "holds"
LIMITED = "holds with this limit"
FAILS = "does not hold"
UNTESTED = "not tested"

Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Measured:
    """What an experiment gave.

    Attributes
    ----------
    data : str
        What it ran on.
    numbers : mapping of str to number, bool, str or list of these
        By a name in plain words, in the order in which they are told.
    picture : tuple of Panel
    """

    data: str
    numbers: Numbers
    picture: tuple[Panel, ...]


@dataclass(frozen=True)
class Judgement:
    """What follows from the numbers: one of four verdicts, and a sentence with the numbers."""

    verdict: str
    text: str


def judged(holds: bool, text: str, *, limit: str = "") -> Judgement:
    """Put a judgement together; `limit` is what restricts a statement that holds.

    Examples
    --------
    >>> judged(2 > 1, "2 is larger").verdict, judged(True, "so", limit="here").verdict
    ('holds', 'holds with this limit')
    """
    if not holds:
        return Judgement(FAILS, text)
    return Judgement(LIMITED, f"{text} {limit}") if limit else Judgement(HOLDS, text)


@dataclass(frozen=True)
class Experiment:
    """The test of one statement.

    Attributes
    ----------
    id : str
    statement : str
        As the texts make it.
    measure : callable
        Takes a `Material` and gives `Measured`.
    judge : callable
        Takes the numbers and gives a `Judgement`; it sees nothing else.
    """

    id: str
    statement: str
    measure: Callable[[Material], Measured] = field(repr=False)
    judge: Callable[[Numbers], Judgement] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Claim(Result):
    """A statement, what came out when it was tested, and what follows.

    Attributes
    ----------
    id, statement : str
    data : str
        What the experiment ran on; "needs FILE" where it could not run.
    numbers : dict
        What came out, by name.
    verdict : str
        "holds", "holds with this limit", "does not hold" or "not tested".
    finding : str
        Why, with the numbers.
    seconds : float
        How long it took.
    """

    id: str
    statement: str
    data: str
    numbers: dict[str, Any]
    verdict: str
    finding: str
    seconds: float
    _picture: tuple[Panel, ...] = field(default=(), repr=False)

    @property
    def picture(self) -> tuple[Panel, ...]:
        """What `plot` draws; () where the experiment could not run."""
        return self._picture


@dataclass(frozen=True, eq=False)
class Claims(Result):
    """Several claims, tested in one go.

    Attributes
    ----------
    claims : tuple of Claim
    made : dict of str
        Version, core and date, for the record.
    """

    claims: tuple[Claim, ...]
    made: dict[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """How many claims have each verdict."""
        return {v: sum(c.verdict == v for c in self.claims) for v in (HOLDS, LIMITED, FAILS, UNTESTED)}
