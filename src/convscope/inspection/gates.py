"""Findings that a build must not have: `--fail-on dead,duplicate,aliasing=0.4`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from convscope.errors import InvalidValue, nearest_names
from convscope.inspection.account import Inspection
from convscope.inspection.findings import CHECKS, Check, check_of
from convscope.result import Result

__all__ = ["Gate", "GateResult", "gates", "parse_gates"]


@dataclass(frozen=True)
class Gate(Result):
    """What one layer came to under one check."""

    key: str
    node: str
    value: float
    threshold: float
    failed: bool
    text: str


@dataclass(frozen=True)
class GateResult(Result):
    """All gates of an inspection.

    Attributes
    ----------
    gates : tuple of Gate
        Each check for each layer, the failed ones first.
    """

    gates: tuple[Gate, ...]

    @property
    def failed(self) -> tuple[Gate, ...]:
        """The gates that failed."""
        return tuple(gate for gate in self.gates if gate.failed)


def parse_gates(text: str) -> dict[str, float | None]:
    """Read `dead,duplicate=0.2`: what to fail on, and the threshold where one is given.

    Raises
    ------
    InvalidValue
        If there is no such check or a threshold is no number of at least 0.

    Examples
    --------
    >>> parse_gates("dead, duplicate=0.2")
    {'dead': None, 'duplicate': 0.2}
    """
    wanted: dict[str, float | None] = {}
    keys = [check.key for check in CHECKS]
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, _, number = (piece.strip() for piece in part.partition("="))
        if key not in keys:
            raise InvalidValue(f"--fail-on: there is no check {key!r}; {nearest_names(key, keys)}.")
        try:
            wanted[key] = float(number) if "=" in part else None
        except ValueError:
            wanted[key] = np.nan
        if wanted[key] is not None and not 0 <= wanted[key] < np.inf:  # type: ignore[operator]
            raise InvalidValue(
                f"--fail-on: the threshold of {key!r} must be a number of at least 0, such as {key}=0.2; "
                f"got {number!r}."
            )
    if not wanted:
        raise InvalidValue(f"--fail-on: name at least one of {', '.join(keys)}; got {text!r}.")
    return wanted


def gates(inspection: Inspection, wanted: str | dict[str, float | None]) -> GateResult:
    """Hold an inspection against thresholds.

    Parameters
    ----------
    inspection : Inspection
    wanted : str or dict of str to float or None
        What to fail on, as `dead,duplicate=0.2`; without a number the check's own threshold holds.

    Returns
    -------
    GateResult
        `failed` is empty where all is well.

    Raises
    ------
    InvalidValue
        If there is no such check, or a threshold is no number.

    Examples
    --------
    >>> import convscope as cs
    >>> account = cs.inspect(cs.models.small_cnn(seed=0))
    >>> [gate.node for gate in gates(account, "dead,random=0.5").failed]
    ['conv1', 'conv2']
    """
    asked = parse_gates(wanted) if isinstance(wanted, str) else wanted
    found: list[Gate] = []
    for key, threshold in asked.items():
        found += _gates(inspection, check_of(key), threshold)
    return GateResult(tuple(sorted(found, key=lambda gate: not gate.failed)))


def _gates(inspection: Inspection, check: Check, threshold: float | None) -> Iterable[Gate]:
    if check.key in ("broken", "zero"):
        limit = 0.0 if threshold is None else threshold
        found = [f for f in inspection.findings if f.key == check.key]
        value = found[0].value if found else 0.0
        node = found[0].node if found else "network"
        text = found[0].text if found else f"no {check.what}"
        yield Gate(check.key, node, value, limit, value > limit, text)
        return
    for layer in inspection.layers:
        finding = next(f for f in layer.layer.findings if f.name == check.finding)
        limit = finding.threshold if threshold is None else threshold
        failed = finding.found if threshold is None else check.worse(finding.value, threshold)
        yield Gate(check.key, layer.node, finding.value, limit, failed, finding.text)
