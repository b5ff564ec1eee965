"""Pooling as a statistic of a window."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Bars
from convscope.ops import avg_pool2d, global_avg_pool2d, lp_pool2d, max_pool2d

__all__ = ["EXPERIMENT"]

VALUES = np.array([[1.0, 2, 0, 4], [3, 2, 4, 0], [8, 0, 5, 5], [0, 0, 5, 5]])


def measure(material: Material) -> Measured:
    """Compare each pooling of the engine with NumPy's statistic of the same windows."""
    x = VALUES[None, None]
    windows = VALUES.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(4, 4)
    pooled = {
        "maximum": (max_pool2d(x, 2), windows.max(axis=1)),
        "mean": (avg_pool2d(x, 2), windows.mean(axis=1)),
        "2-norm": (lp_pool2d(x, 2), np.linalg.norm(windows, axis=1)),
        "1-norm": (lp_pool2d(x, 2, p=1), np.abs(windows).sum(axis=1)),
        "mean of the whole map": (global_avg_pool2d(x), VALUES.mean()),
    }
    numbers: dict[str, object] = {
        f"{name} of each window": result.ravel().tolist() for name, (result, _) in pooled.items()
    }
    apart = [float(np.abs(result.ravel() - known).max()) for result, known in pooled.values()]
    numbers["largest difference to the statistic"] = max(apart)
    bars = Bars(
        "four windows, four statistics", tuple(str(w.tolist()) for w in windows.astype(int)),
        {name: result.ravel() for name, (result, _) in list(pooled.items())[:4]}, "value",
    )  # fmt: skip
    return Measured("a map of 4x4 numbers", numbers, (bars,))


def judge(n: Numbers) -> Judgement:
    """Equal to the statistic; and one number can come from windows that differ."""
    largest = n["maximum of each window"]
    text = ", ".join(f"{value:g}" for value in largest)
    return judged(
        n["largest difference to the statistic"] < 1e-12,
        f"Maximum ({text}), mean, p-norm and global mean equal NumPy's statistics of the same windows to "
        f"{n['largest difference to the statistic']:.0e}.",
    )


EXPERIMENT = Experiment(
    "summary-statistic", "pooling computes a summary statistic of a window", measure, judge
)
