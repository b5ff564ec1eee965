from __future__ import annotations

import pytest

from convscope import errors


@pytest.mark.parametrize(
    ("raised", "builtin"),
    [
        (errors.InvalidValue, ValueError),
        (errors.DtypeError, TypeError),
        (errors.FileError, OSError),
        (errors.UnknownName, KeyError),
        (errors.DivergedError, ArithmeticError),
    ],
)
def test_an_error_is_also_the_built_in_one_and_its_text_is_the_message(raised, builtin):
    with pytest.raises(builtin) as caught:
        raise raised("conv2d: what must hold; got this.")
    assert isinstance(caught.value, errors.ConvscopeError)
    assert str(caught.value) == "conv2d: what must hold; got this."


def test_nearest_names_offers_what_comes_close_and_else_what_there_is():
    assert errors.nearest_names("conv-1", ["pool", "conv1"]) == "nearest: conv1"
    assert errors.nearest_names("x", [f"n{i}" for i in range(10)]).endswith("n7, ...")
