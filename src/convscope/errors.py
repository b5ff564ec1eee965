"""The exceptions of convscope.

Every error a user can cause is a `ConvscopeError` whose message is one line:
who refuses, what must hold, what was got and, where there is one, the nearest
thing that would work. The command line prints that line and exits with 2.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

__all__ = [
    "ConvscopeError",
    "DivergedError",
    "DtypeError",
    "FileError",
    "InvalidValue",
    "UnknownName",
    "nearest_names",
]


class ConvscopeError(Exception):
    """The base of all errors that a user can cause; its message is one line, whatever a file put into it.

    Examples
    --------
    >>> str(ConvscopeError("the operator 'Conv\\nTranspose\\x1b[2J'"))
    "the operator 'Conv Transpose\\\\x1b[2J'"
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*(_one_line(item) if isinstance(item, str) else item for item in args))


class InvalidValue(ConvscopeError, ValueError):
    """A shape or a value that cannot work."""


class DtypeError(ConvscopeError, TypeError):
    """An array or argument of the wrong type."""


class FileError(ConvscopeError, OSError):
    """A file that is missing, broken, of another kind or cannot be written."""


class DivergedError(ConvscopeError, ArithmeticError):
    """A training run whose loss is no longer a number."""


class UnknownName(ConvscopeError, KeyError):
    """A name that does not exist; the message offers the nearest ones."""

    def __str__(self) -> str:  # KeyError would show the repr of the message
        return str(self.args[0]) if self.args else ""


def _one_line(text: str) -> str:
    """Replace line ends and tabs by spaces, and show other control characters instead of sending them."""
    if text.isprintable():
        return text
    return "".join(
        " "
        if char in "\n\r\t\v\f\x85\u2028\u2029"
        else repr(char)[1:-1]
        if unicodedata.category(char) in ("Cc", "Cs")
        else char
        for char in text
    )


def nearest_names(name: str, known: Iterable[str], count: int = 3) -> str:
    """Say which known names come nearest, as the end of an error message.

    Examples
    --------
    >>> nearest_names("conv_1", ["conv1", "conv2", "fc"])
    'nearest: conv1, conv2'
    >>> nearest_names("zzz", ["conv1", "fc"])
    'known: conv1, fc'
    """
    names = list(known)
    if not names:
        return "there are none"
    close = difflib.get_close_matches(name, names, n=count, cutoff=0.5)
    if close:
        return "nearest: " + ", ".join(close)
    shown = ", ".join(names[:8])
    return f"known: {shown}" + (", ..." if len(names) > 8 else "")
