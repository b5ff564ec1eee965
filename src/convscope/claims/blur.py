"""Whether a convolution blurs."""

from __future__ import annotations

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Images
from convscope.claims.spectra import high_share
from convscope.kernels import bank, filter_image

__all__ = ["EXPERIMENT"]

KERNELS = ("gaussian", "box", "sharpen", "sobel-x")


def measure(material: Material) -> Measured:
    """Measure the share of fine detail in a photograph before and after some kernels."""
    photo, name = material.grey_photo()
    filtered = {bank[key].name: filter_image(photo, bank[key].array).values for key in KERNELS}
    numbers = {"share above .25 cycles per pixel, photograph": high_share(photo)}
    for kernel, image in filtered.items():
        numbers[f"share above .25 cycles per pixel, {kernel}"] = high_share(image)
    shown = {"photograph": photo, **filtered}
    return Measured(name, numbers, (Images("before and after", shown, "own"),))


def judge(n: Numbers) -> Judgement:
    """A Gaussian must take high frequencies away; kernels that add them are the limit."""
    before, *after = n.values()
    names = [name.rpartition(", ")[2] for name in n][1:]
    raising = [f"{name} {share:.2%}" for name, share in zip(names, after, strict=True) if share > before]
    gaussian = n["share above .25 cycles per pixel, Gaussian blur"]
    return judged(
        gaussian < before,
        f"A Gaussian takes the share of energy above .25 cycles per pixel from {before:.2%} to "
        f"{gaussian:.2%}.",
        limit=f"That is the kernel, not convolution: others raise the share, {' and '.join(raising)}."
        if raising
        else "",
    )


EXPERIMENT = Experiment("blur", "convolution blurs or smooths", measure, judge)
