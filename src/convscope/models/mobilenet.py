"""MobileNet V2."""

from __future__ import annotations

from collections.abc import Sequence

from convscope.layers import Add, Clip, Dropout, Flatten, GlobalAvgPool2d
from convscope.models.builder import Builder
from convscope.models.checks import check_classes, check_image
from convscope.models.initialise import Promise, batch_norm, conv2d, he_normal_fan_out, linear, normal
from convscope.network import Network

__all__ = ["mobilenet_v2"]

# expansion, filters, blocks, stride of the first block (table 2)
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v2(
    *, input_shape: Sequence[int] = (3, 224, 224), num_classes: int = 1000, seed: int = 0
) -> Network:
    """Build MobileNet V2: blocks that widen, convolve each channel by itself, and narrow again.

    3,504,872 parameters for 1000 classes. The names of nodes and parameters are those of
    torchvision's model ("features.1.conv.0.0.weight"), so that its weights fit by name.

    Parameters
    ----------
    input_shape : (C, H, W)
        Any size.
    num_classes : int
    seed : int
        Of the drawn weights.

    Returns
    -------
    Network
        Its output, "classifier.1", is one score a class, before any softmax.

    References
    ----------
    Sandler, Howard, Zhu, Zhmoginov and Chen (2018), MobileNetV2: inverted residuals and linear bottlenecks.

    Examples
    --------
    >>> mobilenet_v2(input_shape=(3, 32, 32))
    Network(mobilenet_v2: 3x32x32, 153 nodes, 3,504,872 parameters)
    """
    build = Builder(check_image("mobilenet_v2", input_shape, 1), seed)
    classes = check_classes("mobilenet_v2", num_classes)
    source = _conv_norm_relu6(build, build.input_name, "features.0", 32, kernel=3, stride=2)
    index = 1
    for expansion, filters, count, first_stride in _STAGES:
        for block in range(count):
            stride = first_stride if block == 0 else 1
            source = _block(build, source, f"features.{index}", expansion, filters, stride)
            index += 1
    source = _conv_norm_relu6(build, source, f"features.{index}", 1280)
    source = build.add("flatten", Flatten(), build.add("avgpool", GlobalAvgPool2d(), source))
    source = build.add("classifier.0", Dropout(0.2), source)
    build.add("classifier.1", linear(classes, draw=normal(0.01)), source)
    return build.network("mobilenet_v2")


def _block(build: Builder, source: str, name: str, expansion: int, filters: int, stride: int) -> str:
    """Widen by 1x1, filter each channel by 3x3, narrow by 1x1 without rectifier; plus the input."""
    hidden = build.shape(source)[1] * expansion
    x, step = source, 0
    if expansion != 1:
        x = _conv_norm_relu6(build, x, f"{name}.conv.0", hidden)
        step = 1
    x = _conv_norm_relu6(build, x, f"{name}.conv.{step}", hidden, kernel=3, stride=stride, groups=hidden)
    x = build.add(f"{name}.conv.{step + 1}", _conv(filters), x)
    x = build.add(f"{name}.conv.{step + 2}", batch_norm(), x)
    if build.shape(x) == build.shape(source):
        x = build.add(f"{name}.add", Add(), source, x)
    return x


def _conv_norm_relu6(
    build: Builder, source: str, name: str, filters: int, *, kernel: int = 1, stride: int = 1, groups: int = 1
) -> str:
    source = build.add(f"{name}.0", _conv(filters, kernel, stride, groups), source)
    source = build.add(f"{name}.1", batch_norm(), source)
    return build.add(f"{name}.2", Clip(0, 6), source)


def _conv(filters: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> Promise:
    return conv2d(
        filters,
        kernel,
        stride=stride,
        padding=kernel // 2,
        groups=groups,
        bias=False,
        draw=he_normal_fan_out,
    )
