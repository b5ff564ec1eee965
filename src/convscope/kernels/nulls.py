"""Chance: how random kernels of the same size score under the very same code.

A null is a seeded sample of random kernels (half Gaussian, half Gaussian with
each kernel's mean taken off, which differentiate by chance more often), scored
by `convscope.kernels.scores.score`. It is computed when first needed and kept on
disk, in a folder that the environment variable CONVSCOPE_CACHE names (default:
the user's cache folder). The file's name holds a hash of the code that made it,
so another version of the code never reads it; a damaged file is made again.
CONVSCOPE_NULL_SAMPLES sets another sample size.

The dominant pattern of a filter of several channels has a null of its own: it
is made from random filters of three channels and serves any number above one
(for Gaussian values its law does not depend on their number).
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock

import numpy as np

from convscope.errors import FileError, InvalidValue
from convscope.files import atomic_path
from convscope.kernels.calibration import calibrate
from convscope.kernels.fits import fitter_for
from convscope.kernels.grid import Array
from convscope.kernels.scores import SHAPES, Scores, score
from convscope.kernels.workers import on_all_cores

__all__ = ["Null", "cache_folder", "null_for", "statistics"]

_SEED = 20240
_BATCH = 500  # kernels scored at once
_MEASURES = ("statistic", "two", "anisotropy", "classic", *SHAPES)


@dataclass(frozen=True)
class Null:
    """The scores of random kernels of one size.

    Attributes
    ----------
    samples : int
    scores : dict of ndarray of shape (samples,)
        Each sorted, rising.
    calibration : ndarray of shape (features,)
        The coefficients of the confidence (see `convscope.kernels.calibration`).
    """

    samples: int
    scores: dict[str, Array]
    calibration: Array

    def p_value(self, measure: str, values: Array) -> Array:
        """Share of random kernels that score at least `values`; never below 1 / (samples + 1).

        Examples
        --------
        >>> null = Null(3, {"statistic": np.array([1.0, 2.0, 3.0])}, np.zeros(0))
        >>> null.p_value("statistic", np.array([0.0, 2.5, 9.0])).tolist()
        [1.0, 0.5, 0.25]
        """
        above = self.samples - np.searchsorted(self.scores[measure], values, side="left")
        return (1 + above) / (1 + self.samples)


def statistics(scores: Scores) -> dict[str, Array]:
    """Give the measures that have a null."""
    return {
        "statistic": scores.comparison.statistic,
        "two": scores.two,
        "anisotropy": scores.spectrum.anisotropy,
        "classic": scores.nearest.cosine,
        **scores.explained,
    }


def cache_folder() -> Path:
    """Give the folder where nulls are kept (it need not exist)."""
    chosen = os.environ.get("CONVSCOPE_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "convscope"


def null_for(height: int, width: int, channels: int = 1) -> Null:
    """Give the null of a size: from memory, from disk, or computed now.

    Raises
    ------
    InvalidValue
        If CONVSCOPE_NULL_SAMPLES is not a whole number of at least 100.
    """
    depth = 1 if channels == 1 else 3
    with _MAKING:  # threads that ask for the same one wait for it instead of making it too
        return _null(height, width, depth, _samples(height * width), str(cache_folder()))


_MAKING = Lock()


def _samples(size: int) -> int:
    chosen = os.environ.get("CONVSCOPE_NULL_SAMPLES")
    if chosen:
        if not chosen.isdigit() or int(chosen) < 100:
            raise InvalidValue(
                f"CONVSCOPE_NULL_SAMPLES must be a whole number of at least 100; got {chosen!r}."
            )
        return int(chosen)
    for limit, samples in ((9, 20000), (25, 8000), (49, 4000), (121, 2000)):
        if size <= limit:
            return samples
    return 1000


@lru_cache(maxsize=64)
def _null(height: int, width: int, channels: int, samples: int, folder: str) -> Null:
    path = Path(folder) / f"null-{height}x{width}-c{channels}-n{samples}-{_fingerprint()}.npz"
    found = _read(path, samples)
    if found is None:
        found = _compute(height, width, channels, samples)
        _write(path, found)
    return found


def _compute(height: int, width: int, channels: int, samples: int) -> Null:
    random = np.random.default_rng([_SEED, height, width, channels])
    kernels = random.normal(size=(samples, channels, height * width))
    kernels[::2] -= kernels[::2].mean(axis=2, keepdims=True)
    kernels = kernels.astype(np.float32)
    fitter_for(height, width)  # made once, before the threads ask for it
    parts = np.array_split(kernels, -(-samples // _BATCH))
    measured = on_all_cores(lambda part: statistics(score(part, height, width)), parts)
    scores = {
        name: np.sort(np.concatenate([part[name] for part in measured]).astype(np.float32))
        for name in _MEASURES
    }
    plain = Null(samples, scores, np.zeros(0))
    return Null(samples, scores, calibrate(plain, height, width, channels, samples))


def _read(path: Path, samples: int) -> Null | None:
    """Give what is on disk, or None if there is nothing or nothing whole."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            scores = {name: stored[name] for name in _MEASURES}
            calibration = stored["calibration"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    whole = all(len(s) == samples and bool(np.isfinite(s).all()) for s in scores.values())
    return Null(samples, scores, calibration) if whole and np.isfinite(calibration).all() else None


def _write(path: Path, null: Null) -> None:
    """Keep a null; a folder that cannot be written only costs time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, calibration=null.calibration, **null.scores)
    except (OSError, FileError):
        return


@lru_cache(maxsize=1)
def _fingerprint() -> str:
    """A hash of the code whose results are kept."""
    digest = hashlib.sha256(np.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem in _SCORING:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


_SCORING = frozenset(
    {
        "calibration",
        "choosing",
        "classics",
        "colour",
        "families",
        "fits",
        "generate",
        "model_shapes",
        "model_slopes",
        "model_starts",
        "models",
        "modes",
        "nulls",
        "scores",
        "separability",
        "spectrum",
    }
)
