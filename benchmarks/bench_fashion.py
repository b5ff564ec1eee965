"""Seconds from the start of a process to 90 % of Fashion-MNIST's test images, against PyTorch.

    python benchmarks/bench_fashion.py FOLDER               FOLDER holds the four IDX files
    python benchmarks/bench_fashion.py FOLDER --cpu-time    processor time of one thread, for a busy machine

Both scripts import their library, read the files, and train the same network (two 3x3 convolutions of 32 and
64 filters with ReLU and max pooling, a dense layer) by SGD with momentum on batches of 64, until at the end
of an epoch 90 % of the test images are right. The rate falls along half a cosine over four epochs, step by
step: with a constant one the number of epochs is chance. Initial weights are drawn by one rule, by different
generators. Turn by turn, the median of --runs (3) processes each, every one with a seed of its own.
`--goal 0` stops after the first epoch, which compares equal work.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time

OWN = """
import sys, convscope as cs
from convscope.layers import Flatten, MaxPool2d, ReLU
from convscope.models import conv2d, linear, sequential

class Enough(Exception): pass

def stop(record):
    print(record.epoch, record.validation_accuracy)
    if record.validation_accuracy >= float(sys.argv[3]): raise Enough

learn, test = cs.data.fashion_mnist(sys.argv[1])
layers = [conv2d(32, 3, padding=1), ReLU(), MaxPool2d(2), conv2d(64, 3, padding=1), ReLU(), MaxPool2d(2)]
net = sequential([*layers, Flatten(), linear(10)], (1, 28, 28), seed=int(sys.argv[2]))
try:
    optimizer = cs.SGD(0.05, momentum=0.9)
    how = dict(epochs=4, batch_size=64, optimizer=optimizer, schedule=cs.training.Cosine())
    cs.fit(net, learn, validation=test, on_epoch=stop, **how)
except Enough:
    sys.exit(0)
sys.exit(1)
"""

TORCH = """
import gzip, sys, numpy as np, torch
from pathlib import Path
from torch import nn

def read(name):
    path = Path(sys.argv[1]) / name
    data = path.read_bytes() if path.exists() else gzip.decompress(Path(f"{path}.gz").read_bytes())
    return np.frombuffer(data, np.uint8, offset=16 if "images" in name else 8)

def images(name):
    return torch.from_numpy((read(name).reshape(-1, 1, 28, 28) / 255).astype(np.float32))

torch.manual_seed(int(sys.argv[2]))
x, y = images("train-images-idx3-ubyte"), torch.from_numpy(read("train-labels-idx1-ubyte").astype(np.int64))
tx, ty = images("t10k-images-idx3-ubyte"), torch.from_numpy(read("t10k-labels-idx1-ubyte").astype(np.int64))
first = nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
second = nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)
net = nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(64 * 49, 10))
for layer in net:
    if hasattr(layer, "weight"):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu"); nn.init.zeros_(layer.bias)
net = net.to(memory_format=torch.channels_last)
optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 4 * -(-len(x) // 64))
for epoch in range(4):
    for some in torch.randperm(len(x)).split(64):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x[some]), y[some]).backward()
        optimizer.step(); schedule.step()
    with torch.inference_mode():
        right = sum((net(a).argmax(1) == b).sum().item() for a, b in zip(tx.split(256), ty.split(256)))
    print(epoch + 1, right / len(tx))
    if right / len(tx) >= float(sys.argv[3]):
        sys.exit(0)
sys.exit(1)
"""


def spent(program: str, *arguments: str, cpu_time: bool) -> tuple[float, str]:
    """Run a program; give its seconds and what it printed."""
    single = {"CONVSCOPE_THREADS": "1", "OMP_NUM_THREADS": "1"} if cpu_time else {}
    usage, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        check=True, capture_output=True, text=True, env={**os.environ, **single},
    )  # fmt: skip
    seconds = time.perf_counter() - start
    if cpu_time:
        more = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = more.ru_utime + more.ru_stime - usage.ru_utime - usage.ru_stime
    return seconds, done.stdout.strip().replace("\n", ", ")


def main() -> None:
    """Print the seconds and the epochs of each process, and the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--goal", type=float, default=0.9, help="accuracy to stop at")
    parser.add_argument("--cpu-time", action="store_true", help="processor time of one thread")
    wanted = parser.parse_args()
    seconds: dict[str, list[float]] = {"convscope": [], "PyTorch": []}
    for seed in range(wanted.runs):
        for name, program in (("convscope", OWN), ("PyTorch", TORCH)):
            arguments = wanted.folder, str(seed), str(wanted.goal)
            some, epochs = spent(program, *arguments, cpu_time=wanted.cpu_time)
            seconds[name].append(some)
            print(f"{name:<10} seed {seed}: {some:.1f} s   (epoch, accuracy: {epochs})", flush=True)
    own, peer = (statistics.median(some) for some in seconds.values())
    print(f"medians {own:.1f} s and {peer:.1f} s: {peer / own:.2f} times faster")


if __name__ == "__main__":
    main()
