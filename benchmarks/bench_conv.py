"""Measure convolutions against PyTorch and ONNX Runtime, in one process, turn by turn.

    python benchmarks/bench_conv.py --subset          under ten minutes
    python benchmarks/bench_conv.py                   every layer
    python benchmarks/bench_conv.py --layers VGG,depthwise --directions forward --threads 1

What README.md beside this file says about the columns holds for the table printed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from math import exp, log
from pathlib import Path

DIRECTIONS = ("forward", "input gradient", "weight gradient")
HUGE_PAGES = "THP_MEM_ALLOC_ENABLE"  # read by PyTorch when it starts


@dataclass(frozen=True)
class Row:
    """One measurement: medians in seconds, errors relative to the largest value of the exact result."""

    layer: str
    batch: int
    threads: int
    direction: str
    huge_pages: bool
    seconds: dict[str, float]  # by contestant
    operations: float
    bytes: float
    peak: float  # multiplications and additions a second, in registers alone
    error: float
    torch_error: float

    @property
    def best_peer(self) -> str:
        """The fastest of the others."""
        return min((name for name in self.seconds if name != "convscope"), key=self.seconds.__getitem__)

    @property
    def ratio(self) -> float:
        """How many times faster than the fastest of the others."""
        return self.seconds[self.best_peer] / self.seconds["convscope"]

    def text(self) -> str:
        """Give a line of the table."""
        own = self.seconds["convscope"]
        speed = self.operations / own
        peers = "  ".join(f"{name} {self.operations / s / 1e9:.1f}" for name, s in self.seconds.items())
        return (
            f"{self.layer:<22}{self.batch:>4}{self.threads:>3}  {self.direction:<16}"
            f"{'on' if self.huge_pages else 'off':<4}{self.ratio:>6.2f}{speed / 1e9:>8.1f}"
            f"{100 * speed / self.peak:>6.0f}{self.bytes / own / 1e9:>7.1f}"
            f"{self.error:>10.1e}{self.torch_error:>9.1e}  {peers}"
        )


HEADER = (
    f"{'layer':<22}{'N':>4}{'T':>3}  {'direction':<16}{'THP':<4}{'ratio':>6}{'GFLOP/s':>8}"
    f"{'%peak':>6}{'GB/s':>7}{'error':>10}{'torch':>9}  GFLOP/s of each"
)


def main() -> int:
    """Run one process for each setting of huge pages, print the table and its geometric means."""
    arguments = parse()
    rows: list[Row] = []
    print(HEADER, flush=True)
    for huge_pages in arguments.huge_pages:
        rows += run_child(arguments, huge_pages)
    summarise(rows)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subset", action="store_true", help="a few layers, under ten minutes")
    parser.add_argument("--layers", type=split, default=[], help="layers whose name holds one of these words")
    parser.add_argument("--directions", type=split, default=list(DIRECTIONS), help=", ".join(DIRECTIONS))
    parser.add_argument("--threads", type=lambda text: [int(t) for t in split(text)], default=[1, 2])
    parser.add_argument("--batches", type=split, default=["one", "large"], help="one, large")
    parser.add_argument("--huge-pages", type=split, default=["off", "on"], help="off, on: for PyTorch")
    parser.add_argument("--rounds", type=int, default=5, help="turns each contestant has")
    parser.add_argument(
        "--cpu-time", action="store_true", help="processor time of one thread: for a machine that is busy"
    )
    parser.add_argument("--json", help="write all numbers to this file")
    parser.add_argument("--child", help=argparse.SUPPRESS)  # the file to write rows to
    arguments = parser.parse_args()
    if arguments.cpu_time:
        arguments.threads = [1]
    return arguments


def split(text: str) -> list[str]:
    """Split at commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def run_child(arguments: argparse.Namespace, huge_pages: str) -> list[Row]:
    """Measure in a process of its own, since PyTorch reads its setting when it starts."""
    environment = {**os.environ, HUGE_PAGES: "1" if huge_pages == "on" else "0"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.json"
        subprocess.run([sys.executable, *sys.argv, "--child", str(path)], env=environment, check=True)
        return [Row(**row) for row in json.loads(path.read_text())]


def summarise(rows: list[Row]) -> None:
    """Print geometric means of the ratios, and what is slower than a peer."""
    print()
    merged = best_of_pages(rows)
    for direction in DIRECTIONS:
        some = [row.ratio for row in merged if row.direction == direction]
        if some:
            mean = exp(sum(map(log, some)) / len(some))
            print(f"{direction:<16} geometric mean of the ratios {mean:.2f} over {len(some)} rows")
    for row in merged:
        if row.ratio < 0.97:
            where = f"{row.layer}, batch {row.batch}, {row.threads} threads, {row.direction}"
            print(f"behind {row.best_peer}: {where}: {row.ratio:.2f}")


def best_of_pages(rows: list[Row]) -> list[Row]:
    """Give each peer the better of its two settings of huge pages, and ourselves the slower."""
    found: dict[tuple[str, int, int, str], Row] = {}
    for row in rows:
        key = (row.layer, row.batch, row.threads, row.direction)
        other = found.get(key)
        if other is not None:
            seconds = {
                name: (max if name == "convscope" else min)(s, other.seconds[name])
                for name, s in row.seconds.items()
            }
            row = replace(row, seconds=seconds)
        found[key] = row
    return list(found.values())


def measure_all(arguments: argparse.Namespace) -> list[Row]:
    """Measure every layer asked for, in this process."""
    from contestants import Clock, measure, measure_peak
    from layers import LAYERS, SUBSET

    chosen = [layer for layer in LAYERS if not arguments.subset or layer.name in SUBSET]
    if arguments.layers:
        chosen = [layer for layer in chosen if any(word in layer.name for word in arguments.layers)]
    if arguments.cpu_time:
        Clock.read = time.thread_time
    rows = []
    for threads in arguments.threads:
        peak = measure_peak(threads)
        for layer in chosen:
            for batch in [1 if word == "one" else layer.batch for word in arguments.batches]:
                for direction in arguments.directions:
                    found = measure(layer, batch, threads, direction, arguments.rounds)
                    huge_pages = os.environ.get(HUGE_PAGES) == "1"
                    row = Row(
                        layer=layer.name, batch=batch, threads=threads, direction=direction,
                        huge_pages=huge_pages, operations=layer.operations(batch), bytes=layer.bytes(batch),
                        peak=peak, **found,
                    )  # fmt: skip
                    rows.append(row)
                    print(row.text(), flush=True)
    return rows


if __name__ == "__main__":
    command_line = parse()
    if command_line.child:
        measured = measure_all(command_line)
        Path(command_line.child).write_text(json.dumps([asdict(row) for row in measured]))
    else:
        sys.exit(main())
