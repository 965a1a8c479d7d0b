"""Resumable uploads: begun, continued where they stopped, finished; each belongs to who began it.

What was kept is the length of a piece on the disk, so no number can be out of step with the bytes. Begun uploads are
bounded in number and in bytes, and are gone a while after the last byte came.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, and_, delete, func, insert, select, update

from node.attachments.files import Coming, Files, require_audience
from node.attachments.rows import uploads
from node.attachments.shelf import PIECE
from node.domain import filetypes
from node.domain.acts import Attached
from node.errors import Conflict, Malformed, NotFound, Overloaded, TooLarge
from node.settings import Settings

SLACK_S = 3600
"""A piece without a row is left alone for so long: its upload may just be beginning."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that was begun: `offset` bytes of `size` are kept."""

    id: str
    owner: str
    name: str
    media_type: str
    audience: str
    size: int
    sha256: str
    touched_ms: int
    offset: int = 0


class Uploads:
    """The uploads to one node. An owner is an account; another's upload is as if it were not there."""

    def __init__(self, settings: Settings, files: Files) -> None:
        self._files = files
        self._me = settings.name
        self._most = settings.max_attachment_uploads
        self._most_bytes = settings.max_attachment_upload_bytes
        self._keep_ms = int(settings.attachment_upload_s * 1000)

    async def begin(
        self, owner: str, name: str, size: int, *, claimed: str = "", audience: str = "public", sha256: str = ""
    ) -> Upload:
        """Raises Malformed, TooLarge, DiskFull; Overloaded when too much is begun already."""
        self._files.require_size(size)
        name, audience = filetypes.clean_name(name), require_audience(audience)
        if sha256:
            self._files.shelf.path(sha256)
        upload = Upload(secrets.token_hex(16), owner, name, claimed, audience, size, sha256, self._files.clock())
        await asyncio.to_thread(self._files.shelf.require_room, size)
        await self._files.store.write(partial(self._begin, upload=upload))
        return upload

    def _begin(self, conn: Connection, upload: Upload) -> None:
        mine = conn.execute(select(func.count()).where(uploads.c.owner == upload.owner)).scalar_one()
        if mine >= self._most:
            raise _too_many(f"{self._most} uploads of yours are under way", "您未完成的上传过多")
        begun = conn.execute(select(func.coalesce(func.sum(uploads.c.size), 0))).scalar_one()
        if int(begun) + upload.size > self._most_bytes:
            raise _too_many("the uploads that are under way are as much as this node takes", "本节点未完成的上传过多")
        row = {column.name: getattr(upload, column.name) for column in uploads.c}
        conn.execute(insert(uploads).values(**row))

    async def get(self, owner: str, upload_id: str) -> Upload:
        """Where an upload stands. Raises NotFound, also for another's."""

        def work(conn: Connection) -> Upload:
            row = conn.execute(select(uploads).where(and_(uploads.c.id == upload_id, uploads.c.owner == owner))).first()
            if row is None:
                raise NotFound(
                    "no such upload, or it has expired",
                    zh="没有这个上传，或已过期",
                    advice_zh="请重新上传。",
                    advice_en="Begin the upload again.",
                )
            values = {column.name: row._mapping[column.name] for column in uploads.c}
            return Upload(**values)

        found = await self._files.store.read(work)
        return _at(found, await asyncio.to_thread(self._files.shelf.length, upload_id))

    async def append(self, upload: Upload, at: int, body: AsyncIterator[bytes]) -> Upload:
        """Bytes that begin at `at`: those that arrive are kept, even when the rest does not.

        Raises Conflict with the length that is kept; TooLarge beyond the size that was stated.
        """
        held, offset = bytearray(), at
        if at != upload.offset:
            raise Conflict("the bytes do not follow what was kept", size=upload.offset)
        try:
            async for data in body:
                held += data
                if offset + len(held) > upload.size:
                    raise TooLarge("more bytes than the size that was stated", zh="超过声明的文件大小", field="size")
                if len(held) >= PIECE:
                    offset, held = await self._keep(upload, offset, bytes(held)), bytearray()
        finally:
            if held and offset + len(held) <= upload.size:
                offset = await asyncio.shield(self._keep(upload, offset, bytes(held)))
        return _at(upload, offset)

    async def _keep(self, upload: Upload, at: int, data: bytes) -> int:
        offset = await asyncio.to_thread(self._files.shelf.append, upload.id, at, data)
        touch = update(uploads).where(uploads.c.id == upload.id).values(touched_ms=self._files.clock())
        await self._files.store.write(lambda conn: conn.execute(touch))
        return offset

    async def finish(self, upload: Upload) -> Attached:
        """Judge, scan and keep a whole upload; gives what a record lists. See `Files.finish`."""
        if upload.offset != upload.size:
            raise Malformed(f"{upload.offset} bytes of {upload.size} have come", zh="文件尚未传完", field="size")
        coming = Coming(upload.name, upload.media_type, upload.size, self._me, upload.owner, upload.sha256)
        try:
            stored = await self._files.finish(upload.id, coming)
        except NotFound:
            raise
        except Exception:
            # What was refused is gone from `incoming`; what could not be scanned waits there for another try.
            if not await asyncio.to_thread(self._files.shelf.length, upload.id):
                await self.cancel(upload)
            raise
        await self.cancel(upload)
        return Attached(upload.name, stored.sha256, stored.size, stored.media_type, upload.audience)

    async def cancel(self, upload: Upload) -> None:
        """Forget an upload and its bytes so far."""
        await self._files.store.write(lambda conn: conn.execute(delete(uploads).where(uploads.c.id == upload.id)))
        await asyncio.to_thread(self._files.shelf.discard, upload.id)

    async def tidy(self) -> int:
        """Forget uploads to which nothing has come for too long, and pieces that belong to none; gives how many."""
        before_ms = self._files.clock() - self._keep_ms

        def work(conn: Connection) -> tuple[list[str], set[str]]:
            old = list(conn.execute(select(uploads.c.id).where(uploads.c.touched_ms < before_ms)).scalars())
            conn.execute(delete(uploads).where(uploads.c.id.in_(old)))
            return old, set(conn.execute(select(uploads.c.id)).scalars())

        old, left = await self._files.store.write(work)
        shelf, now_s = self._files.shelf, self._files.clock() // 1000
        pieces = await asyncio.to_thread(shelf.pieces)
        # Transfers between nodes bear a hash in their names; those are the carrier's and end by themselves.
        late_s = max(SLACK_S, self._keep_ms // 1000)
        lost = [name for name, at_s in pieces.items() if name not in left and at_s < now_s - late_s]
        for name in [*old, *lost]:
            await asyncio.to_thread(shelf.discard, name)
        return len(old) + len(lost)


def _at(upload: Upload, offset: int) -> Upload:
    return Upload(
        upload.id,
        upload.owner,
        upload.name,
        upload.media_type,
        upload.audience,
        upload.size,
        upload.sha256,
        upload.touched_ms,
        offset,
    )


def _too_many(en: str, zh: str) -> Overloaded:
    error = Overloaded(en, retry_after_s=60)
    error.zh, error.advice_zh = zh, "请先完成或取消未完成的上传，再试。"
    error.advice_en = "Finish or cancel uploads that are under way, then try again."
    return error
