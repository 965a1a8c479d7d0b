"""Series of serials: whose a number is, and which serial of which series it is; kept in the node's database.

A project's series is one of a letter, a division and a day (and of a zone, which has a block of its own); tender
projects count under their project, sections under their tender project, unified codes under a platform and a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, and_, select

from node.domain import tradecodes
from node.domain.tradecodes import PROJECT, CodeTable
from node.store.tables import table
from node.store.tables_routing import CodeIssued, CodeSerial
from node.store.upsert import insert_or_ignore, insert_or_replace

_serials, _issued = table(CodeSerial), table(CodeIssued)
MAX_SUBJECT = 200
MOST_FOREIGN = 100_000
"""No centre gives so many codes in a day: what another's log says beyond must not use our own series up."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The node that gives numbers, by what its numbers hold."""

    name: str
    division: str
    zone: str
    platform: str


def last(conn: Connection, name: str) -> int:
    """The newest serial of a series, 0 before the first."""
    return int(conn.execute(select(_serials.c.last).where(_serials.c.series == name)).scalar() or 0)


def move(conn: Connection, name: str, serial: int) -> None:
    insert_or_replace(conn, _serials, [{"series": name, "last": serial}])


def raise_to(conn: Connection, newest: Mapping[str, int]) -> None:
    """Never give these serials again: a series that is further on stays where it is."""
    insert_or_replace(
        conn, _serials, [{"series": name, "last": n} for name, n in newest.items() if n > last(conn, name)]
    )


def remember(conn: Connection, asker: str, given: Iterable[tuple[str, str, str, str]]) -> None:
    """What requests (request, sort, code, subject) were answered with; what is known already stays."""
    rows = [
        {
            "asker": asker,
            "request": request,
            "sort": sort,
            "code": code,
            "subject": subject[:MAX_SUBJECT],
            "issuer": asker,
            "at_ms": 0,
        }
        for request, sort, code, subject in given
    ]
    insert_or_ignore(conn, _issued, rows)


def answered(conn: Connection, asker: str, request: str) -> tuple[str, str] | None:
    """(code, issuer) that a request was answered with."""
    which = and_(_issued.c.asker == asker, _issued.c.request == request)
    row = conn.execute(select(_issued.c.code, _issued.c.issuer).where(which)).first()
    return None if row is None else (row.code, row.issuer)


def of_project(code: str, owner: Owner, table: CodeTable) -> tuple[str, int] | None:
    """The series and serial of a project's number, None for one that this node would never give."""
    if len(code) != PROJECT or not tradecodes.is_own_form(code, table) or code[1:7] != owner.division:
        return None
    serial, allowed = int(code[13:]), tradecodes.serials(table, owner.zone)
    if not allowed.first <= serial <= allowed.last:
        return None
    day = f"20{code[7:9]}-{code[9:11]}-{code[11:13]}"
    return f"project/{code[:7]}/{day}/{owner.zone}", serial


def of_unified(code: str, platform: str) -> tuple[str, int] | None:
    """The same of a unified code. What the uplink gave lies in a block of its own and says nothing of this series."""
    parts = tradecodes.read_unified(code)
    if parts is None or not platform or parts.platform != platform:
        return None
    if parts.serial > tradecodes.UNIFIED_SERIALS.last:
        return None
    return f"unified/{platform}/{parts.day}", parts.serial


def heed_others(conn: Connection, platform: str, codes: Iterable[str]) -> None:
    """Unified codes of our platform in others' logs: those that this node gave them on their request."""
    newest: dict[str, int] = {}
    for code in codes:
        if (said := of_unified(code, platform)) and said[1] <= MOST_FOREIGN:
            newest[said[0]] = max(newest.get(said[0], 0), said[1])
    raise_to(conn, newest)
