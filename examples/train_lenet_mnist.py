"""Train LeNet-5 on MNIST to 99 % and say how long it takes.

    python examples/train_lenet_mnist.py FOLDER [--epochs 8] [--output lenet.onnx]

FOLDER holds the four files of MNIST (train-images-idx3-ubyte.gz and so on).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import convscope as cs
from convscope.errors import ConvscopeError
from convscope.training import BatchRecord, Cosine, EpochRecord, evaluate

GOAL = 0.99


def main(arguments: list[str] | None = None) -> int:
    """Train, save if asked; exit code 1 if the goal is missed and 2 for bad input."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the four MNIST files")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="where to write the trained network (ONNX)")
    options = parser.parse_args(arguments)
    try:
        return train(options.folder, options.epochs, options.seed, options.output)
    except ConvscopeError as error:
        print(error, file=sys.stderr)
        return 2


def train(folder: Path, epochs: int, seed: int, output: Path | None) -> int:
    """Train for some epochs and measure on the test images, which training never sees."""
    training, test = cs.data.mnist(folder)
    net = cs.models.lenet5(seed=seed)
    print(net)
    print(cs.core())
    start = time.perf_counter()
    cs.fit(
        net,
        training,
        epochs=epochs,
        batch_size=64,
        optimizer=cs.SGD(0.05, momentum=0.9, weight_decay=5e-4),
        schedule=Cosine(warmup=1),
        seed=seed,
        on_epoch=show_epoch,
        on_batch=show_batch,
    )
    seconds = time.perf_counter() - start
    result = evaluate(net, test)
    print(f"{result.accuracy:.2%} of {len(test)} test images right after {seconds:.1f} s of training")
    print(f"{epochs * len(training) / seconds:,.0f} images a second")
    if output is not None:
        cs.save(net, output)
    return 0 if result.accuracy >= GOAL else 1


def show_epoch(record: EpochRecord) -> None:
    """Print one line for each epoch."""
    measured = f"loss {record.loss:.4f}, accuracy {record.accuracy:.2%}"
    print(f"epoch {record.epoch}: {measured}, {record.seconds:.1f} s")


def show_batch(record: BatchRecord) -> None:
    """Overwrite one line on a terminal; elsewhere say nothing."""
    if sys.stdout.isatty() and record.batch % 10 == 0:
        print(f"epoch {record.epoch}: {record.batch}/{record.batches}, loss {record.loss:.4f}", end="\r")


if __name__ == "__main__":
    sys.exit(main())
