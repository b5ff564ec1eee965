"""LeNet-5, as it is built today and as it was in 1998."""

from __future__ import annotations

import numpy as np

from convscope.errors import InvalidValue
from convscope.layers import AvgPool2d, Flatten, MaxPool2d, ReLU, Tanh
from convscope.layers.base import Array
from convscope.models.initialise import channel_scale, conv2d, fan_in_uniform, linear, table_conv2d
from convscope.models.sequence import sequential
from convscope.network import Network

__all__ = ["connection_table", "lenet5"]


def lenet5(variant: str = "relu", *, num_classes: int = 10, seed: int = 0) -> Network:
    """Build LeNet-5 for one-channel images.

    Parameters
    ----------
    variant : {"relu", "1998"}
        "relu": 28x28 images without padding, ReLU and max pooling; 44,426 parameters for ten
        classes. "1998": the original, for 32x32 images, see below.
    num_classes : int
    seed : int
        Of the drawn weights.

    Returns
    -------
    Network
        Its output, "fc3" or "output", is one score a class, before any softmax.

    Notes
    -----
    The original has 60,000 trainable parameters up to F6, and so has this: C1 156, S2 12,
    C3 1,516 (each filter sees three to six maps, table I), S4 32, C5 48,120, F6 10,164. Sub-sampling
    is the mean of a 2x2 window times a trainable coefficient plus a trainable bias, and then the
    squashing function 1.7159 tanh(2x/3). It deviates from the article in these points:

    - the coefficient multiplies the mean of the window, where the article multiplies the sum: the
      same functions, with a coefficient four times as large; it starts at 1;
    - the output is a dense layer (850 parameters), where the article compares F6 with a fixed
      7x12 bitmap of each digit by Euclidean distance (RBF units);
    - it is trained by cross entropy and not by the article's criterion.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner (1998), Gradient-based learning applied to document
    recognition, Proceedings of the IEEE 86(11).

    Examples
    --------
    >>> lenet5()
    Network(lenet5: 1x28x28, 12 nodes, 44,426 parameters)
    >>> lenet5("1998").summary()["c3"].parameters
    1516
    """
    if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 1:
        raise InvalidValue(f"lenet5: num_classes must be a whole number of at least 1; got {num_classes!r}.")
    if variant == "relu":
        return _modern(num_classes, seed)
    if variant == "1998":
        return _original(num_classes, seed)
    raise InvalidValue(f"lenet5: variant must be 'relu' or '1998'; got {variant!r}.")


def connection_table() -> Array:
    """Give which of the 6 maps of S2 each of the 16 filters of C3 sees (LeCun et al. 1998, table I).

    The first six see three neighbours, the next six four, then three see four that are no
    neighbours, and the last sees all; neighbours go round.

    Returns
    -------
    ndarray of bool, shape (16, 6)

    Examples
    --------
    >>> table = connection_table()
    >>> int(table.sum()) * 25 + 16  # kernels of 5x5, and biases
    1516
    >>> print(table.T.astype(int))
    [[1 0 0 0 1 1 1 0 0 1 1 1 1 0 1 1]
     [1 1 0 0 0 1 1 1 0 0 1 1 1 1 0 1]
     [1 1 1 0 0 0 1 1 1 0 0 1 0 1 1 1]
     [0 1 1 1 0 0 1 1 1 1 0 0 1 0 1 1]
     [0 0 1 1 1 0 0 1 1 1 1 0 1 1 0 1]
     [0 0 0 1 1 1 0 0 1 1 1 1 0 1 1 1]]
    """
    seen = [tuple((first + k) % 6 for k in range(3)) for first in range(6)]
    seen += [tuple((first + k) % 6 for k in range(4)) for first in range(6)]
    seen += [(0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), tuple(range(6))]
    table = np.zeros((16, 6), dtype=bool)
    for row, maps in zip(table, seen, strict=True):
        row[list(maps)] = True
    return table


def _modern(num_classes: int, seed: int) -> Network:
    return sequential(
        [
            ("conv1", conv2d(6, 5)),
            ("relu1", ReLU()),
            ("pool1", MaxPool2d(2)),
            ("conv2", conv2d(16, 5)),
            ("relu2", ReLU()),
            ("pool2", MaxPool2d(2)),
            ("flatten", Flatten()),
            ("fc1", linear(120)),
            ("relu3", ReLU()),
            ("fc2", linear(84)),
            ("relu4", ReLU()),
            ("fc3", linear(num_classes)),
        ],
        (1, 28, 28),
        seed=seed,
        name="lenet5",
    )


def _original(num_classes: int, seed: int) -> Network:
    def squash() -> Tanh:
        return Tanh(amplitude=1.7159, slope=2 / 3)

    draw = fan_in_uniform
    return sequential(
        [
            ("c1", conv2d(6, 5, draw=draw)),
            ("c1.squash", squash()),
            ("s2.mean", AvgPool2d(2)),
            ("s2", channel_scale()),
            ("s2.squash", squash()),
            ("c3", table_conv2d(connection_table(), (5, 5), draw=draw)),
            ("c3.squash", squash()),
            ("s4.mean", AvgPool2d(2)),
            ("s4", channel_scale()),
            ("s4.squash", squash()),
            ("c5", conv2d(120, 5, draw=draw)),
            ("c5.squash", squash()),
            ("flatten", Flatten()),
            ("f6", linear(84, draw=draw)),
            ("f6.squash", squash()),
            ("output", linear(num_classes, draw=draw)),
        ],
        (1, 32, 32),
        seed=seed,
        name="lenet5-1998",
    )
