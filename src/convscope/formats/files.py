"""Opening and storing networks, whatever the format."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from convscope.errors import DtypeError, FileError
from convscope.files import atomic_path
from convscope.network import Network

__all__ = ["load", "save"]


def load(
    path: str | os.PathLike[str],
    *,
    input_shape: Sequence[int] | None = None,
    max_bytes: int = 4 * 2**30,
    input: Mapping[str, Any] | None = None,
    classes: Sequence[str] = (),
) -> Network:
    """Open an ONNX file as a network.

    Node names survive; a node without a name, or with one that is taken, gets the name of its first
    output. What convscope stored beside the graph (`net.input`, `net.classes`) comes back; a TOML file
    of the same name beside it overrides that (see `convscope.formats.description`). No code in the file
    is ever run.

    Parameters
    ----------
    path : str or path
        An ONNX file of opset 6 or newer.
    input_shape : (C, H, W), optional
        The size of an image, where the file leaves it open and no `size` of its input is said.
    max_bytes : int
        No array that the graph makes may be larger, for one image; the error names the node.
    input : mapping, optional
        How a picture becomes the input, as in the TOML file: size, channels, mean, scale or std, crop,
        resize. It comes before what the files say.
    classes : sequence of str, optional
        The names of the classes; before what the files say.

    Returns
    -------
    Network

    Raises
    ------
    InvalidValue
        If `input` has a setting that cannot be.
    FileError
        If the file is missing, a folder, not ONNX, broken, or has operators or settings that convscope
        does not know; the message names the operators, the nodes and how many there are.

    Examples
    --------
    >>> import tempfile
    >>> import convscope as cs
    >>> path = Path(tempfile.mkdtemp()) / "lenet.onnx"
    >>> cs.save(cs.models.lenet5(), path)
    >>> cs.load(path).input_shape
    (1, 28, 28)
    >>> cs.load(path, input={"scale": 1 / 256}).input.describe()
    'L, 28x28 (width x height), crop centre, resize bilinear, (pixel - 0) * 0.00390625'
    """
    from convscope.formats.description import apply, said_beside
    from convscope.formats.onnx_file import parse_model
    from convscope.formats.onnx_reader import read_network

    file = _path("load", path)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {file}: {(error.strerror or str(error)).lower()}.") from error
    model = parse_model(content, file)
    beside, rule = said_beside(file), dict(input or {})
    size = rule.get("size") or beside.get("input", {}).get("size")
    shape = None if input_shape is None else tuple(input_shape)
    net = read_network(model, file, shape, max_bytes, size)
    apply(net, beside, file.with_suffix(".toml"))
    apply(net, {"input": rule, "classes": classes})
    return net


def _path(who: str, path: object) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise DtypeError(f"{who}: path must be a text or a path; got {type(path).__name__}.")
    return Path(path)


def save(net: Network, path: str | os.PathLike[str]) -> None:
    """Write a network as an ONNX file of opset 17, or what a layer needs, whole or not at all.

    The batch axis stays free where the graph serves any number of images. `net.input` and `net.classes`
    go to the metadata, under "convscope.input" and "convscope.classes".

    Parameters
    ----------
    net : Network
    path : str or path
        Where to write; an existing file is replaced.

    Raises
    ------
    FileError
        If the file cannot be written; whatever was there before stays.
    InvalidValue
        If a layer has no ONNX form.

    Examples
    --------
    >>> import tempfile
    >>> import convscope as cs
    >>> path = Path(tempfile.mkdtemp()) / "lenet.onnx"
    >>> save(cs.models.lenet5(), path)
    >>> path.stat().st_size > 4 * 44_426  # the weights, four bytes each
    True
    """
    from convscope.formats.onnx_writer import write_network

    if not isinstance(net, Network):
        raise DtypeError(f"save: the network must be a convscope Network; got {type(net).__name__}.")
    model = write_network(net)
    with atomic_path(_path("save", path)) as temporary:
        temporary.write_bytes(model.SerializeToString())
