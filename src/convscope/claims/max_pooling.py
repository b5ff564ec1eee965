"""What 2x2 max pooling drops and what it keeps."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Images
from convscope.kernels import bank
from convscope.ops import avg_pool2d, conv2d, max_pool2d

__all__ = ["EXPERIMENT"]


def measure(material: Material) -> Measured:
    """Pool the edges of a photograph by the largest and by the mean of each window."""
    photo, name = material.grey_photo()
    edges = np.abs(conv2d(photo[None, None], bank["sobel-x"].array[None, None]))
    edges = edges[..., : edges.shape[2] // 2 * 2, : edges.shape[3] // 2 * 2]
    largest, mean = max_pool2d(edges, 2), avg_pool2d(edges, 2)
    windows = edges[0, 0].reshape(edges.shape[2] // 2, 2, edges.shape[3] // 2, 2)
    numbers = {
        "cells before": edges.size,
        "cells after": largest.size,
        "cells after that are the largest of their window": int(
            (windows.max(axis=(1, 3)) == largest[0, 0]).sum()
        ),
        "edge energy before": float((edges**2).sum()),
        "edge energy of the survivors of max pooling": float((largest**2).sum()),
        "edge energy of the means of average pooling": float((mean**2).sum()),
    }
    shown = {"edges": edges[0, 0], "max pooling": largest[0, 0], "average pooling": mean[0, 0]}
    return Measured(f"{name}, Sobel x", numbers, (Images("edges, pooled", shown, "grey"),))


def judge(n: Numbers) -> Judgement:
    """A quarter of the cells, each the largest of its window; more energy than by the mean."""
    before, after, largest = (
        n["cells before"],
        n["cells after"],
        n["cells after that are the largest of their window"],
    )
    energy = n["edge energy before"]
    kept, mean = (
        n[f"edge energy of the {what}"] / energy
        for what in ("survivors of max pooling", "means of average pooling")
    )
    return judged(
        after * 4 == before and largest == after and kept > max(mean, 0.25),
        f"{1 - after / before:.0%} of {before:,} cells are dropped; each of the {after:,} that stay is the "
        "largest of "
        f"its window. They hold {kept:.0%} of the edge energy (a quarter would by chance); the means that "
        "average "
        f"pooling puts in their place hold {mean:.0%}.",
    )


EXPERIMENT = Experiment(
    "max-pooling", "2x2 max pooling down-samples (drops 75 %) and keeps the sharpest features", measure, judge
)
