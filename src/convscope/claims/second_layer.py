"""A cell of the second layer that responds where the first map is empty."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Images
from convscope.explain import ledger
from convscope.layers import Conv2d, ReLU
from convscope.network import Network, Node

__all__ = ["EXPERIMENT"]

ACROSS = np.array([[-1.0, -1, -1], [2, 2, 2], [-1, -1, -1]])  # finds horizontal lines
CELL = (0, 3, 5)


def network() -> Network:
    """Find horizontal and vertical lines; a second layer adds up both maps."""
    first = np.stack([ACROSS, ACROSS.T])[:, None]
    second = np.ones((1, 2, 3, 3))
    nodes = [
        Node("lines", Conv2d(first, padding=1), "image"),
        Node("found", ReLU(), "lines"),
        Node("either", Conv2d(second, padding=1), "found"),
    ]
    return Network(nodes, (1, 8, 8), input_name="image")


def measure(material: Material) -> Measured:
    """Show it an image with a vertical line only at one place; take the cell's ledger."""
    image = np.zeros((1, 8, 8))
    image[0, :, 5] = 1  # a vertical line
    image[0, 6, 0:3] = 1  # a horizontal one, elsewhere
    net = network()
    run = net.run(image)
    _, row, column = CELL
    window = (slice(row - 1, row + 2), slice(column - 1, column + 2))
    account = ledger(net, image, "either[0,3,5]", names=0)
    parts = {entry.channel: entry.part for entry in account.entries}
    numbers = {
        "response of the second-layer cell": float(run["either"][0][CELL]),
        "largest value of the first map that it sees": float(run["found"][0, 0][window].max()),
        "largest value of the second map that it sees": float(run["found"][0, 1][window].max()),
        "part of the first map": parts.get(0, 0.0),
        "part of the second map": parts.get(1, 0.0),
        "maps that its kernel spans": int(net.parameters["either.weight"].shape[1]),
    }
    shown = {
        "image": image[0], "first map: horizontal": run["found"][0, 0],
        "second map: vertical": run["found"][0, 1], "second layer": run["either"][0, 0],
    }  # fmt: skip
    return Measured("a generated image of two lines", numbers, (Images("two layers", shown, "own"),))


def judge(n: Numbers) -> Judgement:
    """A response, none of it from the first map, all of it from the second."""
    response, first, second = (
        n[key]
        for key in ("response of the second-layer cell", "part of the first map", "part of the second map")
    )
    empty = n["largest value of the first map that it sees"]
    return judged(
        response > 0 == empty and first == 0 and second == response and n["maps that its kernel spans"] > 1,
        f"Where the first map is {empty:g} the second-layer cell responds with {response:g}: its ledger "
        "gives "
        f"{first:g} to the first map and {second:g} to the other of the {n['maps that its kernel spans']} "
        "it spans.",
    )


EXPERIMENT = Experiment(
    "second-layer",
    "the second layer's kernel spans all feature maps of the first: one feature's eyes, another's mouth, a "
    "face",
    measure,
    judge,
)
