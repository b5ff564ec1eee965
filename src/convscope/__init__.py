"""convscope: a convolutional network you can see through.

Names are imported when they are first used, so that `import convscope` costs
next to nothing beyond `import numpy`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# public name -> the module it lives in; sub-packages map to themselves
_HOMES = {
    "avg_pool2d": "convscope.ops",
    "conv2d": "convscope.ops",
    "conv_output_size": "convscope.geometry",
    "conv_transpose2d": "convscope.ops",
    "core": "convscope.ops",
    "get_threads": "convscope.ops",
    "max_pool2d": "convscope.ops",
    "set_threads": "convscope.ops",
    "Network": "convscope.network",
    "from_torch": "convscope.formats",
    "load": "convscope.formats",
    "save": "convscope.formats",
    "to_torch": "convscope.formats",
    "Adam": "convscope.training",
    "AdamW": "convscope.training",
    "ConvNetClassifier": "convscope.training",
    "History": "convscope.training",
    "Run": "convscope.training",
    "SGD": "convscope.training",
    "fit": "convscope.training",
    "load_run": "convscope.training",
    "KernelTable": "convscope.kernels",
    "Verdict": "convscope.kernels",
    "bank": "convscope.kernels",
    "filter_image": "convscope.kernels",
    "verdict": "convscope.kernels",
    "ablate": "convscope.explain",
    "evolution": "convscope.explain",
    "familiarity": "convscope.explain",
    "feature_maps": "convscope.explain",
    "kernel_table": "convscope.explain",
    "ledger": "convscope.explain",
    "local_kernel": "convscope.explain",
    "maximize": "convscope.explain",
    "composite_kernel": "convscope.explain",
    "receptive_field": "convscope.explain",
    "workbook": "convscope.explain",
    "trace": "convscope.explain",
    "Inspection": "convscope.inspection",
    "inspect": "convscope.inspection",
    "deconvnet": "convscope.explain",
    "grad_cam": "convscope.explain",
    "occlusion": "convscope.explain",
    "saliency": "convscope.explain",
    "top_patches": "convscope.explain",
}
_MODULES = (
    "claims",
    "data",
    "errors",
    "explain",
    "formats",
    "geometry",
    "inspection",
    "kernels",
    "layers",
    "models",
    "ops",
    "report",
    "training",
)

__all__ = ["__version__", *sorted(_HOMES), *_MODULES]

if TYPE_CHECKING:
    from convscope import claims as claims
    from convscope import data as data
    from convscope import errors as errors
    from convscope import explain as explain
    from convscope import formats as formats
    from convscope import geometry as geometry
    from convscope import inspection as inspection
    from convscope import kernels as kernels
    from convscope import layers as layers
    from convscope import models as models
    from convscope import ops as ops
    from convscope import report as report
    from convscope import training as training
    from convscope.explain import ablate as ablate
    from convscope.explain import composite_kernel as composite_kernel
    from convscope.explain import deconvnet as deconvnet
    from convscope.explain import evolution as evolution
    from convscope.explain import familiarity as familiarity
    from convscope.explain import feature_maps as feature_maps
    from convscope.explain import grad_cam as grad_cam
    from convscope.explain import kernel_table as kernel_table
    from convscope.explain import ledger as ledger
    from convscope.explain import local_kernel as local_kernel
    from convscope.explain import maximize as maximize
    from convscope.explain import occlusion as occlusion
    from convscope.explain import receptive_field as receptive_field
    from convscope.explain import saliency as saliency
    from convscope.explain import top_patches as top_patches
    from convscope.explain import trace as trace
    from convscope.explain import workbook as workbook
    from convscope.formats import from_torch as from_torch
    from convscope.formats import load as load
    from convscope.formats import save as save
    from convscope.formats import to_torch as to_torch
    from convscope.geometry import conv_output_size as conv_output_size
    from convscope.inspection import Inspection as Inspection
    from convscope.inspection import inspect as inspect
    from convscope.kernels import KernelTable as KernelTable
    from convscope.kernels import Verdict as Verdict
    from convscope.kernels import bank as bank
    from convscope.kernels import filter_image as filter_image
    from convscope.kernels import verdict as verdict
    from convscope.network import Network as Network
    from convscope.ops import avg_pool2d as avg_pool2d
    from convscope.ops import conv2d as conv2d
    from convscope.ops import conv_transpose2d as conv_transpose2d
    from convscope.ops import core as core
    from convscope.ops import get_threads as get_threads
    from convscope.ops import max_pool2d as max_pool2d
    from convscope.ops import set_threads as set_threads
    from convscope.training import SGD as SGD
    from convscope.training import Adam as Adam
    from convscope.training import AdamW as AdamW
    from convscope.training import ConvNetClassifier as ConvNetClassifier
    from convscope.training import History as History
    from convscope.training import Run as Run
    from convscope.training import fit as fit
    from convscope.training import load_run as load_run


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(f"convscope.{name}")
    else:
        raise AttributeError(f"module 'convscope' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
