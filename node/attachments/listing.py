"""Which files records list: follows the read table of records and writes `attached_listing` beside it.

By `record_view.seq`, which a row gets anew whenever it is projected: so content that comes late, and content that is
erased, comes by here as well, and a rebuild of the read tables has everything listed again. Only kinds that can hold an
`Attached` are looked at; a section's own audience bounds that of the files in it.

What is erased by law takes its files along, unless another record lists them too.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, and_, select

from node.attachments import rows
from node.attachments.files import Files
from node.clock import Clock
from node.domain import KINDS
from node.domain.acts import Attached
from node.domain.audience import AUDIENCES
from node.errors import Malformed, NotFound
from node.store import cursors, erased, logs, payloads
from node.store.db import Store
from node.store.tables import RecordView, table
from node.trusted import Trusted, audiences_for
from node.wire import header as headers
from node.wire import payload as payload_bytes

BATCH = 256
MOST = 200
"""Files of one section that count: a list in a record is for people."""
FACT = "attached_listing"
GENERATION_FACT = "view_generation"
_records = table(RecordView)


def _holds(kind: Any, seen: set[Any]) -> bool:
    """Whether a shape has room for an `Attached` somewhere."""
    cls = getattr(kind, "cls", None)
    if cls is Attached:
        return True
    if cls is not None and id(kind) in seen:
        return False
    seen.add(id(kind))
    parts: list[Any] = [field.type for field in getattr(kind, "fields", ())]
    parts += [getattr(kind, name) for name in ("item_type", "key_type", "value_type") if hasattr(kind, name)]
    parts += list(getattr(kind, "item_types", ())) + list(getattr(kind, "types", ()))
    return any(_holds(part, seen) for part in parts)


HOLDERS: Final[dict[str, tuple[str, ...]]] = {
    name: found
    for name, kind in KINDS.items()
    if (
        found := tuple(
            section
            for section, (shape, _) in kind.sections.items()
            if section not in kind.sealed and _holds(msgspec.inspect.type_info(shape), set())
        )
    )
}
"""Kind -> its open sections that can list files."""


def listed_in(data: bytes) -> list[Attached]:
    """The files that a section's payload lists, in its order. Nothing that is no such list raises anything."""
    try:
        plain = payload_bytes.decode(data)
    except Malformed:
        return []
    return list(_walk(plain))[:MOST]


def _walk(value: Any) -> Iterator[Attached]:
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "attachments" and isinstance(item, list):
                for each in item:
                    try:
                        found = msgspec.convert(each, Attached)
                    except msgspec.ValidationError:
                        continue
                    if _is_sound(found):
                        yield found
            else:
                yield from _walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item)


def _is_sound(each: Attached) -> bool:
    hexes = len(each.sha256) == 64 and not each.sha256.strip("0123456789abcdef")
    return hexes and 0 < each.size < 2**50 and len(each.name) <= 400 and "\x00" not in each.name + each.media_type


def narrower(one: str, other: str) -> str:
    """The audience that may read both; what is not known is nobody's but the origin's.

    >>> narrower("public", "shared"), narrower("restricted", "new")
    ('shared', 'local')
    """
    places = [AUDIENCES.index(each) if each in AUDIENCES else len(AUDIENCES) - 1 for each in (one, other)]
    return AUDIENCES[max(places)]


class Lister:
    """Keeps the listings level with the read tables. Running it again is harmless."""

    def __init__(self, store: Store, files: Files, trusted: Trusted, clock: Clock) -> None:
        self._store = store
        self._files = files
        self._trusted = trusted
        self._clock = clock

    async def run(self) -> int:
        """List what is new; gives how many entries were looked at."""
        try:
            _ = self._trusted.policy
        except NotFound:
            return 0
        moved = 0
        while await self._store.read(_has_work) and (done := await self._store.write(self._step)):
            moved += done
        return moved

    def _step(self, conn: Connection) -> int:
        generation, after = _place(conn)
        new = _new(conn, after)
        gone: set[str] = set()
        for row in new:
            gone |= self._list(conn, row.log_id, row.idx, row.record_id, row.kind)
        # Inside the transaction: if the process dies here, the cursor has not moved and all of it is done again.
        for sha256 in rows.unlisted(conn, gone):
            self._files.shelf.drop(sha256)
            rows.forget(conn, sha256)
        if new:
            cursors.set_fact(conn, FACT, f"{generation}:{new[-1].seq}")
        return len(new)

    def _list(self, conn: Connection, log_id: int, index: int, record_id: bytes, kind: str) -> set[str]:
        """List the files of one entry; gives those that it lists no longer because they are erased."""
        state = logs.by_id(conn, log_id)
        node = self._trusted.policy.node_of_origin(state.origin) or ""
        mine = audiences_for(self._trusted, self._trusted.me, state.origin)
        header = headers.parse(logs.entry(conn, log_id, index))
        found = []
        for name in HOLDERS.get(kind, ()):
            section, held = header.section(name), payloads.get(conn, log_id, index, name)
            if section is None or held is None or section.size_class:
                continue
            for n, each in enumerate(listed_in(held[1])):
                audience = narrower(section.audience, each.audience)
                found.append(
                    {
                        "log_id": log_id,
                        "idx": index,
                        "section": name,
                        "n": n,
                        "record_id": record_id,
                        "kind": kind,
                        "sha256": each.sha256,
                        "name": each.name,
                        "size": each.size,
                        "media_type": each.media_type,
                        "audience": audience,
                    }
                )
                if node and audience in mine:
                    rows.want(conn, each, node, self._clock())
        gone = rows.relist(conn, log_id, index, found)
        return gone if erased.of_entry(conn, log_id, index) else set()


def _place(conn: Connection) -> tuple[str, int]:
    """(generation of the read tables, last `seq` that was looked at)."""
    generation = cursors.fact(conn, GENERATION_FACT) or ""
    known, _, after = (cursors.fact(conn, FACT) or "").rpartition(":")
    return generation, int(after) if after and known == generation else 0


def _new(conn: Connection, after: int, limit: int = BATCH) -> list[Any]:
    columns = (_records.c.log_id, _records.c.idx, _records.c.record_id, _records.c.kind, _records.c.seq)
    found: list[Any] = []
    # Kind by kind, each a step into its index: a million records of other kinds are not walked over.
    for kind in HOLDERS:
        which = and_(_records.c.kind == kind, _records.c.seq > after)
        found += conn.execute(select(*columns).where(which).order_by(_records.c.seq).limit(limit))
    return sorted(found, key=lambda row: int(row.seq))[:limit]


def _has_work(conn: Connection) -> bool:
    return bool(_new(conn, _place(conn)[1], 1))


async def sweep(files: Files, keep_ms: int) -> int:
    """Drop files that came long ago and that no record lists; gives how many."""
    work = partial(rows.stale, before_ms=files.clock() - keep_ms)
    old = await files.store.read(work)

    def drop(conn: Connection) -> int:
        for sha256 in (doomed := rows.unlisted(conn, old)):
            files.shelf.drop(sha256)
            rows.forget(conn, sha256)
        return len(doomed)

    return await files.store.write(drop) if old else 0
