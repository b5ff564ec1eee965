"""VGG-16, and the tiny network of CNN Explainer that is drawn after it."""

from __future__ import annotations

from collections.abc import Sequence

from convscope.layers import Flatten, MaxPool2d, ReLU
from convscope.models.alexnet import dense_layers
from convscope.models.checks import check_classes, check_image
from convscope.models.initialise import conv2d, linear
from convscope.models.sequence import Item, sequential
from convscope.network import Network

__all__ = ["tiny_vgg", "vgg16"]


def vgg16(*, input_shape: Sequence[int] = (3, 224, 224), num_classes: int = 1000, seed: int = 0) -> Network:
    """Build VGG-16: thirteen 3x3 convolutions in five stages, and three dense layers.

    138,357,544 parameters for 224x224 images and 1000 classes.

    Parameters
    ----------
    input_shape : (C, H, W)
        At least 32x32 pixels.
    num_classes : int
    seed : int
        Of the drawn weights.

    Returns
    -------
    Network
        Its output, "fc8", is one score a class, before any softmax.

    References
    ----------
    Simonyan and Zisserman (2014), Very deep convolutional networks for large-scale image recognition,
    table 1, column D.

    Examples
    --------
    >>> vgg16(input_shape=(3, 32, 32), num_classes=10)
    Network(vgg16: 3x32x32, 39 nodes, 33,638,218 parameters)
    """
    shape, classes = check_image("vgg16", input_shape, 32), check_classes("vgg16", num_classes)
    layers: list[Item] = []
    for stage, (filters, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1):
        for place in range(1, count + 1):
            layers += [
                (f"conv{stage}_{place}", conv2d(filters, 3, padding=1)),
                (f"relu{stage}_{place}", ReLU()),
            ]
        layers.append((f"pool{stage}", MaxPool2d(2)))
    return sequential([*layers, *dense_layers(classes)], shape, seed=seed, name="vgg16")


def tiny_vgg(*, input_shape: Sequence[int] = (3, 64, 64), num_classes: int = 10, seed: int = 0) -> Network:
    """Build the network of CNN Explainer: four 3x3 convolutions of ten filters, and one dense layer.

    19,920 parameters for 64x64 images and ten classes. The nodes have the explainer's names.

    Parameters
    ----------
    input_shape : (C, H, W)
        At least 16x16 pixels.
    num_classes : int
    seed : int
        Of the drawn weights.

    Returns
    -------
    Network
        Its output, "output", is one score a class, before any softmax.

    References
    ----------
    Wang et al. (2020), CNN Explainer: learning convolutional neural networks with interactive
    visualization.

    Examples
    --------
    >>> tiny_vgg()
    Network(tiny_vgg: 3x64x64, 12 nodes, 19,920 parameters)
    """
    shape, classes = check_image("tiny_vgg", input_shape, 16), check_classes("tiny_vgg", num_classes)
    layers: list[Item] = []
    for stage in (1, 2):
        for place in (1, 2):
            layers += [(f"conv_{stage}_{place}", conv2d(10, 3)), (f"relu_{stage}_{place}", ReLU())]
        layers.append((f"max_pool_{stage}", MaxPool2d(2)))
    layers += [("flatten", Flatten()), ("output", linear(classes))]
    return sequential(layers, shape, seed=seed, name="tiny_vgg")
