"""Checking settings that are real numbers."""

from __future__ import annotations

import numpy as np

from convscope.errors import DtypeError, InvalidValue

__all__ = ["number"]


def number(
    op: str,
    name: str,
    value: object,
    *,
    above: float | None = None,
    least: float | None = None,
    infinite: bool = False,
) -> float:
    """Give `value` as a float: finite unless `infinite`; greater than `above`, at least `least`, if given.

    Raises
    ------
    DtypeError, InvalidValue
    """
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not real:
        raise DtypeError(f"{op}: {name} must be a number; got {value!r}.")
    result = float(value)  # type: ignore[arg-type]  # checked above
    if np.isnan(result) or (np.isinf(result) and not infinite):
        raise InvalidValue(f"{op}: {name} must be finite; got {name}={result}.")
    if above is not None and not result > above:
        raise InvalidValue(f"{op}: {name} must be greater than {above:g}; got {name}={result:g}.")
    if least is not None and not result >= least:
        raise InvalidValue(f"{op}: {name} must be at least {least:g}; got {name}={result:g}.")
    return result
