"""What was computed, and why: each view a function from a network and an image to a frozen result.

Explaining runs the network with ``algorithm="direct"``: every number shown is
one that the engine really used.
"""

from convscope.explain.ablation import Ablation, Measured, ablate
from convscope.explain.attribution import Settings, attributions
from convscope.explain.carrying import Carriers, carriers
from convscope.explain.class_maps import GradCam, class_maps, grad_cam
from convscope.explain.composite import CompositeKernel, composite_kernel
from convscope.explain.deconvolution import Deconvnet, deconvnet
from convscope.explain.evolving import Evolution, LayerEvolution, evolution
from convscope.explain.familiar import FamiliarFeature, Familiarity, NodeFamiliarity, familiarity
from convscope.explain.features import feature_nodes
from convscope.explain.from_image import SeenFromImage, seen_from_image
from convscope.explain.gradient import GradientTrace
from convscope.explain.kernel_tables import KernelTables, kernel_table
from convscope.explain.ledgers import Ledger, LedgerEntry, ledger
from convscope.explain.linearised import LocalKernel, local_kernel
from convscope.explain.maps import FeatureMaps, NodeMaps, feature_maps
from convscope.explain.maximum import Maximum, maximize
from convscope.explain.occluding import Occlusion, occlusion
from convscope.explain.patches import PatchTables, TopPatches, top_patches
from convscope.explain.receptive import EffectiveField, GaussianFit, NodeField, receptive_field
from convscope.explain.saliency_maps import Saliency, saliency
from convscope.explain.sanity import Sanity, SanityStage, check_sanity
from convscope.explain.target import Target, find_target
from convscope.explain.telling import RocCurve, roc_curve
from convscope.explain.tracing import After, Trace, trace
from convscope.explain.ways import ConvolutionForms, Form, convolution_forms
from convscope.explain.windows import AxisWindows, Windows, draw_windows
from convscope.explain.workbooks import Workbook, workbook

__all__ = [
    "Ablation",
    "After",
    "AxisWindows",
    "Carriers",
    "CompositeKernel",
    "ConvolutionForms",
    "Deconvnet",
    "EffectiveField",
    "Evolution",
    "FamiliarFeature",
    "Familiarity",
    "FeatureMaps",
    "Form",
    "GaussianFit",
    "GradCam",
    "GradientTrace",
    "KernelTables",
    "LayerEvolution",
    "Ledger",
    "LedgerEntry",
    "LocalKernel",
    "Maximum",
    "Measured",
    "NodeFamiliarity",
    "NodeField",
    "NodeMaps",
    "Occlusion",
    "PatchTables",
    "RocCurve",
    "Saliency",
    "Sanity",
    "SanityStage",
    "SeenFromImage",
    "Settings",
    "Target",
    "TopPatches",
    "Trace",
    "Windows",
    "Workbook",
    "ablate",
    "attributions",
    "carriers",
    "check_sanity",
    "class_maps",
    "composite_kernel",
    "convolution_forms",
    "deconvnet",
    "draw_windows",
    "evolution",
    "familiarity",
    "feature_maps",
    "feature_nodes",
    "find_target",
    "grad_cam",
    "kernel_table",
    "ledger",
    "local_kernel",
    "maximize",
    "occlusion",
    "receptive_field",
    "roc_curve",
    "saliency",
    "seen_from_image",
    "top_patches",
    "trace",
    "workbook",
]
