"""What classic kernels extract from a ramp, a step, a constant and a photograph."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Images
from convscope.kernels import bank
from convscope.ops import conv2d

__all__ = ["EXPERIMENT"]

SLOPE = 3.0
STEP = 10.0
KERNELS = {
    "Sobel x": "sobel-x", "Prewitt x": "prewitt-x", "outline": "laplacian-8", "blur": "gaussian",
    "sharpen": "sharpen", "emboss": "emboss",
}  # fmt: skip


def measure(material: Material) -> Measured:
    """Apply each kernel to a ramp of slope 3, a step of 10, a constant of 10, and a photograph."""
    columns = np.arange(12.0)
    images = {
        "ramp": np.tile(SLOPE * columns, (8, 1)),
        "step": np.tile(np.where(columns < 6, 0, STEP), (8, 1)),
        "constant": np.full((8, 12), STEP),
    }
    photo, name = material.grey_photo()
    numbers: dict[str, float] = {}
    shown = {"photograph": photo}
    for kernel, key in KERNELS.items():
        for image, pixels in images.items():
            response = _apply(pixels, key)
            # on a ramp a kernel whose sum is not 0 also gives the ramp: the change along it is told
            told = response if kernel != "blur" else response - pixels[1:-1, 1:-1]
            numbers[f"{kernel}: largest response to the {image}"] = float(np.abs(told).max())
        shown[kernel] = _apply(photo, key)
    slope = (photo[:, 2:] - photo[:, :-2])[1:-1] / 2
    numbers["photograph: correlation of Sobel x with the slope along x"] = float(
        np.corrcoef(shown["Sobel x"].ravel(), slope.ravel())[0, 1]
    )
    return Measured(f"generated images; {name}", numbers, (Images(name, shown, "own"),))


def judge(n: Numbers) -> Judgement:
    """Derivatives: the slope on a ramp, 0 on a constant; outline: 0 on both, not on a step."""
    sobel, prewitt = (n[f"{name}: largest response to the ramp"] / SLOPE for name in ("Sobel x", "Prewitt x"))
    flat = [n[f"{name}: largest response to the constant"] for name in ("Sobel x", "Prewitt x", "outline")]
    outline = n["outline: largest response to the ramp"]
    step = n["outline: largest response to the step"]
    known = n["photograph: correlation of Sobel x with the slope along x"]
    derivative = np.allclose([sobel, prewitt], [8, 6]) and np.allclose([*flat, outline], 0)
    return judged(
        bool(derivative) and step > 0 and known > 0.9,
        f"A ramp of slope 1 gives Sobel x {sobel:g} and Prewitt x {prewitt:g} (the sums of their weights "
        "times "
        f"distance), a constant gives both {max(flat[:2]):g}; outline gives {outline:g} on the ramp and "
        f"{step:g} "
        f"at the step. On the photograph Sobel x correlates by {known:.2f} with the difference of "
        "neighbours.",
    )


def _apply(pixels: Array, key: str) -> Array:
    return np.asarray(conv2d(pixels[None, None], bank[key].array[None, None])[0, 0])


EXPERIMENT = Experiment(
    "hand-crafted",
    "Prewitt and Sobel are discrete derivatives; kernels for outline, blur, sharpen, emboss extract given "
    "information",
    measure,
    judge,
)
