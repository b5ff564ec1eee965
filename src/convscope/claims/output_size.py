"""(W - F + 2P)/S + 1, and settings for which it is not whole."""

from __future__ import annotations

import numpy as np

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Bars
from convscope.errors import InvalidValue
from convscope.geometry import conv_output_size
from convscope.ops import conv2d

__all__ = ["EXPERIMENT"]

SETTINGS = (
    (227, 11, 4, 0),
    (28, 5, 1, 0),
    (28, 5, 1, 2),
    (14, 3, 1, 1),
    (7, 3, 2, 0),
    (10, 3, 2, 0),
    (12, 5, 3, 1),
)


def measure(material: Material) -> Measured:
    """Compare the formula with what the engine gives; ask for whole sizes only."""
    formula, engine, refused, dropped = [], [], [], []
    for w, f, s, p in SETTINGS:
        formula.append((w - f + 2 * p) / s + 1)
        engine.append(conv2d(np.ones((1, 1, w, w)), np.ones((1, 1, f, f)), stride=s, padding=p).shape[2])
        dropped.append((w - f + 2 * p) % s)
        try:
            conv_output_size(w, f, stride=s, padding=p, exact=True)
        except InvalidValue as error:
            refused.append(str(error).rpartition("what fits: ")[2].rstrip("."))
        else:
            refused.append("")
    names = [f"W {w} F {f} S {s} P {p}" for w, f, s, p in SETTINGS]
    numbers = {"settings": names, "by the formula": formula, "by the engine": engine}
    numbers |= {"positions dropped by the floor": dropped, "exact mode refuses; it offers": refused}
    bars = Bars("output size", names, {"formula": formula, "engine": engine}, "cells")
    return Measured("seven settings", numbers, (bars,))


def judge(n: Numbers) -> Judgement:
    """The engine floors the formula; exact mode refuses where it is not whole, and only there."""
    rows = list(zip(n["by the formula"], n["by the engine"], n["exact mode refuses; it offers"], strict=True))
    floored = all(engine == formula // 1 for formula, engine, _ in rows)
    refused = all((formula % 1 != 0) == bool(offer) for formula, _, offer in rows)
    part = [i for i, (formula, _, _) in enumerate(rows) if formula % 1]
    text = f"For {len(rows)} settings the engine gives the formula, floored where it is not whole."
    if not part:
        return judged(floored and refused, text)
    i = part[0]
    formula, engine, offer = rows[i]
    setting, lost = n["settings"][i], n["positions dropped by the floor"][i]
    return judged(
        floored and refused,
        text,
        limit=f"Not whole is not invalid: {setting} gives {formula:g}; the engine makes {engine} and drops "
        f"{lost} position, as PyTorch does; exact mode refuses and offers {offer}.",
    )


EXPERIMENT = Experiment(
    "output-size",
    "the output has (W - F + 2P)/S + 1 cells, and if that is not whole the settings are invalid",
    measure,
    judge,
)
