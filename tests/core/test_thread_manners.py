"""The thread pool as a neighbour: idle when there is nothing to do, sensible among other workers."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest

import convscope as cs

IDLE = """
import time, numpy as np, convscope as cs
cs.set_threads(4)
x, w = np.ones((4, 64, 64, 64), np.float32), np.ones((64, 64, 3, 3), np.float32)
cs.conv2d(x, w, padding=1)          # the workers are there, and have just worked
time.sleep(0.05)
before = time.process_time()
time.sleep(0.5)
print(time.process_time() - before)
"""

BETWEEN = """
import time, numpy as np, convscope as cs
cs.set_threads(4)
x, w = np.ones((1, 64, 32, 32), np.float32), np.ones((64, 64, 3, 3), np.float32)
for _ in range(3): cs.conv2d(x, w, padding=1)
busy = time.process_time()
for _ in range(20): cs.conv2d(x, w, padding=1)
busy = time.process_time() - busy
paused = time.process_time()
for _ in range(20):
    cs.conv2d(x, w, padding=1)
    time.sleep(0.02)
paused = time.process_time() - paused
print(paused - busy)
"""

WORKERS = """
import numpy as np, convscope as cs
from joblib import Parallel, delayed

def work(seed):
    net = cs.models.lenet5(seed=0)
    x = np.random.default_rng(seed).standard_normal((8, 1, 28, 28)).astype(np.float32)
    return net.predict(x)

def count(_):
    return cs.get_threads()

if __name__ == "__main__":
    alone = [work(seed) for seed in range(6)]
    for backend in ("loky", "threading"):
        found = Parallel(n_jobs=3, backend=backend)(delayed(work)(seed) for seed in range(6))
        assert all(np.array_equal(a, b) for a, b in zip(alone, found)), backend
    shares = Parallel(n_jobs=2, backend="loky")(delayed(count)(i) for i in range(2))
    assert all(share <= max(1, cs.get_threads() // 2) for share in shares), shares
    print("equal")
"""


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_idle_workers_sleep(native) -> None:
    # Half a second of four spinning workers would be up to 2 s; waking up a few times is less than 5 ms.
    assert float(run(IDLE)) < 0.02


def test_after_a_call_workers_spin_for_a_fraction_of_a_millisecond(native) -> None:
    # Each of 20 pauses lets three workers spin once more. At 0.3 ms each that would be 18 ms of processor
    # time; the rest is that a call after a pause finds cold caches and sleeping workers.
    assert float(run(BETWEEN)) < 20 * 3 * 0.3e-3 + 20 * 1e-3


@pytest.mark.slow
def test_joblib_workers_get_the_same_numbers_and_share_the_processors(native, monkeypatch) -> None:
    pytest.importorskip("joblib")
    monkeypatch.delenv("CONVSCOPE_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert run(WORKERS) == "equal"


def test_more_threads_than_processors_are_not_much_slower(native, threads) -> None:
    x = np.ones((2, 64, 48, 48), np.float32)
    w = np.ones((64, 64, 3, 3), np.float32)

    def seconds(count: int) -> float:
        threads(count)
        times = []
        for _ in range(7):
            start = time.perf_counter()
            cs.conv2d(x, w, padding=1)
            times.append(time.perf_counter() - start)
        return min(times)

    few = seconds(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    assert seconds(64) < 10 * few + 0.02
