"""The verdict on one kernel or filter, and its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convscope.kernels.grid import Array
from convscope.result import Result

__all__ = ["ClassicMatch", "ColourPart", "Duplicate", "ShapeFit", "Verdict"]


@dataclass(frozen=True)
class ShapeFit:
    """The best fit of one shape.

    Attributes
    ----------
    explained : float
        Share of the energy of the (dominant) pattern that the shape explains.
    p_value : float
        Share of random kernels of the same size that it explains as well.
    angle : float or None
        Direction of the stripes, degrees in [0, 180).
    sigma : float or None
        Across the stripes, in pixels.
    aspect : float or None
        Sigma across over sigma along (gamma of the Gabor formula).
    wavelength : float or None
        In pixels.
    phase : float or None
        In degrees; 0 is a cosine that is positive in the middle.
    direction : float or None
        Edges: where the shape is positive, degrees in [0, 360).
    centre : tuple of float or None
        (x, y) from the middle of the kernel in pixels, x right, y up.
    """

    explained: float
    p_value: float
    angle: float | None = None
    sigma: float | None = None
    aspect: float | None = None
    wavelength: float | None = None
    phase: float | None = None
    direction: float | None = None
    centre: tuple[float, float] | None = None


@dataclass(frozen=True)
class ClassicMatch:
    """The nearest kernel of the bank over sign, scale and quarter turns.

    `angle` is between the two, in degrees; `margin` how much further the second
    nearest is; `p_value` the share of random kernels as near to any classic.
    """

    name: str
    key: str
    angle: float
    p_value: float
    margin: float


@dataclass(frozen=True)
class ColourPart:
    """The colour side of a filter over red, green and blue.

    Attributes
    ----------
    direction : tuple of float
        Unit-norm (red, green, blue) weights of the dominant mode.
    name : str
        luminance, red-green, blue-yellow, a hue, or a hue and its opposite.
    achromatic : float
        Share of the direction's energy along grey.
    opponency : str
        "none", "single" (opposed colours in one place) or "double" (opposed
        colours, opposed in space too).
    separable : float
        Share of the filter's energy in one colour direction x one pattern.
    """

    direction: tuple[float, float, float]
    name: str
    achromatic: float
    opponency: str
    separable: float


@dataclass(frozen=True)
class Duplicate:
    """Which earlier filter of the layer this one repeats, and how."""

    index: int
    cosine: float
    shift: tuple[int, int]

    @property
    def sign(self) -> int:
        """-1 if one is the negative of the other."""
        return -1 if self.cosine < 0 else 1


@dataclass(frozen=True)
class Verdict(Result):
    """What kind of filter a kernel is, with the evidence.

    For a filter of several channels everything spatial is said of its dominant
    pattern (the first mode of its singular value decomposition), `dc_gain` of
    the whole filter. Angles are in degrees, frequencies in cycles per pixel.

    Attributes
    ----------
    family : str
        One of `convscope.kernels.FAMILIES`.
    confidence : float
        Calibrated probability that the family is right.
    runner_up, margin
        The next family, and how much less likely it is, in nats.
    p_value : float
        Of the whole search over families, against random kernels of this size.
    explained : float
        Energy of the pattern that the family explains.
    two_modes : float
        Energy that two Gabors explain together; 0 where it was not asked.
    passband : str
        all-pass, low-pass, high-pass, band-stop or band-pass, tested in this order.
    dc_gain : float
        |sum w| / sum |w| over the whole filter.
    pattern_dc_gain : float
        The same of the dominant pattern, which the passband goes by.
    peak_frequency, centroid : float
    bandwidth : float or None
        Half power, octaves; None where the passband reaches zero frequency.
    low, middle, high : float
        Shares of the power below .125, from there to .25, above.
    aliased : float
        Share of the power above 1/(2 stride) on either axis.
    orientation, direction : float or None
        Of the stripes, [0, 180); and where an edge is positive, [0, 360).
    anisotropy, anisotropy_p : float
        |sum P exp(2i theta)| / sum P, and its chance under random kernels.
    even_share : float
        Share of the energy that half a turn leaves as it is.
    symmetry : str
    derivative_order : int or None
        Where the family is a derivative.
    moment_order : int
        The lowest degree of polynomial that the kernel does not annul (5: none up to 4).
    sigma : float or None
        Scale of the family's best model, in pixels.
    fits : mapping of str to ShapeFit
    classic : ClassicMatch or None
    colour : ColourPart or None
    channel_shares : tuple of float
        Energy shares of the first spatial modes over the channels.
    separability_p : float or None
        Share of random filters with as large a first mode.
    duplicate_of : Duplicate or None
    separable_rank : int
        How many products of a column and a row hold 99 % of the pattern's energy.
    norm : float
        Euclidean norm of the filter.
    shape : tuple of int
        (C, kH, kW).
    stride : int
    null_samples : int
        How many random kernels the p-values rest on (0: none was needed).
    pattern : ndarray of shape (kH, kW)
        The dominant pattern, unit norm.
    """

    family: str
    confidence: float
    runner_up: str | None
    margin: float
    p_value: float
    explained: float
    two_modes: float
    passband: str
    dc_gain: float
    pattern_dc_gain: float
    peak_frequency: float
    centroid: float
    bandwidth: float | None
    low: float
    middle: float
    high: float
    aliased: float
    orientation: float | None
    direction: float | None
    anisotropy: float
    anisotropy_p: float
    even_share: float
    symmetry: str
    derivative_order: int | None
    moment_order: int
    sigma: float | None
    fits: Mapping[str, ShapeFit]
    classic: ClassicMatch | None
    colour: ColourPart | None
    channel_shares: tuple[float, ...]
    separability_p: float | None
    duplicate_of: Duplicate | None
    separable_rank: int
    norm: float
    shape: tuple[int, int, int]
    stride: int
    null_samples: int
    embossed: bool
    pattern: Array = field(repr=False)

    @property
    def sentence(self) -> str:
        """The verdict as one plain sentence with the numbers that decide."""
        from convscope.kernels.sentences import sentence

        return sentence(self)

    def to_dict(self) -> dict[str, Any]:
        """Give every field as plain Python, the sentence with it."""
        return {"sentence": self.sentence, **super().to_dict()}

    def __str__(self) -> str:
        return self.sentence
