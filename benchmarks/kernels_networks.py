"""The first layers of trained networks: every kernel beside its verdict.

Run: python benchmarks/kernels_networks.py FOLDER_OF_MODELS -o FOLDER

Reads the first convolution of bvlc_googlenet.onnx (7x7x3, BGR, stride 2) and
squeezenet_v1.1.onnx (3x3x3, BGR, stride 2), prints each verdict with the
numbers that decide, and draws sheets to compare by eye.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from convscope.kernels import KernelTable, judge

NETWORKS = {"googlenet": ("bvlc_googlenet.onnx", 2), "squeezenet": ("squeezenet_v1.1.onnx", 2)}


def first_weight(path: Path) -> np.ndarray:
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    first = next(node for node in graph.node if node.op_type == "Conv")
    stored = {i.name: i for i in graph.initializer}
    return numpy_helper.to_array(stored[first.input[1]])


def draw(table: KernelTable, path: Path, columns: int = 8) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = -(-len(table) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.1 * columns, 2.5 * rows))
    for axis in axes.ravel():
        axis.axis("off")
    for i, (axis, verdict) in enumerate(zip(axes.ravel(), table, strict=False)):
        image = table.weight[i][::-1].transpose(1, 2, 0)  # BGR to RGB
        axis.imshow(0.5 + 0.5 * image / np.abs(image).max(), interpolation="nearest")
        angle = "" if verdict.orientation is None else f" {verdict.orientation:.0f}°"
        colour = verdict.colour.name if verdict.colour else ""
        axis.set_title(
            f"{i} {verdict.family}{angle} {verdict.confidence:.2f}\nE {verdict.explained:.2f} "
            f"p {verdict.p_value:.4f} c {verdict.centroid:.2f}\n{colour}",
            fontsize=7,
        )
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name, (file, stride) in NETWORKS.items():
        table = judge(first_weight(chosen.models / file), "BGR", stride)
        print(f"{name}: {table.counts}")
        for i, verdict in enumerate(table):
            shares = "/".join(f"{s:.2f}" for s in verdict.channel_shares[:2])
            print(f"{i:3d} {verdict.passband:9s} c {verdict.centroid:.2f} modes {shares}  {verdict.sentence}")
        for finding in table.layer.findings:
            print(("! " if finding.found else "  ") + f"{finding.name}: {finding.text}")
        draw(table, chosen.out / f"{name}.png")


if __name__ == "__main__":
    main()
