"""The network: one graph of named nodes, and one record of what it computed."""

from convscope.network.activations import Activations, Gradients
from convscope.network.address import Address, parse_address
from convscope.network.graph import Node
from convscope.network.input import ImageInput, Prepared
from convscope.network.network import Network
from convscope.network.scores import scores_of
from convscope.network.steps import Steps
from convscope.network.summary import Summary, SummaryRow
from convscope.network.workspace import Workspace

__all__ = [
    "Activations",
    "Address",
    "Gradients",
    "ImageInput",
    "Network",
    "Node",
    "Prepared",
    "Steps",
    "Summary",
    "SummaryRow",
    "Workspace",
    "parse_address",
    "scores_of",
]
