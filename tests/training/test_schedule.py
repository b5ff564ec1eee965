from __future__ import annotations

import pytest

from convscope.errors import InvalidValue
from convscope.training import Cosine, Progress


def factors(schedule, steps, epochs):
    per_epoch = steps // epochs
    return [schedule(Progress(step, steps, 1 + step // per_epoch, epochs)) for step in range(steps)]


@pytest.mark.parametrize("floor", [0.0, 0.2])
def test_cosine_is_that_of_pytorch(floor):
    torch = pytest.importorskip("torch")
    steps, rate = 24, 0.3
    judge = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(judge, T_max=steps, eta_min=floor * rate)
    theirs = []
    for _ in range(steps):
        theirs.append(judge.param_groups[0]["lr"])
        judge.step()
        scheduler.step()
    ours = [rate * factor for factor in factors(Cosine(floor=floor), steps, 4)]
    # PyTorch multiplies from step to step, so its roundings add up.
    assert ours == pytest.approx(theirs, abs=steps * 1e-15)


def test_warmup_grows_in_equal_parts_and_meets_the_curve():
    values = factors(Cosine(warmup=2), 40, 10)
    assert values[:8] == [(i + 1) / 8 for i in range(8)]
    assert values[8] == 1
    assert values[8:] == sorted(values[8:], reverse=True)
    assert values[-1] > 0


def test_warmup_longer_than_the_run_only_grows():
    assert factors(Cosine(warmup=9), 8, 4) == [(i + 1) / 8 for i in range(8)]


@pytest.mark.parametrize(
    "settings", [{"warmup": -1}, {"warmup": float("inf")}, {"floor": -0.1}, {"floor": 2}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InvalidValue, match="Cosine"):
        Cosine(**settings)
