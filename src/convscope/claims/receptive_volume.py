"""Every cell of an output volume, written as a slice times a filter."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Images
from convscope.ops import conv2d

__all__ = ["EXPERIMENT"]

F, S = 5, 2


def measure(material: Material) -> Measured:
    """Compute V[d, i, j] = sum(X[S*i : S*i + F, S*j : S*j + F, :] * W_d) + b_d for 11x11x4 and two "
    "filters."""
    random = np.random.default_rng(0)
    volume = random.normal(size=(11, 11, 4))  # the texts' order: channels last
    filters, bias = random.normal(size=(2, F, F, 4)), random.normal(size=2)
    side = (11 - F) // S + 1
    by_slices = np.array(
        [
            [
                [(volume[S * i : S * i + F, S * j : S * j + F, :] * w).sum() + b for j in range(side)]
                for i in range(side)
            ]
            for w, b in zip(filters, bias, strict=True)
        ]
    )
    engine = conv2d(volume.transpose(2, 0, 1)[None], filters.transpose(0, 3, 1, 2).copy(), bias, stride=S)[0]
    # two sums of 101 numbers each
    bound = (
        2
        * 102
        * np.finfo(float).eps
        * float(np.abs(volume).max() * np.abs(filters).sum(axis=(1, 2, 3)).max())
    )
    numbers = {
        "cells": engine.size,
        "cells whose difference rounding explains": int((np.abs(engine - by_slices) <= bound).sum()),
        "largest difference": float(np.abs(engine - by_slices).max()),
        "rounding can explain": bound,
        "V[0,0,0]": float(engine[0, 0, 0]),
        "V[1,0,0] of the texts, along the first axis": float(engine[0, 1, 0]),
    }
    shown = {
        "filter 0, by slices": by_slices[0],
        "filter 0, engine": engine[0],
        "filter 1, engine": engine[1],
    }
    return Measured("an 11x11x4 volume, seed 0", numbers, (Images("output volume", shown),))


def judge(n: Numbers) -> Judgement:
    """Every cell must agree."""
    same, cells = n["cells whose difference rounding explains"], n["cells"]
    return judged(
        same == cells,
        f"{same} of {cells} cells equal the slices' sums; the largest difference is "
        f"{n['largest difference']:.1e} "
        f"(rounding: {n['rounding can explain']:.1e}).",
    )


EXPERIMENT = Experiment(
    "receptive-volume",
    "V[0,0,0] = sum(X[:5,:5,:] * W0) + b0, V[1,0,0] = sum(X[2:7,:5,:] * W0) + b0, ... for F = 5, S = 2",
    measure,
    judge,
)
