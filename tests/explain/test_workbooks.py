"""A workbook is the network: recalculated by a spreadsheet it equals the engine, also after a change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

import convscope as cs
from convscope.errors import InvalidValue
from convscope.explain import Workbook, workbook
from convscope.explain.sheets import cell_name, sheet_names
from convscope.layers import (
    Add,
    AvgPool2d,
    BatchNorm,
    ChannelScale,
    Clip,
    Concatenate,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    LeakyReLU,
    Linear,
    MaxPool2d,
    PReLU,
    Resize2d,
    Sigmoid,
    Softmax,
    Tanh,
)
from convscope.network import Network, Node
from spreadsheet import recalculated

RNG = np.random.default_rng(5)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def odd_network() -> Network:
    """Every layer that has formulas, with odd settings."""
    nodes = [
        Node(
            "a/conv",
            Conv2d(normal(4, 1, 3, 2), normal(4), groups=2, stride=(2, 1), padding=((1, 0), (0, 1))),
            "image",
        ),
        Node("bn", BatchNorm(normal(4), normal(4), normal(4), np.abs(normal(4))), "a/conv"),
        Node("leaky", LeakyReLU(0.2), "bn"),
        Node("wide", Conv2d(normal(4, 4, 3, 3), padding=2, dilation=2), "leaky"),
        Node("prelu", PReLU(normal(4)), "wide"),
        Node("sum", Add(), ("leaky", "prelu")),
        Node("both", Concatenate(), ("sum", "leaky")),
        Node("clip", Clip(-1, 1), "both"),
        Node("mean", AvgPool2d(3, stride=2, padding=1, ceil_mode=True), "clip"),
        Node("inner mean", AvgPool2d(2, padding=1, count_include_pad=False), "mean"),
        Node("max", MaxPool2d(2, dilation=2, stride=1), "clip"),
        Node("scale", ChannelScale(normal(8), normal(8)), "max"),
        Node("tanh", Tanh(amplitude=1.7159, slope=2 / 3), "scale"),
        Node("gap", GlobalAvgPool2d(), "tanh"),
        Node("gmp", GlobalMaxPool2d(), "inner mean"),
        Node("joined", Concatenate(), ("gap", "gmp")),
        Node("flatten", Flatten(), "joined"),
        Node("fc", Linear(normal(3, 16)), "flatten"),
        Node("gate", Sigmoid(), "fc"),
        Node("softmax", Softmax(), "gate"),
    ]
    return Network(nodes, (2, 9, 8), input_name="image")


def differences(book: Workbook, values: Any) -> list[float]:
    """Give the differences to the engine that the spreadsheet computed."""
    return [
        values[sheet.name].cell(block.row + row + 1, block.column + column + 1).value
        for sheet in book.sheets
        for block in sheet.blocks
        if block.role == "difference"
        for row, column in np.ndindex(block.values.shape)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["small", "lenet", "odd"])
def test_a_spreadsheet_computes_what_the_engine_does(name: str, tmp_path: Path) -> None:
    net = {"small": cs.models.small_cnn, "lenet": cs.models.lenet5, "odd": odd_network}[name]()
    image = RNG.uniform(0, 1, net.input_shape).astype(np.float32)
    book = workbook(net, image)
    book.save(tmp_path / "book.xlsx")
    found = differences(book, recalculated(tmp_path / "book.xlsx", tmp_path))
    assert len(found) >= book.formulas
    assert max(map(abs, found)) <= 1e-5


def last_values(values: Any, book: Workbook, sheet_name: str) -> np.ndarray:
    (block,) = (b for s in book.sheets if s.name == sheet_name for b in s.blocks if b.title == "value")
    return np.array(
        [values[sheet_name].cell(block.row + i + 1, block.column + 1).value for i in range(len(block.values))]
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["small", "lenet"])
def test_a_changed_pixel_and_weight_change_everything_as_in_the_engine(name: str, tmp_path: Path) -> None:
    net = {"small": cs.models.small_cnn, "lenet": cs.models.lenet5}[name](seed=3)
    image = RNG.uniform(0, 1, net.input_shape).astype(np.float32)
    book = workbook(net, image)
    path = tmp_path / "book.xlsx"
    book.save(path)
    edited = openpyxl.load_workbook(path)
    sheets = {sheet.name: sheet for sheet in book.sheets}
    pixels = sheets["input"].blocks[0]
    edited["input"].cell(pixels.row + 3 + 1, pixels.column + 4 + 1).value = 0.875
    kernel = next(b for b in sheets["conv1 parameters"].blocks if b.title == "filter 2, kernel 0")
    edited["conv1 parameters"].cell(kernel.row + 1 + 1, kernel.column + 2 + 1).value = -1.5
    edited.save(path)

    values = recalculated(path, tmp_path)
    image[0, 3, 4] = 0.875
    weight = net.parameters["conv1.weight"].copy()
    weight[2, 0, 1, 2] = -1.5
    before = net.run(image).output
    net.parameters["conv1.weight"] = weight
    after = net.run(image, algorithm="direct").output[0]
    assert np.abs(after - before[0]).max() > 1e-3
    last = list(net.nodes)[-1]
    assert np.abs(last_values(values, book, last) - after).max() <= 1e-5
    shares = cs.ops.softmax(after[None])[0]
    assert np.abs(last_values(values, book, "probabilities") - shares).max() <= 1e-5
    shown = [[cell.value for cell in row] for row in values["overview"].iter_rows()]
    (best,) = (row[2] for row in shown if row[1] == "The largest output is")
    assert int(best) == shares.argmax()
    listed = [row[2] for row in shown if isinstance(row[2], float)]
    assert np.abs(np.array(listed[: len(shares)]) - shares).max() <= 1e-5


def test_the_file_holds_plain_formulas_with_their_values(tmp_path: Path) -> None:
    net = odd_network()
    book = workbook(net, RNG.uniform(0, 1, net.input_shape).astype(np.float32))
    book.save(tmp_path / "book.xlsx")
    live, cached = (openpyxl.load_workbook(tmp_path / "book.xlsx", data_only=flag) for flag in (False, True))
    assert live.sheetnames == [sheet.name for sheet in book.sheets]
    count = 0
    for sheet in live:
        for row in sheet.iter_rows():
            for cell in row:
                if isinstance(cell.value, str) and cell.value.startswith("="):
                    count += 1
                    assert "{" not in cell.value
                    named = cell.value.startswith("=INDEX")  # which output is the largest: a name
                    assert isinstance(
                        cached[sheet.title][cell.coordinate].value, str if named else int | float
                    )
                else:
                    assert not isinstance(cell.value, openpyxl.worksheet.formula.ArrayFormula)
    computed = sum(
        1 for s in book.sheets for b in s.blocks if b.formulas is not None for f in b.formulas.flat if f
    )
    assert count == computed
    assert book.largest_difference < 1e-5


def test_the_first_sheet_says_what_there_is_and_how_to_use_it(tmp_path: Path) -> None:
    net = cs.models.small_cnn()
    net.classes = tuple(f"digit {i}" for i in range(10))
    book = workbook(net, cs.data.digits().x[0])
    book.save(tmp_path / "book.xlsx")
    first = book.sheets[0]
    assert first.name == "overview"
    words = " ".join(first.notes)
    for said in (
        "What this is",
        "may be changed",
        "Try it: on the sheet input type another number into F9",
        "Colours",
    ):
        assert said in words
    blocks = {block.title: block for block in first.blocks}
    assert blocks["output"].values[:, 0].tolist() == list(net.classes)
    assert blocks["sheet"].values[:, 0].tolist() == [*net.nodes, "probabilities"]
    assert blocks["with"].values[0, 0] == "conv1 parameters"
    assert blocks["formulas"].values.sum() == book.formulas
    page = openpyxl.load_workbook(tmp_path / "book.xlsx")["overview"]
    links = [cell.hyperlink for row in page.iter_rows() for cell in row if cell.hyperlink]
    targets = [link.location.partition("!")[0].strip("'") for link in links]
    assert set(targets) <= {sheet.name for sheet in book.sheets}
    assert len(targets) == len(net.nodes) + 1 + 5


def test_colours_are_the_same_for_all_maps_of_a_layer(tmp_path: Path) -> None:
    net = cs.models.small_cnn()
    workbook(net, cs.data.digits().x[0]).save(tmp_path / "book.xlsx")
    page = openpyxl.load_workbook(tmp_path / "book.xlsx")["conv1"]
    (rules, *others) = [list(area.rules) for area in page.conditional_formatting]
    limits = [value.val for value in rules[0].colorScale.cfvo]
    assert float(limits[1]) == 0
    assert limits[0] == "-" + limits[2]
    assert [v.val for v in others[0][0].colorScale.cfvo] == limits
    assert "$B$5:$I$162" in limits[2]  # 16 maps of 8 rows, two rows between each


def test_labels_come_from_the_shapes() -> None:
    book = workbook(cs.models.small_cnn(), cs.data.digits().x[0])
    headings = {sheet.name: sheet.heading for sheet in book.sheets}
    assert headings["conv1"] == "conv1, Conv2d: 16 maps of 8x8"
    assert headings["fc parameters"] == "fc, Linear: weight 10x128, bias 10"
    assert "4x4" in headings["pool1"]


def test_what_is_too_large_or_no_formula_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"at most 30,000 cells to compute; got .*cs\.trace"):
        workbook(cs.models.resnet18(), np.zeros((3, 224, 224), np.float32))
    net = Network([Node("up", Resize2d((4, 4)), "input")], (1, 2, 2))
    with pytest.raises(InvalidValue, match="up is a Resize2d"):
        workbook(net, np.zeros((1, 2, 2), np.float32))


def test_names_of_cells_and_sheets() -> None:
    assert [cell_name(0, c) for c in (0, 25, 26, 701, 702)] == ["A1", "Z1", "AA1", "ZZ1", "AAA1"]
    names = sheet_names(["a" * 40, "a" * 41, "x/y", "x:y", "it's"], " parameters")
    assert max(map(len, names.values())) <= 31
    assert len({name.lower() for name in names.values()}) == len(names)
    assert not any(bad in name for name in names.values() for bad in "/:'[]*?\\")
