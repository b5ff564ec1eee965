"""A response that grows with the match, and what a step makes of it."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Curves
from convscope.kernels import bank
from convscope.ops import conv2d, relu

__all__ = ["EXPERIMENT"]

BLENDS = 101


def measure(material: Material) -> Measured:
    """Blend a pattern with noise at right angles to it, at equal norm, and respond."""
    kernel = bank["sobel-x"].array
    noise = np.random.default_rng(0).normal(size=(3, 3))
    noise -= (noise * kernel).sum() / (kernel**2).sum() * kernel
    noise *= np.linalg.norm(kernel) / np.linalg.norm(noise)
    match = np.linspace(-1, 1, BLENDS)  # the cosine between patch and kernel
    patches = match[:, None, None] * kernel + np.sqrt(1 - match**2)[:, None, None] * noise
    response = conv2d(patches[:, None], kernel[None, None]).ravel()
    rectified = relu(response[:, None, None, None]).ravel()
    stepped = (response > 0).astype(float)
    positive = match > 0
    numbers = {
        "patches": BLENDS,
        "response grows with every better match": bool((np.diff(response) > 0).all()),
        "different values for matches above 0, ReLU": len(np.unique(rectified[positive])),
        "different values for matches above 0, step": len(np.unique(stepped[positive])),
        "share of the strength's variance kept above 0, ReLU": _kept(match[positive], rectified[positive]),
        "share of the strength's variance kept above 0, step": _kept(match[positive], stepped[positive]),
        "patches where the slope is not 0, ReLU": int((np.diff(rectified) > 0).sum()),
        "patches where the slope is not 0, step": int((np.diff(stepped) > 0).sum()),
    }
    norm = float((kernel**2).sum())
    curve = Curves(
        "response to better and better matches", match,
        {"convolution": response / norm, "ReLU": rectified / norm, "step": stepped},
        "cosine with the kernel", "response",
    )  # fmt: skip
    return Measured("blends of Sobel x and noise, seed 0", numbers, (curve,))


def judge(n: Numbers) -> Judgement:
    """The response must grow; a step must lose both strength and slope."""
    relu_kept, step_kept = (
        n[f"share of the strength's variance kept above 0, {kind}"] for kind in ("ReLU", "step")
    )
    relu_slope, step_slope = (n[f"patches where the slope is not 0, {kind}"] for kind in ("ReLU", "step"))
    limit = (
        f"Said of a step it is lost: above 0 a ReLU keeps {relu_kept:.0%} of the strength's variance and a "
        "step "
        f"{step_kept:.0%}, and between {n['patches']} patches the slope is not 0 at {relu_slope} places "
        "for a ReLU and at "
        f"{step_slope} for a step, which gradient descent needs."
    )
    return judged(
        n["response grows with every better match"] and relu_kept > step_kept,
        "The response grows with every better match.",
        limit=limit if step_slope < relu_slope else "",
    )


def _kept(strength: Array, value: Array) -> float:
    """Give the squared correlation, 0 for a constant."""
    return float(np.corrcoef(strength, value)[0, 1] ** 2) if np.ptp(value) else 0.0


EXPERIMENT = Experiment("graded", "a large number means that the feature was found", measure, judge)
