"""Which trades a supervisor sees: those of his sectors, read from their registration.

A sector is what the registration says (`sector`), the category of the trade, or the short name of the department that
supervises it (`config/rules/departments.toml`). Bounded: so many registrations are
looked at for one page, newest first, and the page says from where to go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, func, or_, select

from node.accounts.person import Person
from node.domain import departments
from node.domain.tablebook import TableBook
from node.projections.acts import beijing_day
from node.settings import Settings
from node.store import payloads
from node.store.loading import node_of
from node.store.tables import Log, table
from node.store.tables_trading import ActView
from node.wire.document import decode

_acts, _log = table(ActView), table(Log)
_maps = msgspec.msgpack.Decoder(dict[str, Any])
PAGE, LOOKED_AT = 30, 600


@dataclass(frozen=True, slots=True)
class Seen:
    """One trade in the list; `acts` counts its acts, `last_ms` is when the newest was."""

    trade: str
    node: str
    category: str
    title: str
    project_code: str
    sector: str
    at_ms: int
    acts: int
    last_ms: int


def sectors_of(person: Person, settings: Settings) -> frozenset[str]:
    """Empty for all of them."""
    return frozenset(person.sectors or settings.sectors)


def within(held: TableBook, sectors: frozenset[str], category: str, sector: str, at_ms: int, code: str = "") -> bool:
    """Whether a trade is in scope: by category, by its sector's code or words, or by the department that supervises."""
    return not sectors or bool(sectors & set(named(held, category, sector, at_ms, code)))


def named(held: TableBook, category: str, sector: str, at_ms: int, code: str = "") -> tuple[str, ...]:
    """All that a scope may call a trade's sector, the most exact first."""
    day = beijing_day(at_ms)
    return departments.names(held.departments(day), category, sector, day=day, code=code)


def trades(
    conn: Connection, held: TableBook, sectors: frozenset[str], before: tuple[int, int, int] | None
) -> tuple[list[Seen], tuple[int, int, int] | None]:
    """Trades of these sectors by registration, newest first, and the place to go on from."""
    statement = select(_acts, _log.c.origin).join(_log, _log.c.id == _acts.c.log_id).where(_acts.c.seq == 1)
    if before is not None:
        at_ms, log_id, index = before
        same = and_(
            _acts.c.at_ms == at_ms, or_(_acts.c.log_id < log_id, and_(_acts.c.log_id == log_id, _acts.c.idx < index))
        )
        statement = statement.where(or_(_acts.c.at_ms < at_ms, same))
    order = (_acts.c.at_ms.desc(), _acts.c.log_id.desc(), _acts.c.idx.desc())
    found: list[Seen] = []
    place = None
    rows = [dict(row) for row in conn.execute(statement.order_by(*order).limit(LOOKED_AT)).mappings()]
    for row in rows:
        if len(found) == PAGE:
            return found, place
        place = (row["at_ms"], row["log_id"], row["idx"])
        sector, code = sector_of(conn, row)
        if within(held, sectors, row["category"], sector, row["at_ms"], code):
            found.append(_seen(conn, row, sector))
    return found, place if len(rows) == LOOKED_AT else None


def sector_of(conn: Connection, row: Mapping[str, Any]) -> tuple[str, str]:
    """The sector that a registration names, and its code; empty where it names none or is not held."""
    held = payloads.read_range(conn, row["log_id"], row["idx"], row["idx"] + 1)
    main, inner = held.get((row["idx"], "main")), held.get((row["idx"], "inner"))
    fields: dict[str, Any] = {}
    if main is not None:
        fields |= decode(row["kind"], main.payload).body.fields
    if inner is not None:
        try:
            fields |= _maps.decode(inner.payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass  # what another node wrote there is not fit to be read: no sector then
    return sector_in(fields)


def sector_in(fields: Mapping[str, Any]) -> tuple[str, str]:
    """(sector, code) among the fields of a registration; what another node wrote there may be anything."""
    sector, code = fields.get("sector", ""), fields.get("sector_code", "")
    return sector if isinstance(sector, str) else "", code if isinstance(code, str) else ""


def _seen(conn: Connection, row: Mapping[str, Any], sector: str) -> Seen:
    mine = and_(_acts.c.trade == row["trade"], _acts.c.log_id == row["log_id"])
    count, last = conn.execute(select(func.count(), func.max(_acts.c.at_ms)).where(mine)).one()
    return Seen(
        row["trade"],
        node_of(row["origin"]),
        row["category"],
        row["title"],
        row["project_code"],
        sector,
        row["at_ms"],
        count,
        last or row["at_ms"],
    )
