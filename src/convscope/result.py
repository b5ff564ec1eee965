"""The base of every result: frozen, and able to show and save itself.

A result holds arrays, numbers and names; it neither draws nor prints. How a
result becomes text, a picture, a page or a table is the business of
`convscope.report`, which registers one renderer for each pair of class and
format. Looking a renderer up by name is the only upward reference there is.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from convscope.errors import InvalidValue
from convscope.files import write_text

__all__ = ["Result", "check_suffix", "plain", "renders", "to_json"]

Renderer = Callable[..., Any]
_RENDERERS: dict[tuple[str, str], Renderer] = {}
_R = TypeVar("_R", bound=Renderer)
# suffixes of files that hold what a result shows: what is shown
_SHOWN = {"md": "text", "txt": "text"}
# kinds of output that are no suffix; the page is saved as ".html"
_NO_SUFFIX = frozenset(("plot", "page", "notebook", "rows", "html", *_SHOWN.values()))


def renders(result: str, kind: str) -> Callable[[_R], _R]:
    """Register a renderer of a class, by its name, for a kind of output.

    `kind` is a file suffix without the dot, or "plot", "rows", "text" or "html". A renderer of a
    suffix is called as `renderer(result, path)` and must write through `convscope.files`;
    one of "plot" as `renderer(result, ax=None, **options)` and returns the matplotlib Axes;
    "rows" gives a mapping of column to value for each row; "text" and "html" return a string.
    """

    def register(function: _R) -> _R:
        _RENDERERS[(result, kind)] = function
        return function

    return register


@dataclasses.dataclass(frozen=True)
class Result:
    """What a computation found: frozen, and it can show and save itself."""

    def to_dict(self) -> dict[str, Any]:
        """Give every public field as plain Python: arrays become nested lists."""
        return {
            field.name: plain(getattr(self, field.name))
            for field in dataclasses.fields(self)
            if not field.name.startswith("_")
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the result to `path`; the suffix chooses the format.

        ".json" and ".html" (one page) always work, ".txt" and ".md" where the result shows itself so.

        Raises
        ------
        InvalidValue
            If this kind of result has no such format; the message lists those it has.
        FileError
            If the file cannot be written. Whatever was there before stays.
        """
        suffix = Path(path).suffix.lower().lstrip(".")
        if suffix == "json":
            write_text(path, to_json(self) + "\n")
            return
        if suffix == "html":
            write_text(path, str(self._renderer("page")(self)) + "\n")
            return
        if suffix in _SHOWN and self._find(suffix) is None:
            write_text(path, self._shown_as(suffix) + "\n")
            return
        self._renderer(suffix)(self, Path(path))

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the result with matplotlib and return the Axes."""
        return self._renderer("plot")(self, ax=ax, **options)

    def to_frame(self) -> Any:
        """Give the rows of the result as a pandas DataFrame: one a filter, a node, an epoch, a finding ...

        Raises
        ------
        InvalidValue
            If pandas is not installed, or the result has no rows.
        """
        rows = self._rows()
        try:
            import pandas
        except ImportError as error:
            raise InvalidValue(
                f"{type(self).__name__}.to_frame needs pandas: pip install pandas; .to_dict needs nothing."
            ) from error
        return pandas.DataFrame(rows)

    def _rows(self) -> list[dict[str, Any]]:
        """Give what a renderer says are the rows, else the first field that is a tuple of records."""
        renderer = self._find("rows")
        if renderer is not None:
            return list(renderer(self))
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple) and value and all(dataclasses.is_dataclass(item) for item in value):
                return [{f.name: getattr(item, f.name) for f in dataclasses.fields(item)} for item in value]
        raise InvalidValue(f"{type(self).__name__}.to_frame: this result has no rows; see .to_dict.")

    def _repr_html_(self) -> str:
        return str(self._renderer("notebook")(self))

    def __str__(self) -> str:
        renderer = self._find("text")
        return repr(self) if renderer is None else str(renderer(self))

    def _find(self, kind: str) -> Renderer | None:
        importlib.import_module("convscope.report")
        for cls in type(self).__mro__:
            if (cls.__name__, kind) in _RENDERERS:
                return _RENDERERS[(cls.__name__, kind)]
        return None

    def _shown_as(self, suffix: str) -> str:
        """Give what the result shows as plain text, or as text whose columns stay aligned."""
        shown = self._renderer(_SHOWN[suffix], suffix)
        return f"```text\n{shown(self)}\n```" if suffix == "md" else str(shown(self))

    def _renderer(self, kind: str, suffix: str = "") -> Renderer:
        found = self._find(kind)
        if found is not None:
            return found
        name = type(self).__name__
        if kind == "plot":
            raise InvalidValue(f"{name}.plot: there is no picture of this result.")
        classes = {cls.__name__ for cls in type(self).__mro__}
        kinds = {k for c, k in _RENDERERS if c in classes}
        files = {suffix for suffix, shown in _SHOWN.items() if shown in kinds}
        files |= kinds - _NO_SUFFIX
        known = ", ".join(sorted("." + suffix for suffix in (*files, "html", "json")))
        raise InvalidValue(f"{name}.save: the suffix must be one of {known}; got '.{suffix or kind}'.")


def plain(value: Any) -> Any:
    """Turn arrays, results and mappings into what JSON can hold; NaN and infinity become text.

    Examples
    --------
    >>> plain({"a": np.arange(3), "b": np.float32(0.5), "c": float("nan")})
    {'a': [0, 1, 2], 'b': 0.5, 'c': 'nan'}
    """
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    if isinstance(value, Result):
        return value.to_dict()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value


def check_suffix(path: str | os.PathLike[str]) -> None:
    """Refuse a suffix that no result is saved as, before the work whose result is to go there.

    Raises
    ------
    InvalidValue
        The message lists all suffixes; which of them a result has is known when it is saved.
    """
    importlib.import_module("convscope.report")
    known = {kind for _, kind in _RENDERERS} - _NO_SUFFIX | {"json", "html", *_SHOWN}
    if Path(path).suffix.lower().lstrip(".") not in known:
        names = ", ".join(sorted("." + suffix for suffix in known))
        raise InvalidValue(f"cannot write {os.fspath(path)}: the suffix must be one of {names}.")


def to_json(value: Any) -> str:
    """Write anything that `plain` takes as JSON, which knows neither NaN nor infinity: they become text.

    Examples
    --------
    >>> to_json([float("inf")])
    '[\\n "inf"\\n]'
    """
    told = plain(value)
    try:
        return json.dumps(told, indent=1, allow_nan=False)
    except ValueError:  # a `to_dict` of a result's own left some in; a second walk is rarely needed
        return json.dumps(plain(told), indent=1, allow_nan=False)
