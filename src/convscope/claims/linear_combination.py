"""One matrix holds a convolution: a dense layer with connections cut and weights shared."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Bars, Images
from convscope.explain import convolution_forms
from convscope.models import small_cnn

__all__ = ["EXPERIMENT"]


def measure(material: Material) -> Measured:
    """Write the first layer of a small network as the matrix of a dense layer."""
    net, digit = small_cnn(seed=0), material.digits()[1].x[0]
    forms = convolution_forms(net, digit, "conv1")
    assert forms.dense is not None
    weight = net.parameters["conv1.weight"]
    product = (forms.dense @ digit.ravel()).reshape(16, 8, 8) + net.parameters["conv1.bias"][:, None, None]
    numbers = {
        "weights of the convolution": weight.size,
        "entries of the dense matrix": forms.dense.size,
        "entries that are not 0": int(np.count_nonzero(forms.dense)),
        "different values among these": len(np.unique(forms.dense[forms.dense != 0])),
        "largest difference of the outputs": float(np.abs(product - net.run(digit)["conv1"][0]).max()),
        "rounding can explain": forms.bound,
    }
    bars = Bars(
        "what is left of a dense layer", ("entries", "not 0", "different"),
        {"count": list(numbers.values())[1:4]}, "count", log=True,
    )  # fmt: skip
    return Measured(
        "an embedded digit, the first layer of small_cnn", numbers,
        (Images("dense matrix of one filter", {"64 cells x 64 pixels": forms.dense[:64]}), bars),
    )  # fmt: skip


def judge(n: Numbers) -> Judgement:
    """Equal outputs; most entries cut; no more values than the convolution has weights."""
    entries, left = n["entries of the dense matrix"], n["entries that are not 0"]
    values, weights = n["different values among these"], n["weights of the convolution"]
    return judged(
        n["largest difference of the outputs"] <= n["rounding can explain"]
        and values <= weights < left < entries,
        f"The dense matrix gives the same output to {n['largest difference of the outputs']:.1e} (rounding: "
        f"{n['rounding can explain']:.1e}); of its {entries:,} entries {left:,} are not 0, with {values} "
        f"different values: the {weights} weights of the convolution.",
    )


EXPERIMENT = Experiment(
    "linear-combination",
    "dense and convolutional layers both compute a linear combination; a CNN is a perceptron with "
    "connections "
    "cut and weights shared",
    measure,
    judge,
)
