"""Fuzz every reader of files: whatever the bytes, a file is opened or refused with one line.

    python tests/fuzz_readers.py onnx --minutes 10 --findings /tmp/findings

needs atheris (pip install atheris), which follows the branches that an input takes. What is found is
written to the folder of findings; `formats/test_corpus.py` replays what was found before. A file that
takes longer than 20 s, more than 3 GB or ends the process is found too.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

__all__ = ["READERS", "SEEDS", "kind_of", "open_or_refuse"]

CORPUS = Path(__file__).parent / "formats" / "corpus"
MAX_BYTES = 2**22


def _onnx(path: Path) -> None:
    """Open, and run if it is small: shapes that lie show when the arrays are made."""
    import convscope as cs

    net = cs.load(path, max_bytes=MAX_BYTES)
    shapes = net.shapes()
    if sum(int(np.prod(shape)) for shape in shapes.values()) < 10**5 and not net.more_inputs:
        net.run(np.zeros(shapes[net.input_name], net.dtype))


def _weights(path: Path) -> None:
    from convscope.formats import read_weights

    read_weights(path, max_bytes=MAX_BYTES)


def _description(path: Path) -> None:
    from convscope.formats.description import apply, said_in
    from convscope.models import small_cnn

    apply(small_cnn(input_shape=(3, 8, 8), num_classes=2), said_in(path), path)


def _network(path: Path) -> None:
    from convscope.models import from_description, read_description

    from_description(read_description(path), num_classes=3)


def _recipe(path: Path) -> None:
    from convscope.training.recipe import Recipe

    Recipe.read(path)


def _image(path: Path) -> None:
    """As a folder's image and as a single one, whose ways are not the same."""
    from contextlib import suppress

    from convscope.data.picture import Form, decode, read_header
    from convscope.errors import ConvscopeError
    from convscope.network import ImageInput

    with suppress(ConvscopeError):
        read_header(str(path), 10**6)
        decode(str(path), Form((8, 8), "RGB"), 10**6)
    ImageInput(size=(8, 8)).prepare(path)


def _idx(path: Path) -> None:
    from convscope.data.idx import read_idx

    read_idx(path)


# kind -> the suffix of its files, and what opens one
READERS: Mapping[str, tuple[str, Callable[[Path], None]]] = {
    "onnx": (".onnx", _onnx),
    "safetensors": (".safetensors", _weights),
    "npz": (".npz", _weights),
    "npy": (".npy", _weights),
    "pt": (".pt", _weights),
    "h5": (".h5", _weights),
    "description": (".toml", _description),
    "network": (".toml", _network),
    "recipe": (".toml", _recipe),
    "image": (".png", _image),
    "idx": (".idx", _idx),
}


def open_or_refuse(kind: str, path: Path) -> bool:
    """Open a file; True if it was, False if it was refused in one line. Anything else is raised."""
    from convscope.errors import ConvscopeError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with np.errstate(all="ignore"):
                READERS[kind][1](path)
        except ConvscopeError as error:
            if "\n" in str(error):
                raise AssertionError(f"more than one line: {error}") from error
            return False
    return True


def seeds(kind: str) -> Iterator[bytes]:
    """Give whole files of a kind to begin with, and all that the corpus has of it."""
    yield from SEEDS[kind]()
    yield from (path.read_bytes() for path in sorted(CORPUS.iterdir()) if kind_of(path) == kind)


def kind_of(path: Path) -> str:
    """Tell which reader a file of the corpus is for: its name begins with the kind."""
    return path.name.partition("-")[0]


def _onnx_seeds() -> Iterator[bytes]:
    """ONNX's node tests, each a graph of one operator, and a small network."""
    from onnx.backend.test.loader import load_model_tests

    import convscope as cs
    from convscope.formats.onnx_operators import READERS as OPERATORS

    yield _written(lambda path: cs.save(cs.models.small_cnn(), path), "net.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = load_model_tests(kind="node")
    for case in cases:
        model = case.model
        if model is not None and all(node.op_type in OPERATORS for node in model.graph.node):
            yield model.SerializeToString()


def _written(write: Callable[[Path], object], name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        return (Path(folder) / name).read_bytes()


ARRAYS = {"conv.weight": np.ones((2, 1, 3, 3), np.float32), "fc": np.arange(6.0).reshape(2, 3)}


def _safetensors_seeds() -> Iterator[bytes]:
    from convscope.formats.conversion import save_weights

    yield _written(lambda path: save_weights(ARRAYS, path), "w.safetensors")


def _pt_seeds() -> Iterator[bytes]:
    import torch

    state = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2)).state_dict()
    for content in (state, {"epoch": 3, "model": state, "half": [torch.ones(2, 3).half().T]}):
        yield _written(lambda path, content=content: torch.save(content, path), "w.pt")
        yield _written(
            lambda path, content=content: torch.save(content, path, _use_new_zipfile_serialization=False),
            "w.pt",
        )


def _npz_seeds() -> Iterator[bytes]:
    for save in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        save(stream, **ARRAYS)
        yield stream.getvalue()


def _npy_seeds() -> Iterator[bytes]:
    for array in (*ARRAYS.values(), np.array([True]), np.asfortranarray(np.ones((2, 3), ">i2"))):
        stream = io.BytesIO()
        np.save(stream, array)
        yield stream.getvalue()


def _h5_seeds() -> Iterator[bytes]:
    import h5py

    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file["conv/kernel"] = np.ones((3, 3, 1, 2), np.float32)
            file.create_dataset("packed", data=np.zeros(64), compression="gzip", chunks=(8,))

    yield _written(write, "w.h5")


def _image_seeds() -> Iterator[bytes]:
    from PIL import Image

    picture = Image.fromarray(np.arange(300, dtype=np.uint8).reshape(10, 10, 3))
    for form in ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM"):
        for mode in ("RGB", "L", "P", "1"):
            stream = io.BytesIO()
            try:
                exif = Image.Exif()
                exif[0x0112] = 6
                picture.convert(mode).save(
                    stream, form, **({"exif": exif} if form in ("PNG", "JPEG") else {})
                )
            except OSError:
                continue
            yield stream.getvalue()


def _idx_seeds() -> Iterator[bytes]:
    import gzip

    whole = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, *range(8)])
    yield from (whole, gzip.compress(whole), bytes([0, 0, 13, 1, 0, 0, 0, 1, 63, 128, 0, 0]))


def _description_seeds() -> Iterator[bytes]:
    yield (
        b'classes = [ "a", "b" ]\n[input]\nsize = [ 8, 8 ]\nchannels = "BGR"\nmean = [ 104, 117, 123 ]\n'
        b"scale = 1.0\n"
    )
    yield b'[input]\ncrop = "none"\nresize = "area"\nmean = 1\nscale = 0.1\n'


def _network_seeds() -> Iterator[bytes]:
    yield (
        b'input = [ 1, 8, 8 ]\nlayers = [ { layer = "conv2d" , filters = 4 , kernel_size = 3 , padding = 1 , '
        b'name = "first" }, "relu", { layer = "add" , from = [ "first" , "relu1" ] }, '
        b'{ layer = "max_pool2d" , kernel_size = 2 }, "flatten", '
        b'{ layer = "linear" , features = "classes" } ]\n'
    )


def _recipe_seeds() -> Iterator[bytes]:
    yield b'data = "digits"\nepochs = 3\nlearning_rate = 0.1\nsize = [ 8, 8 ]\noptimizer = "adam"\n'


SEEDS: Mapping[str, Callable[[], Iterator[bytes]]] = {
    "onnx": _onnx_seeds,
    "safetensors": _safetensors_seeds,
    "pt": _pt_seeds,
    "npz": _npz_seeds,
    "npy": _npy_seeds,
    "h5": _h5_seeds,
    "image": _image_seeds,
    "idx": _idx_seeds,
    "description": _description_seeds,
    "network": _network_seeds,
    "recipe": _recipe_seeds,
}


def main() -> None:
    """Run libFuzzer in processes of its own until the time is over: what ends one is a finding."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("kind", choices=READERS)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--findings", type=Path, default=Path("findings"))
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    findings = given.findings.resolve() / given.kind
    findings.mkdir(parents=True, exist_ok=True)
    if given.inside:
        _fuzz(given.kind, findings, round(given.minutes * 60))
        return
    end, rounds = time.time() + given.minutes * 60, 0
    while (left := end - time.time()) > 5 and rounds < 100:
        rounds += 1
        subprocess.run([sys.executable, *sys.argv, "--inside", "--minutes", str(left / 60)], check=False)
    found = sorted(path.name for path in findings.iterdir() if path.is_file())
    print(f"{given.kind}: {given.minutes:g} minutes, {rounds} processes, {len(found)} findings: {found}")


def _fuzz(kind: str, findings: Path, seconds: int) -> None:
    import atheris

    from fuzz_mutators import MUTATORS

    with atheris.instrument_imports(include=["convscope"]):
        import convscope.data.idx
        import convscope.data.picture
        import convscope.formats.description
        import convscope.formats.onnx_reader
        import convscope.formats.weights
        import convscope.models.described
        import convscope.network
        import convscope.training.recipe  # noqa: F401

    grown = findings / "grown"
    if not grown.exists():
        grown.mkdir()
        for content in seeds(kind):
            (grown / hashlib.sha1(content).hexdigest()).write_bytes(content)
    place = Path(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    path = place / f"file{READERS[kind][0]}"

    def try_one(content: bytes) -> None:
        path.write_bytes(content)
        try:
            open_or_refuse(kind, path)
        except Exception as error:
            where = [f for f in traceback.extract_tb(error.__traceback__) if "convscope" in f.filename]
            last = f"{Path(where[-1].filename).stem}-{where[-1].lineno}" if where else "outside"
            found = findings / f"{type(error).__name__}-{last}{path.suffix}"
            if not found.exists() or found.stat().st_size > len(content):
                found.write_bytes(content)

    def mutate(content: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if kind in MUTATORS and rng.random() < 0.8:
            try:
                changed = MUTATORS[kind](content, rng)
            except Exception:  # no longer of the form
                changed = b""
            if 0 < len(changed) <= most and changed != content:
                return changed
        return atheris.Mutate(content, most)

    settings = [f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=3000", "-max_len=8192"]
    settings += [f"-artifact_prefix={findings}/", "-print_final_stats=1", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *settings, str(grown)], try_one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
