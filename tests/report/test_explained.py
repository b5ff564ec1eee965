"""Traces, ledgers, receptive fields and kernels as text, pages, pictures and data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import convscope as cs
from convscope.errors import InvalidValue
from convscope.explain import (
    composite_kernel,
    convolution_forms,
    ledger,
    local_kernel,
    receptive_field,
    trace,
)
from convscope.layers import Conv2d, Tanh
from convscope.network import Network, Node
from convscope.result import Result

NET, IMAGE = cs.models.small_cnn(seed=4), cs.data.digits().x[0]


def test_a_3x3_trace_reads_like_a_lesson() -> None:
    kernel = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    net = Network(
        [Node("conv", Conv2d(kernel, np.array([1.0]), padding=1), "image")], (1, 4, 4), input_name="image"
    )
    image = np.array([[9, 8, 7, 6], [5, 4, 3, 2], [1, 2, 3, 4], [5, 6, 7, 8.0]])[None]
    text = str(trace(net, image, "conv[0,1,1]"))
    assert "The 3x3 window lies on rows 0 to 2 and columns 0 to 2 of channel 0 of image." in text
    assert "5.0000  4.0000  3.0000  x  4.0000  5.0000  6.0000  =  20.0000  20.0000  18.0000" in text
    assert "+ bias                     1.000000" in text
    assert "= value                  155.000000" in text
    edge = str(trace(net, image, "conv[0,0,0]"))
    assert "A dot is padding" in edge
    assert "-0.0000" not in edge


def test_a_function_says_what_it_makes_of_the_sum() -> None:
    net = Network([Node("act", Tanh(amplitude=2.0), "input")], (1, 1, 1))
    text = str(trace(net, np.full((1, 1, 1), 0.5, np.float32), "act[0,0,0]"))
    assert "value = 2 * tanh(1 * sum)" in text


def test_a_tree_says_what_was_not_followed() -> None:
    text = str(trace(NET, IMAGE, "fc[3]", depth=4, follow=2))
    assert "What entered most strongly, layer by layer down:" in text
    assert "  flatten[" in text
    assert " more" in text
    assert "BEYOND" not in text


def test_a_gradient_as_text() -> None:
    text = str(trace(NET, IMAGE, "conv1.weight[0,0,1,1]", backward="fc[3]"))
    assert "The gradient of fc[3] by conv1.weight[0,0,1,1]: 49 products" in text
    assert "x input" in text
    assert "x weight" in str(trace(NET, IMAGE, "relu1[0,1,1]", backward="fc[3]"))


def test_a_ledger_as_text() -> None:
    lines = str(ledger(NET, IMAGE, "conv2[3,1,1]", names=0)).splitlines()
    rows = [line for line in lines if line.strip().startswith("bn1[")]
    assert len(rows) == 16
    assert any("half of all that is added and taken away" in line for line in lines)
    assert "within the bound" in lines[-1]


def test_the_other_views_as_text() -> None:
    field = str(receptive_field(NET, "conv2", cs.data.digits().x[:3]))
    assert "depends on data" in field
    assert "0 beyond it" in field
    assert "the engine's" in str(local_kernel(NET, IMAGE, "conv2[0,1,1]", judged=False))
    assert "are one convolution: 32 filters" in str(composite_kernel(NET, "conv2"))
    forms = str(convolution_forms(NET, IMAGE, "conv1"))
    assert "frequency plane" in forms
    assert "those share 400 different weights" in forms


RESULTS: dict[str, tuple[Result, tuple[str, ...]]] = {
    "trace": (trace(NET, IMAGE, "conv1[0,3,3]"), (".html", ".txt", ".md", ".json")),
    "tree": (trace(NET, IMAGE, "fc[0]", depth=3), (".html", ".json")),
    "function": (trace(NET, IMAGE, "relu1[0,3,3]"), (".html",)),
    "gradient": (trace(NET, IMAGE, "conv1[0,3,3]", backward="fc[0]"), (".html", ".txt", ".md", ".json")),
    "ledger": (ledger(NET, IMAGE, "fc[3]", names=0), (".html", ".png", ".txt", ".json")),
    "field": (receptive_field(NET, "conv2", cs.data.digits().x[:3]), (".html", ".png", ".txt", ".json")),
    "local kernel": (
        local_kernel(NET, IMAGE, "conv2[0,1,1]", judged=False),
        (".html", ".png", ".txt", ".json"),
    ),
    "composite": (composite_kernel(NET, "conv2"), (".html", ".txt", ".json")),
    "forms": (convolution_forms(NET, IMAGE, "conv1"), (".html", ".txt", ".json")),
}


def test_a_tree_of_cells_on_a_page() -> None:
    found = trace(NET, IMAGE, "fc[0]", depth=4, follow=2)
    page = found._repr_html_()
    assert page is not None
    assert "What entered fc[0] most strongly" in page
    for cell in found.below:
        assert f"{cell.address} = " in page
        for below in cell.below:
            assert f"What entered {cell.address} most strongly" in page
            assert f"{below.address} = " in page
    assert f"{found.not_followed} more cells entered with less" in page


def test_the_sums_of_many_channels_are_folded_away() -> None:
    wide = Network([Node("mix", Conv2d(np.ones((1, 200, 1, 1), np.float32)), "input")], (200, 1, 1))
    page = trace(wide, np.ones((200, 1, 1), np.float32), "mix[0,0,0]")._repr_html_()
    assert page is not None
    assert "The sums of all 200 channels" in page
    assert page.count("<tr>") > 2 * 200 // 16


def test_a_gradient_on_a_page() -> None:
    page = trace(NET, IMAGE, "conv1.weight[0,0,1,1]", backward="fc[3]")._repr_html_()
    assert page is not None
    assert "49 products of an output gradient of conv1 and the input it meets" in page
    assert "= the gradient by conv1.weight[0,0,1,1]" in page
    bent = Network([Node("act", Tanh(), "input")], (1, 1, 1))
    found = trace(bent, np.full((1, 1, 1), 0.5, np.float32), "input[0,0,0]", backward="act[0,0,0]")
    assert "The derivative of act: 1 - tanh(x) ** 2." in str(found)
    assert "The derivative of act: 1 - tanh(x) ** 2." in str(found._repr_html_())


def test_a_ledger_on_a_page_has_a_bar_for_each_channel() -> None:
    found = ledger(NET, IMAGE, "conv2[3,1,1]", names=0)
    page = found._repr_html_()
    assert page is not None
    assert page.count('class="rail"') == len(found.entries) == 16
    strongest = found.entries[0]
    left = "50.00" if strongest.part > 0 else "0.00"
    assert f"left:{left}%;width:50.00%" in page
    assert page.index(f"{strongest.node}[{strongest.channel}]") < page.index("constant (biases and norms)")


@pytest.mark.parametrize("name", RESULTS)
def test_each_can_be_saved(name: str, tmp_path: Path) -> None:
    from matplotlib import pyplot

    result, suffixes = RESULTS[name]
    for suffix in suffixes:
        path = tmp_path / f"result{suffix}"
        result.save(path)
        assert path.stat().st_size > 100
        if suffix == ".json":
            json.loads(path.read_text())
        if suffix == ".html":
            page = path.read_text()
            assert page.startswith("<!doctype html>")
            assert "http" not in page.replace("http-equiv", "")
    pyplot.close("all")
    with pytest.raises(InvalidValue, match=r"the suffix must be one of .*\.json"):
        result.save(tmp_path / "result.bmp")
