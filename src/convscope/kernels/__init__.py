"""What kind of filter is this kernel? A verdict in the words of signal processing."""

from __future__ import annotations

from convscope.kernels.classics import Bank, Classic, bank
from convscope.kernels.families import FAMILIES
from convscope.kernels.filtering import FilteredImage, filter_image
from convscope.kernels.generate import GENERATED, Generated, generate
from convscope.kernels.layer import Finding, Layer
from convscope.kernels.spectrum import PASSBANDS, power_spectrum
from convscope.kernels.symmetry import SYMMETRIES
from convscope.kernels.table import KernelTable, judge, verdict
from convscope.kernels.verdicts import ClassicMatch, ColourPart, Duplicate, ShapeFit, Verdict

__all__ = [
    "Bank",
    "Classic",
    "ClassicMatch",
    "ColourPart",
    "Duplicate",
    "FAMILIES",
    "FilteredImage",
    "Finding",
    "GENERATED",
    "Generated",
    "KernelTable",
    "Layer",
    "PASSBANDS",
    "SYMMETRIES",
    "ShapeFit",
    "Verdict",
    "bank",
    "filter_image",
    "generate",
    "judge",
    "power_spectrum",
    "verdict",
]
