"""Settings that must be numbers before their range can be asked for."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from convscope.errors import DtypeError

__all__ = ["check_numbers"]


def check_numbers(settings: Any) -> None:
    """Refuse a dataclass whose fields of type float or int hold anything else.

    Examples
    --------
    >>> from convscope.training import SGD
    >>> SGD("fast")
    Traceback (most recent call last):
        ...
    convscope.errors.DtypeError: SGD: learning_rate must be a number; got 'fast'.
    """
    for field in fields(settings):
        value = getattr(settings, field.name)
        kinds = (int, np.integer) if field.type == "int" else (int, float, np.integer, np.floating)
        if field.type in ("int", "float") and (isinstance(value, bool) or not isinstance(value, kinds)):
            wanted = "a whole number" if field.type == "int" else "a number"
            raise DtypeError(f"{type(settings).__name__}: {field.name} must be {wanted}; got {value!r}.")
