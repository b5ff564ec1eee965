"""First layers without high-frequency Gabor kernels."""

from __future__ import annotations

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.layers_of import first_layer
from convscope.claims.material import Material
from convscope.claims.pictures import Bars, Images
from convscope.claims.trained import first_kernels
from convscope.kernels import KernelTable
from convscope.kernels import judge as judge_kernels

__all__ = ["EXPERIMENT"]

FILES = {"LeNet": "lenet_mnist_caffe", "SqueezeNet": "squeezenet_v1.1"}


def measure(material: Material) -> Measured:
    """Judge the first layers of LeNet and SqueezeNet where they are, and of networks trained on digits."""
    tables: dict[str, KernelTable] = {"digits networks": judge_kernels(first_kernels())}
    for name, file in FILES.items():
        if material.has(f"models/{file}.onnx"):
            tables[name] = first_layer(material, file)
    numbers: dict[str, float] = {}
    for name, table in tables.items():
        verdicts = [v for v in table if v.family not in ("noise", "mixture", "dead")]
        numbers[f"{name}: filters"] = len(table)
        numbers[f"{name}: with a family"] = len(verdicts)
        numbers[f"{name}: Gabor"] = sum(v.family == "gabor" for v in verdicts)
        numbers[f"{name}: first-order derivatives"] = sum(v.derivative_order == 1 for v in verdicts)
    kinds = ("Gabor", "first-order derivatives", "with a family")
    bars = Bars(
        "first layers", kinds,
        {name: [numbers[f"{name}: {kind}"] / len(table) for kind in kinds] for name, table in tables.items()},
        "share of filters",
    )  # fmt: skip
    last = list(tables)[-1]
    images = Images.of(f"first filters of {last}", [v.pattern for v in tables[last][:24]], "conv1", "own")
    return Measured(f"first layers of {', '.join(tables)}", numbers, (bars, images))


def judge(n: Numbers) -> Judgement:
    """Gabor must be a minority; networks with fewer first derivatives than Gabors are the limit."""
    names = [name.partition(":")[0] for name in n if name.endswith(": filters")]
    told, few, behind = [], True, []
    for name in names:
        gabor, first = n[f"{name}: Gabor"], n[f"{name}: first-order derivatives"]
        told.append(f"{name}: {gabor} Gabor and {first} first-order derivatives of {n[f'{name}: filters']}")
        few &= gabor < n[f"{name}: filters"] / 4
        if first <= gabor:
            behind.append(name)
    limit = f"First-order derivatives are not many in {' and '.join(behind)}." if behind else ""
    return judged(few, f"{'; '.join(told)}.", limit=limit)


EXPERIMENT = Experiment(
    "not-always-gabor",
    "not every network learns high-frequency Gabor kernels; many learn first-order derivatives",
    measure,
    judge,
)
