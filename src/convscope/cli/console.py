"""How the command line talks: results on stdout, progress on stderr, colour only for people."""

from __future__ import annotations

import sys
from typing import Any

from convscope.result import to_json

__all__ = ["console", "print_json", "printable", "width", "wrapped"]


def console(stderr: bool = False) -> Any:
    """Give rich's console, which drops colours and animation by itself where nobody watches."""
    from rich.console import Console

    return Console(
        stderr=stderr, highlight=False, soft_wrap=not (sys.stderr if stderr else sys.stdout).isatty()
    )


def print_json(value: Any) -> None:
    """Print a result as JSON on stdout."""
    print(to_json(value))


def printable(text: str) -> str:
    """Replace drawing characters where the terminal's encoding does not have them."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(str.maketrans("█░·×─⋮…−", "#o.x-:.-"))
        text = text.encode(encoding, "replace").decode(encoding)
    return text


def width() -> int:
    """Give how many characters a line of stdout holds; 100 where it is not a terminal."""
    import shutil

    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 100


def wrapped(text: str) -> str:
    """Break lines that are longer than the terminal's, the rest of each as far in as its beginning."""
    import textwrap

    lines = []
    for line in text.split("\n"):
        indent = " " * (len(line) - len(line.lstrip()))
        joined = line.replace(" %", "\u00a0%")  # a number stays with its unit
        lines.append(textwrap.fill(joined, width(), subsequent_indent=indent))
    return "\n".join(lines).replace("\u00a0%", " %")
