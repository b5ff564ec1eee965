"""AlexNet, and ZFNet, which was found by looking into it."""

from __future__ import annotations

from collections.abc import Sequence

from convscope.layers import Dropout, Flatten, LocalResponseNorm, MaxPool2d, ReLU
from convscope.models.checks import check_classes, check_image
from convscope.models.initialise import conv2d, linear
from convscope.models.sequence import Item, sequential
from convscope.network import Network

__all__ = ["alexnet", "zfnet"]


def alexnet(*, input_shape: Sequence[int] = (3, 227, 227), num_classes: int = 1000, seed: int = 0) -> Network:
    """Build AlexNet as published: two groups of channels, and normalisation by neighbouring channels.

    60,965,224 parameters for 227x227 images and 1000 classes, of which the first layer has 34,944.

    Parameters
    ----------
    input_shape : (C, H, W)
        At least 67x67 pixels. (The article says 224, but its sizes only fit 227.)
    num_classes : int
    seed : int
        Of the drawn weights.

    Returns
    -------
    Network
        Its output, "fc8", is one score a class, before any softmax.

    Notes
    -----
    The article's response normalisation adds 1e-4 times the sum of five squares to 2; here alpha is
    5e-4, since it is divided by the number of channels, as in ONNX and PyTorch.

    References
    ----------
    Krizhevsky, Sutskever and Hinton (2012), ImageNet classification with deep convolutional neural
    networks, section 3.5.

    Examples
    --------
    >>> alexnet(input_shape=(3, 67, 67), num_classes=10)
    Network(alexnet: 3x67x67, 23 nodes, 20,209,034 parameters)
    """
    shape = check_image("alexnet", input_shape, 67)
    classes = check_classes("alexnet", num_classes)
    features: list[Item] = [
        ("conv1", conv2d(96, 11, stride=4)),
        ("relu1", ReLU()),
        ("norm1", LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)),
        ("pool1", MaxPool2d(3, stride=2)),
        ("conv2", conv2d(256, 5, padding=2, groups=2)),
        ("relu2", ReLU()),
        ("norm2", LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)),
        ("pool2", MaxPool2d(3, stride=2)),
        ("conv3", conv2d(384, 3, padding=1)),
        ("relu3", ReLU()),
        ("conv4", conv2d(384, 3, padding=1, groups=2)),
        ("relu4", ReLU()),
        ("conv5", conv2d(256, 3, padding=1, groups=2)),
        ("relu5", ReLU()),
        ("pool5", MaxPool2d(3, stride=2)),
    ]
    return sequential([*features, *dense_layers(classes)], shape, seed=seed, name="alexnet")


def zfnet(*, input_shape: Sequence[int] = (3, 224, 224), num_classes: int = 1000, seed: int = 0) -> Network:
    """Build the network of Zeiler and Fergus: AlexNet with a finer first layer, in one group.

    Its first kernels are 7x7 with stride 2, where deconvolution had shown AlexNet's 11x11 with
    stride 4 to be dead or aliased. 62,357,608 parameters for 224x224 images and 1000 classes.

    Parameters
    ----------
    input_shape : (C, H, W)
        At least 53x53 pixels.
    num_classes : int
    seed : int
        Of the drawn weights.

    Returns
    -------
    Network
        Its output, "fc8", is one score a class, before any softmax.

    Notes
    -----
    The article draws the sizes 110, 55, 26, 13 and 6, which follow from a padding of 1 in the first
    convolution and the first two poolings. Its contrast normalisation is taken as AlexNet's.

    References
    ----------
    Zeiler and Fergus (2013), Visualizing and understanding convolutional networks, figure 3.

    Examples
    --------
    >>> zfnet(input_shape=(3, 53, 53), num_classes=10)
    Network(zfnet: 3x53x53, 23 nodes, 21,601,418 parameters)
    """
    shape, classes = check_image("zfnet", input_shape, 53), check_classes("zfnet", num_classes)
    features: list[Item] = [
        ("conv1", conv2d(96, 7, stride=2, padding=1)),
        ("relu1", ReLU()),
        ("pool1", MaxPool2d(3, stride=2, padding=1)),
        ("norm1", LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)),
        ("conv2", conv2d(256, 5, stride=2)),
        ("relu2", ReLU()),
        ("pool2", MaxPool2d(3, stride=2, padding=1)),
        ("norm2", LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)),
        ("conv3", conv2d(384, 3, padding=1)),
        ("relu3", ReLU()),
        ("conv4", conv2d(384, 3, padding=1)),
        ("relu4", ReLU()),
        ("conv5", conv2d(256, 3, padding=1)),
        ("relu5", ReLU()),
        ("pool5", MaxPool2d(3, stride=2)),
    ]
    return sequential([*features, *dense_layers(classes)], shape, seed=seed, name="zfnet")


def dense_layers(classes: int) -> list[Item]:
    """Give the three dense layers that AlexNet, ZFNet and VGG end in."""
    return [
        ("flatten", Flatten()),
        ("fc6", linear(4096)),
        ("relu6", ReLU()),
        ("drop6", Dropout(0.5)),
        ("fc7", linear(4096)),
        ("relu7", ReLU()),
        ("drop7", Dropout(0.5)),
        ("fc8", linear(classes)),
    ]
