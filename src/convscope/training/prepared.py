"""A data set in the form that a network's file asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convscope.data import Source
from convscope.errors import InvalidValue
from convscope.network import ImageInput

__all__ = ["PreparedSource"]


class PreparedSource:
    """Images from 0 to 1 brought to (pixel - mean) * scale, pixel from 0 to 255, in a rule's channel order.

    Examples
    --------
    >>> import convscope as cs
    >>> rule = ImageInput(size=(8, 8), channels="L", mean=128, scale=1.0)
    >>> x, _ = PreparedSource(cs.data.digits(), rule).batch([0])
    >>> float(x.min()), float(x.max())
    (-128.0, 111.0625)
    """

    def __init__(self, source: Source, rule: ImageInput) -> None:
        count = source.image_shape[0]
        if count != rule.channel_count:
            raise InvalidValue(
                f"{source.name}: the network takes {rule.channel_count} channels; got {count}."
            )
        self._source, self._rule = source, rule
        self.name, self.classes, self.y = source.name, source.classes, source.y
        self.image_shape, self.dtype = source.image_shape, source.dtype
        # the file of an image, where the source has files
        self.path = getattr(source, "path", lambda index: index)

    def __len__(self) -> int:
        return len(self._source)

    def batch(
        self, indices: ArrayLike, out: NDArray[np.floating[Any]] | None = None
    ) -> tuple[NDArray[np.floating[Any]], NDArray[np.int64]]:
        """Give the images (n, C, H, W) and labels (n,) at `indices`."""
        x, y = self._source.batch(indices)
        mean, scale = (np.asarray(v, x.dtype).reshape(-1, 1, 1) for v in (self._rule.mean, self._rule.scale))
        ordered = x[:, ::-1] if self._rule.channels == "BGR" else x
        prepared = (ordered * x.dtype.type(255) - mean) * scale
        if out is None:
            return prepared, y
        out[...] = prepared
        return out, y
