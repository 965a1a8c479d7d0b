"""Files taken in: judged, scanned, kept under their hash, and only then noted in the database.

The order is what makes a crash harmless: bytes durable, name by hash, row. Between the last two the file is there and
nobody knows of it; whoever brings it again, or `ggzy files check --repair`, finds it whole.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import Connection

from node.attachments import rows
from node.attachments.rows import HELD, StoredFile
from node.attachments.scan import Scanner
from node.attachments.shelf import PIECE, Shelf
from node.clock import Clock
from node.domain import filetypes
from node.domain.acts import Attached
from node.domain.audience import AUDIENCES
from node.errors import BadProof, Malformed, Refused, Rejected, TooLarge
from node.settings import Settings
from node.store.db import Store

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Coming:
    """A file on its way in, as its sender describes it: `sha256` is empty where only the bytes will tell.

    `node` is whose it is, `by` the account that brings it to this node, empty for a transfer between nodes.
    """

    name: str
    claimed: str
    size: int
    node: str
    by: str = ""
    sha256: str = ""


class Files:
    """The files of one node."""

    def __init__(self, settings: Settings, store: Store, clock: Clock) -> None:
        self.shelf = Shelf(settings.attachments, keep_free_bytes=settings.attachment_keep_free_bytes)
        self.max_bytes = settings.max_attachment_bytes
        self._types = frozenset(settings.attachment_types or filetypes.TYPES)
        self._scanner = Scanner(settings.attachment_scan_command, settings.attachment_scan_timeout_s)
        self._me = settings.name
        self.store, self.clock = store, clock

    def require_size(self, size: int) -> None:
        """Raise for what is no size of a file that this node takes."""
        if size <= 0:
            raise Malformed("the file is empty", zh="文件是空的", field="file")
        if size > self.max_bytes:
            raise TooLarge(
                f"a file of {size} bytes; this node takes {self.max_bytes}",
                zh=f"文件超过本节点上限 {self.max_bytes >> 20} MiB",
                field="file",
                advice_zh="请拆分文件，或由管理员调整 max_attachment_bytes。",
                advice_en="Split the file, or have max_attachment_bytes raised.",
            )

    async def put(
        self, name: str, body: AsyncIterator[bytes], *, by: str, claimed: str = "", audience: str = "public"
    ) -> Attached:
        """Take in a file that a person of this node brings in one piece; gives what a record lists.

        Raises Malformed, Refused, TooLarge, DiskFull, and Unavailable when it cannot be scanned now.
        """
        name, audience = filetypes.clean_name(name), require_audience(audience)
        piece, size = f"put-{secrets.token_hex(16)}", 0
        try:
            async for data in _pieces(body):
                self.require_size(size + len(data))
                size = await asyncio.to_thread(self.shelf.append, piece, size, data)
            self.require_size(size)
            stored = await self.finish(piece, Coming(name, claimed, size, self._me, by))
        finally:
            await asyncio.to_thread(self.shelf.discard, piece)
        return Attached(name, stored.sha256, stored.size, stored.media_type, audience)

    async def uploaded(self, sha256: str, name: str, audience: str = "public") -> Attached:
        """What a record lists of a file that was uploaded here before. Raises Malformed, Rejected where it was not."""
        name, audience = filetypes.clean_name(name), require_audience(audience)

        def work(conn: Connection) -> Attached:
            found = rows.find(conn, sha256)
            held = found is not None and found.state == HELD
            attached = Attached(name, sha256, found.size, found.media_type, audience) if found and held else None
            self.require(conn, [attached or Attached(name, sha256, 0, "", audience)])
            assert attached is not None
            return attached

        return await self.store.read(work)

    async def finish(self, piece: str, coming: Coming) -> StoredFile:
        """Keep a whole piece. What is brought again is judged again, and changes nothing.

        Raises:
            BadProof: the bytes are not those of `coming.sha256`; the piece is discarded.
            Refused: it is of no type that is taken in, or the scan refused it; then quarantine has it.
            Unavailable: it could not be scanned; the piece stays.
        """
        with self.shelf.hold(piece):
            sha256 = await asyncio.to_thread(self.shelf.digest, piece)
            if coming.sha256 and sha256 != coming.sha256:
                await asyncio.to_thread(self.shelf.discard, piece)
                raise BadProof(
                    "the bytes are not those of the hash that was stated", zh="文件内容与所列摘要不符", field="file"
                )
            try:
                media_type = await asyncio.to_thread(self._judge, self.shelf.piece(piece), coming)
                reason = await self._scanner.judge(self.shelf.piece(piece))
            except Refused as refused:
                if coming.by:
                    await asyncio.to_thread(self.shelf.discard, piece)
                    raise
                before = await self.store.read(partial(rows.find, sha256=sha256))
                if before is not None and before.state == rows.HELD:
                    # Held under a name that is taken in: what others call it changes nothing about it.
                    await asyncio.to_thread(self.shelf.discard, piece)
                    tried = partial(rows.note_try, sha256=sha256, node=coming.node)
                    await self.store.write(partial(tried, next_ms=2**53, error=f"refused: {refused.detail}"))
                    raise
                # Another node has taken it in: that it is not here has to be seen, and why.
                media_type, reason = coming.claimed, refused.detail
            note = partial(rows.put, sha256=sha256, size=coming.size, media_type=media_type, node=coming.node)
            note = partial(note, now_ms=self.clock(), uploaded_by=coming.by)
            if reason:
                await asyncio.to_thread(self.shelf.put_aside, piece, sha256)
                await self.store.write(partial(note, state=rows.QUARANTINED, reason=reason))
                _log.warning("attachment_quarantined", sha256=sha256, reason=reason, by=coming.by or coming.node)
                raise _infected(reason)
            await asyncio.to_thread(self.shelf.keep, piece, sha256)
            await self.store.write(note)
        found = await self.store.read(partial(rows.find, sha256=sha256))
        assert found is not None
        return found

    def _judge(self, path: Path, coming: Coming) -> str:
        with path.open("rb") as file:
            head = file.read(filetypes.HEAD_BYTES)
            media_type = filetypes.judge(coming.name, coming.claimed, head)
            if media_type == "image/svg+xml":
                if coming.size > filetypes.MAX_SVG_BYTES:
                    raise Refused("an SVG drawing of more than 4 MiB", zh="SVG 图形超过 4 MiB", field="file")
                filetypes.judge_svg(head + file.read())
        if coming.by and media_type not in self._types:
            raise Refused(
                f"{media_type} is not among the types that this node takes in",
                zh=f"本节点不接收 {media_type} 类型的文件",
                field="file",
                advice_zh="请转为 PDF 等常用格式，或由管理员调整 attachment_types。",
                advice_en="Turn it into a PDF or the like, or have attachment_types changed.",
            )
        return media_type

    async def adopt(self, each: Attached, node: str) -> bool:
        """Note content that lies on the disk although no row says so: a crash came between the two."""
        if not await asyncio.to_thread(self.shelf.has, each.sha256, each.size):
            return False
        if await asyncio.to_thread(self.shelf.judge, each.sha256, each.size):
            return False
        note = partial(rows.put, sha256=each.sha256, size=each.size, media_type=each.media_type, node=node)
        await self.store.write(partial(note, now_ms=self.clock()))
        return True

    def require(self, conn: Connection, listed: Iterable[Attached]) -> None:
        """Raise Rejected unless this node may list these files in a record of its own: it has them, and got them here.

        Whoever publishes a record with attachments calls this first: a list by hash must not hand out another's file.
        """
        for each in listed:
            found = rows.find(conn, each.sha256)
            if found is None or found.state != HELD or not rows.was_had_by(conn, each.sha256, self._me):
                raise Rejected(
                    f"attachment {each.name}: not uploaded to this node",
                    zh=f"附件“{each.name}”尚未上传到本节点",
                    field="attachments",
                    advice_zh="请先上传该附件，再发布。",
                    advice_en="Upload the attachment first, then publish.",
                )
            if (found.size, found.media_type) != (each.size, each.media_type):
                raise Rejected(
                    f"attachment {each.name}: size or type is not that of the file",
                    zh=f"附件“{each.name}”的大小或类型与文件不符",
                    field="attachments",
                )
            require_audience(each.audience)


def require_audience(audience: str) -> str:
    if audience not in AUDIENCES:
        raise Malformed(f"no audience {audience}", zh="公开范围不正确", field="audience")
    return audience


def _infected(reason: str) -> Refused:
    return Refused(
        f"the scan refused the file: {reason}",
        zh=f"文件未通过安全检查：{reason}",
        field="file",
        advice_zh="文件已隔离，未被接收。请清除后重新上传；如系误报请联系管理员。",
        advice_en="It is in quarantine. Clean it and upload it again; tell the administrator if this is an error.",
    )


async def _pieces(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of a megabyte: each is made durable, and that costs."""
    held = bytearray()
    async for data in body:
        held += data
        while len(held) >= PIECE:
            yield bytes(held[:PIECE])
            del held[:PIECE]
    if held:
        yield bytes(held)
