"""The pages of the site: commands run, links lead somewhere, the claims page is what came out.

The Python code on the pages runs as doctests.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

import convscope as cs
from convscope.cli import main
from convscope.network import ImageInput

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "generated" not in page.parts)


def commands(page: Path) -> Iterator[list[str]]:
    """Give every `convscope` command of a page's console blocks."""
    for block in re.findall(r"```console\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        for line in block.splitlines():
            assert line.startswith("$ "), f"{page.name}: a console block holds commands only: {line}"
            words = shlex.split(line[2:])
            if words[0] == "convscope":
                yield words[1:]
            else:
                assert words[0] in ("pip", "make"), line


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the pages speak of, as a reader would have them."""
    random = np.random.default_rng(0)
    digits = cs.models.small_cnn(seed=0)
    digits.input = ImageInput((8, 8), "L")
    cs.save(digits, tmp_path / "digits.onnx")
    for name, seed in (("net", 0), ("before", 1)):
        net = cs.models.lenet5(seed=seed)
        net.input = ImageInput((28, 28), "L")
        cs.save(net, tmp_path / f"{name}.onnx")
    Image.fromarray(random.integers(0, 256, (8, 8), np.uint8)).save(tmp_path / "digit.png")
    Image.fromarray(random.integers(0, 256, (40, 40, 3), np.uint8)).save(tmp_path / "photo.png")
    for kind in ("cat", "dog"):
        (tmp_path / "pictures" / kind).mkdir(parents=True)
        for i in range(40):
            pixels = random.integers(0, 256, (16, 16, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / kind / f"{i}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if any(commands(p))], ids=lambda p: p.stem)
def test_every_command_on_a_page_runs(
    page: Path, reader: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSCOPE_CACHE", str(reader / "nulls"))
    monkeypatch.setenv("CONVSCOPE_NULL_SAMPLES", "100")
    for arguments in commands(page):
        code = main(arguments)
        assert code == 0, f"convscope {shlex.join(arguments)}: {capsys.readouterr().err}"


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+\.md)", page.read_text("utf-8")):
            if not target.startswith("generated/") and "generated/" not in target:
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_public_room_has_a_page_of_the_reference() -> None:
    text = "".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
    rooms = set(cs._MODULES) - {"report"}  # renderers are found through results
    assert {room for room in rooms if f"convscope.{room}\n" not in text} == set()


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("claims_page", DOCS / "claims_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_claims_page_shows_what_came_out(writer: ModuleType, tmp_path: Path) -> None:
    assert writer.main([str(tmp_path / "made"), "--only", "dot", "correlation", "gabor"]) == 0
    page = (tmp_path / "made" / "claims.md").read_text()
    assert "| [dot](#dot) |" in page
    assert "| sum | 596 |" in page
    assert "**not tested.** needs models/bvlc\\_googlenet.onnx" in page
    assert "1\\*0 + 25\\*4" in page  # no stray emphasis
    assert (tmp_path / "made" / "dot.png").stat().st_size > 1000
    assert not (tmp_path / "made" / "gabor.png").exists()
