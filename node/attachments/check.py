"""Everything that is stored of files, looked at: each is read whole and held against its hash."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from node.attachments import rows
from node.attachments.files import Files
from node.attachments.rows import HELD, StoredFile
from node.domain import filetypes
from node.trusted import Trusted


@dataclass(frozen=True, slots=True)
class FileFinding:
    """`fault` is damaged, lost, unknown (on the disk, in no row) or missing (listed, not here yet)."""

    fault: str
    sha256: str
    detail: str

    @property
    def grave(self) -> bool:
        return self.fault in ("damaged", "lost")


async def check(
    files: Files,
    trusted: Trusted,
    *,
    repair: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[FileFinding]:
    """Look at every file; with `repair` what is damaged or lost is waited for again, and what is unknown is noted."""
    found: list[FileFinding] = []
    known: set[str] = set()
    after, total = "", (await files.store.read(rows.counts))[0]
    while batch := await files.store.read(partial(rows.all_files, after=after)):
        after = batch[-1].sha256
        for each in batch:
            known.add(each.sha256)
            if each.state != HELD:
                continue
            why = await asyncio.to_thread(files.shelf.judge, each.sha256, each.size)
            progress(len(known), total)
            if why:
                found.append(FileFinding("lost" if why == "not on the disk" else "damaged", each.sha256, why))
                if repair:
                    await _again(files, trusted, each)
    for sha256 in await asyncio.to_thread(lambda: list(files.shelf.held())):
        if sha256 not in known:
            found.append(FileFinding("unknown", sha256, "on the disk, and no row knows of it"))
            if repair:
                await _take_up(files, sha256)
    for waited in await files.store.read(partial(rows.missing, limit=1000)):
        found.append(FileFinding("missing", waited.sha256, waited.error or f"waited for, listed by {waited.node}"))
    return found


async def _again(files: Files, trusted: Trusted, each: StoredFile) -> None:
    """Forget content that is not what it was, and wait for it from whoever has it."""

    def work(conn: Connection) -> None:
        files.shelf.drop(each.sha256)
        rows.forget(conn, each.sha256)
        _want(conn, trusted, each.sha256, files.clock())

    await files.store.write(work)


def _want(conn: Connection, trusted: Trusted, sha256: str, now_ms: int) -> None:
    for listed in rows.listed(conn, sha256):
        if node := trusted.policy.node_of_origin(listed.origin):
            rows.want(conn, listed.attached, node, now_ms)


async def _take_up(files: Files, sha256: str) -> None:
    """Note content that a crash left without a row; what is not what its name says is dropped."""
    size = await asyncio.to_thread(lambda: files.shelf.path(sha256).stat().st_size)
    if await asyncio.to_thread(files.shelf.judge, sha256, size):
        await asyncio.to_thread(files.shelf.drop, sha256)
        return
    listed = await files.store.read(partial(rows.listed, sha256=sha256))
    media_type = listed[0].attached.media_type if listed else filetypes.OCTETS
    # Of no node: that it lies here does not say whose it was, and a listing counts by that.
    note = partial(rows.put, sha256=sha256, size=size, media_type=media_type, node="")
    await files.store.write(partial(note, now_ms=files.clock()))
