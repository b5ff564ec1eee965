"""The bank of classic kernels: names, formulas, sources, any size and angle where that makes sense.

All kernels are applied as a CNN applies them (correlation: not flipped). Sizes
are (rows, columns); y is up, so that "up" is towards the first row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from convscope.errors import InvalidValue, UnknownName, nearest_names
from convscope.kernels import classic_makers as makers
from convscope.kernels.classic_makers import Maker
from convscope.kernels.grid import Array

__all__ = ["Bank", "Classic", "bank", "bank_for"]


@dataclass(frozen=True)
class Classic:
    """One kernel of the bank.

    Attributes
    ----------
    key : str
        For instance "sobel-x".
    name : str
        For people: "Sobel x".
    family : str
        What it is in the words of `convscope.kernels`.
    formula : str
    source : str
    native : tuple of int
        The size given without asking for one.
    turns : bool
        Whether an angle makes sense.
    """

    key: str
    name: str
    family: str
    formula: str
    source: str
    native: tuple[int, int]
    turns: bool
    _maker: Maker = field(repr=False)

    @property
    def array(self) -> Array:
        """The kernel at its native size, float64."""
        return self.at()

    def at(self, size: int | tuple[int, int] | None = None, angle: float = 0.0) -> Array:
        """Make the kernel at another size, turned counter-clockwise by `angle` degrees.

        Raises
        ------
        InvalidValue
            If this kernel does not exist at that size or cannot be turned.

        Examples
        --------
        >>> bank["sobel-x"].at(angle=90).round(12).tolist() == bank["sobel-y"].array.tolist()
        True
        """
        height, width = self.native if size is None else (size, size) if isinstance(size, int) else size
        if angle and not self.turns:
            raise InvalidValue(f"bank: {self.key} cannot be turned; got angle={angle}.")
        if height < 1 or width < 1:
            raise InvalidValue(f"bank: a size must be 1 or more; got {height} x {width}.")
        made = self._maker(height, width, angle)
        if made is None:
            rows, columns = self.native
            raise InvalidValue(
                f"bank: {self.key} does not exist at {height} x {width}; its own size is {rows} x {columns}."
            )
        return np.asarray(made, dtype=float)


class Bank(Mapping[str, Classic]):
    """The classic kernels by name; a name is found in any spelling of case, blanks and dashes.

    Examples
    --------
    >>> bank["Sobel X"].array.tolist()
    [[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]
    >>> bank["gaussian"].at(5).shape
    (5, 5)
    """

    def __init__(self, classics: list[Classic]) -> None:
        self._classics = {classic.key: classic for classic in classics}

    def __getitem__(self, name: str) -> Classic:
        key = str(name).strip().lower().replace(" ", "-").replace("_", "-")
        if key not in self._classics:
            raise UnknownName(f"bank: no kernel {name!r}; {nearest_names(key, self._classics)}.")
        return self._classics[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._classics)

    def __len__(self) -> int:
        return len(self._classics)

    def __repr__(self) -> str:
        return f"Bank({len(self)} kernels: {', '.join(self)})"


_R2 = 2**0.5
_FREI_CHEN: tuple[tuple[str, list[list[float]]], ...] = (
    ("edge", [[1, _R2, 1], [0, 0, 0], [-1, -_R2, -1]]),
    ("edge", [[1, 0, -1], [_R2, 0, -_R2], [1, 0, -1]]),
    ("higher-derivative", [[0, -1, _R2], [1, 0, -1], [-_R2, 1, 0]]),
    ("higher-derivative", [[_R2, -1, 0], [-1, 0, 1], [0, 1, -_R2]]),
    ("saddle", [[0, 1, 0], [-1, 0, -1], [0, 1, 0]]),
    ("saddle", [[-1, 0, 1], [0, 0, 0], [1, 0, -1]]),
    ("higher-derivative", [[1, -2, 1], [-2, 4, -2], [1, -2, 1]]),
    ("centre-surround", [[-2, 1, -2], [1, 4, 1], [-2, 1, -2]]),
    ("smoothing", [[1, 1, 1], [1, 1, 1], [1, 1, 1]]),
)


def _classics() -> list[Classic]:
    three = (3, 3)
    made: list[Classic] = []

    def add(
        key: str,
        name: str,
        family: str,
        formula: str,
        source: str,
        maker: Maker,
        native: tuple[int, int] = three,
        turns: bool = False,
    ) -> None:
        made.append(Classic(key, name, family, formula, source, native, turns, maker))

    book = "Gonzalez & Woods, Digital Image Processing"
    add("identity", "identity", "identity", "1 in the middle, else 0", "definition", makers.identity)
    add("box", "box blur", "smoothing", "1 / (kH kW) everywhere", book, makers.box)
    add("gaussian", "Gaussian blur", "smoothing", "exp(-r^2 / 2 s^2), s = .3 ((k - 1)/2 - 1) + .8",
        "OpenCV getGaussianKernel", makers.gaussian)  # fmt: skip
    add("binomial", "binomial blur", "smoothing", "outer product of rows of Pascal's triangle",
        "Burt & Adelson (1983)", makers.binomial)  # fmt: skip
    _add_edges(add)
    _add_second_derivatives(add, book)
    add("sharpen", "sharpen", "sharpening", "[0 -1 0; -1 5 -1; 0 -1 0], the image minus its Laplacian", book,
        makers.fixed([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]))  # fmt: skip
    add("sharpen-8", "sharpen (8 neighbours)", "sharpening", "[-1 -1 -1; -1 9 -1; -1 -1 -1]", book,
        makers.fixed([[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]]))  # fmt: skip
    add("unsharp", "unsharp mask", "sharpening", "2 identity - binomial blur", book, makers.unsharp, (5, 5))
    add("emboss", "emboss", "edge", "[-2 -1 0; -1 1 1; 0 1 2], an edge plus a constant", "GIMP, ImageMagick",
        makers.fixed([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]), turns=True)  # fmt: skip
    add(
        "motion-blur",
        "motion blur",
        "smoothing",
        "a line of equal weights, sum 1",
        book,
        makers.motion,
        (5, 5),
        True,
    )
    add("checkerboard", "checkerboard", "gabor", "(-1)^(i + j): the highest frequency of both axes",
        "definition", makers.checkerboard)  # fmt: skip
    for name, phase in (("even", 0.0), ("odd", np.pi / 2)):
        add(f"gabor-{name}", f"Gabor ({name})", "gabor",
            "exp(-r^2 / 2 s^2) cos(2 pi u / l - phase), s = k/5, l = k/2, mean off", "Daugman (1985)",
            makers.gabor(phase), (7, 7), True)  # fmt: skip
    for index, (family, rows) in enumerate(_FREI_CHEN, 1):
        add(f"frei-chen-{index}", f"Frei-Chen {index}", family, "one of nine orthogonal masks (unscaled)",
            "Frei & Chen (1977)", makers.fixed(rows), turns=True)  # fmt: skip
    return made


def _add_edges(add: Callable[..., None]) -> None:
    for name, maker, formula, source in (
        ("Sobel", makers.sobel, "[1 2 1]' x [-1 0 1]; larger: binomial rows", "Sobel & Feldman (1968)"),
        ("Prewitt", makers.prewitt, "[1 1 1]' x [-1 0 1]; larger: sign of x", "Prewitt (1970)"),
        ("Scharr", makers.scharr, "[3 10 3]' x [-1 0 1]", "Scharr (2000)"),
    ):
        key = name.lower()
        add(f"{key}-x", f"{name} x", "edge", formula, source, maker, turns=True)
        add(f"{key}-y", f"{name} y", "edge", formula + ", turned by 90 degrees", source,
            lambda h, w, angle, make=maker: make(h, w, angle + 90), turns=True)  # fmt: skip
    for index, rows in enumerate(([[1.0, 0.0], [0.0, -1.0]], [[0.0, 1.0], [-1.0, 0.0]]), 1):
        add(f"roberts-{index}", f"Roberts {index}", "edge", "difference along a diagonal", "Roberts (1963)",
            makers.fixed(rows), (2, 2), True)  # fmt: skip
    for turn, point in enumerate(makers.COMPASS):
        add(f"kirsch-{point}", f"Kirsch {point.upper()}", "edge",
            "three 5 against five -3, by eighths of a turn", "Kirsch (1971)",
            makers.compass([5, 5, -3, -3, -3, -3, -3, 5], turn))  # fmt: skip
    for turn, point in enumerate(makers.COMPASS):
        add(f"robinson-{point}", f"Robinson {point.upper()}", "edge", "Sobel's mask by eighths of a turn",
            "Robinson (1977)", makers.compass([2, 1, 0, -1, -2, -1, 0, 1], turn))  # fmt: skip
    add("difference", "first difference", "edge", "[-1 1]; odd sizes [-1 0 1] smoothed", "definition",
        makers.difference(1), (1, 3))  # fmt: skip


def _add_second_derivatives(add: Callable[..., None], book: str) -> None:
    add("second-difference", "second difference", "line", "[-1 2 -1] smoothed", "definition",
        makers.difference(2), (1, 3))  # fmt: skip
    add("laplacian-4", "Laplacian (4 neighbours)", "centre-surround", "[0 -1 0; -1 4 -1; 0 -1 0]", book,
        makers.fixed([[0, -1, 0], [-1, 4, -1], [0, -1, 0]]))  # fmt: skip
    add("laplacian-8", "Laplacian (8 neighbours)", "centre-surround", "[-1 -1 -1; -1 8 -1; -1 -1 -1]", book,
        makers.fixed([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]))  # fmt: skip
    add("outline", "outline", "centre-surround", "the Laplacian of 8 neighbours, as image editors call it",
        "image editors", makers.fixed([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]))  # fmt: skip
    add("log", "Laplacian of Gaussian", "centre-surround",
        "(2 - r^2/s^2) exp(-r^2 / 2 s^2), s = k/5, mean off", "Marr & Hildreth (1980)",
        makers.laplacian_of_gaussian, (5, 5))  # fmt: skip
    add("dog", "difference of Gaussians", "centre-surround", "G(s) - G(1.6 s), s = .15 k",
        "Marr & Hildreth (1980)", makers.difference_of_gaussians, (5, 5))  # fmt: skip
    for angle, name in ((0, "horizontal"), (90, "vertical"), (45, "45"), (135, "135")):
        add(f"line-{name}", f"line {name}", "line",
            "one bright line, sum 0; 3 x 3: [-1 2 -1] in three rows", book,
            lambda h, w, turn, first=angle: makers.bar(h, w, first + turn), turns=True)  # fmt: skip


bank = Bank(_classics())


@lru_cache(maxsize=64)
def bank_for(height: int, width: int) -> tuple[Array, tuple[str, ...], Array]:
    """Give the classic kernels of one size for finding the nearest.

    Returns
    -------
    atoms : ndarray of shape (M, height * width)
        Unit norm; quarter turns that no other name has are included.
    keys : tuple of str
    groups : ndarray of shape (M,)
        Atoms that are one kernel up to sign and quarter turns share a group.
    """
    atoms: list[Array] = []
    keys: list[str] = []
    groups: list[int] = []
    square = height == width
    for quarter in range(4) if square else range(0, 4, 2):
        for key, classic in bank.items():
            try:
                kernel = np.rot90(classic.at((height, width)), quarter)
            except InvalidValue:
                continue
            kernel = kernel / np.linalg.norm(kernel)
            if _same(atoms, kernel) < 0:
                turns = range(4) if square else range(0, 4, 2)
                relatives = [_same(atoms, np.rot90(kernel, turn)) for turn in turns]
                relative = max(relatives)
                groups.append(groups[relative] if relative >= 0 else len(set(groups)))
                atoms.append(kernel.ravel())
                keys.append(key)
    stacked = np.stack(atoms) if atoms else np.zeros((0, height * width))
    return stacked.astype(np.float32), tuple(keys), np.array(groups, dtype=int)


def _same(atoms: list[Array], kernel: Array) -> int:
    """Index of the atom that is this kernel up to sign, or -1."""
    if not atoms:
        return -1
    cosine = np.abs(np.array(atoms) @ kernel.ravel())
    return int(cosine.argmax()) if cosine.max() > 1 - 1e-9 else -1
