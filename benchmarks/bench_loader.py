"""Streaming from a folder of image files: memory, images a second, and what it costs a training.

    CONVSCOPE_SHARED_DATA=... python benchmarks/bench_loader.py [--images 60000] [--threads 2]

Fashion-MNIST is written as PNG files into a temporary folder. Each measurement runs in a process of its
own, so that its peak of memory is its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT = 500e6  # bytes


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure streaming from a folder of image files.")
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--measure", nargs=4, metavar=("KIND", "FOLDER", "THREADS", "MEMORY"))
    options = parser.parse_args()
    if options.measure:
        kind, folder, threads, memory = options.measure
        print(json.dumps(measure(kind, Path(folder), int(threads), int(memory))))
        return
    shared = os.environ.get("CONVSCOPE_SHARED_DATA")
    if not shared:
        sys.exit("bench_loader: set CONVSCOPE_SHARED_DATA to the folder that has fashion_mnist/")
    with tempfile.TemporaryDirectory() as place:
        write_files(Path(shared) / "fashion_mnist", Path(place), options.images)
        report(place, str(Path(shared) / "fashion_mnist"), options.threads)


def write_files(source: Path, place: Path, count: int) -> None:
    """Write images as PNG files, a folder for each class."""
    from PIL import Image

    from convscope.data import read_idx

    images = read_idx(source / "train-images-idx3-ubyte.gz")[:count]
    labels = read_idx(source / "train-labels-idx1-ubyte.gz")[:count]
    for label in range(10):
        (place / str(label)).mkdir()
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image).save(place / str(label) / f"{number:05}.png")


def report(folder: str, arrays: str, threads: int) -> None:
    head = f"{'':34}{'first epoch':>14}{'next epoch':>14}{'training':>14}{'peak':>10}"
    print(f"{head}\n{'':34}{'images/s':>14}{'images/s':>14}{'images/s':>14}{'MB':>10}")
    worst = 0.0
    cases = [("files", 0, 0), ("files", threads, 0), ("files", threads, 2**28), ("memory", 0, 0)]
    for kind, count, memory in cases:
        place = folder if kind == "files" else arrays
        command = [sys.executable, __file__, "--measure", kind, place, str(count), str(memory)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        kept = ", pixels kept" if memory else ""
        name = "Dataset in memory" if kind == "memory" else f"PNG files, {count} threads{kept}"
        rates = "".join(f"{found[key]:14,.0f}" for key in ("first", "next", "training"))
        print(f"{name:34}{rates}{found['peak'] / 1e6:10,.0f}", flush=True)
        if kind == "files":
            worst = max(worst, found["peak"])
            opened = found["opening"]
    print(f"opening the folder (every header is read): {opened:.1f} s")
    print(f"streaming stays under {LIMIT / 1e6:.0f} MB: {'yes' if worst < LIMIT else 'NO'}")
    sys.exit(worst >= LIMIT)


def measure(kind: str, folder: Path, threads: int, memory: int) -> dict[str, float]:
    """Read two epochs, train LeNet-5 for a third; give images/s and the peak of memory in bytes."""
    from convscope.data import ImageFolder, Loader, fashion_mnist

    start = time.perf_counter()
    data = ImageFolder(folder, memory=memory) if kind == "files" else fashion_mnist(folder)[0]
    opening = time.perf_counter() - start
    loader = Loader(data, 64, seed=0, threads=threads)
    rates = []
    for epoch in range(2):
        start = time.perf_counter()
        seen = sum(len(batch.y) for batch in loader.epoch(epoch, reuse=True))
        rates.append(seen / (time.perf_counter() - start))
    training = train(loader)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"opening": opening, "first": rates[0], "next": rates[1], "training": training, "peak": peak}


def train(loader: object) -> float:
    """Train LeNet-5 for one epoch on what a loader gives; give images/s."""
    from convscope import models, ops
    from convscope.network import Workspace
    from convscope.training import SGD

    net, optimizer, workspace = models.lenet5(), SGD(), Workspace()
    memory = optimizer.start(net.parameters)
    start, seen = time.perf_counter(), 0
    for x, y, samples in loader.epoch(2, reuse=True):  # type: ignore[attr-defined]
        random = ops.Randomness(0, 2, samples)
        run = net.run(x, training=True, rng=random, workspace=workspace)
        _, gradient = ops.softmax_cross_entropy(run["fc3"], y)
        gradients = net.backward(run, {"fc3": gradient}, inputs=False)
        optimizer.step(net.parameters, gradients.parameters, memory, 0.05)
        seen += len(y)
    return seen / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
