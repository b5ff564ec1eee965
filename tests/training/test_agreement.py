"""The same weights, data order and settings give PyTorch's loss curve, for each optimiser and schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import convscope as cs
from convscope.data import Dataset
from convscope.network import Network
from convscope.training import (
    SGD,
    Adam,
    AdamW,
    Cosine,
    CrossEntropy,
    MeanSquaredError,
    OneCycle,
    Step,
    WarmUp,
)

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

EPOCHS, BATCH, IMAGES = 5, 12, 230  # 20 steps an epoch, the last batch smaller: 100 steps
STEPS = EPOCHS * math.ceil(IMAGES / BATCH)
CLASSES = 4

OPTIMIZERS: dict[str, tuple[Any, Callable[..., Any]]] = {
    "sgd": (SGD(0.05, momentum=0), lambda p: torch.optim.SGD(p, 0.05)),
    "momentum": (
        SGD(0.05, momentum=0.9, weight_decay=1e-3),
        lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, weight_decay=1e-3),
    ),
    "nesterov": (
        SGD(0.05, momentum=0.8, nesterov=True),
        lambda p: torch.optim.SGD(p, 0.05, momentum=0.8, nesterov=True),
    ),
    "adam": (Adam(0.01, weight_decay=1e-3), lambda p: torch.optim.Adam(p, 0.01, weight_decay=1e-3)),
    "adamw": (
        AdamW(0.01, beta1=0.8, beta2=0.99, weight_decay=0.1),
        lambda p: torch.optim.AdamW(p, 0.01, (0.8, 0.99), weight_decay=0.1),
    ),
}


def warm(judge: Any) -> Any:
    """One epoch of 20 steps up from 1/20."""
    return torch.optim.lr_scheduler.LinearLR(judge, 1 / 20, total_iters=19)


def warm_steps(judge: Any) -> Any:
    lr = torch.optim.lr_scheduler
    return lr.ChainedScheduler([warm(judge), lr.StepLR(judge, 2 * 20, 0.5)])


SCHEDULES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "constant": (None, lambda judge: torch.optim.lr_scheduler.ConstantLR(judge, 1.0)),
    # epochs are 20 steps long
    "step": (Step(2, 0.3), lambda judge: torch.optim.lr_scheduler.StepLR(judge, 40, 0.3)),
    "cosine": (Cosine(), lambda judge: torch.optim.lr_scheduler.CosineAnnealingLR(judge, STEPS)),
    "one-cycle": (
        OneCycle(),
        lambda judge: torch.optim.lr_scheduler.OneCycleLR(
            judge, [g["lr"] for g in judge.param_groups], total_steps=STEPS, cycle_momentum=False
        ),
    ),
    "warm-up": (WarmUp(1), warm),
    "warm-up and step": (WarmUp(1, Step(2, 0.5)), warm_steps),
    "warm-up and cosine": (
        Cosine(warmup=1),
        lambda judge: torch.optim.lr_scheduler.SequentialLR(
            judge,
            [
                torch.optim.lr_scheduler.LinearLR(judge, 1 / 20, total_iters=19),
                torch.optim.lr_scheduler.CosineAnnealingLR(judge, STEPS - 20),
            ],
            [20],
        ),
    ),
}


def networks() -> tuple[Network, Any]:
    """Two equal networks with convolution, batch norm, pooling and a dense layer."""
    net = cs.models.sequential(
        [
            # without bias: batch norm takes it away, so its gradient is rounding, which Adam would make large
            cs.models.conv2d(4, 3, padding=1, bias=False),
            cs.models.batch_norm(),
            cs.layers.ReLU(),
            cs.layers.MaxPool2d(2),
            cs.layers.Flatten(),
            cs.models.linear(CLASSES),
        ],
        (1, 6, 6),
        seed=3,
    ).astype(np.float64)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1, bias=False),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(36, CLASSES),
    ).double()
    with torch.no_grad():
        for ours, theirs in zip(net.parameters.values(), model.parameters(), strict=True):
            theirs.copy_(torch.from_numpy(ours.copy()))
    return net, model


@pytest.fixture(scope="module")
def data() -> Dataset:
    random = np.random.default_rng(5)
    y = random.integers(0, CLASSES, IMAGES)
    return Dataset(random.normal(size=(IMAGES, 1, 6, 6)) + 0.5 * y[:, None, None, None], y)


def batches(data: Dataset) -> Iterator[tuple[Any, Any]]:
    loader = cs.data.Loader(data, BATCH, seed=7)
    for epoch in range(1, EPOCHS + 1):
        for batch in loader.epoch(epoch):
            yield torch.from_numpy(batch.x), torch.from_numpy(batch.y)


def compare(
    data: Dataset, ours: dict[str, Any], optimizer: Any, schedule: Any, loss: Any, clip: float | None = None
):
    """Train both and compare each step's loss, each rate, and the weights at the end."""
    net, model = networks()
    seen: list[cs.training.BatchRecord] = []
    cs.fit(net, data, epochs=EPOCHS, batch_size=BATCH, seed=7, on_batch=seen.append, clip_norm=clip, **ours)
    judge = optimizer(model.parameters())
    scheduler = schedule(judge)
    total = count = 0.0
    for record, (x, y) in zip(seen, batches(data), strict=True):
        rate = judge.param_groups[0]["lr"]
        value = loss(model(x), y)
        judge.zero_grad()
        value.backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        judge.step()
        scheduler.step()
        total, count = (0.0, 0.0) if record.batch == 1 else (total, count)
        total, count = total + value.item() * len(y), count + len(y)
        # Rounding of about 1e-16 a step is amplified by training; any real difference is above 1e-8.
        assert record.loss == pytest.approx(total / count, rel=1e-9)
        assert record.learning_rate == pytest.approx(rate, rel=1e-12)
    assert len(seen) == STEPS == 100
    for ours_, theirs in zip(net.parameters.values(), model.parameters(), strict=True):
        np.testing.assert_allclose(ours_, theirs.detach().numpy(), rtol=0, atol=1e-7)


@pytest.mark.filterwarnings("ignore:.*epoch parameter.*")
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_hundred_steps_agree(data, optimizer, schedule):
    ours, theirs = OPTIMIZERS[optimizer]
    factor, scheduler = SCHEDULES[schedule]
    compare(
        data, {"optimizer": ours, "schedule": factor}, theirs, scheduler, torch.nn.functional.cross_entropy
    )


@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize("kind", ["smoothed", "squares"])
def test_the_other_losses_agree(data, kind, clip):
    def squares(scores: Any, y: Any) -> Any:
        return torch.nn.functional.mse_loss(scores, torch.nn.functional.one_hot(y, CLASSES).double())

    def smoothed(scores: Any, y: Any) -> Any:
        return torch.nn.functional.cross_entropy(scores, y, label_smoothing=0.2)

    loss, judge = {"smoothed": (CrossEntropy(0.2), smoothed), "squares": (MeanSquaredError(), squares)}[kind]
    ours, theirs = OPTIMIZERS["momentum"]
    compare(data, {"optimizer": ours, "loss": loss}, theirs, SCHEDULES["constant"][1], judge, clip)
