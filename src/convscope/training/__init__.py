"""Training: `fit`, what drives it, and `evaluate`, which says how good a network is.

Examples
--------
>>> import convscope as cs
>>> train, test = cs.data.digits().split(1 / 3)
>>> net = cs.models.small_cnn()
>>> history = cs.fit(net, train, epochs=5, schedule=cs.training.Cosine())
>>> history.epochs[-1].accuracy > 0.95
True
>>> cs.training.evaluate(net, test).accuracy > 0.9
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convscope.training.adam import Adam, AdamW
from convscope.training.clipping import clip_gradients
from convscope.training.evaluation import Evaluation, evaluate
from convscope.training.fitting import fit
from convscope.training.history import BatchRecord, EpochRecord, History
from convscope.training.losses import CrossEntropy, Loss, MeanSquaredError, cross_entropy
from convscope.training.opened import Run, Snapshots, load_run
from convscope.training.optimizer import SGD, Memory, Optimizer
from convscope.training.prediction import Prediction, classify
from convscope.training.recipe import Recipe
from convscope.training.run import Training, train
from convscope.training.schedule import Cosine, OneCycle, Progress, Schedule, Step, WarmUp

if TYPE_CHECKING:
    from convscope.training.classifier import ConvNetClassifier as ConvNetClassifier

__all__ = [
    "Adam",
    "AdamW",
    "SGD",
    "BatchRecord",
    "ConvNetClassifier",
    "Cosine",
    "CrossEntropy",
    "EpochRecord",
    "Evaluation",
    "History",
    "Loss",
    "MeanSquaredError",
    "Memory",
    "OneCycle",
    "Optimizer",
    "Prediction",
    "Progress",
    "Recipe",
    "Run",
    "Schedule",
    "Snapshots",
    "Step",
    "Training",
    "WarmUp",
    "classify",
    "clip_gradients",
    "cross_entropy",
    "evaluate",
    "fit",
    "load_run",
    "train",
]


def __getattr__(name: str) -> Any:
    if name != "ConvNetClassifier":
        raise AttributeError(f"module 'convscope.training' has no attribute {name!r}")
    from convscope.training.classifier import ConvNetClassifier

    globals()[name] = ConvNetClassifier
    return ConvNetClassifier
