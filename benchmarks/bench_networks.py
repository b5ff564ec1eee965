"""Inference of whole networks: convscope, PyTorch in both memory layouts, ONNX Runtime.

    python benchmarks/bench_networks.py             all networks, batch 1 and 32, 1 and 2 threads
    python benchmarks/bench_networks.py --networks lenet5,resnet18 --batches 1 --threads 1 --cpu-time

Every contestant computes the same network with the same weights in one process, turn by turn; the median
of its calls stands. The weights of all but PyTorch are packed beforehand. "predict" is `Network.predict`,
which looks whether a parameter has changed; "fused" is `Network.fused().predict`, which need not. The ratio
is the fastest other over "fused". The error is the largest against float64, over the largest output.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch

import convscope as cs
from contestants import Clock, race

NETWORKS: dict[str, Callable[[], cs.Network]] = {
    "lenet5": cs.models.lenet5,
    "squeezenet": cs.models.squeezenet,
    "mobilenet_v2": cs.models.mobilenet_v2,
    "resnet18": cs.models.resnet18,
    "vgg16": cs.models.vgg16,
}


def onnx_runtime(net: cs.Network, x: np.ndarray, threads: int) -> Callable[[], object]:
    """Give a call of ONNX Runtime, on the file that convscope writes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.onnx"
        cs.save(net, path)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda: session.run(None, {name: x})[0]


def contestants(net: cs.Network, x: np.ndarray, threads: int) -> dict[str, Callable[[], object]]:
    """Give every call that computes the same."""
    module, fused = cs.to_torch(net).eval(), net.fused()
    last = cs.to_torch(net).eval().to(memory_format=torch.channels_last)
    images = torch.from_numpy(x)
    images_last = images.contiguous(memory_format=torch.channels_last)
    return {
        "fused": lambda: fused.predict(x),
        "predict": lambda: net.predict(x),
        "torch": lambda: module(images),
        "torch-last": lambda: last(images_last),
        "onnxruntime": onnx_runtime(net, x, threads),
    }


def measure(name: str, batch: int, threads: int, rounds: int) -> float:
    """Print a row; give the ratio."""
    cs.set_threads(threads)
    torch.set_num_threads(threads)
    net = NETWORKS[name]()
    x = np.random.default_rng(0).standard_normal((batch, *net.input_shape)).astype(np.float32)
    with torch.inference_mode():
        calls = contestants(net, x, threads)
        exact = net.astype(np.float64).run(x[:1].astype(np.float64), keep="output").output
        errors = {
            own: np.abs(np.asarray(calls[own]())[:1] - exact).max() / np.abs(exact).max()
            for own in ("fused", "torch", "onnxruntime")
        }
        seconds = race(calls, rounds)
    others = [time for own, time in seconds.items() if own not in ("fused", "predict")]
    ratio = min(others) / seconds["fused"]
    times = " ".join(f"{own} {time * 1e3:.3g}" for own, time in seconds.items())
    found = ", ".join(f"{own} {error:.0e}" for own, error in errors.items())
    print(
        f"{name:<13} N {batch:<3} T {threads}  ratio {ratio:.2f}   ms: {times}   error: {found}", flush=True
    )
    return ratio


def main() -> None:
    """Measure what was asked for, and give the geometric mean."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--batches", default="1,32")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cpu-time", action="store_true", help="processor time of one thread")
    wanted = parser.parse_args()
    if wanted.cpu_time:
        import time

        Clock.read = staticmethod(time.thread_time)
    ratios = [
        measure(name, batch, threads, wanted.rounds)
        for threads in map(int, wanted.threads.split(","))
        for batch in map(int, wanted.batches.split(","))
        for name in wanted.networks.split(",")
    ]
    print(f"geometric mean {math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}")


if __name__ == "__main__":
    main()
