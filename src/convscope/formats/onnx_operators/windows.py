"""What convolution and pooling share: kernel, strides, pads and dilations as ONNX spells them."""

from __future__ import annotations

from typing import Any

from convscope.formats.onnx_operators.registry import CannotRead, Operator
from convscope.geometry import resolve_padding

__all__ = [
    "read_ends",
    "read_lengths",
    "read_padding",
    "read_pair",
    "spatial_attributes",
    "spatial_settings",
    "window_attributes",
]

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


def read_lengths(operator: Operator, attribute: str, rank: int) -> tuple[int, ...]:
    """Give an attribute of one whole number for each of `rank` axes; by default ones."""
    value = operator.get(attribute, (1,) * rank)
    if len(value) != rank:
        raise CannotRead(f"{attribute} must have {rank} numbers; got {list(value)}")
    return tuple(int(n) for n in value)


def read_ends(operator: Operator, rank: int) -> Any:
    """Give auto_pad as a word or pads as ((before, after), ...), for any number of axes."""
    auto = operator.get("auto_pad", "NOTSET")
    if auto == "VALID":
        return ((0, 0),) * rank
    if auto in _AUTO_PAD:
        return _AUTO_PAD[auto]
    pads = operator.get("pads", (0,) * 2 * rank)
    if auto != "NOTSET" or len(pads) != 2 * rank:
        raise CannotRead(f"pads must have {2 * rank} numbers; got {list(pads)}, auto_pad {auto}")
    return tuple((int(pads[a]), int(pads[rank + a])) for a in range(rank))


def spatial_settings(operator: Operator, rank: int) -> dict[str, Any]:
    """Give stride, padding and dilation of a layer over any number of axes."""
    return {
        "stride": read_lengths(operator, "strides", rank),
        "padding": read_ends(operator, rank),
        "dilation": read_lengths(operator, "dilations", rank),
    }


def spatial_attributes(layer: Any, input_shape: tuple[int, ...]) -> dict[str, Any]:
    """Give kernel_shape, strides, dilations and pads of a layer over any number of axes."""
    rank = len(layer.kernel_size)
    by_axis = (layer.padding,) * rank if isinstance(layer.padding, str) else layer.padding
    ends = [
        resolve_padding(padding, *sizes)
        for padding, *sizes in zip(
            by_axis, input_shape[2:], layer.kernel_size, layer.stride, layer.dilation, strict=True
        )
    ]
    return {
        "kernel_shape": list(layer.kernel_size),
        "strides": list(layer.stride),
        "dilations": list(layer.dilation),
        "pads": [before for before, _ in ends] + [after for _, after in ends],
    }


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
