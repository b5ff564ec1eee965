"""Changes to files that keep their outer form, so that a fuzzer gets past checksums and parsers.

Each takes a file's bytes and a random generator and gives other bytes; what is no longer of the form is
given back unchanged, and the fuzzer's own flips of bits do the rest.
"""

from __future__ import annotations

import io
import random
import zipfile
import zlib
from collections.abc import Callable, Mapping

import onnx

__all__ = ["MUTATORS"]

NUMBERS = (-(2**63), -(2**31), -7, -2, -1, 0, 1, 2, 3, 5, 8, 64, 1000, 2**16, 2**31, 2**40, 2**63 - 1)
REALS = (0.0, -1.0, 0.5, 1e-30, 1e30, float("inf"), float("nan"))


def onnx_model(content: bytes, rng: random.Random) -> bytes:
    """Change a few things of a graph: attributes, names of values, lengths, operators, weights."""
    model = onnx.ModelProto()
    model.ParseFromString(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        rng.choice((_attribute, _attribute, _value, _length, _operator, _weight, _version))(model, rng)
    return model.SerializeToString()


def _attribute(model: onnx.ModelProto, rng: random.Random) -> None:
    owned = [node for node in model.graph.node if node.attribute]
    if not owned:
        return
    node = rng.choice(owned)
    item = rng.choice(node.attribute)
    if rng.random() < 0.1:
        node.attribute.remove(item)
    elif item.ints:
        item.ints[rng.randrange(len(item.ints))] = rng.choice(NUMBERS)
        if rng.random() < 0.2:
            item.ints.append(rng.choice(NUMBERS))
        elif rng.random() < 0.2:
            item.ints.pop()
    elif item.type == onnx.AttributeProto.INT:
        item.i = rng.choice(NUMBERS)
    elif item.type == onnx.AttributeProto.FLOAT:
        item.f = rng.choice(REALS)
    elif item.type == onnx.AttributeProto.STRING:
        item.s = rng.choice((b"", b"SAME_UPPER", b"VALID", b"constant", b"linear", b"cubic", b"\xff"))
    elif item.HasField("t"):
        _change_tensor(item.t, rng)


def _value(model: onnx.ModelProto, rng: random.Random) -> None:
    if not model.graph.node:
        return
    node = rng.choice(model.graph.node)
    names = ["", "nowhere", *(n for other in model.graph.node for n in (*other.input, *other.output))]
    side = rng.choice((node.input, node.input, node.output))
    if side:
        side[rng.randrange(len(side))] = rng.choice(names)
    if rng.random() < 0.2:
        side.append(rng.choice(names))
    elif rng.random() < 0.2 and side:
        side.pop()


def _length(model: onnx.ModelProto, rng: random.Random) -> None:
    values = [v for v in (*model.graph.input, *model.graph.output) if v.type.tensor_type.shape.dim]
    if not values:
        return
    tensor = rng.choice(values).type.tensor_type
    rng.choice(tensor.shape.dim).dim_value = rng.choice(NUMBERS)
    if rng.random() < 0.1:
        tensor.elem_type = rng.randrange(25)
    if rng.random() < 0.2:
        tensor.shape.dim.pop()


def _operator(model: onnx.ModelProto, rng: random.Random) -> None:
    if model.graph.node:
        kinds = (*(node.op_type for node in model.graph.node), "Conv", "Reshape", "Resize", "Concat", "Loop")
        rng.choice(model.graph.node).op_type = rng.choice(kinds)


def _weight(model: onnx.ModelProto, rng: random.Random) -> None:
    if model.graph.initializer:
        _change_tensor(rng.choice(model.graph.initializer), rng)


def _version(model: onnx.ModelProto, rng: random.Random) -> None:
    if model.opset_import:
        model.opset_import[0].version = rng.choice((6, 7, 9, 10, 11, 12, 13, 17, 18, 21, 22, 25, -1))


def _change_tensor(tensor: onnx.TensorProto, rng: random.Random) -> None:
    if tensor.dims and rng.random() < 0.5:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(NUMBERS)
    elif rng.random() < 0.2:
        tensor.data_type = rng.randrange(25)
    elif tensor.raw_data:
        tensor.raw_data = _flipped(tensor.raw_data, rng)
    elif tensor.int64_data:
        tensor.int64_data[rng.randrange(len(tensor.int64_data))] = rng.choice(NUMBERS)
    elif tensor.float_data:
        tensor.float_data[rng.randrange(len(tensor.float_data))] = rng.choice(REALS)


def archive(content: bytes, rng: random.Random) -> bytes:
    """Change, drop, repeat or rename a file of a zip, with checksums that are right again."""
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        files = [(name, old.read(name)) for name in old.namelist()[:50]]
    if not files:
        return content
    index = rng.randrange(len(files))
    name, inside = files[index]
    what = rng.random()
    if what < 0.8:
        files[index] = (name, _flipped(inside, rng))
    elif what < 0.87:
        del files[index]
    elif what < 0.94:
        files.append((rng.choice(("data.pkl", "a/data.pkl", "", "../x.npy")), inside))
    else:
        files[index] = (name, inside[: rng.randrange(len(inside) + 1)])
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as new:
        for name, inside in files:
            new.writestr(zipfile.ZipInfo(name), inside)
    return stream.getvalue()


def png(content: bytes, rng: random.Random) -> bytes:
    """Change a chunk, with a checksum that is right again; any other image is flipped as bytes."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _flipped(content, rng)
    chunks, place = [], 8
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        chunks.append([content[place + 4 : place + 8], content[place + 8 : place + 8 + length]])
        place += 12 + length
    if chunks:
        chunk = rng.choice(chunks)
        chunk[1] = _flipped(chunk[1], rng)
        if rng.random() < 0.1:
            chunk[0] = rng.choice((b"eXIf", b"tRNS", b"PLTE", b"IDAT", b"IEND", b"acTL", b"fdAT", b"iCCP"))
        if rng.random() < 0.1:
            chunks.insert(rng.randrange(len(chunks) + 1), list(rng.choice(chunks)))
    return content[:8] + b"".join(
        len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
        for kind, data in chunks
    )


def text(content: bytes, rng: random.Random) -> bytes:
    """Exchange the words and numbers of a text file."""
    words = content.split(b" ")
    other = (b"-1", b"0", b"1e400", b"nan", b"true", b"[]", b"[1, 2]", b"'BGR'", b'"centre"', b"{}", b"2")
    words[rng.randrange(len(words))] = rng.choice((*other, *words))
    return b" ".join(words)


def _flipped(content: bytes, rng: random.Random) -> bytes:
    """Overwrite, insert or remove a few bytes, near the beginning rather than the end."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if not changed:
            return bytes([rng.randrange(256)])
        place = rng.randrange(min(len(changed), rng.choice((16, 128, 1024, len(changed)))))
        what = rng.random()
        if what < 0.7:
            changed[place] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif what < 0.85:
            del changed[place : place + rng.choice((1, 2, 8))]
        else:
            changed[place:place] = bytes(rng.randrange(256) for _ in range(rng.choice((1, 2, 8))))
    return bytes(changed)


MUTATORS: Mapping[str, Callable[[bytes, random.Random], bytes]] = {
    "onnx": onnx_model,
    "npz": archive,
    "pt": archive,
    "image": png,
    "description": text,
    "network": text,
    "recipe": text,
}
