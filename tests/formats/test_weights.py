"""Bare files of weights: what comes out is what went in, and nothing in a file is run."""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

import convscope as cs
from convscope.errors import FileError
from convscope.formats import read_weights

RNG = np.random.default_rng(5)
ARRAYS = {
    "conv1.weight": RNG.standard_normal((4, 3, 5, 5)).astype(np.float32),
    "conv1.bias": RNG.standard_normal(4).astype(np.float64),
    "half": RNG.standard_normal((2, 1, 3, 3)).astype(np.float16),
    "steps": np.array(7, np.int64),
}


def assert_same(found: dict[str, np.ndarray]) -> None:
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        expected = array.astype(np.float32) if array.dtype == np.float16 else array
        assert found[name].dtype == expected.dtype
        np.testing.assert_array_equal(found[name], expected)


def test_numpy_files(tmp_path):
    np.savez(tmp_path / "w.npz", **ARRAYS)
    assert_same(read_weights(tmp_path / "w.npz"))
    np.save(tmp_path / "kernel.npy", ARRAYS["conv1.weight"])
    np.testing.assert_array_equal(read_weights(tmp_path / "kernel.npy")["kernel"], ARRAYS["conv1.weight"])


def test_safetensors(tmp_path):
    from safetensors.numpy import save_file

    save_file(ARRAYS, tmp_path / "w.safetensors")
    assert_same(read_weights(tmp_path / "w.safetensors"))


@pytest.mark.parametrize("suffix", ["pt", "pth"])
@pytest.mark.parametrize("zipped", [True, False])
def test_torch_state_dicts(zipped, suffix, tmp_path):
    import torch

    state = OrderedDict((name, torch.from_numpy(np.array(array))) for name, array in ARRAYS.items())
    torch.save(state, tmp_path / f"w.{suffix}", _use_new_zipfile_serialization=zipped)
    assert_same(read_weights(tmp_path / f"w.{suffix}"))


def test_torch_views_parameters_and_checkpoints(tmp_path):
    import torch

    whole = torch.arange(24.0).reshape(2, 3, 4)
    state = {
        "epoch": 3,
        "model": {"a": whole[:, 1:, ::2], "b": torch.nn.Parameter(whole.transpose(0, 2))},
        "history": [torch.ones(2, dtype=torch.bfloat16) * 1.5, None, "text", (1.0, True)],
    }
    torch.save(state, tmp_path / "c.pt")
    found = read_weights(tmp_path / "c.pt")
    assert set(found) == {"model.a", "model.b", "history.0"}
    np.testing.assert_array_equal(found["model.a"], whole[:, 1:, ::2].numpy())
    np.testing.assert_array_equal(found["model.b"], whole.transpose(0, 2).numpy())
    np.testing.assert_array_equal(found["history.0"], [1.5, 1.5])


def test_a_whole_module_is_refused_by_name(tmp_path):
    import torch

    torch.save(torch.nn.Linear(2, 2), tmp_path / "m.pt")
    with pytest.raises(FileError, match=r"torch\.nn\.modules\.linear\.Linear, and no code is run"):
        read_weights(tmp_path / "m.pt")


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        import os

        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(6))
def test_code_in_a_pickle_is_refused_and_not_run(protocol, tmp_path):
    target = tmp_path / "made"
    content = pickle.dumps({"w": Evil(target)}, protocol)
    with zipfile.ZipFile(tmp_path / "e.pt", "w") as archive:
        archive.writestr("e/data.pkl", content)
    (tmp_path / "old.pth").write_bytes(content)
    for name in ("e.pt", "old.pth"):
        with pytest.raises(FileError, match=r"mkdir, and no code is run"):
            read_weights(tmp_path / name)
    np.savez(tmp_path / "e.npz", w=np.array([Evil(target)], object))
    with pytest.raises(FileError, match="no code is run"):
        read_weights(tmp_path / "e.npz")
    assert not target.exists()


def test_keras_kernels_are_turned(tmp_path):
    h5py = pytest.importorskip("h5py")
    kernel = RNG.standard_normal((3, 5, 2, 4)).astype(np.float32)
    with h5py.File(tmp_path / "k.h5", "w") as store:
        store["conv/kernel"] = kernel
        store["dw/depthwise_kernel"] = kernel
        store["elsewhere"] = h5py.ExternalLink("/etc/hosts", "/")
    found = read_weights(tmp_path / "k.h5")
    assert found["conv/kernel"].shape == (4, 2, 3, 5)
    np.testing.assert_array_equal(found["conv/kernel"][1, 0], kernel[:, :, 0, 1])
    np.testing.assert_array_equal(found["dw/depthwise_kernel"][1 * 4 + 2, 0], kernel[:, :, 1, 2])
    assert "elsewhere" not in found


def test_the_weights_of_a_network_file(tmp_path):
    net = cs.models.small_cnn()
    cs.save(net, tmp_path / "n.onnx")
    found = read_weights(tmp_path / "n.onnx")
    for name, array in net.parameters.items():
        np.testing.assert_array_equal(found[name], array)


def test_what_is_no_file_of_weights(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        read_weights(tmp_path / "absent.npz")
    with pytest.raises(FileError, match="suffix"):
        read_weights(tmp_path / "x.txt")
    for suffix in (".npz", ".npy", ".pt", ".pth", ".safetensors", ".onnx"):
        for junk in (b"", b"junk", b"PK\3\4" * 9, b"\x80\x04.", b"\xff" * 40, b"\x02" + bytes(7) + b"{}"):
            path = tmp_path / f"junk{suffix}"
            path.write_bytes(junk)
            try:
                found = read_weights(path)
            except FileError as error:
                message = str(error)
            else:
                assert found == {}
                continue
            assert str(path) in message
            assert "\n" not in message


def test_truncated_and_damaged_files_are_refused_or_read(tmp_path):
    """Every cut is noticed; a changed byte never crashes. Seed 5."""
    import torch
    from safetensors.numpy import save_file

    np.savez(tmp_path / "w.npz", **ARRAYS)
    np.save(tmp_path / "w.npy", ARRAYS["conv1.weight"])
    save_file(ARRAYS, tmp_path / "w.safetensors")
    state = {name: torch.from_numpy(np.array(array)) for name, array in ARRAYS.items()}
    torch.save(state, tmp_path / "w.pt")
    torch.save(state, tmp_path / "w.pth", _use_new_zipfile_serialization=False)
    for suffix in ("npz", "npy", "safetensors", "pt", "pth"):
        content = (tmp_path / f"w.{suffix}").read_bytes()
        path = tmp_path / f"damaged.{suffix}"
        for end in {*range(0, min(300, len(content)), 11), *range(300, len(content), 401)}:
            path.write_bytes(content[:end])
            with pytest.raises(FileError):
                read_weights(path)
        for _ in range(60):
            damaged = bytearray(content)
            for place in RNG.integers(0, min(len(content), 900), 3):
                damaged[place] = RNG.integers(256)
            path.write_bytes(bytes(damaged))
            try:
                read_weights(path, max_bytes=2**20)
            except FileError as error:
                text = str(error)
            else:
                continue
            assert "\n" not in text


def test_larger_arrays_than_allowed_are_refused(tmp_path):
    np.savez_compressed(tmp_path / "w.npz", big=np.zeros((64, 64, 5, 5)))
    with pytest.raises(FileError, match=r"'big' has .* more than max_bytes"):
        read_weights(tmp_path / "w.npz", max_bytes=10_000)
