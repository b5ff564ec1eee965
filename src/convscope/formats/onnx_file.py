"""The outside of an ONNX file: is it one, is it whole, what does it announce."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convscope.errors import ConvscopeError, FileError
from convscope.network import ImageInput

__all__ = ["OLDEST_OPSET", "Notes", "opset", "parse_model", "read_notes"]

OLDEST_OPSET = 6


@dataclass(frozen=True)
class Notes:
    """What ONNX has no words for, kept as JSON in the metadata under "convscope.input" and so on."""

    input: ImageInput | None
    classes: tuple[str, ...]
    nodes: dict[str, dict[str, Any]]


def parse_model(content: bytes, file: Path) -> Any:
    """Parse the bytes of an ONNX file, with its external data; give the ModelProto.

    Protobuf accepts a lot of what is not ONNX, so what every model must have is asked for.
    """
    import onnx
    from google.protobuf.message import DecodeError

    if not content:
        raise FileError(f"{file}: the file is empty, not an ONNX model.")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError as error:
        raise FileError(f"{file}: not an ONNX model, or a truncated one.") from error
    if not model.ir_version or not model.opset_import or not model.graph.node:
        raise FileError(f"{file}: not an ONNX model, or a truncated one: it has no version or no graph.")
    _load_external_data(model, file)
    return model


def opset(model: Any, file: Path) -> int:
    """Give the version of the standard operators; refuse versions that are not known."""
    import onnx

    versions = {item.domain or "ai.onnx": item.version for item in model.opset_import}
    version = int(versions.get("ai.onnx", 0))
    newest = onnx.defs.onnx_opset_version()
    if not OLDEST_OPSET <= version <= newest:
        raise FileError(f"{file}: the opset must be from {OLDEST_OPSET} to {newest}; got {version}.")
    return version


def read_notes(model: Any, file: Path) -> Notes:
    """Read what `save` stored in the metadata; refuse what has another form."""
    texts = {item.key: item.value for item in model.metadata_props}
    found: dict[str, Any] = {}
    for name in ("input", "classes", "nodes"):
        text = texts.get(f"convscope.{name}", "null")
        try:
            found[name] = _NOTES[name](json.loads(text))
        except (ValueError, TypeError, AttributeError, ConvscopeError) as error:
            raise FileError(f"{file}: the metadata 'convscope.{name}' cannot be read: {error}") from error
    return Notes(**found)


def _read_input(value: Any) -> ImageInput | None:
    return None if value is None else ImageInput.from_dict(dict(value))


def _read_classes(value: Any) -> tuple[str, ...]:
    return () if value is None else tuple(str(name) for name in value)


def _read_nodes(value: Any) -> dict[str, dict[str, Any]]:
    return {} if value is None else {str(name): dict(note) for name, note in dict(value).items()}


_NOTES = {"input": _read_input, "classes": _read_classes, "nodes": _read_nodes}


def _load_external_data(model: Any, file: Path) -> None:
    """Read weights stored beside the file; onnx refuses places outside the file's folder."""
    import onnx
    from onnx.external_data_helper import load_external_data_for_model

    try:
        load_external_data_for_model(model, str(file.parent))
    except (OSError, ValueError, RuntimeError, onnx.checker.ValidationError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise FileError(f"{file}: its external data cannot be read: {reason}.") from error
