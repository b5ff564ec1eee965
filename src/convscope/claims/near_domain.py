"""Accuracy on digits that are a little unlike those learned."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Bars, Images
from convscope.claims.trained import digits_network
from convscope.data import Dataset
from convscope.training import evaluate

__all__ = ["EXPERIMENT"]

LOSS = 0.05


def measure(material: Material) -> Measured:
    """Shift, invert, rotate and disturb the digits held out."""
    if material.has("mnist") and material.has("models/lenet_mnist_caffe.onnx"):
        net, test = material.network("lenet_mnist_caffe"), material.mnist()[1].take(np.arange(2000))
        # this network wants pixel / 256
        test, source, far = (
            Dataset(test.x * np.float32(255 / 256), test.y),
            "LeNet on 2,000 digits of MNIST",
            6,
        )
    else:
        net, test, source, far = digits_network().net, material.digits()[1], "the embedded digits held out", 2
    images = _changed(test.x, far)
    accuracy = {name: evaluate(net, (x, test.y)).accuracy for name, x in images.items()}
    numbers = {f"accuracy, {name}": value for name, value in accuracy.items()}
    bars = Bars("accuracy", tuple(accuracy), {"": list(accuracy.values())}, "share right")
    shown = {name: x[0, 0] for name, x in images.items()}
    return Measured(source, numbers, (Images("one digit", shown, "grey"), bars))


def judge(n: Numbers) -> Judgement:
    """Some change must cost much; those that cost little are the limit."""
    plain = n["accuracy, plain"]
    changed = {
        name.removeprefix("accuracy, "): value for name, value in n.items() if name != "accuracy, plain"
    }
    worse = {name: value for name, value in changed.items() if plain - value > LOSS}
    spared = [name for name in changed if name not in worse]
    return judged(
        bool(worse),
        f"Right are {plain:.1%} of plain digits, and "
        f"{', '.join(f'{v:.1%} {name}' for name, v in changed.items())}.",
        limit=f"Little is lost where they are {' or '.join(spared)}." if spared and worse else "",
    )


def _changed(x: Array, far: int) -> dict[str, Array]:
    from scipy.ndimage import rotate, shift

    top = float(x.max())
    noise = np.random.default_rng(0).normal(0, 0.2 * top, x.shape)

    def clipped(images: Array) -> Array:
        return np.asarray(np.clip(images, 0, top), np.float32)

    return {
        "plain": x,
        "shifted by 1 pixel": clipped(shift(x, (0, 0, 0, 1), order=0)),
        f"shifted by {far} pixels": clipped(shift(x, (0, 0, 0, far), order=0)),
        "inverted": clipped(top - x),
        "rotated by 15 degrees": clipped(rotate(x, 15, axes=(2, 3), reshape=False, order=1)),
        "rotated by 90 degrees": np.ascontiguousarray(np.rot90(x, axes=(2, 3))),
        "noisy": clipped(x + noise),
    }


EXPERIMENT = Experiment("near-domain", "on unlike data a network may not work as expected", measure, judge)
