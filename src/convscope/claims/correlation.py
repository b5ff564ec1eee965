"""Which of the two operations a CNN's convolution is."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Images
from convscope.kernels import bank
from convscope.ops import conv2d

__all__ = ["EXPERIMENT"]


def measure(material: Material) -> Measured:
    """Compare the engine with both operations of scipy.signal, for two kernels."""
    from scipy.signal import convolve2d, correlate2d

    image, _ = material.grey_photo()
    image = image[:64, :64]
    numbers: dict[str, float] = {}
    shown = {}
    for name, key in (("Sobel x", "sobel-x"), ("Gaussian", "gaussian")):
        kernel = bank[key].array
        ours = conv2d(image[None, None], kernel[None, None])[0, 0]
        turned = bool(np.array_equal(kernel, kernel[::-1, ::-1]))
        numbers[f"{name} is its own 180-degree turn"] = turned
        numbers[f"{name}: largest difference to correlate2d"] = _apart(
            ours, correlate2d(image, kernel, "valid")
        )
        numbers[f"{name}: largest difference to convolve2d"] = _apart(
            ours, convolve2d(image, kernel, "valid")
        )
        shown[f"{name}, engine"] = ours
        shown[f"{name}, convolve2d"] = convolve2d(image, kernel, "valid")
    # nine products of numbers up to 1 and 2: gamma(10) times the sum of magnitudes, twice, for two sums
    numbers["rounding can explain"] = (
        2 * 10 * np.finfo(float).eps * float(np.abs(bank["sobel-x"].array).sum())
    )
    return Measured("a piece of a photograph", numbers, (Images("engine and convolve2d", shown, "own"),))


def judge(n: Numbers) -> Judgement:
    """Equal to correlate2d always, to convolve2d for the symmetric kernel only."""
    bound = n["rounding can explain"]
    always = all(n[f"{name}: largest difference to correlate2d"] <= bound for name in ("Sobel x", "Gaussian"))
    only = all(
        (n[f"{name}: largest difference to convolve2d"] <= bound) == n[f"{name} is its own 180-degree turn"]
        for name in ("Sobel x", "Gaussian")
    )
    largest = max(n[f"{name}: largest difference to correlate2d"] for name in ("Sobel x", "Gaussian"))
    return judged(
        always and only,
        f"The engine differs from scipy's correlate2d by at most {largest:.1e} "
        f"(rounding: {bound:.1e}); from convolve2d by "
        f"{n['Sobel x: largest difference to convolve2d']:.3g} for "
        f"Sobel x and by {n['Gaussian: largest difference to convolve2d']:.1e} for a Gaussian, which is "
        "its own turn.",
    )


def _apart(a: Array, b: Array) -> float:
    return float(np.abs(a - b).max())


EXPERIMENT = Experiment("correlation", "the convolution of a CNN is cross-correlation", measure, judge)
