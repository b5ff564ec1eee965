"""What is said about convolutional networks, tested: one short experiment a statement.

Examples
--------
>>> from convscope.claims import run_claim
>>> print(run_claim("dot").finding)
The products 0, 100, 6 and 490 add up to 596; by hand it is 596.
"""

from convscope.claims.claim import FAILS, HOLDS, LIMITED, UNTESTED, Claim, Claims, Experiment, Judgement
from convscope.claims.material import Material, NeedsFile
from convscope.claims.pictures import Bars, Curves, Images, Panel
from convscope.claims.registry import CLAIMS, experiment, run_claim, run_claims

__all__ = [
    "CLAIMS",
    "FAILS",
    "HOLDS",
    "LIMITED",
    "UNTESTED",
    "Bars",
    "Claim",
    "Claims",
    "Curves",
    "Experiment",
    "Images",
    "Judgement",
    "Material",
    "NeedsFile",
    "Panel",
    "experiment",
    "run_claim",
    "run_claims",
]
