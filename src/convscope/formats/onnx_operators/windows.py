"""What convolution and pooling share: kernel, strides, pads and dilations as ONNX spells them."""

from __future__ import annotations

from typing import Any

from convscope.formats.onnx_operators.registry import CannotRead, Operator
from convscope.geometry import resolve_padding

__all__ = ["read_pair", "read_padding", "window_attributes"]

_AUTO_PAD = {"SAME_UPPER": "same", "SAME_LOWER": "same_lower", "VALID": "valid"}


def read_pair(
    operator: Operator, attribute: str, default: tuple[int, int] | None = (1, 1)
) -> tuple[int, int]:
    """Give an attribute of two whole numbers, one for each axis of the image."""
    value = operator.get(attribute, default)
    if value is None or len(value) != 2:
        raise CannotRead(f"{attribute} must have two numbers, for images; got {value}")
    return int(value[0]), int(value[1])


def read_padding(operator: Operator) -> Any:
    """Give auto_pad or pads in convscope's words; ONNX lists all beginnings before all ends."""
    auto = operator.get("auto_pad", "NOTSET")
    if auto in _AUTO_PAD:
        return _AUTO_PAD[auto]
    if auto != "NOTSET":
        raise CannotRead(f"auto_pad must be NOTSET, {', '.join(_AUTO_PAD)}; got {auto}")
    pads = operator.get("pads", (0, 0, 0, 0))
    if len(pads) != 4:
        raise CannotRead(f"pads must have four numbers, for images; got {pads}")
    top, left, bottom, right = (int(pad) for pad in pads)
    return (top, bottom), (left, right)


def window_attributes(layer: Any, input_shape: tuple[int, ...]) -> dict[str, Any]:
    """Give kernel_shape, strides, dilations and the padding of a layer as ONNX attributes.

    "same" stays a word where it depends on the input's size (a stride), so that the file serves other
    sizes too; otherwise it becomes numbers, which every reader understands.
    """
    attributes: dict[str, Any] = {
        "kernel_shape": list(layer.kernel_size),
        "strides": list(layer.stride),
        "dilations": list(layer.dilation),
    }
    if isinstance(layer.padding, str) and layer.stride != (1, 1) and layer.dilation == (1, 1):
        word = {"same": "SAME_UPPER", "same_lower": "SAME_LOWER"}[layer.padding]
        return {**attributes, "auto_pad": word}
    by_axis = (layer.padding, layer.padding) if isinstance(layer.padding, str) else layer.padding
    (top, bottom), (left, right) = (
        resolve_padding(padding, *sizes)
        for padding, *sizes in zip(
            by_axis, input_shape[2:], layer.kernel_size, layer.stride, layer.dilation, strict=True
        )
    )
    return {**attributes, "pads": [top, left, bottom, right]}
