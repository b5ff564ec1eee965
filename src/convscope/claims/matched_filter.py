"""A kernel as a detector of its own pattern, in one patch."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Curves, Images
from convscope.kernels import bank
from convscope.layers import Conv2d
from convscope.network import Network, Node
from convscope.ops import conv2d

__all__ = ["EXPERIMENT"]

PATCHES = 10_000


def measure(material: Material) -> Measured:
    """Respond to random patches of the kernel's norm and to its pattern; take one cell's gradient."""
    kernel = bank["sobel-x"].array
    norm = float(np.linalg.norm(kernel))
    patches = np.random.default_rng(0).normal(size=(PATCHES, 1, 3, 3))
    patches *= norm / np.linalg.norm(patches, axis=(2, 3), keepdims=True)
    responses = conv2d(patches, kernel[None, None]).ravel()
    net = Network([Node("match", Conv2d(kernel[None, None]), "image")], (1, 16, 16), input_name="image")
    run = net.run(material.grey_photo()[0][None, None, :16, :16])
    start = np.zeros((1, 1, 14, 14))
    start[0, 0, 4, 9] = 1
    gradient = net.backward(run, {"match": start}).inputs["image"][0, 0]
    outside = np.ones_like(gradient, dtype=bool)
    outside[4:7, 9:12] = False
    numbers = {
        "random patches of the kernel's norm": PATCHES,
        "largest response to a random one": float(responses.max()),
        "response to the kernel's own pattern": conv2d(kernel[None, None], kernel[None, None]).item(),
        "pixels outside the cell's patch": int(outside.sum()),
        "largest derivative by one of them": float(np.abs(gradient[outside]).max()),
        "largest derivative by one inside": float(np.abs(gradient[~outside]).max()),
    }
    heights, edges = np.histogram(responses, bins=40)
    curve = Curves(
        f"responses of Sobel x to {PATCHES:,} patches of equal norm; its own pattern: {norm**2:g}",
        (edges[:-1] + edges[1:]) / 2, {"patches": heights}, "response", "patches",
    )  # fmt: skip
    return Measured(
        "random patches, seed 0", numbers, (curve, Images("derivative of one cell", {"": gradient}))
    )


def judge(n: Numbers) -> Judgement:
    """The own pattern must win, and nothing outside the patch may act."""
    own, other = n["response to the kernel's own pattern"], n["largest response to a random one"]
    drawn, outside = n["random patches of the kernel's norm"], n["largest derivative by one of them"]
    pixels = n["pixels outside the cell's patch"]
    return judged(
        own > other and outside == 0 < n["largest derivative by one inside"],
        f"The kernel's own pattern gives {own:g}, the best of {drawn:,} random patches of equal norm "
        f"{other:.3g}; "
        f"the largest derivative by any of the {pixels} pixels outside the patch is {outside:g}.",
    )


EXPERIMENT = Experiment(
    "matched-filter",
    "a kernel measures the correlation of a patch with itself, not of distant patches with each other",
    measure,
    judge,
)
