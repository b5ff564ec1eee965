from __future__ import annotations

import math
import signal
import tracemalloc

import numpy as np
import pytest

import convscope as cs
from convscope.data import Dataset
from convscope.errors import ConvscopeError, DivergedError, DtypeError, InvalidValue
from convscope.layers import BatchNorm, Conv2d, Dropout, Flatten, Linear, ReLU, Softmax
from convscope.network import Network, Node
from convscope.training import SGD, Cosine, evaluate


def small_net(dtype=np.float32, *, seed=0, dropout=0.0, norm=False, softmax=False) -> Network:
    """Conv, relu and dense over 1x8x8, with what a test wants in between."""
    random = np.random.default_rng(seed)

    def draw(*shape):
        return (random.normal(size=shape) / math.sqrt(math.prod(shape[1:]))).astype(dtype)

    layers = [("conv", Conv2d(draw(6, 1, 3, 3), np.zeros(6, dtype)))]
    if norm:
        ones, zeros = np.ones(6, dtype), np.zeros(6, dtype)
        layers.append(("norm", BatchNorm(ones, zeros, zeros.copy(), ones.copy())))
    layers += [("relu", ReLU()), ("flat", Flatten())]
    if dropout:
        layers.append(("drop", Dropout(dropout)))
    layers.append(("fc", Linear(draw(10, 216), np.zeros(10, dtype))))
    if softmax:
        layers.append(("prob", Softmax()))
    names = ["input", *(name for name, _ in layers)]
    nodes = [Node(name, layer, (before,)) for (name, layer), before in zip(layers, names, strict=False)]
    return Network(nodes, input_shape=(1, 8, 8))


def arrays_of(net: Network) -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in (*net.parameters.items(), *net.statistics.items())}


def assert_same_bits(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert np.array_equal(a[name], b[name]), name


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return cs.data.digits().take(np.arange(300))


def learn_digits(epochs: int, seed: int) -> float:
    train, test = cs.data.digits().split(1 / 3, seed=seed)
    net = cs.models.small_cnn(seed=seed)
    recipe = {"optimizer": SGD(0.1, weight_decay=1e-2), "schedule": Cosine(), "batch_size": 16}
    cs.fit(net, train, epochs=epochs, seed=seed, **recipe)
    return evaluate(net, test).accuracy


def test_learns_most_digits_in_a_moment():
    assert learn_digits(epochs=4, seed=0) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_learns_the_digits(seed):
    assert learn_digits(epochs=20, seed=seed) >= 0.98


def test_same_seed_same_bits_for_any_number_of_threads(digits):
    found = []
    before = cs.get_threads()
    try:
        for threads in (1, 2, 4):
            cs.set_threads(threads)
            net = small_net(dropout=0.3, norm=True)
            cs.fit(net, digits, epochs=2, batch_size=48, seed=7)
            found.append(arrays_of(net))
    finally:
        cs.set_threads(before)
    assert_same_bits(found[0], found[1])
    assert_same_bits(found[0], found[2])


def test_another_seed_gives_other_weights(digits):
    nets = [small_net(), small_net()]
    for seed, net in enumerate(nets):
        cs.fit(net, digits, epochs=1, seed=seed)
    assert not np.array_equal(nets[0].parameters["fc.weight"], nets[1].parameters["fc.weight"])


def test_running_in_pieces_is_no_hidden_state(digits):
    """Two runs in one process do not disturb each other."""
    alone, first, second = small_net(dropout=0.5), small_net(dropout=0.5), small_net(dropout=0.5)
    cs.fit(alone, digits, epochs=1)
    cs.fit(first, digits, epochs=1, on_batch=lambda at: at.batch == 1 and cs.fit(second, digits, epochs=1))
    assert_same_bits(arrays_of(alone), arrays_of(first))
    assert_same_bits(arrays_of(alone), arrays_of(second))


@pytest.mark.parametrize("softmax", [False, True])
def test_loss_curve_is_that_of_pytorch(digits, softmax):
    """The same weights, order and settings give the same losses and weights, in float64."""
    torch = pytest.importorskip("torch")
    net = small_net(np.float64, norm=True, softmax=softmax)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 3),
        torch.nn.BatchNorm2d(6),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(216, 10),
    ).double()
    own = [*net.parameters]
    with torch.no_grad():
        for name, tensor in zip(own, model.parameters(), strict=True):
            tensor.copy_(torch.tensor(net.parameters[name]))
    data = Dataset(digits.x.astype(np.float64), digits.y)
    epochs, batch_size = 3, 64
    losses = []
    cs.fit(
        net,
        data,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=SGD(0.1, momentum=0.9, nesterov=True, weight_decay=1e-3),
        schedule=Cosine(),
        on_batch=lambda at: losses.append(at.loss),
    )
    judge = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-3)
    steps = epochs * math.ceil(len(data) / batch_size)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(judge, T_max=steps)
    theirs = []
    for epoch in range(1, epochs + 1):
        drawn = cs.ops.Randomness(0, epoch, np.arange(len(data))).uniform("shuffle", (len(data),))
        order, total = np.argsort(drawn, kind="stable"), 0.0
        for start in range(0, len(data), batch_size):
            ids = order[start : start + batch_size]
            loss = torch.nn.functional.cross_entropy(
                model(torch.tensor(data.x[ids])), torch.tensor(data.y[ids])
            )
            judge.zero_grad()
            loss.backward()
            judge.step()
            scheduler.step()
            total += loss.item() * len(ids)
            theirs.append(total / min(start + batch_size, len(data)))
    # Rounding differs by about 1e-16 a step and training amplifies it; any real difference is above 1e-10.
    assert losses == pytest.approx(theirs, rel=1e-10)
    for name, tensor in zip(own, model.parameters(), strict=True):
        np.testing.assert_allclose(net.parameters[name], tensor.detach().numpy(), rtol=0, atol=1e-9)
    np.testing.assert_allclose(net.statistics["norm.running_var"], model[1].running_var.numpy(), rtol=1e-9)


def test_history_and_callbacks(digits, capsys):
    batches, epochs = [], []
    net = small_net()
    history = cs.fit(
        net,
        digits,
        validation=0.2,
        epochs=2,
        batch_size=50,
        schedule=lambda at: 0.5**at.step,
        on_batch=batches.append,
        on_epoch=epochs.append,
    )
    assert [(at.epoch, at.batch, at.batches, at.images) for at in batches] == [
        (epoch, batch, 5, 50 if batch < 5 else 40) for epoch in (1, 2) for batch in range(1, 6)
    ]
    assert [at.learning_rate for at in batches] == [0.05 * 0.5**step for step in range(10)]
    assert tuple(epochs) == history.epochs
    assert history.epochs[0].loss == batches[4].loss
    assert history.epochs[1].accuracy == batches[9].accuracy
    assert history.best_epoch in (1, 2)
    assert history.seconds == sum(record.seconds for record in epochs)
    assert history.to_dict()["epochs"][1]["epoch"] == 2
    assert capsys.readouterr() == ("", "")


def test_validation_is_measured_on_what_was_split_off(digits):
    net = small_net()
    history = cs.fit(net, digits, validation=0.25, epochs=1, seed=3)
    result = evaluate(net, digits.split(0.25, seed=3)[1])
    assert history.epochs[0].validation_accuracy == result.accuracy
    assert history.epochs[0].validation_loss == result.loss


def test_keep_best_goes_back(digits):
    # After the first epoch the rate is far too high, so that the first stays the best.
    net, first = small_net(norm=True), {}
    history = cs.fit(
        net,
        digits,
        validation=0.3,
        epochs=3,
        keep_best=True,
        schedule=lambda at: 1 if at.epoch == 1 else 40,
        on_epoch=lambda at: first.update(arrays_of(net)) if at.epoch == 1 else None,
    )
    assert history.best_epoch == 1
    assert_same_bits(arrays_of(net), first)


def test_class_names_are_taken_over_only_where_there_are_none(digits):
    net = small_net()
    cs.fit(net, digits, epochs=1)
    assert net.classes == tuple("0123456789")
    net.classes = tuple("abcdefghij")
    cs.fit(net, digits, epochs=1)
    assert net.classes == tuple("abcdefghij")


def test_arrays_of_the_caller_are_never_written_to(digits):
    weight = np.full((10, 64), 0.01, np.float32)
    weight.setflags(write=False)
    x, y = digits.x.copy(), digits.y.copy()
    net = Network([Node("flat", Flatten(), ("input",)), Node("fc", Linear(weight), ("flat",))], (1, 8, 8))
    cs.fit(net, (x, y), epochs=1)
    assert np.all(weight == np.float32(0.01))
    assert not np.array_equal(net.parameters["fc.weight"], weight)
    assert np.array_equal(x, digits.x)
    assert np.array_equal(y, digits.y)


def test_a_rate_far_too_high_diverges_and_keeps_the_weights(digits):
    net = small_net(norm=True)
    good = {}
    # The fourth epoch begins with a leap; the weights from before it are to stay.
    with pytest.raises(DivergedError) as caught:
        cs.fit(
            net,
            digits,
            epochs=6,
            schedule=lambda at: 1 if at.epoch < 4 else 1e30,
            on_epoch=lambda at: good.update(arrays_of(net)) if at.epoch == 3 else None,
        )
    message = str(caught.value)
    assert "\n" not in message
    assert "epoch 4" in message
    assert "learning rate 5e+28" in message
    assert "last good weights" in message
    assert_same_bits(arrays_of(net), good)


def test_divergence_at_the_end_of_an_epoch_keeps_the_weights_before_it(digits):
    net, good = small_net(), {}
    with pytest.raises(DivergedError, match="epoch 3"):
        cs.fit(
            net,
            digits,
            epochs=6,
            batch_size=100,
            schedule=lambda at: 1e38 if at.step == 5 else 1,  # the last step of epoch 2
            on_epoch=lambda at: good.setdefault(at.epoch, arrays_of(net)),
        )
    # The weights after epoch 2 are finite but useless: those after epoch 1 are the last good ones.
    assert_same_bits(arrays_of(net), good[1])


def test_divergence_in_the_last_step_of_all_is_noticed(digits):
    net, before = small_net(), arrays_of(small_net())
    with pytest.raises(DivergedError, match="weight became"):
        cs.fit(net, digits, epochs=1, batch_size=300, optimizer=SGD(1e38), schedule=lambda at: 1e30)
    assert_same_bits(arrays_of(net), before)


class InterruptingSGD:
    """Sends Ctrl-C in the middle of the third step, after the first parameter has changed."""

    def __init__(self) -> None:
        self.inner, self.steps, self.learning_rate = SGD(0.05), 0, 0.05

    def start(self, parameters):
        return self.inner.start(parameters)

    def step(self, parameters, gradients, memory, learning_rate):
        self.steps += 1
        for number, (name, gradient) in enumerate(gradients.items()):
            self.inner.step(parameters, {name: gradient}, memory, learning_rate)
            if self.steps == 3 and number == 0:
                signal.raise_signal(signal.SIGINT)


def test_ctrl_c_never_leaves_half_a_step(digits):
    wanted = []
    cs.fit(
        small := small_net(norm=True), digits, epochs=1, on_batch=lambda at: wanted.append(arrays_of(small))
    )
    net = small_net(norm=True)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        cs.fit(net, digits, epochs=1, optimizer=InterruptingSGD())
    assert_same_bits(arrays_of(net), wanted[2])
    assert signal.getsignal(signal.SIGINT) is handler


X = np.zeros((8, 1, 8, 8), np.float32)
Y = np.arange(8) % 4


def with_nan():
    x = X.copy()
    x[3, 0, 2, 1] = np.nan
    return x


@pytest.mark.parametrize(
    ("data", "settings", "error", "message"),
    [
        ((with_nan(), Y), {}, InvalidValue, "image 3, channel 0, row 2, column 1"),
        ((X, Y + 7), {}, InvalidValue, "from 0 to 9"),
        ((X, Y - 1), {}, InvalidValue, "negative"),
        ((X, Y.astype(float)), {}, DtypeError, "whole numbers"),
        ((X, Y[:5]), {}, InvalidValue, "8 images, 5 labels"),
        ((X[:0], Y[:0]), {}, InvalidValue, "at least one image"),
        ((X[:, 0], Y), {}, InvalidValue, "channel axis"),
        ((np.zeros((8, 3, 8, 8), np.float32), Y), {}, InvalidValue, r"\(1, 8, 8\)"),
        ((X[:, :, :2], Y), {}, InvalidValue, r"\(1, 8, 8\)"),
        ((X.astype(np.float64), Y), {}, DtypeError, "float32"),
        ((X.astype(np.uint8), Y), {}, DtypeError, "uint8"),
        (X, {}, DtypeError, "pair"),
        ((X, Y), {"batch_size": 9}, InvalidValue, "8 images"),
        ((X, Y), {"batch_size": 0}, InvalidValue, "batch_size"),
        ((X, Y), {"batch_size": 2.5}, DtypeError, "batch_size"),
        ((X, Y), {"epochs": 0}, InvalidValue, "epochs"),
        ((X, Y), {"seed": -1}, InvalidValue, "seed"),
        ((X, Y), {"seed": None}, DtypeError, "seed"),
        ((X, Y), {"validation": 1.5}, InvalidValue, "share"),
        ((X, Y), {"validation": (X, Y + 9)}, InvalidValue, "validation"),
        ((X, Y), {"validation": "no"}, DtypeError, "validation"),
        ((X, Y), {"keep_best": True}, InvalidValue, "keep_best"),
        ((X, Y), {"optimizer": "adam"}, DtypeError, r"optimizer must be .* as cs.SGD\(0.05\); got 'adam'"),
        ((X, Y), {"optimizer": cs.Adam}, DtypeError, "optimizer must be"),
        ((X, Y), {"schedule": "cosine"}, DtypeError, "schedule must be"),
        ((X, Y), {"loss": "mse"}, DtypeError, "loss must be"),
        ((X, Y), {"augment": "flip"}, DtypeError, "augment must be"),
    ],
)
def test_bad_input_is_said_before_anything_changes(data, settings, error, message):
    net = small_net()
    before = arrays_of(net)
    with pytest.raises(error, match=message) as caught:
        cs.fit(net, data, **{"batch_size": 4, "epochs": 1, **settings})
    assert isinstance(caught.value, ConvscopeError)
    assert "\n" not in str(caught.value)
    assert_same_bits(arrays_of(net), before)


def test_a_network_that_is_no_classifier_is_refused():
    maps = Network([Node("conv", Conv2d(np.ones((2, 1, 3, 3), np.float32)), ("input",))], (1, 8, 8))
    with pytest.raises(InvalidValue, match="one vector"):
        cs.fit(maps, (X, Y), batch_size=4)
    flat = Network([Node("flat", Flatten(), ("input",))], (1, 8, 8))
    with pytest.raises(InvalidValue, match="parameters"):
        cs.fit(flat, (X, Y), batch_size=4)
    with pytest.raises(DtypeError, match="fit: the network must be a convscope Network; got NoneType"):
        cs.fit(None, (X, Y), batch_size=4)


def test_nothing_large_is_allocated_after_the_first_step():
    if cs.core().name != "native":
        pytest.skip("the reference core computes through temporary arrays")
    random = np.random.default_rng(0)
    data = Dataset(random.normal(size=(512, 1, 28, 28)).astype(np.float32), random.integers(0, 10, 512))
    peaks = []

    def watch(at):
        peaks.append(tracemalloc.get_traced_memory()[1] - tracemalloc.get_traced_memory()[0])
        tracemalloc.reset_peak()

    tracemalloc.start()
    try:
        cs.fit(cs.models.lenet5(), data, epochs=2, batch_size=128, on_batch=watch)
    finally:
        tracemalloc.stop()
    # What remains (switches of the pooling, gradients of weights) is less than one node's output.
    assert max(peaks[1:]) < 128 * 6 * 24 * 24 * 4, peaks
