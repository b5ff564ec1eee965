"""The derivatives of the models are those that finite differences give."""

import numpy as np
import pytest

from convscope.kernels.fits import fitter_for
from convscope.kernels.grid import Grid
from convscope.kernels.models import models_for

SIZES = [(3, 3), (5, 5), (4, 7)]
CASES = [(size, model) for size in SIZES for model in models_for(Grid(*size))]


@pytest.mark.parametrize(("size", "model"), CASES, ids=[f"{s[0]}x{s[1]}-{m.name}" for s, m in CASES])
def test_slopes_are_the_limits_of_differences(size, model):
    random = np.random.default_rng(7)
    x, y = (c.astype(float) for c in fitter_for(*size).grid.coordinates())
    low, high = model.lower[:, None].astype(float), model.upper[:, None].astype(float)
    low = np.maximum(low, -3)
    parameters = random.uniform(low, np.minimum(high, 3), (len(low), 40))
    amplitudes = random.normal(size=(model.amplitudes, 40))

    def value(p):
        return sum(a * b for a, b in zip(amplitudes, model.basis(x, y, p), strict=True))

    slopes = model.slopes(x, y, parameters, amplitudes)
    assert len(slopes) == len(model.parameters)
    step = 1e-4
    for i, slope in enumerate(slopes):
        moved = np.zeros_like(parameters)
        moved[i] = step
        wide, narrow = (
            (value(parameters + h * moved) - value(parameters - h * moved)) / (2 * h * step) for h in (2, 1)
        )
        # Richardson: what is left is of order step^4, and rounding of the values over the step
        expected = (4 * narrow - wide) / 3
        largest = max(1, np.abs(expected).max())
        assert np.abs(slope - expected).max() < 1e-7 * largest, model.parameters[i]
