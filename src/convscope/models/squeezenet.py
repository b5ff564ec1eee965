"""SqueezeNet."""

from __future__ import annotations

from collections.abc import Sequence

from convscope.errors import InvalidValue
from convscope.layers import Concatenate, Dropout, Flatten, GlobalAvgPool2d, MaxPool2d, ReLU
from convscope.models.builder import Builder
from convscope.models.checks import check_classes, check_image
from convscope.models.initialise import conv2d, normal
from convscope.network import Network

__all__ = ["squeezenet"]

# number of a fire module -> its squeezing filters, and each kind of its expanding filters
_FIRES = {
    2: (16, 64),
    3: (16, 64),
    4: (32, 128),
    5: (32, 128),
    6: (48, 192),
    7: (48, 192),
    8: (64, 256),
    9: (64, 256),
}

# filters and kernel of the first layer, and after which modules there is a pooling
_VARIANTS = {"1.0": (96, 7, (1, 4, 8)), "1.1": (64, 3, (1, 3, 5))}


def squeezenet(
    variant: str = "1.1",
    *,
    input_shape: Sequence[int] = (3, 224, 224),
    num_classes: int = 1000,
    seed: int = 0,
) -> Network:
    """Build SqueezeNet: eight fire modules of a few 1x1 filters, and many 1x1 and 3x3 filters on top.

    Parameters
    ----------
    variant : {"1.1", "1.0"}
        "1.0": as published, 1,248,424 parameters for 1000 classes. "1.1": with a smaller first layer
        and earlier pooling, 1,235,496 parameters and a fraction of the multiply-adds.
    input_shape : (C, H, W)
        At least 32x32 pixels.
    num_classes : int
    seed : int
        Of the drawn weights.

    Returns
    -------
    Network
        Its output, "flatten", is one score a class, before any softmax.

    References
    ----------
    Iandola et al. (2016), SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, table 1.

    Examples
    --------
    >>> squeezenet(input_shape=(3, 64, 64))
    Network(squeezenet1.1: 3x64x64, 66 nodes, 1,235,496 parameters)
    """
    if variant not in _VARIANTS:
        raise InvalidValue(f"squeezenet: variant must be '1.0' or '1.1'; got {variant!r}.")
    filters, kernel, pooled = _VARIANTS[variant]
    build = Builder(check_image("squeezenet", input_shape, 32), seed)
    classes = check_classes("squeezenet", num_classes)
    source = build.add("conv1", conv2d(filters, kernel, stride=2), build.input_name)
    source = build.add("relu1", ReLU(), source)
    for module in range(1, 10):
        if module in _FIRES:
            source = _fire(build, source, f"fire{module}", *_FIRES[module])
        if module in pooled:
            source = build.add(f"pool{module}", MaxPool2d(3, stride=2, ceil_mode=True), source)
    source = build.add("drop9", Dropout(0.5), source)
    source = build.add("conv10", conv2d(classes, 1, draw=normal(0.01)), source)
    source = build.add("relu10", ReLU(), source)
    build.add("flatten", Flatten(), build.add("pool10", GlobalAvgPool2d(), source))
    return build.network(f"squeezenet{variant}")


def _fire(build: Builder, source: str, name: str, squeeze: int, expand: int) -> str:
    """Squeeze through a few 1x1 filters; expand by 1x1 and by 3x3 filters side by side."""
    source = _conv_relu(build, source, f"{name}/squeeze1x1", squeeze, 1)
    narrow = _conv_relu(build, source, f"{name}/expand1x1", expand, 1)
    wide = _conv_relu(build, source, f"{name}/expand3x3", expand, 3)
    return build.add(f"{name}/concat", Concatenate(), narrow, wide)


def _conv_relu(build: Builder, source: str, name: str, filters: int, kernel: int) -> str:
    source = build.add(name, conv2d(filters, kernel, padding=kernel // 2), source)
    return build.add(f"{name}/relu", ReLU(), source)
