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
ADD_TO_ONE = ("blur", "sharpen", "emboss")  # their weights do, so that their output is the image, changed


def measure(material: Material) -> Measured:
    """Apply each kernel to a ramp of slope 3, a step of 10, a constant of 10, and a photograph."""
    columns = np.arange(12.0)
    images = {
        "ramp": np.tile(SLOPE * columns, (8, 1)),
        "step": np.tile(np.where(columns < 6, 0, STEP), (8, 1)),
        "constant": np.full((8, 12), STEP),
    }
    photo, name = material.grey_photo()
    numbers: dict[str, float] = {"slope of the ramp": SLOPE, "height of the step": STEP}
    shown = {"photograph": photo}
    for kernel, key in KERNELS.items():
        for image, pixels in images.items():
            changes = kernel in ADD_TO_ONE
            response = _apply(pixels, key) - (pixels[1:-1, 1:-1] if changes else 0)
            what = "change of" if changes else "response to"
            numbers[f"{kernel}: largest {what} the {image}"] = float(np.abs(response).max())
        shown[kernel] = _apply(photo, key)
    slope = (photo[:, 2:] - photo[:, :-2])[1:-1] / 2
    numbers["photograph: correlation of Sobel x with the slope along x"] = float(
        np.corrcoef(shown["Sobel x"].ravel(), slope.ravel())[0, 1]
    )
    return Measured(f"generated images; {name}", numbers, (Images(name, shown, "own"),))


def judge(n: Numbers) -> Judgement:
    """Derivatives: the slope on a ramp, 0 on a constant; outline: 0 on both, not on a step."""
    slope = n["slope of the ramp"]
    sobel, prewitt = (n[f"{name}: largest response to the ramp"] / slope for name in ("Sobel x", "Prewitt x"))
    flat = [n[f"{name}: largest response to the constant"] for name in ("Sobel x", "Prewitt x", "outline")]
    outline = n["outline: largest response to the ramp"]
    step = n["outline: largest response to the step"]
    known = n["photograph: correlation of Sobel x with the slope along x"]
    kept, stepped = ([n[f"{k}: largest change of the {i}"] for k in ADD_TO_ONE] for i in ("constant", "step"))
    derivative = np.allclose([sobel, prewitt], [8, 6]) and np.allclose([*flat, *kept, outline], 0)
    changed = ", ".join(f"{name} by {change:.3g}" for name, change in zip(ADD_TO_ONE, stepped, strict=True))
    return judged(
        bool(derivative) and min(step, *stepped) > 0 and known > 0.9,
        f"A ramp of slope {slope:g} gives Sobel x {slope:g} times {sobel:g} and Prewitt x {slope:g} times "
        f"{prewitt:g} (the sums of their weights times distance), a constant gives both {max(flat[:2]):g}; "
        f"outline gives {outline:g} on the ramp and {step:g} at a step of {n['height of the step']:g}. The "
        f"others leave a constant as it is and change the step: {changed}. On the photograph Sobel x "
        f"correlates by {known:.2f} with the difference of neighbours.",
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
