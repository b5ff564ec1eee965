"""What was computed, and why: each view a function from a network and an image to a frozen result.

Explaining runs the network with ``algorithm="direct"``: every number shown is
one that the engine really used.
"""

from convscope.explain.from_image import SeenFromImage, seen_from_image
from convscope.explain.gradient import GradientTrace
from convscope.explain.kernel_tables import KernelTables, kernel_table
from convscope.explain.maps import FeatureMaps, NodeMaps, feature_maps
from convscope.explain.tracing import After, Trace, trace
from convscope.explain.windows import AxisWindows, Windows, draw_windows

__all__ = [
    "After",
    "AxisWindows",
    "FeatureMaps",
    "GradientTrace",
    "KernelTables",
    "NodeMaps",
    "SeenFromImage",
    "Trace",
    "Windows",
    "draw_windows",
    "feature_maps",
    "kernel_table",
    "seen_from_image",
    "trace",
]
