"""Which padding keeps the size."""

from __future__ import annotations

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Curves
from convscope.geometry import conv_output_size, keeping_padding, same_padding

__all__ = ["EXPERIMENT"]

W = 28
KERNELS = (3, 5, 7)
STRIDES = (1, 2, 4)


def measure(material: Material) -> Measured:
    """Try both rules, and the padding that keeps the size for any stride."""
    halved = [(f, s) for s in STRIDES for f in (3, 4, 5, 7, 8) if (f - s) % 2 == 0 and f > s]
    by_five = [conv_output_size(W, 5, stride=s, padding=2) for s in STRIDES]
    kept = [conv_output_size(W, 5, stride=s, padding=keeping_padding(W, 5, s)) for s in STRIDES]
    numbers = {
        "W": W,
        "P = (F - 1)/2, S = 1, F = 3, 5, 7": [conv_output_size(W, f, padding=(f - 1) // 2) for f in KERNELS],
        "P = (F - 1)/2, F = 5, S = 1, 2, 4": by_five,
        "strides of P = (F - S)/2": [s for _, s in halved],
        "P = (F - S)/2 gives": [conv_output_size(W, f, stride=s, padding=(f - s) // 2) for f, s in halved],
        "padding that keeps W, F = 5, S = 1, 2, 4": [list(keeping_padding(W, 5, s)) for s in STRIDES],
        "size with it": kept,
        "padding that keeps W for F = 4, S = 1": list(same_padding(W, 4)),
    }
    curve = Curves(
        "28 pixels, kernel 5", STRIDES,
        {"P = (F - 1)/2": by_five, "keeping padding": kept}, "stride", "cells",
    )  # fmt: skip
    return Measured("28 pixels", numbers, (curve,))


def judge(n: Numbers) -> Judgement:
    """The first rule holds for stride 1; the second gives W/S."""
    w, kept = n["W"], n["P = (F - 1)/2, S = 1, F = 3, 5, 7"]
    pairs = list(zip(n["strides of P = (F - S)/2"], n["P = (F - S)/2 gives"], strict=True))
    by_stride = all(size == w / stride for stride, size in pairs)
    before, after = n["padding that keeps W for F = 4, S = 1"]
    text = f"With stride 1, P = (F - 1)/2 keeps {w} pixels for F = 3, 5 and 7."
    first, second = n["padding that keeps W, F = 5, S = 1, 2, 4"][1]
    limit = ""
    if by_stride and any(size != w for _, size in pairs):
        sizes = ", ".join(f"{size} for S = {stride}" for stride, size in dict(pairs).items())
        limit = (
            f"P = (F - S)/2 gives W/S and not W: {sizes}. Keeping W for F = 5, S = 2 needs {first} and "
            f"{second} pixels."
        )
    if before != after:
        limit += f" An even F needs one side padded more: F = 4 needs {before} and {after}."
    return judged(set(kept) == {w} == set(n["size with it"]), text, limit=limit.strip())


EXPERIMENT = Experiment(
    "same-padding",
    "P = (F - 1)/2 keeps the size when S = 1; P = (F - S)/2 keeps it for any stride",
    measure,
    judge,
)
