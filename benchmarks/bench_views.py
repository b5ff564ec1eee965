"""The views' speed against Captum: the same network, the same images, turn by turn in one process.

    python benchmarks/bench_views.py MODEL.onnx [--batch 1] [--views gradient,occlusion] [--rounds 5]

Both use one thread; the processor time of that thread counts, and the median of the rounds after one
that is not counted stands. Captum gets the network of `convscope.to_torch` with a `torch.nn.ReLU` for
every rectifier, channels first, and for occlusion and integrated gradients the number of images at a time
that suits it best of 1, 4 and 16 (chosen on the first round). `--json FILE` writes the ratios.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import convscope as cs
from convscope.explain import attributions, class_maps
from convscope.explain.deconvolution import projections
from convscope.network import Network

STEPS, SIZE = 8, 32  # points of the integral; pixels of the square and from place to place
Contestant = Callable[[], Any]


def torch_twin(net: Network, node: str) -> Any:
    """Give the network as a module whose rectifiers are modules, with a mark on one node for Grad-CAM."""
    import torch

    twin = cs.to_torch(net)
    steps = dict(twin.named_children())
    kinds = {name: one.layer.kind for name, one in net.nodes.items()}

    class OwnModules(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            made = {n: torch.nn.ReLU() if kind == "ReLU" else steps[n] for n, kind in kinds.items()}
            self.steps = torch.nn.ModuleList(made.values())
            self.mark = torch.nn.Identity()

        def forward(self, x: Any) -> Any:
            made = {net.input_name: x}
            for step, (name, one) in zip(self.steps, net.nodes.items(), strict=True):
                made[name] = step(*(made[source] for source in one.inputs))
                if name == node:
                    made[name] = self.mark(made[name])
            return made[net.outputs[0]].flatten(1)

    return OwnModules().eval()


def contestants(
    net: Network, x: np.ndarray, target: int, algorithm: str | None
) -> dict[str, tuple[Contestant, list[Contestant]]]:
    """Give for each view ours and Captum's, with its sizes of batches."""
    import torch
    from captum import attr

    from convscope.explain.class_maps import last_map
    from convscope.network import scores_of

    score = scores_of(net, "bench")[0]
    node = last_map(net, score)
    assert node is not None
    module = torch_twin(_without_softmax(net, score), node)
    leaf = torch.tensor(x, requires_grad=True)
    windows = {"sliding_window_shapes": (3, SIZE, SIZE), "strides": (3, SIZE, SIZE)}
    captum = {
        "gradient": attr.Saliency(module),
        "gradient-x-input": attr.InputXGradient(module),
        "guided": attr.GuidedBackprop(module),
        "deconvnet": attr.Deconvolution(module),
        "grad-cam": attr.LayerGradCam(module, module.mark),
    }
    ours: dict[str, Contestant] = {
        name: lambda name=name: attributions(net, x, target, name, algorithm=algorithm)
        for name in ("gradient", "gradient-x-input", "guided")
    }
    ours["deconvnet"] = lambda: projections(net, x, target, algorithm or "direct")
    ours["grad-cam"] = lambda: class_maps(net, x, target, node, algorithm=algorithm or "direct")
    found: dict[str, tuple[Contestant, list[Contestant]]] = {
        name: (ours[name], [lambda one=one: one.attribute(leaf, target=target)])
        for name, one in captum.items()
    }
    integrated, covering = attr.IntegratedGradients(module), attr.Occlusion(module)
    sizes = (1, 4, 16) if len(x) == 1 else (1,)
    found["integrated"] = (
        lambda: attributions(net, x, target, "integrated", steps=STEPS, algorithm=algorithm),
        [
            lambda s=s: integrated.attribute(
                leaf, target=target, n_steps=STEPS, internal_batch_size=max(s, len(x))
            )
            for s in sizes
        ],
    )
    found["occlusion"] = (
        lambda: [cs.occlusion(net, one, target, SIZE, SIZE, algorithm=algorithm or "direct") for one in x],
        [
            lambda s=s: covering.attribute(leaf.detach(), target=target, perturbations_per_eval=s, **windows)
            for s in sizes
        ],
    )
    return found


def _without_softmax(net: Network, score: str) -> Network:
    from convscope.explain.part import up_to

    return up_to(net, (score,))


def seconds(call: Contestant) -> float:
    start = time.thread_time()
    call()
    return time.thread_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--views", default="")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--algorithm", help="of our convolutions: direct, auto or winograd; else what each view does"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    import torch

    warnings.filterwarnings("ignore", message="Setting backward hooks on ReLU")
    warnings.filterwarnings("ignore", message="Internal batch size cannot be less")
    torch.set_num_threads(1)
    cs.set_threads(1)
    net = cs.load(options.model)
    x = np.random.default_rng(0).normal(0, 50, (options.batch, *net.input_shape)).astype(np.float32)
    ratios = {}
    for name, (ours, theirs) in contestants(net, x, 281, options.algorithm).items():
        if options.views and name not in options.views.split(","):
            continue
        seconds(ours)  # not counted
        best = min(theirs, key=seconds) if len(theirs) > 1 else theirs[0]
        times = [(seconds(ours), seconds(best)) for _ in range(options.rounds)]
        mine, other = (statistics.median(column) for column in zip(*times, strict=True))
        ratios[name] = other / mine
        print(
            f"{net.name:20} batch {len(x):2}  {name:17} {mine * 1e3:9.1f} ms  Captum {other * 1e3:9.1f} ms"
            f"  {ratios[name]:5.2f} times faster",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(ratios, indent=1) + "\n")


if __name__ == "__main__":
    main()
