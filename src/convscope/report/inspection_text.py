"""An inspection as text and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from convscope.files import write_text
from convscope.inspection import GateResult, Inspection
from convscope.report.inspection_page import finding_value
from convscope.report.kernel_csv import kernel_rows
from convscope.report.kernel_words import family_counts
from convscope.report.layers_table import pair
from convscope.report.text_table import aligned
from convscope.result import renders

__all__ = ["gates_text", "inspection_markdown", "inspection_text"]


@renders("Inspection", "text")
def inspection_text(account: Inspection) -> str:
    """Say the paragraph, then the findings in one line each."""
    lines = [text.replace("**", "").replace("`", "") for text in account.words]
    if account.findings:
        lines += ["", "Findings, the most important first:"]
        lines += [f"  {f.name}, {finding_value(f)}: {f.text}" for f in account.findings]
    lines += [f"  not judged: {node}, {why}" for node, why in account.left_out.items()]
    if account.baseline is not None:
        lines += ["", *_changes(account)]
    return "\n".join(lines)


def _changes(account: Inspection) -> list[str]:
    baseline = account.baseline
    if baseline is None:
        return []
    return [
        f"Since {baseline.name}: {baseline.changed} of {baseline.filters} filters changed their family.",
        *(
            f"  {layer.node}: " + ", ".join(f"{n} {flow}" for flow, n in layer.flows.items())
            for layer in baseline.layers
            if layer.moved
        ),
        *(f"  not compared: {node}, {why}" for node, why in baseline.unlike.items()),
    ]


@renders("GateResult", "text")
def gates_text(result: GateResult) -> str:
    """Set the gates that failed as a table."""
    failed = result.failed
    head = f"{len(failed)} of {len(result.gates)} checks failed"
    rows = [
        ("FAIL", g.key, g.node, f"{g.value:.3g}", f"{g.threshold:.3g}", g.text)
        for g in result.gates
        if g.failed
    ]
    if not failed:
        return head
    names = ("", "check", "layer", "value", "threshold", "what was measured")
    return "\n".join([head, *aligned(names, rows, words=(0, 1, 2, 5))])


@renders("Inspection", "rows")
def inspection_rows(account: Inspection) -> list[dict[str, Any]]:
    """Give a row for each filter of each layer."""
    return [row for layer in account.layers for row in kernel_rows(layer.table)]


@renders("Inspection", "md")
def save_markdown(account: Inspection, path: Path) -> None:
    """Write the account as Markdown."""
    write_text(path, inspection_markdown(account))


def inspection_markdown(account: Inspection) -> str:
    """Set words, findings, layers and map as Markdown; pictures are for the page."""
    parts = [f"# {account.name}", *account.words, "## Findings, the most important first"]
    if account.findings:
        rows = [
            [finding_value(f), finding_value(f, f.threshold), f.name, f.text, f.advice, f.source]
            for f in account.findings
        ]
        parts.append(_table(["number", "threshold", "finding", "what was found", "advice", "source"], rows))
    if account.passed:
        parts.append(f"Looked for, and past its threshold nowhere: {', '.join(account.passed)}.")
    if account.baseline is not None:
        parts += [f"## What changed since {account.baseline.name}", "\n".join(_changes(account))]
    if account.layers or account.left_out:
        parts += ["## Layer by layer", _layers(account)]
    if account.summary is not None:
        parts += ["## The map of the network", _map(account)]
    if account.missing:
        parts += [
            "## What is not here, and how to get it",
            "\n".join(f"- {m.what} `{m.how}`" for m in account.missing),
        ]
    parts.append("\n".join(f"- {name}: {value}" for name, value in account.facts.items()))
    return "\n\n".join(parts) + "\n"


def _layers(account: Inspection) -> str:
    rows = [
        [
            layer.node,
            "×".join(map(str, layer.table.weight.shape)),
            family_counts(layer.table.counts),
            str(len(layer.dead)),
            str(len(layer.duplicates)),
            ", ".join(f.name for f in layer.layer.findings if f.found) or "-",
        ]
        for layer in account.layers
    ]
    rows += [[node, "", f"not judged: {why}", "", "", ""] for node, why in account.left_out.items()]
    return _table(["layer", "weight", "families", "dead", "repeated", "findings"], rows)


def _map(account: Inspection) -> str:
    rows = []
    for row in account.summary.rows if account.summary else ():
        field = row.receptive_field
        rows.append(
            [
                row.name,
                row.kind,
                "×".join(map(str, row.output_shape)),
                f"{row.parameters:,}",
                f"{row.multiply_adds:,}",
                "" if field is None else pair(field.size),
            ]
        )
    return _table(["node", "kind", "output", "parameters", "multiply-adds", "receptive field"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
