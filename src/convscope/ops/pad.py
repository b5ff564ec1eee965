"""Putting pixels around an image."""

from __future__ import annotations

from typing import cast

from convscope.errors import InvalidValue
from convscope.ops.arguments import check_arrays, check_ndim, pair
from convscope.ops.chooser import get
from convscope.ops.memory import Array
from convscope.ops.settings import number, word

__all__ = ["PAD_MODES", "pad2d", "pad2d_grad", "pad_widths"]

Widths = tuple[tuple[int, int], tuple[int, int]]

PAD_MODES = ("constant", "reflect", "replicate", "circular")
_ALSO = {"edge": "replicate", "wrap": "circular"}  # as NumPy and ONNX say


def pad2d(x: Array, padding: object, *, mode: str = "constant", value: float = 0.0) -> Array:
    """Put pixels around each image.

    Parameters
    ----------
    x : ndarray of shape (N, C, H, W), float32 or float64
    padding : int, (rows, columns) or ((top, bottom), (left, right))
        How many pixels.
    mode : "constant", "reflect", "replicate" (or "edge"), "circular" (or "wrap")
        What is in them: `value`; the image mirrored at its outermost pixels, which are not repeated;
        the outermost pixel; the image from its other side.
    value : float
        For "constant"; it may be infinite.

    Returns
    -------
    ndarray of shape (N, C, top + H + bottom, left + W + right)

    Raises
    ------
    InvalidValue
        If there is no such mode, or "reflect" asks for as many pixels as there are, "circular" for more.
    DtypeError
        If `x` is not float32 or float64.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[[[1.0, 2.0, 3.0]]]])
    >>> for mode in PAD_MODES:
    ...     print(pad2d(x, ((0, 0), (2, 1)), mode=mode)[0, 0, 0])
    [0. 0. 1. 2. 3. 0.]
    [3. 2. 1. 2. 3. 2.]
    [1. 1. 1. 2. 3. 3.]
    [2. 3. 1. 2. 3. 1.]
    """
    op = "pad2d"
    check_arrays(op, x=x)
    check_ndim(op, "x", x, "N, C, H, W")
    mode, widths = pad_mode(op, mode), pad_widths(op, padding)
    check_widths(op, mode, widths, (x.shape[2], x.shape[3]))
    return cast(Array, get(op)(x, widths, mode=mode, value=number(op, "value", value, infinite=True)))


def pad2d_grad(grad: Array, padding: object, *, mode: str = "constant") -> Array:
    """Give the gradient by the input of `pad2d`: a pixel gets that of all its copies.

    Parameters
    ----------
    grad : ndarray of shape (N, C, top + H + bottom, left + W + right)
    padding, mode
        As in `pad2d`.

    Examples
    --------
    >>> import numpy as np
    >>> pad2d_grad(np.ones((1, 1, 1, 6)), ((0, 0), (2, 1)), mode="replicate")
    array([[[[3., 1., 2.]]]])
    """
    op = "pad2d_grad"
    check_arrays(op, grad=grad)
    check_ndim(op, "grad", grad, "N, C, oH, oW")
    mode, widths = pad_mode(op, mode), pad_widths(op, padding)
    size = (grad.shape[2] - sum(widths[0]), grad.shape[3] - sum(widths[1]))
    if min(size) < 1:
        raise InvalidValue(
            f"{op}: grad must be larger than the padding; got grad.shape={grad.shape}, padding={widths}."
        )
    check_widths(op, mode, widths, size)
    return cast(Array, get(op)(grad, widths, mode=mode))


def pad_mode(op: str, mode: object) -> str:
    """Give the mode by the one name used here."""
    name = _ALSO.get(mode, mode) if isinstance(mode, str) else mode
    return word(op, "mode", name, PAD_MODES)


def pad_widths(op: str, padding: object) -> Widths:
    """Give any form of padding as ((top, bottom), (left, right))."""
    if isinstance(padding, tuple | list):
        if len(padding) != 2:
            raise InvalidValue(
                f"{op}: padding must be a number, (rows, columns) or ((top, bottom), (left, right)); "
                f"got {padding!r}."
            )
        return pair(op, "padding", padding[0], 0), pair(op, "padding", padding[1], 0)
    both = pair(op, "padding", padding, 0)
    return both, both


def check_widths(op: str, mode: str, widths: Widths, size: tuple[int, int]) -> None:
    """Refuse to take more pixels from an image than there are."""
    if mode not in ("reflect", "circular"):
        return
    for what, width, length in zip(("height", "width"), widths, size, strict=True):
        most = length - 1 if mode == "reflect" else length
        if max(width) > most:
            raise InvalidValue(
                f"{op}: along the {what}, {length} pixels, {mode} padding must be at most {most}; "
                f"got padding={width}."
            )
