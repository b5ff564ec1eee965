"""Seconds from the start of a process to 90 % of Fashion-MNIST's test images, against PyTorch.

    python benchmarks/bench_fashion.py FOLDER [RUNS]        FOLDER holds the four IDX files

Both scripts import their library, read the files, and train the same network (two 3x3 convolutions of 32 and
64 filters with ReLU and max pooling, a dense layer) by SGD with momentum on batches of 64, until at the end
of an epoch 90 % of the test images are right. Initial weights are drawn by one rule, by different generators.
Turn by turn, the median of RUNS (3) processes each, every one with a seed of its own.
"""

from __future__ import annotations

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
    if record.validation_accuracy >= 0.9: raise Enough

learn, test = cs.data.fashion_mnist(sys.argv[1])
layers = [conv2d(32, 3, padding=1), ReLU(), MaxPool2d(2), conv2d(64, 3, padding=1), ReLU(), MaxPool2d(2)]
net = sequential([*layers, Flatten(), linear(10)], (1, 28, 28), seed=int(sys.argv[2]))
try:
    optimizer = cs.SGD(0.05, momentum=0.9)
    cs.fit(net, learn, validation=test, epochs=20, batch_size=64, optimizer=optimizer, on_epoch=stop)
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
for epoch in range(20):
    for some in torch.randperm(len(x)).split(64):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x[some]), y[some]).backward()
        optimizer.step()
    with torch.inference_mode():
        right = sum((net(a).argmax(1) == b).sum().item() for a, b in zip(tx.split(256), ty.split(256)))
    print(epoch + 1, right / len(tx))
    if right / len(tx) >= 0.9:
        sys.exit(0)
sys.exit(1)
"""


def main() -> None:
    """Print the seconds and the epochs of each process, and the ratio of the medians."""
    folder, runs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    seconds: dict[str, list[float]] = {"convscope": [], "PyTorch": []}
    for seed in range(runs):
        for name, program in (("convscope", OWN), ("PyTorch", TORCH)):
            command = [sys.executable, "-c", program, folder, str(seed)]
            start = time.perf_counter()
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds[name].append(time.perf_counter() - start)
            epochs = done.stdout.strip().replace("\n", ", ")
            print(
                f"{name:<10} seed {seed}: {seconds[name][-1]:.1f} s   (epoch, accuracy: {epochs})", flush=True
            )
    own, peer = (statistics.median(some) for some in seconds.values())
    print(f"medians {own:.1f} s and {peer:.1f} s: {peer / own:.2f} times faster")


if __name__ == "__main__":
    main()
