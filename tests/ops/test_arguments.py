"""Settings are spelled out once; the ops' own tests cover the errors."""

from __future__ import annotations

import inspect
from inspect import Parameter

import numpy as np
import pytest

from convscope import ops
from convscope.errors import DtypeError, InvalidValue
from convscope.ops import reference
from convscope.ops.arguments import check_out, image_shape, pair, place_kernel, whole

X = np.ones((1, 2, 4, 4))


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


@pytest.mark.parametrize("name", reference.__all__)
def test_nothing_is_no_array(name: str) -> None:
    """Whatever must be given is refused by name if it is None, not by what happens to break first."""
    op = getattr(ops, name)
    needed = [p for p in inspect.signature(op).parameters.values() if p.default is Parameter.empty]
    by_name = {p.name: None for p in needed if p.kind is not Parameter.VAR_POSITIONAL}
    with pytest.raises(DtypeError, match=f"^{name}: "):
        op(*[None] * (len(needed) - len(by_name)), **by_name)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: ops.max_pool2d(X, 2, ceil_mode="no"), "max_pool2d: ceil_mode must be True or False; got 'no'"),
    (lambda: ops.max_pool2d(X, 2, ceil_mode=X), "max_pool2d: ceil_mode must be True or False"),
    (lambda: ops.max_pool2d(X, 2, return_indices=2), "return_indices must be True or False; got 2"),
    (lambda: ops.lp_pool2d(X, 2, ceil_mode=None), "lp_pool2d: ceil_mode must be True or False; got None"),
    (lambda: ops.avg_pool2d(X, 2, count_include_pad=0.5), "count_include_pad must be True or False"),
    (lambda: ops.add(X, X, rectify="yes"), "add: rectify must be True or False"),
    (lambda: ops.pad2d(X, 1, mode=X), "pad2d: mode must be one of constant"),
    (lambda: ops.resize2d(X, 2, mode=X), "resize2d: mode must be one of nearest"),
    (lambda: ops.conv2d(X, X, algorithm=X), "conv2d: algorithm must be one of auto"),
    (lambda: ops.dropout(X, "0.5", X > 0), "dropout: p must be a number; got '0.5'"),
    (lambda: ops.concatenate(3), "concatenate: xs must be a sequence of arrays; got int"),
    (lambda: ops.concatenate(X), "concatenate: xs must be a sequence of arrays; got ndarray"),
    (lambda: ops.concatenate_grad(X, 2), "concatenate_grad: sizes must be a sequence of whole numbers"),
    (lambda: ops.flatten_grad(np.ones((1, 8)), 8), r"flatten_grad: shape must be \(N, C, H, W\); got 8"),
    (lambda: ops.sgd_step(np.ones(1), np.ones(1), rate="fast"), "sgd_step: rate must be a number"),
    (lambda: ops.relu6([1.0]), "relu6: x must be a NumPy array; got list"),
])  # fmt: skip
def test_settings_of_the_wrong_kind(call, message: str) -> None:
    with pytest.raises((DtypeError, InvalidValue), match=message):
        call()


def test_a_flag_may_be_a_number_or_of_numpy() -> None:
    for yes in (True, 1, np.True_, np.int64(1)):
        assert ops.max_pool2d(np.ones((1, 1, 3, 3)), 2, ceil_mode=yes).shape == (1, 1, 2, 2)


def test_numbers_no_core_can_count_to() -> None:
    assert whole("op", "stride", 2**63 - 1, 1) == 2**63 - 1
    with pytest.raises(InvalidValue, match=r"op: stride must be less than 2\*\*63; got stride=9223"):
        whole("op", "stride", 2**63, 1)
