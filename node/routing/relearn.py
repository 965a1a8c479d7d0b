"""Numbers read again from this node's own acts, before new ones are given.

The log outlives the database: after a restore, or in a new database filled from the mirror, the serials there are older
than the log, or none. Each act of our own is read once; what came since the last look is read before the next number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection

from node.domain import sections, tradecodes
from node.domain.acts import Act
from node.domain.tradecodes import PROJECT, SECTION, TENDER, CodeTable
from node.errors import Malformed
from node.routing import series
from node.routing.series import Owner
from node.store import cursors, loading, logs, payloads
from node.store.db import Store
from node.store.logs import LogState
from node.wire import header as headers
from node.wire.document import decode

STAGE = "serials"
BATCH = 1024
_KINDS = ("trade.act", "trade.step")
_maps = msgspec.msgpack.Decoder(dict[str, Any])


@dataclass(slots=True)
class _Found:
    """What a stretch of a log says: the newest serial of each series, and what each request was answered with."""

    serials: dict[str, int] = field(default_factory=dict)
    given: list[tuple[str, str, str, str]] = field(default_factory=list)  # request, sort, code, subject

    def serial(self, name: str, number: int) -> None:
        self.serials[name] = max(self.serials.get(name, 0), number)


async def catch_up(store: Store, owner: Owner, table: CodeTable) -> int:
    """Heed what our own logs hold beyond the last look; gives how many entries were read. Harmless to repeat."""
    total = 0
    for state in await store.read(partial(_behind, name=owner.name)):
        start = await store.read(partial(cursors.get, stage=STAGE, log_id=state.id))
        while start < state.stored_size:
            end = min(state.stored_size, start + BATCH)
            found = await store.read(partial(_read, log_id=state.id, start=start, end=end, owner=owner, table=table))
            await store.write(partial(_note, state=state, end=end, found=found, name=owner.name))
            total, start = total + end - start, end
    return total


def _behind(conn: Connection, name: str) -> list[LogState]:
    mine = [state for state in logs.all_logs(conn) if loading.node_of(state.origin) == name]
    return [state for state in mine if cursors.get(conn, STAGE, state.id) < state.stored_size]


def _note(conn: Connection, state: LogState, end: int, found: _Found, name: str) -> None:
    series.raise_to(conn, found.serials)
    series.remember(conn, name, found.given)
    # A payload that is still on its way is looked for again.
    cursors.move(conn, STAGE, state.id, min(end, state.payload_next))


def _read(conn: Connection, log_id: int, start: int, end: int, owner: Owner, table: CodeTable) -> _Found:
    found = _Found()
    for act in _acts(conn, log_id, start, end):
        _project(found, act, owner, table)
        for row in _lots(act):
            _lot(found, act, row, owner, table)
    return found


def _acts(conn: Connection, log_id: int, start: int, end: int) -> Iterator[Act]:
    kinds = {}
    for index, entry in enumerate(logs.entries(conn, log_id, start, end), start):
        try:
            kind = headers.parse(entry).kind
        except Malformed:
            continue
        if kind in _KINDS:
            kinds[index] = kind
    held = payloads.read_range(conn, log_id, start, end) if kinds else {}
    for index, kind in kinds.items():
        main, inner = held.get((index, "main")), held.get((index, "inner"))
        try:
            act: Act | None = decode(kind, main.payload).body if main else None
            kept = _maps.decode(inner.payload) if inner else {}
        except (Malformed, msgspec.MsgspecError):
            continue
        if act is not None:
            yield msgspec.structs.replace(act, fields=sections.join(act.fields, kept))


def _lots(act: Act) -> Sequence[Mapping[str, Any]]:
    rows = act.fields.get("lots")
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _project(found: _Found, act: Act, owner: Owner, table: CodeTable) -> None:
    if act.seq != 1:
        return
    name = series.of_project(act.project_code, owner, table)
    if name:
        found.serial(*name)
        found.given.append((f"project:{act.trade}", "project", act.project_code, act.title))
    for code in _texts(act.fields, "unified_code"):
        if said := series.of_unified(code, owner.platform):
            found.serial(*said)


def _lot(found: _Found, act: Act, row: Mapping[str, Any], owner: Owner, table: CodeTable) -> None:
    request, subject = f"{act.trade}/{row.get('number') or ''}", str(row.get("name") or act.title)
    for code in _texts(row, "section_code"):
        if len(code) != SECTION or not tradecodes.is_own_form(code, table):
            continue
        project, tender = code[:PROJECT], code[:TENDER]
        found.serial(f"tender/{project}", int(tender[PROJECT:]))
        found.serial(f"section/{tender}", int(code[TENDER:]))
        if project == act.project_code:
            found.given.append((f"tender:{act.trade}", "tender", tender, act.title))
            found.given.append((f"section:{request}", "section", code, subject))
    for code in _texts(row, "unified_code"):
        if said := series.of_unified(code, owner.platform):
            found.serial(*said)
            found.given.append((f"unified:{request}", "unified", code, subject))


def _texts(fields: Mapping[str, Any], name: str) -> list[str]:
    value = fields.get(name)
    return [value] if isinstance(value, str) and value else []
