"""A convolution as one matrix product of stretched patches and stretched filters."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Bars, Images
from convscope.explain import convolution_forms
from convscope.models.initialise import conv2d as drawn
from convscope.models.sequence import sequential

__all__ = ["EXPERIMENT"]


def measure(material: Material) -> Measured:
    """Stretch AlexNet's first layer over a photograph and multiply."""
    net = sequential([("conv1", drawn(96, 11, stride=4))], (3, 227, 227), seed=0)
    photo, name = material.photo()
    image = np.ascontiguousarray(photo[:227, :227].transpose(2, 0, 1) / np.float32(255), np.float32)
    forms = convolution_forms(net, image, "conv1")
    patches, filters = forms.patches[0], forms.filters[0]
    out = net.run(image, algorithm="direct").output[0].reshape(96, -1).T
    product = patches @ filters + net.parameters["conv1.bias"]
    reads = _reads(227, 11, 4)
    numbers = {
        "patches (places, values)": list(patches.shape),
        "filters (values, filters)": list(filters.shape),
        "F*F*C": 11 * 11 * 3,
        "A*B*C": int(image.size),
        "largest difference of the product": float(np.abs(product - out).max()),
        "rounding can explain": forms.bound,
        "input values": int(image.size),
        "values in the patches": int(patches.size),
        "times a value is read, mean": float(reads.mean()),
        "times a value is read, at most": int(reads.max()),
    }
    bars = Bars(
        "how much is computed, by form", tuple(f.name for f in forms.forms),
        {"products": [f.multiply_adds for f in forms.forms]}, "products", log=True,
    )  # fmt: skip
    images = Images("how often each pixel is read", {"windows that read it": reads}, "grey")
    return Measured(f"AlexNet's first layer; {name}", numbers, (images, bars))


def judge(n: Numbers) -> Judgement:
    """363 x 3025 times 96 x 363, equal; a column of A*B*C is the limit."""
    (places, values), (_, filters) = n["patches (places, values)"], n["filters (values, filters)"]
    apart, bound = n["largest difference of the product"], n["rounding can explain"]
    limit = ""
    if n["A*B*C"] != values == n["F*F*C"]:
        limit = (
            f"A column has F*F*C = {values} values; A*B*C = {n['A*B*C']:,} holds only for a filter as large "
            "as the image."
        )
    return judged(
        (values, places, filters) == (363, 3025, 96) and apart <= bound,
        f"Patches {values} x {places}, filters {filters} x {values}; the product equals the engine's sum "
        f"to {apart:.1e} "
        f"(rounding: {bound:.1e}). Each input value is read {n['times a value is read, mean']:.1f} times "
        "on average, "
        f"{n['times a value is read, at most']} times at most.",
        limit=limit,
    )


def _reads(size: int, kernel: int, stride: int) -> Array:
    """Count the windows that read each pixel."""
    along = np.zeros(size)
    for start in range(0, size - kernel + 1, stride):
        along[start : start + kernel] += 1
    return np.outer(along, along)


EXPERIMENT = Experiment(
    "one-product",
    "the whole layer is one matrix multiplication of stretched patches and stretched filters, with columns "
    "of "
    "length A*B*C",
    measure,
    judge,
)
