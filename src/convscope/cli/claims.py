"""`convscope claims`: what is said about convolutional networks, tested."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convscope.cli.arguments import Json, output_option

if TYPE_CHECKING:
    from convscope.claims import Claim, Claims

__all__ = ["claims"]


def claims(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Which claims; all unless given.", show_default=False),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="A folder with mnist/, fashion_mnist/, models/ or photos/: claims about these run on it.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    listed: Annotated[bool, typer.Option("--list", help="List the claims and stop.")] = False,
    output: Annotated[
        Path | None, output_option("Also write it to .html, .txt or .json; one claim to .png too.")
    ] = None,
) -> None:
    """Test what is said about convolutional networks: the experiment, what came out, the finding."""
    from convscope.claims import CLAIMS, experiment
    from convscope.cli.console import print_json

    if listed:
        for name in CLAIMS:
            print(f"{name:19} {experiment(name).statement}")
        return
    result = _run(tuple(names or CLAIMS), data, quiet=json)
    shown = result.claims[0] if len(result.claims) == 1 else result
    if output is not None:
        shown.save(output)
    if json:
        print_json(result)
    elif output is not None:
        print(f"\nWritten to {output}")


def _run(names: tuple[str, ...], data: Path | None, quiet: bool) -> Claims:
    """Run the experiments, print each as it is done, with a bar where somebody watches."""
    from convscope.claims import run_claims
    from convscope.cli.console import printable
    from convscope.cli.progress import Bar

    done: list[Claim] = []
    with Bar() as bar:
        for claim in run_claims(names, data, on_start=lambda name: bar(len(done), len(names), name)):
            done.append(claim)
            if not quiet:
                print(printable(f"{claim}\n"), flush=True)
    result = _account(done)
    if not quiet and len(done) > 1:
        counts = ", ".join(f"{count} {verdict}" for verdict, count in result.counts.items() if count)
        print(f"{len(done)} claims: {counts}, in {sum(claim.seconds for claim in done):.0f} s")
    return result


def _account(done: list[Claim]) -> Claims:
    import datetime

    from convscope import __version__
    from convscope.claims import Claims
    from convscope.ops import core

    chosen = core()
    made = {
        "convscope": __version__,
        "core": f"{chosen.name} {chosen.isa}",
        "date": datetime.date.today().isoformat(),
    }
    return Claims(tuple(done), made)
