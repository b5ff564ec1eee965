"""The example that trains LeNet-5 on MNIST, shorter than it runs for people."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import convscope as cs

SCRIPT = Path(__file__).parents[2] / "examples" / "train_lenet_mnist.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("train_lenet_mnist", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_two_epochs_come_near_the_goal(example, shared_data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(example, "GOAL", 0.98)
    path = tmp_path / "lenet.onnx"
    assert example.main([str(shared_data / "mnist"), "--epochs", "2", "--output", str(path)]) == 0
    assert "images a second" in capsys.readouterr().out
    _, test = cs.data.mnist(shared_data / "mnist")
    assert cs.training.evaluate(cs.load(path), test).accuracy >= 0.98


def test_a_folder_without_data_is_said_in_one_line(example, tmp_path, capsys):
    assert example.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
