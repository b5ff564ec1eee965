"""How fast a layer is judged: kernels per second, nulls cached, every field but the sentences.

Run: python benchmarks/bench_kernels.py [--repeats 3]

Targets on two cores: 50,000 kernels of 3x3 a second, 3,000 filters of 7x7x3 a
second. The time is wall-clock time; `cpu` is what one kernel costs one core,
which other programs on the machine do not change.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from convscope.kernels import generate, judge

CASES = ((3, 1, 50_000), (5, 1, 4_000), (7, 3, 3_000), (11, 3, 500))


def weights(size: int, channels: int, count: int) -> dict[str, np.ndarray]:
    """Random kernels, and kernels of known families: their costs differ."""
    random = np.random.default_rng(0)
    families = ("edge", "line", "gabor", "smoothing", "saddle")
    known = [generate(f, size, 40, channels=channels, seed=1).weight for f in families]
    many = np.concatenate(known)
    some = many[random.integers(0, len(many), count)]
    return {
        "random": random.normal(size=(count, channels, size, size)).astype(np.float32),
        "known families": some
        + 0.05 * np.abs(some).max() * random.normal(size=some.shape).astype(np.float32),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    for size, channels, count in CASES:
        for name, weight in weights(size, channels, count).items():
            judge(weight[:100], "RGB" if channels == 3 else None)  # nulls and dictionaries
            best, cpu = np.inf, np.inf
            for _ in range(repeats):
                start, used = time.perf_counter(), time.process_time()
                judge(weight, "RGB" if channels == 3 else None)
                best = min(best, time.perf_counter() - start)
                cpu = min(cpu, time.process_time() - used)
            print(
                f"{size}x{size}x{channels} {name:15s} {count / best:9,.0f} a second; "
                f"cpu {1e6 * cpu / count:6.1f} microseconds each",
                flush=True,
            )


if __name__ == "__main__":
    main()
