"""What every way of opening a picture needs: its orientation, its middle, ways of resizing.

Pillow is imported where it is used, since `import convscope` must cost next to nothing.
"""

from __future__ import annotations

from typing import Any

__all__ = ["centre_box", "orientation", "resampling", "upright"]

_ORIENTATION = 0x0112  # the tag of EXIF
# where Pillow keeps what a file says of it, apart from a TIFF's own tags
_TAGS = ("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp")
_METHODS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


def orientation(picture: Any) -> int:
    """Give the orientation from 1 to 8 that a PIL image's tag says, 1 where it says nothing sensible.

    A broken tag is no reason not to see the picture: then it is as it stands.
    """
    try:
        said = picture.getexif().get(_ORIENTATION, 1)
    # Pillow's reader of broken tags raises whatever it stumbles over: SyntaxError, struct.error ...
    except Exception:
        return 1
    return said if said in _METHODS else 1


def upright(picture: Any) -> tuple[Any, bool]:
    """Turn a PIL image as its orientation tag says, and say whether that did anything."""
    picture.load()
    if not hasattr(picture, "tag_v2") and not any(key in picture.info for key in _TAGS):
        return picture, False  # asking for tags that are not there costs a tenth of decoding a small image
    method = _METHODS.get(orientation(picture))
    if method is None:
        return picture, False
    from PIL.Image import Transpose

    return picture.transpose(Transpose[method]), True


def centre_box(size: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int, int, int]:
    """Give the largest centred box of the wanted proportions: left, top, right, bottom.

    Examples
    --------
    >>> centre_box((6, 4), (1, 1))
    (1, 0, 5, 4)
    """
    width, height = size
    box_width = min(width, max(1, round(height * wanted[0] / wanted[1])))
    box_height = min(height, max(1, round(width * wanted[1] / wanted[0])))
    left, top = (width - box_width) // 2, (height - box_height) // 2
    return left, top, left + box_width, top + box_height


def resampling(resize: str) -> Any:
    """Give Pillow's word for "bilinear", "bicubic", "nearest" or "area"."""
    from PIL.Image import Resampling

    return {
        "bilinear": Resampling.BILINEAR,
        "bicubic": Resampling.BICUBIC,
        "nearest": Resampling.NEAREST,
        "area": Resampling.BOX,
    }[resize]
