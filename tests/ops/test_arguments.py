"""Settings are spelled out once; the ops' own tests cover the errors."""

from __future__ import annotations

import numpy as np
import pytest

from convscope.errors import DtypeError, InvalidValue
from convscope.ops.arguments import check_out, image_shape, pair, place_kernel


@pytest.mark.parametrize(("padding", "expected"), [
    (1, ((1, 1), (1, 1))),
    ((1, 2), ((1, 1), (2, 2))),
    (((1, 2), (3, 0)), ((1, 2), (3, 0))),
    ([[1, 2], [3, 0]], ((1, 2), (3, 0))),
    ("same", ((0, 1), (1, 1))),
    ("same_lower", ((1, 0), (1, 1))),
    ("valid", ((0, 0), (0, 0))),
    (("valid", 2), ((0, 0), (2, 2))),
    (np.int64(2), ((2, 2), (2, 2))),
])  # fmt: skip
def test_every_form_of_padding(padding, expected) -> None:
    places = place_kernel("op", (9, 8), (2, 3), padding=padding)
    assert places.padding == expected
    assert places.output == tuple(
        s + sum(p) - k + 1 for s, p, k in zip((9, 8), expected, places.kernel, strict=True)
    )
    assert all(type(n) is int for row in places[:4] for n in np.ravel(np.array(row, object)))


def test_numbers_that_equal_whole_ones_are_not_taken_for_them() -> None:
    """Asked first with whole numbers, so that a cache would have the answer."""
    place_kernel("op", (9, 9), 3, stride=1, padding=(1, 1))
    for options in ({"stride": 1.0}, {"stride": True}, {"padding": (1.0, 1)}, {"dilation": np.float64(1)}):
        with pytest.raises(DtypeError, match="must be a whole number"):
            place_kernel("op", (9, 9), 3, **options)


def test_an_error_names_the_op_and_the_axis_each_time() -> None:
    for op in ("conv2d", "max_pool2d"):
        for axis, image in (("height", (2, 9)), ("width", (9, 2))):
            with pytest.raises(InvalidValue, match=f"^{op}: along the {axis}, kernel 3 must not be larger"):
                place_kernel(op, image, 3)


def test_pairs_and_shapes() -> None:
    assert pair("op", "stride", [2, np.int32(3)]) == (2, 3)
    assert image_shape("op", "shape", [np.int64(0), 1, 2, 3]) == (0, 1, 2, 3)
    with pytest.raises(InvalidValue, match=r"op: shape must be \(N, C, H, W\); got \(1, 2, 3\)"):
        image_shape("op", "shape", (1, 2, 3))
    with pytest.raises(InvalidValue, match="op: shape must be at least 1"):
        image_shape("op", "shape", (1, 0, 2, 3))


def test_out_may_be_the_input_only_where_that_is_said() -> None:
    x = np.zeros((2, 3))
    check_out("op", x, x.shape, x.dtype, x, in_place=True)
    with pytest.raises(InvalidValue, match="must not share memory"):
        check_out("op", x, x.shape, x.dtype, x)
    turned = x[::-1]  # the same memory in another order is not the input itself
    with pytest.raises(InvalidValue, match="must not share memory"):
        check_out("op", turned, x.shape, x.dtype, x, in_place=True)
