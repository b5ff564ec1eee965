"""The bindings refuse what they would have to convert, and say which instruction sets there are."""

from __future__ import annotations

import numpy as np
import pytest

SETTINGS = ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)  # stride, padding, dilation, groups
DIRECT, PLAIN = 0, (0, 0.0, 0.0)  # algorithm; activation and its limits


@pytest.fixture
def arrays(native) -> dict[str, np.ndarray]:
    """A convolution the core would accept."""
    return {
        "x": np.ones((1, 5, 5, 4), "float32"),
        "weight": np.ones((8, 4, 3, 3), "float32"),
        "y": np.zeros((1, 3, 3, 8), "float32"),
    }


def convolve(arrays: dict[str, np.ndarray]) -> None:
    from convscope import _core

    packed = _core.PackedConvFloat(arrays["weight"], None, *SETTINGS, DIRECT, *PLAIN)
    packed(arrays["x"], None, arrays["y"])


def test_accepts(arrays) -> None:
    convolve(arrays)
    assert (arrays["y"] == 36).all()


@pytest.mark.parametrize("name", ["x", "weight", "y"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda a: a.astype("float64"),
        lambda a: a.astype("int32"),
        lambda a: a.transpose(0, 2, 1, 3)[:, ::-1],
        lambda a: a[0],
        lambda a: a.tolist(),
    ],
    ids=["other dtype", "integers", "other strides", "other rank", "list"],
)
def test_never_converts(arrays, name: str, spoil) -> None:
    arrays[name] = spoil(arrays[name])
    with pytest.raises(TypeError):
        convolve(arrays)


def test_refuses_to_write_to_a_read_only_array(arrays) -> None:
    arrays["y"].flags.writeable = False
    with pytest.raises(TypeError):
        convolve(arrays)


def test_reads_a_read_only_array(arrays) -> None:
    arrays["x"].flags.writeable = False
    convolve(arrays)


def test_shapes_must_belong_together(arrays) -> None:
    arrays["y"] = np.zeros((2, 3, 3, 8), "float32")
    with pytest.raises(ValueError, match="belong together"):
        convolve(arrays)


def test_unknown_instruction_set_names_the_known(native) -> None:
    from convscope import _core

    with pytest.raises(ValueError, match=_core.isa()):
        _core.choose_isa("v9")


def test_peak_counts_multiply_adds(native) -> None:
    from convscope import _core

    assert _core.peak(2000) == 2 * _core.peak(1000) > 0
