"""Parts on a medium: their size, their order, and what is left when writing is broken off."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import NotFound, Refused, TooLarge
from node.sync import bundle_files
from node.sync.bundle_files import BundleWriter, describe, find_files, new_set_id, reading
from node.sync.bundle_report import MAX_TOLD, FileTally, ImportReport, SetTally
from node.wire.bundle import Fault, Frame, HeadFrame, NoteFrame, PartFrame, Unknown

KIB = 1 << 10


def part(made_ms: int = 1, set_id: bytes | None = None) -> PartFrame:
    return PartFrame("f", "a/sender", "b/addressee", made_ms, set_id or new_set_id(), 1)


def frames_of(path: Path) -> tuple[int, list[Frame | Unknown]]:
    found: list[Frame | Unknown] = []
    summary = describe(path, found.append)
    assert summary.whole and not summary.faults
    return summary.count or 0, found


@given(st.lists(st.integers(0, 3 * KIB), max_size=30))
def test_parts_stay_below_their_size_and_lose_nothing(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    directory = tmp_path_factory.mktemp("parts")
    written: list[Frame] = [NoteFrame(os.urandom(size)) for size in sizes]
    with BundleWriter(directory, "x", part(), 4 * KIB) as writer:
        for frame in written:
            writer.write(frame)
        files = writer.finish()
    assert all(file.stat().st_size <= 4 * KIB for file in files)
    read: list[Frame | Unknown] = []
    for found, file in zip(find_files([directory]), files, strict=True):
        count, frames = frames_of(found.path)
        assert count == len(files) and found.path == file
        read += frames
    assert read == written


def test_what_is_read_first_stands_in_every_part_unless_it_is_large(tmp_path: Path) -> None:
    head, large = HeadFrame(b"head", []), NoteFrame(b"L" * 2 * KIB)
    with BundleWriter(tmp_path, "x", part(), 4 * KIB) as writer:
        writer.write(head)
        writer.repeat("head", head)
        writer.repeat("large", large)
        for _ in range(3):
            writer.write(NoteFrame(b"n" * 3 * KIB))
        writer.repeat("head", None)
        writer.write(NoteFrame(b"m" * 3 * KIB))
        files = writer.finish()
    starts = [frames_of(file)[1][0] for file in files]
    assert starts == [head, head, head, NoteFrame(b"m" * 3 * KIB)]


def test_a_piece_that_fits_no_part_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TooLarge) as caught, BundleWriter(tmp_path, "x", part(), 4 * KIB) as writer:
        writer.write(NoteFrame(b"x" * 5 * KIB))
    assert "--max-size" in caught.value.advice_zh
    assert not list(tmp_path.iterdir())


def test_a_pulled_stick_leaves_nothing_that_looks_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(handle: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(bundle_files.os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output"), BundleWriter(tmp_path, "x", part(), 4 * KIB) as writer:
        for _ in range(4):
            writer.write(NoteFrame(b"x" * 3 * KIB))
        assert all(file.name.startswith(".") for file in tmp_path.iterdir())
        writer.finish()
    assert not list(tmp_path.iterdir())


def test_files_are_read_in_the_order_of_their_making(tmp_path: Path) -> None:
    for stem, made_ms in (("b-old", 1), ("a-new", 2)):
        with BundleWriter(tmp_path, stem, part(made_ms), 4 * KIB) as writer:
            for _ in range(2):
                writer.write(NoteFrame(b"x" * 3 * KIB))
            writer.finish()
    (tmp_path / "._b-old-001.ggzy-bundle").write_bytes(b"what another system leaves beside a file")
    (tmp_path / "z.ggzy-bundle").write_bytes(b"junk")
    (tmp_path / "readme.txt").write_bytes(b"not looked at")
    named = [tmp_path, tmp_path / "a-new-001.ggzy-bundle"]
    found = find_files(named)
    assert [file.path.name for file in found] == [
        "b-old-001.ggzy-bundle",
        "b-old-002.ggzy-bundle",
        "a-new-001.ggzy-bundle",
        "a-new-002.ggzy-bundle",
        "z.ggzy-bundle",
    ]
    assert found[-1].fault is not None
    with pytest.raises(NotFound):
        find_files([tmp_path / "b-old-001.ggzy-bundle" / ".."][:0])


def test_progress_counts_every_byte_that_is_read(tmp_path: Path) -> None:
    with BundleWriter(tmp_path, "x", part(), 4 * KIB) as writer:
        writer.write(NoteFrame(b"note"))
        (file,) = writer.finish()
    seen: list[int] = []
    with reading(file, seen.append) as reader:
        assert [item for item in reader.frames() if isinstance(item, Fault)] == []
    assert sum(seen) == file.stat().st_size


def test_a_report_stays_small_whatever_a_file_holds() -> None:
    report, file = ImportReport(), FileTally("x")
    for number in range(500):
        report.refuse("", Refused(f"reason {number}"))
        file.note_fault(number, "fault")
        file.note_unknown(f"kind-{number}")
    assert len(report.general.refused) == MAX_TOLD + 1
    assert sum(report.general.refused.values()) == 500 == sum(file.unknown.values())
    assert len(file.faults) == MAX_TOLD


def test_absent_parts_are_those_between_and_up_to_what_is_known() -> None:
    assert SetTally("a", 1, 0, {2, 4}).absent() == [1, 3]
    assert SetTally("a", 1, 5, {1, 2, 3}).absent() == [4, 5]
    assert SetTally("a", 1, 2, {1, 2}).absent() == []
