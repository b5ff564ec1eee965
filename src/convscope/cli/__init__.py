"""The command line: one file a command; errors, colours and progress in one place each."""

from __future__ import annotations

from typing import Annotated

import typer

from convscope import __version__
from convscope.cli.ablate import ablate
from convscope.cli.claims import claims
from convscope.cli.convert import convert
from convscope.cli.demo import demo
from convscope.cli.errors import run
from convscope.cli.evaluate import evaluate
from convscope.cli.evolve import evolve
from convscope.cli.familiarity import familiarity
from convscope.cli.filter import filter_photo
from convscope.cli.geometry import geometry
from convscope.cli.info import info
from convscope.cli.inspect import inspect_model
from convscope.cli.kernels import kernels
from convscope.cli.ledger import ledger
from convscope.cli.maps import maps
from convscope.cli.maximize import maximize
from convscope.cli.occlusion import occlusion
from convscope.cli.patches import patches
from convscope.cli.predict import predict
from convscope.cli.saliency import saliency
from convscope.cli.trace import trace
from convscope.cli.train import train
from convscope.cli.workbook import workbook

__all__ = ["app", "main"]

app = typer.Typer(
    name="convscope",
    help="A convolutional network you can see through.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo)
app.command()(info)
app.command()(convert)
app.command()(geometry)
app.command()(train)
app.command()(predict)
app.command()(evaluate)
app.command()(kernels)
app.command("inspect")(inspect_model)
app.command("filter")(filter_photo)
app.command()(ledger)
app.command()(claims)
app.command()(trace)
app.command()(workbook)
app.command()(patches)
app.command()(saliency)
app.command()(occlusion)

app.command()(maps)
app.command()(maximize)
app.command()(evolve)
app.command()(familiarity)
app.command()(ablate)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"convscope {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop."),
    ] = False,
) -> None:
    """A convolutional network you can see through."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and give its exit code: 0, 1 (a finding), 2 (bad input) or 130 (interrupted)."""
    return run(app, arguments)
