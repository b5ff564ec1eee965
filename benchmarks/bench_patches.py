"""`top_patches` of every hidden channel against a plain forward pass over the same images, turn by turn.

    python benchmarks/bench_patches.py FOLDER [--networks lenet5,small_cnn,small_resnet] [--rounds 3]

FOLDER holds the IDX files of Fashion-MNIST; its 10,000 test images go in. The plain pass is
`net.run(batch, keep="output")` over batches of 512, which is faster than all images at once. Both use one
thread; the processor time of the process counts, and the median of the rounds after one that is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import convscope as cs


def seconds(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--networks", default="lenet5,small_cnn,small_resnet")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cs.set_threads(1)
    x = cs.data.fashion_mnist(options.folder)[1].x
    for name in options.networks.split(","):
        build = getattr(cs.models, name)
        net = build(seed=0) if name == "lenet5" else build(input_shape=x.shape[1:], seed=0)

        def plain(net: cs.Network = net) -> None:
            for first in range(0, len(x), 512):
                net.run(x[first : first + 512], keep="output")

        def patches(net: cs.Network = net) -> None:
            cs.top_patches(net, x)

        seconds(plain), seconds(patches)  # not counted
        times = [(seconds(patches), seconds(plain)) for _ in range(options.rounds)]
        ours, passes = (statistics.median(column) for column in zip(*times, strict=True))
        print(
            f"{name:14} {ours:6.2f} s  plain pass {passes:6.2f} s  {ours / passes:5.2f} times as long",
            flush=True,
        )


if __name__ == "__main__":
    main()
