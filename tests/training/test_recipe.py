from __future__ import annotations

import tomllib

import pytest

from convscope.errors import ConvscopeError, FileError, InvalidValue, UnknownName
from convscope.training import (
    SGD,
    AdamW,
    Cosine,
    CrossEntropy,
    MeanSquaredError,
    OneCycle,
    Recipe,
    Step,
    WarmUp,
)


def test_a_recipe_survives_its_file(tmp_path):
    recipe = Recipe(
        'C:\\data "of" mine\n\x7f\t/é☃',
        net="mine",
        network={
            "name": "a",
            "input": [1, 8, 8],
            "layers": ["relu", {"layer": "conv2d", "filters": 3, "kernel_size": [3, 5], "padding": "same"}],
        },
        size=(28, 32),
        validation=0.25,
        learning_rate=1e-05,
        nesterov=True,
        momentum=0.9,
        patience=3,
        label_smoothing=0.1,
    )
    recipe.write(tmp_path / "recipe.toml")
    assert Recipe.read(tmp_path / "recipe.toml") == recipe


def test_every_value_is_written_as_toml_reads_it(tmp_path):
    Recipe("digits", network={"layers": [{"layer": "dropout", "p": 0.5}, "relu"]}).write(tmp_path / "a.toml")
    assert tomllib.loads((tmp_path / "a.toml").read_text())["network"]["layers"][0] == {
        "layer": "dropout",
        "p": 0.5,
    }


@pytest.mark.parametrize(
    ("values", "optimizer", "schedule", "loss"),
    [
        ({}, SGD(), Cosine(), CrossEntropy()),
        ({"schedule": "constant"}, SGD(), None, CrossEntropy()),
        ({"schedule": "constant", "warmup": 2}, SGD(), WarmUp(2.0), CrossEntropy()),
        ({"warmup": 1.5}, SGD(), Cosine(warmup=1.5), CrossEntropy()),
        ({"schedule": "step", "step_epochs": 3, "step_factor": 0.5}, SGD(), Step(3, 0.5), CrossEntropy()),
        ({"schedule": "one-cycle", "warmup": 1}, SGD(), WarmUp(1.0, OneCycle()), CrossEntropy()),
        ({"optimizer": "adamw", "weight_decay": 0.1}, AdamW(weight_decay=0.1), Cosine(), CrossEntropy()),
        ({"loss": "mean-squared-error"}, SGD(), Cosine(), MeanSquaredError()),
        ({"label_smoothing": 0.1}, SGD(), Cosine(), CrossEntropy(0.1)),
    ],
)
def test_words_become_what_trains(values, optimizer, schedule, loss):
    settings = Recipe("digits", **values).settings()
    assert (settings.optimizer, settings.schedule, settings.loss) == (optimizer, schedule, loss)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"epoch": 3}, UnknownName, "'epoch'; nearest: epochs"),
        ({"learning-rate": 3}, UnknownName, "nearest: learning_rate"),
        ({"optimizer": "adm"}, UnknownName, "nearest: adam"),
        ({"schedule": "cosin"}, UnknownName, "nearest: cosine"),
        ({"loss": "mse"}, UnknownName, "mean-squared-error"),
        ({"flip": "sideways"}, UnknownName, "horizontal"),
        ({"epochs": "ten"}, InvalidValue, "epochs must be a whole number; got 'ten'"),
        ({"epochs": True}, InvalidValue, "epochs"),
        ({"epochs": 2.5}, InvalidValue, "epochs"),
        ({"seed": -1}, InvalidValue, "seed"),
        ({"learning_rate": float("nan")}, InvalidValue, "learning_rate must be finite"),
        ({"learning_rate": 0}, InvalidValue, "learning_rate"),
        ({"validation": 1}, InvalidValue, "validation"),
        ({"size": [28]}, InvalidValue, "height, width"),
        ({"network": []}, InvalidValue, "network must be a table"),
        ({"net": 5}, InvalidValue, "net must be a text"),
        ({"warmup": -1}, InvalidValue, "warmup"),
        ({"crop": 0}, InvalidValue, "crop"),
        ({"step_epochs": 0, "schedule": "step"}, InvalidValue, "every"),
        ({"optimizer": "adam", "momentum": 0.9}, InvalidValue, "sgd only"),
        ({"loss": "mean-squared-error", "label_smoothing": 0.1}, InvalidValue, "cross-entropy only"),
        ({"label_smoothing": 1}, InvalidValue, "label_smoothing"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(values, error, message):
    with pytest.raises(error, match=message) as caught:
        Recipe.from_dict({"data": "digits", **values})
    assert isinstance(caught.value, ConvscopeError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("data = ", FileError, "not a TOML file"),
        ("epochs = 3", InvalidValue, "data must be said"),
        ('data = "digits"\nepoch = 3', UnknownName, r"recipe\.toml: .*nearest: epochs"),
        ("\x00", FileError, "not a TOML file"),
    ],
)
def test_a_bad_file_is_named(tmp_path, text, error, message):
    (tmp_path / "recipe.toml").write_text(text)
    with pytest.raises(error, match=message):
        Recipe.read(tmp_path / "recipe.toml")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileError, match="cannot read"):
        Recipe.read(tmp_path / "recipe.toml")
