"""The page of an inspection, in a reader's order: words, findings, map, kernels, and what is behind them."""

from __future__ import annotations

import re

from convscope.inspection import SHARES, Inspection, NetworkFinding
from convscope.report.inspection_baseline import baseline_part
from convscope.report.inspection_deeper import deeper_sections
from convscope.report.inspection_glossary import glossary
from convscope.report.inspection_images import image_sections
from convscope.report.inspection_layers import anchor_of, families_figure, layers_part
from convscope.report.inspection_training import training_sections
from convscope.report.network_map import network_map
from convscope.report.page import Markup, escape, link, page, section, table, tiles
from convscope.report.scale import short
from convscope.result import renders

__all__ = ["finding_value", "inspection_page", "marked_up"]


@renders("Inspection", "page")
def inspection_page(account: Inspection) -> str:
    """Set the whole account as one page that needs nothing but itself."""
    title = f"{account.name}: what the network does"
    return page(title, _header(account), _sections(account), _footer(account), script="inspection.js")


@renders("Inspection", "html")
def inspection_html(account: Inspection) -> str:
    """Show the page in a notebook, in a frame of its own so that styles do not mix."""
    whole = escape(inspection_page(account), quote=True)
    return (
        f'<iframe title="{escape(account.name, quote=True)}" srcdoc="{whole}" '
        'style="width:100%;height:40rem;border:1px solid #8884;border-radius:8px"></iframe>'
    )


def marked_up(text: str) -> str:
    """Turn the marks of `Inspection.words` into HTML.

    Examples
    --------
    >>> marked_up("`conv1`: **3 < 4**")
    '<code>conv1</code>: <b>3 &lt; 4</b>'
    """
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(text).replace(" %", "&nbsp;%"))
    return re.sub(r"`(.+?)`", r"<code>\1</code>", text)


def finding_value(finding: NetworkFinding, value: float | None = None) -> str:
    """Write a finding's number in its unit."""
    number = finding.value if value is None else value
    if finding.key in SHARES:
        return f"{100 * number:.2g} %" if number < 0.0995 else f"{100 * number:.0f} %"
    return f"{number:.1f}×" if finding.key == "dominating" else f"{number:,.0f}"


def _header(account: Inspection) -> str:
    """Set the words at the left and what matters most at the right, then a few numbers."""
    *words, last = [f"<p>{marked_up(text)}</p>" for text in account.words]
    # no <aside>: as a landmark it must not stand within the header
    box = f'<div class="aside" role="group" aria-label="What matters most">{_dominant(account)}{last}</div>'
    aside = box if words else last
    opening = f'<div class="opening"><div class="lead">{"".join(words)}</div>{aside}</div>'
    return (
        f'<p class="kind">What a network does: {escape(account.facts["Version"])}, {account.budget}</p>'
        f"<h1>{escape(account.name)}</h1>\n"
        f"{opening}{tiles(_numbers(account))}"
    )


def _dominant(account: Inspection) -> str:
    if not account.findings:
        return ""
    worst = account.findings[0]
    return f'<p class="figure">{finding_value(worst)}</p>'


def _numbers(account: Inspection) -> list[tuple[str, str]]:
    numbers = []
    filters = sum(len(layer.table) for layer in account.layers)
    some, many = "s" * (filters != 1), "s" * (len(account.layers) != 1)
    numbers.append((f"{filters:,}", f"filter{some} in {len(account.layers):,} convolution{many} judged"))
    if account.summary is not None:
        numbers.append((short(account.summary.parameters), "parameters"))
        numbers.append((short(account.summary.multiply_adds), "multiply-adds for one input"))
    return numbers


def _sections(account: Inspection) -> list[str]:
    parts = []
    first = account.first or (account.layers[0] if account.layers else None)
    if first is not None and not first.pointwise:
        whose = "its first layer" if first is account.first else first.node
        parts.append(section("first", f"What {whose} looks for", families_figure(first)))
    parts.append(section("findings", "Findings, the most important first", _findings(account)))
    if account.baseline is not None:
        parts.append(
            section("baseline", f"What changed since {account.baseline.name}", baseline_part(account))
        )
    if account.summary is not None:
        parts.append(section("map", "The map of the network", network_map(account.summary)))
    if account.layers or account.left_out:
        parts.append(section("layers", "Layer by layer", layers_part(account)))
    parts += deeper_sections(account.seen_from_image, account.painted)
    if account.images is not None:
        parts += image_sections(account)
    parts += training_sections(account)
    if account.missing:
        parts.append(section("missing", "What is not here, and how to get it", _missing(account)))
    parts.append(section("numbers", "What the numbers mean", glossary()))
    return parts


def _findings(account: Inspection) -> str:
    passed = ", ".join(account.passed)
    rest = f"<p>Looked for, and past its threshold nowhere: {escape(passed)}.</p>" if passed else ""
    if not account.findings:
        return f"<p>Nothing was found that needs mending.</p>{rest}"
    items = "".join(_finding(account, finding) for finding in account.findings)
    return f'<ol class="findings">{items}</ol>{rest}'


def _finding(account: Inspection, finding: NetworkFinding) -> str:
    where = _places(account, finding)
    threshold = finding_value(finding, finding.threshold)
    return (
        f'<li><div class="size"><b>{finding_value(finding)}</b><span>threshold {threshold}</span></div>'
        f"<div><h3>{escape(finding.name)}</h3><p>{escape(finding.sentence)}.</p>"
        f"<p>{escape(finding.advice)}</p>{where}"
        f'<p class="note">Source: {escape(finding.source)}. '
        f"Importance {finding.importance:.2g}.</p></div></li>"
    )


def _places(account: Inspection, finding: NetworkFinding) -> str:
    if not finding.places:
        return ""
    known = {layer.node for layer in account.layers}
    links = [
        link(anchor_of(account, place.node), place.node) if place.node in known else escape(place.node)
        for place in finding.places[:12]
    ]
    more = f" and {len(finding.places) - 12} more" if len(finding.places) > 12 else ""
    return f"<p>Evidence: {', '.join(links)}{more}.</p>"


def _missing(account: Inspection) -> str:
    rows = [[missing.what, Markup(f"<code>{escape(missing.how)}</code>")] for missing in account.missing]
    return f'<div class="prose">{table(["what", "how to get it"], rows, text_columns=(0, 1))}</div>'


def _footer(account: Inspection) -> str:
    items = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in account.facts.items()
    )
    return f"<dl>{items}</dl>"
