from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from node.attachments import shelf as module
from node.attachments.shelf import Shelf
from node.errors import Conflict, DiskFull, Malformed, NotFound

DATA = b"%PDF-1.7 some bytes"
HASH = sha256(DATA).hexdigest()


def test_content_lies_under_its_hash_and_comes_back(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "files")
    assert shelf.append("piece", 0, DATA[:5]) == 5 and shelf.append("piece", 5, DATA[5:]) == len(DATA)
    shelf.keep("piece", shelf.digest("piece"))
    assert shelf.has(HASH, len(DATA)) and not shelf.has(HASH, 1) and list(shelf.held()) == [HASH]
    assert shelf.path(HASH) == tmp_path / "files" / HASH[:2] / HASH[2:4] / HASH
    with shelf.open(HASH) as file:
        assert file.read() == DATA
    assert shelf.length("piece") == 0 and shelf.pieces() == {}
    shelf.drop(HASH)
    shelf.drop(HASH)
    with pytest.raises(NotFound):
        shelf.open(HASH)


def test_bytes_follow_what_was_kept(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.append("piece", 0, b"abc")
    for at in (0, 2, 4):
        with pytest.raises(Conflict) as caught:
            shelf.append("piece", at, b"x")
        assert caught.value.size == 3


def test_one_piece_has_one_writer(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    with shelf.hold("piece"), pytest.raises(Conflict):
        shelf.append("piece", 0, b"x")
    assert shelf.append("piece", 0, b"x") == 1


@pytest.mark.parametrize("name", ["../x", "a/b", "", "A", "x" * 101, "."])
def test_names_stay_in_their_directory(tmp_path: Path, name: str) -> None:
    shelf = Shelf(tmp_path)
    with pytest.raises(Malformed):
        shelf.append(name, 0, b"x")
    with pytest.raises(Malformed):
        shelf.path(name)


def test_the_bytes_are_durable_before_they_have_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at any call to the system, a hash names whole bytes or nothing."""
    synced: list[str] = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real_fsync(descriptor)

    def replace(self: Path, target: Path) -> Path:
        assert synced and synced[-1] == str(self), "renamed before its bytes were on the disk"
        synced.append(f"rename {target.name}")
        return real_replace(self, target)

    monkeypatch.setattr(module.os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    shelf = Shelf(tmp_path)
    shelf.append("piece", 0, DATA)
    assert synced == [str(tmp_path / "incoming" / "piece")], "nothing is acknowledged before it is durable"
    shelf.keep("piece", HASH)
    parent = shelf.path(HASH).parent
    assert synced[-4:] == [f"rename {HASH}", str(parent), str(parent.parent), str(tmp_path)]


def test_a_full_disk_leaves_what_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf(tmp_path)
    shelf.append("piece", 0, b"abc")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(module.os, "fsync", full)
        with pytest.raises(DiskFull):
            shelf.append("piece", 3, b"def")
    assert shelf.length("piece") == 3 and shelf.append("piece", 3, b"def") == 6
    with pytest.raises(DiskFull):
        Shelf(tmp_path, keep_free_bytes=1 << 60).append("piece", 6, b"x")


def test_the_judge_reads_every_byte(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.append("piece", 0, DATA)
    shelf.keep("piece", HASH)
    assert shelf.judge(HASH, len(DATA)) == ""
    shelf.path(HASH).write_bytes(DATA[:-1] + b"!")
    assert shelf.judge(HASH, len(DATA)) == "its bytes have changed"
    shelf.path(HASH).write_bytes(DATA[:-1])
    assert "bytes instead of" in shelf.judge(HASH, len(DATA))
    shelf.path(HASH).unlink()
    assert shelf.judge(HASH, len(DATA)) == "not on the disk"
