"""What the first kernels are at some epochs of training."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Array, Curves, Images
from convscope.claims.trained import SEEDS, SNAPSHOTS, digits_network, first_kernels
from convscope.kernels import judge as judge_kernels
from convscope.training import evaluate

__all__ = ["EXPERIMENT"]


def measure(material: Material) -> Measured:
    """Judge the kernels of five networks after 0, 1, 2, 5, 10 and 20 epochs; follow one kernel's maps."""
    test = material.digits()[1]
    noise = np.array([_noise(judge_kernels(first_kernels(epoch))) for epoch in SNAPSHOTS])
    accuracy = [evaluate(digits_network().snapshots[epoch], test).accuracy for epoch in SNAPSHOTS]
    # the epoch from which on a kernel is no noise until the end
    left = [
        next((e for e, n in zip(SNAPSHOTS, _from(column), strict=True) if not n), None) for column in noise.T
    ]
    when = [epoch for epoch in left if epoch is not None]
    numbers = {
        "kernels": noise.shape[1],
        "kernels called noise, by epoch": noise.sum(axis=1).tolist(),
        "epochs": list(SNAPSHOTS),
        "accuracy of seed 0, by epoch": accuracy,
        "kernels that stop being noise for good": len(when),
        "median epoch at which they do": float(np.median(when)) if when else -1.0,
    }
    # of seed 0 the kernel that ends as the strongest of those that are no noise
    final = digits_network().net.parameters["conv1.weight"]
    channel = int(np.argmax(np.where(noise[-1, :16], 0, np.abs(final).sum(axis=(1, 2, 3)))))
    kernels = {f"epoch {e}": first_kernels(e)[channel, 0] for e in SNAPSHOTS}
    maps = {
        f"epoch {e}": digits_network().snapshots[e].run(test.x[:1])["relu1"][0, channel] for e in SNAPSHOTS
    }
    panels = (
        Images(f"kernel conv1[{channel}], seed 0", kernels),
        Images(f"what it finds in one digit, relu1[{channel}]", maps, "grey"),
        Curves("accuracy on digits held out", SNAPSHOTS, {"accuracy": accuracy}, "epoch", "share"),
    )
    return Measured(f"the embedded digits, seeds {SEEDS[0]} to {SEEDS[-1]}", numbers, panels)


def judge(n: Numbers) -> Judgement:
    """Noise must decrease while accuracy grows; kernels that stay noise are the limit."""
    noise, accuracy, total = (
        n["kernels called noise, by epoch"],
        n["accuracy of seed 0, by epoch"],
        n["kernels"],
    )
    return judged(
        noise[-1] < noise[0] and accuracy[-1] > accuracy[0],
        f"Of {total} kernels {noise[0]} are noise before training and {noise[-1]} after {n['epochs'][-1]} "
        "epochs; "
        f"{n['kernels that stop being noise for good']} stop being noise for good, the median at epoch "
        f"{n['median epoch at which they do']:g}. Accuracy goes from {accuracy[0]:.1%} to "
        f"{accuracy[-1]:.1%}.",
        limit=f"{noise[-1]} kernels work and still cannot be told from noise." if noise[-1] else "",
    )


def _noise(table: object) -> list[bool]:
    return [v.family == "noise" for v in table]  # type: ignore[attr-defined]


def _from(column: Array) -> Array:
    """Mark each epoch after which the kernel is still noise at some snapshot."""
    return np.logical_or.accumulate(column[::-1])[::-1]


EXPERIMENT = Experiment(
    "evolution",
    "looking at feature maps as training progresses shows what channels learn to detect",
    measure,
    judge,
)
