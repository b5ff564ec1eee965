"""A training step (forward, backward, SGD with momentum) against PyTorch, and the memory of the process.

    python benchmarks/bench_training.py             LeNet-5, a small CNN, ResNet-18 on 32x32; 1, 2 threads
    python benchmarks/bench_training.py --compile   torch.compile besides (it needs a C++ compiler)
    python benchmarks/bench_training.py --memory    largest resident memory of a process of four steps

PyTorch trains the same network (`to_torch`) with the same weights, in both memory layouts; turn by turn in
one process, medians. The errors, ours and PyTorch's, are those of the first step's weight gradients against
float64, the norm of the difference over the norm, on eight images: the largest of all weights. (Where a value
lies so near to zero that rounding opens or shuts a ReLU, a gradient jumps; deep networks show it.)
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

import convscope as cs
from convscope.layers import Flatten, MaxPool2d, ReLU
from convscope.models import Builder, batch_norm, conv2d, linear
from convscope.network import Steps
from convscope.training.losses import cross_entropy

RATE, MOMENTUM = 0.01, 0.9


def small() -> cs.Network:
    """Two 3x3 convolutions of 32, two of 64, each with batch norm; max pooling after each pair."""
    build = Builder((3, 32, 32), seed=0)
    x = "input"
    for i, filters in enumerate((32, 32, 64, 64)):
        x = build.add(f"conv{i}", conv2d(filters, 3, padding=1, bias=False), x)
        x = build.add(f"relu{i}", ReLU(), build.add(f"bn{i}", batch_norm(), x))
        if i % 2:
            x = build.add(f"pool{i}", MaxPool2d(2), x)
    build.add("fc", linear(10), build.add("flatten", Flatten(), x))
    return build.network()


NETWORKS: dict[str, tuple[Callable[[], cs.Network], int]] = {
    "lenet5": (cs.models.lenet5, 64),
    "small": (small, 128),
    "resnet18": (lambda: cs.models.resnet18("cifar"), 64),
}


def batch_of(net: cs.Network, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Give images and labels."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((count, *net.input_shape)).astype(net.dtype)
    return x, rng.integers(0, 10, count)


def own_step(net: cs.Network, x: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    """Give the step that `fit` takes."""
    optimizer = cs.SGD(RATE, momentum=MOMENTUM)
    memory = optimizer.start(net.parameters)
    steps = Steps(net.joined(net.outputs[0]), net.outputs[0])

    def step() -> None:
        scores, statistics = steps.forward(x, None)
        _, gradient = cross_entropy(scores, y)
        optimizer.step(net.parameters, steps.backward(gradient), memory, RATE)
        net.statistics.update(statistics)

    return step


def torch_step(
    net: cs.Network, x: np.ndarray, y: np.ndarray, last: bool = False, compiled: bool = False
) -> Callable[[], None]:
    """Give PyTorch's step."""
    import torch

    layout = torch.channels_last if last else torch.contiguous_format
    module = cs.to_torch(net).train().to(memory_format=layout)
    images, labels = torch.from_numpy(x).contiguous(memory_format=layout), torch.from_numpy(y)
    optimizer = torch.optim.SGD(module.parameters(), lr=RATE, momentum=MOMENTUM)
    run = torch.compile(module) if compiled else module

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(run(images), labels).backward()
        optimizer.step()

    return step


def errors(net: cs.Network, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Compare the weight gradients, ours and PyTorch's, with float64: the largest relative error."""
    exact = _gradients(net, x, y, np.float64)
    double, found = _torch_gradients(net, x, y, np.float64), _torch_gradients(net, x, y, np.float32)
    return _furthest(_gradients(net, x, y, np.float32), exact), _furthest(found, double)


def _gradients(net: cs.Network, x: np.ndarray, y: np.ndarray, dtype: type) -> dict[str, np.ndarray]:
    copy = net.astype(dtype)
    run = copy.run(x.astype(dtype), training=True)
    _, gradient = cross_entropy(run.output, y)
    return dict(copy.backward(run, {net.outputs[0]: gradient}, inputs=False).parameters)


def _torch_gradients(net: cs.Network, x: np.ndarray, y: np.ndarray, dtype: type) -> dict[str, np.ndarray]:
    import torch

    module = cs.to_torch(net.astype(dtype)).train()
    scores = module(torch.from_numpy(x.astype(dtype)))
    torch.nn.functional.cross_entropy(scores, torch.from_numpy(y)).backward()
    return {name: p.grad.numpy() for name, p in module.named_parameters()}


def _furthest(found: dict[str, np.ndarray], exact: dict[str, np.ndarray]) -> float:
    norm = np.linalg.norm
    weights = [name for name, g in exact.items() if g.ndim > 1]
    return max(float(norm(found[name] - exact[name]) / norm(exact[name])) for name in weights)


def measure(name: str, threads: int, rounds: int, compiled: bool) -> None:
    """Print a row."""
    import torch

    from contestants import race

    cs.set_threads(threads)
    torch.set_num_threads(threads)
    make, count = NETWORKS[name]
    x, y = batch_of(make(), count)
    calls: dict[str, Callable[[], object]] = {
        "convscope": own_step(make(), x, y),
        "torch": torch_step(make(), x, y),
        "torch-last": torch_step(make(), x, y, last=True),
    }
    if compiled:
        calls["torch-compiled"] = torch_step(make(), x, y, last=True, compiled=True)
    seconds = race(calls, rounds)
    ratio = min(some for own, some in seconds.items() if own != "convscope") / seconds["convscope"]
    times = " ".join(f"{own} {some * 1e3:.4g}" for own, some in seconds.items())
    own, peer = errors(make(), x[:8], y[:8])
    found = f"ratio {ratio:.2f}   ms: {times}   errors {own:.0e} {peer:.0e}"
    print(f"{name:<9} batch {count:<4} T {threads}  {found}", flush=True)


def peak(who: str, name: str) -> None:
    """Take four steps and print the largest resident memory in MB (in a process of its own)."""
    make, count = NETWORKS[name]
    net = make()
    x, y = batch_of(net, count)
    step = own_step(net, x, y) if who == "convscope" else torch_step(net, x, y, last=who == "torch-last")
    del net  # PyTorch has its own copy
    for _ in range(4):
        step()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def in_process(*arguments: str) -> float:
    """Run this file anew; give the number it prints."""
    command = [sys.executable, __file__, *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--cpu-time", action="store_true", help="processor time of one thread")
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.peak:
        return peak(*wanted.peak)
    names = wanted.networks.split(",")
    if wanted.memory:
        for name in names:
            found = {who: in_process("--peak", who, name) for who in ("convscope", "torch", "torch-last")}
            share = found["convscope"] / min(found["torch"], found["torch-last"])
            print(f"{name:<9} MB: {found}   share {share:.2f}", flush=True)
        return None
    if wanted.cpu_time:
        from contestants import Clock

        Clock.read = staticmethod(time.thread_time)
    for threads in map(int, wanted.threads.split(",")):
        for name in names:
            measure(name, threads, wanted.rounds, wanted.compile)
    return None


if __name__ == "__main__":
    main()
