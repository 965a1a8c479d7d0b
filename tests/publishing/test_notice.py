"""What another process of this node has published is noticed at once, and what this one has is no news to it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from node.keyring import SignedMark
from node.publishing import notice
from node.publishing.notice import Notice


async def test_another_process_is_noticed(tmp_path: Path) -> None:
    heard = asyncio.Event()
    mine, other = SignedMark(tmp_path, 1), SignedMark(tmp_path, 1)
    mine.note(3)
    ear = Notice(mine, heard.set)
    assert ear.open()
    try:
        other.note(4)
        async with asyncio.timeout(30):
            await heard.wait()
        heard.clear()
        mine.note(5)
        (tmp_path / "log-1.key").write_text("another file beside it")
        other.note(6)
        async with asyncio.timeout(30):
            await heard.wait()
    finally:
        ear.close()
    ear.close()


async def test_what_this_process_published_is_no_news(tmp_path: Path) -> None:
    heard: list[int] = []
    mine = SignedMark(tmp_path, 1)
    ear = Notice(mine, lambda: heard.append(mine.read()))
    assert ear.open()
    try:
        for size in (1, 2, 3):
            mine.note(size)
            ear._read()
        assert heard == []
        SignedMark(tmp_path, 1).note(4)
        ear._read()
        ear._read()
        assert heard == [4], "told of once"
    finally:
        ear.close()


async def test_a_machine_without_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(directory: str) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(notice, "_watch", without)
    ear = Notice(SignedMark(tmp_path, 1), lambda: None)
    assert not ear.open()
    ear.close()


async def test_a_directory_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    ear = Notice(SignedMark(tmp_path / "gone", 1), lambda: None)
    assert not ear.open()
