"""Reading the arrays out of a PyTorch file without running what is in it.

A .pt or .pth file is a pickle: a small program that builds objects and may call anything. Nothing of it
is called here. Its instructions are read one by one; what stands for arrays (an ordered dictionary, a
rebuilt tensor, a storage) becomes plain records, and everything else is refused by name.
"""

from __future__ import annotations

import io
import math
import pickletools
import sys
from dataclasses import dataclass
from typing import Any

from convscope.errors import ConvscopeError

__all__ = ["CannotUnpickle", "Record", "Storage", "read_pickle"]

# torch's storage classes and what their values are called in NumPy; bfloat16 is handled by the caller
STORAGES = {
    "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": "bf16",
    "LongStorage": "i8", "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1",
    "BoolStorage": "?",
}  # fmt: skip
_ORDERED_DICT = "collections.OrderedDict"
_REBUILDS = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor")
_PARAMETER = "torch._utils._rebuild_parameter"
_MOST_DEPTH = 100


class CannotUnpickle(ConvscopeError):
    """A pickle with something else than arrays in it; the reader adds the file."""


@dataclass(frozen=True)
class Storage:
    """A place of values in the file: the type, its key, how many."""

    dtype: str
    key: str
    count: int


@dataclass(frozen=True)
class Record:
    """A tensor: a view of a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class _Name:
    """Something that the pickle wants to call."""

    text: str


_MARK = object()


def read_pickle(content: bytes) -> tuple[Any, int]:
    """Give what a pickle builds, tensors as `Record`s, and where it ends.

    Raises
    ------
    CannotUnpickle
        If it is none, or wants anything else than dictionaries, lists, numbers, text and tensors.

    Examples
    --------
    >>> import pickle
    >>> read_pickle(pickle.dumps({"epoch": 3}))[0]
    {'epoch': 3}
    >>> read_pickle(pickle.dumps(print))
    Traceback (most recent call last):
    ...
    convscope.formats.pickles.CannotUnpickle: it wants to use builtins.print, and no code is run
    """
    machine = _Machine()
    stream = io.BytesIO(content)
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            if opcode.name == "STOP":
                return machine.pop(), stream.tell()
            machine.step(opcode.name, argument)
    except CannotUnpickle:
        raise
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, MemoryError, RecursionError) as error:
        raise CannotUnpickle(f"the pickle is broken: {str(error) or type(error).__name__}") from error
    raise CannotUnpickle("the pickle has no end")


class _Machine:
    """The stack and the memory of a pickle, with plain values in them."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise ValueError("the stack is empty")
        return self.stack.pop()

    def step(self, name: str, argument: Any) -> None:
        if name in _IGNORED:
            return
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _MAKERS:
            self.stack.append(_MAKERS[name]())
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memory[argument] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memory[argument])
        else:
            handler = getattr(self, f"_{name.lower()}", None)
            if handler is None:
                raise CannotUnpickle(f"it has the instruction {name}, which plain arrays do not need")
            handler(argument)

    def _memoize(self, argument: Any) -> None:
        self.memory[len(self.memory)] = self.stack[-1]

    def _mark(self, argument: Any) -> None:
        self.stack.append(_MARK)

    def _since_mark(self) -> list[Any]:
        items: list[Any] = []
        while self.stack:
            item = self.stack.pop()
            if item is _MARK:
                return items[::-1]
            items.append(item)
        raise ValueError("there is no mark")

    def _pop(self, argument: Any) -> None:
        self.pop()

    def _tuple(self, argument: Any) -> None:
        self.stack.append(tuple(self._since_mark()))

    def _tuple1(self, argument: Any) -> None:
        self.stack.append((self.pop(),))

    def _tuple2(self, argument: Any) -> None:
        second, first = self.pop(), self.pop()
        self.stack.append((first, second))

    def _tuple3(self, argument: Any) -> None:
        third, second, first = self.pop(), self.pop(), self.pop()
        self.stack.append((first, second, third))

    def _list(self, argument: Any) -> None:
        self.stack.append(self._since_mark())

    def _dict(self, argument: Any) -> None:
        items = self._since_mark()
        self.stack.append(dict(zip(items[::2], items[1::2], strict=True)))

    def _append(self, argument: Any) -> None:
        item = self.pop()
        self._target(list).append(item)

    def _appends(self, argument: Any) -> None:
        items = self._since_mark()
        self._target(list).extend(items)

    def _setitem(self, argument: Any) -> None:
        value, key = self.pop(), self.pop()
        self._target(dict)[key] = value

    def _setitems(self, argument: Any) -> None:
        items = self._since_mark()
        self._target(dict).update(zip(items[::2], items[1::2], strict=True))

    def _target(self, kind: type) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise ValueError(f"a {kind.__name__} is missing")
        return self.stack[-1]

    def _global(self, argument: Any) -> None:
        self._name(str(argument).replace(" ", "."))

    def _stack_global(self, argument: Any) -> None:
        name, module = self.pop(), self.pop()
        self._name(f"{module}.{name}")

    def _name(self, text: str) -> None:
        storage = text.removeprefix("torch.").removeprefix("storage.")
        known = (_ORDERED_DICT, *_REBUILDS, _PARAMETER, "torch.Size", "torch.device")
        if text not in known and not (text.startswith("torch.") and storage in STORAGES):
            raise CannotUnpickle(f"it wants to use {text}, and no code is run")
        self.stack.append(_Name(text))

    def _binpersid(self, argument: Any) -> None:
        found = self.pop()
        if not isinstance(found, tuple) or len(found) < 5 or found[0] != "storage":
            raise CannotUnpickle("it refers to something else than a storage of values")
        kind = found[1].text.rsplit(".", 1)[-1] if isinstance(found[1], _Name) else ""
        if kind not in STORAGES:
            raise CannotUnpickle(f"the storage is of the unknown type {kind!r}")
        self.stack.append(Storage(STORAGES[kind], str(found[2]), _count(found[4])))

    def _reduce(self, argument: Any) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, _Name) or not isinstance(arguments, tuple):
            raise CannotUnpickle("it wants to call something that is no name")
        if function.text == _ORDERED_DICT and arguments == ():
            self.stack.append({})
        elif function.text in _REBUILDS:
            storage, offset, shape, strides = arguments[:4]
            if not isinstance(storage, Storage) or len(shape) != len(strides):
                raise ValueError("a tensor has no storage")
            lengths, steps = tuple(map(_count, shape)), tuple(map(_count, strides))
            self.stack.append(Record(storage, _count(offset), lengths, steps))
        elif function.text == _PARAMETER and arguments and isinstance(arguments[0], Record):
            self.stack.append(arguments[0])
        elif function.text in ("torch.Size", "torch.device"):
            self.stack.append(arguments)
        else:
            raise CannotUnpickle(f"it wants to call {function.text} in a way that plain arrays do not need")

    def _build(self, argument: Any) -> None:
        """An ordered dictionary's attributes (`_metadata`) are of no use here."""
        self.pop()
        self._target(dict)


def _count(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value <= sys.maxsize:
        raise ValueError(f"a length or place is {value!r}")
    return value


def flattened(value: Any, prefix: str = "", depth: int = 0) -> dict[str, Record]:
    """Give the tensors of nested dictionaries and lists by their dotted names."""
    if isinstance(value, Record):
        return {prefix: value}
    if depth > _MOST_DEPTH or not isinstance(value, dict | list | tuple):
        return {}
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found: dict[str, Record] = {}
    for key, item in items:
        found.update(flattened(item, f"{prefix}.{key}" if prefix else str(key), depth + 1))
    return found


def span(record: Record) -> int:
    """How many values of its storage a tensor reaches into."""
    if math.prod(record.shape) == 0:
        return record.offset
    reach = sum((n - 1) * step for n, step in zip(record.shape, record.strides, strict=True))
    return record.offset + reach + 1


_IGNORED = ("PROTO", "FRAME")
_LITERALS = (
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "UNICODE",
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINSTRING",
    "SHORT_BINSTRING", "STRING",
)  # fmt: skip
_MAKERS: dict[str, Any] = {
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
}
