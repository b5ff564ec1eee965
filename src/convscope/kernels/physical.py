"""From fitted parameters to physical ones: degrees, pixels, wavelengths."""

from __future__ import annotations

import numpy as np

from convscope.kernels.fits import Fit
from convscope.kernels.grid import Array

__all__ = ["FIELDS", "best_of_shape", "physical", "within"]

_SAME = 0.05  # degrees

FIELDS = ("angle", "direction", "sigma", "aspect", "wavelength", "phase", "centre_x", "centre_y")


def physical(fit: Fit) -> dict[str, Array]:
    """Give `FIELDS` of one model's fits, each of shape (N,), NaN where it has no such parameter.

    angle is the direction of the stripes in [0, 180) degrees (of a blob: its
    long axis; of a saddle: one of the two zero lines, in [0, 90)); direction
    points to where an edge is positive; sigma is across the stripes, in pixels;
    aspect is sigma across over sigma along (the gamma of the Gabor formula);
    phase is in degrees, 0 for a cosine positive in the middle.
    """
    model, p, a = fit.model, fit.parameters, fit.amplitudes
    n = p.shape[1]
    found = {name: np.full(n, np.nan, np.float32) for name in FIELDS}
    place = {name: i for i, name in enumerate(model.parameters)}
    for name in ("sigma", "sigma_u"):
        if name in place:
            found["sigma"] = np.exp(p[place[name]])
    if "cx" in place:
        found["centre_x"], found["centre_y"] = p[place["cx"]], p[place["cy"]]
    phi = _phi(model.shape, place, p, a)
    if "sigma_v" in place:
        found["aspect"] = np.exp(p[place["sigma_u"]] - p[place["sigma_v"]])
    if model.shape == "gaussian-0" and "phi" in place:
        _lay_along(found, phi)
    elif phi is not None:
        found["angle"] = phi + 90
    if model.order == 1 and phi is not None:
        found["direction"] = within(phi, 360)
    if "wavelength" in place:
        assert phi is not None
        found["wavelength"], found["angle"] = _fold(np.exp(p[place["wavelength"]]), phi)
        stretch = p[place["stretch"]] if "stretch" in place else np.zeros(n, np.float32)
        found["aspect"] = np.exp(-stretch)
        found["phase"] = _phase(phi, a)
    found["angle"] = within(found["angle"], 90 if model.shape == "saddle" else 180)
    return found


def within(angle: Array, full: int) -> Array:
    """Bring angles into [0, full); what is nearer to `full` than a fit can tell is 0.

    Examples
    --------
    >>> within(np.array([-1.0, 360.0, 359.99]), 360).tolist()
    [359.0, 0.0, 0.0]
    """
    angle = angle % full
    return np.asarray(np.where(full - angle < _SAME, 0, angle))


def _phi(shape: str, place: dict[str, int], p: Array, a: Array) -> Array | None:
    """Angle across the stripes in degrees, towards the positive side of an edge."""
    if "phi" in place:
        phi = np.degrees(p[place["phi"]])
        return np.asarray(phi + 180 * (a[0] < 0) if shape == "gaussian-1" else phi)
    if shape in ("gaussian-1", "emboss"):
        return np.asarray(np.degrees(np.arctan2(a[1], a[0])))
    if shape == "saddle":
        # the positive ridge lies at half this angle, the zero lines 45 degrees from it
        return np.asarray(np.degrees(0.5 * np.arctan2(a[0], a[1])) - 45)
    return None


def _lay_along(found: dict[str, Array], phi: Array | None) -> None:
    """A blob's stripes run along its long axis, whichever of its two sigmas that is."""
    assert phi is not None
    across_is_long = found["aspect"] > 1
    found["angle"] = phi + np.where(across_is_long, 0, 90)
    found["sigma"] = np.where(across_is_long, found["sigma"] / found["aspect"], found["sigma"])
    found["aspect"] = np.where(across_is_long, 1 / found["aspect"], found["aspect"])


def _fold(wavelength: Array, phi: Array) -> tuple[Array, Array]:
    """A wave beyond half a cycle per pixel on an axis is its own alias below: give that one."""
    fx, fy = np.cos(np.radians(phi)) / wavelength, np.sin(np.radians(phi)) / wavelength
    fx, fy = fx - np.rint(fx), fy - np.rint(fy)
    folded = 1 / np.maximum(np.hypot(fx, fy), 1e-6)
    return folded, np.degrees(np.arctan2(fy, fx)) + 90


def _phase(phi: Array, a: Array) -> Array:
    """Phase of a cos + b sin, seen along the direction of `phi` brought into [-90, 90)."""
    phase = np.degrees(np.arctan2(a[1], a[0]))
    turned = ((phi + 90) % 360) >= 180
    return np.asarray(np.where(turned, -phase, phase))


def best_of_shape(fits: list[Fit], physicals: list[dict[str, Array]], shape: str) -> dict[str, Array] | None:
    """Give explained energy and `FIELDS` of the best variant of a shape for each kernel."""
    members = [(f, q) for f, q in zip(fits, physicals, strict=True) if f.model.shape == shape]
    if not members:
        return None
    best = {"explained": np.clip(members[0][0].explained, 0, 1), **members[0][1]}
    for fit, values in members[1:]:
        better = fit.explained > best["explained"]
        best["explained"] = np.where(better, np.clip(fit.explained, 0, 1), best["explained"])
        for name in FIELDS:
            best[name] = np.where(better, values[name], best[name])
    return best
