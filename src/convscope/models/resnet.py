"""Residual networks."""

from __future__ import annotations

from collections.abc import Sequence

from convscope.errors import InvalidValue
from convscope.layers import Add, Flatten, GlobalAvgPool2d, MaxPool2d, ReLU
from convscope.models.builder import Builder
from convscope.models.checks import check_classes, check_image
from convscope.models.initialise import batch_norm, conv2d, he_normal_fan_out, linear
from convscope.network import Network

__all__ = ["resnet18", "small_resnet"]


def resnet18(variant: str = "imagenet", *, num_classes: int | None = None, seed: int = 0) -> Network:
    """Build ResNet-18: eight residual blocks of two 3x3 convolutions.

    The names of nodes and parameters are those of torchvision's model ("layer1.0.conv1.weight"),
    so that its weights fit by name.

    Parameters
    ----------
    variant : {"imagenet", "cifar"}
        "imagenet": 3x224x224, a 7x7 convolution of stride 2 and a max pooling first, 1000 classes;
        11,689,512 parameters. "cifar": 3x32x32, a 3x3 convolution of stride 1 first and no
        pooling, ten classes; 11,173,962 parameters.
    num_classes : int, optional
        Instead of 1000 or ten.
    seed : int
        Of the drawn weights.

    References
    ----------
    He, Zhang, Ren and Sun (2016), Deep residual learning for image recognition, table 1.

    Examples
    --------
    >>> resnet18("cifar")
    Network(resnet18-cifar: 3x32x32, 68 nodes, 11,173,962 parameters)
    """
    if variant not in ("imagenet", "cifar"):
        raise InvalidValue(f"resnet18: variant must be 'imagenet' or 'cifar'; got {variant!r}.")
    imagenet = variant == "imagenet"
    classes = (1000 if imagenet else 10) if num_classes is None else num_classes
    build = Builder((3, 224, 224) if imagenet else (3, 32, 32), seed)
    source = _stem(build, imagenet)
    for stage, filters in enumerate((64, 128, 256, 512), start=1):
        for block in (0, 1):
            stride = 2 if stage > 1 and block == 0 else 1
            source = _block(build, source, f"layer{stage}.{block}", filters, stride)
    source = build.add("avgpool", GlobalAvgPool2d(), source)
    source = build.add("flatten", Flatten(), source)
    build.add("fc", linear(classes), source)
    return build.network("resnet18" if imagenet else "resnet18-cifar")


def small_resnet(
    input_shape: Sequence[int] = (1, 28, 28), *, num_classes: int = 10, width: int = 64, seed: int = 0
) -> Network:
    """Build a small residual network for small images, such as those of Fashion-MNIST.

    A 3x3 convolution of half of `width` filters, a 2x2 max pooling, so that most of the work is done on
    maps of a quarter of the pixels, three residual blocks of `width`, twice and four times as
    many filters, the second and third of stride 2, and the mean of each map.

    Parameters
    ----------
    input_shape : (C, H, W)
        At least 2x2 pixels.
    num_classes : int
    width : int
        Filters of the first block, an even number. Half the width is a quarter of the multiply-adds: at
        28x28 pixels 37.4 million with 64, 9.4 million with 32.
    seed : int
        Of the drawn weights.

    Returns
    -------
    Network
        Its output, "fc", is one score a class, before any softmax.

    Examples
    --------
    >>> small_resnet()
    Network(small_resnet: 1x28x28, 34 nodes, 1,209,834 parameters)
    """
    classes = check_classes("small_resnet", num_classes)
    if isinstance(width, bool) or not isinstance(width, int) or width < 2 or width % 2:
        raise InvalidValue(f"small_resnet: width must be an even number of at least 2; got {width!r}.")
    build = Builder(check_image("small_resnet", input_shape, 2), seed)
    source = _conv_norm(build, build.input_name, "conv1", "bn1", width // 2, 3, 1)
    source = build.add("relu1", ReLU(), source)
    source = build.add("pool1", MaxPool2d(2), source)
    for stage in (1, 2, 3):
        source = _block(build, source, f"block{stage}", width << (stage - 1), 1 if stage == 1 else 2)
    source = build.add("flatten", Flatten(), build.add("avgpool", GlobalAvgPool2d(), source))
    build.add("fc", linear(classes), source)
    return build.network("small_resnet")


def _stem(build: Builder, imagenet: bool) -> str:
    kernel, stride = (7, 2) if imagenet else (3, 1)
    first = conv2d(64, kernel, stride=stride, padding=kernel // 2, bias=False, draw=he_normal_fan_out)
    source = build.add("conv1", first, build.input_name)
    source = build.add("bn1", batch_norm(), source)
    source = build.add("relu", ReLU(), source)
    return build.add("maxpool", MaxPool2d(3, stride=2, padding=1), source) if imagenet else source


def _block(build: Builder, source: str, name: str, filters: int, stride: int) -> str:
    """conv, norm, ReLU, conv, norm, plus the input (through a 1x1 where its shape changes), ReLU."""
    x = _conv_norm(build, source, f"{name}.conv1", f"{name}.bn1", filters, 3, stride)
    x = build.add(f"{name}.relu1", ReLU(), x)
    x = _conv_norm(build, x, f"{name}.conv2", f"{name}.bn2", filters, 3, 1)
    if build.shape(source) != build.shape(x):
        source = _conv_norm(build, source, f"{name}.downsample.0", f"{name}.downsample.1", filters, 1, stride)
    x = build.add(f"{name}.add", Add(), x, source)
    return build.add(f"{name}.relu2", ReLU(), x)


def _conv_norm(
    build: Builder, source: str, conv: str, norm: str, filters: int, kernel: int, stride: int
) -> str:
    layer = conv2d(filters, kernel, stride=stride, padding=kernel // 2, bias=False, draw=he_normal_fan_out)
    return build.add(norm, batch_norm(), build.add(conv, layer, source))
