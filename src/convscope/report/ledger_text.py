"""A ledger as text: channels with their parts, the strongest first."""

from __future__ import annotations

import numpy as np

from convscope.explain import Ledger
from convscope.report.text_table import aligned
from convscope.report.trace_text import decimals, prepared
from convscope.result import renders

__all__ = ["ledger_answer", "ledger_text"]

_MOST = 24


@renders("Ledger", "text")
def ledger_text(ledger: Ledger, most: int = _MOST) -> str:
    """Write the parts as aligned columns that add up; beyond `most` channels the rest is one line."""
    lines = [f"{ledger.address}: which channels made it"]
    lines += prepared(ledger.preparation)
    lines += [f"  {step}" for step in ledger.steps]
    lines.append("")
    if ledger.entries:
        rows = [
            [f"{entry.node}[{entry.channel}]", decimals(entry.part), entry.maker or "-", entry.name]
            for entry in ledger.entries[:most]
        ]
        lines += aligned(["channel", "part", "made by", ""], rows, words=[-1])
    rest = ledger.entries[most:]
    totals = [("sum of the parts", ledger.value - ledger.constant)]
    if rest:
        lines.append(f"and {len(rest)} more channels, {decimals(sum(e.part for e in rest))} together")
    totals += [("+ constant (biases and norms)", ledger.constant), (f"= {ledger.of}", ledger.value)]
    wide = max(len(name) for name, _ in totals)
    lines += ["", *(f"{name.ljust(wide)}  {decimals(value):>14}" for name, value in totals), ""]
    lines += [ledger_answer(ledger), *_where(ledger)]
    difference, verdict = abs(ledger.engine - ledger.value), "within" if ledger.agrees else "BEYOND"
    lines.append(
        f"The engine computed {ledger.engine:.9g}; the difference {difference:.1e} is {verdict} the bound "
        f"{ledger.bound:.1e}."
    )
    return "\n".join(lines)


def ledger_answer(ledger: Ledger) -> str:
    """Say in a sentence how many channels it takes, and which push and which hold back."""
    parts = np.array([entry.part for entry in ledger.entries])
    total = np.abs(parts).sum()
    if not total > 0:
        return "No channel contributes anything here."
    half = int(np.searchsorted(np.cumsum(np.abs(parts)) / total, 0.5)) + 1
    raising, lowering = float(parts[parts > 0].sum()), float(parts[parts < 0].sum())
    channels = "channel makes" if half == 1 else f"{half} channels make"
    lead = "One" if half == 1 else "The strongest"
    return (
        f"{lead} {channels} half of all that is added and taken away "
        f"({len(parts)} enter): {decimals(raising, 4)} raises the value, {decimals(lowering, 4)} lowers it."
    )


def _where(ledger: Ledger) -> list[str]:
    if not ledger.map or ledger.places.size < 2 or not ledger.places.any():
        return []
    row, column = np.unravel_index(int(np.abs(ledger.places).argmax()), ledger.places.shape)
    height, width = ledger.places.shape
    best = decimals(float(ledger.places[row, column]), 4)
    place = f"row {row}, column {column}"
    return [f"By place in {ledger.map} ({height}x{width}), the strongest is {place}: {best}."]
