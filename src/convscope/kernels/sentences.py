"""One plain English sentence for each verdict, with the two or three numbers that decide."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from convscope.kernels.grid import Array
from convscope.kernels.verdicts import Verdict

__all__ = ["factors", "sentence"]

_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth"}


def sentence(v: Verdict) -> str:
    """Say what the kernel is.

    Examples
    --------
    >>> from convscope.kernels.sentences import _degrees
    >>> _degrees(89.96)
    '90 degrees'
    """
    body = _BODIES.get(v.family, _mixture)(v)
    return body[0].upper() + body[1:] + _additions(v) + "."


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _degrees(angle: float | None, full: int = 360) -> str:
    return "no angle" if angle is None else f"{round(angle) % full:d} degrees"


def _chance(v: Verdict) -> str:
    least = 1 / (v.null_samples + 1) if v.null_samples else 0
    if v.p_value <= least:
        return f"fewer than 1 in {v.null_samples} random kernels fit any family as well"
    return f"{100 * v.p_value:.2g} % of random kernels fit some family as well"


def _dead(v: Verdict) -> str:
    if v.norm == 0:
        return "dead: all weights are zero"
    return f"dead: its largest weight is below 1 % of the layer's largest (norm {v.norm:.2g})"


def _pointwise(v: Verdict) -> str:
    channels = v.shape[0]
    if channels == 1:
        return "pointwise: it scales its one channel and sees no neighbourhood"
    return (
        f"pointwise: a weighted sum of {channels} channels without a neighbourhood, DC gain {v.dc_gain:.2f}"
    )


def _noise(v: Verdict) -> str:
    best = v.runner_up or "any family"
    return (
        f"cannot be told from a random kernel of its size: the best description, {best}, explains "
        f"{_percent(v.explained)}, and {100 * v.p_value:.2g} % of random kernels fit as well"
    )


def _identity(v: Verdict) -> str:
    row, column = np.unravel_index(int(np.abs(v.pattern).argmax()), v.pattern.shape)
    off = abs(row - (v.shape[1] - 1) / 2) >= 1 or abs(column - (v.shape[2] - 1) / 2) >= 1
    effect = "moves without another change" if off else "passes unchanged"
    return f"identity: one pixel holds {_percent(v.explained)} of the energy, so the image {effect}"


def _smoothing(v: Verdict) -> str:
    along = "" if v.orientation is None else f" along {_degrees(v.orientation, 180)}"
    scale = "" if v.sigma is None or v.sigma > max(v.shape[1:]) else f" of sigma {v.sigma:.2g} pixels"
    return (
        f"smoothing{along}: a blob{scale} explains {_percent(v.explained)}, DC gain {v.pattern_dc_gain:.2f}"
    )


def _edge(v: Verdict) -> str:
    constant = " plus a constant (an emboss)" if v.embossed else ""
    return (
        f"edge{constant}: a first derivative that is positive towards {_degrees(v.direction)} "
        f"(stripes along {_degrees(v.orientation, 180)}) explains {_percent(v.explained)}"
    )


def _line(v: Verdict) -> str:
    along = _degrees(v.orientation, 180)
    return f"line: a second derivative with stripes along {along} explains {_percent(v.explained)}"


def _centre_surround(v: Verdict) -> str:
    scale = "" if v.sigma is None else f", centre of sigma {v.sigma:.2g} pixels"
    return (
        f"centre-surround: a middle against its surroundings{scale}, explains {_percent(v.explained)}, "
        f"DC gain {v.pattern_dc_gain:.2f}"
    )


def _saddle(v: Verdict) -> str:
    along = _degrees(v.orientation, 180)
    return f"saddle: a mixed second derivative, zero along {along}, explains {_percent(v.explained)}"


def _higher(v: Verdict) -> str:
    order = _ORDINALS.get(v.derivative_order or 0, "high")
    where = "" if v.orientation is None else f" with stripes along {_degrees(v.orientation, 180)}"
    gabor = v.fits.get("gabor")
    rival = "" if gabor is None or gabor.explained < 0.9 else f" (a Gabor {_percent(gabor.explained)})"
    return f"{order} derivative{where}, explains {_percent(v.explained)}{rival}"


def _gabor(v: Verdict) -> str:
    fit = v.fits.get("gabor")
    waves = "" if fit is None or fit.wavelength is None else f" of wavelength {fit.wavelength:.2g} pixels"
    return f"Gabor: waves{waves} along {_degrees(v.orientation, 180)} explain {_percent(v.explained)}"


def _sharpening(v: Verdict) -> str:
    return f"sharpening: the image plus its difference from its surroundings explains {_percent(v.explained)}"


def _contrast(v: Verdict) -> str:
    name = v.colour.name if v.colour else "opposed colours"
    where = "" if v.orientation is None else f", stripes along {_degrees(v.orientation, 180)}"
    return f"colour contrast: {name} side by side{where}, explains {_percent(v.explained)}"


def _blob(v: Verdict) -> str:
    name = v.colour.name if v.colour else "opposed colours"
    return (
        f"colour blob: {name} in one place, explains {_percent(v.explained)}, DC gain {v.dc_gain:.2f} to grey"
    )


def _mixture(v: Verdict) -> str:
    if len(v.channel_shares) > 1 and v.channel_shares[1] >= 0.15:
        first, second = v.channel_shares[:2]
        return f"mixture: two spatial modes hold {_percent(first)} and {_percent(second)} of the energy"
    together = f", two modes together {_percent(v.two_modes)}" if v.two_modes else ""
    return f"mixture: no single family explains more than {_percent(v.explained)}{together}"


_BODIES: dict[str, Callable[[Verdict], str]] = {
    "dead": _dead,
    "pointwise": _pointwise,
    "noise": _noise,
    "identity": _identity,
    "smoothing": _smoothing,
    "edge": _edge,
    "line": _line,
    "centre-surround": _centre_surround,
    "saddle": _saddle,
    "higher-derivative": _higher,
    "gabor": _gabor,
    "sharpening": _sharpening,
    "colour-contrast": _contrast,
    "colour-blob": _blob,
    "mixture": _mixture,
}


def _additions(v: Verdict) -> str:
    """What else is worth a clause: a classic kernel, separability, chance, a duplicate."""
    if v.family in ("dead", "pointwise"):
        return _repeats(v)
    said = ""
    if v.classic is not None and v.classic.angle < 1:
        said += f"; it is {v.classic.name}"
    elif v.classic is not None and v.classic.angle < 20 and v.family != "noise":
        said += f"; {v.classic.angle:.0f} degrees from {v.classic.name}"
    parts = factors(v.pattern) if v.separable_rank == 1 else None
    if parts is not None:
        said += f"; separable, {parts[0]} x {parts[1]}"
    exact = v.classic is not None and v.classic.angle < 1
    if v.family not in ("noise", "mixture") and not exact:
        said += f"; {_chance(v)}"
    return said + _repeats(v)


def _repeats(v: Verdict) -> str:
    if v.duplicate_of is None:
        return ""
    twin = v.duplicate_of
    sign = "the negative of " if twin.sign < 0 else ""
    moved = "" if twin.shift == (0, 0) else f", moved by {twin.shift[0]} rows and {twin.shift[1]} columns"
    return f"; repeats {sign}filter {twin.index} (cosine {abs(twin.cosine):.2f}{moved})"


def factors(pattern: Array) -> tuple[str, str] | None:
    """Give column and row of a separable kernel as small whole numbers, or None.

    Examples
    --------
    >>> factors(np.outer([1, 2, 1], [-1, 0, 1]) / 12**0.5)
    ('[1 2 1]', '[-1 0 1]')
    >>> factors(np.outer([1, 0.777, 0.1], [-1, 0, 1])) is None
    True
    """
    if min(pattern.shape) < 2:
        return None
    left, _, right = np.linalg.svd(np.asarray(pattern, dtype=float))
    column, row = left[:, 0], right[0]
    deciding = row if abs(column.sum()) < 1e-6 else column  # it shall be positive, the other keeps the sign
    if deciding.sum() < -1e-6:
        column, row = -column, -row
    whole = _whole(column), _whole(row)
    if whole[0] is None or whole[1] is None:
        return None
    return whole[0], whole[1]


def _whole(values: Array) -> str | None:
    """Small whole numbers in these proportions, as text, if there are any."""
    present = np.abs(values)[np.abs(values) > 1e-3 * np.abs(values).max()]
    scaled = np.arange(1, 17)[:, None] * (values / present.min())
    whole = np.rint(scaled)
    fits = (np.abs(scaled - whole).max(axis=1) < 2e-3) & (np.abs(scaled).max(axis=1) < 100)
    return "[" + " ".join(f"{int(v):d}" for v in whole[fits.argmax()]) + "]" if fits.any() else None
