"""`convscope evaluate`: how good a network is on a data set, and where it is wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convscope.cli.arguments import Json, LabelledImages, ModelFile, Part, output_option
from convscope.cli.opening import OpenNetwork, opens_network
from convscope.errors import InvalidValue

if TYPE_CHECKING:
    from convscope.data import Source
    from convscope.network import Network
    from convscope.training import Evaluation

__all__ = ["as_the_network_wants", "evaluate", "open_part"]

_MOST_CLASSES = 20  # of a confusion table that fits a terminal


@opens_network
def evaluate(
    model: ModelFile,
    data: LabelledImages,
    part: Part = None,
    worst: Annotated[int, typer.Option("--worst", help="How many mistakes to show.", min=0)] = 10,
    memory: Annotated[int, typer.Option("--memory", help="MB of pixels to hold; more is streamed.")] = 256,
    data_scale: Annotated[
        float | None,
        typer.Option("--data-scale", help="What .npz images are divided by.", show_default=False),
    ] = None,
    layout: Annotated[
        str | None, typer.Option("--layout", help="Of .npz images: NCHW or NHWC.", show_default=False)
    ] = None,
    json: Json = False,
    output: Annotated[
        Path | None, output_option("Also draw the confusion matrix: .png, .svg or .pdf.")
    ] = None,
    *,
    open_network: OpenNetwork,
) -> None:
    """Measure a network on labelled images: accuracy, confusion, worst mistakes."""
    from convscope.cli.console import print_json, printable
    from convscope.training import evaluate as measure

    if output is not None and output.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise InvalidValue(f"evaluate: --output must end in .png, .svg or .pdf; got {str(output)!r}.")
    net = open_network(model)
    source, which = open_part(
        net, data, part, {"memory": memory << 20, "scale": data_scale, "layout": layout}
    )
    found = measure(net, source)
    if output is not None:
        found.save(output)
    if json:
        print_json(_account(found, source, which, worst))
        return
    print(printable(_text(found, source, which, worst)))
    if output is not None:
        print(f"\nWritten to {output}")


def open_part(net: Network, data: str, part: str | None, options: dict[str, Any]) -> tuple[Source, str]:
    """Open the part of a data set that is to be measured on, its images in the network's form."""
    from convscope.data import open_dataset

    if part not in (None, "test", "train"):
        raise InvalidValue(f"evaluate: --part must be test or train; got {part!r}.")
    if _has_class_folders(data) and net.input is not None:
        options["size"] = net.input.size or net.input_shape[1:]
        options["channels"] = "L" if net.input.channels == "L" else "RGB"
        options["crop"] = net.input.crop
        options["resize"] = "bilinear" if net.input.resize == "none" else net.input.resize
    if _has_class_folders(data) and net.classes:
        options["classes"] = net.classes
    train, test = open_dataset(data, **{name: value for name, value in options.items() if value is not None})
    if part == "test" and test is None:
        raise InvalidValue(f"evaluate: {data} has no test part.")
    chosen, which = (train, "train") if test is None or part == "train" else (test, "test")
    _check_classes(net, chosen)
    return as_the_network_wants(net, chosen), which


def _has_class_folders(data: str) -> bool:
    from convscope.data.opening import NAMES

    return (
        data not in NAMES
        and os.path.isdir(data)
        and not any("idx3-ubyte" in name or "idx1-ubyte" in name for name in os.listdir(data))
    )


def _check_classes(net: Network, data: Source) -> None:
    """Refuse data whose classes bear other names than the network's, or stand in another order."""
    numbered = tuple(str(i) for i in range(len(data.classes)))
    if not net.classes or data.classes in (net.classes, numbered):
        return
    for index, (own, other) in enumerate(zip(net.classes, data.classes, strict=False)):
        if own != other:
            raise InvalidValue(
                f"evaluate: the network and the data must have the same classes; class {index} is {own!r} in "
                f"the network and {other!r} in the data."
            )


def as_the_network_wants(net: Network, data: Source) -> Source:
    """Bring pixels from 0..1 to what the network's file says, where it says anything else."""
    rule = net.input
    if rule is None or (rule.channels != "BGR" and (rule.mean, rule.scale) in ((0.0, 1 / 255), (0, 1 / 255))):
        return data
    from convscope.training.prepared import PreparedSource

    return PreparedSource(data, rule)


def _account(found: Evaluation, source: Source, which: str, worst: int) -> dict[str, Any]:
    return {
        "part": which,
        "images": len(found.labels),
        "accuracy": found.accuracy,
        "loss": found.loss,
        "classes": found.classes,
        "confusion": found.confusion,
        "mistakes": [_mistake(found, source, int(index)) for index in found.mistakes[:worst]],
    }


def _mistake(found: Evaluation, source: Source, index: int) -> dict[str, Any]:
    path = getattr(source, "path", None)
    label, answer = int(found.labels[index]), int(found.predictions[index])
    return {
        "image": index if path is None else path(index),
        "class": found.classes[label],
        "answer": found.classes[answer],
        "probability": found.probabilities[index, answer],
    }


def _text(found: Evaluation, source: Source, which: str, worst: int) -> str:
    """Write accuracy, confusion and the worst mistakes."""
    count = len(found.labels)
    right = f"{count - len(found.mistakes):,} of {count:,} images"
    lines = [f"{found.accuracy:.2%} right: {right} ({which}); loss {found.loss:.4f}"]
    if len(found.classes) <= _MOST_CLASSES:
        lines += ["", "Rows: the true class. Columns: the answer, in the same order.", *_table(found)]
    if len(found.mistakes) and worst:
        lines += ["", "The worst mistakes:"]
        for index in found.mistakes[:worst]:
            told = _mistake(found, source, int(index))
            answer = f"{told['answer']} at {told['probability']:.1%}"
            lines.append(f"  {told['image']}: a {told['class']}, taken for {answer}")
    return "\n".join(lines)


def _table(found: Evaluation) -> list[str]:
    names = [name if len(name) <= 16 else name[:15] + "…" for name in found.classes]
    label, cell = max(map(len, names)), max(3, len(str(found.confusion.max())))
    return [
        f"  {name.rjust(label)}  " + " ".join(str(count).rjust(cell) for count in row)
        for name, row in zip(names, found.confusion, strict=True)
    ]
