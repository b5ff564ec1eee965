"""Are there exercises?"""

from __future__ import annotations

import re
from importlib import resources, util

from convscope.claims.claim import Experiment, Judgement, Measured, Numbers, judged
from convscope.claims.material import Material
from convscope.claims.pictures import Bars

__all__ = ["EXPERIMENT"]

ROOM = "convscope.practice"


def measure(material: Material) -> Measured:
    """Look for the exercises and count them."""
    there = util.find_spec(ROOM) is not None
    names = [entry.name for entry in resources.files(ROOM).iterdir()] if there else []
    topics = sorted(name for name in names if re.match(r"[0-9]{2}_", name))
    numbers = {"there is a practice room": there, "topics": len(topics), "names": topics}
    return Measured(
        "this installation", numbers, (Bars("exercises", ("topics",), {"": [len(topics)]}, "count"),)
    )


def judge(n: Numbers) -> Judgement:
    """Without the exercises the statement fails, and says so."""
    if not n["topics"]:
        return judged(False, "This version has no exercises: there is no convscope practice yet.")
    return judged(True, f"convscope practice has {n['topics']} topics: {', '.join(n['names'])}.")


EXPERIMENT = Experiment("practise", "learn and practise convolution", measure, judge)
