"""Results that are one picture: its files, and how a notebook shows it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from convscope.report.page import escape
from convscope.report.picture import figure_uri, save_figure
from convscope.result import renders

__all__ = ["draws"]

_D = TypeVar("_D", bound=Callable[..., Any])


def draws(result: str, alt: Callable[[Any], str] | None = None) -> Callable[[_D], _D]:
    """Register what draws a class, by its name, as its .png, .svg and .pdf, and as its HTML with `alt`.

    Parameters
    ----------
    result : str
        The name of the class.
    alt : callable, optional
        Takes the result and says in plain text what the picture shows. Without it the HTML, if any, is
        registered elsewhere.

    Returns
    -------
    decorator
        Of a function that takes the result and gives a matplotlib figure, Axes in one, or a `Sheet`.
    """

    def register(draw: _D) -> _D:
        def save(found: Any, path: Path) -> None:
            with _Drawn(draw(found)) as figure:
                save_figure(figure, path)

        def show(found: Any) -> str:
            assert alt is not None
            with _Drawn(draw(found)) as figure:
                uri = figure_uri(figure)
            return f'<img alt="{escape(alt(found), quote=True)}" style="max-width:100%" src="{uri}">'

        for suffix in ("png", "svg", "pdf"):
            renders(result, suffix)(save)
        if alt is not None:
            renders(result, "html")(show)
        return draw

    return register


class _Drawn:
    """The figure of what was drawn, until it is written: pyplot, if it made it, must not show it too."""

    def __init__(self, drawn: Any) -> None:
        figure = drawn.figure  # of Axes and of a figure; of a sheet it is what draws it
        self._figure = figure() if callable(figure) else figure

    def __enter__(self) -> Any:
        return self._figure

    def __exit__(self, *error: object) -> None:
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:
            pyplot.close(self._figure)
