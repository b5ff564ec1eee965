from __future__ import annotations

import errno
import os
import stat

import pytest

from convscope.errors import FileError
from convscope.files import atomic_path, check_writable, write_bytes, write_text


def only_file(folder):
    return [path.name for path in folder.iterdir()]


def test_a_file_is_replaced_whole(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")
    write_text(target, "né")
    assert target.read_bytes() == "né".encode()
    assert only_file(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("trouble", [RuntimeError, KeyboardInterrupt, MemoryError])
def test_whatever_goes_wrong_the_old_file_stays_and_nothing_else_is_left(tmp_path, trouble):
    target = tmp_path / "a.txt"
    write_text(target, "old")

    def write_half():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise trouble

    with pytest.raises(trouble):
        write_half()
    assert target.read_text() == "old"
    assert only_file(tmp_path) == ["a.txt"]


def test_a_full_disk_is_one_clear_error_and_loses_nothing(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with (
        pytest.raises(FileError, match=r"^cannot write .*a\.txt: no space left on device\.$"),
        atomic_path(target),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert target.read_text() == "old"
    assert only_file(tmp_path) == ["a.txt"]


def test_places_that_cannot_be_written_are_refused(tmp_path):
    with pytest.raises(FileError, match="no such file or directory"):
        write_bytes(tmp_path / "missing" / "a.txt", b"")
    with pytest.raises(FileError, match="it is a folder"):
        write_bytes(tmp_path, b"")


def test_the_file_has_the_usual_rights(tmp_path):
    (tmp_path / "usual").touch()
    write_bytes(tmp_path / "ours", b"")
    rights = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("usual", "ours")}
    assert len(rights) == 1


def test_a_path_that_cannot_be_written_is_refused_beforehand(tmp_path):
    check_writable(tmp_path / "new.txt")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old.txt").write_text("old")
    check_writable(tmp_path / "old.txt")
    assert (tmp_path / "old.txt").read_text() == "old"
    for path, words in [
        (tmp_path, "it is a folder"),
        (tmp_path / "absent" / "x.txt", "no such file or directory"),
        (tmp_path / "old.txt" / "x.txt", "not a directory"),
        (tmp_path / ("x" * 300), "file name too long"),
    ]:
        with pytest.raises(FileError, match=words):
            check_writable(path)
