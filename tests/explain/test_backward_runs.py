"""What makes views fast changes no number: packed weights, joined rectifiers, the target's channel alone.

Everything in float64 against `Network.run` and `Network.backward`, which know none of it; 1e-12 of the
largest value, since sums of at most some hundred terms are added in another order.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import convscope as cs
from convscope.explain import attributions
from convscope.explain.backward_runs import BackwardRuns
from convscope.explain.ending import ending_of
from convscope.explain.target import find_targets, node_of, seed_of
from convscope.layers import Conv2d, Dropout, Flatten, GlobalAvgPool2d, Linear, ReLU
from convscope.layers.base import RULES, Layer
from convscope.network import Network, Node
from view_networks import branched, image

CLOSE = 1e-12


def chain(*layers: Layer) -> Network:
    nodes, source = [], "input"
    for index, layer in enumerate(layers):
        nodes.append(Node(f"n{index}", layer, source))
        source = f"n{index}"
    return Network(nodes, (3, 11, 9), input_name="input", dtype=np.float64)


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(shape).normal(size=shape)


def plain(net: Network, x: np.ndarray, target: object, rule: str, to: str) -> np.ndarray:
    run = net.run(x, algorithm="direct")
    targets = find_targets(net, target, run, "test")
    grads = net.backward(run, seed_of(targets, run), rule)
    return (grads.inputs if to == net.input_name else grads.nodes)[to]


def check(net: Network, x: np.ndarray, target: object, rule: str, to: str | None = None) -> None:
    runs = BackwardRuns(net, node_of(net, target, "test"), to, algorithm="direct", who="test")
    expected = plain(net, x, target, rule, net.input_name if to is None else to)
    for _ in range(2):  # packed, and what is packed used again
        found = runs(x, target, rule)
        assert np.abs(found.grads - expected).max() <= CLOSE * np.abs(expected).max()
        kept = net.run(x, algorithm="direct")[net.input_name if to is None else to]
        np.testing.assert_allclose(found.kept, kept, rtol=1e-9, atol=1e-12)


GEOMETRIES = {
    "plain": Conv2d(weights(4, 3, 3, 3), weights(4)),
    "padded": Conv2d(weights(4, 3, 3, 5), padding=(1, 2)),
    "uneven": Conv2d(weights(4, 3, 2, 3), padding=((1, 0), (0, 2))),
    "wide": Conv2d(weights(4, 3, 1, 1), padding=1),  # more padding than the kernel reaches
    "same": Conv2d(weights(4, 3, 4, 3), padding="same"),
    "strided": Conv2d(weights(4, 3, 3, 3), stride=(2, 1), padding=1),
    "dilated": Conv2d(weights(4, 3, 3, 2), dilation=(2, 1), padding=2),
    "grouped": Conv2d(weights(6, 1, 3, 3), groups=3),
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_every_geometry_under_every_rule(name: str, rule: str) -> None:
    conv = GEOMETRIES[name]
    filters = len(conv.parameters["weight"])
    net = chain(conv, ReLU(), Conv2d(weights(5, filters, 1, 1)), ReLU(), GlobalAvgPool2d(), Flatten())
    x = np.random.default_rng(5).normal(size=(3, 3, 11, 9))
    check(net, x, [0, 3, 3], rule)
    check(net, x, "n1[2]", rule)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("target", [None, 2, "relu3[1]", "both[3]", [0, 1, 0, 3]])
def test_branches(rule: str, target: object) -> None:
    check(branched(), image(count=4), target, rule)


@pytest.mark.parametrize("to", ["relu1", "both", "relu3"])
def test_ways_back_that_end_early(to: str) -> None:
    check(branched(), image(count=2), 1, "gradient", to)


def test_an_ending_is_the_last_layer_and_what_works_channel_by_channel() -> None:
    head = Conv2d(weights(7, 4, 1, 1)), Dropout(0.5), ReLU(), GlobalAvgPool2d(), Flatten()
    net = chain(Conv2d(weights(4, 3, 3, 3)), ReLU(), *head)
    ending = ending_of(net, "n6")
    assert ending is not None
    assert (ending.reads, list(ending.whole.nodes)) == ("n1", ["n2", "n3", "n4", "n5", "n6"])
    # a Flatten of larger maps mixes channels and cells; one layer alone has nothing before it
    assert ending_of(chain(Conv2d(weights(4, 3, 3, 3)), ReLU(), Flatten()), "n2") is None
    assert ending_of(chain(Flatten(), Linear(weights(4, 3 * 11 * 9))), "n1") is not None
    assert ending_of(chain(Conv2d(weights(4, 3, 3, 3)), ReLU()), "n1") is None


def test_a_changed_weight_is_noticed() -> None:
    net, x = branched(), image(count=1)
    before = attributions(net, x, 1)
    net.parameters["conv1.weight"][0] *= 2
    after = attributions(net, x, 1)
    assert np.abs(after - before).max() > 0.01 * np.abs(before).max()
    np.testing.assert_array_equal(after, attributions(net.copy(), x, 1))


def test_what_is_kept_changes_no_bit() -> None:
    net, x = branched(), image(count=5)
    for method in ("gradient", "guided", "integrated", "smooth"):
        first = attributions(net, x, 1, method)
        np.testing.assert_array_equal(first, attributions(net, x, 1, method))
        np.testing.assert_array_equal(first, attributions(net.copy(), x, 1, method))


def test_threads_do_not_share_memory() -> None:
    net, x = branched(), image(count=8)
    expected = [attributions(net, one[None], 1) for one in x]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            found = pool.map(lambda one: attributions(net, one[None], 1), x)
            for ours, theirs in zip(found, expected, strict=True):
                np.testing.assert_array_equal(ours, theirs)


def test_progress_counts_every_input() -> None:
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        told.append((done, total))

    cs.saliency(branched(), image(), 1, "smooth", samples=6, progress=tell)
    assert told[-1] == (6, 6)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
