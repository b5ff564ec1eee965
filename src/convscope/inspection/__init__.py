"""Findings about a network and the whole account of it: everything the other rooms can say, gathered.

Nothing here draws: `convscope.report` turns an `Inspection` into a page, Markdown or JSON.
"""

from __future__ import annotations

from convscope.inspection.account import Inspection, Missing
from convscope.inspection.baseline import Baseline, LayerChange
from convscope.inspection.evidence import Answer, ImagesAccount
from convscope.inspection.findings import CHECKS, SHARES, Check, NetworkFinding, Place
from convscope.inspection.gates import Gate, GateResult, gates
from convscope.inspection.inspecting import inspect
from convscope.inspection.layer import LayerAccount
from convscope.inspection.subject import Subject, open_network_or_weights, open_subject
from convscope.inspection.views import ChannelView, Evidence

__all__ = [
    "ChannelView",
    "Evidence",
    "Answer",
    "ImagesAccount",
    "Baseline",
    "CHECKS",
    "Check",
    "Gate",
    "GateResult",
    "Inspection",
    "LayerAccount",
    "LayerChange",
    "Missing",
    "NetworkFinding",
    "Place",
    "SHARES",
    "Subject",
    "gates",
    "inspect",
    "open_network_or_weights",
    "open_subject",
]
