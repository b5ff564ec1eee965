from __future__ import annotations

import numpy as np
import pytest

import convscope as cs
from convscope.data import Dataset
from convscope.errors import DtypeError, InvalidValue
from convscope.layers import Conv2d, Flatten, Linear, Softmax
from convscope.network import Network, Node
from convscope.training import evaluate


def pass_through(*, softmax: bool, maps: bool = False, classes=()):
    """A network whose scores are its pixels: what it answers is in the image."""
    if maps:
        nodes = [Node("scores", Conv2d(np.eye(3).reshape(3, 3, 1, 1)), ("input",))]
    else:
        nodes = [Node("flat", Flatten(), ("input",)), Node("scores", Linear(np.eye(3)), ("flat",))]
    if softmax:
        nodes.append(Node("prob", Softmax(), ("scores",)))
    return Network(nodes, input_shape=(3, 1, 1), classes=classes)


SCORES = np.array([[5.0, 0, 0], [0, 1, 0], [2, 0, 0], [0, 0, 3], [0, 4, 0]])
LABELS = np.array([0, 1, 2, 2, 0])


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize("maps", [False, True])
@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_counts_by_hand(softmax, maps, batch_size):
    net = pass_through(softmax=softmax, maps=maps)
    result = evaluate(net, (SCORES.reshape(5, 3, 1, 1), LABELS), batch_size=batch_size)
    assert result.accuracy == pytest.approx(3 / 5)
    assert result.confusion.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]
    assert result.predictions.tolist() == [0, 1, 0, 2, 1]
    assert result.mistakes.tolist() == [4, 2]  # score 4 was wrong with more confidence than score 2
    probabilities = np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(result.probabilities, probabilities, rtol=1e-12)
    assert result.loss == pytest.approx(-np.log(probabilities[np.arange(5), LABELS]).mean(), rel=1e-12)


def test_loss_is_exact_where_the_softmax_rounds_to_zero():
    x = np.array([1000.0, 0, 0]).reshape(1, 3, 1, 1)
    assert evaluate(pass_through(softmax=True), (x, [1])).loss == 1000


def test_class_names_come_from_the_network_then_the_data():
    data = Dataset(SCORES.reshape(5, 3, 1, 1), LABELS, ("x", "y", "z"))
    assert evaluate(pass_through(softmax=False), data).classes == ("x", "y", "z")
    assert evaluate(pass_through(softmax=False, classes=("a", "b", "c")), data).classes == ("a", "b", "c")


def test_a_result_becomes_plain_data():
    found = evaluate(pass_through(softmax=False), (SCORES.reshape(5, 3, 1, 1), LABELS)).to_dict()
    assert found["confusion"] == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]
    assert found["mistakes"] == [4, 2]


def test_data_that_does_not_fit_is_refused():
    net = cs.models.lenet5()
    images = np.zeros((2, 1, 28, 28), np.float32)
    with pytest.raises(InvalidValue, match="from 0 to 9"):
        evaluate(net, (images, [0, 10]))
    with pytest.raises(InvalidValue, match=r"\(1, 28, 28\)"):
        evaluate(net, (images[:, :, :20], [0, 1]))
    with pytest.raises(DtypeError, match="float64"):
        evaluate(net, (images.astype(np.float64), [0, 1]))
    with pytest.raises(DtypeError, match="Dataset or a pair"):
        evaluate(net, images)
    with pytest.raises(InvalidValue, match="batch_size"):
        evaluate(net, (images, [0, 1]), batch_size=0)
