"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from convscope.errors import FileError

__all__ = ["atomic_path", "check_writable", "write_bytes", "write_text"]


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path` that becomes `path` if all goes well.

    An exception, a full disk or an interrupt leaves whatever was at `path`
    before untouched and removes the temporary file.

    Raises
    ------
    FileError
        If the folder does not exist or cannot be written, or the disk is full.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> target = pathlib.Path(tempfile.mkdtemp()) / "note.txt"
    >>> with atomic_path(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    target = Path(path)
    temporary = _temporary(target)
    try:
        yield temporary
        # mkstemp makes files only their owner may read; give the usual rights.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"cannot write {target}: {_reason(error)}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Refuse a path that cannot be written, before the work whose result is to go there.

    Raises
    ------
    FileError
        As `atomic_path`.
    """
    _temporary(Path(path)).unlink()


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` as UTF-8 to `path` whole or not at all."""
    write_bytes(path, text.encode())


def _temporary(target: Path) -> Path:
    """Make an empty file beside the target that may take its name."""
    if os.path.isdir(target):  # unlike Path.is_dir, no error of a name that is too long
        raise FileError(f"cannot write {target}: it is a folder.")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=target.suffix, dir=target.parent)
    except OSError as error:
        raise FileError(f"cannot write {target}: {_reason(error)}.") from error
    os.close(handle)
    return Path(name)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
