"""Images that can be painted by a gradient: their parameters, and chance transformations of them.

An image is the inverse Fourier transform of its parameters, each frequency f weighed by 1/f as in natural
images, so that a step of the same size changes large and small patterns alike; three channels are then mixed
as the colours of natural images vary together; a sigmoid keeps every value within the range of a pixel.

    spectrum (2, C, H, W/2+1) -> waves -> colours -> sigmoid -> range of the input

Every step is linear or acts on each value, and `Canvas.grad` is the exact gradient through all of them.

References
----------
Olah, Mordvintsev & Schubert (2017), Feature visualization, Distill (parametrisation, transformations).
Krizhevsky, Sutskever & Hinton (2012), section 4.1: principal components of ImageNet's colours; the values
are those that the authors of fb.resnet.torch measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Canvas", "Move", "Sampler"]

Array = NDArray[Any]

_COLOURS = np.array([  # columns: principal components of red, green, blue; below their standard deviations
    [-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203],
])  # fmt: skip
_SPREADS = np.sqrt([0.2175, 0.0188, 0.0045])


class Canvas:
    """The image that belongs to a spectrum.

    Parameters
    ----------
    shape : (C, H, W)
    low, high : ndarrays of shape (C, 1, 1)
        What the network's input is at the least and the largest pixel.
    order : "RGB", "BGR" or ""
        Of three channels that are colours; others are not mixed.

    Examples
    --------
    >>> canvas = Canvas((1, 4, 6), np.zeros((1, 1, 1)), np.ones((1, 1, 1)))
    >>> spectrum = canvas.start(np.random.default_rng(0))
    >>> spectrum.shape, canvas.image(spectrum).shape
    ((2, 1, 4, 4), (1, 4, 6))
    """

    def __init__(self, shape: tuple[int, int, int], low: Array, high: Array, order: str = "") -> None:
        self.shape, self._low, self._span = shape, low, high - low
        _, height, width = shape
        rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
        longest = 1 / max(height, width)
        self._weights = np.sqrt(height * width) / np.maximum(np.hypot(rows, columns), longest)
        # a column whose mirror image is not stored stands for two
        self._twice = np.full(width // 2 + 1, 2.0)
        self._twice[0] = 1.0
        if width % 2 == 0:
            self._twice[-1] = 1.0
        self._mix = None
        if order in ("RGB", "BGR") and shape[0] == 3:
            mix = _COLOURS * _SPREADS
            mix = mix / np.linalg.norm(mix, axis=0).max()
            self._mix = mix[::-1] if order == "BGR" else mix

    def start(self, random: np.random.Generator, spread: float = 0.01) -> Array:
        """Draw a spectrum close to that of plain grey."""
        channels, height, width = self.shape
        return np.asarray(random.normal(0.0, spread, (2, channels, height, width // 2 + 1)))

    def image(self, spectrum: Array) -> Array:
        """Give the image (C, H, W) in the units of the network's input."""
        return np.asarray(self._low + self._span * _sigmoid(self._colours(spectrum)))

    def grad(self, spectrum: Array, grad: Array) -> Array:
        """Carry the gradient by the image back to the spectrum."""
        level = _sigmoid(self._colours(spectrum))
        grad = np.asarray(grad, np.float64) * self._span * level * (1 - level)
        if self._mix is not None:
            grad = np.tensordot(self._mix.T, grad, 1)
        _, height, width = self.shape
        waves = np.fft.rfft2(grad / 4.0) * (self._weights * self._twice / (height * width))
        return np.stack([waves.real, waves.imag])

    def _colours(self, spectrum: Array) -> Array:
        waves = (spectrum[0] + 1j * spectrum[1]) * self._weights
        planes = np.fft.irfft2(waves, s=self.shape[1:]) / 4.0
        return planes if self._mix is None else np.tensordot(self._mix, planes, 1)


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


class Move(NamedTuple):
    """A turn in degrees (counter-clockwise as seen), an enlargement, and a shift in pixels."""

    degrees: float
    scale: float
    down: float
    right: float


@dataclass(frozen=True)
class Sampler:
    """Chance moves of an image, and the moved image with its gradient.

    The image repeats beyond its borders, as waves do, so that a move brings in no seam.

    Attributes
    ----------
    jitter : float
        The largest shift, in pixels.
    turn : float
        The largest turn, in degrees.
    zoom : float
        The enlargement is drawn from 1 - zoom to 1 + zoom.
    """

    jitter: float
    turn: float
    zoom: float

    def draw(self, random: np.random.Generator) -> Move:
        """Draw a move, each part evenly from its range."""
        down, right, degrees, zoom = random.uniform(-1, 1, 4)
        return Move(degrees * self.turn, 1 + zoom * self.zoom, down * self.jitter, right * self.jitter)

    @staticmethod
    def matrix(move: Move, height: int, width: int) -> Any:
        """Give the bilinear sampling of the moved image as a sparse matrix (H*W, H*W).

        The moved image is `matrix @ image`, the gradient by the image `matrix.T @ grad`.
        """
        from scipy.sparse import csr_array

        angle = np.deg2rad(move.degrees)
        y, x = np.mgrid[:height, :width] - np.array([(height - 1) / 2, (width - 1) / 2]).reshape(2, 1, 1)
        # rows run down: a turn that is counter-clockwise as seen takes x to x cos + y sin
        source_x = (np.cos(angle) * x - np.sin(angle) * y) / move.scale + (width - 1) / 2 - move.right
        source_y = (np.sin(angle) * x + np.cos(angle) * y) / move.scale + (height - 1) / 2 - move.down
        top, left = np.floor(source_y).astype(np.int64), np.floor(source_x).astype(np.int64)
        below, beside = source_y - top, source_x - left
        corners = [
            (top + i, left + j, np.abs(1 - i - below) * np.abs(1 - j - beside))
            for i in (0, 1)
            for j in (0, 1)
        ]
        columns = np.stack([(r % height) * width + c % width for r, c, _ in corners], axis=-1)
        weights = np.stack([w for _, _, w in corners], axis=-1)
        ends = np.arange(0, 4 * height * width + 1, 4)
        shape = (height * width, height * width)
        return csr_array((weights.ravel(), columns.ravel(), ends), shape=shape)
