"""Each claim against what is known by other means, and each finding against the numbers it rests on."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convscope.claims import CLAIMS, FAILS, HOLDS, LIMITED, UNTESTED, Claim, experiment, run_claim, run_claims
from convscope.claims.spectra import band_noise, high_share, radius
from convscope.errors import FileError, UnknownName

# real output of `convscope claims --json`, with all data, numbers and findings
RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "recorded.json").read_text())
# claims that train nothing
QUICK = (
    "dot", "slide-2x2", "slide-3x3", "correlation", "matched-filter", "linear-combination", "hand-crafted",
    "blur", "second-layer", "field-of-view", "max-pooling", "summary-statistic", "output-size",
    "same-padding", "receptive-volume", "depth", "sharing", "one-product", "spatial", "graded", "distant",
)  # fmt: skip


@pytest.fixture(scope="module")
def quick() -> dict[str, Claim]:
    return {claim.id: claim for claim in run_claims(QUICK)}


def test_every_claim_has_a_file_and_its_own_statement() -> None:
    statements = [experiment(name).statement for name in CLAIMS]
    assert [experiment(name).id for name in CLAIMS] == list(CLAIMS)
    assert len(set(statements)) == len(CLAIMS) == len(RECORDED) == 39


@pytest.mark.parametrize("name", QUICK)
def test_the_numbers_without_training_are_as_recorded(name: str, quick: dict[str, Claim]) -> None:
    claim, recorded = quick[name], RECORDED[name]
    assert (claim.verdict, list(claim.numbers)) == (recorded["verdict"], list(recorded["numbers"]))
    assert claim.finding
    assert claim.picture


def test_sums_by_hand(quick: dict[str, Claim]) -> None:
    assert quick["dot"].numbers["sum"] == 596
    assert quick["slide-2x2"].numbers["responses over one image at that stride"] == [-34, -16]
    assert quick["slide-2x2"].numbers["smallest stride that gives both slices"] == 2
    assert quick["slide-3x3"].numbers["computed"] == [154, 157, 200, 233]
    assert quick["slide-3x3"].numbers["first, with 1 taken for it"] == 146
    assert quick["second-layer"].numbers["part of the second map"] == 18


def test_counts_by_hand(quick: dict[str, Claim]) -> None:
    assert quick["sharing"].numbers["parameters, shared"] == (11 * 11 * 3 + 1) * 96
    assert quick["sharing"].numbers["parameters, not shared"] == 55 * 55 * 96 * (11 * 11 * 3 + 1)
    assert quick["one-product"].numbers["patches (places, values)"] == [3025, 363]
    assert quick["one-product"].numbers["values in the patches"] == 3025 * 363
    # a cell reads up to 25 of 64 pixels of each digit; at the borders fewer: (8*5 - 2*3)**2 pairs a filter
    assert quick["linear-combination"].numbers["entries that are not 0"] == 16 * (8 * 5 - 2 * 3) ** 2
    assert quick["field-of-view"].numbers["5x5: measured"] == [5, 9, 13, 17, 21]
    assert quick["depth"].numbers["kernels in all"] == 24


def test_far_pixels_are_related_far_beyond_rounding(quick: dict[str, Claim]) -> None:
    """They are from the activation behind the dense layer on, and nowhere before."""
    numbers = quick["distant"].numbers
    far, bound = (np.array(numbers[key]) for key in ("largest mixed difference, far", "rounding can explain"))
    assert numbers["nodes"][-2:] == ["tanh3", "dense2"]
    assert (far[-2:] > 1e5 * bound[-2:]).all()
    assert (far[:-2] <= bound[:-2]).all()


@pytest.mark.parametrize("name", CLAIMS)
def test_a_finding_follows_from_the_numbers(name: str) -> None:
    """The recorded numbers give the recorded finding, and changed ones another."""
    recorded = RECORDED[name]
    judge = experiment(name).judge
    judgement = judge(recorded["numbers"])
    assert (judgement.verdict, judgement.text) == (recorded["verdict"], recorded["finding"])
    others = [judge(numbers).verdict for numbers in _changed(recorded["numbers"])]
    assert set(others) - {judgement.verdict}, "no change of a single number changes the finding"


def _changed(numbers: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the numbers with one of them changed, in turn; where the finding can be said of them at all."""
    for name, value in numbers.items():
        for other in _others(value):
            yield {**numbers, name: other}


def _others(value: Any) -> list[Any]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, 1e-3 * value, 1e6 * value + 1]
    if isinstance(value, list) and value and not isinstance(value[0], str | list):
        return [[other, *value[1:]] for other in _others(value[0])] + [
            [*value[:-1], o] for o in _others(value[-1])
        ]
    return []


def test_single_numbers_that_must_matter() -> None:
    """What the statement is about decides: one claim, one number that a doubter would change, the verdict."""
    cases = (
        ("dot", "sum", 595.0, FAILS),
        ("sharing", "parameters, shared", 34_943, FAILS),
        ("slide-2x2", "smallest stride that gives both slices", 1, LIMITED),
        ("matched-filter", "largest derivative by one of them", 0.1, FAILS),
        ("blur", "share above .25 cycles per pixel, Gaussian blur", 0.9, FAILS),
        ("spatial", "stride 1, interior: relative change", 0.1, FAILS),
        ("field-of-view", "3x3: measured", [3, 5, 7, 9, 12], FAILS),
        ("non-linearity", "task: accuracy of the linear network", 0.95, FAILS),
        ("architecture", "accuracy on 599 digits held out", 0.1, FAILS),
        ("arrangement", "accuracy, CNN, permuted", [1.0, 1.0, 1.0], FAILS),
        ("structure", "digits, learned: share beyond 95 % of their shuffles", 0.05, FAILS),
        ("graded", "response grows with every better match", False, FAILS),
        ("practise", "topics", 3, HOLDS),
    )
    for name, number, value, verdict in cases:
        numbers = {**RECORDED[name]["numbers"]}
        assert number in numbers
        assert experiment(name).judge({**numbers, number: value}).verdict == verdict, name


def test_without_its_file_a_claim_is_not_tested() -> None:
    claim = run_claim("gabor")
    assert (claim.verdict, claim.data) == (UNTESTED, "needs models/bvlc_googlenet.onnx")
    assert "needs models/bvlc_googlenet.onnx" in claim.finding
    assert (claim.numbers, claim.picture) == ({}, ())


def test_bad_names_and_folders() -> None:
    with pytest.raises(UnknownName, match="there is no claim 'dots'; nearest: dot"):
        run_claim("dots")
    with pytest.raises(FileError, match="--data must be a folder"):
        run_claim("dot", "/nowhere")
    with pytest.raises(UnknownName):  # before anything runs
        run_claims(["dot", "blurr"])


def test_practise_says_honestly_whether_there_are_exercises() -> None:
    claim = run_claim("practise")
    there = importlib.util.find_spec("convscope.practice") is not None
    assert claim.verdict == (HOLDS if there else FAILS)
    assert claim.numbers["there is a practice room"] is there


def test_results_are_plain_and_frozen(quick: dict[str, Claim]) -> None:
    for claim in quick.values():
        assert json.loads(json.dumps(claim.to_dict(), allow_nan=False))["id"] == claim.id
        with pytest.raises(AttributeError):
            claim.verdict = HOLDS  # type: ignore[misc]


def test_noise_of_one_band_lies_in_it() -> None:
    noise = band_noise((3, 1, 32, 32), 0.2, 0.3, seed=0)
    power = np.abs(np.fft.fft2(noise[0, 0])) ** 2
    at = radius(32, 32)
    assert power[(at >= 0.2) & (at < 0.3)].sum() / power.sum() == pytest.approx(1, abs=1e-12)
    assert np.allclose((noise**2).mean(axis=(1, 2, 3)), 1)


def test_share_of_high_frequencies_of_known_waves() -> None:
    wave = np.sin(2 * np.pi * 0.4 * np.arange(64))
    assert high_share(np.tile(wave, (64, 1))) > 0.99
    assert high_share(np.tile(np.sin(2 * np.pi * 0.1 * np.arange(64)), (64, 1))) < 0.01


@pytest.mark.slow
def test_trained_claims_still_find_what_was_recorded() -> None:
    """One claim of each shared piece of training; the whole list runs when the docs are built."""
    for name in ("architecture", "non-linearity"):
        assert run_claim(name).verdict == HOLDS
    for name in ("near-domain", "different-things"):  # how much is lost, or alike, depends on the training
        assert run_claim(name).verdict in (HOLDS, LIMITED)


@pytest.mark.slow
def test_claims_about_given_networks(shared_data: Path) -> None:
    for name in ("gabor", "common-terms", "filter-an-image"):
        claim = run_claim(name, shared_data)
        assert claim.verdict == RECORDED[name]["verdict"]
        assert "GoogLeNet" in claim.data
