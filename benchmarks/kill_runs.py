"""Kill a training by force at random moments, let it go on, and compare with one that was left alone.

    python benchmarks/kill_runs.py [--kills 50] [--seed 0]

Each kill is a SIGKILL at a random moment between the start of the process and the end of the training,
also while it goes on after an earlier kill. Every network file and every array of the state must come out
the same to the byte.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# batch norm, dropout, augmentation and Adam: everything that could remember
NET = """
layers = [
    { layer = "conv2d", filters = 8, kernel_size = 3, padding = 1, bias = false },
    "batch_norm",
    "relu",
    { layer = "max_pool2d", kernel_size = 2 },
    { layer = "conv2d", filters = 16, kernel_size = 3, padding = 1 },
    "relu",
    "global_avg_pool2d",
    "flatten",
    { layer = "dropout", p = 0.2 },
    { layer = "linear", features = "classes" },
]
"""
OPTIONS = (
    *(
        "--images",
        "800",
        "--epochs",
        "5",
        "--batch-size",
        "16",
        "--optimizer",
        "adamw",
        "--schedule",
        "one-cycle",
    ),
    *("--flip", "both", "--shift", "2", "--clip-norm", "1", "--checkpoint-batches", "7", "--json"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill trainings at random moments and compare.")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        return compare(Path(place), options.kills, random.Random(options.seed))


def compare(place: Path, kills: int, chance: random.Random) -> int:
    """Train once in peace and once for every few kills; give 1 if anything differs."""
    (place / "net.toml").write_text(NET)
    started = time.monotonic()
    finish(place, "alone")
    length = time.monotonic() - started
    wanted = content(place / "alone")
    print(f"left alone: {length:.1f} s, {len(wanted)} files and arrays")
    done, number, different = 0, 0, 0
    while done < kills:
        number += 1
        name, killed = f"run{number}", 0
        while done + killed < kills and killed < 3:
            if not kill_once(place, name, chance.uniform(0, length)):
                break  # it came to its end before
            killed += 1
        finish(place, name)
        done += killed
        same = content(place / name) == wanted
        different += not same
        print(f"{name}: killed {killed} times, {'the same' if same else 'DIFFERENT'}", flush=True)
    print(f"{done} kills, {number} runs, {different} different")
    return 1 if different else 0


def command(place: Path, name: str) -> list[str]:
    net = ("--net", str(place / "net.toml"))
    return [
        *(sys.executable, "-m", "convscope", "train", "lines", "-o", str(place / name), "--resume"),
        *(*net, *OPTIONS),
    ]


def kill_once(place: Path, name: str, seconds: float) -> bool:
    """Start or go on, and kill after so many seconds; say whether there was something to kill."""
    process = subprocess.Popen(command(place, name), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    finally:
        assert process.stderr is not None
        process.stderr.close()
    return False


def finish(place: Path, name: str) -> None:
    subprocess.run(command(place, name), check=True, stdout=subprocess.DEVNULL)


def content(folder: Path) -> dict[str, bytes]:
    """Give every network file, and every array of the state, as bytes."""
    from safetensors.numpy import load_file

    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.onnx")}
    arrays = load_file(folder / "state.safetensors")
    return {**found, **{name: array.tobytes() for name, array in arrays.items()}}


if __name__ == "__main__":
    sys.exit(main())
