"""What changed between two networks, on a page."""

from __future__ import annotations

from convscope.inspection import Baseline, Inspection
from convscope.report.kernel_words import family_counts
from convscope.report.page import table
from convscope.result import renders

__all__ = ["baseline_part"]


def baseline_part(account: Inspection) -> str:
    """Say how many filters changed their family, and set one row a layer."""
    return "" if account.baseline is None else baseline_html(account.baseline)


@renders("Baseline", "html")
def baseline_html(baseline: Baseline) -> str:
    """Set one row for each layer that both networks have and that changed."""
    rows = [
        [
            layer.node,
            f"{len(layer.moved)} of {layer.filters}",
            f"{100 * layer.distance:.3g} %",
            ", ".join(f"{count} {flow}" for flow, count in layer.flows.items()) or "-",
            family_counts(layer.before),
            family_counts(layer.after),
        ]
        for layer in baseline.layers
        if layer.distance
    ]
    head = [
        "layer",
        "changed family",
        "weights moved by",
        "from family to family",
        "before",
        "after",
    ]
    same = len(baseline.layers) - len(rows)
    kept = f" In {same} of {len(baseline.layers)} layers no weight changed." if same else ""
    said = (
        f"<p><b>{baseline.changed:,} of {baseline.filters:,} filters changed their family.</b> Weights moved "
        f"by: the norm of the change over the norm before.{kept}</p>"
    )
    unlike = [[node, why] for node, why in baseline.unlike.items()]
    why = table(["layer", "why it cannot be compared"], unlike, text_columns=(0, 1))
    rest = f'<div class="prose">{why}</div>' if unlike else ""
    changes = table(head, rows, text_columns=(0, 3, 4, 5)) if rows else ""
    return f'{said}<div class="tall prose">{changes}</div>{rest}'
