"""Kernels over the epochs of a training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import convscope as cs
from convscope.errors import DtypeError, InvalidValue, UnknownName
from convscope.explain import Evolution, evolution
from convscope.training import Recipe, Run, load_run, train

SEED = 8


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "lines"
    train(Recipe("lines", images=600, epochs=5, batch_size=20, seed=SEED), folder)
    return load_run(folder)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return cs.data.lines(n=40).x


@pytest.fixture(scope="module")
def found(run: Run, images: np.ndarray) -> Evolution:
    return evolution(run, None, images[3], images=images)


def test_every_snapshot_is_there(run: Run, found: Evolution) -> None:
    assert found.epochs == (0, 1, 2, 5) == tuple(run.snapshots)
    assert [layer.node for layer in found.layers] == ["conv1", "conv2"]
    assert [layer.depth for layer in found.layers] == [0, 1]
    assert found.name == "lines"


def test_verdicts_are_those_of_the_kernel_table(run: Run, found: Evolution) -> None:
    for number, epoch in enumerate(found.epochs):
        table = cs.kernel_table(run.snapshots[epoch], "conv2")
        assert found["conv2"].family[number].tolist() == table.family.tolist()
        assert found["conv2"].confidence[number].tolist() == [v.confidence for v in table]


def test_lines_form_kernels_in_the_lower_layer_first(found: Evolution) -> None:
    lower, upper = found.layers
    assert lower.formed_share[0] <= 0.25  # random kernels are noise, but for the verdict's own errors
    assert lower.formed_share[-1] > 0.5
    assert lower.formed_share[-1] > upper.formed_share[-1]
    for layer in found.layers:
        for kernel, epoch in enumerate(layer.formed.tolist()):
            noise = np.isin(layer.family[:, kernel], ("noise", "dead"))
            if epoch < 0:
                assert noise[-1]
                continue
            index = found.epochs.index(epoch)
            assert not noise[index:].any()
            assert index == 0 or noise[index - 1]


def test_patterns_of_one_channel_are_the_weights(run: Run, found: Evolution) -> None:
    for number, epoch in enumerate(found.epochs):
        weight = run.snapshots[epoch].parameters["conv1.weight"][:, 0]
        # a singular value decomposition of one row, in double precision from float32 weights
        assert np.allclose(found["conv1"].patterns[number], weight, atol=1e-5 * np.abs(weight).max())


def test_likeness_is_the_cosine_with_the_last_weights(run: Run, found: Evolution) -> None:
    first, last = (run.snapshots[e].parameters["conv2.weight"].reshape(32, -1).astype(float) for e in (0, 5))
    cosine = (first * last).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(last, axis=1)
    assert np.allclose(found["conv2"].likeness[0], cosine)
    assert np.allclose(found["conv2"].likeness[-1], 1)


def test_maps_and_strongest_patches(run: Run, found: Evolution, images: np.ndarray) -> None:
    layer = found["conv1"]
    net = run.snapshots[2]
    assert layer.maps is not None
    assert layer.patch_values is not None
    assert layer.patch_images is not None
    assert np.array_equal(layer.maps[2], net.run(images[3], algorithm="direct")["conv1"][0])
    whole = net.run(images)["conv1"]
    assert np.allclose(layer.patch_values[2], whole.max(axis=(0, 2, 3)), rtol=1e-5)
    of_them = whole[layer.patch_images[2], np.arange(16)].max(axis=(1, 2))
    assert np.allclose(of_them, layer.patch_values[2], rtol=1e-5)
    assert layer.patches[2][0].shape == (5, 5, 3)
    assert found.image is not None


def test_without_images_there_are_neither_maps_nor_patches(run: Run) -> None:
    found = evolution(run.snapshots, "conv1")
    assert found["conv1"].maps is None
    assert found["conv1"].patches == ()
    assert found.image is None


def test_bad_input(run: Run) -> None:
    net = run.network
    with pytest.raises(UnknownName, match="no convolution 'conv9'"):
        evolution(run, "conv9")
    with pytest.raises(DtypeError, match="must be a Run"):
        evolution(net)
    with pytest.raises(InvalidValue, match="at least two snapshots; got 1"):
        evolution({0: net})
    with pytest.raises(InvalidValue, match="one network; 'conv1' changes"):
        evolution({0: cs.models.small_cnn((2, 8, 8)), 1: cs.models.small_cnn()})
    with pytest.raises(UnknownName, match="no layer 'conv3'; nearest: conv2"):
        evolution({0: net, 1: net})["conv3"]


def test_it_becomes_json(found: Evolution, tmp_path: Path) -> None:
    found.save(tmp_path / "evolution.json")
    assert len(found.to_dict()["layers"]) == 2
