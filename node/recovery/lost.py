"""Records that were published and are in no mirror: written to a file for the operator, and published anew from it.

One JSON object a line: index, kind, record_id, version, key, claimed_ms, `sections` with the content of each section
that is open and held, `without` with the names of the others. The file holds what its node alone may hold.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection

from node.domain import KINDS
from node.domain.record import Draft
from node.errors import Malformed, NotFound
from node.store import logs, payloads
from node.store.db import Store
from node.tlog.merkle import leaf_hash
from node.wire import header as headers
from node.wire import payload as payload_bytes

_BATCH = 256


class Lost(msgspec.Struct, kw_only=True):
    """One version that is in no mirror."""

    index: int
    kind: str
    record_id: str
    version: int
    claimed_ms: int
    leaf: str
    key: str = ""
    sections: dict[str, Any] = {}
    without: list[str] = []


async def write(old: Store, origin: str, kept: Store, size: int, file: Path) -> int:
    """Write what `old` holds of the log and the closed log in `kept`, of `size` entries, does not; gives how many."""
    found = await old.read(partial(_find, origin=origin))
    if found is None:
        return 0
    log_id, stored = found
    first = await _first_difference(old, log_id, kept, origin, min(size, stored))
    if first >= stored:
        return 0
    part = file.with_name(file.name + ".part")
    part.unlink(missing_ok=True)
    count = 0
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        for start in range(first, stored, _BATCH):
            rows = await old.read(partial(_read, log_id=log_id, start=start, end=min(stored, start + _BATCH)))
            for row in rows:
                out.write(msgspec.json.encode(row) + b"\n")
            count += len(rows)
        out.flush()
        os.fsync(out.fileno())
    part.replace(file)
    return count


def read(file: Path) -> Iterator[Draft]:
    """Drafts that publish the records of such a file anew. Raises NotFound, Malformed with the line."""
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        raise NotFound(f"no file {file}", zh=f"没有文件 {file}") from None
    for number, line in enumerate(lines, 1):
        try:
            lost = msgspec.json.decode(line, type=Lost)
            if "main" not in lost.sections:
                continue  # nothing is known of it but that it was
            shapes = KINDS[lost.kind].sections
            sections = {name: msgspec.convert(plain, shapes[name][0]) for name, plain in lost.sections.items()}
        except (msgspec.MsgspecError, KeyError) as error:
            raise Malformed(
                f"line {number} of {file} is no record of this kind of file: {error}",
                zh=f"{file} 第 {number} 行不是可重新发布的记录",
                advice_zh="请使用 ggzy epoch open 写出的原文件。",
                advice_en="Use the file that ggzy epoch open wrote, as it is.",
            ) from None
        # The leaf makes a repeat of this file known as one, whatever else was published under the key meanwhile.
        yield Draft(lost.kind, lost.key, sections, {"republished": lost.leaf})


def _find(conn: Connection, origin: str) -> tuple[int, int] | None:
    state = logs.find(conn, origin)
    return None if state is None else (state.id, state.stored_size)


async def _first_difference(old: Store, log_id: int, kept: Store, origin: str, size: int) -> int:
    """The first index at which the two differ, `size` when they do not."""
    state = await kept.read(partial(logs.get, origin=origin))
    for start in range(0, size, _BATCH):
        end = min(size, start + _BATCH)
        mine = await old.read(partial(logs.entries, log_id=log_id, start=start, end=end))
        theirs = await kept.read(partial(logs.entries, log_id=state.id, start=start, end=end))
        for offset, (one, other) in enumerate(zip(mine, theirs, strict=True)):
            if one != other:
                return start + offset
    return size


def _read(conn: Connection, log_id: int, start: int, end: int) -> list[Lost]:
    held = payloads.read_range(conn, log_id, start, end)
    return list(_rows(logs.entries(conn, log_id, start, end), start, held))


def _rows(entries: Iterable[bytes], start: int, held: dict[tuple[int, str], Any]) -> Iterator[Lost]:
    for index, entry in enumerate(entries, start):
        header = headers.parse(entry)
        lost = Lost(
            index=index,
            kind=header.kind,
            record_id=header.record_id.hex(),
            version=header.version,
            claimed_ms=header.claimed_ms,
            leaf=leaf_hash(entry).hex(),
            sections={},
            without=[],
        )
        for ref in header.sections:
            row = held.get((index, ref.name))
            if row is None or ref.size_class:
                lost.without.append(ref.name)
            else:
                lost.sections[ref.name] = payload_bytes.decode(row.payload)
        main = lost.sections.get("main")
        lost.key = str(main.get("key", "")) if isinstance(main, dict) else ""
        yield lost
