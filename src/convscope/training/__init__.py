"""Training: `fit`, what drives it, and `evaluate`, which says how good a network is.

Examples
--------
>>> import convscope as cs
>>> train, test = cs.data.digits().split(1 / 3)
>>> net = cs.models.small_cnn()
>>> history = cs.fit(net, train, epochs=2, schedule=cs.training.Cosine())
>>> history.epochs[-1].accuracy > 0.85
True
>>> cs.training.evaluate(net, test).accuracy > 0.9
True
"""

from __future__ import annotations

from convscope.training.evaluation import Evaluation, evaluate
from convscope.training.fitting import fit
from convscope.training.history import BatchRecord, EpochRecord, History
from convscope.training.losses import cross_entropy
from convscope.training.optimizer import SGD, Memory, Optimizer
from convscope.training.schedule import Cosine, Progress, Schedule

__all__ = [
    "SGD",
    "BatchRecord",
    "Cosine",
    "EpochRecord",
    "Evaluation",
    "History",
    "Memory",
    "Optimizer",
    "Progress",
    "Schedule",
    "cross_entropy",
    "evaluate",
    "fit",
]
