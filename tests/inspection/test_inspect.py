"""The whole account: it says what is there, also of networks that are broken or unusual."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

import convscope as cs
from convscope.errors import DtypeError, FileError, InvalidValue, UnknownName
from convscope.inspection import Inspection, gates
from convscope.layers import Conv2d, ConvNd, Linear, ReLU
from convscope.network import Node

RNG = np.random.default_rng(5)


def conv(*shape: int, name: str = "conv", scale: float = 1.0) -> Node:
    return Node(name, Conv2d((scale * RNG.normal(size=shape)).astype(np.float32), padding=1), "input")


def net_of(*nodes: Node, channels: int = 1) -> cs.Network:
    return cs.Network(nodes, (channels, 12, 12))


def pages(account: Inspection, folder: Path) -> str:
    """Write all three kinds of report; give the page."""
    for suffix in ("html", "md", "json"):
        account.save(folder / f"report.{suffix}")
    assert json.loads((folder / "report.json").read_text())["name"] == account.name
    assert (folder / "report.md").read_text().startswith(f"# {account.name}")
    return (folder / "report.html").read_text()


@pytest.fixture(scope="module")
def account() -> Inspection:
    return cs.inspect(cs.models.small_cnn(seed=0))


def test_the_words_name_families_finding_and_number(account: Inspection) -> None:
    text = " ".join(account.words)
    counts = account["conv1"].table.counts
    assert f"{counts['noise']} filters like noise" in text
    worst = account.findings[0]
    assert worst.name in text
    assert worst.text in text
    assert f"{account.summary.parameters:,} parameters" in text


def test_findings_come_by_importance_and_link_to_layers(account: Inspection) -> None:
    importance = [finding.importance for finding in account.findings]
    assert importance == sorted(importance, reverse=True)
    nodes = {layer.node for layer in account.layers}
    assert all(place.node in nodes for finding in account.findings for place in finding.places)


def test_importance_is_share_times_work_touched() -> None:
    """Aliasing of the first layer touches all work; duplicates only their own layer's."""
    high = np.tile(np.array([[1, -1], [-1, 1]]), (2, 2))[:3, :3]
    first = np.stack([high, high.T, np.eye(3) - 1 / 3])[:, None].astype(np.float32)
    second = Conv2d(RNG.normal(size=(4, 3, 3, 3)).astype(np.float32))
    nodes = [Node("first", Conv2d(first, stride=2), "input"), Node("relu", ReLU(), "first")]
    net = net_of(*nodes, Node("second", second, "relu"))
    found = {finding.key: finding for finding in cs.inspect(net).findings}
    work = {row.name: row.multiply_adds for row in net.summary().rows}
    share = work["first"] / sum(work.values())
    assert found["aliasing"].importance == pytest.approx(found["aliasing"].value)
    assert found["duplicate"].importance == pytest.approx(share / 3)  # one of three filters repeats another


def test_every_file_of_weights_and_every_run(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", a=RNG.normal(size=(4, 3, 3, 3)), b=np.zeros(3))
    account = cs.inspect(tmp_path / "w.npz", channels="RGB")
    assert account.summary is None
    assert [layer.node for layer in account.layers] == ["a"]
    assert "without a graph" in account.words[0]
    from convscope.training import Recipe, train

    run = train(Recipe("lines", images=100, epochs=1, batch_size=20), tmp_path / "run")
    for source in (run, tmp_path / "run"):
        assert "trained for 1 epoch" in cs.inspect(source).words[0]
    account = cs.inspect(run, images=cs.data.lines(n=40, seed=9), reference=cs.data.lines(n=60, seed=5))
    assert account.baseline is not None
    assert account.evolution.epochs == (0, 1)
    assert 0 <= account.familiarity.curve.area <= 1
    page = pages(account, tmp_path)
    for name in ("learning", "evolution", "familiarity", "baseline"):
        assert f'id="{name}"' in page
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["evolution"]["epochs"] == [0, 1]
    assert told["familiarity"]["area"] == account.familiarity.curve.area


def test_one_node_and_no_convolution(tmp_path: Path) -> None:
    net = net_of(Node("relu", ReLU(), "input"))
    account = cs.inspect(net)
    assert "no convolution" in " ".join(account.words)
    page = pages(account, tmp_path)
    assert "no convolution" in page
    assert 'id="map"' in page


def test_pointwise_only(tmp_path: Path) -> None:
    mix = Conv2d(RNG.normal(size=(8, 3, 1, 1)).astype(np.float32))
    net = net_of(Node("mix", mix, "input"), channels=3)
    page = pages(cs.inspect(net), tmp_path)
    assert "All its convolutions are 1×1" in page


def test_nan_weights_come_first(tmp_path: Path) -> None:
    net = net_of(conv(4, 1, 3, 3))
    net.parameters["conv.weight"][2, 0, 1, 1] = np.nan
    net.parameters["conv.weight"][3, 0, 0, 0] = np.inf
    account = cs.inspect(net)
    assert account.findings[0].key == "broken"
    assert account.findings[0].value == 2
    assert account.left_out == {"conv": "2 of its 36 weights are NaN or infinite"}
    assert "2 weights are NaN or infinite" in pages(account, tmp_path)


def test_huge_weights_are_not_called_broken() -> None:
    """Their sum overflows, they do not."""
    net = net_of(conv(4, 1, 3, 3))
    net.parameters["conv.weight"][...] = np.float32(3e38)
    assert "broken" not in {finding.key for finding in cs.inspect(net).findings}


def test_what_is_listed_as_not_found_is_found_in_no_layer() -> None:
    zero = Conv2d(np.zeros((8, 1, 3, 3), np.float32), padding=1)
    account = cs.inspect(net_of(Node("conv", zero, "input")))
    found = {f.name for layer in account.layers for f in layer.layer.findings if f.found}
    assert "dead filters" in found
    assert not found & set(account.passed)


def test_the_words_say_which_families_are_doubtful() -> None:
    y, x = np.mgrid[-2:3, -2:3]
    blob = np.exp(-(x**2 + y**2) / 2)
    edge, line = (pattern / np.linalg.norm(pattern) for pattern in (x * blob, (x**2 - 1) * blob))
    turns = np.linspace(0.9, 1.3, 40)  # from an edge to a line: some stand between
    between = np.stack([np.cos(t) * edge + np.sin(t) * line for t in turns])[:, None]
    account = cs.inspect(cs.Network([Node("conv", Conv2d(between), "input")], (1, 9, 9)))
    doubtful = sum(verdict.confidence < 0.5 for verdict in account.layers[0].table)
    assert doubtful > 1
    assert f"{doubtful} of these families are more likely wrong" in " ".join(account.words)
    sure = cs.inspect(cs.Network([Node("conv", Conv2d(between[:1]), "input")], (1, 9, 9)))
    assert "more likely wrong" not in " ".join(sure.words)


def test_one_layer_is_called_by_its_name_where_the_first_is_broken(tmp_path: Path) -> None:
    broken = Node("first", Conv2d(np.full((4, 1, 3, 3), np.nan, np.float32), padding=1), "input")
    second = Node("second", Conv2d(RNG.normal(size=(6, 4, 3, 3)).astype(np.float32)), "first")
    account = cs.inspect(net_of(broken, second))
    assert "Its convolution `second` has 6 filters of 3×3 over 4 channels" in " ".join(account.words)
    page = pages(account, tmp_path)
    assert "What second looks for" in page
    assert "What its first layer looks for" not in page


def test_a_full_inspection_paints_no_dead_and_no_broken_channel() -> None:
    zeros = net_of(Node("conv", Conv2d(np.zeros((8, 1, 3, 3), np.float32), padding=1), "input"))
    assert cs.inspect(zeros, budget="full").painted == ()
    broken = Node("first", Conv2d(np.full((4, 1, 3, 3), np.nan, np.float32), padding=1), "input")
    second = Node("second", Conv2d(RNG.normal(size=(6, 4, 3, 3)).astype(np.float32)), "first")
    assert cs.inspect(net_of(broken, second), budget="full").painted == ()


def test_a_graph_without_a_name_is_called_as_its_file(tmp_path: Path) -> None:
    cs.save(cs.Network(net_of(conv(2, 1, 3, 3)).nodes.values(), (1, 12, 12)), tmp_path / "mine.onnx")
    assert cs.inspect(tmp_path / "mine.onnx").name == "mine"


def test_what_is_missing_is_not_said_of_what_is_there() -> None:
    net, data = cs.models.small_cnn(seed=0), cs.data.digits().take(np.arange(64))
    history = cs.fit(net, data, epochs=1, seed=0)
    without, there = (
        " ".join(m.what + m.how for m in cs.inspect(net, history=h).missing) for h in (None, history)
    )
    assert "How it learned" in without
    assert "How it learned" not in there
    assert "--full" in there
    assert "--full" not in " ".join(m.how for m in cs.inspect(net, budget="full").missing)


def test_all_zeros(tmp_path: Path) -> None:
    account = cs.inspect(net_of(conv(4, 1, 3, 3, scale=0.0)))
    assert account.findings[0].key == "zero"
    assert account["conv"].dead == (0, 1, 2, 3)
    assert "All weights of 1 layer are zero" in pages(account, tmp_path)


def test_a_thousand_nodes(tmp_path: Path) -> None:
    nodes = [conv(2, 1, 3, 3, name="first")]
    nodes += [Node(f"relu{i}", ReLU(), nodes[-1].name if i == 0 else f"relu{i - 1}") for i in range(999)]
    started = time.process_time()
    page = pages(cs.inspect(net_of(*nodes)), tmp_path)
    assert page.count('<th scope="row">relu') == 999
    assert time.process_time() - started < 10


def test_a_network_of_dense_layers_only(tmp_path: Path) -> None:
    net = cs.Network([Node("fc", Linear(np.ones((3, 8), np.float32)), "input")], (8,))
    assert "1 dense layer" in pages(cs.inspect(net), tmp_path)


def test_a_full_inspection_of_a_network_without_kernels_shows_what_there_is(tmp_path: Path) -> None:
    net = net_of(Node("relu", ReLU(), "input"))
    account = cs.inspect(net, RNG.normal(size=(2, *net.input_shape)).astype(np.float32), budget="full")
    assert account.painted == account.seen_from_image == ()
    assert 'id="maps"' in pages(account, tmp_path)


def test_convolutions_of_one_dimension_are_named_and_not_judged() -> None:
    row = ConvNd(RNG.normal(size=(4, 2, 5)).astype(np.float32))
    account = cs.inspect(cs.Network([Node("row", row, "input")], (2, 30), input_name="input"))
    words = " ".join(account.words)
    assert "None of its convolutions is judged" in words
    assert "1 ConvNd" in words
    assert "no convolution" not in words


def test_kernels_too_large_to_judge_are_named() -> None:
    net = cs.Network([Node("wide", Conv2d(np.ones((1, 1, 33, 33), np.float32)), "input")], (1, 40, 40))
    assert "1 to 31" in cs.inspect(net).left_out["wide"]


def test_a_name_full_of_markup_is_only_text(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>|`b`"
    page = pages(cs.inspect(net_of(conv(4, 1, 3, 3, name=name))), tmp_path)
    assert "<img src=x" not in page


def test_one_node_is_looked_at_alone() -> None:
    account = cs.inspect(cs.models.small_cnn(), node="conv2")
    assert [layer.node for layer in account.layers] == ["conv2"]
    with pytest.raises(UnknownName, match="nearest: conv2, conv1"):
        cs.inspect(cs.models.small_cnn(), node="conv3")


def test_what_cannot_be_inspected() -> None:
    with pytest.raises(DtypeError, match="must be a Network"):
        cs.inspect(3)
    with pytest.raises(FileError, match="no such file"):
        cs.inspect("nowhere.onnx")
    with pytest.raises(InvalidValue, match="quick, full"):
        cs.inspect(cs.models.small_cnn(), budget="slow")


def test_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    import hashlib

    cs.save(cs.models.small_cnn(), tmp_path / "net.onnx")
    digest = hashlib.sha256((tmp_path / "net.onnx").read_bytes()).hexdigest()
    assert cs.inspect(tmp_path / "net.onnx").facts["SHA-256"] == digest
    one, two = (cs.inspect(cs.models.small_cnn(seed=s)).facts["SHA-256"] for s in (0, 1))
    assert one != two


def test_baseline_names_the_kernels_that_changed() -> None:
    before, after = cs.models.small_cnn(seed=0), cs.models.small_cnn(seed=0)
    after.parameters["conv1.weight"][3] = 0
    changed = cs.inspect(after, baseline=before).baseline
    assert changed is not None
    assert changed.changed == 1
    assert changed.layers[0].moved == ((3, cs.kernel_table(before, "conv1").family[3], "dead"),)
    assert [layer.distance > 0 for layer in changed.layers] == [True, False]


def test_baseline_of_another_architecture_says_what_cannot_be_compared() -> None:
    changed = cs.inspect(cs.models.small_cnn(), baseline=cs.models.lenet5()).baseline
    assert changed is not None
    assert changed.unlike["conv1"] == "its weight was 6x1x5x5 and is 16x1x5x5"


@pytest.mark.parametrize(
    ("text", "message"),
    [("ded", "no check 'ded'; nearest: dead"), ("dead=x", "threshold of 'dead'"), ("dead=-1", "at least 0"),
     ("", "at least one of"), ("dead=nan", "at least 0")],
)  # fmt: skip
def test_gates_refuse_what_they_cannot_read(account: Inspection, text: str, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        gates(account, text)


def test_gates_hold_every_layer_against_the_threshold(account: Inspection) -> None:
    assert not gates(account, "dead,broken,zero").failed
    share = {layer.node: float((layer.table.family == "noise").mean()) for layer in account.layers}
    failed = gates(account, "random=0.9").failed
    assert {gate.node for gate in failed} == {node for node, value in share.items() if value > 0.9}
    # a gap is found where the number is small
    assert len(gates(account, "gap=1").failed) == len(account.layers)


def test_progress_goes_from_nothing_to_all() -> None:
    told: list[float] = []
    cs.inspect(cs.models.small_cnn(), on_step=lambda what, share: told.append(share))
    assert told == sorted(told)
    assert told[0] == 0
    assert max(told) <= 1


@pytest.mark.slow  # chance for kernels of 10 x 10 is drawn
def test_a_full_inspection_sees_deeper_kernels_from_the_image_and_paints(tmp_path: Path) -> None:
    net, shares = cs.models.small_cnn(seed=0), []
    full = cs.inspect(net, budget="full", node="conv2", on_step=lambda _, share: shares.append(share))
    (seen,) = full.seen_from_image
    assert (seen.node, seen.table.weight.shape) == ("conv2", (32, 1, 10, 10))
    norms = full["conv2"].table.columns["norm"]
    strongest = sorted(np.argsort(-norms, kind="stable")[:3].tolist())
    assert [found.at for found in full.painted] == [f"conv2[{i}]" for i in strongest]
    assert all(found.value > found.start for found in full.painted)
    assert all(0 <= share <= 1 for share in shares)
    page = pages(full, tmp_path)
    assert 'id="seen"' in page
    assert 'id="painted"' in page
    assert full.to_dict()["seen_from_image"] == {"conv2": seen.table.counts}
