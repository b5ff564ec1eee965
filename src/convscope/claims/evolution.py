"""What the first kernels are at some epochs of training."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Curves, Images
from convscope.claims.trained import SEEDS, SNAPSHOTS, digits_network
from convscope.explain import evolution
from convscope.training import evaluate

__all__ = ["EXPERIMENT"]


def measure(material: Material) -> Measured:
    """Follow the kernels of five networks through 0, 1, 2, 5, 10 and 20 epochs, and one kernel's maps."""
    test = material.digits()[1]
    layers = [evolution(digits_network(seed).snapshots, "conv1", test.x[0])["conv1"] for seed in SEEDS]
    family = np.concatenate([layer.family for layer in layers], axis=1)
    formed = np.concatenate([layer.formed for layer in layers])
    when = formed[formed >= 0]
    accuracy = [evaluate(digits_network().snapshots[epoch], test).accuracy for epoch in SNAPSHOTS]
    numbers = {
        "kernels": family.shape[1],
        "kernels called noise, by epoch": (family == "noise").sum(axis=1).tolist(),
        "kernels dead, by epoch": (family == "dead").sum(axis=1).tolist(),
        "epochs": list(SNAPSHOTS),
        "accuracy of seed 0, by epoch": accuracy,
        "kernels that form, to the end": len(when),
        "median epoch at which they do": float(np.median(when)) if len(when) else -1.0,
    }
    # of seed 0 the kernel that ends as the strongest of those that formed
    first = layers[0]
    strength = np.abs(first.patterns[-1]).sum(axis=(1, 2))
    channel = int(np.argmax(np.where(first.formed < 0, 0, strength)))
    kernels = {f"epoch {e}": first.patterns[i, channel] for i, e in enumerate(SNAPSHOTS)}
    assert first.maps is not None  # an image was given
    maps = {f"epoch {e}": first.maps[i, channel] for i, e in enumerate(SNAPSHOTS)}
    panels = (
        Images(f"kernel conv1[{channel}], seed 0", kernels),
        Images(f"what it makes of one digit, conv1[{channel}]", maps),
        Curves("accuracy on digits held out", SNAPSHOTS, {"accuracy": accuracy}, "epoch", "share"),
    )
    return Measured(f"the embedded digits, seeds {SEEDS[0]} to {SEEDS[-1]}", numbers, panels)


def judge(n: Numbers) -> Judgement:
    """Kernels must form while accuracy grows; those that stay noise or die are the limit."""
    noise, dead, accuracy, total = (
        n["kernels called noise, by epoch"],
        n["kernels dead, by epoch"],
        n["accuracy of seed 0, by epoch"],
        n["kernels"],
    )
    left = noise[-1] + dead[-1]
    return judged(
        left < noise[0] + dead[0] and accuracy[-1] > accuracy[0],
        f"Of {total} kernels {noise[0]} are noise before training; after {n['epochs'][-1]} epochs "
        f"{noise[-1]} are noise and {dead[-1]} dead. {n['kernels that form, to the end']} become something "
        f"else and stay so, the median from epoch {n['median epoch at which they do']:g} on. Accuracy goes "
        f"from {accuracy[0]:.1%} to {accuracy[-1]:.1%}.",
        limit=f"{noise[-1]} kernels work and still cannot be told from noise." if noise[-1] else "",
    )


EXPERIMENT = Experiment(
    "evolution",
    "looking at feature maps as training progresses shows what channels learn to detect",
    measure,
    judge,
)
