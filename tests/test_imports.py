"""Each room imports only what it may, and importing convscope costs next to nothing."""

from __future__ import annotations

import ast
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import convscope

PACKAGE = Path(convscope.__file__).parent

# room -> the rooms it may import directly; what these may import comes with them
MAY_IMPORT = {
    "errors": [],
    "files": ["errors"],
    "result": ["errors", "files"],
    "geometry": ["errors"],
    "pictures": ["errors"],
    "randomness": ["errors"],
    "_core": [],
    "ops": ["geometry", "randomness", "_core"],
    "layers": ["ops"],
    "network": ["layers", "result", "pictures"],
    "models": ["network"],
    "data": ["errors", "files", "randomness", "pictures"],
    "formats": ["network"],
    "training": ["network", "data", "formats", "models"],
    "kernels": ["result"],
    "claims": ["explain", "training", "formats"],
    "explain": ["network", "data", "kernels", "result"],
    "inspection": ["explain", "training", "formats"],
    # views may name the classes they draw, and nothing that computes
    "report": ["result", "network", "training", "kernels", "explain", "inspection", "claims"],
    "cli": ["report", "models", "claims"],
}
ROOMS = sorted(
    {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in PACKAGE.rglob("*.py")}
    - {"__init__", "__main__"}
)


def allowed(room: str) -> set[str]:
    rooms = {room}
    for other in MAY_IMPORT[room]:
        rooms |= allowed(other)
    return rooms


def imports(path: Path) -> Iterator[str]:
    """Give the rooms that a file imports, at its top and within functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "convscope":
            yield from (alias.name for alias in node.names if alias.name != "__version__")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("convscope."):
            yield str(node.module).split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("convscope."))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    assert room in MAY_IMPORT, f"say in MAY_IMPORT what the new room {room!r} may import"
    files = [PACKAGE / f"{room}.py", *(PACKAGE / room).rglob("*.py")]
    wrong = {
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in files
        if path.exists()
        for name in imports(path)
        if name not in allowed(room)
    }
    assert not wrong


def test_no_relative_imports() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path} has a relative import"


def test_no_public_function_bears_the_name_of_a_module() -> None:
    assert not set(ROOMS) & set(convscope._HOMES), "importing the module would replace the function"


def test_every_public_name_is_there() -> None:
    for name in convscope.__all__:
        assert getattr(convscope, name) is not None


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    block = next(n for n in tree.body if isinstance(n, ast.If))
    seen = {alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == set(convscope.__all__) - {"__version__"}


def test_public_names_are_those_agreed_on() -> None:
    agreed = json.loads((Path(__file__).parent / "public_names.json").read_text())
    assert sorted(convscope.__all__) == agreed, (
        "a change of the public names needs a line in CHANGELOG.md and this file"
    )


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_loads_no_heavy_library() -> None:
    loaded = run("import convscope, sys; print(*{name.partition('.')[0] for name in sys.modules})").split()
    assert not {"scipy", "onnx", "matplotlib", "PIL", "sklearn", "rich", "typer", "torch"} & set(loaded)


@pytest.mark.slow
def test_importing_costs_at_most_50_ms_beyond_numpy() -> None:
    clock = "import numpy, time; t = time.perf_counter(); import convscope; print(time.perf_counter() - t)"
    assert statistics.median(float(run(clock)) for _ in range(20)) <= 0.05
