"""Do kernels that learn to tell horizontal from vertical lines come to look like such lines?

    python examples/lines.py

A network of eight 5x5 kernels, each answer the mean of its map, is trained on generated lines. Judged
before and after: which kernels have a family at all, and which of these have stripes at 0 or 90 degrees.
"""

from __future__ import annotations

import convscope as cs
from convscope.data import lines
from convscope.kernels import KernelTable, judge
from convscope.layers import Flatten, GlobalAvgPool2d, ReLU
from convscope.models.initialise import conv2d, linear
from convscope.models.sequence import sequential
from convscope.training import Cosine, evaluate

SEEDS = range(5)
NEAR = 10.0  # degrees


def network(seed: int) -> cs.Network:
    """Eight kernels, the mean of each map, and a weighing of the eight."""
    layers = [
        ("conv1", conv2d(8, 5, padding=2)),
        ("relu1", ReLU()),
        ("mean", GlobalAvgPool2d()),
        ("flatten", Flatten()),
        ("fc", linear(2)),
    ]
    return sequential(layers, (1, 16, 16), seed=seed, name="lines")


def orientations(table: KernelTable) -> list[float]:
    """Give the orientations of the kernels that are no noise and have one, in degrees."""
    return [v.orientation for v in table if v.family != "noise" and v.orientation is not None]


def upright(angle: float) -> bool:
    """Say whether stripes are horizontal or vertical, to NEAR degrees."""
    return abs((angle + 45) % 90 - 45) <= NEAR


def main() -> None:
    """Train five networks and print the account of each."""
    learn, test = lines(2000, 16, seed=0), lines(1000, 16, seed=0, start=2000)
    for seed in SEEDS:
        net = network(seed)
        before = judge(net.parameters["conv1.weight"])
        optimizer = cs.SGD(0.05, momentum=0.9, weight_decay=5e-3)
        cs.fit(net, learn, epochs=30, batch_size=32, optimizer=optimizer, schedule=Cosine(), seed=seed)
        after = judge(net.parameters["conv1.weight"])
        print(f"seed {seed}: {evaluate(net, test).accuracy:.1%} of 1,000 held-out lines right")
        for name, table in (("before", before), ("after", after)):
            angles = orientations(table)
            right = sum(map(upright, angles))
            shown = ", ".join(str(angle) for angle in sorted(round(a) % 180 for a in angles)) or "none"
            print(f"  {name:6} {right} of 8 kernels at 0 or 90 degrees; orientations found: {shown}")


if __name__ == "__main__":
    main()
