"""Sentences: plain, with the numbers that decide."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.kernels import bank, generate, judge, verdict
from convscope.kernels.sentences import factors


@pytest.mark.parametrize(
    ("key", "start"),
    [
        ("sobel-x", "Edge: a first derivative that is positive towards 0 degrees"),
        ("box", "Smoothing: a blob explains 100 %, DC gain 1.00; it is box blur"),
        ("identity", "Identity: one pixel holds 100 % of the energy, so the image passes unchanged"),
        ("line-45", "Line: a second derivative with stripes along 45 degrees"),
        ("frei-chen-7", "Fourth derivative"),
        ("sharpen", "Sharpening"),
    ],
)
def test_how_a_sentence_starts(key: str, start: str) -> None:
    assert verdict(bank[key].array).sentence.startswith(start)


@pytest.mark.parametrize("family", ["noise", "gabor", "mixture", "saddle", "centre-surround"])
def test_every_sentence_is_one_line_with_a_number(family: str) -> None:
    for found in judge(generate(family, 5, 12, seed=9).weight):
        assert found.sentence.endswith(".")
        assert "\n" not in found.sentence
        assert any(c.isdigit() for c in found.sentence)
        assert "None" not in found.sentence
        assert str(found) == found.sentence


def test_noise_says_how_much_chance_explains() -> None:
    random = np.random.default_rng(12)
    table = judge(random.normal(size=(20, 1, 5, 5)))
    noise = next(v for v in table if v.family == "noise")
    assert "cannot be told from a random kernel" in noise.sentence.lower()


def test_a_moved_pixel_moves_the_image() -> None:
    kernel = np.zeros((5, 5))
    kernel[1, 3] = 1
    assert "moves" in verdict(kernel).sentence


def test_a_repeat_is_named() -> None:
    table = judge(np.stack([bank["sobel-x"].array, -3 * bank["sobel-x"].array])[:, None])
    assert "repeats the negative of filter 0" in table[1].sentence
    assert table[1].duplicate_of.sign == -1


def test_factors_are_whole_numbers_or_nothing() -> None:
    assert factors(bank["binomial"].at(5)) == ("[1 4 6 4 1]", "[1 4 6 4 1]")
    assert factors(np.outer([1, 0.123, 0.77], [1, 2, 1])) is None
