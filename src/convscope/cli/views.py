"""What the commands of views share: showing a result, and its sanity check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convscope.explain import Deconvnet, GradCam, Occlusion, Saliency, Sanity
    from convscope.result import Result

    Checked = Deconvnet | GradCam | Occlusion | Saliency

__all__ = ["checked", "tell"]


def tell(
    result: Result, *, json: bool, output: Path | None, sanity: Sanity | None = None, wrap: bool = True
) -> None:
    """Save a result, and print it as text or, with its sanity check, as JSON.

    `wrap` breaks lines that the terminal is too narrow for; wide tables are better left whole.
    """
    from convscope.cli.console import print_json, printable, wrapped
    from convscope.result import plain

    if output is not None:
        result.save(output)
    if json:
        print_json({**plain(result), **({} if sanity is None else {"sanity": sanity})})
        return
    print(printable(wrapped(str(result)) if wrap else str(result)))
    if output is not None:
        print(f"\nWritten to {output}")


def checked(result: Checked, wanted: bool) -> Sanity | None:
    """Make a view's sanity check if it is wanted, under a bar that says so."""
    if not wanted:
        return None
    from convscope.cli.progress import Bar

    with Bar("sanity check") as bar:
        return result.watched_sanity(bar)
