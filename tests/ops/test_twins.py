"""Both cores have the same functions with the same arguments, and the public ops are those."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from convscope import ops
from convscope.ops import reference
from cores import forced_core


def parameters(function) -> list[tuple[str, object]]:
    return [(p.name, p.kind) for p in inspect.signature(function).parameters.values()]


def test_every_op_of_the_reference_is_public() -> None:
    assert set(reference.__all__) <= set(ops.__all__)


@pytest.mark.parametrize("name", reference.__all__)
def test_the_compiled_twin_takes_the_same_arguments(name: str) -> None:
    with forced_core("native"):
        from convscope.ops import native
    twin = getattr(native, name, None)
    if twin is not None:
        assert parameters(twin) == parameters(getattr(reference, name))


@pytest.mark.parametrize("name", reference.__all__)
def test_every_public_op_is_documented_with_an_example(name: str) -> None:
    doc = inspect.getdoc(getattr(ops, name)) or ""
    assert ">>>" in doc, f"{name} has no example"


def test_forcing_a_core_ends_with_the_test() -> None:
    before = ops.core()
    with forced_core("reference"):
        assert ops.core().name == "reference"
    assert ops.core() == before
    assert ops.relu(np.ones(1)).item() == 1


def test_ci_does_not_pass_without_the_compiled_core(monkeypatch: pytest.MonkeyPatch) -> None:
    import cores

    def missing(name: str) -> None:
        raise ImportError("no compiler")

    monkeypatch.setattr(cores.importlib, "import_module", missing)
    monkeypatch.setenv("CI", "true")
    with (
        pytest.raises(pytest.fail.Exception, match="the compiled core cannot be loaded"),
        forced_core("native"),
    ):
        pass
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="the compiled core is not built"), forced_core("native"):
        pass
