"""Checking settings that are real numbers, words, or yes and no."""

from __future__ import annotations

import math

import numpy as np

from convscope.errors import DtypeError, InvalidValue

__all__ = ["flag", "number", "word"]

_REAL = (int, float, np.integer, np.floating)
_YES_OR_NO = (bool, np.bool_, int, np.integer)


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
    real = isinstance(value, _REAL) and not isinstance(value, bool)
    if not real:
        raise DtypeError(f"{op}: {name} must be a number; got {value!r}.")
    result = float(value)  # type: ignore[arg-type]  # checked above
    if not math.isfinite(result) and (math.isnan(result) or not infinite):
        raise InvalidValue(f"{op}: {name} must be finite; got {name}={result}.")
    if above is not None and not result > above:
        raise InvalidValue(f"{op}: {name} must be greater than {above:g}; got {name}={result:g}.")
    if least is not None and not result >= least:
        raise InvalidValue(f"{op}: {name} must be at least {least:g}; got {name}={result:g}.")
    return result


def word(op: str, name: str, value: object, known: tuple[str, ...]) -> str:
    """Give `value` if it is one of the `known` words.

    Raises
    ------
    InvalidValue
    """
    if not isinstance(value, str) or value not in known:
        raise InvalidValue(f"{op}: {name} must be one of {', '.join(known)}; got {value!r}.")
    return value


def flag(op: str, name: str, value: object) -> bool:
    """Give `value` as True or False, which 1 and 0 may stand for; a word such as "no" is neither.

    Raises
    ------
    DtypeError
    """
    if isinstance(value, _YES_OR_NO) and value in (0, 1):
        return bool(value)
    raise DtypeError(f"{op}: {name} must be True or False; got {value!r}.")
