"""`convscope inspect`: one command, one page that says what a network does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convscope.cli.arguments import Json, output_option
from convscope.cli.opening import OpenNetwork, opens_network
from convscope.cli.progress import Bar

if TYPE_CHECKING:
    from convscope.inspection import Inspection

__all__ = ["inspect_model"]


@opens_network
def inspect_model(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A network (.onnx), weights (.safetensors, .npz, .npy, .pt, .h5), or a folder that "
            "`convscope train` made.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        output_option("The page (.html), or .md or .json."),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            "--images",
            "-i",
            metavar="FOLDER",
            help="Image files, or a folder of them for each class: what the network makes of them.",
        ),
    ] = None,
    node: Annotated[
        str | None, typer.Option("--node", "-n", help="One convolution; by default all of them.")
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            "--reference",
            metavar="FOLDER",
            help="Images it knows, such as those it learned from: how familiar are those of --images?",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            "--class", metavar="CLASS", help="The class to explain, by number or name; else each answer."
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", help="The network before fine-tuning or pruning: what changed since."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Go through everything, which takes minutes.")] = False,
    fail_on: Annotated[
        str | None,
        typer.Option(
            "--fail-on",
            metavar="CHECK[=THRESHOLD],...",
            help="Exit with 1 where a layer's weights are past a threshold: broken, zero, dead, duplicate, "
            "aliasing, gap, dominating, random, sparse; dead=2 allows two dead ones a layer, aliasing=0.4 is "
            "a share. What images show is not among the checks.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Fixes what is drawn at random.", min=0)] = 0,
    json: Json = False,
    *,
    open_network: OpenNetwork,
) -> None:
    """Say what a network does: its kernels, layer by layer, and what was found, on one page.

    The page is one file that opens in any browser without a network.
    """
    from convscope.cli.console import print_json, printable
    from convscope.inspection import gates, inspect, open_subject
    from convscope.inspection.gates import parse_gates

    wanted = None if fail_on is None else parse_gates(fail_on)
    opening = open_network.settings()
    with Bar(counted=False) as bar:
        account = inspect(
            open_subject(model, opening),
            images,
            budget="full" if full else "quick",
            node=node,
            reference=reference,
            target=int(target) if target is not None and target.isdigit() else target,
            baseline=None if baseline is None else open_subject(baseline, opening),
            channels=opening["input"].get("channels"),
            seed=seed,
            on_step=lambda what, share: bar(share, 1.0, what),
        )
        if output is not None:
            bar(1.0, 1.0, "writing the report")
            account.save(output)
    result = None if wanted is None else gates(account, wanted)
    if json:
        print_json(account if result is None else {**account.to_dict(), **result.to_dict()})
    else:
        _tell(account, output)
        if result is not None:
            print(printable(f"\n{result}"))
    if result is not None and result.failed:
        raise typer.Exit(1)


def _tell(account: Inspection, output: Path | None) -> None:
    from convscope.cli.console import printable, wrapped

    print(printable(wrapped(str(account))))
    if output is not None:
        print(f"\nWritten to {output}")
