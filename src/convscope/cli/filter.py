"""`convscope filter`: what a kernel, classic or learned, makes of a photo."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from convscope.cli.kernels import Channels, open_weights
from convscope.errors import FileError, InvalidValue

__all__ = ["filter_photo"]


def filter_photo(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="An image file.", show_default=False)],
    kernel: Annotated[
        str | None,
        typer.Option("--kernel", "-k", help="A classic kernel, such as sobel-x; 'list' names all."),
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", help="Size of a classic kernel that has several.", min=1, max=31)
    ] = None,
    angle: Annotated[
        float, typer.Option("--angle", help="Turns a classic kernel counter-clockwise, degrees.")
    ] = 0.0,
    model: Annotated[Path | None, typer.Option("--model", "-m", help="A network or file of weights.")] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="Which of its filters: 'conv1[17]', of one or three channels.")
    ] = None,
    channels: Annotated[
        Channels | None,
        typer.Option(
            "--channels", "-c", help="Order of a filter's channels, by default the network's, or RGB."
        ),
    ] = None,
    grey: Annotated[bool, typer.Option("--grey", help="Make the photo grey first.")] = False,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The picture to write: .png, .jpg, ...")
    ] = Path("filtered.png"),
) -> None:
    """Filter a photo with a classic or learned kernel; say how values became grey levels."""
    from convscope.files import atomic_path, check_writable
    from convscope.kernels import bank, filter_image

    if kernel == "list":
        for key, classic in bank.items():
            print(f"{key.ljust(24)}{classic.name}: {classic.formula}")
        return
    if (kernel is None) == (model is None) or (model is None) != (at is None):
        raise InvalidValue("filter: say either --kernel, or --model with --at.")
    check_writable(output)
    if kernel is not None:
        classic = bank[kernel]
        weights, order, name = classic.at(size, angle), "RGB", classic.name
    else:
        weights, order, name = _learned(Path(str(model)), str(at))
    order = channels.value if channels is not None else order
    found = filter_image(_pixels(photo, grey), weights, channels=order)
    from PIL import Image

    with atomic_path(output) as temporary:
        try:
            Image.fromarray(found.shown).save(temporary)
        except (ValueError, KeyError) as error:
            raise FileError(f"cannot write {output}: pictures are .png, .jpg, .bmp, ...") from error
    shape = " x ".join(str(n) for n in weights.shape)
    print(f"{name} ({shape}{', ' + order if weights.ndim == 3 else ''}) on {photo}")
    print(f"{found.mapping}; borders mirrored; kernel not flipped")
    print(f"Written to {output}")


def _pixels(photo: Path, grey: bool) -> Any:
    """Read a photo as uint8, upright; grey photos stay grey."""
    import numpy as np

    from convscope.data.picture import Form, decode, read_header
    from convscope.pictures import PIXEL_LIMIT

    header = read_header(str(photo), PIXEL_LIMIT)
    form = Form(None, "L" if grey or header.grey else "RGB")
    return np.asarray(decode(str(photo), form, PIXEL_LIMIT))


def _learned(model: Path, at: str) -> tuple[Any, str, str]:
    """Give the weights of one filter, its channel order and its name."""
    from convscope.explain.kernel_tables import weight_of
    from convscope.network import Network

    match = re.fullmatch(r"(.+)\[(\d+)\]", at.strip())
    if match is None:
        raise InvalidValue(f"filter: --at must be node[filter], such as 'conv1[17]'; got {at!r}.")
    source = open_weights(model)
    weight = weight_of(source, match[1])
    index = int(match[2])
    if index >= len(weight):
        raise InvalidValue(f"filter: the filter must be from 0 to {len(weight) - 1}; got {at!r}.")
    order = "RGB"
    if isinstance(source, Network) and source.input is not None and source.input.channels == "BGR":
        order = "BGR"
    if weight.shape[1] not in (1, 3):
        raise InvalidValue(
            f"filter: a filter of one or three channels works on an image; {at!r} has {weight.shape[1]}. "
            "A deeper filter works on feature maps."
        )
    return weight[index], order, at
