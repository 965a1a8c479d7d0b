"""The model of the disk: what a power failure leaves of a file."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.crash.disk import PAGE, Disk, Read


def reader(file: Path) -> Read:
    def read(offset: int, length: int) -> bytes:
        return file.read_bytes()[offset : offset + length]

    return read


def write(disk: Disk, file: Path, offset: int, data: bytes) -> None:
    disk.writes(str(file), offset, len(data), reader(file))
    with file.open("r+b" if file.exists() else "wb") as out:
        out.seek(offset)
        out.write(data)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(b"a" * (2 * PAGE + 100))
    return file


def test_what_was_not_synced_is_gone(old: Path) -> None:
    disk, before = Disk(), old.read_bytes()
    write(disk, old, 10, b"bbb")
    write(disk, old, 3 * PAGE, b"beyond")
    disk.lose(None)
    assert old.read_bytes() == before


def test_what_was_synced_stays(old: Path) -> None:
    disk = Disk()
    write(disk, old, 10, b"bbb")
    disk.synced(str(old))
    write(disk, old, 20, b"ccc")
    disk.lose(None)
    data = old.read_bytes()
    assert data[10:13] == b"bbb" and data[20:23] == b"aaa" and len(data) == 2 * PAGE + 100


def test_a_failed_sync_makes_nothing_safe_and_a_later_one_does_not_mend_it(old: Path) -> None:
    disk, before = Disk(), old.read_bytes()
    write(disk, old, 10, b"bbb")
    disk.sync_failed(str(old))
    disk.synced(str(old))
    disk.lose(None)
    assert old.read_bytes() == before
    write(disk := Disk(), old, 10, b"bbb")
    disk.sync_failed(str(old))
    write(disk, old, 11, b"c")
    disk.synced(str(old))
    disk.lose(None)
    assert old.read_bytes()[10:13] == b"bcb", "written again, the page is held back no more"


def test_a_new_file_is_gone_unless_it_was_synced(tmp_path: Path) -> None:
    disk, new, safe = Disk(), tmp_path / "new", tmp_path / "safe"
    write(disk, new, 0, b"x")
    write(disk, safe, 0, b"x")
    disk.synced(str(safe))
    disk.lose(None)
    assert not new.exists() and safe.read_bytes() == b"x"


def test_a_removed_file_may_come_back(old: Path) -> None:
    disk, before = Disk(), old.read_bytes()
    disk.removes(str(old), durably=False, read=reader(old))
    old.unlink()
    write(disk, old, 0, b"another")
    disk.lose(None)
    assert old.read_bytes() == before
    disk = Disk()
    disk.removes(str(old), durably=True, read=reader(old))
    old.unlink()
    disk.lose(None)
    assert not old.exists()


def test_a_truncated_file_may_be_long_again(old: Path) -> None:
    disk, before = Disk(), old.read_bytes()
    disk.cuts(str(old), PAGE, reader(old))
    with old.open("r+b") as file:
        file.truncate(PAGE)
    disk.lose(None)
    assert old.read_bytes() == before


def test_by_chance_each_page_survives_or_not(old: Path) -> None:
    before, seen = old.read_bytes(), set()
    for seed in range(40):
        disk = Disk()
        old.write_bytes(before)
        write(disk, old, 0, b"b" * (3 * PAGE))
        disk.lose(random.Random(seed))
        data = old.read_bytes()
        assert len(data) in (len(before), 3 * PAGE)
        seen.add((data[:1], data[PAGE : PAGE + 1], data[2 * PAGE : 2 * PAGE + 1]))
    assert len(seen) == 8
