"""How long from a cold process to the first prediction, against ONNX Runtime and PyTorch.

    python benchmarks/first_prediction.py NET.onnx [NET.onnx ...]

Each figure is the median of several fresh processes, turn by turn, after one that does not count (it may have
to write bytecode, as pip does when it installs): import the library, open the file, predict for one image.
PyTorch, which does not open ONNX, loads a traced module that convscope made of the same file.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 5

PROGRAMS = {
    "convscope": """
import sys, numpy as np, convscope as cs
net = cs.load(sys.argv[1])
net.run(np.zeros((1, *net.input_shape), np.float32), keep="output").output
""",
    "ONNX Runtime": """
import sys, numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
found = session.get_inputs()[0]
session.run(None, {found.name: np.zeros((1, *found.shape[1:]), np.float32)})
""",
    "PyTorch": """
import sys, torch
module = torch.jit.load(sys.argv[2])
with torch.inference_mode():
    module(torch.zeros(*map(int, sys.argv[3].split("x"))))
""",
}


def traced(model: Path, folder: Path) -> tuple[Path, str]:
    """Write the network as a traced PyTorch module; give its path and input shape."""
    import torch

    import convscope as cs

    net = cs.load(model)
    shape = (1, *net.input_shape)
    path = folder / f"{model.stem}.ts"
    torch.jit.save(torch.jit.trace(cs.to_torch(net), torch.zeros(shape)), path)
    return path, "x".join(map(str, shape))


def main() -> None:
    """Print a line for each network and library."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as folder:
        for model in map(Path, sys.argv[1:]):
            path, shape = traced(model, Path(folder))
            seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
            for turn in range(1 + RUNS):
                for name, program in PROGRAMS.items():
                    command = [sys.executable, "-c", program, model, path, shape]
                    start = time.perf_counter()
                    subprocess.run(command, check=True, env=environment)
                    if turn:
                        seconds[name].append(time.perf_counter() - start)
            for name, found in seconds.items():
                print(
                    f"{model.stem:<24} {name:<14} {statistics.median(found):6.2f} s (best {min(found):.2f})"
                )


if __name__ == "__main__":
    main()
