"""fit over data that streams, with augmentation, early stopping and other losses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.data import Augment, Dataset, ImageFolder, MappedImages, Subset
from convscope.errors import InvalidValue
from convscope.training import MeanSquaredError, Recipe, evaluate, train


@pytest.fixture(scope="module")
def pixels() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    y = np.arange(90) % 3
    return random.integers(0, 100, (90, 1, 8, 8)).astype(np.uint8) + (60 * y).astype(np.uint8)[
        :, None, None, None
    ], y


@pytest.fixture(scope="module")
def folder(pixels, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same images as files, in the same order: class by class."""
    place = tmp_path_factory.mktemp("files")
    x, y = pixels
    for label in range(3):
        (place / "abc"[label]).mkdir()
        for number, image in enumerate(x[y == label]):
            Image.fromarray(image[0]).save(place / "abc"[label] / f"{number:03}.png")
    return place


def in_memory(pixels) -> Dataset:
    x, y = pixels
    order = np.argsort(y, kind="stable")
    return Dataset(np.divide(x[order], 255, dtype=np.float32), y[order], tuple("abc"))


def weights(data, **settings) -> np.ndarray:
    net = cs.models.small_cnn(num_classes=3)
    cs.fit(net, data, epochs=2, batch_size=16, **settings)
    return np.concatenate([array.ravel() for array in (*net.parameters.values(), *net.statistics.values())])


@pytest.mark.parametrize(
    "settings", [{}, {"augment": Augment(flip="both", shift=1, crop=0.8)}, {"validation": 0.2}]
)
def test_wherever_the_images_are_the_weights_are_the_same(pixels, folder, settings):
    data = in_memory(pixels)
    wanted = weights(data, **settings)
    order = np.argsort(pixels[1], kind="stable")
    mapped = MappedImages(pixels[0][order], pixels[1][order], tuple("abc"))
    for source in (
        ImageFolder(folder),
        ImageFolder(folder, memory=2000),
        mapped,
        Subset(data, np.arange(90)),
    ):
        assert np.array_equal(weights(source, **settings), wanted), source


def test_validation_may_stream(pixels, folder):
    net = cs.models.small_cnn(num_classes=3)
    record = cs.fit(net, in_memory(pixels), validation=ImageFolder(folder), epochs=1).epochs[0]
    found = evaluate(net, ImageFolder(folder))
    assert (record.validation_loss, record.validation_accuracy) == (found.loss, found.accuracy)


def test_the_validation_loss_is_that_of_training(pixels):
    net, data = cs.models.small_cnn(num_classes=3), in_memory(pixels)
    record = cs.fit(net, data, validation=data, epochs=1, loss=MeanSquaredError()).epochs[0]
    assert record.validation_loss == evaluate(net, data, loss=MeanSquaredError()).loss


def test_early_stopping(pixels):
    # the rate grows eightfold with every epoch, so that the loss must rise at last
    net, data = cs.models.small_cnn(num_classes=3), in_memory(pixels)
    schedule = cs.training.Step(every=1, factor=8)
    history = cs.fit(net, data, validation=0.3, epochs=30, batch_size=16, schedule=schedule, patience=3)
    assert len(history.epochs) == history.best_epoch + 3 < 30


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"patience": 2}, "patience needs validation"),
        ({"patience": 0, "validation": 0.2}, "patience"),
        ({"clip_norm": 0}, "clip_norm"),
        ({"augment": Augment(shift=20)}, "shift"),
    ],
)
def test_settings_out_of_range(pixels, settings, message):
    with pytest.raises(InvalidValue, match=message):
        weights(in_memory(pixels), **settings)


def test_a_run_that_streams_goes_on_to_the_same_bits(folder, tmp_path):
    class Stop(Exception):
        pass

    def stop(record):
        if (record.epoch, record.batch) == (2, 2):
            raise Stop

    recipe = Recipe(str(folder), epochs=2, batch_size=16, flip="horizontal")
    whole = train(recipe, tmp_path / "whole", memory=0)
    with pytest.raises(Stop):
        train(recipe, tmp_path / "run", memory=0, checkpoint_batches=1, on_batch=stop)
    run = train(recipe, tmp_path / "run", resume=True)
    for name, array in whole.last.parameters.items():
        assert np.array_equal(run.last.parameters[name], array)
    assert run.network.input.size == (8, 8)
