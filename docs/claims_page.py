"""Write the page of the claims from the real output of every experiment, with a picture each.

python docs/claims_page.py docs/generated [--data FOLDER]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import convscope as cs
from convscope.claims import CLAIMS, Claim, Claims, run_claims
from convscope.files import write_text
from convscope.report.claim_text import told

_HEAD = """# What is said about CNNs, tested

{count} statements that texts make about convolutional networks. Each has an experiment, a short file of
`convscope.claims`; what it measured is below, and the finding follows from these numbers alone. This page is
the output of `convscope claims{options}`, made with convscope {version} ({core}).

Of these: {counts}.

Run one yourself: `convscope claims dot`, or `cs.claims.run_claim("dot")`.

| claim | statement | finding |
|---|---|---|
"""


def main(arguments: list[str] | None = None) -> int:
    """Run all claims and write claims.md and one picture each into a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, help="a folder of more data, as of `convscope claims --data`")
    parser.add_argument("--only", nargs="*", default=CLAIMS, help="some claims only")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    claims = []
    for claim in run_claims(options.only, options.data, on_start=lambda name: print(name, flush=True)):
        claims.append(claim)
        if claim.picture:
            claim.save(options.folder / f"{claim.id}.png")
    write_text(options.folder / "claims.md", page(claims, given=options.data is not None))
    return 0


def page(claims: list[Claim], given: bool) -> str:
    """Give the page as Markdown."""
    counts = Claims(tuple(claims)).counts
    head = _HEAD.format(
        count=len(claims),
        options=" --data FOLDER" if given else "",
        version=cs.__version__,
        core=f"{cs.core().name} core, {cs.core().isa}",
        counts=", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count),
    )
    rows = [f"| [{c.id}](#{c.id}) | {_text(c.statement)} | {c.verdict} |" for c in claims]
    return head + "\n".join(rows) + "\n\n" + "\n".join(_section(claim) for claim in claims)


def _section(claim: Claim) -> str:
    lines = [
        f"## {claim.id}",
        "",
        f"> {_text(claim.statement)}",
        "",
        f"**{claim.verdict}.** {_text(claim.finding)}",
        "",
    ]
    if claim.picture:
        alt = claim.finding.replace('"', "'").replace("[", "(").replace("]", ")")
        lines += [f"```{{image}} {claim.id}.png", f":alt: {alt}", ":class: paper", "```", ""]
    if claim.numbers:
        lines += [f"Ran on {_text(claim.data)}.", "", ""]
        lines += ["| what came out | |", "|---|---|"]
        lines += [f"| {_text(name)} | {_text(told(value))} |" for name, value in claim.numbers.items()]
    return "\n".join([*lines, ""])


def _text(text: str) -> str:
    """Keep Markdown from reading its own marks into plain text."""
    for mark in ("\\", "*", "_", "[", "]", "<", "|", "$", "{", "`"):
        text = text.replace(mark, "\\" + mark)
    return text


if __name__ == "__main__":
    sys.exit(main())
