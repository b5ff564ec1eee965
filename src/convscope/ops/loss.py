"""The loss of classification."""

from __future__ import annotations

from typing import cast

import numpy as np

from convscope.errors import DtypeError, InvalidValue
from convscope.ops.arguments import check_arrays, check_length, check_ndim
from convscope.ops.chooser import get
from convscope.ops.memory import Array

__all__ = ["softmax_cross_entropy"]


def softmax_cross_entropy(logits: Array, labels: Array) -> tuple[float, Array]:
    """Give the mean of -log(softmax of the right class), and its gradient by the logits.

    Parameters
    ----------
    logits : ndarray of shape (N, classes), float32 or float64
        Scores before the softmax.
    labels : integer ndarray of shape (N,)
        The right class of each sample, from 0 to classes - 1.

    Returns
    -------
    loss : float
        The mean over the batch, in nats.
    grad : ndarray of shape (N, classes)
        (softmax - one hot) / N.

    Raises
    ------
    InvalidValue
        If a label is out of range, or the batch is empty.
    DtypeError
        If labels are not whole numbers, or logits not float32 or float64.

    Examples
    --------
    >>> import numpy as np
    >>> loss, grad = softmax_cross_entropy(np.zeros((1, 4)), np.array([2]))
    >>> bool(np.isclose(loss, np.log(4))), grad
    (True, array([[ 0.25,  0.25, -0.75,  0.25]]))
    """
    op = "softmax_cross_entropy"
    check_arrays(op, logits=logits)
    check_ndim(op, "logits", logits, "N, classes")
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu":
        kind = labels.dtype if isinstance(labels, np.ndarray) else type(labels).__name__
        raise DtypeError(f"{op}: labels must be an array of whole numbers; got {kind}.")
    check_length(op, "labels", labels, logits.shape[0], "sample")
    if not len(labels):
        raise InvalidValue(f"{op}: an empty batch has no mean loss; got logits.shape={logits.shape}.")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        wrong = int(np.flatnonzero((labels < 0) | (labels >= logits.shape[1]))[0])
        raise InvalidValue(
            f"{op}: labels must be from 0 to {logits.shape[1] - 1}; got {labels[wrong]} at sample {wrong}."
        )
    return cast(tuple[float, Array], get(op)(logits, labels))
