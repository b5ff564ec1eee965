from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, dataclass

import numpy as np
import pytest

from convscope.errors import InvalidValue
from convscope.result import Result, plain, renders, to_json


@dataclass(frozen=True)
class Reading(Result):
    """A result of the tests."""

    value: float
    cells: np.ndarray
    _hidden: int = 0


READING = Reading(0.5, np.arange(4.0).reshape(2, 2))


def test_a_result_is_frozen():
    with pytest.raises(FrozenInstanceError):
        READING.value = 1


def test_json_holds_every_public_field(tmp_path):
    READING.save(tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text()) == {"value": 0.5, "cells": [[0, 1], [2, 3]]}


def test_numbers_json_cannot_hold_become_text(tmp_path):
    Reading(float("inf"), np.array([np.nan, -np.inf, 1])).save(tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text()) == {"value": "inf", "cells": ["nan", "-inf", 1]}


def test_plain_goes_into_everything():
    assert plain({1: (READING, {np.float32(2)}), "p": None}) == {"1": [READING.to_dict(), [2.0]], "p": None}


def test_an_unknown_suffix_names_the_known_ones_and_no_picture_is_said(tmp_path):
    with pytest.raises(
        InvalidValue, match=r"Reading\.save: the suffix must be one of \.html, \.json; got '\.xyz'\."
    ):
        READING.save(tmp_path / "r.xyz")
    with pytest.raises(InvalidValue, match=r"Reading\.plot: there is no picture"):
        READING.plot()
    assert "0.5" in READING._repr_html_()  # its fields, where nobody draws it
    assert not list(tmp_path.iterdir())


def test_a_registered_renderer_is_found_also_for_a_subclass(tmp_path):
    @renders("Reading", "txt")
    def write(result, path):
        path.write_text(f"{result.value}")

    @dataclass(frozen=True)
    class Finer(Reading):
        pass

    Finer(0.25, np.zeros(1)).save(tmp_path / "r.txt")
    assert (tmp_path / "r.txt").read_text() == "0.25"


def test_every_result_shows_itself_in_a_notebook_with_its_style() -> None:
    import convscope as cs

    net = cs.models.small_cnn(seed=0)
    table = cs.kernel_table(net, "conv1")
    for result in (table, net.summary(), table.layer.findings[0], cs.inspect(net), table[0]):
        shown = result._repr_html_()
        assert shown.startswith(('<div class="convscope"><style>', "<iframe"))
    finding = table.layer.findings[0]._repr_html_()
    assert finding.count("<tr>") == 1 + 7  # the head and one row for each field


def test_rows_become_a_frame() -> None:
    pandas = pytest.importorskip("pandas")
    import convscope as cs

    net = cs.models.small_cnn(seed=0)
    frame = cs.kernel_table(net, "conv1").to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert frame["family"].tolist() == cs.kernel_table(net, "conv1").family.tolist()
    assert net.summary().to_frame()["name"].tolist() == list(net.nodes)
    assert len(cs.inspect(net).to_frame()) == 48
    assert set(cs.kernel_table(net, "conv1").layer.to_frame()["name"]) >= {"aliasing", "dead filters"}


def test_what_has_no_rows_says_so() -> None:
    import convscope as cs

    with pytest.raises(InvalidValue, match="has no rows"):
        cs.verdict([[1.0, 2.0]]).to_frame()


@dataclass(frozen=True)
class Loose(Result):
    """A result whose own to_dict lets NaN through, as those of traces did."""

    value: float

    def to_dict(self):
        return {"rows": [{"value": self.value}]}


def test_what_a_to_dict_of_its_own_lets_through_becomes_text_too(tmp_path):
    Loose(float("nan")).save(tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text()) == {"rows": [{"value": "nan"}]}
    assert json.loads(to_json([Loose(float("-inf"))])) == [{"rows": [{"value": "-inf"}]}]
